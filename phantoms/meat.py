"""A piece of pork with fat and bone and an injection needle in it.

Sizes of the piece are made up; the needle is of 21 gauge: 0.82 mm wide, 0.51 mm bore, ISO 9626. # assumed: the piece
"""

from __future__ import annotations

import numpy as np

from phantoms.limbs import jointed, lumpy, rod
from phantoms.solids import Phantom, PlacedSolid, Prism, Vector, phantom_of, place

MUSCLE, FAT, BONE, TUBE = "soft_tissue", "adipose_tissue", "cortical_bone", "stainless_steel"
SHAPE_SEED = 21  # of the lumps   # chosen
OUTER_MM, BORE_MM = 0.82, 0.51  # 21 gauge, ISO 9626
TIP: Vector = (-5.5, 2.6, 0.4)
HUB: Vector = (10.5, -6.4, 0.8)
SLANT_MM = ((-1.9, 0.46), (0.1, -0.44), (0.1, 0.46))  # what is ground off: along the needle from its tip, and across
STREAKS = (  # of fat: middle, half length, turn in degrees
    ((-4.0, 1.5, 1.0), 5.0, 12.0),
    ((3.0, 3.6, -1.5), 6.0, -8.0),
    ((0.5, -1.6, 2.0), 4.0, 20.0),
    ((7.0, 0.4, 0.5), 3.4, -25.0),
    ((-8.0, -1.8, -1.0), 3.0, 35.0),
)


def meat(needle: bool = True) -> Phantom:
    """A piece of pork, fat upwards, a bit of rib at the lower left, a needle from the upper right.

    Parameters
    ----------
    needle : bool
        Whether the needle is there.

    Returns
    -------
    phantom : Phantom
        About 28 mm wide, 19 mm high and 9 mm thick, its middle at z = 0; place it 6 mm or more above the film.
    """
    rng = np.random.default_rng(SHAPE_SEED)
    solids = [
        place(lumpy((13.2, 8.6, 4.6), 0.05, rng, 48), FAT, (0.3, -0.9, 0.0)),
        place(lumpy((13.0, 7.4, 4.5), 0.06, rng, 48), MUSCLE, (0.0, 1.0, 0.0)),
    ]
    for at, half, turn in STREAKS:
        solids.append(place(lumpy((half, 0.45, 1.6), 0.25, rng, 24), FAT, at, (0.0, 0.0, turn)))
    solids += _rib(rng)
    return phantom_of("meat", [*solids, *(_needle() if needle else [])])


def _rib(rng: np.random.Generator) -> list[PlacedSolid]:
    """A bent bit of rib: a shell of bone round marrow with struts."""
    points: list[Vector] = [(-10.2, 6.6, -1.0), (-6.8, 5.4, -1.2), (-3.2, 5.0, -1.2), (0.4, 5.6, -1.0)]
    radii = (1.5, 1.7, 1.7, 1.5)
    solids = jointed(points, radii, BONE) + jointed(points, [radius - 0.45 for radius in radii], FAT)
    for x in rng.uniform(-10.0, 0.2, 40).tolist():
        y = float(np.interp(x, [p[0] for p in points], [p[1] for p in points]))
        start, end = rng.uniform(-0.7, 0.7, (2, 3))
        solids.append(
            rod((x + start[0], y + start[1], -1.1 + start[2]), (x + end[0], y + end[1], -1.1 + end[2]), 0.1, BONE)
        )
    return solids


def _needle() -> list[PlacedSolid]:
    """A tube with a slanted tip, and the plastic hub."""
    tip, hub = np.asarray(TIP), np.asarray(HUB)
    along = (tip - hub) / np.linalg.norm(tip - hub)
    bevel = tip - 1.8 * along  # where the slant begins
    turn = float(np.degrees(np.arctan2(along[1], along[0])))
    half: Vector = tuple((hub - 1.0 * along).tolist())
    end: Vector = tuple((hub - 6.5 * along).tolist())
    back: Vector = tuple((hub + 2.5 * along).tolist())
    start: Vector = tuple(bevel.tolist())
    return [
        rod(HUB, TIP, 0.5 * OUTER_MM, TUBE),
        rod(half, TIP, 0.5 * BORE_MM, "air"),
        rod(start, TIP, 0.5 * BORE_MM, MUSCLE),
        place(Prism(SLANT_MM, 1.4), MUSCLE, TIP, (0.0, 0.0, turn)),
        rod(back, end, 1.5, "polyethylene", 2.4),
        rod(back, half, 0.5 * OUTER_MM, TUBE),
        rod(half, end, 1.1, "air", 2.0),
        rod(back, half, 0.5 * BORE_MM, "air"),
    ]

"""A beetle of chitin with a steel needle pushed into it: wing cases, body, head, six legs.

The size of a cockchafer; lengths and walls are rounded after drawings of such beetles, none is measured. # assumed
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from phantoms.closed_meshes import ellipsoid, elliptic_ring
from phantoms.limbs import jointed, lumpy, ribbed, rod
from phantoms.solids import Phantom, PlacedSolid, Prism, Sphere, Vector, phantom_of, place

CHITIN, TISSUE = "chitin", "soft_tissue"
CASES_MM = (5.2, 7.6, 3.6)  # semi-axes of the wing cases
CASES_AT: Vector = (0.0, 3.6, 0.0)
ABDOMEN_MM = (4.6, 6.8, 2.7)
ABDOMEN_AT: Vector = (0.0, 3.6, -0.45)
SEGMENTS_MM = (-4.0, -2.0, 0.0, 2.0, 4.0)  # from the abdomen's middle
SHAPE_SEED = 7  # of the lumps   # chosen
SACS_MM = (  # of air: middle, semi-axes
    ((-2.5, 2.4, -0.3), (0.6, 2.4, 0.8)),
    ((2.6, 2.0, -0.3), (0.55, 2.2, 0.8)),
    ((-1.9, 6.6, -0.4), (0.5, 1.5, 0.6)),
    ((2.0, 6.2, -0.4), (0.5, 1.7, 0.6)),
    ((0.7, 1.2, 0.9), (1.1, 0.8, 0.5)),
    ((0.2, -5.2, 1.1), (1.2, 1.4, 0.7)),
)
# Right legs: coxa, knee, ankle, end of the foot, x, y and z
LEGS: tuple[tuple[Vector, Vector, Vector, Vector], ...] = (
    ((2.6, -5.2, -1.8), (6.6, -7.6, -1.0), (7.8, -10.6, -2.0), (9.4, -12.6, -2.4)),
    ((3.2, -1.2, -1.8), (7.6, -0.4, -0.8), (9.2, 3.0, -2.0), (9.9, 5.8, -2.4)),
    ((3.2, 1.6, -1.8), (7.2, 6.2, -0.8), (8.2, 10.6, -2.0), (9.2, 13.4, -2.4)),
)
NEEDLE_TIP: Vector = (1.3, -5.6, 0.2)
NEEDLE_END: Vector = (-6.0, 14.0, 0.6)


def beetle(needle_mm: float = 0.4) -> Phantom:
    """A beetle that lies on its belly, head upwards in the picture, its back to the source.

    Parameters
    ----------
    needle_mm : float
        Diameter of a steel needle that enters from behind and ends below the neck shield; 0 for none. [mm]

    Returns
    -------
    phantom : Phantom
        About 20 mm wide and 27 mm long, its middle at z = 0; place it 5 mm or more above the film.

    Raises
    ------
    ValueError
        If the needle is out of range.
    """
    if not (np.isfinite(needle_mm) and 0 <= needle_mm <= 2):
        raise ValueError(f"needle_mm of a beetle must be between 0 and 2 mm, got {needle_mm:g}")
    limbs = [solid for side in (-1.0, 1.0) for solid in (*_legs(side), *_head_parts(side))]
    solids = [*limbs, *_body()]
    if needle_mm > 0:
        radius, tip = 0.5 * needle_mm, np.asarray(NEEDLE_TIP)
        along = (np.asarray(NEEDLE_END) - tip) / np.linalg.norm(np.asarray(NEEDLE_END) - tip)
        shoulder: Vector = tuple((tip + 3.0 * needle_mm * along).tolist())
        solids.append(rod(NEEDLE_END, shoulder, radius, "steel"))
        solids.append(rod(shoulder, NEEDLE_TIP, radius, "steel", 0.0))
        solids.append(place(Sphere(1.4 * needle_mm), "steel", NEEDLE_END))
    return phantom_of("beetle", solids)


def _body() -> list[PlacedSolid]:
    """Wing cases round a gap of air and the abdomen, neck shield, head."""
    x, y, z = CASES_MM
    solids = [
        place(ribbed(CASES_MM, 24, 0.012), CHITIN, CASES_AT),
        place(ellipsoid((x - 0.35, y - 0.4, z - 0.35)), "air", CASES_AT),
        # the seam where the cases meet, and the little shield before it
        place(ellipsoid((0.11, y - 0.6, 0.4), 24), CHITIN, (0.0, CASES_AT[1], z - 0.35)),
        place(Prism(((-1.0, -0.6), (1.0, -0.6), (0.0, 1.2)), 0.5), CHITIN, (0.0, -2.9, 2.3)),
        place(ellipsoid(ABDOMEN_MM), CHITIN, ABDOMEN_AT),
        place(ellipsoid((ABDOMEN_MM[0] - 0.15, ABDOMEN_MM[1] - 0.15, ABDOMEN_MM[2] - 0.15)), TISSUE, ABDOMEN_AT),
    ]
    for along in SEGMENTS_MM:
        wide = float(np.sqrt(1.0 - (along / ABDOMEN_MM[1]) ** 2))
        ring = elliptic_ring(((ABDOMEN_MM[0] - 0.1) * wide, (ABDOMEN_MM[2] - 0.1) * wide), 0.14)
        solids.append(place(ring, CHITIN, (0.0, ABDOMEN_AT[1] + along, ABDOMEN_AT[2])))
    rng = np.random.default_rng(SHAPE_SEED)
    sacs = [place(lumpy(semi_axes, 0.2, rng, 20), "air", at) for at, semi_axes in SACS_MM]
    gut: list[Vector] = [(0.0, -2.0, -0.3), (0.4, 2.5, -0.6), (-1.2, 4.4, -0.5), (0.9, 5.6, -0.5), (0.0, 9.0, -0.5)]
    solids += jointed(gut, (0.45, 0.55, 0.5, 0.5, 0.3), f"{TISSUE}@1.25")  # filled   # assumed
    for shape, wall, at in (((4.3, 2.8, 2.8), 0.3, (0.0, -5.6, 0.0)), ((2.3, 1.7, 1.6), 0.25, (0.0, -8.9, -0.2))):
        inner: Vector = (shape[0] - wall, shape[1] - wall, shape[2] - wall)
        solids.append(place(ellipsoid(shape), CHITIN, at))
        solids.append(place(ellipsoid(inner), TISSUE, at))
    return [*solids, *sacs]


def _legs(side: float) -> list[PlacedSolid]:
    """Three legs, hollow in thigh and shin, with feet of five links and two claws."""
    solids = []
    for coxa, knee, ankle, foot in (tuple((side * x, y, z) for x, y, z in leg) for leg in LEGS):
        solids += jointed([coxa, knee], (0.62, 0.5), CHITIN) + jointed([knee, ankle], (0.46, 0.34), CHITIN)
        solids += [rod(coxa, knee, 0.45, TISSUE, 0.3), rod(knee, ankle, 0.28, TISSUE, 0.18)]
        steps = np.linspace(0.0, 1.0, 6)[:, None] * (np.asarray(foot) - ankle) + ankle
        links: list[Vector] = [(float(x), float(y), float(z)) for x, y, z in steps]
        for start, end in pairwise(links):
            solids += [rod(start, end, 0.13, CHITIN, 0.2), place(Sphere(0.2), CHITIN, end)]
        for turn in (-0.5, 0.9):
            claw = (foot[0] + side * 0.55 * np.cos(turn), foot[1] + 0.55 * np.sin(turn) * np.sign(foot[1]), foot[2])
            solids.append(rod(foot, claw, 0.09, CHITIN, 0.0))
    return solids


def _head_parts(side: float) -> list[PlacedSolid]:
    """Eye, jaw and feeler of one side."""
    jaw: list[Vector] = [(side * x, y, -0.2) for x, y in ((0.9, -10.2), (1.5, -11.1), (1.1, -12.0), (0.3, -12.4))]
    feeler: list[Vector] = [(side * 1.8, -9.6, 0.3), (side * 3.2, -10.5, 0.4)]
    feeler += [(side * (3.2 + 0.5 * n), -10.5 - 0.08 * n**1.6, 0.4) for n in range(1, 6)]
    solids = [place(Sphere(0.55), CHITIN, (side * 2.0, -9.1, 0.3))]
    solids += jointed(jaw, (0.4, 0.36, 0.26, 0.0), CHITIN)
    solids += jointed(feeler, (0.18, 0.2, 0.12, 0.12, 0.12, 0.12, 0.14), CHITIN)
    for turn in (-50.0, -25.0, 0.0):  # the club of three leaves
        angle = np.radians(turn)
        end: Vector = (feeler[-1][0] + side * 1.5 * np.cos(angle), feeler[-1][1] + 1.5 * np.sin(angle), 0.4)
        solids.append(rod(feeler[-1], end, 0.14, CHITIN, 0.24))
    return solids

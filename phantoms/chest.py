"""A chest of round bodies: trunk, lungs, diaphragm, heart, spine and ribs, seen from behind (PA).

Its lengths are those of an adult as textbooks of anatomy draw one, rounded; nothing of it is fitted. # assumed
"""

from __future__ import annotations

import numpy as np

from phantoms.closed_meshes import ellipsoid, elliptic_ring
from phantoms.solids import Cylinder, Phantom, PlacedSolid, check_positive, phantom_of, place

RIBS, RIB_STEP_MM = 9, 26.0  # pairs, and their distance along the spine   # assumed
VERTEBRAE, VERTEBRA_STEP_MM = 13, 26.0  # assumed
SHELL_MM = 1.0  # of cortical bone round marrow, which is soft tissue here   # assumed


def chest(nodule_mm: float = 0.0, thickness_mm: float = 230.0) -> Phantom:
    """A chest, left at positive x, back to the source; place it half its thickness or more above the panel.

    Parameters
    ----------
    nodule_mm : float
        Diameter of a ball of soft tissue in the right lung; 0 for none. [mm]
    thickness_mm : float
        Of the trunk from front to back. [mm]

    Returns
    -------
    phantom : Phantom
        330 mm wide, 460 mm high, centred on the origin.

    Raises
    ------
    ValueError
        If a length is out of range.
    """
    check_positive(thickness_mm=thickness_mm)
    if not 150 <= thickness_mm <= 350:
        raise ValueError(f"thickness_mm of a chest must be between 150 and 350 mm, got {thickness_mm:g}")
    if not (np.isfinite(nodule_mm) and 0 <= nodule_mm <= 60):
        raise ValueError(f"nodule_mm of a chest must be between 0 and 60 mm, got {nodule_mm:g}")
    deep = thickness_mm / 230.0
    trunk = place(ellipsoid((165.0, 230.0, 115.0 * deep)), "soft_tissue")
    lungs = [
        place(ellipsoid((58.0, 130.0, 82.0 * deep)), "lung_tissue", (x, -20.0, 0.0), (0.0, 0.0, tilt))
        for x, tilt in ((-72.0, 6.0), (72.0, -6.0))
    ]
    # the diaphragm is higher on the right, where the liver is
    domes = [
        place(ellipsoid((62.0, 55.0, 88.0 * deep)), "soft_tissue", (x, y, 0.0))
        for x, y in ((-60.0, 104.0), (60.0, 118.0))
    ]
    heart = place(ellipsoid((62.0, 48.0, 45.0 * deep)), "soft_tissue", (28.0, 45.0, -25.0 * deep), (0.0, 0.0, 35.0))
    vessels = place(ellipsoid((26.0, 60.0, 26.0 * deep)), "soft_tissue", (4.0, -40.0, 0.0))
    solids = [trunk, *lungs, *domes, heart, vessels]
    if nodule_mm > 0:
        solids.append(place(ellipsoid((0.5 * nodule_mm,) * 3, 24), "soft_tissue", (-80.0, -40.0, 10.0)))
    return phantom_of("chest", [*solids, *_ribs(deep), *_spine(deep)])


def _ribs(deep: float) -> list[PlacedSolid]:
    """Rings that fall towards the front, wider in the middle of the chest."""
    solids = []
    for number in range(RIBS):
        y_mm = -150.0 + RIB_STEP_MM * number
        wide = float(np.sqrt(1.0 - (y_mm / 230.0) ** 2))
        axes_mm = (140.0 * wide, 92.0 * wide * deep)
        for tube_mm, name in ((5.0, "cortical_bone"), (5.0 - SHELL_MM, "soft_tissue")):
            solids.append(place(elliptic_ring(axes_mm, tube_mm), name, (0.0, y_mm, 0.0), (-20.0, 0.0, 0.0)))
    return solids


def _spine(deep: float) -> list[PlacedSolid]:
    """Bodies of vertebrae, each a shell of bone round marrow; discs between them are of the trunk's tissue."""
    solids = []
    for number in range(VERTEBRAE):
        place_mm = (0.0, (number - 0.5 * (VERTEBRAE - 1)) * VERTEBRA_STEP_MM, 62.0 * deep)
        for radius_mm, length_mm, name in ((17.0, 20.0, "cortical_bone"), (16.0, 18.0, "soft_tissue")):
            solids.append(place(Cylinder(radius_mm, length_mm), name, place_mm, (90.0, 0.0, 0.0)))
    return solids

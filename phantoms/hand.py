"""A hand of cylinders, balls and ellipsoids: five fingers, bones with marrow, a wrist; its back is to the source.

Lengths of bones are those of an adult as textbooks of anatomy give them, rounded; nothing of it is fitted. # assumed
"""

from __future__ import annotations

import numpy as np

from phantoms.closed_meshes import ellipsoid
from phantoms.solids import Cylinder, Phantom, PlacedSolid, Sphere, Vector, phantom_of, place

# Root x, y of the metacarpal, direction in degrees from straight up, lengths of metacarpal and phalanges, width [mm]
FINGERS = (
    (24.0, 16.0, 48.0, (46.0, 32.0, 22.0), 19.0),
    (14.0, 0.0, 10.0, (68.0, 40.0, 23.0, 16.0), 17.0),
    (4.0, -3.0, 1.0, (65.0, 45.0, 27.0, 17.0), 18.0),
    (-6.0, -1.0, -8.0, (58.0, 41.0, 26.0, 17.0), 16.5),
    (-15.0, 4.0, -18.0, (54.0, 33.0, 18.0, 15.0), 14.5),
)
CARPALS = ((-14.0, 12.0), (-4.0, 8.0), (6.0, 9.0), (15.0, 13.0), (-12.0, 25.0), (-2.0, 23.0), (8.0, 24.0), (17.0, 24.0))
MARROW = 0.55  # radius of the marrow of a bone's shaft, of its own   # assumed


def hand(ring_mm: float = 0.0) -> Phantom:
    """A right hand, its palm to the panel, its fingers upwards; place it 15 mm or more above the panel.

    Parameters
    ----------
    ring_mm : float
        Height of a gold ring on the fourth finger; 0 for none. [mm]

    Returns
    -------
    phantom : Phantom
        About 150 mm wide and 330 mm high, its middle at z = 0.

    Raises
    ------
    ValueError
        If the ring is out of range.
    """
    if not (np.isfinite(ring_mm) and 0 <= ring_mm <= 12):
        raise ValueError(f"ring_mm of a hand must be between 0 and 12 mm, got {ring_mm:g}")
    soft: list[PlacedSolid] = [
        place(ellipsoid((42.0, 50.0, 13.0)), "soft_tissue", (2.0, -20.0, 0.0)),
        place(ellipsoid((33.0, 110.0, 15.0)), "soft_tissue", (0.0, 60.0, 0.0)),
    ]
    bones: list[PlacedSolid] = []
    rings: list[PlacedSolid] = []
    for number, (x_mm, y_mm, angle_deg, lengths_mm, width_mm) in enumerate(FINGERS):
        along = np.array([np.sin(np.radians(angle_deg)), -np.cos(np.radians(angle_deg))])
        turn: Vector = (90.0, 0.0, angle_deg)
        start = np.array([x_mm, y_mm])
        reach_mm = sum(lengths_mm) + 3.0 * len(lengths_mm)
        soft.append(_rod(start, along, (-4.0, reach_mm), 0.5 * width_mm, "soft_tissue", turn))
        soft.append(place(Sphere(0.5 * width_mm), "soft_tissue", _at(start + along * reach_mm)))
        done_mm = 0.0
        for order, length_mm in enumerate(lengths_mm):
            radius_mm = (0.27 - 0.025 * order) * width_mm
            ends = (done_mm, done_mm + length_mm)
            bones.append(_rod(start, along, ends, radius_mm, "cortical_bone", turn))
            for end_mm in (ends[0] + 0.8 * radius_mm, ends[1] - 0.8 * radius_mm):  # the joint is wider than the shaft
                bones.append(place(Sphere(1.35 * radius_mm), "cortical_bone", _at(start + along * end_mm)))
                bones.append(place(Sphere(1.1 * radius_mm), "soft_tissue", _at(start + along * end_mm)))
            bones.append(_rod(start, along, ends, MARROW * radius_mm, "soft_tissue", turn))
            done_mm += length_mm + 3.0
        if number == 3 and ring_mm > 0:
            middle_mm = lengths_mm[0] + 3.0 + 0.4 * lengths_mm[1]
            ends = (middle_mm - 0.5 * ring_mm, middle_mm + 0.5 * ring_mm)
            rings.append(_rod(start, along, ends, 0.5 * width_mm + 1.2, "Au", turn))
            rings.append(_rod(start, along, (ends[0] - 1.0, ends[1] + 1.0), 0.5 * width_mm, "soft_tissue", turn))
    for x_mm, y_mm in CARPALS:
        bones.append(place(Sphere(6.0), "cortical_bone", (x_mm, y_mm, 0.0)))
        bones.append(place(Sphere(5.2), "soft_tissue", (x_mm, y_mm, 0.0)))
    for x_mm, radius_mm in ((11.0, 9.0), (-12.0, 6.0)):  # radius and ulna
        bones.append(place(Cylinder(radius_mm, 90.0), "cortical_bone", (x_mm, 80.0, 0.0), (90.0, 0.0, 0.0)))
        bones.append(place(Cylinder(radius_mm - 2.0, 91.0), "soft_tissue", (x_mm, 80.0, 0.0), (90.0, 0.0, 0.0)))
    return phantom_of("hand", [*soft, *rings, *bones])


def _rod(
    start: np.ndarray, along: np.ndarray, ends_mm: tuple[float, float], radius_mm: float, material: str, turn: Vector
) -> PlacedSolid:
    """A cylinder from one distance from the finger's root to another."""
    middle = start + along * (0.5 * (ends_mm[0] + ends_mm[1]))
    return place(Cylinder(radius_mm, ends_mm[1] - ends_mm[0]), material, _at(middle), turn)


def _at(place_mm: np.ndarray) -> Vector:
    return (float(place_mm[0]), float(place_mm[1]), 0.0)

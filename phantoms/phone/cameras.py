"""Cameras of the phone: two at the back with voice coils that move their lenses, one at the front, and its sensors.

In phone coordinates (see outline); what is in the modules follows common practice: assumed.
"""

from __future__ import annotations

import numpy as np

from phantoms.card.drawing import Point, box, plate, post, put, track
from phantoms.phone.outline import BACK_GLASS_MM, disc, slab
from phantoms.solids import PlacedSolid, phantom_of

REAR_MM: tuple[Point, ...] = ((12.4, 14.4), (12.4, 28.6))
FRONT_MM: Point = (50.6, 5.6)
FLASH_MM: Point = (19.6, 21.5)


def cameras() -> list[PlacedSolid]:
    """All camera modules, the bracket round those at the back, the flash and the front sensors.

    Returns
    -------
    solids : list of PlacedSolid
    """
    solids = [
        slab("stainless_steel", (12.4, 21.5), (16.6, 31.4), 5.0, 5.2, 2.0),
        slab("air", (12.4, 14.4), (10.8, 10.8), 5.0, 5.2, 1.0),
        slab("air", (12.4, 28.6), (10.8, 10.8), 5.0, 5.2, 1.0),
    ]
    for number, centre in enumerate(REAR_MM):
        # the second is the longer lens: smaller stop, larger coil
        solids += put(phantom_of("camera", rear_camera(7.4 if number == 0 else 6.6)), centre, 180.0 * number)
        x, y = centre
        solids += [
            disc("stainless_steel", centre, 12.4, 0.1, BACK_GLASS_MM + 0.3),
            disc("air", centre, 10.6, 0.1, BACK_GLASS_MM + 0.3),
            disc("alumina", centre, 10.6, 0.15, 0.55),
        ]
        solids += _flex((x + 6.0, y), (27.5 + 5.0 * number, 36.0), 0.9, 5)
    solids += _flash()
    solids += put(phantom_of("front camera", front_camera()), FRONT_MM)
    for x, size in ((26.6, 2.6), (29.8, 1.8), (56.0, 2.2)):  # proximity, light, infrared
        solids += [
            box("mould_compound", (x, 6.0), (size, 2.0), 4.6, 5.6),
            box("Si", (x, 6.0), (0.6 * size, 1.0), 5.0, 5.2),
            box("Cu", (x, 6.0), (size, 2.2), 4.5, 4.56),
        ]
    solids.append(slab("polyimide", (40.0, 7.0), (36.0, 3.6), 4.35, 4.45, 0.8))
    solids += [box("Cu", (40.0, 6.0 + 0.45 * line), (34.0, 0.2), 4.45, 4.48) for line in range(5)]
    return solids


def rear_camera(coil: float) -> list[PlacedSolid]:
    """Module of 12 mm: steel can, four bar magnets, voice coil, lenses in their barrel, sensor on its board.

    Parameters
    ----------
    coil : float
        Diameter of the voice coil. [mm]

    Returns
    -------
    solids : list of PlacedSolid
    """
    side, low, high = 11.6, 0.75, 5.0
    solids = [
        box("stainless_steel", (0.0, 0.0), (side, side), low, 4.0),
        box("air", (0.0, 0.0), (side - 0.4, side - 0.4), low - 0.01, 4.0),
        box("stainless_steel", (0.0, 0.0), (side, side), low, low + 0.15),
        disc("air", (0.0, 0.0), coil + 0.3, low - 0.01, low + 0.16),
        box("polyamide", (0.0, 0.0), (side - 0.4, side - 0.4), 3.4, 4.0),
        disc("air", (0.0, 0.0), 6.6, 3.39, 4.01),
        # sensor, its board with a ring of wired pads, stiffener
        box("FR4", (0.0, 0.0), (side, side), 4.4, 4.75),
        box("Cu", (0.0, 0.0), (side - 0.8, side - 0.8), 4.5, 4.54),
        box("Si", (0.0, 0.3), (7.4, 6.2), 4.2, 4.4),
        box("stainless_steel", (0.0, 0.0), (side, side), 4.8, high),
        box("silica", (0.0, 0.0), (7.4, 6.6), 3.7, 3.9),
    ]
    half = 0.5 * side - 0.2 - 0.6
    for turn in range(4):
        angle = 0.5 * np.pi * turn
        at = (float(half * np.cos(angle)), float(half * np.sin(angle)))
        size = (1.2, 6.2) if turn % 2 == 0 else (6.2, 1.2)
        solids.append(box("neodymium_magnet", at, size, 1.2, 2.9))
        spring = (float(0.36 * side * np.cos(angle + 0.785)), float(0.36 * side * np.sin(angle + 0.785)))
        solids.append(box("phosphor_bronze", spring, (2.4, 0.3), 3.1, 3.16, 45.0 + 90.0 * turn))
        solids.append(post("stainless_steel", (1.36 * spring[0], 1.36 * spring[1]), 0.5, 1.0, 3.9))
    octagon = [
        (0.5 * coil * float(np.cos(0.3927 + 0.7854 * n)), 0.5 * coil * float(np.sin(0.3927 + 0.7854 * n)))
        for n in range(8)
    ]
    solids.append(plate("Cu", octagon, 1.4, 2.8))
    solids.append(plate("polycarbonate", [(0.88 * x, 0.88 * y) for x, y in octagon], 1.2, 3.5))
    for level, diameter in enumerate((3.4, 3.8, 4.4, 5.0, 5.4, 5.8)):  # lenses with air and black stops between
        z = 1.1 + 0.4 * level
        solids.append(disc("air", (0.0, 0.0), diameter, z, z + 0.4))
        for step, part in enumerate((0.96, 0.88, 0.74)):  # of a lens
            solids.append(disc("PMMA", (0.0, 0.0), part * diameter, z + 0.03 + 0.08 * step, z + 0.11 + 0.08 * step))
        solids.append(disc("PET", (0.0, 0.0), diameter, z + 0.36, z + 0.4))
        solids.append(disc("air", (0.0, 0.0), 0.7 * diameter, z + 0.355, z + 0.401))
    for index in range(22):
        for edge in (-1.0, 1.0):
            solids.append(box("Au", (-3.6 + 0.34 * index, edge * 3.9), (0.06, 1.0), 4.38, 4.42))
    for x, y in ((-4.9, 4.6), (-4.9, -4.4), (4.9, 4.4), (4.9, -2.0), (-3.6, 4.9), (3.8, 4.9), (1.0, -4.9)):
        solids.append(box("barium_titanate", (x, y), (0.6, 0.4), 4.1, 4.4))
        solids.append(box("Sn", (x - 0.35, y), (0.16, 0.4), 4.1, 4.4))
        solids.append(box("Sn", (x + 0.35, y), (0.16, 0.4), 4.1, 4.4))
    return solids


def front_camera() -> list[PlacedSolid]:
    """Module of 6 mm with a fixed lens.

    Returns
    -------
    solids : list of PlacedSolid
    """
    return [
        box("stainless_steel", (0.0, 0.0), (6.4, 6.0), 2.4, 2.6),
        box("FR4", (0.0, 0.0), (6.4, 6.0), 2.6, 3.0),
        box("Si", (0.0, 0.0), (4.2, 3.4), 3.0, 3.2),
        box("polycarbonate", (0.0, 0.0), (6.0, 5.6), 3.2, 4.2),
        box("air", (0.0, 0.0), (4.6, 4.2), 3.2, 3.9),
        disc("polycarbonate", (0.0, 0.0), 4.6, 4.2, 5.9),
        disc("air", (0.0, 0.0), 3.2, 4.2, 5.9),
        disc("PMMA", (0.0, 0.0), 3.2, 4.4, 4.8),
        disc("PMMA", (0.0, 0.0), 2.6, 5.1, 5.5),
        disc("brass", (0.0, 0.0), 5.2, 4.15, 4.3),
        disc("polycarbonate", (0.0, 0.0), 4.4, 4.15, 4.3),
    ]


def _flash() -> list[PlacedSolid]:
    """Two light-emitting diodes on copper with a lens, and the rear microphone beside them."""
    x, y = FLASH_MM
    solids = [
        disc("polycarbonate", FLASH_MM, 5.4, 0.75, 1.5),
        slab("Cu", FLASH_MM, (5.0, 3.6), 1.9, 2.1, 0.4, 3),
        slab("polyimide", FLASH_MM, (5.6, 12.0), 2.1, 2.2, 0.8, 3),
    ]
    for side in (-0.9, 0.9):
        solids.append(box("alumina", (x, y + side), (1.6, 1.5), 1.6, 1.9))
        solids.append(box("GaAs@5.32", (x, y + side), (0.9, 0.9), 1.5, 1.6))
    solids += microphone((x - 0.2, y - 5.4), 2.2)
    return solids


def microphone(centre: Point, z: float) -> list[PlacedSolid]:
    """Micromachined microphone under a brass can, 3.0 mm by 2.2 mm.

    Parameters
    ----------
    centre : (float, float)
        [mm]
    z : float
        Lower face. [mm]

    Returns
    -------
    solids : list of PlacedSolid
    """
    x, y = centre
    return [
        box("FR4", centre, (3.0, 2.2), z, z + 0.25),
        box("brass", centre, (2.8, 2.0), z + 0.25, z + 0.95),
        box("air", centre, (2.6, 1.8), z + 0.25, z + 0.85),
        box("Si", (x - 0.6, y), (1.1, 1.1), z + 0.25, z + 0.6),
        post("air", (x - 0.6, y), 0.6, z - 0.01, z + 0.6),
        box("Si", (x + 0.7, y), (0.8, 1.0), z + 0.25, z + 0.45),
        box("solder_SAC305", (x, y - 0.85), (2.6, 0.3), z - 0.06, z),
        box("solder_SAC305", (x, y + 0.85), (2.6, 0.3), z - 0.06, z),
    ]


def _flex(start: Point, end: Point, half: float, lines: int) -> list[PlacedSolid]:
    """Flexible lead of polyimide with parallel copper lines, bent once."""
    z = 4.55
    knee = (end[0], start[1] + 0.4 * (end[1] - start[1]))
    points = [start, (0.5 * (start[0] + knee[0]), start[1]), knee, end]
    solids = [track(points, 2 * half + 0.6, z, z + 0.06, "polyimide")]
    for line in range(lines):
        offset = half * (2.0 * line / (lines - 1) - 1.0)
        shifted = [(x + 0.4 * offset, y + offset) for x, y in points]
        solids.append(track(shifted, 0.14, z + 0.06, z + 0.085))
    return solids

"""Case of the phone: glasses, round-edged frame with antenna gaps, display, buttons, SIM tray and screws.

In phone coordinates (see outline). Thicknesses follow common practice: assumed.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from phantoms.card.drawing import Point, box, post, rod
from phantoms.phone.outline import (
    BACK_GLASS_MM,
    FRONT_GLASS_MM,
    HEIGHT_MM,
    LENGTH_MM,
    SHEET_MM,
    WIDTH_MM,
    hollow,
    slab,
    whole,
)
from phantoms.solids import PlacedSolid

GLASS = "aluminosilicate_glass"
WALL_MM = 2.1  # frame, outer to inner face, assumed
STEPS = 9  # slabs that the round edge of the frame is made of


def frame() -> list[PlacedSolid]:
    """Aluminium frame: round outside, hollow inside, with a ledge for the glasses and four gaps of plastic."""
    low, high = 0.35, HEIGHT_MM - 0.35
    edges = np.linspace(low, high, STEPS + 1)
    radius = 0.5 * (high - low)
    solids = []
    for bottom, top in pairwise(edges):
        out = (0.5 * (bottom + top) - 0.5 * HEIGHT_MM) / radius
        inset = 1.6 * (1.0 - float(np.sqrt(1.0 - 0.96 * out**2)))
        middle = BACK_GLASS_MM + 0.6 < 0.5 * (bottom + top) < FRONT_GLASS_MM - 0.8
        inner = WALL_MM if middle else WALL_MM + 0.6  # the ledges that the glasses lie on
        solids.append(hollow("Al", (inset, inner), float(bottom), float(top)))
    for y in (9.6, LENGTH_MM - 9.6):  # gaps of the antennas in the long sides, and in the short ones
        for x in (0.5 * WALL_MM, WIDTH_MM - 0.5 * WALL_MM):
            solids.append(box("polyamide", (x, y), (WALL_MM, 1.3), low, high))
    for x, y in ((14.2, 0.5 * WALL_MM), (WIDTH_MM - 14.2, LENGTH_MM - 0.5 * WALL_MM)):
        solids.append(box("polyamide", (x, y), (1.3, WALL_MM), low, high))
    # milled pockets and bosses along the inner side
    for x in (WALL_MM + 0.35, WIDTH_MM - WALL_MM - 0.35):
        for y in (18.0, 33.5, 58.0, 82.0, 104.0, 126.0):
            solids.append(box("Al", (x, y), (1.5, 4.6), 2.0, 5.0))
    return solids


def glasses() -> list[PlacedSolid]:
    """Back glass with its adhesive and graphite sheet, front glass."""
    return [
        whole(GLASS, 1.1, FRONT_GLASS_MM, HEIGHT_MM),
        slab("graphite", (0.5 * WIDTH_MM, 74.0), (58.0, 122.0), 1.38, 1.42, 2.0),
        whole(GLASS, 1.1, 0.0, BACK_GLASS_MM),
    ]


def display() -> list[PlacedSolid]:
    """Display: steel sheet, light guide with its films, two glasses, driver chip and folded flex at its lower end."""
    middle = (0.5 * WIDTH_MM, 0.5 * LENGTH_MM - 0.5)
    size = (64.4, 139.4)
    low = SHEET_MM
    solids = [
        slab("glass", middle, (64.0, 138.0), low + 1.0, low + 1.4, 6.0, 10),
        slab("PMMA", middle, (63.6, 138.6), low + 0.4, low + 1.0, 6.0, 10),
        slab("stainless_steel", middle, size, low + 0.3, low + 0.4, 6.0, 10),
        # carrier of aluminium with windows and holes
        slab("Al", middle, (66.0, 142.0), low, low + 0.3, 6.0, 10),
        slab("air", (0.5 * WIDTH_MM, 70.0), (36.0, 60.0), low, low + 0.3, 3.0),
        slab("air", (0.5 * WIDTH_MM, 122.0), (42.0, 22.0), low, low + 0.3, 3.0),
        *(post("air", (4.8, 22.0 + 12.6 * n), 1.6, low, low + 0.3) for n in range(9)),
        *(post("air", (WIDTH_MM - 4.8, 17.0 + 12.6 * n), 1.6, low, low + 0.3) for n in range(9)),
    ]
    for offset in (-1.0, 1.0):  # rim of the tray, turned up along the long sides
        solids.append(
            box("stainless_steel", (middle[0] + offset * 32.15, middle[1]), (0.1, 126.0), low + 0.4, low + 1.4)
        )
    foot = middle[1] + 0.5 * size[1]
    solids += [
        box("Si", (0.5 * WIDTH_MM, foot - 1.6), (21.0, 1.1), low + 1.05, low + 1.3),
        slab("Cu", (0.5 * WIDTH_MM, foot - 4.2), (30.0, 6.6), low - 0.06, low - 0.03, 0.8),
        slab("polyimide", (0.5 * WIDTH_MM, foot - 4.2), (30.0, 6.6), low - 0.1, low - 0.06, 0.8),
    ]
    for index in range(9):
        solids.append(box("barium_titanate", (24.5 + 2.6 * index, foot - 6.0), (1.0, 0.5), low - 0.5, low - 0.1))
    return solids


def buttons() -> list[PlacedSolid]:
    """Volume and silence on the left, power on the right: caps, dome switches, brackets with their screws."""
    solids = []
    left, right = 0.9, WIDTH_MM - 0.9
    for x, inwards, places in ((left, 1.0, ((35.0, 5.2), (46.5, 9.6), (58.6, 9.6))), (right, -1.0, ((47.5, 13.5),))):
        for y, length in places:
            solids.append(box("air", (x, y), (2.3, length + 0.5), 2.4, 5.1))
            solids.append(slab("stainless_steel", (x - 0.2 * inwards, y), (1.1, length), 2.6, 4.9, 0.5))
            solids.append(box("stainless_steel", (x + 1.55 * inwards, y), (0.3, length + 2.4), 2.2, 5.0))
            solids.append(box("polyimide", (x + 1.85 * inwards, y), (0.2, length + 1.6), 2.4, 4.8))
            solids.append(box("phosphor_bronze", (x + 1.3 * inwards, y), (0.25, 2.6), 2.9, 4.6))
            for side in (-1.0, 1.0):
                end = y + side * (0.5 * length + 0.6)
                solids.append(rod("stainless_steel", (x - 0.3 * inwards, end, 3.7), (x + 2.5 * inwards, end, 3.7), 0.9))
    return solids


def springs() -> list[PlacedSolid]:
    """Springs that ground frame, sheets and antennas, each of two bent strips on a tinned pad."""
    solids = []
    left, right = WALL_MM + 1.6, WIDTH_MM - WALL_MM - 1.6
    places = [(left, y) for y in (14.0, 29.0, 52.0, 66.0, 88.0, 110.0, 122.0)]
    places += [(right, y) for y in (20.0, 34.0, 56.0, 94.0, 113.0, 128.0)]
    places += [(x, 4.2) for x in (20.0, 31.8, 60.0)] + [(x, LENGTH_MM - 4.4) for x in (12.0, 27.8, 56.0)]
    for x, y in places:
        upright = 8.0 < y < LENGTH_MM - 8.0
        size, step = ((0.8, 2.4), (0.0, 0.8)) if upright else ((2.4, 0.8), (0.8, 0.0))
        solids.append(box("Sn", (x, y), (size[0] + 0.4, size[1] + 0.4), 2.9, 2.95))
        solids.append(box("phosphor_bronze", (x, y), size, 2.95, 3.05))
        for side in (-1.0, 1.0):
            bend = (x + side * step[0], y + side * step[1])
            solids.append(box("phosphor_bronze", bend, (0.8, 0.8), 3.05, 3.05 + 0.5 + 0.3 * side))
    return solids


def sim_tray() -> list[PlacedSolid]:
    """Tray of aluminium in the right side, a nano-SIM (12.3 mm by 8.8 mm) in it, and the reader's steel can."""
    x, y, low = WIDTH_MM - 9.2, 76.0, 3.75
    solids = [
        box("stainless_steel", (x - 1.2, y), (13.6, 12.6), low + 1.2, low + 1.32),
        box("stainless_steel", (x - 1.2, y - 6.3), (13.6, 0.15), low, low + 1.2),
        box("stainless_steel", (x - 1.2, y + 6.3), (13.6, 0.15), low, low + 1.2),
        box("stainless_steel", (x - 8.0, y), (0.15, 12.6), low, low + 1.2),
        slab("Al", (x + 1.6, y), (14.0, 11.4), low + 0.1, low + 0.9, 0.8),
        slab("PVC", (x + 0.6, y), (12.3, 8.8), low + 0.1, low + 0.77, 0.6),
        slab("Cu", (x + 0.6, y), (10.6, 7.4), low + 0.1, low + 0.14, 0.8),
        box("Si", (x + 0.6, y), (2.2, 1.8), low + 0.3, low + 0.5),
        box("Al", (WIDTH_MM - 0.8, y), (1.3, 13.6), 2.6, 4.9),
        post("air", (WIDTH_MM - 1.6, y + 8.4), 0.8, 3.3, 4.1),
    ]
    for index in range(8):  # spring contacts
        at = (x - 4.0 + 2.54 * (index % 4), y + (3.0 if index < 4 else -3.0))
        solids.append(box("phosphor_bronze", at, (0.6, 3.2), low - 0.25, low + 0.05))
    return solids


SCREWS: tuple[tuple[Point, float, bool], ...] = (  # place, length, whether it stands in a brass bush; assumed
    ((23.4, 7.6), 2.6, True), ((64.6, 10.8), 3.2, True), ((24.6, 36.2), 2.2, False), ((45.6, 39.6), 2.4, True),
    ((65.4, 38.2), 2.0, False), ((65.2, 62.2), 2.6, True), ((47.6, 63.0), 1.6, False), ((47.8, 86.6), 1.6, False),
    ((65.2, 89.4), 2.6, True), ((48.0, 107.4), 3.0, True), ((65.0, 107.6), 2.4, False), ((4.6, 37.6), 1.6, False),
    ((4.5, 24.0), 1.8, False), ((66.4, 24.5), 1.8, False), ((5.2, 125.8), 2.4, True), ((31.2, 127.6), 2.0, False),
    ((41.6, 124.2), 2.0, True), ((66.0, 121.8), 2.8, True), ((66.0, 139.4), 2.2, False), ((44.8, 141.8), 2.6, False),
    ((26.6, 141.8), 2.6, False), ((5.2, 139.0), 2.4, True), ((31.0, 8.2), 1.6, False), ((53.4, 8.4), 1.6, False),
)  # fmt: skip


def screws() -> list[PlacedSolid]:
    """Cross-head steel screws, some in brass bushes; the two beside the connector come in from below."""
    solids = []
    for (x, y), length, bush in SCREWS:
        top = 5.2
        if bush:
            solids.append(post("brass", (x, y), 2.5, top - length - 0.2, top - 0.5))
        solids.append(post("steel", (x, y), 1.25, top - length, top - 0.45))
        solids.append(post("steel", (x, y), 2.3, top - 0.5, top))
        for turn in (20.0 + 7.0 * x, 110.0 + 7.0 * x):
            solids.append(box("air", (x, y), (1.1, 0.28), top - 0.32, top + 0.01, turn % 180.0))
    for x in (0.5 * WIDTH_MM - 8.4, 0.5 * WIDTH_MM + 8.4):
        solids.append(rod("steel", (x, LENGTH_MM - 0.5, 3.4), (x, LENGTH_MM - 6.8, 3.4), 1.3))
        solids.append(rod("steel", (x, LENGTH_MM - 0.5, 3.4), (x, LENGTH_MM - 1.6, 3.4), 2.1))
    return solids

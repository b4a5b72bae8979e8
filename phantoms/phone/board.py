"""Main board of the phone: laminate with its copper, chips on balls, shield cans, connectors and small parts.

In phone coordinates (see outline). Packages have the pitches of their kinds (0.4 mm balls); which they are and where
they stand is invented.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from phantoms.card.drawing import Point, box, plate, post, put, track
from phantoms.phone.outline import BOARD_MM, slab
from phantoms.solids import PlacedSolid, Sphere, phantom_of, place

SOLDER = "solder_SAC305"
CAN = "nickel_silver"
OUTLINE: tuple[Point, ...] = (
    (24.2, 9.4), (52.0, 9.4), (52.8, 10.4), (63.0, 10.4), (66.6, 14.0), (66.6, 108.4), (65.4, 109.6), (48.4, 109.6),
    (46.6, 107.8), (46.6, 64.6), (47.6, 63.6), (47.6, 61.8), (46.6, 60.8), (46.6, 41.4), (44.0, 38.6), (26.0, 38.6),
    (23.2, 36.0), (23.2, 10.4),
)  # fmt: skip
PLANES = 3  # sheets that stand for the full ones of ten copper layers   # assumed
PLANE_MM = 0.033
TOP, BOTTOM = BOARD_MM[1] + 0.02, BOARD_MM[0] - 0.02


@dataclass(frozen=True)
class Chip:
    """A chip on balls: middle, body (x, y, height) [mm], balls along x and y, those left out in the middle [1]."""

    centre: Point
    body_mm: tuple[float, float, float]
    balls: tuple[int, int]
    hollow: tuple[int, int] = (0, 0)
    pitch_mm: float = 0.4
    above: bool = True
    stacked: bool = False  # with a memory on top


CHIPS = (
    Chip((56.4, 49.2), (14.4, 14.2, 0.55), (33, 33), (11, 11), stacked=True),  # processor
    Chip((56.2, 71.4), (11.5, 13.5, 0.9), (10, 14), (4, 4), 0.8, above=False),  # flash memory
    Chip((54.6, 91.4), (7.0, 7.0, 0.6), (16, 16)),  # power management
    Chip((39.4, 18.2), (9.0, 9.0, 0.7), (21, 21), (5, 5)),  # modem
    Chip((29.0, 16.2), (6.4, 6.4, 0.6), (14, 14)),  # radio
    Chip((57.8, 26.4), (8.6, 7.2, 0.9), (18, 15), (12, 9), 0.45),  # wireless network module
    Chip((52.6, 83.2), (4.6, 4.6, 0.5), (10, 10), above=False),  # sound
    Chip((60.0, 99.0), (5.2, 5.2, 0.5), (12, 12), above=False),  # charger
    Chip((51.6, 102.4), (4.2, 3.6, 0.5), (10, 8)),  # display supply
    Chip((34.4, 30.6), (4.8, 4.8, 0.5), (11, 11), above=False),  # power management of the modem
    Chip((62.4, 83.6), (3.2, 3.2, 0.5), (7, 7)),  # near field communication
)
AMPLIFIERS = ((27.4, 26.0), (33.2, 26.0), (39.6, 27.6), (27.6, 32.6), (47.2, 29.4), (48.6, 21.0))  # of the radio
CANS = (  # first and last corner, height, whether above the board
    ((48.0, 41.2), (65.6, 62.6), 1.35, True),
    ((24.4, 10.8), (51.2, 34.6), 1.25, True),
    ((48.0, 86.6), (64.4, 106.2), 1.2, True),
    ((48.4, 64.8), (65.2, 88.2), 1.0, False),
    ((48.2, 92.0), (65.0, 107.4), 0.95, False),
    ((28.6, 26.0), (46.0, 37.2), 0.9, False),
)
COILS = ((50.2, 98.2), (53.2, 98.2), (56.2, 98.2), (60.6, 88.8), (60.6, 92.2), (60.6, 95.2), (50.0, 88.4))  # power
CONNECTORS = (  # middle, pins on each side, turn [deg]; above the board
    ((28.6, 36.2), 20, 0.0), ((38.6, 36.2), 17, 0.0), ((58.0, 13.2), 16, 0.0), ((64.4, 68.6), 14, 90.0),
    ((49.2, 76.2), 18, 90.0), ((54.6, 108.0), 20, 0.0), ((62.8, 106.8), 8, 0.0), ((49.0, 68.0), 10, 90.0),
)  # fmt: skip


def board(rng: np.random.Generator, small_parts: int) -> list[PlacedSolid]:
    """Whole board with all that is on it.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws balls, vias, tracks, and where small parts stand.
    small_parts : int
        Chip capacitors and resistors. [1]

    Returns
    -------
    solids : list of PlacedSolid
    """
    solids = _laminate(rng)
    for chip in CHIPS:
        solids += ball_grid(chip, rng)
    for centre in AMPLIFIERS:
        solids += put(phantom_of("amplifier", _amplifier(rng)), centre, float(rng.choice([0.0, 90.0, 180.0])))
    for centre in COILS:
        solids += put(phantom_of("coil", _power_coil()), centre)
    for centre in ((44.4, 13.4), (33.6, 13.0), (50.4, 66.0), (62.6, 17.6)):
        solids += put(phantom_of("crystal", _crystal()), centre)
    for centre, pins, turn in CONNECTORS:
        solids += put(phantom_of("connector", flex_connector(pins)), centre, turn, TOP)
    solids += _scatter(rng, small_parts)
    for corner, opposite, height, above in CANS:
        solids += _can(corner, opposite, height, above)
    return [*solids, *_covers()]


def _covers() -> list[PlacedSolid]:
    """Steel plates that hold the connectors down, with their lugs."""
    solids = []
    for centre, size, lugs in (
        ((33.6, 36.4), (21.0, 4.0), ((24.6, 36.2), (45.2, 38.6))),
        ((58.2, 13.0), (11.6, 4.4), ((64.4, 11.4),)),
        ((49.2, 73.0), (4.2, 16.6), ((47.6, 63.4), (48.0, 86.2))),
        ((57.2, 107.6), (16.4, 4.2), ((48.2, 107.4), (65.0, 107.6))),
    ):
        low = TOP + 1.25
        solids.append(slab("stainless_steel", centre, size, low, low + 0.2, 0.8, 4))
        for lug in lugs:
            solids.append(post("stainless_steel", lug, 3.6, low, low + 0.2))
    return solids


def on_board(x: float, y: float, margin: float = 0.0) -> bool:
    """Whether a place lies on the board, as far from its edge as a margin [mm]; the small notches are left out.

    Parameters
    ----------
    x, y : float
        [mm]
    margin : float
        [mm]

    Returns
    -------
    inside : bool
    """
    leg = 47.8 + margin <= x <= 66.4 - margin and 10.6 + margin <= y <= 109.0 - margin
    foot = 23.6 + margin <= x <= 66.4 - margin and 10.6 + margin <= y <= 38.4 - margin
    return (leg or foot) and y - x >= 1.5 * margin - 52.4  # the corner that is cut off


def _laminate(rng: np.random.Generator) -> list[PlacedSolid]:
    """Laminate, planes with cut-outs, tracks, vias and mounting holes."""
    low, high = BOARD_MM
    solids = [plate("FR4", OUTLINE, low, high)]
    middle = np.mean(OUTLINE, axis=0)
    shrunk = [(x + 0.3 * float(np.sign(middle[0] - x)), y + 0.3 * float(np.sign(middle[1] - y))) for x, y in OUTLINE]
    for index in range(PLANES):
        z = low + 0.09 + (high - low - 0.2) * index / (PLANES - 1)
        solids.append(plate("Cu", shrunk, z, z + PLANE_MM))
        for _ in range(26):  # moats between supplies
            x, y = _anywhere(rng)
            length = float(rng.uniform(2.0, 7.0))
            size = (length, 0.25) if rng.random() < 0.5 else (0.25, length)
            solids.append(box("FR4", (x, y), size, z, z + PLANE_MM))
    for index in range(170):  # tracks in bundles of three, on either side
        x, y = _anywhere(rng)
        run, jog = float(rng.uniform(1.5, 6.0)), float(rng.uniform(-1.5, 1.5))
        line = [(0.0, 0.0), (0.5 * run, 0.0), (0.5 * run + abs(jog), jog), (run + abs(jog), jog)]
        upright = rng.random() < 0.6
        z = high if index % 2 else low - PLANE_MM
        for offset in (-0.3, 0.0, 0.3):
            points = [(x + (b + offset if upright else a), y + (a if upright else b + offset)) for a, b in line]
            if all(on_board(*point) for point in points) and abs(jog) > 0.2:
                solids.append(track(points, 0.11, z, z + PLANE_MM))
    for _ in range(420):  # vias filled with copper
        solids.append(post("Cu", _anywhere(rng), 0.22, low, high))
    for hole in ((64.6, 10.8 + 1.8), (45.6, 39.6 - 2.4), (65.2, 62.2), (65.2, 89.4), (48.0, 107.0), (24.8, 36.4)):
        solids.append(post("Cu", hole, 3.2, low - PLANE_MM, high + PLANE_MM))
        solids.append(post("air", hole, 1.7, low - PLANE_MM, high + PLANE_MM))
    return solids


def _anywhere(rng: np.random.Generator) -> Point:
    """A place on the board."""
    while True:
        x, y = float(rng.uniform(23.6, 66.4)), float(rng.uniform(10.0, 109.0))
        if on_board(x, y, 0.4):
            return x, y


def ball_grid(chip: Chip, rng: np.random.Generator) -> list[PlacedSolid]:
    """Body, substrate, die, balls and pads of a chip; a few balls hold voids.

    Parameters
    ----------
    chip : Chip
        Which one.
    rng : numpy.random.Generator
        Draws sizes of balls and their voids.

    Returns
    -------
    solids : list of PlacedSolid
    """
    (x, y), (length, width, height) = chip.centre, chip.body_mm
    sense = 1.0 if chip.above else -1.0
    face = TOP if chip.above else BOTTOM
    diameter = 0.58 * chip.pitch_mm if chip.pitch_mm < 0.7 else 0.4
    stand = 0.8 * diameter

    def at(first: float, last: float) -> tuple[float, float]:
        low, high = sorted((face + sense * first, face + sense * last))
        return low, high

    solids = [
        box("FR4", (x, y), (length, width), *at(stand, stand + 0.2)),
        box("Cu", (x, y), (length - 0.4, width - 0.4), *at(stand + 0.06, stand + 0.09)),
        box("mould_compound", (x, y), (length, width), *at(stand + 0.2, stand + height)),
        box("Si", (x, y), (0.68 * length, 0.72 * width), *at(stand + 0.24, stand + 0.44)),
    ]
    rows, cols = chip.balls[1], chip.balls[0]
    for row in range(rows):
        for col in range(cols):
            from_middle = abs(col - 0.5 * (cols - 1)), abs(row - 0.5 * (rows - 1))
            if from_middle[0] < 0.5 * chip.hollow[0] and from_middle[1] < 0.5 * chip.hollow[1]:
                continue
            place_mm = x + (col - 0.5 * (cols - 1)) * chip.pitch_mm, y + (row - 0.5 * (rows - 1)) * chip.pitch_mm
            radius = 0.5 * diameter * float(1.0 + 0.03 * rng.standard_normal())
            centre = (*place_mm, face + sense * 0.5 * stand)
            solids.append(place(Sphere(radius), SOLDER, centre))
            if rng.random() < 0.03:
                solids.append(place(Sphere(0.4 * radius), "air", centre))
    if chip.stacked:
        solids += _memory_on_top(chip, stand + height)
    return solids


def _memory_on_top(chip: Chip, z: float) -> list[PlacedSolid]:
    """Memory on a processor: two rings of larger balls between them, substrate, stacked dies with gold wires."""
    x, y = chip.centre
    solids = [
        box("FR4", (x, y), (13.8, 13.6), TOP + z + 0.05, TOP + z + 0.2),
        box("mould_compound", (x, y), (13.8, 13.6), TOP + z + 0.2, TOP + z + 0.5),
    ]
    for ring in (12.9, 11.9):
        count = round(ring / 0.5)
        for index in range(count):
            along = -0.5 * ring + 0.5 * index
            for place_mm in ((along, -0.5 * ring), (0.5 * ring, along), (-along, 0.5 * ring), (-0.5 * ring, -along)):
                centre = (x + place_mm[0], y + place_mm[1], TOP + z - 0.1)
                solids.append(place(Sphere(0.15), SOLDER, centre))
    for level in range(2):
        low = TOP + z + 0.22 + 0.1 * level
        solids.append(box("Si", (x, y - 0.5 * level), (9.6, 8.6), low, low + 0.08))
        for index in range(30):
            for side in (-1.0, 1.0):
                at = (x - 4.4 + 0.3 * index, y + side * 5.1)
                solids.append(box("Au", at, (0.05, 1.5), low + 0.08, low + 0.1))
    return solids


def _amplifier(rng: np.random.Generator) -> list[PlacedSolid]:
    """Radio amplifier module: pads all round, dies, coils printed in its substrate, small parts inside."""
    length, width, low = 5.0, 4.2, TOP + 0.06
    solids = [
        box("FR4", (0.0, 0.0), (length, width), low, low + 0.35),
        box("mould_compound", (0.0, 0.0), (length, width), low + 0.35, low + 0.85),
        box("Cu", (0.0, 0.0), (2.2, 1.8), low + 0.02, low + 0.32),
        box(SOLDER, (0.0, 0.0), (2.4, 2.0), TOP, low),
        box("Si", (0.4, 0.2), (1.3, 1.0), low + 0.37, low + 0.5),
    ]
    for index in range(9):
        for side in (-1.0, 1.0):
            at = (-0.44 * length + 0.11 * length * index, side * (0.5 * width - 0.25))
            solids.append(box(SOLDER, at, (0.28, 0.4), TOP, low))
    for index in range(6):
        for side in (-1.0, 1.0):
            solids.append(box(SOLDER, (side * (0.5 * length - 0.25), -1.3 + 0.52 * index), (0.4, 0.28), TOP, low))
    for x, y in ((-1.7, 1.0), (1.8, -1.1)):
        for side in (1.1, 0.5):
            solids.append(box("Cu", (x, y), (side, side), low + 0.15, low + 0.19))
            solids.append(box("FR4", (x, y), (side - 0.24, side - 0.24), low + 0.15, low + 0.19))
    for _ in range(7):
        at = (float(rng.uniform(-2.0, 2.0)), float(rng.uniform(-1.6, 1.6)))
        solids += _chip_part(at, 0.4, 0.2, bool(rng.random() < 0.5), low + 0.35, 1.0)
    return solids


def _power_coil() -> list[PlacedSolid]:
    """Moulded power inductor, 2.5 mm by 2 mm: copper winding in ferrite powder, its two ends."""
    low = TOP + 0.05
    powder = "ferrite"
    return [
        box(powder, (0.0, 0.0), (2.5, 2.0), low, low + 0.95),
        post("Cu", (0.0, 0.0), 1.8, low + 0.2, low + 0.7),
        post(powder, (0.0, 0.0), 0.8, low + 0.2, low + 0.7),
        box("Cu", (-1.1, 0.0), (0.3, 1.6), low - 0.02, low + 0.6),
        box("Cu", (1.1, 0.0), (0.3, 1.6), low - 0.02, low + 0.6),
        box(SOLDER, (-1.1, 0.0), (0.7, 1.7), TOP, low),
        box(SOLDER, (1.1, 0.0), (0.7, 1.7), TOP, low),
    ]


def _crystal() -> list[PlacedSolid]:
    """Crystal in a ceramic box with a kovar lid, 2.0 mm by 1.6 mm."""
    low = TOP + 0.05
    return [
        box("alumina", (0.0, 0.0), (2.0, 1.6), low, low + 0.4),
        box("air", (0.0, 0.0), (1.4, 1.0), low + 0.15, low + 0.4),
        box("silica", (0.0, 0.0), (1.2, 0.8), low + 0.2, low + 0.26),
        box("kovar", (0.0, 0.0), (1.8, 1.4), low + 0.4, low + 0.5),
        box(SOLDER, (0.0, 0.0), (1.9, 0.5), TOP, low),
    ]


def flex_connector(pins: int) -> list[PlacedSolid]:
    """Board-to-board connector, two rows of contacts 0.35 mm apart, with the stiffened end of its flex; at z = 0.

    Parameters
    ----------
    pins : int
        On each side. [1]

    Returns
    -------
    solids : list of PlacedSolid
    """
    length = 0.35 * pins + 1.4
    solids = [
        box("polyamide", (0.0, 0.0), (length, 2.3), 0.0, 0.65),
        box("stainless_steel", (0.0, 0.0), (length + 0.6, 2.7), 0.82, 0.97),
        box("polyimide", (0.0, 0.0), (length + 0.6, 2.9), 0.7, 0.82),
    ]
    for side in (-1.0, 1.0):
        solids.append(box("phosphor_bronze", (side * 0.5 * length, 0.0), (0.35, 2.0), 0.0, 0.6))
        for index in range(pins):
            x = 0.35 * (index - 0.5 * (pins - 1))
            solids.append(box("phosphor_bronze", (x, side * 0.75), (0.16, 1.05), 0.05, 0.3))
            solids.append(box("phosphor_bronze", (x, side * 0.45), (0.16, 0.2), 0.3, 0.65))
            solids.append(box(SOLDER, (x, side * 1.3), (0.18, 0.4), 0.0, 0.08))
    return solids


def _chip_part(
    at: Point, length: float, width: float, upright: bool, z: float, sense: float, body: str = "barium_titanate"
) -> list[PlacedSolid]:
    """Chip capacitor or resistor with tinned ends, lying on a face at z, above (sense 1) or below it (-1)."""
    height = width if body == "barium_titanate" else 0.35 * length
    low, high = sorted((z + sense * 0.02, z + sense * (0.02 + height)))
    end = 0.26 * length
    solids = []
    for side in (-1.0, 1.0):
        offset = side * 0.5 * (length - end)
        place_mm = (at[0], at[1] + offset) if upright else (at[0] + offset, at[1])
        size = (width, end) if upright else (end, width)
        solids.append(box("Sn", place_mm, size, low, high))
    size = (width, length - 0.06) if upright else (length - 0.06, width)
    solids.append(box(body, at, size, low + 0.02, high - 0.02))
    return solids


def _scatter(rng: np.random.Generator, count: int) -> list[PlacedSolid]:
    """Small parts on free ground of both sides: rows of capacitors around large chips come first."""
    solids: list[PlacedSolid] = []
    taken: dict[bool, list[tuple[float, float, float, float]]] = {True: [], False: []}
    for chip in CHIPS:
        taken[chip.above].append((*chip.centre, 0.5 * chip.body_mm[0], 0.5 * chip.body_mm[1]))
    taken[True] += [(x, y, 2.7, 2.7) for x, y in AMPLIFIERS] + [(x, y, 1.5, 1.2) for x, y in COILS]
    for (x, y), pins, turn in CONNECTORS:
        half = (0.175 * pins + 1.0, 1.5) if turn == 0.0 else (1.5, 0.175 * pins + 1.0)
        taken[True].append((x, y, *half))
    placed = 0
    for _ in range(60 * count):
        if placed == count:
            break
        above = bool(rng.random() < 0.55)
        x, y = _anywhere(rng)
        x, y = round(x / 0.2) * 0.2, round(y / 0.2) * 0.2
        length, width = ((0.6, 0.3), (0.4, 0.2), (1.0, 0.5), (1.6, 0.8))[int(rng.choice(4, p=[0.46, 0.1, 0.36, 0.08]))]
        upright = bool(rng.random() < 0.5)
        half_x, half_y = (0.5 * width, 0.5 * length) if upright else (0.5 * length, 0.5 * width)
        if any(
            abs(x - a) < half_x + c + 0.12 and abs(y - b) < half_y + d + 0.12 for a, b, c, d in taken[above]
        ) or not on_board(x, y, 0.5):
            continue
        taken[above].append((x, y, half_x, half_y))
        body = "barium_titanate" if rng.random() < 0.72 else "alumina"
        face, sense = (TOP, 1.0) if above else (BOTTOM, -1.0)
        solids += _chip_part((x, y), length, width, upright, face, sense, body)
        placed += 1
    return solids


def _can(corner: Point, opposite: Point, height: float, above: bool) -> list[PlacedSolid]:
    """Walls and lid of a shield, with dimples and vent holes."""
    sheet = 0.13
    face, sense = (TOP, 1.0) if above else (BOTTOM, -1.0)
    wall = sorted((face, face + sense * height))
    lid = sorted((face + sense * (height - sheet), face + sense * height))
    size = (opposite[0] - corner[0], opposite[1] - corner[1])
    middle = (0.5 * (corner[0] + opposite[0]), 0.5 * (corner[1] + opposite[1]))
    solids = [box(CAN, middle, size, lid[0], lid[1])]
    for side in (-0.5, 0.5):
        solids.append(box(CAN, (middle[0] + side * (size[0] - 0.2), middle[1]), (0.2, size[1]), wall[0], wall[1]))
        solids.append(box(CAN, (middle[0], middle[1] + side * (size[1] - 0.2)), (size[0], 0.2), wall[0], wall[1]))
        solids.append(box(SOLDER, (middle[0] + side * size[0], middle[1]), (0.3, size[1]), face - 0.01, face + 0.08))
    for index in range(int(size[0] // 3.0)):
        for row in range(int(size[1] // 4.0)):
            hole = (corner[0] + 1.8 + 3.0 * index, corner[1] + 2.2 + 4.0 * row)
            solids.append(post("air", hole, 0.8, lid[0] - 0.01, lid[1] + 0.01))
    return solids

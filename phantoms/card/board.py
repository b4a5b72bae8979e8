"""The bare board of the network card: laminate, planes, edge fingers, and how bundles of tracks are led across it.

Card coordinates: board coordinates (see card_drawing) with x = y = 0 at the board's upper left corner. The outline is
a PCI low-profile card, 119.9 mm by 64.4 mm, with both keys of a universal card; the build-up has four copper layers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from phantoms.card.drawing import (
    BOTTOM_MM,
    COPPER_MM,
    LAMINATE_MM,
    LOWER_PLANE_MM,
    TOP_MM,
    UPPER_PLANE_MM,
    Point,
    beside,
    box,
    chamfered,
    plate,
    post,
    track,
)
from phantoms.solids import PlacedSolid

WIDTH_MM, HEIGHT_MM = 119.9, 64.4  # PCI low-profile MD1 card
BODY_HEIGHT_MM = 56.4  # above the tongue with the fingers
TONGUE_MM = (33.0, 116.6)  # from left to right, assumed position
FINGER_PITCH_MM = 1.27  # PCI edge connector
FINGERS = 62  # on each side, less the keys
KEYED_FINGERS = (11, 12, 49, 50)  # contacts 12, 13 (3.3 V key) and 50, 51 (5 V key) are cut away


def finger_x(index: int) -> float:
    """Centre of contact 0 to 61 along x. [mm]"""
    return TONGUE_MM[0] + 3.1 + FINGER_PITCH_MM * index


def laminate() -> list[PlacedSolid]:
    """Glass-epoxy board with its tongue, bevelled corners and the two key slots."""
    left, right = TONGUE_MM
    outline: list[Point] = [
        (0.0, 0.0), (WIDTH_MM, 0.0), (WIDTH_MM, BODY_HEIGHT_MM), (right, BODY_HEIGHT_MM),
        (right, HEIGHT_MM - 1.2), (right - 1.2, HEIGHT_MM), (left + 1.2, HEIGHT_MM), (left, HEIGHT_MM - 1.2),
        (left, BODY_HEIGHT_MM), (0.0, BODY_HEIGHT_MM),
    ]  # fmt: skip
    solids = [plate("FR4", outline, -LAMINATE_MM, 0.0)]
    for first in KEYED_FINGERS[::2]:
        x = finger_x(first) + 0.5 * FINGER_PITCH_MM
        slot = (x, HEIGHT_MM - 3.4)
        solids.append(box("air", slot, (1.9, 7.0), -LAMINATE_MM - 0.1, 0.1))
        solids.append(post("air", (x, HEIGHT_MM - 6.9), 1.9, -LAMINATE_MM - 0.1, 0.1))
    return solids


def planes(moat_mm: tuple[float, float]) -> list[PlacedSolid]:
    """Ground plane and divided supply plane, left out across the moat between chassis and circuit [mm]."""
    start, stop = moat_mm
    rim = 0.6
    foot = BODY_HEIGHT_MM - rim
    upper, lower = (UPPER_PLANE_MM - COPPER_MM, UPPER_PLANE_MM), (LOWER_PLANE_MM - COPPER_MM, LOWER_PLANE_MM)
    chassis = [(rim, rim), (start, rim), (start, foot), (rim, foot)]
    ground = [(stop, rim), (WIDTH_MM - rim, rim), (WIDTH_MM - rim, foot), (stop, foot)]
    core = [(38.0, 14.0), (56.6, 14.0), (60.0, 17.4), (84.0, 17.4), (86.6, 20.0), (86.6, 42.0), (38.0, 42.0)]
    supply = [
        (stop, rim), (WIDTH_MM - rim, rim), (WIDTH_MM - rim, 26.0), (94.0, 26.0), (90.0, 30.0), (90.0, foot),
        (stop, foot), (stop, 43.0), (87.6, 43.0), (87.6, 19.6), (84.4, 16.4), (60.4, 16.4), (57.0, 13.0), (stop, 13.0),
    ]  # fmt: skip
    analogue = [(stop, 14.0), (37.0, 14.0), (37.0, 42.0), (stop, 42.0)]
    regulator = [(WIDTH_MM - rim, 27.0), (94.4, 27.0), (91.0, 30.4), (91.0, foot), (WIDTH_MM - rim, foot)]
    return [
        plate("Cu", chassis, *upper),
        plate("Cu", ground, *upper),
        *(plate("Cu", outline, *lower) for outline in (chassis, core, supply, analogue, regulator)),
    ]


def edge_fingers() -> list[PlacedSolid]:
    """Gold-plated contacts on both sides of the tongue."""
    solids = []
    for index in range(FINGERS):
        if index in KEYED_FINGERS:
            continue
        shape = (finger_x(index), 60.5), (1.02, 6.0)
        solids.append(box("Cu", *shape, 0.0, TOP_MM))
        solids.append(box("Au", *shape, TOP_MM, TOP_MM + 0.001))
        solids.append(box("Cu", *shape, BOTTOM_MM, -LAMINATE_MM))
        solids.append(box("Au", *shape, BOTTOM_MM - 0.001, BOTTOM_MM))
    return solids


def river(
    starts: Sequence[Point], ends: Sequence[Point], level: float, spacing: float, along: str = "y", cut: float = 0.9
) -> list[list[Point]]:
    """Lines that lead a row of points to another row without crossing, with 45 degree corners.

    Starts and ends must be in the same order across. Each line leaves straight, crosses over at its own level and
    arrives straight; levels are staggered by ``spacing`` from ``level`` on, in the order that keeps lines apart.

    Parameters
    ----------
    starts, ends : sequence of (x, y)
        Ends of the lines. [mm]
    level : float
        Coordinate along the bundle at which the first line crosses over. [mm]
    spacing : float
        Distance of neighbouring levels. [mm]
    along : {"y", "x"}
        Direction in which the bundle runs.
    cut : float
        Length cut off corners along each side. [mm]

    Returns
    -------
    lines : list of list of (x, y)
        One line for each pair of ends. [mm]
    """
    swap = along == "x"
    first = np.asarray(starts, dtype=np.float64)[:, ::-1] if swap else np.asarray(starts, dtype=np.float64)
    last = np.asarray(ends, dtype=np.float64)[:, ::-1] if swap else np.asarray(ends, dtype=np.float64)
    sense = 1.0 if last[0, 1] > first[0, 1] else -1.0
    back = [i for i in range(len(first)) if last[i, 0] < first[i, 0]]
    forth = [i for i in range(len(first)) if last[i, 0] >= first[i, 0]][::-1]
    lines: list[list[Point]] = [[] for _ in range(len(first))]
    for group in (back, forth):
        for order, index in enumerate(group):
            (a, b), (c, d) = first[index], last[index]
            height = level + sense * spacing * order
            jog = abs(c - a)
            if jog < 0.3:
                corners = [(a, b), (c, d)]
            elif jog < 2 * cut:
                half = 0.5 * sense * jog
                corners = [(a, b), (a, height - half), (c, height + half), (c, d)]
            else:
                corners = chamfered([(a, b), (a, height), (c, height), (c, d)], cut)
            lines[index] = [(float(y), float(x)) if swap else (float(x), float(y)) for x, y in corners]
    return lines


def meander(start: Point, end: Point, amplitude: float, pitch: float, turns: int) -> list[Point]:
    """Line from start to end, mostly along x, lengthened in its middle by ``turns`` square waves [mm].

    Parameters
    ----------
    start : (float, float)
        Where it begins. [mm]
    end : (float, float)
        Where it ends. [mm]
    amplitude : float
        Of the square waves. [mm]
    pitch : float
        From one wave to the next. [mm]
    turns : int
        How many. [1]

    Returns
    -------
    line : list of (float, float)
        Corners of the line. [mm]
    """
    x0, y0 = start
    x1, y1 = end
    sense = 1.0 if x1 > x0 else -1.0
    middle = 0.5 * (x0 + x1) - sense * 0.5 * pitch * turns
    jog = sense * abs(y1 - y0)
    points: list[Point] = [(x0, y0)]
    if jog != 0.0:
        points.append((middle - jog - sense * 0.9, y0))
        points.append((middle - sense * 0.9, y1))
    for turn in range(turns):
        x = middle + sense * pitch * turn
        half = x + sense * 0.5 * pitch
        points += [(x, y1), (x, y1 - amplitude), (half, y1 - amplitude), (half, y1)]
    points.append(end)
    return chamfered(points, 0.25)


def pair(points: Sequence[Point], gap: float, width: float, z_bottom: float, z_top: float) -> list[PlacedSolid]:
    """Two tracks on either side of a line, ``gap`` between their centres [mm].

    Parameters
    ----------
    points : sequence of (float, float)
        Corners of the line. [mm]
    gap : float
        Between the centres of the tracks. [mm]
    width : float
        Of track, strip or part. [mm]
    z_bottom : float
        Lower face. [mm]
    z_top : float
        Upper face. [mm]

    Returns
    -------
    solids : list of PlacedSolid
    """
    solids = []
    for offset in (0.5 * gap, -0.5 * gap):
        line = [(float(x), float(y)) for x, y in beside(points, offset)]
        solids.append(track(line, width, z_bottom, z_top))
    return solids

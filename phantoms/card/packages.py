"""Integrated circuits of the network card: lead-frame packages and a ball grid array, with dies and bond wires.

Every part stands in board coordinates (see card_drawing) centred on x = y = 0 and brings its own pads and solder.
Package dimensions follow the JEDEC outlines of their kind; what is inside is assumed, after common practice.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from phantoms.card.drawing import (
    TOP_MM,
    Point,
    Point3,
    bent_strip,
    box,
    post,
    rod,
    soldered_pin,
    track,
    wire,
)
from phantoms.solids import Phantom, PlacedSolid, Sphere, phantom_of, place

FRAME_THICKNESS_MM = 0.15  # 0.127 to 0.2 mm strip is usual
BOND_WIRE_MM = 0.025  # 25 um gold wire
SOLDER_MM = 0.08  # joint under a lead, assumed


def lead_frame_package(
    body_mm: Point3,
    leads: tuple[int, int],
    pitch_mm: float,
    paddle_mm: Point,
    die_mm: Point,
    lead_width_mm: float,
    solder: str,
    legs: Literal["gull", "through"] = "gull",
    frame: str = "copper_alloy_194",
) -> Phantom:
    """Moulded package: leads that narrow towards a die paddle, a die, gold wires, legs and their solder.

    Parameters
    ----------
    body_mm : (float, float, float)
        Moulded body along x, y, z. [mm]
    leads : (int, int)
        Leads on each of the two sides along x, and on each of the two sides along y (0 for dual in-line). [1]
    pitch_mm : float
        Distance of neighbouring legs. [mm]
    paddle_mm, die_mm : (float, float)
        Die paddle and die along x, y. [mm]
    lead_width_mm : float
        Width of a leg. [mm]
    solder : str
        Material of the joints.
    legs : {"gull", "through"}
        Gull wings on pads, or legs bent down into plated holes.
    frame : str
        Material of paddle, leads and legs.

    Returns
    -------
    part : Phantom
        Body first, then everything inside it.
    """
    length, width, height = body_mm
    standoff = TOP_MM + (0.12 if legs == "gull" else 0.5)
    z = standoff + 0.5 * height
    z_top = z + FRAME_THICKNESS_MM
    solids = [box("mould_compound", (0.0, 0.0), (length, width), standoff, standoff + height)]
    solids.append(box(frame, (0.0, 0.0), paddle_mm, z - 0.2, z - 0.2 + FRAME_THICKNESS_MM))
    solids += _tie_bars(body_mm, leads, paddle_mm, z, frame)
    die_top = z - 0.2 + FRAME_THICKNESS_MM + 0.30
    solids.append(box("Si", (0.0, 0.0), die_mm, die_top - 0.28, die_top))
    for outward_deg in (90.0, 270.0, 0.0, 180.0):
        out_axis = 1 if outward_deg in (90.0, 270.0) else 0
        count = leads[1 - out_axis]
        half_body = 0.5 * body_mm[out_axis]
        half_paddle, half_paddle_other = 0.5 * paddle_mm[out_axis], 0.5 * paddle_mm[1 - out_axis]
        half_die, half_die_other = 0.5 * die_mm[out_axis], 0.5 * die_mm[1 - out_axis]
        for index in range(count):
            along = (index - 0.5 * (count - 1)) * pitch_mm
            fraction = (index + 0.5) / count
            if leads[1] == 0:
                tip = _around(fraction, half_paddle_other + 0.45, half_paddle + 0.45)
                pad = _around(fraction, half_die_other - 0.12, half_die - 0.12)
            else:
                tip = ((2 * fraction - 1) * (half_paddle_other + 0.5), half_paddle + 0.5)
                pad = ((2 * fraction - 1) * (half_die_other - 0.1), half_die - 0.12)
            knee = half_body - min(0.9, 0.3 * (half_body - half_paddle))
            finger = [(along, half_body), (along, knee), tip]
            tip_width = min(lead_width_mm, 0.55 * 2 * (half_paddle_other + 0.5) / count, 0.45)
            lead_in = min(3 * lead_width_mm, 0.6 * pitch_mm)
            widths = [lead_in, 0.3 * pitch_mm if legs == "through" else lead_width_mm, tip_width]
            solids.append(track([_turned(point, outward_deg) for point in finger], widths, z, z_top, frame))
            solids += _bond_wire(_turned(pad, outward_deg), _turned(tip, outward_deg), die_top, z_top)
            foot = _turned((along, half_body), outward_deg)
            if legs == "gull":
                solids += gull_wing(foot, outward_deg, lead_width_mm, z_top, solder, frame)
            else:
                solids += _through_leg(foot, outward_deg, lead_width_mm, lead_in, z_top, solder, frame)
    return phantom_of("lead frame package", solids)


def _turned(point: Point, outward_deg: float) -> Point:
    """(along, outwards) on one side of a package to (x, y)."""
    angle = np.radians(outward_deg)
    along, out = point
    return (
        float(out * np.cos(angle) + along * np.sin(angle)),
        float(out * np.sin(angle) - along * np.cos(angle)),
    )


def _around(fraction: float, half_along: float, half_out: float) -> Point:
    """Point at ``fraction`` of the way round the outer half of a rectangle: up one end, along the side, down again."""
    way = fraction * 2 * (half_along + half_out)
    if way < half_out:
        return -half_along, way
    if way > half_out + 2 * half_along:
        return half_along, 2 * (half_along + half_out) - way
    return way - half_out - half_along, half_out


def _tie_bars(body_mm: Point3, leads: tuple[int, int], paddle_mm: Point, z: float, frame: str) -> list[PlacedSolid]:
    """Bars that held the paddle: to the corners of a quad package, to the ends of a dual in-line one."""
    half_x, half_y = 0.5 * paddle_mm[0], 0.5 * paddle_mm[1]
    end_x, end_y = 0.5 * body_mm[0], 0.5 * body_mm[1]
    low, high = z - 0.15, z - 0.15 + FRAME_THICKNESS_MM
    if leads[1] == 0:
        return [track([(s * half_x, 0.0), (s * end_x, 0.0)], 0.4, low, high, frame) for s in (-1, 1)]
    return [
        track([(a * half_x, b * half_y), (a * (end_x - 0.3), b * (end_y - 0.3))], 0.3, low, high, frame)
        for a in (-1, 1)
        for b in (-1, 1)
    ]


def _bond_wire(pad: Point, tip: Point, die_top: float, tip_top: float) -> list[PlacedSolid]:
    """Gold wire that rises from the die and falls to the lead."""
    peak = (pad[0] + 0.3 * (tip[0] - pad[0]), pad[1] + 0.3 * (tip[1] - pad[1]), die_top + 0.2)
    return wire("Au", [(*pad, die_top), peak, (*tip, tip_top)], BOND_WIRE_MM)


def gull_wing(
    root: Point, outward_deg: float, width: float, z_top: float, solder: str, frame: str
) -> list[PlacedSolid]:
    """Pad, solder and leg of one gull wing that leaves the body at ``root``.

    Parameters
    ----------
    root : (float, float)
        Where the leg leaves the body. [mm]
    outward_deg : float
        Outward direction, from x towards y. [deg]
    width : float
        Of track, strip or part. [mm]
    z_top : float
        Upper face. [mm]
    solder : str
        Material of the solder.
    frame : str
        Material of the lead frame.

    Returns
    -------
    solids : list of PlacedSolid
    """
    t = FRAME_THICKNESS_MM
    low = TOP_MM + SOLDER_MM
    profile = [
        (0.0, z_top - t), (0.25, z_top - t), (0.45, low), (1.25, low),
        (1.25, low + t), (0.45 + t, low + t), (0.25 + t, z_top), (0.0, z_top),
    ]  # fmt: skip
    angle = np.radians(outward_deg)
    middle = (root[0] + 0.9 * float(np.cos(angle)), root[1] + 0.9 * float(np.sin(angle)))
    return [
        box("Cu", middle, (1.5, width * 1.3), 0.0, TOP_MM, outward_deg),
        box(solder, middle, (1.3, width * 1.15), TOP_MM, low, outward_deg),
        bent_strip(frame, profile, width, root, outward_deg),
    ]


def _through_leg(
    root: Point, outward_deg: float, width: float, shoulder: float, z_top: float, solder: str, frame: str
) -> list[PlacedSolid]:
    """Hole, pin and bent shoulder of one leg of a dual in-line package."""
    t = 0.25
    out = 0.9
    profile = [(0.0, z_top - t), (out - t, z_top - t), (out - t, 0.4), (out, 0.4), (out, z_top), (0.0, z_top)]
    angle = np.radians(outward_deg)
    at = (out - 0.5 * t) * np.array([np.cos(angle), np.sin(angle)])
    hole = (root[0] + float(at[0]), root[1] + float(at[1]))
    return [
        *soldered_pin(hole, width, width + 0.35, solder, frame, 0.5),
        bent_strip(frame, profile, shoulder, root, outward_deg),
    ]


def ball_grid_array(
    rng: np.random.Generator,
    balls_per_side: int = 16,
    pitch_mm: float = 1.0,
    ball_diameter_mm: float = 0.5,
    body_mm: float = 17.0,
    wires_per_side: int = 32,
    voided_fraction: float = 0.06,
    solder: str = "solder_SAC305",
) -> Phantom:
    """Plastic ball grid array: full square of balls, laminate substrate, moulded cap, die, fan of wires and tracks.

    Parameters
    ----------
    rng : numpy.random.Generator
        Sizes of the balls (2 % standard deviation), and which of them hold a void.
    balls_per_side : int
        Balls along x and along y. [1]
    pitch_mm, ball_diameter_mm, body_mm : float
        Grid, balls before collapse, side of the body. [mm]
    wires_per_side : int
        Bond wires on each side of the die. [1]
    voided_fraction : float
        Fraction of balls with a spherical void of 25 to 50 % of the ball's diameter. [1]
    solder : str
        Material of the balls.

    Returns
    -------
    part : Phantom
        Body first; the voids (material "air") come last.
    """
    low = TOP_MM + 0.85 * ball_diameter_mm
    cap = low + 0.36
    half_cap = 0.5 * body_mm - 1.2
    solids = [
        box("FR4", (0.0, 0.0), (body_mm, body_mm), low, cap),
        box("mould_compound", (0.0, 0.0), (2 * half_cap, 2 * half_cap), cap, cap + 1.17),
        box("Cu", (0.0, 0.0), (10.5, 10.5), cap - 0.12, cap - 0.10),
        box("Ag", (0.0, 0.0), (7.4, 7.4), cap, cap + 0.02),
        box("Si", (0.0, 0.0), (7.0, 7.0), cap + 0.02, cap + 0.32),
    ]
    for outward_deg in (0.0, 90.0, 180.0, 270.0):
        for index in range(wires_per_side):
            fraction = (2 * index + 1) / wires_per_side - 1
            pad, finger = (fraction * 3.35, 3.4), (fraction * 4.6, 4.9 + 0.35 * (index % 2))
            fan = (fraction * 6.4, 6.0 + 0.5 * (index % 3))
            solids += _bond_wire(_turned(pad, outward_deg), _turned(finger, outward_deg), cap + 0.32, cap + 0.02)
            ends = [_turned(finger, outward_deg), _turned(fan, outward_deg)]
            solids.append(track(ends, 0.1, cap, cap + 0.02))
            solids.append(post("Cu", ends[1], 0.3, low, cap))
    offsets = (np.arange(balls_per_side) - 0.5 * (balls_per_side - 1)) * pitch_mm
    centres = [(float(x), float(y)) for y in offsets for x in offsets]
    radii = 0.5 * ball_diameter_mm * (1 + 0.02 * rng.standard_normal(len(centres)))
    z = TOP_MM + 0.425 * ball_diameter_mm
    for (x, y), radius in zip(centres, radii, strict=True):
        solids.append(place(Sphere(float(radius)), solder, (x, y, z)))
    voided = rng.choice(len(centres), size=round(voided_fraction * len(centres)), replace=False)
    for index in np.sort(voided):
        x, y = centres[index]
        radius = 0.5 * ball_diameter_mm * float(rng.uniform(0.25, 0.5))
        shift = 0.4 * (0.5 * ball_diameter_mm - radius) * rng.uniform(-1.0, 1.0, 2)
        solids.append(place(Sphere(radius), "air", (x + float(shift[0]), y + float(shift[1]), z)))
    return phantom_of("ball grid array", solids)


def tab_regulator(solder: str) -> Phantom:
    """SOT-223 voltage regulator: three legs on one side, a wide tab on the other, the die on the tab's copper."""
    body_low, z = TOP_MM + 0.1, TOP_MM + 0.9
    frame = "copper_alloy_194"
    solids = [
        box("mould_compound", (0.0, 0.0), (6.5, 3.5), body_low, body_low + 1.6),
        box(frame, (0.0, -0.4), (3.6, 2.4), z - 0.3, z),
        box("Si", (0.2, -0.5), (1.6, 1.4), z + 0.02, z + 0.3),
        box("Cu", (0.0, -3.1), (4.4, 3.0), 0.0, TOP_MM),
        box(solder, (0.0, -2.8), (3.2, 1.8), TOP_MM, TOP_MM + SOLDER_MM),
        *gull_wing((0.0, -1.75), 270.0, 3.0, z, solder, frame),
    ]
    for index in (-1, 0, 1):
        x = 2.3 * index
        solids.append(track([(x, 1.75), (x, 1.3), (0.7 * x, 0.95)], [0.7, 0.7, 0.5], z - 0.15, z, frame))
        solids += _bond_wire((0.2 + 0.5 * index, 0.0), (0.7 * x, 0.98), z + 0.3, z)
        solids += gull_wing((x, 1.75), 90.0, 0.7, z, solder, frame)
    return phantom_of("tab regulator", solids)


def small_transistor(solder: str) -> Phantom:
    """SOT-23 transistor or diode: three short legs, a tiny die."""
    z = TOP_MM + 0.55
    frame = "copper_alloy_194"
    solids = [
        box("mould_compound", (0.0, 0.0), (2.9, 1.3), TOP_MM + 0.05, TOP_MM + 1.05),
        box(frame, (0.0, -0.15), (1.1, 0.8), z - 0.12, z),
        box("Si", (0.0, -0.2), (0.45, 0.45), z, z + 0.2),
    ]
    for x, y, outward in ((-0.95, 0.65, 90.0), (0.95, 0.65, 90.0), (0.0, -0.65, 270.0)):
        inner = 0.3 if y > 0 else -0.3
        solids.append(track([(x, y), (x, inner)], 0.42, z - 0.12, z, frame))
        solids += gull_wing((x, y), outward, 0.42, z, solder, frame)
    solids.append(rod("Au", (0.0, -0.1, z + 0.2), (0.9, 0.35, z), BOND_WIRE_MM))
    return phantom_of("small transistor", solids)

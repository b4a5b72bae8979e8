"""Connectors and metal parts of the network card: network jack, transformer module, header, bracket and screws.

Every part stands in board coordinates (see card_drawing); the docstring of each says where its x = y = 0 is.
Outlines follow parts of this kind (RJ45 of IEC 60603-7, PCI bracket); what is inside is assumed.
"""

from __future__ import annotations

import numpy as np

from phantoms.card.drawing import (
    LAMINATE_MM,
    TOP_MM,
    Point,
    box,
    plate,
    post,
    put,
    rod,
    soldered_pin,
    wire,
)
from phantoms.card.packages import gull_wing
from phantoms.card.passives import wound_toroid
from phantoms.solids import Phantom, PlacedSolid, phantom_of

CONTACT_PITCH_MM = 1.016  # IEC 60603-7: eight contacts at 1.02 mm
JACK_PIN_PITCH_MM = 1.27  # two staggered rows of pins, usual footprint
JACK_PIN_ROWS_MM = (15.2, 17.74)  # their distance from the front, usual footprint
BRACKET_MM = 0.86  # PCI local bus specification, bracket sheet
BRACKET_WIDTH_MM = 18.42  # the same: bracket across the board


def jack_pin(index: int) -> Point:
    """Where contact 0 to 7 of ``modular_jack`` goes through the board. [mm]"""
    return JACK_PIN_ROWS_MM[index % 2], (index - 3.5) * JACK_PIN_PITCH_MM


def modular_jack(solder: str) -> Phantom:
    """Shielded RJ45 jack with two lamps: front at x = 0 facing -x, centred on y = 0, 21.5 mm deep."""
    depth, width, height, sheet = 21.5, 16.0, 13.2, 0.2
    low = TOP_MM + 0.1
    half = 0.5 * width
    metal = "brass"
    solids = [
        box("polyamide", (0.5 * depth, 0.0), (depth - 0.6, width - 0.6), low, low + height - 0.4),
        box("air", (6.4, 0.0), (12.6, 11.8), low + 2.6, low + 9.4),
        box("air", (6.4, 0.0), (12.6, 6.0), low + 1.2, low + 2.6),
        box("air", (16.6, 0.0), (5.8, 9.6), low + 0.6, low + 5.0),
        box(metal, (0.5 * depth, 0.0), (depth, width), low + height - sheet, low + height),
        box(metal, (depth - 0.5 * sheet, 0.0), (sheet, width), low + 1.0, low + height),
    ]
    for side in (-1.0, 1.0):
        y = side * (half - 0.5 * sheet)
        solids.append(box(metal, (0.5 * depth, y), (depth, sheet), low, low + height))
        solids.append(box(metal, (0.5 * sheet, side * 7.0), (sheet, 1.8), low, low + height))
        # spring fingers that touch the bracket, and those that touch the plug
        for z in (3.5, 9.0):
            solids.append(rod(metal, (1.2, y, low + z), (4.2, y + side * 0.8, low + z), 0.35))
        solids += soldered_pin((8.9, side * 7.9), 1.2, 1.6, solder, metal, low + 1.0, thermal_relief=True)
        peg = (6.3, side * 5.72)
        solids.append(post("air", peg, 3.3, -LAMINATE_MM - 0.2, TOP_MM))
        solids.append(post("polyamide", peg, 3.1, -LAMINATE_MM - 1.2, low))
        solids += _lamp(side, low, solder)
    for index in range(8):
        y = (index - 3.5) * CONTACT_PITCH_MM
        pin_x, pin_y = jack_pin(index)
        path = [(9.6, y, low + 2.2), (2.2, y, low + 2.0), (1.6, y, low + 2.6), (8.6, y, low + 6.2)]
        solids += wire("phosphor_bronze", path, 0.38)
        path = [(9.6, y, low + 2.2), (12.6, y, low + 2.6), (pin_x, pin_y, low + 2.6)]
        solids += wire("phosphor_bronze", path, 0.42)
        solids += soldered_pin((pin_x, pin_y), 0.45, 0.9, solder, "phosphor_bronze", low + 2.6)
    return phantom_of("modular jack", solids)


def _lamp(side: float, low: float, solder: str) -> list[PlacedSolid]:
    """Light-emitting diode in a front corner of the jack, its two wires running back to pins."""
    z = low + 11.2
    solids = [
        box("epoxy", (2.2, side * 6.2), (3.6, 2.0), z - 1.3, z + 1.3),
        box("steel", (2.6, side * 5.9), (1.0, 0.9), z - 0.4, z + 0.2),
        box("Si", (2.5, side * 5.9), (0.3, 0.3), z + 0.2, z + 0.4),
    ]
    for offset, back in ((0.0, 20.3), (1.1, 18.9)):
        y = side * (5.8 + offset)
        solids += wire("steel", [(3.0, y, z), (back, y, z), (back, y, low + 0.2)], 0.48)
        solids += soldered_pin((back, y), 0.48, 0.9, solder, "steel", low + 0.3)
    return solids


def transformer_module(rng: np.random.Generator, solder: str) -> Phantom:
    """Network transformers: sixteen gull wings (along y, 1.27 mm), four large and two small hand-wound rings inside.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws what differs from part to part.
    solder : str
        Material of the solder.

    Returns
    -------
    phantom : Phantom
    """
    low, body = TOP_MM + 0.12, (9.4, 13.0, 5.6)
    z = low + 1.6
    solids = [
        box("epoxy", (0.0, 0.0), (body[0], body[1]), low, low + body[2]),
        box("air", (0.0, 0.0), (body[0] - 1.6, body[1] - 1.4), low + 0.9, low + body[2] - 0.8),
    ]
    terminals = [(side * 0.5 * body[0], (index - 3.5) * 1.27) for side in (-1.0, 1.0) for index in range(8)]
    for x, y in terminals:
        outward = 0.0 if x > 0 else 180.0
        solids.append(box("copper_alloy_194", (0.86 * x, y), (1.2, 0.45), z - 0.25, z))
        solids += gull_wing((x, y), outward, 0.45, z, solder, "copper_alloy_194")
    large = [(-1.8, -4.0, 3.4), (1.9, -1.6, 3.4), (-1.8, 1.4, 3.4), (1.7, 4.1, 3.4)]
    small = [(1.9, -4.9, 2.2), (-2.0, 4.7, 2.2)]
    for x, y, size in large + small:
        turns = 15 if size > 3 else 9
        turn = float(rng.uniform(0.0, 360.0))
        middle = np.array([x, y]) + rng.uniform(-0.15, 0.15, 2)
        ring = wound_toroid(rng, size, 0.48 * size, 0.5 * size, turns, 0.15, inside="air", arc_deg=(10.0, 350.0))
        solids += put(phantom_of("ring", ring), (float(middle[0]), float(middle[1])), turn, z)
        # ends of the windings, led to the four nearest terminals
        nearest = np.argsort(np.linalg.norm(np.subtract(terminals, middle), axis=1), kind="stable")[:4]
        for end_x, end_y in (terminals[index] for index in nearest):
            angle = np.arctan2(end_y - middle[1], end_x - middle[0]) + rng.uniform(-0.4, 0.4)
            rim_x, rim_y = middle + 0.55 * size * np.array([np.cos(angle), np.sin(angle)])
            solids.append(rod("Cu", (float(rim_x), float(rim_y), z + 0.3), (0.84 * end_x, end_y, z + 0.05), 0.15))
    return phantom_of("transformer module", solids)


def pin_header(solder: str, pins: int = 3, pitch_mm: float = 2.0) -> Phantom:
    """Straight header along x for the wake-up cable: square pins in a plastic shroud.

    Parameters
    ----------
    solder : str
        Material of the solder.
    pins : int
        How many. [1]
    pitch_mm : float
        From pin to pin. [mm]

    Returns
    -------
    phantom : Phantom
    """
    low = TOP_MM + 0.05
    length = pins * pitch_mm + 2.0
    solids = [
        box("polyamide", (0.0, 0.0), (length, 4.6), low, low + 6.0),
        box("air", (0.0, 0.0), (length - 1.2, 3.4), low + 1.4, low + 6.0),
    ]
    for index in range(pins):
        x = (index - 0.5 * (pins - 1)) * pitch_mm
        solids += soldered_pin((x, 0.0), 0.5, 0.9, solder, "brass", low)
        solids.append(box("brass", (x, 0.0), (0.5, 0.5), low, low + 5.4))
    return phantom_of("pin header", solids)


def bracket(tabs_y: tuple[float, float], window_y: tuple[float, float], low: float) -> Phantom:
    """Steel bracket on edge: its inner face at x = 0, y as on the board, z from ``low`` over 18.4 mm.

    A window lets the jack through; the upper end is folded outwards for the chassis screw, the lower end narrows to a
    tongue, and two tabs folded inwards under screws hold the board [mm].

    Parameters
    ----------
    tabs_y : (float, float)
        Middle of the two tabs. [mm]
    window_y : (float, float)
        Ends of the window. [mm]
    low : float
        Lower end. [mm]

    Returns
    -------
    phantom : Phantom
    """
    top, bottom, high = -12.0, 61.5, low + BRACKET_WIDTH_MM
    x = -0.5 * BRACKET_MM
    middle = 0.5 * (low + high)
    solids = [box("steel", (x, 0.5 * (top + bottom)), (BRACKET_MM, bottom - top), low, high)]
    solids.append(box("air", (x, sum(window_y) / 2), (2 * BRACKET_MM, window_y[1] - window_y[0]), 0.0, 13.6))
    solids.append(box("steel", (x, bottom + 3.5), (BRACKET_MM, 7.0), middle - 5.0, middle + 5.0))
    solids.append(box("steel", (x - 5.7, top - 0.5 * BRACKET_MM), (11.4 + BRACKET_MM, BRACKET_MM), low, high))
    # slot for the chassis screw, open to one side
    solids.append(box("air", (-7.6, top - 0.5 * BRACKET_MM), (4.4, BRACKET_MM), low, low + 5.4))
    for y in tabs_y:
        inner = [(7.0, y - 3.6), (8.6, y - 2.0), (8.6, y + 2.0), (7.0, y + 3.6)]
        tab = [(-BRACKET_MM, y - 3.6), *inner, (-BRACKET_MM, y + 3.6)]
        solids.append(plate("steel", tab, TOP_MM, TOP_MM + BRACKET_MM))
    return phantom_of("bracket", solids)


def screw(low: float) -> Phantom:
    """M3 pan-head steel screw on x = y = 0 with a cross recess; its head rests at z = ``low``, 7 mm of thread below."""
    head = low + 1.9
    solids = [
        post("air", (0.0, 0.0), 3.3, -LAMINATE_MM - 0.1, low),
        post("steel", (0.0, 0.0), 5.6, low, head),
        post("steel", (0.0, 0.0), 2.75, -LAMINATE_MM - 0.8, low),
    ]
    for angle in (20.0, 110.0):
        solids.append(box("air", (0.0, 0.0), (2.9, 0.6), head - 1.1, head + 0.1, angle))
    return phantom_of("screw", solids)

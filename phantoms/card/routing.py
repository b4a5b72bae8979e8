"""Tracks and vias of the network card: buses, pairs, fan-outs and supply copper, in the coordinates of the board.

The net list is invented; every bundle runs between parts that such a card connects, on one of the two outer layers.
"""

from __future__ import annotations

import numpy as np

from phantoms.card.board import (
    BODY_HEIGHT_MM,
    FINGERS,
    KEYED_FINGERS,
    WIDTH_MM,
    finger_x,
    meander,
    pair,
    river,
)
from phantoms.card.connectors import jack_pin
from phantoms.card.drawing import (
    BOTTOM_MM,
    LAMINATE_MM,
    TOP_MM,
    Point,
    bottom_track,
    chamfered,
    plate,
    post,
    top_track,
    via,
)
from phantoms.solids import PlacedSolid

# centres of the large parts that the tracks join
JACK_AT: Point = (-3.3, 27.0)
TRANSFORMER_AT: Point = (27.0, 27.0)
INTERFACE_AT: Point = (48.0, 28.0)  # quad flat package, 26 and 38 leads at 0.5 mm
CONTROLLER_AT: Point = (75.0, 31.0)  # ball grid array, 16 x 16 at 1.0 mm
MEMORY_AT: Point = (98.0, 12.0)  # dual in-line package, 28 legs at 2.54 mm
CRYSTAL_AT: Point = (48.0, 7.5)
MOAT_MM = (19.2, 32.5)

_FOOT = 0.9  # middle of a gull wing's foot, from the body
_FREE_FINGERS = [index for index in range(FINGERS) if index not in KEYED_FINGERS]


def all_tracks(rng: np.random.Generator) -> list[PlacedSolid]:
    """Every track and via that belongs to a bundle; ``rng`` picks which balls of the array have vias."""
    return [
        *_supply_copper(),
        *_host_bus(),
        *_media_bus(),
        *_memory_bus(),
        *_network_pairs(),
        *_interface_fan_out(),
        *_clock_lines(),
        *_controller_vias(rng),
        *_stitching(),
    ]


def _supply_copper() -> list[PlacedSolid]:
    """Wide copper on the component side around the regulator, and trunks from the fingers."""
    pour = [(106.0, 33.5), (118.6, 33.5), (118.6, 46.5), (113.5, 51.5), (107.0, 51.5), (104.0, 48.5), (104.0, 35.5)]
    second = [(92.0, 44.6), (100.0, 44.6), (101.6, 46.2), (101.6, 53.0), (90.6, 53.0), (90.6, 46.0)]
    solids = [plate("Cu", pour, 0.0, TOP_MM), plate("Cu", second, 0.0, TOP_MM)]
    for index in (0, 1, 58, 59, 61):
        x = finger_x(index)
        solids.append(top_track([(x, 57.6), (x, 54.0)], 0.8))
        solids.extend(via((x, 53.6), in_plane=True))
    for index in (3, 8, 21, 34, 47, 55, 60):
        x = finger_x(index)
        solids.append(bottom_track([(x, 57.6), (x, 55.6)], 0.6))
        solids.extend(via((x, 55.2), in_plane=True))
    return solids


def _host_bus() -> list[PlacedSolid]:
    """31 lines on each side from the edge fingers to the near rows of the ball grid array."""
    x0, y0 = CONTROLLER_AT[0] - 7.5, CONTROLLER_AT[1] + 7.5
    solids = []
    usable = _FREE_FINGERS[2:-4]
    for layer, rows in ((0, 0.0), (1, 2.5)):
        chosen = [usable[round(i)] for i in np.linspace(layer, len(usable) - 3 + layer, 31)]
        targets = [x0 + 0.5 * i for i in range(31)]
        starts = [(finger_x(index), 57.7) for index in chosen]
        ends = [(x, y0 - rows) for x in targets]
        for i, line in enumerate(river(starts, ends, 54.8 - 0.5 * layer, 0.38, cut=2.2)):
            if (i + layer) % 2 == 1:  # between two columns: on to the next row
                x, y = line[-1]
                line = [*line[:-1], (x, y - 0.5), (x - 0.5, y - 1.0)]
            solids.append(bottom_track(line) if layer else top_track(line))
    return solids


def _media_bus() -> list[PlacedSolid]:
    """31 lines between the interface and the controller."""
    x0 = INTERFACE_AT[0] + 7.0 + _FOOT
    starts = [(x0, INTERFACE_AT[1] + (index - 18.5) * 0.5) for index in range(4, 35)]
    ends = [(CONTROLLER_AT[0] - 7.5, CONTROLLER_AT[1] - 7.5 + 0.5 * i) for i in range(31)]
    solids = []
    for i, line in enumerate(river(starts, ends, x0 + 1.6, 0.2, along="x", cut=1.2)):
        if i % 2 == 1:
            x, y = line[-1]
            line = [*line[:-1], (x + 0.5, y), (x + 1.0, y - 0.5)]
        solids.append(top_track(line, 0.16))
    return solids


def _memory_bus() -> list[PlacedSolid]:
    """Controller to memory: nested corners, the near row on top, the far row below and between the near pins."""
    solids = []
    right = CONTROLLER_AT[0] + 7.5
    for i in range(13):
        x = MEMORY_AT[0] + (i + 1 - 6.5) * 2.54
        y = CONTROLLER_AT[1] - 7.5 + 0.5 * i
        near = chamfered([(right - 0.5 * (i % 2), y), (x, y), (x, MEMORY_AT[1] + 7.58)], 1.4)
        solids.append(top_track(near))
        between = x - 1.27
        far = chamfered([(right - 1.5, y + 0.25), (between, y + 0.25), (between, MEMORY_AT[1] - 6.0)], 1.4)
        solids.append(bottom_track([*far, (between + 1.2, MEMORY_AT[1] - 7.2), (between + 1.27, MEMORY_AT[1] - 7.58)]))
    return solids


def _network_pairs() -> list[PlacedSolid]:
    """Pairs jack - transformer - interface, lengthened to match; two pairs of the jack are only terminated."""
    top = (0.0, TOP_MM)
    solids = []
    leads = [TRANSFORMER_AT[1] + (2 * index - 3.0) * 1.27 for index in range(4)]
    out_x = TRANSFORMER_AT[0] + 4.7 + _FOOT
    in_x = TRANSFORMER_AT[0] - 4.7 - _FOOT
    for index, (y, target) in enumerate(zip(leads, (21.9, 25.0, 29.0, 32.1), strict=True)):
        turns = (0, 1, 1, 0)[index]
        line = meander((INTERFACE_AT[0] - 7.0 - _FOOT, target), (out_x, y), 0.9, 1.7, turns)
        solids += pair(line, 0.5, 0.2, *top)
        near, far = jack_pin(2 * index), jack_pin(2 * index + 1)
        pins = (JACK_AT[0] + max(near[0], far[0]) + 0.9, JACK_AT[1] + 0.5 * (near[1] + far[1]))
        solids += pair(meander((in_x, y), pins, 0.8, 1.7, 1), 0.5, 0.2, *top)
    return solids


def _interface_fan_out() -> list[PlacedSolid]:
    """Leads above and below the interface: short tracks to staggered vias; the rest of its right side as well."""
    solids = []
    for side in (-1.0, 1.0):
        y = INTERFACE_AT[1] + side * (10.0 + _FOOT)
        for index in range(0, 26, 2):
            x = INTERFACE_AT[0] + (index - 12.5) * 0.5
            reach = 1.6 + 0.8 * (index // 2 % 3)
            shift = 0.02 * (index - 12.5)
            bend = (x + 4 * shift, y + side * (reach + 0.4))
            solids.append(top_track([(x, y), (x, y + side * (reach - abs(4 * shift))), bend]))
            solids += via(bend, in_plane=index % 8 == 0)
    for index in (0, 2, 36, 37):
        y = INTERFACE_AT[1] + (index - 18.5) * 0.5
        x = INTERFACE_AT[0] + 7.0 + _FOOT
        solids.append(top_track([(x, y), (x + 2.4, y)], 0.25))
        solids += via((x + 2.6, y), in_plane=True)
    crystal = [(CRYSTAL_AT[0] + side * 2.44, CRYSTAL_AT[1]) for side in (-1.0, 1.0)]
    for pin, lead in zip(crystal, (-0.25, 0.25), strict=True):
        target = (INTERFACE_AT[0] + lead, INTERFACE_AT[1] - 10.9)
        solids.append(top_track(chamfered([pin, (pin[0], 13.2), (target[0], 13.2 + 2 * abs(lead)), target], 0.6)))
    return solids


def _clock_lines() -> list[PlacedSolid]:
    """Single lines with long meanders, as used to match the host clock."""
    solids = []
    for x, y, turns, amplitude in ((57.5, 47.5, 7, 3.0), (57.5, 51.4, 6, 2.4), (20.4, 52.0, 5, 2.2)):
        line = meander((x, y), (x + 11.5, y), amplitude, 1.4, turns)
        solids.append(top_track(line, 0.18))
        solids += [*via((x, y)), *via((x + 11.5, y))]
    return solids


def _controller_vias(rng: np.random.Generator) -> list[PlacedSolid]:
    """Pads under all balls; short tracks to vias for most balls of the inner field, planes under the die."""
    solids = []
    for j in range(16):
        for i in range(16):
            dx, dy = i - 7.5, j - 7.5
            inner = max(abs(dx), abs(dy)) < 5
            if not inner or rng.random() < 0.2:
                continue
            x, y = CONTROLLER_AT[0] + dx, CONTROLLER_AT[1] + dy
            at = (x + 0.5 * float(np.sign(dx)), y + 0.5 * float(np.sign(dy)))
            solids.append(top_track([(x, y), at], 0.2))
            solids += via(at, in_plane=max(abs(dx), abs(dy)) < 3, drill=0.25, pad=0.5)
    return solids


def _stitching() -> list[PlacedSolid]:
    """Ground vias along the rim of the board and of the moat, and three round marks for the placing machine."""
    solids = []
    for x in np.arange(40.0, WIDTH_MM - 2.0, 6.5):
        solids += via((float(x), 1.3), in_plane=True)
    for y in np.arange(3.0, BODY_HEIGHT_MM - 1.0, 5.2):
        solids += via((WIDTH_MM - 1.4, float(y)), in_plane=True)
        solids += via((MOAT_MM[0] - 0.9, float(y)), in_plane=True)
        if not 12.0 < y < 44.0:
            solids += via((MOAT_MM[1] + 1.0, float(y)), in_plane=True)
    for mark in ((3.0, 2.6), (117.0, 2.6), (117.0, 54.0)):
        solids.append(post("Cu", mark, 1.0, 0.0, TOP_MM))
    solids.append(bottom_track([(MOAT_MM[1] + 1.5, 48.5), (60.0, 48.5), (62.5, 46.0), (62.5, 41.0)], 0.4))
    patch = [(36.0, 44.0), (44.0, 44.0), (45.5, 45.5), (45.5, 50.0), (36.0, 50.0)]
    solids.append(plate("Cu", patch, BOTTOM_MM, -LAMINATE_MM))
    return solids

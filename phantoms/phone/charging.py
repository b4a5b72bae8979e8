"""Power of the phone: spiral coil for wireless charging on its ferrite, the connector and its flexible board.

In phone coordinates (see outline). The connector has the shell, tongue and pitch of USB Type-C; coil, ferrite and flex
follow common practice: assumed.
"""

from __future__ import annotations

import numpy as np

from phantoms.card.drawing import Point, box, post, track
from phantoms.phone.outline import LENGTH_MM, WIDTH_MM, disc, slab
from phantoms.solids import PlacedSolid

COIL_MM: Point = (35.5, 74.0)
TURNS, INNER_MM, PITCH_MM = 13, 10.2, 0.98  # of the coil: turns, inner radius, from turn to turn   # assumed
STRAND_MM, GAP_MM = 0.36, 0.09  # two strands side by side in each turn   # assumed
CONTACT_PITCH_MM = 0.5  # USB Type-C: 12 contacts a side


def charging() -> list[PlacedSolid]:
    """Coil with its ferrite and leads, connector, and the flex that joins it to the board.

    Returns
    -------
    solids : list of PlacedSolid
    """
    return [*coil(), *_connector(), *_lower_flex()]


def coil() -> list[PlacedSolid]:
    """Flat spiral of two strands in pieces of 30 degrees, ferrite sheet behind it, and both leads.

    Returns
    -------
    solids : list of PlacedSolid
    """
    x, y = COIL_MM
    low = 0.8
    outer = INNER_MM + TURNS * PITCH_MM
    solids = [
        disc("PET", COIL_MM, 2 * outer + 3.2, 1.28, 1.33, 96),
        disc("ferrite", COIL_MM, 2 * outer + 2.6, 1.08, 1.28, 96),
    ]
    pieces, steps = 12, 4
    for piece in range(TURNS * pieces):
        angle = 2.0 * np.pi * np.linspace(piece, piece + 1.0, steps + 1) / pieces
        for strand in (-0.5, 0.5):
            radius = INNER_MM + PITCH_MM * angle / (2.0 * np.pi) + strand * (STRAND_MM + GAP_MM)
            points = [(float(x + r * np.cos(a)), float(y + r * np.sin(a))) for r, a in zip(radius, angle, strict=True)]
            solids.append(track(points, STRAND_MM, low, low + 0.12))
    for strand in (-0.5, 0.5):  # leads: from inside under the turns, and from outside
        line = [(x + INNER_MM, y + strand), (x + outer + 3.0, y + strand)]
        solids.append(track(line, 0.7, low + 0.13, low + 0.2))
        line = [(x + outer, y + 3.0 + strand), (x + outer + 3.0, y + 3.0 + strand)]
        solids.append(track(line, 0.7, low, low + 0.12))
    return solids


def _connector() -> list[PlacedSolid]:
    """Receptacle: steel shell with round sides, tongue with a steel middle and contacts on both faces, legs."""
    x, z = 0.5 * WIDTH_MM, 3.4
    mouth, depth = LENGTH_MM - 0.4, 7.6
    y = mouth - 0.5 * depth
    solids = [box("air", (x, mouth - 1.4), (9.4, 3.2), z - 1.5, z + 1.5)]
    profile = ((9.0, 2.2), (8.4, 2.75), (7.4, 3.2))  # width at height: a stadium of three boxes
    for width, height in profile:
        solids.append(box("stainless_steel", (x, y), (width, depth), z - 0.5 * height, z + 0.5 * height))
    for width, height in profile:
        solids.append(box("air", (x, y + 0.4), (width - 0.5, depth), z - 0.5 * height + 0.25, z + 0.5 * height - 0.25))
    solids += [
        box("polyamide", (x, y - 2.6), (8.4, 2.6), z - 1.3, z + 1.3),
        box("polyamide", (x, y + 0.6), (6.7, 4.6), z - 0.35, z + 0.35),
        box("stainless_steel", (x, y), (6.9, 6.2), z - 0.08, z + 0.08),
    ]
    for side in (-1.0, 1.0):
        for index in range(12):
            at = x + CONTACT_PITCH_MM * (index - 5.5)
            level = z + side * 0.4
            solids.append(box("copper_alloy_194", (at, y + 0.3), (0.25, 4.4), level - 0.08, level + 0.08))
            solids.append(box("copper_alloy_194", (at, y - 3.4), (0.22, 3.0), level - 0.08, level + 0.08))
        for back in (-2.8, 1.6):  # legs of the shell in the flexible board
            leg = (x + side * 4.8, y + back)
            solids.append(box("stainless_steel", leg, (0.4, 1.5), 1.9, z))
            solids.append(post("solder_SAC305", leg, 1.3, 2.0, 2.35))
    return solids


def _lower_flex() -> list[PlacedSolid]:
    """Flexible board across the foot with stiffener and small parts, and its lead up along the battery."""
    z = 2.0
    middle = 0.5 * WIDTH_MM
    solids = [
        slab("polyimide", (middle, 138.6), (31.0, 6.4), z, z + 0.12, 1.0),
        slab("Cu", (middle, 138.6), (30.4, 5.8), z + 0.04, z + 0.075, 1.0),
        slab("stainless_steel", (middle, 139.4), (20.0, 4.0), z - 0.2, z, 0.8),
    ]
    rng = np.random.default_rng(12)
    for index in range(22):
        at = (middle - 13.6 + 1.24 * index + float(rng.uniform(-0.2, 0.2)), 136.6 + 0.7 * (index % 2))
        if abs(at[0] - middle) < 4.6:
            continue
        solids.append(box("barium_titanate", at, (0.5, 0.9), z + 0.14, z + 0.6))
        for side in (-0.5, 0.5):
            solids.append(box("Sn", (at[0], at[1] + side), (0.5, 0.24), z + 0.14, z + 0.6))
    for x in (40.4, 43.6):
        solids.append(box("mould_compound", (x, 138.4), (2.0, 1.6), z + 0.14, z + 0.9))
        solids.append(box("Cu", (x, 138.4), (1.2, 0.9), z + 0.3, z + 0.45))
    # the lead beside the battery, to the board's lowest connector
    path = [(45.4, 138.0), (45.4, 128.0), (45.8, 116.0), (52.0, 111.0), (54.6, 107.4)]
    solids.append(track(path, 4.2, 5.12, 5.2, "polyimide"))
    for line in range(8):
        offset = 0.48 * (line - 3.5)
        shifted = [(a + offset, b + 0.35 * offset) for a, b in path]
        solids.append(track(shifted, 0.26, 5.2, 5.235))
    return solids

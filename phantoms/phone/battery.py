"""Battery of the phone: a wound lithium-ion cell in a pouch, its tabs, and the protection board at its head.

In phone coordinates (see outline). Foils of 8 um copper and 12 um aluminium, separators of 12 um and coatings of some
80 um a side are usual for cells of phones: assumed. Coatings are porous; here they are as much thinner full solids.
"""

from __future__ import annotations

import numpy as np

from phantoms.card.drawing import Point, box, post
from phantoms.phone.outline import BATTERY_MM, slab
from phantoms.solids import PlacedSolid

CENTRE_MM: Point = (24.3, 83.5)
SIZE_MM: Point = (39.6, 80.0)  # of the pouch without its flaps
# A cell of this size holds some ten double layers. Where they lie on each other a ray sees their sums: three sheets,
# each for several, show the steps of a winding's edge as well and cost a third of the time.
TURNS = 3
CATHODE_MM = 0.340  # LiCoO2 of one sheet, solid: coatings of 1.3 mm at 4.0 g/cm3 in all three   # assumed
ANODE_MM = 0.360  # graphite of one sheet, solid: coatings of 1.5 mm at 1.6 g/cm3 in all   # assumed
ALUMINIUM_MM, COPPER_MM, SEPARATOR_MM = 0.035, 0.025, 0.06  # of one sheet: some three foils of 12 and 8 um   # assumed


def battery(rng: np.random.Generator) -> list[PlacedSolid]:
    """Cell, pouch, tabs and protection board; about 1,900 mAh of LiCoO2.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws how far the sheets are out of line.

    Returns
    -------
    solids : list of PlacedSolid
    """
    low, high = BATTERY_MM
    x, y = CENTRE_MM
    foil = 0.11  # of aluminium laminate with its polymers
    flaps = (SIZE_MM[0] + 0.5, SIZE_MM[1] + 0.5)
    solids = [
        slab("Al", CENTRE_MM, SIZE_MM, high - 0.04, high, 1.4),
        slab("polyamide", CENTRE_MM, SIZE_MM, high - foil, high - 0.04, 1.4),
        slab("polyethylene", CENTRE_MM, SIZE_MM, low + foil, high - foil, 1.4),
        slab("polyamide", CENTRE_MM, flaps, low + 0.04, low + foil, 1.2),
        slab("Al", CENTRE_MM, flaps, low, low + 0.04, 1.2),
    ]
    for side in (-1.0, 1.0):  # flaps of the pouch, folded up along the long sides
        solids.append(box("Al", (x + side * 0.5 * flaps[0], y), (0.08, SIZE_MM[1] - 1.0), low, low + 2.6))
    solids += _winding(rng, low + foil + 0.1, high - foil - 0.1)
    solids += _head(y - 0.5 * SIZE_MM[1])
    return solids


def _winding(rng: np.random.Generator, low: float, high: float) -> list[PlacedSolid]:
    """Sheets of a flat winding: each turn farther in, where it bends round it stands upright along the long sides."""
    x, y = CENTRE_MM
    pitch = (high - low) / TURNS
    solids = []
    for turn in reversed(range(TURNS)):  # from the top, as rays meet them: sorting their crossings is then little work
        z = low + pitch * turn
        depth = min(turn, TURNS - 1 - turn)  # turns outside of this one
        width = SIZE_MM[0] - 1.5 - 0.9 * depth
        at = (x + float(rng.normal(0.0, 0.03)), y + float(rng.normal(0.0, 0.08)))
        length = SIZE_MM[1] - 3.2
        z_copper, z_cathode = z + ANODE_MM, z + ANODE_MM + COPPER_MM + SEPARATOR_MM
        z_top = z_cathode + CATHODE_MM
        solids += [
            box("Al", at, (width - 0.3, length - 1.4), z_top, z_top + ALUMINIUM_MM),
            box("lithium_cobalt_oxide", at, (width - 0.3, length - 2.0), z_cathode, z_top),
            box("Cu", at, (width, length), z_copper, z_copper + COPPER_MM),
            box("graphite", at, (width, length), z, z_copper),
        ]
    for turn in range(4):  # where the foils bend round they stand upright, one within the other
        reach = (high - low) * (1.0 - 0.22 * turn)
        for side in (-1.0, 1.0):
            edge = (x + side * (0.5 * (SIZE_MM[0] - 1.5) - 0.45 * turn), y)
            bottom = 0.5 * (low + high - reach)
            solids.append(box("Cu", edge, (0.05, SIZE_MM[1] - 5.2), bottom, bottom + reach))
            beside = (edge[0] - side * 0.12, y)
            solids.append(box("lithium_cobalt_oxide", beside, (0.12, SIZE_MM[1] - 5.2), bottom, bottom + reach))
    # the winding begins with bare foils in the middle
    solids.append(box("Al", (x - 8.0, y), (9.0, SIZE_MM[1] - 4.6), 0.5 * (low + high) - 0.01, 0.5 * (low + high)))
    return solids


def _head(y: float) -> list[PlacedSolid]:
    """Tabs out of the pouch, protection board with its chips, and the flat lead to the main board."""
    x, z = CENTRE_MM[0], 3.1
    solids = [
        box("Al", (x - 9.0, y + 3.0), (4.2, 9.0), z, z + 0.1),
        box("Ni", (x + 7.0, y + 3.0), (4.2, 9.0), z, z + 0.1),
        box("polyethylene", (x - 9.0, y + 0.6), (6.2, 2.2), z - 0.1, z + 0.2),
        box("polyethylene", (x + 7.0, y + 0.6), (6.2, 2.2), z - 0.1, z + 0.2),
        box("FR4", (x, y - 2.6), (33.0, 3.4), z + 0.2, z + 0.8),
        box("Cu", (x, y - 2.6), (32.4, 3.0), z + 0.16, z + 0.2),
        box("Cu", (x, y - 2.6), (32.4, 3.0), z + 0.8, z + 0.835),
        box("Ni", (x - 9.0, y - 2.4), (4.6, 2.6), z + 0.84, z + 1.1),
        box("Ni", (x + 7.0, y - 2.4), (4.6, 2.6), z + 0.84, z + 1.1),
        slab("mould_compound", (x, y - 2.6), (30.0, 2.6), z + 0.84, z + 1.7, 0.3, 2),
    ]
    for at, size in ((-3.4, (3.3, 2.4)), (0.6, (3.3, 2.4)), (12.0, (1.8, 1.8))):  # two switches and their controller
        for pad in (-1.0, -0.33, 0.33, 1.0):
            for side in (-0.95, 0.95):
                place = (x + at + 0.4 * size[0] * pad, y - 2.6 + side)
                solids.append(box("solder_SAC305", place, (0.35, 0.4), z + 0.84, z + 0.95))
        solids.append(box("copper_alloy_194", (x + at, y - 2.6), (0.7 * size[0], 1.2), z + 0.95, z + 1.1))
        solids.append(box("Si", (x + at, y - 2.6), (0.6 * size[0], 1.0), z + 1.1, z + 1.3))
    for index in range(9):
        place = (x - 14.2 + 1.15 * (index % 3) + (25.8 if index > 4 else 0.0), y - 3.2 + 1.1 * (index % 2))
        solids.append(box("barium_titanate", place, (0.5, 0.5), z + 0.84, z + 1.2))
        for side in (-0.35, 0.35):
            solids.append(box("Sn", (place[0] + side, place[1]), (0.2, 0.5), z + 0.84, z + 1.2))
    lead = [(x + 15.0, y - 2.6), (x + 21.8, y - 2.6)]
    for offset in (-0.8, 0.0, 0.8):
        solids.append(box("Cu", (0.5 * (lead[0][0] + lead[1][0]), y - 2.6 + offset), (6.8, 0.6), z + 0.9, z + 0.97))
    solids.append(post("graphite", (x - 12.4, y - 2.6), 1.4, z + 0.84, z + 1.3))  # thermistor's bead
    return solids

"""Line-pair plate: blocks of bars in a row, and plain blocks of several contrasts on both sides of it.

Frequencies, and where each block lies relative to the outline, are those that public analysis programs use for the
plate called QC-kV1; materials and thicknesses are assumed. The blocks of bars are in the order of falling frequency
from the middle outwards, so that a program that knows the plate finds it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from phantoms.solids import Box, Phantom, PlacedSolid, move_phantom, phantom_of, place

UNIT_MM = (
    142.0 * 0.0989
)  # by which places are given: side of the box round the plate turned by 45 degrees, and a factor
OUTLINE = (7.8, 6.4)  # length and width of the plate, in units
BLOCKS = ((0.66, 2.8), (0.98, -2.8), (1.50, 1.45), (2.00, -1.45), (2.46, 0.0))  # line pairs per mm, place in units
BLOCK = 1.25  # assumed: side of a block, in units
PLAINS = ((2.0, -90.0), (2.4, 55.0), (2.4, -55.0), (2.4, 128.0), (2.4, -128.0), (2.0, 90.0))  # units and degrees
PLAIN_HEIGHTS_MM = (0.5, 1.0, 1.5, 2.0, 2.5, 0.0)  # assumed: of aluminium on the sheet
FOIL_MM = 0.05  # assumed: lead of the bars
SHEET_MM = 4.0  # assumed: acrylic


@dataclass(frozen=True)
class Block:
    """A block of the plate before it is turned: line pairs per mm (0: plain), its height and middle. [1/mm, mm]"""

    frequency_per_mm: float
    height_mm: float
    centre_mm: tuple[float, float]


def line_pair_blocks() -> tuple[Block, ...]:
    """Layout of the plate: the blocks of bars, then the plain ones, the last of which is bare sheet."""
    bars = [Block(frequency, FOIL_MM, (place * UNIT_MM, 0.0)) for frequency, place in BLOCKS]
    plains = [
        Block(0.0, height, (units * UNIT_MM * np.cos(np.radians(turn)), units * UNIT_MM * np.sin(np.radians(turn))))
        for (units, turn), height in zip(PLAINS, PLAIN_HEIGHTS_MM, strict=True)
    ]
    return (*bars, *plains)


def line_pairs(tilt_deg: float = 45.0, foil_material: str = "Pb", sheet_material: str = "PMMA") -> Phantom:
    """Line-pair plate with five blocks of bars and six of contrast, turned as on its stand.

    Parameters
    ----------
    tilt_deg : float
        Turn of the plate about z; positive turns x towards y. [deg]
    foil_material : str
        Of the bars.
    sheet_material : str
        Of the plate.

    Returns
    -------
    phantom : Phantom
        The sheet, the bars block by block, then the plain blocks.
    """
    length, width = (side * UNIT_MM for side in OUTLINE)
    solids: list[PlacedSolid] = [place(Box((length, width, SHEET_MM)), sheet_material, (0.0, 0.0, 0.5 * SHEET_MM))]
    side = BLOCK * UNIT_MM
    for block in line_pair_blocks():
        x, y = block.centre_mm
        if block.frequency_per_mm > 0:
            bar = 0.5 / block.frequency_per_mm
            count = int(side * block.frequency_per_mm)  # whole line pairs
            for number in range(count):
                place_x = x + (2 * number - count + 1) * bar
                solids.append(place(Box((bar, side, FOIL_MM)), foil_material, (place_x, y, SHEET_MM + 0.5 * FOIL_MM)))
        elif block.height_mm > 0:
            z = SHEET_MM + 0.5 * block.height_mm
            solids.append(place(Box((side, side, block.height_mm)), "Al", (x, y, z)))
    return move_phantom(phantom_of("line pairs", solids), rotation_deg=(0.0, 0.0, tilt_deg))

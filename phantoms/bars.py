"""Line-pair pattern: groups of foil bars of rising frequency between two sheets of plastic.

The layout follows the usual lead bar patterns for radiography (0.05 mm lead, groups in a geometric series of 20 steps
per decade from 0.5 to 5 line pairs per mm): a column of groups with bars across the column, coarse at the top, and
beside it a plain piece of foil that gives the contrast at frequency zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from phantoms.solids import Box, Phantom, move_phantom, phantom_of, place

# preferred numbers, series R20 (ISO 3), 0.5 to 5
R20_FREQUENCIES_PER_MM = (
    *(0.50, 0.56, 0.63, 0.71, 0.80, 0.90, 1.00, 1.12, 1.25, 1.40, 1.60),
    *(1.80, 2.00, 2.24, 2.50, 2.80, 3.15, 3.55, 4.00, 4.50, 5.00),
)
FOIL_THICKNESS_MM = 0.05  # assumed: usual lead foil of line-pair patterns for 50 to 80 kV
SHEET_THICKNESS_MM = 1.0  # assumed: cover sheets of acrylic, one on each side of the foil
BARS_PER_GROUP = 4  # assumed: four bars hold three full line pairs
PLAIN_HEIGHT_MM = 8.0  # assumed: large enough that its middle shows no blur of its rim
GAP_MM = 2.0  # assumed: between groups, and between groups and the rim


@dataclass(frozen=True)
class BarGroup:
    """Where one group lies in the pattern's own coordinates (bars along x, repeating along y).

    Attributes
    ----------
    frequency_per_mm : float
        Line pairs per mm; 0 is the plain piece of foil. [1/mm]
    bars : int
        Number of foil bars. [1]
    centre_mm : (float, float)
        Centre of the group, x and y. [mm]
    size_mm : (float, float)
        Extent from the first bar's outer edge to the last one's, x and y. [mm]
    """

    frequency_per_mm: float
    bars: int
    centre_mm: tuple[float, float]
    size_mm: tuple[float, float]


def bar_groups(
    frequencies_per_mm: Sequence[float] = R20_FREQUENCIES_PER_MM,
    bars_per_group: int = BARS_PER_GROUP,
    bar_length_mm: float = 12.0,
    columns: int = 2,
) -> tuple[BarGroup, ...]:
    """Layout of a line-pair pattern: where to look for which frequency.

    Groups fill the columns from the left, each column from the top, in the order given; the last entry is the plain
    piece of foil, as long as a bar and 8 mm high, below the groups of the last column. A bar of a group of frequency f
    is 1 / (2 f) wide, and so is a gap.

    Parameters
    ----------
    frequencies_per_mm : sequence of float
        One group each. [1/mm]
    bars_per_group : int
        Foil bars in each group, 2 or more. [1]
    bar_length_mm : float
        Length of the bars along x. [mm]
    columns : int
        Columns in which the groups are laid. [1]

    Returns
    -------
    groups : tuple of BarGroup
        One per frequency, then the plain foil with frequency 0, centred about the origin as a whole.

    Raises
    ------
    ValueError
        If there is no frequency, one is not positive, a group has fewer than 2 bars, the bars are not longer than
        0 mm, or the columns are fewer than 1 or more than the groups.
    """
    if len(frequencies_per_mm) == 0:
        raise ValueError("frequencies_per_mm needs at least 1 group, got none")
    for frequency in frequencies_per_mm:
        if not (np.isfinite(frequency) and frequency > 0):
            raise ValueError(f"frequencies_per_mm must all be above 0 line pairs per mm, got {frequency}")
    if bars_per_group < 2:
        raise ValueError(f"bars_per_group must be 2 or more, got {bars_per_group}")
    if not (np.isfinite(bar_length_mm) and bar_length_mm > 0):
        raise ValueError(f"bar_length_mm must be a positive length in mm, got {bar_length_mm}")
    if not 1 <= columns <= len(frequencies_per_mm):
        raise ValueError(f"columns must be between 1 and the {len(frequencies_per_mm)} groups, got {columns}")
    heights = [(2 * bars_per_group - 1) / (2.0 * frequency) for frequency in frequencies_per_mm]
    entries = [*zip(frequencies_per_mm, heights, strict=True), (0.0, PLAIN_HEIGHT_MM)]
    column_height = (sum(heights) + PLAIN_HEIGHT_MM + GAP_MM * (len(entries) - columns)) / columns
    placed: list[tuple[float, float, int, float]] = []
    column, top = 0, 0.0
    for index, (frequency, height) in enumerate(entries):
        # a column is full when the next group would cross its foot; each later column keeps at least one group
        left = len(entries) - index
        if top > 0 and column + 1 < columns and (top + 0.5 * height > column_height or left <= columns - 1 - column):
            column, top = column + 1, 0.0
        placed.append((float(frequency), height, column, top))
        top += height + GAP_MM
    extent_x = (column + 1) * bar_length_mm + column * 2 * GAP_MM
    extent_y = max(top + height for _, height, _, top in placed)
    return tuple(
        BarGroup(
            frequency,
            bars_per_group if frequency > 0 else 1,
            (
                -0.5 * extent_x + (index + 0.5) * bar_length_mm + index * 2 * GAP_MM,
                -0.5 * extent_y + top + 0.5 * height,
            ),
            (bar_length_mm, height),
        )
        for frequency, height, index, top in placed
    )


def bar_pattern(
    frequencies_per_mm: Sequence[float] = R20_FREQUENCIES_PER_MM,
    bars_per_group: int = BARS_PER_GROUP,
    bar_length_mm: float = 12.0,
    columns: int = 2,
    foil_thickness_mm: float = FOIL_THICKNESS_MM,
    foil_material: str = "Pb",
    sheet_thickness_mm: float = SHEET_THICKNESS_MM,
    sheet_material: str = "PMMA",
    tilt_deg: float = 0.0,
) -> Phantom:
    """Line-pair test pattern of foil bars between two plastic sheets.

    The bars run along x and repeat along y: the pattern measures along the columns of the panel; turn it by 90 degrees
    for the rows. ``bar_groups`` with the same four first arguments tells where each frequency lies.

    Parameters
    ----------
    frequencies_per_mm, bars_per_group, bar_length_mm, columns
        Layout, see ``bar_groups``.
    foil_thickness_mm : float
        Thickness of the bars. [mm]
    foil_material : str
        Material of the bars; lead as sold, gold for finer patterns.
    sheet_thickness_mm : float
        Thickness of each of the two cover sheets; 0 leaves them out. [mm]
    sheet_material : str
        Material of the cover sheets, which also fills the gaps between the bars.
    tilt_deg : float
        Turn of the whole pattern about z; positive turns x towards y. Bars exactly along the rows alias. [deg]

    Returns
    -------
    phantom : Phantom
        The plastic (if any), then the bars group by group, then the plain foil.

    Raises
    ------
    ValueError
        As ``bar_groups``, and if the foil is not thicker than 0 mm or the sheets are thinner than 0 mm.
    """
    groups = bar_groups(frequencies_per_mm, bars_per_group, bar_length_mm, columns)
    if not (np.isfinite(sheet_thickness_mm) and sheet_thickness_mm >= 0):
        raise ValueError(f"sheet_thickness_mm must be zero or a positive length in mm, got {sheet_thickness_mm}")
    if not (np.isfinite(foil_thickness_mm) and foil_thickness_mm > 0):
        raise ValueError(f"foil_thickness_mm must be a positive length in mm, got {foil_thickness_mm}")
    solids = []
    if sheet_thickness_mm > 0:
        width = 2 * max(group.centre_mm[0] + 0.5 * group.size_mm[0] for group in groups) + 2 * GAP_MM
        height = 2 * max(group.centre_mm[1] + 0.5 * group.size_mm[1] for group in groups) + 2 * GAP_MM
        depth = 2 * sheet_thickness_mm + foil_thickness_mm
        solids.append(place(Box((width, height, depth)), sheet_material, (0.0, 0.0, 0.5 * depth)))
    z = sheet_thickness_mm + 0.5 * foil_thickness_mm
    for group in groups:
        bar_height = group.size_mm[1] / (2 * group.bars - 1)
        bar = Box((group.size_mm[0], bar_height, foil_thickness_mm))
        for index in range(group.bars):
            y = group.centre_mm[1] + (2 * index - group.bars + 1) * bar_height
            solids.append(place(bar, foil_material, (group.centre_mm[0], y, z)))
    return move_phantom(phantom_of("bar pattern", solids), rotation_deg=(0.0, 0.0, tilt_deg))

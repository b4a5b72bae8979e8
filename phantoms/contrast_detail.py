"""Contrast-detail plate: holes of many diameters and depths in a sheet of acrylic.

Diameters and depths are those of the usual phantom of 15 x 15 squares, 0.3 to 8 mm in steps of equal ratio, in a sheet
of 10 mm; each square has one hole in its middle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from phantoms.solids import Box, Cylinder, Phantom, phantom_of, place

SIZES_MM = (0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.3, 1.6, 2.0, 2.5, 3.2, 4.0, 5.0, 6.3, 8.0)  # diameters, and depths
SHEET_MM = 10.0  # thickness of the sheet
SQUARE_MM = 16.0  # assumed: 15 of them, and a rim, make a side of 265 mm
RIM_MM = 12.5  # assumed


@dataclass(frozen=True)
class Detail:
    """One hole: its diameter and depth, and where its middle lies, x and y. [mm]"""

    diameter_mm: float
    depth_mm: float
    centre_mm: tuple[float, float]


def contrast_details(
    diameters_mm: Sequence[float] = SIZES_MM,
    depths_mm: Sequence[float] = SIZES_MM,
    square_mm: float = SQUARE_MM,
) -> tuple[Detail, ...]:
    """Layout of the plate: where to look for which hole.

    Parameters
    ----------
    diameters_mm : sequence of float
        One row of squares each, from the top. [mm]
    depths_mm : sequence of float
        One column of squares each, from the left. [mm]
    square_mm : float
        Side of a square. [mm]

    Returns
    -------
    details : tuple of Detail
        Row by row, centred on the origin.

    Raises
    ------
    ValueError
        If there is none, a length is not positive, or a hole does not fit into its square.
    """
    if len(diameters_mm) == 0 or len(depths_mm) == 0:
        raise ValueError("a contrast-detail plate needs at least 1 diameter and 1 depth")
    for name, lengths in (("diameters_mm", diameters_mm), ("depths_mm", depths_mm), ("square_mm", (square_mm,))):
        for length in lengths:
            if not (np.isfinite(length) and length > 0):
                raise ValueError(f"{name} must be a positive length in mm, got {length}")
    if max(diameters_mm) >= square_mm:
        raise ValueError(f"a hole of {max(diameters_mm):g} mm does not fit into a square of {square_mm:g} mm")
    return tuple(
        Detail(
            float(diameter),
            float(depth),
            ((col - 0.5 * (len(depths_mm) - 1)) * square_mm, (row - 0.5 * (len(diameters_mm) - 1)) * square_mm),
        )
        for row, diameter in enumerate(diameters_mm)
        for col, depth in enumerate(depths_mm)
    )


def contrast_detail(
    diameters_mm: Sequence[float] = SIZES_MM,
    depths_mm: Sequence[float] = SIZES_MM,
    square_mm: float = SQUARE_MM,
    sheet_mm: float = SHEET_MM,
    material: str = "PMMA",
) -> Phantom:
    """Contrast-detail plate of holes, diameters falling into rows and depths into columns.

    ``contrast_details`` with the same first three arguments tells where each hole lies.

    Parameters
    ----------
    diameters_mm, depths_mm, square_mm
        Layout, see ``contrast_details``.
    sheet_mm : float
        Thickness of the sheet; holes are open upwards. [mm]
    material : str
        Of the sheet.

    Returns
    -------
    phantom : Phantom
        The sheet, then the holes, of air.

    Raises
    ------
    ValueError
        As ``contrast_details``, and if a hole is deeper than the sheet.
    """
    details = contrast_details(diameters_mm, depths_mm, square_mm)
    if not (np.isfinite(sheet_mm) and sheet_mm >= max(depths_mm)):
        raise ValueError(f"sheet_mm must be at least the deepest hole, {max(depths_mm):g} mm, got {sheet_mm}")
    sides = [len(count) * square_mm + 2 * RIM_MM for count in (depths_mm, diameters_mm)]
    sheet = place(Box((sides[0], sides[1], sheet_mm)), material, (0.0, 0.0, 0.5 * sheet_mm))
    holes = [
        place(Cylinder(0.5 * hole.diameter_mm, hole.depth_mm), "air", (*hole.centre_mm, sheet_mm - 0.5 * hole.depth_mm))
        for hole in details
    ]
    return phantom_of("contrast detail", [sheet, *holes])

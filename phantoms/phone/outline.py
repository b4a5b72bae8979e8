"""Outline of the phone and the heights of its layers, which all of its parts share.

Phone coordinates, seen from the front glass: x to the right, y down from the upper edge, z up from the outer face of
the back glass. The sizes are those of a common phone of 2018 to 2020; no maker's drawing was used: assumed.
"""

from __future__ import annotations

import numpy as np

from phantoms.card.drawing import Point, plate
from phantoms.solids import PlacedSolid

WIDTH_MM, LENGTH_MM, HEIGHT_MM = 71.0, 147.0, 7.5  # assumed: 146.7 x 71.5 x 7.4 is common
CORNER_MM = 10.0  # radius of the outline, assumed
BACK_GLASS_MM = 0.7  # upper face of the back glass; cover glasses are 0.4 to 1 mm (Corning, Gorilla Glass 3)
FRONT_GLASS_MM = HEIGHT_MM - 0.7  # lower face of the front glass
BOARD_MM = (2.5, 3.3)  # lower and upper face of the board's laminate, assumed
BATTERY_MM = (1.5, 5.1)  # lower and upper face of the battery, assumed
SHEET_MM = 5.3  # lower face of the sheets that carry the display, assumed


def rounded(centre: Point, size: Point, radius: float, points: int = 8) -> list[Point]:
    """Rectangle with round corners.

    Parameters
    ----------
    centre, size : (float, float)
        Middle, and lengths along x and y. [mm]
    radius : float
        Of the corners. [mm]
    points : int
        Corners of the polygon on each quarter of a circle. [1]

    Returns
    -------
    outline : list of (float, float)
        [mm]
    """
    quarter = np.linspace(0.0, 0.5 * np.pi, points)
    outline: list[Point] = []
    for turn, (side_x, side_y) in enumerate(((1, 1), (-1, 1), (-1, -1), (1, -1))):
        x, y = centre[0] + side_x * (0.5 * size[0] - radius), centre[1] + side_y * (0.5 * size[1] - radius)
        for angle in quarter + 0.5 * np.pi * turn:
            outline.append((float(x + radius * np.cos(angle)), float(y + radius * np.sin(angle))))
    return outline


def slab(
    material: str, centre: Point, size: Point, z_bottom: float, z_top: float, radius: float = 1.0, points: int = 5
) -> PlacedSolid:
    """Upright plate with round corners.

    Parameters
    ----------
    material : str
        Name of the material.
    centre, size : (float, float)
        Middle, and lengths along x and y. [mm]
    z_bottom, z_top : float
        Lower and upper face. [mm]
    radius : float
        Of the corners. [mm]
    points : int
        Corners of the polygon on each quarter of a circle. [1]

    Returns
    -------
    solid : PlacedSolid
    """
    return plate(material, rounded(centre, size, radius, points), z_bottom, z_top)


def disc(material: str, centre: Point, diameter: float, z_bottom: float, z_top: float, points: int = 48) -> PlacedSolid:
    """Upright disc as a prism: unlike that of a cylinder, one ray stands for a sample within its flat faces.

    Parameters
    ----------
    material : str
        Name of the material.
    centre : (float, float)
        Middle. [mm]
    diameter : float
        [mm]
    z_bottom, z_top : float
        Lower and upper face. [mm]
    points : int
        Corners of the polygon. [1]

    Returns
    -------
    solid : PlacedSolid
    """
    angle = 2.0 * np.pi * np.arange(points) / points
    ring = 0.5 * diameter * np.column_stack((np.cos(angle), np.sin(angle))) + np.asarray(centre)
    return plate(material, [(float(x), float(y)) for x, y in ring], z_bottom, z_top)


def whole(material: str, inset: float, z_bottom: float, z_top: float) -> PlacedSolid:
    """Plate of the phone's own outline, smaller by an inset all round.

    Parameters
    ----------
    material : str
        Name of the material.
    inset : float
        [mm]
    z_bottom, z_top : float
        Lower and upper face. [mm]

    Returns
    -------
    solid : PlacedSolid
    """
    return plate(material, _own_outline(inset), z_bottom, z_top)


def hollow(material: str, insets: tuple[float, float], z_bottom: float, z_top: float) -> PlacedSolid:
    """Ring between two outlines of the phone, one inset more than the other: no ray within it is crossed in vain.

    Parameters
    ----------
    material : str
        Name of the material.
    insets : (float, float)
        Outer and inner. [mm]
    z_bottom, z_top : float
        Lower and upper face. [mm]

    Returns
    -------
    solid : PlacedSolid
        One polygon whose two ends of the ring touch along a seam.
    """
    outer, inner = (_own_outline(inset) for inset in insets)
    return plate(material, [*outer, outer[0], inner[0], *inner[:0:-1], inner[0]], z_bottom, z_top)


def _own_outline(inset: float) -> list[Point]:
    size = (WIDTH_MM - 2 * inset, LENGTH_MM - 2 * inset)
    return rounded((0.5 * WIDTH_MM, 0.5 * LENGTH_MM), size, max(CORNER_MM - inset, 0.5), 14)

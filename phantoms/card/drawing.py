"""Strokes from which the network card is drawn: plates, posts, rods, tracks, vias and plated holes.

Board coordinates: x to the right, y downwards, z = 0 at the upper surface of the board's laminate, z up towards the
components. The laminate reaches down to z = -1.6 mm; the outer copper lies on it and below it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from phantoms.solids import Box, Cone, Cylinder, Phantom, PlacedSolid, Prism, move_phantom, place

Point = tuple[float, float]
Point3 = tuple[float, float, float]

LAMINATE_MM = 1.6  # 1.57 to 1.6 mm is the usual board for PCI cards
COPPER_MM = 0.035  # 1 oz/ft2 copper foil
TOP_MM = COPPER_MM  # components stand on the upper copper
BOTTOM_MM = -LAMINATE_MM - COPPER_MM
UPPER_PLANE_MM = -0.40  # upper face of the ground plane; assumed build-up of a four-layer board
LOWER_PLANE_MM = -1.20  # upper face of the supply plane; assumed


def box(material: str, centre: Point, size: Point, z_bottom: float, z_top: float, turn_deg: float = 0.0) -> PlacedSolid:
    """Upright cuboid: centre and size in the plane, lower and upper face [mm]; turned about its own z axis.

    Parameters
    ----------
    material : str
        Name of the material.
    centre : (float, float)
        Middle in the plane of the board. [mm]
    size : (float, float)
        Along x and y. [mm]
    z_bottom : float
        Lower face. [mm]
    z_top : float
        Upper face. [mm]
    turn_deg : float
        Turn about its own z axis. [deg]

    Returns
    -------
    solid : PlacedSolid
    """
    shape = Box((size[0], size[1], z_top - z_bottom))
    return place(shape, material, (centre[0], centre[1], 0.5 * (z_bottom + z_top)), (0.0, 0.0, turn_deg))


def post(material: str, centre: Point, diameter: float, z_bottom: float, z_top: float) -> PlacedSolid:
    """Upright cylinder [mm].

    Parameters
    ----------
    material : str
        Name of the material.
    centre : (float, float)
        Middle in the plane of the board. [mm]
    diameter : float
        [mm]
    z_bottom : float
        Lower face. [mm]
    z_top : float
        Upper face. [mm]

    Returns
    -------
    solid : PlacedSolid
    """
    shape = Cylinder(0.5 * diameter, z_top - z_bottom)
    return place(shape, material, (centre[0], centre[1], 0.5 * (z_bottom + z_top)))


def rod(material: str, start: Point3, end: Point3, diameter: float) -> PlacedSolid:
    """Straight round wire from one point to another [mm].

    Parameters
    ----------
    material : str
        Name of the material.
    start : (float, float, float)
        Where it begins. [mm]
    end : (float, float, float)
        Where it ends. [mm]
    diameter : float
        [mm]

    Returns
    -------
    solid : PlacedSolid
    """
    step = np.subtract(end, start)
    length = float(np.linalg.norm(step))
    polar = float(np.degrees(np.arccos(np.clip(step[2] / length, -1.0, 1.0))))
    azimuth = float(np.degrees(np.arctan2(step[1], step[0])))
    middle = 0.5 * np.add(start, end)
    centre = (float(middle[0]), float(middle[1]), float(middle[2]))
    return place(Cylinder(0.5 * diameter, length), material, centre, (0.0, polar, azimuth))


def wire(material: str, points: Sequence[Point3], diameter: float) -> list[PlacedSolid]:
    """Round wire through the points in turn [mm].

    Parameters
    ----------
    material : str
        Name of the material.
    points : sequence of (float, float, float)
        Corners of the line. [mm]
    diameter : float
        [mm]

    Returns
    -------
    solids : list of PlacedSolid
    """
    return [rod(material, start, end, diameter) for start, end in pairwise(points)]


def plate(material: str, outline: Iterable[Point], z_bottom: float, z_top: float) -> PlacedSolid:
    """Upright prism over any simple outline [mm]; kept about its own centre so that its bounding ball is small.

    Parameters
    ----------
    material : str
        Name of the material.
    outline : iterable of (float, float)
        Corners in turn. [mm]
    z_bottom : float
        Lower face. [mm]
    z_top : float
        Upper face. [mm]

    Returns
    -------
    solid : PlacedSolid
    """
    corners = np.asarray(list(outline), dtype=np.float64)
    middle = 0.5 * (corners.min(axis=0) + corners.max(axis=0))
    polygon = tuple((float(x), float(y)) for x, y in corners - middle)
    shape = Prism(polygon, z_top - z_bottom)
    return place(shape, material, (float(middle[0]), float(middle[1]), 0.5 * (z_bottom + z_top)))


def bent_strip(material: str, profile: Sequence[Point], width: float, origin: Point, outward_deg: float) -> PlacedSolid:
    """Strip of sheet metal seen from its side: ``profile`` holds (outwards, z) corners [mm], extruded over ``width``.

    ``outward_deg`` turns the outward direction from x towards y; ``origin`` is where outwards = 0.

    Parameters
    ----------
    material : str
        Name of the material.
    profile : sequence of (float, float)
        Corners as outwards and z. [mm]
    width : float
        Of track, strip or part. [mm]
    origin : (float, float)
        Where outwards is 0. [mm]
    outward_deg : float
        Outward direction, from x towards y. [deg]

    Returns
    -------
    solid : PlacedSolid
    """
    corners = np.asarray(profile, dtype=np.float64)
    out, height = 0.5 * (corners.min(axis=0) + corners.max(axis=0))
    polygon = tuple((float(a - out), float(b - height)) for a, b in corners)
    angle = np.radians(outward_deg)
    centre = (float(origin[0] + out * np.cos(angle)), float(origin[1] + out * np.sin(angle)), float(height))
    return place(Prism(polygon, width), material, centre, (90.0, 0.0, outward_deg))


def chamfered(points: Sequence[Point], cut: float) -> list[Point]:
    """The same line with every corner cut by ``cut`` along both of its sides, at most 45 % of either side [mm].

    Parameters
    ----------
    points : sequence of (float, float)
        Corners of the line. [mm]
    cut : float
        Length taken off each side of a corner. [mm]

    Returns
    -------
    line : list of (float, float)
        Corners of the line. [mm]
    """
    line = np.asarray(points, dtype=np.float64)
    rounded: list[Point] = [points[0]]
    for before, corner, after in zip(line[:-2], line[1:-1], line[2:], strict=True):
        for neighbour in (before, after):
            side = neighbour - corner
            length = float(np.linalg.norm(side))
            x, y = corner + side * (min(cut, 0.45 * length) / length)
            rounded.append((float(x), float(y)))
    rounded.append(points[-1])
    return rounded


def beside(points: Sequence[Point], distance: float | Sequence[float]) -> npt.NDArray[np.float64]:
    """Line parallel to ``points`` at ``distance`` to the side x cross y, with mitred corners, (N, 2) float64 [mm].

    Parameters
    ----------
    points : sequence of (float, float)
        Corners of the line. [mm]
    distance : float or sequence of float
        To the side x cross y, one or one per point. [mm]

    Returns
    -------
    line : (N, 2) float64
        [mm]
    """
    line = np.asarray(points, dtype=np.float64)
    steps = np.diff(line, axis=0)
    steps /= np.linalg.norm(steps, axis=1, keepdims=True)
    normals = np.column_stack((-steps[:, 1], steps[:, 0]))
    mitres = np.empty_like(line)
    mitres[0], mitres[-1] = normals[0], normals[-1]
    both = normals[:-1] + normals[1:]
    mitres[1:-1] = both / (1.0 + np.sum(normals[:-1] * normals[1:], axis=1, keepdims=True))
    return np.asarray(line + mitres * np.broadcast_to(distance, len(line))[:, None], dtype=np.float64)


def track(
    points: Sequence[Point],
    width: float | Sequence[float],
    z_bottom: float = 0.0,
    z_top: float = TOP_MM,
    material: str = "Cu",
) -> PlacedSolid:
    """Flat conductor along a line, of one width or one width per point [mm].

    Parameters
    ----------
    points : sequence of (float, float)
        Corners of the line. [mm]
    width : float or sequence of float
        Of track, strip or part. [mm]
    z_bottom : float
        Lower face. [mm]
    z_top : float
        Upper face. [mm]
    material : str
        Name of the material.

    Returns
    -------
    solid : PlacedSolid
    """
    half = 0.5 * np.broadcast_to(np.asarray(width, dtype=np.float64), len(points))
    outline = np.concatenate((beside(points, list(half)), beside(points, list(-half))[::-1]))
    return plate(material, [(float(x), float(y)) for x, y in outline], z_bottom, z_top)


def top_track(points: Sequence[Point], width: float = 0.18) -> PlacedSolid:
    """Track on the component side [mm].

    Parameters
    ----------
    points : sequence of (float, float)
        Corners of the line. [mm]
    width : float
        Of track, strip or part. [mm]

    Returns
    -------
    solid : PlacedSolid
    """
    return track(points, width)


def bottom_track(points: Sequence[Point], width: float = 0.18) -> PlacedSolid:
    """Track on the solder side [mm].

    Parameters
    ----------
    points : sequence of (float, float)
        Corners of the line. [mm]
    width : float
        Of track, strip or part. [mm]

    Returns
    -------
    solid : PlacedSolid
    """
    return track(points, width, BOTTOM_MM, -LAMINATE_MM)


def via(centre: Point, in_plane: bool = False, drill: float = 0.3, pad: float = 0.62) -> list[PlacedSolid]:
    """Plated through hole without a pin: clearance in the planes unless connected, pads, barrel, open hole [mm].

    Parameters
    ----------
    centre : (float, float)
        Middle in the plane of the board. [mm]
    in_plane : bool
        Whether the hole is connected to the planes.
    drill : float
        Diameter of the hole. [mm]
    pad : float
        Diameter of the pads. [mm]

    Returns
    -------
    solids : list of PlacedSolid
    """
    solids = [] if in_plane else [clearance(centre, pad + 0.3)]
    solids.append(post("Cu", centre, pad, 0.0, TOP_MM))
    solids.append(post("Cu", centre, pad, BOTTOM_MM, -LAMINATE_MM))
    solids.append(post("Cu", centre, drill + 0.05, -LAMINATE_MM, 0.0))
    solids.append(post("air", centre, drill, BOTTOM_MM, TOP_MM))
    return solids


def clearance(centre: Point, diameter: float) -> PlacedSolid:
    """Laminate in place of copper in both planes [mm].

    Parameters
    ----------
    centre : (float, float)
        Middle in the plane of the board. [mm]
    diameter : float
        [mm]

    Returns
    -------
    solid : PlacedSolid
    """
    return post("FR4", centre, diameter, LOWER_PLANE_MM - 0.1, UPPER_PLANE_MM + 0.1)


def soldered_pin(
    centre: Point,
    pin_diameter: float,
    drill: float,
    solder: str,
    pin_material: str,
    z_top: float,
    thermal_relief: bool = False,
) -> list[PlacedSolid]:
    """Pin in a plated hole filled with solder, with a cone of solder below the board [mm].

    ``thermal_relief`` joins the pin to the planes by four spokes across the clearance.

    Parameters
    ----------
    centre : (float, float)
        Middle in the plane of the board. [mm]
    pin_diameter : float
        [mm]
    drill : float
        Diameter of the hole. [mm]
    solder : str
        Material of the solder.
    pin_material : str
        Name of the material.
    z_top : float
        Upper face. [mm]
    thermal_relief : bool
        Whether four spokes join it to the planes.

    Returns
    -------
    solids : list of PlacedSolid
    """
    x, y = centre
    pad = drill + 0.7
    below = BOTTOM_MM - 0.9
    solids = [clearance(centre, pad + 0.6)]
    if thermal_relief:
        for angle in (45.0, 135.0):
            solids.append(
                box("Cu", centre, (pad + 0.7, 0.3), UPPER_PLANE_MM - COPPER_MM, UPPER_PLANE_MM, turn_deg=angle)
            )
    solids += [
        post("Cu", centre, pad, 0.0, TOP_MM),
        post("Cu", centre, pad, BOTTOM_MM, -LAMINATE_MM),
        post("Cu", centre, drill + 0.05, -LAMINATE_MM, 0.0),
        post(solder, centre, drill, BOTTOM_MM, TOP_MM),
        place(Cone(0.6 * pin_diameter, 0.42 * pad, 0.6), solder, (x, y, BOTTOM_MM - 0.3)),
        post(pin_material, centre, pin_diameter, below, z_top),
    ]
    return solids


def put(part: Phantom, centre: Point, turn_deg: float = 0.0, z: float = 0.0) -> tuple[PlacedSolid, ...]:
    """The part's solids, turned about z and moved to a place on the board [mm, deg].

    Parameters
    ----------
    part : Phantom
        In its own coordinates. [mm]
    centre : (float, float)
        Middle in the plane of the board. [mm]
    turn_deg : float
        Turn about its own z axis. [deg]
    z : float
        Height above the board. [mm]

    Returns
    -------
    solids : tuple of PlacedSolid
    """
    return move_phantom(part, (centre[0], centre[1], z), (0.0, 0.0, turn_deg)).solids

"""Solids that stand in the beam: shapes in their own coordinates, and their place and material.

World coordinates are millimetres with the origin at the centre of the unshifted panel: x to the right (columns
increase), y downwards (rows increase), z from the detector plane towards the source. Where solids overlap, the one
that comes later in a phantom replaces what came before: a void is a later solid of ``"air"``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from phantoms.closed_surface import signed_volume, uneven_edges

if TYPE_CHECKING:
    from phantoms.volume import Volume

Vector = tuple[float, float, float]
FloatArray = npt.NDArray[np.float64]
FlagArray = npt.NDArray[np.bool_]


def check_positive(**lengths_mm: float) -> None:
    """Refuse lengths that are not positive and finite, by name."""
    for name, value in lengths_mm.items():
        if not (np.isfinite(value) and value > 0):
            raise ValueError(f"{name} must be a positive length in mm, got {value}")


@dataclass(frozen=True)
class Box:
    """Cuboid centred on the origin; ``size_mm`` is its full extent along x, y, z [mm]."""

    size_mm: Vector

    def __post_init__(self) -> None:
        if len(self.size_mm) != 3:
            raise ValueError(f"size_mm of a box needs 3 lengths (x, y, z), got {len(self.size_mm)}")
        check_positive(**{f"size_mm[{axis}]": length for axis, length in zip("xyz", self.size_mm, strict=True)})


@dataclass(frozen=True)
class Cylinder:
    """Circular cylinder along z, centred on the origin [mm]."""

    radius_mm: float
    length_mm: float

    def __post_init__(self) -> None:
        check_positive(radius_mm=self.radius_mm, length_mm=self.length_mm)


@dataclass(frozen=True)
class Sphere:
    """Ball centred on the origin [mm]."""

    radius_mm: float

    def __post_init__(self) -> None:
        check_positive(radius_mm=self.radius_mm)


@dataclass(frozen=True)
class Cone:
    """Frustum along z, centred on the origin: radius at z = -length/2 and at z = +length/2 (0 makes a point) [mm]."""

    radius_bottom_mm: float
    radius_top_mm: float
    length_mm: float

    def __post_init__(self) -> None:
        check_positive(length_mm=self.length_mm)
        for name, radius in (("radius_bottom_mm", self.radius_bottom_mm), ("radius_top_mm", self.radius_top_mm)):
            if not (np.isfinite(radius) and radius >= 0):
                raise ValueError(f"{name} must be zero or a positive length in mm, got {radius}")
        if self.radius_bottom_mm == 0 and self.radius_top_mm == 0:
            raise ValueError("a cone needs one radius above 0 mm, got 0 for both")


@dataclass(frozen=True)
class Prism:
    """Simple polygon in (x, y), convex or not, extruded along z over ``length_mm`` and centred in z [mm]."""

    polygon_mm: tuple[tuple[float, float], ...]
    length_mm: float

    def __post_init__(self) -> None:
        check_positive(length_mm=self.length_mm)
        if len(self.polygon_mm) < 3:
            raise ValueError(f"polygon_mm of a prism needs at least 3 corners, got {len(self.polygon_mm)}")
        corners = np.asarray(self.polygon_mm, dtype=np.float64)
        if corners.ndim != 2 or corners.shape[1] != 2 or not np.isfinite(corners).all():
            raise ValueError("polygon_mm of a prism must hold finite (x, y) pairs in mm")
        if polygon_area_mm2(corners) == 0.0:
            raise ValueError("polygon_mm of a prism encloses no area")
        if (sides := _first_crossing(corners)) is not None:
            raise ValueError(f"polygon_mm of a prism crosses itself: side {sides[0]} meets side {sides[1]}")


def polygon_area_mm2(corners_mm: FloatArray) -> float:
    """Area of a polygon; negative where its corners (N, 2) run clockwise, x to the right and y upwards. [mm2]"""
    following = np.roll(corners_mm, -1, axis=0)
    return 0.5 * float(np.sum(corners_mm[:, 0] * following[:, 1] - following[:, 0] * corners_mm[:, 1]))


def _first_crossing(corners_mm: FloatArray) -> tuple[int, int] | None:
    """Numbers of two sides of a polygon that cross, where there are any; touching is not crossing."""
    following = np.roll(corners_mm, -1, axis=0)
    along = following - corners_mm

    def parted(side: FloatArray, one: FloatArray, other: FloatArray) -> FlagArray:
        """Whether two points, seen from the start of a side, lie on either hand of it."""
        left = side[..., 0] * one[..., 1] - side[..., 1] * one[..., 0]
        right = side[..., 0] * other[..., 1] - side[..., 1] * other[..., 0]
        return np.sign(left) * np.sign(right) < 0

    for number, (start, end) in enumerate(zip(corners_mm, following, strict=True)):
        crossed = parted(along[number], corners_mm - start, following - start)
        crossed &= parted(along, start - corners_mm, end - corners_mm)
        if crossed.any():
            return number, int(np.flatnonzero(crossed)[0])
    return None


@dataclass(frozen=True, eq=False)
class Mesh:
    """Closed triangle mesh: ``vertices_mm`` (V, 3) [mm], ``triangles`` (T, 3), counter-clockwise seen from outside.

    Bodies of one mesh may overlap; a shell that is turned inwards is a hole in the body round it.
    """

    vertices_mm: FloatArray
    triangles: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        if self.vertices_mm.ndim != 2 or self.vertices_mm.shape[1] != 3:
            raise ValueError(f"vertices_mm of a mesh must be (V, 3), got {self.vertices_mm.shape}")
        if self.triangles.ndim != 2 or self.triangles.shape[1] != 3 or len(self.triangles) < 4:
            raise ValueError(
                f"triangles of a closed mesh must be (T, 3) with T of 4 or more, got {self.triangles.shape}"
            )
        if not np.isfinite(self.vertices_mm).all():
            raise ValueError("vertices_mm of a mesh must be finite")
        if self.triangles.min() < 0 or self.triangles.max() >= len(self.vertices_mm):
            count = len(self.vertices_mm)
            raise ValueError(f"triangles of a mesh name vertex {self.triangles.max()}, but there are {count} vertices")
        edges, meeting = uneven_edges(len(self.vertices_mm), self.triangles)
        if len(edges):
            x, y, z = self.vertices_mm[edges[0]].mean(axis=0)
            what = "is not closed" if (meeting % 2).any() else "has triangles that run against their neighbours"
            raise ValueError(f"a mesh {what} at {len(edges)} of its edges, one is at ({x:.6g}, {y:.6g}, {z:.6g}) mm")
        if not (volume_mm3 := signed_volume(self.vertices_mm, self.triangles)) > 0:
            raise ValueError(f"a mesh must look outwards, but its triangles enclose {volume_mm3:.4g} mm3")


Shape = Box | Cylinder | Sphere | Cone | Prism | Mesh


@dataclass(frozen=True, eq=False)
class PlacedSolid:
    """One shape of one material at one place: world = ``rotation`` (3, 3) @ local + ``position_mm`` [mm]."""

    shape: Shape
    material: str
    position_mm: Vector
    rotation: FloatArray


@dataclass(frozen=True, eq=False)
class Phantom:
    """Placed solids in order of precedence: a later solid replaces what it overlaps, and any solid replaces voxels."""

    name: str
    solids: tuple[PlacedSolid, ...]
    volumes: tuple[Volume, ...] = ()


def rotation_matrix(rotation_deg: Vector) -> FloatArray:
    """Matrix that turns about the fixed axes x, then y, then z.

    Parameters
    ----------
    rotation_deg : (float, float, float)
        About x, y, z. [deg]

    Returns
    -------
    rotation : (3, 3) float64
        Local to world.
    """
    (cx, cy, cz), (sx, sy, sz) = (function(np.radians(rotation_deg)) for function in (np.cos, np.sin))
    about_x = np.array([[1.0, 0.0, 0.0], [0.0, cx, -sx], [0.0, sx, cx]])
    about_y = np.array([[cy, 0.0, sy], [0.0, 1.0, 0.0], [-sy, 0.0, cy]])
    about_z = np.array([[cz, -sz, 0.0], [sz, cz, 0.0], [0.0, 0.0, 1.0]])
    return np.asarray(about_z @ about_y @ about_x)


def place(
    shape: Shape, material: str, position_mm: Vector = (0.0, 0.0, 0.0), rotation_deg: Vector = (0.0, 0.0, 0.0)
) -> PlacedSolid:
    """A shape turned about the fixed axes x, then y, then z by ``rotation_deg`` [deg], then moved [mm].

    Parameters
    ----------
    shape : Shape
        In its own coordinates. [mm]
    material : str
        Name of the material.
    position_mm : (float, float, float)
        Where its origin comes to lie. [mm]
    rotation_deg : (float, float, float)
        About the fixed axes x, then y, then z. [deg]

    Returns
    -------
    solid : PlacedSolid

    Raises
    ------
    ValueError
        If a position or an angle is not finite.
    """
    if not np.isfinite(position_mm).all() or not np.isfinite(rotation_deg).all():
        raise ValueError(f"position_mm and rotation_deg must be finite, got {position_mm} and {rotation_deg}")
    return PlacedSolid(shape, material, position_mm, rotation_matrix(rotation_deg))


def move_phantom(
    phantom: Phantom, position_mm: Vector = (0.0, 0.0, 0.0), rotation_deg: Vector = (0.0, 0.0, 0.0)
) -> Phantom:
    """The whole phantom turned about its own origin (axes x, y, z in turn) [deg], then moved [mm].

    Parameters
    ----------
    phantom : Phantom
        In its own coordinates. [mm]
    position_mm : (float, float, float)
        Where its origin comes to lie. [mm]
    rotation_deg : (float, float, float)
        About the fixed axes x, then y, then z. [deg]

    Returns
    -------
    phantom : Phantom
    """
    turn = rotation_matrix(rotation_deg)
    shift = np.asarray(position_mm, dtype=np.float64)
    moved = []
    for solid in phantom.solids:
        x, y, z = turn @ np.asarray(solid.position_mm) + shift
        moved.append(PlacedSolid(solid.shape, solid.material, (float(x), float(y), float(z)), turn @ solid.rotation))
    volumes = []
    for volume in phantom.volumes:
        x, y, z = turn @ np.asarray(volume.position_mm) + shift
        volumes.append(replace(volume, position_mm=(float(x), float(y), float(z)), rotation=turn @ volume.rotation))
    return Phantom(phantom.name, tuple(moved), tuple(volumes))


def phantom_of(name: str, solids: Sequence[PlacedSolid]) -> Phantom:
    """A phantom from at least one placed solid.

    Parameters
    ----------
    name : str
        Name for messages.
    solids : sequence of PlacedSolid
        A later one replaces an earlier one where they overlap.

    Returns
    -------
    phantom : Phantom

    Raises
    ------
    ValueError
        If there is no solid.
    """
    if not solids:
        raise ValueError(f"phantom '{name}' holds no solids")
    return Phantom(name, tuple(solids))

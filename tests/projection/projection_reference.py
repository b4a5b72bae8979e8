"""A slow projection that shares nothing with the kernels: along each ray it only asks which solid holds a point."""

from __future__ import annotations

import numpy as np
import trimesh

from phantoms.solids import (
    Box,
    Cone,
    Cylinder,
    Mesh,
    Phantom,
    Prism,
    Sphere,
)
from radiography.projection.geometry import Geometry


def rays_to_pixels(geometry: Geometry) -> tuple[np.ndarray, np.ndarray]:
    """Source (3,) and directions (rows, cols, 3) to the pixel centres, t = 1 at the panel."""
    y = (np.arange(geometry.rows) - 0.5 * (geometry.rows - 1)) * geometry.pitch_mm + geometry.panel_shift_mm[0]
    x = (np.arange(geometry.cols) - 0.5 * (geometry.cols - 1)) * geometry.pitch_mm + geometry.panel_shift_mm[1]
    direction = np.zeros((geometry.rows, geometry.cols, 3))
    direction[..., 0], direction[..., 1] = x[None, :], y[:, None]
    direction[..., 2] = -geometry.source_to_detector_mm
    return np.array([0.0, 0.0, geometry.source_to_detector_mm]), direction


def holds(shape: object, points: np.ndarray) -> np.ndarray:
    """Whether points (..., 3) in the shape's own coordinates lie inside it."""
    x, y, z = points[..., 0], points[..., 1], points[..., 2]
    match shape:
        case Box(size_mm):
            return (np.abs(points) <= 0.5 * np.asarray(size_mm)).all(axis=-1)
        case Cylinder(radius_mm, length_mm):
            return (np.hypot(x, y) <= radius_mm) & (np.abs(z) <= 0.5 * length_mm)
        case Sphere(radius_mm):
            return np.linalg.norm(points, axis=-1) <= radius_mm
        case Cone(bottom_mm, top_mm, length_mm):
            radius = bottom_mm + (top_mm - bottom_mm) * (z / length_mm + 0.5)
            return (np.hypot(x, y) <= radius) & (np.abs(z) <= 0.5 * length_mm)
        case Prism(polygon_mm, length_mm):
            odd = np.zeros(x.shape, dtype=bool)
            for (ax, ay), (bx, by) in zip(polygon_mm, polygon_mm[1:] + polygon_mm[:1], strict=True):
                if ay != by:
                    odd ^= ((ay <= y) != (by <= y)) & (x < ax + (y - ay) * (bx - ax) / (by - ay))
            return odd & (np.abs(z) <= 0.5 * length_mm)
        case Mesh():
            solid_angle = np.zeros(x.shape)  # of all triangles: 4 pi inside each body, less 4 pi in a hole, 0 outside
            for triangle in shape.vertices_mm[shape.triangles]:
                a, b, c = (corner - points for corner in triangle)
                la, lb, lc = (np.linalg.norm(side, axis=-1) for side in (a, b, c))
                volume = np.einsum("...i,...i->...", a, np.cross(b, c))
                ab, bc, ca = (np.einsum("...i,...i->...", *pair) for pair in ((a, b), (b, c), (c, a)))
                solid_angle += 2.0 * np.arctan2(volume, la * lb * lc + ab * lc + bc * la + ca * lb)
            return solid_angle > 2.0 * np.pi
    raise TypeError(type(shape).__name__)


def surface_crossings(shape: object, origin: np.ndarray, direction: np.ndarray) -> list[np.ndarray]:
    """Where rays meet the unbounded planes and quadrics that the shape's surface lies on."""

    def plane(normal: np.ndarray, offset: float) -> np.ndarray:
        return (offset - origin @ normal) / (direction @ normal)

    def quadric(weight: np.ndarray, line: np.ndarray, constant: float) -> list[np.ndarray]:
        # sum of weight * x**2 + line . x + constant = 0
        a = (weight * direction**2).sum(axis=-1)
        b = (2.0 * weight * origin * direction + line * direction).sum(axis=-1)
        c = (weight * origin**2 + line * origin).sum() + constant
        root = np.sqrt(b * b - 4.0 * a * c)
        return [(-b - root) / (2.0 * a), (-b + root) / (2.0 * a)]

    z = np.array([0.0, 0.0, 1.0])
    match shape:
        case Box(size_mm):
            return [
                plane(axis, sign * 0.5 * size)
                for axis, size in zip(np.eye(3), size_mm, strict=True)
                for sign in (-1, 1)
            ]
        case Sphere(radius_mm):
            return quadric(np.ones(3), np.zeros(3), -(radius_mm**2))
        case Cylinder(radius_mm, length_mm):
            ends = [plane(z, -0.5 * length_mm), plane(z, 0.5 * length_mm)]
            return ends + quadric(np.array([1.0, 1.0, 0.0]), np.zeros(3), -(radius_mm**2))
        case Cone(bottom_mm, top_mm, length_mm):
            middle, slope = 0.5 * (bottom_mm + top_mm), (top_mm - bottom_mm) / length_mm
            ends = [plane(z, -0.5 * length_mm), plane(z, 0.5 * length_mm)]
            line = np.array([0.0, 0.0, -2.0 * middle * slope])
            return ends + quadric(np.array([1.0, 1.0, -(slope**2)]), line, -(middle**2))
        case Prism(polygon_mm, length_mm):
            found = [plane(z, -0.5 * length_mm), plane(z, 0.5 * length_mm)]
            for a, b in zip(polygon_mm, polygon_mm[1:] + polygon_mm[:1], strict=True):
                normal = np.array([b[1] - a[1], a[0] - b[0], 0.0])
                found.append(plane(normal, normal[0] * a[0] + normal[1] * a[1]))
            return found
        case Mesh():
            found = []
            for a, b, c in shape.vertices_mm[shape.triangles]:
                normal = np.cross(b - a, c - a)
                found.append(plane(normal, normal @ a))
            return found
    raise TypeError(type(shape).__name__)


def reference_paths(phantom: Phantom, geometry: Geometry, names: list[str]) -> np.ndarray:
    """(M, rows, cols) float64: between all crossings of all surfaces, ask which solid holds the middle."""
    source, direction = rays_to_pixels(geometry)
    local = [
        ((source - np.asarray(solid.position_mm)) @ solid.rotation, direction @ solid.rotation, solid.shape)
        for solid in phantom.solids
    ]
    with np.errstate(all="ignore"):
        t = np.stack([found for start, along, shape in local for found in surface_crossings(shape, start, along)])
    t = np.sort(np.clip(np.nan_to_num(t, nan=0.0, posinf=0.0, neginf=0.0), 0.0, 1.0), axis=0)
    middle, step = 0.5 * (t[1:] + t[:-1]), np.diff(t, axis=0)
    owner = np.full(middle.shape, -1)
    for number, (start, along, shape) in enumerate(local):
        owner[holds(shape, start + middle[..., None] * along)] = number
    length = np.linalg.norm(direction, axis=-1)
    paths = np.zeros((len(names), geometry.rows, geometry.cols))
    for number, solid in enumerate(phantom.solids):
        if solid.material in names:
            paths[names.index(solid.material)] += np.where(owner == number, step, 0.0).sum(axis=0) * length
    return paths


def as_mesh(surface: trimesh.Trimesh) -> Mesh:
    return Mesh(np.array(surface.vertices, dtype=np.float64), np.array(surface.faces, dtype=np.int64))


def box_mesh(size_mm: tuple[float, float, float]) -> Mesh:
    return as_mesh(trimesh.creation.box(extents=size_mm))


def bell_spectrum() -> tuple[np.ndarray, np.ndarray]:
    energy_keV = np.arange(15.0, 71.0, 2.5)
    return energy_keV, np.exp(-0.5 * ((energy_keV - 45.0) / 14.0) ** 2)


def cosine(geometry: Geometry) -> np.ndarray:
    direction = rays_to_pixels(geometry)[1]
    return geometry.source_to_detector_mm / np.linalg.norm(direction, axis=-1)

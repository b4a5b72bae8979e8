"""Solids of a phantom as flat tables that the projection kernels read.

Boxes, prisms and meshes become planar faces with their corners in world coordinates; spheres, cylinders and cones
stay quadrics in their own coordinates. Named tuples instead of dataclasses, because numba takes them as arguments.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from phantoms.solids import Box, Cone, Cylinder, Mesh, Phantom, PlacedSolid, Prism, Sphere, polygon_area_mm2

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

HULL_SIDES = 8  # a quadric's footprint is that of the prism over a circumscribed octagon: 5 % more area than a disc
DEPTH_TOLERANCE_MM = 1e-6  # rounding of rotated corners: a solid may lie flat on the panel

_BOX_CORNERS = np.array([[i, j, k] for i in (-0.5, 0.5) for j in (-0.5, 0.5) for k in (-0.5, 0.5)])
_BOX_FACES = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))


class SolidSurfaces(NamedTuple):
    """Surfaces in world coordinates; F faces with N corners in all, Q quadrics."""

    corner_mm: FloatArray  # (N, 3) corners of the faces, one face after the other [mm]
    face_start: IntArray  # (F + 1,) first corner of each face
    face_normal: FloatArray  # (F, 3) unit normals, outwards [1]
    face_offset_mm: FloatArray  # (F,) normal . point of the face [mm]
    face_solid: IntArray  # (F,) number of the solid in its phantom
    quadric_turn: FloatArray  # (Q, 3, 3) local = turn @ (world - centre) [1]
    quadric_centre_mm: FloatArray  # (Q, 3) [mm]
    quadric_radius_mm: FloatArray  # (Q,) radius of the sphere, or at half length [mm]
    quadric_slope: FloatArray  # (Q,) radius gained along local z [1]
    quadric_half_length_mm: FloatArray  # (Q,) half length along local z; infinite for a sphere [mm]
    quadric_hull_mm: FloatArray  # (Q, 2 * HULL_SIDES, 3) corners of a prism that holds the quadric [mm]
    quadric_solid: IntArray  # (Q,) number of the solid in its phantom


def _polygon_faces(shape: Box | Prism) -> tuple[FloatArray, list[tuple[int, ...]]]:
    """Local corners (V, 3) and, for each face, the corners around it, counter-clockwise seen from outside."""
    if isinstance(shape, Box):
        return _BOX_CORNERS * np.asarray(shape.size_mm, dtype=np.float64), list(_BOX_FACES)
    outline = np.asarray(shape.polygon_mm, dtype=np.float64)
    if polygon_area_mm2(outline) < 0:
        outline = np.roll(outline[::-1], 1, axis=0)
    count = len(outline)
    ends = [np.column_stack([outline, np.full(count, z)]) for z in (-0.5 * shape.length_mm, 0.5 * shape.length_mm)]
    sides = [(i, (i + 1) % count, (i + 1) % count + count, i + count) for i in range(count)]
    return np.vstack(ends), [(0, *range(count - 1, 0, -1)), tuple(range(count, 2 * count)), *sides]


def _quadric_hull(shape: Sphere | Cylinder | Cone) -> FloatArray:
    """(2 * HULL_SIDES, 3) local corners of a prism or frustum that holds the quadric."""
    match shape:
        case Sphere(radius_mm):
            bottom_mm, top_mm, half_length_mm = radius_mm, radius_mm, radius_mm
        case Cylinder(radius_mm, length_mm):
            bottom_mm, top_mm, half_length_mm = radius_mm, radius_mm, 0.5 * length_mm
        case Cone(bottom_mm, top_mm, length_mm):
            half_length_mm = 0.5 * length_mm
    angle = 2.0 * np.pi * np.arange(HULL_SIDES) / HULL_SIDES
    ring = np.column_stack([np.cos(angle), np.sin(angle)]) / np.cos(np.pi / HULL_SIDES)
    bottom = np.column_stack([ring * bottom_mm, np.full(HULL_SIDES, -half_length_mm)])
    top = np.column_stack([ring * top_mm, np.full(HULL_SIDES, half_length_mm)])
    return np.vstack([bottom, top])


def quadric_range_mm(solid: PlacedSolid) -> FloatArray:
    """Lowest and highest x, y and z (2, 3) of a sphere, cylinder or cone in the world. [mm]"""
    centre = np.asarray(solid.position_mm, dtype=np.float64)
    match solid.shape:
        case Sphere(radius_mm):
            return np.stack([centre - radius_mm, centre + radius_mm])
        case Cylinder(radius_mm, length_mm):
            discs = ((radius_mm, -0.5 * length_mm), (radius_mm, 0.5 * length_mm))
        case Cone(bottom_mm, top_mm, length_mm):
            discs = ((bottom_mm, -0.5 * length_mm), (top_mm, 0.5 * length_mm))
        case _:
            raise TypeError(f"a {type(solid.shape).__name__} is no quadric")
    axis = solid.rotation[:, 2]
    tilt = np.sqrt(np.maximum(0.0, 1.0 - axis**2))
    lowest = np.min([centre + along * axis - radius * tilt for radius, along in discs], axis=0)
    highest = np.max([centre + along * axis + radius * tilt for radius, along in discs], axis=0)
    return np.stack([lowest, highest])


def highest_mm(phantom: Phantom, surfaces: SolidSurfaces) -> float:
    """Top of a phantom above the panel; 0 where it holds nothing.

    Parameters
    ----------
    phantom : Phantom
        Placed solids. [mm]
    surfaces : SolidSurfaces
        Of the phantom. [mm]

    Returns
    -------
    highest_mm : float
        [mm]
    """
    quadrics = [solid for solid in phantom.solids if isinstance(solid.shape, Sphere | Cylinder | Cone)]
    tops_mm = [float(quadric_range_mm(solid)[1, 2]) for solid in quadrics]
    return max([0.0, *tops_mm, *([float(surfaces.corner_mm[:, 2].max())] if len(surfaces.corner_mm) else [])])


def _check_depth(what: str, lowest_mm: float, highest_mm: float, source_to_detector_mm: float) -> None:
    if lowest_mm < -DEPTH_TOLERANCE_MM or highest_mm >= source_to_detector_mm:
        raise ValueError(
            f"{what} reaches from z = {lowest_mm:.6g} to {highest_mm:.6g} mm, but solids must lie between "
            f"the panel at 0 mm and the source at {source_to_detector_mm:.6g} mm"
        )


def _newell_normals(corner_mm: FloatArray, face_start: IntArray) -> FloatArray:
    """(F, 3) unit normals of planar polygons, convex or not, by Newell's sum over the corners."""
    following = np.arange(1, len(corner_mm) + 1)
    following[face_start[1:] - 1] = face_start[:-1]
    arm_mm = corner_mm - np.repeat(corner_mm[face_start[:-1]], np.diff(face_start), axis=0)
    (ax, ay, az), (bx, by, bz) = arm_mm.T, arm_mm[following].T
    twice = (ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx)
    area = np.column_stack([np.add.reduceat(part, face_start[:-1]) for part in twice])
    length = np.linalg.norm(area, axis=1, keepdims=True)
    return np.asarray(np.divide(area, length, out=np.zeros_like(area), where=length > 0), dtype=np.float64)


def _stacked(parts: list[FloatArray], shape: tuple[int, ...]) -> FloatArray:
    return np.ascontiguousarray(np.stack(parts) if parts else np.empty((0, *shape)), dtype=np.float64)


def solid_surfaces(phantom: Phantom, source_to_detector_mm: float) -> SolidSurfaces:
    """Faces and quadrics of all solids of a phantom, in world coordinates.

    Parameters
    ----------
    phantom : Phantom
        Placed solids. [mm]
    source_to_detector_mm : float
        Distance of the source from the panel; no solid may reach it. [mm]

    Returns
    -------
    surfaces : SolidSurfaces
        Tables for the projection kernels. [mm]

    Raises
    ------
    ValueError
        If a solid reaches below the panel or up to the source.
    """
    corners: list[FloatArray] = [np.empty((0, 3))]
    sizes: list[IntArray] = [np.empty(0, dtype=np.int64)]
    face_solid: list[IntArray] = [np.empty(0, dtype=np.int64)]
    turns, centres, hulls, quadric_solid = [], [], [], []
    outlines: list[tuple[float, float, float]] = []
    for number, solid in enumerate(phantom.solids):
        what = f"solid {number} of phantom '{phantom.name}' ({type(solid.shape).__name__} of {solid.material})"
        centre_mm = np.asarray(solid.position_mm, dtype=np.float64)
        if isinstance(solid.shape, Sphere | Cylinder | Cone):
            low_mm, high_mm = quadric_range_mm(solid)[:, 2]
            _check_depth(what, float(low_mm), float(high_mm), source_to_detector_mm)
            # A ball has no axis: its hull looks along world z, where its footprint is smallest.
            turn = np.eye(3) if isinstance(solid.shape, Sphere) else solid.rotation.T
            turns.append(turn)
            centres.append(centre_mm)
            hulls.append(_quadric_hull(solid.shape) @ turn + centre_mm)
            quadric_solid.append(number)
            match solid.shape:
                case Sphere(radius_mm):
                    outlines.append((radius_mm, 0.0, np.inf))
                case Cylinder(radius_mm, length_mm):
                    outlines.append((radius_mm, 0.0, 0.5 * length_mm))
                case Cone(bottom_mm, top_mm, length_mm):
                    slope = (top_mm - bottom_mm) / length_mm
                    outlines.append((0.5 * (bottom_mm + top_mm), slope, 0.5 * length_mm))
            continue
        if isinstance(solid.shape, Mesh):
            vertices_mm = solid.shape.vertices_mm @ solid.rotation.T + centre_mm
            around, count = solid.shape.triangles.reshape(-1), np.full(len(solid.shape.triangles), 3)
        else:
            local_mm, faces = _polygon_faces(solid.shape)
            vertices_mm = local_mm @ solid.rotation.T + centre_mm
            around = np.concatenate([np.asarray(face) for face in faces])
            count = np.array([len(face) for face in faces])
        _check_depth(what, float(vertices_mm[:, 2].min()), float(vertices_mm[:, 2].max()), source_to_detector_mm)
        corners.append(vertices_mm[around])
        sizes.append(count.astype(np.int64))
        face_solid.append(np.full(len(count), number, dtype=np.int64))
    corner_mm = np.ascontiguousarray(np.vstack(corners))
    face_start = np.concatenate(([0], np.cumsum(np.concatenate(sizes)))).astype(np.int64)
    has_faces = len(face_start) > 1
    face_normal = _newell_normals(corner_mm, face_start) if has_faces else np.empty((0, 3))
    outline = np.asarray(outlines, dtype=np.float64).reshape(-1, 3)
    return SolidSurfaces(
        corner_mm=corner_mm,
        face_start=face_start,
        face_normal=np.ascontiguousarray(face_normal),
        face_offset_mm=np.einsum("fi,fi->f", face_normal, corner_mm[face_start[:-1]]),
        face_solid=np.concatenate(face_solid),
        quadric_turn=_stacked(turns, (3, 3)),
        quadric_centre_mm=_stacked(centres, (3,)),
        quadric_radius_mm=np.ascontiguousarray(outline[:, 0]),
        quadric_slope=np.ascontiguousarray(outline[:, 1]),
        quadric_half_length_mm=np.ascontiguousarray(outline[:, 2]),
        quadric_hull_mm=_stacked(hulls, (2 * HULL_SIDES, 3)),
        quadric_solid=np.asarray(quadric_solid, dtype=np.int64),
    )

"""Solids of a phantom as flat tables that the projection kernels read.

Boxes, prisms and meshes become planar faces with their corners in world coordinates; spheres, cylinders and cones
stay quadrics in their own coordinates. Named tuples instead of dataclasses, because numba takes them as arguments.
"""

from __future__ import annotations

from collections.abc import Sequence
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


class Quadrics(NamedTuple):
    """Spheres, cylinders and cones among some solids, Q in all, each a frustum along its own z; a ball has no axis."""

    number: IntArray  # (Q,) place among the solids
    ball: npt.NDArray[np.bool_]  # (Q,)
    centre_mm: FloatArray  # (Q, 3) [mm]
    turn: FloatArray  # (Q, 3, 3) local = turn @ (world - centre) [1]
    radius_mm: FloatArray  # (Q, 2) at the lower and upper end [mm]
    half_length_mm: FloatArray  # (Q,) the radius for a ball [mm]


def quadrics_of(solids: Sequence[PlacedSolid]) -> Quadrics:
    """The spheres, cylinders and cones among placed solids, in their order. [mm]"""
    found = [number for number, solid in enumerate(solids) if isinstance(solid.shape, Sphere | Cylinder | Cone)]
    outlines = []
    for number in found:
        match solids[number].shape:
            case Sphere(radius_mm):
                outlines.append((radius_mm, radius_mm, radius_mm, True))
            case Cylinder(radius_mm, length_mm):
                outlines.append((radius_mm, radius_mm, 0.5 * length_mm, False))
            case Cone(bottom_mm, top_mm, length_mm):
                outlines.append((bottom_mm, top_mm, 0.5 * length_mm, False))
    outline = np.array(outlines, dtype=np.float64).reshape(-1, 4)
    ball = outline[:, 3] == 1.0
    turn = np.array([solids[number].rotation for number in found], dtype=np.float64).reshape(-1, 3, 3)
    turn = np.ascontiguousarray(turn.transpose(0, 2, 1))
    turn[ball] = np.eye(3)  # its hull looks along world z, where its footprint is smallest
    centre_mm = np.array([solids[number].position_mm for number in found], dtype=np.float64).reshape(-1, 3)
    return Quadrics(np.array(found, dtype=np.int64), ball, centre_mm, turn, outline[:, :2].copy(), outline[:, 2].copy())


def _quadric_hulls(quadrics: Quadrics) -> FloatArray:
    """(Q, 2 * HULL_SIDES, 3) corners of a prism or frustum that holds each quadric."""
    angle = 2.0 * np.pi * np.arange(HULL_SIDES) / HULL_SIDES
    ring = np.column_stack([np.cos(angle), np.sin(angle)]) / np.cos(np.pi / HULL_SIDES)
    local_mm = np.empty((len(quadrics.number), 2, HULL_SIDES, 3))
    local_mm[..., :2] = ring * quadrics.radius_mm[:, :, None, None]
    local_mm[..., 2] = (quadrics.half_length_mm[:, None] * [-1.0, 1.0])[:, :, None]
    return local_mm.reshape(-1, 2 * HULL_SIDES, 3) @ quadrics.turn + quadrics.centre_mm[:, None, :]


def quadric_ranges_mm(quadrics: Quadrics) -> FloatArray:
    """Lowest and highest x, y and z (Q, 2, 3) of spheres, cylinders and cones in the world. [mm]"""
    axis = quadrics.turn[:, 2]
    tilt = np.sqrt(np.maximum(0.0, 1.0 - axis**2))
    reach_mm, along_mm = quadrics.radius_mm[:, :, None] * tilt[:, None], quadrics.half_length_mm[:, None] * axis
    ends_mm = quadrics.centre_mm[:, None] + np.stack([-along_mm, along_mm], axis=1)
    ranges_mm = np.stack([(ends_mm - reach_mm).min(axis=1), (ends_mm + reach_mm).max(axis=1)], axis=1)
    around_mm = quadrics.half_length_mm[:, None, None] * np.array([[-1.0], [1.0]])
    ball: FloatArray = np.where(quadrics.ball[:, None, None], quadrics.centre_mm[:, None] + around_mm, ranges_mm)
    return ball


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
    tops_mm = quadric_ranges_mm(quadrics_of(phantom.solids))[:, 1, 2]
    return float(max(tops_mm.max(initial=0.0), surfaces.corner_mm[:, 2].max(initial=0.0)))


def _check_depth(phantom: Phantom, number: int, range_mm: tuple[float, float], source_to_detector_mm: float) -> None:
    lowest_mm, highest_mm = range_mm
    if lowest_mm < -DEPTH_TOLERANCE_MM or highest_mm >= source_to_detector_mm:
        solid = phantom.solids[number]
        what = f"solid {number} of phantom '{phantom.name}' ({type(solid.shape).__name__} of {solid.material})"
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
    quadrics = quadrics_of(phantom.solids)
    depths_mm = quadric_ranges_mm(quadrics)[:, :, 2].tolist()
    for number, (low_mm, high_mm) in zip(quadrics.number.tolist(), depths_mm, strict=True):
        _check_depth(phantom, number, (low_mm, high_mm), source_to_detector_mm)
    for number, solid in enumerate(phantom.solids):
        if isinstance(solid.shape, Sphere | Cylinder | Cone):
            continue
        centre_mm = np.asarray(solid.position_mm, dtype=np.float64)
        if isinstance(solid.shape, Mesh):
            vertices_mm = solid.shape.vertices_mm @ solid.rotation.T + centre_mm
            around, count = solid.shape.triangles.reshape(-1), np.full(len(solid.shape.triangles), 3)
        else:
            local_mm, faces = _polygon_faces(solid.shape)
            vertices_mm = local_mm @ solid.rotation.T + centre_mm
            around = np.concatenate([np.asarray(face) for face in faces])
            count = np.array([len(face) for face in faces])
        range_mm = float(vertices_mm[:, 2].min()), float(vertices_mm[:, 2].max())
        _check_depth(phantom, number, range_mm, source_to_detector_mm)
        corners.append(vertices_mm[around])
        sizes.append(count.astype(np.int64))
        face_solid.append(np.full(len(count), number, dtype=np.int64))
    corner_mm = np.ascontiguousarray(np.vstack(corners))
    face_start = np.concatenate(([0], np.cumsum(np.concatenate(sizes)))).astype(np.int64)
    has_faces = len(face_start) > 1
    face_normal = _newell_normals(corner_mm, face_start) if has_faces else np.empty((0, 3))
    return SolidSurfaces(
        corner_mm=corner_mm,
        face_start=face_start,
        face_normal=np.ascontiguousarray(face_normal),
        face_offset_mm=np.einsum("fi,fi->f", face_normal, corner_mm[face_start[:-1]]),
        face_solid=np.concatenate(face_solid),
        quadric_turn=quadrics.turn,
        quadric_centre_mm=quadrics.centre_mm,
        quadric_radius_mm=quadrics.radius_mm.mean(axis=1),
        quadric_slope=np.diff(quadrics.radius_mm)[:, 0] / (2.0 * quadrics.half_length_mm),
        quadric_half_length_mm=np.where(quadrics.ball, np.inf, quadrics.half_length_mm),
        quadric_hull_mm=_quadric_hulls(quadrics),
        quadric_solid=quadrics.number,
    )

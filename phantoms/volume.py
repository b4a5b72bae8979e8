"""Voxel volumes: boxes side by side, each a mixture of few basis materials, placed in the world like solids.

A voxel holds a code; a table tells the partial density of every basis material behind each code. So a CT of 512^3
voxels stays two bytes a voxel, and a path through it is a sum of areal masses, one for each basis material.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from phantoms.solids import Vector, check_positive, rotation_matrix

FloatArray = npt.NDArray[np.float64]
CodeArray = npt.NDArray[np.uint16]


@dataclass(frozen=True, eq=False)
class Volume:
    """Voxels as boxes: world = ``rotation`` (3, 3) @ local + ``position_mm``, local origin at the volume's centre.

    Attributes
    ----------
    codes : (Z, Y, X) uint16
        Row of the table behind each voxel; the last axis runs along local x.
    partial_g_per_cm3 : (C, B) float64
        Partial density of each basis material behind each code. [g/cm3]
    materials : tuple of str
        Names of the B basis materials.
    spacing_mm : (float, float, float)
        Along local x, y, z. [mm]
    position_mm : (float, float, float)
        Where the centre comes to lie. [mm]
    rotation : (3, 3) float64
        Local to world, without mirror.
    """

    codes: CodeArray
    partial_g_per_cm3: FloatArray
    materials: tuple[str, ...]
    spacing_mm: Vector
    position_mm: Vector
    rotation: FloatArray

    def __post_init__(self) -> None:
        if self.codes.ndim != 3 or self.codes.dtype != np.uint16 or 0 in self.codes.shape:
            raise ValueError(f"codes of a volume must be (Z, Y, X) uint16, got {self.codes.shape} {self.codes.dtype}")
        table = self.partial_g_per_cm3
        if table.ndim != 2 or table.shape[1] != len(self.materials):
            raise ValueError(
                f"partial_g_per_cm3 of a volume must be (C, {len(self.materials)}), one column for each material, "
                f"got {table.shape}"
            )
        if not (np.isfinite(table).all() and (table >= 0).all()):
            raise ValueError("partial_g_per_cm3 of a volume must be zero or positive and finite")
        if (highest := int(self.codes.max())) >= len(table):
            raise ValueError(f"codes of a volume must be below {len(table)}, the rows of its table, got {highest}")
        check_positive(**{f"spacing_mm[{axis}]": step for axis, step in zip("xyz", self.spacing_mm, strict=True)})
        if not np.isfinite(self.position_mm).all():
            raise ValueError(f"position_mm of a volume must be finite, got {self.position_mm}")
        square = self.rotation @ self.rotation.T
        if not np.allclose(square, np.eye(3), atol=1e-6) or np.linalg.det(self.rotation) < 0:
            raise ValueError("rotation of a volume must turn it without stretching or mirroring it")

    @property
    def size_mm(self) -> Vector:
        """Full extent along local x, y, z. [mm]"""
        z, y, x = self.codes.shape
        return (x * self.spacing_mm[0], y * self.spacing_mm[1], z * self.spacing_mm[2])


def place_volume(
    codes: CodeArray,
    partial_g_per_cm3: FloatArray,
    materials: tuple[str, ...],
    spacing_mm: Vector,
    position_mm: Vector = (0.0, 0.0, 0.0),
    rotation_deg: Vector = (0.0, 0.0, 0.0),
) -> Volume:
    """A volume turned about the fixed axes x, then y, then z [deg], then moved [mm].

    Parameters
    ----------
    codes : (Z, Y, X) uint16
        Row of the table behind each voxel.
    partial_g_per_cm3 : (C, B) float64
        Partial density of each basis material behind each code. [g/cm3]
    materials : tuple of str
        Names of the basis materials.
    spacing_mm : (float, float, float)
        Along local x, y, z. [mm]
    position_mm : (float, float, float)
        Where the centre comes to lie. [mm]
    rotation_deg : (float, float, float)
        About the fixed axes x, then y, then z. [deg]

    Returns
    -------
    volume : Volume
    """
    return Volume(codes, partial_g_per_cm3, materials, spacing_mm, position_mm, rotation_matrix(rotation_deg))


def occupied(codes: CodeArray, holds: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Box round the voxels that hold something.

    Parameters
    ----------
    codes : (Z, Y, X) uint16
        Of a volume.
    holds : (C,) bool
        Whether each code does.

    Returns
    -------
    first, stop : (3,) int64
        First voxel and past the last along x, y, z; equal where none holds anything. [1]
    """
    first, stop = np.zeros(3, np.int64), np.zeros(3, np.int64)
    by_slice = np.array([holds[plane].any() for plane in codes])
    if by_slice.any():
        front = np.zeros(codes.shape[1:], np.bool_)
        for plane in codes[by_slice]:
            front |= holds[plane]
        for axis, filled in enumerate((front.any(axis=0), front.any(axis=1), by_slice)):
            places = np.flatnonzero(filled)
            first[axis], stop[axis] = places[0], places[-1] + 1
    return first, stop


def box_corners_mm(volume: Volume) -> FloatArray:
    """Corners of the whole grid of a volume in the world, x slowest.

    Parameters
    ----------
    volume : Volume
        Placed.

    Returns
    -------
    corners_mm : (8, 3) float64
        [mm]
    """
    signs = np.array([[i, j, k] for i in (-0.5, 0.5) for j in (-0.5, 0.5) for k in (-0.5, 0.5)])
    return np.asarray((signs * volume.size_mm) @ volume.rotation.T + np.asarray(volume.position_mm))

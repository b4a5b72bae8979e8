"""Voxel volumes of a phantom as one set of tables that kernels read, and where their shadows fall.

Volumes displace the medium of the beam, as solids do: where the medium is air, its density is taken off the air in
every voxel, so that a voxel of plain air holds nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from phantoms.volume import CodeArray, Volume, occupied

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
RunArray = npt.NDArray[np.uint8]

SMALLEST_G_PER_CM3 = 1e-5  # chosen: CT numbers round air's density to 5e-6; 300 mm of that take 3e-5 of a beam


class VoxelWorld(NamedTuple):
    """V volumes one after the other; B basis materials and C codes of all of them together."""

    codes: CodeArray  # (N,) x fastest, then y, then z
    first_voxel: IntArray  # (V,) of each volume in `codes`
    shape: IntArray  # (V, 3) voxels along x, y, z
    table: FloatArray  # (C, B) partial density over that of the medium [g/cm3]
    first_row: IntArray  # (V,) of each volume in `table`
    to_voxel: FloatArray  # (V, 3, 4) voxel = to_voxel @ (x, y, z, 1), voxel i from i to i + 1
    first: IntArray  # (V, 3) occupied voxels along x, y, z
    stop: IntArray  # (V, 3)
    runs: RunArray  # (N,) how many voxels from each one on have its code, along the way of most rays; or empty
    run_axis: IntArray  # (V,) and along which axis, as `voxel_runs.main_axis` says; 0 where `runs` says nothing


def basis_materials(volumes: Sequence[Volume]) -> tuple[str, ...]:
    """Names of the basis materials of some volumes, each once.

    Parameters
    ----------
    volumes : sequence of Volume
        In any order.

    Returns
    -------
    names : tuple of str
        In that of their first occurrence.
    """
    return tuple(dict.fromkeys(name for volume in volumes for name in volume.materials))


def voxel_world(
    volumes: Sequence[Volume],
    names: Sequence[str],
    medium: str = "vacuum",
    medium_g_per_cm3: float = 0.0,
    *,
    runs: bool = True,
) -> VoxelWorld:
    """Tables of some volumes.

    Parameters
    ----------
    volumes : sequence of Volume
        Their codes are not copied where there is one.
    names : sequence of str
        Columns of the table: every basis material, and the medium unless it weighs nothing.
    medium : str
        What the volumes displace.
    medium_g_per_cm3 : float
        Its density. [g/cm3]
    runs : bool
        Whether rays will be traced, a byte a voxel.

    Returns
    -------
    world : VoxelWorld
        Bounded to the voxels that differ from the medium.
    """
    tables, to_voxel, first, stop = [np.zeros((0, len(names)))], [], [], []
    for volume in volumes:
        table = np.zeros((len(volume.partial_g_per_cm3), len(names)))
        for column, name in enumerate(volume.materials):
            table[:, names.index(name)] += volume.partial_g_per_cm3[:, column]
        if medium_g_per_cm3 > 0:
            table[:, names.index(medium)] -= medium_g_per_cm3
        table[np.abs(table).sum(axis=1) < SMALLEST_G_PER_CM3] = 0.0
        tables.append(table)
        shape = np.array(volume.codes.shape[::-1], dtype=np.float64)
        linear = volume.rotation.T / np.asarray(volume.spacing_mm)[:, None]
        to_voxel.append(np.column_stack([linear, 0.5 * shape - linear @ np.asarray(volume.position_mm)]))
        low, high = occupied(volume.codes, np.asarray(table.any(axis=1)))
        first.append(low)
        stop.append(high)
    codes = [volume.codes.reshape(-1) for volume in volumes] or [np.zeros(0, np.uint16)]
    sizes = [len(part) for part in codes[: len(volumes)]]
    rows = [len(table) for table in tables]
    held, axes = _runs(volumes, np.array(to_voxel), first, stop) if runs and volumes else (np.zeros(0, np.uint8), [])
    return VoxelWorld(
        codes=np.ascontiguousarray(codes[0] if len(codes) == 1 else np.concatenate(codes)),
        first_voxel=np.array([0, *itertools.accumulate(sizes)], np.int64)[: len(volumes)],
        shape=np.array([volume.codes.shape[::-1] for volume in volumes], np.int64).reshape(-1, 3),
        table=np.ascontiguousarray(np.concatenate(tables)),
        first_row=np.array([0, *itertools.accumulate(rows[1:])], np.int64)[: len(volumes)],
        to_voxel=np.array(to_voxel, np.float64).reshape(-1, 3, 4),
        first=np.array(first, np.int64).reshape(-1, 3),
        stop=np.array(stop, np.int64).reshape(-1, 3),
        runs=held,
        run_axis=np.array(axes or [0] * len(volumes), np.int64),
    )


def _runs(
    volumes: Sequence[Volume], to_voxel: FloatArray, first: Sequence[IntArray], stop: Sequence[IntArray]
) -> tuple[RunArray, list[int]]:
    """Runs of all volumes, and the axis of each; nothing and zeros where no volume has runs that are worth it."""
    from radiography.projection.voxel_runs import main_axis, voxel_runs

    parts: list[RunArray] = []
    axes: list[int] = []
    for number, volume in enumerate(volumes):
        axis = main_axis(to_voxel[number])
        counted = voxel_runs(volume.codes, first[number], stop[number], axis)
        parts.append(np.zeros(volume.codes.size, np.uint8) if counted is None else counted.reshape(-1))
        axes.append(0 if counted is None else axis)
    if not any(axes):
        return np.zeros(0, np.uint8), axes
    return parts[0] if len(parts) == 1 else np.concatenate(parts), axes


def occupied_corners_mm(world: VoxelWorld) -> FloatArray:
    """Corners of the occupied box of each volume in the world.

    Parameters
    ----------
    world : VoxelWorld
        Of V volumes.

    Returns
    -------
    corners_mm : (V, 8, 3) float64
        All in one place where nothing is occupied. [mm]
    """
    corners = []
    for number in range(len(world.first)):
        ends = np.stack([world.first[number], world.stop[number]]).astype(np.float64)
        voxel = np.array([[ends[i, 0], ends[j, 1], ends[k, 2]] for i, j, k in itertools.product((0, 1), repeat=3)])
        linear, offset = world.to_voxel[number, :, :3], world.to_voxel[number, :, 3]
        corners.append(np.linalg.solve(linear, (voxel - offset).T).T)
    return np.array(corners, np.float64).reshape(-1, 8, 3)

"""Voxels as the photon Monte Carlo meets them: what each code is made of, which codes a block between planes holds."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from phantoms.volume import Volume
from radiography.projection.voxel_world import VoxelWorld

VOLUME_CUTS = 8  # blocks of a volume along each axis, each with a majorant of its own   # chosen: fastest of 4 to 20
ROUNDING_VOXELS = 1e-6  # a point at a plane may lie that far beyond it

FloatArray = npt.NDArray[np.float64]


def voxel_amounts(volumes: Sequence[Volume], names: Sequence[str], density_g_per_cm3: Sequence[float]) -> FloatArray:
    """What the codes of all volumes are made of.

    Parameters
    ----------
    volumes : sequence of Volume
        One after the other.
    names : sequence of str
        Of the M tabulated materials.
    density_g_per_cm3 : sequence of float
        Of each of them; those that volumes hold weigh something. [g/cm3]

    Returns
    -------
    amounts : (C, M) float64
        Partial density over that of the material. [1]
    """
    tables = [np.zeros((0, len(names)))]
    for volume in volumes:
        amounts = np.zeros((len(volume.partial_g_per_cm3), len(names)))
        for column, name in enumerate(volume.materials):
            number = names.index(name)
            amounts[:, number] += volume.partial_g_per_cm3[:, column] / density_g_per_cm3[number]
        tables.append(amounts)
    return np.concatenate(tables)


def rows_within(voxels: VoxelWorld, volume: int, low_mm: FloatArray, high_mm: FloatArray) -> list[int]:
    """Rows of the table of all volumes that a volume may have between planes.

    Parameters
    ----------
    voxels : VoxelWorld
        Of all volumes.
    volume : int
        Number of one.
    low_mm, high_mm : (3,) float64
        Planes of x, y, z. [mm]

    Returns
    -------
    rows : list of int
        Of all voxels that reach between the planes, and where it is turned some beside them.
    """
    first, stop = voxels.first[volume], voxels.stop[volume]
    corners_mm = np.array(list(itertools.product(*zip(low_mm, high_mm, strict=True))))
    places = corners_mm @ voxels.to_voxel[volume, :, :3].T + voxels.to_voxel[volume, :, 3]
    low = np.clip(np.floor(places.min(axis=0) - ROUNDING_VOXELS), first, stop - 1).astype(np.int64)
    high = np.clip(np.floor(places.max(axis=0) + ROUNDING_VOXELS), first, stop - 1).astype(np.int64) + 1
    if (first >= stop).any():
        return []
    size = int(np.prod(voxels.shape[volume]))
    codes = voxels.codes[voxels.first_voxel[volume] :][:size].reshape(voxels.shape[volume, ::-1])
    part = codes[low[2] : high[2], low[1] : high[1], low[0] : high[0]]
    seen = np.flatnonzero(np.bincount(part.ravel()))
    return [int(row) for row in seen + voxels.first_row[volume]]

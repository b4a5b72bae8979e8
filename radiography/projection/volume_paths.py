"""Areal masses that rays meet in a voxel volume: exact, from voxel face to voxel face.

Siddon's sum in the incremental form of Amanatides and Woo; the steps stay within the box of the voxels that hold mass.

References
----------
.. [1] Siddon, "Fast calculation of the exact radiological path for a three-dimensional CT array", Med Phys 12, 252-255
   (1985). doi:10.1118/1.595715
.. [2] Amanatides and Woo, "A fast voxel traversal algorithm for ray tracing", Eurographics '87, 3-10 (1987).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from phantoms.volume import Volume, VoxelGrid, voxel_grid

FloatArray = npt.NDArray[np.float64]
Picture = npt.NDArray[np.float32]


@njit(cache=True, error_model="numpy")
def code_at(grid: VoxelGrid, x_mm: float, y_mm: float, z_mm: float) -> int:
    """Code of the voxel at a point of the world, to be called from kernels.

    Parameters
    ----------
    grid : VoxelGrid
        From `voxel_grid`.
    x_mm, y_mm, z_mm : float
        World coordinates. [mm]

    Returns
    -------
    code : int
        Row of the volume's table; -1 outside of the box of the voxels that hold mass.
    """
    to_voxel, first, stop = grid.to_voxel, grid.first, grid.stop
    column = math.floor(to_voxel[0, 0] * x_mm + to_voxel[0, 1] * y_mm + to_voxel[0, 2] * z_mm + to_voxel[0, 3])
    row = math.floor(to_voxel[1, 0] * x_mm + to_voxel[1, 1] * y_mm + to_voxel[1, 2] * z_mm + to_voxel[1, 3])
    plane = math.floor(to_voxel[2, 0] * x_mm + to_voxel[2, 1] * y_mm + to_voxel[2, 2] * z_mm + to_voxel[2, 3])
    if not (first[0] <= column < stop[0] and first[1] <= row < stop[1] and first[2] <= plane < stop[2]):
        return -1
    return int(grid.codes[int(plane), int(row), int(column)])


def areal_masses(volume: Volume, source_mm: FloatArray, x_mm: FloatArray, y_mm: FloatArray) -> Picture:
    """Areal mass of each basis material between the source and the points of a panel at z = 0.

    Parameters
    ----------
    volume : Volume
        Voxels as boxes of constant density.
    source_mm : (3,) float64
        x, y, z. [mm]
    x_mm, y_mm : (W,), (H,) float64
        Where the columns and rows of the rays meet the panel. [mm]

    Returns
    -------
    masses : (B, H, W) float32
        Sum of partial density times length. [g/cm2]
        The same bytes for any number of threads.
    """
    masses = np.zeros((len(volume.materials), len(y_mm), len(x_mm)), np.float32)
    _trace_rows(voxel_grid(volume), np.asarray(source_mm, np.float64), x_mm, y_mm, masses)
    return masses


def interpolated_masses(
    volume: Volume, source_mm: FloatArray, x_mm: FloatArray, y_mm: FloatArray, rays_per_voxel: float = 2.0
) -> Picture:
    """Areal masses as `areal_masses` has them, from fewer rays where voxels cover several pixels.

    Rays are traced at a part of the smallest voxel as its shadow falls on the panel; between them the areal masses,
    not the intensities, follow straight lines.

    Parameters
    ----------
    volume : Volume
        Voxels as boxes of constant density.
    source_mm : (3,) float64
        x, y, z. [mm]
    x_mm, y_mm : (W,), (H,) float64
        Evenly spaced places of columns and rows on the panel. [mm]
    rays_per_voxel : float
        Rays along the shadow of a voxel's shortest side. [1]

    Returns
    -------
    masses : (B, H, W) float32
        [g/cm2]

    Raises
    ------
    ValueError
        If rays_per_voxel is not positive.
    """
    if not rays_per_voxel > 0:
        raise ValueError(f"rays_per_voxel must be positive, got {rays_per_voxel}")
    nearest_mm = volume.position_mm[2] - 0.5 * math.hypot(*volume.size_mm)
    magnification = source_mm[2] / (source_mm[2] - max(nearest_mm, 0.0))
    step_mm = magnification * min(volume.spacing_mm) / rays_per_voxel
    x_ray, y_ray = _ray_places(x_mm, step_mm), _ray_places(y_mm, step_mm)
    traced = areal_masses(volume, source_mm, x_ray, y_ray)
    if len(x_ray) == len(x_mm) and len(y_ray) == len(y_mm):
        return traced
    masses = np.empty((len(traced), len(y_mm), len(x_mm)), np.float32)
    _interpolate_rows(traced, _between(x_mm, x_ray), _between(y_mm, y_ray), masses)
    return masses


def _ray_places(pixel_mm: FloatArray, step_mm: float) -> FloatArray:
    """Places from the first pixel to the last, at most a step apart, or the pixels themselves where they are fewer."""
    count = math.ceil(abs(pixel_mm[-1] - pixel_mm[0]) / step_mm) + 1
    return pixel_mm if count >= len(pixel_mm) else np.linspace(pixel_mm[0], pixel_mm[-1], count)


def _between(pixel_mm: FloatArray, ray_mm: FloatArray) -> FloatArray:
    """Place of each pixel among the rays. [1]"""
    if len(ray_mm) == 1:
        return np.zeros(len(pixel_mm))
    return np.asarray((pixel_mm - ray_mm[0]) * ((len(ray_mm) - 1) / (ray_mm[-1] - ray_mm[0])))


@njit(parallel=True, cache=True, error_model="numpy")
def _interpolate_rows(traced: Picture, x_place: FloatArray, y_place: FloatArray, masses: Picture) -> None:
    """Write every element of `masses` (B, H, W) from `traced` (B, h, w), bilinear; a row has one thread."""
    height, width = traced.shape[1:]
    for row in prange(len(y_place)):
        above = min(max(int(y_place[row]), 0), max(height - 2, 0))
        below, down = min(above + 1, height - 1), y_place[row] - above
        for material in range(len(traced)):
            for col in range(len(x_place)):
                left = min(max(int(x_place[col]), 0), max(width - 2, 0))
                right, across = min(left + 1, width - 1), x_place[col] - left
                top = traced[material, above, left] * (1.0 - across) + traced[material, above, right] * across
                low = traced[material, below, left] * (1.0 - across) + traced[material, below, right] * across
                masses[material, row, col] = top * (1.0 - down) + low * down


@njit(cache=True, error_model="numpy")
def _trace_ray(grid: VoxelGrid, start: FloatArray, along: FloatArray, work: FloatArray, sums: FloatArray) -> None:
    """Write to `sums` (B,) the partial densities times the part of the ray, which is 1 from `start` to the panel.

    `start`, `along` (3,) in voxels; `work` (2, 3) is scratch.
    """
    codes, table, first, stop = grid.codes, grid.partial_g_per_cm3, grid.first, grid.stop
    sums[:] = 0.0
    enter, leave = 0.0, 1.0
    for axis in range(3):
        if along[axis] == 0.0:
            if not first[axis] <= start[axis] < stop[axis]:
                return
        else:
            one, other = (first[axis] - start[axis]) / along[axis], (stop[axis] - start[axis]) / along[axis]
            enter, leave = max(enter, min(one, other)), min(leave, max(one, other))
    if enter >= leave:
        return
    x = y = z = 0
    step_x = step_y = step_z = 0
    for axis in range(3):
        place = start[axis] + enter * along[axis]
        voxel = min(max(math.floor(place), first[axis]), stop[axis] - 1)
        step = 0
        work[0, axis], work[1, axis] = np.inf, np.inf
        if along[axis] > 0.0:
            step = 1
            work[0, axis], work[1, axis] = (voxel + 1 - start[axis]) / along[axis], 1.0 / along[axis]
        elif along[axis] < 0.0:
            step = -1
            work[0, axis], work[1, axis] = (voxel - start[axis]) / along[axis], -1.0 / along[axis]
        if axis == 0:
            x, step_x = voxel, step
        elif axis == 1:
            y, step_y = voxel, step
        else:
            z, step_z = voxel, step
    t, next_x, next_y, next_z = enter, work[0, 0], work[0, 1], work[0, 2]
    while t < leave:
        code = codes[z, y, x]
        if next_x <= next_y and next_x <= next_z:
            after = min(next_x, leave)
            next_x += work[1, 0]
            x += step_x
        elif next_y <= next_z:
            after = min(next_y, leave)
            next_y += work[1, 1]
            y += step_y
        else:
            after = min(next_z, leave)
            next_z += work[1, 2]
            z += step_z
        part = max(after - t, 0.0)
        for material in range(len(sums)):
            sums[material] += part * table[code, material]
        t = max(t, after)
        if not (first[0] <= x < stop[0] and first[1] <= y < stop[1] and first[2] <= z < stop[2]):
            return


@njit(parallel=True, cache=True, error_model="numpy")
def _trace_rows(grid: VoxelGrid, source_mm: FloatArray, x_mm: FloatArray, y_mm: FloatArray, masses: Picture) -> None:
    """Write every element of `masses` (B, H, W); a row has one thread."""
    to_voxel = grid.to_voxel
    for row in prange(len(y_mm)):
        start, along, work, sums = np.empty(3), np.empty(3), np.empty((2, 3)), np.empty(masses.shape[0])
        for axis in range(3):
            start[axis] = to_voxel[axis, 3]
            for other in range(3):
                start[axis] += to_voxel[axis, other] * source_mm[other]
        for col in range(len(x_mm)):
            dx, dy, dz = x_mm[col] - source_mm[0], y_mm[row] - source_mm[1], -source_mm[2]
            for axis in range(3):
                along[axis] = to_voxel[axis, 0] * dx + to_voxel[axis, 1] * dy + to_voxel[axis, 2] * dz
            _trace_ray(grid, start, along, work, sums)
            length_cm = 0.1 * math.sqrt(dx * dx + dy * dy + dz * dz)
            for material in range(len(sums)):
                masses[material, row, col] = length_cm * sums[material]

"""Areal masses that rays meet in voxel volumes: exact, from voxel face to voxel face, or between fewer exact rays.

Siddon's sum in the incremental form of Amanatides and Woo; the steps stay within the box of the voxels that differ from
the medium. `kernels.py` uses what is here and does not see an edit: `kernels.VOLUME_PATHS` names this file's content.

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

from phantoms.volume import Volume
from radiography.projection.rays import CoarseMasses
from radiography.projection.voxel_world import VoxelWorld, voxel_world

FloatArray = npt.NDArray[np.float64]
Picture = npt.NDArray[np.float32]
FlagArray = npt.NDArray[np.bool_]

RAYS_PER_VOXEL = 1.0  # along the shadow of a voxel's shortest side   # chosen
REFINE = 0.0025  # chosen: bend of the areal mass, over the mass there, from which on a cell is traced
SMALLEST_BEND_G_PER_CM2 = 0.001  # chosen: less than 3e-4 of a beam at 60 keV; a smaller bend is never traced


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
    trace_rows(voxel_world([volume], volume.materials), np.asarray(source_mm, np.float64), x_mm, y_mm, masses)
    return masses


def interpolated_masses(
    volume: Volume,
    source_mm: FloatArray,
    x_mm: FloatArray,
    y_mm: FloatArray,
    rays_per_voxel: float = RAYS_PER_VOXEL,
    refine: float = REFINE,
) -> Picture:
    """Areal masses as `areal_masses` has them, from fewer rays where voxels cover several pixels.

    Rays are traced at a part of the smallest voxel as its shadow falls on the panel; between them the areal masses,
    not the intensities, follow straight lines, but where these bend the pixels are traced as well.

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
    refine : float
        Bend from one ray to the next but one, over the mass there, from which on pixels are traced; infinite never. [1]

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
    world, source = voxel_world([volume], volume.materials), np.asarray(source_mm, np.float64)
    if len(x_ray) == len(x_mm) and len(y_ray) == len(y_mm):
        return areal_masses(volume, source_mm, x_mm, y_mm)
    coarse = coarse_masses(world, source[None], x_ray, y_ray, refine)
    masses = np.empty((coarse.masses.shape[1], len(y_mm), len(x_mm)), np.float32)
    _interpolate_rows(world, coarse, source, x_mm, y_mm, masses)
    return masses


def coarse_masses(
    world: VoxelWorld, sources_mm: FloatArray, x_mm: FloatArray, y_mm: FloatArray, refine: float
) -> CoarseMasses:
    """Areal masses at few rays from each source, and where straight lines between them will not do.

    Parameters
    ----------
    world : VoxelWorld
        Volumes.
    sources_mm : (S, 3) float64
        Where rays start. [mm]
    x_mm, y_mm : (w,), (h,) float64
        Evenly spaced places where they meet the panel. [mm]
    refine : float
        Bend from one ray to the next but one, over the mass there, that makes a cell rough. [1]

    Returns
    -------
    coarse : CoarseMasses
    """
    masses = np.empty((len(sources_mm), world.table.shape[1], len(y_mm), len(x_mm)), np.float32)
    rough = np.empty((len(sources_mm), len(y_mm), len(x_mm)), np.bool_)
    for number, source_mm in enumerate(sources_mm):
        trace_rows(world, source_mm, x_mm, y_mm, masses[number])
        _mark_rough(masses[number], refine, rough[number])
    first_mm = np.array([y_mm[0], x_mm[0]], np.float64)
    per_mm = np.array([(len(places) - 1) / (places[-1] - places[0]) if len(places) > 1 else 0.0
                       for places in (y_mm, x_mm)])  # fmt: skip
    return CoarseMasses(masses, rough, first_mm, per_mm)


def _ray_places(pixel_mm: FloatArray, step_mm: float) -> FloatArray:
    """Places from the first pixel to the last, at most a step apart, or the pixels themselves where they are fewer."""
    count = math.ceil(abs(pixel_mm[-1] - pixel_mm[0]) / step_mm) + 1
    return pixel_mm if count >= len(pixel_mm) else np.linspace(pixel_mm[0], pixel_mm[-1], count)


@njit(parallel=True, cache=True, error_model="numpy")
def _mark_rough(masses: Picture, refine: float, rough: FlagArray) -> None:
    """Write every element of `rough` (h, w): whether a corner of the cell bends more than allowed."""
    materials, height, width = masses.shape
    for row in prange(height):
        bends = np.empty(width, np.bool_)
        for col in range(width):
            rough[row, col] = False
        for corner_row in range(row, min(row + 2, height)):
            above, below = max(corner_row - 1, 0), min(corner_row + 1, height - 1)
            for col in range(width):
                left, right = max(col - 1, 0), min(col + 1, width - 1)
                down = across = total = 0.0
                for material in range(materials):
                    twice = 2.0 * masses[material, corner_row, col]
                    total += 0.5 * abs(twice)
                    down += abs(masses[material, above, col] + masses[material, below, col] - twice)
                    across += abs(masses[material, corner_row, left] + masses[material, corner_row, right] - twice)
                bends[col] = max(down, across) > max(SMALLEST_BEND_G_PER_CM2, refine * total)
            for col in range(width):
                if bends[col] or bends[min(col + 1, width - 1)]:
                    rough[row, col] = True


@njit(cache=True, error_model="numpy")
def add_masses(
    world: VoxelWorld,
    source_mm: FloatArray,
    end_mm: FloatArray,
    part: tuple[float, float],
    sign: float,
    sums: FloatArray,
) -> None:
    """Add the areal masses along a part of a ray.

    Parameters
    ----------
    world : VoxelWorld
        Volumes.
    source_mm : (3,) float64
        Where the ray starts. [mm]
    end_mm : (2,) float64
        x and y where it meets the panel. [mm]
    part : (float, float)
        From where to where, 0 at the source, 1 at the panel. [1]
    sign : float
        What the masses are multiplied by. [1]
    sums : (B,) float64
        Is added to. [g/cm2]
    """
    codes, shape, table, to_voxel, first, stop, runs = (
        world.codes, world.shape, world.table, world.to_voxel, world.first, world.stop, world.runs)  # fmt: skip
    dx, dy, dz = end_mm[0] - source_mm[0], end_mm[1] - source_mm[1], -source_mm[2]
    scale = sign * 0.1 * math.sqrt(dx * dx + dy * dy + dz * dz)
    for volume in range(len(shape)):
        enter, leave = part
        next_x = next_y = next_z = np.inf
        gain_x = gain_y = gain_z = 0.0
        left_x = left_y = left_z = 0
        step_x = step_y = step_z = 0
        per_gain_z = 0.0
        place = world.first_voxel[volume]
        stride = 1
        main = abs(world.run_axis[volume]) - 1 if world.run_axis[volume] != 0 else 2  # is called z here
        in_runs = False
        for axis in range(3):
            turn = to_voxel[volume, axis]
            along = turn[0] * dx + turn[1] * dy + turn[2] * dz
            start = turn[0] * source_mm[0] + turn[1] * source_mm[1] + turn[2] * source_mm[2] + turn[3]
            low, high = first[volume, axis], stop[volume, axis]
            if along == 0.0:
                if not low <= start < high:
                    enter, leave = 1.0, 0.0
            else:
                one, other = (low - start) / along, (high - start) / along
                enter, leave = max(enter, min(one, other)), min(leave, max(one, other))
        if enter >= leave:
            continue
        for axis in range(3):
            turn = to_voxel[volume, axis]
            along = turn[0] * dx + turn[1] * dy + turn[2] * dz
            start = turn[0] * source_mm[0] + turn[1] * source_mm[1] + turn[2] * source_mm[2] + turn[3]
            low, high = first[volume, axis], stop[volume, axis]
            voxel = min(max(math.floor(start + enter * along), low), high - 1)
            ahead, gain, left, step = np.inf, 0.0, 0, 0
            if along > 0.0:
                ahead, gain, left, step = (voxel + 1 - start) / along, 1.0 / along, high - 1 - voxel, stride
            elif along < 0.0:
                ahead, gain, left, step = (voxel - start) / along, -1.0 / along, voxel - low, -stride
            place += stride * voxel
            stride *= shape[volume, axis]
            if axis == main:
                next_z, gain_z, left_z, step_z, per_gain_z = ahead, gain, left, step, abs(along)
                in_runs = step * world.run_axis[volume] > 0
            elif axis == 0 or (axis == 1 and main == 0):
                next_x, gain_x, left_x, step_x = ahead, gain, left, step
            else:
                next_y, gain_y, left_y, step_y = ahead, gain, left, step
        row = world.first_row[volume]
        t, run, code = enter, 0.0, codes[place]
        while True:
            if next_x <= next_y and next_x <= next_z:
                after = next_x
                next_x += gain_x
                left_x -= 1
                step = step_x
            elif next_y <= next_z:
                after = next_y
                next_y += gain_y
                left_y -= 1
                step = step_y
            elif in_runs:
                room = max(min(min(next_x, next_y), leave) - next_z, 0.0)  # until the ray leaves this row of voxels
                count = min(min(int(runs[place]), left_z + 1), 1 + int(room * per_gain_z))
                after = next_z + (count - 1) * gain_z
                next_z = after + gain_z
                left_z -= count
                step = count * step_z
            else:
                after = next_z
                next_z += gain_z
                left_z -= 1
                step = step_z
            if after > t:
                after = min(after, leave)
                run += after - t
                t = after
            done = t >= leave or left_x < 0 or left_y < 0 or left_z < 0
            if not done:
                place += step
            following = codes[place]
            if done or following != code:
                for material in range(len(sums)):
                    sums[material] += scale * run * table[row + code, material]
                run, code = 0.0, following
            if done:
                break


@njit(cache=True, error_model="numpy")
def add_masses_near(
    world: VoxelWorld, coarse: CoarseMasses, source: int, source_mm: FloatArray, end_mm: FloatArray, sums: FloatArray
) -> None:
    """Add the areal masses of a whole ray: between the coarse rays around it, or traced where these will not do.

    Parameters
    ----------
    world : VoxelWorld
        Volumes.
    coarse : CoarseMasses
        Of rays from all sources.
    source : int
        Number of the ray's source.
    source_mm : (3,) float64
        Where it is. [mm]
    end_mm : (2,) float64
        x and y where the ray meets the panel, within the coarse rays. [mm]
    sums : (B,) float64
        Is added to. [g/cm2]
    """
    masses = coarse.masses
    height, width = masses.shape[2], masses.shape[3]
    down = (end_mm[1] - coarse.first_mm[0]) * coarse.per_mm[0]
    across = (end_mm[0] - coarse.first_mm[1]) * coarse.per_mm[1]
    above, left = min(max(int(down), 0), max(height - 2, 0)), min(max(int(across), 0), max(width - 2, 0))
    if coarse.rough[source, above, left]:
        add_masses(world, source_mm, end_mm, (0.0, 1.0), 1.0, sums)
        return
    below, right = min(above + 1, height - 1), min(left + 1, width - 1)
    down -= above
    across -= left
    for material in range(masses.shape[1]):
        top = masses[source, material, above, left] * (1.0 - across) + masses[source, material, above, right] * across
        low = masses[source, material, below, left] * (1.0 - across) + masses[source, material, below, right] * across
        sums[material] += top * (1.0 - down) + low * down


@njit(parallel=True, cache=True, error_model="numpy")
def _interpolate_rows(
    world: VoxelWorld, coarse: CoarseMasses, source_mm: FloatArray, x_mm: FloatArray, y_mm: FloatArray, masses: Picture
) -> None:
    """Write every element of `masses` (B, H, W); a row has one thread."""
    for row in prange(len(y_mm)):
        end_mm, sums = np.empty(2), np.empty(masses.shape[0])
        end_mm[1] = y_mm[row]
        for col in range(len(x_mm)):
            end_mm[0] = x_mm[col]
            sums[:] = 0.0
            add_masses_near(world, coarse, 0, source_mm, end_mm, sums)
            for material in range(len(sums)):
                masses[material, row, col] = sums[material]


@njit(parallel=True, cache=True, error_model="numpy")
def trace_rows(world: VoxelWorld, source_mm: FloatArray, x_mm: FloatArray, y_mm: FloatArray, masses: Picture) -> None:
    """Areal masses of whole rays from one source.

    Parameters
    ----------
    world : VoxelWorld
        Volumes.
    source_mm : (3,) float64
        [mm]
    x_mm, y_mm : (W,), (H,) float64
        Where the rays meet the panel. [mm]
    masses : (B, H, W) float32
        Every element is written; a row has one thread. [g/cm2]
    """
    for row in prange(len(y_mm)):
        end_mm, sums = np.empty(2), np.empty(masses.shape[0])
        end_mm[1] = y_mm[row]
        for col in range(len(x_mm)):
            end_mm[0] = x_mm[col]
            sums[:] = 0.0
            add_masses(world, source_mm, end_mm, (0.0, 1.0), 1.0, sums)
            for material in range(len(sums)):
                masses[material, row, col] = sums[material]

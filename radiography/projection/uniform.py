"""Samples whose rays all have the same path, so that one ray through the middle stands for them.

A face parallel to the panel is crossed at one depth. Where all rays of a sample, from all points of the focal spot,
cross the same such faces and nothing else, their paths differ by their slant only. All other samples are mixed: those
that the outline of a face may cut, and those that may see a slanted face or a quadric. More may be called mixed than
need be, but never fewer.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from radiography.projection.rays import BandItems, RayGrid
from radiography.projection.surfaces import SolidSurfaces

PARALLEL = 1e-9  # sine of the tilt below which a face counts as parallel to the panel: rounding of a turn
# chosen: relative range of the slant within a sample and the focal spot below which one ray stands for all. Behind 10
# mean free paths the mean of the exponentials is then the exponential of the mean to (10 x 0.0005)**2 / 24 = 1e-6.
LARGEST_SLANT_RANGE = 5e-4

FlagArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]


def mixed_samples(surfaces: SolidSurfaces, grid: RayGrid, bands: BandItems, rows: int, cols: int) -> FlagArray:
    """Where each ray has to be followed.

    Parameters
    ----------
    surfaces : SolidSurfaces
        Of the phantom. [mm]
    grid : RayGrid
        Rays of the whole panel. [mm]
    bands : BandItems
        Faces and quadrics of each band of rows.
    rows, cols : int
        Samples of the panel. [1]

    Returns
    -------
    mixed : (rows, cols) bool
        False where one ray from the middle of the focal spot to the middle of the sample stands for all of them.
    """
    mixed = np.zeros((rows, cols), dtype=np.bool_)
    if grid.rays_per_sample == 1 and len(grid.sources_mm) == 1:
        return mixed
    distance_mm, sample_mm = grid.source_to_detector_mm, grid.rays_per_sample * grid.step_mm
    starts = ((grid.first_x_mm, cols), (grid.first_y_mm, rows))
    tangent = math.hypot(*(max(abs(first), abs(first + n * sample_mm)) for first, n in starts)) / distance_mm
    ends_mm = np.array([grid.sources_mm.min(axis=0), grid.sources_mm.max(axis=0)])
    reach_mm = math.hypot(*(sample_mm + ends_mm[1] - ends_mm[0]))
    flat = np.abs(surfaces.face_normal[:, :2]).max(axis=1, initial=0.0) < PARALLEL
    if tangent / (1.0 + tangent**2) * reach_mm / distance_mm > LARGEST_SLANT_RANGE:
        flat[:] = False
    _mark_mixed(surfaces, flat, grid, ends_mm, bands, mixed)
    return mixed


@njit(cache=True, error_model="numpy")
def _mark(line: FlagArray, low_mm: float, high_mm: float, left_mm: float, sample_mm: float) -> None:
    """Samples of a row, whose border is at `left_mm`, from one place to another."""
    first = max(0.0, math.floor((low_mm - left_mm) / sample_mm))
    last = min(len(line) - 1.0, math.floor((high_mm - left_mm) / sample_mm))
    for col in range(int(first), int(last) + 1):
        line[col] = True


@njit(cache=True, error_model="numpy")
def _cast(point_mm: FloatArray, distance_mm: float, ends_mm: FloatArray, shadow_mm: FloatArray) -> bool:
    """Write the shadow of each point (N, 6): x and y from the origin of the source plane, and how far the ends of the
    spot move both down and up. False where a point has no shadow.
    """
    for point in range(len(point_mm)):
        height_mm = point_mm[point, 2]
        if height_mm >= distance_mm:
            return False
        scale = distance_mm / (distance_mm - height_mm)
        for axis in range(2):
            shadow_mm[point, axis] = point_mm[point, axis] * scale
            one, other = ends_mm[0, axis] * (1.0 - scale), ends_mm[1, axis] * (1.0 - scale)
            shadow_mm[point, 2 + axis], shadow_mm[point, 4 + axis] = min(one, other), max(one, other)
    return True


@njit(cache=True, error_model="numpy")
def _edge_range(a: FloatArray, b: FloatArray, low_mm: float, high_mm: float) -> tuple[float, float]:
    """Lowest and highest x of the shadow of an edge between two y, from all of the spot; reversed where it is not."""
    bottom, top = low_mm - max(a[5], b[5]), high_mm - min(a[3], b[3])
    if max(a[1], b[1]) < bottom or min(a[1], b[1]) > top:
        return np.inf, -np.inf
    first, last = 0.0, 1.0
    rise = b[1] - a[1]
    if rise != 0.0:
        one, other = (bottom - a[1]) / rise, (top - a[1]) / rise
        first, last = max(0.0, min(one, other)), min(1.0, max(one, other))
    x_first, x_last = a[0] + first * (b[0] - a[0]), a[0] + last * (b[0] - a[0])
    return min(x_first, x_last) + min(a[2], b[2]), max(x_first, x_last) + max(a[4], b[4])


@njit(cache=True, error_model="numpy")
def _mark_band(
    band: int,
    surfaces: SolidSurfaces,
    flat: FlagArray,
    grid: RayGrid,
    ends_mm: FloatArray,
    bands: BandItems,
    mixed: FlagArray,
) -> None:
    """Sets what is mixed in a band; `ends_mm` (2, 2) are the lowest and highest x and y of the spot."""
    sample_mm, margin_mm = grid.rays_per_sample * grid.step_mm, grid.step_mm  # one ray more than rounding needs
    left_mm, above_mm = grid.first_x_mm - 0.5 * grid.step_mm, grid.first_y_mm - 0.5 * grid.step_mm
    first_row, faces = band * bands.samples_per_band, len(flat)
    stop_row = min(len(mixed), first_row + bands.samples_per_band)
    for item in bands.item[bands.start[band] : bands.start[band + 1]]:
        is_face = item < faces
        is_flat = is_face and flat[item]
        if is_face:
            point_mm = surfaces.corner_mm[surfaces.face_start[item] : surfaces.face_start[item + 1]]
        else:
            point_mm = surfaces.quadric_hull_mm[item - faces]
        shadow_mm = np.empty((len(point_mm), 6))
        if not _cast(point_mm, grid.source_to_detector_mm, ends_mm, shadow_mm):
            mixed[first_row:stop_row] = True
            continue
        for row in range(first_row, stop_row):
            top_mm = above_mm + row * sample_mm - margin_mm
            bottom_mm = above_mm + (row + 1) * sample_mm + margin_mm
            lowest, highest = np.inf, -np.inf
            for corner in range(len(point_mm)):
                here = shadow_mm[corner]
                if is_face:
                    low, high = _edge_range(shadow_mm[corner - 1], here, top_mm, bottom_mm)
                else:  # the box around the hull's shadow
                    low, high = here[0] + here[2], here[0] + here[4]
                if is_flat and low <= high:
                    _mark(mixed[row], low - margin_mm, high + margin_mm, left_mm, sample_mm)
                lowest, highest = min(lowest, low), max(highest, high)
            if lowest <= highest and not is_flat:
                _mark(mixed[row], lowest - margin_mm, highest + margin_mm, left_mm, sample_mm)


@njit(parallel=True, cache=True, error_model="numpy")
def _mark_mixed(
    surfaces: SolidSurfaces, flat: FlagArray, grid: RayGrid, ends_mm: FloatArray, bands: BandItems, mixed: FlagArray
) -> None:
    """Sets what is mixed; a band has one thread."""
    for band in prange(len(bands.start) - 1):
        _mark_band(np.int64(band), surfaces, flat, grid, ends_mm, bands, mixed)

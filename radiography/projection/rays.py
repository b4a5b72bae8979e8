"""Rays of a projection: where they run, which faces and quadrics each band of panel rows has to look at.

The functions depend on descriptions only: they make the plan that the kernels follow. Named tuples instead of
dataclasses, because numba takes them as arguments.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from phantoms.volume import CodeArray
from radiography.projection.focal_spot import spot_points
from radiography.projection.geometry import Geometry
from radiography.projection.surfaces import SolidSurfaces
from radiography.projection.voxel_world import RunArray, VoxelWorld

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
NumberArray = npt.NDArray[np.int32]
FlagArray = npt.NDArray[np.bool_]
Picture = npt.NDArray[np.float32]


class RayGrid(NamedTuple):
    """Rays to regular points of the panel; samples hold rays_per_sample**2 of them."""

    source_to_detector_mm: float
    first_x_mm: float  # of column 0 [mm]
    first_y_mm: float  # of row 0 [mm]
    step_mm: float  # between rays [mm]
    rays_per_sample: int
    sources_mm: FloatArray  # (P, 2) points (x, y) of the focal spot [mm]
    first_ray: IntArray  # (P, 2) row and column of the first ray that starts from each point, below `stride`
    stride: int  # from one ray of a point to its next; divides rays_per_sample


class FanGrid(NamedTuple):
    """Those rays of a grid that start at one point of the focal spot."""

    first_x_mm: float  # of column 0 [mm]
    first_y_mm: float  # of row 0 [mm]
    step_mm: float  # between rays [mm]


class KeptRays(NamedTuple):
    """Columns of rays that are followed in each row of samples of a band, N rows and C columns from the fan's first."""

    place: NumberArray  # (N, C + 1) how many are kept before each column
    col: NumberArray  # (N, C) the kept ones, one after the other


class RayFan(NamedTuple):
    """Rays of one band that start at one point of the focal spot; rows and columns up to, but without, the stop."""

    grid: FanGrid
    source_mm: FloatArray  # (3,) x, y and height above the panel [mm]
    first_row: int
    stop_row: int
    first_col: int
    stop_col: int
    own_rays: int  # rays of a sample that start here, along each axis
    kept: KeptRays


class BeamSums(NamedTuple):
    """What is summed along the rays; S solids, M materials, B basis materials of volumes, K sums, E energies."""

    solid_material: IntArray  # (S,) row of each solid in `mu_log2`, or -1 where its path is not wanted
    mu_log2: FloatArray  # (M + B, E) attenuation coefficient of powers of 2 [1/mm, cm2/g]
    weights: FloatArray  # (R, C, K, E) weight of each energy at R x C nodes, see `geometry.field_nodes_mm` [any]
    paths_only: bool  # paths through the materials are wanted [mm], not sums over the energies
    basis: int = 0  # B


class BandItems(NamedTuple):
    """What each band of rows has to scan-convert: faces (number below F), then quadrics."""

    samples_per_band: int
    start: IntArray  # (B + 1,) first entry of each band in `item`
    item: IntArray
    first_ray_col: IntArray  # (B,)
    stop_ray_col: IntArray  # (B,)
    mixed: FlagArray  # (rows, cols) samples whose rays are all followed, see `uniform.mixed_samples`


class Crossings(NamedTuple):
    """Crossings of the rays of a band, (R, C) kept rays with N crossings in all, ray after ray."""

    t: FloatArray  # (N,) [1]
    solid: NumberArray  # (N,) number of the solid in its phantom
    begin: NumberArray  # (R, C + 1) first crossing of each ray
    stop: NumberArray  # (R, C) past its last crossing


class CoarseMasses(NamedTuple):
    """Areal masses at a grid of rays from each of S points, and the cells between them where lines will not do."""

    masses: Picture  # (S, B, h, w) [g/cm2]
    rough: FlagArray  # (S, h, w) of the cell from a ray to the next ones
    first_mm: FloatArray  # (2,) y and x of the first ray on the panel [mm]
    per_mm: FloatArray  # (2,) rays along y and x [1/mm]


class VoxelRays(NamedTuple):
    """Volumes as the rays of a strip meet them."""

    world: VoxelWorld
    coarse: CoarseMasses
    shadow: IntArray  # (4,) first row, past the last, first column, past the last of the samples that may see them


class StripVoxels(NamedTuple):
    """What `VoxelRays` holds side by side: kernels of several threads take no tuples in tuples."""

    codes: CodeArray
    first_voxel: IntArray
    shape: IntArray
    table: FloatArray
    first_row: IntArray
    to_voxel: FloatArray
    first: IntArray
    stop: IntArray
    runs: RunArray
    run_axis: IntArray
    masses: Picture
    rough: FlagArray
    first_mm: FloatArray
    per_mm: FloatArray
    shadow: IntArray


class RayChunk(NamedTuple):
    """Rays whose energies are summed together, and what that needs; R is kernels.RAYS_PER_CHUNK."""

    path_mm: FloatArray  # (M + B, R) path through each material, areal mass of each basis material [mm, g/cm2]
    met: FlagArray  # (M,) whether a ray of the chunk meets the material
    sample_col: IntArray  # (R,) sample of each ray, from the first of the band
    sums: FloatArray  # (K, R) weighted sums, or the paths [unit of weights, mm]
    along: FloatArray  # (R,) place of each ray from one column of nodes, 0, to the next, 1
    length_mm: FloatArray  # (R,) from the source to the panel [mm]
    crossing: IntArray  # (2, R) first crossing of each ray, and past its last
    depth: IntArray  # (S,) how often each solid was entered less how often left
    scratch: FloatArray  # (2, R)
    line: FloatArray  # (2, K, E) weights at the first of the two columns of nodes, and how much more at the second
    source_mm: FloatArray  # (3,) where the rays start [mm]
    source: IntArray  # (1,) number of that point
    end_mm: FloatArray  # (R, 2) x and y where they meet the panel [mm]
    seen: FlagArray  # (R,) whether they may meet a volume
    mass: FloatArray  # (R, B) areal mass of each basis material, 0 before and after [g/cm2]


class BandWork(NamedTuple):
    """What all fans of a band share."""

    surfaces: SolidSurfaces
    items: IntArray  # faces (number below F), then quadrics
    beam: BeamSums
    chunk: RayChunk
    voxels: VoxelRays


def ray_grid(geometry: Geometry, samples_per_pixel: int, rays_per_sample: int, highest_mm: float = 0.0) -> RayGrid:
    """Regular rays of the whole panel, and the points of the focal spot that they start from.

    Parameters
    ----------
    geometry : Geometry
        Source, panel and focal spot. [mm]
    samples_per_pixel, rays_per_sample : int
        Samples per pixel, and rays per sample, along each axis. [1]
    highest_mm : float
        Top of the object above the panel, which the points are chosen for. [mm]

    Returns
    -------
    grid : RayGrid
        [mm]
    """
    rays_per_pixel = samples_per_pixel * rays_per_sample
    step_mm = geometry.pitch_mm / rays_per_pixel
    shift_y_mm, shift_x_mm = geometry.panel_shift_mm
    spot = spot_points(geometry, rays_per_pixel, rays_per_sample, highest_mm)
    return RayGrid(
        source_to_detector_mm=float(geometry.source_to_detector_mm),
        first_x_mm=float(shift_x_mm - 0.5 * (geometry.cols * rays_per_pixel - 1) * step_mm),
        first_y_mm=float(shift_y_mm - 0.5 * (geometry.rows * rays_per_pixel - 1) * step_mm),
        step_mm=float(step_mm),
        rays_per_sample=int(rays_per_sample),
        sources_mm=np.ascontiguousarray(spot.points_mm),
        first_ray=np.ascontiguousarray(spot.first_ray),
        stride=spot.stride,
    )


def band_items(surfaces: SolidSurfaces, grid: RayGrid, rows: int, cols: int, samples_per_band: int) -> BandItems:
    """Faces and quadrics of each band of rows, and the columns they reach.

    Parameters
    ----------
    surfaces : SolidSurfaces
        Of the phantom. [mm]
    grid : RayGrid
        Rays of the whole panel. [mm]
    rows, cols : int
        Rows and columns of rays. [1]
    samples_per_band : int
        Rows of samples in a band. [1]

    Returns
    -------
    bands : BandItems
        No items at all where nothing meets the panel.
    """
    first_row, stop_row = _footprint(surfaces, grid, 1, grid.first_y_mm, rows)
    first_col, stop_col = _footprint(surfaces, grid, 0, grid.first_x_mm, cols)
    band_rows = samples_per_band * grid.rays_per_sample
    band_count = -(-rows // band_rows)
    seen = np.flatnonzero((first_row < stop_row) & (first_col < stop_col))
    first_band, last_band = first_row[seen] // band_rows, (stop_row[seen] - 1) // band_rows
    bands_of = last_band - first_band + 1
    item = np.repeat(seen, bands_of)
    band = np.repeat(first_band, bands_of) + np.arange(len(item)) - np.repeat(np.cumsum(bands_of) - bands_of, bands_of)
    order = np.argsort(band, kind="stable")
    item, band = item[order], band[order]
    start = np.searchsorted(band, np.arange(band_count + 1)).astype(np.int64)
    window_first, window_stop = np.zeros(band_count, np.int64), np.zeros(band_count, np.int64)
    filled = np.flatnonzero(np.diff(start))
    if len(filled):
        window_first[filled] = np.minimum.reduceat(first_col[item], start[filled])
        window_stop[filled] = np.maximum.reduceat(stop_col[item], start[filled])
    return BandItems(samples_per_band, start, item, window_first, window_stop, np.zeros((0, 0), np.bool_))


def no_items(rows: int, samples_per_band: int, rays_per_sample: int) -> BandItems:
    """Bands of the open beam: nothing to scan-convert.

    Parameters
    ----------
    rows : int
        Rows of rays. [1]
    samples_per_band, rays_per_sample : int
        Rows of samples in a band, and rows of rays in a sample. [1]

    Returns
    -------
    bands : BandItems
        Without items.
    """
    band_count = -(-rows // (samples_per_band * rays_per_sample))
    nothing = np.zeros(band_count, np.int64)
    start, item = np.zeros(band_count + 1, np.int64), np.zeros(0, np.int64)
    return BandItems(samples_per_band, start, item, nothing, nothing, np.zeros((0, 0), np.bool_))


def describe_miss(
    name: str, surfaces: SolidSurfaces, grid: RayGrid, geometry: Geometry, volume_mm: FloatArray | None = None
) -> str:
    """One sentence: where the shadow falls and where the panel stands.

    Parameters
    ----------
    name : str
        Of the phantom.
    surfaces : SolidSurfaces
        Of the phantom. [mm]
    grid : RayGrid
        Rays of the whole panel. [mm]
    geometry : Geometry
        Where the panel stands. [mm]
    volume_mm : (V, 8, 3) float64, optional
        Corners of volumes. [mm]

    Returns
    -------
    sentence : str
        Without a full stop.
    """
    voxels_mm = np.empty((0, 3)) if volume_mm is None else volume_mm.reshape(-1, 3)
    points_mm = np.vstack([surfaces.corner_mm, surfaces.quadric_hull_mm.reshape(-1, 3), voxels_mm])
    extent = []
    for axis, letter in ((0, "x"), (1, "y")):
        low_mm, high_mm = _shadow_range(points_mm[:, axis], points_mm[:, 2], grid, axis)
        half_mm = 0.5 * geometry.pitch_mm * (geometry.cols, geometry.rows)[axis]
        shift_mm = geometry.panel_shift_mm[1 - axis]
        extent.append(
            f"{letter} = {low_mm.min():.4g} to {high_mm.max():.4g} mm (panel: {shift_mm - half_mm:.4g} to "
            f"{shift_mm + half_mm:.4g} mm)"
        )
    return (
        f"object outside the beam: the shadow of phantom '{name}' falls at {' and '.join(extent)}, "
        "but some of it must fall on the panel"
    )


def _footprint(
    surfaces: SolidSurfaces, grid: RayGrid, axis: int, first_mm: float, count: int
) -> tuple[IntArray, IntArray]:
    """First and past-last row or column of rays that each face and quadric can shade, within the panel."""
    lows, highs = [], []
    hull_mm = surfaces.quadric_hull_mm
    for points_mm, starts in (
        (surfaces.corner_mm, surfaces.face_start[:-1]),
        (hull_mm.reshape(-1, 3), np.arange(hull_mm.shape[0]) * hull_mm.shape[1]),
    ):
        if len(starts):
            low_mm, high_mm = _shadow_range(points_mm[:, axis], points_mm[:, 2], grid, axis)
            lows.append(np.minimum.reduceat(low_mm, starts))
            highs.append(np.maximum.reduceat(high_mm, starts))
    # One ray more on each side than rounding can ever need.
    low = np.floor((np.concatenate(lows) - first_mm) / grid.step_mm)
    high = np.ceil((np.concatenate(highs) - first_mm) / grid.step_mm) + 1.0
    return np.clip(low, 0, count).astype(np.int64), np.clip(high, 0, count).astype(np.int64)


def _shadow_range(
    coordinate_mm: FloatArray, z_mm: FloatArray, grid: RayGrid, axis: int
) -> tuple[FloatArray, FloatArray]:
    """Lowest and highest shadow of points over all points of the focal spot; infinite at and above the source."""
    spots_mm = np.unique(grid.sources_mm[:, axis])
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = grid.source_to_detector_mm / (grid.source_to_detector_mm - z_mm)
        low_mm = high_mm = coordinate_mm * scale + spots_mm[0] * (1.0 - scale)
        if len(spots_mm) > 1:
            other_mm = coordinate_mm * scale + spots_mm[-1] * (1.0 - scale)
            low_mm, high_mm = np.minimum(low_mm, other_mm), np.maximum(low_mm, other_mm)
    beyond = z_mm >= grid.source_to_detector_mm
    if beyond.any():
        low_mm, high_mm = np.where(beyond, -np.inf, low_mm), np.where(beyond, np.inf, high_mm)
    return low_mm, high_mm

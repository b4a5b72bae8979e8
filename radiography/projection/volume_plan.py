"""Volumes as a projection meets them: their tables, the part of the panel that their shadows reach, their rays."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from phantoms.solids import Phantom
from phantoms.volume import Volume, box_corners_mm
from radiography.beam.attenuation import material
from radiography.projection.rays import BandItems, CoarseMasses, RayGrid, StripVoxels
from radiography.projection.voxel_world import VoxelWorld, basis_materials, occupied_corners_mm, voxel_world

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

DEPTH_TOLERANCE_MM = 1e-6  # rounding of a turn: a volume may lie on the panel


@dataclass(frozen=True, eq=False)
class VolumePlan:
    """Volumes of a phantom before a ray is followed.

    Attributes
    ----------
    world : VoxelWorld
        Their tables.
    names : tuple of str
        The B basis materials, the medium among them.
    corners_mm : (V, 8, 3) float64
        Of their occupied boxes. [mm]
    spacing_mm : float
        Shortest side of a voxel of all. [mm]
    """

    world: VoxelWorld
    names: tuple[str, ...]
    corners_mm: FloatArray
    spacing_mm: float


def basis_names(phantom: Phantom | None, medium: str) -> tuple[str, ...]:
    """Basis materials of a phantom's volumes, and the medium that they displace unless it weighs nothing.

    Parameters
    ----------
    phantom : Phantom or None
        With or without volumes.
    medium : str
        "air" or "vacuum".

    Returns
    -------
    names : tuple of str
        None where there is no volume.
    """
    names = basis_materials(() if phantom is None else phantom.volumes)
    if names and medium not in names and material(medium).density_g_per_cm3 > 0:
        names = (*names, medium)
    return names


def volume_plan(phantom: Phantom | None, source_to_detector_mm: float, medium: str) -> VolumePlan:
    """Tables of a phantom's volumes, which stand between panel and source and do not overlap.

    Parameters
    ----------
    phantom : Phantom or None
        With or without volumes.
    source_to_detector_mm : float
        [mm]
    medium : str
        What they displace: "air" or "vacuum".

    Returns
    -------
    plan : VolumePlan

    Raises
    ------
    ValueError
        If a volume reaches below the panel or up to the source, or two overlap.
    """
    volumes = () if phantom is None else phantom.volumes
    names, density = basis_names(phantom, medium), material(medium).density_g_per_cm3
    world = voxel_world(volumes, names, medium, density if volumes else 0.0)
    corners_mm = occupied_corners_mm(world)
    for number in range(len(volumes)):
        low_mm, high_mm = corners_mm[number, :, 2].min(), corners_mm[number, :, 2].max()
        empty = bool((world.first[number] == world.stop[number]).all())
        if not empty and (low_mm < -DEPTH_TOLERANCE_MM or high_mm >= source_to_detector_mm):
            raise ValueError(
                f"volume[{number}] reaches from z = {low_mm:.6g} to {high_mm:.6g} mm, but volumes must lie between the "
                f"panel at 0 mm and the source at {source_to_detector_mm:.6g} mm"
            )
        for other in range(number):
            if _overlap(volumes[number], volumes[other]):
                raise ValueError(f"volume[{other}] and volume[{number}] overlap; volumes must lie beside each other")
    spacing_mm = min((min(volume.spacing_mm) for volume in volumes), default=1.0)
    return VolumePlan(world, names, corners_mm, spacing_mm)


def top_mm(plan: VolumePlan) -> float:
    """Highest occupied voxel above the panel; 0 where there is none. [mm]"""
    return float(plan.corners_mm[:, :, 2].max(initial=0.0))


def shadow_of(plan: VolumePlan, grid: RayGrid, rows: int, cols: int) -> IntArray:
    """Samples that may see a volume from any point of the focal spot.

    Parameters
    ----------
    plan : VolumePlan
        Volumes.
    grid : RayGrid
        Rays of the panel. [mm]
    rows, cols : int
        Samples of the panel. [1]

    Returns
    -------
    shadow : (4,) int64
        First row and past the last, first column and past the last. [1]
    """
    points_mm = plan.corners_mm.reshape(-1, 3)
    if len(points_mm) == 0:
        return np.zeros(4, np.int64)
    shadow = []
    sample_mm = grid.rays_per_sample * grid.step_mm
    scale = grid.source_to_detector_mm / (grid.source_to_detector_mm - points_mm[:, 2])
    for axis, first_mm in ((1, grid.first_y_mm), (0, grid.first_x_mm)):
        spots_mm = np.unique(grid.sources_mm[:, axis])[:, None]
        places = (points_mm[:, axis] * scale + spots_mm * (1.0 - scale) - first_mm) / sample_mm
        shadow += [math.floor(float(places.min())) - 1, math.ceil(float(places.max())) + 2]  # one more than rounding
    return np.clip(shadow, 0, [rows, rows, cols, cols]).astype(np.int64)


def bands_with(bands: BandItems, shadow: IntArray, rays_per_sample: int) -> BandItems:
    """Bands of rows whose columns reach over the shadow of volumes as well.

    Parameters
    ----------
    bands : BandItems
        Of solids, or of none.
    shadow : (4,) int64
        Of samples, from `shadow_of`.
    rays_per_sample : int
        [1]

    Returns
    -------
    bands : BandItems
    """
    if shadow[0] >= shadow[1] or shadow[2] >= shadow[3]:
        return bands
    band = np.arange(len(bands.first_ray_col))
    seen = (band * bands.samples_per_band < shadow[1]) & ((band + 1) * bands.samples_per_band > shadow[0])
    filled = bands.first_ray_col < bands.stop_ray_col
    low, high = shadow[2] * rays_per_sample, shadow[3] * rays_per_sample
    first = np.where(seen & filled, np.minimum(bands.first_ray_col, low), np.where(seen, low, bands.first_ray_col))
    return bands._replace(
        first_ray_col=first, stop_ray_col=np.where(seen, np.maximum(bands.stop_ray_col, high), bands.stop_ray_col)
    )


def mark_mixed(plan: VolumePlan, grid: RayGrid, shadow: IntArray, mixed: npt.NDArray[np.bool_]) -> None:
    """Mark the samples whose rays are all followed: with a focal spot, or where a voxel covers few samples.

    Parameters
    ----------
    plan : VolumePlan
        Volumes.
    grid : RayGrid
        Rays of the panel. [mm]
    shadow : (4,) int64
        From `shadow_of`.
    mixed : (rows, cols) bool
        Is written to.
    """
    voxel_mm = ray_step_mm(plan, grid) * rays_per_voxel()
    if len(grid.sources_mm) > 1 or grid.rays_per_sample * grid.step_mm > 0.25 * voxel_mm:
        mixed[shadow[0] : shadow[1], shadow[2] : shadow[3]] = True


def rays_per_voxel() -> float:
    """Coarse rays along the shadow of a voxel's shortest side. [1]"""
    from radiography.projection.volume_paths import RAYS_PER_VOXEL

    return RAYS_PER_VOXEL


def ray_step_mm(plan: VolumePlan, grid: RayGrid) -> float:
    """Distance of coarse rays on the panel, no finer than the rays of one point of the focal spot.

    Parameters
    ----------
    plan : VolumePlan
        Volumes.
    grid : RayGrid
        Rays of the panel. [mm]

    Returns
    -------
    step_mm : float
        [mm]
    """
    low_mm = max(float(plan.corners_mm[:, :, 2].min(initial=0.0)), 0.0)
    magnification = grid.source_to_detector_mm / (grid.source_to_detector_mm - low_mm)
    return max(magnification * plan.spacing_mm / rays_per_voxel(), grid.step_mm * grid.stride)


def strip_rays(
    plan: VolumePlan, grid: RayGrid, shadow: IntArray, strip: tuple[int, int], exact: bool = False
) -> StripVoxels:
    """Coarse rays of a strip of rows, the same as those of the whole panel.

    Parameters
    ----------
    plan : VolumePlan
        Volumes.
    grid : RayGrid
        Rays of the panel. [mm]
    shadow : (4,) int64
        From `shadow_of`.
    strip : (int, int)
        First row of samples and past the last. [1]
    exact : bool
        Whether none of the rays of samples is to lie between coarse ones.

    Returns
    -------
    rays : StripVoxels
        Traced now; nothing where no volume is seen.
    """
    first_row, stop_row = max(strip[0], int(shadow[0])), min(strip[1], int(shadow[1]))
    if first_row >= stop_row or shadow[2] >= shadow[3]:
        nothing = np.zeros((0, len(plan.names), 0, 0), np.float32)
        coarse = CoarseMasses(nothing, np.zeros((0, 0, 0), np.bool_), np.zeros(2), np.zeros(2))
        return StripVoxels(*plan.world, *coarse, np.zeros(4, np.int64))
    from radiography.projection.volume_paths import REFINE, coarse_masses

    sample_mm, step_mm = grid.rays_per_sample * grid.step_mm, ray_step_mm(plan, grid)
    above_mm, left_mm = (first - 0.5 * grid.step_mm for first in (grid.first_y_mm, grid.first_x_mm))
    # places are whole steps from the border of the panel; two more on both sides, so that bends are those of the whole
    begin = math.floor(first_row * sample_mm / step_mm) - 2
    y_mm = np.asarray(above_mm + step_mm * np.arange(begin, math.ceil(stop_row * sample_mm / step_mm) + 3), np.float64)
    begin = math.floor(shadow[2] * sample_mm / step_mm) - 2
    x_mm = np.asarray(left_mm + step_mm * np.arange(begin, math.ceil(shadow[3] * sample_mm / step_mm) + 3), np.float64)
    sources_mm = np.column_stack([grid.sources_mm, np.full(len(grid.sources_mm), grid.source_to_detector_mm)])
    coarse = coarse_masses(plan.world, np.ascontiguousarray(sources_mm), x_mm, y_mm, REFINE)
    if exact:
        coarse.rough[:] = True
    return StripVoxels(*plan.world, *coarse, shadow)


def _overlap(one: Volume, other: Volume) -> bool:
    """Whether two boxes share a space: no plane along their faces or between two edges parts them."""
    corners = box_corners_mm(one), box_corners_mm(other)
    edges = [np.cross(a, b) for a in one.rotation.T for b in other.rotation.T]
    for axis in (*one.rotation.T, *other.rotation.T, *edges):
        if np.linalg.norm(axis) < 1e-9:
            continue
        spans = [(points @ axis).min() for points in corners], [(points @ axis).max() for points in corners]
        if max(spans[0]) >= min(spans[1]) - 1e-9:
            return False
    return True

"""Sizes of solids, and the part of the panel that their shadows cover, before any ray is followed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from phantoms.solids import Phantom, PlacedSolid
from radiography.projection.geometry import Geometry
from radiography.projection.rays import band_items, describe_miss, ray_grid
from radiography.projection.surfaces import highest_mm, quadric_ranges_mm, quadrics_of, solid_surfaces
from radiography.projection.volume_plan import shadow_of, volume_plan

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Extent:
    """Size of some solids, and of the shadow of the box round them.

    Attributes
    ----------
    size_mm : (float, float, float)
        Along x, y and z. [mm]
    shadow_pixels : (float, float)
        Rows and columns of the shadow, whether on the panel or beside it. [1]
    panel_share : float
        Fraction of the panel that the shadow covers, 0 to 1. [1]
    """

    size_mm: tuple[float, float, float]
    shadow_pixels: tuple[float, float]
    panel_share: float


def extents(phantom: Phantom, geometry: Geometry, groups: list[slice]) -> list[Extent]:
    """Sizes and shadows of groups of a phantom's solids, seen from the centre of the focal spot.

    Parameters
    ----------
    phantom : Phantom
        Placed solids. [mm]
    geometry : Geometry
        Source and panel. [mm]
    groups : list of slice
        Which solids belong together.

    Returns
    -------
    found : list of Extent
        One for each group.
    """
    return [_extent(_box_mm(phantom.solids[group]), geometry) for group in groups]


def volume_extents(phantom: Phantom, geometry: Geometry) -> list[Extent]:
    """Sizes and shadows of the boxes round what the volumes of a phantom hold.

    Parameters
    ----------
    phantom : Phantom
        Placed volumes. [mm]
    geometry : Geometry
        Source and panel. [mm]

    Returns
    -------
    found : list of Extent
        One for each volume.
    """
    corners_mm = volume_plan(phantom, geometry.source_to_detector_mm, geometry.medium).corners_mm
    return [_extent(np.stack([points.min(axis=0), points.max(axis=0)]), geometry) for points in corners_mm]


def check_shadow(phantom: Phantom, geometry: Geometry) -> None:
    """Refuse what does not stand between panel and source, and a phantom whose shadow misses the panel.

    Parameters
    ----------
    phantom : Phantom
        Placed solids and volumes. [mm]
    geometry : Geometry
        Source and panel. [mm]

    Raises
    ------
    ValueError
        In one sentence, which solid or volume, or where the shadow falls.
    """
    surfaces = solid_surfaces(phantom, geometry.source_to_detector_mm)
    volumes = volume_plan(phantom, geometry.source_to_detector_mm, geometry.medium)
    if any(_extent(_box_mm((solid,)), geometry).panel_share > 0 for solid in phantom.solids):
        return
    grid = ray_grid(geometry, 1, 1, highest_mm(phantom, surfaces))
    shadow = shadow_of(volumes, grid, geometry.rows, geometry.cols)
    if shadow[0] < shadow[1] and shadow[2] < shadow[3]:
        return
    solids = phantom.solids
    if not solids or len(band_items(surfaces, grid, geometry.rows, geometry.cols, geometry.rows).item) == 0:
        raise ValueError(describe_miss(phantom.name, surfaces, grid, geometry, volumes.corners_mm))


def _box_mm(solids: tuple[PlacedSolid, ...]) -> FloatArray:
    """Lowest and highest x, y and z (2, 3) of some solids. [mm]"""
    boxes = list(quadric_ranges_mm(quadrics_of(solids)))
    corner_mm = solid_surfaces(Phantom("together", solids), np.inf).corner_mm
    if len(corner_mm):
        boxes.append(np.stack([corner_mm.min(axis=0), corner_mm.max(axis=0)]))
    return np.stack([np.min([box[0] for box in boxes], axis=0), np.max([box[1] for box in boxes], axis=0)])


def _extent(box_mm: FloatArray, geometry: Geometry) -> Extent:
    scale = geometry.source_to_detector_mm / (geometry.source_to_detector_mm - box_mm[:, 2])
    shadow = np.array([np.min([box_mm[0] * s for s in scale], axis=0), np.max([box_mm[1] * s for s in scale], axis=0)])
    low, high = shadow[0, [1, 0]], shadow[1, [1, 0]]  # rows, columns
    centre, half = (
        np.asarray(geometry.panel_shift_mm),
        0.5 * geometry.pitch_mm * np.array([geometry.rows, geometry.cols]),
    )
    seen = np.clip(np.minimum(high, centre + half) - np.maximum(low, centre - half), 0.0, None)
    rows, cols = (high - low) / geometry.pitch_mm
    x, y, z = box_mm[1] - box_mm[0]
    return Extent((float(x), float(y), float(z)), (float(rows), float(cols)), float(np.prod(seen / (2.0 * half))))

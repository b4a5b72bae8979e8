"""The X-ray shadow of a phantom on the panel: exact paths through its solids, summed over the energies of the beam.

Straight rays run from the focal spot to regular points of the panel and are attenuated by Beer and Lambert's law.
Scattered radiation is left out. The energy axis does not leave this stage.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numba
import numpy as np
import numpy.typing as npt

from phantoms.solids import Phantom
from radiography.beam.attenuation import Material, linear_attenuation_per_mm, material
from radiography.projection.geometry import Geometry
from radiography.projection.kernels import _project_bands
from radiography.projection.open_beam import write_open_beam
from radiography.projection.rays import BandItems, BeamSums, RayGrid, band_items, describe_miss, no_items, ray_grid
from radiography.projection.surfaces import SolidSurfaces, highest_mm, solid_surfaces
from radiography.projection.uniform import mixed_samples
from radiography.projection.volume_plan import (
    VolumePlan,
    bands_with,
    basis_names,
    mark_mixed,
    shadow_of,
    strip_rays,
    top_mm,
    volume_plan,
)

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

VACUUM = "vacuum"  # where nothing attenuates: weaker than the air that it displaces
RAY_ROWS_PER_BAND = 16  # crossings of one band stay in the second-level cache
BANDS_PER_REPORT = 16  # of progress, at least
ROWS_PER_STRIP = 128  # of samples, and what makes whole bands and pixels more   # chosen: 25 MB for 8 sums of 6,144


def project(
    phantom: Phantom | None,
    geometry: Geometry,
    energy_keV: npt.ArrayLike,
    weights: npt.ArrayLike,
    *,
    samples_per_pixel: int = 1,
    rays_per_sample: int = 1,
    materials: Mapping[str, Material] | None = None,
    progress: Callable[[float], None] | None = None,
) -> npt.NDArray[np.float32]:
    """Weighted sums over the beam behind a phantom, at every sample of the panel.

    Sample k is flux * sum over energies of weights[k] * exp(-sum over materials of (mu - mu of the medium) * path),
    averaged over the rays of the sample and the points of the focal spot: the beam has passed the medium, air as a
    rule, and where a solid stands there is none of it. A void of that medium changes nothing. The flux of a point
    source on a flat panel falls as the cube of source_to_detector / r: inverse square times obliquity; it is 1 where
    the central ray meets the panel and taken from the middle of the focal spot. Quanta, energy and air kerma are
    different weights in the same sum.

    Parameters
    ----------
    phantom : Phantom or None
        What stands in the beam; None for the open beam. Where solids overlap the later one counts. [mm]
    geometry : Geometry
        Source, panel, focal spot, and the medium between them. [mm]
    energy_keV : (E,) float64
        Energies of the beam. [keV]
    weights : (K, E) or (R, C, K, E) float64
        Weight of each energy in each of K sums: one for the whole panel, or at R x C nodes in even steps from border
        to border of the panel, bilinear between them (`geometry.field_nodes_mm`). [any]
    samples_per_pixel : int
        Samples per pixel and axis; their centres are regular. [1]
    rays_per_sample : int
        Rays per sample and axis, averaged. [1]
    materials : mapping of str to Material, optional
        Materials beside the built-in ones.
    progress : callable, optional
        Called with the fraction done, from 0 to 1. [1]

    Returns
    -------
    sums : (K, rows * samples_per_pixel, cols * samples_per_pixel) float32
        Weighted sums. [unit of weights]  Same bits for any number of threads.

    Raises
    ------
    ValueError
        If energies, weights or counts do not fit, a solid does not stand between panel and source, or the shadow of
        the whole phantom misses the panel.

    Notes
    -----
    Paths are exact in float64 (1e-9 mm); the sum over energies is float64, exp to 1e-11 relative.
    `benchmarks/bench_projection.py` measures speed against gVirtualXray.
    """
    beam = _beam_sums(phantom, geometry, energy_keV, weights, materials)
    work = _plan(phantom, geometry, beam, samples_per_pixel, rays_per_sample)
    return _whole(work, progress)


def project_strips(
    phantom: Phantom | None,
    geometry: Geometry,
    energy_keV: npt.ArrayLike,
    weights: npt.ArrayLike,
    *,
    samples_per_pixel: int = 1,
    rays_per_sample: int = 1,
    materials: Mapping[str, Material] | None = None,
    progress: Callable[[float], None] | None = None,
) -> Iterator[tuple[int, npt.NDArray[np.float32]]]:
    """The sums of `project`, strip by strip from the top of the panel: they need not all be in memory at once.

    Parameters
    ----------
    phantom, geometry, energy_keV, weights, samples_per_pixel, rays_per_sample, materials, progress
        As `project` takes them.

    Yields
    ------
    top : int
        First row of the strip, a multiple of samples_per_pixel. [1]
    sums : (K, N, cols * samples_per_pixel) float32
        N rows from there on, whole pixels. [unit of weights]  The caller may write to it.

    Raises
    ------
    ValueError
        As `project`.
    """
    beam = _beam_sums(phantom, geometry, energy_keV, weights, materials)
    yield from _strips(_plan(phantom, geometry, beam, samples_per_pixel, rays_per_sample), progress)


def _beam_sums(
    phantom: Phantom | None,
    geometry: Geometry,
    energy_keV: npt.ArrayLike,
    weights: npt.ArrayLike,
    materials: Mapping[str, Material] | None,
) -> BeamSums:
    energies, checked_weights = _checked_beam(energy_keV, weights)
    displaced_per_mm = linear_attenuation_per_mm(material(geometry.medium), energies)
    found = {}
    for name in _material_names(phantom):
        excess_per_mm = linear_attenuation_per_mm(material(name, materials), energies) - displaced_per_mm
        if excess_per_mm.any():
            found[name] = excess_per_mm
    names = list(found)
    basis = basis_names(phantom, geometry.medium)
    rows = [*found.values(), *(_mass_attenuation(material(name, materials), energies) for name in basis)]
    # The kernel raises 2, not e, to a power.
    mu_log2 = np.array(rows).reshape(len(rows), len(energies)) * np.log2(np.e)
    return BeamSums(_solid_material(phantom, names), mu_log2, checked_weights, False, len(basis))


def _mass_attenuation(of: Material, energy_keV: FloatArray) -> FloatArray:
    """Attenuation coefficient over density. [cm2/g]"""
    if not of.density_g_per_cm3 > 0:
        raise ValueError(f"a volume cannot hold '{of.name}', which weighs nothing; 'air' is the lightest")
    return np.asarray(linear_attenuation_per_mm(of, energy_keV) * (10.0 / of.density_g_per_cm3))


def path_lengths(
    phantom: Phantom,
    geometry: Geometry,
    material_names: Sequence[str],
    *,
    samples_per_pixel: int = 1,
    rays_per_sample: int = 1,
    progress: Callable[[float], None] | None = None,
) -> npt.NDArray[np.float32]:
    """Path of the rays through each material, at every sample of the panel.

    Parameters
    ----------
    phantom : Phantom
        What stands in the beam; where solids overlap the later one counts. [mm]
    geometry : Geometry
        Source, panel and focal spot. [mm]
    material_names : sequence of str
        Materials of the phantom's solids whose paths are wanted; the others still displace them.
    samples_per_pixel : int
        Samples per pixel and axis; their centres are regular. [1]
    rays_per_sample : int
        Rays per sample and axis; the mean path is returned. [1]
    progress : callable, optional
        Called with the fraction done, from 0 to 1. [1]

    Returns
    -------
    path_mm : (M, rows * samples_per_pixel, cols * samples_per_pixel) float32
        Mean path, computed in float64. [mm]

    Raises
    ------
    ValueError
        If a material is not in the phantom, or for the reasons of `project`.
    """
    work = _plan_paths(phantom, geometry, material_names, samples_per_pixel, rays_per_sample)
    return _whole(work, progress)


def path_length_strips(
    phantom: Phantom,
    geometry: Geometry,
    material_names: Sequence[str],
    *,
    samples_per_pixel: int = 1,
    rays_per_sample: int = 1,
    progress: Callable[[float], None] | None = None,
) -> Iterator[tuple[int, npt.NDArray[np.float32]]]:
    """The paths of `path_lengths`, strip by strip from the top of the panel.

    Parameters
    ----------
    phantom, geometry, material_names, samples_per_pixel, rays_per_sample, progress
        As `path_lengths` takes them.

    Yields
    ------
    top : int
        First row of the strip, a multiple of samples_per_pixel. [1]
    path_mm : (M, N, cols * samples_per_pixel) float32
        N rows from there on. [mm]

    Raises
    ------
    ValueError
        As `path_lengths`.
    """
    work = _plan_paths(phantom, geometry, material_names, samples_per_pixel, rays_per_sample)
    yield from _strips(work, progress)


def areal_mass_strips(
    phantom: Phantom,
    geometry: Geometry,
    *,
    rays_per_sample: int = 1,
    exact: bool = False,
    progress: Callable[[float], None] | None = None,
) -> Iterator[tuple[int, npt.NDArray[np.float32]]]:
    """Areal mass of each basis material of the volumes along the rays of each pixel, strip by strip.

    Parameters
    ----------
    phantom : Phantom
        With volumes; solids replace their voxels. [mm]
    geometry : Geometry
        Source, panel and focal spot; what is between them is not taken off. [mm]
    rays_per_sample : int
        Rays per pixel and axis; the mean mass is returned. [1]
    exact : bool
        Whether all rays are traced; else masses lie between coarse rays where pixels are finer than voxels.
    progress : callable, optional
        Called with the fraction done, from 0 to 1. [1]

    Yields
    ------
    top : int
        First row of the strip. [1]
    masses : (B, N, cols) float32
        N rows from there on, of `voxel_world.basis_materials` of the volumes. [g/cm2]

    Raises
    ------
    ValueError
        If there is no volume, or for the reasons of `project`.
    """
    count = len(basis_names(phantom, VACUUM))
    if count == 0:
        raise ValueError(f"phantom '{phantom.name}' holds no volume")
    beam = BeamSums(_solid_material(phantom, ()), np.zeros((count, 1)), np.zeros((2, 2, count, 1)), True, count)
    work = _plan(phantom, replace(geometry, medium=VACUUM), beam, 1, rays_per_sample)
    yield from _strips(replace(work, exact=exact), progress)


def _plan_paths(
    phantom: Phantom, geometry: Geometry, material_names: Sequence[str], samples_per_pixel: int, rays_per_sample: int
) -> _Projection:
    held = [name for name in _material_names(phantom) if name != VACUUM]
    for name in material_names:
        if name not in held:
            raise ValueError(f"phantom '{phantom.name}' holds no '{name}'; it holds: {', '.join(sorted(held))}")
    if not material_names:
        raise ValueError("path_lengths needs at least 1 material name, got 0")
    if len(set(material_names)) != len(material_names):
        raise ValueError(f"material_names must differ, got {', '.join(material_names)}")
    nothing = np.zeros((2, 2, len(material_names), 1))
    beam = BeamSums(_solid_material(phantom, material_names), nothing[0, 0], nothing, paths_only=True)
    solids = Phantom(phantom.name, phantom.solids)
    # Beside volumes solids need not be seen, as in `project`.
    return _plan(solids, geometry, beam, samples_per_pixel, rays_per_sample, may_miss=bool(phantom.volumes))


def _checked_beam(energy_keV: npt.ArrayLike, weights: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Own copies of energies (E,) and weights (R, C, K, E), without the energies that no sum needs."""
    energies = np.array(energy_keV, dtype=np.float64)
    checked_weights = np.array(weights, dtype=np.float64)
    if energies.ndim != 1 or len(energies) == 0:
        raise ValueError(f"energy_keV must be (E,) with at least 1 energy, got {energies.shape}")
    if checked_weights.ndim not in (2, 4) or checked_weights.shape[-1] != len(energies) or checked_weights.size == 0:
        raise ValueError(
            f"weights must be (K, {len(energies)}), one for each energy, or that at nodes of the panel, got "
            f"{checked_weights.shape}"
        )
    if checked_weights.ndim == 2:
        checked_weights = np.tile(checked_weights, (2, 2, 1, 1))
    if min(checked_weights.shape[:2]) < 2:
        raise ValueError(f"weights need 2 x 2 nodes of the panel or more, got {checked_weights.shape}")
    if not (np.isfinite(energies).all() and (energies > 0).all()):
        raise ValueError(f"energy_keV must be finite and positive, got {energies.min()} as the lowest")
    if not np.isfinite(checked_weights).all():
        raise ValueError("weights must be finite, got NaN or infinity")
    needed = (checked_weights != 0).any(axis=(0, 1, 2))
    needed[0] |= not needed.any()
    return np.ascontiguousarray(energies[needed]), np.ascontiguousarray(checked_weights[..., needed])


def _material_names(phantom: Phantom | None) -> list[str]:
    """Materials in the order of their first solid."""
    return list(dict.fromkeys(solid.material for solid in (() if phantom is None else phantom.solids)))


def _solid_material(phantom: Phantom | None, names: Sequence[str]) -> IntArray:
    """Place of each solid's material among the names, -1 where it has none."""
    solids = () if phantom is None else phantom.solids
    number_of = {name: number for number, name in enumerate(names)}
    return np.array([number_of.get(solid.material, -1) for solid in solids], dtype=np.int64)


def _check_count(name: str, value: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be a whole number, got {value!r}")
    if value < 1:
        raise ValueError(f"{name} must be 1 or more, got {value}")


@dataclass(frozen=True, eq=False)
class _Projection:
    """What is known before a ray is followed."""

    surfaces: SolidSurfaces
    grid: RayGrid
    bands: BandItems
    beam: BeamSums
    volumes: VolumePlan
    shadow: IntArray  # of the volumes
    samples_per_pixel: int
    exact: bool = False  # all rays through volumes are traced


def _plan(
    phantom: Phantom | None,
    geometry: Geometry,
    beam: BeamSums,
    samples_per_pixel: int,
    rays_per_sample: int,
    *,
    may_miss: bool = False,
) -> _Projection:
    _check_count("samples_per_pixel", samples_per_pixel)
    _check_count("rays_per_sample", rays_per_sample)
    sample_rows, sample_cols = geometry.rows * samples_per_pixel, geometry.cols * samples_per_pixel
    ray_rows, ray_cols = sample_rows * rays_per_sample, sample_cols * rays_per_sample
    samples_per_band = max(1, RAY_ROWS_PER_BAND // rays_per_sample)
    solids = () if phantom is None else phantom.solids
    held = phantom or Phantom("open beam", ())
    surfaces = solid_surfaces(held, geometry.source_to_detector_mm)
    volumes = volume_plan(phantom, geometry.source_to_detector_mm, geometry.medium)
    highest = max(highest_mm(held, surfaces), top_mm(volumes))
    grid = ray_grid(geometry, samples_per_pixel, rays_per_sample, highest)
    shadow = shadow_of(volumes, grid, sample_rows, sample_cols)
    bands = no_items(ray_rows, samples_per_band, rays_per_sample)
    if phantom is not None:
        if not solids and not phantom.volumes:
            raise ValueError(f"phantom '{phantom.name}' holds no solids")
        if solids:
            bands = band_items(surfaces, grid, ray_rows, ray_cols, samples_per_band)
        missed = shadow[0] >= shadow[1] or shadow[2] >= shadow[3]
        if len(bands.item) == 0 and missed and not may_miss:
            raise ValueError(describe_miss(phantom.name, surfaces, grid, geometry, volumes.corners_mm))
    bands = bands_with(bands, shadow, rays_per_sample)
    mixed = mixed_samples(surfaces, grid, bands, sample_rows, sample_cols)
    mark_mixed(volumes, grid, shadow, mixed)
    bands = bands._replace(mixed=mixed)
    return _Projection(surfaces, grid, bands, beam, volumes, shadow, samples_per_pixel)


def _whole(work: _Projection, progress: Callable[[float], None] | None) -> npt.NDArray[np.float32]:
    """Sums, or mean paths, (K, rows, cols) at every sample of the panel."""
    ((_, out),) = _strips(work, progress, work.bands.mixed.shape[0])
    return out


def _strips(
    work: _Projection, progress: Callable[[float], None] | None, rows_per_strip: int = ROWS_PER_STRIP
) -> Iterator[tuple[int, npt.NDArray[np.float32]]]:
    """Sums, or mean paths, of strips of whole bands and pixels."""
    rows, cols = work.bands.mixed.shape
    per_band = work.bands.samples_per_band
    # Summed one after the other, as behind a solid: a void then leaves the open beam bit for bit.
    open_sums = np.cumsum(work.beam.weights, axis=3)[..., -1]
    whole = math.lcm(per_band, work.samples_per_pixel)
    strip_rows = whole * -(-rows_per_strip // whole)
    step = max(BANDS_PER_REPORT, 4 * numba.get_num_threads())
    band_count = len(work.bands.start) - 1
    for top in range(0, rows, strip_rows):
        out = np.zeros((work.beam.weights.shape[2], min(strip_rows, rows - top), cols), dtype=np.float32)
        if not work.beam.paths_only:
            write_open_beam(work.grid, open_sums, rows, top, out)
        stop_band = min(band_count, (top + strip_rows) // per_band)
        voxels = strip_rays(work.volumes, work.grid, work.shadow, (top, top + out.shape[1]), work.exact)
        for first in range(top // per_band, stop_band, step):
            last = min(stop_band, first + step)
            _project_bands((first, last), work.surfaces, work.grid, work.bands, work.beam, voxels, (top, out))
            if progress is not None:
                progress(last / band_count)
        yield top, out
        del out  # else the next strip would come beside this one

"""Check of a scene before it runs: what it holds, and the memory and time that it will take."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt

from radiography.acquire import Acquisition, energy_shares, mean_electrons
from radiography.beam.spectrum import half_value_layer_mm_al, mean_energy_keV, quanta_per_pixel
from radiography.field import kerma_range
from radiography.jobs.brightest import BrightestPart, brightest_part
from radiography.jobs.inputs import Report, no_report
from radiography.jobs.valid import ValidScene, validate_scene
from radiography.plan import experiment_of, plan_parts
from radiography.projection.focal_spot import blur_per_spot, spot_points, spot_size_mm
from radiography.projection.project import project
from radiography.projection.scatter_estimate import coarse_panel, scatter_to_primary
from radiography.projection.surfaces import highest_mm, solid_surfaces
from radiography.projection.volume_plan import top_mm, volume_plan
from radiography.scatter.grid import primary_transmission
from radiography.scatter.map_fit import map_at
from radiography.scatter.scene_scatter import forecast

# Measured on 2 cores, at 3,072 x 3,072 and a quarter of it, 1 to 3 samples per pixel and axis, memory within 3 %:
# frames are drawn by pixel, exposures are computed by sample. Rays are of the network card; other machines differ.
_SECONDS_PER_MEGAPIXEL = 0.1
_SECONDS_PER_MEGARAY = 0.25
_SECONDS_PER_MEGARAY_OF_VOLUME = 0.6  # through 512 cubed voxels, where every ray is traced
SEEN = 1e-3  # chosen: of the brightest place; less is the shadow of metal
_BYTES_OF_PROGRAM = 240e6
_BYTES_PER_PIXEL_OF_FRAME, _BYTES_PER_PIXEL_OF_EXPOSURE, _BYTES_PER_SAMPLE = 80.0, 66.0, 8.1


@dataclass(frozen=True)
class OpenField:
    """What a pixel sees where no object is.

    Attributes
    ----------
    half_value_layer_mm_al : float
        Of the beam, in aluminium. [mm]
    mean_energy_keV : float
        Of the photons at the panel. [keV]
    quanta, absorbed : float
        Photons per pixel and frame that arrive, and that interact in the layer. [1]
    electrons, signal_dn : float
        Charge on the pixel, and what it adds to the offset. [1, DN]
    kerma_range : (float, float)
        Lowest and highest air kerma over the panel, over that where the central ray meets it. [1]
    """

    half_value_layer_mm_al: float
    mean_energy_keV: float
    quanta: float
    absorbed: float
    electrons: float
    signal_dn: float
    kerma_range: tuple[float, float]


@dataclass(frozen=True)
class SpotBlur:
    """What the focal spot does to the object.

    Attributes
    ----------
    shape : str
        Of the spot.
    width_mm, height_mm : float
        Of the spot, of a measured image at 15 % of its line spread's maximum. [mm]
    top_mm, magnification : float
        Height of the object's top above the panel, and its magnification, the largest of the scene. [mm, 1]
    blur_mm : float
        Largest shadow of the spot on the panel: its larger size times magnification less one. [mm]
    points, points_per_ray : int, float
        Points that stand for the spot in a sample, and for each of its rays. [1]
    deviation, up_to_per_mm : float
        Largest departure of the blur's transfer from the spot's own, and up to which frequency. [1, 1/mm]
    """

    shape: str
    width_mm: float
    height_mm: float
    top_mm: float
    magnification: float
    blur_mm: float
    points: int
    points_per_ray: float
    deviation: float
    up_to_per_mm: float


@dataclass(frozen=True)
class ScatterCost:
    """What the scatter of a scene takes.

    Attributes
    ----------
    histories : int
        Photons to be followed. [1]
    seconds : float
        At the speed of some that were. [s]
    noise : float
        Standard error of the map to expect, over its mean. [1]
    scatter_to_primary : float
        Largest ratio of scattered to primary light, behind the grid, of all places that see primary. [1]
    scatter_to_primary_of_field : float
        Scattered light of the whole panel over its primary light. [1]
    """

    histories: int
    seconds: float
    noise: float
    scatter_to_primary: float
    scatter_to_primary_of_field: float


@dataclass(frozen=True, eq=False)
class SceneCheck:
    """A valid scene, and what it will take.

    Attributes
    ----------
    valid : ValidScene
        What the scene names, and how large its objects are.
    acquisition : Acquisition
        Scene, panel, scintillator and beam as they will run.
    open_field : OpenField or None
        None where the beam is off.
    focal_spot : SpotBlur or None
        None where the spot is a point or there is no object.
    solids : int
        Bodies of the object. [1]
    scatter_to_primary : float
        What the object would scatter onto the panel at its most, relative to the primary energy, by a formula; 0 in
        the dark. [1]
    grid_passes : (float, float) or None
        What the grid passes of the beam's energy: of the central ray, and at the side of the panel where that is least;
        None without a grid or beam. [1]
    energy_shares : tuple of float or None
        Energy that the layer absorbs of that of the open beam; front and back of a dual-layer panel. None in the dark.
        [1]
    brightest : tuple of BrightestPart
        Of the panel, object present; front and back of a dual-layer panel. In the dark all of it is.
    scatter : ScatterCost or None
        Of a scene that simulates it.
    memory_bytes : float
        At the most. [byte]
    frame_s, object_s : float
        Time for each frame, and once for an object that covers the whole panel, on 2 cores. [s]
    """

    valid: ValidScene
    acquisition: Acquisition
    open_field: OpenField | None
    focal_spot: SpotBlur | None
    solids: int
    scatter_to_primary: float
    grid_passes: tuple[float, float] | None
    energy_shares: tuple[float, ...] | None
    brightest: tuple[BrightestPart, ...]
    scatter: ScatterCost | None
    memory_bytes: float
    frame_s: float
    object_s: float


def check_scene(scene: str | Path, *, report: Report = no_report) -> SceneCheck:
    """A scene, after everything in it was found valid, with the memory and time to expect.

    Parameters
    ----------
    scene : str or Path
        Scene file, or the name of a shipped scene.
    report : callable
        Called with what is being done and the fraction of it that is done, 0 to 1.

    Returns
    -------
    check : SceneCheck

    Raises
    ------
    ValueError, TypeError, OSError
        In one sentence, if the scene is wrong.
    """
    return expect(validate_scene(scene), report=report)


def expect(valid: ValidScene, *, report: Report = no_report) -> SceneCheck:
    """What a valid scene will show and take.

    Parameters
    ----------
    valid : ValidScene
        From `validate_scene`.
    report : callable
        Called with what is being done and the fraction of it that is done, 0 to 1.

    Returns
    -------
    check : SceneCheck
    """
    described = valid.parts.scene
    report("planning", 0.0)
    acquisition = plan_parts(valid.parts, lambda done: report("following light", done))
    pixels, sampling = acquisition.panel.pixels, described.sampling
    solids = len(acquisition.phantom.solids) if acquisition.phantom else 0
    volumes = acquisition.phantom.volumes if acquisition.phantom else ()
    megapixels, per_pixel = pixels.rows * pixels.cols / 1e6, sampling.samples_per_pixel**2
    spot = _spot_blur(acquisition)
    rays = (
        megapixels * per_pixel * sampling.rays_per_sample**2 * (spot.points_per_ray if spot else 1.0)
        if solids or volumes
        else 0.0
    )
    # Where the spot is a point, one ray stands for a sample of a volume.
    traced = 0.0 if not volumes else rays if spot and spot.points > 1 else megapixels * per_pixel
    layers = len(layers_of(acquisition))
    lit, scatter = described.beam.air_kerma_uGy > 0, 0.0
    if lit and (solids or volumes):
        mean_keV = mean_energy_keV(acquisition.spectrum)
        scatter = scatter_to_primary(acquisition.phantom, acquisition.geometry, mean_keV, acquisition.materials)
    return SceneCheck(
        valid=valid,
        acquisition=acquisition,
        open_field=_open_field(acquisition) if lit else None,
        focal_spot=spot,
        solids=solids,
        scatter_to_primary=scatter,
        grid_passes=_grid_passes(acquisition) if lit else None,
        energy_shares=energy_shares(acquisition) if lit else None,
        brightest=tuple(brightest_part(layer) for layer in layers_of(acquisition)),
        scatter=_scatter_cost(acquisition, report) if lit else None,
        memory_bytes=frame_memory_bytes(pixels.rows * pixels.cols, sampling.samples_per_pixel)
        + sum(2.0 * volume.codes.nbytes for volume in volumes),
        frame_s=layers * megapixels * _SECONDS_PER_MEGAPIXEL,
        object_s=layers * (rays * _SECONDS_PER_MEGARAY + traced * _SECONDS_PER_MEGARAY_OF_VOLUME),
    )


def frame_memory_bytes(pixels: int, samples_per_pixel: int) -> float:
    """Memory that frames of a scene take at the most, however many they are.

    Parameters
    ----------
    pixels : int
        Of the panel. [1]
    samples_per_pixel : int
        Along each axis. [1]

    Returns
    -------
    memory_bytes : float
        [byte]
    """
    exposing = _BYTES_PER_PIXEL_OF_EXPOSURE + samples_per_pixel**2 * _BYTES_PER_SAMPLE
    return _BYTES_OF_PROGRAM + pixels * max(_BYTES_PER_PIXEL_OF_FRAME, exposing)


def layers_of(acquisition: Acquisition) -> tuple[Acquisition, ...]:
    """The panel's layer, or front and back of a dual-layer panel."""
    return (acquisition,) if acquisition.back is None else (acquisition, acquisition.back)


def _grid_passes(acquisition: Acquisition) -> tuple[float, float] | None:
    if acquisition.scene.grid is None:
        return None
    spectrum, geometry, across = acquisition.spectrum, acquisition.geometry, acquisition.grid.across
    weight = spectrum.fluence_per_mm2 * spectrum.energy_keV
    middle_mm = geometry.panel_shift_mm[0 if across else 1]
    half_mm = 0.5 * geometry.pitch_mm * (geometry.rows if across else geometry.cols)
    place_mm = np.array([0.0, middle_mm - half_mm, middle_mm + half_mm])
    y_mm, x_mm = (place_mm, np.zeros(3)) if across else (np.zeros(3), place_mm)
    passing = primary_transmission(acquisition.grid, geometry.source_to_detector_mm, y_mm, x_mm, spectrum.energy_keV)
    centre, *sides = (passing @ weight / max(weight.sum(), 1e-30)).tolist()
    return centre, min(sides)


def _scatter_cost(acquisition: Acquisition, report: Report) -> ScatterCost | None:
    choice = acquisition.scene.scatter
    if choice is None or not choice.on:
        return None
    report("following some photons", 0.0)
    found = forecast(experiment_of(acquisition), choice.noise, perf_counter)
    coarse = coarse_panel(acquisition.geometry)
    per_mm2 = (
        acquisition.layer_weights[1:2]
        * (acquisition.scene.sampling.samples_per_pixel / acquisition.geometry.pitch_mm) ** 2
    )
    energy_keV = acquisition.spectrum.energy_keV
    primary = project(acquisition.phantom, coarse, energy_keV, per_mm2, materials=acquisition.materials)[0]
    rows, cols = ((np.arange(count) + 0.5) / count for count in (coarse.rows, coarse.cols))
    scattered = map_at(found.tried, rows, cols)
    return ScatterCost(found.histories, found.seconds, found.noise, *scatter_ratios(primary, scattered))


def scatter_ratios(primary: npt.NDArray[Any], scattered: npt.NDArray[Any]) -> tuple[float, float]:
    """Largest ratio of scatter to primary, and that over the field.

    Behind bone there is less scatter than beside it, but far less primary: the largest ratio lies there, not where
    scatter is largest. Behind metal any scatter is infinitely more than the primary; such places do not count.

    Parameters
    ----------
    primary, scattered : (H, W) float
        Light of both, at the same places. [1]

    Returns
    -------
    largest, of_field : float
        Of the places with `SEEN` of the largest primary or more; and the sum of all scatter over that of all primary.
        [1]
    """
    seen = primary >= SEEN * primary.max()
    ratios = scattered[seen] / np.maximum(primary[seen], 1e-30)
    return float(ratios.max()), float(scattered.sum() / max(float(primary.sum()), 1e-30))


def _spot_blur(acquisition: Acquisition) -> SpotBlur | None:
    geometry, phantom, sampling = acquisition.geometry, acquisition.phantom, acquisition.scene.sampling
    width_mm, height_mm = spot_size_mm(geometry)
    if phantom is None or max(width_mm, height_mm) == 0:
        return None
    distance_mm = geometry.source_to_detector_mm
    of_volumes = top_mm(volume_plan(phantom, distance_mm, geometry.medium))
    highest = max(highest_mm(phantom, solid_surfaces(phantom, distance_mm)), of_volumes)
    rays_per_pixel = sampling.samples_per_pixel * sampling.rays_per_sample
    points = spot_points(geometry, rays_per_pixel, sampling.rays_per_sample, highest)
    blur = blur_per_spot(highest, distance_mm)
    return SpotBlur(
        shape=geometry.focal_spot_shape,
        width_mm=width_mm,
        height_mm=height_mm,
        top_mm=highest,
        magnification=1.0 + blur,
        blur_mm=blur * max(width_mm, height_mm),
        points=len(points.points_mm),
        points_per_ray=points.points_per_ray,
        deviation=points.deviation,
        up_to_per_mm=points.up_to_per_mm,
    )


def _open_field(acquisition: Acquisition) -> OpenField:
    spectrum, panel = acquisition.spectrum, acquisition.panel
    electrons = mean_electrons(acquisition)
    return OpenField(
        half_value_layer_mm_al=half_value_layer_mm_al(spectrum),
        mean_energy_keV=mean_energy_keV(spectrum),
        quanta=quanta_per_pixel(spectrum, panel.pixels.pitch_mm),
        absorbed=acquisition.layer_weights[0].sum() * acquisition.scene.sampling.samples_per_pixel**2,
        electrons=electrons,
        signal_dn=electrons / panel.readout.electrons_per_dn,
        kerma_range=kerma_range(spectrum, acquisition.heel, acquisition.geometry),
    )

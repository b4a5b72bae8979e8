"""The forward chain on one page: from a scene to the raw frames that a panel delivers.

    beam -> object -> cover -> layer absorbs quanta -> light spreads -> light is emitted -> photodiode -> lag -> readout

`plan_acquisition` computes what a scene fixes, `expose` what falls on the panel, `acquire_frame` one frame of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from phantoms.solids import Phantom
from radiography.beam.attenuation import Material, material
from radiography.beam.spectrum import Spectrum, beam_spectrum
from radiography.beam.tube import Beam
from radiography.config import load_beam, load_panel, load_scintillator
from radiography.light.decay import emit_light
from radiography.light.layer_light import HISTORIES, BeamSpread, LayerLight, layer_light, spread_of_beam
from radiography.light.scintillator import Scintillator, layer_transmission
from radiography.light.spread import LightSpread, plan_light_spread, spread_light
from radiography.noise import draw_portions
from radiography.panel.maps import PanelMaps, draw_panel_maps
from radiography.panel.panel import (
    Panel,
    coated,
    cover_transmission,
    dark_current_factor,
    emission_weighted_quantum_efficiency,
    lag_exposure_factor,
)
from radiography.panel.photodiode import collect_charge, diode_portions
from radiography.panel.readout import digitise
from radiography.panel.trapping import trap_charge
from radiography.projection.geometry import Geometry
from radiography.projection.project import project
from radiography.scene import Scene, beam_pattern, scene_materials, scene_phantom

BIN_KEV = 1.0

Array = npt.NDArray[np.float32]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Acquisition:
    """What a scene fixes before the first frame.

    ``layer_weights`` (4, E) are what each energy bin gives a sample, object absent: quanta that the layer absorbs,
    light at the diodes [1], its squared portions [1], and the light that spreads as the departure from the mean.
    ``coated_diode_weights`` and ``bare_diode_weights`` (3, E) are the electron tracks [1], energy [keV] and squared
    energy [keV2] in the photodiode itself, per pixel, below the layer and where there is none. ``maps`` hold the dark
    current at the scene's temperature.
    """

    scene: Scene
    panel: Panel
    scintillator: Scintillator
    geometry: Geometry
    phantom: Phantom | None
    materials: Mapping[str, Material]
    beam: Beam
    spectrum: Spectrum
    light: LayerLight
    layer_weights: FloatArray
    coated_diode_weights: FloatArray
    bare_diode_weights: FloatArray
    quantum_efficiency: float
    mean_spread: LightSpread
    departure_spread: LightSpread
    noise_spread: LightSpread
    maps: PanelMaps


@dataclass(frozen=True, eq=False)
class Exposure:
    """Means of what one exposure leaves in the layer, (H * S, W * S), and at the pixels, (H, W), without noise.

    Quanta, their light at the diodes and its squared portions by sample [1]; ``spread_light`` is that light where it
    arrives [1]; the rest are tracks [1], energy [keV] and squared energy [keV2] of X-rays in the diodes themselves.
    """

    spread_light: Array
    quanta: Array
    light: Array
    light_square: Array
    diode_tracks: Array
    diode_energy_keV: Array
    diode_energy_square_keV2: Array


@dataclass(frozen=True, eq=False)
class PanelState:
    """What a frame leaves behind: trapped charge (T, H, W) [electrons] and light still to come, (H, W) each. [1]

    The light is that of each afterglow component and of each prompt component that outlasts a frame, as `emit_light`
    orders them.
    """

    trapped: Array
    afterglow: tuple[Array, ...]


def plan_acquisition(scene: Scene, folder: Path, progress: Callable[[float], None] | None = None) -> Acquisition:
    """Everything that all frames of a scene share.

    Parameters
    ----------
    scene : Scene
        What to simulate.
    folder : Path
        Where the scene's relative paths start.
    progress : callable, optional
        Called with the fraction of the light transport done, 0 to 1, where it is not in the cache yet.

    Returns
    -------
    acquisition : Acquisition

    Raises
    ------
    ValueError
        If a description contradicts itself or names something unknown.
    OSError
        If a file that the scene names cannot be read.
    """
    panel = load_panel(scene.panel, folder)
    scintillator = load_scintillator(scene.scintillator, folder)
    beam = load_beam(scene.beam.name, folder)
    phantom, own_materials = scene_phantom(scene, folder), scene_materials(scene)
    for name in sorted({solid.material for solid in phantom.solids} if phantom else ()):
        material(name, own_materials)  # an unknown material is an error before anything is computed
    pixels, setup, sampling = panel.pixels, scene.geometry, scene.sampling
    geometry = Geometry(
        setup.source_to_detector_mm,
        pixels.rows,
        pixels.cols,
        pixels.pitch_mm,
        setup.panel_shift_mm,
        setup.focal_spot_mm,
        setup.focal_spot_samples,
    )
    spectrum = beam_spectrum(beam, scene.beam.air_kerma_uGy, BIN_KEV)
    report = None if progress is None else lambda done, total: progress(done / total)
    light = layer_light(scintillator, spectrum.energy_keV, progress=report)
    lit = spectrum.fluence_per_mm2 if scene.beam.air_kerma_uGy > 0 else np.ones_like(spectrum.fluence_per_mm2)
    beam_spread = spread_of_beam(light, lit)
    # The mean exposure was averaged over the rays of each sample, which its plan undoes; the noise was not.
    mean_spread, departure_spread, noise_spread = (
        plan_light_spread(
            pixels.rows,
            pixels.cols,
            pixels.pitch_mm,
            pixels.aperture_mm,
            transfer_at,
            sampling.samples_per_pixel,
            rays,
            white_noise=transfer_at is beam_spread.noise_at,
        )
        for transfer_at, rays in (
            (beam_spread.mean_at, sampling.rays_per_sample),
            (beam_spread.departure_at, sampling.rays_per_sample),
            (beam_spread.noise_at, 1),
        )
    )
    weights = _absorption_weights(panel, scintillator, spectrum, light, beam_spread, sampling.samples_per_pixel)
    efficiency = emission_weighted_quantum_efficiency(panel, light.wavelength_nm, light.emission)
    return Acquisition(
        scene,
        panel,
        scintillator,
        geometry,
        phantom,
        own_materials,
        beam,
        spectrum,
        light,
        *weights,
        efficiency,
        mean_spread,
        departure_spread,
        noise_spread,
        _maps_at(panel, scene.temperature_C),
    )


def expose(acquisition: Acquisition, progress: Callable[[float], None] | None = None) -> Exposure | None:
    """Mean exposure of layer and photodiodes; None in the dark.

    Parameters
    ----------
    acquisition : Acquisition
        From `plan_acquisition`.
    progress : callable, optional
        Called with the fraction done, 0 to 1.

    Returns
    -------
    exposure : Exposure or None

    Raises
    ------
    ValueError
        If the phantom lies outside the beam.
    """
    if acquisition.scene.beam.air_kerma_uGy == 0:
        return None
    sampling = acquisition.scene.sampling
    beam = (acquisition.phantom, acquisition.geometry, acquisition.spectrum.energy_keV)
    in_layer = project(
        *beam,
        acquisition.layer_weights,
        samples_per_pixel=sampling.samples_per_pixel,
        rays_per_sample=sampling.rays_per_sample,
        materials=acquisition.materials,
        progress=progress,
    )
    bare = ~coated(acquisition.panel)
    partly = bool(bare.any())
    diode_weights = [acquisition.coated_diode_weights] + [acquisition.bare_diode_weights] * partly
    in_diodes = project(
        *beam,
        np.concatenate(diode_weights),
        rays_per_sample=sampling.samples_per_pixel * sampling.rays_per_sample,
        materials=acquisition.materials,
    )
    if partly:
        in_layer[:, np.repeat(np.repeat(bare, sampling.samples_per_pixel, 0), sampling.samples_per_pixel, 1)] = 0.0
        in_diodes = np.where(bare, in_diodes[3:], in_diodes[:3])
    arriving = spread_light(in_layer[1], acquisition.mean_spread)
    if acquisition.layer_weights[3].any():
        arriving += spread_light(in_layer[3], acquisition.departure_spread)
    return Exposure(arriving, *(np.array(plane) for plane in in_layer[:3]), *in_diodes)


def acquire_frame(
    acquisition: Acquisition,
    exposure: Exposure | None,
    rng: np.random.Generator,
    state: PanelState | None = None,
) -> tuple[npt.NDArray[np.uint16], PanelState]:
    """One raw frame of an exposed scene, and what it leaves behind for the next.

    Parameters
    ----------
    acquisition : Acquisition
        From `plan_acquisition`.
    exposure : Exposure or None
        From `expose`; None is a dark frame.
    rng : numpy.random.Generator
        Same state, same bytes, for any number of threads.
    state : PanelState or None
        What the previous frame left; None for a panel that has long been read in the dark.

    Returns
    -------
    raw_dn : (H, W) uint16
        [DN]
    state : PanelState
        For the next frame.
    """
    panel, scintillator, timing = acquisition.panel, acquisition.scintillator, acquisition.scene.timing
    maps = acquisition.maps

    # X-rays: a compound Poisson number of quanta in each sample, each with its own depth and light. The mean spreads
    # as the signal does; the noise less, since a single quantum's light is more compact than the mean of all.
    if exposure is None:
        light = np.zeros(maps.response.shape, dtype=np.float32)
        direct_keV = np.zeros(maps.response.shape, dtype=np.float32)
    else:
        noise = draw_portions(exposure.quanta, exposure.light, exposure.light_square, rng)
        noise -= exposure.light
        light = spread_light(noise, acquisition.noise_spread)
        del noise
        light += exposure.spread_light
        direct_keV = draw_portions(
            exposure.diode_tracks, exposure.diode_energy_keV, exposure.diode_energy_square_keV2, rng
        )
    # Light in time: the afterglow of earlier frames comes in, this frame's goes to the next.
    light, afterglow = emit_light(
        light,
        state.afterglow if state else None,
        scintillator,
        timing.integration_time_s,
        timing.frame_interval_s,
        timing.exposure_time_s,
    )
    # Photodiode, traps, amplifiers: noise from here on is not blurred.
    electrons = collect_charge(
        light,
        direct_keV,
        panel.photodiode,
        acquisition.quantum_efficiency,
        maps.response,
        maps.dark_electrons_per_s,
        timing.integration_time_s,
        rng,
        maps.nonlinearity,
    )
    trapped = state.trapped if state else _traps_in_the_dark(acquisition)
    electrons, trapped = trap_charge(
        electrons, trapped, panel.lag, timing.frame_interval_s, panel.lag_exposure, maps.lag_factor
    )
    raw_dn = digitise(electrons, maps.offset_dn, maps.noise_factor, panel.readout, rng)
    return raw_dn, PanelState(trapped, afterglow)


def acquire_sequence(
    acquisition: Acquisition,
    exposure: Exposure | None,
    frames: int | None,
    rng: np.random.Generator,
    pattern: Sequence[float] | None = None,
) -> Iterator[npt.NDArray[np.uint16]]:
    """Raw frames one after the other from a panel long read in the dark before, lag and afterglow carried between them.

    Frames are made as they are asked for, so that hundreds need no more memory than one.

    Parameters
    ----------
    acquisition : Acquisition
        From `plan_acquisition`.
    exposure : Exposure or None
        From `expose`, that of one frame with the beam on.
    frames : int or None
        None for as many as the pattern has, or the scene's sequence, or one. [1]
    rng : numpy.random.Generator
        Same state, same bytes, for any number of threads.
    pattern : sequence of float, or None
        Exposure of each frame relative to ``exposure``: 0 where the beam is off. [1] None for the scene's own.

    Yields
    ------
    raw_dn : (H, W) uint16
        [DN]

    Raises
    ------
    ValueError
        If fewer than one frame is asked for, or more than the pattern has, or it holds a negative exposure.
    """
    if pattern is None:
        pattern = relative_exposures(acquisition.scene, frames, rng)
    count = len(pattern) if frames is None else frames
    if not 1 <= count <= len(pattern):
        raise ValueError(f"frames must be 1 or more and at most the {len(pattern)} of the pattern, got {count}")
    if min(pattern) < 0:
        raise ValueError(f"a pattern of exposures must be zero or positive, got {min(pattern):g}")
    state = None
    for strength in pattern[:count]:
        raw_dn, state = acquire_frame(acquisition, _pulse(exposure, strength), rng, state)
        yield raw_dn


def relative_exposures(scene: Scene, frames: int | None, rng: np.random.Generator) -> tuple[float, ...]:
    """Exposure of each frame of a scene's sequence relative to the nominal one: 0 where the beam is off. [1]

    Parameters
    ----------
    scene : Scene
        With its sequence; without one the beam is on in every frame.
    frames : int or None
        None for as many as the scene's sequence has, or one. [1]
    rng : numpy.random.Generator
        Used only where the exposure fluctuates; no frame departs by more than five spreads.

    Raises
    ------
    ValueError
        If fewer than one frame is asked for.
    """
    sequence = scene.sequence
    if frames is None:
        frames = 1 if sequence is None else sequence.frames
    beam_on = beam_pattern(sequence, frames)
    if sequence is None or sequence.exposure_spread == 0:
        return tuple(float(on) for on in beam_on)
    departures = np.clip(rng.standard_normal(frames), -5.0, 5.0)
    return tuple(
        float(1.0 + sequence.exposure_spread * departure) if on else 0.0
        for on, departure in zip(beam_on, departures, strict=True)
    )


def mean_electrons(acquisition: Acquisition) -> float:
    """Mean charge of a pixel at the foot of the central ray, object absent, before lag. [electrons]

    The product of the chain's mean gains, for checks and for printing; frames do not use it.
    """
    samples = acquisition.scene.sampling.samples_per_pixel**2
    photons = acquisition.layer_weights[1].sum() * samples
    diode = acquisition.panel.photodiode
    return float(photons * diode.fill_factor * acquisition.quantum_efficiency)


def _maps_at(panel: Panel, temperature_C: float | None) -> PanelMaps:
    """The panel's maps with the dark current of a temperature; None for the panel's reference temperature."""
    maps = draw_panel_maps(panel)
    if temperature_C is None:
        return maps
    factor = np.float32(dark_current_factor(panel, temperature_C))
    return replace(maps, dark_electrons_per_s=maps.dark_electrons_per_s * factor)


def _pulse(exposure: Exposure | None, strength: float) -> Exposure | None:
    """The exposure made stronger or weaker; every mean goes with the number of X-rays."""
    if exposure is None or strength == 0.0:
        return None
    if strength == 1.0:
        return exposure
    return Exposure(*(getattr(exposure, plane.name) * np.float32(strength) for plane in fields(Exposure)))


def _traps_in_the_dark(acquisition: Acquisition) -> Array:
    """Charge in each population of traps after many dark frames: as much is released as is caught. [electrons]"""
    panel, maps, timing = acquisition.panel, acquisition.maps, acquisition.scene.timing
    caught_from = maps.dark_electrons_per_s * np.float32(timing.integration_time_s)
    np.minimum(caught_from, np.float32(panel.photodiode.full_well_electrons), out=caught_from)
    if maps.nonlinearity is not None:
        caught_from *= 1.0 - maps.nonlinearity * (caught_from / np.float32(panel.photodiode.full_well_electrons))
    if panel.lag_exposure is not None:
        caught_from *= lag_exposure_factor(panel.lag_exposure, caught_from).astype(np.float32)
    if maps.lag_factor is not None:
        caught_from *= maps.lag_factor
    fractions = [-term.fraction / np.expm1(-timing.frame_interval_s / term.time_s) for term in panel.lag]
    return np.asarray(fractions, dtype=np.float32)[:, None, None] * caught_from


def _absorption_weights(
    panel: Panel,
    scintillator: Scintillator,
    spectrum: Spectrum,
    light: LayerLight,
    spread: BeamSpread,
    samples_per_pixel: int,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """What each energy bin gives a sample of the layer, a coated diode and a bare one: see `Acquisition`."""
    energy_keV = spectrum.energy_keV
    incident = spectrum.fluence_per_mm2 * panel.pixels.pitch_mm**2 * cover_transmission(panel, energy_keV)
    behind_layer = layer_transmission(scintillator, energy_keV)
    portions = [light.quanta, light.light, light.light_square, light.light * spread.departure_weight]
    bare_diode = diode_portions(panel.photodiode, energy_keV, HISTORIES) * incident
    return np.stack(portions) * (incident / samples_per_pixel**2), bare_diode * behind_layer, bare_diode

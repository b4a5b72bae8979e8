"""The forward chain on one page: from a scene to the raw frames that a panel delivers.

    beam -> object -> grid -> cover -> layer absorbs quanta -> light spreads -> light is emitted -> photodiode -> lag ->
    readout

`plan_acquisition` computes what a scene fixes, and `expose` what falls on the panel, without noise. `acquire_frame`
draws one frame of it, and `acquire_sequence` one frame after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from radiography.dose_history import DoseScale, age_gain, diode_gain, layer_gain, remembers
from radiography.field import add_from_depths, field_gains
from radiography.light.decay import emit_light
from radiography.light.spread import spread_light
from radiography.noise import draw_portions
from radiography.panel.direct_detection import DiodeMeans, draw_diode_energy
from radiography.panel.panel import coated, cover_transmission
from radiography.panel.photodiode import collect_charge, dark_charge
from radiography.panel.readout import digitise
from radiography.panel.trapping import FrameTimes, steady_trapped_charge, trap_charge
from radiography.plan import Acquisition as Acquisition
from radiography.plan import experiment_of, strip_shadow_of
from radiography.plan import plan_acquisition as plan_acquisition
from radiography.projection.geometry import at_depth, axis_sample
from radiography.projection.pixel_means import StripMeans, pixel_sums
from radiography.projection.project import project, project_strips
from radiography.scatter.grid import behind_grid
from radiography.scatter.scene_scatter import scatter_map, scatter_planes
from radiography.scene import relative_exposures

Array = npt.NDArray[np.float32]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Exposure:
    """Means of what one exposure leaves in layer and photodiodes, without noise.

    Attributes
    ----------
    spread_light : (H, W) float32
        Light where it arrives at the pixels. [1]
    quanta, light, light_square : (H, W) float32
        By pixel of the layer: absorbed quanta, their light at the diodes, and the sum of its squares. [1]
    diode_tracks, diode_energy_keV, diode_energy_square_keV2, diode_light_energy_keV : (H, W) float32
        X-rays in the photodiodes themselves, as in `DiodeMeans`. [1, keV, keV2, keV]
    scatter, scatter_diode_keV : (H, W) float32 or None
        The parts of ``light`` and ``diode_energy_keV`` that X-rays scattered by the object make; None where they are
        not simulated. [1, keV]
    """

    spread_light: Array
    quanta: Array
    light: Array
    light_square: Array
    diode_tracks: Array
    diode_energy_keV: Array
    diode_energy_square_keV2: Array
    diode_light_energy_keV: Array
    scatter: Array | None = None
    scatter_diode_keV: Array | None = None

    @property
    def diode_means(self) -> DiodeMeans:
        """What it leaves in the diodes."""
        return DiodeMeans(
            self.diode_tracks, self.diode_energy_keV, self.diode_energy_square_keV2, self.diode_light_energy_keV
        )


@dataclass(frozen=True, eq=False)
class PanelState:
    """What a frame leaves behind for the next.

    Attributes
    ----------
    trapped : (T, H, W) float32
        Charge in each population of traps. [electrons]
    afterglow : tuple of (H, W) float32
        Light still to come, of each component that outlasts a frame, in the order of `emit_light`. [1]
    gain_change : (G, H, W) float32, or None
        Gain that exposures have added, in the order of `age_gain`; None where none does or all has rested. [1]
    """

    trapped: Array
    afterglow: tuple[Array, ...]
    gain_change: Array | None = None


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
    phantom, geometry, energy_keV = acquisition.phantom, acquisition.geometry, acquisition.spectrum.energy_keV
    samples, rays = acquisition.scene.sampling.samples_per_pixel, acquisition.scene.sampling.rays_per_sample
    # Slant and heel effect: what the X-rays give layer and photodiodes, from place to place.
    layer, lights = acquisition.scintillator, (acquisition.light, acquisition.slanted_light)
    gains = field_gains(acquisition.panel, layer, geometry, *lights, acquisition.heel)
    gains = behind_grid(gains, geometry, acquisition.grid, energy_keV)
    shadow = strip_shadow_of(acquisition, samples)
    # Scatter of the object, as a smooth map.
    choice, scatter, rest = acquisition.scene.scatter, None, progress
    if choice is not None and choice.on:
        first = None if progress is None else lambda done: progress(0.5 * done)
        rest = None if progress is None else lambda done: progress(0.5 + 0.5 * done)
        scatter = scatter_map(experiment_of(acquisition), choice.noise, progress=first)
    # X-rays behind the object, summed over their energies with what each gives, at the depth where that becomes light.
    # The same rays go on to the diodes, a little farther out.
    coated_diode = acquisition.coated_diode_weights * gains.coated_diode
    strips = project_strips(
        phantom,
        at_depth(geometry, acquisition.light_depth_mm),
        energy_keV,
        np.concatenate([acquisition.layer_weights * gains.layer[..., (0, 1, 2, 1), :], coated_diode], axis=2),
        samples_per_pixel=samples,
        rays_per_sample=rays,
        materials=acquisition.materials,
        progress=rest,
    )
    diode_depth_mm, bare = layer.thickness_um * 1e-3, ~coated(acquisition.panel)
    light_mm, diode_mm = (geometry.source_to_detector_mm + d for d in (acquisition.light_depth_mm, diode_depth_mm))
    size = (geometry.rows * samples, geometry.cols * samples)
    under_layer = StripMeans((4, *size), samples, axis_sample(geometry, samples), diode_mm / light_mm)
    quanta, light, light_square = (np.empty((geometry.rows, geometry.cols), np.float32) for _ in range(3))
    # What spreads on its way to the pixels: a mean spread, and what departs from it with the X-ray energy.
    mean, departure = (np.empty(size, np.float32) for _ in range(2))
    for top, sums in strips:
        rows, pixels = (slice(top // n, (top + sums.shape[1]) // n) for n in (1, samples))
        if shadow is not None:
            sums *= shadow[top : top + sums.shape[1]] if len(shadow) > 1 else shadow
        under_layer.add(sums[4:])
        if bare[pixels].any():  # where the panel has no layer, there is no light
            sums[:4, np.repeat(np.repeat(bare[pixels], samples, 0), samples, 1)] = 0.0
        for plane, summed in zip(sums[:3], (quanta, light, light_square), strict=True):
            summed[pixels] = pixel_sums(plane, samples)
        mean[rows], departure[rows] = sums[1], sums[3]
        del sums, plane  # else the next strip would come beside this one
    in_diodes = under_layer.out
    del strips, under_layer
    if bare.any():  # nothing shields the diodes there
        in_bare = project(
            phantom,
            at_depth(geometry, diode_depth_mm),
            energy_keV,
            acquisition.bare_diode_weights * gains.bare_diode,
            rays_per_sample=samples * rays,
            materials=acquisition.materials,
        )
        if (by_pixel := strip_shadow_of(acquisition, 1)) is not None:
            in_bare *= by_pixel
        in_diodes = np.where(bare, in_bare, in_diodes)
    # Scattered quanta are quanta like others, softer and from all sides: here they join them, before any is drawn.
    scattered = None
    if scatter is not None:
        scattered = scatter_planes(scatter, geometry, bare)
        for plane, more in zip((light, quanta, light_square, *in_diodes), scattered, strict=True):
            plane += more
        by_sample = mean.reshape(geometry.rows, samples, geometry.cols, samples)
        by_sample += (scattered[0] / np.float32(samples**2))[:, None, :, None]
    arriving = np.zeros((geometry.rows, geometry.cols), np.float32)
    if acquisition.layer_weights[3].any():
        arriving = spread_light(departure, acquisition.departure_spread, overwrite=True)
    del departure
    depths_mm = (acquisition.light_depth_mm, acquisition.depth_offset_mm)
    add_from_depths(mean, geometry, samples, depths_mm, acquisition.mean_spread, arriving)
    diode_tracks, diode_energy_keV, diode_energy_square_keV2, diode_light_energy_keV = in_diodes
    return Exposure(
        spread_light=arriving,
        quanta=quanta,
        light=light,
        light_square=light_square,
        diode_tracks=diode_tracks,
        diode_energy_keV=diode_energy_keV,
        diode_energy_square_keV2=diode_energy_square_keV2,
        diode_light_energy_keV=diode_light_energy_keV,
        scatter=None if scattered is None else scattered[0].copy(),
        scatter_diode_keV=None if scattered is None else scattered[4].copy(),
    )


def acquire_frame(
    acquisition: Acquisition,
    exposure: Exposure | None,
    rng: np.random.Generator,
    state: PanelState | None = None,
    analog_dn: FloatArray | None = None,
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
    analog_dn : (H, W) float64, or None
        Written with what the ADC is given, before it rounds and clips, for who wants the truth behind a frame. [DN]

    Returns
    -------
    raw_dn : (H, W) uint16
        [DN]
    state : PanelState
        For the next frame.
    """
    panel, maps, timing = acquisition.panel, acquisition.maps, acquisition.scene.timing
    # X-rays: a Poisson number of quanta in each pixel of the layer and each diode, each with its own energy and light.
    # The mean spreads as the signal does; the noise less, since one quantum's light is more compact than the mean. It
    # is white before that, so it is drawn by pixels, and its plan adds the power that would fold from finer samples.
    # What a quantum leaves in a diode goes with its light.
    if exposure is None:
        light = np.zeros(maps.response.shape, dtype=np.float32)
        direct_keV = np.zeros(maps.response.shape, dtype=np.float32)
    else:
        noise = draw_portions(exposure.quanta, exposure.light, exposure.light_square, rng)
        noise -= exposure.light
        light = spread_light(noise, acquisition.noise_spread)
        light += exposure.spread_light
        direct_keV = draw_diode_energy(exposure.diode_means, exposure.light_square, noise, rng)
        del noise
    # Dose history: earlier exposures have changed the yield of the layer and the sensitivity of the diodes.
    response, change = maps.response, state.gain_change if state else None
    if change is not None:
        light *= layer_gain(acquisition.scintillator, change)
        response = response * diode_gain(acquisition.scintillator, change)
    if remembers(acquisition.scintillator, panel):
        burning = None if exposure is None else exposure.spread_light
        scale = dose_scale(acquisition)
        change = age_gain(acquisition.scintillator, panel, change, burning, scale, timing.frame_interval_s)
    # Light in time: the afterglow of earlier frames comes in, this frame's goes to the next.
    light, afterglow = emit_light(
        light,
        state.afterglow if state else None,
        acquisition.scintillator,
        timing.integration_time_s,
        timing.frame_interval_s,
        timing.exposure_time_s,
    )
    # Photodiodes: charge, with the noise of counting electrons; from here on nothing is blurred.
    electrons = collect_charge(
        light,
        direct_keV,
        panel.photodiode,
        quantum_efficiency=acquisition.quantum_efficiency,
        response=response,
        dark_electrons_per_s=maps.dark_electrons_per_s,
        integration_time_s=timing.integration_time_s,
        rng=rng,
        nonlinearity=maps.nonlinearity,
    )
    # Lag: traps take some of the charge and release some of earlier frames'.
    trapped = state.trapped if state else traps_in_the_dark(acquisition)
    times = FrameTimes(timing.integration_time_s, timing.exposure_time_s)
    electrons, trapped = trap_charge(
        electrons, trapped, panel.lag, timing.frame_interval_s, panel.lag_exposure, maps.lag_factor, times=times
    )
    # Amplifiers and ADC: electronic noise, offset, whole numbers.
    raw_dn = digitise(electrons, maps.offset_dn, maps.noise_factor, panel.readout, rng, analog_dn)
    return raw_dn, PanelState(trapped=trapped, afterglow=afterglow, gain_change=change)


def acquire_sequence(
    acquisition: Acquisition,
    exposure: Exposure | None,
    frames: int | None,
    rng: np.random.Generator,
    pattern: Sequence[float] | None = None,
) -> Iterator[npt.NDArray[np.uint16]]:
    """Raw frames one after the other, lag and afterglow carried between them, from a panel long read in the dark.

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
        raw_dn, state = acquire_frame(acquisition, scaled(exposure, strength), rng, state)
        yield raw_dn


def scaled(exposure: Exposure | None, strength: float) -> Exposure | None:
    """An exposure made stronger or weaker; every mean goes with the number of X-rays.

    Parameters
    ----------
    exposure : Exposure or None
        From `expose`; not written to.
    strength : float
        Zero or positive. [1]

    Returns
    -------
    exposure : Exposure or None
        None where nothing is left.
    """
    if exposure is None or strength == 0.0:
        return None
    if strength == 1.0:
        return exposure
    planes: dict[str, Any] = {each.name: getattr(exposure, each.name) for each in fields(Exposure)}
    for name, plane in planes.items():
        if plane is not None:
            planes[name] = plane * np.float32(strength)
    return Exposure(**planes)


def mean_electrons(acquisition: Acquisition) -> float:
    """Mean charge of a pixel at the foot of the central ray, object absent, before lag. [electrons]

    The product of the chain's mean gains, for checks and for printing; frames do not use it.
    """
    samples = acquisition.scene.sampling.samples_per_pixel**2
    photons = acquisition.layer_weights[1].sum() * samples
    diode = acquisition.panel.photodiode
    direct = acquisition.coated_diode_weights[1].sum() * 1000.0 / diode.energy_per_electron_eV
    return float(photons * diode.fill_factor * acquisition.quantum_efficiency + direct)


def energy_shares(acquisition: Acquisition) -> tuple[float, ...]:
    """Energy that each layer absorbs of that of the X-rays at the foot of the central ray, object absent.

    Parameters
    ----------
    acquisition : Acquisition
        From `plan_acquisition`, with the beam on.

    Returns
    -------
    shares : tuple of float
        Of the layer, or of front and back layer of a dual-layer panel. [1]

    Raises
    ------
    ValueError
        If the scene is dark.
    """
    shares = []
    for layer in (acquisition, *(() if acquisition.back is None else (acquisition.back,))):
        energy_keV, arriving = layer.spectrum.energy_keV, layer.spectrum.fluence_per_mm2 * layer.grid_transmission
        if not arriving.any():
            raise ValueError("energy shares need a beam, but the scene is dark")
        absorbed_keV = cover_transmission(layer.panel, energy_keV) * layer.light.absorbed_keV
        shares.append(float(arriving @ absorbed_keV / (arriving @ energy_keV)))
    return tuple(shares)


def dose_scale(acquisition: Acquisition) -> DoseScale:
    """What the light of a pixel means as a dose and as charge."""
    samples, kerma_uGy = acquisition.scene.sampling.samples_per_pixel**2, acquisition.scene.beam.air_kerma_uGy
    open_field = float(acquisition.layer_weights[1].sum()) * samples
    electrons_per_photon = acquisition.panel.photodiode.fill_factor * acquisition.quantum_efficiency
    return DoseScale(open_field / kerma_uGy if kerma_uGy > 0 else 1.0, electrons_per_photon)


def traps_in_the_dark(acquisition: Acquisition) -> Array:
    """Charge in each population of traps after many dark frames, (T, H, W). [electrons]"""
    panel, maps, timing = acquisition.panel, acquisition.maps, acquisition.scene.timing
    charge = dark_charge(panel.photodiode, maps.dark_electrons_per_s, timing.integration_time_s, maps.nonlinearity)
    times = FrameTimes(timing.integration_time_s, timing.exposure_time_s)
    return steady_trapped_charge(
        charge, panel.lag, timing.frame_interval_s, panel.lag_exposure, maps.lag_factor, times=times
    )

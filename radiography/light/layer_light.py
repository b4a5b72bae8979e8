"""What a scintillating layer makes of one X-ray photon: how much light at the diodes, how it varies, how it spreads.

X-ray interaction (`absorption`) and light transport (`light_transport`) are known by depth; here they meet, energy by
energy. A frame, a report and a fit all start from the same `LayerLight`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.interpolate import CubicSpline
from scipy.special import ndtri

from radiography.interaction.absorption import cached_layer_response, energy_grid_keV
from radiography.interaction.beam_absorption import frame_weights
from radiography.light.scintillator import Glare, Scintillator, Spread, glare_transfer, layer_material, spread_transfer
from radiography.light.transport import FREQUENCY_PER_MM, LightTransport, cached_light_transport

HISTORIES = 100_000  # X-rays per energy: standard error of the mean absorbed energy below 0.2 %
PHOTONS = 400_000  # light photons: standard error of the MTF at 2 /mm about 0.001
DEPTHS = 20
FWHM_PER_SIGMA = 2.0 * np.sqrt(2.0 * np.log(2.0))

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LayerLight:
    """Light of a layer by X-ray energy.

    Attributes
    ----------
    energy_keV : (E,) float64
        X-ray energies. [keV]
    quanta : (E,) float64
        Fraction of the incident photons that leave energy in the layer. [1]
    absorbed_keV, absorbed_square_keV2 : (E,) float64
        Mean energy that one incident photon leaves, and mean of its square. [keV, keV2]
    light, light_square : (E,) float64
        Mean number of photons at the diodes for one incident photon, and mean of its square but for the counting
        noise of the light photons themselves. [1]
    frequency_per_mm : (F,) float64
        Spatial frequencies of the next four. [1/mm]
    signal_transfer : (E, F) float64
        Modulation transfer of layer and light together, 1 at zero frequency. [1]
    noise_transfer : (E, F) float64
        Noise power of many quanta over that at zero frequency; it falls less than the squared signal transfer, since
        every quantum has its own depth and its own reabsorbed fluorescence. [1]
    xray_transfer, optical_transfer : (E, F) float64
        The two factors of the signal transfer: spread of the absorbed energy, and of the light. [1]
    wavelength_nm, emission : (L,) float64
        Wavelengths [nm] and fraction of the light that reaches the diodes at each. [1]
    origin : str
        "transport" where all of this is computed, else where the spread comes from: "fitted" or "measured".
    transport : LightTransport or None
        The optical Monte Carlo behind it.
    glare : Glare or None
        Long-range glare, not part of the transfers above.
    """

    energy_keV: FloatArray
    quanta: FloatArray
    absorbed_keV: FloatArray
    absorbed_square_keV2: FloatArray
    light: FloatArray
    light_square: FloatArray
    frequency_per_mm: FloatArray
    signal_transfer: FloatArray
    noise_transfer: FloatArray
    xray_transfer: FloatArray
    optical_transfer: FloatArray
    wavelength_nm: FloatArray
    emission: FloatArray
    origin: str
    transport: LightTransport | None
    glare: Glare | None


@dataclass(frozen=True, eq=False)
class BeamSpread:
    """Spread of a layer's light for one beam: a mean, and how it departs from it with the X-ray energy.

    The signal transfer at energy E is ``mean(f) + departure_weight(E) * departure(f)``; the departure is 0 at zero
    frequency and is mostly K fluorescence, which jumps at the K edges.

    Attributes
    ----------
    departure_weight : (E,) float64
        [1]
    mean_at, departure_at, noise_at : callable
        Frequencies (F,) [1/mm] to the mean transfer, the departure, and the root of the noise power, (F,). [1]
    largest_error : float
        Largest departure of this from the full transfer of any energy that holds a hundredth of the light. [1]
    """

    departure_weight: FloatArray
    mean_at: Callable[[FloatArray], FloatArray]
    departure_at: Callable[[FloatArray], FloatArray]
    noise_at: Callable[[FloatArray], FloatArray]
    largest_error: float


def layer_light(
    scintillator: Scintillator,
    energy_keV: npt.ArrayLike,
    *,
    histories: int = HISTORIES,
    photons: int = PHOTONS,
    progress: Callable[[int, int], None] | None = None,
    light_cache: Path | None = None,
) -> LayerLight:
    """Light of a layer for X-rays of given energies, from the caches or computed with fixed seeds.

    Parameters
    ----------
    scintillator : Scintillator
        Described by what its light meets (``transport``) or by a measured or fitted spread (``spread``).
    energy_keV : (E,) float64
        Energies, such as the bins of a spectrum. [keV]
    histories, photons : int
        X-rays per energy, and light photons, of the Monte Carlo. [1]
    progress : callable, optional
        Called with light photons done and to do.
    light_cache : Path, optional
        Folder that keeps the light transport; by default the user's cache. A search gives one that it throws away.

    Returns
    -------
    light : LayerLight

    Raises
    ------
    ValueError
        If an energy is out of range or a material unknown.

    Notes
    -----
    With e(z) the fraction of a quantum's energy left at depth z, g(z) the fraction of light collected and T(f, z) its
    transfer, signal goes as sum e g T and noise power as sum e g^2 T^2 [1]_, each times the X-ray part of its own.
    The depths of one quantum's several places of absorption count as one.

    References
    ----------
    .. [1] Lubberts, "Random noise produced by x-ray fluorescent screens", J. Opt. Soc. Am. 58, 1475 (1968).
    """
    energies = np.array(energy_keV, dtype=np.float64, ndmin=1)
    frequency = np.array(FREQUENCY_PER_MM)
    material, thickness_mm = layer_material(scintillator), scintillator.thickness_um * 1e-3
    response = cached_layer_response(
        material,
        thickness_mm,
        energy_grid_keV(material, float(energies[0]), float(energies[-1]) + 1e-6),
        histories,
        depths=DEPTHS,
        frequency_per_mm=frequency,
    )
    quanta, absorbed, square = frame_weights(response, energies)
    xray = _between(response.energy_keV, response.signal_transfer, energies)
    xray_noise = _between(response.energy_keV, response.noise_transfer, energies)
    fraction = _between(response.energy_keV, response.depth_fraction, energies)
    yield_per_keV = scintillator.light.yield_per_keV
    common = (energies, quanta, absorbed, square)
    if scintillator.spread is not None:
        return _from_spread(scintillator.spread, scintillator.glare, yield_per_keV, frequency, *common)
    if scintillator.transport is None:
        raise ValueError(f"scintillator '{scintillator.name}' needs [transport] or [spread]")
    transport = cached_light_transport(
        scintillator.transport,
        scintillator.thickness_um,
        photons,
        depths=DEPTHS,
        progress=progress,
        cache_folder=light_cache,
    )
    collected = transport.collected
    light_fraction, square_fraction = fraction @ collected, fraction @ collected**2
    optical = (fraction * collected) @ transport.transfer / np.maximum(light_fraction, 1e-300)[:, None]
    optical_noise = (fraction * collected**2) @ transport.transfer**2 / np.maximum(square_fraction, 1e-300)[:, None]
    emission = (np.mean(fraction, axis=0) * collected) @ transport.spectrum
    return LayerLight(
        *common,
        yield_per_keV * absorbed * light_fraction,
        yield_per_keV**2 * square * square_fraction,
        frequency,
        xray * optical,
        xray_noise * optical_noise,
        xray,
        optical,
        transport.wavelength_nm,
        emission / emission.sum(),
        "transport",
        transport,
        scintillator.glare,
    )


def spread_of_beam(light: LayerLight, fluence: npt.ArrayLike) -> BeamSpread:
    """What a frame needs of a layer's spread for a beam.

    Parameters
    ----------
    light : LayerLight
        At the energies of the beam.
    fluence : (E,) float64
        Photons of each energy, on any scale. [1]

    Returns
    -------
    spread : BeamSpread

    Raises
    ------
    ValueError
        If the beam makes no light.
    """
    weight = np.asarray(fluence, dtype=np.float64) * light.light
    if not weight.sum() > 0:
        raise ValueError("the beam makes no light in the layer: all of its fluence or of the light is zero")
    weight = weight / weight.sum()
    mean = weight @ light.signal_transfer
    rest = light.signal_transfer - mean
    _, _, patterns = np.linalg.svd(np.sqrt(weight)[:, None] * rest, full_matrices=False)
    departure = patterns[0] * (np.sign(patterns[0].sum()) or 1.0)
    departure_weight = rest @ departure
    error = np.abs(rest - departure_weight[:, None] * departure).max(axis=1)
    power = np.asarray(fluence) * light.light_square
    noise = np.sqrt(np.maximum(power @ light.noise_transfer / power.sum(), 0.0))
    return BeamSpread(
        departure_weight,
        _at(light.frequency_per_mm, mean, light.glare),
        _at(light.frequency_per_mm, departure, light.glare),
        _at(light.frequency_per_mm, noise, light.glare),
        float(error[weight > 0.01].max(initial=0.0)),
    )


def _from_spread(
    spread: Spread,
    glare: Glare | None,
    yield_per_keV: float,
    frequency: FloatArray,
    energies: FloatArray,
    quanta: FloatArray,
    absorbed: FloatArray,
    square: FloatArray,
) -> LayerLight:
    """The same from a measured or fitted spread: one transfer for all energies, its square for the noise."""
    transfer = np.broadcast_to(spread_transfer(spread, frequency), (energies.size, frequency.size))
    per_keV = yield_per_keV * spread.collection_fraction
    deviates = ndtri((np.arange(401) + 0.5) / 401)
    wavelength_nm = spread.emission.peak_nm + spread.emission.fwhm_nm / FWHM_PER_SIGMA * deviates
    return LayerLight(
        energies,
        quanta,
        absorbed,
        square,
        per_keV * absorbed,
        per_keV**2 * square / spread.swank_optical,
        frequency,
        transfer,
        transfer**2,
        np.ones_like(transfer),
        transfer,
        wavelength_nm,
        np.full(401, 1.0 / 401),
        spread.origin,
        None,
        glare,
    )


def _between(known_keV: FloatArray, rows: FloatArray, energy_keV: FloatArray) -> FloatArray:
    """Rows (E, F) at other energies, along straight lines."""
    return np.stack([np.interp(energy_keV, known_keV, column) for column in rows.T], axis=1)


def _at(frequency: FloatArray, transfer: FloatArray, glare: Glare | None) -> Callable[[FloatArray], FloatArray]:
    """A transfer between its frequencies (cubic), even about zero and held at its last value, times the glare's."""
    both = np.concatenate([-frequency[:0:-1], frequency])
    spline = CubicSpline(both, np.concatenate([transfer[:0:-1], transfer]))
    return lambda f: np.asarray(spline(np.minimum(np.abs(f), frequency[-1])) * glare_transfer(glare, f))

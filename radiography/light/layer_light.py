"""Light of one X-ray photon in a layer: how much reaches the diodes, how it varies, how it spreads.

The energy that X-rays leave and the light that reaches the diodes are known by depth; here they meet, energy by energy.
A frame, a report and a fit all start from the same `LayerLight`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from radiography.interaction.absorption import LayerResponse, cached_layer_response, energy_grid_keV
from radiography.interaction.beam_absorption import frame_weights
from radiography.light.by_depth import (
    collected_fraction,
    collected_square,
    emerging_lines,
    noise_transfer,
    optical_transfer,
)
from radiography.light.scintillator import (
    Glare,
    Scintillator,
    Spread,
    glare_transfer,
    layer_material,
    spread_transfer,
    yield_variance,
)
from radiography.light.transport import FREQUENCY_PER_MM, FWHM_PER_SIGMA, LightTransport, cached_light_transport

HISTORIES = 100_000  # X-rays per energy: standard error of the mean absorbed energy below 0.2 %
PHOTONS = 400_000  # light photons: standard error of the MTF at 2 /mm about 0.001
DEPTHS = 20  # layers of equal thickness in which X-rays and light meet
SPREAD_LINES = 401  # equally likely wavelengths that stand for the line of a measured or fitted spread

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
    depth_fraction : (E, K) float64
        Fraction of that energy left in K layers of equal thickness, the first where the X-rays enter. [1]
    light, light_square : (E,) float64
        Mean number of photons at the diodes for one incident photon, and mean of its square, with the spread of the
        light yield but without the counting noise of the light photons themselves. [1]
    light_per_keV : (K,) float64
        Photons at the diodes for 1 keV left in each of the K layers. [1/keV]
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
    depth_fraction: FloatArray
    light: FloatArray
    light_square: FloatArray
    light_per_keV: FloatArray
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
    incidence_deg: float = 0.0,
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
    incidence_deg : float
        Angle between the X-rays and the normal, 0 to 85. [deg]
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
    The sums over depth are those of `by_depth`: signal goes as sum w g T and noise power as sum w g^2 T^2 [1]_, with
    energy fraction w, collection g and transfer T, each times the transfer of the absorbed energy. A quantum that
    leaves its energy at several places is taken to leave it at one depth, and to be bright or dim by ``yield_spread``
    as a whole, which raises the noise power of all frequencies alike.

    References
    ----------
    .. [1] Lubberts, "Random noise produced by x-ray fluorescent screens", J. Opt. Soc. Am. 58, 1475 (1968).
    """
    energies = np.array(energy_keV, dtype=np.float64, ndmin=1)
    material, thickness_mm = layer_material(scintillator), scintillator.thickness_um * 1e-3
    response = cached_layer_response(
        material,
        thickness_mm,
        energy_grid_keV(material, float(energies[0]), float(energies[-1]) + 1e-6),
        histories,
        incidence_deg=incidence_deg,
        depths=DEPTHS,
        frequency_per_mm=np.array(FREQUENCY_PER_MM),
    )
    absorbed = _absorbed_at(response, energies)
    if scintillator.spread is not None:
        return _light_of_spread(scintillator, scintillator.spread, absorbed)
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
    return _light_of_transport(scintillator, transport, absorbed)


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
        departure_weight=departure_weight,
        mean_at=transfer_between(light.frequency_per_mm, mean, light.glare),
        departure_at=transfer_between(light.frequency_per_mm, departure, light.glare),
        noise_at=transfer_between(light.frequency_per_mm, noise, light.glare),
        largest_error=float(error[weight > 0.01].max(initial=0.0)),
    )


class _Absorbed(NamedTuple):
    """What one X-ray photon of each of E energies leaves in the layer; names and units as in `LayerLight`."""

    energy_keV: FloatArray
    quanta: FloatArray
    absorbed_keV: FloatArray
    absorbed_square_keV2: FloatArray
    depth_fraction: FloatArray
    signal_transfer: FloatArray  # (E, F), of the absorbed energy alone [1]
    noise_transfer: FloatArray  # (E, F), likewise [1]


def _absorbed_at(response: LayerResponse, energy_keV: FloatArray) -> _Absorbed:
    """The response of the layer at other energies."""
    quanta, absorbed_keV, absorbed_square_keV2 = frame_weights(response, energy_keV)
    return _Absorbed(
        energy_keV=energy_keV,
        quanta=quanta,
        absorbed_keV=absorbed_keV,
        absorbed_square_keV2=absorbed_square_keV2,
        depth_fraction=_between(response.energy_keV, response.depth_fraction, energy_keV),
        signal_transfer=_between(response.energy_keV, response.signal_transfer, energy_keV),
        noise_transfer=_between(response.energy_keV, response.noise_transfer, energy_keV),
    )


def _light_of_transport(scintillator: Scintillator, transport: LightTransport, absorbed: _Absorbed) -> LayerLight:
    """Light of a layer whose optics are followed: X-rays and light meet at each depth."""
    yield_per_keV, by_depth = scintillator.light.yield_per_keV, absorbed.depth_fraction
    optical = optical_transfer(transport, by_depth)[0]
    square_per_keV2 = yield_per_keV**2 * (1.0 + yield_variance(scintillator.light, absorbed.energy_keV))
    return LayerLight(
        energy_keV=absorbed.energy_keV,
        quanta=absorbed.quanta,
        absorbed_keV=absorbed.absorbed_keV,
        absorbed_square_keV2=absorbed.absorbed_square_keV2,
        depth_fraction=by_depth,
        light=yield_per_keV * absorbed.absorbed_keV * collected_fraction(transport, by_depth)[0],
        light_square=square_per_keV2 * absorbed.absorbed_square_keV2 * collected_square(transport, by_depth),
        light_per_keV=yield_per_keV * transport.collected,
        frequency_per_mm=np.array(FREQUENCY_PER_MM),
        signal_transfer=absorbed.signal_transfer * optical,
        noise_transfer=absorbed.noise_transfer * noise_transfer(transport, by_depth),
        xray_transfer=absorbed.signal_transfer,
        optical_transfer=optical,
        wavelength_nm=transport.wavelength_nm,
        emission=emerging_lines(transport, np.mean(by_depth, axis=0)),
        origin="transport",
        transport=transport,
        glare=scintillator.glare,
    )


def _light_of_spread(scintillator: Scintillator, spread: Spread, absorbed: _Absorbed) -> LayerLight:
    """Light of a layer with a measured or fitted spread: one transfer for all energies, its square for the noise."""
    from scipy.special import ndtri

    frequency = np.array(FREQUENCY_PER_MM)
    transfer = np.broadcast_to(spread_transfer(spread, frequency), (absorbed.energy_keV.size, frequency.size))
    per_keV = scintillator.light.yield_per_keV * spread.collection_fraction
    square_per_keV2 = per_keV**2 * (1.0 + yield_variance(scintillator.light, absorbed.energy_keV))
    fraction = (np.arange(SPREAD_LINES) + 0.5) / SPREAD_LINES
    return LayerLight(
        energy_keV=absorbed.energy_keV,
        quanta=absorbed.quanta,
        absorbed_keV=absorbed.absorbed_keV,
        absorbed_square_keV2=absorbed.absorbed_square_keV2,
        depth_fraction=absorbed.depth_fraction,
        light=per_keV * absorbed.absorbed_keV,
        light_square=square_per_keV2 * absorbed.absorbed_square_keV2 / spread.swank_optical,
        light_per_keV=np.full(absorbed.depth_fraction.shape[1], per_keV),
        frequency_per_mm=frequency,
        signal_transfer=transfer,
        noise_transfer=transfer**2,
        xray_transfer=np.ones_like(transfer),
        optical_transfer=transfer,
        wavelength_nm=spread.emission.peak_nm + spread.emission.fwhm_nm / FWHM_PER_SIGMA * ndtri(fraction),
        emission=np.full(SPREAD_LINES, 1.0 / SPREAD_LINES),
        origin=spread.origin,
        transport=None,
        glare=scintillator.glare,
    )


def _between(known_keV: FloatArray, rows: FloatArray, energy_keV: FloatArray) -> FloatArray:
    """Rows (E, F) at other energies, along straight lines."""
    return np.stack([np.interp(energy_keV, known_keV, column) for column in rows.T], axis=1)


def transfer_between(
    frequency: FloatArray, transfer: FloatArray, glare: Glare | None
) -> Callable[[FloatArray], FloatArray]:
    """A transfer between its frequencies (cubic), even about zero and held at its last value, times the glare's.

    Parameters
    ----------
    frequency : (F,) float64
        Rising from 0. [1/mm]
    transfer : (F,) float64
        At these frequencies. [1]
    glare : Glare or None
        Of the layer.

    Returns
    -------
    transfer_at : callable
        Frequencies (N,) [1/mm] to the transfer there (N,). [1]
    """
    from scipy.interpolate import CubicSpline

    both = np.concatenate([-frequency[:0:-1], frequency])
    spline = CubicSpline(both, np.concatenate([transfer[:0:-1], transfer]))
    return lambda f: np.asarray(spline(np.minimum(np.abs(f), frequency[-1])) * glare_transfer(glare, f))

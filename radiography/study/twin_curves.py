"""Curves of a panel as frames show them - MTF, noise power by dose, signal - and the same of a layer on that panel.

The model is the cascade of `layer_report` in closed form, for corrected frames: offset, gain and lag are mended, so
that signal and noise are those of the charge that is freed. Noise power is averaged over directions, as
`noise_power_spectrum` does it for its radial curve.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from radiography.beam.spectrum import Spectrum
from radiography.beam.spectrum import air_kerma_uGy as kerma_of
from radiography.light.layer_light import LayerLight, layer_light, transfer_between
from radiography.light.scintillator import Scintillator, layer_material, yield_variance
from radiography.panel.direct_detection import LitLayer, diode_portions
from radiography.panel.panel import Panel, cover_transmission, emission_weighted_quantum_efficiency
from radiography.scene import Timing
from radiography.study.frame_delivery import light_in_frame
from radiography.study.layer_report import ALIASES
from radiography.study.pixel_charge import stack_histories

ANGLES_DEG = (4.5, 13.5, 22.5, 31.5, 40.5)  # stand for all directions, which repeat after 45 degrees and mirrored
PLANE = 12  # Gauss-Legendre nodes per axis for the mean over the plane of frequencies

FloatArray = npt.NDArray[np.float64]
TransferAt = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True, eq=False)
class LayerPoint:
    """What a layer gives a panel in a beam of 1 uGy, without spread of the light yield.

    Attributes
    ----------
    light, light_square : float
        Photons at the diodes, and the sum of their squares over the quanta. [1/mm2]
    diode_keV, diode_square_keV2, diode_light_keV : float
        X-ray energy in the diodes, the sum of its squares, and of its products with the light. [keV/mm2 and so on]
    transfer : (F,) float64
        Modulation transfer of the layer before the aperture. [1]
    folded, together : (J,) float64
        Noise power of quanta in the sampled frame, mean over directions: of their light, and of what light and diode
        share; 1 at zero frequency without aliases. [1]
    folded_mean, together_mean : float
        Means of the two over the whole plane: variance of a pixel over the power at zero frequency. [1]
    """

    light: float
    light_square: float
    diode_keV: float
    diode_square_keV2: float
    diode_light_keV: float
    transfer: FloatArray
    folded: FloatArray
    together: FloatArray
    folded_mean: float
    together_mean: float

    def as_row(self) -> FloatArray:
        """All of it in a row (10 numbers less 3 arrays, then these), what light makes in logarithms."""
        sums = np.log([self.light, self.light_square / self.light**2])
        diode = [self.diode_keV, self.diode_square_keV2, self.diode_light_keV / self.light]
        means = [self.folded_mean, self.together_mean]
        return np.concatenate([sums, diode, means, self.transfer, self.folded, self.together])


def point_of_row(row: FloatArray, frequencies: int, noise_frequencies: int) -> LayerPoint:
    """The layer's numbers from a row of `LayerPoint.as_row`.

    Parameters
    ----------
    row : (7 + F + 2 J,) float64
        As there.
    frequencies, noise_frequencies : int
        F and J.

    Returns
    -------
    point : LayerPoint
    """
    light = float(np.exp(row[0]))
    curves = np.split(row[7:], [frequencies, frequencies + noise_frequencies])
    return LayerPoint(
        light=light,
        light_square=float(np.exp(row[1])) * light**2,
        diode_keV=float(row[2]),
        diode_square_keV2=float(row[3]),
        diode_light_keV=float(row[4]) * light,
        transfer=curves[0],
        folded=curves[1],
        together=curves[2],
        folded_mean=float(row[5]),
        together_mean=float(row[6]),
    )


@dataclass(frozen=True, eq=False)
class PanelInBeam:
    """A panel, a beam and the frequencies at which curves are wanted.

    Attributes
    ----------
    panel : Panel
        Cover, pixels, photodiode and electronic noise.
    spectrum : Spectrum
        Beam at the panel, of any kerma.
    timing : Timing
        Of a frame.
    frequency_per_mm : (F,) float64
        Of the MTF. [1/mm]
    noise_frequency_per_mm : (J,) float64
        Of the noise power. [1/mm]
    """

    panel: Panel
    spectrum: Spectrum
    timing: Timing
    frequency_per_mm: FloatArray
    noise_frequency_per_mm: FloatArray


@dataclass(frozen=True, eq=False)
class ModelCurves:
    """What corrected frames of a layer on a panel show.

    Attributes
    ----------
    mtf : (F,) float64
        Presampled, aperture included. [1]
    nnps : (D, J) float64
        Noise power over the squared signal, by dose. [mm2]
    signal_dn : (D,) float64
        [DN]
    variance_dn2 : (D,) float64
        Of a pixel, without line noise. [DN2]
    """

    mtf: FloatArray
    nnps: FloatArray
    signal_dn: FloatArray
    variance_dn2: FloatArray


def layer_point(
    scintillator: Scintillator,
    place: PanelInBeam,
    histories: int,
    photons: int,
    light_cache: Path | None = None,
) -> LayerPoint:
    """The layer's numbers in a beam of 1 uGy, from its Monte Carlo.

    Parameters
    ----------
    scintillator : Scintillator
        The layer.
    place : PanelInBeam
        Where it lies.
    histories, photons : int
        X-rays per energy and light photons. [1]
    light_cache : Path, optional
        As for `layer_light`.

    Returns
    -------
    point : LayerPoint
    """
    panel, spectrum = place.panel, place.spectrum
    energy = spectrum.energy_keV
    at_panel = spectrum.fluence_per_mm2 / kerma_of(spectrum)
    at_layer = at_panel * cover_transmission(panel, energy)
    light = layer_light(scintillator, energy, histories=histories, photons=photons, light_cache=light_cache)
    mean_at, noise_at = _transfers(light, at_layer)
    lit = LitLayer(layer_material(scintillator), scintillator.thickness_um, light.light_per_keV)
    _, keV, square, with_light = diode_portions(panel, lit, energy, histories=stack_histories(histories)) @ at_panel
    folded, folded_mean = _folded(noise_at, place, 2)
    together, together_mean = _folded(noise_at, place, 1)
    return LayerPoint(
        light=float(light.light @ at_layer),
        light_square=_even_square(light, scintillator, at_layer),
        diode_keV=float(keV),
        diode_square_keV2=float(square),
        diode_light_keV=float(with_light),
        transfer=mean_at(place.frequency_per_mm),
        folded=folded,
        together=together,
        folded_mean=folded_mean,
        together_mean=together_mean,
    )


def _even_square(light: LayerLight, scintillator: Scintillator, at_layer: FloatArray) -> float:
    """Sum of the squares of the quanta's light if quanta alike gave alike light. [1/mm2]"""
    return float((light.light_square / (1.0 + yield_variance(scintillator.light, light.energy_keV))) @ at_layer)


def _transfers(light: LayerLight, at_layer: FloatArray) -> tuple[TransferAt, TransferAt]:
    """Signal transfer of a beam (E,) and the root of its noise power, as `spread_of_beam` has them."""
    of_light, of_noise = at_layer * light.light, at_layer * light.light_square
    mean = of_light @ light.signal_transfer / of_light.sum()
    noise = np.sqrt(np.maximum(of_noise @ light.noise_transfer / of_noise.sum(), 0.0))
    return (
        transfer_between(light.frequency_per_mm, mean, light.glare),
        transfer_between(light.frequency_per_mm, noise, light.glare),
    )


def _folded(noise_at: TransferAt, place: PanelInBeam, power: int) -> tuple[FloatArray, float]:
    """Power that quanta have in the sampled frame, (J,) over directions, and its mean over the plane.

    A ``power`` of 2 is the light's own, behind two apertures; 1 is what it shares with a diode as large as the pixel.
    """
    pixels = place.panel.pixels
    sides = (pixels.aperture_mm, pixels.aperture_mm if power == 2 else pixels.pitch_mm)

    def at(u: FloatArray, v: FloatArray) -> FloatArray:
        orders = ALIASES / pixels.pitch_mm
        along, across = u[:, None, None] + orders[:, None], v[:, None, None] + orders
        seen = noise_at(np.hypot(along, across)) ** power
        for side in sides:
            seen = seen * np.sinc(along * side) * np.sinc(across * side)
        return np.asarray(seen.sum(axis=(1, 2)))

    turned = np.deg2rad(ANGLES_DEG)
    frequency = place.noise_frequency_per_mm
    curve = np.mean([at(frequency * np.cos(a), frequency * np.sin(a)) for a in turned], axis=0)
    node, weight = np.polynomial.legendre.leggauss(PLANE)
    u, v = (each.ravel() for each in np.meshgrid(*[(node + 1) / (4 * pixels.pitch_mm)] * 2))
    mean = float(np.outer(weight, weight).ravel() @ at(u, v) / 4)
    return np.asarray(curve), mean


@dataclass(frozen=True)
class Charge:
    """Conversions of a panel for one layer: charge for a light photon [electrons], and for an absorbed keV. [1/keV]"""

    per_photon: float
    per_keV: float


def charge_of(scintillator: Scintillator, place: PanelInBeam, light: tuple[FloatArray, FloatArray]) -> Charge:
    """Conversions of the panel's diodes.

    Parameters
    ----------
    scintillator : Scintillator
        For the part of its light that comes within a frame.
    place : PanelInBeam
        Panel and timing.
    light : ((L,) float64, (L,) float64)
        Wavelengths [nm] and fraction of the light at each [1].

    Returns
    -------
    charge : Charge
    """
    diode = place.panel.photodiode
    efficiency = emission_weighted_quantum_efficiency(place.panel, *light)
    return Charge(
        per_photon=diode.fill_factor * efficiency * light_in_frame(scintillator, place.timing),
        per_keV=1e3 / diode.energy_per_electron_eV,
    )


def model_curves(
    point: LayerPoint,
    charge: Charge,
    place: PanelInBeam,
    air_kerma_uGy: FloatArray,
    *,
    more_light: float = 1.0,
    yield_square: float = 1.0,
    noise_kept: float = 1.0,
) -> ModelCurves:
    """MTF, noise power and signal of corrected frames.

    Parameters
    ----------
    point : LayerPoint
        The layer in the beam.
    charge : Charge
        From `charge_of`.
    place : PanelInBeam
        Panel and frequencies.
    air_kerma_uGy : (D,) float64
        Of frames. [uGy]
    more_light : float
        Light yield over that of the point. [1]
    yield_square : float
        Mean square over squared mean of the light of quanta that are alike: 1 + yield_spread^2. [1]
    noise_kept : float
        Part of the variance of quanta that frames keep which follow each other without lag correction. [1]

    Returns
    -------
    curves : ModelCurves
    """
    pixels, readout = place.panel.pixels, place.panel.readout
    area, per_photon = pixels.pitch_mm**2, charge.per_photon * more_light
    from_light, from_diode = area * per_photon * point.light, area * charge.per_keV * point.diode_keV
    signal = from_light + from_diode
    quantum = noise_kept * area * per_photon**2 * yield_square * point.light_square
    white = noise_kept * (from_light + area * charge.per_keV**2 * point.diode_square_keV2)
    shared = noise_kept * 2.0 * area * per_photon * charge.per_keV * point.diode_light_keV
    electronic = (
        readout.reset_noise_electrons**2
        + readout.amplifier_noise_electrons**2
        + readout.electrons_per_dn**2 / 12.0
        + place.panel.photodiode.dark_electrons_per_s * place.timing.integration_time_s
    )
    kerma = np.asarray(air_kerma_uGy, dtype=np.float64)
    power = kerma[:, None] * (quantum * point.folded + white + shared * point.together) + electronic
    variance = kerma * (quantum * point.folded_mean + white + shared * point.together_mean) + electronic
    direct, frequency = from_diode / signal, place.frequency_per_mm
    behind_aperture = point.transfer * np.sinc(frequency * pixels.aperture_mm)
    return ModelCurves(
        mtf=(1.0 - direct) * behind_aperture + direct * np.sinc(frequency * pixels.pitch_mm),
        nnps=area * power / (signal * kerma[:, None]) ** 2,
        signal_dn=signal * kerma / readout.electrons_per_dn,
        variance_dn2=variance / readout.electrons_per_dn**2,
    )

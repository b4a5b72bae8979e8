"""Report on a layer on a panel: sharpness, absorbed quanta, light, electrons, noise power, detective efficiency.

Everything follows from `LayerLight`, the same that makes the frames, and from the numbers of the panel: a cascade of
X-rays, light photons and electrons, in closed form. Nothing here is fitted and no frame is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from radiography.beam.spectrum import Spectrum
from radiography.beam.spectrum import air_kerma_uGy as kerma_of
from radiography.light.by_depth import collected_fraction, emerging_spectrum, light_ends, optical_transfer
from radiography.light.layer_light import HISTORIES, PHOTONS, BeamSpread, LayerLight, layer_light, spread_of_beam
from radiography.light.scintillator import Scintillator, glare_transfer, layer_material, yield_variance
from radiography.light.transport import LightTransport
from radiography.panel.direct_detection import LitLayer, diode_portions
from radiography.panel.panel import Panel, cover_transmission, emission_weighted_quantum_efficiency
from radiography.scene import Timing
from radiography.study.frame_delivery import light_in_frame
from radiography.study.pixel_charge import (
    BeamSums,
    PixelCharge,
    crossover_uGy,
    pixel_charge,
    pixels_within_ranges,
    stack_histories,
    zero_frequency_dqe,
)

DOSES_UGY = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)  # of DQE(0) against dose
ALIASES = np.arange(-16, 17)  # orders of sampling; half of them leave out 1 % of a noise that the layer does not blur

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LayerReport:
    """A layer on a panel in one beam.

    Fractions and quanta are of the beam at the panel's surface: what its cover takes counts against it. Signal and
    noise are those of one frame of a rested panel, after offset correction: afterglow that comes too late and charge
    in traps are missing. Noise of dark current and data lines, non-linearity and spread of the gain are left out.

    Attributes
    ----------
    scintillator, origin : str
        Name, and where its light comes from: "transport", "fitted" or "measured".
    thickness_um, air_kerma_uGy : float
        Of the layer [um] and of one frame [uGy].
    frequency_per_mm : (F,) float64
        Spatial frequencies along a row of pixels. [1/mm]
    mtf, mtf_error : (F,) float64
        Presampled MTF and its standard error by the light photons of the Monte Carlo; direct detection included. [1]
    xray_mtf, optical_mtf, aperture_mtf : (F,) float64
        Its factors, glare counted with the optics; direct detection in the diodes has only the last of them. [1]
    quantum_detection_efficiency, absorbed_energy_fraction : float
        Fraction of the quanta that leave energy in the layer, and of the energy that they leave. [1]
    cover_transmission : float
        Fraction of the quanta that pass the cover. [1]
    swank_xray, swank_optical, swank_yield : float
        Factors of the squared mean over mean square of a quantum's light: by the energy that it leaves, by the depth
        where it does, and by the spread of the light yield. [1]
    light_per_quantum : float
        Light photons at the diodes for one absorbed quantum. [1]
    light_to_diode_fraction, light_to_diode_error : float
        Fraction of the light made that reaches the diodes, and its standard error. [1]
    ledger : mapping of str to float
        Where the light ends: diodes, layer, cover, strayed; sums to 1. Empty without "transport". [1]
    emission_peak_nm, emission_fwhm_nm : float
        Peak and full width at half maximum of the light that reaches the diodes. [nm]
    quantum_efficiency : float
        Of the diodes for that light. [1]
    electrons_per_absorbed_quantum : float
        Mean charge that the light of one quantum frees within the integration. [electrons]
    electrons_per_uGy, direct_signal_fraction : float
        Signal of a pixel [electrons/uGy], and the fraction of it that X-rays free in the diode itself. [1]
    direct_energy_per_photon_keV : float
        Energy in a diode as large as its pixel for one X-ray of the beam, on average. [keV]
    light_in_frame, delivered_fraction : float
        Fraction of the light that comes within the integration, and of the charge that no trap takes. [1]
    electronic_noise_electrons, line_noise_electrons : float
        Reset, amplifier and rounding to DN; noise that a whole row has in common. [electrons rms]
    crossover_uGy, saturation_uGy : float
        Where electronic and line noise equal quantum noise in a pixel, and where its diode is full. [uGy]
    dose_uGy, dqe0_at_dose : (D,) float64
        DQE(0) at several doses. [uGy, 1]
    dqe0_at_dose_band : (2, D) float64
        Its band: see ``dqe0_band``. [1]
    dqe0, dqe0_light_only : float
        At ``air_kerma_uGy``, and if X-rays freed no charge in the diodes themselves. [1]
    dqe0_band : tuple of float
        Lowest and highest DQE(0) at ``air_kerma_uGy`` within what panel and layer declare as ranges: slabs between
        layer and glass, energy per electron, light yield. Where nothing is declared both are ``dqe0``. [1]
    nyquist_per_mm : float
        [1/mm]
    dqe, dqe_band : (F,) and (2, F) float64
        DQE with the noise power of the sampled frame, and its band; beyond the Nyquist frequency it means nothing. [1]
    nps_quantum, nps_light, nps_direct, nps_electronic : (F,) float64
        Noise power of the sampled frame over the squared signal: of X-ray quanta (aliased), of counting the light,
        of direct detection, with what it shares with the light, and of the electronics. [mm2]
    line_power_mm : float
        Noise power of the line noise over the squared signal. It lies on one line of the plane of frequencies, that of
        zero frequency along the rows, where it is white; no other frequency and no DQE has a part of it. [mm]
    """

    scintillator: str
    origin: str
    thickness_um: float
    air_kerma_uGy: float
    frequency_per_mm: FloatArray
    mtf: FloatArray
    mtf_error: FloatArray
    xray_mtf: FloatArray
    optical_mtf: FloatArray
    aperture_mtf: FloatArray
    quantum_detection_efficiency: float
    absorbed_energy_fraction: float
    cover_transmission: float
    swank_xray: float
    swank_optical: float
    swank_yield: float
    light_per_quantum: float
    light_to_diode_fraction: float
    light_to_diode_error: float
    ledger: Mapping[str, float]
    emission_peak_nm: float
    emission_fwhm_nm: float
    quantum_efficiency: float
    electrons_per_absorbed_quantum: float
    electrons_per_uGy: float
    direct_signal_fraction: float
    direct_energy_per_photon_keV: float
    light_in_frame: float
    delivered_fraction: float
    electronic_noise_electrons: float
    line_noise_electrons: float
    crossover_uGy: float
    saturation_uGy: float
    dose_uGy: FloatArray
    dqe0_at_dose: FloatArray
    dqe0_at_dose_band: FloatArray
    dqe0: float
    dqe0_light_only: float
    dqe0_band: tuple[float, float]
    nyquist_per_mm: float
    dqe: FloatArray
    dqe_band: FloatArray
    nps_quantum: FloatArray
    nps_light: FloatArray
    nps_direct: FloatArray
    nps_electronic: FloatArray
    line_power_mm: float


def report_layer(
    scintillator: Scintillator,
    panel: Panel,
    spectrum: Spectrum,
    air_kerma_uGy: float,
    *,
    timing: Timing | None = None,
    histories: int = HISTORIES,
    photons: int = PHOTONS,
    progress: Callable[[int, int], None] | None = None,
) -> LayerReport:
    """Figures of merit of a layer on a panel, from its light by X-ray energy.

    Parameters
    ----------
    scintillator : Scintillator
        The layer.
    panel : Panel
        Cover, pixels, photodiode and electronic noise.
    spectrum : Spectrum
        Beam at the panel, object absent, of any kerma above 0; more than one energy or a single one.
    air_kerma_uGy : float
        Kerma of a frame, that the spectrum is scaled to. [uGy]
    timing : Timing, optional
        Of a frame; by default that of a scene that says nothing of it.
    histories, photons, progress
        As for `layer_light`.

    Returns
    -------
    report : LayerReport
        See there.

    Raises
    ------
    ValueError
        If the dose is not positive, or the beam is dark or makes no light.

    Notes
    -----
    With q incident quanta and, per incident quantum of the beam, mean light L and mean square L2, a pixel of area a^2
    that turns light into electrons with chance c has signal q a^2 c L and variance q a^2 (c^2 L2 + c L) + s^2. Hence
    DQE(0) = eta A / (1 + A / n + A s^2 / (N n^2)) with N absorbed quanta, n electrons each and Swank factor A [1]_,
    here with direct detection added to signal and variance, and its covariance with the light of the same quanta. Of
    signal and noise of the charge, traps leave a fraction t to the frame: electronic noise, which comes later, counts
    as s / t. The noise power of the quanta has its own transfer, which falls less than the squared MTF [2]_, and is
    aliased; that of light and electronics is white.

    References
    ----------
    .. [1] Siewerdsen et al., "Empirical and theoretical investigation of the noise performance of indirect detection,
       active matrix flat-panel imagers", Med. Phys. 24, 71 (1997).
    .. [2] Lubberts, "Random noise produced by x-ray fluorescent screens", J. Opt. Soc. Am. 58, 1475 (1968).
    """
    if not (np.isfinite(air_kerma_uGy) and air_kerma_uGy > 0):
        raise ValueError(f"dose must be a positive air kerma in uGy, got {air_kerma_uGy:g}")
    kerma = kerma_of(spectrum)
    if not kerma > 0:
        raise ValueError("a report on a layer needs a beam with photons, but this spectrum is dark")
    energy = spectrum.energy_keV
    at_panel = spectrum.fluence_per_mm2 / kerma  # per uGy, as is everything below until a dose comes in
    at_layer = at_panel * cover_transmission(panel, energy)
    light = layer_light(scintillator, energy, histories=histories, photons=photons, progress=progress)
    beam = _beam_sums(light, at_panel, at_layer)
    quantum_efficiency = emission_weighted_quantum_efficiency(panel, light.wavelength_nm, light.emission)
    timing = timing or Timing()
    in_frame = light_in_frame(scintillator, timing)
    charge = panel.photodiode.fill_factor * quantum_efficiency * in_frame  # electrons for a light photon
    layer = LitLayer(layer_material(scintillator), scintillator.thickness_um, light.light_per_keV)
    direct = diode_portions(panel, layer, energy, histories=stack_histories(histories)) @ at_panel
    pixel = pixel_charge(panel, timing, beam, charge, direct)
    optics = _optics(scintillator, light, at_layer)

    doses = np.append(DOSES_UGY, air_kerma_uGy)
    within = pixels_within_ranges(scintillator, panel, spectrum, pixel, layer, histories)
    dqe0_at = np.stack([zero_frequency_dqe(doses, each) for each in within])
    dqe0_low, dqe0_high = dqe0_at.min(axis=0), dqe0_at.max(axis=0)
    deaf = replace(
        pixel, from_diode=0.0, diode_variance=0.0, covariance=0.0
    )  # as if X-rays freed no charge in the diode itself
    spread = spread_of_beam(light, at_layer)
    factors = _mtf_factors(light, at_layer, spread, panel)
    direct_fraction = pixel.from_diode / pixel.signal
    mtf = _presampled_mtf(factors, direct_fraction, panel)
    delivered, _ = pixel.delivered(np.array([air_kerma_uGy]))
    signal = pixel.signal * float(delivered[0])
    nps = _noise_power(pixel, spread, factors.frequency_per_mm, panel, air_kerma_uGy)
    dqe = np.stack([_dqe(each, factors, spread, panel, air_kerma_uGy) for each in within])
    swank = beam.light**2 / (beam.quanta * beam.light_square)
    swank_yield = float(light.light_square / (1.0 + yield_variance(scintillator.light, energy)) @ at_layer)
    swank_yield /= beam.light_square
    swank_xray = beam.absorbed_keV**2 / (beam.quanta * beam.absorbed_square_keV2)
    return LayerReport(
        scintillator=scintillator.name,
        origin=light.origin,
        thickness_um=scintillator.thickness_um,
        air_kerma_uGy=air_kerma_uGy,
        frequency_per_mm=factors.frequency_per_mm,
        mtf=mtf,
        mtf_error=(1.0 - direct_fraction) * factors.xray * factors.glare * factors.aperture * optics.transfer_error,
        xray_mtf=factors.xray,
        optical_mtf=factors.layer / factors.xray,
        aperture_mtf=factors.aperture,
        quantum_detection_efficiency=beam.quanta / beam.incident,
        absorbed_energy_fraction=beam.absorbed_keV / float(at_panel @ energy),
        cover_transmission=float(at_layer.sum()) / beam.incident,
        swank_xray=swank_xray,
        swank_optical=swank / (swank_xray * swank_yield),
        swank_yield=swank_yield,
        light_per_quantum=beam.light / beam.quanta,
        light_to_diode_fraction=beam.light / (scintillator.light.yield_per_keV * beam.absorbed_keV),
        light_to_diode_error=optics.collection_error,
        ledger=optics.ledger,
        emission_peak_nm=optics.peak_nm,
        emission_fwhm_nm=optics.fwhm_nm,
        quantum_efficiency=quantum_efficiency,
        electrons_per_absorbed_quantum=charge * beam.light / beam.quanta,
        electrons_per_uGy=signal,
        direct_signal_fraction=direct_fraction,
        direct_energy_per_photon_keV=float(direct[1]) / panel.photodiode.fill_factor / beam.incident,
        light_in_frame=in_frame,
        delivered_fraction=float(delivered[0]),
        electronic_noise_electrons=float(np.sqrt(pixel.electronic_variance)),
        line_noise_electrons=panel.readout.line_noise_electrons,
        crossover_uGy=crossover_uGy(pixel),
        saturation_uGy=panel.photodiode.full_well_electrons / pixel.signal,
        dose_uGy=doses[:-1],
        dqe0_at_dose=dqe0_at[0, :-1],
        dqe0_at_dose_band=np.stack([dqe0_low[:-1], dqe0_high[:-1]]),
        dqe0=float(dqe0_at[0, -1]),
        dqe0_light_only=float(zero_frequency_dqe(np.array([air_kerma_uGy]), deaf)[0]),
        dqe0_band=(float(dqe0_low[-1]), float(dqe0_high[-1])),
        nyquist_per_mm=0.5 / panel.pixels.pitch_mm,
        dqe=dqe[0],
        dqe_band=np.stack([dqe.min(axis=0), dqe.max(axis=0)]),
        nps_quantum=nps.quantum,
        nps_light=nps.light,
        nps_direct=nps.direct,
        nps_electronic=nps.electronic,
        line_power_mm=panel.pixels.pitch_mm * (panel.readout.line_noise_electrons / (signal * air_kerma_uGy)) ** 2,
    )


def _beam_sums(light: LayerLight, at_panel: FloatArray, at_layer: FloatArray) -> BeamSums:
    """Sums over the energies of a beam, from its photons at the panel and behind the cover, (E,) each. [1/mm2]"""
    return BeamSums(
        incident=float(np.ones_like(at_panel) @ at_panel),
        quanta=float(light.quanta @ at_layer),
        absorbed_keV=float(light.absorbed_keV @ at_layer),
        absorbed_square_keV2=float(light.absorbed_square_keV2 @ at_layer),
        light=float(light.light @ at_layer),
        light_square=float(light.light_square @ at_layer),
    )


class _MtfFactors(NamedTuple):
    """Modulation transfers, (F,) each; that of the layer is of X-rays, light and glare together. [1]"""

    frequency_per_mm: FloatArray
    xray: FloatArray
    glare: FloatArray
    layer: FloatArray
    aperture: FloatArray


def _mtf_factors(light: LayerLight, at_layer: FloatArray, spread: BeamSpread, panel: Panel) -> _MtfFactors:
    """What blurs the light of a beam before the pixels are sampled."""
    frequency, weight = light.frequency_per_mm, at_layer * light.light
    return _MtfFactors(
        frequency_per_mm=frequency,
        xray=weight @ light.xray_transfer / float(light.light @ at_layer),
        glare=glare_transfer(light.glare, frequency),
        layer=spread.mean_at(frequency),
        aperture=np.sinc(frequency * panel.pixels.aperture_mm),
    )


def _presampled_mtf(factors: _MtfFactors, direct_fraction: float, panel: Panel) -> FloatArray:
    """MTF (F,) of light, and of the fraction of the signal that only the whole pixel blurs. [1]"""
    of_pixel = np.sinc(factors.frequency_per_mm * panel.pixels.pitch_mm)
    mtf = (1.0 - direct_fraction) * factors.layer * factors.aperture + direct_fraction * of_pixel
    return np.asarray(mtf / mtf[0])  # 1 at zero frequency but for rounding


class _NoisePower(NamedTuple):
    """Noise power of a frame over its squared signal, by cause, (F,) each. [mm2]"""

    quantum: FloatArray
    light: FloatArray
    direct: FloatArray
    electronic: FloatArray

    @property
    def total(self) -> FloatArray:
        """Of all causes, (F,). [mm2]"""
        return self.quantum + self.light + self.direct + self.electronic


def _noise_power(
    pixel: PixelCharge, spread: BeamSpread, frequency: FloatArray, panel: Panel, air_kerma_uGy: float
) -> _NoisePower:
    """Noise power of a sampled frame: that of the quanta is blurred and aliased, the rest is white."""
    apertures = (panel.pixels.aperture_mm, panel.pixels.aperture_mm)
    folded = _aliased(lambda f: spread.noise_at(f) ** 2, frequency, panel, apertures)
    # a quantum's charge in the diode is of the whole pixel, its light of the aperture
    together = _aliased(spread.noise_at, frequency, panel, (panel.pixels.aperture_mm, panel.pixels.pitch_mm))
    to_nps = panel.pixels.pitch_mm**2 / (pixel.signal**2 * air_kerma_uGy)
    change = float(pixel.delivered(np.array([air_kerma_uGy]))[1][0])  # of a noise in the charge
    return _NoisePower(
        to_nps * (pixel.quantum_variance * folded),
        np.full(frequency.shape, to_nps * pixel.from_light),
        to_nps * (pixel.diode_variance + 2.0 * pixel.covariance * together),
        np.full(frequency.shape, to_nps * pixel.electronic_variance / (air_kerma_uGy * change**2)),
    )


def _dqe(
    pixel: PixelCharge, factors: _MtfFactors, spread: BeamSpread, panel: Panel, air_kerma_uGy: float
) -> FloatArray:
    """DQE (F,) of the sampled frame of a pixel's charge. [1]"""
    mtf = _presampled_mtf(factors, pixel.from_diode / pixel.signal, panel)
    power = _noise_power(pixel, spread, factors.frequency_per_mm, panel, air_kerma_uGy).total
    return np.asarray(mtf**2 * panel.pixels.pitch_mm**2 / (pixel.quanta * air_kerma_uGy * power))


class _Optics(NamedTuple):
    """What the optical Monte Carlo says of a beam's light: standard errors, where the light ends, its line."""

    transfer_error: FloatArray  # (F,) of the modulation transfer [1]
    collection_error: float  # of the fraction of the light at the diodes [1]
    ledger: Mapping[str, float]
    peak_nm: float
    fwhm_nm: float


def _optics(scintillator: Scintillator, light: LayerLight, at_layer: FloatArray) -> _Optics:
    """Optics of a beam's light; of a measured or fitted spread only the line is known."""
    if light.transport is None:
        line = None if scintillator.spread is None else scintillator.spread.emission
        peak_nm, fwhm_nm = (0.0, 0.0) if line is None else (line.peak_nm, line.fwhm_nm)
        return _Optics(np.zeros_like(light.frequency_per_mm), 0.0, {}, peak_nm, fwhm_nm)
    left_keV = (at_layer * light.absorbed_keV) @ light.depth_fraction
    depth_fraction = left_keV / left_keV.sum()
    peak_nm, fwhm_nm = _line(light.transport, depth_fraction)
    return _Optics(
        transfer_error=optical_transfer(light.transport, depth_fraction)[1],
        collection_error=float(collected_fraction(light.transport, depth_fraction)[1]),
        ledger=light_ends(light.transport, depth_fraction),
        peak_nm=peak_nm,
        fwhm_nm=fwhm_nm,
    )


def _aliased(
    power_at: Callable[[FloatArray], FloatArray],
    frequency: FloatArray,
    panel: Panel,
    apertures_mm: tuple[float, float],
) -> FloatArray:
    """Power along a row of pixels, (F,): behind two square apertures, summed over the orders of sampling both ways."""
    orders = ALIASES / panel.pixels.pitch_mm
    along, across = frequency[:, None, None] + orders[:, None], np.broadcast_to(orders, (1, 1, orders.size))
    seen = power_at(np.hypot(along, across))
    for aperture_mm in apertures_mm:
        seen = seen * np.sinc(along * aperture_mm) * np.sinc(across * aperture_mm)
    return np.asarray(seen.sum(axis=(1, 2)))


def _line(transport: LightTransport, depth_fraction: FloatArray) -> tuple[float, float]:
    """Peak and full width at half maximum of the light that reaches the diodes. [nm]

    Histogram of a hundred bins, means of three; the peak is that of a parabola through what is above 0.7 of it.
    """
    lines = transport.wavelength_nm
    edges = np.linspace(lines[0], lines[-1], 101)
    middle = (edges[1:] + edges[:-1]) / 2
    fraction = np.convolve(emerging_spectrum(transport, depth_fraction, edges), np.full(3, 1 / 3), mode="same")
    top = int(np.argmax(fraction))

    def reach(level: float) -> tuple[float, float]:
        """Wavelengths on each side of the top where the fraction falls through a level of it. [nm]"""
        below = np.flatnonzero(fraction < level * fraction[top])
        left, right = below[below < top].max(initial=0), below[below > top].min(initial=fraction.size - 1)
        return (
            float(np.interp(level * fraction[top], fraction[[left, left + 1]], middle[[left, left + 1]])),
            float(np.interp(level * fraction[top], fraction[[right, right - 1]], middle[[right, right - 1]])),
        )

    low, high = reach(0.7)
    near = (middle >= low) & (middle <= high)
    curve = np.polyfit(middle[near] - middle[top], fraction[near], 2)
    half = reach(0.5)
    return float(middle[top] - curve[1] / (2.0 * curve[0])), half[1] - half[0]

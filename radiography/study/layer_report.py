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
from radiography.light.scintillator import Scintillator, glare_transfer, layer_transmission
from radiography.light.transport import LightTransport
from radiography.panel.panel import Panel, cover_transmission, emission_weighted_quantum_efficiency
from radiography.panel.photodiode import diode_portions

DOSES_UGY = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)  # of DQE(0) against dose
ALIASES = np.arange(-16, 17)  # orders of sampling; half of them leave out 1 % of a noise that the layer does not blur

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LayerReport:
    """A layer on a panel in one beam.

    Fractions and quanta are of the beam at the panel's surface: what its cover takes counts against it. Signal and
    noise are those of a frame after offset correction, before lag; dark current, line noise, gain spread are left out.

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
    swank_xray, swank_optical : float
        Squared mean over mean square of the energy that a quantum leaves; the same of its light over the former. [1]
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
        Mean charge that the light of one quantum frees. [electrons]
    electrons_per_uGy, direct_signal_fraction : float
        Signal of a pixel [electrons/uGy], and the fraction of it that X-rays free in the diode itself. [1]
    electronic_noise_electrons : float
        Reset, amplifier and rounding to DN. [electrons rms]
    crossover_uGy, saturation_uGy : float
        Where electronic noise equals quantum noise in a pixel, and where its diode is full. [uGy]
    dose_uGy, dqe0_at_dose : (D,) float64
        DQE(0) at several doses. [uGy, 1]
    dqe0, dqe0_light_only : float
        At ``air_kerma_uGy``, and if X-rays freed no charge in the diodes themselves. [1]
    nyquist_per_mm : float
        [1/mm]
    dqe : (F,) float64
        DQE with the noise power of the sampled frame; beyond the Nyquist frequency it means nothing. [1]
    nps_quantum, nps_light, nps_direct, nps_electronic : (F,) float64
        Noise power of the sampled frame over the squared signal: of X-ray quanta (aliased), of counting the light,
        of direct detection and of the electronics. [mm2]
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
    electronic_noise_electrons: float
    crossover_uGy: float
    saturation_uGy: float
    dose_uGy: FloatArray
    dqe0_at_dose: FloatArray
    dqe0: float
    dqe0_light_only: float
    nyquist_per_mm: float
    dqe: FloatArray
    nps_quantum: FloatArray
    nps_light: FloatArray
    nps_direct: FloatArray
    nps_electronic: FloatArray


def report_layer(
    scintillator: Scintillator,
    panel: Panel,
    spectrum: Spectrum,
    air_kerma_uGy: float,
    *,
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
    here with direct detection added to signal and variance. The noise power of the quanta has its own transfer, which
    falls less than the squared MTF [2]_, and is aliased; that of light and electronics is white.

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
    charge = panel.photodiode.fill_factor * quantum_efficiency  # electrons for a light photon
    behind_layer = at_layer * layer_transmission(scintillator, energy)
    pixel = _pixel(panel, beam, charge, _direct_electrons(panel, energy, histories) @ behind_layer)
    optics = _optics(scintillator, light, at_layer)

    doses = np.array(DOSES_UGY)
    dqe0_at = _dqe0(np.append(doses, air_kerma_uGy), pixel)
    deaf = replace(pixel, from_diode=0.0, diode_variance=0.0)  # as if X-rays freed no charge in the diode itself
    spread = spread_of_beam(light, at_layer)
    factors = _mtf_factors(light, at_layer, spread, panel)
    direct_fraction = pixel.from_diode / pixel.signal
    mtf = _presampled_mtf(factors, direct_fraction, panel)
    nps = _noise_power(pixel, spread, factors.frequency_per_mm, panel, air_kerma_uGy)
    swank = beam.light**2 / (beam.quanta * beam.light_square)
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
        swank_optical=swank / swank_xray,
        light_per_quantum=beam.light / beam.quanta,
        light_to_diode_fraction=beam.light / (scintillator.light.yield_per_keV * beam.absorbed_keV),
        light_to_diode_error=optics.collection_error,
        ledger=optics.ledger,
        emission_peak_nm=optics.peak_nm,
        emission_fwhm_nm=optics.fwhm_nm,
        quantum_efficiency=quantum_efficiency,
        electrons_per_absorbed_quantum=charge * beam.light / beam.quanta,
        electrons_per_uGy=pixel.signal,
        direct_signal_fraction=direct_fraction,
        electronic_noise_electrons=float(np.sqrt(pixel.electronic_variance)),
        crossover_uGy=pixel.electronic_variance / pixel.quantum_variance,
        saturation_uGy=panel.photodiode.full_well_electrons / pixel.signal,
        dose_uGy=doses,
        dqe0_at_dose=dqe0_at[:-1],
        dqe0=float(dqe0_at[-1]),
        dqe0_light_only=float(_dqe0(np.array([air_kerma_uGy]), deaf)[0]),
        nyquist_per_mm=0.5 / panel.pixels.pitch_mm,
        dqe=mtf**2 / (beam.incident * air_kerma_uGy * nps.total),
        nps_quantum=nps.quantum,
        nps_light=nps.light,
        nps_direct=nps.direct,
        nps_electronic=nps.electronic,
    )


@dataclass(frozen=True)
class _BeamSums:
    """A beam of 1 uGy: quanta at the panel, and what they give the layer. [1/mm2, keV/mm2, keV2/mm2]"""

    incident: float
    quanta: float
    absorbed_keV: float
    absorbed_square_keV2: float
    light: float
    light_square: float


def _beam_sums(light: LayerLight, at_panel: FloatArray, at_layer: FloatArray) -> _BeamSums:
    """Sums over the energies of a beam, from its photons at the panel and behind the cover, (E,) each. [1/mm2]"""
    return _BeamSums(
        incident=float(np.ones_like(at_panel) @ at_panel),
        quanta=float(light.quanta @ at_layer),
        absorbed_keV=float(light.absorbed_keV @ at_layer),
        absorbed_square_keV2=float(light.absorbed_square_keV2 @ at_layer),
        light=float(light.light @ at_layer),
        light_square=float(light.light_square @ at_layer),
    )


@dataclass(frozen=True)
class _Pixel:
    """One pixel at 1 uGy: its quanta [1], charge by origin [electrons], variance of that by cause. [electrons2]

    Counting the light has a variance of as many electrons squared as ``from_light`` has electrons. The electronic
    variance is that of a frame, at any dose.
    """

    quanta: float
    from_light: float
    from_diode: float
    quantum_variance: float
    diode_variance: float
    electronic_variance: float

    @property
    def signal(self) -> float:
        """Charge. [electrons]"""
        return self.from_light + self.from_diode

    @property
    def variance(self) -> float:
        """Variance but for the electronics. [electrons2]"""
        return self.quantum_variance + self.from_light + self.diode_variance


def _pixel(panel: Panel, beam: _BeamSums, charge: float, direct: FloatArray) -> _Pixel:
    """A pixel in a beam, with electrons per light photon, and charge and variance of the diode's own X-rays. [1/mm2]"""
    area, readout = panel.pixels.pitch_mm**2, panel.readout
    from_diode, diode_variance = area * direct
    return _Pixel(
        quanta=beam.incident * area,
        from_light=area * charge * beam.light,
        from_diode=from_diode,
        quantum_variance=area * charge**2 * beam.light_square,
        diode_variance=diode_variance,
        electronic_variance=readout.reset_noise_electrons**2
        + readout.amplifier_noise_electrons**2
        + readout.electrons_per_dn**2 / 12,
    )


def _direct_electrons(panel: Panel, energy_keV: FloatArray, histories: int) -> FloatArray:
    """Electrons that one photon on the diode frees in it, and their variance over Poisson photons, (2, E). [1]"""
    _, energy, square = diode_portions(panel.photodiode, energy_keV, histories)
    per_keV = 1e3 / panel.photodiode.energy_per_electron_eV
    return np.stack([energy * per_keV, square * per_keV**2])


def _dqe0(dose_uGy: FloatArray, pixel: _Pixel) -> FloatArray:
    """DQE(0) at doses (D,). [1]"""
    noise = dose_uGy * pixel.variance + pixel.electronic_variance
    return np.asarray((dose_uGy * pixel.signal) ** 2 / (dose_uGy * pixel.quanta * noise))


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
    pixel: _Pixel, spread: BeamSpread, frequency: FloatArray, panel: Panel, air_kerma_uGy: float
) -> _NoisePower:
    """Noise power of a sampled frame: that of the quanta is blurred and aliased, the rest is white."""
    folded = _aliased(lambda f: spread.noise_at(f) ** 2, frequency, panel)
    to_nps = panel.pixels.pitch_mm**2 / (pixel.signal**2 * air_kerma_uGy)
    white = (pixel.from_light, pixel.diode_variance, pixel.electronic_variance / air_kerma_uGy)
    return _NoisePower(
        to_nps * (pixel.quantum_variance * folded),
        *(np.full(frequency.shape, to_nps * variance) for variance in white),
    )


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


def _aliased(power_at: Callable[[FloatArray], FloatArray], frequency: FloatArray, panel: Panel) -> FloatArray:
    """Noise power along a row of pixels, (F,): behind the aperture, summed over the orders of sampling both ways."""
    aperture_mm, orders = panel.pixels.aperture_mm, ALIASES / panel.pixels.pitch_mm
    along, across = frequency[:, None, None] + orders[:, None], np.broadcast_to(orders, (1, 1, orders.size))
    seen = power_at(np.hypot(along, across)) * (np.sinc(along * aperture_mm) * np.sinc(across * aperture_mm)) ** 2
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

"""What a layer on a panel is worth: sharpness, absorbed quanta, light, electrons, noise power and detective efficiency.

Everything follows from `LayerLight`, the same that makes the frames, and from the numbers of the panel: a cascade of
X-rays, light photons and electrons, in closed form. Nothing here is fitted and no frame is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from radiography.beam.attenuation import linear_attenuation_per_mm
from radiography.beam.spectrum import Spectrum
from radiography.beam.spectrum import air_kerma_uGy as kerma_of
from radiography.interaction.absorption import cached_layer_response, energy_grid_keV
from radiography.light.by_depth import collected_fraction, emerging_spectrum, optical_transfer
from radiography.light.layer_light import DEPTHS, HISTORIES, PHOTONS, layer_light, spread_of_beam
from radiography.light.scintillator import Scintillator, glare_transfer, layer_material
from radiography.light.transport import FREQUENCY_PER_MM, LightTransport
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
    spread = spread_of_beam(light, at_layer)
    frequency = light.frequency_per_mm
    incident, quanta, absorbed, absorbed_square, photons_out, square_out = (
        float(weight @ fluence)
        for weight, fluence in (
            (np.ones_like(energy), at_panel),
            (light.quanta, at_layer),
            (light.absorbed_keV, at_layer),
            (light.absorbed_square_keV2, at_layer),
            (light.light, at_layer),
            (light.light_square, at_layer),
        )
    )
    quantum_efficiency = emission_weighted_quantum_efficiency(panel, light.wavelength_nm, light.emission)
    charge = panel.photodiode.fill_factor * quantum_efficiency
    pitch_mm, aperture_mm = panel.pixels.pitch_mm, panel.pixels.aperture_mm
    area = pitch_mm**2

    # one pixel, per uGy: electrons, and their variance by its causes
    from_light = area * charge * photons_out
    behind = np.exp(-linear_attenuation_per_mm(layer_material(scintillator), energy) * scintillator.thickness_um * 1e-3)
    from_diode, diode_variance = area * (_direct_electrons(panel, energy, histories) @ (at_layer * behind))
    signal = from_light + from_diode
    quantum_variance = area * charge**2 * square_out
    per_dose_variance = quantum_variance + from_light + diode_variance
    readout = panel.readout
    electronic = (
        readout.reset_noise_electrons**2 + readout.amplifier_noise_electrons**2 + readout.electrons_per_dn**2 / 12
    )
    doses = np.array(DOSES_UGY)
    per_pixel = (electronic, incident * area)
    dqe0_at = _dqe0(np.append(doses, air_kerma_uGy), signal, per_dose_variance, *per_pixel)
    light_only = _dqe0(np.array([air_kerma_uGy]), from_light, quantum_variance + from_light, *per_pixel)

    # spatial frequency
    xray = (at_layer * light.light) @ light.xray_transfer / photons_out
    transfer = spread.mean_at(frequency)  # glare included
    aperture = np.sinc(frequency * aperture_mm)
    fraction = from_diode / signal
    mtf = (1.0 - fraction) * transfer * aperture + fraction * np.sinc(frequency * pitch_mm)
    mtf = mtf / mtf[0]  # 1 at zero frequency but for rounding
    folded = _aliased(lambda f: spread.noise_at(f) ** 2, frequency, panel)
    to_nps = area / (signal**2 * air_kerma_uGy)
    nps = [
        to_nps * part for part in (quantum_variance * folded, from_light, diode_variance, electronic / air_kerma_uGy)
    ]
    quantum, counting, direct, electronic_nps = (np.broadcast_to(part, frequency.shape) for part in nps)
    dqe = mtf**2 / (incident * air_kerma_uGy * (quantum + counting + direct + electronic_nps))

    swank = photons_out**2 / (quanta * square_out)
    swank_xray = absorbed**2 / (quanta * absorbed_square)
    optical_error, collection_error, ledger, peak_nm, fwhm_nm = np.zeros_like(frequency), 0.0, {}, 0.0, 0.0
    if light.transport is not None:
        depth_fraction = _depth_fraction(scintillator, energy, at_layer * light.absorbed_keV, histories)
        optical_error = optical_transfer(light.transport, depth_fraction)[1]
        collection_error = collected_fraction(light.transport, depth_fraction)[1]
        ledger = _light_ledger(light.transport, depth_fraction)
        peak_nm, fwhm_nm = _line(light.transport, depth_fraction)
    elif scintillator.spread is not None:
        peak_nm, fwhm_nm = scintillator.spread.emission.peak_nm, scintillator.spread.emission.fwhm_nm
    return LayerReport(
        scintillator=scintillator.name,
        origin=light.origin,
        thickness_um=scintillator.thickness_um,
        air_kerma_uGy=air_kerma_uGy,
        frequency_per_mm=frequency,
        mtf=mtf,
        mtf_error=(1.0 - fraction) * xray * glare_transfer(light.glare, frequency) * aperture * optical_error,
        xray_mtf=xray,
        optical_mtf=transfer / xray,
        aperture_mtf=aperture,
        quantum_detection_efficiency=quanta / incident,
        absorbed_energy_fraction=absorbed / float(at_panel @ energy),
        cover_transmission=float(at_layer.sum()) / incident,
        swank_xray=swank_xray,
        swank_optical=swank / swank_xray,
        light_per_quantum=photons_out / quanta,
        light_to_diode_fraction=photons_out / (scintillator.light.yield_per_keV * absorbed),
        light_to_diode_error=collection_error,
        ledger=ledger,
        emission_peak_nm=peak_nm,
        emission_fwhm_nm=fwhm_nm,
        quantum_efficiency=quantum_efficiency,
        electrons_per_absorbed_quantum=charge * photons_out / quanta,
        electrons_per_uGy=signal,
        direct_signal_fraction=fraction,
        electronic_noise_electrons=float(np.sqrt(electronic)),
        crossover_uGy=electronic / quantum_variance,
        saturation_uGy=panel.photodiode.full_well_electrons / signal,
        dose_uGy=doses,
        dqe0_at_dose=dqe0_at[:-1],
        dqe0=float(dqe0_at[-1]),
        dqe0_light_only=float(light_only[0]),
        nyquist_per_mm=0.5 / pitch_mm,
        dqe=dqe,
        nps_quantum=quantum,
        nps_light=counting,
        nps_direct=direct,
        nps_electronic=electronic_nps,
    )


def _dqe0(dose_uGy: FloatArray, signal: float, variance: float, electronic: float, quanta: float) -> FloatArray:
    """DQE(0) at doses (D,) of a pixel with signal, variance and quanta per uGy, and electronic variance. [1]"""
    return np.asarray((dose_uGy * signal) ** 2 / (dose_uGy * quanta * (dose_uGy * variance + electronic)))


def _light_ledger(transport: LightTransport, depth_fraction: FloatArray) -> dict[str, float]:
    """Fractions of the light that end in the diodes, in the layer, at the cover and far away; they sum to 1. [1]"""
    weight = depth_fraction / depth_fraction.sum() / transport.started
    ends = {
        "diodes": transport.detected,
        "layer": transport.absorbed,
        "cover": transport.lost_at_cover,
        "strayed": transport.strayed,
    }
    return {end: float(weight @ count) for end, count in ends.items()}


def _direct_electrons(panel: Panel, energy_keV: FloatArray, histories: int) -> FloatArray:
    """Electrons that one photon on the diode frees in it, and their variance over Poisson photons, (2, E). [1]"""
    _, energy, square = diode_portions(panel.photodiode, energy_keV, histories)
    per_keV = 1e3 / panel.photodiode.energy_per_electron_eV
    return np.stack([energy * per_keV, square * per_keV**2])


def _depth_fraction(
    scintillator: Scintillator, energy_keV: FloatArray, weight: FloatArray, histories: int
) -> FloatArray:
    """Energy left at each depth by the whole beam, (K,), from the response that `layer_light` used."""
    layer = layer_material(scintillator)
    response = cached_layer_response(
        layer,
        scintillator.thickness_um * 1e-3,
        energy_grid_keV(layer, float(energy_keV[0]), float(energy_keV[-1]) + 1e-6),
        histories,
        depths=DEPTHS,
        frequency_per_mm=FREQUENCY_PER_MM,
    )
    by_energy = [np.interp(energy_keV, response.energy_keV, fraction) for fraction in response.depth_fraction.T]
    return np.array([float(fraction @ weight) for fraction in by_energy])


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

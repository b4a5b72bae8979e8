"""Charge of a pixel under a layer: where it comes from, how it varies, and the DQE(0) that follows, with its band."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from radiography.beam.spectrum import Spectrum
from radiography.beam.spectrum import air_kerma_uGy as kerma_of
from radiography.light.layer_light import HISTORIES
from radiography.light.scintillator import Scintillator, layer_material
from radiography.panel.direct_detection import STACK_HISTORIES, LitLayer, diode_portions
from radiography.panel.panel import Panel, stack_extremes
from radiography.plan import Acquisition
from radiography.scene import Timing
from radiography.study.frame_delivery import charge_delivered

BAND_HISTORIES = 15_000  # X-rays per energy and stack of the band of DQE(0): 2 % standard error of the diode's energy

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class BeamSums:
    """A beam of 1 uGy: quanta at the panel, and what they give the layer. [1/mm2, keV/mm2, keV2/mm2]"""

    incident: float
    quanta: float
    absorbed_keV: float
    absorbed_square_keV2: float
    light: float
    light_square: float


@dataclass(frozen=True)
class PixelCharge:
    """One pixel at 1 uGy: quanta, electrons per light photon [1], charge by origin [electrons], variance [electrons2].

    ``covariance`` is that of light and diode. Counting the light has a variance of as many electrons squared as
    ``from_light`` has electrons. All of this is before the ``panel`` traps charge. The electronic variance is that of a
    frame as it is read, at any dose.
    """

    panel: Panel
    timing: Timing
    quanta: float
    electrons_per_photon: float
    from_light: float
    from_diode: float
    quantum_variance: float
    diode_variance: float
    covariance: float
    electronic_variance: float

    @property
    def signal(self) -> float:
        """Charge. [electrons]"""
        return self.from_light + self.from_diode

    @property
    def variance(self) -> float:
        """Variance but for the electronics. [electrons2]"""
        return self.quantum_variance + self.from_light + self.diode_variance + 2.0 * self.covariance

    def delivered(self, dose_uGy: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Fractions of charge and of its small changes that traps leave at doses, (D,) each. [1]"""
        return charge_delivered(self.panel, self.signal * dose_uGy, self.timing)


def pixel_charge(panel: Panel, timing: Timing, beam: BeamSums, charge: float, direct: FloatArray) -> PixelCharge:
    """Charge of a pixel in a beam.

    Parameters
    ----------
    panel : Panel
        Pixels, photodiode and electronic noise.
    timing : Timing
        Of a frame, that traps catch charge in.
    beam : BeamSums
        What the beam gives the layer.
    charge : float
        Electrons per light photon at the diodes. [1]
    direct : (4,) float64
        Portions of a diode, as in `diode_portions`, summed over the photons of the beam. [1/mm2, with keV and keV2]

    Returns
    -------
    pixel : PixelCharge
    """
    area, readout = panel.pixels.pitch_mm**2, panel.readout
    per_keV = 1e3 / panel.photodiode.energy_per_electron_eV
    _, energy_keV, square_keV2, light_energy_keV = (area * direct).tolist()
    return PixelCharge(
        panel=panel,
        timing=timing,
        quanta=beam.incident * area,
        electrons_per_photon=charge,
        from_light=area * charge * beam.light,
        from_diode=per_keV * energy_keV,
        quantum_variance=area * charge**2 * beam.light_square,
        diode_variance=per_keV**2 * square_keV2,
        covariance=per_keV * charge * light_energy_keV,
        electronic_variance=readout.reset_noise_electrons**2
        + readout.amplifier_noise_electrons**2
        + readout.electrons_per_dn**2 / 12,
    )


def stack_histories(histories: int) -> int:
    """X-rays per energy in the stack, for those in the layer alone: what is wanted by default, and in proportion."""
    return max(1000, round(STACK_HISTORIES * histories / HISTORIES))


def pixels_within_ranges(
    scintillator: Scintillator,
    panel: Panel,
    spectrum: Spectrum,
    nominal: PixelCharge,
    layer: LitLayer,
    histories: int,
) -> list[PixelCharge]:
    """The pixel with every number as it is given, and at all ends of the declared ranges together.

    Parameters
    ----------
    scintillator, panel, spectrum
        As for `report_layer`.
    nominal : PixelCharge
        With every number as it is given.
    layer : LitLayer
        With its light.
    histories : int
        X-rays per energy in the layer; those in the stack are fewer, in proportion. [1]

    Returns
    -------
    pixels : list of PixelCharge
        The nominal one first; alone where nothing is declared.
    """
    at_panel = spectrum.fluence_per_mm2 / kerma_of(spectrum) * panel.pixels.pitch_mm**2
    diode, light = panel.photodiode, scintillator.light
    few = max(1000, round(BAND_HISTORIES * histories / HISTORIES))
    ends = stack_extremes(panel)
    if len(ends) == 1 and diode.energy_per_electron_range_eV is None and light.yield_range_per_keV is None:
        return [nominal]
    pixels = [nominal]
    for changed in ends:
        portions = diode_portions(changed, layer, spectrum.energy_keV, histories=few) @ at_panel
        for energy_eV in diode.energy_per_electron_range_eV or (diode.energy_per_electron_eV,):
            for yield_per_keV in light.yield_range_per_keV or (light.yield_per_keV,):
                pixels.append(_other_pixel(nominal, portions, energy_eV, yield_per_keV / light.yield_per_keV))
    return pixels


def _other_pixel(
    pixel: PixelCharge, portions: FloatArray, energy_per_electron_eV: float, more_light: float
) -> PixelCharge:
    """A pixel with other portions (4,) in its diode, and with the light of every quantum times a factor."""
    per_keV = 1e3 / energy_per_electron_eV
    _, energy_keV, square_keV2, light_energy_keV = portions.tolist()
    per_photon = pixel.electrons_per_photon * more_light
    return replace(
        pixel,
        from_light=more_light * pixel.from_light,
        quantum_variance=more_light**2 * pixel.quantum_variance,
        from_diode=per_keV * energy_keV,
        diode_variance=per_keV**2 * square_keV2,
        covariance=per_keV * per_photon * light_energy_keV,
    )


def zero_frequency_dqe(dose_uGy: FloatArray, pixel: PixelCharge) -> FloatArray:
    """DQE(0) of a pixel.

    Parameters
    ----------
    dose_uGy : (D,) float64
        Air kerma of frames. [uGy]
    pixel : PixelCharge
        At 1 uGy.

    Returns
    -------
    dqe0 : (D,) float64
        [1]
    """
    noise = dose_uGy * pixel.variance + pixel.electronic_variance / pixel.delivered(dose_uGy)[1] ** 2
    return np.asarray((dose_uGy * pixel.signal) ** 2 / (dose_uGy * pixel.quanta * noise))


def crossover_uGy(pixel: PixelCharge) -> float:
    """Dose at which electronic and line noise of a pixel equal what traps leave of the quantum noise. [uGy]"""
    dose, read = 1.0, pixel.electronic_variance + pixel.panel.readout.line_noise_electrons**2
    for _ in range(20):  # the trapped fraction hardly depends on the dose, if at all
        dose = read / (pixel.quantum_variance * float(pixel.delivered(np.array([dose]))[1][0]) ** 2)
    return dose


def planned_pixel(flat: Acquisition, panel: Panel, *, covered: bool, histories: int) -> PixelCharge:
    """Charge of a pixel and its variance at 1 uGy of a planned flat exposure, on a panel like its own.

    Parameters
    ----------
    flat : Acquisition
        Flat exposure, whose layer and beam count.
    panel : Panel
        Its panel, or one with another stack above the diodes.
    covered : bool
        Whether the layer lies on the pixel.
    histories : int
        X-rays per energy. [1]

    Returns
    -------
    pixel : PixelCharge
    """
    dose, energy = flat.scene.beam.air_kerma_uGy, flat.spectrum.energy_keV
    at_panel = flat.spectrum.fluence_per_mm2 / dose
    layer = LitLayer(layer_material(flat.scintillator), flat.scintillator.thickness_um, flat.light.light_per_keV)
    direct = diode_portions(panel, layer if covered else None, energy, histories=histories) @ at_panel
    samples, area = flat.scene.sampling.samples_per_pixel, flat.panel.pixels.pitch_mm**2
    quanta, light, square, _ = flat.layer_weights.sum(axis=1) * (samples**2 / area / dose * covered)
    beam = BeamSums(float(at_panel.sum()), float(quanta), 0.0, 0.0, float(light), float(square))
    charge = flat.panel.photodiode.fill_factor * flat.quantum_efficiency
    return pixel_charge(panel, flat.scene.timing, beam, charge, direct)


def pixel_snr(pixel: PixelCharge, dose_uGy: float) -> float:
    """Signal over noise of a pixel, electronic noise counted, before traps take their share.

    Parameters
    ----------
    pixel : PixelCharge
        At 1 uGy.
    dose_uGy : float
        [uGy]

    Returns
    -------
    snr : float
        [1]
    """
    return float(dose_uGy * pixel.signal / np.sqrt(dose_uGy * pixel.variance + pixel.electronic_variance))

"""Measures of the model: one small function for each kind of number that is published, from a setting to a prediction.

Every function reads the shipped descriptions through the same calls as frames and reports do, so a change of the model
or its data shows in it. A measure is added by a function and its line in `MEASURES`; what it is held against is data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from radiography.beam.attenuation import mass_attenuation_cm2_per_g, material
from radiography.beam.spectrum import Spectrum, air_kerma_uGy, beam_spectrum, filtered, half_value_layer_mm_al
from radiography.config import load_panel
from radiography.interaction.electron_tables import csda_range_um
from radiography.interaction.electrons import Slab, electron_response
from radiography.interaction.stack import StackResponse, parts_of, stack_response
from radiography.light.by_depth import collected_fraction, collected_square, noise_transfer, optical_transfer
from radiography.light.layer_light import PHOTONS, layer_light
from radiography.light.optics import EmissionLine, Face, TurbidLayer
from radiography.light.scintillator import Scintillator, layer_material
from radiography.light.transport import LightTransport, cached_light_transport
from radiography.panel.panel import Panel
from radiography.panel.trapping import trap_charge
from radiography.study.layer_report import LayerReport, report_layer
from radiography.study.layer_studies import STUDY_HISTORIES, thickness_study
from radiography.study.published import Setting, beam_named, first_scintillator

VALIDATION_HISTORIES = 40_000  # X-rays per energy, for minutes; standard error of absorbed energies 0.3 %
BIN_KEV = 1.0  # of the spectra behind reports on layers, as for `radiography scintillator`
LOWEST_KEV, HIGHEST_KEV = 5.5, 69.5  # bins that these spectra hold at least, empty ones too: see `report_beam`
STACK_BIN_KEV = 2.0
STACK_UM = {"ITO": 0.1, "amorphous_silicon": 1.5, "glass": 100.0}  # below the nitride, as in the reference
ELECTRONS = 20_000  # standard error of a backscatter coefficient of 0.16: 1.6 %
THICKEST_FILTER_MM = 50.0  # no half-value layer of a beam below 150 kV is thicker

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Bench:
    """What measures share: beams of the table, statistics of the Monte Carlo, and reports that exist already."""

    beams: Mapping[str, Mapping[str, Any]]
    histories: int = VALIDATION_HISTORIES
    photons: int = PHOTONS
    progress: Callable[[float, float], None] = lambda done, to_do: None
    reports: dict[tuple[object, ...], LayerReport] = field(default_factory=dict)
    stacks: dict[tuple[object, ...], tuple[StackResponse, FloatArray]] = field(default_factory=dict)


# --- beams and attenuation ----------------------------------------------------------------------------------------


def _beam(setting: Setting, bench: Bench, bin_keV: float = 0.5) -> Spectrum:
    """Beam of 1 uGy."""
    return beam_spectrum(beam_named(setting.beam, bench.beams), 1.0, bin_keV)


def report_beam(setting: Setting, bench: Bench) -> Spectrum:
    """Beam of 1 uGy in bins of 1 keV, empty ones too, so that beams up to 70 kV share the X-ray Monte Carlo of a layer.

    Parameters
    ----------
    setting : Setting
        For its beam.
    bench : Bench
        For the beams of its table.

    Returns
    -------
    spectrum : Spectrum
        From 5.5 to 69.5 keV at least. Bins that do not end at whole keV, as of a tube at 67.5 kV, are left alone.
    """
    spectrum = _beam(setting, bench, BIN_KEV)
    number = np.round(spectrum.energy_keV - LOWEST_KEV)
    energy = LOWEST_KEV + np.arange(min(0.0, number[0]), max(HIGHEST_KEV - LOWEST_KEV, number[-1]) + 1.0)
    if not np.allclose(spectrum.energy_keV, LOWEST_KEV + number, rtol=0.0, atol=1e-6):
        return spectrum
    fluence = np.zeros_like(energy)
    fluence[np.round(number - (energy[0] - LOWEST_KEV)).astype(int)] = spectrum.fluence_per_mm2
    return Spectrum(energy, fluence)


def _half_value_layer_mm(setting: Setting, bench: Bench) -> float:
    from scipy.optimize import brentq

    spectrum = _beam(setting, bench)
    if setting.material == "Al":
        return half_value_layer_mm_al(spectrum)
    half = 0.5 * air_kerma_uGy(spectrum)
    return float(
        brentq(lambda mm: air_kerma_uGy(filtered(spectrum, setting.material, mm)) - half, 0.0, THICKEST_FILTER_MM)
    )


def _photons_per_mm2_uGy(setting: Setting, bench: Bench) -> float:
    return float(np.ones_like(_beam(setting, bench).energy_keV) @ _beam(setting, bench).fluence_per_mm2)


def _mean_energy_keV(setting: Setting, bench: Bench) -> float:
    spectrum = _beam(setting, bench)
    return float(np.average(spectrum.energy_keV, weights=spectrum.fluence_per_mm2))


def _mass_attenuation_cm2_per_g(setting: Setting, bench: Bench) -> float:
    return float(mass_attenuation_cm2_per_g(material(setting.material), _numbers(setting.energy_keV))[0])


# --- a layer on a panel in a beam ---------------------------------------------------------------------------------


def _report(setting: Setting, bench: Bench) -> LayerReport:
    """The report on a layer; the same one for all rows that ask for the same."""
    layer = _layer(setting)
    key = (layer, setting.panel, setting.cover, setting.pitch_mm, setting.beam, setting.air_kerma_uGy)
    if key not in bench.reports:
        bench.reports[key] = report_layer(
            layer,
            _panel(setting),
            report_beam(setting, bench),
            setting.air_kerma_uGy,
            histories=bench.histories,
            photons=bench.photons,
            progress=bench.progress,
        )
    return bench.reports[key]


def _layer(setting: Setting) -> Scintillator:
    layer = first_scintillator(setting.scintillator)
    if setting.transport_length_um is not None and isinstance(layer.transport, TurbidLayer):
        layer = replace(layer, transport=replace(layer.transport, transport_length_um=setting.transport_length_um))
    return layer if setting.thickness_um is None else replace(layer, thickness_um=setting.thickness_um)


def _panel(setting: Setting) -> Panel:
    panel = load_panel(setting.panel)
    if setting.pitch_mm is not None:
        pixels = replace(panel.pixels, pitch_mm=setting.pitch_mm, aperture_mm=setting.pitch_mm)
        panel = replace(panel, pixels=pixels)
    return panel if setting.cover else replace(panel, cover=())


def _at(setting: Setting, report: LayerReport, curve: FloatArray) -> float:
    """A curve of a report at the frequency asked for."""
    return float(np.interp(_number(setting.frequency_per_mm), report.frequency_per_mm, curve))


def _mtf(setting: Setting, bench: Bench) -> float:
    report = _report(setting, bench)
    return _at(setting, report, report.mtf)


def _mtf_frequency_per_mm(setting: Setting, bench: Bench) -> float:
    """Where the MTF first falls to a level."""
    report, level = _report(setting, bench), _number(setting.level)
    after = int(np.argmax(report.mtf <= level))
    if report.mtf[after] > level:
        return float("nan")
    part = slice(after, after - 2 if after > 1 else None, -1)
    return float(np.interp(level, report.mtf[part], report.frequency_per_mm[part]))


def _xray_mtf(setting: Setting, bench: Bench) -> float:
    report = _report(setting, bench)
    return _at(setting, report, report.xray_mtf)


def _dqe(setting: Setting, bench: Bench) -> float:
    report = _report(setting, bench)
    return _at(setting, report, report.dqe)


def _nnps_mm2(setting: Setting, bench: Bench) -> float:
    report = _report(setting, bench)
    return _at(setting, report, report.nps_quantum + report.nps_light + report.nps_direct + report.nps_electronic)


def _swank(setting: Setting, bench: Bench) -> float:
    """Squared mean over mean square of the light of quanta of one energy that are absorbed."""
    light = layer_light(_layer(setting), _numbers(setting.energy_keV), histories=bench.histories, photons=bench.photons)
    return float(light.light[0] ** 2 / (light.quanta[0] * light.light_square[0]))


def _signal_peak_um(setting: Setting, bench: Bench) -> float:
    """Thickness of the largest signal: top of the parabola through it over the logarithm of the thickness."""
    thickness = np.log(setting.thicknesses_um)
    reports = thickness_study(
        _layer(setting),
        _panel(setting),
        report_beam(setting, bench),
        setting.air_kerma_uGy,
        setting.thicknesses_um,
        histories=min(bench.histories, STUDY_HISTORIES),
        photons=bench.photons,
        progress=lambda done: bench.progress(done, 1.0),
    )
    square, linear, _ = np.polyfit(thickness, [report.electrons_per_uGy for report in reports], 2)
    return float(np.exp(-linear / (2.0 * square)))


# --- light of a layer alone ---------------------------------------------------------------------------------------


class _Light(NamedTuple):
    """Light transport, and the fraction of the X-ray energy at each depth (K,). [1]"""

    transport: LightTransport
    depth_fraction: FloatArray

    def at(self, curve: FloatArray, frequency_per_mm: float | None) -> float:
        return float(np.interp(_number(frequency_per_mm), self.transport.frequency_per_mm, curve))


def _light(setting: Setting, bench: Bench) -> _Light:
    layer = _layer(setting)
    if layer.transport is None:
        raise ValueError(f"the light of '{layer.name}' is not computed: it has a measured or fitted spread")
    transport = cached_light_transport(layer.transport, layer.thickness_um, bench.photons, progress=bench.progress)
    left = np.exp(-transport.depth_um / _number(setting.mean_free_path_um))
    return _Light(transport, left / left.sum())


def _light_collected(setting: Setting, bench: Bench) -> float:
    return float(collected_fraction(*_light(setting, bench))[0])


def _light_swank(setting: Setting, bench: Bench) -> float:
    light = _light(setting, bench)
    return float(collected_fraction(*light)[0] ** 2 / collected_square(*light))


def _light_mtf(setting: Setting, bench: Bench) -> float:
    light = _light(setting, bench)
    return light.at(optical_transfer(*light)[0], setting.frequency_per_mm)


def _light_lubberts(setting: Setting, bench: Bench) -> float:
    """Noise power over the squared modulation transfer, both 1 at zero frequency."""
    light = _light(setting, bench)
    return light.at(noise_transfer(*light) / optical_transfer(*light)[0] ** 2, setting.frequency_per_mm)


def _diffusing_film_mtf(setting: Setting, bench: Bench) -> float:
    """Film without loss under a perfect matt mirror on a black sensor, emitting evenly at all depths."""
    layer = TurbidLayer(
        refractive_index=1.78,
        transport_length_um=_number(setting.transport_length_um),
        anisotropy=0.0,
        absorption_length_um=np.inf,
        emission=EmissionLine(530.0, 20.0),
        cover=Face(1.0, 1.0),
        sensor=Face(0.0, 0.0),
    )
    transport = cached_light_transport(
        layer, _number(setting.thickness_um), min(bench.photons, PHOTONS // 4), progress=bench.progress
    )
    light = _Light(transport, np.full(transport.depth_um.size, 1.0 / transport.depth_um.size))
    return light.at(optical_transfer(*light)[0], setting.frequency_per_mm)


# --- electrons ----------------------------------------------------------------------------------------------------


def _electron_range_g_per_cm2(setting: Setting, bench: Bench) -> float:
    """Range by continuous slowing down, times the density."""
    medium = material(setting.material)
    return 1e-4 * medium.density_g_per_cm3 * float(csda_range_um(medium, _numbers(setting.energy_keV))[0])


def _backscatter(setting: Setting, bench: Bench) -> float:
    """Fraction of the electrons that fall straight on a thick slab and come back."""
    medium, energy_keV = material(setting.material), _number(setting.energy_keV)
    slab = Slab(medium, 2.0 * float(csda_range_um(medium, [energy_keV])[0]))
    electrons = min(bench.histories, ELECTRONS)
    return electron_response([slab], energy_keV, electrons, np.random.default_rng(0)).front_fraction


def _diode_keV(setting: Setting, bench: Bench) -> float:
    """Mean energy that one photon on the layer leaves in the diode below it."""
    response, weight = _stack(setting, bench)
    return float(weight @ response.mean_keV[:, _diode(response)])


def _diode_square_over_mean_keV(setting: Setting, bench: Bench) -> float:
    """Mean square of that energy over its mean: what a track leaves."""
    response, weight = _stack(setting, bench)
    part = _diode(response)
    return float(weight @ response.product_keV2[:, part, part] / (weight @ response.mean_keV[:, part]))


def _stack(setting: Setting, bench: Bench) -> tuple[StackResponse, FloatArray]:
    """A layer on nitride, ITO, diode and glass by X-ray energy, and the photons of the beam at each (E,). [1]"""
    layer, nitride_um = _layer(setting), _number(setting.nitride_um)
    key = (layer, nitride_um, setting.beam)
    if key not in bench.stacks:
        spectrum = _beam(setting, bench, STACK_BIN_KEV)
        slabs = [Slab(layer_material(layer), layer.thickness_um)]
        slabs += [Slab(material("silicon_nitride"), nitride_um)] if nitride_um > 0 else []
        slabs += [Slab(material(name), thickness_um) for name, thickness_um in STACK_UM.items()]
        found = stack_response(
            slabs, spectrum.energy_keV, max(2, bench.histories // 2), np.random.default_rng(0), progress=bench.progress
        )
        bench.stacks[key] = (found, spectrum.fluence_per_mm2 / np.add.reduce(spectrum.fluence_per_mm2))
    return bench.stacks[key]


def _diode(response: StackResponse) -> int:
    """Its part of the stack: the last slab but one."""
    return int(parts_of(response.slabs, len(response.slabs) - 2).start)


# --- frames -------------------------------------------------------------------------------------------------------


def _lag(setting: Setting, bench: Bench) -> float:
    """Signal of a dark frame after many exposed ones, over that of the last exposed one. [1]"""
    panel, interval_s = _panel(setting), _number(setting.frame_interval_s)
    charge = np.full((1, 1), setting.filled_fraction * panel.photodiode.full_well_electrons, dtype=np.float32)
    signal, trapped = trap_charge(charge, None, panel.lag, interval_s, panel.lag_exposure)
    for _ in range(setting.frames_on - 1):
        signal, trapped = trap_charge(charge, trapped, panel.lag, interval_s, panel.lag_exposure)
    dark = signal
    for _ in range(int(_number(setting.frame))):
        dark, trapped = trap_charge(np.zeros_like(charge), trapped, panel.lag, interval_s, panel.lag_exposure)
    return float(dark[0, 0]) / float(signal[0, 0])


def _number(value: float | None) -> float:
    """A setting that `check_table` found to be given."""
    return float("nan") if value is None else float(value)


def _numbers(value: float | None) -> FloatArray:
    return np.array([_number(value)])


class Measure(NamedTuple):
    """A function of a setting, and the keys that the setting must give."""

    predict: Callable[[Setting, Bench], float]
    needs: tuple[str, ...]


_LAYER = ("scintillator", "beam")
_LIGHT = ("scintillator", "mean_free_path_um")
MEASURES: dict[str, Measure] = {
    "half_value_layer": Measure(_half_value_layer_mm, ("beam", "material")),
    "photons_per_kerma": Measure(_photons_per_mm2_uGy, ("beam",)),
    "mean_energy": Measure(_mean_energy_keV, ("beam",)),
    "mass_attenuation": Measure(_mass_attenuation_cm2_per_g, ("material", "energy_keV")),
    "absorbed_energy_fraction": Measure(lambda s, b: _report(s, b).absorbed_energy_fraction, _LAYER),
    "xray_swank": Measure(lambda s, b: _report(s, b).swank_xray, _LAYER),
    "xray_mtf": Measure(_xray_mtf, (*_LAYER, "frequency_per_mm")),
    "mtf": Measure(_mtf, (*_LAYER, "frequency_per_mm")),
    "mtf_frequency": Measure(_mtf_frequency_per_mm, (*_LAYER, "level")),
    "dqe": Measure(_dqe, (*_LAYER, "frequency_per_mm")),
    "dqe0": Measure(lambda s, b: _report(s, b).dqe0, _LAYER),
    "nnps": Measure(_nnps_mm2, (*_LAYER, "frequency_per_mm")),
    "saturation_dose": Measure(lambda s, b: _report(s, b).saturation_uGy, _LAYER),
    "emission_peak": Measure(lambda s, b: _report(s, b).emission_peak_nm, _LAYER),
    "swank": Measure(_swank, ("scintillator", "energy_keV")),
    "signal_peak_thickness": Measure(_signal_peak_um, (*_LAYER, "thicknesses_um")),
    "light_collected": Measure(_light_collected, _LIGHT),
    "light_swank": Measure(_light_swank, _LIGHT),
    "light_mtf": Measure(_light_mtf, (*_LIGHT, "frequency_per_mm")),
    "light_lubberts": Measure(_light_lubberts, (*_LIGHT, "frequency_per_mm")),
    "diffusing_film_mtf": Measure(_diffusing_film_mtf, ("thickness_um", "transport_length_um", "frequency_per_mm")),
    "electron_range": Measure(_electron_range_g_per_cm2, ("material", "energy_keV")),
    "backscatter": Measure(_backscatter, ("material", "energy_keV")),
    "diode_energy": Measure(_diode_keV, (*_LAYER, "nitride_um")),
    "diode_energy_of_a_track": Measure(_diode_square_over_mean_keV, (*_LAYER, "nitride_um")),
    "lag": Measure(_lag, ("frame", "frame_interval_s")),
}

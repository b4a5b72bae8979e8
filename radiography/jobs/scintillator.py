"""Report on scintillators: what a layer absorbs, how much light it gives, how sharp and how efficient it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from radiography.beam.spectrum import Spectrum, beam_spectrum
from radiography.config import load_beam, load_panel
from radiography.jobs.inputs import (
    PICTURES,
    Files,
    Report,
    all_or_none,
    check_writable,
    keep_apart,
    load_layers,
    named,
    no_report,
    optional_path,
)
from radiography.jobs.json_text import write_json
from radiography.light.layer_light import HISTORIES, PHOTONS
from radiography.light.optics import TurbidLayer
from radiography.light.scintillator import Scintillator
from radiography.panel.panel import Panel
from radiography.study.layer_report import LayerReport, report_layer
from radiography.study.layer_studies import (
    MAP_PHOTONS,
    MAP_SIZE,
    STUDY_HISTORIES,
    STUDY_PHOTONS,
    DegeneracyMap,
    degeneracy_maps,
    thickness_study,
)
from radiography.sweep.engine import IN_A_LOOP, Engine, check_engine, values_of_tasks

PANEL = "fully_coated"
SECOND_BEAM = "RQA5"  # reported on beside the chosen one
BIN_KEV = 1.0
TABLE_PER_MM = (0.5, 1.0, 2.0, 3.0)
STUDY_PER_MM = (1.0, 2.0)
# Chen et al., Nature 561, 88 (2018): MTF at 2 /mm at 15 uGy, of these layers and of no others
PAPER_MTF_AT_2 = {"CsPbBr3_75um": 0.72, "CsI_Tl_500um": 0.36}
# Marshall et al., Phys. Med. Biol. 56 (4), paper 007 (2011): six panels keep half of their MTF at 1.29 +- 0.05 /mm
MEASURED_MTF = {**{name: (2.0, mtf) for name, mtf in PAPER_MTF_AT_2.items()}, "CsI_Tl_published": (1.29, 0.5)}


@dataclass(frozen=True)
class Effort:
    """How much Monte Carlo goes into a report; None is what each of its parts takes by itself.

    Attributes
    ----------
    histories, photons : int or None
        X-rays per energy, and light photons, of every Monte Carlo. [1]
    map_size : int
        Strengths of scattering, and of absorption, on the map of what the MTF leaves open. [1]
    """

    histories: int | None = None
    photons: int | None = None
    map_size: int = MAP_SIZE


@dataclass(frozen=True, eq=False)
class ScintillatorReport:
    """Reports on layers, and the files that were written of them.

    Attributes
    ----------
    layers : tuple of Scintillator
        In the order given.
    panel, beam : str
        Names of the panel and of the chosen beam.
    reports : tuple of mapping of str to LayerReport
        For each layer its report by beam, the chosen one first.
    studies : tuple of tuple of LayerReport
        For each layer its reports by thickness; empty where no thicknesses were asked for.
    maps : tuple of DegeneracyMap
        What the MTF of a film leaves open; empty where not asked for.
    json_file, plot, degeneracy : Path or None
        Files of the reports, where they were asked for.
    """

    layers: tuple[Scintillator, ...]
    panel: str
    beam: str
    reports: tuple[Mapping[str, LayerReport], ...]
    studies: tuple[tuple[LayerReport, ...], ...]
    maps: tuple[DegeneracyMap, ...]
    json_file: Path | None
    plot: Path | None
    degeneracy: Path | None


def report_scintillators(
    scintillators: Files,
    *,
    beam: str | Path = "paper_70kV",
    dose_uGy: float = 15.0,
    thickness_um: Sequence[float] = (),
    degeneracy: str | Path | None = None,
    json_file: str | Path | None = None,
    plot: str | Path | None = None,
    effort: Effort | None = None,
    engine: Engine = IN_A_LOOP,
    report: Report = no_report,
) -> ScintillatorReport:
    """Figures of merit of layers on a panel, and how they change with the thickness.

    Parameters
    ----------
    scintillators : str, Path or sequence of them
        Shipped names or .toml files.
    beam : str or Path
        Shipped name or .toml file.
    dose_uGy : float
        Air kerma at the panel. [uGy]
    thickness_um : sequence of float
        Thicknesses that each layer is reported on as well. [um]
    degeneracy : str or Path, optional
        Where a map is drawn of the scattering and absorption that give one film the same MTF (.png, .pdf or .svg).
    json_file, plot : str or Path, optional
        Where the numbers are written as JSON, and drawn (.png, .pdf or .svg).
    effort : Effort, optional
        Fewer or more X-rays and light photons than usual.
    engine : Engine
        Where the layers of a study of the thickness are followed.
    report : callable
        Called with what is being done and the fraction of it that is done, 0 to 1.

    Returns
    -------
    report : ScintillatorReport

    Raises
    ------
    ValueError, TypeError, OSError
        In one sentence, if a description or setting is wrong; no file is left behind then.
    """
    written, drawn, mapped = optional_path(json_file), optional_path(plot), optional_path(degeneracy)
    check_writable(written)
    check_writable(drawn, PICTURES)
    check_writable(mapped, PICTURES)
    keep_apart([written, drawn, mapped], [*named(scintillators), beam])
    if not (np.isfinite(dose_uGy) and dose_uGy > 0):
        raise ValueError(f"--dose must be above 0 uGy, got {dose_uGy:g}")
    check_engine(engine)
    layers = load_layers(scintillators, "report")
    _refuse_what_has_no_transport(layers, thicknesses=bool(thickness_um), mapped=mapped is not None)
    panel, much = load_panel(PANEL), effort or Effort()
    spectra = _spectra(str(beam), dose_uGy)
    chosen = next(iter(spectra))
    reports, studies = [], []
    for layer in layers:
        reports.append(_by_beam(layer, panel, spectra, dose_uGy, much, report))
        if thickness_um:
            at = partial(_at_thickness, layer, panel, spectra[chosen], dose_uGy, much)
            names = [f"{layer.name}, {value:g} um" for value in thickness_um]
            tell = partial(report, f"{layer.name}: thicknesses")
            studies.append(tuple(values_of_tasks(at, thickness_um, names, engine, tell)))
    maps: tuple[DegeneracyMap, ...] = ()
    if mapped is not None:
        maps = degeneracy_maps(
            layers[0],
            panel,
            spectra[chosen],
            size=much.map_size,
            histories=much.histories or STUDY_HISTORIES,
            photons=much.photons or MAP_PHOTONS,
            progress=lambda done: report("scattering and absorption", done),
        )
    found = ScintillatorReport(
        layers=tuple(layers),
        panel=PANEL,
        beam=chosen,
        reports=tuple(reports),
        studies=tuple(studies),
        maps=maps,
        json_file=written,
        plot=drawn,
        degeneracy=mapped,
    )
    _write(found)
    return found


def _refuse_what_has_no_transport(layers: Sequence[Scintillator], *, thicknesses: bool, mapped: bool) -> None:
    """A map needs one scattering film, a thickness some transport of light."""
    if mapped and (len(layers) != 1 or not isinstance(layers[0].transport, TurbidLayer)):
        raise ValueError(f"--degeneracy is for one scattering film, got {', '.join(layer.name for layer in layers)}")
    for layer in layers:
        if thicknesses and layer.transport is None:
            raise ValueError(f"--thickness needs [transport], but '{layer.name}' has a spread of one thickness")


def _spectra(beam: str, dose_uGy: float) -> dict[str, Spectrum]:
    """Beam at the panel by name, the chosen one first."""
    chosen = load_beam(beam)
    beams = {chosen.name: chosen}
    beams.setdefault(SECOND_BEAM, load_beam(SECOND_BEAM))
    return {name: beam_spectrum(each, dose_uGy, BIN_KEV) for name, each in beams.items()}


def _by_beam(
    layer: Scintillator, panel: Panel, spectra: Mapping[str, Spectrum], dose_uGy: float, much: Effort, report: Report
) -> dict[str, LayerReport]:
    found = {}
    for number, (name, spectrum) in enumerate(spectra.items()):

        def progress(done: float, to_do: float, before: int = number) -> None:
            report(f"{layer.name}: light", (before + done / to_do) / len(spectra))

        found[name] = report_layer(
            layer,
            panel,
            spectrum,
            dose_uGy,
            histories=much.histories or HISTORIES,
            photons=much.photons or PHOTONS,
            progress=progress,
        )
        progress(1, 1)  # where the light was known already, nothing was followed
    return found


def _at_thickness(
    layer: Scintillator, panel: Panel, spectrum: Spectrum, dose_uGy: float, much: Effort, thickness_um: float
) -> LayerReport:
    """The layer as it would be at one thickness."""
    histories, photons = much.histories or STUDY_HISTORIES, much.photons or STUDY_PHOTONS
    at = thickness_study(layer, panel, spectrum, dose_uGy, [thickness_um], histories=histories, photons=photons)
    return at[0]


def _write(found: ScintillatorReport) -> None:
    """All files that are wanted, or none."""
    chosen = [by_beam[found.beam] for by_beam in found.reports]
    with all_or_none(found.json_file, found.plot, found.degeneracy) as places:
        if found.json_file is not None:
            write_json(places[found.json_file], layers_to_json(found))
        if found.plot is not None:
            from radiography.figures.layer_plots import layer_figure, thickness_figure

            labels = [layer.name for layer in found.layers]
            if found.studies:
                figure = thickness_figure(found.studies, labels, STUDY_PER_MM)
            else:
                figure = layer_figure(chosen, labels, found.beam, [MEASURED_MTF.get(label) for label in labels])
            figure.savefig(places[found.plot], dpi=150)
        film = found.layers[0].transport
        if found.degeneracy is not None and isinstance(film, TurbidLayer):
            from radiography.figures.layer_plots import degeneracy_figure

            degeneracy_figure(found.maps, film).savefig(places[found.degeneracy], dpi=150)


def at_frequency(report: LayerReport, curve: npt.NDArray[np.float64], frequency_per_mm: float) -> float:
    """A curve of a report at one frequency.

    Parameters
    ----------
    report : LayerReport
        Whose curve it is.
    curve : (F,) float64
        Over the report's frequencies.
    frequency_per_mm : float
        Where it is wanted. [1/mm]

    Returns
    -------
    value : float
    """
    return float(np.interp(frequency_per_mm, report.frequency_per_mm, curve))


def layers_to_json(found: ScintillatorReport) -> dict[str, Any]:
    """One layer's quantities at the top, or several layers by name, with the chosen beam."""
    reports = [by_beam[found.beam] for by_beam in found.reports]
    kerma_uGy = reports[0].air_kerma_uGy
    common = {"panel": PANEL, "beam": found.beam, "air_kerma_uGy": kerma_uGy, "warnings": []}
    each = [_quantities(report) for report in reports]
    if found.studies:
        each = [
            {**_lists([_quantities(report) for report in study]), "nominal": nominal}
            for study, nominal in zip(found.studies, each, strict=True)
        ]
    if len(each) == 1:
        return {"scintillator": reports[0].scintillator, **common, **each[0]}
    return {**common, "scintillators": {r.scintillator: found for r, found in zip(reports, each, strict=True)}}


def _lists(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A list for each quantity, one entry for each thickness."""
    return {key: [quantities[key] for quantities in found] for key in found[0]}


def _quantities(report: LayerReport) -> dict[str, Any]:
    within = report.frequency_per_mm <= report.nyquist_per_mm
    frequency = report.frequency_per_mm[within].tolist()

    def at(curve: npt.NDArray[np.float64]) -> list[float]:
        return [at_frequency(report, curve, f) for f in TABLE_PER_MM]

    power = {
        "quantum": report.nps_quantum,
        "light": report.nps_light,
        "direct": report.nps_direct,
        "electronic": report.nps_electronic,
    }
    return {
        "origin": report.origin,
        "thickness_um": report.thickness_um,
        "mtf": {
            "frequency_per_mm": report.frequency_per_mm.tolist(),
            "value": report.mtf.tolist(),
            "standard_error": report.mtf_error.tolist(),
        },
        "mtf_factors": {
            "frequency_per_mm": list(TABLE_PER_MM),
            "total": at(report.mtf),
            "xray": at(report.xray_mtf),
            "optical": at(report.optical_mtf),
            "aperture": at(report.aperture_mtf),
        },
        "quantum_detection_efficiency": report.quantum_detection_efficiency,
        "absorbed_energy_fraction": report.absorbed_energy_fraction,
        "cover_transmission": report.cover_transmission,
        "swank_xray": report.swank_xray,
        "swank_optical": report.swank_optical,
        "swank_yield": report.swank_yield,
        "light_per_absorbed_quantum": report.light_per_quantum,
        "light_to_diode_fraction": report.light_to_diode_fraction,
        "light_to_diode_standard_error": report.light_to_diode_error,
        "light_ledger": dict(report.ledger),
        "emission_peak_nm": report.emission_peak_nm,
        "emission_fwhm_nm": report.emission_fwhm_nm,
        "diode_quantum_efficiency": report.quantum_efficiency,
        "electrons_per_absorbed_quantum": report.electrons_per_absorbed_quantum,
        "electrons_per_uGy": report.electrons_per_uGy,
        "direct_signal_fraction": report.direct_signal_fraction,
        "direct_energy_per_photon_keV": report.direct_energy_per_photon_keV,
        "light_in_frame": report.light_in_frame,
        "delivered_charge_fraction": report.delivered_fraction,
        "electronic_noise_electrons": report.electronic_noise_electrons,
        "line_noise_electrons": report.line_noise_electrons,
        "line_noise_power_mm": report.line_power_mm,
        "crossover_dose_uGy": report.crossover_uGy,
        "saturation_dose_uGy": report.saturation_uGy,
        "dqe0": report.dqe0,
        "dqe0_band": list(report.dqe0_band),
        "dqe0_light_only": report.dqe0_light_only,
        "dqe0_by_dose": {
            "air_kerma_uGy": report.dose_uGy.tolist(),
            "value": report.dqe0_at_dose.tolist(),
            "band": report.dqe0_at_dose_band.tolist(),
        },
        "dqe": {
            "frequency_per_mm": frequency,
            "value": report.dqe[within].tolist(),
            "band": report.dqe_band[:, within].tolist(),
        },
        "nps_mm2": {
            "frequency_per_mm": frequency,
            "total": sum(power.values(), np.zeros_like(report.dqe))[within].tolist(),
            **{cause: curve[within].tolist() for cause, curve in power.items()},
        },
    }

"""`radiography scintillator`: what a layer absorbs, how much light it gives, how sharp and how efficient it is."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from calibration.whole_file import staged
from radiography.beam.spectrum import beam_spectrum
from radiography.cli.options import progress_bar
from radiography.config import load_beam, load_panel, load_scintillator
from radiography.jobs.inputs import check_writable
from radiography.light.layer_light import HISTORIES, PHOTONS
from radiography.light.optics import TurbidLayer
from radiography.light.scintillator import Scintillator
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

PANEL = "fully_coated"
SECOND_BEAM = "RQA5"  # printed beside the chosen one
BIN_KEV = 1.0
TABLE_PER_MM = (0.5, 1.0, 2.0, 3.0)
STUDY_PER_MM = (1.0, 2.0)
MOST_THICKNESSES = 50
PICTURES = (".png", ".pdf", ".svg")
# Chen et al., Nature 561, 88 (2018): MTF at 2 /mm, of these layers and of no others
PAPER_MTF_AT_2 = {"CsPbBr3_75um": 0.72, "CsI_Tl_500um": 0.36}


def run_scintillator(
    names: Sequence[str],
    beam: str,
    dose_uGy: float,
    thickness: str | None,
    degeneracy: Path | None,
    json_file: Path | None,
    plot: Path | None,
    *,
    histories: int | None = None,
    photons: int | None = None,
    map_size: int = MAP_SIZE,
) -> None:
    """Print a report on each layer; write JSON and plots where asked for.

    ``histories`` and ``photons`` replace the numbers of X-rays and light photons of every Monte Carlo.
    """
    for path, suffixes in ((json_file, ()), (plot, PICTURES), (degeneracy, PICTURES)):
        if path is not None:
            check_writable(path, suffixes)
    if not (np.isfinite(dose_uGy) and dose_uGy > 0):
        raise ValueError(f"--dose must be above 0 uGy, got {dose_uGy:g}")
    thicknesses = _thicknesses(thickness)
    layers = _layers(names)
    film = layers[0].transport if isinstance(layers[0].transport, TurbidLayer) else None
    if degeneracy is not None and (len(layers) != 1 or film is None):
        raise ValueError(f"--degeneracy is for one scattering film, got {', '.join(layer.name for layer in layers)}")
    for layer in layers:
        if thicknesses and layer.transport is None:
            raise ValueError(f"--thickness needs [transport], but '{layer.name}' has a spread of one thickness")
    panel = load_panel(PANEL)
    chosen = load_beam(beam)
    beams = {chosen.name: chosen}
    beams.setdefault(SECOND_BEAM, load_beam(SECOND_BEAM))
    spectra = {name: beam_spectrum(each, dose_uGy, BIN_KEV) for name, each in beams.items()}
    spectrum = spectra[chosen.name]

    reports: list[dict[str, LayerReport]] = []
    studies: list[tuple[LayerReport, ...]] = []
    for layer in layers:
        with progress_bar(f"{layer.name}: light") as fraction_done:
            count = _counted(fraction_done)
            reports.append(
                {
                    name: report_layer(
                        layer, panel, each, dose_uGy, histories=histories or HISTORIES,
                        photons=photons or PHOTONS, progress=count,
                    )
                    for name, each in spectra.items()
                }
            )  # fmt: skip
        _print_report(reports[-1], layer.description)
        if thicknesses:
            with progress_bar(f"{layer.name}: thicknesses") as fraction_done:
                studies.append(
                    thickness_study(
                        layer, panel, spectrum, dose_uGy, thicknesses, histories=histories or STUDY_HISTORIES,
                        photons=photons or STUDY_PHOTONS, progress=fraction_done,
                    )
                )  # fmt: skip
            _print_study(studies[-1], chosen.name)
    maps: tuple[DegeneracyMap, ...] = ()
    if degeneracy is not None:
        with progress_bar("scattering and absorption") as fraction_done:
            maps = degeneracy_maps(
                layers[0], panel, spectrum, size=map_size, histories=histories or STUDY_HISTORIES,
                photons=photons or MAP_PHOTONS, progress=fraction_done,
            )  # fmt: skip

    with ExitStack() as files:  # none appears unless all could be written
        if json_file is not None:
            result = _result([each[chosen.name] for each in reports], studies, chosen.name)
            folder = files.enter_context(staged(json_file.parent))
            (folder / json_file.name).write_text(json.dumps(result, indent=2, allow_nan=False) + "\n", encoding="utf-8")
        if plot is not None:
            from radiography.figures.layer_plots import layer_figure, thickness_figure

            labels = [layer.name for layer in layers]
            if studies:
                figure = thickness_figure(studies, labels, STUDY_PER_MM)
            else:
                papers = [PAPER_MTF_AT_2.get(label) for label in labels]
                figure = layer_figure([each[chosen.name] for each in reports], labels, chosen.name, papers)
            figure.savefig(files.enter_context(staged(plot.parent)) / plot.name, dpi=150)
        if degeneracy is not None and film is not None:
            from radiography.figures.layer_plots import degeneracy_figure

            degeneracy_figure(maps, film).savefig(
                files.enter_context(staged(degeneracy.parent)) / degeneracy.name, dpi=150
            )


def _layers(names: Sequence[str]) -> list[Scintillator]:
    layers = [load_scintillator(name) for name in names]
    known = [layer.name for layer in layers]
    twice = sorted({name for name in known if known.count(name) > 1})
    if twice:
        raise ValueError(f"scintillator '{twice[0]}' is named twice; each report needs its own name")
    return layers


def _thicknesses(text: str | None) -> list[float]:
    """Thicknesses of A:B:STEP, both ends included where the steps meet them; none without text. [um]"""
    if text is None:
        return []
    number = r"(\d+(?:\.\d*)?|\.\d+)"
    match = re.fullmatch(f"{number}:{number}:{number}", text.replace(" ", ""))
    if match is None:
        raise ValueError(f"--thickness must be A:B:STEP in um such as 25:200:25, got '{text}'")
    first, last, step = (float(value) for value in match.groups())
    if not (0 < first <= last and step > 0):
        raise ValueError(f"--thickness must rise from above 0 in steps above 0, got '{text}'")
    count = int(np.floor((last - first) / step * (1 + 1e-12) + 1e-9)) + 1
    if count > MOST_THICKNESSES:
        raise ValueError(f"--thickness takes at most {MOST_THICKNESSES} thicknesses, got {count} by '{text}'")
    return [float(f"{first + step * index:.9g}") for index in range(count)]


def _counted(fraction_done: Callable[[float], None]) -> Callable[[int, int], None]:
    return lambda done, to_do: fraction_done(done / to_do)


def _at(report: LayerReport, curve: npt.NDArray[np.float64], frequency: float) -> float:
    return float(np.interp(frequency, report.frequency_per_mm, curve))


def _print_report(by_beam: dict[str, LayerReport], description: str) -> None:
    reports = list(by_beam.values())
    first = reports[0]

    def line(label: str, texts: Sequence[str]) -> None:
        print(f"  {label:<38}" + "".join(f"{text:>24}" for text in texts))

    def numbers(label: str, attribute: str, form: str = ".3f", scale: float = 1.0) -> None:
        line(label, [f"{scale * getattr(report, attribute):{form}}" for report in reports])

    print(f"{first.scintillator}: {description}")
    how = "computed from what the light meets" if first.origin == "transport" else f"{first.origin}, not computed"
    print(f"  {first.thickness_um:g} um on panel '{PANEL}'; spread and light {how}")
    line("", [f"{name}, {report.air_kerma_uGy:g} uGy" for name, report in by_beam.items()])
    for frequency in TABLE_PER_MM:
        texts = [f"{_at(r, r.mtf, frequency):.4f} +- {_at(r, r.mtf_error, frequency):.4f}" for r in reports]
        line(f"MTF at {frequency:g} /mm", texts)
        factors = [(r.xray_mtf, r.optical_mtf, r.aperture_mtf) for r in reports]
        texts = [
            " x ".join(f"{_at(r, curve, frequency):.3f}" for curve in curves)
            for r, curves in zip(reports, factors, strict=True)
        ]
        line("  X-rays x light x aperture", texts)
    numbers("quantum detection efficiency", "quantum_detection_efficiency")
    numbers("absorbed fraction of the energy", "absorbed_energy_fraction")
    numbers("Swank factor of X-rays", "swank_xray")
    numbers("Swank factor of light", "swank_optical")
    line(
        "light reaching the diodes",
        [f"{r.light_to_diode_fraction:.4f} +- {r.light_to_diode_error:.4f}" for r in reports],
    )
    if first.ledger:
        line("  lost in layer / at cover", [f"{r.ledger['layer']:.3f} / {r.ledger['cover']:.3f}" for r in reports])
    line("emerging light, peak / width [nm]", [f"{r.emission_peak_nm:.1f} / {r.emission_fwhm_nm:.1f}" for r in reports])
    numbers("light photons per absorbed quantum", "light_per_quantum", ".0f")
    numbers("quantum efficiency of the diodes", "quantum_efficiency")
    numbers("electrons per absorbed quantum", "electrons_per_absorbed_quantum", ".1f")
    numbers("electrons per uGy", "electrons_per_uGy", ".4g")
    numbers("  of it X-rays in the diode itself [%]", "direct_signal_fraction", ".2f", 100.0)
    numbers("quantum = electronic noise at [uGy]", "crossover_uGy", ".2g")
    numbers("diode full at [uGy]", "saturation_uGy", ".3g")
    numbers("DQE(0)", "dqe0")
    numbers("  without X-rays in the diode itself", "dqe0_light_only")
    for index, dose in enumerate(first.dose_uGy):
        line(f"  DQE(0) at {dose:g} uGy", [f"{report.dqe0_at_dose[index]:.3f}" for report in reports])
    for frequency in TABLE_PER_MM:
        line(f"DQE at {frequency:g} /mm", [f"{_at(report, report.dqe, frequency):.3f}" for report in reports])
    paper = PAPER_MTF_AT_2.get(first.scintillator)
    if paper is not None:
        print(f"  The paper (Chen et al. 2018) measured an MTF of {paper:g} at 2 /mm.")


def _print_study(study: Sequence[LayerReport], beam: str) -> None:
    print(f"{study[0].scintillator} by thickness, {beam}, {study[0].air_kerma_uGy:g} uGy")
    print(
        f"  {'um':>6}{'MTF(1)':>9}{'MTF(2)':>9}{'s.e.':>8}{'light':>8}{'e/uGy':>10}{'QDE':>7}{'DQE(0)':>8}{'DQE(2)':>8}"
    )
    for report in study:
        mtf1, mtf2, error = _at(report, report.mtf, 1), _at(report, report.mtf, 2), _at(report, report.mtf_error, 2)
        print(
            f"  {report.thickness_um:>6g}{mtf1:>9.3f}{mtf2:>9.3f}{error:>8.4f}{report.light_to_diode_fraction:>8.3f}"
            f"{report.electrons_per_uGy:>10.4g}{report.quantum_detection_efficiency:>7.3f}{report.dqe0:>8.3f}"
            f"{_at(report, report.dqe, 2):>8.3f}"
        )


def _result(reports: Sequence[LayerReport], studies: Sequence[Sequence[LayerReport]], beam: str) -> dict[str, Any]:
    """What the JSON holds: one layer's quantities at the top, or several layers by name."""
    common = {"panel": PANEL, "beam": beam, "air_kerma_uGy": reports[0].air_kerma_uGy}
    each = [_quantities(report) for report in reports]
    if studies:
        each = [
            {**_by_thickness([_quantities(report) for report in study]), "nominal": nominal}
            for study, nominal in zip(studies, each, strict=True)
        ]
    if len(each) == 1:
        return {"scintillator": reports[0].scintillator, **common, **each[0]}
    return {**common, "scintillators": {r.scintillator: found for r, found in zip(reports, each, strict=True)}}


def _by_thickness(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A list for each quantity, one entry for each thickness."""
    return {key: [quantities[key] for quantities in found] for key in found[0]}


def _quantities(report: LayerReport) -> dict[str, Any]:
    within = report.frequency_per_mm <= report.nyquist_per_mm
    frequency = report.frequency_per_mm[within].tolist()

    def at(curve: npt.NDArray[np.float64]) -> list[float]:
        return [_at(report, curve, f) for f in TABLE_PER_MM]

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
        "electronic_noise_electrons": report.electronic_noise_electrons,
        "crossover_dose_uGy": report.crossover_uGy,
        "saturation_dose_uGy": report.saturation_uGy,
        "dqe0": report.dqe0,
        "dqe0_light_only": report.dqe0_light_only,
        "dqe0_by_dose": {"air_kerma_uGy": report.dose_uGy.tolist(), "value": report.dqe0_at_dose.tolist()},
        "dqe": {"frequency_per_mm": frequency, "value": report.dqe[within].tolist()},
        "nps_mm2": {
            "frequency_per_mm": frequency,
            "total": sum(power.values(), np.zeros_like(report.dqe))[within].tolist(),
            **{cause: curve[within].tolist() for cause, curve in power.items()},
        },
    }

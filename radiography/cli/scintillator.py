"""`radiography scintillator`: what a layer absorbs, its light, how sharp and how efficient it is, as tables."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from radiography.cli.options import banded
from radiography.cli.output import file_of, give_json, progress
from radiography.jobs.scintillator import (
    MEASURED_MTF,
    PAPER_MTF_AT_2,
    TABLE_PER_MM,
    Effort,
    at_frequency,
    layers_to_json,
    report_scintillators,
)
from radiography.study.layer_report import LayerReport
from radiography.sweep.engine import Engine

MOST_THICKNESSES = 50


def run_scintillator(
    names: Sequence[str],
    *,
    beam: str,
    dose_uGy: float,
    thickness: str | None,
    degeneracy: Path | None,
    json_file: Path | None,
    plot: Path | None,
    effort: Effort | None = None,
    scheduler: str = "none",
) -> None:
    """Print a report on each layer; write JSON and plots where asked for."""
    with progress() as report:
        found = report_scintillators(
            names,
            beam=beam,
            dose_uGy=dose_uGy,
            thickness_um=_thicknesses(thickness),
            degeneracy=degeneracy,
            json_file=file_of(json_file),
            plot=plot,
            effort=effort,
            engine=Engine(scheduler),
            report=report,
        )
    for index, layer in enumerate(found.layers):
        _print_report(found.reports[index], layer.description, found.panel)
        if found.studies:
            _print_study(found.studies[index], found.beam)
    give_json(json_file, layers_to_json(found), written=True)


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


def _print_report(by_beam: Mapping[str, LayerReport], description: str, panel: str) -> None:
    reports = list(by_beam.values())
    first = reports[0]

    def line(label: str, texts: Sequence[str]) -> None:
        print(f"  {label:<38}" + "".join(f" {text:>23}" for text in texts))

    def numbers(label: str, attribute: str, form: str = ".3f", scale: float = 1.0) -> None:
        line(label, [f"{scale * getattr(report, attribute):{form}}" for report in reports])

    print(f"{first.scintillator}: {description}")
    how = "computed from what the light meets" if first.origin == "transport" else f"{first.origin}, not computed"
    print(f"  {first.thickness_um:g} um on panel '{panel}'; spread and light {how}")
    line("", [f"{name}, {report.air_kerma_uGy:g} uGy" for name, report in by_beam.items()])
    for frequency in TABLE_PER_MM:
        texts = [
            f"{at_frequency(r, r.mtf, frequency):.4f} +- {at_frequency(r, r.mtf_error, frequency):.4f}" for r in reports
        ]
        line(f"MTF at {frequency:g} /mm", texts)
        factors = [(r.xray_mtf, r.optical_mtf, r.aperture_mtf) for r in reports]
        texts = [
            " x ".join(f"{at_frequency(r, curve, frequency):.3f}" for curve in curves)
            for r, curves in zip(reports, factors, strict=True)
        ]
        line("  X-rays x light x aperture", texts)
    numbers("quantum detection efficiency", "quantum_detection_efficiency")
    numbers("absorbed fraction of the energy", "absorbed_energy_fraction")
    numbers("Swank factor of X-rays", "swank_xray")
    numbers("Swank factor of light", "swank_optical")
    numbers("Swank factor of the light yield", "swank_yield")
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
    numbers("light within the frame [%]", "light_in_frame", ".2f", 100.0)
    numbers("charge that no trap takes [%]", "delivered_fraction", ".2f", 100.0)
    numbers("electrons per uGy", "electrons_per_uGy", ".4g")
    numbers("  of it X-rays in the diode itself [%]", "direct_signal_fraction", ".1f", 100.0)
    numbers("  energy of an X-ray in the diode [keV]", "direct_energy_per_photon_keV", ".4f")
    numbers("quantum = electronic noise at [uGy]", "crossover_uGy", ".2g")
    numbers("diode full at [uGy]", "saturation_uGy", ".3g")
    line("DQE(0), its band in brackets", [banded(r.dqe0, r.dqe0_band) for r in reports])
    numbers("  without X-rays in the diode itself", "dqe0_light_only")
    for index, dose in enumerate(first.dose_uGy):
        texts = [banded(r.dqe0_at_dose[index], r.dqe0_at_dose_band[:, index].tolist()) for r in reports]
        line(f"  DQE(0) at {dose:g} uGy", texts)
    for frequency in TABLE_PER_MM:
        values = [[at_frequency(r, curve, frequency) for curve in (r.dqe, *r.dqe_band)] for r in reports]
        line(f"DQE at {frequency:g} /mm", [banded(value, band) for value, *band in values])
    print("  Bands are over the ranges that panel and layer declare: slabs between layer and glass, energy per")
    print("  electron, light yield.")
    paper = PAPER_MTF_AT_2.get(first.scintillator)
    if paper is not None:
        print(f"  The paper (Chen et al. 2018) measured an MTF of {paper:g} at 2 /mm.")
    elif first.scintillator in MEASURED_MTF:
        frequency, value = MEASURED_MTF[first.scintillator]
        print(f"  Six panels (Marshall et al. 2011, 70 kV and 1 mm Cu) have an MTF of {value:g} at {frequency:g} /mm.")


def _print_study(study: Sequence[LayerReport], beam: str) -> None:
    print(f"{study[0].scintillator} by thickness, {beam}, {study[0].air_kerma_uGy:g} uGy")
    print(
        f"  {'um':>6}{'MTF(1)':>9}{'MTF(2)':>9}{'s.e.':>8}{'light':>8}{'e/uGy':>10}{'QDE':>7}{'DQE(0)':>8}{'DQE(2)':>8}"
    )
    for report in study:
        mtf1, mtf2, error = (
            at_frequency(report, report.mtf, 1),
            at_frequency(report, report.mtf, 2),
            at_frequency(report, report.mtf_error, 2),
        )
        print(
            f"  {report.thickness_um:>6g}{mtf1:>9.3f}{mtf2:>9.3f}{error:>8.4f}{report.light_to_diode_fraction:>8.3f}"
            f"{report.electrons_per_uGy:>10.4g}{report.quantum_detection_efficiency:>7.3f}{report.dqe0:>8.3f}"
            f"{at_frequency(report, report.dqe, 2):>8.3f}"
        )

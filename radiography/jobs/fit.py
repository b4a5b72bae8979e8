"""Fit of a layer's parameters to its measured MTF: a scintillator file, JSON and a plot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from radiography.beam.spectrum import beam_spectrum
from radiography.config import load_beam, load_scintillator
from radiography.jobs.curves import ASSUMED_MTF_ERROR, ASSUMED_NPS_ERROR, read_mtf, read_nps
from radiography.jobs.description_text import description_text
from radiography.jobs.inputs import PICTURES, Report, all_or_none, check_writable, keep_apart, no_report, optional_path
from radiography.jobs.json_text import write_json
from radiography.light.scintillator import Scintillator
from radiography.study.layer_fit import FittedParameter, LayerFit, Vary, fit_layer, whole_key
from radiography.study.layer_measurement import LayerMeasurement


@dataclass(frozen=True, eq=False)
class FitReport:
    """A fitted layer, and the files that were written of it.

    Attributes
    ----------
    out : Path
        The fitted scintillator.
    start, beam : str
        Names of the scintillator that the fit began with and of the beam.
    fit : LayerFit
        Values, errors and the fitted curves.
    measurement : LayerMeasurement
        What was fitted to.
    notes : tuple of str
        What the data do not determine, and which errors had to be assumed.
    json_file, plot : Path or None
        Files of the fit, where they were asked for.
    """

    out: Path
    start: str
    beam: str
    fit: LayerFit
    measurement: LayerMeasurement
    notes: tuple[str, ...]
    json_file: Path | None
    plot: Path | None


def fit_scintillator(
    scintillator: str | Path,
    mtf_file: str | Path,
    vary: Sequence[Vary],
    out: str | Path,
    *,
    beam: str | Path = "paper_70kV",
    nps_file: str | Path | None = None,
    light: tuple[float, float] | None = None,
    aperture_mm: float = 0.139,
    json_file: str | Path | None = None,
    plot: str | Path | None = None,
    report: Report = no_report,
) -> FitReport:
    """Parameters of a layer from its measured MTF, with uncertainties, and what the data do not determine.

    Parameters
    ----------
    scintillator : str or Path
        Layer to start from: shipped name or .toml file.
    mtf_file : str or Path
        Measured MTF: JSON of `measure_mtf`, or a table of frequency, MTF and perhaps standard error.
    vary : sequence of Vary
        Parameters to find, each with its bounds; the end of a key will do where only one number has it.
    out : str or Path
        The fitted scintillator (.toml).
    beam : str or Path
        Beam of the measurement: shipped name or .toml file.
    nps_file : str or Path, optional
        Measured relative noise power spectrum, a table like that of the MTF.
    light : (float, float), optional
        Measured fraction of the light at the diodes, and its standard error. [1]
    aperture_mm : float
        Side of the pixel aperture in the MTF. [mm]
    json_file, plot : str or Path, optional
        Where values, errors and correlations are written as JSON, and data and fit drawn (.png, .pdf or .svg).
    report : callable
        Called with what is being done and the fraction of it that is done, 0 to 1.

    Returns
    -------
    report : FitReport

    Raises
    ------
    ValueError, TypeError, OSError
        In one sentence, if a curve or a parameter is wrong or cannot be read; no file is left behind then.
    """
    start, out, mtf_path, nps_path = str(scintillator), Path(out), Path(mtf_file), optional_path(nps_file)
    written, drawn = optional_path(json_file), optional_path(plot)
    check_writable(out, (".toml",))
    check_writable(written)
    check_writable(drawn, PICTURES)
    keep_apart([out, written, drawn], [start, mtf_path, nps_path, beam])
    layer = load_scintillator(start)
    vary = [replace(one, key=whole_key(layer, one.key)) for one in vary]
    measurement, assumed = _measured(mtf_path, nps_path, light, aperture_mm)
    spectrum = beam_spectrum(load_beam(str(beam)), 1.0)
    report("runs of the model", 0.0)
    fit = fit_layer(layer, spectrum, measurement, vary, progress=lambda done: report("runs of the model", done))
    found = FitReport(
        out=out,
        start=start,
        beam=str(beam),
        fit=fit,
        measurement=measurement,
        notes=(*fit.notes, *assumed),
        json_file=written,
        plot=drawn,
    )
    given = [f"MTF of {mtf_path.name}"]
    given += [f"NPS of {nps_path.name}"] if nps_path is not None else []
    given += [f"fraction of light {light[0]:g} +- {light[1]:g}"] if light is not None else []
    with all_or_none(out, written, drawn) as places:
        fitted = replace(fit.scintillator, name=out.stem)
        places[out].write_text(toml_text(fitted, _comments(found, given)), encoding="utf-8", newline="\n")
        if written is not None:
            write_json(places[written], fit_to_json(found))
        if drawn is not None:
            from radiography.figures.fit_plot import fit_figure

            fit_figure(fit, measurement).savefig(places[drawn], dpi=150)
    return found


def _measured(
    mtf_file: Path, nps_file: Path | None, light: tuple[float, float] | None, aperture_mm: float
) -> tuple[LayerMeasurement, list[str]]:
    """What the files hold, and a sentence for each whose standard errors are assumed."""
    notes = []
    (frequency, mtf, error), assumed = read_mtf(mtf_file)
    if assumed:
        notes.append(f"{mtf_file.name} gives no standard errors: {ASSUMED_MTF_ERROR} is assumed")
    nps_frequency, nps, nps_error = np.empty(0), np.empty(0), np.empty(0)
    if nps_file is not None:
        (nps_frequency, nps, nps_error), assumed = read_nps(nps_file)
        if assumed:
            notes.append(f"{nps_file.name} gives no standard errors: {ASSUMED_NPS_ERROR:.0%} of the value is assumed")
    measurement = LayerMeasurement(
        frequency_per_mm=frequency,
        mtf=mtf,
        mtf_error=error,
        nps_frequency_per_mm=nps_frequency,
        nps=nps,
        nps_error=nps_error,
        light=None if light is None else light[0],
        light_error=None if light is None else light[1],
        aperture_mm=aperture_mm,
    )
    return measurement, notes


def _comments(found: FitReport, given: Sequence[str]) -> list[str]:
    """What the file of the fitted layer says about its own making."""
    fit, aperture_mm = found.fit, found.measurement.aperture_mm
    return [
        f"Fitted from scintillator '{found.start}' to {', '.join(given)}; beam {found.beam}, "
        f"pixel aperture {aperture_mm:g} mm.",
        f"chi-square {fit.chi_square:.4g} for {fit.degrees_of_freedom} degrees of freedom.",
        *(f"{p.key}: {_spelled(p)}" for p in fit.parameters),
        *(f"Note: {note}." for note in found.notes),
        f"All other numbers are those of '{found.start}', with the sources named there.",
    ]


def _spelled(parameter: FittedParameter) -> str:
    low, high = parameter.interval
    text = f"{parameter.value:.5g} +- {parameter.standard_error:.2g}, 95 % from {low:.4g} to {high:.4g}"
    bounds = f"bounds {parameter.bounds[0]:g} to {parameter.bounds[1]:g}"
    return f"{text}, {bounds}, {'determined' if parameter.determined else 'NOT determined by the data'}"


def toml_text(scintillator: Scintillator, comments: Sequence[str]) -> str:
    """A scintillator as a file that `load_scintillator` reads, under comment lines.

    Parameters
    ----------
    scintillator : Scintillator
        What is written.
    comments : sequence of str
        A line each, above it.

    Returns
    -------
    text : str
    """
    return description_text(asdict(scintillator), comments)


def fit_to_json(found: FitReport) -> dict[str, Any]:
    """Values, errors and correlations of the parameters, the fitted curves, and what to doubt."""
    fit, measurement = found.fit, found.measurement
    return {
        "start": found.start,
        "beam": found.beam,
        "aperture_mm": measurement.aperture_mm,
        "parameters": [
            {
                "key": p.key,
                "value": p.value,
                "standard_error": p.standard_error,
                "interval_95": list(p.interval),
                "bounds": list(p.bounds),
                "determined": p.determined,
            }
            for p in fit.parameters
        ],
        "correlation": fit.correlation.tolist(),
        "chi_square": fit.chi_square,
        "degrees_of_freedom": fit.degrees_of_freedom,
        "notes": list(found.notes),
        "frequency_per_mm": measurement.frequency_per_mm.tolist(),
        "mtf": measurement.mtf.tolist(),
        "mtf_standard_error": measurement.mtf_error.tolist(),
        "fitted_mtf": fit.mtf.tolist(),
        "nps_frequency_per_mm": measurement.nps_frequency_per_mm.tolist(),
        "nps": measurement.nps.tolist(),
        "fitted_nps": fit.nps.tolist(),
        "light": measurement.light,
        "fitted_light": fit.light,
        "runs": fit.runs,
        "warnings": list(found.notes),
    }

"""`radiography fit`: parameters of a layer from a measured MTF, as a table, a scintillator file, JSON and a plot."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from calibration.whole_file import staged
from radiography.beam.spectrum import beam_spectrum
from radiography.cli.options import progress_bar
from radiography.config import load_beam, load_scintillator
from radiography.jobs.inputs import check_writable
from radiography.light.scintillator import Scintillator
from radiography.study.layer_fit import LayerFit, Vary, fit_layer
from radiography.study.layer_measurement import LayerMeasurement

ASSUMED_MTF_ERROR = 0.005  # where the file gives none
ASSUMED_NPS_ERROR = 0.03  # of the value: 1,000 independent spectra
STEP_CYCLES_PER_PIXEL = 0.05  # nearer points of `radiography mtf` share their noise
_LARGEST_FILE_BYTES = 16 * 1024 * 1024

FloatArray = npt.NDArray[np.float64]
Curve = tuple[FloatArray, FloatArray, FloatArray]


def run_fit(
    name: str,
    mtf_file: Path,
    vary: Sequence[str],
    out: Path,
    *,
    beam: str,
    nps_file: Path | None,
    light: str | None,
    json_file: Path | None,
    plot: Path | None,
    aperture: float,
) -> None:
    """Print the fit; write the fitted scintillator, and JSON and a plot where asked for."""
    check_writable(out, (".toml",))
    if json_file is not None:
        check_writable(json_file)
    if plot is not None:
        check_writable(plot, (".png", ".pdf", ".svg"))
    scintillator = load_scintillator(name)
    parameters = [vary_option(text) for text in vary]
    (frequency, mtf, error), assumed = read_mtf(mtf_file)
    (nps_frequency, nps, nps_error), nps_assumed = _no_nps() if nps_file is None else read_nps(nps_file)
    fraction, fraction_error = light_option(light) if light is not None else (None, None)
    measurement = LayerMeasurement(
        frequency_per_mm=frequency,
        mtf=mtf,
        mtf_error=error,
        nps_frequency_per_mm=nps_frequency,
        nps=nps,
        nps_error=nps_error,
        light=fraction,
        light_error=fraction_error,
        aperture_mm=aperture,
    )
    spectrum = beam_spectrum(load_beam(beam), 1.0)
    with progress_bar("runs of the model") as show:
        fit = fit_layer(scintillator, spectrum, measurement, parameters, progress=show)
    notes = [*fit.notes]
    if assumed:
        notes.append(f"{mtf_file.name} gives no standard errors: {ASSUMED_MTF_ERROR} is assumed")
    if nps_assumed and nps_file is not None:
        notes.append(f"{nps_file.name} gives no standard errors: {ASSUMED_NPS_ERROR:.0%} of the value is assumed")
    fitted = replace(fit.scintillator, name=out.stem)
    given = [f"MTF of {mtf_file.name}"]
    given += [f"NPS of {nps_file.name}"] if nps_file is not None else []
    given += [f"fraction of light {fraction:g} +- {fraction_error:g}"] if fraction is not None else []
    comments = [
        f"Fitted from scintillator '{name}' to {', '.join(given)}; beam {beam}, pixel aperture {aperture:g} mm.",
        f"chi-square {fit.chi_square:.4g} for {fit.degrees_of_freedom} degrees of freedom.",
        *(f"{p.key}: {_spelled(p)}" for p in fit.parameters),
        *(f"Note: {note}." for note in notes),
        f"All other numbers are those of '{name}', with the sources named there.",
    ]
    with ExitStack() as all_files:  # none appears unless all could be written
        folder = all_files.enter_context(staged(out.parent))
        (folder / out.name).write_text(toml_text(fitted, comments), encoding="utf-8")
        if json_file is not None:
            folder = all_files.enter_context(staged(json_file.parent))
            text = json.dumps(_as_json(fit, measurement, name, beam, notes), indent=2)
            (folder / json_file.name).write_text(text + "\n", encoding="utf-8")
        if plot is not None:
            from radiography.figures.fit_plot import fit_figure

            folder = all_files.enter_context(staged(plot.parent))
            fit_figure(fit, measurement).savefig(folder / plot.name, dpi=150)
    _print(fit, notes, out)


def vary_option(text: str) -> Vary:
    """KEY=LOW:HIGH as a parameter to vary.

    Raises
    ------
    ValueError
        If the text is not of that form, or the bounds do not rise.
    """
    key, _, bounds = text.replace(" ", "").partition("=")
    low, _, high = bounds.partition(":")
    try:
        return Vary(key, float(low), float(high))
    except ValueError as error:
        if not re.fullmatch(r"[a-z]\w*(\.\w+)*=[^:=]+:[^:=]+", text.replace(" ", "")) or "convert" in str(error):
            example = "transport.transport_length_um=5:100"
            raise ValueError(f"--vary must be KEY=LOW:HIGH such as {example}, got '{text}'") from error
        raise


def light_option(text: str) -> tuple[float, float]:
    """VALUE+-SE as two numbers.

    Raises
    ------
    ValueError
        If the text is not of that form.
    """
    value, sign, error = text.replace("±", "+-").partition("+-")
    try:
        if not sign:
            raise ValueError
        return float(value), float(error)
    except ValueError as error_found:
        raise ValueError(f"--light must be VALUE+-SE such as 0.21+-0.02, got '{text}'") from error_found


def read_mtf(path: Path) -> tuple[Curve, bool]:
    """Frequencies above 0, MTF and standard errors of a file, and whether the errors had to be assumed.

    Parameters
    ----------
    path : Path
        JSON of `radiography mtf`, or a table of frequency, MTF and perhaps standard error.

    Raises
    ------
    ValueError
        If the file holds no such curve.
    OSError
        If it cannot be read.
    """
    if path.suffix.lower() != ".json":
        curve, assumed = _read_table(path, "MTF", ASSUMED_MTF_ERROR, 0.0)
    else:
        try:
            table = json.loads(_text(path))
            columns = [
                np.array(table[key], dtype=np.float64) for key in ("frequency_per_mm", "value", "standard_error")
            ]
            pitch = float(table.get("pitch_mm") or 0.0)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            wanted = "lists frequency_per_mm, value and standard_error"
            raise ValueError(f"{path} is not the JSON of an MTF: it needs the {wanted}") from error
        if len({column.shape for column in columns}) != 1 or columns[0].ndim != 1:
            raise ValueError(f"{path}: the lists of the MTF must be equally long, got {[c.size for c in columns]}")
        curve, assumed = (columns[0], columns[1], columns[2]), False
        if pitch > 0 and curve[0].size > 1:
            step = float(np.median(np.diff(curve[0]))) * pitch
            every = max(1, round(STEP_CYCLES_PER_PIXEL / step)) if step > 0 else 1
            curve = (curve[0][::every], curve[1][::every], curve[2][::every])
    above = curve[0] != 0.0
    return (curve[0][above], curve[1][above], curve[2][above]), assumed


def read_nps(path: Path) -> tuple[Curve, bool]:
    """Frequencies above 0, NPS over its value at the lowest of them, and standard errors; errors as for `read_mtf`."""
    curve, assumed = _read_table(path, "NPS", 0.0, ASSUMED_NPS_ERROR)
    above = curve[0] != 0.0
    frequency, value, error = (column[above] for column in curve)
    order = np.argsort(frequency)
    if not order.size or not value[order[0]] > 0:
        raise ValueError(f"{path}: the NPS at the lowest frequency must be above 0")
    scale = value[order[0]]
    return (frequency[order], value[order] / scale, error[order] / scale), assumed


def _no_nps() -> tuple[Curve, bool]:
    return (np.empty(0), np.empty(0), np.empty(0)), False


def _text(path: Path) -> str:
    if path.stat().st_size > _LARGEST_FILE_BYTES:
        raise ValueError(f"{path} has {path.stat().st_size} bytes, a curve has at most {_LARGEST_FILE_BYTES}")
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text") from error


def _read_table(path: Path, what: str, error: float, relative_error: float) -> tuple[Curve, bool]:
    """Two or three columns of numbers, by commas, semicolons or blanks; one line of headings and comments allowed."""
    rows: list[list[float]] = []
    headings = 0
    for number, line in enumerate(_text(path).splitlines(), start=1):
        words = re.split(r"[,;\s]+", line.partition("#")[0].strip().strip(",;"))
        if words == [""]:
            continue
        try:
            row = [float(word) for word in words]
        except ValueError as problem:
            if rows or headings:
                raise ValueError(f"{path}, line {number}: '{line.strip()[:60]}' is not a row of numbers") from problem
            headings += 1
            continue
        if len(row) not in (2, 3) or (rows and len(row) != len(rows[0])):
            wanted = f"{len(rows[0])} numbers as before" if rows else f"frequency, {what} and perhaps standard error"
            raise ValueError(f"{path}, line {number}: a row must hold {wanted}, got {len(row)} numbers")
        rows.append(row)
    if not rows:
        raise ValueError(f"{path} holds no rows of frequency and {what}")
    columns = np.array(rows, dtype=np.float64).T
    assumed = len(columns) == 2
    errors = columns[2] if not assumed else error + relative_error * np.abs(columns[1])
    return (columns[0], columns[1], errors), assumed


def toml_text(scintillator: Scintillator, comments: Sequence[str]) -> str:
    """A scintillator as a file that `load_scintillator` reads, under comment lines."""
    lines = [f"# {' '.join(comment.split())}" for comment in comments]
    table = _present(asdict(scintillator))
    return "\n".join([*lines, "", *_toml_lines(table, "")]).rstrip() + "\n"


def _present(value: Any) -> Any:
    """Without what is None, all the way down."""
    if isinstance(value, dict):
        return {key: _present(entry) for key, entry in value.items() if entry is not None}
    if isinstance(value, list | tuple):
        return [_present(entry) for entry in value]
    return value


def _toml_lines(table: dict[str, Any], path: str) -> list[str]:
    """Lines of a table: its values first, then its tables and lists of tables."""
    plain, tables = [], []
    for key, value in table.items():
        inner = f"{path}.{key}" if path else key
        if isinstance(value, dict):
            tables += ["", f"[{inner}]", *_toml_lines(value, inner)]
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            for entry in value:
                tables += ["", f"[[{inner}]]", *_toml_lines(entry, inner)]
        else:
            plain.append(f"{key} = {_toml_value(value)}")
    return plain + tables


def _toml_value(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(_toml_value(entry) for entry in value)}]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return repr(value)


def _spelled(parameter: Any) -> str:
    low, high = parameter.interval
    text = f"{parameter.value:.5g} +- {parameter.standard_error:.2g}, 95 % from {low:.4g} to {high:.4g}"
    bounds = f"bounds {parameter.bounds[0]:g} to {parameter.bounds[1]:g}"
    return f"{text}, {bounds}, {'determined' if parameter.determined else 'NOT determined by the data'}"


def _as_json(
    fit: LayerFit, measurement: LayerMeasurement, name: str, beam: str, notes: Sequence[str]
) -> dict[str, Any]:
    return {
        "start": name,
        "beam": beam,
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
        "notes": list(notes),
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
    }


def _print(fit: LayerFit, notes: Sequence[str], out: Path) -> None:
    width = max(len(p.key) for p in fit.parameters)
    print(f"{'parameter':<{width}}{'value':>12}{'s.e.':>10}{'95 % from':>12}{'to':>12}  determined")
    for p in fit.parameters:
        low, high = p.interval
        known = "yes" if p.determined else "NO"
        print(f"{p.key:<{width}}{p.value:>12.5g}{p.standard_error:>10.2g}{low:>12.4g}{high:>12.4g}  {known}")
    print(f"chi-square {fit.chi_square:.4g} for {fit.degrees_of_freedom} degrees of freedom; {fit.runs} model runs")
    print(f"fraction of the light at the diodes: {fit.light:.4f}")
    for note in notes:
        print(f"note: {note}")
    print(f"wrote {out}")

"""`radiography lag`: the lag model of a calibration set as a table, JSON and a plot."""

from __future__ import annotations

import json
import math
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from calibration.calibration_set import CalibrationSet, load_calibration_set
from calibration.lag.model import LagModel, lag_to_json
from calibration.lag.record import LagValue
from calibration.whole_file import staged
from radiography.jobs.inputs import check_writable

PICTURES = (".png", ".pdf", ".svg")


def run_lag(calibration: Path, json_file: Path | None, plot: Path | None) -> None:
    """Print what the calibration knows about lag; write JSON and a plot where asked for."""
    if json_file is not None:
        check_writable(json_file)
    if plot is not None:
        check_writable(plot, PICTURES)
    known = load_calibration_set(calibration)
    if known.lag is None:
        raise ValueError(
            f"{calibration} has no lag model: give `radiography calibrate` a beam-on/beam-off sequence with --lag"
        )
    if plot is not None and not known.lag.curves:
        raise ValueError(f"{calibration} has a lag model without the sequences behind it: there is nothing to plot")
    with ExitStack() as both:  # neither file appears unless both could be written
        if json_file is not None:
            result = {"calibration": calibration.name, "origin": _files(known), **lag_to_json(known.lag)}
            text = json.dumps(result, indent=2, allow_nan=False) + "\n"
            (both.enter_context(staged(json_file.parent)) / json_file.name).write_text(text, encoding="utf-8")
        if plot is not None:
            from radiography.figures.lag_plot import lag_figure

            lag_figure(known.lag).savefig(both.enter_context(staged(plot.parent)) / plot.name, dpi=150)
    for line in lag_lines(known.lag, calibration.name, _files(known)):
        print(line)


def lag_lines(model: LagModel, name: str, files: list[dict[str, Any]]) -> list[str]:
    """The report on a lag model, line by line."""
    terms = model.time_s.size
    lines = [
        f"{name}: lag of {terms} term{'s' * (terms > 1)}, learned at {model.frame_interval_s:.4g} s per frame and "
        f"up to {model.covered_s:.4g} s after the beam, chi-square {model.chi_square:.2f}"
    ]
    lines += [f"from {file['name']} (SHA-256 {str(file['sha256'])[:12]})" for file in files]
    lines += ["", f"{'time constant':<28}" + "".join(f"{_time(model, n):>22}" for n in range(terms))]
    for signal, values, errors in zip(model.signal_dn, model.fraction, model.fraction_error, strict=True):
        what = "caught, any signal" if model.signal_dn.size == 1 else f"caught at {signal:.0f} DN"
        pairs = [f"{_with_error(100 * v, 100 * e)} %" for v, e in zip(values, errors, strict=True)]
        lines.append(f"{what:<28}" + "".join(f"{pair:>22}" for pair in pairs))
    gains = [f"{gain:.4f}" for gain in model.noise_gain]
    lines.append(f"noise of a corrected frame: x {' '.join(gains)}")
    for curve in model.curves:
        title = f"{curve.name or 'sequence'}, {curve.signal_dn:.0f} DN"
        lines += ["", f"{title}: {curve.frames_on} frames with beam, {curve.frames_off} without"]
        lines += [f"  {line}" for line in _quoted("lag", curve.lag)]
        lines += [f"  {line}" for line in _quoted("left after correction", curve.residual)]
        lines += [f"  {line}" for line in _quoted("rising step, first frame", curve.rise)]
    if model.curves:
        lines += ["", "Left over in the sequences it was fitted to; frame 1 settles the fastest term and tests little."]
    return lines + [f"note: {note}" for note in model.notes]


def _quoted(what: str, values: dict[str, LagValue]) -> list[str]:
    if not values:
        return []
    pairs = [f"{name} {_with_error(100 * each.value, 100 * each.error)} %" for name, each in values.items()]
    return [f"{what}: {', '.join(pairs)}"]


def _time(model: LagModel, term: int) -> str:
    value, error = float(model.time_s[term]), float(model.time_error_s[term])
    return f"{value:.3g} s (held)" if math.isnan(error) else f"{_with_error(value, error)} s"


def _with_error(value: float, error: float) -> str:
    """The value with as many decimals as two digits of its error have, at most six."""
    if not error > 0:
        return f"{value:.4g}"
    decimals = min(6, max(0, 1 - math.floor(math.log10(error))))
    return f"{round(value, decimals) + 0.0:.{decimals}f} ± {error:.{decimals}f}"  # + 0.0: no minus zero


def _files(calibration: CalibrationSet) -> list[dict[str, Any]]:
    """Files of the sequences, as the provenance names them."""
    return list(calibration.provenance.get("lag_files", ()))

"""`radiography lag`: the lag model of a calibration set as a table."""

from __future__ import annotations

import math
from pathlib import Path

from calibration.lag.model import LagModel
from calibration.lag.record import LagValue
from radiography.cli.output import file_of, give_json, warn
from radiography.jobs.lag import LagReport, lag_report_to_json, report_lag


def run_lag(calibration: Path, json_file: Path | None, plot: Path | None) -> None:
    """Print what the calibration knows about lag; write JSON and a plot where asked for."""
    found = report_lag(calibration, json_file=file_of(json_file), plot=plot)
    for line in _lines(found):
        print(line)
    for note in found.model.notes:
        warn(note)
    give_json(json_file, lag_report_to_json(found), written=True)


def _lines(report: LagReport) -> list[str]:
    """The report, line by line."""
    model = report.model
    terms = model.time_s.size
    lines = [
        f"{report.calibration.name}: lag of {terms} term{'s' * (terms > 1)}, learned at {model.frame_interval_s:.4g} s "
        f"per frame and up to {model.covered_s:.4g} s after the beam, chi-square {model.chi_square:.2f}"
    ]
    lines += [f"from {file['name']} (SHA-256 {str(file['sha256'])[:12]})" for file in report.origin]
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
    return lines


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

"""`radiography qc`: the quality of a calibration set as a table, its trend over earlier sets, and its limits."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, log10
from pathlib import Path

from calibration.quality.quality import Number
from calibration.quality.trend import Trend
from radiography.cli.output import file_of, give_json, progress, warn
from radiography.jobs.qc import DatedQuality, QualityReport, doubts, quality_report_to_json, report_quality

_GROUPS = {  # first quantity of each part of the table
    "residual_signal_local_percent": "uniformity",
    "flat_snr": "noise",
    "offset_dn": "dark signal",
    "lag_first_frame_percent": "lag",
    "bad_pixels": "defects",
    "chi_square": "dose response",
    "offset_drift_dn": "drift since the baseline",
}
_MOST_DECIMALS = 6


def run_qc(
    calibration: Path,
    earlier: Sequence[str],
    limits: str | None,
    csv_file: Path | None,
    json_file: Path | None,
    plot: Path | None,
) -> bool:
    """Print the quality of a set and its trend, write what was asked for; True when no limit is broken."""
    with progress() as report:
        found = report_quality(
            calibration,
            earlier=earlier,
            limits=limits,
            csv_file=csv_file,
            json_file=file_of(json_file),
            plot=plot,
            report=report,
        )
    _print_origin(found)
    _print_numbers(found)
    _print_verdicts(found)
    for doubt in doubts(found):
        warn(doubt)
    give_json(json_file, quality_report_to_json(found), written=True)
    return found.within_limits


def _print_origin(found: QualityReport) -> None:
    """Which sets the numbers come from."""
    judged, identity = found.sets[-1], found.sets[-1].quality.identity
    known = [str(identity[key]) for key in ("panel", "serial", "date") if key in identity]
    size = " x ".join(str(side) for side in identity["shape"])
    about = ", ".join([*known, size, f"frames: {identity['dark_frames']} dark, {identity['flat_frames']} flat"])
    print(f"{judged.path}: {about}")
    if len(found.sets) > 1:
        print(f"baseline: {found.sets[0].path}, {_day(found.sets[0])}, the first of {len(found.sets)} sets")


def _day(rated: DatedQuality) -> str:
    return "no date" if rated.date is None else f"{rated.date:%Y-%m-%d}"


def _print_numbers(found: QualityReport) -> None:
    """The table: each quantity with its trend and verdict, then what was not measured and why."""
    several = len(found.sets) > 1
    print(f"{'':<34}{'value':>22} {'':<5}{'noise alone':>12}" + f"{'change':>21}{'per 30 days':>21}" * several)
    missing: dict[str, list[str]] = {}
    heading = ""
    for name, number in found.sets[-1].quality.numbers.items():
        heading = _GROUPS.get(name, heading)
        if number.value is None:
            missing.setdefault(number.note, []).append(name)
            continue
        if heading:
            print(heading)
            heading = ""
        verdict = f"  {found.verdicts[name] or 'ok'}" if found.verdicts.get(name) is not None else ""
        note = f"  ({number.note})" if number.note else ""
        print(_line(name, number, found.trends[name] if several else None) + verdict + note)
    for why, names in missing.items():
        print(f"{why}: {', '.join(names)}")


def _print_verdicts(found: QualityReport) -> None:
    """Which limits are broken, and how many are kept."""
    for name, verdict in found.verdicts.items():
        if verdict:
            print(f"limit broken: {name} {with_error(*_parts(found.sets[-1].quality.numbers[name]))} {verdict}")
    if found.limits:
        kept, failed = sum(v == "" for v in found.verdicts.values()), sum(bool(v) for v in found.verdicts.values())
        print(f"limits: {kept} kept, {failed} broken, {len(found.limits) - kept - failed} not judged")


def with_error(value: float, error: float | None) -> str:
    """A number with its standard error, both to two digits of the error; without one, four digits."""
    if not error or error < 1e-12 * abs(value):  # rounding
        return f"{value:.0f}" if value == round(value) or abs(value) >= 1000.0 else f"{value:.4g}"
    if error < 10.0**-_MOST_DECIMALS:
        return f"{value:.4g} ± {error:.1g}"
    decimals = min(max(1 - floor(log10(error)), 0), _MOST_DECIMALS)
    return f"{value:.{decimals}f} ± {error:.{decimals}f}"


def _parts(number: Number) -> tuple[float, float | None]:
    return (float("nan") if number.value is None else number.value), number.error


def _line(name: str, number: Number, trend: Trend | None) -> str:
    """One quantity: value, unit, what noise alone makes, change and slope."""
    alone = "" if number.noise_alone is None else f"{number.noise_alone:.3g}"
    unit = "" if number.unit == "1" else number.unit
    line = f"  {name:<32}{with_error(*_parts(number)):>22} {unit:<5}{alone:>12}"
    if trend is not None:
        for value, error in ((trend.change, trend.change_error), (trend.slope, trend.slope_error)):
            text = "" if value is None else with_error(value, error)
            line += f"{text if text.startswith('-') or not text else '+' + text:>21}"
    return line.rstrip()

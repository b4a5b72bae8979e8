"""A panel's quality as text: the table on the screen, and the trend as CSV, a row for each calibration set."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import floor, log10
from pathlib import Path

from calibration.quality.quality import QUANTITIES, Number, Quality
from calibration.quality.trend import Limit, Trend

_HEAD = ("file", "sha256", "serial", "date")  # of the CSV
_COMPARABLE = {"integration_time_s": "s", "temperature_C": "deg C", "kvp": "kV", "source_to_detector_mm": "mm"}
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


@dataclass(frozen=True, eq=False)
class DatedQuality:
    """The quality of one file; `date` is None where the set does not say it."""

    path: Path
    sha256: str
    date: datetime | None
    quality: Quality


def date_of(rated: DatedQuality) -> datetime:
    """Its date; the beginning of time where it has none."""
    return rated.date if rated.date is not None else datetime.min.replace(tzinfo=UTC)


def print_quality(
    sets: Sequence[DatedQuality],
    later: int,
    trends: Mapping[str, Trend],
    bounds: Mapping[str, Limit],
    verdicts: Mapping[str, str | None],
) -> None:
    """Print the numbers of the last set, their trend over all, and which limits hold."""
    judged, identity = sets[-1], sets[-1].quality.identity
    known = [str(identity[key]) for key in ("panel", "serial", "date") if key in identity]
    size = " x ".join(str(side) for side in identity["shape"])
    about = ", ".join([*known, size, f"frames: {identity['dark_frames']} dark, {identity['flat_frames']} flat"])
    print(f"{judged.path}: {about}")
    several = len(sets) > 1
    if several:
        print(f"baseline: {sets[0].path}, {date_of(sets[0]):%Y-%m-%d}, the first of {len(sets)} sets")
    if later:
        print(f"note: {later} set(s) of a later date than {judged.path} left out")
    for rated in sets[:-1]:
        for key, unit in _COMPARABLE.items():
            own, wanted = rated.quality.identity.get(key), identity.get(key)
            if own is not None and wanted is not None and own != wanted:
                print(f"note: {rated.path} was taken at {own:g} {unit}, {judged.path} at {wanted:g} {unit}")
    print(f"{'':<34}{'value':>22} {'':<5}{'noise alone':>12}" + f"{'change':>21}{'per 30 days':>21}" * several)
    missing: dict[str, list[str]] = {}
    heading = ""
    for name, number in judged.quality.numbers.items():
        heading = _GROUPS.get(name, heading)
        if number.value is None:
            missing.setdefault(number.note, []).append(name)
            continue
        if heading:
            print(heading)
            heading = ""
        verdict = f"  {verdicts[name] or 'ok'}" if verdicts.get(name) is not None else ""
        note = f"  ({number.note})" if number.note else ""
        print(_line(name, number, trends[name] if several else None) + verdict + note)
    for why, names in missing.items():
        print(f"{why}: {', '.join(names)}")
    for name, found in verdicts.items():
        if found is None:
            print(f"limit not judged: {name}")
        elif found:
            print(f"limit broken: {name} {with_error(*_parts(judged.quality.numbers[name]))} {found}")
    if bounds:
        counts = [sum(v == "" for v in verdicts.values()), sum(bool(v) for v in verdicts.values())]
        print(f"limits: {counts[0]} kept, {counts[1]} broken, {len(bounds) - sum(counts)} not judged")


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


def row_of(rated: DatedQuality) -> dict[str, str]:
    """One line of the trend; what was not measured is left empty."""
    row = {
        "file": rated.path.name,
        "sha256": rated.sha256,
        "serial": str(rated.quality.identity.get("serial", "")),
        "date": rated.date.isoformat() if rated.date is not None else "",
    }
    for name, number in rated.quality.numbers.items():
        row[name] = "" if number.value is None else f"{number.value:.7g}"
        row[f"{name}_error"] = "" if number.error is None else f"{number.error:.3g}"
    return row


def _columns() -> list[str]:
    return [*_HEAD, *(column for name in QUANTITIES for column in (name, f"{name}_error"))]


def rows_in(path: Path, judged: DatedQuality) -> list[dict[str, str]]:
    """The rows that an earlier run left in the CSV, checked to be of this panel."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            found = list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path} cannot be added to: {error}") from error
    columns = reader.fieldnames or []
    strange = [column for column in columns if column not in _columns()]
    if [*columns[: len(_HEAD)]] != [*_HEAD] or strange:
        raise ValueError(f"{path} cannot be added to: it is no trend of this command")
    serial = str(judged.quality.identity.get("serial", ""))
    for number, row in enumerate(found):
        if None in row or None in row.values():
            raise ValueError(f"{path} cannot be added to: line {number + 2} has not {len(columns)} columns")
        if row["serial"] and serial and row["serial"] != serial:
            raise ValueError(f"{path} holds the trend of serial {row['serial']}, but {judged.path} is of {serial}")
    return found


def as_csv(rows: Sequence[Mapping[str, str]]) -> str:
    """The table with each set once, by its hash, the latest row for it, in the order of the dates."""
    unique = {row["sha256"]: row for row in rows}
    text = io.StringIO()
    writer = csv.DictWriter(text, _columns(), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(sorted(unique.values(), key=lambda row: row["date"]))
    return text.getvalue()

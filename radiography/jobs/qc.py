"""Quality of a calibration set: its numbers, their trend over earlier sets, and whether limits hold."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from calibration.calibration_set import CalibrationSet, load_calibration_set
from calibration.conditions import of_one_panel
from calibration.quality.drift import with_drift
from calibration.quality.quality import QUANTITIES, Quality, quality_of, quality_to_json
from calibration.quality.trend import LIMITS_FOLDER, Limit, Trend, broken, limits_from, trend_of
from radiography.config import read_toml
from radiography.files.frames import sha256_of
from radiography.jobs.inputs import (
    PICTURES,
    Files,
    Report,
    all_or_none,
    check_writable,
    input_files,
    keep_apart,
    named,
    no_report,
    optional_path,
)
from radiography.jobs.json_text import write_json

_SECONDS_PER_DAY = 86400.0
_COMPARABLE = {"integration_time_s": "s", "temperature_C": "deg C", "kvp": "kV", "source_to_detector_mm": "mm"}
_HEAD = ("file", "sha256", "serial", "date")  # of the CSV


@dataclass(frozen=True, eq=False)
class DatedQuality:
    """The quality of one calibration set.

    Attributes
    ----------
    path : Path
        File of the set.
    sha256 : str
        Of the file.
    date : datetime or None
        When the set was taken, where it says so.
    quality : Quality
    """

    path: Path
    sha256: str
    date: datetime | None
    quality: Quality


@dataclass(frozen=True, eq=False)
class QualityReport:
    """The quality of a calibration set, and the files that were written of it.

    Attributes
    ----------
    sets : tuple of DatedQuality
        All sets in the order of their dates; the last is judged, the first is the baseline.
    later : int
        Earlier sets that turned out later than the judged one, and were left out. [1]
    trends : mapping of str to Trend
        Of each quantity over the sets.
    limits : mapping of str to Limit
        By quantity; empty where none were asked for.
    verdicts : mapping of str to str or None
        By quantity with a limit: how it is broken, "" where it is kept, None where it was not judged.
    csv_file, json_file, plot : Path or None
        Files of the report, where they were asked for.
    """

    sets: tuple[DatedQuality, ...]
    later: int
    trends: Mapping[str, Trend]
    limits: Mapping[str, Limit]
    verdicts: Mapping[str, str | None]
    csv_file: Path | None
    json_file: Path | None
    plot: Path | None

    @property
    def within_limits(self) -> bool:
        """Whether no limit is broken."""
        return not any(self.verdicts.values())


def report_quality(
    calibration: str | Path,
    *,
    earlier: Files = (),
    limits: str | Path | None = None,
    csv_file: str | Path | None = None,
    json_file: str | Path | None = None,
    plot: str | Path | None = None,
    report: Report = no_report,
) -> QualityReport:
    """Uniformity, noise, lag and defects of a calibration set, with the trend over earlier ones.

    Parameters
    ----------
    calibration : str or Path
        The set to judge.
    earlier : str, Path or sequence of them
        Earlier sets of the same panel: files, patterns or folders.
    limits : str or Path, optional
        Limits that ship with the package, by name, or a .toml file of others.
    csv_file : str or Path, optional
        Table of the trend, a row for each set; the sets of this run are added to one that exists.
    json_file, plot : str or Path, optional
        Where the numbers are written as JSON, and drawn (.png, .pdf or .svg).
    report : callable
        Called with what is being done and the fraction of it that is done, 0 to 1.

    Returns
    -------
    quality : QualityReport

    Raises
    ------
    ValueError, TypeError, OSError
        In one sentence, if sets are of two panels, have no dates or cannot be read; no file is left behind then.
    """
    calibration = Path(calibration)
    table, written, drawn = optional_path(csv_file), optional_path(json_file), optional_path(plot)
    check_writable(table, (".csv",))
    check_writable(written)
    check_writable(drawn, PICTURES)
    bounds = load_limits(str(limits)) if limits is not None else {}
    earlier_files = input_files(earlier, "earlier calibration") if named(earlier) else []
    keep_apart([written, table, drawn], [calibration, limits, *earlier_files])
    report("comparing", 0.0)
    sets, later = _rated(calibration, earlier_files, report)
    judged = sets[-1]
    old_rows = _rows_in(table, judged) if table is not None and table.exists() else []
    dates = [rated.date for rated in sets if rated.date is not None]
    days = [date.timestamp() / _SECONDS_PER_DAY for date in dates] if len(dates) == len(sets) else [0.0] * len(sets)
    trends = {name: trend_of(days, [rated.quality.numbers[name] for rated in sets]) for name in QUANTITIES}
    verdicts = {name: broken(bound, judged.quality.numbers[name], trends[name]) for name, bound in bounds.items()}
    found = QualityReport(
        sets=tuple(sets),
        later=later,
        trends=trends,
        limits=bounds,
        verdicts=verdicts,
        csv_file=table,
        json_file=written,
        plot=drawn,
    )
    with all_or_none(written, table, drawn) as places:
        if written is not None:
            write_json(places[written], quality_report_to_json(found))
        if table is not None:
            text = _as_csv([*old_rows, *(_row_of(rated) for rated in sets)])
            places[table].write_text(text, encoding="utf-8", newline="\n")
        if drawn is not None:
            from radiography.figures.quality_plot import quality_figure

            figure = quality_figure([rated.quality for rated in sets], dates, bounds)
            figure.savefig(places[drawn], dpi=150)
    report("comparing", 1.0)
    return found


def load_limits(name: str) -> dict[str, Limit]:
    """Limits from a file, or those that ship with the package by name."""
    shipped = sorted(path.stem for path in LIMITS_FOLDER.glob("*.toml"))
    path = LIMITS_FOLDER / f"{name}.toml" if name in shipped else Path(name)
    if not path.is_file():
        if path.suffix.lower() != ".toml":
            raise ValueError(f"no limits are called '{name}'; known: {', '.join(shipped)}, or a .toml file")
        raise FileNotFoundError(f"{path} does not exist")
    try:
        return limits_from(read_toml(path))
    except (TypeError, ValueError) as error:
        message = str(error)
        raise type(error)(message if str(path) in message else f"{path}: {message}") from error


def _rated(calibration: Path, earlier: Sequence[Path], report: Report) -> tuple[list[DatedQuality], int]:
    """All sets in the order of their dates, the one to judge last, with drifts; and how many later ones there were."""
    unique = {path.resolve(): path for path in earlier if path.resolve() != calibration.resolve()}
    current = load_calibration_set(calibration)
    rated = [_rate(calibration, current)]
    last = rated[0]
    for number, path in enumerate(unique.values()):
        other = load_calibration_set(path)
        _refuse_other_panel(path, other, calibration, current)
        rated.insert(0, _rate(path, other))
        report("comparing", (number + 1) / (2 * len(unique)))
    if len(rated) == 1:
        return rated, 0
    for each in rated:
        if each.date is None:
            raise ValueError(f"{each.path} does not say its date, which a trend over several sets needs")
    before = [each for each in rated if each is not last and _day_of(each) <= _day_of(last)]
    kept = [*sorted(before, key=_day_of), last]
    baseline = load_calibration_set(kept[0].path) if before else current
    for number, each in enumerate(kept[1:], start=1):
        later_set = current if each is last else load_calibration_set(each.path)
        kept[number] = replace(each, quality=with_drift(each.quality, later_set, baseline))
        report("comparing", 0.5 + number / (2 * len(kept)))
    return kept, len(rated) - len(kept)


def _day_of(rated: DatedQuality) -> datetime:
    """Its date; the beginning of time where it has none."""
    return rated.date if rated.date is not None else datetime.min.replace(tzinfo=UTC)


def _rate(path: Path, calibration: CalibrationSet) -> DatedQuality:
    try:
        quality = quality_of(calibration)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    said = calibration.conditions.date
    try:
        date = None if said is None else datetime.fromisoformat(said)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path} gives its date as {said!r}, which is not an ISO date") from error
    if date is not None and date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return DatedQuality(path, sha256_of(path), date, quality)


def _refuse_other_panel(path: Path, other: CalibrationSet, calibration: Path, current: CalibrationSet) -> None:
    shapes = [" x ".join(str(side) for side in each.offset_dn.shape) for each in (other, current)]
    if shapes[0] != shapes[1]:
        raise ValueError(f"{path} is {shapes[0]} pixels but {calibration} is {shapes[1]}: they are of two panels")
    of_one_panel([(str(calibration), current.conditions), (str(path), other.conditions)])


def quality_report_to_json(found: QualityReport) -> dict[str, Any]:
    """The numbers of the judged set with trends, limits and verdicts, those of all sets, and what to doubt."""
    sets, verdicts, judged = found.sets, found.verdicts, found.sets[-1]
    words = {None: "not judged", "": "kept"}
    return {
        "calibration": {"name": judged.path.name, "sha256": judged.sha256},
        **quality_to_json(judged.quality),
        "trends": {name: asdict(trend) for name, trend in found.trends.items()} if len(sets) > 1 else {},
        "limits": {
            name: {**asdict(bound), "verdict": words.get(verdicts[name], verdicts[name])}
            for name, bound in found.limits.items()
        },
        "within_limits": found.within_limits,
        "sets": [
            {
                "name": rated.path.name,
                "sha256": rated.sha256,
                "date": None if rated.date is None else rated.date.isoformat(),
                "numbers": {name: [number.value, number.error] for name, number in rated.quality.numbers.items()},
            }
            for rated in sets
        ],
        "warnings": doubts(found),
    }


def doubts(found: QualityReport) -> list[str]:
    """What makes the numbers hard to compare, and which limits could not be judged."""
    judged = found.sets[-1]
    identity = judged.quality.identity
    said = [f"{found.later} set(s) of a later date than {judged.path} left out"] if found.later else []
    for rated in found.sets[:-1]:
        for key, unit in _COMPARABLE.items():
            own, wanted = rated.quality.identity.get(key), identity.get(key)
            if own is not None and wanted is not None and own != wanted:
                said.append(f"{rated.path} was taken at {own:g} {unit}, {judged.path} at {wanted:g} {unit}")
    return said + [f"limit not judged: {name}" for name, verdict in found.verdicts.items() if verdict is None]


def _row_of(rated: DatedQuality) -> dict[str, str]:
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


def _rows_in(path: Path, judged: DatedQuality) -> list[dict[str, str]]:
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


def _as_csv(rows: Sequence[Mapping[str, str]]) -> str:
    """The table with each set once, by its hash, the latest row for it, in the order of the dates."""
    unique = {row["sha256"]: row for row in rows}
    text = io.StringIO()
    writer = csv.DictWriter(text, _columns(), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(sorted(unique.values(), key=lambda row: row["date"]))
    return text.getvalue()

"""`radiography qc`: the quality of a calibration set as a table, its trend over earlier sets, and its limits."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from calibration.calibration_set import CalibrationSet, load_calibration_set
from calibration.conditions import of_one_panel
from calibration.quality.drift import with_drift
from calibration.quality.quality import QUANTITIES, quality_of, quality_to_json
from calibration.quality.trend import LIMITS_FOLDER, Limit, Trend, broken, limits_from, trend_of
from calibration.whole_file import staged
from radiography.cli.options import progress_bar
from radiography.cli.qc_table import DatedQuality, as_csv, date_of, print_quality, row_of, rows_in
from radiography.config import read_toml
from radiography.files.frames import sha256_of
from radiography.jobs.inputs import check_writable, input_files

_SECONDS_PER_DAY = 86400.0


def run_qc(
    calibration: Path,
    earlier: Sequence[str],
    limits: str | None,
    csv_file: Path | None,
    json_file: Path | None,
    plot: Path | None,
) -> bool:
    """Print the quality of a set and its trend, write what was asked for; True when no limit is broken."""
    for path, suffixes in ((csv_file, (".csv",)), (json_file, (".json",)), (plot, (".png", ".pdf", ".svg"))):
        if path is not None:
            check_writable(path, suffixes)
    bounds = _limits(limits) if limits is not None else {}
    sets, later = _rated(calibration, input_files(earlier, "earlier calibration") if earlier else [])
    judged = sets[-1]
    old_rows = rows_in(csv_file, judged) if csv_file is not None and csv_file.exists() else []
    dates = [rated.date for rated in sets if rated.date is not None]
    days = [date.timestamp() / _SECONDS_PER_DAY for date in dates] if len(dates) == len(sets) else [0.0] * len(sets)
    trends = {name: trend_of(days, [rated.quality.numbers[name] for rated in sets]) for name in QUANTITIES}
    verdicts = {name: broken(bound, judged.quality.numbers[name], trends[name]) for name, bound in bounds.items()}
    result = not any(verdicts.values())

    with ExitStack() as all_files:  # none appears unless all could be written
        if json_file is not None:
            text = json.dumps(_as_json(sets, trends, bounds, verdicts), indent=2) + "\n"
            (all_files.enter_context(staged(json_file.parent)) / json_file.name).write_text(text, encoding="utf-8")
        if csv_file is not None:
            text = as_csv([*old_rows, *(row_of(rated) for rated in sets)])
            (all_files.enter_context(staged(csv_file.parent)) / csv_file.name).write_text(text, encoding="utf-8")
        if plot is not None:
            from radiography.figures.quality_plot import quality_figure

            figure = quality_figure([rated.quality for rated in sets], dates, bounds)
            figure.savefig(all_files.enter_context(staged(plot.parent)) / plot.name, dpi=150)
    print_quality(sets, later, trends, bounds, verdicts)
    return result


def _limits(name: str) -> dict[str, Limit]:
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


def _rated(calibration: Path, earlier: Sequence[Path]) -> tuple[list[DatedQuality], int]:
    """All sets in the order of their dates, the one to judge last, with drifts; and how many later ones there were."""
    unique = {path.resolve(): path for path in earlier if path.resolve() != calibration.resolve()}
    current = load_calibration_set(calibration)
    rated = [_rate(calibration, current)]
    last = rated[0]
    with progress_bar("comparing") as progress:
        for number, path in enumerate(unique.values()):
            other = load_calibration_set(path)
            _refuse_other_panel(path, other, calibration, current)
            rated.insert(0, _rate(path, other))
            progress((number + 1) / (2 * len(unique)))
        if len(rated) == 1:
            return rated, 0
        for each in rated:
            if each.date is None:
                raise ValueError(f"{each.path} does not say its date, which a trend over several sets needs")
        before = [each for each in rated if each is not last and date_of(each) <= date_of(last)]
        kept = [*sorted(before, key=date_of), last]
        baseline = load_calibration_set(kept[0].path) if before else current
        for number, each in enumerate(kept[1:], start=1):
            later_set = current if each is last else load_calibration_set(each.path)
            kept[number] = replace(each, quality=with_drift(each.quality, later_set, baseline))
            progress(0.5 + number / (2 * len(kept)))
    return kept, len(rated) - len(kept)


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


def _as_json(
    sets: Sequence[DatedQuality],
    trends: Mapping[str, Trend],
    bounds: Mapping[str, Limit],
    verdicts: Mapping[str, str | None],
) -> dict[str, Any]:
    judged = sets[-1]
    words = {None: "not judged", "": "kept"}
    return {
        "calibration": {"name": judged.path.name, "sha256": judged.sha256},
        **quality_to_json(judged.quality),
        "trends": {name: asdict(trend) for name, trend in trends.items()} if len(sets) > 1 else {},
        "limits": {
            name: {**asdict(bound), "verdict": words.get(verdicts[name], verdicts[name])}
            for name, bound in bounds.items()
        },
        "within_limits": not any(verdicts.values()),
        "sets": [
            {
                "name": rated.path.name,
                "sha256": rated.sha256,
                "date": None if rated.date is None else rated.date.isoformat(),
                "numbers": {name: [number.value, number.error] for name, number in rated.quality.numbers.items()},
            }
            for rated in sets
        ],
    }

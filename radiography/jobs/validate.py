"""Validation of the model: predicted, published, deviation, as JSON, CSV, a text table and a figure in a folder."""

from __future__ import annotations

import csv
import io
import textwrap
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from calibration.whole_file import folder_for, staged
from radiography.jobs.inputs import Report, check_at_least, check_folder, keep_apart, no_report
from radiography.jobs.json_text import write_json
from radiography.light.layer_light import PHOTONS
from radiography.study.measures import VALIDATION_HISTORIES
from radiography.study.published import PublishedTable, load_published
from radiography.study.validation import (
    LARGE_DEVIATION,
    ValidationRow,
    check_table,
    median_by_group,
    median_deviation,
    validation_rows,
)
from radiography.sweep.engine import IN_A_LOOP, LOOP, Engine, check_engine, values_of_tasks

OWN = "own_monte_carlo"  # kind of reference that is no publication
QUANTITY_WIDTH, TEXT_WIDTH = 62, 118  # characters of the text table
FILES = ("validate.json", "validate.csv", "validate.txt", "validate.png")


@dataclass(frozen=True, eq=False)
class Validation:
    """Rows of predicted beside published values, and the files that were written of them.

    Attributes
    ----------
    folder : Path
        Folder of the files.
    rows : tuple of ValidationRow
        In the order of the table.
    median_deviation : float
        Median of the absolute deviations of the rows that nothing was fitted to. [1]
    seconds : mapping of str to float
        Time that each group of rows took; not part of the files. [s]
    files : tuple of str
        Names inside the folder.
    """

    folder: Path
    rows: tuple[ValidationRow, ...]
    median_deviation: float
    seconds: dict[str, float]
    files: tuple[str, ...]


def validate_model(
    out: str | Path,
    *,
    table: str | Path | None = None,
    histories: int = VALIDATION_HISTORIES,
    photons: int = PHOTONS,
    engine: Engine = IN_A_LOOP,
    report: Report = no_report,
) -> Validation:
    """Predict what was published, and write both with the deviation into a folder.

    Parameters
    ----------
    out : str or Path
        Folder for the results.
    table : str or Path, optional
        Published values as TOML; without it those that ship.
    histories, photons : int
        X-rays per energy and light photons of the Monte Carlo. [1]
    engine : Engine
        Where groups of rows are predicted.
    report : callable
        Called with the group of rows and the fraction of it that is done, 0 to 1; on workers with that of all groups.

    Returns
    -------
    validation : Validation

    Raises
    ------
    ValueError, OSError
        In one sentence, if the table is wrong or the folder cannot be written to; no file is left behind then.
    """
    out = Path(out)
    check_folder(out)
    keep_apart([out / name for name in FILES], [table])
    check_at_least("histories", histories, 2)
    check_at_least("photons", photons, 1000)
    published = load_published(table)
    check_table(published)
    check_engine(engine)
    if engine.scheduler == LOOP:
        rows, seconds = _predict(published, histories, photons, report)
    else:
        groups = list(dict.fromkeys(row.group for row in published.rows))
        tables = [replace(published, rows=tuple(row for row in published.rows if row.group == g)) for g in groups]
        task = partial(_predict, histories=histories, photons=photons, report=no_report)
        found = values_of_tasks(task, tables, groups, engine, partial(report, "groups of rows"))
        by_quantity = {row.quantity: row for own, _ in found for row in own}
        rows = [by_quantity[row.quantity] for row in published.rows]
        seconds = {group: own[group] for group, (_, own) in zip(groups, found, strict=True)}
    with folder_for(out), staged(out) as folder:
        write_json(folder / "validate.json", validation_to_json(rows))
        (folder / "validate.csv").write_text(_as_csv(rows), encoding="utf-8", newline="\n")
        (folder / "validate.txt").write_text(validation_text(rows), encoding="utf-8", newline="\n")
        from radiography.figures.validation_plot import validation_figure

        validation_figure(rows).savefig(folder / "validate.png", dpi=120)
    return Validation(out, tuple(rows), median_deviation(rows), seconds, FILES)


def _predict(
    published: PublishedTable, histories: int, photons: int, report: Report
) -> tuple[list[ValidationRow], dict[str, float]]:
    """Rows of a table, and the time that each of its groups took. [s]"""
    rows: list[ValidationRow] = []
    seconds: dict[str, float] = {}
    started = time.monotonic()
    for row in validation_rows(published, histories=histories, photons=photons, progress=report):
        rows.append(row)
        now = time.monotonic()
        seconds[row.group] = seconds.get(row.group, 0.0) + now - started
        started = now
    return rows, seconds


def validation_to_json(rows: Sequence[ValidationRow]) -> dict[str, Any]:
    """The rows, and how far the model is from what was published."""
    return {
        "software": f"radiography {version('radiography')}",
        "rows": [asdict(row) for row in rows],
        "median_absolute_deviation": median_deviation(rows),
        "median_absolute_deviation_by_group": median_by_group(rows),
        "rows_not_fitted": sum(not row.fitted for row in rows),
        "rows_beyond_a_tenth": sum(abs(row.deviation) > LARGE_DEVIATION for row in rows),
        "rows_against_own_monte_carlo": sum(row.reference == OWN for row in rows),
        "warnings": [],
    }


def _as_csv(rows: Sequence[ValidationRow]) -> str:
    """The rows of the JSON; numbers to the last digit, nothing where there is none, fitted as true or false."""
    stream = io.StringIO()
    records = [asdict(row) for row in rows]
    writer = csv.DictWriter(stream, records[0].keys(), lineterminator="\n")
    writer.writeheader()
    for record in records:
        writer.writerow({**record, "fitted": "true" if record["fitted"] else "false"})
    return stream.getvalue()


def validation_text(rows: Sequence[ValidationRow]) -> str:
    """The table as text: a line for each row, then notes and sources by number."""
    lines, group = [], ""
    for number, row in enumerate(rows, 1):
        if row.group != group:
            group = row.group
            lines += [
                "",
                f"{group:<{QUANTITY_WIDTH + 4}}{'predicted':>11}{'published':>11}  {'unit':<12}{'deviation':>10}",
            ]
        mark = "*" if row.fitted else "o" if row.reference == OWN else ""
        lines.append(
            f"{number:>3} {row.quantity:<{QUANTITY_WIDTH}}{row.predicted:>11.4g}{row.published:>11.4g}  {row.unit:<12}"
            f"{round(100 * row.deviation, 1) + 0.0:>+8.1f} %{mark:>2}".rstrip()
        )
    beyond = [row for row in rows if abs(row.deviation) > LARGE_DEVIATION]
    lines += [
        "",
        f"{len(rows)} rows, {sum(not row.fitted for row in rows)} of them not fitted: median deviation "
        f"{100 * median_deviation(rows):.1f} %; {len(beyond)} beyond {100 * LARGE_DEVIATION:g} %.",
        "By group: " + ", ".join(f"{name} {100 * value:.1f} %" for name, value in median_by_group(rows).items()) + ".",
        "* fitted to the published number; o against an independent Monte Carlo, not a publication.",
        "",
    ]
    for number, row in enumerate(rows, 1):
        said = f"{row.source}{_range(row)}" + (f". Note: {row.note}" if row.note else "")
        if row.scintillator:
            said += f" [{row.scintillator}]"
        lines += textwrap.wrap(f"{number:>3} {said}", TEXT_WIDTH, subsequent_indent="    ")
    return "\n".join(lines).lstrip("\n") + "\n"


def _range(row: ValidationRow) -> str:
    if row.published_low is None or row.published_high is None:
        return ""
    return f" ({row.published_low:g} to {row.published_high:g} {row.unit}".rstrip() + ")"

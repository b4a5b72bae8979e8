"""`radiography measure`: images judged by kind, as a table, JSON, CSV and a plot."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from radiography.cli.options import region
from radiography.cli.output import file_of, give_json, progress, warn
from radiography.cli.qc import with_error
from radiography.files.frames import RawLayout
from radiography.jobs.kind_types import Asked, Table
from radiography.jobs.measure_kind import KindMeasurement, measure_kind


def run_measure(
    kind: str,
    files: Sequence[str],
    asked: Asked,
    *,
    dark: Sequence[str],
    earlier: Sequence[str],
    flags: Path | None,
    pitch_mm: float | None,
    json_file: Path | None,
    csv_file: Path | None,
    plot: Path | None,
    layout: RawLayout | None,
) -> None:
    """Print what a kind of measurement finds in images; write JSON, CSV and a plot where asked for."""
    with progress() as report:
        found = measure_kind(
            kind,
            list(files),
            asked,
            dark=list(dark),
            pitch_mm=pitch_mm,
            earlier=list(earlier),
            flags=flags,
            json_file=file_of(json_file),
            csv_file=csv_file,
            plot=plot,
            layout=layout,
            report=report,
        )
    for doubt in found.result["warnings"]:
        warn(doubt)
    _print(found)
    give_json(json_file, found.result, written=True)


def asked_for(
    *,
    roi: str | None,
    background: str | None,
    block_mm: float | None,
    diameters: str | None,
    d_prime: float | None,
    mtf: Path | None,
    thickness: str | None,
    resolution_mm: float | None,
    dose: str | None,
) -> Asked:
    """What the options ask for, their texts made into regions and numbers."""
    for option, length in (("--block", block_mm), ("--srb", resolution_mm), ("--d-prime", d_prime)):
        if length is not None and not 0 < length < math.inf:
            raise ValueError(f"{option} must be above 0, got {length:g}")
    return Asked(
        roi=region(roi),
        background=region(background, "--background"),
        block_mm=block_mm,
        diameters_mm=_numbers("--diameters", diameters),
        d_prime=d_prime,
        mtf=mtf,
        thickness_mm=_numbers("--thickness", thickness),
        resolution_mm=resolution_mm,
        doses_uGy=_numbers("--dose", dose),
    )


def _numbers(option: str, text: str | None) -> tuple[float, ...] | None:
    """A,B,... as numbers; None stays None."""
    if text is None:
        return None
    try:
        found = tuple(float(part) for part in text.split(","))
    except ValueError:
        found = ()
    if not found or not all(math.isfinite(number) for number in found):
        raise ValueError(f"{option} must be numbers such as 1,2,5, got '{text}'")
    return found


def _print(found: KindMeasurement) -> None:
    names = found.result["files"]
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    frames = found.result["frames"]
    print(f"{names[0]}{more}: {found.kind} of {frames} frame{'s' * (frames > 1)}")
    for line in found.table.lines:
        print(line)
    for line in _table_lines(found.table):
        print(line)
    for name, trend in found.result.get("trend", {}).items():
        change, slope = trend["change"], trend["slope_per_30_days"]
        parts = [] if change is None else [f"{with_error(change, trend['change_standard_error'])} since the baseline"]
        parts += [] if slope is None else [f"{with_error(slope, trend['slope_standard_error'])} per 30 days"]
        print(f"{name}: {', '.join(parts) or 'not in all measurements'}")


def _table_lines(table: Table) -> list[str]:
    """Columns as wide as their heads and numbers."""
    cells = [list(table.columns)] + [[_text(value) for value in row] for row in table.rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(table.columns))]
    return [
        "  ".join(
            text.ljust(width) if column == 0 and isinstance(table.rows[0][0], str) else text.rjust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]


def _text(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return "" if math.isnan(value) else f"{value:.5g}"

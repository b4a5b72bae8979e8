"""Trend of a measurement over earlier ones of the same kind, from their JSON files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from calibration.quality.numbers import Number
from calibration.quality.trend import trend_of

_LARGEST_FILE_BYTES = 16 * 1024 * 1024
_SECONDS_PER_DAY = 86400.0
_COMPARABLE = ("pitch_mm", "roi", "d_prime", "block_mm")


def earlier_results(paths: Sequence[Path], kind: str) -> list[tuple[Path, dict[str, Any]]]:
    """What earlier JSON files of a kind hold.

    Parameters
    ----------
    paths : sequence of Path
        Written by `radiography measure`.
    kind : str
        Which all must be of.

    Returns
    -------
    results : list of (Path, dict)

    Raises
    ------
    ValueError
        If a file is no such JSON, or of another kind.
    OSError
        If it cannot be read.
    """
    found = []
    for path in paths:
        if path.stat().st_size > _LARGEST_FILE_BYTES:
            raise ValueError(f"{path} has {path.stat().st_size} bytes, too many for the JSON of a measurement")
        try:
            result = json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{path} is no JSON of `radiography measure`") from error
        said = result.get("measure") if isinstance(result, dict) else None
        if said != kind:
            raise ValueError(f"{path} is of the measure {said!r}; a trend of {kind} needs earlier ones of {kind}")
        found.append((path, result))
    return found


def trend_over(
    earlier: Sequence[tuple[Path, Mapping[str, Any]]], last: Mapping[str, Any], followed: Mapping[str, str]
) -> tuple[dict[str, Any], list[str]]:
    """Change since the baseline, which is the earliest, and slope of each number that is followed.

    Parameters
    ----------
    earlier : sequence of (Path, mapping)
        In the order of their dates; where one has none, in the order given.
    last : mapping
        The measurement that is judged.
    followed : mapping of str to str
        Name of a number -> name of its standard error; a dot leads into a mapping, of lists each entry counts.

    Returns
    -------
    trend, doubts : dict, list of str
        By name: baseline, value, change, slope per 30 days with their standard errors, and the values in order.
    """
    dates = [_date(result) for _, result in earlier]
    doubts, days = [], [0.0] * (len(earlier) + 1)
    results = [result for _, result in earlier]
    now = _date(last)
    if now is not None and all(date is not None for date in dates):
        order = sorted(range(len(earlier)), key=lambda i: dates[i] or now)
        results = [results[i] for i in order]
        found = [*(dates[i] or now for i in order), now]
        if any(later < before for before, later in pairwise(found)):
            doubts.append("an earlier measurement has a later date than this one: there is no slope")
        else:
            days = [date.timestamp() / _SECONDS_PER_DAY for date in found]
    else:
        doubts.append("not every measurement has a date: they are taken in the order given, and there is no slope")
    for path, result in earlier:
        for key in _COMPARABLE:
            if key in last and result.get(key) != last[key]:
                doubts.append(f"{path} was measured with {key} {result.get(key)}, this one with {last[key]}")
    trend = {}
    for name, error_name in followed.items():
        for label, place in _entries(last, name):
            numbers = [Number(*_value(each, name, error_name, place), unit="1") for each in (*results, last)]
            each = trend_of(days, numbers)
            trend[label] = {
                "baseline": numbers[0].value,
                "value": numbers[-1].value,
                "change": each.change,
                "change_standard_error": each.change_error,
                "slope_per_30_days": each.slope,
                "slope_standard_error": each.slope_error,
                "values": [number.value for number in numbers],
            }
    return trend, doubts


def _date(result: Mapping[str, Any]) -> datetime | None:
    """When, where it says so in a form that can be read."""
    try:
        date = datetime.fromisoformat(str(result.get("date")))
    except ValueError:
        return None
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)


def _entries(result: Mapping[str, Any], name: str) -> list[tuple[str, int | None]]:
    """A number under its name, or each of a list under its name and diameter."""
    found = _at(result, name)
    if not hasattr(found, "__len__"):
        return [(name, None)]
    diameters = result.get("diameter_mm", range(len(found)))
    return [(f"{name} at {diameter:g} mm", place) for place, diameter in enumerate(diameters)]


def _value(
    result: Mapping[str, Any], name: str, error_name: str, place: int | None
) -> tuple[float | None, float | None]:
    """A number and its standard error, None where there is none."""
    pair = []
    for key in (name, error_name):
        found = _at(result, key)
        if place is not None and hasattr(found, "__len__"):
            found = found[place] if place < len(found) else None
        known = isinstance(found, int | float) and not isinstance(found, bool) and found == found
        pair.append(float(found) if known else None)
    return pair[0], pair[1]


def _at(result: Mapping[str, Any], name: str) -> Any:
    found: Any = result
    for key in name.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    return found

"""A number over the months: change since the baseline, slope, and whether it keeps its limits.

References
----------
.. [1] ASTM E2737-23: baseline and periodic tests, limits agreed between user and customer; from secondary
   sources, the standard's text was not available.
.. [2] P. R. Bevington and D. K. Robinson, "Data Reduction and Error Analysis", chapter 6: straight line and its error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import floor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.quality.numbers import QUANTITIES, Number

LIMITS_FOLDER = Path(__file__).parent / "limits"  # files that ship with the package
DAYS = 30.0  # a slope is given per 30 days
LEAST_DATES = 3  # different days, for a slope with an error


@dataclass(frozen=True)
class Trend:
    """Change of one number.

    Attributes
    ----------
    change, change_error : float or None
        Last value minus the baseline, which is the first set; None where either was not measured.
    slope, slope_error : float or None
        Per 30 days; None from fewer than three different days.
    dates : int
        Different days with a value. [1]
    """

    change: float | None
    change_error: float | None
    slope: float | None
    slope_error: float | None
    dates: int


@dataclass(frozen=True)
class Limit:
    """What is allowed, bounds included; None is no bound. `largest_change` is from the baseline, either way."""

    minimum: float | None = None
    maximum: float | None = None
    largest_change: float | None = None


_KEYS = {"min": "minimum", "max": "maximum", "largest_change": "largest_change"}


def trend_of(days: Sequence[float], numbers: Sequence[Number]) -> Trend:
    """Change and slope of one quantity over sets in the order of their dates.

    Parameters
    ----------
    days : sequence of float
        When, rising; any origin. [days]
    numbers : sequence of Number
        The same quantity from each set.

    Returns
    -------
    trend : Trend

    Raises
    ------
    ValueError
        If there is not one number for each day, or the days fall.

    Notes
    -----
    Straight line by least squares, all points alike [2]_: what moves a panel between two dates is more than the
    statistical error of either. The error of the slope is the larger of the one that the scatter about the line gives
    and the one that follows from the errors of the numbers.
    """
    if len(days) != len(numbers) or any(later < day for day, later in pairwise(days)):
        raise ValueError(f"a trend needs one number for each rising day, got {len(numbers)} for {len(days)} days")
    known = [(day, n.value, n.error or 0.0) for day, n in zip(days, numbers, strict=True) if n.value is not None]
    dates = len({floor(day) for day, _, _ in known})
    change = change_error = None
    if len(numbers) > 1 and numbers[0].value is not None and numbers[-1].value is not None:
        change = numbers[-1].value - numbers[0].value
        errors = [n.error for n in (numbers[0], numbers[-1]) if n.error is not None]
        change_error = float(np.hypot.reduce(errors)) if len(errors) == 2 else None
    if dates < LEAST_DATES:
        return Trend(change, change_error, None, None, dates)
    slope, slope_error = _straight_line(*(np.array(column, float) for column in zip(*known, strict=True)))
    return Trend(change, change_error, DAYS * slope, DAYS * slope_error, dates)


def _straight_line(
    day: NDArray[np.float64], value: NDArray[np.float64], error: NDArray[np.float64]
) -> tuple[float, float]:
    """Slope per day and its standard error."""
    lever = day - day.mean()
    square = float(lever @ lever)
    slope = float(lever @ value) / square
    left = value - value.mean() - slope * lever
    from_scatter = float(left @ left) / (len(day) - 2) / square
    from_errors = float(((lever * error) ** 2).sum()) / square**2
    return slope, max(from_scatter, from_errors) ** 0.5


LARGEST_LIMIT = 1e300  # a whole number of a file may be beyond any float   # chosen


def limits_from(tables: Mapping[str, Any]) -> dict[str, Limit]:
    """Limits by quantity, from the tables of a TOML file: `[dark_noise_dn]` with `min`, `max`, `largest_change`.

    Raises
    ------
    ValueError
        If a quantity or key is unknown, no limit is given, or min is above max.
    TypeError
        If a limit is no number.
    """
    limits = {}
    for name, table in tables.items():
        if name not in QUANTITIES:
            raise ValueError(f"no quantity is called '{name}'; known: {', '.join(QUANTITIES)}")
        if not isinstance(table, Mapping) or not table:
            raise ValueError(f"[{name}] must be a table with {', '.join(_KEYS)}, got {table!r}")
        for key, value in table.items():
            if key not in _KEYS:
                raise ValueError(f"[{name}] has the unknown key '{key}'; known: {', '.join(_KEYS)}")
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise TypeError(f"{key} of [{name}] must be a number, got {value!r}")
            if not abs(value) <= LARGEST_LIMIT or (key == "largest_change" and value < 0):
                raise ValueError(
                    f"{key} of [{name}] must be finite{' and 0 or more' * (key not in ('min', 'max'))}, got {value}"
                )
        limit = Limit(**{_KEYS[key]: float(value) for key, value in table.items()})
        if limit.minimum is not None and limit.maximum is not None and limit.minimum > limit.maximum:
            raise ValueError(f"min of [{name}] is {limit.minimum:g}, above its max of {limit.maximum:g}")
        limits[name] = limit
    return limits


def broken(limit: Limit, number: Number, trend: Trend) -> str | None:
    """Whether a number breaks its limit, and how.

    Parameters
    ----------
    limit : Limit
    number : Number
    trend : Trend
        Of the same quantity.

    Returns
    -------
    how : str or None
        Empty where the limit is kept. None where it cannot be judged: a bound on what was not measured, or a change
        without a baseline.
    """
    judged = False
    if number.value is not None and (limit.minimum is not None or limit.maximum is not None):
        judged = True
        if limit.minimum is not None and number.value < limit.minimum:
            return f"below {limit.minimum:g}"
        if limit.maximum is not None and number.value > limit.maximum:
            return f"above {limit.maximum:g}"
    if trend.change is not None and limit.largest_change is not None:
        judged = True
        if abs(trend.change) > limit.largest_change:
            return f"changed by more than {limit.largest_change:g}"
    return "" if judged else None

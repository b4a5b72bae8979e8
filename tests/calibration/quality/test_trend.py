"""Change, slope and limits of a number that is measured again and again."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.quality.numbers import Number
from calibration.quality.trend import Limit, Trend, broken, limits_from, trend_of


def numbers(values: list[float | None], error: float | None = None) -> list[Number]:
    return [Number(value, error, "1") for value in values]


def test_a_straight_line_has_its_slope_per_30_days() -> None:
    trend = trend_of([0.0, 10.0, 40.0], numbers([1.0, 2.0, 5.0]))
    assert trend.slope == pytest.approx(3.0) and trend.slope_error == pytest.approx(0.0, abs=1e-12)
    assert (trend.change, trend.change_error, trend.dates) == (4.0, None, 3)


def test_the_slope_error_is_that_of_numpys_fit() -> None:
    rng = np.random.default_rng(14)
    days = np.sort(rng.uniform(0.0, 300.0, 12))
    values = 5.0 + 0.01 * days + rng.normal(0.0, 1.0, 12)
    trend = trend_of(days.tolist(), numbers(values.tolist(), 1e-6))
    (slope, _), covariance = np.polyfit(days, values, 1, cov=True)
    assert trend.slope == pytest.approx(30.0 * slope) and trend.slope_error == pytest.approx(
        30.0 * covariance[0, 0] ** 0.5
    )
    # three points on a line by chance: the numbers' own errors remain, 2 / sqrt(sum of squared levers)
    assert trend_of([0.0, 30.0, 60.0], numbers([1.0, 1.0, 1.0], 2.0)).slope_error == pytest.approx(30 * 2 / 1800**0.5)


def test_a_slope_needs_three_dates_and_a_change_two_values() -> None:
    assert trend_of([0.0, 1.0], numbers([1.0, 3.0], 0.3)) == Trend(2.0, pytest.approx(0.3 * 2**0.5), None, None, 2)
    assert trend_of([0.2, 1.1, 1.9], numbers([1.0, 3.0, 4.0])).slope is None  # the same day twice
    assert trend_of([5.0], numbers([1.0])) == Trend(None, None, None, None, 1)
    trend = trend_of([0.0, 1.0, 2.0, 3.0], numbers([None, 1.0, 2.0, 3.0]))
    assert trend.change is None and trend.slope == pytest.approx(30.0) and trend.dates == 3
    with pytest.raises(ValueError, match="one number for each rising day, got 1 for 2 days"):
        trend_of([0.0, 1.0], numbers([1.0]))
    with pytest.raises(ValueError, match="rising day"):
        trend_of([1.0, 0.0], numbers([1.0, 2.0]))


@pytest.mark.parametrize(
    ("limit", "value", "change", "verdict"),
    [
        (Limit(maximum=3.0), 3.0, None, ""),
        (Limit(maximum=3.0), 3.1, None, "above 3"),
        (Limit(minimum=3.0), 2.9, None, "below 3"),
        (Limit(minimum=1.0, maximum=3.0), 2.0, None, ""),
        (Limit(largest_change=0.5), 2.0, -0.6, "changed by more than 0.5"),
        (Limit(largest_change=0.5), 2.0, 0.5, ""),
        (Limit(maximum=3.0, largest_change=0.5), 2.0, None, ""),
        (Limit(maximum=3.0), None, None, None),
        (Limit(largest_change=0.5), 2.0, None, None),
    ],
)
def test_a_limit_is_kept_broken_or_not_judged(
    limit: Limit, value: float | None, change: float | None, verdict: str | None
) -> None:
    assert broken(limit, Number(value, None, "1"), Trend(change, None, None, None, 2)) == verdict


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"dark_nose_dn": {"max": 1}}, "no quantity is called 'dark_nose_dn'; known: residual_signal_local_percent, "),
        ({"dark_noise_dn": {"most": 1}}, r"\[dark_noise_dn\] has the unknown key 'most'; known: min, max, largest_"),
        ({"dark_noise_dn": {"max": "1"}}, r"max of \[dark_noise_dn\] must be a number, got '1'"),
        ({"dark_noise_dn": {"max": True}}, "must be a number, got True"),
        ({"dark_noise_dn": {"max": float("nan")}}, "must be finite, got nan"),
        ({"dark_noise_dn": {"largest_change": -1}}, "must be finite and 0 or more, got -1"),
        ({"dark_noise_dn": {}}, r"\[dark_noise_dn\] must be a table with min, max, largest_change"),
        ({"dark_noise_dn": 5}, "must be a table with min, max, largest_change, got 5"),
        ({"dark_noise_dn": {"min": 2, "max": 1}}, r"min of \[dark_noise_dn\] is 2, above its max of 1"),
    ],
)
def test_a_wrong_limit_names_itself(tables: dict[str, object], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        limits_from(tables)
    assert limits_from({"bad_ppm": {"max": 5}}) == {"bad_ppm": Limit(maximum=5.0)}

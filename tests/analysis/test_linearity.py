"""Response to a dose series: line, bend, saturation and detective range."""

from __future__ import annotations

import numpy as np
import pytest

from radiography.analysis.detector_qc.linearity import measure_linearity

KERMA = np.array([0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 40.0])
ERROR = np.full(7, 0.1)


def test_a_straight_line_is_found_in_any_order() -> None:
    order = [3, 0, 6, 2, 5, 1, 4]
    found = measure_linearity(KERMA[order], (50.0 + 1000.0 * KERMA)[order], ERROR, (6.0, 0.1))
    assert found.dn_per_uGy == pytest.approx(1000.0) and found.offset_dn == pytest.approx(50.0, abs=1e-6)
    assert found.worst_nonlinearity < 1e-9 and not found.doubts and not found.saturated.any()
    assert found.lowest_uGy == pytest.approx(3 * 6.0 / 1000.0) and found.highest_uGy == 40.0
    assert 0 < found.lowest_error < 0.05 * found.lowest_uGy


def test_a_bend_is_measured() -> None:
    found = measure_linearity(KERMA, 1000.0 * KERMA * (1.0 - 0.0002 * KERMA), ERROR)
    # of a parabola the line weighed by the dose departs to both sides; the whole bend is 0.8 % at 40 uGy
    assert 0.0016 < found.worst_nonlinearity < 0.008
    assert np.isnan(found.lowest_uGy) and found.highest_uGy == 40.0
    twice = measure_linearity(KERMA, 1000.0 * KERMA * (1.0 - 0.0004 * KERMA), ERROR)
    assert twice.worst_nonlinearity == pytest.approx(2 * found.worst_nonlinearity, rel=0.1)


def test_saturated_levels_are_left_out_and_said() -> None:
    signal = np.minimum(1000.0 * KERMA, 15000.0)
    found = measure_linearity(KERMA, signal, ERROR)
    assert found.saturated.tolist() == [False] * 5 + [True] * 2
    assert found.highest_uGy == 10.0 and found.dn_per_uGy == pytest.approx(1000.0)
    assert "2 of 7 levels, from 20 uGy on" in found.doubts[0]


def test_errors_of_the_slope_hold_the_truth() -> None:
    rng = np.random.default_rng(1)
    off = []
    for _ in range(200):
        kerma = KERMA * (1.0 + 0.005 * rng.standard_normal(7))
        found = measure_linearity(KERMA, 1000.0 * kerma, ERROR)
        off.append((found.dn_per_uGy - 1000.0) / found.slope_error)
    assert 0.7 < np.std(off) < 1.15  # scatter larger than expected widens the error, smaller does not narrow it


@pytest.mark.parametrize(
    ("kerma", "signal", "message"),
    [
        ([1.0, 1.0, 2.0], [1.0, 1.0, 2.0], "3 different doses or more, got 2"),
        ([-1.0, 1.0, 2.0], [1.0, 2.0, 3.0], "doses must be 0 uGy or more, got -1, 1, 2"),
        ([1.0, 2.0, 3.0], [3.0, 2.0, 1.0], "must rise with the dose"),
    ],
)
def test_wrong_series_name_themselves(kerma: list[float], signal: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        measure_linearity(kerma, signal, [0.1, 0.1, 0.1])

"""Counters and limits: closed forms, and errors of both kinds by drawing counts."""

from __future__ import annotations

import numpy as np
import pytest

from radiography.light.photomultiplier import counted_per_s, limit_of_blank, limit_of_counting, weighted_line


def test_dead_time_by_drawing_pulses() -> None:
    rng = np.random.default_rng(1)
    at, dead = np.cumsum(rng.exponential(1 / 2e6, 200_000)), 50e-9
    kept, last = 0, -1.0
    for time in at.tolist():
        if time - last >= dead:
            kept, last = kept + 1, time
    assert counted_per_s(2e6, 50.0) == pytest.approx(kept / at[-1], rel=0.01)
    assert counted_per_s(1e12, 50.0) == pytest.approx(2e7, rel=1e-4)


def test_one_in_twenty_is_wrong_at_currie_s_limit() -> None:
    rng = np.random.default_rng(2)
    background, time, slope = 400.0, 1.0, 50.0
    rate = limit_of_counting(slope, background, time)
    blank, other, signal = (rng.poisson(mean, 200_000) for mean in (400.0, 400.0, 400.0 + slope * rate))
    decided = 1.645 * np.sqrt(2 * background)
    assert np.mean(blank - other > decided) == pytest.approx(0.05, abs=0.006)
    assert np.mean(signal - other < decided) == pytest.approx(0.05, abs=0.006)


def test_the_paper_s_limit_asks_for_a_third_of_it() -> None:
    assert limit_of_blank(1.0, 13.0 / 3) == pytest.approx(13.0)


def test_a_line_has_the_errors_that_it_states() -> None:
    rng = np.random.default_rng(3)
    x = np.geomspace(0.01, 300.0, 15)
    error = 0.02 * x + 0.01
    found = np.array([weighted_line(x, 3 * x + 0.5 + error * rng.standard_normal(15), error) for _ in range(2000)])
    assert found[:, 0].mean() == pytest.approx(3.0, rel=0.002)
    assert found[:, 0].std() == pytest.approx(found[0, 2], rel=0.06)
    assert found[:, 3].mean() == pytest.approx(1.0, abs=0.05)

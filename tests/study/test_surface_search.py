"""Smooth surfaces through noisy runs, and the search on them."""

from __future__ import annotations

import numpy as np
import pytest

from radiography.study.response_surface import filling_points, fit_surface, surface_at, surface_variance
from radiography.study.surface_search import chi_square, interval_ends, search


def test_a_cubic_is_reproduced() -> None:
    points = filling_points(40, 2)
    outputs = np.stack([1 + points[:, 0] - points[:, 1] ** 3, points[:, 0] * points[:, 1]], axis=1)
    surface = fit_surface(points, outputs, np.ones(40))
    other = filling_points(10, 2, first=100)
    expected = np.stack([1 + other[:, 0] - other[:, 1] ** 3, other[:, 0] * other[:, 1]], axis=1)
    np.testing.assert_allclose(surface_at(surface, other), expected, atol=1e-12)
    assert np.abs(surface.scatter).max() < 1e-24


def test_the_scatter_is_that_of_the_runs() -> None:
    rng = np.random.default_rng(1)
    points = filling_points(2000, 1)
    weight = np.where(np.arange(2000) < 1000, 1.0, 4.0)
    surface = fit_surface(points, points + rng.normal(0.0, 0.1, (2000, 1)) / np.sqrt(weight)[:, None], weight)
    # 2000 runs know a variance to 3 %, 4 standard errors: 13 %
    assert surface.scatter[0, 0] == pytest.approx(0.01, rel=0.13)
    # terms over summed weight: 4 / (1000 + 4000), on the whole
    mean = np.average(surface_variance(surface, points), weights=weight)
    assert mean == pytest.approx(4 / 5000, rel=1e-6)


def test_too_few_runs_are_refused() -> None:
    with pytest.raises(ValueError, match="2 coordinates needs more runs than 5"):
        fit_surface(filling_points(5, 2), np.ones((5, 1)), np.ones(5))


def test_a_noisy_model_is_fitted_within_its_errors() -> None:
    rng = np.random.default_rng(2)
    x = np.linspace(0.5, 3.0, 12)

    def run(point: np.ndarray, cost: int) -> np.ndarray:
        return np.exp(-x * (0.2 + point[0])) + 0.3 * point[1] + rng.normal(0.0, 0.01 / np.sqrt(cost), x.size)

    true = np.array([0.35, 0.7])
    measured = run(true, 1_000_000)
    found = search(run, lambda outputs: outputs - measured, np.full(12, 0.01), 2, (1, 4), lambda fraction: None)
    assert found.settled
    # slopes at the truth, by differences without noise
    step = 1e-4
    slopes = [(run(true + d, 10**14) - run(true - d, 10**14)) / (2 * step) for d in (np.eye(2) * step)]
    error = np.sqrt(np.diag(np.linalg.inv(np.stack(slopes) @ np.stack(slopes).T / 0.01**2)))
    assert (np.abs(found.best - true) < 2 * error).all()  # the data have no noise, only the runs have
    low, high = interval_ends(found.box, found.best, 0, 3.841)
    assert high[0] - low[0] == pytest.approx(2 * 1.96 * error[0], rel=0.25)
    assert chi_square(found.box, low) - chi_square(found.box, found.best) == pytest.approx(3.841, rel=0.1)

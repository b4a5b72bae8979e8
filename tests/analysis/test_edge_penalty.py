"""The banded likelihood of the smoothing is the one that dense matrices give."""

from __future__ import annotations

import numpy as np
import pytest

from radiography.analysis.edge.penalty import _banded, _smoothing_cost, penalty_matrix, penalty_root
from radiography.analysis.edge.spread import knots_for


@pytest.mark.parametrize("reach", [(30.0, 30.0), (12.0, 47.0), (60.3, 8.1)])
def test_the_banded_likelihood_is_the_dense_one(reach: tuple[float, float]) -> None:
    rng = np.random.default_rng(3)
    knots = knots_for(reach)
    size, centre = knots.size - 4, int(np.searchsorted(knots[3:-3], 0.0))
    columns, factors, _ = penalty_root(knots)
    near = np.abs(np.subtract.outer(np.arange(size), np.arange(size))) < 4  # neighbouring cubic splines overlap
    information = np.where(near, 0.1, 0.0) + np.diag(rng.uniform(2.0, 50.0, size))
    unsmoothed = np.linspace(0.0, 1.0, size) + rng.normal(0, 0.02, size)
    from_centre = np.arange(size) - centre - 1
    order = np.argsort(2 * np.abs(from_centre) - (from_centre < 0))
    rank = np.argsort(order)
    for weight in (rng.uniform(1e-6, 1e-4, columns.shape[0]), rng.uniform(0.1, 5.0, columns.shape[0])):
        penalty = penalty_matrix(columns, factors, weight, size)
        off = np.linalg.solve(information + penalty, -penalty @ unsmoothed)
        third = (factors * (unsmoothed + off)[columns]).sum(axis=1)
        dense = np.linalg.slogdet(information + penalty)[1] / 2 + off @ information @ off / 2
        dense += (weight * third**2 - np.log(weight)).sum() / 2
        banded = _smoothing_cost(_banded(information, rank), unsmoothed[order], rank[columns], factors, weight)
        assert banded == pytest.approx(dense, rel=1e-9)

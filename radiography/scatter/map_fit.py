"""Smooth map of scatter over a panel, fitted to the sums of cells, with its own error.

The map is a tensor product of cubic B-splines, fitted by weighted least squares; scatter changes slowly, so that few
coefficients take the noise out. More knots follow the truth more closely and have more noise: the number is that whose
sum of both, as the cells show it, is least.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

KNOTS = (4, 5, 6, 7, 8, 10, 12, 14)  # coefficients along each axis that are tried   # chosen
_POINTS_PER_CELL = 4
_LEAST_COUNT = 1e-3  # of the mean variance of a cell: what cells without a photon have at least   # chosen
_ROUNDS = 3  # of the variances that the fit itself gives

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ScatterMap:
    """Scatter of one exposure per area of the panel.

    Attributes
    ----------
    coefficients : (K, K) float64
        Of the first portion, by rows and columns. [portion/mm2]
    shares : (Q, L, L) float64
        Of each portion over the first, likewise. [portions]
    noise : float
        Standard error of the map, rms over the panel, over the map's mean: what is left of the noise, and what too few
        knots miss. [1]
    histories : int
        Behind it. [1]
    """

    coefficients: FloatArray
    shares: FloatArray
    noise: float
    histories: int


def spline_basis(place: npt.ArrayLike, count: int) -> FloatArray:
    """Cubic B-splines over 0 to 1 with even knots, (N, count). [1]

    Parameters
    ----------
    place : (N,) float64
        From border to border, 0 to 1. [1]
    count : int
        4 or more. [1]

    Returns
    -------
    basis : (N, count) float64
        Rows sum to 1.
    """
    from scipy.interpolate import BSpline

    knots = np.concatenate([np.zeros(3), np.linspace(0.0, 1.0, count - 2), np.ones(3)])
    inside = np.clip(np.asarray(place, dtype=np.float64), 0.0, 1.0)
    return np.asarray(BSpline.design_matrix(inside, knots, 3).toarray())


def _cell_basis(cells: int, count: int) -> FloatArray:
    """Means of the splines over the cells of an axis, (cells, count)."""
    within = (np.arange(cells * _POINTS_PER_CELL) + 0.5) / (cells * _POINTS_PER_CELL)
    return np.asarray(spline_basis(within, count).reshape(cells, _POINTS_PER_CELL, count).mean(axis=1))


@dataclass(frozen=True, eq=False)
class _Fit:
    """One number of knots: map by cell, its variance, and the coefficients."""

    count: int
    fitted: FloatArray
    variance: FloatArray
    coefficients: FloatArray


def _fit(values: FloatArray, variance: FloatArray, count: int) -> _Fit:
    """Least squares (R, C) with given variances."""
    down, across = (_cell_basis(cells, count) for cells in values.shape)
    design = np.einsum("rk,cl->rckl", down, across).reshape(values.size, count * count)
    weight = 1.0 / variance.ravel()
    normal = design.T @ (design * weight[:, None])
    inverse = np.linalg.pinv(normal, hermitian=True)
    solved = inverse @ (design.T @ (weight * values.ravel()))
    spread = np.einsum("ip,pq,iq->i", design, inverse, design, optimize=True)
    shape = values.shape
    return _Fit(count, (design @ solved).reshape(shape), spread.reshape(shape), solved.reshape(count, count))


def fit_map(portions: FloatArray, square: FloatArray, scale: float, histories: int) -> ScatterMap:
    """Map from the sums over histories.

    Parameters
    ----------
    portions : (R, C, Q) float64
        Sums of the portions in each cell. [portion]
    square : (R, C) float64
        Sums of the squares of the first portion. [portion squared]
    scale : float
        What turns sums into scatter of one exposure per area. [1/mm2]
    histories : int
        Behind the sums. [1]

    Returns
    -------
    found : ScatterMap

    Notes
    -----
    Each history meets one cell at most, so cells are independent and the variance of a sum is the sum of squares. Those
    of few photons are taken from the map itself, times the mean square over the mean of a portion, since cells that
    chance to hold few would else weigh too much. The error of K knots against the most knots is measured by the mean
    squared difference of the two maps less the variance that the difference has by noise.
    """
    first = portions[..., 0]
    if not first.sum() > 0:
        quantities = portions.shape[2]
        return ScatterMap(np.zeros((4, 4)), np.zeros((quantities, 4, 4)), 0.0, histories)
    per_portion = square.sum() / first.sum()
    floor = _LEAST_COUNT * first.mean() * per_portion
    variance = np.full(first.shape, first.mean() * per_portion)
    fits: list[_Fit] = []
    for _ in range(_ROUNDS):
        smooth = _fit(first, variance, KNOTS[-2]).fitted
        variance = np.maximum(smooth * per_portion, floor)
    fits = [_fit(first, variance, count) for count in KNOTS]
    finest = fits[-1]
    errors = []
    for each in fits:
        missed = np.mean((each.fitted - finest.fitted) ** 2) - np.mean(finest.variance - each.variance)
        errors.append(np.mean(each.variance) + max(0.0, float(missed)))
    best = fits[int(np.argmin(errors))]
    mean = first.mean()
    shares = np.stack([_share(portions[..., q], best.fitted, variance) for q in range(portions.shape[2])])
    return ScatterMap(
        coefficients=best.coefficients * scale,
        shares=shares,
        noise=float(np.sqrt(min(errors)) / mean),
        histories=histories,
    )


def _share(values: FloatArray, fitted: FloatArray, variance: FloatArray) -> FloatArray:
    """Of a portion over the first, as few splines: least squares of share times map to the sums, (4, 4)."""
    down, across = (_cell_basis(cells, 4) for cells in values.shape)
    design = np.einsum("rk,cl->rckl", down, across).reshape(values.size, 16)
    weight = np.sqrt(1.0 / variance.ravel())
    lit = np.maximum(fitted, 0.0).ravel()
    solved, *_ = np.linalg.lstsq(design * (lit * weight)[:, None], values.ravel() * weight, rcond=None)
    return np.asarray(solved.reshape(4, 4))


def map_at(found: ScatterMap, rows: FloatArray, cols: FloatArray) -> FloatArray:
    """The first portion at the crossings of rows and columns.

    Parameters
    ----------
    found : ScatterMap
        From `fit_map`.
    rows, cols : (H,), (W,) float64
        From border to border of the panel, 0 to 1. [1]

    Returns
    -------
    value : (H, W) float64
        Never negative. [portion/mm2]
    """
    count = found.coefficients.shape[0]
    return np.asarray(np.maximum(spline_basis(rows, count) @ found.coefficients @ spline_basis(cols, count).T, 0.0))


def share_at(found: ScatterMap, quantity: int, rows: FloatArray, cols: FloatArray) -> FloatArray:
    """A portion over the first at the crossings of rows and columns, (H, W) float64, never negative.

    Parameters
    ----------
    found : ScatterMap
        From `fit_map`.
    quantity : int
        Number of the portion; 0 is the first.
    rows, cols : (H,), (W,) float64
        As for `map_at`. [1]

    Returns
    -------
    share : (H, W) float64
        [portions]
    """
    shares = found.shares[quantity]
    return np.asarray(np.maximum(spline_basis(rows, 4) @ shares @ spline_basis(cols, 4).T, 0.0))

"""Smooth map of scatter over a panel, fitted to the sums of cells, with its own error.

The map is a tensor product of cubic B-splines, fitted by weighted least squares; scatter changes slowly, so that few
coefficients take the noise out. More knots follow the truth more closely and have more noise: the number is that whose
sum of both, as the cells show it, is least. Sums are in an order of their own, not in that of a linear algebra library,
which changes with its threads.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

KNOTS = (4, 5, 6, 7, 8, 10, 12, 14)  # coefficients along each axis that are tried   # chosen
FINER = (20, 28)  # tried too where the cells depart from the finest of these by more than noise   # chosen
SURELY = 3.0  # standard deviations of chi-square   # chosen
_CHOSEN = 1.1  # what is said of the least of several errors, over it: measured on maps of known truth, 0.96 to 1.14
_POINTS_PER_CELL = 4
_LEAST_COUNT = 1e-3  # of the mean variance of a cell: what cells without a photon have at least   # chosen
_RIDGE = 1e-12  # of the mean diagonal: coefficients that no cell knows stay finite
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
    coefficients, fitted, spread = np.empty((count, count)), np.empty(values.shape), np.empty(values.shape)
    _least_squares((down, across), values, 1.0 / variance, coefficients, (fitted, spread))
    return _Fit(count, fitted, spread, coefficients)


@njit(cache=True, error_model="numpy")
def _least_squares(
    basis: tuple[FloatArray, FloatArray],
    values: FloatArray,
    weight: FloatArray,
    coefficients: FloatArray,
    out: tuple[FloatArray, FloatArray],
) -> None:
    """Fit of (R, C) values by a tensor product of splines: writes coefficients, and the fit and its variance by cell.

    Normal equations and Cholesky's factor of them; the variance of a row d of the design is the square of L^-1 d.
    """
    down, across = basis
    fitted, spread = out
    count, size = down.shape[1], down.shape[1] * across.shape[1]
    factor, right, row_of = np.zeros((size, size)), np.zeros(size), np.zeros(size)
    place, value = np.empty(size, np.int64), np.empty(size)
    for row in range(values.shape[0]):
        for col in range(values.shape[1]):
            held = 0
            for k in range(count):
                for other in range(across.shape[1]):
                    if down[row, k] != 0.0 and across[col, other] != 0.0:
                        place[held], value[held] = k * across.shape[1] + other, down[row, k] * across[col, other]
                        held += 1
            for i in range(held):
                right[place[i]] += weight[row, col] * value[i] * values[row, col]
                for j in range(i + 1):
                    factor[place[i], place[j]] += weight[row, col] * value[i] * value[j]
    ridge = 0.0
    for i in range(size):
        ridge += _RIDGE / size * factor[i, i]
    for i in range(size):
        factor[i, i] += ridge
        for j in range(i + 1):
            total = factor[i, j]
            for k in range(j):
                total -= factor[i, k] * factor[j, k]
            factor[i, j] = np.sqrt(max(total, ridge)) if i == j else total / factor[j, j]
    for i in range(size):
        for k in range(i):
            right[i] -= factor[i, k] * right[k]
        right[i] /= factor[i, i]
    for i in range(size - 1, -1, -1):
        for k in range(i + 1, size):
            right[i] -= factor[k, i] * right[k]
        right[i] /= factor[i, i]
    for i in range(size):
        coefficients[i // across.shape[1], i % across.shape[1]] = right[i]
    for row in range(values.shape[0]):
        for col in range(values.shape[1]):
            total, square = 0.0, 0.0
            for i in range(size):
                entry = down[row, i // across.shape[1]] * across[col, i % across.shape[1]]
                total += entry * right[i]
                for k in range(i):
                    entry -= factor[i, k] * row_of[k]
                row_of[i] = entry / factor[i, i]
                square += row_of[i] * row_of[i]
            fitted[row, col], spread[row, col] = total, square


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
    squared difference of the two maps less the variance that the difference has by noise; that of the most knots by
    how much larger chi-square of the cells is than noise makes it.
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
    for count in FINER:
        if _beyond_noise(first, variance, fits[-1]) == 0.0:
            break
        fits.append(_fit(first, variance, count))
    finest = fits[-1]
    beyond = _beyond_noise(first, variance, finest)
    errors = []
    for each in fits:
        missed = np.mean((each.fitted - finest.fitted) ** 2) - np.mean(finest.variance - each.variance)
        errors.append(np.mean(each.variance) + max(0.0, float(missed)) + beyond)
    best = fits[int(np.argmin(errors))]
    mean = first.mean()
    shares = np.stack([_share(portions[..., q], best.fitted, variance) for q in range(portions.shape[2])])
    return ScatterMap(
        coefficients=best.coefficients * scale,
        shares=shares,
        noise=float(_CHOSEN * np.sqrt(min(errors)) / mean),
        histories=histories,
    )


def _beyond_noise(values: FloatArray, variance: FloatArray, fit: _Fit) -> float:
    """Mean square that cells depart from a fit by beyond their noise; 0 where chi-square may be noise."""
    free = 1.0 - fit.count**2 / values.size
    excess = float(np.mean((values - fit.fitted) ** 2 / variance)) - free
    if excess < SURELY * np.sqrt(2.0 * free / values.size):
        return 0.0
    return float(np.mean((values - fit.fitted) ** 2) - np.mean(variance) * free)


def _share(values: FloatArray, fitted: FloatArray, variance: FloatArray) -> FloatArray:
    """Of a portion over the first, as few splines: least squares of share times map to the sums, (4, 4)."""
    lit = np.maximum(fitted, 0.0)
    wanted = np.divide(values, lit, out=np.zeros_like(values), where=lit > 0)
    down, across = (_cell_basis(cells, 4) for cells in values.shape)
    found = np.empty((4, 4))
    _least_squares((down, across), wanted, lit**2 / variance, found, (np.empty(lit.shape), np.empty(lit.shape)))
    return found


def _surface(coefficients: FloatArray, rows: FloatArray, cols: FloatArray) -> FloatArray:
    """Tensor product of splines at crossings, (H, W), never negative."""
    count = coefficients.shape[0]
    across = np.einsum("kl,cl->kc", coefficients, spline_basis(cols, count))
    return np.asarray(np.maximum(np.einsum("rk,kc->rc", spline_basis(rows, count), across), 0.0))


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
    return _surface(found.coefficients, rows, cols)


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
    return _surface(found.shares[quantity], rows, cols)

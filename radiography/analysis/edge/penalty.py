"""Roughness penalty of the edge spread function, and the strength of it under which the pixels are likeliest.

Penalised is the square of the third derivative in each cell between two knots, the more the farther out, as even and
odd parts of mirrored cells. Strength, growth and symmetry are those of the largest marginal likelihood, whose matrices
are bands once mirrored splines stand beside each other. Distances in this file are in pixels.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

CORE = 0.7  # pixels; the penalty starts to grow at this distance, the half width of a pixel's own spread
STIFFEST = 1e6  # of the penalty over the information: smoother no number shows, and stiffer the matrices turn singular
TAIL_POWERS = (4.0, 6.0, 8.0, 10.0, 12.0)  # of the penalty's growth, tried; scale-free line spreads have 6
ASYMMETRIES = (1.0, 1e2, 1e4)  # how much less likely an asymmetric line spread is than a symmetric one, tried
STRENGTHENED = 3.0  # times the likeliest penalty; fitted to the least largest error on known edges
BAND = 8  # coefficients in a row of the penalty, with those of the mirrored cell next to each other


@njit(cache=True)
def penalty_matrix(columns: IntArray, factors: FloatArray, weight: FloatArray, size: int) -> FloatArray:
    """Penalty with given weights.

    Parameters
    ----------
    columns, factors : (C, 8) int64, float64
        From `penalty_root`.
    weight : (C,) float64
        Of its rows.
    size : int
        Number of splines, K. [1]

    Returns
    -------
    penalty : (K, K) float64
    """
    out = np.zeros((size, size))
    for c in range(weight.size):
        for a in range(8):
            for b in range(8):
                out[columns[c, a], columns[c, b]] += weight[c] * factors[c, a] * factors[c, b]
    return out


@njit(cache=True)
def _banded(matrix: FloatArray, rank: IntArray) -> FloatArray:
    """Symmetric (K, K) matrix with its rows and columns in the order of ``rank``: entry (i, i - d) as band (K, 8)."""
    size = rank.size
    out = np.zeros((size, BAND))
    for i in range(size):
        for k in range(size):
            d = rank[i] - rank[k]
            if 0 <= d < BAND:
                out[rank[i], d] = matrix[i, k]
    return out


@njit(cache=True)
def _weights(
    log_strength: float, power: float, asymmetry: float, shape: tuple[FloatArray, FloatArray, FloatArray, BoolArray]
) -> FloatArray:
    """Penalty weights (C,); ``shape`` has the growth's logarithm, widths, limits and odd parts of the cells."""
    growth, width, stiff, odd = shape
    out = np.empty(width.size)
    for c in range(width.size):
        weight = np.exp(log_strength + power / 2 * growth[c]) * width[c]
        out[c] = min(weight * asymmetry if odd[c] else weight, stiff[c])
    return out


@njit(cache=True)
def _smoothing_cost(
    information: FloatArray, unsmoothed: FloatArray, columns: IntArray, factors: FloatArray, weight: FloatArray
) -> float:
    """Minus the logarithm of the marginal likelihood for penalty weights (C,); infinite where it is not regular.

    Row c of the penalty's root has the eight ``factors`` (C, 8) in ``columns`` (C, 8); ``information`` is a band as of
    `_banded`, and so is its Cholesky triangle.
    """
    size = unsmoothed.size
    lower = information.copy()
    penalised = np.zeros(size)
    for c in range(weight.size):
        value = 0.0
        for a in range(8):
            value += factors[c, a] * unsmoothed[columns[c, a]]
            for b in range(8):
                d = columns[c, a] - columns[c, b]
                if d >= 0:
                    lower[columns[c, a], d] += weight[c] * factors[c, a] * factors[c, b]
        for a in range(8):
            penalised[columns[c, a]] += weight[c] * value * factors[c, a]
    log_det = 0.0
    off = np.empty(size)
    for i in range(size):
        first = max(0, i - BAND + 1)
        for j in range(first, i + 1):
            total = lower[i, i - j]
            for k in range(max(first, j - BAND + 1), j):
                total -= lower[i, i - k] * lower[j, j - k]
            if i > j:
                lower[i, i - j] = total / lower[j, 0]
                continue
            if not total > 0.0:
                return np.inf
            lower[i, 0] = np.sqrt(total)
            log_det += np.log(lower[i, 0])
        total = -penalised[i]
        for k in range(first, i):
            total -= lower[i, i - k] * off[k]
        off[i] = total / lower[i, 0]
    for i in range(size - 1, -1, -1):
        total = off[i]
        for k in range(i + 1, min(size, i + BAND)):
            total -= lower[k, k - i] * off[k]
        off[i] = total / lower[i, 0]
    cost = log_det
    for i in range(size):
        total = 0.5 * information[i, 0] * off[i]
        for d in range(1, min(i + 1, BAND)):
            total += information[i, d] * off[i - d]
        cost += off[i] * total
    for c in range(weight.size):
        value = 0.0
        for a in range(8):
            value += factors[c, a] * (unsmoothed[columns[c, a]] + off[columns[c, a]])
        cost += 0.5 * (weight[c] * value * value - np.log(weight[c]))
    return cost


def derivative(knots: np.ndarray, coefficients: np.ndarray, order: int) -> np.ndarray:
    """Coefficients of a cubic spline's derivative on the same knots.

    Parameters
    ----------
    knots : (K + 4,) float64
        The outermost fourfold. [pixel]
    coefficients : (K, ...) float64
        Of the spline.
    order : int
        Of the derivative, at most 3.

    Returns
    -------
    coefficients : (K - order, ...) float64
        [1/pixel^order]
    """
    t = knots
    for degree in range(3, 3 - order, -1):
        step = degree / (t[degree + 1 : -1] - t[1 : -degree - 1])
        coefficients = (step * np.diff(coefficients, axis=0).T).T
        t = t[1:-1]
    return coefficients


def penalty_root(knots: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Third derivative in each cell, as even and odd parts of mirrored cells.

    Parameters
    ----------
    knots : (K + 4,) float64
        From `knots_for`. [pixel]

    Returns
    -------
    columns, factors : (C, 8) int64, float64
        Coefficients that take part, and how much. [1/pixel^3]
    odd : (C,) bool
        True for the parts that a symmetric line spread does not have.
    """
    breaks = knots[3:-3]
    cells, four = breaks.size - 1, np.arange(4)
    columns = np.tile(np.arange(cells)[:, None] + four, 2)
    own = np.take_along_axis(derivative(knots, np.eye(knots.size - 4), 3), columns[:, :4], axis=1)
    factors = np.concatenate([own, np.zeros_like(own)], axis=1)
    odd = np.zeros(cells, dtype=bool)
    centre = int(np.searchsorted(breaks, 0.0))
    pairs = min(centre, cells - centre)
    apart = np.abs(breaks[centre + 1 : centre + pairs + 1] + breaks[centre - pairs : centre][::-1]) > 1e-6
    right = centre + np.arange(int(np.argmax(np.append(apart, True))))
    left = 2 * centre - 1 - right
    for cell, sign in ((right, 1.0), (left, -1.0)):
        columns[cell] = np.concatenate([right[:, None] + four, left[:, None] + four], axis=1)
        factors[cell] = np.concatenate([own[right] / 2, sign * own[left] / 2], axis=1)
    odd[left] = True
    return columns, factors, odd


def choose_penalty(
    knots: np.ndarray,
    root: tuple[np.ndarray, np.ndarray, np.ndarray],
    information: np.ndarray,
    unsmoothed: np.ndarray,
    thorough: bool,
) -> tuple[np.ndarray, float, float]:
    """Penalty weights of the largest marginal likelihood over strength, tail power and asymmetry.

    Parameters
    ----------
    knots : (K + 4,) float64
        From `knots_for`. [pixel]
    root : tuple of arrays
        From `penalty_root`.
    information : (K, K) float64
        Of the pixels on the coefficients.
    unsmoothed : (K,) float64
        Coefficients with next to no penalty.
    thorough : bool
        False tries only the strength.

    Returns
    -------
    weight : (C,) float64
    power, asymmetry : float
        Chosen. [1]
    """
    columns, factors, odd = root
    breaks = knots[3:-3]
    level = np.diag(information)
    level = np.minimum.reduce([level[k : level.size - 3 + k] for k in range(4)])
    width = np.diff(breaks)
    stiff = STIFFEST * np.maximum(level, 1e-3 * level.max()) * width**6
    growth = np.log(1 + (((breaks[1:] + breaks[:-1]) / 2) / CORE) ** 2)
    from_centre = np.arange(unsmoothed.size) - int(np.searchsorted(breaks, 0.0)) - 1
    order = np.argsort(2 * np.abs(from_centre) - (from_centre < 0))  # mirrored splines beside each other: a band
    rank = np.empty_like(order)
    rank[order] = np.arange(order.size)
    band, ordered, places = _banded(information, rank), unsmoothed[order], rank[columns]

    shape = growth, width, stiff, odd

    def cost(log_strength: float, power: float, asymmetry: float) -> float:
        weight = _weights(log_strength, power, asymmetry, shape)
        return float(_smoothing_cost(band, ordered, places, factors, weight))

    def best_strength(power: float, asymmetry: float, start: float, reach: float) -> tuple[float, float, float, float]:
        tried = [(cost(x, power, asymmetry), x) for x in np.arange(start - reach, start + reach + 1, 2.0)]
        middle = min(tried)[1]
        tried += [(cost(x, power, asymmetry), x) for x in (middle - 1, middle + 1)]
        return (*min(tried), power, asymmetry)

    roughness = ((factors * unsmoothed[columns]).sum(axis=1) ** 2).mean()
    centre = 4.0 - np.log(max(roughness, 1e-12))
    chosen = min(best_strength(power, 1.0, centre, 10.0) for power in (TAIL_POWERS if thorough else (8.0,)))
    if thorough:
        start = chosen
        for asymmetry in ASYMMETRIES[1:]:
            chosen = min(chosen, best_strength(start[2], asymmetry, start[1], 2.0))
    return _weights(chosen[1] + np.log(STRENGTHENED), chosen[2], chosen[3], shape), chosen[2], chosen[3]

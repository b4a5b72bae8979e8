"""Edge spread function as a penalised regression spline, and its Fourier transform.

A cubic spline is fitted to all pixels of a slanted edge. Its knots grow apart with the distance to the edge, and a
roughness penalty, whose strength, growth and symmetry the data choose by their marginal likelihood, takes noise out of
the tails without touching the edge. The spline's transform is known in closed form, so neither bins nor finite
differences leave a trace in the MTF. Distances in this file are in pixels.

References
----------
.. [1] P. H. C. Eilers, B. D. Marx, "Flexible smoothing with B-splines and penalties", Stat. Sci. 11, 89 (1996).
.. [2] D. Nychka, "Bayesian confidence intervals for smoothing splines", J. Am. Stat. Assoc. 83, 1134 (1988).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from radiography.analysis.edge.bins import BinnedEdge

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
ComplexArray = npt.NDArray[np.complex128]

NEAREST_KNOTS = 0.2  # pixels between the knots at the edge: the spline's own limit is 2.5 cycles/pixel
KNOT_GROWTH = 5.0  # knots are |distance| / 5 apart far from the edge
CORE = 0.7  # pixels; the penalty starts to grow at this distance, the half width of a pixel's own spread
STIFFEST = 1e6  # of the penalty over the information: smoother no number shows, and stiffer the matrices turn singular
TAIL_POWERS = (4.0, 6.0, 8.0, 10.0, 12.0)  # of the penalty's growth, tried; scale-free line spreads have 6
ASYMMETRIES = (1.0, 1e2, 1e4)  # how much less likely an asymmetric line spread is than a symmetric one, tried
STRENGTHENED = 3.0  # times the likeliest penalty; fitted to the least largest error on known edges
SMOOTHING_FRACTION = 0.65  # of the posterior's smoothing error; fitted to cover known edges in 95 of 100 images
PULL_FACTOR = 1.35  # times what the penalty pulls the curve by, as a standard error; fitted to the same
LEAST_DISPERSION = 0.3  # of the scatter between groups of rows over that of white noise


@dataclass(frozen=True, eq=False)
class SplineEdge:
    """Fitted edge spread function.

    ``knots`` (K + 4,) and ``coefficients`` (K,) of the cubic spline. ``smoothing`` (K, K): expected squared error that
    the penalty leaves and brings. ``inverse`` (K, K) and ``weight`` (J,) turn residual pixel sums into changes of the
    coefficients, ``residual`` (G, J) are those sums for each group of rows. ``first_basis`` (J,) and ``basis`` (J, 4):
    number of the first of the four splines that are not zero in a bin, and their values. ``tail_power`` and
    ``asymmetry`` say which penalty the data chose.
    """

    knots: np.ndarray
    coefficients: np.ndarray
    smoothing: np.ndarray
    inverse: np.ndarray
    weight: np.ndarray
    residual: np.ndarray
    first_basis: np.ndarray
    basis: np.ndarray
    tail_power: float
    asymmetry: float


@njit(cache=True)
def _gram(first_basis: IntArray, basis: FloatArray, weight: FloatArray, size: int) -> FloatArray:
    """Weighted products (K, K) of the four splines at each of J places."""
    out = np.zeros((size, size))
    for j in range(weight.size):
        for a in range(4):
            for b in range(4):
                out[first_basis[j] + a, first_basis[j] + b] += weight[j] * basis[j, a] * basis[j, b]
    return out


@njit(cache=True)
def project(first_basis: IntArray, basis: FloatArray, weighted: FloatArray, size: int) -> FloatArray:
    """Sums over all places of each spline times a weight.

    Parameters
    ----------
    first_basis, basis : (J,) int64, (J, 4) float64
        As in `SplineEdge`.
    weighted : (G, J) float64
        Weights of the places, one row for each group.
    size : int
        Number of splines, K. [1]

    Returns
    -------
    sums : (G, K) float64
    """
    out = np.zeros((weighted.shape[0], size))
    for g in range(weighted.shape[0]):
        for j in range(weighted.shape[1]):
            for a in range(4):
                out[g, first_basis[j] + a] += weighted[g, j] * basis[j, a]
    return out


@njit(cache=True)
def _penalty(columns: IntArray, factors: FloatArray, weight: FloatArray, size: int) -> FloatArray:
    """Penalty (K, K) with the root of `_penalty_root` and weights (C,)."""
    out = np.zeros((size, size))
    for c in range(weight.size):
        for a in range(8):
            for b in range(8):
                out[columns[c, a], columns[c, b]] += weight[c] * factors[c, a] * factors[c, b]
    return out


@njit(cache=True)
def product(a: FloatArray, b: FloatArray) -> FloatArray:
    """Matrix product of small real matrices; at this size the threads of a library cost more than they save.

    Parameters
    ----------
    a, b : (I, K), (K, J) float64
        Matrices.

    Returns
    -------
    ab : (I, J) float64
    """
    out = np.zeros((a.shape[0], b.shape[1]))
    for i in range(a.shape[0]):
        for k in range(a.shape[1]):
            for j in range(b.shape[1]):
                out[i, j] += a[i, k] * b[k, j]
    return out


@njit(cache=True)
def _add_cells(jump: ComplexArray, third: FloatArray, out: ComplexArray) -> None:
    """Adds ``jump`` (F, C) times the third derivative (C, K), of which cell c has coefficients c to c + 3."""
    for i in range(jump.shape[0]):
        for c in range(jump.shape[1]):
            for k in range(c, c + 4):
                out[i, k] += jump[i, c] * third[c, k]


@njit(cache=True)
def _smoothing_cost(
    information: FloatArray, unsmoothed: FloatArray, columns: IntArray, factors: FloatArray, weight: FloatArray
) -> float:
    """Minus the logarithm of the marginal likelihood for penalty weights (C,); infinite where it is not regular.

    Row c of the penalty's root has the eight ``factors`` (C, 8) in ``columns`` (C, 8).
    """
    size = unsmoothed.size
    matrix = information.copy()
    penalised = np.zeros(size)
    for c in range(weight.size):
        value = 0.0
        for a in range(8):
            value += factors[c, a] * unsmoothed[columns[c, a]]
            for b in range(8):
                matrix[columns[c, a], columns[c, b]] += weight[c] * factors[c, a] * factors[c, b]
        for a in range(8):
            penalised[columns[c, a]] += weight[c] * value * factors[c, a]
    log_det = 0.0
    for i in range(size):  # Cholesky, row by row: small enough that a call to the library costs more
        for j in range(i + 1):
            total = matrix[i, j]
            for k in range(j):
                total -= matrix[i, k] * matrix[j, k]
            if i == j:
                if not total > 0.0:
                    return np.inf
                matrix[i, i] = np.sqrt(total)
                log_det += np.log(matrix[i, i])
            else:
                matrix[i, j] = total / matrix[j, j]
    off = np.empty(size)
    for i in range(size):
        total = -penalised[i]
        for k in range(i):
            total -= matrix[i, k] * off[k]
        off[i] = total / matrix[i, i]
    for i in range(size - 1, -1, -1):
        total = off[i]
        for k in range(i + 1, size):
            total -= matrix[k, i] * off[k]
        off[i] = total / matrix[i, i]
    cost = log_det
    for i in range(size):
        total = 0.0
        for k in range(size):
            total += information[i, k] * off[k]
        cost += 0.5 * off[i] * total
    for c in range(weight.size):
        value = 0.0
        for a in range(8):
            value += factors[c, a] * (unsmoothed[columns[c, a]] + off[columns[c, a]])
        cost += 0.5 * (weight[c] * value * value - np.log(weight[c]))
    return cost


def knots_for(reach: tuple[float, float], nearest: float = NEAREST_KNOTS) -> np.ndarray:
    """Knots of a cubic spline, mirrored about the edge and growing apart with the distance.

    Parameters
    ----------
    reach : two floats
        Distances that they cover on the plate's and on the open side. [pixel]
    nearest : float
        Least distance between two of them. [pixel]

    Returns
    -------
    knots : (K + 4,) float64
        Of K splines; the outermost fourfold. [pixel]
    """
    distance = [0.0]
    while distance[-1] < max(reach):
        distance.append(distance[-1] + max(nearest, distance[-1] / KNOT_GROWTH))
    inner = np.array(distance)

    def side(end: float) -> np.ndarray:
        kept = inner[(inner > 0) & (inner < end)]
        if kept.size > 1 and end - kept[-1] < 0.5 * (kept[-1] - kept[-2]):
            kept = kept[:-1]  # the last cell would be a sliver
        return np.append(kept, end)

    breaks = np.concatenate([-side(reach[0])[::-1], [0.0], side(reach[1])])
    return np.concatenate([np.repeat(breaks[0], 3), breaks, np.repeat(breaks[-1], 3)])


def _derivative_matrix(knots: np.ndarray, order: int) -> np.ndarray:
    """Matrix from cubic coefficients to the coefficients of the spline's derivative on the same knots."""
    matrix = np.eye(knots.size - 4)
    t = knots
    for degree in range(3, 3 - order, -1):
        step = degree / (t[degree + 1 : -1] - t[1 : -degree - 1])
        matrix = step[:, None] * np.diff(matrix, axis=0)
        t = t[1:-1]
    return matrix


def _penalty_root(knots: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Columns and factors (C, 8) of the third derivative in each cell, as even and odd parts of mirrored cells.

    The third value, ``odd`` (C,), marks the parts that a symmetric line spread does not have.
    """
    third = _derivative_matrix(knots, 3)
    breaks = knots[3:-3]
    cells = breaks.size - 1
    columns = np.repeat(np.arange(cells)[:, None], 8, axis=1) + np.tile(np.arange(4), 2)
    own = np.take_along_axis(third, columns[:, :4], axis=1)
    factors = np.concatenate([own, np.zeros_like(own)], axis=1)
    odd = np.zeros(cells, dtype=bool)
    centre = int(np.searchsorted(breaks, 0.0))
    for j in range(min(centre, cells - centre)):
        right, left = centre + j, centre - 1 - j
        if abs(breaks[right + 1] + breaks[left]) > 1e-6:
            break
        for cell, sign in ((right, 1.0), (left, -1.0)):
            columns[cell, :4], columns[cell, 4:] = right + np.arange(4), left + np.arange(4)
            factors[cell, :4], factors[cell, 4:] = own[right] / 2, sign * own[left] / 2
        odd[left] = True
    return columns, factors, odd


def _smooth_dispersion(scores: np.ndarray, information: np.ndarray) -> np.ndarray:
    """Variance between groups over that of white noise, per coefficient, averaged over a few neighbours."""
    ratio = (scores**2).sum(axis=0) / np.maximum(np.diag(information), 1e-300)
    window = np.ones(min(9, ratio.size))
    averaged = np.convolve(ratio, window, "same") / np.convolve(np.ones_like(ratio), window, "same")
    return np.asarray(np.maximum(averaged, LEAST_DISPERSION))


def fit_spline(binned: BinnedEdge, knots: np.ndarray, sigma: np.ndarray, thorough: bool = True) -> SplineEdge:
    """Penalised regression spline through the sorted pixels.

    The noise's variance is measured by how the groups of rows scatter, so that its correlation is counted; the penalty
    is the one under which the data are likeliest, its error the posterior's of [2]_.

    Parameters
    ----------
    binned : BinnedEdge
        Pixels by distance.
    knots : (K + 4,) float64
        From `knots_for`. [pixel]
    sigma : (J,) float64
        Standard deviation of one pixel in each bin. [1]
    thorough : bool
        False tries only the strength of the penalty, for the steps that locate the edge.

    Returns
    -------
    spline : SplineEdge
        Curve, residuals and the means to propagate them.
    """
    from scipy.interpolate import BSpline

    size = knots.size - 4
    sparse = BSpline.design_matrix(binned.position, knots, 3)
    basis, first_basis = sparse.data.reshape(-1, 4), sparse.indices.reshape(-1, 4)[:, 0].astype(np.int64)
    count, total = binned.count.sum(axis=0), binned.total.sum(axis=0)
    columns, factors, odd = _penalty_root(knots)
    slight = _penalty(columns, factors, np.diff(knots[3:-3]) ** 6, size)

    def curve_at(coefficients: np.ndarray) -> np.ndarray:
        return np.asarray((basis * coefficients[first_basis[:, None] + np.arange(4)]).sum(axis=1))

    def solve(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        information = _gram(first_basis, basis, weight * count, size)
        slightly = 1e-9 * np.trace(information) / np.trace(slight) * slight
        return information, np.linalg.solve(
            information + slightly, project(first_basis, basis, (weight * total)[None, :], size)[0]
        )

    # First with next to no smoothing: how much do groups of rows scatter beyond white noise?
    weight = 1 / sigma**2
    information, unsmoothed = solve(weight)
    rest = (binned.total - binned.count * curve_at(unsmoothed)) * weight
    dispersion = _smooth_dispersion(project(first_basis, basis, rest, size), information)
    weight = weight / curve_at(dispersion)
    information, unsmoothed = solve(weight)

    penalty_weight, power, asymmetry = _choose_penalty(
        knots, (columns, factors, odd), information, unsmoothed, thorough
    )
    penalty = _penalty(columns, factors, penalty_weight, size)
    inverse = np.linalg.inv(information + penalty)
    coefficients = inverse @ project(first_basis, basis, (weight * total)[None, :], size)[0]
    residual = binned.total - binned.count * curve_at(coefficients)
    pulled = inverse @ (penalty @ coefficients)
    smoothing = SMOOTHING_FRACTION * product(product(inverse, penalty), inverse)
    smoothing += PULL_FACTOR**2 * np.outer(pulled, pulled)
    return SplineEdge(
        knots=knots,
        coefficients=coefficients,
        smoothing=smoothing,
        inverse=inverse,
        weight=weight,
        residual=residual,
        first_basis=first_basis,
        basis=basis,
        tail_power=power,
        asymmetry=asymmetry,
    )


def _choose_penalty(
    knots: np.ndarray,
    root: tuple[np.ndarray, np.ndarray, np.ndarray],
    information: np.ndarray,
    unsmoothed: np.ndarray,
    thorough: bool,
) -> tuple[np.ndarray, float, float]:
    """Penalty weights of the largest marginal likelihood over strength, tail power and asymmetry."""
    columns, factors, odd = root
    breaks = knots[3:-3]
    level = np.diag(information)
    level = np.minimum.reduce([level[k : level.size - 3 + k] for k in range(4)])
    width = np.diff(breaks)
    stiff = STIFFEST * np.maximum(level, 1e-3 * level.max()) * width**6
    growth = np.log(1 + (((breaks[1:] + breaks[:-1]) / 2) / CORE) ** 2)

    def weights(log_strength: float, power: float, asymmetry: float) -> np.ndarray:
        weight = np.exp(log_strength + power / 2 * growth) * width * np.where(odd, asymmetry, 1.0)
        return np.asarray(np.minimum(weight, stiff))

    def cost(log_strength: float, power: float, asymmetry: float) -> float:
        return float(
            _smoothing_cost(information, unsmoothed, columns, factors, weights(log_strength, power, asymmetry))
        )

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
    return weights(chosen[1] + np.log(STRENGTHENED), chosen[2], chosen[3]), chosen[2], chosen[3]


def transform_matrix(knots: np.ndarray, frequency: np.ndarray) -> np.ndarray:
    """Fourier transform of the spline's derivative, exactly: from coefficients to the spectrum of the line spread.

    Integrated by parts three times: the third derivative is constant in each cell.

    Parameters
    ----------
    knots : (K + 4,) float64
        From `knots_for`. [pixel]
    frequency : (F,) float64
        At zero stands the spline's rise from end to end. [cycles/pixel]

    Returns
    -------
    matrix : (F, K) complex128
        To be multiplied with the coefficients. [1]
    """
    first, second, third = (_derivative_matrix(knots, k) for k in (1, 2, 3))
    breaks = knots[3:-3]
    matrix = np.zeros((frequency.size, knots.size - 4), dtype=np.complex128)
    zero = np.abs(frequency) < 1e-12
    matrix[zero, -1], matrix[zero, 0] = 1.0, -1.0
    turn = 2j * np.pi * frequency[~zero][:, None]
    wave = np.exp(-turn * breaks[None, :])
    result = (wave[:, :1] * first[0] - wave[:, -1:] * first[-1]) / turn
    result += (wave[:, :1] * second[0] - wave[:, -1:] * second[-1]) / turn**2
    _add_cells((wave[:, :-1] - wave[:, 1:]) / turn**3, third, result)
    matrix[~zero] = result
    return matrix

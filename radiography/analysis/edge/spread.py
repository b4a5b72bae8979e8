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
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from radiography.analysis.edge.bins import BinnedEdge
from radiography.analysis.edge.penalty import choose_penalty, derivative, penalty_matrix, penalty_root

if TYPE_CHECKING:
    from scipy.interpolate import BSpline

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
ComplexArray = npt.NDArray[np.complex128]

NEAREST_KNOTS = 0.2  # pixels between the knots at the edge: the spline's own limit is 2.5 cycles/pixel
KNOT_GROWTH = 5.0  # knots are |distance| / 5 apart far from the edge
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


def _smooth_dispersion(scores: np.ndarray, information: np.ndarray) -> np.ndarray:
    """Variance between groups over that of white noise, per coefficient, averaged over a few neighbours."""
    ratio = (scores**2).sum(axis=0) / np.maximum(np.diag(information), 1e-300)
    window = np.ones(min(9, ratio.size))
    averaged = np.convolve(ratio, window, "same") / np.convolve(np.ones_like(ratio), window, "same")
    return np.asarray(np.maximum(averaged, LEAST_DISPERSION))


class _Equations(NamedTuple):
    """Normal equations of the penalised fit.

    ``first_basis`` and ``basis`` as in `SplineEdge`; ``weight`` (J,) of a pixel in each bin; ``known`` (K,), and the
    ``information`` and ``penalty`` (K, K); power and asymmetry of that.
    """

    first_basis: np.ndarray
    basis: np.ndarray
    weight: np.ndarray
    known: np.ndarray
    information: np.ndarray
    penalty: np.ndarray
    power: float
    asymmetry: float


def fit_curve(binned: BinnedEdge, knots: np.ndarray, sigma: np.ndarray) -> BSpline:
    """Penalised regression spline through the sorted pixels, for the steps that locate the edge.

    Only the strength of the penalty is tried, and nothing is kept that errors need.

    Parameters
    ----------
    binned, knots, sigma
        As for `fit_spline`.

    Returns
    -------
    curve : scipy.interpolate.BSpline
    """
    from scipy.interpolate import BSpline

    equations = _equations(binned, knots, sigma, thorough=False)
    return BSpline(knots, np.linalg.solve(equations.information + equations.penalty, equations.known), 3)


def fit_spline(binned: BinnedEdge, knots: np.ndarray, sigma: np.ndarray) -> SplineEdge:
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

    Returns
    -------
    spline : SplineEdge
        Curve, residuals and the means to propagate them.
    """
    equations = _equations(binned, knots, sigma, thorough=True)
    inverse = np.linalg.inv(equations.information + equations.penalty)
    coefficients = inverse @ equations.known
    residual = binned.total - binned.count * _at(equations.first_basis, equations.basis, coefficients)
    pulled = inverse @ (equations.penalty @ coefficients)
    smoothing = SMOOTHING_FRACTION * product(product(inverse, equations.penalty), inverse)
    smoothing += PULL_FACTOR**2 * np.outer(pulled, pulled)
    return SplineEdge(
        knots=knots,
        coefficients=coefficients,
        smoothing=smoothing,
        inverse=inverse,
        weight=equations.weight,
        residual=residual,
        first_basis=equations.first_basis,
        basis=equations.basis,
        tail_power=equations.power,
        asymmetry=equations.asymmetry,
    )


def _at(first_basis: np.ndarray, basis: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
    """Values (J,) of the spline with given coefficients."""
    return np.asarray((basis * coefficients[first_basis[:, None] + np.arange(4)]).sum(axis=1))


def _equations(binned: BinnedEdge, knots: np.ndarray, sigma: np.ndarray, thorough: bool) -> _Equations:
    """What is known of the coefficients, by the pixels and by the likeliest penalty."""
    from scipy.interpolate import BSpline

    size = knots.size - 4
    sparse = BSpline.design_matrix(binned.position, knots, 3)
    basis, first_basis = sparse.data.reshape(-1, 4), sparse.indices.reshape(-1, 4)[:, 0].astype(np.int64)
    count, total = binned.count.sum(axis=0), binned.total.sum(axis=0)
    columns, factors, odd = penalty_root(knots)
    slight = penalty_matrix(columns, factors, np.diff(knots[3:-3]) ** 6, size)

    def solve(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        information = _gram(first_basis, basis, weight * count, size)
        known = project(first_basis, basis, (weight * total)[None, :], size)[0]
        slightly = 1e-9 * np.trace(information) / np.trace(slight) * slight
        return information, known, np.linalg.solve(information + slightly, known)

    # First with next to no smoothing: how much do groups of rows scatter beyond white noise?
    weight = 1 / sigma**2
    information, _, unsmoothed = solve(weight)
    rest = (binned.total - binned.count * _at(first_basis, basis, unsmoothed)) * weight
    dispersion = _smooth_dispersion(project(first_basis, basis, rest, size), information)
    weight = weight / _at(first_basis, basis, dispersion)
    information, known, unsmoothed = solve(weight)
    chosen, power, asymmetry = choose_penalty(knots, (columns, factors, odd), information, unsmoothed, thorough)
    penalty = penalty_matrix(columns, factors, chosen, size)
    return _Equations(first_basis, basis, weight, known, information, penalty, power=power, asymmetry=asymmetry)


def _waves(frequency: np.ndarray, place: np.ndarray) -> np.ndarray:
    """exp(-2 pi i f x), (F, B), from the fast sine and cosine of real numbers."""
    angle = (2 * np.pi * frequency)[:, None] * place
    wave = np.empty(angle.shape, dtype=np.complex128)
    wave.real, wave.imag = np.cos(angle), -np.sin(angle)
    return wave


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
    breaks, splines = knots[3:-3], np.eye(knots.size - 4)
    first, second, third = (derivative(knots, splines, k) for k in (1, 2, 3))
    matrix = np.zeros((frequency.size, knots.size - 4), dtype=np.complex128)
    zero = np.abs(frequency) < 1e-12
    matrix[zero, -1], matrix[zero, 0] = 1.0, -1.0
    integral = 1 / (2j * np.pi * frequency[~zero][:, None])
    wave = _waves(frequency[~zero], breaks)
    left, right = wave[:, :1] * integral, wave[:, -1:] * integral
    result = left * first[0] - right * first[-1] + left * integral * second[0] - right * integral * second[-1]
    _add_cells((wave[:, :-1] - wave[:, 1:]) * integral**3, third, result)
    matrix[~zero] = result
    return matrix


def spectrum_of(knots: np.ndarray, coefficients: np.ndarray, frequency: np.ndarray) -> np.ndarray:
    """The product of `transform_matrix` with the coefficients of one spline, in less time.

    Parameters
    ----------
    knots, coefficients : (K + 4,), (K,) float64
        Of the spline.
    frequency : (F,) float64
        None of them zero. [cycles/pixel]

    Returns
    -------
    spectrum : (F,) complex128
        [1]
    """
    first, second, third = (derivative(knots, coefficients, k) for k in (1, 2, 3))
    turn = 2j * np.pi * frequency
    wave = _waves(frequency, knots[3:-3])
    result = (wave[:, 0] * first[0] - wave[:, -1] * first[-1]) / turn
    result += (wave[:, 0] * second[0] - wave[:, -1] * second[-1]) / turn**2
    return np.asarray(result + ((wave[:, :-1] - wave[:, 1:]) * third).sum(axis=1) / turn**3)

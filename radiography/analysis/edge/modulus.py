"""Modulus of the line spread's transform with its standard error, and the factor of the simultaneous band.

The modulus is the real part about a fitted smooth phase, which noise does not lift.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
from numba import njit

from radiography.analysis.edge.bins import FINE_BINS_PER_PIXEL
from radiography.analysis.edge.fitted import FittedEdge
from radiography.analysis.edge.spread import SplineEdge, product, project, spectrum_of, transform_matrix

FloatArray = npt.NDArray[np.float64]

POINTWISE = 1.96  # standard errors of a band that holds each frequency by itself in 95 of 100 images
MOST_JOINT, JOINT_DRAWS = 40, 2000  # frequencies and draws of the simultaneous band: 2 % of its width   # chosen
BLOCK_PIXELS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)  # in which groups of rows are compared; half periods
LEAST_PAIRS = 4  # of blocks on each side   # chosen
STANDS_OUT = 2.0  # standard errors of a correlation that is counted   # chosen
LEAST_LEFT = 1e-10  # of the variance of one frequency: less is rounding


def modulus(fitted: FittedEdge, frequency: np.ndarray, highest: float) -> tuple[np.ndarray, np.ndarray, float]:
    """MTF and its standard error.

    Parameters
    ----------
    fitted : FittedEdge
        From `fit_edge`.
    frequency : (F,) float64
        [cycles/pixel]
    highest : float
        Frequency to which the simultaneous band holds. [cycles/pixel]

    Returns
    -------
    value, standard_error : (F,) float64
        [1]
    factor : float
        Standard errors within which the whole curve lies in 95 of 100 images. [1]
    """
    from scipy.special import stdtrit

    spline, binned, field = fitted.spline, fitted.binned, fitted.field
    size = spline.coefficients.size
    grid = np.arange(1, 81) * 0.0125
    spectrum = spectrum_of(spline.knots, spline.coefficients, grid)
    rise = spline.coefficients[-1] - spline.coefficients[0]
    strong = int(np.argmax(np.append(np.abs(spectrum) < 0.2 * abs(rise), True)))
    strong = max(strong, 4)
    used, weight = grid[:strong], np.abs(spectrum[:strong]) ** 2 / grid[:strong]
    terms = np.stack([used, used**3], axis=1)
    phase = np.unwrap(np.angle(spectrum[:strong]))
    odd = np.linalg.lstsq(terms * weight[:, None], phase * weight, rcond=None)[0]
    inside = np.minimum(frequency, used[-1])
    turned = odd[0] * frequency + odd[1] * inside**3
    matrix = (np.exp(-1j * turned)[:, None] * transform_matrix(spline.knots, frequency)).real
    step = np.zeros(size)
    step[-1], step[0] = 1.0, -1.0
    value = matrix @ spline.coefficients / rise
    lever = (matrix - value[:, None] * step) / rise

    def change(weighted: np.ndarray) -> np.ndarray:
        return np.asarray(product(project(spline.first_basis, spline.basis, weighted, size), spline.inverse))

    per_group = change(spline.residual * spline.weight)
    tilt = change(binned.count.sum(axis=0) * field.lever * spline.weight)  # (P, K): by a unit of each of its terms
    per_group -= (spline.residual @ field.influence.T) @ tilt
    scatter = product(per_group, lever.T.copy())  # (G, F): what each group of rows adds to the MTF
    groups = scatter.shape[0]
    scatter *= np.sqrt(groups / (groups - 1) * _shared_noise(spline, binned.position, frequency))
    smoothing = product(lever, spline.smoothing)
    assumed = lever @ (field.slack @ tilt)
    variance = (scatter**2).sum(axis=0) + (smoothing * lever).sum(axis=1) + assumed**2
    some = np.flatnonzero((frequency > 0) & (frequency <= highest))
    some = some[:: max(1, some.size // MOST_JOINT)]
    covariance = scatter[:, some].T @ scatter[:, some] + smoothing[some] @ lever[some].T
    factor = _joint_factor(covariance + np.outer(assumed[some], assumed[some]))
    student = stdtrit(groups - 1, 0.975) / 1.959964
    error = np.sqrt(np.maximum(variance, 0))
    value = np.where(_reversed(value, error), -value, value)
    bin_width = np.sinc(frequency / FINE_BINS_PER_PIXEL)
    return value / bin_width, error * student / bin_width, factor


def _shared_noise(spline: SplineEdge, position: np.ndarray, frequency: np.ndarray) -> np.ndarray:
    """Variance that neighbouring groups of rows have together over that of each by itself, (F,).

    Noise that went through a wide blur reaches across the border of two groups, most at low frequencies. It is read off
    the residuals' differences between neighbouring blocks of half a period, of which each group has many, as the
    correlation of neighbouring groups, where that stands out.
    """
    groups, sizes, shared = spline.residual.shape[0], [], []
    for size in BLOCK_PIXELS:
        start = np.flatnonzero(np.diff(np.floor(position / size), prepend=-np.inf))
        sums = np.add.reduceat(spline.residual, start, axis=1)
        zero = int(np.searchsorted(position[start], 0.0))
        sides = [half[:, : half.shape[1] // 2 * 2] for half in (sums[:, :zero][:, ::-1], sums[:, zero:])]
        if min(half.shape[1] for half in sides) < 2 * LEAST_PAIRS:
            break
        pairs = np.concatenate([half[:, ::2] - half[:, 1::2] for half in sides], axis=1)
        pairs -= pairs.mean(axis=0)
        together = (pairs[1:] * pairs[:-1]).sum() / (groups - 1) / max(float((pairs**2).sum()) / groups, 1e-300)
        together += 1 / (groups - 1)  # numbers whose sum is zero repel each other
        sizes.append(np.log(size))
        shared.append(together if together * np.sqrt(pairs.size) > STANDS_OUT else 0.0)
    if not sizes:
        return np.ones(frequency.size)
    half_period = np.log(0.5 / np.maximum(frequency, 1e-6))
    return np.asarray(1 + 2 * (groups - 1) / groups * np.interp(half_period, sizes, shared))


def _joint_factor(covariance: np.ndarray) -> float:
    """Standard errors that normal numbers of a covariance (F, F) all stay within 95 times in 100; from fixed draws."""
    sigma = np.sqrt(np.maximum(np.diag(covariance), 0))
    kept = sigma > 1e-12
    if not kept.any():
        return POINTWISE
    root = _root(covariance[np.ix_(kept, kept)] / np.outer(sigma[kept], sigma[kept]))
    return max(POINTWISE, float(np.quantile(_largest_of_draws(root, _draws()), 0.95)))


@njit(cache=True)
def _root(correlation: FloatArray) -> FloatArray:
    """Root (R, F) of a correlation (F, F), root.T @ root, by a triangle that takes the largest of what is left first.

    Smooth curves are nearly singular: it ends where only rounding is left, and never divides by that. Of nearly equal
    ones it takes the first, which rounding does not change.
    """
    size = correlation.shape[0]
    left, out = np.diag(correlation).copy(), np.zeros((size, size))
    for r in range(size):
        p, largest = 0, left.max()
        if largest < LEAST_LEFT:
            return out[:r]
        while left[p] < 0.9 * largest:
            p += 1
        step = np.sqrt(left[p])
        for i in range(size):
            total = correlation[p, i]
            for k in range(r):
                total -= out[k, p] * out[k, i]
            out[r, i] = total / step
            left[i] -= out[r, i] ** 2
        left[p] = 0.0
    return out


@cache
def _draws() -> FloatArray:
    """The same normal numbers each time, (F, D)."""
    return np.random.default_rng(1).standard_normal((2 * MOST_JOINT, JOINT_DRAWS))


@njit(cache=True)
def _largest_of_draws(root: FloatArray, draws: FloatArray) -> FloatArray:
    """Largest modulus (D,) of each draw of normal numbers with the correlation root.T @ root; root is (R, F)."""
    out, drawn = np.zeros(draws.shape[1]), np.empty(draws.shape[1])
    for i in range(root.shape[1]):
        drawn[:] = 0.0
        for k in range(root.shape[0]):
            for d in range(drawn.size):  # the longest loop inside: it adds up nothing and runs in parallel lanes
                drawn[d] += root[k, i] * draws[k, d]
        for d in range(drawn.size):
            out[d] = max(out[d], abs(drawn[d]))
    return out


def _reversed(value: np.ndarray, error: np.ndarray) -> np.ndarray:
    """True on stretches of frequencies where the contrast is reversed beyond doubt (spurious resolution).

    There the modulus is minus the real part; elsewhere a negative value is noise about zero and stays.
    """
    negative = value < 0
    starts = np.flatnonzero(np.diff(np.concatenate([[False], negative, [False]]).astype(int)))
    reverse = np.zeros(value.size, dtype=bool)
    for first, end in zip(starts[::2], starts[1::2], strict=True):
        reverse[first:end] = bool((value[first:end] < -5 * error[first:end]).any())
    return reverse

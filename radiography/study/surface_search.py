"""Least squares with a model that is slow and noisy: the best point of the unit cube, and how far others are from it.

Noise spoils a search by slopes. So the cube is scanned, a smooth surface is laid through the runs, the box that may
still hold the answer is run again, and so on; the last runs cost more and are less noisy. What the surface errs by
counts among the errors of the data.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import comb

import numpy as np
import numpy.typing as npt

from radiography.study.response_surface import (
    ResponseSurface,
    filling_points,
    fit_surface,
    surface_at,
    surface_variance,
)

ZOOMS = 2  # between the scan and the last, costlier zoom
MORE_ZOOMS = 3  # at most, where a run at the fit departs from the surface
SETTLED = 9.0  # by no more than this in chi-square
REGION = 12.0  # rise of chi-square within which a zoom looks again, plus 4 for every coordinate
PROFILE_STEPS = 16  # of an interval on each side
EVEN = 12.0  # inverse variance of an even spread over the cube: what is known without data

FloatArray = npt.NDArray[np.float64]
Residuals = Callable[[FloatArray], FloatArray]
Progress = Callable[[float], None]


@dataclass(frozen=True, eq=False)
class SearchBox:
    """A box (P,), (P,) of the unit cube, and residuals over their errors, (R, D), of points (R, P) in it."""

    residual: Residuals
    low: FloatArray
    high: FloatArray


@dataclass(frozen=True, eq=False)
class Found:
    """Where a search ended.

    Attributes
    ----------
    box : SearchBox
        The last box, with the smooth residuals there.
    best : (P,) float64
        The fit. [1]
    outputs : (M,) float64
        Of a run of the model at the fit.
    chi_square : float
        Of that run, its noise counted among the errors. [1]
    settled : bool
        True if that agrees with the smooth residuals.
    runs : int
    """

    box: SearchBox
    best: FloatArray
    outputs: FloatArray
    chi_square: float
    settled: bool
    runs: int


def search(
    run: Callable[[FloatArray, int], FloatArray],
    residuals: Residuals,
    data_error: FloatArray,
    coordinates: int,
    costs: tuple[int, int],
    progress: Progress,
) -> Found:
    """The point of the unit cube at which a model fits data best.

    Parameters
    ----------
    run : callable
        Model at a point (P,) for a cost, such as a number of photons, that its variance goes inversely with: (M,).
    residuals : callable
        Outputs (R, M) to what is left against the data, (R, D); the first D outputs are in the data's order and scale.
    data_error : (D,) float64
        Standard errors of the data.
    coordinates : int
        P.
    costs : (int, int)
        Of a run in scan and zooms, and at the end.
    progress : callable
        Called with the fraction done, 0 to 1.

    Returns
    -------
    found : Found
    """
    from scipy.linalg import solve_triangular

    zoom = 2 * comb(coordinates + 2, 2) + 2  # enough for a quadratic surface, and for a cubic one with those before
    scan = 2 * comb(coordinates + 3, 3) + 4  # enough for a cubic surface
    rounds = [(scan, costs[0])] + [(zoom, costs[0])] * ZOOMS + [(zoom, costs[1])] * (1 + MORE_ZOOMS)
    planned = sum(runs * cost for runs, cost in rounds[:-MORE_ZOOMS]) + costs[1]
    box = SearchBox(lambda points: points, np.zeros(coordinates), np.ones(coordinates))
    points: list[FloatArray] = []
    outputs: list[FloatArray] = []
    weight: list[float] = []

    def remember(point: FloatArray, cost: int) -> FloatArray:
        points.append(point)
        outputs.append(run(point, cost))
        weight.append(cost / costs[1])
        progress(min(sum(weight) * costs[1] / planned, 1.0))
        return outputs[-1]

    for number, (runs, cost) in enumerate(rounds):
        if number > 0:
            box = _region(box, data_error.size)
        for point in _new_points(box, runs, number > 0):
            remember(point, cost)
        margin = 0.2 * (box.high - box.low)
        tried = np.array(points)
        near = ((tried >= box.low - margin) & (tried <= box.high + margin)).all(axis=1)
        surface = fit_surface(tried[near], np.array(outputs)[near], np.array(weight)[near])
        # a surface over wide bounds may miss the model by as much as the runs scatter about it
        fraction = 1.0 if number <= ZOOMS else float(surface_variance(surface, tried[near]).mean())
        residual, root = _whitened(surface, residuals, data_error, fraction)
        box = SearchBox(residual, box.low, box.high)
        if number > ZOOMS:
            best = _lowest(box)
            at_fit = remember(best, costs[1])
            rest = solve_triangular(root, residuals(at_fit[None])[0], lower=True)
            settled = float(rest @ rest) < chi_square(box, best) + SETTLED
            if settled:
                break
    return Found(box, best, at_fit, float(rest @ rest), settled, len(points))


def chi_square(box: SearchBox, point: FloatArray) -> float:
    """Sum of the squared residuals of a point (P,).

    Parameters
    ----------
    box : SearchBox
        The unit cube and the model in it.
    point : (P,) float64
        In the unit cube. [1]

    Returns
    -------
    chi_square : float
        [1]
    """
    return float(np.sum(box.residual(point[None]) ** 2))


def normal_matrix(box: SearchBox, point: FloatArray) -> FloatArray:
    """Curvature of chi-square over 2 from the slopes of the whitened residuals, (P, P).

    Parameters
    ----------
    box : SearchBox
        The unit cube and the model in it.
    point : (P,) float64
        In the unit cube. [1]

    Returns
    -------
    curvature : (P, P) float64
        [1]
    """
    slopes = []
    for index, step in enumerate(0.02 * (box.high - box.low)):
        ends = np.stack([point, point])
        ends[0, index] = max(point[index] - step, box.low[index])
        ends[1, index] = min(point[index] + step, box.high[index])
        low, high = box.residual(ends)
        slopes.append((high - low) / (ends[1, index] - ends[0, index]))
    jacobian = np.stack(slopes, axis=1)
    return np.asarray(jacobian.T @ jacobian)


def interval_ends(box: SearchBox, best: FloatArray, index: int, rise: float) -> tuple[FloatArray, FloatArray]:
    """Points at which chi-square has risen by so much in one coordinate, the others fitted anew; or the box ends.

    Parameters
    ----------
    box : SearchBox
        The unit cube and the model in it.
    best : (P,) float64
        The best point. [1]
    index : int
        Coordinate. [1]
    rise : float
        Of chi-square. [1]

    Returns
    -------
    low, high : (P,) float64 each
        [1]
    """
    lowest = chi_square(box, best)
    ends = []
    for end in (box.low[index], box.high[index]):
        point, before = best, 0.0
        for coordinate in np.linspace(best[index], end, PROFILE_STEPS + 1)[1:]:
            start = point.copy()
            start[index] = coordinate
            moved = _minimised(box, start, (index,))
            now = np.sqrt(max(chi_square(box, moved) - lowest, 0.0))
            if now >= np.sqrt(rise):
                part = (np.sqrt(rise) - before) / max(now - before, 1e-12)
                point = point + part * (moved - point)
                break
            point, before = moved, now
        ends.append(point)
    return ends[0], ends[1]


def _whitened(
    surface: ResponseSurface, residuals: Residuals, data_error: FloatArray, fraction: float
) -> tuple[Residuals, FloatArray]:
    """Residuals of points over the errors of data and surface, and the factor of the covariance of data and a run."""
    from scipy.linalg import solve_triangular

    data, scatter = np.diag(data_error**2), surface.scatter[: data_error.size, : data_error.size]
    root = np.linalg.cholesky(data + fraction * scatter)

    def residual(points: FloatArray) -> FloatArray:
        return np.asarray(solve_triangular(root, residuals(surface_at(surface, points)).T, lower=True).T)

    return residual, np.asarray(np.linalg.cholesky(data + scatter))


def _new_points(box: SearchBox, runs: int, zooms: bool) -> FloatArray:
    """Where to run the model in a box: evenly, denser towards the faces; in a zoom half of them where the data fit."""
    count = box.low.size
    spread = 0.5 - 0.5 * np.cos(np.pi * filling_points(runs, count))
    new = box.low + (box.high - box.low) * spread
    if zooms and count > 1:
        tried = _candidates(box)
        fitting = tried[np.argsort(np.sum(box.residual(tried) ** 2, axis=1))[: tried.shape[0] // 20]]
        chosen = [int(np.argmax(np.abs(fitting - fitting.mean(axis=0)).max(axis=1)))]
        distance = np.full(fitting.shape[0], np.inf)
        while len(chosen) < runs // 2:  # each as far as can be from those before
            apart = np.linalg.norm((fitting - fitting[chosen[-1]]) / (box.high - box.low), axis=1)
            distance = np.minimum(distance, apart)
            chosen.append(int(np.argmax(distance)))
        new[: runs // 2] = fitting[chosen]
    return new


def _candidates(box: SearchBox) -> FloatArray:
    """Points that fill the box."""
    count = box.low.size
    return np.asarray(box.low + (box.high - box.low) * filling_points(2000 * count, count))


def _region(box: SearchBox, data_count: int) -> SearchBox:
    """The part of the box where the data may still fit, with a margin."""
    count = box.low.size
    best = _lowest(box)
    tried = _candidates(box)
    lowest = chi_square(box, best)
    rise = np.sum(box.residual(tried) ** 2, axis=1) - lowest
    widened = max(1.0, lowest / max(data_count - count, 1))
    fits = np.vstack([tried[rise <= (REGION + 4.0 * count) * widened], best])
    reach = 4.0 * np.sqrt(widened * np.diag(np.linalg.inv(normal_matrix(box, best) + EVEN * np.eye(count))))
    low, high = np.minimum(fits.min(axis=0), best - reach), np.maximum(fits.max(axis=0), best + reach)
    margin = 0.1 * (high - low) + 1e-3
    return SearchBox(box.residual, np.maximum(low - margin, 0.0), np.minimum(high + margin, 1.0))


def _lowest(box: SearchBox) -> FloatArray:
    """The point of the box that fits best, from several starts."""
    tried = _candidates(box)
    order = np.argsort(np.sum(box.residual(tried) ** 2, axis=1))
    starts = tried[order[[0, 5, order.size // 50, order.size // 10]]]
    found = [_minimised(box, start, ()) for start in starts]
    return min(found, key=lambda point: chi_square(box, point))


def _minimised(box: SearchBox, start: FloatArray, held: tuple[int, ...]) -> FloatArray:
    """The best point of the box near a start, some coordinates held where they are."""
    from scipy.optimize import least_squares

    free = [index for index in range(start.size) if index not in held]
    if not free:
        return start

    def residual(moved: FloatArray) -> FloatArray:
        point = start.copy()
        point[free] = moved
        return np.asarray(box.residual(point[None])[0])

    inner = 1e-9 * (box.high - box.low)[free]
    low, high = box.low[free], box.high[free]
    begin = np.clip(start[free], low + inner, high - inner)
    found = least_squares(residual, begin, bounds=(low, high), x_scale=high - low, diff_step=1e-5, max_nfev=60)
    point = start.copy()
    point[free] = found.x
    return point

"""Smooth stand-in for a noisy model: a polynomial through many runs, with the scatter that the runs have about it.

A Monte Carlo answers a little differently each time, so that differences of two runs say little about a slope. A low
polynomial through all runs of a region averages their noise, and what remains of it is the model's own error.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from math import comb

import numpy as np
import numpy.typing as npt

HIGHEST_DEGREE = 3  # more swings between the runs
RUNS_PER_TERM = 2.4  # at least, or the surface follows the noise

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ResponseSurface:
    """Polynomial of P coordinates for M outputs.

    Attributes
    ----------
    exponents : (K, P) int64
        Powers of the coordinates in each term. [1]
    coefficients : (K, M) float64
        In coordinates scaled to -1 ... 1.
    centre, half_width : (P,) float64
        Scaling of the coordinates.
    variance_factor : (K, K) float64
        Inverse normal matrix of the terms.
    scatter : (M, M) float64
        Covariance of one run of weight 1 about the surface.
    """

    exponents: npt.NDArray[np.int64]
    coefficients: FloatArray
    centre: FloatArray
    half_width: FloatArray
    variance_factor: FloatArray
    scatter: FloatArray


def fit_surface(points: FloatArray, outputs: FloatArray, weight: FloatArray) -> ResponseSurface:
    """Polynomial through runs of a model, of the highest degree that leaves enough runs to know their scatter.

    Parameters
    ----------
    points : (N, P) float64
        Where the model was run.
    outputs : (N, M) float64
        What it gave.
    weight : (N,) float64
        Inverse variance of a run, on any scale, such as its number of photons.

    Returns
    -------
    surface : ResponseSurface

    Raises
    ------
    ValueError
        If there are too few runs even for a plane.
    """
    count, coordinates = points.shape
    degree = HIGHEST_DEGREE
    while degree > 0 and RUNS_PER_TERM * comb(coordinates + degree, degree) > count:
        degree -= 1
    if degree == 0:
        raise ValueError(f"a response surface of {coordinates} coordinates needs more runs than {count}")
    powers = [p for p in itertools.product(range(degree + 1), repeat=coordinates) if sum(p) <= degree]
    exponents = np.array(powers, dtype=np.int64)
    low, high = points.min(axis=0), points.max(axis=0)
    centre, half_width = (low + high) / 2, np.maximum((high - low) / 2, 1e-9)
    terms = _terms(points, exponents, centre, half_width)
    root = np.sqrt(weight)[:, None]
    coefficients: FloatArray = np.asarray(np.linalg.lstsq(root * terms, root * outputs, rcond=None)[0])
    rest = root * (outputs - terms @ coefficients)
    scatter = rest.T @ rest / (count - len(powers))
    inverse: FloatArray = np.asarray(np.linalg.pinv((root * terms).T @ (root * terms), hermitian=True))
    return ResponseSurface(exponents, coefficients, centre, half_width, inverse, scatter)


def surface_at(surface: ResponseSurface, points: FloatArray) -> FloatArray:
    """Outputs (N, M) of the surface at points (N, P).

    Parameters
    ----------
    surface : ResponseSurface
        From a fit to many runs.
    points : (N, P) float64
        In the unit cube. [1]

    Returns
    -------
    outputs : (N, M) float64
        [1]
    """
    terms = _terms(points, surface.exponents, surface.centre, surface.half_width)
    return np.asarray(terms @ surface.coefficients)


def surface_variance(surface: ResponseSurface, points: FloatArray) -> FloatArray:
    """Variance of the surface at points (N, P), (N,), in units of its scatter. [1]

    Parameters
    ----------
    surface : ResponseSurface
        From a fit to many runs.
    points : (N, P) float64
        In the unit cube. [1]

    Returns
    -------
    variance : (N,) float64
        [1]
    """
    terms = _terms(points, surface.exponents, surface.centre, surface.half_width)
    return np.asarray(np.einsum("nk,kl,nl->n", terms, surface.variance_factor, terms))


def filling_points(count: int, coordinates: int, first: int = 0) -> FloatArray:
    """Points (count, coordinates) that fill the unit cube evenly, the same each time.

    Parameters
    ----------
    count : int
        How many. [1]
    coordinates : int
        Dimensions of the cube. [1]
    first : int
        Number of the first point of the sequence. [1]

    Returns
    -------
    points : (count, coordinates) float64
        [1]

    Notes
    -----
    Multiples of the inverse powers of the root of x^(P+1) = x + 1, modulo 1 [1]_.

    References
    ----------
    .. [1] Roberts, "The unreasonable effectiveness of quasirandom sequences" (2018).
    """
    ratio = 2.0
    for _ in range(40):
        ratio = (1.0 + ratio) ** (1.0 / (coordinates + 1))
    step = ratio ** -np.arange(1.0, coordinates + 1)
    return np.asarray((0.5 + np.arange(first + 1, first + count + 1)[:, None] * step) % 1.0)


def _terms(points: FloatArray, exponents: npt.NDArray[np.int64], centre: FloatArray, width: FloatArray) -> FloatArray:
    """Products of powers, (N, K)."""
    scaled = (points - centre) / width
    return np.asarray(np.prod(scaled[:, None, :] ** exponents, axis=2))

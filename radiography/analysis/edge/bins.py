"""Pixels of a slanted edge sorted by their distance to it.

A slanted edge crosses every row at another fraction of a pixel, so that all rows together sample the edge spread
function far more finely than the pitch. Sorting them into narrow bins, separately for groups of rows, keeps what the
fit needs (sums) and what its uncertainty needs (how the groups scatter). Distances are in pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

FINE_HALF_WIDTH = 16.0  # pixels each side of the edge that are sorted into fine bins
FINE_BINS_PER_PIXEL = 32  # so narrow that their width costs 4e-4 of the MTF at 1 cycle/pixel, 1e-4 at Nyquist
COARSE_BINS_PER_PIXEL = 2
OUTLIER_SIGMA = 5.0  # robust standard deviations
OUTLIER_SAMPLE = 50_000  # pixels from which they are found
OUTLIER_LEAST = 0.02, 0.1, 0.02  # parts of the contrast: plate, edge (where a perfect edge has kinks), open field


class EdgeRows(NamedTuple):
    """Where an edge crosses each row of an image, and the signal on both its sides there, (R,) each.

    ``column`` [pixel], ``cosine`` of the edge's angle [1], ``plate`` the signal under the plate [DN], and ``contrast``
    open field minus plate [DN].
    """

    column: FloatArray
    cosine: FloatArray
    plate: FloatArray
    contrast: FloatArray


class _BinSums(NamedTuple):
    """Sums over the pixels of each group of rows and bin, (G, J): number [1], distances [pixel], values [1]."""

    pixels: FloatArray
    place: FloatArray
    total: FloatArray


class _Window(NamedTuple):
    """Rows and distances to the plate's and to the open side within which pixels count. [pixel]"""

    first_row: int
    last_row: int
    left: float
    right: float


@dataclass(frozen=True, eq=False)
class BinnedEdge:
    """Pixels sorted by distance to the edge: one row per group of image rows, one column per bin.

    ``position`` (J,) is the mean distance in each bin [pixel], ``count`` and ``total`` (G, J) are the number and the
    sum of pixel values.
    """

    position: np.ndarray
    count: np.ndarray
    total: np.ndarray


@njit(cache=True)
def _sort_rows(
    values: npt.NDArray[np.float32],
    usable: BoolArray,
    edge: EdgeRows,
    group_start: npt.NDArray[np.int64],
    left: float,
    right: float,
    sums: _BinSums,
) -> None:
    """Adds each usable pixel of (R, C) ``values`` to its bin; each group of rows writes its own row of the sums."""
    edge_column, cosine, plate, contrast = edge
    count, place, total = sums
    bins_left = int(np.ceil((left - FINE_HALF_WIDTH) * COARSE_BINS_PER_PIXEL))
    bins_fine = int(2 * FINE_HALF_WIDTH * FINE_BINS_PER_PIXEL)
    for g in range(group_start.size - 1):
        for r in range(group_start[g], group_start[g + 1]):
            low = max(0, int(np.ceil(edge_column[r] - left / cosine[r])))
            high = min(values.shape[1] - 1, int(np.floor(edge_column[r] + right / cosine[r])))
            for c in range(low, high + 1):
                if not usable[r, c]:
                    continue
                s = (c - edge_column[r]) * cosine[r]
                if s < -FINE_HALF_WIDTH:
                    j = bins_left - 1 - int((-FINE_HALF_WIDTH - s) * COARSE_BINS_PER_PIXEL)
                elif s < FINE_HALF_WIDTH:
                    j = bins_left + int((s + FINE_HALF_WIDTH) * FINE_BINS_PER_PIXEL)
                else:
                    j = bins_left + bins_fine + int((s - FINE_HALF_WIDTH) * COARSE_BINS_PER_PIXEL)
                if j < 0 or j >= count.shape[1]:
                    continue
                count[g, j] += 1.0
                place[g, j] += s
                total[g, j] += (values[r, c] - plate[r]) / contrast[r]


def sort_by_distance(
    values: np.ndarray,
    usable: np.ndarray,
    edge: EdgeRows,
    group_start: np.ndarray,
    reach: tuple[float, float],
) -> BinnedEdge:
    """Pixels of an image with a nearly vertical edge, sorted by their distance to it.

    Parameters
    ----------
    values : (R, C) float
        Image. [DN]
    usable : (R, C) bool
        True where the pixel counts.
    edge : EdgeRows
        Its crossing points and levels.
    group_start : (G + 1,) int64
        First row of each group of rows, and the end.
    reach : two floats
        Distances to which pixels are taken on the plate's and on the open side. [pixel]

    Returns
    -------
    binned : BinnedEdge
        Values as fractions of plate to open field [1]; bins nobody fell into are left out.
    """
    left, right = max(reach[0], FINE_HALF_WIDTH), max(reach[1], FINE_HALF_WIDTH)
    bins = (
        int(np.ceil((left - FINE_HALF_WIDTH) * COARSE_BINS_PER_PIXEL))
        + int(2 * FINE_HALF_WIDTH * FINE_BINS_PER_PIXEL)
        + int(np.ceil((right - FINE_HALF_WIDTH) * COARSE_BINS_PER_PIXEL))
    )
    sums = _BinSums(*(np.zeros((group_start.size - 1, bins)) for _ in range(3)))
    _sort_rows(values, usable, edge, group_start, left, right, sums)
    count, place, total = sums
    filled = count.sum(axis=0) > 0
    count, place, total = count[:, filled], place[:, filled], total[:, filled]
    position = place.sum(axis=0) / count.sum(axis=0)
    inside = (position >= -reach[0]) & (position <= reach[1])
    return BinnedEdge(position[inside], count[:, inside], total[:, inside])


@njit(cache=True)
def _residuals(
    values: npt.NDArray[np.float32],
    usable: BoolArray,
    edge: EdgeRows,
    window: _Window,
    table: FloatArray,
    half: float,
    out: npt.NDArray[np.float32],
) -> FloatArray:
    """Pixel minus edge spread function where a pixel is usable and in the window, NaN elsewhere; writes all of ``out``.

    ``table`` (N,) has the function at equal steps over the window. Returned (3,) is the largest modulus under the
    plate, within ``half`` of the edge, and in the open field.
    """
    edge_column, cosine, plate, contrast = edge
    first, last, left, right = window
    step = (left + right) / (table.size - 1)
    largest = np.zeros(3)
    for r in range(values.shape[0]):
        for c in range(values.shape[1]):
            s = (c - edge_column[r]) * cosine[r]
            if r < first or r >= last or not usable[r, c] or s < -left or s > right:
                out[r, c] = np.nan
                continue
            place = (s + left) / step
            j = min(int(place), table.size - 2)
            part = place - j
            rest = (values[r, c] - plate[r]) / contrast[r] - table[j] * (1 - part) - table[j + 1] * part
            out[r, c] = rest
            zone = 0 if s < -half else (2 if s > half else 1)
            largest[zone] = max(largest[zone], abs(rest))
    return largest


@njit(cache=True)
def _beyond(
    rest: npt.NDArray[np.float32], edge: EdgeRows, half: float, middle: FloatArray, limits: FloatArray
) -> BoolArray:
    """True where a residual lies off the middle of its zone by more than the zone's limit; NaN is not."""
    out = np.zeros(rest.shape, dtype=np.bool_)
    for r in range(rest.shape[0]):
        for c in range(rest.shape[1]):
            s = (c - edge.column[r]) * edge.cosine[r]
            zone = 0 if s < -half else (2 if s > half else 1)
            out[r, c] = abs(rest[r, c] - middle[zone]) > limits[zone]
    return out


def robust_sigma(deviation: np.ndarray) -> np.ndarray:
    """Standard deviation of normal noise that a few outliers hardly change.

    The larger of what the median and the mean of the lower nine tenths say: where numbers have coarse steps, more than
    half of them may lie on the median.

    Parameters
    ----------
    deviation : (..., N) float
        Distances from the middle.

    Returns
    -------
    sigma : (...) float
        In the same unit.
    """
    last = int(0.9 * (deviation.shape[-1] - 1))
    ordered = np.sort(deviation, axis=-1)  # faster than a partition at two places
    half = ordered[..., deviation.shape[-1] // 2]
    return np.asarray(np.maximum(1.4826 * half, ordered[..., : last + 1].mean(axis=-1) / 0.657))  # of a normal one


def outliers(
    values: np.ndarray,
    usable: np.ndarray,
    edge: EdgeRows,
    rows: tuple[int, int],
    reach: tuple[float, float],
    table: np.ndarray,
    width: float,
) -> np.ndarray:
    """Pixels far off the edge spread function: gamma spots, unmapped defects.

    A pixel is an outlier at more than 5 robust standard deviations (1.4826 times the median absolute deviation, taken
    apart for plate, edge and open field) and more than 2 % of the contrast (10 % at the edge), so that a noiseless
    image loses none.

    Parameters
    ----------
    values, usable, edge
        As for `sort_by_distance`.
    rows : two ints
        First and end row.
    reach : two floats
        As for `sort_by_distance`. [pixel]
    table : (N,) float64
        Edge spread function at N equal steps over the reach. [1]
    width : float
        Rise of the edge from 10 % to 90 %. [pixel]

    Returns
    -------
    outlying : (R, C) bool
        True for outliers.
    """
    rest = np.empty(values.shape, dtype=np.float32)
    half = max(width, 1.5)
    largest = _residuals(values, usable, edge, _Window(*rows, *reach), table, half, rest)
    sampled = np.arange(rows[0], rows[1], max(1, values.size // OUTLIER_SAMPLE))
    distance = (np.arange(values.shape[1])[None, :] - edge.column[sampled, None]) * edge.cosine[sampled, None]
    middle, sigma = np.zeros(3), np.zeros(3)
    for k, zone in enumerate((distance < -half, np.abs(distance) <= half, distance > half)):
        inside = rest[sampled][zone]
        inside = inside[np.isfinite(inside)]
        if inside.size <= 20:
            sigma[k] = np.inf
            continue
        ordered = np.sort(inside)
        # many spots lift the fit: what is off must be off from the other pixels
        middle[k] = (ordered[(inside.size - 1) // 2] + ordered[inside.size // 2]) / 2
        sigma[k] = robust_sigma(np.abs(inside - middle[k]))
    sigma[1] = sigma.max()
    limits = np.maximum(OUTLIER_SIGMA * sigma, OUTLIER_LEAST)
    if (largest <= limits - np.abs(middle)).all():
        return np.zeros(values.shape, dtype=bool)
    return np.asarray(_beyond(rest, edge, half, middle, limits))

"""Values for bad pixels from their good neighbours: planned once from the defect map, applied to every frame.

Isolated pixels, clusters and whole lines go the same way: up to eight opposed directions, each with the nearest good
pixel on either side, weighted so that a pair along an edge counts and a pair across it does not. Good pixels are only
read and bad ones only written, so the order, and the number of threads, change nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from calibration.flags import INTERPOLATED, SATURATED, UNCORRECTABLE, UNUSABLE

PAIR_REACH = 5  # steps in which a direction must meet a good pixel on either side   # chosen; tests used 5
DONOR_REACH = 2  # without a pair: mean of the good pixels of 5 x 5
FARTHEST_DONOR = 16  # farther away a neighbour says nothing; the pixel is zero and UNCORRECTABLE   # chosen
# Along rows, columns and diagonals, and the four lines between them: (rows, columns) of one step.
_DIRECTIONS = np.array([(0, 1), (1, 0), (1, 1), (1, -1), (1, 2), (2, 1), (1, -2), (2, -1)], np.int64)


@dataclass(frozen=True, eq=False)
class InterpolationPlan:
    """Where the value of each of N bad pixels comes from.

    Attributes
    ----------
    pixels : (N, 2) int32
        Row and column of each bad pixel.
    pairs : (N, 8, 2) uint8
        Steps to the good pixel ahead and behind in each direction; 0 where there is none within reach. [1]
    reach : (N,) uint8
        Half side of the square whose good pixels are averaged where no pair is found; 0 for nothing within 16. [1]
    """

    pixels: NDArray[np.int32]
    pairs: NDArray[np.uint8]
    reach: NDArray[np.uint8]


def plan_interpolation(defects: NDArray[np.bool_]) -> InterpolationPlan:
    """Neighbours of every bad pixel, found once for a calibration.

    Parameters
    ----------
    defects : (H, W) bool
        True where the pixel is unusable.
    """
    pixels = np.argwhere(defects).astype(np.int32)
    pairs = np.zeros((len(pixels), len(_DIRECTIONS), 2), np.uint8)
    reach = np.zeros(len(pixels), np.uint8)
    _plan_interpolation(np.ascontiguousarray(defects), pixels, _DIRECTIONS, PAIR_REACH, FARTHEST_DONOR, pairs, reach)
    return InterpolationPlan(pixels, pairs, reach)


def interpolate_defects(
    corrected_dn: NDArray[np.float32],
    flags: NDArray[np.uint16],
    plan: InterpolationPlan,
    dark_variance: float,
    variance_per_dn: float,
    all_usable: bool = False,
) -> None:
    """Fill the bad pixels of a corrected frame in place, and flag each of them INTERPOLATED.

    The value is the weighted mean over directions of the linear interpolation between the pair (a, b), with weight
    1 / ((a - b)^2 + (2 sigma)^2) / L^2, L the distance between the two and sigma^2 the noise at their mean: a pair
    that differs by more than noise lies across an edge. Without a pair the good pixels of 5 x 5 are averaged; without
    one of those, the nearest ones within 16 pixels, and the pixel is UNCORRECTABLE as well. Pixels saturated in this
    frame are taken only where there is no other, and the result is SATURATED too.

    Parameters
    ----------
    corrected_dn : (H, W) float32
        Offset- and gain-corrected frame; only bad pixels are written. [DN]
    flags : (H, W) uint16
        Flags of the frame; only bad pixels are written.
    plan : InterpolationPlan
        From `plan_interpolation`.
    dark_variance : float
        Noise variance of a corrected dark pixel. [DN^2]
    variance_per_dn : float
        What a DN of signal adds to it. [DN]
    all_usable : bool
        True where no good pixel of the frame is saturated or without a number; saves looking at their flags.
    """
    _interpolate(
        corrected_dn,
        flags,
        plan.pixels,
        plan.pairs,
        plan.reach,
        _DIRECTIONS,
        dark_variance,
        variance_per_dn,
        (SATURATED, UNCORRECTABLE, UNUSABLE, INTERPOLATED),
        DONOR_REACH,
        all_usable,
    )


@njit(parallel=True, cache=True)
def _plan_interpolation(defects, pixels, directions, pair_reach, farthest, pairs, reach):  # type: ignore[no-untyped-def]
    """For each bad pixel: steps to good pixels in opposed directions, and the half side of the fallback square."""
    rows, cols = defects.shape
    for n in prange(pixels.shape[0]):
        row, col = pixels[n, 0], pixels[n, 1]
        for d in range(directions.shape[0]):
            for side in range(2):
                sign = 1 - 2 * side
                for step in range(1, pair_reach + 1):
                    y = row + sign * step * directions[d, 0]
                    x = col + sign * step * directions[d, 1]
                    if y < 0 or y >= rows or x < 0 or x >= cols:
                        break
                    if not defects[y, x]:
                        pairs[n, d, side] = step
                        break
            if pairs[n, d, 0] == 0 or pairs[n, d, 1] == 0:
                pairs[n, d, 0] = 0
                pairs[n, d, 1] = 0
        for half in range(2, farthest + 1):
            for y in range(max(0, row - half), min(rows, row + half + 1)):
                for x in range(max(0, col - half), min(cols, col + half + 1)):
                    if not defects[y, x]:
                        reach[n] = half
            if reach[n] > 0:
                break


@njit(cache=True)
def _from_pairs(  # type: ignore[no-untyped-def]
    corrected, flags, n, row, col, pairs, directions, avoid, dark_variance, variance_per_dn
):
    """Weighted sum over opposed pairs of which neither pixel carries `avoid`, and the sum of the weights."""
    total = 0.0
    weights = 0.0
    for d in range(directions.shape[0]):
        ahead, behind = int(pairs[n, d, 0]), int(pairs[n, d, 1])
        if ahead == 0:
            continue
        down, right = directions[d, 0], directions[d, 1]
        y_a, x_a = row + ahead * down, col + ahead * right
        y_b, x_b = row - behind * down, col - behind * right
        if avoid and (flags[y_a, x_a] | flags[y_b, x_b]) & avoid:
            continue
        a, b = float(corrected[y_a, x_a]), float(corrected[y_b, x_b])
        variance = dark_variance + variance_per_dn * max(0.5 * (a + b), 0.0)
        length2 = (ahead + behind) ** 2 * (down * down + right * right)
        weight = 1.0 / (((a - b) ** 2 + 4.0 * variance) * length2)
        total += weight * (a * behind + b * ahead) / (ahead + behind)
        weights += weight
    return total, weights


@njit(cache=True)
def _from_square(corrected, flags, row, col, half, avoid):  # type: ignore[no-untyped-def]
    """Sum and number of the pixels without `avoid` in the square of half side `half`."""
    rows, cols = corrected.shape
    total = 0.0
    count = 0.0
    for y in range(max(0, row - half), min(rows, row + half + 1)):
        for x in range(max(0, col - half), min(cols, col + half + 1)):
            if not flags[y, x] & avoid:
                total += corrected[y, x]
                count += 1.0
    return total, count


@njit(parallel=True, cache=True)
def _interpolate(  # type: ignore[no-untyped-def]
    corrected, flags, pixels, pairs, reach, directions, dark_variance, variance_per_dn, bits, donor_reach, all_usable
):
    """Writes `corrected` and `flags` at every bad pixel and nowhere else; reads good pixels only."""
    saturated, no_number, unusable, interpolated = bits
    for n in prange(pixels.shape[0]):
        row, col = pixels[n, 0], pixels[n, 1]
        flag = (flags[row, col] & ~no_number) | interpolated
        total = 0.0
        weights = 0.0
        for attempt in range(2):  # first without saturated neighbours, then with them
            avoid = unusable | no_number | (saturated if attempt == 0 else 0)
            pair_avoid = 0 if all_usable else avoid
            total, weights = _from_pairs(
                corrected, flags, n, row, col, pairs, directions, pair_avoid, dark_variance, variance_per_dn
            )
            if weights == 0.0 and reach[n] > 0:
                total, weights = _from_square(corrected, flags, row, col, int(reach[n]), avoid)
                if reach[n] > donor_reach:
                    flag |= no_number
            if weights > 0.0:
                if attempt == 1:
                    flag |= saturated
                break
        if weights == 0.0:
            flag |= no_number
        corrected[row, col] = total / weights if weights > 0.0 else 0.0
        flags[row, col] = flag

"""Values for bad pixels from their good neighbours: planned once from the defect map, applied to every frame.

Isolated pixels, clusters and whole lines go the same way: up to eight opposed directions, each with the nearest good
pixel on either side, weighted so that a pair along an edge counts and a pair across it does not. Good pixels are only
read and bad ones only written, so the order, and the number of threads, change nothing.

Pixels whose neighbours lie alike (nine of ten are isolated, or in a single column or row) are worked on in batches,
whose arithmetic fills the vector registers.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from calibration.flags import INTERPOLATED, SATURATED, SHIELDED, UNCORRECTABLE, UNUSABLE

PAIR_REACH = 5  # steps in which a direction must meet a good pixel on either side   # chosen; tests used 5
DONOR_REACH = 2  # without a pair: mean of the good pixels of 5 x 5
FARTHEST_DONOR = 16  # farther away a neighbour says nothing; the pixel is zero and UNCORRECTABLE   # chosen
BATCH = 64  # pixels worked on together: their values and weights stay in the first-level cache
PARTS = 64  # for the threads to share; more than there are cores, because batches differ
# Along rows, columns and diagonals, and the four lines between them: (rows, columns) of one step.
_DIRECTIONS = np.array([(0, 1), (1, 0), (1, 1), (1, -1), (1, 2), (2, 1), (1, -2), (2, -1)], np.int64)
_NO_PLANE = np.zeros((1, 1), np.float32)


@dataclass(frozen=True, eq=False)
class InterpolationPlan:
    """Where the value of each of N bad pixels comes from.

    Attributes
    ----------
    pixels : (N, 2) int32
        Row and column of each bad pixel, in reading order.
    pairs : (N, 8, 2) uint8
        Steps to the good pixel ahead and behind in each direction; 0 where there is none within reach. [1]
    reach : (N,) uint8
        Half side of the square whose good pixels are averaged where no pair is found; 0 for nothing within 16. [1]
    order : (N,) int64
        The order in which they are worked on: pixels with the same `pairs` together.
    place : (N,) int64
        Row times columns plus column of each, in that order.
    batch_start : (B + 1,) int64
        Positions in `order` where batches begin; the pixels of one have the same `pairs`.
    """

    pixels: NDArray[np.int32]
    pairs: NDArray[np.uint8]
    reach: NDArray[np.uint8]
    order: NDArray[np.int64]
    place: NDArray[np.int64]
    batch_start: NDArray[np.int64]


def plan_interpolation(defects: NDArray[np.bool_], left_alone: NDArray[np.bool_] | None = None) -> InterpolationPlan:
    """Neighbours of every bad pixel, found once for a calibration.

    Parameters
    ----------
    defects : (H, W) bool
        True where a pixel must not give its value to others.
    left_alone : (H, W) bool, optional
        Of these, the ones that keep their own values: reference pixels.
    """
    pixels = np.argwhere(defects if left_alone is None else defects & ~left_alone).astype(np.int32)
    pairs = np.zeros((len(pixels), len(_DIRECTIONS), 2), np.uint8)
    reach = np.zeros(len(pixels), np.uint8)
    _plan_interpolation(np.ascontiguousarray(defects), pixels, _DIRECTIONS, PAIR_REACH, FARTHEST_DONOR, pairs, reach)
    order, batch_start = _batches(pairs)
    place = pixels[order, 0].astype(np.int64) * defects.shape[1] + pixels[order, 1]
    return InterpolationPlan(pixels, pairs, reach, order, place, batch_start)


def interpolate_defects(
    corrected_dn: NDArray[np.float32],
    flags: NDArray[np.uint16],
    plan: InterpolationPlan,
    dark_variance: float,
    variance_per_dn: float,
    all_usable: bool = False,
    variances: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None,
) -> tuple[int, int]:
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
    variances : two of (H, W) float32, optional
        Variance planes, in which bad pixels get the variance of their weighted mean: sum of w^2 v / (sum of w)^2, with
        v that of the pair of the largest weight for all pairs (of all pixels where a square is averaged). The weights
        are taken as fixed numbers and the donors as independent; what an edge between the donors adds is no noise and
        not in it. [DN2]

    Returns
    -------
    negative, uncorrectable : int, int
        Bad pixels that were below zero before, and those that are UNCORRECTABLE now. [1]
    """
    if not (corrected_dn.flags.c_contiguous and flags.flags.c_contiguous):
        raise ValueError("the frame to interpolate in must be contiguous")
    counts = np.zeros((len(plan.batch_start) - 1, 2), np.int64)
    _interpolate(
        corrected_dn,
        flags,
        (plan.pairs, plan.reach, plan.order, plan.place, plan.batch_start),
        _DIRECTIONS,
        dark_variance,
        variance_per_dn,
        (SATURATED, UNCORRECTABLE, UNUSABLE | SHIELDED, INTERPOLATED),
        DONOR_REACH,
        BATCH,
        PARTS,
        all_usable,
        variances is not None,
        *((_NO_PLANE, _NO_PLANE) if variances is None else variances),
        counts,
    )
    negative, uncorrectable = (int(count) for count in counts.sum(axis=0))
    return negative, uncorrectable


def _batches(pairs: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Order of the pixels, those with the same pairs together and in reading order, and where batches begin."""
    if not len(pairs):
        return np.empty(0, np.int64), np.zeros(1, np.int64)
    keys = np.ascontiguousarray(pairs).reshape(len(pairs), -1).view(np.uint64)  # 16 bytes as two numbers
    order = np.lexsort((np.arange(len(keys)), keys[:, 0], keys[:, 1]))
    changes = (keys[order[1:]] != keys[order[:-1]]).any(axis=1)
    first = np.append(np.concatenate(([0], np.flatnonzero(changes) + 1)), len(keys))
    starts = np.concatenate([np.arange(a, b, BATCH) for a, b in pairwise(first)])
    return order, np.append(starts, len(keys))


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


@njit(cache=True)
def _gather_pairs(plane, place, first, count, ahead, behind, a, b):  # type: ignore[no-untyped-def]
    """Values of the pixels ahead and behind of a batch, from a plane as one line; unsigned, so that nothing wraps."""
    for k in range(count):
        a[k] = plane[np.uint64(place[first + k] + ahead)]
        b[k] = plane[np.uint64(place[first + k] - behind)]


@njit(cache=True)
def _leave_out(flags, place, first, count, ahead, behind, avoid, a, b, allowed):  # type: ignore[no-untyped-def]
    """Where either pixel of a pair carries `avoid` its weight and its values, which may be no numbers, become zero."""
    for k in range(count):
        both = flags[np.uint64(place[first + k] + ahead)] | flags[np.uint64(place[first + k] - behind)]
        free = (both & avoid) == 0
        allowed[k] = 1.0 if free else 0.0
        a[k] = a[k] if free else np.float32(0.0)
        b[k] = b[k] if free else np.float32(0.0)


@njit(cache=True)
def _weigh_pairs(  # type: ignore[no-untyped-def]
    a, b, allowed, count, ahead, behind, length2, dark_variance, variance_per_dn, weight, total, weights
):
    """Adds the interpolations between a and b, and their weights, to `total` and `weights`; weights also by itself.

    Values and their differences are float32, weights and sums float64. Short loops on few arrays, because only those
    are turned into vector instructions.
    """
    distance = np.float64(ahead + behind)
    for k in range(count):
        level = 0.5 * (a[k] + b[k])
        level = level if level > 0.0 else 0.0
        step = a[k] - b[k]
        weight[k] = allowed[k] / ((step * step + 4.0 * (dark_variance + variance_per_dn * level)) * length2)
    for k in range(count):
        total[k] += weight[k] * (a[k] * behind + b[k] * ahead) / distance
    for k in range(count):
        weights[k] += weight[k]


@njit(cache=True)
def _note_pairs(weight, count, fraction, direction, squares, largest, best):  # type: ignore[no-untyped-def]
    """Adds to `squares` what equal variances of 1 give, and keeps the direction of the largest weight in `best`."""
    for k in range(count):
        squares[k] += fraction * weight[k] * weight[k]
    for k in range(count):
        best[k] = direction if weight[k] > largest[k] else best[k]
        largest[k] = max(weight[k], largest[k])


@njit(cache=True)
def _pair_mean(plane, here, ahead, behind, step):  # type: ignore[no-untyped-def]
    """Mean of the variances of a pair, weighted as in the variance of its interpolation."""
    place = np.int64(here)
    square_a, square_b = float(behind**2), float(ahead**2)
    total = square_a * plane[place + ahead * step] + square_b * plane[place - behind * step]
    return total / (square_a + square_b) if square_a > 0.0 else 0.0


@njit(parallel=True, cache=True)
def _interpolate(  # type: ignore[no-untyped-def]
    corrected,
    flags,
    plan,
    directions,
    dark_variance,
    variance_per_dn,
    bits,
    donor_reach,
    batch,
    parts,
    all_usable,
    with_variance,
    random,
    calibration,
    counts,
):
    """Writes `corrected`, `flags` and the variances at every bad pixel and nowhere else; reads good pixels only.

    Two attempts: first without the neighbours that are saturated in this frame, then with them.
    """
    pairs, reach, order, place, batch_start = plan
    saturated, no_number, unusable, interpolated = bits
    line, flag_line = corrected.reshape(-1), flags.reshape(-1)
    random_line, calibration_line = random.reshape(-1), calibration.reshape(-1)
    batches = batch_start.size - 1
    for part in prange(parts):
        a, b = np.empty(batch, np.float32), np.empty(batch, np.float32)
        allowed, weight, total, weights = np.empty(batch), np.empty(batch), np.empty(batch), np.empty(batch)
        squares, largest, best = np.empty(batch), np.empty(batch), np.empty(batch)
        done = np.empty(batch, np.bool_)
        for m in range(batches * part // parts, batches * (part + 1) // parts):
            first, count = batch_start[m], batch_start[m + 1] - batch_start[m]
            pattern = order[first]
            done[:] = False
            for attempt in range(2):
                avoid = 0 if all_usable else no_number | (saturated if attempt == 0 else 0)
                for k in range(count):
                    allowed[k] = 1.0
                    total[k] = weights[k] = squares[k] = largest[k] = best[k] = 0.0
                for d in range(directions.shape[0]):
                    ahead, behind = np.int64(pairs[pattern, d, 0]), np.int64(pairs[pattern, d, 1])
                    if ahead == 0:
                        continue
                    down, right = directions[d, 0], directions[d, 1]
                    step = down * corrected.shape[1] + right
                    where = (place, first, count, ahead * step, behind * step)
                    length2 = float((ahead + behind) ** 2 * (down * down + right * right))
                    fractions = np.float32(ahead), np.float32(behind)
                    _gather_pairs(line, *where, a, b)
                    if avoid:
                        _leave_out(flag_line, *where, avoid, a, b, allowed)
                    _weigh_pairs(
                        a,
                        b,
                        allowed,
                        count,
                        *fractions,
                        length2,
                        dark_variance,
                        variance_per_dn,
                        weight,
                        total,
                        weights,
                    )
                    if with_variance:
                        fraction = float(ahead**2 + behind**2) / float(ahead + behind) ** 2
                        _note_pairs(weight, count, fraction, float(d), squares, largest, best)
                for k in range(count):
                    if done[k]:
                        continue
                    here = np.uint64(place[first + k])
                    value, sum_of_weights = total[k], weights[k]
                    flag = (int(flag_line[here]) & ~no_number) | interpolated
                    half = int(reach[order[first + k]]) if sum_of_weights == 0.0 else 0
                    row, col, lost = 0, 0, avoid | no_number | unusable
                    if half > 0:
                        row, col = divmod(place[first + k], corrected.shape[1])
                        value, sum_of_weights = _from_square(corrected, flags, row, col, half, lost)
                        if half > donor_reach:
                            flag |= no_number
                    found = sum_of_weights > 0.0
                    if not found:
                        if attempt == 0:
                            continue
                        flag |= no_number
                    elif attempt == 1:
                        flag |= saturated
                    done[k] = True
                    counts[m, 0] += line[here] < 0.0
                    counts[m, 1] += (flag & no_number) != 0
                    line[here] = value / sum_of_weights if found else 0.0
                    flag_line[here] = flag
                    if with_variance and half > 0:
                        spread, number = _from_square(random, flags, row, col, half, lost)
                        random_line[here] = spread / number**2 if found else 0.0
                        spread, number = _from_square(calibration, flags, row, col, half, lost)
                        calibration_line[here] = spread / number**2 if found else 0.0
                    elif with_variance:
                        d = int(best[k])
                        ahead, behind = np.int64(pairs[pattern, d, 0]), np.int64(pairs[pattern, d, 1])
                        step = directions[d, 0] * corrected.shape[1] + directions[d, 1]
                        factor = squares[k] / sum_of_weights**2 if found else 0.0
                        random_line[here] = factor * _pair_mean(random_line, here, ahead, behind, step)
                        calibration_line[here] = factor * _pair_mean(calibration_line, here, ahead, behind, step)
                if done[:count].all():
                    break

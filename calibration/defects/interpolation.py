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
from typing import NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from calibration.flags import INTERPOLATED, SATURATED, SHIELDED, UNCORRECTABLE, UNUSABLE

PAIR_REACH = 5  # steps in which a direction must meet a good pixel on either side   # chosen
DONOR_REACH = 2  # without a pair: mean of the good pixels of 5 x 5
FARTHEST_DONOR = 16  # farther away a neighbour says nothing; the pixel is zero and UNCORRECTABLE   # chosen
BATCH = 64  # pixels worked on together: their values and weights stay in the first-level cache
PARTS = 64  # of the work, for the threads; more than there are cores, because batches differ
# Along rows, columns and diagonals, and the four lines between them: (rows, columns) of one step.
_DIRECTIONS = np.array([(0, 1), (1, 0), (1, 1), (1, -1), (1, 2), (2, 1), (1, -2), (2, -1)], np.int64)
_NO_PLANE = np.zeros((0, 1), np.float32)  # no variance is wanted

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Flags = NDArray[np.uint16]


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

    Returns
    -------
    plan : InterpolationPlan
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
    random, calibration = (_NO_PLANE, _NO_PLANE) if variances is None else variances
    planes = _Planes(
        corrected_dn=corrected_dn,
        flags=flags,
        variance_random=random,
        variance_calibration=calibration,
        counts=np.zeros((len(plan.batch_start) - 1, 2), np.int64),
    )
    donors = _Donors(
        pairs=plan.pairs,
        reach=plan.reach,
        order=plan.order,
        place=plan.place,
        batch_start=plan.batch_start,
        directions=_DIRECTIONS,
        near=DONOR_REACH,
    )
    bits = _Bits(saturated=SATURATED, no_number=UNCORRECTABLE, unusable=UNUSABLE | SHIELDED, interpolated=INTERPOLATED)
    _interpolate(planes, donors, _Noise(dark_variance, variance_per_dn), bits, all_usable, BATCH, PARTS)
    negative, uncorrectable = (int(count) for count in planes.counts.sum(axis=0))
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


class _Donors(NamedTuple):
    """The arrays of `InterpolationPlan`, and what it was made with.

    ``directions`` (8, 2) are rows and columns of one step; from a square of more than ``near`` to either side a pixel
    gets a value that is no measurement any more. [1]
    """

    pairs: NDArray[np.uint8]
    reach: NDArray[np.uint8]
    order: NDArray[np.int64]
    place: NDArray[np.int64]
    batch_start: NDArray[np.int64]
    directions: NDArray[np.int64]
    near: int


class _Noise(NamedTuple):
    """Of a corrected pixel: variance of a dark one [DN2], and what a DN of signal adds [DN]."""

    dark_variance: float
    variance_per_dn: float


class _Bits(NamedTuple):
    """Bits of `calibration.flags`."""

    saturated: int
    no_number: int
    unusable: int
    interpolated: int


class _Planes(NamedTuple):
    """(H, W) of a frame, and ``counts`` (B, 2): bad pixels of a batch that were below zero, and that have no value.

    Variances that are not wanted have no rows.
    """

    corrected_dn: Floats
    flags: Flags
    variance_random: Floats
    variance_calibration: Floats
    counts: NDArray[np.int64]


class _Batch(NamedTuple):
    """The pixels of a batch while they are worked on, each array as long as the longest batch.

    ``ahead_dn``, ``behind_dn`` are the values of a pair and ``allowed`` is 1 where both may be used; ``weight`` is that
    of the pair. Over all pairs: ``total`` [DN], ``weights``, ``squares`` of the weights for the variance, the
    ``largest`` weight and its direction ``best``. ``done`` is True for a pixel that has its value.
    """

    ahead_dn: Floats
    behind_dn: Floats
    allowed: Doubles
    weight: Doubles
    total: Doubles
    weights: Doubles
    squares: Doubles
    largest: Doubles
    best: Doubles
    done: NDArray[np.bool_]


@njit(parallel=True, cache=True)
def _plan_interpolation(
    defects: NDArray[np.bool_],
    pixels: NDArray[np.int32],
    directions: NDArray[np.int64],
    pair_reach: int,
    farthest: int,
    pairs: NDArray[np.uint8],
    reach: NDArray[np.uint8],
) -> None:
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


@njit(parallel=True, cache=True)
def _interpolate(
    planes: _Planes, donors: _Donors, noise: _Noise, bits: _Bits, all_usable: bool, longest: int, parts: int
) -> None:
    """Writes `planes` at every bad pixel and nowhere else; reads good pixels only."""
    batches = donors.batch_start.size - 1
    for part in prange(parts):
        work = range(batches * part // parts, batches * (part + 1) // parts)
        _interpolate_part(planes, donors, noise, bits, all_usable, longest, work)


@njit(cache=True)
def _interpolate_part(
    planes: _Planes, donors: _Donors, noise: _Noise, bits: _Bits, all_usable: bool, longest: int, work: range
) -> None:
    """The batches of one part, in two attempts: first without neighbours saturated in this frame, then with them."""
    batch = _Batch(
        ahead_dn=np.empty(longest, np.float32),
        behind_dn=np.empty(longest, np.float32),
        allowed=np.empty(longest),
        weight=np.empty(longest),
        total=np.empty(longest),
        weights=np.empty(longest),
        squares=np.empty(longest),
        largest=np.empty(longest),
        best=np.empty(longest),
        done=np.empty(longest, np.bool_),
    )
    for m in work:
        batch.done[:] = False
        for attempt in range(2):
            avoid = 0 if all_usable else bits.no_number | (bits.saturated if attempt == 0 else 0)
            _weigh_batch(planes, donors, noise, m, avoid, batch)
            if _write_batch(planes, donors, bits, m, avoid, attempt == 0, batch):
                break


@njit(cache=True)
def _weigh_batch(planes: _Planes, donors: _Donors, noise: _Noise, m: int, avoid: int, batch: _Batch) -> None:
    """Sums over the directions for batch `m`, of pairs without `avoid` in their flags."""
    line, flag_line = planes.corrected_dn.reshape(-1), planes.flags.reshape(-1)
    first, end = donors.batch_start[m], donors.batch_start[m + 1]
    place, pattern = donors.place[first:end], donors.order[first]
    for k in range(place.size):
        batch.allowed[k] = 1.0
        batch.total[k] = batch.weights[k] = batch.squares[k] = batch.largest[k] = batch.best[k] = 0.0
    for d in range(donors.directions.shape[0]):
        ahead, behind = np.int64(donors.pairs[pattern, d, 0]), np.int64(donors.pairs[pattern, d, 1])
        if ahead == 0:
            continue
        down, right = donors.directions[d, 0], donors.directions[d, 1]
        step = down * planes.corrected_dn.shape[1] + right
        length2 = float((ahead + behind) ** 2 * (down * down + right * right))
        _gather_pairs(line, place, ahead * step, behind * step, batch.ahead_dn, batch.behind_dn)
        if avoid:
            _leave_out(flag_line, place, ahead * step, behind * step, avoid, batch)
        _weigh_pairs(place.size, np.float32(ahead), np.float32(behind), length2, noise, batch)
        if planes.variance_random.shape[0] > 0:
            fraction = float(ahead**2 + behind**2) / float(ahead + behind) ** 2
            _note_pairs(place.size, fraction, float(d), batch)


@njit(cache=True)
def _gather_pairs(line: Floats, place: NDArray[np.int64], ahead: int, behind: int, a: Floats, b: Floats) -> None:
    """Values of the pixels ahead and behind of a batch, from a plane as one line; indices are unsigned: none wraps."""
    for k in range(place.size):
        a[k] = line[np.uint64(place[k] + ahead)]
        b[k] = line[np.uint64(place[k] - behind)]


@njit(cache=True)
def _leave_out(flags: Flags, place: NDArray[np.int64], ahead: int, behind: int, avoid: int, batch: _Batch) -> None:
    """Where either pixel of a pair carries `avoid` its weight and its values, which may be no numbers, become zero."""
    a, b = batch.ahead_dn, batch.behind_dn
    for k in range(place.size):
        both = flags[np.uint64(place[k] + ahead)] | flags[np.uint64(place[k] - behind)]
        free = (both & avoid) == 0
        batch.allowed[k] = 1.0 if free else 0.0
        a[k] = a[k] if free else np.float32(0.0)
        b[k] = b[k] if free else np.float32(0.0)


@njit(cache=True)
def _weigh_pairs(
    count: int, ahead: np.float32, behind: np.float32, length2: float, noise: _Noise, batch: _Batch
) -> None:
    """Adds the interpolations of a direction, and their weights, to those of the batch.

    Values and their differences are float32, weights and sums float64. Short loops on few arrays, because only those
    are turned into vector instructions.
    """
    a, b, weight, total, weights = batch.ahead_dn, batch.behind_dn, batch.weight, batch.total, batch.weights
    distance = np.float64(ahead + behind)
    for k in range(count):
        level: float = 0.5 * np.float64(a[k] + b[k])
        level = level if level > 0.0 else 0.0
        step = a[k] - b[k]
        variance = noise.dark_variance + noise.variance_per_dn * level
        weight[k] = batch.allowed[k] / ((step * step + 4.0 * variance) * length2)
    for k in range(count):
        total[k] += weight[k] * (a[k] * behind + b[k] * ahead) / distance
    for k in range(count):
        weights[k] += weight[k]


@njit(cache=True)
def _note_pairs(count: int, fraction: float, direction: float, batch: _Batch) -> None:
    """Adds to `squares` what equal variances of 1 give, and `best` becomes the direction of the largest weight."""
    weight, squares, largest, best = batch.weight, batch.squares, batch.largest, batch.best
    for k in range(count):
        squares[k] += fraction * weight[k] * weight[k]
    for k in range(count):
        best[k] = direction if weight[k] > largest[k] else best[k]
        largest[k] = max(weight[k], largest[k])


@njit(cache=True)
def _write_batch(
    planes: _Planes, donors: _Donors, bits: _Bits, m: int, avoid: int, may_wait: bool, batch: _Batch
) -> bool:
    """Writes the pixels of batch `m` that have no value yet, and says whether all have one now.

    A pixel without donors waits for the second attempt, if there is one.
    """
    line, flag_line = planes.corrected_dn.reshape(-1), planes.flags.reshape(-1)
    random, calibration = planes.variance_random.reshape(-1), planes.variance_calibration.reshape(-1)
    with_variance, all_done = random.size > 0, True
    first = donors.batch_start[m]
    pattern = donors.order[first]
    for k in range(donors.batch_start[m + 1] - first):
        if batch.done[k]:
            continue
        here = np.uint64(donors.place[first + k])
        value, weights = batch.total[k], batch.weights[k]
        flag = (int(flag_line[here]) & ~bits.no_number) | bits.interpolated
        half = int(donors.reach[donors.order[first + k]]) if weights == 0.0 else 0
        row, col, lost = 0, 0, avoid | bits.no_number | bits.unusable
        if half > 0:
            row, col = divmod(donors.place[first + k], planes.corrected_dn.shape[1])
            value, weights = _from_square(planes.corrected_dn, planes.flags, row, col, half, lost)
            if half > donors.near:
                flag |= bits.no_number
        found = weights > 0.0
        if not found:
            if may_wait:
                all_done = False
                continue
            flag |= bits.no_number
        elif not may_wait:
            flag |= bits.saturated
        batch.done[k] = True
        planes.counts[m, 0] += line[here] < 0.0
        planes.counts[m, 1] += (flag & bits.no_number) != 0
        line[here] = value / weights if found else 0.0
        flag_line[here] = flag
        if with_variance and half > 0:
            spread, number = _from_square(planes.variance_random, planes.flags, row, col, half, lost)
            random[here] = spread / number**2 if found else 0.0
            spread, number = _from_square(planes.variance_calibration, planes.flags, row, col, half, lost)
            calibration[here] = spread / number**2 if found else 0.0
        elif with_variance:
            d = int(batch.best[k])
            ahead, behind = np.int64(donors.pairs[pattern, d, 0]), np.int64(donors.pairs[pattern, d, 1])
            step = donors.directions[d, 0] * planes.corrected_dn.shape[1] + donors.directions[d, 1]
            factor = batch.squares[k] / weights**2 if found else 0.0
            random[here] = factor * _pair_mean(random, here, ahead, behind, step)
            calibration[here] = factor * _pair_mean(calibration, here, ahead, behind, step)
    return all_done


@njit(cache=True)
def _from_square(plane: Floats, flags: Flags, row: int, col: int, half: int, avoid: int) -> tuple[float, float]:
    """Sum and number of the pixels without `avoid` in the square of half side `half`."""
    rows, cols = plane.shape
    total = 0.0
    count = 0.0
    for y in range(max(0, row - half), min(rows, row + half + 1)):
        for x in range(max(0, col - half), min(cols, col + half + 1)):
            if not flags[y, x] & avoid:
                total += np.float64(plane[y, x])
                count += 1.0
    return total, count


@njit(cache=True)
def _pair_mean(line: Floats, here: np.uint64, ahead: int, behind: int, step: int) -> float:
    """Mean of the variances of a pair, weighted as in the variance of its interpolation."""
    place = np.int64(here)
    square_a, square_b = float(behind**2), float(ahead**2)
    value_a, value_b = np.float64(line[place + ahead * step]), np.float64(line[place - behind * step])
    total = square_a * value_a + square_b * value_b
    return total / (square_a + square_b) if square_a > 0.0 else 0.0

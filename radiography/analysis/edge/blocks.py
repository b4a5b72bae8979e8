"""Blocks of an image, the steps between them, and the straight lines on which the steps lie.

The coarse half of edge finding: a panel of 3072 x 3072 pixels becomes some 150 x 150 block medians, in which every line
that could be an edge is tried. All lines here run from row to row; horizontal edges are looked for in the transpose.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

FloatArray = npt.NDArray[np.float64]

LARGEST_SLOPE = 0.84  # columns per row: 40 degrees; nearer to 45 the rows repeat each other
LEAST_BLOCKS = 6  # rows of blocks that make an edge


@njit(cache=True)
def _median(values: FloatArray, count: int) -> float:
    """Median of the first ``count`` values by counting those below each: no branches, so faster than to sort a few."""
    lower, upper, low, high = (count - 1) // 2, count // 2, 0.0, 0.0
    for i in range(count):
        value, below, up_to = values[i], 0, 0
        for j in range(count):
            below += values[j] < value
            up_to += values[j] <= value
        if below <= lower < up_to:
            low = value
        if below <= upper < up_to:
            high = value
    return (low + high) / 2


@njit(cache=True)
def block_medians(
    values: npt.NDArray[np.float32],
    usable: npt.NDArray[np.bool_],
    block: int,
    middle: FloatArray,
    spread: FloatArray,
) -> None:
    """Median of each block and its robust standard deviation; NaN where half the pixels are bad.

    In large blocks every few rows and columns are taken: at most 64 pixels say enough.

    Parameters
    ----------
    values : (R, C) float32
        Image. [DN]
    usable : (R, C) bool
        True where a pixel counts.
    block : int
        Side of a block. [pixel]
    middle, spread : (M, N) float64
        Every element is written: median and standard deviation of each block. [DN]
    """
    step = (block + 7) // 8
    sample = np.empty(block * block)
    for i in range(middle.shape[0]):
        for j in range(middle.shape[1]):
            count, seen = 0, 0
            for r in range(i * block, (i + 1) * block, step):
                for c in range(j * block, (j + 1) * block, step):
                    seen += 1
                    if usable[r, c]:
                        sample[count] = values[r, c]
                        count += 1
            if 2 * count <= seen:
                middle[i, j], spread[i, j] = np.nan, np.nan
                continue
            middle[i, j] = _median(sample, count)
            for k in range(count):
                sample[k] = abs(sample[k] - middle[i, j])
            spread[i, j] = 1.4826 * _median(sample, count)


@njit(cache=True)
def _best_run(peaks: FloatArray, slopes: FloatArray, votes: FloatArray, lines: FloatArray) -> float:
    """Most evidence in one unbroken run of a line; ``lines`` gets slope, column at row 0, first and end row of it.

    ``votes`` (M, N), zero on entry, collects the evidence on whole lines, which no run on them can exceed.
    """
    rows, columns = peaks.shape
    overhang = (votes.shape[1] - columns) // 2
    for r in range(rows):
        for c in range(columns):
            if peaks[r, c] > 0.0:
                for m in range(slopes.size):
                    votes[m, c - int(np.floor(slopes[m] * r + 0.5)) + overhang] += peaks[r, c]
    best = 0.0
    highest = np.argmax(votes)
    for k in range(-1, votes.size):
        line = highest if k < 0 else k
        m, start = line // votes.shape[1], line % votes.shape[1] - overhang
        if votes[m, start + overhang] <= best:
            continue
        run, gap, first = 0.0, 0, 0
        for r in range(rows):
            c = start + int(np.floor(slopes[m] * r + 0.5))
            if c < 0 or c >= columns:
                continue
            if peaks[r, c] > 0.0:
                if run == 0.0:
                    first = r
                run, gap = run + peaks[r, c], 0
                if run > best:
                    best = run
                    lines[0], lines[1], lines[2], lines[3] = slopes[m], start, first, r + 1
            elif run > 0.0:
                gap += 1
                if gap > 2:
                    run, gap = 0.0, 0
    return best


def best_line(peaks: np.ndarray, slopes: np.ndarray) -> tuple[float, float, int, int]:
    """The line with the most evidence in one unbroken run.

    Parameters
    ----------
    peaks : (M, N) float64
        Evidence in each block, 0 where there is none, as from `step_peaks`. [DN]
    slopes : (K,) float64
        Slopes that are tried. [columns per row]

    Returns
    -------
    line : float, float, int, int
        Slope, column at row 0, first and end row of the run; zeros where there is no line. [1, blocks]
    """
    lines = np.zeros(4)
    if (peaks > 0).any(axis=1).sum() >= LEAST_BLOCKS:
        overhang = int(peaks.shape[0] * LARGEST_SLOPE) + 2
        _best_run(peaks, slopes, np.zeros((slopes.size, peaks.shape[1] + 2 * overhang)), lines)
    return float(lines[0]), float(lines[1]), int(lines[2]), int(lines[3])


def block_steps(mean: np.ndarray) -> np.ndarray:
    """Difference of the two blocks after and the two before each boundary region, along the columns."""
    step = np.zeros_like(mean)
    step[:, 2:-2] = (mean[:, 3:-1] + mean[:, 4:] - mean[:, :-4] - mean[:, 1:-3]) / 2
    return np.asarray(np.nan_to_num(step))


def step_peaks(step: np.ndarray, threshold: float, sign: int) -> np.ndarray:
    """Steps of one sign that are the largest along their row, widened by one block to meet a rounded line.

    Parameters
    ----------
    step : (M, N) float64
        From `block_steps`. [DN]
    threshold : float
        Smaller steps do not count. [DN]
    sign : int
        1 for steps up along the row, -1 for steps down.

    Returns
    -------
    peaks : (M, N) float64
        Size of the steps, 0 elsewhere. [DN]
    """
    signed = step * sign
    padded = np.pad(signed, ((0, 0), (2, 2)))
    largest = np.maximum.reduce([padded[:, k : k + signed.shape[1]] for k in range(5)])
    found = np.where((signed >= largest) & (signed > threshold), signed, 0.0)
    wide = found.copy()
    wide[:, 1:] = np.maximum(wide[:, 1:], 0.8 * found[:, :-1])
    wide[:, :-1] = np.maximum(wide[:, :-1], 0.8 * found[:, 1:])
    return wide


def refined_line(step: np.ndarray, line: tuple[float, float, int, int], sign: int) -> tuple[float, float, int]:
    """A line after a fit to the steps' centroids along its run.

    Parameters
    ----------
    step : (M, N) float64
        From `block_steps`. [DN]
    line : float, float, int, int
        From `best_line`.
    sign : int
        Of its steps.

    Returns
    -------
    slope, start, half : float, float, int
        Columns per row, column at row 0, and half width of the edge. [1, blocks, blocks]
    """
    slope, start, first, last = line
    rows = np.arange(first, last)
    for _ in range(3):
        centre = np.clip(np.rint(start + slope * rows).astype(int), 0, step.shape[1] - 1)
        offsets = np.arange(-4, 5)
        columns = np.clip(centre[:, None] + offsets, 0, step.shape[1] - 1)
        weight = np.maximum(step[rows[:, None], columns] * sign, 0)
        weight = np.where(weight > 0.25 * weight.max(axis=1, keepdims=True), weight, 0)
        total = weight.sum(axis=1)
        good = total > 0
        if good.sum() < 3:
            break
        place = centre + (weight * offsets).sum(axis=1) / np.maximum(total, 1e-300)
        for _ in range(3):
            slope, start = np.polyfit(rows[good], place[good], 1)
            off = np.abs(place - start - slope * rows)
            good &= off <= max(3 * float(np.median(off[good])), 0.3)
    along = np.rint(start + slope * rows).astype(int)
    columns = np.clip(along[:, None] + np.arange(-40, 41), 0, step.shape[1] - 1)
    profile = (step[rows[:, None], columns] * sign).mean(axis=0)
    wide = np.abs(profile) > 0.1 * profile[40]
    right = int(np.argmin(np.append(wide[40:], False)))
    left = int(np.argmin(np.append(wide[40::-1], False)))
    return float(slope), float(start), max(right, left) + 1

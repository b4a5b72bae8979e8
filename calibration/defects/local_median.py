"""Medians of the surroundings of each pixel, for telling a bad pixel from a shaded panel.

`local_median` is exact and meant for 5 x 5 and 9 x 9; `area_median` covers 21 x 21 pixels by the medians of 7 x 7
blocks of 3 x 3, taken only over blocks of the pixel's own class, so that coated and bare parts of a panel are not
mixed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

BLOCK = 3  # pixels on a side of a block; 7 blocks make the 21 pixels of ASTM E2597


def local_median(image: NDArray[Any], side: int) -> NDArray[np.float32]:
    """Median of the square around each pixel, over its pixels on the panel that are not NaN.

    Parameters
    ----------
    image : (H, W)
        Real numbers, taken as float32.
    side : int
        Of the square: 3, 5, 7 or 9. [1]

    Returns
    -------
    median : (H, W) float32
        NaN where the square holds no number.

    Raises
    ------
    ValueError
        If the side is another.
    """
    if side not in (3, 5, 7, 9):
        raise ValueError(f"the side of a local median must be 3, 5, 7 or 9, got {side}")
    out = np.empty(image.shape, np.float32)
    _local_median(np.ascontiguousarray(image, np.float32), side // 2, out)
    return out


def block_median(image: NDArray[Any]) -> NDArray[np.float32]:
    """Medians of blocks of 3 x 3 pixels; the last row and column of blocks may be smaller."""
    rows, cols = image.shape
    out = np.empty((-(-rows // BLOCK), -(-cols // BLOCK)), np.float32)
    _block_median(np.ascontiguousarray(image, np.float32), out)
    return out


def area_median(blocks: NDArray[np.float32], classes: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Median of the 7 x 7 blocks around each block, over those of its own class.

    Parameters
    ----------
    blocks : (R, C) float32
        From `block_median`.
    classes : (R, C) bool
        Which of two classes each block belongs to.

    Returns
    -------
    median : (R, C) float32
        At the border over the nearest 7 x 7 blocks of the panel.
    """
    out = np.empty(blocks.shape, np.float32)
    _area_median(blocks, np.ascontiguousarray(classes), out)
    return out


def blocks_to_pixels(blocks: NDArray[Any], shape: tuple[int, int]) -> NDArray[Any]:
    """Blocks as pixels, each with the value of its block.

    Parameters
    ----------
    blocks : (R, C)
        From `block_median` or `area_median`.
    shape : (int, int)
        Rows and columns of the panel. [1]

    Returns
    -------
    pixels : (H, W)
        Of the same type.
    """
    rows, cols = np.arange(shape[0]) // BLOCK, np.arange(shape[1]) // BLOCK
    return np.asarray(blocks[rows[:, None], cols[None, :]])


@njit(cache=True)
def _median(values: NDArray[np.float32], count: int) -> float:
    """Median of the first `count` values by partial selection (Hoare); reorders them."""
    middle, low, high = count // 2, 0, count - 1
    while low < high:
        pivot = values[middle]
        i, j = low, high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while pivot < values[j]:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if j < middle:
            low = i
        if middle < i:
            high = j
    if count % 2:
        return float(values[middle])
    below = values[0]
    for k in range(1, middle):
        below = max(below, values[k])
    return float(0.5 * (below + values[middle]))


@njit(cache=True)
def _next_above(values: NDArray[np.float32], m: np.float32) -> tuple[np.float32, int]:
    """The smallest value above m, and how often it is there."""
    found, times = np.float32(np.inf), 0
    for v in values:
        if m < v and v < found:
            found = v
    for v in values:
        times += int(v == found)
    return found, times


@njit(cache=True)
def _next_below(values: NDArray[np.float32], m: np.float32) -> tuple[np.float32, int]:
    """The largest value below m, and how often it is there."""
    found, times = np.float32(-np.inf), 0
    for v in values:
        if v < m and found < v:
            found = v
    for v in values:
        times += int(v == found)
    return found, times


@njit(parallel=True, cache=True)
def _local_median(image: NDArray[np.float32], reach: int, out: NDArray[np.float32]) -> None:
    """(H, W) to (H, W) float32, NaN left out; writes every element of `out`.

    The window moves along a row and keeps how many of its values lie below its last median, and how many equal it;
    from there the new median is a few values away.
    """
    rows, cols = image.shape
    side = 2 * reach + 1
    for i in prange(rows):
        window = np.full(side * side, np.nan, np.float32)  # column x of the panel in slot x % side
        m = np.float32(0.0)
        count, below, equal = 0, 0, 0
        top, bottom = max(0, i - reach), min(rows, i + reach + 1)
        for enters in range(cols + reach):
            slot = (enters % side) * side
            for k in range(slot, slot + side):
                count -= int(window[k] == window[k])
                below -= int(window[k] < m)
                equal -= int(window[k] == m)
                window[k] = np.nan
            if enters < cols:
                for y in range(top, bottom):
                    v = image[y, enters]
                    window[slot + y - top] = v
                    count += int(v == v)
                    below += int(v < m)
                    equal += int(v == m)
            j = enters - reach
            if j < 0:
                continue
            if count == 0:
                out[i, j] = np.nan
                continue
            middle = (count - 1) // 2
            while middle < below:
                m, equal = _next_below(window, m)
                below -= equal
            while middle >= below + equal:
                below += equal
                m, equal = _next_above(window, m)
            out[i, j] = m
            if count % 2 == 0 and count // 2 >= below + equal:
                out[i, j] = np.float32(0.5) * (m + _next_above(window, m)[0])


@njit(parallel=True, cache=True)
def _block_median(image: NDArray[np.float32], out: NDArray[np.float32]) -> None:
    """(H, W) to (ceil(H/3), ceil(W/3)) float32; writes every element of `out`."""
    rows, cols = image.shape
    for i in prange(out.shape[0]):
        values = np.empty(9, np.float32)
        for j in range(out.shape[1]):
            count = 0
            for y in range(3 * i, min(rows, 3 * i + 3)):
                for x in range(3 * j, min(cols, 3 * j + 3)):
                    values[count] = image[y, x]
                    count += 1
            out[i, j] = _median(values, count)


@njit(parallel=True, cache=True)
def _area_median(blocks: NDArray[np.float32], classes: NDArray[np.bool_], out: NDArray[np.float32]) -> None:
    """Blocks and their classes to the median over 7 x 7 blocks of the same class; writes every element of `out`."""
    rows, cols = blocks.shape
    for i in prange(rows):
        values = np.empty(49, np.float32)
        for j in range(cols):
            count = 0
            top, left = min(max(0, i - 3), max(0, rows - 7)), min(max(0, j - 3), max(0, cols - 7))
            for y in range(top, min(rows, top + 7)):
                for x in range(left, min(cols, left + 7)):
                    if classes[y, x] == classes[i, j]:
                        values[count] = blocks[y, x]
                        count += 1
            out[i, j] = _median(values, count)

"""Evenly exposed fields: pixels that can be used, and the noise about a bent field or between frames.

Blocks are small enough that the field is a plane in each of them; the plane is taken out before the scatter is counted,
so that neither heel effect nor glare is taken for noise.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

NOISE_BLOCK = 64  # pixels of a side, within which a field is a plane   # chosen
OUTLIER_BLOCK = 32  # pixels of a side; median and scatter of such a block are those of its good pixels   # chosen
OUTLIER = 7.0  # standard deviations from the median; 1e-12 of normal pixels lie beyond   # chosen
TO_SIGMA = 1.4826  # median absolute deviation to standard deviation, normal distribution
LARGEST_DEAD = 0.5  # of the pixels hold one value in all frames: then frames repeat, or are coarse   # chosen
CHANCE = 1e-3  # of a live pixel holding one value in all frames; what leaving those out adds to the noise   # chosen
ROUNDING = 1e-7  # of the signal, about that of float32: less is no noise
LEAST_SIDE = 8  # pixels; of fewer, no noise is known   # chosen

BENT_TERMS = 6  # numbers of a surface of second order

FloatArray = NDArray[np.float64]
Mask = NDArray[np.bool_]


def good_pixels(picture: NDArray[Any]) -> Mask:
    """Pixels that have a number and do not stand out of their neighbourhood, as dead and hot ones do.

    Parameters
    ----------
    picture : (H, W)
        An evenly exposed field, the mean of frames. Any real type.

    Returns
    -------
    good : (H, W) bool
    """
    good: Mask = np.isfinite(picture)
    for rows in _parts(picture.shape[0], OUTLIER_BLOCK):
        for cols in _parts(picture.shape[1], OUTLIER_BLOCK):
            block = picture[rows, cols]
            inside = good[rows, cols]
            if not inside.any():
                continue
            departure = np.abs(block - np.median(block[inside]))
            scatter = TO_SIGMA * float(np.median(departure[inside]))
            if scatter > 0:
                good[rows, cols] = inside & (departure <= OUTLIER * scatter)
    return good


def live_pixels(frames: NDArray[Any]) -> Mask:
    """Good pixels of a sequence whose values are not one and the same in all frames.

    Parameters
    ----------
    frames : (N, H, W)
        Of one exposure. Any real type.

    Returns
    -------
    live : (H, W) bool

    Notes
    -----
    A pixel that stands still has no noise and lowers that of the region, though it does not stand out. A live one of
    few grey levels may hold its value by chance; how often, the first two frames tell. Of two frames, only rows and
    columns are left out of which most pixels stand.
    """
    good = good_pixels(frames.mean(axis=0, dtype=np.float64))
    if len(frames) < 2:
        return good
    unmoved: Mask = frames[1] == frames[0]
    of_two = float(unmoved.mean())
    for frame in frames[2:]:
        unmoved &= frame == frames[0]
    share = float(unmoved.mean())
    if share > LARGEST_DEAD:
        return good
    if not (len(frames) > 2 and (of_two - share) ** (len(frames) - 1) < CHANCE):
        lines = [unmoved.mean(axis=axis, keepdims=True) > LARGEST_DEAD for axis in (0, 1)]
        unmoved = np.asarray(unmoved & (lines[0] | lines[1]))
    return np.asarray(good & ~unmoved)


def block_variances(picture: NDArray[Any], good: Mask, side: int = NOISE_BLOCK) -> FloatArray:
    """Variance of the good pixels about the plane through each block.

    Parameters
    ----------
    picture : (H, W)
        Any real type.
    good : (H, W) bool
        Others are never looked at.
    side : int
        Of a block; a picture of less is one block along that axis. [1]

    Returns
    -------
    variances : (B,) float64
        Unbiased for noise without correlation; blocks of which less than half is good are left out.

    Raises
    ------
    ValueError
        If the picture has a side of fewer than 8 pixels, or no block is half good.
    """
    if min(picture.shape) < LEAST_SIDE:
        raise ValueError(
            f"noise needs a region of at least {LEAST_SIDE} x {LEAST_SIDE} pixels, got "
            f"{picture.shape[0]} x {picture.shape[1]}"
        )
    found = []
    for rows in _parts(picture.shape[0], side):
        for cols in _parts(picture.shape[1], side):
            inside = good[rows, cols]
            count = int(inside.sum())
            if 2 * count < inside.size:
                continue
            left = picture[rows, cols][inside] - plane_through(picture[rows, cols], inside)[inside]
            found.append(float(left @ left) / (count - 3))  # a plane has three numbers
    if not found:
        raise ValueError("no part of the region has usable pixels in more than half of it, so its noise is not known")
    return np.array(found)


def plane_through(block: NDArray[Any], good: Mask) -> FloatArray:
    """The plane nearest to the good pixels of a block.

    Parameters
    ----------
    block : (h, w)
        Any real type.
    good : (h, w) bool
        Three at least, not in one line.

    Returns
    -------
    plane : (h, w) float64
    """
    return _nearest(block, good, 1)


def bent_field(picture: NDArray[Any], good: Mask) -> FloatArray:
    """The surface of second order nearest to the good pixels: heel effect, distance and glare, without the noise.

    Parameters
    ----------
    picture : (H, W)
        Any real type.
    good : (H, W) bool
        Others are left out.

    Returns
    -------
    field : (H, W) float64
    """
    return _nearest(picture, good, 2)


def frame_pairs(count: int) -> list[tuple[int, int]]:
    """Frames to take differences of, as far apart as they can be: what lag carries over has faded there."""
    apart = max(count // 2, 1)
    return [(first, first + apart) for first in range(count - apart)]


def _parts(length: int, side: int) -> list[slice]:
    """Equal parts of at least a side, or the whole."""
    ends = np.linspace(0, length, max(length // side, 1) + 1).astype(int)
    return [slice(first, last) for first, last in itertools.pairwise(ends)]


def _nearest(picture: NDArray[Any], good: Mask, order: int) -> FloatArray:
    """The polynomial of rows and columns that is nearest to the good pixels by least squares."""
    value, counted = np.where(good, picture, 0.0).astype(np.float64), good.astype(np.float64)
    rows, cols = (np.linspace(-1.0, 1.0, n)[:, None] ** np.arange(2 * order + 1) for n in picture.shape)
    moments, right = rows.T @ counted @ cols, rows.T @ value @ cols
    powers = [(i, j) for i in range(order + 1) for j in range(order + 1 - i)]
    normal = np.array([[moments[i + k, j + m] for k, m in powers] for i, j in powers])
    weights = np.zeros((order + 1, order + 1))
    for (i, j), weight in zip(
        powers, np.linalg.lstsq(normal, [right[i, j] for i, j in powers], rcond=None)[0], strict=True
    ):
        weights[i, j] = weight
    return np.asarray(rows[:, : order + 1] @ weights @ cols[:, : order + 1].T)

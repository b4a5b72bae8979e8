"""Per-pixel mean and scatter of a stream of frames, and a check that the frames are of one kind.

A stack is never held: each frame is added to two float64 planes and forgotten. Deviations are taken from the first
frame (the shifted-data form of the variance), so integer frames add up exactly and a large mean does not eat a small
scatter.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

TILES = 8  # a frame is judged on 8 x 8 tiles, so that light in one corner shows   # chosen
NO_SATURATION_DN = 1e30  # stands for the saturation level of frames that have none; float32 ends at 3.4e38   # chosen
MEDIAN_SAMPLES = 1_000_000  # pixels behind a frame's medians   # chosen: 20 ms, median to 0.0013 sigma


class _Sums(NamedTuple):
    """First value of each pixel, and sums of the later deviations from it and of their squares, (H, W) each."""

    first: NDArray[np.float64]
    total: NDArray[np.float64]
    square: NDArray[np.float64]


class FrameSums:
    """Running sums of (frame - offset) * scale over frames of one shape, relative to the first of them."""

    def __init__(self, offset_dn: NDArray[np.float32]) -> None:
        self.count = 0
        self._offset_dn = offset_dn
        self._sums = _Sums(*(np.zeros(offset_dn.shape, np.float64) for _ in range(3)))

    def add(self, frame: NDArray[Any], scale: float = 1.0, saturation_dn: float = np.inf) -> None:
        """Add one frame; a pixel at or above saturation has no mean from then on (NaN)."""
        frame = frame if frame.dtype == np.uint16 else frame.astype(np.float64)
        _add_frame(np.ascontiguousarray(frame), self._offset_dn, scale, saturation_dn, self.count == 0, self._sums)
        self.count += 1

    def mean(self) -> NDArray[np.float64]:
        """Mean of the frames so far."""
        return self._sums.first + self._sums.total / self.count

    def scatter(self) -> NDArray[np.float32] | None:
        """Standard deviation of one frame about the mean; None from fewer than two frames."""
        if self.count < 2:
            return None
        variance = (self._sums.square - self._sums.total**2 / self.count) / (self.count - 1)
        return np.sqrt(np.maximum(variance, 0.0)).astype(np.float32)


def check_frame(frame: NDArray[Any], k: int, shape: tuple[int, ...] | None, kind: str) -> NDArray[Any]:
    """The frame as an array, after a check that it can be one of a stack.

    Parameters
    ----------
    frame : (H, W)
        Integers or floats, or a list of them. [DN]
    k : int
        Its number in the stack, from 0, for the error. [1]
    shape : tuple of int or None
        Shape of the other frames; None for the first.
    kind : str
        What errors call the frames, such as "dark".

    Returns
    -------
    frame : (H, W)
        [DN]

    Raises
    ------
    ValueError
        If it has another shape, or values that are not finite.
    TypeError
        If it holds no real numbers.
    """
    frame = np.asarray(frame)
    if frame.ndim != 2 or frame.size == 0:
        raise ValueError(f"{kind} frame {k} has shape {frame.shape}; a frame is (rows, columns)")
    if shape is not None and frame.shape != shape:
        raise ValueError(f"{kind} frame {k} is {frame.shape} but {shape} is needed")
    if frame.dtype.kind not in "uif":
        raise TypeError(f"{kind} frame {k} holds {frame.dtype}; integers or floats are needed")
    if frame.dtype.kind == "f" and not np.isfinite(frame).all():
        raise ValueError(f"{kind} frame {k} holds values that are NaN or infinite")
    return frame


def still_saturated(cleaned_dn: NDArray[np.float32], frame: NDArray[Any], saturation_dn: float) -> NDArray[np.float32]:
    """A frame from which something was subtracted, with its saturated pixels left at saturation or above.

    Parameters
    ----------
    cleaned_dn : (H, W) float32
        The frame after the subtraction; written to. [DN]
    frame : (H, W)
        The frame as it was read. [DN]
    saturation_dn : float
        Raw value from which a pixel no longer responds. [DN]

    Returns
    -------
    cleaned_dn : (H, W) float32
        The same array. [DN]
    """
    saturated = frame >= saturation_dn
    cleaned_dn[saturated] = np.maximum(cleaned_dn[saturated], np.float32(saturation_dn))
    return cleaned_dn


def thin_out(frame: NDArray[Any]) -> NDArray[np.float64]:
    """Every n-th row and column of a frame, about a million pixels: enough for its medians."""
    step = max(1, int(np.sqrt(frame.size / MEDIAN_SAMPLES)))
    return frame[::step, ::step].astype(np.float64)


def tile_medians(frame: NDArray[Any]) -> NDArray[np.float64]:
    """Medians over 8 x 8 tiles (fewer on a tiny panel), which one bad pixel or line does not move. [DN]

    Up to seven rows and columns at the far borders belong to no tile.
    """
    rows, cols = (min(TILES, side) for side in frame.shape)
    high, wide = frame.shape[0] // rows, frame.shape[1] // cols
    tiles = frame[: rows * high, : cols * wide].reshape(rows, high, cols, wide).swapaxes(1, 2)
    return np.asarray(np.median(tiles.reshape(rows, cols, high * wide), axis=2))


def typical_scatter(scatter: NDArray[Any], count: int) -> float:
    """Standard deviation of the typical pixel, from the standard deviations of many pixels over a few frames.

    The median of a standard deviation from few values lies below the true one, by 11 % for 4 frames: the square root of
    the median of chi-square over its degrees of freedom.

    Parameters
    ----------
    scatter : array
        Standard deviation of each pixel. [any unit]
    count : int
        Frames behind each, two or more. [1]

    Returns
    -------
    sigma : float
        [unit of `scatter`]
    """
    from scipy.special import gammaincinv

    freedom = count - 1
    return float(np.median(scatter) / np.sqrt(2.0 * gammaincinv(0.5 * freedom, 0.5) / freedom))


def robust_sigma(values: NDArray[Any]) -> float:
    """Standard deviation of the normal distribution with the same median absolute deviation."""
    return float(1.4826 * np.median(np.abs(values - np.median(values))))


@njit(parallel=True, cache=True)
def _add_frame(
    frame: NDArray[Any], offset: NDArray[np.float32], scale: float, saturation: float, is_first: bool, sums: _Sums
) -> None:
    """All (H, W); writes every element of `sums.first` on the first frame, then only of the other two."""
    rows, cols = frame.shape
    first, total, square = sums
    for i in prange(rows):
        for j in range(cols):
            value = (float(frame[i, j]) - float(offset[i, j])) * scale
            if frame[i, j] >= saturation:
                value = np.nan
            if is_first:
                first[i, j] = value
            else:
                deviation = value - first[i, j]
                total[i, j] += deviation
                square[i, j] += deviation * deviation

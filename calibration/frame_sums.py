"""Per-pixel mean and scatter of a stream of frames, and a check that the frames are of one kind.

A stack is never held: each frame is added to two float64 planes and forgotten. Deviations are taken from the first
frame (the shifted-data form of the variance), so integer frames add up exactly and a large mean does not eat a small
scatter. Each pixel's two largest values are kept beside the sums, so that a gamma quantum that hit the pixel in one
frame or two is left out at the end, when the other frames have shown what the pixel does otherwise.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

TILES = 8  # a frame is judged on 8 x 8 tiles, so that light in one corner shows   # chosen
NO_SATURATION_DN = 1e30  # stands for the saturation level of frames that have none; float32 ends at 3.4e38   # chosen
MEDIAN_SAMPLES = 1_000_000  # pixels behind a frame's medians   # chosen: 20 ms, median to 0.0013 sigma


ROUNDING = 12**-0.5  # standard deviation of rounding, in steps: uniform over one
HIT_SIGMAS = 8.0  # a value farther above the pixel's others is a hit   # chosen: 1 good one in 1e6 of 16, t of 14
FRAMES_FOR_HIT = 4  # that show one hit; two need twice as many   # chosen


class _Sums(NamedTuple):
    """Sums of each pixel, (H, W) each.

    First value; the two largest deviations from it, the first value's own among them (-inf where there is one value);
    sum of the other deviations and of their squares; how many values were saturated (255 and more are one), and how
    many were no number, without rows where all are.
    """

    first: NDArray[np.float64]
    total: NDArray[np.float64]
    square: NDArray[np.float64]
    largest: NDArray[np.float32]
    second: NDArray[np.float32]
    saturated: NDArray[np.uint8]
    missing: NDArray[np.uint16]


def _no_sums(shape: tuple[int, ...], *, all_numbers: bool) -> _Sums:
    """Sums before the first frame; `all_numbers` where no frame can hold what is no number."""
    return _Sums(
        first=np.zeros(shape, np.float64),
        total=np.zeros(shape, np.float64),
        square=np.zeros(shape, np.float64),
        largest=np.zeros(shape, np.float32),
        second=np.zeros(shape, np.float32),
        saturated=np.zeros(shape, np.uint8),
        missing=np.zeros((0, 0) if all_numbers else shape, np.uint16),
    )


class FrameSums:
    """Running sums of (frame - offset) * scale over frames of one shape, relative to the first of them.

    The typical scatter is that of pixels whose mean is at least `lit_from`. Once mean or scatter was asked for no frame
    can be added.
    """

    def __init__(self, offset_dn: NDArray[np.float32], lit_from: float = -np.inf) -> None:
        self.count = 0
        self.hits = 0  # values left out because they stood out of the pixel's others
        self._offset_dn = offset_dn
        self._lit_from = lit_from
        self._sums: _Sums | None = None
        self._settled = False
        self._step = np.inf  # [DN] least rounding noise of the frames so far

    def add(self, frame: NDArray[Any], scale: float = 1.0, saturation_dn: float = np.inf) -> None:
        """Add one frame; values that are no numbers are left out of their pixel's sums."""
        assert not self._settled
        whole = frame.dtype.kind in "ui"
        self._step = min(self._step, scale * ROUNDING if whole else 0.0)
        if self._sums is None:
            self._sums = _no_sums(self._offset_dn.shape, all_numbers=whole)
        elif not whole and not self._sums.missing.size:
            self._sums = self._sums._replace(missing=np.zeros(self._offset_dn.shape, np.uint16))
        frame = frame if frame.dtype == np.uint16 else frame.astype(np.float64)
        _add_frame(np.ascontiguousarray(frame), self._offset_dn, scale, saturation_dn, self.count == 0, self._sums)
        self.count += 1

    def mean(self) -> NDArray[np.float64]:
        """Mean of the frames; NaN for a pixel that was saturated, or never a number."""
        sums = self._settle()
        return sums.first + sums.total / self.count

    def scatter(self) -> NDArray[np.float32] | None:
        """Standard deviation of one frame about the mean; None from fewer than two frames."""
        if self.count < 2:
            return None
        sums = self._settle()
        variance = (sums.square - sums.total**2 / self.count) / (self.count - 1)
        return np.sqrt(np.maximum(variance, 0.0)).astype(np.float32)

    def absent(self) -> NDArray[np.bool_] | None:
        """True where no frame held a number; None where all did."""
        sums = self._settle()
        if not sums.missing.size:
            return None
        absent = sums.missing == self.count
        return absent if absent.any() else None

    def _settle(self) -> _Sums:
        """The sums without hits, made up to the full number of frames, so that each pixel has the same."""
        assert self._sums is not None
        if not self._settled:
            self.hits = int(_settle(self._sums, self.count, HIT_SIGMAS, self._typical_scatter(), FRAMES_FOR_HIT).sum())
            self._settled = True
        return self._sums

    def _typical_scatter(self) -> float:
        """Median scatter of the lit pixels, hits and all, or rounding: what a pixel's own may not be below."""
        if self.count < FRAMES_FOR_HIT or self._sums is None:
            return 0.0
        first, total, square, largest, second = (thin_out(plane) for plane in self._sums[:5])
        known = np.isfinite(first) & np.isfinite(second)
        if not known.any():
            return 0.0
        total, square = total + largest + second, square + largest**2 + second**2
        mean = (first + total / self.count)[known]
        variance = ((square - total**2 / self.count) / (self.count - 1))[known]
        lit = mean >= self._lit_from
        return max(float(np.sqrt(max(np.median(variance[lit] if lit.any() else variance), 0.0))), self._step)


def check_frame(
    frame: NDArray[Any], k: int, shape: tuple[int, ...] | None, kind: str, *, finite: bool = False
) -> NDArray[Any]:
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
    finite : bool
        Whether every value must be a number, not only some.

    Returns
    -------
    frame : (H, W)
        [DN]

    Raises
    ------
    ValueError
        If it has another shape, or no finite value, or not only finite ones where all must be.
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
    if frame.dtype.kind == "f":
        numbers = np.isfinite(frame)
        if not numbers.any() or (finite and not numbers.all()):
            only = "" if finite or numbers.any() else "nothing but "
            raise ValueError(f"{kind} frame {k} holds {only}values that are NaN or infinite")
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


def hit_remark(hits: int, frames: str) -> str:
    """A sentence about values that stood out of their pixel's others.

    Parameters
    ----------
    hits : int
        Values that were left out. [1]
    frames : str
        Of which frames, such as "darks".

    Returns
    -------
    remark : str
    """
    return f"{hits} value{'s' * (hits != 1)} stood out of the pixel's other {frames}, as of a gamma quantum: left out"


def rounding_noise(raw: NDArray[Any]) -> float:
    """Standard deviation of rounding to whole numbers where all values are such, else 0. [DN]"""
    whole = raw.dtype.kind in "ui" or bool(np.isfinite(raw).all() and (raw == np.rint(raw)).all())
    return ROUNDING if whole else 0.0


@njit(parallel=True, cache=True)
def _add_frame(
    frame: NDArray[Any], offset: NDArray[np.float32], scale: float, saturation: float, is_first: bool, sums: _Sums
) -> None:
    """All (H, W); writes every element of `sums.first` and the two largest on the first frame."""
    may_miss = sums.missing.shape[0] > 0
    for i in prange(frame.shape[0]):
        if may_miss:
            _add_row_with_gaps(i, frame, offset, scale, saturation, is_first, sums)
        else:
            _add_row(i, frame, offset, scale, saturation, is_first, sums)


@njit(cache=True)
def _add_row(
    i: int,
    frame: NDArray[Any],
    offset: NDArray[np.float32],
    scale: float,
    saturation: float,
    is_first: bool,
    sums: _Sums,
) -> None:
    """A row of numbers, without branches, so that a processor takes several pixels at once."""
    raw, first, total, square, largest, second, saturated = (
        frame[i],
        sums.first[i],
        sums.total[i],
        sums.square[i],
        sums.largest[i],
        sums.second[i],
        sums.saturated[i],
    )
    subtracted = offset[i]
    for j in range(len(raw)):
        more = raw[j] >= saturation and saturated[j] < 255
        saturated[j] += np.uint8(more)
    if is_first:
        for j in range(len(raw)):
            first[j] = (float(raw[j]) - float(subtracted[j])) * scale
            second[j] = -np.inf
        return
    for j in range(len(raw)):
        deviation = (float(raw[j]) - float(subtracted[j])) * scale - first[j]
        rounded, high, higher = np.float32(deviation), second[j], largest[j]
        among_two, is_largest = deviation > high, deviation > higher
        largest[j] = rounded if is_largest else higher
        second[j] = higher if is_largest else (rounded if among_two else high)
        left = np.float64(high) if among_two else deviation  # of three values, the one that is not kept apart
        left = 0.0 if left == -np.inf else left
        total[j] += left
        square[j] += left * left


@njit(cache=True)
def _add_row_with_gaps(
    i: int,
    frame: NDArray[Any],
    offset: NDArray[np.float32],
    scale: float,
    saturation: float,
    is_first: bool,
    sums: _Sums,
) -> None:
    """A row in which some values may be no numbers."""
    raw, first, total, square, largest, second, saturated, missing = (
        frame[i],
        sums.first[i],
        sums.total[i],
        sums.square[i],
        sums.largest[i],
        sums.second[i],
        sums.saturated[i],
        sums.missing[i],
    )
    for j in range(len(raw)):
        value = (float(raw[j]) - float(offset[i, j])) * scale
        if not np.isfinite(value):
            missing[j] += 1
            if is_first:
                first[j] = np.nan
            continue
        if raw[j] >= saturation and saturated[j] < 255:
            saturated[j] += 1
        if is_first or np.isnan(first[j]):
            first[j] = value
            second[j] = -np.inf
            continue
        deviation = value - first[j]
        if deviation > second[j]:
            displaced = np.float64(second[j])
            if deviation > largest[j]:
                second[j] = largest[j]
                largest[j] = deviation
            else:
                second[j] = deviation
            if displaced == -np.inf:
                continue
            deviation = displaced
        total[j] += deviation
        square[j] += deviation * deviation


@njit(parallel=True, cache=True)
def _settle(sums: _Sums, count: int, sigmas: float, typical: float, least: int) -> NDArray[np.int64]:
    """Sums of each pixel without its hits and made up to `count` values; returns the hits of each row, (H,).

    NaN is the first value of a pixel that was saturated in a frame that counts, or of which there is no number.
    """
    first, total, square, largest, second, saturated, missing = sums
    rows, cols = first.shape
    hits = np.zeros(rows, np.int64)
    may_miss = missing.shape[0] > 0
    for i in prange(rows):
        found = 0
        for j in range(cols):
            n, t, q = count, total[i, j], square[i, j]
            if may_miss:
                n = count - int(missing[i, j])
            high, higher, left_out = np.float64(second[i, j]), np.float64(largest[i, j]), 0
            if n >= 2 * least and _stands_out(high, t, q, n - 2, sigmas, typical):
                left_out = 2
            elif n >= 2:
                t, q = t + high, q + high * high
                if n >= least and _stands_out(higher, t, q, n - 1, sigmas, typical):
                    left_out = 1
                else:
                    t, q = t + higher, q + higher * higher
            found += left_out
            if int(saturated[i, j]) > left_out or n == 0:
                first[i, j] = np.nan
            used = n - left_out
            if 0 < used < count:
                variance = max((q - t * t / used) / (used - 1), 0.0) if used > 1 else 0.0
                t = t / used * count
                q = variance * (count - 1) + t * t / count
            total[i, j], square[i, j] = t, q
        hits[i] = found
    return hits


@njit(cache=True)
def _stands_out(value: float, total: float, square: float, others: int, sigmas: float, typical: float) -> bool:
    """Whether a value lies far above the mean of others, by their sums and a typical scatter."""
    variance = max((square - total * total / others) / (others - 1), 0.0)
    return bool(value - total / others > sigmas * max(np.sqrt(variance), typical))

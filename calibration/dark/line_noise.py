"""Noise common to a row, measured on columns that see no X-rays and subtracted from the whole row.

All pixels of a row are read at the same instant, so the disturbances of that instant (gate lines, supply voltages,
each readout chip's reference) shift the row as one; the eye finds such stripes far below the noise of a pixel. The
mean of N shielded pixels measures the shift with an error of sigma_p / sqrt(N): subtracting it whole would make a
quiet panel with few shielded columns noisier, so it is shrunk by the fraction of its scatter that is line noise (the
least-squares estimate of a normal value seen through normal noise, known as the James-Stein or Wiener factor).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from calibration.frame_sums import check_frame, robust_sigma, rounding_noise, still_saturated

ShieldedCols = tuple[tuple[int, int], ...]  # columns that see no X-rays, half-open ranges

CLIP_SIGMAS = 4.0  # a pixel farther from its row's mean is left out; 1 in 16,000 of a normal distribution   # chosen
WIDE_CLIP_SIGMAS = 8.0  # the same against the whole frame, before the row's mean is known   # chosen
SAMPLES = 4096  # shielded pixels behind the frame's medians   # chosen: medians to 2 % of sigma
_MEDIAN_ERROR = (np.pi / 2) ** 0.5  # standard error of a median over that of a mean, normal values


@dataclass(frozen=True, eq=False)
class LineNoise:
    """Noise of every row of one frame, as it is subtracted.

    Attributes
    ----------
    line_dn : (H, G) float32
        Shift of each row in each readout group, shrunk; zero in rows without a good shielded pixel. [DN]
    cols_per_group : int
        Column j belongs to group j // cols_per_group. [1]
    shrink : (G,) float64
        Fraction of the measured shift that is subtracted in a row with the usual number of shielded pixels. [1]
    sigma_dn, left_dn : (G,) float64
        Standard deviation of the line noise before, and as expected after the subtraction. [DN]
    pixel_dn : float
        Noise of one shielded pixel about its row. [DN]
    drift_dn, drift_error_dn : float
        Level of the shielded pixels above their offset (median over the rows) and its standard error; not subtracted.
        [DN]
    pixels_used, rows_without : int
        Shielded pixels behind the result; rows that had none. [1]
    """

    line_dn: NDArray[np.float32]
    cols_per_group: int
    shrink: NDArray[np.float64]
    sigma_dn: NDArray[np.float64]
    left_dn: NDArray[np.float64]
    pixel_dn: float
    drift_dn: float
    drift_error_dn: float
    pixels_used: int
    rows_without: int


def estimate_line_noise(
    raw_dn: NDArray[Any],
    offset_dn: NDArray[np.float32],
    shielded_cols: ShieldedCols,
    unusable: NDArray[np.bool_],
    cols_per_group: int = 0,
    dark_rate_dn_per_s: NDArray[np.float32] | None = None,
    dark_excess_s: float = 0.0,
) -> LineNoise:
    """Shift of each row of a frame, from its shielded pixels, group of columns by group of columns.

    A row's shift is the sigma-clipped mean of raw less offset over the group's good shielded pixels, less the median
    of all rows: what the whole frame has in common is offset drift and is reported, not removed. A group without
    shielded pixels takes the mean of all, shrunk by what the shielded groups show to be common to them; with a single
    shielded group its shift is taken to be common to the row.

    Parameters
    ----------
    raw_dn : (H, W)
        What the ADC delivered. [DN]
    offset_dn : (H, W) float32
        Dark signal of each pixel. [DN]
    shielded_cols : tuple of (int, int)
        Columns that see no X-rays, half-open ranges. [1]
    unusable : (H, W) bool
        Pixels that are not to be trusted.
    cols_per_group : int
        Columns that share a readout chip, counted from column 0; 0 for one group. [1]
    dark_rate_dn_per_s : (H, W) float32, optional
        Growth of the dark signal [DN/s]: with it `offset_dn` + rate * `dark_excess_s` is the dark signal, and no plane
        has to be made of it.
    dark_excess_s : float
        Effective integration time of the frame less that of `offset_dn`. [s]

    Returns
    -------
    line : LineNoise

    Raises
    ------
    ValueError
        If shapes differ, no columns are shielded or they lie outside the panel, the group size is negative, or no row
        has two good shielded pixels in one group, without which line and pixel noise cannot be told apart.

    Notes
    -----
    Shrunk by k = sr^2 / (sr^2 + sp^2 / N), where sp is the pooled scatter of the clipped pixels about their row, sr^2
    the variance of the rows' means less sp^2 / N, never negative, and N the good pixels of that row. What is left is
    sr sqrt(1 - k). sr and sp are of this frame, so their own error (about sr / sqrt(2 H)) is in the result.
    """
    shape = raw_dn.shape
    for name, plane in (("offset map", offset_dn), ("map of unusable pixels", unusable), ("rate", dark_rate_dn_per_s)):
        if plane is not None and plane.shape != shape:
            raise ValueError(f"the {name} is {plane.shape} but the frame is {shape}")
    if cols_per_group < 0:
        raise ValueError(f"cols_per_group must be 0 or more, got {cols_per_group}")
    cols = shielded_columns(shielded_cols, shape[1])
    per_group = min(cols_per_group, shape[1]) or shape[1]
    known, starts = np.unique(cols // per_group, return_index=True)
    frame = _frame_over_dark(raw_dn, offset_dn, unusable, dark_rate_dn_per_s, dark_excess_s)
    clipping = _clipping(frame, cols, per_group)
    size = shape[0], known.size
    rows = _RowMeans(np.empty(size), np.empty(size), np.empty(size, np.int64))
    _average_rows(frame, cols, np.append(starts, cols.size), clipping, rows)

    variance = _pooled_variance(rows.square, rows.pixels)
    measured = rows.pixels > 0
    error = variance / np.where(measured, rows.pixels, np.inf)  # of each row's mean, (H, K) [DN2]
    level = np.array([_median(rows.mean[measured[:, g], g]) for g in range(known.size)])
    shift = np.where(measured, rows.mean - level, 0.0)
    noise = _no_noise(shape[0], -(-shape[1] // per_group), clipping.least_dn)
    _fill_measured(noise, known, shift, measured, error)
    total = rows.pixels.sum(axis=1)
    _fill_blind(noise, known, shift, measured, (rows.pixels * shift).sum(axis=1) / np.maximum(total, 1))
    above = ((rows.pixels * rows.mean).sum(axis=1) / np.maximum(total, 1))[total > 0]
    drift_dn = _median(above)
    drift_variance = _clipped_variance(above - drift_dn, clipping.least_dn) / max(above.size, 1)
    return LineNoise(
        line_dn=noise.line_dn,
        cols_per_group=per_group,
        shrink=noise.shrink,
        sigma_dn=noise.sigma_dn,
        left_dn=noise.left_dn,
        pixel_dn=float(np.sqrt(variance)),
        drift_dn=drift_dn,
        drift_error_dn=float(_MEDIAN_ERROR * np.sqrt(drift_variance)),
        pixels_used=int(total.sum()),
        rows_without=int(np.count_nonzero(total == 0)),
    )


def subtract_line_noise(signal_dn: NDArray[Any], line: LineNoise) -> NDArray[np.float32]:
    """The frame without the shift of its rows.

    Parameters
    ----------
    signal_dn : (H, W)
        Raw or offset-subtracted frame; not written to. [DN]
    line : LineNoise
        From `estimate_line_noise` on the same frame.

    Returns
    -------
    signal_dn : (H, W) float32
        [DN]

    Raises
    ------
    ValueError
        If the line noise is that of a frame of another size.
    """
    rows, groups = line.line_dn.shape
    if signal_dn.shape[0] != rows or -(-signal_dn.shape[1] // line.cols_per_group) != groups:
        raise ValueError(
            f"the line noise is of {rows} rows and {groups} groups of {line.cols_per_group} columns but the frame is "
            f"{signal_dn.shape}"
        )
    without = np.empty(signal_dn.shape, np.float32)
    for group in range(groups):
        cols = slice(group * line.cols_per_group, (group + 1) * line.cols_per_group)
        np.subtract(signal_dn[:, cols], line.line_dn[:, group : group + 1], out=without[:, cols], dtype=np.float32)
    return without


def without_line_noise(
    frames: Iterable[NDArray[Any]],
    offset_dn: NDArray[np.float32],
    shielded_cols: ShieldedCols,
    unusable: NDArray[np.bool_],
    saturation_dn: float,
    name: str,
) -> Iterator[NDArray[Any]]:
    """Calibration frames less the noise of their rows; as they are where the panel has no shielded columns.

    Maps learned from frames with line noise would carry it: it passes for noise of the pixels and hides noisy ones.
    Frames stay raw values, on their offset.

    Parameters
    ----------
    frames : iterable of (H, W)
        Raw frames; not written to. [DN]
    offset_dn : (H, W) float32
        Dark signal at their integration time. [DN]
    shielded_cols : tuple of (int, int)
        Columns that see no X-rays, half-open ranges. [1]
    unusable : (H, W) bool
        Pixels that are not to be trusted.
    saturation_dn : float
        Raw value from which a pixel no longer responds; a value there stays there. [DN]
    name : str
        What errors call the frames.

    Yields
    ------
    frame : (H, W)
        float32 where something was subtracted. [DN]

    Raises
    ------
    ValueError, TypeError
        If a frame has another shape, or holds no finite numbers.
    """
    for k, frame in enumerate(frames):
        frame = check_frame(frame, k, offset_dn.shape, name)
        if not shielded_cols:
            yield frame
            continue
        line = estimate_line_noise(frame, offset_dn, shielded_cols, unusable)
        yield still_saturated(subtract_line_noise(frame.astype(np.float32), line), frame, saturation_dn)


def shielded_columns(shielded_cols: ShieldedCols, cols: int) -> NDArray[np.intp]:
    """Numbers of the shielded columns of a panel, rising.

    Parameters
    ----------
    shielded_cols : tuple of (int, int)
        Columns that see no X-rays, half-open ranges. [1]
    cols : int
        Columns of the panel. [1]

    Returns
    -------
    columns : (N,) intp
        Each once. [1]

    Raises
    ------
    ValueError
        If there is no range, or one is empty or outside the panel.
    """
    if not shielded_cols:
        raise ValueError("shielded columns are needed, got none")
    for first, last in shielded_cols:
        if not 0 <= first < last <= cols:
            raise ValueError(f"shielded columns {first}:{last} do not lie within the {cols} columns of the frame")
    return np.unique(np.concatenate([np.arange(first, last, dtype=np.intp) for first, last in shielded_cols]))


class _FrameOverDark(NamedTuple):
    """A frame and its dark signal `offset` + `rate` * `excess_s`, (H, W) planes [DN, DN, DN/s] and a time [s]."""

    raw: NDArray[Any]
    offset: NDArray[np.float32]
    rate: NDArray[np.float32]
    excess_s: float
    unusable: NDArray[np.bool_]


class _Clipping(NamedTuple):
    """Centre of the frame's shielded pixels, reach about it and about a row's mean, and noise of rounding. [DN]"""

    centre_dn: float
    wide_dn: float
    narrow_dn: float
    least_dn: float


class _RowMeans(NamedTuple):
    """Of the good shielded pixels of each row and group, (H, K): mean [DN], squared deviations [DN2], number [1]."""

    mean: NDArray[np.float64]
    square: NDArray[np.float64]
    pixels: NDArray[np.int64]


class _GroupNoise(NamedTuple):
    """Line noise of G groups while it is found, as in `LineNoise`: shifts (H, G) [DN], and (G,) numbers of each.

    ``least_dn`` is the noise of rounding. [DN]
    """

    line_dn: NDArray[np.float32]
    shrink: NDArray[np.float64]
    sigma_dn: NDArray[np.float64]
    left_dn: NDArray[np.float64]
    least_dn: float


def _no_noise(rows: int, groups: int, least_dn: float) -> _GroupNoise:
    shrink, sigma_dn, left_dn = (np.zeros(groups) for _ in range(3))
    return _GroupNoise(np.zeros((rows, groups), np.float32), shrink, sigma_dn, left_dn, least_dn)


def _frame_over_dark(
    raw_dn: NDArray[Any],
    offset_dn: NDArray[np.float32],
    unusable: NDArray[np.bool_],
    rate_dn_per_s: NDArray[np.float32] | None,
    excess_s: float,
) -> _FrameOverDark:
    """Contiguous planes of the types that the kernel is compiled for."""
    if raw_dn.dtype != np.uint16:
        raw_dn = raw_dn.astype(np.float32, copy=False)
    raw_dn, offset_dn, unusable = (np.ascontiguousarray(plane) for plane in (raw_dn, offset_dn, unusable))
    if rate_dn_per_s is None:  # any plane stands for it: nothing of it is added
        return _FrameOverDark(raw_dn, offset_dn, offset_dn, 0.0, unusable)
    return _FrameOverDark(raw_dn, offset_dn, np.ascontiguousarray(rate_dn_per_s), float(excess_s), unusable)


def _clipping(frame: _FrameOverDark, cols: NDArray[np.intp], per_group: int) -> _Clipping:
    """Limits for the shielded pixels from some rows of the frame: scatter of all, and of neighbours in a row."""
    rows = slice(None, None, -(-frame.raw.shape[0] * cols.size // SAMPLES))
    raw, offset, rate = frame.raw[rows, cols], frame.offset[rows, cols], frame.rate[rows, cols]
    above = raw.astype(np.float64) - offset - frame.excess_s * rate.astype(float)
    good = ~frame.unusable[rows, cols] & np.isfinite(above)
    together = np.diff(cols // per_group) == 0
    pairs = (good[:, 1:] & good[:, :-1])[:, together]
    if not pairs.any():
        raise ValueError(
            f"line noise needs 2 good shielded pixels side by side in one row and readout group, found none among "
            f"{cols.size} shielded columns"
        )
    above[~good] = 0.0  # differences of infinities would be no number
    values, steps = above[good], np.diff(above, axis=1)[:, together][pairs]
    pixel_dn = float(1.4826 * np.median(np.abs(steps)) / 2**0.5)
    least_dn = rounding_noise(raw)
    wide_dn = WIDE_CLIP_SIGMAS * max(robust_sigma(values), least_dn)
    return _Clipping(float(np.median(values)), wide_dn, CLIP_SIGMAS * max(pixel_dn, least_dn), least_dn)


def _fill_measured(
    noise: _GroupNoise,
    known: NDArray[np.intp],
    shift: NDArray[np.float64],
    measured: NDArray[np.bool_],
    error: NDArray[np.float64],
) -> None:
    """Writes the groups `known` (K,) that have shielded pixels, from their shifts (H, K) and error variances (H, K)."""
    for g, group in enumerate(known):
        seen = _clipped_variance(shift[measured[:, g], g], noise.least_dn)
        line_variance = max(seen - _mean(error[measured[:, g], g]), 0.0)
        factor = _shrink(line_variance, error[:, g]) * measured[:, g]
        noise.line_dn[:, group] = factor * shift[:, g]
        noise.shrink[group] = _median(factor[measured[:, g]])
        noise.sigma_dn[group] = np.sqrt(line_variance)
        noise.left_dn[group] = np.sqrt(line_variance * (1.0 - noise.shrink[group]))


def _fill_blind(
    noise: _GroupNoise,
    known: NDArray[np.intp],
    shift: NDArray[np.float64],
    measured: NDArray[np.bool_],
    every: NDArray[np.float64],
) -> None:
    """Writes the groups without shielded pixels, from the mean shift (H,) of all, as far as it is common to them."""
    blind = np.setdiff1d(np.arange(noise.shrink.size), known)
    if not blind.size:
        return
    common = (
        _common_variance(shift, measured, noise.least_dn) if known.size > 1 else float(noise.sigma_dn[known[0]] ** 2)
    )
    scatter = _clipped_variance(every[measured.any(axis=1)], noise.least_dn)
    fraction = min(common / scatter, 1.0) if scatter > 0 else 0.0
    own = float(np.mean(noise.sigma_dn[known] ** 2))
    noise.line_dn[:, blind] = (fraction * every)[:, None]
    noise.shrink[blind], noise.sigma_dn[blind] = fraction, np.sqrt(own)
    noise.left_dn[blind] = np.sqrt(max(own - fraction * common, 0.0))


def _pooled_variance(square: NDArray[np.float64], count: NDArray[np.int64]) -> float:
    """Variance of one pixel about its row's mean, over all rows with two or more pixels. [DN2]"""
    known = (count > 1) & np.isfinite(square)
    freedom = int((count[known] - 1).sum())
    return float(square[known].sum() / freedom) if freedom else 0.0


def _shrink(line_variance: float, error: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fraction of a measured value that is signal, for each error variance. [1]"""
    return line_variance / (line_variance + error) if line_variance > 0 else np.zeros_like(error)


def _clipped_variance(values: NDArray[np.float64], least_dn: float) -> float:
    """Variance without the values farther than four robust standard deviations from zero."""
    if values.size < 2:
        return 0.0
    limit = CLIP_SIGMAS * max(robust_sigma(values), least_dn)
    return float(np.var(values[np.abs(values) <= limit], ddof=1))


def _common_variance(shift: NDArray[np.float64], measured: NDArray[np.bool_], least_dn: float) -> float:
    """Variance of what the groups of a row have in common: their mean covariance, not negative. [DN2]"""
    rows = measured.all(axis=1)
    values = shift[rows]
    limits = CLIP_SIGMAS * np.maximum(1.4826 * np.median(np.abs(values), axis=0), least_dn)
    values = values[(np.abs(values) <= limits).all(axis=1)]
    if len(values) < 2:
        return 0.0
    covariance = np.cov(values, rowvar=False)
    return max(float(covariance[~np.eye(len(covariance), dtype=bool)].mean()), 0.0)


def _median(values: NDArray[np.float64]) -> float:
    return float(np.median(values)) if values.size else 0.0


def _mean(values: NDArray[np.float64]) -> float:
    return float(np.mean(values)) if values.size else 0.0


@njit(parallel=True, cache=True)
def _average_rows(
    frame: _FrameOverDark,
    cols: NDArray[np.intp],
    starts: NDArray[np.intp],
    clipping: _Clipping,
    rows: _RowMeans,
) -> None:
    """Writes every element of `rows`; group g has the columns `cols[starts[g]:starts[g + 1]]`."""
    raw, offset, rate, excess_s, unusable = frame
    centre, wide, narrow, _ = clipping
    mean, square, count = rows
    for i in prange(mean.shape[0]):
        values = np.empty(cols.size)
        for g in range(mean.shape[1]):
            good = 0
            for c in range(starts[g], starts[g + 1]):
                j = cols[c]
                value = float(raw[i, j]) - float(offset[i, j]) - excess_s * float(rate[i, j])
                if not unusable[i, j] and np.isfinite(value):
                    values[good] = value
                    good += 1
            mean[i, g], square[i, g], count[i, g] = _clipped_mean(values[:good], centre, wide, narrow)


@njit(cache=True)
def _clipped_mean(values: NDArray[np.float64], centre: float, wide: float, narrow: float) -> tuple[float, float, int]:
    """Mean, squared deviations and number of the values (n,) near the frame's centre, then twice near their own mean.

    Where less than half of the values are left their median is returned, with NaN for the deviations.
    """
    if values.size == 0:
        return 0.0, 0.0, 0
    around, limit = centre, wide
    total, squares, kept = 0.0, 0.0, 0
    for turn in range(3):
        total, squares, kept = 0.0, 0.0, 0
        for n in range(values.size):
            deviation = values[n] - around
            if abs(deviation) <= limit:
                total += deviation
                squares += deviation * deviation
                kept += 1
        if 2 * kept < values.size:
            return np.median(values), np.nan, values.size
        squares = max(squares - total * total / kept, 0.0)
        around, limit = around + total / kept, narrow
        if turn == 1 and kept == values.size:
            break
    return around, squares, kept

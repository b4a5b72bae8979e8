"""Noise of pixels, rows and columns from differences of frames that follow each other, and how far it is correlated.

What stands still cancels in a difference. Rows and columns are taken out of it, so that line noise does not count as
noise of the pixels, and what that takes from the pixels' own covariance is given back. The light of one quantum reaches
several pixels: the variance of one pixel is then less than what quanta make of a large area, which is the sum of the
covariances with all neighbours [1]_. Only the sum goes as mean charge for a quantum; the variance of a pixel alone
depends on the blur as well.

References
----------
.. [1] Siewerdsen, Antonuk et al., "Empirical and theoretical investigation of the noise performance of indirect
       detection, active matrix flat-panel imagers (AMFPIs) for diagnostic radiology", Med. Phys. 24, 71 (1997).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from calibration.frame_sums import HIT_SIGMAS, robust_sigma

FloatArray = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

REACH = 6  # pixels that noise is followed to, 0.8 mm at 0.139 mm: beyond, light of a layer is a few per cent   # chosen
LARGEST_SIDE = 1024  # of the middle of a frame that is looked at   # chosen: 1e6 pixels, 0.1 % of a variance
LEAST_SIDE = 4 * REACH  # of a frame, for covariances   # chosen
ROUNDS = 4  # of rows and columns in turn: exact without bad pixels, and 1e-4 of the rest for each with 1 %   # chosen


@dataclass(frozen=True)
class PairNoise:
    """Noise of one frame, from pairs of frames.

    Attributes
    ----------
    pairs, pixels : int
        Differences, and good pixels in each. [1]
    pixel, pixel_error : float
        Variance of a pixel beside that of its row and column, and its standard error. [DN2]
    row, row_error, column, column_error : float
        Variance common to a row and to a column, of frames whose pixels are independent, such as darks; below zero
        within the error where there is none. [DN2]
    area, area_error : float
        Sum of a pixel's covariances with its neighbours up to `REACH`: variance of a large area's mean, times its
        pixels. [DN2]  NaN where the frames are too small for it.
    """

    pairs: int
    pixels: int
    pixel: float
    pixel_error: float
    row: float
    row_error: float
    column: float
    column_error: float
    area: float
    area_error: float


def pair_noise(frames: Iterable[npt.NDArray[Any]], good: Mask, *, equalised: bool) -> PairNoise | None:
    """Noise of a stack of frames of one kind.

    Parameters
    ----------
    frames : iterable of (H, W)
        Offset-subtracted frames, one after the other. [DN]
    good : (H, W) bool
        Pixels to count.
    equalised : bool
        Whether frames are brought to one mean, since the tube does not repeat itself: flats, not darks.

    Returns
    -------
    noise : PairNoise or None
        None of fewer than two frames, or fewer than 8 good rows or columns.
    """
    middle = tuple(slice((n - min(n, LARGEST_SIDE)) // 2, (n + min(n, LARGEST_SIDE)) // 2) for n in good.shape)
    weight = good[middle].astype(np.float64)
    rows, cols = weight.sum(axis=1) > 0, weight.sum(axis=0) > 0
    weight = weight[np.ix_(rows, cols)]
    if min(weight.shape) < 8:
        return None
    places = np.ix_(np.flatnonzero(rows), np.flatnonzero(cols))
    covariances = _Covariances(weight)
    found = []
    for first, second in _pairs(np.asarray(frame, np.float64)[middle][places] for frame in frames):
        scale = 1.0
        if equalised:
            levels = [float((part * weight).sum() / weight.sum()) for part in (first, second)]
            if not min(levels) > 0:
                raise ValueError(f"a flat has a mean signal of {min(levels):.4g} DN; noise needs it above zero")
            scale = levels[0] / levels[1]
        difference = (first - scale * second) / np.sqrt(1.0 + scale**2)
        residual, row, column = _without_lines(difference, weight)
        hit = np.abs(residual) > HIT_SIGMAS * robust_sigma(residual[weight > 0][::7])
        if hit.any():  # gamma quanta: these pixels do not count in this pair
            residual, row, column = _without_lines(difference, np.where(hit, 0.0, weight))
        covariances.add(residual, 1.0 - float(hit.sum()) / float(weight.sum()))
        found.append([float(np.mean(np.diff(line) ** 2)) / 2.0 for line in (row, column)])
    if not found:
        return None
    return _summary(covariances, weight, np.mean(found, axis=0))


def _summary(covariances: _Covariances, weight: FloatArray, lines: FloatArray) -> PairNoise:
    """Numbers of all pairs together."""
    pairs, pixels = covariances.pairs, int(weight.sum())
    pixel, area, across, down = covariances.result()
    independent = pairs * pixels
    # Of a sum over (2 R + 1)^2 covariances of a field of N pixels the relative variance is 2 (2 R + 1)^2 / N, more by
    # what removing rows and columns has taken from the sum.
    side = 2 * REACH + 1
    left = float(np.prod([1.0 - side / count for count in weight.shape]))
    area_error = area * np.sqrt(2.0 / independent) * side / left
    # Correlation adds to the error of a variance: pixels within the blur are not independent.
    spread = max(area / pixel, 1.0) if np.isfinite(area) else 1.0
    pixel_error = pixel * np.sqrt(2.0 * spread / independent)
    found = []
    for variance, own, axis in zip(lines, (across, down), (1, 0), strict=True):
        in_line = weight.sum(axis=axis)  # pixels that the mean of each row, then of each column is of
        noise = own * float(np.mean(1.0 / in_line))
        found += [variance - noise, variance * np.sqrt(3.0 / (pairs * in_line.size))]
    row, row_error, column, column_error = (float(value) for value in found)
    return PairNoise(
        pairs=pairs,
        pixels=pixels,
        pixel=float(pixel),
        pixel_error=float(pixel_error),
        row=row,
        row_error=row_error,
        column=column,
        column_error=column_error,
        area=area,
        area_error=float(area_error),
    )


class _Covariances:
    """Covariances of residuals with their neighbours, summed over pairs."""

    def __init__(self, weight: FloatArray) -> None:
        from scipy import fft

        self.pairs = 0
        self._weight = weight
        self._square = 0.0
        self._size = [fft.next_fast_len(n + REACH + 1, real=True) for n in weight.shape]
        self._sum = np.zeros((2 * REACH + 1, 2 * REACH + 1))
        self._large = min(weight.shape) >= LEAST_SIDE
        self._count = self._around(weight) if self._large else self._sum

    def add(self, residual: FloatArray, kept: float) -> None:
        """One more residual, (H, W), zero at bad pixels, and the part of the good ones that was not hit."""
        self.pairs += 1
        self._square += float((residual**2).sum()) / kept
        if self._large:
            share = np.full(self._sum.shape, kept**2)
            share[REACH, REACH] = kept
            self._sum += self._around(residual) / share

    def result(self) -> tuple[float, float, float, float]:
        """Variance of a pixel, sum of covariances, and their sums along a row and down a column. [DN2]"""
        rows, cols = self._weight.shape
        if not self._large:
            freedom = self._weight.sum() - rows - cols + 1
            variance = self._square / self.pairs / freedom
            return variance, float("nan"), variance, variance
        # Removing a row's mean takes A / W from each covariance, A the sum along the row; so does that of a column.
        seen, side = self._sum / self.pairs / self._count, 2 * REACH + 1
        left = 1.0 - side / cols, 1.0 - side / rows
        total = float(seen.sum()) / (left[0] * left[1])
        along = (seen.sum(axis=1) + total / rows * left[0]) / left[0]  # of each distance in rows
        down = (seen.sum(axis=0) + total / cols * left[1]) / left[1]
        whole = seen + along[:, None] / cols + down[None, :] / rows - total / (rows * cols)
        return float(whole[REACH, REACH]), total, float(along[REACH]), float(down[REACH])

    def _around(self, part: FloatArray) -> FloatArray:
        """Sums of products at distances up to `REACH`, (2 R + 1, 2 R + 1)."""
        from scipy import fft

        power = np.abs(fft.rfft2(part, self._size)) ** 2
        sums = fft.irfft2(power, self._size)
        near = np.arange(-REACH, REACH + 1)
        return np.asarray(sums[np.ix_(near, near)])


def _without_lines(difference: FloatArray, weight: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """A difference without the means of its rows and columns, zero at bad pixels, and these means."""
    row, column = np.zeros(weight.shape[0]), np.zeros(weight.shape[1])
    in_row, in_column = (np.maximum(weight.sum(axis=axis), 1.0) for axis in (1, 0))
    for _ in range(ROUNDS):
        row = ((difference - column) * weight).sum(axis=1) / in_row
        column = ((difference - row[:, None]) * weight).sum(axis=0) / in_column
    return (difference - row[:, None] - column) * weight, row, column


def _pairs(frames: Iterable[FloatArray]) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Frames two by two; the last of an odd number is left out."""
    first = None
    for frame in frames:
        if first is None:
            first = frame
        else:
            yield first, frame
            first = None

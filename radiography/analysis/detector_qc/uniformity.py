"""Uniformity of evenly exposed frames: signal, noise and their ratio in squares of 10 mm, after AAPM TG-150.

A border of one square is left out. Of each quantity the range over all squares (global) and the largest step between
squares that share a side (local) are given relative to the mean over the squares.

References
----------
.. [1] J. Dave et al., Med. Phys. 39 (6, part 5), 3648 (2012), abstract on software after the draft report of AAPM
   TG-150, doi 10.1118/1.4734818; the report's own text was not available.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiography.analysis.detector_qc.even_field import good_pixels, plane_through

BLOCK_MM = 10.0  # side of a square, and width of the border left out; [1]
LEAST_GOOD = 0.5  # of the pixels of a square   # chosen
DEFINITION = (
    "squares inside a border of one square; global: largest minus smallest mean of a square, local: largest difference "
    "of two squares that share a side, both over the mean of all squares; noise of a square: scatter about its plane "
    "in single frames; after the published abstract on the draft of AAPM TG-150"
)

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Spread:
    """Range over the squares and largest step between neighbours, with their errors and what noise alone gives. [%]"""

    global_percent: float
    global_error: float
    global_of_noise: float
    local_percent: float
    local_error: float
    local_of_noise: float


@dataclass(frozen=True, eq=False)
class Uniformity:
    """Spread of signal, noise and their ratio over squares.

    Attributes
    ----------
    block_px, first_row, first_col : int
        Side of a square, and where the first one begins. [1]
    signal, noise : (R, C) float64
        Mean and standard deviation of a pixel in each square, NaN where less than half of it is usable. [DN]
    of_signal, of_noise, of_ratio : Spread
        Of the mean, of the noise and of the signal-to-noise ratio.
    bad_pixels, frames : int
        Left out, and averaged. [1]
    """

    block_px: int
    first_row: int
    first_col: int
    signal: FloatArray
    noise: FloatArray
    of_signal: Spread
    of_noise: Spread
    of_ratio: Spread
    bad_pixels: int
    frames: int


def measure_uniformity(frames: NDArray[Any], pitch_mm: float, block_mm: float = BLOCK_MM) -> Uniformity:
    """Non-uniformity of signal, noise and signal-to-noise ratio.

    Parameters
    ----------
    frames : (N, H, W)
        Signal above the offset, evenly exposed. [DN]
    pitch_mm : float
        Pixel pitch. [mm]
    block_mm : float
        Side of a square, and width of the border that is left out. [mm]

    Returns
    -------
    found : Uniformity

    Raises
    ------
    ValueError
        If a square has fewer than 4 pixels on a side, no two squares fit inside the border, or the signal is not
        above 0.
    """
    side = round(block_mm / pitch_mm)
    if side < 4:
        raise ValueError(f"squares of {block_mm:g} mm are {side} pixels of {pitch_mm:g} mm; at least 4 are needed")
    height, width = frames.shape[1:]
    rows, cols = ((length - 2 * side) // side for length in (height, width))
    if rows * cols < 2 or min(rows, cols) < 1:
        raise ValueError(
            f"a region of {height} x {width} pixels holds no two squares of {block_mm:g} mm ({side} pixels) inside a "
            f"border as wide: give a larger region or smaller squares with --block"
        )
    top, left = (height - rows * side) // 2, (width - cols * side) // 2
    mean = frames.mean(axis=0, dtype=np.float64)
    good = good_pixels(mean)
    signal, error, noise, noise_error = (np.full((rows, cols), np.nan) for _ in range(4))
    for row in range(rows):
        for col in range(cols):
            place = np.s_[top + row * side : top + (row + 1) * side, left + col * side : left + (col + 1) * side]
            inside = good[place]
            count = int(inside.sum())
            if count < LEAST_GOOD * side * side:
                continue
            square = [_scatter(frame[place], inside) for frame in frames]
            variance = float(np.mean(square))
            signal[row, col], noise[row, col] = float(mean[place][inside].mean()), np.sqrt(variance)
            error[row, col] = np.sqrt(variance / (count * len(frames)))
            noise_error[row, col] = np.sqrt(variance / (2.0 * count * len(frames)))  # of normal noise
    if not np.nanmean(signal) > 0:
        raise ValueError(f"the mean signal must be above 0 for a uniformity, got {np.nanmean(signal):g}")
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(noise > 0, signal / noise, np.nan)
        ratio_error = ratio * np.hypot(error / signal, noise_error / noise)
    return Uniformity(
        block_px=side,
        first_row=top,
        first_col=left,
        signal=signal,
        noise=noise,
        of_signal=spread_of(signal, error),
        of_noise=spread_of(noise, noise_error),
        of_ratio=spread_of(ratio, ratio_error),
        bad_pixels=int(good.size - good.sum()),
        frames=len(frames),
    )


def spread_of(values: FloatArray, errors: FloatArray) -> Spread:
    """Range and largest step of a quantity over squares, relative to its mean.

    Parameters
    ----------
    values, errors : (R, C) float64
        Of each square, in one unit; NaN where there is none.

    Returns
    -------
    spread : Spread
        NaN where fewer than two neighbouring squares are known or their mean is 0. What noise alone gives is the mean
        over draws of a fixed seed, with the same squares and errors.
    """
    known = np.isfinite(values)
    mean = float(values[known].mean()) if known.any() else 0.0
    steps, step_errors = _steps(values), np.concatenate([np.hypot(*ends).ravel() for ends in _ends(errors)])
    if mean == 0.0 or not np.isfinite(steps).any():
        return Spread(*[float("nan")] * 6)
    to_percent = 100.0 / mean
    largest = int(np.nanargmax(steps))
    high, low = (np.unravel_index(int(found(values)), values.shape) for found in (np.nanargmax, np.nanargmin))
    rng = np.random.default_rng(0)
    alone = np.array(
        [
            (np.nanmax(drawn) - np.nanmin(drawn), np.nanmax(_steps(drawn)))
            for drawn in (np.where(known, errors * rng.standard_normal(values.shape), np.nan) for _ in range(200))
        ]
    ).mean(axis=0)
    return Spread(
        to_percent * float(values[high] - values[low]),
        to_percent * float(np.hypot(errors[high], errors[low])),
        to_percent * float(alone[0]),
        to_percent * float(steps[largest]),
        to_percent * float(step_errors[largest]),
        to_percent * float(alone[1]),
    )


def _scatter(block: NDArray[Any], good: NDArray[np.bool_]) -> float:
    """Variance of the good pixels about their plane."""
    left = block[good] - plane_through(block, good)[good]
    return float(left @ left) / (int(good.sum()) - 3)


def _ends(values: FloatArray) -> list[tuple[FloatArray, FloatArray]]:
    """Both squares of each pair of neighbours, down and across."""
    return [(values[:-1], values[1:]), (values[:, :-1], values[:, 1:])]


def _steps(values: FloatArray) -> FloatArray:
    return np.concatenate([np.abs(one - other).ravel() for one, other in _ends(values)])

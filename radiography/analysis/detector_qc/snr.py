"""Signal-to-noise and contrast-to-noise ratio of evenly exposed regions, per pixel.

Noise is the scatter between frames where there are two or more: what stays from frame to frame, such as gain left
uncorrected, is then a number of its own. In a single frame it is the scatter about the field.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiography.analysis.detector_qc.even_field import (
    LEAST_SIDE,
    NOISE_BLOCK,
    ROUNDING,
    block_variances,
    frame_pairs,
    live_pixels,
)

BETWEEN_FRAMES = "differences of frames"
ABOUT_FIELD = "scatter about the plane through each block of one frame"


@dataclass(frozen=True)
class RegionNoise:
    """Signal and noise of one region.

    Attributes
    ----------
    signal, signal_error : float
        Mean of the good pixels above the offset, and its standard error. [DN]
    noise, noise_error : float
        Standard deviation of a pixel, from what `noise_from` says. [DN]
    noise_from : str
        Differences of frames, or scatter about the field.
    total_noise, fixed_noise : float
        Scatter about the field in a frame, and the part of it that stays from frame to frame; 0 where that is not
        above its error, NaN where one frame cannot tell. [DN]
    bad_pixels, pixels : int
        Left out as dead, hot or without a number, and those of the region. [1]
    frames : int
        [1]
    """

    signal: float
    signal_error: float
    noise: float
    noise_error: float
    noise_from: str
    total_noise: float
    fixed_noise: float
    bad_pixels: int
    pixels: int
    frames: int


@dataclass(frozen=True)
class Ratio:
    """A ratio to noise with its standard error. [1]"""

    value: float
    error: float


def region_noise(frames: NDArray[Any]) -> RegionNoise:
    """Signal and noise of a region that is evenly exposed.

    Parameters
    ----------
    frames : (N, H, W)
        Signal above the offset; the frames of one exposure. Any real type. [DN]

    Returns
    -------
    found : RegionNoise

    Raises
    ------
    ValueError
        If there is no frame, or too few pixels are usable.

    Notes
    -----
    The exposure may differ from frame to frame: each is brought to the mean one before the difference. Pairs are half
    of the sequence apart. The errors follow from the scatter of the variance from block to block.
    """
    if frames.ndim != 3 or frames.shape[0] < 1:
        raise ValueError(f"signal and noise need frames of (N, rows, columns), got the shape {frames.shape}")
    good = live_pixels(frames)
    if not good.any():
        raise ValueError("no pixel of the region has a number, so there is no signal")
    levels = np.array([float(frame[good].mean(dtype=np.float64)) for frame in frames])
    signal = float(levels.mean())
    side = max(LEAST_SIDE, min(NOISE_BLOCK, min(good.shape) // 3))  # nine blocks at least tell how well noise is known
    about = np.concatenate([block_variances(frame, good, side) for frame in frames])
    total, total_error = _mean_of(about)
    noise, noise_error, noise_from, fixed = np.sqrt(total), total_error, ABOUT_FIELD, float("nan")
    if len(frames) > 1:
        scale = signal / levels if (levels > 0).all() and signal > 0 else np.ones(len(levels))
        pairs = [
            block_variances(scale[i] * frames[i].astype(np.float64) - scale[j] * frames[j], good, side) / 2.0
            for i, j in frame_pairs(len(frames))
        ]
        temporal, noise_error = _mean_of(np.concatenate(pairs))
        noise, noise_from = np.sqrt(temporal), BETWEEN_FRAMES
        surplus = total - temporal
        fixed = float(np.sqrt(surplus)) if surplus > 2.0 * np.hypot(total_error, noise_error) else 0.0
    error = float(noise_error / (2.0 * noise)) if noise > 0 else 0.0  # of the variance to that of its root
    return RegionNoise(
        signal=signal,
        signal_error=float(np.sqrt(total / (good.sum() * len(frames)))),
        noise=float(noise),
        noise_error=error,
        noise_from=noise_from,
        total_noise=float(np.sqrt(total)),
        fixed_noise=fixed,
        bad_pixels=int(good.size - good.sum()),
        pixels=good.size,
        frames=len(frames),
    )


def signal_to_noise(region: RegionNoise) -> Ratio:
    """Mean signal above the offset over the standard deviation of a pixel.

    Raises
    ------
    ValueError
        If the region has no noise at all.
    """
    _check_noise(region)
    value = region.signal / region.noise
    return Ratio(value, float(np.hypot(region.signal_error / region.noise, value * region.noise_error / region.noise)))


def contrast_to_noise(detail: RegionNoise, background: RegionNoise) -> Ratio:
    """Difference of two signals, positive, over the standard deviation of a pixel of the background.

    Parameters
    ----------
    detail, background : RegionNoise
        Both of the same frames.

    Returns
    -------
    ratio : Ratio

    Raises
    ------
    ValueError
        If the background has no noise at all.
    """
    _check_noise(background)
    value = abs(detail.signal - background.signal) / background.noise
    of_means = np.hypot(detail.signal_error, background.signal_error) / background.noise
    return Ratio(value, float(np.hypot(of_means, value * background.noise_error / background.noise)))


def median_snr(frames: NDArray[Any]) -> float:
    """Signal over noise of a pixel from frames of one exposure, by medians: defects and fixed patterns do not count.

    Parameters
    ----------
    frames : (N, H, W) float
        At least two, above the offset. [DN]

    Returns
    -------
    snr : float
        [1]

    Raises
    ------
    ValueError
        If there are fewer than two frames.

    Notes
    -----
    The median of the variances of N frames is below their mean, by the median of chi-squared with N - 1 degrees of
    freedom over N - 1, which is taken to six digits.
    """
    from scipy.stats import chi2

    if len(frames) < 2:
        raise ValueError(f"noise between frames needs at least 2 of them, got {len(frames)}")
    freedom = len(frames) - 1
    spread = frames.std(axis=0, ddof=1)
    return float(
        np.median(frames.mean(axis=0)) / np.sqrt(np.median(spread**2) / round(float(chi2.median(freedom)) / freedom, 6))
    )


def square_snr(flat: NDArray[Any], side: int) -> float:
    """Mean over standard deviation of the means of squares in one flat, from differences of neighbours.

    Parameters
    ----------
    flat : (H, W) float
        Corrected, above the offset; its slow trend does not count, nor do single defects. [DN]
    side : int
        Of the squares. [pixels]

    Returns
    -------
    snr : float
        [1]

    Raises
    ------
    ValueError
        If the flat does not hold two squares beside each other.
    """
    rows, cols = (size // side for size in flat.shape)
    if rows < 1 or cols < 2:
        raise ValueError(f"squares of {side} pixels need two beside each other, got a flat of {flat.shape}")
    squares: NDArray[np.float64] = flat[: rows * side, : cols * side].astype(np.float64)
    squares = squares.reshape(rows, side, cols, side).mean(axis=(1, 3))
    beside = np.diff(squares, axis=1) / squares.mean()
    spread = 1.4826 * float(np.median(np.abs(beside - np.median(beside))))
    return float(np.sqrt(2.0)) / spread


def _check_noise(region: RegionNoise) -> None:
    if not region.noise > ROUNDING * abs(region.signal):
        raise ValueError("the region has no noise at all, so there is no ratio to it: every pixel has one value")


def _mean_of(variances: NDArray[np.float64]) -> tuple[float, float]:
    """Mean and its standard error; of few blocks, as if each had as many independent pixels as the smallest block."""
    mean = float(variances.mean())
    if len(variances) < 4:
        return mean, mean * float(np.sqrt(2.0 / (LEAST_SIDE**2 * len(variances))))
    return mean, float(variances.std(ddof=1) / np.sqrt(len(variances)))

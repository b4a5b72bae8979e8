"""Threshold contrast of discs against the noise of evenly exposed frames, without a phantom and without readers.

A disc of contrast C on a noisy field is seen by an observer that sums the image over the disc as it is imaged (the
non-prewhitening matched filter). Its detectability d' is the mean of that sum, with the disc there and not there, over
its standard deviation; the threshold contrast is the C at which d' has the value asked for.

References
----------
.. [1] ICRU Report 54 (1996): the non-prewhitening observer and its detectability.
.. [2] A. E. Burgess, "The Rose model, revisited", J. Opt. Soc. Am. A 16, 633 (1999).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiography.analysis.detector_qc.even_field import BENT_TERMS, ROUNDING, bent_field, live_pixels

OBSERVER = "non-prewhitening matched filter"
D_PRIME = 3.29  # 5 % of discs missed and 5 % seen where there is none: twice 1.645 standard deviations
DIAMETERS_MM = (
    0.3,
    0.4,
    0.5,
    0.6,
    0.8,
    1.0,
    1.3,
    1.6,
    2.0,
    2.5,
    3.2,
    4.0,
    5.0,
    6.3,
    8.0,
)  # as contrast-detail phantoms
LEAST_PIXELS = 3.0  # across a disc, without a transfer function: of smaller ones the blur decides   # chosen
BLOCK_TO_DISC = 4.0  # side of a block over the largest disc, at least   # chosen
LEAST_BLOCK = 64  # pixels   # chosen
DEFINITION = (
    "contrast of a disc, relative to the signal around it, at which the detectability d' of the non-prewhitening "
    "matched filter (the sum over the disc as it is imaged) has the value given; noise: autocovariance of frames "
    "about a field of second order, any place of the disc against the pixels being as likely"
)

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ContrastDetail:
    """Threshold contrasts.

    Attributes
    ----------
    d_prime : float
        Detectability at the threshold. [1]
    diameter_mm : (D,) float64
        Of discs. [mm]
    threshold_contrast, standard_error : (D,) float64
        Relative to the signal. [1]
    signal, pixel_noise : float
        Mean above the offset, and standard deviation of a pixel about the field. [DN]
    blocks : int
        Over all frames, that the errors come from. [1]
    bad_pixels, frames : int
        [1]
    """

    d_prime: float
    diameter_mm: FloatArray
    threshold_contrast: FloatArray
    standard_error: FloatArray
    signal: float
    pixel_noise: float
    blocks: int
    bad_pixels: int
    frames: int


def measure_contrast_detail(
    frames: NDArray[Any],
    pitch_mm: float,
    diameters_mm: Sequence[float] | None = None,
    d_prime: float = D_PRIME,
    mtf: tuple[FloatArray, FloatArray] | None = None,
) -> ContrastDetail:
    """Threshold contrast of discs of several diameters.

    Parameters
    ----------
    frames : (N, H, W)
        Signal above the offset, evenly exposed. [DN]
    pitch_mm : float
        Pixel pitch. [mm]
    diameters_mm : sequence of float, optional
        Of discs; those of the usual phantoms, as far as pixels and region resolve them, without. [mm]
    d_prime : float
        Detectability at the threshold. [1]
    mtf : ((F,) float64, (F,) float64), optional
        Frequency and presampled MTF of the detector, from 0 on; discs are imaged sharp without. [1/mm, 1]

    Returns
    -------
    found : ContrastDetail

    Raises
    ------
    ValueError
        If a disc is not resolved or larger than a quarter of the region, or the signal is not above 0.

    Notes
    -----
    The variance of the sum over all places of the disc against the pixels is the sum over lags of the autocovariance
    of pixels times the overlap of two discs so far apart. White noise of sigma gives C = d' sigma / (S sqrt(A / p^2)),
    A the area of the disc, S the signal and p the pitch. Signal and sum of a blurred disc are those of its transfer
    function, the disc's times the MTF.
    """
    side = min(frames.shape[1:])
    largest = side * pitch_mm / BLOCK_TO_DISC
    smallest = LEAST_PIXELS * pitch_mm if mtf is None else 0.0
    if diameters_mm is None:
        chosen = np.array([d for d in DIAMETERS_MM if smallest <= d <= largest])
        if chosen.size == 0:
            raise ValueError(
                f"a region of {side} pixels of {pitch_mm:g} mm holds no disc of {DIAMETERS_MM[0]:g} to "
                f"{DIAMETERS_MM[-1]:g} mm of which it is {BLOCK_TO_DISC:g} times as wide: give a larger region"
            )
    else:
        chosen = np.asarray(diameters_mm, dtype=np.float64)
        for d in chosen:
            if not smallest <= d <= largest:
                raise ValueError(
                    f"discs must be {smallest:.3g} to {largest:.3g} mm wide in this region of {side} pixels of "
                    f"{pitch_mm:g} mm, got {d:g} mm{'' if mtf else '; smaller ones need the MTF, with --mtf'}"
                )
    if not d_prime > 0:
        raise ValueError(f"d_prime must be above 0, got {d_prime:g}")
    good = live_pixels(frames)
    signal = float(np.mean([frame[good].mean(dtype=np.float64) for frame in frames]))
    if not signal > 0:
        raise ValueError(f"the mean signal must be above 0 for a contrast, got {signal:g} DN")
    reach = int(np.ceil(chosen.max() / pitch_mm)) + (0 if mtf is None else int(np.ceil(chosen.max() / pitch_mm)) + 4)
    reach = min(reach, side // 2 - 1)
    block = max(LEAST_BLOCK, int(BLOCK_TO_DISC * chosen.max() / pitch_mm))
    covariances = np.concatenate([_covariances(_noise_of(frame, good), good, block, reach) for frame in frames])
    if not float(covariances[:, reach, reach].mean()) > (ROUNDING * signal) ** 2:
        raise ValueError("the region has no noise at all, so every contrast is seen: its pixels have one value")
    lag = np.arange(-reach, reach + 1) * pitch_mm
    distance = np.hypot(lag[:, None], lag[None, :])
    contrast, error = [], []
    for d in chosen:
        overlap, response = _overlap(float(d), distance, mtf)
        part = 0.25 * np.pi * d**2 / (good.size * pitch_mm**2)  # of the region, that a disc covers
        overlap = overlap / (1.0 - BENT_TERMS * part)  # the fitted field took that much of the noise along
        variances = np.einsum("bij,ij->b", covariances, overlap) * pitch_mm**2
        mean = float(variances.mean())
        if not mean > 0:
            raise ValueError(f"the noise over discs of {d:g} mm cannot be told from 0: give more frames")
        found = d_prime * np.sqrt(mean) / (response * signal)
        contrast.append(found)
        spread = variances.std(ddof=1) / np.sqrt(variances.size) if variances.size > 3 else 2.0 * mean * np.sqrt(part)
        error.append(found * spread / (2.0 * mean))
    return ContrastDetail(
        d_prime=float(d_prime),
        diameter_mm=chosen,
        threshold_contrast=np.array(contrast),
        standard_error=np.array(error),
        signal=signal,
        pixel_noise=float(np.sqrt(covariances[:, reach, reach].mean())),
        blocks=len(covariances),
        bad_pixels=int(good.size - good.sum()),
        frames=len(frames),
    )


def disc_overlap(diameter_mm: float, distance_mm: FloatArray) -> FloatArray:
    """Area that two discs have in common.

    Parameters
    ----------
    diameter_mm : float
        Of both. [mm]
    distance_mm : (...) float64
        Of their centres. [mm]

    Returns
    -------
    area_mm2 : (...) float64
    """
    part = np.minimum(distance_mm / diameter_mm, 1.0)
    return np.asarray(0.5 * diameter_mm**2 * (np.arccos(part) - part * np.sqrt(1.0 - part**2)))


def _overlap(
    diameter_mm: float, distance_mm: FloatArray, mtf: tuple[FloatArray, FloatArray] | None
) -> tuple[FloatArray, float]:
    """Autocorrelation of the imaged disc at the distances, and at zero: the response to the disc. [mm2]"""
    if mtf is None:
        return disc_overlap(diameter_mm, distance_mm), 0.25 * np.pi * diameter_mm**2
    from scipy.special import j0, j1

    end = float(mtf[0][-1])
    count = max(800, round(12.0 * diameter_mm * end))  # twelve to a ring of the disc's spectrum
    frequency = (np.arange(count) + 0.5) * end / count
    transfer = np.interp(frequency, mtf[0], mtf[1])
    disc = diameter_mm * j1(np.pi * diameter_mm * frequency) / (2.0 * frequency)
    power = (disc * transfer) ** 2 * 2.0 * np.pi * frequency * (end / count)
    radii = np.linspace(0.0, float(distance_mm.max()), 512)
    along = np.array([float(power @ j0(2.0 * np.pi * frequency * r)) for r in radii])
    return np.interp(distance_mm, radii, along), float(along[0])


def _noise_of(frame: NDArray[Any], good: NDArray[np.bool_]) -> FloatArray:
    """The frame about its field; 0 where a pixel is not good."""
    return np.where(good, frame - bent_field(frame, good), 0.0)


def _covariances(noise: FloatArray, good: NDArray[np.bool_], side: int, reach: int) -> FloatArray:
    """Autocovariance in each block of a frame, (B, 2 reach + 1, 2 reach + 1), from the pairs of good pixels."""
    from scipy.fft import irfft2, next_fast_len, rfft2

    found = []
    rows, cols = (np.linspace(0, length, max(length // side, 1) + 1).astype(int) for length in noise.shape)
    for top, bottom in itertools.pairwise(rows):
        for left, right in itertools.pairwise(cols):
            block, inside = noise[top:bottom, left:right], good[top:bottom, left:right]
            if 2 * inside.sum() < inside.size:
                continue
            shape = [next_fast_len(length + reach, real=True) for length in block.shape]
            sums, pairs = (
                irfft2(np.abs(rfft2(plane, shape)) ** 2, shape) for plane in (block, inside.astype(np.float64))
            )
            near = np.arange(-reach, reach + 1)
            at = np.ix_(near, near)
            found.append(sums[at] / np.maximum(pairs[at], 1.0))
    if not found:
        raise ValueError("no part of the region has usable pixels in more than half of it, so its noise is not known")
    return np.array(found)

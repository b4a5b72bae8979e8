"""Stored counts of linear images: 16 bits, on a scale that leads back to DN."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiography.dicom.modules import PADDING, PROCESSING_BITS, StoredScale

PROCESSING_MAXIMUM = 2**PROCESSING_BITS - 1
LEAST_NOISE_COUNTS = 3.0  # rounding, 0.29 counts rms, adds 1 % to the variance of such noise   # chosen
_USUAL_PERCENT = (0.1, 99.9)  # of the pixels; outliers lie beyond twice these values   # chosen
_LEAST_GAIN = 16.0  # in steps, for which outliers are clipped: they leave under 12 of 16 bits to the rest   # chosen
_EXACT = (np.float32, np.uint16, np.int16, np.uint8, np.int8)  # in float32


def linear_counts(
    corrected_dn: NDArray[np.floating[Any]], counts_per_dn: float | None = None, pedestal: int | None = None
) -> tuple[NDArray[np.uint16], StoredScale]:
    """Stored counts of a linear image: `round(corrected_dn * counts_per_dn) + pedestal`, within 0 ... 65535.

    Noise of an unexposed region reaches below zero, and a gain lifts bright pixels above 65535. Without a scale the
    largest power of two that keeps the whole range is taken, and the smallest pedestal; with one, or where outliers
    would take all the steps, what lies outside is stored at the limit and counted.

    Parameters
    ----------
    corrected_dn : (H, W) float
        Linear, corrected image; what is not finite has no number. [DN]
    counts_per_dn : float, optional
        Stored counts per DN. [1/DN]
    pedestal : int, optional
        Count that stands for 0 DN. [1]

    Returns
    -------
    stored : (H, W) uint16
        `PADDING` where there is no number, and nowhere else. [1]
    scale : StoredScale

    Raises
    ------
    ValueError
        If no pixel holds a number, or the steps of the stored counts would swallow the image.
    """
    pixels = np.asarray(corrected_dn)
    if pixels.ndim != 2 or pixels.size == 0:
        raise ValueError(f"corrected_dn must be (rows, columns), got shape {pixels.shape}")
    finite = np.isfinite(pixels)
    padded = int(pixels.size - np.count_nonzero(finite))
    if padded == pixels.size:
        raise ValueError("corrected_dn holds no number at all: every pixel is NaN or infinite")
    lowest, highest = (float(limit(pixels, where=finite, initial=pixels[finite][0])) for limit in (np.min, np.max))
    least_kept = lowest
    if counts_per_dn is None:
        whole = bool(np.all(pixels == np.rint(pixels), where=finite))
        counts_per_dn, least_kept = counts_that_fit(pixels, lowest, highest, bool(padded), whole)
    if not (np.isfinite(counts_per_dn) and counts_per_dn > 0):
        raise ValueError(f"counts_per_dn must be a positive number, got {counts_per_dn}")
    if pedestal is None:
        pedestal = least_pedestal(least_kept, counts_per_dn, bool(padded))
    if not 0 <= pedestal < PROCESSING_MAXIMUM:
        raise ValueError(f"pedestal must be between 0 and {PROCESSING_MAXIMUM - 1}, got {pedestal}")
    spread = float(np.std(pixels, dtype=np.float64, where=finite)) * counts_per_dn
    if 0 < spread < 0.5:  # one step of rounding is 0.29 counts rms
        raise ValueError(f"the image varies by only {spread:.3g} stored counts rms; counts_per_dn must be larger")
    scale = StoredScale(float(counts_per_dn), pedestal, padded=padded)
    stored, low, high = stored_counts(pixels, scale)
    return stored, replace(scale, clipped_low=low, clipped_high=high)


def stored_counts(pixels: NDArray[Any], scale: StoredScale) -> tuple[NDArray[np.uint16], int, int]:
    """Counts of pixels on a known scale, and how many of them lie outside its range.

    Parameters
    ----------
    pixels : (H, W)
        Linear values; without a number only where the scale knows of such. [DN]
    scale : StoredScale
        What clipped before is not looked at.

    Returns
    -------
    stored : (H, W) uint16
        What lies outside is stored at the limit. [1]
    low, high : int
        Pixels below and above the range. [1]
    """
    if pixels.dtype == np.uint16 and (scale.counts_per_dn, scale.pedestal, scale.padded) == (1.0, 0, 0):
        return pixels.astype(np.uint16), 0, 0
    # A power of two leaves these as exact in float32 as they are; beyond its whole numbers everything is clipped.
    exact = pixels.dtype in _EXACT and np.frexp(scale.counts_per_dn)[0] == 0.5
    with np.errstate(over="ignore"):  # what overflows lies outside
        scaled = np.multiply(pixels, scale.counts_per_dn, dtype=np.float32 if exact else np.float64)
    np.rint(scaled, out=scaled)
    scaled += scale.pedestal
    first = PADDING + 1 if scale.padded else PADDING
    without = ~np.isfinite(pixels) if scale.padded else None
    if without is not None:
        scaled[without] = first
    low, high = (int(np.count_nonzero(outside)) for outside in (scaled < first, scaled > PROCESSING_MAXIMUM))
    stored = np.clip(scaled, first, PROCESSING_MAXIMUM, out=scaled).astype(np.uint16)
    if without is not None:
        stored[without] = PADDING
    return stored, low, high


def counts_that_fit(
    pixels: NDArray[Any], lowest: float, highest: float, padded: bool, whole: bool
) -> tuple[float, float]:
    """Counts per DN and the least value kept.

    1 for what are counts already, else the largest power of two that keeps the whole range. A range far from zero
    counts from zero, so that a pedestal never has to be negative. Where a few outliers would make the steps so coarse
    that the image drowns in them, twice the range of all but them is kept, and they are clipped.

    Parameters
    ----------
    pixels : (H, W) float
        The image, or rows of several that stand for all of them. [DN]
    lowest, highest : float
        Of all pixels that hold a number. [DN]
    padded, whole : bool
        Whether some hold none, and whether all others hold whole numbers.

    Returns
    -------
    counts_per_dn, least_kept : float
        [1/DN, DN]
    """
    room = PROCESSING_MAXIMUM - 1 - padded  # one count for rounding at either end
    span = max(highest, 0.0) - min(lowest, 0.0)
    whole = whole and lowest >= padded and highest <= PROCESSING_MAXIMUM
    if whole or span == 0:
        return 1.0, lowest
    counts_per_dn = float(2.0 ** np.floor(np.log2(room / span)))
    with np.errstate(all="ignore"):
        step = np.abs(np.diff(pixels, axis=1))
    noise_dn = float(np.median(step[np.isfinite(step)])) if np.isfinite(step).any() else 0.0  # 0.95 standard deviations
    bottom, top = np.percentile(pixels[np.isfinite(pixels)], _USUAL_PERCENT)
    usual = 2.0 * min(float(bottom), 0.0), 2.0 * max(float(top), 0.0)
    finer = float(2.0 ** np.floor(np.log2(room / (usual[1] - usual[0])))) if usual[1] > usual[0] else 0.0
    if noise_dn * counts_per_dn >= LEAST_NOISE_COUNTS or finer < _LEAST_GAIN * counts_per_dn:
        return counts_per_dn, lowest
    return finer, max(lowest, usual[0])


def least_pedestal(least_kept: float, counts_per_dn: float, padded: bool) -> int:
    """Smallest count that stands for 0 DN and keeps the least value, above `PADDING` where some have no number. [1]

    Parameters
    ----------
    least_kept : float
        [DN]
    counts_per_dn : float
        [1/DN]
    padded : bool
        Whether some pixels have no number.

    Returns
    -------
    pedestal : int
    """
    first = PADDING + 1 if padded else PADDING
    return max(first - int(np.rint(least_kept * counts_per_dn)), 0)

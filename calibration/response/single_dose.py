"""The response of every pixel to X-rays relative to the panel's, learned from uniformly exposed frames.

Straight line through the offset; one dose (several: `multi_dose.py`). The field of the tube (heel, inverse square)
stays in the map: flats and frames are taken at the same distance, and the map is good for that distance; `field.py`
takes it out again where it must go.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.dark.offset import OffsetMap
from calibration.flags import DEAD, SATURATED
from calibration.frame_sums import ROUNDING, FrameSums, check_frame, hit_remark, robust_sigma, thin_out, typical_scatter

LEAST_RESPONSE = 0.01  # a pixel below 1 % of the panel does not respond: bare photodiodes see 3 to 5 %   # assumed
LIT_RESPONSE = 0.5  # of the panel's level: a pixel above sees the beam through scintillator   # assumed
LARGEST_SATURATED_FRACTION = 0.01  # more saturated pixels than this is dose, not defects   # assumed
# Below this part of the brightest a pixel is bare (3 to 5 %) or behind a collimator, and a region of it however large
# is not the panel's level; above it a smaller region is odd, and a larger one is the panel.   # assumed
COVERED_RESPONSE = 0.1
_STEPS_PER_OCTAVE = 16  # of the search for the fullest octave: 4 % of signal   # chosen
LEAST_SIGNAL_IN_NOISE = 10.0  # a flat weaker than ten times the dark noise is no flat   # assumed


@dataclass(frozen=True, eq=False)
class GainMap:
    """Response of a panel.

    Attributes
    ----------
    gain : (H, W) float32
        Factor on the offset-corrected signal that makes the panel uniform at its own level; 1 where `flags`. [1]
    signal_dn : (H, W) float32
        Mean offset-corrected flat, at `level_dn`. [DN]
    noise : (H, W) float32 or None
        Standard deviation of one flat relative to `level_dn`; None from a single flat. [1]
    flags : (H, W) uint16
        SATURATED where any flat was, DEAD where the response is below 1 %.
    level_dn : float
        Signal of the panel in the flats: median over frames of `signal_level`. [DN]
    typical_noise : float
        Median relative noise of one flat where there is signal; from a single flat, of adjacent pixels. [1]
    frames_used : int
        Flats in the mean. [1]
    levels_dn : tuple of float
        Signal level of each flat. [DN]
    remarks : tuple of str
        What a user should know: one sentence each.
    """

    gain: NDArray[np.float32]
    signal_dn: NDArray[np.float32]
    noise: NDArray[np.float32] | None
    flags: NDArray[np.uint16]
    level_dn: float
    typical_noise: float
    frames_used: int
    levels_dn: tuple[float, ...]
    remarks: tuple[str, ...] = ()


def single_dose_variance(
    dark_noise_dn: float, flat_noise_dn: float, darks: int, flats: int
) -> tuple[float, float, float]:
    """Variance that finite numbers of darks and flats leave in every frame, as a polynomial in the signal.

    With u the signal over the flats' level: sD^2 / N_D (1 - u)^2 + sF^2 / N_F u^2. At u = 1 the offset's error cancels,
    for the flat was taken with the same offset.

    Parameters
    ----------
    dark_noise_dn, flat_noise_dn : float
        Noise of one pixel in one dark frame and in one flat. [DN]
    darks, flats : int
        Frames in the means. [1]

    Returns
    -------
    coefficients : tuple of float
        Of u^0, u^1, u^2, in units of the offset-subtracted signal. [DN2]
    """
    offset = dark_noise_dn**2 / darks
    return offset, -2.0 * offset, offset + flat_noise_dn**2 / flats


def signal_level(signal_dn: NDArray[Any]) -> float:
    """The panel's signal: the median of the largest part of it that is lit alike, within a factor of two. [DN]

    Bare or covered pixels, which see less than a tenth of the brightest, do not count, however many they are (up to
    98 % of the panel). Of what is lit, the brightest octave is taken where it holds more than half of it, else the
    fullest: a bright or dim region smaller than the rest never decides. Values that are no numbers are left out.
    """
    sample = thin_out(signal_dn)
    sample = sample[np.isfinite(sample)]
    high = float(np.percentile(sample, 99)) if sample.size else 0.0
    if not high > 0:
        return high
    lit = sample[sample > COVERED_RESPONSE * high]
    bright = lit[lit >= 0.5 * high]
    if 2 * bright.size > lit.size:
        return float(np.median(bright))
    step = 1.0 / _STEPS_PER_OCTAVE
    place = np.floor(np.log2(np.minimum(lit / (COVERED_RESPONSE * high), 1e6)) / step).astype(np.intp)
    counts = np.bincount(place, minlength=_STEPS_PER_OCTAVE)
    fullest = int(np.argmax(np.convolve(counts, np.ones(_STEPS_PER_OCTAVE, np.intp), mode="valid")))
    inside = (place >= fullest) & (place < fullest + _STEPS_PER_OCTAVE)
    return float(np.median(lit[inside]))


def flat_level(
    frame: NDArray[Any],
    name: str,
    offset: OffsetMap,
    *,
    saturation_dn: float,
    offset_dn: NDArray[np.float32] | None = None,
) -> float:
    """Level of a flat, after refusing one that cannot serve: saturated in more than 1 % of its pixels, or too weak.

    Parameters
    ----------
    frame : (H, W)
        From `check_frame`. [DN]
    name : str
        What an error calls it.
    offset : OffsetMap
        Of the same panel.
    saturation_dn : float
        Raw value from which a pixel no longer responds. [DN]
    offset_dn : (H, W) float32, optional
        Dark signal at the integration time of this flat, where it is not that of `offset`. [DN]

    Returns
    -------
    level_dn : float
        Median signal of the panel where it responds. [DN]

    Raises
    ------
    ValueError
        If the flat is saturated, or no brighter than the darks.
    """
    dark_dn = offset.offset_dn if offset_dn is None else offset_dn
    saturated = float(np.count_nonzero((frame >= saturation_dn) & (dark_dn < saturation_dn))) / frame.size
    if saturated > LARGEST_SATURATED_FRACTION:
        raise ValueError(
            f"{name} is saturated ({saturation_dn:g} DN) in {100 * saturated:.1f} % of its pixels, "
            f"limit {100 * LARGEST_SATURATED_FRACTION:g} %: lower the dose"
        )
    thinned = thin_out(frame)
    level_dn = signal_level(np.where(thinned < saturation_dn, thinned - thin_out(dark_dn), np.nan))
    if level_dn < LEAST_SIGNAL_IN_NOISE * offset.typical_noise_dn or level_dn <= 0:
        raise ValueError(
            f"{name} is only {level_dn:.1f} DN above the darks, whose noise is "
            f"{offset.typical_noise_dn:.1f} DN: there was no beam, or dark and flat files are swapped"
        )
    return level_dn


def estimate_gain(frames: Iterable[NDArray[Any]], offset: OffsetMap, *, saturation_dn: float) -> GainMap:
    """Gain of every pixel from flats, each scaled to its own level before they are averaged.

    Flats of unequal dose therefore weigh the same and do not pass for noise. A few saturated pixels are flagged;
    a flat that is saturated in more than 1 % of its pixels is refused.

    Parameters
    ----------
    frames : iterable of (H, W)
        Uniformly exposed frames, nothing in the beam. [DN]
    offset : OffsetMap
        Of the same panel, mode and integration time.
    saturation_dn : float
        Raw value from which a pixel no longer responds. [DN]

    Returns
    -------
    gain : GainMap

    Raises
    ------
    ValueError
        If there is no flat, shapes differ, a flat is saturated, or is no brighter than the darks.
    TypeError
        If a frame holds no real numbers.
    """
    if not saturation_dn > 0:
        raise ValueError(f"saturation_dn must be positive, got {saturation_dn}")
    shape = offset.offset_dn.shape
    sums = FrameSums(offset.offset_dn, LIT_RESPONSE)
    levels_dn: list[float] = []
    spatial_noise = 0.0
    for k, frame in enumerate(frames):
        frame = check_frame(frame, k, shape, "flat")
        level_dn = flat_level(frame, f"flat frame {k}", offset, saturation_dn=saturation_dn)
        if k == 0:
            spatial_noise = adjacent_noise(thin_out(frame) - thin_out(offset.offset_dn), level_dn)
        sums.add(frame, 1.0 / level_dn, saturation_dn)
        levels_dn.append(level_dn)
    if not levels_dn:
        raise ValueError("estimate_gain needs at least 1 flat frame, got 0")
    return _gain_map(sums, offset, saturation_dn, levels_dn, spatial_noise)


def _gain_map(
    sums: FrameSums, offset: OffsetMap, saturation_dn: float, levels_dn: list[float], spatial_noise: float
) -> GainMap:
    """Turn the sums of scaled flats into gain, with a flag wherever there is none."""
    level_dn = float(np.median(levels_dn))
    response, absent = sums.mean(), sums.absent()
    remarks: tuple[str, ...] = (hit_remark(sums.hits, "flats"),) if sums.hits else ()
    if absent is not None:
        response[absent] = 0.0  # of no number in any flat: dead
    saturated = np.isnan(response)
    response = np.where(saturated, (saturation_dn - offset.offset_dn) / level_dn, response)
    flags = np.where(saturated, SATURATED, 0).astype(np.uint16)
    flags[response < LEAST_RESPONSE] |= DEAD
    gain = np.divide(1.0, response, out=np.ones_like(response), where=flags == 0).astype(np.float32)
    noise = sums.scatter()
    typical, least = spatial_noise, ROUNDING * offset.step_dn / level_dn
    if noise is not None:
        noise = np.where(np.isfinite(noise), np.maximum(noise, np.float32(least)), np.float32(0.0))
        typical = max(typical_scatter(thin_out(noise)[thin_out(response) > LIT_RESPONSE], sums.count), least)
    else:
        remarks += (
            "one flat: what differs from pixel to pixel in it is response and noise together, so the noise is not "
            "known and no variance will be given",
        )
    signal_dn = (response * level_dn).astype(np.float32)
    return GainMap(
        gain=gain,
        signal_dn=signal_dn,
        noise=noise,
        flags=flags,
        level_dn=level_dn,
        typical_noise=typical,
        frames_used=len(levels_dn),
        levels_dn=tuple(levels_dn),
        remarks=remarks,
    )


def adjacent_noise(signal_dn: NDArray[Any], level_dn: float) -> float:
    """Relative scatter of adjacent pixels where there is signal: noise and pixel-to-pixel gain together.

    Parameters
    ----------
    signal_dn : (H, W)
        One flat above its offset, or a mean of flats. [DN]
    level_dn : float
        Level of the panel in it; pixels above half of it count. [DN]

    Returns
    -------
    sigma : float
        Standard deviation of one pixel over the level; 0 where no two adjacent pixels count. [1]
    """
    left, right = signal_dn[:, :-1], signal_dn[:, 1:]
    lit = (left > 0.5 * level_dn) & (right > 0.5 * level_dn)
    return robust_sigma((right - left)[lit]) / (2**0.5 * level_dn) if lit.any() else 0.0

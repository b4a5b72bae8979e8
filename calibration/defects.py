"""Which pixels cannot be trusted, by classes of ASTM E2597, from the darks and flats of a calibration.

A pixel is judged against its surroundings, never against the whole panel: a panel may be shaded, or coated with
scintillator only in part. Every class needs its own evidence; where that is missing the class is left out, and the
result says so.

References
----------
.. [1] ASTM E2597/E2597M-22, bad-pixel classes, as quoted by secondary sources; the standard's text was not available.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from calibration import flags as bits
from calibration.gain import LEAST_RESPONSE, GainMap
from calibration.local_median import BLOCK, area_median, block_median, blocks_to_pixels, local_median
from calibration.offset import OffsetMap
from calibration.stack import robust_sigma, thin_out


@dataclass(frozen=True)
class DefectCriteria:
    """Limits of the classes; the defaults are those of ASTM E2597 [1]_ where it has one."""

    over_factor: float = 1.3  # of the median of 21 x 21 pixels, offset-corrected flat; E2597
    under_factor: float = 0.6  # as above; E2597
    noise_factor: float = 6.0  # of the panel's median noise; E2597 (dark), and the same for flats
    non_uniform_fraction: float = 0.01  # from the median of 9 x 9 pixels, corrected frame of another exposure; E2597
    outlier_sigmas: float = 6.0  # from the median of 9 x 9 pixels, where too few frames leave no noise map  # assumed
    hot_fraction: float = 0.5  # of the saturation level: half of the range is gone   # assumed
    uncoated_fraction: float = 0.3  # areas wider than 21 pixels below this part of the panel are not coated   # assumed
    least_frames_for_noise: int = 3  # a standard deviation from fewer says too little   # assumed


E2597 = DefectCriteria()
_EDGE_REACH = 12  # pixels from a coating's edge within which an area of 21 x 21 holds two populations


@dataclass(frozen=True, eq=False)
class DefectMap:
    """What is wrong with which pixel.

    Attributes
    ----------
    flags : (H, W) uint16
        Classes as bits of `calibration.flags`.
    counts : dict
        Pixels in each class, by name. [1]
    skipped : tuple of str
        One sentence for each class that could not be judged, or only with a wider limit.
    """

    flags: NDArray[np.uint16]
    counts: dict[str, int]
    skipped: tuple[str, ...]


def find_defects(
    offset: OffsetMap,
    gain: GainMap,
    *,
    saturation_dn: float,
    check_dn: NDArray[Any] | None = None,
    criteria: DefectCriteria = E2597,
) -> DefectMap:
    """Classes of bad pixels from darks, flats and, if there is one, a corrected check frame.

    Works from a single dark and a single flat; then noise cannot be judged, and outliers among the 9 x 9 neighbours
    (radiation spots, which one frame cannot tell from defects) are flagged instead; in the dark frame only those
    above the noise of a flat, for smaller ones are not seen.

    Parameters
    ----------
    offset, gain : OffsetMap, GainMap
        From `estimate_offset` and `estimate_gain`.
    saturation_dn : float
        Raw value from which a pixel no longer responds. [DN]
    check_dn : (H, W), optional
        Offset- and gain-corrected mean of flats that are not those of `gain`, best at another dose. [DN]
    criteria : DefectCriteria
        Limits.

    Returns
    -------
    defects : DefectMap

    Raises
    ------
    ValueError
        If shapes differ, or no good pixel is left.

    Notes
    -----
    Where [1]_ takes one median of 21 x 21 pixels, ours is the median of 7 x 7 medians of 3 x 3, over the coated or
    the bare part only. Within 12 pixels of a coating's edge, where light falls off within a few pixels, a pixel must
    in addition lie outside the sixth lowest and sixth highest of its 5 x 5, by the same factors; at the edge itself a
    pixel of twice or half the response may pass. The last class of [1]_, lag, needs frames after exposure.
    """
    shape = offset.offset_dn.shape
    for name, plane in (("gain map", gain.gain), ("check frame", check_dn)):
        if plane is not None and plane.shape != shape:
            raise ValueError(f"{name} is {plane.shape} but the offset map is {shape}")
    skipped: list[str] = []
    uncoated, edge = _uncoated_area(gain, criteria)
    flags = np.where(uncoated, bits.UNCOATED, 0).astype(np.uint16)
    flags[(gain.flags & bits.DEAD) != 0] |= bits.DEAD
    flags[gain.flags == bits.SATURATED] |= bits.OVER  # one saturated in the darks as well is dead
    flags |= _response_classes(offset, gain, uncoated, edge, criteria)
    flags[offset.offset_dn > criteria.hot_fraction * saturation_dn] |= bits.HOT
    flags |= _noise_classes(offset, gain, uncoated, edge, criteria, skipped)
    if check_dn is None:
        skipped.append("non-uniform pixels were not looked for: that needs a corrected check frame")
    else:
        flags |= _non_uniform(np.asarray(check_dn), (flags & bits.UNUSABLE) == 0, uncoated, criteria, skipped)
    bad = (flags & bits.UNUSABLE) != 0
    bad_neighbours = ndimage.convolve(bad.astype(np.uint8), _RING, mode="constant", cval=1)
    flags[(bad_neighbours == 8) & ~bad] |= bits.BAD_NEIGHBOURHOOD
    if not ((flags & bits.UNUSABLE) == 0).any():
        raise ValueError(f"no good pixel is left among the {flags.size} of this panel")
    return DefectMap(flags, bits.count_flags(flags), tuple(skipped))


_RING = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], np.uint8)


def _uncoated_area(gain: GainMap, criteria: DefectCriteria) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Pixels in areas at least 21 pixels wide that hardly respond, and pixels near the edge of such an area."""
    low = block_median(gain.signal_dn) < criteria.uncoated_fraction * gain.level_dn
    reach = 3
    padded = np.pad(low, reach, mode="symmetric")  # a narrow bad strip at the panel's border is no area
    opened = ndimage.binary_opening(padded, np.ones((2 * reach + 1,) * 2, bool))[reach:-reach, reach:-reach]
    shape = (gain.signal_dn.shape[0], gain.signal_dn.shape[1])
    side = 2 * -(-_EDGE_REACH // BLOCK) + 1
    near_bare = ndimage.maximum_filter(opened, side)
    near_coated = ~ndimage.minimum_filter(opened, side)
    return blocks_to_pixels(opened, shape), blocks_to_pixels(near_bare & near_coated, shape)


def _response_classes(
    offset: OffsetMap, gain: GainMap, uncoated: NDArray[np.bool_], edge: NDArray[np.bool_], criteria: DefectCriteria
) -> NDArray[np.uint16]:
    """OVER and UNDER from the flat against its surroundings of 21 x 21 pixels, beyond what its noise explains."""
    signal = gain.signal_dn
    shape = (signal.shape[0], signal.shape[1])
    blocks = block_median(signal)
    area = blocks_to_pixels(area_median(blocks, uncoated[::BLOCK, ::BLOCK]), shape)
    dark_variance = offset.typical_noise_dn**2
    variance = dark_variance + ((gain.typical_noise * gain.level_dn) ** 2 - dark_variance) * area / gain.level_dn
    if gain.noise is not None and gain.frames_used >= criteria.least_frames_for_noise:
        # Bare photodiodes scatter more than their signal says: few X-rays, much charge each.
        measured = blocks_to_pixels(area_median(block_median(gain.noise), uncoated[::BLOCK, ::BLOCK]), shape)
        variance = np.maximum(variance, (measured * gain.level_dn) ** 2)
    noise_dn = criteria.outlier_sigmas * np.sqrt(np.maximum(variance, 0.0) / gain.frames_used)
    over = (signal > criteria.over_factor * area) & (signal > area + noise_dn)
    under = (signal < criteria.under_factor * area) & (signal < area - noise_dn)
    doubtful = np.nonzero(edge & (over | under))
    sixth_lowest, sixth_highest = _ranks_nearby(signal, doubtful)
    over[doubtful] &= signal[doubtful] > criteria.over_factor * sixth_highest
    under[doubtful] &= signal[doubtful] < criteria.under_factor * sixth_lowest
    return (bits.OVER * over + bits.UNDER * under).astype(np.uint16)


def _ranks_nearby(
    signal: NDArray[np.float32], pixels: tuple[NDArray[np.intp], ...]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Sixth lowest and sixth highest of the 5 x 5 around each pixel: one more than a line through it holds."""
    padded = np.pad(signal, 2, mode="edge")
    down, right = (step.reshape(1, -1) for step in np.mgrid[0:5, 0:5])
    windows = np.sort(padded[pixels[0][:, None] + down, pixels[1][:, None] + right], axis=1)
    return windows[:, 5], windows[:, -6]


def _noise_classes(
    offset: OffsetMap,
    gain: GainMap,
    uncoated: NDArray[np.bool_],
    edge: NDArray[np.bool_],
    criteria: DefectCriteria,
    skipped: list[str],
) -> NDArray[np.uint16]:
    """NOISY from the scatter of darks and flats; HOT and NON_UNIFORM outliers where there are too few frames for it."""
    flags = np.zeros(uncoated.shape, np.uint16)
    needed = criteria.least_frames_for_noise
    if offset.noise_dn is not None and offset.frames_used >= needed:
        flags[offset.noise_dn > criteria.noise_factor * _floor(offset.typical_noise_dn)] |= bits.NOISY
    else:
        skipped.append(f"dark noise was not judged: {offset.frames_used} dark frames, {needed} are needed")
        departure = offset.offset_dn - local_median(offset.offset_dn, 9)
        limit_dn = max(criteria.outlier_sigmas * robust_sigma(thin_out(departure)), gain.typical_noise * gain.level_dn)
        flags[np.abs(departure) > _floor(limit_dn)] |= bits.HOT
    if gain.noise is not None and gain.frames_used >= needed:
        flags[gain.noise > criteria.noise_factor * _floor(gain.typical_noise)] |= bits.NOISY
    else:
        skipped.append(f"noise under X-rays was not judged: {gain.frames_used} flat frames, {needed} are needed")
        around = np.maximum(local_median(gain.signal_dn, 9), LEAST_RESPONSE * gain.level_dn)
        departure = gain.signal_dn / around - 1.0
        judged = ~(uncoated | edge)
        sigma = robust_sigma(thin_out(departure)[thin_out(judged) > 0])
        flags[judged & (np.abs(departure) > criteria.outlier_sigmas * _floor(sigma))] |= bits.NON_UNIFORM
    return flags


def _non_uniform(
    check_dn: NDArray[Any],
    good: NDArray[np.bool_],
    uncoated: NDArray[np.bool_],
    criteria: DefectCriteria,
    skipped: list[str],
) -> NDArray[np.uint16]:
    """NON_UNIFORM from a corrected frame; the limit widens to five sigma where noise would flag good pixels."""
    around = local_median(check_dn, 9)
    departure = np.divide(check_dn, around, out=np.ones(check_dn.shape), where=around > 0) - 1.0
    sigma = robust_sigma(thin_out(departure)[thin_out(good & ~uncoated) > 0])
    limit = max(criteria.non_uniform_fraction, 5.0 * sigma)
    if limit > criteria.non_uniform_fraction:
        skipped.append(
            f"non-uniform pixels were judged at {100 * limit:.2f} %, not {100 * criteria.non_uniform_fraction:g} %: "
            f"the check frame has {100 * sigma:.2f} % noise per pixel, "
            f"{20 * criteria.non_uniform_fraction:.2f} % is needed"
        )
    return np.where(~uncoated & (np.abs(departure) > limit), bits.NON_UNIFORM, 0).astype(np.uint16)


def _floor(sigma: float) -> float:
    """A scatter of exactly zero (noise-free frames) shall not flag the rounding of float32."""
    return max(sigma, 1e-5)

"""The evidence for each class of bad pixels: response, noise, uniformity and lag, each from its own frames.

A limit is always held against noise too: a pixel is bad when it is beyond the limit and noise does not explain that.
What could not be judged, or only with a wider limit, is said in a sentence that joins the list `skipped`. Which class
means what, and its source, stands in `calibration.defects.find`; the limits in `calibration.defects.criteria`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration import flags as bits
from calibration.dark.offset import OffsetMap
from calibration.defects.covered import LEAST_LIGHT, covered_borders, edge_of, lifeless_parts
from calibration.defects.criteria import DefectCriteria
from calibration.defects.local_median import BLOCK, area_median, block_median, blocks_to_pixels, local_median
from calibration.frame_sums import robust_sigma, thin_out
from calibration.response.single_dose import LEAST_RESPONSE, GainMap

_EDGE_REACH = 12  # pixels from a coating's edge within which an area of 21 x 21 holds two populations
_LINE_REACH = 21  # pixels along a line that may show together what one cannot: the side of the area   # chosen
_CHANCE = 1e-9  # of a live pixel among those: 0.02 of 9.4 million pixels, in rows and columns   # chosen

Flags = NDArray[np.uint16]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Coating:
    """Where a panel has scintillator.

    Attributes
    ----------
    uncoated : (H, W) bool
        True in areas at least 21 pixels wide that hardly respond, and in covered borders.
    edge : (H, W) bool
        True within 12 pixels of the edge of such an area, on either side.
    lifeless : (H, W) bool
        True in areas whose darks hardly fluctuate: what does not respond there is dead.
    """

    uncoated: Mask
    edge: Mask
    lifeless: Mask


def find_coating(offset: OffsetMap, gain: GainMap, criteria: DefectCriteria, skipped: list[str]) -> Coating:
    """Where the panel has scintillator and light, by the response of blocks of pixels and of whole borders.

    Parameters
    ----------
    offset, gain : OffsetMap, GainMap
        From `estimate_offset` and `estimate_gain`.
    criteria : DefectCriteria
        Of these, `uncoated_fraction` and `least_frames_for_noise`.
    skipped : list of str
        Sentences are added to it.

    Returns
    -------
    coating : Coating
    """
    from scipy import ndimage

    shape = (gain.signal_dn.shape[0], gain.signal_dn.shape[1])
    lifeless = lifeless_parts(offset, criteria)
    low = block_median(gain.signal_dn) < criteria.uncoated_fraction * gain.level_dn
    low &= ~lifeless[::BLOCK, ::BLOCK]
    reach = 3
    padded = np.pad(low, reach, mode="symmetric")  # a narrow bad strip at the panel's border is no area
    opened = ndimage.binary_opening(padded, np.ones((2 * reach + 1,) * 2, bool))[reach:-reach, reach:-reach]
    uncoated = blocks_to_pixels(opened, shape) | covered_borders(offset, gain, criteria, skipped)
    return Coating(uncoated, edge_of(uncoated, _EDGE_REACH), lifeless)


def surrounding_signal(gain: GainMap, pixels: Mask, uncoated: Mask) -> NDArray[np.float32]:
    """The signal that some pixels should show, judged by the pixels around them.

    Parameters
    ----------
    gain : GainMap
        From `estimate_gain`.
    pixels : (H, W) bool
        True for the N pixels asked for.
    uncoated : (H, W) bool
        True where the panel has no scintillator or no light.

    Returns
    -------
    signal_dn : (N,) float32
        Median of the 21 x 21 pixels around, near a coating's edge of 5 x 5. [DN]
    """
    where = np.nonzero(pixels)
    nearby_dn, area_dn = _sorted_nearby(gain.signal_dn, where)[:, 12], _area_signal(gain, uncoated)[where]
    return np.where(edge_of(uncoated, _EDGE_REACH)[where], nearby_dn, area_dn)


def response_classes(
    offset: OffsetMap, gain: GainMap, coating: Coating, criteria: DefectCriteria, skipped: list[str]
) -> Flags:
    """DEAD, OVER and UNDER, from the flat against its surroundings of 21 x 21 pixels.

    Parameters
    ----------
    offset, gain : OffsetMap, GainMap
        From `estimate_offset` and `estimate_gain`.
    coating : Coating
        From `find_coating`.
    criteria : DefectCriteria
        Limits.
    skipped : list of str
        Sentences are added to it.

    Returns
    -------
    flags : (H, W) uint16
    """
    uncoated, edge, signal = coating.uncoated, coating.edge, gain.signal_dn
    area = _area_signal(gain, uncoated)
    noise_dn = criteria.outlier_sigmas * _flat_noise_dn(offset, gain, area, coating, criteria)
    high, low = signal > area + noise_dn, signal < area - noise_dn
    silent = (gain.flags & bits.DEAD) != 0
    over = high & (signal > (criteria.over_factor or np.inf) * area)
    under = low & (signal < (criteria.under_factor or 0.0) * area)
    dead = low & silent
    doubtful = np.nonzero(edge & (over | under | dead))
    nearby = _sorted_nearby(signal, doubtful)
    sixth_lowest, sixth_highest = nearby[:, 5], nearby[:, -6]  # one more than a line through the 5 x 5 holds
    over[doubtful] &= signal[doubtful] > (criteria.over_factor or np.inf) * sixth_highest
    beside = np.nonzero(over & ~edge & edge_of(coating.lifeless, _EDGE_REACH))  # an area may be that of dead pixels
    over[beside] &= signal[beside] > (criteria.over_factor or np.inf) * _sorted_nearby(signal, beside)[:, -6]
    # A pixel beside the edge is compared with the lower side of it, and with the noise of that side.
    bare_noise_dn = float(np.median(noise_dn[uncoated])) if uncoated.any() else 0.0
    on_bare_side = sixth_lowest < criteria.uncoated_fraction * gain.level_dn
    below_noise = signal[doubtful] < sixth_lowest - np.where(on_bare_side, bare_noise_dn, noise_dn[doubtful])
    under[doubtful] &= below_noise & (signal[doubtful] < (criteria.under_factor or 0.0) * sixth_lowest)
    dead[doubtful] &= below_noise
    dead |= silent & coating.lifeless
    lightless = uncoated & (np.abs(area) < LEAST_LIGHT * gain.level_dn)  # covered: more flats would not tell
    doubted = silent & ~dead & ~lightless & (gain.flags & bits.SATURATED == 0)
    if doubted.any():
        dead |= _silent_lines(silent, doubted, float(np.mean(silent[uncoated])) if uncoated.any() else 1.0)
    undecided = int(np.count_nonzero(doubted & ~dead))
    if undecided:
        bare_dn = float(np.median(area[uncoated])) if uncoated.any() else 0.0
        needed = math.ceil(gain.frames_used * (bare_noise_dn / bare_dn) ** 2) if bare_dn > 0 else 0
        skipped.append(
            f"{undecided} pixels without light showed less than {100 * LEAST_RESPONSE:g} % response, which "
            f"their noise in {gain.frames_used} flats explains, so they do not count as dead"
            + f": about {needed} flats of this dose would tell"
            * (needed > gain.frames_used)
        )
    flags = np.zeros(signal.shape, np.uint16)
    for bit, found in ((bits.DEAD, dead), (bits.OVER, over), (bits.UNDER, under)):
        flags[found] |= bit
    return flags


def _area_signal(gain: GainMap, uncoated: Mask) -> NDArray[np.float32]:
    """Signal of the 21 x 21 pixels around each pixel, of the coated or the bare part only. [DN]"""
    shape = (uncoated.shape[0], uncoated.shape[1])
    return blocks_to_pixels(area_median(block_median(gain.signal_dn), uncoated[::BLOCK, ::BLOCK]), shape)


def _flat_noise_dn(
    offset: OffsetMap, gain: GainMap, area: NDArray[np.float32], coating: Coating, criteria: DefectCriteria
) -> NDArray[np.float64]:
    """Standard deviation that the mean flat should have at each pixel, by the signal `area` around it. [DN]"""
    uncoated = coating.uncoated
    dark_variance = offset.typical_noise_dn**2
    variance = dark_variance + ((gain.typical_noise * gain.level_dn) ** 2 - dark_variance) * area / gain.level_dn
    # Bare photodiodes scatter more than their signal says: few X-rays, much charge each.
    if gain.noise is not None and gain.frames_used >= criteria.least_frames_for_noise:
        shape = (area.shape[0], area.shape[1])
        measured = blocks_to_pixels(area_median(block_median(gain.noise), uncoated[::BLOCK, ::BLOCK]), shape)
        variance = np.maximum(variance, (measured * gain.level_dn) ** 2)
    variance = np.maximum(variance, 0.0) / gain.frames_used
    bare = thin_out(uncoated & ~coating.edge) > 0
    if bare.any():
        spread_dn = robust_sigma((thin_out(gain.signal_dn) - thin_out(area))[bare])
        variance = np.where(uncoated, np.maximum(variance, spread_dn**2), variance)
    return np.asarray(np.sqrt(variance))


def _silent_lines(silent: Mask, doubted: Mask, fraction: float) -> Mask:
    """Doubted pixels with more silent ones among the nearest 21 of their row or column than chance explains.

    `fraction` of the pixels are silent by chance.
    """
    from scipy import ndimage
    from scipy.special import bdtrc

    chances = bdtrc(np.arange(_LINE_REACH), _LINE_REACH, fraction)  # of more than k silent ones among 21
    if not chances[-1] < _CHANCE:
        return np.zeros(doubted.shape, bool)
    most = int(np.argmax(chances < _CHANCE))
    mean = [ndimage.uniform_filter1d(silent.astype(np.float32), _LINE_REACH, axis, mode="constant") for axis in (0, 1)]
    return np.asarray(doubted & (np.maximum(*mean) * _LINE_REACH > most + 0.5))


def _sorted_nearby(signal: NDArray[np.float32], pixels: tuple[NDArray[np.intp], ...]) -> NDArray[np.float32]:
    """(N, 25): the values of the 5 x 5 around each pixel, rising; at the border the outermost repeat."""
    padded = np.pad(signal, 2, mode="edge")
    down, right = (step.reshape(1, -1) for step in np.mgrid[0:5, 0:5])
    return np.sort(padded[pixels[0][:, None] + down, pixels[1][:, None] + right], axis=1)


def noise_classes(
    offset: OffsetMap, gain: GainMap, coating: Coating, criteria: DefectCriteria, skipped: list[str]
) -> Flags:
    """NOISY from the scatter of darks and flats, or HOT and NON_UNIFORM outliers where there are too few frames.

    Parameters
    ----------
    offset, gain, coating, criteria, skipped
        As for `response_classes`.

    Returns
    -------
    flags : (H, W) uint16
    """
    flags = np.zeros(coating.uncoated.shape, np.uint16)
    needed = criteria.least_frames_for_noise
    if offset.noise_dn is not None and offset.frames_used >= needed:
        if criteria.noise_factor is not None:
            flags[offset.noise_dn > criteria.noise_factor * _floor(offset.typical_noise_dn, gain)] |= bits.NOISY
    else:
        skipped.append(f"dark noise was not judged: {offset.frames_used} dark frames, {needed} are needed")
        departure = offset.offset_dn - local_median(offset.offset_dn, 9)
        limit_dn = max(criteria.outlier_sigmas * robust_sigma(thin_out(departure)), gain.typical_noise * gain.level_dn)
        flags[np.abs(departure) > _floor(limit_dn, gain)] |= bits.HOT
    if gain.noise is not None and gain.frames_used >= needed:
        if criteria.flat_noise_factor is not None:
            flags[gain.noise > criteria.flat_noise_factor * _floor(gain.typical_noise)] |= bits.NOISY
    else:
        skipped.append(f"noise under X-rays was not judged: {gain.frames_used} flat frames, {needed} are needed")
        around = np.maximum(local_median(gain.signal_dn, 9), LEAST_RESPONSE * gain.level_dn)
        departure = gain.signal_dn / around - 1.0
        judged = ~(coating.uncoated | coating.edge)
        sigma = robust_sigma(thin_out(departure)[thin_out(judged) > 0])
        flags[judged & (np.abs(departure) > criteria.outlier_sigmas * _floor(sigma))] |= bits.NON_UNIFORM
    return flags


def non_uniform(
    check_dn: NDArray[Any],
    frames: int,
    good: Mask,
    gain: GainMap,
    coating: Coating,
    criteria: DefectCriteria,
    skipped: list[str],
) -> Flags:
    """NON_UNIFORM from a corrected frame; the limits widen where noise would flag good pixels.

    Parameters
    ----------
    check_dn : (H, W)
        Offset- and gain-corrected mean of flats that are not those of `gain`. [DN]
    frames : int
        Frames in that mean. [1]
    good : (H, W) bool
        True for pixels that no other class holds; their scatter is the noise of the frame.
    gain, coating, criteria, skipped
        As for `response_classes`.

    Returns
    -------
    flags : (H, W) uint16
    """
    uncoated, edge = coating.uncoated, coating.edge
    flags = np.zeros(uncoated.shape, np.uint16)
    fraction, from_panel = criteria.non_uniform_fraction, criteria.global_fraction
    wanted = fraction if fraction is not None else from_panel
    if wanted is None:
        return flags
    # At a coating's edge light falls off, so that noise grows; what lies in the bare part of it is not judged.
    response = gain.signal_dn / np.float32(gain.level_dn)
    judged = ~uncoated & ~(edge & (response < criteria.uncoated_fraction))
    around = local_median(np.where(judged, check_dn, np.nan), 9)
    departure = np.divide(check_dn, around, out=np.ones(check_dn.shape), where=around > 0) - 1.0
    typical = thin_out(good & ~uncoated) > 0
    sigma = robust_sigma(thin_out(departure)[typical])
    fainter = np.where(edge, np.sqrt(1.0 / np.maximum(response, criteria.uncoated_fraction)), 1.0)
    coarser = np.maximum(1.0, sigma / criteria.check_noise * np.maximum(fainter, 1.0))
    flags[judged & (np.abs(departure) > (np.inf if fraction is None else fraction) * coarser)] |= bits.NON_UNIFORM
    if from_panel is not None:
        level_dn = float(np.median(thin_out(check_dn)[typical]))
        limit = np.maximum(from_panel, wanted * coarser)
        flags[judged & (np.abs(check_dn - level_dn) > limit * level_dn)] |= bits.NON_UNIFORM
    widened = sigma / criteria.check_noise
    if widened > 1.0:
        skipped.append(
            f"non-uniform pixels were judged at {100 * wanted * widened:.2f} %, not {100 * wanted:g} %: "
            f"the check frame has {100 * sigma:.2f} % noise per pixel, {100 * criteria.check_noise:.2f} % is needed, "
            f"about {math.ceil(frames * widened**2)} frames instead of {frames}"
        )
    return flags


def lagging(
    first_dn: NDArray[Any],
    noise_dn: NDArray[Any] | float | None,
    offset: OffsetMap,
    gain: GainMap,
    criteria: DefectCriteria,
    skipped: list[str],
) -> Flags:
    """LAGGING from the first frame after the beam is off, each pixel relative to its own response.

    Parameters
    ----------
    first_dn : (H, W)
        That frame, or the mean of several such, offset-subtracted. [DN]
    noise_dn : (H, W) or float or None
        Its standard deviation without lag; None takes that of one dark frame minus the mean dark. [DN]
    offset, gain, criteria, skipped
        As for `response_classes`.

    Returns
    -------
    flags : (H, W) uint16
    """
    flags = np.zeros(first_dn.shape, np.uint16)
    if criteria.lag_factor is None:
        return flags
    if noise_dn is None:
        noise_dn = _dark_frame_noise_dn(offset, criteria)
    relative = np.asarray(first_dn) * gain.gain
    noise = noise_dn * gain.gain
    around = local_median(relative, 9)
    level = np.maximum(around, 0.0)
    factor = criteria.lag_factor
    unlike = (relative > factor * level) | (relative < level / factor)
    beyond_noise = np.abs(relative - around) > criteria.outlier_sigmas * np.maximum(noise, _floor(0.0, gain))
    flags[unlike & beyond_noise & (gain.flags == 0)] |= bits.LAGGING
    typical, scatter = float(np.median(thin_out(around))), float(np.median(thin_out(noise)))
    if criteria.outlier_sigmas * scatter > (factor - 1.0) * typical:
        skipped.append(
            f"lagging pixels were judged at {typical + criteria.outlier_sigmas * scatter:.1f} DN, not at {factor:g} "
            f"times the {typical:.1f} DN of the panel: the first frame after the beam is off has {scatter:.1f} DN noise"
        )
    return flags


def _dark_frame_noise_dn(offset: OffsetMap, criteria: DefectCriteria) -> NDArray[Any] | float:
    """Noise of one frame minus the mean of the darks. [DN]"""
    both = math.sqrt(1.0 + 1.0 / offset.frames_used)
    if offset.noise_dn is None or offset.frames_used < criteria.least_frames_for_noise:
        return both * offset.typical_noise_dn
    return both * np.maximum(offset.noise_dn, np.float32(offset.typical_noise_dn))


def _floor(sigma: float, gain: GainMap | None = None) -> float:
    """A scatter of exactly zero (noise-free frames) shall not flag the rounding of float32; in DN, of the flats."""
    return max(sigma, 1e-5 if gain is None else 1e-7 * gain.level_dn)

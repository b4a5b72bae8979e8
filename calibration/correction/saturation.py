"""Saturated pixels of a raw frame, and those that are not to be trusted because of them.

Judged on what the ADC delivered, before any arithmetic: afterwards every pixel has its own end of the scale. Charge
spills from a saturated pixel, and amplifiers recover slowly, so its neighbours are suspect, as are values so near to
the end that the response has begun to bend [1]_. Where nobody says the saturation level, frames show it: clipped pixels
pile up at one value, above which there is none.

References
----------
.. [1] ASTM E2597/E2597M: saturation is where the response departs from the straight line by more than 5 %.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.flags import SATURATED, SUSPECT, UNUSABLE
from calibration.frame_sums import thin_out

SUSPECT_FRACTION = 0.95  # of the saturation level   # chosen

ADC_BITS = range(16, 7, -1)  # of an analogue-to-digital converter whose largest value may be the end of the scale
_LEAST_PILE = 10  # pixels of one frame at the end of an ADC's scale: a hot pixel and its neighbours are nine   # chosen
_ABOVE_THE_TAIL = 10.0  # times the mean count of the values just below: no tail of a distribution rises so   # chosen
_TAIL_VALUES = 16  # values just below   # chosen
_LEAST_SHARE = 1e-3  # of the pixels of a frame at a top value that is no end of an ADC's scale   # chosen
_LEAST_VALUES = 16  # different values below such a top, else the frame is a drawing of a few grey levels   # chosen
_MOST_ABOVE = 0.01  # pixels above a pile, over those in it: bad pixels that software has marked   # chosen


def flag_saturation(
    raw_dn: NDArray[Any],
    defects: NDArray[np.uint16],
    saturation_dn: float,
    suspect_fraction: float = SUSPECT_FRACTION,
) -> NDArray[np.uint16]:
    """The flags of a frame before any step: those of the calibration, SATURATED and SUSPECT.

    A bad pixel is neither, whatever its value, and makes no neighbour suspect.

    Parameters
    ----------
    raw_dn : (H, W)
        What the ADC delivered, integers or floats; judged as float32. [DN]
    defects : (H, W) uint16
        Bits of `calibration.flags` that the pixels always carry. Not written to.
    saturation_dn : float
        Raw value from which a pixel no longer responds. [DN]
    suspect_fraction : float
        SUSPECT from this fraction of it upwards, and next to saturated pixels. [1]

    Returns
    -------
    flags : (H, W) uint16

    Raises
    ------
    ValueError
        If shapes differ, the saturation level is not positive or the fraction not in 0..1.
    """
    if raw_dn.shape != defects.shape:
        raise ValueError(f"the defect map is {defects.shape} but the frame is {raw_dn.shape}")
    if not saturation_dn > 0:
        raise ValueError(f"saturation_dn must be positive, got {saturation_dn}")
    number = raw_dn.astype(np.float32)
    usable = (defects & UNUSABLE) == 0
    saturated = usable & (number >= np.float32(saturation_dn))
    near = usable & (number >= suspect_limit(saturation_dn, suspect_fraction))
    beside = np.zeros(raw_dn.shape, bool)
    rows, cols = raw_dn.shape
    padded = np.pad(saturated, 1)
    for down in range(3):
        for right in range(3):
            beside |= padded[down : down + rows, right : right + cols]
    flags = defects.copy()
    flags[saturated] |= SATURATED
    flags[(near | beside) & ~saturated] |= SUSPECT
    return flags


def suspect_limit(saturation_dn: float, suspect_fraction: float) -> np.float32:
    """Raw value from which a pixel is suspect.

    Parameters
    ----------
    saturation_dn : float
        Raw value from which a pixel no longer responds. [DN]
    suspect_fraction : float
        Of that, above 0 and at most 1. [1]

    Returns
    -------
    suspect_dn : float32
        [DN]

    Raises
    ------
    ValueError
        If the fraction is another.
    """
    if not 0 < suspect_fraction <= 1:
        raise ValueError(f"suspect_fraction must be above 0 and at most 1, got {suspect_fraction}")
    return np.float32(suspect_fraction * saturation_dn)


@dataclass(frozen=True)
class PileUp:
    """Where the pixels of some frames were clipped.

    Attributes
    ----------
    value_dn : float
        The value at which they pile up. [DN]
    pixels : int
        At that value, in the frame that has most of them. [1]
    bits : int or None
        Of the analogue-to-digital converter whose scale ends there, at 2^bits - 1. [1]
    """

    value_dn: float
    pixels: int
    bits: int | None

    def __str__(self) -> str:
        place = f"2^{self.bits} - 1" if self.bits is not None else "one top value"
        return f"{self.pixels} pixels piled up at {place}"


def find_pile_up(frames: Iterable[NDArray[Any]], dark: NDArray[Any] | None = None) -> PileUp | None:
    """The value at which pixels were clipped, from the frames themselves.

    A pile at the end of an ADC's scale, 2^n - 1 with n from 8 to 16, is taken from ten pixels on; one at another value
    from a thousandth of a frame on, and only if no other value is as frequent. Above a pile there is next to nothing.

    Parameters
    ----------
    frames : iterable of (H, W)
        Raw frames with X-rays, one in memory at a time. [DN]
    dark : (H, W), optional
        A frame without: pixels that stand at a value in it are stuck there, and do not count for a pile-up there
        unless it is the end of an ADC's scale. [DN]

    Returns
    -------
    pile : PileUp or None
        The highest; None where no pixel was clipped.
    """
    found: dict[float, PileUp] = {}
    highest: dict[float, int] = {}  # pixels at the top value of frames, by that value
    for frame in frames:
        frame = np.asarray(frame)
        values, counts = _top_counts(frame)
        if not values.size:
            continue
        highest[float(values[-1])] = max(highest.get(float(values[-1]), 0), int(counts[-1]))
        pile = _pile_of(frame, values, counts, dark)
        if pile is not None and pile.pixels > found.get(pile.value_dn, pile).pixels - 1:
            found[pile.value_dn] = pile
    for value, pile in sorted(found.items(), reverse=True):
        if all(count <= _MOST_ABOVE * pile.pixels for top, count in highest.items() if top > value):
            return pile
    return None


def _top_counts(frame: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """The values of the highest 0.1 % of the pixels, in whole numbers some below too, rising, and pixels at each."""
    sample = thin_out(frame)
    sample = sample[np.isfinite(sample)]
    if not sample.size:
        return sample, np.zeros(0, np.int64)
    low = np.percentile(sample, 99.9, method="lower") - (_TAIL_VALUES if _whole(sample) else 0)
    values, counts = np.unique(frame[(frame >= low) & np.isfinite(frame)], return_counts=True)
    return values, counts.astype(np.int64)


def _whole(values: NDArray[Any]) -> bool:
    """Whether values are whole numbers, as an ADC delivers them, of more than one bit."""
    return bool(values.max() > 1 and (values == np.floor(values)).all())


def _pile_of(
    frame: NDArray[Any], values: NDArray[Any], counts: NDArray[np.int64], dark: NDArray[Any] | None
) -> PileUp | None:
    """The pile-up of one frame by the counts of its highest values, which must be all it has from there up."""
    for bits in ADC_BITS if _whole(values) else ():
        end = 2**bits - 1
        at = int(counts[values == end].sum())
        just_below = (values < end) & (values >= end - _TAIL_VALUES)
        tail = _ABOVE_THE_TAIL * counts[just_below].sum() / _TAIL_VALUES
        if at >= max(_LEAST_PILE, tail) and counts[values > end].sum() <= _MOST_ABOVE * at:
            return PileUp(float(end), at, bits)
    reversed_above = np.cumsum(counts[::-1])[::-1] - counts
    for value, at, above in zip(values[::-1], counts[::-1], reversed_above[::-1], strict=True):
        if above > _MOST_ABOVE * at:
            continue
        if at < max(_LEAST_PILE, _LEAST_SHARE * frame.size):
            continue
        if dark is not None:
            at -= int(np.count_nonzero((frame == value) & (dark == value)))
        others, frequent = np.unique(thin_out(frame), return_counts=True)
        below = frequent[others < value]
        share = frame.size / thin_out(frame).size
        if below.size >= _LEAST_VALUES and at > max(_LEAST_SHARE * frame.size, share * float(below.max())):
            return PileUp(float(value), int(at), None)
    return None

"""From raw to corrected: the backward chain of one frame, in order, on one page.

    raw_dn -> saturation flagged -> offset subtracted -> gain applied -> bad pixels interpolated -> corrected_dn

Saturation is judged first, on the raw number. Everything between raw and corrected happens in one pass over the
frame; bad pixels come last, so that they are made from finished values. Negative values are kept: a dark pixel is as
often below zero as above, and cutting there would brighten the shadows. Steps to come (line noise before the offset,
lag after it, linearity in the gain) each get their line here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from calibration.calibration_set import CalibrationSet
from calibration.flags import SATURATED, SUSPECT, UNCORRECTABLE, UNUSABLE
from calibration.interpolation import InterpolationPlan, interpolate_defects, plan_interpolation

_LEAST_VARIANCE_DN2 = 1.0 / 12.0  # quantisation to whole DN; keeps the weights of noise-free frames finite


@dataclass(frozen=True, eq=False)
class CorrectionPlan:
    """A calibration made ready for many frames: its maps, and where each bad pixel takes its value from."""

    calibration: CalibrationSet
    interpolation: InterpolationPlan
    dark_variance: float
    variance_per_dn: float


@dataclass(frozen=True, eq=False)
class CorrectedFrame:
    """A corrected frame and what happened to its pixels.

    Attributes
    ----------
    corrected_dn : (H, W) float32
        Linear in exposure, signed. [DN]
    flags : (H, W) uint16
        Bits of `calibration.flags`. Every pixel that is not finite has one.
    saturated, negative, interpolated, uncorrectable : int
        Pixels; bad ones count as interpolated only. [1]
    """

    corrected_dn: NDArray[np.float32]
    flags: NDArray[np.uint16]
    saturated: int
    negative: int
    interpolated: int
    uncorrectable: int


def plan_correction(calibration: CalibrationSet) -> CorrectionPlan:
    """What `correct_frame` needs beside the frame, computed once for a calibration."""
    dark_variance = calibration.typical_dark_noise_dn**2
    flat_variance = (calibration.typical_flat_noise * calibration.level_dn) ** 2
    return CorrectionPlan(
        calibration,
        plan_interpolation((calibration.defects & UNUSABLE) != 0),
        max(dark_variance, _LEAST_VARIANCE_DN2),
        max(flat_variance - dark_variance, 0.0) / calibration.level_dn,
    )


def correct_frame(
    raw_dn: NDArray[Any], calibration: CalibrationSet | CorrectionPlan, out: CorrectedFrame | None = None
) -> CorrectedFrame:
    """One raw frame, corrected for offset, gain and bad pixels, with a flag for everything that was done.

    Parameters
    ----------
    raw_dn : (H, W)
        What the ADC delivered; integers, or floats for an average of frames. Not written to. [DN]
    calibration : CalibrationSet or CorrectionPlan
        For more than one frame, hand in the plan from `plan_correction`.
    out : CorrectedFrame, optional
        An earlier result whose two planes are written over; fresh memory costs as much as the correction.

    Returns
    -------
    frame : CorrectedFrame

    Raises
    ------
    ValueError
        If frame and calibration, or `out`, differ in shape.
    TypeError
        If the frame holds no real numbers.

    Notes
    -----
    uint16 frames are corrected as they are, others as float32. Timing: `benchmarks/bench_correct.py`.
    """
    plan = calibration if isinstance(calibration, CorrectionPlan) else plan_correction(calibration)
    maps = plan.calibration
    raw_dn = np.asarray(raw_dn)
    if raw_dn.shape != maps.offset_dn.shape:
        raise ValueError(f"the calibration is {maps.offset_dn.shape} but the frame is {raw_dn.shape}")
    if raw_dn.dtype.kind not in "uif":
        raise TypeError(f"a raw frame holds integers or floats, got {raw_dn.dtype}")
    if out is not None and out.corrected_dn.shape != raw_dn.shape:
        raise ValueError(f"the frame to write over is {out.corrected_dn.shape} but the raw frame is {raw_dn.shape}")
    raw_dn = np.ascontiguousarray(raw_dn if raw_dn.dtype == np.uint16 else raw_dn.astype(np.float32))
    corrected_dn = np.empty(raw_dn.shape, np.float32) if out is None else out.corrected_dn
    flags = np.empty(raw_dn.shape, np.uint16) if out is None else out.flags

    counts = np.empty((raw_dn.shape[0], 3), np.int64)  # per row: saturated, negative, no number
    _correct(
        raw_dn,
        maps.offset_dn,
        maps.gain,
        maps.defects,
        np.float32(maps.saturation_dn),
        UNUSABLE,
        SATURATED,
        UNCORRECTABLE,
        corrected_dn,
        flags,
        counts,
    )
    saturated, negative, no_number = (int(count) for count in counts.sum(axis=0))
    if saturated:
        _flag_neighbours(flags, counts, SATURATED, SUSPECT)
    bad = plan.interpolation.pixels[:, 0], plan.interpolation.pixels[:, 1]
    negative -= int(np.count_nonzero(corrected_dn[bad] < 0))
    interpolate_defects(
        corrected_dn, flags, plan.interpolation, plan.dark_variance, plan.variance_per_dn, saturated + no_number == 0
    )
    uncorrectable = no_number + int(np.count_nonzero(flags[bad] & UNCORRECTABLE))
    return CorrectedFrame(corrected_dn, flags, saturated, negative, len(bad[0]), uncorrectable)


@njit(parallel=True, cache=True)
def _correct(  # type: ignore[no-untyped-def]
    raw, offset, gain, defects, saturation, unusable, saturated_bit, no_number_bit, corrected, flags, counts
):
    """Offset, gain and the flags of the frame in one pass; writes every element of `corrected`, `flags`, `counts`.

    The first loop over a row has no branch, so it runs at the speed of memory; the second is rarely entered.
    """
    rows, cols = raw.shape
    for i in prange(rows):
        saturated = np.int32(0)
        negative = np.int32(0)
        no_number = np.int32(0)
        for j in range(cols):
            number = np.float32(raw[i, j])
            value = (number - offset[i, j]) * gain[i, j]
            corrected[i, j] = value
            flags[i, j] = defects[i, j]
            saturated += np.int32(number >= saturation)
            negative += np.int32(value < np.float32(0.0))
            no_number += np.int32(value - value != np.float32(0.0))  # NaN and infinities
        if saturated + no_number > 0:
            saturated = np.int32(0)
            no_number = np.int32(0)
            for j in range(cols):
                if defects[i, j] & unusable:
                    continue
                if np.float32(raw[i, j]) >= saturation:
                    flags[i, j] |= saturated_bit
                    saturated += np.int32(1)
                if not np.isfinite(corrected[i, j]):
                    flags[i, j] |= no_number_bit
                    no_number += np.int32(1)
        counts[i, 0] = saturated
        counts[i, 1] = negative
        counts[i, 2] = no_number


@njit(parallel=True, cache=True)
def _flag_neighbours(flags, counts, saturated_bit, suspect_bit):  # type: ignore[no-untyped-def]
    """Adds `suspect_bit` to the neighbours of saturated pixels; each row writes that bit of its own pixels only."""
    rows, cols = flags.shape
    for i in prange(rows):
        first, last = max(0, i - 1), min(rows, i + 2)
        if counts[first:last, 0].sum() == 0:
            continue
        for j in range(cols):
            if flags[i, j] & saturated_bit:
                continue
            for y in range(first, last):
                for x in range(max(0, j - 1), min(cols, j + 2)):
                    if flags[y, x] & saturated_bit:
                        flags[i, j] |= suspect_bit

"""The backward chain of one frame: from raw to corrected, in order, on one page.

    raw_dn -> saturation flagged -> line noise -> offset -> lag -> gain -> defects -> glare -> corrected_dn

Saturation is judged first, on the raw number. Lag comes before the gain, because traps hold charge; bad pixels come
after it, so that they are made from finished values, and before the glare, whose filter reaches everywhere. Negative
values are kept: a dark pixel is as often below zero as above, and cutting there would brighten the shadows.

`correct_step_by_step` is the chain as it reads; `correct_frame` does everything before the bad pixels in a single pass
over the frame. Both give the same frame bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.calibration_set import CalibrationSet
from calibration.correction.fused_pass import fused_pass
from calibration.correction.glare import GlareModel, glare_variance_gain, remove_glare
from calibration.correction.plan import CorrectionPlan, frame_offset, plan_correction
from calibration.correction.saturation import flag_saturation
from calibration.correction.variance import calibration_variance, random_variance
from calibration.dark.line_noise import LineNoise, estimate_line_noise, subtract_line_noise
from calibration.dark.offset import subtract_offset
from calibration.defects.interpolation import interpolate_defects
from calibration.flags import EXTRAPOLATED, INTERPOLATED, SATURATED, SUSPECT, UNCORRECTABLE, UNUSABLE
from calibration.lag.model import LagState, subtract_lag
from calibration.response.apply import apply_gain, extrapolated, slope

__all__ = ["CorrectedFrame", "CorrectionPlan", "correct_frame", "correct_step_by_step", "plan_correction"]

Planes = tuple[NDArray[np.float32], NDArray[np.float32]]

_COUNTED = ("saturated", "suspect", "extrapolated", "negative", "interpolated", "uncorrectable")
_DARK_SIGMAS = 6.0  # below zero that noise explains: one pixel in 1e9   # chosen


@dataclass(frozen=True, eq=False)
class CorrectedFrame:
    """A corrected frame and what happened to its pixels.

    Attributes
    ----------
    corrected_dn : (H, W) float32
        Linear in exposure, signed. [DN]
    flags : (H, W) uint16
        Bits of `calibration.flags`. Every pixel that is not finite has one.
    saturated, negative, interpolated, uncorrectable, suspect, extrapolated : int
        Pixels; bad ones count as interpolated only. [1]
    variance_random, variance_calibration : (H, W) float32 or None
        Variance that averaging frames reduces, and that of the maps, the same in every frame; None where the plan
        wants no variance. Zero in pixels without a value. [DN2]
    state : LagState or None
        What this frame leaves in the next; None without lag correction.
    line : LineNoise or None
        What was subtracted from the rows; None without that step.
    """

    corrected_dn: NDArray[np.float32]
    flags: NDArray[np.uint16]
    saturated: int
    negative: int
    interpolated: int
    uncorrectable: int
    suspect: int = 0
    extrapolated: int = 0
    variance_random: NDArray[np.float32] | None = None
    variance_calibration: NDArray[np.float32] | None = None
    state: LagState | None = None
    line: LineNoise | None = None


def correct_frame(
    raw_dn: NDArray[Any],
    calibration: CalibrationSet | CorrectionPlan,
    out: CorrectedFrame | None = None,
    *,
    state: LagState | None = None,
    elapsed_s: float | None = None,
    dark_scale: float | None = None,
) -> CorrectedFrame:
    """One raw frame through all steps of the plan, with a flag for everything that was done.

    Parameters
    ----------
    raw_dn : (H, W)
        What the ADC delivered; integers, or floats for an average of frames. Not written to. [DN]
    calibration : CalibrationSet or CorrectionPlan
        For more than one frame, hand in the plan from `plan_correction`.
    out : CorrectedFrame, optional
        An earlier result of this plan whose planes are written over, the lag state with them: in a sequence hand in
        ``out=frame, state=frame.state`` and nothing is allocated. Fresh memory costs as much as the correction.
    state : LagState, optional
        What the previous frame left; None for a panel that has long been read in the dark. Not written to, unless
        it is that of `out`.
    elapsed_s : float, optional
        Time since the previous frame; the pipeline's frame interval where it is not given. [s]
    dark_scale : float, optional
        Dark current of this frame over that of the calibration, where it is not that of the plan. [1]

    Returns
    -------
    frame : CorrectedFrame

    Raises
    ------
    ValueError
        If frame and calibration, `out` or `state` differ in shape, or a state comes without a time.
    TypeError
        If the frame holds no real numbers.

    Notes
    -----
    uint16 frames are corrected as they are, others as float32. A value that is no number is flagged UNCORRECTABLE and
    leaves nothing in the lag state. Timing: `benchmarks/bench_correct.py`.
    """
    plan = calibration if isinstance(calibration, CorrectionPlan) else plan_correction(calibration)
    raw_dn = _checked(raw_dn, plan)
    corrected_dn, flags, variances, state_out = _planes(plan, raw_dn.shape, out)
    line = _line_noise(raw_dn, plan, dark_scale)
    done = fused_pass(
        raw_dn,
        plan,
        corrected_dn,
        flags,
        dark_scale=dark_scale,
        line=line,
        state=state,
        elapsed_s=_elapsed(plan, state, elapsed_s),
        state_out=state_out,
        variances=variances,
    )
    negative, interpolated, uncorrectable = done.negative, 0, done.no_number
    if plan.interpolation is not None:
        noise = plan.dark_variance, plan.variance_per_dn
        all_usable = done.saturated + done.no_number == 0
        below, lost = interpolate_defects(corrected_dn, flags, plan.interpolation, *noise, all_usable, variances)
        negative, interpolated, uncorrectable = negative - below, len(plan.interpolation.pixels), uncorrectable + lost
    if plan.glare is not None:
        negative = _remove_glare(corrected_dn, flags, variances, plan.glare, plan.calibration.shielded_cols)
    counts = done.saturated, negative, interpolated, uncorrectable, done.suspect, done.extrapolated
    random, calibrated = variances or (None, None)
    return CorrectedFrame(corrected_dn, flags, *counts, random, calibrated, state_out, line)


def fill_lost_pixels(frame: CorrectedFrame) -> None:
    """Numbers for the pixels whose raw value was none, in place, so that whatever follows can work on the picture.

    The mean of what has a value in 5 x 5 pixels, else in 33 x 33, else zero. They stay UNCORRECTABLE, and are
    INTERPOLATED as well.

    Parameters
    ----------
    frame : CorrectedFrame
        Its picture and flags are written to.
    """
    if not frame.uncorrectable:
        return
    known = np.isfinite(frame.corrected_dn)
    lost = ~known
    if not lost.any():
        return
    from scipy import ndimage  # slow to load, and few frames have such pixels

    values = np.where(known, frame.corrected_dn, np.float32(0.0)).astype(np.float64)
    found = np.zeros(np.count_nonzero(lost))
    for side in (33, 5):  # the nearer pixels in the end
        share = ndimage.uniform_filter(known.astype(np.float64), side, mode="constant")[lost]
        total = ndimage.uniform_filter(values, side, mode="constant")[lost]
        enough = share > 0.5 / side**2
        found[enough] = total[enough] / share[enough]
    frame.corrected_dn[lost] = found
    frame.flags[lost] |= np.uint16(INTERPOLATED)


def counts_of(frame: CorrectedFrame, plan: CorrectionPlan) -> dict[str, int]:
    """Pixels of a frame by what happened to them.

    Half of the pixels without signal are below zero by noise: "negative" counts all that are, "negative_beyond_noise"
    those below by more than six standard deviations of the typical dark pixel times their own gain.

    Parameters
    ----------
    frame : CorrectedFrame
    plan : CorrectionPlan
        That corrected it.

    Returns
    -------
    counts : dict of str to int
        By the names of `CorrectedFrame`. [1]
    """
    counts = {name: int(getattr(frame, name)) for name in _COUNTED} | {"negative_beyond_noise": 0}
    if not frame.negative:
        return counts
    limit_dn = np.float32(-_DARK_SIGMAS * plan.dark_variance**0.5 / (1.0 - plan.lag_fraction))
    below = frame.corrected_dn < limit_dn * plan.gain
    counts["negative_beyond_noise"] = int(np.count_nonzero(below & ((frame.flags & INTERPOLATED) == 0)))
    return counts


def correct_step_by_step(
    raw_dn: NDArray[Any],
    plan: CorrectionPlan,
    *,
    state: LagState | None = None,
    elapsed_s: float | None = None,
    dark_scale: float | None = None,
) -> CorrectedFrame:
    """The same chain written out, one line for each step; ten times slower, and several planes of memory.

    Parameters
    ----------
    raw_dn, plan, state, elapsed_s, dark_scale
        As for `correct_frame`, with the plan from `plan_correction`.

    Returns
    -------
    frame : CorrectedFrame
        In planes of its own, with the bits of `correct_frame`.
    """
    raw_dn = _checked(raw_dn, plan)
    maps, variances, state_out = plan.calibration, None, None
    bad = (maps.defects & UNUSABLE) != 0
    offset_dn, rate, excess_s = frame_offset(plan, dark_scale)
    if rate is not None:
        offset_dn = offset_dn + rate * np.float32(excess_s)

    flags = flag_saturation(raw_dn, maps.defects, float(plan.saturation_dn), plan.steps.saturation.suspect_fraction)
    line = _line_noise(raw_dn, plan, dark_scale)
    signal_dn = subtract_offset(raw_dn, offset_dn)
    if line is not None:
        signal_dn = subtract_line_noise(signal_dn, line)
    if plan.lag is not None:
        signal_dn, state_out = subtract_lag(signal_dn, plan.lag, state, _elapsed(plan, state, elapsed_s))
    corrected_dn = apply_gain(signal_dn, plan.gain, plan.curvature, plan.limit_dn)
    flags[extrapolated(signal_dn, plan.limit_dn) & ~bad] |= EXTRAPOLATED
    flags[~np.isfinite(corrected_dn)] |= UNCORRECTABLE
    if plan.noise is not None:
        steepness = slope(signal_dn, plan.gain, plan.curvature, plan.limit_dn)
        variances = (
            random_variance(corrected_dn, steepness, plan.noise, plan.lag_fraction),
            calibration_variance(corrected_dn, steepness, plan.noise),
        )
        for plane in variances:
            plane[~np.isfinite(corrected_dn)] = 0.0
    interpolated = 0
    if plan.interpolation is not None:
        noise = plan.dark_variance, plan.variance_per_dn
        interpolate_defects(corrected_dn, flags, plan.interpolation, *noise, False, variances)
        interpolated = len(plan.interpolation.pixels)
    negative = int(np.count_nonzero((corrected_dn < 0) & ((flags & INTERPOLATED) == 0)))
    if plan.glare is not None:
        negative = _remove_glare(corrected_dn, flags, variances, plan.glare, maps.shielded_cols)
    saturated, suspect, above = (int(np.count_nonzero(flags[~bad] & bit)) for bit in (SATURATED, SUSPECT, EXTRAPOLATED))
    lost = int(np.count_nonzero((flags & UNCORRECTABLE) != 0))
    counts = saturated, negative, interpolated, lost, suspect, above
    random, calibrated = variances or (None, None)
    return CorrectedFrame(corrected_dn, flags, *counts, random, calibrated, state_out, line)


def _checked(raw_dn: NDArray[Any], plan: CorrectionPlan) -> NDArray[Any]:
    """The frame as contiguous uint16 or float32; or an error."""
    raw_dn = np.asarray(raw_dn)
    if raw_dn.shape != plan.calibration.offset_dn.shape:
        raise ValueError(f"the calibration is {plan.calibration.offset_dn.shape} but the frame is {raw_dn.shape}")
    if raw_dn.dtype.kind not in "uif":
        raise TypeError(f"a raw frame holds integers or floats, got {raw_dn.dtype}")
    return np.ascontiguousarray(raw_dn if raw_dn.dtype == np.uint16 else raw_dn.astype(np.float32, copy=False))


def _planes(
    plan: CorrectionPlan, shape: tuple[int, ...], out: CorrectedFrame | None
) -> tuple[NDArray[np.float32], NDArray[np.uint16], Planes | None, LagState | None]:
    """What is written: planes of `out` where it has them, else fresh ones."""
    if out is not None and out.corrected_dn.shape != shape:
        raise ValueError(f"the frame to write over is {out.corrected_dn.shape} but the raw frame is {shape}")
    corrected_dn = np.empty(shape, np.float32) if out is None else out.corrected_dn
    flags = np.empty(shape, np.uint16) if out is None else out.flags
    variances, state = None, None
    if plan.noise is not None:
        old = (None, None) if out is None else (out.variance_random, out.variance_calibration)
        variances = (
            np.empty(shape, np.float32) if old[0] is None else old[0],
            np.empty(shape, np.float32) if old[1] is None else old[1],
        )
    if plan.lag is not None:
        stores = (plan.lag.time_s.size, *shape)
        state = None if out is None else out.state
        if state is None or state.trapped_dn.shape != stores:
            state = LagState(np.empty(stores, np.float32))
    return corrected_dn, flags, variances, state


def _line_noise(raw_dn: NDArray[Any], plan: CorrectionPlan, dark_scale: float | None) -> LineNoise | None:
    if plan.unusable is None:
        return None
    offset_dn, rate, excess_s = frame_offset(plan, dark_scale)
    columns = plan.shielded_cols, plan.unusable, plan.steps.line_noise.cols_per_group
    return estimate_line_noise(raw_dn, offset_dn, *columns, rate, excess_s)


def _elapsed(plan: CorrectionPlan, state: LagState | None, elapsed_s: float | None) -> float | None:
    """Time since the previous frame [s], where there is one whose lag is corrected."""
    if plan.lag is None or state is None:
        return None
    elapsed_s = elapsed_s if elapsed_s is not None else plan.steps.lag.frame_interval_s
    if elapsed_s is None:
        raise ValueError("the time since the previous frame is needed to know what its lag has become")
    shape = plan.lag.time_s.size, *plan.calibration.offset_dn.shape
    if state.trapped_dn.shape != shape:
        raise ValueError(f"the lag state is {state.trapped_dn.shape}, but this model and frame need {shape}")
    return elapsed_s


def _remove_glare(
    corrected_dn: NDArray[np.float32],
    flags: NDArray[np.uint16],
    variances: Planes | None,
    glare: GlareModel,
    shielded_cols: tuple[tuple[int, int], ...],
) -> int:
    """Takes the glare out in place; returns how many pixels are below zero now, without the interpolated ones."""
    np.copyto(corrected_dn, remove_glare(corrected_dn, glare, shielded_cols))
    for plane in variances or ():
        plane *= np.float32(glare_variance_gain(glare, corrected_dn.shape))
    return int(np.count_nonzero((corrected_dn < 0) & ((flags & INTERPOLATED) == 0)))

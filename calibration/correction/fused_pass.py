"""From raw to gain-corrected in one pass over the frame: line noise, offset, lag, gain, flags and variances.

Each plane is read and written once, so the pass runs near the speed of memory. Order and arithmetic are those of the
step functions (`offset.subtract_offset`, `line_noise.subtract_line_noise`, `lag.subtract_lag`,
`linearity.apply_gain`, `saturation.flag_saturation`, `variance.random_variance`, `variance.calibration_variance`), and
so are the bits, but for one: lag multiplies by 1 / (1 - sum f) in float64 instead of dividing, which may round the
last place of a value the other way once in some 10^8 pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.correction.pass_kernels import correct_bands, flag_neighbours
from calibration.correction.plan import CorrectionPlan, frame_offset
from calibration.correction.variance import TILE
from calibration.dark.line_noise import LineNoise
from calibration.flags import EXTRAPOLATED, SATURATED, SUSPECT, UNCORRECTABLE, UNUSABLE
from calibration.lag.model import LARGEST_DN, LagState, lag_step

_NO_PLANE = np.zeros((1, 1), np.float32)
_NO_STACK = np.zeros((0, 1, 1), np.float32)


@dataclass(frozen=True, eq=False)
class PassResult:
    """Pixels that carry a flag of this frame, or are below zero; bad pixels count only as `negative`. [1]"""

    saturated: int
    suspect: int
    negative: int
    no_number: int
    extrapolated: int


def fused_pass(
    raw_dn: NDArray[Any],
    plan: CorrectionPlan,
    corrected_dn: NDArray[np.float32],
    flags: NDArray[np.uint16],
    *,
    dark_scale: float | None = None,
    line: LineNoise | None = None,
    state: LagState | None = None,
    elapsed_s: float | None = None,
    state_out: LagState | None = None,
    variances: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None,
) -> PassResult:
    """Everything before the defects, written into planes given by the caller.

    Parameters
    ----------
    raw_dn : (H, W) uint16 or float32
        Contiguous. [DN]
    plan : CorrectionPlan
    corrected_dn : (H, W) float32
        Every element is written. [DN]
    flags : (H, W) uint16
        Every element is written.
    dark_scale : float, optional
        Dark current of this frame over that of the calibration, where it is not the plan's. [1]
    line : LineNoise, optional
        From `estimate_line_noise` on this frame.
    state, elapsed_s, state_out : LagState, float, LagState
        As for `subtract_lag`, with the state to write into, which may be `state` itself; needed where the plan has a
        lag model.
    variances : two of (H, W) float32
        Random and calibration variance, every element is written; needed where the plan has noise. Zero where the
        value is no number. [DN2]

    Returns
    -------
    result : PassResult
    """
    raw_dn, gain, defects = (_read_only(plane) for plane in (raw_dn, plan.gain, plan.calibration.defects))
    curves = _read_only(_NO_STACK if plan.curvature is None else plan.curvature)
    counts = np.zeros((raw_dn.shape[0], 5), np.int64)
    offset_dn, rate, excess_s = frame_offset(plan, dark_scale)
    lag, after = _lag_numbers(plan, state, elapsed_s, state_out)
    noise = plan.noise
    tiles = (_NO_PLANE, _NO_PLANE, _NO_STACK, _NO_PLANE)
    if noise is not None:
        tiles = (noise.dark_variance_dn2, noise.variance_per_dn, noise.calibration_dn2, noise.per_level)
    random, calibration = (_NO_PLANE, _NO_PLANE) if variances is None else variances
    correct_bands(
        raw_dn,
        (_read_only(offset_dn), _read_only(_NO_PLANE if rate is None else rate), np.float32(excess_s)),
        rate is not None,
        (_NO_PLANE, 1) if line is None else (line.line_dn, line.cols_per_group),
        line is not None,
        lag,
        plan.lag is not None,
        (gain, curves),
        defects,
        (plan.saturation_dn, plan.suspect_dn, np.float32(plan.limit_dn)),
        (SATURATED, SUSPECT, UNCORRECTABLE, EXTRAPOLATED, UNUSABLE),
        tiles,
        noise is not None,
        np.float32((1.0 - plan.lag_fraction) ** -2),
        TILE,
        (corrected_dn, flags, after, random, calibration),
        counts,
    )
    if counts[:, 0].any():
        flag_neighbours(flags, counts, SATURATED, SUSPECT, UNUSABLE)
    return PassResult(*(int(count) for count in counts.sum(axis=0)))


def _lag_numbers(
    plan: CorrectionPlan, state: LagState | None, elapsed_s: float | None, state_out: LagState | None
) -> tuple[tuple[Any, ...], NDArray[np.float32]]:
    """What the kernel needs about lag, and the stores it writes to, which already hold those before the frame."""
    if plan.lag is None or state_out is None:
        nothing = np.zeros(0)
        return (nothing, nothing, np.zeros((1, 0)), nothing, nothing, LARGEST_DN, _read_only(_NO_STACK), 0), _NO_STACK
    step = lag_step(plan.lag, elapsed_s)
    # 0: stores are empty, 1: they are another array, 2: they are the array to write to
    source = 0 if state is None else 2 if state.trapped_dn is state_out.trapped_dn else 1
    before = _read_only(state.trapped_dn if state is not None and source == 1 else _NO_STACK)
    numbers = (step.released, step.kept, step.fraction, step.prompt_dn, step.log_prompt, LARGEST_DN, before, source)
    return numbers, state_out.trapped_dn


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    """A contiguous view that cannot be written to, so that one compiled kernel serves planes of every kind."""
    view = np.ascontiguousarray(array).view()
    view.setflags(write=False)
    return view

"""The steps from raw to gain-corrected in one pass over the frame: line noise, offset, lag, gain, flags and variances.

Each plane is read and written once, so the pass runs near the speed of memory. Order and arithmetic are those of the
step functions that `calibration.correct.correct_step_by_step` calls: the bits are the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from calibration.correction.pass_arguments import Flagging, LagTerms, PanelMaps, PassPlanes, RowShifts, TileNoise
from calibration.correction.pass_kernels import _correct_plain, correct_bands
from calibration.correction.plan import CorrectionPlan, frame_offset
from calibration.correction.variance import TILE
from calibration.dark.line_noise import LineNoise
from calibration.flags import EXTRAPOLATED, SATURATED, SUSPECT, UNCORRECTABLE, UNUSABLE
from calibration.lag.model import LARGEST_DN, LagState, LagStep, lag_step

_NO_PLANE = np.zeros((0, 1), np.float32)  # a plane that is not asked for has no rows
_NO_STACK = np.zeros((0, 1, 1), np.float32)
_NO_LAG = LagStep(
    released=np.zeros(0, np.float32),
    retained=np.zeros((2, 0), np.float32),
    fraction=np.zeros((1, 1), np.float32),
    noise_gain=np.float32(1.0),
    prompt_dn=np.zeros(0, np.float32),
    log_prompt=np.zeros(0, np.float32),
)


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
    raw_dn = _read_only(raw_dn)
    offset_dn, rate, excess_s = frame_offset(plan, dark_scale)
    maps = PanelMaps(
        offset_dn=_read_only(offset_dn),
        rate_dn_per_s=_read_only(_NO_PLANE if rate is None else rate),
        excess_s=np.float32(excess_s),
        gain=_read_only(plan.gain),
        curvature=_read_only(_NO_STACK if plan.curvature is None else plan.curvature),
        defects=_read_only(plan.calibration.defects),
    )
    shifts = RowShifts(_NO_PLANE, 1) if line is None else RowShifts(line.line_dn, line.cols_per_group)
    flagging = Flagging(
        saturation_dn=plan.saturation_dn,
        suspect_dn=plan.suspect_dn,
        limit_dn=np.float32(plan.limit_dn),
        saturated=SATURATED,
        suspect=SUSPECT,
        uncorrectable=UNCORRECTABLE,
        extrapolated=EXTRAPOLATED,
        unusable=UNUSABLE,
    )
    random, calibration = (_NO_PLANE, _NO_PLANE) if variances is None else variances
    planes = PassPlanes(
        corrected_dn=corrected_dn,
        flags=flags,
        trapped_dn=_NO_STACK if plan.lag is None or state_out is None else state_out.trapped_dn,
        variance_random=random,
        variance_calibration=calibration,
        counts=np.zeros((raw_dn.shape[0], 5), np.int64),
    )
    lag = _lag_terms(plan, state, elapsed_s, state_out)
    steps = (rate, line, variances, plan.curvature)
    if all(step is None for step in steps) and lag.released.size == 0 and plan.limit_dn == np.inf:
        _correct_plain(raw_dn, maps, flagging, planes)
    else:
        correct_bands(raw_dn, maps, shifts, lag, flagging, _tile_noise(plan), planes)
    if planes.counts[:, 0].any():
        _flag_neighbours(flags, planes.counts, flagging)
    return PassResult(*(int(count) for count in planes.counts.sum(axis=0)))


def _lag_terms(
    plan: CorrectionPlan, state: LagState | None, elapsed_s: float | None, state_out: LagState | None
) -> LagTerms:
    """What the kernel needs about lag."""
    before, source, step = _NO_STACK, 0, _NO_LAG
    if plan.lag is not None and state_out is not None:
        step = lag_step(plan.lag, elapsed_s)
        if state is not None:
            source = 2 if state.trapped_dn is state_out.trapped_dn else 1
            before = state.trapped_dn if source == 1 else _NO_STACK
    return LagTerms(*step, largest_dn=np.float32(LARGEST_DN), before=_read_only(before), source=source)


def _tile_noise(plan: CorrectionPlan) -> TileNoise:
    """What the kernel needs about noise."""
    noise = plan.noise
    return TileNoise(
        dark_variance_dn2=_NO_PLANE if noise is None else noise.dark_variance_dn2,
        variance_per_dn=_NO_PLANE if noise is None else noise.variance_per_dn,
        per_level=_NO_PLANE if noise is None else noise.per_level,
        calibration_dn2=_NO_STACK if noise is None else noise.calibration_dn2,
        lag_gain=np.float32((1.0 - plan.lag_fraction) ** -2),
        side=TILE,
    )


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    """A contiguous view that cannot be written to, so that one compiled kernel serves planes of every kind."""
    view = np.ascontiguousarray(array).view()
    view.setflags(write=False)
    return view


@njit(parallel=True, cache=True)
def _flag_neighbours(flags: NDArray[np.uint16], counts: NDArray[np.int64], flagging: Flagging) -> None:
    """Makes the neighbours of saturated pixels suspect; each row writes that bit of its own pixels only."""
    saturated_bit, suspect_bit, unusable = flagging.saturated, flagging.suspect, flagging.unusable
    rows, cols = flags.shape
    for i in prange(rows):
        first, last = max(0, i - 1), min(rows, i + 2)
        if counts[first:last, 0].sum() == 0:
            continue
        for j in range(cols):
            if flags[i, j] & (saturated_bit | suspect_bit):
                continue
            beside = False
            for y in range(first, last):
                for x in range(max(0, j - 1), min(cols, j + 2)):
                    beside |= (flags[y, x] & saturated_bit) != 0
            if beside:
                flags[i, j] |= suspect_bit
                counts[i, 1] += (flags[i, j] & unusable) == 0

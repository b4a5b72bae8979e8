"""The way back from a corrected frame to what the panel delivered: glare put back, gain undone, offset added.

Exact for every pixel that still holds a value of its own: float32 keeps a corrected value to 6e-8, half a DN of a
16-bit raw value is 8e-6 of it, so rounding to whole DN returns the raw number itself, saturated ones included.
Interpolated pixels hold their neighbours' value; their own is gone, and the flags say where.

Line noise and lag are not put back, since neither the row shifts nor the earlier frames travel with the picture: the
result is then the raw frame without them, in fractions of a DN.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.correction.glare import add_glare
from calibration.correction.plan import CorrectionPlan, frame_offset
from calibration.flags import UNCORRECTABLE
from calibration.response.apply import undo_gain


def left_out_by_undo(plan: CorrectionPlan) -> tuple[str, ...]:
    """Steps of a plan that `undo_correction` does not put back, by name; empty where the raw frame comes back whole."""
    steps = {"line noise": bool(plan.shielded_cols), "lag": plan.lag is not None}
    return tuple(name for name, removed in steps.items() if removed)


def undo_correction(
    corrected_dn: NDArray[np.float32],
    flags: NDArray[np.uint16],
    plan: CorrectionPlan,
    *,
    dark_scale: float | None = None,
    whole_dn: bool = True,
) -> tuple[NDArray[Any], NDArray[np.uint16]]:
    """The raw frame of a corrected one, or, with line noise or lag corrected, the raw frame without those.

    Parameters
    ----------
    corrected_dn : (H, W) float32
        From `correct_frame`. Not written to. [DN]
    flags : (H, W) uint16
        Of the same frame. Not written to.
    plan : CorrectionPlan
        The one it was corrected with, at the same integration time, dark scale and source distance.
    dark_scale : float, optional
        As given to `correct_frame`. [1]
    whole_dn : bool
        Whether the raw values were whole numbers up to 65,535; False for averages of frames.

    Returns
    -------
    raw_dn : (H, W) uint16 or float32
        uint16 where the values were whole and `left_out_by_undo` names nothing. Pixels that are INTERPOLATED or
        UNCORRECTABLE hold what would have given their corrected value, or zero where nothing would. [DN]
    flags : (H, W) uint16
        Those given, and UNCORRECTABLE where the corrected value belongs to no raw value.

    Raises
    ------
    ValueError
        If picture, flags and plan differ in shape.

    Notes
    -----
    With glare corrected the cosine transforms add up to 1e-6 of the brightest corrected value; the result is exact as
    long as that stays below half a DN, for pixels of gain 1 up to 500,000 DN.
    """
    for name, plane in (("picture", corrected_dn), ("flag plane", flags)):
        if plane.shape != plan.gain.shape:
            raise ValueError(f"the calibration is {plan.gain.shape} but the {name} is {plane.shape}")
    if plan.glare is not None:
        corrected_dn = add_glare(corrected_dn, plan.glare, plan.calibration.shielded_cols)
    offset_dn, rate, excess_s = frame_offset(plan, dark_scale)
    if rate is not None:
        offset_dn = offset_dn + rate * np.float32(excess_s)
    raw_dn = undo_gain(corrected_dn, plan.gain, plan.curvature, plan.limit_dn)
    raw_dn += offset_dn
    whole = whole_dn and not left_out_by_undo(plan)
    if whole:
        np.rint(raw_dn, out=raw_dn)
    lost = ~np.isfinite(raw_dn)
    if whole:
        lost |= (raw_dn < 0) | (raw_dn > np.iinfo(np.uint16).max)
    raw_dn[lost] = 0.0
    flags = flags.copy()
    flags[lost] |= UNCORRECTABLE
    return raw_dn.astype(np.uint16) if whole else raw_dn, flags

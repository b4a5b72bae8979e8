"""How well a lag model undoes the sequence it was learned from, and the lag in the numbers that people quote."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from calibration.lag.model import LagModel, LagState, subtract_lag
from calibration.lag.record import LagCurve, LagValue
from calibration.lag.sequence import STEADY_SHARE, StepCurve

QUOTED_S = (1.0, 60.0)  # times after the beam at which data sheets give lag
QUOTED_FRAMES = (1, 50)
SINGLE_FRAMES = 30  # of the record; later ones are averaged   # chosen
MOST_POINTS = 100  # of the record   # chosen
LEAST_STEADY_FRAMES = 6  # without as many exposed frames the rising step says nothing   # chosen

FloatArray = NDArray[np.float64]


def lag_curve(
    curve: StepCurve, model: LagModel, base_dn: float, predicted_dn: FloatArray, predicted_error_dn: FloatArray
) -> LagCurve:
    """The record of one sequence.

    Parameters
    ----------
    curve : StepCurve
        As measured.
    model : LagModel
        Fitted.
    base_dn : float
        What the offset map was off during the sequence, from the fit. [DN]
    predicted_dn, predicted_error_dn : (K,) float64
        Lag in every frame from the fit, and its standard error. [DN]
    """
    signal_dn = curve.signal_dn - base_dn
    corrected_dn = _corrected(signal_dn, curve.elapsed_s, model)
    first, last = _longest_dark(curve.exposed)
    level_dn = float(signal_dn[_steady_before(signal_dn, curve.exposed, first)][-10:].mean())
    off = np.arange(first, last)
    since_s = np.cumsum(curve.elapsed_s[off])
    bins = _bins(off.size)
    gain = float(model.noise_gain[np.argmin(np.abs(model.signal_dn - level_dn))])
    noise = curve.noise_dn / level_dn
    counts = np.diff(np.append(bins, off.size))
    relative, fit, left, time_s = (
        np.add.reduceat(values, bins) / counts
        for values in (signal_dn[off] / level_dn, predicted_dn[off] / level_dn, corrected_dn[off] / level_dn, since_s)
    )
    lag = {"first frame": LagValue(float(predicted_dn[first] / level_dn), float(predicted_error_dn[first] / level_dn))}
    for quoted_s in QUOTED_S:
        if since_s[0] <= quoted_s <= since_s[-1]:
            value, error = (
                float(np.interp(quoted_s, since_s, values[off])) / level_dn
                for values in (predicted_dn, predicted_error_dn)
            )
            lag[f"{quoted_s:g} s"] = LagValue(value, error)
    residual = {
        f"frame {n}": LagValue(float(corrected_dn[off[n - 1]] / level_dn), gain * noise)
        for n in QUOTED_FRAMES
        if n <= off.size
    }
    return LagCurve(
        curve.name, level_dn, int(curve.exposed.sum()), int((~curve.exposed).sum()), time_s, relative,
        noise / np.sqrt(counts), fit, left, lag, residual, _rise(signal_dn, corrected_dn, curve.exposed, first),
    )  # fmt: skip


def _corrected(signal_dn: FloatArray, elapsed_s: FloatArray, model: LagModel) -> FloatArray:
    """The curve corrected as frames of one pixel would be; on one thread, since waking another takes longer."""
    state: LagState | None = None
    corrected = np.empty_like(signal_dn)
    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        for k, value in enumerate(signal_dn):
            frame, state = subtract_lag(np.array([[value]]), model, state, None if k == 0 else float(elapsed_s[k]))
            corrected[k] = frame[0, 0]
    finally:
        numba.set_num_threads(threads)
    return corrected


def _longest_dark(exposed: NDArray[np.bool_]) -> tuple[int, int]:
    """First and last + 1 frame of the longest stretch without beam after one with it."""
    edges = np.flatnonzero(np.diff(np.concatenate([[True], exposed, [True]]).astype(np.int8)))
    stretches = [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True) if a > 0 and exposed[a - 1]]
    return max(stretches, key=lambda stretch: stretch[1] - stretch[0])


def _steady_before(signal_dn: FloatArray, exposed: NDArray[np.bool_], first: int) -> NDArray[np.intp]:
    """Frames exposed all through in the run of beam that ends before frame `first`."""
    begin = first
    while begin > 0 and exposed[begin - 1]:
        begin -= 1
    run = np.arange(begin, first)
    return np.asarray(run[signal_dn[run] >= STEADY_SHARE * signal_dn[run].max()], np.intp)


def _bins(frames: int) -> NDArray[np.intp]:
    """First frame of each point of the record: single frames, then logarithmic steps."""
    later = np.geomspace(SINGLE_FRAMES, max(frames, SINGLE_FRAMES), MOST_POINTS - SINGLE_FRAMES, endpoint=False)
    bins: NDArray[np.intp] = np.unique(np.concatenate([np.arange(SINGLE_FRAMES), later]).astype(np.intp))
    return bins[bins < frames]


def _rise(
    signal_dn: FloatArray, corrected_dn: FloatArray, exposed: NDArray[np.bool_], first: int
) -> dict[str, LagValue]:
    """First exposed frame less the last half of them, relative; the error is the tube's fluctuation."""
    steady = _steady_before(signal_dn, exposed, first)
    if steady.size < LEAST_STEADY_FRAMES:
        return {}
    found = {}
    for name, values in (("raw", signal_dn[steady]), ("corrected", corrected_dn[steady])):
        late = values[values.size // 2 :]
        error = float(late.std(ddof=1) / late.mean()) * np.sqrt(1.0 + 1.0 / late.size)
        found[name] = LagValue(float(values[0] / late.mean() - 1.0), float(error))
    return found

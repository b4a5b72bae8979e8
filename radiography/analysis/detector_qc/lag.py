"""Image lag: what is left of the signal in the frames after the beam went off, relative to the exposed frames.

Only the mean of each frame is needed. Where no dark frames tell the offset, the frames before the beam do; where there
are none, the offset is the end of a decay fitted to the frames after the beam. Its error then is that of every decay
of the same fit: any sum of exponentials that fade, not only the few that the fit takes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

EXPOSED = 0.5  # of the range of the sequence: a frame above it saw the beam   # chosen
APART = 0.7  # of the range, between the medians of frames with and without beam   # chosen
FAINT = 0.8  # of the exposed level: frames without beam above it make one wonder   # chosen
PARTLY = 0.9  # of the exposed level: a frame below it saw the beam for a part of its time   # chosen
MOST_LAG = 0.2  # of the exposed signal in the first frame after: more is rather exposure   # chosen
MOST_TERMS = 3  # exponentials of the fit   # chosen
TIMES_PER_DECADE = 8  # of the time constants that the fit starts from   # chosen
SLOWEST = 5.0  # lengths of the sequence: decays slower than that count as offset where it is fitted   # chosen
SPECTRUM_PER_DECADE = 48  # time constants of decays of any kind: those between differ by 0.03 %   # chosen
TELL = (
    2.5e-4  # of the exposed signal: an offset known worse than that asks for dark frames   # chosen: 5e-4 at twice it
)
BETTER = 10.0  # by which another exponential must lower the criterion of Akaike   # chosen

FloatArray = NDArray[np.float64]

DEFINITION = (
    "signal above the offset in frames after the beam over the mean signal of the exposed frames before; frame 1 is "
    "the first after the beam went off"
)


@dataclass(frozen=True)
class Decay:
    """One exponential of the lag: its part in frame 1 and its time constant, with standard errors. [1, frames]"""

    amplitude: float
    amplitude_error: float
    time_frames: float
    time_error_frames: float


@dataclass(frozen=True, eq=False)
class ImageLag:
    """Lag of a sequence.

    Attributes
    ----------
    frame : (F,) int64
        1 is the first frame after the beam went off. [1]
    residual, standard_error : (F,) float64
        Signal above the offset over the mean exposed signal above the offset. [1]
    components : tuple of Decay
        Exponentials of the fit, fast ones first; empty where too few frames, or none of the lag, tell them.
    last_exposed : int
        Place of the last exposed frame in the sequence, from 0. [1]
    exposed_frames : int
        Averaged for the exposed signal. [1]
    exposed_signal, offset, offset_error : float
        Signal above the offset, and the offset itself with its standard error. [DN]
    offset_from : str
        Where the offset comes from.
    doubts : tuple of str
        A sentence each.
    """

    frame: NDArray[np.int64]
    residual: FloatArray
    standard_error: FloatArray
    components: tuple[Decay, ...]
    last_exposed: int
    exposed_frames: int
    exposed_signal: float
    offset: float
    offset_error: float
    offset_from: str
    doubts: tuple[str, ...]


def measure_lag(
    levels: Sequence[float] | FloatArray, level_error: float = 0.0, dark_levels: Sequence[float] = ()
) -> ImageLag:
    """Lag after the beam went off, from the mean of each frame.

    Parameters
    ----------
    levels : (N,) float64
        Mean of the same pixels in each frame of a sequence. [DN]
    level_error : float
        Standard error of such a mean by the noise of pixels. [DN]
    dark_levels : sequence of float
        The same of dark frames taken apart from the sequence; without them the offset is found in the sequence. [DN]

    Returns
    -------
    lag : ImageLag

    Raises
    ------
    ValueError
        If no frame in the sequence follows an exposed one without beam, or the offset cannot be found in it.

    Notes
    -----
    Of several exposures the one with the most frames after it counts. Frames exposed for a part of their time are left
    out. The errors hold the scatter of dark frames and that about the fit, which is more than pixel noise where the
    whole panel wavers.
    """
    level = np.asarray(levels, dtype=np.float64)
    first, last, end = _longest_fall(level)
    exposed = level[first : last + 1]
    top = float(np.median(exposed))
    low = float(level[last + 1 : end].min())
    whole = exposed[exposed - low > PARTLY * (top - low)]
    begin = last + 1
    doubts = []
    partly = last if level[last] - low <= PARTLY * (top - low) else begin
    if partly == last or level[begin] - low > MOST_LAG * (top - low):
        doubts.append(
            f"the beam seems to have gone off within frame {partly} of the sequence, counted from 0: its lag is "
            f"that of a smaller exposure"
            if partly == last
            else f"frame {partly} of the sequence, counted from 0, has "
            f"{100 * (level[begin] - low) / (top - low):.0f} % of the exposed signal: it may have seen the beam"
        )
    after = level[begin:end]
    frame = np.arange(1, after.size + 1)
    before = level[:first] if first > 0 and (level[:first] < low + EXPOSED * (top - low)).all() else level[:0]
    before = before[before - low < (1.0 - PARTLY) * (top - low)]
    offset, offset_error, offset_from, known = 0.0, level_error, "", True
    if len(dark_levels):
        offset, offset_error, offset_from = *_mean(dark_levels, level_error), f"{len(dark_levels)} dark frames"
    elif before.size:
        offset, offset_error = _mean(before, level_error)
        offset_from = f"the {before.size} frames before the beam"
        doubts.append(f"no dark frames were given: the offset is that of {offset_from}")
    else:
        known = False
    fit = _fit(frame, after - offset, level_error, constant=not known)
    if not known:
        if fit is None:
            raise ValueError(
                f"the offset cannot be found from {after.size} frames after the beam: give dark frames with --dark, or "
                f"a sequence of more frames"
            )
        offset, offset_error, offset_from = fit.constant, fit.constant_error, "the end of a fitted decay"
        doubts.append(
            f"no dark frames were given: the offset was fitted, {offset:.5g} ± {offset_error:.2g} DN, and lag much "
            f"slower than the {after.size} frames after the beam counts as offset"
        )
    signal = float(whole.mean()) - offset
    if not signal > 0:
        raise ValueError(f"the exposed frames must lie above the offset, got {signal:.5g} DN")
    if not (after[0] - offset) < EXPOSED * signal:
        raise ValueError(
            f"the frame after the fall still has {100 * (after[0] - offset) / signal:.0f} % of the signal of those "
            f"before: the beam does not go off in this sequence"
        )
    if low > FAINT * top and not len(dark_levels):
        doubts.append(
            f"the level falls by no more than {100 * (1 - low / top):.2g} % of it: see whether the beam goes off in "
            f"this sequence, and give dark frames with --dark"
        )
    scatter = max(level_error, fit.scatter if fit else 0.0, _scatter(dark_levels), _scatter(before))
    of_signal = float(whole.std(ddof=1) / np.sqrt(whole.size)) if whole.size > 1 else 0.0
    residual = (after - offset) / signal
    error = np.sqrt(scatter**2 + offset_error**2 + (residual * np.hypot(of_signal, offset_error)) ** 2) / signal
    components = tuple(
        Decay(float(a / signal), float(ea / signal), float(t), float(et))
        for a, ea, t, et in (zip(*fit.terms, strict=True) if fit else ())
    )
    slow = bool(components) and components[-1].time_frames > 0.5 * after.size
    if not known and (slow or offset_error > TELL * signal):
        doubts.append(
            f"the {after.size} frames after the beam leave the offset open by {100 * offset_error / signal:.2g} % of "
            f"the exposed signal, as slow lag can hardly be told from the offset: dark frames are needed, give them "
            f"with --dark"
        )
    return ImageLag(
        frame=frame,
        residual=residual,
        standard_error=error,
        components=components,
        last_exposed=int(last),
        exposed_frames=int(whole.size),
        exposed_signal=signal,
        offset=float(offset),
        offset_error=float(offset_error),
        offset_from=offset_from,
        doubts=tuple(doubts),
    )


def _longest_fall(level: FloatArray) -> tuple[int, int, int]:
    """First and last frame of an exposure, and the end of what follows it; of several that with the longest end."""
    if level.size < 2 or not np.isfinite(level).all():
        raise ValueError(f"lag needs the means of 2 frames or more, all of them numbers, got {level.size}")
    low, high = float(level.min()), float(level.max())
    on = level > low + EXPOSED * (high - low)
    falls = np.flatnonzero(on[:-1] & ~on[1:])
    apart = float(np.median(level[on]) - np.median(level[~on])) if falls.size else 0.0
    if falls.size == 0 or not apart > APART * (high - low):  # exposures that fluctuate lie all over their range
        raise ValueError(
            f"no frame of the {level.size} follows an exposed one without beam: lag needs a sequence in which the beam "
            f"goes off"
        )
    rises = np.flatnonzero(~on[:-1] & on[1:]) + 1
    ends = [int(rises[rises > fall][0]) if (rises > fall).any() else level.size for fall in falls]
    longest = int(np.argmax([end - fall for fall, end in zip(falls, ends, strict=True)]))
    last = int(falls[longest])
    starts = rises[rises <= last]
    return (int(starts[-1]) if starts.size else 0), last, ends[longest]


@dataclass(frozen=True, eq=False)
class _Fit:
    """Amplitudes in frame 1, their errors, times and theirs [DN, frames]; the constant; the scatter about the fit."""

    terms: tuple[FloatArray, FloatArray, FloatArray, FloatArray]
    constant: float
    constant_error: float
    scatter: float


def _fit(frame: NDArray[np.int64], signal: FloatArray, noise: float, *, constant: bool) -> _Fit | None:
    """Sum of as many exponentials as the criterion of Akaike wants; None where too few frames tell any."""
    count = frame.size
    k = frame.astype(np.float64) - 1.0
    floor = max(noise, 1e-9 * float(np.abs(signal).max()), 1e-300)
    best: tuple[float, FloatArray, int] | None = None
    grid = np.geomspace(0.3, 2.0 * count, max(3, round(TIMES_PER_DECADE * np.log10(2.0 * count / 0.3))))
    start: list[float] = []
    for terms in range(0 if constant else 1, MOST_TERMS + 1):
        numbers = 2 * terms + constant
        if count < numbers + 2:
            break
        if terms:
            squares = [_left(k, signal, np.array([*start, time]), constant)[0] for time in grid]
            start.append(float(grid[int(np.argmin(squares))]))
        times = _times(k, signal, start, floor, constant)
        start = times.tolist()
        square = _left(k, signal, times, constant)[0]
        # noise known at least: below it a smaller sum of squares is no better fit
        penalty = 2.0 * numbers * count / max(count - numbers - 1, 1)
        criterion = count * float(np.log(square / count + floor**2)) + penalty
        if best is None or criterion < best[0] - BETTER:
            best = (criterion, times, numbers)
    if best is None:
        return None
    _, times, numbers = best
    times = np.sort(times)
    _, left, weights = _left(k, signal, times, constant)
    scatter = max(float(left @ left) / (count - numbers), floor**2) ** 0.5
    amplitudes, offset = weights[: times.size], float(weights[-1]) if constant else 0.0
    slopes = [np.exp(-k / t) for t in times] + [
        a * k / t**2 * np.exp(-k / t) for a, t in zip(amplitudes, times, strict=True)
    ]
    if constant:
        slopes.append(np.ones_like(k))
    errors = np.zeros(0)
    if slopes:
        design = np.stack(slopes, axis=1)
        errors = scatter * np.sqrt(np.maximum(np.diag(np.linalg.pinv(design.T @ design)), 0.0))
    constant_error = float(errors[-1]) if constant else 0.0
    if constant:
        found = _offset_of_any_decay(k, signal, floor)
        if not found.lowest <= offset <= found.highest:  # a few exponentials are not what it is
            offset = found.likeliest
        constant_error = float(np.max([constant_error, found.highest - offset, offset - found.lowest]))
    size = times.size
    terms_of = (amplitudes, errors[:size], times, errors[size : 2 * size])
    return _Fit(terms_of, offset, constant_error, scatter)


@dataclass(frozen=True)
class _OffsetRange:
    """The likeliest offset, and the lowest and highest within one standard deviation. [DN]"""

    likeliest: float
    lowest: float
    highest: float


def _offset_of_any_decay(k: FloatArray, signal: FloatArray, floor: float) -> _OffsetRange:
    """Where the signal may end, whatever sum of fading exponentials it follows.

    The least sum of squares is a convex function of the end. It is within one standard deviation as far as that grows
    by one variance, which is that of the noise or, where no such sum follows the signal, of what is left.
    """
    from scipy.optimize import brentq, nnls

    scale = float(np.abs(signal).max()) or 1.0
    times = np.geomspace(0.3, SLOWEST * k.size, round(SPECTRUM_PER_DECADE * np.log10(SLOWEST * k.size / 0.3)))
    decays, ones = np.exp(-k[:, None] / times), np.ones((k.size, 1))
    weights, left = nnls(np.hstack([decays, ones, -ones]), signal / scale)
    likeliest = scale * float(weights[-2] - weights[-1])
    free = k.size - 2 * np.count_nonzero(weights[:-2]) - 1
    variance = max(left**2 / free if free > 0 else 0.0, (floor / scale) ** 2)

    def excess(offset: float) -> float:
        return float(nnls(decays, (signal - offset) / scale)[1] ** 2 - left**2 - variance)

    def end(direction: float) -> float:
        step = floor
        while excess(likeliest + direction * step) < 0.0:
            if step > scale:
                return likeliest + direction * step
            step *= 2.0
        near, far = likeliest + direction * 0.5 * step * (step > floor), likeliest + direction * step
        return float(brentq(excess, near, far, xtol=0.01 * step))

    return _OffsetRange(likeliest, end(-1.0), end(1.0))


def _times(
    k: FloatArray,
    signal: FloatArray,
    start: Sequence[float] | FloatArray,
    floor: float,
    constant: bool,
) -> FloatArray:
    """Time constants of the nearest fit, from a start of theirs."""
    from scipy.optimize import least_squares

    if not len(start):
        return np.zeros(0)

    def left(log_times: FloatArray) -> FloatArray:
        return _left(k, signal, np.exp(log_times), constant)[1] / floor

    bounds = (np.log(0.05), np.log(4.0 * k.size))
    found = least_squares(left, np.clip(np.log(start), *bounds), bounds=bounds, x_scale=0.3)
    return np.asarray(np.exp(found.x))


def _left(k: FloatArray, signal: FloatArray, times: FloatArray, constant: bool) -> tuple[float, FloatArray, FloatArray]:
    """Sum of squares, what the best amplitudes leave, and these; amplitudes of exponentials are not negative."""
    from scipy.optimize import nnls

    columns = [np.exp(-k / time) for time in times]
    if constant:
        columns += [np.ones_like(k), -np.ones_like(k)]  # either sign
    if not columns:
        return float(signal @ signal), signal, np.zeros(0)
    design = np.stack(columns, axis=1)
    weights = nnls(design, signal)[0]
    left = signal - design @ weights
    if constant:
        weights = np.append(weights[:-2], weights[-2] - weights[-1])
    return float(left @ left), left, weights


def _mean(levels: Sequence[float] | FloatArray, level_error: float) -> tuple[float, float]:
    """Mean of levels and its error."""
    found = np.asarray(levels, dtype=np.float64)
    return float(found.mean()), max(_scatter(found), level_error) / float(np.sqrt(found.size))


def _scatter(levels: Sequence[float] | FloatArray) -> float:
    return float(np.std(levels, ddof=1)) if len(levels) > 1 else 0.0

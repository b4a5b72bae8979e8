"""The dark signal of every pixel at any integration time and temperature, from several stacks of dark frames.

A pixel's dark signal is what the electronics add, B, and the leakage of its photodiode, which grows with time and
doubles every few kelvin:  D = B + L t k,  k = 2 ** ((T - T_0) / dT). A single stack knows D alone, at its own time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.dark.offset import OffsetMap
from calibration.dark.scale import SAME_TIME, check_temperature, differs
from calibration.frame_sums import ROUNDING, thin_out

# Leakage of a-Si:H photodiodes is generated thermally across half the mobility gap of 1.8 eV; with an activation energy
# of 0.9 eV it doubles every ln(2) k T^2 / 0.9 eV = 6.0 K at 300 K.   # assumed; darks at two temperatures measure it
ASSUMED_DOUBLING_K = 6.0
DOUBLING_RANGE_K = (2.0, 30.0)  # of a fitted value; what lies outside is no leakage   # chosen
LEAST_SPAN_K = 2.0  # between the stacks: a reading wrong by 0.2 K then makes the doubling wrong by 14 %   # chosen
LARGEST_DOUBLING_ERROR = 0.2  # of a fitted value, relative: five standard errors from no growth at all   # chosen
LEVEL_DRIFT = 0.1  # of a whole frame between two stacks, beside their noise, in steps of its numbers   # assumed
_NO_NOISE_DN = 1e-15  # of float frames without noise: keeps weights finite   # chosen
SAME_TEMPERATURE_K = 3.0  # stacks of one integration time that differ by more are not averaged   # chosen
LARGEST_CHI_SQUARE = 2.0  # of the typical pixel; beyond it the model does not describe the panel   # chosen
_BLOCK_ROWS = 64  # rows fitted at once: keeps float64 working planes small   # chosen


@dataclass(frozen=True, eq=False)
class DarkStack:
    """Dark frames of one integration time [s] and one panel temperature [deg C], None where not known."""

    offset: OffsetMap
    integration_time_s: float | None
    temperature_C: float | None = None


@dataclass(frozen=True, eq=False)
class DarkModel:
    """Dark signal of a panel against integration time and temperature.

    Attributes
    ----------
    reference : OffsetMap
        Dark signal at `time_s` and `temperature_C` with the noise of the stack nearest to it; `frames_used` is the
        number of frames whose mean would be as certain, `frames_rejected` holds the numbers of each stack in turn.
    rate_dn_per_s : (H, W) float32 or None
        Growth with integration time; may be negative within its error. None from one integration time. [DN/s]
    offset_error_dn : (H, W) float32
        Standard error of `offset_dn`. [DN]
    rate_error_dn_per_s : (H, W) float32 or None
        Standard error of the rate. [DN/s]
    typical_rate_dn_per_s, typical_rate_error_dn_per_s : float or None
        Of the median pixel. [DN/s]
    time_s, times_s : float or None, tuple of float
        Reference integration time, and all that were measured, rising. [s]
    temperature_C : float or None
        To which offset and rate belong. [deg C]
    doubling_K, doubling_error_K : float, float or None
        Rise of temperature that doubles the rate, and its standard error; None where it was assumed. [K]
    chi_square : (H, W) float32 or None
        Reduced, of each pixel's fit; None where nothing is left over to judge by. [1]
    typical_chi_square : float or None
        Of the median pixel, 1 where the model holds. [1]
    departure_dn : tuple of float
        Median over the panel of what each stack lies above the model, in the order of the stacks. [DN]
    saturated : (H, W) bool
        Dark signal at saturation in at least one stack: its rate is too low.
    notes : tuple of str
        What the user should know about this model, a sentence each.
    """

    reference: OffsetMap
    rate_dn_per_s: NDArray[np.float32] | None
    offset_error_dn: NDArray[np.float32]
    rate_error_dn_per_s: NDArray[np.float32] | None
    typical_rate_dn_per_s: float | None
    typical_rate_error_dn_per_s: float | None
    time_s: float | None
    times_s: tuple[float, ...]
    temperature_C: float | None
    doubling_K: float
    doubling_error_K: float | None
    chi_square: NDArray[np.float32] | None
    typical_chi_square: float | None
    departure_dn: tuple[float, ...]
    saturated: NDArray[np.bool_]
    notes: tuple[str, ...]

    @property
    def offset_dn(self) -> NDArray[np.float32]:
        """Dark signal at the reference time and temperature, (H, W). [DN]"""
        return self.reference.offset_dn


def estimate_dark_model(
    stacks: Sequence[DarkStack],
    reference_time_s: float | None = None,
    saturation_dn: float = np.inf,
    doubling_K: float | None = None,
) -> DarkModel:
    """Offset and dark rate of every pixel from dark stacks of one or more integration times and temperatures.

    Parameters
    ----------
    stacks : sequence of DarkStack
        One or more, of one panel and mode. From one integration time there is no rate.
    reference_time_s : float, optional
        Where the offset is wanted, best that of the flats; the longest integration time if not given. [s]
    saturation_dn : float
        Mean dark value from which a pixel's rate is not believed. [DN]
    doubling_K : float, optional
        Rise of temperature that doubles the dark current, where it is known; else it is fitted if the stacks allow,
        and assumed if not. [K]

    Returns
    -------
    model : DarkModel

    Raises
    ------
    ValueError
        If there is no stack, shapes differ, times or temperatures are out of range or known for some stacks only, or
        one integration time is to serve another.

    Notes
    -----
    Weighted least squares of D on t k, in every pixel by itself. The weights are those of the typical pixel,
    1 / max(noise, 1/sqrt(12) of a step)^2 times frames: a noise from few frames is too uncertain to weigh with. The
    standard errors take each pixel's own noise, pooled over the stacks. Nothing is cut at zero. The doubling
    temperature is that of least chi-square over the panel's median differences between stacks, so no pixel decides.
    """
    _check_stacks(stacks, reference_time_s, doubling_K)
    notes: list[str] = []
    temperatures = _temperatures(stacks, notes)
    numbers = _stack_numbers(stacks)
    known_times = _distinct(numbers.time_s)
    time_s = reference_time_s if reference_time_s is not None else (known_times[-1] if known_times else None)
    nearest = _nearest(numbers.time_s, numbers.frames, time_s)
    if time_s is None or len(known_times) < 2:
        return _mean_of_one_time(
            stacks, numbers, nearest, time_s, doubling_K=doubling_K, saturation_dn=saturation_dn, notes=notes
        )
    origin_C = temperatures[nearest]
    warmth = np.zeros(len(stacks)) if origin_C is None else np.array(temperatures, np.float64) - origin_C
    doubling_K, doubling_error_K = _doubling(stacks, numbers, warmth, doubling_K, notes)
    effective_s = numbers.time_s * 2.0 ** (warmth / doubling_K)
    if not known_times[0] * (1 - SAME_TIME) <= time_s <= known_times[-1] * (1 + SAME_TIME):
        notes.append(
            f"the offset is needed at {time_s:g} s but was measured from {known_times[0]:g} to {known_times[-1]:g} s: "
            f"it was extrapolated"
        )
    lines = _fit_lines(stacks, numbers, effective_s, time_s)
    departure_dn = _departures(stacks, lines, effective_s - time_s)
    typical_chi_square = None
    if lines.chi_square is not None:
        freedom = len(stacks) - 2
        typical_chi_square = float(np.median(thin_out(lines.chi_square))) / _median_chi_square(freedom, stacks)
        if typical_chi_square > LARGEST_CHI_SQUARE:
            worst = int(np.argmax(np.abs(departure_dn)))
            notes.append(
                f"the dark signal is not linear in integration time: reduced chi-square {typical_chi_square:.3g} in "
                f"the typical pixel, and the level at {numbers.time_s[worst]:g} s is {departure_dn[worst]:+.2f} DN off "
                f"the line"
            )
    return DarkModel(
        reference=_reference(stacks, numbers, nearest, lines.offset_dn, lines.typical_error_dn),
        rate_dn_per_s=lines.rate_dn_per_s,
        offset_error_dn=lines.offset_error_dn,
        rate_error_dn_per_s=lines.rate_error_dn_per_s,
        typical_rate_dn_per_s=float(np.median(thin_out(lines.rate_dn_per_s))),
        typical_rate_error_dn_per_s=float(np.median(thin_out(lines.rate_error_dn_per_s))),
        time_s=float(time_s),
        times_s=known_times,
        temperature_C=origin_C,
        doubling_K=float(doubling_K),
        doubling_error_K=doubling_error_K,
        chi_square=lines.chi_square,
        typical_chi_square=typical_chi_square,
        departure_dn=departure_dn,
        saturated=_saturated(stacks, saturation_dn),
        notes=tuple(notes),
    )


@dataclass(frozen=True, eq=False)
class _StackNumbers:
    """What places and weighs S stacks, (S,) each: integration time [s], NaN where not known; frames in the mean [1];
    noise of the typical pixel in one frame [DN]; and weight, one over the variance of that pixel's mean. [1/DN2]"""

    time_s: NDArray[np.float64]
    frames: NDArray[np.int64]
    noise_dn: NDArray[np.float64]
    weight: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _PixelLines:
    """Straight line of every pixel's dark signal against time, (H, W) float32 each.

    Value at the reference time [DN], slope [DN/s], their standard errors, and the reduced chi-square, None from two
    stacks. `typical_error_dn` is the error of the value in the typical pixel. [DN]
    """

    offset_dn: NDArray[np.float32]
    rate_dn_per_s: NDArray[np.float32]
    offset_error_dn: NDArray[np.float32]
    rate_error_dn_per_s: NDArray[np.float32]
    chi_square: NDArray[np.float32] | None
    typical_error_dn: float


def _temperatures(stacks: Sequence[DarkStack], notes: list[str]) -> list[float | None]:
    """Temperature of each stack [deg C], None for all where that of one is not known."""
    temperatures = [stack.temperature_C for stack in stacks]
    if None in temperatures and set(temperatures) != {None}:
        notes.append("the temperature of some dark stacks is not known: all were taken to be of one temperature")
        return [None] * len(stacks)
    return temperatures


def _stack_numbers(stacks: Sequence[DarkStack]) -> _StackNumbers:
    time_s = np.array([np.nan if stack.integration_time_s is None else stack.integration_time_s for stack in stacks])
    offsets = [stack.offset for stack in stacks]
    frames = np.array([each.frames_used for each in offsets])
    noise_dn = np.array([max(each.typical_noise_dn, ROUNDING * each.step_dn, _NO_NOISE_DN) for each in offsets])
    return _StackNumbers(time_s, frames, noise_dn, frames / noise_dn**2)


def _doubling(
    stacks: Sequence[DarkStack],
    numbers: _StackNumbers,
    warmth: NDArray[np.float64],
    given_K: float | None,
    notes: list[str],
) -> tuple[float, float | None]:
    """Doubling temperature and its standard error [K]: given, else fitted, else assumed; no error but of a fit."""
    if given_K is not None:
        return given_K, None
    if np.ptp(warmth) > 0:
        fitted = _fit_doubling(stacks, numbers, warmth)
        if fitted is not None:
            return fitted
    if np.ptp(warmth) >= LEAST_SPAN_K:
        notes.append(
            f"the dark stacks do not show how the dark current grows with temperature: a doubling every "
            f"{ASSUMED_DOUBLING_K:g} K was assumed"
        )
    return ASSUMED_DOUBLING_K, None


def _fit_lines(
    stacks: Sequence[DarkStack], numbers: _StackNumbers, effective_s: NDArray[np.float64], time_s: float
) -> _PixelLines:
    """Weighted least squares of every pixel on the stacks' effective times (S,) [s], told at the reference time [s]."""
    weight = numbers.weight
    total = weight.sum()
    centre_s = float((weight * effective_s).sum() / total)
    spread = float((weight * (effective_s - centre_s) ** 2).sum())
    to_rate = weight * (effective_s - centre_s) / spread
    to_offset = weight / total + to_rate * (time_s - centre_s)
    typical_error_dn = float(np.sqrt(1 / total + (time_s - centre_s) ** 2 / spread))
    typical_rate_error = spread**-0.5
    shape = stacks[0].offset.offset_dn.shape
    offset_dn, rate, offset_errors, rate_errors = (np.empty(shape, np.float32) for _ in range(4))
    freedom = len(stacks) - 2
    chi_square = np.empty(shape, np.float32) if freedom else None
    for rows in _row_blocks(shape[0]):
        dark = np.stack([stack.offset.offset_dn[rows] for stack in stacks]).astype(np.float64)
        noisiness = _noisiness(stacks, numbers.noise_dn, rows)
        block_rate = _weighted(to_rate, dark)
        block_offset = _weighted(to_offset, dark)
        offset_dn[rows], rate[rows] = block_offset, block_rate
        offset_errors[rows] = typical_error_dn * np.sqrt(noisiness)
        rate_errors[rows] = typical_rate_error * np.sqrt(noisiness)
        if chi_square is not None:
            residual = dark - block_offset - block_rate * (effective_s - time_s)[:, None, None]
            chi_square[rows] = _weighted(weight, residual**2) / noisiness / freedom
    return _PixelLines(offset_dn, rate, offset_errors, rate_errors, chi_square, typical_error_dn)


def _weighted(weights: NDArray[np.float64], planes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum of weighted planes, one after the other: a product of matrices has other last bits on other processors."""
    total = weights[0] * planes[0]
    for weight, plane in zip(weights[1:], planes[1:], strict=True):
        total += weight * plane
    return np.asarray(total)


def _departures(stacks: Sequence[DarkStack], lines: _PixelLines, later_s: NDArray[np.float64]) -> tuple[float, ...]:
    """What the median pixel of each stack lies above its line, `later_s` (S,) after the reference time. [DN]"""
    offset_dn, rate_dn_per_s = thin_out(lines.offset_dn), thin_out(lines.rate_dn_per_s)
    return tuple(
        float(np.median(thin_out(stack.offset.offset_dn) - offset_dn - rate_dn_per_s * later))
        for stack, later in zip(stacks, later_s, strict=True)
    )


def _reference(
    stacks: Sequence[DarkStack], numbers: _StackNumbers, nearest: int, offset_dn: NDArray[np.float32], error_dn: float
) -> OffsetMap:
    """Offset map of the model, with the noise of the stack nearest to the reference time."""
    near = stacks[nearest].offset
    return OffsetMap(
        offset_dn=offset_dn,
        noise_dn=near.noise_dn,
        typical_noise_dn=near.typical_noise_dn,
        frames_used=_equivalent_frames(numbers.noise_dn[nearest], error_dn, numbers.frames),
        frames_rejected=tuple(k for stack in stacks for k in stack.offset.frames_rejected),
        step_dn=near.step_dn,
        absent=_absent(stacks),
        remarks=near.remarks,
    )


def _absent(stacks: Sequence[DarkStack]) -> NDArray[np.bool_] | None:
    """Pixels that were no number in some stack; None where there are none."""
    known = [stack.offset.absent for stack in stacks if stack.offset.absent is not None]
    return np.asarray(np.logical_or.reduce(known)) if known else None


def _mean_of_one_time(
    stacks: Sequence[DarkStack],
    numbers: _StackNumbers,
    nearest: int,
    time_s: float | None,
    *,
    doubling_K: float | None,
    saturation_dn: float,
    notes: list[str],
) -> DarkModel:
    """The model without a rate: the weighted mean of the stacks, and of a single stack itself."""
    known_times = _distinct(numbers.time_s)
    if known_times and time_s is not None and differs(time_s, known_times[0]):
        raise ValueError(
            f"the offset is needed at {time_s:g} s but all darks were integrated for {known_times[0]:g} s: add darks "
            f"of another integration time"
        )
    warm = [stack.temperature_C for stack in stacks if stack.temperature_C is not None]
    if warm and max(warm) - min(warm) > SAME_TEMPERATURE_K:
        raise ValueError(
            f"dark stacks from {min(warm):g} to {max(warm):g} deg C need two or more integration times, got one: their "
            f"mean would hold at neither temperature"
        )
    weight = numbers.weight
    error_dn = float(weight.sum() ** -0.5)
    offset_error_dn = np.empty(stacks[0].offset.offset_dn.shape, np.float32)
    for rows in _row_blocks(len(offset_error_dn)):
        offset_error_dn[rows] = error_dn * np.sqrt(_noisiness(stacks, numbers.noise_dn, rows))
    reference = stacks[0].offset
    if len(stacks) > 1:
        mean = np.zeros(reference.offset_dn.shape)
        for fraction, stack in zip(weight / weight.sum(), stacks, strict=True):
            mean += fraction * stack.offset.offset_dn
        reference = _reference(stacks, numbers, nearest, mean.astype(np.float32), error_dn)
    return DarkModel(
        reference=reference,
        rate_dn_per_s=None,
        offset_error_dn=offset_error_dn,
        rate_error_dn_per_s=None,
        typical_rate_dn_per_s=None,
        typical_rate_error_dn_per_s=None,
        time_s=None if time_s is None else float(time_s),
        times_s=known_times,
        temperature_C=stacks[nearest].temperature_C if len(warm) == len(stacks) else None,
        doubling_K=float(ASSUMED_DOUBLING_K if doubling_K is None else doubling_K),
        doubling_error_K=None,
        chi_square=None,
        typical_chi_square=None,
        departure_dn=(0.0,) * len(stacks),
        saturated=_saturated(stacks, saturation_dn),
        notes=tuple(notes),
    )


def _fit_doubling(
    stacks: Sequence[DarkStack], numbers: _StackNumbers, warmth: NDArray[np.float64]
) -> tuple[float, float] | None:
    """Doubling temperature and its standard error from the panel's medians [K]; None where they do not tell."""
    times, weight = numbers.time_s, numbers.weight
    pairs = {(round(float(t), 9), round(float(w), 3)) for t, w in zip(times, warmth, strict=True)}
    if len(pairs) < 3 or np.ptp(warmth) < LEAST_SPAN_K:
        return None
    first = thin_out(stacks[0].offset.offset_dn)
    level = np.array([np.median(thin_out(stack.offset.offset_dn) - first) for stack in stacks])
    drift_dn = max(LEVEL_DRIFT * max(stack.offset.step_dn for stack in stacks), _NO_NOISE_DN)
    importance = 1.0 / (0.5 * np.pi / weight / first.size + drift_dn**2)

    def misfit(doublings_per_K: float) -> float:
        """Chi-square of the best straight line of the levels against t 2^(warmth / dT)."""
        x = times * 2.0 ** (warmth * doublings_per_K)
        x, y = x - np.average(x, weights=importance), level - np.average(level, weights=importance)
        square = float((importance * x * x).sum())
        slope = float((importance * x * y).sum()) / square if square > 0 else 0.0
        return float((importance * (y - slope * x) ** 2).sum())

    slowest, fastest = 1.0 / DOUBLING_RANGE_K[1], 1.0 / DOUBLING_RANGE_K[0]
    grid = np.geomspace(slowest, fastest, 200)
    values = np.array([misfit(u) for u in grid])
    best = int(np.argmin(values))
    if best in (0, len(grid) - 1):
        return None
    u = _least(misfit, float(grid[best - 1]), float(grid[best + 1]))
    step = 0.01 * u
    bend = (misfit(u + step) - 2.0 * misfit(u) + misfit(u - step)) / step**2
    error = float(np.sqrt(2.0 / bend)) / u if bend > 0 else np.inf
    return (1.0 / u, error / u) if error < LARGEST_DOUBLING_ERROR else None


def _least(function: Callable[[float], float], low: float, high: float) -> float:
    """Where a function with one minimum is least, by golden section to a millionth of the interval."""
    golden = 0.5 * (5**0.5 - 1.0)
    while high - low > 1e-6 * abs(high):
        a, b = high - golden * (high - low), low + golden * (high - low)
        low, high = (low, b) if function(a) < function(b) else (a, high)
    return 0.5 * (low + high)


def _noisiness(stacks: Sequence[DarkStack], typical: NDArray[np.float64], rows: slice) -> NDArray[np.float64]:
    """Variance of each pixel of some rows over that of the typical one, pooled over the stacks; above zero. [1]"""
    shape = stacks[0].offset.offset_dn[rows].shape
    freedom = sum(stack.offset.frames_used - 1 for stack in stacks if stack.offset.noise_dn is not None)
    if freedom == 0:
        return np.ones(shape)
    pooled = np.zeros(shape)
    for stack, sigma in zip(stacks, typical, strict=True):
        if stack.offset.noise_dn is not None:
            fraction = (stack.offset.frames_used - 1) / freedom
            pooled += fraction * (np.asarray(stack.offset.noise_dn[rows], np.float64) / sigma) ** 2
    least_dn = max(ROUNDING * max(stack.offset.step_dn for stack in stacks), _NO_NOISE_DN)
    return np.asarray(np.maximum(pooled, (least_dn / typical.max()) ** 2))


def _median_chi_square(freedom: int, stacks: Sequence[DarkStack]) -> float:
    """Median of the reduced chi-square of a fit that holds, its noise taken from the stacks themselves."""
    from scipy.special import fdtri, gammaincinv

    behind = sum(stack.offset.frames_used - 1 for stack in stacks if stack.offset.noise_dn is not None)
    if behind == 0:
        return float(2.0 * gammaincinv(0.5 * freedom, 0.5) / freedom)
    return float(fdtri(freedom, behind, 0.5))


def _equivalent_frames(noise_dn: float, error_dn: float, frames: NDArray[np.int64]) -> int:
    """Frames at the reference time whose mean would have the same error: at least 1, at most all. [1]"""
    return int(min(max(np.floor((noise_dn / error_dn) ** 2 * (1 + 1e-9)), 1), frames.sum()))


def _saturated(stacks: Sequence[DarkStack], saturation_dn: float) -> NDArray[np.bool_]:
    return np.asarray(np.logical_or.reduce([stack.offset.offset_dn >= saturation_dn for stack in stacks]), np.bool_)


def _distinct(times: NDArray[np.float64]) -> tuple[float, ...]:
    """Integration times, rising, each once."""
    distinct: list[float] = []
    for time_s in sorted(float(time_s) for time_s in times if np.isfinite(time_s)):
        if not distinct or differs(time_s, distinct[-1]):
            distinct.append(time_s)
    return tuple(distinct)


def _nearest(times: NDArray[np.float64], frames: NDArray[np.int64], time_s: float | None) -> int:
    """The stack whose integration time is nearest to the reference, of equal ones that with most frames."""
    if time_s is None or not np.isfinite(times).any():
        return int(np.argmax(frames))
    away = np.abs(times - time_s)
    return min(range(len(times)), key=lambda k: (round(float(away[k] / time_s / SAME_TIME)), -int(frames[k])))


def _row_blocks(rows: int) -> list[slice]:
    return [slice(row, row + _BLOCK_ROWS) for row in range(0, rows, _BLOCK_ROWS)]


def _check_stacks(stacks: Sequence[DarkStack], reference_time_s: float | None, doubling_K: float | None) -> None:
    if not stacks:
        raise ValueError("estimate_dark_model needs at least 1 dark stack, got 0")
    shape = stacks[0].offset.offset_dn.shape
    for k, stack in enumerate(stacks):
        if stack.offset.offset_dn.shape != shape:
            raise ValueError(f"dark stack {k + 1} is {stack.offset.offset_dn.shape} but the first is {shape}")
        time_s = stack.integration_time_s
        if time_s is None and len(stacks) > 1 and any(other.integration_time_s is not None for other in stacks):
            raise ValueError(f"dark stack {k + 1} does not say its integration time, but others do")
        if time_s is not None and not (np.isfinite(time_s) and time_s > 0):
            raise ValueError(f"the integration time of dark stack {k + 1} must be positive, got {time_s} s")
        if stack.temperature_C is not None:
            check_temperature(stack.temperature_C)
    if reference_time_s is not None and not (np.isfinite(reference_time_s) and reference_time_s > 0):
        raise ValueError(f"the reference integration time must be positive, got {reference_time_s} s")
    if doubling_K is not None and not (np.isfinite(doubling_K) and doubling_K > 0):
        raise ValueError(f"doubling_K must be positive, got {doubling_K}")

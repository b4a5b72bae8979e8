"""The dark signal of a frame: its calibration brought to the frame's integration time and temperature.

The calibration knows the offset at one time and its growth; the frame's dark current may be another, because the panel
is warmer. How much shows in its temperature, or better in pixels that see no X-rays.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from calibration.dark.line_noise import SAMPLES, ShieldedCols, shielded_columns
from calibration.frame_sums import robust_sigma, rounding_noise

SAME_TIME = 1e-3  # integration times closer than this, relative, are one   # chosen
LEAST_TEMPERATURE_C, LARGEST_TEMPERATURE_C = -50.0, 100.0  # of a panel that works; shows kelvin given as Celsius

PRIOR_SCALE_ERROR = 0.4  # of an unknown scale: 3 K at a doubling of 6 K   # assumed
TEMPERATURE_SCALE_ERROR = 0.12  # of a scale from temperatures: 1 K at a doubling of 6 K   # assumed
_CLIP_SIGMAS = 5.0  # a reference pixel farther from the fit is left out   # chosen
_RATE_CLIP_SIGMAS = 8.0  # a reference pixel whose rate is farther from the others' median is left out   # chosen
_LEAST_SIGNIFICANCE = 5.0  # mean dark rate of the reference pixels over its standard error   # chosen


def offset_at(
    offset_dn: NDArray[np.float32],
    dark_rate_dn_per_s: NDArray[np.float32] | None,
    dark_time_s: float | None,
    integration_time_s: float | None,
    scale: float = 1.0,
) -> NDArray[np.float32]:
    """Dark signal at the integration time and temperature of a frame.

    Parameters
    ----------
    offset_dn : (H, W) float32
        Dark signal at `dark_time_s`; handed back itself where the frame is of that time and scale. [DN]
    dark_rate_dn_per_s : (H, W) float32 or None
        Growth with integration time; None where it is not known. [DN/s]
    dark_time_s, integration_time_s : float or None
        Of `offset_dn` and of the frame; None where not known, which is taken for agreement. [s]
    scale : float
        Dark current over that of the calibration. [1]

    Returns
    -------
    offset_dn : (H, W) float32
        offset + rate * (scale * integration time - dark time). [DN]

    Raises
    ------
    ValueError
        If the time differs or there is a scale, and no rate is known; or a value is negative or not finite.
    """
    excess_s = dark_excess_s(dark_rate_dn_per_s is not None, dark_time_s, integration_time_s, scale)
    if excess_s == 0.0 or dark_rate_dn_per_s is None:
        return offset_dn
    if dark_rate_dn_per_s.shape != offset_dn.shape:
        raise ValueError(f"the dark rate is {dark_rate_dn_per_s.shape} but the offset map is {offset_dn.shape}")
    return np.asarray(offset_dn + dark_rate_dn_per_s * np.float32(excess_s), np.float32)


def dark_excess_s(
    rate_known: bool, dark_time_s: float | None, integration_time_s: float | None, scale: float = 1.0
) -> float:
    """Effective integration time of a frame less that of the offset map: what the dark rate is multiplied with.

    Parameters
    ----------
    rate_known : bool
        Whether the calibration has a dark rate.
    dark_time_s, integration_time_s, scale
        As for `offset_at`.

    Returns
    -------
    excess_s : float
        scale * integration time - dark time; 0 without a rate. [s]

    Raises
    ------
    ValueError
        As for `offset_at`.
    """
    if not (np.isfinite(scale) and scale >= 0):
        raise ValueError(f"the dark scale must be finite and not negative, got {scale}")
    if integration_time_s is not None and not (np.isfinite(integration_time_s) and integration_time_s >= 0):
        raise ValueError(f"the integration time must be finite and not negative, got {integration_time_s} s")
    if rate_known:
        if dark_time_s is None:
            raise ValueError("a dark rate needs the integration time at which its offset map holds, which is not known")
        return float(scale * (dark_time_s if integration_time_s is None else integration_time_s) - dark_time_s)
    if scale != 1.0:
        raise ValueError(f"the calibration has no dark rate, so its offset cannot be scaled by {scale:.4g}")
    if dark_time_s is not None and integration_time_s is not None and differs(integration_time_s, dark_time_s):
        raise ValueError(
            f"the frame was integrated for {integration_time_s:g} s but the offset is known at {dark_time_s:g} s only: "
            f"calibrate with darks of two or more integration times"
        )
    return 0.0


def dark_scale_from_temperature(temperature_C: float, calibration_C: float, doubling_K: float) -> float:
    """Dark current at the panel's temperature over that of the calibration, 2 ** ((T - T_0) / dT).

    Parameters
    ----------
    temperature_C, calibration_C : float
        Of the panel now and in the darks. [deg C]
    doubling_K : float
        Rise of temperature that doubles the dark current. [K]

    Returns
    -------
    scale : float
        [1]

    Raises
    ------
    ValueError
        If a temperature is none a panel works at, or the doubling is not positive.
    """
    for value in (temperature_C, calibration_C):
        check_temperature(value)
    if not (np.isfinite(doubling_K) and doubling_K > 0):
        raise ValueError(f"doubling_K must be positive, got {doubling_K}")
    return float(2.0 ** ((temperature_C - calibration_C) / doubling_K))


def dark_scale_from_reference(
    raw_dn: NDArray[Any],
    offset_dn: NDArray[np.float32],
    dark_rate_dn_per_s: NDArray[np.float32],
    dark_time_s: float,
    integration_time_s: float,
    shielded_cols: ShieldedCols,
    unusable: NDArray[np.bool_],
    prior_scale: float = 1.0,
    prior_error: float = PRIOR_SCALE_ERROR,
    rate_error_dn_per_s: float = 0.0,
) -> tuple[float, float]:
    """Dark current of this frame over that of the calibration, from pixels that see no X-rays, and its standard error.

    Least squares of the shielded pixels' signal on what the calibration expects of each, then weighed against what was
    known before (the temperature, or nothing) by the two variances. Where the dark signal of the shielded pixels is
    too small to say anything, the result is what was known before.

    Parameters
    ----------
    raw_dn : (H, W)
        Frame, with or without exposure of the other pixels. [DN]
    offset_dn, dark_rate_dn_per_s : (H, W) float32
        Dark signal at `dark_time_s` [DN] and its growth [DN/s].
    dark_time_s, integration_time_s : float
        Of the offset map and of the frame. [s]
    shielded_cols : tuple of (int, int)
        Columns that see no X-rays, half-open ranges. [1]
    unusable : (H, W) bool
        Pixels that are not to be trusted.
    prior_scale, prior_error : float
        Scale expected without reference pixels and its standard error: 1, or that from the temperature with
        `TEMPERATURE_SCALE_ERROR`. [1]
    rate_error_dn_per_s : float
        Standard error of one pixel's rate, such as `DarkModel.typical_rate_error_dn_per_s`. A noisy rate pulls the
        scale towards dark_time / integration time; what it adds to the sum of squares is taken off again. [DN/s]

    Returns
    -------
    scale, error : float, float
        [1]

    Raises
    ------
    ValueError
        If shapes differ, columns lie outside the frame, or a time or the prior's error is not positive.

    Notes
    -----
    k = sum (R - B) L t / sum (L t)^2 with B = offset - rate * dark time. The standard error is taken from the rows'
    residual sums, since the pixels of a row share its line noise. Unusable pixels, pixels whose rate departs from the
    median by more than eight robust standard deviations and pixels five from the fit are left out: a hot pixel, having
    the largest L, would otherwise decide. Drift of the whole frame's level is taken for dark current.
    """
    for name, plane in (
        ("offset map", offset_dn),
        ("dark rate", dark_rate_dn_per_s),
        ("map of unusable pixels", unusable),
    ):
        if plane.shape != raw_dn.shape:
            raise ValueError(f"the {name} is {plane.shape} but the frame is {raw_dn.shape}")
    for name, value in (("dark_time_s", dark_time_s), ("integration_time_s", integration_time_s)):
        if not (np.isfinite(value) and value > 0):
            raise ValueError(f"{name} must be positive, got {value}")
    if not (prior_error > 0 and np.isfinite(prior_scale)):
        raise ValueError(f"the prior scale needs a positive error, got {prior_scale} with error {prior_error}")
    if not shielded_cols:
        return prior_scale, prior_error
    if raw_dn.dtype != np.uint16:
        raw_dn = raw_dn.astype(np.float32, copy=False)
    frame = _ReferenceFrame(
        raw=np.ascontiguousarray(raw_dn),
        offset=np.ascontiguousarray(offset_dn),
        rate=np.ascontiguousarray(dark_rate_dn_per_s),
        unusable=np.ascontiguousarray(unusable),
        dark_time_s=float(dark_time_s),
        time_s=float(integration_time_s),
    )
    found = _fit_scale(frame, shielded_columns(shielded_cols, raw_dn.shape[1]), rate_error_dn_per_s)
    if found is None:
        return prior_scale, prior_error
    measured, error = found
    trust = prior_error**2 / (prior_error**2 + error**2)
    return float(prior_scale + trust * (measured - prior_scale)), float(np.sqrt(trust) * error)


class _ReferenceFrame(NamedTuple):
    """A frame and what the calibration knows of it: (H, W) planes [DN, DN, DN/s, bool] and the two times. [s]"""

    raw: NDArray[Any]
    offset: NDArray[np.float32]
    rate: NDArray[np.float32]
    unusable: NDArray[np.bool_]
    dark_time_s: float
    time_s: float


def _fit_scale(
    frame: _ReferenceFrame, cols: NDArray[np.intp], rate_error_dn_per_s: float
) -> tuple[float, float] | None:
    """Scale and standard error from the pixels of some columns alone [1]; None where their dark signal is too small."""
    # Limits come from every n-th row, the sums from all.
    rows = slice(None, None, -(-frame.raw.shape[0] * cols.size // SAMPLES))
    few_rate = frame.rate[rows, cols].astype(np.float64)
    expected = few_rate * frame.time_s  # L t
    above = frame.raw[rows, cols] - (frame.offset[rows, cols] - few_rate * frame.dark_time_s)  # R - B
    good = ~frame.unusable[rows, cols] & np.isfinite(above) & np.isfinite(expected)
    middle = float(np.median(expected[good])) if good.any() else 0.0
    if middle <= 0:
        return None
    reach = _RATE_CLIP_SIGMAS * max(robust_sigma(expected[good]), 0.05 * middle)
    good &= np.abs(expected - middle) <= reach
    scale = float(np.median(above[good])) / middle
    noise_part = (rate_error_dn_per_s * frame.time_s) ** 2
    sums, least_dn = np.empty((4, frame.raw.shape[0])), rounding_noise(frame.raw[rows, cols])
    for _ in range(2):
        residual = (above - scale * expected)[good]
        centre, spread = float(np.median(residual)), max(robust_sigma(residual), least_dn)
        limits = (middle - reach, middle + reach, centre - _CLIP_SIGMAS * spread, centre + _CLIP_SIGMAS * spread)
        _sum_rows(frame, cols, scale, limits, sums)
        numerator, square, first, used = sums
        if not _says_something(first.sum(), square.sum(), used.sum(), noise_part):
            return None
        scale = float(numerator.sum() / square.sum())
    # The rate's own noise flattens the regression of R - offset on the rate, whose slope is k t - dark time.
    steeper = float(square.sum() / (square.sum() - used.sum() * noise_part))
    through = frame.dark_time_s / frame.time_s
    measured = through + (scale - through) * steeper
    return measured, steeper * float(np.sqrt(((numerator - scale * square) ** 2).sum()) / square.sum())


def differs(time_s: float, other_s: float) -> bool:
    """Whether two integration times are not the same one.

    Parameters
    ----------
    time_s, other_s : float
        Not negative. [s]

    Returns
    -------
    different : bool
    """
    return abs(time_s - other_s) > SAME_TIME * max(abs(time_s), abs(other_s))


def check_temperature(temperature_C: float) -> None:
    """ValueError for what is no temperature of a working panel, such as kelvin given as Celsius."""
    if not LEAST_TEMPERATURE_C <= temperature_C <= LARGEST_TEMPERATURE_C:
        raise ValueError(
            f"the temperature of a panel must be between {LEAST_TEMPERATURE_C:g} and {LARGEST_TEMPERATURE_C:g} deg C, "
            f"got {temperature_C:g}"
        )


def _says_something(total: float, square: float, count: float, noise_part: float) -> bool:
    """Whether expected dark signals, by their sums, are more than the noise of their calibration."""
    if count < 2:
        return False
    mean = total / count
    sigma = np.sqrt(max(square / count - mean**2, 0.0))
    return bool(mean > _LEAST_SIGNIFICANCE * sigma / np.sqrt(count) and square / count > 2.0 * noise_part)


@njit(parallel=True, cache=True)
def _sum_rows(
    frame: _ReferenceFrame,
    cols: NDArray[np.intp],
    scale: float,
    limits: tuple[float, float, float, float],
    sums: NDArray[np.float64],
) -> None:
    """Sums over the good `cols` of each row; writes every element of `sums` (4, H).

    They are (R - B) L t, (L t)^2, L t and 1, for pixels whose L t lies within the first two limits and whose residual
    lies within the last two.
    """
    raw, offset, rate, unusable, dark_time, time = frame
    for i in prange(raw.shape[0]):
        numerator, square, first, count = 0.0, 0.0, 0.0, 0.0
        for c in range(cols.size):
            j = cols[c]
            if unusable[i, j]:
                continue
            expected = float(rate[i, j]) * time
            above = float(raw[i, j]) - (float(offset[i, j]) - float(rate[i, j]) * dark_time)
            residual = above - scale * expected
            # a comparison with NaN is False, so what is no number is left out
            if limits[0] <= expected <= limits[1] and limits[2] <= residual <= limits[3]:
                numerator += above * expected
                square += expected * expected
                first += expected
                count += 1.0
        sums[0, i] = numerator
        sums[1, i] = square
        sums[2, i] = first
        sums[3, i] = count

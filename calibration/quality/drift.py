"""Drift of a panel from its baseline: the maps of two calibration sets of one panel, compared pixel by pixel.

References
----------
.. [1] ASTM E2737-23: baseline, then periodic tests; from secondary sources, the standard's text was not available.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from calibration import flags as bits
from calibration.calibration_set import CalibrationSet
from calibration.frame_sums import robust_sigma
from calibration.quality.numbers import (
    SCATTER_ERROR,
    Number,
    line_noise,
    not_measured,
    without_noise,
)
from calibration.quality.quality import Numbers, Quality, usable_pixels
from calibration.quality.uniformity import square_statistics

FIELD_TILES = 24  # along the shorter side, for the field that is taken out of a gain drift   # chosen
FIELD_ORDER = 4  # of its polynomial in rows and columns together: heel and inverse square; 15 terms
OUTLIER_SIGMAS = 6.0  # a pixel that moved further counts neither for a mean nor for the field   # assumed
LAG_UNKNOWN = 0.03  # fraction of a frame that lags on a common panel: 2 to 10 %, less in slow sequences   # assumed
SAME_TIME = 1e-6  # relative difference of integration times that is rounding


def with_drift(quality: Quality, calibration: CalibrationSet, baseline: CalibrationSet) -> Quality:
    """The same numbers with those filled in that a baseline gives: drifts, new defects, and line noise if missing.

    Parameters
    ----------
    quality : Quality
        From `quality_of(calibration)`.
    calibration, baseline : CalibrationSet
        Of one panel in one mode; the caller sees to that.

    Returns
    -------
    quality : Quality

    Raises
    ------
    ValueError
        If the two differ in shape.

    Notes
    -----
    Pixel-to-pixel drifts are robust standard deviations of the difference of two maps, less what the noise of their
    frames makes of it. Where a map comes from a single frame its noise is not known and stays in; the note says so.
    """
    if calibration.offset_dn.shape != baseline.offset_dn.shape:
        raise ValueError(
            f"the calibration is {calibration.offset_dn.shape} but the baseline is {baseline.offset_dn.shape}"
        )
    drifts = {**_offset_drift(calibration, baseline), **_gain_drift(calibration, baseline)}
    if quality.numbers["line_noise_dn"].value is not None:
        drifts.pop("line_noise_dn", None)
    now, before = ((each.defects & bits.UNUSABLE) != 0 for each in (calibration, baseline))
    drifts["new_bad_pixels"] = Number(int(np.count_nonzero(now & ~before)), None, "1")
    drifts["gone_bad_pixels"] = Number(int(np.count_nonzero(before & ~now)), None, "1")
    return replace(quality, numbers=MappingProxyType({**quality.numbers, **drifts}))


def _offset_drift(calibration: CalibrationSet, baseline: CalibrationSet) -> Numbers:
    """Change of the dark signal at the integration time of the later set."""
    names = ("offset_drift_dn", "offset_drift_rms_dn")
    time_s, time_before_s = calibration.dark_time_s, baseline.dark_time_s
    before_dn = baseline.offset_dn
    note = ""
    if time_s is not None and time_before_s is not None and abs(time_s - time_before_s) > SAME_TIME * time_s:
        rate = next((s.dark_rate_dn_per_s for s in (baseline, calibration) if s.dark_rate_dn_per_s is not None), None)
        if rate is None:
            why = f"darks of {time_s:g} s and {time_before_s:g} s, and no dark rate to bridge them"
            return {name: not_measured(name, why) for name in names}
        before_dn = before_dn + rate * np.float32(time_s - time_before_s)
        note = f"baseline carried from {time_before_s:g} to {time_s:g} s"
    good = ((calibration.defects | baseline.defects) & bits.UNUSABLE) == 0
    if not good.any():
        return {name: not_measured(name, "no pixel is good in both sets") for name in names}
    difference_dn = calibration.offset_dn - before_dn
    change = difference_dn[good]
    found, root = robust_sigma(change), change.size**0.5
    near = np.abs(change - np.median(change)) <= OUTLIER_SIGMAS * found  # no median: means of whole DN come in steps
    level_dn = float(change[near].mean(dtype=np.float64))
    frames = (calibration.darks_used, baseline.darks_used)
    noise = np.hypot(
        calibration.typical_dark_noise_dn / frames[0] ** 0.5, baseline.typical_dark_noise_dn / frames[1] ** 0.5
    )
    single = calibration.offset_noise_dn is None or baseline.offset_noise_dn is None
    value, error = without_noise(found, SCATTER_ERROR * found / root, 0.0 if single else float(noise))
    numbers = {
        names[0]: Number(level_dn, found / root, "DN", note),
        names[1]: Number(value, error, "DN", "noise of a single dark included" if single else note),
    }
    if not single:
        line = line_noise(difference_dn, good, 1.0 / frames[0] + 1.0 / frames[1])
        if line.value is not None:
            line = replace(line, note="from the difference to the baseline: drift of whole rows included")
        numbers["line_noise_dn"] = line
    return numbers


def _gain_drift(calibration: CalibrationSet, baseline: CalibrationSet) -> Numbers:
    """Change of the pixels' gain beyond a smooth field, which belongs to the beam."""
    name = "gain_drift_rms_percent"
    good = usable_pixels(calibration) & usable_pixels(baseline)
    ratio = gain_at_level(calibration) / gain_at_level(baseline)
    try:
        field = smooth_field(ratio, good)
    except ValueError as reason:
        return {name: not_measured(name, str(reason))}
    change = (ratio / field)[good] - 1.0
    found = robust_sigma(change)
    noise, noise_error = (
        float(np.hypot(*parts)) for parts in zip(_mean_noise(calibration), _mean_noise(baseline), strict=True)
    )
    single = calibration.gain_noise is None or baseline.gain_noise is None
    if single:
        noise = noise_error = 0.0
    value, error = without_noise(found, SCATTER_ERROR * found / change.size**0.5, noise, noise_error)
    note = "noise of a single flat included" if single else ""
    return {name: Number(100.0 * value, 100.0 * error, "%", note)}


def _mean_noise(calibration: CalibrationSet) -> tuple[float, float]:
    """Noise of the gain of the typical pixel, from flats and darks, and what is not known of it. [1]

    Lag ties a frame to the next, so that the mean of N frames is noisier than one of them over sqrt(N), by 1 / (1 - sum
    of the fractions); where these are not known, by up to the usual few per cent.
    """
    flats = calibration.typical_flat_noise / calibration.flats_used**0.5
    darks = calibration.typical_dark_noise_dn / calibration.level_dn / calibration.darks_used**0.5
    if calibration.lag is None:
        return float(np.hypot(flats, darks)), LAG_UNKNOWN * flats
    return float(np.hypot(flats * calibration.lag.noise_gain.max(), darks)), 0.0


def gain_at_level(calibration: CalibrationSet) -> NDArray[np.float32]:
    """Factor of each pixel at the level of the flats, curvature included. (H, W) [1]"""
    if calibration.curvature is None:
        return calibration.gain
    level_dn = np.float32(calibration.level_dn)
    factor = np.zeros_like(calibration.gain)
    for plane in calibration.curvature[::-1]:
        factor = level_dn * (plane + factor)
    return np.asarray(calibration.gain + factor)


def smooth_field(ratio: NDArray[np.float32], usable: NDArray[np.bool_]) -> NDArray[np.float64]:
    """What varies slowly over the panel, as a polynomial of fourth order in rows and columns together.

    Parameters
    ----------
    ratio : (H, W) float32
        Of two gain maps. [1]
    usable : (H, W) bool
        Pixels to fit.

    Returns
    -------
    field : (H, W) float64
        Least squares to the means of small tiles. [1]

    Raises
    ------
    ValueError
        If fewer tiles are usable than the polynomial has terms.
    """
    median = float(np.median(ratio[usable])) if usable.any() else np.nan
    reach = OUTLIER_SIGMAS * robust_sigma(ratio[usable]) if usable.any() else np.nan
    side = max(2, min(ratio.shape) // FIELD_TILES)
    powers = [(i, j) for i in range(FIELD_ORDER + 1) for j in range(FIELD_ORDER + 1 - i)]
    tiles = square_statistics(np.clip(ratio, median - reach, median + reach), usable, side)
    known = np.isfinite(tiles.mean)
    if known.sum() < 2 * len(powers):
        raise ValueError(f"{known.sum()} tiles of {side} pixels are usable, {2 * len(powers)} are needed for the field")
    rows, cols = (2.0 * np.arange(length) / (length - 1) - 1.0 for length in ratio.shape)
    tile_rows = np.interp(tiles.first_row + side * (np.arange(known.shape[0]) + 0.5) - 0.5, np.arange(len(rows)), rows)
    tile_cols = np.interp(tiles.first_col + side * (np.arange(known.shape[1]) + 0.5) - 0.5, np.arange(len(cols)), cols)
    y, x = (grid[known] for grid in np.meshgrid(tile_rows, tile_cols, indexing="ij"))
    design = np.stack([y**i * x**j for i, j in powers], axis=1)
    found, *_ = np.linalg.lstsq(design, tiles.mean[known], rcond=None)
    coefficients = np.zeros((FIELD_ORDER + 1, FIELD_ORDER + 1))
    for (i, j), value in zip(powers, found, strict=True):
        coefficients[i, j] = value
    return np.asarray(np.vander(rows, FIELD_ORDER + 1, True) @ coefficients @ np.vander(cols, FIELD_ORDER + 1, True).T)

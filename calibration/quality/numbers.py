"""Numbers about a panel: their names and units, the form they have, and those that need pictures.

What was not measured says why; it is never zero. `calibration/quality/quality.py` puts them together for a calibration.

References
----------
.. [1] P. J. Rousseeuw and C. Croux, J. Am. Stat. Assoc. 88, 1273 (1993): efficiency of the median absolute deviation,
   36.75 % for normal numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.frame_sums import robust_sigma
from calibration.quality.uniformity import Squares, non_uniformity, signal_to_noise, square_side, square_statistics

LEAST_RELATIVE_SCATTER = 1e-5  # a flat more uniform than this was corrected with itself; float32 rounds to 6e-8
MEDIAN_ERROR = 1.2533  # standard error of a median over that of the mean, normal numbers: sqrt(pi / 2)
SCATTER_ERROR = 1.1664  # relative error of a robust sigma times sqrt(count): sqrt(1 / (2 * 0.3675)); [1]
LEAST_ROWS = 8  # for a line noise   # assumed

# Every quantity: unit and meaning. The same names stand in limits, CSV and JSON.
QUANTITIES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "residual_signal_local_percent": ("%", "corrected flat, signal, largest step between 10 mm squares"),
        "residual_signal_global_percent": ("%", "corrected flat, signal, range over the 10 mm squares"),
        "residual_noise_local_percent": ("%", "corrected flat, noise, largest step"),
        "residual_noise_global_percent": ("%", "corrected flat, noise, range"),
        "residual_snr_local_percent": ("%", "corrected flat, signal to noise, largest step"),
        "residual_snr_global_percent": ("%", "corrected flat, signal to noise, range"),
        "residual_pattern_percent": ("%", "corrected flat, fixed pattern left in a pixel"),
        "response_local_percent": ("%", "response before correction, largest step between 10 mm squares"),
        "response_global_percent": ("%", "response before correction, range over the 10 mm squares"),
        "flat_snr": ("1", "signal to noise of a pixel in one flat"),
        "flat_noise_local_percent": ("%", "noise of one corrected flat, largest step between 10 mm squares"),
        "flat_noise_global_percent": ("%", "noise of one corrected flat, range over the 10 mm squares"),
        "dark_noise_dn": ("DN", "noise of the typical pixel in one dark frame"),
        "dark_noise_p95_dn": ("DN", "95th percentile of the pixels' dark noise"),
        "line_noise_dn": ("DN", "noise common to a row in one dark frame"),
        "variance_per_dn": ("DN", "X-ray noise: variance over signal"),
        "quanta_per_dn": ("1/DN", "effective quanta per DN of signal, the reciprocal"),
        "offset_dn": ("DN", "median dark signal"),
        "offset_spread_dn": ("DN", "dark signal, pixel to pixel"),
        "dark_rate_dn_per_s": ("DN/s", "median growth of the dark signal"),
        "dark_rate_p95_dn_per_s": ("DN/s", "95th percentile of the pixels' growth"),
        "lag_first_frame_percent": ("%", "lag in the first frame after a long exposure"),
        "lag_1s_percent": ("%", "lag 1 s after a long exposure"),
        "lag_60s_percent": ("%", "lag 60 s after a long exposure"),
        "lag_left_first_frame_percent": ("%", "what the correction leaves of it in the first frame"),
        "bad_pixels": ("1", "unusable pixels of the imaging area"),
        "bad_ppm": ("ppm", "the same per million"),
        "dead_pixels": ("1", "dead"),
        "over_pixels": ("1", "over-responding"),
        "under_pixels": ("1", "under-responding"),
        "noisy_pixels": ("1", "noisy"),
        "non_uniform_pixels": ("1", "non-uniform"),
        "lagging_pixels": ("1", "lagging"),
        "hot_pixels": ("1", "hot"),
        "non_linear_pixels": ("1", "non-linear"),
        "bad_neighbourhood_pixels": ("1", "good ones among bad neighbours only"),
        "clusters": ("1", "clusters of bad pixels, lines not among them"),
        "relevant_clusters": ("1", "clusters with a cluster kernel pixel"),
        "cluster_kernel_pixels": ("1", "bad pixels with fewer than 5 good ones among 8 neighbours"),
        "bad_lines": ("1", "lines of more than 10 bad pixels"),
        "chi_square": ("1", "median reduced chi-square of the dose-response fit"),
        "offset_drift_dn": ("DN", "change of the dark signal since the baseline, mean without outliers"),
        "offset_drift_rms_dn": ("DN", "change of the dark signal, pixel to pixel, noise taken out"),
        "gain_drift_rms_percent": ("%", "change of the gain, pixel to pixel, field and noise taken out"),
        "new_bad_pixels": ("1", "bad now, good in the baseline"),
        "gone_bad_pixels": ("1", "good now, bad in the baseline"),
    }
)

DRIFTS = (  # those that need a baseline
    "offset_drift_dn",
    "offset_drift_rms_dn",
    "gain_drift_rms_percent",
    "new_bad_pixels",
    "gone_bad_pixels",
)


@dataclass(frozen=True)
class Number:
    """A measured number, or the reason why there is none.

    Attributes
    ----------
    value, error : float or None
        The number and its standard error; a count, or a number whose error is not known, has no error.
    unit : str
        Of both.
    note : str
        What to know about it; where `value` is None, why it was not measured.
    noise_alone : float or None
        What a perfect panel would show from this many frames; None where that is zero or not known.
    """

    value: float | None
    error: float | None
    unit: str
    note: str = ""
    noise_alone: float | None = None


def not_measured(name: str, why: str) -> Number:
    """A quantity without a value, and why.

    Parameters
    ----------
    name : str
        One of `QUANTITIES`, which has its unit.
    why : str
        The reason, as the end of a sentence.

    Returns
    -------
    number : Number
    """
    return Number(None, None, QUANTITIES[name][0], f"not measured: {why}")


def flat_quality(
    corrected_mean_flat: NDArray[Any],
    usable: NDArray[np.bool_],
    pitch_mm: float | None,
    *,
    noise_dn: float | None = None,
) -> dict[str, Any]:
    """What correction left in a uniform picture: non-uniformity of signal, noise and signal to noise.

    Parameters
    ----------
    corrected_mean_flat : (H, W)
        Mean of corrected flats that did not make the gain map by themselves: of another dose, or taken later. [DN]
    usable : (H, W) bool
        False for bad, bare and shielded pixels; what stands there is never looked at.
    pitch_mm : float or None
        Pixel pitch; None takes squares of 72 pixels. [mm]
    noise_dn : float, optional
        Noise of a pixel of this mean as the frames scatter, so that the fixed pattern can be told from it. [DN]

    Returns
    -------
    result : dict
        JSON values: "level_dn", and either "not_measured" with the reason, or "square_pixels", the six numbers of
        `NonUniformity` under "signal", "noise" and "snr", the squares' own values under "signal_squares" and
        "noise_squares" (null where left out), and the fixed pattern under "pattern" where `noise_dn` was given.

    Raises
    ------
    ValueError
        If the shapes differ, or no pixel is usable.
    """
    if corrected_mean_flat.shape != usable.shape:
        raise ValueError(f"the flat is {corrected_mean_flat.shape} but the map of usable pixels is {usable.shape}")
    if not usable.any():
        raise ValueError(f"none of the {usable.size} pixels of the flat is usable")
    level_dn = float(np.median(corrected_mean_flat[usable]))
    result: dict[str, Any] = {"level_dn": level_dn, "pitch_mm": pitch_mm}
    try:
        squares = square_statistics(corrected_mean_flat, usable, square_side(pitch_mm))
        signal = non_uniformity(squares.mean, squares.mean_error)
        if np.nanmax(squares.deviation) < LEAST_RELATIVE_SCATTER * abs(level_dn):
            raise ValueError("the flat has no scatter: it was corrected with itself")
        spreads = {
            "signal": signal,
            "noise": non_uniformity(squares.deviation, squares.deviation_error),
            "snr": non_uniformity(*signal_to_noise(squares)),
        }
    except ValueError as error:
        return {**result, "not_measured": str(error)}
    result |= {"square_pixels": squares.side, **{name: asdict(spread) for name, spread in spreads.items()}}
    if noise_dn is not None:
        result["pattern"] = _fixed_pattern(squares, noise_dn)
    for name, values in (("signal_squares", squares.mean), ("noise_squares", squares.deviation)):
        result[name] = [[float(f"{v:.7g}") if np.isfinite(v) else None for v in row] for row in values]
    return result


def line_noise(difference_dn: NDArray[Any], usable: NDArray[np.bool_], variance_factor: float = 2.0) -> Number:
    """Noise common to a row, from the difference of two dark pictures; what is fixed cancels.

    Parameters
    ----------
    difference_dn : (H, W)
        Of two dark frames, or of two offset maps. [DN]
    usable : (H, W) bool
        Pixels to count.
    variance_factor : float
        Variance of the difference over that of one frame: 2 for two frames, 1/N1 + 1/N2 for means. [1]

    Returns
    -------
    noise : Number
        One standard deviation in one frame. [DN]  Not measured where fewer than 9 rows have usable pixels.

    Notes
    -----
    Variance of steps between means of adjacent rows, halved, less what independent pixels make of it. A slow drift
    does not count. Where readout chips have noise of their own, this is the part that all chips of a row have in
    common, and 1/sqrt(chips) of the rest.
    """
    count = usable.sum(axis=1)
    total = np.where(usable, difference_dn, 0.0).sum(axis=1, dtype=np.float64)
    mean = np.divide(total, count, out=np.full(len(total), np.nan), where=count > 1)
    square = np.where(usable, (difference_dn - mean[:, None]) ** 2, 0.0).sum(axis=1, dtype=np.float64)
    error_square = square / np.maximum(count - 1, 1) / np.maximum(count, 1)  # of each mean, from its own pixels
    step = np.diff(mean)
    known = np.isfinite(step)
    rows = int(known.sum())
    if rows < LEAST_ROWS:
        return not_measured("line_noise_dn", f"{rows + 1} rows with usable pixels are too few")
    found = robust_sigma(step[known]) / 2**0.5
    pixels = float(np.sqrt(np.median(error_square[1:][known])))
    value, error = without_noise(found, SCATTER_ERROR * found / rows**0.5, pixels)
    scale = 1.0 / np.sqrt(variance_factor)
    return Number(scale * value, scale * error, "DN")


def without_noise(found: float, error: float, noise: float, noise_error: float = 0.0) -> tuple[float, float]:
    """What is left of a scatter when that of the noise is taken out: sqrt(found^2 - noise^2), in any one unit.

    Parameters
    ----------
    found, error : float
        The scatter and its standard error.
    noise, noise_error : float
        The part of it that is noise, and its standard error.

    Returns
    -------
    value, error : float, float
        Zero where noise is all; of the two sides of the error the larger.
    """
    square, square_error = max(found**2 - noise**2, 0.0), 2.0 * float(np.hypot(found * error, noise * noise_error))
    low, value, high = (max(square + side * square_error, 0.0) ** 0.5 for side in (-1.0, 0.0, 1.0))
    return value, max(high - value, value - low)


def _fixed_pattern(squares: Squares, noise_dn: float) -> dict[str, float]:
    """Pixel-to-pixel differences of the typical square beyond the noise, relative to the signal. [%]"""
    relative = squares.deviation / squares.mean
    typical = int(np.nanargmin(np.abs(relative - np.nanmedian(relative))))
    found = float(relative.flat[typical])
    error = float(squares.deviation_error.flat[typical] / squares.mean.flat[typical])
    error *= MEDIAN_ERROR / np.sqrt(np.isfinite(relative).sum())
    value, value_error = without_noise(found, error, noise_dn / float(squares.mean.flat[typical]))
    return {"percent": float(100.0 * value), "error_percent": float(100.0 * value_error)}

"""Numbers that a calibration gives about its panel, each with its error: uniformity, noise, dark signal, lag, defects.

Numbers that a panel's keeper follows from month to month, after the quantities of ASTM E2737; no limit stands here.
What the frames of a calibration did not show is not measured, and the number says why; it is never zero.

References
----------
.. [1] ASTM E2737-23, long-term stability of digital detector arrays: list of quantities from secondary sources; the
   standard's text was not available.
.. [2] J. R. Janesick, "Photon Transfer", SPIE Press (2007): noise variance over mean signal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration import flags as bits
from calibration.calibration_set import CalibrationSet
from calibration.conditions import OF_ONE_PANEL, conditions_to_json
from calibration.defects.clusters import CLUSTER, LINE, RELEVANT_CLUSTER, find_groups
from calibration.frame_sums import robust_sigma
from calibration.lag.record import LagCurve, LagValue
from calibration.quality.numbers import (
    DRIFTS,
    MEDIAN_ERROR,
    QUANTITIES,
    SCATTER_ERROR,
    Number,
    flat_quality,
    line_noise,
    not_measured,
)
from calibration.quality.uniformity import non_uniformity, square_side, square_statistics

__all__ = [
    "QUANTITIES",
    "Number",
    "Numbers",
    "Quality",
    "flat_quality",
    "line_noise",
    "quality_of",
    "quality_to_json",
    "usable_pixels",
]

HIGH_PERCENT = 95.0
_IDENTITY = (
    *OF_ONE_PANEL,
    "date",
    "integration_time_s",
    "temperature_C",
    "kvp",
    "source_to_detector_mm",
    "pitch_mm",
)

Numbers = dict[str, Number]
FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Quality:
    """All numbers about one calibration.

    Attributes
    ----------
    numbers : mapping
        `Number` by name, every name of `QUANTITIES`, in its order.
    tiles : mapping
        Maps of squares of 10 mm, (R, C) float64, NaN where left out: "response" and "flat_noise" relative to their
        means [1], "dark_noise_dn" [DN]; what was not measured is not there.
    flats : tuple of mapping
        Results of `flat_quality`, one for each dose.
    lag : LagCurve or None
        The sequence behind the numbers of the lag.
    identity : mapping
        JSON values: serial, panel, date, shape and the conditions of the calibration, as far as it knows them.
    """

    numbers: Mapping[str, Number]
    tiles: Mapping[str, FloatArray]
    flats: tuple[Mapping[str, Any], ...]
    lag: LagCurve | None
    identity: Mapping[str, Any]


def quality_of(calibration: CalibrationSet) -> Quality:
    """Every number that a calibration by itself can give.

    Residual non-uniformity and line noise need frames: `calibration.quality` holds what was measured while they
    were there, {"flats": [results of `flat_quality`, one for each dose], "line_noise_dn": {"value", "error"}}, each
    optional. Drifts need a baseline: `with_drift`.

    Parameters
    ----------
    calibration : CalibrationSet

    Returns
    -------
    quality : Quality

    Raises
    ------
    ValueError
        If `calibration.quality` is not of that form.

    Notes
    -----
    Errors of medians and scatters take the pixels as a sample of the panel; the same pixels measured again repeat
    better than that. Photon transfer [2]_: the variance of one flat beyond that of one dark frame over the level of
    the flats, in raw DN; its reciprocal counts quanta as they are, weighted by their light and correlated by its
    spread, and is no number of electrons.
    """
    usable = usable_pixels(calibration)
    if not usable.any():
        raise ValueError(f"none of the {usable.size} pixels of the calibration makes a picture")
    good = (calibration.defects & bits.UNUSABLE) == 0
    flats, numbers = _from_frames(calibration.quality)
    tiles: dict[str, FloatArray] = {}
    numbers |= _response(calibration, usable, tiles)
    numbers |= _dark(calibration, good, tiles)
    numbers |= _photon_transfer(calibration, usable)
    curve = _nearest_curve(calibration)
    numbers |= _lag(calibration, curve)
    numbers |= _defects(calibration)
    numbers |= {name: not_measured(name, "there is no earlier calibration") for name in DRIFTS}
    said = conditions_to_json(calibration.conditions)
    identity: dict[str, Any] = {key: said[key] for key in _IDENTITY if key in said}
    identity |= {
        "shape": list(usable.shape),
        "dark_frames": calibration.darks_used,
        "flat_frames": calibration.flats_used,
    }
    ordered = {name: numbers[name] for name in QUANTITIES}
    return Quality(MappingProxyType(ordered), MappingProxyType(tiles), flats, curve, MappingProxyType(identity))


def quality_to_json(quality: Quality) -> dict[str, Any]:
    """JSON values of all numbers, of the flats by dose, and of what the calibration says about itself."""
    return {
        **quality.identity,
        "numbers": {name: asdict(number) for name, number in quality.numbers.items()},
        "flats": [dict(flat) for flat in quality.flats],
    }


def usable_pixels(calibration: CalibrationSet) -> NDArray[np.bool_]:
    """True where a pixel makes a picture: it has scintillator, no shield, and is not bad. (H, W)"""
    return np.asarray((calibration.defects & (bits.UNUSABLE | bits.UNCOATED | bits.SHIELDED)) == 0)


def _from_frames(found: Any) -> tuple[tuple[Mapping[str, Any], ...], Numbers]:
    """What was measured while the frames were there: residuals, the worst over the doses, and line noise."""
    if not isinstance(found, Mapping | None) or not isinstance((found or {}).get("flats", []), list):
        raise ValueError('quality must be {"flats": [...], "line_noise_dn": {...}}, each optional')
    found = found or {}
    flats = tuple(found.get("flats", []))
    numbers: Numbers = {}
    why = "no corrected flats of another dose or date were given"
    if flats and all("not_measured" in flat for flat in flats):
        why = str(flats[0]["not_measured"])
    measured = [flat for flat in flats if "not_measured" not in flat]
    try:
        for quantity in ("signal", "noise", "snr"):
            for reach in ("local", "global"):
                name = f"residual_{quantity}_{reach}_percent"
                numbers[name] = not_measured(name, why)
                if measured:
                    worst = max(measured, key=lambda flat: flat[quantity][f"{reach}_percent"])
                    spread, note = worst[quantity], _worst(len(measured), worst["level_dn"])
                    keys = (f"{reach}_percent", f"{reach}_error_percent", f"{reach}_noise_percent")
                    value, error, noise = (float(spread[key]) for key in keys)
                    numbers[name] = Number(value, error, "%", note, noise)
        name = "residual_pattern_percent"
        numbers[name] = not_measured(name, "the noise of the mean flat was not given" if measured else why)
        patterns = [flat for flat in measured if "pattern" in flat]
        if patterns:
            worst = max(patterns, key=lambda flat: flat["pattern"]["percent"])
            value, error = (float(worst["pattern"][key]) for key in ("percent", "error_percent"))
            numbers[name] = Number(value, error, "%", _worst(len(patterns), worst["level_dn"]))
        name = "line_noise_dn"
        numbers[name] = not_measured(name, "no pair of dark frames was compared")
        if found.get("line_noise_dn") is not None:
            line = found["line_noise_dn"]
            numbers[name] = Number(float(line["value"]), float(line["error"]), "DN")
    except (KeyError, TypeError, AttributeError) as reason:
        raise ValueError(f"quality is not what flat_quality gives: {reason!r}") from reason
    return flats, numbers


def _worst(doses: int, level_dn: float) -> str:
    return f"at {level_dn:.0f} DN" + (f", the worst of {doses} doses" if doses > 1 else "")


def _response(calibration: CalibrationSet, usable: NDArray[np.bool_], tiles: dict[str, FloatArray]) -> Numbers:
    """Non-uniformity of the panel before correction, and of the noise of one flat after it."""
    numbers: Numbers = {}
    pitch_mm = calibration.conditions.pitch_mm
    note = "" if pitch_mm is not None else "squares of 72 pixels: the pitch is not known"
    planes = {"response": (np.reciprocal(calibration.gain), "response_{}_percent", "")}
    if calibration.gain_noise is None:
        for reach in ("local", "global"):
            name = f"flat_noise_{reach}_percent"
            numbers[name] = not_measured(name, f"noise needs 2 flats or more, got {calibration.flats_used}")
    else:
        variance = np.square(calibration.gain * calibration.gain_noise)
        planes["flat_noise"] = (variance, "flat_noise_{}_percent", "root")
    for key, (plane, pattern, root) in planes.items():
        names = {reach: pattern.format(reach) for reach in ("local", "global")}
        try:
            squares = square_statistics(plane, usable, square_side(pitch_mm))
            values, errors = squares.mean, squares.mean_error
            if root:
                values = np.sqrt(values)
                errors = np.divide(errors, 2.0 * values, out=np.zeros_like(errors), where=values > 0)
            spread = non_uniformity(values, errors)
        except ValueError as reason:
            numbers |= {name: not_measured(name, str(reason)) for name in names.values()}
            continue
        tiles[key] = values / np.nanmean(values)
        for reach, name in names.items():
            found = (getattr(spread, f"{reach}_{part}") for part in ("percent", "error_percent", "noise_percent"))
            value, error, noise = found
            numbers[name] = Number(value, error, "%", note, noise)
    return numbers


def _dark(calibration: CalibrationSet, good: NDArray[np.bool_], tiles: dict[str, FloatArray]) -> Numbers:
    """Dark noise, dark signal and how it grows; bare and shielded pixels have theirs as well."""
    from scipy.special import gammaincinv

    offset = calibration.offset_dn[good]
    frames, typical, count = calibration.darks_used, calibration.typical_dark_noise_dn, offset.size
    spread = robust_sigma(offset)
    time_s = calibration.dark_time_s
    at = f"at {time_s:g} s" if time_s is not None else "integration time not known"
    alone = None if calibration.offset_noise_dn is None else typical / frames**0.5
    numbers = {
        "offset_dn": Number(float(np.median(offset)), MEDIAN_ERROR * spread / count**0.5, "DN", at),
        "offset_spread_dn": Number(spread, SCATTER_ERROR * spread / count**0.5, "DN", at, alone),
    }
    name = "dark_noise_p95_dn"
    if calibration.offset_noise_dn is None:
        why = f"one dark cannot tell noise from differences of offset; 2 or more are needed, got {frames}"
        numbers |= {each: not_measured(each, why) for each in ("dark_noise_dn", name)}
    else:
        noise = calibration.offset_noise_dn[good]
        error = MEDIAN_ERROR * robust_sigma(noise) / count**0.5
        numbers["dark_noise_dn"] = Number(typical, error, "DN")
        high, high_error = _high_percentile(noise)
        freedom = max(frames - 1, 1)
        alone = typical * float(np.sqrt(2.0 * gammaincinv(0.5 * freedom, 0.01 * HIGH_PERCENT) / freedom))
        numbers[name] = Number(high, high_error, "DN", f"{frames} frames", alone)
        try:
            side = square_side(calibration.conditions.pitch_mm)
            squares = square_statistics(np.square(calibration.offset_noise_dn), good, side)
            tiles["dark_noise_dn"] = np.sqrt(squares.mean)
        except ValueError:
            pass  # a panel too small for squares has no map; its noise stands above
    names = ("dark_rate_dn_per_s", "dark_rate_p95_dn_per_s")
    if calibration.dark_rate_dn_per_s is None:
        return numbers | {name: not_measured(name, "the darks have one integration time") for name in names}
    rate = calibration.dark_rate_dn_per_s[good]
    temperature_C = calibration.conditions.temperature_C
    at = "" if temperature_C is None else f"at {temperature_C:g} deg C"
    error = MEDIAN_ERROR * robust_sigma(rate) / count**0.5
    high, high_error = _high_percentile(rate)
    numbers[names[0]] = Number(float(np.median(rate)), error, "DN/s", at)
    numbers[names[1]] = Number(high, high_error, "DN/s", at)
    return numbers


def _high_percentile(values: NDArray[Any]) -> tuple[float, float]:
    """95th percentile, and its standard error from the density of values there."""
    below, high, above = (float(p) for p in np.percentile(values, [HIGH_PERCENT - 1, HIGH_PERCENT, HIGH_PERCENT + 1]))
    fraction = 0.01 * HIGH_PERCENT
    return high, float(np.sqrt(fraction * (1.0 - fraction) / values.size)) * (above - below) / 0.02


def _photon_transfer(calibration: CalibrationSet, usable: NDArray[np.bool_]) -> Numbers:
    """Noise under X-rays: signal to noise of a flat, variance per DN."""
    names = ("flat_snr", "variance_per_dn", "quanta_per_dn")
    relative, level_dn = calibration.typical_flat_noise, calibration.level_dn
    if calibration.gain_noise is None:
        why = f"one flat cannot tell noise from differences of gain; 2 or more are needed, got {calibration.flats_used}"
        return {name: not_measured(name, why) for name in names}
    dark = calibration.typical_dark_noise_dn
    variance = (relative * level_dn) ** 2 - dark**2
    if not relative > 0 or not variance > 0:
        return {name: not_measured(name, "the flats are not noisier than the darks") for name in names}
    error = MEDIAN_ERROR * robust_sigma(calibration.gain_noise[usable]) / usable.sum() ** 0.5
    at = f"at {level_dn:.0f} DN"
    value, value_error = variance / level_dn, 2.0 * relative * error * level_dn
    return {
        "flat_snr": Number(1.0 / relative, error / relative**2, "1", at),
        "variance_per_dn": Number(value, value_error, "DN", at),
        "quanta_per_dn": Number(1.0 / value, value_error / value**2, "1/DN", at),
    }


def _nearest_curve(calibration: CalibrationSet) -> LagCurve | None:
    """The beam-on/beam-off sequence whose signal is nearest to that of the flats."""
    curves = () if calibration.lag is None else calibration.lag.curves
    return min(curves, key=lambda curve: abs(np.log(curve.signal_dn / calibration.level_dn)), default=None)


def _lag(calibration: CalibrationSet, curve: LagCurve | None) -> Numbers:
    """What is left after a long exposure."""
    names = {"first frame": "lag_first_frame_percent", "1 s": "lag_1s_percent", "60 s": "lag_60s_percent"}
    left = "lag_left_first_frame_percent"
    model = calibration.lag
    if model is None:
        return {name: not_measured(name, "no beam-on/beam-off sequence was given") for name in (*names.values(), left)}
    numbers: Numbers = {left: not_measured(left, "the lag model has no sequence with it")}
    if curve is not None and "frame 1" in curve.residual:
        numbers[left] = _percent(curve.residual["frame 1"], curve.signal_dn)
    for key, name in names.items():
        if curve is not None and key in curve.lag:
            numbers[name] = _percent(curve.lag[key], curve.signal_dn)
        elif key == "first frame":  # after a long exposure the next frame gets back what each frame lost
            row = int(np.argmin(np.abs(np.log(model.signal_dn / calibration.level_dn))))
            value, error = float(model.fraction[row].sum()), float(np.hypot.reduce(model.fraction_error[row]))
            numbers[name] = _percent(LagValue(value, error), float(model.signal_dn[row]))
        else:
            numbers[name] = not_measured(name, f"the frames end {model.covered_s:g} s after the beam")
    return numbers


def _percent(lag: LagValue, signal_dn: float) -> Number:
    return Number(100.0 * lag.value, 100.0 * lag.error, "%", f"at {signal_dn:.0f} DN")


def _defects(calibration: CalibrationSet) -> Numbers:
    """Bad pixels of the imaging area, by class and in groups."""
    inside = (calibration.defects & (bits.UNCOATED | bits.SHIELDED)) == 0
    flags = np.where(inside, calibration.defects, 0)
    bad = int(np.count_nonzero(flags & bits.UNUSABLE))
    numbers: Numbers = {
        "bad_pixels": Number(bad, None, "1", f"of {inside.sum()}"),
        "bad_ppm": Number(1e6 * bad / int(inside.sum()), None, "ppm"),
    }
    skipped = [str(sentence) for sentence in calibration.provenance.get("defects_skipped", ())]
    for name, bit in _CLASSES.items():
        count = int(np.count_nonzero(flags & bit))
        why = _not_judged(name, calibration, skipped)
        if count and "not looked for" in why:
            why = "known from the flats or from earlier sets, and not looked for otherwise"
        numbers[name] = not_measured(name, why) if why and count == 0 else Number(count, None, "1", why)
    groups = find_groups(np.where(inside, calibration.defects, bits.SHIELDED).astype(np.uint16))
    kinds = np.bincount(groups.kind, minlength=LINE + 1)
    numbers |= {
        "clusters": Number(int(kinds[CLUSTER] + kinds[RELEVANT_CLUSTER]), None, "1"),
        "relevant_clusters": Number(int(kinds[RELEVANT_CLUSTER]), None, "1"),
        "cluster_kernel_pixels": Number(int(groups.kernel.sum()), None, "1"),
        "bad_lines": Number(int(kinds[LINE]), None, "1"),
    }
    name = "chi_square"
    numbers[name] = not_measured(name, "the flats have one dose")
    if calibration.chi_square is not None:
        fitted = calibration.chi_square[usable_pixels(calibration)]
        error = MEDIAN_ERROR * robust_sigma(fitted) / fitted.size**0.5
        numbers[name] = Number(float(np.median(fitted)), error, "1", f"{len(calibration.levels_dn)} doses")
    return numbers


_CLASSES = {
    "dead_pixels": bits.DEAD,
    "over_pixels": bits.OVER,
    "under_pixels": bits.UNDER,
    "noisy_pixels": bits.NOISY,
    "non_uniform_pixels": bits.NON_UNIFORM,
    "lagging_pixels": bits.LAGGING,
    "hot_pixels": bits.HOT,
    "non_linear_pixels": bits.NON_LINEAR,
    "bad_neighbourhood_pixels": bits.BAD_NEIGHBOURHOOD,
}


def _not_judged(name: str, calibration: CalibrationSet, skipped: list[str]) -> str:
    """Why a class of defects was not looked for, in the words of `find_defects`; empty where it was."""
    if name == "noisy_pixels":
        reasons = [sentence for sentence in skipped if "noise" in sentence and "was not judged" in sentence]
        return "; ".join(reasons) if len(reasons) == 2 else ""  # darks or flats alone show most of them
    if name == "non_linear_pixels":
        return "" if calibration.chi_square is not None else "the flats have one dose"
    word = {"non_uniform_pixels": "non-uniform", "lagging_pixels": "lagging"}.get(name)
    if word is None:
        return ""
    said = ("not looked for", "only those that stand out")
    reasons = [sentence for sentence in skipped if word in sentence and any(words in sentence for words in said)]
    if not reasons and word == "lagging" and calibration.lag is None:
        return "no frame after exposure was given"
    return reasons[0] if reasons else ""

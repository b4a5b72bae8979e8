"""Fit of a calibration to a frame: another panel or mode is refused, what has merely changed is warned of.

A calibration of another panel or mode gives a picture that looks right and is wrong, so that is an error. Time,
temperature and distance move slowly: the result is still usable, and the user is told what to doubt.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import UTC, datetime

from calibration.conditions import Conditions, of_one_panel
from calibration.dark.scale import SAME_TIME, differs
from calibration.limits import SAME_PITCH

_SECONDS_PER_DAY = 86400.0


@dataclass(frozen=True)
class StalenessLimits:
    """From where on a calibration is doubted.

    Attributes
    ----------
    temperature_K : float
        Change of temperature where the dark current is not scaled. [K]
    scaled_temperature_K : float
        The same where it is scaled by temperature or by reference pixels. [K]
    age_days : float
        Age of the calibration when the frame was taken. [d]
    drift_errors, drift_dn : float
        Departure of the shielded pixels from their offset that is beyond chance [standard errors] and matters [DN];
        both must be exceeded.
    distance : float
        Change of the source distance, relative, that leaves the shape of the flats' field in the picture. [1]
    voltage : float
        Change of the tube voltage, relative, at which pixels that see the spectrum differently show. [1]
    """

    temperature_K: float = 3.0  # half a doubling of the dark current, see dark_model   # assumed
    scaled_temperature_K: float = 10.0  # beyond it a doubling temperature is not one number   # assumed
    age_days: float = 30.0  # assumed: a month between calibrations
    drift_errors: float = 3.0  # chance exceeds it in 1 frame of 370   # chosen
    drift_dn: float = 2.0  # assumed: below the noise of one pixel of common panels
    distance: float = 0.01  # 3 r^2 / D^2 of it: 0.14 % of shading 21 cm off centre at 1 m   # chosen
    voltage: float = 0.1  # assumed: 63 kV for flats of 70 kV; a step of the usual beam qualities is more

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not value > 0:
                raise ValueError(f"staleness limit {field.name} must be positive, got {value}")


def check_conditions(
    calibration: Conditions,
    frame: Conditions,
    limits: StalenessLimits | None = None,
    *,
    rate_known: bool = False,
    dark_times_s: tuple[float, ...] = (),
    scaled: bool = False,
    flatten: str = "same",
    calibration_name: str = "the calibration",
    frame_name: str = "the frame",
) -> tuple[str, ...]:
    """What speaks against correcting a frame with a calibration, a sentence each.

    Parameters
    ----------
    calibration, frame : Conditions
        What one of them does not know is not compared.
    limits : StalenessLimits, optional
        From where on to warn.
    rate_known : bool
        The calibration knows how the dark signal grows with integration time.
    dark_times_s : tuple of float
        Integration times of its darks. [s]
    scaled : bool
        The dark current of the frame is scaled by its temperature or its reference pixels.
    flatten : str
        "same" if the field of the flats is divided out as it was, which needs the same source distance.
    calibration_name, frame_name : str
        How the messages call them, such as the files' names.

    Returns
    -------
    warnings : tuple of str

    Raises
    ------
    ValueError
        If panel or mode differ, or the integration time does and the calibration knows no rate.
    """
    limits = limits if limits is not None else StalenessLimits()
    names = (frame_name, calibration_name)
    of_one_panel([(calibration_name, calibration), (frame_name, frame)])
    found = (
        _check_time(frame.integration_time_s, calibration.integration_time_s, names, rate_known, dark_times_s),
        _check_temperature(frame.temperature_C, calibration.temperature_C, names, limits, scaled),
        _check_age(frame.date, calibration.date, names, limits),
        _check_distance(frame.source_to_detector_mm, calibration.source_to_detector_mm, names, limits, flatten),
        _check_voltage(frame.kvp, calibration.kvp, names, limits),
        _check_pitch(frame.pitch_mm, calibration.pitch_mm, names),
    )
    return tuple(sentence for sentence in found if sentence)


def check_drift(
    drift_dn: float, drift_error_dn: float, limits: StalenessLimits | None = None, frame_name: str = "the frame"
) -> tuple[str, ...]:
    """A warning where the shielded pixels of a frame have left their offset, such as `LineNoise.drift_dn` says.

    Parameters
    ----------
    drift_dn, drift_error_dn : float
        Median of the shielded pixels above the offset that is subtracted, and its standard error. [DN]
    limits : StalenessLimits, optional
        From where on to warn.
    frame_name : str
        How the message calls it.

    Returns
    -------
    warnings : tuple of str
        Empty, or one sentence.
    """
    limits = limits if limits is not None else StalenessLimits()
    if abs(drift_dn) <= limits.drift_dn or abs(drift_dn) <= limits.drift_errors * drift_error_dn:
        return ()
    return (
        f"the shielded pixels of {frame_name} lie {drift_dn:+.2f} DN off the calibrated offset (standard error "
        f"{drift_error_dn:.2f} DN, limit {limits.drift_dn:g} DN): take new darks",
    )


def _check_time(
    own_s: float | None,
    other_s: float | None,
    names: tuple[str, str],
    rate_known: bool,
    dark_times_s: tuple[float, ...],
) -> str | None:
    if own_s is None:
        return None
    measured = dark_times_s if dark_times_s else () if other_s is None else (other_s,)
    if not measured:
        return None
    if not rate_known:
        if not any(differs(own_s, time_s) for time_s in measured):
            return None
        raise ValueError(
            f"{names[0]} was taken with integration_time_s {own_s:g}, but {names[1]} with {measured[0]:g} and knows no "
            f"dark rate: calibrate with darks of two or more integration times"
        )
    if min(measured) * (1 - SAME_TIME) <= own_s <= max(measured) * (1 + SAME_TIME):
        return None
    return (
        f"{names[0]} was integrated for {own_s:g} s, outside the {min(measured):g} to {max(measured):g} s of the darks "
        f"of {names[1]}: its offset is extrapolated"
    )


def _check_temperature(
    own_C: float | None, other_C: float | None, names: tuple[str, str], limits: StalenessLimits, scaled: bool
) -> str | None:
    if own_C is None or other_C is None:
        return None
    allowed_K = limits.scaled_temperature_K if scaled else limits.temperature_K
    if abs(own_C - other_C) <= allowed_K:
        return None
    how = "even with its dark current scaled" if scaled else "and its dark current is not scaled"
    return (
        f"{names[0]} was taken at {own_C:g} deg C but {names[1]} at {other_C:g} deg C, more than {allowed_K:g} K "
        f"apart, {how}: take new darks"
    )


def _check_age(own: str | None, other: str | None, names: tuple[str, str], limits: StalenessLimits) -> str | None:
    if own is None or other is None:
        return None
    dates = []
    for name, said in zip(names, (own, other), strict=True):
        date = _date(said)
        if date is None:
            return f"the date of {name} is no ISO 8601 date ({said!r}): the age of the calibration is not known"
        dates.append(date)
    days = (dates[0] - dates[1]).total_seconds() / _SECONDS_PER_DAY
    if days <= limits.age_days:
        return None
    return f"{names[1]} was {days:.0f} days old when {names[0]} was taken, limit {limits.age_days:g} days"


def _check_distance(
    own_mm: float | None, other_mm: float | None, names: tuple[str, str], limits: StalenessLimits, flatten: str
) -> str | None:
    if own_mm is None or other_mm is None or flatten != "same":
        return None
    if abs(own_mm - other_mm) <= limits.distance * abs(other_mm):
        return None
    return (
        f"{names[0]} was taken {own_mm:g} mm from the source but {names[1]} {other_mm:g} mm: the field of the flats "
        f'does not fit and shades the picture unless flatten is "lowfreq"'
    )


def _check_voltage(
    own_kV: float | None, other_kV: float | None, names: tuple[str, str], limits: StalenessLimits
) -> str | None:
    if not own_kV or not other_kV or abs(own_kV - other_kV) <= limits.voltage * other_kV:
        return None
    return (
        f"{names[0]} was taken at {own_kV:g} kV but the flats of {names[1]} at {other_kV:g} kV: pixels differ in how "
        f"they see a spectrum, so that structure of the panel stays in the picture; take flats near {own_kV:g} kV"
    )


def _check_pitch(own_mm: float | None, other_mm: float | None, names: tuple[str, str]) -> str | None:
    if own_mm is None or other_mm is None or abs(own_mm - other_mm) <= SAME_PITCH * other_mm:
        return None
    return f"{names[0]} says a pixel pitch of {own_mm:.4g} mm, but {names[1]} {other_mm:.4g} mm: give the right --pitch"


def _date(said: str) -> datetime | None:
    try:
        date = datetime.fromisoformat(said)
    except ValueError:
        return None
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)

"""Another panel or mode is refused; age, temperature, distance and voltage are only warned about."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from calibration.conditions import OF_ONE_PANEL, Conditions
from calibration.staleness import StalenessLimits, check_conditions, check_drift

CONDITIONS = Conditions(
    serial="A-1",
    panel="small",
    scintillator="film",
    binning=1,
    gain_mode="high",
    integration_time_s=0.5,
    temperature_C=25.0,
    date="2026-01-01T12:00:00+00:00",
    source_to_detector_mm=1000.0,
)
COMPARED = (*OF_ONE_PANEL, "integration_time_s", "temperature_C", "date", "source_to_detector_mm")


def _with(**changes: Any) -> Conditions:
    return replace(CONDITIONS, **changes)


def test_a_frame_of_the_same_conditions_gives_no_warning() -> None:
    assert check_conditions(CONDITIONS, _with()) == ()


@pytest.mark.parametrize("key", OF_ONE_PANEL)
def test_another_panel_or_mode_is_refused_and_both_are_named(key: str) -> None:
    other = 2 if key == "binning" else "other"
    with pytest.raises(ValueError, match=rf"^raw\.tif was taken with {key} {other}, but cal\.npz with "):
        check_conditions(CONDITIONS, _with(**{key: other}), calibration_name="cal.npz", frame_name="raw.tif")


@pytest.mark.parametrize("key", COMPARED)
def test_what_one_side_does_not_say_is_not_compared(key: str) -> None:
    other = {"date": "1999-01-01", "binning": 2, "temperature_C": 90.0}.get(key, "other")
    different = _with(**{key: 1e9 if key.endswith(("_s", "_mm")) else other})
    unknown = _with(**{key: None})
    assert check_conditions(unknown, different) == check_conditions(different, unknown) == ()


@pytest.mark.parametrize(("time_s", "refused"), [(0.5004, False), (0.4996, False), (0.501, True), (0.1, True)])
def test_without_a_rate_the_integration_time_must_agree(time_s: float, refused: bool) -> None:
    if refused:
        with pytest.raises(
            ValueError, match=rf"integration_time_s {time_s}, but the calibration with 0\.5 and knows no"
        ):
            check_conditions(CONDITIONS, _with(integration_time_s=time_s))
    else:
        assert check_conditions(CONDITIONS, _with(integration_time_s=time_s)) == ()


@pytest.mark.parametrize(("time_s", "warnings"), [(0.1, 0), (0.3, 0), (2.0, 0), (0.09, 1), (2.1, 1)])
def test_with_a_rate_it_must_lie_within_the_darks(time_s: float, warnings: int) -> None:
    found = check_conditions(
        CONDITIONS, _with(integration_time_s=time_s), rate_known=True, dark_times_s=(0.1, 0.5, 2.0)
    )
    assert len(found) == warnings
    assert all("outside the 0.1 to 2 s of the darks" in sentence for sentence in found)


@pytest.mark.parametrize(
    ("temperature_C", "scaled", "warnings"),
    [(28.0, False, 0), (22.0, False, 0), (28.1, False, 1), (21.9, False, 1), (34.9, True, 0), (35.1, True, 1)],
)
def test_temperature_may_differ_by_3_K_or_scaled_by_10_K(temperature_C: float, scaled: bool, warnings: int) -> None:
    found = check_conditions(CONDITIONS, _with(temperature_C=temperature_C), scaled=scaled)
    assert len(found) == warnings
    assert all(f"{temperature_C:g} deg C but the calibration at 25 deg C" in sentence for sentence in found)


@pytest.mark.parametrize(
    ("date", "warnings"),
    [
        ("2026-01-31T12:00:00+00:00", 0),
        ("2026-01-31T12:01:00+00:00", 1),
        ("2026-01-31T12:01:00+02:00", 0),  # 10:01 UTC
        ("2026-01-31T12:00:00", 0),  # without a zone it is UTC
        ("2026-03-01", 1),
        ("2025-01-01", 0),  # the calibration is newer
    ],
)
def test_an_old_calibration_is_warned_about_and_a_newer_one_is_not(date: str, warnings: int) -> None:
    found = check_conditions(CONDITIONS, _with(date=date))
    assert len(found) == warnings
    assert all("days old when the frame was taken, limit 30 days" in sentence for sentence in found)


def test_a_date_that_is_none_says_that_the_age_is_unknown() -> None:
    (sentence,) = check_conditions(CONDITIONS, _with(date="yesterday"))
    assert sentence.startswith("the date of the frame is no ISO 8601 date ('yesterday')")


@pytest.mark.parametrize(
    ("distance_mm", "flatten", "warnings"),
    [(1009.0, "same", 0), (1011.0, "same", 1), (1800.0, "same", 1), (1800.0, "none", 0), (1800.0, "lowfreq", 0)],
)
def test_another_source_distance_matters_where_the_flats_are_taken_as_they_were(
    distance_mm: float, flatten: str, warnings: int
) -> None:
    found = check_conditions(CONDITIONS, _with(source_to_detector_mm=distance_mm), flatten=flatten)
    assert len(found) == warnings


@pytest.mark.parametrize(("kvp", "warnings"), [(76.0, 0), (64.0, 0), (78.0, 1), (50.0, 1), (None, 0), (0.0, 0)])
def test_a_frame_at_another_voltage_than_the_flats_is_warned_of(kvp: float | None, warnings: int) -> None:
    found = check_conditions(_with(kvp=70.0), _with(kvp=kvp), calibration_name="cal.npz", frame_name="raw.tif")
    assert len(found) == warnings
    assert all(f"raw.tif was taken at {kvp:g} kV but the flats of cal.npz at 70 kV" in sentence for sentence in found)


def test_every_warning_is_one_sentence_and_all_are_given() -> None:
    frame = _with(integration_time_s=3.0, temperature_C=40.0, date="2027-01-01", source_to_detector_mm=1500.0)
    found = check_conditions(CONDITIONS, frame, rate_known=True, dark_times_s=(0.1, 2.0))
    assert len(found) == 4
    assert all("\n" not in sentence and not sentence.endswith(".") for sentence in found)


def test_the_limits_can_be_set() -> None:
    frame = _with(temperature_C=27.0)
    assert check_conditions(CONDITIONS, frame) == ()
    assert len(check_conditions(CONDITIONS, frame, StalenessLimits(temperature_K=1.0))) == 1
    with pytest.raises(ValueError, match="staleness limit age_days must be positive, got 0"):
        StalenessLimits(age_days=0.0)


@pytest.mark.parametrize(
    ("drift_dn", "error_dn", "warnings"),
    [(1.9, 0.01, 0), (2.1, 0.01, 1), (-2.1, 0.01, 1), (10.0, 4.0, 0), (13.0, 4.0, 1), (0.0, 0.0, 0)],
)
def test_drift_must_be_both_beyond_chance_and_material(drift_dn: float, error_dn: float, warnings: int) -> None:
    found = check_drift(drift_dn, error_dn)
    assert len(found) == warnings
    assert all(f"lie {drift_dn:+.2f} DN off the calibrated offset" in sentence for sentence in found)


def test_another_pitch_is_warned_of() -> None:
    known, same, other = (Conditions(pitch_mm=pitch_mm) for pitch_mm in (0.2, 0.1988, 0.139))
    assert check_conditions(known, same) == ()
    (warning,) = check_conditions(known, other)
    assert warning.startswith("the frame says a pixel pitch of 0.139 mm, but the calibration 0.2 mm")

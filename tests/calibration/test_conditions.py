"""What a file says about its frames is taken over whole, or refused in one sentence that names it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from calibration.conditions import (
    CONDITIONS,
    Conditions,
    conditions_from,
    conditions_to_json,
    of_one_panel,
    overlaid,
)

EVERYTHING = {
    "manufacturer": "Maker", "panel": "small", "serial": "A-1", "device_serial": "7", "scintillator": "film",
    "binning": 2, "gain_mode": "high",
    "integration_time_s": 0.5, "frame_interval_s": 1.0, "exposure_time_s": 0.1, "temperature_C": 25.0,
    "air_kerma_uGy": 2.5, "kvp": 70.0, "beam_quality": "RQA5", "anode": "W",
    "tube_current_mA": 250.0, "exposure_mAs": 2.5,
    "source_to_detector_mm": 1000.0, "focal_spot_mm": 0.6, "saturation_dn": 60000.0,
    "saturation_source": "the maker", "pitch_mm": 0.139,
    "date": "2026-01-01T12:00:00+00:00", "shielded_cols": [[0, 4], [60, 64]],
}  # fmt: skip


def test_everything_comes_back_as_it_was() -> None:
    assert set(EVERYTHING) == set(CONDITIONS)
    assert conditions_to_json(conditions_from(EVERYTHING, "raw.tif")) == EVERYTHING


def test_what_is_not_said_is_not_known() -> None:
    nothing = conditions_from({"serial": None, "panel": " ", "seed": 3}, "raw.tif")
    assert nothing == Conditions() and conditions_to_json(nothing) == {}


def test_no_shielded_columns_is_something_to_say() -> None:
    assert conditions_to_json(conditions_from({"shielded_cols": []}, "raw.tif")) == {"shielded_cols": []}


def test_blanks_numbers_and_pairs_are_no_difference() -> None:
    found = conditions_from({"serial": 17, "panel": " small ", "binning": [2, 2], "kvp": 70}, "raw.tif")
    assert found == Conditions(serial="17", panel="small", binning=2, kvp=70.0)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("temperature_C", "warm", "temperature_C must be a valid number, got 'warm'"),
        ("integration_time_s", True, "integration_time_s must be a valid number, got True"),
        ("integration_time_s", 0.0, "integration_time_s must be greater than 0, got 0.0"),
        ("source_to_detector_mm", float("nan"), "source_to_detector_mm must be a finite number, got nan"),
        ("binning", [1, 2], r"binning must be a valid integer, got \[1, 2\]"),
        ("panel", {"name": "small"}, "panel must be a valid string, got {'name': 'small'}"),
        ("shielded_cols", [4, 0], "shielded_cols must be a list, got 4"),
        ("shielded_cols", [[4, 4]], r"ranges \[first, last\) with first < last, got \[4, 4\]"),
    ],
)
def test_a_wrong_value_names_file_and_key(key: str, value: object, message: str) -> None:
    with pytest.raises(ValueError, match=rf"^raw\.tif: .*{message}") as caught:
        conditions_from({key: value}, "raw.tif")
    assert "\n" not in str(caught.value)


def test_a_misspelt_key_is_refused_where_nothing_else_is_expected() -> None:
    with pytest.raises(
        ValueError, match=r"^a\.toml: unknown key 'integration_time'; known: manufacturer, .*integration_time_s"
    ):
        conditions_from({"integration_time": 0.1}, "a.toml", others_allowed=False)


def test_what_is_known_above_replaces_what_lies_below() -> None:
    below, above = Conditions(serial="A-1", kvp=70.0), Conditions(kvp=80.0, date="2026-01-01")
    assert overlaid(below, above) == Conditions(serial="A-1", kvp=80.0, date="2026-01-01")
    assert overlaid(below, Conditions()) == below


def test_a_saturation_said_above_is_not_that_of_the_file_below() -> None:
    below = Conditions(saturation_dn=65535.0, saturation_source="BitsStored 16")
    assert overlaid(below, Conditions(saturation_dn=16000.0)) == Conditions(saturation_dn=16000.0)
    assert overlaid(below, Conditions(kvp=70.0)).saturation_source == "BitsStored 16"


def test_frames_of_one_panel_tell_together_what_it_is() -> None:
    frames = [("a", Conditions(serial="A-1", kvp=70.0)), ("b", Conditions(panel="small")), ("c", Conditions())]
    assert of_one_panel(frames) == Conditions(serial="A-1", panel="small")
    other = replace(frames[0][1], serial="B-7")
    with pytest.raises(ValueError, match=r"^d was taken with serial B-7, but a with A-1$"):
        of_one_panel([*frames, ("d", other)])


def test_a_unit_with_two_panels_or_a_panel_in_two_units_is_told_apart() -> None:
    panel_a, panel_b = Conditions(serial="A", device_serial="7"), Conditions(serial="B", device_serial="7")
    moved, unit = Conditions(serial="A", device_serial="8"), Conditions(serial="7", device_serial="7")
    assert of_one_panel([("a", panel_a), ("moved", moved)]) == Conditions(serial="A")
    for frames in ([("a", panel_a), ("unit", unit)], [("unit", unit), ("a", panel_a)]):
        assert of_one_panel(frames) == panel_a  # one says its panel, the other only its unit: the same unit
    with pytest.raises(ValueError, match="b was taken with serial B, but a with A"):
        of_one_panel([("a", panel_a), ("b", panel_b)])
    with pytest.raises(ValueError, match="moved was taken with serial A, but unit with 7"):
        of_one_panel([("unit", unit), ("moved", moved)])


def test_the_maker_of_a_panel_is_told_where_all_agree() -> None:
    maker, other = Conditions(manufacturer="Maker", serial="A"), Conditions(manufacturer="MAKER Inc", serial="A")
    assert of_one_panel([("a", maker), ("b", Conditions())]) == maker
    assert of_one_panel([("a", maker), ("b", other)]) == Conditions(serial="A")

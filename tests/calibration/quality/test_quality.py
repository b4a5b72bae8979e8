"""Quality of a panel: known non-uniformity, noise and drift come back with the error that is stated."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from calibration import flags as bits
from calibration.calibration_set import CalibrationSet
from calibration.conditions import Conditions
from calibration.lag.model import LagModel
from calibration.lag.record import LagCurve, LagValue
from calibration.quality.drift import _mean_noise, smooth_field, with_drift
from calibration.quality.numbers import DRIFTS, without_noise
from calibration.quality.quality import (
    QUANTITIES,
    Number,
    flat_quality,
    line_noise,
    quality_of,
    quality_to_json,
    usable_pixels,
)
from calibration.quality.uniformity import non_uniformity, square_statistics

ROWS, COLS, SIDE = 48, 64, 8
PITCH_MM = 1.25  # 10 mm are 8 pixels: 4 x 6 squares inside the border
GOOD = np.ones((ROWS, COLS), bool)
GOOD.setflags(write=False)


_MADE: dict[tuple[object, ...], CalibrationSet] = {}  # the same frames are calibrated once


def calibrated(  # type: ignore[no-untyped-def]
    panel, seed: int = 8, darks: int = 16, flats: int = 16, quality: Any = None, **said: Any
) -> CalibrationSet:
    key = (panel.offset_dn.tobytes(), panel.response.tobytes(), seed, darks, flats)
    if key not in _MADE:
        _MADE[key] = panel.calibrated(darks=darks, flats=flats, signal_dn=20000.0, seed=seed)
    made = _MADE[key]
    return replace(made, quality=quality, conditions=Conditions(**{"pitch_mm": PITCH_MM, **said}))


# What needs frames


def test_twice_the_shading_is_twice_the_non_uniformity_of_a_flat() -> None:
    shade = np.linspace(-1.0, 1.0, COLS)
    noise = np.random.default_rng(4).normal(0.0, 1.0, (ROWS, COLS))
    weak, strong = (flat_quality(10000.0 * (1.0 + s * shade) + noise, GOOD, PITCH_MM) for s in (0.01, 0.02))
    assert strong["signal"]["global_percent"] == pytest.approx(2.0 * weak["signal"]["global_percent"], rel=0.005)
    # 5 steps of 8 columns of the 63 from -1 to 1
    assert weak["signal"]["global_percent"] == pytest.approx(100.0 * 0.01 * 2.0 * 40.0 / 63.0, rel=0.01)
    assert json.loads(json.dumps(weak, allow_nan=False)) == weak


def test_the_fixed_pattern_of_a_corrected_flat_is_told_from_its_noise() -> None:
    rng = np.random.default_rng(5)
    flat = 10000.0 * (1.0 + rng.normal(0.0, 0.003, (ROWS, COLS))) + rng.normal(0.0, 40.0, (ROWS, COLS))
    found = flat_quality(flat, GOOD, PITCH_MM, noise_dn=40.0)["pattern"]
    assert found["percent"] == pytest.approx(0.3, abs=3.0 * found["error_percent"])
    # 24 squares of 64 pixels know 0.5 % to 0.5 / sqrt(2 * 1536) * 1.25 = 0.011, of which 0.3 % makes 0.5 / 0.3
    assert found["error_percent"] == pytest.approx(0.019, rel=0.4)
    assert "pattern" not in flat_quality(flat, GOOD, PITCH_MM)


def test_a_flat_that_says_nothing_is_not_measured_and_never_zero() -> None:
    rng = np.random.default_rng(6)
    assert "corrected with itself" in flat_quality(np.full((ROWS, COLS), 7e3), GOOD, PITCH_MM)["not_measured"]
    noisy = rng.normal(7e3, 10.0, (ROWS, COLS))
    assert "holds no square of 72 pixels" in flat_quality(noisy, GOOD, None)["not_measured"]
    half = GOOD & (np.arange(COLS) < 28)
    assert flat_quality(np.where(half, noisy, 1e24), half, PITCH_MM)["level_dn"] == pytest.approx(7e3, abs=2.0)
    few = np.zeros_like(GOOD)
    few[20:22, 20:22] = True
    assert "no two of them are neighbours" in flat_quality(noisy, few, PITCH_MM)["not_measured"]
    with pytest.raises(ValueError, match="none of the 3072 pixels of the flat is usable"):
        flat_quality(noisy, ~GOOD, PITCH_MM)
    with pytest.raises(ValueError, match=r"the flat is \(48, 64\) but the map of usable pixels is \(64, 48\)"):
        flat_quality(noisy, GOOD.T, PITCH_MM)


@pytest.mark.parametrize("line_dn", [0.0, 1.0, 4.0])
def test_line_noise_comes_back_from_two_dark_frames(line_dn: float) -> None:
    rng = np.random.default_rng(7)
    shape = (192, 64)
    frames = [rng.normal(0.0, 4.0, shape) + rng.normal(0.0, 1.0, (192, 1)) * line_dn for _ in range(2)]
    difference = frames[0] - frames[1] + np.linspace(0.0, 20.0, 192)[:, None]  # a slow drift does not count
    usable = rng.random(shape) > 0.02
    difference[~usable] = 1e24
    found = line_noise(difference, usable)
    assert found.value is not None and found.error is not None
    assert found.value == pytest.approx(line_dn, abs=2.5 * found.error)
    # from means of N frames of each: the same noise from a difference that is smaller by sqrt(N)
    mean_of = line_noise(difference / 4.0, usable, 2.0 / 16.0)
    assert mean_of.value == pytest.approx(found.value, abs=1e-9)
    few = usable & (np.arange(192) < 8)[:, None]
    assert line_noise(difference, few) == Number(
        None, None, "DN", "not measured: 8 rows with usable pixels are too few"
    )


def test_taking_noise_out_leaves_zero_with_an_error_where_noise_is_all() -> None:
    assert without_noise(5.0, 0.0, 3.0) == (4.0, 0.0)
    value, error = without_noise(1.0, 0.01, 1.1)
    assert value == 0.0 and error == pytest.approx(0.02**0.5)  # sqrt(2 * 1 * 0.01)
    value, error = without_noise(2.0, 0.01, 0.0)
    assert (value, error) == (2.0, pytest.approx(0.01, rel=0.01))
    assert without_noise(2.0, 0.0, 1.0, 0.03)[1] == pytest.approx(0.03 / 3.0**0.5, rel=0.02)


# A calibration


def test_noise_of_a_known_panel_comes_back(panel) -> None:  # type: ignore[no-untyped-def]
    numbers = quality_of(calibrated(panel)).numbers
    assert list(numbers) == list(QUANTITIES)
    truth = {
        "dark_noise_dn": (16.0 + 1.0 / 12.0) ** 0.5,  # 4 DN and the rounding to whole DN
        "variance_per_dn": 4.0,  # DN per quantum of the fixture
        "quanta_per_dn": 0.25,
        "flat_snr": 20000.0 / (4.0 * 20000.0 + 16.0) ** 0.5,
        "offset_dn": float(np.median(panel.offset_dn)),
    }
    for name, value in truth.items():
        number = numbers[name]
        assert number.value is not None and number.error is not None
        assert number.value == pytest.approx(value, abs=3.0 * number.error), name
        assert number.error < 0.02 * value, name
    # of 16 frames: 95 % of the standard deviations of normal numbers lie below sqrt(24.996 / 15) = 1.291 sigma
    assert numbers["dark_noise_p95_dn"].noise_alone == pytest.approx(1.2909 * truth["dark_noise_dn"], rel=0.01)
    assert numbers["dark_noise_p95_dn"].value == pytest.approx(1.2909 * truth["dark_noise_dn"], rel=0.02)


def test_uniformity_of_the_panel_before_correction_is_that_of_its_response(panel) -> None:  # type: ignore[no-untyped-def]
    quality = quality_of(calibrated(panel))
    squares = square_statistics(panel.response, GOOD, SIDE)
    truth = non_uniformity(squares.mean, squares.mean_error)
    number = quality.numbers["response_global_percent"]
    # noise of 16 flats: 1.4 / 4 = 0.35 % a pixel, 0.044 % a square, two of them 0.06 %
    assert number.value == pytest.approx(truth.global_percent, abs=0.2)
    assert quality.tiles["response"] == pytest.approx(squares.mean / squares.mean.mean(), abs=0.002)
    assert quality.tiles["dark_noise_dn"] == pytest.approx(np.full((4, 6), 4.01), rel=0.1)  # 64 pixels of 16 frames
    noise = quality.numbers["flat_noise_global_percent"]
    assert noise.value is not None and noise.noise_alone is not None and noise.value < 2.5 * noise.noise_alone
    # variances of 16 frames in 64 pixels: sqrt(2 / 15 / 64), half of it for the noise, range of 24 numbers 3.895 sigma
    assert noise.noise_alone == pytest.approx(100.0 * 0.5 * (2 / 15 / 64) ** 0.5 * 3.895, rel=0.15)


def test_a_noisy_corner_shows_in_the_noise_and_not_in_the_signal(panel) -> None:  # type: ignore[no-untyped-def]
    made = calibrated(panel)
    assert made.gain_noise is not None
    louder = made.gain_noise.copy()
    louder[8:16, 8:16] *= 1.5
    before, after = (quality_of(each).numbers for each in (made, replace(made, gain_noise=louder)))
    assert before["response_local_percent"] == after["response_local_percent"]
    risen = after["flat_noise_local_percent"].value - before["flat_noise_local_percent"].value  # type: ignore[operator]
    assert 25.0 < risen < 50.0  # 50 % of the mean noise, less what the largest step was before


def test_single_frames_leave_noise_unmeasured_and_say_so(panel) -> None:  # type: ignore[no-untyped-def]
    numbers = quality_of(calibrated(panel, darks=1, flats=1)).numbers
    for name in ("dark_noise_dn", "dark_noise_p95_dn", "flat_snr", "variance_per_dn", "noisy_pixels", "lagging_pixels"):
        assert numbers[name].value is None and numbers[name].error is None, name
        assert numbers[name].note.startswith("not measured: "), name
    assert "one dark cannot tell noise from differences of offset" in numbers["dark_noise_dn"].note
    assert numbers["offset_dn"].value is not None and numbers["offset_spread_dn"].noise_alone is None


def test_everything_has_a_value_or_a_reason(panel) -> None:  # type: ignore[no-untyped-def]
    quality = quality_of(calibrated(panel, serial="FP-17", date="2026-05-01"))
    for name, number in quality.numbers.items():
        assert number.unit == QUANTITIES[name][0]
        assert (number.value is None) == number.note.startswith("not measured: "), name
        assert number.value is None or np.isfinite([number.value, number.error or 0.0]).all()
    text = json.dumps(quality_to_json(quality), allow_nan=False)
    found = json.loads(text)
    assert (found["serial"], found["date"], found["shape"]) == ("FP-17", "2026-05-01", [48, 64])
    assert found["numbers"]["dark_noise_dn"]["unit"] == "DN"
    assert all(quality.numbers[name].value is None for name in DRIFTS)


def test_residuals_are_the_worst_of_all_doses(panel) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(9)
    shade = np.linspace(-1.0, 1.0, COLS)
    doses = [(2000.0, 0.02), (20000.0, 0.01)]
    flats = [flat_quality(dn * (1 + s * shade) + rng.normal(0, 9, (ROWS, COLS)), GOOD, PITCH_MM) for dn, s in doses]
    with_itself = flat_quality(np.full((ROWS, COLS), 5e3), GOOD, PITCH_MM)
    line = {"value": 0.5, "error": 0.1}
    quality = quality_of(calibrated(panel, quality={"flats": [*flats, with_itself], "line_noise_dn": line}))
    number = quality.numbers["residual_signal_global_percent"]
    assert number.value == flats[0]["signal"]["global_percent"] and "2000 DN, the worst of 2 doses" in number.note
    assert quality.numbers["line_noise_dn"] == Number(0.5, 0.1, "DN")
    assert "noise of the mean flat was not given" in quality.numbers["residual_pattern_percent"].note
    only = quality_of(calibrated(panel, quality={"flats": [with_itself]})).numbers
    assert "corrected with itself" in only["residual_noise_local_percent"].note


@pytest.mark.parametrize("wrong", [[], {"flats": {}}, {"flats": [{"level_dn": 1.0}]}, {"line_noise_dn": 3.0}])
def test_a_quality_that_calibrate_did_not_write_is_refused(panel, wrong: object) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=r"^quality (must be|is not what)"):
        quality_of(calibrated(panel, quality=wrong))


def test_lag_after_a_long_exposure_is_the_sum_of_the_fractions(panel) -> None:  # type: ignore[no-untyped-def]
    fraction, time_s, interval_s = np.array([0.02, 0.004]), np.array([0.3, 4.0]), 0.2
    model = LagModel(time_s, [20000.0], [fraction], [[3e-4, 4e-4]], [0.01, 0.2], interval_s, 30.0)  # type: ignore[arg-type]
    number = quality_of(replace(calibrated(panel), lag=model)).numbers["lag_first_frame_percent"]
    kept, stores = np.exp(-interval_s / time_s), np.zeros(2)
    for _ in range(500):  # 100 s of exposure, 25 of the longer time constants: the definition, frame by frame
        stores = stores * kept + fraction * 1.0
    first_dark = float((stores * (1.0 - kept)).sum())
    assert number.value == pytest.approx(100.0 * first_dark, rel=1e-9)
    assert number.error == pytest.approx(100.0 * 5e-4)


def test_lag_is_that_of_the_sequence_nearest_to_the_flats(panel) -> None:  # type: ignore[no-untyped-def]
    series = np.array([0.2, 1.0])

    def curve(signal_dn: float, first: float) -> LagCurve:
        lag = {"first frame": LagValue(first, 2e-4), "1 s": LagValue(first / 4, 1e-4)}
        return LagCurve("a", signal_dn, 9, 9, *[series] * 5, lag, {"frame 1": LagValue(-1e-4, 1e-4)}, {})

    curves = (curve(900.0, 0.05), curve(15000.0, 0.03))
    model = LagModel([0.3], [20000.0], [[0.02]], [[3e-4]], [0.01], 0.2, 30.0, curves=curves)  # type: ignore[arg-type]
    quality = quality_of(replace(calibrated(panel), lag=model))
    assert quality.lag is curves[1]
    assert quality.numbers["lag_first_frame_percent"] == Number(3.0, 0.02, "%", "at 15000 DN")
    assert quality.numbers["lag_1s_percent"].value == pytest.approx(0.75)
    assert quality.numbers["lag_left_first_frame_percent"].value == pytest.approx(-0.01)
    assert quality.numbers["lag_60s_percent"].note == "not measured: the frames end 30 s after the beam"


def test_defects_are_counted_where_pictures_are_made(panel) -> None:  # type: ignore[no-untyped-def]
    made = calibrated(panel)
    defects = np.zeros((ROWS, COLS), np.uint16)
    defects[:, 56:] = bits.UNCOATED
    defects[:, :2] = bits.SHIELDED
    defects[5, 60] = bits.DEAD | bits.UNCOATED  # not in the imaging area
    defects[10, 55] = bits.DEAD  # single: what is bad beside it makes no picture
    defects[10, 56] = bits.DEAD | bits.UNCOATED
    defects[20:23, 30:33] = bits.OVER  # the middle and the sides of nine are kernel pixels
    defects[30, 10:30] = bits.UNDER
    numbers = quality_of(replace(made, defects=defects)).numbers
    expected = {
        "bad_pixels": 30,
        "dead_pixels": 1,
        "over_pixels": 9,
        "under_pixels": 20,
        "noisy_pixels": 0,
        "clusters": 1,
        "relevant_clusters": 1,
        "cluster_kernel_pixels": 5,  # corners of the nine have five good neighbours left
        "bad_lines": 1,
    }
    assert {name: numbers[name].value for name in expected} == expected
    assert numbers["bad_ppm"].value == pytest.approx(1e6 * 30 / (48 * 54))
    assert numbers["non_linear_pixels"].note == "not measured: the flats have one dose"
    assert numbers["lagging_pixels"].note.startswith("not measured: ")
    silent = replace(made, provenance={**made.provenance, "defects_skipped": []})
    assert quality_of(silent).numbers["lagging_pixels"].note == "not measured: no frame after exposure was given"
    assert quality_of(silent).numbers["non_uniform_pixels"].value == 0
    with pytest.raises(ValueError, match="none of the 3072 pixels of the calibration makes a picture"):
        quality_of(replace(made, defects=np.full((ROWS, COLS), bits.UNCOATED, np.uint16)))


def test_dark_rate_and_chi_square_are_reported_where_they_were_fitted(panel) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(10)
    rate = rng.normal(30.0, 3.0, (ROWS, COLS)).astype(np.float32)
    chi_square = rng.normal(1.0, 0.2, (ROWS, COLS)).astype(np.float32)
    made = replace(
        calibrated(panel),
        dark_rate_dn_per_s=rate,
        chi_square=chi_square,
        conditions=Conditions(pitch_mm=PITCH_MM, integration_time_s=0.5, temperature_C=25.0),
    )
    numbers = quality_of(made).numbers
    # median of 3072: 3 * 1.2533 / sqrt(3072) = 0.068; 95th percentile at 1.645 sigma, error 0.11
    assert numbers["dark_rate_dn_per_s"].error == pytest.approx(0.068, rel=0.1)
    assert numbers["dark_rate_dn_per_s"].value == pytest.approx(30.0, abs=0.2)
    assert numbers["dark_rate_p95_dn_per_s"].value == pytest.approx(30.0 + 1.645 * 3.0, abs=0.4)
    assert numbers["dark_rate_p95_dn_per_s"].error == pytest.approx(0.114, rel=0.5)
    assert numbers["dark_rate_dn_per_s"].note == "at 25 deg C" and numbers["offset_dn"].note == "at 0.5 s"
    assert numbers["chi_square"].value == pytest.approx(1.0, abs=0.02)
    assert numbers["non_linear_pixels"].value == 0


# Drift


def test_a_panel_measured_twice_has_no_drift(panel) -> None:  # type: ignore[no-untyped-def]
    before, after = calibrated(panel, seed=1), calibrated(panel, seed=2)
    numbers = with_drift(quality_of(after), after, before).numbers
    for name in ("offset_drift_dn", "offset_drift_rms_dn", "gain_drift_rms_percent", "line_noise_dn"):
        number = numbers[name]
        assert number.value is not None and number.error is not None
        assert abs(number.value) < 3.0 * number.error, name
    # 0.35 % noise of each map, 3072 pixels: 0.5 * sqrt(2 * 1.17 / sqrt(3072)) = 0.10
    assert numbers["gain_drift_rms_percent"].error < 0.15
    assert numbers["new_bad_pixels"].value == numbers["gone_bad_pixels"].value == 0


def test_noise_of_few_darks_is_no_drift_of_the_gain(panel) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(17)
    made = replace(
        calibrated(panel), typical_dark_noise_dn=400.0, darks_used=4, level_dn=20000.0, typical_flat_noise=0.0
    )
    # four darks of 400 DN noise at 20,000 DN: each response is known to 1 %
    responses = 1.0 + rng.normal(0.0, 0.01, (2, ROWS, COLS)).astype(np.float32)
    sets = [replace(made, gain=1.0 / response) for response in responses]
    number = with_drift(quality_of(sets[1]), sets[1], sets[0]).numbers["gain_drift_rms_percent"]
    # 1.41 % is found and 1.41 % is noise: sqrt(2 * 2 * 1.17 / sqrt(3072)) = 0.29 could hide
    assert number.value is not None and number.value < 3.0 * 0.29
    assert number.error == pytest.approx(0.29, rel=0.3)


def test_noise_of_single_frames_stays_in_a_drift_and_is_named(panel) -> None:  # type: ignore[no-untyped-def]
    before, after = calibrated(panel), calibrated(panel, darks=1, flats=1)
    numbers = with_drift(quality_of(after), after, before).numbers
    # one frame of 4 DN and of 1.42 % noise beside the mean of 16: sqrt(17 / 16) of it; 3072 pixels know it to 2 %
    assert numbers["offset_drift_rms_dn"].value == pytest.approx(4.01 * (17 / 16) ** 0.5, rel=0.07)
    assert numbers["gain_drift_rms_percent"].value == pytest.approx(1.42 * (17 / 16) ** 0.5, rel=0.07)
    assert numbers["offset_drift_rms_dn"].note == "noise of a single dark included"
    assert numbers["gain_drift_rms_percent"].note == "noise of a single flat included"


def test_lag_makes_the_mean_of_frames_noisier_than_their_scatter_says(panel) -> None:  # type: ignore[no-untyped-def]
    rng, fraction, frames = np.random.default_rng(16), 0.05, 64
    charge = rng.normal(0.0, 1.0, (frames + 1, 20000))
    delivered = (1.0 - fraction) * charge[1:] + fraction * charge[:-1]
    scatter, mean_noise = delivered.std(axis=0, ddof=1).mean(), delivered.mean(axis=0).std()
    model = LagModel([0.01], [2e4], [[fraction]], [[0.0]], [0.01], 0.2, 30.0)  # type: ignore[arg-type]
    made = replace(
        calibrated(panel), lag=model, typical_flat_noise=scatter, flats_used=frames, typical_dark_noise_dn=0.0
    )
    # 20,000 pixels: 0.5 %; the approximation leaves out the fraction squared, 0.25 %
    assert _mean_noise(made) == (pytest.approx(mean_noise, rel=0.015), 0.0)
    assert _mean_noise(replace(made, lag=None))[1] == pytest.approx(0.03 * scatter / 8.0)


def test_known_drifts_come_back_without_the_noise_and_without_the_field(panel) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(11)
    field = 1.0 + 0.05 * np.linspace(-1, 1, COLS) + 0.03 * np.linspace(-1, 1, ROWS)[:, None] ** 2
    moved = replace(
        panel,
        offset_dn=panel.offset_dn + 5.0 + rng.normal(0.0, 2.0, (ROWS, COLS)),
        response=panel.response * (1.0 + rng.normal(0.0, 0.006, (ROWS, COLS))) * field,
    )
    before, after = calibrated(panel, seed=3), calibrated(moved, seed=4)
    numbers = with_drift(quality_of(after), after, before).numbers
    for name, truth in (("offset_drift_dn", 5.0), ("offset_drift_rms_dn", 2.0), ("gain_drift_rms_percent", 0.6)):
        number = numbers[name]
        assert number.value is not None and number.error is not None
        assert number.value == pytest.approx(truth, abs=3.0 * number.error), name
        assert number.error < 0.05 * truth, name
    back = with_drift(quality_of(before), before, after).numbers["offset_drift_dn"]
    assert back.value == pytest.approx(-numbers["offset_drift_dn"].value)  # type: ignore[operator]


def test_new_and_healed_defects_are_told_apart(panel) -> None:  # type: ignore[no-untyped-def]
    before = calibrated(panel)
    defects = before.defects.copy()
    defects[4, 4:7] = bits.DEAD
    after = replace(before, defects=defects)
    numbers = with_drift(quality_of(after), after, before).numbers
    assert (numbers["new_bad_pixels"].value, numbers["gone_bad_pixels"].value) == (3, 0)
    numbers = with_drift(quality_of(before), before, after).numbers
    assert (numbers["new_bad_pixels"].value, numbers["gone_bad_pixels"].value) == (0, 3)


def test_offsets_of_two_integration_times_need_a_dark_rate(panel) -> None:  # type: ignore[no-untyped-def]
    before, after = calibrated(panel, integration_time_s=0.2), calibrated(panel, integration_time_s=1.2)
    numbers = with_drift(quality_of(after), after, before).numbers
    assert numbers["offset_drift_dn"].note == (
        "not measured: darks of 1.2 s and 0.2 s, and no dark rate to bridge them"
    )
    rate = np.full((ROWS, COLS), 10.0, np.float32)
    before = replace(before, dark_rate_dn_per_s=rate, conditions=replace(before.conditions, integration_time_s=0.2))
    number = with_drift(quality_of(after), after, before).numbers["offset_drift_dn"]
    assert number.value == pytest.approx(-10.0, abs=1e-3)  # the same darks, 1 s of 10 DN/s expected between them
    assert number.note == "baseline carried from 0.2 to 1.2 s"


def test_a_measured_line_noise_is_not_replaced_by_the_drift_of_rows(panel) -> None:  # type: ignore[no-untyped-def]
    before, after = calibrated(panel), calibrated(panel, quality={"line_noise_dn": {"value": 0.5, "error": 0.1}})
    assert with_drift(quality_of(after), after, before).numbers["line_noise_dn"].value == 0.5


def test_curved_gains_are_compared_at_the_level_of_the_flats(panel) -> None:  # type: ignore[no-untyped-def]
    before = calibrated(panel)
    bend = np.random.default_rng(12).normal(0.0, 0.01, (ROWS, COLS))
    level = before.level_dn
    curved = replace(
        before,
        gain=(before.gain * (1.0 - bend)).astype(np.float32),
        curvature=np.stack([before.gain * bend * 0.4 / level, before.gain * bend * 0.6 / level**2]).astype(np.float32),
    )  # the same factor at the level: 1 - b + 0.4 b + 0.6 b
    with_both = with_drift(quality_of(curved), curved, before).numbers["gain_drift_rms_percent"]
    assert with_both.value == 0.0
    bent = replace(curved, curvature=None)
    assert with_drift(quality_of(bent), bent, before).numbers["gain_drift_rms_percent"].value == pytest.approx(
        (1.0**2 - 2 * 0.354**2) ** 0.5, rel=0.05
    )  # 1 %, less noise that the same map twice does not have


def test_a_field_of_fourth_order_is_fitted_to_rounding() -> None:
    y, x = np.linspace(-1, 1, ROWS)[:, None], np.linspace(-1, 1, COLS)
    field = 1.0 + 0.1 * x - 0.05 * y**2 + 0.02 * x**3 * y - 0.01 * y**4
    usable = np.random.default_rng(13).random((ROWS, COLS)) > 0.03
    poisoned = np.where(usable, field, 1e24).astype(np.float32)
    # tiles of 2 x 2: their mean differs from the middle by the second derivative times side^2 / 24, 1e-5 here
    assert smooth_field(poisoned, usable) == pytest.approx(field, abs=3e-4)
    poisoned[20, 30] = (
        50.0  # a pixel that failed since, not flagged yet: its tile moves by a quarter of 6 sigma at most
    )
    assert smooth_field(poisoned, usable | (poisoned == 50.0)) == pytest.approx(field, abs=0.03)
    with pytest.raises(ValueError, match="0 tiles of 2 pixels are usable, 30 are needed"):
        smooth_field(poisoned, np.zeros_like(usable))


def test_drift_of_another_shape_is_refused(panel) -> None:  # type: ignore[no-untyped-def]
    made = calibrated(panel)
    planes = ("offset_dn", "gain", "defects", "offset_noise_dn", "gain_noise")
    turned = replace(made, **{name: np.ascontiguousarray(getattr(made, name).T) for name in planes})
    with pytest.raises(ValueError, match=r"the calibration is \(48, 64\) but the baseline is \(64, 48\)"):
        with_drift(quality_of(made), made, turned)


def test_nothing_is_written_to(panel) -> None:  # type: ignore[no-untyped-def]
    made, before = calibrated(panel, seed=1), calibrated(panel, seed=2)
    for each in (made, before):
        for name in ("offset_dn", "gain", "defects", "offset_noise_dn", "gain_noise"):
            getattr(each, name).setflags(write=False)  # kept by the other tests, which only read
    usable = usable_pixels(made)
    usable.setflags(write=False)
    flat = np.random.default_rng(15).normal(1e4, 50.0, (ROWS, COLS)).astype(np.float32)
    flat.setflags(write=False)
    with_drift(quality_of(made), made, before)
    flat_quality(flat, usable, PITCH_MM, noise_dn=50.0)
    line_noise(flat, usable)

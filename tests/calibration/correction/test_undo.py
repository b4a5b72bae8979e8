"""What was corrected comes back as the panel delivered it, to the last bit where the flags allow."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calibration.calibration_set import CalibrationSet
from calibration.conditions import Conditions
from calibration.correct import correct_frame, plan_correction
from calibration.correction.undo import left_out_by_undo, undo_correction
from calibration.flags import DEAD, INTERPOLATED, SATURATED, UNCORRECTABLE
from calibration.lag.model import LagModel
from calibration.response.field import BeamField
from calibration.steps import Defects, Gain, Glare, LineNoise, Steps

ROWS, COLS = 48, 64
FIELD = BeamField(
    (1.0, 0.02, -0.05, 0.0, 0.0, 0.03, 0.0, 0.0, 0.0, -0.06, 0.0, 0.0, 0.0, 0.0, 0.0),
    ROWS,
    COLS,
    (24.0, 32.0),
    (0.0, 48.0, 0.0, 64.0),
    1000.0,
    0.9,
    1e-4,
)


def calibration_of(order: int) -> CalibrationSet:
    rng = np.random.default_rng(3)
    shape = (ROWS, COLS)
    defects = np.where(rng.random(shape) < 0.03, DEAD, 0).astype(np.uint16)
    curves = np.array([rng.normal(0, 5e-7, shape), rng.normal(0, 3e-12, shape)], np.float32)
    return CalibrationSet(
        offset_dn=rng.normal(1500, 60, shape).astype(np.float32),
        gain=rng.normal(1, 0.05, shape).astype(np.float32),
        defects=defects,
        saturation_dn=60000.0,
        level_dn=20000.0,
        typical_dark_noise_dn=6.0,
        typical_flat_noise=0.01,
        darks_used=10,
        flats_used=10,
        offset_noise_dn=None,
        gain_noise=None,
        provenance={},
        conditions=Conditions(pitch_mm=0.2, integration_time_s=0.5, shielded_cols=((0, 6),)),
        dark_rate_dn_per_s=rng.normal(50, 3, shape).astype(np.float32),
        curvature=curves[: order - 1] if order > 1 else None,
        levels_dn=(500.0, 20000.0, 40000.0) if order > 1 else (),
        field=FIELD,
    )


def raw_frame() -> np.ndarray:
    """Every value from 0 to 65,535 in steps of 21, so below the offset, extrapolated and saturated ones too."""
    raw = np.random.default_rng(4).permutation((np.arange(ROWS * COLS) * 21.34).astype(np.uint16)).reshape(ROWS, COLS)
    raw.setflags(write=False)
    return raw


NO_LINES = LineNoise(on=False)


@pytest.mark.parametrize("flatten", ["same", "none", "lowfreq"])
@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("glare", [False, True])
def test_the_raw_frame_comes_back_exactly(order: int, flatten: str, glare: bool) -> None:
    steps = Steps(
        line_noise=NO_LINES,
        gain=Gain(flatten=flatten),  # type: ignore[arg-type]
        glare=Glare(on=glare, fraction=0.1, radius_mm=2.0),
    )
    plan = plan_correction(
        calibration_of(order), steps, integration_time_s=0.8, dark_scale=1.2, source_to_detector_mm=1500.0
    )
    frame = correct_frame(raw_frame(), plan)
    raw, flags = undo_correction(frame.corrected_dn, frame.flags, plan)
    exact = (flags & (INTERPOLATED | UNCORRECTABLE)) == 0
    assert raw.dtype == np.uint16 and np.array_equal(raw[exact], raw_frame()[exact])
    assert np.count_nonzero(exact) == raw.size - frame.interpolated and (flags[exact] & SATURATED).any()
    assert np.array_equal(flags[exact], frame.flags[exact]) and left_out_by_undo(plan) == ()


def test_bad_pixels_come_back_where_nothing_was_interpolated() -> None:
    plan = plan_correction(calibration_of(2), Steps(line_noise=NO_LINES, defects=Defects(on=False)))
    frame = correct_frame(raw_frame(), plan)
    raw, flags = undo_correction(frame.corrected_dn, frame.flags, plan)
    assert np.array_equal(raw, raw_frame()) and np.array_equal(flags, frame.flags)


def test_the_dark_scale_of_the_frame_is_undone() -> None:
    plan = plan_correction(calibration_of(1), Steps(line_noise=NO_LINES), integration_time_s=2.0)
    frame = correct_frame(raw_frame(), plan, dark_scale=2.0)
    raw, flags = undo_correction(frame.corrected_dn, frame.flags, plan, dark_scale=2.0)
    exact = (flags & INTERPOLATED) == 0
    assert np.array_equal(raw[exact], raw_frame()[exact])


def test_averages_come_back_to_rounding() -> None:
    plan = plan_correction(calibration_of(2), Steps(line_noise=NO_LINES))
    average = raw_frame() * np.float32(0.9) + np.float32(0.3)
    frame = correct_frame(average, plan)
    raw, flags = undo_correction(frame.corrected_dn, frame.flags, plan, whole_dn=False)
    exact = (flags & INTERPOLATED) == 0
    # value, gain and sum each rounded to 6e-8 of 60,000 DN
    assert raw.dtype == np.float32 and raw[exact] == pytest.approx(average[exact], abs=0.02)


def test_without_its_lag_the_frame_is_a_float_and_says_so() -> None:
    lag = LagModel(
        np.array([0.5, 5.0]), np.array([2e4]), np.array([[0.03, 0.01]]), np.zeros((1, 2)), np.zeros(2), 0.1, 10.0
    )
    calibration = replace(calibration_of(1), lag=lag)
    plan = plan_correction(calibration)
    assert left_out_by_undo(plan) == ("line noise", "lag")
    plan = plan_correction(calibration, Steps(line_noise=NO_LINES))
    assert left_out_by_undo(plan) == ("lag",)
    frame = correct_frame(raw_frame(), plan)
    raw, flags = undo_correction(frame.corrected_dn, frame.flags, plan)
    exact = (flags & INTERPOLATED) == 0
    charge = (raw_frame() - calibration.offset_dn) / 0.96  # the first frame: nothing of earlier ones
    assert raw.dtype == np.float32
    assert raw[exact] == pytest.approx((charge + calibration.offset_dn)[exact], abs=0.02)


def test_a_value_that_no_raw_value_gives_is_flagged() -> None:
    plan = plan_correction(calibration_of(1), Steps(line_noise=NO_LINES))
    corrected = np.full((ROWS, COLS), 1000.0, np.float32)
    corrected[3, 4], corrected[5, 6], corrected[7, 8], corrected[9, 10] = np.nan, np.inf, -1e5, 1e6
    given = np.zeros((ROWS, COLS), np.uint16)
    raw, flags = undo_correction(corrected, given, plan)
    assert not given.any() and np.argwhere(flags & UNCORRECTABLE).tolist() == [[3, 4], [5, 6], [7, 8], [9, 10]]
    assert raw[3, 4] == raw[7, 8] == 0


def test_nothing_given_is_changed() -> None:
    plan = plan_correction(calibration_of(3), Steps(glare=Glare(on=True, fraction=0.1, radius_mm=2.0)))
    frame = correct_frame(raw_frame(), plan)
    before = frame.corrected_dn.copy(), frame.flags.copy()
    undo_correction(frame.corrected_dn, frame.flags, plan)
    assert np.array_equal(frame.corrected_dn, before[0]) and np.array_equal(frame.flags, before[1])


def test_a_picture_of_another_panel_is_refused() -> None:
    plan = plan_correction(calibration_of(1))
    with pytest.raises(ValueError, match=r"the calibration is \(48, 64\) but the picture is \(64, 48\)"):
        undo_correction(np.zeros((64, 48), np.float32), np.zeros((48, 64), np.uint16), plan)
    with pytest.raises(ValueError, match=r"but the flag plane is \(64, 48\)"):
        undo_correction(np.zeros((48, 64), np.float32), np.zeros((64, 48), np.uint16), plan)

"""The chain of one frame: what the panel breaks is mended, what was done is flagged, nothing else is touched."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numba
import numpy as np
import pytest

from calibration import flags as bits
from calibration.calibration_set import CalibrationSet
from calibration.conditions import Conditions
from calibration.correct import correct_frame, correct_step_by_step, counts_of, fill_lost_pixels, plan_correction
from calibration.lag.model import LagModel
from calibration.response.field import BeamField, field_at
from calibration.steps import Defects, Gain, Glare, Lag, LineNoise, Offset, Steps

ROWS, COLS = 48, 64


@pytest.fixture
def neutral() -> CalibrationSet:
    """Offset 0, gain 1, no defects."""
    return CalibrationSet(
        offset_dn=np.zeros((ROWS, COLS), np.float32),
        gain=np.ones((ROWS, COLS), np.float32),
        defects=np.zeros((ROWS, COLS), np.uint16),
        saturation_dn=60000.0,
        level_dn=20000.0,
        typical_dark_noise_dn=4.0,
        typical_flat_noise=0.01,
        darks_used=10,
        flats_used=10,
        offset_noise_dn=None,
        gain_noise=None,
        provenance={},
    )


def with_defects(calibration: CalibrationSet, *where: object, flag: int = bits.DEAD) -> CalibrationSet:
    defects = calibration.defects.copy()
    for pixels in where:
        defects[pixels] |= flag  # type: ignore[index]
    return replace(calibration, defects=defects)


def ramp() -> np.ndarray:
    """A picture that is linear in rows and columns."""
    rows, cols = np.mgrid[0:ROWS, 0:COLS]
    return (5000 + 40 * rows + 20 * cols).astype(np.uint16)


def test_a_neutral_calibration_returns_the_frame_bit_for_bit(neutral: CalibrationSet) -> None:
    raw = ramp()
    frame = correct_frame(raw, neutral)
    assert np.array_equal(frame.corrected_dn, raw) and frame.corrected_dn.dtype == np.float32
    assert not frame.flags.any() and frame.flags.dtype == np.uint16
    assert (frame.saturated, frame.negative, frame.interpolated, frame.uncorrectable) == (0, 0, 0, 0)


def test_the_calibration_mends_what_the_panel_breaks(panel) -> None:  # type: ignore[no-untyped-def]
    calibration = panel.calibrated(darks=64, flats=64, signal_dn=20000.0)
    rng = np.random.default_rng(30)
    signal = np.where(np.arange(COLS) < 30, 3000.0, 12000.0) * np.ones((ROWS, 1))
    response_level = calibration.level_dn / 20000.0  # the gain keeps the panel's own level
    corrected = correct_frame(panel.frame(signal, rng), calibration).corrected_dn
    # Variance: 4 DN a quantum and 4 DN of dark noise, times the gain; a 64th more for each map.
    variance = (4 * signal * panel.response + 16) * (response_level / panel.response) ** 2
    flat_variance = (4 * 20000 * panel.response + 16) / (20000 * panel.response) ** 2
    variance += (flat_variance * (signal * response_level) ** 2 + 16) / 64
    chi2 = np.mean((corrected - signal * response_level) ** 2 / variance)
    assert abs(chi2 - 1) < 5 * np.sqrt(2 / corrected.size)  # five standard errors of chi2 with 3072 values


def test_twice_the_signal_is_twice_the_corrected_signal(panel) -> None:  # type: ignore[no-untyped-def]
    calibration = panel.calibrated(darks=8, flats=8, signal_dn=20000.0)
    offset = calibration.offset_dn.astype(np.float64)
    one, two = (correct_frame(offset + k * 1000.0, calibration).corrected_dn for k in (1, 2))
    # float32 of the raw value, 3500 DN, is good to 1.2e-4 DN
    assert two == pytest.approx(2 * one, abs=1e-3)


def test_negative_values_are_kept_and_counted(panel) -> None:  # type: ignore[no-untyped-def]
    calibration = panel.calibrated(darks=64, flats=8, signal_dn=20000.0)
    frames = [correct_frame(panel.frame(0.0, np.random.default_rng(seed)), calibration) for seed in range(20, 24)]
    corrected = np.stack([frame.corrected_dn for frame in frames])
    # 4 * 3072 pixels of 4.1 DN noise: standard error 0.037 DN; the shared map adds 4 / 8 / sqrt(3072) = 0.009
    assert abs(corrected.mean()) < 5 * 0.039
    assert sum(frame.negative for frame in frames) == np.count_nonzero(corrected < 0) > 0.45 * corrected.size


def test_a_dead_pixel_below_its_offset_is_not_counted_as_negative(neutral: CalibrationSet) -> None:
    raw = ramp()
    raw[10, 20] = raw[10, 40] = 0
    offset_dn = np.full((ROWS, COLS), 500, np.float32)
    frame = correct_frame(raw, replace(with_defects(neutral, (10, 20)), offset_dn=offset_dn))
    assert frame.negative == 1 and frame.corrected_dn[10, 40] == -500


def test_saturation_is_judged_on_the_raw_value_and_its_neighbours_are_suspect(neutral: CalibrationSet) -> None:
    raw = ramp()
    raw[10, 20], raw[0, 63], raw[30, 30] = 60000, 65535, 56999  # 57,000 is 95 %
    frame = correct_frame(raw, replace(neutral, offset_dn=np.full((ROWS, COLS), 1000, np.float32)))
    assert np.argwhere(frame.flags & bits.SATURATED).tolist() == [[0, 63], [10, 20]]
    around = {(row, col) for row in (9, 10, 11) for col in (19, 20, 21)} - {(10, 20)}
    around |= {(0, 62), (1, 62), (1, 63)}
    assert {tuple(pixel) for pixel in np.argwhere(frame.flags & bits.SUSPECT).tolist()} == around
    assert (frame.saturated, frame.suspect) == (2, 11) and frame.corrected_dn[10, 20] == 59000


def test_a_stuck_pixel_is_interpolated_and_suspects_nobody(neutral: CalibrationSet) -> None:
    raw = ramp()
    wanted = raw.astype(np.float32)
    raw[10, 20] = 65535
    frame = correct_frame(raw, with_defects(neutral, (10, 20)))
    assert frame.flags[10, 20] == bits.DEAD | bits.INTERPOLATED and np.count_nonzero(frame.flags) == 1
    assert frame.corrected_dn == pytest.approx(wanted, rel=1e-6)
    assert (frame.saturated, frame.interpolated) == (0, 1)


@pytest.mark.parametrize(
    "where",
    [
        np.s_[20, 30],
        np.s_[20:22, 30:32],
        np.s_[20:23, 30:33],
        np.s_[:, 30],
        np.s_[25, :],
        np.s_[:, 30:33],
        (np.r_[20:40], np.r_[20:40]),
    ],
)
@pytest.mark.parametrize("poison", [0, 65535])
def test_defects_on_a_ramp_get_the_value_of_the_ramp(neutral: CalibrationSet, where: object, poison: int) -> None:
    raw = ramp()
    wanted = raw.astype(np.float32)
    raw[where] = poison  # type: ignore[index]
    frame = correct_frame(raw, with_defects(neutral, where))
    inside = np.zeros((ROWS, COLS), bool)
    inside[5:-5, 5:-5] = True  # at the border of the panel a line has a neighbour on one side only
    assert frame.corrected_dn[inside] == pytest.approx(wanted[inside], rel=1e-6)
    assert not (frame.flags & bits.UNCORRECTABLE).any()
    assert np.array_equal((frame.flags & bits.INTERPOLATED) != 0, (frame.flags & bits.DEAD) != 0)


@pytest.mark.parametrize("angle", [0, 45, 90])
def test_an_edge_through_a_defect_stays_sharp(neutral: CalibrationSet, angle: int) -> None:
    rows, cols = np.mgrid[0:ROWS, 0:COLS]
    side = {0: rows - 20, 90: cols - 30, 45: rows - 20 - (cols - 30)}[angle]
    raw = np.where(side >= 0, 8000, 1000).astype(np.uint16)  # the defect lies on the edge's bright side
    corrected = correct_frame(raw, with_defects(neutral, (20, 30))).corrected_dn
    assert corrected[20, 30] == pytest.approx(8000, rel=0.01)  # inverse distance would give about 5400


def test_a_corner_without_an_opposed_pair_takes_the_mean_of_its_neighbours(neutral: CalibrationSet) -> None:
    raw = np.full((ROWS, COLS), 3000, np.uint16)
    raw[0, 0] = 65535
    frame = correct_frame(raw, with_defects(neutral, (0, 0)))
    assert frame.corrected_dn[0, 0] == 3000 and frame.flags[0, 0] == bits.DEAD | bits.INTERPOLATED


def test_a_large_cluster_is_filled_and_called_uncorrectable(neutral: CalibrationSet) -> None:
    raw = np.full((ROWS, COLS), 3000, np.uint16)
    raw[:24, :30] = 65535
    frame = correct_frame(raw, with_defects(neutral, np.s_[:24, :30]))
    lost = (frame.flags & bits.UNCORRECTABLE) != 0
    assert lost[0, 0] and lost[5, 20] and not lost[23, 10] and not lost[24:].any()
    assert frame.uncorrectable == np.count_nonzero(lost)
    assert set(np.unique(frame.corrected_dn)) == {0.0, 3000.0}
    assert (frame.corrected_dn[lost & (frame.corrected_dn == 0)] == 0).all() and frame.corrected_dn[0, 0] == 0


def test_saturated_neighbours_are_taken_only_where_there_is_no_other(neutral: CalibrationSet) -> None:
    raw = np.full((ROWS, COLS), 3000, np.uint16)
    raw[19, 29:32] = 65535
    frame = correct_frame(raw, with_defects(neutral, (20, 30)))
    assert frame.corrected_dn[20, 30] == 3000 and not frame.flags[20, 30] & bits.SATURATED
    frame = correct_frame(np.full((ROWS, COLS), 65535, np.uint16), with_defects(neutral, (20, 30)))
    assert frame.corrected_dn[20, 30] == 65535 and frame.flags[20, 30] & bits.SATURATED


def test_nothing_that_is_no_number_leaves_without_a_flag(neutral: CalibrationSet) -> None:
    raw = ramp().astype(np.float32)
    raw[5, 5], raw[20, 31], raw[40, 40] = np.nan, np.inf, np.nan
    frame = correct_frame(raw, with_defects(neutral, (20, 30), (40, 40)))
    odd = ~np.isfinite(frame.corrected_dn)
    assert np.argwhere(odd).tolist() == [[5, 5], [20, 31]]
    assert (frame.flags[odd] & bits.UNCORRECTABLE).all() and frame.uncorrectable == 2
    assert frame.corrected_dn[20, 30] == pytest.approx(ramp()[20, 30], rel=1e-6)  # its neighbour is no neighbour
    assert frame.corrected_dn[40, 40] == pytest.approx(ramp()[40, 40], rel=1e-6)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint32", "int32", "float32", "float64"])
def test_every_pixel_type_gives_the_same(neutral: CalibrationSet, dtype: str) -> None:
    raw = ramp() // 50  # fits all of them
    assert np.array_equal(
        correct_frame(raw.astype(dtype), neutral).corrected_dn, correct_frame(raw, neutral).corrected_dn
    )


def test_one_and_two_threads_give_the_same_bytes(panel) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(12)
    calibration = panel.calibrated(darks=4, flats=4, signal_dn=20000.0)
    scattered = rng.random((ROWS, COLS)) < 0.1
    calibration = with_defects(calibration, scattered, np.s_[:, 17], np.s_[20:30, 40:50])
    raw = panel.frame(rng.uniform(0, 70000, (ROWS, COLS)), rng)
    threads = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        one = correct_frame(raw, calibration)
        numba.set_num_threads(min(2, numba.config.NUMBA_NUM_THREADS))
        two = correct_frame(raw, calibration)
    finally:
        numba.set_num_threads(threads)
    assert one.corrected_dn.tobytes() == two.corrected_dn.tobytes() and one.flags.tobytes() == two.flags.tobytes()


def test_a_result_can_be_written_over(panel) -> None:  # type: ignore[no-untyped-def]
    plan = plan_correction(with_defects(panel.calibrated(4, 4, 20000.0), (3, 4)))
    first, second = (panel.frame(signal, np.random.default_rng(2)) for signal in (30000.0, 5000.0))
    fresh = correct_frame(second, plan)
    used = correct_frame(first, plan)
    again = correct_frame(second, plan, out=used)
    assert again.corrected_dn is used.corrected_dn
    assert np.array_equal(again.corrected_dn, fresh.corrected_dn) and np.array_equal(again.flags, fresh.flags)


def test_frame_and_calibration_are_unchanged(panel) -> None:  # type: ignore[no-untyped-def]
    calibration = with_defects(panel.calibrated(4, 4, 20000.0), (3, 4))
    for plane in (calibration.offset_dn, calibration.gain, calibration.defects):
        plane.setflags(write=False)
    raw = panel.frame(9000.0, np.random.default_rng(2))  # read-only
    before = raw.copy()
    correct_frame(raw, calibration)
    assert np.array_equal(raw, before)


@pytest.mark.parametrize(
    ("raw", "error", "message"),
    [
        (np.zeros((64, 48), np.uint16), ValueError, r"the calibration is \(48, 64\) but the frame is \(64, 48\)"),
        (np.zeros((2, 48, 64), np.uint16), ValueError, r"but the frame is \(2, 48, 64\)"),
        (np.zeros((48, 64), complex), TypeError, "integers or floats, got complex128"),
    ],
)
def test_a_wrong_frame_names_itself(neutral: CalibrationSet, raw: np.ndarray, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        correct_frame(raw, neutral)


def with_shield(calibration: CalibrationSet) -> CalibrationSet:
    """Sixteen columns at the left that see no X-rays."""
    shielded = with_defects(calibration, np.s_[:, :16], flag=bits.SHIELDED)
    return replace(shielded, conditions=Conditions(shielded_cols=((0, 16),)))


def lag_of(*fraction: float) -> LagModel:
    """Lag with time constants of 0.2, 2, 20 ... s at any exposure."""
    terms = len(fraction)
    time_s = 0.2 * 10.0 ** np.arange(terms)
    return LagModel(time_s, np.array([2e4]), np.array([fraction]), np.zeros((1, terms)), np.zeros(terms), 0.1, 10.0)


def test_the_shift_of_a_row_is_taken_out(neutral: CalibrationSet) -> None:
    rng = np.random.default_rng(9)
    shift = rng.normal(0, 40, (ROWS, 1)).round()
    signal = np.where(np.arange(COLS) < 16, 500, 3500)
    raw = (signal + shift + rng.normal(0, 4, (ROWS, COLS)).round()).astype(np.uint16)
    plan = plan_correction(with_shield(neutral))
    frame = correct_frame(raw, plan)
    rows = frame.corrected_dn[:, 16:].mean(axis=1) - 3500
    assert frame.line is not None and np.std(shift) > 30
    # left: the mean of 16 shielded pixels, 4 / sqrt(16) = 1 DN, and of 48 others, 0.6 DN
    assert np.std(rows) < 1.5
    kept = correct_frame(raw, plan_correction(with_shield(neutral), Steps(line_noise=LineNoise(on=False))))
    assert kept.line is None and np.array_equal(kept.corrected_dn, raw)


def test_reference_pixels_pass_through(neutral: CalibrationSet) -> None:
    shielded = with_defects(with_shield(neutral), (20, 3), (20, 16))
    raw = np.full((ROWS, COLS), 3000, np.uint16)
    raw[:, :16] = 500
    raw[20, 3], raw[20, 16] = 900, 65535
    frame = correct_frame(raw, plan_correction(shielded, Steps(line_noise=LineNoise(on=False))))
    assert np.array_equal(frame.corrected_dn[:, :16], raw[:, :16])  # the dead one among them too
    assert (frame.flags[:, :16] & bits.SHIELDED).all() and not (frame.flags[:, :16] & bits.INTERPOLATED).any()
    assert frame.corrected_dn[20, 16] == 3000 and frame.interpolated == 1


def test_what_a_bright_frame_leaves_is_taken_out(neutral: CalibrationSet) -> None:
    lag = lag_of(0.03, 0.01)
    kept = np.exp(-0.1 / lag.time_s)
    trapped = np.zeros(2)
    plan = plan_correction(replace(neutral, lag=lag))
    frame = None
    for charge in [20000.0] * 5 + [0.0] * 5:
        raw = charge * 0.96 + (trapped * (1 - kept)).sum()
        trapped = trapped * kept + lag.fraction[0] * charge
        state = None if frame is None else frame.state
        frame = correct_frame(np.full((ROWS, COLS), raw), plan, frame, state=state, elapsed_s=0.1)
        # float32 of 20,000 DN and of the stores: 1e-3 DN each; 0.05 % of the bright frames would be 10 DN
        assert frame.corrected_dn == pytest.approx(charge, abs=0.02)


def test_the_interval_of_the_pipeline_serves_where_a_frame_says_nothing(neutral: CalibrationSet) -> None:
    calibration = replace(neutral, lag=lag_of(0.03))
    plan = plan_correction(calibration, Steps(lag=Lag(frame_interval_s=0.5)))
    first = correct_frame(ramp(), plan)
    said, unsaid = (correct_frame(ramp(), plan, state=first.state, elapsed_s=time) for time in (0.5, None))
    assert np.array_equal(said.corrected_dn, unsaid.corrected_dn)
    with pytest.raises(ValueError, match="the time since the previous frame is needed"):
        correct_frame(ramp(), plan_correction(calibration), state=first.state)


def test_a_state_of_another_panel_is_refused(neutral: CalibrationSet) -> None:
    state = correct_frame(ramp(), replace(neutral, lag=lag_of(0.03, 0.01))).state
    with pytest.raises(ValueError, match=r"lag state is \(2, 48, 64\), but this model and frame need \(1, 48, 64\)"):
        correct_frame(ramp(), replace(neutral, lag=lag_of(0.03)), state=state, elapsed_s=0.1)


def test_lag_may_be_off(neutral: CalibrationSet) -> None:
    plan = plan_correction(replace(neutral, lag=lag_of(0.03)), Steps(lag=Lag(on=False)))
    frame = correct_frame(ramp(), plan)
    assert np.array_equal(frame.corrected_dn, ramp()) and frame.state is None


def test_without_interpolation_bad_pixels_keep_their_values_and_flags(neutral: CalibrationSet) -> None:
    raw = ramp().astype(np.float32)
    raw[10, 20], raw[30, 30] = 7.0, np.nan
    plan = plan_correction(with_defects(neutral, (10, 20), (30, 30)), Steps(defects=Defects(on=False)))
    frame = correct_frame(raw, plan)
    assert frame.corrected_dn[10, 20] == 7.0 and frame.flags[10, 20] == bits.DEAD and frame.interpolated == 0
    assert frame.flags[30, 30] == bits.DEAD | bits.UNCORRECTABLE


FIELD = BeamField(
    (1.0, 0.0, -0.06, 0.0, 0.0, 0.08, 0.0, 0.0, 0.0, -0.06, 0.0, 0.0, 0.0, 0.0, 0.0),
    ROWS, COLS, (24.0, 32.0), (0.0, 48.0, 0.0, 64.0), 1000.0, 0.9, 1e-4,
)  # fmt: skip


def test_the_field_of_the_beam_goes_stays_or_follows_the_distance(neutral: CalibrationSet) -> None:
    field = field_at(FIELD, (ROWS, COLS)).astype(np.float64)
    calibration = replace(neutral, gain=(1 / field).astype(np.float32), field=FIELD)
    there = 1500.0
    raw = 10000 * field_at(FIELD, (ROWS, COLS), there)  # an even object in the narrower beam
    plans = {
        flatten: plan_correction(calibration, Steps(gain=Gain(flatten=flatten)), source_to_detector_mm=there)
        for flatten in ("same", "none", "lowfreq")
    }
    # float32 of raw, gain and field: 6e-8 each
    assert correct_frame(raw, plans["lowfreq"]).corrected_dn == pytest.approx(10000, rel=5e-7)
    assert correct_frame(raw, plans["none"]).corrected_dn == pytest.approx(raw, rel=5e-7)
    assert correct_frame(raw, plans["same"]).corrected_dn == pytest.approx(raw / field, rel=5e-7)
    assert np.ptp(raw) > 200


def test_the_field_stays_in_a_curved_response_too(neutral: CalibrationSet) -> None:
    rng = np.random.default_rng(14)
    curvature = rng.normal(0, 1e-6, (2, ROWS, COLS)).astype(np.float32)
    curvature[1] *= np.float32(1e-5)
    calibration = replace(neutral, curvature=curvature, levels_dn=(1000.0, 40000.0), field=FIELD)
    same, none = (
        correct_frame(ramp(), plan_correction(calibration, Steps(gain=Gain(flatten=flatten)))).corrected_dn
        for flatten in ("same", "none")
    )
    assert none == pytest.approx(same * field_at(FIELD, (ROWS, COLS)), rel=5e-7)  # rounding of each coefficient


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        (Steps(line_noise=LineNoise(on=True)), "line_noise is on, but neither the pipeline nor the calibration knows"),
        (Steps(lag=Lag(on=True)), "lag is on, but the calibration has no lag model"),
        (Steps(gain=Gain(flatten="none")), 'flatten = "none" needs the field of the beam'),
        (Steps(glare=Glare(on=True, fraction=0.1, radius_mm=2.0)), "glare is on and needs the pixel pitch"),
    ],
)
def test_a_step_that_the_calibration_cannot_do_is_refused(neutral: CalibrationSet, steps: Steps, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plan_correction(neutral, steps)


def test_the_distance_is_needed_to_follow_it(neutral: CalibrationSet) -> None:
    with pytest.raises(ValueError, match='flatten = "lowfreq" needs source_to_detector_mm'):
        plan_correction(replace(neutral, field=FIELD), Steps(gain=Gain(flatten="lowfreq")))


def test_all_steps_may_be_off(neutral: CalibrationSet) -> None:
    calibration = replace(
        with_defects(with_shield(neutral), (3, 40)),
        offset_dn=np.full((ROWS, COLS), 1000, np.float32),
        gain=np.full((ROWS, COLS), 2, np.float32),
        lag=lag_of(0.03),
    )
    off = Steps(
        line_noise=LineNoise(on=False),
        offset=Offset(on=False),
        lag=Lag(on=False),
        gain=Gain(on=False),
        defects=Defects(on=False),
    )
    frame = correct_frame(ramp(), plan_correction(calibration, off))
    assert np.array_equal(frame.corrected_dn, ramp()) and np.array_equal(frame.flags, calibration.defects)


def test_a_sequence_allocates_no_planes(neutral: CalibrationSet) -> None:
    shape = (600, 800)
    large = {
        name: np.tile(getattr(neutral, name), (14, 14))[:600, :800].copy() for name in ("offset_dn", "gain", "defects")
    }
    large["defects"][5::20, 5::20] = bits.DEAD
    plan = plan_correction(replace(neutral, **large, lag=lag_of(0.03, 0.01)), variance=True)
    raw = np.full(shape, 3000, np.uint16)
    frame = correct_frame(raw, plan)
    frame = correct_frame(raw, plan, frame, state=frame.state, elapsed_s=0.1)
    tracemalloc.start()
    try:
        correct_frame(raw, plan, frame, state=frame.state, elapsed_s=0.1)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 0.1 * raw.size * 4  # counts of each row, 40 bytes for 3200, and small records


def test_pixels_without_a_number_are_filled_and_stay_flagged(neutral: CalibrationSet) -> None:
    raw = ramp().astype(np.float32)
    raw[5, 5], raw[20:27, 30:37] = np.nan, np.inf
    frame = correct_frame(raw, neutral)
    fill_lost_pixels(frame)
    assert np.isfinite(frame.corrected_dn).all()
    assert frame.corrected_dn[5, 5] == pytest.approx(ramp()[5, 5], rel=0.02)
    lost = (frame.flags & bits.UNCORRECTABLE) != 0
    assert lost.sum() == 50 and (frame.flags[lost] & bits.INTERPOLATED).all()
    assert np.array_equal(frame.corrected_dn[~lost], raw[~lost])


def test_pixels_below_zero_by_noise_are_told_from_others(panel) -> None:  # type: ignore[no-untyped-def]
    calibration = panel.calibrated(darks=8, flats=8, signal_dn=20000.0)
    plan = plan_correction(calibration)
    raw = panel.frame(0.0, np.random.default_rng(13)).copy()
    raw[4, 5:8] -= 60
    counts = counts_of(correct_frame(raw, plan), plan)
    assert counts["negative"] > 0.4 * raw.size and counts["negative_beyond_noise"] == 3


@pytest.mark.parametrize(("darks", "flats"), [(1, 8), (8, 1), (1, 1)])
def test_single_frames_give_no_variance(panel, darks: int, flats: int) -> None:  # type: ignore[no-untyped-def]
    calibration = panel.calibrated(darks=darks, flats=flats, signal_dn=20000.0)
    plan_correction(calibration)
    with pytest.raises(ValueError, match=f"the calibration is of {darks} dark and {flats} flat"):
        plan_correction(calibration, variance=True)


def test_the_saturation_level_may_be_that_of_the_frames(neutral: CalibrationSet) -> None:
    raw = np.full((ROWS, COLS), 3000, np.uint16)
    raw[4, 5] = 16383
    plan = plan_correction(neutral, saturation_dn=16383.0)
    for frame in (correct_frame(raw, plan), correct_step_by_step(raw, plan)):
        assert frame.saturated == 1 and frame.flags[4, 5] & bits.SATURATED
    assert correct_frame(raw, neutral).saturated == 0

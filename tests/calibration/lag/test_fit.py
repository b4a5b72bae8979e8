"""Lag coefficients from beam-on/beam-off sequences: right within their errors, and silent about what cannot be told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numba
import numpy as np
import pytest
from numpy.typing import NDArray

from calibration.lag.fit import LagEstimate, StepSequence, estimate_lag, fit_lag
from calibration.lag.model import LagModel, subtract_lag
from calibration.lag.sequence import StepCurve
from radiography.light.decay import emit_light
from radiography.panel.panel import LagTerm, Panel
from radiography.panel.trapping import FrameTimes, trap_charge, trapped_fractions
from tests.calibration.lag_truth import (
    FACTORS,
    FRACTION,
    LEVELS_DN,
    TIME_S,
    curve_of,
    delivered,
    factor_at,
    frames_of,
    step,
)

SHAPE = (48, 64)
SATURATION_DN = 60000.0
OFFSET_DN = 500.0 + 20.0 * np.sin(np.arange(48 * 64).reshape(SHAPE))
ON, AFTER = 120, 300  # frames of 0.2 s: 60 s after the beam are 6 of the slowest time constant


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Frames of a few pixels: waking a second thread takes longer than the work."""
    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    yield
    numba.set_num_threads(threads)


def sequence(seed: int = 1, charge_dn: Any = None, tube: float = 0.01, **given: Any) -> StepSequence:
    """Frames of the true panel; 4 DN of noise over 48 x 64 pixels, 0.07 DN in the mean."""
    rng = np.random.default_rng(seed)
    charge_dn = step(5, ON, AFTER) if charge_dn is None else charge_dn
    charge_dn = charge_dn * (1.0 + tube * rng.standard_normal(charge_dn.size))
    times_s = given.pop("times_s", None)
    light = given.pop("light", 1.0)
    truth_s = 0.2 * np.arange(charge_dn.size) if times_s is None else times_s
    timing = {"frame_interval_s": 0.2} if times_s is None else {"times_s": times_s}
    return StepSequence(frames_of(delivered(charge_dn, truth_s), OFFSET_DN, rng, light=light), **timing, **given)


def estimate(*sequences: StepSequence, **options: Any) -> LagEstimate:
    return estimate_lag(sequences, OFFSET_DN, saturation_dn=SATURATION_DN, **options)


@pytest.fixture(scope="module")
def learned() -> LagEstimate:
    return estimate(sequence(name="step.tif"))


def pulls(model: LagModel, fraction: NDArray[np.float64] = FRACTION) -> NDArray[np.float64]:
    times = (model.time_s - TIME_S) / model.time_error_s
    return np.concatenate([times, ((model.fraction - fraction) / model.fraction_error).ravel()])


def left_after(model: LagModel, frames: NDArray[np.float64], times_s: NDArray[np.float64]) -> NDArray[np.float64]:
    state, found = None, []
    for k, mean_dn in enumerate(frames):
        signal, state = subtract_lag(
            np.full((1, 1), mean_dn), model, state, None if k == 0 else times_s[k] - times_s[k - 1]
        )
        found.append(float(signal[0, 0]))
    return np.array(found)


def test_coefficients_are_recovered_within_their_errors(learned: LagEstimate) -> None:
    model = learned.model
    assert model.fraction.shape == (1, 4) and model.signal_dn.shape == (1,)
    assert abs(pulls(model)).max() < 4
    assert model.chi_square == pytest.approx(1.0, abs=4 * np.sqrt(2 / 297))
    assert model.frame_interval_s == 0.2 and model.covered_s == pytest.approx(0.2 * AFTER)
    assert (model.fraction_error < 0.2 * FRACTION).all() and (model.time_error_s < 0.2 * TIME_S).all()


@pytest.mark.slow
def test_errors_are_the_scatter_of_many_sequences() -> None:
    squares = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        offset_error = rng.normal(0, 0.08 / 8)
        squares.append(pulls(fit_lag([curve_of(step(5, ON, AFTER), rng, offset_error_dn=offset_error)], 64)) ** 2)
    # 64 squared pulls, of which about 3 in each fit are independent: standard error sqrt(2 / 24) = 0.29
    assert np.mean(squares) == pytest.approx(1.0, abs=4 * 0.29)
    assert np.mean(squares) > 0.3


@pytest.mark.parametrize("interval_s", [0.2, 0.1, None])
def test_another_sequence_in_another_rhythm_is_corrected(learned: LagEstimate, interval_s: float | None) -> None:
    steps = np.random.default_rng(3).uniform(0.1, 0.6, 160) if interval_s is None else np.full(160, interval_s)
    times_s, charge = np.cumsum(steps), step(0, 100, 60, 33000.0)
    raw = delivered(charge, times_s)
    left = left_after(learned.model, raw, times_s)[100:] / 33000.0
    assert raw[100] / 33000 > 0.02
    assert abs(left[0]) < 5e-4 and abs(left[49]) < 5e-5
    assert abs(left).max() < 5e-4


def test_the_time_between_frames_matters(learned: LagEstimate) -> None:
    """Twice the frame rate, corrected as if it were the calibrated one: the old recursion without rescaled rates."""
    times_s, charge = 0.1 * np.arange(130), step(0, 100, 30)
    raw = delivered(charge, times_s)
    # The second frame holds what has fallen by exp(-0.1 / tau), and is taken for exp(-0.2 / tau): 0.6 % of the signal
    left = np.sum(FRACTION * (np.exp(-0.1 / TIME_S) - np.exp(-0.2 / TIME_S))) / (1 - FRACTION.sum())
    assert left > 5e-3
    assert left_after(learned.model, raw, 2 * times_s)[101] / 20000 == pytest.approx(left, rel=0.05)


def test_frames_of_the_forward_model_are_corrected(small_panel) -> None:  # type: ignore[no-untyped-def]
    def frames(charges: NDArray[np.float64], noise: float) -> Iterator[NDArray[np.float32]]:
        rng, stores = np.random.default_rng(2), None
        for charge in charges:
            electrons = np.full(SHAPE, charge, np.float32)
            frame, stores = trap_charge(electrons, stores, small_panel.lag, 0.2)
            yield frame + OFFSET_DN + rng.normal(0, noise, SHAPE)

    model = estimate(StepSequence(frames(step(3, ON, AFTER), 4.0), 0.2)).model
    state = None
    found = []
    for frame in frames(step(0, 100, 60), 0.0):
        signal, state = subtract_lag(frame - OFFSET_DN, model, state, 0.2)
        found.append(signal.mean())
    assert abs(found[100]) / 20000 < 5e-4 and abs(found[149]) / 20000 < 5e-5
    assert abs(np.array(found[:100]) / 20000 - 1).max() < 5e-4


@pytest.mark.parametrize(("integration_s", "exposure_s"), [(0.2, None), (0.15, 0.05), (0.2, 0.2)])
def test_the_shipped_panel_is_learned_as_it_is(
    small_panel: Panel, integration_s: float, exposure_s: float | None
) -> None:
    # what a panel traps by the time it is read, and how long: from the mean of frames, 0.08 DN of noise
    rng, stores, signal_dn = np.random.default_rng(3), None, []
    charge_dn = step(5, 200, 300)
    for charge in charge_dn:
        frame = np.full((1, 1), charge, np.float32)
        times = FrameTimes(integration_s, exposure_s)
        delivered_dn, stores = trap_charge(frame, stores, small_panel.lag, 0.2, times=times)
        signal_dn.append(float(delivered_dn[0, 0]))
    noisy_dn = np.array(signal_dn) + rng.normal(0, 0.08, charge_dn.size)
    curve = StepCurve(
        "step", np.full(charge_dn.size, 0.2), noisy_dn, charge_dn > 0, 0.08, noisy_dn[204], 64, 0, None, 0, 5.0
    )
    model = fit_lag([curve], 64)
    time_s = np.array([term.time_s for term in small_panel.lag])
    fraction = trapped_fractions(small_panel.lag, FrameTimes(integration_s, exposure_s))
    assert model.time_s.size == 2
    assert (np.abs(model.time_s - time_s) < 4 * model.time_error_s).all()
    assert (np.abs(model.fraction[0] - fraction) < 4 * model.fraction_error[0]).all()
    assert model.time_s == pytest.approx(time_s, rel=0.01) and model.fraction[0] == pytest.approx(fraction, rel=0.01)
    assert abs(model.curves[0].residual["frame 50"].value) < 5e-5


def test_quoted_lag_is_that_of_the_truth() -> None:
    curve = estimate(sequence(2, tube=0.0, name="step.tif")).model.curves[0]
    truth = delivered(step(0, ON, AFTER), 0.2 * np.arange(ON + AFTER))[ON:] / 20000
    expected = {"first frame": truth[0], "1 s": truth[4], "60 s": truth[299]}
    assert set(curve.lag) == set(expected)
    for name, value in expected.items():
        assert curve.lag[name].error < 1e-5
        assert curve.lag[name].value == pytest.approx(value, abs=4 * curve.lag[name].error + 1e-5 * value)
    assert curve.name == "step.tif" and (curve.frames_on, curve.frames_off) == (ON, AFTER + 5)
    assert abs(curve.residual["frame 1"].value) < 5e-4 and abs(curve.residual["frame 50"].value) < 5e-5
    # frame 50 is free of the fit's leverage: noise of the mean times the noise gain
    assert abs(curve.residual["frame 50"].value) < 4 * curve.residual["frame 50"].error
    assert curve.residual["frame 50"].error == pytest.approx(4 / np.sqrt(3072) * 1.031 / 20000, rel=0.15)
    assert curve.time_s.size <= 100 and curve.time_s[0] == pytest.approx(0.2) and curve.time_s[-1] > 55


def test_the_rising_step_is_checked() -> None:
    model = estimate(sequence(tube=0.0)).model
    rise = model.curves[0].rise
    assert rise["raw"].value == pytest.approx(-0.0298, abs=1e-3)
    assert abs(rise["corrected"].value) < 2e-5  # 0.07 DN of 20000 is 4e-6


@pytest.mark.parametrize("terms", [1, 2, 3])
def test_the_number_of_terms_is_found(terms: int) -> None:
    which = {1: [2], 2: [0, 2], 3: [0, 2, 3]}[terms]
    truth = {"fraction": FRACTION[which], "time_s": TIME_S[which]}
    model = fit_lag([curve_of(step(5, ON, AFTER), np.random.default_rng(4), **truth)], 64)
    assert model.time_s == pytest.approx(TIME_S[which], rel=0.02)
    assert any(note.startswith(f"{terms} term") for note in model.notes)


def test_the_last_bits_of_a_processor_do_not_reach_the_model() -> None:
    curve = curve_of(step(5, ON, AFTER), np.random.default_rng(4))
    bits = 1.0 + 1e-14 * np.random.default_rng(5).standard_normal(curve.signal_dn.size)
    one, other = (fit_lag([each], 64) for each in (curve, replace(curve, signal_dn=curve.signal_dn * bits)))
    assert one.time_s.tolist() == other.time_s.tolist()
    assert one.fraction.tolist() == other.fraction.tolist()
    assert one.signal_dn == pytest.approx(other.signal_dn, rel=1e-12)


@pytest.mark.slow
def test_exposures_share_time_constants_and_keep_their_own_fractions() -> None:
    rng = np.random.default_rng(5)
    charges = [step(0, ON, 200, level) for level in LEVELS_DN]
    model = fit_lag([curve_of(charge, rng, factor=factor_at, tube=0.0) for charge in charges], 64)
    assert model.signal_dn == pytest.approx(LEVELS_DN, rel=2e-3)
    assert abs(pulls(model, FACTORS[:, None] * FRACTION)).max() < 4.5
    assert any("fractions depend on the exposure" in note for note in model.notes)
    times_s = 0.2 * np.arange(160)
    for level in (1000.0, 2500.0, 45000.0):
        left = left_after(model, delivered(step(0, 100, 60, level), times_s, factor_at), times_s)[100:] / level
        assert abs(left).max() < 5e-4


def test_exposures_that_lag_alike_get_one_set_of_fractions() -> None:
    rng = np.random.default_rng(6)
    model = fit_lag([curve_of(step(0, ON, 200, level), rng) for level in (2000.0, 20000.0)], 64)
    assert model.fraction.shape == (1, 4)
    assert any("one set of fractions serves all 2 exposures" in note for note in model.notes)
    assert abs(pulls(model)).max() < 4


@pytest.mark.slow
def test_repeats_at_one_exposure_are_one_row_and_smaller_errors() -> None:
    rng = np.random.default_rng(7)
    one, four = (fit_lag([curve_of(step(0, ON, AFTER), rng) for _ in range(count)], 64) for count in (1, 4))
    assert four.fraction.shape == (1, 4)
    assert four.time_error_s / one.time_error_s == pytest.approx(0.5, abs=0.15)


def test_lag_slower_than_the_sequence_is_held_and_said() -> None:
    model = fit_lag([curve_of(step(0, ON, 40), np.random.default_rng(8))], 64)
    assert model.time_s[-1] == pytest.approx(8.0, rel=0.03) and np.isnan(model.time_error_s[-1])
    assert any("slower than the 8 s after the beam can tell" in note for note in model.notes)


def test_lag_gone_after_one_frame_is_one_term_and_said() -> None:
    """1 s per frame: the terms of 0.08 and 0.286 s cannot be told apart."""
    charge = step(0, ON, 150)
    model = fit_lag([curve_of(charge, np.random.default_rng(9), interval_s=1.0)], 64)
    assert np.count_nonzero(model.time_s < 0.5) == 1
    assert any("gone after one frame" in note and "below 1 s" in note for note in model.notes)
    times_s = 1.0 * np.arange(charge.size)
    left = left_after(model, delivered(charge, times_s), times_s)[ON:] / 20000
    assert abs(left).max() < 5e-5


def test_a_panel_without_lag_is_told_so() -> None:
    model = fit_lag([curve_of(step(2, 20, 60), np.random.default_rng(10), fraction=np.zeros(4))], 64)
    assert any("no lag was found" in note for note in model.notes)
    assert model.fraction.sum() < 1e-5


def test_an_offset_that_has_drifted_is_replaced_by_the_frames_before_the_beam() -> None:
    curve = curve_of(step(8, ON, AFTER), np.random.default_rng(11), offset_error_dn=1.0)
    model = fit_lag([curve], 64)
    assert any("off the offset map" in note for note in model.notes)
    assert abs(pulls(model)).max() < 4


def test_partly_exposed_frames_are_taken_as_they_are() -> None:
    charge = step(5, ON, AFTER)
    charge[4], charge[ON + 5] = 0.1 * 20000, 0.5 * 20000  # the beam came late into one frame and left early another
    model = estimate(sequence(12, charge)).model
    assert abs(pulls(model)).max() < 4


def test_beam_states_can_be_given() -> None:
    charge = step(5, ON, AFTER)
    given = estimate(sequence(1, charge, beam_on=(charge > 0).tolist(), name="step.tif")).model
    found = estimate(sequence(1, charge, name="step.tif")).model
    np.testing.assert_array_equal(given.fraction, found.fraction)


def test_times_may_be_irregular() -> None:
    rng = np.random.default_rng(13)
    times_s = np.cumsum(rng.uniform(0.1, 0.4, 5 + ON + AFTER))
    model = estimate(sequence(14, times_s=times_s)).model
    assert model.time_s.size == 4 and abs(pulls(model)).max() < 4


def test_bad_pixels_and_unlit_regions_do_not_count(learned: LagEstimate) -> None:
    light = np.ones(SHAPE)
    light[:, :20] = 0.02  # not coated
    light[:, 40:] = 3.0  # saturates, and is masked
    light[5, 45] = 1e24
    model = estimate(sequence(1, light=light), unusable=light > 1).model
    assert abs(pulls(model)).max() < 4
    # half a tile and two tiles of eight side by side hold coating: the noise of the mean is sqrt(64 / 20) times higher
    assert model.time_error_s == pytest.approx(learned.model.time_error_s * np.sqrt(64 / 20), rel=0.5)


def test_a_region_that_decays_otherwise_is_left_out() -> None:
    rng = np.random.default_rng(15)
    signal = delivered(step(5, ON, AFTER), 0.2 * np.arange(425))
    odd = delivered(step(5, ON, AFTER), 0.2 * np.arange(425), lambda _: 3.0)

    def frames() -> Iterator[NDArray[np.float64]]:
        for mean, other in zip(signal, odd, strict=True):
            frame = OFFSET_DN + mean + rng.normal(0, 4.0, SHAPE)
            frame[:6, :8] += other - mean
            yield frame

    model = estimate(StepSequence(frames(), 0.2)).model
    assert any("1 of 64 tiles decay otherwise" in note for note in model.notes)
    assert abs(pulls(model)).max() < 4


def test_a_flickering_pixel_that_nobody_marked_does_not_count() -> None:
    rng = np.random.default_rng(19)

    def frames() -> Iterator[NDArray[np.float64]]:
        for frame in sequence(20).frames:
            frame = frame.copy()
            frame[20, 30] += rng.choice([0.0, 20000.0])  # 400 DN of its tile's mean
            yield frame

    model = estimate(StepSequence(frames(), 0.2)).model
    assert any("1 of 64 tiles" in note for note in model.notes)
    assert model.chi_square < 1.4 and abs(pulls(model)).max() < 4


def test_the_first_frame_after_the_beam_is_averaged_over_repeats() -> None:
    charge = np.concatenate([step(3, 40, 60), step(0, 40, 60), step(0, 40, 60)])
    light = np.ones(SHAPE)
    found = estimate(sequence(16, charge, tube=0.0, light=light))
    truth = delivered(charge, 0.2 * np.arange(charge.size))[[43, 143, 243]].mean()
    assert found.first_after_off_dn.dtype == np.float32 and found.first_after_off_dn.shape == SHAPE
    assert found.first_after_off_dn.mean() == pytest.approx(truth, abs=4 * 4 / np.sqrt(3 * 3072))
    assert found.first_after_off_noise_dn == pytest.approx(4 / np.sqrt(3), rel=0.1)
    assert found.first_after_off_dn.std() == pytest.approx(4 / np.sqrt(3), rel=0.1)
    assert found.exposed_dn == pytest.approx(20000, rel=0.01)


def test_common_fluctuation_of_whole_frames_widens_the_errors() -> None:
    rng = np.random.default_rng(17)
    signal = delivered(step(5, ON, AFTER), 0.2 * np.arange(425)) + rng.normal(0, 1.0, 425)
    model = estimate(StepSequence(frames_of(signal, OFFSET_DN, rng), 0.2)).model
    assert model.curves[0].error[0] == pytest.approx(1.0 / 20000, rel=0.25)
    shared = model.time_s.size
    assert shared < 4 or abs(pulls(model)).max() < 4


def test_afterglow_is_absorbed_at_its_own_rhythm_only(csi) -> None:  # type: ignore[no-untyped-def]
    """0.8 % with 20 ms and 0.25 % with 0.4 s beside the panel's lag, light between integrations lost."""
    terms = [LagTerm(f, t) for f, t in zip(FRACTION, TIME_S, strict=True)]

    def means(interval_s: float) -> NDArray[np.float64]:
        glow, stores, found = None, None, []
        for level in step(0, ON, AFTER):
            light, glow = emit_light(np.full((1, 1), level, np.float32), glow, csi, 0.15, interval_s)
            frame, stores = trap_charge(light, stores, terms, interval_s)
            found.append(float(frame[0, 0]))
        return np.array(found)

    rng = np.random.default_rng(18)
    model = estimate(StepSequence(frames_of(means(0.2), OFFSET_DN, rng), 0.2)).model
    same, faster = (left_after(model, means(dt), dt * np.arange(ON + AFTER))[ON] / 20000 for dt in (0.2, 0.16))
    assert abs(same) < 5e-5
    assert abs(faster) > 2e-4  # what the docstring warns of


@pytest.mark.slow
def test_threads_change_no_bit() -> None:
    found = []
    for threads in (1, min(2, numba.config.NUMBA_NUM_THREADS)):
        numba.set_num_threads(threads)
        found.append(estimate(sequence(1, step(2, 20, 40))))
    np.testing.assert_array_equal(found[0].model.fraction, found[1].model.fraction)
    np.testing.assert_array_equal(found[0].first_after_off_dn, found[1].first_after_off_dn)


def still(*levels: float) -> list[NDArray[np.float64]]:
    rng = np.random.default_rng(0)
    return [OFFSET_DN + level + rng.normal(0, 1.0, SHAPE) for level in levels]


@pytest.mark.parametrize(
    ("sequences", "message"),
    [
        ([], "at least 1 beam-on/beam-off sequence, got 0"),
        ([StepSequence(still(0, 9e3, 0, 0, 0, 0))], "needs either its frame interval or the time of each frame"),
        ([StepSequence(still(9e3, 0), 0.2, [0.0, 0.2])], "needs either its frame interval or the time of each"),
        ([StepSequence(still(9e3), 0.2)], "has 1 frames; the beam must go off within it"),
        ([StepSequence(still(9e3, 0, 0, 0), 0.2, name="a.tif")], "a.tif has 3 frames after .* at least 4 are needed"),
        ([StepSequence(still(9e3, 9e3, 9e3), 0.2)], "no frame after the beam went off"),
        ([StepSequence(still(0, 0, 9e3, 9e3), 0.2)], "no frame after the beam went off"),
        ([StepSequence(still(2, 2, 0, 0, 0, 0), 0.2)], "DN above the darks where it is brightest"),
        ([StepSequence(still(9e3, 0, 0, 0, 0), times_s=[0, 1, 2])], "has 5 frames but 3 times"),
        ([StepSequence(still(9e3, 0, 0, 0, 0), times_s=[0, 1, 1, 2, 3])], "must rise from frame to frame"),
        ([StepSequence(still(9e3, 0, 0), 0.2, beam_on=[True])], "more frames than the 1 beam states given"),
        ([StepSequence(still(9e3, 0, 0), 0.2, beam_on=[True] * 5)], "has 3 frames but 5 beam states"),
        ([StepSequence(still(9e3, 0, 0), 0.2, beam_on=[False] * 3)], "has no exposed frame"),
        ([StepSequence(still(7e4, 0, 0, 0, 0, 0), 0.2)], r"saturated \(60000 DN\) in 100.0 % of its pixels, limit 1 %"),
        ([StepSequence([np.zeros((64, 48))], 0.2)], r"frame 0 is \(64, 48\) but \(48, 64\) is needed"),
        ([StepSequence(still(9e3, np.nan, 0, 0, 0, 0), 0.2)], "frame 1 holds values that are NaN or infinite"),
        ([StepSequence(still(9e3, 0, 0, 0, 0, 0), -0.2)], "interval of lag sequence must be positive, got -0.2 s"),
    ],
)
def test_a_wrong_sequence_names_itself(sequences: list[StepSequence], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        estimate(*sequences)


def test_masks_and_counts_are_checked() -> None:
    with pytest.raises(ValueError, match=r"mask of unusable pixels is \(64, 48\) but the offset map is \(48, 64\)"):
        estimate(sequence(), unusable=np.zeros((64, 48), bool))
    with pytest.raises(ValueError, match="has no usable pixel"):
        estimate(sequence(), unusable=np.ones(SHAPE, bool))
    with pytest.raises(ValueError, match="offset_frames must be 1 or more, got 0"):
        estimate(sequence(), offset_frames=0)

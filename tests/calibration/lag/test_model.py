"""The lag recursion: undone in any rhythm, signed, conserving charge, and never poisoned by one bad value."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import numba
import numpy as np
import pytest
from numpy.typing import NDArray

from calibration.lag.model import LARGEST_DN, LagModel, LagState, _subtract_lag, lag_from_json, lag_step, lag_to_json
from calibration.lag.model import subtract_lag as subtract
from radiography.panel.panel import LagTerm
from radiography.panel.trapping import FrameTimes, trap_charge
from tests.calibration.lag_truth import FACTORS, FRACTION, TIME_S, delivered, factor_at, step, true_model

SHAPE = (48, 64)
SINGLE = 6e-8  # rounding to float32


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Frames of a few pixels: waking a second thread takes longer than the work."""
    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    yield
    numba.set_num_threads(threads)


def corrected(frames: list[NDArray[np.float32]], times_s: NDArray[np.float64], model: LagModel) -> list[np.ndarray]:
    state, found = None, []
    for k, frame in enumerate(frames):
        signal, state = subtract(frame, model, state, None if k == 0 else times_s[k] - times_s[k - 1])
        found.append(signal)
    return found


def uniform(signal_dn: NDArray[np.float64]) -> list[np.ndarray]:
    return [np.full((2, 3), value, np.float32) for value in signal_dn]


def rhythm(kind: str, frames: int) -> NDArray[np.float64]:
    steps = {"calibrated": 0.2, "twice as fast": 0.1, "half as fast": 0.4}
    if kind in steps:
        return steps[kind] * np.arange(frames)
    return np.cumsum(np.random.default_rng(3).uniform(0.03, 1.0, frames))


@pytest.mark.parametrize("kind", ["calibrated", "twice as fast", "half as fast", "irregular"])
def test_lag_is_taken_out_in_any_rhythm(kind: str) -> None:
    charge = step(2, 60, 60)
    times_s = rhythm(kind, charge.size)
    raw = delivered(charge, times_s)
    left = np.array([frame[0, 0] for frame in corrected(uniform(raw), times_s, true_model())]) - charge
    assert raw[62] / 20000 > 0.005  # 0.6 to 3 % before
    # below 0.05 % in frame 1 and 0.005 % in frame 50 is asked; float32 of 62 frames leaves less than 62 SINGLE
    assert abs(left[62:]).max() / 20000 < 62 * SINGLE
    assert abs(left[2:62]).max() / 20000 < 62 * SINGLE  # the rising step too


def test_at_the_calibrated_rate_three_per_cent_go_down_to_nothing() -> None:
    charge, times_s = step(0, 200, 60), 0.2 * np.arange(260)
    raw = delivered(charge, times_s)
    left = [frame[0, 0] / 20000 for frame in corrected(uniform(raw), times_s, true_model())]
    assert raw[200] / 20000 == pytest.approx(0.030, abs=5e-4)
    assert abs(left[200]) < 5e-7 and abs(left[249]) < 5e-7


def test_what_the_forward_model_breaks_is_mended(small_panel) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(4)
    pixels = rng.uniform(0.5, 1.5, SHAPE)  # each its own exposure
    terms, interval_s = small_panel.lag, 0.1
    trapped = [[term.fraction * np.exp(-interval_s / term.time_s) for term in terms]]  # when the frame is read
    model = LagModel(
        np.array([term.time_s for term in terms]), np.array([1.0]), np.array(trapped), np.zeros((1, 2)), np.zeros(2),
        0.2, 60.0,
    )  # fmt: skip
    stores, state = None, None
    for charge in step(0, 100, 50):
        electrons = (charge * pixels).astype(np.float32)
        frame, stores = trap_charge(electrons, stores, terms, interval_s)
        signal, state = subtract(frame, model, state, interval_s)
        assert abs(signal - electrons).max() < 100 * SINGLE * 30000
    assert frame.max() / 30000 > 1e-4  # there was something to mend, in frame 50 too


def test_after_the_beam_noise_averages_to_zero() -> None:
    rng = np.random.default_rng(5)
    charge, times_s = step(0, 30, 40), 0.2 * np.arange(70)
    frames = [(mean + rng.normal(0, 8.0, SHAPE)).astype(np.float32) for mean in delivered(charge, times_s)]
    after = np.array(corrected(frames, times_s, true_model())[30:])
    # 40 * 3072 values of 8.25 DN: standard error 0.024 DN; what the noise of 30 lit frames left is less (3 % of it)
    assert abs(after.mean()) < 4 * 0.024
    assert np.maximum(after, 0).mean() == pytest.approx(8.25 * 0.399, rel=0.02)  # what cutting at zero would do


def test_noise_grows_by_one_over_what_is_not_caught() -> None:
    rng = np.random.default_rng(6)
    frames = [rng.normal(0, 8.0, SHAPE).astype(np.float32) for _ in range(300)]
    model = true_model()
    found = np.std(corrected(frames, 0.2 * np.arange(300), model)) / np.std(frames)
    assert model.noise_gain[0] == pytest.approx(1 / (1 - 0.0298))
    # numerator and denominator share their noise; earlier frames add sum (f (1 - kappa))^2 / 2 = 2e-4
    assert found == pytest.approx(model.noise_gain[0], abs=4e-4)


@pytest.mark.parametrize(("level", "factor"), [(1000.0, 1.6), (45000.0, 0.75)])
def test_fractions_that_depend_on_exposure(level: float, factor: float) -> None:
    charge, times_s = step(0, 200, 60, level), 0.2 * np.arange(260)
    frames = uniform(delivered(charge, times_s, factor_at))
    constant = corrected(frames, times_s, true_model())[200][0, 0] / level
    dependent = [frame[0, 0] / level for frame in corrected(frames, times_s, true_model(FACTORS))]
    # Constant fractions leave (factor - 1) F / (1 - F): +1.8 % and -0.8 %; 1.4 % of the slowest 0.06 % is not there yet
    assert constant == pytest.approx((factor - 1) * 0.0298 / (1 - 0.0298), abs=1e-5)
    assert abs(np.array(dependent[200:])).max() < 260 * SINGLE


def test_exposures_that_change_within_a_sequence() -> None:
    rng = np.random.default_rng(7)
    charge = np.exp(rng.uniform(np.log(300), np.log(60000), 80)) * (rng.uniform(size=80) > 0.3)
    times_s = np.cumsum(rng.uniform(0.05, 0.5, 80))
    frames = uniform(delivered(charge, times_s, factor_at))
    found = np.array([frame[0, 0] for frame in corrected(frames, times_s, true_model(FACTORS))])
    # Looked up at the prompt charge: 0.6 % change of F over log 5 to log 3 gives 3e-8, float32 the rest
    assert abs(found - charge).max() < 100 * SINGLE * 60000


def test_looking_up_at_the_prompt_charge_is_as_good_as_said() -> None:
    """Linear in log(x) is the definition; the kernel interpolates in log(x (1 - F))."""
    strong = LagModel(
        np.array([1.0]), np.array([1e3, 1e4]), np.array([[0.10], [0.02]]), np.zeros((2, 1)), np.zeros(1), 1.0, 1.0
    )
    charge = np.geomspace(500, 2e4, 400)
    fraction = np.interp(np.log(charge), np.log([1e3, 1e4]), [0.10, 0.02])
    found, state = subtract((charge * (1 - fraction))[None], strong, None, None)
    bound = 0.08**3 / 8 / np.log(10) * 1.25  # of F; (1 - F)^-2 = 1.23 left out of the docstring
    worst = abs(found[0] / charge - 1).max()
    assert 0.5 * bound < worst < bound + 2 * SINGLE
    assert abs(state.trapped_dn[0, 0] / charge - fraction).max() < bound * 1.2 + 2 * SINGLE


def test_charge_is_divided_between_frames_and_stores_and_none_is_lost() -> None:
    rng = np.random.default_rng(8)
    model, state = true_model(FACTORS), None
    raw = rng.uniform(-50, 60000, (40, *SHAPE)).astype(np.float32)
    total = np.zeros(SHAPE)
    for frame in raw:
        signal, state = subtract(frame, model, state, rng.uniform(0.05, 2.0))
        total += signal
    held = total - state.trapped_dn.sum(axis=0, dtype=np.float64)
    assert held == pytest.approx(raw.sum(axis=0, dtype=np.float64), abs=40 * SINGLE * 60000)


def test_a_state_from_a_file_goes_on_bit_for_bit(tmp_path) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(9)
    frames = [rng.normal(5000, 100, SHAPE).astype(np.float32) for _ in range(12)]
    times_s, model = np.cumsum(rng.uniform(0.1, 0.3, 12)), true_model(FACTORS)
    whole = corrected(frames, times_s, model)
    state = None
    for k in range(7):
        _, state = subtract(frames[k], model, state, None if k == 0 else times_s[k] - times_s[k - 1])
    np.save(tmp_path / "state.npy", state.trapped_dn)
    model = lag_from_json(json.loads(json.dumps(lag_to_json(model))))
    state = LagState(np.load(tmp_path / "state.npy"))
    for k in range(7, 12):
        signal, state = subtract(frames[k], model, state, times_s[k] - times_s[k - 1])
        np.testing.assert_array_equal(signal, whole[k])


def test_zero_fractions_return_the_input_bit_for_bit() -> None:
    frame = np.random.default_rng(10).normal(0, 1e4, SHAPE).astype(np.float32)
    frame[0, :4] = [-0.0, 1e-42, np.nan, -np.inf]
    model, state = true_model(scale=0.0), None
    for _ in range(2):
        signal, state = subtract(frame, model, state, 0.2)
        np.testing.assert_array_equal(signal.view(np.uint32), frame.view(np.uint32))
    assert not state.trapped_dn.any()


def test_what_is_held_grows_with_the_fraction_as_the_formula_says() -> None:
    frame = np.full(SHAPE, 1e4, np.float32)
    one, two = (subtract(frame, true_model(scale=s), None, None)[1].trapped_dn for s in (0.5, 1.0))
    np.testing.assert_allclose(two / one, 2 * (1 - 0.0149) / (1 - 0.0298), rtol=3 * SINGLE)


def test_a_lit_frame_goes_up_and_a_dark_one_after_it_down() -> None:
    first, state = subtract(np.full(SHAPE, 1e4, np.float32), true_model(), None, None)
    second, _ = subtract(np.zeros(SHAPE, np.float32), true_model(), state, 0.2)
    assert (first > 1e4).all() and (second < 0).all()


def test_a_longer_pause_leaves_less() -> None:
    _, state = subtract(np.full(SHAPE, 1e4, np.float32), true_model(), None, None)
    released = [-subtract(np.zeros(SHAPE), true_model(), state, pause)[0][0, 0] for pause in (1.0, 1e4)]
    held = FRACTION / (1 - FRACTION.sum()) * 1e4
    expected = [np.sum(held * -np.expm1(-pause / TIME_S)) / (1 - FRACTION.sum()) for pause in (1.0, 1e4)]
    assert released == pytest.approx(expected, rel=1e-6)  # after a long pause all of it comes at once


def test_a_slow_store_decays_at_its_own_rate() -> None:
    """exp(-dt / tau) lies between two values of float32, half a step of 2^-24 away: 2 % of the rate."""
    rate = 25.5 * 2.0**-24
    model = LagModel(np.array([1 / rate]), np.ones(1), np.zeros((1, 1)), np.zeros((1, 1)), np.zeros(1), 1.0, 100.0)
    held = np.random.default_rng(13).uniform(9000, 16000, (1, *SHAPE)).astype(np.float32)
    _, after = subtract(np.zeros(SHAPE), model, LagState(held), 1.0)
    lost = held.astype(np.float64) - after.trapped_dn
    # 3072 roundings of 0.3 steps each, of 25 to 40 steps
    assert lost.mean() / held.mean(dtype=np.float64) == pytest.approx(
        -np.expm1(-rate), rel=4 * 0.3 / 25 / np.sqrt(3072)
    )


def test_a_value_that_is_no_number_stays_and_holds_nothing() -> None:
    rng = np.random.default_rng(11)
    frames = [rng.normal(5000, 50, SHAPE).astype(np.float32) for _ in range(4)]
    spoilt = [frame.copy() for frame in frames]
    poisons = [np.nan, np.inf, -np.inf, 3e38]
    spoilt[1][0, :4] = poisons
    zero = [frame.copy() for frame in frames]
    zero[1][0, :4] = 0.0
    model, times_s = true_model(), 0.2 * np.arange(4)
    clean, found = corrected(frames, times_s, model), corrected(spoilt, times_s, model)
    np.testing.assert_array_equal(np.isfinite(found[1][0, :4]), [False, False, False, True])
    assert found[1][0, 3] == pytest.approx(3e38 / (1 - 0.0298), rel=1e-6)
    assert np.isfinite(found[2]).all() and np.isfinite(found[3]).all()
    for k in range(4):
        np.testing.assert_array_equal(found[k][1:], clean[k][1:])
        np.testing.assert_array_equal(found[k][0, 4:], clean[k][0, 4:])
    # afterwards the pixels are as if that frame had left nothing new in them
    _, state = subtract(spoilt[0], model, None, None)
    _, after = subtract(spoilt[1], model, state, 0.2)
    kept = state.trapped_dn[:, 0, :4] * np.exp(-0.2 / TIME_S)[:, None]
    np.testing.assert_allclose(after.trapped_dn[:, 0, :4], kept, rtol=2 * SINGLE)


def test_frame_and_state_are_not_written_to() -> None:
    frame = np.full(SHAPE, 1e4, np.float32)
    _, state = subtract(frame, true_model(), None, None)
    frame.setflags(write=False)
    state.trapped_dn.setflags(write=False)
    before = state.trapped_dn.copy()
    _, after = subtract(frame, true_model(), state, 0.2)
    np.testing.assert_array_equal(state.trapped_dn, before)
    assert not np.shares_memory(after.trapped_dn, state.trapped_dn)


def test_threads_change_no_bit() -> None:
    rng = np.random.default_rng(12)
    frame = rng.uniform(-100, 60000, SHAPE).astype(np.float32)
    model = true_model(FACTORS)
    _, state = subtract(frame, model, None, None)
    found = []
    for threads in (1, min(2, numba.config.NUMBA_NUM_THREADS)):
        numba.set_num_threads(threads)
        found.append(subtract(frame, model, state, 0.2))
    np.testing.assert_array_equal(found[0][0], found[1][0])
    np.testing.assert_array_equal(found[0][1].trapped_dn, found[1][1].trapped_dn)


def test_the_kernel_does_what_its_python_does() -> None:
    frame = np.array([[-5.0, 800.0, 3000.0], [20000.0, 60000.0, np.nan]], np.float32)
    _, state = subtract(np.abs(np.nan_to_num(frame)), true_model(FACTORS), None, None)
    step_ = lag_step(true_model(FACTORS), 0.3)
    out, after = np.empty((2, 3), np.float32), np.empty((4, 2, 3), np.float32)
    _subtract_lag.py_func(frame, state.trapped_dn, step_, np.float32(LARGEST_DN), False, out, after)
    signal, compiled = subtract(frame, true_model(FACTORS), state, 0.3)
    np.testing.assert_allclose(out, signal, rtol=SINGLE)
    np.testing.assert_allclose(after, compiled.trapped_dn, rtol=2 * SINGLE)


def test_integers_are_taken() -> None:
    signal, _ = subtract(np.full(SHAPE, 7, np.uint16), true_model(), None, None)
    assert signal.dtype == np.float32 and signal[0, 0] == pytest.approx(7 / (1 - 0.0298))


def test_a_model_survives_json() -> None:
    model = replace(true_model(FACTORS), time_error_s=np.array([0.1, np.nan, 0.2, 0.3]), notes=("four terms",))
    again = lag_from_json(json.loads(json.dumps(lag_to_json(model), allow_nan=False)))
    for name in ("time_s", "signal_dn", "fraction", "fraction_error", "time_error_s"):
        np.testing.assert_array_equal(getattr(again, name), getattr(model, name))
    assert (again.frame_interval_s, again.covered_s, again.notes) == (0.2, 100.0, ("four terms",))
    with pytest.raises(KeyError, match="fraction"):
        lag_from_json({"time_s": [1.0], "signal_dn": [1.0]})


def test_the_arrays_of_a_model_are_its_own() -> None:
    times = np.array([1.0])
    model = LagModel(times, np.ones(1), np.zeros((1, 1)), np.zeros((1, 1)), np.zeros(1), 0.2, 1.0)
    times[0] = -1.0
    assert model.time_s[0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        model.time_s[0] = 2.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"time_s": np.array([0.1, -1.0])}, r"time_s of a lag model must be positive and rising, got \[0.1, -1.0\]"),
        ({"time_s": np.array([2.0, 1.0])}, "time_s of a lag model must be positive and rising"),
        ({"time_s": np.array([1.0, np.nan])}, "positive and rising"),
        ({"time_s": np.array([])}, "needs 1 or more time constants"),
        ({"signal_dn": np.array([5.0, 3.0])}, "signal_dn of a lag model must be positive and rising"),
        ({"fraction": np.array([[0.6, 0.5]] * 2)}, "sum to less than 1, got 0.5 or more with a sum of 1.1"),
        ({"fraction": np.array([[0.1, -0.1]] * 2)}, "must be 0 or more"),
        ({"fraction": np.array([[0.1, np.nan]] * 2)}, "must be 0 or more"),
        ({"fraction": np.array([[0.1, 0.1]])}, r"\(1, 2\), but 2 exposures and 2 time constants need \(2, 2\)"),
        ({"fraction": np.array([[0.0, 0.1], [0.5, 0.45]])}, "more charge would deliver less"),
        ({"fraction_error": np.zeros(2)}, r"fraction_error is \(2,\), but \(2, 2\) is needed"),
        ({"frame_interval_s": 0.0}, "frame_interval_s of a lag model must be positive, got 0.0"),
        ({"covered_s": np.inf}, "covered_s of a lag model must be positive"),
        ({"chi_square": -1.0}, "chi_square of a lag model must be 0 or more"),
    ],
)
def test_a_model_that_contradicts_itself_is_refused(changes: dict[str, object], message: str) -> None:
    good = LagModel(
        np.array([0.1, 1.0]), np.array([1e3, 1e4]), np.full((2, 2), 0.01), np.zeros((2, 2)), np.zeros(2), 0.2, 1.0
    )
    with pytest.raises(ValueError, match=message):
        replace(good, **changes)


@pytest.mark.parametrize(
    ("frame", "state", "elapsed_s", "error", "message"),
    [
        (np.zeros(SHAPE), np.zeros((4, *SHAPE)), None, ValueError, "time since the previous frame is needed"),
        (np.zeros(SHAPE), None, -0.2, ValueError, "time since the previous frame must be positive, got -0.2 s"),
        (np.zeros(SHAPE), np.zeros((4, *SHAPE)), np.nan, ValueError, "must be positive, got nan s"),
        (np.zeros(SHAPE), np.zeros((3, *SHAPE)), 0.2, ValueError, r"lag state is \(3, 48, 64\), but .* \(4, 48, 64\)"),
        (np.zeros((2, *SHAPE)), None, None, ValueError, r"a frame is \(rows, columns\), got \(2, 48, 64\)"),
        (np.zeros(SHAPE, complex), None, None, TypeError, "integers or floats, got complex128"),
    ],
)
def test_a_wrong_input_names_itself(
    frame: np.ndarray, state: np.ndarray | None, elapsed_s: float | None, error: type[Exception], message: str
) -> None:
    held = None if state is None else LagState(state.astype(np.float32))
    with pytest.raises(error, match=message):
        subtract(frame, true_model(), held, elapsed_s)


def test_the_forward_terms_are_the_same_definition() -> None:
    charge, times_s = np.array([1e4, 0.0, 3e4, 0.0]), 0.3 * np.arange(4)
    terms = [LagTerm(f, t) for f, t in zip(FRACTION, TIME_S, strict=True)]
    stores, found = None, []
    for value in charge:
        at_once = FrameTimes(1e-9)  # read before any trap releases
        frame, stores = trap_charge(np.full((1, 1), value, np.float32), stores, terms, 0.3, times=at_once)
        found.append(frame[0, 0])
    assert found == pytest.approx(delivered(charge, times_s), rel=1e-6)

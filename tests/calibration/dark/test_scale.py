"""The dark signal of a frame: scaled by time, temperature and reference pixels, and never by one hot pixel."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.dark.model import DarkStack, estimate_dark_model
from calibration.dark.offset import OffsetMap
from calibration.dark.scale import (
    PRIOR_SCALE_ERROR,
    _ReferenceFrame,
    _sum_rows,
    dark_excess_s,
    dark_scale_from_reference,
    dark_scale_from_temperature,
    offset_at,
)
from tests.reference import on_threads

ROWS, COLS = 48, 64
SHIELDED = ((0, 12), (60, 64))


def _maps(rows: int = ROWS, cols: int = COLS, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Offset at 1 s [DN] and rate [DN/s], read-only."""
    rng = np.random.default_rng(seed)
    rate = rng.uniform(10, 40, (rows, cols)).astype(np.float32)
    offset = (1000 + 30 * rng.standard_normal((rows, cols)) + rate).astype(np.float32)
    for plane in (offset, rate):
        plane.setflags(write=False)
    return offset, rate


def _frame(maps: tuple[np.ndarray, np.ndarray], scale: float, time_s: float, noise_dn: float = 0.0) -> np.ndarray:
    offset, rate = maps
    rng = np.random.default_rng(2)
    frame = offset + rate * (scale * time_s - 1.0) + noise_dn * rng.standard_normal(offset.shape)
    return frame.astype(np.float32)


def _good(frame: np.ndarray) -> np.ndarray:
    return np.zeros(frame.shape, np.bool_)


def test_the_recipe_s_numbers_are_reproduced() -> None:
    """Darks at 0.1 and 2 s, a frame of 1 s whose panel is 1.125 K warmer, a doubling every 3 K.

    Dark signal of 22.6 +- 12.1 DN/s as the recipe's 6.7 DN of bias and 3.6 DN rms over k - 1 = 0.2968 imply, and
    0.6 DN of error in each mean dark. Spreads in closed form: the 2 s dark |k - 2| 12.1 = 8.5 DN, interpolated to 1 s
    |k - 1| 12.1 = 3.6 DN, scaled 0.6 sqrt(w^2 + (1 - w)^2) = 0.44 DN with w = (k - 0.1) / 1.9.
    """
    rng = np.random.default_rng(4)
    rows, cols, noise_dn, frames = 1536, 256, 4.8, 64
    fixed, rate = 1000 + 30 * rng.standard_normal((rows, cols)), 22.6 + 12.1 * rng.standard_normal((rows, cols))

    def dark(time_s: float) -> DarkStack:
        mean = fixed + rate * time_s + noise_dn / frames**0.5 * rng.standard_normal((rows, cols))
        return DarkStack(OffsetMap(mean.astype(np.float32), None, noise_dn, frames, ()), time_s)

    model = estimate_dark_model([dark(0.1), dark(2.0)])
    assert model.rate_dn_per_s is not None
    assert model.time_s is not None
    truth_k = dark_scale_from_temperature(26.125, 25.0, 3.0)
    assert truth_k == pytest.approx(1.2968, abs=1e-4)
    truth = fixed + rate * truth_k
    frame = np.rint(truth + noise_dn * rng.standard_normal((rows, cols))).astype(np.uint16)
    known = (model.offset_dn, model.rate_dn_per_s, model.time_s)
    scale, error = dark_scale_from_reference(
        frame,
        *known,
        1.0,
        ((0, 128),),
        np.zeros(frame.shape, np.bool_),
        rate_error_dn_per_s=model.typical_rate_error_dn_per_s or 0.0,
    )
    assert error == pytest.approx(noise_dn / np.sqrt(rows * 128 * (22.6**2 + 12.1**2)), rel=0.25)
    assert scale == pytest.approx(truth_k, abs=1e-3)
    seen = np.s_[:, 128:]
    # a spread of 196,608 values is known to 0.16 %; the recipe's own numbers have two digits
    for offset, spread, bias in (
        (model.offset_dn, 8.5, 15.9),
        (offset_at(*known, 1.0), 3.6, -6.7),
        (offset_at(*known, 1.0, scale), 0.44, 0.0),
    ):
        away = (offset - truth)[seen]
        assert np.std(away) == pytest.approx(spread, rel=0.015)
        assert np.mean(away) == pytest.approx(bias, abs=0.05)


def test_offset_of_the_calibration_s_own_time_is_its_own() -> None:
    offset, rate = _maps()
    assert offset_at(offset, rate, 1.0, 1.0) is offset
    assert offset_at(offset, None, 1.0, 1.0005) is offset
    assert offset_at(offset, None, None, 3.0) is offset
    assert offset_at(offset, rate, 1.0, None) is offset


def test_twice_the_departure_in_time_is_twice_the_change() -> None:
    offset, rate = _maps()
    one, two = (offset_at(offset, rate, 1.0, 1.0 + k * 0.5) - offset for k in (1, 2))
    assert two == pytest.approx(2 * one, abs=3e-4)  # float32 of 1000 twice rounded
    assert offset_at(offset, rate, 1.0, 0.5, 2.0) is offset
    assert offset_at(offset, rate, 1.0, 2.0, 1.5) == pytest.approx(offset + 2 * rate, rel=1e-6)
    assert one.dtype == np.float32
    assert dark_excess_s(True, 1.0, 2.0, 1.5) == 2.0
    assert dark_excess_s(False, 1.0, 1.0) == 0.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((False, 1.0, 2.0, 1.0), "integrated for 2 s but the offset is known at 1 s only"),
        ((False, 1.0, 1.0, 1.5), "has no dark rate, so its offset cannot be scaled by 1.5"),
        ((True, None, 1.0, 1.0), "needs the integration time at which its offset map holds"),
        ((True, 1.0, 1.0, np.nan), "dark scale must be finite and not negative, got nan"),
        ((True, 1.0, -1.0, 1.0), "integration time must be finite and not negative, got -1.0 s"),
    ],
)
def test_a_time_that_the_calibration_does_not_know_is_refused(arguments: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dark_excess_s(*arguments)


def test_a_rate_of_another_shape_is_refused() -> None:
    offset, rate = _maps()
    with pytest.raises(ValueError, match=r"dark rate is \(64, 48\) but the offset map is \(48, 64\)"):
        offset_at(offset, rate.T, 1.0, 2.0)


@pytest.mark.parametrize(("warmer_K", "scale"), [(0.0, 1.0), (6.0, 2.0), (12.0, 4.0), (-6.0, 0.5), (1.0, 2 ** (1 / 6))])
def test_the_dark_current_doubles_every_doubling(warmer_K: float, scale: float) -> None:
    assert dark_scale_from_temperature(25 + warmer_K, 25.0, 6.0) == scale


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((298.0, 25.0, 6.0), "between -50 and 100 deg C, got 298"),
        ((25.0, float("nan"), 6.0), "got nan"),
        ((25.0, 25.0, 0.0), "doubling_K must be positive, got 0"),
    ],
)
def test_a_temperature_of_no_panel_is_refused(arguments: tuple[float, float, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dark_scale_from_temperature(*arguments)


@pytest.mark.parametrize("scale", [0.5, 1.0, 1.3, 3.0])
@pytest.mark.parametrize("time_s", [0.2, 1.0, 2.5])
def test_reference_pixels_without_noise_give_the_scale(scale: float, time_s: float) -> None:
    maps = _maps()
    frame = _frame(maps, scale, time_s)
    found, error = dark_scale_from_reference(frame, *maps, 1.0, time_s, SHIELDED, _good(frame))
    # float32 of 1000 is good to 6e-5 DN of 5 DN or more
    assert found == pytest.approx(scale, abs=2e-5)
    assert error < 1e-5


def test_the_error_is_that_which_happens_with_line_noise_too() -> None:
    maps, pulls = _maps(), []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        frame = _frame(maps, 1.3, 1.0) + 4 * rng.standard_normal((ROWS, COLS)) + 3 * rng.standard_normal((ROWS, 1))
        found, error = dark_scale_from_reference(frame, *maps, 1.0, 1.0, SHIELDED, _good(frame), prior_error=1e6)
        pulls.append((found - 1.3) / error)
    # 60 values: standard deviation to 9 % and the mean to 0.13, three of them; 48 rows make the error itself 10 % loose
    assert np.std(pulls) == pytest.approx(1.0, abs=0.3)
    assert abs(np.mean(pulls)) < 0.4


@pytest.mark.parametrize("flagged", [True, False])
def test_hot_dead_and_missing_pixels_change_nothing(flagged: bool) -> None:
    offset, rate = (plane.copy() for plane in _maps())
    rate[7, 3], offset[7, 3] = 4e4, 41000.0  # hot, and saturated: it would say k = 1.6
    frame = _frame((offset, rate), 1.3, 1.0, 2.0)
    frame[7, 3] = 65535.0
    frame[9, 1], frame[20, 61], frame[30, 5] = 65535.0, 0.0, np.nan
    frame[:, 10] = 65535.0
    bad = _good(frame)
    if flagged:
        bad[[7, 9, 20, 30], [3, 1, 61, 5]] = True
        bad[:, 10] = True
    found, error = dark_scale_from_reference(frame, offset, rate, 1.0, 1.0, SHIELDED, bad)
    assert abs(found - 1.3) < 4 * error
    assert error < 0.01


def test_exposed_pixels_do_not_matter() -> None:
    maps = _maps()
    frame = _frame(maps, 1.3, 1.0, 2.0)
    lit = frame.copy()
    lit[:, 12:60] = 30000.0
    arguments = (*maps, 1.0, 1.0, SHIELDED, _good(frame))
    assert dark_scale_from_reference(frame, *arguments) == dark_scale_from_reference(lit, *arguments)


def test_a_dark_signal_that_says_nothing_leaves_the_prior() -> None:
    offset, _ = _maps()
    rng = np.random.default_rng(3)
    frame = (offset + 5 * rng.standard_normal(offset.shape)).astype(np.float32)
    nothing = np.zeros(offset.shape, np.float32)
    noise = rng.normal(0, 0.3, offset.shape).astype(np.float32)
    for rate in (nothing, -np.abs(noise), noise):
        prior = (1.7, 0.1)
        assert dark_scale_from_reference(frame, offset, rate, 1.0, 0.5, SHIELDED, _good(frame), *prior) == prior
    # a rate above zero, but no more than its own error
    weak = (0.2 + noise).astype(np.float32)
    arguments = (frame, offset, weak, 1.0, 0.5, SHIELDED, _good(frame), 1.7, 0.1)
    assert dark_scale_from_reference(*arguments, rate_error_dn_per_s=0.3) == (1.7, 0.1)
    assert dark_scale_from_reference(*arguments) != (1.7, 0.1)


def test_without_reference_pixels_the_prior_stands() -> None:
    maps = _maps()
    frame = _frame(maps, 1.3, 1.0)
    assert dark_scale_from_reference(frame, *maps, 1.0, 1.0, (), _good(frame)) == (1.0, PRIOR_SCALE_ERROR)
    assert dark_scale_from_reference(frame, *maps, 1.0, 1.0, SHIELDED, ~_good(frame)) == (1.0, PRIOR_SCALE_ERROR)


def test_a_weak_dark_signal_is_weighed_against_the_prior() -> None:
    maps = _maps()
    frame = _frame(maps, 1.3, 1.0, 2.0)
    arguments = (frame, *maps, 1.0, 1.0, SHIELDED, _good(frame))
    measured, error = dark_scale_from_reference(*arguments, prior_error=1e9)
    found, combined = dark_scale_from_reference(*arguments, 1.0, error)  # as certain as the pixels: half way
    assert found == pytest.approx(0.5 * (1.0 + measured), rel=1e-6)
    assert combined == pytest.approx(error / np.sqrt(2), rel=1e-6)


def test_noise_of_the_rate_is_taken_off_again() -> None:
    # attenuation of k - 1 by rate^2 / (rate^2 + error^2) = 650 / 714 without the correction
    true_rate = _maps(400)[1]
    rng = np.random.default_rng(5)
    noisy = (true_rate + 8 * rng.standard_normal(true_rate.shape)).astype(np.float32)
    offset = np.full(true_rate.shape, 1000, np.float32)
    frame = (offset + 0.5 * true_rate).astype(np.float32)
    arguments = (frame, offset, noisy, 1.0, 1.0, SHIELDED, _good(frame))
    plain, _ = dark_scale_from_reference(*arguments)
    corrected, error = dark_scale_from_reference(*arguments, rate_error_dn_per_s=8.0)
    square = float(np.mean(true_rate**2))
    assert plain == pytest.approx(1 + 0.5 * square / (square + 64), abs=0.01)
    assert corrected == pytest.approx(1.5, abs=4 * error)


def test_the_kernel_agrees_with_its_python_and_with_numpy() -> None:
    rng = np.random.default_rng(6)
    offset, rate = _maps(5, 9)
    raw = rng.integers(990, 1100, (5, 9)).astype(np.uint16)
    bad = rng.random((5, 9)) < 0.2
    cols, limits = np.array([0, 1, 2, 7, 8]), (15.0, 38.0, -50.0, 60.0)
    compiled, plain = np.empty((4, 5)), np.empty((4, 5))
    for kernel, sums in ((_sum_rows, compiled), (_sum_rows.py_func, plain)):
        kernel(_ReferenceFrame(raw, offset, rate, bad, 1.0, 1.2), cols, 1.1, limits, sums)
    assert compiled == pytest.approx(plain, rel=1e-12)
    expected, above = 1.2 * rate[:, cols], raw[:, cols] - (offset - rate)[:, cols]
    good = ~bad[:, cols] & (expected >= 15) & (expected <= 38)
    good &= np.abs(above - 1.1 * expected - 5) <= 55
    assert 3 < np.count_nonzero(good) < good.size
    assert compiled[3] == pytest.approx(good.sum(axis=1))
    assert compiled[0] == pytest.approx((above * expected * good).sum(axis=1), rel=1e-4)
    assert compiled[1] == pytest.approx((expected**2 * good).sum(axis=1), rel=1e-5)
    assert compiled[2] == pytest.approx((expected * good).sum(axis=1), rel=1e-5)


def test_one_thread_and_two_give_the_same_bits() -> None:
    maps = _maps(333)
    frame = _frame(maps, 1.2, 1.0, 3.0)

    def scale() -> np.ndarray:
        return np.array(dark_scale_from_reference(frame, *maps, 1.0, 1.0, SHIELDED, _good(frame)))

    assert np.array_equal(on_threads(1, scale), on_threads(2, scale))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"offset_dn": np.zeros((COLS, ROWS), np.float32)}, r"offset map is \(64, 48\) but the frame is \(48, 64\)"),
        ({"dark_rate_dn_per_s": np.zeros((1, 1), np.float32)}, r"dark rate is \(1, 1\)"),
        ({"unusable": np.zeros((1, 1), np.bool_)}, r"map of unusable pixels is \(1, 1\)"),
        ({"shielded_cols": ((60, 70),)}, "60:70 do not lie within the 64 columns"),
        ({"dark_time_s": 0.0}, "dark_time_s must be positive, got 0"),
        ({"integration_time_s": np.inf}, "integration_time_s must be positive, got inf"),
        ({"prior_error": 0.0}, "prior scale needs a positive error, got 1.0 with error 0.0"),
    ],
)
def test_a_wrong_input_names_itself(change: dict[str, object], message: str) -> None:
    offset, rate = _maps()
    right = {
        "raw_dn": offset,
        "offset_dn": offset,
        "dark_rate_dn_per_s": rate,
        "dark_time_s": 1.0,
        "integration_time_s": 1.0,
        "shielded_cols": SHIELDED,
        "unusable": _good(offset),
    }
    with pytest.raises(ValueError, match=message):
        dark_scale_from_reference(**{**right, **change})  # type: ignore[arg-type]

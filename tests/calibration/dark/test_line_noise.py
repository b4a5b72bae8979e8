"""Line noise: measured on shielded columns, shrunk by its own error, and never spoilt by a bad pixel."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.dark.line_noise import (
    _average_rows,
    _clipped_mean,
    _Clipping,
    _FrameOverDark,
    _RowMeans,
    estimate_line_noise,
    subtract_line_noise,
)
from tests.reference import on_threads

ROWS, COLS = 48, 64
LINE_DN, PIXEL_DN = 3.0, 6.0


def _frame(rows: int, cols: int, line_dn: object, rng: np.random.Generator, pixel_dn: float = PIXEL_DN) -> np.ndarray:
    frame = (1000 + np.asarray(line_dn) + pixel_dn * rng.standard_normal((rows, cols))).astype(np.float32)
    frame.setflags(write=False)
    return frame


def _offset(frame: np.ndarray) -> np.ndarray:
    return np.full(frame.shape, 1000, np.float32)


def _good(frame: np.ndarray) -> np.ndarray:
    return np.zeros(frame.shape, np.bool_)


@pytest.mark.parametrize(("shielded", "whole", "left"), [(4, 3.00, 2.12), (16, 1.50, 1.34), (64, 0.75, 0.73)])
def test_the_recipe_s_table_is_reproduced(shielded: int, whole: float, left: float) -> None:
    # closed form sr sqrt(1 - k); the recipe's own experiment: 2.11, 1.35, 0.73, and 3.13, 1.54, 0.76 with k = 1
    rng, rows = np.random.default_rng(7), 6000
    shift = LINE_DN * rng.standard_normal(rows)
    frame = _frame(rows, shielded + 2, shift[:, None], rng)
    line = estimate_line_noise(frame, _offset(frame), ((0, shielded),), _good(frame))
    # a standard deviation of 6000 values: 0.9 %, four of them; as much again for the estimated k
    remaining = np.std(shift - line.line_dn[:, 0])
    assert remaining == pytest.approx(left, rel=0.04)
    assert line.left_dn[0] == pytest.approx(left, rel=0.05)
    unshrunk = np.std(shift - (frame[:, :shielded] - 1000).mean(axis=1))
    assert unshrunk == pytest.approx(whole, rel=0.04)
    assert remaining < unshrunk


def test_the_parts_of_the_noise_are_told_apart() -> None:
    rng, rows, shielded = np.random.default_rng(3), 4000, 8
    frame = _frame(rows, 12, LINE_DN * rng.standard_normal((rows, 1)), rng)
    line = estimate_line_noise(frame, _offset(frame), ((2, 2 + shielded),), _good(frame))
    # relative standard errors 1 / sqrt(2 * 4000 * 7) and, seen through the pixels' noise, 1.5 / sqrt(2 * 4000); five
    assert line.pixel_dn == pytest.approx(PIXEL_DN, rel=0.021)
    assert line.sigma_dn[0] == pytest.approx(LINE_DN, rel=0.085)
    assert line.shrink[0] == pytest.approx(9 / (9 + 36 / shielded), abs=0.06)
    assert line.pixels_used == pytest.approx(rows * shielded, rel=1e-3)


def test_a_frame_without_noise_comes_back_bit_for_bit(panel) -> None:  # type: ignore[no-untyped-def]
    frame = panel.frame(0.0, None)
    offset = frame.astype(np.float32)
    line = estimate_line_noise(frame, offset, ((0, 8),), _good(frame))
    assert not line.line_dn.any()
    assert (line.drift_dn, line.drift_error_dn) == (0.0, 0.0)
    assert np.array_equal(subtract_line_noise(frame, line), frame)


def test_pixel_noise_alone_is_hardly_taken_for_line_noise() -> None:
    # the shift that is subtracted costs k^2 sp^2 / N of variance, k about sqrt(2 / rows) from chance
    frame = _frame(2000, 20, 0.0, np.random.default_rng(5))
    line = estimate_line_noise(frame, _offset(frame), ((0, 16),), _good(frame))
    assert line.shrink[0] < 5 * np.sqrt(2 / 2000)
    assert line.line_dn.std() < 0.16 * PIXEL_DN / 4


def test_twice_the_line_noise_is_twice_the_line() -> None:
    rng = np.random.default_rng(2)
    shift = 10 * rng.standard_normal((ROWS, 1))
    small, large = (_frame(ROWS, COLS, k * shift, np.random.default_rng(4), 0.5) for k in (1, 2))
    one, two = (estimate_line_noise(f, _offset(f), ((0, 16),), _good(f)).line_dn for f in (small, large))
    # pixel noise of the mean of 16 is 0.13 DN, the same in both but not doubled; five of them
    assert two == pytest.approx(2 * one, abs=0.7)
    expected = 2 * (shift[:, 0] - np.median(shift))
    assert two[:, 0] == pytest.approx(expected, abs=1.0)


def test_what_the_whole_frame_has_in_common_is_reported_and_left() -> None:
    rng = np.random.default_rng(6)
    frame = _frame(600, COLS, LINE_DN * rng.standard_normal((600, 1)), rng)
    drifted = frame + np.float32(25)
    still, moved = (estimate_line_noise(f, _offset(f), ((0, 16),), _good(f)) for f in (frame, drifted))
    assert moved.line_dn == pytest.approx(still.line_dn, abs=1e-3)  # float32 of 1025
    assert moved.drift_dn - still.drift_dn == pytest.approx(25, abs=1e-3)
    # the error of a median of 600 rows, each sqrt(9 + 36 / 16) DN
    assert still.drift_error_dn == pytest.approx(1.2533 * 3.354 / np.sqrt(600), rel=0.15)
    assert abs(still.drift_dn) < 4 * still.drift_error_dn


@pytest.mark.parametrize("flagged", [True, False])
def test_bad_shielded_pixels_change_nothing(flagged: bool) -> None:
    rng = np.random.default_rng(8)
    clean = _frame(ROWS, COLS, LINE_DN * rng.standard_normal((ROWS, 1)), rng).round().astype(np.uint16)
    poisoned, bad = clean.copy(), _good(clean)
    poisoned[3, 5] = poisoned[20, 0] = 65535
    poisoned[:, 9] = 65535
    poisoned[30, 2] = 0
    if flagged:
        bad[[3, 20, 30], [5, 0, 2]] = True
        bad[:, 9] = True
    with_poison = estimate_line_noise(poisoned, _offset(clean), ((0, 16),), bad)
    without = estimate_line_noise(clean, _offset(clean), ((0, 16),), bad | (poisoned != clean))
    # found by clipping or known before: the frame's medians differ a little, the rows' pixels are the same
    assert with_poison.line_dn == pytest.approx(without.line_dn, abs=0.02)
    assert with_poison.pixels_used <= ROWS * 15 - 3


def test_a_value_that_is_no_number_is_left_out() -> None:
    frame = _frame(ROWS, COLS, 0.0, np.random.default_rng(8)).copy()
    frame[4, 3] = np.nan
    frame[5, :16] = np.inf
    line = estimate_line_noise(frame, _offset(frame), ((0, 16),), _good(frame))
    assert np.isfinite(line.line_dn).all()
    assert line.rows_without == 1
    assert not line.line_dn[5].any()


def test_a_row_of_which_half_is_bad_takes_its_median() -> None:
    values = np.array([1.0, 2.0, 3.0, 500.0, 600.0, 700.0, 800.0])
    mean, squares, count = _clipped_mean.py_func(values, 0.0, 50.0, 20.0)
    assert (mean, count) == (500.0, 7)
    assert np.isnan(squares)


def test_a_row_is_clipped_twice_about_its_own_mean() -> None:
    # mean of all 13.2: 50 is left out; mean of the rest 5.8: 28 is left out too
    values = np.array([0.0, 0.0, 0.0, 1.0, 28.0, 50.0])
    mean, squares, count = _clipped_mean.py_func(values, 0.0, 100.0, 20.0)
    assert (mean, count) == (0.25, 4)
    assert squares == pytest.approx(0.75, rel=1e-12)


def test_groups_are_measured_by_their_own_columns() -> None:
    rng = np.random.default_rng(9)
    left, right = (20 * rng.standard_normal((300, 1)) for _ in range(2))
    frame = _frame(300, 40, np.hstack([np.repeat(left, 20, 1), np.repeat(right, 20, 1)]), rng, 1.0)
    line = estimate_line_noise(frame, _offset(frame), ((0, 8), (32, 40)), _good(frame), 20)
    assert line.line_dn.shape == (300, 2)
    for group, shift in enumerate((left, right)):
        # the mean of 8 pixels is good to 0.35 DN and the median of the frame to 1.5 DN: both are in the comparison
        away = line.line_dn[:, group] - shift[:, 0]
        assert away.std() == pytest.approx(1 / np.sqrt(8), rel=0.15)
    without = subtract_line_noise(frame, line)
    assert np.std(without[:, 20:32].mean(axis=1)) < 1.0
    assert np.std(without[:, 8:20].mean(axis=1)) < 1.0


@pytest.mark.parametrize(("common", "fraction"), [(1.0, 1.0), (0.0, 0.0), (0.5, 2 / 3)])
def test_a_group_without_shielded_columns_takes_what_the_others_share(common: float, fraction: float) -> None:
    # two groups with variances common + own = 1: their mean has variance common + own / 2, of which `common` is useful
    rng, rows = np.random.default_rng(10), 4000
    both = np.sqrt(common) * rng.standard_normal((rows, 1))
    own = np.sqrt(1 - common) * rng.standard_normal((rows, 3))
    shift = 30 * np.repeat(both + own, 20, axis=1)
    frame = _frame(rows, 60, shift, rng, 1.0)
    line = estimate_line_noise(frame, _offset(frame), ((0, 20), (40, 60)), _good(frame), 20)
    # a correlation of 4000 pairs: 1 / sqrt(4000) = 0.016, four of them
    assert line.shrink[1] == pytest.approx(fraction, abs=0.065)
    blind = shift[:, 30] - np.median(shift[:, 30])
    assert np.std(blind - line.line_dn[:, 1]) <= np.std(blind) * 1.01
    assert line.left_dn[1] == pytest.approx(np.std(blind - line.line_dn[:, 1]), rel=0.06, abs=2.0)


def test_a_single_shielded_group_speaks_for_the_row() -> None:
    rng = np.random.default_rng(11)
    frame = _frame(400, 70, 10 * rng.standard_normal((400, 1)), rng, 1.0)
    line = estimate_line_noise(frame, _offset(frame), ((0, 10),), _good(frame), 32)
    assert line.line_dn.shape == (400, 3)
    assert line.line_dn[:, 2] == pytest.approx(line.line_dn[:, 0], abs=0.02)
    assert np.array_equal(line.line_dn[:, 1], line.line_dn[:, 2])


def test_the_dark_rate_stands_for_an_offset_map_of_the_frame() -> None:
    rng = np.random.default_rng(12)
    rate = rng.uniform(0, 50, (ROWS, COLS)).astype(np.float32)
    frame = _frame(ROWS, COLS, 0.8 * rate + 5 * rng.standard_normal((ROWS, 1)), rng)
    by_map = estimate_line_noise(frame, _offset(frame) + np.float32(0.8) * rate, ((0, 12),), _good(frame))
    by_rate = estimate_line_noise(frame, _offset(frame), ((0, 12),), _good(frame), 0, rate, 0.8)
    assert by_rate.line_dn == pytest.approx(by_map.line_dn, abs=1e-3)  # float32 of 1040


def test_the_kernel_agrees_with_its_python_and_with_numpy() -> None:
    rng = np.random.default_rng(13)
    raw = rng.integers(980, 1020, (5, 20)).astype(np.uint16)
    offset, rate = rng.normal(1000, 1, (5, 20)).astype(np.float32), rng.random((5, 20)).astype(np.float32)
    bad = rng.random((5, 20)) < 0.1
    cols, starts = np.array([1, 2, 3, 4, 12, 13, 14, 15, 16]), np.array([0, 4, 9])
    results = []
    for kernel in (_average_rows, _average_rows.py_func):
        planes = _RowMeans(np.empty((5, 2)), np.empty((5, 2)), np.empty((5, 2), np.int64))
        kernel(_FrameOverDark(raw, offset, rate, 0.5, bad), cols, starts, _Clipping(0.0, 1e3, 1e3, 0.0), planes)
        results.append(planes)
    for compiled, plain in zip(*results, strict=True):
        assert compiled == pytest.approx(plain, rel=1e-12)
    mean, square, count = results[0]
    above = np.ma.array(raw - (offset + 0.5 * rate).astype(np.float64), mask=bad)
    for group, part in enumerate((above[:, 1:5], above[:, 12:17])):
        assert mean[:, group] == pytest.approx(part.mean(axis=1), rel=1e-5)
        assert count[:, group] == pytest.approx(part.count(axis=1))
        assert square[:, group] == pytest.approx(part.var(axis=1) * part.count(axis=1), rel=1e-4)


def test_one_thread_and_two_give_the_same_bits() -> None:
    rng = np.random.default_rng(14)
    frame = _frame(333, 50, 4 * rng.standard_normal((333, 1)), rng)

    def lines() -> np.ndarray:
        return estimate_line_noise(frame, _offset(frame), ((0, 9), (41, 50)), _good(frame), 16).line_dn

    assert np.array_equal(on_threads(1, lines), on_threads(2, lines))


def test_the_frame_is_unchanged(panel) -> None:  # type: ignore[no-untyped-def]
    frame = panel.frame(0.0, np.random.default_rng(1))  # read-only
    before = frame.copy()
    line = estimate_line_noise(frame, panel.offset_dn.astype(np.float32), ((0, 8),), _good(frame))
    subtract_line_noise(frame, line)
    assert np.array_equal(frame, before)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shielded_cols": ()}, "shielded columns are needed, got none"),
        ({"shielded_cols": ((60, 65),)}, "60:65 do not lie within the 64 columns"),
        ({"shielded_cols": ((5, 5),)}, "5:5 do not lie"),
        ({"shielded_cols": ((5, 6),)}, "needs 2 good shielded pixels side by side"),
        ({"unusable": np.ones((ROWS, COLS), np.bool_)}, "found none among 8 shielded columns"),
        ({"cols_per_group": -1}, "cols_per_group must be 0 or more, got -1"),
        ({"offset_dn": np.zeros((COLS, ROWS), np.float32)}, r"offset map is \(64, 48\) but the frame is \(48, 64\)"),
        ({"unusable": np.zeros((1, 1), np.bool_)}, r"map of unusable pixels is \(1, 1\)"),
    ],
)
def test_a_wrong_input_names_itself(change: dict[str, object], message: str) -> None:
    frame = np.full((ROWS, COLS), 1000, np.uint16)
    right = {
        "raw_dn": frame,
        "offset_dn": _offset(frame),
        "shielded_cols": ((0, 8),),
        "unusable": _good(frame),
    }
    with pytest.raises(ValueError, match=message):
        estimate_line_noise(**{**right, **change})  # type: ignore[arg-type]


def test_line_noise_of_another_frame_is_refused() -> None:
    frame = np.full((ROWS, COLS), 1000, np.uint16)
    line = estimate_line_noise(frame, _offset(frame), ((0, 8),), _good(frame))
    with pytest.raises(ValueError, match=r"line noise is of 48 rows .* but the frame is \(64, 48\)"):
        subtract_line_noise(frame.T, line)

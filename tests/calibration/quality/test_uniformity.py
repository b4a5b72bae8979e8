"""Squares of 10 mm: known shading and noise come back, with the errors and the fraction of noise that are stated."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from calibration.quality.uniformity import (
    _mean_range,
    non_uniformity,
    signal_to_noise,
    square_side,
    square_statistics,
)

ROWS, COLS, SIDE = 48, 64, 8  # 4 x 6 squares inside the border
GOOD = np.ones((ROWS, COLS), bool)
GOOD.setflags(write=False)


def slow_squares(picture: NDArray[np.float64], usable: NDArray[np.bool_]) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of the 4 x 6 squares, one after the other, with numpy's own functions."""
    means, deviations = [], []
    for row in range(8, 40, 8):
        for col in range(8, 56, 8):
            square = np.s_[row : row + 8, col : col + 8]
            values = picture[square][usable[square]]
            means.append(values.mean())
            deviations.append(values.std(ddof=1))
    return means, deviations


def test_squares_are_those_of_a_slow_loop_and_bad_pixels_are_never_looked_at() -> None:
    rng = np.random.default_rng(1)
    picture = rng.normal(1000.0, 10.0, (ROWS, COLS))
    usable = rng.random((ROWS, COLS)) > 0.05
    means, deviations = slow_squares(picture, usable)
    picture[~usable] = np.where(rng.random((~usable).sum()) < 0.5, 1e24, np.nan)
    picture.setflags(write=False)
    squares = square_statistics(picture, usable, SIDE)
    assert squares.mean.shape == (4, 6) and (squares.first_row, squares.first_col) == (8, 8)
    # sums of 64 float64 of 1e3: rounding below 1e-13 of the mean
    assert squares.mean.ravel() == pytest.approx(means, rel=1e-12)
    assert squares.deviation.ravel() == pytest.approx(deviations, rel=1e-10)


def test_a_ramp_has_the_local_and_global_non_uniformity_of_its_slope() -> None:
    picture = 1000.0 + np.arange(COLS) * np.ones((ROWS, 1))  # squares of 8 columns differ by 8, six of them by 40
    squares = square_statistics(picture, GOOD, SIDE)
    spread = non_uniformity(squares.mean, squares.mean_error)
    assert spread.local_percent == pytest.approx(100.0 * 8.0 / 1031.5, rel=1e-12)
    assert spread.global_percent == pytest.approx(100.0 * 40.0 / 1031.5, rel=1e-12)
    # each square holds 0..7 eight times: variance 5.25 * 64 / 63, and so the errors of two squares
    pair = np.sqrt(2.0 * 5.25 * 64.0 / 63.0 / 64.0)
    assert spread.local_error_percent == pytest.approx(100.0 * pair / 1031.5, rel=1e-9)
    assert spread.global_error_percent == pytest.approx(100.0 * pair / 1031.5, rel=1e-9)


def test_neighbours_are_the_four_that_share_a_side() -> None:
    values = np.array([[1.0, 1.0, 1.0], [1.0, 1.0, 4.0], [1.0, 1.0, np.nan]])
    spread = non_uniformity(values, np.full((3, 3), 0.1))
    mean = 11.0 / 8.0
    assert spread.local_percent == pytest.approx(300.0 / mean) and spread.global_percent == pytest.approx(300.0 / mean)
    values[1, 1] = np.nan  # what was beside the high one to the left is gone, the one above is left
    assert non_uniformity(values, np.full((3, 3), 0.1)).local_percent == pytest.approx(300.0 / (10.0 / 7.0))
    values[0, 2] = np.nan  # now it stands alone: only the global number sees it
    spread = non_uniformity(values, np.full((3, 3), 0.1))
    assert spread.local_percent == 0.0 and spread.global_percent == pytest.approx(300.0 / (9.0 / 6.0))


@pytest.mark.parametrize(("count", "published"), [(2, 1.12838), (5, 2.32593), (10, 3.07751), (100, 5.01519)])
def test_the_mean_range_is_tippetts(count: int, published: float) -> None:
    assert _mean_range(count) == pytest.approx(published, abs=1e-5)  # Tippett 1925, table


def test_a_perfect_panel_shows_what_noise_alone_is_said_to_give() -> None:
    rng = np.random.default_rng(2)
    found, said = [], []
    for _ in range(200):
        squares = square_statistics(rng.normal(1000.0, 10.0, (ROWS, COLS)), GOOD, SIDE)
        for values, errors in ((squares.mean, squares.mean_error), (squares.deviation, squares.deviation_error)):
            spread = non_uniformity(values, errors)
            found.append((spread.local_percent, spread.global_percent))
            said.append((spread.local_noise_percent, spread.global_noise_percent))
    mean, error = (np.reshape(f, (200, 2, 2)).mean(axis=0) for f in (found, said))
    # 200 runs: the mean is known to 0.2 / sqrt(200) = 1.4 %; steps that share a square are not independent, 38 pairs
    # of 24 squares make the local number up to 4 % smaller; errors of deviations from 64 pixels scatter by 20 %
    assert error == pytest.approx(mean, rel=0.07)


def test_errors_of_a_square_are_those_of_normal_numbers() -> None:
    rng = np.random.default_rng(3)
    squares = square_statistics(rng.normal(1000.0, 10.0, (960, 640)), np.ones((960, 640), bool), 40)
    pixels = 1600
    assert squares.mean_error == pytest.approx(np.full(squares.mean.shape, 10.0 / pixels**0.5), rel=0.1)
    expected = 10.0 / (2.0 * (pixels - 1)) ** 0.5  # of a standard deviation
    assert squares.deviation_error.mean() == pytest.approx(expected, rel=0.02)
    ratio, error = signal_to_noise(squares)
    assert ratio.mean() == pytest.approx(100.0, rel=0.01)
    assert error.mean() == pytest.approx(ratio.std(), rel=0.1)  # 308 squares: their scatter is known to 4 %


def test_a_bare_area_is_left_out_and_its_edge_with_it() -> None:
    picture = np.full((ROWS, COLS), 1000.0) + np.arange(ROWS)[:, None] % 2
    usable = GOOD.copy()
    usable[:, 34:] = False  # the square of columns 32 to 40 has a quarter left
    picture[~usable] = 30.0
    squares = square_statistics(picture, usable, SIDE)
    assert np.isfinite(squares.mean).tolist() == [[True, True, True, False, False, False]] * 4
    assert non_uniformity(squares.mean, squares.mean_error).global_percent == 0.0


def test_ten_millimetres_of_the_common_pitch_are_72_pixels() -> None:
    assert square_side(0.139) == square_side(None) == 72
    assert square_side(0.2) == 50
    for pitch_mm in (0.0, -1.0, 3.0, float("nan")):
        with pytest.raises(ValueError, match=r"squares of 10 mm need a pitch above 0 and at most 2\.8 mm, got"):
            square_side(pitch_mm)


def test_what_cannot_be_measured_names_itself() -> None:
    picture = np.ones((ROWS, COLS))
    with pytest.raises(ValueError, match=r"a panel of 48 x 64 pixels holds no square of 72 pixels inside a border"):
        square_statistics(picture, GOOD, 72)
    with pytest.raises(ValueError, match=r"picture is \(48, 64\) but the map of usable pixels is \(64, 48\)"):
        square_statistics(picture, GOOD.T, SIDE)
    with pytest.raises(ValueError, match="side of at least 2 pixels, got 1"):
        square_statistics(picture, GOOD, 1)
    with pytest.raises(ValueError, match="1 squares of 2 can be used and no two of them are neighbours"):
        non_uniformity(np.array([[1.0, np.nan]]), np.ones((1, 2)))
    with pytest.raises(ValueError, match="mean over all squares must be above 0, got -1"):
        non_uniformity(np.full((2, 2), -1.0), np.ones((2, 2)))
    with pytest.raises(ValueError, match="no signal-to-noise ratio"):
        signal_to_noise(square_statistics(picture, GOOD, SIDE))

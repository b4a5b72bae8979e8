"""Noise of pixels, rows and columns of made-up frames, against the numbers that they were made with."""

from __future__ import annotations

import numpy as np
import pytest

from radiography.study.twin_noise import REACH, pair_noise

ROWS, COLS = 160, 224
KERNEL = np.array([0.25, 0.5, 0.25])  # light of a quantum over three pixels in each direction


def _frames(count: int, seed: int, *, pixel: float = 8.0, row: float = 0.0, column: float = 0.0, blurred: bool = False):
    rng = np.random.default_rng(seed)
    pattern = 100.0 + rng.normal(0.0, 30.0, (ROWS, COLS))
    for _ in range(count):
        noise = rng.normal(0.0, pixel, (ROWS + 2, COLS + 2))
        if blurred:
            noise = sum(weight * np.roll(noise, n, axis=0) for n, weight in enumerate(KERNEL))
            noise = sum(weight * np.roll(noise, n, axis=1) for n, weight in enumerate(KERNEL))
        lines = rng.normal(0.0, row, ROWS)[:, None] + rng.normal(0.0, column, COLS)
        yield pattern + noise[2:, 2:] + lines


def test_white_noise_and_lines_are_told_apart() -> None:
    noise = pair_noise(_frames(12, 3, row=2.0, column=1.0), np.ones((ROWS, COLS), bool), equalised=False)

    assert noise is not None and noise.pairs == 6
    for found, error, true in (
        (noise.pixel, noise.pixel_error, 64.0),
        (noise.row, noise.row_error, 4.0),
        (noise.column, noise.column_error, 1.0),
        (noise.area, noise.area_error, 64.0),
    ):
        assert abs(found - true) < 3.0 * error
        assert error < 0.2 * true


def test_errors_are_those_of_the_scatter() -> None:
    runs = [pair_noise(_frames(2, seed, row=2.0), np.ones((ROWS, COLS), bool), equalised=False) for seed in range(40)]

    for name, true in (("pixel", 64.0), ("row", 4.0), ("column", 0.0), ("area", 64.0)):
        values = np.array([getattr(run, name) for run in runs])
        error = np.mean([getattr(run, f"{name}_error") for run in runs])
        assert abs(values.mean() - true) < 3.5 * error / np.sqrt(len(runs))
        assert 0.7 < values.std(ddof=1) / error < 1.35  # 1 / sqrt(2 x 39) = 0.11 of the scatter itself


def test_blur_lowers_the_variance_of_a_pixel_and_not_that_of_an_area() -> None:
    noise = pair_noise(_frames(24, 5, blurred=True), np.ones((ROWS, COLS), bool), equalised=False)

    assert noise is not None
    one_way = float((KERNEL**2).sum())
    assert noise.pixel == pytest.approx(64.0 * one_way**2, abs=3.0 * noise.pixel_error)
    assert noise.area == pytest.approx(64.0, abs=3.0 * noise.area_error)
    assert noise.area_error < 0.05 * noise.area


def test_bad_pixels_and_dead_lines_do_not_count() -> None:
    good = np.random.default_rng(1).random((ROWS, COLS)) > 0.01
    good[40], good[:, 7] = False, False
    frames = [np.where(good, frame, 1e24 * number) for number, frame in enumerate(_frames(8, 9, row=2.0))]

    noise = pair_noise(frames, good, equalised=False)

    assert noise is not None
    assert noise.pixel == pytest.approx(64.0, abs=3.0 * noise.pixel_error)
    assert noise.row == pytest.approx(4.0, abs=3.0 * noise.row_error)


@pytest.mark.parametrize("shape", [(160, 160), (160, 224), (224, 160)])
@pytest.mark.parametrize("name", ["row", "column"])
def test_lines_of_few_good_pixels_are_no_noise_of_the_other_kind(shape: tuple[int, int], name: str) -> None:
    """A line's mean of few pixels is noisy: that has to be taken out of the lines that it is in, square or not."""
    rng = np.random.default_rng(17)
    good = np.ones(shape, bool)
    good[9:, :60] = False  # columns of 9 pixels, rows of 100 and more
    if name == "column":
        good = np.ones(shape, bool)
        good[:60, 9:] = False
    lines = {"row": (3.0, 0.0), "column": (0.0, 3.0)}[name]
    frames = [
        100.0
        + rng.normal(0.0, 8.0, shape)
        + rng.normal(0.0, lines[0], shape[0])[:, None]
        + rng.normal(0.0, lines[1], shape[1])
        for _ in range(16)
    ]

    noise = pair_noise(frames, good, equalised=False)

    assert noise is not None
    for one, sigma in zip(("row", "column"), lines, strict=True):
        assert getattr(noise, one) == pytest.approx(sigma**2, abs=3.0 * getattr(noise, f"{one}_error"))


def test_a_tube_that_does_not_repeat_itself_is_no_noise() -> None:
    frames = [frame * (1.0 + 0.02 * (number % 2)) for number, frame in enumerate(_frames(8, 11))]

    noise = pair_noise(frames, np.ones((ROWS, COLS), bool), equalised=True)

    assert noise is not None
    assert noise.pixel == pytest.approx(64.0, rel=0.03)  # of frames 2 % apart themselves
    with pytest.raises(ValueError, match="noise needs it above zero"):
        pair_noise([frame - 200.0 for frame in frames], np.ones((ROWS, COLS), bool), equalised=True)


@pytest.mark.parametrize("count", [0, 1])
def test_one_frame_has_no_noise(count: int) -> None:
    assert pair_noise(_frames(count, 1), np.ones((ROWS, COLS), bool), equalised=False) is None


def test_small_frames_have_no_area() -> None:
    small = [frame[:20, :20] for frame in _frames(4, 2)]

    noise = pair_noise(small, np.ones((20, 20), bool), equalised=False)

    assert noise is not None and np.isnan(noise.area)
    assert noise.pixel == pytest.approx(64.0, abs=3.0 * noise.pixel_error)
    assert 4 * REACH > 20


def test_gamma_quanta_are_no_noise() -> None:
    rng = np.random.default_rng(4)
    frames = [frame + 5e4 * (rng.random((ROWS, COLS)) < 0.01) for frame in _frames(8, 13, blurred=True)]

    noise = pair_noise(frames, np.ones((ROWS, COLS), bool), equalised=False)

    assert noise is not None
    assert noise.pixel == pytest.approx(64.0 * float((KERNEL**2).sum()) ** 2, abs=3.0 * noise.pixel_error)
    assert noise.area == pytest.approx(64.0, abs=3.0 * noise.area_error)

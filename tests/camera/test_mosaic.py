"""Colours between pixels: a plain loop, constants and ramps, and what was measured."""

from __future__ import annotations

import numpy as np
import pytest

from radiography.camera.mosaic import colour_numbers, demosaic


def by_loop(signal: np.ndarray) -> np.ndarray:
    """Mean of the nearest pixels of a colour among a pixel and its eight neighbours: those at the least distance."""
    rows, cols = signal.shape
    number, out = colour_numbers(rows, cols), np.zeros((rows, cols, 3))
    for row in range(1, rows - 1):
        for col in range(1, cols - 1):
            for colour in range(3):
                found: dict[int, list[float]] = {}
                for y in (-1, 0, 1):
                    for x in (-1, 0, 1):
                        if number[row + y, col + x] == colour:
                            found.setdefault(y * y + x * x, []).append(signal[row + y, col + x])
                out[row, col, colour] = np.mean(found[min(found)])
    return out


def test_colours_are_those_of_a_plain_loop() -> None:
    signal = np.random.default_rng(1).uniform(0, 100, (11, 14))
    assert demosaic(signal)[1:-1, 1:-1] == pytest.approx(by_loop(signal)[1:-1, 1:-1])


def test_even_colours_stay_even_to_the_border_and_ramps_straight() -> None:
    number = colour_numbers(48, 64)
    even = demosaic(np.array([5.0, 7.0, 9.0])[number])
    assert even == pytest.approx(np.broadcast_to([5.0, 7.0, 9.0], (48, 64, 3)))
    ramp = np.arange(48)[:, None] * 2.0 + np.arange(64)[None] * 3.0
    assert demosaic(ramp)[1:-1, 1:-1] == pytest.approx(np.repeat(ramp[1:-1, 1:-1, None], 3, axis=2))


def test_half_of_the_pixels_are_green_and_what_was_measured_stays() -> None:
    signal = np.random.default_rng(2).uniform(0, 100, (48, 64))
    number, colours = colour_numbers(48, 64), demosaic(signal)
    assert [np.mean(number == colour) for colour in range(3)] == [0.25, 0.5, 0.25]
    assert number[0, 0] == 0 and number[1, 1] == 2
    assert np.take_along_axis(colours, number[..., None], 2)[..., 0] == pytest.approx(signal)


def test_too_small_a_mosaic_names_itself() -> None:
    with pytest.raises(ValueError, match=r"2 x 2 pixels or more, got \(1, 8\)"):
        demosaic(np.zeros((1, 8)))

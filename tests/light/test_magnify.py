"""A magnified picture: what stays, what moves, and how exact it is between samples."""

from __future__ import annotations

import numpy as np
import pytest

from radiography.light.magnify import _magnify, _taps, magnify
from tests.reference import on_threads

CENTRE = (80.0, -35.0)  # outside of the picture


def wave(rows=48, cols=64, cycles_per_sample=0.14, magnification=1.0):
    """A diagonal wave, seen larger about CENTRE."""
    row, col = np.mgrid[:rows, :cols].astype(np.float64)
    row = CENTRE[0] + (row - CENTRE[0]) / magnification
    col = CENTRE[1] + (col - CENTRE[1]) / magnification
    return (2.0 + np.sin(2 * np.pi * cycles_per_sample * (0.8 * row + 0.6 * col))).astype(np.float32)


def test_magnification_of_one_returns_the_picture_bit_for_bit():
    np.testing.assert_array_equal(magnify(wave(), (23.5, 31.5), 1.0), wave())


def test_a_wave_is_magnified_about_the_centre():
    # fifth degree, 0.8 x 0.14 cycles per sample: (2 pi 0.112)^6 x 225 / 46080 = 0.0006 at most on each axis
    found = magnify(wave(), CENTRE, 1.005)
    inside = (slice(3, -3), slice(3, -3))
    np.testing.assert_allclose(found[inside], wave(magnification=1.005)[inside], atol=2e-3)
    assert np.abs(found - wave())[inside].max() > 0.1


def test_twice_the_magnification_shifts_twice_as_far():
    ramp = np.tile(np.arange(64, dtype=np.float32), (48, 1))
    one, two = (ramp - magnify(ramp, (0.0, 10.0), 1.0 + part) for part in (0.005, 0.01))
    np.testing.assert_allclose(two[:, 5:-5], 2.0 * one[:, 5:-5], rtol=0.01, atol=1e-5)
    assert one[:, 40].min() > 0.1  # to the right of the centre the picture moves right: smaller values arrive
    assert one[:, 6].max() < 0.0


def test_a_uniform_picture_stays_uniform_up_to_its_border():
    np.testing.assert_allclose(magnify(np.full((48, 64), 3.0, np.float32), CENTRE, 0.99), 3.0, rtol=1e-6)


def test_compiled_and_not_give_the_same():
    picture = wave(12, 14)
    rows, cols = _taps(12, 3.0, 1.02), _taps(14, -5.0, 1.02)
    found = [np.full((12, 14), 1e24, np.float32) for _ in range(2)]
    for kernel, out in zip((_magnify, _magnify.py_func), found, strict=True):
        kernel(picture, *rows, *cols, out)
    np.testing.assert_allclose(found[0], found[1], rtol=1e-6)


def test_one_thread_and_two_give_the_same_bits_and_leave_the_input_alone():
    picture = wave()
    picture.setflags(write=False)
    found = [on_threads(count, lambda: magnify(picture, CENTRE, 1.01)) for count in (1, 2)]
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(picture, wave())


def test_impossible_magnification_is_refused():
    with pytest.raises(ValueError, match="magnification must be positive, got 0"):
        magnify(wave(), CENTRE, 0.0)

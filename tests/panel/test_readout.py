"""Electrons to digital numbers: conversion, noise, rounding and the ends of the ADC."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from radiography.panel import readout
from radiography.panel.readout import digitise
from tests import reference

ROWS, COLS = 48, 64


@pytest.fixture
def amplifiers(small_panel):
    return small_panel.readout


@pytest.fixture
def silent(amplifiers):
    return replace(amplifiers, reset_noise_electrons=0.0, amplifier_noise_electrons=0.0, line_noise_electrons=0.0)


def _planes(electrons, offset_dn=2000.0, noise_factor=1.0, shape=(ROWS, COLS)):
    return [np.broadcast_to(value, shape).astype(np.float32) for value in (electrons, offset_dn, noise_factor)]


def _mixed():
    """Different values in every pixel; one lies below the ADC, one above it and one is noisy."""
    rng = np.random.default_rng(3)
    electrons, offset_dn, noise_factor = _planes(
        rng.uniform(0.0, 14e6, (ROWS, COLS)), rng.normal(2000, 60, (ROWS, COLS))
    )
    electrons[2, 3], electrons[4, 5], noise_factor[6, 7] = -1e6, 1e8, 12.0
    return electrons, offset_dn, noise_factor


def test_no_charge_and_no_noise_return_the_rounded_offset(silent):
    offset_dn = np.random.default_rng(0).uniform(0.0, 65535.0, (ROWS, COLS)).astype(np.float32)
    raw_dn = digitise(*_planes(0.0, offset_dn), silent, np.random.default_rng(0))
    np.testing.assert_array_equal(raw_dn, np.rint(offset_dn).astype(np.uint16))
    assert raw_dn.dtype == np.uint16


@pytest.mark.parametrize(
    ("electrons", "offset_dn", "expected"),
    [
        (250.0, 0.0, 1),
        (500.0, 0.0, 2),  # twice the charge, twice the number
        (124.0, 0.0, 0),
        (126.0, 0.0, 1),
        (250.0 * 63000, 2000.0, 65000),
        (250.0 * 63535, 2000.0, 65535),
        (250.0 * 63536, 2000.0, 65535),  # full scale
        (1e12, 2000.0, 65535),
        (-250.0 * 2000, 2000.0, 0),
        (-250.0 * 2001, 2000.0, 0),
        (-1e12, 2000.0, 0),
    ],
)
def test_charge_is_rounded_to_the_nearest_number_and_stops_at_both_ends(silent, electrons, offset_dn, expected):
    raw_dn = digitise(*_planes(electrons, offset_dn), silent, np.random.default_rng(0))
    assert (raw_dn == expected).all()


def test_fewer_bits_stop_earlier(silent):
    raw_dn = digitise(*_planes(1e12), replace(silent, bits=14), np.random.default_rng(0))
    assert (raw_dn == 16383).all()


def test_rounding_adds_the_variance_of_a_uniform_error(silent):
    electrons = np.linspace(0.0, 250.0 * 4000, 300 * 400).reshape(300, 400)
    raw_dn = digitise(*_planes(electrons, shape=(300, 400)), silent, np.random.default_rng(0))
    error = raw_dn - (2000.0 + electrons / 250.0)
    assert np.abs(error).max() <= 0.5 + 1e-3  # float32 of 1e6 electrons is good to 0.06
    assert error.var() == pytest.approx(1 / 12, rel=0.01)  # 30 steps within each number


def _noise_electrons(readout_numbers, noise_factor=1.0, shape=(400, 600)):
    raw_dn = digitise(*_planes(1e6, 2000.0, noise_factor, shape), readout_numbers, np.random.default_rng(5))
    return (raw_dn.astype(np.float64) - 6000.0) * readout_numbers.electrons_per_dn


def test_pixel_noise_is_1500_electrons(amplifiers):
    noise = _noise_electrons(replace(amplifiers, line_noise_electrons=0.0))
    # The panel's file: with the reset noise 1,500 (1,499.3); rounding adds 250^2 / 12, 0.1 % in quadrature.
    expected = np.sqrt(400.0**2 + 1445.0**2 + 250.0**2 / 12)
    assert expected == pytest.approx(1500.0, rel=2e-3)
    assert abs(noise.std() / expected - 1.0) < 4 / np.sqrt(2 * noise.size)


def test_a_noisy_pixel_is_noisier_by_its_factor(amplifiers):
    noise = _noise_electrons(replace(amplifiers, line_noise_electrons=0.0), 12.0)
    expected = np.sqrt(144.0 * (400.0**2 + 1445.0**2) + 250.0**2 / 12)
    assert abs(noise.std() / expected - 1.0) < 4 / np.sqrt(2 * noise.size)


def test_line_noise_is_common_to_a_row(silent):
    loud = replace(silent, line_noise_electrons=2000.0)
    noise = _noise_electrons(loud)
    assert (noise == noise[:, :1]).all()
    rows = noise[:, 0]
    # 400 rows: the standard error of their spread is 1 / sqrt(800), of their mean 1 / sqrt(400).
    assert abs(rows.std() / 2000.0 - 1.0) < 4 / np.sqrt(2 * rows.size)
    assert abs(rows.mean()) < 4 * 2000.0 / np.sqrt(rows.size)


def test_line_noise_of_the_panel_is_200_electrons(amplifiers):
    rows = _noise_electrons(amplifiers, shape=(4000, 400)).mean(axis=1)
    # Means of 400 pixels of 1,501 electrons add 75 in quadrature.
    expected = np.hypot(200.0, 1501.2 / 20)
    assert abs(rows.std() / expected - 1.0) < 4 / np.sqrt(2 * rows.size)


def test_pixel_noise_of_neighbours_is_uncorrelated(amplifiers):
    noise = _noise_electrons(replace(amplifiers, line_noise_electrons=0.0))
    limit = 4 / np.sqrt(noise.size)
    assert abs(np.corrcoef(noise[:-1].ravel(), noise[1:].ravel())[0, 1]) < limit
    assert abs(np.corrcoef(noise[:, :-1].ravel(), noise[:, 1:].ravel())[0, 1]) < limit


@pytest.mark.parametrize("columns", [0.0, 300.0])
def test_what_the_adc_is_given_rounds_and_clips_to_the_frame(amplifiers, columns):
    loud = replace(amplifiers, column_noise_electrons=columns)
    planes = _mixed()
    planes[0][:, :9] = np.linspace(-1e6, 2e7, 9)  # beyond both ends
    analog_dn = np.full(planes[0].shape, np.nan)
    raw_dn = digitise(*planes, loud, np.random.default_rng(9), analog_dn)
    assert raw_dn.tobytes() == digitise(*planes, loud, np.random.default_rng(9)).tobytes()
    assert analog_dn.min() < 0.0 and analog_dn.max() > 65535.0
    np.testing.assert_array_equal(np.clip(np.rint(analog_dn), 0, 65535).astype(np.uint16), raw_dn)


def test_the_frame_agrees_with_slow_arithmetic(amplifiers):
    electrons, offset_dn, noise_factor = _mixed()
    rng = np.random.default_rng(9)  # as documented: one draw per row, then one seed per row
    line_dn = rng.normal(0.0, 200.0 / 250.0, ROWS)
    seeds = rng.integers(0, 2**64, size=ROWS, dtype=np.uint64)
    deviates = np.array([reference.normal_row(int(seed), COLS) for seed in seeds])
    noise_dn = noise_factor * np.hypot(400.0, 1445.0) / 250.0
    slow = reference.digitised(electrons.astype(np.float64), offset_dn, noise_dn, line_dn, 250.0, 16, deviates)
    fast = digitise(electrons, offset_dn, noise_factor, amplifiers, np.random.default_rng(9)).astype(np.int64)
    # A value within float32 of a half may round to the other side.
    assert np.abs(fast - slow).max() <= 1
    assert np.mean(fast != slow) < 0.01


def test_compiled_and_uncompiled_kernels_agree(amplifiers, monkeypatch):
    compiled = digitise(*_mixed(), amplifiers, np.random.default_rng(9)).astype(np.int64)
    monkeypatch.setattr(readout, "_digitise", readout._digitise.py_func)
    plain = digitise(*_mixed(), amplifiers, np.random.default_rng(9)).astype(np.int64)
    assert np.abs(compiled - plain).max() <= 1  # plain numpy keeps float32 where numba widens
    assert np.mean(compiled != plain) < 0.02


def test_one_thread_and_two_give_the_same_bytes(amplifiers):
    one = reference.on_threads(1, lambda: digitise(*_mixed(), amplifiers, np.random.default_rng(2)))
    two = reference.on_threads(2, lambda: digitise(*_mixed(), amplifiers, np.random.default_rng(2)))
    assert one.tobytes() == two.tobytes()
    assert digitise(*_mixed(), amplifiers, np.random.default_rng(3)).tobytes() != one.tobytes()


def test_inputs_stay_as_they_are(amplifiers):
    planes = _mixed()
    before = [plane.copy() for plane in planes]
    digitise(*planes, amplifiers, np.random.default_rng(0))
    assert all(np.array_equal(plane, copy) for plane, copy in zip(planes, before, strict=True))


@pytest.mark.slow  # numba compiles a kernel of its own for arrays that cannot be written to
def test_read_only_inputs_give_the_same_frame(amplifiers):
    locked = [reference.read_only(plane) for plane in _mixed()]
    frame = digitise(*_mixed(), amplifiers, np.random.default_rng(0))
    assert digitise(*locked, amplifiers, np.random.default_rng(0)).tobytes() == frame.tobytes()


def test_pictures_of_different_shapes_are_refused(amplifiers):
    electrons, offset_dn, noise_factor = _mixed()
    with pytest.raises(ValueError, match=r"electrons are \(48, 64\), offset \(64, 48\).*one shape"):
        digitise(electrons, offset_dn.T, noise_factor, amplifiers, np.random.default_rng(0))

"""Charge in the photodiodes: its mean is a product of numbers, its variance a count of electrons."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from radiography.panel import photodiode
from radiography.panel.photodiode import collect_charge
from tests import reference

ROWS, COLS = 48, 64
EFFICIENCY = 0.72


def _planes(rows=ROWS, cols=COLS, **changed):
    """Light, direct energy, response and dark current of equal pixels."""
    values = {"light": 2e5, "direct_keV": 0.0, "response": 1.0, "dark_electrons_per_s": 0.0} | changed
    return {name: np.full((rows, cols), value, dtype=np.float32) for name, value in values.items()}


def _collect(diode, planes, time_s=0.5, seed=1):
    return collect_charge(
        planes["light"],
        planes["direct_keV"],
        diode,
        EFFICIENCY,
        planes["response"],
        planes["dark_electrons_per_s"],
        time_s,
        np.random.default_rng(seed),
    )


@pytest.fixture
def diode(small_panel):
    return replace(small_panel.photodiode, energy_per_electron_eV=5.0, energy_per_electron_range_eV=None)


@pytest.fixture
def mixed():
    """Different values in every pixel; one is dead and one overflows."""
    rng = np.random.default_rng(3)
    planes = _planes()
    for name, high in (("light", 1e6), ("direct_keV", 500.0), ("response", 1.5), ("dark_electrons_per_s", 1e4)):
        planes[name] = rng.uniform(0.0, high, (ROWS, COLS)).astype(np.float32)
    planes["response"][5, 7] = 0.0
    planes["light"][9, 11] = 1e9
    return planes


def test_no_light_no_dark_current_and_no_x_rays_leave_exactly_no_charge(diode):
    assert not _collect(diode, _planes(light=0.0)).any()


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, 2e5 * 0.70 * EFFICIENCY),
        ({"light": 4e5}, 4e5 * 0.70 * EFFICIENCY),
        ({"response": 0.5}, 1e5 * 0.70 * EFFICIENCY),
        ({"light": 0.0, "dark_electrons_per_s": 2000.0}, 1000.0),  # half a second
        ({"light": 0.0, "direct_keV": 30.0}, 6000.0),  # 5 eV per electron
        ({"light": 0.0, "direct_keV": 30.0, "response": 0.5}, 3000.0),
        ({"dark_electrons_per_s": 2000.0, "response": 0.5}, 1e5 * 0.70 * EFFICIENCY + 1000.0),  # dark current stays
    ],
)
def test_the_mean_charge_is_the_product_of_its_numbers(diode, changed, expected):
    electrons = _collect(diode, _planes(300, 400, **changed)).astype(np.float64)
    # Poisson: standard error sqrt(expected / 120,000); float32 adds 1e-7 of the value.
    assert abs(electrons.mean() - expected) < 4 * np.sqrt(expected / electrons.size) + 1e-6 * expected


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, 2e5 * 0.70 * EFFICIENCY),
        ({"light": 0.0, "dark_electrons_per_s": 2000.0}, 1000.0),
        ({"dark_electrons_per_s": 2000.0}, 2e5 * 0.70 * EFFICIENCY + 1000.0),
    ],
)
def test_the_variance_of_the_charge_is_the_number_of_electrons(diode, changed, expected):
    electrons = _collect(diode, _planes(300, 400, **changed)).astype(np.float64)
    assert abs(electrons.var() / expected - 1.0) < 4 * np.sqrt(2 / electrons.size)


def test_x_rays_in_the_diode_bring_no_noise_of_their_own(diode):
    # Their quantum noise is in direct_keV already.
    electrons = _collect(diode, _planes(light=0.0, direct_keV=30.0))
    assert np.unique(electrons).size == 1


def test_detection_noise_of_neighbours_is_uncorrelated(diode):
    noise = _collect(diode, _planes(300, 400)).astype(np.float64)
    limit = 4 / np.sqrt(noise.size)
    assert abs(np.corrcoef(noise[:-1].ravel(), noise[1:].ravel())[0, 1]) < limit
    assert abs(np.corrcoef(noise[:, :-1].ravel(), noise[:, 1:].ravel())[0, 1]) < limit


def test_a_full_well_holds_no_more(diode, mixed):
    electrons = _collect(diode, mixed)
    assert electrons[9, 11] == np.float32(diode.full_well_electrons)
    assert electrons.max() == np.float32(diode.full_well_electrons)


def test_the_diode_is_linear_up_to_its_full_well(diode):
    bright = 0.99 * diode.full_well_electrons / (0.70 * EFFICIENCY)
    fraction = _collect(diode, _planes(light=bright)).astype(np.float64).mean() / diode.full_well_electrons
    assert fraction == pytest.approx(0.99, rel=4 / np.sqrt(0.99 * 15e6 * ROWS * COLS) + 1e-6)


def test_dead_pixels_hold_dark_charge_only(diode):
    electrons = _collect(diode, _planes(response=0.0, direct_keV=100.0, dark_electrons_per_s=0.0))
    assert not electrons.any()


def test_a_better_diode_collects_more(diode):
    planes = _planes()
    better = replace(diode, fill_factor=0.9)
    # Medians differ by 2.9e4 electrons, noise of one pixel is 320.
    assert _collect(better, planes).min() > _collect(diode, planes).max()


def test_charge_agrees_with_slow_arithmetic(diode, mixed):
    seeds = np.random.default_rng(1).integers(0, 2**64, size=ROWS, dtype=np.uint64)
    deviates = np.array([reference.normal_row(int(seed), COLS) for seed in seeds])
    slow = reference.collected_charge(
        mixed["light"].astype(np.float64),
        mixed["direct_keV"].astype(np.float64),
        mixed["response"].astype(np.float64),
        mixed["dark_electrons_per_s"].astype(np.float64),
        0.70 * EFFICIENCY,
        200.0,
        0.5,
        15e6,
        deviates,
    )
    np.testing.assert_allclose(_collect(diode, mixed), slow, rtol=1e-6, atol=1e-3)  # float32 in and out


def test_compiled_and_uncompiled_kernels_agree(diode, mixed, monkeypatch):
    compiled = _collect(diode, mixed)
    monkeypatch.setattr(photodiode, "_collect_charge", photodiode._collect_charge.py_func)
    np.testing.assert_allclose(_collect(diode, mixed), compiled, rtol=1e-6)  # float32 where numba widens to float64


def test_one_thread_and_two_give_the_same_bytes(diode, mixed):
    one = reference.on_threads(1, lambda: _collect(diode, mixed))
    two = reference.on_threads(2, lambda: _collect(diode, mixed))
    assert one.tobytes() == two.tobytes()
    assert _collect(diode, mixed, seed=2).tobytes() != one.tobytes()


def test_inputs_stay_as_they_are(diode, mixed):
    before = {name: plane.copy() for name, plane in mixed.items()}
    _collect(diode, mixed)
    assert all(np.array_equal(mixed[name], before[name]) for name in mixed)


@pytest.mark.slow  # numba compiles a kernel of its own for arrays that cannot be written to
def test_read_only_inputs_give_the_same_charge(diode, mixed):
    locked = {name: reference.read_only(plane) for name, plane in mixed.items()}
    assert _collect(diode, locked).tobytes() == _collect(diode, mixed).tobytes()


def test_pictures_of_different_shapes_are_refused(diode, mixed):
    mixed["response"] = mixed["response"].T
    with pytest.raises(ValueError, match=r"must have one shape, got \[\(48, 64\), \(64, 48\)\]"):
        _collect(diode, mixed)


def _bent(diode, planes, nonlinearity, seed=1):
    return collect_charge(
        planes["light"],
        planes["direct_keV"],
        diode,
        EFFICIENCY,
        planes["response"],
        planes["dark_electrons_per_s"],
        0.5,
        np.random.default_rng(seed),
        nonlinearity,
    )


@pytest.fixture
def nonlinearity():
    return np.random.default_rng(8).normal(0.03, 0.01, (ROWS, COLS)).astype(np.float32)


def test_pixels_without_nonlinearity_hold_their_charge_bit_for_bit(diode, mixed):
    zero = np.zeros((ROWS, COLS), dtype=np.float32)
    assert _bent(diode, mixed, zero).tobytes() == _collect(diode, mixed).tobytes()


def test_a_non_linear_pixel_holds_the_stated_part_of_its_charge(diode, mixed, nonlinearity):
    straight = _collect(diode, mixed).astype(np.float64)
    expected = straight * (1.0 - nonlinearity.astype(np.float64) * straight / diode.full_well_electrons)
    np.testing.assert_allclose(_bent(diode, mixed, nonlinearity), expected, rtol=2e-7, atol=1e-3)  # float32


def test_twice_the_nonlinearity_is_twice_the_missing_charge(diode, nonlinearity):
    planes = _planes(light=1e7)
    straight = _collect(diode, planes).astype(np.float64)
    missing = [straight - _bent(diode, planes, factor * nonlinearity) for factor in (1, 2)]
    # charges of 5e6 electrons are known to 0.25 in float32, what is missing is 5e4
    np.testing.assert_allclose(missing[1], 2 * missing[0], atol=2.0)


def test_more_light_is_more_charge_up_to_the_full_well_of_the_worst_pixel(diode):
    worst = np.full((ROWS, COLS), 0.49, dtype=np.float32)
    per_photon = 0.70 * EFFICIENCY
    held = [
        _bent(diode, _planes(light=fraction * diode.full_well_electrons / per_photon), worst).mean()
        for fraction in np.linspace(0.05, 0.999, 20)
    ]
    assert (np.diff(held) > 0).all()


def test_nonlinearity_compiled_and_uncompiled_agree(diode, mixed, nonlinearity, monkeypatch):
    compiled = _bent(diode, mixed, nonlinearity)
    monkeypatch.setattr(photodiode, "_collect_charge", photodiode._collect_charge.py_func)
    np.testing.assert_allclose(_bent(diode, mixed, nonlinearity), compiled, rtol=1e-6)


def test_nonlinearity_of_another_panel_is_refused(diode, mixed, nonlinearity):
    with pytest.raises(ValueError, match=r"nonlinearity is \(64, 48\) but light is \(48, 64\)"):
        _bent(diode, mixed, nonlinearity.T)

"""Log subtraction: what shall vanish does, by spectra and by regions, and its noise is the one that is foretold."""

from __future__ import annotations

import numpy as np
import pytest

from radiography.analysis.dual_energy import log_subtract, region_weight, spectral_weight, subtraction_noise

MU = np.array([0.05, 0.02])  # two energies [1/mm]
OTHER = np.array([0.02, 0.018])


def test_of_single_energies_the_weight_is_the_ratio_of_the_attenuations() -> None:
    low, high = np.array([3.0, 0.0]), np.array([0.0, 7.0])
    for thickness_mm in (1.0, 30.0):
        assert spectral_weight(low, high, MU, thickness_mm) == pytest.approx(0.4, rel=1e-12)
        assert spectral_weight(low, high, MU, thickness_mm, behind=OTHER * 50) == pytest.approx(0.4, rel=1e-12)
    thickness_mm = np.linspace(0.0, 40.0, 48)[:, None] * np.ones(64)
    water_mm = np.ones((48, 1)) * np.linspace(50.0, 90.0, 64)
    front, back = (
        s * np.exp(-m * thickness_mm - o * water_mm) for s, m, o in ((3e4, *p) for p in zip(MU, OTHER, strict=True))
    )
    found = log_subtract(front, back, 0.4)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, (0.4 * np.log(3e4) - np.log(3e4)) + (0.018 - 0.4 * 0.02) * water_mm, atol=1e-5)


def test_a_mixed_beam_hardens_and_the_weight_follows() -> None:
    low, high = np.array([2.0, 1.0]), np.array([1.0, 2.0])
    thin, thick = (spectral_weight(low, high, MU, mm) for mm in (1e-3, 60.0))
    assert thin == pytest.approx((0.05 + 2 * 0.02) / (2 * 0.05 + 0.02), rel=1e-3)
    expected = np.log(3 / (np.exp(-3) + 2 * np.exp(-1.2))) / np.log(3 / (2 * np.exp(-3) + np.exp(-1.2)))
    assert thick == pytest.approx(expected, rel=1e-12)
    swapped = spectral_weight(high, low, MU, 60.0)
    assert swapped == pytest.approx(1.0 / thick, rel=1e-12)


def test_regions_give_the_weight_and_its_error() -> None:
    rng = np.random.default_rng(1)
    found = []
    for _ in range(200):
        low = tuple(rng.normal(mean, 20.0, 400) for mean in (1000.0, 1000.0 * np.exp(-0.5)))
        high = tuple(rng.normal(mean, 30.0, 400) for mean in (800.0, 800.0 * np.exp(-0.3)))
        found.append(region_weight(low, high))
    weights, errors = np.array(found).T
    assert weights.mean() == pytest.approx(0.6, abs=4 * errors.mean() / np.sqrt(200))
    assert weights.std(ddof=1) == pytest.approx(errors.mean(), rel=4 / np.sqrt(400))


def test_with_a_weight_of_0_the_harder_picture_is_left() -> None:
    np.testing.assert_array_equal(
        log_subtract(np.full(3, 7.0), np.array([1.0, np.e, 0.5]), 0.0), np.float32([0, -1, np.log(2)])
    )


def test_noise_is_the_one_that_is_foretold() -> None:
    rng = np.random.default_rng(2)
    low, high = (
        1000.0 * (1 + 0.01 * rng.standard_normal((200, 210))),
        50.0 * (1 + 0.03 * rng.standard_normal((200, 210))),
    )
    noise = float(log_subtract(low, high, 0.7).std())
    assert noise == pytest.approx(float(subtraction_noise(0.01, 0.03, 0.7)), rel=0.02)
    assert subtraction_noise(0.0, 0.03, 5.0) == pytest.approx(0.03)


def test_where_there_is_no_signal_there_is_no_logarithm_and_inputs_stay() -> None:
    low = np.array([[1.0, 0.0, -3.0], [2.0, 2.0, np.nan]])
    high = np.ones((2, 3))
    kept = low.copy()
    found = log_subtract(low, high, 1.0)
    np.testing.assert_array_equal(np.isnan(found), [[False, True, True], [False, False, True]])
    np.testing.assert_array_equal(low, kept)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: log_subtract(np.ones((2, 3)), np.ones((3, 2)), 1.0), r"one shape, got \(2, 3\) and \(3, 2\)"),
        (lambda: log_subtract(np.ones(2), np.ones(2), np.inf), "must be a number from 0 to 100, got inf"),
        (lambda: log_subtract(np.ones(2), np.ones(2), -0.5), "must be a number from 0 to 100, got -0.5"),
        (lambda: spectral_weight([1.0], [1.0], [0.1], 1.0, [-0.1]), "besides must be 0 or more, got -0.1"),
        (lambda: spectral_weight([1.0], [1.0], [0.1], 0.0), "must be a positive length, got 0"),
        (lambda: spectral_weight([0.0], [1.0], [0.1], 1.0), "a signal of 0 falls to 0"),
        (
            lambda: region_weight(([1.0, 2.0], [1.0]), ([1.0, 2.0], [1.0, 1.0])),
            "at least 2 pixels, .*: got 1, of which 1 ",
        ),
        (
            lambda: region_weight(([1.0, 2.0], [1.0, 0.0, -1.0]), ([1.0, 2.0], [1.0, 1.0])),
            "got 3, of which 1 are above",
        ),
        (lambda: region_weight(([2.0, 2.1], [1.0, 1.1]), ([1.0, 1.1], [2.0, 2.1])), "no material makes one darker"),
        (lambda: region_weight(([1.0, 2.0], [1.0, 2.0]), ([1.0, 2.0], [1.0, 1.0])), "hardly differ in the softer"),
    ],
)
def test_wrong_inputs_name_themselves(call: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        call()  # type: ignore[operator]

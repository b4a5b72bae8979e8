"""The photon-transfer slope, and the noise a calibration leaves, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.response.single_dose import single_dose_variance
from calibration.response.statistics import DoseSample, calibration_variance, residual_pattern, variance_slope


def sample(level_dn: float, frames: int, per_dn: float) -> DoseSample:
    return DoseSample(level_dn, frames, per_dn, np.ones((2, 2), np.float32), np.ones((2, 2), np.float32))


def test_the_photon_transfer_slope_is_that_of_a_line_through_the_dark_noise() -> None:
    assert variance_slope([sample(level, 9, 1.5) for level in (1e3, 1e4, 4e4)], 16.0) == pytest.approx(1.5)
    # equal relative errors of the variances: weights 1 / variance^2 times level^2, all but equal where quanta decide
    assert variance_slope([sample(1e4, 9, 1.0), sample(4e4, 9, 2.0)], 0.0) == pytest.approx((1 + 2 / 4) / (1 + 1 / 4))


def test_one_dose_leaves_the_closed_form() -> None:
    found = calibration_variance([sample(20000.0, 8, 0.8)], 36.0, 36.0 / 50, 1, 20000.0)
    expected = single_dose_variance(6.0, np.sqrt(36 + 0.8 * 20000), 50, 8)
    assert found == pytest.approx(expected, rel=1e-9)


def test_as_many_doses_as_coefficients_interpolate_the_noise() -> None:
    doses = [sample(10000.0, 4, 1.0), sample(40000.0, 16, 1.0)]
    found = calibration_variance(doses, 25.0, 0.5, 2, 40000.0)
    # the curve goes through both flats: there, the frame inherits the flat's own noise, and the offset's cancels
    for dose in doses:
        u = dose.level_dn / 40000.0
        expected = (25.0 + dose.level_dn) / dose.frames
        assert np.polynomial.polynomial.polyval(u, found) == pytest.approx(expected, rel=1e-9)
    assert found[0] == pytest.approx(0.5)  # in the dark: the offset's error alone


def test_ten_times_the_frames_leave_a_tenth() -> None:
    few, many = (
        calibration_variance([sample(level, n, 1.0) for level in (5e3, 2e4, 4e4)], 25.0, 25.0 / n, 2, 2e4)
        for n in (10, 100)
    )
    assert many == pytest.approx(np.array(few) / 10, rel=1e-9)


def test_the_residual_pattern_is_found_beneath_noise_of_its_own_size() -> None:
    rng = np.random.default_rng(3)
    levels, shape, frames = np.array([5e3, 2e4, 4.5e4]), (300, 400), 4
    pattern = np.array([0.0, 0.004, 0.0])
    u, target = levels / levels[-1], levels
    noise = np.sqrt((16.0 + levels) / frames)
    signal = levels[:, None, None] + noise[:, None, None] * rng.normal(size=(3, *shape))
    signal += (pattern * levels)[:, None, None] * rng.normal(size=shape)
    # the fit of every pixel, slowly: x - r is a polynomial of u, weighted by the noise
    phi = u[:, None] ** np.arange(1, 3)
    solve = np.linalg.solve((phi / noise[:, None] ** 2).T @ phi, (phi / noise[:, None] ** 2).T)
    c = np.einsum("ck,kij->cij", solve, target[:, None, None] - signal)
    gain = (1 + c[0] / levels[-1]).astype(np.float32)
    curvature = (c[1:] / levels[-1] ** 2).astype(np.float32)
    samples = [
        DoseSample(
            level,
            frames,
            1.0,
            (plane / level).astype(np.float32),
            np.full(shape, np.sqrt(16 + level) / level, np.float32),
        )
        for level, plane in zip(levels, signal, strict=True)
    ]
    found, error = residual_pattern(samples, target, gain, curvature, np.ones(shape, bool), 16.0, 0.0)
    left = np.abs((np.eye(3) - phi @ solve)[:, 1]) * pattern[1] * levels[1] / levels  # what the fit does not take up
    assert noise[1] / levels[1] > 0.5 * pattern[1]
    for one, uncertainty, expected in zip(found, error, left, strict=True):
        assert one == pytest.approx(expected, abs=4 * uncertainty, rel=0.02)
        assert uncertainty < 0.1 * expected

"""Normal equations of every pixel against numpy's polyfit, pixel by pixel."""

from __future__ import annotations

from collections.abc import Iterator

import numba
import numpy as np
import pytest
from numpy.typing import NDArray

from calibration.response import normal_equations as dose_equations
from calibration.response.normal_equations import DoseNumbers, NormalEquations, PixelFits, no_equations, solve_equations

LEVELS_DN = (1500.0, 4000.0, 11000.0, 24000.0, 38000.0, 47000.0)
FRAMES = (20, 16, 12, 8, 8, 9)
DARK_VARIANCE, OFFSET_VARIANCE, PER_DN = 20.0, 0.4, 1.3
UNIT_DN, RANGE_DN = 60000.0, 58500.0
ROWS, COLS = 6, 9


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Starting threads costs more than these small planes."""
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    yield
    numba.set_num_threads(before)


def mean_flats(rng: np.random.Generator, rows: int = ROWS, cols: int = COLS) -> list[NDArray[np.float64]]:
    """Mean signal over level of every pixel at each dose, with noise; some saturated."""
    gain, bend = rng.normal(1, 0.1, (rows, cols)), rng.normal(0.03, 0.01, (rows, cols))
    means = []
    for level_dn, frames in zip(LEVELS_DN, FRAMES, strict=True):
        signal = gain * level_dn * (1 - bend * level_dn / 5e4)
        noise = np.sqrt((DARK_VARIANCE + PER_DN * signal) / frames)
        means.append((signal + noise * rng.normal(size=signal.shape)) / level_dn)
    for dose in (3, 4, 5):
        means[dose][0, 0] = np.nan  # three doses left
    for dose in range(1, 6):
        means[dose][1, 1] = np.nan  # one dose left
    return means


def gathered(means: list[NDArray[np.float64]], highest_order: int, scatter: object = None) -> NormalEquations:
    equations = no_equations(means[0].shape, highest_order, UNIT_DN)
    for level_dn, frames, mean in zip(LEVELS_DN, FRAMES, means, strict=True):
        planes = None if scatter is None else scatter * np.sqrt(DARK_VARIANCE + PER_DN * mean * level_dn) / level_dn
        planes = None if planes is None else np.asarray(planes, np.float32)
        target, steepness = level_dn * (1 + level_dn / 1e6), 1 + 2 * level_dn / 1e6
        noise = DARK_VARIANCE, PER_DN, OFFSET_VARIANCE
        equations.add(mean, planes, DoseNumbers(level_dn, target, steepness, frames, *noise))
    return equations


def solved(equations: NormalEquations, order: int) -> PixelFits:
    return solve_equations(equations, order, np.full(equations.doses.shape, RANGE_DN, np.float32))


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("highest", [None, 3])
def test_every_pixel_gets_the_coefficients_and_chi_square_of_polyfit(order: int, highest: int | None) -> None:
    means = mean_flats(np.random.default_rng(1))
    fits = solved(gathered(means, highest or order), order)
    for i in range(ROWS):
        for j in range(COLS):
            dose = [k for k, mean in enumerate(means) if np.isfinite(mean[i, j])]
            level = np.array(LEVELS_DN)[dose]
            r = np.array([means[k][i, j] for k in dose]) * level
            x, steepness = level * (1 + level / 1e6), 1 + 2 * level / 1e6
            sigma = np.sqrt((DARK_VARIANCE + PER_DN * r) / np.array(FRAMES)[dose] + OFFSET_VARIANCE) * steepness
            if len(dose) < order:
                assert (fits.coefficients[:, i, j] == 0).all() and fits.chi_square[i, j] == 0
                continue
            # x = r p(r): divided by r, an ordinary polynomial of one order less whose errors are sigma / r
            expected = np.polyfit(r / 3e4, x / r, order - 1, w=r / sigma)[::-1] / 3e4 ** np.arange(order)
            # float32 results; polyfit's own rounding of the highest coefficient
            assert fits.coefficients[:, i, j] == pytest.approx(expected, rel=2e-5), (i, j)
            left = (x - r * np.polynomial.polynomial.polyval(r, expected)) / sigma
            slope = expected[0]
            assert fits.chi_square[i, j] == pytest.approx(np.sum(left**2) / slope**2, rel=1e-4, abs=1e-6)
            assert fits.signal_to_noise[i, j] == pytest.approx(np.sqrt(np.sum((x / sigma) ** 2)) / slope, rel=1e-5)
            response = np.sum(r * x / sigma**2) / np.sum((x / sigma) ** 2)
            assert fits.response[i, j] == pytest.approx(response, rel=1e-5)
            coefficients = fits.coefficients[:, i, j].astype(float)
            signal = np.linspace(0, min(RANGE_DN, RANGE_DN * response), 2001)
            slopes = sum((k + 1) * c * signal**k for k, c in enumerate(coefficients))
            assert fits.least_slope[i, j] == pytest.approx(np.min(slopes) / slope, rel=1e-4, abs=1e-6)


def test_a_curve_that_dips_between_its_ends_is_seen() -> None:
    equations = no_equations((1, 1), 3, 1.0)
    for u in (0.2, 0.5, 0.7, 1.0):
        target = 4 * u - 9 * u**2 + 6.2 * u**3
        equations.add(np.array([[1.0]]), None, DoseNumbers(u, target, 1.0, 1, 0.0, 0.0, 0.0))
    fits = solve_equations(equations, 3, np.ones((1, 1), np.float32))
    assert fits.coefficients[:, 0, 0] == pytest.approx([4, -9, 6.2], rel=1e-4)
    # slope 4 - 18 u + 18.6 u^2 is 4.6 at the end and 4 - 81 / 18.6 = -0.355 at u = 0.484
    assert fits.least_slope[0, 0] == pytest.approx((4 - 81 / 18.6) / 4, rel=1e-3)


def test_a_dark_pixel_need_not_rise_beyond_the_range_of_the_panel() -> None:
    """A bare photodiode of 4 % response, x = 25 r - 0.0025 r^2: falls above 5,000 DN, but saturation is 3,000."""
    equations = no_equations((1, 2), 2, UNIT_DN)
    for level_dn in (10000.0, 25000.0, 45000.0):
        r = (25 - np.sqrt(625 - 0.01 * level_dn)) / 0.005 * np.ones((1, 2))
        equations.add(r / level_dn, None, DoseNumbers(level_dn, level_dn, 1.0, 4, 16.0, 0.2, 0.1))
    fits = solve_equations(equations, 2, np.full((1, 2), 58000.0, np.float32))
    assert fits.coefficients[1] == pytest.approx(-0.0025, rel=1e-3)
    assert (fits.least_slope > 0).all()


def test_scatter_from_flat_to_flat_is_compared_with_the_model() -> None:
    means = mean_flats(np.random.default_rng(2))
    assert (gathered(means, 2).noise_ratio() == 1).all()
    equations = gathered(means, 2, scatter=np.full((ROWS, COLS), 3.0))
    assert equations.noise_ratio() == pytest.approx(9.0, rel=1e-5)
    assert equations.freedom[2, 2] == sum(FRAMES) - 6 and equations.freedom[1, 1] == FRAMES[0] - 1


def test_every_nth_pixel_has_the_same_equations() -> None:
    equations = gathered(mean_flats(np.random.default_rng(3)), 2)
    thin = solved(equations.every(2), 2)
    full = solved(equations, 2)
    assert np.array_equal(thin.coefficients, full.coefficients[:, ::2, ::2])
    assert np.array_equal(thin.chi_square, full.chi_square[::2, ::2])


def test_the_kernels_do_the_same_uncompiled(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    means = mean_flats(np.random.default_rng(4), 3, 4)
    scatter = np.full((3, 4), 1.1)
    compiled = gathered(means, 3, scatter)
    fits = solved(compiled, 3)
    for kernel in ("_add_dose", "_solve_pixels"):
        monkeypatch.setattr(dose_equations, kernel, getattr(dose_equations, kernel).py_func)
    plain = gathered(means, 3, scatter)
    assert plain.sums == pytest.approx(compiled.sums, rel=1e-12)
    again = solved(plain, 3)
    assert again.coefficients == pytest.approx(fits.coefficients, rel=1e-6)
    assert again.chi_square == pytest.approx(fits.chi_square, rel=1e-5, abs=1e-6)

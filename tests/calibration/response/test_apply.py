"""The inverse dose response applied and undone: order of operations, tangent above the limit, exact way back."""

from __future__ import annotations

from collections.abc import Iterator

import numba
import numpy as np
import pytest
from numpy.typing import NDArray

from calibration.response import apply as linearity
from calibration.response.apply import apply_gain, extrapolated, extrapolation_limit, slope, undo_gain

ROWS, COLS = 48, 64
LIMIT_DN = 45000.0


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Starting threads costs more than these small planes."""
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    yield
    numba.set_num_threads(before)


@pytest.fixture
def curves() -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Signal from -2000 to 63000 DN, gains, and curvatures of 3 % and 1 % at 50,000 DN."""
    rng = np.random.default_rng(5)
    signal = rng.uniform(-2000, 63000, (ROWS, COLS)).astype(np.float32)
    gain = rng.normal(1, 0.05, (ROWS, COLS)).astype(np.float32)
    curvature = np.stack([rng.normal(0.03, 0.01, (ROWS, COLS)) / 5e4, rng.normal(0.01, 0.01, (ROWS, COLS)) / 25e8])
    planes = signal, gain, curvature.astype(np.float32)
    for plane in planes:
        plane.setflags(write=False)
    return planes


def test_without_curvature_it_is_the_gain(curves) -> None:  # type: ignore[no-untyped-def]
    signal, gain, curvature = curves
    assert np.array_equal(apply_gain(signal, gain), signal * gain)
    assert np.array_equal(apply_gain(signal, gain, np.zeros_like(curvature)), signal * gain)
    assert np.array_equal(slope(signal, gain), gain)


def test_order_of_operations_is_the_documented_one_bit_for_bit(curves) -> None:  # type: ignore[no-untyped-def]
    r, g, (c0, c1) = curves
    assert np.array_equal(apply_gain(r, g, curves[2][:1]), r * (g + r * c0))
    assert np.array_equal(apply_gain(r, g, curves[2]), r * (g + r * (c0 + r * c1)))
    two, three, limit = np.float32(2), np.float32(3), np.float32(LIMIT_DN)
    assert np.array_equal(slope(r, g, curves[2]), g + r * (two * c0 + r * (three * c1)))
    inside = limit * (g + limit * (c0 + limit * c1))
    tangent = inside + (r - limit) * (g + limit * (two * c0 + limit * (three * c1)))
    expected = np.where(r > limit, tangent, r * (g + r * (c0 + r * c1)))
    assert expected.dtype == np.float32
    assert np.array_equal(apply_gain(r, g, curves[2], LIMIT_DN), expected)


def test_the_third_coefficient_belongs_to_the_cube() -> None:
    one = np.ones((2, 3), np.float32)
    curvature = np.stack([0 * one, 1e-6 * one]).astype(np.float32)
    assert apply_gain(1000 * one, 0 * one, curvature) == pytest.approx(1e3)  # 1e-6 * 1000^3; squaring twice gives 1e6


def test_twice_the_curvature_has_twice_the_effect(curves) -> None:  # type: ignore[no-untyped-def]
    signal, gain, curvature = curves
    straight = apply_gain(signal, gain).astype(float)
    once, twice = (apply_gain(signal, gain, np.float32(n) * curvature) - straight for n in (1, 2))
    assert twice == pytest.approx(2 * once, abs=0.02)  # rounding of 65,000 to float32 is 0.004


def test_above_the_limit_the_curve_goes_on_along_its_tangent(curves) -> None:  # type: ignore[no-untyped-def]
    _, gain, curvature = curves
    at, above, farther = (
        apply_gain(np.full((ROWS, COLS), LIMIT_DN + step), gain, curvature, LIMIT_DN).astype(float)
        for step in (0.0, 1000.0, 2000.0)
    )
    steepness = slope(np.full((ROWS, COLS), 60000.0), gain, curvature, LIMIT_DN)
    assert np.array_equal(steepness, slope(np.full((ROWS, COLS), LIMIT_DN), gain, curvature))
    assert above - at == pytest.approx(1000 * steepness, abs=0.02)
    assert farther - above == pytest.approx(1000 * steepness, abs=0.02)


def test_the_slope_is_the_derivative(curves) -> None:  # type: ignore[no-untyped-def]
    signal, gain, curvature = (np.asarray(plane, float) for plane in curves)
    numeric = sum((k + 1) * c * signal**k for k, c in enumerate((gain, *curvature)))
    assert slope(*curves) == pytest.approx(numeric, rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("limit_dn", [LIMIT_DN, float("inf")])
def test_every_raw_number_comes_back_exactly(order: int, limit_dn: float) -> None:
    rng = np.random.default_rng(6)
    raw = rng.permutation(np.arange(65536)).reshape(128, 512).astype(np.uint16)
    offset = rng.normal(1500, 60, raw.shape).astype(np.float32)
    gain = rng.normal(1, 0.1, raw.shape).astype(np.float32)
    curvature = np.stack([rng.normal(0.03, 0.02, raw.shape) / 5e4, rng.normal(0, 0.01, raw.shape) / 25e8])
    stack = None if order == 1 else curvature[: order - 1].astype(np.float32)
    signal = raw.astype(np.float32) - offset
    undone = undo_gain(apply_gain(signal, gain, stack, limit_dn), gain, stack, limit_dn)
    assert np.array_equal(np.rint(undone.astype(float) + offset), raw)
    # the corrected value's rounding, half a float32 step (3e-8) twice or thrice, and the result's own
    assert undone == pytest.approx(signal, rel=3e-7, abs=1e-6)


def test_a_value_below_the_curve_is_no_number() -> None:
    gain, curvature = np.ones((2, 3), np.float32), np.full((1, 2, 3), 1e-3, np.float32)  # least value -250 at -500
    assert np.isnan(undo_gain(np.full((2, 3), -251.0), gain, curvature)).all()
    assert undo_gain(np.full((2, 3), -240.0), gain, curvature) == pytest.approx(-400.0)  # -400 (1 - 0.4)


def test_extrapolation_begins_above_the_highest_dose() -> None:
    assert extrapolation_limit([3000.0]) == float("inf")
    limit_dn = extrapolation_limit([3000.0, 40000.0, 9000.0])
    assert limit_dn == pytest.approx(42000.0)
    assert extrapolated(np.array([[41999.0, 42001.0, -1.0]]), limit_dn).tolist() == [[False, True, False]]


def test_kernels_do_the_same_uncompiled_and_on_any_number_of_threads(curves) -> None:  # type: ignore[no-untyped-def]
    signal, gain, curvature = (np.ascontiguousarray(plane[..., :6, :7]) for plane in curves)
    for public, kernel in ((apply_gain, "_apply_gain"), (slope, "_slope"), (undo_gain, "_undo_gain")):
        compiled = public(signal, gain, curvature, LIMIT_DN)
        plain = np.empty_like(signal)
        getattr(linearity, kernel).py_func(signal, gain, curvature, np.float32(LIMIT_DN), plain)
        assert np.array_equal(compiled, plain), kernel
    results = []
    for threads in (1, numba.config.NUMBA_NUM_THREADS):
        numba.set_num_threads(threads)
        results.append(apply_gain(*curves, LIMIT_DN))
    assert np.array_equal(*results)


@pytest.mark.parametrize(
    ("signal", "gain", "curvature", "limit_dn", "error", "message"),
    [
        ((4, 5), np.ones((5, 4), "f4"), None, 1.0, ValueError, r"gain map is \(5, 4\) but the image is \(4, 5\)"),
        ((4, 5), np.ones((4, 5), "f8"), None, 1.0, TypeError, "gain must be float32, got float64"),
        (
            (4, 5),
            np.ones((4, 5), "f4"),
            np.ones((3, 4, 5), "f4"),
            1.0,
            ValueError,
            r"is \(3, 4, 5\) but \(1 or 2, 4, 5",
        ),
        ((4, 5), np.ones((4, 5), "f4"), None, 0.0, ValueError, "limit_dn must be positive, got 0.0"),
    ],
)
@pytest.mark.parametrize("function", [apply_gain, undo_gain, slope])
def test_a_wrong_input_names_itself(function, signal, gain, curvature, limit_dn, error, message) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(error, match=message):
        function(np.ones(signal), gain, curvature, limit_dn)

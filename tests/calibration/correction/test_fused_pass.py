"""One pass gives what the steps give one after the other, bit for bit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numba
import numpy as np
import pytest

from calibration import flags as bits
from calibration.calibration_set import CalibrationSet
from calibration.conditions import Conditions
from calibration.correct import CorrectedFrame, correct_frame, correct_step_by_step
from calibration.correction import fused_pass as fused_module
from calibration.correction import pass_kernels
from calibration.correction.plan import CorrectionPlan, plan_correction
from calibration.lag.model import LagModel
from calibration.steps import Glare, Steps

ROWS, COLS = 70, 83  # bands of 32 rows, the last one smaller
LEVELS = (500.0, 20000.0, 40000.0)
COUNTS = ("saturated", "negative", "interpolated", "uncorrectable", "suspect", "extrapolated")


def lag_model(exposures: int) -> LagModel:
    fraction = np.array([[0.03, 0.015, 0.005, 0.002], [0.02, 0.01, 0.005, 0.002], [0.015, 0.01, 0.004, 0.002]])
    signal = np.array([1000.0, 10000.0, 45000.0])
    zeros = np.zeros((exposures, 4))
    # 0.005 s: exp(-dt / tau) is 2e-9, the store of one frame is in the next frame and gone
    times = np.array([0.005, 0.5, 5.0, 50.0])
    return LagModel(times, signal[:exposures], fraction[:exposures], zeros, np.zeros(4), 0.1, 10.0)


def calibration_of(response: str, exposures: int = 0, shielded: bool = False) -> CalibrationSet:
    rng = np.random.default_rng(5)
    shape = (ROWS, COLS)
    defects = np.where(rng.random(shape) < 0.03, bits.DEAD, 0).astype(np.uint16)
    defects[:, 40] = defects[10:13, 60:63] = bits.NOISY
    if shielded:
        defects[:, :6] |= bits.SHIELDED
    first, second = rng.normal(0, 1e-7, shape), rng.normal(0, 1e-12, shape)
    curvature = {"quadratic": [first], "cubic": [first, second]}.get(response)
    return CalibrationSet(
        offset_dn=rng.normal(1500, 60, shape).astype(np.float32),
        gain=rng.normal(1, 0.05, shape).astype(np.float32),
        defects=defects,
        saturation_dn=60000.0,
        level_dn=20000.0,
        typical_dark_noise_dn=6.0,
        typical_flat_noise=0.01,
        darks_used=10,
        flats_used=10,
        offset_noise_dn=rng.normal(6, 0.3, shape).astype(np.float32),
        gain_noise=rng.normal(0.01, 0.001, shape).astype(np.float32),
        provenance={},
        conditions=Conditions(pitch_mm=0.1, integration_time_s=0.5, shielded_cols=((0, 6),) if shielded else ()),
        dark_rate_dn_per_s=rng.normal(50, 3, shape).astype(np.float32),
        curvature=None if curvature is None else np.array(curvature, np.float32),
        levels_dn=() if response == "single dose" else LEVELS,
        calibration_variance=(1.0, 2.0, 3.0, 1.0, 0.5, 0.2, 0.1) if response == "cubic" else (),
        lag=lag_model(exposures) if exposures else None,
    )


def frames() -> list[np.ndarray]:
    """Three frames from below the offset to saturation; the second one holds floats and values that are none."""
    rng = np.random.default_rng(7)
    whole = [rng.uniform(0, 66000, (ROWS, COLS)).clip(0, 65535).astype(np.uint16) for _ in range(3)]
    whole[2][:20] //= 3  # rows in which nothing is suspect
    floats = whole[1] * np.float32(1.0003)
    floats[3, 4], floats[20, 30], floats[50, 70], floats[30, 40] = np.nan, np.inf, -np.inf, np.nan
    return [whole[0], floats, whole[2]]


def same_bits(one: CorrectedFrame, other: CorrectedFrame) -> None:
    for name in ("corrected_dn", "flags", "variance_random", "variance_calibration"):
        a, b = getattr(one, name), getattr(other, name)
        assert (a is None) == (b is None)
        assert a is None or a.tobytes() == b.tobytes(), name
    assert (one.state is None) == (other.state is None)
    if one.state is not None and other.state is not None:
        assert one.state.trapped_dn.tobytes() == other.state.trapped_dn.tobytes()
    assert [getattr(one, name) for name in COUNTS] == [getattr(other, name) for name in COUNTS]


def chains(plan: CorrectionPlan, dark_scale: float | None = None, given: list[np.ndarray] | None = None) -> None:
    fast = slow = None
    for raw in frames() if given is None else given:
        before = None if fast is None else fast.state, None if slow is None else slow.state
        fast = correct_frame(raw, plan, state=before[0], elapsed_s=0.1, dark_scale=dark_scale)
        slow = correct_step_by_step(raw, plan, state=before[1], elapsed_s=0.1, dark_scale=dark_scale)
        same_bits(fast, slow)


@pytest.mark.parametrize("response", ["single dose", "straight line", "quadratic", "cubic"])
@pytest.mark.parametrize("exposures", [0, 1, 3])
@pytest.mark.parametrize("shielded", [False, True])
@pytest.mark.parametrize("variance", [False, True])
@pytest.mark.parametrize("glare", [False, True])
def test_one_pass_is_the_chain_of_steps_bit_for_bit(
    response: str, exposures: int, shielded: bool, variance: bool, glare: bool
) -> None:
    steps = Steps(glare=Glare(on=True, fraction=0.05, radius_mm=2.0)) if glare else Steps()
    chains(plan_correction(calibration_of(response, exposures, shielded), steps, variance=variance))


@pytest.mark.parametrize("cols", [1, 31, 32, 33])
@pytest.mark.parametrize("response", ["single dose", "cubic"])
@pytest.mark.parametrize("exposures", [1, 3])
def test_rows_of_any_length_and_any_number_of_populations(cols: int, response: str, exposures: int) -> None:
    """Below, at and above a tile and a vector; bands of one row; loops for one, two and four populations."""
    whole = calibration_of(response, exposures)
    assert whole.lag is not None
    rows = 33
    names = ("offset_dn", "gain", "defects", "offset_noise_dn", "gain_noise", "dark_rate_dn_per_s", "curvature")
    cut: dict[str, Any] = {
        name: None if getattr(whole, name) is None else getattr(whole, name)[..., :rows, :cols].copy() for name in names
    }
    for terms in (1, 2, 3, 4):
        parts: dict[str, Any] = {
            name: getattr(whole.lag, name)[..., :terms] for name in ("time_s", "fraction", "fraction_error")
        }
        lag = replace(whole.lag, time_error_s=np.zeros(terms), **parts)
        plan = plan_correction(replace(whole, lag=lag, **cut), variance=True)
        chains(plan, given=[frame[:rows, :cols] for frame in frames()])


def test_a_frame_may_have_its_own_dark_scale() -> None:
    chains(plan_correction(calibration_of("quadratic", 1, shielded=True), integration_time_s=0.7), dark_scale=1.3)
    calibration = calibration_of("quadratic", 1)
    plan = plan_correction(calibration, integration_time_s=0.7, variance=True)
    raw = frames()[0]
    planned = plan_correction(calibration, integration_time_s=0.7, dark_scale=1.3, variance=True)
    same_bits(correct_frame(raw, plan, dark_scale=1.3), correct_frame(raw, planned))
    assert not np.array_equal(correct_frame(raw, plan).corrected_dn, correct_frame(raw, planned).corrected_dn)


def test_no_number_reaches_the_lag_state() -> None:
    plan = plan_correction(calibration_of("single dose", 1))
    _, raw, _ = frames()
    state = correct_frame(raw, plan).state
    assert state is not None and np.isfinite(state.trapped_dn).all()
    assert (state.trapped_dn[:, 3, 4] == 0).all() and (state.trapped_dn[:, 20, 30] == 0).all()


def test_a_fast_term_is_released_whole_in_the_next_frame() -> None:
    calibration = replace(calibration_of("single dose", 1), dark_rate_dn_per_s=None)
    plan = plan_correction(calibration)
    assert plan.lag is not None
    first = correct_frame(frames()[0], plan)
    assert first.state is not None
    second = correct_frame(calibration.offset_dn, plan, state=first.state, elapsed_s=0.1)
    assert second.state is not None
    # a frame without charge takes up -(what the stores release): charge of the fast term x 0.03 / (1 - 0.052)
    released = (first.state.trapped_dn * -np.expm1(-0.1 / plan.lag.time_s)[:, None, None]).sum(axis=0)
    assert second.state.trapped_dn[0] == pytest.approx(-0.03 * released / (1 - 0.052), rel=1e-5, abs=1e-3)


def test_a_state_may_be_written_over() -> None:
    for exposures in (1, 3):
        plan = plan_correction(calibration_of("cubic", exposures), variance=True)
        fresh = used = correct_frame(frames()[0], plan)
        used = correct_frame(frames()[0], plan)
        for raw in frames()[1:]:
            fresh = correct_frame(raw, plan, state=fresh.state, elapsed_s=0.1)
            again = correct_frame(raw, plan, used, state=used.state, elapsed_s=0.1)
            assert again.corrected_dn is used.corrected_dn and again.variance_random is used.variance_random
            assert again.state is used.state
            same_bits(fresh, again)
            used = again


def test_a_state_that_is_not_that_of_the_output_is_left_alone() -> None:
    plan = plan_correction(calibration_of("single dose", 1))
    first, other = correct_frame(frames()[0], plan), correct_frame(frames()[2], plan)
    assert first.state is not None
    before = first.state.trapped_dn.copy()
    first.state.trapped_dn.setflags(write=False)
    result = correct_frame(frames()[2], plan, other, state=first.state, elapsed_s=0.1)
    assert np.array_equal(first.state.trapped_dn, before)
    same_bits(result, correct_frame(frames()[2], plan, state=first.state, elapsed_s=0.1))


def test_one_and_two_threads_give_the_same_bytes() -> None:
    plans = [
        plan_correction(calibration_of("cubic", 3, shielded=True), variance=True),
        plan_correction(calibration_of("single dose")),
    ]
    threads = numba.get_num_threads()
    results = []
    try:
        for count in (1, min(2, numba.config.NUMBA_NUM_THREADS)):
            numba.set_num_threads(count)
            results.append([correct_frame(raw, plan) for plan in plans for raw in frames()])
    finally:
        numba.set_num_threads(threads)
    for one, two in zip(*results, strict=True):
        same_bits(one, two)


def test_the_kernels_agree_with_their_python(monkeypatch: pytest.MonkeyPatch) -> None:
    kernels = [
        (module, name, getattr(module, name).py_func)
        for module in (fused_module, pass_kernels)
        for name in dir(module)
        if hasattr(getattr(module, name), "py_func")
    ]
    assert len(kernels) > 20
    plans = [
        plan_correction(calibration_of("cubic", 3, shielded=True), variance=True),
        plan_correction(calibration_of("quadratic", 1), variance=True),
        plan_correction(calibration_of("single dose")),
    ]
    raw = [frame[:40, :33] for frame in frames()]
    small = [crop(plan) for plan in plans]
    compiled = [correct_frame(frame, plan) for plan in small for frame in raw]
    for module, name, python in kernels:
        monkeypatch.setattr(module, name, python)
    with np.errstate(all="ignore"):
        plain = [correct_frame(frame, plan) for plan in small for frame in raw]
    for one, two in zip(compiled, plain, strict=True):
        same_bits(one, two)


def crop(plan: CorrectionPlan) -> CorrectionPlan:
    """The plan of a corner of the panel: interpreted kernels are slow."""
    cut = np.s_[..., :40, :33]
    planes = ("offset_dn", "gain", "defects", "offset_noise_dn", "gain_noise", "dark_rate_dn_per_s", "curvature")
    old = plan.calibration
    small = {name: None if getattr(old, name) is None else getattr(old, name)[cut].copy() for name in planes}
    return plan_correction(replace(old, **small), variance=plan.noise is not None)


@pytest.mark.parametrize("response", ["straight line", "quadratic", "cubic"])
def test_signals_above_the_doses_are_extrapolated_along_the_tangent(response: str) -> None:
    calibration = replace(calibration_of(response), defects=np.zeros((ROWS, COLS), np.uint16))
    plan = plan_correction(calibration)
    limit = 1.05 * LEVELS[-1]
    values = []
    for signal in (limit - 100, limit + 100, limit + 5100):
        frame = correct_frame(calibration.offset_dn + np.float32(signal), plan)
        assert frame.extrapolated == np.count_nonzero(frame.flags & bits.EXTRAPOLATED) == (signal > limit) * ROWS * COLS
        values.append(frame.corrected_dn.astype(np.float64))
    # beyond the limit 5000 DN of signal are 25 times 200 DN across it, but for the bend over 100 DN
    slope = (values[2] - values[1]) / 5000
    assert slope == pytest.approx((values[1] - values[0]) / 200, abs=2e-4)

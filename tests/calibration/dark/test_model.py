"""Offset against integration time and temperature: exact without noise, as certain as it says with noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from calibration.dark.model import ASSUMED_DOUBLING_K, DarkStack, estimate_dark_model
from calibration.dark.offset import OffsetMap, estimate_offset
from calibration.dark.scale import offset_at

ROWS, COLS = 48, 64
NOISE_DN = 4.0


@pytest.fixture
def panel_maps() -> tuple[np.ndarray, np.ndarray]:
    """Electronic offset [DN] and dark rate [DN/s]; two pixels are hot, one is colder than nothing."""
    rng = np.random.default_rng(1)
    offset, rate = 1000 + 30 * rng.standard_normal((ROWS, COLS)), 20 * rng.gamma(4, 0.25, (ROWS, COLS))
    rate[4, 7], rate[30, 60], rate[11, 3] = 25000.0, 1e5, -5.0
    for plane in (offset, rate):
        plane.setflags(write=False)
    return offset, rate


def _stack(
    mean: np.ndarray,
    time_s: float | None,
    temperature_C: float | None = None,
    frames: int = 16,
    rng: np.random.Generator | None = None,
    noise_dn: float = NOISE_DN,
) -> DarkStack:
    """Mean and scatter as `frames` frames would give them; without a generator both are exact."""
    noise = np.full(mean.shape, noise_dn)
    if rng is not None:
        mean = mean + noise_dn / frames**0.5 * rng.standard_normal(mean.shape)
        noise = noise_dn * np.sqrt(rng.chisquare(frames - 1, mean.shape) / (frames - 1))
    offset = OffsetMap(mean.astype(np.float32), noise.astype(np.float32), noise_dn, frames, ())
    return DarkStack(offset, time_s, temperature_C)


def _stacks(
    maps: tuple[np.ndarray, np.ndarray],
    conditions: Sequence[tuple[float, float]],
    doubling_K: float = 6.0,
    rng: np.random.Generator | None = None,
    frames: int = 16,
    kelvin: bool = True,
) -> list[DarkStack]:
    offset, rate = maps
    means = [offset + rate * t * 2 ** ((T - 25) / doubling_K) for t, T in conditions]
    return [_stack(mean, t, T if kelvin else None, frames, rng) for mean, (t, T) in zip(means, conditions, strict=True)]


def test_a_single_stack_is_itself_bit_for_bit(panel) -> None:  # type: ignore[no-untyped-def]
    offset = estimate_offset(panel.frames(0.0, 8, np.random.default_rng(3)))
    for time_s in (0.5, None):
        model = estimate_dark_model([DarkStack(offset, time_s, 25.0)])
        assert model.reference is offset
        assert np.array_equal(model.offset_dn, offset.offset_dn)
        assert (model.rate_dn_per_s, model.chi_square, model.time_s) == (None, None, time_s)
        assert (model.temperature_C, model.doubling_K) == (25.0, ASSUMED_DOUBLING_K)
        assert model.notes == ()


@pytest.mark.parametrize("reference_s", [None, 0.1, 0.7])
def test_darks_without_noise_give_offset_and_rate_exactly(panel_maps, reference_s: float | None) -> None:  # type: ignore[no-untyped-def]
    model = estimate_dark_model(_stacks(panel_maps, [(0.1, 25), (0.5, 25), (2.0, 25)]), reference_s)
    offset, rate = panel_maps
    time_s = 2.0 if reference_s is None else reference_s
    assert model.time_s == time_s
    assert model.times_s == (0.1, 0.5, 2.0)
    # float32 of 2e5 is good to 0.008 DN; negative rates are kept
    assert model.offset_dn == pytest.approx(offset + rate * time_s, rel=1e-6)
    assert model.rate_dn_per_s == pytest.approx(rate, rel=1e-5, abs=2e-3)
    assert model.rate_dn_per_s[11, 3] < 0
    assert model.typical_chi_square == pytest.approx(0, abs=1e-6)
    for t in (0.05, 0.3, 5.0):
        at = offset_at(model.offset_dn, model.rate_dn_per_s, model.time_s, t)
        assert at == pytest.approx(offset + rate * t, rel=3e-6, abs=0.01)


def test_weighted_least_squares_is_that_of_numpy(panel_maps) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(2)
    times, frames, noises = [0.1, 0.4, 1.0, 2.0], [4, 64, 9, 16], [3.0, 4.0, 5.0, 8.0]
    offset, rate = panel_maps
    stacks = [_stack(offset + rate * t, t, None, n, rng, s) for t, n, s in zip(times, frames, noises, strict=True)]
    model = estimate_dark_model(stacks, 0.4)
    weight = np.sqrt(np.array(frames)) / noises
    design = np.stack([np.ones(4), np.array(times) - 0.4], axis=1)
    dark = np.stack([s.offset.offset_dn.ravel() for s in stacks]).astype(float)
    solution, residual, _, _ = np.linalg.lstsq(design * weight[:, None], dark * weight[:, None], rcond=None)
    assert model.offset_dn.ravel() == pytest.approx(solution[0], rel=1e-6)
    assert model.rate_dn_per_s.ravel() == pytest.approx(solution[1], rel=1e-5, abs=1e-4)
    covariance = np.linalg.inv((design * weight[:, None]).T @ (design * weight[:, None]))
    pooled = sum(
        (n - 1) / 89 * (s.offset.noise_dn / sigma) ** 2 for n, s, sigma in zip(frames, stacks, noises, strict=True)
    )
    assert model.offset_error_dn == pytest.approx(np.sqrt(covariance[0, 0] * pooled), rel=1e-5)
    assert model.rate_error_dn_per_s == pytest.approx(np.sqrt(covariance[1, 1] * pooled), rel=1e-5)
    assert model.chi_square.ravel() == pytest.approx(residual / 2 / pooled.ravel(), rel=1e-2, abs=1e-2)


def test_the_standard_errors_are_those_that_happen(panel_maps) -> None:  # type: ignore[no-untyped-def]
    offset, rate = panel_maps
    stacks = _stacks(panel_maps, [(0.1, 25), (1.0, 25), (2.0, 25)], rng=np.random.default_rng(5))
    model = estimate_dark_model(stacks, 0.5)
    usual = np.abs(rate) < 1000  # float32 of the hot ones is coarser
    # 3070 values: standard deviation to 1.3 %, five of them, and 16 frames a stack spread the errors by t, 2.2 %
    for away, error in (
        (model.offset_dn - (offset + 0.5 * rate), model.offset_error_dn),
        (model.rate_dn_per_s - rate, model.rate_error_dn_per_s),
    ):
        assert np.std((away / error)[usual]) == pytest.approx(1.0, abs=0.09)
        assert abs(np.mean((away / error)[usual])) < 5 / np.sqrt(3000)
    # the median of F(1, 45) is known to sqrt(1 / 3072) / density / 2, 4 %; four of them
    assert model.typical_chi_square == pytest.approx(1.0, abs=0.17)
    assert model.notes == ()


def test_the_error_of_the_offset_is_that_of_as_many_frames_as_it_says(panel_maps) -> None:  # type: ignore[no-untyped-def]
    # two stacks of 16: at either end the offset is that of its own stack, in the middle that of both
    stacks = _stacks(panel_maps, [(1.0, 25), (2.0, 25)])
    assert [estimate_dark_model(stacks, t).reference.frames_used for t in (1.0, 1.5, 2.0)] == [16, 32, 16]
    assert estimate_dark_model(stacks, 1.5).offset_error_dn == pytest.approx(NOISE_DN / 32**0.5)


def test_a_dark_signal_that_is_not_linear_in_time_is_reported(panel_maps) -> None:  # type: ignore[no-untyped-def]
    offset, rate = panel_maps
    rng = np.random.default_rng(6)
    times = [0.1, 0.5, 1.0, 2.0]
    bent = [_stack(offset + rate * t + 4 * t**2, t, None, 64, rng) for t in times]
    model = estimate_dark_model(bent)
    assert model.typical_chi_square > 4
    # 4 t^2 less its straight line through these times
    line = np.polynomial.Polynomial.fit(times, 4 * np.array(times) ** 2, 1)
    assert model.departure_dn == pytest.approx(4 * np.array(times) ** 2 - line(np.array(times)), abs=0.05)
    (note,) = model.notes
    assert note.startswith("the dark signal is not linear in integration time: reduced chi-square")
    assert "DN off the line" in note


def test_one_bad_pixel_moves_only_itself(panel_maps) -> None:  # type: ignore[no-untyped-def]
    clean = _stacks(panel_maps, [(0.1, 25), (0.5, 25), (2.0, 25), (2.0, 31)], rng=np.random.default_rng(7))
    spoilt = []
    for k, stack in enumerate(clean):
        mean, noise = stack.offset.offset_dn.copy(), stack.offset.noise_dn.copy()
        mean[20, 30], noise[20, 30] = (65535.0 if k % 2 else 0.0), 30000.0
        spoilt.append(replace(stack, offset=replace(stack.offset, offset_dn=mean, noise_dn=noise)))
    without, with_it = estimate_dark_model(clean), estimate_dark_model(spoilt)
    elsewhere = np.ones((ROWS, COLS), bool)
    elsewhere[20, 30] = False
    # the doubling temperature comes from medians over the panel: one pixel of 3072 moves them by 1e-3 sigma
    assert with_it.doubling_K == pytest.approx(without.doubling_K, rel=1e-3)
    assert with_it.rate_dn_per_s[elsewhere] == pytest.approx(without.rate_dn_per_s[elsewhere], rel=1e-3, abs=1e-3)
    assert with_it.typical_chi_square == pytest.approx(without.typical_chi_square, rel=0.01)
    for plane in (with_it.offset_dn, with_it.rate_dn_per_s, with_it.rate_error_dn_per_s, with_it.chi_square):
        assert np.isfinite(plane).all()


def test_a_pixel_at_saturation_is_pointed_out(panel_maps) -> None:  # type: ignore[no-untyped-def]
    model = estimate_dark_model(_stacks(panel_maps, [(0.1, 25), (2.0, 25)]), saturation_dn=40000.0)
    assert np.argwhere(model.saturated).tolist() == [[4, 7], [30, 60]]
    assert not estimate_dark_model(_stacks(panel_maps, [(0.1, 25), (2.0, 25)])).saturated.any()


@pytest.mark.parametrize("doubling_K", [4.0, 6.5, 9.0])
@pytest.mark.parametrize(
    "conditions",
    [
        [(0.1, 25), (2.0, 25), (0.1, 32), (2.0, 32)],
        [(0.1, 25), (2.0, 25), (2.0, 29)],
        [(0.1, 22), (1.0, 25), (2.0, 31), (2.0, 25)],
    ],
)
def test_the_doubling_temperature_is_found(panel_maps, doubling_K: float, conditions: list) -> None:  # type: ignore[no-untyped-def]
    stacks = _stacks(panel_maps, conditions, doubling_K, np.random.default_rng(8), 64)
    model = estimate_dark_model(stacks)
    assert model.doubling_error_K is not None
    assert abs(model.doubling_K - doubling_K) < 4 * model.doubling_error_K
    assert model.doubling_error_K < 0.1 * doubling_K
    assert model.temperature_C in (25.0, 31.0, 32.0)
    _, rate = panel_maps
    at_reference = np.median(rate) * 2 ** ((model.temperature_C - 25) / doubling_K)
    assert model.typical_rate_dn_per_s == pytest.approx(at_reference, rel=0.02)


def test_the_doubling_temperature_is_that_of_each_temperature_s_own_rates(panel_maps) -> None:  # type: ignore[no-untyped-def]
    # the slow way: a model at each temperature, and the logarithm of their median rates
    stacks = _stacks(panel_maps, [(0.1, 25), (2.0, 25), (0.1, 33), (2.0, 33)], 5.0)
    cold, warm = (estimate_dark_model(pair).typical_rate_dn_per_s for pair in (stacks[:2], stacks[2:]))
    assert estimate_dark_model(stacks).doubling_K == pytest.approx(8 / np.log2(warm / cold), rel=1e-3)


@pytest.mark.parametrize(
    ("conditions", "kelvin"),
    [
        ([(0.1, 25), (2.0, 25)], True),  # one temperature
        ([(0.1, 25), (2.0, 26)], True),  # two stacks cannot tell
        ([(0.1, 25), (2.0, 25), (2.0, 26)], True),  # too little between them
        ([(0.1, 25), (2.0, 25), (2.0, 35)], False),  # not known
    ],
)
def test_otherwise_it_is_assumed(panel_maps, conditions: list, kelvin: bool) -> None:  # type: ignore[no-untyped-def]
    model = estimate_dark_model(_stacks(panel_maps, conditions, kelvin=kelvin))
    assert (model.doubling_K, model.doubling_error_K) == (ASSUMED_DOUBLING_K, None)


@pytest.mark.parametrize(("fraction", "doubling_K"), [(1.0, np.inf), (0.01, 6.0)])
def test_a_panel_that_shows_no_warming_keeps_the_assumption_and_says_so(
    panel_maps, fraction: float, doubling_K: float
) -> None:  # type: ignore[no-untyped-def]
    # once the dark current does not grow, once it is of 0.2 DN/s and lost in the level's drift of 0.1 DN
    offset, rate = panel_maps
    model = estimate_dark_model(_stacks((offset, fraction * rate), [(0.1, 25), (2.0, 25), (2.0, 31)], doubling_K))
    assert model.doubling_error_K is None
    assert any("a doubling every 6 K was assumed" in note for note in model.notes)


def test_a_known_doubling_temperature_is_used(panel_maps) -> None:  # type: ignore[no-untyped-def]
    stacks = _stacks(panel_maps, [(0.1, 25), (2.0, 28)], 3.0)
    model = estimate_dark_model(stacks, doubling_K=3.0)
    assert (model.doubling_K, model.doubling_error_K, model.temperature_C) == (3.0, None, 28.0)
    # 2 s at 28 degrees are 2 s there, 0.1 s at 25 degrees are 0.05 s
    assert model.typical_rate_dn_per_s == pytest.approx(2 * np.median(panel_maps[1]), rel=1e-4)


def test_stacks_of_one_time_are_averaged_by_their_weights(panel_maps) -> None:  # type: ignore[no-untyped-def]
    offset, _ = panel_maps
    stacks = [_stack(offset, 0.5, 25.0, 16), _stack(offset + 3, 0.5005, 26.0, 48)]
    model = estimate_dark_model([stacks[0], replace(stacks[1], integration_time_s=0.5)])
    assert model.rate_dn_per_s is None
    assert model.offset_dn == pytest.approx(offset + 3 * 48 / 64, rel=1e-6)
    assert model.reference.frames_used == 64
    assert model.offset_error_dn == pytest.approx(NOISE_DN / 8)
    assert (model.time_s, model.temperature_C) == (0.5, 26.0)
    assert estimate_dark_model(stacks).rate_dn_per_s is None  # 0.1 % is no other time


def test_an_extrapolated_reference_is_noted(panel_maps) -> None:  # type: ignore[no-untyped-def]
    (note,) = estimate_dark_model(_stacks(panel_maps, [(0.1, 25), (0.5, 25)]), 2.0).notes
    assert note.startswith("the offset is needed at 2 s but was measured from 0.1 to 0.5 s")


def test_temperatures_known_for_some_stacks_only_are_not_used(panel_maps) -> None:  # type: ignore[no-untyped-def]
    stacks = _stacks(panel_maps, [(0.1, 25), (2.0, 25), (2.0, 25)])
    stacks[0] = replace(stacks[0], temperature_C=None)
    model = estimate_dark_model(stacks)
    assert model.temperature_C is None
    assert model.rate_dn_per_s == pytest.approx(panel_maps[1], rel=1e-4, abs=2e-3)
    assert model.notes == ("the temperature of some dark stacks is not known: all were taken to be of one temperature",)


def test_single_frames_have_errors_too(panel_maps) -> None:  # type: ignore[no-untyped-def]
    offset, rate = panel_maps
    maps = [OffsetMap((offset + rate * t).astype(np.float32), None, NOISE_DN, 1, ()) for t in (0.1, 1.0, 2.0)]
    model = estimate_dark_model([DarkStack(m, t) for m, t in zip(maps, (0.1, 1.0, 2.0), strict=True)])
    assert model.rate_error_dn_per_s == pytest.approx(NOISE_DN / np.sqrt(np.var([0.1, 1.0, 2.0]) * 3))
    assert model.typical_chi_square == pytest.approx(0, abs=1e-6)


def test_the_stacks_are_unchanged(panel_maps) -> None:  # type: ignore[no-untyped-def]
    stacks = _stacks(panel_maps, [(0.1, 25), (2.0, 25), (2.0, 31)])
    for stack in stacks:
        stack.offset.offset_dn.setflags(write=False)
        stack.offset.noise_dn.setflags(write=False)
    estimate_dark_model(stacks)


@pytest.mark.parametrize(
    ("conditions", "reference_s", "message"),
    [
        ([], None, "needs at least 1 dark stack, got 0"),
        ([(0.5, 25.0), (0.5, 25.0)], 1.0, "needed at 1 s but all darks were integrated for 0.5 s"),
        ([(0.5, 25.0), (0.5, 29.0)], None, "dark stacks from 25 to 29 deg C need two or more integration times"),
        ([(0.5, 25.0), (None, 25.0)], None, "dark stack 2 does not say its integration time, but others do"),
        ([(0.0, 25.0)], None, "integration time of dark stack 1 must be positive, got 0.0 s"),
        ([(0.5, 298.0)], None, "temperature of a panel must be between -50 and 100 deg C, got 298"),
        ([(0.5, 25.0)], -1.0, "reference integration time must be positive, got -1.0 s"),
    ],
)
def test_a_wrong_input_names_itself(conditions: list, reference_s: float | None, message: str) -> None:
    stacks = [_stack(np.zeros((4, 6)), t, T) for t, T in conditions]
    with pytest.raises(ValueError, match=message):
        estimate_dark_model(stacks, reference_s)


def test_stacks_of_two_panels_are_refused() -> None:
    stacks = [_stack(np.zeros(shape), 0.5) for shape in ((4, 6), (6, 4))]
    with pytest.raises(ValueError, match=r"dark stack 2 is \(6, 4\) but the first is \(4, 6\)"):
        estimate_dark_model(stacks)
    with pytest.raises(ValueError, match="doubling_K must be positive, got 0"):
        estimate_dark_model(stacks[:1], doubling_K=0)

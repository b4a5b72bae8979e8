"""Two variance planes that are true: chi-square of corrected frames against what was there is one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calibration.calibration_set import CalibrationSet
from calibration.conditions import Conditions
from calibration.correct import correct_frame, plan_correction
from calibration.correction.glare import glare_variance_gain
from calibration.correction.variance import (
    NoiseTiles,
    calibration_variance,
    plan_noise,
    random_variance,
    spread_tiles,
    typical_noise,
)
from calibration.flags import DEAD, UNCOATED
from calibration.lag.model import LagModel
from calibration.response.apply import slope
from calibration.steps import Gain, Glare, Steps

ROWS, COLS = 48, 64
LEVEL_DN = 20000.0


def chi_square(corrected: np.ndarray, truth: np.ndarray, variance: np.ndarray) -> float:
    return float(np.mean((corrected - truth) ** 2 / variance))


@pytest.mark.parametrize("signal_dn", [300.0, 3000.0, 20000.0, 40000.0])
def test_chi_square_of_corrected_frames_is_one(panel, signal_dn: float) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(40)
    values = []
    for seed in range(4):  # a calibration of few frames, so that its part is as large as the frame's own
        calibration = panel.calibrated(darks=6, flats=6, signal_dn=LEVEL_DN, seed=seed)
        plan = plan_correction(calibration, variance=True)
        frame = correct_frame(panel.frame(signal_dn, rng), plan)
        truth = np.full((ROWS, COLS), signal_dn * calibration.level_dn / LEVEL_DN)
        assert frame.variance_random is not None and frame.variance_calibration is not None
        values.append(chi_square(frame.corrected_dn, truth, frame.variance_random + frame.variance_calibration))
    # 12,288 values: standard error sqrt(2 / 12288) = 1.3 %; noise maps of 6 frames, medians of 4 tiles: 1 % more
    assert 0.95 < np.mean(values) < 1.05


def test_a_panel_narrower_than_a_tile_has_variance(panel) -> None:  # type: ignore[no-untyped-def]
    calibration = panel.calibrated(darks=6, flats=6, signal_dn=LEVEL_DN, seed=0)
    names = ("offset_dn", "gain", "defects", "offset_noise_dn", "gain_noise")
    narrow = replace(calibration, **{name: getattr(calibration, name)[:, :5].copy() for name in names})
    noise = plan_noise(narrow)
    assert noise.dark_variance_dn2.shape == (2, 1)
    assert np.sqrt(noise.dark_variance_dn2) == pytest.approx(calibration.typical_dark_noise_dn, rel=0.2)


def test_averaging_frames_divides_only_the_random_part(panel) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(41)
    values, naive = [], []
    for seed in range(4):
        calibration = panel.calibrated(darks=6, flats=6, signal_dn=LEVEL_DN, seed=seed)
        plan = plan_correction(calibration, variance=True)
        frames = [correct_frame(panel.frame(10000.0, rng), plan) for _ in range(16)]
        mean = np.mean([frame.corrected_dn for frame in frames], axis=0)
        random = np.mean([frame.variance_random for frame in frames], axis=0)
        calibrated = np.mean([frame.variance_calibration for frame in frames], axis=0)
        truth = np.full((ROWS, COLS), 10000.0 * calibration.level_dn / LEVEL_DN)
        values.append(chi_square(mean, truth, random / 16 + calibrated))
        naive.append(chi_square(mean, truth, (random + calibrated) / 16))
    assert 0.95 < np.mean(values) < 1.05
    assert np.mean(naive) > 1.5  # what one plane for both would claim


def test_the_noise_of_a_lag_corrected_sequence_is_as_stated() -> None:
    rng = np.random.default_rng(42)
    fraction, time_s = np.array([0.03, 0.01]), np.array([0.2, 3.0])
    kept = np.exp(-0.1 / time_s)
    prompt, signal, per_dn, dark = 1 - fraction.sum(), 8000.0, 4.0, 25.0
    lag = LagModel(time_s, np.array([1e4]), fraction[None], np.zeros((1, 2)), np.zeros(2), 0.1, 10.0)
    flat_noise = np.sqrt(dark / prompt**2 + per_dn * LEVEL_DN) / LEVEL_DN  # of flats whose lag was taken out
    calibration = replace(neutral(), lag=lag, typical_dark_noise_dn=5.0, typical_flat_noise=float(flat_noise))
    plan = plan_correction(calibration, variance=True)
    trapped, state, values = np.zeros((2, ROWS, COLS)), None, []
    for k in range(12):
        charge = signal + rng.normal(0, np.sqrt(per_dn * signal), (ROWS, COLS))
        delivered = charge * prompt + ((1 - kept)[:, None, None] * trapped).sum(axis=0)
        trapped = trapped * kept[:, None, None] + fraction[:, None, None] * charge
        raw = delivered + rng.normal(0, 5.0, (ROWS, COLS))
        frame = correct_frame(raw, plan, state=state, elapsed_s=0.1)
        state = frame.state
        if k > 3:
            values.append(chi_square(frame.corrected_dn, np.full((ROWS, COLS), signal), frame.variance_random))
    # 24,576 values: 0.9 %; the readout noise that earlier frames left in the stores is not in the variance: 0.1 %
    assert 0.96 < np.mean(values) < 1.04


@pytest.mark.parametrize("signal", [0.0, 20.0, 8000.0])
def test_the_noise_of_lag_that_depends_on_the_signal_is_as_stated(signal: float) -> None:
    rng = np.random.default_rng(43)
    low, high, per_dn, dark = 0.16, 0.04, 0.5, 25.0  # fractions up to 100 DN, and from 10,000 DN
    lag = LagModel(
        np.array([2.0]), np.array([100.0, 10000.0]), np.array([[low], [high]]), np.zeros((2, 1)), np.zeros(1), 0.1, 10.0
    )
    flat_noise = np.sqrt(dark / (1 - high) ** 2 + per_dn * LEVEL_DN) / LEVEL_DN
    calibration = replace(neutral(), lag=lag, typical_dark_noise_dn=5.0, typical_flat_noise=float(flat_noise))
    plan = plan_correction(calibration, variance=True)
    values = []
    for _ in range(12):  # of a rested panel
        charge = signal + rng.normal(0, np.sqrt(per_dn * signal), (ROWS, COLS))
        fraction = np.interp(np.log(np.maximum(charge, 1.0)), np.log(lag.signal_dn), [low, high])
        frame = correct_frame(charge * (1 - fraction) + rng.normal(0, 5.0, (ROWS, COLS)), plan)
        values.append(float(np.mean((frame.corrected_dn - signal) ** 2) / np.mean(frame.variance_random)))
    # 36,864 values: 0.7 %; with the fraction at the level of the flats it would be 1.31 at zero
    assert np.mean(values) == pytest.approx(1.0, abs=0.03)


def neutral() -> CalibrationSet:
    """Offset 0, gain 1, no defects; 5 DN of dark noise, 4 DN of variance per DN."""
    return CalibrationSet(
        offset_dn=np.zeros((ROWS, COLS), np.float32),
        gain=np.ones((ROWS, COLS), np.float32),
        defects=np.zeros((ROWS, COLS), np.uint16),
        saturation_dn=60000.0,
        level_dn=LEVEL_DN,
        typical_dark_noise_dn=5.0,
        typical_flat_noise=float(np.sqrt(25 + 4 * LEVEL_DN) / LEVEL_DN),
        darks_used=16,
        flats_used=25,
        offset_noise_dn=None,
        gain_noise=None,
        provenance={},
        conditions=Conditions(pitch_mm=0.1),
    )


def test_a_neutral_calibration_gives_the_closed_form() -> None:
    noise = plan_noise(neutral())
    for u in (0.0, 0.1, 1.0, 2.0):
        signal = np.full((ROWS, COLS), u * LEVEL_DN, np.float32)
        ones = np.ones_like(signal)
        assert random_variance(signal, ones, noise) == pytest.approx(25 + 4 * u * LEVEL_DN, rel=1e-5)
        flat = 25 + 4 * LEVEL_DN
        assert calibration_variance(signal, ones, noise) == pytest.approx(25 / 16 * (1 - u) ** 2 + flat / 25 * u**2)


def test_below_zero_the_variance_goes_down_to_half_the_readout_noise() -> None:
    noise = plan_noise(neutral())
    ones = np.ones((ROWS, COLS), np.float32)
    assert random_variance(-2 * ones, ones, noise) == pytest.approx(25.0 - 4.0 * 2.0)
    assert random_variance(-100 * ones, ones, noise) == pytest.approx(12.5)


def test_the_slope_multiplies_what_comes_after_it() -> None:
    noise = plan_noise(neutral())
    ones = np.ones((ROWS, COLS), np.float32)
    signal = 1000 * ones
    assert random_variance(signal, 2 * ones, noise) == pytest.approx(4 * 25 + 4 * 1000)
    assert random_variance(signal, ones, noise, 0.5) == pytest.approx(4 * 25 + 4 * 1000)
    assert calibration_variance(signal, 2 * ones, noise) == pytest.approx(4 * calibration_variance(signal, ones, noise))


def test_frames_whose_lag_stays_have_the_quanta_that_are_delivered() -> None:
    calibration = neutral()
    with_lag, without = (plan_noise(calibration, None, 0.1, corrected) for corrected in (True, False))
    # flats without lag: readout noise divided by 0.9^2 is part of theirs
    assert with_lag.variance_per_dn == pytest.approx((25 + 4 * LEVEL_DN - 25 / 0.81) / LEVEL_DN, rel=1e-5)
    assert without.variance_per_dn == pytest.approx(0.81 * with_lag.variance_per_dn, rel=1e-5)


def test_frames_without_noise_keep_the_variance_of_rounding() -> None:
    silent = replace(neutral(), typical_dark_noise_dn=0.0, typical_flat_noise=0.0)
    assert typical_noise(silent) == (1 / 12, 0.0)
    assert (plan_noise(silent).dark_variance_dn2 == np.float32(1 / 12)).all()


def test_bare_photodiodes_have_their_own_noise() -> None:
    rows, cols = 96, 128  # 3 x 4 tiles, the last column of them bare
    bare = np.zeros((rows, cols), bool)
    bare[:, 96:] = True
    gain = np.where(bare, 25.0, 1.0)
    signal = LEVEL_DN / gain
    calibration = replace(
        neutral(),
        offset_dn=np.zeros((rows, cols), np.float32),
        gain=gain.astype(np.float32),
        defects=np.where(bare, UNCOATED, 0).astype(np.uint16),
        offset_noise_dn=np.where(bare, 3.0, 5.0).astype(np.float32),
        gain_noise=(np.sqrt(np.where(bare, 9.0 + 1.5 * signal, 25 + 4 * signal)) / LEVEL_DN).astype(np.float32),
    )
    noise = plan_noise(calibration)
    assert noise.dark_variance_dn2[:, :3] == pytest.approx(25.0) and noise.dark_variance_dn2[:, 3] == pytest.approx(9)
    assert noise.variance_per_dn[:, :3] == pytest.approx(4.0, rel=1e-4)
    assert noise.variance_per_dn[:, 3] == pytest.approx(1.5 * 25, rel=1e-4)  # a corrected DN is a 25th of a raw one
    at_level = noise.calibration_dn2.sum(axis=0)  # u = 1: the flats' own noise over their number
    assert at_level[:, 3] == pytest.approx((9.0 + 1.5 * LEVEL_DN / 25) / 25, rel=1e-4)


def test_bad_pixels_do_not_speak_for_a_tile() -> None:
    noise_dn = np.full((ROWS, COLS), 5.0, np.float32)
    defects = np.zeros((ROWS, COLS), np.uint16)
    noise_dn[:20, :32], defects[:20, :32] = 1e24, DEAD  # 62 % of the first tile
    noise = plan_noise(replace(neutral(), offset_noise_dn=noise_dn, defects=defects))
    assert noise.dark_variance_dn2 == pytest.approx(25.0)


def test_tiles_at_the_border_are_smaller() -> None:
    tiles = np.arange(4, dtype=np.float32).reshape(2, 2)
    plane = spread_tiles(tiles, (ROWS, COLS))
    assert plane.shape == (ROWS, COLS) and plane[31, 31] == 0 and plane[32, 31] == 2 and plane[47, 63] == 3
    small = NoiseTiles(tiles, tiles, tiles[None], tiles)
    assert random_variance(plane, np.ones_like(plane), small).shape == (ROWS, COLS)


def test_variance_follows_the_slope_of_a_curved_response() -> None:
    curved = replace(
        neutral(), curvature=np.full((1, ROWS, COLS), 1e-5, np.float32), levels_dn=(1000.0, LEVEL_DN, 50000.0)
    )
    plan = plan_correction(curved, variance=True)
    frame = correct_frame(np.full((ROWS, COLS), 10000.0), plan)
    steepness = slope(np.full((ROWS, COLS), 10000, np.float32), plan.gain, plan.curvature)
    assert steepness == pytest.approx(1.2)  # 1 + 2 * 1e-5 * 10,000
    at_level = 5e4 * (np.sqrt(1 + 4e-5 * LEVEL_DN) - 1)  # the signal whose corrected value is the level
    per_corrected_dn = (1 + 2e-5 * at_level) ** 2 * 4 * LEVEL_DN / LEVEL_DN  # flats scatter by 4 x level there
    assert frame.variance_random == pytest.approx(1.44 * 25 + per_corrected_dn * 11000, rel=1e-5)


def test_several_doses_bring_their_own_polynomial() -> None:
    several = replace(neutral(), levels_dn=(1000.0, 30000.0), calibration_variance=(1.0, 2.0, 3.0, 4.0, 5.0))
    frame = correct_frame(np.full((ROWS, COLS), 10000.0), plan_correction(several, variance=True))
    u = 0.5
    assert frame.variance_calibration == pytest.approx(1 + 2 * u + 3 * u**2 + 4 * u**3 + 5 * u**4, rel=1e-5)


def test_glare_multiplies_both_planes() -> None:
    steps = Steps(glare=Glare(on=True, fraction=0.1, radius_mm=2.0))
    plain, cleared = (
        correct_frame(np.full((ROWS, COLS), 10000.0), plan_correction(neutral(), choice, variance=True))
        for choice in (Steps(), steps)
    )
    glare = plan_correction(neutral(), steps).glare
    assert glare is not None
    gain = glare_variance_gain(glare, (ROWS, COLS))
    assert 1.0 < gain < 0.9**-2
    assert cleared.variance_random == pytest.approx(gain * plain.variance_random, rel=1e-5)
    assert cleared.variance_calibration == pytest.approx(gain * plain.variance_calibration, rel=1e-5)


def test_without_variance_there_are_no_planes() -> None:
    frame = correct_frame(np.zeros((ROWS, COLS), np.uint16), neutral())
    assert frame.variance_random is None and frame.variance_calibration is None


def test_interpolated_pixels_have_the_variance_of_their_mean() -> None:
    defects = np.zeros((ROWS, COLS), np.uint16)
    defects[20, 30] = DEAD
    plan = plan_correction(replace(neutral(), defects=defects), variance=True)
    frame = correct_frame(np.full((ROWS, COLS), 10000.0), plan)
    assert frame.variance_random is not None
    # equal values, so weights 1 / L^2 with L^2 = 4, 4, 8, 8, 20, 20, 20, 20, and half the variance in each direction
    weights = np.array([1 / 4, 1 / 4, 1 / 8, 1 / 8, 1 / 20, 1 / 20, 1 / 20, 1 / 20])
    ratio = 0.5 * (weights**2).sum() / weights.sum() ** 2
    assert frame.variance_random[20, 30] == pytest.approx(ratio * frame.variance_random[0, 0], rel=1e-5)


def test_a_pixel_without_a_value_has_no_variance() -> None:
    raw = np.full((ROWS, COLS), 10000.0)
    raw[4, 5], raw[6, 7] = np.nan, np.inf
    frame = correct_frame(raw, plan_correction(neutral(), variance=True))
    for plane in (frame.variance_random, frame.variance_calibration):
        assert plane is not None and plane[4, 5] == plane[6, 7] == 0.0 and np.isfinite(plane).all()


def test_the_gain_step_may_be_off() -> None:
    frame = correct_frame(np.full((ROWS, COLS), 10000.0), plan_correction(neutral(), Steps(gain=Gain(on=False))))
    assert (frame.corrected_dn == 10000.0).all() and frame.state is None

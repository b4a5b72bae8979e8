"""Break and mend: frames of the forward chain with one effect, and with all, come back through the calibration.

What counts as come back, for frames at a tenth of full scale and others:

- a fixed pattern below 0.1 of the quantum noise of one frame: below 0.01 of its variance. The mean of N frames on a
  calibration from N_F flats of twice the dose scatters by 1/N + 1/(2 N_F) of that variance, known over P pixels to
  sqrt(2 c / P), where c = 4 says how far the spread of light correlates neighbours. N = N_F = 32 and 7,000 pixels
  leave 0.047 x 0.034 = 0.0016: a pattern at the limit stands out by six standard errors.
- a chi-square of 0.95 to 1.05 where there is light. Its standard error, 0.034 over the pixels, shrinks with the
  frames, to 0.007 to 0.015.
- a level that is right to five standard errors, of the mean frame and of the flats.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from calibration import flags as bits
from calibration.calibration_set import CalibrationSet
from calibration.conditions import Conditions
from calibration.correct import CorrectedFrame, correct_frame, plan_correction
from calibration.correction.undo import undo_correction
from calibration.lag.model import LagModel, LagState
from calibration.response.field import BeamField
from calibration.response.single_dose import single_dose_variance
from calibration.steps import Gain, Glare, Steps
from radiography.config import load_panel
from radiography.panel.panel import Panel
from tests.round_trip_checks import (
    DARK_NOISE_DN,
    FRAMES,
    PATTERN_LIMIT,
    assert_comes_back,
    assert_lag_is_gone,
    block_error,
    measure,
    scale_by_reference,
)
from tests.round_trip_truth import (
    DEFECTS,
    LAYER_GLARE,
    PIXEL_NOISE_ELECTRONS,
    SURROUNDED,
    Rig,
    at,
    build_rig,
    calibrate,
    changed,
    corrected_frames,
    dn_per_strength,
    frames_of,
    planted,
    relative_truth,
    stack_of,
    with_panel,
)

FLATS_STRENGTH = 2.0
DOSES = (0.25, 0.5, 1.0, 2.0, 4.0, 6.0, 8.0)
SHIELDED = {"shielded_cols_left": 12, "shielded_cols_right": 12}


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Rig:
    return build_rig(tmp_path_factory.mktemp("rig"))


@pytest.fixture(scope="module")
def worn() -> Panel:
    """Where effects that the panel files describe take their numbers from."""
    return load_panel("worn")


# Each effect alone.


def test_a_panel_without_effects_comes_back(clean: Rig) -> None:
    calibration = calibrate(clean)
    plan = plan_correction(calibration, variance=True)
    assert_comes_back(clean, plan, calibration.level_dn / FLATS_STRENGTH, (0.1, 1.0, 3.0, 6.0))


def test_offset_and_dark_current_at_another_integration_time(clean: Rig) -> None:
    panel = changed(
        clean.panel, photodiode={"dark_electrons_per_s": 20000.0}, readout={"offset_spread_dn": 60.0}
    )  # 80 DN/s with a spread of 16
    rig = with_panel(clean, panel)
    calibration = calibrate(at(rig, 0.5), dark_times_s=(0.1, 0.5, 2.0))
    plan = plan_correction(calibration, integration_time_s=1.0, variance=True)
    assert_comes_back(at(rig, 1.0), plan, calibration.level_dn / FLATS_STRENGTH, (0.1, 1.0))


@pytest.mark.slow
def test_dark_current_six_kelvin_warmer_with_shielded_columns(clean: Rig) -> None:
    panel = changed(
        clean.panel,
        photodiode={"dark_electrons_per_s": 20000.0},
        readout={"offset_spread_dn": 60.0},
        pixels=SHIELDED,
    )
    rig = with_panel(clean, panel)
    calibration = calibrate(at(rig, 1.0), dark_times_s=(0.1, 1.0, 2.0))
    plan = plan_correction(calibration, integration_time_s=1.0, variance=True)
    scales: list[float] = []
    found = assert_comes_back(
        at(rig, 1.0, warmer_K=6.0),
        plan,
        calibration.level_dn / FLATS_STRENGTH,
        (0.1, 1.0),
        dark_scale=scale_by_reference(calibration, 1.0, scales),
    )
    assert found[1.0].pixels == 80 * (112 - 24)
    # noise of 1,920 shielded pixels: 6 / (80 sqrt(1920)) = 0.0017 in one frame; the maps' error as much again
    assert np.mean(scales) == pytest.approx(2 ** (6 / 8), abs=5 * 0.0017)
    assert np.std(scales) < 2 * 0.0017


def test_line_noise_of_twice_the_pixel_noise(clean: Rig) -> None:
    panel = changed(clean.panel, readout={"line_noise_electrons": 2 * PIXEL_NOISE_ELECTRONS}, pixels=SHIELDED)
    rig = with_panel(clean, panel)
    calibration = calibrate(rig)
    plan = plan_correction(calibration, variance=True)
    # 24 shielded pixels know a row to 6 / sqrt(24) = 1.2 DN of 12; without them chi-square at strength 0.1 would be 1.4
    assert_comes_back(rig, plan, calibration.level_dn / FLATS_STRENGTH, (0.1, 1.0))
    rows = [frame.corrected_dn.mean(axis=1) for frame in corrected_frames(rig, plan, [0.0] * FRAMES, 5)]
    lit = 112 - 24
    departures = np.array(rows) - np.mean(rows, axis=1, keepdims=True)
    # left: error of the reference columns and of the mean over the row, 88 lit columns and 24 shielded ones
    assert departures.std() * 112 / lit < 1.2 * np.hypot(DARK_NOISE_DN / np.sqrt(24), DARK_NOISE_DN / np.sqrt(lit))


@pytest.mark.slow
def test_gain_spread_under_the_field_of_a_near_source(tmp_path: Path) -> None:
    near = build_rig(tmp_path, distance=30.0)  # the corners get 13 % less
    panel = changed(near.panel, uniformity={"response_spread": 0.025, "amplifier_spread": 0.015})
    rig = with_panel(near, panel)
    calibration = calibrate(rig)
    plan = plan_correction(calibration, variance=True)
    assert_comes_back(rig, plan, calibration.level_dn / FLATS_STRENGTH, (0.1, 1.0, 3.0, 6.0))


@pytest.mark.slow
def test_non_linear_pixels_up_to_near_full_scale(clean: Rig) -> None:
    panel = changed(clean.panel, uniformity={"nonlinearity": 0.03, "nonlinearity_spread": 0.01})
    rig = with_panel(clean, panel)
    calibration = calibrate(rig, doses=DOSES)
    plan = plan_correction(calibration, variance=True)
    # shared curve: within 0.03 % of straight, or a hundredth of what the panel bends
    scale = dn_per_strength(calibration, DOSES)
    assert_comes_back(rig, plan, scale, (0.25, 1.0, 3.0, 7.5), level_tolerance=0.0003)


@pytest.mark.slow
def test_lag_and_what_it_leaves_after_the_beam(clean: Rig, worn: Panel) -> None:
    rig = with_panel(clean, replace(clean.panel, lag=worn.lag))
    calibration = calibrate(rig, lag=[[0.0] * 4 + [3.0] * 40 + [0.0] * 80])
    plan = plan_correction(calibration, variance=True)
    assert calibration.lag is not None
    # first-frame lag of the panel itself: 3 % of the signal, sixty times the limit
    raw = np.array([frame.mean() for frame in frames_of(rig, [3.0] * 24 + [0.0] * 2, 9)]) - calibration.offset_dn.mean()
    assert raw[24] / raw[23] > 0.025
    assert_lag_is_gone(rig, plan, (1.0, 6.0), calibration.level_dn / FLATS_STRENGTH)
    assert_comes_back(rig, plan, calibration.level_dn / FLATS_STRENGTH, (0.1, 1.0))


@pytest.mark.slow
def test_lag_that_depends_on_the_exposure(clean: Rig, worn: Panel) -> None:
    rig = with_panel(clean, replace(clean.panel, lag=worn.lag, lag_exposure=worn.lag_exposure))
    steps = [[0.0] * 4 + [strength] * 30 + [0.0] * 60 for strength in (0.15, 1.5, 7.0)]
    calibration = calibrate(rig, lag=steps)
    plan = plan_correction(calibration, variance=True)
    assert calibration.lag is not None and calibration.lag.signal_dn.size == 3
    assert_lag_is_gone(rig, plan, (1.0, 6.0), calibration.level_dn / FLATS_STRENGTH)


def test_the_glare_of_the_layer(tmp_path: Path, clean: Rig) -> None:
    rig = build_rig(tmp_path, glare=LAYER_GLARE)
    calibration = calibrate(rig)
    glare = Steps(glare=Glare(on=True, fraction=0.05, radius_mm=1.0))
    plan = plan_correction(calibration, glare, variance=True)
    assert_comes_back(rig, plan, calibration.level_dn / FLATS_STRENGTH, (0.1, 1.0), truth=clean)
    without = corrected_frames(rig, plan_correction(calibration, variance=True), [1.0] * 4, 77, plate=True)
    behind = measure(without, calibration.level_dn / FLATS_STRENGTH * relative_truth(clean, plate=True), DARK_NOISE_DN)
    assert behind.pattern > 100 * PATTERN_LIMIT  # what the step takes away


@pytest.mark.slow
@pytest.mark.parametrize("side", ["shielded_cols_left", "shielded_cols_right"])
def test_the_glare_is_removed_beside_shielded_columns_as_well(tmp_path: Path, side: str) -> None:
    hazy = build_rig(tmp_path, glare=LAYER_GLARE)
    rig = with_panel(hazy, changed(hazy.panel, pixels={side: 12}))
    calibration = calibrate(rig)
    glare = Steps(glare=Glare(on=True, fraction=0.05, radius_mm=1.0))
    plan = plan_correction(calibration, glare, variance=True)
    taken = corrected_frames(rig, plan, [1.0] * FRAMES, 6)
    residual = measure(taken, np.full((80, 112), calibration.level_dn / FLATS_STRENGTH), DARK_NOISE_DN)
    assert residual.pattern < PATTERN_LIMIT, residual


def test_saturation_is_flagged_where_the_well_is_full_and_nowhere_else(clean: Rig) -> None:
    panel = changed(clean.panel, uniformity={"response_spread": 0.025})
    rig = with_panel(clean, panel)
    plan = plan_correction(calibrate(rig, darks=8, flats=8), variance=True)
    full_well = panel.photodiode.full_well_electrons
    mean = rig.maps.response * (6455.0 * 250.0)  # charge at strength 1 [electrons]
    for strength in (8.5, 9.3, 11.0):
        (raw_dn,) = frames_of(rig, [strength], 8, plate=True)
        picture = relative_truth(rig, plate=True)
        frame = correct_frame(raw_dn, plan)
        saturated = (frame.flags & bits.SATURATED) != 0
        charge = strength * mean * picture
        five_sigma = 5 * np.sqrt(charge * 0.38 * 250.0 + PIXEL_NOISE_ELECTRONS**2)  # 0.38 DN of variance per DN
        assert saturated[charge - five_sigma > full_well].all()
        assert not saturated[charge + five_sigma < (panel.saturation_dn - 2000.0) * 250.0].any()
        assert saturated.sum() == frame.saturated
        beside = np.zeros_like(saturated)
        for down in (-1, 0, 1):
            for right in (-1, 0, 1):
                beside |= np.roll(saturated, (down, right), (0, 1))
        inner = np.s_[1:-1, 1:-1]
        assert ((frame.flags & bits.SUSPECT) != 0)[inner][(beside & ~saturated)[inner]].all()
        assert frame.flags[:, :30].max() == 0  # behind the plate


def test_defects_of_every_class_are_found_and_filled(clean: Rig, worn: Panel) -> None:
    rig = with_panel(clean, replace(changed(clean.panel, uniformity={"response_spread": 0.025}), lag=worn.lag))
    check = stack_of(planted(rig, drifted=True), [5.0] * 16, 31)
    calibration = calibrate(
        planted(rig), flats=16, doses=(0.5, 1.5, 3.0, 5.0, 6.5), lag=[[0.0] * 3 + [3.0] * 20 + [0.0] * 40], check=check
    )
    named = {
        "dead": bits.DEAD,
        "dead row": bits.DEAD,
        "ring": bits.DEAD,
        "under": bits.UNDER,
        "over": bits.OVER,
        "noisy": bits.NOISY,
        "hot": bits.HOT,
        "lagging": bits.LAGGING,
        "non-linear": bits.NON_LINEAR,
        "non-uniform": bits.NON_UNIFORM,
    }
    left = (calibration.defects & bits.UNUSABLE) != 0
    for kind, bit in named.items():
        assert ((calibration.defects[DEFECTS[kind]] & bit) != 0).all(), (kind, calibration.defects[DEFECTS[kind]])
        left[DEFECTS[kind]] = False
    assert calibration.defects[SURROUNDED] & bits.BAD_NEIGHBOURHOOD
    left[SURROUNDED] = False
    # limits are six standard deviations of the noise, or 1 % where that of the check is 0.16 %: none by chance
    assert left.sum() == 0, np.argwhere(left)

    taken = corrected_frames(planted(rig), plan_correction(calibration, variance=True), [1.0] * 8, 41)
    flat = np.mean([frame.corrected_dn for frame in taken], axis=0)
    bad = (calibration.defects & bits.UNUSABLE) != 0
    assert all(((frame.flags & bits.INTERPOLATED) != 0)[bad].all() for frame in taken)
    assert not any(((frame.flags & bits.INTERPOLATED) != 0)[~bad].any() for frame in taken)
    # what neighbours replace is as good as they are: within five of their standard deviations in the mean of 8
    good = ~bad
    noise = flat[good].std()
    assert np.abs(flat[bad] - flat[good].mean()).max() < 5 * noise


# Properties of the chain.


@pytest.mark.slow
@pytest.mark.parametrize(("darks", "flats"), [(2, 2), (4, 2), (2, 8)])
def test_finite_numbers_of_darks_and_flats_add_the_predicted_noise(clean: Rig, darks: int, flats: int) -> None:
    excess, promised, errors = [], [], []
    for strength in (0.05, 4.0):  # one where darks weigh, one where flats do
        for seed in (1, 2):
            calibration = calibrate(clean, darks, flats, seed=5000 * seed + darks)
            plan = plan_correction(calibration, variance=True)
            taken = corrected_frames(clean, plan, [strength] * FRAMES, 800 + seed)
            stack = np.stack([frame.corrected_dn for frame in taken]).astype(np.float64)
            own = stack.var(axis=0, ddof=1)
            signal_dn = stack.mean()
            left = ((stack.mean(axis=0) - signal_dn) ** 2 - own / FRAMES) / signal_dn**2
            # noise of the panel, known from its description and from the frames themselves; 1/12 DN2 of whole DN
            dark_variance = DARK_NOISE_DN**2 + 1 / 12
            per_dn = (own.mean() - dark_variance) / signal_dn
            flat_noise_dn = float(np.sqrt(dark_variance + per_dn * calibration.level_dn))
            terms = single_dose_variance(float(np.sqrt(dark_variance)), flat_noise_dn, darks, flats)
            promise = float(np.polynomial.polynomial.polyval(signal_dn / calibration.level_dn, terms)) / signal_dn**2
            excess.append(left.mean() / promise)
            errors.append(block_error(left / promise, np.ones(left.shape, bool)))
            promised.append(promise)
    for ratio, error in zip(excess, errors, strict=True):
        assert error < 0.1
        assert abs(ratio - 1.0) < 5 * error, (excess, errors)
    assert np.mean(excess) == pytest.approx(1.0, abs=5 * np.mean(errors) / np.sqrt(len(errors)))


@pytest.mark.slow
def test_lowfreq_flattens_frames_from_another_distance(tmp_path: Path) -> None:
    near, far = (build_rig(tmp_path, distance=distance) for distance in (40.0, 60.0))
    rng = np.random.default_rng(12)
    # 140 blocks of 8 x 8 pixels know the field of this small panel to 1.25 x 0.5 % / 8 x sqrt(15 / 140) = 0.03 % of the
    # signal, a twenty-seventh of one frame's noise; 2.5 % of spread would leave a sixth
    response = (1.0 + 0.005 * rng.standard_normal((80, 112))).astype(np.float32)
    near, far = (with_panel(rig, rig.panel, replace(rig.maps, response=response)) for rig in (near, far))
    calibration = calibrate(near, distance_mm=40.0)
    expected_dn = np.full((80, 112), calibration.level_dn / FLATS_STRENGTH)
    residuals = {}
    for flatten in ("same", "lowfreq"):
        plan = plan_correction(
            calibration, Steps(gain=Gain(flatten=flatten)), source_to_detector_mm=60.0, variance=True
        )
        taken = corrected_frames(far, plan, [1.0] * FRAMES, 15)
        residuals[flatten] = measure(taken, expected_dn, DARK_NOISE_DN)
    # cos^3 at the corner, 9.5 mm off the axis, differs by 4.5 % between the distances
    assert residuals["same"].pattern > 100 * PATTERN_LIMIT
    assert residuals["lowfreq"].pattern < PATTERN_LIMIT


def neutral(shape: tuple[int, int]) -> CalibrationSet:
    """A calibration that knows every step, each at zero strength."""
    zeros = np.zeros(shape, np.float32)
    lag = LagModel(
        np.array([0.1, 2.0]), np.array([1e3, 1e4]), np.zeros((2, 2)), np.zeros((2, 2)), np.zeros(2), 0.2, 10.0
    )
    field = BeamField((1.0, *[0.0] * 14), *shape, (39.5, 55.5), (0.0, 80.0, 0.0, 112.0), 1000.0, 0.0, 0.0)
    return CalibrationSet(
        offset_dn=zeros,
        gain=np.ones(shape, np.float32),
        defects=np.zeros(shape, np.uint16),
        saturation_dn=61000.0,
        level_dn=12000.0,
        typical_dark_noise_dn=6.0,
        typical_flat_noise=0.006,
        darks_used=32,
        flats_used=32,
        offset_noise_dn=None,
        gain_noise=None,
        provenance={},
        conditions=Conditions(pitch_mm=0.139, integration_time_s=0.1),
        dark_rate_dn_per_s=zeros,
        curvature=np.zeros((2, *shape), np.float32),
        field=field,
        lag=lag,
    )


def test_every_step_at_zero_strength_returns_the_frame_bit_for_bit(clean: Rig) -> None:
    raws = list(frames_of(clean, [3.0] * 3 + [0.0] * 2, 4, plate=True))
    calibration = neutral((80, 112))
    plan = plan_correction(
        calibration,
        Steps(gain=Gain(flatten="lowfreq"), glare=Glare(on=True, fraction=1e-300, radius_mm=1.0)),
        integration_time_s=2.0,
        source_to_detector_mm=500.0,
        variance=True,
    )
    plan = replace(plan, glare=replace(plan.glare, fraction=0.0))  # type: ignore[type-var]
    state: LagState | None = None
    for raw_dn in raws:
        frame = correct_frame(raw_dn, plan, state=state, elapsed_s=0.2, dark_scale=1.7)
        assert np.array_equal(frame.corrected_dn, raw_dn)
        assert not frame.flags.any() and frame.state is not None and not frame.state.trapped_dn.any()
        state = frame.state


def test_undo_returns_the_raw_frame_where_the_flags_allow(clean: Rig, worn: Panel) -> None:
    panel = changed(
        clean.panel,
        photodiode={"dark_electrons_per_s": 20000.0},
        readout={"offset_spread_dn": 60.0},
        uniformity={"response_spread": 0.025, "nonlinearity": 0.03, "nonlinearity_spread": 0.01},
    )
    rig = planted(with_panel(clean, panel))
    calibration = calibrate(rig, darks=4, flats=4, doses=(1.0, 3.0, 5.0, 7.0), dark_times_s=(0.1, 1.0))
    plan = plan_correction(calibration, integration_time_s=0.1)
    for strength in (0.0, 0.5, 7.0, 11.0):
        (raw_dn,) = frames_of(rig, [strength], 21, plate=True)
        frame = correct_frame(raw_dn, plan, dark_scale=1.2)
        restored, flags = undo_correction(frame.corrected_dn, frame.flags, plan, dark_scale=1.2)
        kept = (flags & (bits.INTERPOLATED | bits.UNCORRECTABLE)) == 0
        assert kept.mean() > 0.97
        assert restored.dtype == np.uint16 and np.array_equal(restored[kept], raw_dn[kept])


@pytest.mark.slow
def test_a_stream_written_over_itself_equals_fresh_frames_bit_for_bit(tmp_path: Path, worn: Panel) -> None:
    rig = build_rig(tmp_path, 48, 64)
    panel = changed(
        replace(rig.panel, lag=worn.lag, lag_exposure=worn.lag_exposure),
        readout={"line_noise_electrons": 2 * PIXEL_NOISE_ELECTRONS, "offset_spread_dn": 60.0},
        uniformity={"response_spread": 0.025, "nonlinearity": 0.03, "defective_fraction": 0.01},
        pixels={"shielded_cols_left": 8, "shielded_cols_right": 0},
    )
    rig = at(with_panel(rig, panel), 0.03, 1 / 15)
    steps = [[0.0] * 2 + [strength] * 8 + [0.0] * 12 for strength in (0.5, 5.0)]
    calibration = calibrate(rig, 4, 4, (1.0, 3.0, 6.0), dark_times_s=(0.03, 0.3), lag=steps)
    plan = plan_correction(calibration, variance=True)
    pattern = ([0.0] * 5 + [1.5] * 20 + [0.0] * 15) * 5
    reused: CorrectedFrame | None = None
    fresh: CorrectedFrame | None = None
    for number, raw_dn in enumerate(frames_of(rig, pattern, 99)):
        scale = 1.0 + 0.001 * number  # the panel warms up
        state = fresh.state if fresh else None
        fresh = correct_frame(raw_dn, plan, state=state, elapsed_s=1 / 15, dark_scale=scale)
        state = reused.state if reused else None
        reused = correct_frame(raw_dn, plan, reused, state=state, elapsed_s=1 / 15, dark_scale=scale)
        assert fresh.state is not None and reused.state is not None
        planes = ("corrected_dn", "flags", "variance_random", "variance_calibration")
        pairs = [(getattr(fresh, name), getattr(reused, name)) for name in planes]
        for one, other in [*pairs, (fresh.state.trapped_dn, reused.state.trapped_dn)]:
            assert one.tobytes() == other.tobytes(), number
        assert (fresh.saturated, fresh.negative, fresh.suspect) == (reused.saturated, reused.negative, reused.suspect)
    assert number == 199

"""The dose response of a panel that bends: against truth, against one flat, and against every kind of bad pixel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numba
import numpy as np
import pytest
from numpy.polynomial.polynomial import polyval
from numpy.typing import NDArray

from calibration import flags as bits
from calibration.dark.offset import OffsetMap, estimate_offset
from calibration.defects.find import find_defects
from calibration.frame_sums import NO_SATURATION_DN, robust_sigma
from calibration.response.apply import apply_gain
from calibration.response.doses import linearise_levels
from calibration.response.multi_dose import DoseResponse, estimate_dose_response, single_dose_response
from calibration.response.single_dose import estimate_gain

ROWS, COLS = 48, 64
FULL_DN = 50000.0
SATURATION_DN = 60000.0
DARK_NOISE_DN = 4.0
DOSES_DN = tuple(FULL_DN * fraction for fraction in (0.03, 0.06, 0.12, 0.25, 0.4, 0.55, 0.75, 0.95))
FRAMES = 16


@dataclass(frozen=True, eq=False)
class BentPanel:
    """signal = gain x (1 - bend x / 50,000) - trap (1 - exp(-x / 3,000)); noise variance 16 + per_dn * signal."""

    offset_dn: NDArray[np.float64]
    gain: NDArray[np.float64]
    bend: NDArray[np.float64]
    trap_dn: NDArray[np.float64]
    noise_factor: NDArray[np.float64]
    per_dn: float = 0.2

    def signal(self, x_dn: float) -> NDArray[np.float64]:
        return self.gain * x_dn * (1 - self.bend * x_dn / FULL_DN) - self.trap_dn * (1 - np.exp(-x_dn / 3000))

    def frame(self, x_dn: float, rng: np.random.Generator | None) -> NDArray[np.uint16]:
        signal = self.signal(x_dn)
        sigma = self.noise_factor * np.sqrt(DARK_NOISE_DN**2 + self.per_dn * np.maximum(signal, 0))
        noise = 0.0 if rng is None else sigma * rng.normal(size=signal.shape)
        frame = np.clip(np.round(self.offset_dn + signal + noise), 0, 65535).astype(np.uint16)
        frame.setflags(write=False)
        return frame

    def offset(self, darks: int = 64) -> OffsetMap:
        rng = np.random.default_rng(20)
        return estimate_offset(self.frame(0.0, rng) for _ in range(darks))

    def doses(self, doses_dn: tuple[float, ...] = DOSES_DN, frames: int = FRAMES) -> Iterator[Iterator[NDArray]]:
        """Streams of flats; the exposure repeats to 1 %."""
        rng = np.random.default_rng(21)
        for x_dn in doses_dn:
            yield (self.frame(x_dn * (1 + 0.01 * rng.normal()), rng) for _ in range(frames))

    def learned(self, order: int | None = None, **how: object) -> DoseResponse:
        return estimate_dose_response(self.doses(), self.offset(), saturation_dn=SATURATION_DN, order=order, **how)

    def pattern(self, x_dn: float, response: DoseResponse) -> float:
        """Fixed pattern of a noise-free corrected frame, relative."""
        corrected = apply_gain(self.signal(x_dn), response.gain, response.curvature, response.limit_dn)
        good = response.flags == 0
        return float(corrected[good].std() / corrected[good].mean())


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Starting threads costs more than these small planes."""
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    yield
    numba.set_num_threads(before)


@pytest.fixture
def bent() -> BentPanel:
    """5 % gain spread, 3 +- 1 % non-linearity at 50,000 DN."""
    rng = np.random.default_rng(22)
    shape = (ROWS, COLS)
    return BentPanel(
        1500 + rng.normal(0, 30, shape),
        rng.normal(1, 0.05, shape),
        rng.normal(0.03, 0.01, shape),
        np.zeros(shape),
        np.ones(shape),
    )


@pytest.fixture
def altered(bent: BentPanel) -> Callable[..., BentPanel]:
    """altered(pixels, gain=..., ...): the panel with some pixels changed."""

    def make(pixels: object, **values: float) -> BentPanel:
        planes = {}
        for name, value in values.items():
            planes[name] = getattr(bent, name).copy()
            planes[name][pixels] = value
        return replace(bent, **planes)

    return make


def test_a_quadratic_inverse_leaves_a_tenth_of_what_one_flat_leaves(bent: BentPanel) -> None:
    response = bent.learned()
    flats = (bent.frame(25000.0, None) for _ in range(2))
    one = single_dose_response(estimate_gain(flats, bent.offset(), saturation_dn=SATURATION_DN), bent.offset())
    assert response.order == 2 and not response.flags.any()
    # Published recipe: one flat 0.46, 0.30, 0.14, 0.44 %, quadratic inverse 0.067, 0.047, 0.025, 0.031 %; ours is
    # free of flat noise for the single flat (hence 0.10 at 30,000) and has 128 flats of 0.2 DN per DN for the fit.
    for x_dn, single, quadratic in (
        (2000.0, 0.46e-2, 0.080e-2),
        (10000.0, 0.30e-2, 0.064e-2),
        (30000.0, 0.10e-2, 0.035e-2),
        (45000.0, 0.42e-2, 0.045e-2),
    ):
        assert bent.pattern(x_dn, one) == pytest.approx(single, rel=0.12), x_dn
        assert bent.pattern(x_dn, response) < quadratic, x_dn
        corrected = apply_gain(bent.signal(x_dn), response.gain, response.curvature)
        assert np.median(corrected) == pytest.approx(np.median(bent.signal(x_dn)), rel=5e-4)  # bias below 0.05 %


def test_what_the_calibration_leaves_is_as_its_variance_says(bent: BentPanel) -> None:
    noisy = replace(bent, per_dn=1.0)
    for order in (2, 3):
        response = noisy.learned(order)
        assert len(response.calibration_variance) == 2 * order + 1
        for x_dn in (1500.0, 10000.0, 30000.0, 45000.0):
            signal_dn = float(np.median(noisy.signal(x_dn)))
            predicted = polyval(signal_dn / response.level_dn, response.calibration_variance) / signal_dn**2
            # variance of 3,072 values: 2.6 %, three of those; and 2 % for noise that varies with gain
            assert noisy.pattern(x_dn, response) ** 2 == pytest.approx(predicted, rel=0.10), (order, x_dn)


def test_chi_square_is_that_of_noise(bent: BentPanel) -> None:
    response = bent.learned(2)
    freedom = len(DOSES_DN) - 2
    assert response.chi_square is not None
    # reduced chi-square of 3,072 pixels with 6 degrees of freedom: sqrt(2 / 6 / 3072) = 1.0 %, plus the noise model's
    assert np.mean(response.chi_square) == pytest.approx(1.0, abs=0.04)
    assert np.var(response.chi_square) == pytest.approx(2 / freedom, rel=0.12)
    assert response.chi_square_scale == pytest.approx(1.0, abs=0.05)
    assert response.variance_per_dn == pytest.approx(0.2, rel=0.02)


def test_the_order_is_the_lowest_that_suffices(bent: BentPanel) -> None:
    straight = replace(bent, bend=np.zeros((ROWS, COLS)))
    assert straight.learned().order == 1 and straight.learned().curvature is None
    assert bent.learned().order == 2
    assert (
        estimate_dose_response(bent.doses(DOSES_DN[3:5]), bent.offset(), saturation_dn=SATURATION_DN).order == 1
    )  # two doses: nothing would be left to judge a second coefficient by
    third = bent.learned(3)
    assert third.curvature is not None and third.curvature.shape == (2, ROWS, COLS)


def test_with_known_exposures_the_panel_becomes_linear_in_them(bent: BentPanel) -> None:
    rng = np.random.default_rng(23)
    levels_dn = [float(np.median(bent.signal(x_dn))) for x_dn in DOSES_DN]
    kerma_uGy = [x_dn / 5000 * (1 + 0.002 * rng.normal()) for x_dn in DOSES_DN]
    response = estimate_dose_response(
        ([bent.frame(x_dn, None)] * 2 for x_dn in DOSES_DN),
        bent.offset(),
        saturation_dn=SATURATION_DN,
        order=2,
        linearisation=linearise_levels(levels_dn, kerma_uGy, 2),
    )
    assert response.targets_dn[-1] > 1.02 * response.levels_dn[-1]  # 2.85 % non-linearity there
    corrected = [
        apply_gain(bent.signal(x_dn), response.gain, response.curvature) for x_dn in (2000.0, 20000.0, 45000.0)
    ]
    per_x = [np.median(plane) / x_dn for plane, x_dn in zip(corrected, (2000.0, 20000.0, 45000.0), strict=True)]
    assert np.ptp(per_x) / per_x[0] < 4e-3  # exposures of 0.2 % each; 2.7 % without
    assert "exposures are not known" in bent.learned(2).remarks[0] and not response.remarks


def test_flats_of_one_dose_need_not_be_equal(bent: BentPanel) -> None:
    equal = estimate_dose_response(
        ([bent.frame(x_dn, None)] * 2 for x_dn in DOSES_DN), bent.offset(), saturation_dn=SATURATION_DN, order=2
    )
    unequal = estimate_dose_response(
        ([bent.frame(0.95 * x_dn, None), bent.frame(1.05 * x_dn, None)] for x_dn in DOSES_DN),
        bent.offset(),
        saturation_dn=SATURATION_DN,
        order=2,
    )
    assert unequal.gain == pytest.approx(equal.gain, rel=2e-3)  # rounding to whole DN at 1,500 DN: 0.02 % twice, x 3
    assert bent.pattern(30000.0, unequal) < 1e-4 and unequal.variance_per_dn < 0.01


def test_one_dose_gives_the_gain_of_the_single_dose(bent: BentPanel) -> None:
    flats = [bent.frame(x_dn, np.random.default_rng(seed)) for seed, x_dn in enumerate((24000.0, 25000.0, 25500.0))]
    offset = bent.offset()
    one = single_dose_response(estimate_gain(flats, offset, saturation_dn=SATURATION_DN), offset)
    fitted = estimate_dose_response([flats], offset, saturation_dn=SATURATION_DN)
    assert fitted.order == one.order == 1 and fitted.curvature is None and fitted.chi_square is None
    assert fitted.levels_dn == pytest.approx([np.mean(estimate_gain(flats, offset, saturation_dn=6e4).levels_dn)])
    assert fitted.gain == pytest.approx(one.gain, rel=1e-6)
    assert fitted.noise == pytest.approx(one.noise, rel=1e-6)
    assert fitted.typical_noise == pytest.approx(one.typical_noise, rel=0.02)  # lit pixels of the same planes
    assert fitted.calibration_variance == pytest.approx(one.calibration_variance, rel=0.05)
    assert fitted.limit_dn == one.limit_dn == float("inf")
    assert fitted.remarks == one.remarks


def test_doses_may_come_in_any_order(bent: BentPanel) -> None:
    stacks = [list(stack) for stack in bent.doses()]
    rising, falling = (
        estimate_dose_response(order, bent.offset(), saturation_dn=SATURATION_DN, order=2)
        for order in (stacks, stacks[::-1])
    )
    assert falling.levels_dn == rising.levels_dn and falling.frames_per_level == rising.frames_per_level
    assert falling.gain == pytest.approx(rising.gain, rel=1e-6)
    assert falling.residual == pytest.approx(rising.residual, rel=1e-3, abs=1e-6)
    assert np.array_equal(falling.signal_dn, rising.signal_dn)


def test_the_flats_that_are_kept_are_those_nearest_to_half_and_three_quarters(bent: BentPanel) -> None:
    response = bent.learned()
    assert response.level_dn == pytest.approx(0.55 * FULL_DN, rel=0.03)  # of 0.4 and 0.55 nearest to 29,250
    assert response.check_level_dn == pytest.approx(0.95 * FULL_DN, rel=0.04)  # nearest to 43,875 is 46,100 of 36,700
    assert response.frames_used == FRAMES and response.frames_per_level == (FRAMES,) * 8
    assert np.median(response.signal_dn) == pytest.approx(response.level_dn, rel=1e-3)
    assert response.check_dn.std() / response.check_dn.mean() < 1e-3
    expected = np.sqrt(DARK_NOISE_DN**2 + 0.2 * response.level_dn) / response.level_dn
    assert response.typical_noise == pytest.approx(expected, rel=0.02)
    assert np.median(response.noise) == pytest.approx(0.98 * expected, rel=0.02)
    found = find_defects(bent.offset(), response.gain_map, saturation_dn=SATURATION_DN, check_dn=response.check_dn)
    assert not found.flags.any()


def test_the_residual_pattern_is_what_the_order_leaves(bent: BentPanel) -> None:
    good, bad = bent.learned(2), bent.learned(1)
    truth = []
    for x_dn, level_dn in zip(DOSES_DN, bad.levels_dn, strict=True):
        noise = polyval(level_dn / bad.level_dn, bad.calibration_variance) / level_dn**2  # in the pattern as well
        truth.append(np.sqrt(bent.pattern(x_dn, bad) ** 2 - noise))
    for found, error, expected in zip(bad.residual, bad.residual_error, truth, strict=True):
        assert found == pytest.approx(expected, rel=0.05, abs=4 * error)
    for found, error, one in zip(good.residual, good.residual_error, bad.residual, strict=True):
        assert found < max(3 * error, 0.15 * one)


def test_a_pixel_that_saturates_early_is_fitted_to_the_other_doses(altered, bent: BentPanel) -> None:  # type: ignore[no-untyped-def]
    panel = altered(np.s_[3, 5:8], gain=1.7)
    response = panel.learned(2)
    assert not response.flags.any()
    truth, plain = panel.signal(20000.0), bent.learned(2)
    corrected = apply_gain(truth, response.gain, response.curvature)
    assert corrected[3, 5:8] == pytest.approx(np.median(corrected), rel=2e-3)
    others = np.ones((ROWS, COLS), bool)
    others[3, 5:8] = False
    assert response.gain[others] == pytest.approx(plain.gain[others], rel=1e-3)


def test_every_kind_of_bad_pixel_is_called_by_its_name(altered) -> None:  # type: ignore[no-untyped-def]
    panel = altered((3, 5), offset_dn=60500.0)
    gain, trap, factor = panel.gain.copy(), panel.trap_dn.copy(), panel.noise_factor.copy()
    gain[10, 11] = 0.0  # no response
    gain[12, 13] = 30.0  # saturated but at the lowest dose
    gain[14, 15] = 5.0  # saturated but at the three lowest, which serve
    trap[20, 21] = 400.0  # loses a charge before it responds
    factor[30, 31] = 8.0  # noisy, but straight
    response = replace(panel, gain=gain, trap_dn=trap, noise_factor=factor).learned(2)
    expected = np.zeros((ROWS, COLS), np.uint16)
    expected[3, 5] = bits.SATURATED | bits.DEAD  # no dose at all
    expected[12, 13] = bits.SATURATED
    expected[10, 11] = bits.DEAD
    expected[20, 21] = bits.NON_LINEAR
    assert np.array_equal(response.flags, expected)
    flagged = response.flags != 0
    assert (response.gain[flagged] == 1).all() and (response.curvature[:, flagged] == 0).all()
    for plane in (response.gain, response.curvature, response.chi_square, response.signal_dn, response.noise):
        assert np.isfinite(plane).all()
    assert np.isfinite(response.check_dn).all() and response.gain.min() > 0


def test_a_bare_area_is_noisier_and_not_non_linear(altered) -> None:  # type: ignore[no-untyped-def]
    """Bare photodiodes take few X-rays of much charge each: 4 % of the signal, three times the noise it would have."""
    bare = np.s_[:30, :20]
    panel = altered(bare, gain=0.04, noise_factor=3.0)
    response = panel.learned(2)
    assert not response.flags.any()
    assert response.levels_dn == pytest.approx(panel.learned(1).levels_dn)


def test_a_straight_line_through_a_trap_is_seen_only_where_it_matters(altered) -> None:  # type: ignore[no-untyped-def]
    panel = replace(altered(np.s_[5, 6:10], trap_dn=50.0), per_dn=0.01)
    response = panel.learned(2)
    assert (response.chi_square[5, 6:10] > 20).all()  # seen
    assert not response.flags.any()  # 50 of 1,500 DN at the lowest dose, but about 0.1 % by weight


def test_a_wrong_noise_model_flags_nothing(bent: BentPanel) -> None:
    """Noise that grows faster than the signal leaves the panel's median chi-square elsewhere, and no flags."""
    rng = np.random.default_rng(25)

    def doses() -> Iterator[list[NDArray[np.float64]]]:
        for x_dn in DOSES_DN:
            common = rng.normal(0, 0.002, (ROWS, COLS))  # fixed within a dose: no flat-to-flat noise shows it
            yield [bent.signal(x_dn) * (1 + common) + bent.offset_dn + rng.normal(0, 4, (ROWS, COLS)) for _ in range(9)]

    response = estimate_dose_response(doses(), bent.offset(), saturation_dn=SATURATION_DN, order=2)
    assert response.chi_square_scale > 20 and not response.flags.any()


def test_an_order_too_low_for_the_panel_flags_no_pixel_of_it(altered) -> None:  # type: ignore[no-untyped-def]
    response = altered((7, 9), bend=0.25).learned(1)
    assert response.chi_square_scale > 5  # the other pixels' curves miss the doses too
    assert response.flags[7, 9] == bits.NON_LINEAR and np.count_nonzero(response.flags) == 1


def test_a_hot_pixel_changes_nothing_elsewhere(altered, bent: BentPanel) -> None:  # type: ignore[no-untyped-def]
    clean = [[frame.astype(np.float32) for frame in stack] for stack in bent.doses()]
    poisoned = [[frame.copy() for frame in stack] for stack in clean]
    for stack in poisoned:
        for frame in stack:
            frame[7, 9] = 1e24
    ours, theirs = (
        estimate_dose_response(stacks, bent.offset(), saturation_dn=SATURATION_DN, order=2)
        for stacks in (clean, poisoned)
    )
    other = np.ones((ROWS, COLS), bool)
    other[7, 9] = False
    assert theirs.flags[7, 9] & bits.SATURATED and not theirs.flags[other].any()
    # the panel's median may move by one rank of 3,072: 5 % * 2.5 / 3072 = 4e-5
    assert theirs.gain[other] == pytest.approx(ours.gain[other], rel=1e-4)


def test_a_curve_that_turns_over_is_flagged(bent: BentPanel) -> None:
    # x = r (1 - 5.5e-5 r + 9.17e-10 r^2) rises at 0 and at the end and falls around 20,000 DN: slope -0.1
    flats = [[bent.frame(x_dn, None).astype(float)] for x_dn in (4218.0, 5333.0, 17190.0)]
    for (flat,), signal_dn in zip(flats, (6000.0, 20000.0, 45000.0), strict=True):
        flat[8, 9] = bent.offset_dn[8, 9] + signal_dn
    response = estimate_dose_response(flats, bent.offset(), saturation_dn=SATURATION_DN, order=3)
    assert response.chi_square is None  # the curve goes through all three
    assert response.flags[8, 9] == bits.NON_LINEAR and np.count_nonzero(response.flags) == 1


def test_single_flats_serve_with_a_remark(bent: BentPanel) -> None:
    response = estimate_dose_response(bent.doses(frames=1), bent.offset(), saturation_dn=SATURATION_DN, order=2)
    assert response.noise is None and not response.flags.any()
    assert "every dose has a single flat: noise was taken from the scatter of pixels" in response.remarks[-1]
    assert response.variance_per_dn == pytest.approx(0.2, rel=0.06)  # dark noise, 5 % at 1,500 DN, counts as signal's
    assert np.mean(response.chi_square) == pytest.approx(1.0, abs=0.05)
    single = estimate_dose_response([[bent.frame(25000.0, None)]], bent.offset(), saturation_dn=SATURATION_DN)
    assert single.typical_noise == pytest.approx(0.05, rel=0.1)  # the spread of gain, as in the gain of a single flat
    mixed = [list(stack) for stack in bent.doses()]
    mixed[5] = mixed[5][:1]
    response = estimate_dose_response(mixed, bent.offset(), saturation_dn=SATURATION_DN, order=2)
    assert "dose 6 has a single flat: its noise was taken from the doses before it" in response.remarks
    assert np.mean(response.chi_square) == pytest.approx(1.0, abs=0.05)


def test_each_dose_may_have_its_own_dark_signal(bent: BentPanel) -> None:
    offset = bent.offset()
    growth = np.random.default_rng(26).normal(300, 20, (ROWS, COLS)).astype(np.float32)
    shifts = [k % 3 * growth for k in range(8)]
    flats = [[np.asarray(frame) + shift for frame in stack] for stack, shift in zip(bent.doses(), shifts, strict=True)]
    response = estimate_dose_response(
        flats,
        offset,
        saturation_dn=SATURATION_DN + 700,
        order=2,
        offsets_dn=[(offset.offset_dn + shift).astype(np.float32) for shift in shifts],
    )
    assert response.gain == pytest.approx(bent.learned(2).gain, rel=1e-5)


def test_the_flats_are_unchanged_and_taken_one_by_one(bent: BentPanel) -> None:
    alive, most = [], [0]

    def watched(stack: Iterator[NDArray]) -> Iterator[NDArray]:
        for frame in stack:
            alive.append(frame.copy())
            most[0] = max(most[0], len(alive))
            yield frame  # read-only
            assert np.array_equal(alive.pop(), frame)

    estimate_dose_response((watched(s) for s in bent.doses()), bent.offset(), saturation_dn=SATURATION_DN)
    assert most == [1]


def test_one_thread_and_all_give_the_same_bits(bent: BentPanel) -> None:
    stacks = [list(stack) for stack in bent.doses(DOSES_DN[::2], 3)]
    results = []
    for threads in (1, numba.config.NUMBA_NUM_THREADS):
        numba.set_num_threads(threads)
        results.append(estimate_dose_response(stacks, bent.offset(4), saturation_dn=SATURATION_DN, order=3))
    for name in ("gain", "curvature", "chi_square", "flags", "check_dn"):
        assert np.array_equal(getattr(results[0], name), getattr(results[1], name)), name
    assert results[0].residual == results[1].residual


@pytest.mark.parametrize(
    ("stacks", "order", "message"),
    [
        ([], None, "order 1 needs flats at 1 doses or more, got 0"),
        ([[20000.0], [40000.0]], 3, "order 3 needs flats at 3 doses or more, got 2"),
        ([[20000.0], [20100.0]], 1, "two doses have the same level, .* put their flats together"),
        ([[20000.0], []], 1, "dose 2 holds no flat frame"),
        ([[20000.0, 30000.0]], 1, "the flats of dose 1 lie between .* DN, which is no single dose"),
        ([[20000.0], [62000.0]], 1, r"dose 2, flat frame 0 is saturated \(60000 DN\) in .* % of its pixels, limit 1 %"),
        ([[20000.0], [0.0]], 1, "dose 2, flat frame 0 is only .* DN above the darks"),
        ([[20000.0]], 4, "order must be 1, 2 or 3, got 4"),
    ],
)
def test_a_wrong_series_names_itself(bent: BentPanel, stacks, order, message: str) -> None:  # type: ignore[no-untyped-def]
    frames = [[bent.frame(x_dn, None) for x_dn in stack] for stack in stacks]
    with pytest.raises(ValueError, match=message):
        estimate_dose_response(frames, bent.offset(), saturation_dn=SATURATION_DN, order=order)


def test_wrong_shapes_and_kinds_name_themselves(bent: BentPanel) -> None:
    offset, flat = bent.offset(), bent.frame(20000.0, None)
    for frames, dark, error, message in (
        ([[flat.T]], None, ValueError, r"dose 1, flat frame 0 is \(64, 48\) but \(48, 64\) is needed"),
        ([[flat.astype(complex)]], None, TypeError, "holds complex128; integers or floats are needed"),
        ([[flat]], [offset.offset_dn.T], ValueError, r"dark signal of dose 1 is \(64, 48\) but the offset map is"),
        ([[flat], [flat]], [offset.offset_dn], ValueError, "there are 1 dark signals, .* but at least 2 doses"),
    ):
        with pytest.raises(error, match=message):
            estimate_dose_response(frames, offset, saturation_dn=SATURATION_DN, offsets_dn=dark)
    with pytest.raises(ValueError, match="saturation_dn must be positive, got 0"):
        estimate_dose_response([[flat]], offset, saturation_dn=0)


@pytest.mark.slow
def test_no_good_pixel_of_half_a_million_is_flagged() -> None:
    rng = np.random.default_rng(27)
    shape = (600, 800)
    panel = BentPanel(
        1500 + rng.normal(0, 30, shape),
        rng.normal(1, 0.05, shape),
        rng.normal(0.03, 0.01, shape),
        np.zeros(shape),
        np.exp(rng.normal(0, 0.15, shape)),  # each pixel has its own noise
        1.0,
    )
    response = panel.learned(2)
    assert not response.flags.any()
    assert robust_sigma(response.gain) == pytest.approx(0.05, rel=0.02)


def test_frames_without_a_saturation_level_have_the_same_response() -> None:
    def fitted(saturation_dn: float) -> DoseResponse:
        rng = np.random.default_rng(31)
        response = rng.normal(1.0, 0.05, (48, 64))
        offset = estimate_offset([rng.normal(100.0, 4.0, response.shape) for _ in range(16)])

        def flats(level_dn: float) -> list[np.ndarray]:
            mean = response * level_dn * (1.0 - 2e-6 * response * level_dn)
            return [rng.normal(100.0 + mean, np.sqrt(16.0 + 2.0 * mean)) for _ in range(8)]

        doses = [flats(level_dn) for level_dn in (2000.0, 8000.0, 20000.0, 40000.0)]
        return estimate_dose_response(doses, offset, saturation_dn=saturation_dn)

    none, known = fitted(NO_SATURATION_DN), fitted(60000.0)
    assert none.order == known.order and not none.flags.any()
    assert none.gain == pytest.approx(known.gain, rel=1e-6)

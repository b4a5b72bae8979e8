"""Noise power spectra of flats whose spectrum is known exactly, with and without what disturbs it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from radiography.analysis.noise.lines import weights_for
from radiography.analysis.noise.spectra import block_power, place_blocks, unbiased
from radiography.analysis.noise.two_levels import two_levels
from radiography.analysis.nps import NoiseCurves, NpsResult, noise_power_spectrum
from tests.analysis.noise_truth import PITCH_MM, Flats, axis_truth, field, radial_truth

TRUTH = {"horizontal": axis_truth, "vertical": axis_truth, "radial": radial_truth}
FREQUENCY = np.array([0.3, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.4])  # 1/mm
ALL_ELSE = Flats(rows=0.003, columns=0.004, hum=0.004, flicker=0.02, dead=0.001)


@cache
def measured(flats: Flats, seed: int = 1) -> NpsResult:
    return noise_power_spectrum(flats.make(seed), PITCH_MM)


def off(curves: NoiseCurves, direction: str, scale: float = 1.0) -> np.ndarray:
    """Relative errors from 0.3 to 3.4 per mm."""
    curve = getattr(curves, direction)
    inside = (curve.frequency_per_mm >= 0.3) & (curve.frequency_per_mm <= 3.4)
    return curve.value[inside] / TRUTH[direction](curve.frequency_per_mm[inside]) / scale - 1


@pytest.mark.parametrize(
    ("flats", "radial", "radial_mean"),
    [
        pytest.param(Flats(), 0.015, 0.003, marks=pytest.mark.long, id="plain"),
        pytest.param(ALL_ELSE, 0.015, 0.003, marks=pytest.mark.slow, id="disturbed"),
        pytest.param(Flats(trend=0.5), 0.02, 0.02, marks=pytest.mark.long, id="trend of 48 %"),
    ],
)
def test_sixteen_flats_give_the_spectrum(flats: Flats, radial: float, radial_mean: float) -> None:
    result = measured(flats)
    errors = off(result.curves, "radial")
    assert np.abs(errors).max() < radial
    assert abs(errors.mean()) < radial_mean
    for axis in ("horizontal", "vertical"):
        errors = off(result.curves, axis)
        assert np.abs(errors).max() < 0.035
        assert abs(errors.mean()) < 0.01


@pytest.mark.slow
def test_row_column_and_hum_noise_are_measured_beside_it() -> None:
    result = measured(ALL_ELSE)
    variance = result.pixel_variance
    assert np.sqrt(variance.rows) / result.mean_signal == pytest.approx(0.003, rel=0.05)
    assert np.sqrt(variance.columns) / result.mean_signal == pytest.approx(0.004, rel=0.05)
    assert variance.total == pytest.approx(variance.temporal + variance.fixed + variance.rows + variance.columns)
    (peak,) = result.peaks
    assert (peak.frequency_u_per_mm, peak.frequency_v_per_mm) == pytest.approx((0.8878, 0.4079), abs=2e-4)
    assert peak.relative_amplitude == pytest.approx(0.004, rel=0.05)
    assert peak.kind == "temporal"
    assert result.defect_count == pytest.approx(1049, abs=130)  # 0.1 %, four standard deviations
    assert result.flicker == pytest.approx(0.02, rel=0.5)


@pytest.mark.long
def test_what_stands_still_is_told_from_what_changes_under_lag() -> None:
    result = measured(Flats(fixed=0.7, correlation=0.06))
    assert result.frame_correlation == pytest.approx(0.06, abs=0.005)
    assert any("lag" in warning for warning in result.warnings)
    assert np.abs(off(result.temporal, "radial")).max() < 0.03
    assert np.abs(off(result.fixed, "radial", 0.49)).max() < 0.03
    ratio = result.pixel_variance.fixed / result.pixel_variance.temporal
    assert ratio == pytest.approx(0.49, rel=0.03)


def test_long_lag_is_not_taken_for_a_fixed_pattern() -> None:
    result = measured(Flats(shape=(400, 512), fixed=0.3, correlation=0.4))
    assert result.frame_correlation == pytest.approx(0.4, abs=0.005)
    assert result.pixel_variance.fixed / result.pixel_variance.temporal == pytest.approx(0.09, abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("frequency", "stands", "kind"),
    [((0.0, 0.2), False, "temporal"), ((0.31, 0.0), True, "fixed"), ((0.5, 0.25), False, "temporal")],
    ids=["down the rows", "along the columns", "at Nyquist"],
)
def test_hum_is_found_wherever_it_lies(frequency: tuple[float, float], stands: bool, kind: str) -> None:
    flats = Flats(shape=(300, 400), frames=4, hum=0.003, hum_per_pixel=frequency, hum_stands=stands)
    result = measured(flats)
    (peak,) = result.peaks
    found = np.array([peak.frequency_u_per_mm, peak.frequency_v_per_mm]) * PITCH_MM
    assert found == pytest.approx(frequency, abs=1e-4)
    assert peak.kind == kind
    plain = measured(replace(flats, hum=0.0))
    assert plain.peaks == ()
    assert result.curves.radial.value == pytest.approx(plain.curves.radial.value, rel=0.02)


def test_a_quadratic_field_leaves_the_noise() -> None:
    """3/8 of the field's relative variance of 1.6 %, and 1 % for noise that counts differently in both."""
    flats = Flats(shape=(512, 600), frames=4)
    plain, bent = measured(flats), measured(replace(flats, trend=0.5))
    assert bent.curves.radial.value == pytest.approx(plain.curves.radial.value, rel=0.02)


def test_a_dome_leaves_the_noise_and_no_defects() -> None:
    """With the quadratic alone the value at 0.17 per mm is 13 times too high, at 0.3 twice."""
    flats = Flats(shape=(512, 600), frames=4)
    plain, domed = measured(flats), measured(replace(flats, dome=0.3))
    low = plain.curves.radial.frequency_per_mm > 0.15
    assert domed.curves.radial.value[low] == pytest.approx(plain.curves.radial.value[low], rel=0.02)
    assert domed.defect_count == 0
    assert not any("structure over the region" in warning for warning in domed.warnings)


def test_defects_are_left_out_however_they_are_told() -> None:
    flats = Flats(shape=(512, 600), frames=3).make(1)
    plain = noise_power_spectrum(flats, PITCH_MM)
    bad = np.random.default_rng(5).random(flats.shape[1:]) < 0.01
    bad[200:240, 300:330] = True
    bad[:, 100] = True
    no_number, told = flats.copy(), flats.copy()
    no_number[:, bad], told[:, bad] = np.nan, 1e24
    for result in (noise_power_spectrum(no_number, PITCH_MM), noise_power_spectrum(told, PITCH_MM, defects=bad)):
        assert result.defect_count == bad.sum()
        assert result.curves.radial.value == pytest.approx(plain.curves.radial.value, rel=0.02)
        assert result.curves.horizontal.value == pytest.approx(plain.curves.horizontal.value, rel=0.05)
        assert any("defects" in warning for warning in result.warnings)


@pytest.mark.parametrize("frames", [2, 3])
def test_columns_that_stand_still_are_left_out(frames: int) -> None:
    """At the level of their neighbours they are no outliers, and take their share of the power: 5 % of it here."""
    flats = Flats(shape=(300, 400), frames=frames).make(4)
    plain = noise_power_spectrum(flats, PITCH_MM)
    flats[:, :, ::20] = 20000.0
    still = noise_power_spectrum(flats, PITCH_MM)
    assert still.defect_count == 300 * 20
    assert still.curves.radial.value.sum() == pytest.approx(plain.curves.radial.value.sum(), rel=0.01)


def test_pixels_of_few_grey_levels_do_not_stand_still() -> None:
    flats = np.round(Flats(shape=(300, 400), frames=3).make(4) / 100)  # 3 grey levels of noise
    assert noise_power_spectrum(flats, PITCH_MM).defect_count == 0


@pytest.mark.parametrize("kind", ["heel", "vignette", "ramp", "blocks", "dead corner", "flagged border"])
def test_what_real_flats_hold_is_no_edge(kind: str) -> None:
    y, x = np.linspace(-1, 1, 300)[:, None], np.linspace(-1, 1, 400)[None]
    field = {
        "heel": 1 - 0.45 * (x + 1) ** 2 / 4 * (1 + 0 * y),
        "vignette": 1 - 0.4 * (x * x + y * y),
        "ramp": 0.6 + 0.4 * np.tanh(x / 0.2) * (1 + 0 * y),
        "blocks": np.where(x > 0, 1.0, 0.85) * (1 + 0 * y),
        "dead corner": np.where((x < -0.9) & (y < -0.8), 0.0, 1.0),
        "flagged border": np.where(np.abs(x) > 0.9, 0.1, 1.0) * (1 + 0 * y),
    }[kind]
    flat = 1000.0 * field + np.random.default_rng(1).normal(0, 10, field.shape)
    bad = (field < 0.2) & (kind == "flagged border")
    assert two_levels(flat, bad) is None


@pytest.mark.parametrize("ratio", [0.0, 0.4, 0.6])
def test_an_edge_is_two_levels_wherever_it_lies(ratio: float) -> None:
    y, x = np.mgrid[:300, :400]
    for covered in (
        x + 0.05 * y > 371.0,
        (x - 200) ** 2 + (y - 150) ** 2 < 50**2,
        y < 20,
        y < (8 if ratio else 20),  # a strip whose darkness is no defect's
        y >= 8,  # of a plate that leaves a strip open
    ):
        picture = np.where(covered, ratio, 1.0) * (1000.0 + 0.5 * x)
        found = two_levels(picture + np.random.default_rng(1).normal(0, 30, x.shape), np.zeros(x.shape, bool))
        assert found is not None
        assert found == (pytest.approx(covered.mean(), abs=0.02), pytest.approx(ratio, abs=0.12))


def test_a_dead_patch_leaves_no_trend_behind() -> None:
    flats = Flats(shape=(512, 600), frames=3, columns=0.005).make(12)
    plain = noise_power_spectrum(flats, PITCH_MM)
    flats[:, 200:230, 300:340] = 0.0
    patched = noise_power_spectrum(flats, PITCH_MM)
    assert patched.defect_count == 30 * 40
    for axis in (0, 1):
        lowest = patched.axis_lines[axis].value[:3].sum() / plain.axis_lines[axis].value[:3].sum()
        assert lowest == pytest.approx(1.0, abs=0.3)
    assert not any("structure over the region" in warning for warning in patched.warnings)


def test_twice_the_noise_is_four_times_the_spectrum_and_pitch_is_squared() -> None:
    flats = Flats(shape=(300, 280), frames=2).make(3)
    once = noise_power_spectrum(flats, PITCH_MM)
    twice = noise_power_spectrum(20000.0 + 2 * (flats - 20000.0), PITCH_MM)
    assert twice.curves.radial.value == pytest.approx(4 * once.curves.radial.value, rel=1e-3)
    coarse = noise_power_spectrum(flats, 2 * PITCH_MM)
    assert coarse.curves.radial.value == pytest.approx(4 * once.curves.radial.value)
    assert coarse.curves.radial.frequency_per_mm == pytest.approx(once.curves.radial.frequency_per_mm / 2)


def test_a_transposed_frame_exchanges_the_axes() -> None:
    flats = Flats(shape=(300, 420), frames=2, rows=0.003).make(3)
    one = noise_power_spectrum(flats, PITCH_MM, block_px=128)
    other = noise_power_spectrum(flats.transpose(0, 2, 1), PITCH_MM, block_px=128)
    assert other.curves.horizontal.value == pytest.approx(one.curves.vertical.value, rel=1e-3)
    assert other.axis_lines.horizontal.value == pytest.approx(one.axis_lines.vertical.value, rel=1e-3)
    assert other.pixel_variance.columns == pytest.approx(one.pixel_variance.rows, rel=1e-3)
    assert other.picture[1:, 1:] == pytest.approx(one.picture[1:, 1:].T, rel=1e-3)


def test_the_variance_of_a_pixel_is_that_of_the_frames() -> None:
    flats = Flats(shape=(512, 600), frames=4).make(2)
    result = noise_power_spectrum(flats, PITCH_MM)
    assert result.pixel_variance.total == pytest.approx(flats.var(axis=(1, 2)).mean(), rel=0.01)
    assert result.mean_signal == pytest.approx(flats.mean(), rel=1e-5)


def test_a_region_is_measured_as_if_cut_out() -> None:
    flats = Flats(shape=(400, 500), frames=2).make(4)
    before = flats.copy()
    whole = noise_power_spectrum(flats, PITCH_MM, (20, 380, 100, 480))
    part = noise_power_spectrum(flats[:, 20:380, 100:480], PITCH_MM)
    assert np.array_equal(whole.curves.radial.value, part.curves.radial.value)
    assert whole.roi == (20, 380, 100, 480)
    assert np.array_equal(flats, before)
    again = noise_power_spectrum((frame for frame in flats), PITCH_MM, (20, 380, 100, 480))
    assert np.array_equal(whole.curves.radial.value, again.curves.radial.value)


def test_what_few_frames_cannot_tell_is_said() -> None:
    flats = Flats(shape=(300, 300), frames=2).make(4)
    one, two = noise_power_spectrum(flats[:1], PITCH_MM), noise_power_spectrum(flats, PITCH_MM)
    assert one.temporal is one.fixed is one.frame_correlation is two.frame_correlation is None
    assert two.temporal is not None
    assert any("a single frame" in warning for warning in one.warnings)
    assert any("two frames" in warning for warning in two.warnings)
    for result in (one, two):
        assert any("IEC 62220-1-1 asks for 4 million" in warning for warning in result.warnings)


def test_doubtful_frames_are_said() -> None:
    flats = Flats(shape=(300, 300), frames=3, flicker=0.2).make(4)
    said = noise_power_spectrum(np.stack([flats[0], flats[0], flats[1]]), PITCH_MM).warnings
    assert any("frame 1 repeats" in warning for warning in said)
    assert any("means differ by" in warning for warning in said)
    y = np.linspace(-1, 1, 300)[:, None]
    bent = flats * (1 + 0.05 * np.sin(40 * y)).astype(np.float32)
    assert any("structure over the region" in warning for warning in noise_power_spectrum(bent, PITCH_MM).warnings)
    coarse = np.rint(flats / 1000).astype(np.uint16)
    assert any("rounding" in warning for warning in noise_power_spectrum(coarse + 5, PITCH_MM).warnings)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f[:0], "needs at least one frame"),
        (lambda f: -f, "relative noise needs flats above zero"),
        (lambda f: np.full_like(f, 100.0), "has no noise"),
        (lambda f: np.minimum(f, 20100), "is clipped"),
        (lambda f: f[:, :200], "smaller than one block"),
        (lambda f: [f[0], f[1][:290]], "differ in shape"),
        (lambda f: f * np.nan, "no usable pixel"),
        (
            lambda f: [f[0], f[1] * np.where(np.arange(280) > 250, 0.1, 1.0)],
            r"frame 1 is no flat: 1. % of it lie at 0\.10",
        ),
    ],
)
def test_wrong_frames_name_themselves(change, message: str) -> None:
    flats = Flats(shape=(300, 280), frames=2).make(1)
    with pytest.raises(ValueError, match=message):
        noise_power_spectrum(change(flats), PITCH_MM)


def test_wrong_arguments_name_themselves() -> None:
    flats = Flats(shape=(300, 280), frames=1).make(1)
    with pytest.raises(ValueError, match="pitch_mm must be a positive length, got 0"):
        noise_power_spectrum(flats, 0.0)
    with pytest.raises(ValueError, match="block_px must be even and 32 or more, got 31"):
        noise_power_spectrum(flats, PITCH_MM, block_px=31)
    with pytest.raises(ValueError, match="roi must lie within 300 rows and 280 columns"):
        noise_power_spectrum(flats, PITCH_MM, (0, 301, 0, 280))
    with pytest.raises(ValueError, match="the defect map is 10 x 10 but the frames are 300 x 280"):
        noise_power_spectrum(flats, PITCH_MM, defects=np.zeros((10, 10), bool))
    with pytest.raises(TypeError, match="array of real numbers"):
        noise_power_spectrum(flats[0], PITCH_MM)


@pytest.mark.parametrize("told", [True, False])
def test_blocks_are_laid_over_what_is_usable(told: bool) -> None:
    """Shielded columns at both sides and a defect: the same as of the region between them."""
    flats = Flats(shape=(256, 256), frames=2).make(3)
    bad = np.zeros(flats.shape[1:], bool)
    bad[:, :32] = bad[:, 224:] = bad[100, 100] = True
    if told:
        result = noise_power_spectrum(flats, PITCH_MM, defects=bad, block_px=128)
    else:
        result = noise_power_spectrum(np.where(bad, np.nan, flats), PITCH_MM, block_px=128)
    between = noise_power_spectrum(flats, PITCH_MM, (0, 256, 32, 224), defects=bad, block_px=128)
    assert result.roi == (0, 256, 32, 224)
    np.testing.assert_array_equal(result.curves.radial.value, between.curves.radial.value)
    assert result.defect_count == 1
    whole = noise_power_spectrum(flats, PITCH_MM, defects=bad & (np.arange(256) < 224), block_px=256)
    assert whole.roi == (0, 256, 0, 256)  # the block needs all of it, and bears an eighth of it missing


def test_blocks_that_holes_leave_have_weight() -> None:
    """Of three columns of blocks those at the sides are lost, or all but a cross of five."""
    sides, corners = np.zeros((256, 256), bool), np.zeros((256, 256), bool)
    sides[1:, :33] = sides[1:, 223:] = True
    for rows in (slice(0, 70), slice(186, 256)):
        corners[rows, :70] = corners[rows, 186:] = True
    columns = place_blocks((256, 256), 128, sides)
    np.testing.assert_array_equal(columns.cols, 64)
    np.testing.assert_allclose(columns.weight, [0.5, 0, 0.5], atol=1e-12)  # as of rows alone
    cross = place_blocks((256, 256), 128, corners)
    np.testing.assert_allclose(cross.weight, np.full(5, 0.2))
    with pytest.raises(ValueError, match=r"no block of 256 x 256 pixels has three quarters .*: take smaller blocks"):
        place_blocks((256, 256), 256, sides)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(128, 160), (150, 64), (64, 64), (75, 75)])
def test_the_scatter_of_overlapped_blocks_is_what_their_errors_say(shape: tuple[int, int]) -> None:
    """White noise in blocks of 64; 400 draws and six frequencies without a bin in common know its scatter to 1.5 %."""
    rng = np.random.default_rng(7)
    blocks = place_blocks(shape, 64, np.zeros(shape, bool))
    draws = [
        unbiased(blocks.average(block_power(rng.standard_normal(shape, dtype=np.float32), blocks)), None)[0]
        for _ in range(400)
    ]
    for direction in TRUTH:
        weights = weights_for(64, direction)
        scatter = np.array([weights.curve(each) for each in draws]).std(axis=0, ddof=1)
        assert np.mean(scatter * np.sqrt(weights.independent(blocks))) == pytest.approx(1.0, abs=0.05)


@pytest.mark.long
def test_the_bands_cover_the_truth() -> None:
    flats = Flats(shape=(512, 640), frames=4, fixed=0.5, correlation=0.05, rows=0.003, columns=0.002)
    covered: dict[str, list[np.ndarray]] = {}
    for seed in range(100):
        result = noise_power_spectrum(flats.make(100 + seed), PITCH_MM)
        for part, scale in (("curves", 1.25), ("temporal", 1.0), ("fixed", 0.25)):
            for direction, truth in TRUTH.items():
                curve = getattr(getattr(result, part), direction)
                value, error = (
                    np.interp(FREQUENCY, curve.frequency_per_mm, y) for y in (curve.value, curve.standard_error)
                )
                covered.setdefault(f"{part} {direction}", []).append(
                    np.abs(value - scale * truth(FREQUENCY)) <= 1.96 * error
                )
    share = {name: np.mean(each, axis=0) for name, each in covered.items()}
    print(share)
    for each in share.values():
        assert 0.92 <= each.mean() <= 0.98
        assert each.min() >= 0.88  # 0.95 less 3 binomial standard errors


def test_fields_of_noise_have_their_spectrum() -> None:
    """The truth itself, by its variance: the mean of the spectrum over the plane of the grid."""
    noise = field((600, 700), np.random.default_rng(1))
    f = np.fft.fftfreq(400, PITCH_MM)
    from tests.analysis.noise_truth import nnps

    expected = nnps(f[None], f[:, None]).mean() / PITCH_MM**2
    assert noise.var() == pytest.approx(expected, rel=0.02)


@pytest.mark.slow
def test_the_number_of_threads_changes_no_byte(tmp_path: Path) -> None:
    flats = Flats(shape=(512, 512), frames=3, hum=0.003, correlation=0.05, dome=0.2, dead=0.001).make(1)
    np.save(tmp_path / "flats.npy", flats)
    program = (
        "import sys, numpy as np\n"
        "from radiography.analysis.nps import noise_power_spectrum\n"
        "r = noise_power_spectrum(np.load(sys.argv[1]), 0.139)\n"
        "print([c.value.tobytes() + c.standard_error.tobytes() for c in (*r.curves, *r.temporal)], r.peaks,"
        " r.frame_correlation)\n"
    )
    said = []
    for threads in ("1", "2"):
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads}
        command = [sys.executable, "-c", program, str(tmp_path / "flats.npy")]
        said.append(subprocess.run(command, capture_output=True, check=True, env=environment).stdout)
    assert said[0] == said[1]

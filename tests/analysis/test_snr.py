"""Signal, noise and their ratios against fields whose noise is known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from radiography.analysis.detector_qc.even_field import bent_field, frame_pairs, good_pixels, plane_through
from radiography.analysis.detector_qc.snr import (
    ABOUT_FIELD,
    BETWEEN_FRAMES,
    contrast_to_noise,
    median_snr,
    region_noise,
    square_snr,
)
from radiography.analysis.detector_qc.snr import signal_to_noise as snr_of

SHAPE = (192, 256)


def fields(
    count: int, noise: float = 20.0, *, trend: float = 0.0, pattern: float = 0.0, flicker: float = 0.0, seed: int = 1
) -> NDArray[np.float32]:
    """Frames of a mean of 2000, with a trend, a fixed pattern, and exposures that differ."""
    rng = np.random.default_rng(seed)
    even = 2000.0 * (1.0 + trend * np.linspace(-0.5, 0.5, SHAPE[1])) * np.ones(SHAPE)
    even += pattern * rng.standard_normal(SHAPE)
    levels = 1.0 + flicker * rng.standard_normal(count)
    return np.stack([even * level + noise * rng.standard_normal(SHAPE) for level in levels]).astype(np.float32)


@pytest.mark.parametrize("count", [2, 4])
def test_columns_that_stand_still_do_not_lower_the_noise(count: int) -> None:
    frames = fields(count)
    frames[:, :, ::10] = 2000.0  # 10 % of the pixels, 5 % of the noise
    region = region_noise(frames)
    assert region.bad_pixels == 26 * SHAPE[0]
    assert region.noise == pytest.approx(20.0, rel=0.01)
    assert region_noise(np.round(frames[:, :, 1:10] / 8)).bad_pixels == 0  # a few grey levels repeat by chance


@pytest.mark.parametrize(
    ("count", "trend", "flicker", "source"),
    [
        (1, 0.0, 0.0, ABOUT_FIELD),
        (1, 0.3, 0.0, ABOUT_FIELD),
        (2, 0.3, 0.02, BETWEEN_FRAMES),
        (8, 0.3, 0.02, BETWEEN_FRAMES),
    ],
)
def test_snr_is_right_within_its_error_and_one_percent(count: int, trend: float, flicker: float, source: str) -> None:
    frames = fields(count, trend=trend, flicker=flicker)
    region = region_noise(frames)
    found = snr_of(region)
    truth = float(frames.mean()) / 20.0
    assert region.noise_from == source
    assert found.value == pytest.approx(truth, rel=0.01)
    assert abs(found.value - truth) < 4.0 * found.error < 0.02 * truth


def test_a_fixed_pattern_counts_in_one_frame_and_is_told_apart_in_several() -> None:
    several, one = region_noise(fields(8, pattern=15.0)), region_noise(fields(1, pattern=15.0))
    assert several.noise == pytest.approx(20.0, rel=0.01)
    assert several.fixed_noise == pytest.approx(15.0, rel=0.03)
    assert one.noise == pytest.approx(25.0, rel=0.01) and np.isnan(one.fixed_noise)


def test_dead_and_hot_pixels_are_left_out_and_counted() -> None:
    frames = fields(4)
    frames[:, 10:40:3, 7] = 0.0
    frames[:, 100, 50:60] = 65535.0
    frames[1, 5, 5] = np.nan
    found = region_noise(frames)
    assert found.bad_pixels == 10 + 10 + 1
    assert snr_of(found).value == pytest.approx(snr_of(region_noise(fields(4))).value, rel=0.002)


def test_twice_the_noise_halves_the_ratio_and_frames_are_left_as_they_are() -> None:
    frames = fields(4)
    before = frames.copy()
    ratio = snr_of(region_noise(frames)).value / snr_of(region_noise(fields(4, noise=40.0))).value
    assert ratio == pytest.approx(2.0, rel=0.02)
    np.testing.assert_array_equal(frames, before)


def test_errors_hold_the_truth_as_often_as_they_say() -> None:
    off = []
    for seed in range(60):
        found = snr_of(region_noise(fields(2, seed=seed)[:, :96, :96]))
        off.append((found.value - 100.0) / found.error)
    assert 0.7 < np.std(off) < 1.4  # 60 draws: 0.09 is a standard error of 1


def test_cnr_is_the_difference_over_the_noise_of_the_background() -> None:
    frames = fields(4)
    frames[:, :, 128:] -= 100.0
    found = contrast_to_noise(region_noise(frames[:, :, 128:]), region_noise(frames[:, :, :128]))
    assert abs(found.value - 5.0) < 3.0 * found.error < 0.1


def test_a_region_without_noise_has_no_ratio() -> None:
    with pytest.raises(ValueError, match="no noise at all"):
        snr_of(region_noise(np.full((2, 32, 32), 7.0)))


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        (np.ones((2, 4, 60)), "at least 8 x 8 pixels, got 4 x 60"),
        (np.ones((40, 60)), r"frames of \(N, rows, columns\), got the shape \(40, 60\)"),
        (np.full((1, 40, 60), np.nan), "no pixel of the region has a number"),
    ],
)
def test_wrong_regions_name_themselves(frames: NDArray[np.float64], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        region_noise(frames)


def test_planes_and_bent_fields_are_found_beside_bad_pixels() -> None:
    rows, cols = np.mgrid[:40, :60].astype(np.float64)
    plane, bent = 5.0 + 0.3 * rows - 0.1 * cols, 5.0 + 0.3 * rows - 0.1 * cols + 0.01 * rows * cols - 0.02 * cols**2
    good = np.ones(plane.shape, bool)
    good[3, 5] = good[20] = False
    for truth, fit in ((plane, plane_through), (bent, bent_field)):
        poisoned = np.where(good, truth, 1e24)
        np.testing.assert_allclose(fit(poisoned, good), truth, rtol=0, atol=1e-9)
    assert good_pixels(np.where(good, plane, np.nan)).sum() == good.sum()


@pytest.mark.parametrize(("count", "pairs"), [(1, []), (2, [(0, 1)]), (3, [(0, 1), (1, 2)]), (4, [(0, 2), (1, 3)])])
def test_pairs_lie_half_the_sequence_apart(count: int, pairs: list[tuple[int, int]]) -> None:
    assert frame_pairs(count) == pairs


def test_medians_do_not_see_defects_or_patterns() -> None:
    frames = fields(8, pattern=100.0)
    frames[:, :, 7] = 65535.0  # a dead column in 256 lowers the median variance by 0.5 %
    # 49,000 pixels of 7 degrees of freedom: their median variance is known to 0.3 %
    assert median_snr(frames) == pytest.approx(100.0, rel=0.01)
    assert median_snr(fields(2)) == pytest.approx(100.0, rel=0.02)
    with pytest.raises(ValueError, match=r"needs at least 2 of them, got 1"):
        median_snr(frames[:1])


def test_squares_have_the_noise_of_their_means() -> None:
    noise = np.random.default_rng(1).normal(1000.0, 70.0, (700, 840)).astype(np.float32)
    # 12,000 squares of 49 pixels: SNR 100 within 3 standard errors of a median deviation
    assert square_snr(noise, 7) == pytest.approx(100.0, rel=3 * 1.17 / np.sqrt(2 * 12000) * 1.4)
    with pytest.raises(ValueError, match=r"squares of 7 pixels need two beside each other, got a flat of \(700, 13\)"):
        square_snr(noise[:, :13], 7)

"""Threshold contrast against noise whose autocovariance is known exactly."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from radiography.analysis.detector_qc.contrast_detail import disc_overlap, measure_contrast_detail

PITCH, SIGNAL, NOISE = 0.139, 1000.0, 20.0
SHAPE = (384, 512)


def noise_with(power: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Frames of a power spectrum of mean 1, periodic."""
    rng = np.random.default_rng(1)
    return np.stack(
        [np.fft.ifft2(np.fft.fft2(rng.standard_normal(power.shape)) * np.sqrt(power)).real for _ in range(count)]
    )


def spectrum() -> NDArray[np.float64]:
    frequency = np.hypot(np.fft.fftfreq(SHAPE[0])[:, None], np.fft.fftfreq(SHAPE[1])[None]) / PITCH
    power = 1.0 / (1.0 + 0.05 * frequency**2) ** 2 + 0.2
    return np.asarray(power / power.mean())


def test_white_noise_gives_the_closed_form() -> None:
    rng = np.random.default_rng(1)
    trend = 1.0 + 0.2 * np.linspace(-0.5, 0.5, SHAPE[1])
    frames = SIGNAL * trend + NOISE * rng.standard_normal((8, *SHAPE))
    found = measure_contrast_detail(frames, PITCH)
    truth = found.d_prime * NOISE / SIGNAL * PITCH / np.sqrt(np.pi * found.diameter_mm**2 / 4)
    assert found.diameter_mm[[0, -1]].tolist() == [0.5, 8.0]
    np.testing.assert_allclose(found.threshold_contrast, truth, rtol=0.03)
    assert (np.abs(found.threshold_contrast - truth) < 4 * found.standard_error).all()
    assert (found.standard_error < 0.02 * truth).all()


def test_correlated_noise_gives_the_sum_over_its_autocovariance() -> None:
    power = spectrum()
    found = measure_contrast_detail(SIGNAL + NOISE * noise_with(power, 8), PITCH)
    covariance = NOISE**2 * np.fft.ifft2(power).real
    distance = PITCH * np.hypot(*np.meshgrid(*(np.fft.fftfreq(n, 1 / n) for n in SHAPE), indexing="ij"))
    truth = [
        found.d_prime * np.sqrt(np.sum(covariance * disc_overlap(d, distance))) * PITCH / (np.pi * d**2 / 4 * SIGNAL)
        for d in found.diameter_mm
    ]
    np.testing.assert_allclose(found.threshold_contrast, truth, rtol=0.03)


def test_an_mtf_of_one_changes_nothing_and_a_blur_raises_the_threshold_of_small_discs() -> None:
    frames = SIGNAL + NOISE * np.random.default_rng(1).standard_normal((1, 192, 256))
    diameters = (1.0, 4.0)
    sharp = measure_contrast_detail(frames, PITCH, diameters)
    frequency = np.linspace(0.0, 40.0, 2000)
    same = measure_contrast_detail(frames, PITCH, diameters, mtf=(frequency, np.ones_like(frequency)))
    np.testing.assert_allclose(same.threshold_contrast, sharp.threshold_contrast, rtol=0.005)
    blurred = measure_contrast_detail(
        frames, PITCH, (0.3, *diameters), mtf=(frequency, np.exp(-((frequency / 1.5) ** 2)))
    )
    ratio = blurred.threshold_contrast[1:] / sharp.threshold_contrast
    assert ratio[0] > 1.1 > ratio[1] > 1.0


def test_contrast_grows_with_d_prime_and_noise_and_falls_with_the_signal() -> None:
    noise = np.random.default_rng(1).standard_normal((1, 192, 256))
    one = measure_contrast_detail(SIGNAL + NOISE * noise, PITCH, (2.0,))
    for signal, sigma, d_prime in ((SIGNAL, 2 * NOISE, 3.29), (SIGNAL, NOISE, 6.58), (0.5 * SIGNAL, NOISE, 3.29)):
        other = measure_contrast_detail(signal + sigma * noise, PITCH, (2.0,), d_prime)
        assert other.threshold_contrast[0] == pytest.approx(2 * one.threshold_contrast[0], rel=1e-3)


def test_a_field_of_one_value_has_no_threshold() -> None:
    with pytest.raises(ValueError, match="the region has no noise at all"):
        measure_contrast_detail(np.full((2, 200, 200), 7.0), PITCH)


def test_overlap_of_discs_is_their_area_then_nothing() -> None:
    assert disc_overlap(2.0, np.array([0.0, 2.0, 5.0])) == pytest.approx([np.pi, 0.0, 0.0], abs=1e-12)
    distance = np.linspace(0, 2, 2001)
    shared = np.trapezoid(disc_overlap(2.0, distance) * 2 * np.pi * distance, distance)
    assert shared == pytest.approx(np.pi**2, rel=1e-5)  # the square of the area


@pytest.mark.parametrize(
    ("diameters", "d_prime", "level", "message"),
    [
        ((0.3,), 3.0, 1000.0, "got 0.3 mm; smaller ones need the MTF, with --mtf"),
        ((30.0,), 3.0, 1000.0, "must be 0.417 to 13.3 mm wide"),
        (None, 0.0, 1000.0, "d_prime must be above 0"),
        (None, 3.0, -5.0, "mean signal must be above 0"),
    ],
)
def test_wrong_input_names_itself(
    diameters: tuple[float, ...] | None, d_prime: float, level: float, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        measure_contrast_detail(np.full((1, *SHAPE), level), PITCH, diameters, d_prime)

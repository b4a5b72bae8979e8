"""Modulation, contrast of strips and detail of pictures that are known."""

from __future__ import annotations

import numpy as np
import pytest

from radiography.analysis.patterns import contrast_of_strip, detail_left, modulation

SHAPE = (48, 64)


def test_bars_have_the_modulation_that_they_were_given() -> None:
    bars = np.tile(1000.0 * (1 + 0.3 * np.cos(2 * np.pi * np.arange(96) / 4.0)), (10, 1)).astype(np.float32)
    assert modulation(bars, (0, 10, 0, 96), 4.0) == pytest.approx(0.3, rel=1e-4)
    assert modulation(bars, (0, 10, 0, 96), 8.0) < 1e-3
    assert modulation(2 * bars, (0, 10, 0, 96), 4.0) == pytest.approx(modulation(bars, (0, 10, 0, 96), 4.0))
    with pytest.raises(ValueError, match=r"from 2 pixels to the 4 columns of the part, got 5"):
        modulation(bars, (0, 10, 0, 4), 5.0)


def test_a_strip_has_the_contrast_and_noise_that_it_was_given() -> None:
    rng = np.random.default_rng(1)
    y, x = (0.5 * (np.arange(count) - 0.5 * (count - 1)) for count in SHAPE)
    across = np.abs(0.6 * x[None] + 0.8 * y[:, None] - 1.0)  # from an axis that runs obliquely
    clean = np.where(across < 1.5, 60.0, 100.0)
    axis = (0.6 - 0.8 * 8.0, 0.8 + 0.6 * 8.0), (0.6 + 0.8 * 8.0, 0.8 - 0.6 * 8.0)
    assert contrast_of_strip(clean, clean, 0.5, axis, 1.0, (2.0, 4.0)) == pytest.approx((0.4, 0.0))
    pictures = [clean + 2.0 * rng.standard_normal(SHAPE) for _ in range(2)]
    contrast, noise = contrast_of_strip(*pictures, 0.5, axis, 1.0, (2.0, 4.0))
    # 256 pixels beside, 128 inside: 0.002 of the contrast, 0.0009 of the noise; three of them
    assert contrast == pytest.approx(0.4, abs=0.006) and noise == pytest.approx(0.02, abs=0.003)
    with pytest.raises(ValueError, match=r"no pixel of 48 x 64 lies inside the strip, or none beside it"):
        contrast_of_strip(clean, clean, 0.5, ((90.0, 90.0), (99.0, 99.0)), 1.0, (2.0, 4.0))
    with pytest.raises(ValueError, match=r"of one shape, got \(48, 64\) and \(48, 63\)"):
        contrast_of_strip(clean, clean[:, 1:], 0.5, axis, 1.0, (2.0, 4.0))


def test_a_gaussian_leaves_its_transfer_of_the_detail() -> None:
    sharp = 1000.0 + 100.0 * np.random.default_rng(2).standard_normal((96, 128))
    rows, cols = np.fft.fftfreq(96, 0.1), np.fft.rfftfreq(128, 0.1)
    blur = np.exp(-0.1 * (rows[:, None] ** 2 + cols**2))
    soft = 3.0 * np.fft.irfft2(np.fft.rfft2(sharp) * blur, sharp.shape)
    assert detail_left(sharp, sharp, 0.1, (1.8, 2.2), (0.3, 0.6)) == pytest.approx(1.0)
    # over the rings the transfer is that of their mean squared frequency, 4.01 and 0.23 /mm2
    expected = np.exp(-0.1 * (4.01 - 0.23))
    assert detail_left(soft, sharp, 0.1, (1.8, 2.2), (0.3, 0.6)) == pytest.approx(expected, rel=0.03)
    with pytest.raises(ValueError, match=r"of one shape, got \(95, 128\) and \(96, 128\)"):
        detail_left(soft[1:], sharp, 0.1, (1.8, 2.2), (0.3, 0.6))

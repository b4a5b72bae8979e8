"""MTF from slits and bars agrees with closed forms, and so with the edge's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from radiography.analysis.cross_checks import bar_pattern_mtf, slit_mtf
from radiography.analysis.mtf import slanted_edge_mtf
from tests.analysis.edge_truth import GAUSS, PITCH_MM, Blur, EdgeScene, csi, edge_image, transfer


def slit_image(blur: Blur, width_px: float, angle_deg: float = 2.5) -> np.ndarray:
    """A slit is the difference of two edges."""
    scene, apart = EdgeScene(blur, shape=(300, 160), angle_deg=angle_deg), width_px / np.cos(np.radians(angle_deg))
    return edge_image(replace(scene, offset=-apart / 2)) - edge_image(replace(scene, offset=apart / 2))


@pytest.mark.parametrize("blur", [GAUSS, csi(0.6)], ids=["gauss", "csi"])
@pytest.mark.parametrize("width_px", [0.1, 0.5])
def test_a_slit_gives_the_mtf_of_the_edge(blur: Blur, width_px: float) -> None:
    frequency, value = slit_mtf(slit_image(blur, width_px) + 50, PITCH_MM, width_px * PITCH_MM)
    inside = frequency <= 0.5 / PITCH_MM
    truth = transfer(blur, frequency[inside] * PITCH_MM, 2.5)
    assert np.abs(value[inside] - truth).max() < 5e-3
    curve = slanted_edge_mtf(edge_image(EdgeScene(blur)), PITCH_MM, frequency_per_mm=frequency[inside])
    assert np.abs(value[inside] - curve.value).max() < 6e-3


def test_bars_give_the_mtf_at_their_frequencies() -> None:
    rng, blur = np.random.default_rng(1), csi(0.41)
    frequency = np.array([1.5, 2.0, 2.5, 3.0])
    x = (np.arange(-4000, 4000) + 0.5) / 40  # 1/40 pixel
    groups = []
    for f in frequency:
        period = 1 / (f * PITCH_MM)
        wave = np.sign(np.sin(2 * np.pi * x / period)) / 2 + 0.5
        spectrum = np.fft.rfft(wave) * transfer(blur, np.fft.rfftfreq(x.size, 1 / 40), 0.0)
        fine = np.fft.irfft(spectrum, x.size)
        rows = np.stack([fine[1000 + shift : 7000 + shift : 40] for shift in range(40)])  # bars tilted: all phases
        groups.append(1000 * np.tile(rows, (3, 1)) + rng.normal(0, 10, (120, 150)))
    value = bar_pattern_mtf(groups, list(frequency), rng.normal(1000, 10, (50, 50)), rng.normal(0, 10, (50, 50)))
    assert value == pytest.approx(transfer(blur, frequency * PITCH_MM, 0.0), rel=0.05)


def test_wrong_slits_and_bars_are_named() -> None:
    with pytest.raises(ValueError, match="angle too small: the slit moves by"):
        slit_mtf(slit_image(GAUSS, 0.5, 0.05), PITCH_MM, 0.05)
    with pytest.raises(ValueError, match=r"must be positive lengths, got 0 and 0\.05"):
        slit_mtf(np.ones((50, 50)), 0.0, 0.05)
    with pytest.raises(ValueError, match="1 groups of bars need as many frequencies, got 2"):
        bar_pattern_mtf([np.ones((4, 4))], [1.0, 2.0], np.ones(4), np.zeros(4))
    with pytest.raises(ValueError, match="their contrast is needed"):
        bar_pattern_mtf([np.ones((4, 4))], [1.0], np.ones((4, 4)), np.ones((4, 4)))

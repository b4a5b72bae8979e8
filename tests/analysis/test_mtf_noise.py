"""Bias, spread and stated uncertainty of the slanted-edge MTF over many noisy images."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from radiography.analysis.edge.modulus import _joint_factor, _shared_noise
from radiography.analysis.edge.spread import SplineEdge
from radiography.analysis.mtf import slanted_edge_mtf
from tests.analysis.edge_truth import GAUSS, GLARE, PITCH_MM, SHARP, Blur, EdgeScene, csi, noisy_edge_image, transfer

FREQUENCY = np.array([0.1, 0.3, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5])  # 1/mm


@pytest.mark.parametrize(
    "realisations", [pytest.param(60, marks=pytest.mark.slow), pytest.param(200, marks=pytest.mark.long)]
)
@pytest.mark.parametrize(
    ("scene", "kerma_uGy", "most_at_2_per_mm"),
    [
        pytest.param(EdgeScene(), 15.0, 0.72e-3, marks=pytest.mark.long),
        (EdgeScene(), 2.5, 1.6e-3),
        pytest.param(EdgeScene(), 0.5, 3.5e-3, marks=pytest.mark.long),
        pytest.param(EdgeScene(csi(0.82)), 2.5, 1.7e-3, marks=pytest.mark.long),
        pytest.param(EdgeScene(GAUSS, angle_deg=5.0), 2.5, 1.8e-3, marks=pytest.mark.long),
        (EdgeScene(GAUSS), 2.5, 1.6e-3),
        (EdgeScene(SHARP), 2.5, 1.9e-3),
        pytest.param(EdgeScene(GLARE, plate=0.05, heel_along=0.06), 2.5, 1.9e-3, marks=pytest.mark.long),
    ],
    ids=["csi-15", "csi-2.5", "csi-0.5", "film-2.5", "gauss5-2.5", "gauss-2.5", "sharp-2.5", "glare-2.5"],
)
def test_the_stated_uncertainty_covers_the_truth(
    scene: EdgeScene, kerma_uGy: float, most_at_2_per_mm: float, realisations: int
) -> None:
    """Bounds are those of 200 images; the first 60 of them, which are the same each time, keep them as well."""
    truth = transfer(scene.blur, FREQUENCY * PITCH_MM, scene.angle_deg)
    values, errors, held = [], [], []
    for seed in range(realisations):
        image = noisy_edge_image(scene, kerma_uGy, np.random.default_rng(5000 + seed)).astype(np.float32)
        curve = slanted_edge_mtf(image, PITCH_MM, (0, 400, 0, 400), frequency_per_mm=FREQUENCY)
        held.append((np.abs(curve.value - truth) <= curve.simultaneous_factor * curve.standard_error).all())
        values.append(curve.value)
        errors.append(curve.standard_error)
    off = np.array(values) - truth
    covered = (np.abs(off) <= 1.96 * np.array(errors)).mean(axis=0)
    print(kerma_uGy, "bias", off.mean(axis=0) * 1e3, "sd", off.std(axis=0) * 1e3, "coverage", covered)
    assert 0.90 <= covered.mean() <= 0.98
    # 0.90 less, and 0.98 more than 2 binomial standard errors, at each frequency
    assert covered.min() >= 0.90 - 2 * np.sqrt(0.9 * 0.1 / realisations)
    assert covered.max() <= 0.98 + 2 * np.sqrt(0.98 * 0.02 / realisations)
    # the simultaneous band holds all of them in 95 of 100
    assert 0.90 - 2 * np.sqrt(0.9 * 0.1 / realisations) <= np.mean(held) <= 1.0
    at_2 = int(np.argmin(np.abs(FREQUENCY - 2)))
    assert off.std(axis=0)[at_2] <= most_at_2_per_mm * 1.1  # 2 standard errors of a spread from 200
    assert abs(off.mean(axis=0)[at_2]) <= off.std(axis=0)[at_2] / 2


@pytest.mark.slow
@pytest.mark.parametrize("blur", [GAUSS, SHARP], ids=["gauss", "sharp"])
def test_a_few_images_already_scatter_as_they_say(blur: Blur) -> None:
    """The small part of the test above that runs always: 12 images, of which a root mean square is known to 20 %."""
    scene, at = EdgeScene(blur, shape=(240, 200)), np.array([0.5, 2.0, 3.5])
    truth, off = transfer(blur, at * PITCH_MM, 3.0), []
    for seed in range(12):
        image = noisy_edge_image(scene, 2.5, np.random.default_rng(700 + seed)).astype(np.float32)
        curve = slanted_edge_mtf(image, PITCH_MM, (0, 240, 0, 200), frequency_per_mm=at)
        off.append((curve.value - truth) / curve.standard_error)
        assert 1.96 < curve.simultaneous_factor < 2.6  # 2.39 for three independent numbers
    spread = np.sqrt(np.mean(np.square(off), axis=0))
    assert spread.max() < 1.5
    assert spread.min() > 0.5


@pytest.mark.parametrize("sigma", [0.0, 5.0])
def test_noise_that_reaches_across_groups_of_rows_is_counted(sigma: float) -> None:
    """Forty groups of 16 rows; the covariance of two neighbours from the correlation of a Gaussian blur of the rows."""
    rng, columns = np.random.default_rng(7), 320
    noise = rng.standard_normal((640, columns))
    if sigma:
        noise = gaussian_filter1d(noise, sigma, axis=0, mode="wrap")
    groups = noise.reshape(40, 16, columns).sum(axis=1)
    spline = cast(SplineEdge, SimpleNamespace(residual=groups - groups.mean(axis=0)))
    position = np.arange(columns) - columns / 2 + 0.5
    lag = np.subtract.outer(np.arange(16), np.arange(16))
    rows = [np.exp(-((lag - 16 * k) ** 2) / (4 * sigma**2)).sum() if sigma else 16.0 * (k == 0) for k in (0, 1)]
    half_period = np.array([32.0, 16.0, 8.0, 4.0, 2.0, 1.0])
    found = _shared_noise(spline, position, 0.5 / half_period)
    off = found - 1 - 2 * rows[1] / rows[0]
    assert (np.abs(off) < 3 * 2 / np.sqrt(40 * columns / (2 * half_period))).all()  # errors of as many pairs of blocks


def test_the_joint_factor_of_curves_that_move_together_is_finite() -> None:
    # three patterns over 64 frequencies: singular, and a triangle of it once divided its way to infinity
    patterns = np.cos(np.arange(1, 4)[:, None] * np.linspace(0.0, 3.0, 64))
    alike = _joint_factor(np.outer(patterns[0], patterns[0]) + 1e-9 * np.eye(64))
    few, apart = _joint_factor(patterns.T @ patterns), _joint_factor(np.eye(64))
    assert alike == pytest.approx(1.96, abs=0.05)  # one number decides on all
    assert apart == pytest.approx(3.35, abs=0.08)  # 64 independent ones: 1 - 0.95 ** (1 / 64) beyond it
    assert alike < few < apart

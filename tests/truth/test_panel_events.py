"""Light and diode energy of single quanta in a whole panel, against the fast mode."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from radiography.light.layer_light import layer_light, spread_of_beam
from radiography.light.scintillator import layer_material
from radiography.light.spread import plan_light_spread, spread_light
from radiography.noise import draw_portions
from radiography.panel.direct_detection import DiodeMeans, LitLayer, diode_portions, draw_diode_energy
from radiography.panel.panel import Pixels, cover_transmission
from radiography.truth.event_frame import acquire_events

REGION = Pixels(rows=48, cols=64, pitch_mm=0.139, aperture_mm=0.139)
ENERGY_KEV = np.array([34.0, 40.0, 52.0])
FLUENCE = np.array([1500.0, 1000.0, 800.0])  # on the cover [1/mm2]
FRAMES = 8
# Of a sum of squared energies in the diodes, the same at all frequencies: 3,300 portions in all events leave 2.5 %, and
# 700 at each energy of the Monte Carlo behind the portions 3 %.
SHARED_ERROR = 0.04
PER_PHOTON, PER_KEV = 0.5, 256.0  # electrons


def power(pictures, edges):
    """Noise power in rings, and its relative standard error."""
    rows, cols = pictures.shape[1:]
    of_all = (np.abs(np.fft.rfft2(pictures - pictures.mean())) ** 2).mean(axis=0)
    frequency = np.hypot(np.fft.fftfreq(rows, REGION.pitch_mm)[:, None], np.fft.rfftfreq(cols, REGION.pitch_mm))
    rings = [(frequency >= low) & (frequency < high) for low, high in itertools.pairwise(edges)]
    value = np.array([of_all[ring].mean() for ring in rings])
    return value, 1 / np.sqrt(np.array([ring.sum() for ring in rings]) * len(pictures))


@pytest.fixture(scope="module")
def setup(film):
    """Light of the film, and the panel as large as the region."""
    from radiography.config import load_panel

    light = layer_light(film, ENERGY_KEV, histories=30_000, photons=100_000)
    panel = replace(load_panel("fully_coated"), pixels=REGION)
    return light, panel


@pytest.fixture(scope="module")
def events(film, setup):
    """Light and diode energy of frames, quantum by quantum."""
    light, panel = setup
    rng = np.random.default_rng(11)
    frames = [
        acquire_events(film, REGION, light.transport, ENERGY_KEV, FLUENCE, rng, margin_mm=0.4, panel=panel)
        for _ in range(FRAMES)
    ]
    return np.stack([f.photons for f in frames]).astype(float), np.stack([f.diode_keV for f in frames])


@pytest.fixture(scope="module")
def portions(film, setup):
    light, panel = setup
    layer = LitLayer(layer_material(film), film.thickness_um, light.light_per_keV)
    return diode_portions(panel, layer, ENERGY_KEV, histories=300_000)


@pytest.mark.slow
def test_diodes_of_events_get_mean_and_square_of_the_portions(events, portions):
    _, energy, square, _ = portions @ FLUENCE * REGION.pitch_mm**2
    diode_keV = events[1]
    per_pixel = diode_keV.size
    # quanta are independent; 2 %: standard error of the portions, see `SHARED_ERROR`
    assert abs(diode_keV.mean() - energy) < 4 * np.hypot(np.sqrt(square / per_pixel), 0.02 * energy)
    assert diode_keV.var() == pytest.approx(square, rel=4 * SHARED_ERROR)


@pytest.mark.slow
def test_light_and_energy_of_events_go_together_as_the_portions_say(events, portions):
    """Covariance of the sums over blocks of 12 x 16 pixels, where little light goes from block to block."""
    photons, diode_keV = (each.reshape(FRAMES, 4, 12, 4, 16).sum(axis=(2, 4)).reshape(-1) for each in events)
    expected = portions[3] @ FLUENCE * (12 * 16 * REGION.pitch_mm**2)
    product = (photons - photons.mean()) * (diode_keV - diode_keV.mean())
    found = product.mean() * product.size / (product.size - 1)
    # 4 % of a block's light leaves it
    assert (
        abs(found - expected) < 4 * np.hypot(product.std() / np.sqrt(product.size), 0.03 * expected) + 0.04 * expected
    )


@pytest.mark.slow
def test_fast_frames_have_mean_variance_and_noise_power_of_events(setup, events, portions):
    light, panel = setup
    rng, border = np.random.default_rng(12), 24
    rows, cols = REGION.rows + 2 * border, REGION.cols + 2 * border
    incident = FLUENCE * cover_transmission(panel, ENERGY_KEV)
    spread = spread_of_beam(light, incident)
    plan = plan_light_spread(rows, cols, REGION.pitch_mm, REGION.aperture_mm, spread.noise_at, 1, white_noise=True)
    maps = [
        np.full((rows, cols), incident @ weight * REGION.pitch_mm**2, dtype=np.float32)
        for weight in (light.quanta, light.light, light.light_square)
    ]
    means = DiodeMeans(
        *(np.full((rows, cols), value, dtype=np.float32) for value in portions @ FLUENCE * REGION.pitch_mm**2)
    )
    mean_light = incident @ light.light * REGION.pitch_mm**2
    frames = []
    for _ in range(3 * FRAMES):
        noise = draw_portions(*maps, rng) - maps[1]
        photons = np.maximum(spread_light(noise, plan) + mean_light, 0.0)
        counted = photons + np.sqrt(mean_light) * rng.standard_normal(photons.shape)
        diode_keV = draw_diode_energy(means, maps[2], noise, rng)
        frames.append((PER_PHOTON * counted + PER_KEV * diode_keV)[border:-border, border:-border])
    fast, slow = np.stack(frames), PER_PHOTON * events[0] + PER_KEV * events[1]
    assert fast.mean() == pytest.approx(slow.mean(), rel=0.01)
    count = slow.size
    # the sum of rare large portions: its fourth moment is 6 times its squared variance
    assert fast.var() == pytest.approx(slow.var(), rel=4 * np.hypot(np.sqrt(6 / count * (1 + 1 / 3)), SHARED_ERROR))
    edges = np.arange(0.1, 3.61, 0.7)
    (fast_power, fast_error), (slow_power, slow_error) = power(fast, edges), power(slow, edges)
    tolerance = 4 * np.hypot(np.hypot(fast_error, slow_error), SHARED_ERROR)
    assert (np.abs(fast_power / slow_power - 1) < tolerance).all()

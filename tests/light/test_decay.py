"""Light in time against closed forms and against every exposure added up over every later frame."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from radiography.light.decay import emit_light, fraction_to_come, lasting_prompt_light, prompt_fraction_emitted
from radiography.light.scintillator import AfterglowComponent
from tests import reference

SINGLE = 1e-6  # a few roundings to float32


@pytest.fixture
def light():
    return reference.read_only(np.random.default_rng(1).uniform(0.0, 1e7, (48, 64)))


@pytest.fixture
def glowing(film):
    """A layer whose afterglow of 5 % outlasts frames of 0.2 s."""
    return replace(film, afterglow=(AfterglowComponent(0.04, 0.1), AfterglowComponent(0.01, 1.5)))


def _frames(layer, exposures, integration_s, interval_s):
    """Light of one pixel in successive frames, and the stores at the end."""
    stores, emitted = None, []
    for exposure in exposures:
        frame, stores = emit_light(np.full((1, 1), exposure, np.float32), stores, layer, integration_s, interval_s)
        emitted.append(float(frame[0, 0]))
    return np.array(emitted), stores


def test_a_layer_without_afterglow_emits_its_light_bit_for_bit(film, light):
    emitted, stores = emit_light(light, None, film, 0.5, 5.0)
    np.testing.assert_array_equal(emitted, light)
    assert stores == ()


def test_afterglow_of_a_dark_frame_is_zero(glowing):
    emitted, stores = emit_light(np.zeros((48, 64), np.float32), None, glowing, 0.2, 0.2)
    assert not emitted.any()
    assert not any(store.any() for store in stores)


def test_twice_the_afterglow_fraction_is_twice_the_late_light(film, light):
    late = []
    for fraction in (0.01, 0.02):
        layer = replace(film, afterglow=(AfterglowComponent(fraction, 1.0),))
        _, stores = emit_light(light, None, layer, 0.2, 0.2)
        late.append(emit_light(np.zeros_like(light), stores, layer, 0.2, 0.2)[0])
    np.testing.assert_allclose(late[1], 2 * late[0], rtol=SINGLE)


def test_light_is_conserved_when_integration_fills_the_frames(glowing):
    emitted, stores = _frames(glowing, [1e6, 0.0, 3e6, *[0.0] * 57], 0.2, 0.2)
    # 60 frames are 12 s: exp(-8) of the slowest store is left and counted with the light.
    total = emitted.sum() + sum(float(store[0, 0]) for store in stores)
    assert abs(total / 4e6 - 1.0) < 60 * 6e-8  # one rounding to float32 per frame


def test_light_between_the_integrations_is_the_only_loss(glowing):
    emitted, _ = _frames(glowing, [1e6, *[0.0] * 80], 0.1, 0.2)
    # A component seen for 0.1 s of every 0.2 s: the geometric sum of exp(-0.2 k / tau) (1 - exp(-0.1 / tau)).
    seen = sum(c.fraction * (1 - np.exp(-0.1 / c.time_s)) / (1 - np.exp(-0.2 / c.time_s)) for c in glowing.afterglow)
    assert abs(emitted.sum() / 1e6 - (0.95 + seen)) < 1e-5


def test_frames_agree_with_every_exposure_added_up_over_every_later_frame(glowing):
    exposures = [1e6, 0.0, 2e6, 5e5, 0.0, 0.0]
    emitted, _ = _frames(glowing, exposures, 0.15, 0.2)
    terms = [(component.fraction, component.time_s) for component in glowing.afterglow]
    expected = reference.light_by_frame(exposures, 0.95, terms, 0.15, 0.2)
    np.testing.assert_allclose(emitted, expected, rtol=SINGLE)


def test_afterglow_adds_to_later_frames_and_takes_from_its_own(glowing, light):
    first, stores = emit_light(light, None, glowing, 0.2, 0.2)
    second, _ = emit_light(light, stores, glowing, 0.2, 0.2)
    assert (first < light).all()
    assert (second > first).all()


def test_csi_glows_after_the_exposure_as_its_file_says(csi):
    # Its file: 0.84 % of the light is still to come 6 ms after the exposure, 0.20 % after 100 ms.
    _, stores = emit_light(np.ones((1, 1), np.float32), None, csi, 0.006, 0.006)
    assert sum(float(store[0, 0]) for store in stores) == pytest.approx(0.0084, abs=5e-5)
    _, stores = emit_light(np.ones((1, 1), np.float32), None, csi, 0.1, 0.1)
    assert sum(float(store[0, 0]) for store in stores) == pytest.approx(0.0020, abs=5e-5)


@pytest.mark.parametrize(
    ("layer", "integration_s", "expected"),
    [
        ("film", 1.0, 1.0),
        ("csi", 1.0, 1.0),
        ("film", 44.6e-9, (9.6 * (1 - np.exp(-44.6 / 12)) + 35.0 * (1 - np.exp(-44.6 / 175))) / 44.6),
        ("csi", 1000e-9, (630.0 * (1 - np.exp(-1000 / 700)) + 370.0 * (1 - np.exp(-1000 / 3700))) / 1000.0),
    ],
)
def test_prompt_fraction_is_the_integral_of_the_decay(layer, integration_s, expected, request):
    assert prompt_fraction_emitted(request.getfixturevalue(layer), integration_s) == pytest.approx(expected, rel=1e-12)


def test_stores_of_the_previous_frame_stay_as_they_are(glowing, light):
    _, stores = emit_light(light, None, glowing, 0.2, 0.2)
    locked = tuple(reference.read_only(store) for store in stores)
    emit_light(light, locked, glowing, 0.2, 0.2)  # writing to a locked array is an error
    assert all(np.array_equal(a, b) for a, b in zip(stores, locked, strict=True))


def test_stores_of_another_layer_are_refused(glowing, light):
    with pytest.raises(ValueError, match="1 afterglow stores do not fit 2 afterglow components"):
        emit_light(light, (light,), glowing, 0.2, 0.2)


def test_an_interval_shorter_than_the_integration_is_refused(film, light):
    with pytest.raises(ValueError, match=r"frame_interval_s must be at least integration_time_s.*0\.1"):
        emit_light(light, None, film, 0.2, 0.1)


def _by_short_pulses(layer, exposures, integration_s, interval_s, exposure_s, pulses=4000):
    """Light of each frame when every exposure is many short pulses, each decay by each, added up in time."""
    late = sum(component.fraction for component in layer.afterglow)
    weights = [term.amplitude_fraction * term.time_ns for term in layer.decay]
    terms = [(component.fraction, component.time_s) for component in layer.afterglow]
    terms += [((1 - late) * w / sum(weights), d.time_ns * 1e-9) for w, d in zip(weights, layer.decay, strict=True)]
    at_s = (np.arange(pulses) + 0.5) * exposure_s / pulses
    frames = np.zeros(len(exposures))
    for number, light in enumerate(exposures):
        for later in range(number, len(exposures)):
            start = np.maximum((later - number) * interval_s - at_s, 0.0)
            end = (later - number) * interval_s + integration_s - at_s
            for fraction, time_s in terms:
                frames[later] += light * fraction * np.mean(np.exp(-start / time_s) - np.exp(-end / time_s))
    return frames


@pytest.mark.parametrize(
    ("integration_s", "interval_s", "exposure_s"),
    [(0.06, 0.0667, 0.05), (0.06, 0.0667, 0.01), (4e-6, 5e-6, 4e-6), (4e-6, 5e-6, 1e-6), (2e-6, 2e-6, 2e-6)],
)
def test_long_exposures_are_many_short_ones(csi, integration_s, interval_s, exposure_s):
    exposures, stores, emitted = [1e6, 0.0, 2e6, 2e6, 0.0], None, []
    for light in exposures:
        picture = np.full((1, 1), light, np.float32)
        frame, stores = emit_light(picture, stores, csi, integration_s, interval_s, exposure_s)
        emitted.append(float(frame[0, 0]))
    expected = _by_short_pulses(csi, exposures, integration_s, interval_s, exposure_s)
    # midpoints of 4,000 pieces: error (piece / decay time)^2 / 24 where light is still coming at the end of the
    # integration, (1 ns / 700 ns)^2 / 24 = 1e-7; float32 of a few sums
    np.testing.assert_allclose(emitted, expected, rtol=5 * SINGLE, atol=1e-3)


@pytest.mark.parametrize("time_s", [0.5, 2.0])
def test_the_fraction_to_come_is_the_integral_over_the_exposure(time_s):
    # (1 / T) integral of exp(-(t - u) / tau), T = 0.5, tau = 0.3, by 100,000 midpoints
    u = (np.arange(100_000) + 0.5) * 0.5 / 100_000
    assert fraction_to_come(time_s, 0.3, 0.5) == pytest.approx(np.mean(np.exp(-(time_s - u) / 0.3)), rel=1e-9)


def test_a_very_short_exposure_is_a_pulse(csi, light):
    pulse, stores = emit_light(light, None, csi, 0.05, 0.06)
    short, later = emit_light(light, None, csi, 0.05, 0.06, 1e-9)  # a pulse of half a ns delay beside 20 ms
    np.testing.assert_allclose(short, pulse, rtol=SINGLE)
    for one, two in zip(stores, later, strict=True):
        np.testing.assert_allclose(one, two, rtol=SINGLE)


def test_an_exposure_far_longer_than_the_decay_does_not_overflow(csi):
    assert fraction_to_come(1.0, 1e-9, 1.0) == pytest.approx(1e-9, rel=1e-12)
    assert prompt_fraction_emitted(csi, 1.0, 1.0) == pytest.approx(1 - (0.63 * 700e-9 + 0.37 * 3700e-9), rel=1e-12)


@pytest.mark.parametrize(("integration_s", "exposure_s"), [(0.5, None), (0.006, None), (0.5, 0.25), (0.5, 0.499)])
def test_ordinary_frames_carry_no_prompt_light(film, csi, integration_s, exposure_s):
    for layer in (film, csi):
        assert lasting_prompt_light(layer, integration_s, exposure_s) == ()


def test_an_exposure_to_the_end_of_a_frame_carries_prompt_light_to_the_next(film):
    # 1 ms frames: each component leaves fraction x tau / T of itself, 0.215 x 12 ns and 0.785 x 175 ns of 1 ms
    light = np.full((1, 1), 1e6, np.float32)
    first, stores = emit_light(light, None, film, 1e-3, 1e-3, 1e-3)
    second, _ = emit_light(np.zeros_like(light), stores, film, 1e-3, 1e-3, 1e-3)
    left = (9.6 * 12e-9 + 35.0 * 175e-9) / 44.6 / 1e-3
    assert float(second[0, 0]) / 1e6 == pytest.approx(left, rel=1e-6)
    assert float(first[0, 0] + second[0, 0]) == pytest.approx(1e6, rel=2e-7)


def test_light_is_conserved_over_long_exposures(csi):
    stores, total = None, 0.0
    for light in (1e6, 3e6, 0.0, 0.0, 0.0):
        frame, stores = emit_light(np.full((1, 1), light, np.float32), stores, csi, 0.02, 0.02, 0.02)
        total += float(frame[0, 0])
    assert total + sum(float(store[0, 0]) for store in stores) == pytest.approx(4e6, rel=10 * 6e-8)


def test_stores_without_the_lasting_prompt_light_are_refused(csi, light):
    with pytest.raises(ValueError, match="2 afterglow stores do not fit 2 afterglow components and 2 lasting prompt"):
        emit_light(light, (light, light), csi, 1e-3, 1e-3, 1e-3)


@pytest.mark.parametrize("exposure_s", [0.0, -0.1, 0.3, float("nan")])
def test_an_exposure_that_the_integration_does_not_hold_is_refused(film, light, exposure_s):
    with pytest.raises(ValueError, match=r"exposure_time_s must be above 0 and at most integration_time_s \(0.2\)"):
        emit_light(light, None, film, 0.2, 0.2, exposure_s)

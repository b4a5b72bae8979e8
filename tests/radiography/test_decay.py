"""Light in time against closed forms and against every exposure added up over every later frame."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from radiography.decay import emit_light, prompt_fraction_emitted
from radiography.scintillator import AfterglowComponent
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


def test_twice_the_afterglow_share_is_twice_the_late_light(film, light):
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
def test_prompt_share_is_the_integral_of_the_decay(layer, integration_s, expected, request):
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

"""What remains of the previous frame against closed forms and against hundreds of frames run one after the other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from radiography.config import load_panel
from radiography.light.decay import emit_light
from radiography.panel.panel import LagExposure
from radiography.panel.trapping import FrameTimes, trap_charge
from radiography.study.frame_residual import EXPOSED_FRACTION, prompt_takes_over_per_s, study_residual

RATES = (1.0, 10.0, 30.0, 100.0, 1000.0)
SINGLE = 1e-5  # float32 stores; the slowest holds 9,400 frames at 1,000 frames/s


def lag_of(panel, rates, exposure):
    """Fractions still trapped at the readout (R, T), and retained fractions from frame to frame, (R, T)."""
    frames = 1 / (np.array(rates)[:, None] * np.array([term.time_s for term in panel.lag]))  # frame over time constant
    retained = np.exp(-frames)
    caught = np.array([term.fraction for term in panel.lag])
    return caught * (retained if exposure == "pulsed" else (1 - retained) / frames), retained


@pytest.mark.parametrize("exposure", ["pulsed", "continuous"])
def test_panel_lag_is_its_closed_form(film, small_panel, exposure):
    study = study_residual(film, small_panel, RATES, exposure)
    fractions, retained = lag_of(small_panel, RATES, exposure)
    after_one = (fractions * (1 - retained)).sum(axis=1) / (1 - fractions.sum(axis=1))
    np.testing.assert_allclose(study.after_one.panel_lag, after_one, rtol=SINGLE)
    # full traps release in each frame what they trap: the residual is what one frame traps
    np.testing.assert_allclose(study.after_long.panel_lag, fractions.sum(axis=1), rtol=SINGLE)


def test_afterglow_of_pulses_is_its_closed_form(csi, small_panel):
    study = study_residual(csi, small_panel, RATES, "pulsed")
    fractions = np.array([component.fraction for component in csi.afterglow])
    left = np.exp(-1 / (np.array(RATES)[:, None] * np.array([component.time_s for component in csi.afterglow])))
    exposed = 1 - fractions.sum() + (fractions * (1 - left)).sum(axis=1)
    np.testing.assert_allclose(
        study.after_one.afterglow, (fractions * left * (1 - left)).sum(axis=1) / exposed, rtol=SINGLE
    )
    np.testing.assert_allclose(study.after_long.afterglow, (fractions * left).sum(axis=1), rtol=SINGLE)


def test_prompt_decay_of_a_continuous_exposure_is_its_closed_form(film, csi, small_panel):
    for layer in (film, csi):
        study = study_residual(layer, small_panel, RATES, "continuous")
        amplitude = np.array([term.amplitude_fraction for term in layer.decay])
        decay_s = np.array([term.time_ns for term in layer.decay]) * 1e-9
        mean_s = (amplitude * decay_s**2).sum() / (amplitude * decay_s).sum()
        # a frame is 250 of the slowest decay times at least: tau / T of each component comes after its end
        passed = mean_s * np.array(RATES)
        np.testing.assert_allclose(study.after_one.prompt, passed / (1 - passed), rtol=SINGLE)
        np.testing.assert_allclose(study.after_long.prompt, passed, rtol=SINGLE)


def test_prompt_decay_of_pulses_is_gone_by_the_next_frame(film, csi, small_panel):
    for layer in (film, csi):
        assert not study_residual(layer, small_panel, RATES, "pulsed").after_long.prompt.any()
    # at a million frames/s it is not: exp(-1 us / tau) of each component
    study = study_residual(replace(csi, afterglow=()), small_panel, (1e6,), "pulsed")
    weights, left = np.array([0.63, 0.37]), np.exp(-1 / np.array([0.7, 3.7]))
    exposed = (weights * (1 - left)).sum()
    assert study.after_one.prompt[0] == pytest.approx((weights * left * (1 - left)).sum() / exposed, rel=SINGLE)


@pytest.mark.parametrize("exposure", ["pulsed", "continuous"])
def test_a_long_run_is_what_hundreds_of_frames_come_to(csi, small_panel, exposure):
    # 5 frames/s for 300 s: the slowest traps, 25 s, are full to exp(-12) = 6e-6 of 0.4 %
    exposure_s = 0.2 if exposure == "continuous" else None
    glow, traps, signals = None, None, []
    for on in [True] * 1500 + [False]:
        light = np.full((1, 1), 1e6 * on, dtype=np.float32)
        charge, glow = emit_light(light, glow, csi, 0.2, 0.2, exposure_s)
        signal, traps = trap_charge(charge, traps, small_panel.lag, 0.2, times=FrameTimes(0.2, exposure_s))
        signals.append(float(signal[0, 0]))
    study = study_residual(csi, small_panel, (5.0,), exposure)
    assert study.after_long.total[0] == pytest.approx(signals[-1] / signals[-2], rel=2e-5)


def test_the_parts_add_up_but_for_products_of_small_numbers(csi, small_panel):
    study = study_residual(csi, small_panel, RATES, "continuous")
    for after in (study.after_one, study.after_long):
        parts = after.panel_lag + after.afterglow + after.prompt
        # lag of the afterglow and the like: 3 % of 1 %, and its own fraction of the exposed frame
        np.testing.assert_allclose(after.total, parts, rtol=0.03)


def test_a_layer_and_panel_without_memory_leave_nothing(film, small_panel):
    study = study_residual(film, replace(small_panel, lag=()), RATES, "pulsed")
    for after in (study.after_one, study.after_long):
        assert not any(getattr(after, cause).any() for cause in ("total", "panel_lag", "afterglow", "prompt"))


def test_lag_that_depends_on_exposure_is_that_of_a_tenth_of_the_full_well(film, small_panel):
    charge = EXPOSED_FRACTION * small_panel.photodiode.full_well_electrons
    table = LagExposure((charge / 100, charge * 100), (1.4, 0.8))  # 1.1 in the middle
    study = study_residual(film, replace(small_panel, lag_exposure=table), RATES, "pulsed")
    trapped = lag_of(small_panel, RATES, "pulsed")[0].sum(axis=1)
    np.testing.assert_allclose(study.after_long.panel_lag, 1.1 * trapped, rtol=SINGLE)


def test_the_papers_claim_in_numbers(film, csi):
    panel = load_panel("fully_coated")
    film_study, csi_study = (study_residual(layer, panel, RATES, "continuous") for layer in (film, csi))
    # 30 frames/s: 44.6 against 1,000 ns is 0.0004 against 0.005 % of a frame, beside 0.8 % of panel lag
    assert film_study.after_one.prompt[2] < csi_study.after_one.prompt[2] < 0.01 * film_study.after_one.panel_lag[2]
    # at 1,000 frames/s the decay of CsI does leave more of one frame than all else, but not of a run
    assert prompt_takes_over_per_s(csi_study) == 1000.0
    assert prompt_takes_over_per_s(film_study) is None
    # at 600 frames/s it is more than the panel's lag, and not more than lag and afterglow
    near = study_residual(csi, panel, (600.0, 800.0), "continuous")
    assert near.after_one.panel_lag[0] < near.after_one.prompt[0]
    assert prompt_takes_over_per_s(near) == 800.0
    assert csi_study.after_long.prompt[-1] < 0.05 * csi_study.after_long.total[-1]


@pytest.mark.parametrize(
    ("rates", "exposure", "message"),
    [
        ((1.0, 0.0), "pulsed", r"frame rates must be positive numbers, got \[1.0, 0.0\]"),
        ((), "pulsed", r"frame rates must be positive numbers, got \[\]"),
        ((float("nan"),), "pulsed", "frame rates must be positive numbers"),
        ((1.0,), "flash", "exposure must be pulsed or continuous, got 'flash'"),
    ],
)
def test_a_study_that_cannot_be_is_refused(film, small_panel, rates, exposure, message):
    with pytest.raises(ValueError, match=message):
        study_residual(film, small_panel, rates, exposure)

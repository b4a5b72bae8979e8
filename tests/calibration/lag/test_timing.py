"""Lag learned at one timing, of frames at another: what traps hold at the readout is that of these frames."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calibration.conditions import UNKNOWN, Conditions
from calibration.lag.model import LagModel, without_lag
from calibration.lag.timing import model_at
from radiography.panel.panel import LagTerm
from radiography.panel.trapping import FrameTimes, trap_charge, trapped_fractions

TERMS = (LagTerm(0.077, 0.137), LagTerm(0.0039, 25.0))
LEARNED = replace(UNKNOWN, integration_time_s=0.1, frame_interval_s=0.2)


def _model(times: FrameTimes) -> LagModel:
    time_s, fraction = np.array([term.time_s for term in TERMS]), trapped_fractions(TERMS, times)
    return LagModel(time_s, np.array([1000.0]), fraction[None], 0.1 * fraction[None], 0.1 * time_s, 0.2, 10.0)


@pytest.mark.parametrize(
    ("said", "times"),
    [
        (Conditions(integration_time_s=0.5, frame_interval_s=5.0), FrameTimes(0.5)),
        (Conditions(integration_time_s=0.05), FrameTimes(0.05)),
        (Conditions(frame_interval_s=0.3), FrameTimes(0.3)),
        (Conditions(integration_time_s=0.5, exposure_time_s=0.2), FrameTimes(0.5, 0.2)),
        (Conditions(integration_time_s=0.5, exposure_time_s=2.0), FrameTimes(0.5, 0.5)),
    ],
)
def test_a_model_holds_what_the_traps_hold_at_another_timing(said: Conditions, times: FrameTimes) -> None:
    found = model_at(_model(FrameTimes(0.1)), LEARNED, said)

    assert found is not None
    np.testing.assert_allclose(found.fraction[0], trapped_fractions(TERMS, times), rtol=1e-12)
    np.testing.assert_allclose(found.fraction_error, 0.1 * found.fraction, rtol=1e-12)


def test_a_model_stays_where_times_are_alike_or_unknown_or_traps_cannot_be() -> None:
    model = _model(FrameTimes(0.1))
    assert model_at(None, LEARNED, LEARNED) is None
    assert model_at(model, LEARNED, replace(LEARNED, frame_interval_s=9.0)) is model
    assert model_at(model, LEARNED, UNKNOWN) is model
    assert model_at(model, UNKNOWN, LEARNED) is model
    fast = replace(model, time_s=np.array([0.001, 0.002]))  # would have had to catch more than all
    assert model_at(fast, LEARNED, Conditions(integration_time_s=0.5)) is fast


def test_corrected_flats_of_another_timing_have_the_noise_of_the_charge() -> None:
    """3.8 % held by the sequences' readout and 0.6 % by the flats': taken for equal, the variance is 7 % too high."""
    rng = np.random.default_rng(3)
    charge = [rng.normal(4000.0, 60.0, (128, 128)).astype(np.float32) for _ in range(8)]
    trapped, frames = None, []
    for one in charge:
        delivered, trapped = trap_charge(one, trapped, TERMS, 5.0, times=FrameTimes(0.5))
        frames.append(delivered)
    flats = Conditions(integration_time_s=0.5, frame_interval_s=5.0)
    offset_dn = np.zeros((128, 128), np.float32)

    def corrected(model: LagModel | None) -> np.ndarray:
        return np.stack(list(without_lag(frames, offset_dn, model, 5.0, 65535.0, "flat")))

    model = _model(FrameTimes(0.1))
    np.testing.assert_allclose(corrected(model_at(model, LEARNED, flats)), np.stack(charge), rtol=2e-6)
    as_learned = corrected(model)
    assert as_learned[1:].mean() == pytest.approx(4000.0, rel=2e-3)  # right in a steady beam
    assert as_learned[1:].var() / np.stack(charge)[1:].var() == pytest.approx(1.07, abs=0.02)

"""Response of made-up pixels, and traps of a lag model, against the numbers that they were made with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from calibration.frame_sums import robust_sigma
from calibration.lag.model import LagModel
from radiography.panel.panel import LagTerm
from radiography.panel.trapping import FrameTimes, trapped_fractions
from radiography.study.twin_flats import DoseOfFlats, PanelResponse, fit_response
from radiography.study.twin_lag import lag_twin
from radiography.study.twin_noise import PairNoise
from radiography.study.twin_values import value_of

SHAPE = (96, 128)
FULL_DN, FRAMES, READ_DN2 = 60_000.0, 10, 36.0


def _doses(
    charges_dn: Sequence[float], bend: float, bend_spread: float, *, noisy: bool = True
) -> tuple[list[DoseOfFlats], np.ndarray, np.ndarray]:
    """Mean flats at some charges, of 1 DN for 0.01 uGy; response and bend of the pixels."""
    rng = np.random.default_rng(8)
    response, bent = rng.normal(1.0, 0.025, SHAPE), rng.normal(bend, bend_spread, SHAPE)
    doses = []
    for charge in charges_dn:
        held = response * charge
        variance = READ_DN2 + 0.5 * charge if noisy else 1e-4
        mean = held * (1.0 - bent * held / FULL_DN)
        mean += rng.normal(0.0, np.sqrt(variance / FRAMES), SHAPE) if noisy else 0.0
        noise = PairNoise(
            pairs=5, pixels=mean.size, pixel=variance, pixel_error=1.0, row=0.0, row_error=0.0, column=0.0,
            column_error=0.0, area=variance, area_error=1.0,
        )  # fmt: skip
        doses.append(DoseOfFlats(0.01 * charge, FRAMES, float(mean.mean()), mean.astype(np.float32), noise))
    return doses, response, bent


def _fitted(doses: list[DoseOfFlats], read_variance_dn2: float = READ_DN2) -> PanelResponse:
    good = np.ones(SHAPE, dtype=bool)
    return fit_response(doses, good, full_well_dn=FULL_DN, read_variance_dn2=read_variance_dn2, darks=10_000)


def test_flats_without_noise_give_response_and_bend_back() -> None:
    doses, response, bent = _doses([5e3, 2e4, 4e4], 0.03, 0.01, noisy=False)

    found = _fitted(doses, 1e-4)

    assert found.bend == pytest.approx(0.03, abs=3e-4)  # its mean over 12,288 pixels of 0.01 each, times 1 + rms^2
    assert found.dn_per_uGy == pytest.approx(100.0 * response.mean(), rel=1e-4)
    assert found.departure is not None
    np.testing.assert_allclose(found.departure, bent - np.median(bent), atol=2e-3)
    np.testing.assert_allclose(found.response, response / response.mean(), rtol=2e-3)


@pytest.mark.parametrize("charges", [[5e3, 2e4], [5e3, 2e4, 4e4]])
def test_response_has_the_noise_that_the_flats_allow(charges: list[float]) -> None:
    doses, response, _ = _doses(charges, 0.0, 0.0)

    found = _fitted(doses)

    assert found.departure_kept == 0.0
    error = robust_sigma(found.response - response / response.mean())
    assert found.response_noise == pytest.approx(error, rel=0.05)
    allowed = 1.0 / np.sqrt(sum(charge**2 / ((READ_DN2 + 0.5 * charge) / FRAMES) for charge in charges))
    assert error < 1.2 * allowed


def test_the_spread_of_bends_is_told_from_the_noise() -> None:
    doses, _, bent = _doses([5e3, 2e4, 4e4], 0.03, 0.01)

    found = _fitted(doses)

    assert found.departure is not None
    spread = np.sqrt(found.departure_kept) * robust_sigma(found.departure)
    assert spread == pytest.approx(bent.std(), rel=0.05)
    assert found.departure_noise == pytest.approx(robust_sigma(found.departure - (bent - 0.03)), rel=0.1)


def test_one_dose_has_a_response_only() -> None:
    doses, response, _ = _doses([2e4], 0.0, 0.0)

    found = _fitted(doses)

    assert found.departure is None and np.isnan(found.bend)
    assert np.corrcoef(found.response.ravel(), response.ravel())[0, 1] > 0.99


@pytest.mark.parametrize("exposure_s", [None, 0.05])
def test_traps_hold_at_the_readout_what_the_model_says(exposure_s: float | None) -> None:
    times, terms = FrameTimes(0.1, exposure_s), [LagTerm(0.077, 0.137), LagTerm(0.0039, 25.0)]
    held = trapped_fractions(terms, times)
    model = LagModel(
        time_s=np.array([0.137, 25.0]),
        signal_dn=np.array([1e4]),
        fraction=held[None],
        fraction_error=0.01 * held[None],
        time_error_s=np.array([0.001, np.nan]),
        frame_interval_s=0.2,
        covered_s=30.0,
    )

    twin = lag_twin(model, times, 250.0)

    for found, true in zip(twin.terms, terms, strict=True):
        assert found.fraction == pytest.approx(true.fraction, rel=1e-6)
        assert found.time_s == true.time_s
    assert value_of(twin.values, "lag.0.fraction").determined
    assert not value_of(twin.values, "lag.1.fraction").determined  # its time constant was held
    assert twin.exposure is None


def test_a_term_that_is_gone_within_a_frame_is_left_out() -> None:
    model = LagModel(
        time_s=np.array([0.02, 0.5]),
        signal_dn=np.array([1e4]),
        fraction=np.array([[0.01, 0.02]]),
        fraction_error=np.array([[0.001, 0.001]]),
        time_error_s=np.array([0.001, 0.01]),
        frame_interval_s=0.2,
        covered_s=30.0,
    )

    twin = lag_twin(model, FrameTimes(0.1), 250.0)

    assert [term.time_s for term in twin.terms] == [0.5]
    assert "so traps would have to catch 148 %: it is left out" in twin.notes[0]  # 1 % times exp(5)

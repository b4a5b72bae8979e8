"""Quenching, quantum yields and cross sections against closed forms and magnitudes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from radiography.config import load_scintillator
from radiography.light.luminescence import (
    fit_quenching,
    molar_absorption,
    own_quantum_yield,
    quenched,
    reabsorbed_part,
)
from radiography.light.optics import TurbidLayer

TEMPERATURE_K = np.linspace(77.0, 300.0, 12)


@pytest.mark.parametrize("with_temperature", [False, True])
def test_a_fit_finds_what_made_the_light(with_temperature: bool) -> None:
    prefactor = 0.05 if with_temperature else 10.0
    light = quenched(TEMPERATURE_K, 49.0, prefactor, with_temperature)
    assert fit_quenching(TEMPERATURE_K, light, with_temperature) == pytest.approx((49.0, prefactor), rel=1e-9)


def test_a_stray_temperature_lowers_the_barrier_by_about_kt() -> None:
    """d ln T / d(1/T) is -T: the fitted barrier falls by k times a mean temperature."""
    light = quenched(TEMPERATURE_K, 49.0, 10.0)
    barrier, _ = fit_quenching(TEMPERATURE_K, light, with_temperature=True)
    assert 49.0 - barrier == pytest.approx(0.0862 * 140.0, rel=0.2)


def test_boltzmann_factors() -> None:
    # exp(-49 meV / kT): 6.2e-4 at 77 K, .150 at 300 K
    lost = 1.0 / quenched([77.0, 300.0], 49.0, 1.0) - 1.0
    assert lost == pytest.approx([6.2e-4, 0.150], rel=0.01)


def test_quantum_yield_with_light_absorbed_again() -> None:
    """Rounds of emission, summed one by one."""
    own, again = 0.7, 0.4
    emitted, left = 0.0, own
    for _ in range(200):
        emitted += left * (1 - again)
        left *= again * own
    assert own_quantum_yield(emitted, again) == pytest.approx(own, rel=1e-12)


def test_a_cube_of_9_6_nm() -> None:
    sigma = 5e4 * (9.6e-7) ** 3
    assert sigma == pytest.approx(4.4e-14, rel=0.02)
    assert molar_absorption(sigma) == pytest.approx(1.16e7, rel=0.01)


def test_what_cannot_be() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        fit_quenching([77.0, 300.0], [1.0, 0.5])


@pytest.mark.slow
def test_absorbed_again_by_photons_that_are_not_emitted_again(tmp_path: Path) -> None:
    """With a quantum yield near 0 the part that a film keeps is the chance to be absorbed; with .6 it follows."""
    film = load_scintillator("CsPbBr3_75um").transport
    assert isinstance(film, TurbidLayer) and film.self_absorption is not None
    dark = replace(film, self_absorption=replace(film.self_absorption, quantum_yield=1e-9))
    again, once = (reabsorbed_part(each, 75.0, photons=40_000, cache_folder=tmp_path) for each in (film, dark))
    assert again == pytest.approx(once, abs=0.03)


def test_a_film_without_self_absorption_has_no_such_part() -> None:
    film = load_scintillator("CsPbBr3_75um").transport
    assert isinstance(film, TurbidLayer)
    with pytest.raises(ValueError, match="have no self-absorption"):
        reabsorbed_part(replace(film, self_absorption=None), 75.0)

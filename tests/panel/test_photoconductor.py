"""Photoconductor: Hecht's mean against a sum over depth, limits, and units."""

from __future__ import annotations

import numpy as np
import pytest

from radiography.panel.photoconductor import ELECTRON_C, dark_current_A, hecht, photoconductive_gain, photocurrent_A

DEPTH = (np.arange(200_000) + 0.5) / 200_000


@pytest.mark.parametrize("voltage_V", [0.01, 0.5, 1.0, 30.0, -30.0])
def test_hecht_is_the_mean_over_depth(voltage_V: float) -> None:
    reach = 1e-6 * abs(voltage_V) / 1e-6
    assert hecht(voltage_V, 10.0, 1e-6) == pytest.approx(np.mean(reach * -np.expm1(-DEPTH / reach)), rel=1e-8)


def test_limits() -> None:
    assert hecht(0.0, 10.0, 1e-6) == 0.0
    assert hecht(1e8, 10.0, 1e-6) == pytest.approx(0.5, abs=1e-7)
    assert hecht(np.array([9_999.0, 10_001.0]), 10.0, 1e-6) == pytest.approx([0.49998333] * 2, abs=1e-8)  # its branches
    assert hecht(1e-5, 10.0, 1e-6) == pytest.approx(1e-5, rel=1e-4)  # few are collected: mu tau V / d^2


def test_both_carriers_together_collect_all() -> None:
    current = photocurrent_A(
        [-1e9, 1e9],
        energy_keV_per_s=5.3,
        pair_energy_eV=5.3,
        thickness_um=10.0,
        mobility_lifetimes_cm2_per_V=(1e-4, 1e-5),
    )
    assert current == pytest.approx([-1000 * ELECTRON_C, 1000 * ELECTRON_C], rel=1e-6)


def test_ohm_and_gain() -> None:
    # 1 cm2, 10 um, 1e-9 S/cm: 1e-6 S
    assert dark_current_A(2.0, 10.0, 100.0, 1e-9) == pytest.approx(2e-6, rel=1e-12)
    assert photoconductive_gain(1.0, 10.0, 1.0, 1e-6) == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize("wrong", [(1.0, 0.0, 1e-6), (1.0, 10.0, 0.0)])
def test_no_film(wrong: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="positive"):
        hecht(*wrong)

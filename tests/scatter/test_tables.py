"""Tables of scattering against closed forms and the cross sections they must integrate to."""

from __future__ import annotations

import numpy as np
import pytest
import xraylib

from radiography.beam.attenuation import linear_attenuation_per_mm, material
from radiography.scatter.tables import ANGLE_STEPS, angle_density, scatter_tables


def test_the_total_is_that_of_the_law_of_attenuation() -> None:
    tables = scatter_tables([material("PMMA"), material("Pb")], 120.0)
    energy_keV = 0.5 * np.arange(tables.total_per_mm.shape[1])
    for row, name in enumerate(("PMMA", "Pb")):
        expected = linear_attenuation_per_mm(material(name), energy_keV[20:])
        assert tables.total_per_mm[row, 20:] == pytest.approx(expected, rel=1e-6)


def test_the_density_of_compton_angles_integrates_to_the_cross_section() -> None:
    """d sigma = r_e^2 / 2 KN S dOmega, dOmega = 8 pi u du: for oxygen at 60 keV that is xraylib's own."""
    u = np.linspace(0, 1, 20_001)
    compton, rayleigh = angle_density(material("O"), 60.0, u)
    atoms = 1.0 / xraylib.AtomicWeight(8)
    barn = 0.5 * 0.0794078 * 8 * np.pi / atoms  # r_e^2 [barn]
    assert barn * np.trapezoid(compton, u) == pytest.approx(xraylib.CSb_Compt(8, 60.0), rel=0.01)
    assert barn * np.trapezoid(rayleigh, u) == pytest.approx(xraylib.CSb_Rayl(8, 60.0), rel=0.01)


@pytest.mark.parametrize("energy_keV", [10.0, 30.0, 60.0, 120.0])
def test_sampled_angles_have_the_mean_of_their_density(energy_keV: float) -> None:
    held = material("water")
    tables = scatter_tables([held], 120.0)
    u = np.linspace(0, 1, 100_001)
    for density, table in zip(angle_density(held, energy_keV, u), tables[3:5], strict=True):
        drawn = table[0, round(2 * energy_keV)].astype(float)
        for power, tolerance in ((1, 2e-3), (2, 1e-2)):  # the last of 1,024 steps is wide, and straight
            steps = np.diff(drawn ** (power + 1)) / np.maximum(np.diff(drawn) * (power + 1), 1e-12)  # mean between
            expected = np.trapezoid(density * u**power, u) / np.trapezoid(density, u)
            assert steps.mean() == pytest.approx(expected, rel=tolerance)
        assert drawn[0] == 0.0 and drawn[ANGLE_STEPS] == pytest.approx(1.0)


def test_vacuum_does_nothing() -> None:
    tables = scatter_tables([material("vacuum")], 60.0)
    assert not tables.total_per_mm.any() and not tables.compton_angle.any()

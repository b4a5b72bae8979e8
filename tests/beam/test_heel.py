"""The heel effect against SpekPy at angles that are no nodes, and in frames."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import spekpy

from radiography.beam.heel import DIRECTIONS, HeelEffect, heel_effect, heel_gain
from radiography.beam.spectrum import Spectrum, air_kerma_uGy, beam_spectrum, mean_energy_keV
from radiography.config import load_beam

BEAM = load_beam("paper_70kV")
SPECTRUM = beam_spectrum(BEAM, 15.0, 1.0)


@pytest.fixture(scope="module")
def heel():
    """Of the 70 kV beam, the anode towards higher row numbers."""
    return heel_effect(BEAM, SPECTRUM, 1.0, "+rows")


def spectrum_off_axis(heel: HeelEffect, spectrum: Spectrum, tangent_y: float, tangent_x: float) -> Spectrum:
    """Photons per area across the ray, with the inverse square."""
    gain = heel_gain(heel, tangent_y, tangent_x) / (1.0 + tangent_y**2 + tangent_x**2)
    return Spectrum(spectrum.energy_keV, spectrum.fluence_per_mm2 * gain)


def spekpy_kerma(tangent_y: float, tangent_x: float) -> float:
    """Air kerma by SpekPy alone at a place of a panel at 1 m, the anode towards higher row numbers. [uGy]"""
    tube = spekpy.Spek(kvp=70, th=12.0, dk=1.0, x=-100.0 * tangent_y, y=100.0 * tangent_x, z=100.0)
    tube.filter("Al", 2.5).filter("Air", 1000.0)
    return float(tube.get_kerma())


@pytest.fixture(scope="module")
def kerma_of_the_central_ray() -> float:
    return spekpy_kerma(0.0, 0.0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tangent_y", "tangent_x"),
    [(0.19, 0.0), (0.16, 0.0), (0.1, 0.0), (0.05, -0.2), (-0.08, 0.1), (-0.2, 0.0), (-0.21, 0.21), (0.0, 0.21)],
)
def test_air_kerma_over_the_field_is_that_of_spekpy(heel, kerma_of_the_central_ray, tangent_y, tangent_x):
    found = air_kerma_uGy(spectrum_off_axis(heel, SPECTRUM, tangent_y, tangent_x)) / 15.0
    assert found == pytest.approx(spekpy_kerma(tangent_y, tangent_x) / kerma_of_the_central_ray, rel=5e-3)


def test_half_way_between_nodes_every_energy_is_that_of_spekpy(heel):
    tube = spekpy.Spek(kvp=70, th=12.0, dk=1.0, x=-100.0 * np.tan(np.deg2rad(7.8)), z=100.0)
    centre = spekpy.Spek(kvp=70, th=12.0, dk=1.0, z=100.0)
    ratio = tube.get_spectrum(flu=True, diff=False)[1] / centre.get_spectrum(flu=True, diff=False)[1]
    ratio = ratio[-SPECTRUM.energy_keV.size :] / np.cos(np.deg2rad(7.8)) ** 2
    tangent = np.tan(np.deg2rad(7.8))
    longer = np.hypot(1.0, tangent) - 1.0
    bare = heel_gain(heel, tangent, 0.0) * np.exp(heel.filter_depth * longer)
    np.testing.assert_allclose(bare, ratio, rtol=5e-3)


def test_the_central_ray_is_unchanged(heel):
    np.testing.assert_allclose(heel_gain(heel, 0.0, 0.0), 1.0, rtol=1e-12)
    assert heel_gain(heel, np.zeros((3, 1)), np.zeros(4)).shape == (3, 4, SPECTRUM.energy_keV.size)


def test_the_side_of_the_anode_gets_fewer_and_harder_photons(heel):
    anode, cathode = (spectrum_off_axis(heel, SPECTRUM, tangent, 0.0) for tangent in (0.15, -0.15))
    assert air_kerma_uGy(anode) < 0.9 * air_kerma_uGy(cathode)
    assert mean_energy_keV(anode) > mean_energy_keV(SPECTRUM) + 0.5 > mean_energy_keV(cathode)


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_directions_turn_the_same_profile(heel, direction):
    y, x = DIRECTIONS[direction]
    turned = replace(heel, toward_anode=(y, x))
    np.testing.assert_allclose(heel_gain(turned, 0.12 * y, 0.12 * x), heel_gain(heel, 0.12, 0.0), rtol=1e-12)


def test_nothing_passes_behind_the_surface_of_the_target(heel):
    surface = np.tan(np.deg2rad(12.0))
    assert not heel_gain(heel, [surface + 1e-9, 0.3, 1.0], 0.0).any()
    assert heel_gain(heel, surface - 1e-3, 0.0).max() > 0


@pytest.mark.slow
def test_a_steeper_anode_has_less_of_it(heel):
    steep = replace(BEAM, anode_angle_deg=20.0)
    spectrum = beam_spectrum(steep, 15.0, 1.0)
    gains = [
        air_kerma_uGy(spectrum_off_axis(each, beam, 0.15, 0.0))
        for each, beam in ((heel, SPECTRUM), (heel_effect(steep, spectrum, 1.0, "+rows"), spectrum))
    ]
    assert gains[1] > 1.1 * gains[0]


def test_what_has_no_heel_effect_is_refused():
    with pytest.raises(ValueError, match=r"anode_direction must be one of \+rows, -rows, \+cols, -cols, got 'up'"):
        heel_effect(BEAM, SPECTRUM, 1.0, "up")
    window = replace(BEAM, target_thickness_um=5.0)
    with pytest.raises(ValueError, match="'paper_70kV' has an end-window target, which has no heel effect"):
        heel_effect(window, SPECTRUM, 1.0, "+rows")
    with pytest.raises(ValueError, match="the spectrum of beam 'paper_70kV' is not in bins of 1 keV"):
        heel_effect(BEAM, Spectrum(SPECTRUM.energy_keV + 0.3, SPECTRUM.fluence_per_mm2), 1.0, "+rows")

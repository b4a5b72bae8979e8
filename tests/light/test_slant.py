"""Oblique X-rays in a layer against the law of attenuation and against Monte Carlo at their angle."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from radiography.beam.attenuation import linear_attenuation_per_mm
from radiography.beam.spectrum import beam_spectrum
from radiography.config import load_beam
from radiography.light.layer_light import layer_light, spread_of_beam
from radiography.light.scintillator import layer_material
from radiography.light.slant import SLANTED_DEG, depth_spread, slant_gain

BEAM = beam_spectrum(load_beam("paper_70kV"), 1.0)
FAST = {"histories": 20_000, "photons": 100_000}
CORNER = 1.0 / np.cos(np.deg2rad(17.0))


@pytest.fixture(scope="module", params=("film", "csi"))
def layer(request):
    """Scintillator, and its light at normal incidence and at the steepest angle."""
    scintillator = request.getfixturevalue(request.param)
    lights = [layer_light(scintillator, BEAM.energy_keV, incidence_deg=angle, **FAST) for angle in (0.0, SLANTED_DEG)]
    return scintillator, *lights


def hit(scintillator, ratio):
    """1 - exp(-mu t / cos), by energy."""
    mu_per_mm = linear_attenuation_per_mm(layer_material(scintillator), BEAM.energy_keV)
    return 1.0 - np.exp(-mu_per_mm * scintillator.thickness_um * 1e-3 * ratio)


def test_normal_incidence_gains_nothing(layer):
    np.testing.assert_array_equal(slant_gain(*layer, [1.0]), np.ones((1, 3, BEAM.energy_keV.size)))


def test_quanta_follow_the_law_of_attenuation(layer):
    gain = slant_gain(*layer, CORNER)[0]
    # each quantum's chance to leave energy changes with the angle by little, and is known from 5,000 histories
    np.testing.assert_allclose(gain, hit(layer[0], CORNER) / hit(layer[0], 1.0), rtol=2e-3)


def test_gain_meets_the_monte_carlo_at_its_own_angle_and_between(layer):
    fluence = BEAM.fluence_per_mm2
    for angle in (SLANTED_DEG, 20.0):
        there = layer_light(layer[0], BEAM.energy_keV, incidence_deg=angle, **FAST)
        gain = slant_gain(*layer, 1.0 / np.cos(np.deg2rad(angle)))
        for found, name in zip(gain, ("quanta", "light", "light_square"), strict=True):
            ratio = fluence @ (found * getattr(layer[1], name)) / (fluence @ getattr(there, name))
            # 55 energies with 20,000 histories each: 0.1 % for the mean, 0.2 % for the square
            assert ratio == pytest.approx(1.0, abs=4e-3 if name == "light_square" else 2e-3)


def test_a_thin_layer_gains_what_its_path_does_and_a_thick_one_nothing(film, csi):
    # mu t is 0.0007 and 11
    for layer, energy_keV, expected in ((replace(film, thickness_um=0.5), 60.0, CORNER), (csi, 15.0, 1.0)):
        energies = [energy_keV, energy_keV + 1.0]
        normal, slanted = (layer_light(layer, energies, incidence_deg=angle, **FAST) for angle in (0.0, SLANTED_DEG))
        np.testing.assert_allclose(slant_gain(layer, normal, slanted, CORNER)[0, 0], expected, rtol=3e-3)


def test_nodes_add_up_to_the_transfer_of_the_layer(layer):
    scintillator, light, _ = layer
    frequency = np.linspace(0.0, 5.0, 21)
    nodes = depth_spread(scintillator, light, BEAM.fluence_per_mm2).transfer_at
    total = sum(node(frequency) for node in nodes)
    np.testing.assert_allclose(total, spread_of_beam(light, BEAM.fluence_per_mm2).mean_at(frequency), atol=1e-12)
    np.testing.assert_allclose([node(np.zeros(1))[0] for node in nodes], [2 / 3, 1 / 6, 1 / 6], atol=1e-9)


def test_nodes_keep_the_moments_of_the_depths_at_every_frequency(layer):
    frequency = np.linspace(0.0, 4.0, 9)
    few, many = (depth_spread(*layer[:2], BEAM.fluence_per_mm2, nodes=nodes) for nodes in (3, 7))
    for power in range(3):
        moments = [
            sum(
                node(frequency) * offset**power for node, offset in zip(nodes.transfer_at, nodes.offset_mm, strict=True)
            )
            for nodes in (few, many)
        ]
        np.testing.assert_allclose(moments[0], moments[1], atol=1e-9)


def test_depths_of_even_light_are_those_of_the_law_of_attenuation(csi):
    light = layer_light(csi, [60.0, 61.0], **FAST)
    even = replace(light, transport=replace(light.transport, collected=np.ones(light.transport.depth_um.size)))
    found = depth_spread(csi, even, [1.0, 0.0], 1.1)
    mu_per_mm = 1.1 * linear_attenuation_per_mm(layer_material(csi), np.array([60.0]))[0]
    depth_mm = (np.arange(100_000) + 0.5) * 0.5 / 100_000
    law = np.exp(-mu_per_mm * depth_mm) / np.exp(-mu_per_mm * depth_mm).sum()
    mean_mm = law @ depth_mm
    # 20 layers of 0.025 mm
    assert found.mean_depth_mm == pytest.approx(mean_mm, abs=5e-4)
    assert found.rms_depth_mm == pytest.approx(np.sqrt(law @ (depth_mm - mean_mm) ** 2), abs=5e-4)


def test_a_spread_that_does_not_depend_on_depth_still_has_depths(csi):
    light = layer_light(csi, [60.0, 61.0], **FAST)
    same = replace(light, transport=None, xray_transfer=np.ones_like(light.xray_transfer))
    found = depth_spread(csi, same, [1.0, 1.0])
    frequency = np.array([0.0, 2.0, 4.0])
    shares = np.array([node(frequency) for node in found.transfer_at])
    # the two energies meet the layer at depths that differ by 3 %
    np.testing.assert_allclose(shares / shares.sum(axis=0), np.tile([[2 / 3], [1 / 6], [1 / 6]], 3), rtol=3e-4)


def test_what_cannot_be_is_refused(layer):
    with pytest.raises(ValueError, match=r"path_ratio must be 1 or more, got 0\.5"):
        slant_gain(*layer, 0.5)
    with pytest.raises(ValueError, match=r"path_ratio must be 1 or more, got 0\.5"):
        depth_spread(layer[0], layer[1], BEAM.fluence_per_mm2, 0.5)
    with pytest.raises(ValueError, match="nodes of depth must be an odd number, got 4"):
        depth_spread(layer[0], layer[1], BEAM.fluence_per_mm2, nodes=4)
    with pytest.raises(ValueError, match="the beam makes no light in the layer"):
        depth_spread(layer[0], layer[1], np.zeros_like(BEAM.energy_keV))

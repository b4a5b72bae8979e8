"""The shipped layers say what the paper says, and a layer that contradicts itself is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from radiography.light.optics import EmissionLine
from radiography.light.scintillator import (
    AfterglowComponent,
    DecayComponent,
    Glare,
    Light,
    Part,
    Spread,
    effective_decay_ns,
    glare_transfer,
    layer_material,
    spread_transfer,
    yield_variance,
)


@pytest.mark.parametrize(("layer", "expected_ns"), [("film", 44.6), ("csi", 1000.0)])
def test_effective_decay_is_that_of_the_paper(layer, expected_ns, request):
    assert effective_decay_ns(request.getfixturevalue(layer)) == pytest.approx(expected_ns, rel=1e-12)


def test_effective_decay_of_one_component_is_its_time(film):
    assert effective_decay_ns(replace(film, decay=(DecayComponent(1.0, 44.0),))) == 44.0


SPREAD = Spread(4.0, 0.2, 0.95, EmissionLine(530.0, 20.0), "measured", "for tests")


def test_transfer_is_one_at_zero_half_at_its_frequency_and_falls():
    transfer = spread_transfer(SPREAD, np.array([0.0, 4.0, 10.0, 20.0]))
    np.testing.assert_allclose(transfer[:2], [1.0, 0.5], rtol=1e-15)
    assert (np.diff(transfer) < 0).all()


def test_a_spread_with_twice_the_half_frequency_has_the_transfer_of_half_the_frequency():
    sharper = replace(SPREAD, half_frequency_per_mm=8.0)
    frequency_per_mm = np.linspace(0.0, 5.0, 11)
    np.testing.assert_array_equal(
        spread_transfer(sharper, 2 * frequency_per_mm), spread_transfer(SPREAD, frequency_per_mm)
    )


def test_a_glare_takes_its_fraction_beyond_its_length_and_nothing_at_zero_frequency():
    transfer = glare_transfer(Glare(0.06, 10.0), np.array([0.0, 1.0 / (20.0 * np.pi), 5.0]))
    # (1 + 1)^(-3/2) of the glare is left where 2 pi f b = 1
    np.testing.assert_allclose(transfer, [1.0, 0.94 + 0.06 * 2.0**-1.5, 0.94], atol=1e-6)
    np.testing.assert_array_equal(glare_transfer(None, np.array([0.0, 3.0])), [1.0, 1.0])


@pytest.mark.parametrize("both", [True, False])
def test_light_is_described_in_one_way(film, both):
    with pytest.raises(ValueError, match=r"needs \[transport\] or \[spread\]"):
        replace(film, spread=SPREAD) if both else replace(film, transport=None)


@pytest.mark.parametrize(
    ("layer", "expected_g_per_cm3", "expected_mg_per_cm2"),
    [("film", 2.94, 22.0), ("csi", 3.6, 180.0)],  # the layers' files: solid densities times volume fractions
)
def test_a_layer_weighs_what_its_parts_weigh(layer, expected_g_per_cm3, expected_mg_per_cm2, request):
    scintillator = request.getfixturevalue(layer)
    density = layer_material(scintillator).density_g_per_cm3
    assert density == pytest.approx(expected_g_per_cm3, abs=0.02)
    assert density * scintillator.thickness_um * 0.1 == pytest.approx(expected_mg_per_cm2, rel=0.01)


def test_a_layer_of_half_the_filling_weighs_half(csi):
    thin = replace(csi, parts=(Part("CsI", 0.4),))
    assert layer_material(thin).density_g_per_cm3 == pytest.approx(
        0.5 * layer_material(csi).density_g_per_cm3, rel=1e-12
    )
    assert dict(layer_material(thin).mass_fractions) == pytest.approx(dict(layer_material(csi).mass_fractions))


def test_a_part_of_unknown_material_names_itself(film):
    with pytest.raises(ValueError, match="no attenuation data for 'CsPbBr4'"):
        layer_material(replace(film, parts=(Part("CsPbBr4", 0.5),)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"parts": (Part("CsI", 0.8), Part("CsPbBr3", 0.3))}, "volume fractions.* at most 1, got 1.1"),
        ({"parts": ()}, "volume fractions.*got 0"),
        ({"decay": (DecayComponent(0.8, 12.0),)}, "decay amplitudes.*must sum to 1, got 0.8"),
        ({"decay": ()}, "decay amplitudes.*got 0"),
        ({"afterglow": (AfterglowComponent(0.6, 1.0), AfterglowComponent(0.4, 2.0))}, "less than 1, got 1"),
        ({"thickness_um": -75.0}, "thickness_um"),
        ({"thickness_um": float("nan")}, "thickness_um"),
    ],
)
def test_a_layer_that_contradicts_itself_is_refused(film, changes, message):
    with pytest.raises(ValueError, match=rf"(?s){message}"):
        replace(film, **changes)


def test_yield_variance_is_the_square_of_the_spread_between_and_beyond_its_energies():
    energy_keV = np.array([10.0, 20.0, 30.0, 100.0])
    np.testing.assert_array_equal(yield_variance(Light(54.0), energy_keV), 0.0)
    np.testing.assert_allclose(yield_variance(Light(54.0, 0.2), energy_keV), 0.04)
    pairs = Light(54.0, ((20.0, 0.1), (40.0, 0.3)))
    np.testing.assert_allclose(yield_variance(pairs, energy_keV), [0.01, 0.01, 0.04, 0.09])


@pytest.mark.parametrize("spread", [-0.1, 1.1, float("nan"), (), ((30.0, 0.1), (20.0, 0.2)), ((0.0, 0.1),)])
def test_an_impossible_spread_of_the_yield_is_refused(spread):
    with pytest.raises(ValueError, match="yield_spread"):
        Light(54.0, yield_spread=spread)


@pytest.mark.parametrize(
    ("kind", "fraction", "other"),
    [
        (Part, "volume_fraction", {"material": "CsI"}),
        (DecayComponent, "amplitude_fraction", {"time_ns": 12.0}),
        (AfterglowComponent, "fraction", {"time_s": 1.0}),
    ],
)
@pytest.mark.parametrize("number", [0.0, -0.1, 1.1, float("nan")])
def test_fractions_outside_0_to_1_are_refused(kind, fraction, other, number):
    with pytest.raises(ValueError, match=fraction):
        kind(**other, **{fraction: number})

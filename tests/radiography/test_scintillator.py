"""The shipped layers say what the paper says, and a layer that contradicts itself is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from radiography.scintillator import (
    AfterglowComponent,
    DecayComponent,
    Part,
    effective_decay_ns,
    layer_material,
    spread_transfer,
)

PITCH_MM = 0.139


@pytest.mark.parametrize(("layer", "expected_ns"), [("film", 44.6), ("csi", 1000.0)])
def test_effective_decay_is_that_of_the_paper(layer, expected_ns, request):
    assert effective_decay_ns(request.getfixturevalue(layer)) == pytest.approx(expected_ns, rel=1e-12)


def test_effective_decay_of_one_component_is_its_time(film):
    assert effective_decay_ns(replace(film, decay=(DecayComponent(1.0, 44.0),))) == 44.0


@pytest.mark.parametrize(
    ("layer", "direct_share", "expected"),
    [("film", 0.049, 0.72), ("csi", 0.0, 0.36)],  # the layers' files: X-rays in the photodiodes are not blurred
)
def test_layer_and_aperture_together_have_the_papers_mtf_at_2_per_mm(layer, direct_share, expected, request):
    transfer = spread_transfer(request.getfixturevalue(layer), np.array([2.0]))[0]
    total = ((1.0 - direct_share) * transfer + direct_share) * np.sinc(2.0 * PITCH_MM)
    assert total == pytest.approx(expected, abs=5e-4)  # the paper prints two digits


def test_transfer_is_one_at_zero_half_at_its_frequency_and_falls(film):
    frequency_per_mm = np.array([0.0, film.spread.half_frequency_per_mm, 10.0, 20.0])
    transfer = spread_transfer(film, frequency_per_mm)
    np.testing.assert_allclose(transfer[:2], [1.0, 0.5], rtol=1e-15)
    assert (np.diff(transfer) < 0).all()


def test_a_film_with_twice_the_half_frequency_has_the_transfer_of_half_the_frequency(film):
    sharper = replace(film, spread=replace(film.spread, half_frequency_per_mm=2 * film.spread.half_frequency_per_mm))
    frequency_per_mm = np.linspace(0.0, 5.0, 11)
    np.testing.assert_array_equal(
        spread_transfer(sharper, 2 * frequency_per_mm), spread_transfer(film, frequency_per_mm)
    )


@pytest.mark.parametrize(
    ("layer", "expected_g_per_cm3", "expected_mg_per_cm2"),
    [("film", 2.94, 22.0), ("csi", 3.6, 180.0)],  # the layers' files: solid densities times volume shares
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


@pytest.mark.parametrize(
    ("kind", "share", "other"),
    [
        (Part, "volume_fraction", {"material": "CsI"}),
        (DecayComponent, "amplitude_fraction", {"time_ns": 12.0}),
        (AfterglowComponent, "fraction", {"time_s": 1.0}),
    ],
)
@pytest.mark.parametrize("number", [0.0, -0.1, 1.1, float("nan")])
def test_shares_outside_0_to_1_are_refused(kind, share, other, number):
    with pytest.raises(ValueError, match=share):
        kind(**other, **{share: number})

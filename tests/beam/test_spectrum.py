"""Spectra against air kerma from first principles and the radiation qualities of IEC 61267 and IEC 62220-1."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xraylib
from scipy.optimize import brentq

from radiography.beam.attenuation import mass_attenuation_cm2_per_g, material
from radiography.beam.spectrum import (
    Spectrum,
    air_energy_absorption_cm2_per_g,
    air_kerma_uGy,
    beam_spectrum,
    filtered,
    fluence_per_mm2_uGy,
    half_value_layer_mm_al,
    mean_energy_keV,
    quanta_per_pixel,
)
from radiography.beam.tube import Beam, beam_from_table
from radiography.config import load_beam, shipped


@pytest.fixture(scope="module")
def spectra(tmp_path_factory):
    """Spectrum of a beam at 15 uGy by name; the cache lives for this module only."""
    folder = tmp_path_factory.mktemp("cache")
    return lambda name, **kwargs: beam_spectrum(load_beam(name), 15.0, cache_folder=folder, **kwargs)


def monochromatic(energy_keV, fluence_per_mm2=1.0):
    return Spectrum(np.array([energy_keV]), np.array([fluence_per_mm2]))


# --- air kerma --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("energy_keV", "expected"),
    [(10.0, 4.742), (15.0, 1.334), (20.0, 0.5389), (30.0, 0.1537), (40.0, 0.06833), (70.0, 0.02597), (100.0, 0.02325)],
)
def test_energy_absorption_of_air_is_that_of_nist(energy_keV, expected):
    # four printed digits; 70 keV is no node of the table
    assert air_energy_absorption_cm2_per_g(energy_keV) == pytest.approx(expected, rel=2e-4)


def _first_principles_cm2_per_g(energy_keV):
    """Photoelectric energy less argon K fluorescence, and energy of Compton recoil, per mass of air."""
    air = material("air")
    total = float(mass_attenuation_cm2_per_g(air, energy_keV, "photoelectric"))
    argon = dict(air.mass_fractions)[18]
    k_fraction = 1 - 1 / xraylib.JumpFactor(18, xraylib.K_SHELL)
    fluorescence = xraylib.FluorYield(18, xraylib.K_SHELL) * xraylib.LineEnergy(18, xraylib.KA_LINE)
    total -= argon * xraylib.CS_Photo(18, energy_keV) * k_fraction * fluorescence / energy_keV
    angle, weight = np.polynomial.legendre.leggauss(64)
    angle, weight = 0.005 + 0.5 * (np.pi - 0.005) * (angle + 1), 0.5 * (np.pi - 0.005) * weight
    for theta, step in zip(angle.tolist(), weight.tolist(), strict=True):
        recoil = 1 - xraylib.ComptonEnergy(energy_keV, theta) / energy_keV
        for z, fraction in air.mass_fractions:
            total += fraction * xraylib.DCS_Compt(z, energy_keV, theta) * recoil * 2 * np.pi * np.sin(theta) * step
    return total


@pytest.mark.parametrize("energy_keV", [10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0, 80.0, 100.0, 150.0])
def test_energy_absorption_of_air_follows_from_the_cross_sections(energy_keV):
    # the two tables are independent and differ by 0.06 % at most; 0.15 % also notices a digit in error
    assert air_energy_absorption_cm2_per_g(energy_keV) == pytest.approx(
        _first_principles_cm2_per_g(energy_keV), rel=1.5e-3
    )


def test_air_kerma_of_one_energy_is_the_closed_form():
    # 1e6 photons/mm2 of 60 keV: 1e8 /cm2 x 60 keV x 1.602177e-16 J/keV x 0.03041 cm2/g x 1000 g/kg = 29.23 uGy
    expected_uGy = 1e8 * 60 * 1.602177e-16 * 0.03041 * 1e3 * 1e6
    assert air_kerma_uGy(monochromatic(60.0, 1e6)) == pytest.approx(expected_uGy, rel=1e-5)


@pytest.mark.parametrize(
    ("energy_keV", "expected"),
    [
        (10, 1316),
        (16, 3583),
        (20, 5791),
        (30, 13536),
        (36.1, 19224),
        (50, 30461),
        (60, 34208),
        (70, 34335),
        (80, 32413),
    ],
)
def test_photons_per_kerma_of_single_energies(energy_keV, expected):
    assert fluence_per_mm2_uGy(monochromatic(energy_keV)) == pytest.approx(expected, rel=4e-4)


def test_energy_outside_the_kerma_table_names_itself():
    with pytest.raises(ValueError, match=r"between 1.0 and 500.0 keV for air kerma, got 0.9"):
        air_kerma_uGy(monochromatic(0.9))


# --- radiation qualities ----------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "half_value_layer", "mean_energy", "photons_per_kerma"),
    [
        ("RQA3", 3.80, 39.3, 20814),
        ("RQA5", 6.80, 52.5, 29716),
        ("RQA7", 9.20, 63.5, 32432),
        ("RQA9", 11.60, 77.0, 30963),
        ("paper_70kV", 2.43, 39.6, 16946),
    ],
)
def test_beams_have_the_expected_quality(spectra, name, half_value_layer, mean_energy, photons_per_kerma):
    spectrum = spectra(name)
    # half a unit of the last printed digit, and 0.1 % for the choice of tables of the filters
    assert half_value_layer_mm_al(spectrum) == pytest.approx(half_value_layer, abs=0.01)
    assert mean_energy_keV(spectrum) == pytest.approx(mean_energy, abs=0.06)
    assert fluence_per_mm2_uGy(spectrum) == pytest.approx(photons_per_kerma, rel=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "standard_mm_al"), [("RQA3", 3.8), ("RQA5", 6.8), ("RQA7", 9.2), ("RQA9", 11.6)])
def test_inherent_filters_are_the_roots_that_give_the_half_value_layers_of_iec_61267(
    name: str, standard_mm_al: float, tmp_path: Path
) -> None:
    beam = load_beam(name)
    (_, inherent_mm), added = beam.filters

    def excess_mm_al(thickness_mm: float) -> float:
        changed = replace(beam, filters=(("Al", thickness_mm), added))
        return half_value_layer_mm_al(beam_spectrum(changed, 1.0, cache_folder=tmp_path)) - standard_mm_al

    assert inherent_mm == pytest.approx(brentq(excess_mm_al, 1.0, 6.0, xtol=1e-5), rel=1e-3)
    assert excess_mm_al(inherent_mm) == pytest.approx(0.0, abs=1e-3 * standard_mm_al)


@pytest.mark.parametrize(("name", "edition_2015"), [("RQA3", 20673), ("RQA5", 29653), ("RQA7", 32490), ("RQA9", 31007)])
def test_photons_per_kerma_agree_with_the_table_of_iec_62220(spectra, name, edition_2015):
    assert fluence_per_mm2_uGy(spectra(name)) == pytest.approx(edition_2015, rel=0.01)


def test_a_pixel_of_the_paper_sees_4911_photons_at_15_uGy(spectra):
    assert quanta_per_pixel(spectra("paper_70kV"), 0.139) == pytest.approx(4911, rel=0.005)


@pytest.mark.slow
def test_end_window_gold_tube_agrees_with_the_one_that_was_measured(tmp_path):
    tube = Beam("mini", 20.0, (("Be", 0.127),), "test", anode="Au", target_thickness_um=1.0, air_path_mm=300.0)
    spectrum = beam_spectrum(tube, 1.0, 0.5, tmp_path)
    # mean 10.5 keV and q 1114 at 0.1 keV bins; half-keV bins blur the lines against the steep kerma by about 1 %
    assert mean_energy_keV(spectrum) == pytest.approx(10.5, abs=0.1)
    assert fluence_per_mm2_uGy(spectrum) == pytest.approx(1114, rel=0.015)


def test_kerma_is_what_was_asked_for_and_fluence_is_proportional(spectra, tmp_path):
    beam = load_beam("RQA5")
    one, two = (beam_spectrum(beam, kerma, cache_folder=tmp_path) for kerma in (1.5, 3.0))
    assert air_kerma_uGy(one) == pytest.approx(1.5, rel=1e-12)
    np.testing.assert_allclose(two.fluence_per_mm2, 2 * one.fluence_per_mm2, rtol=1e-12)


def test_zero_kerma_is_dark(tmp_path):
    dark = beam_spectrum(load_beam("RQA5"), 0.0, cache_folder=tmp_path)
    assert not dark.fluence_per_mm2.any()
    assert air_kerma_uGy(dark) == 0.0
    for metric in (half_value_layer_mm_al, mean_energy_keV, fluence_per_mm2_uGy):
        with pytest.raises(ValueError, match="dark"):
            metric(dark)


def test_no_photon_is_above_the_tube_voltage(spectra):
    spectrum = spectra("paper_70kV")
    assert 69.0 < spectrum.energy_keV[-1] < 70.0


def test_bin_width_does_not_change_the_quality(spectra):
    fine, coarse = spectra("paper_70kV"), spectra("paper_70kV", bin_keV=1.0)
    assert fluence_per_mm2_uGy(coarse) == pytest.approx(fluence_per_mm2_uGy(fine), rel=3e-4)


# --- filters ----------------------------------------------------------------------------------------------------


def test_no_filter_returns_the_same_numbers_and_leaves_the_input(spectra):
    spectrum = spectra("paper_70kV")
    before = spectrum.fluence_per_mm2.copy()
    assert np.array_equal(filtered(spectrum, "Cu", 0.0).fluence_per_mm2, before)
    filtered(spectrum, "Cu", 1.0)
    assert np.array_equal(spectrum.fluence_per_mm2, before)


def test_twice_the_filter_is_the_filter_twice_and_hardens(spectra):
    spectrum = spectra("paper_70kV")
    once = filtered(spectrum, "Cu", 0.1)
    np.testing.assert_allclose(
        filtered(once, "Cu", 0.1).fluence_per_mm2, filtered(spectrum, "Cu", 0.2).fluence_per_mm2, rtol=1e-12
    )
    assert mean_energy_keV(once) > mean_energy_keV(spectrum)


def test_half_value_layer_of_one_energy_is_the_closed_form():
    # ln 2 / (0.2778 cm2/g x 2.699 g/cm3) at 60 keV = 9.245 mm
    assert half_value_layer_mm_al(monochromatic(60.0)) == pytest.approx(9.245, rel=2e-3)


# --- descriptions -----------------------------------------------------------------------------------------------


def test_every_beam_of_the_package_loads_and_names_its_source():
    assert {"paper_70kV", "RQA3", "RQA5", "RQA7", "RQA9"} <= set(shipped("beam"))
    for name in shipped("beam"):
        assert load_beam(name).name == name and load_beam(name).source


def test_the_papers_beam_says_that_its_filter_is_assumed():
    assert "filtration not published" in load_beam("paper_70kV").notes


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kvp": 9.0}, "kvp of beam 'odd' must be between 10 and 500 for a W target, got 9.0"),
        ({"kvp": 60.0, "anode": "Mo"}, "kvp of beam 'odd' must be between 10 and 50 for a Mo target, got 60.0"),
        ({"kvp": float("nan")}, "got nan"),
        ({"anode": "Fe"}, r"anode of beam 'odd' must be one of W, .*got 'Fe'"),
        ({"anode_angle_deg": 0.0}, "anode_angle_deg of beam 'odd' must be between 1 and 45, got 0.0"),
        ({"target_thickness_um": 0.0}, "target_thickness_um"),
        ({"air_path_mm": -1.0}, "air_path_mm of beam 'odd' must be zero or a positive length, got -1.0"),
        ({"filters": (("Al", -2.5),)}, "Al filter of beam 'odd' must be zero or a positive length in mm, got -2.5"),
        ({"filters": (("al", 2.5),)}, "no attenuation data for 'al'"),
    ],
)
def test_impossible_beams_are_refused_where_they_are_built(change, message):
    with pytest.raises(ValueError, match=message):
        Beam(**{"name": "odd", "kvp": 70.0, "filters": (("Al", 2.5),), "source": "test", **change})


def test_keys_of_a_beam_file_are_checked():
    good = {"kvp": 70, "filters": [{"material": "Al", "thickness_mm": 2.5}], "source": "test"}
    assert beam_from_table("own", good).filters == (("Al", 2.5),)
    with pytest.raises(ValueError, match="beam 'own' has no key 'kVp'; known: kvp, filters"):
        beam_from_table("own", {**good, "kVp": 70})
    with pytest.raises(ValueError, match="beam 'own' lacks the key 'source'"):
        beam_from_table("own", {"kvp": 70, "filters": []})
    with pytest.raises(ValueError, match="each filter of beam 'own' must give material and thickness_mm"):
        beam_from_table("own", {**good, "filters": [{"material": "Al"}]})
    thick = {"material": "Al", "thickness_mm": 10**400}  # more than any float holds
    assert beam_from_table("own", {**good, "air_path_mm": 10**30}).air_path_mm == 1e30
    for change in ({"air_path_mm": 10**400}, {"kvp": 10**400}, {"filters": [thick]}):
        with pytest.raises(ValueError, match="of beam 'own' must be"):
            beam_from_table("own", {**good, **change})


def test_negative_kerma_and_odd_bins_are_refused(tmp_path):
    with pytest.raises(ValueError, match="air_kerma_uGy must be zero or positive, got -1"):
        beam_spectrum(load_beam("RQA5"), -1.0, cache_folder=tmp_path)
    with pytest.raises(ValueError, match=r"bin_keV must be between 0\.05 and 2 keV, got 5"):
        beam_spectrum(load_beam("RQA5"), 1.0, 5.0, tmp_path)
    with pytest.raises(ValueError, match="pitch_mm must be a positive length, got 0"):
        quanta_per_pixel(monochromatic(60.0), 0.0)


def test_a_filter_that_stops_everything_names_the_beam(tmp_path):
    with pytest.raises(ValueError, match="no photon of beam 'shut' passes"):
        beam_spectrum(Beam("shut", 20.0, (("Pb", 50.0),), "test"), 1.0, 1.0, tmp_path)


@pytest.mark.parametrize(
    ("energy", "fluence", "message"),
    [
        ([1.0, 2.0], [1.0], "one fluence per energy"),
        ([2.0, 1.0], [1.0, 1.0], "rise from bin to bin"),
        ([1.0, 2.0], [1.0, -1.0], "fluence of a spectrum must be zero or positive, got -1.0"),
    ],
)
def test_impossible_spectra_are_refused(energy, fluence, message):
    with pytest.raises(ValueError, match=message):
        Spectrum(np.array(energy), np.array(fluence))


def test_a_cached_spectrum_is_found_without_the_tube_model(tmp_path, monkeypatch):
    beam = load_beam("RQA3")
    first = beam_spectrum(beam, 2.0, 1.0, tmp_path)
    monkeypatch.setitem(sys.modules, "spekpy", None)  # importing it would now fail
    second = beam_spectrum(beam, 2.0, 1.0, tmp_path)
    assert np.array_equal(first.fluence_per_mm2, second.fluence_per_mm2)
    with pytest.raises(ImportError):
        beam_spectrum(beam, 2.0, 0.9, tmp_path)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [("kvp", "70", "kvp of beam 'b' must be a number, got '70'"), ("kvp", True, "must be a number, got True"),
     ("source", 3, "source of beam 'b' must be a text"), ("filters", "Al", "filters of beam 'b' must be a list"),
     ("filters", [{"material": "Al", "thickness_mm": "2"}], "must be a number, got '2'")],
)  # fmt: skip
def test_a_beam_of_the_wrong_kind_names_its_key(key: str, value: object, said: str) -> None:
    table = {"kvp": 70.0, "filters": [{"material": "Al", "thickness_mm": 2.5}], "source": "test", key: value}
    with pytest.raises(ValueError, match=said):
        beam_from_table("b", table)

"""Predictions beside published values: each measure on a case that is known otherwise, and the table that ships."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from radiography.beam.spectrum import air_kerma_uGy, beam_spectrum, half_value_layer_mm_al
from radiography.config import load_beam, load_panel, load_scintillator, shipped
from radiography.study.layer_report import report_layer
from radiography.study.measures import MEASURES, Bench, report_beam
from radiography.study.published import PublishedTable, PublishedValue, Setting, first_scintillator, load_published
from radiography.study.validation import (
    ValidationRow,
    check_table,
    median_by_group,
    median_deviation,
    validation_rows,
)

FEW = {"histories": 400, "photons": 4000}
FILM = ("CsPbBr3_75um",)


def value(measure: str, published: float = 1.0, **setting: object) -> PublishedValue:
    """A row that asks for a measure."""
    return PublishedValue(
        quantity=measure,
        group="test",
        measure=measure,
        published=published,
        source="this test",
        reference="formula",
        setting=Setting(**setting),  # type: ignore[arg-type]
    )


def predicted(measure: str, **setting: object) -> float:
    """What a measure predicts with few histories."""
    (row,) = validation_rows(PublishedTable((value(measure, **setting),)), **FEW)
    return row.predicted


def test_a_row_says_predicted_published_and_deviation() -> None:
    (row,) = validation_rows(PublishedTable((value("half_value_layer", 6.0, beam="RQA5", material="Al"),)))
    true = half_value_layer_mm_al(beam_spectrum(load_beam("RQA5"), 1.0))
    assert row.predicted == true
    assert row.deviation == true / 6.0 - 1.0
    assert (row.published, row.fitted, row.source, row.scintillator) == (6.0, False, "this test", "")


def test_the_half_value_layer_is_the_same_by_the_general_way() -> None:
    """Aluminium under its own name, of 2.6989 g/cm3, and as a formula at a density."""
    known = predicted("half_value_layer", beam="RQA3", material="Al")
    assert predicted("half_value_layer", beam="RQA3", material="Al@2.6989") == pytest.approx(known, rel=1e-6)


def test_the_spectrum_measures_are_sums_over_it() -> None:
    spectrum = beam_spectrum(load_beam("RQA7"), 1.0)
    assert predicted("photons_per_kerma", beam="RQA7") == pytest.approx(spectrum.fluence_per_mm2.sum())
    mean = (spectrum.energy_keV * spectrum.fluence_per_mm2).sum() / spectrum.fluence_per_mm2.sum()
    assert predicted("mean_energy", beam="RQA7") == pytest.approx(mean)


def test_a_beam_of_the_table_is_used() -> None:
    own = {"hard": {"kvp": 100.0, "filters": [{"material": "Cu", "thickness_mm": 5.0}], "source": "this test"}}
    row = value("mean_energy", beam="hard")
    assert next(found.predicted for found in validation_rows(PublishedTable((row,), own))) > 80.0


@pytest.mark.slow
def test_the_report_measures_are_those_of_the_report() -> None:
    setting = {"scintillator": FILM, "beam": "paper_70kV", "air_kerma_uGy": 15.0}
    spectrum = report_beam(Setting(beam="paper_70kV"), Bench({}))
    report = report_layer(load_scintillator(FILM[0]), load_panel("fully_coated"), spectrum, 15.0, **FEW)
    for measure, curve in (("mtf", report.mtf), ("xray_mtf", report.xray_mtf), ("dqe", report.dqe)):
        at_one = np.interp(1.0, report.frequency_per_mm, curve)
        assert predicted(measure, **setting, frequency_per_mm=1.0) == pytest.approx(at_one)
    noise = report.nps_quantum + report.nps_light + report.nps_direct + report.nps_electronic
    assert predicted("nnps", **setting, frequency_per_mm=1.0) == pytest.approx(
        np.interp(1.0, report.frequency_per_mm, noise)
    )
    assert predicted("dqe0", **setting) == pytest.approx(report.dqe0)
    assert predicted("saturation_dose", **setting) == pytest.approx(report.saturation_uGy)
    level = predicted("mtf_frequency", **setting, level=0.6)
    assert np.interp(level, report.frequency_per_mm, report.mtf) == pytest.approx(0.6)


def test_empty_bins_change_no_sum_and_make_beams_alike() -> None:
    bench = Bench({"odd": {"kvp": 60.5, "filters": [{"material": "Al", "thickness_mm": 3.0}], "source": "test"}})
    found = {name: report_beam(Setting(beam=name), bench) for name in ("RQA3", "RQA5", "paper_70kV", "RQA7", "odd")}
    for name in ("RQA3", "RQA5", "paper_70kV"):
        assert np.array_equal(found[name].energy_keV, np.arange(5.5, 70.0))
        assert air_kerma_uGy(found[name]) == pytest.approx(1.0, rel=1e-9)
    plain = beam_spectrum(load_beam("RQA3"), 1.0, 1.0)
    kept = found["RQA3"].fluence_per_mm2 > 0
    np.testing.assert_allclose(found["RQA3"].energy_keV[kept], plain.energy_keV, atol=1e-9)
    np.testing.assert_array_equal(found["RQA3"].fluence_per_mm2[kept], plain.fluence_per_mm2)
    assert (found["RQA7"].energy_keV[0], found["RQA7"].energy_keV[-1]) == (5.5, 89.5)
    assert found["odd"].energy_keV[-1] == pytest.approx(60.0)


def test_a_report_is_made_once_for_all_rows_that_ask_for_it() -> None:
    bench = Bench({}, **FEW)
    setting = Setting(scintillator=FILM, beam="paper_70kV", frequency_per_mm=1.0)
    for measure in ("mtf", "dqe", "nnps", "dqe0"):
        MEASURES[measure].predict(setting, bench)
    assert len(bench.reports) == 1
    MEASURES["mtf"].predict(replace(setting, cover=False), bench)
    assert len(bench.reports) == 2


def test_a_film_without_depth_has_no_swank_and_no_lubberts_effect() -> None:
    """A depth of a thousandth of the layer: all light comes from the first of the depths, the swank factor is 1."""
    setting = {"scintillator": FILM, "mean_free_path_um": 0.05}
    assert predicted("light_swank", **setting) == pytest.approx(1.0)
    assert predicted("light_lubberts", **setting, frequency_per_mm=2.0) == pytest.approx(1.0)
    deep = predicted("light_collected", scintillator=FILM, mean_free_path_um=320.0)
    assert predicted("light_collected", **setting) < deep  # further from the diodes


def test_diffusion_under_a_mirror_follows_its_closed_form() -> None:
    found = predicted("diffusing_film_mtf", thickness_um=75.0, transport_length_um=3.75, frequency_per_mm=2.0)
    depth = 4e-3 * np.pi * 75.0
    expected = np.tanh(depth) / depth / (1 + 0.7104 * depth / 20 * np.tanh(depth))
    (row,) = (row for row in load_published().rows if row.measure == "diffusing_film_mtf")
    assert row.published == pytest.approx(expected, abs=1e-4)
    assert found == pytest.approx(expected, abs=4 * 0.5 / np.sqrt(FEW["photons"]))  # of J0 with a spread of 0.5 at most


def test_the_diode_gets_less_through_more_nitride() -> None:
    setting = {"scintillator": FILM, "beam": "paper_70kV"}
    near, far = (predicted("diode_energy", **setting, nitride_um=thickness) for thickness in (0.0, 30.0))
    assert 0.0 < far < near < 0.2  # keV per photon
    track = predicted("diode_energy_of_a_track", **setting, nitride_um=0.0)
    assert 3.0 < track < 40.0


def test_half_the_energy_is_a_shorter_range_and_more_comes_back_from_lead_than_from_silicon() -> None:
    far, near = (predicted("electron_range", material="Si", energy_keV=energy) for energy in (20.0, 10.0))
    assert 0.25 < near / far < 0.35  # as the energy to the power of 1.5 to 2
    backscatter = [predicted("backscatter", material=name, energy_keV=20.0) for name in ("Si", "Pb")]
    assert backscatter[0] < 0.25 < backscatter[1] < 0.6


def test_late_lag_falls_with_the_slowest_traps() -> None:
    slowest_s = max(term.time_s for term in load_panel("fully_coated").lag)
    frames = [predicted("lag", frame=frame, frame_interval_s=slowest_s / 5) for frame in (1, 20, 21)]
    assert frames[2] / frames[1] == pytest.approx(np.exp(-0.2), rel=2e-3)  # float32, and the next traps' exp(-20)
    assert 0.0 < frames[1] < frames[0] < 0.1
    short = predicted("lag", frame=20, frames_on=1, frame_interval_s=slowest_s / 5)
    assert short < frames[1]  # one exposed frame fills the traps less than many


def test_the_first_scintillator_that_ships_counts() -> None:
    assert first_scintillator(("not_there", *FILM)).name == FILM[0]
    with pytest.raises(ValueError, match="no scintillator 'not_there'"):
        first_scintillator(("not_there",))


def row(deviation: float, group: str = "a", *, fitted: bool = False) -> ValidationRow:
    """A row that deviates."""
    return ValidationRow(
        group, "q", "", 1.0 + deviation, 1.0, None, None,
        deviation=deviation, fitted=fitted, reference="measured", source="s", note="", scintillator="",
    )  # fmt: skip


def test_fitted_rows_do_not_count_for_the_median() -> None:
    rows = [row(0.0, fitted=True), row(-0.03), row(0.01, "b"), row(0.02), row(0.0, "c", fitted=True)]
    assert median_deviation(rows) == pytest.approx(0.02)
    assert median_by_group(rows) == pytest.approx({"a": 0.025, "b": 0.01})
    assert median_deviation([row(0.5, fitted=True)]) == 0.0


def test_only_a_large_deviation_is_explained() -> None:
    known = {"note": "known", "beyond": "why"}
    plain = value("mass_attenuation", 0.2778, material="Al", energy_keV=60.0)
    (near,) = validation_rows(PublishedTable((replace(plain, **known),)))
    (far,) = validation_rows(PublishedTable((replace(plain, published=0.1, **known),)))
    (unexplained,) = validation_rows(PublishedTable((replace(plain, published=0.1),)))
    assert (near.note, far.note, unexplained.note) == ("known", "known; why", "not explained")


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (value("colour"), "'colour' asks for the measure 'colour'; known: absorbed_energy_fraction"),
        (value("mean_energy"), "'mean_energy' lacks the setting 'beam' of the measure 'mean_energy'"),
        (value("mean_energy", beam="RQA4"), "no beam 'RQA4'"),
        (value("mtf", scintillator=("salt",), beam="RQA5", frequency_per_mm=1.0), "no scintillator 'salt'"),
        (value("lag", frame=1, frame_interval_s=0.2, panel="glass"), "no panel 'glass'"),
    ],
)
def test_a_row_that_cannot_be_predicted_is_named(wrong: PublishedValue, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        check_table(PublishedTable((wrong,)))


def test_a_range_must_hold_the_value() -> None:
    with pytest.raises(ValueError, match="outside its range 2 to 3"):
        replace(value("mean_energy"), low=2.0, high=3.0)
    with pytest.raises(ValueError, match="both low and high"):
        replace(value("mean_energy"), low=0.5)
    with pytest.raises(ValueError, match="'mean_energy' has two rows"):
        PublishedTable((value("mean_energy"), value("mean_energy")))


def test_an_unknown_key_of_a_table_is_named(tmp_path: Path) -> None:
    text = '[[rows]]\nquantity = "q"\ngroup = "g"\nmeasure = "mean_energy"\npublished = 1.0\nsource = "s"\n'
    text += 'reference = "measured"\nsetting = { beem = "RQA5" }\n'
    (tmp_path / "own.toml").write_text(text)
    with pytest.raises(ValueError, match=r"unknown key 'rows\[0\].setting.beem' \(did you mean 'beam'\?\)"):
        load_published(tmp_path / "own.toml")
    with pytest.raises(FileNotFoundError, match="does not exist"):
        load_published(tmp_path / "none.toml")


def test_the_table_that_ships_can_be_predicted_and_names_its_sources() -> None:
    table = load_published()
    check_table(table)
    assert len(table.rows) >= 35
    assert all(len(row.source) > 20 for row in table.rows)
    own = [row for row in table.rows if row.reference == "own_monte_carlo"]
    assert all("written for this comparison" in row.source for row in own)
    assert len(own) < len(table.rows) / 3
    fitted = {row.quantity for row in table.rows if row.fitted}
    assert {name for name in fitted if "lag" not in name and "half-value" not in name} == {
        "film, MTF at 2/mm, 70 kV",
        "CsI, MTF at 2/mm, 70 kV",
        "CsI, Swank factor below the K edges, 33 keV",
        "CsI, frequency of MTF 0.5, 70 kV and 1 mm Cu",
    }
    assert sum("RQA" in name for name in fitted) == 4
    assert {row.setting.beam for row in table.rows} - {""} <= {*table.beams, *shipped("beam")}

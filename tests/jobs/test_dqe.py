"""The detective quantum efficiency from files, called from Python."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from radiography.files.frames import read_image, write_tiff
from radiography.jobs.dqe import DqeInput, dqe_to_json, measure_dqe
from tests.analysis.dqe_files import FLATS, OFFSET_DN, write_files


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_files(tmp_path_factory.mktemp("dqe"))


@pytest.fixture(scope="module")
def given(folder: Path) -> DqeInput:
    return DqeInput(
        edges=str(folder / "edge_*.tif"),
        flats=folder / "flats.tif",
        kerma_uGy=2.5,
        beam="RQA5",
        response=str(folder / "dose_*.tif"),
    )


@pytest.mark.slow
def test_the_conversion_function_is_measured_and_applied_first(given: DqeInput, tmp_path: Path) -> None:
    measured = measure_dqe(
        given, json_file=tmp_path / "dqe.json", csv_file=tmp_path / "dqe.csv", plot=tmp_path / "dqe.png"
    )
    assert measured.response.offset_dn == pytest.approx(OFFSET_DN, rel=0.01)
    assert measured.response.dn_per_uGy == pytest.approx(2000.0, rel=1e-3)
    assert measured.response.worst_nonlinearity < 1e-3
    assert measured.doubts == ()
    without = measure_dqe(replace(given, response=()))
    assert any("without an offset" in doubt for doubt in without.doubts)
    ratio = without.result.nnps["horizontal"].value / measured.result.nnps["horizontal"].value
    assert ratio == pytest.approx((5000 / (5000 + OFFSET_DN)) ** 2, rel=2e-3)

    found = json.loads((tmp_path / "dqe.json").read_text())
    assert found == json.loads(json.dumps(dqe_to_json(measured)))
    assert (found["measure"], found["edition"], found["kerma_uGy"]) == ("dqe", "IEC 62220-1-1:2015", 2.5)
    assert found["beam"] == {"name": "RQA5", "fluence_per_mm2_uGy": 29653.0, "source": "table of IEC 62220-1-1:2015"}
    for part in ("curves", "mtf", "nnps", "neq_per_mm2"):
        for curve in (found[part]["horizontal"], found[part]["vertical"]):
            assert len({len(curve[key]) for key in ("frequency_per_mm", "value", "standard_error")}) == 1
    assert set(found["dqe_zero"]) == {"value", "standard_error"}
    rows = list(csv.DictReader((tmp_path / "dqe.csv").read_text().splitlines()))
    assert float(rows[3]["dqe_vertical"]) == pytest.approx(found["curves"]["vertical"]["value"][3], rel=1e-6)
    assert (tmp_path / "dqe.png").read_bytes()[:4] == b"\x89PNG"


def test_one_edge_gives_one_direction(given: DqeInput, folder: Path) -> None:
    found = dqe_to_json(measure_dqe(replace(given, edges=folder / "edge_h.tif")))
    for part in ("curves", "mtf", "nnps", "neq_per_mm2"):
        assert found[part]["horizontal"] is None and found[part]["vertical"] is not None


def test_fluence_is_that_of_the_edition_of_the_tube_or_of_the_user(given: DqeInput, folder: Path) -> None:
    short = replace(given, edges=folder / "edge_h.tif", response=())
    table = measure_dqe(short)
    for change, value, edition in (
        ({"edition": "2003"}, 30174.0, "IEC 62220-1:2003"),
        ({"edition": "computed"}, pytest.approx(29653.0, rel=0.01), None),
        ({"beam": None, "fluence_per_mm2_uGy": 15000.0}, 15000.0, None),
    ):
        other = measure_dqe(replace(short, **change)).result
        assert other.fluence.per_mm2_uGy == value
        assert other.fluence.edition == edition
        assert other.dqe_zero * other.fluence.per_mm2_uGy == pytest.approx(table.result.dqe_zero * 29653.0)


def test_doses_may_be_told(given: DqeInput, folder: Path, tmp_path: Path) -> None:
    for kerma in (0.5, 2.5):
        dose = replace(FLATS, frames=1, mean_dn=2000 * kerma, kerma_uGy=kerma).make(3)
        np.save(tmp_path / f"flat_{kerma}.npy", dose[0])
    series = replace(given, edges=folder / "edge_h.tif", response=str(tmp_path / "*.npy"))
    with pytest.raises(ValueError, match=r"flat_0\.5\.npy does not say its air kerma: give --response-kerma"):
        measure_dqe(series)
    told = measure_dqe(replace(series, response_kerma="0.5,2.5"))
    assert told.response.dn_per_uGy == pytest.approx(2000.0, rel=1e-3)
    assert any("two doses only" in doubt for doubt in told.doubts)
    assert any("but --kerma says 2.5 uGy" in doubt for doubt in told.doubts)  # the flats have an offset, these none
    (tmp_path / "about.toml").write_text(
        '["flat_0.5.npy"]\nair_kerma_uGy = 0.5\n["flat_2.5.npy"]\nair_kerma_uGy = 2.5\n'
    )
    about = measure_dqe(replace(series, about=tmp_path / "about.toml"))
    assert about.response == told.response
    with pytest.raises(ValueError, match="--response-kerma gives 1 doses for 2 files"):
        measure_dqe(replace(series, response_kerma="0.5"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kerma_uGy": 0.0}, "--kerma must be positive, got 0 uGy"),
        ({"beam": None}, "either --beam NAME or --fluence Q"),
        ({"fluence_per_mm2_uGy": 1e4}, "either --beam NAME or --fluence Q"),
        ({"beam": None, "fluence_per_mm2_uGy": -1.0}, "--fluence must be positive, got -1"),
        ({"beam": "RQA6"}, "RQA6"),
        ({"edition": "1999"}, "--edition must be one of 2015, 2003, computed, got '1999'"),
    ],
)
def test_what_is_wrong_is_said_before_the_work(given: DqeInput, change: dict, message: str) -> None:
    with pytest.raises((ValueError, OSError), match=message):
        measure_dqe(replace(given, **change))


def test_an_edge_is_no_flat(given: DqeInput, folder: Path, tmp_path: Path) -> None:
    edge = read_image(folder / "edge_v.tif").pixels
    write_tiff(tmp_path / "a.tif", read_image(folder / "flats.tif", frame=0).pixels[:240, :220], 0.139, {})
    write_tiff(tmp_path / "b.tif", edge, 0.139, {})
    flats = [tmp_path / "a.tif", tmp_path / "b.tif"]
    with pytest.raises(ValueError, match=r"b\.tif is no flat: 50 % of it lie at 0\.0. of the rest"):
        measure_dqe(replace(given, flats=flats, block_px=128), json_file=tmp_path / "dqe.json")
    assert not (tmp_path / "dqe.json").exists()


def test_a_flat_is_no_edge(given: DqeInput, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"dose_2\.5\.tif: no edge found"):
        measure_dqe(replace(given, edges=folder / "dose_2.5.tif"), json_file=tmp_path / "dqe.json")
    assert not list(tmp_path.iterdir())

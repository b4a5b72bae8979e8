"""`radiography scintillator` as a user meets it: the table, the JSON, the plots, and one sentence for a wrong input."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from radiography.cli import run
from radiography.cli.scintillator import run_scintillator
from radiography.config import DATA_FOLDER
from radiography.jobs.scintillator import Effort

FEW = Effort(histories=500, photons=20_000, map_size=2)
FILM, CSI, PANELS = "CsPbBr3_75um", "CsI_Tl_500um", "CsI_Tl_published"
QUANTITIES = {
    "mtf",
    "quantum_detection_efficiency",
    "absorbed_energy_fraction",
    "swank_xray",
    "swank_optical",
    "swank_yield",
    "light_to_diode_fraction",
    "emission_peak_nm",
    "electrons_per_absorbed_quantum",
    "dqe0",
}


def report(names: list[str], folder: Path, beam: str = "paper_70kV", dose: float = 15.0, **options: object) -> dict:
    """JSON of a run with few photons."""
    path = folder / "out.json"
    choices = {"thickness": None, "degeneracy": None, "plot": None} | options
    run_scintillator(names, beam=beam, dose_uGy=dose, json_file=path, **choices, effort=FEW)
    return json.loads(path.read_text())


def test_one_layer_has_its_quantities_at_the_top(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = report([FILM], tmp_path)
    assert found.keys() >= QUANTITIES
    assert (found["scintillator"], found["beam"], found["panel"]) == (FILM, "paper_70kV", "fully_coated")
    mtf = found["mtf"]
    assert len(mtf["frequency_per_mm"]) == len(mtf["value"]) == len(mtf["standard_error"])
    assert mtf["value"][0] == 1.0 and mtf["standard_error"][0] < 1e-12
    at_2 = mtf["frequency_per_mm"].index(2.0)
    assert mtf["value"][at_2] == pytest.approx(0.72, abs=0.02)
    assert 0.001 < mtf["standard_error"][at_2] < 0.01
    factors = found["mtf_factors"]
    product = np.prod([factors[key] for key in ("xray", "optical", "aperture")], axis=0)
    # the rest is direct detection, which only the pixel blurs
    of_pixel, direct = np.array(factors["aperture"]), found["direct_signal_fraction"]
    assert (1 - direct) * product + direct * of_pixel == pytest.approx(np.array(factors["total"]), abs=0.002)
    low, high = found["dqe0_band"]
    assert low < found["dqe0"] < high
    assert np.array(found["dqe"]["band"])[:, 0] == pytest.approx([low, high], rel=1e-6)
    assert np.shape(found["dqe0_by_dose"]["band"]) == (2, len(found["dqe0_by_dose"]["value"]))
    assert found["dqe0_by_dose"]["air_kerma_uGy"][0] == 0.1 and found["dqe0_by_dose"]["air_kerma_uGy"][-1] == 100.0
    nps = found["nps_mm2"]
    assert nps["total"][3] == pytest.approx(
        sum(nps[cause][3] for cause in ("quantum", "light", "direct", "electronic"))
    )
    printed = capsys.readouterr().out
    assert "MTF of 0.72 at 2 /mm" in printed and "RQA5, 15 uGy" in printed and "paper_70kV, 15 uGy" in printed


@pytest.mark.slow
def test_several_layers_stand_under_their_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = report([FILM, CSI, PANELS], tmp_path, beam="RQA5", plot=tmp_path / "plot.png")
    assert list(found["scintillators"]) == [FILM, CSI, PANELS]
    assert found["scintillators"][CSI].keys() >= QUANTITIES
    assert found["scintillators"][CSI]["dqe0"] > 5 * found["scintillators"][FILM]["dqe0"]
    assert (tmp_path / "plot.png").read_bytes()[:4] == b"\x89PNG"
    printed = capsys.readouterr().out
    assert "MTF of 0.36 at 2 /mm" in printed
    assert "MTF of 0.5 at 1.29 /mm" in printed
    assert printed.count("RQA5, 15 uGy") == 3  # once for each layer, not twice


@pytest.mark.slow
def test_thickness_gives_a_list_for_each_quantity(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = report([FILM], tmp_path, thickness="50:100:25", plot=tmp_path / "plot.svg")
    assert found["thickness_um"] == [50.0, 75.0, 100.0]
    assert all(len(found[key]) == 3 for key in QUANTITIES)
    assert found["quantum_detection_efficiency"] == sorted(found["quantum_detection_efficiency"])
    assert found["nominal"]["thickness_um"] == 75.0
    assert (tmp_path / "plot.svg").stat().st_size > 1000
    assert f"{FILM} by thickness" in capsys.readouterr().out


@pytest.mark.slow
def test_degeneracy_draws_what_the_mtf_leaves_open(tmp_path: Path) -> None:
    report([FILM], tmp_path, degeneracy=tmp_path / "map.png")
    assert (tmp_path / "map.png").read_bytes()[:4] == b"\x89PNG"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["map.png", "out.json"]


def test_a_users_file_is_reported_on_without_the_papers_number(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (DATA_FOLDER / "scintillators" / f"{FILM}.toml").read_text(encoding="utf-8")
    own = tmp_path / "own.toml"
    own.write_text(
        text.replace(f'name = "{FILM}"', 'name = "own"').replace("thickness_um = 75.0", "thickness_um = 40.0")
    )
    found = report([str(own)], tmp_path)
    assert (found["scintillator"], found["thickness_um"]) == ("own", 40.0)
    assert "Chen et al." not in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing"], "no scintillator 'nothing'"),
        (["missing.toml"], "missing.toml does not exist"),
        ([FILM, FILM], f"scintillator '{FILM}' is named twice"),
        ([FILM, "--beam", "RQA4"], "no beam 'RQA4'"),
        ([FILM, "--dose", "0"], "--dose must be above 0 uGy, got 0"),
        ([FILM, "--dose", "-3"], "--dose must be above 0 uGy, got -3"),
        ([FILM, "--dose", "nan"], "--dose must be above 0 uGy, got nan"),
        ([FILM, "--thickness", "25-200"], "--thickness must be A:B:STEP in um such as 25:200:25, got '25-200'"),
        ([FILM, "--thickness", "0:200:25"], "--thickness must rise from above 0 in steps above 0, got '0:200:25'"),
        ([FILM, "--thickness", "200:25:25"], "--thickness must rise"),
        ([FILM, "--thickness", "25:200:0"], "--thickness must rise"),
        ([FILM, "--thickness", "1:200:1"], "--thickness takes at most 50 thicknesses, got 200"),
        ([FILM, "--plot", "plot.txt"], "plot.txt must end in .png or .pdf or .svg"),
        ([FILM, "--json", "no/such/folder.json"], "the folder no/such does not exist"),
        ([CSI, "--degeneracy", "map.png"], f"--degeneracy is for one scattering film, got {CSI}"),
        ([FILM, CSI, "--degeneracy", "map.png"], "--degeneracy is for one scattering film"),
    ],
)
def test_a_wrong_input_is_one_sentence_and_leaves_nothing(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["scintillator", *arguments]) == 2
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_nothing_is_left_when_a_plot_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("no space")

    monkeypatch.setattr("radiography.figures.layer_plots.layer_figure", fail)
    with pytest.raises(OSError, match="no space"):
        report([FILM], tmp_path, plot=tmp_path / "plot.png")
    assert not list(tmp_path.iterdir())


@pytest.mark.long
def test_the_whole_command_with_its_own_statistics(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "both.json"
    assert run(["scintillator", FILM, CSI, "--json", str(path), "--plot", str(tmp_path / "both.pdf")]) == 0
    found = json.loads(path.read_text())["scintillators"]
    for name, expected in ((FILM, 0.72), (CSI, 0.36)):
        mtf = found[name]["mtf"]
        at_2 = mtf["frequency_per_mm"].index(2.0)
        assert mtf["value"][at_2] == pytest.approx(expected, abs=0.006)
        assert mtf["standard_error"][at_2] < 0.002
    assert len(capsys.readouterr().out.splitlines()) > 60

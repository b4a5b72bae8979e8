"""`radiography fit` as a user meets it: files in, files out, one sentence for every wrong input."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from radiography.cli import run
from radiography.cli.fit import light_option, vary_option
from radiography.config import load_scintillator

FREQUENCY = np.arange(0.0, 4.1, 0.25)
MTF = np.sinc(0.139 * FREQUENCY) / (1.0 + (FREQUENCY / 2.3) ** 2)
LAYER = """
name = "measured"
description = "a \\"layer\\" whose spread was measured"
thickness_um = 75.0
parts = [{material = "CsPbBr3", volume_fraction = 0.52}]
[light]
yield_per_keV = 21.0
[[decay]]
amplitude_fraction = 1.0
time_ns = 12.0
[spread]
half_frequency_per_mm = 1.0
collection_fraction = 0.3
swank_optical = 0.9
origin = "measured"
note = "for tests"
[spread.emission]
peak_nm = 530.0
fwhm_nm = 20.0
"""
VARY = "spread.half_frequency_per_mm=0.5:10"


def _table(path: Path, *columns: np.ndarray, head: str = "") -> Path:
    np.savetxt(path, np.stack(columns, axis=1), delimiter=",", header=head, comments="")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A scintillator file and its MTF."""
    (tmp_path / "layer.toml").write_text(LAYER)
    _table(tmp_path / "mtf.csv", FREQUENCY, MTF, head="f [1/mm],MTF")
    return tmp_path


def _fit(folder: Path, *more: str, vary: str = VARY, mtf: str = "mtf.csv", out: str = "fitted.toml") -> int:
    files = [str(folder / "layer.toml"), "--mtf", str(folder / mtf), "--out", str(folder / out)]
    return run(["fit", *files, "--vary", vary, *more])


@pytest.mark.slow
def test_the_fitted_layer_is_a_scintillator_again(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _fit(folder, "--json", str(folder / "fit.json"), "--plot", str(folder / "fit.png")) == 0
    fitted = load_scintillator(str(folder / "fitted.toml"))
    assert fitted.name == "fitted"
    assert fitted.spread is not None
    assert fitted.spread.half_frequency_per_mm == pytest.approx(2.3, rel=1e-3)
    assert fitted.description == 'a "layer" whose spread was measured'
    text = (folder / "fitted.toml").read_text()
    assert "# Fitted from" in text and "MTF of mtf.csv" in text and "degrees of freedom" in text
    result = json.loads((folder / "fit.json").read_text())
    (parameter,) = result["parameters"]
    assert parameter["determined"] is True
    assert parameter["bounds"] == [0.5, 10.0]
    assert 0 < parameter["standard_error"] < 0.1
    assert result["degrees_of_freedom"] == FREQUENCY.size - 2  # not counting zero frequency, less one parameter
    assert (folder / "fit.png").stat().st_size > 10_000
    printed, said = capsys.readouterr()
    assert "warning: mtf.csv gives no standard errors: 0.005 is assumed" in said
    assert "2.3" in printed and "yes" in printed


@pytest.mark.slow
def test_light_and_nps_are_taken_in(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    above = FREQUENCY[1:]
    _table(folder / "nps.csv", above, 40.0 * MTF[1:] ** 2 + 5.0)
    more = ("--nps", str(folder / "nps.csv"), "--light", "0.40+-0.02", "--vary", "spread.collection_fraction=0.1:0.9")
    assert _fit(folder, *more, "--plot", str(folder / "fit.svg")) == 0
    fitted = load_scintillator(str(folder / "fitted.toml"))
    assert fitted.spread is not None
    assert fitted.spread.collection_fraction == pytest.approx(0.4, abs=2e-3)
    assert "fraction of light 0.4 +- 0.02" in (folder / "fitted.toml").read_text()
    assert "nps.csv gives no standard errors" in capsys.readouterr().err


def test_options_are_read() -> None:
    found = vary_option("thickness_um = 30:150")
    assert (found.key, found.low, found.high) == ("thickness_um", 30.0, 150.0)
    assert light_option("0.21 ± 0.02") == (0.21, 0.02)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("thickness_um", "--vary must be KEY=LOW:HIGH"),
        ("thickness_um=30", "--vary must be KEY=LOW:HIGH"),
        ("thickness_um=a:b", "--vary must be KEY=LOW:HIGH"),
        ("thickness_um=150:30", "bounds of thickness_um must be two finite rising numbers, got 150:30"),
        ("thickness_um=1:inf", "two finite rising numbers, got 1:inf"),
    ],
)
def test_a_wrong_vary_is_one_sentence(text: str, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        vary_option(text)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ("f,MTF\n", "holds no rows of frequency and MTF"),
        ("f,MTF\n1,0.9\n2,high\n", "line 3: '2,high' is not a row of numbers"),
        ("1,0.9\n2,0.8,0.01\n", "line 2: a row must hold 2 numbers as before, got 3"),
        ("1\n", "line 1: a row must hold frequency, MTF and perhaps standard error, got 1"),
        ("1,90\n2,72\n", "not in percent"),
        ("1,0.9\n20,0.1\n", "up to 16 /mm, got 20 /mm"),
    ],
)
def test_an_unreadable_curve_is_one_sentence_and_no_file(
    folder: Path, capsys: pytest.CaptureFixture[str], content: str, match: str
) -> None:
    (folder / "bad.csv").write_text(content)
    before = sorted(folder.iterdir())
    assert _fit(folder, mtf="bad.csv") == 2
    complaint = capsys.readouterr().err
    assert match in complaint
    assert complaint.count("\n") == 1
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize(
    ("more", "match"),
    [
        (("--light", "0.3"), "--light must be VALUE+-SE"),
        (("--light", "30+-1"), "fraction above 0 and up to 1"),
        (("--json", "nowhere/fit.json"), "does not exist"),
        (("--plot", "fit.txt"), "must end in .png or .pdf or .svg"),
        (("--vary", "spread.halves=1:2"), "leads to no number"),
        (("--vary", "spread.swank_optical=0.5:2"), "less than or equal to 1"),
        (("--aperture", "-1"), "aperture must be a length of 0 or more"),
    ],
)
def test_a_wrong_option_is_one_sentence_and_no_file(
    folder: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], match: str
) -> None:
    before = sorted(folder.iterdir())
    assert _fit(folder, *more) == 2
    complaint = capsys.readouterr().err
    assert match in complaint
    assert complaint.count("\n") == 1
    assert sorted(folder.iterdir()) == before

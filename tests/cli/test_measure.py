"""`radiography measure` as a user meets it: table, JSON, trend, and one sentence for what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from radiography.cli import run
from radiography.files.frames import tiff_pages


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    """Three corrected frames of 10,000 DN with a noise of 50."""
    rng = np.random.default_rng(1)
    with tiff_pages(tmp_path / "flat.tif", 0.4, {"kind": "corrected"}) as write_page:
        for _ in range(3):
            write_page((10000.0 + 50.0 * rng.standard_normal((200, 240))).astype(np.float32), None)
    return tmp_path / "flat.tif"


def test_the_table_says_number_error_and_where_noise_comes_from(flat: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["measure", "snr", str(flat)]) == 0
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert lines[0] == f"{flat.name}: snr of 3 frames" and lines[1] == "noise from differences of frames"
    assert lines[2].split() == ["quantity", "value", "standard_error"]
    assert lines[3].startswith("SNR per pixel") and float(lines[3].split()[3]) == pytest.approx(200, rel=0.01)
    assert printed.err == ""


def test_json_goes_to_standard_output_or_a_file(flat: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["measure", "uniformity", str(flat), "--json", "-"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["measure"] == "uniformity" and told["block_mm"] == 10.0
    assert "noise alone would give" in told["warnings"][0]
    out = flat.with_suffix(".json")
    assert run(["measure", "uniformity", str(flat), "--block", "5", "--json", str(out), "--quiet"]) == 0
    assert capsys.readouterr().out == "" and json.loads(out.read_text())["block_mm"] == 5.0


def test_the_trend_is_printed(flat: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = flat.with_name("first.json")
    assert run(["measure", "snr", str(flat), "--json", str(first)]) == 0
    assert run(["measure", "snr", str(flat), "--roi", ":100,:", "--earlier", str(first)]) == 0
    printed = capsys.readouterr()
    assert "snr: " in printed.out and "since the baseline" in printed.out
    assert "was measured with roi [0, 200, 0, 240], this one with [0, 100, 0, 240]" in printed.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sharpness"], "'sharpness' is not one of 'lag', 'uniformity', 'snr'"),
        (["snr", "--roi", "5"], "--roi must be "),
        (["cnr", "--roi", "0:99,0:99", "--background", "5"], "--background must be "),
        (["linearity", "--dose", "1,two"], "--dose must be numbers such as 1,2,5, got '1,two'"),
        (["step-wedge", "--thickness", "1,nan,3"], "--thickness must be numbers such as 1,2,5, got '1,nan,3'"),
        (["uniformity", "--block", "-1"], "--block must be above 0, got -1"),
        (["snr", "--block", "5"], "--block is for uniformity, not for snr"),
        (["lag"], "no frame of the 3 follows an exposed one without beam"),
        (["duplex"], "no pair of wires is resolved"),
        (["snr", "--plot", "a.gif"], "a.gif must end in .png or .pdf or .svg"),
        (["snr", "--csv", "a.txt"], "a.txt must end in .csv"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    arguments: list[str], message: str, flat: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kind, *options = arguments
    assert run(["measure", kind, str(flat), *options]) == 2
    printed = capsys.readouterr().err
    assert message in printed and printed.count("\n") == 1
    assert [path.name for path in flat.parent.iterdir()] == ["flat.tif"]

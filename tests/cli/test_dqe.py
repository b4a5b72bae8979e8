"""`radiography dqe` as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from radiography.cli import run
from tests.analysis.dqe_files import write_files


def test_the_command_prints_what_was_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_files(tmp_path)
    files = ["--edge", str(folder / "edge_v.tif"), str(folder / "edge_h.tif"), "--flats", str(folder / "flats.tif")]
    assert run(["dqe", *files, "--kerma", "2.5", "--beam", "RQA5", "--response", str(folder / "dose_*.tif")]) == 0
    printed = capsys.readouterr()
    assert "table of IEC 62220-1-1:2015; 2.5 uGy" in printed.out
    assert "DN per uGy, offset" in printed.out and "DQE(0) 0." in printed.out
    assert "flats: only" in printed.err
    assert run(["dqe", *files, "--kerma", "3", "--fluence", "3e4", "--json", "-", "--quiet"]) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["beam"]["source"] == "given by the user"
    assert "says an air kerma of 2.5 uGy; --kerma 3 is used" in printed.err
    assert run(["dqe", *files, "--kerma", "3"]) == 2
    assert "either --beam NAME or --fluence Q" in capsys.readouterr().err

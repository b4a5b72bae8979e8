"""`radiography report` of pictures: what is refused, in a sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from radiography.cli import run
from radiography.files.frames import write_tiff
from radiography.jobs.benchmark_report import can_report

pytestmark = pytest.mark.skipif(not can_report(), reason="plotly or Jinja2 is not installed")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--part", "0:50,0:20"], "a region of a.tif must lie within 40 rows and 56 columns, got 0:50,0:20"),
        (["--edge-roi", "0:40,0:56"], "a.tif"),
        (["--part", "x"], "must be R0:R1,C0:C1"),
    ],
)
def test_a_region_that_cannot_be_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    (tmp_path / "in").mkdir()
    noise = np.random.default_rng(1).normal(100.0, 1.0, (40, 56)).astype(np.float32)
    write_tiff(tmp_path / "in" / "a.tif", noise, 0.1, {"kind": "corrected"})
    assert run(["report", str(tmp_path / "in"), "--out", str(tmp_path / "p.html"), *words]) == 2
    assert message in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_a_folder_without_pictures_and_a_part_of_no_pictures_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    assert run(["report", str(tmp_path / "in"), "--out", str(tmp_path / "p.html")]) == 2
    assert "in holds no file of frames" in capsys.readouterr().err
    assert run(["report", "x.cal", "--part", "0:9,0:9", "--out", str(tmp_path / "p.html")]) == 2
    assert "--part is for a report of pictures" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["a.tif", "--kerma", "5"],
        ["a.tif", "--flags", "flags.tif"],
        ["a.tif", "--edition", "2003"],
        ["a.tif", "--no-pictures"],
        ["x.cal", "--edge-roi", "0:30,0:30"],
        ["x.cal", "--pitch", "0.1"],
        ["a.tif", "--edge", "e.tif"],
    ],
)
def test_an_option_that_a_page_has_no_use_for_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    noise = np.random.default_rng(1).normal(100.0, 1.0, (40, 56)).astype(np.float32)
    write_tiff(tmp_path / "a.tif", noise, 0.1, {"kind": "corrected"})
    assert run(["report", "--out", "p.html", *words]) == 2
    told = capsys.readouterr().err
    assert words[1] in told and told.count("\n") == 1
    assert not (tmp_path / "p.html").exists()

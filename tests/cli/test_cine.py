"""`radiography export --cine`: what it refuses, in one sentence each, and what it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from radiography.cli import run
from radiography.files.frames import write_tiff

ROWS, COLS, COUNT = 40, 56, 6
ABOUT = {"kind": "corrected", "frame_interval_s": 0.04, "date": "2024-03-01T12:00:00"}


def sequence() -> np.ndarray:
    return np.random.default_rng(5).poisson(9000.0, (COUNT, ROWS, COLS)).astype(np.float32)


@pytest.fixture(scope="module")
def corrected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cine") / "corrected.tif"
    write_tiff(path, list(sequence()), 0.139, ABOUT)
    return path


def test_a_sequence_is_written_and_read_like_any_other_file(
    corrected: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "cine.dcm")
    assert run(["export", str(corrected), "--cine", "--for-processing", "--out", out]) == 0
    assert "DICOM RF of 6 frames linear, for processing, 40 ms from frame to frame, 0.139 mm" in capsys.readouterr().out
    assert run(["info", out]) == 0
    said = capsys.readouterr().out
    assert "6 frames" in said and "0.04" in said
    assert run(["measure", "snr", out, "--json", str(tmp_path / "snr.json")]) == 0
    picture = str(tmp_path / "picture.dcm")
    assert run(["export", str(corrected), "--cine", "--frame-time", "66.7", "--out", picture]) == 0
    assert "says 40 ms from frame to frame, --frame-time 66.7 ms is taken" in capsys.readouterr().err
    assert run(["mtf", picture, "--frame", "2"]) == 2  # no measurement in what was made to look at
    assert "for presentation" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--frame-time 0", "the frame time must be above 0"),
        ("--frame-time nan", "the frame time must be above 0"),
        ("--frames 4:2", "--frames must be A:B with 0 <= A < B <= 6"),
        ("--frames 0:7", "--frames must be A:B with 0 <= A < B <= 6"),
        ("--frames x", "--frames must be A:B"),
        ("--frame 3", "--frame is for single images and does not go with --cine"),
        ("--compress rle", "--compress is for single images"),
        ("--out {given}", "would be overwritten"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(
    corrected: Path, tmp_path: Path, options: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = options.format(given=corrected).split()
    out = [] if "--out" in words else ["--out", str(tmp_path / "x.dcm")]
    assert run(["export", str(corrected), "--cine", *out, *words]) == 2
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_frame_time_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_tiff(tmp_path / "a.tif", list(sequence()), 0.139, {"kind": "corrected"})
    line = ["export", str(tmp_path / "a.tif"), "--cine", "--out", str(tmp_path / "x.dcm")]
    assert run(line) == 2
    assert "does not say the time from frame to frame: give --frame-time in ms" in capsys.readouterr().err
    assert run([*line[:2], "--frame-time", "40", *line[3:]]) == 2
    assert "--frame-time and --frames are for sequences: give --cine as well" in capsys.readouterr().err
    write_tiff(tmp_path / "b.tif", sequence()[0], 0.139, ABOUT)
    assert run(["export", str(tmp_path / "b.tif"), *line[2:]]) == 2
    assert "holds 1 frame; --cine needs several" in capsys.readouterr().err
    write_tiff(tmp_path / "c.tif", [np.zeros((ROWS, COLS), np.float32)] * 2, 0.139, ABOUT)
    assert run(["export", str(tmp_path / "c.tif"), *line[2:]]) == 2
    assert "are all frames dark?" in capsys.readouterr().err
    assert not (tmp_path / "x.dcm").exists()

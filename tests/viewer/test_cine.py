"""Sequences in programs that others wrote: every frame's grey levels, number of frames, frame time and spacing.

`dcm2pnm` (apt: dcmtk) draws one frame at a time; dwv is installed as `test_viewers.py` beside this file says.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest
import skimage.io

from radiography.files.frames import write_tiff
from radiography.jobs.export_cine import export_cine
from tests.viewer.in_dwv import needs_dwv, shown_by_dwv

PITCH_MM = 0.139
ROWS, COLS, COUNT = 160, 200, 5
TIME_MS = 66.6667
ABOUT = {"kind": "corrected", "frame_interval_s": TIME_MS / 1e3, "date": "2024-03-01T12:00:00"}

needs_dcmtk = pytest.mark.skipif(shutil.which("dcm2pnm") is None, reason="dcm2pnm is not installed (apt: dcmtk)")


def exposure() -> np.ndarray:
    """A disc of a tenth that moves to the right, over a wedge of 8 steps whose exposure halves; off in the last.

    A corner holds more and less than all else: dwv 0.36 narrows a window to the counts of the first frame.
    """
    row, col = np.mgrid[:ROWS, :COLS]
    frames = []
    for number in range(COUNT):
        mean = np.full((ROWS, COLS), 40000.0)
        mean[(row - 50) ** 2 + (col - 30 - 35 * number) ** 2 < 20**2] = 4000.0
        for k in range(8):
            mean[120:150, 20 + 20 * k : 40 + 20 * k] = 40000.0 * 0.5**k
        mean[:3, :3], mean[:3, 3:6] = 80000.0, 0.0
        frames.append(mean if number < COUNT - 1 else np.zeros_like(mean))
    return np.asarray(frames, np.float32)


@pytest.fixture(scope="module", params=["presentation", "processing"])
def sequence(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cine")
    write_tiff(folder / "run.tif", list(exposure()), PITCH_MM, ABOUT)
    export_cine(folder / "run.tif", folder / "run.dcm", for_processing=request.param == "processing")
    return folder / "run.dcm"


def expected_levels(path: Path) -> np.ndarray:
    """8-bit level of every pixel by DICOM PS3.3 C.11.2.1.2.1, of linear counts from the least to the largest."""
    written = pydicom.dcmread(path)
    stored = written.pixel_array.astype(np.float64)
    if "WindowCenter" in written:
        center, width = float(written.WindowCenter), float(written.WindowWidth)
        return np.clip(((stored - (center - 0.5)) / (width - 1) + 0.5) * 255, 0, 255)
    return (stored - stored.min()) / np.ptp(stored) * 255


def check_the_disc_moves(shown: np.ndarray, sign: int) -> None:
    """In each lit frame the disc stands where it was put, and nowhere else; thick parts are bright in pictures."""
    for number in range(COUNT - 1):
        at = [sign * int(shown[number, 50, 30 + 35 * k]) for k in range(COUNT - 1)]
        assert int(np.argmax(at)) == number and at[number] > max(at[:number] + at[number + 1 :]) + 20


@needs_dcmtk
def test_dcmtk_draws_every_frame(sequence: Path, tmp_path: Path) -> None:
    expected = expected_levels(sequence)
    picture = "WindowCenter" in pydicom.dcmread(sequence, stop_before_pixels=True)
    shown = []
    for number in range(COUNT):
        window = ["+Wi", "1"] if picture else []
        words = ["dcm2pnm", "+F", str(number + 1), *window, "+on", str(sequence), "one.png"]
        subprocess.run(words, check=True, capture_output=True, cwd=tmp_path)
        shown.append(np.asarray(skimage.io.imread(tmp_path / "one.png")))
    levels = np.asarray(shown)
    assert levels.shape == (COUNT, ROWS, COLS)
    if picture:  # one window for all: each level is the standard's, and the same exposure the same grey in all frames
        assert np.abs(levels - expected).max() <= 2
        assert len(np.unique(levels[: COUNT - 1, 5, 5])) == 1
    check_the_disc_moves(levels, 1 if picture else -1)


@pytest.mark.slow
@needs_dwv
def test_a_web_viewer_shows_every_frame_at_its_time(sequence: Path) -> None:
    shown = shown_by_dwv("dwv_cine_page.html", sequence, ROWS, COLS)
    assert shown["grey"].shape == (COUNT, ROWS, COLS)
    assert int(shown["frame_count"][0]) == COUNT
    assert float(shown["frame_time"][0]) == pytest.approx(TIME_MS)
    assert int(shown["rate"][0]) == 15
    assert shown["spacing"] == pytest.approx([PITCH_MM] * 2, rel=1e-9)
    written = pydicom.dcmread(sequence, stop_before_pixels=True)
    if "WindowCenter" in written:
        window = [float(written.WindowCenter), float(written.WindowWidth)]
        assert shown["windows"] == [window] * COUNT
    levels = shown["grey"].astype(np.float64)
    assert np.abs(levels - expected_levels(sequence)).max() <= 2
    check_the_disc_moves(shown["grey"], 1 if "WindowCenter" in written else -1)

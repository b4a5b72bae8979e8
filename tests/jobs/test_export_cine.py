"""Sequences from files of frames: one curve for all frames, values that come back, and what is refused."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pydicom
import pytest

from radiography.files.frames import iterate_frames, open_frames, write_tiff
from radiography.jobs.export_cine import export_cine
from radiography.presentation.sequence import (
    COUNTS_PER_NEPER,
    HEADROOM,
    SEQUENCE_MAXIMUM,
    display_counts,
    frame_squares,
    sequence_curve,
)

ROWS, COLS, COUNT = 72, 96, 6
OPEN_DN = 20000.0
ABOUT = {"kind": "corrected", "frame_interval_s": 0.04, "date": "2024-03-01T12:00:00"}


def sequence(count: int = COUNT, rows: int = ROWS, cols: int = COLS) -> np.ndarray:
    """A disc of a tenth moves through an open field; the beam is off in the last frame; noise."""
    rng = np.random.default_rng(5)
    row, col = np.mgrid[:rows, :cols]
    frames = []
    for number in range(count):
        mean = np.full((rows, cols), OPEN_DN)
        mean[(row - rows / 2) ** 2 + (col - 20 - 8 * number) ** 2 < 200] *= 0.1
        lit = rng.poisson(mean) if number < count - 1 else np.zeros((rows, cols))
        frames.append(lit + rng.normal(0.0, 3.0, (rows, cols)))
    made = np.asarray(frames, np.float32)
    made.flags.writeable = False
    return made


@pytest.fixture(scope="module")
def corrected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cine") / "corrected.tif"
    write_tiff(path, list(sequence()), 0.139, ABOUT)
    return path


def test_a_picture_of_a_frame_does_not_depend_on_the_others(corrected: Path, tmp_path: Path) -> None:
    made = export_cine(corrected, tmp_path / "one.dcm")
    assert (made.frames, made.frame_time_ms, made.warnings) == (COUNT, pytest.approx(40.0), ())
    written = pydicom.dcmread(tmp_path / "one.dcm")
    shown = written.pixel_array
    curve = sequence_curve([frame_squares(frame, 10_000) for frame in sequence()])
    assert curve.open_field_dn == pytest.approx(OPEN_DN, rel=0.01)
    for frame, picture in zip(sequence(), shown, strict=True):
        attenuation = np.log(curve.open_field_dn / np.maximum(frame.astype(np.float64), 1e-9))
        expected = np.clip((attenuation + HEADROOM) * COUNTS_PER_NEPER, 0, SEQUENCE_MAXIMUM)
        assert np.abs(picture - expected).max() < 0.51  # rounding, and float32
    open_field = np.median(shown[:-1, :8, :8], axis=(1, 2))
    assert np.ptp(open_field) <= 2  # noise of a median of 64 pixels: 0.5 counts rms
    assert np.median(shown[-1]) == SEQUENCE_MAXIMUM  # beam off: nothing arrived
    low = float(written.WindowCenter) - float(written.WindowWidth) / 2
    assert low < shown[0, ROWS // 2, 20] < low + float(written.WindowWidth)  # the disc is in the window


def test_integers_and_floats_are_shown_alike() -> None:
    counts = np.arange(0, 65536, 7, dtype=np.uint16).reshape(1, -1)
    floats = display_counts(counts.astype(np.float32), OPEN_DN)
    np.testing.assert_array_equal(display_counts(counts, OPEN_DN), floats)
    assert (np.diff(floats.astype(int)) <= 0).all()  # never rises with exposure
    assert display_counts(np.float32([[np.nan, -5.0, 0.0, np.inf]]), OPEN_DN).tolist() == [[4095, 4095, 4095, 0]]


def test_linear_values_come_back_on_one_scale(corrected: Path, tmp_path: Path) -> None:
    made = export_cine(corrected, tmp_path / "linear.dcm", for_processing=True)
    source = open_frames(tmp_path / "linear.dcm")
    assert (source.stage, source.conditions.frame_interval_s, source.pitch_mm) == ("corrected", 0.04, 0.139)
    step_dn = 0.5  # of 2 counts per DN
    assert made.scale.startswith("stored = 2 x DN")
    for frame, read in zip(sequence(), iterate_frames(source), strict=True):
        assert np.abs(read - frame).max() <= 0.5 * step_dn


def test_raw_counts_are_stored_as_they_are(tmp_path: Path) -> None:
    raw = np.random.default_rng(2).integers(90, 60000, (3, ROWS, COLS)).astype(np.uint16)
    np.save(tmp_path / "raw.npy", raw)
    made = export_cine(
        tmp_path / "raw.npy", tmp_path / "raw.dcm", for_processing=True, frame_time_ms=33.3, pitch_mm=0.1
    )
    assert made.scale == "stored = 1 x DN + 0"
    np.testing.assert_array_equal(pydicom.dcmread(tmp_path / "raw.dcm").pixel_array, raw)


def test_some_frames_are_chosen(corrected: Path, tmp_path: Path) -> None:
    made = export_cine(corrected, tmp_path / "some.dcm", for_processing=True, frames="2:4")
    assert made.frames == 2
    found = list(iterate_frames(open_frames(tmp_path / "some.dcm")))
    assert np.abs(found[0] - sequence()[2]).max() <= 0.25


@pytest.mark.slow
@pytest.mark.parametrize("for_processing", [False, True])
def test_a_sequence_is_exported_in_the_memory_of_a_frame(tmp_path: Path, for_processing: bool) -> None:
    frame = sequence(2, 240, 320)[0]
    peaks = []
    for count in (4, 4, 40):  # the first one warms up
        write_tiff(tmp_path / f"{count}.tif", (frame + number for number in range(count)), 0.139, ABOUT)
        tracemalloc.start()
        export_cine(tmp_path / f"{count}.tif", tmp_path / f"{count}.dcm", for_processing=for_processing)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    sampled = 8_000_000  # rows of all frames that set the steps: 300,000 pixels, and what is computed of them
    assert peaks[2] - peaks[1] < frame.nbytes + for_processing * sampled

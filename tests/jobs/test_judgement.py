"""Files that are no raw frames, of another panel, or say what cannot be believed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile

from radiography.files.frames import iterate_frames, open_frames, read_image
from radiography.jobs.calibrate import calibrate_panel
from radiography.jobs.export import export_image
from radiography.jobs.measure import measure_mtf
from radiography.jobs.reconstruct import reconstruct_frames
from tests.dicom.dicom_frames import write_frames

ONE_PANEL = {"DetectorID": "A", "DeviceSerialNumber": "7"}


def raw_dicom(line: Path, name: str, path: Path, **said: object) -> Path:
    """The raw frames of a simulated TIFF as a panel's DICOM object."""
    return write_frames(path, np.stack(list(iterate_frames(open_frames(line / name)))), **said)


def test_a_corrected_image_is_not_corrected_again(line: Path, tmp_path: Path) -> None:
    image = line / "edge_corrected.tif"
    with pytest.raises(
        ValueError, match=r"edge_corrected\.tif is a corrected image, as it says itself; raw frames are"
    ):
        reconstruct_frames(image, line / "small.cal", tmp_path / "again.tif")
    for frames, kind in (((image, line / "flat.tif"), "dark"), ((line / "dark.tif", image), "flat")):
        with pytest.raises(ValueError, match=f"raw {kind} frames are needed"):
            calibrate_panel(*frames, tmp_path / "set.cal")
    assert not list(tmp_path.iterdir())


def test_a_flag_plane_is_no_frame(line: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is a plane of flags, variances or defects"):
        reconstruct_frames(line / "edge_corrected_flags.tif", line / "small.cal", tmp_path / "again.tif")
    with pytest.raises(ValueError, match=r"is a plane of flags.* needs one that is linear"):
        export_image(line / "edge_corrected_flags.tif", tmp_path / "flags.dcm")


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ({"PresentationIntentType": "FOR PRESENTATION"}, "is a picture for presentation"),
        ({"PixelIntensityRelationship": "LOG"}, "is logarithmic in exposure"),
        ({"DerivationDescription": "gain and offset corrected"}, "is a corrected image"),
    ],
)
def test_processed_dicom_frames_are_refused(line: Path, tmp_path: Path, said: dict[str, object], what: str) -> None:
    edge = raw_dicom(line, "edge.tif", tmp_path / "edge.dcm", **said)
    with pytest.raises(ValueError, match=rf"edge\.dcm {what}, as it says itself; raw frames are needed"):
        reconstruct_frames(edge, line / "small.cal", tmp_path / "edge.tif")
    if what != "is a corrected image":
        with pytest.raises(ValueError, match=rf"{what}, .*; an MTF needs one that is linear in exposure"):
            measure_mtf(edge)
        with pytest.raises(ValueError, match=rf"{what}, .*; the export needs one that is linear in exposure"):
            export_image(edge, tmp_path / "again.dcm")
    assert [path.name for path in tmp_path.iterdir()] == ["edge.dcm"]


def test_a_frame_of_another_panel_is_refused(line: Path, tmp_path: Path) -> None:
    dark, flat, edge = (
        raw_dicom(line, f"{kind}.tif", tmp_path / f"{kind}.dcm", **ONE_PANEL) for kind in ("dark", "flat", "edge")
    )
    calibrate_panel(dark, flat, tmp_path / "set.cal")
    reconstruct_frames(edge, tmp_path / "set.cal", tmp_path / "edge.tif")
    other = raw_dicom(line, "edge.tif", tmp_path / "other.dcm", DetectorID="B", DeviceSerialNumber="7")
    with pytest.raises(ValueError, match=r"other\.dcm was taken with serial B, but the calibration .*set\.cal with A"):
        reconstruct_frames(other, tmp_path / "set.cal", tmp_path / "other.tif")
    with pytest.raises(ValueError, match=r"other\.dcm was taken with serial B, but .*dark\.dcm with A"):
        calibrate_panel(dark, [flat, other], tmp_path / "mixed.cal")
    assert not (tmp_path / "other.tif").exists() and not (tmp_path / "mixed.cal").exists()


def test_a_rescaled_run_is_calibrated_and_corrected_in_its_own_numbers(line: Path, tmp_path: Path) -> None:
    plain = read_image(line / "edge_corrected.tif").pixels
    frames = {}
    for kind in ("dark", "flat", "edge"):
        scale = {"RescaleSlope": "0.5", "RescaleIntercept": "-7", "RescaleType": "US"}
        frames[kind] = raw_dicom(line, f"{kind}.tif", tmp_path / f"{kind}.dcm", **scale)
    made = calibrate_panel(frames["dark"], frames["flat"], tmp_path / "set.cal")
    reconstruct_frames(frames["edge"], tmp_path / "set.cal", tmp_path / "edge.tif")
    good = made.calibration.defects == 0
    half = read_image(tmp_path / "edge.tif").pixels
    assert np.abs(2 * half - plain)[good].max() < 0.01 * plain.max()


def test_a_default_resolution_is_asked_for_or_told_of(line: Path, tmp_path: Path) -> None:
    for kind in ("dark", "flat", "edge"):
        frames = np.stack(list(iterate_frames(open_frames(line / f"{kind}.tif"))))
        tifffile.imwrite(
            tmp_path / f"{kind}.tif", frames, resolution=(72, 72), resolutionunit="INCH", photometric="minisblack"
        )
    dark, flat, edge = (tmp_path / f"{kind}.tif" for kind in ("dark", "flat", "edge"))
    made = calibrate_panel(dark, flat, tmp_path / "set.cal")
    assert made.warnings == (
        f"{dark} and 1 more: its resolution of 72 dots per inch is a default of programs, no pitch: give --pitch in mm",
    )
    assert made.calibration.conditions.pitch_mm is None
    assert calibrate_panel(dark, flat, tmp_path / "set.cal", pitch_mm=0.139).warnings == ()
    with pytest.raises(ValueError, match=r"edge\.tif: its resolution of 72 dots per inch is .* no pitch: give --pitch"):
        measure_mtf(edge)
    with pytest.raises(ValueError, match=r"72 dots per inch .* no pitch, which DICOM needs: give --pitch"):
        export_image(edge, tmp_path / "edge.dcm")
    assert reconstruct_frames(edge, tmp_path / "set.cal", tmp_path / "out.tif").warnings == ()  # the set says it
    again = read_image(tmp_path / "out.tif")
    assert (again.conditions.pitch_mm, again.pitch_source) == (0.139, "the calibration")
    about = tmp_path / "about.toml"
    about.write_text('["edge*"]\npitch_mm = 0.1\n')
    found = reconstruct_frames(edge, tmp_path / "set.cal", tmp_path / "out.tif", about=about).warnings
    assert len(found) == 1 and "says a pixel pitch of 0.1 mm" in found[0]
    assert read_image(tmp_path / "out.tif").pitch_source == "the about-file"


def test_a_spacing_of_zero_leaves_the_pitch_to_the_user(line: Path, tmp_path: Path) -> None:
    edge = raw_dicom(line, "edge.tif", tmp_path / "edge.dcm", ImagerPixelSpacing=None, PixelSpacing=[0.0, 0.0])
    with pytest.raises(ValueError, match=r"edge\.dcm: its PixelSpacing of 0 x 0 mm says nothing: give --pitch"):
        measure_mtf(edge)
    assert export_image(edge, tmp_path / "edge.out", pitch_mm=0.139).pitch_mm == 0.139


@pytest.mark.parametrize("wrong", [0.0, -1.0, float("nan")])
def test_a_pitch_that_is_no_length_is_refused(line: Path, tmp_path: Path, wrong: float) -> None:
    out, message = tmp_path / "out", "--pitch must be a positive length in mm, got"
    with pytest.raises(ValueError, match=message):
        measure_mtf(line / "edge.tif", pitch_mm=wrong)
    with pytest.raises(ValueError, match=message):
        export_image(line / "edge.tif", out, pitch_mm=wrong)
    with pytest.raises(ValueError, match=message):
        calibrate_panel(line / "dark.tif", line / "flat.tif", out, pitch_mm=wrong)
    with pytest.raises(ValueError, match=message):
        reconstruct_frames(line / "edge.tif", line / "small.cal", out, pitch_mm=wrong)
    assert not out.exists()


def test_patterns_that_match_no_file_are_told_of(line: Path, tmp_path: Path) -> None:
    about = tmp_path / "about.toml"
    about.write_text('["drak*.tif"]\ntemperature_C = 25.0\n["flat*.tif"]\nkvp = 70.0\n["*.dcm"]\nkvp = 80.0\n')
    made = calibrate_panel(line / "dark.tif", line / "flat.tif", tmp_path / "set.cal", about=about)
    expected = f"{about}: no file matches 'drak*.tif', '*.dcm', so what it says there is not used"
    assert made.warnings == (expected,)
    about.write_text('["edge*"]\nkvp = 70.0\n')
    assert reconstruct_frames(line / "edge.tif", tmp_path / "set.cal", tmp_path / "e.tif", about=about).warnings == ()


def test_what_was_undone_is_raw_again(line: Path, tmp_path: Path) -> None:
    shutil.copy(line / "edge_corrected.tif", tmp_path / "image.tif")
    with tifffile.TiffFile(tmp_path / "image.tif") as tiff:
        assert json.loads(tiff.pages[0].description)["kind"] == "corrected"
    assert (open_frames(line / "edge.tif").stage, open_frames(tmp_path / "image.tif").stage) == ("raw", "corrected")


def test_a_picture_of_our_own_export_is_no_frame(line: Path, tmp_path: Path) -> None:
    export_image(line / "edge_corrected.tif", tmp_path / "picture.dcm")
    export_image(line / "edge_corrected.tif", tmp_path / "linear.dcm", for_processing=True)
    with pytest.raises(ValueError, match="is a picture for presentation"):
        measure_mtf(tmp_path / "picture.dcm")
    with pytest.raises(ValueError, match="is a corrected image"):
        reconstruct_frames(tmp_path / "linear.dcm", line / "small.cal", tmp_path / "again.tif")


def test_a_pitch_against_what_the_file_says_is_used_and_said(line: Path, tmp_path: Path) -> None:
    edge = line / "edge_corrected.tif"
    said_mm = read_image(edge).pitch_mm
    assert said_mm is not None
    exported = export_image(edge, tmp_path / "edge.dcm", pitch_mm=0.2)
    assert exported.pitch_mm == 0.2
    assert f"{edge} says a pixel pitch of {said_mm:.4g} mm; --pitch 0.2 is used" in exported.warnings
    assert not any("--pitch" in doubt for doubt in export_image(edge, tmp_path / "b.dcm", pitch_mm=said_mm).warnings)
    made = reconstruct_frames(line / "edge.tif", line / "small.cal", tmp_path / "edge.tif", pitch_mm=0.2)
    assert any(f"says a pixel pitch of {said_mm:.4g} mm; --pitch 0.2 is used" in doubt for doubt in made.warnings)
    assert any("--pitch 0.2 is used" in doubt for doubt in measure_mtf(edge, pitch_mm=0.2).doubts)
    assert not measure_mtf(edge, pitch_mm=1.0).doubts  # cycles per pixel
    record = calibrate_panel(line / "dark.tif", line / "flat.tif", tmp_path / "set.cal", pitch_mm=0.2)
    assert (
        f"{line / 'dark.tif'} and 1 more say a pixel pitch of {said_mm:.4g} mm; --pitch 0.2 is used" in record.warnings
    )

"""Derived DX objects of results: what the validator, the readers and the image that was measured say of them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pydicom
import pytest
import skimage.io

from radiography.config import build
from radiography.dicom.annotated import RESULTS, write_annotated
from radiography.dicom.carried import carried_of, header_of
from radiography.dicom.modules import FOR_PRESENTATION_UID
from radiography.dicom.read import open_dicom
from radiography.dicom.subject import Subject, Told
from radiography.dicom.write import export_dx
from radiography.jobs.subject import with_told
from radiography.presentation.annotation import Label, Marks
from radiography.presentation.chain import present
from tests.dicom.test_subject import SUBJECTS
from tests.dicom.test_write import EVERYTHING, PITCH_MM, complaints, description, exposure

ROWS, COLS = 240, 320
BOX = (60, 120, 40, 160)
MARKS = Marks(boxes=[BOX], labels=[Label(("MTF 0.5 at 3.085 ± 0.025 /mm",), BOX)])


def write(path: Path, result: str = "MTF", marks: Marks = MARKS, **known: object) -> pydicom.Dataset:
    write_annotated(path, exposure(ROWS, COLS), PITCH_MM, description(**known), marks, result=result, origin="o")
    return pydicom.dcmread(path)


@pytest.mark.slow
@pytest.mark.parametrize("result", RESULTS)
@pytest.mark.parametrize("known", [{}, {**EVERYTHING, "magnification": 1.2}], ids=["least", "everything"])
def test_the_validator_has_nothing_to_say(tmp_path: Path, result: str, known: dict[str, object]) -> None:
    write(tmp_path / "one.dcm", result, **known)
    assert complaints(tmp_path / "one.dcm") == []


@pytest.mark.slow
@pytest.mark.parametrize("name", SUBJECTS)
def test_the_validator_has_nothing_to_say_about_any_subject(tmp_path: Path, name: str) -> None:
    about = with_told(
        description(**EVERYTHING), Told(build(Subject, SUBJECTS[name], "s"), 1.2, orientation=("L", "F")), {}
    )
    write_annotated(tmp_path / "one.dcm", exposure(ROWS, COLS), PITCH_MM, about, MARKS, result="defects")
    assert complaints(tmp_path / "one.dcm") == []


def test_it_says_that_it_is_derived_and_what_is_burnt_in(tmp_path: Path) -> None:
    written = write(tmp_path / "one.dcm", series_description="edge")
    assert written.SOPClassUID == FOR_PRESENTATION_UID
    assert list(written.ImageType) == ["DERIVED", "SECONDARY", ""]
    assert written.BurnedInAnnotation == "YES"
    assert "MTF 0.5 at 3.085 ± 0.025 /mm" in written.DerivationDescription
    assert "MTF 0.5 at 3.085 ± 0.025 /mm" in written.ImageComments and written.ImageComments.endswith("; o")
    assert written.SeriesDescription == "MTF measured: edge"


@pytest.mark.slow
def test_it_is_in_the_study_of_its_image_and_in_a_series_of_its_own(tmp_path: Path) -> None:
    about = description(**EVERYTHING)
    linear = export_dx(exposure(ROWS, COLS), PITCH_MM, tmp_path / "linear.dcm", about, True)
    picture = export_dx(exposure(ROWS, COLS), PITCH_MM, tmp_path / "picture.dcm", about, predecessor=linear)
    results = [write(tmp_path / f"{number}.dcm", result, **EVERYTHING) for number, result in enumerate(RESULTS)]
    assert {each.StudyInstanceUID for each in results} == {linear.study_uid}
    assert len({each.SeriesInstanceUID for each in results} | {linear.series_uid, picture.series_uid}) == 5
    assert [int(each.SeriesNumber) for each in results] == [3, 4, 5]
    paths = [tmp_path / f"{name}.dcm" for name in ("linear", "picture", 0, 1, 2)]
    assert complaints(*paths, program="dcentvfy") == []
    again = write(tmp_path / "again.dcm", **EVERYTHING)
    assert (tmp_path / "again.dcm").read_bytes() == (tmp_path / "0.dcm").read_bytes()
    other = write(tmp_path / "other.dcm", marks=Marks(boxes=[BOX]), **EVERYTHING)
    assert again.SOPInstanceUID != other.SOPInstanceUID


def test_it_names_the_object_that_it_came_from_and_keeps_patient_and_spacing(tmp_path: Path) -> None:
    patient = {"patient_name": "Doe^J", "patient_id": "7", "quality_control": False, "magnification": 1.25}
    export_dx(exposure(ROWS, COLS), PITCH_MM, tmp_path / "linear.dcm", description(**EVERYTHING | patient), True)
    source = pydicom.dcmread(tmp_path / "linear.dcm")
    carried = header_of(carried_of(source), "source")
    written = write(tmp_path / "one.dcm", carried=carried, frame=0, magnification=1.25)
    assert complaints(tmp_path / "one.dcm") == []
    (named,) = written.SourceImageSequence
    assert named.ReferencedSOPInstanceUID == source.SOPInstanceUID and named.SpatialLocationsPreserved == "YES"
    assert (written.PatientName, written.StudyInstanceUID) == ("Doe^J", source.StudyInstanceUID)
    assert list(written.ImagerPixelSpacing) == [PITCH_MM] * 2
    assert list(written.PixelSpacing) == pytest.approx([PITCH_MM / 1.25] * 2)
    assert int(written.SeriesNumber) == 203


def test_the_picture_is_that_of_the_image_but_for_the_marks(tmp_path: Path) -> None:
    written = write(tmp_path / "one.dcm")
    plain = present(exposure(ROWS, COLS))
    same = written.pixel_array == plain.display
    assert same[BOX[0] : BOX[1], BOX[2] : BOX[3]].all() and 0.8 < same.mean() < 1.0
    window = (int(written.WindowCenter), int(written.WindowWidth))
    assert window == (plain.window_center, plain.window_width)
    assert open_dicom(tmp_path / "one.dcm").stage == "for presentation"  # nothing is measured in it again
    holes = exposure(ROWS, COLS).copy()
    holes[3, 4] = np.nan
    write_annotated(tmp_path / "holes.dcm", holes, PITCH_MM, description(), MARKS, result="MTF")


@pytest.mark.skipif(shutil.which("dcm2pnm") is None, reason="dcm2pnm is not installed (apt: dcmtk)")
def test_dcmtk_draws_the_marks_black_and_white(tmp_path: Path) -> None:
    written = write(tmp_path / "one.dcm")
    subprocess.run(["dcm2pnm", "+Wi", "1", "+on", "one.dcm", "one.png"], check=True, capture_output=True, cwd=tmp_path)
    shown = np.asarray(skimage.io.imread(tmp_path / "one.png")).astype(float)
    low = float(written.WindowCenter) - 0.5 - (float(written.WindowWidth) - 1) / 2
    expected = np.clip((written.pixel_array - low) / (float(written.WindowWidth) - 1) * 255, 0, 255)
    assert np.abs(shown - expected).max() <= 2
    frame = shown[BOX[0] - 8 : BOX[0], BOX[2] : BOX[3]]
    assert frame.max() == 255 and frame.min() == 0


def test_another_result_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must be one of MTF, exposure index, defects, got 'x'"):
        write(tmp_path / "one.dcm", "x")
    assert list(tmp_path.iterdir()) == []

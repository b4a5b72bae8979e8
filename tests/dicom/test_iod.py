"""Every kind of object that is written, judged by the standard's own tables (DICOM PS3.3) and by dciodvfy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.datadict import dictionary_VR
from pydicom.dataset import Dataset

from radiography.config import build
from radiography.dicom.carried import CARRIED, carried_of, header_of
from radiography.dicom.cine import write_cine
from radiography.dicom.compress import SYNTAXES
from radiography.dicom.description import DxDescription
from radiography.dicom.subject import Subject, Told
from radiography.dicom.write import export_dx
from radiography.jobs.subject import with_told
from tests.dicom.iod_tables import attribute_count, basic_profile, complaints
from tests.dicom.test_cine import LINEAR, PICTURE, frames, pixels
from tests.dicom.test_cine import complaints as complaints_of_rf
from tests.dicom.test_subject import COMPONENT, EXPOSURE, HUMAN, SUBJECTS, written
from tests.dicom.test_write import EVERYTHING, PITCH_MM, description, exposure
from tests.dicom.test_write import complaints as complaints_of_dx
from tests.jobs.test_export import EXPOSURE as SOURCE_EXPOSURE
from tests.jobs.test_export import OBJECT, PATIENT

# Values of a source's header that are no words of the standard's own.
OTHERWISE = {
    "CollimatorShape": "RECTANGULAR", "FieldOfViewShape": "RECTANGLE", "FieldOfViewRotation": "90",
    "FieldOfViewHorizontalFlip": "YES", "FieldOfViewOrigin": ["0", "0"], "FieldOfViewDimensions": [43, 43],
    "ExposureControlMode": "MANUAL", "FilterType": "STRIP", "FilterMaterial": "ALUMINUM", "PositionerType": "COLUMN",
    "DetectorConfiguration": "AREA", "LossyImageCompression": "01", "LossyImageCompressionMethod": "ISO_10918_1",
    "LossyImageCompressionRatio": "10", "PatientIdentityRemoved": "NO", "AnodeTargetMaterial": "TUNGSTEN",
    "QualityControlSubject": "NO", "QualityControlImage": "NO", "Laterality": "L", "PatientPosition": "HFS",
}  # fmt: skip
PLAIN = {"LO": "words", "SH": "words", "ST": "words", "LT": "words", "PN": "Doe^J", "DA": "20240301", "TM": "120000",
         "DS": "1", "IS": 1, "UI": "1.2.3", "AS": "077Y"}  # fmt: skip


def source(**changes: object) -> Dataset:
    """The header of a patient's frame."""
    header = Dataset()
    for keyword, value in {**PATIENT, **SOURCE_EXPOSURE, **OBJECT, **changes}.items():
        setattr(header, keyword, value)
    return header_of(carried_of(header), "source")


def source_of_everything() -> Dataset:
    """A header with every attribute that is carried."""
    known = {**PLAIN, **PATIENT, **SOURCE_EXPOSURE, **OBJECT, **OTHERWISE}
    found = {keyword: known.get(keyword, PLAIN.get(dictionary_VR(keyword))) for keyword in CARRIED}
    header = source(**{keyword: value for keyword, value in found.items() if value is not None})
    without = {"AnatomicRegionSequence", "ViewCodeSequence", "TimezoneOffsetFromUTC", "DetectorMode"}
    assert {keyword for keyword in CARRIED if keyword not in header} <= without
    return header


@pytest.mark.slow
@pytest.mark.parametrize("anonymous", [False, True])
@pytest.mark.parametrize("processing", [False, True])
@pytest.mark.parametrize("kind", SUBJECTS)
def test_any_subject(tmp_path: Path, kind: str, processing: bool, anonymous: bool) -> None:
    told = Told(build(Subject, SUBJECTS[kind], "it"), 1.25, 300.0, anonymous=anonymous, orientation=("L", "F"))
    assert complaints(written(tmp_path / "one.dcm", told, processing=processing)) == []


@pytest.mark.slow
@pytest.mark.parametrize("processing", [False, True])
@pytest.mark.parametrize("compression", [None, *SYNTAXES])
@pytest.mark.parametrize("known", [{}, EVERYTHING], ids=["least", "everything"])
def test_any_compression(tmp_path: Path, known: dict[str, Any], compression: str | None, processing: bool) -> None:
    export_dx(exposure(), PITCH_MM, tmp_path / "one.dcm", description(**known), processing, compression=compression)
    assert complaints(pydicom.dcmread(tmp_path / "one.dcm")) == []


def test_a_linked_pair(tmp_path: Path) -> None:
    linear = export_dx(exposure(), PITCH_MM, tmp_path / "l.dcm", description(**EVERYTHING), for_processing=True)
    export_dx(exposure(), PITCH_MM, tmp_path / "p.dcm", description(**EVERYTHING), predecessor=linear)
    picture = pydicom.dcmread(tmp_path / "p.dcm")
    assert picture.SourceImageSequence and complaints(picture) == []


def test_pixels_without_a_number(tmp_path: Path) -> None:
    holes = exposure().copy()
    holes[3, 4] = np.nan
    export_dx(holes, PITCH_MM, tmp_path / "one.dcm", description(), for_processing=True)
    found = pydicom.dcmread(tmp_path / "one.dcm")
    assert "PixelPaddingValue" in found and complaints(found) == []


def test_diconde_has_attributes_of_its_own_group_and_nothing_else(tmp_path: Path) -> None:
    part = build(Subject, {"kind": "workpiece", "identifier": "7", "component": COMPONENT}, "it")
    found = written(tmp_path / "one.dcm", Told(part, diconde=True))
    own = {element.keyword for element in found if element.tag.group == 0x0014}
    assert own and sorted(complaints(found)) == sorted(f"General: {keyword} is unexpected" for keyword in own)


@pytest.mark.slow
@pytest.mark.parametrize("header", [source, source_of_everything])
@pytest.mark.parametrize("anonymous", [False, True])
@pytest.mark.parametrize("processing", [False, True])
def test_an_object_of_a_dicom_frame(
    tmp_path: Path, header: Callable[[], Dataset], processing: bool, anonymous: bool
) -> None:
    about = description(carried=header(), quality_control=False, anonymous=anonymous)
    export_dx(exposure(), PITCH_MM, tmp_path / "one.dcm", about, processing, origin="corrected")
    assert complaints(pydicom.dcmread(tmp_path / "one.dcm")) == []
    write_cine(tmp_path / "two.dcm", frames(), pixels(**(LINEAR if processing else PICTURE)), about, comment="c")
    assert complaints(pydicom.dcmread(tmp_path / "two.dcm")) == []


@pytest.mark.parametrize("processing", [False, True])
def test_an_anonymous_object_by_the_table_of_the_basic_profile(tmp_path: Path, processing: bool) -> None:
    known = {**EVERYTHING, "carried": source_of_everything(), "quality_control": False}
    found = {}
    for anonymous in (False, True):
        about = description(**known, anonymous=anonymous)
        export_dx(exposure(), PITCH_MM, tmp_path / "one.dcm", about, processing, origin="corrected")
        found[anonymous] = pydicom.dcmread(tmp_path / "one.dcm")
    actions = {element.tag: basic_profile()[element.tag] for element in found[False] if element.tag in basic_profile()}
    assert len(actions) > 30
    for tag, action in actions.items():
        assert action != "X" or tag not in found[True], found[False][tag].keyword
        if tag in found[True] and found[True][tag].value:  # replaced, by a digest or a dummy
            assert found[True][tag].value != found[False][tag].value, found[False][tag].keyword


def test_other_identifiers_stand_where_the_standard_has_them_now(tmp_path: Path) -> None:
    about = description(carried=source(OtherPatientIDs=["A-1", "B-2"]), quality_control=False)
    export_dx(exposure(), PITCH_MM, tmp_path / "one.dcm", about)
    found = pydicom.dcmread(tmp_path / "one.dcm")
    assert [item.PatientID for item in found.OtherPatientIDsSequence] == ["A-1", "B-2"]
    assert complaints(found) == [] == complaints_of_dx(tmp_path / "one.dcm")


@pytest.mark.parametrize("kind", [LINEAR, PICTURE], ids=["processing", "presentation"])
@pytest.mark.parametrize("known", [{}, {**EVERYTHING, "magnification": 1.2}], ids=["least", "everything"])
def test_a_sequence(tmp_path: Path, kind: dict[str, object], known: dict[str, object]) -> None:
    write_cine(tmp_path / "one.dcm", frames(), pixels(**kind), description(**known), comment="c")
    assert complaints(pydicom.dcmread(tmp_path / "one.dcm")) == []


def drawn(rng: np.random.Generator) -> DxDescription:
    """A description of half of what may be known, drawn."""

    def half(of: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in of.items() if rng.random() < 0.5}

    kind = rng.choice(["human", "phantom", "workpiece"])
    who = {**half(HUMAN), "kind": str(kind), "identifier": "7", "orientation": ["L", "F"], "exposure": half(EXPOSURE)}
    if kind != "human":
        who = {key: value for key, value in who.items() if key not in ("birth_date", "sex")}
    told = Told(build(Subject, who, "it"), rng.choice([None, 1.25]), rng.choice([None, 300.0]),
                anonymous=bool(rng.random() < 0.3))  # fmt: skip
    about = description(**half({key: value for key, value in EVERYTHING.items() if key != "patient_id"}))
    return with_told(about, told if rng.random() < 0.8 else Told(), {})


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_whatever_is_known_of_an_exposure(tmp_path: Path, seed: int) -> None:
    rng, path = np.random.default_rng(seed), tmp_path / "one.dcm"
    for number in range(12):
        about, processing = drawn(rng), bool(rng.random() < 0.5)
        if number % 3 == 0:
            write_cine(path, frames(), pixels(**(LINEAR if processing else PICTURE)), about, comment="c")
            assert complaints_of_rf(path) == []
        else:
            export_dx(exposure(), PITCH_MM, path, about, processing)
            assert complaints_of_dx(path) == []
        assert complaints(pydicom.dcmread(path)) == []


@pytest.mark.parametrize("known", ["tube_current_mA", "exposure_time_s", "exposure_mAs"])
def test_a_sequence_of_which_one_of_three_is_known(tmp_path: Path, known: str) -> None:
    write_cine(tmp_path / "one.dcm", frames(), pixels(), description(**{known: EVERYTHING[known]}))
    assert complaints(pydicom.dcmread(tmp_path / "one.dcm")) == [] == complaints_of_rf(tmp_path / "one.dcm")


def _without(keyword: str) -> Callable[[Dataset], None]:
    return lambda dataset: delattr(dataset, keyword)


def _with(keyword: str, value: Any) -> Callable[[Dataset], None]:
    return lambda dataset: setattr(dataset, keyword, value)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (_without("ImagerPixelSpacing"), "dx-detector: ImagerPixelSpacing is missing"),
        (_without("PatientSex"), "patient: PatientSex is missing"),
        (_with("ImageLaterality", ""), "dx-anatomy-imaged: ImageLaterality is empty"),
        (_with("PatientOrientation", ""), "dx-image: PatientOrientation is empty"),
        (_with("ImageLaterality", "X"), "dx-anatomy-imaged: ImageLaterality - enum value 'X'"),
        (_with("RescaleType", "HU"), "dx-image: RescaleType - enum value 'HU'"),
        (_with("RescaleSlope", "2"), "dx-image: RescaleSlope - enum value '2"),
        (_without("WindowCenter"), "dx-image: WindowCenter is missing"),
        (_with("LossyImageCompression", "01"), "dx-image: LossyImageCompressionRatio is missing"),
        (_with("NumberOfFrames", 2), "General: NumberOfFrames is unexpected"),
        (lambda dataset: delattr(dataset.AnatomicRegionSequence[0], "CodeMeaning"),
         "dx-anatomy-imaged: AnatomicRegionSequence.CodeMeaning is missing"),
        (lambda dataset: setattr(dataset.AnatomicRegionSequence[0], "PatientID", "7"),
         "dx-anatomy-imaged: AnatomicRegionSequence.PatientID is unexpected"),
    ],
)  # fmt: skip
def test_the_tables_would_complain(tmp_path: Path, change: Callable[[Dataset], None], found: str) -> None:
    export_dx(exposure(), PITCH_MM, tmp_path / "one.dcm", description(**EVERYTHING))
    dataset = pydicom.dcmread(tmp_path / "one.dcm")
    assert complaints(dataset) == []
    change(dataset)
    assert any(each.startswith(found) for each in complaints(dataset)), complaints(dataset)


def test_the_tables_were_understood(tmp_path: Path) -> None:
    complaints(written(tmp_path / "one.dcm", Told()))  # skips without them
    attributes, conditions, enumerations = attribute_count()
    assert attributes > 4000 and conditions > 1000 and enumerations > 200

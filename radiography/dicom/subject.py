"""Subject and exposure as a person tells them: a human, a phantom or a workpiece, in a TOML file.

What a person says goes before what the image says. A subject that is told replaces the patient of the source as a
whole, so that two people are never mixed in one object. Nothing is made up: a key that is left out is left out of the
DICOM file, or left empty where the standard demands the attribute.
"""

from __future__ import annotations

from dataclasses import dataclass as plain_dataclass
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic.dataclasses import dataclass
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.valuerep import format_number_as_ds

from calibration.limits import STRICT, NotNegative, Positive
from radiography.dicom.carried import region_item, view_item
from radiography.dicom.description import ORIENTATION_AXES, SHORT_TEXT_LENGTH, TEXT_LENGTH
from radiography.dicom.modules import code_item
from radiography.presentation.steps import PictureSteps

LARGEST_MAGNIFICATION = 100.0  # an object at 1/100 of the distance, which no tube housing allows   # chosen
_COMPONENT_TEXT_LENGTH = 1024  # short text: DICOM PS3.5 table 6.2-1, ST
# Of the patient of the source, all of which goes when another subject is told.
OF_THE_PATIENT = ("PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientBirthTime",
                  "PatientSex", "OtherPatientIDs", "PatientIdentityRemoved", "DeidentificationMethod", "PatientAge",
                  "PatientSize", "PatientWeight", "QualityControlSubject", "QualityControlImage")  # fmt: skip

FIRST_YEAR = 1895  # of X-rays


def _printable(text: str) -> str:
    """One line that DICOM can hold: PS3.5 6.1.3 keeps the backslash to separate values."""
    if "\\" in text or not text.isprintable() or not text.strip():
        raise ValueError(f"must be one line of printable text without a backslash, got {text[:40]!r}")
    return text


def _person(text: str) -> str:
    if text.count("^") > 4 or "=" in text:
        raise ValueError(f"must have up to 5 parts joined by ^ and no =, got {text!r}")
    return text


def _word(text: str) -> str:
    """Capitals, digits, blanks and underscores of a code string: DICOM PS3.5 table 6.2-1."""
    if not all(each in "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _" for each in text):
        raise ValueError(f"must be of capitals, digits, blanks and underscores, got {text!r}")
    return text


def _moment(text: str) -> str:
    wrong = f"must be a date and a time such as 2026-01-31T12:00:00, got {text!r}"
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(wrong) from error
    if "T" not in text or moment.year < FIRST_YEAR:
        raise ValueError(wrong)
    return text


def _date(text: str) -> str:
    try:
        return datetime.strptime(text, "%Y-%m-%d").strftime("%Y%m%d")
    except ValueError as error:
        raise ValueError(f"must be a date such as 1970-01-31, got {text!r}") from error


def _region(name: str) -> str:
    if name not in codes.cid4009.dir():
        raise ValueError(f"must be a name of DICOM CID 4009 such as Hand, Chest or Phantom, got {name!r}")
    return name


def _view(name: str) -> str:
    if name not in codes.cid4010.dir():
        raise ValueError(f"must be a name of DICOM CID 4010 such as PosteroAnterior or LeftLateral, got {name!r}")
    return name


def _directions(pair: tuple[str, str]) -> tuple[str, str]:
    axes = [ORIENTATION_AXES.get(letters[:1]) for letters in pair]
    if not all(letters and set(letters) <= set(ORIENTATION_AXES) for letters in pair) or axes[0] == axes[1]:
        raise ValueError(f"must be two directions of L R A P H F along different axes, got {list(pair)}")
    return pair


Line = Annotated[str, Field(max_length=TEXT_LENGTH), AfterValidator(_printable)]
ShortLine = Annotated[str, Field(max_length=SHORT_TEXT_LENGTH), AfterValidator(_printable)]
Person = Annotated[Line, AfterValidator(_person)]
Word = Annotated[ShortLine, AfterValidator(_word)]
ComponentText = Annotated[str, Field(max_length=_COMPONENT_TEXT_LENGTH), AfterValidator(_printable)]
Date = Annotated[str, AfterValidator(_date)]
Moment = Annotated[str, AfterValidator(_moment)]
# Defined terms of DICOM PS3.3 C.8.7.11 (grid) and C.8.7.10 (filter).
GridTerm = Literal["FIXED", "FOCUSED", "RECIPROCATING", "PARALLEL", "CROSSED", "NONE"]
FilterMaterial = Literal["MOLYBDENUM", "ALUMINUM", "COPPER", "RHODIUM", "NIOBIUM", "EUROPIUM", "LEAD"]
FilterKind = Literal["STRIP", "WEDGE", "BUTTERFLY", "MULTIPLE", "NONE"]
Count = Annotated[int, Field(ge=-(2**31), lt=2**31)]


@dataclass(frozen=True, config=STRICT)
class Filter:
    """A layer of the beam's filter.

    Attributes
    ----------
    material : str
        DICOM's term, such as ALUMINUM.
    thickness_mm : float
        [mm]
    """

    material: FilterMaterial
    thickness_mm: Positive


@dataclass(frozen=True, config=STRICT)
class FieldOfView:
    """How the stored pixels lie on the detector; DICOM takes all three or none: PS3.3 C.8.11.4.

    Attributes
    ----------
    origin_px : (float, float)
        First row and column of the detector that is stored. [1]
    rotation_deg : int
        Clockwise turn of the image after readout. [deg]
    flipped : bool
        Mirrored left to right after that turn.
    """

    origin_px: tuple[NotNegative, NotNegative] = (0.0, 0.0)
    rotation_deg: Literal[0, 90, 180, 270] = 0
    flipped: bool = False


@dataclass(frozen=True, config=STRICT)
class Collimator:
    """Edges of a rectangular collimator in the image: PS3.3 C.8.7.3.

    Attributes
    ----------
    left_px, right_px, upper_px, lower_px : int
        Columns and rows, from 1 as in DICOM. [1]
    """

    left_px: Count
    right_px: Count
    upper_px: Count
    lower_px: Count

    def __post_init__(self) -> None:
        if self.left_px >= self.right_px or self.upper_px >= self.lower_px:
            raise ValueError(
                "collimator must have left_px below right_px and upper_px below lower_px, got "
                f"{self.left_px}, {self.right_px}, {self.upper_px}, {self.lower_px}"
            )


@dataclass(frozen=True, config=STRICT)
class ToldExposure:
    """What a console knows of an exposure and the frame usually does not say.

    Attributes
    ----------
    dose_area_product_dGy_cm2, entrance_dose_mGy : float or None
        [dGy cm2, mGy]
    sensitivity, relative_exposure : float or None
        In the manufacturer's own terms. [1]
    grid : tuple of str or None
        DICOM's terms.
    control : {"MANUAL", "AUTOMATIC", None}
    control_description : str or None
    filter_type : str or None
    filters : tuple of Filter
    collimator : Collimator or None
    field_of_view : FieldOfView or None
    """

    dose_area_product_dGy_cm2: NotNegative | None = None
    entrance_dose_mGy: NotNegative | None = None
    sensitivity: Positive | None = None
    relative_exposure: Annotated[int, Field(ge=0, lt=2**31)] | None = None
    grid: Annotated[tuple[GridTerm, ...], Field(min_length=1, max_length=5)] | None = None
    control: Literal["MANUAL", "AUTOMATIC"] | None = None
    control_description: Line | None = None
    filter_type: FilterKind | None = None
    filters: Annotated[tuple[Filter, ...], Field(max_length=8)] = ()
    collimator: Collimator | None = None
    field_of_view: FieldOfView | None = None


@dataclass(frozen=True, config=STRICT)
class Component:
    """An industrial part in the words of DICONDE (ASTM E2339), group 0014.

    Attributes
    ----------
    manufacturer, manufacturing_procedure, grade, properties, notes, reference_system : str or None
    shape : str or None
        A code string.
    thickness_mm : tuple of float
        Of each of its materials. [mm]
    """

    manufacturer: ComponentText | None = None
    manufacturing_procedure: ComponentText | None = None
    grade: ComponentText | None = None
    properties: ComponentText | None = None
    notes: ComponentText | None = None
    reference_system: ComponentText | None = None
    shape: Word | None = None
    thickness_mm: Annotated[tuple[Positive, ...], Field(max_length=16)] = ()


@dataclass(frozen=True, config=STRICT)
class Subject:
    """Who or what was taken, and what a person knows of the exposure.

    Attributes
    ----------
    kind : {"human", "phantom", "workpiece"}
    name, identifier : str or None
        The person (family^given) or the part and its serial number.
    birth_date : str or None
        1970-01-31 in the file.
    sex : {"M", "F", "O", None}
    region, view : str or None
        Names of DICOM CID 4009 and 4010 as pydicom spells them.
    view_position, body_part : str or None
        DICOM's older words, such as PA and HAND.
    laterality : {"R", "L", "U", "B", None}
    orientation : (str, str) or None
        Where rows and columns run to, of L R A P H F.
    taken : str or None
        Date and time of the exposure, 2026-01-31T12:00:00 in the file, of an image that does not say them.
    study_id, accession_number, study_description, series_description, protocol, referring_physician : str or None
    institution, station : str or None
    exposure : ToldExposure
    component : Component
        Written with `--diconde` only.
    """

    kind: Literal["human", "phantom", "workpiece"]
    name: Person | None = None
    identifier: Line | None = None
    birth_date: Date | None = None
    sex: Literal["M", "F", "O"] | None = None
    region: Annotated[str, AfterValidator(_region)] | None = None
    view: Annotated[str, AfterValidator(_view)] | None = None
    view_position: Word | None = None
    body_part: Word | None = None
    laterality: Literal["R", "L", "U", "B"] | None = None
    orientation: Annotated[tuple[str, str], AfterValidator(_directions)] | None = None
    taken: Moment | None = None
    study_id: ShortLine | None = None
    accession_number: ShortLine | None = None
    study_description: Line | None = None
    series_description: Line | None = None
    protocol: Line | None = None
    referring_physician: Person | None = None
    institution: Line | None = None
    station: ShortLine | None = None
    exposure: ToldExposure = Field(default_factory=ToldExposure)
    component: Component = Field(default_factory=Component)

    def __post_init__(self) -> None:
        if self.kind == "human" and self.region == "Phantom":
            raise ValueError("a human subject has no region 'Phantom'; name the body's, such as Hand, or leave it out")
        if self.kind != "human" and (self.birth_date or self.sex):
            raise ValueError(f"birth_date and sex are of a human, got kind '{self.kind}'")


@plain_dataclass(frozen=True)
class Told:
    """What the command line says about DICOM objects, besides the image.

    Attributes
    ----------
    subject : Subject or None
    magnification : float or None
        Of the object plane that lengths are meant in. [1]
    target_exposure_index : float or None
        IEC 62494-1. [1]
    diconde : bool
        The component of the subject as well.
    anonymous : bool
        Nothing by which a person is recognised.
    picture : PictureSteps or None
        How the picture for presentation is made; the default without it.
    orientation : (str, str) or None
        Where rows and columns run to, of L R A P H F.
    """

    subject: Subject | None = None
    magnification: float | None = None
    target_exposure_index: float | None = None
    diconde: bool = False
    anonymous: bool = False
    picture: PictureSteps | None = None
    orientation: tuple[str, str] | None = None

    def __post_init__(self) -> None:
        factor, target = self.magnification, self.target_exposure_index
        if factor is not None and not 1.0 < factor < LARGEST_MAGNIFICATION:
            raise ValueError(
                f"--magnification must be above 1 and below {LARGEST_MAGNIFICATION:g}: distance from source to "
                f"detector over that to the object, got {factor:g}"
            )
        if target is not None and not 1.0 <= target <= 1e6:
            raise ValueError(f"--target must be an exposure index of 1 to 1e6, got {target:g}")
        if self.orientation is not None:
            try:
                _directions(self.orientation)
            except ValueError as error:
                raise ValueError(f"--orientation {error}") from None
        if self.diconde and (self.subject is None or self.subject.kind != "workpiece"):
            found = "no subject" if self.subject is None else f"a {self.subject.kind}"
            raise ValueError(f"--diconde needs --subject with kind 'workpiece', got {found}")
        if self.diconde and self.subject is not None and self.subject.component == Component():
            raise ValueError("--diconde needs a table [component] in the file of --subject, such as its manufacturer")


NOTHING_TOLD = Told()
_SAID = {"name": "PatientName", "identifier": "PatientID", "birth_date": "PatientBirthDate", "sex": "PatientSex",
         "view_position": "ViewPosition", "body_part": "BodyPartExamined", "laterality": "ImageLaterality",
         "study_id": "StudyID", "accession_number": "AccessionNumber", "study_description": "StudyDescription",
         "series_description": "SeriesDescription", "protocol": "ProtocolName",
         "referring_physician": "ReferringPhysicianName", "institution": "InstitutionName",
         "station": "StationName"}  # fmt: skip
_EXPOSURE = {"control": "ExposureControlMode", "control_description": "ExposureControlModeDescription",
             "filter_type": "FilterType", "relative_exposure": "RelativeXRayExposure"}  # fmt: skip
_DECIMAL = {"dose_area_product_dGy_cm2": "ImageAndFluoroscopyAreaDoseProduct", "entrance_dose_mGy": "EntranceDoseInmGy",
            "sensitivity": "Sensitivity"}  # fmt: skip
# The part of DICONDE that is written, and no other attribute of group 0014.
DICONDE = {"manufacturer": "ComponentManufacturer", "manufacturing_procedure": "ComponentManufacturingProcedure",
           "grade": "MaterialGrade", "properties": "MaterialPropertiesDescription", "notes": "MaterialNotes",
           "reference_system": "ComponentReferenceSystem", "shape": "ComponentShape"}  # fmt: skip


def subject_module(subject: Subject) -> Dataset:
    """Attributes of what a subject file says, and of nothing else.

    Parameters
    ----------
    subject : Subject

    Returns
    -------
    dataset : Dataset
        Code sequences with the meanings of the standard.
    """
    dataset = Dataset()
    for key, keyword in _SAID.items():
        if (value := getattr(subject, key)) is not None:
            person = keyword in ("PatientName", "ReferringPhysicianName") and "^" not in value
            setattr(dataset, keyword, f"{value}^" if person else value)
    region = subject.region or ("" if subject.kind == "human" or subject.body_part else "Phantom")
    if region:
        dataset.AnatomicRegionSequence = [code_item(getattr(codes.cid4009, region))]
    else:
        dataset.AnatomicRegionSequence = [region_item(subject.body_part)] if subject.body_part else []
    if subject.view:
        dataset.ViewCodeSequence = [code_item(getattr(codes.cid4010, subject.view))]
    elif subject.view_position:
        dataset.ViewCodeSequence = [view_item(subject.view_position)]
    if subject.view or subject.view_position:
        dataset.PositionerType = "NONE"
    if subject.orientation is not None:
        dataset.PatientOrientation = list(subject.orientation)
    if subject.kind != "human":
        dataset.QualityControlSubject = dataset.QualityControlImage = "YES"
    dataset.update(_exposure_module(subject.exposure))
    return dataset


def component_module(component: Component) -> Dataset:
    """DICONDE's attributes of an industrial part, those of `DICONDE` and its thicknesses."""
    dataset = Dataset()
    for key, keyword in DICONDE.items():
        if (value := getattr(component, key)) is not None:
            setattr(dataset, keyword, value)
    if component.thickness_mm:
        dataset.MaterialThickness = [format_number_as_ds(float(value)) for value in component.thickness_mm]
    return dataset


def _exposure_module(exposure: ToldExposure) -> Dataset:
    dataset = Dataset()
    for key, keyword in _EXPOSURE.items():
        if (value := getattr(exposure, key)) is not None:
            setattr(dataset, keyword, value)
    for key, keyword in _DECIMAL.items():
        if (value := getattr(exposure, key)) is not None:
            setattr(dataset, keyword, format_number_as_ds(float(value)))
    if exposure.grid:
        dataset.Grid = list(exposure.grid)
    if exposure.filters:
        dataset.FilterMaterial = [layer.material for layer in exposure.filters]
        thickness = [format_number_as_ds(float(layer.thickness_mm)) for layer in exposure.filters]
        dataset.FilterThicknessMinimum = dataset.FilterThicknessMaximum = thickness
    if exposure.field_of_view is not None:
        view = exposure.field_of_view
        dataset.FieldOfViewOrigin = [format_number_as_ds(float(value)) for value in view.origin_px]
        dataset.FieldOfViewRotation = str(view.rotation_deg)
        dataset.FieldOfViewHorizontalFlip = "YES" if view.flipped else "NO"
    if exposure.collimator is not None:
        edges = exposure.collimator
        dataset.CollimatorShape = "RECTANGULAR"
        dataset.CollimatorLeftVerticalEdge, dataset.CollimatorRightVerticalEdge = edges.left_px, edges.right_px
        dataset.CollimatorUpperHorizontalEdge, dataset.CollimatorLowerHorizontalEdge = edges.upper_px, edges.lower_px
    return dataset

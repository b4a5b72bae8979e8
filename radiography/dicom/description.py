"""Description of a picture in a digital X-ray file: all that is said besides its pixels.

One frozen description is handed to the writer; it is checked where it is built, so that a wrong value is named before
any file is opened. The defaults describe a test object, not a patient; what a DICOM frame says of its patient and
exposure is carried beside them and goes before them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import RE_VALID_UID

from calibration.conditions import UNKNOWN, Conditions

TEXT_LENGTH = 64  # characters of a long string or of one name group: DICOM PS3.5 table 6.2-1, LO and PN
SHORT_TEXT_LENGTH = 16  # characters of a short string or code string: DICOM PS3.5 table 6.2-1, SH and CS
UID_LENGTH = 64  # DICOM PS3.5 9.1
ORIENTATION_AXES = {"L": 0, "R": 0, "A": 1, "P": 1, "H": 2, "F": 2}  # DICOM PS3.3 C.7.6.1.1.1, bipeds

# DICOM PS3.3 C.8.7.9: the anode's material by its chemical symbol; the standard names the first three, others may join.
ANODES = {"W": "TUNGSTEN", "Mo": "MOLYBDENUM", "Rh": "RHODIUM", "Au": "GOLD", "Ag": "SILVER"}

# Checked here; what a file says of its panel and scene is bounded where it is written: `radiography.dicom.texts`.
_TEXTS = ("patient_name", "patient_id", "study_description", "referring_physician", "manufacturer",
          "magnification_source")  # fmt: skip
_SHORT_TEXTS = ("study_id", "accession_number")
_POSITIVE = ("exposure_index", "target_exposure_index", "magnification")


class LossyStep(NamedTuple):
    """A compression that lost something: DICOM's term for its method, and its ratio; None where unknown. [1]"""

    method: str | None
    ratio: float | None


@dataclass(frozen=True)
class DxDescription:
    """Who, what, when and how of one exposure.

    Every text may be empty and every number None; then its attribute is left out or, where the standard demands it,
    left empty. Quality control flags, region `Phantom` and laterality `U` (unpaired) are the plain DX convention for
    objects that are not patients; for a workpiece that is a convention only.

    Attributes
    ----------
    patient_name, patient_id : str
        The person (family^given) or the part and its serial number.
    patient_birth_date : str
        YYYYMMDD, or empty.
    patient_sex : {"", "M", "F", "O"}
    study_id, accession_number, study_description, series_description, referring_physician : str
    study_uid : str
        StudyInstanceUID to join; empty derives one from the frame, patient and study.
    acquired : datetime, optional
        Time of the exposure. Without it every date stays empty.
    manufacturer : str
        Of the panel; that of the conditions where it is empty.
    conditions : Conditions
        How the frame was taken: panel, serial number and scintillator, beam and geometry. Air kerma is written as a
        comment, DICOM has no attribute for it; what is 0 is left out.
    detector_type : {"", "SCINTILLATOR", "DIRECT"}
    exposure_index, target_exposure_index : float, optional
        IEC 62494-1, only from a calibrated panel. [1]
    magnification : float, optional
        Source-to-detector over source-to-object-plane distance, where one object plane is meant: viewers then measure
        in that plane. None measures in the detector plane. [1]
    magnification_source : str
        How the magnification is known.
    patient_orientation : (str, str)
        Where rows and columns run to, of L R A P H F.
    laterality : {"R", "L", "U", "B"}
    anatomic_region : str
        Name in DICOM CID 4009 as pydicom spells it: Phantom, Chest, Hand, ...
    view : str
        Name in DICOM CID 4010 as pydicom spells it: PosteroAnterior, AnteroPosterior, ...; empty where unknown.
    quality_control : bool
        True for phantoms and objects, False for patients.
    carried : Dataset, optional
        What the DICOM frame of the image says, from `radiography.dicom.carried`: patient, study, view and exposure. It
        goes before all of the above but the conditions, and makes the image a derived one.
    frame : int, optional
        Which of the frames of its source the image shows, from 0. [1]
    lossy : tuple of LossyStep
        How its pixels were compressed with loss before they came here, step by step; what a DICOM frame says of that
        is `carried`.
    event : str
        What names the irradiation, such as the digest of its raw frame; that of the image where it is empty.
    whole_panel : bool
        The image is that of the whole panel as it is read, neither turned nor mirrored.
    said : Dataset, optional
        What a person tells, from `radiography.dicom.subject`; it goes before everything else.
    anonymous : bool
        Nothing by which a person is recognised is written: `radiography.dicom.anonymous`.
    """

    patient_name: str = ""
    patient_id: str = "PHANTOM"
    patient_birth_date: str = ""
    patient_sex: Literal["", "M", "F", "O"] = ""
    study_id: str = "1"
    accession_number: str = ""
    study_description: str = ""
    series_description: str = ""
    referring_physician: str = ""
    study_uid: str = ""
    acquired: datetime | None = None
    manufacturer: str = ""
    conditions: Conditions = UNKNOWN
    detector_type: Literal["", "SCINTILLATOR", "DIRECT"] = ""
    exposure_index: float | None = None
    target_exposure_index: float | None = None
    magnification: float | None = None
    magnification_source: str = "distances of the source, the object plane and the detector"
    patient_orientation: tuple[str, str] = ("L", "F")
    laterality: Literal["R", "L", "U", "B"] = "U"
    anatomic_region: str = "Phantom"
    view: str = ""
    quality_control: bool = True
    carried: Dataset | None = None
    frame: int | None = None
    lossy: tuple[LossyStep, ...] = ()
    event: str = ""
    whole_panel: bool = False
    said: Dataset | None = None
    anonymous: bool = False

    def __post_init__(self) -> None:
        for name in _TEXTS:
            _check_text(name, getattr(self, name), TEXT_LENGTH)
        for name in _SHORT_TEXTS:
            _check_text(name, getattr(self, name), SHORT_TEXT_LENGTH)
        for name in ("patient_id", "study_id"):
            if not getattr(self, name).strip():
                raise ValueError(f"{name} must not be empty: archives find pictures by it")
        if self.patient_name.count("^") > 4 or "=" in self.patient_name:
            raise ValueError(f"patient_name may have up to 5 parts joined by ^ and no =, got {self.patient_name!r}")
        for name in _POSITIVE:
            value = getattr(self, name)
            if value is not None and not (np.isfinite(value) and value > 0):
                raise ValueError(f"{name} must be a positive number or None, got {value}")
        if self.magnification is not None and self.magnification < 1.0:
            raise ValueError(
                f"magnification must be 1 or more for an object before the panel, got {self.magnification}"
            )
        _check_choice("patient_sex", self.patient_sex, ("", "M", "F", "O"))
        _check_choice("laterality", self.laterality, ("R", "L", "U", "B"))
        _check_choice("detector_type", self.detector_type, ("", "SCINTILLATOR", "DIRECT"))
        _check_choice("anatomic_region", self.anatomic_region, tuple(codes.cid4009.dir()))
        _check_choice("view", self.view, ("", *codes.cid4010.dir()))
        _check_orientation(self.patient_orientation)
        if self.patient_birth_date:
            _check_date("patient_birth_date", self.patient_birth_date)
        if self.study_uid and (len(self.study_uid) > UID_LENGTH or not re.match(RE_VALID_UID, self.study_uid)):
            raise ValueError(f"study_uid must be a DICOM UID of digits and dots, got {self.study_uid!r}")


def _check_text(name: str, text: str, longest: int) -> None:
    if len(text) > longest:
        raise ValueError(f"{name} may have up to {longest} characters, got {len(text)}: {text[:20]!r}...")
    if "\\" in text or not text.isprintable():
        raise ValueError(f"{name} must be one line of printable text without a backslash, got {text!r}")


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(repr(choice) for choice in choices)}, got {value!r}")


def _check_orientation(orientation: tuple[str, str]) -> None:
    """Two directions that are not along the same body axis."""
    axes = [ORIENTATION_AXES.get(letters[:1]) for letters in orientation]
    known = all(letters and set(letters) <= set(ORIENTATION_AXES) for letters in orientation)
    if len(orientation) != 2 or not known or axes[0] == axes[1]:
        raise ValueError(
            f"patient_orientation must be two directions of L R A P H F along different axes, got {orientation}"
        )


def _check_date(name: str, date: str) -> None:
    try:
        datetime.strptime(date, "%Y%m%d")
    except ValueError as error:
        raise ValueError(f"{name} must be a date YYYYMMDD, got {date!r}") from error

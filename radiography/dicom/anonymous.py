"""Objects by which no person is recognised: DICOM PS3.15 annex E, basic application confidentiality profile.

An allow-list, not a search: numbers of physics stay, code strings stay where they are terms of the standard, texts stay
only where this program wrote them itself. Every other text, date and time goes, or is replaced by a dummy where the
standard demands a value. UIDs are replaced by a digest of themselves, so that objects of one study stay together.
"""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

PROFILE = ("113100", "DCM", "Basic Application Confidentiality Profile")  # DICOM PS3.16 CID 7050
ANONYMOUS = "ANONYMOUS"
_OF_THE_STANDARD = "1.2.840.10008."  # root of the UIDs that DICOM itself gave
# Dummies of what must have a value: PS3.15 E.1-1, action Z or D.
_DUMMIES = {"PatientName": "", "PatientID": ANONYMOUS, "PatientBirthDate": "", "PatientSex": "",
            "StudyDate": "19000101", "StudyTime": "000000", "StudyID": "1", "AccessionNumber": "",
            "ReferringPhysicianName": "", "Manufacturer": ""}  # fmt: skip
_UNKNOWN = {"ImageLaterality": "U", "PatientOrientation": "", "DetectorType": "", "DetectorConfiguration": "AREA",
            "LossyImageCompression": "00"}  # where the source says no term of the standard  # fmt: skip
_NUMBERS = {"DS", "IS", "US", "SS", "UL", "SL", "FL", "FD", "OW", "OB", "AT"}
# Numbers that tell of the person, or of the day: PS3.15 E.1-1.
_PERSONAL = {"PatientSize", "PatientWeight", "AcquisitionNumber"}
_OWN_TEXTS = {"SoftwareVersions", "LUTExplanation", "LUTLabel", "RescaleType", "PixelSpacingCalibrationDescription"}
# Terms of code strings: DICOM PS3.3, at the attributes of their names.
_TERMS = {"SpecificCharacterSet": {"ISO_IR 192"}, "Modality": {"DX"},
          "PresentationIntentType": {"FOR PRESENTATION", "FOR PROCESSING"},
          "ImageType": {"ORIGINAL", "DERIVED", "PRIMARY", ""}, "PatientOrientation": {"L", "R", "A", "P", "H", "F"},
          "BurnedInAnnotation": {"YES", "NO"}, "LossyImageCompression": {"00", "01"},
          "LossyImageCompressionMethod": {"ISO_10918_1", "ISO_14495_1", "ISO_15444_1", "ISO_13818_2", "ISO_14496_10"},
          "PresentationLUTShape": {"IDENTITY"}, "QualityControlSubject": {"YES", "NO"},
          "QualityControlImage": {"YES", "NO"}, "ImageLaterality": {"R", "L", "U", "B"},
          "PhotometricInterpretation": {"MONOCHROME2"}, "PixelIntensityRelationship": {"LIN", "LOG"},
          "DetectorType": {"SCINTILLATOR", "DIRECT", "STORAGE", "FILM"},
          "DetectorConfiguration": {"AREA", "SLOT"}, "PixelSpacingCalibrationType": {"GEOMETRY"},
          "PositionerType": {"NONE", "CARM", "COLUMN", "MAMMOGRAPHIC", "PANORAMIC", "CEPHALOSTAT", "RIGID"},
          "SpatialLocationsPreserved": {"YES", "NO"}, "FieldOfViewShape": {"RECTANGLE", "ROUND", "HEXAGONAL"},
          "FieldOfViewHorizontalFlip": {"YES", "NO"},
          "Grid": {"FIXED", "FOCUSED", "RECIPROCATING", "PARALLEL", "CROSSED", "NONE"},
          "FilterType": {"STRIP", "WEDGE", "BUTTERFLY", "MULTIPLE", "NONE"},
          "FilterMaterial": {"MOLYBDENUM", "ALUMINUM", "COPPER", "RHODIUM", "NIOBIUM", "EUROPIUM", "LEAD"},
          "AnodeTargetMaterial": {"TUNGSTEN", "MOLYBDENUM", "RHODIUM", "GOLD", "SILVER"},
          "ExposureControlMode": {"MANUAL", "AUTOMATIC"},
          "CollimatorShape": {"RECTANGULAR", "CIRCULAR", "POLYGONAL"},
          "ViewPosition": {"AP", "PA", "LL", "RL", "RLD", "LLD", "RLO", "LLO"}}  # fmt: skip
_CODES = {"AnatomicRegionSequence": codes.cid4009, "ViewCodeSequence": codes.cid4010}
_KEPT_SEQUENCES = {"SourceImageSequence", "ReferencedSeriesSequence", "ReferencedInstanceSequence",
                   "PurposeOfReferenceCodeSequence", "AcquisitionContextSequence", "RealWorldValueMappingSequence",
                   "MeasurementUnitsCodeSequence"}  # written by this program alone  # fmt: skip
_CODE = {"CodeValue", "CodingSchemeDesignator", "CodeMeaning"}


def anonymised(dataset: Dataset, software: str) -> Dataset:
    """A data set without anything by which a person, a place or a day is recognised.

    Pixels are not looked at: what is burned into them stays.

    Parameters
    ----------
    dataset : Dataset
        Joined attributes of an object, without its pixels; left as it is.
    software : str
        Name and version of this program.

    Returns
    -------
    dataset : Dataset
        With the sentence that it was de-identified, and its code.
    """
    kept = _kept(dataset)
    for keyword, dummy in _DUMMIES.items():
        setattr(kept, keyword, dummy)
    if "AnatomicRegionSequence" not in kept:
        kept.AnatomicRegionSequence = []
    if "ViewCodeSequence" not in kept:
        kept.pop("ViewPosition", None)
    for keyword, unknown in _UNKNOWN.items():
        if keyword not in kept:
            setattr(kept, keyword, unknown)
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = PROFILE
    kept.PatientIdentityRemoved = "YES"
    kept.DeidentificationMethod = f"{software}: PS3.15 basic profile"
    kept.DeidentificationMethodCodeSequence = [item]
    kept.LongitudinalTemporalInformationModified = "REMOVED"
    return kept


def replaced_uid(uid: str) -> str:
    """The UID that stands for another one, always the same; those of the standard stay."""
    if uid.startswith(_OF_THE_STANDARD):
        return uid
    return uid_of_text(f"anonymous {uid}")


def uid_of_text(text: str) -> str:
    """UID 2.25.<UUID as integer>, the same for the same text, and as long for any: DICOM PS3.5 B.2.

    Parameters
    ----------
    text : str

    Returns
    -------
    uid : str
        With 39 digits, as the highest bit is set: a header is as long whatever its pixels are.
    """
    digest = hashlib.sha256(text.encode()).digest()
    return f"2.25.{uuid.UUID(bytes=bytes([digest[0] | 0x80]) + digest[1:16], version=5).int}"


def _kept(dataset: Dataset, within: str = "") -> Dataset:
    kept = Dataset()
    for element in dataset:
        if element.tag.is_private:
            continue
        value = _value(element, within)
        if value is not None:
            kept.add_new(element.tag, element.VR, value)
    return kept


def _value(element: DataElement, within: str) -> Any:
    """What stays of a value; None where the attribute goes."""
    keyword, value = element.keyword, element.value
    if element.VR == "SQ":
        if keyword in _CODES:
            known = {(code.value, code.scheme_designator): code.meaning for code in _concepts(_CODES[keyword])}
            items = [_code(item, known) for item in value]
            return [item for item in items if item is not None] or None
        return [_kept(item, keyword) for item in value] if keyword in _KEPT_SEQUENCES else None
    if element.VR == "UI":
        uids = [value] if isinstance(value, str) else list(value)
        replaced = [replaced_uid(str(uid)) for uid in uids if uid]
        return replaced if len(replaced) != 1 else replaced[0]
    if element.VR in _NUMBERS:
        return None if keyword in _PERSONAL else value
    if keyword in _OWN_TEXTS or (within and keyword in _CODE):
        return value
    if element.VR == "CS" and keyword in _TERMS:
        said = [value] if isinstance(value, str) else list(value)
        return value if {str(each) for each in said} <= {*_TERMS[keyword], ""} else None
    return None


def _concepts(context: Any) -> list[Any]:
    return [getattr(context, name) for name in context.dir()]


def _code(item: Dataset, known: dict[tuple[str, str], str]) -> Dataset | None:
    """A code of the standard with the standard's own meaning."""
    key = str(item.get("CodeValue", "")), str(item.get("CodingSchemeDesignator", ""))
    if key not in known:
        return None
    kept = Dataset()
    kept.CodeValue, kept.CodingSchemeDesignator, kept.CodeMeaning = *key, known[key]
    return kept

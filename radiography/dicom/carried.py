"""Words of a DICOM frame about patient, study, view and exposure, carried to every image that is made of it.

The record is a part of the header in DICOM's own JSON form (PS3.18 F), so that it also travels in the metadata of a
TIFF. It holds what does not change when pixels are corrected, nothing private, and the identity of the object itself,
by which a derived image refers to its source.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from pydicom.config import RAISE
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.sr.codedict import codes
from pydicom.uid import UID
from pydicom.valuerep import validate_value

from radiography.dicom.description import LossyStep
from radiography.dicom.modules import code_item
from radiography.dicom.texts import PRIVATE

# Patient, study and place: replace what a file of ours would say by itself.
IDENTITY = ("PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientBirthTime", "PatientSex",
            "OtherPatientIDs", "PatientIdentityRemoved", "DeidentificationMethod", "QualityControlSubject",
            "PatientAge", "PatientSize", "PatientWeight",
            "StudyInstanceUID", "StudyDate", "StudyTime", "StudyID", "AccessionNumber", "ReferringPhysicianName",
            "StudyDescription", "SeriesDescription", "ProtocolName", "OperatorsName", "PerformingPhysicianName",
            "PhysiciansOfRecord", "InstitutionName", "InstitutionAddress",
            "InstitutionalDepartmentName", "StationName", "TimezoneOffsetFromUTC", "QualityControlImage",
            "BodyPartExamined", "AnatomicRegionSequence", "ImageLaterality", "PatientOrientation", "ViewPosition",
            "ViewCodeSequence", "PatientPosition",
            "LossyImageCompression", "LossyImageCompressionRatio", "LossyImageCompressionMethod")  # fmt: skip
# Exposure, panel and beam: stand beside what the conditions of the frame say. No distance to the patient: with it
# viewers rescale lengths on their own.
COLLIMATOR = ("CollimatorShape", "CollimatorLeftVerticalEdge", "CollimatorRightVerticalEdge",
              "CollimatorUpperHorizontalEdge", "CollimatorLowerHorizontalEdge")  # of a rectangle  # fmt: skip
FIELD_OF_VIEW = ("FieldOfViewOrigin", "FieldOfViewRotation", "FieldOfViewHorizontalFlip")  # all three or none
EXPOSURE = ("AcquisitionNumber", "AcquisitionDate", "AcquisitionTime", "IrradiationEventUID", "KVP", "XRayTubeCurrent",
            "XRayTubeCurrentInuA", "ExposureTime", "ExposureTimeInuS", "Exposure", "ExposureInuAs",
            "ExposureControlMode", "ExposureControlModeDescription", "PhototimerSetting", "FocalSpots",
            "AnodeTargetMaterial", "ImageAndFluoroscopyAreaDoseProduct", "EntranceDoseInmGy", "ExposureIndex",
            "TargetExposureIndex", "DeviationIndex", "RelativeXRayExposure", "Sensitivity", "FilterType",
            "FilterMaterial", "FilterThicknessMinimum", "FilterThicknessMaximum", "Grid", "GridFocalDistance",
            "DistanceSourceToDetector", "DetectorType", "DetectorConfiguration", "DetectorDescription",
            "DetectorMode", "DetectorID", "DetectorTemperature", "DetectorManufacturerName",
            "DetectorManufacturerModelName", "DateOfLastDetectorCalibration", "TimeOfLastDetectorCalibration",
            *COLLIMATOR, "FieldOfViewShape", "FieldOfViewDimensions", *FIELD_OF_VIEW, "PositionerType",
            "PositionerPrimaryAngle", "PositionerSecondaryAngle", "GantryID",
            "ManufacturerModelName", "DeviceSerialNumber")  # fmt: skip
# The object itself, and what is said in other words.
OBJECT = ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "SeriesNumber", "InstanceNumber", "NumberOfFrames",
          "Laterality", "EstimatedRadiographicMagnificationFactor")  # fmt: skip
CARRIED = (*IDENTITY, *EXPOSURE, *OBJECT)
_MAY_BE_EMPTY = {"PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "StudyID",
                 "AccessionNumber", "ReferringPhysicianName"}  # type 2: DICOM PS3.3 C.7.1.1, C.7.2.1  # fmt: skip
_CODE = ("CodeValue", "CodingSchemeDesignator", "CodingSchemeVersion", "CodeMeaning")
_VIEWS = {"AP": "AnteroPosterior", "PA": "PosteroAnterior"}  # DICOM PS3.16 CID 4010
_BOUNDED = ("SH", "LO", "ST", "LT")
LONGEST_VALUE = 2000  # characters of one value   # chosen
OWN_CODES = "99RADIOGRAPHY"  # private coding scheme of words that have no code: DICOM PS3.16 8.2
_DAMAGE = (ValueError, TypeError, KeyError, AttributeError, LookupError, NotImplementedError, ArithmeticError,
           RecursionError)  # fmt: skip


def carried_of(header: Dataset) -> dict[str, Any]:
    """The record of a header: what is carried to images made of its frames, as DICOM's JSON.

    Parameters
    ----------
    header : Dataset
        Every attribute before the pixels.

    Returns
    -------
    record : dict
        Empty attributes, and values that DICOM does not allow, are left out; `header_of` reads it back.
    """
    kept = Dataset()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # odd values are left out
        for keyword in [keyword for keyword in CARRIED if tag_for_keyword(keyword) in header]:
            value = header.get(keyword)
            if dictionary_VR(keyword) == "SQ":
                items = [_code_of(item) for item in value or []]
                if items := [item for item in items if len(item) >= 3]:
                    setattr(kept, keyword, Sequence(items[:1]))
            elif value not in (None, "") and _allowed(keyword, value):
                setattr(kept, keyword, value)
        found: dict[str, Any] = kept.to_json_dict()
    return found


def header_of(record: Mapping[str, Any], where: str) -> Dataset:
    """The attributes that a record holds.

    Parameters
    ----------
    record : mapping
        From `carried_of`, perhaps through a file that somebody changed.
    where : str
        Named in errors, usually the file.

    Returns
    -------
    header : Dataset
        Of the attributes named in `CARRIED`, no others.

    Raises
    ------
    ValueError
        If the record is damaged.
    """
    header = Dataset()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            stored = Dataset.from_json(dict(record))
            for keyword in CARRIED:
                if tag_for_keyword(keyword) in stored:
                    value = stored[keyword].value
                    if dictionary_VR(keyword) == "SQ":
                        value = Sequence([item for item in map(_code_of, value) if len(item) >= 3][:1])
                    elif not _allowed(keyword, value):
                        found = "what it is" if keyword in PRIVATE else repr(str(value)[:40])
                        raise ValueError(f"{keyword} may not be {found}")
                    setattr(header, keyword, value)
    except _DAMAGE as error:
        reason = " ".join(str(error).split())[:200].rstrip(".")
        raise ValueError(f"{where}: what it carries of a DICOM header is damaged: {reason}") from error
    return header


def add_loss(carried: Dataset, steps: tuple[LossyStep, ...]) -> None:
    """Add compressions with loss to those that the source says; methods and ratios stay as long as all are known.

    Parameters
    ----------
    carried : Dataset
        From `header_of`; changed.
    steps : tuple of LossyStep
        What came after it.
    """
    if not steps:
        return
    was_lossy = carried.get("LossyImageCompression") == "01"
    carried.LossyImageCompression = "01"
    for keyword, values in (
        ("LossyImageCompressionRatio", [None if s.ratio is None else f"{s.ratio:.3g}" for s in steps]),
        ("LossyImageCompressionMethod", [s.method for s in steps]),
    ):
        before = carried.get(keyword)
        said = [] if not was_lossy else list(before) if isinstance(before, MultiValue) else [before]
        if None in (together := [*said, *values]):
            carried.pop(keyword, None)
        else:
            setattr(carried, keyword, together)


def identity_module(carried: Dataset) -> Dataset:
    """Patient, study, place and view as the source says them; what it does not say stays empty.

    Parameters
    ----------
    carried : Dataset
        From `header_of`.

    Returns
    -------
    dataset : Dataset
    """
    dataset = _of(carried, IDENTITY)
    for keyword in _MAY_BE_EMPTY:
        if keyword not in dataset:
            setattr(dataset, keyword, "")
    if others := dataset.pop("OtherPatientIDs", None):  # retired; said in a sequence now: DICOM PS3.3 C.7.1.1
        named = [others.value] if isinstance(others.value, str) else list(others.value)
        dataset.OtherPatientIDsSequence = [_other_identifier(str(each)) for each in named]
    body_part = str(dataset.get("BodyPartExamined", ""))
    if "AnatomicRegionSequence" not in dataset:
        dataset.AnatomicRegionSequence = [region_item(body_part)] if body_part else []
    if "ImageLaterality" not in dataset:
        side = str(carried.get("Laterality", ""))
        dataset.ImageLaterality = side if side in ("R", "L") else "U"
    if "PatientOrientation" not in dataset:
        dataset.PatientOrientation = ""
    view = str(dataset.get("ViewPosition", ""))
    if view and "ViewCodeSequence" not in dataset:
        dataset.ViewCodeSequence = [view_item(view)]
    if "ViewCodeSequence" in dataset and not carried.get("PositionerType"):
        dataset.PositionerType = "NONE"
    return dataset


def exposure_module(carried: Dataset) -> Dataset:
    """Exposure, panel and beam as the source says them.

    Parameters
    ----------
    carried : Dataset
        From `header_of`.

    Returns
    -------
    dataset : Dataset
    """
    dataset = _of(carried, EXPOSURE)
    if any(keyword not in dataset for keyword in FIELD_OF_VIEW):
        for keyword in FIELD_OF_VIEW:
            dataset.pop(keyword, None)
    elif float(dataset.FieldOfViewRotation).is_integer():
        dataset.FieldOfViewRotation = str(int(dataset.FieldOfViewRotation))  # a term: 0.0 is none
    if dataset.get("CollimatorShape") != "RECTANGULAR" or any(keyword not in dataset for keyword in COLLIMATOR):
        for keyword in COLLIMATOR:  # the vertices of a polygon are not carried
            dataset.pop(keyword, None)
    if ("DistanceSourceToDetector" in dataset or "ViewPosition" in carried) and "PositionerType" not in dataset:
        dataset.PositionerType = "NONE"
    return dataset


def source_module(carried: Dataset, derivation: str, frame: int | None = None) -> Dataset:
    """Source image of a derived one (C.7.6.1, C.12.2): the object whose frame was corrected.

    Parameters
    ----------
    carried : Dataset
        From `header_of`.
    derivation : str
        What was done to its pixels; may be empty.
    frame : int, optional
        Which of several frames, from 0. [1]

    Returns
    -------
    dataset : Dataset
        Empty where the source does not say its UIDs.
    """
    dataset = Dataset()
    if derivation:
        dataset.DerivationDescription = derivation
    if "SOPClassUID" not in carried or "SOPInstanceUID" not in carried:
        return dataset
    source = Dataset()
    source.ReferencedSOPClassUID = carried.SOPClassUID
    source.ReferencedSOPInstanceUID = carried.SOPInstanceUID
    if frame is not None and int(carried.get("NumberOfFrames", 1) or 1) > 1:
        source.ReferencedFrameNumber = frame + 1
    instance = Dataset()
    instance.update(source)
    source.PurposeOfReferenceCodeSequence = [code_item(codes.DCM.SourceImageForImageProcessingOperation)]
    source.SpatialLocationsPreserved = "YES"
    dataset.SourceImageSequence = [source]
    if "SeriesInstanceUID" in carried:
        series = Dataset()
        series.SeriesInstanceUID = carried.SeriesInstanceUID
        series.ReferencedInstanceSequence = [instance]
        dataset.ReferencedSeriesSequence = [series]
    return dataset


def magnification_of(carried: Dataset) -> float | None:
    """Magnification of the object plane that the source was calibrated to; None where it says none. [1]"""
    factor = carried.get("EstimatedRadiographicMagnificationFactor")
    return float(factor) if isinstance(factor, int | float) and 1.0 < float(factor) < 100.0 else None


def is_of_a_patient(carried: Dataset) -> bool:
    """Whether the source does not call itself a phantom's or a test's."""
    return "YES" not in (carried.get("QualityControlSubject"), carried.get("QualityControlImage"))


def _other_identifier(identifier: str) -> Dataset:
    item = Dataset()
    item.PatientID, item.TypeOfPatientID = identifier, "TEXT"
    return item


def _of(carried: Dataset, keywords: tuple[str, ...]) -> Dataset:
    dataset = Dataset()
    for keyword in keywords:
        if keyword in carried:
            setattr(dataset, keyword, carried[keyword].value)
    return dataset


def _allowed(keyword: str, value: Any) -> bool:
    """Whether a value is one that DICOM allows for its attribute, and of a length that a person wrote."""
    values = list(value) if isinstance(value, list) or type(value).__name__ == "MultiValue" else [value]
    vr = dictionary_VR(keyword)
    if vr in _BOUNDED and keyword not in PRIVATE and keyword not in _CODE:  # where it is written, which is told
        return 0 < len(str(value)) <= LONGEST_VALUE
    try:
        for each in values:
            text = str(getattr(each, "original_string", None) or each)
            if vr == "UI" and not UID(text).is_valid:
                return False
            validate_value(vr, text, RAISE)
    except _DAMAGE:
        return False
    return 0 < len(str(value)) <= LONGEST_VALUE


def _code_of(item: Dataset) -> Dataset:
    """A code without what a foreign file holds beside it."""
    code = Dataset()
    for keyword in _CODE:
        value = item.get(keyword)
        if value and _allowed(keyword, value):
            setattr(code, keyword, value)
    return code


def region_item(body_part: str) -> Dataset:
    """A body part's code in CID 4009, or its own word where none has this name."""
    name = next((name for name in codes.cid4009.dir() if name.upper() == body_part.replace(" ", "").upper()), None)
    return _word_item(body_part) if name is None else code_item(getattr(codes.cid4009, name))


def view_item(view: str) -> Dataset:
    """Code in CID 4010 of a view position, or its own word where none is meant by it."""
    return code_item(getattr(codes.cid4010, _VIEWS[view])) if view in _VIEWS else _word_item(view)


def _word_item(word: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = word, OWN_CODES, word
    return item

"""Claims of a DICOM header about its frames, checked before anything relies on them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from math import isfinite

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRBigEndian

from calibration.conditions import Conditions, conditions_from
from radiography.dicom.description import ANODES
from radiography.dicom.frame_times import frame_interval
from radiography.dicom.linear import saturation
from radiography.dicom.spacing import detector_pitch
from radiography.dicom.texts import full_serial

LARGEST_FRAME_PIXELS = 2**28  # 16,384 x 16,384   # chosen: 512 MiB of uint16
# What the metadata tell; nothing that names a person.
METADATA = ("SOPClassUID", "Modality", "PresentationIntentType", "PhotometricInterpretation", "BitsStored",
            "PixelIntensityRelationship", "PixelIntensityRelationshipSign", "RescaleIntercept", "RescaleSlope",
            "RescaleType", "WindowCenter", "WindowWidth", "Manufacturer", "ManufacturerModelName", "DetectorType",
            "DetectorID", "DetectorBinning", "KVP", "XRayTubeCurrent", "ExposureTime", "Exposure", "ExposureInuAs",
            "DistanceSourceToDetector", "ExposureIndex", "TargetExposureIndex", "DeviationIndex", "AcquisitionDate",
            "AcquisitionTime", "PatientOrientation", "PixelSpacing", "PixelSpacingCalibrationType",
            "EstimatedRadiographicMagnificationFactor", "ImageComments")  # fmt: skip
_METADATA_TAGS = {Tag(keyword): keyword for keyword in METADATA}  # faster to look up than keywords are
SYMBOLS = {material: symbol for symbol, material in ANODES.items()}
LONGEST_METADATA = 2000  # characters of one entry


def frame_claim(header: Dataset) -> tuple[int, int, int, str]:
    """Frames, rows, columns and type of one frame; ValueError unless they can be a grey detector's."""
    for keyword in ("Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"):
        if not isinstance(header.get(keyword), int):
            raise ValueError(f"its {keyword} is missing or no whole number")
    rows, cols = int(header.Rows), int(header.Columns)
    frames = header.get("NumberOfFrames")
    count = 1 if frames in (None, "") else int(frames)
    samples = header.get("SamplesPerPixel", 1)
    if samples != 1:
        raise ValueError(f"it is a colour picture of {samples} samples per pixel; a frame is grey")
    if rows < 1 or cols < 1 or count < 1:
        raise ValueError(f"it claims {count} frames of {rows} x {cols} pixels; at least 1 of 1 x 1 is needed")
    if rows * cols > LARGEST_FRAME_PIXELS:
        raise ValueError(f"it claims {rows} x {cols} pixels, over the limit of {LARGEST_FRAME_PIXELS} for one frame")
    allocated, bits, high = int(header.BitsAllocated), int(header.BitsStored), int(header.HighBit)
    if allocated not in (8, 16, 32):
        raise ValueError(f"it allocates {allocated} bits per pixel; 8, 16 or 32 are needed")
    if not 1 <= bits <= allocated or not bits - 1 <= high < allocated:
        raise ValueError(f"it stores {bits} bits up to bit {high} in {allocated} allocated ones, which cannot be")
    if allocated == 8 and header.file_meta.TransferSyntaxUID == ExplicitVRBigEndian:
        raise ValueError("it holds 8-bit pixels in big-endian words, which are not read; convert it with dcmconv")
    return count, rows, cols, f"{'int' if header.PixelRepresentation == 1 else 'uint'}{allocated}"


def stated_conditions(header: Dataset) -> Conditions:
    """How the frames were taken, as the header says it; zeros and oddities, which old files hold, say nothing."""
    binning = [_number(header, "DetectorBinning", 1.0, position) for position in (0, 1)]
    current, time, charge = (
        _number(header, keyword, scale) or _number(header, coarse, coarse_scale)
        for keyword, scale, coarse, coarse_scale in (
            ("XRayTubeCurrentInuA", 1e-3, "XRayTubeCurrent", 1.0),
            ("ExposureTimeInuS", 1e-6, "ExposureTime", 1e-3),
            ("ExposureInuAs", 1e-3, "Exposure", 1.0),
        )
    )
    temperature_C = _number(header, "DetectorTemperature")
    saturation_dn, saturation_source = saturation(header) or (None, None)
    said = {
        "manufacturer": _text(header, "Manufacturer"),
        "serial": full_serial(_text(header, "DetectorID"), _text(header, "DetectorDescription"))
        or _text(header, "DeviceSerialNumber"),
        "device_serial": _text(header, "DeviceSerialNumber"),
        "panel": _text(header, "ManufacturerModelName"),
        "binning": int(binning[0]) if binning[0] and binning[0] == binning[1] and binning[0] >= 1 else None,
        "frame_interval_s": frame_interval(header)[0],
        "temperature_C": temperature_C if temperature_C is not None and temperature_C <= 100.0 else None,
        "kvp": _number(header, "KVP"),
        "anode": SYMBOLS.get(_text(header, "AnodeTargetMaterial")),
        "tube_current_mA": current,
        "exposure_time_s": time,
        "exposure_mAs": charge,
        "source_to_detector_mm": _number(header, "DistanceSourceToDetector") or _number(header, "RTImageSID"),
        "focal_spot_mm": _number(header, "FocalSpots"),
        "saturation_dn": saturation_dn,
        "saturation_source": saturation_source,
        "pitch_mm": detector_pitch(header).pitch_mm,
        "date": _acquired(header),
    }
    return conditions_from(said, "its header")


def _text(header: Dataset, keyword: str) -> str:
    return str(header.get(keyword) or "")[:LONGEST_METADATA].strip()


def _number(header: Dataset, keyword: str, scale: float = 1.0, position: int = 0) -> float | None:
    """A positive number of an attribute, in our unit; None where there is none."""
    value = header.get(keyword)
    values = list(value) if isinstance(value, MultiValue | list) else [value]
    try:
        number = scale * float(values[position])
    except (IndexError, TypeError, ValueError):
        return None
    return number if isfinite(number) and number > 0 else None


def _acquired(header: Dataset) -> str | None:
    """Date and time of the acquisition in ISO 8601, with its zone where it is said; None without a whole date."""
    day, time = _text(header, "AcquisitionDate"), _text(header, "AcquisitionTime")
    both = _text(header, "AcquisitionDateTime")
    for text, form in (
        (day + time[:6], "%Y%m%d%H%M%S"), (both[:14], "%Y%m%d%H%M%S"), (day, "%Y%m%d"), (both[:8], "%Y%m%d"),
    ):  # fmt: skip
        try:
            return datetime.strptime(text, form).replace(tzinfo=_zone(header)).isoformat()
        except ValueError:
            continue
    return None


def _zone(header: Dataset) -> timezone | None:
    """Offset from UTC that the header says for all its times, as +HHMM."""
    try:
        offset = datetime.strptime(_text(header, "TimezoneOffsetFromUTC"), "%z").utcoffset()
    except ValueError:
        return None
    return timezone(offset if offset is not None else timedelta(0))


def plain_metadata(header: Dataset) -> dict[str, str]:
    """What else the header says about the exposure, as text under DICOM's keywords."""
    found, present = {"TransferSyntaxUID": str(header.file_meta.TransferSyntaxUID)}, header.keys()
    for tag, keyword in _METADATA_TAGS.items():
        if tag in present and (value := header[tag].value) not in (None, ""):
            found[keyword] = str(value)[:LONGEST_METADATA]
    return found

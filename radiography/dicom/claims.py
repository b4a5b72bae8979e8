"""What a DICOM header claims about its frames, checked before anything relies on it."""

from __future__ import annotations

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian

LARGEST_FRAME_PIXELS = 2**28  # 16,384 x 16,384   # chosen: 512 MiB of uint16
PLAUSIBLE_PITCH_MM = (0.001, 10.0)  # spacings outside this are no detector's   # assumed
SQUARE = 1e-3  # relative difference of row and column spacing that is rounding   # chosen
# What the metadata tell; nothing that names a person.
METADATA = ("SOPClassUID", "Modality", "PresentationIntentType", "PhotometricInterpretation", "BitsStored",
            "PixelIntensityRelationship", "PixelIntensityRelationshipSign", "RescaleIntercept", "RescaleSlope",
            "RescaleType", "WindowCenter", "WindowWidth", "Manufacturer", "ManufacturerModelName", "DetectorType",
            "DetectorID", "DetectorBinning", "KVP", "XRayTubeCurrent", "ExposureTime", "Exposure", "ExposureInuAs",
            "DistanceSourceToDetector", "ExposureIndex", "TargetExposureIndex", "DeviationIndex", "AcquisitionDate",
            "AcquisitionTime", "PatientOrientation", "PixelSpacing", "PixelSpacingCalibrationType",
            "EstimatedRadiographicMagnificationFactor", "ImageComments")  # fmt: skip
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


def detector_pitch_mm(header: Dataset) -> float | None:
    """Pitch at the detector [mm], from the attribute that says so or the uncalibrated Pixel Spacing, or None."""
    for keyword in ("ImagerPixelSpacing", "DetectorElementSpacing", "NominalScannedPixelSpacing", "PixelSpacing"):
        spacing = header.get(keyword)
        calibrated = keyword == "PixelSpacing" and header.get("PixelSpacingCalibrationType")
        if not spacing or calibrated:  # a calibrated spacing is that of the object, not of the detector
            continue
        numbers = [float(number) for number in ([spacing] if isinstance(spacing, str | float | int) else spacing)]
        if len(numbers) != 2 or not np.isfinite(numbers).all() or min(numbers) <= 0:
            raise ValueError(f"its {keyword} must be two positive lengths, got {numbers}")
        if abs(numbers[0] - numbers[1]) > SQUARE * numbers[0]:
            raise ValueError(f"its pixels are {numbers[0]:g} x {numbers[1]:g} mm; square pixels are needed")
        if PLAUSIBLE_PITCH_MM[0] <= numbers[0] <= PLAUSIBLE_PITCH_MM[1]:
            return numbers[0]
    return None


def plain_metadata(header: Dataset) -> dict[str, str]:
    """What else the header says about the exposure, as text under DICOM's keywords."""
    found = {"TransferSyntaxUID": str(header.file_meta.TransferSyntaxUID)}
    for keyword in METADATA:
        value = header.get(keyword)
        if value not in (None, ""):
            found[keyword] = str(value)[:LONGEST_METADATA]
    return found

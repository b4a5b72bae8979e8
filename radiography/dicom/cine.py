"""Sequences as classic X-ray radiofluoroscopy (RF) files, written frame by frame.

A For Processing sequence holds the linear frames on one scale; a sequence for presentation holds one fixed curve of
them, with one window. DICOM PS3.3 A.16: of the multi-frame kinds the one that viewers show rightly, with its frame time
and spacing. The pixels go to the file as they come: a sequence of any length needs the memory of a frame.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from pydicom.config import disable_value_validation
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import ExplicitVRLittleEndian
from pydicom.valuerep import format_number_as_ds

from calibration.whole_file import whole_file
from radiography.dicom.counts import PROCESSING_MAXIMUM
from radiography.dicom.description import DxDescription
from radiography.dicom.joined import add_file_meta, join_modules, pixel_element_head, study_uid_of, told_text, uid_of
from radiography.dicom.modules import DxReference, StoredScale
from radiography.dicom.texts import fit_values
from radiography.dicom.write import LARGEST_SIDE
from radiography.presentation.sequence import SEQUENCE_BITS, SEQUENCE_MAXIMUM

RF_UID = "1.2.840.10008.5.1.4.1.1.12.2"  # DICOM PS3.4 B.5: X-Ray Radiofluoroscopic Image Storage
MOST_PIXEL_BYTES = 2**32 - 2  # of one value, even: DICOM PS3.5 7.1.1
MOST_FRAMES = 2**31 - 1  # an integer string: DICOM PS3.5 table 6.2-1
LONGEST_FRAME_MS = 86_400_000.0  # a day   # chosen: beyond is a mistake
RADIATION = "GR"  # dose of images, not of looking; fluoroscopy says SC: DICOM PS3.3 C.8.7.2
# What DX knows of panel, positioner and dose, and RF does not: DICOM PS3.3 A.16.3.
NOT_IN_RF = ("DetectorType", "DetectorConfiguration", "DetectorDescription", "DetectorMode", "DetectorID",
             "DetectorElementSpacing", "DetectorBinning", "DetectorTemperature", "DetectorManufacturerName",
             "DetectorManufacturerModelName", "DateOfLastDetectorCalibration", "TimeOfLastDetectorCalibration",
             "DetectorActiveShape", "DetectorActiveDimensions", "DetectorActiveOrigin", "FieldOfViewOrigin",
             "FieldOfViewRotation", "FieldOfViewHorizontalFlip", "Sensitivity", "ExposureIndex", "TargetExposureIndex",
             "DeviationIndex", "RelativeXRayExposure", "AnodeTargetMaterial", "FilterType", "FilterMaterial",
             "FilterThicknessMinimum", "FilterThicknessMaximum", "ExposureControlMode", "GridFocalDistance",
             "ExposureControlModeDescription", "PhototimerSetting", "EntranceDoseInmGy", "CommentsOnRadiationDose",
             "ViewPosition", "ViewCodeSequence", "PositionerType", "PositionerPrimaryAngle",
             "PositionerSecondaryAngle", "PixelIntensityRelationshipSign",
             "RescaleIntercept", "RescaleSlope", "RescaleType", "PresentationIntentType",
             "AcquisitionContextSequence", "GantryID")  # fmt: skip
_CURRENT_AND_TIME = ("XRayTubeCurrent", "ExposureTime")  # without one of them, Exposure is needed: PS3.3 C.8.7.2


@dataclass(frozen=True)
class CinePixels:
    """Shape and meaning of the frames of a sequence.

    Attributes
    ----------
    count, rows, cols : int
        Frames, and pixels of each. [1]
    pitch_mm : float
        Pixel pitch of the detector. [mm]
    frame_time_ms : float
        From the beginning of a frame to that of the next. [ms]
    digest : str
        Of the frames that they were made of: the root of the UIDs.
    scale : StoredScale or None
        Of linear counts of 16 bits; None for a picture of 12 bits.
    window : (int, int) or None
        Centre and width of a picture; None for linear counts. [1]
    """

    count: int
    rows: int
    cols: int
    pitch_mm: float
    frame_time_ms: float
    digest: str
    scale: StoredScale | None = None
    window: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        check_frame_time(self.frame_time_ms)
        if not (np.isfinite(self.pitch_mm) and self.pitch_mm > 0):
            raise ValueError(f"pitch_mm must be a positive length, got {self.pitch_mm}")
        if not 1 <= self.count <= MOST_FRAMES or not all(1 <= n <= LARGEST_SIDE for n in (self.rows, self.cols)):
            raise ValueError(f"a sequence needs frames of 1 to {LARGEST_SIDE} rows and columns, got {self._shape}")
        if (self.scale is None) == (self.window is None):
            raise ValueError("a sequence has a scale for processing or a window for presentation, and not both")
        if self.window is not None and (self.window[1] < 1 or any(int(n) != n for n in self.window)):
            raise ValueError(f"window must be an integer centre and an integer width of 1 or more, got {self.window}")
        if self.pixel_bytes > MOST_PIXEL_BYTES:
            most = MOST_PIXEL_BYTES // (2 * self.rows * self.cols)
            raise ValueError(
                f"{self._shape} need {self.pixel_bytes} bytes, one DICOM file holds {MOST_PIXEL_BYTES}: give --frames "
                f"with at most {most} of them for each file"
            )

    @property
    def pixel_bytes(self) -> int:
        """Of all frames. [byte]"""
        return 2 * self.count * self.rows * self.cols

    @property
    def _shape(self) -> str:
        return f"{self.count} frames of {self.rows} x {self.cols}"


def check_frame_time(frame_time_ms: float) -> None:
    """ValueError unless it is a time from frame to frame, in ms."""
    if not (np.isfinite(frame_time_ms) and 0 < frame_time_ms <= LONGEST_FRAME_MS):
        raise ValueError(f"the frame time must be above 0 and at most {LONGEST_FRAME_MS:.0f} ms, got {frame_time_ms:g}")


def write_cine(
    path: str | Path,
    frames: Iterable[NDArray[np.uint16]],
    pixels: CinePixels,
    description: DxDescription,
    *,
    comment: str = "",
    derivation: str = "",
    stage: str | None = "corrected",
) -> DxReference:
    """The RF file of frames that are ready to be stored.

    Parameters
    ----------
    path : str or Path
        File to write; whole, or not at all.
    frames : iterable of (H, W) uint16
        As many as `pixels` says; taken one at a time. [1]
    pixels : CinePixels
        Their shape and meaning.
    description : DxDescription
        Who, what, when and how.
    comment : str
        ImageComments: how the pixels came about.
    derivation : str
        How frames of a DICOM object were made of it.
    stage : {"corrected", "raw", None}
        Of the values that the scale leads back to.

    Returns
    -------
    reference : DxReference
        With a sentence about texts that do not fit their attributes.

    Raises
    ------
    ValueError, TypeError
        If a frame does not fit, or there are more or fewer of them.
    """
    dataset, reference = cine_header(pixels, description, comment, derivation, stage)
    with whole_file(path) as temporary, temporary.open("wb") as file:
        dcmwrite(file, dataset, enforce_file_format=True)
        write_pixels(file, frames, pixels)
    return reference


def write_pixels(file: BinaryIO, frames: Iterable[NDArray[np.uint16]], pixels: CinePixels) -> None:
    """Pixel Data at the end of a file, explicit little endian, one frame after the other.

    Parameters
    ----------
    file : file-like
        Behind the other elements.
    frames : iterable of (H, W) uint16
        [1]
    pixels : CinePixels
        What they are held to.

    Raises
    ------
    ValueError, TypeError
        If a frame does not fit, or there are more or fewer of them.
    """
    file.write(pixel_element_head(pixels.pixel_bytes))
    most = SEQUENCE_MAXIMUM if pixels.scale is None else PROCESSING_MAXIMUM
    number = 0
    for frame in frames:
        if frame.dtype != np.uint16:
            raise TypeError(f"frames of a sequence must be uint16, frame {number} is {frame.dtype}")
        if frame.shape != (pixels.rows, pixels.cols) or number >= pixels.count:
            raise ValueError(
                f"a sequence of {pixels.count} frames of {pixels.rows} x {pixels.cols} cannot hold frame {number}, "
                f"{' x '.join(map(str, frame.shape))}"
            )
        if most < PROCESSING_MAXIMUM and int(frame.max()) > most:
            raise ValueError(f"pictures of a sequence must stay within {most}, frame {number} reaches {frame.max()}")
        file.write(frame.astype("<u2", order="C", copy=False).data)
        number += 1
    if number != pixels.count:
        raise ValueError(f"a sequence of {pixels.count} frames got {number}")


def cine_header(
    pixels: CinePixels, description: DxDescription, comment: str, derivation: str, stage: str | None
) -> tuple[Dataset, DxReference]:
    """Every attribute of a sequence before its pixels, and where it stands.

    Parameters
    ----------
    pixels : CinePixels
    description : DxDescription
        Who, what, when and how.
    comment, derivation : str
        As in `write_cine`.
    stage : str or None
        As in `write_cine`.

    Returns
    -------
    dataset, reference : Dataset, DxReference
    """
    study_uid = study_uid_of(description, pixels.digest)
    series_uid = uid_of("series", study_uid, pixels.digest, "cine", pixels.scale is not None)
    instance_uid = uid_of("instance", series_uid, pixels, description.magnification, *told_text(description))
    reference = DxReference(RF_UID, instance_uid, series_uid, study_uid, pixels.scale)
    with disable_value_validation():  # what does not fit is found and told at the end
        dataset = join_modules(
            reference, description, (pixels.rows, pixels.cols), pixels.pitch_mm, window=pixels.window,
            digest=pixels.digest, comment=comment, derivation=derivation, stage=stage, number=1, frame=None,
        )  # fmt: skip
        _as_radiofluoroscopy(dataset, pixels)
        not_fitting = fit_values(dataset)
    add_file_meta(dataset, ExplicitVRLittleEndian)
    return dataset, replace(reference, told=not_fitting)


class FramesDigest:
    """SHA-256 of frames that pass by one at a time, with their shape and type."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def see(self, frame: NDArray[Any]) -> None:
        """Add a frame."""
        ordered = np.ascontiguousarray(frame)
        self._digest.update(f"{ordered.shape} {ordered.dtype.newbyteorder('<').str} ".encode())
        self._digest.update(ordered.astype(ordered.dtype.newbyteorder("<"), copy=False).data)

    def hexdigest(self) -> str:
        """Of what was seen so far."""
        return self._digest.hexdigest()


def _as_radiofluoroscopy(dataset: Dataset, pixels: CinePixels) -> None:
    """What differs between RF and DX, in place: Cine (C.7.6.5), Multi-frame (C.7.6.6), X-Ray Image (C.8.7.1) and
    X-Ray Acquisition (C.8.7.2)."""
    for keyword in NOT_IN_RF:
        dataset.pop(keyword, None)
    dataset.FrameTime = format_number_as_ds(float(pixels.frame_time_ms))
    dataset.FrameIncrementPointer = tag_for_keyword("FrameTime")
    dataset.NumberOfFrames = pixels.count
    rate = round(1000.0 / pixels.frame_time_ms)
    if rate >= 1:  # whole numbers only: some viewers look here, and not at the frame time
        dataset.RecommendedDisplayFrameRate = dataset.CineRate = rate
    dataset.Modality = "RF"
    dataset.ImageType = [*list(dataset.ImageType)[:2], "SINGLE PLANE"]
    if not dataset.get("AnatomicRegionSequence"):
        dataset.pop("AnatomicRegionSequence", None)
    dataset.RadiationSetting = RADIATION
    if "KVP" not in dataset:
        dataset.KVP = ""
    if "Exposure" not in dataset and not all(keyword in dataset for keyword in _CURRENT_AND_TIME):
        dataset.Exposure = ""
    if dataset.get("Grid"):
        dataset.Grid = "NONE" if dataset.Grid == "NONE" else "IN"
    dataset.PixelIntensityRelationship = "LIN" if pixels.window is None else "DISP"
    if pixels.window is not None:  # LOG would need the table that leads back from it: DICOM PS3.3 C.8.7.1.1.2
        dataset.BitsStored, dataset.HighBit = SEQUENCE_BITS, SEQUENCE_BITS - 1

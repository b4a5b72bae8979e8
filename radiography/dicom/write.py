"""Digital X-ray (DX) files: the linear image For Processing and the picture For Presentation.

A For Processing object holds the corrected image, linear in exposure. A For Presentation object holds the processed
picture: logarithmic, larger where fewer X-rays arrived, with the tone curve in the pixels and one window. Both are
DICOM PS3.3 A.26, uncompressed unless a lossless compression is asked for, and the same image and description give the
same file, byte for byte.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.config import disable_value_validation
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import ExplicitVRLittleEndian

from calibration.whole_file import whole_file
from radiography.dicom import modules
from radiography.dicom.anonymous import anonymised
from radiography.dicom.carried import exposure_module, identity_module, source_module
from radiography.dicom.compress import SYNTAXES, check_compression, compress_pixels
from radiography.dicom.description import DxDescription
from radiography.dicom.modules import DxReference, StoredScale
from radiography.dicom.texts import fit_values
from radiography.presentation.chain import present
from radiography.presentation.steps import PictureSteps

PRESENTATION_MAXIMUM = 2**modules.PRESENTATION_BITS - 1
PROCESSING_MAXIMUM = 2**modules.PROCESSING_BITS - 1
LEAST_NOISE_COUNTS = 3.0  # rounding, 0.29 counts rms, adds 1 % to the variance of such noise   # chosen
_USUAL_PERCENT = (0.1, 99.9)  # of the pixels; outliers lie beyond twice these values   # chosen
_LEAST_GAIN = 16.0  # in steps, for which outliers are clipped: they leave under 12 of 16 bits to the rest   # chosen
DIGEST_BYTES = 2**20  # stretch of an image that one core digests   # chosen
LARGEST_SIDE = 65535  # Rows and Columns are 16-bit: DICOM PS3.3 C.7.6.3
IMPLEMENTATION_UID = "2.25.50952867020306765175694280703454222581"  # of this writer, drawn once


def export_dx(
    corrected_dn: NDArray[np.floating[Any]],
    pitch_mm: float,
    path: str | Path,
    description: DxDescription,
    for_processing: bool = False,
    *,
    predecessor: DxReference | None = None,
    counts_per_dn: float | None = None,
    pedestal: int | None = None,
    origin: str = "",
    stage: str | None = "corrected",
    compression: str | None = None,
    picture_steps: PictureSteps | None = None,
) -> DxReference:
    """The DICOM file of one linear image, either kind.

    For a linked pair, write the For Processing object first and hand what this returns to the other call as
    `predecessor`.

    Parameters
    ----------
    corrected_dn : (H, W) float
        Linear, corrected image; NaN where there is no number. [DN]
    pitch_mm : float
        Pixel pitch of the detector. [mm]
    path : str or Path
        File to write; whole, or not at all.
    description : DxDescription
        Who, what, when and how.
    for_processing : bool
        True for the linear image, False for the processed picture.
    predecessor : DxReference, optional
        The For Processing object of the same image.
    counts_per_dn, pedestal : float, int, optional
        For Processing only, as in `linear_counts`; those that keep every value without them.
    origin : str
        How the image was corrected and with what; stands at the end of the comment.
    stage : {"corrected", "raw", None}
        Of the numbers; None where it is not known.
    compression : str, optional
        Lossless, one of `radiography.dicom.compress.SYNTAXES`; none without it.
    picture_steps : PictureSteps, optional
        Of the picture for presentation; the default ones without it.

    Returns
    -------
    reference : DxReference
        UIDs of what was written, and how the values were stored.

    Raises
    ------
    ValueError
        If the image cannot be stored or presented; OSError if the file cannot be written.
    """
    frame_digest = _digest(corrected_dn)
    ending = f"; {origin}" if origin else ""
    if not for_processing:
        pixels = np.asarray(corrected_dn)
        no_number = ~np.isfinite(pixels)
        picture = present(np.where(no_number, 0, pixels) if no_number.any() else pixels, picture_steps)
        window = (picture.window_center, picture.window_width)
        shown = f"; {np.count_nonzero(no_number)} pixels without a number shown as unexposed" if no_number.any() else ""
        written = write_dx(path, picture.display, pitch_mm, description, window=window, frame_digest=frame_digest,
                           predecessor=predecessor, comment=picture.description + shown + ending,
                           derivation=origin or picture.description, compression=compression)  # fmt: skip
        return replace(written, picture=picture.description)
    stored, scale = linear_counts(corrected_dn, counts_per_dn, pedestal)
    back = f"{stage or 'linear'} DN = (stored - {scale.pedestal}) / {scale.counts_per_dn:.9g}"
    comment = f"{back}, linear in exposure; {scale}{ending}"
    return write_dx(path, stored, pitch_mm, description, for_processing=True, frame_digest=frame_digest,
                    comment=comment, scale=scale, stage=stage, derivation=origin,
                    compression=compression)  # fmt: skip


def write_dx(
    path: str | Path,
    pixels: NDArray[np.uint16],
    pitch_mm: float,
    description: DxDescription,
    *,
    for_processing: bool = False,
    window: tuple[int, int] | None = None,
    predecessor: DxReference | None = None,
    frame_digest: str = "",
    comment: str = "",
    derivation: str = "",
    scale: StoredScale | None = None,
    stage: str | None = "corrected",
    instance_number: int | None = None,
    compression: str | None = None,
) -> DxReference:
    """The DICOM file of pixels that are ready to be stored.

    Parameters
    ----------
    path : str or Path
        File to write; whole, or not at all.
    pixels : (H, W) uint16
        Linear counts of 16 bits, or a picture of 14 bits in which larger means fewer X-rays. [1]
    pitch_mm : float
        Pixel pitch of the detector. [mm]
    description : DxDescription
        Who, what, when and how.
    for_processing : bool
        What the pixels are.
    window : (int, int), optional
        Centre and width, needed for presentation and not allowed for processing. [1]
    predecessor : DxReference, optional
        The For Processing object that a picture was made from.
    frame_digest : str
        Digest of the detector image, the root of the UIDs; empty takes these pixels.
    comment : str
        ImageComments; of a linked picture also its derivation.
    derivation : str
        How an image of a DICOM frame was made of it.
    scale : StoredScale, optional
        From values to these counts, for processing.
    stage : {"corrected", "raw", None}
        Of the values that the scale leads back to.
    instance_number : int, optional
        Number in the series; that of the frame in its source without it. [1]
    compression : str, optional
        Lossless, one of `radiography.dicom.compress.SYNTAXES`; none without it.

    Returns
    -------
    reference : DxReference
        With a sentence about texts that do not fit their attributes.

    Raises
    ------
    ValueError, TypeError
        If the pixels, pitch or window do not fit the object.
    """
    _check_pixels(pixels, for_processing)
    check_compression(compression)
    if not (np.isfinite(pitch_mm) and pitch_mm > 0):
        raise ValueError(f"pitch_mm must be a positive length, got {pitch_mm}")
    if predecessor is not None and (for_processing or predecessor.sop_class_uid != modules.FOR_PROCESSING_UID):
        raise ValueError("predecessor links a picture for presentation to an image for processing, not the reverse")
    window = _check_window(window, for_processing)
    instance_number = (description.frame or 0) + 1 if instance_number is None else instance_number
    role = "processing" if for_processing else "presentation"
    stored = _digest(pixels)
    digest = frame_digest or stored
    carried = description.carried
    own_study = uid_of("study", digest, description.patient_id, description.study_id)
    study_uid = description.study_uid or str((carried or {}).get("StudyInstanceUID", "")) or own_study
    series_uid = uid_of("series", study_uid, digest, role)
    told = () if description.said is None else (description.said.to_json(),)
    made_of = (stored, window, pitch_mm, description.magnification, instance_number, *told)
    instance_uid = uid_of("instance", series_uid, *made_of)
    if predecessor is not None and predecessor.study_uid != study_uid:
        raise ValueError(f"the predecessor belongs to study {predecessor.study_uid}, this picture to {study_uid}")
    class_uid = modules.FOR_PROCESSING_UID if for_processing else modules.FOR_PRESENTATION_UID
    reference = DxReference(class_uid, instance_uid, series_uid, study_uid, scale)
    rows, cols = pixels.shape
    with disable_value_validation():  # what does not fit is found and told at the end
        parts = [
            modules.common_module(class_uid, instance_uid),
            modules.patient_modules(description),
            modules.study_module(description, study_uid),
            modules.series_modules(description, series_uid, for_processing),
            modules.equipment_module(description, software()),
            modules.image_module(description, for_processing, instance_number, comment),
            modules.anatomy_module(description),
            modules.pixel_modules(rows, cols, for_processing, window),
            modules.detector_module(description, pitch_mm),
            modules.field_of_view_module(description, (rows, cols), pitch_mm),
            modules.positioning_module(description),
            modules.exposure_modules(description),
        ]
        if description.conditions.air_kerma_uGy != 0.0:  # a dark frame is of no irradiation
            parts[0].IrradiationEventUID = uid_of("irradiation", description.event or digest)
        if scale is not None:
            parts.append(modules.scale_module(scale, stage))
        if carried is not None:
            known = {element.tag for part in parts for element in part if element.value not in ("", None)}
            known -= {tag_for_keyword("IrradiationEventUID")}
            beside = exposure_module(carried)
            parts.append(Dataset({element.tag: element for element in beside if element.tag not in known}))
            parts.append(identity_module(carried))
            parts[-1].StudyInstanceUID = study_uid
            parts.append(source_module(carried, derivation, description.frame))
        if predecessor is not None:
            parts.append(modules.predecessor_module(predecessor, comment))
        dataset = Dataset()
        for part in parts:
            dataset.update(part)
        if description.said is not None:
            dataset.update(description.said)
        if description.anonymous:
            dataset = anonymised(dataset, software())
        not_fitting = fit_values(dataset)
    _save(path, dataset, pixels, compression)
    return replace(reference, told=not_fitting)


def linear_counts(
    corrected_dn: NDArray[np.floating[Any]], counts_per_dn: float | None = None, pedestal: int | None = None
) -> tuple[NDArray[np.uint16], StoredScale]:
    """Stored counts of a linear image: `round(corrected_dn * counts_per_dn) + pedestal`, within 0 ... 65535.

    Noise of an unexposed region reaches below zero, and a gain lifts bright pixels above 65535. Without a scale the
    largest power of two that keeps the whole range is taken, and the smallest pedestal; with one, or where outliers
    would take all the steps, what lies outside is stored at the limit and counted.

    Parameters
    ----------
    corrected_dn : (H, W) float
        Linear, corrected image; what is not finite has no number. [DN]
    counts_per_dn : float, optional
        Stored counts per DN. [1/DN]
    pedestal : int, optional
        Count that stands for 0 DN. [1]

    Returns
    -------
    stored : (H, W) uint16
        `PADDING` where there is no number, and nowhere else. [1]
    scale : StoredScale

    Raises
    ------
    ValueError
        If no pixel holds a number, or the steps of the stored counts would swallow the image.
    """
    pixels = np.asarray(corrected_dn)
    if pixels.ndim != 2 or pixels.size == 0:
        raise ValueError(f"corrected_dn must be (rows, columns), got shape {pixels.shape}")
    finite = np.isfinite(pixels)
    padded = int(pixels.size - np.count_nonzero(finite))
    if padded == pixels.size:
        raise ValueError("corrected_dn holds no number at all: every pixel is NaN or infinite")
    lowest, highest = (float(limit(pixels, where=finite, initial=pixels[finite][0])) for limit in (np.min, np.max))
    least_kept = lowest
    if counts_per_dn is None:
        whole = bool(np.all(pixels == np.rint(pixels), where=finite))
        counts_per_dn, least_kept = counts_that_fit(pixels, lowest, highest, bool(padded), whole)
    if not (np.isfinite(counts_per_dn) and counts_per_dn > 0):
        raise ValueError(f"counts_per_dn must be a positive number, got {counts_per_dn}")
    first = modules.PADDING + 1 if padded else 0
    if pedestal is None:
        pedestal = max(first - int(np.rint(least_kept * counts_per_dn)), 0)
    if not 0 <= pedestal < PROCESSING_MAXIMUM:
        raise ValueError(f"pedestal must be between 0 and {PROCESSING_MAXIMUM - 1}, got {pedestal}")
    spread = float(np.std(pixels, dtype=np.float64, where=finite)) * counts_per_dn
    if 0 < spread < 0.5:  # one step of rounding is 0.29 counts rms
        raise ValueError(f"the image varies by only {spread:.3g} stored counts rms; counts_per_dn must be larger")
    scaled = np.rint(np.where(finite, pixels, lowest).astype(np.float64) * counts_per_dn) + pedestal
    low, high = (
        int(np.count_nonzero(finite & (scaled < first))),
        int(np.count_nonzero(finite & (scaled > PROCESSING_MAXIMUM))),
    )
    stored = np.clip(scaled, first, PROCESSING_MAXIMUM).astype(np.uint16)
    stored[~finite] = modules.PADDING
    return stored, StoredScale(float(counts_per_dn), pedestal, low, high, padded)


def counts_that_fit(
    pixels: NDArray[Any], lowest: float, highest: float, padded: bool, whole: bool
) -> tuple[float, float]:
    """Counts per DN and the least value kept.

    1 for what are counts already, else the largest power of two that keeps the whole range. A range far from zero
    counts from zero, so that a pedestal never has to be negative. Where a few outliers would make the steps so coarse
    that the image drowns in them, twice the range of all but them is kept, and they are clipped.

    Parameters
    ----------
    pixels : (H, W) float
        The image, or rows of several that stand for all of them. [DN]
    lowest, highest : float
        Of all pixels that hold a number. [DN]
    padded, whole : bool
        Whether some hold none, and whether all others hold whole numbers.

    Returns
    -------
    counts_per_dn, least_kept : float
        [1/DN, DN]
    """
    room = PROCESSING_MAXIMUM - 1 - padded  # one count for rounding at either end
    span = max(highest, 0.0) - min(lowest, 0.0)
    whole = whole and lowest >= padded and highest <= PROCESSING_MAXIMUM
    if whole or span == 0:
        return 1.0, lowest
    counts_per_dn = float(2.0 ** np.floor(np.log2(room / span)))
    with np.errstate(all="ignore"):
        step = np.abs(np.diff(pixels, axis=1))
    noise_dn = float(np.median(step[np.isfinite(step)])) if np.isfinite(step).any() else 0.0  # 0.95 standard deviations
    bottom, top = np.percentile(pixels[np.isfinite(pixels)], _USUAL_PERCENT)
    usual = 2.0 * min(float(bottom), 0.0), 2.0 * max(float(top), 0.0)
    finer = float(2.0 ** np.floor(np.log2(room / (usual[1] - usual[0])))) if usual[1] > usual[0] else 0.0
    if noise_dn * counts_per_dn >= LEAST_NOISE_COUNTS or finer < _LEAST_GAIN * counts_per_dn:
        return counts_per_dn, lowest
    return finer, max(lowest, usual[0])


def _check_pixels(pixels: NDArray[np.uint16], for_processing: bool) -> None:
    if pixels.dtype != np.uint16:
        raise TypeError(f"DX pixels must be uint16, got {pixels.dtype}")
    if pixels.ndim != 2 or not all(1 <= side <= LARGEST_SIDE for side in pixels.shape):
        raise ValueError(f"DX pixels must be (rows, columns) of 1 to {LARGEST_SIDE}, got shape {pixels.shape}")
    if not for_processing and int(pixels.max()) > PRESENTATION_MAXIMUM:
        raise ValueError(f"a picture for presentation must stay within {PRESENTATION_MAXIMUM}, got {pixels.max()}")


def _check_window(window: tuple[int, int] | None, for_processing: bool) -> tuple[int, int] | None:
    """Centre and width as plain integers; DICOM PS3.3 C.11.2.1.2 asks for a width of 1 or more."""
    if for_processing:
        if window is not None:
            raise ValueError(f"an image for processing has no window, got {window}")
        return None
    if window is None:
        raise ValueError("a picture for presentation needs its window (centre, width), got None")
    center, width = (int(value) for value in window)
    if (center, width) != tuple(window) or width < 1:
        raise ValueError(f"window must be an integer centre and an integer width of 1 or more, got {window}")
    return center, width


def _save(path: str | Path, dataset: Dataset, pixels: NDArray[np.uint16], compression: str | None) -> None:
    """Write one file with a preamble of zeros."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = SYNTAXES[compression] if compression else ExplicitVRLittleEndian
    meta.ImplementationClassUID = IMPLEMENTATION_UID
    meta.ImplementationVersionName = "RADIOGRAPHY"
    if compression:
        dataset.add_new("PixelData", "OB", compress_pixels(pixels, int(dataset.BitsStored), compression))
        dataset["PixelData"].is_undefined_length = True
    dataset.file_meta = meta
    dataset.preamble = bytes(128)
    with whole_file(path) as temporary, temporary.open("wb") as file:
        dcmwrite(file, dataset, enforce_file_format=True)
        if not compression:  # no copy of the pixels on their way: pydicom makes two
            file.write(pixel_element_head(pixels.nbytes))
            file.write(np.ascontiguousarray(pixels, "<u2").data)


@cache
def software() -> str:
    """Name and version of this program."""
    return f"radiography {version('radiography')}"


def pixel_element_head(length: int) -> bytes:
    """Tag, type and length of native Pixel Data, explicit little endian: DICOM PS3.5 7.1.2.

    Parameters
    ----------
    length : int
        Of the value, even. [byte]

    Returns
    -------
    head : bytes
        The value follows.
    """
    return b"\xe0\x7f\x10\x00OW\0\0" + length.to_bytes(4, "little")


def _digest(pixels: NDArray[Any]) -> str:
    """SHA-256 of the digests of shape, type and stretches of the pixels, which the processor's cores share."""
    ordered = np.ascontiguousarray(pixels)
    name = f"{ordered.shape} {ordered.dtype.newbyteorder('<').str} ".encode()
    content = ordered.astype(ordered.dtype.newbyteorder("<"), copy=False).data.cast("B")
    stretches = [content[place : place + DIGEST_BYTES] for place in range(0, len(content), DIGEST_BYTES)]
    if len(stretches) == 1:
        parts = [hashlib.sha256(stretches[0]).digest()]
    else:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            parts = list(pool.map(lambda stretch: hashlib.sha256(stretch).digest(), stretches))
    return hashlib.sha256(b"".join([name, *parts])).hexdigest()


def uid_of(*parts: object) -> str:
    """UID 2.25.<UUID as integer> that is the same for the same parts: DICOM PS3.5 B.2."""
    digest = hashlib.sha256(repr(parts).encode()).digest()
    return f"2.25.{uuid.UUID(bytes=digest[:16], version=5).int}"

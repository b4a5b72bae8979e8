"""Digital X-ray (DX) files: the linear image For Processing and the picture For Presentation.

A For Processing object holds the corrected image, linear in exposure. A For Presentation object holds the processed
picture: logarithmic, larger where fewer X-rays arrived, with the tone curve in the pixels and one window. Both are
DICOM PS3.3 A.26, uncompressed unless a lossless compression is asked for, and the same image and description give the
same file, byte for byte.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import ExplicitVRLittleEndian

from calibration.whole_file import whole_file
from radiography.dicom import modules
from radiography.dicom.compress import SYNTAXES, check_compression, compress_pixels
from radiography.dicom.counts import linear_counts
from radiography.dicom.description import DxDescription
from radiography.dicom.joined import add_file_meta, join_modules, pixel_element_head, study_uid_of, told_text, uid_of
from radiography.dicom.modules import DxReference, StoredScale
from radiography.dicom.texts import fit_values
from radiography.presentation.chain import PresentedPicture, present
from radiography.presentation.steps import PictureSteps

PRESENTATION_MAXIMUM = 2**modules.PRESENTATION_BITS - 1
DIGEST_BYTES = 2**20  # stretch of an image that one core digests   # chosen
Join = Callable[[str], tuple[Dataset, DxReference]]  # attributes of an object by the digest of its pixels
LARGEST_SIDE = 65535  # Rows and Columns are 16-bit: DICOM PS3.3 C.7.6.3


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
    shown: PresentedPicture | None = None,
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
    shown : PresentedPicture, optional
        That picture, where it is made already.

    Returns
    -------
    reference : DxReference
        UIDs of what was written, and how the values were stored.

    Raises
    ------
    ValueError
        If the image cannot be stored or presented; OSError if the file cannot be written.
    """
    frame_digest = digest_of(corrected_dn)
    ending = f"; {origin}" if origin else ""
    if not for_processing:
        pixels = np.asarray(corrected_dn)
        no_number = ~np.isfinite(pixels)
        picture = shown or present(np.where(no_number, 0, pixels) if no_number.any() else pixels, picture_steps)
        window = (picture.window_center, picture.window_width)
        dark = f"; {np.count_nonzero(no_number)} pixels without a number shown as unexposed" if no_number.any() else ""
        written = write_dx(path, picture.display, pitch_mm, description, window=window, frame_digest=frame_digest,
                           predecessor=predecessor, comment=picture.description + dark + ending,
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
    class_uid = modules.FOR_PROCESSING_UID if for_processing else modules.FOR_PRESENTATION_UID

    def join(stored: str) -> tuple[Dataset, DxReference]:
        """Every attribute but the pixels, and where the object stands, by the digest of its pixels."""
        digest = frame_digest or stored
        study_uid = study_uid_of(description, digest)
        series_uid = uid_of("series", study_uid, digest, "processing" if for_processing else "presentation")
        made_of = (stored, window, pitch_mm, description.magnification, instance_number, *told_text(description))
        reference = DxReference(class_uid, uid_of("instance", series_uid, *made_of), series_uid, study_uid, scale)
        with disable_value_validation():  # what does not fit is found and told at the end
            dataset = join_modules(
                reference, description, pixels.shape, pitch_mm, window=window, digest=digest, comment=comment,
                derivation=derivation, stage=stage, number=instance_number, frame=description.frame,
                predecessor=predecessor,
            )  # fmt: skip
            told = fit_values(dataset)
        add_file_meta(dataset, SYNTAXES[compression] if compression else ExplicitVRLittleEndian)
        return dataset, replace(reference, told=told)

    if predecessor is not None:
        study_uid = study_uid_of(description, frame_digest or digest_of(pixels))
        if predecessor.study_uid != study_uid:
            raise ValueError(f"the predecessor belongs to study {predecessor.study_uid}, this picture to {study_uid}")
    return _write_packed(path, pixels, compression, join) if compression else write_native(path, pixels, join)


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


def _write_packed(path: str | Path, pixels: NDArray[np.uint16], compression: str, join: Join) -> DxReference:
    dataset, reference = join(digest_of(pixels))
    dataset.add_new("PixelData", "OB", compress_pixels(pixels, int(dataset.BitsStored), compression))
    dataset["PixelData"].is_undefined_length = True
    with whole_file(path) as temporary, temporary.open("wb") as file:
        dcmwrite(file, dataset, enforce_file_format=True)
    return reference


def write_native(path: str | Path, pixels: NDArray[np.uint16], join: Join) -> DxReference:
    """An uncompressed object: pixels first, behind room for the header, whose UIDs need their digest.

    Both are made while the disk is busy. Nothing is copied on its way; pydicom makes two copies of pixels.

    Parameters
    ----------
    path : str or Path
    pixels : (H, W) uint16
        [1]
    join : callable
        The digest of the pixels to every attribute but them, as long for any digest, and where the object stands.

    Returns
    -------
    reference : DxReference
        From `join`.

    Raises
    ------
    OSError
        If the file cannot be written; nothing is left of it then.
    """
    content = np.ascontiguousarray(pixels, "<u2").data
    room = len(_header(join("")[0]))  # as long for any digest, as all our UIDs are

    def begin() -> tuple[bytes, DxReference]:
        dataset, reference = join(digest_of(pixels))
        return _header(dataset), reference

    with ThreadPoolExecutor(1) as beside, whole_file(path) as temporary, temporary.open("wb") as file:
        beginning = beside.submit(begin)
        file.seek(room)
        file.write(pixel_element_head(pixels.nbytes))
        file.write(content)
        file.flush()
        if sys.platform == "linux":  # asks the disk to begin, and waits for nothing: it is busy while we digest
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        header, reference = beginning.result()
        if len(header) != room:
            raise ValueError(f"the header takes {len(header)} bytes where {room} were left for it")
        file.seek(0)
        file.write(header)
    return reference


def _header(dataset: Dataset) -> bytes:
    """Preamble, file meta information and every attribute of a data set."""
    content = BytesIO()
    dcmwrite(content, dataset, enforce_file_format=True)
    return content.getvalue()


def digest_of(pixels: NDArray[Any]) -> str:
    """SHA-256 of the digests of shape, type and stretches of the pixels, which the processor's cores share.

    Parameters
    ----------
    pixels : (H, W)
        Of any type.

    Returns
    -------
    digest : str
        The root of the UIDs of all objects that are made of an image.
    """
    ordered = np.ascontiguousarray(pixels)
    name = f"{ordered.shape} {ordered.dtype.newbyteorder('<').str} ".encode()
    content = ordered.astype(ordered.dtype.newbyteorder("<"), copy=False).data.cast("B")
    places = range(0, len(content), DIGEST_BYTES)
    parts, waiting = [b""] * len(places), iter(places)

    def take() -> None:
        for place in waiting:  # whoever is free takes the next one
            parts[place // DIGEST_BYTES] = hashlib.sha256(content[place : place + DIGEST_BYTES]).digest()

    helpers = [Thread(target=take) for _ in range(min(len(places), os.cpu_count() or 1) - 1)]
    for helper in helpers:
        helper.start()
    take()
    for helper in helpers:
        helper.join()
    return hashlib.sha256(b"".join([name, *parts])).hexdigest()

"""DICOM files that can be sent: checked before the first byte leaves, and written again in another transfer syntax.

Nothing of a patient is kept: of a file its path, its size, what kind of object it is and its UIDs.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import UID, ImplicitVRLittleEndian

from calibration.own_words import refused
from radiography.dicom.read import LARGEST_HEADER_BYTES, NATIVE_SYNTAXES, iterate_dicom, open_dicom

Sent = Callable[[int], None]  # called with the bytes that went out since the last call
MARK = b"DICM"
MARK_AT = 128
FOR_PROCESSING = "FOR PROCESSING"
FOR_PROCESSING_CLASSES = (  # DX, mammography and intra-oral: DICOM PS3.4 B.5
    "1.2.840.10008.5.1.4.1.1.1.1.1",
    "1.2.840.10008.5.1.4.1.1.1.2.1",
    "1.2.840.10008.5.1.4.1.1.1.3.1",
)
DIRECTORY_CLASS = "1.2.840.10008.1.3.10"


@dataclass(frozen=True)
class Sendable:
    """One DICOM file that was checked.

    Attributes
    ----------
    path : Path
    sop_class, sop_instance, study, series, syntax : str
        UIDs of the kind of object, of the object, of what it belongs to, and of its transfer syntax.
    for_processing : bool
        Whether it is an image for processing rather than for display.
    size : int
        Of the file. [bytes]
    changed_ns : int
        When it was last written. [ns]
    pixels : bool
        Whether it holds a picture.
    """

    path: Path
    sop_class: str
    sop_instance: str
    study: str
    series: str
    syntax: str
    for_processing: bool
    size: int
    changed_ns: int
    pixels: bool

    @property
    def compressed(self) -> bool:
        """Whether its pixels are packed."""
        return self.syntax not in NATIVE_SYNTAXES

    @property
    def syntax_name(self) -> str:
        """Name of its transfer syntax."""
        return str(UID(self.syntax).name)


def is_marked(path: Path) -> bool:
    """Whether a file bears the mark of DICOM files.

    Parameters
    ----------
    path : Path

    Returns
    -------
    marked : bool
    """
    with path.open("rb") as file:
        return file.read(MARK_AT + len(MARK))[MARK_AT:] == MARK


def check_sendable(path: Path) -> Sendable:
    """A DICOM file, looked at as far as its pixels; a picture by the limits of `open_dicom`.

    Parameters
    ----------
    path : Path

    Returns
    -------
    sendable : Sendable

    Raises
    ------
    ValueError
        One sentence: no DICOM, truncated, damaged, without the UIDs that a server needs, or a directory of files.
    OSError
        If the file cannot be opened.
    """
    path = Path(path)
    with path.open("rb") as file:
        head = BytesIO(file.read(LARGEST_HEADER_BYTES))
    about = path.stat()
    with refused(path, "is no readable DICOM file"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if head.getvalue()[MARK_AT : MARK_AT + len(MARK)] != MARK:
            raise ValueError("it lacks the mark DICM at byte 128, which a file to be sent needs")
        try:
            found = pydicom.dcmread(head, stop_before_pixels=True)
        except RecursionError as error:
            raise ValueError("its sequences are nested too deeply") from error
        meta = found.file_meta
        if str(meta.get("MediaStorageSOPClassUID", "")) == DIRECTORY_CLASS:
            raise ValueError("it is a DICOMDIR, a list of files: send the files")
        picture = "Rows" in found or "PixelData" in found
        if not picture and head.tell() < about.st_size:
            raise ValueError("it ends before its data, or holds no picture and more than its header")
        _same(meta.get("MediaStorageSOPClassUID"), found.get("SOPClassUID"), "SOP Class UID")
        _same(meta.get("MediaStorageSOPInstanceUID"), found.get("SOPInstanceUID"), "SOP Instance UID")
        uids = {key: str(found.get(key, "")) for key in ("StudyInstanceUID", "SeriesInstanceUID")}
        for key, uid in uids.items():
            if not UID(uid).is_valid:
                raise ValueError(f"its {key} is missing or no UID")
        intent = str(found.get("PresentationIntentType", ""))
    if picture:
        open_dicom(path)
    return Sendable(
        path=path,
        sop_class=str(found.SOPClassUID),
        sop_instance=str(found.SOPInstanceUID),
        study=uids["StudyInstanceUID"],
        series=uids["SeriesInstanceUID"],
        syntax=str(meta.TransferSyntaxUID),
        for_processing=intent == FOR_PROCESSING or str(found.SOPClassUID) in FOR_PROCESSING_CLASSES,
        size=about.st_size,
        changed_ns=about.st_mtime_ns,
        pixels=picture,
    )


def check_unchanged(sendable: Sendable) -> None:
    """Refuse a file that is another one than was checked.

    Parameters
    ----------
    sendable : Sendable

    Raises
    ------
    ValueError
        If it is gone, or was written since.
    """
    try:
        about = sendable.path.stat()
    except OSError as error:
        raise ValueError(f"{sendable.path} is gone since it was checked") from error
    if (about.st_size, about.st_mtime_ns) != (sendable.size, sendable.changed_ns):
        raise ValueError(f"{sendable.path} was changed since it was checked")


def write_in_syntax(sendable: Sendable, syntax: str, place: Path) -> None:
    """Write an object again, uncompressed, one frame in memory at a time; the object stays the same one.

    Parameters
    ----------
    sendable : Sendable
        With a picture.
    syntax : str
        Explicit or implicit VR little endian.
    place : Path
        File to write.

    Raises
    ------
    ValueError
        If a frame is damaged or cannot be decoded.
    """
    source = open_dicom(sendable.path)
    header = Dataset(source.header)
    meta = FileMetaDataset(sendable_meta(sendable, syntax))
    itemsize = np.dtype(source.dtype).itemsize
    needed = source.count * source.rows * source.cols * itemsize
    if needed + needed % 2 >= 0xFFFFFFFF:
        raise ValueError(
            f"{sendable.path} holds {needed} bytes of pixels, more than uncompressed DICOM has a length for"
        )
    header.file_meta = meta
    with warnings.catch_warnings(), place.open("wb") as file:
        warnings.simplefilter("ignore")
        dcmwrite(file, header, enforce_file_format=True)
        implicit = syntax == ImplicitVRLittleEndian
        vr = b"" if implicit else (b"OW\0\0" if itemsize > 1 else b"OB\0\0")
        file.write(b"\xe0\x7f\x10\x00" + vr + (needed + needed % 2).to_bytes(4, "little"))
        for frame in iterate_dicom(source):
            file.write(_little_endian(frame).tobytes())
        file.write(b"\0" * (needed % 2))


@contextmanager
def in_syntax(sendable: Sendable, syntax: str) -> Iterator[Path]:
    """An object in another transfer syntax, in a temporary file that is gone afterwards; see `write_in_syntax`.

    Parameters
    ----------
    sendable : Sendable
    syntax : str
        Explicit or implicit VR little endian.

    Raises
    ------
    ValueError
        If it cannot be decoded, or the temporary folder has no room for it.
    """
    with ExitStack() as stack:
        try:
            place = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "object.dcm"
            write_in_syntax(sendable, syntax, place)
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise ValueError(
                f"{sendable.path} cannot be written uncompressed to the temporary folder: {why}"
            ) from error
        yield place


def sendable_meta(sendable: Sendable, syntax: str) -> Dataset:
    """File meta information of an object in a transfer syntax.

    Parameters
    ----------
    sendable : Sendable
    syntax : str
        UID of the transfer syntax.

    Returns
    -------
    meta : Dataset
    """
    meta = Dataset()
    meta.MediaStorageSOPClassUID = sendable.sop_class
    meta.MediaStorageSOPInstanceUID = sendable.sop_instance
    meta.TransferSyntaxUID = UID(syntax)
    return meta


def _little_endian(frame: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.ascontiguousarray(frame, dtype=frame.dtype.newbyteorder("<"))


def _same(meta: Any, found: Any, name: str) -> None:
    """The header before the data set and the data set name one object."""
    if not found or not UID(str(found)).is_valid:
        raise ValueError(f"its {name} is missing or no UID")
    if str(meta) != str(found):
        raise ValueError(f"its file header and its data set differ in the {name}")

"""Detector frames from DICOM files of any maker, none of which is trusted.

`iterate_dicom` hands the stored numbers over as they are, `linear_frame` makes them linear in exposure; neither applies
a display table, and MONOCHROME1, which only says how to show a picture, inverts nothing. Whatever a file claims is
checked before memory is asked for, pictures are decoded one frame at a time, and every damaged or hostile file gives
one sentence.
"""

from __future__ import annotations

import mmap
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from calibration.conditions import Conditions
from calibration.own_words import check_frames_wanted, refused
from radiography.dicom.bare import EXPLICIT, bare_syntax
from radiography.dicom.carried import carried_of
from radiography.dicom.claims import frame_claim, plain_metadata, stated_conditions
from radiography.dicom.codestream import LONGEST_HEAD, loss_method, loss_of
from radiography.dicom.encapsulated import decode_frame
from radiography.dicom.fragments import Fragments, frame_fragments, joined
from radiography.dicom.frame_times import frame_interval
from radiography.dicom.linear import doubts_of, linear_numbers, stage_of, stored_are_linear
from radiography.dicom.spacing import detector_pitch

LARGEST_STACK_BYTES = 4 * 2**30  # that `read_dx` takes into memory at once   # chosen
USUAL_HEADER_BYTES = 2**17  # tried first   # chosen: real headers are below 64 kB
LARGEST_HEADER_BYTES = 16 * 2**20  # everything before the pixels; ours are 3 kB   # chosen
NATIVE_SYNTAXES = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian)
PIXEL_DATA = b"\xe0\x7f\x10\x00"  # tag (7FE0,0010), little endian
UNDEFINED_LENGTH = 0xFFFFFFFF


@dataclass(frozen=True, eq=False)
class DicomFrames:
    """What one DICOM file holds, known before a pixel is read.

    Attributes
    ----------
    path : Path
    count, rows, cols : int
        Frames, and pixels of each. [1]
    dtype : str
        Type of the frames as they are handed over: uint8, int8, uint16, int16, uint32 or int32.
    conditions : Conditions
        How the frames were taken, pitch at the detector included, as far as the file says it.
    metadata : dict
        What the file says, as text, under DICOM's keywords.
    header : Dataset
        Every attribute before the pixels.
    stage : str or None
        "raw", "corrected", "logarithmic" or "for presentation"; None where the file does not say it.
    pitch_source : str or None
        Where it says the pitch at the detector.
    warnings, pitch_warnings : tuple of str
        What it says that should not be believed, a sentence each; the second about spacings, where no pitch is known.
    pixel_offset, pixel_bytes : int
        Where the pixel value begins, and its length; -1 where it is compressed. [1]
    fragments : list of Fragments
        Where the code streams of compressed frames lie, frame by frame.
    """

    path: Path
    count: int
    rows: int
    cols: int
    dtype: str
    conditions: Conditions
    metadata: dict[str, str]
    stage: str | None
    pitch_source: str | None
    warnings: tuple[str, ...]
    pitch_warnings: tuple[str, ...]
    header: Dataset = field(repr=False)
    pixel_offset: int
    pixel_bytes: int
    fragments: list[Fragments] = field(repr=False)

    @cached_property
    def carried(self) -> dict[str, Any]:
        """What images that are made of these frames say of patient, study and exposure: `radiography.dicom.carried`."""
        with _one_sentence(self.path, "is no readable DICOM file"):
            return carried_of(self.header)


@dataclass(frozen=True, eq=False)
class DicomImage:
    """Frames of a file: pixels (F, H, W), how they were taken, and what the file says about itself."""

    pixels: NDArray[Any]
    conditions: Conditions
    metadata: dict[str, str]


def read_dx(path: str | Path, *, linear: bool = False) -> DicomImage:
    """All frames of a DICOM file.

    Parameters
    ----------
    path : str or Path
        DX, CR, RF, secondary capture or any other grey image.
    linear : bool
        False hands over the stored numbers, True those that are linear in exposure, see `linear_frame`.

    Returns
    -------
    image : DicomImage

    Raises
    ------
    ValueError
        One sentence: no DICOM, truncated, damaged, not grey, too large, or compressed in a way that cannot be undone.
    OSError
        If the file cannot be opened.
    """
    source = open_dicom(path)
    needed = source.count * source.rows * source.cols * np.dtype(source.dtype).itemsize
    if needed > LARGEST_STACK_BYTES:
        raise ValueError(f"{source.path} holds {needed} bytes of pixels, over the limit of {LARGEST_STACK_BYTES}")
    frames = iterate_dicom(source)
    if source.count == 1:
        pixels = next(frames)[None]
    else:
        pixels = np.empty((source.count, source.rows, source.cols), source.dtype)
        for number, frame in enumerate(frames):
            pixels[number] = frame
    return DicomImage(linear_frame(source, pixels) if linear else pixels, source.conditions, source.metadata)


def open_dicom(path: str | Path) -> DicomFrames:
    """What a DICOM file holds; no pixel is read yet.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    source : DicomFrames
        Hand it to `iterate_dicom`.

    Raises
    ------
    ValueError
        As `read_dx`.
    OSError
        If the file cannot be opened.
    """
    path = Path(path)
    length = path.stat().st_size
    with path.open("rb") as file:
        head = BytesIO(file.read(USUAL_HEADER_BYTES))
        try:
            with _one_sentence(path, ""):
                header, offset, pixel_bytes = _header(head, length)
            whole = True
        except (ValueError, MemoryError):
            whole = False
        if not whole:
            file.seek(0)
            head = BytesIO(file.read(LARGEST_HEADER_BYTES))  # a claimed length cannot ask for more than there is
    with _one_sentence(path, "is no readable DICOM file"):
        if not whole:
            header, offset, pixel_bytes = _header(head, length)
        syntax = header.file_meta.TransferSyntaxUID
        count, rows, cols, dtype = frame_claim(header)
        if pixel_bytes >= 0:
            if syntax not in NATIVE_SYNTAXES:
                raise ValueError(f"its pixels are not packed in fragments as {syntax.name} demands")
            needed = count * rows * cols * np.dtype(dtype).itemsize
            if pixel_bytes not in (needed, needed + needed % 2):
                raise ValueError(
                    f"{count} frames of {rows} x {cols} {dtype} need {needed} bytes of pixels, it has {pixel_bytes}"
                )
        elif syntax in NATIVE_SYNTAXES:
            raise ValueError(f"its pixels are packed in fragments, which {syntax.name} does not allow")
        pitch = detector_pitch(header)
        fragments, packed = _fragments(path, offset, count, header) if pixel_bytes < 0 else ([], b"")
        loss = loss_of(packed) if packed else None
        if loss is not None:
            header.LossyImageCompression = "01"  # for ever, also in what is derived of it: DICOM PS3.3 C.7.6.1.1.5
            if "LossyImageCompressionRatio" not in header:
                ratio = count * rows * cols * np.dtype(dtype).itemsize / (length - offset)
                header.LossyImageCompressionRatio = f"{ratio:.3g}"
            if "LossyImageCompressionMethod" not in header:
                header.LossyImageCompressionMethod = loss_method(packed)
        return DicomFrames(
            path=path,
            count=count,
            rows=rows,
            cols=cols,
            dtype=dtype,
            conditions=stated_conditions(header),
            metadata=plain_metadata(header),
            stage=stage_of(header),
            pitch_source=pitch.source,
            warnings=tuple(f"{path}: {doubt}" for doubt in (*doubts_of(header, loss), *frame_interval(header)[1])),
            pitch_warnings=tuple(f"{path}: {doubt}" for doubt in pitch.warnings),
            header=header,
            pixel_offset=offset,
            pixel_bytes=pixel_bytes,
            fragments=fragments,
        )


def iterate_dicom(source: DicomFrames, frames: range | None = None) -> Iterator[NDArray[Any]]:
    """Yield stored frames, each a fresh (H, W) array of `source.dtype`, one in memory at a time.

    Parameters
    ----------
    source : DicomFrames
        From `open_dicom`.
    frames : range, optional
        Which frames, counted from 0 and upwards; all of them when left out. [1]

    Raises
    ------
    ValueError
        If a frame is damaged or cannot be decoded.
    """
    frames = range(source.count) if frames is None else frames
    check_frames_wanted(source.path, frames, source.count)
    if source.pixel_bytes >= 0:
        yield from _native_frames(source, frames)
        return
    with source.path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        for k in frames:
            with _one_sentence(source.path, f"cannot be decoded at frame {k}"):
                decoded = decode_frame(joined(mapped, source.fragments[k]), source.header)
            yield decoded.astype(source.dtype, copy=False)


def linear_frame(source: DicomFrames, stored: NDArray[Any]) -> NDArray[Any]:
    """Numbers that are linear in exposure, as `radiography.dicom.linear` finds them; the stored ones where they are.

    Parameters
    ----------
    source : DicomFrames
        From `open_dicom`.
    stored : (..., H, W)
        Stored numbers of its frames. [1]

    Returns
    -------
    linear : (..., H, W)
        float32, or as stored.

    Raises
    ------
    ValueError
        If a table or the numbers of a scale are damaged.
    """
    if stored_are_linear(source.header):
        return stored
    with _one_sentence(source.path, "has a damaged modality table or scale"):
        return linear_numbers(source.header, stored)


def _header(head: BytesIO, length: int) -> tuple[Dataset, int, int]:
    """The attributes before the pixels, where the value of the pixels begins, and its length, -1 for fragments."""
    begin = head.getvalue()
    marked = begin[128:132] == b"DICM"
    bare = None if marked else bare_syntax(begin)
    if not marked and bare is None:
        raise ValueError("it lacks the mark DICM at byte 128, and does not begin with DICOM's first elements")
    head.seek(132 if marked else 0)
    meta = Dataset() if bare not in (None, EXPLICIT) else _read_meta(head)
    syntax = meta.get("TransferSyntaxUID") or (UID(bare) if bare else None)
    if syntax is None:
        raise ValueError("it does not name its transfer syntax")
    if syntax == DeflatedExplicitVRLittleEndian:
        raise ValueError("it is deflated as a whole and may unpack to any size; convert it with dcmconv first")
    head.seek(0)
    header = pydicom.dcmread(head, stop_before_pixels=True, force=not marked)
    header.file_meta.TransferSyntaxUID = syntax
    return header, *_find_pixels(header, head, length)


def _fragments(path: Path, offset: int, count: int, header: Dataset) -> tuple[list[Fragments], bytes]:
    """Where the code stream of each frame lies, and the beginning of the first one."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        found = frame_fragments(mapped, offset, count, header)
        return found, joined(mapped, found[0])[:LONGEST_HEAD]


def _read_meta(head: BytesIO) -> Dataset:
    """The elements of group 2, which say how the others are encoded."""
    return read_dataset(head, False, True, stop_when=lambda tag, vr, length: tag >> 16 != 2)


def _native_frames(source: DicomFrames, frames: range) -> Iterator[NDArray[Any]]:
    """Uncompressed frames, in this machine's byte order, bits above the stored ones removed."""
    big = source.header.file_meta.TransferSyntaxUID == ExplicitVRBigEndian
    stored = np.dtype(source.dtype).newbyteorder(">" if big else "<")
    pixels = source.rows * source.cols
    with source.path.open("rb") as file:
        for k in frames:
            file.seek(source.pixel_offset + k * pixels * stored.itemsize)
            frame = np.fromfile(file, dtype=stored, count=pixels)
            if frame.size != pixels:
                raise ValueError(f"{source.path} ends inside frame {k} of {source.count}")
            yield _take_stored_bits(frame.astype(source.dtype, copy=False), source).reshape(source.rows, source.cols)


def _take_stored_bits(frame: NDArray[Any], source: DicomFrames) -> NDArray[Any]:
    """The bits that hold the value: old files keep overlays in the others (DICOM PS3.5 8.1.1)."""
    allocated = 8 * frame.dtype.itemsize
    bits, high = int(source.header.BitsStored), int(source.header.HighBit)
    if bits == allocated:
        return frame
    if frame.dtype.kind == "u" and high == bits - 1 and int(frame.max()) < 2**bits:
        return frame
    shifted = np.left_shift(frame, allocated - 1 - high)  # sign bit to the top, then down again with its sign
    return np.asarray(np.right_shift(shifted, allocated - bits))


def _find_pixels(header: Dataset, head: BytesIO, length: int) -> tuple[int, int]:
    """Where the value of Pixel Data begins and how long it is, -1 where it comes in fragments."""
    implicit, little = header.original_encoding
    order = "little" if little else "big"
    element = head.read(8 if implicit else 12)
    tag = PIXEL_DATA if little else b"\x7f\xe0\x00\x10"
    if len(element) < (8 if implicit else 12):
        raise ValueError(f"it ends, or its header is damaged, before any pixels, at byte {head.tell()} of {length}")
    if element[:4] != tag:
        raise ValueError("its pixels are floating-point numbers or missing; integer pixel data are needed")
    value_bytes = int.from_bytes(element[-4:], order)  # type: ignore[arg-type]
    offset = head.tell()
    if value_bytes == UNDEFINED_LENGTH:
        return offset, -1
    if offset + value_bytes > length:
        raise ValueError(f"it is truncated: the pixels need {value_bytes} bytes, {length - offset} are there")
    return offset, value_bytes


@contextmanager
def _one_sentence(path: Path, what: str) -> Iterator[None]:
    """Turn whatever pydicom raises on a damaged file into one ValueError; its warnings about odd values are dropped."""
    with refused(path, what), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except RecursionError as error:
            raise ValueError("its sequences are nested too deeply") from error

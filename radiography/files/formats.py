"""The file formats a detector frame comes in: TIFF and BigTIFF, `.npy`, DICOM, headerless raw.

For each format one function looks at the head of the file and says what it holds, and one yields its frames, one in
memory at a time. Whatever a file claims is checked against its length and against a limit before memory is asked for:
a foreign file is never trusted. `radiography/files/frames.py` is the door; nothing else calls the functions here.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from tokenize import TokenError
from typing import Any, BinaryIO

import numpy as np
import tifffile
from numpy.typing import NDArray

from calibration.conditions import UNKNOWN, Conditions, conditions_from

# One frame may hold this many pixels, 16,384 x 16,384; a 2 MB file can claim 30,000 x 30,000.   # chosen: 1 GiB float32
LARGEST_FRAME_PIXELS = 2**28
LARGEST_DESCRIPTION_BYTES = 4 * 2**20  # JSON of a TIFF; ours are a few kB   # assumed
PLAUSIBLE_PITCH_MM = (0.005, 2.0)  # resolution tags outside this are no detector's   # assumed
PIXEL_TYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64")
_MM_PER_UNIT = {"mm": 1.0, "cm": 10.0, "um": 1e-3, "µm": 1e-3, "\\u00b5m": 1e-3, "micron": 1e-3, "inch": 25.4}
_TIFF_DEFLATE = (8, 32946)  # TIFF 6.0 supplement 2 and its older private number
_TIFF_COMPRESSIONS = (1, 5, 32773, *_TIFF_DEFLATE)  # none, LZW, PackBits, deflate: TIFF 6.0 and supplement 2


@dataclass(frozen=True)
class RawLayout:
    """How the bytes of a headerless raw file are laid out.

    Attributes
    ----------
    rows, cols : int
        Pixels of one frame. [1]
    dtype : str
        One of uint8, int8, uint16, int16, uint32, int32, float32, float64.
    byte_order : str
        "little" or "big".
    header_bytes : int
        Bytes to leave out at the beginning of the file. [1]
    """

    rows: int
    cols: int
    dtype: str = "uint16"
    byte_order: str = "little"
    header_bytes: int = 0

    def __post_init__(self) -> None:
        if self.rows < 1 or self.cols < 1:
            raise ValueError(f"a raw frame needs at least 1 x 1 pixel, got {self.rows} x {self.cols}")
        if self.rows * self.cols > LARGEST_FRAME_PIXELS:
            raise ValueError(
                f"a raw frame of {self.rows} x {self.cols} pixels is over the limit of {LARGEST_FRAME_PIXELS}"
            )
        if self.dtype not in PIXEL_TYPES:
            raise ValueError(f"the type of a raw file must be one of {', '.join(PIXEL_TYPES)}, got {self.dtype!r}")
        if self.byte_order not in ("little", "big"):
            raise ValueError(f"byte_order must be 'little' or 'big', got {self.byte_order!r}")
        if self.header_bytes < 0:
            raise ValueError(f"header_bytes must be 0 or more, got {self.header_bytes}")


@dataclass(frozen=True)
class FrameSource:
    """What one file of frames holds, known before a pixel is read.

    Attributes
    ----------
    path : Path
    format : str
        "tiff", "npy", "dicom" or "raw", found from the content.
    count, rows, cols : int
        Frames, and pixels of each. [1]
    dtype : str
        Pixel type as stored.
    conditions : Conditions
        How the frames were taken, pixel pitch included, as far as the file says it.
    metadata : dict
        All that the file says about itself, as it says it.
    layout : RawLayout or None
        For headerless raw.
    """

    path: Path
    format: str
    count: int
    rows: int
    cols: int
    dtype: str
    conditions: Conditions = UNKNOWN
    metadata: dict[str, Any] = field(default_factory=dict)
    layout: RawLayout | None = None

    @property
    def pitch_mm(self) -> float | None:
        """Pixel pitch at the detector, None where nobody says it. [mm]"""
        return self.conditions.pitch_mm


def check_frame_claim(path: Path, rows: int, cols: int, dtype: np.dtype[Any]) -> None:
    """Raise ValueError or TypeError unless a file's claim of shape and type can be a detector frame.

    Parameters
    ----------
    path : Path
        Named in errors.
    rows, cols : int
        Pixels of one frame. [1]
    dtype : numpy.dtype
        Of a pixel.
    """
    if rows < 1 or cols < 1:
        raise ValueError(f"{path} holds frames of {rows} x {cols} pixels; at least 1 x 1 is needed")
    if rows * cols > LARGEST_FRAME_PIXELS:
        raise ValueError(
            f"{path} claims {rows} x {cols} pixels, over the limit of {LARGEST_FRAME_PIXELS} for one frame"
        )
    if dtype.name not in PIXEL_TYPES:
        raise TypeError(f"{path} holds {dtype.name} pixels; a frame is one of {', '.join(PIXEL_TYPES)}")


# ---------------------------------------------------------------------------------------------------- headerless raw


def describe_raw(path: Path, layout: RawLayout) -> FrameSource:
    """What a headerless raw file holds under `layout`; ValueError unless the bytes fit it to the last one.

    Parameters
    ----------
    path : Path
    layout : RawLayout
        How its bytes are laid out.

    Returns
    -------
    source : FrameSource
    """
    frame_bytes = layout.rows * layout.cols * np.dtype(layout.dtype).itemsize
    found = path.stat().st_size - layout.header_bytes
    if found < frame_bytes or found % frame_bytes:
        raise ValueError(
            f"{path} holds {found} bytes after a header of {layout.header_bytes}, but frames of {layout.rows} x "
            f"{layout.cols} {layout.dtype} need a whole multiple of {frame_bytes} bytes"
        )
    return FrameSource(path, "raw", found // frame_bytes, layout.rows, layout.cols, layout.dtype, layout=layout)


def raw_frames(source: FrameSource, frames: range) -> Iterator[NDArray[Any]]:
    """Yield the frames of a headerless raw file, in this machine's byte order.

    Parameters
    ----------
    source : FrameSource
        What the file holds.
    frames : range
        Which frames, counted from 0. [1]

    Yields
    ------
    frame : (H, W)
        In the stored type.
    """
    layout = source.layout
    if layout is None:
        raise ValueError(f"{source.path} is headerless raw and needs a layout")
    stored = np.dtype(layout.dtype).newbyteorder("<" if layout.byte_order == "little" else ">")
    pixels = layout.rows * layout.cols
    with source.path.open("rb") as file:
        for k in frames:
            file.seek(layout.header_bytes + k * pixels * stored.itemsize)
            frame = np.fromfile(file, dtype=stored, count=pixels)
            if frame.size != pixels:
                raise ValueError(f"{source.path} ends inside frame {k + 1} of {source.count}")
            yield frame.reshape(layout.rows, layout.cols).astype(layout.dtype, copy=False)


# ---------------------------------------------------------------------------------------------------------------- npy


def describe_npy(path: Path) -> FrameSource:
    """What a `.npy` file holds: one (H, W) frame or an (N, H, W) stack of numbers."""
    stack = _map_npy(path)
    if stack.ndim not in (2, 3):
        raise ValueError(f"{path} has shape {stack.shape}; a frame is (rows, columns), a stack (frames, rows, columns)")
    count = 1 if stack.ndim == 2 else stack.shape[0]
    if count < 1:
        raise ValueError(f"{path} holds no frame: its shape is {stack.shape}")
    rows, cols = stack.shape[-2:]
    check_frame_claim(path, rows, cols, stack.dtype)
    return FrameSource(path, "npy", count, rows, cols, stack.dtype.name)


def npy_frames(source: FrameSource, frames: range) -> Iterator[NDArray[Any]]:
    """Yield copies of the frames of a memory-mapped `.npy` file.

    Parameters
    ----------
    source : FrameSource
        What the file holds.
    frames : range
        Which frames, counted from 0. [1]

    Yields
    ------
    frame : (H, W)
        In the stored type.
    """
    stack = _map_npy(source.path)
    for k in frames:
        frame = stack if stack.ndim == 2 else stack[k]
        yield np.array(frame, dtype=source.dtype, order="C")


def _map_npy(path: Path) -> np.memmap[Any, Any]:
    """The array of a `.npy` file, mapped; the file must end exactly where the array does."""
    try:
        stack = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OverflowError, TypeError, SyntaxError, TokenError) as error:
        raise ValueError(f"{path} is no readable .npy file of numbers: {_first_line(error)}") from error
    expected = int(stack.offset) + int(stack.nbytes)
    if path.stat().st_size != expected:
        raise ValueError(f"{path} has {path.stat().st_size} bytes, but its header asks for {expected}")
    return stack  # type: ignore[no-any-return]


# --------------------------------------------------------------------------------------------------------------- TIFF


def describe_tiff(path: Path) -> FrameSource:
    """What a TIFF or BigTIFF holds: full-size grey pages, all of one shape and type."""
    _walk_tiff_directories(path)
    try:
        with tifffile.TiffFile(path) as tiff:
            numbers = _full_size_pages(tiff)
            if not numbers:
                raise ValueError(f"{path} holds no full-size page")
            first = tiff.pages[numbers[0]]
            for k in numbers:
                page = tiff.pages[k]
                _check_tiff_page(path, page, k)
                if page.shape != first.shape or page.dtype != first.dtype:
                    raise ValueError(
                        f"{path} mixes pages: page 1 is {first.shape} {first.dtype}, page {k + 1} is {page.shape} "
                        f"{page.dtype}"
                    )
            metadata = _tiff_metadata(first)
            conditions = conditions_from({} if "ImageJ" in metadata else metadata, str(path))
            if conditions.pitch_mm is None:
                conditions = replace(conditions, pitch_mm=_tiff_pitch_mm(first, metadata))
            rows, cols = first.shape
            return FrameSource(
                path,
                "tiff",
                len(numbers),
                rows,
                cols,
                first.dtype.name,
                conditions=conditions,
                metadata=metadata,
            )
    except (tifffile.TiffFileError, struct.error, IndexError, KeyError, OverflowError, MemoryError) as error:
        raise ValueError(f"{path} is a damaged TIFF file: {_first_line(error)}") from error


def tiff_frames(source: FrameSource, frames: range) -> Iterator[NDArray[Any]]:
    """Yield the full-size pages of a TIFF.

    Parameters
    ----------
    source : FrameSource
        What the file holds.
    frames : range
        Which frames, counted from 0. [1]

    Yields
    ------
    frame : (H, W)
        In the stored type.
    """
    try:
        with tifffile.TiffFile(source.path) as tiff:
            numbers = _full_size_pages(tiff)
            for k in frames:
                page = tiff.pages[numbers[k]]
                if page.compression in _TIFF_DEFLATE:
                    _check_inflated_length(source.path, tiff.filehandle, page)
                yield np.ascontiguousarray(page.asarray(), dtype=source.dtype)
    except (tifffile.TiffFileError, struct.error, IndexError, KeyError, ValueError, zlib.error) as error:
        raise ValueError(f"{source.path} is a damaged TIFF file: {_first_line(error)}") from error


def _walk_tiff_directories(path: Path) -> None:
    """Follow the chain of directories to its end: tifffile silently drops the pages of a file that was cut."""
    length = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(16)
        order = "<" if head[:2] == b"II" else ">"
        big = head[2:4] in (b"+\0", b"\0+")
        count_format, entry_bytes, next_format = (
            (f"{order}Q", 20, f"{order}Q") if big else (f"{order}H", 12, f"{order}I")
        )
        seen: set[int] = set()
        try:
            (offset,) = struct.unpack_from(next_format, head, 8 if big else 4)
            while offset:
                if offset in seen:
                    raise ValueError(f"{path} is a damaged TIFF file: its pages form a ring")
                seen.add(offset)
                file.seek(offset)
                (entries,) = struct.unpack(count_format, file.read(struct.calcsize(count_format)))
                if entries * entry_bytes > length:
                    raise ValueError(f"{path} is a damaged TIFF file: page {len(seen)} claims {entries} tags")
                file.seek(entries * entry_bytes, 1)
                (offset,) = struct.unpack(next_format, file.read(struct.calcsize(next_format)))
        except (struct.error, OverflowError, OSError) as error:  # offsets of a damaged BigTIFF may exceed any file
            raise ValueError(
                f"{path} is a truncated TIFF file: its directory of page {len(seen)} lies beyond the last of "
                f"{length} bytes"
            ) from error
    if not seen:
        raise ValueError(f"{path} is a TIFF file without any page")


def _full_size_pages(tiff: Any) -> list[int]:
    """Numbers of the pages that are no thumbnails (bit 0 of NewSubfileType)."""
    return [k for k, page in enumerate(tiff.pages) if not (page.subfiletype or 0) & 1]


def _check_tiff_page(path: Path, page: Any, k: int) -> None:
    """Refuse what is no grey detector frame, and what the file is too short to hold."""
    if page.samplesperpixel != 1 or page.photometric not in (0, 1):
        raise ValueError(
            f"{path} page {k + 1} is a colour picture ({page.samplesperpixel} samples per pixel); a frame is grey"
        )
    if page.ndim != 2 or page.dtype is None:
        raise ValueError(f"{path} page {k + 1} has shape {page.shape}; a frame is (rows, columns)")
    check_frame_claim(path, page.shape[0], page.shape[1], np.dtype(page.dtype))
    if page.bitspersample != 8 * np.dtype(page.dtype).itemsize:
        raise ValueError(f"{path} page {k + 1} packs {page.bitspersample} bits per pixel; whole bytes are needed")
    if page.is_tiled and page.tilewidth * page.tilelength > LARGEST_FRAME_PIXELS:
        raise ValueError(f"{path} page {k + 1} claims tiles of {page.tilelength} x {page.tilewidth} pixels")
    if page.compression not in _TIFF_COMPRESSIONS:
        raise ValueError(
            f"{path} page {k + 1} is compressed with TIFF scheme {int(page.compression)}; none, LZW, PackBits and "
            f"deflate are read"
        )
    length = path.stat().st_size
    ends = [begin + size for begin, size in zip(page.dataoffsets, page.databytecounts, strict=True)]
    if not ends or max(ends) > length:
        raise ValueError(
            f"{path} is a truncated TIFF file: page {k + 1} needs {max(ends, default=0)} bytes, the file has {length}"
        )
    stored, needed = sum(page.databytecounts), page.shape[0] * page.shape[1] * page.dtype.itemsize
    if page.compression == 1 and stored < needed:
        raise ValueError(f"{path} is a damaged TIFF file: page {k + 1} stores {stored} of its {needed} bytes")


def _check_inflated_length(path: Path, file: Any, page: Any) -> None:
    """Refuse a deflated strip that would inflate beyond what the page can hold."""
    if page.is_tiled:
        limit = page.tilewidth * page.tilelength * page.dtype.itemsize
    else:
        limit = page.shape[0] * page.shape[1] * page.dtype.itemsize
    for begin, size in zip(page.dataoffsets, page.databytecounts, strict=True):
        file.seek(begin)
        if len(zlib.decompressobj().decompress(file.read(size), limit + 1)) > limit:
            raise ValueError(f"a strip of {size} bytes inflates beyond the {limit} bytes of its page")


def _tiff_metadata(page: Any) -> dict[str, Any]:
    """The JSON of the ImageDescription, or ImageJ's lines, or the text as it stands."""
    text = page.description or ""
    metadata: dict[str, Any] = {}
    if len(text) > LARGEST_DESCRIPTION_BYTES:
        return metadata
    if text.lstrip().startswith("{"):
        try:
            parsed = json.loads(text)
        except (ValueError, RecursionError):
            parsed = None
        if isinstance(parsed, dict):
            metadata.update(parsed)
    elif text.startswith("ImageJ="):
        metadata.update(line.partition("=")[::2] for line in text.splitlines() if "=" in line)
    elif text:
        metadata["description"] = text
    if page.photometric == 0:
        metadata["photometric"] = "white is zero; the stored numbers are kept"
    return metadata


def _tiff_pitch_mm(page: Any, metadata: dict[str, Any]) -> float | None:
    """Pitch from ImageJ's unit, or from resolution tags that a detector could have. [mm]"""
    unit_tag = page.tags.get("ResolutionUnit")
    unit = 1 if unit_tag is None else int(unit_tag.value)
    unit_mm = {2: 25.4, 3: 10.0}.get(unit)  # TIFF 6.0 tag 296: inch, centimetre
    if unit_mm is None and "ImageJ" in metadata:
        unit_mm = _MM_PER_UNIT.get(str(metadata.get("unit", "")).strip())
    tags = [page.tags.get(name) for name in ("XResolution", "YResolution")]
    if unit_mm is None or any(tag is None or not all(tag.value) for tag in tags):
        return None
    across, down = (unit_mm * tag.value[1] / tag.value[0] for tag in tags if tag is not None)
    square = abs(across - down) <= 1e-3 * across
    return across if square and PLAUSIBLE_PITCH_MM[0] <= across <= PLAUSIBLE_PITCH_MM[1] else None


# -------------------------------------------------------------------------------------------------------------- DICOM


def describe_dicom(path: Path) -> FrameSource:
    """What a DICOM object holds, as `radiography.dicom.read` finds it."""
    from radiography.dicom.read import open_dicom  # pydicom is slow to load: only where a DICOM file comes

    found = open_dicom(path)
    check_frame_claim(path, found.rows, found.cols, np.dtype(found.dtype))
    metadata: dict[str, Any] = dict(found.metadata)
    return FrameSource(
        path,
        "dicom",
        found.count,
        found.rows,
        found.cols,
        found.dtype,
        conditions=found.conditions,
        metadata=metadata,
    )


def dicom_frames(source: FrameSource, frames: range) -> Iterator[NDArray[Any]]:
    """Yield the stored numbers of the frames of a DICOM object, before any modality or display table.

    Parameters
    ----------
    source : FrameSource
        What the file holds.
    frames : range
        Which frames, counted from 0. [1]

    Yields
    ------
    frame : (H, W)
        In the stored type.
    """
    from radiography.dicom.read import iterate_dicom, open_dicom

    yield from iterate_dicom(open_dicom(source.path), frames)


def _first_line(error: BaseException) -> str:
    """The first line of an error's text, for use inside one sentence."""
    return str(error).strip().split("\n")[0].rstrip(".") or type(error).__name__


def magic(file: BinaryIO) -> str | None:
    """The format that the first bytes announce: "tiff", "npy", "dicom", another kind by name, or None."""
    head = file.read(132)
    if head[128:132] == b"DICM":  # first: the preamble of a dual-personality file is a TIFF header, PS3.10 7.1
        return "dicom"
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "tiff"
    if head[:6] == b"\x93NUMPY":
        return "npy"
    others = {
        b"\x89PNG": "a PNG picture",
        b"\xff\xd8\xff": "a JPEG picture",
        b"PK\x03\x04": "a zip archive (.npz, .zip)",
        b"\x89HDF": "an HDF5 file",
        b"SIMPLE  =": "a FITS file",
        b"\x1f\x8b": "a gzip archive",
        b"\x00\x70": "a HIS file (read it as headerless raw with header_bytes = 100)",
    }
    return next((name for start, name in others.items() if head.startswith(start)), None)

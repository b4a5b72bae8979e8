"""Frames in EDF and CBF files of synchrotrons, by fabio (extra `formats`).

EDF is the format of the ESRF, one header in braces before each frame; CBF is that of Dectris' panels, one frame of
differences between neighbours. Compressed EDF is refused, because its header does not bound what it unpacks to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.conditions import Conditions
from radiography.files.extra import damage_named, needed_library
from radiography.files.pitch import square_pitch_mm
from radiography.files.source import FrameSource, check_frame_claim

EDF, CBF = "an EDF file", "a CBF file"
LARGEST_METADATA = 2000  # characters of one entry that are kept   # chosen
CBF_MARK = b"\x0c\x1a\x04\xd5"  # begin of the binary section: imgCIF dictionary, _array_data.data
LARGEST_CBF_HEADER = 2**16  # bytes; those of Dectris have 4,096   # chosen
MOST_FRAMES = 2**16  # of one EDF file   # chosen


def is_edf(head: bytes) -> bool:
    """Whether a file begins with the brace of an EDF header and a key that belongs into one.

    Parameters
    ----------
    head : bytes
        Some hundred bytes of it.
    """
    return re.match(rb"\{\s*(EDF_|HeaderID|ByteOrder|DataType|Dim_1|Image)\w*\s*=", head) is not None


def describe_edf(path: Path) -> FrameSource:
    """What an EDF file holds: frames of one shape and type, each behind its header.

    Parameters
    ----------
    path : Path

    Returns
    -------
    source : FrameSource
    """
    image = _open_edf(path)
    with damage_named(path, EDF, "fabio"):
        first = image.get_frame(0)
        rows, cols, dtype = _edf_claim(path, first)
        if image.nframes > MOST_FRAMES:
            raise ValueError(f"{path} claims {image.nframes} frames, over the limit of {MOST_FRAMES}")
        header = {str(key): str(value)[:LARGEST_METADATA] for key, value in first.header.items()}
        sides = [_length(header.get(key)) for key in ("PSize_2", "PSize_1")]
        return _found(path, "edf", (image.nframes, rows, cols), dtype, header, sides, "PSize_1 and PSize_2")


def edf_frames(source: FrameSource, frames: range) -> Iterator[NDArray[Any]]:
    """Yield the frames of an EDF file.

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
    image = _open_edf(source.path)
    for k in frames:
        with damage_named(source.path, EDF, "fabio"):
            frame = image.get_frame(k)
            if _edf_claim(source.path, frame) != (source.rows, source.cols, np.dtype(source.dtype)):
                raise ValueError(f"{source.path} mixes frames: frame {k} has another shape or type than frame 0")
            pixels = np.array(frame.data, dtype=source.dtype, order="C")
        yield pixels


def describe_cbf(path: Path) -> FrameSource:
    """What a CBF file holds: one frame of 32-bit numbers.

    Parameters
    ----------
    path : Path

    Returns
    -------
    source : FrameSource
    """
    needed_library("fabio.compression", path, CBF)
    rows, cols, begin, _ = _cbf_claim(path)
    with path.open("rb") as file:
        head = file.read(begin).decode("latin-1")
    header = {"header": re.sub(r"\s+", " ", head)[:LARGEST_METADATA]}
    size = re.search(r"Pixel_size\s+([\d.eE+-]+)\s*m\s*x\s*([\d.eE+-]+)\s*m", head)
    lengths = [_length(size[k] if size else None) for k in (2, 1)]
    return _found(path, "cbf", (1, rows, cols), np.dtype(np.int32), header, lengths, "Pixel_size")


def cbf_frames(source: FrameSource, frames: range) -> Iterator[NDArray[Any]]:
    """Yield the one frame of a CBF file.

    Parameters
    ----------
    source : FrameSource
        What the file holds.
    frames : range
        Which frames, counted from 0. [1]

    Yields
    ------
    frame : (H, W) int32
    """
    module = needed_library("fabio.compression", source.path, CBF)
    rows, cols, begin, stored = _cbf_claim(source.path)
    for _ in frames:
        with damage_named(source.path, CBF, "fabio"):
            with source.path.open("rb") as file:
                file.seek(begin)
                packed = file.read(stored) + bytes(8)  # it may look for a long step at the end
            pixels = module.decByteOffset(packed, rows * cols, "int32")
            if pixels.size != rows * cols:
                raise ValueError(f"{source.path} is a damaged CBF file: {pixels.size} of {rows * cols} pixels")
        yield np.array(pixels, dtype=np.int32).reshape(rows, cols)


def _cbf_claim(path: Path) -> tuple[int, int, int, int]:
    """Rows, columns, and where the packed pixels begin and how many bytes they are; fabio's reader of the header runs
    for ever on a damaged one.
    """
    with path.open("rb") as file:
        begin = file.read(LARGEST_CBF_HEADER).partition(CBF_MARK)[0]
    head, there = begin.decode("latin-1"), path.stat().st_size - len(begin) - len(CBF_MARK)
    sides = [re.search(rf"X-Binary-Size-{axis}-Dimension:\s*(\d{{1,9}})\b", head) for axis in ("Second", "Fastest")]
    element = re.search(r'X-Binary-Element-Type:\s*"([^"\r\n]{0,60})"', head)
    packing = re.search(r'conversions="([^"\r\n]{0,60})"', head)
    if None in sides or element is None or packing is None:
        raise ValueError(f"{path} is a CBF file without the size, type or packing of its pixels")
    if packing[1] != "x-CBF_BYTE_OFFSET" or element[1] != "signed 32-bit integer":
        raise ValueError(
            f"{path} is a CBF file of {element[1]}, {packing[1]}; signed 32-bit, x-CBF_BYTE_OFFSET is read"
        )
    rows, cols = (int(side[1]) for side in sides if side is not None)
    check_frame_claim(path, rows, cols, np.dtype(np.int32))
    stored = re.search(r"X-Binary-Size:\s*(\d{1,12})\b", head)
    if stored is None or int(stored[1]) > there or rows * cols > there:  # a pixel takes a byte at least
        said = stored[1] if stored else "an unknown number of"
        raise ValueError(
            f"{path} is a truncated CBF file: {rows} x {cols} pixels packed in {said} bytes, {max(there, 0)} are there"
        )
    return rows, cols, len(begin) + len(CBF_MARK), int(stored[1])


def _open_edf(path: Path) -> Any:
    module = needed_library("fabio.edfimage", path, EDF)
    with damage_named(path, EDF, "fabio"):
        return module.EdfImage().read(str(path))


def _edf_claim(path: Path, frame: Any) -> tuple[int, int, np.dtype[Any]]:
    """Rows, columns and type of a frame, which the file must be long enough for."""
    if len(frame.shape) != 2:
        raise ValueError(f"{path} holds frames of shape {frame.shape}; a frame is (rows, columns)")
    rows, cols, dtype = int(frame.shape[0]), int(frame.shape[1]), np.dtype(frame.dtype).newbyteorder("=")
    check_frame_claim(path, rows, cols, dtype)
    packed = str(frame.header.get("Compression", frame.header.get("COMPRESSION", "none"))).strip().lower()
    if packed not in ("none", "no", "uncompressed", ""):
        raise ValueError(f"{path} is an EDF file with {packed} compression; save it without")
    if frame.bfname is not None:
        raise ValueError(f"{path} is an EDF file that keeps its pixels in another file; save it as one")
    needed = rows * cols * dtype.itemsize
    if frame.incomplete_data or frame.blobsize < needed or frame.start + needed > path.stat().st_size:
        raise ValueError(f"{path} is a truncated EDF file: a frame of {rows} x {cols} {dtype} needs {needed} bytes")
    return rows, cols, dtype


def _length(text: str | None) -> float | None:
    """A length in metres as text, in mm."""
    try:
        return 1e3 * float(str(text).split()[0])
    except (ValueError, IndexError):
        return None


def _found(
    path: Path,
    kind: str,
    shape: tuple[int, int, int],
    dtype: np.dtype[Any],
    metadata: dict[str, Any],
    sides: list[float | None],
    pitch_source: str,
) -> FrameSource:
    """The description of a file, its pitch where both sides of a pixel agree."""
    pitch_mm = square_pitch_mm(*sides)
    return FrameSource(
        path,
        kind,
        *shape,
        dtype.name,
        conditions=Conditions(pitch_mm=pitch_mm),
        metadata=metadata,
        pitch_source=None if pitch_mm is None else f"{pitch_source} of the header",
    )

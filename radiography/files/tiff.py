"""Frames in TIFF and BigTIFF files: full-size grey pages of one shape and type."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from calibration.conditions import conditions_from
from calibration.own_words import refused, said_by_us
from radiography.dicom.codestream import LOSSY, lossy_words
from radiography.files.pitch import TiffPitch, tiff_pitch
from radiography.files.source import GIVE_PITCH, FrameSource, check_frame_claim
from radiography.files.tiff_codecs import NOT_COMPRESSED, check_codec, loss_of_page, read_page

LARGEST_DESCRIPTION_BYTES = 4 * 2**20  # JSON of a TIFF; ours are a few kB   # assumed
MOST_PAGES = 20_000  # 11 minutes of fluoroscopy at 30 frames a second; describing each takes 0.3 ms   # chosen
MOST_TAGS = 4096  # of a page; those of detectors have 20 to 50   # chosen
MOST_NUMBERS = 2**18  # of a tag that is no text or bytes; strips and tiles have a limit of their own   # chosen
LARGEST_TAG_BYTES = 64 * 2**20  # of a tag that is text or bytes   # chosen
_BYTE_TYPES = (1, 2, 6, 7)  # TIFF 6.0: BYTE, ASCII, SBYTE, UNDEFINED
# What our own TIFFs call themselves, and the stage that it is.
STAGE_OF_KIND = {"raw": "raw", "corrected": "corrected", "flags": "plane", "variance_random": "plane",
                 "variance_calibration": "plane", "defect map": "plane", "logarithmic": "logarithmic"}  # fmt: skip


def describe_tiff(path: Path) -> FrameSource:
    """What a TIFF or BigTIFF holds: full-size grey pages, all of one shape and type."""
    _walk_tiff_directories(path)
    with refused(path, "is a damaged TIFF file"), tifffile.TiffFile(path) as tiff:
        numbers = _full_size_pages(tiff)
        if not numbers:
            raise ValueError(f"{path} holds no full-size page")
        first = tiff.pages[numbers[0]]
        for k in numbers:
            page = tiff.pages[k]
            _check_tiff_page(path, page, k)
            if page.shape != first.shape or page.dtype != first.dtype:
                raise ValueError(
                    f"{path} mixes pages: page 0 is {first.shape} {first.dtype}, page {k} is {page.shape} {page.dtype}"
                )
        metadata = _tiff_metadata(first)
        conditions = conditions_from({} if "ImageJ" in metadata else metadata, str(path))
        said = str(metadata.get("pitch_source") or "pitch_mm of its metadata")[:200]
        pitch = TiffPitch(conditions.pitch_mm, said)
        if conditions.pitch_mm is None:
            pitch = tiff_pitch(first, metadata)
            conditions = replace(conditions, pitch_mm=pitch.pitch_mm)
        doubts = [] if pitch.doubt is None else [f"{pitch.doubt}: {GIVE_PITCH}"]
        loss = next(filter(None, (loss_of_page(tiff.filehandle, tiff.pages[k]) for k in numbers)), None)
        if loss is not None:
            doubts.append(lossy_words(loss.words))
            step = {"method": loss.method, "ratio": round(loss.ratio, 3)}
            metadata[LOSSY] = [*(before if isinstance(before := metadata.get(LOSSY), list) else []), step]
        elif LOSSY in metadata:
            doubts.append(lossy_words("as it says of the frame that it was made of"))
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
            stage=STAGE_OF_KIND.get(str(metadata.get("kind"))),
            pitch_source=pitch.source,
            warnings=tuple(f"{path}: {doubt}" for doubt in doubts),
        )


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
    with refused(source.path, "is a damaged TIFF file"), tifffile.TiffFile(source.path) as tiff:
        numbers = _full_size_pages(tiff)
        for k in frames:
            yield read_page(tiff.filehandle, tiff.pages[numbers[k]])


def _walk_tiff_directories(path: Path) -> None:
    """Follow the chain of directories to its end, for what tifffile drops in silence or takes much memory for.

    It drops the pages of a file that was cut, and makes a Python number of each that a tag claims.
    """
    length = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(16)
        order = "<" if head[:2] == b"II" else ">"
        big = head[2:4] in (b"+\0", b"\0+")
        count_format, next_format = (f"{order}Q", f"{order}Q") if big else (f"{order}H", f"{order}I")
        entry = struct.Struct(f"{order}HHQ8x" if big else f"{order}HHI4x")
        seen: set[int] = set()
        try:
            (offset,) = struct.unpack_from(next_format, head, 8 if big else 4)
            while offset:
                if offset in seen:
                    raise ValueError(f"{path} is a damaged TIFF file: its pages form a ring")
                seen.add(offset)
                if len(seen) > MOST_PAGES:
                    raise ValueError(f"{path} holds more than {MOST_PAGES} pages; split it, or write .npy or raw files")
                file.seek(offset)
                (entries,) = struct.unpack(count_format, file.read(struct.calcsize(count_format)))
                if entries > MOST_TAGS:
                    raise ValueError(f"{path} is a damaged TIFF file: page {len(seen)} claims {entries} tags")
                for tag, kind, count in entry.iter_unpack(file.read(entries * entry.size)):
                    if count > (LARGEST_TAG_BYTES if kind in _BYTE_TYPES else MOST_NUMBERS):
                        raise ValueError(
                            f"{path} is a damaged TIFF file: tag {tag} of page {len(seen)} claims {count} values"
                        )
                (offset,) = struct.unpack(next_format, file.read(struct.calcsize(next_format)))
        except (struct.error, OverflowError, OSError) as error:  # offsets of a damaged BigTIFF may exceed any file
            raise ValueError(_cut_short(path, len(seen), length)) from error
        except ValueError as error:
            if str(path) in str(error):
                raise
            raise ValueError(_cut_short(path, len(seen), length)) from error
    if not seen:
        raise ValueError(f"{path} is a TIFF file without any page")


def _cut_short(path: Path, page: int, length: int) -> str:
    return f"{path} is a truncated TIFF file: its directory of page {page} lies beyond the last of {length} bytes"


def _full_size_pages(tiff: Any) -> list[int]:
    """Numbers of the pages that are no thumbnails (bit 0 of NewSubfileType)."""
    return [k for k, page in enumerate(tiff.pages) if not (page.subfiletype or 0) & 1]


def _check_tiff_page(path: Path, page: Any, k: int) -> None:
    """Refuse what is no grey detector frame, and what the file is too short to hold."""
    if page.samplesperpixel != 1 or page.photometric not in (0, 1):
        stack = page.planarconfig == 2  # TIFF 6.0: a plane for each colour, one after the other
        raise ValueError(
            f"{path} page {k} is a colour picture ({page.samplesperpixel} samples per pixel); a frame is grey"
            + ("; if its planes are frames, write one page each: tifffile's photometric=minisblack" if stack else "")
        )
    if page.ndim != 2 or page.dtype is None:
        raise ValueError(f"{path} page {k} has shape {page.shape}; a frame is (rows, columns)")
    check_frame_claim(path, page.shape[0], page.shape[1], np.dtype(page.dtype))
    try:
        check_codec(page)
    except ValueError as error:
        raise ValueError(f"{path} page {k} {error if said_by_us(error) else 'has damaged tags'}") from error
    length = path.stat().st_size
    if len(page.dataoffsets) != len(page.databytecounts):
        raise ValueError(
            f"{path} is a damaged TIFF file: page {k} has {len(page.dataoffsets)} places of strips but "
            f"{len(page.databytecounts)} lengths"
        )
    ends = [begin + size for begin, size in zip(page.dataoffsets, page.databytecounts, strict=True)]
    if not ends or max(ends) > length:
        raise ValueError(
            f"{path} is a truncated TIFF file: page {k} needs {max(ends, default=0)} bytes, the file has {length}"
        )
    stored, needed = sum(page.databytecounts), page.shape[0] * -(-page.shape[1] * page.bitspersample // 8)
    if page.compression == NOT_COMPRESSED and stored < needed:
        raise ValueError(f"{path} is a damaged TIFF file: page {k} stores {stored} of its {needed} bytes")


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

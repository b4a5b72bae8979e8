"""Frames of a volume file: NRRD and MetaImage, whose header in text stands before plain or deflated pixels.

Both are read here from their definitions, because what they need is small: Teem's "Definition of NRRD File Format"
(teem.sourceforge.net/nrrd/format.html), and the MetaIO documentation of ITK (itk.org/Wiki/MetaIO/Documentation). Text,
hexadecimal and bzip2 encodings, and data spread over several files, are refused by name.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from calibration.conditions import Conditions
from radiography.files.pitch import MM_PER_UNIT, square_pitch_mm
from radiography.files.raw import raw_frames
from radiography.files.source import GIVE_PITCH, FrameSource, RawLayout, check_frame_claim

LARGEST_HEADER_BYTES = 2**20  # text before the pixels; usual ones have a few hundred bytes   # chosen
LARGEST_RATIO = 1100  # of unpacked to stored bytes: deflate reaches 1032 at most, zlib's technical notes   # chosen
BLOCK_BYTES = 2**20  # of a deflated file that are read at once   # chosen
_NRRD_TYPES = {
    "int8": ("signed char", "int8", "int8_t"),
    "uint8": ("uchar", "unsigned char", "uint8", "uint8_t"),
    "int16": ("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
    "uint16": ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    "int32": ("int", "signed int", "int32", "int32_t"),
    "uint32": ("uint", "unsigned int", "uint32", "uint32_t"),
    "float32": ("float",),
    "float64": ("double",),
}
_META_TYPES = {
    "MET_CHAR": "int8",
    "MET_UCHAR": "uint8",
    "MET_SHORT": "int16",
    "MET_USHORT": "uint16",
    "MET_INT": "int32",
    "MET_UINT": "uint32",
    "MET_FLOAT": "float32",
    "MET_DOUBLE": "float64",
}
_TRUE, _FALSE = ("true", "1"), ("false", "0", "")


@dataclass(frozen=True)
class _Volume:
    """What a header says: where the pixels are and how they are laid out."""

    format: str
    layout: RawLayout
    count: int
    data_file: Path
    deflated: bool
    spacing: tuple[float, ...]
    metadata: dict[str, Any]


def describe_volume(path: Path) -> FrameSource:
    """What an NRRD or MetaImage file holds: one frame, or frames along its slowest axis."""
    found = _read_header(path)
    layout = found.layout
    check_frame_claim(path, layout.rows, layout.cols, np.dtype(layout.dtype))
    needed = found.count * layout.rows * layout.cols * np.dtype(layout.dtype).itemsize
    there = found.data_file.stat().st_size - layout.header_bytes
    if found.deflated and needed > LARGEST_RATIO * max(there, 0):
        raise ValueError(f"{path} claims to unpack {there} bytes to {needed}, more than {LARGEST_RATIO} to 1")
    if not found.deflated and there < needed:
        raise ValueError(f"{path} needs {needed} bytes of pixels, but {found.data_file} holds {there}")
    pitch_mm, doubt = _pitch(found.spacing)
    return FrameSource(
        path,
        found.format,
        found.count,
        layout.rows,
        layout.cols,
        layout.dtype,
        conditions=Conditions(pitch_mm=pitch_mm),
        metadata=found.metadata,
        layout=layout,
        pitch_source=None if pitch_mm is None else "spacing in the header",
        warnings=() if doubt is None else (f"{doubt}: {GIVE_PITCH}",),
    )


def volume_frames(source: FrameSource, frames: range) -> Iterator[NDArray[Any]]:
    """Yield the frames of a NRRD or MetaImage file.

    Parameters
    ----------
    source : FrameSource
        What the file holds.
    frames : range
        Which frames, counted from 0 and upwards. [1]

    Yields
    ------
    frame : (H, W)
        In the stored type.
    """
    found = _read_header(source.path)
    if found.deflated:
        yield from _inflated_frames(source, frames, found)
    else:
        yield from raw_frames(source, frames, found.data_file)


def _inflated_frames(source: FrameSource, frames: range, found: _Volume) -> Iterator[NDArray[Any]]:
    """Frames out of one deflated stream, no more of it in memory than one frame."""
    layout = found.layout
    stored = np.dtype(layout.dtype).newbyteorder("<" if layout.byte_order == "little" else ">")
    frame_bytes = layout.rows * layout.cols * stored.itemsize
    inflater = zlib.decompressobj(wbits=32 + zlib.MAX_WBITS)  # a header of zlib or of gzip
    with found.data_file.open("rb") as file:
        file.seek(layout.header_bytes)
        waiting = b""
        for k in range(frames[-1] + 1 if len(frames) else 0):
            content = bytearray()
            while len(content) < frame_bytes:
                waiting = waiting or file.read(BLOCK_BYTES)
                try:
                    got = inflater.decompress(waiting, frame_bytes - len(content))
                except zlib.error as error:
                    raise ValueError(
                        f"{source.path} is damaged inside frame {k} of {source.count}, counted from 0"
                    ) from error
                if not got and not inflater.unconsumed_tail and (not waiting or inflater.eof):
                    raise ValueError(f"{source.path} ends inside frame {k} of {source.count}, counted from 0")
                waiting = inflater.unconsumed_tail
                content += got
            if k in frames:
                pixels = np.frombuffer(content, stored).reshape(layout.rows, layout.cols)
                yield pixels.astype(layout.dtype, copy=False)


def _read_header(path: Path) -> _Volume:
    with path.open("rb") as file:
        head = file.read(LARGEST_HEADER_BYTES)
    return _read_nrrd(path, head) if head.startswith(b"NRRD") else _read_metaimage(path, head)


def _read_nrrd(path: Path, head: bytes) -> _Volume:
    """Fields up to an empty line; the first axis changes fastest."""
    end = re.search(rb"\r?\n\r?\n", head)
    text = (head[: end.start()] if end else head).decode("utf-8", "replace")
    fields = dict(_pairs(text.splitlines()[1:], r"([^:#][^:]*):=? *(.*)"))
    if end is None and not _data_name(fields):
        _refuse(path, "NRRD", "has no empty line at the end of its header")
    encoding = fields.get("encoding", "").lower()
    if encoding not in ("raw", "gzip", "gz"):
        _refuse(path, "NRRD", f"has the encoding '{encoding}'; raw and gzip are read")
    type_name = " ".join(fields.get("type", "").lower().split())
    dtype = next((ours for ours, theirs in _NRRD_TYPES.items() if type_name in theirs), None)
    if dtype is None:
        _refuse(path, "NRRD", f"holds {type_name or 'untyped'} pixels; {', '.join(_NRRD_TYPES)} are read")
    if fields.get("kinds", "").split()[:1] in (["RGB-color"], ["RGBA-color"], ["vector"], ["complex"]):
        _refuse(path, "NRRD", "holds colours or vectors; a frame is grey")
    sizes = _whole_numbers(path, "NRRD", "sizes", fields.get("sizes", ""))
    skips = [_whole_numbers(path, "NRRD", key, fields.get(key, "0"), least=-1) for key in ("line skip", "byte skip")]
    if skips[0] != [0] or (skips[1] != [0] and encoding != "raw"):
        _refuse(
            path, "NRRD", f"skips {skips[0][0]} lines and {skips[1][0]} bytes; only bytes of raw pixels are skipped"
        )
    name = _data_name(fields)
    data_file = _beside(path, "NRRD", name) if name else path
    spacing = _numbers(fields.get("spacings", ""))
    if vectors := re.findall(r"\(([^)]*)\)", fields.get("space directions", "")):
        spacing = [float(np.linalg.norm(_numbers(vector.replace(",", " ")))) for vector in vectors]
    units = re.findall(r'"([^"]*)"', fields.get("space units") or fields.get("units", ""))
    scale = MM_PER_UNIT.get((units and units[0]) or "mm", np.nan)
    begin = 0 if name else (end.end() if end else 0)
    return _volume(path, "nrrd", sizes, dtype, data_file, begin, skips[1][0], spacing=[scale * s for s in spacing],
                   big=fields.get("endian", "little") == "big", deflated=encoding != "raw", fields=fields)  # fmt: skip


def _read_metaimage(path: Path, head: bytes) -> _Volume:
    """Fields up to ElementDataFile, which is the last one; the first axis changes fastest."""
    end = re.search(rb"(?m)^ElementDataFile *= *([^\r\n]*)\r?(?:\n|\Z)", head)
    if end is None:
        _refuse(path, "MetaImage", "does not name its ElementDataFile")
    fields = dict(_pairs(head[: end.end()].decode("utf-8", "replace").splitlines(), r"(\w+) *= *(.*)"))
    if fields.get("BinaryData", "True").lower() in _FALSE:
        _refuse(path, "MetaImage", "holds pixels as text; binary data are read")
    dtype = _META_TYPES.get(fields.get("ElementType", ""))
    if dtype is None:
        _refuse(
            path, "MetaImage", f"holds {fields.get('ElementType', 'untyped')} pixels; {', '.join(_META_TYPES)} are read"
        )
    if fields.get("ElementNumberOfChannels", "1") != "1":
        _refuse(path, "MetaImage", f"holds {fields['ElementNumberOfChannels']} channels a pixel; a frame is grey")
    sizes = _whole_numbers(path, "MetaImage", "DimSize", fields.get("DimSize", ""))
    skip = _whole_numbers(path, "MetaImage", "HeaderSize", fields.get("HeaderSize", "0"), least=-1)[0]
    name = fields["ElementDataFile"].strip()
    local = name.upper() == "LOCAL"
    data_file = path if local else _beside(path, "MetaImage", name)
    big = (fields.get("BinaryDataByteOrderMSB") or fields.get("ElementByteOrderMSB", "")).lower() in _TRUE
    deflated = fields.get("CompressedData", "").lower() in _TRUE
    spacing = _numbers(fields.get("ElementSpacing") or fields.get("ElementSize", ""))
    return _volume(path, "metaimage", sizes, dtype, data_file, end.end() if local else 0, skip, spacing=spacing,
                   big=big, deflated=deflated, fields=fields)  # fmt: skip


def _volume(path: Path, kind: str, sizes: list[int], dtype: str, data_file: Path, begin: int, skip: int, *,
            spacing: list[float], big: bool, deflated: bool, fields: dict[str, str]) -> _Volume:  # fmt: skip
    """The description of a file of which the header is understood; a skip of -1 means that the pixels end the file."""
    if len(sizes) not in (2, 3) or min(sizes) < 1:
        _refuse(path, kind, f"has the size {sizes}; a frame has two axes, a stack three")
    count = sizes[2] if len(sizes) == 3 else 1
    pixel_bytes = sizes[0] * sizes[1] * count * np.dtype(dtype).itemsize
    offset = data_file.stat().st_size - pixel_bytes if skip == -1 else begin + skip
    if offset < 0:
        _refuse(path, kind, f"needs {pixel_bytes} bytes of pixels, but {data_file} holds {data_file.stat().st_size}")
    check_frame_claim(path, sizes[1], sizes[0], np.dtype(dtype))
    layout = RawLayout(sizes[1], sizes[0], dtype, "big" if big else "little", offset)
    return _Volume(kind, layout, count, data_file, deflated, tuple(spacing[:2]), dict(fields))


def _data_name(fields: dict[str, str]) -> str:
    return fields.get("data file") or fields.get("datafile", "")


def _beside(path: Path, kind: str, name: str) -> Path:
    """The file of the pixels, which must lie in the folder of its header: a header is no leave to read other files."""
    if name.split()[:1] == ["LIST"] or "%" in name:
        _refuse(path, kind, "spreads its pixels over several files, which are not read")
    if PurePosixPath(name).name != name or PureWindowsPath(name).name != name:
        _refuse(path, kind, f"keeps its pixels in '{name}'; only a file in its own folder is read")
    data_file = path.with_name(name)
    if not data_file.is_file() or data_file.resolve().parent != path.resolve().parent:
        _refuse(path, kind, f"keeps its pixels in '{name}', which is no file in its folder")
    return data_file


def _pitch(spacing: tuple[float, ...]) -> tuple[float | None, str | None]:
    """Pitch [mm] from the spacing along columns and rows [mm], or why it is not believed."""
    if len(spacing) != 2 or not np.isfinite(spacing).all():
        return None, None
    if spacing == (1.0, 1.0):
        return None, "its spacing of 1 is what programs write that know none"
    across, down = spacing
    pitch_mm = square_pitch_mm(down, across)
    return pitch_mm, None if pitch_mm else f"its spacing of {down:g} x {across:g} mm is no detector's pitch"


def _pairs(lines: list[str], pattern: str) -> Iterator[tuple[str, str]]:
    for line in lines:
        if match := re.fullmatch(pattern, line.strip()):
            yield match[1].strip(), match[2].strip()


def _whole_numbers(path: Path, kind: str, what: str, text: str, *, least: int = 1) -> list[int]:
    """Numbers of a field, each at least `least` and of at most nine digits."""
    words = text.split()
    if not words or not all(re.fullmatch(r"-?\d{1,9}", word) and int(word) >= least for word in words):
        _refuse(path, kind, f"says {what} '{text[:80]}'; whole numbers from {least} are needed")
    return [int(word) for word in words]


def _numbers(text: str) -> list[float]:
    """Numbers of a field; none where one of them is no number."""
    try:
        return [float(word) for word in text.split()]
    except ValueError:
        return []


def _refuse(path: Path, kind: str, why: str) -> NoReturn:
    raise ValueError(f"{path} is a {kind} file that {why}")

"""Fragments of compressed pixel data, found without reading them: DICOM PS3.5 A.4 and PS3.3 C.7.6.3.1.8.

Every item is visited once and each table of offsets is held against them. A table that lies would show one program
other frames than another, so it is refused. Any frame is then read by itself, wherever it lies.
"""

from __future__ import annotations

import struct
from typing import Any

from pydicom.dataset import Dataset

Fragments = list[tuple[int, int]]  # place and length of each [byte]
MOST_FRAGMENTS = 2**20  # in one file   # chosen: an hour at 30 frames a second has a tenth of it
_ITEM, _END = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0"
_END_OF_PICTURE = b"\xff\xd9"  # of JPEG, JPEG-LS and JPEG 2000: ITU-T T.81 B.1.1.3, T.800 A.4.4
_PADDING = 10  # bytes at the end of a fragment among which that stands   # chosen, as pydicom has it


def frame_fragments(mapped: Any, offset: int, count: int, header: Dataset) -> list[Fragments]:
    """Where the fragments of each frame lie.

    Parameters
    ----------
    mapped : mmap.mmap or bytes
        The file.
    offset : int
        Where the items begin, the first of which is the basic table of offsets. [byte]
    count : int
        Frames that the header claims. [1]
    header : Dataset
        Every attribute before the pixels; may hold an extended table of offsets.

    Returns
    -------
    frames : list of Fragments
        `count` of them.

    Raises
    ------
    ValueError
        If items are damaged, there are fewer than frames, or a table does not lead to the beginnings of frames.
    """
    table, fragments = _items(mapped, offset)
    if len(fragments) < count:
        raise ValueError(f"it holds only {len(fragments)} of {count} frames")
    base = fragments[0][0] - 8
    starts = _extended_offsets(header) or (
        [*struct.unpack_from(f"<{table[1] // 4}I", mapped, table[0])] if table[1] else []
    )
    if starts:
        return _by_table(fragments, [base + start + 8 for start in starts], count)
    if len(fragments) == count:
        return [[fragment] for fragment in fragments]
    if count == 1:
        return [fragments]
    frames: list[Fragments] = [[]]
    for place, length in fragments:
        frames[-1].append((place, length))
        if _END_OF_PICTURE in mapped[max(place, place + length - _PADDING) : place + length]:
            frames.append([])
    frames = frames[:-1] if not frames[-1] else frames
    if len(frames) != count:
        raise ValueError(f"its {len(fragments)} fragments end {len(frames)} frames of {count}, without a table")
    return frames


def joined(mapped: Any, fragments: Fragments) -> bytes:
    """The code stream of one frame.

    Parameters
    ----------
    mapped : mmap.mmap or bytes
        The file.
    fragments : Fragments
        From `frame_fragments`.

    Returns
    -------
    codestream : bytes
    """
    return b"".join(mapped[place : place + length] for place, length in fragments)


def _items(mapped: Any, offset: int) -> tuple[tuple[int, int], Fragments]:
    """Place and length of the basic table, and of every fragment behind it."""
    found: Fragments = []
    place, end = offset, len(mapped)
    while place + 8 <= end and mapped[place : place + 4] != _END:
        if mapped[place : place + 4] != _ITEM:
            raise ValueError(f"its fragments are damaged at byte {place}")
        (length,) = struct.unpack_from("<I", mapped, place + 4)
        if place + 8 + length > end:
            raise ValueError(f"it is truncated: a fragment needs {length} bytes, {end - place - 8} are there")
        found.append((place + 8, length))
        if len(found) > MOST_FRAGMENTS:
            raise ValueError(f"it holds more than {MOST_FRAGMENTS} fragments, over the limit")
        place += 8 + length
    if not found:
        raise ValueError(f"it has no fragments at byte {offset}")
    if found[0][1] % 4:
        raise ValueError(f"its table of offsets has {found[0][1]} bytes, which is no multiple of 4")
    return found[0], found[1:]


def _extended_offsets(header: Dataset) -> list[int]:
    value = header.get("ExtendedOffsetTable")
    if not isinstance(value, bytes) or not value or len(value) % 8:
        return []
    return [*struct.unpack(f"<{len(value) // 8}Q", value)]


def _by_table(fragments: Fragments, starts: list[int], count: int) -> list[Fragments]:
    """Fragments from each beginning to the next."""
    number_of = {place: number for number, (place, _) in enumerate(fragments)}
    begins = [number_of.get(start) for start in starts]
    if len(starts) != count or begins[0] != 0 or None in begins or begins != sorted(set(begins)):  # type: ignore[type-var]
        raise ValueError(f"its table of {len(starts)} offsets does not lead to the beginnings of {count} frames")
    ends = [*begins[1:], len(fragments)]
    return [fragments[begin:end] for begin, end in zip(begins, ends, strict=True)]

"""Frames in grey PNG files of 8 or 16 bits (ISO/IEC 15948), one a file, without gamma or background applied."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.own_words import refused
from radiography.files.source import FrameSource, check_frame_claim, check_unpacked

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY = 0  # colour type: ISO/IEC 15948 table 11.1


def describe_png(path: Path) -> FrameSource:
    """What a PNG file holds, from its first chunk.

    Parameters
    ----------
    path : Path

    Returns
    -------
    source : FrameSource
    """
    with path.open("rb") as file:
        head = file.read(33)
    if len(head) < 33 or head[12:16] != b"IHDR":
        raise ValueError(f"{path} is a damaged PNG file: it does not begin with its header")
    cols, rows, bits, colour = struct.unpack_from(">IIBB", head, 16)
    if colour != _GREY:
        raise ValueError(f"{path} is a colour PNG picture (colour type {colour}); a frame is grey")
    if bits not in (8, 16):
        raise ValueError(f"{path} is a PNG picture of {bits} bits per pixel; 8 and 16 are read")
    dtype = np.dtype(f"uint{bits}")
    check_frame_claim(path, rows, cols, dtype)
    check_unpacked(path, rows * cols * dtype.itemsize, path.stat().st_size)
    display = ("it is a PNG picture of 8 bits, which usually is made to be looked at and is not linear",)
    return FrameSource(path, "png", 1, rows, cols, dtype.name, warnings=display if bits == 8 else ())


def png_frames(source: FrameSource, frames: range) -> Iterator[NDArray[Any]]:
    """Yield the picture of a PNG file.

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
    import imagecodecs

    for _ in frames:
        with refused(source.path, "is a damaged PNG file"):
            picture = imagecodecs.png_decode(source.path.read_bytes())
        if picture.shape != (source.rows, source.cols) or picture.dtype != source.dtype:
            raise ValueError(f"{source.path} is a damaged PNG file: it decodes to {picture.shape} {picture.dtype}")
        yield picture

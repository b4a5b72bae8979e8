"""Frames in files of panel makers whose layout is public: PerkinElmer HIS and Varian VIVA.

HIS: the 68-byte file header and 32-byte hardware header as the Reconstruction Toolkit reads them, rtkHisImageIO.cxx
(github.com/RTKConsortium/RTK, Apache-2.0), with the names of its fields from HISHeader.h of Jan Stephan's ddafa (2015);
there `correction` says what the maker's software has already done: 1 offset, 2 gain, 4 bad pixels.

VIVA (.seq and .viv): the 2,048-byte header of kipl's io_vivaseq.h (github.com/neutronimaging/imagingsuite), frames one
after the other; the flag of companded pixels at byte 1,836 from SEQProjectionSource.java of CONRAD (2014).

Facts of the layouts only; no code is taken over. Varian's XIM, HNC and HND, which the Reconstruction Toolkit reads, are
not read here.
"""

from __future__ import annotations

import math
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np

from calibration.conditions import Conditions
from radiography.files.source import FrameSource, RawLayout, check_frame_claim

HIS_HEADER_BYTES = 68
HIS_GAIN_CORRECTED = 2
HIS_UNSIGNED_16_BITS = 4  # number of the type; the only one that the Reconstruction Toolkit reads
LONGEST_FRAME_S = 1e4  # an integration time beyond is damage   # assumed
VIVA_HEADER_BYTES = 2048
VIVA_CORRECTIONS_AT = 1212  # a 32-bit flag each
VIVA_CORRECTIONS = ("offset", "gain", "defects", "line noise")
VIVA_PIXEL_FLAGS_AT, VIVA_COMPANDED = 1836, 512


def is_viva(head: bytes) -> bool:
    """Whether a file begins with the length of a VIVA header and its version, `Rev...` in wide letters.

    Parameters
    ----------
    head : bytes
        At least 16 bytes of it.
    """
    return head[:4] == struct.pack("<I", VIVA_HEADER_BYTES) and head[4:16].replace(b"\0", b"").startswith(b"Rev")


def describe_his(path: Path) -> FrameSource:
    """What a PerkinElmer HIS file holds.

    Parameters
    ----------
    path : Path

    Returns
    -------
    source : FrameSource
        `raw_frames` yields its frames.
    """
    with path.open("rb") as file:
        head = file.read(HIS_HEADER_BYTES)
    if len(head) < HIS_HEADER_BYTES or head[:4] != b"\0\x70\x44\0":
        raise ValueError(f"{path} begins like a HIS file, but has no 68-byte header of version 100")
    more, left, top, right, bottom, count, correction = struct.unpack_from("<7H", head, 10)
    (time_us,) = struct.unpack_from("<d", head, 24)
    (kind,) = struct.unpack_from("<H", head, 32)
    if kind != HIS_UNSIGNED_16_BITS:
        raise ValueError(f"{path} is a HIS file of pixel type {kind}; 4, unsigned 16 bits, is read")
    if right < left or bottom < top or count < 1:
        raise ValueError(f"{path} claims {count} frames of columns {left} to {right} and rows {top} to {bottom}")
    seconds = 1e-6 * time_us
    known = math.isfinite(seconds) and 0 < seconds < LONGEST_FRAME_S
    done = [name for bit, name in ((1, "offset"), (2, "gain"), (4, "bad pixels")) if correction & bit]
    found = _checked(path, "his", (bottom - top + 1, right - left + 1), count, HIS_HEADER_BYTES + more)
    return replace(
        found,
        conditions=Conditions(integration_time_s=seconds if known else None),
        stage="corrected" if correction & HIS_GAIN_CORRECTED else "raw",
        warnings=(f"it was corrected by the maker's software: {', '.join(done)}",) if done else (),
    )


def describe_viva(path: Path) -> FrameSource:
    """What a VIVA sequence (.seq) or image (.viv) of a Varian panel holds.

    Parameters
    ----------
    path : Path

    Returns
    -------
    source : FrameSource
        `raw_frames` yields its frames.
    """
    with path.open("rb") as file:
        head = file.read(VIVA_HEADER_BYTES)
    if len(head) < VIVA_HEADER_BYTES:
        raise ValueError(f"{path} is a VIVA file that ends inside its header of {VIVA_HEADER_BYTES} bytes")
    cols, rows, pixel_bytes, count = struct.unpack_from("<4I", head, 16)
    (flags,) = struct.unpack_from("<I", head, VIVA_PIXEL_FLAGS_AT)
    if flags & VIVA_COMPANDED:
        raise ValueError(f"{path} is a VIVA file of companded pixels; save it with linear 16-bit pixels")
    if pixel_bytes != 2:
        raise ValueError(f"{path} is a VIVA file of {pixel_bytes} bytes per pixel; 2 are read")
    if count < 1:
        raise ValueError(f"{path} is a VIVA file of {count} frames; at least 1 is needed")
    said = struct.unpack_from("<4I", head, VIVA_CORRECTIONS_AT)
    done = [name for flag, name in zip(said, VIVA_CORRECTIONS, strict=True) if flag]
    found = _checked(path, "viva", (rows, cols), count, VIVA_HEADER_BYTES)
    doubt = f"it may have been corrected by the maker's software: its header marks {', '.join(done)}"
    return replace(found, warnings=(doubt,) if done else ())


def _checked(path: Path, kind: str, shape: tuple[int, int], count: int, header_bytes: int) -> FrameSource:
    """The description of a file that is as long as its header says."""
    rows, cols = shape
    check_frame_claim(path, rows, cols, np.dtype(np.uint16))
    needed, there = header_bytes + 2 * rows * cols * count, path.stat().st_size
    if there != needed:
        raise ValueError(
            f"{path} has {there} bytes, but {count} frames of {rows} x {cols} behind a header of {header_bytes} need "
            f"{needed}"
        )
    layout = RawLayout(rows, cols, "uint16", "little", header_bytes)
    return FrameSource(path, kind, count, rows, cols, layout.dtype, layout=layout)

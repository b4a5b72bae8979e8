"""Compressed DICOM frames: fragments found, claims checked, one frame decoded.

A compressed picture says its size twice, in the header and in its own code stream. A small file can claim a huge
picture in either, and a decoder believes its code stream: so the two are compared before a decoder sees it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels import get_decoder
from pydicom.uid import RLELossless

LARGEST_RATIO = 1000  # of a large frame's decoded to its packed bytes; noise keeps detector frames below 20   # chosen
LARGE_FRAME_BYTES = 32 * 2**20  # smaller frames may be blank and pack better   # chosen
LARGEST_RLE_RATIO = 2.0  # of packed to decoded bytes: a lone pixel takes two, DICOM PS3.5 G.3.1
RLE_HEADER_BYTES = 64  # DICOM PS3.5 G.5
_START_OF_FRAME = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}  # ITU-T T.81 table B.1; F7 is JPEG-LS, T.87 C.1.1
_LONE_MARKERS = {0x01, *range(0xD0, 0xD9)}  # without a length: ITU-T T.81 B.1.1.4


def encapsulated_frames(buffer: Any, offset: int, count: int) -> Iterator[bytes]:
    """Yield the code stream of each frame; `buffer` is a mapped file whose fragments begin at `offset`.

    Parameters
    ----------
    buffer : mmap.mmap
        The mapped file.
    offset : int
        Where its fragments begin. [1]
    count : int
        Frames. [1]

    Yields
    ------
    codestream : bytes
    """
    buffer.seek(offset)
    yield from generate_frames(buffer, number_of_frames=count)


def decode_frame(codestream: bytes, header: Dataset) -> NDArray[Any]:
    """One decoded frame (H, W), the stored numbers.

    Parameters
    ----------
    codestream : bytes
        One compressed frame.
    header : Dataset
        Rows, columns and bits as the file claims them, checked already.

    Returns
    -------
    frame : (H, W)
        In the type that the header claims.

    Raises
    ------
    ValueError
        If code stream and header disagree, the frame is a bomb, or no decoder is installed.
    """
    syntax = header.file_meta.TransferSyntaxUID
    rows, cols = int(header.Rows), int(header.Columns)
    decoded_bytes = rows * cols * int(header.BitsAllocated) // 8
    if decoded_bytes > LARGE_FRAME_BYTES and decoded_bytes > LARGEST_RATIO * len(codestream):
        raise ValueError(f"{len(codestream)} bytes claim to unpack to {decoded_bytes}, more than {LARGEST_RATIO} to 1")
    if syntax == RLELossless:
        if len(codestream) > LARGEST_RLE_RATIO * decoded_bytes + RLE_HEADER_BYTES:
            raise ValueError(f"{len(codestream)} run-length bytes are too many for {decoded_bytes} bytes of pixels")
    elif (found := codestream_shape(codestream)) != (rows, cols, 1):
        raise ValueError(f"the header says {rows} x {cols} grey, the code stream {found[0]} x {found[1]} x {found[2]}")
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError as error:
        raise ValueError(f"no decoder is known for transfer syntax {syntax}") from error
    if not decoder.is_available:
        needed = "; ".join(decoder.missing_dependencies)
        raise ValueError(f"no decoder is installed for {syntax.name} ({needed})")
    pixels, _ = decoder.as_array(
        encapsulate([codestream]),
        index=0,
        raw=True,
        rows=rows,
        columns=cols,
        samples_per_pixel=1,
        number_of_frames=1,
        bits_allocated=int(header.BitsAllocated),
        bits_stored=int(header.BitsStored),
        photometric_interpretation=str(header.get("PhotometricInterpretation", "MONOCHROME2")),
        pixel_representation=int(header.PixelRepresentation),
        pixel_keyword="PixelData",
    )
    if pixels.shape != (rows, cols):
        raise ValueError(f"the frame decodes to {pixels.shape}, the header says {(rows, cols)}")
    return np.asarray(pixels)


def codestream_shape(codestream: bytes) -> tuple[int, int, int]:
    """Rows, columns and components that a JPEG, JPEG-LS or JPEG 2000 code stream will decode to.

    Raises
    ------
    ValueError
        If it is none of these or ends before it says its size.
    """
    try:
        if codestream[:2] == b"\xff\xd8":
            return _jpeg_shape(codestream)
        start = codestream.find(b"\xff\x4f\xff\x51", 0, 4096)  # SOC and SIZ: ITU-T T.800 A.4.1, A.5.1
        if start >= 0:
            across, down, left, top = struct.unpack_from(">4I", codestream, start + 8)
            (components,) = struct.unpack_from(">H", codestream, start + 40)
            return down - top, across - left, components
    except (struct.error, IndexError) as error:
        raise ValueError("the code stream ends before it says its size") from error
    raise ValueError(f"the code stream begins with {codestream[:4].hex(' ')}, which is no JPEG picture")


def _jpeg_shape(codestream: bytes) -> tuple[int, int, int]:
    """Walk the marker segments to the start of frame: ITU-T T.81 B.2.2."""
    place = 2
    while True:
        if codestream[place] != 0xFF:
            raise ValueError(f"the code stream has no marker at byte {place}")
        marker = codestream[place + 1]
        if marker == 0xFF:  # fill byte
            place += 1
        elif marker in _LONE_MARKERS:
            place += 2
        elif marker in _START_OF_FRAME:
            rows, cols, components = struct.unpack_from(">HHB", codestream, place + 5)
            return rows, cols, components
        else:
            place += 2 + struct.unpack_from(">H", codestream, place + 2)[0]

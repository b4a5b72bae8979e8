"""Code streams of the JPEG family, as DICOM and TIFF carry them: what they claim, and the picture in them.

A code stream says its size itself, and a decoder believes it. So its claim is read here first and compared with what
the file around it says; only then a decoder sees it. The decoders are those of imagecodecs, chosen by running them on
2,000 damaged streams each: liblj92 and OpenJPEG (which decodes HTJ2K too) gave a picture or an error every time, while
GDCM ended the process on JPEG Lossless, JPEG-LS and JPEG 2000, and imagecodecs' jpegsof3 on JPEG Lossless. CharLS runs
on for ever where a JPEG-LS stream breaks off, so every stream is given an end.
"""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_START_OF_FRAME = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}  # ITU-T T.81 table B.1; F7 is JPEG-LS, T.87 C.1.1
_DCT = (0xC0, 0xC1, 0xC2)  # baseline, extended and progressive: ITU-T T.81 table B.1
_LOSSLESS, _JPEG_LS = 0xC3, 0xF7
_LONE_MARKERS = {0x01, *range(0xD0, 0xD9)}  # without a length: ITU-T T.81 B.1.1.4
_END_OF_IMAGE = b"\xff\xd9"
_LONGEST_JP2_HEAD = 4096  # bytes of boxes before the code stream of a JP2 file   # chosen
LONGEST_HEAD = 2**16  # bytes of a code stream in which its head must end, for `loss_of`   # chosen
LOSSY = "lossy_compression"  # in metadata: a list of {"method", "ratio"}, step by step
LOSSY_METHODS = ("ISO_10918_1", "ISO_14495_1", "ISO_15444_1", "ISO_15444_15")  # DICOM PS3.3 C.7.6.1.1.5.1
MOST_TILES = 65535  # of a JPEG 2000 picture: its tile numbers have 16 bits, ITU-T T.800 A.4.2


class CodestreamClaim(NamedTuple):
    """What a code stream says that it will decode to.

    Attributes
    ----------
    rows, cols, components : int
        Size, and 1 for grey. [1]
    bits : int
        Of a pixel. [1]
    signed : bool
        Whether pixels have a sign: in JPEG 2000 alone.
    marker : int
        Kind of a JPEG frame, the second byte of its start of frame; 0 for JPEG 2000.
    """

    rows: int
    cols: int
    components: int
    bits: int
    signed: bool
    marker: int


def codestream_claim(codestream: bytes) -> CodestreamClaim:
    """Size and type that a JPEG, JPEG-LS or JPEG 2000 code stream will decode to.

    Parameters
    ----------
    codestream : bytes
        One compressed picture.

    Returns
    -------
    claim : CodestreamClaim

    Raises
    ------
    ValueError
        If it is none of these, ends before it says its size, or claims what cannot be.
    """
    try:
        if codestream[:2] == b"\xff\xd8":
            return _jpeg_claim(codestream)
        start = codestream.find(b"\xff\x4f\xff\x51", 0, _LONGEST_JP2_HEAD)  # SOC and SIZ: ITU-T T.800 A.4.1, A.5.1
        if start >= 0:
            return _jpeg2000_claim(codestream, start)
    except (struct.error, IndexError) as error:
        raise ValueError("the code stream ends before it says its size") from error
    raise ValueError(f"the code stream begins with {codestream[:4].hex(' ')}, which is no JPEG picture")


def lossy_words(loss: str) -> str:
    """The doubt about a file that lost something, from the words of `loss_of`."""
    return f"its pixels were compressed with loss ({loss}): noise, sharpness and defects are not those of the panel"


def loss_method(codestream: bytes) -> str | None:
    """The defined term of DICOM for what lost something in a code stream: PS3.3 C.7.6.1.1.5.1.

    Parameters
    ----------
    codestream : bytes
        One compressed picture, or its first `LONGEST_HEAD` bytes.

    Returns
    -------
    method : str or None
        None where nothing was lost.
    """
    if loss_of(codestream) is None:
        return None
    marker = codestream_claim(codestream).marker
    if marker == 0:  # a capability segment behind the size is that of high-throughput coding: ITU-T T.814 A.2
        size = codestream.find(b"\xff\x4f\xff\x51") + 2
        behind = size + 2 + struct.unpack_from(">H", codestream, size + 2)[0]
        return "ISO_15444_15" if codestream[behind : behind + 2] == b"\xff\x50" else "ISO_15444_1"
    return "ISO_14495_1" if marker == _JPEG_LS else "ISO_10918_1"


def loss_of(codestream: bytes) -> str | None:
    """What a code stream has done to its pixels, where they do not come back as the panel gave them.

    Parameters
    ----------
    codestream : bytes
        One compressed picture, or its first `LONGEST_HEAD` bytes.

    Returns
    -------
    loss : str or None
        What was used, as words of a sentence; None where nothing was lost, or the head of the stream is damaged.
    """
    try:
        claim = codestream_claim(codestream)
        if claim.marker in _DCT:
            return "JPEG with a cosine transform"
        if claim.marker == _JPEG_LS:
            place = _segment(codestream, 2, 0xDA)  # start of scan; NEAR stands behind its components: ITU-T T.87 C.2.3
            near = codestream[place + 5 + 2 * codestream[place + 4]]
            return f"JPEG-LS, which may change each pixel by {near}" if near else None
        if claim.marker == 0:
            place = _segment(codestream, codestream.find(b"\xff\x4f\xff\x51") + 2, 0x52)  # COD: ITU-T T.800 A.6.1
            return "JPEG 2000 with its irreversible wavelet" if codestream[place + 13] == 0 else None
    except (ValueError, IndexError, struct.error):
        pass  # who reads its pixels says what is wrong
    return None


def decode_codestream(codestream: bytes, claim: CodestreamClaim) -> NDArray[Any]:
    """The grey picture of a code stream, in the numbers that it stores.

    Parameters
    ----------
    codestream : bytes
        One compressed picture.
    claim : CodestreamClaim
        From `codestream_claim`, compared with what the file around it says.

    Returns
    -------
    picture : (rows, cols) uint8, uint16, int8 or int16
        As claimed.

    Raises
    ------
    ValueError
        If the code stream is damaged, or of a kind that is not read.
    """
    import imagecodecs

    if claim.components != 1 or not 1 <= claim.bits <= 16:
        raise ValueError(f"the code stream has {claim.components} x {claim.bits} bits a pixel; 1 x 16 at most are read")
    try:
        if claim.marker == 0:
            picture = imagecodecs.jpeg2k_decode(codestream, verbose=0)
        elif claim.marker == _LOSSLESS:
            picture = imagecodecs.ljpeg_decode(codestream)
        elif claim.marker == _JPEG_LS:
            picture = imagecodecs.jpegls_decode(codestream.rstrip(b"\xff\0") + _END_OF_IMAGE)
        elif claim.marker in _DCT:
            picture = imagecodecs.jpeg8_decode(codestream)
        else:
            raise ValueError(f"JPEG frames of kind {claim.marker:02X} are not read")
    except (RuntimeError, NotImplementedError, OverflowError, MemoryError, TypeError) as error:
        raise ValueError("the code stream is damaged") from error
    if picture.shape != (claim.rows, claim.cols):
        raise ValueError(f"the code stream decodes to {picture.shape}, it claims {(claim.rows, claim.cols)}")
    return np.ascontiguousarray(picture)


def _segment(codestream: bytes, place: int, marker: int) -> int:
    """Where the first marker segment of a kind begins, from the first marker of a head on."""
    while codestream[place : place + 2] != bytes((0xFF, marker)):
        if codestream[place] != 0xFF:
            raise ValueError(f"the code stream has no marker at byte {place}")
        if codestream[place + 1] == 0xFF:  # fill byte
            place += 1
            continue
        place += 2 + struct.unpack_from(">H", codestream, place + 2)[0]
    return place


def _jpeg_claim(codestream: bytes) -> CodestreamClaim:
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
            bits, rows, cols, components = struct.unpack_from(">BHHB", codestream, place + 4)
            return CodestreamClaim(rows, cols, components, bits, False, marker)
        else:
            place += 2 + struct.unpack_from(">H", codestream, place + 2)[0]


def _jpeg2000_claim(codestream: bytes, start: int) -> CodestreamClaim:
    """Read the size segment: ITU-T T.800 A.5.1."""
    across, down, left, top, tile_cols, tile_rows = struct.unpack_from(">6I", codestream, start + 8)
    components, depth, column_step, row_step = struct.unpack_from(">H3B", codestream, start + 40)
    rows, cols = down - top, across - left
    if min(rows, cols, tile_rows, tile_cols) < 1 or -(-rows // tile_rows) * -(-cols // tile_cols) > MOST_TILES:
        raise ValueError(f"the code stream cuts {rows} x {cols} pixels into tiles of {tile_rows} x {tile_cols}")
    if (column_step, row_step) != (1, 1):
        raise ValueError(f"the code stream holds one pixel in {row_step} x {column_step}; all are needed")
    return CodestreamClaim(rows, cols, components, (depth & 0x7F) + 1, bool(depth & 0x80), 0)

"""Pixels of a TIFF page: its strips or tiles read, unpacked within their claimed size, and put in place.

Codecs are those of imagecodecs. Each unpacks into a buffer of the size that the page claims, never more; a strip that
holds more or less than its part of the page is damaged. Lossless predictors are TIFF 6.0 section 14 and technical note
3; packed pixels of 9 to 15 bits are those of section 8.
"""

from __future__ import annotations

from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from calibration.own_words import said_by_us
from radiography.dicom.codestream import LONGEST_HEAD, codestream_claim, decode_codestream, loss_method, loss_of
from radiography.files.source import LARGEST_FRAME_PIXELS

NOT_COMPRESSED = 1
# Numbers of the tag Compression: TIFF 6.0, its supplement 2, and libtiff's tiff.h for Zstandard and JPEG 2000.
BYTE_CODECS = {5: "lzw", 8: "zlib", 32946: "zlib", 32773: "packbits", 50000: "zstd", 34926: "zstd"}
JPEG_CODECS = (7, 34712, 33003, 33004, 33005)  # JPEG (lossless and JPEG-LS too), and JPEG 2000 under four numbers
NAMES = {2: "CCITT", 3: "CCITT", 4: "CCITT", 6: "old JPEG", 34887: "LERC", 34892: "lossy JPEG", 34925: "LZMA",
         34933: "PNG", 34934: "JPEG XR", 50001: "WebP", 50002: "JPEG XL", 52546: "JPEG XL"}  # fmt: skip
HORIZONTAL, FLOATING_POINT = 2, 3  # tag Predictor
PACKED_BITS = range(9, 16)
LARGEST_RATIO = 200  # of a large page's unpacked to its stored bytes; noise keeps detector frames below 20   # chosen
LARGE_PAGE_BYTES = 64 * 2**20  # smaller pages, up to 4,096 x 4,096 float32, may be blank: 1,030 in deflate   # chosen
MOST_SEGMENTS = 2**16  # strips or tiles of one page; a strip a row is 16,384   # chosen


def check_codec(page: Any) -> None:
    """Raise ValueError unless the pixels of a page can be unpacked, within a plausible size.

    Parameters
    ----------
    page : tifffile.TiffPage
        Grey, its shape and type checked already.
    """
    codec, bits = int(page.compression), int(page.bitspersample)
    if codec != NOT_COMPRESSED and codec not in BYTE_CODECS and codec not in JPEG_CODECS:
        raise ValueError(
            f"is compressed with TIFF scheme {codec} ({NAMES.get(codec, 'unknown')}); none, LZW, PackBits, deflate, "
            f"Zstandard, JPEG and JPEG 2000 are read: save it with one of these"
        )
    if bits != 8 * page.dtype.itemsize and not (bits in PACKED_BITS and page.dtype == np.uint16):
        raise ValueError(f"packs {bits} bits per {page.dtype} pixel; whole bytes, or 9 to 15 bits unsigned, are read")
    if codec not in JPEG_CODECS and page.predictor not in (1, HORIZONTAL, FLOATING_POINT):
        raise ValueError(f"uses predictor {int(page.predictor)}; 1, 2 and 3 are read")
    if page.predictor == FLOATING_POINT and page.dtype.kind != "f":
        raise ValueError(f"uses the floating-point predictor on {page.dtype} pixels")
    if page.predictor == HORIZONTAL and bits in PACKED_BITS:
        raise ValueError(f"uses a predictor on packed {bits}-bit pixels; save it with 16 bits")
    if len(page.dataoffsets) > MOST_SEGMENTS:
        raise ValueError(f"is cut into {len(page.dataoffsets)} strips or tiles, over the limit of {MOST_SEGMENTS}")
    if len(page.dataoffsets) != len(page.databytecounts):
        raise ValueError(f"places {len(page.dataoffsets)} strips or tiles, but measures {len(page.databytecounts)}")
    rows, cols = page.shape
    high, wide = _segment_shape(page)
    if high < 1 or wide < 1 or high * wide > LARGEST_FRAME_PIXELS:
        raise ValueError(f"claims tiles of {high} x {wide} pixels")
    needed = -(-rows // high) * -(-cols // wide)
    if needed != len(page.dataoffsets):
        raise ValueError(f"has {len(page.dataoffsets)} strips or tiles, but needs {needed} of {high} x {wide} pixels")
    unpacked, stored = rows * cols * page.dtype.itemsize, sum(page.databytecounts)
    if unpacked > LARGE_PAGE_BYTES and unpacked > LARGEST_RATIO * stored:
        raise ValueError(f"claims to unpack {stored} bytes to {unpacked}, more than {LARGEST_RATIO} to 1")


class PageLoss(NamedTuple):
    """What packing took from a page: in words of a sentence, DICOM's term for it, and how far it was packed. [1]"""

    words: str
    method: str
    ratio: float


def loss_of_page(file: BinaryIO, page: Any) -> PageLoss | None:
    """With what the pixels of a page were packed, where that loses something.

    Parameters
    ----------
    file : file-like
        The TIFF.
    page : tifffile.TiffPage
        As `check_codec` takes it.

    Returns
    -------
    loss : PageLoss or None
        The words of `loss_of`, the method of `loss_method`, and the bytes of the pixels over those that are stored.
    """
    if page.compression not in JPEG_CODECS:
        return None
    file.seek(page.dataoffsets[0])
    head = file.read(min(page.databytecounts[0], LONGEST_HEAD))
    words, method = loss_of(head), loss_method(head)
    if words is None or method is None:
        return None
    return PageLoss(words, method, page.size * page.dtype.itemsize / max(sum(page.databytecounts), 1))


def read_page(file: BinaryIO, page: Any) -> NDArray[Any]:
    """The pixels of a page whose claims are checked.

    Parameters
    ----------
    file : file-like
        The TIFF.
    page : tifffile.TiffPage
        As `check_codec` takes it.

    Returns
    -------
    frame : (H, W)
        In the page's type and this machine's byte order.

    Raises
    ------
    ValueError
        If a strip or tile is damaged.
    """
    rows, cols = page.shape
    high, wide = _segment_shape(page)
    across = -(-cols // wide)
    frame = np.empty((rows, cols), page.dtype)
    for number, (begin, size) in enumerate(zip(page.dataoffsets, page.databytecounts, strict=True)):
        top, left = number // across * high, number % across * wide
        file.seek(begin)
        stored = file.read(size)
        if size == 0 or len(stored) != size:
            raise ValueError(f"strip or tile {number} holds {len(stored)} of its {size} bytes")
        place = frame[top : top + high, left : left + wide]
        try:
            part = _unpack(page, stored, high, wide, place.shape)
        except (ValueError, RuntimeError, TypeError, OverflowError) as error:
            said = f": {error}" if said_by_us(error) else " is damaged"
            raise ValueError(f"strip or tile {number}{said}") from error
        place[:] = part[: place.shape[0], : place.shape[1]]
    return frame


def _segment_shape(page: Any) -> tuple[int, int]:
    """Rows and columns of a strip or tile."""
    if page.is_tiled:
        return int(page.tilelength), int(page.tilewidth)
    return min(int(page.rowsperstrip), int(page.shape[0])), int(page.shape[1])


def _unpack(page: Any, stored: bytes, high: int, wide: int, place: tuple[int, ...]) -> NDArray[Any]:
    """Pixels of one strip or tile of (high, wide), at least as many as have a place in the page."""
    import imagecodecs

    if page.fillorder == 2:  # TIFF 6.0: the lowest bit comes first
        stored = bytes(imagecodecs.bitorder_decode(stored))
    if page.compression in JPEG_CODECS:
        return _unpack_jpeg(page, stored, high, wide, place)
    needed = high if page.is_tiled else place[0]  # tiles are whole, the last strip may be short: TIFF 6.0
    row_bytes = -(-wide * int(page.bitspersample) // 8)
    content = stored
    if page.compression != NOT_COMPRESSED:
        codec = BYTE_CODECS[int(page.compression)]
        try:
            content = getattr(imagecodecs, f"{codec}_decode")(stored, out=high * row_bytes)
        except RuntimeError as error:
            raise ValueError(f"its {codec} code is damaged or inflates beyond {high * row_bytes} bytes") from error
    if len(content) < needed * row_bytes:
        raise ValueError(f"it unpacks to {len(content)} of {needed * row_bytes} bytes")
    content = content[: needed * row_bytes]
    if page.bitspersample in PACKED_BITS:
        packed = imagecodecs.packints_decode(content, np.uint16, int(page.bitspersample), runlen=wide)
        return np.asarray(packed).reshape(needed, wide)
    if page.predictor == FLOATING_POINT:  # its bytes have an order of their own: Adobe's technical note 3
        scattered = np.frombuffer(content, page.dtype.newbyteorder("=")).reshape(needed, wide)
        return np.asarray(imagecodecs.floatpred_decode(scattered, axis=-1))
    pixels = np.frombuffer(content, page.dtype.newbyteorder(page.parent.byteorder)).reshape(needed, wide)
    pixels = pixels.astype(page.dtype.newbyteorder("="), copy=False)
    if page.predictor == HORIZONTAL:
        words = pixels.view(f"u{pixels.dtype.itemsize}")  # differences of the words, whatever they mean
        return np.asarray(imagecodecs.delta_decode(words, axis=-1)).view(pixels.dtype)
    return pixels


def _unpack_jpeg(page: Any, stored: bytes, high: int, wide: int, place: tuple[int, ...]) -> NDArray[Any]:
    """Pixels of a strip or tile that is a code stream; at the border it may hold no more than the page."""
    if page.jpegtables:  # tables of all strips stand once: TIFF technical note 2
        stored = page.jpegtables[:-2] + stored[2:]
    claim = codestream_claim(stored)
    if claim.components != 1 or not (place[0] <= claim.rows <= high and place[1] <= claim.cols <= wide):
        raise ValueError(
            f"its code stream is {claim.rows} x {claim.cols} x {claim.components}, not {high} x {wide} grey"
        )
    picture = decode_codestream(stored, claim)
    if picture.dtype.itemsize > page.dtype.itemsize:
        raise ValueError(f"its code stream holds {picture.dtype} pixels, not {page.dtype}")
    return picture

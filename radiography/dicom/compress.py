"""Lossless compression of DICOM pixels: one code stream a frame, in the syntax that it is.

Encoders are those that a check by running found right for 16 bits. GDCM writes run lengths, and JPEG Lossless with its
first predictor (SV1; liblj92 of imagecodecs takes the sixth, which is another syntax); CharLS, OpenJPEG and OpenJPH
write JPEG-LS, JPEG 2000 and high-throughput JPEG 2000. Every code stream is decoded again and compared before it is
written.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    HTJ2KLossless,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from radiography.dicom.encapsulated import decode_frame

Compression = Literal["jpeg-lossless", "jpeg-ls", "jpeg2000", "htj2k", "rle"]
SYNTAXES: dict[str, UID] = {
    "jpeg-lossless": JPEGLosslessSV1,  # first-order prediction: 1.2.840.10008.1.2.4.70
    "jpeg-ls": JPEGLSLossless,
    "jpeg2000": JPEG2000Lossless,
    "htj2k": HTJ2KLossless,
    "rle": RLELossless,
}


def check_compression(compression: str | None) -> None:
    """ValueError unless it is None or one of `SYNTAXES`."""
    if compression is not None and compression not in SYNTAXES:
        raise ValueError(f"--compress must be one of {', '.join(SYNTAXES)}, got {compression!r}")


def compress_pixels(pixels: NDArray[np.generic], bits_stored: int, compression: str) -> bytes:
    """Encapsulated pixel data of one frame: a table with its offset, and one item.

    Parameters
    ----------
    pixels : (H, W) uint16 or int16
        Stored numbers, of `bits_stored` bits. [1]
    bits_stored : int
        [1]
    compression : str
        One of `SYNTAXES`.

    Returns
    -------
    encapsulated : bytes
        Value of PixelData: DICOM PS3.5 A.4.

    Raises
    ------
    ValueError
        If there is no such compression, or the code stream does not give the same pixels back.
    """
    check_compression(compression)
    ordered = np.ascontiguousarray(pixels)
    if ordered.dtype not in (np.dtype(np.uint16), np.dtype(np.int16)):
        raise ValueError(f"pixels to compress must be 16-bit integers, got {ordered.dtype}")
    codestream = _ENCODERS[compression](ordered, bits_stored)
    header = _pixel_header(ordered, bits_stored, SYNTAXES[compression])
    if not np.array_equal(decode_frame(codestream, header), ordered):
        raise ValueError(f"--compress {compression} does not give the same pixels back and is not written")
    packed: bytes = encapsulate([codestream], has_bot=True)
    return packed


def _pixel_header(pixels: NDArray[Any], bits_stored: int, syntax: UID) -> Dataset:
    header = Dataset()
    header.Rows, header.Columns = pixels.shape
    header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
    header.BitsAllocated, header.BitsStored, header.HighBit = 16, bits_stored, bits_stored - 1
    header.PixelRepresentation = int(pixels.dtype == np.dtype(np.int16))
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = syntax
    return header


def _jpeg_lossless(pixels: NDArray[Any], bits_stored: int) -> bytes:
    import gdcm

    return _by_gdcm(pixels, bits_stored, gdcm.TransferSyntax.JPEGLosslessProcess14_1)


def _rle(pixels: NDArray[Any], bits_stored: int) -> bytes:
    import gdcm

    return _by_gdcm(pixels, bits_stored, gdcm.TransferSyntax.RLELossless)


def _by_gdcm(pixels: NDArray[Any], bits_stored: int, syntax: int) -> bytes:
    import gdcm

    image = gdcm.Image()
    image.thisown = False  # what takes it as its input counts references and deletes it
    image.SetNumberOfDimensions(2)
    image.SetDimension(0, pixels.shape[1])
    image.SetDimension(1, pixels.shape[0])
    signed = int(pixels.dtype == np.dtype(np.int16))
    image.SetPixelFormat(gdcm.PixelFormat(1, 16, bits_stored, bits_stored - 1, signed))
    grey = gdcm.PhotometricInterpretation(gdcm.PhotometricInterpretation.MONOCHROME2)
    image.SetPhotometricInterpretation(grey)
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.ExplicitVRLittleEndian))
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetByteStringValue(pixels.astype(pixels.dtype.newbyteorder("<"), copy=False).tobytes())
    image.SetDataElement(element)
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(syntax))
    change.SetInput(image)
    if not change.Change():
        raise ValueError("GDCM could not compress the pixels")
    fragments = change.GetOutput().GetDataElement().GetSequenceOfFragments()
    parts = [fragments.GetFragment(part).GetByteValue() for part in range(fragments.GetNumberOfFragments())]
    return b"".join(_bytes_of(part) for part in parts)


def _bytes_of(value: Any) -> bytes:
    buffer = value.GetBuffer()
    return buffer.encode("utf-8", "surrogateescape") if isinstance(buffer, str) else bytes(buffer)


def _jpeg_ls(pixels: NDArray[Any], bits_stored: int) -> bytes:
    import imagecodecs

    # JPEG-LS knows no sign: a signed pixel goes as the bits that it is stored in.
    return _without_spiff(bytes(imagecodecs.jpegls_encode(pixels.view(np.uint16))))


def _without_spiff(codestream: bytes) -> bytes:
    """The picture without the directory of a still picture file before it: ITU-T T.84 F.2, which DICOM does not ask."""
    place = 2
    while codestream[place : place + 2] == b"\xff\xe8":
        place += 2 + int.from_bytes(codestream[place + 2 : place + 4], "big")
    place += 2 if codestream[place : place + 2] == b"\xff\xd8" else 0
    return codestream[:2] + codestream[place:]


def _jpeg2000(pixels: NDArray[Any], bits_stored: int) -> bytes:
    import imagecodecs

    coded = imagecodecs.jpeg2k_encode(pixels, codecformat="j2k", reversible=True, level=0, bitspersample=bits_stored)
    return bytes(coded)


def _htj2k(pixels: NDArray[Any], bits_stored: int) -> bytes:
    import imagecodecs

    return bytes(imagecodecs.htj2k_encode(pixels, reversible=True))


_ENCODERS: dict[str, Callable[[NDArray[Any], int], bytes]] = {
    "jpeg-lossless": _jpeg_lossless,
    "jpeg-ls": _jpeg_ls,
    "jpeg2000": _jpeg2000,
    "htj2k": _htj2k,
    "rle": _rle,
}

"""Compressed DICOM frames: claims checked, one frame decoded.

A compressed picture says its size twice, in the header and in its own code stream. A small file can claim a huge
picture in either, and a decoder believes its code stream: so the two are compared before a decoder sees it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels import get_decoder
from pydicom.uid import RLELossless

from radiography.dicom.codestream import codestream_claim, decode_codestream

LARGEST_RATIO = 1000  # of a large frame's decoded to its packed bytes; noise keeps detector frames below 20   # chosen
LARGE_FRAME_BYTES = 32 * 2**20  # smaller frames may be blank and pack better   # chosen
LARGEST_RLE_RATIO = 2.0  # of packed to decoded bytes: a lone pixel takes two, DICOM PS3.5 G.3.1
RLE_HEADER_BYTES = 64  # DICOM PS3.5 G.5
JPEG_FAMILY = "1.2.840.10008.1.2.4."  # JPEG, JPEG-LS, JPEG 2000 and HTJ2K: DICOM PS3.5 A.4


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
        If code stream and header disagree, the frame is a bomb or damaged, or no decoder is known.
    """
    syntax = header.file_meta.TransferSyntaxUID
    rows, cols = int(header.Rows), int(header.Columns)
    decoded_bytes = rows * cols * int(header.BitsAllocated) // 8
    if decoded_bytes > LARGE_FRAME_BYTES and decoded_bytes > LARGEST_RATIO * len(codestream):
        raise ValueError(f"{len(codestream)} bytes claim to unpack to {decoded_bytes}, more than {LARGEST_RATIO} to 1")
    if syntax == RLELossless:
        if len(codestream) > LARGEST_RLE_RATIO * decoded_bytes + RLE_HEADER_BYTES:
            raise ValueError(f"{len(codestream)} run-length bytes are too many for {decoded_bytes} bytes of pixels")
        return _decode_runs(codestream, header)
    if not str(syntax).startswith(JPEG_FAMILY):
        raise ValueError(f"no decoder is known for transfer syntax {syntax.name}; convert it with gdcmconv --raw")
    claim = codestream_claim(codestream)
    if (claim.rows, claim.cols, claim.components) != (rows, cols, 1):
        raise ValueError(
            f"the header says {rows} x {cols} grey, the code stream {claim.rows} x {claim.cols} x {claim.components}"
        )
    if claim.bits > int(header.BitsAllocated):
        raise ValueError(f"the code stream has {claim.bits} bits a pixel, the header {header.BitsAllocated}")
    picture = decode_codestream(codestream, claim)
    stored = picture.astype(f"{'int' if header.PixelRepresentation == 1 else 'uint'}{header.BitsAllocated}", copy=False)
    if claim.signed == (header.PixelRepresentation == 1):
        return stored
    # A sign that the code stream does not know is the highest bit stored.
    spare = int(header.BitsAllocated) - min(claim.bits, int(header.BitsStored))
    return np.asarray(np.right_shift(np.left_shift(stored, spare), spare))


def _decode_runs(codestream: bytes, header: Dataset) -> NDArray[Any]:
    """One run-length coded frame: DICOM PS3.5 annex G."""
    rows, cols = int(header.Rows), int(header.Columns)
    pixels, _ = get_decoder(RLELossless).as_array(
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

"""The format of a file of frames, from its first bytes and never from its name."""

from __future__ import annotations

from typing import BinaryIO

from radiography.dicom.bare import bare_syntax

HEAD_BYTES = 1024  # hold the mark of DICOM, and the first elements of a file without it   # chosen


def magic(file: BinaryIO) -> str | None:
    """The format that the first bytes announce: "tiff", "npy", "dicom", another kind by name, or None."""
    head = file.read(HEAD_BYTES)
    if head[128:132] == b"DICM":  # first: the preamble of a dual-personality file is a TIFF header, PS3.10 7.1
        return "dicom"
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "tiff"
    if head[:6] == b"\x93NUMPY":
        return "npy"
    others = {
        b"\x89PNG": "a PNG picture",
        b"\xff\xd8\xff": "a JPEG picture",
        b"PK\x03\x04": "a zip archive (.npz, .zip)",
        b"\x89HDF": "an HDF5 file",
        b"SIMPLE  =": "a FITS file",
        b"\x1f\x8b": "a gzip archive",
        b"\x00\x70": "a HIS file (read it as headerless raw with header_bytes = 100)",
    }
    if bare_syntax(head) is not None:
        return "dicom"
    return next((name for start, name in others.items() if head.startswith(start)), None)

"""The format of a file of frames, from its first bytes and never from its name."""

from __future__ import annotations

import re

from radiography.dicom.bare import bare_syntax
from radiography.files.edf import is_edf
from radiography.files.maker import is_viva
from radiography.files.png import SIGNATURE

HEAD_BYTES = (
    1024  # that are looked at: marks stand at up to 344, a DICOM file without preamble needs its first elements
)
_EXPORT = "export the frame as TIFF or DICOM from the program that wrote it"
# Its readers: rtkXimImageIO.cxx and its like, github.com/RTKConsortium/RTK; its rtkprojections takes logarithms.
_RTK = f"which is not read; {_EXPORT}, or convert it with the Reconstruction Toolkit, as counts, not as attenuation"
_UNPACK = "unpack it first"
# Begin of a file (at a byte), its name, and what to do with it.
REFUSED = (
    (0, b"\xff\xd8\xff", "a JPEG picture", f"which has lost grey levels; {_EXPORT}"),
    (0, b"\0\0\0\x0cjP  ", "a JPEG 2000 picture", _EXPORT),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 code stream", _EXPORT),
    (0, b"GIF8", "a GIF picture", _EXPORT),
    (0, b"BM", "a BMP picture", _EXPORT),
    (0, b"%PDF", "a PDF document", _EXPORT),
    (30, b"description.npy", "a calibration set", "radiography defects, qc and lag show what it holds"),
    (0, b"PK\x03\x04", "a zip archive (.npz, .zip)", _UNPACK),
    (0, b"\x1f\x8b", "a gzip archive", _UNPACK),
    (0, b"BZh", "a bzip2 archive", _UNPACK),
    (0, b"\xfd7zXZ", "an xz archive", _UNPACK),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", _UNPACK),
    (0, b"\x28\xb5\x2f\xfd", "a Zstandard archive", _UNPACK),
    (257, b"ustar", "a tar archive", _UNPACK),
    (0, b"SIMPLE  =", "a FITS file", "convert it to TIFF, or read it as headerless raw, big-endian"),
    (344, b"n+1\0", "a NIfTI volume", "convert it to NRRD or MetaImage"),
    (344, b"ni1\0", "a NIfTI header", "convert it to NRRD or MetaImage"),
    (0, b"VMS.XI", "a Varian XIM file", _RTK),
    (1, b"VARIAN_VA_INTERNAL", "a Varian HND or HNC file", _RTK),
    (0, b"\xed\xfe\0\0N\0o\0r\0p\0i\0x", "a Norpix sequence", _EXPORT),
    (0, b"Andor Technology", "an Andor SIF file", _EXPORT),
    (0, b"\xd0\xcf\x11\xe0", "an OLE file, such as TXRM", _EXPORT),
    (0, b"MATLAB 5.0", "a MATLAB file", "save the array as .npy, or with -v7.3 as HDF5"),
)  # fmt: skip


def magic(head: bytes) -> str | None:
    """The format that the first bytes of a file announce, one of `FORMATS`; None where it is none of them.

    Parameters
    ----------
    head : bytes
        The first `HEAD_BYTES` of it, or all.
    """
    if head[128:132] == b"DICM":  # first: the preamble of a dual-personality file is a TIFF header, PS3.10 7.1
        return "dicom"
    starts = {
        b"II*\0": "tiff", b"MM\0*": "tiff", b"II+\0": "tiff", b"MM\0+": "tiff", b"\x93NUMPY": "npy", SIGNATURE: "png",
        b"\x89HDF\r\n\x1a\n": "hdf5", b"NRRD000": "nrrd", b"###CBF: VERSION": "cbf", b"\0\x70": "his",
    }  # fmt: skip
    for start, kind in starts.items():
        if head.startswith(start):
            return kind
    if is_edf(head):
        return "edf"
    if is_viva(head):
        return "viva"
    if re.match(rb"\s*(ObjectType *= *Image|NDims *= *\d|Comment *=[^\n]*\n\s*ObjectType *= *Image)", head):
        return "metaimage"
    return "dicom" if bare_syntax(head) is not None else None


def refusal(head: bytes) -> str:
    """What a file is that is no file of frames, and what to do with it, as the rest of a sentence.

    Parameters
    ----------
    head : bytes
        The first `HEAD_BYTES` of it, or all.
    """
    for place, start, name, advice in REFUSED:
        if head[place:].startswith(start):
            return f"{name}: {advice}"
    return (
        "in none of the formats that are read (TIFF, DICOM, .npy, PNG, NRRD, MetaImage, HIS, VIVA, EDF, CBF, HDF5); to "
        "read it as headerless raw give --shape and --dtype"
    )

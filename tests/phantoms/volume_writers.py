"""Small volumes in files, as programs write them: DICOM slices, MetaImage, NRRD and NIfTI, byte by byte."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

LPS = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


def write_dicom(
    folder: Path, hu: np.ndarray, spacing_mm=(0.5, 0.75, 2.0), series: str = "1.2.3", **changes: Any
) -> None:
    """One CT slice for each plane of `hu` (Z, Y, X); `changes` are functions of (dataset, slice number)."""
    folder.mkdir(exist_ok=True)
    dx, dy, dz = spacing_mm
    for number, plane in enumerate(hu):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = CTImageStorage, generate_uid()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        file = folder / f"{series}_{number:03d}.dcm"
        head = FileDataset(str(file), {}, file_meta=meta, preamble=b"\0" * 128)
        head.SOPClassUID, head.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
        head.SeriesInstanceUID, head.Modality = series, "CT"
        head.Rows, head.Columns, head.SamplesPerPixel = *plane.shape, 1
        head.PhotometricInterpretation, head.PixelRepresentation = "MONOCHROME2", 0
        head.BitsAllocated, head.BitsStored, head.HighBit = 16, 16, 15
        head.RescaleSlope, head.RescaleIntercept = "1", "-1024"
        head.PixelSpacing = [str(dy), str(dx)]
        head.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
        head.ImagePositionPatient = ["-10", "-20", str(100.0 + number * dz)]
        head.SliceThickness = str(dz)
        head.PixelData = (plane + 1024).astype("<u2").tobytes()
        for change in changes.values():
            change(head, number)
        pydicom.dcmwrite(file, head, enforce_file_format=True)


def write_mha(
    path: Path, values: np.ndarray, spacing_mm=(0.5, 0.75, 2.0), axes=LPS, *, data: str = "LOCAL", **fields
) -> None:
    """MetaImage of int16 `values` (Z, Y, X); `fields` replace those of the header, None leaves one out."""
    z, y, x = values.shape
    head = {
        "ObjectType": "Image", "NDims": "3", "BinaryData": "True", "BinaryDataByteOrderMSB": "False",
        "CompressedData": "False", "TransformMatrix": " ".join(str(v) for axis in axes for v in axis),
        "Offset": "0 0 0", "ElementSpacing": " ".join(map(str, spacing_mm)), "DimSize": f"{x} {y} {z}",
        "ElementType": "MET_SHORT",
    }  # fmt: skip
    head |= fields
    text = "".join(f"{key} = {word}\n" for key, word in head.items() if word is not None)
    content = values.astype("<i2").tobytes() if data == "LOCAL" else b""
    path.write_bytes(f"{text}ElementDataFile = {data}\n".encode() + content)


def write_nrrd(path: Path, values: np.ndarray, space: str = "right-anterior-superior", *, data: str = "") -> None:
    """NRRD of int16 `values` (Z, Y, X), 0.5 x 0.75 x 2 mm along the axes of a space."""
    z, y, x = values.shape
    lines = ["NRRD0004", "type: short", "dimension: 3", f"space: {space}", f"sizes: {x} {y} {z}",
             "space directions: (0.5,0,0) (0,0.75,0) (0,0,2)", "kinds: domain domain domain", "endian: little",
             "encoding: raw", "space origin: (0,0,0)"]  # fmt: skip
    lines += [f"data file: {data}"] if data else []
    path.write_bytes("\n".join(lines).encode() + b"\n\n" + (b"" if data else values.astype("<i2").tobytes()))


def write_nifti(path: Path, values: np.ndarray, *, q_code: int = 1, s_code: int = 1, sform_scale: float = 1.0) -> None:
    """NIfTI-1 of int16 `values` (Z, Y, X), 0.5 x 0.75 x 2 mm along right, anterior, superior."""
    z, y, x = values.shape
    head = bytearray(348)
    struct.pack_into("<i", head, 0, 348)
    struct.pack_into("<8h", head, 40, 3, x, y, z, 1, 1, 1, 1)
    struct.pack_into("<2h", head, 70, 4, 16)
    struct.pack_into("<8f", head, 76, 1.0, 0.5, 0.75, 2.0, 0.0, 0.0, 0.0, 0.0)
    struct.pack_into("<3f", head, 108, 352.0, 1.0, 0.0)
    head[123] = 2  # mm
    struct.pack_into("<2h", head, 252, q_code, s_code)
    rows = ((0.5 * sform_scale, 0, 0, 0), (0, 0.75, 0, 0), (0, 0, 2.0, 0))
    struct.pack_into("<12f", head, 280, *(v for row in rows for v in row))
    head[344:348] = b"n+1\0"
    path.write_bytes(bytes(head) + b"\0" * 4 + values.astype("<i2").tobytes())

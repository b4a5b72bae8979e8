"""DICOM frames for tests: a run as a panel writes it, with any attribute changed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian

ROWS, COLS = 48, 64
FRAMES = np.random.default_rng(3).integers(0, 2**14, (3, ROWS, COLS)).astype(np.uint16)


def write_frames(path: Path, frames: np.ndarray, syntax: str = ExplicitVRLittleEndian, **changes: object) -> Path:
    """A radiofluoroscopy run as a panel writes it; `changes` are attributes, None leaves one out."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.12.2", "1.2.3"
    dataset.PatientName = "Secret^Person"
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.NumberOfFrames, dataset.Rows, dataset.Columns = frames.shape
    bits = 8 * frames.dtype.itemsize
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = bits, bits, bits - 1
    dataset.PixelRepresentation = int(frames.dtype.kind == "i")
    dataset.ImagerPixelSpacing = [0.139, 0.139]
    for keyword, value in changes.items():
        if value is None:
            delattr(dataset, keyword)
        else:
            setattr(dataset, keyword, value)
    order = ">" if syntax == ExplicitVRBigEndian else "<"
    stored = frames.astype(frames.dtype.newbyteorder(order)).tobytes()
    dataset.add_new("PixelData", "OW", stored + b"\0" * (len(stored) % 2))
    dataset.save_as(path, enforce_file_format=True)
    return path

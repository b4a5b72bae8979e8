"""Frames in DICOM objects, as `radiography.dicom.read` finds them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiography.files.source import FrameSource, check_frame_claim


def describe_dicom(path: Path) -> FrameSource:
    """What a DICOM object holds, as `radiography.dicom.read` finds it."""
    from radiography.dicom.read import open_dicom  # pydicom is slow to load: only where a DICOM file comes

    found = open_dicom(path)
    check_frame_claim(path, found.rows, found.cols, np.dtype(found.dtype))
    metadata: dict[str, Any] = dict(found.metadata)
    return FrameSource(
        path,
        "dicom",
        found.count,
        found.rows,
        found.cols,
        found.dtype,
        conditions=found.conditions,
        metadata=metadata,
    )


def dicom_frames(source: FrameSource, frames: range) -> Iterator[NDArray[Any]]:
    """Yield the stored numbers of the frames of a DICOM object, before any modality or display table.

    Parameters
    ----------
    source : FrameSource
        What the file holds.
    frames : range
        Which frames, counted from 0. [1]

    Yields
    ------
    frame : (H, W)
        In the stored type.
    """
    from radiography.dicom.read import iterate_dicom, open_dicom

    yield from iterate_dicom(open_dicom(source.path), frames)

"""Frames in DICOM objects, as `radiography.dicom.read` finds them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiography.files.source import GIVE_PITCH, FrameSource, check_frame_claim


def describe_dicom(path: Path) -> FrameSource:
    """What a DICOM object holds, as `radiography.dicom.read` finds it."""
    from radiography.dicom.linear import stored_are_linear
    from radiography.dicom.read import open_dicom  # pydicom is slow to load: only where a DICOM file comes

    found = open_dicom(path)
    check_frame_claim(path, found.rows, found.cols, np.dtype(found.dtype))
    metadata: dict[str, Any] = {**found.metadata, "dicom": found.carried}
    return FrameSource(
        path,
        "dicom",
        found.count,
        found.rows,
        found.cols,
        found.dtype if stored_are_linear(found.header) else "float32",
        conditions=found.conditions,
        metadata=metadata,
        stage=found.stage,
        pitch_source=found.pitch_source,
        warnings=(*found.warnings, *(f"{doubt}: {GIVE_PITCH}" for doubt in found.pitch_warnings)),
    )


def dicom_frames(source: FrameSource, frames: range) -> Iterator[NDArray[Any]]:
    """Yield the frames of a DICOM object, linear in exposure: its modality table or scale is applied.

    Parameters
    ----------
    source : FrameSource
        What the file holds.
    frames : range
        Which frames, counted from 0. [1]

    Yields
    ------
    frame : (H, W)
        In the stored type, or float32 where a scale was applied.
    """
    from radiography.dicom.read import iterate_dicom, linear_frame, open_dicom

    found = open_dicom(source.path)
    for stored in iterate_dicom(found, frames):
        yield linear_frame(found, stored)

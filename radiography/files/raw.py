"""Headerless raw files: the layout is told, and the bytes must fit it to the last one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiography.files.source import FrameSource, RawLayout


def describe_raw(path: Path, layout: RawLayout) -> FrameSource:
    """What a headerless raw file holds under `layout`; ValueError unless the bytes fit it to the last one.

    Parameters
    ----------
    path : Path
    layout : RawLayout
        How its bytes are laid out.

    Returns
    -------
    source : FrameSource
    """
    frame_bytes = _frame_bytes(layout)
    found = path.stat().st_size - layout.header_bytes
    if found < frame_bytes or found % frame_bytes:
        gap = f" with {layout.frame_gap_bytes} before each" if layout.frame_gap_bytes else ""
        raise ValueError(
            f"{path} holds {found} bytes after a header of {layout.header_bytes}, but frames of {layout.rows} x "
            f"{layout.cols} {layout.dtype}{gap} need a whole multiple of {frame_bytes} bytes"
        )
    return FrameSource(path, "raw", found // frame_bytes, layout.rows, layout.cols, layout.dtype, layout=layout)


def raw_frames(source: FrameSource, frames: range, data_file: Path | None = None) -> Iterator[NDArray[Any]]:
    """Yield the frames of a headerless raw file, in this machine's byte order.

    Parameters
    ----------
    source : FrameSource
        What the file holds.
    frames : range
        Which frames, counted from 0. [1]
    data_file : Path, optional
        Where the pixels are, if not in the file itself.

    Yields
    ------
    frame : (H, W)
        In the stored type.
    """
    layout = source.layout
    if layout is None:
        raise ValueError(f"{source.path} is headerless raw and needs a layout")
    stored = np.dtype(layout.dtype).newbyteorder("<" if layout.byte_order == "little" else ">")
    with (data_file or source.path).open("rb") as file:
        for k in frames:
            file.seek(layout.header_bytes + k * _frame_bytes(layout) + layout.frame_gap_bytes)
            frame = np.fromfile(file, dtype=stored, count=layout.rows * layout.cols)
            if frame.size != layout.rows * layout.cols:
                raise ValueError(f"{source.path} ends inside frame {k} of {source.count}, counted from 0")
            yield frame.reshape(layout.rows, layout.cols).astype(layout.dtype, copy=False)


def _frame_bytes(layout: RawLayout) -> int:
    """Bytes from one frame to the next. [1]"""
    return layout.frame_gap_bytes + layout.rows * layout.cols * np.dtype(layout.dtype).itemsize

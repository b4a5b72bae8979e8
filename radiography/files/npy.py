"""Frames in `.npy` files, memory-mapped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.own_words import refused
from radiography.files.source import FrameSource, check_frame_claim


def describe_npy(path: Path) -> FrameSource:
    """What a `.npy` file holds: one (H, W) frame or an (N, H, W) stack of numbers."""
    stack = _map_npy(path)
    if stack.ndim not in (2, 3):
        raise ValueError(f"{path} has shape {stack.shape}; a frame is (rows, columns), a stack (frames, rows, columns)")
    count = 1 if stack.ndim == 2 else stack.shape[0]
    if count < 1:
        raise ValueError(f"{path} holds no frame: its shape is {stack.shape}")
    rows, cols = stack.shape[-2:]
    check_frame_claim(path, rows, cols, stack.dtype)
    return FrameSource(path, "npy", count, rows, cols, stack.dtype.name)


def npy_frames(source: FrameSource, frames: range) -> Iterator[NDArray[Any]]:
    """Yield copies of the frames of a memory-mapped `.npy` file.

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
    stack = _map_npy(source.path)
    for k in frames:
        frame = stack if stack.ndim == 2 else stack[k]
        yield np.array(frame, dtype=source.dtype, order="C")


def _map_npy(path: Path) -> np.memmap[Any, Any]:
    """The array of a `.npy` file, mapped; the file must end exactly where the array does."""
    with refused(path, "is no readable .npy file of numbers"):
        stack = np.load(path, mmap_mode="r", allow_pickle=False)
    expected = int(stack.offset) + int(stack.nbytes)
    if path.stat().st_size != expected:
        raise ValueError(f"{path} has {path.stat().st_size} bytes, but its header asks for {expected}")
    return stack  # type: ignore[no-any-return]

"""Frames in `.npy` files, memory-mapped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.own_words import refused
from radiography.files.source import FrameSource, check_frame_claim

# What numpy makes by itself of masks and of whole numbers, and what it is read as.
_READ_AS = {np.dtype(np.bool_): "uint8", np.dtype(np.int64): "int32", np.dtype(np.uint64): "uint32"}


def describe_npy(path: Path) -> FrameSource:
    """What a `.npy` file holds: one (H, W) frame or an (N, H, W) stack of numbers."""
    stack = _map_npy(path)
    if stack.ndim not in (2, 3):
        raise ValueError(f"{path} has shape {stack.shape}; a frame is (rows, columns), a stack (frames, rows, columns)")
    count = 1 if stack.ndim == 2 else stack.shape[0]
    if count < 1:
        raise ValueError(f"{path} holds no frame: its shape is {stack.shape}")
    rows, cols = stack.shape[-2:]
    kind = np.dtype(_READ_AS.get(stack.dtype.newbyteorder("="), stack.dtype))
    check_frame_claim(path, rows, cols, kind)
    return FrameSource(path, "npy", count, rows, cols, kind.name)


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
        In the stored type; masks as uint8, and whole numbers of 64 bits as 32.

    Raises
    ------
    ValueError
        If a number does not fit 32 bits.
    """
    stack = _map_npy(source.path)
    for k in frames:
        frame = stack if stack.ndim == 2 else stack[k]
        if frame.dtype.itemsize == 8 and frame.dtype.kind in "iu":
            fits, low, high = np.iinfo(source.dtype), int(frame.min()), int(frame.max())
            if low < fits.min or high > fits.max:
                raise ValueError(
                    f"{source.path} holds numbers from {low} to {high}; 32 bits hold {fits.min} to {fits.max}"
                )
        yield np.array(frame, dtype=source.dtype, order="C")


def _map_npy(path: Path) -> np.memmap[Any, Any]:
    """The array of a `.npy` file, mapped; the file must end exactly where the array does."""
    with refused(path, "is no readable .npy file of numbers"):
        stack = np.load(path, mmap_mode="r", allow_pickle=False)
    expected = int(stack.offset) + int(stack.nbytes)
    if path.stat().st_size != expected:
        raise ValueError(f"{path} has {path.stat().st_size} bytes, but its header asks for {expected}")
    return stack  # type: ignore[no-any-return]

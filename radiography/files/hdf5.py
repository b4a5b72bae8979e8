"""Frames in HDF5 and NeXus files, by h5py (extra `formats`), one read at a time.

`file.h5::/entry/data` names the dataset. Without it, the one that NeXus marks as default is taken (attributes
`default` and `signal`: NeXus manual, "Find the plottable data"), else the only dataset of numbers with two or three
axes; where there are several, they are listed. The pitch is `x_pixel_size` of an NXdetector (NeXus manual,
NXdetector), where the file holds one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.conditions import Conditions
from radiography.files.extra import damage_named, needed_library
from radiography.files.pitch import MM_PER_UNIT, square_pitch_mm
from radiography.files.source import FrameSource, check_frame_claim, check_unpacked

WHAT = "an HDF5 file"
MOST_OBJECTS = 10_000  # groups and datasets that are looked at   # chosen
MOST_NAMED = 8  # candidates that an error lists   # chosen
LARGEST_CHUNK_BYTES = 2**30  # unpacked, in memory at once   # chosen


def describe_hdf5(path: Path, dataset: str | None = None) -> FrameSource:
    """What an HDF5 file holds in one of its datasets: a frame (H, W), or a stack (N, H, W).

    Parameters
    ----------
    path : Path
    dataset : str, optional
        Path of it inside the file.

    Returns
    -------
    source : FrameSource
    """
    with _opened(path) as (file, h5py):
        pixels = _chosen(path, file, dataset, h5py)
        count, rows, cols = (1, *pixels.shape) if pixels.ndim == 2 else pixels.shape
        if count < 1:
            raise ValueError(f"{path}::{pixels.name} holds no frame: its shape is {pixels.shape}")
        dtype = pixels.dtype.newbyteorder("=")
        check_frame_claim(path, rows, cols, dtype)
        _check_stored(path, pixels, rows * cols * dtype.itemsize)
        pitch_mm = _pitch_mm(file, pixels, h5py)
        return FrameSource(
            path,
            "hdf5",
            count,
            rows,
            cols,
            dtype.name,
            conditions=Conditions(pitch_mm=pitch_mm),
            metadata={"dataset": pixels.name},
            dataset=pixels.name,
            pitch_source=None if pitch_mm is None else "x_pixel_size of NXdetector",
        )


def hdf5_frames(source: FrameSource, frames: range) -> Iterator[NDArray[Any]]:
    """Yield the frames of a dataset.

    Parameters
    ----------
    source : FrameSource
        What the file holds.
    frames : range
        Which frames, counted from 0. [1]

    Yields
    ------
    frame : (H, W)
        In the stored type, and this machine's byte order.
    """
    with _opened(source.path) as (file, h5py):
        pixels = _chosen(source.path, file, source.dataset, h5py)
        for k in frames:
            frame = np.empty((source.rows, source.cols), source.dtype)
            if pixels.ndim == 2:
                pixels.read_direct(frame)
            else:
                pixels.read_direct(frame, np.s_[k])
            yield frame


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, Any]]:
    """The file, and h5py; filters of hdf5plugin are there where it is installed."""
    h5py = needed_library("h5py", path, WHAT)
    with suppress(ValueError):  # only some files need its filters, and h5py says which is missing
        needed_library("hdf5plugin", path, WHAT)
    with damage_named(path, WHAT, "h5py"), h5py.File(path, "r") as file:
        yield file, h5py


def _chosen(path: Path, file: Any, dataset: str | None, h5py: Any) -> Any:
    """The dataset that is asked for, or the one that can be meant."""
    if dataset is not None:
        if dataset not in file:
            raise ValueError(f"{path} holds no {dataset!r}; {_listed(path, _candidates(file, h5py))}")
        found = _inside(path, _default(file[dataset], h5py), file)
        if not _holds_frames(found, h5py):
            shape = getattr(found, "shape", "none")
            raise ValueError(
                f"{path}::{dataset} is no dataset of numbers with two or three axes (its shape is {shape}); "
                f"{_listed(path, _candidates(file, h5py))}"
            )
        return found
    default = _inside(path, _default(file, h5py), file)
    if _holds_frames(default, h5py):
        return default
    names = _candidates(file, h5py)
    if len(names) != 1:
        raise ValueError(f"{path} does not say which dataset holds the frames; {_listed(path, names)}")
    return file[names[0]]


def _inside(path: Path, node: Any, file: Any) -> Any:
    """A node of this file; ValueError where a link led to another, as in the master file of a detector."""
    if node.file != file:
        raise ValueError(
            f"{path} only links to frames in another file: name that, {Path(node.file.filename).name}::{node.name}"
        )
    return node


def _default(node: Any, h5py: Any) -> Any:
    """The data that NeXus marks as default below a group; the node itself where it is a dataset or marks none."""
    for _ in range(8):  # entry, data and signal; links may go in circles
        if not isinstance(node, h5py.Group):
            break
        name = node.attrs.get("default") or node.attrs.get("signal")
        name = name.decode() if isinstance(name, bytes) else name
        if not isinstance(name, str) or name not in node:
            break
        node = node[name]
    return node


def _holds_frames(node: Any, h5py: Any) -> bool:
    """Whether a node is a stored array of numbers with two or three axes."""
    return isinstance(node, h5py.Dataset) and node.ndim in (2, 3) and node.dtype.kind in "uif" and min(node.shape) > 0


def _candidates(file: Any, h5py: Any) -> list[str]:
    """Paths of the datasets that can be frames, in the order of their names; those that links lead to, once."""
    names: list[str] = []
    seen = 0

    def look(name: str, node: Any) -> bool | None:
        nonlocal seen
        seen += 1
        if _holds_frames(node, h5py) and min(node.shape[-2:]) > 1:
            names.append(f"/{name}")
        return True if seen >= MOST_OBJECTS else None  # True ends the visit

    file.visititems(look)
    return names


def _listed(path: Path, names: list[str]) -> str:
    if not names:
        return "it holds no dataset of numbers with two or three axes"
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"name one of {', '.join(f'{path.name}::{name}' for name in names[:MOST_NAMED])}{more}"


def _check_stored(path: Path, pixels: Any, frame_bytes: int) -> None:
    """Refuse what is not in this file, what was never written, and what would unpack to more than it can hold."""
    if pixels.external or pixels.is_virtual:
        raise ValueError(f"{path}::{pixels.name} keeps its pixels in other files, which are not read")
    stored = int(pixels.id.get_storage_size())
    if stored == 0:
        raise ValueError(f"{path}::{pixels.name} holds no pixels: nothing was ever written to it")
    check_unpacked(f"{path}::{pixels.name}", frame_bytes, stored)
    if pixels.chunks and int(np.prod(pixels.chunks, dtype=object)) * pixels.dtype.itemsize > LARGEST_CHUNK_BYTES:
        raise ValueError(f"{path}::{pixels.name} is stored in chunks of {pixels.chunks}, over 1 GiB each")


def _pitch_mm(file: Any, pixels: Any, h5py: Any) -> float | None:
    """Side of a pixel from the NXdetector that holds the frames, or from the only one of the file. [mm]"""
    groups = [pixels.parent] if "x_pixel_size" in pixels.parent else []
    if not groups:
        looked = 0

        def look(name: str, node: Any) -> bool | None:
            nonlocal looked
            looked += 1
            if isinstance(node, h5py.Group) and "x_pixel_size" in node:
                groups.append(node)
            return True if looked >= MOST_OBJECTS else None

        file.visititems(look)
    if len(groups) != 1:
        return None
    across = _length_mm(groups[0]["x_pixel_size"])
    down = _length_mm(groups[0]["y_pixel_size"]) if "y_pixel_size" in groups[0] else across
    return square_pitch_mm(down, across)


def _length_mm(node: Any) -> float | None:
    """A length with its unit; metres, NeXus' own unit, where none is said. [mm]"""
    unit = node.attrs.get("units", "m")
    unit = unit.decode() if isinstance(unit, bytes) else str(unit)
    if not 1 <= getattr(node, "size", 0) <= 4096 or node.dtype.kind not in "uif" or unit not in MM_PER_UNIT:
        return None
    return float(np.asarray(node[()]).ravel()[0]) * MM_PER_UNIT[unit]

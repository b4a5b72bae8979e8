"""Description of one file of frames before a pixel is read, and the limits that its claims are held to.

Whatever a file claims is checked against its length and against a limit before memory is asked for: a foreign file is
never trusted.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from calibration.conditions import UNKNOWN, Conditions

# One frame may hold this many pixels, 16,384 x 16,384; a 2 MB file can claim 30,000 x 30,000.   # chosen: 1 GiB float32
LARGEST_FRAME_PIXELS = 2**28
LARGE_FILE_BYTES = 64 * 2**20  # smaller files may be as blank as they will   # chosen
LARGEST_RATIO = 1000  # of a large frame's unpacked to its stored bytes, deflated   # chosen
LARGE_FRAME_BYTES = 32 * 2**20  # smaller frames may be blank and pack better   # chosen
LARGEST_HOLLOW_RATIO = 200  # of a large file's length to what it takes on the disk; noise is not blank   # chosen
PIXEL_TYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64")
FORMATS = ("tiff", "npy", "dicom", "raw", "png", "nrrd", "metaimage", "edf", "cbf", "hdf5", "his", "viva")
INSIDE = "::"  # stands between the name of a file and the path of a dataset inside it
GIVE_PITCH = "give --pitch in mm"  # how a warning about a pitch that is not believed ends
# What was done to a frame before it came into its file; a plane holds flags, variances or a map, no exposure.
STAGES = ("raw", "corrected", "logarithmic", "for presentation", "plane")


@dataclass(frozen=True)
class RawLayout:
    """How the bytes of a headerless raw file are laid out.

    Attributes
    ----------
    rows, cols : int
        Pixels of one frame. [1]
    dtype : str
        One of uint8, int8, uint16, int16, uint32, int32, float32, float64.
    byte_order : str
        "little" or "big".
    header_bytes : int
        Bytes to leave out once, at the beginning of the file. [1]
    frame_gap_bytes : int
        Bytes to leave out before each frame. [1]
    """

    rows: int
    cols: int
    dtype: str = "uint16"
    byte_order: str = "little"
    header_bytes: int = 0
    frame_gap_bytes: int = 0

    def __post_init__(self) -> None:
        if self.rows < 1 or self.cols < 1:
            raise ValueError(f"a raw frame needs at least 1 x 1 pixel, got {self.rows} x {self.cols}")
        if self.rows * self.cols > LARGEST_FRAME_PIXELS:
            raise ValueError(
                f"a raw frame of {self.rows} x {self.cols} pixels is over the limit of {LARGEST_FRAME_PIXELS}"
            )
        if self.dtype not in PIXEL_TYPES:
            raise ValueError(f"the type of a raw file must be one of {', '.join(PIXEL_TYPES)}, got {self.dtype!r}")
        if self.byte_order not in ("little", "big"):
            raise ValueError(f"byte_order must be 'little' or 'big', got {self.byte_order!r}")
        if self.header_bytes < 0:
            raise ValueError(f"header_bytes must be 0 or more, got {self.header_bytes}")
        if self.frame_gap_bytes < 0:
            raise ValueError(f"frame_gap_bytes must be 0 or more, got {self.frame_gap_bytes}")


@dataclass(frozen=True)
class FrameSource:
    """What one file of frames holds, known before a pixel is read.

    Attributes
    ----------
    path : Path
    format : str
        One of `FORMATS`, found from the content.
    count, rows, cols : int
        Frames, and pixels of each. [1]
    dtype : str
        Pixel type as stored.
    conditions : Conditions
        How the frames were taken, pixel pitch included, as far as the file says it.
    metadata : dict
        All that the file says about itself, as it says it.
    layout : RawLayout or None
        For headerless raw, and where a file is like it behind its header.
    dataset : str or None
        Path of the frames inside an HDF5 file.
    stage : str or None
        One of `STAGES`, None where the file does not say it.
    pitch_source : str or None
        Where the file says the pixel pitch, None where it does not.
    warnings : tuple of str
        What the file says that should not be believed, a sentence each.
    """

    path: Path
    format: str
    count: int
    rows: int
    cols: int
    dtype: str
    conditions: Conditions = UNKNOWN
    metadata: dict[str, Any] = field(default_factory=dict)
    layout: RawLayout | None = None
    dataset: str | None = None
    stage: str | None = None
    pitch_source: str | None = None
    warnings: tuple[str, ...] = ()

    @property
    def pitch_mm(self) -> float | None:
        """Pixel pitch at the detector, None where nobody says it. [mm]"""
        return self.conditions.pitch_mm


def check_unpacked(name: Path | str, unpacked_bytes: int, stored_bytes: int) -> None:
    """Raise ValueError where a large frame claims to unpack to more than its stored bytes are likely to hold.

    Parameters
    ----------
    name : Path or str
        Named in errors.
    unpacked_bytes, stored_bytes : int
        Of one frame, and of all that is stored. [byte]
    """
    if unpacked_bytes > LARGE_FRAME_BYTES and unpacked_bytes > LARGEST_RATIO * stored_bytes:
        raise ValueError(
            f"{name} claims to unpack {stored_bytes} bytes to {unpacked_bytes}, more than {LARGEST_RATIO} to 1"
        )


def check_frame_claim(path: Path, rows: int, cols: int, dtype: np.dtype[Any]) -> None:
    """Raise ValueError or TypeError unless a file's claim of shape and type can be a detector frame.

    Parameters
    ----------
    path : Path
        Named in errors.
    rows, cols : int
        Pixels of one frame. [1]
    dtype : numpy.dtype
        Of a pixel.
    """
    if rows < 1 or cols < 1:
        raise ValueError(f"{path} holds frames of {rows} x {cols} pixels; at least 1 x 1 is needed")
    if rows * cols > LARGEST_FRAME_PIXELS:
        raise ValueError(
            f"{path} claims {rows} x {cols} pixels, over the limit of {LARGEST_FRAME_PIXELS} for one frame"
        )
    if dtype.name not in PIXEL_TYPES:
        raise TypeError(f"{path} holds {dtype.name} pixels; a frame is one of {', '.join(PIXEL_TYPES)}")


def check_not_hollow(path: Path) -> None:
    """Raise ValueError if nearly all of a large file is a hole, which takes no room on a disk but much in memory.

    Parameters
    ----------
    path : Path
        Of a file system that tells where data are; nothing is known on others.
    """
    found = path.stat()
    if found.st_size <= LARGE_FILE_BYTES or not hasattr(os, "SEEK_DATA"):
        return
    if getattr(found, "st_blocks", found.st_size) * 512 * LARGEST_HOLLOW_RATIO >= found.st_size:
        return
    held = place = 0
    with path.open("rb") as file, suppress(OSError):  # seeking data beyond the last of them is an error
        while held * LARGEST_HOLLOW_RATIO < found.st_size:
            begin = os.lseek(file.fileno(), place, os.SEEK_DATA)
            place = os.lseek(file.fileno(), begin, os.SEEK_HOLE)
            held += place - begin
    if held * LARGEST_HOLLOW_RATIO < found.st_size:
        raise ValueError(f"{path} is hollow: {held} of its {found.st_size} bytes hold data, the rest was never written")


def split_dataset(name: str | Path) -> tuple[Path, str | None]:
    """The file that a name such as `file.h5::/entry/data` means, and the dataset inside it.

    Parameters
    ----------
    name : str or Path
        A file that exists under the whole name is meant as it stands.

    Returns
    -------
    path : Path
    dataset : str or None
        None where the name holds no `::`.
    """
    file, inside, dataset = str(name).partition(INSIDE)
    if not inside or not file or Path(name).exists():
        return Path(name), None
    return Path(file), dataset.replace("\\", "/")  # a Path of Windows has turned its slashes

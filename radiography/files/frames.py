"""Frames in and out of files: one door for real detector data and for simulated data.

Reading: TIFF, `.npy`, DICOM, PNG, NRRD, MetaImage, HIS, VIVA, EDF, CBF, HDF5 and headerless raw, recognised by their
content. Frames come one at a time, so a stack of any length needs the memory of one frame. Stored integers are
handed over as they are. Writing: TIFF that ImageJ opens, with pitch and provenance as JSON in the ImageDescription,
and grey PNG previews; a file is either whole under its name or not there.
"""

from __future__ import annotations

import hashlib
import json
import logging
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from calibration.conditions import Conditions
from calibration.own_words import check_frames_wanted
from calibration.whole_file import whole_file
from radiography.files.dicom import describe_dicom, dicom_frames
from radiography.files.edf import cbf_frames, describe_cbf, describe_edf, edf_frames
from radiography.files.hdf5 import describe_hdf5, hdf5_frames
from radiography.files.maker import describe_his, describe_viva
from radiography.files.npy import describe_npy, npy_frames
from radiography.files.png import describe_png, png_frames
from radiography.files.raw import describe_raw, raw_frames
from radiography.files.recognise import HEAD_BYTES, magic, refusal
from radiography.files.source import INSIDE, FrameSource, RawLayout, check_not_hollow, split_dataset
from radiography.files.tiff import describe_tiff, tiff_frames
from radiography.files.volume import describe_volume, volume_frames

__all__ = [
    "FrameSource",
    "Image",
    "RawLayout",
    "iterate_frames",
    "open_frames",
    "read_image",
    "sha256_of",
    "tiff_pages",
    "write_grey_png",
    "write_preview_png",
    "write_tiff",
]

_log = logging.getLogger("radiography")
CLASSIC_TIFF_BYTES = 2**32 - 2**25  # offsets of a classic TIFF are 32 bits; room left for directories
_DESCRIBE: dict[str, Callable[[Path], FrameSource]] = {
    "tiff": describe_tiff, "npy": describe_npy, "dicom": describe_dicom, "png": describe_png, "nrrd": describe_volume,
    "metaimage": describe_volume, "edf": describe_edf, "cbf": describe_cbf, "his": describe_his, "viva": describe_viva,
}  # fmt: skip
_READ: dict[str, Callable[[FrameSource, range], Iterator[NDArray[Any]]]] = {
    "tiff": tiff_frames, "npy": npy_frames, "dicom": dicom_frames, "png": png_frames, "nrrd": volume_frames,
    "metaimage": volume_frames, "edf": edf_frames, "cbf": cbf_frames, "hdf5": hdf5_frames, "his": raw_frames,
    "viva": raw_frames, "raw": raw_frames,
}  # fmt: skip
_DEFLATE_LEVEL = 1  # of previews: twice as fast as 6, and noise comes out 3 % larger
PERCENTILE_SAMPLES = 2_000_000  # pixels that set a preview's window   # chosen: 20 ms


@dataclass(frozen=True, eq=False)
class Image:
    """One picture from a file: pixels (H, W), how it was taken, and all that the file says about itself.

    Stage, source of the pitch and warnings are those of `FrameSource`.
    """

    pixels: NDArray[Any]
    conditions: Conditions
    metadata: dict[str, Any]
    stage: str | None = None
    pitch_source: str | None = None
    warnings: tuple[str, ...] = ()

    @property
    def pitch_mm(self) -> float | None:
        """Pixel pitch at the detector, None where the file does not say. [mm]"""
        return self.conditions.pitch_mm


def open_frames(path: str | Path, layout: RawLayout | None = None) -> FrameSource:
    """What a file of frames holds; no pixel is read yet.

    The format is found from the first bytes, never from the name. With a `layout` the file is read as headerless raw,
    whatever it looks like; without one a headerless file is refused.

    Parameters
    ----------
    path : str or Path
        TIFF, BigTIFF, `.npy`, DICOM, PNG, NRRD, MetaImage, HIS, VIVA or headerless raw; EDF, CBF and HDF5 with the
        extra `formats`, a dataset inside an HDF5 file as `file.h5::/entry/data`.
    layout : RawLayout, optional
        Rows, columns, type, byte order and header of a headerless raw file.

    Returns
    -------
    source : FrameSource
        Hand it to `iterate_frames`.

    Raises
    ------
    FileNotFoundError, IsADirectoryError, ValueError, TypeError
        One sentence: missing, empty, truncated, damaged, coloured, too large, or of a type that is no detector's.
    """
    path, dataset = split_dataset(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; a file of frames is needed")
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist")
    if path.stat().st_size == 0:
        raise ValueError(f"{path} is empty (0 bytes)")
    check_not_hollow(path)
    _log.debug("read %s", path)
    if layout is not None:
        return describe_raw(path, layout)
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    kind = magic(head)
    if kind is None:
        raise ValueError(f"{path} is {refusal(head)}")
    if kind == "hdf5":
        return describe_hdf5(path, dataset)
    if dataset is not None:
        raise ValueError(f"{path} is a {kind} file; {INSIDE} names a dataset inside an HDF5 file")
    return _DESCRIBE[kind](path)


def iterate_frames(source: FrameSource, frames: range | None = None, *, finite: bool = True) -> Iterator[NDArray[Any]]:
    """Yield the frames of a source, each a fresh (H, W) array in the stored type, one in memory at a time.

    Parameters
    ----------
    source : FrameSource
        From `open_frames`.
    frames : range, optional
        Which frames, counted from 0; all of them when left out. [1]
    finite : bool
        Whether every value must be a number; else some may not be, for whoever leaves those out.

    Raises
    ------
    ValueError
        If a frame is damaged, cannot be decoded, or holds NaN or infinite values where none may be, or nothing else.
    """
    frames = range(source.count) if frames is None else frames
    check_frames_wanted(source.path, frames, source.count)
    for k, frame in zip(frames, _READ[source.format](source, frames), strict=True):
        if frame.shape != (source.rows, source.cols):
            raise ValueError(f"{source.path} frame {k} is {frame.shape}, not {(source.rows, source.cols)}")
        bad = int(frame.size - np.isfinite(frame).sum()) if frame.dtype.kind == "f" else 0
        if bad and (finite or bad == frame.size):
            raise ValueError(f"{source.path} frame {k} holds {bad} pixels that are NaN or infinite")
        yield frame


def read_image(
    path: str | Path, layout: RawLayout | None = None, frame: int | None = None, *, finite: bool = True
) -> Image:
    """The picture of a file; of a file of several frames, one of them.

    Parameters
    ----------
    path : str or Path
    layout : RawLayout, optional
        Of a headerless raw file.
    frame : int, optional
        Which frame, counted from 0; not needed where there is one. [1]
    finite : bool
        As in `iterate_frames`.

    Returns
    -------
    image : Image

    Raises
    ------
    ValueError
        If the file holds several frames and none was chosen, and as `open_frames` and `iterate_frames`.
    """
    source = open_frames(path, layout)
    if frame is None and source.count > 1:
        raise ValueError(f"{source.path} holds {source.count} frames; say which one is wanted, from 0")
    k = frame or 0
    pixels = next(iterate_frames(source, range(k, k + 1), finite=finite))
    about = (source.conditions, source.metadata, source.stage, source.pitch_source, source.warnings)
    return Image(pixels, *about)


def write_tiff(
    path: str | Path,
    pixels: NDArray[Any] | Iterable[NDArray[Any]],
    pitch_mm: float | None,
    metadata: dict[str, Any],
    *,
    big: bool = False,
) -> int:
    """Write one frame, or the frames of an iterator as pages, as an uncompressed TIFF; the pages written come back.

    Pitch and metadata stand as JSON in the ImageDescription of the first page, the pitch also in the resolution tags
    (pixels per centimetre) of every page, where ImageJ and other viewers find it.

    Parameters
    ----------
    path : str or Path
        Appears whole, or not at all.
    pixels : (H, W) float32 or uint16, or an iterable of such frames
        All of one shape and type.
    pitch_mm : float or None
        Pixel pitch. [mm]
    metadata : dict
        JSON values: parameters, seed, version, source files.
    big : bool
        BigTIFF; chosen by itself where an array is too large for a classic TIFF.

    Returns
    -------
    count : int
        Pages written. [1]

    Raises
    ------
    TypeError
        If the pixels are neither float32 nor uint16, or the metadata cannot be written as JSON.
    ValueError
        If there is no frame, frames differ in shape or type, the pitch is not positive, or the file outgrows 4 GiB.
    """
    stack = isinstance(pixels, np.ndarray) and pixels.ndim != 2
    frames = iter([pixels] if isinstance(pixels, np.ndarray) and not stack else pixels)
    first = next(frames, None)
    if first is None:
        raise ValueError(f"there is no frame to write to {path}")
    if isinstance(pixels, np.ndarray):
        big = big or pixels.nbytes > CLASSIC_TIFF_BYTES
    count = 0
    with tiff_pages(path, pitch_mm, metadata, big=big) as write_page:
        for frame in chain([first], frames):
            write_page(frame, None)
            count += 1
    return count


@contextmanager
def tiff_pages(
    path: str | Path, pitch_mm: float | None, metadata: dict[str, Any], *, big: bool = False
) -> Iterator[Callable[[NDArray[Any], dict[str, Any] | None], None]]:
    """A TIFF that is written page by page, as `write_tiff` describes it, and is there whole or not at all.

    Parameters
    ----------
    path : str or Path
    pitch_mm : float or None
        Pixel pitch. [mm]
    metadata : dict
        JSON values about the whole file.
    big : bool
        BigTIFF; needed from 4 GiB.

    Yields
    ------
    write_page : callable
        Takes one (H, W) float32 or uint16 frame, and what its page alone says about itself (JSON values, or None):
        the first page says it beside the metadata of the whole file.

    Raises
    ------
    TypeError, ValueError
        As `write_tiff`, and if no page was written.
    """
    if pitch_mm is not None and not (np.isfinite(pitch_mm) and pitch_mm > 0):
        raise ValueError(f"pitch_mm must be a positive length, got {pitch_mm}")
    own = {} if pitch_mm is None else {"pitch_mm": float(pitch_mm)}
    tags: dict[str, Any] = {"photometric": "minisblack", "metadata": None, "contiguous": False}
    if pitch_mm is not None:
        tags |= {"resolution": (10.0 / pitch_mm, 10.0 / pitch_mm), "resolutionunit": "CENTIMETER"}
    _json(path, {**metadata, **own})  # complain before any frame is made
    pages: list[tuple[tuple[int, ...], np.dtype[Any]]] = []
    with whole_file(path) as temporary, tifffile.TiffWriter(temporary, bigtiff=big) as tiff:

        def write_page(frame: NDArray[Any], about: dict[str, Any] | None) -> None:
            frame = np.asarray(frame)
            if frame.ndim != 2 or frame.size == 0:
                raise ValueError(f"a frame of {path} has shape {frame.shape}; it must be (rows, columns)")
            if frame.dtype not in (np.float32, np.uint16):
                raise TypeError(f"frames of {path} must be float32 or uint16, got {frame.dtype}")
            if pages and (frame.shape, frame.dtype) != pages[0]:
                raise ValueError(
                    f"frame {len(pages)} of {path} is {frame.shape} {frame.dtype}, the first is {pages[0][0]} "
                    f"{pages[0][1]}"
                )
            if (len(pages) + 1) * frame.nbytes > CLASSIC_TIFF_BYTES and not big:
                raise ValueError(f"{path} outgrows the 4 GiB of a classic TIFF at frame {len(pages)}: use big=True")
            said = {**metadata, **own, **(about or {})} if not pages else about
            tiff.write(frame, description=_json(path, said) if said is not None else None, software="radiography",
                       **tags)  # fmt: skip
            pages.append((frame.shape, frame.dtype))

        yield write_page
        if not pages:
            raise ValueError(f"there is no frame to write to {path}")


def _json(path: str | Path, metadata: dict[str, Any]) -> str:
    """Metadata as one line. tifffile takes an ImageDescription with `"shape":` for its own, but not with a blank."""
    try:
        text = json.dumps(metadata, allow_nan=False, default=_json_number)
    except (TypeError, ValueError) as error:
        raise TypeError(f"the metadata of {path} cannot be written as JSON: {error}") from error
    return text.replace('"shape":', '"shape" :')  # a key: quotes within texts are escaped


def write_preview_png(
    path: str | Path,
    pixels: NDArray[Any],
    *,
    percentiles: tuple[float, float] = (0.5, 99.5),
    longest_side: int | None = 1024,
    inverted: bool = False,
) -> None:
    """Write an 8-bit grey PNG to look at, never to measure in.

    Tone: linear from black at the lower percentile to white at the upper one (the other way round when `inverted`, as
    bone is shown), clipped outside; pixels that are not finite are black. A picture longer than `longest_side` is
    first averaged over square blocks; a remainder of less than one block at the right and lower border is left out.

    Parameters
    ----------
    path : str or Path
        Appears whole, or not at all.
    pixels : (H, W)
        Any real type.
    percentiles : (float, float)
        Window, in per cent of the pixels. [1]
    longest_side : int or None
        Longest side of the PNG; None keeps every pixel. [1]
    inverted : bool
        True where large values shall be dark.

    Raises
    ------
    ValueError
        If the picture is not two-dimensional or empty, or the percentiles are out of order.
    """
    pixels = np.asarray(pixels)
    if pixels.ndim != 2 or pixels.size == 0 or pixels.dtype.kind not in "uifb":
        raise ValueError(f"a preview needs a (rows, columns) picture of numbers, got {pixels.shape} {pixels.dtype}")
    low_percent, high_percent = percentiles
    if not 0 <= low_percent < high_percent <= 100:
        raise ValueError(f"percentiles must rise within 0 to 100, got {percentiles}")
    if longest_side is not None and longest_side < 1:
        raise ValueError(f"longest_side must be 1 or more, got {longest_side}")
    block = 1 if longest_side is None else -(-max(pixels.shape) // longest_side)
    if block > 1:
        rows, cols = (max(side // block, 1) for side in pixels.shape)
        cut = pixels[: rows * block, : cols * block].astype(np.float32, copy=False)
        pixels = np.add.reduceat(np.add.reduceat(cut, np.arange(rows) * block, 0), np.arange(cols) * block, 1)
    sample = pixels.reshape(-1)[:: max(1, pixels.size // PERCENTILE_SAMPLES)].astype(np.float64)
    finite = sample[np.isfinite(sample)]
    low, high = np.percentile(finite, percentiles) if finite.size else (0.0, 0.0)
    grey = np.full(pixels.shape, 0.5) if high <= low else (pixels.astype(np.float64) - low) / (high - low)
    grey = np.where(np.isfinite(grey), np.clip(1.0 - grey if inverted else grey, 0.0, 1.0), 0.0)
    write_grey_png(path, np.round(255.0 * grey).astype(np.uint8))


def sha256_of(path: str | Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal, for provenance."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_grey_png(path: str | Path, grey: NDArray[np.uint8]) -> None:
    """Write grey values as they are: signature, header, one deflated image chunk, end (ISO/IEC 15948).

    Parameters
    ----------
    path : str or Path
        Appears whole, or not at all.
    grey : (H, W) uint8
        [1]
    """

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows, cols = grey.shape
    scanlines = np.zeros((rows, cols + 1), np.uint8)  # each line begins with filter type 0
    scanlines[:, 1:] = grey
    depth_to_interlace = (8, 0, 0, 0, 0)  # 8 bits, grey, the one compression and filter method, not interlaced
    header = struct.pack(">IIBBBBB", cols, rows, *depth_to_interlace)
    body = (
        chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(scanlines.tobytes(), _DEFLATE_LEVEL))
        + chunk(b"IEND", b"")
    )
    with whole_file(path) as temporary:
        temporary.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


def _json_number(value: object) -> object:
    """Numpy scalars and arrays, and paths, as plain JSON values."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, Path):
        return value.name
    raise TypeError(f"{type(value).__name__} has no JSON form")

"""Volumes of voxels in files: what is stored, how far apart it is, and which side of a patient its axes run to.

NIfTI, MetaImage and NRRD are read by SimpleITK (extra `volumes`), DICOM series by pydicom, stacks of TIFF, NumPy and
raw files here. Sizes are judged before a voxel is read.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from phantoms.solids import Vector

ITK_ENDINGS = (".nii", ".nii.gz", ".mha", ".mhd", ".nrrd", ".nhdr")
TIFF_ENDINGS = (".tif", ".tiff")
RAW_TYPES = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "float32", "float64")
LARGEST_VOXELS = 2**30  # 1,024 cubed   # chosen: about 6 GB of memory while it is read

FloatArray = npt.NDArray[np.float64]
Voxels = npt.NDArray[Any]


@dataclass(frozen=True)
class RawVolume:
    """How a file without a header is laid out.

    Attributes
    ----------
    shape : (int, int, int)
        Slices, rows, columns. [1]
    dtype : str
        One of `RAW_TYPES`.
    byte_order : str
        "little" or "big".
    header_bytes : int
        Before the first voxel. [byte]
    """

    shape: tuple[int, int, int]
    dtype: str
    byte_order: str = "little"
    header_bytes: int = 0


@dataclass(frozen=True, eq=False)
class StoredVolume:
    """Voxels as they lie in a file.

    Attributes
    ----------
    values : (Z, Y, X) integer or float
        Slices, rows, columns; rescaled as the file says.
    spacing_mm : (float, float, float) or None
        Along columns (x), rows (y), slices (z); None where the file does not say it. [mm]
    axes_lps : (3, 3) float64 or None
        Columns are the directions of x, y, z in a patient's left, posterior, superior; None where it does not say it.
    modality : str
        DICOM's word, such as "CT"; "" where the file does not say it.
    """

    values: Voxels
    spacing_mm: Vector | None
    axes_lps: FloatArray | None
    modality: str = ""


def load_voxels(path: Path, raw: RawVolume | None = None, series: str | None = None) -> StoredVolume:
    """Voxels of a file, or of a folder with the slices of one DICOM series or TIFF stack.

    Parameters
    ----------
    path : Path
        File, or folder.
    raw : RawVolume, optional
        Layout of a file without a header.
    series : str, optional
        SeriesInstanceUID of a DICOM folder that holds several.

    Returns
    -------
    stored : StoredVolume

    Raises
    ------
    ValueError, OSError
        In one sentence, if the file is missing, damaged, too large, or no regular grid of voxels.
    """
    if not path.exists():
        raise FileNotFoundError(f"volume {path} does not exist")
    logger = logging.getLogger("tifffile")  # what it says of damage is in the error as well
    before = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        return _stored(path, raw, series)
    except Exception as error:  # libraries raise many kinds for damaged files
        if str(error).startswith(f"volume {path} "):
            raise
        raise ValueError(f"volume {path} is damaged: {type(error).__name__} while it was read") from error
    finally:
        logger.setLevel(before)


def _stored(path: Path, raw: RawVolume | None, series: str | None) -> StoredVolume:
    name = path.name.lower()
    if raw is not None:
        if path.is_dir() or name.endswith((*ITK_ENDINGS, *TIFF_ENDINGS, ".npy")):
            refuse(path, "says itself how it is laid out; leave shape, dtype, byte_order and header_bytes out")
        return StoredVolume(_raw_voxels(path, raw), None, None)
    if path.is_dir():
        stack = sorted((p for p in path.iterdir() if p.suffix.lower() in TIFF_ENDINGS), key=_natural)
        if stack:
            return StoredVolume(_tiff_voxels(path, stack), None, None)
        from phantoms.volume_dicom import dicom_series

        return dicom_series(path, series)
    if name.endswith(ITK_ENDINGS):
        from phantoms.volume_itk import itk_volume

        return itk_volume(path)
    if name.endswith(TIFF_ENDINGS):
        return StoredVolume(_tiff_voxels(path, [path]), None, None)
    if name.endswith(".npy"):
        return StoredVolume(_npy_voxels(path), None, None)
    known = ", ".join((*ITK_ENDINGS, *TIFF_ENDINGS, ".npy"))
    return refuse(path, f"is none of {known} nor a folder of DICOM or TIFF slices; a raw file needs shape and dtype")


def refuse(path: Path, why: str) -> NoReturn:
    """Raise ValueError about a volume, in one sentence.

    Parameters
    ----------
    path : Path
        File or folder.
    why : str
        The rest of the sentence.
    """
    raise ValueError(f"volume {path} {why}")


def check_claim(path: Path, shape: Sequence[int], dtype: npt.DTypeLike) -> int:
    """Bytes that voxels need, refused where they are too many or none.

    Parameters
    ----------
    path : Path
        Named in the error.
    shape : sequence of int
        Slices, rows, columns. [1]
    dtype : dtype
        Of a voxel.

    Returns
    -------
    needed : int
        [byte]

    Raises
    ------
    ValueError
        If there are more than `LARGEST_VOXELS` or fewer than one.
    """
    counts = [int(count) for count in shape]
    voxels = int(np.prod([float(count) for count in counts]))
    item = np.dtype(dtype).itemsize
    if len(counts) != 3 or min(counts) < 1:
        refuse(
            path, f"has the size {' x '.join(map(str, counts))}; slices, rows and columns are needed, 1 or more each"
        )
    if voxels > LARGEST_VOXELS:
        size = " x ".join(map(str, counts))
        refuse(
            path,
            f"claims {size} voxels, {voxels * item / 1e9:.3g} GB; at most {LARGEST_VOXELS} voxels are read: crop it or "
            "make it coarser",
        )
    return voxels * item


def _natural(path: Path) -> list[int | str]:
    """Sorts slice_2 before slice_10."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", path.name)]


def _raw_voxels(path: Path, raw: RawVolume) -> Voxels:
    if raw.dtype not in RAW_TYPES:
        refuse(path, f"cannot hold voxels of '{raw.dtype}'; dtype is one of {', '.join(RAW_TYPES)}")
    stored = np.dtype(raw.dtype).newbyteorder("<" if raw.byte_order == "little" else ">")
    needed = check_claim(path, raw.shape, stored) + raw.header_bytes
    if path.stat().st_size != needed:
        refuse(path, f"has {path.stat().st_size} bytes, but header_bytes, shape and dtype need {needed}")
    mapped = np.memmap(path, stored, "r", raw.header_bytes, raw.shape)
    return np.asarray(mapped).astype(raw.dtype, copy=False)


def _npy_voxels(path: Path) -> Voxels:
    try:
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise ValueError(f"volume {path} cannot be read as a NumPy array, it is damaged or no .npy") from error
    if mapped.ndim != 3 or mapped.dtype.kind not in "iuf":
        refuse(path, f"is {mapped.shape} {mapped.dtype}; numbers as (slices, rows, columns) are needed")
    check_claim(path, mapped.shape, mapped.dtype)
    return np.asarray(mapped)


def _tiff_voxels(path: Path, files: Sequence[Path]) -> Voxels:
    """Pages of all files, one after the other; each must be grey and of one size and type."""
    import tifffile

    slices: list[Voxels] = []
    for file in files:
        try:
            with tifffile.TiffFile(file) as tiff:
                pages = [tiff.pages[number] for number in range(len(tiff.pages))]
                for page in pages:
                    first = slices[0] if slices else page
                    if len(page.shape) != 2 or page.dtype is None or page.dtype.kind not in "iuf":
                        refuse(path, f"has a page of {page.shape} {page.dtype} in {file.name}; grey pages are needed")
                    if page.shape != first.shape or page.dtype != first.dtype:
                        refuse(
                            path,
                            f"has a page of {page.shape} {page.dtype} in {file.name}, but the first is {first.shape} "
                            f"{first.dtype}: slices of a stack have one size and type",
                        )
                    if not slices:
                        check_claim(path, (len(pages) if len(files) == 1 else len(files), *page.shape), page.dtype)
                    slices.append(page.asarray())
        except (tifffile.TiffFileError, OSError, IndexError, KeyError, RuntimeError) as error:
            raise ValueError(f"volume {path} cannot be read: {file.name} is damaged or no TIFF") from error
    return np.stack(slices)

"""Volumes that SimpleITK reads: NIfTI, MetaImage and NRRD, with their headers judged before it opens them.

ITK counts in a patient's left, posterior, superior, whatever the file does. A header may name a second file for its
voxels: only one in its own folder is opened.
"""

from __future__ import annotations

import gzip
import re
import struct
import zlib
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np
import numpy.typing as npt

from phantoms.volume_file import StoredVolume, check_claim, refuse

LARGEST_HEADER_BYTES = 2**20  # text before the voxels; usual ones have a few hundred bytes   # chosen
LARGEST_RATIO = 1100  # of unpacked to stored bytes: deflate reaches 1032 at most, zlib's technical notes   # chosen
LARGEST_TURN = 0.01  # [1] between qform and sform, as a difference of direction cosines   # chosen: 0.6 degrees
LARGEST_STRETCH = 0.01  # [1] between the spacings of qform and sform   # chosen
_NIFTI_BYTES = 348  # of a NIfTI-1 header

FloatArray = npt.NDArray[np.float64]


def itk_volume(path: Path) -> StoredVolume:
    """Voxels of a NIfTI, MetaImage or NRRD file.

    Parameters
    ----------
    path : Path
        Ends in one of `volume_file.ITK_ENDINGS`.

    Returns
    -------
    stored : StoredVolume

    Raises
    ------
    ValueError
        In one sentence, if SimpleITK is not installed, or the file is damaged, too large, not one grid of grey voxels,
        or keeps its voxels outside its folder.
    """
    sitk = _simple_itk(path)
    name = path.name.lower()
    if name.endswith((".nii", ".nii.gz")):
        _check_nifti(path)
        data_file, packed, has_spacing, has_axes = path, name.endswith(".gz"), True, True
    else:
        data_file, packed, has_spacing, has_axes = _judge_text(path, meta=name.endswith((".mha", ".mhd")))
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise ValueError(f"volume {path} cannot be read: {_last_line(error)}") from error
    size = reader.GetSize()[::-1]
    if len(size) != 3 or reader.GetNumberOfComponents() != 1:
        refuse(
            path,
            f"has {len(size)} axes and {reader.GetNumberOfComponents()} numbers a voxel; one grey volume has 3 axes",
        )
    dtype = _dtype_of(sitk, path, reader.GetPixelID())
    needed, there = check_claim(path, size, dtype), data_file.stat().st_size
    if needed > (LARGEST_RATIO * there if packed else there):
        refuse(path, f"claims {needed} bytes of voxels, but {data_file.name} holds {there}")
    try:
        image = reader.Execute()
    except RuntimeError as error:
        raise ValueError(f"volume {path} cannot be read: {_last_line(error)}") from error
    spacing_mm = tuple(float(step) for step in image.GetSpacing())
    axes = np.asarray(image.GetDirection(), np.float64).reshape(3, 3)
    values = sitk.GetArrayFromImage(image)
    return StoredVolume(values, spacing_mm if has_spacing else None, axes if has_axes else None)  # type: ignore[arg-type]


def _simple_itk(path: Path) -> Any:
    try:
        import SimpleITK
    except ImportError as error:
        raise ValueError(
            f'volume {path} is read by SimpleITK: pip install "radiography[volumes]" installs it'
        ) from error
    SimpleITK.ProcessObject.SetGlobalWarningDisplay(False)
    return SimpleITK


def _last_line(error: RuntimeError) -> str:
    """What ITK says, without the place in its source."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return re.sub(r"^.*ITK ERROR: (\w+\(\w+\): )?", "", lines[-1]).rstrip(".") if lines else "it is damaged"


def _dtype_of(sitk: Any, path: Path, pixel: int) -> np.dtype[Any]:
    named = {
        sitk.sitkInt8: "int8", sitk.sitkUInt8: "uint8", sitk.sitkInt16: "int16", sitk.sitkUInt16: "uint16",
        sitk.sitkInt32: "int32", sitk.sitkUInt32: "uint32", sitk.sitkInt64: "int64", sitk.sitkUInt64: "uint64",
        sitk.sitkFloat32: "float32", sitk.sitkFloat64: "float64",
    }  # fmt: skip
    if pixel not in named:
        refuse(path, f"holds voxels of {sitk.GetPixelIDValueAsString(pixel)}; whole or real numbers are needed")
    return np.dtype(named[pixel])


def _judge_text(path: Path, *, meta: bool) -> tuple[Path, bool, bool, bool]:
    """File of the voxels, whether they are packed, and whether the header says spacing and a patient's axes."""
    with path.open("rb") as file:
        head = file.read(LARGEST_HEADER_BYTES)
    if meta:
        end = re.search(rb"(?m)^ElementDataFile *= *([^\r\n]*)", head)
        if end is None:
            refuse(path, "is no MetaImage: it names no ElementDataFile")
        text, pattern = head[: end.end()], r"(?m)^(\w+) *= *([^\r\n]*)"
    else:
        if not head.startswith(b"NRRD"):
            refuse(path, "is no NRRD file: it does not begin with that word")
        text, pattern = re.split(rb"\r?\n\r?\n", head, maxsplit=1)[0], r"(?m)^([\w ]+): *([^\r\n]*)"
    fields = {key.strip().lower(): word.strip() for key, word in re.findall(pattern, text.decode("utf-8", "replace"))}
    if meta:
        if missing := [key for key in ("NDims", "DimSize", "ElementType") if key.lower() not in fields]:
            refuse(path, f"is no whole MetaImage: it says no {missing[0]}")
        name = fields["elementdatafile"]
        local, packed = name.upper() == "LOCAL", fields.get("compresseddata", "").lower() in ("true", "1")
        has_spacing = "elementspacing" in fields or "elementsize" in fields
        has_axes = "transformmatrix" in fields or "orientation" in fields or "rotation" in fields
    else:
        name = fields.get("data file") or fields.get("datafile") or ""
        local, packed = not name, fields.get("encoding", "raw").lower() not in ("raw", "ascii", "text", "txt", "hex")
        has_spacing = "spacings" in fields or "space directions" in fields
        has_axes = len(re.findall("left|right|anterior|posterior|superior|inferior", fields.get("space", ""))) == 3
        has_axes |= fields.get("space", "").upper() in ("RAS", "LAS", "LPS")
    return path if local else _beside(path, name), packed, has_spacing, has_axes


def _beside(path: Path, name: str) -> Path:
    """The file of the voxels, which must lie in the folder of its header: a header is no leave to read other files."""
    if name.split()[:1] == ["LIST"] or "%" in name:
        refuse(path, "spreads its voxels over several files, which are not read")
    if PurePosixPath(name).name != name or PureWindowsPath(name).name != name:
        refuse(path, f"keeps its voxels in '{name}'; only a file in its own folder is read")
    data_file = path.with_name(name)
    if not data_file.is_file() or data_file.resolve().parent != path.resolve().parent:
        refuse(path, f"keeps its voxels in '{name}', which is no file in its folder")
    return data_file


def _check_nifti(path: Path) -> None:
    """Refuse a NIfTI-1 file whose two statements of orientation differ; others are left to ITK."""
    try:
        with gzip.open(path, "rb") if path.name.lower().endswith(".gz") else path.open("rb") as file:
            head = file.read(_NIFTI_BYTES)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"volume {path} is damaged: its gzip stream does not unpack") from error
    if len(head) < _NIFTI_BYTES:
        refuse(path, f"is no NIfTI file: its header has {len(head)} of {_NIFTI_BYTES} bytes")
    order = "<" if struct.unpack_from("<i", head)[0] == _NIFTI_BYTES else ">"
    if struct.unpack_from(order + "i", head)[0] != _NIFTI_BYTES:
        return
    q_code, s_code = struct.unpack_from(order + "2h", head, 252)
    if q_code < 1 and s_code < 1:
        refuse(path, "does not say how it lies in the patient: its qform_code and sform_code are both 0")
    if q_code < 1 or s_code < 1:
        return
    by_sform = np.array(struct.unpack_from(order + "12f", head, 280)).reshape(3, 4)[:, :3]
    pixdim = struct.unpack_from(order + "8f", head, 76)
    by_qform = _quaternion_axes(struct.unpack_from(order + "3f", head, 256), pixdim[0]) * np.array(pixdim[1:4])
    lengths = [np.maximum(np.linalg.norm(axes, axis=0), 1e-12) for axes in (by_qform, by_sform)]
    turn = np.abs(by_qform / lengths[0] - by_sform / lengths[1]).max()
    stretch = np.abs(lengths[0] / lengths[1] - 1.0).max()
    if turn > LARGEST_TURN or stretch > LARGEST_STRETCH:
        refuse(
            path,
            f"says twice how it lies, and its qform and sform differ by {turn:.2g} in direction and "
            f"{100 * stretch:.2g} % in spacing; set the code of the wrong one to 0",
        )


def _quaternion_axes(quaternion: tuple[float, ...], handed: float) -> FloatArray:
    """Directions of the axes, as columns, of a NIfTI quaternion; `handed` is -1 where the third is turned round."""
    b, c, d = quaternion
    a = np.sqrt(max(0.0, 1.0 - b * b - c * c - d * d))
    axes = np.array([
        [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
        [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
        [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - c * c - b * b],
    ])  # fmt: skip
    axes[:, 2] *= -1.0 if handed < 0 else 1.0
    return axes

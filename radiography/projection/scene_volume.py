"""A volume of a scene: a file of Hounsfield units or labels, how it stands, and the matter that it becomes."""

from __future__ import annotations

import glob
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from calibration.limits import STRICT, Positive
from phantoms.hounsfield import BASIS, codes_from_hu, schneider_table
from phantoms.labels import codes_from_labels
from phantoms.solids import Vector
from phantoms.volume import Volume, place_volume
from phantoms.volume_axes import axes_of_code, turned_voxels, view_axes
from phantoms.volume_file import RawVolume, StoredVolume, load_voxels
from radiography.beam.attenuation import Material, material

DEFAULT_VIEW = "PA"
HIGHEST_LABEL = 255  # whole numbers from 0 to here alone are labels, not Hounsfield units   # chosen
AIR_BELOW_HU = -200.0  # a CT without any value below it has lost its offset   # chosen
METAL_HU = 3000.0  # above, values are clipped by the scanner or by the table


@dataclass(frozen=True, config=STRICT)
class VolumeChoice:
    """A file of voxels, the matter behind its values, its place [mm] and its turn about x, y, z [deg].

    ``materials`` is "schneider" for Hounsfield units, or a table from each label to a material. ``spacing_mm`` is along
    columns, rows, slices, of files that do not say it; ``orientation`` the sides of the patient that these run to, in
    three letters such as "LPS". ``view`` says how the patient stands: PA, AP, left lateral, right lateral, or the sides
    that x, y, z of the world point to. ``shape`` (slices, rows, columns), ``dtype``, ``byte_order`` and
    ``header_bytes`` describe a raw file. Values are slope times stored plus intercept, after what the file says itself.
    """

    file: str
    materials: Literal["schneider"] | dict[str, str]
    spacing_mm: tuple[Positive, Positive, Positive] | None = None
    orientation: str | None = None
    view: str | None = None
    series: str | None = None
    position_mm: Vector = (0.0, 0.0, 0.0)
    rotation_deg: Vector = (0.0, 0.0, 0.0)
    shape: tuple[int, int, int] | None = None
    dtype: str | None = None
    byte_order: Literal["little", "big"] = "little"
    header_bytes: Annotated[int, Field(ge=0)] = 0
    slope: float = 1.0
    intercept: float = 0.0


def volume_files(choices: Sequence[VolumeChoice], folder: Path) -> list[Path]:
    """Files that some volumes are read from, which no output may replace.

    Parameters
    ----------
    choices : sequence of VolumeChoice
        As a scene has them.
    folder : Path
        Where their files are looked up.

    Returns
    -------
    paths : list of Path
        Of a folder every file in it; of a header file those beside it that have its name but for the ending.
    """
    paths: list[Path] = []
    for choice in choices:
        path = folder / choice.file
        if path.is_dir():
            paths += [each for each in sorted(path.iterdir()) if each.is_file()]
        elif path.is_file():
            paths += [each for each in sorted(path.parent.glob(f"{glob.escape(path.stem)}.*")) if each.is_file()]
    return paths


def placed_volume(choice: VolumeChoice, where: str, folder: Path, materials: Mapping[str, Material]) -> Volume:
    """A volume of a scene, read, turned to the world's axes and placed.

    Parameters
    ----------
    choice : VolumeChoice
        As the scene has it.
    where : str
        What messages call it, such as "volume[0]".
    folder : Path
        Where its file is looked up.
    materials : mapping of str to Material
        The scene's own.

    Returns
    -------
    volume : Volume

    Raises
    ------
    ValueError, OSError
        In one sentence, if the file or what is said of it is wrong.
    """
    try:
        labels = None if choice.materials == "schneider" else _labels(choice.materials)
        stored = load_voxels(folder / choice.file, _raw(choice), choice.series)
        spacing_mm, axes = _spacing(choice, stored), _axes(choice, stored)
        _doubt_values(choice, stored, where)
        values, rotation = stored.values, np.eye(3)
        if (choice.slope, choice.intercept) != (1.0, 0.0):
            values = (values * np.float32(choice.slope) + np.float32(choice.intercept)).astype(np.float32)
        if axes is not None:
            values, spacing_mm, rotation = turned_voxels(
                values, spacing_mm, axes, view_axes(choice.view or DEFAULT_VIEW)
            )
        if labels is None:
            names: tuple[str, ...] = BASIS
            codes, table = codes_from_hu(values), schneider_table()
        else:
            density = {name: material(name, materials).density_g_per_cm3 for name in set(labels.values())}
            if light := sorted(name for name, value in density.items() if not value > 0):
                raise ValueError(f"it cannot hold '{light[0]}', which weighs nothing; 'air' is the lightest")
            codes, table, names = codes_from_labels(values, labels, density)
        placed = place_volume(codes, table, names, spacing_mm, choice.position_mm, choice.rotation_deg)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error
    return replace(placed, rotation=placed.rotation @ rotation)


def _labels(table: Mapping[str, str] | str) -> dict[int, str]:
    """Whole numbers to materials; the keys of a TOML table are text."""
    assert not isinstance(table, str)
    labels = {}
    for label, name in table.items():
        try:
            labels[int(label)] = name
        except ValueError as error:
            raise ValueError(f"materials names the label '{label}', which is no whole number") from error
    return labels


def _raw(choice: VolumeChoice) -> RawVolume | None:
    if (choice.shape is None) != (choice.dtype is None):
        missing = "dtype" if choice.dtype is None else "shape"
        raise ValueError(f"{missing} is missing: a raw file needs shape (slices, rows, columns) and dtype")
    if choice.shape is None or choice.dtype is None:
        return None
    return RawVolume(choice.shape, choice.dtype, choice.byte_order, choice.header_bytes)


def _spacing(choice: VolumeChoice, stored: StoredVolume) -> Vector:
    if stored.spacing_mm is None:
        if choice.spacing_mm is None:
            raise ValueError(f"{choice.file} does not say how far apart its voxels are; spacing_mm is missing")
        return choice.spacing_mm
    if choice.spacing_mm is None:
        return stored.spacing_mm
    if stored.spacing_mm != (1.0, 1.0, 1.0) and not np.allclose(stored.spacing_mm, choice.spacing_mm, rtol=0.01):
        said = ", ".join(f"{step:.6g}" for step in stored.spacing_mm)
        raise ValueError(f"{choice.file} says itself that its voxels are {said} mm apart; leave spacing_mm out")
    return choice.spacing_mm


def _axes(choice: VolumeChoice, stored: StoredVolume) -> np.ndarray | None:
    if stored.axes_lps is not None:
        if choice.orientation is not None:
            raise ValueError(f"{choice.file} says itself how it lies in the patient; leave orientation out")
        return stored.axes_lps
    if choice.orientation is None:
        if choice.view is not None:
            raise ValueError(f"{choice.file} does not say how it lies in the patient; view needs orientation beside it")
        return None
    return axes_of_code(choice.orientation, "orientation")


def _doubt_values(choice: VolumeChoice, stored: StoredVolume, where: str) -> None:
    """Refuse labels and other modalities where Hounsfield units are meant; warn of an offset that is missing."""
    if choice.materials != "schneider":
        return
    if stored.modality not in ("", "CT"):
        raise ValueError(f"{choice.file} is {stored.modality}, not CT: its values are no Hounsfield units")
    low, high = (float(edge.reduce(stored.values, axis=None)) for edge in (np.fmin, np.fmax))  # NaN passed over
    if not np.isfinite((low, high)).all():
        raise ValueError(f"{choice.file} holds Hounsfield units that are not finite")
    low, high = sorted((low * choice.slope + choice.intercept, high * choice.slope + choice.intercept))
    if stored.values.dtype.kind in "iu" and low >= 0 and high <= HIGHEST_LABEL:
        raise ValueError(
            f"{choice.file} holds whole numbers from {low:g} to {high:g}, which are labels, not Hounsfield units: give "
            'materials as a table, such as { 0 = "air", 1 = "soft_tissue" }'
        )
    if low > AIR_BELOW_HU:
        warnings.warn(
            f"{where}: {choice.file} holds no value below {low:g}, but air is -1000 HU: is intercept = -1024 missing?",
            stacklevel=2,
        )
    if high > METAL_HU:
        warnings.warn(
            f"{where}: {choice.file} reaches {high:g} HU; metal cannot be told from Hounsfield units, lay a solid or a "
            "mesh of it into the volume",
            stacklevel=2,
        )

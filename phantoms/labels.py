"""Label volumes to matter: whole numbers that name materials, each at its own density."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from phantoms.volume import CodeArray

FloatArray = npt.NDArray[np.float64]

MOST_LABELS = 4096  # chosen: more are values, not labels


def codes_from_labels(
    values: npt.NDArray[Any], materials: Mapping[int, str], density_g_per_cm3: Mapping[str, float]
) -> tuple[CodeArray, FloatArray, tuple[str, ...]]:
    """Codes, their table and its materials for a volume of labels.

    Parameters
    ----------
    values : (Z, Y, X)
        Whole numbers, of any type.
    materials : mapping of int to str
        Material behind each label.
    density_g_per_cm3 : mapping of str to float
        Of each of these materials. [g/cm3]

    Returns
    -------
    codes : (Z, Y, X) uint16
        Row of the table behind each voxel.
    partial_g_per_cm3 : (C, B) float64
        One row for each label that occurs. [g/cm3]
    names : tuple of str
        The B materials.

    Raises
    ------
    ValueError
        If a value is no whole number, or a label has no material.
    """
    found = np.unique(values)
    if not np.isfinite(found).all() or (found != np.rint(found)).any():
        raise ValueError("labels must be whole numbers, but some values are not; Hounsfield units are 'schneider'")
    if len(found) > MOST_LABELS:
        raise ValueError(
            f"it holds {len(found)} different values, which are no labels; Hounsfield units are 'schneider'"
        )
    missing = [int(label) for label in found if int(label) not in materials]
    if missing:
        shown = ", ".join(map(str, missing[:8])) + (" ..." if len(missing) > 8 else "")
        raise ValueError(f"materials name none for label {shown}; they name {', '.join(map(str, sorted(materials)))}")
    names = tuple(dict.fromkeys(materials[int(label)] for label in found))
    table = np.zeros((len(found), len(names)))
    for row, label in enumerate(found):
        name = materials[int(label)]
        table[row, names.index(name)] = density_g_per_cm3[name]
    codes = np.empty(values.shape, np.uint16)
    for plane, stored in zip(codes, values, strict=True):  # plane by plane: searchsorted makes int64
        plane[...] = np.searchsorted(found, stored)
    return codes, table, names

"""Axes of a patient in the world: letters for sides, and voxels turned to the world's axes without a mirror.

A code of three letters says to which side of a patient three axes run: L or R, A or P, S or I. World axes are x
(columns of the panel rise), y (rows rise) and z (from the panel to the source); so "LIP" is a patient whose left is at
the right of the picture, whose feet are below and whose back is towards the source: the chest from behind.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from phantoms.solids import Vector

VIEWS = {"PA": "LIP", "AP": "RIA", "left lateral": "PIR", "right lateral": "AIL"}  # lateral: the side next to the panel
_SIDES = {"L": (0, 1), "R": (0, -1), "P": (1, 1), "A": (1, -1), "S": (2, 1), "I": (2, -1)}

FloatArray = npt.NDArray[np.float64]


def axes_of_code(code: str, what: str) -> FloatArray:
    """Directions of three axes in a patient's left, posterior, superior.

    Parameters
    ----------
    code : str
        Three letters, such as "LPS", each the side that an axis runs to.
    what : str
        Named in the error.

    Returns
    -------
    axes_lps : (3, 3) float64
        A column for each axis.

    Raises
    ------
    ValueError
        If a letter is unknown or two axes run along one line.
    """
    letters = code.upper()
    if len(letters) != 3 or not set(letters) <= set(_SIDES) or len({_SIDES[one][0] for one in letters}) != 3:
        raise ValueError(f"{what} must be three letters, one each of L or R, A or P, S or I, got '{code}'")
    axes = np.zeros((3, 3))
    for column, letter in enumerate(letters):
        axis, sign = _SIDES[letter]
        axes[axis, column] = sign
    return axes


def view_axes(view: str) -> FloatArray:
    """Directions of the world's x, y, z in a patient who stands in a view.

    Parameters
    ----------
    view : str
        One of `VIEWS`, or three letters.

    Returns
    -------
    axes_lps : (3, 3) float64
        A column for each axis.

    Raises
    ------
    ValueError
        If the letters are wrong, or would mirror the patient.
    """
    axes = axes_of_code(VIEWS.get(view, view), f"view (or one of {', '.join(VIEWS)})")
    if np.linalg.det(axes) < 0:
        raise ValueError(f"view '{view}' would mirror the patient; turn one of its letters round, as in LIP or RIA")
    return axes


def turned_voxels(
    values: npt.NDArray[Any], spacing_mm: Vector, axes_lps: FloatArray, view: FloatArray
) -> tuple[npt.NDArray[Any], Vector, FloatArray]:
    """Voxels reordered so that their axes lie nearest those of the world, and the turn that is left.

    Parameters
    ----------
    values : (Z, Y, X)
        As stored: x is the last axis.
    spacing_mm : (float, float, float)
        Along x, y, z. [mm]
    axes_lps : (3, 3) float64
        Directions of x, y, z in the patient, as columns; either hand.
    view : (3, 3) float64
        From `view_axes`.

    Returns
    -------
    values : (Z, Y, X)
        A view of them, not a copy; axes swapped and turned round, so nothing is interpolated.
    spacing_mm : (float, float, float)
        Along the axes as they are now. [mm]
    rotation : (3, 3) float64
        From these to the world: the identity where the slices are not oblique.

    Raises
    ------
    ValueError
        If the axes are not at right angles.
    """
    if not np.allclose(axes_lps.T @ axes_lps, np.eye(3), atol=1e-3):
        raise ValueError("its axes are not at right angles: a sheared grid is not read, resample it")
    in_world = view.T @ axes_lps  # a column for each stored axis
    order, left = [0, 0, 0], np.abs(in_world)
    for _ in range(3):  # the best match first
        world, stored = np.unravel_index(int(left.argmax()), (3, 3))
        order[int(world)] = int(stored)
        left[world], left[:, stored] = -1.0, -1.0
    signs = np.sign(in_world[range(3), order])
    moved = np.transpose(values, [2 - order[2], 2 - order[1], 2 - order[0]])
    moved = moved[tuple(slice(None, None, int(signs[axis])) for axis in (2, 1, 0))]
    rotation = in_world[:, order] * signs
    x, y, z = (float(spacing_mm[stored]) for stored in order)
    return moved, (x, y, z), np.asarray(np.round(rotation, 12))

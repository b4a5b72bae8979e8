"""Colours of a sensor's pixels, and their interpolation between pixels of a colour."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from radiography.camera.camera import COLOURS

RGGB = ((0, 1), (1, 2))  # colour by row and column, both even and odd, as B. E. Bayer, US patent 3,971,065, has them

FloatArray = npt.NDArray[np.float64]


def colour_numbers(rows: int, cols: int) -> npt.NDArray[np.int64]:
    """Number of each pixel's colour in a mosaic of red, green, green and blue.

    Parameters
    ----------
    rows, cols : int
        [1]

    Returns
    -------
    number : (rows, cols) int64
        In `COLOURS`. [1]
    """
    return np.asarray(RGGB, dtype=np.int64)[np.arange(rows)[:, None] % 2, np.arange(cols)[None] % 2]


def demosaic(signal: npt.ArrayLike) -> FloatArray:
    """Three colours at every pixel of a mosaic, each by straight lines between its own pixels.

    Parameters
    ----------
    signal : (H, W) float64
        Of a mosaic of red, green, green and blue; mirrored about its outermost pixels beyond them. [any]

    Returns
    -------
    colours : (H, W, 3) float64
        Red, green, blue. What was measured stays as it is. [unit of signal]

    Raises
    ------
    ValueError
        If the picture is smaller than 2 x 2.

    Notes
    -----
    Bilinear: green between four neighbours, red and blue between two or four.
    """
    from scipy.ndimage import convolve

    picture = np.asarray(signal, dtype=np.float64)
    if picture.ndim != 2 or min(picture.shape) < 2:
        raise ValueError(f"a mosaic needs 2 x 2 pixels or more, got {picture.shape}")
    number = colour_numbers(*picture.shape)
    corners = np.array([[1.0, 2.0, 1.0], [2.0, 4.0, 2.0], [1.0, 2.0, 1.0]]) / 4.0
    cross = np.array([[0.0, 1.0, 0.0], [1.0, 4.0, 1.0], [0.0, 1.0, 0.0]]) / 4.0
    planes = [
        convolve(np.where(number == colour, picture, 0.0), cross if name == "green" else corners, mode="mirror")
        for colour, name in enumerate(COLOURS)
    ]
    return np.stack(planes, axis=-1)

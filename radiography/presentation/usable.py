"""Blocks of a picture in which its noise may be measured: in the light, and away from parts of one value.

Masked and clipped pixels hold no noise, and around them a band holds their edge: neither says what the noise is.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from radiography.presentation.pyramid import Plane
from radiography.presentation.shadow import LitField

USABLE_BLOCK = 16  # side in pixels
OF_ONE_VALUE = 8  # of the 64 squares of 2 x 2 pixels of a block, each of one value   # chosen: of whole numbers with
# a spread of 1, one square in 40 is of one value by chance
KEPT_AWAY = 2  # blocks, from parts of one value: further than the third band of a pixel reaches, 22 pixels

Mask = NDArray[np.bool_]


def usable_blocks(picture: Plane, lit: LitField | None) -> Mask | None:
    """Blocks of 16 x 16 pixels in which noise is measured.

    Parameters
    ----------
    picture : (H, W) float32
    lit : LitField or None
        Field of the collimators.

    Returns
    -------
    usable : (H // 16, W // 16) bool or None
        Whole blocks; None where all are, or none is.
    """
    from scipy.ndimage import binary_dilation

    rows, cols = picture.shape[0] // USABLE_BLOCK, picture.shape[1] // USABLE_BLOCK
    of_one_value = np.empty((rows, cols), np.int64)
    _count_squares(picture, of_one_value)
    usable = of_one_value < OF_ONE_VALUE
    if not usable.all():
        usable = ~binary_dilation(~usable, np.ones((3, 3)), iterations=KEPT_AWAY)
    if lit is not None:
        clear = lit.clear[: rows * USABLE_BLOCK].reshape(rows, USABLE_BLOCK, 2)
        first, stop = clear[..., 0].max(axis=1)[:, None], clear[..., 1].min(axis=1)[:, None]
        left = np.arange(cols) * USABLE_BLOCK
        usable &= (left >= first) & (left + USABLE_BLOCK <= stop)
    return usable if usable.any() and not usable.all() else None


def usable_of_level(usable: Mask, level: int, side: int, shape: tuple[int, int]) -> Mask:
    """Which square blocks of a level of the pyramid lie in usable blocks of the picture.

    Parameters
    ----------
    usable : (h, w) bool
        Blocks of 16 x 16 pixels of the picture.
    level : int
        0 for the picture itself. [1]
    side : int
        Of a block of the level. [px of the level]
    shape : (int, int)
        Blocks of the level along rows and columns. [1]

    Returns
    -------
    of_level : shape bool
    """
    of_level = np.ones(shape, np.bool_)
    span = side << level
    every = [np.arange(count) * span for count in shape]
    for down in range(0, span, USABLE_BLOCK):
        for right in range(0, span, USABLE_BLOCK):
            row, col = (every[0] + down) // USABLE_BLOCK, (every[1] + right) // USABLE_BLOCK
            inside = (row < usable.shape[0])[:, None] & (col < usable.shape[1])
            held = usable[np.minimum(row, usable.shape[0] - 1)[:, None], np.minimum(col, usable.shape[1] - 1)]
            of_level &= held & inside
    return of_level


@njit(cache=True, parallel=True)
def _count_squares(picture: Plane, of_one_value: NDArray[np.int64]) -> None:
    """(H, W) -> squares of one value in each block (H // 16, W // 16). Writes every element of `of_one_value`."""
    for i in prange(of_one_value.shape[0]):
        for j in range(of_one_value.shape[1]):
            count = 0
            for r in range(16 * i, 16 * i + 16, 2):
                for c in range(16 * j, 16 * j + 16, 2):
                    value = picture[r, c]
                    if value == picture[r, c + 1] and value == picture[r + 1, c] and value == picture[r + 1, c + 1]:
                        count += 1
            of_one_value[i, j] = count

"""Uniformity of a flat: signal, noise and their ratio in squares of 10 mm, after the draft of AAPM TG-150.

Three numbers per square; of each, the largest step between neighbouring squares (local) and the range over the panel
(global), both relative to the mean over all squares. Extremes grow with the number of squares even on a perfect panel,
so each comes with what noise alone would give.

References
----------
.. [1] J. Dave et al., Med. Phys. 39 (6, part 5), 3648 (2012), abstract on software after the draft report of AAPM
   TG-150, doi 10.1118/1.4734818; the report's own text was not available.
.. [2] L. H. C. Tippett, "On the extreme individuals and the range of samples taken from a normal population",
   Biometrika 17, 364-387 (1925).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SQUARE_MM = 10.0  # side of a square, and width of the border left out; [1]
SQUARE_PIXELS = 72  # the same where the pitch is unknown: 10 mm of 0.139 mm; [1]
LEAST_USABLE = 0.75  # of the pixels of a square; below, it lies on a coating's edge or in a large defect   # assumed

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class NonUniformity:
    """Spread of one quantity over the squares, relative to its mean. [%]

    Attributes
    ----------
    local_percent, global_percent : float
        Largest difference of two squares that share a side; largest minus smallest. [%]
    local_error_percent, global_error_percent : float
        Standard errors, of the two squares that make the extreme. [%]
    local_noise_percent, global_noise_percent : float
        Mean of the same on a panel whose squares differ by their standard errors only. [%]
    """

    local_percent: float
    local_error_percent: float
    local_noise_percent: float
    global_percent: float
    global_error_percent: float
    global_noise_percent: float


@dataclass(frozen=True, eq=False)
class Squares:
    """Signal and scatter in a grid of squares; (R, C) float64, NaN where too few pixels are usable.

    Attributes
    ----------
    mean, mean_error : (R, C) float64
        Mean of the usable pixels and its standard error, in the unit of the picture.
    deviation, deviation_error : (R, C) float64
        Standard deviation of the usable pixels and its standard error, in the same unit.
    side, first_row, first_col : int
        Pixels of a side, and where the grid begins. [1]
    """

    mean: FloatArray
    mean_error: FloatArray
    deviation: FloatArray
    deviation_error: FloatArray
    side: int
    first_row: int
    first_col: int


def square_side(pitch_mm: float | None) -> int:
    """Pixels in 10 mm; without a pitch those of a panel of 0.139 mm. [1]

    Raises
    ------
    ValueError
        If the pitch is not positive, or so coarse that 10 mm hold fewer than 4 pixels.
    """
    if pitch_mm is None:
        return SQUARE_PIXELS
    if not pitch_mm > 0 or not SQUARE_MM / pitch_mm >= 3.5:
        raise ValueError(f"squares of {SQUARE_MM:g} mm need a pitch above 0 and at most 2.8 mm, got {pitch_mm:g} mm")
    return round(SQUARE_MM / pitch_mm)


def square_statistics(picture: NDArray[Any], usable: NDArray[np.bool_], side: int) -> Squares:
    """Mean and scatter of the usable pixels in squares, a border as wide as a square left out.

    Parameters
    ----------
    picture : (H, W)
        Any real type; what is not usable is never looked at.
    usable : (H, W) bool
        False for bad, bare and shielded pixels.
    side : int
        Of a square. [1]

    Returns
    -------
    squares : Squares
        Centred on the panel; a remainder of less than a square at the borders is left out as well.

    Raises
    ------
    ValueError
        If the shapes differ, the side is below 2, or no square fits.

    Notes
    -----
    The errors take pixels as independent. Light that spreads over several pixels makes the error of the mean larger
    than stated, by the square root of the noise power at frequency zero over the pixel variance.
    """
    if picture.shape != usable.shape or picture.ndim != 2:
        raise ValueError(f"the picture is {picture.shape} but the map of usable pixels is {usable.shape}")
    if side < 2:
        raise ValueError(f"a square needs a side of at least 2 pixels, got {side}")
    rows, cols = ((length - 2 * side) // side for length in picture.shape)
    if rows < 1 or cols < 1:
        raise ValueError(
            f"a panel of {picture.shape[0]} x {picture.shape[1]} pixels holds no square of {side} pixels inside a "
            f"border of {side}"
        )
    first_row, first_col = (picture.shape[0] - rows * side) // 2, (picture.shape[1] - cols * side) // 2
    inside = np.s_[first_row : first_row + rows * side, first_col : first_col + cols * side]
    tiles = (rows, side, cols, side)
    counted = usable[inside].reshape(tiles)
    value = np.where(counted, picture[inside].reshape(tiles), 0.0).astype(np.float64, copy=False)
    count = counted.sum(axis=(1, 3))
    enough = count >= max(LEAST_USABLE * side * side, 2)
    number = np.where(enough, count, np.nan)
    mean = value.sum(axis=(1, 3)) / number
    value -= np.nan_to_num(mean)[:, None, :, None]
    np.square(value, out=value)
    value *= counted
    square = value.sum(axis=(1, 3))
    deviation = np.sqrt(square / (number - 1.0))
    fourth = np.square(value, out=value).sum(axis=(1, 3)) / number  # of the square's distribution, whatever it is
    spread = np.sqrt(np.maximum(fourth - (square / number) ** 2, 0.0) / number)
    deviation_error = np.divide(spread, 2.0 * deviation, out=np.zeros_like(spread), where=deviation > 0)
    deviation_error[~enough] = np.nan
    return Squares(mean, deviation / np.sqrt(number), deviation, deviation_error, side, first_row, first_col)


def signal_to_noise(squares: Squares) -> tuple[FloatArray, FloatArray]:
    """Mean over standard deviation of each square, and its standard error. [1]

    Raises
    ------
    ValueError
        If a square has no scatter at all: a flat corrected with itself, or without noise.
    """
    if (squares.deviation == 0).any():
        raise ValueError("a square has no scatter at all, so there is no signal-to-noise ratio")
    ratio = squares.mean / squares.deviation
    relative = np.hypot(squares.mean_error / squares.mean, squares.deviation_error / squares.deviation)
    return ratio, np.abs(ratio) * relative


def non_uniformity(values: NDArray[Any], errors: NDArray[Any]) -> NonUniformity:
    """Local and global non-uniformity of one quantity.

    Parameters
    ----------
    values, errors : (R, C)
        Of each square, with standard errors, in one unit; NaN where there is none.

    Returns
    -------
    spread : NonUniformity

    Raises
    ------
    ValueError
        If the shapes differ, no two neighbouring squares are known, or the mean is not positive.

    Notes
    -----
    Local: the maximum over squares and their four neighbours of |X - X'| / mean(X); global: (X_max - X_min) / mean(X)
    [1]_, which leaves open whether X' is each neighbour, as here, or the mean of the four. What noise alone gives is
    the mean range of so many normal numbers [2]_, and the mean of the largest of so many absolute differences, taken
    as independent.
    """
    if values.shape != errors.shape or values.ndim != 2:
        raise ValueError(f"values are {values.shape} but their errors are {errors.shape}")
    known = np.isfinite(values)
    steps = [np.abs(np.diff(values, axis=axis)).ravel() for axis in (0, 1)]
    step_errors = [np.hypot(*_both_ends(errors, axis)).ravel() for axis in (0, 1)]
    step, step_error = np.concatenate(steps), np.concatenate(step_errors)
    paired = np.isfinite(step)
    if not paired.any():
        raise ValueError(f"{known.sum()} squares of {known.size} can be used and no two of them are neighbours")
    step, step_error = step[paired], step_error[paired]
    value, error = values[known], errors[known]
    mean = float(value.mean())
    if not mean > 0:
        raise ValueError(f"the mean over all squares must be above 0, got {mean:g}")
    low, high, largest = value.argmin(), value.argmax(), step.argmax()
    to_percent = 100.0 / mean
    return NonUniformity(
        to_percent * float(step[largest]),
        to_percent * float(step_error[largest]),
        to_percent * float(np.sqrt(np.mean(step_error**2))) * _mean_largest(len(step)),
        to_percent * float(value[high] - value[low]),
        to_percent * float(np.hypot(error[low], error[high])),
        to_percent * float(np.sqrt(np.mean(error**2))) * _mean_range(len(value)),
    )


def _both_ends(errors: NDArray[Any], axis: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Errors of the two squares of each step along an axis."""
    return (errors[:-1], errors[1:]) if axis == 0 else (errors[:, :-1], errors[:, 1:])


def _mean_range(count: int) -> float:
    """Mean of largest minus smallest of `count` standard normal numbers, eq. 8 of [2]."""
    from scipy.special import ndtr

    x = np.linspace(-9.0, 9.0, 3601)
    below = ndtr(x)
    return float(np.trapezoid(1.0 - below**count - (1.0 - below) ** count, x))


def _mean_largest(count: int) -> float:
    """Mean of the largest absolute value of `count` standard normal numbers."""
    from scipy.special import erf

    x = np.linspace(0.0, 9.0, 1801)
    return float(np.trapezoid(1.0 - erf(x / np.sqrt(2.0)) ** count, x))

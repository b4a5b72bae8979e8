"""Frames that are no flats: an edge, or a collimator's shadow, makes two levels with hardly a pixel between."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

CELLS = 48  # along the shorter side of a frame: an edge through it cuts 2 % of them   # chosen
SAMPLES = 4  # pixels on a side of a cell that are looked at, of those that it has   # chosen
LEAST_CONTRAST = 0.25  # of the lower level to the higher: no gain of read-out blocks, no heel does it   # chosen
LEAST_SHARE = 0.01  # of the cells on the lesser side   # chosen: less is hardly seen in the noise of all
DEAD, DEAD_SHARE = (
    0.1,
    0.03,
)  # of the higher level, of the cells: a part as dark and small is left out as defects   # chosen
MIDDLE = (0.35, 0.65)  # of the way from the lower level to the higher   # chosen
BETWEEN = 0.1  # of the lesser side's cells may lie in the middle; of an even ramp 0.3 do   # chosen

FloatArray = npt.NDArray[np.float64]


def two_levels(frame: npt.NDArray[np.floating], bad: npt.NDArray[np.bool_]) -> tuple[float, float] | None:
    """The part of a frame at the lower of two levels, and that level over the higher one.

    Parameters
    ----------
    frame : (H, W) float
        [DN]
    bad : (H, W) bool
        True where a pixel does not count.

    Returns
    -------
    share, ratio : (float, float) or None
        [1]; None where the frame does not have two levels, whatever smooth field it has.
    """
    from scipy.ndimage import maximum_filter, minimum_filter

    step = max(1, min(frame.shape) // (CELLS * SAMPLES))
    thin = np.where(bad[::step, ::step], np.nan, frame[::step, ::step])
    m, n = thin.shape[0] // SAMPLES, thin.shape[1] // SAMPLES
    cells = thin[: m * SAMPLES, : n * SAMPLES].reshape(m, SAMPLES, n, SAMPLES)
    thin = cells.transpose(0, 2, 1, 3).reshape(m * n, -1)
    known = ~np.isnan(thin).all(axis=1)
    level = np.full(m * n, np.nan)
    level[known] = np.nanmedian(thin[known], axis=1)
    rising = np.sort(level[known])
    if rising.size < 2 or not rising[-1] > 0:
        return None
    low_count = _best_split(rising)
    low, high = float(np.median(rising[:low_count])), float(np.median(rising[low_count:]))
    lesser = min(low_count, rising.size - low_count)
    if not high > 0 or 1.0 - low / high < LEAST_CONTRAST:
        return None
    if lesser < (DEAD_SHARE if low_count == lesser and low < DEAD * high else LEAST_SHARE) * rising.size:
        return None
    place = ((level - low) / (high - low)).reshape(m, n)
    lowest, highest = (each(np.where(np.isnan(place), 0.5, place), 3) for each in (minimum_filter, maximum_filter))
    cut = (lowest < MIDDLE[0]) & (highest > MIDDLE[1])  # by the border of both levels
    between = np.count_nonzero((place > MIDDLE[0]) & (place < MIDDLE[1]) & ~cut)
    return (low_count / rising.size, low / high) if between < BETWEEN * lesser else None


def _best_split(level: FloatArray) -> int:
    """How many of the sorted values make the lower of two classes that scatter least about their means."""
    number = np.arange(1, level.size)
    below = np.cumsum(level)
    low, high = below[:-1] / number, (below[-1] - below[:-1]) / (level.size - number)
    return int(np.argmax(number * (level.size - number) * (high - low) ** 2)) + 1

"""The dip between two wires in a profile in bins: smoothed, above a level field, its extremes on parabolas."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

PROMINENT = 2.0  # standard errors of the profile: the least valley between two wires   # chosen
ALIKE = 0.6  # of the deeper wire: one of less is not the other of its pair   # chosen

FloatArray = NDArray[np.float64]


def level_between(depth: FloatArray, groups: list[slice]) -> FloatArray:
    """The depth with what is left of the field beside the wires taken out: medians of the gaps, straight in between.

    Parameters
    ----------
    depth : (P,) float64
        Below the field, over the field. [1]
    groups : list of slice
        Where the pairs lie.

    Returns
    -------
    depth : (P,) float64
        [1]
    """
    if not groups:
        return depth
    ends = [0, *(end for group in groups for end in (group.start, group.stop)), depth.size]
    places, levels = [], []
    for first, last in zip(ends[::2], ends[1::2], strict=True):
        margin = (last - first) // 4  # blur of the wires reaches into the gap
        if last - first - 2 * margin >= 4:
            places.append(0.5 * (first + last - 1))
            levels.append(float(np.median(depth[first + margin : last - margin])))
    return depth - np.interp(np.arange(depth.size), places, levels) if places else depth


def two_peaks(depth: FloatArray, group: slice, noise: float, fine: int) -> tuple[float, float, float, float]:
    """Places of the two wires of a pair, of the least depth between them, and the dip.

    The valley lies nearer to the middle of the pair's depth than either wire: behind a sharp aperture pairs that have
    merged show shoulders beside their peak, which noise parts from it.

    Parameters
    ----------
    depth : (P,) float64
        Below the field, over the field, in bins. [1]
    group : slice
        Where the pair lies.
    noise : float
        Of the depth. [1]
    fine : int
        Bins in a pixel.

    Returns
    -------
    left, right, valley, dip : float
        [bin, bin, bin, 1]; the dip is 0 where the wires have merged.
    """
    from scipy.signal import find_peaks

    begin = max(group.start - fine, 0)
    smooth = smoothed(depth[begin : group.stop + fine], fine)
    peaks, about = find_peaks(smooth, prominence=max(PROMINENT * noise, 1e-9))
    middle = 0.5 * (smooth.size - 1.0)
    if peaks.size < 2:
        return middle, middle, middle, 0.0
    highest = np.sort(peaks[np.argsort(about["prominences"])[-2:]])
    left, right = int(highest[0]), int(highest[1])
    valley = left + int(np.argmin(smooth[left : right + 1]))
    (x_a, a), (x_b, b), (x_valley, c) = (_vertex(smooth, place) for place in (left, right, valley))
    dip = 1.0 - 2.0 * c / (a + b)
    place = np.arange(smooth.size)
    centre = float((smooth * place).sum() / smooth.sum()) if smooth.sum() > 0.0 else middle
    beside = min(abs(x_a - centre), abs(x_b - centre))
    if min(a, b) < ALIKE * max(a, b) or abs(x_valley - centre) > beside:  # not the two wires of one pair
        return middle, middle, middle, 0.0
    return begin + x_a, begin + x_b, begin + valley, float(max(dip, 0.0))


def smoothed(values: FloatArray, fine: int) -> FloatArray:
    """Each value on the polynomial of fourth order through its neighbours within half a pixel.

    Parameters
    ----------
    values : (P,) float64
        In bins.
    fine : int
        Bins in a pixel; up to 4 leave the values as they are.

    Returns
    -------
    smooth : (P,) float64
    """
    from scipy.signal import savgol_filter

    window = fine + 1
    return np.asarray(savgol_filter(values, window, 4)) if fine > 4 and values.size >= window else values


def _vertex(values: FloatArray, place: int) -> tuple[float, float]:
    """Place and value of the extreme of the parabola through three points."""
    if not 0 < place < values.size - 1:
        return float(place), float(values[place])
    before, here, after = values[place - 1 : place + 2]
    bend = before - 2.0 * here + after
    if bend == 0.0:
        return float(place), float(here)
    shift = float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5))
    return place + shift, float(here - 0.25 * (before - after) * shift)

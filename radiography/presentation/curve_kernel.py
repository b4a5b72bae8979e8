"""Kernel of the tone curve: straight lines between evenly spaced knots."""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray


def look_up(
    attenuation: NDArray[np.float32], knots: NDArray[np.float64], span: tuple[float, float], counts: NDArray[np.uint16]
) -> None:
    """Counts of a curve by attenuation, rounded to even, the curve's ends beyond its span.

    Parameters
    ----------
    attenuation : (H, W) float32
        [1]
    knots : (K,) float64
        Counts, rising, evenly spaced over the span. [1]
    span : (float, float)
        [1]
    counts : (H, W) uint16
        Written to. [1]
    """
    _look_up(attenuation, knots, span[0], (len(knots) - 1) / (span[1] - span[0]), counts)


@njit(cache=True, parallel=True)
def _look_up(
    attenuation: NDArray[np.float32], knots: NDArray[np.float64], first: float, per_unit: float,
    counts: NDArray[np.uint16],
) -> None:  # fmt: skip
    """Writes every element of `counts`."""
    last = knots.shape[0] - 1
    for r in prange(attenuation.shape[0]):
        for c in range(attenuation.shape[1]):
            place = min(max((attenuation[r, c] - first) * per_unit, 0.0), float(last))
            k = min(int(place), last - 1)
            value = knots[k] + (place - k) * (knots[k + 1] - knots[k])
            counts[r, c] = np.uint16(np.rint(value))

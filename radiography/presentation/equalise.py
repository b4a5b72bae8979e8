"""Contrast equalisation: weak contrasts of all sizes are raised, strong ones stay.

Around each pixel's own attenuation g, a contrast d becomes d + gain d (1 - (d / range)^2)^2 where it is smaller than
the range, and stays what it is beyond. That is done scale by scale, as in local Laplacian filters [1]_ [2]_: the band
of each pixel is that of a picture in which every other pixel was treated in this way *around its own* g. What differs
from it by more than the range, such as metal, changes nothing beside it, so that no halo arises.

References
----------
.. [1] Paris, Hasinoff & Kautz, "Local Laplacian filters: edge-aware image processing with a Laplacian pyramid", ACM
       Trans. Graph. 30, 68 (2011). doi:10.1145/2010324.1964963
.. [2] Aubry, Paris, Hasinoff, Kautz & Durand, "Fast local Laplacian filters: theory and applications", ACM Trans.
       Graph. 33, 167 (2014). doi:10.1145/2629645. The treated pictures are made for some g and interpolated between.
       Their curves have no end; ours is a polynomial that has, so that strong edges are left alone to the bit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit, prange

from radiography.presentation.pyramid import Plane, expanded, reduce

SAMPLES_PER_RANGE = 2.0  # pictures treated around values of g, of which neighbours are interpolated   # chosen


def equalised_bands(levels: Sequence[Plane], gain: float, reach: float) -> list[Plane]:
    """What equalisation adds to each band.

    Parameters
    ----------
    levels : sequence of (H, W) float32
        Attenuation and its coarser levels. [1]
    gain : float
        By which weak contrast is raised. [1]
    reach : float
        Contrast from which on nothing is raised. [1]

    Returns
    -------
    added : list of (H, W) float32
        One fewer than levels. [1]
    """
    added = [np.zeros_like(level) for level in levels[:-1]]
    step = reach / SAMPLES_PER_RANGE
    finest = levels[0]
    low, high = float(finest.min()), float(finest.max())
    for number in range(int(np.floor(low / step)), int(np.floor(high / step)) + 2):
        centre = number * step
        treated = np.empty_like(finest)
        _treat(finest, np.float32(centre), np.float32(gain), np.float32(1.0 / reach), treated)
        for k, own in enumerate(added):
            coarser = reduce(treated)
            _add_near(levels[k], treated - expanded(coarser, own.shape), np.float32(centre), np.float32(1 / step), own)
            treated = coarser
    return added


@njit(cache=True, parallel=True)
def _treat(picture: Plane, centre: np.float32, gain: np.float32, inverse: np.float32, treated: Plane) -> None:
    """Change of each pixel around one attenuation. Writes every element of `treated`."""
    one, none = np.float32(1.0), np.float32(0.0)
    for r in prange(picture.shape[0]):
        for c in range(picture.shape[1]):
            d = picture[r, c] - centre
            rest = max(one - (d * inverse) * (d * inverse), none)
            treated[r, c] = gain * d * rest * rest


@njit(cache=True, parallel=True)
def _add_near(level: Plane, band: Plane, centre: np.float32, per_step: np.float32, added: Plane) -> None:
    """The share of a treated picture's band that pixels of about its attenuation take, added in place."""
    one, none = np.float32(1.0), np.float32(0.0)
    for r in prange(level.shape[0]):
        for c in range(level.shape[1]):
            added[r, c] += max(one - abs(level[r, c] - centre) * per_step, none) * band[r, c]

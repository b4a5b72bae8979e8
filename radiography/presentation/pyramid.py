"""Laplacian pyramid: a picture as bands of detail, each of twice the size of the one before.

Levels are reduced with the binomial kernel (1 4 6 4 1) / 16 and expanded with its two phases, (1 6 1) / 8 and
(1 1) / 2; beyond the border the picture is continued by its last pixel. Weights are never negative and sum to one, so
that what is added to a band within a bound stays within that bound in the picture [1]_.

References
----------
.. [1] Burt & Adelson, "The Laplacian pyramid as a compact image code", IEEE Trans. Commun. 31, 532-540 (1983).
       doi:10.1109/TCOM.1983.1095851
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

Plane = NDArray[np.float32]

BAND_ROWS = 64  # of a picture that are made together: five of its planes stay in the cache   # chosen
_REACH = 2  # pixels to each side over which the variance of a band is averaged


def reduce(picture: Plane) -> Plane:
    """The next coarser level, of half the rows and columns, rounded up.

    Parameters
    ----------
    picture : (H, W) float32

    Returns
    -------
    coarser : ((H + 1) // 2, (W + 1) // 2) float32
    """
    rows, cols = picture.shape
    coarser = np.empty(((rows + 1) // 2, (cols + 1) // 2), np.float32)
    _reduce(picture, coarser)
    return coarser


def gaussian_levels(picture: Plane, least_side: int, most: int) -> list[Plane]:
    """The picture and its coarser levels, as long as a level's shorter side stays at `least_side` pixels or more.

    Parameters
    ----------
    picture : (H, W) float32
    least_side : int
        [1]
    most : int
        Bands, which are one fewer than levels. [1]

    Returns
    -------
    levels : list of (H, W) float32
        The picture itself first.
    """
    levels = [picture]
    while len(levels) <= most and (min(levels[-1].shape) + 1) // 2 >= least_side:
        levels.append(reduce(levels[-1]))
    return levels


def expanded(coarse: Plane, shape: tuple[int, int], first: int = 0, stop: int | None = None) -> Plane:
    """Rows of a level as the next finer one sees them.

    Parameters
    ----------
    coarse : (h, w) float32
    shape : (int, int)
        Of the finer level. [1]
    first, stop : int
        Half-open range of its rows. [1]

    Returns
    -------
    fine : (stop - first, W) float32
    """
    fine = np.empty(((shape[0] if stop is None else stop) - first, shape[1]), np.float32)
    _expand(coarse, fine, first)
    return fine


def add_expanded(fine: Plane, coarse: Plane) -> None:
    """Add a coarser level to a finer one, in place.

    Parameters
    ----------
    fine : (H, W) float32
        Written to.
    coarse : ((H + 1) // 2, (W + 1) // 2) float32
    """
    _add_expanded(fine, coarse)


def block_means(picture: Plane, side: int) -> Plane:
    """Mean over squares of side x side pixels; the last ones may be smaller.

    Parameters
    ----------
    picture : (H, W) float32
    side : int
        [1]

    Returns
    -------
    means : (ceil(H / side), ceil(W / side)) float32
    """
    means = np.empty(tuple(-(-size // side) for size in picture.shape), np.float32)
    _block_means(picture, side, means)
    return means


@njit(cache=True, parallel=True)
def _block_means(picture: Plane, side: int, means: Plane) -> None:
    """(H, W) -> blocks. Writes every element of `means`."""
    rows, cols = picture.shape
    for i in prange(means.shape[0]):
        total = np.zeros(means.shape[1], np.float64)
        first, stop = i * side, min(rows, (i + 1) * side)
        for r in range(first, stop):
            for j in range(means.shape[1]):
                part = 0.0
                for c in range(j * side, min(cols, (j + 1) * side)):
                    part += picture[r, c]
                total[j] += part
        for j in range(means.shape[1]):
            means[i, j] = total[j] / ((stop - first) * (min(cols, (j + 1) * side) - j * side))


@njit(cache=True, parallel=True)
def _reduce(picture: Plane, coarser: Plane) -> None:
    """(H, W) -> (h, w). Writes every element of `coarser`."""
    rows, cols = picture.shape
    for i in prange(coarser.shape[0]):
        r = 2 * i
        a, b = picture[max(r - 2, 0)], picture[max(r - 1, 0)]
        c, d, e = picture[r], picture[min(r + 1, rows - 1)], picture[min(r + 2, rows - 1)]
        line = np.empty(cols + 4, np.float32)
        for j in range(cols):
            line[j + 2] = (a[j] + e[j] + np.float32(4.0) * (b[j] + d[j]) + np.float32(6.0) * c[j]) * np.float32(1 / 16)
        line[0] = line[1] = line[2]
        line[cols + 2] = line[cols + 3] = line[cols + 1]
        for j in range(coarser.shape[1]):
            k = 2 * j
            coarser[i, j] = (
                line[k] + line[k + 4] + np.float32(4.0) * (line[k + 1] + line[k + 3]) + np.float32(6.0) * line[k + 2]
            ) * np.float32(1 / 16)


@njit(cache=True)
def _expanded_row(coarse: Plane, r: int, line: Plane, out: Plane) -> None:
    """Row r of the finer level -> `out` (W,). `line` (w + 2,) is written over."""
    rows, cols = coarse.shape
    i = r // 2
    if r % 2 == 0:
        above, here, below = coarse[max(i - 1, 0)], coarse[i], coarse[min(i + 1, rows - 1)]
        for j in range(cols):
            line[j + 1] = (above[j] + below[j] + np.float32(6.0) * here[j]) * np.float32(1 / 8)
    else:
        here, below = coarse[i], coarse[min(i + 1, rows - 1)]
        for j in range(cols):
            line[j + 1] = (here[j] + below[j]) * np.float32(0.5)
    line[0], line[cols + 1] = line[1], line[cols]
    for j in range(out.shape[0] // 2):
        out[2 * j] = (line[j] + line[j + 2] + np.float32(6.0) * line[j + 1]) * np.float32(1 / 8)
        out[2 * j + 1] = (line[j + 1] + line[j + 2]) * np.float32(0.5)
    if out.shape[0] % 2:
        j = out.shape[0] // 2
        out[2 * j] = (line[j] + line[j + 2] + np.float32(6.0) * line[j + 1]) * np.float32(1 / 8)


@njit(cache=True, parallel=True)
def _expand(coarse: Plane, fine: Plane, first: int) -> None:
    """(h, w) -> rows of (H, W) from `first` on. Writes every element of `fine`."""
    for i in prange(fine.shape[0]):
        _expanded_row(coarse, first + i, np.empty(coarse.shape[1] + 2, np.float32), fine[i])


@njit(cache=True, parallel=True)
def _add_expanded(fine: Plane, coarse: Plane) -> None:
    """(h, w) added to (H, W), in place."""
    for i in prange(fine.shape[0]):
        own = np.empty(fine.shape[1], np.float32)
        _expanded_row(coarse, i, np.empty(coarse.shape[1] + 2, np.float32), own)
        for j in range(fine.shape[1]):
            fine[i, j] += own[j]


def shape_band(
    level: Plane,
    coarser: Plane,
    noise_variance: Plane,
    scale: tuple[float, float],
    change: tuple[float, float, float],
    added: Plane,
) -> None:
    """What one band changes in the picture: noise taken away, detail that stands above it raised.

    Of the band's value x, with the share w of its variance around that noise does not explain [2]_:

        change = - strength (1 - w) x  +  w e / sqrt(1 + (e / limit)^2),   e = gain x + what was added already

    so that what is raised never passes the limit.

    Parameters
    ----------
    level, coarser : (H, W), (h, w) float32
        Of the pyramid; the band is what expanding the second does not give of the first. [1]
    noise_variance : (N,) float32
        Variance of the band's noise by attenuation. [1]
    scale : (float, float)
        Attenuation of the first of them, and their number per unit of it. [1]
    change : (float, float, float)
        Strength of the noise reduction, gain, and limit. [1]
    added : (H, W) float32
        What is raised beside the band itself; written over with the change. [1]

    References
    ----------
    .. [2] Lee, "Digital image enhancement and noise filtering by use of local statistics", IEEE Trans. Pattern Anal.
           Mach. Intell. 2, 165-168 (1980). doi:10.1109/TPAMI.1980.4766994. Averaged over 5 x 5 pixels here.
    """
    first, per_unit = scale
    strength, gain, limit = change
    if limit == 0:  # nothing is raised
        gain = 0.0
        added.fill(0.0)
    settings = np.array([first, per_unit, strength, gain, limit], np.float32)
    _shape_band(level, coarser, noise_variance, settings, added)


@njit(cache=True, parallel=True, error_model="numpy")
def _shape_band(level: Plane, coarser: Plane, noise_variance: Plane, settings: Plane, added: Plane) -> None:
    """Bands of rows side by side, each by itself. Writes every element of `added`."""
    rows, cols = level.shape
    first, per_unit, strength, gain, limit = settings
    last = noise_variance.shape[0] - 1
    one, none = np.float32(1.0), np.float32(0.0)
    inverse = one / limit if limit > none else none
    for band in prange((rows + BAND_ROWS - 1) // BAND_ROWS):
        top, stop = band * BAND_ROWS, min(rows, (band + 1) * BAND_ROWS)
        line = np.empty(coarser.shape[1] + 2, np.float32)
        smooth = np.empty((stop - top + 2 * _REACH, cols), np.float32)
        detail = np.empty((stop - top + 2 * _REACH, cols), np.float32)
        for k in range(stop - top + 2 * _REACH):
            r = min(max(top + k - _REACH, 0), rows - 1)
            _expanded_row(coarser, r, line, smooth[k])
            for c in range(cols):
                detail[k, c] = level[r, c] - smooth[k, c]
        columns = np.empty(cols + 2 * _REACH, np.float32)
        for k in range(_REACH, stop - top + _REACH):
            r = top + k - _REACH
            for c in range(cols):
                a, b, d, e, f = detail[k - 2, c], detail[k - 1, c], detail[k, c], detail[k + 1, c], detail[k + 2, c]
                columns[c + 2] = a * a + b * b + d * d + e * e + f * f
            columns[0] = columns[1] = columns[2]
            columns[cols + 2] = columns[cols + 3] = columns[cols + 1]
            for c in range(cols):
                around = columns[c] + columns[c + 1] + columns[c + 2] + columns[c + 3] + columns[c + 4]
                variance = around * np.float32(1 / 25)
                place = min(max((smooth[k, c] - first) * per_unit, none), np.float32(last))
                share = one - noise_variance[int(place)] / variance if variance > none else none
                share = max(share, none)
                x = detail[k, c]
                raised = gain * x + added[r, c]
                bent = raised * inverse
                added[r, c] = share * raised / np.sqrt(one + bent * bent) - strength * (one - share) * x

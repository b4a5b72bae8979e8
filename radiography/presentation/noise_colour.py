"""Noise of the bands of a picture, from its finest differences: what structure of a few pixels does not reach.

A fourth difference along rows and columns passes the finest corner of the frequencies alone. Taken of a picture and of
its next two levels, it tells the noise at three frequencies; what lies between and below them is that of white noise
and of noise blurred by a Gaussian, as light and electronics give it [1]_.

References
----------
.. [1] Cunningham et al., "A spatial-frequency dependent quantum accounting diagram and detective quantum efficiency
       model of signal and noise propagation in cascaded imaging systems", Med. Phys. 21, 417-427 (1994).
       doi:10.1118/1.597401
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from radiography.presentation.pyramid import Plane

DIFFERENCE = (1.0, -4.0, 6.0, -4.0, 1.0)  # along rows, then along columns
REACH = 2  # pixels to each side that it takes
LEVELS = 3  # of which it is taken
BLURS_PX = (0.0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.85, 1.0, 1.2, 1.5, 2.0, 2.5)  # of the Gaussian   # chosen
_REDUCE = np.array([1.0, 4.0, 6.0, 4.0, 1.0]) / 16  # kernels of the pyramid
_EXPAND = (np.array([1.0, 6.0, 1.0]) / 8, np.array([1.0, 0.0, 1.0]) / 2)  # phases; the second at half the spacing
_LENGTH = 256  # of a kernel, in pixels: those of the fourth level have 76
_UNIT = float(np.square(DIFFERENCE).sum())  # variance of white noise after it, along one axis


def finest_difference(level: Plane, top: int, rows: int) -> Plane:
    """Fourth difference along rows and columns of a level; white noise keeps its variance.

    Parameters
    ----------
    level : (H, W) float32
        [1]
    top, rows : int
        First row, and how many. [1]

    Returns
    -------
    difference : (rows, W) float32
        [1]
    """
    across, along = (np.arange(-REACH, count + REACH) for count in (rows, level.shape[1]))
    taken = level[np.clip(top + across, 0, level.shape[0] - 1)]
    down = _fourth(taken)
    wide = down[:, np.clip(along, 0, level.shape[1] - 1)]
    return np.asarray(_fourth(wide.T).T / np.float32(_UNIT))


def _fourth(lines: Plane) -> Plane:
    a, b, c, d, e = (lines[k : len(lines) - 4 + k] for k in range(5))
    return np.asarray(a + e - np.float32(4.0) * (b + d) + np.float32(6.0) * c)


def variances_of_bands(finest: NDArray[np.float64], bands: int) -> NDArray[np.float64]:
    """Variance of the noise of each band that the finest differences of the levels tell.

    White noise and blurred noise, neither negative, are fitted to each column with one blur for all; where they fit
    badly, the result is raised until it explains every difference.

    Parameters
    ----------
    finest : (LEVELS, N) float64
        Variance of `finest_difference` of each level, at N attenuations. [1]
    bands : int
        [1]

    Returns
    -------
    variances : (bands, N) float64
        [1]
    """
    from scipy.optimize import nnls

    best, least = None, np.inf
    for blur in BLURS_PX:
        of_levels, of_bands = _gains(blur)
        white_levels, white_bands = _gains(0.0)
        design = np.stack([of_levels, white_levels], axis=1)
        parts, misfit = [], 0.0
        for own in finest.T:
            amounts, left = nnls(design / own[:, None], np.ones(LEVELS))
            parts.append(amounts)
            misfit += left * left
        if misfit < least - 1e-9:
            amount = np.stack(parts, axis=1)
            least, best = misfit, (design @ amount, np.stack([of_bands, white_bands], axis=1)[:bands] @ amount)
    assert best is not None
    explained, variances = best
    return np.asarray(variances * np.maximum((finest / explained).max(axis=0), 1.0))


@cache
def _gains(blur_px: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Variance of the finest differences, and of the bands, of white noise of variance 1 blurred by a Gaussian."""
    frequency = np.fft.fftfreq(_LENGTH)
    passed = np.exp(-np.square(2 * np.pi * frequency * blur_px))
    difference = np.asarray(DIFFERENCE)

    def product(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
        return float(np.mean(np.fft.fft(_centred(a)) * np.conj(np.fft.fft(_centred(b))) * passed).real)

    levels, bands = [], []
    for k in range(LEVELS):
        own = np.convolve(_level(k), _spread(difference, 2**k))
        levels.append((product(own, own) / _UNIT) ** 2)
        fine, coarse = _level(k), _level(k + 1)
        phases = [np.convolve(coarse, _spread(kernel, 2 ** (k + 1 - odd))) for odd, kernel in enumerate(_EXPAND)]
        own_power = product(fine, fine)
        shared = [(product(fine, phase), product(phase, phase)) for phase in phases]
        terms = [own_power**2 - 2 * a * c + b * d for a, b in shared for c, d in shared]
        bands.append(float(np.mean(terms)))
    return np.array(levels), np.array(bands)


def _spread(kernel: NDArray[np.float64], spacing: int) -> NDArray[np.float64]:
    spread = np.zeros((len(kernel) - 1) * spacing + 1)
    spread[::spacing] = kernel
    return spread


def _level(k: int) -> NDArray[np.float64]:
    """Kernel along one axis that a level of the pyramid is the picture's convolution with."""
    kernel = np.ones(1)
    for finer in range(k):
        kernel = np.convolve(kernel, _spread(_REDUCE, 2**finer))
    return kernel


def _centred(kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    placed = np.zeros(_LENGTH)
    placed[(np.arange(len(kernel)) - len(kernel) // 2) % _LENGTH] = kernel
    return placed

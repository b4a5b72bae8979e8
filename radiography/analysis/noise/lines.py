"""Curves through a two-dimensional spectrum: weights of its bins for each frequency, and what they average over."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from radiography.analysis.noise.spectra import Blocks, end_factor

FloatArray = npt.NDArray[np.float64]
HALF_WIDTH = 0.01  # cycles/pixel on both sides of a frequency; IEC 62220-1-1:2015 averages over as much
LINES = 7.0 / 256.0  # of the bins: lines on each side of an axis, as IEC 62220-1-1:2015 takes of 256
COMPUTED_AT = 13  # frequencies for which the variance is computed, that of the others lies between   # chosen
LOWEST = 3  # bins; below, what the trend leaves counts as noise   # chosen


@dataclass(frozen=True, eq=False)
class Weights:
    """Averages over bins that all lie in a band of frequencies.

    ``frequency`` (J,) [cycles/pixel]. ``place`` (K,) flat bins of the half plane that are used, ``ring`` (K,) the fine
    ring of each, ``moment`` (K,) its frequency less that of the ring. ``sums`` (J, 2 R): a curve is this times the
    sums of bins and of bins times moment in the rings. ``samples`` (J,): independent bins that a value averages over.
    ``every`` (E,): numbers of the frequencies for which ``lags`` (E, S/2 + 1, S/2 + 1) says what each lag of the
    autocovariance, by its size, adds to a value's variance in one block, where a bin has the variance 1.
    """

    frequency: FloatArray
    place: npt.NDArray[np.int64]
    ring: npt.NDArray[np.int64]
    moment: FloatArray
    sums: FloatArray
    samples: FloatArray
    every: npt.NDArray[np.int64]
    lags: FloatArray

    def independent(self, blocks: Blocks) -> FloatArray:
        """Independent bins (J,) in a value averaged over blocks that overlap, corrected for their ends."""
        number = 1.0 / np.einsum("erc,rc->e", self.lags, blocks.shared_by_lag())
        part = number / self.samples[self.every]
        return np.asarray(self.samples * np.interp(np.arange(self.samples.size), self.every, part))

    def curve(self, power: npt.NDArray[np.floating]) -> FloatArray:
        """Values (J,) along one spectrum (S, S/2 + 1)."""
        values = power.reshape(-1)[self.place].astype(np.float64)
        rings = self.sums.shape[1] // 2
        sums = np.bincount(self.ring, values, rings), np.bincount(self.ring, values * self.moment, rings)
        return np.asarray(np.einsum("js,s->j", self.sums, np.concatenate(sums)))


@functools.lru_cache(maxsize=8)
def weights_for(side: int, direction: str) -> Weights:
    """Weights of the bins for one direction.

    Each value is a straight line, fitted to all bins whose distance from the origin is within `HALF_WIDTH` of its
    frequency, at that frequency: bins are not spread evenly, and the spectrum falls.

    Parameters
    ----------
    side : int
        Of a block. [pixel]
    direction : str
        "horizontal" (along a row), "vertical" or "radial".

    Returns
    -------
    weights : Weights
        From `LOWEST` bins to two bins below Nyquist.
    """
    v = np.fft.fftfreq(side)[:, None]
    u = np.arange(side // 2 + 1)[None] / side
    lines = max(1, round(LINES * side)) / side + 1e-9
    inside = (u > 0) & (u < 0.5) & (v != 0) & (v > -0.5)
    if direction == "horizontal":
        inside &= np.abs(v) <= lines
    elif direction == "vertical":
        inside &= u <= lines
    place = np.flatnonzero(inside)
    distance = np.hypot(u, v).reshape(-1)[place]
    ring = np.rint(distance * side).astype(np.int64)
    moment = distance - ring / side
    half = max(HALF_WIDTH, 1.5 / side)
    number = np.arange(LOWEST, side // 2 - 1)
    rings = int(ring.max()) + 1
    count = np.bincount(ring, minlength=rings).astype(np.float64)
    first, second = np.bincount(ring, moment, rings), np.bincount(ring, moment**2, rings)
    at = np.arange(rings) / side
    sums, samples = np.zeros((number.size, 2 * rings)), np.zeros(number.size)
    for row, centre in enumerate(number / side):
        near = np.abs(at - centre) <= half + 0.5 / side
        part = np.clip((half + 0.5 / side - np.abs(at - centre)) * side, 0, 1) * near  # a ring may lie half inside
        offset = at - centre
        n0 = float((part * count).sum())
        n1 = float((part * (offset * count + first)).sum())
        n2 = float((part * (offset**2 * count + 2 * offset * first + second)).sum())
        divisor = n0 * n2 - n1 * n1
        # weight of a bin at distance d: part (a - b d), d = offset + moment
        a, b = n2 / divisor, n1 / divisor
        sums[row, :rings] = part * (a - b * offset)
        sums[row, rings:] = -part * b
        base = a - b * offset
        squares = part**2 * (base**2 * count - 2 * base * b * first + b**2 * second)
        samples[row] = 1 / float(squares.sum())
    every = np.unique(np.linspace(0, number.size - 1, COMPUTED_AT).astype(np.int64))
    lags = np.stack([_by_lag(place, sums[row, ring] + moment * sums[row, rings + ring], side) for row in every])
    return Weights(number / side, place, ring, moment, sums, samples, every=every, lags=lags)


def _by_lag(place: npt.NDArray[np.int64], weight: FloatArray, side: int) -> FloatArray:
    """What each lag of the autocovariance, (S/2 + 1)^2 by its size, adds to the variance of one value."""
    from scipy import fft

    plane = np.zeros((side, side // 2 + 1))
    plane.reshape(-1)[place] = weight
    # the correction for the ends of blocks is symmetric: it makes of these weights those of bins as they are measured
    factor = end_factor(side)
    square = 0.5 * side**2 * (fft.irfft2(plane, (side, side)) * factor[:, None] * factor) ** 2
    half = side // 2
    rows = square[: half + 1].copy()
    rows[1:half] += square[:half:-1]
    folded = rows[:, : half + 1].copy()
    folded[:, 1:half] += rows[:, :half:-1]
    return np.asarray(folded)

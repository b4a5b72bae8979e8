"""Power spectra of half-overlapped blocks, unbiased by missing pixels and by the blocks' ends.

A block is used as it is, without a window, so that what is the same along a whole row or column stays on its axis. The
price, a mixing of frequencies over 1/256 of a cycle, is undone in the autocovariance, where it is a known factor.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from radiography.analysis.noise.frames import Mask, Residual

FloatArray = npt.NDArray[np.float64]
LARGEST_GAP = 0.25  # of a block's pixels may be missing   # chosen: its autocovariance is still known at every lag
LEAST_WEIGHT = 0.05  # of all that blocks would have without holes: below, those that are left count alike   # chosen
CORRELATED_WITHIN = 32.0 / 256.0  # of a block: to this lag the ends of blocks are corrected for, to twice it fading out


@dataclass(frozen=True, eq=False)
class Blocks:
    """Where the blocks lie: ``rows``, ``cols`` (B,) first row and column of each, ``side`` [pixel].

    ``weight`` (B,), in sum 1: of each in an average. ``apart``: how many of them count as independent.
    """

    side: int
    rows: npt.NDArray[np.int64]
    cols: npt.NDArray[np.int64]
    weight: FloatArray
    apart: float

    def average(self, power: npt.NDArray[np.float32]) -> FloatArray:
        """Average over blocks (B, S, S/2 + 1)."""
        return np.asarray(np.einsum("b,bij->ij", self.weight, power))

    def shared_by_lag(self) -> FloatArray:
        """Variance of an average over blocks over that of one, (S/2 + 1, S/2 + 1) by the size of the lag.

        Power spectra of two blocks correlate by the squared transform of their overlap: from bin to bin as well. In the
        autocovariance that is a factor for each lag, the autocorrelation of the overlap; at lag 0 its area.
        """
        half = self.side // 2
        lag = np.arange(half + 1)
        apart = [np.abs(np.subtract.outer(each, each)).reshape(-1) for each in (self.rows, self.cols)]
        near = (apart[0] < self.side) & (apart[1] < self.side)
        weight = np.outer(self.weight, self.weight).reshape(-1)[near]
        pairs, which = np.unique(np.stack([each[near] for each in apart]), axis=1, return_inverse=True)
        overlap = self.side - pairs[:, :, None]  # (2, K, 1)
        shared = (np.maximum(overlap - lag, 0) + np.maximum(overlap - self.side + lag, 0)) / self.side
        return np.asarray(
            np.einsum("k,kr,kc->rc", np.bincount(which.reshape(-1), weight), shared[0], shared[1], optimize=True)
        )


def place_blocks(shape: tuple[int, int], side: int, mask: Mask) -> Blocks:
    """Blocks that overlap by half, or a little more to reach both ends, without those that lack too many pixels.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns of the region. [pixel]
    side : int
        Of a block, even. [pixel]
    mask : (H, W) bool
        True where a pixel does not count.

    Returns
    -------
    blocks : Blocks

    Raises
    ------
    ValueError
        If none fits, or none has pixels enough.
    """
    if min(shape) < side:
        raise ValueError(f"the region is {shape[0]} x {shape[1]} pixels, smaller than one block of {side} x {side}")
    starts = [
        np.rint(np.linspace(0, free, -(-2 * free // side) + 1)).astype(np.int64) for free in np.array(shape) - side
    ]
    rows, cols = (each.reshape(-1) for each in np.meshgrid(*starts, indexing="ij"))
    if mask.any():
        lost = np.array([mask[r : r + side, c : c + side].mean() for r, c in zip(rows, cols, strict=True)])
        kept = lost <= LARGEST_GAP
        if not kept.any():
            raise ValueError(
                f"no block of {side} x {side} pixels has three quarters of its pixels usable: take smaller blocks, or "
                f"a region with fewer defects"
            )
        rows, cols = rows[kept], cols[kept]
    weight = _even_weights(rows, side) * _even_weights(cols, side)
    if not weight.sum() > LEAST_WEIGHT:  # holes have left only blocks that an even weighting has no use for
        weight = np.ones(rows.size)
    weight = weight / weight.sum()
    return Blocks(side, rows, cols, weight, _apart(rows, cols, weight, side))


def block_power(residual: Residual, blocks: Blocks) -> npt.NDArray[np.float32]:
    """Squared transform of each block over its number of pixels, half plane.

    Parameters
    ----------
    residual : (H, W) float32
        [1]
    blocks : Blocks

    Returns
    -------
    power : (B, S, S/2 + 1) float32
        Rows of frequencies as `numpy.fft.fftfreq`, columns from 0 to Nyquist; mean is the variance. [1]
    """
    from scipy import fft

    side = blocks.side
    power = np.empty((blocks.rows.size, side, side // 2 + 1), np.float32)
    scale = np.float32(1 / side)
    for each, r, c in zip(power, blocks.rows, blocks.cols, strict=True):
        spectrum = fft.rfft2(residual[r : r + side, c : c + side], overwrite_x=False)
        spectrum *= scale
        np.multiply(spectrum.real, spectrum.real, out=each)
        each += spectrum.imag**2
    return power


def missing_pixels(mask: Mask, blocks: Blocks) -> FloatArray | None:
    """Circular autocorrelation of the usable pixels, averaged over blocks.

    Parameters
    ----------
    mask : (H, W) bool
        True where a pixel does not count.
    blocks : Blocks

    Returns
    -------
    usable : (S, S) float64 or None
        None where all pixels of all blocks are usable. [1]
    """
    from scipy import fft

    if not any(
        mask[r : r + blocks.side, c : c + blocks.side].any() for r, c in zip(blocks.rows, blocks.cols, strict=True)
    ):
        return None
    power = blocks.average(block_power((~mask).astype(np.float32), blocks))
    return np.asarray(fft.irfft2(power, (blocks.side, blocks.side)))


def unbiased(power: FloatArray, usable: FloatArray | None) -> tuple[FloatArray, FloatArray]:
    """Spectrum without the effects of missing pixels and of the ends of blocks, and the one with its own axes.

    Parameters
    ----------
    power : (S, S/2 + 1) float64
        Averaged over blocks. [1]
    usable : (S, S) float64 or None
        Of `missing_pixels`.

    Returns
    -------
    smooth, with_axes : (S, S/2 + 1) float64
        The first has its lines on the axes taken from the lines beside them; the second has them as measured.
    """
    from scipy import fft

    side = power.shape[0]
    with_axes = power
    if usable is not None:
        with_axes = np.asarray(fft.rfft2(fft.irfft2(power, (side, side)) / usable).real)
    factor = end_factor(side)
    covariance = fft.irfft2(beside_axes(with_axes), (side, side))
    smooth = np.asarray(fft.rfft2(covariance * factor[:, None] * factor).real)
    return smooth, with_axes


def end_factor(side: int) -> FloatArray:
    """Factor (S,) of an autocovariance along one axis that takes off the ends of blocks. [1]"""
    lag = np.minimum(np.arange(side), side - np.arange(side))
    fade = np.clip(2 - lag / (CORRELATED_WITHIN * side), 0, 1)
    return np.asarray(1 + fade * (1 / (1 - lag / side) - 1))


def beside_axes(power: FloatArray) -> FloatArray:
    """Spectrum whose lines on the axes are the mean of the lines on both sides of them, (S, S/2 + 1)."""
    bare = power.copy()
    opposite = -np.arange(power.shape[0])  # the same wave with u reversed: row -v
    bare[:, 0] = (power[:, 1] + power[opposite, 1]) / 2
    bare[0, 1:] = (power[1, 1:] + power[-1, 1:]) / 2
    bare[0, 0] = (bare[0, 1] + bare[1, 0]) / 2
    return bare


def full_plane_mean(power: FloatArray) -> float:
    """Mean over the whole plane of a half plane (S, S/2 + 1): the variance. [as the spectrum]"""
    weight = np.full(power.shape[1], 2.0)
    weight[0] = weight[-1] = 1.0
    return float((power.mean(axis=0) * weight).sum() / weight.sum())


def _even_weights(first: npt.NDArray[np.int64], side: int) -> FloatArray:
    """Weight of each block (B,) along one axis: a quadratic trend has the same mean over blocks as over pixels.

    Pixels near the ends lie in one block, all others in two: the blocks at the ends count for more. The ends are those
    of the blocks there are.
    """
    starts, which = np.unique(first, return_inverse=True)
    weight = np.full(starts.size, 1 / starts.size)
    if starts.size < 3:
        return weight[which]
    length = starts[-1] + side - starts[0]
    square = (starts - (starts[0] + starts[-1]) / 2) ** 2
    wanted = (length**2 - side**2) / 12  # over all pixels, less what lies within a block
    inner = square[1:-1].mean()
    ends = min(max((wanted - inner) / (square[[0, -1]].mean() - inner), 0.0), 1.0)
    weight[:] = (1 - ends) / (starts.size - 2)
    weight[[0, -1]] = ends / 2
    return weight[which]


def _apart(rows: npt.NDArray[np.int64], cols: npt.NDArray[np.int64], weight: FloatArray, side: int) -> float:
    """How many of the blocks count as independent.

    Power spectra of overlapped blocks correlate by the squared transform of the overlap: for half of it 0.25 at the
    same frequency and 1/(pi d)^2 d bins away (d odd). Averages over many bins, as all curves are, take the sum of it,
    which is the overlap itself.
    """
    overlap = [np.clip(1 - np.abs(each[:, None] - each) / side, 0, 1) for each in (rows, cols)]
    together = overlap[0] * overlap[1]
    return float(1 / (weight[:, None] * together * weight).sum())

"""Sums over the samples of pixels, and means over those of a plane a little deeper than the one projected to."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit, prange

Picture = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]


def pixel_means(sums: Picture, samples_per_pixel: int, centre: tuple[float, float], magnification: float) -> Picture:
    """Each pixel's mean over the samples whose rays go on to it.

    Rays that are a little apart in one plane are a little farther apart in a deeper one, where a pixel so sees a
    smaller square of the first. Samples count with the area that the square has of them: nothing becomes negative, and
    a sample that is shared by two pixels blurs by its own size at most.

    Parameters
    ----------
    sums : (K, H * S, W * S) float32
        Samples of the plane that was projected to. [any]
    samples_per_pixel : int
        S. [1]
    centre : (float, float)
        Row and column of samples that the central ray meets; they may lie outside. [1]
    magnification : float
        Distance of the source from the deeper plane over that from the other; near 1. [1]

    Returns
    -------
    means : (K, H, W) float32
        [unit of sums]  Mirrored nowhere: beyond the border the last sample goes on.

    Raises
    ------
    ValueError
        If the magnification is below 1, or the samples do not make whole pixels.
    """
    means = StripMeans(sums.shape, samples_per_pixel, centre, magnification)
    means.add(sums)
    return means.out


class StripMeans:
    """`pixel_means` of a plane that comes in strips of rows, from the top.

    Parameters
    ----------
    shape : (int, int, int)
        K, and the rows and columns of all samples. [1]
    samples_per_pixel, centre, magnification
        As `pixel_means` takes them.

    Attributes
    ----------
    out : (K, H, W) float32
        The means; whole when all rows were added. [unit of sums]

    Raises
    ------
    ValueError
        As `pixel_means`.
    """

    def __init__(
        self, shape: tuple[int, ...], samples_per_pixel: int, centre: tuple[float, float], magnification: float
    ) -> None:
        if not magnification >= 1:
            raise ValueError(f"magnification must be 1 or more, got {magnification}")
        if shape[1] % samples_per_pixel or shape[2] % samples_per_pixel:
            raise ValueError(f"{shape[1]} x {shape[2]} samples are no whole pixels of {samples_per_pixel}")
        self._rows, self._cols = (
            _shares(size, samples_per_pixel, at, magnification) for size, at in zip(shape[1:], centre, strict=True)
        )
        self.out: Picture = np.empty((shape[0], len(self._rows[0]), len(self._cols[0])), dtype=np.float32)
        self._held: Picture | None = None  # rows that pixels to come see, and the first of them
        self._first = 0
        self._done = 0  # rows of pixels

    def add(self, strip: Picture) -> None:
        """Take the next rows (K, N, W * S) of samples."""
        held = strip if self._held is None else np.concatenate([self._held, strip], axis=1)
        stop = self._first + held.shape[1]
        taken, share = self._rows
        done = int(np.searchsorted(taken[:, -1], stop))
        now = slice(self._done, done)
        for plane, out in zip(held, self.out, strict=True):
            _pixel_means(plane, taken[now] - self._first, share[now], *self._cols, out[now])
        first = int(taken[done, 0]) if done < len(taken) else stop
        self._held, self._first, self._done = held[:, first - self._first :].copy(), first, done


def pixel_sums(sums: Picture, samples_per_pixel: int) -> Picture:
    """Sums over the samples of each pixel.

    Parameters
    ----------
    sums : (H * S, W * S) float32
        Samples. [any]
    samples_per_pixel : int
        S. [1]

    Returns
    -------
    summed : (H, W) float32
        [unit of sums]
    """
    summed = np.empty((sums.shape[0] // samples_per_pixel, sums.shape[1] // samples_per_pixel), dtype=np.float32)
    _pixel_sums(sums, samples_per_pixel, summed)
    return summed


@njit(parallel=True, cache=True, error_model="numpy")
def _pixel_sums(sums: Picture, samples: int, out: Picture) -> None:
    """Writes every element of ``out`` (H, W)."""
    for row in prange(out.shape[0]):
        for col in range(out.shape[1]):
            total = 0.0
            for down in range(samples):
                for across in range(samples):
                    total += sums[row * samples + down, col * samples + across]
            out[row, col] = total


def _shares(size: int, samples: int, centre: float, magnification: float) -> tuple[IntArray, Picture]:
    """Which samples (N, S + 1) each pixel of an axis sees, and which fraction of the pixel each one is."""
    edges = np.arange(size // samples + 1) * samples - 0.5
    edges = centre + (edges - centre) / magnification + 0.5  # sample i goes from i to i + 1
    low, high = edges[:-1, None], edges[1:, None]
    taken = np.floor(low).astype(np.int64) + np.arange(samples + 1)
    overlap = np.clip(np.minimum(high, taken + 1) - np.maximum(low, taken), 0.0, None)
    return np.clip(taken, 0, size - 1), (overlap / overlap.sum(axis=1, keepdims=True)).astype(np.float32)


@njit(parallel=True, cache=True, error_model="numpy")
def _pixel_means(
    plane: Picture, row_taken: IntArray, row_share: Picture, col_taken: IntArray, col_share: Picture, out: Picture
) -> None:
    """Writes every element of ``out`` (H, W)."""
    for row in prange(out.shape[0]):
        line = np.zeros(plane.shape[1], np.float32)
        for tap in range(row_taken.shape[1]):
            source, share = row_taken[row, tap], row_share[row, tap]
            for col in range(line.size):
                line[col] += share * plane[source, col]
        for col in range(out.shape[1]):
            total = np.float32(0.0)
            for tap in range(col_taken.shape[1]):
                total += col_share[col, tap] * line[col_taken[col, tap]]
            out[row, col] = total

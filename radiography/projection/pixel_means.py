"""Means over the pixels of a plane that lies a little deeper than the one that was projected to."""

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
    if not magnification >= 1:
        raise ValueError(f"magnification must be 1 or more, got {magnification}")
    if sums.shape[1] % samples_per_pixel or sums.shape[2] % samples_per_pixel:
        raise ValueError(f"{sums.shape[1]} x {sums.shape[2]} samples are no whole pixels of {samples_per_pixel}")
    rows, cols = (
        _shares(size, samples_per_pixel, at, magnification) for size, at in zip(sums.shape[1:], centre, strict=True)
    )
    means = np.empty((len(sums), len(rows[0]), len(cols[0])), dtype=np.float32)
    for plane, out in zip(sums, means, strict=True):
        _pixel_means(plane, *rows, *cols, out)
    return means


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

"""Noise that stands still, and noise that a frame leaves behind for the next: told apart by their covariances."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from radiography.analysis.noise.frames import Residual

FloatArray = npt.NDArray[np.float64]
SAMPLED_NUMBERS = 2**25  # of all frames together that covariances are taken of: 128 MiB
DECAYS = np.linspace(0.0, 0.95, 20)  # from frame to frame, tried
SIGNIFICANT = 9.0  # fall of chi-square from which a decay other than 0 is believed: three standard errors


@dataclass(frozen=True, eq=False)
class FrameCorrelation:
    """How noise of one frame goes with that of others.

    ``neighbours``: correlation of what changes, of one frame and the next [1], with its ``standard_error``; 0 and NaN
    where it cannot be known. ``known``: whether it could be. ``matrix`` (N, N): of all frames. [1]
    """

    neighbours: float
    standard_error: float
    known: bool
    matrix: FloatArray

    @property
    def in_mean(self) -> float:
        """Variance of the mean of all frames over that of one frame, of what changes. [1]"""
        return float(self.matrix.mean())

    @property
    def in_power(self) -> float:
        """Variance of the mean of all frames' power spectra over that of one, of what changes. [1]"""
        return float((self.matrix**2).mean())


def sample_rows(shape: tuple[int, int], frames: int) -> npt.NDArray[np.int64]:
    """Rows of a region that covariances are taken of, evenly spread so that all frames' fit into memory.

    Parameters
    ----------
    shape : (int, int)
        Of a residual. [pixel]
    frames : int
        How many there are. [1]

    Returns
    -------
    rows : (R,) int64
    """
    wanted = max(8, SAMPLED_NUMBERS // max(1, frames * shape[1]))
    return np.unique(np.linspace(0, shape[0] - 1, min(shape[0], wanted)).astype(np.int64))


def sampled(residual: Residual, rows: npt.NDArray[np.int64]) -> Residual:
    """Some rows without what whole rows and columns have in common, as one line.

    Parameters
    ----------
    residual : (H, W) float32
        [1]
    rows : (R,) int64
        Of `sample_rows`.

    Returns
    -------
    sample : (R W,) float32
        [1]
    """
    part = residual[rows]
    part -= part.mean(axis=1, keepdims=True)
    part -= part.mean(axis=0, keepdims=True)
    return np.asarray(part.reshape(-1))


def correlate(samples: Residual, independent_pixels: float) -> FrameCorrelation:
    """Correlation from frame to frame, beside what stands still.

    Covariances of frames m apart are those of the fixed pattern plus, of what changes, one that falls from m = 1 by
    the same factor with each frame. The factor is 0 unless the covariances say otherwise.

    Parameters
    ----------
    samples : (N, K) float32
        Of `sampled`, in the order in which the frames were taken. [1]
    independent_pixels : float
        How many of the K are, for the standard error. [1]

    Returns
    -------
    correlation : FrameCorrelation
        Known from three frames on.
    """
    count = samples.shape[0]
    if count < 3:
        return FrameCorrelation(0.0, float("nan"), False, np.eye(count))
    covariance = np.empty((count, count))
    for i in range(count):
        for j in range(i + 1):  # not a matrix product, whose sums depend on the number of threads
            covariance[i, j] = covariance[j, i] = (samples[i] * samples[j]).mean(dtype=np.float64)
    apart = np.abs(np.subtract.outer(np.arange(count), np.arange(count)))
    by_lag = np.array([covariance[apart == m].mean() for m in range(count)])
    lag, weight = np.arange(1, count), np.arange(count - 1, 0, -1.0)
    total = float(by_lag[0])
    least, chosen = np.inf, (0.0, float(by_lag[-1]), 0.0)
    for decay in DECAYS[: len(DECAYS) if count > 4 else 1]:
        fixed, first, squares = _fit(by_lag[1:], lag, weight, float(decay))
        moving = max(total - fixed, 1e-3 * total)
        chi_square = squares * independent_pixels / moving**2
        if chi_square < least - (SIGNIFICANT if decay > 0 and chosen[2] == 0 else 0) and fixed < total:
            least, chosen = chi_square, (first, fixed, float(decay))
    first, fixed, decay = chosen
    moving = max(total - fixed, 1e-12 * total)
    neighbours = float(np.clip(first / moving, -0.5, 0.99))
    error = float(np.sqrt((1 / weight[0] + 1 / max(weight[1:].sum(), 1.0)) / independent_pixels))
    matrix = np.where(apart == 0, 1.0, neighbours * decay ** np.maximum(apart - 1, 0))
    return FrameCorrelation(neighbours, error, True, matrix)


def _fit(
    covariance: FloatArray, lag: npt.NDArray[np.int64], weight: FloatArray, decay: float
) -> tuple[float, float, float]:
    """Fixed part, what changes at lag 1, and weighted sum of squares left."""
    design = np.stack([np.ones(lag.size), decay ** (lag - 1.0)], axis=1)
    root = np.sqrt(weight)
    found = np.linalg.lstsq(design * root[:, None], covariance * root, rcond=None)[0]
    rest = covariance - design @ found
    return float(found[0]), float(found[1]), float((weight * rest**2).sum())

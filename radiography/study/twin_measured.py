"""Signal, noise power and MTF of corrected frames with their standard errors, in the few numbers that a fit needs.

Noise power is that of `noise_power_spectrum` over all directions, averaged in bins up to 80 % of the Nyquist frequency;
the MTF is that of `slanted_edge_mtf` at fixed frequencies. A panel and its twin are measured by the same functions.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from radiography.analysis.mtf import slanted_edge_mtf
from radiography.analysis.nps import FEW_PIXELS, ONE_FRAME, TWO_FRAMES, noise_power_spectrum
from radiography.light.transport import FREQUENCY_PER_MM

BIN_EDGES = np.arange(0.05, 0.401, 0.05)  # of the noise power [cycles/pixel]: to 80 % of Nyquist, without the trend
NODES, NODE_WEIGHTS = np.polynomial.legendre.leggauss(3)
WINDOW = 0.02  # cycles/pixel that one value of a spectrum is averaged over, as in IEC 62220-1-1
HIGHEST = 0.4  # cycles/pixel of the MTF: 80 % of Nyquist
FREQUENCIES = 12  # of the MTF
BLOCKS_PX = (256, 128, 64)  # the first of which half a side of what is usable holds
LINES = 2.5  # of a spectrum that neighbouring values share: fitted to the scatter of 30 white series
KERMA_REPEATS = 0.003  # assumed: how well kermas of one day agree with each other
MTF_FLOOR = 0.001  # assumed: what different regions and fits of one edge give
NNPS_FLOOR = 0.003  # assumed: likewise
SAID_OTHERWISE = (FEW_PIXELS, ONE_FRAME, TWO_FRAMES)  # ends of warnings of noise: errors and notes hold them

FloatArray = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class DoseFrames:
    """Flat frames of one exposure.

    Attributes
    ----------
    air_kerma_uGy : float
        At the panel, of each frame. [uGy]
    frames : sequence of (H, W) arrays
        Offset- and gain-corrected, in the order in which they were taken. [DN]
    """

    air_kerma_uGy: float
    frames: Sequence[npt.NDArray[np.floating]]

    def __post_init__(self) -> None:
        if not (np.isfinite(self.air_kerma_uGy) and self.air_kerma_uGy > 0):
            raise ValueError(f"air kerma of flat frames must be above 0 uGy, got {self.air_kerma_uGy:g}")
        if len(self.frames) == 0:
            raise ValueError(f"there is no flat frame at {self.air_kerma_uGy:g} uGy")


@dataclass(frozen=True, eq=False)
class MeasuredDose:
    """Flat frames of one exposure in numbers.

    Attributes
    ----------
    air_kerma_uGy : float
        [uGy]
    signal_dn, signal_error : float
        Mean, and its standard error with that of the kerma. [DN]
    variance_dn2, variance_error : float
        Of a pixel, from frame to frame where several tell; without rows and columns. [DN2]
    frequency_per_mm, nnps, nnps_error : (J,) float64
        Noise power over the squared signal, mean over directions. [1/mm, mm2, mm2]
    frames : int
        [1]
    warnings : tuple of str
        Of the noise measurement, but that frames are few: the errors hold it.
    """

    air_kerma_uGy: float
    signal_dn: float
    signal_error: float
    variance_dn2: float
    variance_error: float
    frequency_per_mm: FloatArray
    nnps: FloatArray
    nnps_error: FloatArray
    frames: int
    warnings: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class MeasuredEdge:
    """Presampled MTF of an edge: frequencies, values and standard errors (F,) [1/mm, 1, 1], direction and warnings."""

    frequency_per_mm: FloatArray
    mtf: FloatArray
    mtf_error: FloatArray
    orientation: str
    warnings: tuple[str, ...]


def noise_frequencies_per_mm(pitch_mm: float) -> FloatArray:
    """Middles of the bins of the noise power, (J,). [1/mm]

    Parameters
    ----------
    pitch_mm : float
        Pixel pitch. [mm]

    Returns
    -------
    frequency_per_mm : (J,) float64
    """
    return np.asarray((BIN_EDGES[1:] + BIN_EDGES[:-1]) / 2 / pitch_mm)


def noise_nodes_per_mm(pitch_mm: float) -> FloatArray:
    """Frequencies whose noise power gives the means of the bins, (3 J,), three in each. [1/mm]

    Parameters
    ----------
    pitch_mm : float
        Pixel pitch. [mm]

    Returns
    -------
    frequency_per_mm : (3 J,) float64
    """
    middle, half = (BIN_EDGES[1:] + BIN_EDGES[:-1]) / 2, np.diff(BIN_EDGES) / 2
    return np.asarray((middle[:, None] + half[:, None] * NODES).ravel() / pitch_mm)


def mean_in_bins(nnps: FloatArray) -> FloatArray:
    """Noise power of the bins, (D, J), from that at `noise_nodes_per_mm`, (D, 3 J): the mean of logarithms. [mm2]

    Parameters
    ----------
    nnps : (D, 3 J) float64
        [mm2]

    Returns
    -------
    nnps : (D, J) float64
    """
    return np.asarray(
        np.exp(np.log(nnps).reshape(nnps.shape[0], nnps.shape[1] // NODES.size, NODES.size) @ (NODE_WEIGHTS / 2))
    )


def mtf_frequencies_per_mm(pitch_mm: float) -> FloatArray:
    """Frequencies of the MTF, (F,), to 80 % of Nyquist or as far as the light of a layer is known. [1/mm]

    Parameters
    ----------
    pitch_mm : float
        Pixel pitch. [mm]

    Returns
    -------
    frequency_per_mm : (F,) float64
    """
    highest = min(HIGHEST / pitch_mm, FREQUENCY_PER_MM[-1])
    return np.asarray(np.arange(1, FREQUENCIES + 1) / FREQUENCIES * highest)


def measure_dose(flats: DoseFrames, pitch_mm: float, defects: Mask | None = None) -> MeasuredDose:
    """Signal and noise of flat frames.

    Parameters
    ----------
    flats : DoseFrames
        Of one exposure.
    pitch_mm : float
        Pixel pitch. [mm]
    defects : (H, W) bool, optional
        True where a pixel is unusable.

    Returns
    -------
    measured : MeasuredDose

    Raises
    ------
    TypeError, ValueError
        As `noise_power_spectrum`, or if fewer than 128 rows or columns are usable.
    """
    shape = np.asarray(flats.frames[0]).shape
    usable = (shape[0], shape[-1]) if defects is None else _usable_extent(defects)
    fitting = [side for side in BLOCKS_PX if 2 * side <= min(usable)]
    if not fitting:
        less = "" if usable == shape else f", of which {usable[0]} x {usable[1]} are not left out"
        raise ValueError(
            f"flat frames of a twin must have 128 x 128 pixels or more, got {shape[0]} x {shape[-1]}{less}"
        )
    noise = noise_power_spectrum(flats.frames, pitch_mm, defects=defects, block_px=fitting[0])
    several = noise.frames >= 3 and noise.temporal is not None  # two do not tell lag from a fixed pattern
    curve = noise.temporal.radial if several and noise.temporal is not None else noise.curves.radial
    window = max(WINDOW, LINES / noise.block_px)
    nnps, error = _in_bins(curve.frequency_per_mm * pitch_mm, curve.value, curve.standard_error, window)
    parts = noise.pixel_variance
    everything = temporal_variance(flats.frames, defects) if several else parts.total
    variance = everything - parts.rows - parts.columns
    of_bins = float(np.sqrt(np.mean((error / nnps) ** 2) / nnps.size))
    repeated = 0.0 if noise.frames == 1 else noise.mean_sigma / noise.mean_signal
    return MeasuredDose(
        air_kerma_uGy=flats.air_kerma_uGy,
        signal_dn=noise.mean_signal,
        signal_error=noise.mean_signal * float(np.hypot(repeated, KERMA_REPEATS)),
        variance_dn2=float(variance),
        variance_error=float(variance) * float(np.hypot(of_bins, NNPS_FLOOR)),
        frequency_per_mm=noise_frequencies_per_mm(pitch_mm),
        nnps=nnps,
        nnps_error=np.hypot(error, NNPS_FLOOR * nnps),
        frames=noise.frames,
        warnings=tuple(said for said in noise.warnings if not said.endswith(SAID_OTHERWISE)),
    )


def _usable_extent(defects: Mask) -> tuple[int, int]:
    """Rows and columns from the first to the last with a usable pixel. [pixel]"""
    lines = [np.flatnonzero(~defects.all(axis=axis)) for axis in (1, 0)]
    rows, cols = (int(line[-1] + 1 - line[0]) if line.size else 0 for line in lines)
    return rows, cols


def temporal_variance(frames: Sequence[npt.NDArray[np.floating]], defects: Mask | None = None) -> float:
    """Variance of the typical pixel from frame to frame, each over its own mean: what a gain map made of them leaves.

    Parameters
    ----------
    frames : sequence of (H, W) arrays
        Corrected; taken once, one after the other. [DN]
    defects : (H, W) bool, optional
        True where a pixel is unusable.

    Returns
    -------
    variance : float
        Of what changes, with the N - 1 of N frames that share a mean. [DN2]

    Notes
    -----
    A gain map from the same frames holds their noise: what stands still in corrected frames is then less than none,
    and the sum of variances over the plane of frequencies too small by as much.
    """
    count, levels = 0, 0.0
    mean, squares = np.zeros(()), np.zeros(())
    for frame in frames:
        value = np.asarray(frame, dtype=np.float64)
        good = np.isfinite(value) if defects is None else np.isfinite(value) & ~defects
        level = float(value[good].mean())
        value = np.where(good, value / level, np.nan)
        count, levels = count + 1, levels + level
        step = value - mean
        mean = mean + step / count
        squares = squares + step * (value - mean)
    return float(np.nanmean(squares)) / (count - 1) * (levels / count) ** 2


def _in_bins(cycles: FloatArray, value: FloatArray, error: FloatArray, window: float) -> tuple[FloatArray, FloatArray]:
    """Noise power at the middle of each bin and its standard error, (J,) each: that of a line through logarithms."""
    in_bins = []
    for low, high in itertools.pairwise(BIN_EDGES):
        inside = (cycles >= low) & (cycles < high) & (value > 0)
        if inside.sum() < 2:
            raise ValueError(f"the noise power from {low:g} to {high:g} cycles per pixel is not above zero")
        _, middle = np.polyfit(cycles[inside] - (low + high) / 2, np.log(value[inside]), 1)
        of_middle = float(np.mean(error[inside] / value[inside])) * np.sqrt(window / (high - low))
        in_bins.append((np.exp(middle), np.exp(middle) * of_middle))
    nnps, nnps_error = np.array(in_bins).T
    return nnps, nnps_error


def measure_edge(
    edge: npt.NDArray[np.floating],
    pitch_mm: float,
    defects: Mask | None = None,
    roi: tuple[int, int, int, int] | None = None,
) -> MeasuredEdge:
    """Presampled MTF of an edge frame.

    Parameters
    ----------
    edge : (H, W) float array
        Corrected. [DN]
    pitch_mm : float
        Pixel pitch. [mm]
    defects : (H, W) bool, optional
        True where a pixel is unusable.
    roi : (first row, end row, first column, end column), optional
        Where the edge lies. [pixel]

    Returns
    -------
    measured : MeasuredEdge

    Raises
    ------
    TypeError, ValueError
        As `slanted_edge_mtf`.
    """
    frequency = mtf_frequencies_per_mm(pitch_mm)
    curve = slanted_edge_mtf(edge, pitch_mm, roi=roi, defects=defects)
    kept = frequency[frequency <= curve.cutoff_per_mm]
    value, error = (np.interp(kept, curve.frequency_per_mm, each) for each in (curve.value, curve.standard_error))
    return MeasuredEdge(kept, value, np.hypot(error, MTF_FLOOR), curve.orientation, curve.warnings)

"""Result of a noise measurement: curves with their standard errors, and what was found on the way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


@dataclass(frozen=True, eq=False)
class Curve:
    """A spectrum along one direction.

    ``frequency_per_mm``, ``value``, ``standard_error`` (J,): value plus or minus 1.96 standard errors holds the truth
    in 95 of 100 measurements. [1/mm, unit of the value]
    """

    frequency_per_mm: np.ndarray
    value: np.ndarray
    standard_error: np.ndarray


class NoiseCurves(NamedTuple):
    """Along a row, down a column, and averaged over all directions, without the lines on the axes."""

    horizontal: Curve
    vertical: Curve
    radial: Curve


class AxisLines(NamedTuple):
    """The lines on the axes: noise that whole columns (horizontal) or whole rows (vertical) have in common."""

    horizontal: Curve
    vertical: Curve


@dataclass(frozen=True)
class NoisePeak:
    """A pattern of one frequency, taken off before the spectra.

    ``frequency_u_per_mm`` along a row, ``frequency_v_per_mm`` down a column; a negative v slants the other way. [1/mm]
    ``relative_amplitude``: of the wave, over the mean signal, root mean square over frames. [1] ``kind``: "fixed"
    stands still, "temporal" changes its phase from frame to frame, "unknown" is of a single frame.
    """

    frequency_u_per_mm: float
    frequency_v_per_mm: float
    relative_amplitude: float
    kind: str


@dataclass(frozen=True)
class PixelVariance:
    """Variance of one pixel, in DN squared, and its parts: ``total`` is the sum of the others.

    ``temporal`` changes from frame to frame, ``fixed`` does not; both without ``rows`` and ``columns``, what whole rows
    and whole columns have in common, fixed or not. Peaks are left out. None where a single frame cannot tell.
    """

    total: float
    temporal: float | None
    fixed: float | None
    rows: float
    columns: float


@dataclass(frozen=True, eq=False)
class NpsResult:
    """Normalised noise power spectrum of flat frames.

    Attributes
    ----------
    definition : str
        How the spectra were made, in words.
    pitch_mm : float
        [mm]
    frames, block_px, blocks, independent_blocks : int
        Frames, side of a block, spectra that were averaged, and how many of them count as independent. [1]
    roi : (int, int, int, int)
        First and end row, first and end column.
    mean_signal : float
        Mean over frames and region. [DN]
    mean_sigma : float
        Standard error of it from frame to frame, NaN for one frame. [DN]
    curves : NoiseCurves
        All noise off the axes. [mm2]
    temporal, fixed : NoiseCurves or None
        What changes from frame to frame, and what does not. [mm2]
    axis_lines : AxisLines
        [mm2]
    picture : (S, S) float64
        Two-dimensional spectrum, frequency zero in the middle at (S/2, S/2), steps of 1/(S pitch). [mm2]
    peaks : tuple of NoisePeak
        Strongest first.
    pixel_variance : PixelVariance
        [DN2]
    frame_correlation : float or None
        Of what changes, between one frame and the next; None where fewer than three frames cannot tell. [1]
    frame_correlation_error : float or None
        [1]
    flicker : float
        Standard deviation of the frames' means over their mean, taken off. [1]
    defect_count : int
        Pixels left out. [1]
    warnings : tuple of str
        What to doubt, a sentence each.
    """

    definition: str
    pitch_mm: float
    frames: int
    block_px: int
    blocks: int
    independent_blocks: int
    roi: tuple[int, int, int, int]
    mean_signal: float
    mean_sigma: float
    curves: NoiseCurves
    temporal: NoiseCurves | None
    fixed: NoiseCurves | None
    axis_lines: AxisLines
    picture: np.ndarray
    peaks: tuple[NoisePeak, ...]
    pixel_variance: PixelVariance
    frame_correlation: float | None
    frame_correlation_error: float | None
    flicker: float
    defect_count: int
    warnings: tuple[str, ...]

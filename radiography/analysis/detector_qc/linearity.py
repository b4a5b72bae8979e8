"""Exposure linearity and detective range: the signal of evenly exposed frames against their air kerma.

A straight line through the levels, each weighed by what it is known to; the largest departure from it; and the range
of kerma from where the signal stands out of the noise of dark frames to the highest that is still on the line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

KERMA_ERROR = 0.005  # relative: of a dosimeter from exposure to exposure   # assumed
LARGEST_DEPARTURE = 0.02  # relative: of a level that still counts as on the line   # chosen
DETECTED = 3.0  # standard deviations of a dark pixel: the least signal that is one; IUPAC
DEFINITION = (
    "straight line through signal against kerma, weighed by the noise of each level and 0.5 % of its kerma; "
    "nonlinearity: departure from it over the signal; range: from 3 standard deviations of a pixel without exposure "
    "over the slope to the highest level that departs by no more than 2 %"
)

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Linearity:
    """Response of the detector.

    Attributes
    ----------
    kerma_uGy, signal_dn, signal_error, nonlinearity : (L,) float64
        Levels in rising order, their signal, its standard error, and the relative departure from the line. [uGy, DN, 1]
    offset_dn, offset_error : float
        Where the line meets zero kerma. [DN]
    dn_per_uGy, slope_error : float
        Slope of the line. [DN/uGy]
    worst_nonlinearity, worst_error : float
        Largest absolute departure among the levels that are not saturated, and the standard error of it. [1]
    lowest_uGy, lowest_error, highest_uGy : float
        Detective range; the lowest is NaN without a noise to compare with. [uGy]
    saturated : (L,) bool
        Levels left out of the line for standing below it at the upper end.
    doubts : tuple of str
        A sentence each.
    """

    kerma_uGy: FloatArray
    signal_dn: FloatArray
    signal_error: FloatArray
    nonlinearity: FloatArray
    offset_dn: float
    offset_error: float
    dn_per_uGy: float
    slope_error: float
    worst_nonlinearity: float
    worst_error: float
    lowest_uGy: float
    lowest_error: float
    highest_uGy: float
    saturated: NDArray[np.bool_]
    doubts: tuple[str, ...]


def measure_linearity(
    kerma_uGy: Sequence[float] | FloatArray,
    signal_dn: Sequence[float] | FloatArray,
    signal_error: Sequence[float] | FloatArray,
    dark_noise: tuple[float, float] | None = None,
) -> Linearity:
    """Line, nonlinearity and detective range of a dose series.

    Parameters
    ----------
    kerma_uGy : (L,) float64
        Air kerma of each level, 0 and more. [uGy]
    signal_dn, signal_error : (L,) float64
        Mean of each level, and its standard error. [DN]
    dark_noise : (float, float), optional
        Standard deviation of a pixel without exposure, and its standard error. [DN]

    Returns
    -------
    response : Linearity

    Raises
    ------
    ValueError
        If there are fewer than three different levels, or the signal does not rise with the kerma.
    """
    order = np.argsort(kerma_uGy, kind="stable")
    kerma, signal, error = (np.asarray(x, dtype=np.float64)[order] for x in (kerma_uGy, signal_dn, signal_error))
    if np.unique(kerma).size < 3:
        raise ValueError(f"linearity needs 3 different doses or more, got {np.unique(kerma).size}")
    if not (np.isfinite(kerma).all() and (kerma >= 0).all()):
        raise ValueError(f"doses must be 0 uGy or more, got {', '.join(f'{k:g}' for k in kerma)}")
    doubts = []
    used = np.ones(kerma.size, bool)
    while True:  # saturation stands below the line of the levels before it: the highest are left out while they do
        line = _line(kerma[used], signal[used], error[used])
        last = int(np.flatnonzero(used)[-1])
        trial = used.copy()
        trial[last] = False
        if np.unique(kerma[trial]).size < 3:
            break
        shorter = _line(kerma[trial], signal[trial], error[trial])
        if signal[last] >= (1.0 - LARGEST_DEPARTURE) * (shorter[0] + shorter[1] * kerma[last]):
            break
        used = trial
    offset, slope, covariance, reduced = line
    if not slope > 0:
        raise ValueError(
            f"the signal must rise with the dose, its slope is {slope:.4g} DN/uGy: see the order of --dose"
        )
    fitted = offset + slope * kerma
    exposed = kerma > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        departure = np.where(exposed, (signal - fitted) / (fitted - offset), 0.0)
        departure_error = np.where(exposed, np.hypot(error / (fitted - offset), KERMA_ERROR), 0.0)
    judged = np.flatnonzero(used & exposed)
    worst = int(judged[np.argmax(np.abs(departure[judged]))])
    on_line = judged[np.abs(departure[judged]) <= LARGEST_DEPARTURE]
    if not used.all():
        doubts.append(
            f"{int((~used).sum())} of {kerma.size} levels, from {kerma[~used].min():.4g} uGy on, stand more than "
            f"{100 * LARGEST_DEPARTURE:g} % below the line of the others and were left out of it: saturation"
        )
    if reduced > 9.0:
        doubts.append(
            f"the levels scatter about the line by {np.sqrt(reduced):.2g} times their errors: it bends, or doses are "
            f"not what they are said to be"
        )
    lowest = lowest_error = float("nan")
    slope_error = float(np.sqrt(covariance[1, 1]))
    if dark_noise is not None:
        lowest = DETECTED * dark_noise[0] / slope
        relative = dark_noise[1] / dark_noise[0] if dark_noise[0] > 0 else 0.0
        lowest_error = lowest * float(np.hypot(relative, slope_error / slope))
    return Linearity(
        kerma_uGy=kerma,
        signal_dn=signal,
        signal_error=error,
        nonlinearity=departure,
        offset_dn=float(offset),
        offset_error=float(np.sqrt(covariance[0, 0])),
        dn_per_uGy=float(slope),
        slope_error=slope_error,
        worst_nonlinearity=float(abs(departure[worst])),
        worst_error=float(departure_error[worst]),
        lowest_uGy=float(lowest),
        lowest_error=float(lowest_error),
        highest_uGy=float(kerma[on_line].max()) if on_line.size else float("nan"),
        saturated=~used,
        doubts=tuple(doubts),
    )


def _line(kerma: FloatArray, signal: FloatArray, error: FloatArray) -> tuple[float, float, FloatArray, float]:
    """Offset and slope, their covariance, and chi-square over degrees of freedom."""
    rough = np.polyfit(kerma, signal, 1)[0]
    sigma = np.hypot(np.maximum(error, 1e-9 * np.abs(signal).max()), KERMA_ERROR * abs(rough) * kerma)
    design = np.stack([np.ones_like(kerma), kerma], axis=1) / sigma[:, None]
    covariance = np.linalg.inv(design.T @ design)
    offset, slope = covariance @ design.T @ (signal / sigma)
    left = (signal - offset - slope * kerma) / sigma
    reduced = float(left @ left) / max(kerma.size - 2, 1)
    return float(offset), float(slope), covariance * max(reduced, 1.0), reduced

"""Dark frames of a panel: read noise, noise of lines, and the electrons behind a DN from the noise of the dark current.

Dark current is counted electron by electron after the light has spread, so its variance is its mean, in electrons,
whatever layer and beam are. Where darks of a long and a short integration time are at hand, the variance that the long
one has more, over the mean that it has more, is DN per electron. Flats cannot tell: what they show is charge for an
X-ray quantum, the product of the layer's light and the panel's conversion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from calibration.learn import FrameStack
from radiography.panel.panel import LagTerm
from radiography.panel.trapping import FrameTimes, trapped_fractions
from radiography.study.twin_noise import PairNoise, pair_noise

LARGEST_ERROR = (
    0.25  # relative, of electrons per DN that count as determined: four standard errors from none   # chosen
)

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class DarkNoise:
    """Noise of dark frames.

    Attributes
    ----------
    read, read_error : float
        Variance of a pixel without that of the dark current; rounding by the ADC is in it. [DN2]  NaN of single frames.
    row, row_error, column, column_error : float
        Variance common to a row and to a column. [DN2]
    electrons_per_dn, electrons_per_dn_error : float
        From the noise of the dark current; NaN where that is too weak to tell. [electrons/DN]
    pairs : int
        Differences of frames behind it. [1]
    """

    read: float
    read_error: float
    row: float
    row_error: float
    column: float
    column_error: float
    electrons_per_dn: float
    electrons_per_dn_error: float
    pairs: int


def dark_noise(
    stacks: Sequence[FrameStack],
    offset_dn: npt.NDArray[np.float32],
    good: npt.NDArray[np.bool_],
    *,
    rate_dn_per_s: float | None,
    rate_error_dn_per_s: float,
    electrons_per_dn: float,
    lag: Sequence[LagTerm] = (),
) -> DarkNoise:
    """Noise of dark stacks.

    Parameters
    ----------
    stacks : sequence of FrameStack
        Darks of one temperature; of several integration times where they are to tell electrons per DN.
    offset_dn : (H, W) float32
        Any dark signal: taken from all frames, so that differences are small numbers. [DN]
    good : (H, W) bool
        Pixels that count.
    rate_dn_per_s, rate_error_dn_per_s : float or None, float
        Mean dark current of these pixels and its standard error; None where it is not known. [DN/s]
    electrons_per_dn : float
        With which the noise of the dark current is taken out where it cannot be measured. [electrons/DN]
    lag : sequence of LagTerm
        Traps, which hold back part of the charge and so of its noise.

    Returns
    -------
    noise : DarkNoise
    """
    found: list[tuple[float | None, PairNoise]] = []
    for stack in stacks:
        one = pair_noise((frame - offset_dn for frame in stack.frames), good, equalised=False)
        if one is not None:
            found.append((stack.conditions.integration_time_s, one))
    if not found:
        nan = float("nan")
        return DarkNoise(
            read=nan,
            read_error=nan,
            row=nan,
            row_error=nan,
            column=nan,
            column_error=nan,
            electrons_per_dn=nan,
            electrons_per_dn_error=nan,
            pairs=0,
        )
    noises = [noise for _, noise in found]
    row, row_error = _mean([(noise.row, noise.row_error) for noise in noises])
    column, column_error = _mean([(noise.column, noise.column_error) for noise in noises])
    variance, error = (np.array([getattr(noise, name) for noise in noises]) for name in ("pixel", "pixel_error"))
    per_dn = per_dn_error = float("nan")
    times = [time_s for time_s, _ in found if time_s is not None]
    counted = np.zeros(len(found))  # dark charge whose noise is in each stack [DN]
    if rate_dn_per_s is not None and len(times) == len(found):
        kept = np.array([1.0 - _held(lag, time_s) for time_s in times])
        counted = rate_dn_per_s * np.array(times) * kept**2
        if len({round(time_s, 6) for time_s in times}) > 1 and rate_dn_per_s > 0:
            design = np.stack([np.ones(len(times)), counted], axis=1) / error[:, None]
            covariance = np.linalg.inv(design.T @ design)
            slope = float((covariance @ design.T @ (variance / error))[1])
            relative = float(np.hypot(covariance[1, 1] ** 0.5 / abs(slope), rate_error_dn_per_s / rate_dn_per_s))
            if slope > 0 and relative < LARGEST_ERROR:
                per_dn, per_dn_error = 1.0 / slope, relative / slope
    used = electrons_per_dn if np.isnan(per_dn) else per_dn
    read, read_error = _mean(list(zip((variance - counted / used).tolist(), error.tolist(), strict=True)))
    if not np.isnan(per_dn):  # the slope's error moves what is left at no dark charge
        middle = float(np.average(counted, weights=error**-2.0))
        read_error = float(np.hypot(read_error, middle / per_dn * (per_dn_error / per_dn)))
    pairs = sum(noise.pairs for noise in noises)
    return DarkNoise(
        read=read,
        read_error=read_error,
        row=row,
        row_error=row_error,
        column=column,
        column_error=column_error,
        electrons_per_dn=per_dn,
        electrons_per_dn_error=per_dn_error,
        pairs=pairs,
    )


def _held(lag: Sequence[LagTerm], time_s: float) -> float:
    """Fraction of the charge that traps hold at the readout, for charge that counts with a short exposure. [1]"""
    return float(trapped_fractions(lag, FrameTimes(time_s)).sum()) if lag else 0.0


def _mean(values: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Mean of values with standard errors, weighted, and its own."""
    value, error = np.array(values).T
    weight = np.maximum(error, 1e-12) ** -2.0
    return float(np.average(value, weights=weight)), float(weight.sum() ** -0.5)

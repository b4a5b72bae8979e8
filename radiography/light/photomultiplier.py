"""Photomultiplier behind a scintillator: counts with dead time, and the smallest dose rate that can be told from none.

References
----------
.. [1] Dead time: Knoll, "Radiation Detection and Measurement", section 4.VII.
.. [2] Limit of three standard deviations of the blank: IUPAC, Spectrochim. Acta B 33, 241 (1978).
.. [3] Currie, Anal. Chem. 40, 586 (1968), doi:10.1021/ac60259a007.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


def counted_per_s(true_per_s: npt.ArrayLike, dead_time_ns: float) -> FloatArray:
    """Counts of a counter that is blind for a fixed time after each [1]_.

    Parameters
    ----------
    true_per_s : array_like
        Pulses. [1/s]
    dead_time_ns : float
        Not extended by what falls into it. [ns]

    Returns
    -------
    counted : float64
        n / (1 + n tau). [1/s]
    """
    true = np.asarray(true_per_s, dtype=np.float64)
    return np.asarray(true / (1.0 + 1e-9 * dead_time_ns * true))


def limit_of_blank(slope: float, blank_deviation: float) -> float:
    """Smallest value told from a blank: 3 standard deviations of the blank over the slope [2]_.

    Parameters
    ----------
    slope : float
        Signal for one unit.
    blank_deviation : float
        Standard deviation of the blank, in the signal's unit.

    Returns
    -------
    limit : float
        In the unit that the slope is for.
    """
    return 3.0 * blank_deviation / slope


def limit_of_counting(slope_per_s: float, background_per_s: float, time_s: float) -> float:
    """Smallest rate told from a background that is counted as long: (2.71 + 3.29 sqrt(2 B)) / (slope t) [3]_.

    Parameters
    ----------
    slope_per_s : float
        Counts for one unit of the rate. [1/s]
    background_per_s : float
        [1/s]
    time_s : float
        Of counting, and of counting the blank. [s]

    Returns
    -------
    limit : float
        5 % of blanks are taken for signals and 5 % of signals of this size for blanks. In the unit of the rate.

    Notes
    -----
    Currie's paired observations: L_D = 2.71 + 4.65 sqrt(B).
    """
    return float((2.71 + 3.29 * np.sqrt(2.0 * background_per_s * time_s)) / (slope_per_s * time_s))


def weighted_line(x: npt.ArrayLike, y: npt.ArrayLike, error: npt.ArrayLike) -> tuple[float, float, float, float]:
    """Line through values with errors, by weighted least squares.

    Parameters
    ----------
    x, y, error : (N,) float64
        Values and the standard errors of y.

    Returns
    -------
    slope, intercept, slope_error, chi_square : float
        The last per degree of freedom. [1]
    """
    at, value, weight = np.asarray(x, np.float64), np.asarray(y, np.float64), np.asarray(error, np.float64) ** -2.0
    mean_x, mean_y = (float(np.average(each, weights=weight)) for each in (at, value))
    spread = float(weight @ (at - mean_x) ** 2)
    slope = float(weight @ ((at - mean_x) * (value - mean_y))) / spread
    intercept = mean_y - slope * mean_x
    left = float(weight @ (value - intercept - slope * at) ** 2) / max(at.size - 2, 1)
    return slope, intercept, spread**-0.5, left

"""Light of one pulse in time: effective decay time, and what an instrument's rise does to it.

References
----------
.. [1] Chen et al., Nature 561, 88 (2018), Methods: tau_eff = (1 / I0) times the integral of I(t) from 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


def pulse(
    time_ns: npt.ArrayLike, amplitudes: Sequence[float], decays_ns: Sequence[float], rise_ns: float = 0.0
) -> FloatArray:
    """Light at each time after an excitation at 0: a sum of exponentials, seen through an exponential rise.

    Parameters
    ----------
    time_ns : (T,) float64
        [ns]
    amplitudes, decays_ns : (N,) float
        Of the exponentials a_i exp(-t / t_i). [1], [ns]
    rise_ns : float
        Time constant of the instrument's response, 0 for none. [ns]

    Returns
    -------
    light : (T,) float64
        The convolution of the exponentials with exp(-t / rise) / rise; 0 before time 0. [1]

    Raises
    ------
    ValueError
        If there is not one amplitude for each decay, or a time constant is not positive.
    """
    if len(amplitudes) != len(decays_ns) or not decays_ns:
        raise ValueError(f"a pulse has one amplitude for each decay, got {len(amplitudes)} and {len(decays_ns)}")
    if min(decays_ns) <= 0 or rise_ns < 0:
        raise ValueError(f"decays must be positive and the rise 0 or more, got {list(decays_ns)} and {rise_ns:g} ns")
    time = np.asarray(time_ns, dtype=np.float64)
    after = np.maximum(time, 0.0)
    light = np.zeros(time.shape)
    for amplitude, decay in zip(amplitudes, decays_ns, strict=True):
        if rise_ns == 0:
            light += amplitude * np.exp(-after / decay)
        elif abs(decay - rise_ns) < 1e-9 * decay:
            light += amplitude * after / decay * np.exp(-after / decay)
        else:
            light += amplitude * decay / (decay - rise_ns) * (np.exp(-after / decay) - np.exp(-after / rise_ns))
    return np.where(time < 0, 0.0, light)


def effective_decay_ns(amplitudes: Sequence[float], decays_ns: Sequence[float], rise_ns: float = 0.0) -> float:
    """Area of a pulse over its largest value, as published effective decay times are found [1]_.

    Parameters
    ----------
    amplitudes, decays_ns, rise_ns
        As for `pulse`.

    Returns
    -------
    tau_ns : float
        Without a rise the sum of a_i t_i over that of a_i; with one it is longer, since the pulse no longer reaches the
        sum of the amplitudes. [ns]

    Raises
    ------
    ValueError
        As `pulse`.
    """
    pulse(0.0, amplitudes, decays_ns, rise_ns)  # checks
    area = float(np.dot(amplitudes, decays_ns))
    if rise_ns == 0:
        return area / float(np.sum(amplitudes))
    from scipy.optimize import minimize_scalar

    end = 20.0 * max(rise_ns, min(decays_ns))
    grid = np.linspace(0.0, end, 4001)
    top = grid[int(np.argmax(pulse(grid, amplitudes, decays_ns, rise_ns)))]
    step = grid[1]
    found = minimize_scalar(
        lambda at: -float(pulse(at, amplitudes, decays_ns, rise_ns)),
        bounds=(max(top - step, 0.0), top + step),
        method="bounded",
    )
    return area / -float(found.fun)

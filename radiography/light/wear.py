"""Light of a scintillator that wears out under X-rays, and that may come back without them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


def light_after(dose: npt.ArrayLike, wearing_dose: float, lasting: float = 0.0) -> FloatArray:
    """Light of a film that wears out with its dose: f + (1 - f) exp(-D / Ds).

    Parameters
    ----------
    dose, wearing_dose : array_like, float
        In one unit.
    lasting : float
        Part f that no dose takes. [1]

    Returns
    -------
    light : float64
        1 without dose. [1]

    Raises
    ------
    ValueError
        If the wearing dose is not positive.
    """
    if not wearing_dose > 0:
        raise ValueError(f"a wearing dose must be positive, got {wearing_dose:g}")
    return np.asarray(lasting + (1.0 - lasting) * np.exp(-np.asarray(dose, dtype=np.float64) / wearing_dose))


def cycled_light(time_s: FloatArray, loss_per_s: float, recovery_s: float, half_cycle_s: float) -> FloatArray:
    """Light in cycles of X-rays on and off if what is lost comes back exponentially.

    Parameters
    ----------
    time_s : (T,) float64
        Even steps from 0. [s]
    loss_per_s : float
        Part of the light that is lost in a second under X-rays. [1/s]
    recovery_s : float
        Time constant of the recovery, with X-rays and without; infinite for none. [s]
    half_cycle_s : float
        How long X-rays are on, from time 0, and then off. [s]

    Returns
    -------
    light : (T,) float64
        1 at time 0. [1]

    Raises
    ------
    ValueError
        If the half cycle or the recovery is not positive.
    """
    if not (half_cycle_s > 0 and recovery_s > 0):
        raise ValueError(f"half cycle and recovery must be positive times, got {half_cycle_s:g} and {recovery_s:g} s")
    step = float(time_s[1] - time_s[0])
    light = np.ones(time_s.size)
    for number in range(1, time_s.size):
        on = (time_s[number - 1] // half_cycle_s) % 2 == 0
        change = (1.0 - light[number - 1]) / recovery_s - (loss_per_s * light[number - 1] if on else 0.0)
        light[number] = light[number - 1] + step * change
    return light

"""Lag learned with frames of one timing, for frames of another: traps release while a frame still integrates.

A model knows what is still held when a frame is read. Of charge caught at once with a time constant tau the part
exp(-t / tau) is held a time t later, and of an exposure that lasts d from the start of an integration T on the part
(tau / d) (exp(-(T - d) / tau) - exp(-T / tau)). What is held at another timing is more or less by the ratio of these.
Without that, frames that are read later than those of the sequences lose lag that they do not have: their mean is
right in a steady beam, since as much is given back, but their noise is raised by 1 / (1 - F).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from calibration.conditions import Conditions
from calibration.lag.model import LagModel

FloatArray = NDArray[np.float64]


def model_at(model: LagModel | None, learned: Conditions, wanted: Conditions) -> LagModel | None:
    """A lag model for frames of another integration or exposure time than those that it was learned from.

    Parameters
    ----------
    model : LagModel or None
        None stays None.
    learned, wanted : Conditions
        Of the model's frames, and of those that it is wanted for. An integration time that is not said is the frame
        interval, an exposure time that is not said is short.

    Returns
    -------
    model : LagModel or None
        As it is where a time is not known, or where traps that release so fast would have had to catch all charge.
    """
    if model is None:
        return None
    before, after = _held(model.time_s, learned), _held(model.time_s, wanted)
    if before is None or after is None:
        return model
    possible = model.fraction.max(axis=0) < before
    ratio = np.ones_like(before)
    ratio[possible] = after[possible] / before[possible]
    total = (model.fraction * ratio).sum(axis=1)
    if (ratio == 1.0).all() or not (total < 1.0).all() or not (np.diff(model.signal_dn * (1.0 - total)) > 0).all():
        return model
    return replace(model, fraction=model.fraction * ratio, fraction_error=model.fraction_error * ratio)


def _held(time_s: FloatArray, said: Conditions) -> FloatArray | None:
    """Part of what each population caught that it still holds at the readout; None where no time is said. [1]"""
    integration_s = said.integration_time_s or said.frame_interval_s
    if integration_s is None:
        return None
    if not said.exposure_time_s:
        return np.asarray(np.exp(-integration_s / time_s))
    exposure_s = min(said.exposure_time_s, integration_s)
    late = np.exp(-(integration_s - exposure_s) / time_s)
    return np.asarray(late * -np.expm1(-exposure_s / time_s) * time_s / exposure_s)

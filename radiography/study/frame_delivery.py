"""Fraction of an exposure that its own frame delivers, on a panel long read in the dark.

Light that glows on after the integration comes too late for the frame, and the traps of the diodes take some of its
charge. `radiography.acquire` does both to every frame; a report on a layer takes its numbers from here.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from radiography.light.decay import emit_light
from radiography.light.scintillator import Scintillator
from radiography.panel.panel import Panel, lag_exposure_factor
from radiography.panel.trapping import FrameTimes, trapped_fractions
from radiography.scene import Timing

FloatArray = npt.NDArray[np.float64]


def light_in_frame(scintillator: Scintillator, timing: Timing) -> float:
    """Fraction of the light of an exposure that comes within the integration of its frame, from a rested layer.

    Parameters
    ----------
    scintillator : Scintillator
        Prompt decay and afterglow.
    timing : Timing
        Integration, interval and exposure of a frame.

    Returns
    -------
    fraction : float
        [1]
    """
    one = np.ones((1, 1), dtype=np.float32)
    times_s = timing.integration_time_s, timing.frame_interval_s, timing.exposure_time_s
    return float(emit_light(one, None, scintillator, *times_s)[0][0, 0])


def charge_delivered(panel: Panel, electrons: FloatArray, timing: Timing) -> tuple[FloatArray, FloatArray]:
    """Fraction of a frame's charge that the traps of the diodes leave to it, and of a small change of that charge.

    The two differ where the trapped fractions depend on the charge: a frame of x electrons delivers
    x (1 - F g(x)), a small change dx of it dx (1 - F (g + dg / d ln x)).

    Parameters
    ----------
    panel : Panel
        With its lag; empty traps hold nothing of earlier frames.
    electrons : (D,) float64
        Charge that frames free, above 0. [electrons]
    timing : Timing
        Of a frame.

    Returns
    -------
    mean, change : (D,) float64
        Delivered fraction of the charge [1], and of its small changes, such as noise. [1]
    """
    trapped = float(trapped_fractions(panel.lag, FrameTimes(timing.integration_time_s, timing.exposure_time_s)).sum())
    factor, slope = np.ones_like(electrons), np.zeros_like(electrons)
    if panel.lag_exposure is not None:
        factor = lag_exposure_factor(panel.lag_exposure, electrons)
        table = np.log(panel.lag_exposure.charge_electrons)
        step = np.searchsorted(table, np.log(electrons))
        inside = np.concatenate([[0.0], np.diff(panel.lag_exposure.factor) / np.diff(table), [0.0]])
        slope = inside[step]
    return 1.0 - trapped * factor, 1.0 - trapped * (factor + slope)

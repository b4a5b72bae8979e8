"""Lag as frames show it, as traps of a panel: what is caught as charge is freed, from what is held when it is read.

A calibration knows the fraction g of a frame's charge that traps hold at the readout. Traps release within the frame
already, so what they caught is more: with the time T from a short exposure to the readout f = g exp(T / tau), and for
an exposure that lasts f = g over what `trapped_fractions` leaves of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from calibration.lag.model import LagModel
from radiography.panel.panel import LagExposure, LagTerm
from radiography.panel.trapping import FrameTimes, trapped_fractions
from radiography.study.twin_values import TwinValue, found, not_determined

MOST_CAUGHT = 0.5  # of the charge by one population: a term that would need more is that of another effect   # chosen
HELD = 3.0  # times the errors of a fit in which a time constant is held: what it gets wrong, others take up   # chosen
BETWEEN = 0.005  # relative: fractions that depend on the exposure are linear between those that were seen   # assumed
LEAST_STEP = 0.005  # between factors at two exposures, for a table of them   # chosen


@dataclass(frozen=True)
class LagTwin:
    """Lag of a panel: its traps, their factor by charge or None, values and notes.

    ``error`` is that of the fraction of a frame's charge that is held at its readout. [1]
    """

    terms: tuple[LagTerm, ...]
    exposure: LagExposure | None
    values: tuple[TwinValue, ...]
    notes: tuple[str, ...]
    error: float

    @property
    def trapped(self) -> float:
        """Largest part of a charge that is caught, at whatever exposure. [1]"""
        most = 1.0 if self.exposure is None else max(self.exposure.factor)
        return most * sum(term.fraction for term in self.terms)


def lag_twin(model: LagModel, times: FrameTimes, electrons_per_dn: float) -> LagTwin:
    """Traps that give the lag of a model.

    Parameters
    ----------
    model : LagModel
        Of a calibration.
    times : FrameTimes
        Of its sequences.
    electrons_per_dn : float
        Of the panel. [electrons/DN]

    Returns
    -------
    lag : LagTwin
    """
    middle = model.signal_dn.size // 2
    terms: list[LagTerm] = []
    values: list[TwinValue] = []
    notes: list[str] = []
    used: list[int] = []
    wider = HELD if np.isnan(model.time_error_s).any() else 1.0
    error = 0.0
    for number, time_s in enumerate(model.time_s.tolist()):
        held, held_error = float(model.fraction[middle, number]), wider * float(model.fraction_error[middle, number])
        left = float(trapped_fractions([LagTerm(1.0 - 1e-12, time_s)], times)[0])
        caught = held / max(left, 1e-300)
        if model.signal_dn.size > 1:
            held_error = float(np.hypot(held_error, BETWEEN * held))
        if not 0 < caught < MOST_CAUGHT:
            notes.append(
                f"the lag term of {time_s:.3g} s holds {100 * held:.2g} % when a frame is read, so traps would have to "
                f"catch {100 * caught:.3g} %: it is left out"
            )
            continue
        time_error = wider * float(model.time_error_s[number])
        known = np.isfinite(time_error)
        nearby = time_s + (time_error if known else 0.0)
        step = abs(held / float(trapped_fractions([LagTerm(1.0 - 1e-12, nearby)], times)[0]) - caught)
        key = f"lag.{len(terms)}"
        how = f"held at the readout {100 * held:.3g} +- {100 * held_error:.2g} %, afterglow of the layer included"
        if known:
            values.append(found(f"{key}.fraction", caught, held_error / left + step, "1", how))
            values.append(found(f"{key}.time_s", time_s, time_error, "s", "frames after the beam"))
            error += held_error
        else:
            why = "held at the end of what the frames can tell: longer sequences would determine it"
            stands = f"{how}; it stands for all that is slower"
            values.append(not_determined(f"{key}.fraction", caught, "1", stands))
            values.append(not_determined(f"{key}.time_s", time_s, "s", why))
            error += held
        terms.append(LagTerm(caught, time_s))
        used.append(number)
    exposure, more = _exposure_table(model, used, middle, electrons_per_dn, wider)
    return LagTwin(tuple(terms), exposure, (*values, *more), tuple(notes), error)


def _exposure_table(
    model: LagModel, used: Sequence[int], middle: int, electrons_per_dn: float, wider: float
) -> tuple[LagExposure | None, list[TwinValue]]:
    """Factor on all fractions by charge: one factor serves all terms of a panel."""
    if model.signal_dn.size < 2 or not used:
        why = (
            "lag was seen at one exposure: sequences at a tenth and at most of the range would determine whether it "
            "depends on exposure"
        )
        return None, [not_determined("lag_exposure.factor", 1.0, "1", why)]
    sums = model.fraction[:, used].sum(axis=1)
    errors = wider * np.sqrt((model.fraction_error[:, used] ** 2).sum(axis=1))
    factor = sums / sums[middle]
    relative = np.hypot(errors / np.maximum(sums, 1e-300), errors[middle] / sums[middle])
    relative = np.hypot(relative, BETWEEN)
    relative[middle] = 0.0
    charge = model.signal_dn * electrons_per_dn
    values = []
    for number in range(charge.size):
        how = f"lag at {model.signal_dn[number]:.5g} DN over that at {model.signal_dn[middle]:.5g} DN"
        values.append(
            found(f"lag_exposure.factor.{number}", factor[number], factor[number] * relative[number], "1", how)
        )
    if np.ptp(factor) < LEAST_STEP or (factor <= 0).any():
        return None, values
    return LagExposure(tuple(charge.tolist()), tuple(factor.tolist())), values

"""Remainder of the previous frame at fluoroscopic rates, split into panel lag, afterglow and prompt decay.

A noiseless pixel goes through the stages that make frames, `emit_light` and `trap_charge`, with the effects one at a
time and together: exposed frames, then a dark one. This is the test of the paper's claim that a decay of 44.6 ns
instead of about 1 us makes a detector ideal for dynamic imaging [1]_.

The integration is taken to fill the frame. Traps catch charge as it is freed and release it in real time, so that what
a frame misses depends on its length; the terms of the shipped panel were fitted at 5 frames/s, and what is faster than
such a frame is an extrapolation.

References
----------
.. [1] Chen et al., "All-inorganic perovskite nanocrystal scintillators", Nature 561, 88 (2018).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from radiography.light.decay import emit_light, lasting_prompt_light
from radiography.light.scintillator import DecayComponent, Scintillator, effective_decay_ns
from radiography.panel.panel import Panel
from radiography.panel.trapping import FrameTimes, trap_charge

EXPOSED_FRACTION = (
    0.1  # chosen: exposed frames at a tenth of the full well; matters only where lag depends on the exposure
)
_AT_ONCE = (DecayComponent(1.0, 1e-6),)  # light without decay: 1 fs

Array = npt.NDArray[np.float32]
FloatArray = npt.NDArray[np.float64]
ExposureKind = Literal["pulsed", "continuous"]


@dataclass(frozen=True, eq=False)
class Remainder:
    """Signal of the first dark frame relative to that of the exposed frame before it, by frame rate.

    Attributes
    ----------
    total : (R,) float64
        With every effect. [1]
    panel_lag, afterglow, prompt : (R,) float64
        With one effect alone; their sum differs from the total by products of small numbers. [1]
    """

    total: FloatArray
    panel_lag: FloatArray
    afterglow: FloatArray
    prompt: FloatArray


@dataclass(frozen=True, eq=False)
class ResidualStudy:
    """What one scintillator on one panel leaves of the previous frame.

    Attributes
    ----------
    scintillator : str
    decay_ns : float
        Effective decay time. [ns]
    rate_per_s : (R,) float64
        Frame rates. [1/s]
    after_one, after_long : Remainder
        After one exposed frame on a rested panel, and after a run so long that nothing changes any more.
    """

    scintillator: str
    decay_ns: float
    rate_per_s: FloatArray
    after_one: Remainder
    after_long: Remainder


def study_residual(
    scintillator: Scintillator, panel: Panel, rates_per_s: Sequence[float], exposure: ExposureKind
) -> ResidualStudy:
    """What remains of the previous frame at several frame rates.

    Parameters
    ----------
    scintillator : Scintillator
        Prompt decay and afterglow; what its file leaves out does not exist.
    panel : Panel
        Lag, and the full well of which a tenth is exposed.
    rates_per_s : sequence of float
        Frame rates. [1/s]
    exposure : "pulsed" or "continuous"
        A short pulse at the start of each exposed frame, or a constant exposure for all of it.

    Returns
    -------
    study : ResidualStudy

    Raises
    ------
    ValueError
        If a rate is not positive, or the exposure is of another kind.
    """
    if exposure not in ("pulsed", "continuous"):
        raise ValueError(f"exposure must be pulsed or continuous, got '{exposure}'")
    rates = np.asarray(rates_per_s, dtype=np.float64)
    if rates.ndim != 1 or rates.size == 0 or not (np.isfinite(rates) & (rates > 0)).all():
        raise ValueError(f"frame rates must be positive numbers, got {list(rates_per_s)}")
    instant = replace(scintillator, decay=_AT_ONCE)
    unlagged = replace(panel, lag=())
    chains = (  # in the order of Remainder: every effect, panel lag, afterglow, prompt decay
        (scintillator, panel),
        (replace(instant, afterglow=()), panel),
        (instant, unlagged),
        (replace(scintillator, afterglow=()), unlagged),
    )
    after_one, after_long = (
        Remainder(*(np.array([_residual(*chain, rate, exposure, long_run) for rate in rates]) for chain in chains))
        for long_run in (False, True)
    )
    return ResidualStudy(
        scintillator=scintillator.name,
        decay_ns=effective_decay_ns(scintillator),
        rate_per_s=rates,
        after_one=after_one,
        after_long=after_long,
    )


def prompt_takes_over_per_s(study: ResidualStudy) -> float | None:
    """Lowest rate at which prompt decay leaves more of one exposed frame than lag and afterglow; None if at none. [1/s]

    One of the study's rates, so no finer than they are.
    """
    after = study.after_one
    above = after.prompt > after.panel_lag + after.afterglow
    return float(study.rate_per_s[above].min()) if above.any() else None


def _residual(
    scintillator: Scintillator, panel: Panel, rate_per_s: float, exposure: ExposureKind, long_run: bool
) -> float:
    """Signal of a dark frame relative to that of the exposed frame before it. [1]"""
    interval_s = 1.0 / float(rate_per_s)
    exposure_time_s = interval_s if exposure == "continuous" else None

    def emit(light: Array, glow: tuple[Array, ...] | None) -> tuple[Array, tuple[Array, ...]]:
        return emit_light(light, glow, scintillator, interval_s, interval_s, exposure_time_s)

    def deliver(charge: Array, traps: Array | None) -> tuple[Array, Array]:
        times = FrameTimes(interval_s, exposure_time_s)
        return trap_charge(charge, traps, panel.lag, interval_s, panel.lag_exposure, times=times)

    exposed = np.full((1, 1), EXPOSED_FRACTION * panel.photodiode.full_well_electrons, dtype=np.float32)
    glow: tuple[Array, ...] | None = None
    traps: Array | None = None
    if long_run:
        slow = [component.time_s for component in scintillator.afterglow]
        slow += [decay_s for _, decay_s in lasting_prompt_light(scintillator, interval_s, exposure_time_s)]
        gained = emit(exposed, None)[1]
        glow = tuple(_steady(store, interval_s, time_s) for store, time_s in zip(gained, slow, strict=True))
        trapped = deliver(emit(exposed, glow)[0], None)[1]
        traps = np.empty_like(trapped)
        for number, term in enumerate(panel.lag):
            traps[number] = _steady(trapped[number], interval_s, term.time_s)
    charge, glow = emit(exposed, glow)
    signal, traps = deliver(charge, traps)
    charge, _ = emit(np.zeros_like(exposed), glow)
    after, _ = deliver(charge, traps)
    return float(after[0, 0]) / float(signal[0, 0])


def _steady(gain: Array, interval_s: float, time_s: float) -> Array:
    """What is there after many frames that each retain a fraction k of it and add a gain: gain / (1 - k)."""
    return gain / np.float32(-np.expm1(-interval_s / time_s))

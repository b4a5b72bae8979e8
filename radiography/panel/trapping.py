"""Panel lag: charge that traps in the a-Si diodes take from a frame and release into later ones.

Each population of traps takes a fraction of the charge as it is freed and releases what it holds exponentially in real
time; no charge is lost. This is the multi-exponential model of flat-panel lag [1]_, followed by the charge in the
traps. The trapped fractions may depend on the charge of the frame [2]_ and on the pixel. Ghosting (a change of gain)
and afterglow of the scintillator are other effects.

A frame misses what is still trapped when it is read. Of a fraction f caught at once, with a time constant tau, that is
f exp(-t / tau) of charge freed a time t before the readout; of an exposure that lasts a time d from the start of an
integration T on it is f (tau / d) (exp(-(T - d) / tau) - exp(-T / tau)). So the trapped fraction of a frame follows
from its times, one set of f serves any frame rate, and five frames of 0.2 s deliver what one of 1 s does. Dark current
and afterglow, which come all through the integration, count with the exposure: they are small.

References
----------
.. [1] Hsieh, Gurmen & King, "Recursive correction algorithm for detector decay characteristics in CT",
       Proc. SPIE 3977, 298 (2000).
.. [2] Starman, Star-Lack, Virshup, Shapiro & Fahrig, "A nonlinear lag correction algorithm for a-Si flat-panel x-ray
       detectors", Med. Phys. 39, 6035 (2012).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from radiography.panel.panel import LagExposure, LagTerm, lag_exposure_factor

Array = npt.NDArray[np.float32]
FloatArray = npt.NDArray[np.float64]


class Traps(NamedTuple):
    """What T populations of traps do with a frame's charge.

    ``trapped_fraction`` (T,) is what each takes of the frame's charge and ``retained_fraction`` (T,) what it still
    holds after a frame of what it held. [1] ``charge_factor`` (M,) multiplies the trapped fractions at charges of
    logarithm ``log_charge`` (M,); both are empty where the fractions hold at any charge.
    """

    trapped_fraction: FloatArray
    retained_fraction: FloatArray
    log_charge: FloatArray
    charge_factor: FloatArray


class FrameTimes(NamedTuple):
    """Time from the start of a frame's exposure to its readout, and how long the exposure lasts; None if short. [s]"""

    integration_s: float
    exposure_s: float | None = None


def trapped_fractions(terms: Sequence[LagTerm], times: FrameTimes) -> FloatArray:
    """Fraction of a frame's charge that each population of traps still holds when the frame is read.

    Parameters
    ----------
    terms : sequence of LagTerm
        T populations.
    times : FrameTimes
        Of the frame.

    Returns
    -------
    fraction : (T,) float64
        [1]

    Raises
    ------
    ValueError
        If the integration is not positive, or the exposure is not within it.
    """
    integration_s, exposure_s = times
    if not (math.isfinite(integration_s) and integration_s > 0):
        raise ValueError(f"the integration time must be positive, got {integration_s:g} s")
    if exposure_s is not None and not 0 < exposure_s <= integration_s:
        raise ValueError(
            f"the exposure must last above 0 and at most the integration time ({integration_s:g} s), "
            f"got {exposure_s:g} s"
        )
    fraction = np.array([term.fraction for term in terms], dtype=np.float64)
    time_s = np.array([term.time_s for term in terms], dtype=np.float64)
    if exposure_s is None:
        return np.asarray(fraction * np.exp(-integration_s / time_s))
    left = np.exp(-(integration_s - exposure_s) / time_s) * -np.expm1(-exposure_s / time_s) * time_s / exposure_s
    return np.asarray(fraction * left)


def trap_charge(
    electrons: Array,
    trapped: Array | None,
    terms: Sequence[LagTerm],
    frame_interval_s: float,
    exposure: LagExposure | None = None,
    lag_factor: Array | None = None,
    *,
    times: FrameTimes | None = None,
) -> tuple[Array, Array]:
    """Charge that a frame delivers when part of it is trapped and earlier charge is released.

    Parameters
    ----------
    electrons : (H, W) float32
        Charge generated in this frame. [electrons]
    trapped : (T, H, W) float32, or None
        Charge in the T populations of traps after the previous frame; None for empty traps. [electrons]
    terms : sequence of LagTerm
        Trapped fraction and time constant of each population.
    frame_interval_s : float
        Time from the previous readout to this one. [s]
    exposure : LagExposure, or None
        Factor on the fractions against this frame's charge; None for fractions that hold at any charge.
    lag_factor : (H, W) float32, or None
        Factor on the fractions of each pixel; None for equal pixels. [1]
    times : FrameTimes, or None
        When this frame was exposed; None for a short exposure a whole interval before the readout.

    Returns
    -------
    delivered : (H, W) float32
        [electrons]
    trapped : (T, H, W) float32
        Charge in the traps after this frame. [electrons]

    Raises
    ------
    ValueError
        If the trapped charge does not fit the terms or the frame, or the factors do not fit the frame.
    """
    if lag_factor is not None and lag_factor.shape != electrons.shape:
        raise ValueError(f"lag_factor is {lag_factor.shape} but the frame is {electrons.shape}")
    shape = (len(terms), *electrons.shape)
    if trapped is not None and trapped.shape != shape:
        raise ValueError(f"trapped charge is {trapped.shape} but {len(terms)} lag terms need {shape}")
    if not terms:
        return electrons.copy(), np.empty(shape, dtype=np.float32)
    traps = Traps(
        trapped_fraction=trapped_fractions(terms, times or FrameTimes(frame_interval_s)),
        retained_fraction=np.array([math.exp(-frame_interval_s / term.time_s) for term in terms]),
        log_charge=np.zeros(0) if exposure is None else np.log(exposure.charge_electrons),
        charge_factor=np.zeros(0) if exposure is None else np.array(exposure.factor),
    )
    before = np.empty((0, 0, 0), dtype=np.float32) if trapped is None else trapped
    pixel_factor = np.empty((0, 0), dtype=np.float32) if lag_factor is None else lag_factor
    delivered, after = np.empty_like(electrons), np.empty(shape, dtype=np.float32)
    _trap_charge(electrons, before, traps, pixel_factor, delivered, after)
    return delivered, after


def steady_trapped_charge(
    electrons: Array,
    terms: Sequence[LagTerm],
    frame_interval_s: float,
    exposure: LagExposure | None = None,
    lag_factor: Array | None = None,
    *,
    times: FrameTimes | None = None,
) -> Array:
    """Charge in the traps after so many equal frames that as much is released as is trapped.

    Parameters
    ----------
    electrons : (H, W) float32
        Charge generated in each frame. [electrons]
    terms, frame_interval_s, exposure, lag_factor, times
        As for `trap_charge`.

    Returns
    -------
    trapped : (T, H, W) float32
        [electrons]
    """
    effective = electrons.copy()
    if exposure is not None:
        effective *= lag_exposure_factor(exposure, effective).astype(np.float32)
    if lag_factor is not None:
        effective *= lag_factor
    caught = trapped_fractions(terms, times or FrameTimes(frame_interval_s))
    kept = -np.expm1([-frame_interval_s / term.time_s for term in terms])  # fraction of a store that a frame releases
    return np.asarray(caught / kept, dtype=np.float32)[:, None, None] * effective


@njit(inline="always")
def _charge_factor(charge: float, log_charge: FloatArray, factor: FloatArray) -> float:
    """Linear in the logarithm of the charge between the M >= 1 entries, constant outside."""
    last = factor.size - 1
    if charge <= 0.0:
        return float(factor[0])
    position = math.log(charge)
    if position <= log_charge[0]:
        return float(factor[0])
    for entry in range(last):
        if position < log_charge[entry + 1]:
            fraction = (position - log_charge[entry]) / (log_charge[entry + 1] - log_charge[entry])
            return float(factor[entry] + fraction * (factor[entry + 1] - factor[entry]))
    return float(factor[last])


@njit(parallel=True, cache=True)
def _trap_charge(
    electrons: Array, before: Array, traps: Traps, pixel_factor: Array, delivered: Array, after: Array
) -> None:
    """Writes every element of ``delivered`` (H, W) and ``after`` (T, H, W).

    ``before`` (T, H, W) is empty where nothing is trapped yet, ``pixel_factor`` (H, W) where all pixels are alike.
    """
    trapped, retained = traps.trapped_fraction, traps.retained_fraction
    for row in prange(electrons.shape[0]):
        # One short loop after the other, which the compiler makes vectors of; the row stays in the first-level cache.
        out = electrons[row].astype(np.float64)
        effective = out.copy()
        if traps.charge_factor.size > 0:
            for col in range(out.size):
                effective[col] *= _charge_factor(out[col], traps.log_charge, traps.charge_factor)
        if pixel_factor.size > 0:
            for col in range(out.size):
                effective[col] *= pixel_factor[row, col]
        for term in range(trapped.size):
            caught, kept = trapped[term], retained[term]
            if before.size > 0:
                for col in range(out.size):
                    held = np.float64(before[term, row, col])
                    out[col] += held * (1.0 - kept) - effective[col] * caught
                    after[term, row, col] = held * kept + effective[col] * caught
            else:
                for col in range(out.size):
                    out[col] -= effective[col] * caught
                    after[term, row, col] = effective[col] * caught
        delivered[row] = out

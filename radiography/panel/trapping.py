"""Panel lag: charge that traps in the a-Si diodes take from a frame and release into later ones.

Each population of traps takes a fraction of a frame's charge and releases what it holds exponentially in real time; no
charge is lost. This is the multi-exponential model of flat-panel lag [1]_, followed by the charge in the traps. The
trapped fractions may depend on the charge of the frame [2]_ and on the pixel. Ghosting (a change of gain) and afterglow
of the scintillator are other effects.

A trapped fraction is that of one frame's charge, taken when the frame is read, however long the frame is: this is
assumed, since the fractions of a panel are measured at one frame rate.

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


def trap_charge(
    electrons: Array,
    trapped: Array | None,
    terms: Sequence[LagTerm],
    frame_interval_s: float,
    exposure: LagExposure | None = None,
    lag_factor: Array | None = None,
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
        Time since the previous frame. [s]
    exposure : LagExposure, or None
        Factor on the fractions against this frame's charge; None for fractions that hold at any charge.
    lag_factor : (H, W) float32, or None
        Factor on the fractions of each pixel; None for equal pixels. [1]

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
        trapped_fraction=np.array([term.fraction for term in terms]),
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
) -> Array:
    """Charge in the traps after so many equal frames that as much is released as is trapped.

    Parameters
    ----------
    electrons : (H, W) float32
        Charge generated in each frame. [electrons]
    terms, frame_interval_s, exposure, lag_factor
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
    fractions = [-term.fraction / np.expm1(-frame_interval_s / term.time_s) for term in terms]
    return np.asarray(fractions, dtype=np.float32)[:, None, None] * effective


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
        for col in range(electrons.shape[1]):
            charge = np.float64(electrons[row, col])
            effective = charge
            if traps.charge_factor.size > 0:
                effective *= _charge_factor(charge, traps.log_charge, traps.charge_factor)
            if pixel_factor.size > 0:
                effective *= pixel_factor[row, col]
            out = charge
            for term in range(trapped.size):
                held = np.float64(before[term, row, col]) if before.size > 0 else 0.0
                out += held * (1.0 - retained[term]) - effective * trapped[term]
                after[term, row, col] = held * retained[term] + effective * trapped[term]
            delivered[row, col] = out

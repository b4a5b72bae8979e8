"""Panel lag: charge caught by traps of the a-Si diodes and released into later frames.

Each population of traps catches a fraction of a frame's charge and releases its store exponentially in real time. The
charge is conserved: what is caught is released later. This is the multi-exponential model of flat-panel lag [1]_
written in stores. The trapped fractions may depend on the charge of the frame [2]_ and on the pixel. Ghosting (a change
of gain) and scintillator afterglow are other effects.

A fraction is that of one frame's charge, caught when the frame is read, whatever its length: this is assumed, since the
fractions of a panel are measured at one frame rate.

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

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from radiography.panel.panel import LagExposure, LagTerm

Array = npt.NDArray[np.float32]


def trap_charge(
    electrons: Array,
    trapped: Array | None,
    terms: Sequence[LagTerm],
    frame_interval_s: float,
    exposure: LagExposure | None = None,
    lag_factor: Array | None = None,
) -> tuple[Array, Array]:
    """Charge that a frame delivers when part of it is caught and earlier charge is released.

    Parameters
    ----------
    electrons : (H, W) float32
        Charge generated in this frame. [electrons]
    trapped : (T, H, W) float32, or None
        Stores of the T populations at the end of the previous frame; None for empty traps. [electrons]
    terms : sequence of LagTerm
        Captured fraction and time constant of each population.
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
        Stores after this frame. [electrons]

    Raises
    ------
    ValueError
        If the stores do not fit the terms or the frame, or the factors do not fit the frame.
    """
    if lag_factor is not None and lag_factor.shape != electrons.shape:
        raise ValueError(f"lag_factor is {lag_factor.shape} but the frame is {electrons.shape}")
    shape = (len(terms), *electrons.shape)
    if trapped is not None and trapped.shape != shape:
        raise ValueError(f"stores of trapped charge are {trapped.shape} but {len(terms)} lag terms need {shape}")
    if not terms:
        return electrons.copy(), np.empty(shape, dtype=np.float32)
    delivered, stores = np.empty_like(electrons), np.empty(shape, dtype=np.float32)
    caught = np.array([term.fraction for term in terms])
    kept = np.array([math.exp(-frame_interval_s / term.time_s) for term in terms])
    before = np.zeros((len(terms), 1, 1), dtype=np.float32) if trapped is None else trapped
    _trap_charge(
        electrons,
        before,
        caught,
        kept,
        np.zeros(0) if exposure is None else np.log(exposure.charge_electrons),
        np.zeros(0) if exposure is None else np.array(exposure.factor),
        np.zeros((1, 1), dtype=np.float32) if lag_factor is None else lag_factor,
        lag_factor is not None,
        delivered,
        stores,
    )
    return delivered, stores


@njit(inline="always")
def _exposure_factor(charge, log_charge, factor):  # type: ignore[no-untyped-def]
    """Linear in the logarithm of the charge between the M >= 1 entries, constant outside."""
    last = factor.size - 1
    if charge <= 0.0:
        return factor[0]
    position = math.log(charge)
    if position <= log_charge[0]:
        return factor[0]
    for entry in range(last):
        if position < log_charge[entry + 1]:
            fraction = (position - log_charge[entry]) / (log_charge[entry + 1] - log_charge[entry])
            return factor[entry] + fraction * (factor[entry + 1] - factor[entry])
    return factor[last]


@njit(parallel=True, cache=True)
def _trap_charge(electrons, before, caught, kept, log_charge, factor, of_pixel, varied, delivered, after):  # type: ignore[no-untyped-def]
    """Writes every element of ``delivered`` (H, W) and ``after`` (T, H, W); ``before`` may be (T, 1, 1) zeros.

    ``log_charge`` and ``factor`` (M,) are empty where the fractions hold at any charge; ``of_pixel`` is (H, W) where
    ``varied``, else it is not read.
    """
    empty = before.shape[1] != electrons.shape[0] or before.shape[2] != electrons.shape[1]
    for row in prange(electrons.shape[0]):
        for col in range(electrons.shape[1]):
            charge = np.float64(electrons[row, col])
            effective = charge
            if factor.size > 0:
                effective *= _exposure_factor(charge, log_charge, factor)
            if varied:
                effective *= of_pixel[row, col]
            out = charge
            for term in range(caught.size):
                store = 0.0 if empty else np.float64(before[term, row, col])
                out += store * (1.0 - kept[term]) - effective * caught[term]
                after[term, row, col] = store * kept[term] + effective * caught[term]
            delivered[row, col] = out

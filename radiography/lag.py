"""Panel lag: charge caught by traps of the a-Si diodes and released into later frames.

Each population of traps catches a share of a frame's charge and releases its store exponentially in real time. The
charge is conserved: what is caught is released later. This is the multi-exponential model of flat-panel lag [1]_
written in stores. Ghosting (a change of gain) and scintillator afterglow are other effects.

References
----------
.. [1] Hsieh, Gurmen & King, "Recursive correction algorithm for detector decay characteristics in CT",
       Proc. SPIE 3977, 298 (2000).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from radiography.panel import LagTerm

Array = npt.NDArray[np.float32]


def trap_charge(
    electrons: Array, trapped: Array | None, terms: Sequence[LagTerm], frame_interval_s: float
) -> tuple[Array, Array]:
    """Charge that a frame delivers when part of it is caught and earlier charge is released.

    Parameters
    ----------
    electrons : (H, W) float32
        Charge generated in this frame. [electrons]
    trapped : (T, H, W) float32, or None
        Stores of the T populations at the end of the previous frame; None for empty traps. [electrons]
    terms : sequence of LagTerm
        Captured share and time constant of each population.
    frame_interval_s : float
        Time since the previous frame. [s]

    Returns
    -------
    delivered : (H, W) float32
        [electrons]
    trapped : (T, H, W) float32
        Stores after this frame. [electrons]

    Raises
    ------
    ValueError
        If the stores do not fit the terms or the frame.
    """
    shape = (len(terms), *electrons.shape)
    if trapped is not None and trapped.shape != shape:
        raise ValueError(f"stores of trapped charge are {trapped.shape} but {len(terms)} lag terms need {shape}")
    if not terms:
        return electrons.copy(), np.empty(shape, dtype=np.float32)
    delivered, stores = np.empty_like(electrons), np.empty(shape, dtype=np.float32)
    caught = np.array([term.fraction for term in terms])
    kept = np.array([math.exp(-frame_interval_s / term.time_s) for term in terms])
    before = np.zeros((len(terms), 1, 1), dtype=np.float32) if trapped is None else trapped
    _trap_charge(electrons, before, caught, kept, delivered, stores)
    return delivered, stores


@njit(parallel=True, cache=True)
def _trap_charge(electrons, before, caught, kept, delivered, after):  # type: ignore[no-untyped-def]
    """Writes every element of ``delivered`` (H, W) and ``after`` (T, H, W); ``before`` may be (T, 1, 1) zeros."""
    empty = before.shape[1] != electrons.shape[0] or before.shape[2] != electrons.shape[1]
    for row in prange(electrons.shape[0]):
        for col in range(electrons.shape[1]):
            charge = np.float64(electrons[row, col])
            out = charge
            for term in range(caught.size):
                store = 0.0 if empty else np.float64(before[term, row, col])
                out += store * (1.0 - kept[term]) - charge * caught[term]
                after[term, row, col] = store * kept[term] + charge * caught[term]
            delivered[row, col] = out

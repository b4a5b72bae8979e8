"""Energy that single X-ray quanta leave in a stack of slabs, listed place by place, electrons followed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from radiography.interaction.electron_kernels import leave_energies
from radiography.interaction.stack import StackTracer
from radiography.interaction.stack_kernels import trace_births
from radiography.interaction.stack_tables import BIRTH_COLUMNS, HISTORY, LEFT_COLUMNS, Births, X, Y

_QUANTA_PER_BLOCK = 64  # with one seed
_BIRTHS_PER_QUANTUM = 32  # room on average over a block; a quantum has about 5
_BLOCKS = 32  # at a time
_UM_PER_MM = 1e3

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class StackDeposits:
    """Energy that quanta left, in the order of the quanta.

    Attributes
    ----------
    quantum : (D,) int64
        Number of the quantum, from 0; one may leave energy in a part at several places.
    x_mm, y_mm : (D,) float64
        Place along the slabs, from where the quantum entered. [mm]
    part : (D,) int64
        Part of the stack.
    energy_keV : (D,) float64
        [keV]
    """

    quantum: npt.NDArray[np.int64]
    x_mm: FloatArray
    y_mm: FloatArray
    part: npt.NDArray[np.int64]
    energy_keV: FloatArray


def draw_stack_deposits(tracer: StackTracer, energy_keV: float, quanta: int, rng: np.random.Generator) -> StackDeposits:
    """What single quanta that interact in a stack leave in its parts.

    Parameters
    ----------
    tracer : StackTracer
        The stack, for this energy or a higher one.
    energy_keV : float
        Of the quanta. [keV]
    quanta : int
        How many of them interact. [1]
    rng : numpy.random.Generator
        Same state, same deposits, for any number of threads.

    Returns
    -------
    deposits : StackDeposits

    Notes
    -----
    Physics and approximations are those of `stack_response`.
    """
    blocks = -(-quanta // _QUANTA_PER_BLOCK)
    bounds = np.minimum(np.arange(blocks + 1) * _QUANTA_PER_BLOCK, quanta)
    seeds = rng.integers(0, 2**64, size=(2, blocks), dtype=np.uint64)
    room, parts = _QUANTA_PER_BLOCK * _BIRTHS_PER_QUANTUM, int(tracer.geometry.first_part[-1])
    rows, left = np.zeros((_BLOCKS, room, BIRTH_COLUMNS)), np.zeros((_BLOCKS, room, parts))
    outside = np.zeros((_BLOCKS, room, 2))
    found = [(np.zeros(0, np.int64), np.zeros(0), np.zeros(0), np.zeros(0, np.int64), np.zeros(0))]
    none_leaving = np.zeros((_BLOCKS, 0, LEFT_COLUMNS))
    for start in range(0, blocks, _BLOCKS):
        chunk = slice(start, min(start + _BLOCKS, blocks))
        count = chunk.stop - start
        births = Births(rows, np.zeros(_BLOCKS, np.int64), np.zeros((_BLOCKS, 2)), none_leaving)
        trace_births(
            tracer.photons,
            tracer.geometry,
            tracer.incidence,
            np.full(count, energy_keV),
            np.diff(bounds)[chunk],
            seeds[0, chunk],
            births,
        )
        leave_energies(tracer.electrons, tracer.geometry, rows, births.listed[:count], seeds[1, chunk], left, outside)
        for block in range(count):
            listed = births.listed[block]
            birth, part = np.nonzero(left[block, :listed])
            row = rows[block, birth]
            quantum = bounds[start + block] + row[:, HISTORY].astype(np.int64)
            found.append((quantum, row[:, X] / _UM_PER_MM, row[:, Y] / _UM_PER_MM, part, left[block, birth, part]))
    return StackDeposits(*(np.concatenate(column) for column in zip(*found, strict=True)))

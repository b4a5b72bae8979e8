"""Energy that single X-ray quanta leave in a stack of slabs, listed place by place, electrons followed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from radiography.beam.attenuation import linear_attenuation_per_mm
from radiography.interaction.electron_kernels import leave_energies
from radiography.interaction.electron_tables import ElectronTables, electron_tables
from radiography.interaction.electrons import Slab, slab_geometry
from radiography.interaction.stack_kernels import trace_births
from radiography.interaction.stack_tables import BIRTH_COLUMNS, HISTORY, Births, Slabs, StackTables, X, Y, stack_tables

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


@dataclass(frozen=True, eq=False)
class StackTracer:
    """A stack made ready for single quanta up to an energy, all at one angle of incidence.

    Attributes
    ----------
    slabs : tuple of Slab
        The first at the entrance.
    geometry, photons, electrons : Slabs, StackTables, ElectronTables
        Arrays of the Monte Carlo.
    incidence : tuple of float
        Sine and cosine of the angle between beam and normal; quanta move to the right. [1]
    """

    slabs: tuple[Slab, ...]
    geometry: Slabs
    photons: StackTables
    electrons: ElectronTables
    incidence: tuple[float, float]


def stack_tracer(
    slabs: Sequence[Slab], highest_keV: float, incidence_deg: float = 0.0, *, cache_folder: Path | None = None
) -> StackTracer:
    """Make a stack ready for single quanta.

    Parameters
    ----------
    slabs : sequence of Slab
        The first at the entrance.
    highest_keV : float
        Highest energy of the quanta. [keV]
    incidence_deg : float
        Angle between the beam and the normal. [deg]
    cache_folder : Path, optional
        Folder of the cache of elastic scattering; by default the user's.

    Returns
    -------
    tracer : StackTracer

    Raises
    ------
    ValueError
        If a material holds no atom.
    """
    geometry, materials = slab_geometry(slabs)
    photons, elements = stack_tables(materials, highest_keV)
    electrons = electron_tables(materials, elements, highest_keV, cache_folder=cache_folder)
    angle = np.deg2rad(incidence_deg)
    return StackTracer(tuple(slabs), geometry, photons, electrons, (float(np.sin(angle)), float(np.cos(angle))))


def stack_hit_fraction(tracer: StackTracer, energy_keV: npt.ArrayLike) -> FloatArray:
    """Fraction of incident quanta that interact anywhere in a stack, in any way.

    Parameters
    ----------
    tracer : StackTracer
        The stack.
    energy_keV : (E,) float64
        Photon energies. [keV]

    Returns
    -------
    fraction : (E,) float64
        [1]
    """
    depth = sum(linear_attenuation_per_mm(one.material, energy_keV) * one.thickness_um for one in tracer.slabs)
    return np.asarray(-np.expm1(-np.asarray(depth) / _UM_PER_MM / tracer.incidence[1]))


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
    for start in range(0, blocks, _BLOCKS):
        chunk = slice(start, min(start + _BLOCKS, blocks))
        count = chunk.stop - start
        births = Births(rows, np.zeros(_BLOCKS, np.int64), np.zeros((_BLOCKS, 2)))
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

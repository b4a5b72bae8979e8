"""Photons that leave a stack of slabs after an interaction, one by one: what it scatters to its neighbours.

A detector of two layers needs them: what the front layer, its glass and the filter scatter forwards reaches the back
layer, and what glass and filter scatter back reaches the front layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import numpy.typing as npt

from radiography.beam.attenuation import linear_attenuation_per_mm, material_key
from radiography.cache import Arrays, cached_arrays
from radiography.interaction.electrons import Slab, slab_geometry
from radiography.interaction.stack_kernels import trace_births
from radiography.interaction.stack_tables import (
    BIRTH_COLUMNS,
    LEFT_COLUMNS,
    LEFT_ENERGY,
    LEFT_HISTORY,
    LEFT_U,
    LEFT_W,
    LEFT_X,
    Births,
    stack_tables,
)

_METHOD = 1  # to be raised with every change of the physics or the random numbers: cached results depend on it
_HISTORIES_PER_BLOCK = 256  # with one seed
_LEAVING_PER_HISTORY = 4  # room on average over a block; a history has below one
_BLOCKS = 64  # at a time
_UM_PER_MM = 1e3

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LeavingPhotons:
    """Photons that left a stack through one face, of a number of histories at each of E energies.

    Attributes
    ----------
    interacting : (E,) float64
        Fraction of the incident photons that interact in the stack; the histories are theirs. [1]
    histories : int
        Of each energy. [1]
    number : (P,) int64
        Which of the energies a photon belongs to, in order.
    energy_keV, cosine : (P,) float64
        Energy [keV] and cosine to the normal, positive. [1]
    off_mm, tangent : (P, 2) float64
        Place on the face from the foot of the incident ray [mm], and steps along the face for one along the normal. [1]
    """

    interacting: FloatArray
    histories: int
    number: npt.NDArray[np.int64]
    energy_keV: FloatArray
    cosine: FloatArray
    off_mm: FloatArray
    tangent: FloatArray


def stack_transmission(slabs: Sequence[Slab], energy_keV: npt.ArrayLike) -> FloatArray:
    """Fraction of the photons that pass a stack at normal incidence without any interaction.

    Parameters
    ----------
    slabs : sequence of Slab
        In any order; none pass everything.
    energy_keV : (E,) float64
        Photon energies. [keV]

    Returns
    -------
    transmission : (E,) float64
        [1]
    """
    energies = np.asarray(energy_keV, dtype=np.float64)
    depth = np.zeros_like(energies)
    for slab in slabs:
        depth += linear_attenuation_per_mm(slab.material, energies) * slab.thickness_um / _UM_PER_MM
    return np.asarray(np.exp(-depth))


def leaving_photons(
    slabs: Sequence[Slab], energy_keV: npt.ArrayLike, histories: int, rng: np.random.Generator, *, back: bool
) -> LeavingPhotons:
    """Photons that leave a stack in vacuum after an interaction, for photons at normal incidence.

    Parameters
    ----------
    slabs : sequence of Slab
        The first at the entrance; at least one.
    energy_keV : (E,) float64
        Rising photon energies from 1 to 500. [keV]
    histories : int
        Interacting photons traced per energy. [1]
    rng : numpy.random.Generator
        Same state, same photons, for any number of threads.
    back : bool
        True for those that leave through the last face, False for those through the entrance.

    Returns
    -------
    photons : LeavingPhotons

    Raises
    ------
    ValueError
        If there are no histories.
    RuntimeError
        If more photons leave than there is room for, which no stack does.

    Notes
    -----
    Physics and approximations are those of `stack_response`, without electrons.
    """
    if histories < 1:
        raise ValueError(f"leaving_photons needs at least 1 history per energy, got {histories}")
    energies = np.array(energy_keV, dtype=np.float64, ndmin=1)
    geometry, materials = slab_geometry(slabs)
    tables = stack_tables(materials, float(energies[-1]))[0]
    blocks = -(-histories // _HISTORIES_PER_BLOCK)  # of each energy
    total = energies.size * blocks
    block_histories = np.tile(np.diff(np.arange(blocks + 1) * histories // blocks), energies.size)
    seeds = rng.integers(0, 2**64, size=total, dtype=np.uint64)
    rows = np.zeros((_BLOCKS, 1, BIRTH_COLUMNS))  # what stays in the stack is not wanted
    room = _HISTORIES_PER_BLOCK * _LEAVING_PER_HISTORY
    found, numbers = [np.zeros((0, LEFT_COLUMNS))], [np.zeros(0, np.int64)]
    for start in range(0, total, _BLOCKS):
        chunk = slice(start, min(start + _BLOCKS, total))
        births = Births(
            rows, np.zeros(_BLOCKS, np.int64), np.zeros((_BLOCKS, 2)), np.zeros((_BLOCKS, room, LEFT_COLUMNS))
        )
        block_energy = np.repeat(energies, blocks)[chunk]
        trace_births(tables, geometry, (0.0, 1.0), block_energy, block_histories[chunk], seeds[chunk], births)
        if births.leaving[:, -1, LEFT_HISTORY].any():
            raise RuntimeError(f"more than {room} photons left of {_HISTORIES_PER_BLOCK} histories")
        wanted = (births.leaving[..., LEFT_HISTORY] > 0) & ((births.leaving[..., LEFT_W] > 0) == back)
        block, row = np.nonzero(wanted)
        found.append(births.leaving[block, row])
        numbers.append((start + block) // blocks)
    photons = np.concatenate(found)
    cosine = photons[:, LEFT_W]
    passing = stack_transmission(slabs, energies)  # 0 of an opaque stack, in which all interact
    return LeavingPhotons(
        interacting=-np.expm1(np.log(passing, out=np.full_like(passing, -np.inf), where=passing > 0)),
        histories=histories,
        number=np.concatenate(numbers).astype(np.int64),
        energy_keV=photons[:, LEFT_ENERGY],
        cosine=np.abs(cosine),
        off_mm=photons[:, LEFT_X : LEFT_X + 2] / _UM_PER_MM,
        tangent=photons[:, LEFT_U : LEFT_U + 2] / np.maximum(np.abs(cosine), 1e-9)[:, None],
    )


def cached_leaving_photons(
    slabs: Sequence[Slab],
    energy_keV: npt.ArrayLike,
    histories: int,
    *,
    back: bool,
    seed: int = 0,
    cache_folder: Path | None = None,
) -> LeavingPhotons:
    """`leaving_photons` of a fixed seed, from the cache where they are there already.

    Parameters
    ----------
    slabs, energy_keV, histories, back
        As for `leaving_photons`.
    seed : int
        Seed of the generator that the histories are drawn from.
    cache_folder : Path, optional
        Folder of the cache; by default the user's cache folder of the platform.

    Returns
    -------
    photons : LeavingPhotons
        Bit for bit the same, found or computed.

    Raises
    ------
    ValueError
        If there are no histories.
    """
    energies = np.array(energy_keV, dtype=np.float64, ndmin=1)
    key = {
        "what": "photons that leave a stack after an interaction",
        "method": _METHOD,
        "xraylib": version("xraylib"),
        "slabs": [{**material_key(slab.material), "thickness_um": float(slab.thickness_um)} for slab in slabs],
        "energy_keV": energies,
        "histories": histories,
        "back": back,
        "seed": seed,
    }

    def compute() -> Arrays:
        photons = leaving_photons(slabs, energies, histories, np.random.default_rng(seed), back=back)
        return {name: getattr(photons, name) for name in _ARRAYS}

    return LeavingPhotons(histories=histories, **cached_arrays(key, compute, cache_folder))


_ARRAYS = ("interacting", "number", "energy_keV", "cosine", "off_mm", "tangent")

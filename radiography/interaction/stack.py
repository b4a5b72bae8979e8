"""Energy that X-rays leave in the slabs of a stack, photons and electrons followed, and how much goes together.

An X-ray quantum in a scintillating layer near a photodiode gives light and, by its electrons and its fluorescence,
energy to the diode itself: the two are not independent. This file computes, energy by energy, the mean energy in every
part of the stack and the mean products of every two parts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from importlib.metadata import version
from pathlib import Path

import numpy as np
import numpy.typing as npt

from radiography.beam.attenuation import linear_attenuation_per_mm, material_key
from radiography.cache import Arrays, cached_arrays
from radiography.interaction.electron_kernels import add_moments
from radiography.interaction.electron_tables import ElectronTables, electron_tables
from radiography.interaction.electrons import MAX_ELECTRON_KEV, Slab, slab_geometry
from radiography.interaction.photon_tables import MIN_TRACKED_KEV
from radiography.interaction.stack_kernels import trace_births
from radiography.interaction.stack_tables import (
    BIRTH_COLUMNS,
    LEFT_COLUMNS,
    Births,
    Moments,
    Slabs,
    StackTables,
    stack_tables,
)

_HISTORIES_PER_BLOCK = 256  # with one seed
_BIRTHS_PER_HISTORY = 32  # room on average over a block; a history has about 5
_BLOCKS = 32  # at a time
_UM_PER_MM = 1e3
_METHOD = 1  # to be raised with every change of the physics or the random numbers below: cached results depend on it

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class StackResponse:
    """Energy that X-rays leave in the P parts of a stack, per incident quantum, over photon energy.

    Attributes
    ----------
    slabs : tuple of Slab
        The first at the entrance; their parts are numbered through.
    energy_keV : (E,) float64
        Photon energies. [keV]
    histories : int
        Interacting quanta traced per energy. [1]
    hit_fraction : (E,) float64
        Fraction of the quanta that interact anywhere in the stack; exact. [1]
    depositing : (E, P) float64
        Fraction that leave energy in a part. [1]
    mean_keV, mean_error_keV : (E, P) float64
        Mean energy left in a part, and its standard error. [keV]
    product_keV2 : (E, P, P) float64
        Mean product of the energies that one quantum leaves in two parts. [keV2]
    square_error_keV2 : (E, P) float64
        Standard error of its diagonal. [keV2]
    front_keV, back_keV : (E,) float64
        Mean energy carried away through the entrance face, and through the last after an interaction. [keV]
    """

    slabs: tuple[Slab, ...]
    energy_keV: FloatArray
    histories: int
    hit_fraction: FloatArray
    depositing: FloatArray
    mean_keV: FloatArray
    mean_error_keV: FloatArray
    product_keV2: FloatArray
    square_error_keV2: FloatArray
    front_keV: FloatArray
    back_keV: FloatArray


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


def parts_of(slabs: Sequence[Slab], index: int) -> slice:
    """Parts that a slab of a stack is counted in.

    Parameters
    ----------
    slabs : sequence of Slab
        The stack.
    index : int
        Number of the slab, from 0.

    Returns
    -------
    parts : slice
        Of the part axes of a `StackResponse`.
    """
    first = sum(slab.parts for slab in slabs[:index])
    return slice(first, first + slabs[index].parts)


def _check(energy_keV: FloatArray, histories: int, incidence_deg: float) -> None:
    if energy_keV.ndim != 1 or energy_keV.size < 1 or not (np.diff(energy_keV) > 0).all():
        raise ValueError(f"energy_keV must be one rising row of energy_keV, got shape {energy_keV.shape}")
    outside = energy_keV[~((energy_keV >= MIN_TRACKED_KEV) & (energy_keV <= MAX_ELECTRON_KEV))]
    if outside.size:
        raise ValueError(
            f"energy_keV must be between {MIN_TRACKED_KEV:g} and {MAX_ELECTRON_KEV:g} keV for a stack, got {outside[0]}"
        )
    if histories < 2:
        raise ValueError(f"stack_response needs at least 2 histories per energy, got {histories}")
    if not 0.0 <= incidence_deg <= 85.0:
        raise ValueError(f"incidence_deg must be between 0 and 85, got {incidence_deg}")


def _moments(blocks: int, parts: int) -> Moments:
    """Sums of nothing yet."""
    shapes = ((parts,), (parts,), (parts, parts), (parts,), (2,))
    return Moments(*(np.zeros((blocks, *shape)) for shape in shapes))


def stack_response(
    slabs: Sequence[Slab],
    energy_keV: npt.ArrayLike,
    histories: int,
    rng: np.random.Generator,
    *,
    incidence_deg: float = 0.0,
    cache_folder: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> StackResponse:
    """Energy that X-ray quanta leave in the parts of a stack in vacuum, photons and electrons followed.

    Parameters
    ----------
    slabs : sequence of Slab
        The first at the entrance.
    energy_keV : (E,) float64
        Rising photon energies from 1 to 500. [keV]
    histories : int
        Interacting photons traced per energy. [1]
    rng : numpy.random.Generator
        Same state, same result, for any number of threads.
    incidence_deg : float
        Angle between the beam and the normal, 0 to 85. [deg]
    cache_folder : Path, optional
        Folder of the cache of elastic scattering; by default the user's.
    progress : callable, optional
        Called with photons traced and to trace.

    Returns
    -------
    response : StackResponse

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    Photons are those of `absorption`; besides, K vacancies filled by Auger electrons leave two in L3, whose lines are
    followed. Photoelectrons start by Sauter's distribution whatever their shell, Auger electrons in any direction,
    Compton electrons by conservation of momentum. A K vacancy gives one Auger electron of the K energy less twice that
    of L3, one in L one of its energy less twice that of M5. Electrons are followed as in `electron_response`; they
    deposit at the photon's place along the slabs, and where they can no longer leave their slab, on the spot: energy in
    parts of a slab is known to the range of an electron.
    """
    energies = np.array(energy_keV, dtype=np.float64, ndmin=1)
    _check(energies, histories, incidence_deg)
    tracer = stack_tracer(slabs, float(energies[-1]), incidence_deg, cache_folder=cache_folder)
    geometry, hit = tracer.geometry, stack_hit_fraction(tracer, energies)

    blocks = -(-histories // _HISTORIES_PER_BLOCK)  # of each energy
    parts, total = int(geometry.first_part[-1]), energies.size * blocks
    block_histories = np.tile(np.diff(np.arange(blocks + 1) * histories // blocks), energies.size)
    block_energy = np.repeat(energies, blocks)
    seeds = rng.integers(0, 2**64, size=(2, total), dtype=np.uint64)
    sums = _moments(energies.size, parts)
    rows = np.zeros((_BLOCKS, _HISTORIES_PER_BLOCK * _BIRTHS_PER_HISTORY, BIRTH_COLUMNS))
    none_leaving = np.zeros((_BLOCKS, 0, LEFT_COLUMNS))
    for start in range(0, total, _BLOCKS):
        chunk = slice(start, min(start + _BLOCKS, total))
        births = Births(rows, np.zeros(_BLOCKS, np.int64), np.zeros((_BLOCKS, 2)), none_leaving)
        trace_births(
            tracer.photons,
            geometry,
            tracer.incidence,
            block_energy[chunk],
            block_histories[chunk],
            seeds[0, chunk],
            births,
        )
        of_chunk = _moments(chunk.stop - start, parts)
        add_moments(tracer.electrons, geometry, births, seeds[1, chunk], of_chunk)
        of_chunk.escaped_keV[:] += births.escaped_keV[: chunk.stop - start]
        for tally, of_block in zip(sums, of_chunk, strict=True):
            np.add.at(tally, np.arange(start, chunk.stop) // blocks, of_block)
        if progress is not None:
            progress(int(block_histories[: chunk.stop].sum()), energies.size * histories)
    depositing, mean, products, fourth, escaped_keV = (tally / histories for tally in sums)
    square = np.einsum("epp->ep", products)
    of_all = hit[:, None]
    return StackResponse(
        slabs=tracer.slabs,
        energy_keV=energies,
        histories=histories,
        hit_fraction=hit,
        depositing=of_all * depositing,
        mean_keV=of_all * mean,
        mean_error_keV=of_all * np.sqrt(np.maximum(square - mean**2, 0.0) / histories),
        product_keV2=of_all[:, :, None] * products,
        square_error_keV2=of_all * np.sqrt(np.maximum(fourth - square**2, 0.0) / histories),
        front_keV=hit * escaped_keV[:, 0],
        back_keV=hit * escaped_keV[:, 1],
    )


def cached_stack_response(
    slabs: Sequence[Slab],
    energy_keV: npt.ArrayLike,
    histories: int,
    *,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
    cache_folder: Path | None = None,
) -> StackResponse:
    """`stack_response` of a fixed seed at normal incidence, from the cache where it is there already.

    Parameters
    ----------
    slabs, energy_keV, histories, progress
        As for `stack_response`.
    seed : int
        Seed of the generator that the histories are drawn from.
    cache_folder : Path, optional
        Folder of the cache; by default the user's cache folder of the platform.

    Returns
    -------
    response : StackResponse
        Bit for bit the same, found or computed.

    Raises
    ------
    ValueError
        If an argument is out of range.
    """
    energies = np.array(energy_keV, dtype=np.float64, ndmin=1)
    key = {
        "what": "response of a stack to single photons, electrons followed",
        "holds": list(_ARRAY_FIELDS),
        "method": _METHOD,
        "xraylib": version("xraylib"),
        "slabs": [
            {**material_key(slab.material), "thickness_um": float(slab.thickness_um), "parts": slab.parts}
            for slab in slabs
        ],
        "energy_keV": energies,
        "histories": histories,
        "seed": seed,
    }

    def compute() -> Arrays:
        rng = np.random.default_rng(seed)
        response = stack_response(slabs, energies, histories, rng, cache_folder=cache_folder, progress=progress)
        return {name: getattr(response, name) for name in _ARRAY_FIELDS}

    return StackResponse(tuple(slabs), histories=histories, **cached_arrays(key, compute, cache_folder))


_ARRAY_FIELDS = tuple(field.name for field in fields(StackResponse) if field.type == "FloatArray")

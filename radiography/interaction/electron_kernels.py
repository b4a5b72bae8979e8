"""Monte Carlo of electrons in a stack of plane slabs, collision by collision: compiled kernels.

An electron flies, loses energy continuously, is scattered by an atom, and ends where its energy is used up or where it
leaves the stack. One that cannot reach a face of its slab ends where it is, so only those near the faces cost time.
Depth counts from the entrance face. The generator is xoshiro256++ [1]_, seeded once per block.

References
----------
.. [1] Blackman & Vigna, "Scrambled linear pseudorandom number generators", ACM Trans. Math. Softw. 47, 36 (2021).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from radiography.interaction.electron_tables import LOWEST_KEV, ElectronTables
from radiography.interaction.stack_tables import COSINE, DEPTH, ENERGY, HISTORY, SLAB, STAYS, Births, Moments, Slabs

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
WordArray = npt.NDArray[np.uint64]


@njit(cache=True, error_model="numpy")
def _generator(seed: np.uint64) -> WordArray:
    """State of a generator, filled from one seed by splitmix64."""
    state = np.empty(4, dtype=np.uint64)
    for index in range(4):
        seed += np.uint64(0x9E3779B97F4A7C15)
        word = (seed ^ (seed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        state[index] = word ^ (word >> np.uint64(31))
    return state


@njit(cache=True, error_model="numpy")
def _rotate_left(word: np.uint64, bits: int) -> np.uint64:
    return (word << np.uint64(bits)) | (word >> np.uint64(64 - bits))


@njit(cache=True, error_model="numpy")
def _next_word(state: WordArray) -> np.uint64:
    """The next 64 random bits of xoshiro256++; ``state`` is (4,) uint64, changed in place."""
    word: np.uint64 = _rotate_left(state[0] + state[3], 23) + state[0]
    shifted = state[1] << np.uint64(17)
    state[2] ^= state[0]
    state[3] ^= state[1]
    state[1] ^= state[2]
    state[0] ^= state[3]
    state[2] ^= shifted
    state[3] = _rotate_left(state[3], 45)
    return word


@njit(cache=True, error_model="numpy")
def _uniform(state: WordArray) -> float:
    """Uniform in (0, 1), 53 bits."""
    return (np.float64(_next_word(state) >> np.uint64(11)) + 0.5) * 1.1102230246251565e-16


@njit(cache=True, error_model="numpy")
def _two_uniforms(state: WordArray) -> tuple[float, float]:
    """Two uniforms in (0, 1) of one random word, 32 bits each."""
    word = _next_word(state)
    high = (np.float64(np.uint32(word >> np.uint64(32))) + 0.5) * 2.3283064365386963e-10
    return high, (np.float64(np.uint32(word & np.uint64(0xFFFFFFFF))) + 0.5) * 2.3283064365386963e-10


@njit(cache=True, error_model="numpy")
def _azimuth(state: WordArray) -> tuple[float, float]:
    """Cosine and sine of a uniform angle: twice that of a point drawn in the unit circle."""
    while True:
        a, b = _two_uniforms(state)
        a, b = 2.0 * a - 1.0, 2.0 * b - 1.0
        square = a * a + b * b
        if square < 1.0:
            break
    return (a * a - b * b) / square, 2.0 * a * b / square


@njit(cache=True, error_model="numpy")
def _leave(slabs: Slabs, part_keV: FloatArray, slab: int, z: float, energy_keV: float) -> None:
    """Add energy to the part of a slab that holds a depth; ``part_keV`` is (P,)."""
    part = slabs.first_part[slab]
    count = slabs.first_part[slab + 1] - part
    if count > 1:
        top, bottom = slabs.face_um[slab], slabs.face_um[slab + 1]
        part += min(max(int((z - top) / (bottom - top) * count), 0), count - 1)
    part_keV[part] += energy_keV


@njit(cache=True, error_model="numpy")
def _follow_electron(
    electrons: ElectronTables,
    slabs: Slabs,
    birth: FloatArray,
    part_keV: FloatArray,
    escaped_keV: FloatArray,
    state: WordArray,
) -> None:
    """One row of the births: an electron from its start to its end, or energy that stays.

    Adds what it leaves to ``part_keV`` (P,), and what leaves the stack to ``escaped_keV`` (2,): through the entrance
    face and through the last. Only depth and the cosine w to the axis of the stack are followed: electrons run at most
    some ten um along the slabs.
    """
    slab, z, w, energy = int(birth[SLAB]), birth[DEPTH], birth[COSINE], birth[ENERGY]
    if w == STAYS:
        _leave(slabs, part_keV, slab, z, energy)
        return
    last = slabs.material.size - 1
    material = slabs.material[slab]
    top, bottom = slabs.face_um[slab], slabs.face_um[slab + 1]
    while True:
        place = energy * electrons.steps_per_keV
        index = int(place)
        fraction = place - index
        ranges = electrons.range_um[material]
        range_um = ranges[index] + fraction * (ranges[index + 1] - ranges[index])
        if energy < LOWEST_KEV or range_um < min(z - top, bottom - z):
            _leave(slabs, part_keV, slab, z, energy)
            return
        rates, losses = electrons.collisions_per_um[material], electrons.stopping_keV_per_um[material]
        step = -math.log(_uniform(state)) / (rates[index] + fraction * (rates[index + 1] - rates[index]))
        reach = (bottom - z) / w if w > 0.0 else (top - z) / w if w < 0.0 else math.inf
        crosses = step >= reach
        if crosses:
            step = reach
        loss = step * (losses[index] + fraction * (losses[index + 1] - losses[index]))
        if loss >= energy:
            _leave(slabs, part_keV, slab, z, energy)
            return
        _leave(slabs, part_keV, slab, z + 0.5 * step * w, loss)
        energy -= loss
        if crosses:
            slab += 1 if w > 0.0 else -1
            if slab < 0 or slab > last:
                escaped_keV[0 if slab < 0 else 1] += energy
                return
            z = bottom if w > 0.0 else top
            material = slabs.material[slab]
            top, bottom = slabs.face_um[slab], slabs.face_um[slab + 1]
            continue
        z += step * w
        first, second = _two_uniforms(state)
        node = electrons.node[index] + (1 if first < electrons.node_fraction[index] else 0)
        chances = electrons.element_probability[material, node]
        element = 0
        while chances[element] < second and element < chances.size - 1:
            element += 1
        first, second = _two_uniforms(state)
        first *= electrons.threshold.shape[2]
        angle_bin = int(first)
        if first - angle_bin >= electrons.threshold[element, node, angle_bin]:
            angle_bin = electrons.alias[element, node, angle_bin]
        low, high = electrons.bin_edge[angle_bin], electrons.bin_edge[angle_bin + 1]
        x = low + second * (high - low)
        cosine = 1.0 - 2.0 * x
        across, _ = _azimuth(state)
        w = w * cosine + 2.0 * across * math.sqrt(x * (1.0 - x) * max(0.0, 1.0 - w * w))
        w = min(max(w, -1.0), 1.0)


@njit(cache=True, error_model="numpy")
def _add_block(
    electrons: ElectronTables, slabs: Slabs, births: Births, block: int, moments: Moments, state: WordArray
) -> None:
    """Follow the births of one block; writes its rows of ``moments``."""
    parts = moments.total_keV.shape[1]
    depositing, total, fourth = moments.depositing[block], moments.total_keV[block], moments.fourth_keV4[block]
    product, escaped_keV = moments.product_keV2[block], moments.escaped_keV[block]
    for sums in (depositing, total, fourth, escaped_keV):
        sums[:] = 0.0
    product[:] = 0.0
    energies, touched = np.zeros(parts), np.zeros(parts, np.int64)
    rows, last = births.rows[block], births.listed[block]
    row = 0
    while row < last:
        history = rows[row, HISTORY]
        while row < last and rows[row, HISTORY] == history:
            _follow_electron(electrons, slabs, rows[row], energies, escaped_keV, state)
            row += 1
        found = 0
        for part in range(parts):
            if energies[part] > 0.0:
                touched[found] = part
                found += 1
        for i in range(found):
            one = energies[touched[i]]
            total[touched[i]] += one
            depositing[touched[i]] += 1.0
            fourth[touched[i]] += one**4
            for j in range(found):
                product[touched[i], touched[j]] += one * energies[touched[j]]
        energies[:] = 0.0


@njit(cache=True, parallel=True)
def add_moments(electrons: ElectronTables, slabs: Slabs, births: Births, seeds: WordArray, moments: Moments) -> None:
    """Follow the births of histories, block by block, and sum what each history leaves.

    Parameters
    ----------
    electrons, slabs : ElectronTables, Slabs
        Electrons in the stack, and its geometry.
    births : Births
        What photons left in B blocks.
    seeds : (B,) uint64
        One of each block. [1]
    moments : Moments
        Written to.
    """
    # numba drops what a parallel loop itself writes to an array of a tuple, so another function writes
    for block in prange(seeds.size):
        _add_block(electrons, slabs, births, block, moments, _generator(seeds[block]))


@njit(cache=True, parallel=True)
def leave_energies(
    electrons: ElectronTables,
    slabs: Slabs,
    births: FloatArray,
    count: IntArray,
    seeds: WordArray,
    part_keV: FloatArray,
    escaped: FloatArray,
) -> None:
    """Follow births one by one, block by block.

    Parameters
    ----------
    electrons, slabs : ElectronTables, Slabs
        Electrons in the stack, and its geometry.
    births : (B, C, BIRTH_COLUMNS) float64
        Rows as in `Births`.
    count : (B,) int64
        How many of a block's rows are valid. [1]
    seeds : (B,) uint64
        One of each block. [1]
    part_keV : (B, C, P) float64
        Valid rows are written: energy that a birth leaves in each part. [keV]
    escaped : (B, C, 2) float64
        Likewise: energy that leaves the stack through the entrance face, and through the last. [keV]
    """
    for block in prange(seeds.size):
        state = _generator(seeds[block])
        for row in range(count[block]):
            left, outside = part_keV[block, row], escaped[block, row]
            left[:] = 0.0
            outside[:] = 0.0
            _follow_electron(electrons, slabs, births[block, row], left, outside, state)

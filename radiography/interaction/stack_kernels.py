"""Monte Carlo of X-ray photons in a stack of plane slabs, up to the electrons that they set free: compiled kernels.

A photon is followed with all its fluorescence, as in `photon_transport`. What it leaves is listed as births: an
electron with its place, direction and energy, or energy that stays on the spot. `electron_kernels` takes them from
there. Depth counts from the entrance face. The generator is xoshiro256++ [1]_, seeded once per block of histories.

References
----------
.. [1] Blackman & Vigna, "Scrambled linear pseudorandom number generators", ACM Trans. Math. Softw. 47, 36 (2021).
.. [2] Sauter, "Ueber den atomaren Photoeffekt in der K-Schale nach der relativistischen Wellenmechanik Diracs", Ann.
   Phys. 403, 454 (1931); sampled as in Salvat, "PENELOPE-2018", OECD/NEA (2019), section 2.2.
.. [3] Duff et al., "Building an orthonormal basis, revisited", J. Comput. Graph. Tech. 6 (1), 1 (2017).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from radiography.interaction.electron_tables import ELECTRON_KEV, LOWEST_KEV
from radiography.interaction.photon_tables import KEV_ANGSTROM, MIN_TRACKED_KEV
from radiography.interaction.stack_tables import (
    COSINE,
    DEPTH,
    ENERGY,
    HISTORY,
    SLAB,
    STAYS,
    Births,
    Slabs,
    StackTables,
    X,
    Y,
)

_STACK = 64  # photons waiting; a photon starts at most a few others, and they are followed depth first
_VACANCIES = 16  # of one atom
_MOMENTUM_STEP = 0.01  # of the scattering tables of photon_tables [1/Angstrom]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
WordArray = npt.NDArray[np.uint64]


class Scratch(NamedTuple):
    """Work space of one block.

    ``photons`` (_STACK, 8): place, direction, energy and slab of those waiting. ``vacancies`` (_VACANCIES,) of an atom.
    ``births`` (C, BIRTH_COLUMNS) and ``escaped_keV`` (2,): see `Births`. ``listed`` (3,): births, waiting photons,
    and rows of ``leaving`` (L, LEFT_COLUMNS).
    """

    photons: FloatArray
    vacancies: IntArray
    births: FloatArray
    escaped_keV: FloatArray
    leaving: FloatArray
    listed: IntArray


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
def _isotropic(state: WordArray) -> tuple[float, float, float]:
    """Unit vector, uniform on the sphere."""
    polar = 2.0 * _uniform(state) - 1.0
    across = math.sqrt(1.0 - polar * polar)
    cosine, sine = _azimuth(state)
    return across * cosine, across * sine, polar


@njit(cache=True, error_model="numpy")
def _turn(u: float, v: float, w: float, cosine: float, state: WordArray) -> tuple[float, float, float]:
    """Unit vector turned by an angle of given cosine at random azimuth, in the basis of [3]_."""
    across = math.sqrt(max(0.0, 1.0 - cosine * cosine))
    a, b = _azimuth(state)
    a, b = a * across, b * across
    sign = 1.0 if w >= 0.0 else -1.0
    h = -1.0 / (sign + w)
    q = u * v * h
    return (
        a * (1.0 + sign * u * u * h) + b * q + cosine * u,
        a * sign * q + b * (sign + v * v * h) + cosine * v,
        -a * sign * u - b * v + cosine * w,
    )


@njit(cache=True, error_model="numpy")
def _photoelectron_cosine(energy_keV: float, state: WordArray) -> float:
    """Cosine between a photoelectron and its photon by Sauter's formula [2]_, by rejection."""
    gamma = 1.0 + energy_keV / ELECTRON_KEV
    beta = math.sqrt(1.0 - 1.0 / (gamma * gamma))
    a = 1.0 / beta - 1.0
    constant = 0.5 * beta * gamma * (gamma - 1.0) * (gamma - 2.0)
    while True:
        uniform = _uniform(state)
        nu = 2.0 * a * (2.0 * uniform + (a + 2.0) * math.sqrt(uniform)) / ((a + 2.0) ** 2 - 4.0 * uniform)
        if _uniform(state) * 2.0 * (1.0 / a + constant) < (2.0 - nu) * (1.0 / (a + nu) + constant):
            return float(1.0 - nu)


@njit(cache=True)
def _locate(rising: FloatArray, value: float) -> int:
    """Index of the interval of `rising` that holds `value`, first or last where it lies outside."""
    low, high = 0, rising.size - 1
    while high - low > 1:
        middle = (low + high) >> 1
        if rising[middle] <= value:
            low = middle
        else:
            high = middle
    return low


@njit(cache=True, error_model="numpy")
def _attenuation_per_um(photons: StackTables, material: int, index: int, fraction: float) -> float:
    """Total coefficient of a material, the energy's place in the grid being given."""
    log_mu = photons.log_attenuation[material]
    return math.exp(log_mu[index] * (1.0 - fraction) + log_mu[index + 1] * fraction)


@njit(cache=True, error_model="numpy")
def _drawn_channel(photons: StackTables, material: int, index: int, fraction: float, state: WordArray) -> int:
    """Process and element of an interaction."""
    wanted = _uniform(state)
    below, above = photons.channel_probability[material, index], photons.channel_probability[material, index + 1]
    for channel in range(below.size - 1):
        if wanted < below[channel] * (1.0 - fraction) + above[channel] * fraction:
            return channel
    return int(below.size - 1)


@njit(cache=True)
def _compton_cosine(incoherent: FloatArray, energy_keV: float, state: WordArray) -> float:
    """Cosine of the scattering angle by Klein-Nishina times incoherent scattering function, by rejection."""
    k = energy_keV / ELECTRON_KEV
    while True:
        cosine = 2.0 * _uniform(state) - 1.0
        ratio = 1.0 / (1.0 + k * (1.0 - cosine))
        klein_nishina = 0.5 * ratio * ratio * (ratio + 1.0 / ratio - (1.0 - cosine * cosine))
        place = energy_keV / KEV_ANGSTROM * np.sqrt(0.5 * (1.0 - cosine)) / _MOMENTUM_STEP
        index = int(place)
        fraction = place - index
        bound = incoherent[index] * (1 - fraction) + incoherent[index + 1] * fraction
        if _uniform(state) < klein_nishina * bound:
            return float(cosine)


@njit(cache=True)
def _rayleigh_cosine(integral: FloatArray, energy_keV: float, state: WordArray) -> float:
    """Cosine of the scattering angle by Thomson times form factor squared, whose ``integral`` is given."""
    largest = energy_keV / KEV_ANGSTROM
    index = int(largest / _MOMENTUM_STEP)
    below, above = (index * _MOMENTUM_STEP) ** 2, ((index + 1) * _MOMENTUM_STEP) ** 2
    fraction = (largest * largest - below) / (above - below)
    total = integral[index] * (1 - fraction) + integral[index + 1] * fraction
    while True:
        wanted = _uniform(state) * total
        index = _locate(integral, wanted)
        below, above = (index * _MOMENTUM_STEP) ** 2, ((index + 1) * _MOMENTUM_STEP) ** 2
        squared = below + (above - below) * (wanted - integral[index]) / (integral[index + 1] - integral[index])
        cosine = max(-1.0, 1.0 - 2.0 * squared / (largest * largest))
        if _uniform(state) < 0.5 * (1.0 + cosine * cosine):
            return float(cosine)


@njit(cache=True)
def _ionised_shell(edge_keV: FloatArray, probability: FloatArray, energy_keV: float, state: WordArray) -> int:
    """Shell (0 to 3: K, L1, L2, L3) that a photon of this energy ionises, -1 for a shell further out."""
    for shell in range(4):
        if energy_keV > edge_keV[shell] and _uniform(state) < probability[shell]:
            return shell
    return -1


@njit(cache=True, error_model="numpy")
def _fly(
    photons: StackTables, slabs: Slabs, at: tuple[int, float], slab: int, z: float, w: float, depth: float
) -> tuple[int, float]:
    """Slab and depth [um] where a photon has passed an optical depth along its way; slab -1 or S outside.

    ``at``: interval of its energy in the grid, and fraction within it.
    """
    while 0 <= slab < slabs.material.size:
        mu = _attenuation_per_um(photons, slabs.material[slab], at[0], at[1])
        face = slabs.face_um[slab + 1] if w > 0.0 else slabs.face_um[slab]
        along = mu * (face - z) / w if w != 0.0 else math.inf
        if depth < along:
            return slab, z + depth / mu * w
        depth -= along
        z = face
        slab += 1 if w > 0.0 else -1
    return slab, z


@njit(cache=True, error_model="numpy")
def _bear(scratch: Scratch, place: tuple[float, float, float, int], history: int, w: float, energy: float) -> None:
    """Add one row to the births of a block. In a full list the last row takes the energy, and stays."""
    if energy <= 0.0:
        return
    births, listed = scratch.births, scratch.listed
    if listed[0] == births.shape[0]:
        births[listed[0] - 1, ENERGY] += energy
        births[listed[0] - 1, COSINE] = STAYS
        return
    row = births[listed[0]]
    row[HISTORY], row[X], row[Y], row[DEPTH], row[SLAB] = history, place[0], place[1], place[2], place[3]
    row[COSINE], row[ENERGY] = w if energy > LOWEST_KEV else STAYS, energy
    listed[0] += 1


@njit(cache=True, error_model="numpy")
def _relax_atom(
    photons: StackTables,
    scratch: Scratch,
    place: tuple[float, float, float, int],
    history: int,
    element: int,
    shell: int,
    state: WordArray,
) -> None:
    """Fill a vacancy: lines join the waiting photons, Auger electrons and what stays join the births.

    A K vacancy that emits no line emits one Auger electron and leaves two vacancies in L3; one in L leaves two further
    out, which end on the spot.
    """
    x, y, z, slab = place
    vacancies, listed = scratch.vacancies, scratch.listed
    edge, outer_keV = photons.edge_keV[element], photons.outer_keV[element]
    vacancies[0], open_vacancies, stays = shell, 1, 0.0
    while open_vacancies > 0:
        open_vacancies -= 1
        shell = vacancies[open_vacancies]
        rest = edge[shell]
        wanted = _uniform(state)
        fluorescence = photons.fluorescence_yield[element, shell]
        if wanted < fluorescence:
            first, last = photons.line_start[element, shell], photons.line_start[element, shell + 1] - 1
            wanted /= fluorescence
            while first < last and photons.line_probability[first] <= wanted:
                first += 1
            line_keV, target = photons.line_keV[first], photons.line_shell[first]
            if line_keV >= MIN_TRACKED_KEV and line_keV <= rest and listed[1] < _STACK:
                u, v, w = _isotropic(state)
                photon = scratch.photons[listed[1]]
                photon[0], photon[1], photon[2], photon[3], photon[4], photon[5] = x, y, z, u, v, w
                photon[6], photon[7] = line_keV, slab
                listed[1] += 1
                rest -= line_keV
            if target >= 0 and edge[target] <= rest:
                rest -= edge[target]
                vacancies[open_vacancies] = target
                open_vacancies += 1
        else:
            wanted -= fluorescence
            target = -1
            to_l2, to_l3 = photons.coster_kronig[element, 0], photons.coster_kronig[element, 1]
            if shell == 1 and wanted < to_l2:
                target = 2
            elif (shell == 1 and wanted < to_l2 + to_l3) or (shell == 2 and wanted < photons.coster_kronig[element, 2]):
                target = 3
            if target >= 0 and edge[target] < rest:  # of light elements L3 is not tabulated, its edge infinite
                rest -= edge[target]
                vacancies[open_vacancies] = target
                open_vacancies += 1
            else:
                left = outer_keV
                if shell == 0 and edge[3] < rest:
                    left = edge[3]
                auger_keV = rest - 2.0 * left
                if auger_keV > LOWEST_KEV:
                    rest -= auger_keV
                    _bear(scratch, place, history, 2.0 * _uniform(state) - 1.0, auger_keV)
                    if shell == 0 and edge[3] < np.inf and photons.shell_probability[element, 3] > 0.0:
                        rest -= 2.0 * edge[3]
                        vacancies[open_vacancies] = 3
                        vacancies[open_vacancies + 1] = 3
                        open_vacancies += 2
        stays += rest
    _bear(scratch, place, history, STAYS, stays)


@njit(cache=True, error_model="numpy")
def _trace_history(
    photons: StackTables,
    slabs: Slabs,
    scratch: Scratch,
    history: int,
    start_with: tuple[float, float, float],
    state: WordArray,
) -> None:
    """One photon that interacts in the stack; adds to ``births`` and to ``escaped_keV``.

    ``start_with``: sine and cosine of its angle to the normal, and its energy [keV].
    """
    n_elements = photons.edge_keV.shape[0]
    listed, escaped_keV, first = scratch.listed, scratch.escaped_keV, True
    listed[1] = 1
    start = scratch.photons[0]
    start[:] = 0.0
    start[3], start[5], start[6] = start_with
    while listed[1] > 0:
        listed[1] -= 1
        photon = scratch.photons[listed[1]]
        x, y, z, u, v, w, energy = photon[0], photon[1], photon[2], photon[3], photon[4], photon[5], photon[6]
        slab = int(photon[7])
        while True:
            log_energy = math.log(energy)
            index = _locate(photons.log_energy, log_energy)
            below = photons.log_energy[index]
            fraction = (log_energy - below) / (photons.log_energy[index + 1] - below)
            if first:
                whole = 0.0
                for one in range(slabs.material.size):
                    thickness = slabs.face_um[one + 1] - slabs.face_um[one]
                    whole += thickness * _attenuation_per_um(photons, slabs.material[one], index, fraction)
                depth = -math.log1p(_uniform(state) * math.expm1(-whole / w))
            else:
                depth = -math.log(_uniform(state))
            before = z
            slab, z = _fly(photons, slabs, (index, fraction), slab, z, w, depth)
            if first and slab >= slabs.material.size:  # by rounding, at the very last
                slab -= 1
            first = False
            if slab < 0 or slab >= slabs.material.size:
                escaped_keV[0 if slab < 0 else 1] += energy
                if listed[2] < scratch.leaving.shape[0]:
                    x, y = x + (z - before) / w * u, y + (z - before) / w * v
                    left = scratch.leaving[listed[2]]
                    left[0], left[1], left[2], left[3], left[4] = history + 1.0, x, y, u, v
                    left[5], left[6] = w, energy
                    listed[2] += 1
                break
            x, y = x + (z - before) / w * u, y + (z - before) / w * v
            channel = _drawn_channel(photons, slabs.material[slab], index, fraction, state)
            process, element = channel // n_elements, channel % n_elements
            if process == 2:
                u, v, w = _turn(u, v, w, _rayleigh_cosine(photons.coherent_integral[element], energy, state), state)
                continue
            if process == 1:
                cosine = _compton_cosine(photons.incoherent[element], energy, state)
                remaining = energy / (1.0 + energy / ELECTRON_KEV * (1.0 - cosine))
                old_w = w
                u, v, w = _turn(u, v, w, cosine, state)
                gained = energy - remaining
                momentum = math.sqrt(energy * energy + remaining * remaining - 2.0 * energy * remaining * cosine)
                electron_w = 1.0
                if momentum > 0.0:
                    electron_w = min(max((energy * old_w - remaining * w) / momentum, -1.0), 1.0)
                _bear(scratch, (x, y, z, slab), history, electron_w, gained)
                if remaining < MIN_TRACKED_KEV:
                    _bear(scratch, (x, y, z, slab), history, STAYS, remaining)
                    break
                energy = remaining
                continue
            shell = _ionised_shell(photons.edge_keV[element], photons.shell_probability[element], energy, state)
            bound = photons.edge_keV[element, shell] if shell >= 0 else photons.outer_keV[element]
            if bound > energy:
                bound = 0.0
            place = (x, y, z, slab)
            electron_w = STAYS
            if energy - bound > LOWEST_KEV:
                _, _, electron_w = _turn(u, v, w, _photoelectron_cosine(energy - bound, state), state)
            _bear(scratch, place, history, electron_w, energy - bound)
            if shell >= 0:
                _relax_atom(photons, scratch, place, history, element, shell, state)
            else:
                _bear(scratch, place, history, STAYS, bound)
            break


@njit(cache=True, error_model="numpy")
def _trace_block(
    photons: StackTables,
    slabs: Slabs,
    start_with: tuple[float, float, float],
    histories: int,
    block: int,
    births: Births,
    state: WordArray,
) -> None:
    """Trace the photons of one block; writes its rows of ``births``."""
    scratch = Scratch(
        np.zeros((_STACK, 8)),
        np.zeros(_VACANCIES, np.int64),
        births.rows[block],
        births.escaped_keV[block],
        births.leaving[block],
        np.zeros(3, np.int64),
    )
    scratch.escaped_keV[:] = 0.0
    for history in range(histories):
        _trace_history(photons, slabs, scratch, history, start_with, state)
    births.listed[block] = scratch.listed[0]


@njit(cache=True, parallel=True)
def trace_births(
    photons: StackTables,
    slabs: Slabs,
    incidence: tuple[float, float],
    energy_keV: FloatArray,
    histories: IntArray,
    seeds: WordArray,
    births: Births,
) -> None:
    """Trace photons that interact, block by block.

    Parameters
    ----------
    photons, slabs : StackTables, Slabs
        Photons in the stack, and its geometry.
    incidence : tuple of float
        Sine and cosine of the angle to the normal. [1]
    energy_keV, histories, seeds : (B,) float64, int64, uint64
        Block b is ``histories[b]`` photons of ``energy_keV[b]``, drawn from ``seeds[b]``. [keV, 1, 1]
    births : Births
        Written to.
    """
    # numba drops what a parallel loop itself writes to an array of a tuple, so another function writes
    for block in prange(seeds.size):
        state = _generator(seeds[block])
        start_with = (incidence[0], incidence[1], energy_keV[block])
        _trace_block(photons, slabs, start_with, histories[block], block, births, state)

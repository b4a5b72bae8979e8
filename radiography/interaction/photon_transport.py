"""Monte Carlo of single X-ray photons in a plane layer: the compiled kernels of `absorption` and `event_frame`.

A photon is followed with all its fluorescence until its energy is deposited or has left the layer; electrons stop
where they are set free. The first interaction is forced to happen inside the layer, since its probability is known.
The generator is xoshiro256++ [1]_, seeded once per row or block of photons.

References
----------
.. [1] Blackman & Vigna, "Scrambled linear pseudorandom number generators", ACM Trans. Math. Softw. 47, 36 (2021).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from radiography.interaction.photon_tables import KEV_ANGSTROM, MIN_TRACKED_KEV, PhotonTables

ELECTRON_KEV = 510.99895  # electron rest energy, CODATA 2018 [keV]
# columns of `sums` in trace_photons, per row: deposits of one photon added up
DEPOSITING, ENERGY, SQUARE, FOURTH, FRONT, BACK, COLUMNS = 0, 1, 2, 3, 4, 5, 6

_STACK = 64  # photons waiting; a photon starts at most two others, and they are followed depth first
_SITES = 64  # places of one history; what comes later is put to the last one, so that no energy is lost
_MOMENTUM_STEP = 0.01  # of the scattering tables of photon_tables [1/Angstrom]

FloatArray = npt.NDArray[np.float64]
WordArray = npt.NDArray[np.uint64]


class Slab(NamedTuple):
    """A plane layer: thickness [mm], and sine and cosine of the angle between the beam and its normal."""

    thickness_mm: float
    sine: float
    cosine: float


class Tallies(NamedTuple):
    """What rows of histories leave: ``sums`` (R, 6) of deposits, ``depth_keV`` (R, D), and the transforms ``signal``
    and ``power`` (R, F) of the energy and of its square."""

    sums: FloatArray
    depth_keV: FloatArray
    signal: FloatArray
    power: FloatArray


class DepositLists(NamedTuple):
    """Deposits of each photon by itself: ``number`` (N,) of them, written to the rows of ``deposits`` (D, 4) from
    ``first`` (N,) on as x, y, depth [mm] and energy [keV]."""

    number: npt.NDArray[np.int64]
    first: npt.NDArray[np.int64]
    deposits: FloatArray


class _Scratch(NamedTuple):
    """Of one history: ``photons`` (_STACK, 7), place, direction and energy of those still waiting; ``direction`` (3,)
    of the one that is followed; ``sites`` (_SITES + 1, 4) as in `_trace_one`; ``state`` (4,) of the generator."""

    photons: FloatArray
    direction: FloatArray
    sites: FloatArray
    state: WordArray


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


@njit(cache=True)
def _attenuation_per_mm(tables: PhotonTables, energy_keV: float) -> tuple[float, int, float]:
    """Total coefficient, and the interval and the fraction within it for the channel table."""
    log_energy = np.log(energy_keV)
    index = _locate(tables.log_energy, log_energy)
    fraction = (log_energy - tables.log_energy[index]) / (tables.log_energy[index + 1] - tables.log_energy[index])
    log_mu = tables.log_attenuation[index] * (1 - fraction) + tables.log_attenuation[index + 1] * fraction
    return np.exp(log_mu), index, fraction


@njit(cache=True)
def _choose_channel(tables: PhotonTables, index: int, fraction: float, state: WordArray) -> int:
    """Process and element of an interaction."""
    wanted = _uniform(state)
    last = tables.channel_probability.shape[1] - 1
    for channel in range(last):
        probability = (
            tables.channel_probability[index, channel] * (1 - fraction)
            + tables.channel_probability[index + 1, channel] * fraction
        )
        if wanted < probability:
            return channel
    return int(last)


@njit(cache=True)
def _turn(direction: FloatArray, cosine: float, state: WordArray) -> None:
    """Turn a unit vector by an angle of given cosine, at random azimuth, in place."""
    sine = np.sqrt(max(0.0, 1.0 - cosine * cosine))
    azimuth = 2.0 * np.pi * _uniform(state)
    u, v, w = direction[0], direction[1], direction[2]
    a, b = sine * np.cos(azimuth), sine * np.sin(azimuth)
    across = np.sqrt(u * u + v * v)
    if across < 1e-8:
        direction[0], direction[1], direction[2] = a, b, cosine * w
    else:
        direction[0] = u * cosine + (a * u * w - b * v) / across
        direction[1] = v * cosine + (a * v * w + b * u) / across
        direction[2] = w * cosine - a * across
    norm = np.sqrt(direction[0] ** 2 + direction[1] ** 2 + direction[2] ** 2)
    direction[0] /= norm
    direction[1] /= norm
    direction[2] /= norm


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


@njit(cache=True)
def _relax(tables: PhotonTables, element: int, shell: int, state: WordArray) -> tuple[float, int]:
    """Energy of the photon that fills a vacancy [keV] (0: none) and the shell that it leaves vacant (-1: none)."""
    while shell >= 0:
        wanted = _uniform(state)
        fluorescence = tables.fluorescence_yield[element, shell]
        if wanted < fluorescence:
            first, last = tables.line_start[element, shell], tables.line_start[element, shell + 1] - 1
            wanted /= fluorescence
            while first < last and tables.line_probability[first] <= wanted:
                first += 1
            return tables.line_keV[first], tables.line_shell[first]
        wanted -= fluorescence
        to_l2, to_l3 = tables.coster_kronig[element, 0], tables.coster_kronig[element, 1]
        if shell == 1 and wanted < to_l2:
            shell = 2
        elif (shell == 1 and wanted < to_l2 + to_l3) or (shell == 2 and wanted < tables.coster_kronig[element, 2]):
            shell = 3
        else:
            shell = -1
    return 0.0, -1


@njit(cache=True)
def _trace_one(tables: PhotonTables, slab: Slab, energy_keV: float, scratch: _Scratch) -> tuple[int, float, float]:
    """One photon that interacts in the layer; fills `sites` with x, y, depth [mm] and deposit [keV].

    Returns the number of sites and the energy that left through the front and the back [keV]. The last row of `sites`
    is the place of the first interaction.
    """
    thickness_mm, sine, cosine = slab
    photons, direction, sites, state = scratch
    n_elements = tables.edge_keV.shape[0]
    n_sites, front_keV, back_keV = 0, 0.0, 0.0
    photons[0, :] = 0.0
    photons[0, 3], photons[0, 5], photons[0, 6] = sine, cosine, energy_keV
    waiting, first = 1, True
    while waiting > 0:
        waiting -= 1
        x, y, z, energy = photons[waiting, 0], photons[waiting, 1], photons[waiting, 2], photons[waiting, 6]
        direction[0], direction[1], direction[2] = photons[waiting, 3], photons[waiting, 4], photons[waiting, 5]
        alive = True
        while alive:
            mu_per_mm, index, fraction = _attenuation_per_mm(tables, energy)
            if first:
                inside = -np.expm1(-mu_per_mm * thickness_mm / cosine)
                step = -np.log1p(-_uniform(state) * inside) / mu_per_mm
                sites[_SITES, 0], sites[_SITES, 1], sites[_SITES, 2] = x + step * sine, y, z + step * cosine
                first = False
            else:
                step = -np.log1p(-_uniform(state)) / mu_per_mm
            x, y, z = x + step * direction[0], y + step * direction[1], z + step * direction[2]
            if z < 0.0:
                front_keV += energy
                break
            if z > thickness_mm:
                back_keV += energy
                break
            channel = _choose_channel(tables, index, fraction, state)
            process, element = channel // n_elements, channel % n_elements
            deposit = 0.0
            if process == 2:
                _turn(direction, _rayleigh_cosine(tables.coherent_integral[element], energy, state), state)
            elif process == 1:
                scattered = _compton_cosine(tables.incoherent[element], energy, state)
                remaining = energy / (1.0 + energy / ELECTRON_KEV * (1.0 - scattered))
                deposit = energy - remaining
                if remaining < MIN_TRACKED_KEV:
                    deposit, alive = energy, False
                energy = remaining
                _turn(direction, scattered, state)
            else:
                deposit, alive = energy, False
                shell = _ionised_shell(tables.edge_keV[element], tables.shell_probability[element], energy, state)
                while shell >= 0:
                    line_keV, shell = _relax(tables, element, shell, state)
                    if line_keV >= MIN_TRACKED_KEV and waiting < _STACK:
                        deposit -= line_keV
                        polar, azimuth = 2.0 * _uniform(state) - 1.0, 2.0 * np.pi * _uniform(state)
                        across = np.sqrt(1.0 - polar * polar)
                        photons[waiting, 0], photons[waiting, 1], photons[waiting, 2] = x, y, z
                        photons[waiting, 3], photons[waiting, 4] = across * np.cos(azimuth), across * np.sin(azimuth)
                        photons[waiting, 5], photons[waiting, 6] = polar, line_keV
                        waiting += 1
            if deposit > 0.0:
                if n_sites == _SITES:
                    sites[n_sites - 1, 3] += deposit
                else:
                    sites[n_sites, 0], sites[n_sites, 1], sites[n_sites, 2], sites[n_sites, 3] = x, y, z, deposit
                    n_sites += 1
    return n_sites, front_keV, back_keV


@njit(cache=True)
def _bessel_j0(x: float) -> float:
    """Bessel function of order 0: Abramowitz and Stegun 9.4.1 and 9.4.3, absolute error below 1e-7."""
    if x <= 3.0:
        t = (x / 3.0) ** 2
        series = 0.0444479 + t * (-0.0039444 + t * 0.0002100)
        return 1.0 + t * (-2.2499997 + t * (1.2656208 + t * (-0.3163866 + t * series)))
    t = 3.0 / x
    amplitude = -0.00009512 + t * (0.00137237 + t * (-0.00072805 + t * 0.00014476))
    amplitude = 0.79788456 + t * (-0.00000077 + t * (-0.00552740 + t * amplitude))
    phase = 0.00262573 + t * (-0.00054125 + t * (-0.00029333 + t * 0.00013558))
    phase = x - 0.78539816 + t * (-0.04166397 + t * (-0.00003954 + t * phase))
    return float(amplitude * np.cos(phase) / np.sqrt(x))


@njit(cache=True)
def _add_spread(
    sites: FloatArray, n_sites: int, frequency_per_mm: FloatArray, signal: FloatArray, power: FloatArray
) -> None:
    """Add one history to the transforms of deposited energy about the first interaction, and of its square."""
    total = 0.0
    first = sites[_SITES]
    for i in range(n_sites):
        energy = sites[i, 3]
        total += energy * energy
        distance = np.hypot(sites[i, 0] - first[0], sites[i, 1] - first[1])
        for f in range(frequency_per_mm.size):
            signal[f] += energy * _bessel_j0(2.0 * np.pi * frequency_per_mm[f] * distance)
        for j in range(i):
            apart = np.hypot(sites[i, 0] - sites[j, 0], sites[i, 1] - sites[j, 1])
            for f in range(frequency_per_mm.size):
                power[f] += 2.0 * energy * sites[j, 3] * _bessel_j0(2.0 * np.pi * frequency_per_mm[f] * apart)
    power += total


@njit(cache=True, parallel=True)
def trace_photons(
    tables: PhotonTables,
    slab: Slab,
    energy_keV: FloatArray,
    histories: npt.NDArray[np.int64],
    seeds: WordArray,
    frequency_per_mm: FloatArray,
    tallies: Tallies,
) -> None:
    """Trace photons that interact, row by row; writes every element of the tallies.

    Parameters
    ----------
    tables : PhotonTables
        Of the layer's material.
    slab : Slab
        The layer and the direction of the beam.
    energy_keV, histories, seeds : (R,) float64, int64, uint64
        Row r is ``histories[r]`` photons of ``energy_keV[r]``, drawn from ``seeds[r]``. [keV, 1, 1]
    frequency_per_mm : (F,) float64
        Spatial frequencies of the transforms. [1/mm]
    tallies : Tallies
        Written to.
    """
    sums, depth_keV, signal, power = tallies
    for row in prange(energy_keV.size):
        state = _generator(seeds[row])
        scratch = _Scratch(np.empty((_STACK, 7)), np.empty(3), np.empty((_SITES + 1, 4)), state)
        sites = scratch.sites
        row_sums, row_depth = np.zeros(COLUMNS), np.zeros(depth_keV.shape[1])
        row_signal, row_power = np.zeros(frequency_per_mm.size), np.zeros(frequency_per_mm.size)
        for _ in range(histories[row]):
            n_sites, front_keV, back_keV = _trace_one(tables, slab, energy_keV[row], scratch)
            total = 0.0
            for site in range(n_sites):
                total += sites[site, 3]
                place = int(sites[site, 2] / slab.thickness_mm * row_depth.size)
                row_depth[min(place, row_depth.size - 1)] += sites[site, 3]
            row_sums[DEPOSITING] += 1.0 if n_sites > 0 else 0.0
            row_sums[ENERGY] += total
            row_sums[SQUARE] += total**2
            row_sums[FOURTH] += total**4
            row_sums[FRONT] += front_keV
            row_sums[BACK] += back_keV
            if frequency_per_mm.size > 0 and n_sites > 0:
                _add_spread(sites, n_sites, frequency_per_mm, row_signal, row_power)
        sums[row, :] = row_sums
        depth_keV[row, :] = row_depth
        signal[row, :] = row_signal
        power[row, :] = row_power


@njit(cache=True, parallel=True)
def trace_deposits(
    tables: PhotonTables,
    slab: Slab,
    energy_keV: float,
    block_first: npt.NDArray[np.int64],
    seeds: WordArray,
    lists: DepositLists,
) -> None:
    """Trace photons that interact, each with its own list of deposits; writes every element of ``number``.

    The same seeds give the same histories, so a first call counts what a second one fills.

    Parameters
    ----------
    tables : PhotonTables
        Of the layer's material.
    slab : Slab
        The layer and the direction of the beam.
    energy_keV : float
        Of every photon. [keV]
    block_first, seeds : (B + 1,) int64, (B,) uint64
        Block b is the photons from ``block_first[b]`` to before ``block_first[b + 1]``, drawn from ``seeds[b]``. [1]
    lists : DepositLists
        Written to; with empty ``deposits`` only the numbers are.
    """
    number, first, deposits = lists
    for block in prange(seeds.size):
        state = _generator(seeds[block])
        scratch = _Scratch(np.empty((_STACK, 7)), np.empty(3), np.empty((_SITES + 1, 4)), state)
        for photon in range(block_first[block], block_first[block + 1]):
            n_sites, _, _ = _trace_one(tables, slab, energy_keV, scratch)
            number[photon] = n_sites
            if deposits.shape[0] > 0:
                deposits[first[photon] : first[photon] + n_sites] = scratch.sites[:n_sites]

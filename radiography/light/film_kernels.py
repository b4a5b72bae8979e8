"""Monte Carlo of single light photons in a scattering, self-absorbing film: the compiled kernels of `transport`.

A photon is born at a known depth, flies, scatters, is absorbed and perhaps emitted again, meets the two faces, and
ends in the diode or elsewhere. Depth counts from the cover (0) to the diode (the thickness). The generator is
xoshiro256++ [1]_, seeded once per block of photons. `count_ends` counts what becomes of photons in columns.

References
----------
.. [1] Blackman & Vigna, "Scrambled linear pseudorandom number generators", ACM Trans. Math. Softw. 47, 36 (2021).
.. [2] Henyey & Greenstein, "Diffuse radiation in the galaxy", Astrophys. J. 93, 70 (1941).
.. [3] Duff et al., "Building an orthonormal basis, revisited", J. Comput. Graph. Tech. 6 (1), 1 (2017).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit, prange

FloatArray = npt.NDArray[np.float64]
SingleArray = npt.NDArray[np.float32]
EndArray = npt.NDArray[np.int8]
IntArray = npt.NDArray[np.int64]
WordArray = npt.NDArray[np.uint64]

# how a photon ends; columns of `fates`
DETECTED, ABSORBED, COVER, STRAYED, FATES = 0, 1, 2, 3, 4

_COVER, _SENSOR = 0, 1  # rows of FilmOptics.faces
_RETURNED, _TAKEN, _LOST = 0, 1, 2  # what a face did to a photon
_MOST_EVENTS = 1_000_000  # of one photon; one that is still under way counts as strayed
_MOST_ECHOES = 10_000  # between film and backing


class FilmOptics(NamedTuple):
    """What the kernel knows of a film.

    ``faces`` (2, 4): of the cover and of the sensor, the refractive index [1] and thickness [um] of the clear medium
    next to the film, reflectivity of the backing behind it and its Lambertian fraction. ``lines`` (L, 3):
    for each of the L equally likely emission lines the mean free path [um], fraction of collisions that scatter, and
    the fraction that scatter or end in another emission.
    """

    thickness_um: float
    refractive_index: float
    anisotropy: float
    radius_limit_um: float
    faces: FloatArray
    lines: FloatArray


class PhotonBlocks(NamedTuple):
    """Photons to trace in B blocks: seed (B,), number (B,), and depths between which they are born, (B,) each. [um]"""

    seeds: WordArray
    photons: IntArray
    from_um: FloatArray
    to_um: FloatArray


class PhotonTallies(NamedTuple):
    """What became of photons, in B rows: of all of them how they ended, of the detected ones the rest.

    ``fates`` (B, FATES): number by end; ``transfer`` and ``square`` (B, F): sums of J0 and of its square; ``radii``
    (B, R): number by radius; ``emerging`` (B, L): number by emission line, L = 0 where every line fares alike.
    """

    fates: IntArray
    transfer: FloatArray
    square: FloatArray
    radii: IntArray
    emerging: IntArray


class RadiusTables(NamedTuple):
    """How a detected photon's radius is counted: J0 at steps of 1 / ``bessel_per_unit``, radius bins even in the
    logarithm, the first ``first_radius_um`` wide."""

    angular_per_um: FloatArray
    bessel: FloatArray
    bessel_per_unit: float
    first_radius_um: float
    bins_per_e: float


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
def _scattering_cosine(g: float, uniform: float) -> float:
    """Cosine of the scattering angle by Henyey and Greenstein [2]_, from a uniform number."""
    if g == 0.0:
        return 2.0 * uniform - 1.0
    ratio = (1.0 - g * g) / (1.0 - g + 2.0 * g * uniform)
    return (1.0 + g * g - ratio * ratio) / (2.0 * g)


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
def _reflectance(index: float, other_index: float, cosine: float) -> float:
    """Fresnel reflectance of unpolarised light that comes from ``index`` at a given cosine to the normal."""
    ratio = index / other_index
    sine_square = ratio * ratio * (1.0 - cosine * cosine)
    if sine_square >= 1.0:
        return 1.0
    other = math.sqrt(1.0 - sine_square)
    s = (index * cosine - other_index * other) / (index * cosine + other_index * other)
    p = (other_index * cosine - index * other) / (other_index * cosine + index * other)
    return 0.5 * (s * s + p * p)


@njit(cache=True, error_model="numpy")
def _meet_face(
    film: FilmOptics, side: int, u: float, v: float, cosine: float, state: WordArray
) -> tuple[int, float, float, float, float, float]:
    """A photon at a face, its cosine to the outward normal given: what became of it, how far it moved along the face,
    and its direction inward if it returned."""
    index, limit_um = film.refractive_index, film.radius_limit_um
    face = film.faces[side]
    outer_index, gap_um, reflectivity, diffuse_fraction = face[0], face[1], face[2], face[3]
    x, y = 0.0, 0.0
    matched = outer_index == index
    if not matched:
        if _uniform(state) < _reflectance(index, outer_index, cosine):
            return _RETURNED, x, y, u, v, cosine
        ratio = index / outer_index
        u, v = u * ratio, v * ratio
        cosine = math.sqrt(max(1e-30, 1.0 - u * u - v * v))
    for _ in range(_MOST_ECHOES):
        x, y = x + gap_um * u / cosine, y + gap_um * v / cosine
        if _uniform(state) >= reflectivity:
            return _TAKEN, x, y, u, v, cosine
        if _uniform(state) < diffuse_fraction:
            cosine = math.sqrt(_uniform(state))
            across = math.sqrt(1.0 - cosine * cosine)
            u, v = _azimuth(state)
            u, v = u * across, v * across
        x, y = x + gap_um * u / cosine, y + gap_um * v / cosine
        if matched:
            return _RETURNED, x, y, u, v, cosine
        if _uniform(state) >= _reflectance(outer_index, index, cosine):
            ratio = outer_index / index
            u, v = u * ratio, v * ratio
            return _RETURNED, x, y, u, v, math.sqrt(max(1e-30, 1.0 - u * u - v * v))
        if x * x + y * y > limit_um * limit_um:
            break
    return _LOST, x, y, u, v, cosine


@njit(cache=True, error_model="numpy")
def _trace_photon(film: FilmOptics, depth_um: float, state: WordArray) -> tuple[int, float, int]:
    """One photon from its birth: how it ends, its distance from there along the film [um], and its emission line."""
    lines, thickness_um = film.lines, film.thickness_um
    x, y, z = 0.0, 0.0, depth_um
    line = int(_uniform(state) * lines.shape[0])
    u, v, w = _isotropic(state)
    path = -math.log(_uniform(state))
    for _ in range(_MOST_EVENTS):
        mean_um = lines[line, 0]
        step = path * mean_um
        reach = (thickness_um - z) / w if w > 0.0 else -z / w
        if step < reach:
            x, y, z = x + step * u, y + step * v, z + step * w
            path = -math.log(_uniform(state))
            wanted, uniform = _two_uniforms(state)
            if wanted < lines[line, 1]:
                u, v, w = _turn(u, v, w, _scattering_cosine(film.anisotropy, uniform), state)
            elif wanted < lines[line, 2]:
                line = int(uniform * lines.shape[0])
                u, v, w = _isotropic(state)
            else:
                return ABSORBED, math.sqrt(x * x + y * y), line
        else:
            path -= reach / mean_um
            x, y = x + reach * u, y + reach * v
            if w > 0.0:
                z = thickness_um
                fate, dx, dy, u, v, w = _meet_face(film, _SENSOR, u, v, w, state)
                w, end = -w, DETECTED
            else:
                z = 0.0
                fate, dx, dy, u, v, w = _meet_face(film, _COVER, u, v, -w, state)
                end = COVER
            x, y = x + dx, y + dy
            if fate == _TAKEN:
                return end, math.sqrt(x * x + y * y), line
            if fate == _LOST or x * x + y * y > film.radius_limit_um * film.radius_limit_um:
                return STRAYED, math.sqrt(x * x + y * y), line
    return STRAYED, math.sqrt(x * x + y * y), line


@njit(cache=True, error_model="numpy")
def _bessel_j0(x: float, tables: RadiusTables) -> float:
    """J0, error below 1e-5: linear in the table, asymptotic beyond it (Abramowitz and Stegun 9.2.5)."""
    place = x * tables.bessel_per_unit
    index = int(place)
    if index < tables.bessel.size - 1:
        return float(tables.bessel[index] + (place - index) * (tables.bessel[index + 1] - tables.bessel[index]))
    phase = x - 0.7853981633974483
    return math.sqrt(0.6366197723675814 / x) * (
        (1.0 - 0.0703125 / (x * x)) * math.cos(phase) + 0.125 / x * math.sin(phase)
    )


@njit(cache=True, error_model="numpy")
def _count(radius_um: float, tables: RadiusTables, transfer: FloatArray, square: FloatArray, radii: IntArray) -> None:
    """Add one detected photon to the sums of J0 and of its square, and to the radius bins."""
    for f in range(tables.angular_per_um.size):
        value = _bessel_j0(tables.angular_per_um[f] * radius_um, tables)
        transfer[f] += value
        square[f] += value * value
    place = 0
    if radius_um > tables.first_radius_um:
        place = 1 + int(math.log(radius_um / tables.first_radius_um) * tables.bins_per_e)
    radii[min(place, radii.size - 1)] += 1


@njit(cache=True, parallel=True, error_model="numpy")
def count_ends(
    ends: EndArray,
    radius_um: SingleArray,
    photons: IntArray,
    tables: RadiusTables,
    fates: IntArray,
    transfer: FloatArray,
    square: FloatArray,
    radii: IntArray,
) -> None:
    """Tallies of photons whose ends are known one by one; adds to the last four.

    Parameters
    ----------
    ends : (B, P) int8
        How the photons of each block end.
    radius_um : (B, P) float32
        Their distances from birth, along the layer. [um]
    photons : (B,) int64
        Photons of each block, at most P. [1]
    tables : RadiusTables
        How the radius of a detected photon is counted.
    fates, transfer, square, radii
        What becomes of them, by block: see `PhotonTallies`.
    """
    for block in prange(photons.size):
        for photon in range(photons[block]):
            end = ends[block, photon]
            fates[block, end] += 1
            if end == DETECTED:
                _count(float(radius_um[block, photon]), tables, transfer[block], square[block], radii[block])


@njit(cache=True, parallel=True, error_model="numpy")
def trace_film(
    film: FilmOptics,
    tables: RadiusTables,
    blocks: PhotonBlocks,
    fates: IntArray,
    transfer: FloatArray,
    square: FloatArray,
    radii: IntArray,
    emerging: IntArray,
) -> None:
    """Trace the photons of each block; writes every element of the last five.

    Parameters
    ----------
    film : FilmOptics
        The film.
    tables : RadiusTables
        How the radius of a detected photon is counted.
    blocks : PhotonBlocks
        Photons to trace, each of the B blocks with a seed of its own.
    fates, transfer, square, radii, emerging
        What becomes of them, by block: see `PhotonTallies`. Numba would drop what is written to arrays in a tuple.
    """
    seeds, photons, from_um, to_um = blocks
    for block in prange(seeds.size):
        state = _generator(seeds[block])
        ends, frequencies = np.zeros(FATES, np.int64), transfer.shape[1]
        sums, squares = np.zeros(frequencies), np.zeros(frequencies)
        bins, colours = np.zeros(radii.shape[1], np.int64), np.zeros(emerging.shape[1], np.int64)
        layer_um = (to_um[block] - from_um[block]) / photons[block]
        for photon in range(photons[block]):
            depth_um = from_um[block] + (photon + _uniform(state)) * layer_um
            end, radius_um, line = _trace_photon(film, depth_um, state)
            ends[end] += 1
            if end == DETECTED:
                _count(radius_um, tables, sums, squares, bins)
                colours[line] += 1
        fates[block, :] = ends
        transfer[block, :] = sums
        square[block, :] = squares
        radii[block, :] = bins
        emerging[block, :] = colours

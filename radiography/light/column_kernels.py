"""Monte Carlo of single light photons in a columnar layer: the compiled kernels of `transport`.

Columns are upright cylinders that are placed as the photon meets them, the "on-the-fly geometry" of fastDETECT2 [1]_:
a photon that leaves one meets the next after a random distance, at a random place of its wall. Depth counts from the
top (0) to the sensor (the thickness). The generator is xoshiro256++ [2]_, seeded once per block of photons.

Where we differ from [1]_, whose code is public: facets of a rough wall are met in proportion to the area that they turn
to the photon, without which walls that neither absorb nor emit would collimate the light (that code weighs all facets
alike, and tilts them by a vector that is not uniform on the sphere); the next column is met at any distance from its
axis alike, after a way that is random in the plane of the layer (theirs is random along the ray, at a place that
depends on the steepness of the ray); photons are born anywhere in the cross section of a column (theirs on the axis);
the top reflects by Lambert's law (theirs evenly over the half sphere); no photon is killed because no facet fits. With
these changes isotropic light stays isotropic, as it must.

References
----------
.. [1] Sharma, Badal, Badano, "hybridMANTIS: a CPU-GPU Monte Carlo method for modeling indirect x-ray detectors with
   columnar scintillators", Phys. Med. Biol. 57, 2357 (2012). doi:10.1088/0031-9155/57/8/2357
.. [2] Blackman & Vigna, "Scrambled linear pseudorandom number generators", ACM Trans. Math. Softw. 47, 36 (2021).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from radiography.light.film_kernels import (
    ABSORBED,
    COVER,
    DETECTED,
    FATES,
    STRAYED,
    PhotonBlocks,
    RadiusTables,
)

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
WordArray = npt.NDArray[np.uint64]

_MOST_EVENTS = 1_000_000  # of one photon; one that is still under way counts as strayed
_MOST_TILTS = 100  # of a rough wall before it is taken as smooth


class ColumnOptics(NamedTuple):
    """What the kernel knows of a columnar layer: lengths in um, the rest without unit.

    ``gap_index`` is the refractive index of the gaps and ``gap_um`` the mean way across them, measured along the
    layer. By even steps of depth: ``roughness`` (C,) of the walls, ``crosstalk`` (C,), the chance to pass a wall
    unchanged, and ``absorption_per_um`` (C,); ``absorbed_to`` (C + 1,) is the integral of the last from the top to the
    borders of the steps.
    """

    thickness_um: float
    column_radius_um: float
    refractive_index: float
    gap_index: float
    gap_um: float
    top_reflectivity: float
    sensor_reflectivity: float
    radius_limit_um: float
    roughness: FloatArray
    crosstalk: FloatArray
    absorption_per_um: FloatArray
    absorbed_to: FloatArray


@njit(error_model="numpy")
def _generator(seed: np.uint64) -> WordArray:
    """State of a generator, filled from one seed by splitmix64."""
    state = np.empty(4, dtype=np.uint64)
    for index in range(4):
        seed += np.uint64(0x9E3779B97F4A7C15)
        word = (seed ^ (seed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        state[index] = word ^ (word >> np.uint64(31))
    return state


@njit(error_model="numpy")
def _rotate_left(word: np.uint64, bits: int) -> np.uint64:
    return (word << np.uint64(bits)) | (word >> np.uint64(64 - bits))


@njit(error_model="numpy")
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


@njit(error_model="numpy")
def _uniform(state: WordArray) -> float:
    """Uniform in (0, 1), 53 bits."""
    return (np.float64(_next_word(state) >> np.uint64(11)) + 0.5) * 1.1102230246251565e-16


@njit(error_model="numpy")
def _two_uniforms(state: WordArray) -> tuple[float, float]:
    """Two uniforms in (0, 1) of one random word, 32 bits each."""
    word = _next_word(state)
    high = (np.float64(np.uint32(word >> np.uint64(32))) + 0.5) * 2.3283064365386963e-10
    return high, (np.float64(np.uint32(word & np.uint64(0xFFFFFFFF))) + 0.5) * 2.3283064365386963e-10


@njit(error_model="numpy")
def _azimuth(state: WordArray) -> tuple[float, float]:
    """Cosine and sine of a uniform angle: twice that of a point drawn in the unit circle."""
    while True:
        a, b = _two_uniforms(state)
        a, b = 2.0 * a - 1.0, 2.0 * b - 1.0
        square = a * a + b * b
        if square < 1.0:
            break
    return (a * a - b * b) / square, 2.0 * a * b / square


@njit(error_model="numpy")
def _isotropic(state: WordArray) -> tuple[float, float, float]:
    """Unit vector, uniform on the sphere."""
    polar = 2.0 * _uniform(state) - 1.0
    across = math.sqrt(1.0 - polar * polar)
    cosine, sine = _azimuth(state)
    return across * cosine, across * sine, polar


@njit(error_model="numpy")
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


@njit(error_model="numpy")
def _met_wall(u: float, v: float, state: WordArray) -> tuple[float, float]:
    """Normal, towards the photon, of the column that it meets, at any distance from its axis alike."""
    across = math.sqrt(u * u + v * v)
    sine = 2.0 * _uniform(state) - 1.0
    cosine = math.sqrt(1.0 - sine * sine)
    return -(u * cosine - v * sine) / across, -(u * sine + v * cosine) / across


@njit(error_model="numpy")
def _cross_wall(
    direction: tuple[float, float, float],
    normal: tuple[float, float],
    indices: tuple[float, float],
    roughness: float,
    state: WordArray,
) -> tuple[bool, float, float, float]:
    """A photon at a wall whose normal points to it: whether it passes, and its new direction.

    ``indices`` are the refractive indices before and beyond the wall. The normal of the facet is the wall's, tilted by
    ``roughness`` times a random unit vector; it is accepted in proportion to the area that the facet shows to the
    photon, and drawn again if the photon would end on the wrong side of the wall.
    """
    u, v, w = direction
    normal_x, normal_y = normal
    towards = -(u * normal_x + v * normal_y)
    slope = roughness / math.sqrt(1.0 - roughness * roughness)
    largest = towards + slope * math.sqrt(max(0.0, 1.0 - towards * towards))
    for attempt in range(_MOST_TILTS + 1):
        x, y, z = normal_x, normal_y, 0.0
        if roughness > 0.0 and attempt < _MOST_TILTS:
            a, b, c = _isotropic(state)
            x, y, z = x + roughness * a, y + roughness * b, roughness * c
            length = math.sqrt(x * x + y * y + z * z)
            x, y, z = x / length, y / length, z / length
            cosine = -(u * x + v * y + w * z)
            if cosine <= _uniform(state) * largest * (x * normal_x + y * normal_y):
                continue
        else:
            cosine = towards
        here, there = indices
        if _uniform(state) < _reflectance(here, there, cosine):
            new_u, new_v, new_w = u + 2.0 * cosine * x, v + 2.0 * cosine * y, w + 2.0 * cosine * z
            if new_u * normal_x + new_v * normal_y > 0.0:
                return False, new_u, new_v, new_w
        else:
            bend = here / there
            along = bend * cosine - math.sqrt(max(0.0, 1.0 - bend * bend * (1.0 - cosine * cosine)))
            new_u, new_v, new_w = bend * u + along * x, bend * v + along * y, bend * w + along * z
            if new_u * normal_x + new_v * normal_y < 0.0:
                return True, new_u, new_v, new_w
    return (
        False,
        u - 2.0 * (u * normal_x + v * normal_y) * normal_x,
        v - 2.0 * (u * normal_x + v * normal_y) * normal_y,
        w,
    )


@njit(error_model="numpy")
def _step_at(z: float, layer: ColumnOptics) -> int:
    """Index of the step of depth that holds ``z`` [um]; places on the faces count to the first and last."""
    steps = layer.crosstalk.size
    return min(max(int(z / layer.thickness_um * steps), 0), steps - 1)


@njit(error_model="numpy")
def _absorption_to(z: float, layer: ColumnOptics) -> float:
    """Integral of the absorption from the top to a depth. [1]"""
    step = _step_at(z, layer)
    border = step * layer.thickness_um / layer.crosstalk.size
    return float(layer.absorbed_to[step] + (z - border) * layer.absorption_per_um[step])


@njit(error_model="numpy")
def _absorption_along(z: float, w: float, step_um: float, layer: ColumnOptics) -> float:
    """Integral of the absorption along a straight way from depth ``z`` with slope ``w``. [1]"""
    first, last = _step_at(z, layer), _step_at(z + step_um * w, layer)
    if first == last:
        return float(step_um * layer.absorption_per_um[first])
    return float((_absorption_to(z + step_um * w, layer) - _absorption_to(z, layer)) / w)


@njit(error_model="numpy")
def _trace_photon(layer: ColumnOptics, depth_um: float, state: WordArray) -> tuple[int, float]:
    """One photon from its birth: how it ends, and its distance from there along the layer [um].

    ``x, y, z`` is the place relative to the birth, ``p, q`` the place relative to the axis of the present column.
    """
    radius_um, thickness_um = layer.column_radius_um, layer.thickness_um
    inward, outward = (layer.gap_index, layer.refractive_index), (layer.refractive_index, layer.gap_index)
    x, y, z = 0.0, 0.0, depth_um
    from_axis = radius_um * math.sqrt(_uniform(state))
    p, q = _azimuth(state)
    p, q = p * from_axis, q * from_axis
    u, v, w = _isotropic(state)
    left = -math.log(_uniform(state))  # mean free paths of absorption still to go
    inside = True
    for _ in range(_MOST_EVENTS):
        reach = (thickness_um - z) / w if w > 0.0 else -z / w
        if inside:
            across, b = u * u + v * v, p * u + q * v
            wall = (math.sqrt(max(0.0, b * b + across * (radius_um * radius_um - p * p - q * q))) - b) / across
            step = min(wall, reach)
            left -= _absorption_along(z, w, step, layer)
            if left <= 0.0:
                return ABSORBED, math.sqrt(x * x + y * y)
        else:
            wall = -math.log(_uniform(state)) * layer.gap_um / math.sqrt(u * u + v * v)
            step = min(wall, reach)
        x, y = x + step * u, y + step * v
        if x * x + y * y > layer.radius_limit_um * layer.radius_limit_um:
            return STRAYED, math.sqrt(x * x + y * y)
        p, q = p + step * u, q + step * v
        if reach <= wall:
            if w > 0.0:
                if _uniform(state) >= layer.sensor_reflectivity:
                    return DETECTED, math.sqrt(x * x + y * y)
                z, w = thickness_um, -w
            else:
                if _uniform(state) >= layer.top_reflectivity:
                    return COVER, math.sqrt(x * x + y * y)
                z, w = 0.0, math.sqrt(_uniform(state))
                u, v = _azimuth(state)
                u, v = u * math.sqrt(1.0 - w * w), v * math.sqrt(1.0 - w * w)
            continue
        z += step * w
        at = _step_at(z, layer)
        if inside:
            if _uniform(state) < layer.crosstalk[at]:
                p, q = _met_wall(u, v, state)
                p, q = p * radius_um, q * radius_um
                continue
            length = math.sqrt(p * p + q * q)
            normal_x, normal_y = -p / length, -q / length
            passes, u, v, w = _cross_wall((u, v, w), (normal_x, normal_y), outward, layer.roughness[at], state)
            p, q, inside = -normal_x * radius_um, -normal_y * radius_um, not passes
        else:
            normal_x, normal_y = _met_wall(u, v, state)
            passes, u, v, w = _cross_wall((u, v, w), (normal_x, normal_y), inward, layer.roughness[at], state)
            p, q, inside = normal_x * radius_um, normal_y * radius_um, passes
    return STRAYED, math.sqrt(x * x + y * y)


@njit(error_model="numpy")
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


@njit(error_model="numpy")
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
def trace_columns(
    layer: ColumnOptics,
    tables: RadiusTables,
    blocks: PhotonBlocks,
    fates: IntArray,
    transfer: FloatArray,
    square: FloatArray,
    radii: IntArray,
) -> None:
    """Trace the photons of each block; writes every element of the last four.

    Parameters
    ----------
    layer : ColumnOptics
        The columnar layer.
    tables : RadiusTables
        How the radius of a detected photon is counted.
    blocks : PhotonBlocks
        Photons to trace, each of the B blocks with a seed of its own.
    fates, transfer, square, radii
        What becomes of them, by block: see `PhotonTallies`. Numba would drop what is written to arrays in a tuple.
    """
    seeds, photons, from_um, to_um = blocks
    for block in prange(seeds.size):
        state = _generator(seeds[block])
        ends, frequencies = np.zeros(FATES, np.int64), transfer.shape[1]
        sums, squares = np.zeros(frequencies), np.zeros(frequencies)
        bins = np.zeros(radii.shape[1], np.int64)
        layer_um = (to_um[block] - from_um[block]) / photons[block]
        for photon in range(photons[block]):
            depth_um = from_um[block] + (photon + _uniform(state)) * layer_um
            end, radius_um = _trace_photon(layer, depth_um, state)
            ends[end] += 1
            if end == DETECTED:
                _count(radius_um, tables, sums, squares, bins)
        fates[block, :] = ends
        transfer[block, :] = sums
        square[block, :] = squares
        radii[block, :] = bins

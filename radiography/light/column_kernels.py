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
_TILTS = 256  # drawn at once
_MOST_TILTS = 100  # of a rough wall before it is taken as smooth


class ColumnOptics(NamedTuple):
    """What the kernel knows of a columnar layer: lengths in um, the rest without unit.

    ``gap_index`` is the refractive index of the gaps and ``gap_um`` the mean way across them, measured along the
    layer. By even steps of depth: ``roughness`` (C,) of the walls, ``crosstalk`` (C,), the chance to pass a wall
    unchanged, and ``absorption_per_um`` (C,); ``absorbed_to`` (C + 1,) is the integral of the last from the top to the
    borders of the steps. ``steps_per_um`` is C over the thickness; ``even_absorption``: the same in all steps.
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
    steps_per_um: float
    even_absorption: bool


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
def _cross_wall(
    direction: tuple[float, float, float],
    ratio: float,
    roughness: float,
    state: WordArray,
    tilts: FloatArray,
    used: IntArray,
) -> tuple[bool, float, float, float]:
    """A photon at a wall: whether it passes, and its new direction.

    Directions are along the normal of the wall that points to the photon, along the wall, and down; the first of
    the old one is negative. ``ratio`` is the refractive index before the wall over that beyond it. The normal of the
    facet is the wall's, tilted by ``roughness`` times a random unit vector, the next of ``tilts`` (n, 3), ``used`` (1,)
    of which are spent; it is accepted in proportion to the area that the facet shows to the photon, and drawn again if
    the photon would end on the wrong side of the wall.
    """
    u, v, w = direction
    slope = roughness / math.sqrt(1.0 - roughness * roughness)
    largest = slope * (1.0 - 0.5 * u * u) - u  # at least what any facet shows: the root of 1 - u^2 is below 1 - u^2 / 2
    for attempt in range(_MOST_TILTS + 1):
        # x, y, z: normal of the facet, not of unit length; seen: its product with the way to where the photon came from
        chance, share = _two_uniforms(state)
        if roughness > 0.0 and attempt < _MOST_TILTS:
            next_one = used[0]
            if next_one == tilts.shape[0]:
                _draw_tilts(state, tilts)
                next_one = 0
            used[0] = next_one + 1
            a, b, c = tilts[next_one, 0], tilts[next_one, 1], tilts[next_one, 2]
            x, y, z = 1.0 + roughness * a, roughness * b, roughness * c
            seen = -(u * x + v * y + w * z)
            if seen <= share * largest * x:
                continue
            per_square = 1.0 / (x * x + y * y + z * z)
        else:
            x, y, z, seen, per_square = 1.0, 0.0, 0.0, -u, 1.0
        cosine_square = seen * seen * per_square
        beyond_square = 1.0 - ratio * ratio * (1.0 - cosine_square)  # of the cosine beyond the wall
        cosine, beyond, reflected = 0.0, 0.0, True
        if beyond_square > 0.0:  # else it is reflected totally
            cosine, beyond = math.sqrt(cosine_square), math.sqrt(beyond_square)
            # Fresnel, unpolarised: ((s / s_sum)^2 + (p / p_sum)^2) / 2
            s, s_sum = ratio * cosine - beyond, ratio * cosine + beyond
            p, p_sum = cosine - ratio * beyond, cosine + ratio * beyond
            both = s_sum * p_sum
            reflected = 2.0 * chance * both * both < (s * p_sum) * (s * p_sum) + (p * s_sum) * (p * s_sum)
        if reflected:
            along = 2.0 * seen * per_square
            if u + along * x > 0.0:
                return False, u + along * x, v + along * y, w + along * z
        else:
            along = ratio * seen * per_square - beyond * math.sqrt(per_square)
            if ratio * u + along * x < 0.0:
                return True, ratio * u + along * x, ratio * v + along * y, ratio * w + along * z
    return False, -u, v, w


@njit(cache=True, error_model="numpy")
def _draw_tilts(state: WordArray, tilts: FloatArray) -> None:
    """Random unit vectors into ``tilts`` (n, 3), from points in the unit circle without a division (Marsaglia 1972).

    Drawn in advance, for photons would wait for them; a point outside the circle is written over by the next.
    """
    found = 0
    while found < tilts.shape[0]:
        a, b = _two_uniforms(state)
        a, b = 2.0 * a - 1.0, 2.0 * b - 1.0
        square = a * a + b * b
        across = 2.0 * math.sqrt(max(0.0, 1.0 - square))
        tilts[found, 0], tilts[found, 1], tilts[found, 2] = 1.0 - 2.0 * square, a * across, b * across
        found += square < 1.0


@njit(cache=True, error_model="numpy")
def _step_at(z: float, layer: ColumnOptics) -> int:
    """Index of the step of depth that holds ``z`` [um]; places on the faces count to the first and last."""
    return min(int(z * layer.steps_per_um), layer.crosstalk.size - 1)


@njit(cache=True, error_model="numpy")
def _absorption_to(z: float, layer: ColumnOptics) -> float:
    """Integral of the absorption from the top to a depth. [1]"""
    step = _step_at(z, layer)
    return float(layer.absorbed_to[step] + (z - step / layer.steps_per_um) * layer.absorption_per_um[step])


@njit(cache=True, error_model="numpy")
def _absorption_along(z: float, end: float, step_um: float, layer: ColumnOptics) -> float:
    """Integral of the absorption along a straight way of ``step_um`` between two depths. [1]"""
    first, last = _step_at(z, layer), _step_at(end, layer)
    if layer.even_absorption or first == last:
        return float(step_um * layer.absorption_per_um[first])
    return float((_absorption_to(end, layer) - _absorption_to(z, layer)) / (end - z) * step_um)


@njit(cache=True, error_model="numpy")
def _to_wall(p: float, q: float, u: float, v: float, radius_um: float) -> tuple[float, float, float]:
    """Way from a place in a column to its wall [um], and the inward normal there; places are from the axis."""
    across, b = u * u + v * v, p * u + q * v
    way = (math.sqrt(max(0.0, b * b + across * (radius_um * radius_um - p * p - q * q))) - b) / across
    return way, -(p + way * u) / radius_um, -(q + way * v) / radius_um


@njit(cache=True, error_model="numpy")
def _trace_photon(
    layer: ColumnOptics, depth_um: float, state: WordArray, tilts: FloatArray, used: IntArray
) -> tuple[int, float]:
    """One photon from its birth: how it ends, and its distance from there along the layer [um].

    ``x, y, z`` is the place relative to the birth, ``u, v, w`` the direction. Within a column, ``wall`` is the way to
    its wall and ``normal`` points inward there: a chord of a circle ends at the angle at which it began, so that places
    from the axis are needed only for photons that start within the column.
    """
    radius_um, thickness_um = layer.column_radius_um, layer.thickness_um
    outward = layer.refractive_index / layer.gap_index
    inward = 1.0 / outward
    limit_square = layer.radius_limit_um * layer.radius_limit_um
    x, y, z = 0.0, 0.0, depth_um
    from_axis = radius_um * math.sqrt(_uniform(state))
    p, q = _azimuth(state)
    u, v, w = _isotropic(state)
    per_across = 1.0 / math.sqrt(u * u + v * v)
    wall, normal_x, normal_y = _to_wall(p * from_axis, q * from_axis, u, v, radius_um)
    left = -math.log(_uniform(state))  # mean free paths of absorption still to go
    inside = True
    for _ in range(_MOST_EVENTS):
        if not inside:
            wall = -math.log(_uniform(state)) * layer.gap_um * per_across
        way, end = wall, z + wall * w
        at_face = not 0.0 < end < thickness_um
        if at_face:
            end = thickness_um if w > 0.0 else 0.0
            way = (end - z) / w
        if inside:
            left -= _absorption_along(z, end, way, layer)
            if left <= 0.0:
                return ABSORBED, math.sqrt(x * x + y * y)
        x, y, z = x + way * u, y + way * v, end
        if x * x + y * y > limit_square:
            return STRAYED, math.sqrt(x * x + y * y)
        if at_face:
            wall -= way
            if w > 0.0:
                if _uniform(state) >= layer.sensor_reflectivity:
                    return DETECTED, math.sqrt(x * x + y * y)
                w = -w
            else:
                if _uniform(state) >= layer.top_reflectivity:
                    return COVER, math.sqrt(x * x + y * y)
                p, q = -normal_x * radius_um - wall * u, -normal_y * radius_um - wall * v
                w = math.sqrt(_uniform(state))
                across = math.sqrt(1.0 - w * w)
                u, v = _azimuth(state)
                u, v, per_across = u * across, v * across, 1.0 / across
                if inside:
                    wall, normal_x, normal_y = _to_wall(p, q, u, v, radius_um)
            continue
        at = _step_at(z, layer)
        touching = False
        if inside:
            chance, place = _two_uniforms(state)
            touching = chance < layer.crosstalk[at]
        else:
            place = _uniform(state)
        if touching or not inside:  # the next column is met at any distance from its axis alike
            sine = 2.0 * place - 1.0
            cosine = math.sqrt(1.0 - sine * sine)
            normal_x, normal_y = (v * sine - u * cosine) * per_across, -(u * sine + v * cosine) * per_across
            if touching:  # it is entered there, and its wall is hit at the mirrored place
                wall = 2.0 * radius_um * cosine * per_across
                continue
        local = (u * normal_x + v * normal_y, v * normal_x - u * normal_y, w)
        passes, across, along, w = _cross_wall(
            local, outward if inside else inward, layer.roughness[at], state, tilts, used
        )
        u, v = across * normal_x - along * normal_y, across * normal_y + along * normal_x
        per_square = 1.0 / (across * across + along * along)
        per_across = math.sqrt(per_square)
        inside = inside != passes
        if inside:
            wall = 2.0 * radius_um * abs(across) * per_square
            turn = -per_square if across > 0.0 else per_square
            a, b = turn * (across * across - along * along), turn * 2.0 * across * along
            normal_x, normal_y = normal_x * a - normal_y * b, normal_x * b + normal_y * a
    return STRAYED, math.sqrt(x * x + y * y)


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
        tilts, used = np.empty((_TILTS, 3)), np.full(1, _TILTS)
        ends, frequencies = np.zeros(FATES, np.int64), transfer.shape[1]
        sums, squares = np.zeros(frequencies), np.zeros(frequencies)
        bins = np.zeros(radii.shape[1], np.int64)
        layer_um = (to_um[block] - from_um[block]) / photons[block]
        for photon in range(photons[block]):
            depth_um = from_um[block] + (photon + _uniform(state)) * layer_um
            end, radius_um = _trace_photon(layer, depth_um, state, tilts, used)
            ends[end] += 1
            if end == DETECTED:
                _count(radius_um, tables, sums, squares, bins)
        fates[block, :] = ends
        transfer[block, :] = sums
        square[block, :] = squares
        radii[block, :] = bins

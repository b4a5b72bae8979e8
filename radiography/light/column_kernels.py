"""Monte Carlo of single light photons in a columnar layer: the compiled kernels of `transport`.

Columns are upright cylinders that are placed as the photon meets them, the "on-the-fly geometry" of fastDETECT2 [1]_:
a photon that leaves one meets the next after a random distance, at a random place of its wall. Depth counts from the
top (0) to the sensor (the thickness).

Photons are followed side by side, in lanes. In each round all lanes fly to their next wall and meet a facet of it, in
short loops without branches that become vector instructions; what is rarer, faces and ends, is done lane by lane. A
lane whose facet does not suit stays where it is for another. Numbers of a lane are float32, in rows of one flat array:
their distances within it are constants, without which the loops would not become vectors. No row may be stored to that
a select may leave as it was: such stores are made one by one. Each lane draws from a xoshiro128++ [2]_ of its own,
seeded by splitmix64 from the seed of the block; what follows from a seed depends on nothing else.

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

from radiography.light.film_kernels import ABSORBED, COVER, DETECTED, STRAYED, PhotonBlocks

FloatArray = npt.NDArray[np.float64]
Ends = npt.NDArray[np.int8]
Lanes = npt.NDArray[np.float32]
LaneWords = npt.NDArray[np.uint32]
Single = np.float32

_LANES = 128  # chosen: their numbers stay in the first-level cache
_WIDTH = 8  # lanes of a vector

# Rows of the lanes' numbers. A photon: its place, from where it was born [um]; unit vector of its heading along the
# layer; sine of its angle to the vertical, one over it, and cosine (down is positive); sine and cosine of the angle to
# the normal, seen from above, at which it will meet the wall; the way there along the layer [um], 0 for a photon that
# needs another facet; mean free paths of absorption to go; 1 in a column and 0 in a gap; its age in rounds.
_X, _Y, _Z, _HEADING_X, _HEADING_Y, _ACROSS, _PER_ACROSS, _DOWN, _SINE, _COSINE, _WALL, _LEFT, _INSIDE, _AGE = (
    row * _LANES for row in range(14)
)
# One round: what waits for `_turn_or_end`; depth before the flight, the flight [um], and the way that it would be to
# the wall along the layer; the wall; random numbers; the facet's push and what it does.
_FLAG, _FROM, _FLIGHT, _REACH, _CROSSTALK, _ROUGHNESS, _SLOPE, _MEAN_WAYS, _PLACE, _PLACE_COSINE = (
    row * _LANES for row in range(14, 24)
)
_TILT_X, _TILT_Y, _TILT_Z, _PUSH_X, _PUSH_Y, _PUSH_Z, _BEND, _SIGN, _MET_SINE, _MET_COSINE, _GOES_ON = (
    row * _LANES for row in range(24, 35)
)
_ROWS = 35
_STATE, _WORDS = 4, 8  # rows of a lane's generator, and with the words of a round
_FIRST, _SECOND, _THIRD, _FOURTH = (row * _LANES for row in range(_STATE, _WORDS))

_AT_FACE, _ENDS, _UNBORN = Single(1.0), Single(2.0), Single(3.0)  # flags
_OLDEST = Single(1_000_000)  # rounds; a photon that is still under way counts as strayed
_UNDER_WAY = -1  # no end
_LEAST_UM = 1e-30  # to a wall that is still to be met

# Literals are float64 to numba, and would make float64 of all that they touch.
_ZERO, _HALF, _ONE, _THREE_HALVES, _TWO = Single(0.0), Single(0.5), Single(1.0), Single(1.5), Single(2.0)
_STEP_23, _STEP_16 = Single(2.0**-23), Single(2.0**-16)
_LN_2, _BIAS = Single(math.log(2.0)), Single(127.0)
_THIRD_PART, _FIFTH, _SEVENTH, _NINTH = Single(1 / 3), Single(1 / 5), Single(1 / 7), Single(1 / 9)  # artanh
_HALF_PI, _PER_3, _PER_5, _PER_7 = Single(math.pi / 2), Single(1 / 6), Single(1 / 120), Single(1 / 5040)  # sine


class ColumnOptics(NamedTuple):
    """What the kernel knows of a columnar layer: lengths in um, the rest without unit.

    ``gap_index`` is the refractive index of the gaps and ``gap_um`` the mean way across them, measured along the
    layer. By even steps of depth: ``walls`` (C, 3) float32, the chance to pass a wall unchanged (crosstalk), roughness,
    and slope of the steepest facet; and ``absorption_per_um`` (C,). ``absorbed_to`` (C + 1,) is the integral of the
    last from the top to the borders of the steps. ``steps_per_um`` is C over the thickness. ``even_absorption``,
    ``even_walls``: the same in all steps.
    """

    thickness_um: float
    column_radius_um: float
    refractive_index: float
    gap_index: float
    gap_um: float
    top_reflectivity: float
    sensor_reflectivity: float
    radius_limit_um: float
    walls: Lanes
    absorption_per_um: FloatArray
    absorbed_to: FloatArray
    steps_per_um: float
    even_absorption: bool
    even_walls: bool


@njit(cache=True, error_model="numpy")
def _seed_lanes(seed: np.uint64, words: LaneWords) -> None:
    """Generators of the lanes: halves of the words of splitmix64."""
    for pair in range(_STATE * _LANES // 2):
        seed += np.uint64(0x9E3779B97F4A7C15)
        word = (seed ^ (seed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        word ^= word >> np.uint64(31)
        words[2 * pair], words[2 * pair + 1] = np.uint32(word >> np.uint64(32)), np.uint32(word & np.uint64(0xFFFFFFFF))


@njit(cache=True, error_model="numpy")
def _lane_word(
    a: np.uint32, b: np.uint32, c: np.uint32, d: np.uint32
) -> tuple[np.uint32, np.uint32, np.uint32, np.uint32, np.uint32]:
    """The next 32 random bits of xoshiro128++, and its four new words."""
    total, shifted = np.uint32(a + d), np.uint32(b << np.uint32(9))
    word = np.uint32(np.uint32((total << np.uint32(7)) | (total >> np.uint32(25))) + a)
    c, d = np.uint32(c ^ a), np.uint32(d ^ b)
    b, a = np.uint32(b ^ c), np.uint32(a ^ d)
    return word, a, b, np.uint32(c ^ shifted), np.uint32((d << np.uint32(11)) | (d >> np.uint32(21)))


@njit(cache=True, error_model="numpy")
def _draw_words(words: LaneWords, groups: int) -> None:
    """Four random words for each lane."""
    for j in range(_WIDTH * groups):
        a, b, c, d = words[j], words[_LANES + j], words[2 * _LANES + j], words[3 * _LANES + j]
        words[_FIRST + j], a, b, c, d = _lane_word(a, b, c, d)
        words[_SECOND + j], a, b, c, d = _lane_word(a, b, c, d)
        words[_THIRD + j], a, b, c, d = _lane_word(a, b, c, d)
        words[_FOURTH + j], a, b, c, d = _lane_word(a, b, c, d)
        words[j], words[_LANES + j], words[2 * _LANES + j], words[3 * _LANES + j] = a, b, c, d


@njit(cache=True, error_model="numpy")
def _fraction(word: np.uint32) -> Single:
    """Uniform in (0, 1), from the upper 23 bits of a word."""
    return (Single(np.int32(word >> np.uint32(9))) + _HALF) * _STEP_23


@njit(cache=True, error_model="numpy")
def _two_fractions(word: np.uint32) -> tuple[Single, Single]:
    """Two uniforms in (0, 1) of one word, 16 bits each."""
    upper = (Single(np.int32(word >> np.uint32(16))) + _HALF) * _STEP_16
    return upper, (Single(np.int32(word & np.uint32(0xFFFF))) + _HALF) * _STEP_16


@njit(cache=True, error_model="numpy")
def _minus_log(number: Single) -> Single:
    """-ln of a float32 in (0, 1), error 2e-7: exponent times ln 2, and 2 artanh of the rest.

    A function of the library would be called lane by lane. The word is split so that the rest is from root 1/2 to 2.
    """
    word = np.uint32(Single(number).view(np.uint32) + np.uint32(0x004AFB0D))
    exponent = Single(np.int32(word >> np.uint32(23))) - _BIAS
    rest = np.uint32(np.uint32(word & np.uint32(0x007FFFFF)) + np.uint32(0x3F3504F3)).view(Single)
    s = (rest - _ONE) / (rest + _ONE)
    q = s * s
    return -(exponent * _LN_2 + (s + s) * (_ONE + q * (_THIRD_PART + q * (_FIFTH + q * (_SEVENTH + q * _NINTH)))))


@njit(cache=True, error_model="numpy")
def _draw_numbers(lanes: Lanes, words: LaneWords, groups: int) -> None:
    """Random numbers of a round: mean ways across a gap, where a column is met, and a unit vector that tilts a facet.

    The azimuth of the tilt is from -90 to 90 degrees: its twin at the other side is chosen in `_meet_walls`.
    """
    for j in range(_WIDTH * groups):
        place = _TWO * _fraction(words[_SECOND + j]) - _ONE
        upper, lower = _two_fractions(words[_THIRD + j])
        tilt_x, angle = _TWO * upper - _ONE, (lower - _HALF) * _HALF_PI  # half the azimuth
        aside = math.sqrt((_ONE - tilt_x) * (_ONE + tilt_x))
        q = angle * angle
        sine = angle * (_ONE - q * (_PER_3 - q * (_PER_5 - q * _PER_7)))
        lanes[_MEAN_WAYS + j] = _minus_log(_fraction(words[_FIRST + j]))
        lanes[_PLACE + j] = place
        lanes[_PLACE_COSINE + j] = math.sqrt((_ONE - place) * (_ONE + place))
        lanes[_TILT_X + j] = tilt_x
        lanes[_TILT_Y + j] = aside * (_ONE - _TWO * sine * sine)
        lanes[_TILT_Z + j] = aside * (_TWO * sine * math.sqrt(_ONE - sine * sine))


@njit(cache=True, error_model="numpy")
def _fly(
    lanes: Lanes, groups: int, thickness_um: Single, gap_um: Single, absorption_per_um: Single, limit_square: Single
) -> None:
    """Every photon to its next wall; one that would cross a face on its way stays, and is flagged."""
    for j in range(_WIDTH * groups):
        inside, wall, down = lanes[_INSIDE + j], lanes[_WALL + j], lanes[_DOWN + j]
        per_across, z = lanes[_PER_ACROSS + j], lanes[_Z + j]
        across_gap = gap_um * lanes[_MEAN_WAYS + j]
        reach = across_gap if (inside == _ZERO) & (wall > _ZERO) else wall
        slope = down * per_across
        end = z + reach * slope
        at_face = ((end >= thickness_um) & (down > _ZERO)) | ((end <= _ZERO) & (down < _ZERO))
        moved = _ZERO if at_face else reach
        x, y = lanes[_X + j] + moved * lanes[_HEADING_X + j], lanes[_Y + j] + moved * lanes[_HEADING_Y + j]
        left = lanes[_LEFT + j] - moved * per_across * (absorption_per_um * inside)
        age = lanes[_AGE + j] + _ONE
        ends = (left <= _ZERO) | (x * x + y * y > limit_square) | (age > _OLDEST)
        lanes[_FROM + j] = z
        lanes[_X + j], lanes[_Y + j], lanes[_Z + j] = x, y, z + moved * slope
        lanes[_FLIGHT + j] = moved * per_across
        lanes[_LEFT + j] = left
        lanes[_AGE + j] = age
        lanes[_REACH + j] = reach
        flag = _ENDS if ends else _ZERO
        lanes[_FLAG + j] = _AT_FACE if at_face else flag


@njit(cache=True, error_model="numpy")
def _absorption_along(z: float, end: float, way_um: float, layer: ColumnOptics) -> float:
    """Integral of the absorption along a straight way of ``way_um`` between two depths. [1]"""
    per_um, last = layer.absorption_per_um, layer.absorption_per_um.size - 1  # the sensor counts to the last step
    here, there = min(int(z * layer.steps_per_um), last), min(int(end * layer.steps_per_um), last)
    if layer.even_absorption or here == there:
        return float(way_um * per_um[here])
    to_here = layer.absorbed_to[here] + (z - here / layer.steps_per_um) * per_um[here]
    to_there = layer.absorbed_to[there] + (end - there / layer.steps_per_um) * per_um[there]
    return float((to_there - to_here) / (end - z) * way_um)


@njit(cache=True, error_model="numpy")
def _absorb(lanes: Lanes, alive: int, layer: ColumnOptics) -> None:
    """What the flight costs where the absorption depends on depth."""
    for j in range(alive):
        if lanes[_INSIDE + j] > _ZERO and lanes[_FLAG + j] != _AT_FACE:
            before, after, way = float(lanes[_FROM + j]), float(lanes[_Z + j]), float(lanes[_FLIGHT + j])
            lanes[_LEFT + j] -= _absorption_along(before, after, way, layer)
            if lanes[_LEFT + j] <= _ZERO:
                lanes[_FLAG + j] = _ENDS


@njit(cache=True, error_model="numpy")
def _look_up_walls(lanes: Lanes, groups: int, walls: Lanes, steps_per_um: Single) -> None:
    """Crosstalk, roughness, and slope of the steepest facet at the depths of the photons; ``walls`` is (C, 3)."""
    last = np.int32(walls.shape[0] - 1)
    for j in range(_WIDTH * groups):
        step = np.int32(lanes[_Z + j] * steps_per_um)
        step = step if step < last else last
        step = step if step > np.int32(0) else np.int32(0)
        lanes[_CROSSTALK + j] = walls[step, 0]
        lanes[_ROUGHNESS + j] = walls[step, 1]
        lanes[_SLOPE + j] = walls[step, 2]


@njit(cache=True, error_model="numpy")
def _meet_walls(lanes: Lanes, words: LaneWords, groups: int, outward: Single, inward: Single) -> None:
    """What the walls do: photons pass into a touching column, or are pushed by a facet, reflected or refracted.

    ``outward`` is the refractive index of a column over that of a gap, ``inward`` the inverse. Directions are along
    the normal of the wall that points to the photon, along the wall, and down; the facet's normal is the wall's, tilted
    by the roughness times a random unit vector, and not of unit length. After the wall the direction is ``_BEND`` times
    the old one and ``_PUSH``; ``_SIGN`` is negative for photons that cross. A facet that does not suit does nothing.
    """
    for j in range(_WIDTH * groups):
        reach, inside, flag = lanes[_REACH + j], lanes[_INSIDE + j], lanes[_FLAG + j]
        sine, cosine, across, down = lanes[_SINE + j], lanes[_COSINE + j], lanes[_ACROSS + j], lanes[_DOWN + j]
        place, place_cosine = lanes[_PLACE + j], lanes[_PLACE_COSINE + j]
        roughness, slope = lanes[_ROUGHNESS + j], lanes[_SLOPE + j]
        # the next column is met at any distance from its axis alike, be it after a gap or touching
        fresh = _ONE if (reach > _ZERO) & (flag == _ZERO) else _ZERO
        touching = _fraction(words[_FIRST + j]) < lanes[_CROSSTALK + j] * (inside * fresh)
        at_next = touching | (fresh > inside)
        sine = place if at_next else sine
        cosine = place_cosine if at_next else cosine
        # a facet and its twin, tilted the other way, are met by the area that each shows to the photon per area of wall
        towards, along_wall = across * cosine, across * sine
        x, y = _ONE + roughness * lanes[_TILT_X + j], roughness * lanes[_TILT_Y + j]
        z = roughness * lanes[_TILT_Z + j]
        shown, more = towards * x, along_wall * y + down * z
        one, other = shown - more, shown + more
        one = one if one > _ZERO else _ZERO
        other = other if other > _ZERO else _ZERO
        # at least half of what both may show: the root of 1 - t^2 is below 1 - t^2 / 2
        most = _HALF * (towards + slope * (_ONE - _HALF * towards * towards))
        most = most if most > towards else towards
        upper, lower = _two_fractions(words[_FOURTH + j])
        share = _TWO * upper * (most * x)
        met = _ZERO if touching | (flag != _ZERO) else one + other
        first = share < one
        seen = one if first else other
        side = _ONE if first else -_ONE
        y, z = y * side, z * side
        # Fresnel, unpolarised: reflected by the chance ((s / s_sum)^2 + (p / p_sum)^2) / 2
        per_length = math.sqrt(_ONE / (x * x + (y * y + z * z)))
        ratio = outward if inside > _ZERO else inward
        before = seen * per_length  # cosine to the facet's normal
        beyond_square = _ONE - ratio * ratio * (_ONE - before * before)
        beyond = math.sqrt(beyond_square if beyond_square > _ZERO else _ZERO)  # 0 if reflected totally
        s, s_sum = ratio * before - beyond, ratio * before + beyond
        p, p_sum = before - ratio * beyond, before + ratio * beyond
        both, s, p = s_sum * p_sum, s * p_sum, p * s_sum
        crosses = (_TWO * lower * (both * both) >= s * s + p * p) & (beyond > _ZERO)
        bend = ratio if crosses else _ONE
        sign = -_ONE if crosses else _ONE
        push = (bend * before + (-beyond if crosses else before)) * per_length
        suits = ((push * x - bend * towards) * sign > _ZERO) & (share < met)  # ends on the right side of the wall
        push = push if suits else _ZERO
        lanes[_PUSH_X + j], lanes[_PUSH_Y + j], lanes[_PUSH_Z + j] = push * x, push * y, push * z
        lanes[_BEND + j] = bend if suits else _ONE
        lanes[_SIGN + j] = sign if suits else _ONE
        lanes[_MET_SINE + j] = sine
        lanes[_MET_COSINE + j] = cosine
        lanes[_GOES_ON + j] = _ONE if suits | touching else _ZERO


@njit(cache=True, error_model="numpy")
def _turn(lanes: Lanes, groups: int, diameter_um: Single) -> None:
    """New directions after the walls, and where the next ones are met: a chord ends at the angle at which it began."""
    for j in range(_WIDTH * groups):
        across, down, sine, cosine = lanes[_ACROSS + j], lanes[_DOWN + j], lanes[_MET_SINE + j], lanes[_MET_COSINE + j]
        heading_x, heading_y = lanes[_HEADING_X + j], lanes[_HEADING_Y + j]
        inside, flag, reach = lanes[_INSIDE + j], lanes[_FLAG + j], lanes[_REACH + j]
        bend, sign, goes_on = lanes[_BEND + j], lanes[_SIGN + j], lanes[_GOES_ON + j]
        bent = bend * across
        a, b = lanes[_PUSH_X + j] - bent * cosine, lanes[_PUSH_Y + j] + bent * sine
        down = lanes[_PUSH_Z + j] + bend * down
        square = a * a + b * b
        across = math.sqrt(square)
        per_across = _ONE / across
        to_one = _THREE_HALVES - _HALF * (square + down * down)  # so that rounding does not add up
        a, b = a * per_across, b * per_across
        turn_x, turn_y = sine * b - cosine * a, cosine * b + sine * a
        lanes[_HEADING_X + j] = heading_x * turn_x + heading_y * turn_y
        lanes[_HEADING_Y + j] = heading_y * turn_x - heading_x * turn_y
        lanes[_ACROSS + j], lanes[_PER_ACROSS + j], lanes[_DOWN + j] = across * to_one, per_across, down * to_one
        cosine = abs(a)
        lanes[_SINE + j], lanes[_COSINE + j] = b * sign, cosine
        lanes[_WALL + j] = diameter_um * cosine * goes_on if flag == _ZERO else reach
        lanes[_INSIDE + j] = _HALF + sign * (inside - _HALF)


@njit(cache=True, error_model="numpy")
def _aim(p: float, q: float, cosine: float, sine: float, radius_um: float) -> tuple[float, float, float]:
    """From a place in a column: sine and cosine to the normal of the wall that is met, seen from above, and way there.

    The place is from the axis; the heading is a unit vector along the layer.
    """
    to_normal = (q * cosine - p * sine) / radius_um
    straight = math.sqrt(max(0.0, 1.0 - to_normal * to_normal))
    return to_normal, straight, max(radius_um * straight - p * cosine - q * sine, _LEAST_UM)


@njit(cache=True, error_model="numpy")
def _bear(lanes: Lanes, words: LaneWords, j: int, from_um: float, layer_um: float, radius_um: float) -> None:
    """A photon in a lane: between two depths, anywhere in the cross section of a column, in all directions alike."""
    drawn = np.empty(6)
    for k in range(drawn.size):
        word, words[j], words[_LANES + j], words[2 * _LANES + j], words[3 * _LANES + j] = _lane_word(
            words[j], words[_LANES + j], words[2 * _LANES + j], words[3 * _LANES + j]
        )
        drawn[k] = _fraction(word)
    depth_um, from_axis, down = from_um + drawn[0] * layer_um, radius_um * math.sqrt(drawn[1]), 2.0 * drawn[2] - 1.0
    across = math.sqrt((1.0 - down) * (1.0 + down))
    cosine, sine = math.cos(2.0 * math.pi * drawn[3]), math.sin(2.0 * math.pi * drawn[3])
    p, q = from_axis * math.cos(2.0 * math.pi * drawn[4]), from_axis * math.sin(2.0 * math.pi * drawn[4])
    lanes[_X + j], lanes[_Y + j], lanes[_Z + j] = 0.0, 0.0, depth_um
    lanes[_HEADING_X + j], lanes[_HEADING_Y + j] = cosine, sine
    lanes[_ACROSS + j], lanes[_PER_ACROSS + j], lanes[_DOWN + j] = across, 1.0 / across, down
    lanes[_SINE + j], lanes[_COSINE + j], lanes[_WALL + j] = _aim(p, q, cosine, sine, radius_um)
    lanes[_LEFT + j] = -math.log(drawn[5])
    lanes[_INSIDE + j], lanes[_AGE + j] = 1.0, 0.0


@njit(cache=True, error_model="numpy")
def _turn_or_end(lanes: Lanes, words: LaneWords, j: int, layer: ColumnOptics) -> tuple[int, float]:
    """A flagged photon: how it ends, or _UNDER_WAY if a face sends it back, and its distance from its birth [um].

    The words of the round after the first are still unused: no wall was met.
    """
    x, y, z = float(lanes[_X + j]), float(lanes[_Y + j]), float(lanes[_Z + j])
    if lanes[_FLAG + j] == _ENDS:
        return ABSORBED if lanes[_LEFT + j] <= _ZERO else STRAYED, math.sqrt(x * x + y * y)
    across, down, inside = float(lanes[_ACROSS + j]), float(lanes[_DOWN + j]), lanes[_INSIDE + j] > _ZERO
    end = layer.thickness_um if down > 0.0 else 0.0
    way = (end - z) / down
    if inside:
        lanes[_LEFT + j] -= _absorption_along(z, end, way, layer)
        if lanes[_LEFT + j] <= _ZERO:
            return ABSORBED, math.sqrt(x * x + y * y)
    along = way * across
    x, y = x + along * lanes[_HEADING_X + j], y + along * lanes[_HEADING_Y + j]
    radius_um = math.sqrt(x * x + y * y)
    if radius_um > layer.radius_limit_um:
        return STRAYED, radius_um
    lanes[_X + j], lanes[_Y + j], lanes[_Z + j] = x, y, end
    wall, chance = max(lanes[_WALL + j] - along, _LEAST_UM), _fraction(words[_SECOND + j])
    if down > 0.0:
        if chance >= layer.sensor_reflectivity:
            return DETECTED, radius_um
        lanes[_DOWN + j] = -down
    else:
        if chance >= layer.top_reflectivity:
            return COVER, radius_um
        square, azimuth = float(_fraction(words[_THIRD + j])), 2.0 * math.pi * _fraction(words[_FOURTH + j])
        cosine, sine = math.cos(azimuth), math.sin(azimuth)
        if inside:  # the heading is along the first axis here
            column_um = layer.column_radius_um
            p, q = column_um * lanes[_COSINE + j] - wall, column_um * lanes[_SINE + j]
            lanes[_SINE + j], lanes[_COSINE + j], wall = _aim(p, q, cosine, sine, column_um)
        heading_x, heading_y = float(lanes[_HEADING_X + j]), float(lanes[_HEADING_Y + j])
        lanes[_HEADING_X + j] = heading_x * cosine - heading_y * sine
        lanes[_HEADING_Y + j] = heading_x * sine + heading_y * cosine
        across = math.sqrt(1.0 - square)
        lanes[_ACROSS + j], lanes[_PER_ACROSS + j], lanes[_DOWN + j] = across, 1.0 / across, math.sqrt(square)
    lanes[_WALL + j] = wall
    return _UNDER_WAY, radius_um


@njit(cache=True, error_model="numpy")
def _trace_block(layer: ColumnOptics, blocks: PhotonBlocks, block: int, ends: Ends, radii_um: Lanes) -> None:
    """Trace the photons of one block; writes how they end and their distances from birth, the first to end first.

    A lane whose photon has ended takes the next one; when all are born, the last lane moves into it.
    """
    photons, from_um, radius_um = blocks.photons[block], blocks.from_um[block], layer.column_radius_um
    layer_um = (blocks.to_um[block] - from_um) / photons
    lanes, words = np.zeros(_ROWS * _LANES, Single), np.empty(_WORDS * _LANES, np.uint32)
    _seed_lanes(blocks.seeds[block], words)
    thickness_um, gap_um, diameter_um = Single(layer.thickness_um), Single(layer.gap_um), Single(2.0 * radius_um)
    outward, inward = layer.refractive_index / layer.gap_index, layer.gap_index / layer.refractive_index
    limit_square, steps_per_um = Single(layer.radius_limit_um * layer.radius_limit_um), Single(layer.steps_per_um)
    absorption_per_um = Single(layer.absorption_per_um[0] if layer.even_absorption else 0.0)
    for j in range(_LANES):  # lanes without a photon shall hold numbers
        lanes[_ACROSS + j] = lanes[_PER_ACROSS + j] = lanes[_COSINE + j] = _ONE
        lanes[_FLAG + j] = _UNBORN
    _look_up_walls(lanes, _LANES // _WIDTH, layer.walls, steps_per_um)
    alive, born, ended = min(photons, _LANES), 0, 0
    while True:
        j = 0
        while j < alive:
            end = _UNDER_WAY
            if lanes[_FLAG + j] == _AT_FACE or lanes[_FLAG + j] == _ENDS:
                end, distance_um = _turn_or_end(lanes, words, j, layer)
                if end != _UNDER_WAY:
                    ends[block, ended], radii_um[block, ended] = end, distance_um
                    ended += 1
            if end == _UNDER_WAY and lanes[_FLAG + j] != _UNBORN:
                j += 1
            elif born < photons:
                _bear(lanes, words, j, from_um + born * layer_um, layer_um, radius_um)
                born, j = born + 1, j + 1
            else:
                alive -= 1
                for row in range(_ROWS):
                    lanes[row * _LANES + j] = lanes[row * _LANES + alive]
                for row in range(_WORDS):
                    words[row * _LANES + j] = words[row * _LANES + alive]
        if alive == 0:
            break
        groups = (alive + _WIDTH - 1) // _WIDTH
        _draw_words(words, groups)
        _draw_numbers(lanes, words, groups)
        _fly(lanes, groups, thickness_um, gap_um, absorption_per_um, limit_square)
        if not layer.even_absorption:
            _absorb(lanes, alive, layer)
        if not layer.even_walls:
            _look_up_walls(lanes, groups, layer.walls, steps_per_um)
        _meet_walls(lanes, words, groups, Single(outward), Single(inward))
        _turn(lanes, groups, diameter_um)


@njit(cache=True, parallel=True, error_model="numpy")
def trace_columns(layer: ColumnOptics, blocks: PhotonBlocks, ends: Ends, radius_um: Lanes) -> None:
    """Trace the photons of each block.

    Parameters
    ----------
    layer : ColumnOptics
        The columnar layer.
    blocks : PhotonBlocks
        Photons to trace, each of the B blocks with a seed of its own.
    ends : (B, P) int8
        Written to: how the photons of each block end. P is at least their number; the rest stays as it is.
    radius_um : (B, P) float32
        Written to: their distances from birth, along the layer. [um]
    """
    for block in prange(blocks.seeds.size):
        _trace_block(layer, blocks, block, ends, radius_um)

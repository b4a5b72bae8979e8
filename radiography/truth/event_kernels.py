"""Light photons one by one, from where X-rays left their energy to the pixels: the compiled kernel of `event_frame`.

Workers count into histograms of their own. Counts are whole numbers, so their sum does not depend on how the blocks
were shared out; the generator, xoshiro256++ [1]_, is seeded once per block.

References
----------
.. [1] Blackman & Vigna, "Scrambled linear pseudorandom number generators", ACM Trans. Math. Softw. 47, 36 (2021).
.. [2] Marsaglia, "Choosing a point from the surface of a sphere", Ann. Math. Stat. 43, 645 (1972).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit, prange

# where a photon lands; columns of `fates`
IN_APERTURE, BETWEEN, OUTSIDE, FATES = 0, 1, 2, 3

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
WordArray = npt.NDArray[np.uint64]


class LightSources(NamedTuple):
    """Deposits that send light, in blocks of one seed each.

    ``place`` (D, 2): row and column in pixels from the corner of the region; ``depth_index`` (D,): of their depth;
    ``light`` (D,): photons. [1] Block b is the deposits from ``block_first[b]`` to before ``block_first[b + 1]``, drawn
    from ``seeds[b]``.
    """

    place: FloatArray
    depth_index: IntArray
    light: IntArray
    block_first: IntArray
    seeds: WordArray


class PixelOptics(NamedTuple):
    """How far light goes, and what catches it, in pixels.

    ``radius_square`` (K, Q, 2) gives the squared radius as its first minus its second times s, where s is the fraction
    of the photons further out and the intervals are even in its root. ``aperture`` is the side of a pixel's aperture;
    ``glare_fraction`` of the light goes far, over ``glare_length``.
    """

    radius_square: FloatArray
    aperture: float
    glare_fraction: float
    glare_length: float


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
def _two_uniforms(state: WordArray) -> tuple[float, float]:
    """Two uniforms in (0, 1) of one random word, 32 bits each."""
    word = _next_word(state)
    high = (np.float64(np.uint32(word >> np.uint64(32))) + 0.5) * 2.3283064365386963e-10
    return high, (np.float64(np.uint32(word & np.uint64(0xFFFFFFFF))) + 0.5) * 2.3283064365386963e-10


@njit(cache=True, error_model="numpy")
def _disc(state: WordArray) -> tuple[float, float, float]:
    """Point in the unit circle and its squared radius: uniform in (0, 1), and independent of the direction [2]_."""
    while True:
        a, b = _two_uniforms(state)
        a, b = 2.0 * a - 1.0, 2.0 * b - 1.0
        square = a * a + b * b
        if square < 1.0:
            return a, b, square


@njit(cache=True, parallel=True, error_model="numpy")
def count_light(sources: LightSources, optics: PixelOptics, counts: npt.NDArray[np.int32], fates: IntArray) -> None:
    """Send the photons of every deposit to the pixels and add them to each worker's counts.

    Parameters
    ----------
    sources : LightSources
        Deposits and their photons; blocks of them are dealt to the workers in turn.
    optics : PixelOptics
        How far light goes, and what catches it.
    counts, fates : (N, H, W) int32, (N, 3) int64
        Each worker's own are added to.
    """
    workers, rows, cols = counts.shape
    place, depth_index, light, block_first, seeds = sources
    radius_square, aperture, glare_fraction, glare_length = optics
    intervals = radius_square.shape[1]
    half = 0.5 * aperture
    for worker in prange(workers):
        own, fate = counts[worker], fates[worker]
        for block in range(worker, seeds.size, workers):
            state = _generator(seeds[block])
            for deposit in range(block_first[block], block_first[block + 1]):
                table = radius_square[depth_index[deposit]]
                for _ in range(light[deposit]):
                    a, b, further = _disc(state)
                    root = math.sqrt(further)
                    index = int(intervals * (1.0 - root))
                    scale = math.sqrt(max(0.0, table[index, 0] - table[index, 1] * further)) / root
                    row, col = place[deposit, 0] + scale * a, place[deposit, 1] + scale * b
                    if glare_fraction > 0.0:
                        chosen, first = _two_uniforms(state)
                        if chosen < glare_fraction:
                            a, b, second = _disc(state)
                            scale = -glare_length * math.log(first * second) / math.sqrt(second)
                            row, col = row + scale * a, col + scale * b
                    low_row, low_col = math.floor(row), math.floor(col)
                    if low_row < 0.0 or low_col < 0.0 or low_row >= rows or low_col >= cols:
                        fate[OUTSIDE] += 1
                    elif abs(row - low_row - 0.5) <= half and abs(col - low_col - 0.5) <= half:
                        own[int(low_row), int(low_col)] += 1
                        fate[IN_APERTURE] += 1
                    else:
                        fate[BETWEEN] += 1

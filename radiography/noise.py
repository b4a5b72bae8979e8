"""Random numbers of a picture: what X-ray quanta leave in each sample, and normal deviates for the electronic stages.

The number of interacting quanta is Poisson; each leaves a portion, of light or energy, with a known mean and mean
square. Every row of a picture has its own generator (xoshiro256++ [1]_), seeded from the caller's, so the numbers do
not depend on threads.

References
----------
.. [1] Blackman & Vigna, "Scrambled linear pseudorandom number generators", ACM Trans. Math. Softw. 47, 36 (2021).
.. [2] Marsaglia & Tsang, "A simple method for generating gamma variables", ACM Trans. Math. Softw. 26, 363 (2000).
.. [3] Marsaglia & Tsang, "The ziggurat method for generating random variables", J. Stat. Softw. 5(8) (2000); Doornik,
       "An improved ziggurat method to generate normal random samples", Oxford (2005): layer, sign and place of a word
       share no bits.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from numba import njit, prange

# Above this mean number of quanta the sum is drawn as normal: its skewness is below 0.2.  # assumed
NORMAL_ABOVE_QUANTA = 64.0

LAYERS = 256  # of the ziggurat under exp(-x**2 / 2), all of one area, the lowest with the tail
TAIL = 3.6541528853610088  # where the tail begins, for 256 layers  [3]_
MOST_QUANTA = 192  # no mean below the normal limit reaches it
MEANS_PER_QUANTUM = 4  # tabulated Poisson distributions; what a mean lies above the next lower is drawn apart

Picture = npt.NDArray[np.float32]
FloatArray = npt.NDArray[np.float64]
NumberArray = npt.NDArray[np.int32]
WordArray = npt.NDArray[np.uint64]


def _ziggurat() -> tuple[FloatArray, FloatArray]:
    """Edges and heights of the layers, (LAYERS + 1,) each, the widest first; edge 0 gives the lowest its area."""
    height = math.exp(-0.5 * TAIL**2)
    area = TAIL * height + math.sqrt(0.5 * math.pi) * math.erfc(TAIL / math.sqrt(2.0))
    edges, heights = [area / height, TAIL], [0.0, height]
    while len(edges) < LAYERS:
        heights.append(heights[-1] + area / edges[-1])
        edges.append(math.sqrt(-2.0 * math.log(heights[-1])))
    return np.array([*edges, 0.0]), np.array([*heights, 1.0])


LAYER_EDGE, LAYER_HEIGHT = _ziggurat()


def draw_portions(
    quanta: Picture,
    total: Picture,
    square_sum: Picture,
    rng: np.random.Generator,
) -> Picture:
    """What the quanta of one exposure leave in each sample, with quantum noise.

    A compound Poisson sum: its mean is ``total`` and its variance ``square_sum``, for any beam, so a spectrum hardened
    by the object keeps its right noise. Below 64 quanta the number of quanta is drawn exactly and their total as a
    gamma variable of the right mean and variance; above, the sum is normal.

    Parameters
    ----------
    quanta : (H, W) float32
        Mean number of interacting quanta. [1]
    total : (H, W) float32
        Mean sum of the portions, such as light [1] or absorbed energy [keV].
    square_sum : (H, W) float32
        Mean sum of the squared portions. [unit of total, squared]
    rng : numpy.random.Generator
        Same state, same picture, for any number of threads.

    Returns
    -------
    drawn : (H, W) float32
        Never negative for fewer than 64 quanta. [unit of total]

    Raises
    ------
    ValueError
        If the three maps differ in shape, or one holds a negative value or NaN.
    """
    if not (quanta.shape == total.shape == square_sum.shape):
        raise ValueError(
            f"quanta are {quanta.shape}, their total {total.shape}, their square sum {square_sum.shape}: "
            "all must have one shape"
        )
    maps = {"quanta": quanta, "total": total, "square_sum": square_sum}
    for name, values in maps.items():
        lowest = values.min(initial=0)
        if not lowest >= 0:
            raise ValueError(f"{name} must be zero or positive everywhere, got {lowest:g}")
    drawn = np.empty(quanta.shape, dtype=np.float32)
    _draw_portions((quanta, total, square_sum), _row_seeds(quanta.shape[0], rng), *_poisson_tables(), drawn)
    return drawn


@lru_cache(maxsize=1)
def _poisson_tables() -> tuple[FloatArray, NumberArray]:
    """Of the means that are tabulated (M,): probability of at most n quanta (M, N), and where to look for a number.

    The second (M, 256) is the number of quanta at which the probability passes each 256th of 1.
    """
    means = np.arange(int(NORMAL_ABOVE_QUANTA) * MEANS_PER_QUANTUM + 1)[:, None] / MEANS_PER_QUANTUM
    number = np.arange(MOST_QUANTA)
    probability = np.cumprod(np.hstack([np.exp(-means), means / number[1:]]), axis=1)
    at_most = np.cumsum(probability, axis=1)
    at_most[(number > means) & (probability < 1e-17)] = 1.0  # what rounding leaves is no number of its own
    begin = np.array([np.searchsorted(line, np.arange(256) / 256.0, side="left") for line in at_most])
    return at_most, np.minimum(begin, MOST_QUANTA - 1).astype(np.int32)


def standard_normal(rows: int, cols: int, rng: np.random.Generator) -> Picture:
    """Independent normal deviates of mean 0 and variance 1.

    Parameters
    ----------
    rows, cols : int
        Size of the picture. [1]
    rng : numpy.random.Generator
        Same state, same deviates, for any number of threads.

    Returns
    -------
    deviates : (rows, cols) float32
        [1]
    """
    deviates = np.empty((rows, cols), dtype=np.float32)
    _standard_normal(_row_seeds(rows, rng), deviates)
    return deviates


def _row_seeds(rows: int, rng: np.random.Generator) -> WordArray:
    return rng.integers(0, 2**64, size=rows, dtype=np.uint64)


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
def _strip_place(word: np.uint64, layer: int) -> float:
    """Even place within a layer of the ziggurat, both sides of 0: the word's upper 53 bits; its lowest 8 are others."""
    return float((np.float64(np.int64(word) >> 11) + 0.5) * 2.220446049250313e-16 * LAYER_EDGE[layer])


@njit(cache=True, error_model="numpy")
def _normal_rarely(x: float, layer: int, state: WordArray) -> float:
    """The deviate where a place was not under the next layer: 1.2 % of them."""
    while abs(x) >= LAYER_EDGE[layer + 1]:
        if layer == 0:  # beyond the last edge, after Marsaglia
            beyond = -math.log(_uniform(state)) / TAIL
            while -2.0 * math.log(_uniform(state)) <= beyond * beyond:
                beyond = -math.log(_uniform(state)) / TAIL
            return math.copysign(TAIL + beyond, x)
        height = LAYER_HEIGHT[layer] + _uniform(state) * (LAYER_HEIGHT[layer + 1] - LAYER_HEIGHT[layer])
        if height < math.exp(-0.5 * x * x):
            break
        word = _next_word(state)
        layer = int(word & np.uint64(LAYERS - 1))
        x = _strip_place(word, layer)
    return x


@njit(cache=True, error_model="numpy", inline="always")
def _normal(state: WordArray) -> float:
    """A standard normal deviate by the ziggurat [3]_: nearly all take one word and one product."""
    word = _next_word(state)
    layer = int(word & np.uint64(LAYERS - 1))
    x: float = _strip_place(word, layer)
    if not abs(x) < LAYER_EDGE[layer + 1]:
        x = _normal_rarely(x, layer, state)
    return x


@njit(cache=True, error_model="numpy", inline="always")
def _poisson(mean: float, state: WordArray, at_most: FloatArray, begin: NumberArray) -> int:
    """Poisson number: one of the next lower tabulated mean, looked up, and one of what is left of the mean."""
    line = int(mean * MEANS_PER_QUANTUM)
    rest = mean - line / MEANS_PER_QUANTUM
    place = _uniform(state)
    count = int(begin[line, int(place * 256.0)])
    while place > at_most[line, count] and count < MOST_QUANTA - 1:
        count += 1
    remaining = _uniform(state)
    if remaining > 1.0 - rest:  # else none: 1 - x is below exp(-x)
        probability, more = math.exp(-rest), 0
        while remaining > probability and more < MOST_QUANTA:
            remaining -= probability
            more += 1
            probability *= rest / more
        count += more
    return count


@njit(cache=True, error_model="numpy", inline="always")
def _gamma(shape: float, state: WordArray) -> float:
    """Gamma variable of unit scale [2]_."""
    boost = 1.0
    if shape < 1.0:
        boost = _uniform(state) ** (1.0 / shape)
        shape += 1.0
    d = shape - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    while True:
        x = _normal(state)
        v = 1.0 + c * x
        if v > 0.0:
            v *= v * v
            u = _uniform(state)
            # The first condition implies the second and spares its logarithms nearly always.
            if u < 1.0 - 0.0331 * (x * x) * (x * x) or math.log(u) < 0.5 * x * x + d * (1.0 - v + math.log(v)):
                return float(boost * d * v)


@njit(parallel=True, cache=True, error_model="numpy")
def _draw_portions(
    means: tuple[Picture, Picture, Picture], seeds: WordArray, at_most: FloatArray, begin: NumberArray, out: Picture
) -> None:
    """Writes every element of ``out`` (H, W) from the three ``means``; a row uses only its own generator."""
    quanta, total, square_sum = means
    for row in prange(out.shape[0]):
        state = _generator(seeds[row])
        for col in range(out.shape[1]):
            mean_quanta = np.float64(quanta[row, col])
            mean_energy = np.float64(total[row, col])
            square = np.float64(square_sum[row, col])
            if mean_quanta <= 0.0:
                out[row, col] = 0.0
            elif mean_quanta > NORMAL_ABOVE_QUANTA:
                out[row, col] = mean_energy + math.sqrt(square) * _normal(state)
            else:
                count = _poisson(mean_quanta, state, at_most, begin)
                each = mean_energy / mean_quanta
                scale = square / mean_energy - each  # variance of a portion over its mean
                if count == 0:
                    out[row, col] = 0.0
                elif not scale > 1e-6 * each:
                    out[row, col] = count * each
                else:
                    out[row, col] = _gamma(count * (each / scale), state) * scale


@njit(parallel=True, cache=True)
def _standard_normal(seeds: WordArray, out: Picture) -> None:
    """Writes every element of ``out`` (H, W); a row uses only its own generator."""
    for row in prange(out.shape[0]):
        state = _generator(seeds[row])
        for col in range(out.shape[1]):
            out[row, col] = _normal(state)

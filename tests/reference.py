"""Slow, obvious versions of the stages, written from their definitions; tests compare the fast ones with them.

Nothing here is imported from the stages, so that an error in them cannot hide in both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import numba
import numpy as np
import numpy.typing as npt
import pytest

FloatArray = npt.NDArray[np.float64]
T = TypeVar("T")

_MASK = 2**64 - 1


def read_only(values: npt.ArrayLike, dtype: npt.DTypeLike = np.float32) -> npt.NDArray[np.generic]:
    """A copy that cannot be written to."""
    array = np.array(values, dtype=dtype)
    array.setflags(write=False)
    return array


def on_threads(count: int, compute: Callable[[], T]) -> T:
    """What ``compute`` returns when numba has ``count`` threads; skips where the machine has fewer."""
    if count > numba.config.NUMBA_NUM_THREADS:
        pytest.skip(f"needs {count} threads, numba has {numba.config.NUMBA_NUM_THREADS}")
    before = numba.get_num_threads()
    numba.set_num_threads(count)
    try:
        return compute()
    finally:
        numba.set_num_threads(before)


def split_mix_words(seed: int) -> Iterator[int]:
    """splitmix64 of Steele, Lea & Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014, in integers."""
    while True:
        seed = (seed + 0x9E3779B97F4A7C15) & _MASK
        word = ((seed ^ (seed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & _MASK
        yield word ^ (word >> 31)


def xoshiro_words(state: Sequence[int]) -> Iterator[int]:
    """xoshiro256++ of Blackman & Vigna, ACM Trans. Math. Softw. 47, 36 (2021), fig. 7, in integers."""

    def rotated(word: int, bits: int) -> int:
        return ((word << bits) | (word >> (64 - bits))) & _MASK

    s0, s1, s2, s3 = state
    while True:
        yield (rotated((s0 + s3) & _MASK, 23) + s0) & _MASK
        shifted = (s1 << 17) & _MASK
        s2, s3 = s2 ^ s0, s3 ^ s1
        s1, s0 = s1 ^ s2, s0 ^ s3
        s2, s3 = s2 ^ shifted, rotated(s3, 45)


def xoshiro_words_of_32(state: Sequence[int]) -> Iterator[int]:
    """xoshiro128++ of the same authors, with words of 32 bits, rotations by 7 and 11 and a shift by 9, in integers."""

    def rotated(word: int, bits: int) -> int:
        return (word << bits | word >> (32 - bits)) % 2**32

    s0, s1, s2, s3 = state
    while True:
        yield (rotated((s0 + s3) % 2**32, 7) + s0) % 2**32
        shifted = (s1 << 9) % 2**32
        s2, s3 = s2 ^ s0, s3 ^ s1
        s1, s0 = s1 ^ s2, s0 ^ s3
        s2, s3 = s2 ^ shifted, rotated(s3, 11)


def normal_row(seed: int, count: int) -> FloatArray:
    """``count`` normal deviates of one row: places even in layers of equal area under exp(-x**2 / 2), 256 of them."""
    seeds = split_mix_words(seed)
    words = xoshiro_words([next(seeds) for _ in range(4)])

    def uniform() -> float:
        return ((next(words) >> 11) + 0.5) / 2**53

    # Right ends of the layers from the bottom up. One layer's area is the lowest rectangle's and the tail's together.
    tail = 3.6541528853610088
    area = tail * math.exp(-0.5 * tail**2) + math.sqrt(0.5 * math.pi) * math.erfc(tail / math.sqrt(2.0))
    ends, tops = [tail], [math.exp(-0.5 * tail**2)]
    for _ in range(254):
        tops.append(tops[-1] + area / ends[-1])
        ends.append(math.sqrt(-2.0 * math.log(tops[-1])))
    widths, inner = [area / tops[0], *ends], [*ends, 0.0]
    bottoms, tops = [0.0, *tops], [*tops, 1.0]
    deviates: list[float] = []
    while len(deviates) < count:
        word = next(words)
        layer, signed = word % 256, word - 2**64 if word >= 2**63 else word
        x = ((signed >> 11) + 0.5) / 2**52 * widths[layer]
        if abs(x) < inner[layer]:
            deviates.append(x)
        elif layer == 0:
            beyond, accepted = 0.0, False
            while not accepted:
                beyond = -math.log(uniform()) / tail
                accepted = -2.0 * math.log(uniform()) > beyond**2
            deviates.append(math.copysign(tail + beyond, x))
        elif bottoms[layer] + uniform() * (tops[layer] - bottoms[layer]) < math.exp(-0.5 * x * x):
            deviates.append(x)
    return np.array(deviates)


def sum_of_gammas(
    count: int, mean_quanta: float, mean_keV: float, variance_keV2: float, rng: np.random.Generator
) -> FloatArray:
    """``count`` compound Poisson sums, each added up quantum by quantum with gamma-distributed energies."""
    quanta = rng.poisson(mean_quanta, count)
    shape, scale = mean_keV**2 / variance_keV2, variance_keV2 / mean_keV
    energies = rng.gamma(shape, scale, int(quanta.sum()))
    pixel_of = np.repeat(np.arange(count), quanta)
    return np.asarray(np.bincount(pixel_of, weights=energies, minlength=count), dtype=np.float64)


def spread(
    deposited: npt.ArrayLike,
    samples: int,
    pitch_mm: float,
    aperture_mm: float,
    transfer_at: Callable[[FloatArray], FloatArray],
) -> FloatArray:
    """Pixels from samples: mirror the whole picture, filter it on the grid of samples, look at the pixel centres."""
    picture = np.asarray(deposited, dtype=np.float64)
    rows, cols = picture.shape
    mirrored = np.block([[picture, picture[:, ::-1]], [picture[::-1], picture[::-1, ::-1]]])
    down = np.fft.fftfreq(2 * rows, pitch_mm / samples)[:, None]
    across = np.fft.fftfreq(2 * cols, pitch_mm / samples)[None, :]
    transfer = transfer_at(np.hypot(down, across)) * np.sinc(down * aperture_mm) * np.sinc(across * aperture_mm)
    # Pixel centres lie between samples when their number per pixel is even: look half a sample further.
    step_mm = (0.5 if samples % 2 == 0 else 0.0) * pitch_mm / samples
    look = np.exp(2j * np.pi * down * step_mm) * np.exp(2j * np.pi * across * step_mm)
    filtered = np.fft.ifft2(np.fft.fft2(mirrored) * transfer * look).real
    first = (samples - 1) // 2
    return filtered[first:rows:samples, first:cols:samples] * samples**2


def light_by_frame(
    exposures: Sequence[float],
    prompt_fraction: float,
    afterglow: Sequence[tuple[float, float]],
    integration_s: float,
    interval_s: float,
) -> FloatArray:
    """Light within each frame's integration: every exposure's integral over every later frame, added up."""
    emitted = np.zeros(len(exposures))
    for frame in range(len(exposures)):
        for exposed in range(frame + 1):
            start_s = (frame - exposed) * interval_s
            emitted_now = prompt_fraction if frame == exposed else 0.0
            for fraction, time_s in afterglow:
                emitted_now += fraction * (math.exp(-start_s / time_s) - math.exp(-(start_s + integration_s) / time_s))
            emitted[frame] += exposures[exposed] * emitted_now
    return emitted


def charge_by_frame(
    charges: Sequence[float],
    terms: Sequence[tuple[float, float]],
    interval_s: float,
    integration_s: float | None = None,
    exposure_s: float = 0.0,
) -> FloatArray:
    """Charge that each frame delivers: at once, and what traps release up to its readout since the one before.

    Each exposure is cut into a thousand short ones; what one of them leaves in the traps is followed in real time.
    """
    integration_s = interval_s if integration_s is None else integration_s
    delivered = np.zeros(len(charges))
    pulses_s = [0.0] if exposure_s == 0 else [(n + 0.5) / 1000 * exposure_s for n in range(1000)]
    for exposed, charge in enumerate(charges):
        for fraction, time_s in terms:
            left = [1.0]  # of what traps caught, before the exposed frame and at every readout from then on
            for frame in range(exposed, len(charges)):
                since_s = [(frame - exposed) * interval_s + integration_s - pulse_s for pulse_s in pulses_s]
                left.append(sum(math.exp(-each / time_s) for each in since_s) / len(since_s))
            delivered[exposed:] += charge * fraction * -np.diff(left)
        delivered[exposed] += charge * (1.0 - sum(fraction for fraction, _ in terms))
    return delivered


def collected_charge(
    light: FloatArray,
    direct_keV: FloatArray,
    response: FloatArray,
    dark_per_s: FloatArray,
    electrons_per_photon: float,
    electrons_per_keV: float,
    time_s: float,
    full_well: float,
    deviates: FloatArray,
) -> FloatArray:
    """Electrons in each diode for given normal deviates."""
    counted = light * electrons_per_photon * response + dark_per_s * time_s
    electrons = counted + np.sqrt(counted) * deviates + direct_keV * electrons_per_keV * response
    return np.minimum(electrons, full_well)


def digitised(
    electrons: FloatArray,
    offset_dn: FloatArray,
    noise_dn: FloatArray,
    line_dn: FloatArray,
    electrons_per_dn: float,
    bits: int,
    deviates: FloatArray,
) -> npt.NDArray[np.int64]:
    """Whole numbers that the ADC gives for given normal deviates."""
    value = electrons / electrons_per_dn + offset_dn + line_dn[:, None] + noise_dn * deviates
    return np.clip(np.rint(value), 0, 2**bits - 1).astype(np.int64)


def partial_densities_at(volume: Any, points_mm: FloatArray) -> FloatArray:
    """Partial densities (N, B) [g/cm3] of a voxel volume at points (N, 3) of the world: zero outside of it."""
    local_mm = (points_mm - np.asarray(volume.position_mm)) @ volume.rotation
    shape = volume.codes.shape[::-1]
    voxel = np.floor(local_mm / np.asarray(volume.spacing_mm) + 0.5 * np.asarray(shape)).astype(np.int64)
    found = np.zeros((len(points_mm), len(volume.materials)))
    for number, (x, y, z) in enumerate(voxel):
        if 0 <= x < shape[0] and 0 <= y < shape[1] and 0 <= z < shape[2]:
            found[number] = volume.partial_g_per_cm3[volume.codes[z, y, x]]
    return found

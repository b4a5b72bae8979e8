"""Elastic scattering of electrons by atoms, from the partial waves of the Dirac equation.

The atom is a point nucleus in Moliere's screening function [1]_: no table, any element, and the backscattering of heavy
atoms, which the screened Rutherford formula overrates by a fifth, comes out right. Exchange, polarisation and the solid
around the atom are left out: they act on electrons of less than 1 keV.

References
----------
.. [1] Moliere, "Theorie der Streuung schneller geladener Teilchen I", Z. Naturforsch. 2a, 133 (1947).
.. [2] Salvat, Jablonski, Powell, "ELSEPA - Dirac partial-wave calculation of elastic scattering of electrons and
   positrons by atoms, positive ions and molecules", Comput. Phys. Commun. 165, 157 (2005): equations (2.15) to (2.24).
.. [3] Walker, "An efficient method for generating discrete random variables with general distributions", ACM Trans.
   Math. Softw. 3, 253 (1977).
.. [4] Franke & Prinja, "Monte Carlo electron dose calculations using discrete scattering angles and discrete energy
   losses", Nucl. Sci. Eng. 149, 1 (2005).
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from radiography.cache import Arrays, cached_arrays

HARTREE_KEV = 0.0272113862460  # CODATA 2018 [keV]
BOHR_UM = 0.529177210903e-4  # CODATA 2018 [um]
LIGHT_SPEED = 137.035999084  # in atomic units, CODATA 2018
ANGLE_BINS = 160  # of x = (1 - cosine) / 2; those of the kernels' tables
LUMPED_BELOW_X = 0.03  # collisions of less, 20 degrees, are lumped: nothing tested changes by more than 1 %
SMALLEST_X = 1e-7  # upper end of the first bin; the others are even in the logarithm

_MOLIERE_WEIGHT = np.array([0.10, 0.55, 0.35])
_MOLIERE_RATE = np.array([6.0, 1.2, 0.3])  # over the Thomas-Fermi radius
_THOMAS_FERMI = 0.885341377  # radius of hydrogen, (9 pi^2 / 128)^(1/3) [Bohr]
_RADIAL_STEP = 0.03  # of the logarithm of the radius, near the nucleus
_PHASE_STEP = 0.3  # of the wave, further out [rad]
_OUTER_EXPONENT = 8.0  # the field ends where its slowest exponential has fallen by e^-8
_MOST_WAVES = 600  # per energy; the Born approximation takes the rest
_SMALLEST_DEPARTURE = 0.01  # of a wave from the Born approximation, over the amplitude backwards
_POINTS_PER_BIN = 4
_METHOD = 1  # to be raised with every change of the numbers below: cached results depend on it

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


class ElasticTable(NamedTuple):
    """Elastic scattering of one element at K energies, in bins of x = (1 - cosine) / 2.

    ``total_um2`` (K,): cross section per atom [um2]. ``transport_um2`` (K,): the same weighted by 1 - cosine. What the
    Monte Carlo follows has the small angles lumped [4]_: ``collision_um2`` (K,), fewer collisions of larger angles with
    the same mean of 1 - cosine, and nearly of its square. ``threshold`` and ``alias`` (K, ANGLE_BINS): Walker's tables
    [3]_ of those, a bin drawn evenly is kept below its threshold, else changed for its alias [1].
    """

    total_um2: FloatArray
    collision_um2: FloatArray
    transport_um2: FloatArray
    threshold: FloatArray
    alias: IntArray


def angle_bin_edges() -> FloatArray:
    """Edges of the bins of x = (1 - cosine) / 2, (ANGLE_BINS + 1,) float64. [1]"""
    return np.concatenate([[0.0], np.geomspace(SMALLEST_X, 1.0, ANGLE_BINS)])


@njit(cache=True, parallel=True, error_model="numpy")
def _outer_angles(
    radius: FloatArray, potential: FloatArray, between: FloatArray, energy: float, kappa: IntArray, angle: FloatArray
) -> None:
    """Angle of sQ to P, the radial functions of the Dirac equation [2]_, at the last radius; writes ``angle`` (W,).

    s = sqrt((E + 2 c^2) / E) makes both of one size far out. ``potential`` (R,) at the radii, ``between`` (R - 1,) half
    way between them; atomic units. Runge-Kutta of order 4.
    """
    scale = math.sqrt((energy + 2.0 * LIGHT_SPEED**2) / energy)
    wave = math.sqrt(energy * (energy + 2.0 * LIGHT_SPEED**2)) / LIGHT_SPEED
    per_p, per_q = scale / LIGHT_SPEED, 1.0 / (LIGHT_SPEED * scale)
    most = energy + 2.0 * LIGHT_SPEED**2
    for index in prange(kappa.size):
        k = float(kappa[index])
        start = 0
        # far inside the centrifugal barrier every start gives the same wave further out, up to 1e280 times as large
        if abs(k) > 15.0:
            while start < radius.size - 2 and radius[start] < 0.35 * abs(k) / wave:
                start += 1
        reduced = -potential[start] * radius[start] / LIGHT_SPEED
        exponent = math.sqrt(k * k - reduced * reduced)
        p, q = (exponent - k, -reduced * scale) if k < 0.0 else (reduced, (exponent + k) * scale)
        for i in range(start, radius.size - 1):
            step = radius[i + 1] - radius[i]
            half = 0.5 * step
            k0, k1, k2 = k / radius[i], k / (radius[i] + half), k / radius[i + 1]
            a0, b0 = per_p * (energy - potential[i]), per_q * (most - potential[i])
            a1, b1 = per_p * (energy - between[i]), per_q * (most - between[i])
            a2, b2 = per_p * (energy - potential[i + 1]), per_q * (most - potential[i + 1])
            p1, q1 = b0 * q - k0 * p, k0 * q - a0 * p
            x, y = p + half * p1, q + half * q1
            p2, q2 = b1 * y - k1 * x, k1 * y - a1 * x
            x, y = p + half * p2, q + half * q2
            p3, q3 = b1 * y - k1 * x, k1 * y - a1 * x
            x, y = p + step * p3, q + step * q3
            p4, q4 = b2 * y - k2 * x, k2 * y - a2 * x
            p += step * (p1 + 2.0 * p2 + 2.0 * p3 + p4) / 6.0
            q += step * (q1 + 2.0 * q2 + 2.0 * q3 + q4) / 6.0
        angle[index] = math.atan2(q, p)


@njit(cache=True, error_model="numpy")
def _add_waves(
    cosine: FloatArray, direct: npt.NDArray[np.complex128], flip: npt.NDArray[np.complex128], square: FloatArray
) -> None:
    """Add the partial waves to the Born amplitude, which ``square`` (A,) holds, and square the two amplitudes."""
    for index in range(cosine.size):
        c = cosine[index]
        sine = math.sqrt(max(0.0, 1.0 - c * c))
        f, g = complex(square[index], 0.0), complex(0.0, 0.0)
        before, now, slope_before, slope = 0.0, 1.0, 0.0, 0.0
        for degree in range(direct.size):
            f += direct[degree] * now
            g += flip[degree] * sine * slope
            before, now = now, ((2 * degree + 1) * c * now - degree * before) / (degree + 1)
            # derivatives of Legendre's polynomials: P'(l+1) = P'(l-1) + (2 l + 1) P(l)
            slope_before, slope = slope, slope_before + (2 * degree + 1) * before
        square[index] = f.real**2 + f.imag**2 + g.real**2 + g.imag**2


@njit(cache=True, error_model="numpy")
def _second_legendre(argument: float, degrees: int) -> FloatArray:
    """Legendre's functions of the second kind Q of an argument above 1, for degrees 0 to ``degrees``, downwards."""
    start = degrees + int(45.0 / math.sqrt(2.0 * (argument - 1.0))) + 20
    values = np.zeros(degrees + 1)
    above, here = 0.0, 1e-300
    for degree in range(start, -1, -1):
        if degree <= degrees:
            values[degree] = here
        above, here = here, ((2 * degree + 1) * argument * here - (degree + 1) * above) / max(degree, 1)
        if abs(here) > 1e250:
            above, here = above * 1e-250, here * 1e-250
            values *= 1e-250
    zeroth = 0.5 * math.log((argument + 1.0) / (argument - 1.0))
    values *= zeroth / values[0]
    return values


def _phase_shifts(z: int, energy: float, waves: int) -> tuple[FloatArray, FloatArray]:
    """Phase shifts of spin up and down for degrees 0 to ``waves`` in the field of an atom; atomic units."""
    from scipy.special import spherical_jn, spherical_yn

    rate = _MOLIERE_RATE / (_THOMAS_FERMI * z ** (-1.0 / 3.0))
    wave = math.sqrt(energy * (energy + 2.0 * LIGHT_SPEED**2)) / LIGHT_SPEED
    last = _OUTER_EXPONENT / rate[-1]
    turn = _PHASE_STEP / wave / _RADIAL_STEP
    inner = np.exp(np.arange(math.log(1e-6), math.log(min(turn, last)), _RADIAL_STEP))
    radius = np.concatenate([inner, np.linspace(inner[-1], last, int((last - inner[-1]) * wave / _PHASE_STEP) + 2)[1:]])

    def field(r: FloatArray) -> FloatArray:
        return np.asarray(-z / r * (_MOLIERE_WEIGHT @ np.exp(-rate[:, None] * r)))

    degree = np.arange(waves + 1)
    kappa = np.concatenate([-(degree + 1), degree[1:]]).astype(np.int64)
    of_wave = np.concatenate([degree, degree[1:]])
    argument = wave * last
    bessel = [
        (function(of_wave, argument), function(of_wave + 1, argument)) for function in (spherical_jn, spherical_yn)
    ]
    shifts = []
    for strength in (1.0, 0.0):
        angle = np.empty(kappa.size)
        inside, between = strength * field(radius), strength * field(0.5 * (radius[1:] + radius[:-1]))
        _outer_angles(radius, inside, between, energy, kappa, angle)
        parts = [
            np.cos(angle) * ((1 + of_wave + kappa) / argument * value - following) - np.sin(angle) * value
            for value, following in bessel
        ]
        shifts.append(np.arctan(parts[0] / parts[1]))
    # without a field the shift is 0: what the integration finds there is its own error, nearly that with the field
    shift = shifts[0] - shifts[1]
    return shift[: waves + 1], np.concatenate([[0.0], shift[waves + 1 :]])


def differential_cross_section_um2(z: int, energy_keV: float, x: FloatArray) -> FloatArray:
    """Elastic cross section of an atom per unit solid angle.

    Parameters
    ----------
    z : int
        Atomic number.
    energy_keV : float
        Kinetic energy of the electron. [keV]
    x : (A,) float64
        (1 - cosine) / 2 of the scattering angle. [1]

    Returns
    -------
    cross_section_um2 : (A,) float64
        Per steradian, for unpolarised electrons. [um2]

    Notes
    -----
    The first Born approximation has a closed form for Moliere's screening. Only its difference from the exact phase
    shifts is summed over the partial waves: that sum needs a few hundred terms where the amplitude needs thousands.
    """
    energy = energy_keV / HARTREE_KEV
    wave = math.sqrt(energy * (energy + 2.0 * LIGHT_SPEED**2)) / LIGHT_SPEED
    mass = 1.0 + energy / LIGHT_SPEED**2
    rate = _MOLIERE_RATE / (_THOMAS_FERMI * z ** (-1.0 / 3.0))
    waves = int(min(_MOST_WAVES, 0.8 * _OUTER_EXPONENT * wave / rate[-1]))
    born = sum(
        weight * _second_legendre(1.0 + 0.5 * (one_rate / wave) ** 2, waves)
        for weight, one_rate in zip(_MOLIERE_WEIGHT, rate, strict=True)
    )
    born_shift = mass * z / wave * np.asarray(born)
    degree = np.arange(waves + 1)
    # a wave's departure from Born is of the order of its squared shift; the amplitude backwards is about Z / (2 k^2)
    departure = (2 * degree + 1) * born_shift**2 * wave / z
    waves = min(waves, 3 + int(np.count_nonzero(departure > _SMALLEST_DEPARTURE)))
    degree, born_shift = degree[: waves + 1], born_shift[: waves + 1]
    up, down = _phase_shifts(z, energy, waves)
    up_wave, down_wave = np.expm1(2j * up), np.expm1(2j * down)
    direct = ((degree + 1) * up_wave + degree * down_wave) / (2j * wave) - (2 * degree + 1) * born_shift / wave
    flip = (down_wave - up_wave) / (2j * wave)
    momentum_square = 4.0 * wave**2 * x
    square = 2.0 * mass * z * (_MOLIERE_WEIGHT @ (1.0 / (momentum_square + rate[:, None] ** 2)))
    _add_waves(1.0 - 2.0 * x, direct, flip, square)
    return np.asarray(square * BOHR_UM**2)


def _alias_table(probability: FloatArray) -> tuple[FloatArray, IntArray]:
    """Walker's table [3]_ of probabilities that sum to 1: threshold and alias of each bin."""
    scaled = probability * probability.size
    threshold, alias = np.ones(probability.size), np.arange(probability.size)
    poor = [index for index, value in enumerate(scaled) if value < 1.0]
    rich = [index for index, value in enumerate(scaled) if value >= 1.0]
    while poor and rich:
        low, high = poor.pop(), rich[-1]
        threshold[low], alias[low] = scaled[low], high
        scaled[high] -= 1.0 - scaled[low]
        if scaled[high] < 1.0:
            poor.append(rich.pop())
    return threshold, alias


def _lump_small_angles(section: FloatArray, moment: FloatArray, square: FloatArray, edges: FloatArray) -> FloatArray:
    """Cross section of each bin with the small angles put into one, as `ElasticTable` says, (ANGLE_BINS,). [um2]

    ``moment`` and ``square`` are the bins' cross sections times x and its square.
    """
    small = edges[1:] <= LUMPED_BELOW_X
    place = int(np.searchsorted(edges, square[small].sum() / moment[small].sum())) - 1
    lumped = np.where(small, 0.0, section)
    lumped[place] = moment[small].sum() / (0.5 * (edges[place] + edges[place + 1]))
    return lumped


def elastic_table(z: int, energy_keV: FloatArray, *, cache_folder: Path | None = None) -> ElasticTable:
    """Elastic scattering of an element, from the cache of computed results where it is there already.

    Parameters
    ----------
    z : int
        Atomic number.
    energy_keV : (K,) float64
        Kinetic energies. [keV]
    cache_folder : Path, optional
        Folder of the cache; by default the user's cache folder of the platform.

    Returns
    -------
    table : ElasticTable
    """
    key = {"what": "elastic scattering of electrons", "method": _METHOD, "z": z, "energy_keV": energy_keV}

    def compute() -> Arrays:
        edges = angle_bin_edges()
        node, weight = np.polynomial.legendre.leggauss(_POINTS_PER_BIN)
        widths = np.diff(edges)
        x = (edges[:-1, None] + 0.5 * widths[:, None] * (1.0 + node)).ravel()
        sums: list[FloatArray] = []
        moments: list[FloatArray] = []
        squares: list[FloatArray] = []
        for energy in energy_keV.tolist():
            section = differential_cross_section_um2(z, energy, x).reshape(ANGLE_BINS, -1)
            # 4 pi dx is the solid angle
            at = x.reshape(section.shape)
            for tally, power in ((sums, 0), (moments, 1), (squares, 2)):
                tally.append(2.0 * np.pi * widths * ((section * at**power) @ weight))
        lumped = [_lump_small_angles(*rows, edges) for rows in zip(sums, moments, squares, strict=True)]
        tables = [_alias_table(row / row.sum()) for row in lumped]
        return {
            "total_um2": np.sum(sums, axis=1),
            "collision_um2": np.sum(lumped, axis=1),
            "transport_um2": 2.0 * np.sum(moments, axis=1),
            "threshold": np.array([table[0] for table in tables]),
            "alias": np.array([table[1] for table in tables]),
        }

    return ElasticTable(**cached_arrays(key, compute, cache_folder))

"""Plain Monte Carlo of X-rays behind a slab in air, to judge scatter by: numba and xraylib, nothing of `radiography`.

Analogue photons from a point source. Ways are drawn to the next border of the slab and drawn anew behind it; angles by
rejection: the cosine of Klein and Nishina by the incoherent scattering function, x^2 of the summed squared form factor
by (1 + cos^2) / 2. Random numbers are numpy's. Where this differs on purpose: `radiography` flies through blocks with
majorants, inverts tables of angles, and has its own generator.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import xraylib
from numba import njit

Mixture = tuple[tuple[int, float], ...]  # atomic number, part by mass

PMMA: Mixture = ((1, 8 * 1.008), (6, 5 * 12.011), (8, 2 * 15.999))  # C5 H8 O2
AIR: Mixture = ((6, 0.000124), (7, 0.755268), (8, 0.231781), (18, 0.012827))  # dry, near sea level (NIST)
CSI: Mixture = ((53, 126.90447), (55, 132.90545))
PMMA_DENSITY, AIR_DENSITY, CSI_DENSITY = 1.19, 1.205e-3, 0.75 * 4.51  # [g/cm3], the layer's with its packing
LAYER_MM = 0.5
ENERGY_STEP_KEV = 0.1
MOMENTUM_STEP = 0.005  # of x = sin(theta / 2) / wavelength [1/Angstrom]
KEV_ANGSTROM = 12.39841984
ELECTRON_KEV = 510.99895  # CODATA 2018
LOWEST_KEV = 5.0  # softer photons end where they are: in PMMA within 0.5 mm
CHUNK = 100_000  # histories of one seed


@dataclass(frozen=True)
class Slab:
    """A square slab of PMMA on the axis, above a square panel. [mm]"""

    thickness_mm: float
    side_mm: float = 500.0
    gap_mm: float = 100.0  # to the panel
    source_mm: float = 1500.0  # above the panel
    field_mm: float = 430.0  # lit on the panel
    middle_mm: float = 430.0 / 6.0  # scored on the panel


@dataclass(frozen=True)
class Ratios:
    """Light of scattered photons in the middle over that of the primary on the axis, and standard errors. [1]"""

    straight: float  # each takes the layer's thickness
    straight_error: float
    slanted: float  # each takes its own way through the layer, and the primary that of the axis
    slanted_error: float
    transmission: float  # light of the primary behind the slab over that without it


class _Matter(NamedTuple):
    """By steps of energy: attenuation, its part up to photoelectric, up to Compton; by steps of x: functions."""

    mu_per_mm: np.ndarray
    photo: np.ndarray
    compton: np.ndarray
    bound: np.ndarray
    coherent: np.ndarray


def coefficients(mixture: Mixture, density: float, energy_keV: np.ndarray) -> np.ndarray:
    """Photoelectric, Compton and Rayleigh coefficient, (3, E). [1/mm]"""
    whole = sum(mass for _, mass in mixture)
    calls = (xraylib.CS_Photo, xraylib.CS_Compt, xraylib.CS_Rayl)
    return np.array(
        [[0.1 * density * sum(m / whole * call(z, float(e)) for z, m in mixture) for e in energy_keV] for call in calls]
    )


def _matter(mixture: Mixture, density: float, highest_keV: float) -> _Matter:
    energy_keV = np.maximum(ENERGY_STEP_KEV * np.arange(int(highest_keV / ENERGY_STEP_KEV) + 3), 1.0)
    photo, compton, rayleigh = coefficients(mixture, density, energy_keV)
    total = photo + compton + rayleigh
    x = MOMENTUM_STEP * np.arange(int(highest_keV / KEV_ANGSTROM / MOMENTUM_STEP) + 3)
    atoms = [(z, mass / xraylib.AtomicWeight(z)) for z, mass in mixture]
    bound = sum(part * np.array([0.0, *(xraylib.SF_Compt(z, float(q)) for q in x[1:])]) for z, part in atoms)
    squared = sum(part * np.array([xraylib.FF_Rayl(z, float(q)) for q in x]) ** 2 for z, part in atoms)
    steps = 0.5 * (squared[1:] + squared[:-1]) * np.diff(x**2)
    free = sum(part * z for z, part in atoms)
    return _Matter(
        total, photo / total, (photo + compton) / total, bound / free, np.concatenate([[0.0], np.cumsum(steps)])
    )


@njit(cache=True)
def _compton_cosine(energy_keV: float, bound: np.ndarray, rng: np.random.Generator) -> float:
    while True:
        cosine = 2.0 * rng.random() - 1.0
        ratio = 1.0 / (1.0 + energy_keV / ELECTRON_KEV * (1.0 - cosine))
        good = 0.5 * ratio * ratio * (ratio + 1.0 / ratio - 1.0 + cosine * cosine)
        place = energy_keV / KEV_ANGSTROM * math.sqrt(0.5 * (1.0 - cosine)) / MOMENTUM_STEP
        low = int(place)
        if rng.random() < good * (bound[low] + (place - low) * (bound[low + 1] - bound[low])):
            return cosine


@njit(cache=True)
def _rayleigh_cosine(energy_keV: float, coherent: np.ndarray, rng: np.random.Generator) -> float:
    most = (energy_keV / KEV_ANGSTROM / MOMENTUM_STEP) ** 2  # of squared steps of x
    last = int(math.sqrt(most))
    part = (most - last * last) / (2 * last + 1)
    top = coherent[last] + part * (coherent[last + 1] - coherent[last])
    while True:
        wanted = rng.random() * top
        low = np.searchsorted(coherent, wanted, side="right") - 1
        squared = low * low + (wanted - coherent[low]) / (coherent[low + 1] - coherent[low]) * (2 * low + 1)
        cosine = 1.0 - 2.0 * squared / most
        if rng.random() < 0.5 * (1.0 + cosine * cosine):
            return cosine


@njit(cache=True)
def _at(table: np.ndarray, energy_keV: float) -> float:
    place = energy_keV / ENERGY_STEP_KEV
    low = int(place)
    return float(table[low] + (place - low) * (table[low + 1] - table[low]))


@njit(cache=True)
def _to_border(place: np.ndarray, way: np.ndarray, low: np.ndarray, high: np.ndarray, within: bool) -> float:
    """Way to the surface of a box; infinite for a ray from outside that misses it."""
    enters, leaves = -np.inf, np.inf
    for axis in range(3):
        if way[axis] == 0.0:
            if place[axis] < low[axis] or place[axis] > high[axis]:
                return np.inf
            continue
        one, other = (low[axis] - place[axis]) / way[axis], (high[axis] - place[axis]) / way[axis]
        enters, leaves = max(enters, min(one, other)), min(leaves, max(one, other))
    if within:
        return float(max(leaves, 0.0))
    return float(enters) if 0.0 < enters < leaves else np.inf


@njit(cache=True)
def _turn(way: np.ndarray, cosine: float, azimuth: float) -> None:
    """Turn a direction by an angle about itself, by two unit vectors across it."""
    sine = math.sqrt(max(0.0, 1.0 - cosine * cosine))
    one = np.array([way[1], -way[0], 0.0]) if abs(way[2]) < 0.7 else np.array([0.0, way[2], -way[1]])
    one /= math.sqrt((one * one).sum())
    other = np.cross(way, one)
    way[:] = cosine * way + sine * (math.cos(azimuth) * one + math.sin(azimuth) * other)
    way /= math.sqrt((way * way).sum())


@njit(cache=True, nogil=True)
def _trace_chunk(
    rng: np.random.Generator,
    slab: tuple[float, ...],
    beam: tuple[np.ndarray, np.ndarray],
    pmma: _Matter,
    air: _Matter,
    layer_per_mm: np.ndarray,
) -> np.ndarray:
    """Scattered light of a chunk of histories in the middle of the panel, straight and slanted, (2,). [keV]"""
    found = np.zeros(2)
    thickness, side, gap, source, field, middle = slab
    energies, cumulative = beam
    low, high = np.array([-side / 2, -side / 2, gap]), np.array([side / 2, side / 2, gap + thickness])
    place, way = np.empty(3), np.empty(3)
    for _ in range(CHUNK):
        place[0] = place[1] = 0.0
        place[2] = source
        while True:  # even over the solid angle
            x, y = field * (rng.random() - 0.5), field * (rng.random() - 0.5)
            cosine = source / math.sqrt(x * x + y * y + source * source)
            if rng.random() < cosine**3:
                break
        way[0], way[1], way[2] = x * cosine / source, y * cosine / source, -cosine
        energy = energies[min(np.searchsorted(cumulative, rng.random()), len(energies) - 1)]
        within, scattered = False, False
        while True:
            here = pmma if within else air
            flight = -math.log(1.0 - rng.random()) / _at(here.mu_per_mm, energy)
            border = _to_border(place, way, low, high, within)
            panel = -place[2] / way[2] if way[2] < 0.0 else np.inf
            if panel <= flight and panel <= border:
                x, y = place[0] + panel * way[0], place[1] + panel * way[1]
                if scattered and abs(x) < middle / 2 and abs(y) < middle / 2:
                    depth = LAYER_MM * _at(layer_per_mm, energy)
                    found[0] -= energy * math.expm1(-depth)
                    found[1] -= energy * math.expm1(depth / way[2])
                break
            step = min(flight, border)
            if step > 1e4:  # out into the air
                break
            for axis in range(3):
                place[axis] += step * way[axis]
            if border < flight:
                within = not within
                continue
            which = rng.random()
            if which < _at(here.photo, energy):
                break
            scattered = True
            if which < _at(here.compton, energy):
                cosine = _compton_cosine(energy, here.bound, rng)
                energy /= 1.0 + energy / ELECTRON_KEV * (1.0 - cosine)
                if energy < LOWEST_KEV:
                    break
            else:
                cosine = _rayleigh_cosine(energy, here.coherent, rng)
            _turn(way, cosine, 2.0 * math.pi * rng.random())
    return found


def slab_ratios(slab: Slab, energy_keV: np.ndarray, fluence: np.ndarray, histories: int, seed: int) -> Ratios:
    """Scatter to primary behind a slab.

    ``fluence`` is that of each energy at the panel behind the air, without the slab. [any]
    """
    highest = float(energy_keV.max())
    pmma, air = _matter(PMMA, PMMA_DENSITY, highest), _matter(AIR, AIR_DENSITY, highest)
    mu_slab = coefficients(PMMA, PMMA_DENSITY, energy_keV).sum(axis=0)
    mu_air = coefficients(AIR, AIR_DENSITY, energy_keV).sum(axis=0)
    started = fluence * np.exp(mu_air * slab.source_mm)
    started /= started.sum()
    steps_keV = np.maximum(ENERGY_STEP_KEV * np.arange(int(highest / ENERGY_STEP_KEV) + 3), 1.0)
    layer_per_mm = coefficients(CSI, CSI_DENSITY, steps_keV).sum(axis=0)
    shape = (slab.thickness_mm, slab.side_mm, slab.gap_mm, slab.source_mm, slab.field_mm, slab.middle_mm)
    beam = (energy_keV, np.cumsum(started))
    with ThreadPoolExecutor(2) as pool:
        chunks = np.random.default_rng(seed).spawn(max(2, -(-histories // CHUNK)))
        light = np.array(list(pool.map(lambda rng: _trace_chunk(rng, shape, beam, pmma, air, layer_per_mm), chunks)))
    x = slab.field_mm * ((np.arange(400) + 0.5) / 400 - 0.5)
    cosine = slab.source_mm / np.sqrt(x**2 + x[:, None] ** 2 + slab.source_mm**2)
    started_per_mm2 = 1.0 / (slab.field_mm**2 * (cosine**3).mean())  # on the axis, of one history
    taken = -energy_keV * np.expm1(-LAYER_MM * coefficients(CSI, CSI_DENSITY, energy_keV).sum(axis=0))
    arriving = started * np.exp(-mu_air * slab.source_mm) * taken * started_per_mm2
    primary = arriving @ np.exp((mu_air - mu_slab) * slab.thickness_mm)
    each = light / CHUNK / slab.middle_mm**2 / primary
    mean, error = each.mean(axis=0), each.std(axis=0, ddof=1) / math.sqrt(len(light))
    return Ratios(*(float(one) for one in (mean[0], error[0], mean[1], error[1], primary / arriving.sum())))

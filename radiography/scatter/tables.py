"""Cross sections and scattering angles of materials in even steps of energy, as the photon Monte Carlo reads them.

Photoelectric absorption, Compton scattering (Klein and Nishina times the incoherent scattering function) and Rayleigh
scattering (Thomson times the squared form factor), all from xraylib. Angles are tabulated as u = sin(theta / 2), which
is 0 to 1 and proportional to the momentum transfer: x = u E / (h c), and d cos(theta) = -4 u du.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from radiography.beam.attenuation import Material, mass_attenuation_cm2_per_g
from radiography.beam.spectrum import air_energy_absorption_cm2_per_g

ENERGY_STEP_KEV = 0.5  # chosen: between steps cross sections follow straight lines; angles are those of the nearest
LOWEST_KEV = 2.0  # chosen: softer photons end where they are; in water they get 20 um far
ANGLE_STEPS = 1024  # chosen: of u, and of the probability
KEV_ANGSTROM = 12.398419843320026  # h c, exact by the SI of 2019 [keV Angstrom]
ELECTRON_KEV = 510.99895  # electron rest energy, CODATA 2018 [keV]
_MOMENTUM_STEP = 0.0025  # of the tabulated functions of single elements [1/Angstrom]
_LOWEST_MOMENTUM = 2e-3  # SF_Compt of xraylib raises below about 1e-3; S is 0 there [1/Angstrom]
_MM_PER_CM = 10.0

FloatArray = npt.NDArray[np.float64]
AngleArray = npt.NDArray[np.float32]


class ScatterTables(NamedTuple):
    """Of M materials at E energies 0, 0.5, 1, ... keV; below `LOWEST_KEV` nothing is followed.

    Coefficients are those at the density of the material; a mixture takes a part of each.
    """

    photo_per_mm: FloatArray  # (M, E) photoelectric [1/mm]
    compton_per_mm: FloatArray  # (M, E) [1/mm]
    total_per_mm: FloatArray  # (M, E) with Rayleigh [1/mm]
    compton_angle: AngleArray  # (M, E, ANGLE_STEPS + 1) u of even steps of probability [1]
    rayleigh_angle: AngleArray  # (M, E, ANGLE_STEPS + 1) likewise [1]
    air_kerma_cm2_per_g: FloatArray  # (E,) mass energy absorption of air, for kerma [cm2/g]


@lru_cache(maxsize=128)
def _element_functions(atomic_number: int, steps: int) -> tuple[FloatArray, FloatArray]:
    """Incoherent scattering function and squared form factor at even steps of x."""
    import xraylib

    x = (_MOMENTUM_STEP * np.arange(steps)).tolist()
    incoherent = [xraylib.SF_Compt(atomic_number, value) if value >= _LOWEST_MOMENTUM else 0.0 for value in x]
    return np.array(incoherent), np.array([xraylib.FF_Rayl(atomic_number, value) ** 2 for value in x])


def angle_density(material: Material, energy_keV: float, u: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Probability density of u for Compton and Rayleigh scattering, on any scale.

    Parameters
    ----------
    material : Material
        What scatters.
    energy_keV : float
        Of the photon before. [keV]
    u : (N,) float64
        sin(theta / 2). [1]

    Returns
    -------
    compton, rayleigh : (N,) float64
        Density in u. [1]
    """
    x = u * (energy_keV / KEV_ANGSTROM)
    known = _MOMENTUM_STEP * np.arange(int(np.ceil(energy_keV / KEV_ANGSTROM / _MOMENTUM_STEP)) + 2)
    bound, coherent = np.zeros(u.size), np.zeros(u.size)
    for atomic_number, fraction in material.mass_fractions:
        atoms = fraction / _atomic_weight(atomic_number)
        steps = 256 * -(-known.size // 256)  # few lengths, so that energies share the tables of an element
        incoherent, squared = _element_functions(atomic_number, steps)
        at = _MOMENTUM_STEP * np.arange(steps)
        bound += atoms * np.interp(x, at, incoherent)
        coherent += atoms * np.interp(x, at, squared)
    cosine = 1.0 - 2.0 * u * u
    ratio = 1.0 / (1.0 + energy_keV / ELECTRON_KEV * (1.0 - cosine))
    klein_nishina = ratio * ratio * (ratio + 1.0 / ratio - (1.0 - cosine * cosine))
    return klein_nishina * bound * u, (1.0 + cosine * cosine) * coherent * u


def _atomic_weight(atomic_number: int) -> float:
    import xraylib

    return float(xraylib.AtomicWeight(atomic_number))


def _even_probability(density: FloatArray, u: FloatArray) -> FloatArray:
    """u at even steps of the probability, (ANGLE_STEPS + 1,)."""
    cumulative = np.concatenate([[0.0], np.cumsum(0.5 * (density[1:] + density[:-1]) * np.diff(u))])
    wanted = np.linspace(0.0, cumulative[-1], ANGLE_STEPS + 1)
    return np.interp(wanted, cumulative, u)


def scatter_tables(materials: Sequence[Material], highest_keV: float) -> ScatterTables:
    """Tables of some materials up to an energy.

    Parameters
    ----------
    materials : sequence of Material
        One may be vacuum, which does nothing.
    highest_keV : float
        Highest energy of the photons. [keV]

    Returns
    -------
    tables : ScatterTables

    Notes
    -----
    Left out: fluorescence (2 % of what water absorbs has none above 0.6 keV; metals have), Doppler broadening,
    polarisation, and the molecular interference that moves the peak of Rayleigh scattering to a few degrees.
    """
    count = int(np.ceil(highest_keV / ENERGY_STEP_KEV)) + 2
    energy_keV = ENERGY_STEP_KEV * np.arange(count)
    followed = np.maximum(energy_keV, LOWEST_KEV)
    u = np.linspace(0.0, 1.0, ANGLE_STEPS + 1) ** 2  # finer where Rayleigh scattering is
    first = int(LOWEST_KEV / ENERGY_STEP_KEV)
    by_process = {name: np.zeros((len(materials), count)) for name in ("photoelectric", "compton", "rayleigh")}
    angle = np.zeros((2, len(materials), count, ANGLE_STEPS + 1), dtype=np.float32)
    for number, each in enumerate(materials):
        for name, table in by_process.items():
            density_per_mm = each.density_g_per_cm3 / _MM_PER_CM
            table[number] = density_per_mm * mass_attenuation_cm2_per_g(each, followed, name)
        if not each.mass_fractions:
            continue
        for place in range(first, count):
            for process, density in enumerate(angle_density(each, float(energy_keV[place]), u)):
                angle[process, number, place] = _even_probability(density, u)
    photo, compton, rayleigh = by_process.values()
    return ScatterTables(
        photo_per_mm=photo,
        compton_per_mm=compton,
        total_per_mm=photo + compton + rayleigh,
        compton_angle=angle[0],
        rayleigh_angle=angle[1],
        air_kerma_cm2_per_g=air_energy_absorption_cm2_per_g(followed),
    )

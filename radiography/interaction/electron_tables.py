"""Stopping power, range and elastic scattering of electrons in the materials of a stack, tabulated for the Monte Carlo.

Stopping is Bethe's formula for electrons, as in ESTAR [1]_ but without bremsstrahlung (less than 2 % of the stopping
below 150 keV) and density effect. Below 6.3 mean excitation energies Bethe's formula fails and its tangent parabola
[2]_ takes over, and below 1 keV, near the maximum of real stopping powers, the value is held.

References
----------
.. [1] Berger & Seltzer, "Stopping powers and ranges of electrons and positrons", NBSIR 82-2550-A (1983); ICRU Report 37
   (1984); Berger et al., ESTAR, NIST Standard Reference Database 124.
.. [2] Rao-Sahib & Wittry, "X-ray continuum from thick elemental targets for 10-50-keV electrons", J. Appl. Phys. 45,
   5060 (1974).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from radiography.beam.attenuation import Material
from radiography.interaction.electron_scattering import angle_bin_edges, elastic_table

ELECTRON_KEV = 510.99895  # electron rest energy, CODATA 2018 [keV]
LOWEST_KEV = 0.5  # electrons end here: their range in solids is then below 20 nm  # chosen
HELD_BELOW_KEV = 1.0  # stopping power is constant below  # chosen, see the title
AVOGADRO = 6.02214076e23  # exact by the SI of 2019 [1/mol]

_BETHE_KEV_UM2 = 2.549549e-14  # 2 pi r_e^2 m c^2, CODATA 2018 [keV um2]
_BETHE_FAILS_AT = 6.338  # mean excitation energies where the tangent parabola touches [2]_
_ENERGY_STEP = 0.05  # of the tables that a kernel reads at every collision [keV]
_NODES_PER_OCTAVE = 2  # of the elastic tables
_CUBIC_UM_PER_CM3 = 1e12

# Mean excitation energies of the elements H to U [eV]: ICRU Report 37, as used by ESTAR.
# fmt: off
_EXCITATION_EV = (
    19.2, 41.8, 40.0, 63.7, 76.0, 81.0, 82.0, 95.0, 115.0, 137.0, 149.0, 156.0, 166.0, 173.0, 173.0, 180.0, 174.0,
    188.0, 190.0, 191.0, 216.0, 233.0, 245.0, 257.0, 272.0, 286.0, 297.0, 311.0, 322.0, 330.0, 334.0, 350.0, 347.0,
    348.0, 343.0, 352.0, 363.0, 366.0, 379.0, 393.0, 417.0, 424.0, 428.0, 441.0, 449.0, 470.0, 470.0, 469.0, 488.0,
    488.0, 487.0, 485.0, 491.0, 482.0, 488.0, 491.0, 501.0, 523.0, 535.0, 546.0, 560.0, 574.0, 580.0, 591.0, 614.0,
    628.0, 650.0, 658.0, 674.0, 684.0, 694.0, 705.0, 718.0, 727.0, 736.0, 746.0, 757.0, 790.0, 790.0, 800.0, 810.0,
    823.0, 823.0, 830.0, 825.0, 794.0, 827.0, 826.0, 841.0, 847.0, 878.0, 890.0,
)
# fmt: on
# The same for elements in liquid and solid compounds (ICRU 37, table 5.1); all others 1.13 times the element's. Bromine
# there is the condensed one, 357 eV: with it CeBr3 has the 462.1 eV of ESTAR.
_IN_COMPOUNDS_EV = {1: 19.2, 6: 81.0, 7: 82.0, 8: 106.0, 9: 112.0, 17: 180.0, 35: 1.13 * 357.0}
_OTHERS_IN_COMPOUNDS = 1.13

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


class ElectronTables(NamedTuple):
    """Electrons in M materials of N elements, by energy in even steps (K) and in the elastic tables' steps (J).

    ``stopping_keV_per_um``, ``range_um`` and ``collisions_per_um`` (M, K) at the energies 0, 1, 2, ... times
    1 / ``steps_per_keV``; ``node`` and ``node_fraction`` (K,): elastic energy below, and how often the one above is to
    be taken [1]. ``element_probability`` (M, J, N): cumulative over the elements that a collision is with [1].
    ``bin_edge`` (B + 1,), ``threshold`` and ``alias`` (N, J, B): see `ElasticTable`.
    """

    steps_per_keV: float
    stopping_keV_per_um: FloatArray
    range_um: FloatArray
    collisions_per_um: FloatArray
    node: IntArray
    node_fraction: FloatArray
    element_probability: FloatArray
    bin_edge: FloatArray
    threshold: FloatArray
    alias: IntArray


def mean_excitation_keV(z: int, *, in_compound: bool) -> float:
    """Mean excitation energy of an element (ICRU Report 37).

    Parameters
    ----------
    z : int
        Atomic number, 1 to 92.
    in_compound : bool
        Whether it is bound in a solid or liquid compound.

    Returns
    -------
    excitation_keV : float
        [keV]
    """
    element_eV = _EXCITATION_EV[z - 1]
    return 1e-3 * (_IN_COMPOUNDS_EV.get(z, _OTHERS_IN_COMPOUNDS * element_eV) if in_compound else element_eV)


def _stopping_number(energy_keV: FloatArray, excitation_keV: float) -> FloatArray:
    """Bethe's logarithm for electrons over the squared speed, that of light being 1."""
    tau = energy_keV / ELECTRON_KEV
    speed_square = tau * (tau + 2.0) / (tau + 1.0) ** 2
    small = 1.0 - speed_square + (tau**2 / 8.0 - (2.0 * tau + 1.0) * math.log(2.0)) / (tau + 1.0) ** 2
    logarithm = 2.0 * np.log(energy_keV / excitation_keV) + np.log1p(0.5 * tau) + small
    return np.asarray(logarithm / speed_square)


def stopping_power_keV_per_um(material: Material, energy_keV: npt.ArrayLike) -> FloatArray:
    """Mean energy that an electron loses to the electrons of a material per length of its path.

    Parameters
    ----------
    material : Material
        Elements are added by mass (Bragg's rule).
    energy_keV : (E,) float64
        Kinetic energies above 0. [keV]

    Returns
    -------
    stopping_keV_per_um : (E,) float64
        [keV/um]  0 in vacuum.
    """
    import xraylib

    energy = np.maximum(np.asarray(energy_keV, dtype=np.float64), HELD_BELOW_KEV)
    total = np.zeros_like(energy)
    for z, fraction in material.mass_fractions:
        excitation = mean_excitation_keV(z, in_compound=len(material.mass_fractions) > 1)
        touch = np.array(_BETHE_FAILS_AT * excitation)
        tangent = _stopping_number(touch, excitation) * np.sqrt(touch / energy)
        number = np.where(energy > touch, _stopping_number(energy, excitation), tangent)
        atoms_per_um3 = fraction * material.density_g_per_cm3 * AVOGADRO / xraylib.AtomicWeight(z) / _CUBIC_UM_PER_CM3
        total += _BETHE_KEV_UM2 * atoms_per_um3 * z * number
    return total


def csda_range_um(material: Material, energy_keV: npt.ArrayLike) -> FloatArray:
    """Path of an electron until it stops, slowing down continuously.

    Parameters
    ----------
    material : Material
        Not vacuum.
    energy_keV : (E,) float64
        Kinetic energies. [keV]

    Returns
    -------
    range_um : (E,) float64
        [um]
    """
    wanted = np.asarray(energy_keV, dtype=np.float64)
    highest = max(float(wanted.max(initial=0.0)), HELD_BELOW_KEV)
    grid = np.geomspace(HELD_BELOW_KEV, highest * 1.000001, 1 + int(200 * math.log(highest / HELD_BELOW_KEV) + 200))
    path = 1.0 / stopping_power_keV_per_um(material, grid)
    steps = 0.5 * (path[1:] + path[:-1]) * np.diff(grid)
    ranges = grid[0] * path[0] + np.concatenate([[0.0], np.cumsum(steps)])
    return np.asarray(np.interp(wanted, np.concatenate([[0.0], grid]), np.concatenate([[0.0], ranges])))


def electron_tables(
    materials: Sequence[Material],
    elements: Sequence[int],
    highest_keV: float,
    *,
    cache_folder: Path | None = None,
) -> ElectronTables:
    """Tables for electrons in some materials from 0.5 keV up to an energy.

    Parameters
    ----------
    materials : sequence of Material
        M materials, none of them vacuum.
    elements : sequence of int
        Atomic numbers of all their N elements, in the order that the tables are to have.
    highest_keV : float
        Highest kinetic energy to be followed. [keV]
    cache_folder : Path, optional
        Folder of the cache of elastic scattering; by default the user's.

    Returns
    -------
    tables : ElectronTables

    Raises
    ------
    ValueError
        If a material holds no atom.
    """
    import xraylib

    for one in materials:
        if not one.mass_fractions or one.density_g_per_cm3 == 0:
            raise ValueError(f"'{one.name}' holds no atom that an electron could meet")
    grid = np.arange(int(highest_keV / _ENERGY_STEP) + 3) * _ENERGY_STEP
    above = np.maximum(grid, _ENERGY_STEP)
    # the same energies for every highest one, so that elements are found in the cache
    nodes = LOWEST_KEV * 2.0 ** (
        np.arange(3 + int(_NODES_PER_OCTAVE * math.log2(highest_keV / LOWEST_KEV))) / _NODES_PER_OCTAVE
    )
    place = np.clip(np.log2(above / LOWEST_KEV) * _NODES_PER_OCTAVE, 0.0, nodes.size - 1.000001)
    elastic = [elastic_table(z, nodes, cache_folder=cache_folder) for z in elements]
    collisions = np.zeros((len(materials), grid.size))
    probability = np.zeros((len(materials), nodes.size, len(elements)))
    for index, one in enumerate(materials):
        for z, fraction in one.mass_fractions:
            element = list(elements).index(z)
            atoms_per_um3 = fraction * one.density_g_per_cm3 * AVOGADRO / xraylib.AtomicWeight(z) / _CUBIC_UM_PER_CM3
            section = elastic[element].collision_um2
            probability[index, :, element] = atoms_per_um3 * section
            collisions[index] += atoms_per_um3 * np.exp(np.interp(np.log(above), np.log(nodes), np.log(section)))
    cumulative = np.cumsum(probability, axis=2)
    return ElectronTables(
        steps_per_keV=1.0 / _ENERGY_STEP,
        stopping_keV_per_um=np.array([stopping_power_keV_per_um(one, above) for one in materials]),
        range_um=np.array([csda_range_um(one, grid) for one in materials]),
        collisions_per_um=collisions,
        node=place.astype(np.int64),
        node_fraction=place - np.floor(place),
        element_probability=np.ascontiguousarray(cumulative / cumulative[:, :, -1:]),
        bin_edge=angle_bin_edges(),
        threshold=np.array([table.threshold for table in elastic]),
        alias=np.array([table.alias for table in elastic]),
    )

"""Geometry of a stack of plane slabs and the photon tables of all its materials, as arrays for the Monte Carlo."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from radiography.beam.attenuation import Material, linear_attenuation_per_mm, mass_attenuation_cm2_per_g
from radiography.interaction.photon_tables import photon_tables

# columns of a birth: its history, place, slab, cosine of its direction to the axis of the stack, energy
HISTORY, X, Y, DEPTH, SLAB, COSINE, ENERGY, BIRTH_COLUMNS = 0, 1, 2, 3, 4, 5, 6, 7
# columns of a photon that leaves a stack: its history counted from 1, place, direction, energy
LEFT_HISTORY, LEFT_X, LEFT_Y, LEFT_U, LEFT_V, LEFT_W, LEFT_ENERGY, LEFT_COLUMNS = 0, 1, 2, 3, 4, 5, 6, 7
STAYS = 2.0  # in place of a cosine: energy that is left where it is

_UM_PER_MM = 1e3

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


class Slabs(NamedTuple):
    """Geometry of S slabs with P parts in all, the parts of one slab being equally thick.

    ``face_um`` (S + 1,): depth of the faces, the first 0. ``material`` (S,): row in the tables. ``first_part``
    (S + 1,): number of each slab's first part, and P.
    """

    face_um: FloatArray
    material: IntArray
    first_part: IntArray


class Births(NamedTuple):
    """What photons leave in B blocks of histories, for the electrons to go on with.

    ``rows`` (B, C, BIRTH_COLUMNS), in the order of the histories, of which ``listed`` (B,) are valid. ``escaped_keV``
    (B, 2): energy of photons that left through the entrance face, and through the last after an interaction [keV].
    ``leaving`` (B, L, LEFT_COLUMNS): these photons one by one, empty rows all zero; L is 0 where nobody asks for them.
    """

    rows: FloatArray
    listed: IntArray
    escaped_keV: FloatArray
    leaving: FloatArray


class Moments(NamedTuple):
    """Sums over the histories of each of B blocks, of what one history leaves in the P parts of a stack.

    ``depositing`` (B, P): how many left energy in a part [1]. ``total_keV`` (B, P), ``product_keV2`` (B, P, P) and
    ``fourth_keV4`` (B, P): of the energies, their products and their fourth powers. ``escaped_keV`` (B, 2): energy of
    electrons that left through the entrance face, and through the last [keV].
    """

    depositing: FloatArray
    total_keV: FloatArray
    product_keV2: FloatArray
    fourth_keV4: FloatArray
    escaped_keV: FloatArray


class StackTables(NamedTuple):
    """Photons in M materials of N elements; see `PhotonTables` for the arrays by element.

    ``log_energy`` (G,) [log keV]; ``log_attenuation`` (M, G) [log 1/um]; ``channel_probability`` (M, G, 3 N):
    cumulative over N photoelectric, N Compton and N Rayleigh channels [1]; ``outer_keV``
    (N,): binding energy of the shells outside L [keV].
    """

    log_energy: FloatArray
    log_attenuation: FloatArray
    channel_probability: FloatArray
    edge_keV: FloatArray
    outer_keV: FloatArray
    shell_probability: FloatArray
    fluorescence_yield: FloatArray
    coster_kronig: FloatArray
    line_start: IntArray
    line_keV: FloatArray
    line_probability: FloatArray
    line_shell: IntArray
    incoherent: FloatArray
    coherent_integral: FloatArray


def _outer_shell_keV(z: int) -> float:
    """Binding energy of M5, the shell outside L that photons ionise most, 0 where an element does not have it. [keV]"""
    import xraylib

    try:
        return float(xraylib.EdgeEnergy(z, xraylib.M5_SHELL))
    except ValueError:
        return 0.0


def stack_tables(materials: Sequence[Material], highest_keV: float) -> tuple[StackTables, tuple[int, ...]]:
    """Tables for photons in some materials from 1 keV up to an energy.

    Parameters
    ----------
    materials : sequence of Material
        M materials, none of them vacuum.
    highest_keV : float
        Highest photon energy to be followed. [keV]

    Returns
    -------
    tables : StackTables
    elements : tuple of int
        Atomic numbers of the N elements in the order of the tables.

    Raises
    ------
    ValueError
        If a material holds no atom.
    """
    for one in materials:
        if not one.mass_fractions or one.density_g_per_cm3 == 0:
            raise ValueError(f"'{one.name}' holds no atom that a photon could meet")
    elements = tuple(sorted({z for one in materials for z, _ in one.mass_fractions}))
    together = Material("all elements of a stack", tuple((z, 1.0 / len(elements)) for z in elements), 1.0, "computed")
    tables = photon_tables(together, highest_keV)
    energy = np.exp(tables.log_energy)
    attenuation, channels = [], []
    for one in materials:
        fraction_of = dict(one.mass_fractions)
        attenuation.append(np.log(linear_attenuation_per_mm(one, energy) / _UM_PER_MM))
        rows = []
        for process in ("photoelectric", "compton", "rayleigh"):
            for z in elements:
                alone = Material(f"Z={z}", ((z, 1.0),), 1.0, one.source)
                rows.append(fraction_of.get(z, 0.0) * mass_attenuation_cm2_per_g(alone, energy, process))
        cumulative = np.cumsum(np.array(rows).T, axis=1)
        channels.append(cumulative / cumulative[:, -1:])
    found = StackTables(
        log_energy=tables.log_energy,
        log_attenuation=np.array(attenuation),
        channel_probability=np.array(channels),
        edge_keV=tables.edge_keV,
        outer_keV=np.array([_outer_shell_keV(z) for z in elements]),
        shell_probability=tables.shell_probability,
        fluorescence_yield=tables.fluorescence_yield,
        coster_kronig=tables.coster_kronig,
        line_start=tables.line_start,
        line_keV=tables.line_keV,
        line_probability=tables.line_probability,
        line_shell=tables.line_shell,
        incoherent=tables.incoherent,
        coherent_integral=tables.coherent_integral,
    )
    return found, elements

"""Electrons in a stack of plane slabs: what a beam of them leaves in each slab, and what comes back.

The electrons that X-rays set free are followed by `stack` with the same kernels; this file sends electrons onto a
stack from outside, as the experiments do that the model is judged by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from radiography.beam.attenuation import Material
from radiography.interaction.electron_kernels import leave_energies
from radiography.interaction.electron_tables import electron_tables
from radiography.interaction.stack_tables import BIRTH_COLUMNS, COSINE, ENERGY, Slabs

MAX_ELECTRON_KEV = 500.0  # bremsstrahlung is left out: 2 % of the stopping in lead at 150 keV, 7 % here

_ELECTRONS_PER_BLOCK = 256  # with one seed
_BLOCKS = 64  # at a time

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Slab:
    """A plane slab: its material, its thickness [um], and in how many equal parts its energy is counted. [1]"""

    material: Material
    thickness_um: float
    parts: int = 1

    def __post_init__(self) -> None:
        if not (np.isfinite(self.thickness_um) and self.thickness_um > 0):
            raise ValueError(
                f"thickness_um of a slab of '{self.material.name}' must be a positive length, got {self.thickness_um}"
            )
        if self.parts < 1:
            raise ValueError(f"a slab of '{self.material.name}' needs at least 1 part, got {self.parts}")


@dataclass(frozen=True, eq=False)
class ElectronResponse:
    """What electrons that fall on a stack leave, per electron.

    Attributes
    ----------
    energy_keV, incidence_deg : float
        Kinetic energy [keV] and angle of incidence to the normal [deg].
    left_keV : (P,) float64
        Mean energy left in each part of the stack. [keV]
    front_keV, back_keV : float
        Mean energy carried away through the entrance face, and through the last. [keV]
    front_fraction, back_fraction : float
        Fraction of the electrons that leave through either; the first is the backscatter coefficient. [1]
    electrons : int
        Electrons that were followed. [1]
    """

    energy_keV: float
    incidence_deg: float
    left_keV: FloatArray
    front_keV: float
    back_keV: float
    front_fraction: float
    back_fraction: float
    electrons: int


def slab_geometry(slabs: Sequence[Slab]) -> tuple[Slabs, tuple[Material, ...]]:
    """Faces, parts and materials of a stack, the first slab at the entrance.

    Parameters
    ----------
    slabs : sequence of Slab
        At least one.

    Returns
    -------
    geometry : Slabs
    materials : tuple of Material
        Each once, in the order of ``geometry.material``.

    Raises
    ------
    ValueError
        If there is no slab.
    """
    if not slabs:
        raise ValueError("a stack needs at least 1 slab, got none")
    materials: list[Material] = []
    for slab in slabs:
        if slab.material not in materials:
            materials.append(slab.material)
    geometry = Slabs(
        face_um=np.concatenate([[0.0], np.cumsum([slab.thickness_um for slab in slabs])]),
        material=np.array([materials.index(slab.material) for slab in slabs], dtype=np.int64),
        first_part=np.concatenate([[0], np.cumsum([slab.parts for slab in slabs])]).astype(np.int64),
    )
    return geometry, tuple(materials)


def electron_response(
    slabs: Sequence[Slab],
    energy_keV: float,
    electrons: int,
    rng: np.random.Generator,
    *,
    incidence_deg: float = 0.0,
    cache_folder: Path | None = None,
) -> ElectronResponse:
    """Energy that electrons of one energy leave in a stack in vacuum, and the fraction that comes back.

    Parameters
    ----------
    slabs : sequence of Slab
        The first at the entrance.
    energy_keV : float
        Kinetic energy, 1 to 500. [keV]
    electrons : int
        Electrons to be followed. [1]
    rng : numpy.random.Generator
        Same state, same result, for any number of threads.
    incidence_deg : float
        Angle between the beam and the normal, 0 to 85. [deg]
    cache_folder : Path, optional
        Folder of the cache of elastic scattering; by default the user's.

    Returns
    -------
    response : ElectronResponse

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    Every elastic collision is followed, with the cross sections of `electron_scattering`; between them an electron
    slows down continuously. Left out: straggling of the energy loss, secondary electrons (their energy stays on the
    spot), deflection by atomic electrons, bremsstrahlung. Electrons end at 0.5 keV.
    """
    if not 1.0 <= energy_keV <= MAX_ELECTRON_KEV:
        raise ValueError(f"energy_keV of electrons must be between 1 and {MAX_ELECTRON_KEV:g} keV, got {energy_keV}")
    if electrons < 1:
        raise ValueError(f"electron_response needs at least 1 electron, got {electrons}")
    if not 0.0 <= incidence_deg <= 85.0:
        raise ValueError(f"incidence_deg must be between 0 and 85, got {incidence_deg}")
    geometry, materials = slab_geometry(slabs)
    elements = sorted({z for one in materials for z, _ in one.mass_fractions})
    tables = electron_tables(materials, elements, energy_keV, cache_folder=cache_folder)
    parts = int(geometry.first_part[-1])
    births = np.zeros((_BLOCKS, _ELECTRONS_PER_BLOCK, BIRTH_COLUMNS))
    births[:, :, COSINE], births[:, :, ENERGY] = np.cos(np.deg2rad(incidence_deg)), energy_keV
    left, outside = np.zeros((_BLOCKS, _ELECTRONS_PER_BLOCK, parts)), np.zeros((_BLOCKS, _ELECTRONS_PER_BLOCK, 2))
    left_keV, escaped_keV, escaped = np.zeros(parts), np.zeros(2), np.zeros(2)
    remaining = electrons
    while remaining > 0:
        count = np.clip(remaining - _ELECTRONS_PER_BLOCK * np.arange(_BLOCKS), 0, _ELECTRONS_PER_BLOCK)
        seeds = rng.integers(0, 2**64, size=_BLOCKS, dtype=np.uint64)
        leave_energies(tables, geometry, births, count, seeds, left, outside)
        valid = np.arange(_ELECTRONS_PER_BLOCK) < count[:, None]
        left_keV += left[valid].sum(axis=0)
        escaped_keV += outside[valid].sum(axis=0)
        escaped += (outside[valid] > 0).sum(axis=0)
        remaining -= int(count.sum())
    return ElectronResponse(
        energy_keV=energy_keV,
        incidence_deg=incidence_deg,
        left_keV=left_keV / electrons,
        front_keV=float(escaped_keV[0]) / electrons,
        back_keV=float(escaped_keV[1]) / electrons,
        front_fraction=float(escaped[0]) / electrons,
        back_fraction=float(escaped[1]) / electrons,
        electrons=electrons,
    )

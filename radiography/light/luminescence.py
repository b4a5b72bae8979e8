"""Luminescence of emitters: thermal quenching, quantum yield, absorption cross section, light absorbed again.

References
----------
.. [1] Chen et al., Nature 561, 88 (2018), Methods.
.. [2] Quenching over one barrier: Mott, Proc. R. Soc. A 167, 384 (1938), doi:10.1098/rspa.1938.0141.
.. [3] Light absorbed again within the sample: Ahn et al., Rev. Sci. Instrum. 78, 086105 (2007),
   doi:10.1063/1.2768926.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from radiography.light.optics import TurbidLayer
from radiography.light.transport import cached_light_transport

BOLTZMANN_MEV_PER_K = 0.08617333  # CODATA 2018
AVOGADRO_PER_MOL = 6.02214076e23

FloatArray = npt.NDArray[np.float64]


def quenched(
    temperature_K: npt.ArrayLike, barrier_meV: float, prefactor: float, with_temperature: bool = False
) -> FloatArray:
    """Light at a temperature over that without quenching.

    Parameters
    ----------
    temperature_K : array_like
        [K]
    barrier_meV : float
        Ea. [meV]
    prefactor : float
        C. [1], or [1/K] with temperature
    with_temperature : bool
        1 / (1 + C T exp(-Ea / kT)), as printed [1]_; else 1 / (1 + C exp(-Ea / kT)) [2]_.

    Returns
    -------
    light : float64
        [1]
    """
    temperature = np.asarray(temperature_K, dtype=np.float64)
    lost = prefactor * np.exp(-barrier_meV / (BOLTZMANN_MEV_PER_K * temperature))
    return np.asarray(1.0 / (1.0 + (lost * temperature if with_temperature else lost)))


def fit_quenching(
    temperature_K: npt.ArrayLike, light: npt.ArrayLike, with_temperature: bool = False
) -> tuple[float, float]:
    """Barrier and prefactor that give relative light closest, by least squares of log(1 / light - 1).

    Parameters
    ----------
    temperature_K, light : (N,) float64
        Light between 0 and 1, not 0 or 1. [K], [1]
    with_temperature : bool
        Form, as for `quenched`.

    Returns
    -------
    barrier_meV, prefactor : float
        [meV], [1] or [1/K]

    Raises
    ------
    ValueError
        If there are fewer than two values, or one is not between 0 and 1.
    """
    temperature, relative = (np.asarray(given, dtype=np.float64) for given in (temperature_K, light))
    if temperature.size < 2 or not np.all((relative > 0) & (relative < 1)):
        raise ValueError(f"a fit of quenching needs two values between 0 and 1 at least, got {relative.size}")
    lost = np.log(1.0 / relative - 1.0) - (np.log(temperature) if with_temperature else 0.0)
    slope, level = np.polyfit(1.0 / temperature, lost, 1)
    return float(-slope * BOLTZMANN_MEV_PER_K), float(np.exp(level))


def own_quantum_yield(observed: float, reabsorbed: float) -> float:
    """Quantum yield without the loss of light that the sample absorbs again [3]_.

    Parameters
    ----------
    observed : float
        Quantum yield as measured. [1]
    reabsorbed : float
        Part of the emitted light that is absorbed within the sample. [1]

    Returns
    -------
    quantum_yield : float
        observed / (1 - a + a observed), the sum of all rounds of emission solved for one. [1]
    """
    return observed / (1.0 - reabsorbed + reabsorbed * observed)


def molar_absorption(cross_section_cm2: npt.ArrayLike) -> FloatArray:
    """Decadic molar absorption coefficient of particles with a cross section: N_A sigma / (1000 ln 10). [1/(M cm)]"""
    return np.asarray(np.asarray(cross_section_cm2, dtype=np.float64) * AVOGADRO_PER_MOL / (1000.0 * np.log(10.0)))


def reabsorbed_part(
    layer: TurbidLayer, thickness_um: float, *, photons: int = 400_000, cache_folder: Path | None = None
) -> float:
    """Chance of an emitted photon to be absorbed by the emitters of a film, and perhaps emitted again.

    Parameters
    ----------
    layer : TurbidLayer
        With self-absorption, and no other loss.
    thickness_um : float
        [um]
    photons : int
        Of the Monte Carlo. [1]
    cache_folder : Path, optional
        Of computed results; by default the user's.

    Returns
    -------
    chance : float
        [1]

    Raises
    ------
    ValueError
        If the layer does not absorb its own light, or a number is out of range.

    Notes
    -----
    A photon is emitted 1 + q p + (q p)^2 + ... times, and what the film keeps for good of it is (1 - q) p of each time:
    from that part A follows p = A / (1 - q + q A).
    """
    if layer.self_absorption is None:
        raise ValueError("the layer does not absorb its own light: its optics have no self-absorption")
    traced = cached_light_transport(layer, thickness_um, photons, cache_folder=cache_folder)
    kept = float(traced.absorbed.sum() / traced.started.sum())
    quantum_yield = layer.self_absorption.quantum_yield
    return kept / (1.0 - quantum_yield + quantum_yield * kept)

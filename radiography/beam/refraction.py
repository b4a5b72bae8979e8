"""Refraction of X-rays: how far the refractive index of a material lies below 1."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from radiography.beam.attenuation import Material

CLASSICAL_RADIUS_MM = 2.8179403205e-12  # of the electron, CODATA 2022
AVOGADRO_PER_MOL = 6.02214076e23  # CODATA 2018, exact
KEV_MM = 1.239841984e-6  # photon energy times wavelength, CODATA 2018
_MM3_PER_CM3 = 1e3


def wavelength_mm(energy_keV: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Wavelength of X-rays (E,) from their energy (E,). [mm, keV]"""
    return np.asarray(KEV_MM / np.asarray(energy_keV, dtype=np.float64))


def refractive_decrement(material: Material, energy_keV: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Real part by which the refractive index of a material lies below 1.

    Parameters
    ----------
    material : Material
        Composition and density.
    energy_keV : (E,) float64
        Photon energies. [keV]

    Returns
    -------
    decrement : (E,) float64
        delta of n = 1 - delta + i beta; 0 for vacuum. [1]

    Notes
    -----
    delta = r_e lambda^2 N_A rho / (2 pi) sum over elements of w (Z + f') / A, with f' of xraylib.
    """
    import xraylib

    energies = np.asarray(energy_keV, dtype=np.float64)
    per_gram = np.zeros(energies.size)  # scattering electrons, mol/g
    for z, fraction in material.mass_fractions:
        scattering = np.array([z + xraylib.Fi(z, energy) for energy in energies.ravel().tolist()])
        per_gram += fraction * scattering / xraylib.AtomicWeight(z)
    per_mm3 = AVOGADRO_PER_MOL * material.density_g_per_cm3 / _MM3_PER_CM3 * per_gram.reshape(energies.shape)
    return np.asarray(CLASSICAL_RADIUS_MM * wavelength_mm(energies) ** 2 * per_mm3 / (2.0 * np.pi))

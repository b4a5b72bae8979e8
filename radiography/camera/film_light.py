"""Light that a free film sends into the plate behind it, by X-ray energy: how much, how it varies, how it spreads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from radiography.beam.attenuation import Material, linear_attenuation_per_mm, material
from radiography.light.free_film import trace_free_film
from radiography.light.scintillator import Scintillator

# Where transfers are computed; beyond, a spread falls as 1 / f, which light from just above the far face makes.
FREQUENCY_PER_MM = (0, 0.25, 0.5, 1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FilmLight:
    """Light of a free film on a plate by X-ray energy.

    Attributes
    ----------
    energy_keV : (E,) float64
        [keV]
    quanta, absorbed_keV : (E,) float64
        Fraction of the incident photons that leave energy in the film [1], and mean energy that one leaves. [keV]
    made : (E,) float64
        Mean number of light photons made for one incident photon. [1]
    light, light_square : (E,) float64
        Of those the ones that enter the plate, mean and mean square over X-ray photons. [1]
    frequency_per_mm, transfer : (F,), (E, F) float64
        Frequencies [1/mm], and modulation transfer of X-rays and light together. [1]
    wavelength_nm, emission : (L,), (E, L) float64
        Wavelengths [nm], and share of each in the light that enters the plate. [1]
    """

    energy_keV: FloatArray
    quanta: FloatArray
    absorbed_keV: FloatArray
    made: FloatArray
    light: FloatArray
    light_square: FloatArray
    frequency_per_mm: FloatArray
    transfer: FloatArray
    wavelength_nm: FloatArray
    emission: FloatArray


def film_light(
    film: Scintillator,
    thickness_um: float,
    energy_keV: npt.ArrayLike,
    *,
    plate_index: float,
    histories: int = 20_000,
    photons: int = 200_000,
    cache_folder: Path | None = None,
) -> FilmLight:
    """Light of a film for X-rays of given energies, out of the face that lies on a plate.

    Parameters
    ----------
    film : Scintillator
        A film that scatters; its cover and sensor are left out: air on one side, the plate on the other.
    thickness_um : float
        [um]
    energy_keV : (E,) float64
        Rising, 1 or more. [keV]
    plate_index : float
        [1]
    histories, photons : int
        X-rays per energy, and light photons, of the Monte Carlo. [1]
    cache_folder : Path, optional
        Of computed results; by default the user's.

    Returns
    -------
    light : FilmLight

    Raises
    ------
    ValueError
        If the film does not scatter, or a number is out of range.

    Notes
    -----
    Signal goes as sum over depth of w g T, with energy fraction w, collection g and transfer T. A quantum is taken to
    leave its energy at one depth; light yields do not vary from quantum to quantum.
    """
    response, faces = trace_free_film(
        film,
        thickness_um,
        energy_keV,
        far_index=plate_index,
        histories=histories,
        photons=photons,
        frequency_per_mm=FREQUENCY_PER_MM,
        cache_folder=cache_folder,
    )
    born = film.light.yield_per_keV
    absorbed = response.interaction_fraction * response.mean_energy_keV
    square = response.interaction_fraction * response.mean_square_energy_keV2
    leaving = response.depth_fraction * faces.far
    total = np.maximum(leaving.sum(axis=1), 1e-300)
    return FilmLight(
        energy_keV=response.energy_keV,
        quanta=response.interaction_fraction,
        absorbed_keV=absorbed,
        made=born * absorbed,
        light=born * absorbed * leaving.sum(axis=1),
        light_square=born**2 * square * (response.depth_fraction @ faces.far**2),
        frequency_per_mm=faces.frequency_per_mm,
        transfer=response.signal_transfer * (leaving @ faces.transfer) / total[:, None],
        wavelength_nm=faces.wavelength_nm,
        emission=(leaving @ faces.spectrum) / total[:, None],
    )


def light_behind(
    light: FilmLight, fluence: npt.ArrayLike, shadow: Material, thickness_mm: float, filter_mm: float = 0.0
) -> float:
    """Share of a film's light that is left behind a material.

    Parameters
    ----------
    light : FilmLight
    fluence : (E,) float64
        Photons of each energy, on any scale. [1]
    shadow : Material
        Between tube and film.
    thickness_mm : float
        [mm]
    filter_mm : float
        Of aluminium before it, beyond the filters of the beam. [mm]

    Returns
    -------
    share : float
        [1]
    """
    hardened = np.exp(-filter_mm * linear_attenuation_per_mm(material("Al"), light.energy_keV))
    kept = np.exp(-thickness_mm * linear_attenuation_per_mm(shadow, light.energy_keV))
    return float(np.average(kept, weights=np.asarray(fluence) * light.light * hardened))


def transfer_of_beam(light: FilmLight, fluence: npt.ArrayLike) -> FloatArray:
    """Modulation transfer of a film's light for a beam, (F,), at the frequencies of the light. [1]

    Parameters
    ----------
    light : FilmLight
    fluence : (E,) float64
        Photons of each energy, on any scale. [1]

    Returns
    -------
    transfer : (F,) float64
        [1]
    """
    return np.asarray(np.average(light.transfer, axis=0, weights=np.asarray(fluence) * light.light))


def transfer_between(frequency_per_mm: FloatArray, known_per_mm: FloatArray, transfer: FloatArray) -> FloatArray:
    """A transfer between its frequencies by a monotonic cubic; beyond the last it falls as 1 / f.

    Parameters
    ----------
    frequency_per_mm : (N,) float64
        Where it is wanted. [1/mm]
    known_per_mm, transfer : (F,) float64
        Frequencies from 0 [1/mm], and the transfer there. [1]

    Returns
    -------
    transfer : (N,) float64
        [1]
    """
    from scipy.interpolate import PchipInterpolator

    last = known_per_mm[-1]
    wanted = np.abs(np.asarray(frequency_per_mm, dtype=np.float64))
    within = PchipInterpolator(known_per_mm, transfer)(np.minimum(wanted, last))
    return np.asarray(within * last / np.maximum(wanted, last))

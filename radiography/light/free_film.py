"""Light out of either face of a film that lies free, on a plate or on the window of a photomultiplier.

First for light that starts at each depth, then for X-rays of single energies that make it there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from radiography.interaction.absorption import LayerResponse, cached_layer_response
from radiography.light.optics import Face, TurbidLayer
from radiography.light.scintillator import Scintillator, layer_material
from radiography.light.transport import cached_light_transport

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FaceLight:
    """Where light that starts at each depth leaves a film.

    Attributes
    ----------
    near, far : (K,) float64
        Fraction that leaves through the face where the X-rays enter, and through the other, by depth from the first.
        [1]
    error : (K,) float64
        Largest standard error of the two. [1]
    wavelength_nm, spectrum : (L,), (K, L) float64
        Wavelengths [nm], and fraction of each in the light of the far face. [1]
    frequency_per_mm, transfer : (F,), (K, F) float64
        Frequencies [1/mm], and modulation transfer of the light of the far face. [1]
    """

    near: FloatArray
    far: FloatArray
    error: FloatArray
    wavelength_nm: FloatArray
    spectrum: FloatArray
    frequency_per_mm: FloatArray
    transfer: FloatArray


def light_by_face(
    layer: TurbidLayer,
    thickness_um: float,
    *,
    near_index: float = 1.0,
    far_index: float = 1.0,
    photons: int = 200_000,
    frequency_per_mm: npt.ArrayLike = (0.0,),
    cache_folder: Path | None = None,
) -> FaceLight:
    """Light out of the two faces of a film without reflector and diodes.

    Parameters
    ----------
    layer : TurbidLayer
        Its cover and sensor are left out.
    thickness_um : float
        [um]
    near_index, far_index : float
        Refractive index of what lies at either face: 1 for air. [1]
    photons : int
        Of the Monte Carlo. [1]
    frequency_per_mm : (F,) float64
        For the transfer. [1/mm]
    cache_folder : Path, optional
        As for `cached_light_transport`.

    Returns
    -------
    light : FaceLight

    Raises
    ------
    ValueError
        As `cached_light_transport`.

    Notes
    -----
    What crosses a face does not come back: no plate behind it reflects.
    """
    near, far = (Face(0.0, 0.0, refractive_index=index) for index in (near_index, far_index))
    free = replace(layer, cover=near, sensor=far)
    found = cached_light_transport(
        free, thickness_um, photons, frequency_per_mm=frequency_per_mm, cache_folder=cache_folder
    )
    up = found.lost_at_cover / found.started
    error = np.sqrt(np.maximum(up * (1 - up), found.collected * (1 - found.collected)) / found.started)
    return FaceLight(
        near=up,
        far=found.collected,
        error=error,
        wavelength_nm=found.wavelength_nm,
        spectrum=found.spectrum,
        frequency_per_mm=found.frequency_per_mm,
        transfer=found.transfer,
    )


@dataclass(frozen=True, eq=False)
class EnergyScan:
    """Light of a free film for each X-ray of one energy.

    Attributes
    ----------
    energy_keV, absorbed, light_near, light_far : (E,) float64
        Energy [keV], part of it that the film keeps [1], photons out of the face that the X-rays enter, and out of
        the other [1].
    error : (E,) float64
        Relative standard error of the absorbed energy. [1]
    """

    energy_keV: FloatArray
    absorbed: FloatArray
    light_near: FloatArray
    light_far: FloatArray
    error: FloatArray


def trace_free_film(
    film: Scintillator,
    thickness_um: float,
    energy_keV: npt.ArrayLike,
    *,
    far_index: float = 1.0,
    histories: int = 20_000,
    photons: int = 200_000,
    frequency_per_mm: npt.ArrayLike | None = None,
    cache_folder: Path | None = None,
) -> tuple[LayerResponse, FaceLight]:
    """Energy that X-rays leave at each depth of a free film, and where light from each depth leaves it.

    Parameters
    ----------
    film : Scintillator
        A film that scatters; its thickness, cover and sensor are left out.
    thickness_um : float
        [um]
    energy_keV : (E,) float64
        Rising, 1 or more. [keV]
    far_index : float
        Refractive index of what lies at the face where no X-rays enter: 1 for air. [1]
    histories, photons : int
        X-rays per energy, and light photons, of the Monte Carlo. [1]
    frequency_per_mm : (F,) float64, optional
        For the transfers of both. [1/mm]
    cache_folder : Path, optional
        Of computed results; by default the user's.

    Returns
    -------
    response : LayerResponse
    faces : FaceLight
        At the same depths: light of an X-ray out of the far face is its energy times the yield times
        ``response.depth_fraction @ faces.far``.

    Raises
    ------
    ValueError
        If the film does not scatter, or a number is out of range.
    """
    if not isinstance(film.transport, TurbidLayer):
        raise ValueError(f"a free film needs the optics of a turbid layer, but '{film.name}' has none")
    response = cached_layer_response(
        layer_material(film),
        1e-3 * thickness_um,
        energy_keV,
        histories,
        frequency_per_mm=() if frequency_per_mm is None else frequency_per_mm,
        cache_folder=cache_folder,
    )
    faces = light_by_face(
        film.transport,
        thickness_um,
        far_index=far_index,
        photons=photons,
        frequency_per_mm=(0.0,) if frequency_per_mm is None else frequency_per_mm,
        cache_folder=cache_folder,
    )
    return response, faces


def scan_energies(
    film: Scintillator,
    thickness_um: float,
    energy_keV: npt.ArrayLike,
    *,
    histories: int = 20_000,
    photons: int = 200_000,
    cache_folder: Path | None = None,
) -> EnergyScan:
    """Light over the X-ray energy of a film in air, as a scan at a synchrotron finds it.

    Parameters
    ----------
    film, thickness_um, energy_keV, histories, photons, cache_folder
        As for `trace_free_film`.

    Returns
    -------
    scan : EnergyScan

    Raises
    ------
    ValueError
        As `trace_free_film`.
    """
    response, faces = trace_free_film(
        film, thickness_um, energy_keV, histories=histories, photons=photons, cache_folder=cache_folder
    )
    kept_keV = response.interaction_fraction * response.mean_energy_keV
    emitted = film.light.yield_per_keV * kept_keV
    return EnergyScan(
        response.energy_keV,
        kept_keV / response.energy_keV,
        emitted * (response.depth_fraction @ faces.near),
        emitted * (response.depth_fraction @ faces.far),
        response.mean_energy_error_keV / response.mean_energy_keV
        + response.interaction_error / response.interaction_fraction,
    )


def escape_cone(refractive_index: float) -> float:
    """Part of even light in a clear slab that leaves by one face into air: one escape cone of two. [1]"""
    return 0.5 * (1.0 - float(np.sqrt(1.0 - refractive_index**-2.0)))

"""Light out of either face of a film that lies free, on a plate or on the window of a photomultiplier."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from radiography.light.optics import Face, TurbidLayer
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

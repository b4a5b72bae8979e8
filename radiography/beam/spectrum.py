"""Spectrum of the X-ray tube at the panel: how many photons of which energy for a given air kerma.

The bare tube comes from SpekPy; window, filters and air are taken off with our own attenuation coefficients, so that
beam, object and detector share one set of tables. Air kerma uses the mass energy-absorption coefficients of NIST.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from radiography.beam.attenuation import linear_attenuation_per_mm, material
from radiography.beam.tube import Beam
from radiography.cache import Arrays, cached_arrays

if TYPE_CHECKING:
    from scipy.interpolate import CubicSpline

# NIST SRD 126 (Hubbell and Seltzer, NISTIR 5632, 1996), table 4: air, dry, near sea level. US government work.
# Energy [keV] and mass energy-absorption coefficient [cm2/g], below and above the K edge of argon.
_AIR_BELOW_EDGE = np.array(
    [[1.0, 3.599e3], [1.5, 1.188e3], [2.0, 5.262e2], [3.0, 1.614e2], [3.2029, 1.330e2]],
)
_AIR_ABOVE_EDGE = np.array(
    [
        [3.2029, 1.460e2],
        [4.0, 7.636e1],
        [5.0, 3.931e1],
        [6.0, 2.270e1],
        [8.0, 9.446],
        [10.0, 4.742],
        [15.0, 1.334],
        [20.0, 5.389e-1],
        [30.0, 1.537e-1],
        [40.0, 6.833e-2],
        [50.0, 4.098e-2],
        [60.0, 3.041e-2],
        [80.0, 2.407e-2],
        [100.0, 2.325e-2],
        [150.0, 2.496e-2],
        [200.0, 2.672e-2],
        [300.0, 2.872e-2],
        [400.0, 2.949e-2],
        [500.0, 2.966e-2],
    ],
)
JOULE_PER_KEV = 1.602176634e-16  # exact by the SI of 2019
_UGY_PER_KEV_CM2_PER_MM2_G = JOULE_PER_KEV * 1e3 * 1e6 * 1e2  # per g to per kg, Gy to uGy, per mm2 to per cm2
_TUBE_DISTANCE_CM = 100.0  # where SpekPy puts the bare spectrum; cancels when the kerma is set
_NEGLIGIBLE = 1e-9  # bins at the soft end below this fraction of the largest bin are left out


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Photons per energy bin at the centre of the panel, object absent.

    Attributes
    ----------
    energy_keV : (E,) float64
        Bin centres, rising. [keV]
    fluence_per_mm2 : (E,) float64
        Photons of the bin; all zero in the dark. [1/mm2]
    """

    energy_keV: npt.NDArray[np.float64]
    fluence_per_mm2: npt.NDArray[np.float64]

    def __post_init__(self) -> None:
        energy, fluence = self.energy_keV, self.fluence_per_mm2
        if energy.ndim != 1 or energy.size < 1 or energy.shape != fluence.shape:
            raise ValueError(f"a spectrum needs one fluence per energy, got shapes {energy.shape} and {fluence.shape}")
        if not (np.isfinite(energy).all() and (energy > 0).all() and (np.diff(energy) > 0).all()):
            raise ValueError("energies of a spectrum must be positive and rise from bin to bin")
        wrong = np.flatnonzero(~(np.isfinite(fluence) & (fluence >= 0)))
        if wrong.size:
            raise ValueError(
                f"fluence of a spectrum must be zero or positive, got {fluence[wrong[0]]} at {energy[wrong[0]]:g} keV"
            )


@functools.cache
def _air_splines() -> tuple[CubicSpline, CubicSpline]:
    from scipy.interpolate import CubicSpline

    below, above = np.log(_AIR_BELOW_EDGE), np.log(_AIR_ABOVE_EDGE)
    return CubicSpline(below[:, 0], below[:, 1]), CubicSpline(above[:, 0], above[:, 1])


def air_energy_absorption_cm2_per_g(energy_keV: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Mass energy-absorption coefficient of dry air, (E,) float64 [cm2/g], at photon energies (E,) [keV].

    NIST table 4 of [1]_, between its nodes a cubic in the logarithms, in two pieces that meet at the K edge of argon.
    A straight line between the nodes, as often used, is 3 % too high at 70 keV.

    Raises
    ------
    ValueError
        If an energy lies outside the table, 1 to 500 keV.

    References
    ----------
    .. [1] Hubbell and Seltzer, "Tables of X-Ray Mass Attenuation Coefficients and Mass Energy-Absorption
       Coefficients", NISTIR 5632, NIST Standard Reference Database 126 (1996).
    """
    energy = np.asarray(energy_keV, dtype=np.float64)
    lowest, edge, highest = _AIR_BELOW_EDGE[0, 0], _AIR_ABOVE_EDGE[0, 0], _AIR_ABOVE_EDGE[-1, 0]
    outside = energy[~((energy >= lowest) & (energy <= highest))]
    if outside.size:
        raise ValueError(f"energy_keV must lie between {lowest} and {highest} keV for air kerma, got {outside[0]}")
    below, above = _air_splines()
    log_energy = np.log(energy)
    return np.asarray(np.exp(np.where(energy < edge, below(log_energy), above(log_energy))), dtype=np.float64)


def air_kerma_uGy(spectrum: Spectrum) -> float:
    """Air kerma of a spectrum. [uGy]

    Sum over the bins of fluence, energy and mass energy-absorption coefficient of air (collision kerma; the radiative
    part is below 0.1 % up to 500 keV).
    """
    transfer = spectrum.energy_keV * air_energy_absorption_cm2_per_g(spectrum.energy_keV)
    return float(_UGY_PER_KEV_CM2_PER_MM2_G * np.sum(spectrum.fluence_per_mm2 * transfer))


def fluence_per_mm2_uGy(spectrum: Spectrum) -> float:
    """Photons per area and air kerma, the q of IEC 62220-1. [1/(mm2 uGy)]

    Raises
    ------
    ValueError
        If the spectrum holds no photon.
    """
    return float(np.sum(spectrum.fluence_per_mm2)) / _lit_kerma_uGy(spectrum, "photons per uGy")


def mean_energy_keV(spectrum: Spectrum) -> float:
    """Mean photon energy of a spectrum, by number. [keV]

    Raises
    ------
    ValueError
        If the spectrum holds no photon.
    """
    _lit_kerma_uGy(spectrum, "mean energy")
    return float(np.average(spectrum.energy_keV, weights=spectrum.fluence_per_mm2))


def quanta_per_pixel(spectrum: Spectrum, pitch_mm: float) -> float:
    """Photons that fall on one square pixel of the panel's centre. [1]

    Parameters
    ----------
    spectrum : Spectrum
        At the panel.
    pitch_mm : float
        Pixel pitch. [mm]

    Returns
    -------
    quanta : float
        [1]

    Raises
    ------
    ValueError
        If the pitch is not a positive length.
    """
    if not (np.isfinite(pitch_mm) and pitch_mm > 0):
        raise ValueError(f"pitch_mm must be a positive length, got {pitch_mm}")
    return float(np.sum(spectrum.fluence_per_mm2)) * pitch_mm**2


def filtered(spectrum: Spectrum, material_name: str, thickness_mm: float) -> Spectrum:
    """Spectrum behind a plane filter in narrow-beam geometry; zero thickness returns the same numbers.

    Parameters
    ----------
    spectrum : Spectrum
        At the panel.
    material_name : str
        Name of a built-in material.
    thickness_mm : float
        Zero or more. [mm]

    Returns
    -------
    filtered : Spectrum

    Raises
    ------
    ValueError
        If the thickness is negative or the material is not known.
    """
    if not (np.isfinite(thickness_mm) and thickness_mm >= 0):
        raise ValueError(f"thickness of the {material_name} filter must be zero or positive mm, got {thickness_mm}")
    mu = linear_attenuation_per_mm(material(material_name), spectrum.energy_keV)
    return Spectrum(spectrum.energy_keV, spectrum.fluence_per_mm2 * np.exp(-mu * thickness_mm))


def half_value_layer_mm_al(spectrum: Spectrum) -> float:
    """Thickness of pure aluminium (2.699 g/cm3) that halves the air kerma, narrow beam. [mm]

    Raises
    ------
    ValueError
        If the spectrum holds no photon.
    """
    from scipy.optimize import brentq

    half = 0.5 * _lit_kerma_uGy(spectrum, "half-value layer")
    thickest = np.log(2.0) / float(linear_attenuation_per_mm(material("Al"), spectrum.energy_keV).min())
    return float(brentq(lambda mm: air_kerma_uGy(filtered(spectrum, "Al", mm)) - half, 0.0, thickest, xtol=1e-9))


def _lit_kerma_uGy(spectrum: Spectrum, quantity: str) -> float:
    kerma = air_kerma_uGy(spectrum)
    if kerma == 0.0:
        raise ValueError(f"{quantity} of a spectrum needs photons, but this spectrum is dark")
    return kerma


def bare_tube(beam: Beam, bin_keV: float, off_axis_deg: float = 0.0) -> Arrays:
    """SpekPy's spectrum of the target alone: self-filtration of the target, no window, no filter, no air.

    Parameters
    ----------
    beam : Beam
        Voltage, target and its angle.
    bin_keV : float
        Width of the energy bins. [keV]
    off_axis_deg : float
        Angle from the central ray towards the cathode. [deg]

    Returns
    -------
    arrays : mapping
        ``energy_keV`` and ``fluence`` (E,), photons per bin and cm2 across the ray, in the plane 100 cm away.
    """
    import spekpy  # takes seconds

    target = {} if beam.target_thickness_um is None else {"trans": True, "thick": beam.target_thickness_um}
    angle = {} if beam.target_thickness_um is not None else {"th": beam.anode_angle_deg}
    place = {} if off_axis_deg == 0.0 else {"x": _TUBE_DISTANCE_CM * float(np.tan(np.deg2rad(off_axis_deg)))}
    tube = spekpy.Spek(kvp=beam.kvp, dk=bin_keV, z=_TUBE_DISTANCE_CM, targ=beam.anode, **target, **angle, **place)
    energy_keV, fluence = tube.get_spectrum(edges=False, flu=True, diff=False)
    return {"energy_keV": np.asarray(energy_keV, np.float64), "fluence": np.asarray(fluence, np.float64)}


def beam_spectrum(beam: Beam, air_kerma_uGy: float, bin_keV: float = 0.5, cache_folder: Path | None = None) -> Spectrum:
    """Photons per energy bin at the centre of the panel for a given air kerma there, object absent.

    Parameters
    ----------
    beam : Beam
        Tube, filters and air path.
    air_kerma_uGy : float
        Air kerma at the detector surface; 0 gives a dark spectrum. [uGy]
    bin_keV : float
        Width of the energy bins, 0.05 to 2; the last bin ends at the tube voltage. [keV]
    cache_folder : Path, optional
        Where computed tube spectra are kept; by default the user's cache folder.

    Returns
    -------
    spectrum : Spectrum
        Bin centres [keV] and photons [1/mm2]. Empty bins at the soft end are left out.

    Raises
    ------
    ValueError
        If kerma or bin width is out of range, or a filter material is not known.

    Notes
    -----
    Reflection targets use the model "casim" of [1]_, end-window targets its model "kqp". Filters are taken off with
    xraylib coefficients, not with SpekPy's. Off-focal radiation is left out; for other directions see `heel`.

    References
    ----------
    .. [1] Poludniowski, Omar, Bujila, Andreo, "Technical Note: SpekPy v2.0, a software toolkit for modeling x-ray
       tube spectra", Med. Phys. 48, 3630 (2021). doi:10.1002/mp.14945
    """
    if not (np.isfinite(air_kerma_uGy) and air_kerma_uGy >= 0):
        raise ValueError(f"air_kerma_uGy must be zero or positive, got {air_kerma_uGy}")
    if not 0.05 <= bin_keV <= 2.0:
        raise ValueError(f"bin_keV must be between 0.05 and 2 keV, got {bin_keV}")
    key = {
        "what": "bare tube spectrum, fluence per bin and cm2 at 100 cm",
        "spekpy": version("spekpy"),
        "anode": beam.anode,
        "kvp": float(beam.kvp),
        "anode_angle_deg": None if beam.target_thickness_um is not None else float(beam.anode_angle_deg),
        "target_thickness_um": beam.target_thickness_um,
        "bin_keV": float(bin_keV),
    }
    bare = cached_arrays(key, lambda: bare_tube(beam, bin_keV), cache_folder)
    spectrum = Spectrum(bare["energy_keV"], bare["fluence"])
    for name, thickness_mm in (*beam.filters, ("air", beam.air_path_mm)):
        spectrum = filtered(spectrum, name, thickness_mm)
    kept = slice(int(np.argmax(spectrum.fluence_per_mm2 >= _NEGLIGIBLE * spectrum.fluence_per_mm2.max())), None)
    spectrum = Spectrum(spectrum.energy_keV[kept], spectrum.fluence_per_mm2[kept])
    scale = air_kerma_uGy / _kerma_for_scale(beam, spectrum)
    return Spectrum(spectrum.energy_keV, spectrum.fluence_per_mm2 * scale)


def _kerma_for_scale(beam: Beam, spectrum: Spectrum) -> float:
    kerma = air_kerma_uGy(spectrum)
    if not kerma > 0:
        raise ValueError(f"no photon of beam '{beam.name}' passes its filters {beam.filters}")
    return kerma

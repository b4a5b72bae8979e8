"""Heel effect: X-rays that leave the target at a lower angle have gone through more of it.

Fewer and harder X-rays reach the side of the field where the anode is. SpekPy gives the spectrum of the bare tube in
any direction; here it is known at a few take-off angles, and filters and air are passed along the slant.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import numpy.typing as npt

from radiography.beam.attenuation import linear_attenuation_per_mm, material
from radiography.beam.spectrum import Spectrum, bare_tube
from radiography.beam.tube import Beam
from radiography.cache import Arrays, cached_arrays

# Take-off angles at which spectra are computed, beside that of the central ray; a cubic in the logarithms between them
# is within 0.1 % of SpekPy's air kerma from 1 degree on. [deg]
NODES_DEG = (0.3, 0.6, 1.0, 1.5, 3.0, 6.0, 10.0, 14.0, 20.0, 28.0, 38.0, 50.0, 65.0, 80.0)
NODE_FROM_CENTRE = 0.1  # nodes nearer than this to the central ray's angle, relative to it, are left out
FAINTEST = -30.0  # [powers of e] of the central ray's spectrum: below that there is nothing
DIRECTIONS = {"+rows": (1.0, 0.0), "-rows": (-1.0, 0.0), "+cols": (0.0, 1.0), "-cols": (0.0, -1.0)}  # (y, x)

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class HeelEffect:
    """Emission of a tube by direction, over that along the central ray.

    Attributes
    ----------
    anode_angle_deg : float
        Take-off angle of the central ray. [deg]
    toward_anode : (float, float)
        Unit vector in the panel's plane, along rows (y) and columns (x), that points to the side of the anode. [1]
    energy_keV : (E,) float64
        Energies of the beam. [keV]
    takeoff_deg : (N,) float64
        Angles between target surface and ray, rising. [deg]
    log_gain : (N, E) float64
        Logarithm of the photons per solid angle of the bare tube over those of the central ray. [1]
    filter_depth : (E,) float64
        Attenuation by filters and air along the central ray, in powers of e. [1]
    """

    anode_angle_deg: float
    toward_anode: tuple[float, float]
    energy_keV: FloatArray
    takeoff_deg: FloatArray
    log_gain: FloatArray
    filter_depth: FloatArray


def heel_effect(
    beam: Beam, spectrum: Spectrum, bin_keV: float, direction: str, folder: Path | None = None
) -> HeelEffect:
    """Heel effect of a beam, from the cache or computed in some seconds.

    Parameters
    ----------
    beam : Beam
        Tube, filters and air path.
    spectrum : Spectrum
        Of this beam along the central ray, from `beam_spectrum`.
    bin_keV : float
        Width of its energy bins. [keV]
    direction : str
        Where the anode is: "+rows", "-rows", "+cols" or "-cols", + where their numbers rise.
    folder : Path, optional
        Where computed spectra are kept; by default the user's cache folder.

    Returns
    -------
    heel : HeelEffect

    Raises
    ------
    ValueError
        If the direction is none of these, or the tube has an end-window target.

    Notes
    -----
    The plane of anode and cathode is that of the central ray and ``direction``. Directions across it change the air
    kerma by less than 0.1 % up to 12 degrees, by SpekPy, and are taken as those below them in that plane. Off-focal
    radiation is left out.
    """
    if direction not in DIRECTIONS:
        raise ValueError(f"anode_direction must be one of {', '.join(DIRECTIONS)}, got '{direction}'")
    if beam.target_thickness_um is not None:
        raise ValueError(
            f"beam '{beam.name}' has an end-window target, which has no heel effect: leave anode_direction out"
        )
    centre = beam.anode_angle_deg
    nodes = [node for node in NODES_DEG if abs(node / centre - 1.0) > NODE_FROM_CENTRE]
    takeoff_deg = np.sort(np.array([*nodes, centre]))
    key = {
        "what": "bare tube spectra by take-off angle, fluence per bin and cm2 at 100 cm",
        "spekpy": version("spekpy"),
        "anode": beam.anode,
        "kvp": float(beam.kvp),
        "anode_angle_deg": float(centre),
        "takeoff_deg": takeoff_deg,
        "bin_keV": float(bin_keV),
    }

    def compute() -> Arrays:
        found = [bare_tube(beam, bin_keV, float(angle - centre)) for angle in takeoff_deg]
        return {"energy_keV": found[0]["energy_keV"], "fluence": np.stack([each["fluence"] for each in found])}

    bare = cached_arrays(key, compute, folder)
    first = int(np.argmin(np.abs(bare["energy_keV"] - spectrum.energy_keV[0])))
    fluence = bare["fluence"][:, first:]
    if not np.allclose(bare["energy_keV"][first:], spectrum.energy_keV):
        raise ValueError(f"the spectrum of beam '{beam.name}' is not in bins of {bin_keV:g} keV")
    # At 100 cm along the central ray's direction, farther off axis: photons per solid angle.
    fluence = fluence / np.cos(np.deg2rad(takeoff_deg - centre))[:, None] ** 2
    central = fluence[takeoff_deg == centre]
    with np.errstate(divide="ignore", invalid="ignore"):
        log_gain = np.where(central > 0, np.log(fluence) - np.log(central), 0.0)
    layers = (*beam.filters, ("air", beam.air_path_mm))
    return HeelEffect(
        anode_angle_deg=centre,
        toward_anode=DIRECTIONS[direction],
        energy_keV=spectrum.energy_keV,
        takeoff_deg=takeoff_deg,
        log_gain=np.clip(log_gain, FAINTEST, -FAINTEST),
        filter_depth=sum(
            (linear_attenuation_per_mm(material(name), spectrum.energy_keV) * length_mm for name, length_mm in layers),
            start=np.zeros_like(spectrum.energy_keV),
        ),
    )


def heel_gain(heel: HeelEffect, tangent_y: npt.ArrayLike, tangent_x: npt.ArrayLike) -> FloatArray:
    """Photons of each energy in a direction, over those along the central ray at the same distance from the source.

    Parameters
    ----------
    heel : HeelEffect
        From `heel_effect`.
    tangent_y, tangent_x : (...) float64
        Place on the panel along rows and columns from the foot of the central ray, over the distance of the source. [1]

    Returns
    -------
    gain : (..., E) float64
        0 where the anode itself is in the way; 1 along the central ray. [1]
    """
    from scipy.interpolate import CubicSpline

    y, x = np.broadcast_arrays(np.asarray(tangent_y, dtype=np.float64), np.asarray(tangent_x, dtype=np.float64))
    toward = heel.toward_anode[0] * y + heel.toward_anode[1] * x
    takeoff_deg = heel.anode_angle_deg - np.rad2deg(np.arctan(toward))
    lowest, highest = heel.takeoff_deg[0], heel.takeoff_deg[-1]
    spline = CubicSpline(np.log(heel.takeoff_deg), heel.log_gain)
    gain = np.exp(spline(np.log(np.clip(takeoff_deg, lowest, highest))))
    gain *= np.clip(takeoff_deg / lowest, 0.0, 1.0)[..., None]  # a straight line to 0 along the target's surface
    longer = np.sqrt(1.0 + y * y + x * x)[..., None] - 1.0
    return np.asarray(gain * np.exp(-heel.filter_depth * longer))

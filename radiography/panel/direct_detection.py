"""X-rays that the photodiodes absorb themselves: a small signal that no light spread blurs, and its noise."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from radiography.beam.attenuation import material
from radiography.interaction.absorption import cached_layer_response, energy_grid_keV
from radiography.interaction.beam_absorption import frame_weights
from radiography.panel.panel import Photodiode

FloatArray = npt.NDArray[np.float64]


def diode_portions(photodiode: Photodiode, energy_keV: FloatArray, histories: int) -> FloatArray:
    """What a diode takes from one photon on its pixel: electron tracks [1], energy [keV], squared energy [keV2].

    Photoelectrons run farther than the diode is thick: what leaves it enters from its surroundings of like
    composition, so the mean is that of energy left on the spot, but it comes in more and smaller portions, the energy
    that a track leaves in the diode.

    Parameters
    ----------
    photodiode : Photodiode
        Its i-layer of a-Si, fill factor and energy per track.
    energy_keV : (E,) float64
        Photon energies. [keV]
    histories : int
        X-rays per energy of the Monte Carlo. [1]

    Returns
    -------
    portions : (3, E) float64
    """
    silicon = material("Si")
    grid_keV = energy_grid_keV(silicon, float(energy_keV[0]), float(energy_keV[-1]) + 1e-6)
    response = cached_layer_response(silicon, photodiode.layer_um * 1e-3, grid_keV, histories)
    quanta, left_keV, _ = frame_weights(response, energy_keV)
    portion_keV = np.minimum(photodiode.energy_per_track_keV, left_keV / np.maximum(quanta, 1e-300))
    tracks = np.divide(left_keV, portion_keV, out=np.zeros_like(left_keV), where=portion_keV > 0)
    return photodiode.fill_factor * np.stack([tracks, left_keV, left_keV * portion_keV])

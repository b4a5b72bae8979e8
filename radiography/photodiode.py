"""a-Si photodiodes: light to charge, with dark current and the X-rays that the diode absorbs itself."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from radiography.panel import Photodiode
from radiography.quantum_noise import standard_normal

Array = npt.NDArray[np.float32]


def collect_charge(
    light: Array,
    direct_keV: Array,
    photodiode: Photodiode,
    quantum_efficiency: float,
    response: Array,
    dark_electrons_per_s: Array,
    integration_time_s: float,
    rng: np.random.Generator,
) -> Array:
    """Charge that each photodiode holds at the end of the integration.

    Light is detected with the fill factor and the emission-weighted quantum efficiency. Detecting each photon or not
    adds a variance equal to the number of electrons (with the dark current's), white, because it happens after the
    light has spread. X-rays absorbed in the diode add charge that is not blurred. The diode holds no more than its
    full well; below that it is linear.

    Parameters
    ----------
    light : (H, W) float32
        Photons at the pixel during the integration. [1]
    direct_keV : (H, W) float32
        Energy that X-rays leave in the diode's own area, quantum noise included. [keV]
    photodiode : Photodiode
        Fill factor, full well, energy per electron.
    quantum_efficiency : float
        Weighted over the emission spectrum. [1]
    response : (H, W) float32
        Sensitivity of each pixel relative to the nominal one; 0 where it is dead. [1]
    dark_electrons_per_s : (H, W) float32
        Dark current. [electrons/s]
    integration_time_s : float
        [s]
    rng : numpy.random.Generator
        Same state, same charge, for any number of threads.

    Returns
    -------
    electrons : (H, W) float32
        [electrons]

    Raises
    ------
    ValueError
        If the pictures differ in shape.
    """
    shapes = {picture.shape for picture in (light, direct_keV, response, dark_electrons_per_s)}
    if len(shapes) != 1:
        raise ValueError(f"light, direct energy, response and dark current must have one shape, got {sorted(shapes)}")
    electrons = standard_normal(light.shape[0], light.shape[1], rng)
    _collect_charge(
        light,
        direct_keV,
        response,
        dark_electrons_per_s,
        photodiode.fill_factor * quantum_efficiency,
        1000.0 / photodiode.energy_per_electron_eV,
        integration_time_s,
        photodiode.full_well_electrons,
        electrons,
    )
    return electrons


@njit(parallel=True, cache=True)
def _collect_charge(light, direct_keV, response, dark, per_photon, per_keV, time_s, full_well, out):  # type: ignore[no-untyped-def]
    """``out`` holds normal deviates on entry and electrons on return; writes every element."""
    for row in prange(out.shape[0]):
        for col in range(out.shape[1]):
            from_light = light[row, col] * per_photon * response[row, col]
            from_dark = dark[row, col] * time_s
            counted = max(from_light + from_dark, 0.0)
            mean = from_light + from_dark + direct_keV[row, col] * per_keV * response[row, col]
            out[row, col] = min(mean + np.sqrt(counted) * out[row, col], full_well)

"""a-Si photodiodes: light to charge, with dark current and the X-rays that the diodes absorb themselves."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from radiography.noise import standard_normal
from radiography.panel.panel import Photodiode

Array = npt.NDArray[np.float32]
FloatArray = npt.NDArray[np.float64]


class ChargeConversion(NamedTuple):
    """Numbers that turn light, X-rays and dark current into charge.

    Electrons for one photon at the pixel, fill factor and quantum efficiency included, and for one keV in the diode [1,
    1/keV]; time that dark current is collected [s]; most electrons that the diode holds. [electrons]
    """

    electrons_per_photon: float
    electrons_per_keV: float
    integration_time_s: float
    full_well_electrons: float


def collect_charge(
    light: Array,
    direct_keV: Array,
    photodiode: Photodiode,
    quantum_efficiency: float,
    response: Array,
    dark_electrons_per_s: Array,
    integration_time_s: float,
    rng: np.random.Generator,
    nonlinearity: Array | None = None,
) -> Array:
    """Charge that each photodiode holds at the end of the integration.

    Light is detected with the fill factor and the emission-weighted quantum efficiency. Detecting each photon or not
    adds a variance equal to the number of electrons (with the dark current's), white, because it happens after the
    light has spread. X-rays absorbed in the diode add charge that is not blurred. The diode holds no more than its
    full well; of a charge q below that a non-linear one holds q (1 - n q / full well), noise included.

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
    nonlinearity : (H, W) float32, or None
        n of each pixel, below 1/2 so that more light always means more charge; None for linear diodes. [1]

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
    if nonlinearity is not None and nonlinearity.shape != light.shape:
        raise ValueError(f"nonlinearity is {nonlinearity.shape} but light is {light.shape}")
    conversion = ChargeConversion(
        electrons_per_photon=photodiode.fill_factor * quantum_efficiency,
        electrons_per_keV=1000.0 / photodiode.energy_per_electron_eV,
        integration_time_s=integration_time_s,
        full_well_electrons=photodiode.full_well_electrons,
    )
    bend = np.empty((0, 0), dtype=np.float32) if nonlinearity is None else nonlinearity
    electrons = standard_normal(light.shape[0], light.shape[1], rng)
    _collect_charge(light, direct_keV, response, dark_electrons_per_s, conversion, bend, electrons)
    return electrons


def dark_charge(
    photodiode: Photodiode,
    dark_electrons_per_s: Array,
    integration_time_s: float,
    nonlinearity: Array | None = None,
) -> Array:
    """Mean charge that each photodiode holds at the end of an integration in the dark.

    Parameters
    ----------
    photodiode : Photodiode
        For its full well.
    dark_electrons_per_s : (H, W) float32
        Dark current. [electrons/s]
    integration_time_s : float
        [s]
    nonlinearity : (H, W) float32, or None
        As for `collect_charge`. [1]

    Returns
    -------
    electrons : (H, W) float32
        [electrons]
    """
    full_well = np.float32(photodiode.full_well_electrons)
    electrons: Array = np.minimum(dark_electrons_per_s * np.float32(integration_time_s), full_well)
    if nonlinearity is not None:
        electrons *= 1.0 - nonlinearity * (electrons / full_well)
    return electrons


@njit(parallel=True, cache=True)
def _collect_charge(
    light: Array,
    direct_keV: Array,
    response: Array,
    dark_electrons_per_s: Array,
    conversion: ChargeConversion,
    nonlinearity: Array,
    out: Array,
) -> None:
    """``out`` holds normal deviates on entry and electrons on return; writes every element.

    All are (H, W); ``nonlinearity`` is empty where the diodes are linear.
    """
    full_well = conversion.full_well_electrons
    for row in prange(out.shape[0]):
        for col in range(out.shape[1]):
            from_light = light[row, col] * conversion.electrons_per_photon * response[row, col]
            from_dark = dark_electrons_per_s[row, col] * conversion.integration_time_s
            counted = max(from_light + from_dark, 0.0)
            direct = direct_keV[row, col] * conversion.electrons_per_keV * response[row, col]
            mean = from_light + from_dark + direct
            charge = min(mean + np.sqrt(counted) * out[row, col], full_well)
            if nonlinearity.size > 0:
                charge *= 1.0 - nonlinearity[row, col] * (charge / full_well)
            out[row, col] = charge

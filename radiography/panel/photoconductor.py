"""Photoconducting film between electrodes: collected charge by Hecht, photocurrent, dark current and gain.

References
----------
.. [1] Hecht, Z. Phys. 77, 235 (1932), doi:10.1007/BF01338917; both carriers: Knoll, "Radiation Detection and
   Measurement", section 13.5.
.. [2] Rose, "Concepts in Photoconductivity and Allied Problems" (1963): gain is lifetime over transit time.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

ELECTRON_C = 1.602176634e-19

FloatArray = npt.NDArray[np.float64]


def hecht(voltage_V: npt.ArrayLike, thickness_um: float, mobility_lifetime_cm2_per_V: float) -> FloatArray:
    """Part of the charge of one kind of carrier that is collected, when carriers arise evenly through the film.

    Parameters
    ----------
    voltage_V : array_like
        Across the film; its sign does not matter. [V]
    thickness_um : float
        [um]
    mobility_lifetime_cm2_per_V : float
        Mobility times lifetime. [cm2/V]

    Returns
    -------
    collected : float64
        L (1 - L (1 - exp(-1 / L))), L the range mu tau V / d^2 in thicknesses: the mean over all depths of Hecht's
        L (1 - exp(-z / L)); 1/2 for an endless range, since each of two kinds moves half of the way on the mean. [1]

    Raises
    ------
    ValueError
        If thickness or mobility times lifetime is not positive.
    """
    if thickness_um <= 0 or mobility_lifetime_cm2_per_V <= 0:
        raise ValueError(
            f"thickness and mobility times lifetime must be positive, got {thickness_um:g} and "
            f"{mobility_lifetime_cm2_per_V:g}"
        )
    reach = mobility_lifetime_cm2_per_V * np.abs(np.asarray(voltage_V, dtype=np.float64)) / (1e-4 * thickness_um) ** 2
    safe = np.maximum(reach, 1e-12)
    inverse = 1.0 / safe
    exact = safe * (1.0 - safe * -np.expm1(-inverse))
    series = 0.5 - inverse / 6.0 + inverse**2 / 24.0
    return np.asarray(np.where(reach <= 0, 0.0, np.where(inverse < 1e-4, series, exact)))


def photocurrent_A(
    voltage_V: npt.ArrayLike,
    *,
    energy_keV_per_s: float,
    pair_energy_eV: float,
    thickness_um: float,
    mobility_lifetimes_cm2_per_V: tuple[float, float],
) -> FloatArray:
    """Current of the pairs that X-rays make evenly in a film, without injection from the electrodes.

    Parameters
    ----------
    voltage_V : array_like
        [V]
    energy_keV_per_s : float
        Energy that X-rays leave in the film. [keV/s]
    pair_energy_eV : float
        Mean energy for a pair. [eV]
    thickness_um : float
        [um]
    mobility_lifetimes_cm2_per_V : (float, float)
        Of electrons and holes. [cm2/V]

    Returns
    -------
    current_A : float64
        With the sign of the voltage. [A]
    """
    pairs = 1e3 * energy_keV_per_s / pair_energy_eV
    parts = [hecht(voltage_V, thickness_um, each) for each in mobility_lifetimes_cm2_per_V]
    return np.asarray(np.sign(voltage_V) * ELECTRON_C * pairs * (parts[0] + parts[1]))


def dark_current_A(
    voltage_V: npt.ArrayLike, thickness_um: float, area_mm2: float, conductivity_S_per_cm: float
) -> FloatArray:
    """Ohmic current through the film.

    Parameters
    ----------
    voltage_V : array_like
        [V]
    thickness_um, area_mm2 : float
        Of the film between the electrodes. [um], [mm2]
    conductivity_S_per_cm : float
        [S/cm]

    Returns
    -------
    current_A : float64
        [A]
    """
    return np.asarray(
        conductivity_S_per_cm * np.asarray(voltage_V, dtype=np.float64) * 1e-2 * area_mm2 / (1e-4 * thickness_um)
    )


def photoconductive_gain(
    voltage_V: float, thickness_um: float, mobility_cm2_per_V_s: float, lifetime_s: float
) -> float:
    """Lifetime over transit time of the carrier that ohmic electrodes replace [2]_.

    Parameters
    ----------
    voltage_V : float
        [V]
    thickness_um : float
        [um]
    mobility_cm2_per_V_s : float
        [cm2/(V s)]
    lifetime_s : float
        [s]

    Returns
    -------
    gain : float
        [1]
    """
    transit_s = (1e-4 * thickness_um) ** 2 / (mobility_cm2_per_V_s * abs(voltage_V))
    return lifetime_s / transit_s

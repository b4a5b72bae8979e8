"""Absorption of a whole beam: the response of a layer to single energies, weighted by a spectrum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from radiography.beam.spectrum import JOULE_PER_KEV, Spectrum
from radiography.interaction.absorption import LayerResponse, hit_fraction

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class BeamResponse:
    """Absorption in one layer, averaged over the photons of a spectrum.

    Attributes
    ----------
    hit_fraction, interaction_fraction : float
        Fraction of the incident quanta that interact at all, and that leave energy. [1]
    absorbed_fraction : float
        Energy left over energy incident. [1]
    mean_energy_keV, mean_square_energy_keV2 : float
        Mean and mean square of the energy left by a quantum that leaves some. [keV, keV2]
    swank : float
        Squared mean over mean square: the X-ray Swank factor. [1]
    frequency_per_mm, signal_transfer, noise_transfer : (F,) float64
        As in `LayerResponse`, weighted by energy and by squared energy. [1/mm, 1, 1]
    """

    hit_fraction: float
    interaction_fraction: float
    absorbed_fraction: float
    mean_energy_keV: float
    mean_square_energy_keV2: float
    swank: float
    frequency_per_mm: FloatArray
    signal_transfer: FloatArray
    noise_transfer: FloatArray


def frame_weights(response: LayerResponse, energy_keV: npt.ArrayLike) -> FloatArray:
    """What one incident photon of each energy adds to a frame: quanta, absorbed energy, squared absorbed energy.

    Parameters
    ----------
    response : LayerResponse
        Layer, at energies that include the ones asked for.
    energy_keV : (E,) float64
        Photon energies, such as the bins of a spectrum. [keV]

    Returns
    -------
    weights : (3, E) float64
        Interaction fraction [1], times mean energy [keV], times mean square energy [keV2].

    Raises
    ------
    ValueError
        If an energy lies outside the response.

    Notes
    -----
    The fraction of quanta that interact at all is exact at every energy; the fraction that leaves energy, and the
    fractions of the energy that they leave, are interpolated along straight lines between the energies of the response.
    """
    energy = np.asarray(energy_keV, dtype=np.float64)
    lowest, highest = response.energy_keV[0], response.energy_keV[-1]
    outside = energy[~((energy >= lowest) & (energy <= highest))]
    if outside.size:
        raise ValueError(f"the layer response covers {lowest:g} to {highest:g} keV, but {outside[0]:g} keV is needed")
    hit = hit_fraction(response.material, response.thickness_mm, response.incidence_deg, energy)
    known = response.energy_keV
    chance = response.interaction_fraction / np.where(response.hit_fraction > 0, response.hit_fraction, 1.0)
    quanta = hit * np.interp(energy, known, chance)
    mean_fraction = np.interp(energy, known, response.mean_energy_keV / known)
    square_fraction = np.interp(energy, known, response.mean_square_energy_keV2 / known**2)
    return np.stack([quanta, quanta * mean_fraction * energy, quanta * square_fraction * energy**2])


def average_response(response: LayerResponse, spectrum: Spectrum) -> BeamResponse:
    """Response of a layer to a whole beam: averages over the photons of a spectrum.

    Parameters
    ----------
    response : LayerResponse
        Layer, at energies that include those of the spectrum.
    spectrum : Spectrum
        Beam as it meets the layer.

    Returns
    -------
    average : BeamResponse
        See there.

    Raises
    ------
    ValueError
        If the spectrum is dark, reaches beyond the response, or nothing of it is absorbed.
    """
    incident = float(np.sum(spectrum.fluence_per_mm2))
    if incident == 0.0:
        raise ValueError("the response to a spectrum needs photons, but this spectrum is dark")
    weights = frame_weights(response, spectrum.energy_keV) * spectrum.fluence_per_mm2
    quanta, energy, square = weights.sum(axis=1)
    if not energy > 0:
        raise ValueError(
            f"a layer of {response.thickness_mm} mm '{response.material.name}' absorbs nothing of the beam"
        )
    hit = hit_fraction(response.material, response.thickness_mm, response.incidence_deg, spectrum.energy_keV)

    def transfer(by_energy: FloatArray, weight: FloatArray) -> FloatArray:
        columns = [np.interp(spectrum.energy_keV, response.energy_keV, column) for column in by_energy.T]
        return np.array([np.average(column, weights=weight) for column in columns])

    return BeamResponse(
        hit_fraction=float(np.average(hit, weights=spectrum.fluence_per_mm2)),
        interaction_fraction=float(quanta) / incident,
        absorbed_fraction=float(energy / np.sum(spectrum.fluence_per_mm2 * spectrum.energy_keV)),
        mean_energy_keV=float(energy / quanta),
        mean_square_energy_keV2=float(square / quanta),
        swank=float(energy**2 / (quanta * square)),
        frequency_per_mm=response.frequency_per_mm,
        signal_transfer=transfer(response.signal_transfer, weights[1]),
        noise_transfer=transfer(response.noise_transfer, weights[2]),
    )


def energy_left_keV_per_mm2(response: LayerResponse, spectrum: Spectrum) -> float:
    """Energy that a beam leaves under each square mm of a layer.

    Parameters
    ----------
    response : LayerResponse
        Layer, at the energies of the spectrum.
    spectrum : Spectrum
        Beam as it meets the layer.

    Returns
    -------
    energy : float
        [keV/mm2]

    Raises
    ------
    ValueError
        If the response is for other energies.
    """
    if not np.array_equal(response.energy_keV, spectrum.energy_keV):
        raise ValueError("the energy that a beam leaves needs the response of the layer at the energies of the beam")
    return float(spectrum.fluence_per_mm2 @ (response.interaction_fraction * response.mean_energy_keV))


def layer_dose_Gy(response: LayerResponse, spectrum: Spectrum) -> float:
    """Energy that a beam leaves in a layer over the mass of the layer.

    Parameters
    ----------
    response, spectrum
        As for `energy_left_keV_per_mm2`.

    Returns
    -------
    dose : float
        [Gy]

    Raises
    ------
    ValueError
        As `energy_left_keV_per_mm2`.
    """
    mass_kg = response.material.density_g_per_cm3 * 1e-9 * (1e3 * response.thickness_mm)  # under a square mm, from um
    return energy_left_keV_per_mm2(response, spectrum) * JOULE_PER_KEV / mass_kg

"""Description of a scintillating layer: composition, thickness, light, decay and how far its light spreads.

A layer is described in one TOML file (``data/scintillators``), every number there with its unit and source. A user
adds a scintillator by writing such a file; no code changes.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass

from calibration.limits import STRICT, Fraction, FractionAboveZero, Positive, check_range
from radiography.beam.attenuation import Material, linear_attenuation_per_mm, material, mixture
from radiography.light.optics import ColumnarLayer, EmissionLine, TurbidLayer, as_pairs

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, config=STRICT)
class Part:
    """One constituent of a layer: a material name and the fraction of the layer's volume that it fills. [1]"""

    material: str
    volume_fraction: FractionAboveZero


@dataclass(frozen=True, config=STRICT)
class Light:
    """Light that the layer makes: photons per absorbed keV before any of them is lost, and its range. [1/keV]

    ``yield_spread`` is the standard deviation over the mean of the light of quanta that are alike in energy, deposits
    and depth: what they differ by from crystal to crystal and by chance, less the counting of the light photons. [1]
    One number for all X-ray energies, or pairs of energy [keV] and spread: linear between them, constant beyond.
    """

    yield_per_keV: Positive
    yield_spread: Annotated[tuple[tuple[Positive, Fraction], ...], BeforeValidator(as_pairs)] = ((1.0, 0.0),)
    yield_range_per_keV: tuple[Positive, Positive] | None = None

    def __post_init__(self) -> None:
        check_range("yield_range_per_keV", self.yield_range_per_keV, self.yield_per_keV)
        energies = [energy for energy, _ in self.yield_spread]
        if not energies or any(higher <= energy for energy, higher in pairwise(energies)):
            raise ValueError(f"yield_spread needs a number, or pairs at rising energies, got energies {energies} keV")


@dataclass(frozen=True, config=STRICT)
class Spread:
    """Light of a layer as measured or fitted, where what the light meets is not described.

    Modulation transfer 1 / (1 + (f / half_frequency)^2), before the pixel aperture; ``collection_fraction`` of the
    light reaches the diodes; ``swank_optical`` is the statistical factor of its spread with depth. ``origin`` says
    where the numbers come from; a fitted number must not be reported as a prediction.
    """

    half_frequency_per_mm: Positive
    collection_fraction: FractionAboveZero
    swank_optical: FractionAboveZero
    emission: EmissionLine
    origin: Literal["fitted", "measured"]
    note: str


@dataclass(frozen=True, config=STRICT)
class Glare:
    """Long-range glare: fraction of the light [1] that spreads exponentially over a length [mm]."""

    fraction: Annotated[float, Field(ge=0, lt=1)]
    length_mm: Positive


@dataclass(frozen=True, config=STRICT)
class DecayComponent:
    """One exponential of the prompt light: fraction of the initial intensity [1] and time constant [ns]."""

    amplitude_fraction: FractionAboveZero
    time_ns: Positive


@dataclass(frozen=True, config=STRICT)
class AfterglowComponent:
    """One exponential of the late light: fraction of all light [1] and time constant [s]."""

    fraction: FractionAboveZero
    time_s: Positive


@dataclass(frozen=True, config=STRICT)
class BrightBurn:
    """One term of the light that irradiation adds: rise per air kerma at the layer, and its limit [1/Gy, 1], decay. [s]

    Relative to the light of a rested layer.
    """

    gain_per_Gy: Positive
    largest_gain: Positive
    time_s: Positive


@dataclass(frozen=True, config=STRICT)
class Scintillator:
    """A scintillating layer; see the TOML files in ``data/scintillators`` for each number's source."""

    name: str
    description: str
    thickness_um: Positive
    parts: tuple[Part, ...]
    light: Light
    decay: tuple[DecayComponent, ...]
    transport: Annotated[TurbidLayer | ColumnarLayer, Field(discriminator="model")] | None = None
    spread: Spread | None = None
    glare: Glare | None = None
    afterglow: tuple[AfterglowComponent, ...] = ()
    bright_burn: tuple[BrightBurn, ...] = ()

    def __post_init__(self) -> None:
        filled = sum(part.volume_fraction for part in self.parts)
        if not self.parts or filled > 1.0 + 1e-9:
            raise ValueError(f"volume fractions of scintillator '{self.name}' must sum to at most 1, got {filled:g}")
        if (self.transport is None) == (self.spread is None):
            raise ValueError(f"scintillator '{self.name}' needs [transport] or [spread], one of them")
        shared = sum(component.amplitude_fraction for component in self.decay)
        if abs(shared - 1.0) > 1e-6:
            raise ValueError(f"decay amplitudes of scintillator '{self.name}' must sum to 1, got {shared:g}")
        late = sum(component.fraction for component in self.afterglow)
        if late >= 1.0:
            raise ValueError(f"afterglow of scintillator '{self.name}' must sum to less than 1, got {late:g}")


def yield_variance(light: Light, energy_keV: FloatArray) -> FloatArray:
    """Variance over squared mean of the light of quanta of one energy that leave it alike.

    The mean square of a quantum's light is larger by one plus this, in frames and reports as in event mode.

    Parameters
    ----------
    light : Light
        With its spread.
    energy_keV : (E,) float64
        Energies of the X-rays, before any of it is lost. [keV]

    Returns
    -------
    variance : (E,) float64
        [1]
    """
    known_keV, spread = np.array(light.yield_spread, dtype=np.float64).T
    return np.asarray(np.interp(energy_keV, known_keV, spread) ** 2)


def layer_material(scintillator: Scintillator) -> Material:
    """The layer as one homogeneous material, voids included in its density.

    Raises
    ------
    ValueError
        If a part is not a known material.
    """
    parts = [(material(part.material), part.volume_fraction) for part in scintillator.parts]
    return mixture(scintillator.name, parts, source=f"scintillator file '{scintillator.name}'")


def layer_transmission(scintillator: Scintillator, energy_keV: FloatArray) -> FloatArray:
    """Fraction of the photons that pass the layer without any interaction, at normal incidence.

    Parameters
    ----------
    scintillator : Scintillator
        The layer.
    energy_keV : (E,) float64
        Photon energies. [keV]

    Returns
    -------
    transmission : (E,) float64
        [1]

    Raises
    ------
    ValueError
        If a part of the layer is not a known material, or an energy is out of range.
    """
    thickness_mm = scintillator.thickness_um * 1e-3
    return np.asarray(np.exp(-linear_attenuation_per_mm(layer_material(scintillator), energy_keV) * thickness_mm))


def spread_transfer(spread: Spread, frequency_per_mm: FloatArray) -> FloatArray:
    """Modulation transfer of a measured or fitted spread at given frequencies. [1]

    Parameters
    ----------
    spread : Spread
        With its half frequency.
    frequency_per_mm : (F,) float64
        Spatial frequency. [1/mm]

    Returns
    -------
    transfer : (F,) float64
        1 at zero frequency. [1]

    Notes
    -----
    1 / (1 + H f^2) with H = 1 / f_half^2 [1]_.

    References
    ----------
    .. [1] Swank, "Calculation of modulation transfer functions of x-ray fluorescent screens", Appl. Opt. 12, 1865
           (1973).
    """
    ratio = np.asarray(frequency_per_mm, dtype=np.float64) / spread.half_frequency_per_mm
    return np.asarray(1.0 / (1.0 + ratio * ratio))


def glare_transfer(glare: Glare | None, frequency_per_mm: FloatArray) -> FloatArray:
    """Modulation transfer of the glare.

    Parameters
    ----------
    glare : Glare or None
        Fraction and length; None for no glare.
    frequency_per_mm : (F,) float64
        Spatial frequency. [1/mm]

    Returns
    -------
    transfer : (F,) float64
        1 at zero frequency, and everywhere without glare. [1]

    Notes
    -----
    1 - a + a (1 + (2 pi f b)^2)^(-3/2), the transform of an exponential spread of length b that holds the fraction a.
    """
    frequency = np.asarray(frequency_per_mm, dtype=np.float64)
    if glare is None:
        return np.ones_like(frequency)
    long_range = (1.0 + (2.0 * np.pi * frequency * glare.length_mm) ** 2) ** -1.5
    return np.asarray(1.0 - glare.fraction + glare.fraction * long_range)


def effective_decay_ns(scintillator: Scintillator) -> float:
    """Effective decay time, the integral of the prompt light over its initial intensity (the paper's tau_eff). [ns]"""
    return sum(component.amplitude_fraction * component.time_ns for component in scintillator.decay)

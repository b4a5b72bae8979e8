"""What a scintillating layer is: composition, thickness, light, decay and how far its light spreads.

A layer is described in one TOML file (``data/scintillators``), every number there with its unit and source. A user
adds a scintillator by writing such a file; no code changes.
"""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from radiography.attenuation import Material, material, mixture

_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)

Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(gt=0, le=1)]


@dataclass(frozen=True, config=_STRICT)
class Part:
    """One constituent of a layer: a material name and the share of the layer's volume that it fills. [1]"""

    material: str
    volume_fraction: Fraction


@dataclass(frozen=True, config=_STRICT)
class Light:
    """Light of the layer: photons per absorbed keV, the share that reaches the diodes, and the emission line.

    ``swank_optical`` is the statistical factor of the spread in light collected per absorbed keV (depth of
    interaction); the X-ray part of the Swank factor is computed from the layer. [1]
    """

    yield_per_keV: Positive
    collection_fraction: Fraction
    swank_optical: Fraction
    emission_peak_nm: Positive
    emission_fwhm_nm: Positive


@dataclass(frozen=True, config=_STRICT)
class Spread:
    """Modulation transfer of the layer, before the pixel aperture.

    ``reciprocal`` is 1 / (1 + (f / f_half)^2): a sharp centre with exponential tails, the shape of measured screens.
    ``origin`` says where the number comes from; a fitted number must not be reported as a prediction.
    """

    model: Literal["reciprocal"]
    half_frequency_per_mm: Positive
    origin: Literal["fitted", "measured", "transport"]
    note: str


@dataclass(frozen=True, config=_STRICT)
class DecayComponent:
    """One exponential of the prompt light: share of the initial intensity [1] and time constant [ns]."""

    amplitude_fraction: Fraction
    time_ns: Positive


@dataclass(frozen=True, config=_STRICT)
class AfterglowComponent:
    """One exponential of the late light: share of all light [1] and time constant [s]."""

    fraction: Fraction
    time_s: Positive


@dataclass(frozen=True, config=_STRICT)
class Scintillator:
    """A scintillating layer; see the TOML files in ``data/scintillators`` for each number's source."""

    name: str
    description: str
    thickness_um: Positive
    parts: tuple[Part, ...]
    light: Light
    spread: Spread
    decay: tuple[DecayComponent, ...]
    afterglow: tuple[AfterglowComponent, ...] = ()

    def __post_init__(self) -> None:
        filled = sum(part.volume_fraction for part in self.parts)
        if not self.parts or filled > 1.0 + 1e-9:
            raise ValueError(f"volume fractions of scintillator '{self.name}' must sum to at most 1, got {filled:g}")
        shared = sum(component.amplitude_fraction for component in self.decay)
        if abs(shared - 1.0) > 1e-6:
            raise ValueError(f"decay amplitudes of scintillator '{self.name}' must sum to 1, got {shared:g}")
        late = sum(component.fraction for component in self.afterglow)
        if late >= 1.0:
            raise ValueError(f"afterglow of scintillator '{self.name}' must sum to less than 1, got {late:g}")


def layer_material(scintillator: Scintillator) -> Material:
    """The layer as one homogeneous material, voids included in its density.

    Raises
    ------
    ValueError
        If a part is not a known material.
    """
    parts = [(material(part.material), part.volume_fraction) for part in scintillator.parts]
    return mixture(scintillator.name, parts, source=f"scintillator file '{scintillator.name}'")


def spread_transfer(scintillator: Scintillator, frequency_per_mm: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Modulation transfer of the layer's light and X-ray spread at given frequencies. [1]

    Parameters
    ----------
    scintillator : Scintillator
        The layer.
    frequency_per_mm : (F,) float64
        Spatial frequency. [1/mm]

    Returns
    -------
    transfer : (F,) float64
        1 at zero frequency. [1]

    Notes
    -----
    1 / (1 + H f^2) with H = 1 / f_half^2 [1]_; the layer's real transfer depends on depth and energy.

    References
    ----------
    .. [1] Swank, "Calculation of modulation transfer functions of x-ray fluorescent screens", Appl. Opt. 12, 1865
           (1973).
    """
    ratio = np.asarray(frequency_per_mm, dtype=np.float64) / scintillator.spread.half_frequency_per_mm
    return 1.0 / (1.0 + ratio * ratio)


def effective_decay_ns(scintillator: Scintillator) -> float:
    """Effective decay time, the integral of the prompt light over its initial intensity (the paper's tau_eff). [ns]"""
    return sum(component.amplitude_fraction * component.time_ns for component in scintillator.decay)

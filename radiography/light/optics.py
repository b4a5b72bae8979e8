"""Optics of a scintillating layer: scattering film or columns, their faces, and the emission line.

Descriptions only; `transport` follows the photons. Lengths may be infinite: a film without scattering has an
infinite transport length, a clear one an infinite absorption length.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field
from pydantic.dataclasses import dataclass

from calibration.limits import Finite, Fraction, Positive, RefractiveIndex

_STRICT = ConfigDict(extra="forbid")

Pairs = tuple[tuple[float, float], ...]  # of depth fraction or energy, and value
BY_DEPTH = ("absorption_length_um", "roughness", "crosstalk")  # of a columnar layer: one number, or pairs with depth


def as_pairs(given: Any) -> Any:
    """One number for everywhere as the pair that says so, and lists of a file as tuples. For pydantic."""
    if isinstance(given, float | int):
        return ((1.0, given),)
    if not isinstance(given, list | tuple) or not all(isinstance(pair, list | tuple) for pair in given):
        raise ValueError(f"must be a number or a list of pairs of numbers, got {given!r}")
    return tuple(tuple(pair) for pair in given)


_NumberOrPairs = BeforeValidator(as_pairs)


@dataclass(frozen=True, config=_STRICT)
class EmissionLine:
    """Gaussian line of the material itself, before any of it is absorbed again. [nm]"""

    peak_nm: Finite
    fwhm_nm: Finite


@dataclass(frozen=True, config=_STRICT)
class SelfAbsorption:
    """Absorption of the layer's own light, and emission again in a new direction and colour.

    The coefficient is ``edge_per_um`` at photon energies above the edge and falls below it by a factor e for every
    ``urbach_meV`` (infinite: grey). ``quantum_yield`` is the chance that an absorbed photon is emitted again. [1]
    """

    edge_nm: Finite
    edge_per_um: Finite
    urbach_meV: Positive
    quantum_yield: Fraction


@dataclass(frozen=True, config=_STRICT)
class Face:
    """A face of a film: a clear medium (air, adhesive, passivation) of index [1] and thickness [um], then a backing.

    ``reflectivity`` is that of the backing at any angle and ``diffuse_fraction`` the part of it by Lambert's law, the
    rest being mirror-like. Without ``refractive_index`` the medium has that of the film. What is not reflected by the
    cover is lost, and by the sensor, detected.
    """

    reflectivity: Fraction
    diffuse_fraction: Fraction
    refractive_index: RefractiveIndex | None = None
    gap_um: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0


@dataclass(frozen=True, config=_STRICT)
class TurbidLayer:
    """A film that scatters, such as packed nanocrystals or grains of phosphor.

    Scattering is by Henyey and Greenstein with mean cosine ``anisotropy`` [1]; ``transport_length_um`` is the mean
    free path over 1 - anisotropy. ``absorption_length_um`` is grey absorption, which ends a photon for good.
    """

    refractive_index: RefractiveIndex
    transport_length_um: Positive
    anisotropy: Annotated[float, Field(gt=-1, lt=1)]
    absorption_length_um: Positive
    emission: EmissionLine
    cover: Face
    sensor: Face
    self_absorption: SelfAbsorption | None = None
    model: Literal["turbid"] = "turbid"


@dataclass(frozen=True, config=_STRICT)
class ColumnarLayer:
    """Upright cylindrical columns that guide light, as in evaporated CsI:Tl.

    ``gap_um`` is the mean way between columns along the layer, in a medium of ``gap_index``; columns of radius R that
    fill a fraction s of the layer leave (pi / 2) R (1 - s) / s. ``roughness`` tilts a wall's normal, by that much of a
    random unit vector. ``crosstalk`` is the chance that light at a wall passes into a touching column unchanged. The
    top reflects by Lambert's law, the sensor like a mirror.

    Absorption length, roughness and crosstalk are one number for all depths, or pairs of depth, as a fraction of the
    thickness from the top, and value: constant above the first and below the last, linear between them. Of the
    absorption length, its inverse is linear.
    """

    column_radius_um: Finite
    refractive_index: RefractiveIndex
    gap_index: RefractiveIndex
    gap_um: Finite
    absorption_length_um: Annotated[tuple[tuple[Fraction, Positive], ...], _NumberOrPairs]
    roughness: Annotated[tuple[tuple[Fraction, Annotated[float, Field(ge=0, le=0.8)]], ...], _NumberOrPairs]
    crosstalk: Annotated[tuple[tuple[Fraction, Fraction], ...], _NumberOrPairs]
    top_reflectivity: Fraction
    sensor_reflectivity: Fraction
    emission: EmissionLine
    model: Literal["columnar"] = "columnar"

    def __post_init__(self) -> None:
        for name in BY_DEPTH:
            depths = [depth for depth, _ in getattr(self, name)]
            if not depths or any(deeper <= depth for depth, deeper in pairwise(depths)):
                raise ValueError(f"{name} of a columnar layer needs pairs at rising depths, got depths {depths}")

"""Description of a digital camera: its lens, its sensor, and the electrons that a photon makes.

A camera is one TOML file (``data/cameras``), every number there with its unit and source.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field
from pydantic.dataclasses import dataclass

from calibration.limits import STRICT, Fraction, FractionAboveZero, NotNegative, Positive

COLOURS = ("red", "green", "blue")

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, config=STRICT)
class Lens:
    """F-number at infinity, size of the image over that of the film, transmission [1], and focal length. [mm]"""

    f_number: Positive
    magnification: Positive
    transmission: FractionAboveZero
    focal_length_mm: Positive

    @property
    def pupil_radius_mm(self) -> float:
        """Of the entrance pupil. [mm]"""
        return 0.5 * self.focal_length_mm / self.f_number

    @property
    def object_distance_mm(self) -> float:
        """From the film to the entrance pupil, of a thin lens. [mm]"""
        return self.focal_length_mm * (1.0 + 1.0 / self.magnification)


@dataclass(frozen=True, config=STRICT)
class Sensor:
    """Pixels, and what is added to their electrons: see ``data/cameras`` for the units of each.

    A pixel is as wide as its pitch. The mosaic is of red, green, green and blue, or there is none.
    """

    pixel_um: Positive
    mosaic: Literal["bayer", "grey"]
    read_noise_electrons: NotNegative
    dark_electrons_per_s: NotNegative
    full_well_electrons: Positive
    electrons_per_dn: Positive
    bits: Annotated[int, Field(ge=8, le=16)]
    black_dn: NotNegative

    def __post_init__(self) -> None:
        if self.black_dn >= 2**self.bits:
            raise ValueError(f"black_dn must be below {2**self.bits} for {self.bits} bits, got {self.black_dn:g}")


@dataclass(frozen=True, config=STRICT)
class Efficiency:
    """Electrons per photon at wavelengths: of pixels behind each colour, and of pixels without filter. [nm, 1]"""

    wavelength_nm: tuple[Positive, ...]
    red: tuple[Fraction, ...]
    green: tuple[Fraction, ...]
    blue: tuple[Fraction, ...]
    grey: tuple[Fraction, ...]

    def __post_init__(self) -> None:
        count = len(self.wavelength_nm)
        if count < 2 or any(longer <= shorter for shorter, longer in pairwise(self.wavelength_nm)):
            raise ValueError("wavelength_nm of an efficiency needs 2 or more rising wavelengths")
        for colour in (*COLOURS, "grey"):
            if len(getattr(self, colour)) != count:
                raise ValueError(
                    f"efficiency of {colour} needs {count} values, one for each wavelength, got "
                    f"{len(getattr(self, colour))}"
                )


@dataclass(frozen=True, config=STRICT)
class Camera:
    """A digital camera; see the TOML files in ``data/cameras`` for each number's source."""

    name: str
    description: str
    lens: Lens
    sensor: Sensor
    efficiency: Efficiency

    @property
    def pitch_mm(self) -> float:
        """Of the pixels on the film. [mm]"""
        return 1e-3 * self.sensor.pixel_um / self.lens.magnification


def efficiency_of(camera: Camera, colour: str, wavelength_nm: npt.ArrayLike, emission: npt.ArrayLike) -> float:
    """Electrons per photon of an emission line in pixels of a colour.

    Parameters
    ----------
    camera : Camera
    colour : str
        "red", "green", "blue" or "grey".
    wavelength_nm, emission : (L,) float64
        Wavelengths [nm] and photons at each, on any scale. [1]

    Returns
    -------
    efficiency : float
        [1]

    Raises
    ------
    ValueError
        If there is no such colour, or no light.
    """
    if colour not in (*COLOURS, "grey"):
        raise ValueError(f"a camera's pixels are {', '.join(COLOURS)} or grey, got '{colour}'")
    photons = np.asarray(emission, dtype=np.float64)
    if not photons.sum() > 0:
        raise ValueError("the efficiency of a camera needs light, but the emission is zero everywhere")
    at = np.interp(
        np.asarray(wavelength_nm, np.float64), camera.efficiency.wavelength_nm, getattr(camera.efficiency, colour)
    )
    return float(np.average(at, weights=photons))

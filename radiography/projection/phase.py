"""Phase contrast: the fringe at the edge of a rod by free propagation, before and after the blur of source and film.

A wave behind a rod is diffracted over the way to the film; its fringe is narrow, sqrt(lambda R) with R = R1 R2 /
(R1 + R2), and a source or a film that blurs over more than that washes it out. Where it is washed out, a picture shows
absorption only. The wave is scalar and paraxial, the rod a thin screen that delays and absorbs; everything is one line
across the rod, in coordinates of the rod's own plane.

References
----------
.. [1] Goodman, "Introduction to Fourier optics", chapter 4: Fresnel propagation as a transfer function.
.. [2] Wilkins et al., "Phase-contrast imaging using polychromatic hard X-rays", Nature 384, 335 (1996),
   doi:10.1038/384335a0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from radiography.beam.attenuation import Material, linear_attenuation_per_mm
from radiography.beam.refraction import refractive_decrement, wavelength_mm

LINE_DIAMETERS = 4.0  # length of the line in diameters of the rod: fringes of neighbours do not meet
SAMPLES = 2**17  # of the line
FWHM_PER_SIGMA = 2.0 * np.sqrt(2.0 * np.log(2.0))

FloatArray = npt.NDArray[np.float64]
ComplexArray = npt.NDArray[np.complex128]


@dataclass(frozen=True)
class Propagation:
    """Ways of the wave and what blurs it.

    Attributes
    ----------
    source_to_object_mm, object_to_film_mm : float
        R1 and R2. [mm]
    source_mm : float
        Full width at half maximum of a Gaussian source; 0 is a point. [mm]
    """

    source_to_object_mm: float
    object_to_film_mm: float
    source_mm: float = 0.0

    def __post_init__(self) -> None:
        if not (np.isfinite(self.source_to_object_mm) and self.source_to_object_mm > 0):
            raise ValueError(f"source_to_object_mm must be a positive length, got {self.source_to_object_mm}")
        for name, value in (("object_to_film_mm", self.object_to_film_mm), ("source_mm", self.source_mm)):
            if not (np.isfinite(value) and value >= 0):
                raise ValueError(f"{name} must be zero or a positive length, got {value}")

    @property
    def magnification(self) -> float:
        """Of the object on the film. [1]"""
        return 1.0 + self.object_to_film_mm / self.source_to_object_mm

    @property
    def distance_mm(self) -> float:
        """Way of a plane wave that diffracts alike in the object's plane: R1 R2 / (R1 + R2). [mm]"""
        return self.object_to_film_mm / self.magnification


@dataclass(frozen=True, eq=False)
class EdgeFringe:
    """A rod with and without its phase; 1 is the open field.

    Attributes
    ----------
    x_mm : (N,) float64
        Across the rod, in its plane; 0 is its axis. [mm]
    rays, wave : (N,) float64
        By absorption along straight rays, and of the wave. [1]
    """

    x_mm: FloatArray
    rays: FloatArray
    wave: FloatArray

    @property
    def contrast(self) -> float:
        """Largest difference that the wave makes, over the open field. [1]"""
        return float(np.abs(self.wave - self.rays).max())


def diffracted(behind: ComplexArray, step_mm: float, wavelength_mm: float, distance_mm: float) -> FloatArray:
    """Intensity of a wave some way behind a screen.

    Parameters
    ----------
    behind : (N,) complex128
        Amplitude just behind the screen, over that of the wave that meets it; it goes on periodically. [1]
    step_mm : float
        From sample to sample. [mm]
    wavelength_mm, distance_mm : float
        [mm]

    Returns
    -------
    intensity : (N,) float64
        Its mean is that of the screen: nothing is lost. [1]

    Notes
    -----
    Multiplied by exp(-i pi lambda R f^2) in the domain of frequency [1]_; needs lambda R below the length of the line
    times a step, so that the factor is sampled.

    References
    ----------
    .. [1] Goodman, "Introduction to Fourier optics", chapter 4.
    """
    import scipy.fft

    frequency = scipy.fft.fftfreq(behind.size, step_mm)
    turned = scipy.fft.fft(behind) * np.exp(-1j * np.pi * wavelength_mm * distance_mm * frequency**2)
    intensity: FloatArray = np.abs(scipy.fft.ifft(turned)) ** 2
    return intensity


def rod_fringe(
    material: Material,
    diameter_mm: float,
    energy_keV: npt.ArrayLike,
    weight: npt.ArrayLike,
    propagation: Propagation,
    *,
    length_mm: float | None = None,
    samples: int = SAMPLES,
) -> EdgeFringe:
    """Picture of a rod across its axis with and without its phase, for a whole beam and without blur.

    Parameters
    ----------
    material : Material
        Of the rod; beside it is vacuum.
    diameter_mm : float
        [mm]
    energy_keV, weight : (E,) float64
        Energies [keV], and the share of the film's light that each makes in the open field, on any scale. [1]
    propagation : Propagation
        Distances.
    length_mm : float, optional
        Of the line, which goes on periodically and must hold all blur to come; `LINE_DIAMETERS` without. [mm]
    samples : int
        Of the line; a step must not turn the phase by more than half a turn. [1]

    Returns
    -------
    fringe : EdgeFringe

    Raises
    ------
    ValueError
        If the diameter is not positive or the line not longer, or weights are none or negative.

    Notes
    -----
    Each energy is a wave of its own; intensities add.
    """
    energies, share = np.atleast_1d(np.asarray(energy_keV, np.float64)), np.atleast_1d(np.asarray(weight, np.float64))
    if not (np.isfinite(diameter_mm) and diameter_mm > 0):
        raise ValueError(f"diameter_mm of a rod must be a positive length, got {diameter_mm}")
    if share.shape != energies.shape or not (share >= 0).all() or not share.sum() > 0:
        raise ValueError("weights of a rod's fringe must be one for each energy, none negative, some positive")
    line_mm = LINE_DIAMETERS * diameter_mm if length_mm is None else length_mm
    if not line_mm > diameter_mm:
        raise ValueError(f"length_mm of a line must be above the rod's diameter of {diameter_mm:g} mm, got {length_mm}")
    step_mm = line_mm / samples
    x_mm = np.asarray(step_mm * (np.arange(samples) - samples // 2), dtype=np.float64)
    path_mm = 2.0 * np.sqrt(np.maximum(0.25 * diameter_mm**2 - x_mm**2, 0.0))
    share = share / share.sum()
    attenuation = linear_attenuation_per_mm(material, energies)
    wavelength = wavelength_mm(energies)
    delay = 2.0 * np.pi / wavelength * refractive_decrement(material, energies)
    rays, wave = np.zeros(samples), np.zeros(samples)
    for number in np.flatnonzero(share):
        rays += share[number] * np.exp(-attenuation[number] * path_mm)
        behind = np.exp(-(1j * delay[number] + 0.5 * attenuation[number]) * path_mm)  # ahead: the index is below 1
        wave += share[number] * diffracted(behind, step_mm, float(wavelength[number]), propagation.distance_mm)
    return EdgeFringe(x_mm, rays, wave)


def blur_fringe(
    fringe: EdgeFringe,
    propagation: Propagation,
    film_transfer: Callable[[FloatArray], FloatArray] | None = None,
) -> EdgeFringe:
    """A rod's picture behind the blur of source and film.

    Parameters
    ----------
    fringe : EdgeFringe
        Of `rod_fringe`, at the same distances.
    propagation : Propagation
        Distances and source.
    film_transfer : callable, optional
        Frequencies in the film's plane (F,) [1/mm] to modulation transfer (F,) [1]; none for a film without blur.

    Returns
    -------
    blurred : EdgeFringe

    Notes
    -----
    A source of width s blurs by s R2 / (R1 + R2) in the object's plane, and a frequency there is seen by the film
    divided by the magnification.
    """
    import scipy.fft

    samples = fringe.x_mm.size
    frequency = scipy.fft.rfftfreq(samples, float(fringe.x_mm[1] - fringe.x_mm[0]))
    ratio = propagation.object_to_film_mm / (propagation.source_to_object_mm * propagation.magnification)
    sigma_mm = propagation.source_mm * ratio / FWHM_PER_SIGMA
    transfer = np.exp(-2.0 * (np.pi * sigma_mm * frequency) ** 2)
    if film_transfer is not None:
        transfer = transfer * film_transfer(frequency / propagation.magnification)
    rays, wave = (
        np.asarray(scipy.fft.irfft(scipy.fft.rfft(line) * transfer, n=samples)) for line in (fringe.rays, fringe.wave)
    )
    return EdgeFringe(fringe.x_mm, rays, wave)

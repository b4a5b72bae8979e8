"""Images of duplex wires whose dips follow from transmission, blur and pixel aperture alone, on a grid of 1 um."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from radiography.analysis.detector_qc.duplex import DIAMETERS_MM, RESOLVED

STEP_MM = 0.001


def blurred(
    transmission: NDArray[np.float64], sigma_mm: float, aperture_mm: float, tails: bool = False
) -> NDArray[np.float64]:
    """A profile on the fine grid after a blur, Gaussian or with exponential tails, and a square aperture."""
    frequency = np.fft.rfftfreq(transmission.size, STEP_MM)
    square = 2.0 * (np.pi * sigma_mm * frequency) ** 2
    transfer = (1.0 / (1.0 + square) if tails else np.exp(-square)) * np.sinc(frequency * aperture_mm)
    return np.fft.irfft(np.fft.rfft(transmission) * transfer, transmission.size)


def wires(
    place_mm: NDArray[np.float64], centres_mm: Sequence[float], diameter_mm: float, mu: float
) -> NDArray[np.float64]:
    """Transmission of two wires of a pair at their centres."""
    path = np.zeros_like(place_mm)
    for centre in centres_mm:
        path += 2.0 * np.sqrt(np.maximum((0.5 * diameter_mm) ** 2 - (place_mm - centre) ** 2, 0.0))
    return np.exp(-mu * path)


def true_dip(diameter_mm: float, mu: float, sigma_mm: float, aperture_mm: float, tails: bool = False) -> float:
    """Dip of one pair alone."""
    place = np.arange(-8.0, 8.0, STEP_MM)
    depth = 1.0 - blurred(wires(place, (-diameter_mm, diameter_mm), diameter_mm, mu), sigma_mm, aperture_mm, tails)
    half = depth[np.abs(place) < 3.0 * diameter_mm]
    peak, middle = float(half.max()), float(np.interp(0.0, place, depth))
    return max(1.0 - middle / peak, 0.0)


def true_resolution(mu: float, sigma_mm: float, aperture_mm: float, tails: bool = False) -> float:
    """Diameter whose dip is 20 %. [mm]"""
    from scipy.optimize import brentq

    return float(brentq(lambda d: true_dip(d, mu, sigma_mm, aperture_mm, tails) - RESOLVED, 0.02, 0.9, xtol=1e-5))


def duplex_picture(
    shape: tuple[int, int],
    pitch_mm: float,
    *,
    sigma_mm: float,
    tails: bool = False,
    fill: float = 1.0,
    mu: float = 5.0,
    angle_deg: float = 3.0,
    names: Sequence[str] = tuple(DIAMETERS_MM)[:13],
    spacing_mm: float = 4.0,
    level: float = 10000.0,
    noise: float = 0.0,
    seed: int = 1,
) -> NDArray[np.float64]:
    """Wire pairs across the columns, thickest at the left, tilted."""
    rows, cols = shape
    length = (cols + rows) * pitch_mm
    place = np.arange(-0.5 * length, 0.5 * length, STEP_MM)
    transmission = np.ones_like(place)
    first = -0.5 * spacing_mm * (len(names) - 1)
    for number, name in enumerate(names):
        d = DIAMETERS_MM[name]
        centre = first + number * spacing_mm
        transmission *= wires(place, (centre - d, centre + d), d, mu)
    angle = np.radians(angle_deg)
    profile = blurred(transmission, sigma_mm, pitch_mm * fill * np.cos(angle), tails)
    y, x = np.mgrid[:rows, :cols] - np.array([0.5 * (rows - 1), 0.5 * (cols - 1)])[:, None, None]
    picture = level * np.interp((x * np.cos(angle) - y * np.sin(angle)) * pitch_mm, place, profile)
    return picture + noise * np.random.default_rng(seed).standard_normal(shape)

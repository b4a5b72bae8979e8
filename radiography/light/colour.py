"""Colour of light: chromaticity in the CIE 1931 chart, and how much of the chart three lights can mix.

The colour matching functions are those of the library colour-science (BSD-3-Clause), the extra ``paper``.
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

NEEDED = "colours need colour-science: pip install 'radiography[paper]'"
NTSC = ((0.67, 0.33), (0.21, 0.71), (0.14, 0.08))  # primaries of NTSC 1953, ITU-R BT.470-6 system M

FloatArray = npt.NDArray[np.float64]


@functools.cache
def matching_functions() -> tuple[FloatArray, FloatArray]:
    """Colour matching functions of the CIE 1931 2 degree observer.

    Returns
    -------
    wavelength_nm : (L,) float64
        360 to 830 in steps of 1. [nm]
    matching : (L, 3) float64
        x, y and z bar. [1]

    Raises
    ------
    ValueError
        If colour-science is not installed.
    """
    try:
        from colour.colorimetry import MSDS_CMFS
    except ImportError as error:
        raise ValueError(NEEDED) from error
    observer = MSDS_CMFS["CIE 1931 2 Degree Standard Observer"]
    return np.array(observer.wavelengths, dtype=np.float64), np.array(observer.values, dtype=np.float64)


def chromaticity(wavelength_nm: npt.ArrayLike, photons: npt.ArrayLike) -> tuple[float, float]:
    """Chromaticity x, y of a spectrum that is given as photons per nm.

    Parameters
    ----------
    wavelength_nm : (L,) float64
        Evenly spaced. [nm]
    photons : (L,) float64
        Photons per nm on any scale; each carries a power that falls as 1 / wavelength. [1]

    Returns
    -------
    x, y : float
        [1]

    Raises
    ------
    ValueError
        If nothing of the spectrum is visible, or colour-science is not installed.
    """
    wavelength = np.asarray(wavelength_nm, dtype=np.float64)
    power = np.asarray(photons, dtype=np.float64) / wavelength
    at, matching = matching_functions()
    seen = np.array([np.interp(wavelength, at, column, left=0.0, right=0.0) @ power for column in matching.T])
    total = float(seen.sum())
    if total <= 0:
        raise ValueError(f"nothing of the spectrum from {wavelength.min():g} to {wavelength.max():g} nm is visible")
    return float(seen[0] / total), float(seen[1] / total)


def spectrum_locus() -> FloatArray:
    """Chromaticity of single wavelengths from 390 to 700 nm, (L, 2). [1]"""
    at, matching = matching_functions()
    shown = (at >= 390) & (at <= 700)
    return np.asarray(matching[shown, :2] / matching[shown].sum(axis=1, keepdims=True))


def gamut_area(corners: npt.ArrayLike) -> float:
    """Area of the chart that three lights span, (3, 2) corners in x and y. [1]"""
    (x0, y0), (x1, y1), (x2, y2) = np.asarray(corners, dtype=np.float64)
    return float(0.5 * abs((x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)))

"""Tone: the curve from attenuation to display counts, the window on the object, and grey values of a monitor.

A picture for presentation has one straight window, because that is what all viewers draw alike; its tone curve lies in
the pixels. What comes out of the window are P-Values: equal steps look equal on a reading monitor [1]_. Other monitors
follow sRGB [2]_ and would show the middle too light, so that a PNG has a curve of its own.

References
----------
.. [1] DICOM PS3.14, Grayscale Standard Display Function, section 7.1.
.. [2] IEC 61966-2-1, sRGB.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radiography.presentation.noise import NoiseTables
from radiography.presentation.pyramid import Plane
from radiography.presentation.steps import Curve, Logarithm, Window

DISPLAY_MAXIMUM = 2**14 - 1
KNOTS = 8192  # of the curve, joined by straight lines   # chosen: steps of 0.001
DARKEST_CD_M2, BRIGHTEST_CD_M2 = 1.0, 350.0  # of a reading monitor   # assumed: usual for diagnostics
NOISE_WIDTHS = 10.0  # standard deviations of a pixel that a window is wide at least   # chosen
# PS3.14 section 7.1: ln of the JND index -> log10 of luminance, numerator and denominator.
_ABOVE = (-1.3011877, 8.0242636e-2, 1.3646699e-1, -2.5468404e-2, 1.3635334e-3)
_BELOW = (1.0, -2.5840191e-2, -1.0320229e-1, 2.8745620e-2, -3.1978977e-3, 1.2992634e-4)


def span_of(logarithm: Logarithm) -> tuple[float, float]:
    """Attenuation of count 0 and of the largest count. [1]"""
    return -logarithm.headroom, logarithm.decades * float(np.log(10.0))


def choose_window(
    attenuation: Plane, shows_object: NDArray[np.bool_] | None, window: Window, noise: NoiseTables | None = None
) -> tuple[float, float]:
    """Attenuation that is shown black, and that which is shown white.

    Parameters
    ----------
    attenuation : (h, w) float32
        Of blocks of pixels, so that their noise counts little. [1]
    shows_object : (h, w) bool or None
        Blocks of the object; all without it.
    window : Window
    noise : NoiseTables, optional
        Of the picture's bands: a window is ten times as wide as the noise of the finest one, at least.

    Returns
    -------
    low, high : float
        [1]
    """
    shown = attenuation if shows_object is None or not shows_object.any() else attenuation[shows_object]
    at = (window.low_percent, 50.0, 100.0 * (1.0 - window.least_part))
    low, median, high = (float(value) for value in np.percentile(shown, at))
    if median > 0:
        high = max(min(high, window.reach * median), median)
    middle, width = 0.5 * (low + high), max(high - low, 0.0) * (1.0 + 2.0 * window.margin)
    if noise is not None:
        width = max(width, NOISE_WIDTHS * float(np.sqrt(noise.at(median)[0])))
    width = max(width, window.least_width)
    return middle - 0.5 * width, middle + 0.5 * width


def tone_curve(
    span: tuple[float, float], shown: tuple[float, float], curve: Curve
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Knots of the curve: attenuation, and display counts that rise with it.

    Parameters
    ----------
    span : (float, float)
        Attenuation of count 0 and of the largest count. [1]
    shown : (float, float)
        Window, in attenuation. [1]
    curve : Curve

    Returns
    -------
    attenuation, counts : (K,) float64
        [1]
    """
    if not curve.on or curve.bend == 0:
        return np.array(span), np.array([0.0, DISPLAY_MAXIMUM])
    at = np.linspace(*span, KNOTS)
    bent = np.arctan(curve.bend * ((at - shown[0]) / (shown[1] - shown[0]) - curve.middle))
    return at, DISPLAY_MAXIMUM * (bent - bent[0]) / (bent[-1] - bent[0])


def as_counts(
    attenuation: Plane, knots: tuple[NDArray[np.float64], NDArray[np.float64]], lit: NDArray[np.int64] | None = None
) -> NDArray[np.uint16]:
    """Display counts of each pixel; 0 where collimators shadow.

    Parameters
    ----------
    attenuation : (H, W) float32
        [1]
    knots : tuple of (K,) float64
        From `tone_curve`, evenly spaced.
    lit : (H, 2) int64, optional
        First and end column of each row that collimators left in the light.

    Returns
    -------
    counts : (H, W) uint16
        [1]
    """
    from radiography.presentation.curve_kernel import look_up

    counts = np.empty(attenuation.shape, np.uint16)
    look_up(attenuation, np.asarray(knots[1]), (float(knots[0][0]), float(knots[0][-1])), counts)
    if lit is not None:
        for row, (first, stop) in zip(counts, lit, strict=True):
            row[:first] = 0
            row[stop:] = 0
    return counts


def monitor_grey(display: NDArray[np.uint16], center: int, width: int) -> NDArray[np.uint8]:
    """Grey values for a monitor that follows sRGB, which then looks as a reading monitor does.

    Parameters
    ----------
    display : (H, W) uint16
        Counts of a picture. [1]
    center, width : int
        Its window. [1]

    Returns
    -------
    grey : (H, W) uint8
        sRGB codes. [1]
    """
    counts = np.arange(int(display.max()) + 1, dtype=np.float64)
    shown = np.clip((counts - (center - 0.5)) / max(width - 1, 1) + 0.5, 0.0, 1.0)  # PS3.3 C.11.2.1.2.1
    return np.asarray(np.round(255.0 * srgb_of_p_value(shown)).astype(np.uint8)[display])


def srgb_of_p_value(p_value: NDArray[np.float64]) -> NDArray[np.float64]:
    """sRGB signal, 0 to 1, that gives the luminance of a P-Value, 0 to 1, between the same black and white."""
    lowest, highest = (_index_of(level) for level in (DARKEST_CD_M2, BRIGHTEST_CD_M2))
    luminance = _luminance_of(lowest + p_value * (highest - lowest))
    linear = np.clip((luminance - DARKEST_CD_M2) / (BRIGHTEST_CD_M2 - DARKEST_CD_M2), 0.0, 1.0)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def _luminance_of(index: NDArray[np.float64]) -> NDArray[np.float64]:
    """Luminance of a just-noticeable-difference index of 1 to 1023. [cd/m^2]"""
    logarithm = np.log(index)
    above, below = (np.polynomial.polynomial.polyval(logarithm, terms) for terms in (_ABOVE, _BELOW))
    return np.asarray(10.0 ** (above / below))


def _index_of(luminance_cd_m2: float) -> float:
    every = np.arange(1.0, 1024.0)
    return float(np.interp(luminance_cd_m2, _luminance_of(every), every))

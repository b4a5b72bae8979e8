"""The inverse dose response, applied and undone: from the signal of a pixel to its exposure, and back.

What `multi_dose.py` learned is a polynomial without a constant for every pixel, corrected = r (g + r (c0 + r c1)),
r the offset- and lag-corrected signal. Negative signals stay negative. Above `limit_dn` the curve goes on along its
tangent there, so that a cubic never turns over where no flat has been.

Every value is float32 and every operation is rounded to float32, in this order, so that any other kernel can give
the same bits (a straight line stops after the second step of the first line and multiplies, r * g):

    inside:  v = c0 + r*c1 (order 3; else v = c0);  v = g + r*v;  corrected = r*v
    slope:   v = 2*c0 + r*(3*c1) (order 3; else v = 2*c0);  slope = g + r*v
    beyond:  corrected = inside(limit) + (r - limit)*slope(limit)

A fused multiply-add is a different operation and gives different bits; numba without fastmath makes none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

# Half of the pixels exceed the panel's highest level in the very flats that set it: by their own response, 2 to 5 %,
# and by noise. The calibration counts as left above this multiple of that level.   # chosen
EXTRAPOLATION_MARGIN = 1.05


def extrapolation_limit(levels_dn: Sequence[float]) -> float:
    """Signal above which a calibration from these doses is extrapolated; none for a single dose. [DN]

    One dose makes no statement about linearity anywhere, so nothing is more extrapolated than the rest: infinite.
    """
    return EXTRAPOLATION_MARGIN * max(levels_dn) if len(levels_dn) > 1 else float("inf")


def extrapolated(signal_dn: NDArray[Any], limit_dn: float) -> NDArray[np.bool_]:
    """Where the signal lies above the doses of the calibration.

    Parameters
    ----------
    signal_dn : (H, W)
        Offset- and lag-corrected; taken as float32. [DN]
    limit_dn : float
        From `extrapolation_limit`. [DN]

    Returns
    -------
    above : (H, W) bool
    """
    return np.asarray(np.asarray(signal_dn, np.float32) > np.float32(limit_dn))


def apply_gain(
    signal_dn: NDArray[Any],
    gain: NDArray[np.float32],
    curvature: NDArray[np.float32] | None = None,
    limit_dn: float = float("inf"),
) -> NDArray[np.float32]:
    """Exposure of each pixel on the panel's common scale, from its own signal.

    Parameters
    ----------
    signal_dn : (H, W)
        Offset- and lag-corrected, signed; taken as float32. Not written to. [DN]
    gain : (H, W) float32
        g, slope at zero signal. [1]
    curvature : (C - 1, H, W) float32, optional
        c0 and, for order 3, c1. [1/DN, 1/DN2]
    limit_dn : float
        Signal above which the curve continues along its tangent, from `extrapolation_limit`. [DN]

    Returns
    -------
    corrected_dn : (H, W) float32
        [DN]

    Raises
    ------
    ValueError
        If shapes differ, the curvature has neither one nor two planes, or the limit is not positive.
    TypeError
        If gain or curvature are not float32.
    """
    signal, curves = _checked(signal_dn, gain, curvature, limit_dn)
    corrected = np.empty(signal.shape, np.float32)
    _apply_gain(signal, gain, curves, np.float32(limit_dn), corrected)
    return corrected


def slope(
    signal_dn: NDArray[Any],
    gain: NDArray[np.float32],
    curvature: NDArray[np.float32] | None = None,
    limit_dn: float = float("inf"),
) -> NDArray[np.float32]:
    """Change of the corrected value with the signal, which carries noise from one to the other.

    Parameters
    ----------
    signal_dn, gain, curvature, limit_dn
        As for `apply_gain`.

    Returns
    -------
    slope : (H, W) float32
        [1]

    Raises
    ------
    ValueError, TypeError
        As `apply_gain`.
    """
    signal, curves = _checked(signal_dn, gain, curvature, limit_dn)
    steepness = np.empty(signal.shape, np.float32)
    _slope(signal, gain, curves, np.float32(limit_dn), steepness)
    return steepness


def undo_gain(
    corrected_dn: NDArray[Any],
    gain: NDArray[np.float32],
    curvature: NDArray[np.float32] | None = None,
    limit_dn: float = float("inf"),
) -> NDArray[np.float32]:
    """The signal that `apply_gain` made this corrected value from.

    Newton's iteration in float64, held inside the bracket that the signs of its errors leave, to the rounding of
    float32: what remains is the rounding of `corrected_dn` itself, 2e-7 of the signal, 0.01 DN at 65,535. Adding the
    offset and rounding to whole DN gives the raw number back exactly.

    Parameters
    ----------
    corrected_dn : (H, W)
        [DN]
    gain, curvature, limit_dn
        As given to `apply_gain`; each curve must rise up to the limit.

    Returns
    -------
    signal_dn : (H, W) float32
        NaN only where the corrected value is NaN, or below everything that the pixel's curve can give. [DN]

    Raises
    ------
    ValueError, TypeError
        As `apply_gain`.
    """
    corrected, curves = _checked(corrected_dn, gain, curvature, limit_dn)
    signal = np.empty(corrected.shape, np.float32)
    _undo_gain(corrected, gain, curves, np.float32(limit_dn), signal)
    return signal


def _checked(
    image: NDArray[Any], gain: NDArray[np.float32], curvature: NDArray[np.float32] | None, limit_dn: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The image as contiguous float32 and the curvature as a stack, empty for a straight line; or an error."""
    if not limit_dn > 0:
        raise ValueError(f"limit_dn must be positive, got {limit_dn}")
    if np.shape(image) != gain.shape or gain.ndim != 2:
        raise ValueError(f"the gain map is {gain.shape} but the image is {np.shape(image)}")
    curves = np.empty((0, *gain.shape), np.float32) if curvature is None else curvature
    for name, planes in (("gain", gain), ("curvature", curves)):
        if planes.dtype != np.float32:
            raise TypeError(f"{name} must be float32, got {planes.dtype}")
    if curvature is not None and (curves.shape[1:] != gain.shape or len(curves) not in (1, 2)):
        raise ValueError(f"curvature is {curves.shape} but (1 or 2, {gain.shape[0]}, {gain.shape[1]}) is needed")
    return np.ascontiguousarray(image, np.float32), curves


@njit(cache=True)
def _inside(r: np.float32, g: np.float32, c0: np.float32, c1: np.float32, order: int) -> np.float32:
    """The polynomial in float32 by Horner's rule; coefficients of a lower order are not touched."""
    if order == 1:
        return r * g
    if order == 2:
        return r * (g + r * c0)
    return r * (g + r * (c0 + r * c1))


@njit(cache=True)
def _steepness(r: np.float32, g: np.float32, c0: np.float32, c1: np.float32, order: int) -> np.float32:
    """Its derivative in float32."""
    if order == 1:
        return g
    if order == 2:
        return g + r * (np.float32(2.0) * c0)
    return g + r * (np.float32(2.0) * c0 + r * (np.float32(3.0) * c1))


@njit(parallel=True, cache=True)
def _apply_gain(
    signal: NDArray[np.float32],
    gain: NDArray[np.float32],
    curves: NDArray[np.float32],
    limit: np.float32,
    out: NDArray[np.float32],
) -> None:
    """(H, W) and (C - 1, H, W) float32; writes every element of `out`."""
    order = curves.shape[0] + 1
    for i in prange(signal.shape[0]):
        for j in range(signal.shape[1]):
            r, g = signal[i, j], gain[i, j]
            c0 = curves[0, i, j] if order > 1 else np.float32(0.0)
            c1 = curves[1, i, j] if order > 2 else np.float32(0.0)
            if r > limit:
                out[i, j] = _inside(limit, g, c0, c1, order) + (r - limit) * _steepness(limit, g, c0, c1, order)
            else:
                out[i, j] = _inside(r, g, c0, c1, order)


@njit(parallel=True, cache=True)
def _slope(
    signal: NDArray[np.float32],
    gain: NDArray[np.float32],
    curves: NDArray[np.float32],
    limit: np.float32,
    out: NDArray[np.float32],
) -> None:
    """(H, W) and (C - 1, H, W) float32; writes every element of `out`."""
    order = curves.shape[0] + 1
    for i in prange(signal.shape[0]):
        for j in range(signal.shape[1]):
            c0 = curves[0, i, j] if order > 1 else np.float32(0.0)
            c1 = curves[1, i, j] if order > 2 else np.float32(0.0)
            out[i, j] = _steepness(min(signal[i, j], limit), gain[i, j], c0, c1, order)


@njit(parallel=True, cache=True)
def _undo_gain(
    corrected: NDArray[np.float32],
    gain: NDArray[np.float32],
    curves: NDArray[np.float32],
    limit: np.float32,
    out: NDArray[np.float32],
) -> None:
    """(H, W) and (C - 1, H, W) float32; writes every element of `out`. float64 inside."""
    order = curves.shape[0] + 1
    for i in prange(corrected.shape[0]):
        for j in range(corrected.shape[1]):
            y, g = float(corrected[i, j]), float(gain[i, j])
            c0 = float(curves[0, i, j]) if order > 1 else 0.0
            c1 = float(curves[1, i, j]) if order > 2 else 0.0
            end = float(limit)
            if np.isfinite(end):
                top = end * (g + end * (c0 + end * c1))
                if y > top:
                    out[i, j] = end + (y - top) / (g + end * (2.0 * c0 + end * (3.0 * c1)))
                    continue
            low, high = -np.inf, end
            r = min(y / g, end)
            error = np.inf
            for _ in range(60):
                error = r * (g + r * (c0 + r * c1)) - y
                if error > 0.0:
                    high = r
                elif error < 0.0:
                    low = r
                else:
                    break
                steepness = g + r * (2.0 * c0 + r * (3.0 * c1))
                step = -error / steepness if steepness > 0.0 else np.nan
                following = r + step
                if not (low <= following <= high):  # also where there is no slope
                    if not (np.isfinite(low) and np.isfinite(high)):
                        break
                    following = 0.5 * (low + high)
                if abs(following - r) <= 1e-10 * abs(r):
                    r = following
                    error = 0.0
                    break
                r = following
            out[i, j] = r if abs(error) <= 1e-7 * abs(y) else np.nan

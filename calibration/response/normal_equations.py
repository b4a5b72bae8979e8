"""Normal equations of the inverse dose response of every pixel, gathered dose by dose in constant memory.

With u = r / unit and the departure y = x / unit - u from a pixel of gain one, what is held of all doses is, for each
pixel and an order up to C, the sums of w u^2 ... w u^2C, of w y u ... w y u^C and of w y^2: 3 C planes of float64.
Departures instead of x itself save the digits of a small chi-square. Weights are inverse variances of the mean flat,
w = 1 / ((sD^2 + k r) / N + s0^2) with the dark noise sD, the photon-transfer slope k, the flats N and the error of
the offset s0; the slope of the curve itself, nearly constant for a pixel, divides the result.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

_NO_VARIANCE_DN2 = 1e-30  # of frames without noise: keeps their weights finite   # chosen


class DoseNumbers(NamedTuple):
    """What one dose is for all pixels.

    Level and target of the panel [DN]; slope of the target against the level [1]; flats in the mean [1]; variance of
    one pixel in a dark frame [DN2], its growth with the signal [DN], and variance of the offset map. [DN2]
    """

    level_dn: float
    target_dn: float
    steepness: float
    frames: int
    dark_variance: float
    variance_per_dn: float
    offset_variance: float


class NormalEquations(NamedTuple):
    """Running sums over doses for every pixel of one panel, for orders up to C.

    ``unit_dn`` is the unit of u [DN]; ``sums`` (3 C, H, W); ``doses`` (H, W) in which the pixel was not saturated;
    ``excess_noise`` (H, W) sum of (N - 1) measured variance over that of the model; ``freedom`` (H, W) sum of N - 1.
    """

    highest_order: int
    unit_dn: float
    sums: NDArray[np.float64]
    doses: NDArray[np.uint8]
    excess_noise: NDArray[np.float32]
    freedom: NDArray[np.uint16]

    def add(self, response: NDArray[np.float64], scatter: NDArray[np.float32] | None, dose: DoseNumbers) -> None:
        """Add one dose: mean signal over level, NaN where saturated, and scatter of one flat over level. [1]"""
        _add_dose(
            response,
            np.empty((0, 0), np.float32) if scatter is None else scatter,
            dose._replace(dark_variance=max(dose.dark_variance, _NO_VARIANCE_DN2)),
            1.0 / dose.steepness**2,
            self,
        )

    def every(self, step: int) -> NormalEquations:
        """Those of every n-th row and column, copied."""
        return NormalEquations(
            highest_order=self.highest_order,
            unit_dn=self.unit_dn,
            sums=np.ascontiguousarray(self.sums[:, ::step, ::step]),
            doses=np.ascontiguousarray(self.doses[::step, ::step]),
            excess_noise=np.ascontiguousarray(self.excess_noise[::step, ::step]),
            freedom=np.ascontiguousarray(self.freedom[::step, ::step]),
        )

    def noise_ratio(self) -> NDArray[np.float32]:
        """Variance of each pixel from flat to flat over that of the model; 1 where no dose had two flats. [1]"""
        return np.divide(
            self.excess_noise, self.freedom, out=np.ones(self.doses.shape, np.float32), where=self.freedom > 0
        )


def no_equations(shape: tuple[int, int], highest_order: int, unit_dn: float) -> NormalEquations:
    """Equations of a panel before the first dose.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns. [1]
    highest_order : int
        Of the fits that will be made of them. [1]
    unit_dn : float
        Signal that counts as one, such as that at saturation. [DN]

    Returns
    -------
    equations : NormalEquations
    """
    return NormalEquations(
        highest_order=highest_order,
        unit_dn=float(unit_dn),
        sums=np.zeros((3 * highest_order, *shape), np.float64),
        doses=np.zeros(shape, np.uint8),
        excess_noise=np.zeros(shape, np.float32),
        freedom=np.zeros(shape, np.uint16),
    )


class PixelFits(NamedTuple):
    """Solution of the normal equations.

    Attributes
    ----------
    coefficients : (C, H, W) float32
        Of r, r^2, r^3; 0 where there are fewer doses than coefficients. [1, 1/DN, 1/DN2]
    chi_square : (H, W) float32
        Not reduced. [1]
    response : (H, W) float32
        Signal over target, weighted over the doses. [1]
    signal_to_noise : (H, W) float32
        Of all doses together, by the noise model: a relative misfit of one over this raises chi-square by 1. [1]
    least_slope : (H, W) float32
        Smallest slope of the curve up to saturation, over the slope at zero. [1]
    """

    coefficients: NDArray[np.float32]
    chi_square: NDArray[np.float32]
    response: NDArray[np.float32]
    signal_to_noise: NDArray[np.float32]
    least_slope: NDArray[np.float32]


def solve_equations(equations: NormalEquations, order: int, range_dn: NDArray[np.float32]) -> PixelFits:
    """Weighted least squares of every pixel by Cholesky's decomposition.

    A pixel of response q never sees more than q times the range of the panel, the median of `range_dn`: a bare
    photodiode's curve need not rise up to a signal that would take twenty times the exposure.

    Parameters
    ----------
    equations : NormalEquations
        Of all doses.
    order : int
        Coefficients of each pixel, at most that of the equations. [1]
    range_dn : (H, W) float32
        Signal of each pixel at saturation. [DN]

    Returns
    -------
    fits : PixelFits
    """
    shape = equations.doses.shape
    coefficients = np.empty((order, *shape), np.float32)
    fits = PixelFits(coefficients, *(np.empty(shape, np.float32) for _ in range(4)))
    _solve_pixels(equations, order, range_dn, float(np.median(range_dn)), fits)
    return fits


@njit(parallel=True, cache=True)
def _add_dose(
    response: NDArray[np.float64],
    scatter: NDArray[np.float32],
    dose: DoseNumbers,
    weight: float,
    equations: NormalEquations,
) -> None:
    """Adds to the equations where the response (H, W) is a number; `scatter` is (H, W), or empty where not known."""
    level, target, _, frames, dark, per_dn, offset_variance = dose
    order, unit, sums, doses, excess, freedom = equations
    known = scatter.shape[0] > 0
    for i in prange(response.shape[0]):
        for j in range(response.shape[1]):
            r = response[i, j] * level
            if np.isnan(r):
                continue
            variance = dark + per_dn * max(r, 0.0)
            w = weight * unit * unit / (variance / frames + offset_variance)
            u = r / unit
            y = target / unit - u
            power = w * u * u
            for k in range(2 * order - 1):
                sums[k, i, j] += power
                power *= u
            power = w * y * u
            for k in range(order):
                sums[2 * order - 1 + k, i, j] += power
                power *= u
            sums[3 * order - 1, i, j] += w * y * y
            doses[i, j] += 1
            if known:
                excess[i, j] += (frames - 1) * (scatter[i, j] * level) ** 2 / variance
                freedom[i, j] += frames - 1


@njit(parallel=True, cache=True)
def _solve_pixels(
    equations: NormalEquations, order: int, range_dn: NDArray[np.float32], panel_range: float, fits: PixelFits
) -> None:
    """Writes every element of `fits`."""
    highest, unit, sums, doses, _, _ = equations
    coefficients, chi_square, response, snr, least_slope = fits
    for i in prange(doses.shape[0]):
        lower = np.zeros((3, 3))
        c = np.zeros(3)
        for j in range(doses.shape[1]):
            s2, sy, yy = sums[0, i, j], sums[2 * highest - 1, i, j], sums[3 * highest - 1, i, j]
            xx = yy + 2.0 * sy + s2  # sum of w x^2
            response[i, j] = (s2 + sy) / xx if xx > 0.0 else 0.0
            good = doses[i, j] >= order
            for a in range(order):  # decompose
                for b in range(a + 1):
                    value = sums[a + b, i, j]
                    for k in range(b):
                        value -= lower[a, k] * lower[b, k]
                    if a > b:
                        lower[a, b] = value / lower[b, b] if good else 0.0
                    elif good and value > 1e-13 * sums[2 * a, i, j]:
                        lower[a, a] = np.sqrt(value)
                    else:
                        good = False
                        lower[a, a] = 1.0
            if not good:
                for a in range(order):
                    coefficients[a, i, j] = 0.0
                chi_square[i, j] = 0.0
                snr[i, j] = 0.0
                least_slope[i, j] = 0.0
                continue
            for a in range(order):  # forward, then back
                value = sums[2 * highest - 1 + a, i, j]
                for k in range(a):
                    value -= lower[a, k] * c[k]
                c[a] = value / lower[a, a]
            for back in range(order):
                a = order - 1 - back
                value = c[a]
                for k in range(a + 1, order):
                    value -= lower[k, a] * c[k]
                c[a] = value / lower[a, a]
            left = yy
            for a in range(order):
                left -= c[a] * sums[2 * highest - 1 + a, i, j]
            slope = 1.0 + c[0]
            c2 = c[1] / unit if order > 1 else 0.0
            c3 = c[2] / unit**2 if order > 2 else 0.0
            chi_square[i, j] = max(left, 0.0) / slope**2
            snr[i, j] = np.sqrt(xx) / abs(slope)
            coefficients[0, i, j] = slope
            if order > 1:
                coefficients[1, i, j] = c2
            if order > 2:
                coefficients[2, i, j] = c3
            end = min(range_dn[i, j], panel_range * max(response[i, j], 0.0))
            least = min(slope, slope + end * (2.0 * c2 + end * 3.0 * c3))
            if c3 > 0.0 and 0.0 < -c2 / (3.0 * c3) < end:
                least = min(least, slope - c2 * c2 / (3.0 * c3))
            least_slope[i, j] = least / abs(slope)

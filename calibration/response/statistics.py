"""Statistics of a series of doses: its noise, the order its fit needs, and what the fit leaves.

Noise and order come from every n-th pixel of each dose, a quarter of a million: enough for a variance to 0.3 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.flags import DEAD, NON_LINEAR, SATURATED
from calibration.response.apply import apply_gain, slope
from calibration.response.normal_equations import NormalEquations, PixelFits, solve_equations
from calibration.response.single_dose import LEAST_RESPONSE

FALSE_ALARM = 1e-8  # fraction of good pixels whose chi-square may pass for non-linear   # chosen: 0.1 of 9.4 million
# Least misfit, relative and weighted, for a pixel to be called non-linear: a fifth of the 1 % of E2597, for the weights
# favour high doses, and at the lowest the pixel may be off by ten times as much.   # chosen
MATERIAL_MISFIT = 0.002
# And at least this many times the panel's median, where the order is too low for all pixels: 5.7 standard deviations
# of a normal distribution, which FALSE_ALARM of its values exceed, over its median absolute deviation.
MISFIT_FACTOR = 8.5
LEAST_TESTED_RESPONSE = 0.5  # without two flats at a dose, darker pixels' own noise is unknown: not tested   # chosen
ORDER_GAIN = 2.0  # a further coefficient must lower chi-square by this on average: Akaike; 1 is fitting noise
_NOISY_FACTOR = 3.0  # pixels beyond this multiple of the typical scatter are left out of variances


@dataclass(frozen=True, eq=False)
class DoseSample:
    """What is held of one dose for the statistics of the whole panel.

    Attributes
    ----------
    level_dn : float
        Of the panel. [DN]
    frames : int
        Flats. [1]
    variance_per_dn : float
        Variance of one flat there beyond that of a dark frame, over the level. [DN]
    mean : (h, w) float32
        Mean flat over the level, of every n-th pixel. [1]
    scatter : (h, w) float32 or None
        Standard deviation of one flat over the level; None from a single flat. [1]
    """

    level_dn: float
    frames: int
    variance_per_dn: float
    mean: NDArray[np.float32]
    scatter: NDArray[np.float32] | None


def variance_slope(samples: Sequence[DoseSample], dark_variance: float) -> float:
    """Slope of the photon-transfer line through the dark variance, fitted with equal relative errors.

    All doses with two flats or more count; where there is none, the smallest slope of a dose is taken.

    Parameters
    ----------
    samples : sequence of DoseSample
        One for each dose.
    dark_variance : float
        Of one dark frame. [DN2]

    Returns
    -------
    slope : float
        Variance of one flat is the dark variance plus this times the signal. [DN]
    """
    known = [sample for sample in samples if sample.scatter is not None]
    if not known:
        return min(sample.variance_per_dn for sample in samples)
    level = np.array([sample.level_dn for sample in known])
    signal_variance = np.array([sample.variance_per_dn for sample in known]) * level
    weight = (
        np.array([sample.frames - 1.0 for sample in known]) / np.maximum(signal_variance + dark_variance, 1e-12) ** 2
    )
    return float(np.sum(weight * level * signal_variance) / np.sum(weight * level**2))


def calibration_variance(
    samples: Sequence[DoseSample], dark_variance: float, offset_variance: float, order: int, level_dn: float
) -> tuple[float, ...]:
    """Variance that the fit leaves in every later frame, as a polynomial in u = signal / `level_dn`.

    phi(u)' Cov phi(u) for the flats, phi = (u, u^2, u^3), and (1 - h(u))^2 s0^2 for the offset: its error shifts frame
    and flats alike, and h is what the fit makes of a common shift. For one dose this is (1 - u)^2 and u^2. On the scale
    of the signal, for the pixel of gain 1; the panel's own curvature is left out.

    Parameters
    ----------
    samples : sequence of DoseSample
        One for each dose.
    dark_variance, offset_variance : float
        Of one dark frame, and s0^2 of the offset map. [DN2]
    order : int
        Coefficients of the fit, C. [1]
    level_dn : float
        Signal at which u is 1. [DN]

    Returns
    -------
    coefficients : tuple of 2 C + 1 float
        Of u^0 ... u^2C. [DN2]
    """
    phi, inverse, weight, flats = _system(samples, dark_variance, offset_variance, order, level_dn)
    part = inverse @ (phi * weight[:, None]).T
    covariance = (part * flats) @ part.T
    left = np.concatenate([[1.0], -part.sum(axis=1)])
    total = offset_variance * np.convolve(left, left)
    for i in range(order):
        for j in range(order):
            total[i + j + 2] += covariance[i, j]
    return tuple(total.tolist())


def residual_pattern(
    samples: Sequence[DoseSample],
    targets_dn: Sequence[float],
    gain: NDArray[np.float32],
    curvature: NDArray[np.float32] | None,
    good: NDArray[np.bool_],
    dark_variance: float,
    offset_variance: float,
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Fixed pattern of the corrected mean flats beyond their noise, relative to the dose, and its standard error.

    The noise that is subtracted is measured from flat to flat at each dose, less what the fit has taken up of it
    (its leverage). Pixels over three times as noisy as the typical one are left out.

    Parameters
    ----------
    samples : sequence of DoseSample
        One for each dose.
    targets_dn : sequence of float
        What the corrected mean should be. [DN]
    gain, curvature : (h, w), (C - 1, h, w) float32
        Of the pixels of the samples.
    good : (h, w) bool
        Which of them count.
    dark_variance, offset_variance : float
        Of one dark frame and of the offset map. [DN2]

    Returns
    -------
    pattern, error : tuple of float
        For each dose; empty where no pixel is good. [1]
    """
    good = good.copy()
    for sample in samples:
        if sample.scatter is not None and good.any():
            good &= sample.scatter <= _NOISY_FACTOR * np.median(sample.scatter[good])
    pixels = int(np.count_nonzero(good))
    if pixels < 2:
        return (), ()
    order = 1 if curvature is None else len(curvature) + 1
    level_dn = max(sample.level_dn for sample in samples)
    phi, inverse, weight, flats = _system(samples, dark_variance, offset_variance, order, level_dn)
    total, freedom = [], []
    for k, sample in enumerate(samples):
        signal_dn = (sample.mean * np.float32(sample.level_dn)).astype(np.float32)
        corrected = apply_gain(signal_dn, gain, curvature)[good].astype(np.float64) / targets_dn[k]
        steepness = slope(signal_dn, gain, curvature)[good].astype(np.float64) * sample.level_dn / targets_dn[k]
        noise = flats[k] * np.mean(steepness**2) / sample.level_dn**2
        if sample.scatter is not None:
            noise = float(np.mean((steepness * sample.scatter[good]) ** 2)) / sample.frames
        flats[k] = noise * targets_dn[k] ** 2
        total.append(float(np.var(corrected)))
        freedom.append(sample.frames - 1 if sample.scatter is not None else 1)
    left = np.eye(len(samples)) - phi @ inverse @ (phi * weight[:, None]).T
    expected = (left**2) @ flats + offset_variance * left.sum(axis=1) ** 2
    pattern, errors = [], []
    for k, target_dn in enumerate(targets_dn):
        explained = expected[k] / target_dn**2
        found = max(total[k] - explained, 0.0)
        error = np.sqrt(2.0 / pixels * (total[k] ** 2 + explained**2 / freedom[k]))
        pattern.append(float(np.sqrt(found)))
        errors.append(float(np.sqrt(found + error) - np.sqrt(found)))
    return tuple(pattern), tuple(errors)


def lowest_sufficient_order(equations: NormalEquations, doses: int) -> int:
    """Order of the fit from pixels that have all doses: raised while that lowers chi-square by more than noise does.

    Parameters
    ----------
    equations : NormalEquations
        Of some pixels, for the highest order that is tried.
    doses : int
        Number of doses; the order is below it, and 3 at most. [1]

    Returns
    -------
    order : int
        1, 2 or 3. [1]
    """
    squares: list[NDArray[np.float32]] = []
    tried = range(1, min(3, doses - 1) + 1)
    for order in tried:
        fits = solve_equations(equations, order, np.ones(equations.doses.shape, np.float32))
        good = (equations.doses == doses) & (fits.response > LEAST_TESTED_RESPONSE)
        squares.append(fits.chi_square[good])
    if not squares or not squares[0].size:
        return 1
    noise = float(np.median(squares[-1])) / _chi_square_above(0.5, doses - tried[-1])
    order = 1
    while order < len(squares):
        gained = squares[order - 1] - squares[order]
        if np.mean(np.minimum(gained, np.percentile(gained, 99))) <= ORDER_GAIN * noise:  # the worst 1 % as defects
            break
        order += 1
    return order


def judge_fits(
    fits: PixelFits, equations: NormalEquations, order: int, samples: Sequence[DoseSample]
) -> tuple[NDArray[np.uint16], float]:
    """Flags of every pixel, and the typical reduced chi-square.

    Chi-square is compared with the pixel's own scatter from flat to flat (an F test), so that a noisy pixel, or a bare
    photodiode, does not pass for a non-linear one, and with the panel's median, so that a misfit that all pixels share,
    or that an order too low leaves in all, does not either.

    Parameters
    ----------
    fits : PixelFits
        Of all pixels.
    equations : NormalEquations
        That they solve.
    order : int
        Of the fits. [1]
    samples : sequence of DoseSample
        One for each dose.

    Returns
    -------
    flags : (H, W) uint16
        SATURATED, DEAD or NON_LINEAR, else 0.
    scale : float
        Median reduced chi-square of the good pixels; 0 where no dose is left over. [1]
    """
    doses = len(samples)
    all_doses = equations.doses == doses
    flags = np.where(equations.doses < order, SATURATED, 0).astype(np.uint16)
    flags[fits.response < LEAST_RESPONSE] |= DEAD
    gain = fits.coefficients[0]
    flags[(flags == 0) & ~((gain > 0) & (fits.least_slope > 0))] |= NON_LINEAR
    good = all_doses & (flags == 0) & (fits.response > LEAST_TESTED_RESPONSE)
    if doses == order or not good.any():
        return flags, 0.0
    ratio = equations.noise_ratio()
    own_noise = fits.chi_square / np.maximum(ratio, np.float32(1e-6))
    scale = float(np.median(fits.chi_square[good])) / _chi_square_above(0.5, doses - order)
    own_scale = float(np.median(own_noise[good])) / _chi_square_above(0.5, doses - order)
    freedom = sorted(sample.frames - 1 for sample in samples)
    limits = np.full(doses + 1, np.inf, np.float32)  # by number of doses: the fewest flats that these may have had
    for n in range(order + 1, doses + 1):
        if sum(freedom[:n]) > 0:
            limits[n] = (n - order) * _variance_ratio_above(FALSE_ALARM, n - order, sum(freedom[:n]))
        else:
            limits[n] = _chi_square_above(FALSE_ALARM, n - order)
    explained = (equations.doses - np.float32(order)) * ratio
    misfit = np.sqrt(np.maximum(fits.chi_square - explained, 0.0)) / np.maximum(fits.signal_to_noise, np.float32(1e-6))
    material = max(MATERIAL_MISFIT, MISFIT_FACTOR * float(np.median(misfit[good])))
    suspect = (own_noise > limits[equations.doses] * np.float32(own_scale)) & (misfit > material)
    suspect &= (equations.freedom > 0) | (fits.response > LEAST_TESTED_RESPONSE)
    flags[suspect & (flags == 0)] |= NON_LINEAR
    return flags, scale


def _chi_square_above(chance: float, freedom: int) -> float:
    """Value that chi-square exceeds with a chance."""
    from scipy.special import gammainccinv

    return float(2.0 * gammainccinv(0.5 * freedom, chance))


def _variance_ratio_above(chance: float, freedom: int, other_freedom: int) -> float:
    """Value that the ratio of two reduced chi-squares (F) exceeds with a chance."""
    from scipy.special import betaincinv

    part = betaincinv(0.5 * other_freedom, 0.5 * freedom, chance)  # of the denominator among both sums of squares
    return float(other_freedom * (1.0 - part) / (freedom * part))


def _system(
    samples: Sequence[DoseSample], dark_variance: float, offset_variance: float, order: int, level_dn: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Powers of u at each dose (K, C), inverse of the normal matrix, weights and variances of the mean flats (K,)."""
    u = np.array([sample.level_dn for sample in samples]) / level_dn
    phi = u[:, None] ** np.arange(1, order + 1)
    per_dn = np.array([sample.variance_per_dn for sample in samples])
    flats = (dark_variance + per_dn * u * level_dn) / [sample.frames for sample in samples]
    weight = 1.0 / (flats + offset_variance)
    return phi, np.asarray(np.linalg.inv((phi * weight[:, None]).T @ phi)), weight, flats

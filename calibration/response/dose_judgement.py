"""How many coefficients the dose response of a panel needs, and which pixels do not follow it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2
from scipy.stats import f as variance_ratio

from calibration.flags import DEAD, NON_LINEAR, SATURATED
from calibration.response.normal_equations import NormalEquations, PixelFits, solve_equations
from calibration.response.single_dose import LEAST_RESPONSE
from calibration.response.statistics import DoseSample

FALSE_ALARM = 1e-8  # fraction of good pixels whose chi-square may pass for non-linear   # chosen: 0.1 of 9.4 million
# Least misfit, relative and weighted, for a pixel to be called non-linear: a fifth of the 1 % of E2597, for the weights
# favour high doses, and at the lowest the pixel may be off by ten times as much.   # chosen
MATERIAL_MISFIT = 0.002
# And at least this many times the panel's median, where the order is too low for all pixels: 5.7 standard deviations
# of a normal distribution, which FALSE_ALARM of its values exceed, over its median absolute deviation.
MISFIT_FACTOR = 8.5
LEAST_TESTED_RESPONSE = 0.5  # without two flats at a dose, darker pixels' own noise is unknown: not tested   # chosen
ORDER_GAIN = 2.0  # a further coefficient must lower chi-square by this on average: Akaike; 1 is fitting noise


def lowest_sufficient_order(equations: NormalEquations, doses: int) -> int:
    """Order of the fit from pixels that have all doses: raised while that lowers chi-square by more than noise does."""
    squares: list[NDArray[np.float32]] = []
    tried = range(1, min(3, doses - 1) + 1)
    for order in tried:
        fits = solve_equations(equations, order, np.ones(equations.doses.shape, np.float32))
        good = (equations.doses == doses) & (fits.response > LEAST_TESTED_RESPONSE)
        squares.append(fits.chi_square[good])
    if not squares or not squares[0].size:
        return 1
    noise = float(np.median(squares[-1])) / chi2.median(doses - tried[-1])
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
    scale = float(np.median(fits.chi_square[good])) / chi2.median(doses - order)
    own_scale = float(np.median(own_noise[good])) / chi2.median(doses - order)
    freedom = sorted(sample.frames - 1 for sample in samples)
    limits = np.full(doses + 1, np.inf, np.float32)  # by number of doses: the fewest flats that these may have had
    for n in range(order + 1, doses + 1):
        if sum(freedom[:n]) > 0:
            limits[n] = (n - order) * variance_ratio.isf(FALSE_ALARM, n - order, sum(freedom[:n]))
        else:
            limits[n] = chi2.isf(FALSE_ALARM, n - order)
    explained = (equations.doses - np.float32(order)) * ratio
    misfit = np.sqrt(np.maximum(fits.chi_square - explained, 0.0)) / np.maximum(fits.signal_to_noise, np.float32(1e-6))
    material = max(MATERIAL_MISFIT, MISFIT_FACTOR * float(np.median(misfit[good])))
    suspect = (own_noise > limits[equations.doses] * np.float32(own_scale)) & (misfit > material)
    suspect &= (equations.freedom > 0) | (fits.response > LEAST_TESTED_RESPONSE)
    flags[suspect & (flags == 0)] |= NON_LINEAR
    return flags, scale

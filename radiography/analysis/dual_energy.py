"""Dual energy: two pictures of different X-ray spectra, subtracted so that one material vanishes.

The pictures are the two layers of a dual-layer panel, or two exposures at different voltages. All numbers are of linear
pictures (offset and gain corrected), in which a pixel is in proportion to the exposure.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

MOST_WEIGHT = 100.0  # the ratio of two attenuations: below 1, and several across a K edge   # chosen
LEAST_PIXELS = 2  # of a region: one has no noise that could be measured

FloatArray = npt.NDArray[np.float64]
Picture = npt.NDArray[np.float32]


def log_subtract(low: npt.ArrayLike, high: npt.ArrayLike, weight: float) -> Picture:
    """Weighted difference of the attenuations of two pictures.

    Parameters
    ----------
    low, high : (H, W) float
        Linear signal at the softer spectrum (front layer) and at the harder one (back layer), each in its own unit.
        [any]
    weight : float
        Of the softer picture; see `spectral_weight` and `region_weight`. [1]

    Returns
    -------
    difference : (H, W) float32
        ``weight ln(low) - ln(high)``: attenuation in the harder picture less ``weight`` times that in the softer one,
        on a constant that the signals without an object make. [1] NaN where a signal is not positive.

    Raises
    ------
    ValueError
        If the pictures differ in shape, or the weight is not a number from 0 to `MOST_WEIGHT`.

    Notes
    -----
    A material of attenuation a in the softer and b in the harder picture vanishes with the weight b / a [1]_. What has
    a smaller b / a, as bone against water, then comes out darker. A weight below 0 would add the pictures: nothing
    vanishes then, since every material attenuates both.

    References
    ----------
    .. [1] Brody et al., "A method for selective tissue and bone visualization using dual energy scanned projection
       radiography", Med. Phys. 8, 353 (1981).
    """
    soft, hard = np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)
    if soft.shape != hard.shape:
        raise ValueError(f"pictures of dual energy must have one shape, got {soft.shape} and {hard.shape}")
    if not 0 <= weight <= MOST_WEIGHT:
        raise ValueError(f"weight of a subtraction must be a number from 0 to {MOST_WEIGHT:g}, got {weight:g}")
    lit = (soft > 0) & (hard > 0)
    difference = np.full(soft.shape, np.nan)
    difference[lit] = weight * np.log(soft[lit]) - np.log(hard[lit])
    return difference.astype(np.float32)


def spectral_weight(
    low_signal: npt.ArrayLike,
    high_signal: npt.ArrayLike,
    mu_per_mm: npt.ArrayLike,
    thickness_mm: float,
    behind: npt.ArrayLike | None = None,
) -> float:
    """Weight with which a thickness of a material vanishes, from the signal of each energy.

    Parameters
    ----------
    low_signal, high_signal : (E,) float64
        What each energy gives the two pictures without an object, on any scale. [any]
    mu_per_mm : (E,) float64
        Attenuation of the material. [1/mm]
    thickness_mm : float
        How thick it is; the weight changes with it, as each beam hardens by itself. [mm]
    behind : (E,) float64, optional
        Optical depth of what lies in the beam besides. [1]

    Returns
    -------
    weight : float
        [1]

    Raises
    ------
    ValueError
        If the thickness is not positive, what lies besides is below 0, or nothing of a signal is left or taken away.
    """
    if not (np.isfinite(thickness_mm) and thickness_mm > 0):
        raise ValueError(f"thickness_mm of what shall vanish must be a positive length, got {thickness_mm}")
    mu = np.asarray(mu_per_mm, dtype=np.float64)
    besides = np.asarray(np.zeros_like(mu) if behind is None else behind, dtype=np.float64)
    if not (np.isfinite(besides) & (besides >= 0)).all():
        raise ValueError(f"optical depth of what lies besides must be 0 or more, got {besides.min():g}")
    base = np.exp(-besides)
    attenuation = []
    for signal in (low_signal, high_signal):
        arriving = np.asarray(signal, dtype=np.float64) * base
        before, after = float(arriving.sum()), float(arriving @ np.exp(-mu * thickness_mm))
        if not 0.0 < after < before:
            raise ValueError(f"a signal of {before:g} falls to {after:g} behind the material: no weight follows")
        attenuation.append(np.log(before / after))
    return float(attenuation[1] / attenuation[0])


def region_weight(
    low: tuple[npt.ArrayLike, npt.ArrayLike], high: tuple[npt.ArrayLike, npt.ArrayLike]
) -> tuple[float, float]:
    """Weight with which the difference of two regions vanishes.

    Parameters
    ----------
    low, high : pair of (N,) float
        Linear signal of two regions of the softer and of the harder picture, that differ only in the thickness of what
        shall vanish. [any]

    Returns
    -------
    weight, error : float
        [1] The standard error is that of the noise of the regions.

    Raises
    ------
    ValueError
        If a region has fewer than two pixels or one that is not positive, the regions do not differ, or one picture
        is brighter where the other is darker.
    """
    change, variance = [], []
    for pair in (low, high):
        regions = [np.ravel(np.asarray(region, dtype=np.float64)) for region in pair]
        for region in regions:
            if region.size < LEAST_PIXELS or not (region > 0).all():
                raise ValueError(
                    f"a region of a weight needs at least {LEAST_PIXELS} pixels, all of them above 0: got "
                    f"{region.size}, of which {np.count_nonzero(region > 0)} are above 0"
                )
        means = [float(region.mean()) for region in regions]
        relative = [
            float(region.var(ddof=1)) / region.size / mean**2 for region, mean in zip(regions, means, strict=True)
        ]
        change.append(float(np.log(means[0] / means[1])))
        variance.append(sum(relative))
    if not change[0] ** 2 > 9.0 * variance[0]:
        raise ValueError(
            f"the two regions hardly differ in the softer picture, by {change[0]:.2g} +- {variance[0] ** 0.5:.1g} in "
            "the logarithm: no weight follows"
        )
    weight = change[1] / change[0]
    if weight < 0:
        raise ValueError(
            f"the two regions differ by {change[0]:.2g} in the softer picture and {change[1]:.2g} in the harder, in "
            "the logarithm: no material makes one darker and the other brighter"
        )
    return weight, float(np.sqrt(variance[1] + weight**2 * variance[0]) / abs(change[0]))


def subtraction_noise(low_noise: npt.ArrayLike, high_noise: npt.ArrayLike, weight: float) -> FloatArray:
    """Noise of a log subtraction whose two pictures are independent.

    Parameters
    ----------
    low_noise, high_noise : (...) float64
        Standard deviation over mean of the softer and of the harder picture. [1]
    weight : float
        Of the softer picture. [1]

    Returns
    -------
    noise : (...) float64
        ``sqrt(high_noise^2 + weight^2 low_noise^2)``, for noise that is small against the signal. [1]
    """
    return np.hypot(np.asarray(high_noise, np.float64), weight * np.asarray(low_noise, np.float64))

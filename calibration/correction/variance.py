"""Uncertainty of each pixel of a corrected frame, in two planes.

    random       noise of this frame: readout and X-ray quanta. Averaging n frames divides it by n.
    calibration  error of the maps, from finite numbers of darks and flats: the same in every frame, never averages out.

With s = d corrected / d signal the slope of the gain and u = corrected / level the dose relative to that of the
flats [1]_:

    random      = s^2 dark variance / (1 - sum f)^2 + variance per DN * corrected      f: lag fractions
    calibration = s^2 (c0 + c1 u + c2 u^2 + ...)        single dose: sD^2 / N_D (1 - u)^2 + sF^2 / N_F u^2

X-ray quanta come before the response of a pixel, its curvature and its lag: their variance goes with the corrected
signal, whatever the slope. Where noise makes the signal negative the sum falls below the readout variance, at most to
half of it, so that its mean over a dark area is the readout variance and no more.

Noise varies slowly over a panel, except at the border of the scintillator, so it is kept as medians of tiles of
32 x 32 pixels: no further planes are read. Left out: scatter of the noise from pixel to pixel, the correlation that a
common error (line noise, gain of an amplifier) makes between pixels, the error of lag coefficients and of the field.

References
----------
.. [1] Error propagation of gain = level / (flat - dark); at u = 1 the offset's error cancels, because the flat was
       taken with the same offset.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.calibration_set import CalibrationSet
from calibration.flags import SHIELDED, UNCOATED, UNUSABLE
from calibration.response.single_dose import single_dose_variance

TILE = 32  # pixels on a side; 1024 pixels make a median of the noise good to 1 to 2 %   # chosen
_FLOAT_STEP = 2.0**-23  # of float32, relative: keeps the weights of noise-free float frames finite


@dataclass(frozen=True, eq=False)
class NoiseTiles:
    """Noise of a panel in tiles of `TILE` x `TILE` pixels, (R, C) of them.

    Attributes
    ----------
    dark_variance_dn2 : (R, C) float32
        Variance of one dark frame. [DN2]
    variance_per_dn : (R, C) float32
        What a DN of corrected signal adds. [DN]
    calibration_dn2 : (K, R, C) float32
        Variance that the calibration leaves, coefficients of u^0, u^1, ... [DN2]
    per_level : (R, C) float32
        Turns a corrected value into u, its dose relative to the flats'. [1/DN]
    """

    dark_variance_dn2: NDArray[np.float32]
    variance_per_dn: NDArray[np.float32]
    calibration_dn2: NDArray[np.float32]
    per_level: NDArray[np.float32]


def typical_noise(calibration: CalibrationSet) -> tuple[float, float]:
    """Dark variance [DN2] and variance per DN of signal [DN] of the typical pixel."""
    dark_variance = calibration.typical_dark_noise_dn**2
    flat_variance = (calibration.typical_flat_noise * calibration.level_dn) ** 2
    per_dn = max(flat_variance - dark_variance, 0.0) / calibration.level_dn
    return max(dark_variance, least_variance(calibration)), per_dn


def least_variance(calibration: CalibrationSet) -> float:
    """Variance of rounding to the numbers that raw frames are written in; keeps weights finite. [DN2]"""
    step_dn = 1.0 if calibration.step_dn is None else calibration.step_dn
    return max(step_dn, _FLOAT_STEP * calibration.level_dn) ** 2 / 12.0


def plan_noise(
    calibration: CalibrationSet,
    field: NDArray[np.float32] | None = None,
    lag_fraction: float = 0.0,
    lag_corrected: bool = True,
) -> NoiseTiles:
    """Noise of every tile, from the calibration's noise maps where it has them, else that of the typical pixel.

    So bare photodiodes have their own noise, beside coated ones. A set from several doses has one polynomial for its
    coated part; tiles of another noise take it scaled by their variance, which is exact for a single dose only.

    Parameters
    ----------
    calibration : CalibrationSet
    field : (H, W) float32, optional
        What the gain is multiplied by to leave the field of the beam in the picture. [1]
    lag_fraction : float
        Sum of the lag fractions of the calibration, whose flats are without lag. [1]
    lag_corrected : bool
        Whether the frames will be; where not, a frame delivers its quanta less what is trapped.

    Returns
    -------
    noise : NoiseTiles
    """
    shape = calibration.offset_dn.shape
    dark_variance, per_dn = typical_noise(calibration)
    level_dn = calibration.level_dn
    lit = (calibration.defects & (UNUSABLE | UNCOATED | SHIELDED)) == 0
    good = (calibration.defects & (UNUSABLE | SHIELDED)) == 0
    dark = dark_variance * _relative_noise(calibration.offset_noise_dn, good, good, shape) ** 2
    dark = np.maximum(dark, least_variance(calibration))
    typical_flat = dark_variance + per_dn * level_dn
    flat = typical_flat * _relative_noise(calibration.gain_noise, good, lit, shape) ** 2
    gain = _tile_medians(np.where(good, calibration.gain, np.float32(1.0)))
    steepness = _slope_at(level_dn, gain, calibration.curvature)
    quanta = np.maximum(flat - dark / (1.0 - lag_fraction) ** 2, 0.0)
    slope = steepness**2 * quanta / level_dn
    if not lag_corrected:
        slope *= (1.0 - lag_fraction) ** 2
    if field is not None:
        slope *= _tile_medians(field)
    if len(calibration.levels_dn) > 1 and calibration.calibration_variance:
        coefficients = np.asarray(calibration.calibration_variance)[:, None, None] * (flat / typical_flat)
    else:
        darks, flats = calibration.darks_used, calibration.flats_used
        offset = single_dose_variance(1.0, 0.0, darks, flats)
        response_error = single_dose_variance(0.0, 1.0, darks, flats)
        coefficients = np.array([a * dark + b * flat for a, b in zip(offset, response_error, strict=True)])
    per_level = np.full_like(dark, 1.0 / level_dn)
    if field is not None:
        per_level /= _tile_medians(field)
    return NoiseTiles(*(np.ascontiguousarray(plane, np.float32) for plane in (dark, slope, coefficients, per_level)))


def random_variance(
    corrected_dn: NDArray[np.float32], slope: NDArray[np.float32], noise: NoiseTiles, lag_fraction: float = 0.0
) -> NDArray[np.float32]:
    """Variance of a corrected frame that averaging frames reduces.

    Parameters
    ----------
    corrected_dn : (H, W) float32
        Gain-corrected, before defects are interpolated, signed. [DN]
    slope : (H, W) float32
        Change of the corrected value with the signal, from `calibration.response.apply.slope`. [1]
    noise : NoiseTiles
        From `plan_noise`.
    lag_fraction : float
        Sum of the lag fractions where lag is corrected, which divides readout noise by 1 less this. [1]

    Returns
    -------
    variance : (H, W) float32
        [DN2]
    """
    shape = corrected_dn.shape
    signal = np.where(np.isfinite(corrected_dn), corrected_dn, np.float32(0.0))
    dark, per_dn = (spread_tiles(tiles, shape) for tiles in (noise.dark_variance_dn2, noise.variance_per_dn))
    readout = slope * slope * dark * np.float32((1.0 - lag_fraction) ** -2)
    return np.asarray(np.maximum(readout + per_dn * signal, readout * np.float32(0.5)), np.float32)


def calibration_variance(
    corrected_dn: NDArray[np.float32], slope: NDArray[np.float32], noise: NoiseTiles
) -> NDArray[np.float32]:
    """Variance of a corrected frame that comes from the maps and is the same in every frame.

    Parameters
    ----------
    corrected_dn : (H, W) float32
        Gain-corrected, before defects are interpolated. [DN]
    slope, noise
        As for `random_variance`.

    Returns
    -------
    variance : (H, W) float32
        [DN2]
    """
    u = corrected_dn * spread_tiles(noise.per_level, corrected_dn.shape)
    u[~np.isfinite(u)] = 0.0
    polynomial = np.zeros_like(corrected_dn)
    for tiles in noise.calibration_dn2[::-1]:
        polynomial = polynomial * u + spread_tiles(tiles, corrected_dn.shape)
    return np.asarray(slope * slope * np.maximum(polynomial, np.float32(0.0)), np.float32)


def spread_tiles(tiles: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Tiles as a plane, in which every pixel has the value of its tile.

    Parameters
    ----------
    tiles : (R, C) float32
        Of `TILE` x `TILE` pixels.
    shape : (int, int)
        Rows and columns of the plane; the last tiles may reach beyond. [1]

    Returns
    -------
    plane : (H, W) float32
    """
    plane = np.repeat(np.repeat(tiles, TILE, axis=0), TILE, axis=1)
    return np.ascontiguousarray(plane[: shape[0], : shape[1]])


def _slope_at(level_dn: float, gain: NDArray[np.float64], curvature: NDArray[np.float32] | None) -> NDArray[np.float64]:
    """Slope of the dose response where the corrected value is `level_dn`, for tiles of (R, C). [1]"""
    if curvature is None:
        return gain
    curves = [_tile_medians(plane) for plane in curvature]
    signal = level_dn / gain
    for _ in range(4):  # Newton's steps; curvatures are a few per cent
        value, steepness = gain * signal, gain.copy()
        for power, curve in enumerate(curves, 2):
            value += curve * signal**power
            steepness += power * curve * signal ** (power - 1)
        signal -= (value - level_dn) / steepness
    return steepness


def _relative_noise(
    noise: NDArray[np.float32] | None, good: NDArray[np.bool_], typical: NDArray[np.bool_], shape: tuple[int, ...]
) -> NDArray[np.float64]:
    """Noise of each tile relative to the median of the typical pixels; 1 without a map, and in tiles of bad pixels.

    A ratio of medians: the bias of a standard deviation from few frames cancels.
    """
    tiles = -(-shape[0] // TILE), -(-shape[1] // TILE)
    if noise is None or not typical.any():
        return np.ones(tiles)
    middle = float(np.median(noise[typical]))
    if not middle > 0:
        return np.ones(tiles)
    return _tile_medians(np.where(good, noise, np.float32(middle))) / middle


def _tile_medians(plane: NDArray[np.float32]) -> NDArray[np.float64]:
    """Median of each tile; those at the far borders are smaller."""
    rows, cols = plane.shape
    medians = np.empty((-(-rows // TILE), -(-cols // TILE)))
    whole = cols // TILE * TILE
    for k in range(len(medians)):
        band = plane[k * TILE : (k + 1) * TILE]
        if whole:
            tiles = band[:, :whole].reshape(len(band), -1, TILE).swapaxes(0, 1).reshape(whole // TILE, -1)
            medians[k, : whole // TILE] = np.median(tiles, axis=1)
        if whole < cols:
            medians[k, -1] = np.median(band[:, whole:])
    return medians

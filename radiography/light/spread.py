"""Spread of a layer's light before the pixels integrate it.

A plan is made once for a layer, a pixel grid and a sampling; each frame applies it. The exposure is known on a grid
finer than the pixels; blur and pixel aperture act there, and only then is the picture sampled at the pixels, so that
signal and noise above the Nyquist frequency fold back as they do in a real panel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt
from numba import njit, prange

ALIASES = 16  # orders of sampling on each side that count for the noise; beyond them is less than 0.5 % of it
NOISE_GRID = 25  # points per axis from 0 to the Nyquist frequency at which the lost noise is computed
NOISE_STEPS = 128  # and steps between which it is linear: errs by 1e-5
TABLE_ENTRIES = 4096  # radial transfer table; linear interpolation errs below 1e-6 for transfers of mm scale

Array = npt.NDArray[np.float32]


class SampleSpread(NamedTuple):
    """What the samples' spectrum (M, N) is multiplied with: a factor along each axis and a radial transfer. [1]

    The transfer (T,) is known at equal steps of frequency from 0, ``steps_mm`` of them in 1/mm. What the pixels'
    spectrum is multiplied with, ``noise_gain`` (G, G), is so from 0 to the Nyquist frequency; (0, 0) is no gain.
    """

    row_factor: Array  # (M,)
    col_factor: Array  # (N,)
    row_frequency_per_mm: Array  # (M,)
    col_frequency_per_mm: Array  # (N,)
    transfer: Array
    steps_mm: np.float32
    noise_gain: Array


@dataclass(frozen=True, eq=False)
class LightSpread:
    """Plan of the spread for one layer and pixel grid.

    Attributes
    ----------
    rows, cols, samples_per_pixel : int
        Panel size and samples per pixel and axis. [1]
    row_factor, col_factor : (H * S,), (W * S,) float32
        Aperture and ray averaging along each axis, and the sign with which a cosine folds.
    row_frequency_per_mm, col_frequency_per_mm : (H * S,), (W * S,) float32
        Frequency of each cosine. [1/mm]
    transfer : (TABLE_ENTRIES,) float32
        Radial transfer of the layer at frequencies from 0 on. [1]
    frequency_step_per_mm : float
        Step of those frequencies. [1/mm]
    noise_gain : (NOISE_STEPS + 1, NOISE_STEPS + 1) float32 or None
        For white noise: factor at frequencies of the picture of pixels, from 0 to the Nyquist frequency. It adds the
        power that would fold onto them from frequencies beyond those of the samples. [1]
    """

    rows: int
    cols: int
    samples_per_pixel: int
    row_factor: Array
    col_factor: Array
    row_frequency_per_mm: Array
    col_frequency_per_mm: Array
    transfer: Array
    frequency_step_per_mm: float
    noise_gain: Array | None


def plan_light_spread(
    rows: int,
    cols: int,
    pitch_mm: float,
    aperture_mm: float,
    transfer_at: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]],
    samples_per_pixel: int,
    rays_per_sample: int = 1,
    *,
    white_noise: bool = False,
) -> LightSpread:
    """Plan for `spread_light`, computed once.

    Parameters
    ----------
    rows, cols : int
        Panel size. [1]
    pitch_mm, aperture_mm : float
        Pixel pitch, and side of the square over which a pixel integrates. [mm]
    transfer_at : callable
        Frequencies (F,) [1/mm] to the layer's modulation transfer (F,) [1].
    samples_per_pixel : int
        Samples per pixel and axis; frequencies up to samples / (2 pitch) are known. [1]
    rays_per_sample : int
        Rays per axis that were averaged into each sample; the loss by that averaging is undone. [1]
    white_noise : bool
        True for a plan that spreads noise which is independent from sample to sample. Its power then comes out as if
        the samples were infinitely small, exactly so for a uniform exposure.

    Returns
    -------
    plan : LightSpread

    Raises
    ------
    ValueError
        If there is less than one sample or ray.
    """
    if samples_per_pixel < 1 or rays_per_sample < 1:
        raise ValueError(
            f"samples_per_pixel and rays_per_sample must be 1 or more, got {samples_per_pixel} and {rays_per_sample}"
        )
    (row_frequency, row_factor), (col_frequency, col_factor) = (
        _axis_plan(count, pitch_mm, aperture_mm, samples_per_pixel, rays_per_sample) for count in (rows, cols)
    )
    highest = float(np.hypot(row_frequency.max(), col_frequency.max()))
    step = max(highest, 1e-9) / (TABLE_ENTRIES - 2)
    noise_gain = None
    if white_noise:
        noise_gain = _noise_gain(pitch_mm, aperture_mm, transfer_at, samples_per_pixel)
    transfer = np.asarray(transfer_at(np.arange(TABLE_ENTRIES, dtype=np.float64) * np.float64(step)), dtype=np.float64)
    return LightSpread(
        rows=rows,
        cols=cols,
        samples_per_pixel=samples_per_pixel,
        row_factor=row_factor.astype(np.float32),
        col_factor=col_factor.astype(np.float32),
        row_frequency_per_mm=row_frequency.astype(np.float32),
        col_frequency_per_mm=col_frequency.astype(np.float32),
        transfer=transfer.astype(np.float32),
        frequency_step_per_mm=step,
        noise_gain=noise_gain,
    )


def spread_light(deposited: Array, plan: LightSpread, *, overwrite: bool = False) -> Array:
    """What reaches each pixel when the samples' light spreads by the layer's transfer.

    Light that leaves the panel at its border is given back, as if the picture went on mirrored, so that a uniform
    exposure stays uniform up to the border.

    Parameters
    ----------
    deposited : (H * S, W * S) float32
        Energy or light released in each sample, noise included: noise spreads like signal. [keV or 1]
    plan : LightSpread
        From `plan_light_spread`.
    overwrite : bool
        Whether `deposited` may be written over, which saves its copy.

    Returns
    -------
    spread : (H, W) float32
        The same quantity gathered by each pixel. [keV or 1]

    Raises
    ------
    ValueError
        If the samples do not match the plan.
    """
    import scipy.fft

    samples = plan.samples_per_pixel
    expected = (plan.rows * samples, plan.cols * samples)
    if deposited.shape != expected:
        raise ValueError(f"deposited energy is {deposited.shape}, but the light-spread plan is for {expected}")
    workers = numba.get_num_threads()
    spectrum = scipy.fft.dctn(deposited, type=2, workers=workers, overwrite_x=overwrite)
    spread = SampleSpread(
        row_factor=plan.row_factor,
        col_factor=plan.col_factor,
        row_frequency_per_mm=plan.row_frequency_per_mm,
        col_frequency_per_mm=plan.col_frequency_per_mm,
        transfer=plan.transfer,
        steps_mm=np.float32(1.0 / plan.frequency_step_per_mm),
        noise_gain=np.empty((0, 0), np.float32) if plan.noise_gain is None else plan.noise_gain,
    )
    folded = np.empty((plan.rows, plan.cols), dtype=np.float32)
    _fold(spectrum, spread, samples, folded)
    del spectrum
    pixels: Array = scipy.fft.idctn(folded, type=2, workers=workers, overwrite_x=True)
    return pixels


def _axis_plan(
    count: int, pitch_mm: float, aperture_mm: float, samples: int, rays: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Frequency and factor of the cosines along one axis.

    In the middle of the pixels a cosine of order 2 j H + k, or of 2 j H - k, looks like that of order k, with the other
    sign where j is odd. That of order 2 j H is counted twice, as an inverse transform counts all but order 0; those in
    between, H, 3 H and so on, are zero there.
    """
    total = count * samples
    order = np.arange(total)
    folds = (order + count) // (2 * count)  # j
    sign = np.where(folds % 2 == 0, 1.0, -1.0) * np.where((order % (2 * count) == 0) & (order > 0), 2.0, 1.0)
    sign[order % (2 * count) == count] = 0.0
    frequency = order / (2.0 * count * pitch_mm)
    sample_mm = pitch_mm / samples
    averaging = np.sinc(frequency * sample_mm) / np.sinc(frequency * sample_mm / rays)
    return frequency, sign * np.sinc(frequency * aperture_mm) / averaging


def _noise_gain(
    pitch_mm: float,
    aperture_mm: float,
    transfer_at: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]],
    samples: int,
) -> Array:
    """Root of all aliased noise power over that of the samples' frequencies, from 0 to the Nyquist frequency."""
    from scipy.interpolate import RectBivariateSpline

    nyquist = 0.5 / pitch_mm
    grid = np.linspace(0.0, nyquist, NOISE_GRID)
    orders = np.arange(-ALIASES, ALIASES + 1) / pitch_mm
    along = grid[:, None] + orders  # (G, A), both axes alike
    aperture = np.sinc(along * aperture_mm) ** 2
    sampled = (np.abs(along) < samples * nyquist) + 0.5 * (np.abs(along) == samples * nyquist)
    gain = np.empty((NOISE_GRID, NOISE_GRID))
    for number in range(NOISE_GRID):
        radius = np.hypot(along[number][:, None, None], along)
        power = transfer_at(radius.ravel()).reshape(radius.shape) ** 2
        power *= aperture[number][:, None, None] * aperture
        everything = power.sum(axis=(0, 2))
        gain[number] = np.sqrt(everything / (power * sampled[number][:, None, None] * sampled).sum(axis=(0, 2)))
    finer = np.linspace(0.0, nyquist, NOISE_STEPS + 1)
    return np.asarray(RectBivariateSpline(grid, grid, gain)(finer, finer), dtype=np.float32)


@njit(parallel=True, cache=True)
def _fold(spectrum: Array, spread: SampleSpread, samples: int, out: Array) -> None:
    """Cosines of the samples (M, N) times their spread, folded onto those of the pixels.

    Writes every element of ``out`` (H, W).
    """
    rows, cols = out.shape
    for row in prange(rows):
        out[row, :] = np.float32(0.0)
        for fold_row in range(samples):
            sample_row = _folds_onto(np.int64(row), fold_row, rows)
            down, row_factor = spread.row_frequency_per_mm[sample_row], spread.row_factor[sample_row]
            for fold_col in range(samples):
                for col in range(cols):
                    sample_col = _folds_onto(col, fold_col, cols)
                    right = spread.col_frequency_per_mm[sample_col]
                    place = np.sqrt(down * down + right * right) * spread.steps_mm
                    entry = int(place)
                    fraction = place - np.float32(entry)
                    radial = spread.transfer[entry] + fraction * (spread.transfer[entry + 1] - spread.transfer[entry])
                    factor = row_factor * spread.col_factor[sample_col] * radial
                    out[row, col] += spectrum[sample_row, sample_col] * factor
        if spread.noise_gain.shape[0] > 0:
            _gain_noise(np.int64(row), spread.noise_gain, rows, out[row])


@njit(cache=True)
def _gain_noise(row: int, gain: Array, rows: int, out: Array) -> None:
    """Multiply a row (W,) of the pixels' spectrum by the gain (G, G), which is bilinear between its points."""
    steps, cols = gain.shape[0] - 1, out.size
    down = np.float32(row * steps / rows)
    above = int(down)
    lower, upper, share = gain[above], gain[above + 1], down - np.float32(above)
    per_col = np.float32(steps / cols)
    for col in range(cols):
        right = np.float32(col) * per_col
        left = int(right)
        part = right - np.float32(left)
        one = lower[left] + part * (lower[left + 1] - lower[left])
        other = upper[left] + part * (upper[left + 1] - upper[left])
        out[col] *= one + share * (other - one)


@njit(cache=True)
def _folds_onto(order: int, fold: int, count: int) -> int:
    """Order of the samples' cosine that looks like that of the pixels, in one of the folds: up in even ones, else down.

    In odd folds the order ``fold * count``, which is zero in the middle of all pixels, stands for the missing one.
    """
    if fold % 2 == 0 or order == 0:
        return fold * count + order
    return (fold + 1) * count - order

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

MARGIN_MM = 8.0  # the picture is mirrored over this width beyond its border: tails of the spread are shorter  # assumed
ALIASES = 16  # orders of sampling on each side that count for the noise; beyond them is less than 0.5 % of it
NOISE_GRID = 25  # points per axis from 0 to the Nyquist frequency at which the lost noise is computed
TABLE_ENTRIES = 4096  # radial transfer table; linear interpolation errs below 1e-6 for transfers of mm scale

Array = npt.NDArray[np.float32]
ComplexArray = npt.NDArray[np.complex64]


class SampleSpread(NamedTuple):
    """What the samples' spectrum (M, N) is multiplied with: a factor along each axis and a radial transfer. [1]

    The transfer (T,) is known at equal steps of frequency from 0, ``steps_mm`` of them in 1/mm.
    """

    row_factor: ComplexArray  # (M,)
    col_factor: ComplexArray  # (N,)
    row_frequency_per_mm: Array  # (M,)
    col_frequency_per_mm: Array  # (N,)
    transfer: Array
    steps_mm: np.float32


@dataclass(frozen=True, eq=False)
class LightSpread:
    """Plan of the spread for one layer and pixel grid.

    Attributes
    ----------
    rows, cols, samples_per_pixel : int
        Panel size and samples per pixel and axis. [1]
    row_index, col_index : (N,) int64
        Which sample stands at each place of the mirrored picture.
    row_factor, col_factor : (N,) complex64
        Aperture, ray averaging and half-sample shift along each axis.
    row_frequency_per_mm, col_frequency_per_mm : (N,) float32
        Signed frequency of each transform bin. [1/mm]
    transfer : (TABLE_ENTRIES,) float32
        Radial transfer of the layer at frequencies from 0 on. [1]
    frequency_step_per_mm : float
        Step of those frequencies. [1/mm]
    noise_gain : (M, K) float32 or None
        For white noise: factor on each frequency of the picture of pixels. It adds the power that would fold onto it
        from frequencies beyond those of the samples. [1]
    """

    rows: int
    cols: int
    samples_per_pixel: int
    row_index: npt.NDArray[np.int64]
    col_index: npt.NDArray[np.int64]
    row_factor: ComplexArray
    col_factor: ComplexArray
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
    axes = []
    for count in (rows, cols):
        padded = _padded_pixels(count, pitch_mm)
        axes.append(_axis_plan(count, padded, pitch_mm, aperture_mm, samples_per_pixel, rays_per_sample))
    (row_index, row_frequency, row_factor), (col_index, col_frequency, col_factor) = axes
    highest = float(np.hypot(np.abs(row_frequency).max(), np.abs(col_frequency).max()))
    step = highest / (TABLE_ENTRIES - 2)
    noise_gain = None
    if white_noise:
        sizes = (row_index.size // samples_per_pixel, col_index.size // samples_per_pixel)
        noise_gain = _noise_gain(sizes, pitch_mm, aperture_mm, transfer_at, samples_per_pixel)
    transfer = np.asarray(transfer_at(np.arange(TABLE_ENTRIES, dtype=np.float64) * np.float64(step)), dtype=np.float64)
    return LightSpread(
        rows=rows,
        cols=cols,
        samples_per_pixel=samples_per_pixel,
        row_index=row_index,
        col_index=col_index,
        row_factor=row_factor.astype(np.complex64),
        col_factor=col_factor.astype(np.complex64),
        row_frequency_per_mm=row_frequency.astype(np.float32),
        col_frequency_per_mm=col_frequency.astype(np.float32),
        transfer=transfer.astype(np.float32),
        frequency_step_per_mm=step,
        noise_gain=noise_gain,
    )


def spread_light(deposited: Array, plan: LightSpread) -> Array:
    """What reaches each pixel when the samples' light spreads by the layer's transfer.

    Light that leaves the panel at its border is given back, as if the picture went on mirrored, so that a uniform
    exposure stays uniform up to the border.

    Parameters
    ----------
    deposited : (H * S, W * S) float32
        Energy or light released in each sample, noise included: noise spreads like signal. [keV or 1]
    plan : LightSpread
        From `plan_light_spread`.

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
    mirrored = np.empty((plan.row_index.size, plan.col_index.size), dtype=np.float32)
    _mirror(deposited, plan.row_index, plan.col_index, mirrored)
    workers = numba.get_num_threads()
    spectrum = scipy.fft.rfft2(mirrored, workers=workers, overwrite_x=True)
    del mirrored
    padded_rows, padded_cols = plan.row_index.size // samples, plan.col_index.size // samples
    folded = np.empty((padded_rows, padded_cols // 2 + 1), dtype=np.complex64)
    spread = SampleSpread(
        row_factor=plan.row_factor,
        col_factor=plan.col_factor,
        row_frequency_per_mm=plan.row_frequency_per_mm,
        col_frequency_per_mm=plan.col_frequency_per_mm,
        transfer=plan.transfer,
        steps_mm=np.float32(1.0 / plan.frequency_step_per_mm),
    )
    _fold(spectrum, spread, samples, folded)
    del spectrum
    if plan.noise_gain is not None:
        folded *= plan.noise_gain
    pixels = scipy.fft.irfft2(folded, s=(padded_rows, padded_cols), workers=workers, overwrite_x=True)
    top, left = (padded_rows - plan.rows) // 2, (padded_cols - plan.cols) // 2
    return np.ascontiguousarray(pixels[top : top + plan.rows, left : left + plan.cols])


def _padded_pixels(count: int, pitch_mm: float) -> int:
    """An even number of pixels with a margin on both sides whose transform is fast; the margins may differ by one."""
    import scipy.fft

    padded = count + 2 * int(np.ceil(MARGIN_MM / pitch_mm))
    while True:
        padded = int(scipy.fft.next_fast_len(padded, real=True))
        if padded % 2 == 0:
            return padded
        padded += 1


def _axis_plan(
    count: int, padded: int, pitch_mm: float, aperture_mm: float, samples: int, rays: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], npt.NDArray[np.complex128]]:
    """Mirror index, signed frequency and factor of one axis."""
    total = padded * samples
    position = np.arange(total) - samples * ((padded - count) // 2)
    folded = np.mod(position, 2 * count * samples)
    index = np.where(folded < count * samples, folded, 2 * count * samples - 1 - folded)
    bins = np.fft.fftfreq(total, d=1.0 / total)
    frequency = np.asarray(bins * samples / (total * pitch_mm), dtype=np.float64)
    sample_mm = pitch_mm / samples
    averaging = np.sinc(frequency * sample_mm) / np.sinc(frequency * sample_mm / rays)
    shift = np.exp(2j * np.pi * bins * 0.5 * (samples - 1) / total)
    factor = np.sinc(frequency * aperture_mm) / averaging * shift
    if total % 2 == 0:
        factor[total // 2] = factor[total // 2].real  # stands for both signs of the frequency
    return index.astype(np.int64), frequency, factor


def _noise_gain(
    sizes: tuple[int, int],
    pitch_mm: float,
    aperture_mm: float,
    transfer_at: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]],
    samples: int,
) -> Array:
    """Root of all aliased noise power over that of the samples' frequencies, at each frequency of the pixels."""
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
    smooth = RectBivariateSpline(grid, grid, gain)
    rows = np.abs(np.fft.fftfreq(sizes[0], pitch_mm))
    cols = np.abs(np.fft.rfftfreq(sizes[1], pitch_mm))
    order = np.argsort(rows, kind="stable")
    values = np.empty((rows.size, cols.size), dtype=np.float32)
    values[order] = smooth(rows[order], cols)
    return values


@njit(parallel=True, cache=True)
def _mirror(samples: Array, row_index: npt.NDArray[np.int64], col_index: npt.NDArray[np.int64], out: Array) -> None:
    """The samples (H, W) at the places (M,) and (N,) of a larger picture; writes every element of ``out`` (M, N)."""
    for row in prange(out.shape[0]):
        source = row_index[row]
        for col in range(out.shape[1]):
            out[row, col] = samples[source, col_index[col]]


@njit(parallel=True, cache=True)
def _fold(spectrum: ComplexArray, spread: SampleSpread, samples: int, out: ComplexArray) -> None:
    """Half spectrum of the samples (M, N // 2 + 1) times their spread, folded onto that of the pixels.

    Writes every element of ``out`` (M / S, N / S // 2 + 1) for S samples per pixel.
    """
    total_rows, half = spectrum.shape
    total_cols = spread.col_factor.size
    rows, cols = total_rows // samples, total_cols // samples
    for row in prange(out.shape[0]):
        for col in range(out.shape[1]):
            real = 0.0
            imaginary = 0.0
            for fold_row in range(samples):
                sample_row = row + fold_row * rows
                for fold_col in range(samples):
                    sample_col = col + fold_col * cols
                    if sample_col < half:
                        value = spectrum[sample_row, sample_col]
                    else:
                        value = np.conj(spectrum[(total_rows - sample_row) % total_rows, total_cols - sample_col])
                    down, right = spread.row_frequency_per_mm[sample_row], spread.col_frequency_per_mm[sample_col]
                    place = np.sqrt(down * down + right * right) * spread.steps_mm
                    entry = int(place)
                    fraction = place - entry
                    radial = spread.transfer[entry] + fraction * (spread.transfer[entry + 1] - spread.transfer[entry])
                    product = value * spread.row_factor[sample_row] * spread.col_factor[sample_col] * radial
                    real += product.real
                    imaginary += product.imag
            out[row, col] = complex(real, imaginary)

"""How the light of a layer spreads before the pixels integrate it.

A plan is made once for a layer, a pixel grid and a sampling; each frame applies it. The exposure is known on a grid
finer than the pixels; blur and pixel aperture act there, and only then is the picture sampled at the pixels, so that
signal and noise above the Nyquist frequency fold back as they do in a real panel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt
import scipy.fft
from numba import njit, prange
from scipy.interpolate import RectBivariateSpline

MARGIN_MM = 8.0  # the picture is mirrored over this width beyond its border: tails of the spread are shorter  # assumed
ALIASES = 16  # orders of sampling on each side that count for the noise; beyond them is less than 0.5 % of it
NOISE_GRID = 25  # points per axis from 0 to the Nyquist frequency at which the lost noise is computed
TABLE_ENTRIES = 4096  # radial transfer table; linear interpolation errs below 1e-6 for transfers of mm scale

Array = npt.NDArray[np.float32]


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
        Radial transfer of the layer on equal steps of ``frequency_step_per_mm``. [1]
    noise_gain : (M, K) float32 or None
        For white noise: factor on each frequency of the sampled picture that makes up for frequencies beyond those of
        the samples, which would fold onto it. [1]
    """

    rows: int
    cols: int
    samples_per_pixel: int
    row_index: npt.NDArray[np.int64]
    col_index: npt.NDArray[np.int64]
    row_factor: npt.NDArray[np.complex64]
    col_factor: npt.NDArray[np.complex64]
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
    """What ``spread_light`` needs, computed once.

    Parameters
    ----------
    rows, cols : int
        Panel size. [1]
    pitch_mm, aperture_mm : float
        Pixel pitch, and side of the square over which a pixel integrates. [mm]
    transfer_at : callable
        Frequencies (F,) [1/mm] to the layer's modulation transfer (F,) [1].
    samples_per_pixel : int
        Samples per pixel and axis; frequencies up to samples / (2 pitch) are kept. [1]
    rays_per_sample : int
        Rays per axis that were averaged into each sample; the loss by that averaging is undone. [1]
    white_noise : bool
        True for a plan that spreads noise independent from sample to sample: its power is then that of noise without
        any limit in frequency, exactly so for a uniform exposure.

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
        rows,
        cols,
        samples_per_pixel,
        row_index,
        col_index,
        row_factor.astype(np.complex64),
        col_factor.astype(np.complex64),
        row_frequency.astype(np.float32),
        col_frequency.astype(np.float32),
        transfer.astype(np.float32),
        step,
        noise_gain,
    )


def spread_light(deposited: Array, plan: LightSpread) -> Array:
    """What reaches each pixel when the samples' light spreads by the layer's transfer.

    Light that the mirrored border gives back stands for light lost there, so that a uniform exposure stays uniform
    to the border.

    Parameters
    ----------
    deposited : (H * S, W * S) float32
        Energy or light released in each sample, noise included: noise spreads like signal. [keV or 1]
    plan : LightSpread
        From ``plan_light_spread``.

    Returns
    -------
    spread : (H, W) float32
        The same quantity gathered by each pixel. [keV or 1]

    Raises
    ------
    ValueError
        If the samples do not match the plan.
    """
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
    _fold(
        spectrum,
        plan.row_factor,
        plan.col_factor,
        plan.row_frequency_per_mm,
        plan.col_frequency_per_mm,
        plan.transfer,
        np.float32(1.0 / plan.frequency_step_per_mm),
        samples,
        folded,
    )
    del spectrum
    if plan.noise_gain is not None:
        folded *= plan.noise_gain
    pixels = scipy.fft.irfft2(folded, s=(padded_rows, padded_cols), workers=workers, overwrite_x=True)
    top, left = (padded_rows - plan.rows) // 2, (padded_cols - plan.cols) // 2
    return np.ascontiguousarray(pixels[top : top + plan.rows, left : left + plan.cols])


def _padded_pixels(count: int, pitch_mm: float) -> int:
    """An even number of pixels with a margin on both sides whose transform is fast; the margins may differ by one."""
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
    """Root of all aliased noise power over that of the frequencies kept, at each frequency of the sampled picture."""
    nyquist = 0.5 / pitch_mm
    grid = np.linspace(0.0, nyquist, NOISE_GRID)
    orders = np.arange(-ALIASES, ALIASES + 1) / pitch_mm
    along = grid[:, None] + orders  # (G, A), both axes alike
    aperture = np.sinc(along * aperture_mm) ** 2
    kept = (np.abs(along) < samples * nyquist) + 0.5 * (np.abs(along) == samples * nyquist)
    gain = np.empty((NOISE_GRID, NOISE_GRID))
    for number in range(NOISE_GRID):
        radius = np.hypot(along[number][:, None, None], along)
        power = transfer_at(radius.ravel()).reshape(radius.shape) ** 2
        power *= aperture[number][:, None, None] * aperture
        everything = power.sum(axis=(0, 2))
        gain[number] = np.sqrt(everything / (power * kept[number][:, None, None] * kept).sum(axis=(0, 2)))
    smooth = RectBivariateSpline(grid, grid, gain)
    rows = np.abs(np.fft.fftfreq(sizes[0], pitch_mm))
    cols = np.abs(np.fft.rfftfreq(sizes[1], pitch_mm))
    order = np.argsort(rows, kind="stable")
    values = np.empty((rows.size, cols.size), dtype=np.float32)
    values[order] = smooth(rows[order], cols)
    return values


@njit(parallel=True, cache=True)
def _mirror(samples, row_index, col_index, out):  # type: ignore[no-untyped-def]
    """Writes every element of ``out``."""
    for row in prange(out.shape[0]):
        source = row_index[row]
        for col in range(out.shape[1]):
            out[row, col] = samples[source, col_index[col]]


@njit(parallel=True, cache=True)
def _fold(spectrum, row_factor, col_factor, row_frequency, col_frequency, transfer, per_step, samples, out):  # type: ignore[no-untyped-def]
    """Half spectrum of the samples times transfer, folded onto that of the pixels; writes every element of ``out``."""
    total_rows, half = spectrum.shape
    total_cols = col_factor.size
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
                    down, right = row_frequency[sample_row], col_frequency[sample_col]
                    place = np.sqrt(down * down + right * right) * per_step
                    entry = int(place)
                    fraction = place - entry
                    radial = transfer[entry] + fraction * (transfer[entry + 1] - transfer[entry])
                    product = value * row_factor[sample_row] * col_factor[sample_col] * radial
                    real += product.real
                    imaginary += product.imag
            out[row, col] = complex(real, imaginary)

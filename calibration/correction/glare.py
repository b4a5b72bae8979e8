"""The long-range glare: light that travels centimetres inside the detector and fills the shadows.

A fraction a of each pixel's signal spreads over a length b. Its transfer, f the spatial frequency, is one of

    exponential   H = 1 - a + a (1 + (2 pi f b)^2)^(-3/2)     point spread a / (2 pi b^2) exp(-r / b)
    lorentzian    H = 1 - a + a exp(-2 pi f b)                point spread a / (2 pi b^2) (1 + r^2 / b^2)^(-3/2) [1]_

The correction divides by H, which is never below 1 - a: noise grows by less than 1 / (1 - a), 5 % for a = 5 %. The
panel is continued by its mirror image, for which the cosine transform is the convolution's own: no padding. Light
from beyond the panel is assumed to equal what is lost there.

References
----------
.. [1] The kernel of RTK's scatter glare correction, after Poludniowski, Evans, Kavanagh & Webb, "Removal and effects
       of scatter-glare in cone-beam CT with an amorphous-silicon flat-panel detector", Phys. Med. Biol. 56, 1837
       (2011).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

KERNELS = ("exponential", "lorentzian")
_WORKERS = 2  # lines are transformed one by one: their number changes no bit


@dataclass(frozen=True)
class GlareModel:
    """Glare of a detector: fraction of the signal [1], its length [mm], pixel pitch [mm], and its kernel."""

    fraction: float
    length_mm: float
    pitch_mm: float
    kernel: str = "exponential"

    def __post_init__(self) -> None:
        if not 0 <= self.fraction < 0.5:
            raise ValueError(f"the glare fraction must be at least 0 and below 0.5, got {self.fraction}")
        for name in ("length_mm", "pitch_mm"):
            if not 0 < getattr(self, name) < np.inf:
                raise ValueError(f"{name} of the glare must be positive, got {getattr(self, name)}")
        if self.kernel not in KERNELS:
            raise ValueError(f"the glare kernel must be one of {', '.join(KERNELS)}, got '{self.kernel}'")


def glare_transfer(glare: GlareModel, frequency_per_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Transfer H of the glare: 1 at frequency zero, 1 - a far out.

    Parameters
    ----------
    glare : GlareModel
    frequency_per_mm : array of any shape
        Spatial frequencies. [1/mm]

    Returns
    -------
    transfer : float64 array of the same shape
        [1]
    """
    phase = 2.0 * np.pi * glare.length_mm * np.abs(np.asarray(frequency_per_mm, np.float64))
    spread = (1.0 + phase**2) ** -1.5 if glare.kernel == "exponential" else np.exp(-phase)
    return np.asarray(1.0 - glare.fraction + glare.fraction * spread)


def remove_glare(
    corrected_dn: NDArray[np.float32], glare: GlareModel, shielded_cols: Sequence[tuple[int, int]] = ()
) -> NDArray[np.float32]:
    """The picture without the glare, as a new plane.

    Parameters
    ----------
    corrected_dn : (H, W) float32
        Linear, with its bad pixels already interpolated. Not written to. [DN]
    glare : GlareModel
    shielded_cols : sequence of (int, int)
        Columns that see no X-rays, half-open ranges; they stay as they are and count as the panel's border, not as
        shadow. [1]

    Returns
    -------
    corrected_dn : (H, W) float32
        The mean is kept. [DN]

    Notes
    -----
    0.1 s for 3072 x 3072 on two cores, one plane beside the result. Rounding of the transforms: 2e-7 of the brightest
    signal rms, 1e-6 at most.
    Pixels that are not finite stay as they are; for their neighbours they hold the picture's mean.
    """
    return _filter(corrected_dn, glare, shielded_cols, inverse=True)


def add_glare(
    corrected_dn: NDArray[np.float32], glare: GlareModel, shielded_cols: Sequence[tuple[int, int]] = ()
) -> NDArray[np.float32]:
    """The picture with the glare, as a new plane: undoes `remove_glare` to the rounding of float32.

    Parameters
    ----------
    corrected_dn : (H, W) float32
        From `remove_glare`. Not written to. [DN]
    glare, shielded_cols : GlareModel, sequence of (int, int)
        As they were there.

    Returns
    -------
    corrected_dn : (H, W) float32
        [DN]
    """
    return _filter(corrected_dn, glare, shielded_cols, inverse=False)


def glare_variance_gain(glare: GlareModel, shape: tuple[int, int]) -> float:
    """Factor on the variance of white noise when the glare is removed.

    Parameters
    ----------
    glare : GlareModel
    shape : (int, int)
        Rows and columns of the picture. [1]

    Returns
    -------
    gain : float
        Mean of 1 / H^2 over the spatial frequencies, at most 1 / (1 - a)^2. [1]
    """
    rows, cols = (np.arange(0.5, side) / (2.0 * side * glare.pitch_mm) for side in (min(n, 256) for n in shape))
    return float(np.mean(glare_transfer(glare, np.hypot(rows[:, None], cols)) ** -2))


def _filter(
    picture: NDArray[np.float32], glare: GlareModel, shielded_cols: Sequence[tuple[int, int]], inverse: bool
) -> NDArray[np.float32]:
    from scipy import fft

    picture = np.asarray(picture)
    if picture.ndim != 2:
        raise ValueError(f"a picture is (rows, columns), got {picture.shape}")
    if shielded_cols and glare.fraction > 0.0:
        lit = np.ones(picture.shape[1], np.bool_)
        for first, last in shielded_cols:
            lit[first:last] = False
        result = np.array(picture, np.float32)
        if lit.any():
            result[:, lit] = _filter(picture[:, lit], glare, (), inverse)
        return result
    picture = np.ascontiguousarray(picture, np.float32)
    if glare.fraction == 0.0:
        return picture.copy()
    odd = ~np.isfinite(picture)
    work = picture
    if odd.any():
        if odd.all():
            return picture.copy()
        work = np.where(odd, picture[~odd].mean(dtype=np.float64).astype(np.float32), picture)
    spectrum = fft.dctn(work, type=2, workers=_WORKERS, overwrite_x=work is not picture)
    length = np.pi * glare.length_mm / glare.pitch_mm  # 2 pi b f with f = k / (2 N pitch)
    _scale(spectrum, glare.fraction, length, glare.kernel == "exponential", inverse)
    result = fft.idctn(spectrum, type=2, workers=_WORKERS, overwrite_x=True)
    result[odd] = picture[odd]
    return np.asarray(result)


@njit(parallel=True, cache=True)
def _scale(spectrum: NDArray[np.float32], fraction: float, length: float, exponential: bool, inverse: bool) -> None:
    """Multiplies (H, W) cosine coefficients by the transfer, or divides; `length` is pi times that of the glare."""
    rows, cols = spectrum.shape
    for k in prange(rows):
        down = (length * k / rows) ** 2
        for m in range(cols):
            square = down + (length * m / cols) ** 2
            spread = 1.0 / ((1.0 + square) * np.sqrt(1.0 + square)) if exponential else np.exp(-np.sqrt(square))
            transfer = (1.0 - fraction) + fraction * spread
            factor = 1.0 / transfer if inverse else transfer
            spectrum[k, m] = spectrum[k, m] * factor

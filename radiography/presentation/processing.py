"""Picture for presentation from a corrected, linear image.

The logarithm turns exposure into attenuation, so that the same detail has the same contrast behind thin and thick
parts, and larger means thicker: metal and bone come out bright, as on film. Fine detail is then raised a little, only
where it stands above the noise. Measurements belong to the linear image, never to this one.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

DISPLAY_MAXIMUM = 2**14 - 1
DECADES = 3.5  # of exposure below the open field that the picture holds   # chosen: a panel's dynamic range
HEADROOM = 0.2  # of the natural logarithm above the open field: heel effect and noise of the air   # chosen
COUNTS_PER_NEPER = DISPLAY_MAXIMUM / (DECADES * np.log(10.0) + HEADROOM)  # display counts per e-fold of exposure
OPEN_FIELD_PERCENTILE = 99.5  # of the smoothed image, taken as the exposure without object   # chosen
SMOOTHED_PIXELS = 7  # side of the square averaged before asking what is open field: noise falls to a seventh   # chosen
DETAIL_SIGMA_PIXELS = 2.0  # detail is what this blur removes   # chosen: wires and trabeculae of 0.1 mm pixels
DETAIL_LIMIT = 0.15  # largest step of the logarithm added at an edge, so that edges get no halo   # chosen
LOCAL_PIXELS = 9  # side of the neighbourhood in which detail is compared with noise   # chosen
NOISE_CLASSES = 24  # exposure classes in which the noise is measured   # chosen
CLASS_PIXELS = 200  # fewest pixels of a class, for 5 % of its standard deviation
MAD_TO_SIGMA = 1.4826  # normal distribution
WINDOW_PERCENTILES = (0.5, 99.5)  # of the object   # chosen
WINDOW_QUARTILES = 3.0  # times the interquartile range: a few dense parts must not darken the rest   # chosen
OBJECT_ATTENUATION = 0.05  # natural logarithm above which a pixel shows the object, not the open field   # chosen
SMALLEST_WINDOW = 64  # counts: a flat image must not be stretched to noise   # chosen
BAND_ROWS = 256  # of a picture that are filtered together   # chosen
SAMPLES = 2_000_000  # pixels that set percentiles and noise classes


@dataclass(frozen=True, eq=False)
class PresentedPicture:
    """A picture and how to look at it.

    Attributes
    ----------
    display : (H, W) uint16
        14 bits, larger where fewer X-rays arrived. [1]
    window_center, window_width : int
        Window in display counts. [1]
    open_field_dn : float
        Exposure that was taken as no object. [DN]
    description : str
        One line on how the picture was made.
    """

    display: NDArray[np.uint16]
    window_center: int
    window_width: int
    open_field_dn: float
    description: str


def present(
    corrected_dn: NDArray[np.floating[Any]], *, detail_gain: float = 0.7, open_field_dn: float | None = None
) -> PresentedPicture:
    """The picture to look at, with its window.

    `attenuation = ln(open field / corrected)`, from 0.2 above the open field to 3.5 decades below it, is stored in 14
    bits; pixels below (dark noise, zero and negative values too) take the largest count. Fine detail is raised first.

    Parameters
    ----------
    corrected_dn : (H, W) float
        Linear, corrected image. [DN]
    detail_gain : float
        How much of the noise-free fine detail is added; 0 leaves the logarithm as it is. [1]
    open_field_dn : float, optional
        Exposure without object; taken as the 99.5th percentile of the smoothed image when left out. [DN]

    Returns
    -------
    picture : PresentedPicture

    Raises
    ------
    ValueError
        If a pixel is NaN or infinite, or no pixel is exposed.
    """
    attenuation, open_field = attenuate(corrected_dn, open_field_dn)
    enhanced = enhance_detail(attenuation, detail_gain)
    display = _in_bands(_as_counts, np.uint16, enhanced)
    center, width = choose_window(display)
    description = (
        f"natural logarithm of exposure, {COUNTS_PER_NEPER:.2f} counts per e-fold, larger = fewer X-rays; open field "
        f"{open_field:.6g} DN at count {round(HEADROOM * COUNTS_PER_NEPER)}; fine detail raised by up to "
        f"{detail_gain:g} where it stands above the noise"
    )
    return PresentedPicture(display, center, width, open_field, description)


def attenuate(
    corrected_dn: NDArray[np.floating[Any]], open_field_dn: float | None = None
) -> tuple[NDArray[np.float32], float]:
    """Attenuation `ln(open field / corrected)` of each pixel, limited to what the picture can hold, and the open field.

    Parameters
    ----------
    corrected_dn : (H, W) float
        Linear, corrected image. [DN]
    open_field_dn : float, optional
        Exposure without object; taken as the 99.5th percentile of the smoothed image when left out. [DN]

    Returns
    -------
    attenuation : (H, W) float32
        [1]
    open_field_dn : float
        [DN]
    """
    pixels = np.asarray(corrected_dn)
    if pixels.ndim != 2 or pixels.size == 0:
        raise ValueError(f"corrected_dn must be (rows, columns), got shape {pixels.shape}")
    bad = int(pixels.size - np.count_nonzero(np.isfinite(pixels)))
    if bad:
        raise ValueError(f"corrected_dn holds {bad} pixels that are NaN or infinite; correct them before presenting")
    if open_field_dn is None:
        open_field_dn = float(np.percentile(_sample(_smoothed(pixels)), OPEN_FIELD_PERCENTILE))
    if not (np.isfinite(open_field_dn) and open_field_dn > 0):
        raise ValueError(f"the open field must be a positive exposure, got {open_field_dn} DN: is the frame dark?")
    least = open_field_dn * 10.0**-DECADES
    attenuation = -np.log(np.maximum(pixels, least, dtype=np.float32) / np.float32(open_field_dn))
    return np.asarray(attenuation, dtype=np.float32), open_field_dn


def enhance_detail(attenuation: NDArray[np.float32], detail_gain: float = 0.7) -> NDArray[np.float32]:
    """Attenuation with its fine detail raised where it stands above the noise.

    Detail is what a blur of 2 pixels removes. It is weighted as Lee's filter weights it [1]_, with the part of its
    local variance that noise does not explain, limited so that strong edges get no halo, and added. The noise of the
    detail is measured in the image itself, in classes of exposure.

    Parameters
    ----------
    attenuation : (H, W) float32
        [1]
    detail_gain : float
        Fraction of the detail to add. [1]

    Returns
    -------
    enhanced : (H, W) float32
        [1]

    Raises
    ------
    ValueError
        If detail_gain is negative.

    References
    ----------
    .. [1] Lee, "Digital image enhancement and noise filtering by use of local statistics", IEEE Trans. Pattern Anal.
       Mach. Intell. 2, 165-168 (1980). doi:10.1109/TPAMI.1980.4766994. Lee smooths the noise; here it is left
       as it is and only not raised.
    """
    from scipy.ndimage import gaussian_filter, uniform_filter

    if not (np.isfinite(detail_gain) and detail_gain >= 0):
        raise ValueError(f"detail_gain must be 0 or more, got {detail_gain}")
    if detail_gain == 0:
        return attenuation.copy()

    def blur(picture: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(gaussian_filter(picture, DETAIL_SIGMA_PIXELS, mode="nearest"))

    def local_variance(detail: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(uniform_filter(np.square(detail), LOCAL_PIXELS, mode="nearest"))

    def raise_detail(
        picture: NDArray[np.float32], smooth: NDArray[np.float32], variance: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        noise = np.interp(smooth, *noise_of_level).astype(np.float32)
        weight = np.maximum(variance - noise, 0) / np.maximum(variance, np.finfo(np.float32).tiny)
        raised = DETAIL_LIMIT * np.tanh((picture - smooth) / DETAIL_LIMIT)
        return np.asarray(picture + np.float32(detail_gain) * weight * raised, dtype=np.float32)

    smooth = _in_bands(blur, np.float32, attenuation, reach=math.ceil(4.0 * DETAIL_SIGMA_PIXELS))
    detail = attenuation - smooth
    variance = _in_bands(local_variance, np.float32, detail, reach=LOCAL_PIXELS // 2)
    noise_of_level = _noise_variance(detail, smooth)
    return _in_bands(raise_detail, np.float32, attenuation, smooth, variance)


def choose_window(display: NDArray[np.uint16]) -> tuple[int, int]:
    """Window centre and width that show the object, both integers. [1]

    From the 0.5th to the 99.5th percentile of the pixels that are not open field, but no farther from their median
    than three interquartile ranges, with 5 % of room; of all pixels where less than 1 % show an object.
    """
    sample = _sample(display)
    least = (HEADROOM + OBJECT_ATTENUATION) * COUNTS_PER_NEPER
    shows_object = (_sample(_smoothed(display)) > least) & (sample > least)
    shown = sample[shows_object] if np.count_nonzero(shows_object) >= 0.01 * sample.size else sample
    low, high = (float(value) for value in np.percentile(shown, WINDOW_PERCENTILES))
    lower, median, upper = (float(value) for value in np.percentile(shown, (25, 50, 75)))
    reach = WINDOW_QUARTILES * (upper - lower)
    if reach > 0:
        low, high = max(low, median - reach), min(high, median + reach)
    width = max(round(1.1 * (high - low)), SMALLEST_WINDOW)
    return round((low + high) / 2), width


def _smoothed(pixels: NDArray[Any]) -> NDArray[np.float32]:
    """Mean over squares of 7 x 7 pixels."""
    from scipy.ndimage import uniform_filter

    def smooth(picture: NDArray[Any]) -> NDArray[np.float32]:
        return np.asarray(uniform_filter(picture.astype(np.float32), SMOOTHED_PIXELS, mode="nearest"))

    return _in_bands(smooth, np.float32, pixels, reach=SMOOTHED_PIXELS // 2)


def _as_counts(attenuation: NDArray[np.float32]) -> NDArray[np.uint16]:
    counts = np.rint((attenuation + HEADROOM) * COUNTS_PER_NEPER)
    return np.asarray(np.clip(counts, 0, DISPLAY_MAXIMUM), dtype=np.uint16)


def _in_bands(work: Callable[..., NDArray[Any]], kind: Any, *planes: NDArray[Any], reach: int = 0) -> NDArray[Any]:
    """A picture of `kind` whose bands of rows are made side by side, of those of the planes and `reach` rows around.

    The bands are the same however many threads there are: a running sum rounds otherwise from another start.
    """
    rows = len(planes[0])
    made = np.empty(planes[0].shape, dtype=kind)

    def make(top: int) -> None:
        first, stop = max(0, top - reach), min(rows, top + BAND_ROWS + reach)
        band = work(*(plane[first:stop] for plane in planes))
        made[top : top + BAND_ROWS] = band[top - first : top - first + BAND_ROWS]

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(make, range(0, rows, BAND_ROWS)))
    return made


def _noise_variance(detail: NDArray[np.float32], smooth: NDArray[np.float32]) -> tuple[list[float], list[float]]:
    """Levels, and the variance of the noise in `detail` there: a robust spread in classes of equal population."""
    level, fine = _sample(smooth), _sample(detail)
    classes = max(1, min(NOISE_CLASSES, level.size // CLASS_PIXELS))
    edges = np.quantile(level, np.linspace(0, 1, classes + 1))
    member = np.clip(np.searchsorted(edges, level, side="right") - 1, 0, classes - 1)
    centres, variances = [], []
    for k in range(classes):
        chosen = fine[member == k]
        if chosen.size:
            centres.append(float(np.median(level[member == k])))
            spread = MAD_TO_SIGMA * float(np.median(np.abs(chosen - np.median(chosen))))
            variances.append(spread**2)
    return centres, variances


def _sample(pixels: NDArray[Any]) -> NDArray[Any]:
    """An even scatter of about two million pixels: every row and column takes part."""
    step = max(1, -(-pixels.size // SAMPLES))
    if step > 1 and np.gcd(step, pixels.shape[1]) > 1:
        step = next(s for s in range(step, step + pixels.shape[1] + 2) if np.gcd(s, pixels.shape[1]) == 1)
    return pixels.ravel()[::step]

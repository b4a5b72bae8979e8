"""MTF from a slanted slit and from bar patterns: other objects, other mathematics, to check an edge's MTF against.

Both are simple on purpose and share nothing with the estimator of `mtf`. The slit gives the presampled curve, with the
slit's own width divided out; bars give single values at their frequencies.
"""

from __future__ import annotations

import numpy as np

SLIT_BINS_PER_PIXEL = 8
LEAST_SLIT_TRAVEL = 1.0  # pixels that a slit must move sideways, so that its rows sample all phases of a pixel
LEAST_SLIT_TRANSFER = 0.5  # of the slit itself; beyond, dividing by it lifts noise   # chosen


def slit_mtf(
    corrected_dn: np.ndarray, pitch_mm: float, slit_mm: float, reach_mm: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Presampled MTF from the image of one bright, nearly vertical slit in a dark plate.

    Parameters
    ----------
    corrected_dn : (H, W) float32
        Linear image, the slit in its middle part from the first row to the last. [DN]
    pitch_mm : float
        Pixel pitch. [mm]
    slit_mm : float
        Width of the slit, whose transfer is divided out. [mm]
    reach_mm : float, optional
        Half width of the line spread that is transformed; by default as far as the region reaches. [mm]

    Returns
    -------
    frequency_per_mm, value : (F,) float64
        To where the slit's own transfer is one half, and to twice Nyquist at most. [1/mm, 1]

    Raises
    ------
    ValueError
        If a length is not positive, the region is too narrow, or the slit is too upright.

    Notes
    -----
    The level beside the slit is taken from the outer fifth on both sides; glare that reaches there is not seen.
    """
    if not (pitch_mm > 0 and slit_mm >= 0):
        raise ValueError(f"pitch_mm and slit_mm must be positive lengths, got {pitch_mm:g} and {slit_mm:g}")
    image = np.asarray(corrected_dn, dtype=np.float64)
    rows, cols = image.shape
    column, row = np.arange(cols), np.arange(rows)
    outer = max(2, cols // 10)
    ground = (image[:, :outer].mean(axis=1) + image[:, -outer:].mean(axis=1)) / 2
    line = image - ground[:, None]
    width = max(6.0, 3 * slit_mm / pitch_mm)
    middle = float(np.argmax(line.sum(axis=0)))
    course = np.array([0.0, middle])
    for half in (cols / 2, 3 * width, 2 * width):
        near = np.abs(column[None, :] - np.polyval(course, row)[:, None]) < half
        weight = np.where(near, line, 0.0)
        centre = (weight * column).sum(axis=1) / weight.sum(axis=1)
        good = np.isfinite(centre) & (np.abs(centre - np.median(centre)) < cols / 2)
        course = np.polyfit(row[good], centre[good], 1)
    if abs(course[0]) * rows < LEAST_SLIT_TRAVEL:
        raise ValueError(
            f"angle too small: the slit moves by {abs(course[0]) * rows:.2f} pixels over {rows} rows; it must move by "
            f"at least {LEAST_SLIT_TRAVEL:g}"
        )
    place = np.polyval(course, row)
    distance = (column[None, :] - place[:, None]) * np.cos(np.arctan(course[0]))
    reach = min(place.min(), cols - 1 - place.max()) - 1
    if reach_mm is not None:
        reach = min(reach, reach_mm / pitch_mm)
    if reach < 4:
        raise ValueError(f"the region reaches {reach:.1f} pixels from the slit; at least 4 are needed")
    bins = 2 * int(reach * SLIT_BINS_PER_PIXEL)
    number = np.floor(distance * SLIT_BINS_PER_PIXEL).astype(int) + bins // 2
    inside = (number >= 0) & (number < bins)
    count = np.bincount(number[inside], minlength=bins)
    spread = np.bincount(number[inside], line[inside], bins) / np.maximum(count, 1)
    x = (np.arange(bins) + 0.5) / SLIT_BINS_PER_PIXEL
    spread = np.interp(x, x[count > 0], spread[count > 0])
    highest = min(1.0, _half_of_sinc() * pitch_mm / slit_mm if slit_mm > 0 else 1.0)
    frequency = np.fft.rfftfreq(8 * bins, 1 / SLIT_BINS_PER_PIXEL)
    frequency = frequency[frequency <= highest]
    modulus = np.abs(np.fft.rfft(spread, 8 * bins))[: frequency.size]
    transfer = np.sinc(frequency * slit_mm / pitch_mm) * np.sinc(frequency / SLIT_BINS_PER_PIXEL)
    return frequency / pitch_mm, modulus / modulus[0] / transfer


def _half_of_sinc() -> float:
    """Where sin(pi x) / (pi x) is `LEAST_SLIT_TRANSFER`."""
    x = np.linspace(0, 1, 10001)
    return float(x[np.argmax(np.sinc(x) < LEAST_SLIT_TRANSFER)])


def bar_pattern_mtf(
    groups_dn: list[np.ndarray], frequency_per_mm: list[float], open_dn: np.ndarray, bar_dn: np.ndarray
) -> np.ndarray:
    """MTF at the frequencies of groups of equal bars and gaps, from their variance.

    The variance of a square wave that is blurred so that only its first harmonic passes is (4 / pi)^2 / 2 times the
    squared half contrast times MTF^2; below a third of the cutoff the third harmonic adds to it, and the result is too
    large by up to 5 %. The noise's variance, from the open and the bar's own areas, is taken off.

    Parameters
    ----------
    groups_dn : list of (h, w) float32
        Insides of the groups, whole periods best, borders left out. [DN]
    frequency_per_mm : list of float
        Line pairs per mm of each. [1/mm]
    open_dn, bar_dn : (h, w) float32
        Areas of open field, and of the bars' material. [DN]

    Returns
    -------
    value : (F,) float64
        One for each group; 0 where only noise is seen. [1]

    Raises
    ------
    ValueError
        If there is not one frequency for each group, or the areas do not differ.

    References
    ----------
    .. [1] R. T. Droege, R. L. Morin, "A practical method to measure the MTF of CT scanners", Med. Phys. 9, 758 (1982).
    """
    if len(groups_dn) != len(frequency_per_mm) or not groups_dn:
        raise ValueError(f"{len(groups_dn)} groups of bars need as many frequencies, got {len(frequency_per_mm)}")
    contrast = float(np.mean(open_dn) - np.mean(bar_dn))
    noise = (float(np.var(open_dn)) + float(np.var(bar_dn))) / 2
    if not abs(contrast) > 0:
        raise ValueError(f"open field and bars are both {np.mean(open_dn):g} DN; their contrast is needed")
    variance = np.array([max(float(np.var(group)) - noise, 0.0) for group in groups_dn])
    return np.asarray(np.pi / np.sqrt(2) * np.sqrt(variance) / abs(contrast))

"""Exposure index of IEC 62494-1: the air kerma that the detector got behind the object, as a number on a common scale.

    EI = 100 x K        K: air kerma [uGy] of the calibration beam that gives the value of interest
    DI = 10 log10(EI / target)

The value of interest is the median of the relevant region, one of the central tendencies that the standard allows: a
few dense or thin parts do not move it. It is taken of the means of small squares: noise of few quanta is skewed, and
the median of single pixels lies up to a tenth below their mean. How the region is found is left open by the standard;
`relevant_region.py` beside this file does it. On a linear image the inverse calibration function is a division by DN
per uGy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiography.analysis.relevant_region import RelevantRegion, relevant_region

EI_PER_UGY = 100.0  # IEC 62494-1:2008, c0; [1/uGy]
CALIBRATION_BEAM = "RQA5"  # IEC 62494-1:2008 asks for a beam like it: 66 to 74 kV, 6.8 mm Al
MOST_SATURATED = 0.5  # of the region: beyond that the median itself is one of the saturated values
WORTH_SAYING = 0.01  # share of the region that is saturated   # chosen
SQUARES = (8, 4, 2)  # pixels along a side, the largest of which the region has enough   # chosen
LEAST_SQUARES = 64  # whose median is quoted   # chosen
LEAST_PIXELS = 16  # of a region whose median is quoted   # chosen: its error is a third of the noise of a pixel

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class ExposureIndex:
    """Exposure index of one image, and what it was taken from.

    Attributes
    ----------
    exposure_index : float
        100 x `kerma_uGy`. [1]
    kerma_uGy : float
        Air kerma of the calibration beam that gives the value of interest. [uGy]
    value_dn : float
        Value of interest: the median of the relevant region's squares, offset subtracted. [DN]
    target, deviation_index : float or None
        Exposure index that is aimed at [1], and 10 log10 of the ratio [1]; None where no target is known.
    region : RelevantRegion
        Where it was measured, and why not elsewhere.
    warnings : tuple of str
        What to doubt.
    """

    exposure_index: float
    kerma_uGy: float
    value_dn: float
    target: float | None
    deviation_index: float | None
    region: RelevantRegion
    warnings: tuple[str, ...] = ()


def exposure_index(
    linear_dn: NDArray[Any],
    dn_per_uGy: float,
    *,
    offset_dn: float = 0.0,
    target: float | None = None,
    unusable: Mask | None = None,
    saturated: Mask | None = None,
) -> ExposureIndex:
    """Exposure index of a linear image.

    Parameters
    ----------
    linear_dn : (H, W) float
        Linear in exposure; pixels without a number are left out. [DN]
    dn_per_uGy : float
        Signal of 1 uGy of the calibration beam: the calibration function. [DN/uGy]
    offset_dn : float
        Signal without exposure. [DN]
    target : float, optional
        Exposure index that is aimed at. [1]
    unusable, saturated : (H, W) bool, optional
        Pixels that hold no measurement, and those at the end of their range.

    Returns
    -------
    found : ExposureIndex

    Raises
    ------
    ValueError
        If a number is not positive, nothing is exposed, no region is found, or half of it is saturated.

    References
    ----------
    .. [1] IEC 62494-1:2008, Medical electrical equipment - Exposure index of digital X-ray imaging systems - Part 1.
    """
    for name, value in (("DN per uGy", dn_per_uGy), ("the target exposure index", target)):
        if value is not None and not 0 < value < np.inf:
            raise ValueError(f"{name} must be a positive number, got {value:g}")
    if not np.isfinite(offset_dn):
        raise ValueError(f"the offset must be a number of DN, got {offset_dn}")
    signal_dn = np.asarray(linear_dn, dtype=np.float32) - np.float32(offset_dn)
    region = relevant_region(signal_dn, unusable)
    inside = signal_dn[region.relevant]
    if inside.size < LEAST_PIXELS:
        raise ValueError(f"the relevant region holds {inside.size} pixels, {LEAST_PIXELS} are needed")
    share = _saturated_share(np.asarray(linear_dn), region.relevant, saturated)
    if share >= MOST_SATURATED:
        raise ValueError(
            f"{100 * share:.0f} % of the relevant region is saturated: its exposure index is not known, only that it "
            "is above what the panel can hold"
        )
    warnings = list(region.notes)
    if share >= WORTH_SAYING:
        warnings.append(f"{100 * share:.1f} % of the relevant region is saturated")
    value_dn = _median_of_squares(signal_dn, region.relevant)
    if value_dn <= 0:
        raise ValueError(f"the relevant region has a median of {value_dn:.4g} DN above the offset: it is not exposed")
    kerma_uGy = value_dn / dn_per_uGy
    index = EI_PER_UGY * kerma_uGy
    deviation = None if target is None else deviation_index(index, target)
    return ExposureIndex(index, kerma_uGy, value_dn, target, deviation, region, tuple(warnings))


def deviation_index(index: float, target: float) -> float:
    """Deviation of an exposure index from its target, 10 log10 of their ratio.

    Parameters
    ----------
    index, target : float
        Exposure index, and the one aimed at; positive. [1]

    Returns
    -------
    deviation : float
        [1]  +1 is 26 % too much.
    """
    return float(10.0 * np.log10(index / target))


def in_words(found: ExposureIndex) -> str:
    """One sentence on what the numbers mean."""
    said = (
        f"the detector got {found.kerma_uGy:.3g} uGy behind the object, a statement on the image's noise and none on "
        "the dose of who was imaged"
    )
    if found.target is None or found.deviation_index is None:
        return said
    ratio = found.exposure_index / found.target
    way = f"{100 * abs(ratio - 1):.0f} % {'more' if ratio > 1 else 'less'} than" if abs(ratio - 1) >= 0.005 else "as"
    return f"{said}; that is {way} the {found.target / EI_PER_UGY:.3g} uGy aimed at"


def _median_of_squares(signal_dn: NDArray[np.float32], relevant: Mask) -> float:
    """Median over squares of pixels of their mean, of those that lie in the region by more than half. [DN]"""
    counted = np.where(relevant, signal_dn, 0)
    for side in SQUARES:
        rows, cols = (size // side * side for size in relevant.shape)
        tiles = (rows // side, side, cols // side, side)
        count = relevant[:rows, :cols].reshape(tiles).sum(axis=(1, 3))
        enough = count > side * side // 2
        if np.count_nonzero(enough) >= LEAST_SQUARES:
            sums = counted[:rows, :cols].reshape(tiles).sum(axis=(1, 3), dtype=np.float64)
            return float(np.median(sums[enough] / count[enough]))
    return float(np.median(signal_dn[relevant]))


def _saturated_share(numbers: NDArray[Any], relevant: Mask, saturated: Mask | None) -> float:
    """Share of the region at the end of its range, as flags say, or as many equal values at the top of integers do."""
    if saturated is not None:
        return float(np.mean(saturated[relevant]))
    inside = numbers[relevant]
    if inside.dtype.kind not in "ui":
        return 0.0
    top, least = inside.max(), inside.min()
    share = float(np.mean(inside == top))
    below = float(np.mean(inside == top - 1)) if top > least else 0.0
    return share if top > least and share > 10.0 * max(below, 1.0 / inside.size) else 0.0

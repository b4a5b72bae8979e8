"""Attenuation of each pixel from a linear image, and what of the panel shows the object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiography.analysis.relevant_region import (
    COLLIMATED,
    DIRECT,
    METAL,
    RELEVANT,
    relevant_region,
)
from radiography.presentation.pyramid import Plane, block_means
from radiography.presentation.steps import OPEN_FIELD_PERCENTILE

LOOKED_AT = 768  # blocks along the longer side in which region and open field are looked for   # chosen
SMOOTHED_PIXELS = 7  # side of the square averaged before asking what is open field: noise falls to a seventh   # chosen
LEAST_DIRECT = 0.005  # of the field, of which the median is the open field   # chosen
CHUNK_ROWS = 64  # whose intermediate planes stay in the cache   # chosen
LEAST_METAL = 0.1  # of the object, from which metal is what was imaged   # chosen
SMALL = (5e-4, 0.1)  # of the field: an object too small to be told from a flat by the region   # chosen
SEEN = 0.9  # of the open field, below which blocks are such an object   # chosen: beyond heel effect and noise


class NotExposed(ValueError):
    """A frame that no X-rays reached, of which there is no picture."""


@dataclass(frozen=True, eq=False)
class FoundRegion:
    """What each block of a picture shows.

    Attributes
    ----------
    side : int
        Of a block. [px]
    kinds : (h, w) uint8 or None
        Of `radiography.analysis.relevant_region`; None where nothing could be told.
    open_field_dn : float
        Exposure without object. [DN]
    small : (h, w) bool or None
        Blocks of an object that is too small for `kinds` to tell it from a flat; None where there is none.
    """

    side: int
    kinds: NDArray[np.uint8] | None
    open_field_dn: float
    small: NDArray[np.bool_] | None = None

    @property
    def shows_object(self) -> NDArray[np.bool_] | None:
        """Blocks of the object, and of metal where that is a large part of it. (h, w)"""
        if self.kinds is None or self.small is not None:
            return self.small
        thing, metal = self.kinds == RELEVANT, self.kinds == METAL
        shown = thing | metal if metal.sum() >= LEAST_METAL * (thing.sum() + metal.sum()) else thing
        return np.asarray(shown)


def find_region(pixels: NDArray[Any], open_field_dn: float | None = None) -> FoundRegion:
    """Region and open field of a linear image.

    Parameters
    ----------
    pixels : (H, W) float
        [DN]
    open_field_dn : float, optional
        Exposure without object, where it is known. [DN]

    Returns
    -------
    found : FoundRegion

    Raises
    ------
    NotExposed
        If no pixel is exposed.
    """
    from scipy.ndimage import uniform_filter

    side = -(-max(pixels.shape) // LOOKED_AT)
    means = block_means(np.ascontiguousarray(pixels, np.float32), side)
    try:
        kinds = relevant_region(means).kinds
    except ValueError:  # nothing is above the offset
        kinds = None
    smooth = uniform_filter(means, max(1, SMOOTHED_PIXELS // side), mode="nearest")
    if open_field_dn is None:
        inside = np.ones(means.shape, np.bool_) if kinds is None else kinds != COLLIMATED
        direct = np.zeros(means.shape, np.bool_) if kinds is None else kinds == DIRECT
        if direct.sum() >= LEAST_DIRECT * inside.sum():
            open_field_dn = float(np.median(smooth[direct]))
        else:
            open_field_dn = float(np.percentile(smooth[inside], OPEN_FIELD_PERCENTILE))
    if not (np.isfinite(open_field_dn) and open_field_dn > 0):
        raise NotExposed(f"the open field must be a positive exposure, got {open_field_dn} DN: is the frame dark?")
    return FoundRegion(side, kinds, open_field_dn, _small_object(smooth, kinds, open_field_dn))


def _small_object(smooth: Plane, kinds: NDArray[np.uint8] | None, open_field_dn: float) -> NDArray[np.bool_] | None:
    """Blocks well below the open field where the region found no open field, if they are a small part of it."""
    if kinds is None or (kinds == DIRECT).any():
        return None
    inside = kinds != COLLIMATED
    dark = inside & (smooth < SEEN * open_field_dn)
    return dark if SMALL[0] * inside.sum() <= dark.sum() <= SMALL[1] * inside.sum() else None


def attenuate(pixels: NDArray[Any], open_field_dn: float, decades: float) -> Plane:
    """Attenuation `ln(open field / pixel)`; what lies decades below the open field, or below zero, has that of the end.

    Parameters
    ----------
    pixels : (H, W) float
        Linear image. [DN]
    open_field_dn : float
        [DN]
    decades : float
        [1]

    Returns
    -------
    attenuation : (H, W) float32
        [1]
    """
    attenuation = np.empty(pixels.shape, np.float32)
    least, inverse = np.float32(open_field_dn * 10.0**-decades), np.float32(1.0 / open_field_dn)
    for top in range(0, len(pixels), CHUNK_ROWS):
        part = attenuation[top : top + CHUNK_ROWS]
        np.maximum(pixels[top : top + CHUNK_ROWS], least, out=part, casting="same_kind")
        np.multiply(part, inverse, out=part)
        np.log(part, out=part)
        np.negative(part, out=part)
    return attenuation

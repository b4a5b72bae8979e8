"""Covered borders of a panel, and dead parts that look like them: told apart by the noise of their darks.

A shield or a collimator takes the light of whole rows or columns up to the panel's border and leaves working pixels,
whose dark level fluctuates like that of all others. Lines that are dead are as a rule without the noise of a pixel, or
do not fill a border. Dead lines at a border that fluctuate like working pixels look the same in darks and flats; that
is said.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.dark.offset import OffsetMap
from calibration.defects.criteria import DefectCriteria
from calibration.defects.local_median import BLOCK, area_median, block_median, blocks_to_pixels
from calibration.response.single_dose import COVERED_RESPONSE, LEAST_RESPONSE, GainMap

LEAST_LIGHT = 0.1 * LEAST_RESPONSE  # of the level: an area with less is without light   # chosen
NARROWEST = 3  # lines; one or two at a border are dead more often than covered   # chosen
WHOLE = 0.98  # of a line's pixels are without light: its whole length   # chosen
ALIKE = 1.25  # of a working panel's dark noise, either way: working pixels   # chosen
LIFELESS = 0.5  # of the same: a part of the panel with less is not alive   # chosen: no charge noise of a pixel
SIDES = ("top", "bottom", "left", "right")

Mask = NDArray[np.bool_]


def lifeless_parts(offset: OffsetMap, criteria: DefectCriteria) -> Mask:
    """Parts of a panel, some 10 pixels wide or more, whose darks hardly fluctuate.

    Parameters
    ----------
    offset : OffsetMap
        From `estimate_offset`.
    criteria : DefectCriteria
        Of these, `least_frames_for_noise`.

    Returns
    -------
    lifeless : (H, W) bool
        Nowhere where too few darks tell.
    """
    shape = (offset.offset_dn.shape[0], offset.offset_dn.shape[1])
    if offset.noise_dn is None or offset.frames_used < criteria.least_frames_for_noise:
        return np.zeros(shape, bool)
    blocks = block_median(offset.noise_dn)
    around = area_median(blocks, np.zeros(blocks.shape, bool))
    limit = LIFELESS * offset.typical_noise_dn
    return blocks_to_pixels((blocks < limit) & (around < limit), shape)


def covered_borders(offset: OffsetMap, gain: GainMap, criteria: DefectCriteria, skipped: list[str]) -> Mask:
    """Whole rows or columns at a border without light but with working pixels, three or more.

    Parameters
    ----------
    offset, gain : OffsetMap, GainMap
        From `estimate_offset` and `estimate_gain`.
    criteria : DefectCriteria
        Of these, `least_frames_for_noise`.
    skipped : list of str
        A sentence is added for each border that darks and flats cannot tell from dead lines.

    Returns
    -------
    covered : (H, W) bool
    """
    dark = gain.signal_dn < COVERED_RESPONSE * gain.level_dn
    covered = np.zeros(dark.shape, bool)
    for side in SIDES:
        lines = _from_border(dark, side)
        whole = lines.mean(axis=1) >= WHOLE
        width = int(np.argmin(whole)) if not whole.all() else 0
        if width < NARROWEST or 2 * width > lines.shape[0]:
            continue
        strip = _from_border(gain.signal_dn, side)[:width]
        name = "rows" if side in ("top", "bottom") else "columns"
        where = f"{width} {name} at the {side} border show no light"
        if offset.noise_dn is None or offset.frames_used < criteria.least_frames_for_noise:
            skipped.append(
                f"{where}: whether they are covered or dead cannot be told without the noise of "
                f"{criteria.least_frames_for_noise} dark frames or more"
            )
            continue
        noise = float(np.median(_from_border(offset.noise_dn, side)[:width])) / max(offset.typical_noise_dn, 1e-9)
        if not 1.0 / ALIKE < noise < ALIKE:
            continue  # no working pixels
        _from_border(covered, side)[:width] = True
        if float(np.median(strip)) < LEAST_LIGHT * gain.level_dn:  # scattered light is seen by working pixels only
            skipped.append(
                f"{where}, but the dark noise of working pixels, and are taken as covered: dead lines that fluctuate "
                f"like these would look the same, flats without a cover would tell"
            )
    return covered


def edge_of(uncoated: Mask, reach: int) -> Mask:
    """Within some pixels of the border of uncoated or covered parts, on either side. (H, W)

    Parameters
    ----------
    uncoated : (H, W) bool
        True in such parts.
    reach : int
        [pixel]

    Returns
    -------
    edge : (H, W) bool
    """
    from scipy import ndimage

    side = 2 * -(-reach // BLOCK) + 1
    blocks = uncoated[::BLOCK, ::BLOCK]
    near_bare, near_coated = ndimage.maximum_filter(blocks, side), ~ndimage.minimum_filter(blocks, side)
    return blocks_to_pixels(near_bare & near_coated, (uncoated.shape[0], uncoated.shape[1]))


def _from_border(plane: NDArray[Any], side: str) -> NDArray[Any]:
    """The plane with its lines counted from a border inwards, a view."""
    turned = plane if side in ("top", "bottom") else plane.T
    return turned if side in ("top", "left") else turned[::-1]

"""Saturated pixels of a raw frame, and those that are not to be trusted because of them.

Judged on what the ADC delivered, before any arithmetic: afterwards every pixel has its own end of the scale. Charge
spills from a saturated pixel, and amplifiers recover slowly, so its neighbours are suspect, as are values so near to
the end that the response has begun to bend [1]_.

References
----------
.. [1] ASTM E2597/E2597M: saturation is where the response departs from the straight line by more than 5 %.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.flags import SATURATED, SUSPECT, UNUSABLE

SUSPECT_FRACTION = 0.95  # of the saturation level   # chosen


def flag_saturation(
    raw_dn: NDArray[Any],
    defects: NDArray[np.uint16],
    saturation_dn: float,
    suspect_fraction: float = SUSPECT_FRACTION,
) -> NDArray[np.uint16]:
    """The flags of a frame before any step: those of the calibration, SATURATED and SUSPECT.

    A bad pixel is neither, whatever its value, and makes no neighbour suspect.

    Parameters
    ----------
    raw_dn : (H, W)
        What the ADC delivered, integers or floats; judged as float32. [DN]
    defects : (H, W) uint16
        Bits of `calibration.flags` that the pixels always carry. Not written to.
    saturation_dn : float
        Raw value from which a pixel no longer responds. [DN]
    suspect_fraction : float
        SUSPECT from this fraction of it upwards, and next to saturated pixels. [1]

    Returns
    -------
    flags : (H, W) uint16

    Raises
    ------
    ValueError
        If shapes differ, the saturation level is not positive or the fraction not in 0..1.
    """
    if raw_dn.shape != defects.shape:
        raise ValueError(f"the defect map is {defects.shape} but the frame is {raw_dn.shape}")
    if not saturation_dn > 0:
        raise ValueError(f"saturation_dn must be positive, got {saturation_dn}")
    number = raw_dn.astype(np.float32)
    usable = (defects & UNUSABLE) == 0
    saturated = usable & (number >= np.float32(saturation_dn))
    near = usable & (number >= suspect_limit(saturation_dn, suspect_fraction))
    beside = np.zeros(raw_dn.shape, bool)
    rows, cols = raw_dn.shape
    padded = np.pad(saturated, 1)
    for down in range(3):
        for right in range(3):
            beside |= padded[down : down + rows, right : right + cols]
    flags = defects.copy()
    flags[saturated] |= SATURATED
    flags[(near | beside) & ~saturated] |= SUSPECT
    return flags


def suspect_limit(saturation_dn: float, suspect_fraction: float) -> np.float32:
    """Raw value from which a pixel is suspect.

    Parameters
    ----------
    saturation_dn : float
        Raw value from which a pixel no longer responds. [DN]
    suspect_fraction : float
        Of that, above 0 and at most 1. [1]

    Returns
    -------
    suspect_dn : float32
        [DN]

    Raises
    ------
    ValueError
        If the fraction is another.
    """
    if not 0 < suspect_fraction <= 1:
        raise ValueError(f"suspect_fraction must be above 0 and at most 1, got {suspect_fraction}")
    return np.float32(suspect_fraction * saturation_dn)

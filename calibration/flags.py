"""The bits of every `flags` plane: what is known about one pixel of one frame, in one place.

The bits of the calibration (what is wrong with the pixel) and of the frame (what happened to it in this exposure)
share one uint16, so that a picture travels with a single plane. Names of defect classes follow ASTM E2597.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# This frame.
SATURATED = 1 << 0  # the raw value reached the saturation level
SUSPECT = 1 << 1  # near saturation, or one of the eight neighbours is saturated
INTERPOLATED = 1 << 2  # the value was made from neighbours: leave it out of noise, sharpness and dose
UNCORRECTABLE = 1 << 3  # no good neighbour near enough, or the raw value was no number

# This pixel, always.
DEAD = 1 << 4  # no response to X-rays
OVER = 1 << 5  # responds much more than its surroundings
UNDER = 1 << 6  # responds much less than its surroundings
NOISY = 1 << 7  # fluctuates from frame to frame
NON_UNIFORM = 1 << 8  # differs from its neighbours where the picture should be uniform
LAGGING = 1 << 9  # differs in the first frame after the beam is off
BAD_NEIGHBOURHOOD = 1 << 10  # all neighbours are bad
HOT = 1 << 11  # dark level so high that little range is left, or an outlier in the only dark frame
UNCOATED = 1 << 12  # in an area without scintillator, or covered in the flats: a working pixel of little response
EXTRAPOLATED = 1 << 13  # this frame: above the highest dose of the calibration
SHIELDED = 1 << 14  # reference pixel that sees no X-rays: no image, but a measure of the dark signal
NON_LINEAR = 1 << 15  # response to dose is not the fitted curve

UNUSABLE = DEAD | OVER | UNDER | NOISY | NON_UNIFORM | LAGGING | BAD_NEIGHBOURHOOD | HOT | NON_LINEAR

FLAG_NAMES = {
    "saturated": SATURATED,
    "suspect": SUSPECT,
    "interpolated": INTERPOLATED,
    "uncorrectable": UNCORRECTABLE,
    "dead": DEAD,
    "over-responding": OVER,
    "under-responding": UNDER,
    "noisy": NOISY,
    "non-uniform": NON_UNIFORM,
    "lagging": LAGGING,
    "bad neighbourhood": BAD_NEIGHBOURHOOD,
    "hot": HOT,
    "uncoated": UNCOATED,
    "extrapolated": EXTRAPOLATED,
    "shielded": SHIELDED,
    "non-linear": NON_LINEAR,
}


def count_flags(flags: NDArray[Any]) -> dict[str, int]:
    """Pixels that carry each flag, by name; flags that no pixel carries are left out. [1]"""
    counts = {name: int(np.count_nonzero(flags & bit)) for name, bit in FLAG_NAMES.items()}
    return {name: count for name, count in counts.items() if count}

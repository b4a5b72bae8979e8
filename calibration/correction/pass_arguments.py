"""Arguments of the kernels of `fused_pass`: planes and numbers by step. A step that is not wanted has arrays without
rows.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Flags = npt.NDArray[np.uint16]
Raw = npt.NDArray[np.uint16] | npt.NDArray[np.float32]
Words = npt.NDArray[np.int32]
Singles = tuple[np.float32, ...]


class PanelMaps(NamedTuple):
    """What the calibration says of each pixel, (H, W): offset [DN], gain [1], and its flags as bits.

    The dark signal is ``offset_dn`` + ``rate_dn_per_s`` * ``excess_s``.
    ``curvature`` (C - 1, H, W) are the higher coefficients of the dose response [1/DN, 1/DN2].
    """

    offset_dn: Floats
    rate_dn_per_s: Floats
    excess_s: np.float32
    gain: Floats
    curvature: Floats
    defects: Flags


class RowShifts(NamedTuple):
    """Line noise: shift of each row by groups of columns, ``line_dn`` (H, G) [DN]."""

    line_dn: Floats
    cols_per_group: int


class LagTerms(NamedTuple):
    """The numbers of `calibration.lag.model.LagStep`, N populations at M exposures.

    A value from ``largest_dn`` on is not trapped [DN]. ``source`` says where the stores before the frame are: 0 for
    empty ones, 1 for ``before`` (N, H, W) [DN], 2 for the array that those after it are written to.
    """

    released: Floats
    retained: Floats
    fraction: Floats
    noise_gain: np.float32
    prompt_dn: Floats
    log_prompt: Floats
    largest_dn: np.float32
    before: Floats
    source: int


class Flagging(NamedTuple):
    """Limits [DN], and the bits of `calibration.flags` for what lies beyond them.

    ``saturation_dn`` and ``suspect_dn`` hold for raw values, ``limit_dn`` for the signal before the gain. ``unusable``
    are the bits of a bad pixel, which gets none of these.
    """

    saturation_dn: np.float32
    suspect_dn: np.float32
    limit_dn: np.float32
    saturated: int
    suspect: int
    uncorrectable: int
    extrapolated: int
    unusable: int


class TileNoise(NamedTuple):
    """The numbers of `NoiseTiles` in tiles of ``side`` pixels, (R, C) of them.

    ``lag_gain`` is what the correction of lag multiplies readout variance by [1].
    """

    dark_variance_dn2: Floats
    variance_per_dn: Floats
    per_level: Floats
    calibration_dn2: Floats
    lag_gain: np.float32
    side: int


class PassPlanes(NamedTuple):
    """What the pass writes: every element of each plane that is asked for.

    ``trapped_dn`` (N, H, W) are the stores after the frame [DN]; ``counts`` (H, 5) the pixels of each row that are
    saturated, suspect, negative, no number, and extrapolated [1].
    """

    corrected_dn: Floats
    flags: Flags
    trapped_dn: Floats
    variance_random: Floats
    variance_calibration: Floats
    counts: npt.NDArray[np.int64]

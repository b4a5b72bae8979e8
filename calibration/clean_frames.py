"""Calibration frames without what other steps take out of a picture: line noise, and lag of the frames before.

Maps learned from frames that still hold them would carry their traces: row noise passes for pixel noise and hides
noisy pixels, and lag makes the first flats of a series darker than the rest. Frames stay raw values, on their offset.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.dark.line_noise import estimate_line_noise, subtract_line_noise
from calibration.dark.offset import subtract_offset
from calibration.frame_sums import check_frame
from calibration.lag.model import LagModel, LagState, subtract_lag

ShieldedCols = tuple[tuple[int, int], ...]


def without_line_noise(
    frames: Iterable[NDArray[Any]],
    offset_dn: NDArray[np.float32],
    shielded_cols: ShieldedCols,
    unusable: NDArray[np.bool_],
    saturation_dn: float,
    name: str,
) -> Iterator[NDArray[Any]]:
    """Frames less the noise of their rows; as they are where the panel has no shielded columns.

    Parameters
    ----------
    frames : iterable of (H, W)
        Raw frames; not written to. [DN]
    offset_dn : (H, W) float32
        Dark signal at their integration time. [DN]
    shielded_cols : tuple of (int, int)
        Columns that see no X-rays, half-open ranges. [1]
    unusable : (H, W) bool
        Pixels that are not to be trusted.
    saturation_dn : float
        Raw value from which a pixel no longer responds; a value there stays there. [DN]
    name : str
        What errors call the frames.

    Yields
    ------
    frame : (H, W)
        float32 where something was subtracted. [DN]

    Raises
    ------
    ValueError, TypeError
        If a frame has another shape, or holds no finite numbers.
    """
    for k, frame in enumerate(frames):
        frame = check_frame(frame, k, offset_dn.shape, name)
        if not shielded_cols:
            yield frame
            continue
        line = estimate_line_noise(frame, offset_dn, shielded_cols, unusable)
        yield _still_saturated(subtract_line_noise(frame.astype(np.float32), line), frame, saturation_dn)


def without_lag(
    frames: Iterable[NDArray[Any]],
    offset_dn: NDArray[np.float32],
    model: LagModel | None,
    frame_interval_s: float | None,
    saturation_dn: float,
    name: str,
) -> Iterator[NDArray[Any]]:
    """Frames less what the earlier ones of the same series left in them; as they are without a model.

    The series starts on a panel that has long been read in the dark. Parameters as for `without_line_noise`, and the
    time from frame to frame [s].

    Raises
    ------
    ValueError
        If there are several frames and the time between them is not known.
    """
    state: LagState | None = None
    for frame in frames:
        if model is None:
            yield frame
            continue
        if state is not None and frame_interval_s is None:
            raise ValueError(
                f"{name} does not say frame_interval_s, the time from frame to frame, which its lag depends on"
            )
        signal_dn = subtract_offset(frame, offset_dn)
        signal_dn, state = subtract_lag(signal_dn, model, state, None if state is None else frame_interval_s)
        yield _still_saturated(signal_dn + offset_dn, frame, saturation_dn)


def _still_saturated(cleaned: NDArray[np.float32], frame: NDArray[Any], saturation_dn: float) -> NDArray[np.float32]:
    saturated = frame >= saturation_dn
    cleaned[saturated] = np.maximum(cleaned[saturated], np.float32(saturation_dn))
    return cleaned

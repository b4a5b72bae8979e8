"""The dark signal of every pixel and its fluctuation, learned from frames without X-rays.

One integration time and one temperature; `model.py` puts several such maps together.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.frame_sums import FrameSums, check_frame, robust_sigma, thin_out, tile_medians, typical_scatter

# A frame is left out when a tile's median departs from the others by more than this many standard deviations of one
# pixel. A smaller leak of light moves the mean of N frames by less than 5 sigma / N, for N >= 25 less than the
# mean's own noise sigma / sqrt(N).
LIGHT_LEAK_SIGMAS = 5.0
LARGEST_REJECTED_FRACTION = 1 / 3  # beyond this nobody knows which frames were the dark ones   # chosen
QUANTISATION_NOISE_DN = 12**-0.5  # least noise of an integer: uniform over one step


@dataclass(frozen=True, eq=False)
class OffsetMap:
    """Dark signal of a panel.

    Attributes
    ----------
    offset_dn : (H, W) float32
        Mean dark signal. [DN]
    noise_dn : (H, W) float32 or None
        Standard deviation of one dark frame; None from a single frame. [DN]
    typical_noise_dn : float
        Noise of the typical pixel, from the median of `noise_dn`; from a single frame, of adjacent pixels. [DN]
    frames_used : int
        Frames in the mean. [1]
    frames_rejected : tuple of int
        Numbers, from 0, of the frames left out because they had light; settling frames count but are not among them.
        [1]
    """

    offset_dn: NDArray[np.float32]
    noise_dn: NDArray[np.float32] | None
    typical_noise_dn: float
    frames_used: int
    frames_rejected: tuple[int, ...]


def estimate_offset(frames: Iterable[NDArray[Any]], settling_frames: int = 0) -> OffsetMap:
    """Mean dark frame and dark noise of every pixel, from a stream of dark frames.

    A frame with light in it, over the whole panel or in one corner, is left out: its medians over 8 x 8 tiles are
    compared with the running mean of those accepted so far, which begins as the median of the first three frames.
    Only those three are ever held together.

    Parameters
    ----------
    frames : iterable of (H, W)
        Dark frames of one integration time, integers or floats. [DN]
    settling_frames : int
        Frames at the beginning that are not used, because the panel had not settled yet. [1]

    Returns
    -------
    offset : OffsetMap

    Raises
    ------
    ValueError
        If there is no frame after the settling frames, their number is negative, shapes differ, values are not finite,
        or more than a third of the frames disagree.
    TypeError
        If a frame holds no real numbers.
    """
    if settling_frames < 0:
        raise ValueError(f"settling_frames must be 0 or more, got {settling_frames}")
    stream = iter(frames)
    settled = sum(1 for _ in islice(stream, settling_frames))
    held = list(islice(stream, 3))
    if not held:
        after = f" after {settling_frames} settling frames" if settling_frames else ""
        raise ValueError(f"estimate_offset needs at least 1 dark frame{after}, got {settled}")
    held[0] = check_frame(held[0], settled, None, "dark")
    shape = held[0].shape
    held = [check_frame(frame, k, shape, "dark") for k, frame in enumerate(held, settled)]
    thinned = [thin_out(frame) for frame in held]
    noise_dn = _pixel_noise(thinned)
    limit_dn = LIGHT_LEAK_SIGMAS * max(noise_dn, QUANTISATION_NOISE_DN)
    reference = np.median([tile_medians(frame) for frame in thinned], axis=0)
    reference_weight = len(held)
    sums = FrameSums(np.zeros(shape, np.float32))
    rejected: list[int] = []
    worst_dn = 0.0
    first_frames = iter(held)
    del held, thinned
    for k, frame in enumerate(chain(first_frames, stream), settled):
        frame = check_frame(frame, k, shape, "dark")
        tiles = tile_medians(thin_out(frame))
        departure_dn = float(np.abs(tiles - reference).max())
        if departure_dn > limit_dn:
            rejected.append(k)
            worst_dn = max(worst_dn, departure_dn)
            continue
        sums.add(frame)
        if k >= settled + reference_weight:
            reference += (tiles - reference) / (sums.count + 1)
    if len(rejected) > LARGEST_REJECTED_FRACTION * (sums.count + len(rejected)):
        raise ValueError(
            f"{len(rejected)} of {sums.count + len(rejected)} dark frames differ from the others by up to "
            f"{worst_dn:.1f} DN in some region, limit {limit_dn:.1f} DN: there is light in them, or the panel had not "
            f"settled"
        )
    scatter = sums.scatter()
    typical_dn = noise_dn if scatter is None else typical_scatter(thin_out(scatter), sums.count)
    return OffsetMap(sums.mean().astype(np.float32), scatter, typical_dn, sums.count, tuple(rejected))


def subtract_offset(raw_dn: NDArray[Any], offset_dn: NDArray[np.float32]) -> NDArray[np.float32]:
    """Signal above the dark level, signed: a pixel without signal is as often below zero as above.

    Parameters
    ----------
    raw_dn : (H, W)
        What the ADC delivered, integers or floats. Not written to. [DN]
    offset_dn : (H, W) float32
        Dark signal at the integration time and temperature of the frame. [DN]

    Returns
    -------
    signal_dn : (H, W) float32
        [DN]

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    if raw_dn.shape != offset_dn.shape:
        raise ValueError(f"the offset map is {offset_dn.shape} but the frame is {raw_dn.shape}")
    return np.asarray(np.subtract(raw_dn, offset_dn, dtype=np.float32))


def _pixel_noise(frames: list[NDArray[np.float64]]) -> float:
    """Noise of one pixel in one frame, from the quietest pair of frames, or from adjacent pixels of a single one."""
    if len(frames) == 1:
        left, right = frames[0][:, :-1], frames[0][:, 1:]
        return robust_sigma(right - left) / 2**0.5 if left.size else 0.0
    pairs = [(a, b) for k, a in enumerate(frames) for b in frames[k + 1 :]]
    return min(robust_sigma(a - b) for a, b in pairs) / 2**0.5

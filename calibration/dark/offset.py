"""The dark signal of every pixel and its fluctuation, learned from frames without X-rays.

One integration time and one temperature; `model.py` puts several such maps together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.frame_sums import (
    ROUNDING,
    FrameSums,
    check_frame,
    hit_remark,
    robust_sigma,
    thin_out,
    tile_medians,
    typical_scatter,
)

# A frame is left out when a tile's median departs from the others by more than this many standard deviations of one
# pixel. A smaller leak of light moves the mean of N frames by less than 5 sigma / N, for N >= 25 less than the
# mean's own noise sigma / sqrt(N).
LIGHT_LEAK_SIGMAS = 5.0
LARGEST_REJECTED_FRACTION = 1 / 3  # beyond this nobody knows which frames were the dark ones   # chosen
_LEAST_MOVED = 0.01  # of the pixels must change from dark to dark, to show the step by which they do   # chosen
LEAST_CLIPPED = (
    0.005  # share of dark samples at the end of the range that is worth a correction   # chosen: 1 % of sigma
)
_UNCLIPPED_SIGMAS = 3.0  # a mean so many standard deviations above the end is not clipped   # chosen


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
    step_dn : float
        Step of the numbers that the frames are written in: 1 for whole DN, 0 for floats that show none. [DN]
    absent : (H, W) bool or None
        True for pixels that were a number in no frame; they have the median of the others. None where all were.
    remarks : tuple of str
        What a user should know: one sentence each.
    """

    offset_dn: NDArray[np.float32]
    noise_dn: NDArray[np.float32] | None
    typical_noise_dn: float
    frames_used: int
    frames_rejected: tuple[int, ...]
    step_dn: float = 1.0
    absent: NDArray[np.bool_] | None = None
    remarks: tuple[str, ...] = ()


def estimate_offset(
    frames: Iterable[NDArray[Any]], settling_frames: int = 0, step_dn: float | None = None
) -> OffsetMap:
    """Mean dark frame and dark noise of every pixel, from a stream of dark frames.

    A frame with light in it, over the whole panel or in one corner, is left out: its medians over 8 x 8 tiles are
    compared with the running mean of those accepted so far, which begins as the median of the first three frames.
    Only those three are ever held together. A value that stands out of a pixel's others, such as of a gamma quantum, or
    that is no number, is left out. Noise is never less than that of rounding. Where pixels are clipped at zero, offset
    and noise are those of the normal distribution that gives the clipped mean and scatter.

    Parameters
    ----------
    frames : iterable of (H, W)
        Dark frames of one integration time, integers or floats. [DN]
    settling_frames : int
        Frames at the beginning that are not used, because the panel had not settled yet. [1]
    step_dn : float, optional
        Step of the numbers of the raw frames, where these were made of them; as the frames show without it. [DN]

    Returns
    -------
    offset : OffsetMap

    Raises
    ------
    ValueError
        If there is no frame after the settling frames, their number is negative, shapes differ, no value is finite, or
        more than a third of the frames disagree.
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
    thinned = [_numbers(thin_out(frame)) for frame in held]
    step_dn = quantisation_step(held) if step_dn is None else step_dn
    least_noise_dn = ROUNDING * step_dn
    noise_dn = max(_pixel_noise(thinned), least_noise_dn)
    limit_dn = LIGHT_LEAK_SIGMAS * noise_dn
    end = _LowEnd(held[0])
    reference = np.median([tile_medians(frame) for frame in thinned], axis=0)
    reference_weight = len(held)
    sums = FrameSums(np.zeros(shape, np.float32))
    rejected: list[int] = []
    worst_dn = 0.0
    first_frames = iter(held)
    del held, thinned
    for k, frame in enumerate(chain(first_frames, stream), settled):
        frame = check_frame(frame, k, shape, "dark")
        few = _numbers(thin_out(frame))
        tiles = tile_medians(few)
        departure_dn = float(np.abs(tiles - reference).max())
        if departure_dn > limit_dn:
            rejected.append(k)
            worst_dn = max(worst_dn, departure_dn)
            continue
        sums.add(frame)
        end.add(few)
        if k >= settled + reference_weight:
            reference += (tiles - reference) / (sums.count + 1)
    if len(rejected) > LARGEST_REJECTED_FRACTION * (sums.count + len(rejected)):
        raise ValueError(
            f"{len(rejected)} of {sums.count + len(rejected)} dark frames differ from the others by up to "
            f"{worst_dn:.1f} DN in some region, limit {limit_dn:.1f} DN: there is light in them, or the panel had not "
            f"settled"
        )
    mean, scatter, remarks = sums.mean(), sums.scatter(), []
    if sums.hits:
        remarks.append(hit_remark(sums.hits, "darks"))
    clipped = 0.0 if scatter is None else end.share(thin_out(scatter) > 0, sums.count)
    if scatter is not None and clipped > LEAST_CLIPPED:
        mean, scatter = _unclipped(mean, scatter, end.value_dn)
        remarks.append(
            f"{100 * clipped:.1f} % of the dark values are clipped at {end.value_dn:g} DN: offset and noise were taken "
            f"as those of a normal distribution, and are less certain; a pedestal in the raw frames would keep them"
        )
    absent = sums.absent()
    if absent is not None:
        mean[absent] = np.median(mean[~absent])
        if scatter is not None:
            scatter[absent] = np.median(scatter[~absent])
        remarks.append(f"{int(absent.sum())} pixels were no number in any dark frame: they count as dead")
    if scatter is None:
        remarks.append(
            "one dark frame: what differs from pixel to pixel in it is offset and noise together, so the noise is not "
            "known and no variance will be given"
        )
    else:
        noise_dn = max(typical_scatter(thin_out(scatter), sums.count), least_noise_dn)
        scatter = np.maximum(scatter, np.float32(least_noise_dn))
    return OffsetMap(
        offset_dn=mean.astype(np.float32),
        noise_dn=scatter,
        typical_noise_dn=noise_dn,
        frames_used=sums.count,
        frames_rejected=tuple(rejected),
        step_dn=step_dn,
        absent=absent,
        remarks=tuple(remarks),
    )


def quantisation_step(frames: Sequence[NDArray[Any]]) -> float:
    """Step of the numbers that frames are written in, from what changes between two of one kind.

    Parameters
    ----------
    frames : sequence of (H, W)
        Of one kind, raw; two are enough. [DN]

    Returns
    -------
    step_dn : float
        Of integers 1, or what all changes are multiples of (12 bits in the upper part of a word); of floats the least
        change. Where hardly a pixel changes 1 for integers and 0, for not known, for floats. [DN]
    """
    whole = frames[0].dtype.kind in "ui"
    unknown = 1.0 if whole else 0.0
    if len(frames) < 2:
        return unknown
    change = np.abs(thin_out(frames[1]) - thin_out(frames[0]))
    moved = change[(change > 0) & np.isfinite(change)]
    if moved.size <= _LEAST_MOVED * change.size:
        return unknown
    if whole:
        return float(np.gcd.reduce(np.unique(moved).astype(np.int64)))
    return float(moved.min())


class _LowEnd:
    """How often the pixels of thinned frames stand at the low end of their range, 0 or the least integer."""

    def __init__(self, frame: NDArray[Any]) -> None:
        self.value_dn = float(np.iinfo(frame.dtype).min) if frame.dtype.kind in "ui" else 0.0
        self._below = False
        self._times = np.zeros(thin_out(frame).shape, np.int64)

    def add(self, thinned: NDArray[np.float64]) -> None:
        """Count one frame."""
        self._below |= bool((thinned < self.value_dn).any())
        self._times += thinned == self.value_dn

    def share(self, alive: NDArray[np.bool_], count: int) -> float:
        """Part of the values of pixels that change at all; none where some lie below. [1]"""
        return 0.0 if self._below or not alive.any() else float(self._times[alive].mean()) / count


def _unclipped(
    mean: NDArray[np.float64], scatter: NDArray[np.float32], end_dn: float
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Mean and standard deviation before values below the end of the range were set to it.

    Of a normal distribution with its mean t standard deviations above the end, the clipped mean is t P + p and the
    clipped mean square (t^2 + 1) P + t p, with P and p its distribution and density at t; their ratio shows t.
    """
    from scipy.special import ndtr  # slow to load, and few darks are clipped

    t = np.linspace(-3.0, _UNCLIPPED_SIGMAS, 601)
    below, density = ndtr(t), np.exp(-0.5 * t**2) / np.sqrt(2.0 * np.pi)
    height = t * below + density
    width = np.sqrt((t**2 + 1.0) * below + t * density - height**2)
    ratio = np.divide(mean - end_dn, scatter, out=np.full(mean.shape, np.inf), where=scatter > 0)
    place = np.interp(ratio, height / width, t)
    sigma = np.where(ratio < height[-1] / width[-1], scatter / np.interp(place, t, width), scatter)
    return np.where(ratio < height[-1] / width[-1], end_dn + place * sigma, mean), sigma.astype(np.float32)


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


def _numbers(thinned: NDArray[np.float64]) -> NDArray[np.float64]:
    """Thinned pixels with the median of the others in place of what is no number."""
    known = np.isfinite(thinned)
    return thinned if known.all() else np.where(known, thinned, np.median(thinned[known]) if known.any() else 0.0)


def _pixel_noise(frames: list[NDArray[np.float64]]) -> float:
    """Noise of one pixel in one frame, from the quietest pair of frames, or from adjacent pixels of a single one."""
    if len(frames) == 1:
        left, right = frames[0][:, :-1], frames[0][:, 1:]
        return robust_sigma(right - left) / 2**0.5 if left.size else 0.0
    pairs = [(a, b) for k, a in enumerate(frames) for b in frames[k + 1 :]]
    return min(robust_sigma(a - b) for a, b in pairs) / 2**0.5

"""A beam-on/beam-off sequence measured frame by frame: the panel's mean signal and when the beam was on.

No frame is held. Of each the means over 8 x 8 tiles are taken; what the sequence says about the panel is the mean of
the tiles that the beam reached, without those that behave otherwise. Means, not medians: lag of a thousandth is a few
DN, and a median of integers cannot fall by less than one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from calibration.frame_sums import check_frame, robust_sigma, thin_out

TILES = 8  # each side of the panel   # chosen
EXPOSED_FRACTION = 0.2  # of the brightest frame: a frame above has beam in it, for lag is below 10 %   # chosen
LIT_FRACTION = 0.5  # a tile counts from this fraction of the bright tiles: bare or collimated ones do not   # chosen
LARGEST_SATURATED_FRACTION = 0.01  # of the pixels: beyond it the exposure is not what was read   # chosen
LEAST_SIGNAL_IN_NOISE = 10.0  # exposed frames weaker than this say nothing about lag   # assumed
TILE_SIGMAS = 5.0  # a tile that decays otherwise by more is left out   # chosen
TILE_NOISE = 3.0  # times the noise of the others: a pixel flickers in it   # chosen
STEADY_FRACTION = 0.9  # of the brightest frame: exposed all through   # chosen

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class StepSequence:
    """Frames of one panel in reading order, with the beam on in some of them.

    Attributes
    ----------
    frames : iterable of (H, W)
        Raw frames, from a panel long read in the dark; taken once, one at a time. [DN]
    frame_interval_s : float or None
        Time from frame to frame; needed where `times_s` is not given. [s]
    times_s : sequence of float or None
        Time of each frame, rising, from any zero. [s]
    beam_on : sequence of bool or None
        Whether each frame had beam, in part or whole; found from the signal where not given.
    name : str
        Where the frames come from, for the record.
    """

    frames: Iterable[NDArray[Any]]
    frame_interval_s: float | None = None
    times_s: Sequence[float] | None = None
    beam_on: Sequence[bool] | None = None
    name: str = ""


@dataclass(frozen=True, eq=False)
class StepCurve:
    """The panel's mean through a sequence.

    Attributes
    ----------
    name : str
        Of the sequence.
    elapsed_s : (K,) float64
        Time since the previous frame; of the first, the median. [s]
    signal_dn : (K,) float64
        Mean offset-subtracted signal of the tiles in the beam. [DN]
    exposed : (K,) bool
        Frames with beam, in part or whole: what they hold is measured, not known to be zero.
    noise_dn : float
        Standard deviation of `signal_dn` from frame to frame in the dark. [DN]
    level_dn : float
        Mean of the last exposed frames, at most ten. [DN]
    tiles, tiles_left_out : int
        Tiles in the beam, and others in it that decay otherwise or are noisier than these. [1]
    first_after_off_dn : (H, W) float32 or None
        Mean over repeats of the first frame without beam, offset-subtracted. [DN]
    repeats : int
        Frames in that mean. [1]
    pixel_noise_dn : float
        Noise of the typical pixel from one dark frame to the next; 0 where there are no two. [DN]
    """

    name: str
    elapsed_s: FloatArray
    signal_dn: FloatArray
    exposed: NDArray[np.bool_]
    noise_dn: float
    level_dn: float
    tiles: int
    tiles_left_out: int
    first_after_off_dn: NDArray[np.float32] | None
    repeats: int
    pixel_noise_dn: float


class _FirstFrames:
    """Sum of the first frames after the beam, found while the frames pass.

    A frame is exposed above `EXPOSED_FRACTION` of the brightest so far, where it is not known when the beam was on.
    """

    def __init__(self) -> None:
        self.total: FloatArray | None = None
        self.count = 0
        self._brightest = 0.0
        self._was_exposed = False
        self._dark: list[FloatArray] = []

    def add(self, frame: NDArray[Any], brightness_dn: float, beam_on: bool | None) -> None:
        if brightness_dn > 5.0 * self._brightest:  # what came before was noise
            self.total, self.count = None, 0
        self._brightest = max(self._brightest, brightness_dn)
        exposed = brightness_dn >= EXPOSED_FRACTION * self._brightest if beam_on is None else beam_on
        if not exposed:
            if self._was_exposed:
                self.total = frame.astype(np.float64) if self.total is None else self.total + frame
                self.count += 1
            self._dark = [*self._dark[-1:], thin_out(frame)]
        self._was_exposed = exposed

    def pixel_noise(self) -> float:
        """From the last two frames without beam. [DN]"""
        return robust_sigma(self._dark[1] - self._dark[0]) / 2**0.5 if len(self._dark) == 2 else 0.0


def measure_step(
    sequence: StepSequence, offset_dn: NDArray[Any], unusable: NDArray[np.bool_], saturation_dn: float
) -> StepCurve:
    """The panel's mean signal in every frame of a sequence.

    Parameters
    ----------
    sequence : StepSequence
        Its frames are used up.
    offset_dn : (H, W)
        Dark signal at the integration time of the sequence. [DN]
    unusable : (H, W) bool
        Pixels that do not count: defects, shielded, uncoated.
    saturation_dn : float
        Raw value from which a pixel no longer responds. [DN]

    Returns
    -------
    curve : StepCurve

    Raises
    ------
    ValueError
        If times are missing, not rising or of another number than the frames; if there is no beam, no falling step,
        or saturation.
    """
    about = f"lag sequence {sequence.name}".strip()
    offset_dn = np.ascontiguousarray(offset_dn, np.float32)
    edges = tuple(np.linspace(0, side, min(TILES, side) + 1).astype(np.int64) for side in offset_dn.shape)
    usable = np.ascontiguousarray(~unusable)
    means: list[FloatArray] = []
    saturated: list[int] = []
    first = _FirstFrames()
    counts = _tile_counts(usable, *edges)
    if not counts.any():
        raise ValueError(f"{about} has no usable pixel")
    for k, frame in enumerate(sequence.frames):
        frame = check_frame(frame, k, offset_dn.shape, about, finite=True)
        sums = np.empty((*counts.shape, 2))
        _sum_tiles(np.ascontiguousarray(frame), offset_dn, usable, *edges, saturation_dn, sums)
        with np.errstate(invalid="ignore"):
            means.append((sums[:, :, 0] / counts).ravel())
        saturated.append(int(sums[:, :, 1].sum()))
        on = None
        if sequence.beam_on is not None:
            if k >= len(sequence.beam_on):
                raise ValueError(f"{about} has more frames than the {len(sequence.beam_on)} beam states given")
            on = bool(sequence.beam_on[k])
        first.add(frame, float(np.nanpercentile(means[-1], 90)), on)
    elapsed_s = _elapsed(sequence, len(means), about)
    tiles_dn = np.array(means)
    exposed = _exposed(tiles_dn, sequence.beam_on, about)
    worst = max(np.array(saturated)[exposed]) / counts.sum()
    if worst > LARGEST_SATURATED_FRACTION:
        raise ValueError(
            f"{about} is saturated ({saturation_dn:g} DN) in {100 * worst:.1f} % of its pixels, limit "
            f"{100 * LARGEST_SATURATED_FRACTION:g} %: lower the dose"
        )
    lit, odd = _tiles_in_beam(tiles_dn, exposed)
    weight = counts.ravel()[lit]
    signal_dn = tiles_dn[:, lit] @ weight / weight.sum()
    noise_dn = _noise(tiles_dn[:, lit], signal_dn, exposed)
    level_dn = float(signal_dn[_steady(signal_dn, exposed)][-10:].mean())
    if level_dn < LEAST_SIGNAL_IN_NOISE * max(noise_dn, first.pixel_noise()):
        raise ValueError(
            f"{about} is only {level_dn:.1f} DN above the darks where it is brightest: there was no beam in it"
        )
    picture = None if first.total is None else (first.total / first.count - offset_dn).astype(np.float32)
    return StepCurve(
        name=sequence.name,
        elapsed_s=elapsed_s,
        signal_dn=signal_dn,
        exposed=exposed,
        noise_dn=noise_dn,
        level_dn=level_dn,
        tiles=lit.size,
        tiles_left_out=odd,
        first_after_off_dn=picture,
        repeats=first.count,
        pixel_noise_dn=first.pixel_noise(),
    )


def _elapsed(sequence: StepSequence, frames: int, about: str) -> FloatArray:
    """Time before each frame; the first follows a rest, so that its own does not matter."""
    if (sequence.times_s is None) == (sequence.frame_interval_s is None):
        raise ValueError(f"{about} needs either its frame interval or the time of each frame")
    for given, what in ((sequence.times_s, "times"), (sequence.beam_on, "beam states")):
        if given is not None and len(given) != frames:
            raise ValueError(f"{about} has {frames} frames but {len(given)} {what}")
    if frames < 2:
        raise ValueError(f"{about} has {frames} frames; the beam must go off within it")
    if sequence.frame_interval_s is not None and not 0 < sequence.frame_interval_s < np.inf:
        raise ValueError(f"the frame interval of {about} must be positive, got {sequence.frame_interval_s} s")
    if sequence.times_s is None:
        return np.full(frames, float(sequence.frame_interval_s or 0.0))
    steps = np.diff(np.asarray(sequence.times_s, np.float64))
    if not (np.isfinite(steps).all() and (steps > 0).all()):
        raise ValueError(f"the times of {about} must rise from frame to frame, smallest step {steps.min():g} s")
    return np.concatenate([[np.median(steps)], steps])


def _exposed(tiles_dn: FloatArray, beam_on: Sequence[bool] | None, about: str) -> NDArray[np.bool_]:
    """Frames with beam. Lag only falls, so a rise before the first full frame is beam as well."""
    bright_dn = np.nanpercentile(tiles_dn, 90, axis=1)
    if beam_on is not None:
        exposed = np.array(beam_on, np.bool_)
    else:
        exposed = bright_dn >= EXPOSED_FRACTION * bright_dn.max()
        quiet = bright_dn[~exposed]
        noise_dn = robust_sigma(np.diff(quiet)) / 2**0.5 if quiet.size > 2 else 0.0
        before = np.concatenate([[0.0], bright_dn[:-1]])
        partly = np.flatnonzero(exposed[1:] & ~exposed[:-1])
        exposed[partly] |= bright_dn[partly] > before[partly] + 5.0 * noise_dn + 1e-3 * bright_dn.max()
    if not exposed.any() or not bright_dn.max() > 0:
        raise ValueError(f"{about} has no exposed frame")
    if exposed.all() or not (exposed[:-1] & ~exposed[1:]).any():
        raise ValueError(f"{about} has no frame after the beam went off: the falling step is what is fitted")
    return exposed


def _tiles_in_beam(tiles_dn: FloatArray, exposed: NDArray[np.bool_]) -> tuple[NDArray[np.intp], int]:
    """Numbers of the tiles in the beam that decay like the rest and as quietly, and how many do not."""
    level_dn = tiles_dn[exposed].mean(axis=0)
    lit = np.flatnonzero(level_dn >= LIT_FRACTION * np.nanpercentile(level_dn, 90))
    after = np.flatnonzero(~exposed & (np.cumsum(exposed) > 0))[:10]
    fraction = (tiles_dn[np.ix_(after, lit)] / level_dn[lit]).mean(axis=0)
    departure = np.abs(fraction - np.median(fraction))
    odd = departure > TILE_SIGMAS * robust_sigma(fraction) if lit.size >= TILES else np.zeros(lit.size, np.bool_)
    odd &= departure > 1e-6  # rounding is no departure
    dark = ~exposed
    steps = np.diff(tiles_dn[:, lit], axis=0)[dark[1:] & dark[:-1]]
    if lit.size >= TILES and len(steps) > 1:
        noise = (steps - np.median(steps, axis=1, keepdims=True)).std(axis=0)
        odd |= noise > TILE_NOISE * np.median(noise) + 1e-6 * level_dn[lit]
    return lit[~odd], int(odd.sum())


def _noise(tiles_dn: FloatArray, signal_dn: FloatArray, exposed: NDArray[np.bool_]) -> float:
    """Standard deviation of the mean from one dark frame to the next.

    From differences between tiles, in which the decay cancels; where the mean itself fluctuates more (the offset of a
    whole frame), from its second differences, to which a smooth decay adds next to nothing.
    """
    dark = ~exposed
    pairs = dark[1:] & dark[:-1]
    floor_dn = 1e-7 * float(np.abs(signal_dn).max())  # rounding to float32
    tiles = tiles_dn.shape[1]
    between_dn = 0.0
    if tiles > 1 and pairs.any():
        steps = np.diff(tiles_dn, axis=0)[pairs]
        steps = steps - steps.mean(axis=1, keepdims=True)
        between_dn = robust_sigma(steps) / np.sqrt(2.0 * (tiles - 1))
    triples = pairs[1:] & pairs[:-1]
    count = int(triples.sum())
    if count >= 5:
        common_dn = robust_sigma(np.diff(signal_dn, n=2)[triples]) / 6**0.5
        if tiles == 1 or common_dn > between_dn * (1.0 + 6.0 / np.sqrt(count)):
            return max(common_dn, floor_dn)
    return max(between_dn, floor_dn)


def _steady(signal_dn: FloatArray, exposed: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Frames exposed all through, before the beam last went off."""
    last_off = int(np.flatnonzero(exposed[:-1] & ~exposed[1:])[-1])
    inside = np.arange(signal_dn.size) <= last_off
    return np.flatnonzero(exposed & inside & (signal_dn >= STEADY_FRACTION * signal_dn[exposed].max()))


def _tile_counts(usable: NDArray[np.bool_], row_edges: NDArray[np.int64], col_edges: NDArray[np.int64]) -> FloatArray:
    """Usable pixels of each tile; a tile without any has no mean."""
    by_row = np.add.reduceat(usable.astype(np.float64), row_edges[:-1], axis=0)
    return np.asarray(np.add.reduceat(by_row, col_edges[:-1], axis=1))


@njit(parallel=True, cache=True)
def _sum_tiles(
    frame: NDArray[Any],
    offset: NDArray[np.float32],
    usable: NDArray[np.bool_],
    row_edges: NDArray[np.int64],
    col_edges: NDArray[np.int64],
    saturation: float,
    sums: FloatArray,
) -> None:
    """Writes every element of `sums` (TILES, TILES, 2): sum of usable pixels above the offset, saturated ones."""
    rows, cols = row_edges.size - 1, col_edges.size - 1
    for tile in prange(rows * cols):
        r, c = tile // cols, tile % cols
        total = 0.0
        saturated = 0
        for i in range(row_edges[r], row_edges[r + 1]):
            for j in range(col_edges[c], col_edges[c + 1]):
                if usable[i, j]:
                    total += float(frame[i, j]) - float(offset[i, j])
                    saturated += frame[i, j] >= saturation
        sums[r, c, 0] = total
        sums[r, c, 1] = saturated

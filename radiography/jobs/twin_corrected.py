"""Corrected frames of a panel that its twin's layer is fitted to: flats by dose, and edges."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from typing import TYPE_CHECKING, overload

import numpy as np
import numpy.typing as npt

from calibration.calibration_set import CalibrationSet
from calibration.correct import CorrectionPlan, correct_frame, plan_correction
from calibration.learn import FrameStack
from radiography.files.frames import FrameSource, iterate_frames
from radiography.jobs.calibrate import FrameCounter, frame_stacks

if TYPE_CHECKING:
    from radiography.study.twin_measured import DoseFrames

Picture = npt.NDArray[np.float32]


def corrected_doses(
    calibration: CalibrationSet,
    flats: Sequence[FrameSource],
    counter: FrameCounter,
    *,
    interval_s: float,
    exposure: float = 1.0,
) -> list[DoseFrames] | None:
    """Corrected flats by air kerma.

    Parameters
    ----------
    calibration : CalibrationSet
        Of the panel.
    flats : sequence of FrameSource
        In the order in which they were taken; no frame is read before it is asked for.
    counter : FrameCounter
        Told of every frame that is read.
    interval_s : float
        From frame to frame of a file. [s]
    exposure : float
        Of the typical pixel, whose level the correction gives to all, over that on the axis of the beam. [1]

    Returns
    -------
    doses : list of DoseFrames or None
        The lowest first, each with the air kerma at the typical pixel; None where a flat does not say its own.
    """
    from radiography.study.twin_measured import DoseFrames

    by_kerma: dict[float, list[FrameStack]] = {}
    number: dict[float, int] = {}
    for kerma_uGy, group in groupby(flats, key=lambda source: source.conditions.air_kerma_uGy):
        if not kerma_uGy:
            return None
        sources = list(group)
        by_kerma.setdefault(kerma_uGy, []).extend(frame_stacks(sources, counter))
        number[kerma_uGy] = number.get(kerma_uGy, 0) + sum(source.count for source in sources)
    plan = plan_correction(calibration)
    return [
        DoseFrames(exposure * kerma_uGy, _Corrected(tuple(stacks), plan, interval_s, number[kerma_uGy]))
        for kerma_uGy, stacks in sorted(by_kerma.items())
    ]


def mean_corrected(source: FrameSource, plan: CorrectionPlan) -> Picture:
    """Mean of a file's corrected frames.

    Parameters
    ----------
    source : FrameSource
        Frames of one scene, each taken on a rested panel or long after the one before.
    plan : CorrectionPlan
        Of the panel.

    Returns
    -------
    mean : (H, W) float32
        [DN]
    """
    total, count = np.zeros((source.rows, source.cols)), 0
    for raw_dn in iterate_frames(source, finite=False):
        total += correct_frame(raw_dn, plan).corrected_dn
        count += 1
    return (total / count).astype(np.float32)


@dataclass(frozen=True, eq=False)
class _Corrected(Sequence[Picture]):
    """Corrected frames of stacks, made anew each time they are asked for, so that none stays in memory. [DN]

    The first frame of each stack is of a rested panel; lag passes on from frame to frame.
    """

    stacks: tuple[FrameStack, ...]
    plan: CorrectionPlan
    interval_s: float
    number: int

    def __len__(self) -> int:
        return self.number

    def __iter__(self) -> Iterator[Picture]:
        for stack in self.stacks:
            state = None
            for raw_dn in stack.frames:
                done = correct_frame(
                    raw_dn, self.plan, state=state, elapsed_s=None if state is None else self.interval_s
                )
                state = done.state
                yield done.corrected_dn

    @overload
    def __getitem__(self, place: int) -> Picture: ...
    @overload
    def __getitem__(self, place: slice) -> list[Picture]: ...
    def __getitem__(self, place: int | slice) -> Picture | list[Picture]:
        if isinstance(place, slice):
            return list(self)[place]
        return next(islice(self, range(self.number)[place], None))

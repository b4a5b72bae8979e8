"""Series of flat frames in files: opened, judged to be one series, and read as often as they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from calibration.limits import SAME_PITCH
from radiography.files.frames import FrameSource, RawLayout, iterate_frames
from radiography.jobs.inputs import Files, open_all
from radiography.jobs.judgement import doubts_about, needed_pitch_mm, pitch_contradicted, refuse_not_linear

SAME_KERMA = 0.02  # of one series, relative   # chosen: more is another exposure, less is said by the frames' means

Frame = NDArray[Any]


@dataclass(frozen=True, eq=False)
class FlatSeries:
    """Frames of several files, one after the other, as often as they are asked for.

    Attributes
    ----------
    sources : tuple of FrameSource
        In the order of the frames.
    convert : callable
        What is done to each frame.
    """

    sources: tuple[FrameSource, ...]
    convert: Callable[[Frame], Frame] = lambda frame: frame

    def __iter__(self) -> Iterator[Frame]:
        for source in self.sources:
            for frame in iterate_frames(source, finite=False):
                yield self.convert(frame)

    def __len__(self) -> int:
        return sum(source.count for source in self.sources)

    def name_of(self, number: int) -> str:
        """What messages call a frame: its file, and its number there."""
        for source in self.sources:
            if number < source.count:
                return f"{source.path} frame {number}" if source.count > 1 else str(source.path)
            number -= source.count
        raise IndexError(number)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of a frame. [pixel]"""
        return self.sources[0].rows, self.sources[0].cols


def open_flats(files: Files, layout: RawLayout | None, what_for: str) -> FlatSeries:
    """Flats of one exposure, checked to be linear, of one shape and of one dose where they say it.

    Parameters
    ----------
    files : str, Path or sequence of them
        Names, patterns or folders, in the order in which the frames were taken.
    layout : RawLayout or None
        Of headerless raw files.
    what_for : str
        What they are needed for.

    Returns
    -------
    series : FlatSeries

    Raises
    ------
    ValueError, OSError
        In one sentence, if a file cannot be read, is not linear, or is not of the same series.
    """
    sources = open_all(files, "flat", layout)
    for source in sources:
        refuse_not_linear(source.path, source.stage, what_for)
    said = [(s.path, s.conditions.air_kerma_uGy) for s in sources if s.conditions.air_kerma_uGy is not None]
    for path, kerma in said[1:]:
        first = said[0][1]
        if abs(kerma - first) > SAME_KERMA * max(kerma, first):
            raise ValueError(
                f"{path} was taken at {kerma:g} uGy but {said[0][0]} at {first:g} uGy: flats of one exposure are needed"
            )
    return FlatSeries(tuple(sources))


def series_pitch_mm(sources: tuple[FrameSource, ...], given_mm: float | None) -> float:
    """Pixel pitch of all files, given or said by them.

    Parameters
    ----------
    sources : tuple of FrameSource
    given_mm : float or None
        What the user says. [mm]

    Returns
    -------
    pitch_mm : float
        [mm]

    Raises
    ------
    ValueError
        If nobody says it, or files differ.
    """
    said = [(source.path, source.pitch_mm) for source in sources if source.pitch_mm is not None]
    if given_mm is None:
        for path, pitch in said[1:]:
            if abs(pitch - said[0][1]) > SAME_PITCH * pitch:
                raise ValueError(
                    f"{path} says a pixel pitch of {pitch:.4g} mm but {said[0][0]} one of {said[0][1]:.4g} mm"
                )
    source = next((each for each in sources if each.pitch_mm is not None), sources[0])
    why = ": give --pitch in mm (1 for cycles per pixel)"
    return needed_pitch_mm(source.path, source.pitch_mm, source.warnings, given_mm, why)


def doubts_of(sources: tuple[FrameSource, ...], pitch_mm: float | None) -> list[str]:
    """What files say that makes their numbers doubtful.

    Parameters
    ----------
    sources : tuple of FrameSource
    pitch_mm : float or None
        What the user says. [mm]

    Returns
    -------
    doubts : list of str
        A sentence each.
    """
    found = doubts_about(list(sources), pitch_mm)
    if pitch_mm != 1:  # else frequencies are wanted in cycles per pixel
        found += pitch_contradicted([(source.path, source.pitch_mm) for source in sources], pitch_mm)
    raw = [source.path for source in sources if source.stage == "raw"]
    if raw:
        more = f" and {len(raw) - 1} more are" if len(raw) > 1 else " is"
        found.append(f"{raw[0]}{more} raw, as the file says: noise relative to an offset is too low")
    return found

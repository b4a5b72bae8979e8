"""Files of frames as they were read: shape, pitch and where it came from, stage, range, saturation, conditions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.conditions import conditions_to_json
from radiography.files.frames import FrameSource, RawLayout, iterate_frames, open_frames
from radiography.jobs.inputs import Files, Report, input_files, no_report
from radiography.jobs.saturation import SaturationLevel, saturation_of_file


@dataclass(frozen=True)
class FrameRange:
    """Smallest and largest number of all frames of a file, and how many pixels hold them.

    Attributes
    ----------
    least, greatest : float
        Of the pixels that are finite; NaN where none is. [DN]
    share_least, share_greatest : float
        Of all pixels. [1]
    not_finite : int
        Pixels that are NaN or infinite. [1]
    """

    least: float
    greatest: float
    share_least: float
    share_greatest: float
    not_finite: int


@dataclass(frozen=True)
class FileInfo:
    """What one file of frames holds.

    Attributes
    ----------
    source : FrameSource
        What it says of itself.
    range : FrameRange
        What its pixels hold.
    saturation : SaturationLevel or None
        None where frames are no raw ones, or nothing says or shows it.
    """

    source: FrameSource
    range: FrameRange
    saturation: SaturationLevel | None


def describe_files(files: Files, *, layout: RawLayout | None = None, report: Report = no_report) -> list[FileInfo]:
    """What files of frames hold; every frame is read once.

    Parameters
    ----------
    files : str, Path or sequence of them
        Names, patterns or folders.
    layout : RawLayout, optional
        Of headerless raw files.
    report : callable
        Called with what is being done and the fraction of it that is done, 0 to 1.

    Returns
    -------
    found : list of FileInfo
        In the order given.

    Raises
    ------
    ValueError, TypeError, OSError
        In one sentence, if a file cannot be read.
    """
    return [_describe(open_frames(path, layout), report) for path in input_files(files, "frame")]


def info_to_json(found: FileInfo) -> dict[str, Any]:
    """What a file holds, as JSON values."""
    source, saturation = found.source, found.saturation
    return {
        "file": source.path,
        "dataset": source.dataset,
        "format": source.format,
        "shape": [source.rows, source.cols],
        "dtype": source.dtype,
        "frames": source.count,
        "pitch_mm": source.pitch_mm,
        "pitch_source": source.pitch_source,
        "stage": source.stage,
        "range_dn": [found.range.least, found.range.greatest],
        "share_at_least": found.range.share_least,
        "share_at_greatest": found.range.share_greatest,
        "not_finite": found.range.not_finite,
        "saturation_dn": None if saturation is None else saturation.value_dn,
        "saturation_source": None if saturation is None else saturation.source,
        "conditions": conditions_to_json(source.conditions),
        "warnings": list(source.warnings),
    }


def _describe(source: FrameSource, report: Report) -> FileInfo:
    watch = _Watch()
    frames = watch.watched(source, report)
    if source.stage in (None, "raw"):
        saturation = saturation_of_file(source, frames)
    else:
        saturation = None
        for _ in frames:
            pass
    return FileInfo(source, watch.range(), saturation)


class _Watch:
    """Extremes of the frames that pass by."""

    def __init__(self) -> None:
        self._counts: dict[float, int] = {}  # of the smallest and the largest number so far
        self._pixels = self._not_finite = 0

    def watched(self, source: FrameSource, report: Report) -> Iterator[NDArray[Any]]:
        for number, frame in enumerate(iterate_frames(source)):
            self._see(frame)
            report(f"reading {source.path.name}", (number + 1) / source.count)
            yield frame

    def range(self) -> FrameRange:
        if not self._counts:
            return FrameRange(np.nan, np.nan, 0.0, 0.0, self._not_finite)
        least, greatest = min(self._counts), max(self._counts)
        share_least, share_greatest = (self._counts[value] / self._pixels for value in (least, greatest))
        return FrameRange(least, greatest, share_least, share_greatest, self._not_finite)

    def _see(self, frame: NDArray[Any]) -> None:
        self._pixels += frame.size
        values = frame if frame.dtype.kind in "ui" else frame[np.isfinite(frame)]
        self._not_finite += frame.size - values.size
        if not values.size:
            return
        for value in {float(values.min()), float(values.max())}:
            self._counts[value] = self._counts.get(value, 0) + int(np.count_nonzero(values == value))
        ends = (min(self._counts), max(self._counts))
        self._counts = {value: self._counts[value] for value in ends}

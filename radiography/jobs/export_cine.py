"""Export of sequences: a file of many frames as one DICOM file that viewers play, in the memory of a frame."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from radiography.files.frames import FrameSource, RawLayout, iterate_frames, open_frames
from radiography.files.source import GIVE_PITCH
from radiography.jobs.export import dx_description, left_empty, not_fitting, origin_text
from radiography.jobs.inputs import Report, check_writable, keep_apart, no_report
from radiography.jobs.judgement import needed_pitch_mm, pitch_contradicted, refuse_not_linear
from radiography.jobs.subject import with_told

if TYPE_CHECKING:
    from radiography.dicom.description import DxDescription
    from radiography.dicom.modules import StoredScale
    from radiography.dicom.subject import Told

SAMPLED_PIXELS = 300_000  # of all frames, in whole rows, that set the steps of stored counts   # chosen


@dataclass(frozen=True)
class ExportedCine:
    """A DICOM sequence that was written.

    Attributes
    ----------
    out : Path
        The file.
    for_processing : bool
        Linear frames instead of pictures.
    frames : int
        [1]
    frame_time_ms : float
        From frame to frame. [ms]
    pitch_mm : float
        Pixel pitch that it says. [mm]
    scale : str
        How the values became stored counts, of linear frames.
    warnings : tuple of str
        What is unknown that DICOM asks for, and what should not be believed.
    """

    out: Path
    for_processing: bool
    frames: int
    frame_time_ms: float
    pitch_mm: float
    scale: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class LinearFrames:
    """Frames of one sequence, and what is known of all of them.

    Attributes
    ----------
    again : callable
        Gives the frames from the first on, (H, W) each [DN], whenever it is called.
    shape : (int, int, int)
        Frames, rows and columns. [1]
    pitch_mm : float
        Pixel pitch of the detector. [mm]
    frame_time_ms : float
        From frame to frame. [ms]
    stage : {"corrected", "raw", None}
        Of the numbers; None where it is not known.
    """

    again: Callable[[], Iterator[npt.NDArray[Any]]]
    shape: tuple[int, int, int]
    pitch_mm: float
    frame_time_ms: float
    stage: str | None


def export_cine(
    image: str | Path,
    out: str | Path,
    *,
    for_processing: bool = False,
    frame_time_ms: float | None = None,
    frames: str | None = None,
    pitch_mm: float | None = None,
    name: str | None = None,
    identifier: str | None = None,
    layout: RawLayout | None = None,
    told: Told | None = None,
    report: Report = no_report,
) -> ExportedCine:
    """A file of several linear frames as one classic X-ray RF object.

    The file is read twice, a frame at a time: for the range of all frames, then to write them.

    Parameters
    ----------
    image, out : str or Path
        Frames, some pixels of which may hold no number, and the DICOM file to write.
    for_processing : bool
        Linear frames instead of pictures under one curve and window.
    frame_time_ms : float, optional
        From frame to frame; as the file says it without. [ms]
    frames : str, optional
        Which frames, A:B without B; all of them without it.
    pitch_mm : float, optional
        Pixel pitch, where the file does not say it. [mm]
    name, identifier : str, optional
        Of the patient or part, in place of what the file says.
    layout : RawLayout, optional
        Of a headerless raw file.
    told : Told, optional
        What a person tells of subject, exposure and object plane, and whether the object shall be anonymous.
    report : callable
        Called with what is being done and the fraction of it that is done, 0 to 1.

    Returns
    -------
    exported : ExportedCine

    Raises
    ------
    ValueError, TypeError, OSError
        In one sentence, if the frames cannot be read, are not linear, or have no pitch or frame time.
    """
    from radiography.dicom.subject import NOTHING_TOLD

    image, out, told = Path(image), Path(out), told or NOTHING_TOLD
    check_writable(out)
    keep_apart([out], [image])
    source = open_frames(image, layout)
    refuse_not_linear(image, source.stage, "the export")
    chosen = _chosen(source, frames)
    why = ", which DICOM needs: give --pitch in mm"
    pitch = needed_pitch_mm(image, source.pitch_mm, source.warnings, pitch_mm, why)
    time_ms = _frame_time_ms(source, frame_time_ms)
    description = with_told(
        dx_description(source.conditions, source.metadata, name, identifier, where=str(image)), told, source.metadata
    )
    linear = LinearFrames(
        lambda: iterate_frames(source, chosen, finite=False), (len(chosen), source.rows, source.cols), pitch, time_ms,
        source.stage,
    )  # fmt: skip
    scale, told_of_it = write_sequence(
        linear, out, for_processing, lambda: (description, origin_text(source.metadata)), str(image), report
    )
    return ExportedCine(
        out,
        for_processing,
        len(chosen),
        time_ms,
        pitch,
        str(scale or ""),
        (
            *(doubt for doubt in source.warnings if not doubt.endswith(GIVE_PITCH)),
            *pitch_contradicted([(image, source.pitch_mm)], pitch_mm),
            *_time_contradicted(source, frame_time_ms),
            *told_of_it,
        ),
    )


def write_sequence(
    frames: LinearFrames,
    out: Path,
    for_processing: bool,
    about: Callable[[], tuple[DxDescription, str]],
    name: str,
    report: Report,
) -> tuple[StoredScale | None, tuple[str, ...]]:
    """The RF object of linear frames, which are gone through twice: for the range of all, then to write them.

    Parameters
    ----------
    frames : LinearFrames
    out : Path
        The DICOM file.
    for_processing : bool
        Linear frames instead of pictures under one curve and window.
    about : callable
        Called when all frames were seen once: who, what, when and how, and how they were corrected.
    name : str
        What sentences call the frames.
    report : callable
        As for `export_cine`.

    Returns
    -------
    scale, warnings : StoredScale or None, tuple of str
        From values to stored counts, of linear frames.

    Raises
    ------
    ValueError, TypeError, OSError
        In one sentence, if they do not fit one object.
    """
    from radiography.dicom.cine import CinePixels, write_cine
    from radiography.dicom.counts import stored_counts
    from radiography.presentation.sequence import display_counts

    count = frames.shape[0]
    known = (*frames.shape, frames.pitch_mm, frames.frame_time_ms)
    CinePixels(*known, "", window=(1, 1))  # complains before the frames are read
    watch = _Watch(for_processing, frames.shape)
    for number, frame in enumerate(frames.again()):
        watch.see(frame)
        report("looking at the frames", (number + 1) / (2 * count))
    clipped = [0, 0]
    scale = curve = None
    if for_processing:
        scale = watch.scale()
        comment = f"{frames.stage or 'linear'} DN = (stored - {scale.pedestal}) / {scale.counts_per_dn:.9g}, linear"
    else:
        curve = watch.curve()
        comment = curve.description
    window = None if curve is None else (curve.window_center, curve.window_width)
    pixels = CinePixels(*known, watch.digest(), scale, window)

    def stored() -> Iterator[npt.NDArray[np.uint16]]:
        for number, frame in enumerate(frames.again()):
            if scale is not None:
                counts, low, high = stored_counts(frame, scale)
                clipped[0], clipped[1] = clipped[0] + low, clipped[1] + high
                yield counts
            elif curve is not None:
                yield display_counts(frame, curve.open_field_dn)
            report("writing the frames", (count + number + 1) / (2 * count))

    description, origin = about()
    written = write_cine(out, stored(), pixels, description, comment=f"{comment}; {origin}" if origin else comment,
                         derivation=origin or comment, stage=frames.stage)  # fmt: skip
    lost = (f"{clipped[0]} pixels lie below and {clipped[1]} above the stored range, and are stored at its ends",)
    return scale, (*left_empty(description, name), *not_fitting(name, written), *(lost if any(clipped) else ()))


def _chosen(source: FrameSource, frames: str | None) -> range:
    if source.count < 2:
        raise ValueError(f"{source.path} holds 1 frame; --cine needs several")
    if frames is None:
        return range(source.count)
    match = re.fullmatch(r"(\d{0,9}):(\d{0,9})", frames.strip())
    first, end = (int(match[1] or 0), int(match[2] or source.count)) if match else (0, 0)
    if not 0 <= first < end <= source.count:
        raise ValueError(f"--frames must be A:B with 0 <= A < B <= {source.count}, the frames there are, got {frames}")
    return range(first, end)


def _frame_time_ms(source: FrameSource, given_ms: float | None) -> float:
    from radiography.dicom.cine import check_frame_time

    interval = source.conditions.frame_interval_s
    if given_ms is None and interval is None:
        raise ValueError(f"{source.path} does not say the time from frame to frame: give --frame-time in ms")
    time_ms = given_ms if given_ms is not None else 1e3 * (interval or 0.0)
    check_frame_time(time_ms)
    return time_ms


def _time_contradicted(source: FrameSource, given_ms: float | None) -> tuple[str, ...]:
    said = source.conditions.frame_interval_s
    if given_ms is None or said is None or abs(given_ms - 1e3 * said) <= 0.01 * given_ms:
        return ()
    return (f"{source.path} says {1e3 * said:g} ms from frame to frame, --frame-time {given_ms:g} ms is taken",)


class _Watch:
    """What all frames together say, seen one at a time: digest, and range or brightness."""

    def __init__(self, for_processing: bool, shape: tuple[int, int, int]) -> None:
        from radiography.dicom.cine import FramesDigest
        from radiography.presentation.sequence import SQUARES

        count, rows, cols = shape
        self._digest, self._for_processing = FramesDigest(), for_processing
        self._most_squares = max(SQUARES // count, 64)
        self._row_step = max(1, -(-count * rows * cols // SAMPLED_PIXELS))
        self._squares: list[npt.NDArray[np.float32]] = []
        self._rows: list[npt.NDArray[Any]] = []
        self._lowest, self._highest, self._padded, self._whole = np.inf, -np.inf, 0, True

    def see(self, frame: npt.NDArray[Any]) -> None:
        from radiography.presentation.sequence import frame_squares

        self._digest.see(frame)
        if not self._for_processing:
            self._squares.append(frame_squares(frame, self._most_squares))
            return
        if frame.dtype.kind == "f":
            finite = np.isfinite(frame)
            self._padded += int(frame.size - np.count_nonzero(finite))
            self._lowest = min(self._lowest, float(np.min(frame, where=finite, initial=np.inf)))
            self._highest = max(self._highest, float(np.max(frame, where=finite, initial=-np.inf)))
            self._whole = self._whole and bool(np.all(frame == np.rint(frame), where=finite))
        else:
            self._lowest, self._highest = min(self._lowest, int(frame.min())), max(self._highest, int(frame.max()))
        self._rows.append(frame[:: self._row_step].copy())

    def digest(self) -> str:
        return self._digest.hexdigest()

    def scale(self) -> StoredScale:
        from radiography.dicom.counts import counts_that_fit, least_pedestal
        from radiography.dicom.modules import StoredScale

        sample = np.concatenate(self._rows)
        bounds = (float(self._lowest), float(self._highest))
        counts_per_dn, least = counts_that_fit(sample, *bounds, bool(self._padded), self._whole)
        pedestal = least_pedestal(least, counts_per_dn, bool(self._padded))
        return StoredScale(counts_per_dn, pedestal, padded=self._padded)

    def curve(self) -> Any:
        from radiography.presentation.sequence import sequence_curve

        return sequence_curve(self._squares)

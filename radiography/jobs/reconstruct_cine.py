"""Reconstruction of a sequence into one DICOM file that viewers play, in the memory of a frame.

Every frame is corrected twice, for the range of all of them and to write them, so that none has to be kept. The pixels
are those of `export --cine` of what `reconstruct --sequence` writes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calibration.calibration_set import CalibrationSet, load_calibration_set
from calibration.correct import CorrectedFrame, CorrectionPlan, correct_frame, fill_lost_pixels
from calibration.lag.model import LagState
from calibration.steps import Steps
from radiography.files.frames import FrameSource, RawLayout, iterate_frames, sha256_of
from radiography.jobs.about import load_about, told, unmatched
from radiography.jobs.export import dx_description, origin_text
from radiography.jobs.export_cine import ExportedCine, LinearFrames, write_sequence
from radiography.jobs.inputs import Files, Report, check_writable, keep_apart, no_report, open_all
from radiography.jobs.judgement import check_pitch, doubts_about, needed_pitch_mm, pitch_contradicted, refuse_processed
from radiography.jobs.preparation import Wanted, frame_interval_s, prepare
from radiography.jobs.reconstruct import chosen_steps, inherited, origin_of, pitch_of, steps_done
from radiography.jobs.subject import with_told

if TYPE_CHECKING:
    from radiography.dicom.description import DxDescription


def reconstruct_cine(
    raw: Files,
    calibration: str | Path,
    out: str | Path,
    *,
    for_processing: bool = False,
    pipeline: str | Path | None = None,
    wanted: Wanted | None = None,
    about: str | Path | None = None,
    pitch_mm: float | None = None,
    layout: RawLayout | None = None,
    report: Report = no_report,
) -> ExportedCine:
    """Raw frames corrected as one sequence and written as one classic X-ray RF object.

    Parameters
    ----------
    raw : str, Path or sequence of them
        Files, patterns or folders of raw frames, in the order of the sequence.
    calibration : str or Path
        File of the calibration set.
    out : str or Path
        The DICOM file (.dcm).
    for_processing : bool
        Linear frames instead of pictures under one curve and window.
    pipeline : str or Path, optional
        TOML file that says which corrections to apply, and how.
    wanted : Wanted, optional
        Time from frame to frame, the field of the beam, the saturation, and what a person tells of the object.
    about : str or Path, optional
        TOML file of what the frames do not say about themselves.
    pitch_mm : float, optional
        Pixel pitch, where neither frames nor calibration say it. [mm]
    layout : RawLayout, optional
        Of headerless raw files.
    report : callable
        Called with what is being done and the fraction of it that is done, 0 to 1.

    Returns
    -------
    written : ExportedCine

    Raises
    ------
    ValueError, TypeError, OSError
        In one sentence, if calibration and frames do not fit, are fewer than two, or have no pitch or frame time; no
        file is left behind then.
    """
    out, calibration_file = Path(out), Path(calibration)
    wanted = replace(wanted or Wanted(), sequence=True)
    _refuse_single_images(wanted)
    check_pitch(pitch_mm)
    check_writable(out, (".dcm",))
    told_about = load_about(None if about is None else Path(about))
    sources = told(open_all(raw, "raw", layout), told_about)
    refuse_processed(sources, "raw")
    keep_apart([out], [*(source.path for source in sources), calibration, pipeline, about])
    pipeline_file = None if pipeline is None else Path(pipeline)
    steps = chosen_steps(pipeline_file, wanted)
    first, count = sources[0], sum(source.count for source in sources)
    if count < 2:
        raise ValueError(f"{first.path} holds 1 frame; --cine needs several")
    interval_s = frame_interval_s(first, steps, wanted)
    if interval_s is None:
        raise ValueError(f"{first.path} does not say the time from frame to frame: give --frame-interval in s")
    known = load_calibration_set(calibration_file)
    why = ", which DICOM needs: give --pitch in mm"
    pitch = needed_pitch_mm(first.path, pitch_of(first, known, pitch_mm)[0], first.warnings, None, why)
    frames = _Frames(sources, known, calibration_file, steps, wanted)
    linear = LinearFrames(frames.corrected, (count, first.rows, first.cols), pitch, 1e3 * interval_s, "corrected")

    def described() -> tuple[DxDescription, str]:
        used = {"calibration": origin_of(calibration_file)}
        if pipeline_file is not None:
            used["pipeline_file"] = origin_of(pipeline_file)
        metadata = {"steps": frames.steps, "raw": _origin_of_all(sources), **used, **inherited(first)}
        description = dx_description(first.conditions, metadata, where=str(first.path))
        return description if wanted.told is None else with_told(description, wanted.told, metadata), origin_text(
            metadata
        )

    scale, told_of_it = write_sequence(linear, out, for_processing, described, str(first.path), report)
    doubts = (
        *doubts_about(sources, pitch),
        *pitch_contradicted([(source.path, source.pitch_mm) for source in sources], pitch_mm),
        *unmatched(sources, told_about, about),
        *_time_contradicted(sources, interval_s),
        *frames.warnings,
        *told_of_it,
    )
    return ExportedCine(
        out, for_processing, count, 1e3 * interval_s, pitch, str(scale or ""), tuple(dict.fromkeys(doubts))
    )


def _refuse_single_images(wanted: Wanted) -> None:
    asked: dict[str, object] = {"--flags": wanted.flags, "--variance": wanted.variance, "--dicom": wanted.dicom}
    if wanted.told is not None:
        asked |= {"--target": wanted.told.target_exposure_index, "--picture": wanted.told.picture}
    given = [option for option, value in asked.items() if value]
    if given:
        raise ValueError(f"{given[0]} is for single images and does not go with --cine")


class _Frames:
    """Corrected frames of all files one after the other, as often as they are asked for."""

    def __init__(
        self, sources: Sequence[FrameSource], known: CalibrationSet, path: Path, steps: Steps, wanted: Wanted
    ) -> None:
        self._sources, self._known, self._path, self._steps, self._wanted = sources, known, path, steps, wanted
        self.warnings: list[str] = []
        self.steps: list[str] = []

    def corrected(self) -> Iterator[npt.NDArray[np.float32]]:
        """From the first on; each is overwritten by the next. [DN]"""
        state: LagState | None = None
        scale: float | None = None
        for source in self._sources:
            plan, found, scale = prepare(source, self._known, self._path, self._steps, self._wanted, scale)
            self.warnings += [each for each in found if each not in self.warnings]
            self.steps = self.steps or steps_done(plan)
            interval = frame_interval_s(source, plan.steps, self._wanted)
            for frame in _of_one(source, plan, state, interval):
                state = frame.state
                yield frame.corrected_dn


def _of_one(
    source: FrameSource, plan: CorrectionPlan, state: LagState | None, interval_s: float | None
) -> Iterator[CorrectedFrame]:
    """Corrected frames of one file, after those that left `state`."""
    frame: CorrectedFrame | None = None
    for raw_dn in iterate_frames(source, finite=False):
        frame = correct_frame(raw_dn, plan, frame, state=state, elapsed_s=None if state is None else interval_s)
        state = frame.state
        fill_lost_pixels(frame)
        yield frame


def _origin_of_all(sources: Sequence[FrameSource]) -> dict[str, Any]:
    """Name and SHA-256 of the raw file; of several those of the first and last, and a digest of all their digests."""
    if len(sources) == 1:
        return origin_of(sources[0].path)
    digests = "".join(sha256_of(source.path) for source in sources)
    name = f"{sources[0].path.name} to {sources[-1].path.name}, {len(sources)} files, of their digests in a row the"
    return {"name": name, "sha256": hashlib.sha256(digests.encode()).hexdigest()}


def _time_contradicted(sources: Sequence[FrameSource], interval_s: float) -> list[str]:
    """A sentence where a file says another time from frame to frame than the one that is written."""
    said = [(source.path, source.conditions.frame_interval_s) for source in sources]
    other = next(((path, own) for path, own in said if own and abs(own - interval_s) > 0.01 * interval_s), None)
    return [] if other is None else [f"{other[0]} says {other[1]:g} s from frame to frame, {interval_s:g} s is taken"]

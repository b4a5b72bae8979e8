"""Corrections undone: raw frames from corrected images, where their flags allow."""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from calibration.calibration_set import CalibrationSet, load_calibration_set
from calibration.correction.plan import CorrectionPlan, plan_correction
from calibration.correction.undo import left_out_by_undo, undo_correction
from calibration.flags import INTERPOLATED, UNCORRECTABLE
from calibration.steps import Steps
from calibration.whole_file import folder_for, staged
from radiography.config import build
from radiography.files.frames import FrameSource, iterate_frames, open_frames, tiff_pages
from radiography.jobs.inputs import Files, Report, no_report, open_all
from radiography.jobs.reconstruct import about_plane, inherited, is_big, origin_of
from radiography.jobs.result_names import result_names


@dataclass(frozen=True)
class RawFile:
    """Raw frames that were made of a corrected image again.

    Attributes
    ----------
    path : Path
        Their file; their flag plane is beside it.
    frames, lost : int
        Frames, and pixels in all of them that are of their neighbours' making. [1]
    missing : tuple of str
        Corrections that cannot be undone.
    """

    path: Path
    frames: int
    lost: int
    missing: tuple[str, ...]


def undo_frames(
    corrected: Files, calibration: str | Path, out: str | Path, *, report: Report = no_report
) -> tuple[RawFile, ...]:
    """Raw frames, and their flag planes, from corrected images that were written with flags.

    Parameters
    ----------
    corrected : str, Path or sequence of them
        Files, patterns or folders of corrected images.
    calibration : str or Path
        The calibration set that they were corrected with.
    out : str or Path
        File (.tif) of one image, or a folder for any number of them.
    report : callable
        Called with what is being done and the fraction of it that is done, 0 to 1.

    Returns
    -------
    files : tuple of RawFile

    Raises
    ------
    ValueError, TypeError, OSError
        In one sentence, if an image has no flags, or was corrected with another set; no file is left behind then.
    """
    calibration_file = Path(calibration)
    sources = open_all(corrected, "corrected", None)
    folder, names = result_names(
        sources, Path(out), ("flags",), others=(calibration, *(_flag_file(source) for source in sources))
    )
    known, origin = load_calibration_set(calibration_file), origin_of(calibration_file)
    pairs = [(source, _flags_of(source)) for source in sources]
    plans = [_plan_of(source, known, calibration_file, origin) for source in sources]
    files = []
    with folder_for(folder), staged(folder) as temporary:
        for number, (name, plan, (source, flags)) in enumerate(zip(names, plans, pairs, strict=True)):
            lost, missing = _write_raw(source, flags, plan, origin, temporary / name)
            files.append(RawFile(folder / name, source.count, lost, missing))
            report("going back", (number + 1) / len(sources))
    return tuple(files)


def _flags_of(source: FrameSource) -> FrameSource:
    """The flag plane beside a corrected image."""
    path = _flag_file(source)
    if not path.exists():
        raise FileNotFoundError(f"{source.path} has no flag plane {path.name} beside it: reconstruct with --flags")
    flags = open_frames(path)
    own, other = (source.count, source.rows, source.cols), (flags.count, flags.rows, flags.cols)
    if own != other or np.dtype(flags.dtype) != np.uint16:
        raise ValueError(f"{path} holds {other} {flags.dtype}, but the image {source.path} needs flags of {own} uint16")
    return flags


def _flag_file(source: FrameSource) -> Path:
    return source.path.with_name(f"{source.path.stem}_flags.tif")


def _plan_of(source: FrameSource, calibration: CalibrationSet, path: Path, origin: dict[str, str]) -> CorrectionPlan:
    """The plan that an image says it was corrected with."""
    said, pipeline = source.metadata.get("calibration"), source.metadata.get("pipeline")
    if not isinstance(said, dict) or not isinstance(pipeline, dict):
        raise ValueError(f"{source.path} does not say how it was corrected; --undo takes images of `reconstruct`")
    if said.get("sha256") != origin["sha256"]:
        raise ValueError(
            f"{source.path} was corrected with {said.get('name')} of SHA-256 {str(said.get('sha256'))[:12]}, but "
            f"{path} has {origin['sha256'][:12]}"
        )
    if (source.rows, source.cols) != calibration.offset_dn.shape:
        raise ValueError(
            f"{source.path} is {source.rows} x {source.cols}, the calibration {calibration.offset_dn.shape}"
        )
    dark_scale = source.metadata.get("dark_scale", 1.0)
    if isinstance(dark_scale, bool) or not isinstance(dark_scale, int | float) or not math.isfinite(dark_scale):
        raise ValueError(f"{source.path} says a dark_scale of {dark_scale!r}; a number is needed")
    return plan_correction(
        calibration,
        build(Steps, pipeline, f"{source.path}, pipeline"),
        integration_time_s=source.conditions.integration_time_s,
        dark_scale=dark_scale,
        source_to_detector_mm=source.conditions.source_to_detector_mm,
        pitch_mm=source.pitch_mm,
    )


def _write_raw(
    source: FrameSource, flags: FrameSource, plan: CorrectionPlan, origin: dict[str, str], target: Path
) -> tuple[int, tuple[str, ...]]:
    """Raw frames and flags of one corrected file; pixels of their neighbours' making, and what does not come back."""
    raw = source.metadata.get("raw")
    whole = isinstance(raw, dict) and str(raw.get("dtype", "")).startswith("uint")
    missing = left_out_by_undo(plan)
    metadata: dict[str, Any] = {
        "kind": "raw",
        "software": f"radiography {version('radiography')}",
        "undone": {**origin_of(source.path), "calibration": origin, "without": list(missing)},
        **inherited(source),
    }
    lost = 0
    big = is_big(source)
    with (
        tiff_pages(target, source.pitch_mm, metadata, big=big) as write_raw,
        tiff_pages(
            target.with_name(f"{target.stem}_flags.tif"), source.pitch_mm, about_plane(metadata, "flags"), big=big
        ) as write_flags,
    ):
        for corrected_dn, plane in zip(iterate_frames(source), iterate_frames(flags), strict=True):
            raw_dn, left = undo_correction(corrected_dn.astype(np.float32), plane, plan, whole_dn=whole)
            lost += int(np.count_nonzero(left & (INTERPOLATED | UNCORRECTABLE)))
            write_raw(raw_dn, None)
            write_flags(left, None)
    return lost, tuple(missing)

"""Pictures of files for the viewer page: which stage each is, its unit, spacing and window, and its flags."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.conditions import conditions_to_json
from calibration.flags import FLAG_NAMES
from radiography.figures.defect_overlay import COLOURS, SHIELD_COLOUR
from radiography.files.frames import FrameSource, RawLayout, iterate_frames, open_frames
from radiography.jobs.inputs import Files, input_files, named
from radiography.jobs.judgement import check_pitch, pitch_contradicted

FLAG_COLOURS = {
    **COLOURS, "saturated": "#ff3b30", "suspect": "#ffb3a7", "interpolated": "#ffd60a", "uncorrectable": "#ff00ff",
    "uncoated": "#7fb3ff", "extrapolated": "#b8e986", "shielded": SHIELD_COLOUR,
}  # fmt: skip
STAGES = {  # what the page calls a stage, in the order of its tabs
    "raw": "raw", None: "image", "corrected": "corrected", "for presentation": "presentation",
    "logarithmic": "logarithmic", "plane": "plane",
}  # fmt: skip
PLANES = {
    "flags": "flags", "defect map": "defect map", "variance_random": "variance of the frame",
    "variance_calibration": "variance of the calibration",
}  # fmt: skip
_FLAG_PLANES = ("flags", "defect map")
_GROWING = ("raw", "corrected")  # brighter with exposure, side by side, whatever polarity a header gives them
_OF_FRAME = re.compile(r"(.+?)(?:_(\d{4}))?(?:_processing)?")  # names of DICOM files that `reconstruct --dicom` writes
WINDOW_PERCENT = (0.5, 99.5)
WINDOW_SAMPLES = 500_000  # pixels that set a window   # chosen: 10 ms
MOST_FILES = 500  # of one page   # chosen


@dataclass(frozen=True, eq=False)
class Shown:
    """A picture that the page shows.

    Attributes
    ----------
    source : FrameSource
        The file.
    kind : str
        Stage or plane in words.
    unit : str
        Of its numbers; empty where they have none.
    spacing_mm : float or None
        For lengths. [mm]
    spacing_says : str
        Plane and source of that spacing.
    detector_mm : float or None
        Pixel pitch at the detector, for frequencies. [mm]
    flags : int or None
        Which picture is its plane of flags.
    flag_frame : int or None
        Which frame of the flags; None is the same as of the picture. [1]
    doubts : tuple of str
        What the file says but is not believed.
    """

    source: FrameSource
    kind: str
    unit: str
    spacing_mm: float | None
    spacing_says: str
    detector_mm: float | None
    flags: int | None = None
    flag_frame: int | None = None
    doubts: tuple[str, ...] = ()

    @property
    def is_flags(self) -> bool:
        """Whether its numbers are bits of `calibration.flags`."""
        return self.source.stage == "plane" and self.source.metadata.get("kind") in _FLAG_PLANES

    @property
    def is_linear(self) -> bool:
        """Whether its numbers may grow in proportion to exposure, as an MTF needs."""
        return self.source.stage in (None, "raw", "corrected")


@dataclass(frozen=True, eq=False)
class Shelf:
    """What one page shows.

    Attributes
    ----------
    pictures : tuple of Shown
        In the order of the chain: raw, corrected, presentation, planes.
    left_out : tuple of str
        Files of a folder that are not shown, and why, a sentence each.
    pitch_mm : float or None
        What the user gave. [mm]
    layout : RawLayout or None
        Of headerless raw files.
    """

    pictures: tuple[Shown, ...]
    left_out: tuple[str, ...]
    pitch_mm: float | None = None
    layout: RawLayout | None = None


def open_pictures(files: Files, *, pitch_mm: float | None = None, layout: RawLayout | None = None) -> Shelf:
    """The pictures of files and folders, described but not read yet.

    Parameters
    ----------
    files : str, Path or sequence of them
        Names, patterns or folders. Of a folder, files that are no frames and previews of a TIFF are left out.
    pitch_mm : float, optional
        Pixel pitch at the detector, where files do not say it. [mm]
    layout : RawLayout, optional
        Of headerless raw files.

    Returns
    -------
    shelf : Shelf

    Raises
    ------
    ValueError, TypeError, OSError
        In one sentence, if a file that was named cannot be read, or a folder holds no picture.
    """
    check_pitch(pitch_mm)
    sources: list[FrameSource] = []
    left_out: list[str] = []
    for name in named(files):
        if Path(name).is_dir():
            found, others = _of_folder(Path(name), layout)
            if not found:
                why = f", such as {others[0]}" if others else ""
                raise ValueError(f"{name} holds no file of frames{why}")
            sources += found
            left_out += others
        else:
            sources += [open_frames(path, layout) for path in input_files(name, "frame")]
    if len(sources) > MOST_FILES:
        raise ValueError(f"one page shows at most {MOST_FILES} files, got {len(sources)}")
    unique = {(source.path.resolve(), source.dataset): source for source in sources}
    order = list(STAGES)
    ordered = sorted(unique.values(), key=lambda source: order.index(source.stage))
    pictures = [_shown(source, pitch_mm) for source in ordered]
    return Shelf(tuple(_with_flags(each, pictures) for each in pictures), tuple(left_out), pitch_mm, layout)


def shelf_to_json(shelf: Shelf) -> dict[str, Any]:
    """What the page needs to know before it fetches pixels, as JSON values; no name of a folder is in it."""
    return {
        "pictures": [_to_json(number, each) for number, each in enumerate(shelf.pictures)],
        "flags": [{"name": name, "bit": FLAG_NAMES[name], "colour": colour} for name, colour in FLAG_COLOURS.items()],
        "left_out": list(shelf.left_out),
    }


def frame_pixels(picture: Shown, frame: int) -> tuple[NDArray[Any], dict[str, float]]:
    """One frame as the page takes it, and the numbers that set its window.

    Parameters
    ----------
    picture : Shown
    frame : int
        From 0. [1]

    Returns
    -------
    pixels : (H, W) uint16 or float32
        What uint16 holds stays as it is; every other type becomes float32.
    about : dict
        Window and range of the finite pixels, and how many are not finite.

    Raises
    ------
    ValueError, OSError
        In one sentence, if there is no such frame or it cannot be read.
    """
    source = picture.source
    if not 0 <= frame < source.count:
        raise ValueError(f"{source.path.name} holds {source.count} frames, from 0; frame {frame} is not there")
    stored = next(iterate_frames(source, range(frame, frame + 1), finite=False))
    small = stored.dtype.kind == "u" and stored.dtype.itemsize <= 2
    with np.errstate(over="ignore"):
        pixels = np.ascontiguousarray(stored.astype("<u2" if small else "<f4", copy=False))
    flat = pixels.reshape(-1)
    lost = 0 if small else int(flat.size - np.isfinite(flat).sum())
    sample = flat[:: max(1, flat.size // WINDOW_SAMPLES)]
    whole = flat if not lost else flat[np.isfinite(flat)]
    sample = sample[np.isfinite(sample)] if lost else sample
    sample = sample if sample.size else np.zeros(1, np.float32)
    lower, upper = (float(value) for value in np.percentile(sample, WINDOW_PERCENT))
    least, greatest = (float(whole.min()), float(whole.max())) if whole.size else (0.0, 0.0)
    if upper <= lower:
        lower, upper = least, max(greatest, least + 1e-6 * max(abs(least), 1.0))
    return pixels, {"lower": lower, "upper": upper, "least": least, "greatest": greatest, "not_finite": lost}


def _of_folder(folder: Path, layout: RawLayout | None) -> tuple[list[FrameSource], list[str]]:
    """Files of frames in a folder, and a sentence about each other one."""
    found: list[FrameSource] = []
    others: list[str] = []
    inside = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    images = {path.stem for path in inside if path.suffix.lower() in (".tif", ".tiff")}
    for path in inside:
        if path.suffix.lower() == ".png" and path.stem in images:
            others.append(f"{path.name} is the preview of {path.stem}.tif")
            continue
        try:
            found.append(open_frames(path, layout))
        except (ValueError, TypeError, OSError) as error:
            others.append(str(error).replace(f"{folder}/", ""))
    return found, others


def _shown(source: FrameSource, pitch_mm: float | None) -> Shown:
    """Kind, unit and spacing of one file."""
    metadata = source.metadata
    kind = STAGES[source.stage]
    unit = "" if source.stage in ("for presentation", "logarithmic") else "DN"
    if source.stage == "plane":
        kind = PLANES.get(str(metadata.get("kind")), "plane")
        unit = "" if metadata.get("kind") in _FLAG_PLANES else str(metadata.get("unit") or "")
    doubts = tuple(warning.removeprefix(f"{source.path}: ") for warning in source.warnings)
    doubts += tuple(pitch_contradicted([(Path(source.path.name), source.pitch_mm)], pitch_mm))
    detector_mm = pitch_mm if pitch_mm is not None else source.pitch_mm
    spacing_mm, says = detector_mm, f"at the detector: {'--pitch' if pitch_mm is not None else source.pitch_source}"
    if source.format == "dicom" and pitch_mm is None:
        from radiography.dicom.measuring import measuring_spacing
        from radiography.dicom.read import open_dicom

        spacing = measuring_spacing(open_dicom(source.path).header)
        spacing_mm, says = spacing.spacing_mm, spacing.words
    if spacing_mm is None:
        says = "the file says no spacing: lengths are pixels"
    return Shown(source, kind, unit, spacing_mm, says, detector_mm, doubts=doubts)


def _with_flags(picture: Shown, pictures: Sequence[Shown]) -> Shown:
    """A picture with its plane of flags: that of its name, that was made of it, or the only one of its shape."""
    source = picture.source
    planes = [
        number for number, each in enumerate(pictures)
        if each.is_flags and (each.source.rows, each.source.cols) == (source.rows, source.cols)
    ]  # fmt: skip
    if not planes or picture.source.stage == "plane":
        return picture
    match = _OF_FRAME.fullmatch(source.path.stem)
    stem, number = (match[1], match[2]) if match and source.format == "dicom" else (source.path.stem, None)

    def fits(plane: int) -> int:
        of = pictures[plane].source
        raw = of.metadata.get("raw")
        made_of = isinstance(raw, dict) and raw.get("name") == source.path.name and source.stage != "corrected"
        beside = of.path.parent == source.path.parent and of.path.stem in (f"{stem}_flags", f"{source.path.stem}_flags")
        return 2 * beside + made_of

    best = max(planes, key=fits)
    if not fits(best) and len(planes) > 1:
        return picture
    count = pictures[best].source.count
    frame = int(number) if number is not None and int(number) < count else None if count == source.count else 0
    return Shown(**{**vars(picture), "flags": best, "flag_frame": frame})


def _to_json(number: int, picture: Shown) -> dict[str, Any]:
    source = picture.source
    metadata = source.metadata
    window = None
    if source.format == "dicom":
        try:
            centre, width = (float(metadata[key]) for key in ("WindowCenter", "WindowWidth"))
            window = [centre - 0.5 - (width - 1) / 2, centre - 0.5 + (width - 1) / 2]  # DICOM PS3.3 C.11.2.1.2.1
        except (KeyError, ValueError, TypeError):
            window = None
    steps = metadata.get("steps")
    known = {name: value for name, value in conditions_to_json(source.conditions).items() if name != "pitch_mm"}
    return {
        "number": number,
        "name": source.path.name + (f"::{source.dataset}" if source.dataset else ""),
        "kind": picture.kind,
        "unit": picture.unit,
        "rows": source.rows,
        "cols": source.cols,
        "frames": source.count,
        "type": source.dtype,
        "format": source.format,
        "spacing_mm": picture.spacing_mm,
        "spacing_says": picture.spacing_says,
        "detector_mm": picture.detector_mm,
        "frame_time_ms": _frame_time(source),
        "window": window if window and window[1] > window[0] else None,
        "inverted": metadata.get("PhotometricInterpretation") == "MONOCHROME1" and source.stage not in _GROWING,
        "linear": picture.is_linear,
        "is_flags": picture.is_flags,
        "flags": picture.flags,
        "flag_frame": picture.flag_frame,
        "steps": [str(step)[:200] for step in steps[:40]] if isinstance(steps, list) else [],
        "conditions": {name: str(value)[:120] for name, value in known.items()},
        "warnings": [doubt[:300] for doubt in picture.doubts],
    }


def _frame_time(source: FrameSource) -> float | None:
    """Time from frame to frame, for the player. [ms]"""
    seconds = source.conditions.frame_interval_s
    return None if seconds is None else 1000.0 * seconds


def file_of(picture: Shown) -> str:
    """Name of the picture's file for a job that opens it, its dataset with it."""
    source = picture.source
    return f"{source.path}::{source.dataset}" if source.dataset else str(source.path)

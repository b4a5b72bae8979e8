"""Reconstruction of files of raw frames: corrected images, their flags and variance, and DICOM."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from calibration.calibration_set import CalibrationSet, load_calibration_set
from calibration.conditions import conditions_to_json
from calibration.correct import (
    CorrectedFrame,
    CorrectionPlan,
    correct_frame,
    counts_of,
    fill_lost_pixels,
)
from calibration.flags import FLAG_NAMES
from calibration.lag.model import LagState
from calibration.steps import Gain, Steps
from calibration.whole_file import folder_for, staged
from radiography.config import build, load_steps
from radiography.dicom.codestream import LOSSY
from radiography.files.frames import (
    FrameSource,
    RawLayout,
    iterate_frames,
    sha256_of,
    tiff_pages,
)
from radiography.jobs.about import load_about, told, unmatched
from radiography.jobs.export import dx_description, left_empty, write_dicom_pair
from radiography.jobs.exposure_calibration import carried_on
from radiography.jobs.inputs import Files, Report, no_report, open_all
from radiography.jobs.judgement import check_pitch, doubts_about, needed_pitch_mm, pitch_contradicted, refuse_processed
from radiography.jobs.preparation import Wanted, frame_interval_s, prepare
from radiography.jobs.preview import write_preview
from radiography.jobs.result_names import result_names
from radiography.jobs.subject import with_told

# What a frame says besides its conditions: of its simulation, of patient, study and exposure in DICOM's words, and of
# what compression took from it.
CARRIED = ("light_spread", "seed", "scene", "layer", "dicom", LOSSY)
_BIG_TIFF_BYTES = 2**31


@dataclass(frozen=True)
class CorrectedFile:
    """Corrected image of one raw file.

    Attributes
    ----------
    image, preview : Path
        Float32 TIFF, and a PNG of the first frame as a monitor shows it.
    planes : mapping of Path to str
        Flag plane and variances beside it, and what each is.
    dicom : tuple of Path
        DICOM files, two for each frame.
    counts : mapping of str to int
        Pixels by what happened to them, all frames together. [1]
    warnings : tuple of str
        About the DICOM files.
    """

    image: Path
    preview: Path
    planes: Mapping[Path, str]
    dicom: tuple[Path, ...]
    counts: Mapping[str, int]
    warnings: tuple[str, ...] = ()

    def moved(self, folder: Path) -> CorrectedFile:
        """The same files in another folder."""
        planes = {folder / path.name: what for path, what in self.planes.items()}
        dicom = tuple(folder / path.name for path in self.dicom)
        image, preview = folder / self.image.name, folder / self.preview.name
        return replace(self, image=image, preview=preview, planes=planes, dicom=dicom)


@dataclass(frozen=True)
class Reconstruction:
    """What was written, a file each, and what to be warned of."""

    files: tuple[CorrectedFile, ...]
    warnings: tuple[str, ...]


def reconstruct_frames(
    raw: Files,
    calibration: str | Path,
    out: str | Path,
    *,
    pipeline: str | Path | None = None,
    wanted: Wanted | None = None,
    about: str | Path | None = None,
    pitch_mm: float | None = None,
    layout: RawLayout | None = None,
    report: Report = no_report,
) -> Reconstruction:
    """Corrected images of files of raw frames: float32 TIFF, PNG preview, and what else is wanted.

    Parameters
    ----------
    raw : str, Path or sequence of them
        Files, patterns or folders of raw frames.
    calibration : str or Path
        File of the calibration set.
    out : str or Path
        Image (.tif) of one raw file, or a folder for any number of them.
    pipeline : str or Path, optional
        TOML file that says which corrections to apply, and how.
    wanted : Wanted, optional
        Planes and DICOM beside the images, and how frames follow each other; only the images without it.
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
    reconstruction : Reconstruction

    Raises
    ------
    ValueError, TypeError, OSError
        In one sentence, if calibration and frames do not fit or a name would overwrite something; no file is left
        behind then.
    """
    out, calibration_file, wanted = Path(out), Path(calibration), wanted or Wanted()
    check_pitch(pitch_mm)
    told_about = load_about(None if about is None else Path(about))
    sources = told(open_all(raw, "raw", layout), told_about)
    refuse_processed(sources, "raw")
    folder, names = result_names(sources, out, (*_planes_wanted(wanted),), wanted.dicom, (calibration, pipeline, about))
    pipeline_file = None if pipeline is None else Path(pipeline)
    steps = chosen_steps(pipeline_file, wanted)
    known = load_calibration_set(calibration_file)
    used: dict[str, Any] = {"calibration": origin_of(calibration_file)}
    if pipeline_file is not None:
        used["pipeline_file"] = origin_of(pipeline_file)
    known_pitch_mm = pitch_mm or known.conditions.pitch_mm
    warnings = [
        *doubts_about(sources, known_pitch_mm),
        *pitch_contradicted([(source.path, source.pitch_mm) for source in sources], pitch_mm),
        *unmatched(sources, told_about, about),
    ]
    files: list[CorrectedFile] = []
    with folder_for(folder), staged(folder) as temporary:
        state: LagState | None = None
        dark_scale: float | None = None
        total, done = sum(source.count for source in sources), 0
        for source, name in zip(sources, names, strict=True):
            held = dark_scale if wanted.sequence else None
            plan, found, dark_scale = prepare(source, known, calibration_file, steps, wanted, held)
            if wanted.dicom:
                whose = dx_description(source.conditions, source.metadata)
                if wanted.told is not None:
                    whose = with_told(whose, wanted.told, source.metadata)
                found += left_empty(whose, str(source.path))
            warnings += found
            pitch, pitch_source = pitch_of(source, known, pitch_mm)
            about_it = {
                **used,
                "pitch_source": pitch_source,
                "dark_scale": dark_scale,
                **carried_on(plan, known, calibration_file.name),
                **({"warnings": found} if found else {}),
            }

            def progress(frames: int, before: int = done) -> None:
                report("reconstructing", (before + frames) / total)

            before = state if wanted.sequence else None
            written, state = write_corrected(
                source, plan, temporary / name, pitch_mm=pitch, used=about_it, wanted=wanted, state=before,
                progress=progress,
            )  # fmt: skip
            done += source.count
            warnings += written.warnings
            files.append(written.moved(folder))
    return Reconstruction(tuple(files), tuple(dict.fromkeys(warnings)))


def pitch_of(source: FrameSource, known: CalibrationSet, given_mm: float | None) -> tuple[float | None, str | None]:
    """Pixel pitch of frames, and who says it: their user, they themselves or the calibration.

    Parameters
    ----------
    source : FrameSource
    known : CalibrationSet
    given_mm : float or None
        What the user says. [mm]

    Returns
    -------
    pitch_mm, words : float or None, str or None
        [mm]
    """
    said = ((given_mm, "--pitch"), (source.pitch_mm, source.pitch_source),
            (known.conditions.pitch_mm, "the calibration"))  # fmt: skip
    return next(((value, words) for value, words in said if value is not None), (None, None))


def chosen_steps(pipeline: Path | None, wanted: Wanted) -> Steps:
    """The pipeline file with what the command line says on top.

    Parameters
    ----------
    pipeline : Path or None
    wanted : Wanted

    Returns
    -------
    steps : Steps

    Raises
    ------
    ValueError, OSError
        In one sentence.
    """
    steps = load_steps(pipeline)
    if wanted.frame_interval_s is not None and not 0 < wanted.frame_interval_s < float("inf"):
        raise ValueError(f"--frame-interval must be a positive time in s, got {wanted.frame_interval_s:g}")
    if wanted.flatten is None:
        return steps
    return replace(steps, gain=build(Gain, {**asdict(steps.gain), "flatten": wanted.flatten}, "--flatten"))


def steps_done(plan: CorrectionPlan) -> list[str]:
    """What the plan does to a frame, in order, for the record."""
    steps, done = plan.steps, ["saturation flagged"]
    if plan.unusable is not None:
        done.append("line noise subtracted")
    if steps.offset.on:
        done.append("offset subtracted")
    if plan.lag is not None:
        done.append("lag subtracted")
    if steps.gain.on:
        field = {"same": "", "none": ", field of the beam kept", "lowfreq": ", field of the beam at this distance"}
        done.append(("gain" if plan.curvature is None else "dose response") + " applied" + field[steps.gain.flatten])
    if plan.interpolation is not None:
        done.append("defects interpolated")
    if plan.glare is not None:
        done.append("glare removed")
    return done


def origin_of(path: Path) -> dict[str, str]:
    """Name and SHA-256 of a file, for records."""
    return {"name": path.name, "sha256": sha256_of(path)}


def _planes_wanted(wanted: Wanted) -> dict[str, str]:
    """Planes that are written beside each image, by the end of their names, with what to say about them."""
    beside = {"flags": "flag plane, bits as in its metadata"} if wanted.flags else {}
    if wanted.variance:
        beside |= {"variance_random": "variance of one frame", "variance_calibration": "variance of the calibration"}
    return beside


def inherited(source: FrameSource) -> dict[str, Any]:
    """What an image keeps of what its source said: how the frame was taken, of whom or, if simulated, out of what."""
    carried = {key: source.metadata[key] for key in CARRIED if key in source.metadata}
    return {**conditions_to_json(source.conditions), **carried}


def is_big(source: FrameSource) -> bool:
    """Whether float32 frames of a source need a BigTIFF, whose offsets are not 32 bits."""
    return source.count * source.rows * source.cols * 4 > _BIG_TIFF_BYTES


def of_nobody(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """What an image may say about itself that shall be of nobody: not of whom it is, of which day, or of which file.

    Files are often called after a person.

    Parameters
    ----------
    metadata : mapping

    Returns
    -------
    metadata : dict
    """
    kept = {key: value for key, value in metadata.items() if key not in ("dicom", "date", "warnings")}
    return {**kept, "raw": {**kept["raw"], "name": "raw"}} if "raw" in kept else kept


def about_plane(metadata: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """What a plane beside the image says about itself: what the image says, but not of whom it is.

    Parameters
    ----------
    metadata : mapping
        Of the image.
    kind : str
        "flags", or a variance.

    Returns
    -------
    metadata : dict
    """
    own = {"unit": "bits", "bits": FLAG_NAMES} if kind == "flags" else {"unit": "DN^2"}
    return {**{key: value for key, value in metadata.items() if key != "dicom"}, "kind": kind, **own}


def write_corrected(
    source: FrameSource,
    plan: CorrectionPlan,
    target: Path,
    *,
    pitch_mm: float | None,
    used: Mapping[str, Any],
    wanted: Wanted,
    state: LagState | None = None,
    progress: Callable[[int], None] = lambda frames: None,
) -> tuple[CorrectedFile, LagState | None]:
    """Corrected image of one raw file with what is wanted beside it, and the lag that its last frame leaves.

    Frames are read, corrected and written one at a time.

    Parameters
    ----------
    source : FrameSource
        The raw file.
    plan : CorrectionPlan
        From `prepare`.
    target : Path
        The image; planes, preview and DICOM stand beside it.
    pitch_mm : float or None
        Pixel pitch. [mm]
    used : mapping
        JSON values that say what the frames were corrected with.
    wanted : Wanted
        What to write beside the image.
    state : LagState, optional
        What the frame before the first one left.
    progress : callable
        Called with the number of frames that are done. [1]

    Returns
    -------
    file, state : CorrectedFile, LagState or None

    Raises
    ------
    ValueError
        If DICOM is wanted of frames without a pixel pitch.
    """
    if wanted.dicom:
        needed_pitch_mm(source.path, pitch_mm, source.warnings, None, ", which DICOM needs: give --pitch in mm")
    metadata = {
        "kind": "corrected",
        "software": f"radiography {version('radiography')}",
        "steps": steps_done(plan),
        "pipeline": asdict(plan.steps),
        "saturated_from_dn": float(plan.saturation_dn),
        "raw": {**origin_of(source.path), "frames": source.count, "dtype": str(source.dtype)},
        **used,
        **inherited(source),
    }
    interval = frame_interval_s(source, plan.steps, wanted)
    beside = _planes_wanted(wanted)
    paths = {kind: target.with_name(f"{target.stem}_{kind}.tif") for kind in beside}
    counts: dict[str, int] = {}
    dicom: list[Path] = []
    doubts: list[str] = []
    big = is_big(source)
    frame: CorrectedFrame | None = None
    steps_of_picture = None if wanted.told is None else wanted.told.picture
    kept = of_nobody(metadata) if wanted.told is not None and wanted.told.anonymous else metadata
    with ExitStack() as files:
        write_image = files.enter_context(tiff_pages(target, pitch_mm, kept, big=big))
        write_beside = {
            kind: files.enter_context(tiff_pages(path, pitch_mm, about_plane(kept, kind), big=big))
            for kind, path in paths.items()
        }
        for number, raw_dn in enumerate(iterate_frames(source, finite=False)):
            frame = correct_frame(raw_dn, plan, frame, state=state, elapsed_s=None if state is None else interval)
            state = frame.state
            fill_lost_pixels(frame)
            own = counts_of(frame, plan)
            counts = {key: counts.get(key, 0) + value for key, value in own.items()}
            write_image(frame.corrected_dn, {"frame": number, "counts": own})
            for kind, write_plane in write_beside.items():
                write_plane(getattr(frame, kind), {"frame": number})
            shown = None
            if number == 0:
                shown = write_preview(target.with_suffix(".png"), frame.corrected_dn, steps_of_picture)
            if wanted.dicom:
                stem = target.stem if source.count == 1 else f"{target.stem}_{number:04d}"
                about = (source.conditions, metadata, number, frame.flags)
                pair, told_of_it = write_dicom_pair(
                    frame.corrected_dn, pitch_mm or 0.0, target.with_name(stem), *about, told=wanted.told, shown=shown
                )
                dicom += pair
                doubts += told_of_it
            progress(number + 1)
    planes = {path: beside[kind] for kind, path in paths.items()}
    preview, about_it = target.with_suffix(".png"), tuple(dict.fromkeys(doubts))
    return CorrectedFile(target, preview, planes, tuple(dicom), counts, about_it), state

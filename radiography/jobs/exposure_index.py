"""Exposure index of image files: as a record, JSON, and a picture of the relevant region."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from calibration.calibration_set import CalibrationSet, load_calibration_set
from calibration.correct import correct_frame
from calibration.flags import SATURATED
from calibration.steps import Steps
from radiography.analysis.exposure_index import ExposureIndex, exposure_index, in_words
from radiography.files.frames import RawLayout, open_frames, read_image
from radiography.files.source import FrameSource
from radiography.jobs.annotated import DICOM, MeasuredImage, exposure_marks, write_result
from radiography.jobs.exposure_calibration import (
    ExposureCalibration,
    beam_ratio,
    calibration_doubts,
    carried_by,
    exposure_calibration_of,
)
from radiography.jobs.flag_planes import LEFT_OUT, read_flags
from radiography.jobs.inputs import PICTURES, Files, all_or_none, check_writable, input_files, keep_apart, optional_path
from radiography.jobs.json_text import write_json
from radiography.jobs.judgement import needed_pitch_mm, refuse_not_linear
from radiography.jobs.preparation import Wanted, prepare
from radiography.jobs.reconstruct import origin_of

MOST_DRAWN = 6  # images in one picture
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class ExposureGiven:
    """What a user says about the signal of his images; see `measure_exposure`."""

    dn_per_uGy: float | None = None
    offset_dn: float | None = None
    target: float | None = None


@dataclass(frozen=True, eq=False)
class ExposureMeasurement:
    """Exposure index of one image, and how it is known.

    Attributes
    ----------
    image : Path
    found : ExposureIndex
    calibration : ExposureCalibration
        The calibration function used, with its beam.
    doubts : tuple of str
        What to doubt, those of `found` too.
    picture : (H, W) float32
        The image that was measured. [DN]
    beam_ratio : float
        Signal of 1 uGy of the image's beam over that of the calibration beam. [1]
    """

    image: Path
    found: ExposureIndex
    calibration: ExposureCalibration
    doubts: tuple[str, ...]
    picture: npt.NDArray[np.float32]
    beam_ratio: float = 1.0


@dataclass(frozen=True, eq=False)
class _Linear:
    """One linear image: its numbers, calibration function, masks, and what to doubt."""

    numbers: npt.NDArray[Any]
    known: ExposureCalibration
    offset_dn: float
    unusable: Mask | None
    saturated: Mask | None
    doubts: tuple[str, ...]
    beam_ratio: float = 1.0


def measure_exposure(
    files: Files,
    *,
    calibration: str | Path | None = None,
    given: ExposureGiven | None = None,
    frame: int | None = None,
    flags: str | Path | None = None,
    json_file: str | Path | None = None,
    plot: str | Path | None = None,
    dicom: str | Path | None = None,
    pitch_mm: float | None = None,
    layout: RawLayout | None = None,
) -> list[ExposureMeasurement]:
    """Exposure index of linear images, by IEC 62494-1.

    The calibration function is given, or that of a calibration set whose flats said their air kerma, or carried by an
    image that such a set corrected. Raw frames are corrected first, with the set, or take the offset that is given.

    Parameters
    ----------
    files : str, Path or sequence of them
        Names, patterns or folders of corrected images, of For Processing objects, or of raw frames.
    calibration : str or Path, optional
        Calibration set of the panel.
    given : ExposureGiven, optional
        DN per uGy [DN/uGy], offset [DN] and target exposure index [1], each optional.
    frame : int, optional
        Which frame of files of several, from 0. [1]
    flags : str or Path, optional
        Flag plane of the images, or a mask of unusable pixels.
    json_file, plot : str or Path, optional
        Where the numbers are written as JSON, and the regions drawn (.png, .pdf or .svg).
    dicom : str or Path, optional
        Where the one image is written as a DICOM picture with region and index burnt in (.dcm).
    pitch_mm : float, optional
        Pixel pitch, which the DICOM picture needs, where neither image nor calibration say it. [mm]
    layout : RawLayout, optional
        Of headerless raw files.

    Returns
    -------
    measured : list of ExposureMeasurement
        One of each file.

    Raises
    ------
    ValueError, TypeError, OSError
        In one sentence, if an image cannot be read, is not linear, or its calibration is not known; no file is left
        behind then.
    """
    given, written, drawn = given or ExposureGiven(), optional_path(json_file), optional_path(plot)
    check_writable(written)
    check_writable(drawn, PICTURES)
    burnt = optional_path(dicom)
    check_writable(burnt, DICOM)
    paths = input_files(files, "image")
    keep_apart([written, drawn, burnt], [*paths, calibration, flags])
    if burnt is not None and len(paths) != 1:
        raise ValueError(f"--dicom is the picture of one image, got {len(paths)}")
    if pitch_mm is not None and burnt is None:
        raise ValueError("--pitch is for the DICOM picture: give --dicom as well")
    if given.dn_per_uGy is not None and calibration is not None:
        raise ValueError("--dn-per-uGy and --calibration both say what 1 uGy gives: one of them is needed")
    if given.offset_dn is not None and calibration is not None:
        raise ValueError("--offset-dn is not needed with --calibration, which subtracts the offset of raw frames")
    known = None if calibration is None else (Path(calibration), load_calibration_set(calibration))
    measured = []
    for path in paths:
        source = open_frames(path, layout)
        pitch = None if burnt is None else _pitch_mm(source, known, pitch_mm)
        linear = _linear(source, frame, known, given)
        unusable, saturated, doubts = linear.unusable, linear.saturated, linear.doubts
        if flags is not None:
            flagged = read_flags(Path(flags), linear.numbers.shape, f"{path} is")
            unusable = flagged.unusable if unusable is None else unusable | flagged.unusable
            saturated = flagged.saturated if saturated is None else saturated
            doubts += flagged.doubts
        try:
            found = exposure_index(
                linear.numbers, linear.known.dn_per_uGy * linear.beam_ratio, offset_dn=linear.offset_dn,
                target=given.target, unusable=unusable, saturated=saturated,
            )  # fmt: skip
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        picture = np.asarray(linear.numbers, np.float32) - np.float32(linear.offset_dn)
        told = (*doubts, *found.warnings)
        measured.append(ExposureMeasurement(path, found, linear.known, told, picture, linear.beam_ratio))
    shown = None
    if pitch is not None:
        about = {**source.metadata, "raw": origin_of(source.path)} if source.stage == "raw" else source.metadata
        shown = MeasuredImage(paths[0], picture, pitch, source.conditions, about, frame)
    _write(measured, written, drawn, burnt, shown)
    return measured


def _pitch_mm(source: FrameSource, known: tuple[Path, CalibrationSet] | None, given_mm: float | None) -> float:
    said = source.pitch_mm or (None if known is None else known[1].conditions.pitch_mm)
    why = ", which DICOM needs: give --pitch in mm"
    return needed_pitch_mm(source.path, said, source.warnings, given_mm, why)


def _linear(
    source: FrameSource, frame: int | None, known: tuple[Path, CalibrationSet] | None, given: ExposureGiven
) -> _Linear:
    """The numbers of one file in proportion to exposure, with what 1 uGy gives."""
    path, stage = source.path, source.stage
    refuse_not_linear(path, stage, "an exposure index")
    image = read_image(path, source.layout, frame, finite=False)
    if known is not None and stage != "corrected":
        return _corrected(source, image.pixels, known, frame or 0)
    if given.dn_per_uGy is not None:
        doubts: tuple[str, ...] = ()
        if stage == "raw" and given.offset_dn is None:
            raise ValueError(f"{path} is a raw frame, as it says itself: give --offset-dn or --calibration")
        if stage is None and given.offset_dn is None:
            doubts = (f"{path} does not say whether its offset is subtracted, so 0 DN is taken: see --offset-dn",)
        if stage is None and source.format == "dicom":
            doubts += (
                f"{path} does not say that its numbers are linear in exposure: the index is wrong if they are not",
            )
        own = ExposureCalibration(given.dn_per_uGy, None, None, "--dn-per-uGy")
        end = source.conditions.saturation_dn
        ends = end is not None and stage in (None, "raw")
        saturated = np.asarray(image.pixels >= end) if ends else None
        if saturated is not None and not saturated.any():  # the end of the words may not be that of the detector
            saturated = None
        return _Linear(image.pixels, own, given.offset_dn or 0.0, None, saturated, doubts)
    if known is not None:
        own_or_none = exposure_calibration_of(known[1], known[0].name)
        if own_or_none is None:
            raise ValueError(_unknown(known[0]))
        ratio, told = beam_ratio(own_or_none, source.conditions, source.metadata)
        return _Linear(image.pixels, own_or_none, 0.0, None, None, (*calibration_doubts(own_or_none), *told), ratio)
    carried = carried_by(source.metadata) if stage == "corrected" else None
    if carried is None:
        raise ValueError(
            f"{path} does not say what 1 uGy gives: give --calibration of flats with known air kerma, or --dn-per-uGy"
        )
    ratio, told = beam_ratio(carried, source.conditions, source.metadata)
    doubts = (*calibration_doubts(carried), *told)
    return _Linear(image.pixels, carried, given.offset_dn or 0.0, None, None, doubts, ratio)


def _corrected(
    source: FrameSource, raw_dn: npt.NDArray[Any], known: tuple[Path, CalibrationSet], number: int
) -> _Linear:
    """A raw frame corrected as `reconstruct` does it, without lag: the frames before are not read."""
    path, calibration = known
    own = exposure_calibration_of(calibration, path.name)
    if own is None:
        raise ValueError(_unknown(path))
    steps = Steps()
    steps = replace(steps, lag=replace(steps.lag, on=False))
    plan, doubts, _ = prepare(source, calibration, path, steps, Wanted())
    frame = correct_frame(raw_dn, plan)
    doubts = [doubt for doubt in doubts if not doubt.startswith("lag was not corrected")]
    if number and calibration.lag is not None:
        doubts.append(f"lag of the frames before frame {number} is not subtracted: `radiography reconstruct` does it")
    left_out, saturated = (np.asarray((frame.flags & np.uint16(bits)) != 0) for bits in (LEFT_OUT, SATURATED))
    ratio, told = beam_ratio(own, source.conditions, source.metadata)
    return _Linear(frame.corrected_dn, own, 0.0, left_out, saturated, (*doubts, *calibration_doubts(own), *told), ratio)


def _unknown(path: Path) -> str:
    return (
        f"the flats of {path} do not say one beam and their air kerma (air_kerma_uGy and beam_quality or kvp, see "
        "`calibrate --about`): give --dn-per-uGy"
    )


def exposure_to_json(measured: Sequence[ExposureMeasurement]) -> dict[str, Any]:
    """The numbers of the first image, and under "files" those of each."""
    files = [_one_to_json(each) for each in measured]
    return {**files[0], "files": files}


def _one_to_json(measured: ExposureMeasurement) -> dict[str, Any]:
    found = measured.found
    return {
        "image": measured.image.name,
        "exposure_index": found.exposure_index,
        "target": found.target,
        "deviation_index": found.deviation_index,
        "kerma_uGy": found.kerma_uGy,
        "value_dn": found.value_dn,
        "value_of_interest": "median of the relevant region",
        "dn_per_uGy": measured.calibration.dn_per_uGy,
        "calibration_beam": measured.calibration.beam_quality,
        "calibration_kvp": measured.calibration.kvp,
        "calibration_source": measured.calibration.source,
        "beam_ratio": measured.beam_ratio,
        "region": {"box": list(found.region.box), "shares": dict(found.region.shares)},
        "meaning": in_words(found),
        "warnings": list(measured.doubts),
    }


def _write(
    measured: list[ExposureMeasurement],
    json_file: Path | None,
    plot: Path | None,
    dicom: Path | None,
    shown_image: MeasuredImage | None,
) -> None:
    """All files that are wanted, or none; what the picture lets doubt is told with the rest."""
    with all_or_none(json_file, plot, dicom) as places:
        if dicom is not None and shown_image is not None:
            found = measured[0].found
            marks = exposure_marks(found, shown_image.pixels)
            told = write_result(places[dicom], shown_image, marks, "exposure index", found)
            measured[0] = replace(measured[0], doubts=(*measured[0].doubts, *told))
        if json_file is not None:
            write_json(places[json_file], exposure_to_json(measured))
        if plot is not None:
            from radiography.figures.region_plot import region_figure

            shown = [(each.image.name, each.picture, each.found) for each in measured[:MOST_DRAWN]]
            region_figure(shown).savefig(places[plot], dpi=150)

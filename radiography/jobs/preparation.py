"""Preparation of a reconstruction: a calibration that fits the frames, its plan, and their dark current.

A calibration that does not fit is refused; what is only doubtful is told.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from calibration.calibration_set import CalibrationSet
from calibration.correct import CorrectionPlan, plan_correction
from calibration.dark.line_noise import estimate_line_noise
from calibration.dark.scale import (
    PRIOR_SCALE_ERROR,
    TEMPERATURE_SCALE_ERROR,
    dark_scale_from_reference,
    dark_scale_from_temperature,
)
from calibration.flags import UNUSABLE
from calibration.staleness import check_conditions, check_drift
from calibration.steps import Steps
from radiography.files.frames import FrameSource, iterate_frames
from radiography.jobs.saturation import saturation_of_frames

if TYPE_CHECKING:
    from radiography.dicom.subject import Told


@dataclass(frozen=True)
class Wanted:
    """What `reconstruct` shall write beside the images, and how frames follow each other."""

    flags: bool = False
    variance: bool = False
    dicom: bool = False
    sequence: bool = False
    frame_interval_s: float | None = None
    flatten: str | None = None
    saturation_dn: float | None = None
    told: Told | None = None


def prepare(
    source: FrameSource,
    calibration: CalibrationSet,
    path: Path,
    steps: Steps,
    wanted: Wanted,
    held_scale: float | None = None,
) -> tuple[CorrectionPlan, list[str], float]:
    """The plan for the frames of one file, what to warn about, and their dark current over that of the calibration.

    A calibration that does not fit is refused. A scale that is held is that of the files before in the sequence.

    The first frame tells the scale of the dark current where the panel has shielded columns.

    Parameters
    ----------
    source : FrameSource
        The raw file.
    calibration : CalibrationSet
        What corrects it.
    path : Path
        File of the calibration, for messages.
    steps : Steps
        Corrections to apply.
    wanted : Wanted
        What else is written, and how frames follow each other.
    held_scale : float, optional
        Dark current of the files before in a sequence over that of the calibration. [1]

    Returns
    -------
    plan, warnings, dark_scale : CorrectionPlan, list of str, float
        Dark scale in units of that of the calibration. [1]
    """
    if (source.rows, source.cols) != calibration.offset_dn.shape:
        rows, cols = calibration.offset_dn.shape
        raise ValueError(
            f"{source.path} is {source.rows} x {source.cols} but the calibration {path} is {rows} x {cols}"
        )
    distance_mm = source.conditions.source_to_detector_mm
    first = next(iterate_frames(source, range(1), finite=False)) if calibration.shielded_cols else None
    scale, scaled = (held_scale, True) if held_scale is not None else _dark_scale(source, first, calibration, steps)
    warnings = list(
        check_conditions(
            calibration.conditions,
            source.conditions,
            rate_known=calibration.dark_rate_dn_per_s is not None,
            dark_times_s=calibration.dark_times_s,
            scaled=scaled,
            flatten=steps.gain.flatten if steps.gain.on else "none",
            calibration_name=f"the calibration {path}",
            frame_name=str(source.path),
        )
    )
    flats_mm = calibration.field.source_to_detector_mm if calibration.field else None
    if steps.gain.on and steps.gain.flatten == "lowfreq" and distance_mm and flats_mm and distance_mm < 0.99 * flats_mm:
        warnings.append(
            f"{source.path} was taken at {distance_mm:g} mm, the flats at {flats_mm:g} mm: at the panel's border the "
            "beam comes under angles that they did not see, and its field is held constant"
        )
    in_sequence = source.count > 1 or wanted.sequence
    if (
        in_sequence
        and steps.lag.on is not False
        and calibration.lag
        and frame_interval_s(source, steps, wanted) is None
    ):
        if steps.lag.on:
            raise ValueError(f"{source.path} does not say frame_interval_s, which lag needs: give --frame-interval")
        warnings.append(f"lag was not corrected: {source.path} does not say its frame interval, see --frame-interval")
        steps = replace(steps, lag=replace(steps.lag, on=False))
    saturation = saturation_of_frames(source, calibration, wanted.saturation_dn)
    if saturation is not None and saturation.value_dn != calibration.saturation_dn:
        warnings.append(f"{source.path}: {saturation}, which is not that of the calibration")
    plan = plan_correction(
        calibration,
        steps,
        integration_time_s=source.conditions.integration_time_s,
        dark_scale=scale,
        source_to_detector_mm=distance_mm,
        pitch_mm=source.pitch_mm,
        saturation_dn=None if saturation is None else saturation.value_dn,
        variance=wanted.variance,
    )
    if first is not None and steps.offset.on:
        line = estimate_line_noise(first, plan.offset_dn, calibration.shielded_cols, _unusable(calibration))
        warnings += check_drift(line.drift_dn, line.drift_error_dn, frame_name=str(source.path))
    return plan, warnings, scale


def _unusable(calibration: CalibrationSet) -> npt.NDArray[np.bool_]:
    return np.asarray((calibration.defects & UNUSABLE) != 0)


def frame_interval_s(source: FrameSource, steps: Steps, wanted: Wanted) -> float | None:
    """Time from frame to frame: that of the command line, of the pipeline or of the file.

    Parameters
    ----------
    source : FrameSource
    steps : Steps
    wanted : Wanted

    Returns
    -------
    interval_s : float or None
        None where none of them knows. [s]
    """
    return wanted.frame_interval_s or steps.lag.frame_interval_s or source.conditions.frame_interval_s


def _dark_scale(
    source: FrameSource, raw_dn: npt.NDArray[Any] | None, calibration: CalibrationSet, steps: Steps
) -> tuple[float, bool]:
    """Dark current of the frames over that of the calibration, and whether it was measured or computed at all."""
    rate, how = calibration.dark_rate_dn_per_s, steps.offset.scale
    if rate is None or calibration.dark_time_s is None or how == "none" or not steps.offset.on:
        return 1.0, False
    scale, error, scaled = 1.0, PRIOR_SCALE_ERROR, False
    own_C, known_C = source.conditions.temperature_C, calibration.conditions.temperature_C
    if how != "reference" and own_C is not None and known_C is not None and calibration.doubling_K is not None:
        scale = dark_scale_from_temperature(own_C, known_C, calibration.doubling_K)
        error, scaled = TEMPERATURE_SCALE_ERROR, True
    elif how == "temperature":
        raise ValueError(
            f'offset scale "temperature" needs temperature_C of {source.path} and of the calibration, got {own_C} and '
            f"{known_C}"
        )
    if how == "reference" and not calibration.shielded_cols:
        raise ValueError('offset scale "reference" needs shielded columns, which the calibration does not know')
    if how != "temperature" and raw_dn is not None:
        time_s = source.conditions.integration_time_s or calibration.dark_time_s
        scale, _ = dark_scale_from_reference(
            raw_dn,
            calibration.offset_dn,
            rate,
            dark_time_s=calibration.dark_time_s,
            integration_time_s=time_s,
            shielded_cols=calibration.shielded_cols,
            unusable=_unusable(calibration),
            prior_scale=scale,
            prior_error=error,
            rate_error_dn_per_s=calibration.dark_rate_error_dn_per_s or 0.0,
        )
        scaled = True
    return scale, scaled

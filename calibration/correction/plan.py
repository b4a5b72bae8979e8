"""A calibration made ready for many frames: what every step needs beside the frame, computed once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.calibration_set import CalibrationSet
from calibration.correction.glare import GlareModel
from calibration.correction.saturation import suspect_limit
from calibration.correction.variance import NoiseTiles, plan_noise, typical_noise
from calibration.dark.scale import dark_excess_s, offset_at
from calibration.defects.interpolation import InterpolationPlan, plan_interpolation
from calibration.flags import SHIELDED, UNUSABLE
from calibration.lag.model import LagModel
from calibration.response.apply import extrapolation_limit
from calibration.response.field import field_at
from calibration.steps import Steps


@dataclass(frozen=True, eq=False)
class CorrectionPlan:
    """What `correct_frame` applies; steps that are off have None, or maps that change nothing.

    Attributes
    ----------
    calibration : CalibrationSet
    steps : Steps
        As asked for.
    saturation_dn, suspect_dn : float32
        Raw values from which a pixel is saturated, and suspect. [DN]
    shielded_cols : tuple of (int, int)
        Columns that measure line noise; empty where that step is off. [1]
    unusable : (H, W) bool or None
        Pixels that do not measure line noise; None where that step is off.
    offset_dn : (H, W) float32
        Dark signal at the frame's integration time and the scale given. [DN]
    integration_time_s : float or None
        Of the frames, where known. [s]
    lag : LagModel or None
    lag_fraction : float
        Sum of the lag fractions, by which readout noise grows; where they depend on the signal, at that whose quanta
        make as much noise as the readout: above it the readout hardly counts, and below it fractions change little. [1]
    gain : (H, W) float32
        With the field of the beam put back where it is to stay in the picture. [1]
    curvature : (C - 1, H, W) float32 or None
        The same for the higher powers of the dose response. [1/DN, 1/DN2]
    limit_dn : float
        Signal above which the calibration is extrapolated. [DN]
    interpolation : InterpolationPlan or None
    glare : GlareModel or None
    noise : NoiseTiles or None
        None where no variance planes are wanted.
    dark_variance, variance_per_dn : float
        Noise of a typical pixel: of a dark one [DN2], and what a DN of signal adds [DN].
    """

    calibration: CalibrationSet
    steps: Steps
    saturation_dn: np.float32
    suspect_dn: np.float32
    shielded_cols: tuple[tuple[int, int], ...]
    unusable: NDArray[np.bool_] | None
    offset_dn: NDArray[np.float32]
    integration_time_s: float | None
    lag: LagModel | None
    lag_fraction: float
    gain: NDArray[np.float32]
    curvature: NDArray[np.float32] | None
    limit_dn: float
    interpolation: InterpolationPlan | None
    glare: GlareModel | None
    noise: NoiseTiles | None
    dark_variance: float
    variance_per_dn: float


def plan_correction(
    calibration: CalibrationSet,
    steps: Steps | None = None,
    *,
    integration_time_s: float | None = None,
    dark_scale: float = 1.0,
    source_to_detector_mm: float | None = None,
    pitch_mm: float | None = None,
    saturation_dn: float | None = None,
    variance: bool = False,
) -> CorrectionPlan:
    """What `correct_frame` needs beside the frame, computed once for a calibration and the conditions of the frames.

    Parameters
    ----------
    calibration : CalibrationSet
    steps : Steps, optional
        Which steps to do; without it those that the calibration knows about, without glare.
    integration_time_s : float, optional
        Of the frames; without it that of the darks is taken. [s]
    dark_scale : float
        Dark current of the frames over that of the calibration. [1]
    source_to_detector_mm : float, optional
        Of the frames; needed to flatten "lowfreq". [mm]
    pitch_mm : float, optional
        Pixel pitch, needed for glare where the calibration does not say it. [mm]
    saturation_dn : float, optional
        Raw value from which a pixel of the frames is saturated, where it is not that of the calibration. [DN]
    variance : bool
        Whether frames get variance planes.

    Returns
    -------
    plan : CorrectionPlan
        Shares the calibration's planes where they need no change.

    Raises
    ------
    ValueError
        If a step is switched on and the calibration lacks what it needs, variance is wanted of single frames, or the
        integration time, the dark scale or the distance cannot be reached from the calibration.
    """
    if variance and not (calibration.knows_dark_noise and calibration.knows_flat_noise):
        raise ValueError(
            f"variance needs 2 or more dark frames and 2 or more flats, which tell noise from pattern; the calibration "
            f"is of {calibration.darks_used} dark and {calibration.flats_used} flat"
        )
    steps = steps or Steps()
    saturation_dn = calibration.saturation_dn if saturation_dn is None else saturation_dn
    offset_dn = np.zeros_like(calibration.offset_dn)
    if steps.offset.on:
        offset_dn = offset_at(
            calibration.offset_dn,
            calibration.dark_rate_dn_per_s,
            calibration.dark_time_s,
            integration_time_s,
            dark_scale,
        )
    field = _remaining_field(calibration, steps, source_to_detector_mm)
    gain, curvature = _effective_gain(calibration, steps, field)
    shielded_cols = _shielded_cols(calibration, steps)
    lag = _lag_model(calibration, steps)
    unusable = (calibration.defects & UNUSABLE) != 0
    shielded = (calibration.defects & SHIELDED) != 0
    in_picture = field if steps.gain.on else 1.0 / calibration.gain
    dark_variance, variance_per_dn = typical_noise(calibration)
    return CorrectionPlan(
        calibration=calibration,
        steps=steps,
        saturation_dn=np.float32(saturation_dn),
        suspect_dn=suspect_limit(saturation_dn, steps.saturation.suspect_fraction),
        shielded_cols=shielded_cols,
        unusable=unusable if shielded_cols else None,
        offset_dn=offset_dn,
        integration_time_s=integration_time_s,
        lag=lag,
        lag_fraction=_lag_fraction(
            lag, dark_variance / variance_per_dn if variance_per_dn > 0 else calibration.level_dn
        ),
        gain=gain,
        curvature=curvature,
        limit_dn=extrapolation_limit(calibration.levels_dn) if steps.gain.on else float("inf"),
        interpolation=plan_interpolation(unusable | shielded, shielded) if steps.defects.on else None,
        glare=_glare_model(calibration, steps, pitch_mm),
        noise=_noise(calibration, in_picture, lag is not None) if variance else None,
        dark_variance=dark_variance,
        variance_per_dn=variance_per_dn,
    )


def frame_offset(
    plan: CorrectionPlan, dark_scale: float | None
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None, float]:
    """The dark signal of one frame, as offset + rate * excess.

    Parameters
    ----------
    plan : CorrectionPlan
    dark_scale : float or None
        Dark current of this frame over that of the calibration; None takes the plan's offset as it is. [1]

    Returns
    -------
    offset_dn : (H, W) float32
        [DN]
    rate_dn_per_s : (H, W) float32 or None
        None where the offset is all. [DN/s]
    excess_s : float
        Integration time by which the offset is too short. [s]
    """
    calibration = plan.calibration
    if dark_scale is None or not plan.steps.offset.on:
        return plan.offset_dn, None, 0.0
    rate = calibration.dark_rate_dn_per_s
    excess_s = dark_excess_s(rate is not None, calibration.dark_time_s, plan.integration_time_s, dark_scale)
    return calibration.offset_dn, None if excess_s == 0.0 else rate, excess_s


def _shielded_cols(calibration: CalibrationSet, steps: Steps) -> tuple[tuple[int, int], ...]:
    cols = steps.line_noise.shielded_cols or calibration.shielded_cols
    if steps.line_noise.on and not cols:
        raise ValueError("line_noise is on, but neither the pipeline nor the calibration knows shielded columns")
    return cols if steps.line_noise.on in (True, None) else ()


def _lag_model(calibration: CalibrationSet, steps: Steps) -> LagModel | None:
    if steps.lag.on and calibration.lag is None:
        raise ValueError("lag is on, but the calibration has no lag model: calibrate with a beam-on/off sequence")
    return calibration.lag if steps.lag.on in (True, None) else None


def _noise(calibration: CalibrationSet, in_picture: NDArray[np.float32] | None, lag_corrected: bool) -> NoiseTiles:
    """Noise tiles of frames that are the flattened picture times `in_picture`; None stands for 1."""
    lag_fraction = _lag_fraction(calibration.lag, calibration.level_dn)
    return plan_noise(calibration, in_picture, lag_fraction, lag_corrected)


def _lag_fraction(lag: LagModel | None, level_dn: float) -> float:
    if lag is None:
        return 0.0
    return float(np.interp(np.log(level_dn), np.log(lag.signal_dn), lag.fraction.sum(axis=1)))


def _remaining_field(
    calibration: CalibrationSet, steps: Steps, source_to_detector_mm: float | None
) -> NDArray[np.float32] | None:
    """What the flattened picture is multiplied by; None for nothing."""
    flatten = steps.gain.flatten
    if not steps.gain.on or flatten == "same":
        return None
    if calibration.field is None:
        raise ValueError(f'flatten = "{flatten}" needs the field of the beam, which the calibration does not know')
    shape = calibration.offset_dn.shape
    of_flats = field_at(calibration.field, (shape[0], shape[1]))
    if flatten == "none":
        return of_flats
    if source_to_detector_mm is None:
        raise ValueError('flatten = "lowfreq" needs source_to_detector_mm of the frames')
    of_frame = field_at(calibration.field, (shape[0], shape[1]), source_to_detector_mm)
    return np.divide(of_flats, of_frame, out=of_flats)


def _effective_gain(
    calibration: CalibrationSet, steps: Steps, field: NDArray[np.float32] | None
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    if not steps.gain.on:
        return np.ones_like(calibration.gain), None
    if field is None:
        return calibration.gain, calibration.curvature
    curvature = calibration.curvature
    return calibration.gain * field, None if curvature is None else curvature * field


def _glare_model(calibration: CalibrationSet, steps: Steps, pitch_mm: float | None) -> GlareModel | None:
    glare = steps.glare
    if not glare.on or glare.radius_mm is None:
        return None
    pitch_mm = pitch_mm or calibration.conditions.pitch_mm
    if pitch_mm is None:
        raise ValueError("glare is on and needs the pixel pitch, which neither frame nor calibration says")
    return GlareModel(glare.fraction, glare.radius_mm, pitch_mm, glare.kernel)

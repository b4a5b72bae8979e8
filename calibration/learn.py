"""Learning a panel from its own frames, in order, on one page: the way to a calibration set.

    darks -> offset (and how it grows with time and temperature)
          -> lag, from beam-on/beam-off sequences
          -> gain, or the dose response, from flats without their lag
          -> defects, from all of these and the maps of earlier sets
          -> the beam's field, and how well the panel is corrected

Frames are streams: none stays in memory, and a stack is taken as often as it is needed. Everything beyond one dark and
one flat stack is optional; what could not be learned is said in the provenance under "notes".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.calibration_set import CalibrationSet, calibration_set
from calibration.conditions import UNKNOWN, Conditions
from calibration.dark.line_noise import ShieldedCols, without_line_noise
from calibration.dark.model import DarkModel, DarkStack, estimate_dark_model
from calibration.dark.offset import OffsetMap, estimate_offset
from calibration.dark.scale import offset_at
from calibration.defects.ageing import IN_RUNS, merge_maps
from calibration.defects.find import (
    E2597,
    DefectCriteria,
    DefectMap,
    find_defects,
    gain_of_undecided,
    shielded_mask,
)
from calibration.flags import DEAD, HOT, NON_LINEAR, SHIELDED, UNCOATED, UNUSABLE, count_flags
from calibration.frame_sums import FrameSums, check_frame
from calibration.lag.fit import LagEstimate, estimate_lag
from calibration.lag.model import LagModel, without_lag
from calibration.lag.sequence import StepSequence
from calibration.lag.timing import model_at
from calibration.quality.numbers import flat_quality, line_noise
from calibration.response.apply import apply_gain
from calibration.response.doses import Dose, group_doses, linearise_levels
from calibration.response.field import BeamField, estimate_field
from calibration.response.multi_dose import DoseResponse, estimate_dose_response, single_dose_response
from calibration.response.single_dose import COVERED_RESPONSE, GainMap, estimate_gain, flat_level, signal_level

NOISY_FACTOR = 6.0  # of the typical dark noise: not to learn line noise or lag from   # E2597's limit


@dataclass(frozen=True, eq=False)
class FrameStack:
    """Frames taken one after the other under one set of conditions, from a panel long read in the dark.

    Attributes
    ----------
    frames : iterable of (H, W)
        Raw frames; taken again where something must be known before it can be used, so no generator for flats of
        unknown dose, nor for darks of a panel with shielded columns. [DN]
    name : str
        What messages call it.
    conditions : Conditions
        How they were taken: times, temperature and air kerma count, where they are known.
    """

    frames: Iterable[NDArray[Any]]
    name: str = ""
    conditions: Conditions = UNKNOWN


@dataclass(frozen=True, eq=False)
class _Known:
    """What is known of the panel before its flats, as far as learned or told; `lag` says how lag frames were taken."""

    dark: DarkModel
    shielded_cols: ShieldedCols
    unusable: NDArray[np.bool_]
    saturation_dn: float
    lag: Conditions = UNKNOWN

    def offset_dn(self, stack: FrameStack) -> NDArray[np.float32]:
        """Dark signal at the integration time of a stack."""
        dark = self.dark
        return offset_at(dark.offset_dn, dark.rate_dn_per_s, dark.time_s, stack.conditions.integration_time_s)

    def clean(self, stack: FrameStack, model: LagModel | None) -> Iterator[NDArray[Any]]:
        """Frames of a stack as raw values without line noise and, where there is a model, without lag."""
        offset_dn, model = self.offset_dn(stack), model_at(model, self.lag, stack.conditions)
        lines = self.shielded_cols, self.unusable, self.saturation_dn, stack.name
        frames = without_line_noise(stack.frames, offset_dn, *lines)
        return without_lag(frames, offset_dn, model, stack.conditions.frame_interval_s, self.saturation_dn, stack.name)


def learn_panel(
    darks: Sequence[FrameStack],
    flats: Sequence[FrameStack],
    *,
    saturation_dn: float,
    conditions: Conditions,
    provenance: Mapping[str, Any],
    lag: Sequence[FrameStack] = (),
    check: Sequence[FrameStack] = (),
    earlier: Sequence[CalibrationSet] = (),
    criteria: DefectCriteria = E2597,
    order: int | None = None,
    at_flats: bool = False,
) -> CalibrationSet:
    """Calibration of a panel from its own frames.

    Parameters
    ----------
    darks, flats : sequence of FrameStack
        One or more of each; darks of several integration times give the dark rate, flats of several doses the dose
        response.
    saturation_dn : float
        Raw value from which a pixel no longer responds. [DN]
    conditions : Conditions
        What the calibration shall say of its panel, and what is used here: shielded columns, pixel pitch (for the
        squares of the uniformity measures), source distance of the flats. Integration time and temperature are learned.
    provenance : mapping
        JSON values that the calibration shall carry as its history: files and hashes, software.
    lag : sequence of FrameStack
        Beam-on/beam-off sequences, one a stack; without any the lag model of the newest earlier set is taken over.
    check : sequence of FrameStack
        Flats that are not used for the gain, to find non-uniform pixels with.
    earlier : sequence of CalibrationSet
        Of the same panel, the newest last.
    criteria : DefectCriteria
        Limits of the defect classes.
    order : 1, 2, 3 or None
        Of the dose response; as the flats need, where None.
    at_flats : bool
        True takes from flats the lag of their own times; False that of the sequences, as `correct_frame` does to all.

    Returns
    -------
    calibration : CalibrationSet

    Raises
    ------
    ValueError, TypeError
        In one sentence, if frames are missing, contradict each other or cannot serve.
    """
    if order not in (None, 1, 2, 3):
        raise ValueError(f"the order of the dose response must be 1, 2 or 3, got {order}")
    shielded_cols = conditions.shielded_cols or ()
    flat_time_s = _common_time(flats, "flat")
    dark, two_darks = _learn_dark(darks, flat_time_s, saturation_dn, shielded_cols)
    offset = dark.reference
    notes = [*offset.remarks, *dark.notes]
    _refuse_other_shape(earlier, offset)
    of_lag = lag[0].conditions if lag and at_flats else UNKNOWN
    known = _Known(dark, shielded_cols, _noisy_or_hot(offset, saturation_dn), saturation_dn, of_lag)

    estimate = _learn_lag(lag, known) if lag else None
    model, remarks = _lag_model(estimate, earlier)
    notes += remarks

    response = _learn_response(flats, known, model, order)
    check_dn, check_frames = response.check_dn, _frames_at(response, response.check_level_dn)
    if check:
        check_dn, check_frames = _check_picture(check, known, model, response)
    defects = find_defects(
        offset,
        response.gain_map,
        saturation_dn=saturation_dn,
        check_dn=check_dn,
        check_frames=check_frames,
        lag_first_frame_dn=estimate.first_after_off_dn if estimate else None,
        lag_noise_dn=estimate.first_after_off_noise_dn if estimate else None,
        shielded_cols=shielded_cols,
        extra_flags=_extra_flags(response, dark),
        criteria=criteria,
    )
    noise_dn = _noise_of_mean(response, offset, check_dn, check_frames)
    gain = gain_of_undecided(response.gain_map, defects)
    defects = _with_earlier(defects, earlier)
    notes += [*response.remarks, *_mostly_dark(defects, response.gain_map.level_dn)]
    notes += _lit_columns(response.gain_map, shielded_cols)
    learned = {
        "dark_rate_dn_per_s": dark.typical_rate_dn_per_s,
        "doses": _doses_record(response),
        "notes": list(dict.fromkeys([*notes, *defects.skipped])),
    }
    base = calibration_set(
        offset,
        response.gain_map,
        defects,
        saturation_dn=saturation_dn,
        provenance={**{key: value for key, value in learned.items() if value is not None}, **provenance},
        conditions=replace(conditions, integration_time_s=dark.time_s, temperature_C=dark.temperature_C),
    )
    return replace(
        base,
        gain=gain,
        dark_rate_dn_per_s=dark.rate_dn_per_s,
        dark_rate_error_dn_per_s=dark.typical_rate_error_dn_per_s,
        dark_times_s=dark.times_s,
        doubling_K=dark.doubling_K,
        curvature=response.curvature,
        chi_square=response.chi_square,
        dn_per_uGy=_signal_per_kerma(flats, response),
        levels_dn=response.levels_dn if len(response.levels_dn) > 1 else (),
        calibration_variance=response.calibration_variance,
        field=_learn_field(response, defects, conditions.source_to_detector_mm),
        lag=model,
        quality=_quality(two_darks, check_dn, noise_dn, defects, conditions.pitch_mm),
    )


def _learn_dark(
    stacks: Sequence[FrameStack], flat_time_s: float | None, saturation_dn: float, shielded_cols: ShieldedCols
) -> tuple[DarkModel, list[NDArray[Any]]]:
    """The dark model at the integration time of the flats, and the first two dark frames of one stack.

    With shielded columns each stack is taken twice: line noise can only be found on an offset.
    """
    if not stacks:
        raise ValueError("a calibration needs at least 1 dark stack, got 0")
    groups: dict[tuple[float | None, float | None], list[FrameStack]] = {}
    for stack in stacks:
        said = stack.conditions
        groups.setdefault((said.integration_time_s, said.temperature_C), []).append(stack)
    measured = []
    two_darks: list[NDArray[Any]] = []
    for (time_s, temperature_C), together in groups.items():
        if len(two_darks) < 2:
            two_darks.clear()
        offset = estimate_offset(_first_two(chain.from_iterable(stack.frames for stack in together), two_darks))
        if shielded_cols and offset.frames_used > 1:
            frames = chain.from_iterable(stack.frames for stack in together)
            lines = shielded_cols, _noisy_or_hot(offset, saturation_dn), saturation_dn, "dark"
            cleaned = without_line_noise(frames, offset.offset_dn, *lines)
            offset = replace(estimate_offset(cleaned, step_dn=offset.step_dn), remarks=offset.remarks)
        measured.append(DarkStack(offset, time_s, temperature_C))
    return estimate_dark_model(measured, flat_time_s, saturation_dn), two_darks


def _extra_flags(response: DoseResponse, dark: DarkModel) -> NDArray[np.uint16]:
    """Classes that the defect search does not find by itself."""
    flags = response.flags & np.uint16(NON_LINEAR)
    flags[dark.saturated] |= HOT
    if dark.reference.absent is not None:
        flags[dark.reference.absent] |= DEAD
    return flags


def _noisy_or_hot(offset: OffsetMap, saturation_dn: float) -> NDArray[np.bool_]:
    """Pixels not to learn anything from before the defects are known."""
    doubtful = offset.offset_dn > 0.5 * saturation_dn
    if offset.noise_dn is not None:
        doubtful |= offset.noise_dn > NOISY_FACTOR * offset.typical_noise_dn
    return np.asarray(doubtful)


def _first_two(frames: Iterable[NDArray[Any]], first: list[NDArray[Any]]) -> Iterator[NDArray[Any]]:
    for frame in frames:
        if len(first) < 2:
            first.append(frame)
        yield frame


def _common_time(stacks: Sequence[FrameStack], kind: str) -> float | None:
    """Integration time of stacks, which must be the same for all; None where none says it."""
    if not stacks:
        raise ValueError(f"a calibration needs at least 1 {kind} stack, got 0")
    known = sorted({time_s for stack in stacks if (time_s := stack.conditions.integration_time_s) is not None})
    if known and known[-1] > known[0] * 1.001:
        raise ValueError(
            f"{kind} frames were taken with integration times of {known[0]:g} to {known[-1]:g} s; one is needed"
        )
    return known[0] if known else None


def _refuse_other_shape(earlier: Sequence[CalibrationSet], offset: OffsetMap) -> None:
    for old in earlier:
        if old.offset_dn.shape != offset.offset_dn.shape:
            raise ValueError(
                f"an earlier calibration set is {old.offset_dn.shape} but the frames are {offset.offset_dn.shape}"
            )


def _learn_lag(stacks: Sequence[FrameStack], known: _Known) -> LagEstimate:
    _common_time(stacks, "lag")
    sequences = []
    for stack in stacks:
        interval_s = stack.conditions.frame_interval_s
        if interval_s is None:
            raise ValueError(
                f"the lag sequence {stack.name} does not say frame_interval_s, the time from frame to frame"
            )
        sequences.append(StepSequence(known.clean(stack, None), interval_s, name=stack.name))
    offset_dn = known.offset_dn(stacks[0])
    return estimate_lag(
        sequences,
        offset_dn,
        saturation_dn=known.saturation_dn,
        unusable=known.unusable | shielded_mask(known.shielded_cols, offset_dn.shape[1]),
        offset_frames=known.dark.reference.frames_used,
    )


def _lag_model(
    estimate: LagEstimate | None, earlier: Sequence[CalibrationSet]
) -> tuple[LagModel | None, tuple[str, ...]]:
    """The model just learned, else that of the newest earlier set that has one; and what there is to say about it."""
    model = estimate.model if estimate else next((old.lag for old in reversed(earlier) if old.lag), None)
    if model is None:
        return None, ()
    notes = model.notes if estimate else ("the lag model is that of an earlier calibration set",)
    if model.signal_dn.size > 1:
        return model, notes
    level_dn = float(model.signal_dn[0])
    return model, (*notes, f"lag was learned at {level_dn:.0f} DN and taken to be the same fraction at any signal")


def _learn_response(
    stacks: Sequence[FrameStack],
    known: _Known,
    model: LagModel | None,
    order: int | None,
) -> DoseResponse:
    """Straight line from one dose, curve from several."""
    offset, saturation_dn = known.dark.reference, known.saturation_dn

    def frames_of(number: int) -> Iterator[NDArray[Any]]:
        return known.clean(stacks[number], model)

    kermas = {stack.conditions.air_kerma_uGy for stack in stacks}
    if len(kermas) == 1 and None not in kermas:
        doses: tuple[Dose, ...] = ()
    else:
        places: list[tuple[int, int]] = []
        levels_dn: list[float] = []
        kerma: list[float | None] = []
        for number, stack in enumerate(stacks):
            for k, frame in enumerate(frames_of(number)):
                frame = check_frame(frame, k, offset.offset_dn.shape, "flat")
                name = f"flat frame {len(places)}"
                places.append((number, k))
                levels_dn.append(flat_level(frame, name, offset, saturation_dn=saturation_dn))
                kerma.append(stack.conditions.air_kerma_uGy)
        if not places:
            raise ValueError("a calibration needs at least 1 flat frame, got 0")
        doses = group_doses(levels_dn, kerma)
    if len(doses) < 2:
        if order is not None and order > 1:
            raise ValueError(f"a dose response of order {order} needs flats of at least {order} doses, got 1")
        together = chain.from_iterable(frames_of(number) for number in range(len(stacks)))
        return single_dose_response(estimate_gain(together, offset, saturation_dn=saturation_dn), offset)

    def frames_at(dose: Dose) -> Iterator[NDArray[Any]]:
        wanted = {places[number] for number in dose.frames}
        for number in sorted({stack for stack, _ in wanted}):
            for k, frame in enumerate(frames_of(number)):
                if (number, k) in wanted:
                    yield frame

    linearisation = None
    if len(doses) > 2 and all(dose.kerma_uGy is not None for dose in doses):
        exposures = [dose.kerma_uGy or 0.0 for dose in doses]
        linearisation = linearise_levels([dose.level_dn for dose in doses], exposures, order or 3)
    return estimate_dose_response(
        (frames_at(dose) for dose in doses),
        offset,
        saturation_dn=saturation_dn,
        order=order,
        linearisation=linearisation,
    )


def _check_picture(
    stacks: Sequence[FrameStack], known: _Known, model: LagModel | None, response: DoseResponse
) -> tuple[NDArray[np.float32], int]:
    """Corrected mean of the check frames, each scaled to the level of the first, and their number."""
    offset_dn, reference = known.offset_dn(stacks[0]), known.dark.reference
    sums = FrameSums(offset_dn)
    first_dn = None
    for stack in stacks:
        for k, frame in enumerate(known.clean(stack, model)):
            frame = check_frame(frame, k, offset_dn.shape, "check")
            name = f"check frame {k}"
            level_dn = flat_level(frame, name, reference, saturation_dn=np.inf, offset_dn=offset_dn)
            first_dn = level_dn if first_dn is None else first_dn
            sums.add(frame, first_dn / level_dn)
    if not sums.count:
        raise ValueError("a check needs at least 1 flat frame, got 0")
    mean_dn = sums.mean().astype(np.float32)
    return apply_gain(mean_dn, response.gain, response.curvature, response.limit_dn), sums.count


def _signal_per_kerma(flats: Sequence[FrameStack], response: DoseResponse) -> float | None:
    """Corrected signal per air kerma, from flats that all say theirs; None where they do not. [DN/uGy]"""
    kermas = [stack.conditions.air_kerma_uGy for stack in flats]
    known = sorted({kerma for kerma in kermas if kerma})
    if not known or not all(kermas):
        return None
    doses = [dose.kerma_uGy or 0.0 for dose in group_doses([1.0] * len(known), known)] if len(known) > 1 else known
    if len(doses) != len(response.targets_dn):
        return None
    return float(np.median(np.asarray(response.targets_dn) / doses))


def _frames_at(response: DoseResponse, level_dn: float | None) -> int:
    """Flats behind the mean at one of the doses. [1]"""
    return next(
        (n for level, n in zip(response.levels_dn, response.frames_per_level, strict=True) if level == level_dn),
        response.frames_used,
    )


def _noise_of_mean(
    response: DoseResponse, offset: OffsetMap, check_dn: NDArray[np.float32] | None, frames: int
) -> float | None:
    """Noise of a pixel in the mean of the check frames, from the photon-transfer curve; None where not known. [DN]"""
    flat_noise_known = response.frames_used > 1 or response.chi_square is not None
    if check_dn is None or offset.frames_used < 2 or not flat_noise_known:
        return None
    variance = offset.typical_noise_dn**2 + response.variance_per_dn * signal_level(check_dn)
    return float(np.sqrt(variance / frames))


def _mostly_dark(defects: DefectMap, level_dn: float) -> tuple[str, ...]:
    """One sentence where the level is that of a minor part of the panel: its coated part, or an odd bright region."""
    share = float(np.mean((defects.flags & UNCOATED) != 0))
    if share <= 0.5:
        return ()
    return (
        f"{100 * share:.1f} % of the pixels see little of the {level_dn:.5g} DN of the rest and count as uncoated or "
        "covered: if they are the panel, a bright region set the level",
    )


def _lit_columns(gain: GainMap, shielded_cols: ShieldedCols) -> list[str]:
    """A sentence for each range of shielded columns that see light."""
    seen = [(cols, float(np.median(gain.signal_dn[:, slice(*cols)]) / gain.level_dn)) for cols in shielded_cols]
    return [
        f"the shielded columns {first}:{end} show {100 * light:.0f} % of the signal of the rest in the flats: they are "
        "not shielded, and the shift of rows that they are to tell will be that of the image"
        for (first, end), light in seen
        if light > COVERED_RESPONSE
    ]


def _with_earlier(defects: DefectMap, earlier: Sequence[CalibrationSet]) -> DefectMap:
    """The map with the pixels that were bad in most of the sets, this one included."""
    if not earlier:
        return defects
    merged = merge_maps([*(old.defects for old in earlier), defects.flags], IN_RUNS)
    flags = defects.flags | merged
    flags[(flags & SHIELDED) != 0] &= np.uint16(SHIELDED)
    return DefectMap(flags, count_flags(flags), defects.skipped)


def _learn_field(response: DoseResponse, defects: DefectMap, distance_mm: float | None) -> BeamField | None:
    relative = response.signal_dn / np.float32(response.level_dn)
    try:
        return estimate_field(relative, defects.flags, distance_mm)
    except ValueError:  # a panel of a few pixels, or hardly a good one: the flats are all there is
        return None


def _doses_record(response: DoseResponse) -> list[dict[str, float]] | None:
    """What the fit says about each dose, as JSON."""
    if not response.residual:
        return None
    return [
        {"level_dn": level, "target_dn": target, "frames": frames, "residual": residual, "residual_error": error}
        for level, target, frames, residual, error in zip(
            response.levels_dn,
            response.targets_dn,
            response.frames_per_level,
            response.residual,
            response.residual_error,
            strict=True,
        )
    ]


def _quality(
    two_darks: Sequence[NDArray[Any]],
    check_dn: NDArray[np.float32] | None,
    noise_dn: float | None,
    defects: DefectMap,
    pitch_mm: float | None,
) -> dict[str, Any]:
    """What `radiography qc` reports and only frames can tell; see `calibration.quality.quality.quality_of`."""
    found: dict[str, Any] = {"flats": []}
    if check_dn is not None:
        usable = (defects.flags & (UNUSABLE | UNCOATED | SHIELDED)) == 0
        found["flats"].append(flat_quality(check_dn, usable, pitch_mm, noise_dn=noise_dn))
    if len(two_darks) == 2:
        difference_dn = two_darks[1].astype(np.float32) - two_darks[0].astype(np.float32)
        line = line_noise(difference_dn, (defects.flags & UNUSABLE) == 0)
        if line.value is not None:
            found["line_noise_dn"] = {"value": line.value, "error": line.error}
    return found

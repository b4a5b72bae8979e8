"""A panel file and maps from one day's frames of a real panel, with what each number is worth.

The calibration (`calibration.learn`) learns offset, dark current, lag, response and defects from the frames; noise
comes from their differences. Here that is turned round: into the numbers that make the simulator give such frames.
Electrons are DN times electrons per DN. Only the noise of the dark current tells how many those are; without it the
start file's number stands, every number in electrons goes with it, and frames in DN are the same whatever it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from calibration.calibration_set import CalibrationSet
from calibration.conditions import Conditions
from calibration.dark.line_noise import without_line_noise
from calibration.dark.scale import offset_at
from calibration.flags import SHIELDED, UNCOATED, UNUSABLE
from calibration.lag.model import without_lag
from calibration.lag.timing import model_at
from calibration.learn import FrameStack, learn_panel
from calibration.response.multi_dose import NO_EXPOSURES
from radiography.panel.maps import PanelMaps
from radiography.panel.panel import Panel
from radiography.panel.trapping import FrameTimes
from radiography.scene import Timing
from radiography.study.twin_dark import DarkNoise, dark_noise
from radiography.study.twin_flats import SIGNIFICANT, DoseOfFlats, PanelResponse, fit_response, gather_flats
from radiography.study.twin_lag import LagTwin, lag_twin
from radiography.study.twin_maps import MapsOfTwin, twin_maps
from radiography.study.twin_values import TwinValue, found, not_determined

NAME = "measured"  # of the panel, where frames do not say one   # chosen
DEFAULT_TIME_S = Timing.integration_time_s  # where frames do not say theirs: that of a scene that does not
FULL_WELL_MARGIN = 1.02  # of the brightest flat that a full well must hold   # chosen
MOST_PER_DN = 1e9  # electrons: beyond any diode's full well in one step of an ADC   # chosen

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PanelTwin:
    """A panel as its frames show it.

    Attributes
    ----------
    panel : Panel
        For the simulator, without its ``maps``.
    values : tuple of TwinValue
        Numbers of its file with their errors, and those that the frames leave open; keys that begin with "measured"
        are of no file. Errors of electrons are at the electrons per DN that stand among the values.
    maps : PanelMaps
        Of this panel.
    calibration : CalibrationSet
        What was learned, to correct other frames with; its lag is that of frames with the times of the flats.
    doses : tuple of DoseOfFlats
        Flats without lag, by dose.
    good : (H, W) bool
        Pixels that counted.
    notes : tuple of str
        What to know, in sentences.
    """

    panel: Panel
    values: tuple[TwinValue, ...]
    maps: PanelMaps
    calibration: CalibrationSet
    doses: tuple[DoseOfFlats, ...]
    good: npt.NDArray[np.bool_]
    notes: tuple[str, ...]


def twin_panel(
    darks: Sequence[FrameStack],
    flats: Sequence[FrameStack],
    *,
    lag: Sequence[FrameStack] | None = None,
    start: Panel,
    saturation_dn: float,
    conditions: Conditions,
    electrons_per_dn: float | None = None,
) -> PanelTwin:
    """The panel behind one day's frames.

    Parameters
    ----------
    darks, flats : sequence of FrameStack
        As for `calibration.learn.learn_panel`.
    lag : sequence of FrameStack, optional
        Beam-on/beam-off sequences.
    start : Panel
        What the frames do not determine is its.
    saturation_dn : float
        Raw value from which a pixel no longer responds. [DN]
    conditions : Conditions
        Serial number, pitch, shielded columns, and distance of the source, where they are known.
    electrons_per_dn : float, optional
        Where it is known from elsewhere, such as the amplifiers' data sheet. [electrons/DN]

    Returns
    -------
    twin : PanelTwin

    Raises
    ------
    ValueError, TypeError
        In one sentence, if frames are missing, contradict each other or cannot serve.
    """
    if electrons_per_dn is not None and not 0 < electrons_per_dn <= MOST_PER_DN:
        raise ValueError(f"electrons_per_dn must be positive and at most {MOST_PER_DN:g}, got {electrons_per_dn:g}")
    calibration = learn_panel(
        darks, flats, lag=lag or (), saturation_dn=saturation_dn, conditions=conditions, provenance={}, at_flats=True
    )
    good = (calibration.defects & (UNUSABLE | SHIELDED | UNCOATED)) == 0
    if not good.any():
        raise ValueError(f"none of the {good.size} pixels of the frames is good: there is no panel to be described")
    start = _of_these_frames(start, calibration, conditions)
    # Darks: noise, and electrons per DN where its own noise tells them.
    said = electrons_per_dn if electrons_per_dn is not None else start.readout.electrons_per_dn
    times = _times(lag, flats)
    model = calibration.lag
    first = None if model is None else lag_twin(model, times, said)
    dark = _dark_noise(darks, calibration, good, said, first)
    per_dn = _electrons_per_dn(start, dark, electrons_per_dn)
    lagging = None if model is None else lag_twin(model, times, per_dn.value)
    # Flats without lag, on the offset of their own integration time and with what traps hold at it.
    flats_said = flats[0].conditions
    if model is not None and lag:
        calibration = replace(calibration, lag=model_at(model, lag[0].conditions, flats_said))
    doses = gather_flats(flats, lambda stack: _signals(stack, calibration, saturation_dn, flats_said), good)
    start = _holding(start, doses, per_dn.value, start.readout.electrons_per_dn)
    read = dark.read if np.isfinite(dark.read) else calibration.typical_dark_noise_dn**2
    full_well_dn = start.photodiode.full_well_electrons / per_dn.value
    response = fit_response(
        doses, good, full_well_dn=full_well_dn, read_variance_dn2=read, darks=calibration.darks_used
    )
    maps = twin_maps(
        calibration,
        response,
        good,
        start=start,
        electrons_per_dn=per_dn.value,
        integration_time_s=_flat_time(flats, calibration),
        trapped=0.0 if lagging is None else lagging.trapped,
    )
    values = (
        per_dn,
        *_noise_values(start, dark, per_dn.value, calibration),
        *maps.values,
        *_response_values(start, response, full_well_dn, lagging, maps.unit),
        *_transfer_values(doses, response, dark, full_well_dn, calibration),
        *(_no_lag(start) if lagging is None else lagging.values),
    )
    panel = _panel(start, values, maps, lagging)
    learned = _notes_of(calibration, all(stack.conditions.air_kerma_uGy for stack in flats))
    notes = (*learned, *(() if lagging is None else lagging.notes), *maps.notes)
    return PanelTwin(panel, values, maps.maps, calibration, doses, good, tuple(dict.fromkeys(notes)))


def _notes_of(calibration: CalibrationSet, kermas_known: bool) -> list[str]:
    """What a calibration says of its making, without what a twin is not asked, cannot be given or says itself.

    Non-uniform pixels need the check frames of a calibration, which a twin has not and whose map of the response does
    without. Where two doses are too few for a bend, their exposures are known all the same.
    """
    kept = []
    for note in calibration.provenance["notes"]:
        if note == NO_EXPOSURES and kermas_known:
            continue
        if note.startswith("non-uniform and lagging"):
            note = "lagging pixels were not looked for: that needs beam-on/beam-off sequences (--lag)"
        if not note.startswith("non-uniform"):
            kept.append(note)
    return kept


def _of_these_frames(start: Panel, calibration: CalibrationSet, conditions: Conditions) -> Panel:
    """The start panel with the size, pitch and names of the frames, and without what its own maps would add."""
    rows, cols = calibration.offset_dn.shape
    if min(rows, cols) < 8:
        raise ValueError(f"frames are {rows} x {cols} pixels, a panel of the simulator has at least 8 x 8")
    left, right = _shielded_sides(calibration.shielded_cols, cols)
    pitch_mm = conditions.pitch_mm or start.pixels.pitch_mm
    pixels = replace(
        start.pixels,
        rows=rows,
        cols=cols,
        pitch_mm=pitch_mm,
        aperture_mm=min(start.pixels.aperture_mm * pitch_mm / start.pixels.pitch_mm, pitch_mm),
        shielded_cols_left=left,
        shielded_cols_right=right,
    )
    photodiode = start.photodiode
    if conditions.temperature_C is not None:
        photodiode = replace(photodiode, dark_reference_C=conditions.temperature_C)
    if calibration.conditions.temperature_C is not None:
        photodiode = replace(photodiode, dark_reference_C=calibration.conditions.temperature_C)
    highest = min(calibration.saturation_dn, 65535.0)
    bits = max(start.readout.bits, int(np.ceil(np.log2(highest + 1.0))))
    readout = replace(start.readout, bits=bits, gain_mode=conditions.gain_mode or start.readout.gain_mode)
    return replace(
        start,
        name=conditions.panel or NAME,
        description=f"{rows} x {cols} pixels as their own frames show them",
        serial=conditions.serial or "unknown",
        pixels=pixels,
        photodiode=photodiode,
        readout=readout,
        lag_exposure=None,
        ghosting=(),
        maps=None,
    )


def _shielded_sides(shielded_cols: Sequence[tuple[int, int]], cols: int) -> tuple[int, int]:
    """How many columns are shielded at the left and at the right side; a panel has none elsewhere."""
    left = max((end for first, end in shielded_cols if first == 0), default=0)
    right = cols - min((first for first, end in shielded_cols if end == cols), default=cols)
    return left, right


def _holding(start: Panel, doses: Sequence[DoseOfFlats], electrons_per_dn: float, of_start: float) -> Panel:
    """The start panel with its full well in DN, or one that holds the brightest flat."""
    needed_dn = FULL_WELL_MARGIN * max(dose.level_dn for dose in doses)
    full_dn = start.photodiode.full_well_electrons / of_start
    if full_dn < needed_dn:
        full_dn = max(needed_dn, float(2**start.readout.bits))
    return replace(start, photodiode=replace(start.photodiode, full_well_electrons=full_dn * electrons_per_dn))


def _flat_time(flats: Sequence[FrameStack], calibration: CalibrationSet) -> float | None:
    said = [stack.conditions.integration_time_s for stack in flats]
    return next((time_s for time_s in said if time_s is not None), calibration.dark_time_s)


def _times(lag: Sequence[FrameStack] | None, flats: Sequence[FrameStack]) -> FrameTimes:
    """Times of the frames that lag was learned from; the interval where no integration time is said."""
    for stack in (*(lag or ()), *flats):
        said = stack.conditions
        time_s = said.integration_time_s or said.frame_interval_s
        if time_s is not None:
            exposure_s = said.exposure_time_s or None
            return FrameTimes(time_s, exposure_s if exposure_s is None or exposure_s <= time_s else time_s)
    return FrameTimes(DEFAULT_TIME_S)


def _signals(
    stack: FrameStack, calibration: CalibrationSet, saturation_dn: float, of_lag: Conditions
) -> Iterator[npt.NDArray[Any]]:
    """Offset-subtracted flats of a stack without lines and lag, whose model is for frames of other times. [DN]"""
    offset_dn = offset_at(
        calibration.offset_dn,
        calibration.dark_rate_dn_per_s,
        calibration.dark_time_s,
        stack.conditions.integration_time_s,
    )
    unusable = (calibration.defects & UNUSABLE) != 0
    lines = calibration.shielded_cols, unusable, saturation_dn, stack.name
    frames: Iterable[npt.NDArray[Any]] = without_line_noise(stack.frames, offset_dn, *lines)
    interval_s = stack.conditions.frame_interval_s
    model = model_at(calibration.lag, of_lag, stack.conditions)
    for frame in without_lag(frames, offset_dn, model, interval_s, saturation_dn, stack.name):
        yield frame - offset_dn


def _dark_noise(
    darks: Sequence[FrameStack],
    calibration: CalibrationSet,
    good: npt.NDArray[np.bool_],
    electrons_per_dn: float,
    lag: LagTwin | None,
) -> DarkNoise:
    """Noise of the darks at the temperature of the calibration."""
    wanted_C = calibration.conditions.temperature_C
    same = [stack for stack in darks if wanted_C is None or stack.conditions.temperature_C in (None, wanted_C)]
    rate = calibration.dark_rate_dn_per_s
    return dark_noise(
        same or darks,
        calibration.offset_dn,
        good,
        rate_dn_per_s=None if rate is None else float(np.mean(rate[good], dtype=np.float64)),
        rate_error_dn_per_s=calibration.dark_rate_error_dn_per_s or 0.0,
        electrons_per_dn=electrons_per_dn,
        lag=() if lag is None else lag.terms,
    )


def _electrons_per_dn(start: Panel, dark: DarkNoise, told: float | None) -> TwinValue:
    key, unit = "readout.electrons_per_dn", "electrons/DN"
    if told is not None:
        return TwinValue(key, told, float("nan"), unit, False, "as told; the frames were not asked")
    if np.isfinite(dark.electrons_per_dn):
        how = "noise of the dark current over its mean, darks of several integration times"
        return found(key, dark.electrons_per_dn, dark.electrons_per_dn_error, unit, how)
    why = (
        "flats show charge for an X-ray quantum, which is light of the layer times this: many darks of a long and of a "
        "short integration time, whose own current is noise of single electrons, would determine it, or a data sheet"
    )
    return not_determined(key, start.readout.electrons_per_dn, unit, why)


def _noise_values(
    start: Panel, dark: DarkNoise, electrons_per_dn: float, calibration: CalibrationSet
) -> list[TwinValue]:
    """Noise of the electronics: of pixels, rows and columns."""
    readout, unit = start.readout, "electrons"
    reset = "readout.reset_noise_electrons", "readout.amplifier_noise_electrons"
    lines = ("row", "readout.line_noise_electrons"), ("column", "readout.column_noise_electrons")
    if not np.isfinite(dark.read):
        why = "two darks of one integration time or more would determine it"
        names = (*reset, *(key for _, key in lines))
        return [not_determined(key, getattr(readout, key.partition(".")[2]), unit, why) for key in names]
    step_dn = 1.0 if calibration.step_dn is None else calibration.step_dn
    total = float(np.sqrt(max(dark.read - step_dn**2 / 12.0, 0.0)))
    total_error = dark.read_error / (2.0 * max(total, 0.05 * step_dn + 1e-12))
    own = min(readout.reset_noise_electrons, total * electrons_per_dn)
    rest = float(np.sqrt(max((total * electrons_per_dn) ** 2 - own**2, 0.0)))
    rest_error = total * electrons_per_dn / max(rest, 0.05 * total * electrons_per_dn + 1e-12)
    sentence = f"pixels of {2 * dark.pairs} darks have {total:.4g} +- {total_error:.2g} DN"
    values = [
        found("measured.read_noise_dn", total, total_error, "DN", "differences of darks, without rounding"),
        not_determined(reset[0], own, unit, "seen in quadrature with the amplifier's only; frames in DN need the sum"),
        found(reset[1], rest, rest_error * total_error * electrons_per_dn, unit, f"{sentence}, the reset's taken out"),
    ]
    for name, key in lines:
        variance, error = getattr(dark, name), getattr(dark, f"{name}_error")
        sigma = float(np.sqrt(max(variance, 0.0)))
        if variance < SIGNIFICANT * error:
            how = f"no more than their error in differences of darks, {np.sqrt(max(error, 0.0)):.2g} DN"
            values.append(found(key, 0.0, np.sqrt(max(error + sigma**2, 0.0)) * electrons_per_dn, unit, how))
            continue
        how = f"{sigma:.3g} DN in differences of darks"
        values.append(found(key, sigma * electrons_per_dn, error / (2.0 * sigma) * electrons_per_dn, unit, how))
    why = "counts as noise of the pixels here: power spectra down the columns of darks would determine it"
    values.append(not_determined("readout.flicker_noise_electrons", 0.0, unit, why))
    return values


def _response_values(
    start: Panel, response: PanelResponse, full_well_dn: float, lag: LagTwin | None, unit: float
) -> list[TwinValue]:
    """Full well and non-linearity of the typical pixel; what lag was taken out wrongly is in their errors."""
    of_lag = 0.0 if lag is None else lag.error
    uneven = 0.0 if lag is None or lag.exposure is None else float(np.ptp(lag.exposure.factor))
    full = "photodiode.full_well_electrons"
    why = "flats up to the full well, which bends off below the end of the ADC, would determine it"
    values = [not_determined(full, start.photodiode.full_well_electrons, "electrons", why)]
    key = "uniformity.nonlinearity"
    if np.isfinite(response.bend):
        how = f"level against air kerma at {response.charge_dn.size} doses, for a full well of {full_well_dn:.6g} DN"
        error = np.hypot(response.bend_error, of_lag * uneven * full_well_dn / float(response.charge_dn.max()))
        values.append(found(key, response.bend, error, "1", how))
    else:
        why = "flats of three doses or more, whose air kerma is known, would determine it"
        values.append(not_determined(key, start.uniformity.nonlinearity, "1", why))
    if np.isfinite(response.dn_per_uGy):
        how = "charge of the median pixel by air kerma, before it bends"
        how += ", what traps take of a frame not in it" if lag is None else " and before traps"
        error = np.hypot(response.dn_per_uGy_error, of_lag * response.dn_per_uGy)
        values.append(found("measured.dn_per_uGy", unit * response.dn_per_uGy, unit * error, "DN/uGy", how))
    return values


def _transfer_values(
    doses: Sequence[DoseOfFlats],
    response: PanelResponse,
    dark: DarkNoise,
    full_well_dn: float,
    calibration: CalibrationSet,
) -> list[TwinValue]:
    """Variance by charge, of pixels and of large areas: the latter is DN for a quantum, the former knows the blur."""
    model = calibration.lag
    gain = 1.0 if model is None else float(np.interp(0.5, [0, 1], [model.noise_gain[0], model.noise_gain[-1]]))
    read = (dark.read if np.isfinite(dark.read) else 0.0) * gain**2
    bend = response.bend if np.isfinite(response.bend) else 0.0
    values = []
    for name, what in (
        ("pixel", "pixels alone, which the light's spread makes less"),
        ("area", "large areas: sum of covariances, the DN that a quantum makes over its Swank factor"),
    ):
        pairs = []
        for dose, charge in zip(doses, response.charge_dn, strict=True):
            if dose.noise is not None and np.isfinite(getattr(dose.noise, name)):
                kept = (1.0 - 2.0 * bend * charge / full_well_dn) ** 2 * charge
                variance, error = getattr(dose.noise, name), getattr(dose.noise, f"{name}_error")
                pairs.append(((variance - read) / kept, error / kept))
        if not pairs:
            continue
        value, error = np.array(pairs).T
        weight = error**-2.0
        mean = float(np.average(value, weights=weight))
        scale = 1.0 if len(pairs) < 2 else max(1.0, float((weight * (value - mean) ** 2).mean()) ** 0.5)
        key = f"measured.{name}_variance_per_dn"
        values.append(found(key, mean, scale * float(weight.sum() ** -0.5), "DN", what))
    return values


def _no_lag(start: Panel) -> list[TwinValue]:
    why = "beam-on/beam-off sequences (--lag) would determine it"
    values = []
    for number, term in enumerate(start.lag):
        values.append(not_determined(f"lag.{number}.fraction", term.fraction, "1", why))
        values.append(not_determined(f"lag.{number}.time_s", term.time_s, "s", why))
    return values


def _panel(start: Panel, values: Sequence[TwinValue], maps: MapsOfTwin, lag: LagTwin | None) -> Panel:
    """The start panel with the values in their places."""
    tables: dict[str, dict[str, float]] = {"readout": {}, "photodiode": {}, "uniformity": {}, "pixels": {}}
    for value in values:
        table, _, key = value.key.partition(".")
        if table in tables:
            tables[table][key] = value.value
    counts: dict[str, Any] = {"defective_rows": 0, "defective_cols": 0, "defective_fraction": maps.defective_fraction}
    panel = replace(start, **{name: replace(getattr(start, name), **entries) for name, entries in tables.items()})
    panel = replace(panel, uniformity=replace(panel.uniformity, **counts))
    return panel if lag is None else replace(panel, lag=lag.terms, lag_exposure=lag.exposure)

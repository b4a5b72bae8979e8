"""Conditions of a frame as one checked value: panel and mode, times, temperature, beam and geometry.

Frames, stacks of them, calibration sets and DICOM files all speak of it in these names. What is not known is None.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from calibration.limits import STRICT, Celsius, Positive

OF_ONE_PANEL = ("serial", "panel", "scintillator", "binning", "gain_mode")  # must agree where two frames both say it
TOLD_OF_IT = ("manufacturer", "device_serial")  # is told where they agree: makers are spelt, and panels moved


def _text(said: Any) -> Any:
    """Text without blanks around it, a number as text; an empty text says nothing."""
    said = str(said) if isinstance(said, int | float) and not isinstance(said, bool) else said
    return (said.strip() or None) if isinstance(said, str) else said


def _square_binning(said: Any) -> Any:
    """One number for two equal ones, such as [2, 2] along rows and columns."""
    return said[0] if isinstance(said, list | tuple) and len(said) == 2 and said[0] == said[1] else said


Text = Annotated[str | None, BeforeValidator(_text)]
Column = Annotated[int, Field(ge=0)]
LARGEST = 1e9  # [s, mm, uGy, kV, mA, mAs] 30 years, 1,000 km   # chosen: what is beyond is a mistake in a file
Above = Annotated[float, Field(gt=0, le=LARGEST)]
NotBelow = Annotated[float, Field(ge=0, le=LARGEST)]


@dataclass(frozen=True, config=STRICT)
class Conditions:
    """How a frame was taken, as far as it is known.

    Attributes
    ----------
    manufacturer, panel, serial, scintillator : str or None
        Maker, model and serial number of the panel, and its layer.
    device_serial : str or None
        Serial number of the X-ray unit that the panel belongs to.
    binning : int or None
        Pixels along each axis that are read as one. [1]
    gain_mode : str or None
        Of the readout.
    integration_time_s, frame_interval_s : float or None
        Time for which a pixel gathers charge, and time from frame to frame. [s]
    exposure_time_s : float or None
        Time for which the beam is on in one frame. [s]
    temperature_C : float or None
        Of the panel. [deg C]
    air_kerma_uGy : float or None
        At the detector surface, object absent; 0 in a dark frame. [uGy]
    kvp : float or None
        Peak tube voltage. [kV]
    beam_quality : str or None
        Name of the beam, such as RQA5 of IEC 61267.
    anode : str or None
        Chemical symbol of the target, such as W.
    tube_current_mA, exposure_mAs : float or None
        Of the tube. [mA, mAs]
    source_to_detector_mm, focal_spot_mm : float or None
        Of the geometry. [mm]
    saturation_dn : float or None
        Raw value from which a pixel no longer responds. [DN]
    saturation_source : str or None
        What says so.
    pitch_mm : float or None
        Pixel pitch at the detector. [mm]
    date : str or None
        ISO 8601, UTC unless it says otherwise; whoever compares dates checks it.
    shielded_cols : tuple of (int, int) or None
        Columns that see no X-rays, half-open ranges. [1]
    """

    manufacturer: Text = None
    panel: Text = None
    serial: Text = None
    device_serial: Text = None
    scintillator: Text = None
    binning: Annotated[Annotated[int, Field(ge=1)] | None, BeforeValidator(_square_binning)] = None
    gain_mode: Text = None
    integration_time_s: Above | None = None
    frame_interval_s: Above | None = None
    exposure_time_s: NotBelow | None = None
    temperature_C: Celsius | None = None
    air_kerma_uGy: NotBelow | None = None
    kvp: NotBelow | None = None
    beam_quality: Text = None
    anode: Text = None
    tube_current_mA: NotBelow | None = None
    exposure_mAs: NotBelow | None = None
    source_to_detector_mm: Above | None = None
    focal_spot_mm: NotBelow | None = None
    saturation_dn: Positive | None = None
    saturation_source: Text = None
    pitch_mm: Above | None = None
    date: Text = None
    shielded_cols: tuple[tuple[Column, Column], ...] | None = None

    def __post_init__(self) -> None:
        for first, last in self.shielded_cols or ():
            if first >= last:
                raise ValueError(f"shielded_cols must be ranges [first, last) with first < last, got [{first}, {last}]")


UNKNOWN = Conditions()
CONDITIONS = tuple(field.name for field in fields(Conditions))
_CHECKED = TypeAdapter(Conditions)
_WORDING = {"Input should be": "must be", "Tuple should": "must", "a valid array": "a list", "Value error, ": ""}


def conditions_from(said: Mapping[str, Any], where: str, *, others_allowed: bool = True) -> Conditions:
    """Conditions out of what a file says about itself, or of what a user says about files.

    Parameters
    ----------
    said : mapping
        JSON values by the names of `Conditions`; None says nothing.
    where : str
        Named in errors, usually the file.
    others_allowed : bool
        Whether `said` may hold other keys too; they are left alone.

    Returns
    -------
    conditions : Conditions

    Raises
    ------
    ValueError
        One sentence: the file, the key, the value found, and what is allowed.
    """
    unknown = [key for key in said if key not in CONDITIONS]
    if unknown and not others_allowed:
        raise ValueError(f"{where}: unknown key '{unknown[0]}'; known: {', '.join(CONDITIONS)}")
    own = {key: said[key] for key in CONDITIONS if said.get(key) is not None}
    try:
        return _CHECKED.validate_json(json.dumps(own, default=str), strict=True)
    except ValidationError as error:
        raise ValueError(f"{where}: {_first_problem(error)}") from error
    except RecursionError as error:
        raise ValueError(f"{where} holds lists that are nested too deeply") from error


def conditions_to_json(conditions: Conditions) -> dict[str, Any]:
    """What is known, as JSON values by name; `conditions_from` reads it back."""
    known = {name: getattr(conditions, name) for name in CONDITIONS}
    if conditions.shielded_cols is not None:
        known["shielded_cols"] = [list(columns) for columns in conditions.shielded_cols]
    return {name: value for name, value in known.items() if value is not None}


def overlaid(below: Conditions, above: Conditions) -> Conditions:
    """The conditions below, with everything that those above know in its place.

    Parameters
    ----------
    below, above : Conditions

    Returns
    -------
    conditions : Conditions
    """
    said = {name: value for name in CONDITIONS if (value := getattr(above, name)) is not None}
    if above.saturation_dn is not None:
        said["saturation_source"] = above.saturation_source
    return replace(below, **said)


def of_one_panel(frames: Iterable[tuple[str, Conditions]]) -> Conditions:
    """Panel and mode that all frames agree on; frames that do not say are taken to be of it.

    Parameters
    ----------
    frames : iterable of (str, Conditions)
        Each with the name that messages call it.

    Returns
    -------
    conditions : Conditions
        Those of `OF_ONE_PANEL` alone, and of `TOLD_OF_IT` what no two of them say differently.

    Raises
    ------
    ValueError
        If two of them contradict each other.

    Notes
    -----
    A serial number that is only that of the X-ray unit is no contradiction to a panel of the same unit.
    """
    said = list(frames)
    first: dict[str, tuple[str, Conditions]] = {}
    for name, conditions in said:
        for key in OF_ONE_PANEL:
            value = getattr(conditions, key)
            if value is None:
                continue
            before, other = first.setdefault(key, (name, conditions))
            if value == getattr(other, key):
                continue
            if key != "serial" or not _same_unit(conditions, other):
                raise ValueError(f"{name} was taken with {key} {value}, but {before} with {getattr(other, key)}")
            if other.serial == other.device_serial:
                first[key] = (name, conditions)
    agreed = {key: getattr(conditions, key) for key, (_, conditions) in first.items()}
    for key in TOLD_OF_IT:
        values = {getattr(conditions, key) for _, conditions in said} - {None}
        agreed[key] = values.pop() if len(values) == 1 else None
    return Conditions(**agreed)


def _same_unit(one: Conditions, other: Conditions) -> bool:
    """Whether two frames are of one X-ray unit, of which at least one does not name its panel."""
    unnamed = any(each.serial == each.device_serial for each in (one, other))
    return unnamed and one.device_serial is not None and one.device_serial == other.device_serial


def _first_problem(error: ValidationError) -> str:
    """The first of pydantic's findings as the rest of a sentence."""
    problem = error.errors()[0]
    text = problem["msg"]
    for theirs, ours in _WORDING.items():
        text = text.replace(theirs, ours)
    if problem["type"] == "value_error":
        return text
    found = repr(problem["input"])
    place = str(problem["loc"][0]) if problem["loc"] else "conditions"
    return f"{place} {text[0].lower() + text[1:]}, got {found if len(found) <= 80 else found[:77] + '...'}"

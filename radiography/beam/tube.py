"""Tube and filters of a beam: voltage, target, filters and air, as read from the files in data/beams."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any

import numpy as np

from radiography.beam.attenuation import material

MIN_KVP = 10.0  # SpekPy 2.5 has no model below
MAX_KVP = {  # SpekPy 2.5: tungsten up to 500 kV, the other targets up to 50 kV
    "W": 500.0,
    "Au": 50.0,
    "Ag": 50.0,
    "Rh": 50.0,
    "Mo": 50.0,
    "Cu": 50.0,
    "Cr": 50.0,
}


@dataclass(frozen=True)
class Beam:
    """X-ray tube with everything that stands between its target and the place of the object.

    Attributes
    ----------
    name : str
        Name for messages and records.
    kvp : float
        Tube voltage, constant potential: 10 to 500 for tungsten, 10 to 50 for other targets. [kV]
    filters : tuple of (str, float)
        Material and thickness of window, inherent and added filters. [mm]
    source : str
        Where the numbers come from.
    anode : str
        Target: W, Au, Ag, Rh, Mo, Cu or Cr.
    anode_angle_deg : float
        Angle between the target's surface and the central ray; without effect for an end-window target. [deg]
    target_thickness_um : float, optional
        Thickness of the target of an end-window tube, which the beam leaves through; none for a solid anode. [um]
    air_path_mm : float
        Air between tube and detector. [mm]
    notes : str
        What a user must know, such as an assumption.
    """

    name: str
    kvp: float
    filters: tuple[tuple[str, float], ...]
    source: str
    anode: str = "W"
    anode_angle_deg: float = 12.0
    target_thickness_um: float | None = None
    air_path_mm: float = 1000.0
    notes: str = ""

    def __post_init__(self) -> None:
        if self.anode not in MAX_KVP:
            raise ValueError(f"anode of beam '{self.name}' must be one of {', '.join(MAX_KVP)}, got '{self.anode}'")
        if not MIN_KVP <= self.kvp <= MAX_KVP[self.anode]:
            raise ValueError(
                f"kvp of beam '{self.name}' must be between {MIN_KVP:g} and {MAX_KVP[self.anode]:g} "
                f"for a {self.anode} target, got {self.kvp}"
            )
        if not 1.0 <= self.anode_angle_deg <= 45.0:
            raise ValueError(
                f"anode_angle_deg of beam '{self.name}' must be between 1 and 45, got {self.anode_angle_deg}"
            )
        if self.target_thickness_um is not None and not 0.1 <= self.target_thickness_um <= 20.0:
            raise ValueError(
                f"target_thickness_um of beam '{self.name}' must be between 0.1 and 20, got {self.target_thickness_um}"
            )
        if not (np.isfinite(self.air_path_mm) and self.air_path_mm >= 0):
            raise ValueError(
                f"air_path_mm of beam '{self.name}' must be zero or a positive length, got {self.air_path_mm}"
            )
        for name, thickness_mm in self.filters:
            material(name)  # an unknown name is refused here, where the beam is built
            if not (np.isfinite(thickness_mm) and thickness_mm >= 0):
                raise ValueError(
                    f"{name} filter of beam '{self.name}' must be zero or a positive length in mm, got {thickness_mm}"
                )


def beam_from_table(name: str, table: Mapping[str, Any]) -> Beam:
    """Beam from the keys of a TOML table: the attributes of `Beam` without its name.

    Parameters
    ----------
    name : str
        Name of the beam.
    table : mapping
        Values by attribute; ``filters`` is a list of tables with ``material`` and ``thickness_mm``.

    Returns
    -------
    beam : Beam
        Checked description.

    Raises
    ------
    ValueError
        If a key is unknown or missing.
    """
    known = {field.name: field for field in fields(Beam) if field.name != "name"}
    unknown = [key for key in table if key not in known]
    if unknown:
        raise ValueError(f"beam '{name}' has no key '{unknown[0]}'; known: {', '.join(known)}")
    missing = [key for key, field in known.items() if field.default is MISSING and key not in table]
    if missing:
        raise ValueError(f"beam '{name}' lacks the key '{missing[0]}'")
    given = dict(table)
    for key, value in table.items():
        wanted = {"filters": list, "anode": str, "source": str, "notes": str}.get(key)
        if wanted is None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise ValueError(f"{key} of beam '{name}' must be a number, got {value!r}")
        if wanted is None:
            given[key] = _as_float(value)
        if wanted is not None and not isinstance(value, wanted):
            raise ValueError(f"{key} of beam '{name}' must be a {'list' if wanted is list else 'text'}, got {value!r}")
    filters = []
    for layer in table["filters"]:
        if not isinstance(layer, Mapping) or set(layer) != {"material", "thickness_mm"}:
            raise ValueError(f"each filter of beam '{name}' must give material and thickness_mm, got {layer}")
        thickness_mm = layer["thickness_mm"]
        if isinstance(thickness_mm, bool) or not isinstance(thickness_mm, int | float):
            raise ValueError(f"thickness_mm of a filter of beam '{name}' must be a number, got {thickness_mm!r}")
        filters.append((str(layer["material"]), _as_float(thickness_mm)))
    return Beam(name=name, **{**given, "filters": tuple(filters)})


def _as_float(number: float) -> float:
    """A number of a file, which may have more digits than any float holds: infinite then, and refused as such."""
    try:
        return float(number)
    except OverflowError:
        return math.inf

"""`radiography list`: what ships with the package."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from radiography.cli.output import give_json
from radiography.config import load_beam, load_panel, load_scene, load_scintillator, shipped
from radiography.light.scintillator import Scintillator
from radiography.presentation.presets import load_picture
from radiography.scene import PHANTOMS, phantom_builder

NAMES_WIDE = 18  # characters of the column of names, or more where a name needs them   # chosen


def run_list(kind: str, json_file: Path | None) -> None:
    """Print the names of one kind of thing, each with a line about it."""
    entries = _entries(kind)
    width = max(NAMES_WIDE, *(len(entry["name"]) + 2 for entry in entries))
    for entry in entries:
        print(f"{entry['name']:<{width}}{entry['about']}")
    give_json(json_file, {"kind": kind, "entries": entries, "warnings": []})


def _entries(kind: str) -> list[dict[str, Any]]:
    """Name, what is printed about it, and its numbers."""
    if kind == "scintillators":
        return [
            {
                "name": s.name,
                "about": f"{s.description}; {s.light.yield_per_keV:g} photons/keV, light {_light_origin(s)}",
                "thickness_um": s.thickness_um,
                "yield_per_keV": s.light.yield_per_keV,
            }
            for s in (load_scintillator(name) for name in shipped("scintillator"))
        ]
    if kind == "panels":
        return [
            {
                "name": p.name,
                "about": f"{p.description}; {p.pixels.rows} x {p.pixels.cols}, {p.pixels.pitch_mm} mm",
                "rows": p.pixels.rows,
                "cols": p.pixels.cols,
                "pitch_mm": p.pixels.pitch_mm,
            }
            for p in (load_panel(name) for name in shipped("panel"))
        ]
    if kind == "beams":
        return [
            {
                "name": b.name,
                "about": f"{b.kvp:g} kV {b.anode}, " + ", ".join(f"{mm:g} mm {material}" for material, mm in b.filters),
                "kvp": b.kvp,
                "anode": b.anode,
                "filters_mm": [[material, mm] for material, mm in b.filters],
            }
            for b in (load_beam(name) for name in shipped("beam"))
        ]
    if kind == "pictures":
        return [{"name": name, "about": load_picture(name).description} for name in shipped("picture")]
    if kind == "scenes":
        return [{"name": name, "about": load_scene(name).description} for name in shipped("scene")]
    return [{"name": name, "about": _phantom_line(name)} for name in PHANTOMS]


def _light_origin(scintillator: Scintillator) -> str:
    """Where the layer's light spread comes from."""
    return "computed by transport" if scintillator.spread is None else scintillator.spread.origin


def _phantom_line(name: str) -> str:
    builder = phantom_builder(name)
    first_line = (inspect.getdoc(builder) or "").partition("\n")[0]
    return f"{first_line} Parameters: {', '.join(inspect.signature(builder).parameters)}"

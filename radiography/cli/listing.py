"""`radiography list`: what ships with the package."""

from __future__ import annotations

import inspect

from radiography.config import load_beam, load_panel, load_scene, load_scintillator, shipped
from radiography.light.scintillator import Scintillator
from radiography.scene import PHANTOMS, phantom_builder


def run_list(kind: str) -> None:
    """Print the names of one kind of thing, each with a line about it."""
    for name, about in _entries(kind):
        print(f"{name:<18}{about}")


def _entries(kind: str) -> list[tuple[str, str]]:
    if kind == "scintillators":
        layers = [load_scintillator(name) for name in shipped("scintillator")]
        return [
            (s.name, f"{s.description}; {s.light.yield_per_keV:g} photons/keV, light {_light_origin(s)}")
            for s in layers
        ]
    if kind == "panels":
        panels = [load_panel(name) for name in shipped("panel")]
        return [(p.name, f"{p.description}; {p.pixels.rows} x {p.pixels.cols}, {p.pixels.pitch_mm} mm") for p in panels]
    if kind == "beams":
        beams = [load_beam(name) for name in shipped("beam")]
        return [
            (b.name, f"{b.kvp:g} kV {b.anode}, " + ", ".join(f"{mm:g} mm {material}" for material, mm in b.filters))
            for b in beams
        ]
    if kind == "scenes":
        return [(name, load_scene(name).description) for name in shipped("scene")]
    return [(name, _phantom_line(name)) for name in PHANTOMS]


def _light_origin(scintillator: Scintillator) -> str:
    """Where the layer's light spread comes from."""
    return "computed by transport" if scintillator.spread is None else scintillator.spread.origin


def _phantom_line(name: str) -> str:
    builder = phantom_builder(name)
    first_line = (inspect.getdoc(builder) or "").partition("\n")[0]
    return f"{first_line} Parameters: {', '.join(inspect.signature(builder).parameters)}"

"""Scenario files of 2D-SW-1, which the package ctsimu has no JSON of: built on that of 2D-WE-2, from its tables.

The package gives the steps of its wedges as regions of the picture, and what an ideal detector has behind them for a
single line. By Beer and Lambert's law that is their thickness: nine even steps from 0.15 to 41.1 mm of Al and from 0.02
to 10.0 mm of Fe. Its wedges are spherical: each step is a piece of a shell about the source, so that all rays through
it have the same path. Places, pixels and the two spectra are assumed; spectra such that the ideal detector's table for
a tube's beam is met within 2 %.
"""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np

from radiography.beam.spectrum import beam_spectrum
from radiography.beam.tube import Beam
from tests.scenarios.scenario_files import FloatArray, prism, write_stl

ROWS, COLS, PITCH_MM, DISTANCE_MM = 910, 545, 0.2, 1000.0  # rows as in the tables, the rest assumed
STEP_ROWS, MIDDLE_COL, HALF_COLS = 91, 520, 20  # of the tables: regions of 20 columns about the middle
STEPS_MM = {"Al": np.linspace(0.15, 41.1, 9), "Fe": np.linspace(0.02, 10.0, 9)}  # thinnest first, see above
FILTER_MM = {120: 4.0, 200: 3.0}  # of Al, at 12 degrees: fitted to the ideal detector's tables
LAYERS = {"D1": None, "D2": ("CsI", 0.2), "D3": ("CsI", 0.5), "D4": ("Gd2O2S", 0.5)}
MATERIALS = {"Al": 2.6989, "Fe": 7.874, "CsI": 4.51, "Gd2O2S": 7.44}  # [g/cm3] of the scenarios; NIST for the last
BEAMS = {"Al": ((50, True), (120, False)), "Fe": ((100, True), (200, False))}
SUBTESTS = [f"{layer}_{metal}_{beam}" for layer in LAYERS for metal, beams in BEAMS.items() for beam, _ in beams]


def wedge_stl(path: Path, metal: str) -> None:
    """Nine shells about the source, 500 mm away from it, a pixel's shadow apart; x runs from the source on."""
    parts = []
    for number, thickness_mm in enumerate(STEPS_MM[metal], start=1):
        # the free beam is on top, the thinnest step below it
        top, bottom = STEP_ROWS * number, STEP_ROWS * (number + 1)
        corners = [
            _ray(row, col)
            for row, col in (
                (top + 0.5, MIDDLE_COL - HALF_COLS),
                (top + 0.5, MIDDLE_COL + HALF_COLS),
                (bottom - 0.5, MIDDLE_COL + HALF_COLS),
                (bottom - 0.5, MIDDLE_COL - HALF_COLS),
            )
        ]
        # a plane across the middle ray, and the same plane farther out: a path is the thickness within 2e-5
        inner = [500.0 * corner / (corner @ _unit(sum(corners))) for corner in corners]
        outer = [corner * (500.0 + thickness_mm) / 500.0 for corner in inner]
        parts.append(_hexahedron(np.array(inner), np.array(outer)))
    write_stl(path, np.concatenate(parts))


def _ray(row: float, col: float) -> FloatArray:
    """Direction from the source to a corner of a pixel, of length 1."""
    return _unit(np.array([DISTANCE_MM, -(col - MIDDLE_COL) * PITCH_MM, -(row - ROWS / 2) * PITCH_MM]))


def _unit(vector: Any) -> FloatArray:
    return np.asarray(vector / np.linalg.norm(vector))


def _hexahedron(inner: FloatArray, outer: FloatArray) -> FloatArray:
    """Triangles of what lies between two quadrangles (4, 3), looking outwards."""
    triangles = prism(inner, np.zeros(3), outer - inner)
    volume = np.einsum("ti,ti->", triangles[:, 0], np.cross(triangles[:, 1], triangles[:, 2]))
    return triangles if volume > 0 else triangles[:, ::-1]


def wedge_spectrum(path: Path, kvp: float) -> None:
    """The tube's spectrum, energy [keV] and photons, one a line."""
    spectrum = beam_spectrum(
        Beam("tube", kvp, (("Al", FILTER_MM[int(kvp)]),), "test", "W", 12.0, None, 0.0), 1.0, bin_keV=1.0
    )
    np.savetxt(path, np.column_stack([spectrum.energy_keV, spectrum.fluence_per_mm2]), delimiter="\t")


def wedge_scenario(template: Path, folder: Path, subtest: str) -> Path:
    """The scenario of a subtest such as D2_Al_120, with mesh and spectrum beside it."""
    layer, metal, beam = subtest.split("_")
    single = dict(BEAMS[metal])[int(beam)]
    data = json.loads(template.read_text(encoding="utf-8"))
    data["file"] |= {"name": f"2D-SW-1 {subtest}", "description": "step wedge, from the tables of ctsimu"}
    detector = data["detector"]
    detector["rows"]["value"], detector["columns"]["value"] = ROWS, COLS
    detector["pixel_pitch"] = {axis: {"value": PITCH_MM, "unit": "mm"} for axis in "uv"}
    # column 520 of the picture looks at the source: the panel's own middle lies half its columns from its border
    data["geometry"]["detector"]["center"]["x"]["value"] = DISTANCE_MM
    data["geometry"]["detector"]["center"]["y"]["value"] = (MIDDLE_COL - COLS / 2) * PITCH_MM
    made_of = LAYERS[layer]
    if made_of is not None:
        detector["scintillator"] = {"material_id": made_of[0], "thickness": {"value": made_of[1], "unit": "mm"}}
    data["materials"] = [
        {
            "id": name,
            "name": name,
            "density": {"value": density, "unit": "g/cm^3"},
            "composition": [{"formula": {"value": name}, "mass_fraction": {"value": 1.0}}],
        }
        for name, density in MATERIALS.items()
    ]
    source = data["source"]
    source["voltage"]["value"] = float(beam)
    source["target"]["material_id"] = "W"
    source["window"] = [] if single else [_window(FILTER_MM[int(beam)])]
    source["target"]["angle"]["emission"]["value"] = 12.0
    source["filters"] = []
    source["spectrum"] = {"monochromatic": single, "file": {"value": None if single else f"{beam}kV.tsv"}}
    for axis in "uvw":
        source["spot"]["sigma"][axis]["value"] = source["spot"]["size"][axis]["value"] = 0.0
    sample = deepcopy(data["samples"][0])
    sample |= {"name": "wedge", "material_id": metal, "file": {"value": f"{metal}_wedge.stl"}}
    sample["position"] = {
        "center": {axis: {"value": 0.0, "unit": "mm"} for axis in "xyz"},
        "vector_r": {"x": {"value": 1}, "y": {"value": 0}, "z": {"value": 0}},
        "vector_t": {"x": {"value": 0}, "y": {"value": 0}, "z": {"value": 1}},
    }
    data["samples"] = [sample]
    wedge_stl(folder / f"{metal}_wedge.stl", metal)
    if not single:
        wedge_spectrum(folder / f"{beam}kV.tsv", float(beam))
    path = folder / f"{subtest}.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def _window(thickness_mm: float) -> dict[str, Any]:
    return {"material_id": "Al", "thickness": {"value": thickness_mm, "unit": "mm"}}

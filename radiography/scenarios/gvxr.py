"""gVXR scenes, version 1.0 of their JSON, which is documented by its examples only.

Its loader passes unknown keys by; here they are named.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from radiography.scenarios.frames import frame_of, panel_view
from radiography.scenarios.imported import (
    ForeignDetector,
    ForeignMaterial,
    ForeignTube,
    ImportedScene,
    Sample,
    file_beside,
)
from radiography.scenarios.ledger import Ledger, is_number
from radiography.scenarios.limits import anode_angle_deg, check_pixels, check_voltage

FloatArray = npt.NDArray[np.float64]
_MOVES = ("MoveToCentre", "MoveToCenter")
_IN_KEV = {"eV": 1e-3, "keV": 1.0, "MeV": 1e3}
_IN_MM = {"um": 1e-3, "micrometer": 1e-3, "mm": 1.0, "millimeter": 1.0, "cm": 10.0, "centimeter": 10.0, "m": 1e3}


def read_gvxr(ledger: Ledger, folder: Path, projection: int) -> ImportedScene:
    """A gVXR scene; the ledger learns what became of each key.

    Parameters
    ----------
    ledger : Ledger
        With the scene.
    folder : Path
        Of the scene, where its meshes are.
    projection : int
        0, as the scene is one exposure. [1]

    Returns
    -------
    scene : ImportedScene

    Raises
    ------
    ValueError
        If no scene can result.
    """
    if projection != 0:
        raise ValueError(f"a gVXR scene is one exposure, --projection must be 0, got {projection}")
    ledger.take("File format version", "version of the file")
    for key in ("Window size", "WindowSize"):
        if ledger.at(key) is not None:
            ledger.approximate(key, "the size of a window on the screen says nothing about the scene")
    source_mm = _place_mm(ledger, "Source.Position")
    centre_mm = _place_mm(ledger, "Detector.Position")
    up = _numbers(ledger, "Detector.UpVector", 3)
    right = ledger.at("Detector.RightVector")
    across = np.cross(centre_mm - source_mm, up) if right is None else _numbers(ledger, "Detector.RightVector", 3)
    try:
        detector = frame_of(centre_mm, across, np.cross(across, -up))
        view = panel_view(source_mm, detector)
    except ValueError as error:
        raise ValueError(f"Detector: {error}") from error
    for key in ("Source.Position", "Detector.Position", "Detector.UpVector", "Detector.RightVector"):
        ledger.take(key, "place and axes; rows run against UpVector")
    columns, lines = _numbers(ledger, "Detector.NumberOfPixels", 2)
    spacing_mm = _lengths_mm(ledger, "Detector.Spacing", 2)
    pixels = check_pixels((lines, columns), spacing_mm.tolist(), ("Detector.NumberOfPixels", "Detector.Spacing"))
    ledger.take("Detector.NumberOfPixels", "columns and rows of the panel")
    ledger.take("Detector.Spacing", "pitch of the panel")
    if ledger.at("Detector.Scintillator") is not None:
        ledger.approximate("Detector.Scintillator", "the scene's layer is 500 um of CsI:Tl")
    for key in ("Energy response", "LSF"):
        if ledger.at(f"Detector.{key}") is not None:
            ledger.refuse(f"Detector.{key}", "the response is that of the scene's layer")
    samples, materials = _samples(ledger, folder)
    return ImportedScene(
        name="gVXR scene",
        description="",
        view=view,
        tube=_tube(ledger),
        detector=ForeignDetector(*pixels),
        samples=samples,
        materials=materials,
        vacuum=True,
    )


def _numbers(ledger: Ledger, path: str, count: int) -> FloatArray:
    found = ledger.at(path)
    if not isinstance(found, list) or len(found) < count or not all(is_number(entry) for entry in found[:count]):
        raise ValueError(f"{path} must be a list of {count} numbers, got {found!r}")
    return np.array(found[:count], dtype=np.float64)


def _lengths_mm(ledger: Ledger, path: str, count: int) -> FloatArray:
    numbers, found = _numbers(ledger, path, count), ledger.at(path)
    return numbers * _to_mm(path, found[count] if len(found) > count else "mm")


def _to_mm(path: str, unit: Any) -> float:
    if not isinstance(unit, str) or unit not in _IN_MM:
        raise ValueError(f"{path} must have one of the units {', '.join(_IN_MM)}, got {unit!r}")
    return _IN_MM[unit]


def _place_mm(ledger: Ledger, path: str) -> FloatArray:
    return _lengths_mm(ledger, path, 3)


def _tube(ledger: Ledger) -> ForeignTube:
    shape = str(ledger.at("Source.Shape") or "POINTSOURCE").upper()
    if "PARALLEL" in shape:
        raise ValueError("Source.Shape must be a point, as a tube has; a parallel beam is no scene of ours")
    ledger.take("Source.Shape", "a point")
    if ledger.at("Source.Size") is not None:
        ledger.refuse("Source.Size", "the spot is taken as a point")
    beam = ledger.at("Source.Beam")
    if isinstance(beam, list):
        energies = [
            float(line["Energy"]) * _IN_KEV[str(line.get("Unit", "keV"))]
            for line in beam
            if isinstance(line, dict) and is_number(line.get("Energy")) and str(line.get("Unit", "keV")) in _IN_KEV
        ]
        if not energies or len(energies) != len(beam):
            raise ValueError(f"Source.Beam must be a tube, or lines with Energy and Unit (eV, keV, MeV), got {beam!r}")
        kvp = check_voltage("Source.Beam", max(energies))
        ledger.approximate("Source.Beam", f"{len(energies)} lines are taken as a tungsten tube of {kvp:g} kV")
        return ForeignTube(kvp, single_keV=kvp if len(energies) == 1 else None)
    voltage = next((key for key in ("Peak kilo voltage", "kvp") if ledger.at(f"Source.Beam.{key}") is not None), None)
    if voltage is None:
        raise ValueError("Source.Beam names neither 'Peak kilo voltage' nor lines, and no scene can result without")
    kvp = check_voltage(f"Source.Beam.{voltage}", ledger.needed(f"Source.Beam.{voltage}"))
    ledger.take(f"Source.Beam.{voltage}", "voltage of the tube")
    angle_deg = anode_angle_deg(ledger, "Source.Beam.Tube angle")
    if ledger.at("Source.Beam.mAs") is not None:
        ledger.approximate("Source.Beam.mAs", "the exposure is an air kerma at the panel, chosen below saturation")
    return ForeignTube(kvp, "W", angle_deg, _filters(ledger))


def _filters(ledger: Ledger) -> tuple[tuple[str, float], ...]:
    key = next((key for key in ("filter", "Filter") if ledger.at(f"Source.Beam.{key}") is not None), None)
    if key is None:
        return ()
    path, found = f"Source.Beam.{key}", ledger.at(f"Source.Beam.{key}")
    layers = found if isinstance(found, list) and found and isinstance(found[0], list) else [found]
    if any(not isinstance(layer, list) or len(layer) < 2 or not is_number(layer[1]) for layer in layers):
        ledger.refuse(path, "a filter is read as [element, thickness, unit]")
        return ()
    try:
        lengths_mm = [float(layer[1]) * _to_mm(path, layer[2] if len(layer) > 2 else "mm") for layer in layers]
    except ValueError as error:
        ledger.refuse(path, str(error))
        return ()
    ledger.take(path, "filters of elements")
    return tuple((str(layer[0]), length_mm) for layer, length_mm in zip(layers, lengths_mm, strict=True))


def _samples(ledger: Ledger, folder: Path) -> tuple[tuple[Sample, ...], dict[str, ForeignMaterial]]:
    samples, materials = [], {}
    moved = False
    for number in range(ledger.count("Samples")):
        place = f"Samples.{number}"
        entry = ledger.at(place)
        if entry in _MOVES:
            ledger.take(place, "the box of all samples is centred at the origin")
            moved = True
            continue
        if not isinstance(entry, dict):
            ledger.refuse(place, "a sample is a table")
            continue
        if not (material := _material(entry)):
            ledger.refuse(place, f"its material {entry.get('Material')!r} has no formula with a density")
            continue
        to_mm = _to_mm(f"{place}.Unit", entry.get("Unit", "mm"))
        try:
            file = file_beside(folder, str(entry.get("Path") or ""))
        except ValueError as error:
            ledger.refuse(place, str(error))
            continue
        name = str(entry.get("Label") or file.stem)
        for key, what in (("Label", "name"), ("Path", "the mesh"), ("Unit", "unit of the mesh")):
            ledger.take(f"{place}.{key}", what)
        for key in ("Material", "Density"):
            ledger.take(f"{place}.{key}", "material and density")
        materials[f"{name}_{number}"] = material
        samples.append(Sample(name, file, f"{name}_{number}", to_mm * np.eye(3), np.zeros(3)))
    for key in _MOVES:
        if ledger.at(key):
            ledger.take(key, "the box of all samples is centred at the origin")
            moved = True
    return (_centred(samples) if moved else tuple(samples)), materials


def _centred(samples: list[Sample]) -> tuple[Sample, ...]:
    from phantoms.mesh_file import load_mesh

    corners = [load_mesh(sample.file).vertices_mm @ sample.matrix for sample in samples]
    if not corners:
        return ()
    every = np.vstack(corners)
    middle_mm = 0.5 * (every.min(axis=0) + every.max(axis=0))
    return tuple(Sample(each.name, each.file, each.material, each.matrix, -middle_mm) for each in samples)


def _material(entry: dict[str, Any]) -> ForeignMaterial | None:
    """Element, compound or mixture with its density; None for what is none of them."""
    import xraylib

    found, density = entry.get("Material"), entry.get("Density")
    if not isinstance(found, list) or len(found) < 2:
        return None
    kind, what = str(found[0]).lower(), found[1:]
    parts: dict[str, float] = {}
    if kind in ("element", "compound") and isinstance(what[0], str):
        parts = {what[0]: 1.0}
    elif kind == "mixture":
        flat = what[0] if isinstance(what[0], list) else what
        for name, part in zip(flat[::2], flat[1::2], strict=False):
            if not is_number(part):
                return None
            parts[xraylib.AtomicNumberToSymbol(int(name)) if is_number(name) else str(name)] = float(part)
    if kind == "element" and density is None:
        try:
            density = float(xraylib.ElementDensity(xraylib.SymbolToAtomicNumber(what[0])))
        except ValueError:
            return None
    if isinstance(density, list) and density:
        density = density[0]
    if not parts or not is_number(density) or not density > 0:
        return None
    return ForeignMaterial(float(density), parts)

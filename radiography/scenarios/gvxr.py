"""gVXR scenes, version 1.0 of their JSON, which is documented by its examples only.

Its loader passes unknown keys by; here they are named.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from radiography.beam.tube import MAX_KVP, MIN_KVP
from radiography.scenarios.frames import frame_of, panel_view
from radiography.scenarios.imported import (
    ForeignDetector,
    ForeignMaterial,
    ForeignTube,
    ImportedScene,
    Sample,
    file_beside,
)
from radiography.scenarios.ledger import UNITS, Ledger

FloatArray = npt.NDArray[np.float64]
_MOVES = ("MoveToCentre", "MoveToCenter")
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
    size = _numbers(ledger, "Detector.NumberOfPixels", 2)
    spacing = _lengths_mm(ledger, "Detector.Spacing", 2)
    if abs(spacing[0] - spacing[1]) > 1e-6 * spacing[0] or spacing[0] <= 0:
        raise ValueError(f"Detector.Spacing must be positive and the same along both, got {spacing.tolist()} mm")
    if not (size.min() >= 8 and size.max() <= 16384 and (size == np.rint(size)).all()):
        raise ValueError(f"Detector.NumberOfPixels must be 8 to 16384, got {size.tolist()}")
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
        detector=ForeignDetector(int(size[1]), int(size[0]), float(spacing[0])),
        samples=samples,
        materials=materials,
        vacuum=True,
    )


def _numbers(ledger: Ledger, path: str, count: int) -> FloatArray:
    found = ledger.at(path)
    if not isinstance(found, list) or len(found) < count or not all(_is_number(entry) for entry in found[:count]):
        raise ValueError(f"{path} must be a list of {count} numbers, got {found!r}")
    return np.array(found[:count], dtype=np.float64)


def _lengths_mm(ledger: Ledger, path: str, count: int) -> FloatArray:
    numbers, found = _numbers(ledger, path, count), ledger.at(path)
    unit = found[count] if len(found) > count else "mm"
    if unit not in _IN_MM:
        raise ValueError(f"{path} must have one of the units {', '.join(_IN_MM)}, got {unit!r}")
    return numbers * _IN_MM[unit]


def _place_mm(ledger: Ledger, path: str) -> FloatArray:
    return _lengths_mm(ledger, path, 3)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and bool(np.isfinite(value))


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
            (float(line["Energy"]) * UNITS.get(str(line.get("Unit", "keV")), 1.0), float(line.get("PhotonCount", 1.0)))
            for line in beam
            if isinstance(line, dict) and _is_number(line.get("Energy")) and _is_number(line.get("PhotonCount", 1.0))
        ]
        if not energies or len(energies) != len(beam):
            raise ValueError(f"Source.Beam must be a tube or lines with Energy, Unit and PhotonCount, got {beam!r}")
        kvp = max(energy for energy, _ in energies)
        if not MIN_KVP <= kvp <= MAX_KVP["W"]:
            raise ValueError(f"Source.Beam must reach {MIN_KVP:g} to {MAX_KVP['W']:g} keV, got {kvp:g}")
        ledger.approximate("Source.Beam", f"{len(energies)} lines are taken as a tungsten tube of {kvp:g} kV")
        return ForeignTube(kvp, single_keV=kvp if len(energies) == 1 else None)
    voltage = next((key for key in ("Peak kilo voltage", "kvp") if ledger.at(f"Source.Beam.{key}") is not None), None)
    if voltage is None:
        raise ValueError("Source.Beam names neither 'Peak kilo voltage' nor lines, and no scene can result without")
    kvp = ledger.needed(f"Source.Beam.{voltage}")
    if not MIN_KVP <= kvp <= MAX_KVP["W"]:
        raise ValueError(f"Source.Beam.{voltage} must be {MIN_KVP:g} to {MAX_KVP['W']:g} kV, got {kvp:g}")
    ledger.take(f"Source.Beam.{voltage}", "voltage of the tube")
    angle = ledger.number("Source.Beam.Tube angle", 12.0) or 12.0
    ledger.take("Source.Beam.Tube angle", "angle of the anode, between 1 and 45 degrees")
    if ledger.at("Source.Beam.mAs") is not None:
        ledger.approximate("Source.Beam.mAs", "the exposure is an air kerma at the panel, chosen below saturation")
    return ForeignTube(kvp, "W", min(max(angle, 1.0), 45.0), _filters(ledger))


def _filters(ledger: Ledger) -> tuple[tuple[str, float], ...]:
    key = next((key for key in ("filter", "Filter") if ledger.at(f"Source.Beam.{key}") is not None), None)
    if key is None:
        return ()
    path, found = f"Source.Beam.{key}", ledger.at(f"Source.Beam.{key}")
    layers = found if isinstance(found, list) and found and isinstance(found[0], list) else [found]
    if any(not isinstance(layer, list) or len(layer) < 2 or not _is_number(layer[1]) for layer in layers):
        ledger.refuse(path, "a filter is read as [element, thickness, unit]")
        return ()
    units = [layer[2] if len(layer) > 2 else "mm" for layer in layers]
    if any(unit not in _IN_MM for unit in units):
        ledger.refuse(path, f"the unit of a filter must be one of {', '.join(_IN_MM)}")
        return ()
    ledger.take(path, "filters of elements")
    return tuple((str(layer[0]), float(layer[1]) * _IN_MM[unit]) for layer, unit in zip(layers, units, strict=True))


def _samples(ledger: Ledger, folder: Path) -> tuple[tuple[Sample, ...], dict[str, ForeignMaterial]]:
    samples, materials = [], {}
    moved = any(entry in _MOVES for entry in ledger.at("Samples") or [])
    for number in range(ledger.count("Samples")):
        place = f"Samples.{number}"
        entry = ledger.at(place)
        if entry in _MOVES:
            ledger.take(place, "the box of all samples is centred at the origin")
            continue
        if not isinstance(entry, dict):
            ledger.refuse(place, "a sample is a table")
            continue
        if not (material := _material(entry)):
            ledger.refuse(place, f"its material {entry.get('Material')!r} has no formula with a density")
            continue
        unit = str(entry.get("Unit", "mm"))
        try:
            file = file_beside(folder, str(entry.get("Path") or ""))
        except ValueError as error:
            ledger.refuse(place, str(error))
            continue
        if unit not in _IN_MM:
            raise ValueError(f"{place}.Unit must be one of {', '.join(_IN_MM)}, got '{unit}'")
        name = str(entry.get("Label") or file.stem)
        for key, what in (("Label", "name"), ("Path", "the mesh"), ("Unit", "unit of the mesh")):
            ledger.take(f"{place}.{key}", what)
        for key in ("Material", "Density"):
            ledger.take(f"{place}.{key}", "material and density")
        materials[f"{name}_{number}"] = material
        samples.append(Sample(name, file, f"{name}_{number}", _IN_MM[unit] * np.eye(3), np.zeros(3)))
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
            if not _is_number(part):
                return None
            parts[xraylib.AtomicNumberToSymbol(int(name)) if _is_number(name) else str(name)] = float(part)
    if kind == "element" and density is None:
        try:
            density = float(xraylib.ElementDensity(xraylib.SymbolToAtomicNumber(what[0])))
        except ValueError:
            return None
    if isinstance(density, list) and density:
        density = density[0]
    if not parts or not isinstance(density, int | float) or not density > 0:
        return None
    return ForeignMaterial(float(density), parts)

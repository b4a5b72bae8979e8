"""CTSimU scenarios, version 1.2 of their JSON [1]_: one projection of the scan as one exposure.

References
----------
.. [1] BAM, "CTSimU scenario descriptions: file format specification", version 1.2 (2023), Apache-2.0.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from radiography.scenarios.ctsimu_detector import read_detector
from radiography.scenarios.ctsimu_source import read_source
from radiography.scenarios.frames import Frame, frame_of, panel_view
from radiography.scenarios.imported import ForeignMaterial, ImportedScene, Sample, file_beside
from radiography.scenarios.ledger import Ledger

FloatArray = npt.NDArray[np.float64]
_WORLD, _LOCAL, _OWN = ("x", "y", "z"), ("u", "v", "w"), ("r", "s", "t")


def read_ctsimu(ledger: Ledger, folder: Path, projection: int) -> ImportedScene:
    """One projection of a scenario; the ledger learns what became of each key.

    Parameters
    ----------
    ledger : Ledger
        With the scenario.
    folder : Path
        Of the scenario, where its files are.
    projection : int
        From 0. [1]

    Returns
    -------
    scene : ImportedScene

    Raises
    ------
    ValueError
        If no scene can result.
    """
    version = [ledger.value(f"file.file_format_version.{part}") for part in ("major", "minor")]
    if version[0] != 1:
        raise ValueError(f"file_format_version must be 1.x, of which 1.2 is known, got {version[0]}.{version[1]}")
    ledger.take("file", "name and description are in the scene, the rest says who wrote the scenario")
    angle_deg = _stage_angle_deg(ledger, projection)
    for part in ("detector", "source", "stage"):
        ledger.take_what_was_read(f"geometry.{part}", "place and axes, deviations in their order")
    detector, source = _part(ledger, "geometry.detector"), _part(ledger, "geometry.source")
    stage = _part(ledger, "geometry.stage", angle_deg)
    shape = ledger.text("geometry.source.type")
    if shape not in (None, "cone"):
        raise ValueError(f"geometry.source.type must be 'cone', a point that the beam comes from, got '{shape}'")
    for key in ("u", "v"):
        if ledger.number(f"geometry.source.beam_divergence.{key}", 0.0):
            ledger.refuse(f"geometry.source.beam_divergence.{key}", "the beam is not collimated to a divergence")
    view = panel_view(source.centre_mm, detector)
    materials = _materials(ledger)
    medium = ledger.text("environment.material_id")
    vacuum = medium not in materials or materials[medium].density_g_per_cm3 == 0
    if medium is not None and medium not in materials:
        ledger.approximate("environment.material_id", f"'{medium}' is not among the materials and is taken as vacuum")
    elif vacuum or medium in ("Air", "air"):
        ledger.take("environment.material_id", "vacuum" if vacuum else "air, along the whole path")
    else:
        ledger.approximate("environment.material_id", f"'{medium}' is taken as air")
    if ledger.value("environment.temperature") is not None:
        ledger.approximate("environment.temperature", "densities are those of the materials, whatever the temperature")
    _acquisition(ledger)
    return ImportedScene(
        name=ledger.text("file.name") or "scenario",
        description=ledger.text("file.description") or "",
        view=view,
        tube=read_source(ledger, folder, materials),
        detector=read_detector(ledger, folder, materials),
        samples=_samples(ledger, folder, stage, materials),
        materials=materials,
        vacuum=vacuum,
        flat_is_ideal=bool(ledger.value("acquisition.flat_field.ideal")),
    )


def _stage_angle_deg(ledger: Ledger, projection: int) -> float:
    """Turn of the stage about its axis w. [deg]"""
    count = int(ledger.number("acquisition.number_of_projections", 1) or 1)
    if not 0 <= projection < count:
        raise ValueError(f"--projection must be 0 to {count - 1}, of {count} projections, got {projection}")
    start, stop = (ledger.number(f"acquisition.{end}_angle", 0.0) or 0.0 for end in ("start", "stop"))
    steps = max(1, count - 1 if ledger.value("acquisition.include_final_angle") else count)
    angle = start + projection * (stop - start) / steps
    sense = ledger.text("acquisition.direction") or "CCW"
    if sense not in ("CCW", "CW"):
        raise ValueError(f"acquisition.direction must be CCW or CW, got '{sense}'")
    for key in ("start_angle", "stop_angle", "direction", "include_final_angle"):
        ledger.take(f"acquisition.{key}", f"the stage is turned by {angle:g} degrees, {sense}")
    what = f"projection {projection} of {count}"
    if count > 1:
        ledger.approximate("acquisition.number_of_projections", f"one exposure: {what}")
    else:
        ledger.take("acquisition.number_of_projections", what)
    return -angle if sense == "CW" else angle


def _acquisition(ledger: Ledger) -> None:
    if ledger.text("acquisition.scan_mode") == "continuous":
        ledger.approximate("acquisition.scan_mode", "the stage rests during the exposure")
    else:
        ledger.take("acquisition.scan_mode", "one exposure, the stage at rest")
    if ledger.value("acquisition.scan_speed") is not None:
        ledger.refuse("acquisition.scan_speed", "the stage rests during the exposure")
    if ledger.value("acquisition.scattering"):
        ledger.refuse("acquisition.scattering", "scatter of the object is not part of the scene")
    else:
        ledger.take("acquisition.scattering", "no scatter")
    for key in ("u", "v"):
        path = f"acquisition.pixel_binning.{key}"
        if (ledger.number(path, 1.0) or 1.0) != 1.0:
            ledger.refuse(path, "pixels are not binned")
        else:
            ledger.take(path, "pixels as they are")
    if (ledger.number("acquisition.frame_average", 1.0) or 1.0) != 1.0:
        ledger.approximate("acquisition.frame_average", "one frame; `simulate --frames` makes more")
    else:
        ledger.take("acquisition.frame_average", "one frame")
    ledger.approximate("acquisition.dark_field", "dark frames are simulated and corrected by commands of their own")
    ledger.approximate("acquisition.flat_field", "flats are simulated and corrected by commands of their own")


def _vector(ledger: Ledger, path: str, names: tuple[str, ...]) -> FloatArray:
    return np.array([ledger.number(f"{path}.{name}", 0.0) for name in names], dtype=np.float64)


def _names(ledger: Ledger, path: str, *known: tuple[str, ...]) -> tuple[str, ...]:
    """Which letters the vector at a path has."""
    found = ledger.at(path)
    if not isinstance(found, dict):
        raise ValueError(f"{path} must be a vector with components, got {found!r}")
    for names in known:
        if any(name in found for name in names):
            return names
    raise ValueError(f"{path} must have components of {', '.join('/'.join(names) for names in known)}")


def _part(ledger: Ledger, path: str, turn_deg: float = 0.0) -> Frame:
    """Frame of source, stage or detector in the world."""
    axes = [_vector(ledger, f"{path}.vector_{axis}", _WORLD) for axis in "uw"]
    try:
        frame = frame_of(_vector(ledger, f"{path}.center", _WORLD), *axes)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    if turn_deg:
        frame = frame.turned(frame.axes[2], turn_deg, frame.centre_mm)
    return _deviated(ledger, path, frame, None)


def _deviated(ledger: Ledger, path: str, frame: Frame, stage: Frame | None) -> Frame:
    """The frame after its deviations; with a stage, the frame's reference is the stage and not the world."""
    for number in range(ledger.count(f"{path}.deviations")):
        place = f"{path}.deviations.{number}"
        ledger.take(f"{place}.known_to_reconstruction", "says nothing of the projection")
        kind, amount = ledger.text(f"{place}.type"), ledger.number(f"{place}.amount", 0.0) or 0.0
        axis = _direction(ledger, f"{place}.axis", frame, stage)
        if kind == "translation":
            frame = frame.moved(axis, amount)
        elif kind == "rotation":
            pivot = frame.centre_mm
            if ledger.at(f"{place}.pivot") is not None:
                pivot = _point(ledger, f"{place}.pivot", frame, stage)
            frame = frame.turned(axis, amount, pivot)
        else:
            raise ValueError(f"{place}.type must be rotation or translation, got {kind!r}")
    return frame


def _direction(ledger: Ledger, path: str, frame: Frame, stage: Frame | None) -> FloatArray:
    """A deviation's axis in the reference of the frame."""
    found = ledger.at(path)
    names: tuple[str, ...]
    if isinstance(found, str):
        named = [names for names in (_WORLD, _LOCAL, _OWN) if found in names]
        if not named:
            raise ValueError(f"{path} must be one of x y z u v w r s t or a vector, got '{found}'")
        names = named[0]
        vector = np.eye(3)[names.index(found)]
    else:
        names = _names(ledger, path, _WORLD, _LOCAL, _OWN)
        vector = _vector(ledger, path, names)
    if stage is None:
        return vector if names == _WORLD else np.asarray(vector @ frame.axes)
    if names == _WORLD:
        return np.asarray(stage.axes @ vector)
    return vector if names == _LOCAL else np.asarray(vector @ frame.axes)


def _point(ledger: Ledger, path: str, frame: Frame, stage: Frame | None) -> FloatArray:
    """A deviation's pivot in the reference of the frame. [mm]"""
    names = _names(ledger, path, _WORLD, _LOCAL, _OWN)
    vector = _vector(ledger, path, names)
    if stage is None:
        return vector if names == _WORLD else frame.outwards(vector)
    if names == _WORLD:
        return np.asarray(stage.axes @ (vector - stage.centre_mm))
    return vector if names == _LOCAL else frame.outwards(vector)


def _materials(ledger: Ledger) -> dict[str, ForeignMaterial]:
    found = {}
    for number in range(ledger.count("materials")):
        place = f"materials.{number}"
        name = ledger.text(f"{place}.id")
        density = ledger.number(f"{place}.density", 0.0) or 0.0
        parts = {}
        for part in range(ledger.count(f"{place}.composition")):
            formula = ledger.text(f"{place}.composition.{part}.formula")
            share = ledger.number(f"{place}.composition.{part}.mass_fraction", 1.0) or 0.0
            if share < 0:
                raise ValueError(f"{place}.composition.{part}.mass_fraction must be zero or positive, got {share:g}")
            if formula and share > 0:
                parts[formula] = share
        if name is None:
            raise ValueError(f"{place} has no id")
        ledger.take_what_was_read(place, "density and mass fractions")
        ledger.take(f"{place}.name", "gives no number")
        found[name] = ForeignMaterial(density if parts else 0.0, parts)
    return found


def _samples(ledger: Ledger, folder: Path, stage: Frame, materials: dict[str, ForeignMaterial]) -> tuple[Sample, ...]:
    found = []
    for number in range(ledger.count("samples")):
        place = f"samples.{number}"
        if ledger.at(place) is None:
            continue
        material = ledger.text(f"{place}.material_id")
        if material not in materials:
            raise ValueError(f"{place}.material_id '{material}' is not among the materials: {', '.join(materials)}")
        if materials[material].density_g_per_cm3 == 0:
            ledger.refuse(place, f"its material '{material}' weighs nothing")
            continue
        unit = ledger.text(f"{place}.unit") or "mm"
        to_mm = {"um": 1e-3, "mm": 1.0, "cm": 10.0, "m": 1e3}.get(unit)
        if to_mm is None:
            raise ValueError(f"{place}.unit must be um, mm, cm or m, got '{unit}'")
        scale = to_mm * np.array([ledger.number(f"{place}.scaling_factor.{axis}", 1.0) for axis in _OWN])
        frame = _sample_frame(ledger, f"{place}.position", stage)
        name = ledger.text(f"{place}.file")
        if name is None:
            raise ValueError(f"{place}.file names no mesh")
        try:
            file = file_beside(folder, name)
        except ValueError as error:
            ledger.refuse(place, str(error))
            continue
        ledger.take_what_was_read(place, "the mesh at its place, deviations in their order")
        found.append(
            Sample(
                ledger.text(f"{place}.name") or file.stem, file, material, scale[:, None] * frame.axes, frame.centre_mm
            )
        )
    return tuple(found)


def _sample_frame(ledger: Ledger, path: str, stage: Frame) -> Frame:
    """Frame of a sample in the world."""
    names = _names(ledger, f"{path}.center", _LOCAL, _WORLD)
    axes = [_vector(ledger, f"{path}.vector_{axis}", names) for axis in "rt"]
    try:
        frame = frame_of(_vector(ledger, f"{path}.center", names), *axes)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    if names == _WORLD:
        return _deviated(ledger, path, frame, None)
    frame = _deviated(ledger, path, frame, stage)
    return Frame(stage.outwards(frame.centre_mm), frame.axes @ stage.axes)

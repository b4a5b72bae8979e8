"""Samples of a sweep: which values each one has, and what scene, panel, layer and beam they make of the base."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from radiography.beam.tube import Beam
from radiography.config import files_named_in, load_beam, load_panel, load_scene, load_scintillator, scene_folder
from radiography.files.frames import sha256_of
from radiography.light.scintillator import Scintillator
from radiography.panel.panel import Panel
from radiography.scene import BeamChoice, Scene, beam_pattern
from radiography.sweep.description import Axis, Sweep, load_sweep
from radiography.sweep.numbers import NUMBERS

PARTS = ("panel", "scintillator", "beam")  # whose own files have keys too
_OF_SCENE = tuple(field.name for field in fields(BeamChoice))  # of [beam]: these are the scene's
_OF_BEAM = tuple(field.name for field in fields(Beam) if field.name != "name")  # and these the beam file's


@dataclass(frozen=True, eq=False)
class PlannedSweep:
    """A sweep whose axes are laid out.

    Attributes
    ----------
    file, base : Path, str
        Where it was read, and the base scene: a shipped name, or a path that does not depend on the working folder.
    sweep : Sweep
        What the file says.
    axes : tuple of Axis
        In the order of the file.
    """

    file: Path
    base: str
    sweep: Sweep
    axes: tuple[Axis, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Samples along each dimension: an axis each, or one for all that are zipped. [1]"""
        lengths = tuple(len(axis.values) for axis in self.axes)
        return lengths[:1] if self.sweep.combine == "zip" else lengths

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Their names."""
        return ("sample",) if self.sweep.combine == "zip" else tuple(axis.key for axis in self.axes)

    @property
    def count(self) -> int:
        """Samples. [1]"""
        return math.prod(self.shape)


@dataclass(frozen=True, eq=False)
class DescribedSample:
    """What one sample simulates, and the values of panel, layer and beam that are not those of their files."""

    scene: Scene
    panel: Panel
    scintillator: Scintillator
    beam: Beam
    folder: Path
    changes: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, eq=False)
class CheckedSweep:
    """Samples of a sweep after all were described.

    Attributes
    ----------
    digests : tuple of str
        SHA-256 of what each sample simulates; of the sentence where it cannot be described.
    frame_shape : (int, int, int) or None
        Frames, rows and columns; None where samples differ. [1]
    inputs : tuple of Path
        Files that the samples read, of the user's own.
    dual : bool
        Whether any sample has a dual-layer panel.
    """

    digests: tuple[str, ...]
    frame_shape: tuple[int, int, int] | None
    inputs: tuple[Path, ...]
    dual: bool


def plan_sweep(file: Path) -> PlannedSweep:
    """A sweep from its file; its base is found, its samples are not looked at.

    Parameters
    ----------
    file : Path
        TOML file.

    Returns
    -------
    plan : PlannedSweep

    Raises
    ------
    ValueError, OSError
        In one sentence, if the file is wrong or the base is not there.
    """
    sweep, axes = load_sweep(file)
    base = str((file.parent / sweep.base).resolve()) if sweep.base.endswith(".toml") else sweep.base
    try:
        scene_folder(base)
    except (ValueError, OSError) as error:
        raise type(error)(f"{file}: base: {error}") from error
    return PlannedSweep(file, base, sweep, axes)


def place_of(plan: PlannedSweep, index: int) -> tuple[int, ...]:
    """Position of a sample along each dimension; the last one varies fastest.

    Parameters
    ----------
    plan : PlannedSweep
        From `plan_sweep`.
    index : int
        Of the sample, from 0.

    Returns
    -------
    place : tuple of int
        [1]
    """
    place = []
    for length in reversed(plan.shape):
        index, rest = divmod(index, length)
        place.append(rest)
    return tuple(reversed(place))


def values_of(plan: PlannedSweep, index: int) -> dict[str, Any]:
    """Values of a sample by key.

    Parameters
    ----------
    plan, index
        As for `place_of`.

    Returns
    -------
    values : dict
        In the order of the axes.
    """
    place = place_of(plan, index)
    along = place * len(plan.axes) if plan.sweep.combine == "zip" else place
    return {axis.key: axis.values[number] for axis, number in zip(plan.axes, along, strict=True)}


def describe_sample(plan: PlannedSweep, index: int) -> DescribedSample:
    """The base scene with the values of a sample, and what it names with its own.

    Parameters
    ----------
    plan : PlannedSweep
        From `plan_sweep`.
    index : int
        Of the sample, from 0.

    Returns
    -------
    described : DescribedSample

    Raises
    ------
    ValueError, OSError
        In one sentence, if a key is unknown or a value is not allowed.
    """
    changes: dict[str, dict[str, Any]] = {"scene": {}, **{part: {} for part in PARTS}}
    for key, value in values_of(plan, index).items():
        part, own = _owner(key)
        changes[part][own] = value
    of_scene = changes.pop("scene")
    scene, folder = load_scene(plan.base, of_scene), scene_folder(plan.base)
    strange = [key for key in changes["beam"] if key.partition(".")[0] not in _OF_BEAM]
    if strange:
        raise ValueError(
            f"unknown key 'beam.{strange[0]}'; known in beam: {', '.join(dict.fromkeys(_OF_SCENE + _OF_BEAM))}"
        )
    return DescribedSample(
        scene=scene,
        panel=load_panel(scene.panel, folder, changes["panel"]),
        scintillator=load_scintillator(scene.scintillator, folder, changes["scintillator"]),
        beam=load_beam(scene.beam.name, folder, changes["beam"]),
        folder=folder,
        changes=changes,
    )


def _owner(key: str) -> tuple[str, str]:
    """Whose key it is, and the key there: "panel.pixels.rows" is pixels.rows of the panel, "panel" is the scene's."""
    first, dot, rest = key.partition(".")
    if first == "scene" and dot:
        return "scene", rest
    if first in PARTS and dot and not (first == "beam" and rest.partition(".")[0] in _OF_SCENE):
        return first, rest
    return "scene", key


def check_samples(plan: PlannedSweep, tell: Callable[[float], None] | None = None) -> CheckedSweep:
    """Describe all samples before the first one runs.

    A value that is wrong in every sample that has it, or leaves a number too few frames, is a mistake of the file; one
    that is wrong only together with others is found again when its sample runs, and recorded there.

    Parameters
    ----------
    plan : PlannedSweep
        From `plan_sweep`.
    tell : callable, optional
        Called with the fraction done, 0 to 1.

    Returns
    -------
    checked : CheckedSweep

    Raises
    ------
    ValueError, OSError
        In one sentence, for a value that is wrong in every sample that has it.
    """
    digests: list[str] = []
    problems: dict[int, Exception] = {}
    shapes: set[tuple[int, int, int]] = set()
    inputs: dict[Path, str] = {}
    dual = False
    for index in range(plan.count):
        try:
            described = describe_sample(plan, index)
        except (ValueError, TypeError, OSError) as error:
            problems[index] = error
            digests.append(hashlib.sha256(str(error).encode()).hexdigest())
        else:
            pixels, sequence = described.panel.pixels, described.scene.sequence
            shapes.add((plan.sweep.frames or (sequence.frames if sequence else 1), pixels.rows, pixels.cols))
            digests.append(digest_of(described, inputs))
            short = _too_few_frames(plan.sweep, described.scene)
            if short:
                problems[index] = ValueError(short)
            dual |= described.panel.back is not None
        if tell is not None:
            tell((index + 1) / plan.count)
    for number in range(len(plan.axes)):
        along = 0 if plan.sweep.combine == "zip" else number
        fine = {place_of(plan, index)[along] for index in range(plan.count) if index not in problems}
        for index, problem in problems.items():
            if place_of(plan, index)[along] not in fine:
                raise ValueError(f"{plan.file}: {problem}") from problem
    return CheckedSweep(tuple(digests), shapes.pop() if len(shapes) == 1 else None, tuple(inputs), dual)


def _too_few_frames(sweep: Sweep, scene: Scene) -> str:
    """Which number of a sweep needs more frames with the beam on than a sample has; empty where none does."""
    frames = sweep.frames or (scene.sequence.frames if scene.sequence else 1)
    lit = sum(beam_pattern(scene.sequence, frames)) if scene.beam.air_kerma_uGy > 0 else 0
    for name in sweep.keep.numbers:
        needed, found = NUMBERS[name].needs_frames, lit or frames
        if found < needed:
            given = "give frames in the sweep file" if sweep.frames is None else f"frames is {sweep.frames}"
            return f"the number {name} needs {needed} frames with the beam on, a sample has {found}: {given}"
    return ""


def digest_of(described: DescribedSample, known: dict[Path, str]) -> str:
    """SHA-256 over what a sample simulates, files that its scene names included.

    Parameters
    ----------
    described : DescribedSample
        From `describe_sample`.
    known : dict of Path to str
        Digests of files that were read already; written to.

    Returns
    -------
    digest : str
    """
    parts = [asdict(described.scene), asdict(described.panel), asdict(described.scintillator), asdict(described.beam)]
    maps = parts[1].pop("maps")
    if maps is not None:  # wherever the file lies; a panel without keeps the digest of before there were any
        parts[1]["maps"] = maps["sha256"]
        known[Path(maps["file"])] = maps["sha256"]
    if parts[1]["back"] is None:  # and one without a back layer
        del parts[1]["back"]
    named = files_named_in([described.scene, described.panel.back], described.folder)
    for path in named:
        if path not in known:
            known[path] = sha256_of(path)
    files = [known[path] for path in named]
    text = json.dumps([*parts, files], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()

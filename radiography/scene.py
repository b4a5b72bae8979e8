"""Scenes to be simulated: a panel, a beam, a geometry and what stands between them.

A scene is one TOML file; ``data/scenes`` has ready ones to copy and change.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

import numpy as np
from pydantic import Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from calibration.limits import STRICT, NotNegative, Positive
from phantoms.mesh_file import load_mesh
from phantoms.solids import (
    Box,
    Cone,
    Cylinder,
    Phantom,
    PlacedSolid,
    Prism,
    Shape,
    Sphere,
    move_phantom,
    place,
)
from radiography.beam.attenuation import Material, material, mixture
from radiography.projection.geometry import check_focal_spot
from radiography.projection.scene_volume import VolumeChoice, placed_volume

Vector = tuple[float, float, float]

PHANTOMS = {  # name in a scene -> the function that builds it
    "tungsten_edge": "phantoms.edge:tungsten_edge",
    "bar_pattern": "phantoms.bars:bar_pattern",
    "step_wedge": "phantoms.step_wedge:step_wedge",
    "duplex_wire": "phantoms.duplex_wire:duplex_wire",
    "contrast_detail": "phantoms.contrast_detail:contrast_detail",
    "line_pairs": "phantoms.line_pairs:line_pairs",
    "network_card": "phantoms.card.network_card:network_card",
    "phone": "phantoms.phone.phone:phone",
    "chest": "phantoms.chest:chest",
    "hand": "phantoms.hand:hand",
    "beetle": "phantoms.beetle:beetle",
    "flat_cable": "phantoms.flat_cable:flat_cable",
    "meat": "phantoms.meat:meat",
}


MOST_KERMA_UGY = 1e6  # of a frame, 1 Gy: ten thousand times what fills a pixel   # chosen


@dataclass(frozen=True, config=STRICT)
class BeamChoice:
    """Beam by name or file, and its air kerma where the central ray meets the panel, without object. [uGy]

    With ``anode_direction``, the side of the panel where the tube's anode is, the beam has its heel effect: + is where
    the numbers of rows or columns rise. Without it the beam is the same in all directions. ``anode_angle_deg`` takes
    the place of the beam's own. [deg]
    """

    name: str
    air_kerma_uGy: Annotated[float, Field(ge=0, le=MOST_KERMA_UGY)]
    anode_direction: Literal["+rows", "-rows", "+cols", "-cols"] | None = None
    anode_angle_deg: Annotated[float, Field(ge=1, le=45)] | None = None


@dataclass(frozen=True, config=STRICT)
class Timing:
    """Time that the photodiodes integrate, time from frame to frame, and duration of the exposure. [s]

    The exposure is constant from the start of the integration on; without a duration it is short.
    """

    integration_time_s: Positive = 0.5
    frame_interval_s: Positive = 5.0
    exposure_time_s: Positive | None = None

    def __post_init__(self) -> None:
        if self.exposure_time_s is not None and self.exposure_time_s > self.integration_time_s:
            raise ValueError(
                f"exposure_time_s must be at most integration_time_s ({self.integration_time_s:g}), "
                f"got {self.exposure_time_s:g}"
            )
        if self.frame_interval_s < self.integration_time_s:
            raise ValueError(
                f"frame_interval_s must be at least integration_time_s ({self.integration_time_s:g}), "
                f"got {self.frame_interval_s:g}"
            )


@dataclass(frozen=True, config=STRICT)
class BeamSequence:
    """When the beam is on: dark frames first, then ``repeats`` times some with the beam and some without. [1]

    ``exposure_spread`` is the relative fluctuation of the exposure from frame to frame, the tube's reproducibility.
    [1, rms]
    """

    beam_on: Annotated[int, Field(ge=0)]
    beam_off: Annotated[int, Field(ge=0)] = 0
    dark_before: Annotated[int, Field(ge=0)] = 0
    repeats: Annotated[int, Field(ge=1)] = 1
    exposure_spread: Annotated[float, Field(ge=0, le=0.1)] = 0.0

    def __post_init__(self) -> None:
        if self.beam_on + self.beam_off == 0:
            raise ValueError("a sequence needs frames with beam_on or beam_off, got none of either")

    @property
    def frames(self) -> int:
        """Frames of the whole sequence. [1]"""
        return self.dark_before + self.repeats * (self.beam_on + self.beam_off)


@dataclass(frozen=True, config=STRICT)
class Setup:
    """Source and panel: distance, shift of the panel (rows, columns), and focal spot. [mm]

    The focal spot is a square, a rectangle, a disc (diameter) or a Gaussian (full width at half maximum), or an image
    of it with its pitch, a TIFF or NPY file beside the scene. Its points are chosen from its blur; ``samples`` puts
    that many regular points per axis on every ray instead.
    """

    source_to_detector_mm: Positive
    panel_shift_mm: tuple[float, float] = (0.0, 0.0)
    focal_spot_mm: NotNegative = 0.0
    focal_spot_samples: Annotated[int, Field(ge=1, le=15)] | None = None
    focal_spot_shape: Literal["square", "rectangle", "disc", "gaussian", "image"] = "square"
    focal_spot_height_mm: Positive | None = None
    focal_spot_image: str | None = None
    focal_spot_pitch_mm: Positive | None = None

    def __post_init__(self) -> None:
        has_image = self.focal_spot_image is not None
        if has_image != (self.focal_spot_pitch_mm is not None):
            given, missing = ("image", "pitch_mm") if has_image else ("pitch_mm", "image")
            raise ValueError(f"focal_spot_{given} is given without focal_spot_{missing}, a measured spot needs both")
        check_focal_spot(self.focal_spot_shape, self.focal_spot_mm, self.focal_spot_height_mm, has_image=has_image)


@dataclass(frozen=True, config=STRICT)
class PhantomChoice:
    """A ready phantom by name, its parameters, its place [mm] and its turn about x, y, z [deg]."""

    name: str
    parameters: dict[str, Any] = Field(default_factory=dict)
    position_mm: Vector = (0.0, 0.0, 0.0)
    rotation_deg: Vector = (0.0, 0.0, 0.0)


@dataclass(frozen=True, config=STRICT)
class SolidChoice:
    """One solid: a shape with its own lengths [mm], a material, its place [mm] and its turn about x, y, z [deg]."""

    shape: Literal["box", "cylinder", "sphere", "cone", "prism", "mesh"]
    material: str
    position_mm: Vector = (0.0, 0.0, 0.0)
    rotation_deg: Vector = (0.0, 0.0, 0.0)
    size_mm: Vector | None = None
    radius_mm: float | None = None
    radius_bottom_mm: float | None = None
    radius_top_mm: float | None = None
    length_mm: float | None = None
    polygon_mm: tuple[tuple[float, float], ...] | None = None
    file: str | None = None
    scale_to_mm: float | None = None


@dataclass(frozen=True, config=STRICT)
class MaterialChoice:
    """A material of the user's own: a chemical formula or mass parts of known materials, and a density. [g/cm3]"""

    density_g_per_cm3: Positive
    formula: str | None = None
    mass_fractions: dict[str, Positive] | None = None

    def __post_init__(self) -> None:
        if (self.formula is None) == (self.mass_fractions is None):
            raise ValueError("a material needs either a formula or mass_fractions")


@dataclass(frozen=True, config=STRICT)
class Sampling:
    """How finely the exposure is computed: samples per pixel and axis, rays per sample and axis. [1]

    With 2 x 4 rays per pixel and axis a sharp edge in the film is within 3 % of its contrast everywhere, 0.7 % rms in
    the pixels along it; with 2 x 2 rays within 7 %. The MTF below 7 /mm is exact for any.
    """

    samples_per_pixel: Annotated[int, Field(ge=1, le=8)] = 2
    rays_per_sample: Annotated[int, Field(ge=1, le=8)] = 4


@dataclass(frozen=True, config=STRICT)
class ScatterChoice:
    """X-rays that the object scatters: whether they are simulated, and the standard error of their map. [1]"""

    on: bool = True
    noise: Annotated[float, Field(ge=0.002, le=0.2)] = 0.02


@dataclass(frozen=True, config=STRICT)
class GridChoice:
    """A linear anti-scatter grid on the panel.

    Its ratio is height over gap; strips run along the columns, with numbers of columns across them, or along the rows.
    Without a focus they are parallel. With ``lines`` the grid stands still and its strips are seen. [1, 1/cm, um, mm]
    """

    ratio: Annotated[float, Field(gt=0, le=50)]
    lines_per_cm: Annotated[float, Field(gt=0, le=500)]
    strip_um: Positive
    strip: str = "Pb"
    interspace: str = "Al"
    focus_mm: Positive | None = None
    across: Literal["cols", "rows"] = "cols"
    lines: bool = False

    def __post_init__(self) -> None:
        if not self.gap_mm > 0:
            raise ValueError(
                f"strips of {self.strip_um:g} um leave no gap at {self.lines_per_cm:g} lines per cm: "
                f"strip_um must be below {1e4 / self.lines_per_cm:g}"
            )
        if self.focus_mm is not None and self.focus_mm <= self.height_mm:
            raise ValueError(
                f"the strips are {self.height_mm:.3g} mm high (ratio times gap) and cannot meet within that: "
                f"focus_mm must be above it, got {self.focus_mm:g}"
            )

    @property
    def gap_mm(self) -> float:
        """Between two strips. [mm]"""
        return 10.0 / self.lines_per_cm - 1e-3 * self.strip_um

    @property
    def height_mm(self) -> float:
        """Of the strips. [mm]"""
        return self.ratio * self.gap_mm


@dataclass(frozen=True, config=STRICT)
class Scene:
    """Everything that a simulated frame depends on, but its seed.

    Without a temperature the panel is at the one that its dark current is given for; without a sequence the beam is on
    in every frame.
    """

    description: str
    panel: str
    scintillator: str
    beam: BeamChoice
    geometry: Setup
    timing: Timing = Field(default_factory=Timing)
    phantom: PhantomChoice | None = None
    solids: tuple[SolidChoice, ...] = ()
    volume: tuple[VolumeChoice, ...] = ()
    materials: dict[str, MaterialChoice] = Field(default_factory=dict)
    sampling: Sampling = Field(default_factory=Sampling)
    temperature_C: Annotated[float, Field(ge=-50, le=100)] | None = None
    sequence: BeamSequence | None = None
    scatter: ScatterChoice | None = None
    grid: GridChoice | None = None


_LENGTHS: dict[str, tuple[tuple[str, ...], Callable[..., Shape]]] = {
    "box": (("size_mm",), Box),
    "cylinder": (("radius_mm", "length_mm"), Cylinder),
    "sphere": (("radius_mm",), Sphere),
    "cone": (("radius_bottom_mm", "radius_top_mm", "length_mm"), Cone),
    "prism": (("polygon_mm", "length_mm"), Prism),
}
_ALL_LENGTHS = ("size_mm", "radius_mm", "radius_bottom_mm", "radius_top_mm", "length_mm", "polygon_mm")


def beam_pattern(sequence: BeamSequence | None, frames: int) -> tuple[bool, ...]:
    """Whether the beam is on in each frame; frames on and off alternate for as many frames as are asked for.

    Parameters
    ----------
    sequence : BeamSequence or None
        None for a beam that is always on.
    frames : int
        Frames from the first one on. [1]

    Returns
    -------
    beam_on : tuple of bool
        One for each frame.

    Raises
    ------
    ValueError
        If fewer than one frame is asked for.
    """
    if frames < 1:
        raise ValueError(f"frames must be 1 or more, got {frames}")
    if sequence is None:
        return (True,) * frames
    turn = sequence.beam_on + sequence.beam_off
    after = range(-sequence.dark_before, frames - sequence.dark_before)
    return tuple(frame >= 0 and frame % turn < sequence.beam_on for frame in after)


def relative_exposures(scene: Scene, frames: int | None, rng: np.random.Generator) -> tuple[float, ...]:
    """Exposure of each frame of a scene's sequence relative to the nominal one.

    Parameters
    ----------
    scene : Scene
        With its sequence; without one the beam is on in every frame.
    frames : int or None
        None for as many as the scene's sequence has, or one. [1]
    rng : numpy.random.Generator
        Used only where the exposure fluctuates; no frame departs by more than five spreads.

    Returns
    -------
    exposures : tuple of float
        One for each frame; 0 where the beam is off. [1]

    Raises
    ------
    ValueError
        If fewer than one frame is asked for.
    """
    sequence = scene.sequence
    if frames is None:
        frames = 1 if sequence is None else sequence.frames
    beam_on = beam_pattern(sequence, frames)
    if sequence is None or sequence.exposure_spread == 0:
        return tuple(float(on) for on in beam_on)
    departures = np.clip(rng.standard_normal(frames), -5.0, 5.0)
    return tuple(
        float(1.0 + sequence.exposure_spread * departure) if on else 0.0
        for on, departure in zip(beam_on, departures, strict=True)
    )


def scene_materials(scene: Scene) -> dict[str, Material]:
    """The scene's own materials by name.

    Raises
    ------
    ValueError
        If a formula or a part is unknown.
    """
    own: dict[str, Material] = {}
    for name, choice in scene.materials.items():
        try:
            own[name] = _own_material(name, choice)
        except ValueError as error:
            raise ValueError(f"materials.{name}: {error}") from error
    return own


def scene_phantom(scene: Scene, folder: Path) -> Phantom | None:
    """What stands in the beam, placed; None when nothing does.

    Parameters
    ----------
    scene : Scene
        With its ready phantom, own solids and volumes, or none; own solids come later and so take precedence, and both
        replace voxels.
    folder : Path
        Where files of meshes and volumes are looked up.

    Returns
    -------
    phantom : Phantom or None

    Raises
    ------
    ValueError
        If a phantom, a parameter or a length is unknown, missing or out of range.
    """
    solids: list[PlacedSolid] = []
    if scene.phantom is not None:
        built = build_phantom(scene.phantom.name, scene.phantom.parameters)
        solids.extend(move_phantom(built, scene.phantom.position_mm, scene.phantom.rotation_deg).solids)
    for number, choice in enumerate(scene.solids):
        solids.append(_placed(choice, f"solids[{number}]", folder))
    own = scene_materials(scene) if scene.volume else {}
    volumes = [placed_volume(choice, f"volume[{n}]", folder, own) for n, choice in enumerate(scene.volume)]
    return Phantom(scene.description, tuple(solids), tuple(volumes)) if solids or volumes else None


def build_phantom(name: str, parameters: Mapping[str, Any]) -> Phantom:
    """A ready phantom by name.

    Parameters
    ----------
    name : str
        One of `PHANTOMS`.
    parameters : mapping of str to object
        Parameters of the function that builds it; what is missing has its default.

    Returns
    -------
    phantom : Phantom

    Raises
    ------
    ValueError
        If the name or a parameter is unknown, or a value has the wrong kind or is out of range.
    """
    builder = phantom_builder(name)
    known = list(inspect.signature(builder).parameters)
    kinds = get_type_hints(builder)
    checked: dict[str, Any] = {}
    for key, value in parameters.items():
        if key not in known:
            raise ValueError(f"phantom '{name}' has no parameter '{key}'; known: {', '.join(known)}")
        try:
            checked[key] = TypeAdapter(kinds[key]).validate_json(json.dumps(value, default=str), strict=True)
        except ValidationError as error:
            problem = error.errors()[0]
            place = ".".join([key, *(str(part) for part in problem["loc"])])
            text = problem["msg"].replace("Input should be", "must be")
            raise ValueError(f"parameter {place} of phantom '{name}' {text}, got {problem['input']!r}") from error
    return builder(**checked)


def phantom_builder(name: str) -> Callable[..., Phantom]:
    """The function behind a phantom's name.

    Raises
    ------
    ValueError
        If the name is unknown.
    """
    if name not in PHANTOMS:
        raise ValueError(f"no phantom '{name}'; known: {', '.join(PHANTOMS)}")
    module, _, function = PHANTOMS[name].partition(":")
    builder: Callable[..., Phantom] = getattr(import_module(module), function)
    return builder


def _own_material(name: str, choice: MaterialChoice) -> Material:
    source = "scene file"
    density = choice.density_g_per_cm3
    if choice.formula is not None:
        return Material(name, material(f"{choice.formula}@{density:g}").mass_fractions, density, source)
    masses = choice.mass_fractions or {}
    parts = {part: material(part) for part in masses}
    for part, found in parts.items():
        if found.density_g_per_cm3 <= 0:
            raise ValueError(f"it cannot hold '{part}', which weighs nothing")
    volumes = {part: mass / parts[part].density_g_per_cm3 for part, mass in masses.items()}
    whole = sum(volumes.values())
    mixed = mixture(name, [(parts[part], volume / whole) for part, volume in volumes.items()], source=source)
    return Material(name, mixed.mass_fractions, density, source)


def _placed(choice: SolidChoice, where: str, folder: Path) -> PlacedSolid:
    given = {name for name in (*_ALL_LENGTHS, "file", "scale_to_mm") if getattr(choice, name) is not None}
    shape: Shape
    if choice.shape == "mesh":
        wanted, optional = {"file"}, {"scale_to_mm"}
    else:
        wanted, optional = set(_LENGTHS[choice.shape][0]), set()
    if missing := sorted(wanted - given):
        raise ValueError(f"{where} is a {choice.shape} and needs {', '.join(missing)}")
    if surplus := sorted(given - wanted - optional):
        raise ValueError(f"{where} is a {choice.shape}, which has no {surplus[0]}; it has {', '.join(sorted(wanted))}")
    try:
        if choice.file is not None:
            shape = load_mesh(folder / choice.file, 1.0 if choice.scale_to_mm is None else choice.scale_to_mm)
        else:
            names, maker = _LENGTHS[choice.shape]
            shape = maker(**{name: getattr(choice, name) for name in names})
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error
    return place(shape, choice.material, choice.position_mm, choice.rotation_deg)

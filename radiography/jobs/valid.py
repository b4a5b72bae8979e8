"""Validity of a scene: everything that it names, found and fitting, with what is likely a slip of units."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from radiography.config import files_named_in, load_scene, scene_folder
from radiography.parts import SceneParts, load_parts
from radiography.projection.extent import Extent, extents, volume_extents
from radiography.projection.scene_volume import volume_files

SPECK_PIXELS = 3.0  # chosen: an object smaller than this is hard to see, and hardly meant
WHOLE = 0.999  # of the panel: more is the whole beam


@dataclass(frozen=True)
class NamedExtent:
    """What a scene calls an object, and how large it is.

    Attributes
    ----------
    name, what : str
        As in the scene file, and what it is.
    extent : Extent
        Size and shadow.
    scale_to_mm : float or None
        Of a mesh file; None for what has its lengths in the scene. [mm]
    """

    name: str
    what: str
    extent: Extent
    scale_to_mm: float | None


@dataclass(frozen=True, eq=False)
class ValidScene:
    """A scene that can run.

    Attributes
    ----------
    folder : Path
        Where its relative paths start.
    parts : SceneParts
        Everything that it names.
    objects : tuple of NamedExtent
        The ready phantom, then the scene's own solids, then its volumes.
    doubts : tuple of str
        Sentences: what is likely a slip.
    """

    folder: Path
    parts: SceneParts
    objects: tuple[NamedExtent, ...]
    doubts: tuple[str, ...]

    @property
    def inputs(self) -> list[Path]:
        """Files that the scene reads, those of its volumes and of its panel's maps and back layer included."""
        scene, panel, maps = self.parts.scene, self.parts.panel, self.parts.panel.maps
        named = [*files_named_in([scene, panel.back], self.folder), *volume_files(scene.volume, self.folder)]
        return named if maps is None else [*named, Path(maps.file)]


def validate_scene(scene: str | Path) -> ValidScene:
    """A scene, after everything that it names was found and fits; nothing is computed for that.

    Parameters
    ----------
    scene : str or Path
        Scene file, or the name of a shipped scene.

    Returns
    -------
    valid : ValidScene

    Raises
    ------
    ValueError, TypeError, OSError
        In one sentence, if the scene is wrong.
    """
    described, folder = load_scene(scene), scene_folder(scene)
    parts = load_parts(described, folder)
    objects = _objects(parts)
    doubts = tuple(doubt for one in objects if (doubt := _doubt(one)))
    return ValidScene(folder, parts, objects, doubts)


def _objects(parts: SceneParts) -> tuple[NamedExtent, ...]:
    if parts.phantom is None:
        return ()
    scene, count = parts.scene, len(parts.phantom.solids)
    first_own = count - len(scene.solids)
    groups = [slice(0, first_own)] * (first_own > 0) + [slice(n, n + 1) for n in range(first_own, count)]
    found = extents(parts.phantom, parts.geometry, groups)
    named = []
    if scene.phantom is not None:
        many = f"{first_own} solids" if first_own > 1 else "1 solid"
        named.append(NamedExtent("phantom", f"{scene.phantom.name}, {many}", found.pop(0), None))
    for number, (choice, extent) in enumerate(zip(scene.solids, found, strict=True)):
        what, scale_to_mm = f"{choice.shape} of {choice.material}", None
        if choice.file is not None:
            what, scale_to_mm = f"{choice.file} of {choice.material}", choice.scale_to_mm or 1.0
        named.append(NamedExtent(f"solids[{number}]", what, extent, scale_to_mm))
    if scene.volume:
        seen = volume_extents(parts.phantom, parts.geometry)
        for number, (one, placed, extent) in enumerate(zip(scene.volume, parts.phantom.volumes, seen, strict=True)):
            z, y, x = placed.codes.shape
            what = f"{one.file}, {x} x {y} x {z} voxels of {' x '.join(f'{mm:.4g}' for mm in placed.spacing_mm)} mm"
            named.append(NamedExtent(f"volume[{number}]", what, extent, None))
    return tuple(named)


def _doubt(one: NamedExtent) -> str | None:
    """A sentence where an object is not seen, is a speck, or a mesh is larger than the beam."""
    rows, cols = one.extent.shadow_pixels
    if one.extent.panel_share == 0.0:
        return f"the shadow of {one.name} ({one.what}) misses the panel: its position_mm leaves it out of the picture"
    size = f"{one.name} ({one.what}) is {size_text(one.extent)}"
    if max(rows, cols) < SPECK_PIXELS:
        seen = f"{size} and covers {rows:.2g} x {cols:.2g} pixels"
        if one.scale_to_mm is None:
            return f"{seen}; its lengths are in mm"
        return f"{seen}: is the file in metres? scale_to_mm = {1000.0 * one.scale_to_mm:g} then"
    if one.scale_to_mm is not None and one.extent.panel_share > WHOLE:
        return f"{size} and covers the whole beam: is the file in um? scale_to_mm = {0.001 * one.scale_to_mm:g} then"
    return None


def size_text(extent: Extent) -> str:
    """Size along x, y and z, as text."""
    return " x ".join(f"{length:.3g}" for length in extent.size_mm) + " mm"

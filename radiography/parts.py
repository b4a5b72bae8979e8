"""Parts of a scene: what it names, loaded and found to fit each other, before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from phantoms.solids import Phantom
from radiography.beam.attenuation import Material, material
from radiography.beam.tube import Beam
from radiography.config import Changes, load_beam, load_panel, load_scintillator
from radiography.light.scintillator import Scintillator
from radiography.panel.panel import Panel
from radiography.projection.extent import check_shadow
from radiography.projection.geometry import Geometry
from radiography.projection.spot_image import load_spot_image
from radiography.projection.voxel_world import basis_materials
from radiography.scene import Scene, scene_materials, scene_phantom


@dataclass(frozen=True, eq=False)
class SceneParts:
    """What a scene names.

    Attributes
    ----------
    scene, panel, scintillator, beam, geometry : Scene, Panel, Scintillator, Beam, Geometry
        Descriptions.
    phantom, materials : Phantom or None, mapping of str to Material
        What stands in the beam, and the scene's own materials.
    """

    scene: Scene
    panel: Panel
    scintillator: Scintillator
    beam: Beam
    geometry: Geometry
    phantom: Phantom | None
    materials: Mapping[str, Material]


def load_parts(scene: Scene, folder: Path, changes: Mapping[str, Changes] | None = None) -> SceneParts:
    """Everything that a scene names.

    Parameters
    ----------
    scene : Scene
        What to simulate.
    folder : Path
        Where the scene's relative paths start.
    changes : mapping, optional
        For "panel", "scintillator" and "beam" the values that take the place of their files', by dotted key.

    Returns
    -------
    parts : SceneParts

    Raises
    ------
    ValueError
        If a description contradicts itself or names something unknown, a solid does not stand between panel and
        source, or the object throws no shadow on the panel.
    OSError
        If a file that the scene names cannot be read.
    """
    of = changes or {}
    panel = load_panel(scene.panel, folder, of.get("panel"))
    scintillator = load_scintillator(scene.scintillator, folder, of.get("scintillator"))
    beam = load_beam(scene.beam.name, folder, of.get("beam"))
    if scene.beam.anode_angle_deg is not None:
        beam = replace(beam, anode_angle_deg=scene.beam.anode_angle_deg)
    phantom, materials = scene_phantom(scene, folder), scene_materials(scene)
    names = {solid.material for solid in phantom.solids} | set(basis_materials(phantom.volumes)) if phantom else ()
    for name in sorted(names):
        material(name, materials)  # an unknown material is an error before anything is computed
    for name in (scene.grid.strip, scene.grid.interspace) if scene.grid else ():
        material(name, materials)
    geometry = _geometry(panel, scene, beam, folder)
    if phantom is not None:
        check_shadow(phantom, geometry)
    return SceneParts(scene, panel, scintillator, beam, geometry, phantom, materials)


def _geometry(panel: Panel, scene: Scene, beam: Beam, folder: Path) -> Geometry:
    """Source, focal spot and pixels, in the air that the beam has passed."""
    pixels, setup = panel.pixels, scene.geometry
    image = None
    if setup.focal_spot_image is not None and setup.focal_spot_pitch_mm is not None:
        image = load_spot_image(folder / setup.focal_spot_image, setup.focal_spot_pitch_mm)
    return Geometry(
        source_to_detector_mm=setup.source_to_detector_mm,
        rows=pixels.rows,
        cols=pixels.cols,
        pitch_mm=pixels.pitch_mm,
        panel_shift_mm=setup.panel_shift_mm,
        focal_spot_mm=setup.focal_spot_mm,
        focal_spot_samples=setup.focal_spot_samples,
        focal_spot_shape=setup.focal_spot_shape,
        focal_spot_height_mm=setup.focal_spot_height_mm,
        focal_spot_image=image,
        medium="air" if beam.air_path_mm > 0 else "vacuum",
    )

"""Parts of a scene: what it names, loaded and found to fit each other, before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from phantoms.solids import Phantom, move_phantom
from radiography.beam.attenuation import Material, material
from radiography.beam.tube import Beam
from radiography.config import Changes, load_beam, load_panel, load_scintillator
from radiography.light.scintillator import Scintillator
from radiography.panel.panel import Cover, Panel
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
    back_scintillator : Scintillator or None
        Second layer of a dual-layer panel; None for a panel with one, and in the parts of that layer itself.
    """

    scene: Scene
    panel: Panel
    scintillator: Scintillator
    beam: Beam
    geometry: Geometry
    phantom: Phantom | None
    materials: Mapping[str, Material]
    back_scintillator: Scintillator | None = None


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
    if panel.maps is not None:
        from radiography.panel.measured_maps import panel_maps

        panel_maps(panel)  # a file that does not fit is an error before anything is computed
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
    parts = SceneParts(scene, panel, scintillator, beam, geometry, phantom, materials)
    if panel.back is None:
        return parts
    back = load_scintillator(panel.back.scintillator, folder)
    for cover in (*panel.back.filter, *panel.back.cover):
        material(cover.material)
    return replace(parts, back_scintillator=back)


def layer_spacing_mm(parts: SceneParts) -> float:
    """Distance between the entrances of the two layers of a dual-layer panel. [mm]

    Raises
    ------
    ValueError
        If the panel has no back layer.
    """
    panel, back = parts.panel, parts.panel.back
    if back is None:
        raise ValueError(f"panel '{panel.name}' has no [back] layer")
    slabs_um = sum(slab.thickness_um for slab in panel.stack)
    slabs_um += sum(cover.thickness_um for cover in (*back.filter, *back.cover))
    return back.gap_mm + 1e-3 * (parts.scintillator.thickness_um + slabs_um)


def back_parts(parts: SceneParts) -> SceneParts:
    """The back layer of a dual-layer panel as a scene of its own: farther from the source, behind all of the front.

    Parameters
    ----------
    parts : SceneParts
        Of a scene with a dual-layer panel.

    Returns
    -------
    parts : SceneParts
        Object and source are where they were, so the object stands higher above this layer. The panel's cover is all
        that lies before the layer. The air kerma is that in front of the panel, thinned by the distance.

    Raises
    ------
    ValueError
        If the panel has no back layer.
    """
    spacing_mm = layer_spacing_mm(parts)
    scene, panel, layer = parts.scene, parts.panel, parts.back_scintillator
    if panel.back is None or layer is None:
        raise ValueError(f"panel '{panel.name}' has no [back] layer")
    front = tuple(
        Cover(part.material, part.volume_fraction * parts.scintillator.thickness_um)
        for part in parts.scintillator.parts
    )
    behind = panel_behind(panel, front)
    near_mm, far_mm = scene.geometry.source_to_detector_mm, scene.geometry.source_to_detector_mm + spacing_mm
    kerma_uGy = scene.beam.air_kerma_uGy * (near_mm / far_mm) ** 2
    return SceneParts(
        scene=replace(
            scene,
            scintillator=panel.back.scintillator,
            beam=replace(scene.beam, air_kerma_uGy=kerma_uGy),
            geometry=replace(scene.geometry, source_to_detector_mm=far_mm),
        ),
        panel=behind,
        scintillator=layer,
        beam=parts.beam,
        geometry=replace(parts.geometry, source_to_detector_mm=far_mm),
        phantom=None if parts.phantom is None else move_phantom(parts.phantom, (0.0, 0.0, spacing_mm)),
        materials=parts.materials,
    )


def panel_behind(panel: Panel, layer: tuple[Cover, ...]) -> Panel:
    """The back layer of a dual-layer panel as a panel of its own, covered by all that lies before it.

    Parameters
    ----------
    panel : Panel
        With a back layer.
    layer : tuple of Cover
        What the front layer is made of, without its voids.

    Returns
    -------
    behind : Panel
        Its cover is that of the panel, the front layer, the stack, the filter, and its own.

    Raises
    ------
    ValueError
        If the panel has no back layer.
    """
    back = panel.back
    if back is None:
        raise ValueError(f"panel '{panel.name}' has no [back] layer")
    stack = tuple(Cover(slab.material, slab.thickness_um) for slab in panel.stack)
    return replace(
        panel,
        name=f"{panel.name}_back",
        description=f"back layer of: {panel.description}",
        serial=back.serial,
        map_seed=back.map_seed,
        cover=(*panel.cover, *layer, *stack, *back.filter, *back.cover),
        readout=panel.readout if back.readout is None else back.readout,
        back=None,
        maps=None,
    )


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

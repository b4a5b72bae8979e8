"""An imported scene as files of ours: scene, panel, beam and meshes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from phantoms.mesh_file import load_mesh
from phantoms.solids import Mesh, Phantom, phantom_of, place
from radiography.beam.attenuation import Material, material, mixture
from radiography.scenarios.imported import ForeignMaterial, ImportedScene

FloatArray = npt.NDArray[np.float64]

_KERMA_UGY = 5.0  # chosen: far below the saturation of the panel
_LAYER = "CsI_Tl_500um"  # chosen: what most flat panels have
_INTERVAL_S = 5.0  # assumed: shortest interval of frames, longer where their integration asks for it

# The panel has no lag, defects or spread of its pixels: what a foreign scene does not say is not invented.
_PANEL = """# Panel of an imported scene: the pixels of the scenario, the rest that of the shipped panel named here.
based_on = "fully_coated"
name = {name}
description = {description}
serial = "IMPORTED"
lag = []
[pixels]
rows = {rows}
cols = {cols}
pitch_mm = {pitch}
aperture_mm = {pitch}
[readout]
bits = {bits}
[uniformity]
response_spread = 0.0
amplifier_spread = 0.0
defective_fraction = 0.0
defective_rows = 0
defective_cols = 0
"""


def own_materials(scene: ImportedScene) -> dict[str, Material]:
    """The materials that samples are made of, by their name in the scene.

    Raises
    ------
    ValueError
        If a formula is not known, or two names differ only in signs.
    """
    found: dict[str, Material] = {}
    for name in sorted({sample.material for sample in scene.samples}):
        if _word(name) in found:
            raise ValueError(f"two materials of samples would be named '{_word(name)}' in the scene, '{name}' is one")
        found[_word(name)] = _own(_word(name), scene.materials[name])
    return found


def own_layer(scene: ImportedScene) -> Material | None:
    """What the scenario's scintillator is made of; None where it has none.

    Raises
    ------
    ValueError
        If a formula is not known.
    """
    layer = scene.detector.layer
    return None if layer is None else _own(_word(layer[0]), scene.materials[layer[0]])


def _own(name: str, foreign: ForeignMaterial) -> Material:
    density = foreign.density_g_per_cm3
    parts = [(material(f"{formula}@1"), mass) for formula, mass in foreign.mass_fractions.items()]
    whole = sum(mass for _, mass in parts)
    mixed = mixture(name, [(part, mass / whole) for part, mass in parts], source="scenario")
    return Material(name, mixed.mass_fractions, density, "scenario")


def placed_meshes(scene: ImportedScene) -> tuple[Mesh, ...]:
    """The meshes of all samples at their places in our scene.

    Raises
    ------
    ValueError, OSError
        If a mesh cannot be read.
    """
    meshes = []
    for sample in scene.samples:
        mesh = load_mesh(sample.file)
        world_mm = mesh.vertices_mm @ sample.matrix + sample.shift_mm
        mirrored = np.linalg.det(sample.matrix) * np.linalg.det(scene.view.axes) < 0
        triangles = mesh.triangles[:, ::-1] if mirrored else mesh.triangles
        meshes.append(Mesh(np.ascontiguousarray(scene.view.places_mm(world_mm)), np.ascontiguousarray(triangles)))
    return tuple(meshes)


def foreign_phantom(scene: ImportedScene) -> Phantom | None:
    """What stands in the beam; None where nothing does."""
    solids = [
        place(mesh, _word(sample.material), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
        for mesh, sample in zip(placed_meshes(scene), scene.samples, strict=True)
    ]
    return phantom_of(scene.name, solids) if solids else None


def scene_files(scene: ImportedScene) -> dict[str, bytes]:
    """Names and contents of the files that make the scene.

    Parameters
    ----------
    scene : ImportedScene
        As it was understood.

    Returns
    -------
    files : dict of str to bytes
        scene.toml, panel.toml, beam.toml, one STL for each sample, and scintillator.toml where the scenario has one.

    Raises
    ------
    ValueError, OSError
        If a mesh cannot be read or a material is not known.
    """
    detector, tube, view = scene.detector, scene.tube, scene.view
    panel = _PANEL.format(
        name=_quoted(_word(scene.name)),
        description=_quoted(f"{detector.rows} x {detector.cols} pixels of {detector.pitch_mm:g} mm"),
        rows=detector.rows,
        cols=detector.cols,
        pitch=detector.pitch_mm,
        bits=detector.bits,
    )
    filters = ", ".join(
        f"{{ material = {_quoted(name)}, thickness_mm = {thickness!r} }}" for name, thickness in tube.filters
    )
    beam = (
        f"kvp = {tube.kvp!r}\nanode = {_quoted(tube.anode)}\nanode_angle_deg = {tube.anode_angle_deg!r}\n"
        f"filters = [{filters}]\nair_path_mm = {0.0 if scene.vacuum else view.source_to_detector_mm!r}\n"
        f'source = "imported scene"\n'
    )
    files = {"panel.toml": panel.encode(), "beam.toml": beam.encode()}
    if detector.layer is not None:
        files["scintillator.toml"] = _layer_file(scene, *detector.layer).encode()
    lines = _scene_lines(scene)
    for number, (mesh, sample) in enumerate(zip(placed_meshes(scene), scene.samples, strict=True)):
        name = f"{number:02d}_{_word(sample.file.stem)}.stl"
        files[name] = _stl(mesh)
        lines += ["", "[[solids]]", 'shape = "mesh"', f"material = {_quoted(_word(sample.material))}"]
        lines += [f"file = {_quoted(name)}", "scale_to_mm = 1.0"]
    for name, made in own_materials(scene).items():
        parts = _elements(made)
        lines += ["", f"[materials.{name}]", f"density_g_per_cm3 = {made.density_g_per_cm3!r}"]
        lines.append("mass_fractions = { " + ", ".join(f"{key} = {part!r}" for key, part in parts.items()) + " }")
    files["scene.toml"] = ("\n".join(lines) + "\n").encode()
    return files


def _layer_file(scene: ImportedScene, name: str, thickness_mm: float) -> str:
    """The scenario's scintillator as a layer of ours: what it is made of is its own, its light that of CsI:Tl."""
    foreign = scene.materials[name]
    whole = sum(foreign.mass_fractions.values())
    lines = [
        "# Layer of an imported scene: material and thickness of the scenario, light of the shipped layer named here.",
        f"based_on = {_quoted(_LAYER)}",
        f"name = {_quoted(_word(name))}",
        f"description = {_quoted(f'{thickness_mm:g} mm of {name}')}",
        f"thickness_um = {thickness_mm * 1e3!r}",
    ]
    for formula, mass in foreign.mass_fractions.items():
        # all parts have the density of the whole: then their fractions of volume are those of mass
        part = f"{formula}@{foreign.density_g_per_cm3!r}"
        lines += ["", "[[parts]]", f"material = {_quoted(part)}", f"volume_fraction = {mass / whole!r}"]
    return "\n".join(lines) + "\n"


def _elements(of: Material) -> Mapping[str, float]:
    import xraylib

    return {xraylib.AtomicNumberToSymbol(number): part for number, part in of.mass_fractions}


def _scene_lines(scene: ImportedScene) -> list[str]:
    detector, tube, view = scene.detector, scene.tube, scene.view
    down_mm, right_mm = view.panel_shift_mm
    lines = [
        f"description = {_quoted(scene.description or scene.name)}",
        'panel = "panel.toml"',
        f'scintillator = "{"scintillator.toml" if detector.layer else _LAYER}"',
        "",
        "[beam]",
        'name = "beam.toml"',
        "# the scenario has a tube current; this is far below saturation",
        f"air_kerma_uGy = {_KERMA_UGY!r}",
        "",
        "[geometry]",
        f"source_to_detector_mm = {view.source_to_detector_mm!r}",
        f"panel_shift_mm = [{down_mm!r}, {right_mm!r}]",
    ]
    width_mm, height_mm = tube.spot_mm
    if width_mm > 0:
        lines += [f"focal_spot_mm = {width_mm!r}", f"focal_spot_shape = {_quoted(tube.spot_shape)}"]
        lines += [f"focal_spot_height_mm = {height_mm!r}"]
    time_s = detector.integration_time_s
    lines += [
        "",
        "[timing]",
        f"integration_time_s = {time_s!r}",
        f"frame_interval_s = {max(_INTERVAL_S, 2.0 * time_s)!r}",
    ]
    return lines


def _stl(mesh: Mesh) -> bytes:
    """Binary STL; corners are rounded to float32, as the format has them."""
    record = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
    out = np.zeros(len(mesh.triangles), dtype=record)
    out["corners"] = mesh.vertices_mm[mesh.triangles]
    return b"imported scene, mm".ljust(80) + len(out).to_bytes(4, "little") + out.tobytes()


def _word(text: str) -> str:
    """A text as a name without blanks or signs."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", text).strip("_") or "unnamed"


def _quoted(text: str) -> str:
    """A TOML string."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")

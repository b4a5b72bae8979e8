"""`radiography check`: a scene validated, then what it will show and take."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from radiography.cli.output import file_of, give_json, progress, warn
from radiography.jobs.valid import NamedExtent, ValidScene, size_text, validate_scene
from radiography.projection.focal_spot import spot_size_mm
from radiography.projection.geometry import Geometry
from radiography.scene import beam_pattern

if TYPE_CHECKING:
    from radiography.acquire import Acquisition
    from radiography.jobs.check import OpenField, ScatterCost, SceneCheck, SpotBlur

MOST_OBJECTS = 20  # that are listed one by one


def run_check(scene: str, json_file: Path | None = None, plot: Path | None = None) -> None:
    """Print, and draw, what a scene holds as soon as it is known to be valid, then what must be computed."""
    from radiography.jobs.inputs import PICTURES, check_writable, keep_apart

    if plot is not None:
        check_writable(plot, PICTURES)
    valid = validate_scene(scene)
    keep_apart([plot, file_of(json_file)], [scene, *valid.inputs])
    if plot is not None:
        from radiography.jobs.scene_plot import plot_scene

        plot_scene(scene, valid, plot)
    _print([("valid", scene), *_rows_of_parts(valid)])
    for doubt in valid.doubts:
        warn(doubt)
    from radiography.jobs.check import expect
    from radiography.jobs.results import check_to_json, doubts_of_scene

    with progress() as report:
        found = expect(valid, report=report)
    _print(_rows_of_check(found))
    for doubt in doubts_of_scene(found):
        warn(doubt)
    give_json(json_file, check_to_json(found))


def _print(rows: list[tuple[str, str]]) -> None:
    """Labels and texts; an empty label goes on with the one before."""
    for label, text in rows:
        print(f"{label:<14}{text}")
    sys.stdout.flush()


def _rows_of_parts(valid: ValidScene) -> list[tuple[str, str]]:
    parts = valid.parts
    scene, panel, layer, beam = parts.scene, parts.panel, parts.scintillator, parts.beam
    pixels, sampling, setup = panel.pixels, scene.sampling, scene.geometry
    rows = [
        ("scene", scene.description),
        ("panel", f"{panel.name}: {pixels.rows} x {pixels.cols} pixels of {pixels.pitch_mm} mm, serial {panel.serial}"),
        ("scintillator", f"{layer.name}: {layer.description}"),
        ("beam", f"{beam.name}: {beam.kvp:g} kV {beam.anode}, {scene.beam.air_kerma_uGy:g} uGy at the panel"),
    ]
    if panel.maps is not None:
        rows.append(("", f"its maps are those of {Path(panel.maps.file).name}, measured"))
    if not panel.stack:
        rows.append(("photodiodes", "the panel file has no [[stack]]: X-rays in the diodes as in silicon, assumed"))
    if scene.temperature_C is not None:
        rows.append(("temperature", f"{scene.temperature_C:g} deg C"))
    if scene.sequence is not None:
        beam_on = sum(beam_pattern(scene.sequence, scene.sequence.frames))
        rate = f"{1.0 / scene.timing.frame_interval_s:.3g} frames/s"
        rows.append(("sequence", f"{scene.sequence.frames} frames, {beam_on} of them with the beam on, at {rate}"))
    rays = f"{sampling.rays_per_sample} rays a sample"
    return [
        *rows,
        ("geometry", f"source at {setup.source_to_detector_mm:g} mm, focal spot {_spot(parts.geometry)}"),
        *_rows_of_objects(valid.objects),
        ("sampling", f"per axis {sampling.samples_per_pixel} samples a pixel, {rays}"),
    ]


def _rows_of_objects(objects: tuple[NamedExtent, ...]) -> list[tuple[str, str]]:
    """What stands in the beam, a line each."""
    rows: list[tuple[str, str]] = []
    for one in objects[:MOST_OBJECTS]:
        high, wide = one.extent.shadow_pixels
        seen = f"shadow {high:.4g} x {wide:.4g} pixels, {100 * one.extent.panel_share:.3g} % of the panel"
        rows.append(("" if rows else "object", f"{one.name} ({one.what}): {size_text(one.extent)}, {seen}"))
    if len(objects) > MOST_OBJECTS:
        rows.append(("", f"and {len(objects) - MOST_OBJECTS} more solids"))
    return rows or [("object", "none")]


def _rows_of_check(found: SceneCheck) -> list[tuple[str, str]]:
    from radiography.jobs.simulate import light_origin

    acquisition = found.acquisition
    rows = [("light", light_origin(acquisition))]
    if found.open_field is not None:
        rows += _of_open_field(found.open_field)
        rows.append(("", _over_the_panel(acquisition, *found.open_field.kerma_range)))
        rows += _of_layers(found)
    return [
        *rows,
        *_of_blur(found.focal_spot),
        *_of_grid(found),
        *_of_scatter(found.scatter, 1 if acquisition.back is None else 2),
        ("memory", f"about {found.memory_bytes / 2**30:.1f} GiB"),
        (
            "time",
            f"about {found.frame_s:.1f} s per frame; the object once, at most "
            f"{found.object_s:.0f} s if it covers the whole panel (2 cores)",
        ),
    ]


def _of_layers(found: SceneCheck) -> list[tuple[str, str]]:
    """What the two layers of a dual-layer panel absorb."""
    back, shares = found.acquisition.back, found.energy_shares
    if back is None or shares is None:
        return []
    far_mm = back.geometry.source_to_detector_mm - found.acquisition.geometry.source_to_detector_mm
    return [
        ("layers", f"front absorbs {100 * shares[0]:.1f} % of the beam's energy, back {100 * shares[1]:.1f} %"),
        ("", f"back is {back.scintillator.name}, {far_mm:.3g} mm behind the front, serial {back.panel.serial}"),
    ]


def _of_grid(found: SceneCheck) -> list[tuple[str, str]]:
    grid = found.acquisition.scene.grid
    if grid is None:
        return []
    focus = "parallel" if grid.focus_mm is None else f"focus {grid.focus_mm:g} mm"
    made = f"ratio {grid.ratio:g}, {grid.lines_per_cm:g} lines/cm, {grid.strip_um:g} um {grid.strip}"
    rows = [("grid", f"{made}, {grid.interspace} between, {focus}")]
    if found.grid_passes is not None:
        centre, least = found.grid_passes
        rows.append(("", f"passes {100 * centre:.0f} % of the central ray, {100 * least:.2g} % at the panel's side"))
    return rows


def _of_scatter(cost: ScatterCost | None, layers: int) -> list[tuple[str, str]]:
    """What scatter is and takes; it is followed for each layer of the panel, and told of the front one."""
    if cost is None:
        return []
    where, once = ("", "once") if layers == 1 else ("at the front layer ", "once for each layer")
    largest, of_field = cost.scatter_to_primary, cost.scatter_to_primary_of_field
    ratio = f"{where}{largest:.2g} times the primary at most, {of_field:.2g} over the field"
    return [
        ("scatter", f"{ratio}; map within {100 * cost.noise:.2g} %"),
        ("", f"{cost.histories / 1e6:.0f} million photons, about {cost.seconds:.0f} s, {once}"),
    ]


def _spot(geometry: Geometry) -> str:
    width_mm, height_mm = spot_size_mm(geometry)
    if width_mm == 0:
        return "0 mm (a point)"
    size = f"{width_mm:.3g} mm" if width_mm == height_mm else f"{width_mm:.3g} x {height_mm:.3g} mm"
    return f"{size} ({geometry.focal_spot_shape})"


def _of_blur(seen: SpotBlur | None) -> list[tuple[str, str]]:
    if seen is None:
        return []
    points = "1 point" if seen.points == 1 else f"{seen.points} points in a sample, {seen.points_per_ray:g} for a ray"
    return [
        (
            "focal spot",
            f"blur at most {1e3 * seen.blur_mm:.3g} um, at the object's top {seen.top_mm:.4g} mm above the panel "
            f"(magnification {seen.magnification:.3f})",
        ),
        ("", f"{points}; transfer within {seen.deviation:.1g} of the spot's up to {seen.up_to_per_mm:.3g} /mm"),
    ]


def _over_the_panel(acquisition: Acquisition, lowest: float, highest: float) -> str:
    """Range of the air kerma, and what makes it."""
    why = "no heel effect: no anode_direction"
    if acquisition.heel is not None:
        direction = acquisition.scene.beam.anode_direction
        why = f"heel effect of an anode at {acquisition.heel.anode_angle_deg:g} deg, towards {direction}"
        if lowest == 0.0:
            why += ", whose surface shades a part of the panel"
    return f"air kerma {lowest:.2f} to {highest:.2f} of the central ray's; {why}"


def _of_open_field(seen: OpenField) -> list[tuple[str, str]]:
    return [
        ("spectrum", f"half-value layer {seen.half_value_layer_mm_al:.2f} mm Al, mean {seen.mean_energy_keV:.1f} keV"),
        ("open field", f"{seen.quanta:.0f} photons per pixel, {seen.absorbed:.0f} interact in the layer"),
        ("", f"{seen.electrons:.3g} electrons, {seen.signal_dn:.0f} DN above the offset"),
    ]

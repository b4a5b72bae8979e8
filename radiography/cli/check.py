"""`radiography check`: a scene validated, and what it will run."""

from __future__ import annotations

from pathlib import Path

from radiography.acquire import Acquisition
from radiography.cli.output import give_json, progress, warn
from radiography.jobs.check import OpenField, SceneCheck, SpotBlur, check_scene
from radiography.jobs.results import check_to_json, doubts_of_scene
from radiography.jobs.simulate import light_origin
from radiography.projection.focal_spot import spot_size_mm
from radiography.projection.geometry import Geometry
from radiography.scene import beam_pattern


def run_check(scene: str, json_file: Path | None = None) -> None:
    """Print what a scene holds and what it will take."""
    with progress() as report:
        found = check_scene(scene, report=report)
    for label, text in _rows(found):
        print(f"{label:<14}{text}")
    for doubt in doubts_of_scene(found):
        warn(doubt)
    give_json(json_file, check_to_json(found))


def _rows(found: SceneCheck) -> list[tuple[str, str]]:
    """Labels and texts; an empty label goes on with the one before."""
    acquisition = found.acquisition
    scene, panel, layer, beam = acquisition.scene, acquisition.panel, acquisition.scintillator, acquisition.beam
    pixels, sampling, setup = panel.pixels, scene.sampling, scene.geometry
    rows = [
        ("scene", scene.description),
        ("panel", f"{panel.name}: {pixels.rows} x {pixels.cols} pixels of {pixels.pitch_mm} mm, serial {panel.serial}"),
        ("scintillator", f"{layer.name}: {layer.description}"),
        ("", f"light: {light_origin(acquisition)}"),
        ("beam", f"{beam.name}: {beam.kvp:g} kV {beam.anode}, {scene.beam.air_kerma_uGy:g} uGy at the panel"),
    ]
    if found.open_field is not None:
        rows += _of_open_field(found.open_field)
        rows.append(("", _over_the_panel(acquisition, *found.open_field.kerma_range)))
    if not panel.stack:
        rows.append(("photodiodes", "the panel file has no [[stack]]: X-rays in the diodes as in silicon, assumed"))
    if scene.temperature_C is not None:
        rows.append(("temperature", f"{scene.temperature_C:g} deg C"))
    if scene.sequence is not None:
        beam_on = sum(beam_pattern(scene.sequence, scene.sequence.frames))
        rate = f"{1.0 / scene.timing.frame_interval_s:.3g} frames/s"
        rows.append(("sequence", f"{scene.sequence.frames} frames, {beam_on} of them with the beam on, at {rate}"))
    return [
        *rows,
        ("geometry", f"source at {setup.source_to_detector_mm:g} mm, focal spot {_spot(acquisition.geometry)}"),
        *_of_blur(found.focal_spot),
        ("object", f"{found.solids} solids" if found.solids else "none"),
        (
            "sampling",
            f"per axis {sampling.samples_per_pixel} samples a pixel, {sampling.rays_per_sample} rays a sample",
        ),
        ("memory", f"about {found.memory_bytes / 2**30:.1f} GiB"),
        (
            "time",
            f"about {found.frame_s:.1f} s per frame; the object once, at most "
            f"{found.object_s:.0f} s if it covers the whole panel (2 cores)",
        ),
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
            "",
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
        ("", f"half-value layer {seen.half_value_layer_mm_al:.2f} mm Al"),
        ("", f"mean energy {seen.mean_energy_keV:.1f} keV"),
        ("open field", f"{seen.quanta:.0f} photons per pixel, {seen.absorbed:.0f} interact in the layer"),
        ("", f"{seen.electrons:.3g} electrons, {seen.signal_dn:.0f} DN above the offset"),
    ]

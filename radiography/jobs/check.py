"""Check of a scene before it runs: what it holds, and the memory and time that it will take."""

from __future__ import annotations

from pathlib import Path

from radiography.acquire import mean_electrons, plan_acquisition
from radiography.beam.spectrum import half_value_layer_mm_al, mean_energy_keV, quanta_per_pixel
from radiography.config import load_scene, scene_folder
from radiography.jobs.simulate import light_origin
from radiography.scene import beam_pattern

# Measured on 2 cores at 3,072 x 3,072 with 2 x 2 samples per pixel; other machines differ.
_SECONDS_PER_MEGASAMPLE = 0.035
_SECONDS_PER_MEGARAY = 0.25
_BYTES_PER_SAMPLE = 32


def describe_scene(name: str | Path) -> list[tuple[str, str]]:
    """What a scene will run, as labels and texts, after everything in it was found valid.

    Parameters
    ----------
    name : str or Path
        Scene file, or the name of a shipped scene.

    Returns
    -------
    rows : list of (str, str)
        An empty label goes on with the one before.

    Raises
    ------
    ValueError, TypeError, OSError
        In one sentence, if the scene is wrong.
    """
    scene = load_scene(name)
    acquisition = plan_acquisition(scene, scene_folder(name))
    panel, layer, beam = acquisition.panel, acquisition.scintillator, acquisition.beam
    pixels, sampling, setup = panel.pixels, scene.sampling, scene.geometry
    rows: list[tuple[str, str]] = [
        ("scene", scene.description),
        ("panel", f"{panel.name}: {pixels.rows} x {pixels.cols} pixels of {pixels.pitch_mm} mm, serial {panel.serial}"),
        ("scintillator", f"{layer.name}: {layer.description}"),
        ("", f"light: {light_origin(acquisition)}"),
        ("beam", f"{beam.name}: {beam.kvp:g} kV {beam.anode}, {scene.beam.air_kerma_uGy:g} uGy at the panel"),
    ]
    if scene.beam.air_kerma_uGy > 0:
        spectrum = acquisition.spectrum
        quanta = quanta_per_pixel(spectrum, pixels.pitch_mm)
        absorbed = acquisition.layer_weights[0].sum() * sampling.samples_per_pixel**2
        electrons = mean_electrons(acquisition)
        rows += [
            ("", f"half-value layer {half_value_layer_mm_al(spectrum):.2f} mm Al"),
            ("", f"mean energy {mean_energy_keV(spectrum):.1f} keV"),
            ("open field", f"{quanta:.0f} photons per pixel, {absorbed:.0f} interact in the layer"),
            ("", f"{electrons:.3g} electrons, {electrons / panel.readout.electrons_per_dn:.0f} DN above the offset"),
        ]
    if scene.temperature_C is not None:
        rows.append(("temperature", f"{scene.temperature_C:g} deg C"))
    if scene.sequence is not None:
        beam_on = sum(beam_pattern(scene.sequence, scene.sequence.frames))
        rate = f"{1.0 / scene.timing.frame_interval_s:.3g} frames/s"
        rows.append(("sequence", f"{scene.sequence.frames} frames, {beam_on} of them with the beam on, at {rate}"))
    count = len(acquisition.phantom.solids) if acquisition.phantom else 0
    rows += [
        ("geometry", f"source at {setup.source_to_detector_mm:g} mm, focal spot {setup.focal_spot_mm:g} mm"),
        ("object", f"{count} solids" if count else "none"),
        (
            "sampling",
            f"per axis {sampling.samples_per_pixel} samples a pixel, {sampling.rays_per_sample} rays a sample",
        ),
    ]
    samples = pixels.rows * pixels.cols * sampling.samples_per_pixel**2 / 1e6
    rays = samples * sampling.rays_per_sample**2 * setup.focal_spot_samples**2 if count else 0.0
    rows += [
        ("memory", f"about {samples * 1e6 * _BYTES_PER_SAMPLE / 2**30:.1f} GiB"),
        (
            "time",
            f"about {samples * _SECONDS_PER_MEGASAMPLE:.1f} s per frame; the object once, at most "
            f"{rays * _SECONDS_PER_MEGARAY:.0f} s if it covers the whole panel (2 cores)",
        ),
    ]
    return rows

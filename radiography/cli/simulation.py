"""`radiography simulate` and `radiography check`: from a scene to raw frames, and what that would take."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from radiography.acquire import (
    Acquisition,
    Exposure,
    acquire_sequence,
    expose,
    mean_electrons,
    plan_acquisition,
    relative_exposures,
)
from radiography.beam.spectrum import half_value_layer_mm_al, mean_energy_keV, quanta_per_pixel
from radiography.cli.options import progress_bar
from radiography.config import load_scene, scene_folder
from radiography.files.frames import whole_file, write_tiff
from radiography.jobs.inputs import check_at_least, check_writable
from radiography.panel.panel import shielded_columns
from radiography.scene import Scene, beam_pattern

# Measured on 2 cores at 3,072 x 3,072 with 2 x 2 samples per pixel, for the estimate of `check`; other machines differ.
_SECONDS_PER_MEGASAMPLE = 0.035
_SECONDS_PER_MEGARAY = 0.25
_BYTES_PER_SAMPLE = 32


def run_simulate(scene_name: str, out: Path, frames: int | None, seed: int, truth: Path | None) -> None:
    """Write the raw frames of a scene, and the truth behind them where asked for.

    Without a number of frames it is that of the scene's sequence, or one.
    """
    if frames is not None:
        check_at_least("--frames", frames, 1)
    check_at_least("--seed", seed, 0)
    check_writable(out, (".tif", ".tiff", ".npy"))
    if truth is not None:
        check_writable(truth, (".npz",))
    scene = load_scene(scene_name)
    with progress_bar("following light") as progress:
        acquisition = plan_acquisition(scene, scene_folder(scene_name), progress)
    with progress_bar("exposing") as progress:
        exposure = expose(acquisition, progress)
    rng = scene_rng(scene, seed)
    pattern = relative_exposures(scene, frames, rng)
    frames = len(pattern)
    if truth is not None:
        _write_truth(truth, acquisition, exposure, pattern)
    with progress_bar("frames") as progress:
        sequence = _reported(acquire_sequence(acquisition, exposure, None, rng, pattern), frames, progress)
        if out.suffix.lower() == ".npy":
            _write_npy(out, sequence, frames, acquisition)
        else:
            stack_bytes = frames * acquisition.geometry.rows * acquisition.geometry.cols * 2
            write_tiff(
                out,
                sequence,
                acquisition.geometry.pitch_mm,
                raw_metadata(acquisition, seed, frames),
                big=stack_bytes > 2**31,
            )
    print(f"{out}: {frames} raw frame{'s' if frames > 1 else ''} of '{scene.description}', seed {seed}")


def scene_rng(scene: Scene, seed: int) -> np.random.Generator:
    """Generator for a scene and a seed: two scenes of one seed share no random numbers.

    Flats and images of one seed would otherwise have the same noise, which a gain map would then take out. What a scene
    leaves at its later default, None, does not count, so that a scene keeps its frames when scenes learn something new.
    """
    table = asdict(scene)
    for place, key in ((table, "temperature_C"), (table, "sequence"), (table["timing"], "exposure_time_s")):
        if place[key] is None:
            del place[key]
    resolved = json.dumps(table, sort_keys=True, default=str)
    return np.random.default_rng([seed, zlib.crc32(resolved.encode())])


def raw_metadata(acquisition: Acquisition, seed: int, frames: int) -> dict[str, Any]:
    """What a raw frame says about itself: the resolved scene, the panel, the seed and the version.

    ``beam_on`` lists runs of frames, each as its number of frames and whether the beam was on.
    """
    scene, panel, spectrum = acquisition.scene, acquisition.panel, acquisition.spectrum
    dark = scene.beam.air_kerma_uGy == 0
    beam_on = ((not dark) and on for on in beam_pattern(scene.sequence, frames))
    reference_C = panel.photodiode.dark_reference_C
    return {
        "kind": "raw",
        "software": f"radiography {version('radiography')}",
        "scene": asdict(scene),
        "panel": panel.name,
        "serial": panel.serial,
        "scintillator": acquisition.scintillator.name,
        "light_spread": light_origin(acquisition),
        "integration_time_s": scene.timing.integration_time_s,
        "frame_interval_s": scene.timing.frame_interval_s,
        "exposure_time_s": scene.timing.exposure_time_s,
        "beam_on": [[len(list(run)), on] for on, run in groupby(beam_on)],
        "temperature_C": reference_C if scene.temperature_C is None else scene.temperature_C,
        "binning": 1,
        "gain_mode": panel.readout.gain_mode,
        "shielded_cols": [list(columns) for columns in shielded_columns(panel)],
        "kvp": acquisition.beam.kvp,
        "anode": acquisition.beam.anode,
        "source_to_detector_mm": scene.geometry.source_to_detector_mm,
        "focal_spot_mm": scene.geometry.focal_spot_mm,
        "air_kerma_uGy": scene.beam.air_kerma_uGy,
        "mean_energy_keV": None if dark else mean_energy_keV(spectrum),
        "saturation_dn": panel.saturation_dn,
        "seed": seed,
        "frames": frames,
    }


def light_origin(acquisition: Acquisition) -> str:
    """Where the spread of the layer's light comes from, for records."""
    spread = acquisition.scintillator.spread
    return "computed by light transport" if spread is None else f"{spread.origin}: {spread.note}"


def run_check(scene_name: str) -> None:
    """Validate a scene and print what will run."""
    scene = load_scene(scene_name)
    acquisition = plan_acquisition(scene, scene_folder(scene_name))
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
    for label, text in rows:
        print(f"{label:<14}{text}")


def _reported(
    sequence: Iterator[npt.NDArray[np.uint16]], frames: int, progress: Callable[[float], None]
) -> Iterator[npt.NDArray[np.uint16]]:
    for number, raw_dn in enumerate(sequence):
        progress((number + 1) / frames)
        yield raw_dn


def _write_npy(out: Path, sequence: Iterator[npt.NDArray[np.uint16]], frames: int, acquisition: Acquisition) -> None:
    shape = (frames, acquisition.geometry.rows, acquisition.geometry.cols)
    with whole_file(out) as temporary, temporary.open("wb") as file:
        header = {"descr": "<u2", "fortran_order": False, "shape": shape if frames > 1 else shape[1:]}
        np.lib.format.write_array_header_1_0(file, header)
        for raw_dn in sequence:
            file.write(raw_dn.astype("<u2", copy=False).tobytes())


def _write_truth(path: Path, acquisition: Acquisition, exposure: Exposure | None, pattern: tuple[float, ...]) -> None:
    """Maps of the panel and the noiseless exposure, per pixel, without blur."""
    maps, samples = acquisition.maps, acquisition.scene.sampling.samples_per_pixel
    planes: dict[str, npt.NDArray[Any]] = {
        "offset_dn": maps.offset_dn,
        "response": maps.response,
        "dark_electrons_per_s": maps.dark_electrons_per_s,
        "noise_factor": maps.noise_factor,
        "defects": maps.defects,
    }
    for name, plane in (("nonlinearity", maps.nonlinearity), ("lag_factor", maps.lag_factor)):
        if plane is not None:
            planes[name] = plane
    if acquisition.scene.sequence is not None:
        planes["relative_exposure"] = np.array(pattern)
    if exposure is not None:
        shape = (acquisition.geometry.rows, samples, acquisition.geometry.cols, samples)
        planes["quanta"] = exposure.quanta.reshape(shape).sum(axis=(1, 3))
        planes["light"] = exposure.light.reshape(shape).sum(axis=(1, 3))
        planes["light_spread"] = exposure.spread_light
    with whole_file(path) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **planes)

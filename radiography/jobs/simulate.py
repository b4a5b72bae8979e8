"""Simulation of a scene: raw frames in a file, with what they say about themselves."""

from __future__ import annotations

import json
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from calibration.conditions import Conditions, conditions_to_json
from radiography.acquire import (
    Acquisition,
    acquire_sequence,
    expose,
)
from radiography.beam.spectrum import mean_energy_keV
from radiography.dose_history import dose_terms
from radiography.files.frames import write_tiff
from radiography.files.tiff import MOST_PAGES
from radiography.files.truth_store import SUFFIXES, Behind, LayerPlace, about_back, create_truth, zarr_library
from radiography.jobs.inputs import (
    Report,
    all_or_none,
    check_at_least,
    check_writable,
    keep_apart,
    no_report,
)
from radiography.jobs.truth import check_layer_names, truthful_sequence, write_shared_layers
from radiography.jobs.truth_card import card_text, data_card
from radiography.jobs.valid import validate_scene
from radiography.panel.panel import shielded_columns
from radiography.parts import SceneParts
from radiography.plan import plan_parts
from radiography.projection.focal_spot import spot_size_mm
from radiography.scene import Scene, beam_pattern, relative_exposures
from radiography.truth.layers import BACK

TOLD_SATURATED = 0.005  # chosen: of the pixels of a frame; fewer are hot pixels, or what `check` lets pass


@dataclass(frozen=True)
class Simulation:
    """Raw frames that were written.

    Attributes
    ----------
    out, truth : Path, Path or None
        File of the frames, and file or folder of the ground truth behind them.
    back : Path or None
        File of the frames of a dual-layer panel's back layer, from the same exposures.
    frames, seed : int
        Frames in the file, and the seed that they came from. [1]
    scene : Scene
        What was simulated.
    warnings : tuple of str
        What is likely a slip in the scene, and frames of which more than `TOLD_SATURATED` of the pixels saturate.
    """

    out: Path
    truth: Path | None
    frames: int
    seed: int
    scene: Scene
    back: Path | None = None
    warnings: tuple[str, ...] = ()


def simulate_scene(
    scene: str | Path,
    out: str | Path,
    *,
    frames: int | None = None,
    seed: int = 1,
    truth: str | Path | None = None,
    back: str | Path | None = None,
    json_file: Path | None = None,
    report: Report = no_report,
) -> Simulation:
    """Raw frames of a scene in a file, and the truth behind them where asked for.

    A dual-layer panel gives two files. Every X-ray quantum is absorbed in the front layer, in the back layer or in
    neither, each by its own chance: parts of a Poisson number of quanta that are sorted like that are independent
    Poisson numbers, so each layer draws its own.

    Parameters
    ----------
    scene : str or Path
        Scene file, or the name of a shipped scene.
    out : str or Path
        Raw frames: multi-page .tif or .npy.
    frames : int, optional
        Frames one after the other; without a number as many as the scene's sequence has, or one. [1]
    seed : int
        Same seed, same bytes.
    truth : str or Path, optional
        Ground truth beside the frames: a new .zarr folder, or an .npz file, which holds the layers of the frame
        itself where it is one frame only. Of a dual-layer panel that of both layers, the back layer's under `back/`.
    back : str or Path, optional
        Frames of the back layer of a dual-layer panel; without a name ``NAME_back`` beside ``out``.
    json_file : Path, optional
        Where the caller will write numbers: refused where that would overwrite what the scene reads.
    report : callable
        Called with what is being done and the fraction of it that is done, 0 to 1.

    Returns
    -------
    simulation : Simulation

    Raises
    ------
    ValueError, TypeError, OSError
        In one sentence, if the scene or a name is wrong; no file is left behind then.
    """
    out, truth = Path(out), None if truth is None else Path(truth)
    if frames is not None:
        check_at_least("frames", frames, 1, MOST_PAGES)
    check_at_least("seed", seed, 0)
    check_writable(out, (".tif", ".tiff", ".npy"))
    if truth is not None:
        check_writable(truth, SUFFIXES)
        if truth.suffix.lower() == ".zarr":
            zarr_library()
    valid = validate_scene(scene)
    for doubt in valid.doubts:
        warnings.warn(doubt, stacklevel=2)
    described = valid.parts.scene
    back = _back_file(valid.parts, out, back)
    if truth is not None:
        check_layer_names(valid.parts.phantom)
    inputs = valid.inputs
    keep_apart([out, truth, back, json_file], [scene, *inputs])
    report("planning", 0.0)
    acquisition = plan_parts(valid.parts, lambda done: report("following light", done))
    rng = scene_rng(described, seed)
    pattern = relative_exposures(described, frames, rng)
    count = len(pattern)
    with all_or_none(out, truth, back) as places, ExitStack() as stores:
        store = None if truth is None else stores.enter_context(create_truth(places[truth]))
        metadata, behind = raw_metadata(acquisition, seed, count), None
        said, doubts = _write_layer(acquisition, (places[out], out), (rng, pattern), metadata, store, report)
        if back is not None and acquisition.back is not None:
            behind, rng = back_metadata(acquisition, seed, count), scene_rng(described, seed, layer=1)
            place = None if store is None else Behind(store)
            drawn = (rng, pattern)
            of_back, more = _write_layer(acquisition.back, (places[back], back), drawn, behind, place, report)
            doubts += more
            said |= {BACK + name: about_back(name, about) for name, about in of_back.items()}
        if store is not None:
            card = data_card(acquisition, metadata, said, [path for path in inputs if path.is_file()], behind)
            store.close(card, card_text(card))
    return Simulation(out, truth, count, seed, described, back, (*valid.doubts, *doubts))


def _write_layer(
    acquisition: Acquisition,
    file: tuple[Path, Path],
    drawn: tuple[np.random.Generator, tuple[float, ...]],
    metadata: dict[str, Any],
    store: LayerPlace | None,
    report: Report,
) -> tuple[dict[str, Any], list[str]]:
    """Frames of one layer into a file, of which place and name are given, and the truth.

    What is said of the truth, and what to doubt of the frames.
    """
    rng, pattern = drawn
    said: dict[str, Any] = {}
    doing = "exposing the back layer" if metadata.get("layer") == "back" else "exposing"
    report(doing, 0.0)
    exposure = expose(acquisition, lambda done: report(doing, done))
    sequence = acquire_sequence(acquisition, exposure, None, rng, pattern)
    if store is not None:
        said = write_shared_layers(store, acquisition, exposure, pattern, report)
        if store.frames_axis or len(pattern) == 1:
            sequence = truthful_sequence(store, acquisition, exposure, rng, pattern, said)
    saturated: list[int] = []
    sequence = _counted(sequence, acquisition.panel.saturation_dn, saturated)
    _write_frames(*file, sequence, acquisition, metadata, report)
    return said, doubts_of_frames(file[1].name, saturated, acquisition)


def doubts_of_frames(name: str, saturated: Sequence[int], acquisition: Acquisition) -> list[str]:
    """Frames of which more than `TOLD_SATURATED` of the pixels saturate, in a sentence.

    Parameters
    ----------
    name : str
        Of their file.
    saturated : sequence of int
        Pixels of each frame at or above the panel's `saturation_dn`. [1]
    acquisition : Acquisition
        Of the layer that gave them.

    Returns
    -------
    doubts : list of str
        One, or none.
    """
    pixels = acquisition.geometry.rows * acquisition.geometry.cols
    told = sum(count > TOLD_SATURATED * pixels for count in saturated)
    if not told:
        return []
    worst = int(np.argmax(saturated))
    frames = f", the most of {told} such frames of {len(saturated)}," if len(saturated) > 1 else ""
    return [
        f"{name}: {saturated[worst]} of the {pixels} pixels of frame {worst}{frames} are at or above "
        f"{acquisition.panel.saturation_dn:.0f} DN, from which on a pixel counts as saturated (saturation_dn)"
    ]


def _back_file(parts: SceneParts, out: Path, back: str | Path | None) -> Path | None:
    """Where the frames of the back layer go; None for a panel with one layer."""
    if parts.panel.back is None:
        if back is not None:
            raise ValueError(f"--back is for panels with a [back] layer, but '{parts.panel.name}' has one layer only")
        return None
    back = out.with_name(f"{out.stem}_back{out.suffix}") if back is None else Path(back)
    check_writable(back, (".tif", ".tiff", ".npy"))
    return back


def scene_rng(scene: Scene, seed: int, layer: int = 0) -> np.random.Generator:
    """Generator for a scene and a seed: two scenes of one seed share no random numbers.

    Flats and images of one seed would otherwise have the same noise, which a gain map would then take out. What a scene
    leaves at its later default, None, does not count, so that a scene keeps its frames when scenes learn something new.

    Parameters
    ----------
    scene : Scene
        What is simulated.
    seed : int
        Same seed, same numbers. [1]
    layer : int
        0 for the layer of the panel, 1 for the back layer of a dual-layer panel, which so takes nothing from the
        numbers of the front layer. [1]

    Returns
    -------
    rng : numpy.random.Generator
    """
    table = asdict(scene)
    geometry = table["geometry"]
    spot = [(geometry, f"focal_spot_{key}") for key in ("height_mm", "image", "pitch_mm")]
    later = [(table, key) for key in ("temperature_C", "sequence", "scatter", "grid")]
    for place, key in (*later, (table["timing"], "exposure_time_s"), *spot):
        if place[key] is None:
            del place[key]
    if not scene.volume:
        del table["volume"]
    if geometry["focal_spot_samples"] is None:
        geometry["focal_spot_samples"] = 1  # the default that it had when it was a number
    if geometry["focal_spot_shape"] == "square":
        del geometry["focal_spot_shape"]
    resolved = json.dumps(table, sort_keys=True, default=str)
    return np.random.default_rng([seed, zlib.crc32(resolved.encode()), *([layer] if layer else [])])


def scene_record(scene: Scene) -> dict[str, Any]:
    """A scene as JSON values; volumes are left out where there are none, as in records of before there were any."""
    table = asdict(scene)
    if not scene.volume:
        del table["volume"]
    return table


def frame_conditions(acquisition: Acquisition) -> Conditions:
    """How the raw frames of a scene are taken."""
    scene, panel = acquisition.scene, acquisition.panel
    reference_C = panel.photodiode.dark_reference_C
    return Conditions(
        serial=panel.serial,
        panel=panel.name,
        scintillator=acquisition.scintillator.name,
        binning=1,
        gain_mode=panel.readout.gain_mode,
        integration_time_s=scene.timing.integration_time_s,
        frame_interval_s=scene.timing.frame_interval_s,
        exposure_time_s=scene.timing.exposure_time_s,
        temperature_C=reference_C if scene.temperature_C is None else scene.temperature_C,
        air_kerma_uGy=scene.beam.air_kerma_uGy,
        kvp=acquisition.beam.kvp,
        beam_quality=acquisition.beam.name,
        anode=acquisition.beam.anode,
        source_to_detector_mm=scene.geometry.source_to_detector_mm,
        focal_spot_mm=max(spot_size_mm(acquisition.geometry)),
        saturation_dn=panel.saturation_dn,
        pitch_mm=acquisition.geometry.pitch_mm,
        shielded_cols=shielded_columns(panel),
    )


def raw_metadata(acquisition: Acquisition, seed: int, frames: int) -> dict[str, Any]:
    """What a raw frame says about itself: the resolved scene, the panel, the seed and the version.

    ``beam_on`` lists runs of frames, each as its number of frames and whether the beam was on.

    Parameters
    ----------
    acquisition : Acquisition
        From `plan_acquisition`.
    seed : int
        Same seed, same numbers. [1]
    frames : int
        In the file. [1]

    Returns
    -------
    metadata : dict
        JSON values.
    """
    scene, spectrum = acquisition.scene, acquisition.spectrum
    dark = scene.beam.air_kerma_uGy == 0
    layer, panel = acquisition.scintillator, acquisition.panel
    remembered = {name: terms for name, terms in dose_terms(layer, panel).items() if terms}
    beam_on = ((not dark) and on for on in beam_pattern(scene.sequence, frames))
    return {
        "kind": "raw",
        "software": f"radiography {version('radiography')}",
        "scene": scene_record(scene),
        **conditions_to_json(frame_conditions(acquisition)),
        "light_spread": light_origin(acquisition),
        "beam_on": [[len(list(run)), on] for on, run in groupby(beam_on)],
        "mean_energy_keV": None if dark else mean_energy_keV(spectrum),
        "seed": seed,
        "frames": frames,
        **({"dose_history": remembered} if remembered else {}),
        **({"layer": "front"} if acquisition.back is not None else {}),
    }


def back_metadata(acquisition: Acquisition, seed: int, frames: int) -> dict[str, Any]:
    """What a raw frame of a dual-layer panel's back layer says about itself.

    Parameters
    ----------
    acquisition : Acquisition
        Of the panel.
    seed : int
        Same seed, same numbers. [1]
    frames : int
        In the file. [1]

    Returns
    -------
    metadata : dict
        JSON values, as of `raw_metadata`: scene, air kerma and spectrum are those in front of the panel, serial and
        distance are those of the back layer.

    Raises
    ------
    ValueError
        If the panel has one layer.
    """
    if acquisition.back is None:
        raise ValueError(f"panel '{acquisition.panel.name}' has one layer only")
    front, back = raw_metadata(acquisition, seed, frames), raw_metadata(acquisition.back, seed, frames)
    return {**back, **{key: front[key] for key in ("scene", "air_kerma_uGy", "mean_energy_keV")}, "layer": "back"}


def light_origin(acquisition: Acquisition) -> str:
    """Where the spread of the layer's light comes from, for records."""
    spread = acquisition.scintillator.spread
    return "computed by light transport" if spread is None else f"{spread.origin}: {spread.note}"


def _reported(
    sequence: Iterator[npt.NDArray[np.uint16]], frames: int, report: Report
) -> Iterator[npt.NDArray[np.uint16]]:
    report("frames", 0.0)
    for number, raw_dn in enumerate(sequence):
        report("frames", (number + 1) / frames)
        yield raw_dn


def _counted(
    sequence: Iterator[npt.NDArray[np.uint16]], saturation_dn: float, saturated: list[int]
) -> Iterator[npt.NDArray[np.uint16]]:
    """The same frames; of each the number of pixels at or above a level is appended to a list."""
    for raw_dn in sequence:
        saturated.append(int(np.count_nonzero(raw_dn >= saturation_dn)))
        yield raw_dn


def _write_frames(
    place: Path,
    name: Path,
    sequence: Iterator[npt.NDArray[np.uint16]],
    acquisition: Acquisition,
    metadata: dict[str, Any],
    report: Report,
) -> None:
    """Frames of one layer into the file that will have this name."""
    count, geometry = metadata["frames"], acquisition.geometry
    sequence = _reported(sequence, count, report)
    if name.suffix.lower() == ".npy":
        _write_npy(place, sequence, count, acquisition)
        return
    stack_bytes = count * geometry.rows * geometry.cols * 2
    write_tiff(place, sequence, geometry.pitch_mm, metadata, big=stack_bytes > 2**31)


def _write_npy(out: Path, sequence: Iterator[npt.NDArray[np.uint16]], frames: int, acquisition: Acquisition) -> None:
    shape = (frames, acquisition.geometry.rows, acquisition.geometry.cols)
    with out.open("wb") as file:
        header = {"descr": "<u2", "fortran_order": False, "shape": shape if frames > 1 else shape[1:]}
        np.lib.format.write_array_header_1_0(file, header)
        for raw_dn in sequence:
            file.write(raw_dn.astype("<u2", copy=False).tobytes())

"""Frames of a benchmark: every exposure of its protocol through the whole chain, corrected by our own correction.

    darks, flats -> calibration set;  flats of several doses, edges, objects -> corrected;  beam on, off -> lag

Files hold the middle of the panel, as large as the measurements need it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from calibration.calibration_set import load_calibration_set, save_calibration_set
from calibration.conditions import conditions_to_json
from calibration.correct import CorrectedFrame, correct_frame, fill_lost_pixels, plan_correction
from calibration.correction.plan import CorrectionPlan
from calibration.learn import FrameStack, learn_panel
from phantoms.edge import EDGE_LENGTH_MM
from radiography.acquire import Acquisition, Exposure, acquire_sequence, expose, scaled
from radiography.analysis.detector_qc.lag import DEFINITION, measure_lag
from radiography.beam.tube import Beam
from radiography.config import load_scene
from radiography.files.frames import write_tiff
from radiography.jobs.benchmark_contrast import PLATE_HEIGHT_MM, plate_for
from radiography.jobs.json_text import write_json
from radiography.jobs.simulate import frame_conditions, raw_metadata, scene_rng
from radiography.light.decay import emit_light
from radiography.light.scintillator import Scintillator
from radiography.panel.panel import Panel
from radiography.panel.trapping import FrameTimes, trap_charge
from radiography.parts import load_parts
from radiography.plan import plan_parts
from radiography.scene import BeamChoice, BeamSequence, PhantomChoice, Scene, SolidChoice, Timing

SCENE = "flat"  # what the benchmark's scenes have in common with
IEC_SIDE_MM = 125.0  # side of the region whose noise is measured, IEC 62220-1-1:2015
EDGE_SIDE_MM = EDGE_LENGTH_MM - 10.0  # of the region around an edge, clear of the plate's ends
EDGES: dict[str, Literal["left", "top"]] = {"vertical": "left", "horizontal": "top"}  # edge -> side that it covers
TILT_DEG = 2.5  # IEC 62220-1-1:2015: 1.5 to 3 degrees
STEP_MM, STEP_RADIUS_MM = 1.0, 8.0  # of the aluminium disc whose contrast is measured   # chosen
CARD_HEIGHT_MM = 20.0  # of the network card above the panel, as in the shipped scene
PLATE_FRAMES = 4  # of the contrast-detail plate; their scatter is the error of its contrasts   # chosen
PICTURE_PX = 640  # side of the part of a picture that the report shows, at most   # chosen: 0.8 MB each
LAG_TIMING = Timing(integration_time_s=0.2, frame_interval_s=0.2)  # what the panel's traps are fitted at
LAG_SEQUENCE = BeamSequence(dark_before=8, beam_on=20, beam_off=8)  # chosen

Frame = NDArray[np.float32]


@dataclass(frozen=True)
class Protocol:
    """Doses and numbers of frames of a benchmark of one layer.

    ``doses_uGy`` of the dose series, its nominal one among them, and ``high_uGy`` of calibration flats, edges and lag;
    ``darks`` and ``calibration_flats`` of the calibration, ``flats`` of each dose, and ``edges`` of each edge. [uGy, 1]
    """

    doses_uGy: tuple[float, ...]
    high_uGy: float
    darks: int
    calibration_flats: int
    flats: int
    edges: int


@dataclass(frozen=True, eq=False)
class Bench:
    """What all exposures of one layer share; ``names`` of layer, panel and beam, shipped or of files."""

    layer: Scintillator
    panel: Panel
    beam: Beam
    names: tuple[str, str, str]
    protocol: Protocol
    seed: int


Report = Callable[[float], None]


def central(panel: Panel, side_mm: float) -> tuple[int, int, int, int]:
    """The middle of the panel, a square of at most some side, where it carries the layer.

    Parameters
    ----------
    panel : Panel
        Pixels and coating.
    side_mm : float
        [mm]

    Returns
    -------
    region : tuple of int
        First and end row, first and end column. [pixel]
    """
    pixels = panel.pixels
    coating = [mm for mm in (panel.coating.rows_mm, panel.coating.cols_mm) if mm is not None]
    side = min(pixels.rows, pixels.cols, round(side_mm / pixels.pitch_mm))
    side = min([side, *(int(mm / pixels.pitch_mm) for mm in coating)])
    row, col = (pixels.rows - side) // 2, (pixels.cols - side) // 2
    return row, row + side, col, col + side


def write_calibration(bench: Bench, folder: Path, report: Report) -> None:
    """Calibration set of the panel, from its own darks and flats.

    Parameters
    ----------
    bench : Bench
        Layer, panel, protocol and seed.
    folder : Path
        Folder to write into.
    report : callable
        Called with the fraction that is done. [1]
    """
    protocol = bench.protocol
    dark = _acquisition(bench, "calibration darks", 0.0)
    flat = _acquisition(bench, "calibration flats", protocol.high_uGy)
    total = protocol.darks + protocol.calibration_flats

    def counted(frames: Iterator[NDArray[np.uint16]], before: int) -> Iterator[NDArray[np.uint16]]:
        for number, raw_dn in enumerate(frames):
            report((before + number + 1) / total)
            yield raw_dn

    darks = acquire_sequence(dark, None, protocol.darks, scene_rng(dark.scene, bench.seed))
    open_field = _open_field(bench, protocol.high_uGy)
    flats = acquire_sequence(flat, open_field, protocol.calibration_flats, scene_rng(flat.scene, bench.seed))
    calibration = learn_panel(
        [FrameStack(counted(darks, 0), "dark", frame_conditions(dark))],
        [FrameStack(counted(flats, protocol.darks), "flat", frame_conditions(flat))],
        saturation_dn=bench.panel.saturation_dn,
        conditions=frame_conditions(flat),
        provenance={"seed": bench.seed, "software": f"radiography {version('radiography')}"},
    )
    save_calibration_set(calibration, folder / "calibration.cal")


def write_flats(bench: Bench, calibration_file: Path, folder: Path, report: Report) -> None:
    """Corrected flats of each dose, the flags of their pixels, and the mean charge of each dose.

    Parameters
    ----------
    bench : Bench
        Layer, panel, protocol and seed.
    calibration_file : Path
        Calibration set of the panel.
    folder : Path
        Folder to write into.
    report : callable
        Called with the fraction that is done. [1]
    """
    calibration = load_calibration_set(calibration_file)
    plan = plan_correction(calibration)
    region = central(bench.panel, IEC_SIDE_MM)
    doses, count = bench.protocol.doses_uGy, bench.protocol.flats
    good = calibration.defects[_cut(region)] == 0
    signal_dn = []
    for place, dose in enumerate(doses):
        acquisition = _acquisition(bench, "flats", dose)
        open_field = _open_field(bench, dose)
        frames = acquire_sequence(acquisition, open_field, count, scene_rng(acquisition.scene, bench.seed))
        means: list[float] = []

        def corrected(frames=frames, means=means, place=place) -> Iterator[Frame]:  # type: ignore[no-untyped-def]
            for number, (raw_dn, frame) in enumerate(_corrected(frames, plan)):
                above = raw_dn[_cut(region)][good] - calibration.offset_dn[_cut(region)][good]
                means.append(float(above.mean(dtype=np.float64)))
                yield frame.corrected_dn[_cut(region)].copy()
                report((place + (number + 1) / count) / len(doses))

        _write(bench, acquisition, folder / flats_name(dose), corrected(), region)
        signal_dn.append(float(np.mean(means)))
    flags = {"kind": "flags", "software": f"radiography {version('radiography')}"}
    write_tiff(folder / "flags.tif", calibration.defects[_cut(region)].copy(), bench.panel.pixels.pitch_mm, flags)
    write_json(folder / "signal.json", {"air_kerma_uGy": list(doses), "raw_signal_dn": signal_dn})


def flats_name(dose_uGy: float) -> str:
    """File of the corrected flats of a dose."""
    return f"flats_{dose_uGy:g}uGy.tif"


def write_edges(bench: Bench, calibration_file: Path, folder: Path, report: Report) -> None:
    """Corrected frames of a tungsten edge in both directions.

    Parameters
    ----------
    bench : Bench
        Layer, panel, protocol and seed.
    calibration_file : Path
        Calibration set of the panel.
    folder : Path
        Folder to write into.
    report : callable
        Called with the fraction that is done. [1]
    """
    plan = plan_correction(load_calibration_set(calibration_file))
    region = central(bench.panel, IEC_SIDE_MM)
    for place, (edge, side) in enumerate(EDGES.items()):
        phantom = PhantomChoice("tungsten_edge", {"tilt_deg": TILT_DEG, "covered_side": side}, (0.0, 0.0, 2.0))
        acquisition = _acquisition(bench, f"{edge} edge", bench.protocol.high_uGy, phantom=phantom)
        exposure = expose(acquisition, lambda done, place=place: report((place + 0.8 * done) / len(EDGES)))  # type: ignore[misc]
        rng = scene_rng(acquisition.scene, bench.seed)
        frames = acquire_sequence(acquisition, exposure, bench.protocol.edges, rng)
        parts = (frame.corrected_dn[_cut(region)].copy() for _, frame in _corrected(frames, plan))
        _write(bench, acquisition, folder / f"edge_{edge}.tif", parts, region)
        report((place + 1) / len(EDGES))


def write_objects(bench: Bench, calibration_file: Path, folder: Path, report: Report) -> None:
    """Network card, aluminium disc and contrast-detail plate at the nominal dose, over the level of the open field.

    Parameters
    ----------
    bench : Bench
        Layer, panel, protocol and seed.
    calibration_file : Path
        Calibration set of the panel.
    folder : Path
        Folder to write into.
    report : callable
        Called with the fraction that is done. [1]
    """
    calibration = load_calibration_set(calibration_file)
    plan = plan_correction(calibration)
    dose = nominal(bench.protocol)
    card = PhantomChoice("network_card", {}, (0.0, 0.0, CARD_HEIGHT_MM))
    disc = SolidChoice("cylinder", "Al", (0.0, 0.0, 1.0), radius_mm=STEP_RADIUS_MM, length_mm=STEP_MM)
    pitch = bench.panel.pixels.pitch_mm
    regions = {
        "card": central(bench.panel, PICTURE_PX * pitch),
        "disc": central(bench.panel, 4 * STEP_RADIUS_MM),
        "plate": central(bench.panel, IEC_SIDE_MM),
    }
    side_mm = (regions["plate"][1] - regions["plate"][0]) * pitch
    plate = PhantomChoice("contrast_detail", plate_for(side_mm), (0.0, 0.0, PLATE_HEIGHT_MM))
    scenes: dict[str, dict[str, Any]] = {"card": {"phantom": card}, "disc": {"solids": (disc,)}}
    scenes["plate"] = {"phantom": plate}
    for place, (name, things) in enumerate(scenes.items()):
        acquisition = _acquisition(bench, name, dose, **things)
        exposure = expose(acquisition, lambda done, place=place: report((place + 0.8 * done) / len(scenes)))  # type: ignore[misc]
        count = PLATE_FRAMES if name == "plate" else 1
        frames = acquire_sequence(acquisition, exposure, count, scene_rng(acquisition.scene, bench.seed))
        region = regions[name]
        level = np.float32(calibration.level_dn * dose / bench.protocol.high_uGy)
        parts = (frame.corrected_dn[_cut(region)] / level for _, frame in _corrected(frames, plan))
        _write(bench, acquisition, folder / f"{name}.tif", parts, region)
        report((place + 1) / len(scenes))


def write_lag(bench: Bench, calibration_file: Path, folder: Path, report: Report) -> None:
    """Signal left in the frames after the beam went off, relative to the mean exposed frame.

    Parameters
    ----------
    bench : Bench
        Layer, panel, protocol and seed.
    calibration_file : Path
        Calibration set of the panel.
    folder : Path
        Folder to write into.
    report : callable
        Called with the fraction that is done. [1]
    """
    calibration = load_calibration_set(calibration_file)
    plan = plan_correction(calibration)
    acquisition = _acquisition(bench, "lag sequence", bench.protocol.high_uGy, timing=LAG_TIMING, sequence=LAG_SEQUENCE)
    good = calibration.defects == 0
    open_field = _open_field(bench, bench.protocol.high_uGy)
    frames = acquire_sequence(acquisition, open_field, None, scene_rng(acquisition.scene, bench.seed))
    means = []
    for number, (_, frame) in enumerate(_corrected(frames, plan)):
        means.append(float(frame.corrected_dn[good].mean(dtype=np.float64)))
        report((number + 1) / LAG_SEQUENCE.frames)
    lag = measure_lag(means)
    write_json(
        folder / "lag.json",
        {
            "definition": DEFINITION,
            "frame": lag.frame,
            "residual": lag.residual,
            "standard_error": lag.standard_error,
            "frame_interval_s": LAG_TIMING.frame_interval_s,
            "exposed_frames": LAG_SEQUENCE.beam_on,
        },
    )


def predicted_lag(bench: Bench, signal_electrons: float) -> NDArray[np.float64]:
    """The lag of one noiseless pixel, from the times of layer and panel alone.

    Parameters
    ----------
    bench : Bench
        Layer and panel.
    signal_electrons : float
        Of an exposed frame. [electrons]

    Returns
    -------
    residual : (F,) float64
        In the frames after the beam went off, as `write_lag` measures it. [1]
    """
    layer, panel, timing = bench.layer, bench.panel, LAG_TIMING
    charge = np.full((1, 1), signal_electrons, np.float32)
    glow, traps, signal = None, None, []
    times = FrameTimes(timing.integration_time_s, timing.exposure_time_s)
    for on in (*([True] * LAG_SEQUENCE.beam_on), *([False] * LAG_SEQUENCE.beam_off)):
        light = charge if on else np.zeros_like(charge)
        emitted, glow = emit_light(light, glow, layer, timing.integration_time_s, timing.frame_interval_s)
        read, traps = trap_charge(emitted, traps, panel.lag, timing.frame_interval_s, panel.lag_exposure, times=times)
        signal.append(float(read[0, 0]))
    return measure_lag([0.0] * LAG_SEQUENCE.dark_before + signal).residual


def nominal(protocol: Protocol) -> float:
    """The dose that the benchmark is asked for, the middle one of its series. [uGy]"""
    return protocol.doses_uGy[len(protocol.doses_uGy) // 2]


@lru_cache(maxsize=1)  # that of the layer which is worked on: 0.3 GB at full size
def _brightest(bench: Bench) -> Exposure | None:
    """Means of the open field at the highest dose."""
    return expose(_acquisition(bench, "open field", bench.protocol.high_uGy))


def _open_field(bench: Bench, dose_uGy: float) -> Exposure | None:
    """Means of the open field at a dose; the X-rays are computed once for all of them."""
    return scaled(_brightest(bench), dose_uGy / bench.protocol.high_uGy)


def _acquisition(bench: Bench, what: str, dose_uGy: float, **things: Any) -> Acquisition:
    """A scene of the benchmark on its panel, planned."""
    layer_name, panel_name, beam_name = bench.names
    scene: Scene = replace(
        load_scene(SCENE),
        description=f"benchmark: {what}",
        scintillator=layer_name,
        panel=panel_name,
        beam=BeamChoice(beam_name, dose_uGy),
        **things,
    )
    parts = load_parts(scene, Path())
    pixels = bench.panel.pixels
    geometry = replace(parts.geometry, rows=pixels.rows, cols=pixels.cols)
    return plan_parts(replace(parts, panel=bench.panel, geometry=geometry))


def _corrected(
    frames: Iterator[NDArray[np.uint16]], plan: CorrectionPlan
) -> Iterator[tuple[NDArray[np.uint16], CorrectedFrame]]:
    """Raw frames and what the correction makes of them; the planes are written over by the next one."""
    frame: CorrectedFrame | None = None
    for raw_dn in frames:
        frame = correct_frame(raw_dn, plan, frame)
        fill_lost_pixels(frame)
        yield raw_dn, frame


def _write(
    bench: Bench, acquisition: Acquisition, path: Path, frames: Iterator[Frame], region: tuple[int, int, int, int]
) -> None:
    """Corrected frames in a file that says what they are of."""
    said = raw_metadata(acquisition, bench.seed, 1)
    said = {key: value for key, value in said.items() if key not in ("frames", "beam_on")}
    said |= {"kind": "corrected", "region": list(region), **conditions_to_json(frame_conditions(acquisition))}
    write_tiff(path, frames, bench.panel.pixels.pitch_mm, said)


def _cut(region: tuple[int, int, int, int]) -> tuple[slice, slice]:
    return slice(region[0], region[1]), slice(region[2], region[3])

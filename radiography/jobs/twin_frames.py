"""Frames of a layer on an even panel, as a perfect calibration would leave them: for judging a twin, and for its tests.

Every pixel is alike and offset is known, so that what is left is what layer, beam and electronics do: spread, noise
and signal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from phantoms.edge import tungsten_edge
from phantoms.solids import Phantom, move_phantom
from radiography.acquire import acquire_frame, acquire_sequence, expose
from radiography.beam.tube import Beam
from radiography.light.scintillator import Scintillator
from radiography.panel.panel import Coating, Panel, Uniformity
from radiography.parts import SceneParts
from radiography.plan import Acquisition, plan_parts
from radiography.projection.geometry import Geometry
from radiography.scene import BeamChoice, Scene, Setup, Timing

FAR_MM = 20_000.0  # of the source: rays all but parallel, a field without a trend
EDGE_HEIGHT_MM = 2.0  # of the plate above the panel

Picture = npt.NDArray[np.float32]
Side = Literal["left", "right", "top", "bottom"]


@dataclass(frozen=True, eq=False)
class TwinParts:
    """Layer, panel and beam that frames are simulated of, the time of a frame, and whether its lag is mended."""

    scintillator: Scintillator
    panel: Panel
    beam: Beam
    timing: Timing
    lag_corrected: bool = True


def even_panel(panel: Panel, rows: int, cols: int, *, lag: bool) -> Panel:
    """A panel of other size whose pixels are all alike, linear, usable and coated.

    Parameters
    ----------
    panel : Panel
        Pitch, diodes and noise.
    rows, cols : int
        [pixel]
    lag : bool
        Whether its traps catch charge.

    Returns
    -------
    panel : Panel
    """
    return Panel(  # built anew, so that whatever else makes pixels differ is left out
        name=panel.name,
        description=panel.description,
        serial=panel.serial,
        map_seed=panel.map_seed,
        pixels=replace(panel.pixels, rows=rows, cols=cols, shielded_cols_left=0, shielded_cols_right=0),
        coating=Coating(),
        cover=panel.cover,
        photodiode=panel.photodiode,
        lag=panel.lag if lag else (),
        readout=replace(panel.readout, offset_spread_dn=0.0),
        uniformity=Uniformity(0.0, 0.0, 0.0, 0, 0),
        lag_exposure=panel.lag_exposure if lag else None,
        stack=panel.stack,
    )


def simulated_flats(
    parts: TwinParts, air_kerma_uGy: float, count: int, shape: tuple[int, int], rng: np.random.Generator
) -> list[Picture]:
    """Flat frames without offset.

    Parameters
    ----------
    parts : TwinParts
        What is simulated.
    air_kerma_uGy : float
        Of each frame. [uGy]
    count : int
        Frames. [1]
    shape : (int, int)
        Rows and columns. [pixel]
    rng : numpy.random.Generator
        Same state, same frames.

    Returns
    -------
    frames : list of (H, W) float32
        [DN]  With lag mended each is of a rested panel; else they follow one another, the first after many others.
    """
    plan = _planned(parts, air_kerma_uGy, shape, None)
    exposure = expose(plan)
    if parts.lag_corrected:
        return [_corrected(acquire_frame(plan, exposure, rng)[0], plan) for _ in range(count)]
    before = _frames_to_steady(parts)
    frames = acquire_sequence(plan, exposure, before + count, rng, (1.0,) * (before + count))
    return [_corrected(raw, plan) for number, raw in enumerate(frames) if number >= before]


def simulated_edge(
    parts: TwinParts,
    air_kerma_uGy: float,
    count: int,
    shape: tuple[int, int],
    rng: np.random.Generator,
    *,
    tilt_deg: float = 2.5,
    covered_side: Side = "left",
) -> Picture:
    """Mean of frames of a slanted tungsten edge, without offset.

    Parameters
    ----------
    parts : TwinParts
        What is simulated; frames are of a rested panel.
    air_kerma_uGy : float
        In the open field. [uGy]
    count : int
        Frames. [1]
    shape : (int, int)
        Rows and columns. [pixel]
    rng : numpy.random.Generator
        Same state, same frames.
    tilt_deg : float
        Of the edge against columns or rows. [deg]
    covered_side : {"left", "right", "top", "bottom"}
        Where the plate lies.

    Returns
    -------
    edge : (H, W) float32
        [DN]
    """
    phantom = move_phantom(
        tungsten_edge(tilt_deg=tilt_deg, covered_side=covered_side), position_mm=(0.0, 0.0, EDGE_HEIGHT_MM)
    )
    plan = _planned(replace(parts, lag_corrected=True), air_kerma_uGy, shape, phantom)
    exposure = expose(plan)
    total = np.zeros(shape, np.float64)
    for _ in range(count):
        total += _corrected(acquire_frame(plan, exposure, rng)[0], plan)
    return (total / count).astype(np.float32)


def simulated_lag(
    parts: TwinParts, air_kerma_uGy: float, beam_on: Sequence[bool], side: int, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Mean signal of each frame of a sequence of exposed and dark frames, from a panel long in the dark.

    Parameters
    ----------
    parts : TwinParts
        What is simulated; its lag is not mended here.
    air_kerma_uGy : float
        Of an exposed frame. [uGy]
    beam_on : sequence of bool
        One for each frame.
    side : int
        Of the square that is averaged. [pixel]
    rng : numpy.random.Generator
        Same state, same frames.

    Returns
    -------
    signal_dn : (N,) float64
        Without offset. [DN]
    """
    plan = _planned(replace(parts, lag_corrected=False), air_kerma_uGy, (side, side), None)
    frames = acquire_sequence(plan, expose(plan), len(beam_on), rng, [float(on) for on in beam_on])
    return np.array([_corrected(raw, plan).mean(dtype=np.float64) for raw in frames])


def _planned(parts: TwinParts, air_kerma_uGy: float, shape: tuple[int, int], phantom: Phantom | None) -> Acquisition:
    panel = even_panel(parts.panel, *shape, lag=not parts.lag_corrected)
    scene = Scene(
        description="frames of a twin",
        panel=panel.name,
        scintillator=parts.scintillator.name,
        beam=BeamChoice(parts.beam.name, float(air_kerma_uGy)),
        geometry=Setup(source_to_detector_mm=FAR_MM),
        timing=parts.timing,
    )
    geometry = Geometry(
        source_to_detector_mm=FAR_MM,
        rows=shape[0],
        cols=shape[1],
        pitch_mm=panel.pixels.pitch_mm,
        medium="air" if parts.beam.air_path_mm > 0 else "vacuum",
    )
    return plan_parts(SceneParts(scene, panel, parts.scintillator, parts.beam, geometry, phantom, {}))


def _corrected(raw_dn: npt.NDArray[np.uint16], plan: Acquisition) -> Picture:
    dark = plan.maps.dark_electrons_per_s * plan.scene.timing.integration_time_s / plan.panel.readout.electrons_per_dn
    return (raw_dn - (plan.maps.offset_dn + dark)).astype(np.float32)


def _frames_to_steady(parts: TwinParts) -> int:
    """Frames until the fastest-released traps are steady; slow ones hold less than a frame shows."""
    slow = [term.time_s for term in parts.panel.lag if term.time_s < 10.0 * parts.timing.frame_interval_s]
    return min(40, 3 + int(np.ceil(3.0 * max(slow, default=0.0) / parts.timing.frame_interval_s)))

"""Judgement of a twin by frames that it was not made from: its own frames are simulated and measured like them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from radiography.jobs.twin_frames import Side, TwinParts, simulated_edge, simulated_flats, simulated_lag
from radiography.panel.panel import Panel
from radiography.study.twin_judge import Judged, judge_dose, judge_edge, judge_lag
from radiography.study.twin_measured import DoseFrames, measure_dose, measure_edge

FLAT_SIDE, FLAT_FRAMES = 512, 16  # simulated, per dose: noise power to 0.5 % in a bin
EDGE_FRAMES = 4
LAG_SIDE = 128  # of the simulated frames
EDGE_KERMA_UGY = 10.0  # assumed for an edge that says nothing of its own; its MTF does not depend on it

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class UnseenLag:
    """A sequence of exposed and dark frames.

    Attributes
    ----------
    signal_dn : (N,) float64
        Mean of each frame, without offset. [DN]
    beam_on : tuple of bool
        One for each frame.
    air_kerma_uGy : float
        Of an exposed frame. [uGy]
    noise_dn : float
        Standard error of such a mean. [DN]
    """

    signal_dn: FloatArray
    beam_on: tuple[bool, ...]
    air_kerma_uGy: float
    noise_dn: float = 0.05


def judge_twin(
    parts: TwinParts,
    *,
    flats: Sequence[DoseFrames] = (),
    edges: Sequence[npt.NDArray[np.floating]] = (),
    lag: UnseenLag | None = None,
    defects: npt.NDArray[np.bool_] | None = None,
    seed: int = 0,
    flat_side: int = FLAT_SIDE,
    flat_frames: int = FLAT_FRAMES,
    progress: Callable[[float], None] | None = None,
) -> tuple[Judged, ...]:
    """Variance, noise power, MTF and lag of unseen frames against those of the twin.

    Parameters
    ----------
    parts : TwinParts
        The twin: layer, panel and beam, timing of the frames, and whether their lag was mended.
    flats : sequence of DoseFrames
        Corrected flat frames of doses that the twin was not made from.
    edges : sequence of (H, W) arrays
        Corrected frames of edges that the twin was not made from. [DN]
    lag : UnseenLag, optional
        A sequence that it was not made from.
    defects : (H, W) bool, optional
        True where a pixel of the frames is unusable.
    seed : int
        Same seed, same judgement.
    flat_side, flat_frames : int
        Size of the simulated flat frames [pixel] and how many. [1]
    progress : callable, optional
        Called with the fraction done.

    Returns
    -------
    judged : tuple of Judged

    Raises
    ------
    TypeError, ValueError
        If there is nothing to judge by, or frames cannot be measured.
    """
    steps = len(flats) + len(edges) + (lag is not None)
    if steps == 0:
        raise ValueError("a twin is judged by unseen flat frames, edges or lag, got none of them")
    report = progress or (lambda done: None)
    pitch_mm = parts.panel.pixels.pitch_mm
    seeds = iter(np.random.SeedSequence(seed).spawn(steps))
    found: list[Judged] = []
    done = 0
    for flat in flats:
        rng = np.random.default_rng(next(seeds))
        frames = simulated_flats(parts, flat.air_kerma_uGy, flat_frames, (flat_side, flat_side), rng)
        made = measure_dose(DoseFrames(flat.air_kerma_uGy, frames), pitch_mm)
        found += judge_dose(measure_dose(flat, pitch_mm, defects), made)
        done += 1
        report(done / steps)
    for edge in edges:
        rng = np.random.default_rng(next(seeds))
        seen = measure_edge(edge, pitch_mm, defects)
        side: Side = "left" if seen.orientation == "vertical" else "top"
        shape = (min(edge.shape[0], flat_side), min(edge.shape[1], flat_side))
        picture = simulated_edge(parts, EDGE_KERMA_UGY, EDGE_FRAMES, shape, rng, covered_side=side)
        found += judge_edge(seen, measure_edge(picture, pitch_mm))
        done += 1
        report(done / steps)
    if lag is not None:
        rng = np.random.default_rng(next(seeds))
        signal = simulated_lag(parts, lag.air_kerma_uGy, lag.beam_on, LAG_SIDE, rng)
        found += judge_lag(lag.signal_dn, signal, lag.beam_on, (lag.noise_dn, _noise_of_mean(parts.panel)))
        report(1.0)
    return tuple(found)


def _noise_of_mean(panel: Panel) -> float:
    """Standard error of the mean of a simulated dark frame. [DN]"""
    readout = panel.readout
    pixel = np.hypot(readout.reset_noise_electrons, readout.amplifier_noise_electrons) / LAG_SIDE
    line = np.hypot(readout.line_noise_electrons, readout.column_noise_electrons) / np.sqrt(LAG_SIDE)
    return float(np.hypot(pixel, line) / readout.electrons_per_dn)

"""Judgement of a twin by frames that it was not made from: its own frames are simulated and measured like them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from calibration.calibration_set import CalibrationSet
from calibration.dark.scale import offset_at
from calibration.flags import SHIELDED, UNCOATED, UNUSABLE
from calibration.lag.sequence import StepSequence, measure_step
from calibration.learn import FrameStack
from radiography.jobs.twin_frames import Side, TwinParts, simulated_edge, simulated_flats, simulated_lag
from radiography.panel.panel import Panel
from radiography.scene import Timing
from radiography.study.twin_judge import Judged, judge_dose, judge_edge, judge_lag, judge_variance
from radiography.study.twin_measured import DoseFrames, measure_dose, measure_edge

FLAT_SIDE, FLAT_FRAMES = 512, 16  # simulated, per dose: noise power to 0.5 % in a bin
LAG_LEFT_FRAMES = 8  # simulated after those that steady the traps, per dose
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
    air_kerma_uGy : float or None
        Of an exposed frame; None takes that which gives the twin the signal of the last one. [uGy]
    noise_dn : float
        Standard error of such a mean. [DN]
    timing : Timing or None
        Of the sequence; None is that of the twin's other frames.
    """

    signal_dn: FloatArray
    beam_on: tuple[bool, ...]
    air_kerma_uGy: float | None
    noise_dn: float = 0.05
    timing: Timing | None = None


def unseen_lag(stack: FrameStack, calibration: CalibrationSet, exposure: float = 1.0) -> UnseenLag:
    """A sequence of exposed and dark raw frames as means without offset.

    Parameters
    ----------
    stack : FrameStack
        Frames in the order in which they were taken, from a panel long read in the dark.
    calibration : CalibrationSet
        Of the panel.
    exposure : float
        Of the typical pixel over that on the axis of the beam. [1]

    Returns
    -------
    lag : UnseenLag

    Raises
    ------
    ValueError
        As `calibration.lag.sequence.measure_step`.
    """
    said = stack.conditions
    offset_dn = offset_at(
        calibration.offset_dn, calibration.dark_rate_dn_per_s, calibration.dark_time_s, said.integration_time_s
    )
    sequence = StepSequence(stack.frames, frame_interval_s=said.frame_interval_s, name=stack.name)
    unusable = (calibration.defects & (UNUSABLE | SHIELDED | UNCOATED)) != 0
    curve = measure_step(sequence, offset_dn, unusable, calibration.saturation_dn)
    interval_s = float(np.median(curve.elapsed_s))
    integration_s = min(said.integration_time_s or interval_s, interval_s)
    exposure_s = None if said.exposure_time_s is None else min(said.exposure_time_s, integration_s)
    return UnseenLag(
        signal_dn=curve.signal_dn,
        beam_on=tuple(bool(one) for one in curve.exposed),
        air_kerma_uGy=None if not said.air_kerma_uGy else exposure * said.air_kerma_uGy,
        noise_dn=curve.noise_dn,
        timing=Timing(integration_s, interval_s, exposure_s),
    )


def judge_twin(
    parts: TwinParts,
    *,
    flats: Sequence[DoseFrames] = (),
    with_lag: Sequence[DoseFrames] = (),
    edges: Sequence[npt.NDArray[np.floating]] = (),
    lags: Sequence[UnseenLag] = (),
    roi: tuple[int, int, int, int] | None = None,
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
    with_lag : sequence of DoseFrames
        The same corrected but for lag, whose variance shows what a wrong lag correction hides on both sides.
    edges : sequence of (H, W) arrays
        Corrected frames of edges that the twin was not made from. [DN]
    lags : sequence of UnseenLag
        Sequences that it was not made from.
    roi : (first row, end row, first column, end column), optional
        Where the edges lie. [pixel]
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
    steps = len(flats) + len(edges) + len(lags) + len(with_lag)
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
        seen = measure_edge(edge, pitch_mm, defects, roi)
        side: Side = "left" if seen.orientation == "vertical" else "top"
        shape = (min(edge.shape[0], flat_side), min(edge.shape[1], flat_side))
        picture = simulated_edge(parts, EDGE_KERMA_UGY, EDGE_FRAMES, shape, rng, covered_side=side)
        found += judge_edge(seen, measure_edge(picture, pitch_mm))
        done += 1
        report(done / steps)
    for lag in lags:
        rng = np.random.default_rng(next(seeds))
        of_lag = replace(parts, timing=lag.timing or parts.timing)
        kerma_uGy = lag.air_kerma_uGy or _kerma_of(of_lag, lag)
        signal = simulated_lag(of_lag, kerma_uGy, lag.beam_on, LAG_SIDE, rng)
        found += judge_lag(lag.signal_dn, signal, lag.beam_on, (lag.noise_dn, _noise_of_mean(parts.panel)))
        done += 1
        report(done / steps)
    for flat in with_lag:
        rng = np.random.default_rng(next(seeds))
        raw = replace(parts, lag_corrected=False)
        frames = simulated_flats(raw, flat.air_kerma_uGy, LAG_LEFT_FRAMES, (flat_side, flat_side), rng)
        made = measure_dose(DoseFrames(flat.air_kerma_uGy, frames), pitch_mm)
        found.append(judge_variance(measure_dose(flat, pitch_mm, defects), made, "lag left in"))
        done += 1
        report(done / steps)
    return tuple(found)


def _noise_of_mean(panel: Panel) -> float:
    """Standard error of the mean of a simulated dark frame. [DN]"""
    readout = panel.readout
    pixel = np.hypot(readout.reset_noise_electrons, readout.amplifier_noise_electrons) / LAG_SIDE
    line = np.hypot(readout.line_noise_electrons, readout.column_noise_electrons) / np.sqrt(LAG_SIDE)
    return float(np.hypot(pixel, line) / readout.electrons_per_dn)


def _kerma_of(parts: TwinParts, lag: UnseenLag) -> float:
    """Air kerma that gives the twin the signal of a sequence's last exposed frame. [uGy]"""
    last = int(np.flatnonzero(lag.beam_on)[-1])
    signal_dn = simulated_lag(parts, 1.0, lag.beam_on[: last + 1], LAG_SIDE, np.random.default_rng(0))[-1]
    return float(lag.signal_dn[last] / signal_dn)

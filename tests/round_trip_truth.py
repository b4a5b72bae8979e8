"""Panels with effects switched on one by one, and what a perfect panel would have delivered in their place.

Frames and truth both come from the forward chain; the calibration package appears here only where frames are handed to
it. The truth is the exposure's own mean: light at each pixel times fill factor and quantum efficiency, and the charge
of X-rays in the diode itself. No response, offset, dark current, lag, non-linearity or noise is in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.calibration_set import CalibrationSet
from calibration.conditions import Conditions
from calibration.correct import CorrectedFrame, CorrectionPlan, correct_frame
from calibration.learn import FrameStack, learn_panel
from radiography.acquire import Acquisition, Exposure, acquire_sequence, expose, plan_acquisition
from radiography.config import load_scene
from radiography.panel.maps import PanelMaps, draw_panel_maps
from radiography.panel.panel import Panel, dark_current_factor, shielded_columns
from radiography.scene import Timing

KERMA_UGY = 10.73  # of strength 1: CsI then delivers 6,455 DN, about a tenth of full scale (60,000 DN)
CALIBRATION_C = 25.0
PIXEL_NOISE_ELECTRONS = float(np.hypot(400.0, 1445.0))  # reset and amplifier noise of the shipped panels
INTEGRATION_S, INTERVAL_S = 0.1, 0.2
LAYER_GLARE = "[glare]\nfraction = 0.05\nlength_mm = 1.0"  # short beside the panel

SCENE = """
description = "part of a panel"
panel = "cut.toml"
scintillator = "layer.toml"
[beam]
name = "paper_70kV"
air_kerma_uGy = {kerma}
[geometry]
source_to_detector_mm = {distance}
[sampling]
samples_per_pixel = 1
rays_per_sample = 2
{plate}
"""
PANEL = """
based_on = "worn"
name = "cut"
description = "{rows} x {cols} pixels of the worn panel"
serial = "CUT"
map_seed = 11
[pixels]
rows = {rows}
cols = {cols}
shielded_cols_left = 0
shielded_cols_right = 0
"""
# 2 mm of tungsten over the left half: nothing comes through, and beside its edge the beam is as hard as in the flats.
PLATE = """
[[solids]]
shape = "box"
material = "W"
size_mm = [{width}, 1000.0, 2.0]
position_mm = [-{half}, 0.0, 2.0]
"""

Raw = NDArray[Any]
Plane = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Rig:
    """One panel under one beam: the chain, and its mean exposure with the field open and behind the plate."""

    chain: Acquisition
    open_field: Exposure
    behind_plate: Exposure

    @property
    def panel(self) -> Panel:
        return self.chain.panel

    @property
    def maps(self) -> PanelMaps:
        return self.chain.maps


def build_rig(
    folder: Path, rows: int = 80, cols: int = 112, *, distance: float = 1000.0, glare: str = "", afterglow: bool = False
) -> Rig:
    """Caesium iodide on a panel of the worn kind without any of its effects."""
    (folder / "cut.toml").write_text(PANEL.format(rows=rows, cols=cols))
    (folder / "layer.toml").write_text(f'based_on = "CsI_Tl_500um"\n{glare}')
    width = 0.139 * cols
    plate = PLATE.format(width=width, half=width / 2)
    chains = []
    for name, solids in (("open", ""), ("plate", plate)):
        (folder / f"{name}.toml").write_text(SCENE.format(kerma=KERMA_UGY, distance=distance, plate=solids))
        chains.append(plan_acquisition(load_scene(folder / f"{name}.toml"), folder))
    exposures = [expose(chain) for chain in chains]
    assert exposures[0] is not None and exposures[1] is not None
    chain = chains[0]
    if not afterglow:
        chain = replace(chain, scintillator=replace(chain.scintillator, afterglow=()))
    return at(with_panel(Rig(chain, exposures[0], exposures[1]), clean_panel(chain.panel)))


def clean_panel(panel: Panel) -> Panel:
    """The panel with every effect at zero but pixel noise, the full well and the ADC."""
    perfect = {
        "response_spread": 0.0,
        "amplifier_spread": 0.0,
        "defective_fraction": 0.0,
        "defective_rows": 0,
        "defective_cols": 0,
        "nonlinearity": 0.0,
        "nonlinearity_spread": 0.0,
        "lagging_fraction": 0.0,
        "nonlinear_fraction": 0.0,
    }
    return changed(
        replace(panel, lag=(), lag_exposure=None),
        photodiode={"dark_electrons_per_s": 0.0},
        readout={"line_noise_electrons": 0.0, "offset_spread_dn": 0.0, "columns_per_amplifier": 32},
        uniformity=perfect,
    )


def changed(panel: Panel, **tables: dict[str, Any]) -> Panel:
    """The panel with some entries of its tables changed."""
    return replace(panel, **{name: replace(getattr(panel, name), **entries) for name, entries in tables.items()})


def with_panel(rig: Rig, panel: Panel, maps: PanelMaps | None = None) -> Rig:
    """The same beam on another panel of the same pixels."""
    return replace(rig, chain=replace(rig.chain, panel=panel, maps=maps or draw_panel_maps(panel)))


def at(
    rig: Rig,
    integration_time_s: float = INTEGRATION_S,
    frame_interval_s: float = INTERVAL_S,
    warmer_K: float = 0.0,
) -> Rig:
    """The same panel at another integration time, and so many kelvin above the temperature of the calibration."""
    timing = Timing(integration_time_s=integration_time_s, frame_interval_s=max(frame_interval_s, integration_time_s))
    factor = np.float32(dark_current_factor(rig.panel, CALIBRATION_C + warmer_K))
    maps = replace(rig.maps, dark_electrons_per_s=rig.maps.dark_electrons_per_s * factor)
    return replace(rig, chain=replace(rig.chain, scene=replace(rig.chain.scene, timing=timing), maps=maps))


def frames_of(rig: Rig, strengths: Sequence[float], seed: int, *, plate: bool = False) -> Iterable[Raw]:
    """Raw frames of a rested panel, exposed at these multiples of the rig's kerma; 0 is dark."""
    exposure = rig.behind_plate if plate else rig.open_field
    return acquire_sequence(rig.chain, exposure, None, np.random.default_rng(seed), strengths)


def stack_of(rig: Rig, strengths: Sequence[float], seed: int) -> FrameStack:
    """The same as a stack of the calibration; its exposure is told where it is one."""
    timing = rig.chain.scene.timing
    kerma = strengths[0] * KERMA_UGY if len(set(strengths)) == 1 and strengths[0] > 0 else None
    conditions = Conditions(
        integration_time_s=timing.integration_time_s,
        frame_interval_s=timing.frame_interval_s,
        temperature_C=CALIBRATION_C,
        air_kerma_uGy=kerma,
    )
    return FrameStack(list(frames_of(rig, strengths, seed)), f"stack {seed}", conditions)


def calibrate(
    rig: Rig,
    darks: int = 32,
    flats: int = 32,
    doses: Sequence[float] = (2.0,),
    *,
    dark_times_s: Sequence[float] = (INTEGRATION_S,),
    lag: Sequence[Sequence[float]] = (),
    check: FrameStack | None = None,
    seed: int = 1000,
    distance_mm: float = 1000.0,
) -> CalibrationSet:
    """A calibration of the rig's panel from frames of its own, flats at the rig's timing."""
    return learn_panel(
        [stack_of(at(rig, time_s), [0.0] * darks, seed + k) for k, time_s in enumerate(dark_times_s)],
        [stack_of(rig, [dose] * flats, seed + 100 + k) for k, dose in enumerate(doses)],
        saturation_dn=rig.panel.saturation_dn,
        conditions=Conditions(
            source_to_detector_mm=distance_mm,
            pitch_mm=rig.panel.pixels.pitch_mm,
            shielded_cols=shielded_columns(rig.panel),
        ),
        provenance={},
        lag=[stack_of(rig, strengths, seed + 200 + k) for k, strengths in enumerate(lag)],
        check=[check] if check else [],
    )


def corrected_frames(
    rig: Rig,
    plan: CorrectionPlan,
    strengths: Sequence[float],
    seed: int,
    *,
    plate: bool = False,
    dark_scale: Callable[[Raw], float] | None = None,
) -> list[CorrectedFrame]:
    """A sequence of a rested panel, corrected frame by frame."""
    frames: list[CorrectedFrame] = []
    for raw_dn in frames_of(rig, strengths, seed, plate=plate):
        state = frames[-1].state if frames else None
        scale = dark_scale(raw_dn) if dark_scale else None
        elapsed_s = rig.chain.scene.timing.frame_interval_s
        frames.append(correct_frame(raw_dn, plan, state=state, elapsed_s=elapsed_s, dark_scale=scale))
    return frames


def electrons(rig: Rig, exposure: Exposure) -> Plane:
    """Mean charge in each pixel of the perfect panel. [electrons]"""
    diode = rig.panel.photodiode
    from_light = exposure.spread_light.astype(np.float64) * (diode.fill_factor * rig.chain.quantum_efficiency)
    return from_light + exposure.diode_energy_keV * (1000.0 / diode.energy_per_electron_eV)


def relative_truth(rig: Rig, *, plate: bool) -> Plane:
    """Picture of the perfect panel over that of its open field. [1]"""
    return electrons(rig, rig.behind_plate if plate else rig.open_field) / electrons(rig, rig.open_field)


def dn_per_strength(calibration: CalibrationSet, doses: Sequence[float]) -> float:
    """Corrected value that the calibration gives the open field of strength 1: its level over the flats' exposure."""
    told = calibration.provenance.get("doses")
    if told is None:
        return calibration.level_dn / doses[0]
    lowest_error = [number for number, dose in enumerate(doses) if 0.5 <= dose <= 2.0]
    return float(np.mean([told[number]["target_dn"] / sorted(doses)[number] for number in lowest_error]))


DEFECTS = {  # kind -> pixels, in parts of the panel of their own
    "dead": (np.array([10, 10, 11, 11, 40]), np.array([10, 11, 10, 11, 50])),
    "dead row": (np.full(60, 70), np.arange(40, 100)),
    "under": (np.array([20, 33]), np.array([20, 90])),
    "over": (np.array([25, 36]), np.array([30, 80])),
    "noisy": (np.array([30, 15]), np.array([40, 100])),
    "hot": (np.array([35]), np.array([60])),
    "lagging": (np.array([45, 50]), np.array([25, 75])),
    "non-linear": (np.array([55, 60]), np.array([35, 85])),
    "non-uniform": (np.array([18, 62]), np.array([70, 15])),
    "ring": (np.array([48, 48, 48, 49, 49, 50, 50, 50]), np.array([99, 100, 101, 99, 101, 99, 100, 101])),
}
SURROUNDED = (49, 100)


def planted(rig: Rig, drifted: bool = False) -> Rig:
    """The rig with one defect of each kind and more; ``drifted`` is when the non-uniform pixels respond 4 % more."""
    maps = rig.maps
    response, dark = maps.response.copy(), maps.dark_electrons_per_s.copy()
    noise, bent = maps.noise_factor.copy(), np.full_like(response, 0.03)
    lag = np.ones_like(response)
    for kind in ("dead", "dead row", "ring"):
        response[DEFECTS[kind]] = 0.0
    response[DEFECTS["under"]] *= 0.35
    response[DEFECTS["over"]] *= 1.6
    if drifted:
        response[DEFECTS["non-uniform"]] *= 1.04
    dark[DEFECTS["hot"]] = 9e7  # 36,000 DN in 0.1 s, above half of the range
    noise[DEFECTS["noisy"]] = 12.0
    bent[DEFECTS["non-linear"]] = 0.35
    lag[DEFECTS["lagging"]] = 10.0
    return with_panel(
        rig,
        rig.panel,
        replace(
            maps, response=response, dark_electrons_per_s=dark, noise_factor=noise, nonlinearity=bent, lag_factor=lag
        ),
    )

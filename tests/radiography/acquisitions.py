"""Acquisitions on 48 x 64 pixels that several test files start from."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from radiography.acquire import (
    Acquisition,
    acquire_frame,
    acquire_sequence,
    expose,
    plan_acquisition,
)
from radiography.config import load_scene

SMALL_PANEL = """
based_on = "fully_coated"
name = "small"
description = "48 x 64 pixels of the full panel"
serial = "SMALL"
map_seed = 3
[pixels]
rows = 48
cols = 64
[uniformity]
response_spread = {spread}
amplifier_spread = 0.0
defective_fraction = 0.0
defective_rows = 0
defective_cols = 0
"""

WORN_PANEL = """
based_on = "worn"
name = "small"
description = "48 x 64 pixels of the worn panel"
serial = "SMALL"
map_seed = 3
[pixels]
rows = 48
cols = 64
shielded_cols_left = {left}
shielded_cols_right = {right}
[uniformity]
response_spread = 0.0
amplifier_spread = 0.0
defective_fraction = {defective}
defective_rows = 0
defective_cols = 0
lagging_fraction = {defective}
nonlinear_fraction = {defective}
"""

SCENE = """
description = "small scene"
panel = "small.toml"
scintillator = "{scintillator}"
[beam]
name = "paper_70kV"
air_kerma_uGy = {kerma}
[geometry]
source_to_detector_mm = {distance}
{extra}
"""

FLUOROSCOPY = """
[timing]
integration_time_s = 0.06
frame_interval_s = 0.0667
exposure_time_s = 0.06
[sequence]
dark_before = 2
beam_on = 3
beam_off = 4
exposure_spread = {spread}
"""


def planned(
    folder: Path,
    kerma: float = 15.0,
    scintillator: str = "CsPbBr3_75um",
    extra: str = "",
    distance: float = 1000.0,
    temperature: float | None = None,
) -> Acquisition:
    """An acquisition of the 48 x 64 panel without defects or response spread."""
    (folder / "small.toml").write_text(SMALL_PANEL.format(spread=0.0))
    text = SCENE.format(scintillator=scintillator, kerma=kerma, extra=extra, distance=distance)
    (folder / "scene.toml").write_text(("" if temperature is None else f"temperature_C = {temperature}\n") + text)
    return plan_acquisition(load_scene(folder / "scene.toml"), folder)


def worn(
    folder: Path, kerma: float = 15.0, extra: str = "", left: int = 0, right: int = 0, defective: float = 0.0
) -> Acquisition:
    """An acquisition with CsI on 48 x 64 pixels of the worn panel."""
    (folder / "small.toml").write_text(WORN_PANEL.format(left=left, right=right, defective=defective))
    text = SCENE.format(scintillator="CsI_Tl_500um", kerma=kerma, extra=extra, distance=1000.0)
    (folder / "scene.toml").write_text(text)
    return plan_acquisition(load_scene(folder / "scene.toml"), folder)


def mean_frame(acquisition: Acquisition, frames: int = 8) -> np.ndarray:
    """Mean raw frame above the offset, first frame of a rested panel each time. [electrons]"""
    exposure, rng = expose(acquisition), np.random.default_rng(5)
    total = np.zeros(acquisition.maps.response.shape)
    for _ in range(frames):
        total += acquire_frame(acquisition, exposure, rng)[0]
    return (total / frames - acquisition.maps.offset_dn) * acquisition.panel.readout.electrons_per_dn


def trapped_after_half_a_second(acquisition: Acquisition) -> list[float]:
    """Fraction of a short exposure that each population of traps holds at the readout."""
    return [term.fraction * np.exp(-0.5 / term.time_s) for term in acquisition.panel.lag]


def sequence_of(acquisition: Acquisition, frames: int | None = None, **more: object) -> list[np.ndarray]:
    return list(acquire_sequence(acquisition, expose(acquisition), frames, np.random.default_rng(2), **more))

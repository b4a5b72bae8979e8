"""A small panel taken through the jobs once: scenes, raw frames, a calibration set and a corrected edge."""

from __future__ import annotations

from pathlib import Path

import pytest

from radiography.jobs.calibrate import calibrate_panel
from radiography.jobs.preparation import Wanted
from radiography.jobs.reconstruct import reconstruct_frames
from radiography.jobs.simulate import simulate_scene

PANEL = """
based_on = "fully_coated"
name = "small"
description = "48 x 64 pixels of the full panel"
serial = "SMALL-1"
map_seed = 3
[pixels]
rows = 48
cols = 64
[readout]
columns_per_amplifier = 16
[uniformity]
defective_fraction = 0.004
defective_rows = 0
defective_cols = 1
"""

SCENE = """
description = "{description}"
panel = "small.toml"
scintillator = "CsPbBr3_75um"
[beam]
name = "paper_70kV"
air_kerma_uGy = {kerma}
[geometry]
source_to_detector_mm = 1000.0
{extra}
"""

EDGE = """
[phantom]
name = "tungsten_edge"
position_mm = [0.0, 0.0, 1.0]
parameters = { tilt_deg = 3.0 }
"""


@pytest.fixture(scope="session")
def line(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of dark, flat and edge scenes and frames, small.cal and edge_corrected.tif with its flags."""
    folder = tmp_path_factory.mktemp("line")
    (folder / "small.toml").write_text(PANEL)
    for name, kerma, extra, frames in (("dark", 0.0, "", 8), ("flat", 15.0, "", 8), ("edge", 15.0, EDGE, 1)):
        (folder / f"{name}.toml").write_text(SCENE.format(description=name, kerma=kerma, extra=extra))
        simulate_scene(folder / f"{name}.toml", folder / f"{name}.tif", frames=frames)
    calibrate_panel(folder / "dark.tif", folder / "flat.tif", folder / "small.cal")
    reconstruct_frames(
        folder / "edge.tif", folder / "small.cal", folder / "edge_corrected.tif", wanted=Wanted(flags=True)
    )
    return folder


class Followed:
    """How far a job said it was, by what it was doing."""

    def __init__(self) -> None:
        self.done: dict[str, float] = {}

    def __call__(self, what: str, done: float) -> None:
        """Remember the fraction done."""
        assert self.done.get(what, 0.0) <= done <= 1.0
        self.done[what] = done


@pytest.fixture
def followed() -> Followed:
    """A report that remembers, and that finds fractions out of order."""
    return Followed()


@pytest.fixture(autouse=True)
def silent(capfd: pytest.CaptureFixture[str], line: Path) -> object:
    """No job prints anything."""
    capfd.readouterr()
    yield
    printed = capfd.readouterr()
    assert (printed.out, printed.err) == ("", "")

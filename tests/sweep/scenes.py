"""A small scene and sweeps of it, and tasks that other processes find by name."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from radiography.sweep.sample import SampleResult, SampleTask, do_sample

PANEL = """
based_on = "fully_coated"
name = "small"
description = "48 x 64 pixels"
[pixels]
rows = 48
cols = 64
"""
SCENE = """
description = "a flat"
panel = "small.toml"
scintillator = "CsPbBr3_75um"
[beam]
name = "paper_70kV"
air_kerma_uGy = 15.0
[geometry]
source_to_detector_mm = 1000.0
[[solids]]
shape = "sphere"
material = "Al"
radius_mm = 1.0
position_mm = [0.0, 0.0, 10.0]
"""
SWEEP = """
base = "flat.toml"
seed = 3
frames = 2
[axes]
"beam.air_kerma_uGy" = {kerma}
"solids.0.radius_mm" = [0.5, 1.0]
[keep]
numbers = ["signal_dn", "noise_dn"]
frames = {pictures}
truth = {pictures}
"""


def sweep_file(folder: Path, kerma: str = "[1.0, 4.0, 16.0]", pictures: str = "false", name: str = "sweep") -> Path:
    """A sweep of 2 samples for each kerma, with its scene and panel beside it."""
    (folder / "small.toml").write_text(PANEL, encoding="utf-8")
    (folder / "flat.toml").write_text(SCENE, encoding="utf-8")
    path = folder / f"{name}.toml"
    path.write_text(SWEEP.format(kerma=kerma, pictures=pictures), encoding="utf-8")
    return path


def die() -> None:
    """End this process as the system does that has no memory left."""
    if hasattr(signal, "SIGKILL"):
        os.kill(os.getpid(), signal.SIGKILL)
    os._exit(9)


def square(item: int) -> int:
    """A task that cannot fail."""
    return item * item


def square_or_die_once(item: tuple[int, str]) -> int:
    """A task whose worker dies the first time that it is at number 3."""
    number, folder = item
    if number == 3 and not (Path(folder) / "died").exists():
        (Path(folder) / "died").touch()
        die()
    return number * number


def square_or_die(item: int) -> int:
    """A task whose worker dies whenever it is at number 2."""
    if item == 2:
        die()
    return item * item


def setting(key: str) -> object:
    """A setting of Dask, as a worker has it."""
    import dask

    return dask.config.get(key)


def refuse(item: int) -> int:
    """A task that finds its input wrong."""
    raise ValueError(f"{item} is refused")


def slow_sample(task: SampleTask, item: tuple[int, str]) -> SampleResult:
    """A sample that takes long enough for its worker to be killed meanwhile, and says who had it."""
    (task.store.folder.parent / f"pid-{os.getpid()}").touch()
    time.sleep(0.3)
    return do_sample(task, item)


def poisonous_sample(task: SampleTask, item: tuple[int, str]) -> SampleResult:
    """A sample whose worker dies whenever it is at number 3."""
    if item[0] == 3:
        die()
    return do_sample(task, item)

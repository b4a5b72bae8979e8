"""Time of exposure and frame with oblique rays and heel effect, beside a checkout from before, side by side in one run.

    git worktree add /some/folder efb2040
    python benchmarks/bench_oblique.py --before /some/folder [--scene edge] [--pixels 3072] [--repeats 5]

Each checkout has a process of its own that has planned the scene and compiled its kernels, with a cache of its own.
They take turns, exposure by exposure and frame by frame, while the others wait. "heel" is this checkout with
`anode_direction`. Processor time stands beside wall time. The ratio is of medians, to "before".
"""

from __future__ import annotations

import argparse
import csv
import os
import platform
import statistics
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import IO

HERE = Path(__file__).resolve().parents[1]
HEADER = (
    "version",
    "what",
    "scintillator",
    "pixels",
    "median_s",
    "lowest_s",
    "highest_s",
    "cpu_s",
    "ratio",
    "cpu_ratio",
)


def work(options: argparse.Namespace) -> None:
    """Plan a scene; then do what each line of the input says, and answer with wall and processor time."""
    import numpy as np

    from radiography.acquire import acquire_frame, expose, plan_acquisition
    from radiography.config import DATA_FOLDER, load_panel, load_scene

    scene = replace(load_scene(options.scene), scintillator=options.scintillator)
    if options.heel:
        scene = replace(scene, beam=replace(scene.beam, anode_direction="+rows"))
    folder = DATA_FOLDER / "scenes"
    if options.pixels != load_panel(scene.panel).pixels.rows:
        panel = Path(options.folder) / "panel.toml"
        size = f"rows = {options.pixels}\ncols = {options.pixels}"
        panel.write_text(
            f'based_on = "{scene.panel}"\nname = "part"\ndescription = "part"\n[pixels]\n{size}\n',
            encoding="utf-8",
            newline="\n",
        )
        scene = replace(scene, panel=str(panel))
    acquisition = plan_acquisition(scene, folder)
    exposure, rng = expose(acquisition), np.random.default_rng(1)
    acquire_frame(acquisition, exposure, rng)
    print("ready", flush=True)
    for line in sys.stdin:
        wall, processor = time.perf_counter(), time.process_time()
        if line.strip() == "exposure":
            exposure = expose(acquisition)
        else:
            acquire_frame(acquisition, exposure, rng)
        print(time.perf_counter() - wall, time.process_time() - processor, flush=True)


def started(checkout: Path, options: argparse.Namespace, *more: str) -> subprocess.Popen[str]:
    """A process of one checkout, once it is ready."""
    chosen = [f"--{name}={getattr(options, name)}" for name in ("scene", "scintillator", "pixels", "folder")]
    process = subprocess.Popen(
        [sys.executable, __file__, "--work", *chosen, *more],
        env={**os.environ, "PYTHONPATH": str(checkout), "XDG_CACHE_HOME": str(Path(options.folder) / checkout.name)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    if _pipe(process.stdout).readline().strip() != "ready":
        raise RuntimeError(f"the checkout {checkout} did not get ready")
    return process


def asked(process: subprocess.Popen[str], what: str) -> tuple[float, float]:
    """Wall and processor time of one exposure or frame. [s]"""
    print(what, file=_pipe(process.stdin), flush=True)
    wall, processor = _pipe(process.stdout).readline().split()
    return float(wall), float(processor)


def _pipe(pipe: IO[str] | None) -> IO[str]:
    if pipe is None:
        raise RuntimeError("a process has no pipe")
    return pipe


def main() -> None:
    """Print or write one line per version and task."""
    parser = argparse.ArgumentParser(description="Time of oblique rays.")
    parser.add_argument("--before", type=Path)
    parser.add_argument("--scene", default="edge")
    parser.add_argument("--scintillator", default="CsI_Tl_500um")
    parser.add_argument("--pixels", type=int, default=3072)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--folder", default="/tmp")
    parser.add_argument("--output", type=Path)
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--heel", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options)
        return
    if options.before is None:
        parser.error("--before needs the folder of the other checkout")
    versions = {"before": started(options.before, options), "here": started(HERE, options)}
    versions["heel"] = started(HERE, options, "--heel")
    rows = []
    for what in ("exposure", "frame"):
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in versions}
        for _ in range(options.repeats):
            for name, process in versions.items():
                times[name].append(asked(process, what))
        base = [statistics.median(column) for column in zip(*times["before"], strict=True)]
        for name, found in times.items():
            wall, processor = (sorted(column) for column in zip(*found, strict=True))
            middle = [statistics.median(wall), statistics.median(processor)]
            seconds = (f"{value:.3f}" for value in (middle[0], wall[0], wall[-1], middle[1]))
            ratios = (f"{value / before:.2f}" for value, before in zip(middle, base, strict=True))
            rows.append((name, what, options.scintillator, options.pixels, *seconds, *ratios))
    for process in versions.values():
        _pipe(process.stdin).close()
        process.wait()
    target = options.output.open("w", encoding="utf-8", newline="") if options.output else sys.stdout
    python, machine = platform.python_version(), platform.machine()
    print(f"# {options.scene}, {options.repeats} turns each after a warm-up; {machine}, Python {python}", file=target)
    csv.writer(target, lineterminator="\n").writerows([HEADER, *rows])


if __name__ == "__main__":
    main()

"""Costs of the physics: histories per second, a layer's plan from nothing, and a frame beside that of an older commit.

    git worktree add ../older efb2040
    python benchmarks/bench_physics.py --older ../older [--repeats 5] [--results FILE.csv]

Everything is measured in one run. Each measurement has a process of its own, started in the checkout that it measures;
frames of the two checkouts take turns. Compilation and tube spectra are done before the clock starts; a plan starts
from an empty cache folder. Electrons are those that X-rays set free in the film on its photodiode, where the checkout
follows them.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parents[1]
LAYERS = ("CsPbBr3_75um", "CsI_Tl_500um")
PLAN_AIM_S = 30.0  # for a layer, on two cores
HEADER = ("what", "checkout", "layer", "threads", "median", "lowest", "highest", "unit", "machine")


def timed(work: Callable[[], object], repeats: int) -> list[float]:
    """Wall times; the caller has warmed up. [s]"""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return times


def xray_rates(layer: str, repeats: int) -> list[float]:
    """X-ray histories per second in a layer, 8 to 70 keV, with the frequencies of its transfer. [1/s]"""
    import numpy as np

    from radiography.config import load_scintillator
    from radiography.interaction.absorption import energy_grid_keV, layer_response
    from radiography.light.scintillator import layer_material
    from radiography.light.transport import FREQUENCY_PER_MM

    described = load_scintillator(layer)
    material, thickness_mm = layer_material(described), described.thickness_um * 1e-3
    energy_keV, histories = energy_grid_keV(material, 8.0, 70.0), 10_000

    def trace(count: int) -> None:
        rng = np.random.default_rng(1)
        layer_response(material, thickness_mm, energy_keV, count, rng, frequency_per_mm=np.array(FREQUENCY_PER_MM))

    trace(10)
    return [energy_keV.size * histories / seconds for seconds in timed(lambda: trace(histories), repeats)]


def electron_rates(layer: str, repeats: int) -> list[float]:
    """X-ray histories with all their electrons per second, in a layer on nitride, ITO, a-Si and glass. [1/s]"""
    if importlib.util.find_spec("radiography.interaction.stack") is None:
        return []
    import numpy as np

    from radiography.beam.attenuation import material
    from radiography.config import load_scintillator
    from radiography.interaction.electrons import Slab
    from radiography.interaction.stack import stack_response
    from radiography.light.scintillator import layer_material

    described = load_scintillator(layer)
    below = (("silicon_nitride", 1.0), ("ITO", 0.1), ("amorphous_silicon", 1.5), ("glass", 100.0))
    slabs = [Slab(layer_material(described), described.thickness_um)]
    slabs += [Slab(material(name), thickness_um) for name, thickness_um in below]
    energy_keV, histories = np.arange(8.0, 71.0, 2.0), 2_000

    def trace(count: int) -> None:
        stack_response(slabs, energy_keV, count, np.random.default_rng(1))

    trace(10)
    return [energy_keV.size * histories / seconds for seconds in timed(lambda: trace(histories), repeats)]


def plan_seconds(layer: str, repeats: int) -> list[float]:
    """Seconds from nothing to a report on a layer at the statistics of the frames. [s]"""
    from radiography.beam.spectrum import beam_spectrum
    from radiography.config import load_beam, load_panel, load_scintillator
    from radiography.study.layer_report import report_layer

    described, panel = load_scintillator(layer), load_panel("fully_coated")
    spectrum = beam_spectrum(load_beam("paper_70kV"), 15.0, 1.0)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder
        report_layer(described, panel, spectrum, 15.0, histories=10, photons=20)
    times = []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            os.environ["XDG_CACHE_HOME"] = folder
            times += timed(lambda: report_layer(described, panel, spectrum, 15.0), 1)
    return times


def frame_seconds(layer: str, repeats: int) -> list[float]:
    """Seconds for one full frame of the network card, projected beforehand. [s]"""
    import numpy as np

    from radiography.acquire import acquire_frame, expose, plan_acquisition
    from radiography.config import DATA_FOLDER, load_scene

    acquisition = plan_acquisition(replace(load_scene("card"), scintillator=layer), DATA_FOLDER / "scenes")
    exposure = expose(acquisition)
    if exposure is None:
        raise ValueError("the scene of this benchmark must be exposed")
    rng = np.random.default_rng(1)
    acquire_frame(acquisition, exposure, rng)
    return timed(lambda: acquire_frame(acquisition, exposure, rng), repeats)


TASKS = {
    "xray_histories": xray_rates,
    "xray_and_electron_histories": electron_rates,
    "plan_cold": plan_seconds,
    "frame": frame_seconds,
}


def measured(checkout: Path, task: str, layer: str, threads: int, repeats: int, cache: str) -> list[float]:
    """What a task finds in a checkout, in a process of its own; each checkout has its own cache, empty at first."""
    command = [sys.executable, __file__, "--task", task, "--layer", layer, "--repeats", str(repeats)]
    folder = Path(cache) / checkout.as_posix().strip("/").replace("/", "_")
    folder.mkdir(exist_ok=True)
    own = {"PYTHONPATH": str(checkout), "NUMBA_NUM_THREADS": str(threads), "XDG_CACHE_HOME": str(folder)}
    environment = {**os.environ, **own}
    ended = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        raise RuntimeError(f"{task} of {layer} failed in {checkout}: {ended.stderr.strip().splitlines()[-1:]}")
    found: list[float] = json.loads(ended.stdout.splitlines()[-1])
    return found


def line(task: str, checkout: str, layer: str, threads: int, values: list[float]) -> list[Any]:
    """One line of the results."""
    numbers = [f"{value:.3g}" for value in (statistics.median(values), min(values), max(values))]
    return [task, checkout, layer, threads, *numbers, "1/s" if "histories" in task else "s", platform.machine()]


def measure_all(options: argparse.Namespace, cores: int, cache: str) -> list[list[Any]]:
    """Every line of the results, printed as it is found."""
    lines: list[list[Any]] = []
    for layer in options.layers:
        for task in (task for task in options.tasks if task != "frame"):
            for threads in sorted({1, cores}) if "histories" in task else [cores]:
                values = measured(HERE, task, layer, threads, options.repeats, cache)
                if values:
                    lines.append(line(task, "this", layer, threads, values))
                print(*(lines[-1] if values else (task, "is not there")), flush=True)
        if "frame" in options.tasks:
            checkouts = {"this": HERE} | ({} if options.older is None else {"older": options.older.resolve()})
            frames: dict[str, list[float]] = {name: [] for name in checkouts}
            for _ in range(2):  # turn and turn about: both see the same machine
                for name, checkout in checkouts.items():
                    frames[name] += measured(checkout, "frame", layer, cores, options.repeats, cache)
            for name, values in frames.items():
                lines.append(line("frame", name, layer, cores, values))
                print(*lines[-1], flush=True)
            if "older" in frames:
                ratio = statistics.median(frames["this"]) / statistics.median(frames["older"])
                print(f"frame of {layer}: {ratio:.2f} times the older one", flush=True)
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--older", type=Path, help="checkout of an older commit, for the frame")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--layers", nargs="+", default=list(LAYERS))
    parser.add_argument("--tasks", nargs="+", default=list(TASKS), choices=list(TASKS))
    parser.add_argument("--results", type=Path, default=HERE / "benchmarks" / "results" / "physics.csv")
    parser.add_argument("--task", help=argparse.SUPPRESS)
    parser.add_argument("--layer", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.task is not None:  # a process of its own
        print(json.dumps(TASKS[options.task](options.layer, options.repeats)))
        return
    cores = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as cache:
        lines = measure_all(options, cores, cache)
    slow = [found for found in lines if found[0] == "plan_cold" and float(found[4]) > PLAN_AIM_S]
    for found in slow:
        print(f"the plan of {found[2]} takes {found[4]} s; the aim is {PLAN_AIM_S:g} s on two cores")
    options.results.parent.mkdir(exist_ok=True)
    with options.results.open("w", newline="", encoding="utf-8") as file:
        print(f"# physics, {cores} cores; Python {sys.version.split()[0]}, {sys.platform}", file=file)
        writer = csv.writer(file)
        writer.writerow(HEADER)
        writer.writerows(lines)


if __name__ == "__main__":
    main()

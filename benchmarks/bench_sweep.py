"""What Dask costs a sweep: the same samples in a plain loop and on local workers, each in a fresh process, in turns.

A round runs each case once; the ratio of a round is that of its wall times, or of the processor times of a process and
all its children. `tasks` are waits of fixed length, `samples` those of a sweep, simulated and measured. Cases and
medians are printed, and written as JSON with `--out`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from radiography.sweep.engine import LOCAL, LOOP, Engine, run_tasks

SWEEP = """base = "flat"
frames = 2
[axes]
"beam.air_kerma_uGy" = {{ low = 1.0, high = 9.0, points = {samples} }}
"panel.pixels.rows" = [{side}]
"panel.pixels.cols" = [{side}]
[keep]
numbers = ["signal_dn", "snr"]
"""


def processor_s() -> float:
    """Of this process and of the children that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def engine_of(workers: int) -> Engine:
    """A plain loop for 0 workers."""
    return Engine(LOCAL, workers) if workers else Engine(LOOP)


def tasks(workers: int, count: int, task_s: float) -> dict[str, float]:
    """Waits of fixed length: seconds until the first one has ended and came back, and of all."""
    started, ended = time.perf_counter(), []
    for _ in run_tasks(time.sleep, [task_s] * count, engine_of(workers)):
        ended.append(time.perf_counter() - started)
    return {
        "wall_s": time.perf_counter() - started,
        "to_first_s": ended[0] - task_s,
        "a_task_s": (ended[-1] - ended[0]) / max(1, count - 1) * max(1, workers) - task_s,
        "processor_s": processor_s(),
    }


def samples(workers: int, count: int, side: int) -> dict[str, float]:
    """A whole sweep, from its file to its table and figure."""
    from radiography.jobs.sweep import run_sweep

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "sweep.toml"
        file.write_text(SWEEP.format(samples=count, side=side), encoding="utf-8", newline="\n")
        started = time.perf_counter()
        found = run_sweep(file, Path(folder) / "sweep.zarr", engine=engine_of(workers))
        if found.failed:
            raise ValueError(f"a sample of the benchmark has no result: {found.failed[0].error}")
        return {"wall_s": time.perf_counter() - started, "processor_s": processor_s()}


def in_a_process(options: argparse.Namespace, kind: str, workers: int) -> dict[str, float]:
    """What one case measures of itself, in a process of its own."""
    command = [sys.executable, __file__, "--one", kind, "--workers", str(workers)]
    for key in ("count", "task_s", "side"):
        command += [f"--{key.replace('_', '-')}", str(getattr(options, key))]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Run all cases in turns, or one of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--count", type=int, default=10, help="tasks or samples, 2 or more")
    parser.add_argument("--task-s", type=float, default=2.0)
    parser.add_argument("--side", type=int, default=1024, help="rows and columns of the panel of a sample")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--kinds", nargs="+", choices=("tasks", "samples"), default=["tasks", "samples"])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--one", choices=("tasks", "samples"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        (workers,) = options.workers
        length = options.task_s if options.one == "tasks" else options.side
        print(json.dumps({"tasks": tasks, "samples": samples}[options.one](workers, options.count, length)))
        return
    cases = [(kind, workers) for kind in options.kinds for workers in (0, *options.workers)]
    for kind in options.kinds:  # compiled kernels and computed layers are there for all that follow
        in_a_process(argparse.Namespace(**{**vars(options), "count": 2, "task_s": 0.0}), kind, 0)
    rounds = [{case: in_a_process(options, *case) for case in cases} for _ in range(options.rounds)]
    rows: list[dict[str, Any]] = []
    for kind, workers in cases:
        each = [one[kind, workers] for one in rounds]
        row: dict[str, Any] = {"case": kind, "workers": workers, "count": options.count, "rounds": options.rounds}
        row |= {key: round(statistics.median(one[key] for one in each), 4) for key in each[0]}
        for key in ("wall", "processor"):
            ratios = [one[kind, workers][f"{key}_s"] / one[kind, 0][f"{key}_s"] for one in rounds]
            row[f"{key}_ratio"] = round(statistics.median(ratios), 4)
        rows.append(row)
        print(" ".join(f"{key} {value}" for key, value in row.items()))
    if options.out is not None:
        machine = {"machine": platform.machine(), "cores": os.cpu_count(), "python": platform.python_version()}
        settings = {"task_s": options.task_s, "side": options.side}
        text = json.dumps({"machine": machine, "settings": settings, "rows": rows}, indent=1)
        options.out.write_text(text + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()

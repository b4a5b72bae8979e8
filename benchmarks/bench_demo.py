"""Time of the demo with empty caches and once more with full ones, beside an older checkout, in turns in one run.

    git worktree add /some/folder efb2040
    python benchmarks/bench_demo.py --before /some/folder [--repeats 1] [--output results.csv]

Each run is a process of its own, with kernels and computed layers in a folder of its checkout's that is empty before
the cold one. Processor time is that of all threads and processes. The ratio is of medians, to "before". A cold and a
warm run of both take a quarter of an hour on two cores: let the machine do nothing else.
"""

from __future__ import annotations

import argparse
import csv
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

HERE = Path(__file__).resolve().parents[1]
HEADER = ("version", "caches", "median_s", "lowest_s", "highest_s", "cpu_s", "peak_MB", "ratio", "cpu_ratio")
RUN = "import sys; from radiography.cli import main; main(sys.argv[1:])"


def run_once(checkout: Path, folder: Path) -> tuple[float, float, float]:
    """Wall time, processor time [s] and peak memory [MB] of one demo, whose results are deleted."""
    out = folder / "out"
    environment = {
        **os.environ,
        "PYTHONPATH": str(checkout),
        "XDG_CACHE_HOME": str(folder / "layers"),
        "NUMBA_CACHE_DIR": str(folder / "kernels"),
    }
    command = [sys.executable, "-c", RUN, "demo", "--out", str(out)]
    started = time.perf_counter()
    process = subprocess.Popen(command, env=environment, cwd=folder, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"the demo of {checkout} ended with {process.returncode}")
    shutil.rmtree(out)
    return seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1e3


def main() -> None:
    """Print or write one line per checkout and state of the caches."""
    parser = argparse.ArgumentParser(description="Time of the demo.")
    parser.add_argument("--before", type=Path, help="folder of the other checkout")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    checkouts = {"here": HERE} if options.before is None else {"before": options.before.resolve(), "here": HERE}
    found: dict[tuple[str, str], list[tuple[float, float, float]]] = {}
    for _ in range(options.repeats):
        with TemporaryDirectory() as folder:
            for caches in ("cold", "warm"):
                for version, checkout in checkouts.items():
                    own = Path(folder) / version
                    own.mkdir(exist_ok=True)
                    found.setdefault((version, caches), []).append(run_once(checkout, own))
    rows = []
    for (version, caches), runs in found.items():
        wall, processor, peak = (sorted(column) for column in zip(*runs, strict=True))
        middle = [statistics.median(wall), statistics.median(processor)]
        base = [statistics.median(column) for column in zip(*found[next(iter(checkouts)), caches], strict=True)][:2]
        seconds = (f"{value:.1f}" for value in (middle[0], wall[0], wall[-1], middle[1]))
        ratios = (f"{value / before:.2f}" for value, before in zip(middle, base, strict=True))
        rows.append((version, caches, *seconds, f"{peak[-1]:.0f}", *ratios))
    target = options.output.open("w", encoding="utf-8", newline="") if options.output else sys.stdout
    python, machine = platform.python_version(), f"{platform.machine()}, {os.cpu_count()} CPUs"
    print(f"# {options.repeats} turns; {machine}, Python {python}", file=target)
    csv.writer(target, lineterminator="\n").writerows([HEADER, *rows])


if __name__ == "__main__":
    main()

"""A picture For Presentation of a 3,072 x 3,072 frame beside one Gaussian filter of it, in turns within one run.

    python benchmarks/bench_presentation.py [--repeats 7] [--side 3072] [--output benchmarks/results/presentation.csv]

The filter is `scipy.ndimage.gaussian_filter` with a sigma of 2 pixels in float32, of one thread. One CSV row
per preset: median wall and processor seconds, and their median ratios to the filter of the same round.
"""

from __future__ import annotations

import argparse
import csv
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from radiography.presentation.chain import present

COLUMNS = ("case", "rows", "cols", "repeats", "median_wall_s", "median_cpu_s", "wall_ratio", "cpu_ratio", "machine")
PRESETS = ("default", "board", "chest", "extremity", "wire", "identity")


def frame(side: int) -> np.ndarray:
    """A noisy field with plates of many thicknesses and sizes. [DN]"""
    rng = np.random.default_rng(1)
    attenuation = np.zeros((side, side), np.float32)
    for size in (side // 2, side // 4, side // 8, side // 16, side // 32):
        for _ in range(12):
            row, col = rng.integers(side // 8, 7 * side // 8 - size // 2, 2)
            attenuation[row : row + size // 2, col : col + size // 2] += rng.uniform(0.05, 0.4)
    mean = 4000.0 * np.exp(-attenuation)
    return np.asarray(mean + np.sqrt(mean) * rng.standard_normal(mean.shape), np.float32)


def seconds(call: Callable[[], object]) -> tuple[float, float]:
    """Wall and processor time of one call, all threads."""
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - wall, time.process_time() - cpu


def main(arguments: list[str] | None = None) -> None:
    """Measure, print, and write the table where asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--side", type=int, default=3072)
    parser.add_argument("--output", type=Path)
    chosen = parser.parse_args(arguments)
    image = frame(chosen.side)
    cases: dict[str, Callable[[], object]] = {"gaussian_filter, sigma 2": lambda: gaussian_filter(image, 2.0)}
    cases |= {name: partial(present, image, name) for name in PRESETS}
    for call in cases.values():
        call()
    times = [[seconds(call) for call in cases.values()] for _ in range(chosen.repeats)]
    table = []
    for k, case in enumerate(cases):
        wall, cpu = (statistics.median(turn[k][kind] for turn in times) for kind in (0, 1))
        ratios = [statistics.median(turn[k][kind] / turn[0][kind] for turn in times) for kind in (0, 1)]
        row = (f"{wall:.4f}", f"{cpu:.4f}", *(f"{ratio:.2f}" for ratio in ratios))
        table.append((case, chosen.side, chosen.side, chosen.repeats, *row, platform.machine()))
        print(f"{case:<28}{1e3 * wall:>8.1f} ms {1e3 * cpu:>8.1f} ms cpu, ratio {row[2]:>6}, cpu {row[3]:>6}")
    if chosen.output is not None:
        with chosen.output.open("w", newline="", encoding="utf-8") as file:
            file.write(f"# {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows(table)


if __name__ == "__main__":
    main(sys.argv[1:])

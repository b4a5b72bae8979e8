"""Calls timed in turns within one run, and their table: shared by benchmarks that compare with a plain case."""

from __future__ import annotations

import csv
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

COLUMNS = ("case", "rows", "cols", "repeats", "median_wall_s", "median_cpu_s", "wall_ratio", "cpu_ratio", "machine")


def seconds(call: Callable[[], object]) -> tuple[float, float]:
    """Wall and processor time of one call, all threads."""
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - wall, time.process_time() - cpu


def rows_in_turns(cases: dict[str, Callable[[], object]], side: int, repeats: int) -> list[tuple[object, ...]]:
    """One row per case, printed too: medians, and median ratios to the first case of the same round."""
    for call in cases.values():
        call()
    times = [[seconds(call) for call in cases.values()] for _ in range(repeats)]
    table: list[tuple[object, ...]] = []
    for k, case in enumerate(cases):
        wall, cpu = (statistics.median(turn[k][kind] for turn in times) for kind in (0, 1))
        ratios = [statistics.median(turn[k][kind] / turn[0][kind] for turn in times) for kind in (0, 1)]
        row = (f"{wall:.4f}", f"{cpu:.4f}", *(f"{ratio:.2f}" for ratio in ratios))
        table.append((case, side, side, repeats, *row, platform.machine()))
        print(f"{case:<28}{1e3 * wall:>8.1f} ms {1e3 * cpu:>8.1f} ms cpu, ratio {row[2]:>6}, cpu {row[3]:>6}")
    return table


def write_table(path: Path, table: list[tuple[object, ...]]) -> None:
    """CSV, below a line that names the machine."""
    with path.open("w", newline="", encoding="utf-8") as file:
        file.write(f"# {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(table)

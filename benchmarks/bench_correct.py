"""Correction of one 3,072 x 3,072 frame against the same arithmetic in numpy and against a plain copy.

    python benchmarks/bench_correct.py [--rows 3072] [--cols 3072] [--repeats 11] [--output results.csv]

All cases run in one process, in turn, so that they meet the same load; a case is warmed up once and then timed
`repeats` times. One CSV row per case: best and median time, panel, threads, machine.
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
from pathlib import Path

import numba
import numpy as np

from calibration.calibration_set import CalibrationSet
from calibration.correct import correct_frame, plan_correction
from calibration.flags import DEAD

COLUMNS = ("case", "rows", "cols", "defects", "threads", "repeats", "best_ms", "median_ms", "frames_per_s", "machine")
DEFECT_FRACTION = 0.003  # of a panel in service; the design's measurements used 0.31 %


def random_calibration(rows: int, cols: int, rng: np.random.Generator) -> CalibrationSet:
    """A panel of 5 % gain spread with scattered bad pixels, two full columns and one full row."""
    defects = np.where(rng.random((rows, cols)) < DEFECT_FRACTION, DEAD, 0).astype(np.uint16)
    defects[:, cols // 3] = defects[:, 2 * cols // 3] = defects[rows // 2] = DEAD
    return CalibrationSet(
        offset_dn=rng.normal(1500, 60, (rows, cols)).astype(np.float32),
        gain=rng.normal(1, 0.05, (rows, cols)).astype(np.float32).clip(0.5, 2.0),
        defects=defects,
        saturation_dn=60000.0,
        level_dn=20000.0,
        typical_dark_noise_dn=6.0,
        typical_flat_noise=0.005,
        darks_used=64,
        flats_used=16,
        offset_noise_dn=None,
        gain_noise=None,
        provenance={},
    )


def time_ms(call: Callable[[], object], repeats: int) -> list[float]:
    """Times of `repeats` calls after one to warm up. [ms]"""
    call()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(1e3 * (time.perf_counter() - start))
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the correction of one frame.")
    parser.add_argument("--rows", type=int, default=3072)
    parser.add_argument("--cols", type=int, default=3072)
    parser.add_argument("--repeats", type=int, default=11)
    parser.add_argument("--output", type=Path, help="append rows to this CSV file")
    options = parser.parse_args()
    rng = np.random.default_rng(1)
    calibration = random_calibration(options.rows, options.cols, rng)
    plan = plan_correction(calibration)
    raw_dn = rng.integers(1400, 40000, calibration.gain.shape).astype(np.uint16)
    result = correct_frame(raw_dn, plan)
    work = np.empty_like(calibration.gain)

    def in_place_numpy() -> None:
        np.subtract(raw_dn, calibration.offset_dn, out=work)
        np.multiply(work, calibration.gain, out=work)

    cases: dict[str, Callable[[], object]] = {
        "copy of one float32 plane, numpy": lambda: np.copyto(work, calibration.gain),
        "offset and gain in place, numpy": in_place_numpy,
        "offset and gain, numpy": lambda: (raw_dn - calibration.offset_dn) * calibration.gain,
        "correct_frame, planes reused": lambda: correct_frame(raw_dn, plan, out=result),
        "correct_frame, fresh planes": lambda: correct_frame(raw_dn, plan),
        "plan_correction": lambda: plan_correction(calibration),
    }
    machine = f"{platform.machine()}, {os.cpu_count()} CPUs, numpy {np.__version__}, numba {numba.__version__}"
    rows = []
    for case, call in cases.items():
        times = time_ms(call, options.repeats)
        best, median = min(times), statistics.median(times)
        shape = (options.rows, options.cols, result.interpolated, numba.get_num_threads(), options.repeats)
        rows.append((case, *shape, f"{best:.2f}", f"{median:.2f}", f"{1e3 / median:.1f}", machine))
    writer = csv.writer(sys.stdout)
    writer.writerows([COLUMNS, *rows])
    if options.output:
        fresh = not options.output.exists()
        with options.output.open("a", newline="") as file:
            csv.writer(file).writerows([COLUMNS, *rows] if fresh else rows)


if __name__ == "__main__":
    main()

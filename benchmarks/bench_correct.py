"""Correction of one 3,072 x 3,072 frame beside plain copies, numpy, OpenCV and ccdproc, in one run.

    python benchmarks/bench_correct.py [--rows 3072] [--cols 3072] [--repeats 21] [--output results.csv]

All cases run in one process, in turn, `repeats` rounds after one to warm up, so that they meet the same load. One CSV
row per case: best and median time, both as multiples of copying the bytes that offset and gain have to move (7 B read
and 7 B written for each pixel, two threads), the floor of these multiples, which is what copying the case's own bytes
would take, and the rise of peak memory during one call, measured in a process of its own. OpenCV and ccdproc are
optional (`pip install .[benchmark]`); a case whose library is missing is left out.
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
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numba
import numpy as np

from calibration.calibration_set import CalibrationSet
from calibration.conditions import Conditions
from calibration.correct import CorrectionPlan, correct_frame, plan_correction
from calibration.flags import DEAD
from calibration.lag.model import LagModel
from calibration.steps import Defects, Glare, Lag, Steps

COLUMNS = (
    "case", "rows", "cols", "defects", "threads", "repeats", "bytes_per_pixel", "best_ms", "median_ms",
    "best_in_copies", "median_in_copies", "floor_in_copies", "peak_rise_MB", "machine",
)  # fmt: skip
COPY = "copy of 7 B/pixel, numba"
DEFECT_FRACTION = 0.003  # of a panel in service; the design's measurements used 0.31 %
FRAME_INTERVAL_S = 0.1
Call = Callable[[], object]


def random_calibration(rows: int, cols: int, rng: np.random.Generator) -> CalibrationSet:
    """A panel of 5 % gain spread and 4-term lag with scattered bad pixels, two full columns and one full row."""
    defects = np.where(rng.random((rows, cols), np.float32) < DEFECT_FRACTION, DEAD, 0).astype(np.uint16)
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
        conditions=Conditions(pitch_mm=0.139),
    )


def random_lag(exposures: int = 1) -> LagModel:
    """Four populations; 3 % caught, as on a-Si panels, and with three exposures more of it in faint frames."""
    fraction = np.array([[0.015, 0.008, 0.004, 0.003]]) * np.array([[1.3], [1.0], [0.8]])[3 - max(exposures, 2) :]
    signal_dn = np.array([1000.0, 10000.0, 45000.0])[:exposures]
    zeros = np.zeros((exposures, 4))
    times = np.array([0.1, 1.0, 10.0, 100.0])
    return LagModel(times, signal_dn, fraction[:exposures], zeros, np.zeros(4), FRAME_INTERVAL_S, 100.0)


@numba.njit(parallel=True, cache=True)  # type: ignore[untyped-decorator]
def copy_bytes(source, target):  # type: ignore[no-untyped-def]
    """Plain copy on all threads."""
    for i in numba.prange(source.shape[0]):
        for j in range(source.shape[1]):
            target[i, j] = source[i, j]


@numba.njit(parallel=True, cache=True)  # type: ignore[untyped-decorator]
def triad(one, two, target):  # type: ignore[no-untyped-def]
    """The third kernel of STREAM, target = one + s * two, on all threads."""
    for i in numba.prange(one.shape[0]):
        for j in range(one.shape[1]):
            target[i, j] = one[i, j] + np.float32(3.0) * two[i, j]


def sequence(raw_dn: np.ndarray, plan: CorrectionPlan) -> Call:
    """correct_frame as in a sequence: planes and lag state of the last result are written over."""
    last = [correct_frame(raw_dn, plan)]

    def call() -> object:
        last[0] = correct_frame(raw_dn, plan, last[0], state=last[0].state, elapsed_s=FRAME_INTERVAL_S)
        return last[0].corrected_dn

    return call


def other_cases(raw_dn: np.ndarray, calibration: CalibrationSet) -> dict[str, tuple[float, Call]]:
    """Copies and other programs: bytes moved for each pixel (0 where not counted) and the call."""
    work = np.zeros_like(calibration.gain)
    rows, cols = work.shape
    seven = np.ones((rows, 7 * cols), np.uint8)
    seven_copied = np.zeros_like(seven)
    offset_dn, gain = calibration.offset_dn, calibration.gain

    def in_place_numpy() -> object:
        np.subtract(raw_dn, offset_dn, out=work)
        return np.multiply(work, gain, out=work)

    cases: dict[str, tuple[float, Call]] = {
        "copy of 7 B/pixel, numpy": (14, lambda: np.copyto(seven_copied, seven)),
        COPY: (14, lambda: copy_bytes(seven, seven_copied)),
        "triad of float32 planes, numba": (12, lambda: triad(offset_dn, gain, work)),
        "offset and gain, numpy in place": (14, in_place_numpy),
        "offset and gain, numpy": (0, lambda: (raw_dn - offset_dn) * gain),
    }
    try:
        import cv2

        cv2.setNumThreads(numba.get_num_threads())

        def opencv() -> object:
            cv2.subtract(raw_dn, offset_dn, work, None, cv2.CV_32F)
            return cv2.multiply(work, gain, work)

        cases["offset and gain, OpenCV in place"] = (14, opencv)
    except ImportError:
        print("OpenCV is not installed", file=sys.stderr)
    try:
        warnings.filterwarnings("ignore")
        import astropy.units as u
        import ccdproc
        from astropy.nddata import CCDData

        dark = CCDData(offset_dn, unit="adu", copy=False)
        flat = CCDData(1.0 / gain, unit="adu", copy=False)

        def astronomers() -> object:
            frame = ccdproc.subtract_dark(
                CCDData(raw_dn, unit="adu"), dark, dark_exposure=1 * u.s, data_exposure=1 * u.s
            )
            return ccdproc.flat_correct(frame, flat, norm_value=1.0).data

        cases["offset and gain, ccdproc"] = (0, astronomers)
    except ImportError:
        print("ccdproc is not installed", file=sys.stderr)
    return cases


def our_cases(raw_dn: np.ndarray, calibration: CalibrationSet) -> dict[str, tuple[float, Call]]:
    """correct_frame with more and more switched on."""
    lag, lag_of_signal = (replace(calibration, lag=random_lag(exposures)) for exposures in (1, 3))
    curved = replace(calibration, curvature=np.full((1, *raw_dn.shape), 1e-8, np.float32), levels_dn=(100.0, 60000.0))
    bare = Steps(lag=Lag(on=False), defects=Defects(on=False))
    plain = plan_correction(calibration)
    glare = Steps(glare=Glare(on=True, fraction=0.05, radius_mm=10.0))
    return {
        "correct_frame: offset, gain, flags": (18, sequence(raw_dn, plan_correction(calibration, bare))),
        "correct_frame: + defects": (18, sequence(raw_dn, plain)),
        "correct_frame: + defects, quadratic gain": (22, sequence(raw_dn, plan_correction(curved))),
        "correct_frame: + defects, variance": (26, sequence(raw_dn, plan_correction(calibration, variance=True))),
        "correct_frame: + defects, 4-term lag": (50, sequence(raw_dn, plan_correction(lag))),
        "correct_frame: + defects, 4-term lag, variance": (
            58,
            sequence(raw_dn, plan_correction(lag, variance=True)),
        ),
        "correct_frame: + defects, 4-term lag of 3 exposures": (50, sequence(raw_dn, plan_correction(lag_of_signal))),
        "correct_frame: + defects, glare": (0, sequence(raw_dn, plan_correction(calibration, glare))),
        "correct_frame: + defects, fresh planes": (18, lambda: correct_frame(raw_dn, plain).corrected_dn),
        "plan_correction": (0, lambda: plan_correction(calibration)),
    }


def all_cases(rows: int, cols: int) -> tuple[dict[str, tuple[float, Call]], int]:
    rng = np.random.default_rng(1)
    calibration = random_calibration(rows, cols, rng)
    raw_dn = rng.integers(1400, 40000, (rows, cols)).astype(np.uint16)
    cases = {**other_cases(raw_dn, calibration), **our_cases(raw_dn, calibration)}
    return cases, int(np.count_nonzero(calibration.defects))


def check_results(cases: dict[str, tuple[float, Call]]) -> None:
    """All programs give the same picture; the largest relative difference goes to stderr."""
    wanted = np.asarray(cases["correct_frame: offset, gain, flags"][1]()).copy()
    for case, (_, call) in cases.items():
        if case.startswith("offset and gain"):
            difference = float(np.max(np.abs(np.asarray(call()) - wanted)) / wanted.max())
            print(f"{case}: differs from correct_frame by {difference:.1e} of the brightest", file=sys.stderr)


def memory_rise_MB(case: str, rows: int, cols: int) -> float:
    """Rise of peak memory during one call, in a new process. [MB]"""
    command = [sys.executable, __file__, "--rows", str(rows), "--cols", str(cols), "--memory-of", case]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def print_memory_rise(case: str, rows: int, cols: int) -> None:
    """In the new process: everything is warm, then the peak is reset (Linux) and one call is made."""
    cases, _ = all_cases(rows, cols)
    call = cases[case][1]
    call()
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # 5: peak resident size := present one
    before = _resident_kB("VmHWM")
    call()
    print((_resident_kB("VmHWM") - before) / 1e3)


def _resident_kB(field: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field))


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the correction of one frame.")
    parser.add_argument("--rows", type=int, default=3072)
    parser.add_argument("--cols", type=int, default=3072)
    parser.add_argument("--repeats", type=int, default=21)
    parser.add_argument("--output", type=Path, help="append rows to this CSV file")
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory_of:
        print_memory_rise(options.memory_of, options.rows, options.cols)
        return
    cases, defects = all_cases(options.rows, options.cols)
    check_results(cases)
    times: dict[str, list[float]] = {case: [] for case in cases}
    for round_number in range(options.repeats + 1):
        for case, (_, call) in cases.items():
            start = time.perf_counter()
            call()
            if round_number:
                times[case].append(1e3 * (time.perf_counter() - start))
    machine = f"{platform.machine()}, {os.cpu_count()} CPUs, numpy {np.__version__}, numba {numba.__version__}"
    best_copy, median_copy = min(times[COPY]), statistics.median(times[COPY])
    rows = []
    for case, (bytes_moved, _) in cases.items():
        best, median = min(times[case]), statistics.median(times[case])
        shape = options.rows, options.cols, defects, numba.get_num_threads(), options.repeats, bytes_moved or ""
        ratios = f"{best:.2f}", f"{median:.2f}", f"{best / best_copy:.2f}", f"{median / median_copy:.2f}"
        floor = f"{bytes_moved / 14:.2f}" if bytes_moved else ""
        rise = memory_rise_MB(case, options.rows, options.cols)
        rows.append((case, *shape, *ratios, floor, f"{rise:.1f}", machine))
    csv.writer(sys.stdout).writerows([COLUMNS, *rows])
    if options.output:
        fresh = not options.output.exists()
        with options.output.open("a", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([COLUMNS, *rows] if fresh else rows)


if __name__ == "__main__":
    main()

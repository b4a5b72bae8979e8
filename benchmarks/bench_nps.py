"""Noise power spectrum of sixteen 1,024 x 1,024 flats beside a plain numpy and scipy version, turn and turn about.

    python benchmarks/bench_nps.py [--repeats 7] [--pixels 1024] [--frames 16] [--results FILE.csv]

The plain version does what a textbook has: per frame a quadratic trend by normal equations, half-overlapped blocks of
256 x 256, their squared transforms averaged, seven lines on each side of both axes and rings. It has no defects, hum,
flicker, fixed and temporal parts, frame correlation or errors. Peak memory is that of each program in a process of its
own, with the frames.
"""

from __future__ import annotations

import argparse
import csv
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import scipy.fft

from radiography.analysis.nps import noise_power_spectrum

PITCH_MM, SIDE, LINES = 0.139, 256, 7


def flats(frames: int, pixels: int) -> np.ndarray:
    """Blurred white noise on 20,000 DN."""
    rng = np.random.default_rng(1)
    u, v = np.fft.rfftfreq(pixels)[None], np.fft.fftfreq(pixels)[:, None]
    gain = 1 / (1 + 18.6 * (u * u + v * v))
    made = np.empty((frames, pixels, pixels), np.float32)
    for frame in made:
        white = rng.standard_normal((pixels, pixels), np.float32)
        frame[...] = 20000 + 400 * scipy.fft.irfft2(scipy.fft.rfft2(white) * gain, (pixels, pixels))
    return made


def plain(frames: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """NNPS along both axes and radial, in mm2, as a textbook has it."""
    rows, cols = frames.shape[1:]
    y, x = np.meshgrid(np.linspace(-1, 1, rows), np.linspace(-1, 1, cols), indexing="ij")
    design = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1).reshape(-1, 6)
    normal = np.linalg.inv(design.T @ design)
    total, blocks, mean = np.zeros((SIDE, SIDE)), 0, 0.0
    for frame in frames:
        values = frame.astype(np.float64)
        mean += values.mean()
        values -= (design @ (normal @ (design.T @ values.reshape(-1)))).reshape(rows, cols)
        for r in range(0, rows - SIDE + 1, SIDE // 2):
            for c in range(0, cols - SIDE + 1, SIDE // 2):
                total += np.abs(scipy.fft.fft2(values[r : r + SIDE, c : c + SIDE])) ** 2
                blocks += 1
    power = total / blocks * (PITCH_MM / SIDE) ** 2 / (mean / len(frames)) ** 2
    f = np.fft.fftfreq(SIDE)
    near = np.r_[1 : LINES + 1, -LINES:0]
    ring = np.rint(np.hypot(f[:, None], f[None]) * SIDE).astype(int).reshape(-1)
    radial = np.bincount(ring, power.reshape(-1)) / np.bincount(ring)
    half = SIDE // 2
    return power[near, 1:half].mean(axis=0), power[1:half, near].mean(axis=1), radial[1:half]


def ours(frames: np.ndarray) -> object:
    """All that `radiography nps` measures."""
    return noise_power_spectrum(frames, PITCH_MM)


PROGRAMS: dict[str, Callable[[np.ndarray], object]] = {"plain numpy and scipy": plain, "noise_power_spectrum": ours}


def peak_GB(program: str, frames: int, pixels: int) -> float:
    """Peak resident memory of one program in a new process. [GB]"""
    command = [sys.executable, __file__, "--memory-of", program, "--frames", str(frames), "--pixels", str(pixels)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the noise power spectrum.")
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--pixels", type=int, default=1024)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results" / "nps.csv")
    parser.add_argument("--memory-of", choices=PROGRAMS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    frames = flats(options.frames, options.pixels)
    if options.memory_of:
        PROGRAMS[options.memory_of](frames)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)
        return
    radial, theirs = ours(frames).curves.radial, plain(frames)[2]  # type: ignore[attr-defined]
    same = radial.value / np.interp(radial.frequency_per_mm, np.arange(1, SIDE // 2) / SIDE / PITCH_MM, theirs) - 1
    print(f"radial spectra differ by {100 * np.abs(same[5:]).mean():.2f} % on average", file=sys.stderr)
    wall: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    cpu: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for _ in range(options.repeats):
        for name, program in PROGRAMS.items():
            started, spent = time.perf_counter(), time.process_time()
            program(frames)
            wall[name].append(time.perf_counter() - started)
            cpu[name].append(time.process_time() - spent)
    first = next(iter(PROGRAMS))
    rows = [
        {
            "program": name,
            "frames": options.frames,
            "pixels": options.pixels,
            "median_s": f"{statistics.median(wall[name]):.3f}",
            "lowest_s": f"{min(wall[name]):.3f}",
            "highest_s": f"{max(wall[name]):.3f}",
            "cpu_s": f"{statistics.median(cpu[name]):.3f}",
            "over_plain": f"{statistics.median(np.divide(wall[name], wall[first])):.2f}",
            "cpu_over_plain": f"{statistics.median(np.divide(cpu[name], cpu[first])):.2f}",
            "peak_rss_gb": f"{peak_GB(name, options.frames, options.pixels):.2f}",
        }
        for name in PROGRAMS
    ]
    options.results.parent.mkdir(exist_ok=True)
    with options.results.open("w", encoding="utf-8", newline="") as file:
        about = f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}"
        file.write(
            f"# wall and processor time [s] and peak resident memory [GB]; {about}, median of {options.repeats}\n"
        )
        writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(options.results.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()

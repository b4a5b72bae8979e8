"""Seconds and memory for one full frame in fast mode, beside the same frame in plain numpy on one thread.

The scene is projected beforehand. The numpy version draws the same noise (Poisson quanta and their light), spreads it
by Fourier transform at the same sampling, and goes through diode and ADC; it is what one would write first.
"""

from __future__ import annotations

import argparse
import csv
import resource
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numba
import numpy as np

from radiography.acquire import Acquisition, Exposure, acquire_frame, expose, plan_acquisition
from radiography.config import DATA_FOLDER, load_scene


def numpy_frame(acquisition: Acquisition, exposure: Exposure, rng: np.random.Generator) -> np.ndarray:
    """The same frame, stage by stage, in numpy."""
    plan, panel, maps = acquisition.noise_spread, acquisition.panel, acquisition.maps
    counts = rng.poisson(exposure.quanta)
    each = exposure.light / np.maximum(exposure.quanta, 1e-30)
    variance = np.maximum(exposure.light_square / np.maximum(exposure.quanta, 1e-30) - each**2, 0.0)
    noise = counts * each + np.sqrt(counts * variance) * rng.standard_normal(counts.shape) - exposure.light
    pixels, margin = panel.pixels, 64  # 8.9 mm: the tails of the spread are shorter
    spectrum = np.fft.fft2(np.pad(noise, margin, mode="symmetric"))
    down, right = (np.abs(np.fft.fftfreq(size, pixels.pitch_mm)) for size in spectrum.shape)
    grid = np.arange(plan.transfer.size) * plan.frequency_step_per_mm
    spectrum *= np.interp(np.hypot(down[:, None], right[None, :]), grid, plan.transfer)
    spectrum *= np.sinc(down * pixels.aperture_mm)[:, None] * np.sinc(right * pixels.aperture_mm)[None, :]
    if plan.noise_gain is not None:
        spectrum *= between(plan.noise_gain, 2.0 * pixels.pitch_mm * down, 2.0 * pixels.pitch_mm * right)
    light = np.fft.ifft2(spectrum).real[margin:-margin, margin:-margin] + exposure.spread_light
    electrons = light * panel.photodiode.fill_factor * acquisition.quantum_efficiency * maps.response
    electrons = electrons + np.sqrt(np.maximum(electrons, 0)) * rng.standard_normal(electrons.shape)
    readout = panel.readout
    noise_electrons = np.hypot(readout.reset_noise_electrons, readout.amplifier_noise_electrons)
    electrons += noise_electrons * maps.noise_factor * rng.standard_normal(electrons.shape)
    raw = np.rint(electrons / readout.electrons_per_dn + maps.offset_dn)
    return np.clip(raw, 0, 2**readout.bits - 1).astype(np.uint16)


def between(table: np.ndarray, down: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Values of a table over 0 to 1 along both axes, bilinear."""
    grid = np.linspace(0.0, 1.0, len(table))
    for place in (down, right):  # along the first axis, which then becomes the last
        table = np.stack([np.interp(place, grid, column) for column in table.T])
    return table


def timed(frame: Callable[[], object], repeats: int) -> list[float]:
    """Wall times after one warm-up. [s]"""
    frame()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        frame()
        times.append(time.perf_counter() - start)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scintillator", default="CsPbBr3_75um")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results" / "frame.csv")
    options = parser.parse_args()
    scene = replace(load_scene("card"), scintillator=options.scintillator)
    acquisition = plan_acquisition(scene, DATA_FOLDER / "scenes")
    exposure = expose(acquisition)
    if exposure is None:
        raise ValueError("the scene of this benchmark must be exposed")
    rng = np.random.default_rng(1)
    ours = timed(partial(acquire_frame, acquisition, exposure, rng), options.repeats)
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    numba.set_num_threads(1)
    one = timed(partial(acquire_frame, acquisition, exposure, rng), options.repeats)
    plain = timed(partial(numpy_frame, acquisition, exposure, rng), options.repeats)
    row = {
        "scintillator": options.scintillator,
        "pixels": acquisition.geometry.rows,
        "threads": numba.config.NUMBA_NUM_THREADS,
        "median_s": round(statistics.median(ours), 3),
        "lowest_s": round(min(ours), 3),
        "highest_s": round(max(ours), 3),
        "one_thread_s": round(statistics.median(one), 3),
        "numpy_s": round(statistics.median(plain), 3),
        "ratio": round(statistics.median(plain) / statistics.median(ours), 1),
        "peak_rss_gb": round(peak_gb, 2),
    }
    print(", ".join(f"{key} {value}" for key, value in row.items()))
    options.results.parent.mkdir(exist_ok=True)
    with options.results.open("w", encoding="utf-8", newline="") as file:
        print(f"# full frame, scene projected; Python {sys.version.split()[0]}, {sys.platform}", file=file)
        writer = csv.DictWriter(file, row.keys())
        writer.writeheader()
        writer.writerow(row)


if __name__ == "__main__":
    main()

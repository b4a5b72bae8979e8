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
import scipy.fft

from radiography.acquire import Acquisition, Exposure, acquire_frame, expose, plan_acquisition
from radiography.config import DATA_FOLDER, load_scene


def numpy_frame(acquisition: Acquisition, exposure: Exposure, rng: np.random.Generator) -> np.ndarray:
    """The same frame, stage by stage, in numpy."""
    plan, panel, maps = acquisition.noise_spread, acquisition.panel, acquisition.maps
    counts = rng.poisson(exposure.quanta)
    each = exposure.light / np.maximum(exposure.quanta, 1e-30)
    variance = np.maximum(exposure.light_square / np.maximum(exposure.quanta, 1e-30) - each**2, 0.0)
    noise = counts * each + np.sqrt(counts * variance) * rng.standard_normal(counts.shape) - exposure.light
    spectrum = scipy.fft.dctn(noise, type=2)
    radius = np.hypot(plan.row_frequency_per_mm[:, None], plan.col_frequency_per_mm[None, :])
    grid = np.arange(plan.transfer.size) * plan.frequency_step_per_mm
    spectrum *= np.interp(radius, grid, plan.transfer)
    spectrum *= plan.row_factor[:, None] * plan.col_factor[None, :]
    if plan.noise_gain is not None:
        spectrum *= plan.noise_gain
    light = scipy.fft.idctn(spectrum, type=2) + exposure.spread_light
    electrons = light * panel.photodiode.fill_factor * acquisition.quantum_efficiency * maps.response
    electrons = electrons + np.sqrt(np.maximum(electrons, 0)) * rng.standard_normal(electrons.shape)
    readout = panel.readout
    noise_electrons = np.hypot(readout.reset_noise_electrons, readout.amplifier_noise_electrons)
    electrons += noise_electrons * maps.noise_factor * rng.standard_normal(electrons.shape)
    raw = np.rint(electrons / readout.electrons_per_dn + maps.offset_dn)
    return np.clip(raw, 0, 2**readout.bits - 1).astype(np.uint16)


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

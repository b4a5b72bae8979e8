"""Speed of the light Monte Carlo: photons per second on one thread and on all, against slow numpy in the same run.

    python benchmarks/bench_light_transport.py [--repeats 5] [--output results.csv]

Cases: the paper's film, a clear film, columnar CsI:Tl as in the shipped layer, and a layer close to the one that
fastDETECT2 ships with (150 um, column radius 5.1 um, crosstalk by depth). The numpy copy of the film is the one that
the tests use; both computations' light and transfer are printed, so that a speed never stands for another result.
Compilation is done before the clock starts. ``seconds_to_half_percent`` is the time to a standard error of 0.005 on the
transfer at 2/mm, from the error that was reached.
"""

from __future__ import annotations

import argparse
import csv
import platform
import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path

import numba
import numpy as np
from scipy.special import j0

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from radiography.light.by_depth import optical_transfer
from radiography.light.optics import ColumnarLayer, EmissionLine, Face, SelfAbsorption, TurbidLayer
from radiography.light.transport import trace_light
from tests.light.film_reference import trace_reference

FILM = TurbidLayer(
    refractive_index=1.78,
    transport_length_um=20.0,
    anisotropy=0.8,
    absorption_length_um=np.inf,
    emission=EmissionLine(519.0, 22.0),
    cover=Face(0.9, 1.0),
    sensor=Face(0.2, 0.0),
    self_absorption=SelfAbsorption(507.0, 2.5, 17.0, 0.6),
)
COLUMNS = ColumnarLayer(
    column_radius_um=4.0,
    refractive_index=1.79,
    gap_index=1.0,
    gap_um=1.6,
    absorption_length_um=1e4,
    roughness=0.2,
    crosstalk=((0.0, 0.4),),
    top_reflectivity=0.9,
    sensor_reflectivity=0.25,
    emission=EmissionLine(565.0, 155.0),
)
CASES = (  # name, layer, thickness, photons
    ("film", FILM, 75.0, 1_000_000),
    ("film, clear", replace(FILM, transport_length_um=np.inf, self_absorption=None), 75.0, 1_000_000),
    ("columns 500 um", COLUMNS, 500.0, 50_000),
    (
        "columns 150 um",
        replace(COLUMNS, column_radius_um=5.1, crosstalk=((0.0, 1.0), (0.2, 1.0), (0.5, 0.5), (1.0, 1.0))),
        150.0,
        200_000,
    ),
)
HEADER = (
    "case", "program", "threads", "photons", "photons_per_s", "lowest", "highest", "collected", "transfer_2_per_mm",
    "error", "seconds_to_half_percent", "machine",
)  # fmt: skip


def time_kernel(layer: TurbidLayer | ColumnarLayer, thickness_um: float, photons: int, repeats: int) -> list[float]:
    """Photons per second of each repeat, then light collected, transfer at 2/mm and its error."""
    rates = []
    for _ in range(repeats):
        start = time.perf_counter()
        transport = trace_light(layer, thickness_um, photons, np.random.default_rng(1))
        rates.append(photons / (time.perf_counter() - start))
    mean, error = optical_transfer(transport, np.full(transport.depth_um.size, 1 / transport.depth_um.size))
    at_2 = int(np.searchsorted(transport.frequency_per_mm, 2.0))
    return [*rates, float(transport.collected.mean()), float(mean[at_2]), float(error[at_2])]


def time_numpy(layer: TurbidLayer, thickness_um: float, photons: int, repeats: int) -> list[float]:
    """The same for the numpy copy."""
    rates = []
    for _ in range(repeats):
        rng = np.random.default_rng(1)
        start = time.perf_counter()
        radii_um, *_ = trace_reference(layer, thickness_um, rng.uniform(0, thickness_um, photons), rng)
        spread = j0(2e-3 * np.pi * 2.0 * radii_um)
        rates.append(photons / (time.perf_counter() - start))
    return [*rates, radii_um.size / photons, float(spread.mean()), float(spread.std() / np.sqrt(radii_um.size))]


def main() -> None:
    """Print or write one line per case, program and number of threads."""
    parser = argparse.ArgumentParser(description="Speed of the light Monte Carlo.")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    for _, layer, thickness_um, _ in CASES[:3:2]:
        trace_light(layer, thickness_um, 20, np.random.default_rng(0))
    most = numba.get_num_threads()
    lines = []
    for case, layer, thickness_um, photons in CASES:
        runs = [(f"numba, {n} threads", n, photons) for n in sorted({1, most})]
        if isinstance(layer, TurbidLayer):
            runs.append(("numpy", 1, 20_000))
        for program, threads, count in runs:
            numba.set_num_threads(threads)
            measure = time_numpy if program == "numpy" else time_kernel
            *rates, light, transfer, error = measure(layer, thickness_um, count, options.repeats)  # type: ignore[operator]
            rate = statistics.median(rates)
            needed = count * (error / 0.005) ** 2 / rate
            speed = [f"{value:.4g}" for value in (rate, min(rates), max(rates))]
            found = [f"{light:.4f}", f"{transfer:.4f}", f"{error:.4f}", f"{needed:.3g}"]
            lines.append([case, program, threads, count, *speed, *found, platform.machine()])
    numba.set_num_threads(most)
    with options.output.open("w", newline="", encoding="utf-8") if options.output else sys.stdout as stream:
        table = csv.writer(stream)
        table.writerow(HEADER)
        table.writerows(lines)


if __name__ == "__main__":
    main()

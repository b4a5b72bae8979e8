"""Speed of the X-ray Monte Carlo: photons per second on one thread and on all, for the layers of the paper.

Run ``python benchmarks/bench_absorption.py``; CSV goes to standard output. Compilation is done before the clock starts.
"""

from __future__ import annotations

import csv
import platform
import statistics
import sys
import time

import numba
import numpy as np

from radiography.absorption import energy_grid_keV, layer_response
from radiography.attenuation import Material, material

HISTORIES = 20_000
REPEATS = 5
FREQUENCY_PER_MM = (0.5, 1.0, 2.0, 3.0)
LAYERS = (("CsPbBr3 75 um", "CsPbBr3@2.9", 0.075), ("CsI 500 um", "CsI@3.4", 0.5))


def photons_per_s(layer: Material, thickness_mm: float, frequency_per_mm: tuple[float, ...]) -> float:
    """Median over the repeats, energies from 8 to 70 keV. [1/s]"""
    energy_keV = energy_grid_keV(layer, 8.0, 70.0)
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        layer_response(
            layer, thickness_mm, energy_keV, HISTORIES, np.random.default_rng(1), frequency_per_mm=frequency_per_mm
        )
        times.append(time.perf_counter() - start)
    return energy_keV.size * HISTORIES / statistics.median(times)


def main() -> None:
    """Print one line per layer, kind of tally and number of threads."""
    table = csv.writer(sys.stdout)
    table.writerow(["layer", "frequencies", "histories", "threads", "photons_per_s", "machine"])
    layer_response(material("CsI@3.4"), 0.5, [40.0], 10, np.random.default_rng(0), frequency_per_mm=FREQUENCY_PER_MM)
    most = numba.get_num_threads()
    for label, name, thickness_mm in LAYERS:
        for frequency_per_mm in ((), FREQUENCY_PER_MM):
            for threads in sorted({1, most}):
                numba.set_num_threads(threads)
                rate = photons_per_s(material(name), thickness_mm, frequency_per_mm)
                count = len(frequency_per_mm)
                table.writerow([label, count, HISTORIES, threads, f"{rate:.3g}", platform.machine()])
    numba.set_num_threads(most)


if __name__ == "__main__":
    main()

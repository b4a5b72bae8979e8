"""Speed of the X-ray Monte Carlo: photons per second on one thread and on all, for the layers of the paper.

Beside it the same histories as plain Python on one thread, in a process in which numba compiles nothing. CSV goes to
standard output. Compilation is done before the clock starts.
"""

from __future__ import annotations

import csv
import os
import platform
import statistics
import subprocess
import sys
import time

import numba
import numpy as np

from radiography.beam.attenuation import Material, material
from radiography.interaction.absorption import energy_grid_keV, layer_response

PLAIN = os.environ.get("NUMBA_DISABLE_JIT") == "1"
HISTORIES = 20 if PLAIN else 20_000
REPEATS = 3 if PLAIN else 5
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
    if not PLAIN:
        table.writerow(["layer", "frequencies", "histories", "threads", "photons_per_s", "machine", "over_plain"])
    layer_response(material("CsI@3.4"), 0.5, [40.0], 10, np.random.default_rng(0), frequency_per_mm=FREQUENCY_PER_MM)
    if PLAIN:
        for label, name, thickness_mm in LAYERS:
            print(f"{label},{photons_per_s(material(name), thickness_mm, ()):.3g}")
        return
    most = numba.get_num_threads()
    listed = subprocess.run(
        [sys.executable, __file__],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    plain = {label: float(rate) for label, rate in (line.split(",") for line in listed.splitlines())}
    for label, name, thickness_mm in LAYERS:
        for frequency_per_mm in ((), FREQUENCY_PER_MM):
            for threads in sorted({1, most}):
                numba.set_num_threads(threads)
                rate = photons_per_s(material(name), thickness_mm, frequency_per_mm)
                count = len(frequency_per_mm)
                ratio = f"{rate / plain[label]:.0f}" if not frequency_per_mm else ""
                table.writerow([label, count, HISTORIES, threads, f"{rate:.3g}", platform.machine(), ratio])
    numba.set_num_threads(most)


if __name__ == "__main__":
    main()

"""Time, error and memory of the map of scatter behind 20 cm of PMMA, in processes of their own.

    python benchmarks/bench_scatter.py [--kvp 120] [--repeats 5]

Each repeat makes the map to a standard error of 2 % and of 1 % with a seed of its own, kernels compiled before. What
maps of different seeds differ by is printed beside the error that they state. Peak memory is that of a process that
only makes the map.
"""

from __future__ import annotations

import argparse
import csv
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

HEADER = ("kvp", "noise", "seed", "seconds", "cpu_s", "histories", "stated_error", "peak_MB")


def work(kvp: float, noise: float, seed: int) -> None:
    """One map; prints a line of the table, and its values on a grid of 24 x 24 places."""
    from dataclasses import replace
    from itertools import islice

    import numpy as np

    from phantoms.solids import Box, Phantom, place
    from radiography.beam.attenuation import linear_attenuation_per_mm, material
    from radiography.beam.spectrum import beam_spectrum
    from radiography.config import load_beam
    from radiography.projection.geometry import Geometry
    from radiography.scatter.grid import grid_shape
    from radiography.scatter.map_fit import map_at
    from radiography.scatter.scene_scatter import scatter_experiment, scatter_map
    from radiography.scatter.transport import batches

    beam = replace(load_beam("paper_70kV"), kvp=kvp, filters=(("Al", 2.5),))
    spectrum = beam_spectrum(beam, 10.0, 1.0)
    energy_keV = 0.5 * np.arange(int(2 * spectrum.energy_keV[-1]) + 3)
    layer = replace(material("CsI"), density_g_per_cm3=0.75 * material("CsI").density_g_per_cm3)
    taken = -np.expm1(-0.5 * linear_attenuation_per_mm(layer, np.maximum(energy_keV, 2.0)))
    portions = np.repeat(np.repeat((taken * energy_keV)[:, None, None], 3, 1), 3, 2)
    slab = Phantom("slab", (place(Box((500.0, 500.0, 200.0)), "PMMA", (0.0, 0.0, 200.0)),))
    nothing = grid_shape(None, float(spectrum.energy_keV[-1]))
    experiment = scatter_experiment(slab, Geometry(1500.0, 430, 430, 1.0), spectrum, None, portions, nothing)
    next(islice(batches(experiment, np.random.default_rng(0)), 0, None))
    start, cpu = time.perf_counter(), time.process_time()
    found = scatter_map(experiment, noise, np.random.default_rng(seed))
    taken_s, cpu_s = time.perf_counter() - start, time.process_time() - cpu
    status = Path("/proc/self/status").read_text(encoding="utf-8")  # ru_maxrss may be that of the process before exec
    peak_MB = int(status.partition("VmHWM:")[2].split()[0]) / 1024
    print(f"{kvp:g},{noise},{seed},{taken_s:.2f},{cpu_s:.2f},{found.histories},{found.noise:.5f},{peak_MB:.0f}")
    even = (np.arange(24) + 0.5) / 24
    print(*(f"{value:.6e}" for value in map_at(found, even, even).ravel()))


def main() -> None:
    """Run all repeats and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kvp", type=float, default=120.0)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--work", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.kvp, float(options.work[0]), int(options.work[1]))
        return
    import numpy as np

    table = csv.writer(sys.stdout)
    print(f"# {platform.machine()}, {platform.system()}, Python {platform.python_version()}")
    table.writerow(HEADER)
    maps: dict[float, list[np.ndarray]] = {}
    rows: dict[float, list[list[str]]] = {}
    for seed in range(1, options.repeats + 1):
        for noise in (0.02, 0.01):
            command = [sys.executable, __file__, "--kvp", str(options.kvp), "--work", str(noise), str(seed)]
            line, values = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[:2]
            rows.setdefault(noise, []).append(line.split(","))
            maps.setdefault(noise, []).append(np.array(values.split(), dtype=float))
            table.writerow(line.split(","))
    for noise, found in rows.items():
        seconds, cpu_s = (statistics.median(float(row[place]) for row in found) for place in (3, 4))
        spread = np.std(maps[noise], axis=0, ddof=1) if options.repeats > 1 else np.zeros(1)
        true = float(np.sqrt(np.mean(spread**2)) / np.mean(maps[noise]))
        print(f"# {noise:.0%}: median {seconds:.1f} s, {cpu_s:.1f} CPU s; maps of own seeds differ by {true:.2%} rms")


if __name__ == "__main__":
    main()

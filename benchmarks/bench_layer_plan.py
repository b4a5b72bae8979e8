"""Time to plan a layer for a beam: X-ray and light Monte Carlo at the statistics of the frames, computed and found.

    python benchmarks/bench_layer_plan.py [--repeats 5] [--output results.csv]

"computed" starts from an empty cache folder, "found" reads what it left there; "report" is all that
`radiography scintillator` computes from it for one beam. MTF and its standard error at 2 /mm are printed, so that a
speed never stands for another result. Compilation and the spectrum of the tube are done before the clock starts.
"""

from __future__ import annotations

import argparse
import csv
import os
import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numba
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from radiography.beam.spectrum import beam_spectrum
from radiography.config import load_beam, load_panel, load_scintillator
from radiography.light.layer_light import layer_light
from radiography.study.layer_report import report_layer

LAYERS = ("CsPbBr3_75um", "CsI_Tl_500um", "CsI_Tl_published")
HEADER = ("layer", "what", "threads", "seconds", "lowest", "highest", "mtf_2_per_mm", "error", "machine")


def main() -> None:
    """Print or write one line per layer, task and number of threads."""
    parser = argparse.ArgumentParser(description="Time to plan a layer for a beam.")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    panel, spectrum = load_panel("fully_coated"), beam_spectrum(load_beam("paper_70kV"), 15.0, 1.0)
    layers = {name: load_scintillator(name) for name in LAYERS}
    most = numba.get_num_threads()
    lines = []
    for name, layer in layers.items():
        with tempfile.TemporaryDirectory() as folder:
            os.environ["XDG_CACHE_HOME"] = folder
            report_layer(layer, panel, spectrum, 15.0, histories=10, photons=20)
        for threads in sorted({1, most}):
            numba.set_num_threads(threads)
            seconds: dict[str, list[float]] = {"computed": [], "found": [], "report": []}
            for _ in range(options.repeats):
                with tempfile.TemporaryDirectory() as folder:
                    os.environ["XDG_CACHE_HOME"] = folder
                    for what in ("computed", "found"):
                        start = time.perf_counter()
                        layer_light(layer, spectrum.energy_keV)
                        seconds[what].append(time.perf_counter() - start)
                    report = report_layer(layer, panel, spectrum, 15.0)  # also finds what the diodes absorb
                    start = time.perf_counter()
                    report = report_layer(layer, panel, spectrum, 15.0)
                    seconds["report"].append(time.perf_counter() - start)
            at_2 = [float(np.interp(2.0, report.frequency_per_mm, curve)) for curve in (report.mtf, report.mtf_error)]
            for what, times in seconds.items():
                timing = [f"{value:.3g}" for value in (statistics.median(times), min(times), max(times))]
                lines.append([name, what, threads, *timing, f"{at_2[0]:.4f}", f"{at_2[1]:.4f}", platform.machine()])
    numba.set_num_threads(most)
    with options.output.open("w", newline="", encoding="utf-8") if options.output else sys.stdout as stream:
        table = csv.writer(stream)
        table.writerow(HEADER)
        table.writerows(lines)


if __name__ == "__main__":
    main()

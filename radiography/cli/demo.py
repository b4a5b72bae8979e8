"""`radiography demo`: the paper's comparison on the full panel, for both scintillators."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from radiography.cli.options import banded
from radiography.cli.output import give_json, progress, warn
from radiography.jobs.demo import FITTED, REPORT, demo_to_json, run_demo
from radiography.jobs.freed_memory import keep_freed_memory

TABLE_FREQUENCIES_PER_MM = (0.5, 1.0, 2.0, 3.0)


def show_demo(out: Path, frames: int, seed: int, json_file: Path | None) -> None:
    """Run the demo; print each part as it is finished, and the table at the end."""
    started = time.monotonic()
    keep_freed_memory()
    with progress() as report:
        made = run_demo(
            out,
            frames=frames,
            seed=seed,
            two_processes=True,
            report=report,
            tell=lambda text: print(text, flush=True),
        )
    _print_table(made.panels)
    see = "report.html, summary.json" if REPORT in made.files else "summary.json, mtf.png"
    print(f"{len(made.files)} files in {out}, {time.monotonic() - started:.0f} s; see {see}")
    if REPORT not in made.files:
        from radiography.figures.report.page import NEEDED

        warn(NEEDED)
    give_json(json_file, demo_to_json(made))


def _print_table(panels: Mapping[str, dict[str, Any]]) -> None:
    frequencies = "".join(f"{f'MTF({f:g}/mm)':>16}" for f in TABLE_FREQUENCIES_PER_MM)
    print(f"\n{'panel':<16}{frequencies}{'paper at 2/mm':>16}{'electrons':>12}{'SNR/pixel':>11}{'DQE(0)':>22}")
    for name, panel in panels.items():
        cells = ""
        for frequency in TABLE_FREQUENCIES_PER_MM:
            value = np.interp(frequency, panel["mtf"]["frequency_per_mm"], panel["mtf"]["value"])
            error = np.interp(frequency, panel["mtf"]["frequency_per_mm"], panel["mtf"]["standard_error"])
            cells += f"{f'{value:.3f} +- {error:.3f}':>16}"
        efficiency = banded(panel["dqe0"], panel["dqe0_band"])
        print(
            f"{name:<16}{cells}{panel['mtf_at_2_per_mm']['paper']:>16.2f}{panel['signal_electrons']:>12.3g}"
            f"{panel['signal_to_noise']:>11.1f}{efficiency:>22}"
        )
    for name in panels:
        print(f"{name}: fitted was {FITTED[name]}.")
    print("The MTF at other frequencies, signal and noise follow from X-ray and light transport. In brackets, DQE(0)")
    print("over what panel and layer declare as ranges: slabs under the layer, energy per electron, light yield.\n")

"""`radiography benchmark`: its options, its table, and where the results are."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from radiography.cli.parameters import JsonFile, Scintillators, WhereElse
from radiography.cli.words import BEAMS, PANELS


def benchmark(
    names: Scintillators,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the results; what is there is kept.")],
    panel: Annotated[
        str, typer.Option("--panel", autocompletion=PANELS, help="Panel: shipped name or .toml file.")
    ] = "fully_coated",
    beam: Annotated[
        str, typer.Option("--beam", autocompletion=BEAMS, help="Beam: shipped name or .toml file.")
    ] = "RQA5",
    dose: Annotated[float, typer.Option("--dose", metavar="UGY", help="Nominal air kerma at the panel [uGy].")] = 2.5,
    size: Annotated[
        int, typer.Option("--size", metavar="PIXELS", help="Side of the panel's middle that is used.")
    ] = 3072,
    seed: Annotated[int, typer.Option("--seed", help="Same seed, same results.")] = 1,
    frames: Annotated[
        int | None,
        typer.Option("--frames", help="Darks, and flats of each dose; without it what the standard asks for."),
    ] = None,
    scheduler: WhereElse = "none",
    json_file: JsonFile = None,
) -> None:
    """Scintillators side by side, measured on images. MTF, NNPS, DQE, lag and more, beside what transport predicts."""
    from radiography.cli.output import give_json, progress, warn
    from radiography.jobs.benchmark import BenchmarkSetup, run_benchmark
    from radiography.jobs.freed_memory import keep_freed_memory
    from radiography.sweep.engine import Engine

    started = time.monotonic()
    keep_freed_memory()
    with progress() as report:
        setup = BenchmarkSetup(names, panel, beam, dose, size, seed, frames)
        made = run_benchmark(setup, out, report, engine=Engine(scheduler))
    for doubt in made.numbers["warnings"]:
        warn(doubt)
    _print(made.numbers)
    if made.report is None:
        from radiography.figures.report.page import NEEDED

        warn(NEEDED)
    page = "" if made.report is None else "report.html, "
    print(f"{out}: {page}benchmark.json, benchmark.csv, benchmark.png; {time.monotonic() - started:.0f} s")
    give_json(json_file, made.numbers)


def _print(numbers: Mapping[str, Any]) -> None:
    from radiography.jobs.benchmark_table import summary_rows

    layers = numbers["layers"]
    print(f"{numbers['panel']}, {numbers['beam']}, {numbers['dose_uGy']:g} uGy, {numbers['size']} x {numbers['size']}")
    print(f"{'':<48}" + "".join(f" {name:>35}" for name in layers))
    print(f"{'':<48}" + f"{'measured':>24}{'predicted':>12}" * len(layers))
    for row in summary_rows(numbers):
        line = f"{row.quantity:<38}{'' if row.unit == '1' else row.unit:<10}"
        for value, error, predicted in row.entries:
            said = "" if value is None else f"{value:.4g}" if error is None else f"{value:.4g} +- {error:.2g}"
            line += f"{said:>24}{'' if predicted is None else f'{predicted:.4g}':>12}"
        print(line)
    for name, layer in layers.items():
        off = layer["agreement"]
        mtf, nnps, dqe = (
            off[key] for key in ("mtf_worst_difference", *(f"{n}_worst_relative_difference" for n in ("nnps", "dqe")))
        )
        print(
            f"{name}, measured against predicted, at worst: MTF {mtf['value']:.4f} +- {mtf['standard_error']:.4f}, "
            f"NNPS {100 * nnps['value']:+.1f} +- {100 * nnps['standard_error']:.1f} %, "
            f"DQE {100 * dqe['value']:+.1f} +- {100 * dqe['standard_error']:.1f} %"
        )

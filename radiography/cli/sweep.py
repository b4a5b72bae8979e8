"""`radiography sweep`: a scene at many values of its keys."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from radiography.cli.parameters import JsonFile, Scheduler, Workers


def sweep(
    sweep_file: Annotated[
        Path, typer.Argument(metavar="SWEEP.toml", help="Base scene, axes, and what to keep: radiography init sweep.")
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR.zarr", help="Results; of a sweep begun before only the rest is done.")
    ],
    scheduler: Scheduler = None,
    workers: Workers = None,
    json_file: JsonFile = None,
) -> None:
    """A scene at many values of its keys. Samples in a zarr folder, their numbers as a table and a figure."""
    from radiography.cli.output import file_of, give_json, progress, warn
    from radiography.jobs.sweep import run_sweep, sweep_to_json
    from radiography.sweep.engine import Engine

    started = time.monotonic()
    with progress() as report:
        found = run_sweep(
            sweep_file, out, engine=Engine(scheduler, workers), json_file=file_of(json_file), report=report
        )
    for sample in found.failed:
        warn(f"sample {sample.index} has no result: {sample.error}")
    count, failed = found.plan.count, len(found.failed)
    done = count - failed - found.done_before
    print(f"{count} sample{'s' * (count > 1)}: {done} done now, {found.done_before} before, {failed} without a result")
    print(f"{found.out}, {found.csv_file}, {found.plot}; {time.monotonic() - started:.0f} s")
    for note in found.notes:
        print(f"  {note}")
    give_json(json_file, sweep_to_json(found))
    if failed:
        raise typer.Exit(1)

"""`radiography validate`: what the model predicts beside what was published, as a table."""

from __future__ import annotations

from pathlib import Path

from radiography.cli.output import give_json, progress
from radiography.jobs.validate import validate_model, validation_text, validation_to_json
from radiography.sweep.engine import Engine


def run_validate(out: Path, table: Path | None, scheduler: str, json_file: Path | None) -> None:
    """Print the table, the time that each group of rows took, and where the files are."""
    with progress() as report:
        found = validate_model(out, table=table, engine=Engine(scheduler), report=report)
    print(validation_text(found.rows))
    took = ", ".join(f"{group} {seconds:.0f} s" for group, seconds in found.seconds.items())
    print(f"{sum(found.seconds.values()):.0f} s: {took}")
    print(f"{', '.join(found.files)} in {out}")
    give_json(json_file, validation_to_json(found.rows))

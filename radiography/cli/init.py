"""`radiography init`: a commented template to begin with."""

from __future__ import annotations

from pathlib import Path

from radiography.cli.output import print_result
from radiography.jobs.init import template, write_template


def run_init(kind: str, out: Path | None) -> None:
    """Write a template to a new file, or print it."""
    if out is None:
        print_result(template(kind).rstrip("\n"))
        return
    print(f"{write_template(kind, out)}: {kind} template to change, runs as it stands")

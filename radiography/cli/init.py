"""`radiography init`: a commented template to begin with."""

from __future__ import annotations

from pathlib import Path

from radiography.cli.output import give_json, print_result
from radiography.jobs.init import template, write_template


def run_init(kind: str, out: Path | None, json_file: Path | None) -> None:
    """Write a template to a new file, or print it."""
    text = template(kind)
    if out is not None:
        print(f"{write_template(kind, out)}: {kind} template to change, runs as it stands")
    elif json_file is None:
        print_result(text.rstrip("\n"))
    give_json(json_file, {"kind": kind, "out": out, "template": text, "warnings": []})

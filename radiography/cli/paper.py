"""`radiography paper`: figures of the paper, computed, beside its numbers."""

from __future__ import annotations

from pathlib import Path

from radiography.cli.output import give_json, progress
from radiography.jobs.paper import draw_paper, paper_to_json


def run_paper(out: Path, figures: list[str], quick: bool, json_file: Path | None) -> None:
    """Print the status of each figure, what parts it from the paper, and where the page is."""
    with progress() as report:
        found = draw_paper(out, figures, quick=quick, report=report)
    for key, figure in found.made.items():
        print(f"{key:<7}{figure.status:<12}{figure.title}: {figure.verdict}")
    numbers = paper_to_json(found.made, quick)
    if numbers["not_made"] and not figures:
        print(f"not made yet: {', '.join(numbers['not_made'])}")
    print(
        f"{out / 'paper.html'}: the page, with {len(found.files) - 1} other files; {sum(found.seconds.values()):.0f} s"
    )
    give_json(json_file, numbers)

"""`radiography paper`: figures of the paper, computed, beside its numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from radiography.cli.parameters import JsonFile


def paper(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the results.")],
    figures: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FIGURE]...", help="As the paper numbers them, as 2a or ED10.", show_default=False),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A tenth of the histories, part of the panel.")] = False,
    json_file: JsonFile = None,
) -> None:
    """Figures of the paper, computed. Each beside the paper's numbers, and one page of all."""
    from radiography.cli.output import give_json, progress
    from radiography.jobs.paper import draw_paper, paper_to_json

    with progress() as report:
        found = draw_paper(out, figures or [], quick=quick, report=report)
    told: list[int] = []
    for key, figure in found.made.items():
        if id(figure) not in told:
            told.append(id(figure))
            print(f"{key:<7}{figure.status:<12}{figure.title}: {figure.verdict}")
    numbers = paper_to_json(found.made, quick)
    if found.removed:
        print(f"removed {len(found.removed)} files of an earlier run")
    seconds = sum(found.seconds.values())
    print(f"{out / 'paper.html'}: the page, with {len(found.files) - 1} other files; {seconds:.0f} s")
    give_json(json_file, numbers)

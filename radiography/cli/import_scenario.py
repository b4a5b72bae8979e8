"""`radiography import`: scenes of other programs, judged key by key and written as scenes of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from radiography.cli.output import give_json, progress
from radiography.cli.parameters import JsonFile


def import_command(
    scenario: Annotated[Path, typer.Argument(metavar="SCENARIO.json", help="Scene of CTSimU (1.2) or gVXR (1.0).")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder for scene.toml, its panel, beam and meshes.")
    ] = None,
    projection: Annotated[
        int, typer.Option("--projection", metavar="N", help="Projection of a CTSimU scan, from 0.")
    ] = 0,
    picture: Annotated[
        bool, typer.Option("--picture", help="Also projection.tif and flat.tif, by the scenario's own ideal detector.")
    ] = False,
    seed: Annotated[int, typer.Option("--seed", help="Of that picture's noise: same seed, same bytes.")] = 1,
    json_file: JsonFile = None,
) -> None:
    """A scene of another program as one of ours. Says of every key whether it is taken, approximated or refused."""
    from radiography.jobs.import_scenario import import_scenario

    with progress() as told:
        found = import_scenario(scenario, projection=projection, out=out, picture=picture, seed=seed, report=told)
    lists = {"taken": found.taken, "approximated": found.approximated, "refused": found.refused}
    print(f"{found.source}: {found.format}, projection {projection}")
    for heading, entries in lists.items():
        print(f"{heading}:")
        for key, what in entries.items():
            print(f"  {key}: {what}")
        if not entries:
            print("  nothing")
    for path in found.files:
        print(f"{path}: written")
    give_json(
        json_file,
        {
            "scenario": found.source,
            "format": found.format,
            "projection": projection,
            **{heading: dict(entries) for heading, entries in lists.items()},
            "files": list(found.files),
        },
    )

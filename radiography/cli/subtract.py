"""`radiography subtract`: dual-energy difference of two pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from radiography.cli.parameters import JsonFile
from radiography.cli.words import SCENES


def subtract(
    low: Annotated[str, typer.Argument(metavar="LOW", help="Corrected image of the softer spectrum: front layer.")],
    high: Annotated[str, typer.Argument(metavar="HIGH", help="Corrected image of the harder spectrum: back layer.")],
    out: Annotated[Path, typer.Option("--out", help="Difference picture: .tif, float32.")],
    weight: Annotated[
        float | None,
        typer.Option("--weight", metavar="W", help="Of the softer picture, 0 to 100: W ln(LOW) - ln(HIGH)."),
    ] = None,
    scene: Annotated[
        str | None,
        typer.Option("--scene", metavar="SCENE", autocompletion=SCENES, help="Whose spectra give the weight."),
    ] = None,
    cancel: Annotated[
        str | None, typer.Option("--cancel", metavar="MATERIAL:MM", help="What shall vanish, such as water:20.")
    ] = None,
    behind: Annotated[
        str | None, typer.Option("--behind", metavar="MATERIAL:MM", help="What lies in the beam besides.")
    ] = None,
    displacing: Annotated[
        str | None,
        typer.Option("--displacing", metavar="MATERIAL", help="What it takes the place of, as bone of water."),
    ] = None,
    regions: Annotated[
        list[str] | None,
        typer.Option("--region", metavar="R0:R1,C0:C1", help="Twice: places that differ in what shall vanish."),
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """Dual-energy difference of two images. They are of a dual-layer panel, or of two exposures."""
    from radiography.cli.options import region, thickness
    from radiography.cli.output import file_of, give_json, progress
    from radiography.jobs.subtract import WeightWanted, subtract_pictures, subtraction_to_json

    places = tuple(place for text in regions or () if (place := region(text, "--region")) is not None)
    wanted = WeightWanted(
        weight, scene, thickness("--cancel", cancel), thickness("--behind", behind), displacing, places
    )
    with progress():  # the spectra of a scene take seconds to compute
        made = subtract_pictures(low, high, out, wanted, json_file=file_of(json_file))
    error = "" if made.error is None else f" +- {made.error:.1g}"
    plural = "s" if made.frames > 1 else ""
    print(f"{made.out}: {made.frames} difference picture{plural}, weight {made.weight:.4g}{error} of the softer one")
    give_json(json_file, subtraction_to_json(made))

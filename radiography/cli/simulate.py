"""`radiography simulate`: raw frames of a scene."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from radiography.cli.parameters import JsonFile
from radiography.cli.words import SCENES


def simulate(
    scene: Annotated[
        str,
        typer.Argument(metavar="SCENE.toml", autocompletion=SCENES, help="Scene file, or the name of a shipped scene."),
    ],
    out: Annotated[Path, typer.Option("--out", help="Raw frames: .tif (multi-page) or .npy.")],
    frames: Annotated[
        int | None, typer.Option("--frames", help="Number of frames; without it 1, or as many as the scene's sequence.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Same seed, same bytes.")] = 1,
    truth: Annotated[
        Path | None,
        typer.Option("--truth", help="Also the ground truth in layers: a new folder DIR.zarr, or .npz for one frame."),
    ] = None,
    back: Annotated[
        Path | None,
        typer.Option("--back", help="Back layer of a dual-layer panel: .tif or .npy; else NAME_back beside --out."),
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """Raw frames of a scene, as a panel delivers them."""
    run_simulate(scene, out, frames, seed, truth, json_file, back=back)


def run_simulate(
    scene: str,
    out: Path,
    frames: int | None,
    seed: int,
    truth: Path | None,
    json_file: Path | None = None,
    *,
    back: Path | None = None,
) -> None:
    """Write the raw frames of a scene and say so."""
    from radiography.cli.output import file_of, give_json, progress, warn
    from radiography.jobs.compile_ahead import compiling_ahead
    from radiography.jobs.results import simulation_to_json
    from radiography.jobs.simulate import simulate_scene

    with compiling_ahead(("frames", "projection")), progress() as report:
        made = simulate_scene(
            scene, out, frames=frames, seed=seed, truth=truth, back=back, json_file=file_of(json_file), report=report
        )
    plural = "s" if made.frames > 1 else ""
    print(f"{made.out}: {made.frames} raw frame{plural} of '{made.scene.description}', seed {seed}")
    if made.back is not None:
        print(f"{made.back}: {made.frames} raw frame{plural} of the back layer, from the same exposure{plural}")
    for doubt in made.warnings:
        warn(doubt)
    give_json(json_file, simulation_to_json(made))

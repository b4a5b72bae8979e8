"""`radiography simulate`: raw frames of a scene."""

from __future__ import annotations

from pathlib import Path

from radiography.cli.output import file_of, give_json, progress
from radiography.jobs.compile_ahead import compiling_ahead
from radiography.jobs.results import simulation_to_json
from radiography.jobs.simulate import simulate_scene


def run_simulate(
    scene: str,
    out: Path,
    frames: int | None,
    seed: int,
    truth: Path | None,
    json_file: Path | None = None,
) -> None:
    """Write the raw frames of a scene and say so."""
    with compiling_ahead(("frames", "projection")), progress() as report:
        made = simulate_scene(
            scene, out, frames=frames, seed=seed, truth=truth, json_file=file_of(json_file), report=report
        )
    plural = "s" if made.frames > 1 else ""
    print(f"{made.out}: {made.frames} raw frame{plural} of '{made.scene.description}', seed {seed}")
    give_json(json_file, simulation_to_json(made))

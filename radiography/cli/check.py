"""`radiography check`: a scene validated, and what it will run."""

from __future__ import annotations

from radiography.jobs.check import describe_scene


def run_check(scene: str) -> None:
    """Print what a scene holds and what it will take."""
    for label, text in describe_scene(scene):
        print(f"{label:<14}{text}")

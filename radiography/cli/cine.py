"""`radiography export --cine`: a sequence as one DICOM file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from radiography.cli.output import give_json, progress, warn
from radiography.files.frames import RawLayout
from radiography.jobs.export_cine import ExportedCine, export_cine
from radiography.jobs.results import cine_to_json

if TYPE_CHECKING:
    from radiography.dicom.subject import Told


def run_cine(
    image: Path,
    out: Path,
    *,
    frames: str | None,
    frame_time_ms: float | None,
    for_processing: bool,
    pitch_mm: float | None,
    name: str | None,
    identifier: str | None,
    layout: RawLayout | None,
    told: Told | None,
    json_file: Path | None,
    not_of_sequences: dict[str, object],
) -> None:
    """Write the frames of a file as one DICOM RF object and say so."""
    given = [option for option, value in not_of_sequences.items() if value is not None]
    if given:
        raise ValueError(f"{given[0]} is for single images and does not go with --cine")
    with progress() as report:
        made = export_cine(
            image,
            out,
            for_processing=for_processing,
            frame_time_ms=frame_time_ms,
            frames=frames,
            pitch_mm=pitch_mm,
            name=name,
            identifier=identifier,
            layout=layout,
            told=told,
            report=report,
        )
    tell_cine(made, json_file)


def tell_cine(made: ExportedCine, json_file: Path | None) -> None:
    """Print what a sequence that was written holds; its JSON where that is asked for."""
    for warning in made.warnings:
        warn(warning)
    kind = "linear, for processing" if made.for_processing else "for presentation"
    print(
        f"{made.out}: DICOM RF of {made.frames} frames {kind}, {made.frame_time_ms:g} ms from frame to frame, "
        f"{made.pitch_mm:g} mm pixels"
    )
    if made.scale:
        print(f"  {made.scale}")
    give_json(json_file, cine_to_json(made))

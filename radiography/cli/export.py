"""`radiography export`: a corrected image as DICOM."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from radiography.cli.output import give_json, warn
from radiography.files.frames import RawLayout
from radiography.jobs.export import export_image
from radiography.jobs.results import export_to_json

if TYPE_CHECKING:
    from radiography.dicom.subject import Told


def run_export(
    image: Path,
    out: Path,
    *,
    frame: int | None,
    for_processing: bool,
    pitch_mm: float | None,
    name: str | None,
    identifier: str | None,
    layout: RawLayout | None,
    compression: str | None,
    told: Told | None,
    json_file: Path | None,
) -> None:
    """Write one corrected image as DICOM DX and say so."""
    made = export_image(
        image,
        out,
        for_processing=for_processing,
        pitch_mm=pitch_mm,
        name=name,
        identifier=identifier,
        frame=frame,
        layout=layout,
        compression=compression,
        told=told,
    )
    purpose = "processing" if made.for_processing else "presentation"
    for warning in made.warnings:
        warn(warning)
    source = f" ({made.pitch_source})" if made.pitch_source else ""
    packed = f", compressed without loss ({made.compression})" if made.compression else ""
    print(f"{made.out}: DICOM DX for {purpose}, {made.pitch_mm:g} mm pixels{source}{packed}")
    if made.picture:
        print(f"  {made.picture}")
    if made.scale:
        print(f"  {made.scale}")
    give_json(json_file, export_to_json(made))

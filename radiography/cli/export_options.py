"""Options of `radiography export`; what it does stands in the files beside this one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from radiography.cli.parameters import (
    Anonymise,
    Diconde,
    Frame,
    JsonFile,
    Layout,
    Magnification,
    Orientation,
    Picture,
    Pitch,
    SubjectTold,
    Target,
)


def export(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="Linear corrected image.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE.dcm", help="DICOM file to write.")],
    for_processing: Annotated[
        bool, typer.Option("--for-processing", help="Linear pixels (For Processing) instead of For Presentation.")
    ] = False,
    pitch: Pitch = None,
    name: Annotated[str | None, typer.Option("--name", help="Patient or part name; as the image says.")] = None,
    identifier: Annotated[
        str | None, typer.Option("--id", help="Patient or part identifier; as the image says, or PHANTOM.")
    ] = None,
    frame: Frame = None,
    compress: Annotated[
        str | None,
        typer.Option("--compress", metavar="KIND", help="Lossless: jpeg-lossless, jpeg-ls, jpeg2000, htj2k or rle."),
    ] = None,
    subject: SubjectTold = None,
    magnification: Magnification = None,
    target: Target = None,
    diconde: Diconde = False,
    anonymise: Anonymise = False,
    picture: Picture = None,
    orientation: Orientation = None,
    cine: Annotated[
        bool, typer.Option("--cine", help="All frames as one sequence (DICOM RF) that viewers play.")
    ] = False,
    frame_time: Annotated[
        float | None, typer.Option("--frame-time", metavar="MS", help="With --cine: from frame to frame [ms].")
    ] = None,
    frames: Annotated[
        str | None, typer.Option("--frames", metavar="A:B", help="With --cine: which frames, B left out.")
    ] = None,
    layout: Layout = None,
    json_file: JsonFile = None,
) -> None:
    """DICOM Digital X-Ray image that viewers open."""
    from radiography.cli.export import run_export
    from radiography.jobs.subject import told_of_objects

    told = told_of_objects(subject, magnification, target, diconde, anonymise, picture, orientation)
    if cine or frame_time is not None or frames is not None:
        from radiography.cli.cine import run_cine

        if not cine:
            raise ValueError("--frame-time and --frames are for sequences: give --cine as well")
        run_cine(
            image,
            out,
            frames=frames,
            frame_time_ms=frame_time,
            for_processing=for_processing,
            pitch_mm=pitch,
            name=name,
            identifier=identifier,
            layout=layout,
            told=told,
            json_file=json_file,
            not_of_sequences={"--frame": frame, "--compress": compress, "--target": target, "--picture": picture},
        )
        return
    run_export(
        image,
        out,
        frame=frame,
        for_processing=for_processing,
        pitch_mm=pitch,
        name=name,
        identifier=identifier,
        layout=layout,
        compression=compress,
        told=told,
        json_file=json_file,
    )

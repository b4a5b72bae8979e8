"""Commands that judge images, with their options; what they do stands in the files beside this one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from radiography.cli.parameters import (
    CsvFile,
    Flags,
    Frame,
    JsonFile,
    Layout,
    Pitch,
    Plot,
    Result,
    Roi,
)


def mtf(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="Linear corrected image of a slanted edge.")],
    roi: Roi = None,
    edges: Annotated[
        str, typer.Option("--edges", metavar="strongest|all", help="Measure one edge, or each of a plate.")
    ] = "strongest",
    flags: Flags = None,
    no_glare: Annotated[
        bool, typer.Option("--no-glare", help="Also the curve of a line spread that is cut where glare begins.")
    ] = False,
    pitch: Pitch = None,
    json_file: JsonFile = None,
    csv_file: CsvFile = None,
    plot: Plot = None,
    dicom: Result = None,
    frame: Frame = None,
    layout: Layout = None,
) -> None:
    """Presampled slanted-edge MTF with its standard error."""
    from radiography.cli.mtf import run_mtf

    run_mtf(
        image,
        frame=frame,
        roi=roi,
        pitch_mm=pitch,
        json_file=json_file,
        plot=plot,
        layout=layout,
        edges=edges,
        flags=flags,
        no_glare=no_glare,
        csv_file=csv_file,
        dicom=dicom,
    )

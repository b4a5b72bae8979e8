"""Commands that judge images, with their options; what they do stands in the files beside this one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from radiography.cli.parameters import (
    ByteOrder,
    DType,
    Frame,
    FrameGap,
    HeaderBytes,
    JsonFile,
    Pitch,
    Plot,
    Shape,
)


def mtf(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="Linear corrected image of a slanted edge.")],
    roi: Annotated[
        str | None,
        typer.Option("--roi", metavar="R0:R1,C0:C1", help="Rows and columns to use; 0:,:200 goes to the borders."),
    ] = None,
    edges: Annotated[
        str, typer.Option("--edges", metavar="strongest|all", help="Measure one edge, or each of a plate.")
    ] = "strongest",
    flags: Annotated[
        Path | None,
        typer.Option("--flags", metavar="FILE", help="Flag plane of the image, or a mask of unusable pixels."),
    ] = None,
    no_glare: Annotated[
        bool, typer.Option("--no-glare", help="Also the curve of a line spread that is cut where glare begins.")
    ] = False,
    pitch: Pitch = None,
    json_file: JsonFile = None,
    csv_file: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write the curve as a table (.csv).")
    ] = None,
    plot: Plot = None,
    frame: Frame = None,
    shape: Shape = None,
    dtype: DType = "uint16",
    byte_order: ByteOrder = "little",
    header_bytes: HeaderBytes = 0,
    frame_gap: FrameGap = 0,
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
        raw=(shape, dtype, byte_order, header_bytes, frame_gap),
        edges=edges,
        flags=flags,
        no_glare=no_glare,
        csv_file=csv_file,
    )

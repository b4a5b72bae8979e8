"""Options and help of `radiography nps`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from radiography.cli.parameters import (
    ByteOrder,
    DType,
    Flags,
    FrameGap,
    HeaderBytes,
    JsonFile,
    Pitch,
    Plot,
    Shape,
)

Roi = Annotated[str | None, typer.Option("--roi", metavar="R0:R1,C0:C1", help="Rows and columns of the flats to use.")]
Block = Annotated[int, typer.Option("--block", metavar="PIXELS", help="Side of the blocks, even.")]
CsvFile = Annotated[Path | None, typer.Option("--csv", help="Write the curves as a table.")]


def nps(
    frames: Annotated[
        list[str], typer.Argument(metavar="FRAMES...", help="Linear corrected flats of one exposure, in their order.")
    ],
    roi: Roi = None,
    pitch: Pitch = None,
    flags: Flags = None,
    block: Block = 256,
    json_file: JsonFile = None,
    csv_file: CsvFile = None,
    plot: Plot = None,
    shape: Shape = None,
    dtype: DType = "uint16",
    byte_order: ByteOrder = "little",
    header_bytes: HeaderBytes = 0,
    frame_gap: FrameGap = 0,
) -> None:
    """Noise power spectrum of flats. Along both axes and radial, fixed and temporal parts, lag, hum, row noise."""
    from radiography.cli.nps import run_nps
    from radiography.cli.options import raw_layout

    layout = raw_layout(shape, dtype, byte_order, header_bytes, frame_gap)
    run_nps(
        frames,
        roi=roi,
        pitch_mm=pitch,
        flags=flags,
        block=block,
        json_file=json_file,
        csv_file=csv_file,
        plot=plot,
        layout=layout,
    )

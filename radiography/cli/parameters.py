"""Options that several commands have, with one name, unit and help each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from radiography.cli.words import SCINTILLATORS

Shape = Annotated[str | None, typer.Option("--shape", help="Headerless raw: rows and columns, e.g. 3072x3072.")]
DType = Annotated[
    str, typer.Option("--dtype", help="Headerless raw: uint8, int8, uint16, int16, uint32, int32, float32 or float64.")
]
ByteOrder = Annotated[str, typer.Option("--byte-order", help="Headerless raw: little or big.")]
HeaderBytes = Annotated[int, typer.Option("--header-bytes", help="Headerless raw: bytes before all frames, once.")]
FrameGap = Annotated[int, typer.Option("--frame-gap", help="Headerless raw: bytes before each frame.")]
Frame = Annotated[int | None, typer.Option("--frame", help="Which frame of a file of several, from 0.")]
About = Annotated[
    Path | None, typer.Option("--about", metavar="FILE.toml", help="What files do not say: time, temperature, dose...")
]
Earlier = Annotated[
    list[str] | None,
    typer.Option("--earlier", metavar="FILES", help="Earlier calibration sets of the same panel."),
]
Flags = Annotated[
    Path | None,
    typer.Option("--flags", metavar="FILE", help="Flags of the frames, or a defect map: those pixels are left out."),
]
JsonFile = Annotated[
    Path | None, typer.Option("--json", metavar="FILE", help="Write the numbers as JSON; - for standard output.")
]
Plot = Annotated[Path | None, typer.Option("--plot", help="Write a plot (.png, .pdf or .svg).")]
Pitch = Annotated[
    float | None, typer.Option("--pitch", metavar="MM", help="Pixel pitch [mm], where the file does not say it.")
]
PublishedValues = Annotated[
    Path | None,
    typer.Option("--table", metavar="FILE.toml", help="Published values to compare with; without it those that ship."),
]
Saturation = Annotated[
    float | None,
    typer.Option(
        "--saturation", metavar="DN", help="Raw value [DN] from which a pixel is saturated; found from frames without."
    ),
]
Scintillators = Annotated[
    list[str],
    typer.Argument(
        metavar="NAME...", autocompletion=SCINTILLATORS, help="Scintillators: shipped names or .toml files."
    ),
]

"""Options that several commands have, with one name, unit and help each."""

from __future__ import annotations

from inspect import Parameter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from radiography.cli.words import SCINTILLATORS

if TYPE_CHECKING:
    from radiography.files.frames import RawLayout

    Layout = RawLayout | None
else:  # `Commands` asks for its five options instead, and the class lies where numpy is loaded
    Layout = Any

Shape = Annotated[str | None, typer.Option("--shape", help="Headerless raw: rows and columns, e.g. 3072x3072.")]
DType = Annotated[
    str, typer.Option("--dtype", help="Headerless raw: uint8, int8, uint16, int16, uint32, int32, float32 or float64.")
]
ByteOrder = Annotated[str, typer.Option("--byte-order", help="Headerless raw: little or big.")]
HeaderBytes = Annotated[int, typer.Option("--header-bytes", help="Headerless raw: bytes before all frames, once.")]
FrameGap = Annotated[int, typer.Option("--frame-gap", help="Headerless raw: bytes before each frame.")]
RAW_OPTIONS = tuple(
    Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
    for name, default, annotation in (
        ("shape", None, Shape),
        ("dtype", "uint16", DType),
        ("byte_order", "little", ByteOrder),
        ("header_bytes", 0, HeaderBytes),
        ("frame_gap", 0, FrameGap),
    )
)
Frame = Annotated[int | None, typer.Option("--frame", help="Which frame of a file of several, from 0.")]
About = Annotated[
    Path | None, typer.Option("--about", metavar="FILE.toml", help="What files do not say: time, temperature, dose...")
]
Earlier = Annotated[
    list[str] | None,
    typer.Option("--earlier", metavar="FILES", help="Earlier calibration sets of the same panel."),
]
Lag = Annotated[
    list[str] | None, typer.Option("--lag", metavar="FILES", help="Beam-on/beam-off sequences, one a file.")
]
Shielded = Annotated[str | None, typer.Option("--shielded", metavar="C0:C1,...", help="Columns that see no X-rays.")]
Flags = Annotated[
    Path | None,
    typer.Option("--flags", metavar="FILE", help="Flags of the frames, or a defect map: those pixels are left out."),
]
Roi = Annotated[
    str | None,
    typer.Option("--roi", metavar="R0:R1,C0:C1", help="Rows and columns to use; 0:,:200 goes to the borders."),
]
CsvFile = Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write the table (.csv).")]
JsonFile = Annotated[
    Path | None, typer.Option("--json", metavar="FILE", help="Write the numbers as JSON; - for standard output.")
]
Plot = Annotated[Path | None, typer.Option("--plot", help="Write a plot (.png, .pdf or .svg).")]
Result = Annotated[
    Path | None,
    typer.Option("--dicom", metavar="FILE.dcm", help="The image as a DICOM picture, what was measured burnt in."),
]
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
Scheduler = Annotated[
    str | None,
    typer.Option(
        "--scheduler",
        metavar="WHERE",
        help="local (processes), none (one by one), or tcp:// or tls://HOST:PORT of Dask.",
    ),
]
WhereElse = Annotated[
    str,
    typer.Option(
        "--scheduler", metavar="WHERE", help="none (here), local (processes), or tcp:// or tls://HOST:PORT of Dask."
    ),
]
Workers = Annotated[int | None, typer.Option("--workers", metavar="N", help="Local processes that share the work.")]
Scintillators = Annotated[
    list[str],
    typer.Argument(
        metavar="NAME...", autocompletion=SCINTILLATORS, help="Scintillators: shipped names or .toml files."
    ),
]
SubjectTold = Annotated[
    str | None,
    typer.Option("--subject", metavar="WHO", help="human, phantom, workpiece or a file: radiography init subject."),
]
Magnification = Annotated[
    float | None,
    typer.Option("--magnification", metavar="M", help="Of the object plane: lengths in viewers are those there."),
]
Picture = Annotated[
    str | None,
    typer.Option("--picture", metavar="NAME", help="How the picture is made: radiography list pictures, or a file."),
]
Target = Annotated[float | None, typer.Option("--target", metavar="EI", help="Target exposure index of IEC 62494-1.")]
Orientation = Annotated[
    str | None,
    typer.Option("--orientation", metavar="ROWS,COLUMNS", help="Where they run to, of L R A P H F: L,F and the like."),
]
Anonymise = Annotated[
    bool, typer.Option("--anonymise", help="Nothing by which a person is recognised: PS3.15 basic profile.")
]
Diconde = Annotated[bool, typer.Option("--diconde", help="Also the component of the subject file, in group 0014.")]

"""Options and help of `radiography measure`, which are many: each kind of measurement has its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from radiography.cli.parameters import (
    CsvFile,
    Flags,
    JsonFile,
    Layout,
    Pitch,
    Plot,
    Roi,
)
from radiography.cli.words import Measure


def measure(
    kind: Annotated[Measure, typer.Argument(help="What to measure.", show_default=False)],
    images: Annotated[list[str], typer.Argument(metavar="FILE...", help="Images: files or a quoted pattern.")],
    dark: Annotated[
        list[str] | None, typer.Option("--dark", metavar="FILES", help="Dark frames; without, images are corrected.")
    ] = None,
    roi: Roi = None,
    background: Annotated[
        str | None, typer.Option("--background", metavar="R0:R1,C0:C1", help="cnr: the region beside the detail.")
    ] = None,
    block: Annotated[
        float | None, typer.Option("--block", metavar="MM", help="uniformity: side of a square [mm], 10 without.")
    ] = None,
    diameters: Annotated[
        str | None, typer.Option("--diameters", metavar="MM,...", help="contrast-detail: of the discs [mm].")
    ] = None,
    d_prime: Annotated[
        float | None, typer.Option("--d-prime", help="contrast-detail: detectability at the threshold, 3.29 without.")
    ] = None,
    mtf_file: Annotated[
        Path | None, typer.Option("--mtf", help="contrast-detail: MTF that images the discs, JSON of `mtf` or CSV.")
    ] = None,
    thickness: Annotated[
        str | None, typer.Option("--thickness", metavar="MM,...", help="step-wedge: of each step, in order [mm].")
    ] = None,
    srb: Annotated[
        float | None, typer.Option("--srb", metavar="MM", help="step-wedge: basic spatial resolution [mm].")
    ] = None,
    dose: Annotated[
        str | None, typer.Option("--dose", metavar="UGY,...", help="linearity: of each file, in order [uGy].")
    ] = None,
    earlier: Annotated[
        list[str] | None, typer.Option("--earlier", metavar="JSON", help="Earlier results of the kind, for the trend.")
    ] = None,
    flags: Flags = None,
    csv_file: CsvFile = None,
    pitch: Pitch = None,
    json_file: JsonFile = None,
    plot: Plot = None,
    layout: Layout = None,
) -> None:
    """Judge images of a detector. Lag, uniformity, SNR, CNR, contrast-detail, duplex wires, step wedge, linearity."""
    from radiography.cli.measure import asked_for, run_measure

    asked = asked_for(
        roi=roi,
        background=background,
        block_mm=block,
        diameters=diameters,
        d_prime=d_prime,
        mtf=mtf_file,
        thickness=thickness,
        resolution_mm=srb,
        dose=dose,
    )
    run_measure(
        kind.value,
        images,
        asked,
        dark=dark or [],
        earlier=earlier or [],
        flags=flags,
        pitch_mm=pitch,
        json_file=json_file,
        csv_file=csv_file,
        plot=plot,
        layout=layout,
    )

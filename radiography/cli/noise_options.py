"""Options and help of `radiography nps` and `radiography dqe`."""

from __future__ import annotations

from typing import Annotated

import typer

from radiography.cli.parameters import (
    About,
    CsvFile,
    Flags,
    JsonFile,
    Layout,
    Pitch,
    Plot,
    Roi,
)
from radiography.cli.words import BEAMS, Edition

Block = Annotated[int, typer.Option("--block", metavar="PIXELS", help="Side of the blocks, even.")]


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
    layout: Layout = None,
) -> None:
    """Noise power spectrum of flats. Along both axes and radial, fixed and temporal parts, lag, hum, row noise."""
    from radiography.cli.nps import run_nps

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


def dqe(
    edge: Annotated[
        list[str], typer.Option("--edge", metavar="FILES", help="Linear corrected images of a slanted edge, one each.")
    ],
    flats: Annotated[
        list[str], typer.Option("--flats", metavar="FILES", help="Linear corrected flats of one exposure.")
    ],
    kerma: Annotated[float, typer.Option("--kerma", metavar="UGY", help="Air kerma of the flats at the panel [uGy].")],
    beam: Annotated[
        str | None,
        typer.Option("--beam", autocompletion=BEAMS, help="Beam: shipped name, such as RQA5, or .toml file."),
    ] = None,
    fluence: Annotated[
        float | None, typer.Option("--fluence", metavar="Q", help="Quanta per mm2 and uGy, instead of a beam.")
    ] = None,
    edition: Annotated[
        Edition, typer.Option("--edition", help="Fluence of RQA beams: of the IEC table, or computed from the tube.")
    ] = Edition.iec_2015,
    response: Annotated[
        list[str] | None,
        typer.Option("--response", metavar="FILES", help="Flats of several doses: the conversion function."),
    ] = None,
    response_kerma: Annotated[
        str | None,
        typer.Option("--response-kerma", metavar="UGY,...", help="Of each of them, in order, where files do not say."),
    ] = None,
    about: About = None,
    roi: Annotated[
        str | None, typer.Option("--roi", metavar="R0:R1,C0:C1", help="Rows and columns of the flats to use.")
    ] = None,
    edge_roi: Annotated[
        str | None, typer.Option("--edge-roi", metavar="R0:R1,C0:C1", help="Rows and columns of the edges to use.")
    ] = None,
    pitch: Pitch = None,
    flags: Flags = None,
    block: Block = 256,
    json_file: JsonFile = None,
    csv_file: CsvFile = None,
    plot: Plot = None,
    layout: Layout = None,
) -> None:
    """Detective quantum efficiency from edges and flats. With MTF, NNPS and NEQ, and standard errors of all."""
    from radiography.cli.dqe import run_dqe
    from radiography.cli.options import region
    from radiography.jobs.dqe import DqeInput

    given = DqeInput(
        edges=edge,
        flats=flats,
        kerma_uGy=kerma,
        beam=beam,
        fluence_per_mm2_uGy=fluence,
        edition=edition.value,
        response=response or [],
        response_kerma=response_kerma,
        about=about,
        roi=region(roi),
        edge_roi=region(edge_roi, "--edge-roi"),
        pitch_mm=pitch,
        flags=flags,
        block_px=block,
        layout=layout,
    )
    run_dqe(given, json_file, csv_file, plot)

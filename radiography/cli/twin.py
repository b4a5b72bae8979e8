"""`radiography twin`: from one day's frames of a real panel to files that the simulator runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from radiography.cli.output import give_json, progress, warn
from radiography.cli.parameters import About, JsonFile, Lag, Layout, Pitch, Plot, Roi, Saturation, Shielded
from radiography.cli.words import BEAMS, PANELS, SCINTILLATORS


def twin(
    dark: Annotated[list[str], typer.Option("--dark", metavar="FILES", help="Dark frames, best of several times.")],
    flat: Annotated[list[str], typer.Option("--flat", metavar="FILES", help="Flat frames, best of several doses.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for panel, maps, layer, beam and scene.")],
    edge: Annotated[
        list[str] | None, typer.Option("--edge", metavar="FILES", help="Frames of a slanted edge, for the layer.")
    ] = None,
    lag: Lag = None,
    unseen_flat: Annotated[
        list[str] | None, typer.Option("--unseen-flat", metavar="FILES", help="Flats of another dose, to judge by.")
    ] = None,
    unseen_edge: Annotated[
        list[str] | None, typer.Option("--unseen-edge", metavar="FILES", help="An edge to judge by, not to fit.")
    ] = None,
    unseen_lag: Annotated[
        list[str] | None, typer.Option("--unseen-lag", metavar="FILES", help="A sequence to judge by, not to fit.")
    ] = None,
    roi: Roi = None,
    panel: Annotated[
        str, typer.Option("--panel", autocompletion=PANELS, help="What frames leave open is of this panel.")
    ] = "fully_coated",
    scintillator: Annotated[
        str, typer.Option("--scintillator", autocompletion=SCINTILLATORS, help="And of this layer.")
    ] = "CsI_Tl_500um",
    beam: Annotated[str, typer.Option("--beam", autocompletion=BEAMS, help="Beam of the flats.")] = "RQA5",
    electrons_per_dn: Annotated[
        float | None,
        typer.Option("--electrons-per-dn", metavar="E", help="Known from elsewhere; flats alone cannot tell it."),
    ] = None,
    shielded: Shielded = None,
    saturation: Saturation = None,
    about: About = None,
    pitch: Pitch = None,
    layout: Layout = None,
    json_file: JsonFile = None,
    plot: Plot = None,
) -> None:
    """A real panel as files that the simulator runs. From its own frames, with errors and what they leave open."""
    from radiography.cli.options import column_ranges, region
    from radiography.cli.output import file_of
    from radiography.jobs.twin import make_twin, twin_to_json
    from radiography.study.twin_judge import judged_text
    from radiography.study.twin_values import values_text

    with progress() as report:
        made = make_twin(
            dark,
            flat,
            out,
            edge=edge or [],
            lag=lag or [],
            unseen_flat=unseen_flat or [],
            unseen_edge=unseen_edge or [],
            unseen_lag=unseen_lag or [],
            roi=region(roi),
            panel=panel,
            scintillator=scintillator,
            beam=beam,
            electrons_per_dn=electrons_per_dn,
            shielded_cols=None if shielded is None else column_ranges("--shielded", shielded),
            saturation_dn=saturation,
            about=about,
            pitch_mm=pitch,
            layout=layout,
            plot=plot,
            json_file=file_of(json_file),
            report=report,
        )
    print(f"{made.out}: panel, maps with {made.bad_pixels} bad pixels, layer, beam and scene of the flats")
    print(values_text(made.values))
    if made.judged:
        print(f"the twin's frames over unseen ones:\n{judged_text(made.judged)}")
    for sentence in (*made.warnings, *made.notes):
        warn(sentence)
    give_json(json_file, twin_to_json(made))

"""`radiography view`: its options."""

from __future__ import annotations

from typing import Annotated

import typer

from radiography.cli.parameters import JsonFile, Layout, Pitch


def view(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE|DIR...", help="Files of frames, folders of them, or a quoted pattern.")
    ],
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Only print the address, and open no browser.")
    ] = False,
    seconds: Annotated[
        float | None, typer.Option("--for", metavar="S", help="End after this time [s]; without it at Ctrl-C.")
    ] = None,
    pitch: Pitch = None,
    layout: Layout = None,
    json_file: JsonFile = None,
) -> None:
    """Look at pictures and measure in them, in the browser. Raw, corrected, flags and presentation."""
    from radiography.cli.view import run_view

    run_view(files, not no_browser, seconds, pitch, layout, json_file)

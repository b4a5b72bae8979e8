"""`radiography view`: a page of this machine that shows pictures, until it is interrupted."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from radiography.cli.output import file_of, give_json, print_result, warn
from radiography.files.frames import RawLayout
from radiography.jobs.inputs import check_writable, input_files, keep_apart
from radiography.jobs.view_server import open_in_browser, view_pictures

LOOK_EVERY_S = 0.5


def run_view(
    files: Sequence[str],
    browser: bool,
    seconds: float | None,
    pitch_mm: float | None,
    layout: RawLayout | None,
    json_file: Path | None,
) -> None:
    """Serve the page, say where it is, and wait for Ctrl-C or for the time that was given."""
    if seconds is not None and not 0 <= seconds < float("inf"):
        raise ValueError(f"--for must be a time in s, 0 or more, got {seconds:g}")
    written = file_of(json_file)
    check_writable(written)
    keep_apart([written], input_files(list(files), "frame"))
    with view_pictures(list(files), pitch_mm=pitch_mm, layout=layout, browser=False) as server:
        pictures = server.shelf.pictures
        names = [picture.source.path.name for picture in pictures]
        if json_file != Path("-"):
            count = "1 picture" if len(pictures) == 1 else f"{len(pictures)} pictures"
            end = "Ctrl-C ends it" if seconds is None else f"it ends after {seconds:g} s"
            print_result(f"{count} at {server.url} on this machine only; {end}")
        give_json(json_file, {"url": server.url, "pictures": names, "not_shown": list(server.shelf.left_out)})
        if browser and not open_in_browser(server):
            warn("no browser could be opened: open the address above in one")
        ends = None if seconds is None else time.monotonic() + seconds
        while ends is None or time.monotonic() < ends:
            time.sleep(LOOK_EVERY_S if ends is None else max(0.0, min(LOOK_EVERY_S, ends - time.monotonic())))

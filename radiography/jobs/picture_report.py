"""Report of pictures: the stages of a result on the page of `radiography view`, in one file and without a server."""

from __future__ import annotations

import shlex
import zipfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from calibration.whole_file import whole_file
from radiography.figures.report.embedded import EmbeddedView
from radiography.figures.report.page import Page, cell, head, page_html
from radiography.jobs.benchmark_report import BENCHMARK
from radiography.jobs.inputs import Files, Report, check_writable, keep_apart, no_report
from radiography.jobs.kept_pictures import Asked, keep_pictures
from radiography.jobs.view import open_pictures

PAGES = (".html", ".htm")


def report_pictures(
    files: Files,
    out: str | Path,
    *,
    part: Asked | None = None,
    edge: Asked | None = None,
    pitch_mm: float | None = None,
    report: Report = no_report,
) -> Path:
    """Page of the pictures in files and folders, such as what `reconstruct_frames` wrote: raw, corrected, flags, shown.

    It has the page of `radiography view` in it. Large pictures are reduced to means of blocks, so that the page has
    12 MB at most, and usually half of that; `part` is kept pixel for pixel.

    Parameters
    ----------
    files : str, Path or sequence of them
        Names, patterns or folders.
    out : str or Path
        File to write (.html).
    part : (int, int, int, int), optional
        First and end row, first and end column that are shown, None for the border; whole pictures without it. [1]
    edge : (int, int, int, int), optional
        Region of a slanted edge whose MTF is measured in each corrected picture, at full resolution. [1]
    pitch_mm : float, optional
        Pixel pitch, where files do not say it. [mm]
    report : callable
        Called with what is being done and the fraction of it that is done, 0 to 1.

    Returns
    -------
    out : Path

    Raises
    ------
    ValueError, TypeError, OSError
        In one sentence, if a file cannot be read, regions do not fit, or the page cannot be made.
    """
    out = Path(out)
    check_writable(out, PAGES)
    shelf = open_pictures(files, pitch_mm=pitch_mm)
    keep_apart([out], [each.source.path for each in shelf.pictures])
    report("keeping the pictures", 0.0)
    view = keep_pictures(shelf, part, edge)
    report("keeping the pictures", 1.0)
    pictures, measured = view.said["pictures"], view.said["measured"]
    words = ["radiography", "report", *(each["name"] for each in pictures)]
    for option, region in (("--part", part), ("--edge-roi", edge)):
        words += [option, _text(region)] if region else []
    words += ["--pitch", f"{pitch_mm:g}"] if pitch_mm is not None else []
    page = Page(
        title=_title(pictures),
        about=_about(part, pictures),
        view=view,
        tables=[_table(pictures), *([_edges(view)] if measured else [])],
        warnings=[f"{each['name']}: {doubt}" for each in pictures for doubt in each["warnings"]],
        command=shlex.join([*words, "--out", out.name]),
        software=f"radiography {version('radiography')}",
        json_name="",
        numbers={"pictures": pictures, "measured": measured},
    )
    html = page_html(page)
    with whole_file(out) as place:
        place.write_text(html, encoding="utf-8", newline="\n")
    return out


def is_benchmark(path: str | Path) -> bool:
    """Whether a folder is of a benchmark."""
    return (Path(path) / BENCHMARK).is_file()


def is_calibration(path: str | Path) -> bool:
    """Whether a file is a calibration set, or calls itself one."""
    return Path(path).suffix.lower() == ".cal" or (Path(path).is_file() and zipfile.is_zipfile(path))


def _text(region: Asked) -> str:
    r0, r1, c0, c1 = ("" if end is None else str(end) for end in region)
    return f"{r0}:{r1},{c0}:{c1}"


def _title(pictures: Sequence[dict[str, Any]]) -> str:
    """Names without their ends, and stages."""
    names = dict.fromkeys(Path(each["name"]).stem.removesuffix("_flags") for each in pictures)
    stages = ", ".join(dict.fromkeys(each["kind"] for each in pictures))
    return f"{', '.join(names)}: {stages}" if len(names) < 4 else f"{len(names)} images: {stages}"


def _about(part: Asked | None, pictures: Sequence[dict[str, Any]]) -> str:
    files = "1 file" if len(pictures) == 1 else f"{len(pictures)} files"
    if part is not None:
        return f"{files}; the part {_text(part)} of rows and columns, pixel for pixel."
    steps = {each["step"] for each in pictures}
    if steps == {1}:
        return f"{files}, pixel for pixel."
    return f"{files}; larger pictures are means of blocks, so that the page stays small."


def _table(pictures: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What is shown of which file."""
    rows = []
    for each in pictures:
        step = each["step"]
        shown = "pixel for pixel" if step == 1 else f"{step} × {step} pixels as one"
        pitch = None if each["detector_mm"] is None else each["detector_mm"] / step
        said = [each["name"], each["kind"], f"{each['rows']} × {each['cols']}", shown]
        rows.append([*map(cell, said), cell("" if pitch is None else f"{pitch:g}", pitch)])
    heads = ("file", "stage", "rows and columns here", "shown", "pitch at the detector, mm")
    about = "Numbers of type float are kept in 16 bits of their range; whole numbers of 16 bits as they are."
    return {
        "key": "files", "title": "Files", "about": about, "heads": [[head(text) for text in heads]], "rows": rows,
    }  # fmt: skip


def _edges(view: EmbeddedView) -> dict[str, Any]:
    """MTF50 of the edges that were measured."""
    rows = []
    for each in view.said["measured"]:
        found, half = each["found"], each["found"]["mtf50"]
        value, error = (None, None) if half is None else half
        rows.append([
            cell(view.said["pictures"][each["picture"]]["name"]),
            cell("above one half" if value is None else f"{value:.4g}", value),
            cell("" if error is None else f"{error:.2g}", error), cell(found["per"]),
            cell(f"{abs(found['angle_deg']):.2f}° from {found['orientation']}"), cell("; ".join(found["warnings"])),
        ])  # fmt: skip
    heads = ("file", "MTF50", "standard error", "unit", "edge", "doubts")
    about = "Measured on every pixel of the region, by radiography mtf --roi."
    return {
        "key": "mtf", "title": "Edges", "about": about, "heads": [[head(text) for text in heads]], "rows": rows,
    }  # fmt: skip

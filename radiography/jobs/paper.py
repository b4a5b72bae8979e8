"""The paper, figure by figure: drawings, columns and numbers of each, and one page of all."""

from __future__ import annotations

import base64
import csv
import io
import json
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from calibration.whole_file import folder_for, staged
from radiography.jobs.inputs import Report, check_folder, no_report
from radiography.jobs.json_text import write_json

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from radiography.figures.paper.parts import Number, PaperFigure

PAPER = "Chen et al., All-inorganic perovskite nanocrystal scintillators, Nature 561, 88-93 (2018)"
DOI = "10.1038/s41586-018-0451-1"
DPI = 110
WIDE = 0.1  # band over its number, from which a third digit says nothing   # chosen
SUFFIXES = ("png", "svg", "csv", "json")
HEADS = ("number", "unit", "ours", "over what is assumed", "paper", "ratio", "kind", "what was assumed or fitted")


@dataclass(frozen=True, eq=False)
class PaperFigures:
    """Figures that were made, and their files.

    Attributes
    ----------
    folder : Path
    made : mapping of str to PaperFigure
        By the paper's number; figures that are drawn with another are under both.
    seconds : mapping of str to float
        Time that each took; not part of the files. [s]
    files : tuple of str
        Names inside the folder.
    removed : tuple of str
        Files of an earlier run that this one did not make again.
    """

    folder: Path
    made: dict[str, PaperFigure]
    seconds: dict[str, float]
    files: tuple[str, ...]
    removed: tuple[str, ...] = ()


def draw_paper(
    out: str | Path, figures: Sequence[str] = (), *, quick: bool = False, report: Report = no_report
) -> PaperFigures:
    """Make figures of the paper, each as PNG, SVG, CSV and JSON, and `paper.json`, `paper.html`, `paper.png` of all.

    The page and `paper.json` are of this run alone. Files of figures of an earlier run, as the `paper.json` of the
    folder lists them, go when the new ones have their names: old numbers do not stand beside new ones.

    Parameters
    ----------
    out : str or Path
        Folder for the results.
    figures : sequence of str
        Numbers in the paper, such as "2a" or "ED10"; all that can be made without any.
    quick : bool
        A tenth of the histories, and the middle of the panel.
    report : callable
        Called with the figure and the fraction of all that is done, 0 to 1.

    Returns
    -------
    figures : PaperFigures

    Raises
    ------
    ValueError, OSError
        In one sentence, if there is no such figure, something that draws is not installed, or the folder cannot be
        written to; no file is left behind then.
    """
    from radiography.figures.paper.contact_sheet import contact_sheet
    from radiography.figures.paper.contents import FIGURES, SHOWN_WITH, figure_maker, made_figure
    from radiography.figures.paper.parts import Making

    out = Path(out)
    check_folder(out)
    asked = list(dict.fromkeys(figures)) or [*FIGURES, *SHOWN_WITH]
    for key in asked:
        figure_maker(key)
    made: dict[str, PaperFigure] = {}
    seconds: dict[str, float] = {}
    making = Making(quick=quick)
    for number, key in enumerate(asked):
        report(f"figure {key}", number / len(asked))
        started = time.monotonic()
        made[key] = made_figure(key, making)
        seconds[key] = time.monotonic() - started
    numbers = paper_to_json(made, quick)
    earlier = _files_of_earlier_run(out)
    with folder_for(out), staged(out) as folder:
        pngs = {key: _write_figure(folder, key, figure) for key, figure in made.items() if key == _drawn_as(key, made)}
        sheet = contact_sheet({key: figure for key, figure in made.items() if key == _drawn_as(key, made)})
        if sheet is not None:
            (folder / "paper.png").write_bytes(_drawn(sheet, "png"))
        write_json(folder / "paper.json", numbers)
        (folder / "paper.html").write_text(
            _page(made, pngs, numbers, [*figures, *(["--quick"] if quick else [])]), encoding="utf-8", newline="\n"
        )
        names = tuple(sorted(path.name for path in folder.iterdir()))
    old = [path for path in earlier if path.name not in names and path.is_file() and not path.is_symlink()]
    for path in old:
        path.unlink(missing_ok=True)
    return PaperFigures(out, made, seconds, names, tuple(path.name for path in old))


def _drawn_as(key: str, made: Mapping[str, PaperFigure]) -> str:
    """Number under which a figure's files stand: its own, or that of the figure that it is drawn with, if made too."""
    from radiography.figures.paper.contents import SHOWN_WITH

    host = SHOWN_WITH.get(key, key)
    if host in made:
        return host
    return next(other for other in made if SHOWN_WITH.get(other) == host)


def _files_of_earlier_run(folder: Path) -> list[Path]:
    """Files that an earlier run made, as its `paper.json` lists them; none where that is not ours."""
    from radiography.figures.paper.contents import FIGURES, SHOWN_WITH

    try:
        listed = json.loads((folder / "paper.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    if not isinstance(listed, dict) or listed.get("measure") != "paper" or not isinstance(listed.get("figures"), dict):
        return []
    known = {f"{key}.{suffix}" for key in (*FIGURES, *SHOWN_WITH) for suffix in SUFFIXES}
    named = {
        str(name)
        for figure in listed["figures"].values()
        if isinstance(figure, dict) and isinstance(figure.get("files"), list)
        for name in figure["files"]
    }
    return [folder / name for name in sorted(known & named)]


def file_names(key: str, figure: PaperFigure) -> list[str]:
    """Files of one figure, by its number.

    Parameters
    ----------
    key : str
    figure : PaperFigure

    Returns
    -------
    names : list of str
    """
    return [f"{key}.{suffix}" for suffix in SUFFIXES if figure.drawing is not None or suffix not in ("png", "svg")]


def paper_to_json(made: Mapping[str, PaperFigure], quick: bool) -> dict[str, Any]:
    """Statuses and numbers of figures, and what is not made.

    Parameters
    ----------
    made : mapping of str to PaperFigure
    quick : bool
        Whether a tenth of the histories was used.

    Returns
    -------
    numbers : dict
        {software, paper, quick, figures, no_imaging, slips, warnings}.
    """
    from radiography.figures.paper.contents import NOT_IMAGING
    from radiography.figures.paper.parts import paper_table

    return {
        "software": f"radiography {version('radiography')}",
        "measure": "paper",
        "paper": f"{PAPER}, doi:{DOI}",
        "quick": quick,
        "figures": {
            key: {**_figure_json(figure), "files": file_names(_drawn_as(key, made), figure)}
            for key, figure in made.items()
        },
        "no_imaging": NOT_IMAGING,
        "slips": paper_table("slips")["slips"],
        "warnings": ["made with --quick: a tenth of the histories, and the middle of the panel"] if quick else [],
    }


def _figure_json(figure: PaperFigure) -> dict[str, Any]:
    return {
        "title": figure.title,
        "status": figure.status,
        "verdict": figure.verdict,
        "decided_by": figure.decided_by,
        "wrong_if": figure.wrong_if,
        "numbers": [_number_json(number) for number in figure.numbers],
        "notes": list(figure.notes),
    }


def _number_json(number: Number) -> dict[str, Any]:
    return {
        "name": number.name,
        "unit": number.unit,
        "ours": number.ours,
        "paper": number.paper,
        "ratio": number.ratio,
        "kind": number.kind,
        "band": number.band,
        "note": number.note,
    }


def _write_figure(folder: Path, key: str, figure: PaperFigure) -> bytes | None:
    """Its files; returns the bytes of the PNG, None without a drawing."""
    png = None if figure.drawing is None else _drawn(figure.drawing, "png")
    if png is not None and figure.drawing is not None:
        (folder / f"{key}.png").write_bytes(png)
        (folder / f"{key}.svg").write_bytes(_drawn(figure.drawing, "svg"))
    write_json(folder / f"{key}.json", _figure_json(figure))
    (folder / f"{key}.csv").write_text(_as_csv(figure.curves), encoding="utf-8", newline="\n")
    return png


def _drawn(drawing: Figure, kind: str) -> bytes:
    """The drawing as a file, without the date and with the same names inside at every run."""
    import matplotlib

    stream = io.BytesIO()
    about = {"svg": {"Date": None}, "png": {"Software": None}}[kind]
    with matplotlib.rc_context({"svg.hashsalt": "radiography"}):
        drawing.savefig(stream, format=kind, dpi=DPI, metadata=about)
    return stream.getvalue()


def _as_csv(curves: Mapping[str, Any]) -> str:
    """Columns of one length, numbers to the last digit."""
    columns = {name: np.asarray(column).tolist() for name, column in curves.items()}
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return stream.getvalue()


def _page(
    made: Mapping[str, PaperFigure],
    pngs: Mapping[str, bytes | None],
    numbers: Mapping[str, Any],
    arguments: Sequence[str],
) -> str:
    """The page, with the very bytes of the PNG files; ``arguments`` are those of the command."""
    from radiography.figures.report.page import Page, cell, head, page_html

    counts = {
        status: sum(each.status == status for key, each in made.items() if key == _drawn_as(key, made))
        for status in _STATUSES
    }
    shown = []
    for key, figure in made.items():
        together = [other for other in made if _drawn_as(other, made) == key]
        if not together:
            continue
        png = pngs[key]
        rows = [[cell(text, value) for text, value in _row(number)] for number in figure.numbers]
        shown.append(
            {
                "key": ", ".join(together),
                "title": figure.title,
                "status": figure.status,
                "verdict": figure.verdict,
                "png": None if png is None else base64.b64encode(png).decode(),
                "heads": HEADS,
                "rows": rows,
                "notes": _told(figure),
            }
        )
    command = ["radiography", "paper", *arguments, "--out", "paper"]
    told = ", ".join(f"{number} {status}" for status, number in counts.items() if number)
    plain = json_plain(numbers)
    return page_html(
        Page(
            title="The paper, figure by figure",
            about=f"{PAPER}, doi:{DOI}: what an imaging system can compute of it, beside the paper's numbers. {told}. "
            "Computed: nothing was fitted to the paper's value; fitted: something was, and is named; quoted: the "
            "paper's own, or another publication's. Reproduced and differs are decided by what is computed, as each "
            "figure says; quoted where the assumptions decide, or the paper gives nothing to hold a number against.",
            command=shlex.join(command),
            software=numbers["software"],
            json_name="paper.json",
            numbers=plain,
            figures=shown,
            tables=[
                {
                    "key": "no-imaging",
                    "title": "What is left out",
                    "about": "No part of an imaging system:",
                    "heads": [[head("part"), head("why")]],
                    "rows": [[cell(name), cell(why)] for name, why in numbers["no_imaging"].items()],
                },
                {
                    "key": "slips",
                    "title": "Slips of the paper",
                    "about": "Printed values that a reader may trip over; none is used here.",
                    "heads": [[head("where"), head("printed"), head("right"), head("source")]],
                    "rows": [
                        [cell(str(each[name])) for name in ("where", "printed", "right", "source")]
                        for each in numbers["slips"]
                    ],
                },
            ],
            warnings=numbers["warnings"],
        )
    )


_STATUSES = ("reproduced", "differs", "quoted")


def _told(figure: PaperFigure) -> list[str]:
    """What is assumed, what the status follows from, and the way to be proved wrong."""
    decided = [f"Decided by whether this holds: {figure.decided_by}"] if figure.decided_by else []
    return [*decided, *([f"Wrong if {figure.wrong_if}"] if figure.wrong_if else []), *figure.notes]


def _row(number: Number) -> list[tuple[str, float | None]]:
    ends = [] if number.band is None else [_digits(end, number.band, number.ours) for end in number.band]
    band = " to ".join(ends)
    return [
        (number.name, None),
        ("" if number.unit == "1" else number.unit, None),
        (_digits(number.ours, number.band), number.ours),
        (band, None),
        (_digits(number.paper), number.paper),
        (_digits(number.ratio, number.band, number.ours), number.ratio),
        (number.kind, None),
        (number.note, None),
    ]


def _digits(value: float | None, band: tuple[float, float] | None = None, banded: float | None = None) -> str:
    """A number with three digits, or two where its band is wider than a tenth; the band may be another number's."""
    if value is None:
        return ""
    of = value if banded is None else banded
    wide = band is not None and of != 0 and abs((band[1] - band[0]) / of) > WIDE
    return f"{float(f'{value:.{2 if wide else 3}g}'):.5g}"


def json_plain(numbers: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers as JSON knows them, lists for tuples and None for what is no number."""
    from radiography.jobs.json_text import json_text

    plain: dict[str, Any] = json.loads(json_text(numbers))
    return plain

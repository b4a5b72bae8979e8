"""Page of a report: template, style, scripts and plotly's own script in one HTML file."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiography.figures.report.embedded import EmbeddedView, view_parts

HERE = Path(__file__).parent
LARGEST_BYTES = 12_000_000  # of a page
NEEDED = "a report needs plotly and Jinja2: pip install 'radiography[report]'"


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture of the viewer: its name, and its pixels (H, W) in the quantity that all pictures of a page share."""

    name: str
    pixels: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Page:
    """What a report shows, from top to bottom.

    Attributes
    ----------
    title, about, headline : str
        Headings; without a headline there are no cards.
    cards : sequence of mapping
        First screen: name, colour, mtf2, mtf2_error and lines of {name, value, band}.
    plots : sequence of mapping
        {key, title, x_title, y_title, x_range, y_type, y_range, traces}, and x_type where it is not "linear"; traces as
        plotly takes them.
    plots_about : str
        What to know about them.
    pictures, pictures_about
        Side by side, and one sentence about them.
    view : EmbeddedView or None
        The page of `radiography view`, with its own pictures.
    figures : sequence of mapping
        {key, title, status, verdict, png, heads, rows, notes}: drawings as PNG data in base64, or None, each with its
        table and notes.
    tables : sequence of mapping
        {key, title, about, heads, rows}, of cells from `cell` and `head`.
    assumptions : sequence of mapping
        {name, head, assumed, rows} of each file.
    warnings : sequence of str
    command, software, json_name : str
        How to make the page again.
    numbers : mapping
        All numbers, as they stand in the JSON file.
    """

    title: str
    about: str
    command: str
    software: str
    json_name: str
    numbers: Mapping[str, Any]
    headline: str = ""
    cards: Sequence[Mapping[str, Any]] = ()
    plots: Sequence[Mapping[str, Any]] = ()
    plots_about: str = ""
    pictures: Sequence[Picture] = ()
    pictures_about: str = ""
    view: EmbeddedView | None = None
    figures: Sequence[Mapping[str, Any]] = ()
    tables: Sequence[Mapping[str, Any]] = ()
    assumptions: Sequence[Mapping[str, Any]] = ()
    warnings: Sequence[str] = field(default_factory=tuple)


def head(text: str, span: int = 1) -> dict[str, Any]:
    """A heading of a table's columns.

    Parameters
    ----------
    text : str
    span : int
        Columns that it stands over. [1]

    Returns
    -------
    cell : dict
    """
    return {"text": text, "span": span}


def cell(text: str, value: float | None = None) -> dict[str, Any]:
    """A cell of a table: what it shows, and the full number behind it.

    Parameters
    ----------
    text : str
    value : float, optional
        None where the cell holds words.

    Returns
    -------
    cell : dict
    """
    return {"text": text, "value": None if value is None else repr(float(value))}


def page_html(page: Page) -> str:
    """The whole page as HTML text.

    Parameters
    ----------
    page : Page

    Returns
    -------
    html : str

    Raises
    ------
    ValueError
        If plotly or Jinja2 is not installed, or the page would be larger than `LARGEST_BYTES`.
    """
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
        from markupsafe import Markup
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        raise ValueError(NEEDED) from error
    templates = Environment(
        loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    view = None if page.view is None else view_parts(page.view)
    shown = None if view is None else {
        "page": Markup(_as_script(view["page"])), "kit": Markup(view["kit"]), "notices": view["notices"],
        "said": Markup(_escaped(view["said"])), "pixels": Markup(_escaped(view["pixels"])),
    }  # fmt: skip
    own = {name: Markup((HERE / file).read_text(encoding="utf-8")) for name, file in FILES.items()}
    html: str = templates.get_template("page.html").render(
        **{name: getattr(page, name) for name in TOLD},
        numbers=Markup(_as_script(page.numbers)),
        plots_json=Markup(_as_script(page.plots)),
        pictures_json=Markup(_as_script(_encoded(page.pictures))),
        plotly=Markup(get_plotlyjs()) if page.plots else None,
        view=shown,
        **own,
    )
    size = len(html.encode())
    if size > LARGEST_BYTES:
        raise ValueError(
            f"the report would be {size / 1e6:.1f} MB, more than {LARGEST_BYTES / 1e6:g}: show fewer pictures"
        )
    return html


FILES = {"style": "page.css", "curves": "curves.js", "viewer": "viewer.js", "embedded": "embedded.js"}
TOLD = (
    "title", "about", "command", "software", "json_name", "headline", "cards", "plots", "plots_about", "pictures",
    "pictures_about", "figures", "tables", "assumptions", "warnings",
)  # fmt: skip


def _as_script(value: Any) -> str:
    """JSON that a script element can hold: no text in it ends the element."""
    return _escaped(json.dumps(value, allow_nan=False, separators=(",", ":")))


def _escaped(text: str) -> str:
    """JSON text without what ends a script element."""
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _encoded(pictures: Sequence[Picture]) -> dict[str, Any]:
    """Pictures as 16-bit numbers in base64, the window they start with, and the range of all of them."""
    if not pictures:
        return {"pictures": [], "window": {"level": 0.5, "width": 1.0}, "range": [0.0, 1.0]}
    encoded, ranges, shown = [], [], []
    for picture in pictures:
        pixels = np.nan_to_num(picture.pixels.astype(np.float64))
        low, high = (float(v) for v in np.percentile(pixels, (0.01, 99.99)))
        high = max(high, low + 1e-6)
        numbers = np.round((np.clip(pixels, low, high) - low) * (65535 / (high - low))).astype("<u2")
        encoded.append(
            {
                "name": picture.name,
                "rows": pixels.shape[0],
                "cols": pixels.shape[1],
                "low": low,
                "high": high,
                "pixels": base64.b64encode(numbers.tobytes()).decode(),
            }
        )
        ranges.append((low, high))
        shown.append(np.percentile(pixels, (1, 99)))
    low, high = (float(v) for v in (min(r[0] for r in ranges), max(r[1] for r in ranges)))
    first, last = float(np.median([s[0] for s in shown])), float(np.median([s[1] for s in shown]))
    return {
        "pictures": encoded,
        "window": {"level": (first + last) / 2, "width": max(last - first, 1e-6)},
        "range": [low, high],
    }

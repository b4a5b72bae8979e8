"""All figures of the page on one sheet, each under its number, title and status."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from radiography.figures.paper.parts import PaperFigure

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.text import Text

COLOURS = {"reproduced": "#1a7f4b", "differs": "#c2410c", "quoted": "0.4"}
WIDTH_IN = 15.0
ROW_ASPECT = 5.6  # width over height that a row holds at most: two wide drawings, or four
TITLE_IN, TITLE_PT = 0.26, 8.0  # strip above each drawing, and its letters


def contact_sheet(made: Mapping[str, PaperFigure]) -> Figure | None:
    """Drawings in rows of one width, in the order in which they were made.

    Parameters
    ----------
    made : mapping of str to PaperFigure
        By the paper's number; those without a drawing are left out.

    Returns
    -------
    figure : matplotlib.figure.Figure or None
        None without any drawing.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    drawn = {key: _pixels(figure.drawing) for key, figure in made.items() if figure.drawing is not None}
    if not drawn:
        return None
    aspects = [pixels.shape[1] / pixels.shape[0] for pixels in drawn.values()]
    rows = _rows(aspects)
    heights = [WIDTH_IN / max(sum(aspects[place] for place in row), 0.6 * ROW_ASPECT) for row in rows]
    whole_in = sum(heights) + TITLE_IN * len(rows)
    sheet = Figure(figsize=(WIDTH_IN, whole_in))
    FigureCanvasAgg(sheet)
    keys, top = list(drawn), whole_in
    for row, height in zip(rows, heights, strict=True):
        left = 0.0
        for place in row:
            key, width = keys[place], aspects[place] * height
            bottom = (top - TITLE_IN - height) / whole_in
            axes = sheet.add_axes((left / WIDTH_IN, bottom, width / WIDTH_IN, height / whole_in))
            axes.imshow(drawn[key], interpolation="antialiased", aspect="auto")
            axes.set_axis_off()
            words = f"{key}  {made[key].title} · {made[key].status}"
            title = axes.set_title(words, fontsize=TITLE_PT, loc="left", color=COLOURS[made[key].status], pad=3, x=0.02)
            _fit(title, 0.96 * width * sheet.dpi)
            left += width
        top -= TITLE_IN + height
    return sheet


def _fit(title: Text, room: float) -> None:
    """A title that is wider than its room [pixels] in smaller letters, so that it ends before the next one begins."""
    wide = title.get_window_extent().width
    if wide > room:
        title.set_fontsize(TITLE_PT * room / wide)


def _rows(aspects: Sequence[float]) -> list[list[int]]:
    """Places of the drawings of each row, as many as fit."""
    rows: list[list[int]] = [[]]
    for place, aspect in enumerate(aspects):
        if rows[-1] and sum(aspects[other] for other in rows[-1]) + aspect > ROW_ASPECT:
            rows.append([])
        rows[-1].append(place)
    return rows


def _pixels(drawing: Figure) -> npt.NDArray[np.uint8]:
    """The drawing as colours (H, W, 4)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(drawing)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba()).copy()

"""All figures of the page on one sheet, each under its number, title and status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from radiography.figures.paper.parts import PaperFigure
from radiography.figures.titles import fit_title

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = {"reproduced": "#1a7f4b", "differs": "#c2410c", "quoted": "0.4"}
WIDTH_IN = 15.0
ROW_ASPECT = 5.6  # width over height that a row holds at most: two wide drawings, or four; half of tall ones
TALL_IN = 6.0  # drawings above this have two rows of axes, with letters half as large beside those of one
TITLE_IN, TITLE_PT = 0.26, 8.0  # strip above each drawing, and its letters


def contact_sheet(made: Mapping[str, PaperFigure]) -> Figure | None:
    """Drawings in rows of one width, in the order in which they were made; those of several rows of axes come last.

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

    drawings = {key: figure.drawing for key, figure in made.items() if figure.drawing is not None}
    if not drawings:
        return None
    drawn = {key: _pixels(drawing) for key, drawing in drawings.items()}
    aspects = {key: pixels.shape[1] / pixels.shape[0] for key, pixels in drawn.items()}
    tall = {key: drawing.get_figheight() > TALL_IN for key, drawing in drawings.items()}
    rows, heights = [], []
    for high, most in ((False, ROW_ASPECT), (True, 0.5 * ROW_ASPECT)):
        together = _rows({key: aspect for key, aspect in aspects.items() if tall[key] == high}, most)
        rows += together
        heights += [WIDTH_IN / max(sum(aspects[key] for key in row), 0.5 * ROW_ASPECT) for row in together]
    whole_in = sum(heights) + TITLE_IN * len(rows)
    sheet = Figure(figsize=(WIDTH_IN, whole_in))
    FigureCanvasAgg(sheet)
    top = whole_in
    for row, height in zip(rows, heights, strict=True):
        left = 0.0
        for key in row:
            width = aspects[key] * height
            bottom = (top - TITLE_IN - height) / whole_in
            axes = sheet.add_axes((left / WIDTH_IN, bottom, width / WIDTH_IN, height / whole_in))
            axes.imshow(drawn[key], interpolation="antialiased", aspect="auto")
            axes.set_axis_off()
            words = f"{key}  {made[key].title} · {made[key].status}"
            title = axes.set_title(words, fontsize=TITLE_PT, loc="left", color=COLOURS[made[key].status], pad=3, x=0.02)
            fit_title(title, 0.96 * width * sheet.dpi)
            left += width
        top -= TITLE_IN + height
    return sheet


def _rows(aspects: Mapping[str, float], most: float) -> list[list[str]]:
    """Drawings of each row, as many as fit, with an eighth to spare for the last one."""
    rows: list[list[str]] = []
    for key, aspect in aspects.items():
        if not rows or sum(aspects[other] for other in rows[-1]) + aspect > 1.125 * most:
            rows.append([])
        rows[-1].append(key)
    return rows


def _pixels(drawing: Figure) -> npt.NDArray[np.uint8]:
    """The drawing as colours (H, W, 4)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(drawing)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba()).copy()

"""Figure of corrected pictures of the same object, one below the other, shown alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from radiography.figures.titles import fit_title

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DARKEST, BRIGHTEST = 0.08, 1.03  # window of all pictures, relative to the open field; the noise behind metal is black
WIDTH_IN, TITLE_IN = 14.0, 0.3  # of the figure, and of the strip above a picture


def picture_plate(
    pictures: Mapping[str, npt.NDArray[np.floating[Any]]], region: tuple[int, int, int, int], enlarged: tuple[int, ...]
) -> Figure:
    """Logarithmic pictures of one region, each with an enlarged part, under their titles.

    Parameters
    ----------
    pictures : mapping of str to (H, W) float
        Corrected, linear images by title. [DN]
    region, enlarged : (int, int, int, int)
        First row, end row, first column, end column of the whole picture and of a part that is shown equally high.

    Returns
    -------
    figure : matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is no picture.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if not pictures:
        raise ValueError("picture_plate needs at least one picture, got none")
    aspects = [(c1 - c0) / (r1 - r0) for r0, r1, c0, c1 in (region, enlarged)]  # both parts are shown equally high
    height = (WIDTH_IN - 0.2) / sum(aspects) + TITLE_IN
    figure = Figure(figsize=(WIDTH_IN, height * len(pictures)), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(len(pictures), 2, width_ratios=aspects)
    titles = []
    for number, (title, picture) in enumerate(pictures.items()):
        for column, (r0, r1, c0, c1) in enumerate((region, enlarged)):
            part = picture[r0:r1, c0:c1]
            relative = part / float(np.percentile(picture[region[0] : region[1], region[2] : region[3]], 95.0))
            shown = np.log(np.maximum(relative, 0.5 * DARKEST))  # negative noise has no logarithm
            axes = figure.add_subplot(grid[number, column])
            axes.imshow(shown, cmap="gray", vmin=np.log(DARKEST), vmax=np.log(BRIGHTEST), interpolation="nearest")
            axes.set_axis_off()
            titles.append(axes.set_title(title if column == 0 else "enlarged", fontsize=11, loc="left"))
    figure.draw_without_rendering()
    for axes, shown_title in zip(figure.axes, titles, strict=True):
        fit_title(shown_title, 0.98 * axes.get_window_extent().width)
    return figure

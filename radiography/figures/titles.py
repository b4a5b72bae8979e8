"""Titles that keep to their drawing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.text import Text


def fit_title(title: Text, room: float) -> None:
    """Give a title that is wider than its room smaller letters, so that it ends before the next one begins.

    Parameters
    ----------
    title : matplotlib.text.Text
        Of a figure that is laid out.
    room : float
        Width, at the figure's own resolution. [pixels]
    """
    size = float(title.get_fontsize())
    while (wide := title.get_window_extent().width) > room:  # letters are drawn on whole pixels: not in proportion
        size *= min(room / wide, 0.98)
        title.set_fontsize(size)

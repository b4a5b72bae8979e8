"""Figure of a sweep: each number against each axis, in the colours of another axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_AXES, MOST_NUMBERS = 6, 8  # chosen: of a page; the table has all
LONGEST_LABEL = 18  # characters of a value that is a text   # chosen
MOST_LINES = 8  # in a legend   # chosen
SPREAD = 30.0  # chosen: values that rise more than this from the first to the last are drawn by ratio

Row = tuple[Mapping[str, Any], Mapping[str, float]]


def sweep_figure(axes: Sequence[str], units: Mapping[str, str], rows: Sequence[Row], *, zipped: bool = False) -> Figure:
    """A matrix of plots: a row for each number, a column for each axis of the sweep that has several values.

    A line joins samples that differ along its column's axis only; its colour is the value of another axis.

    Parameters
    ----------
    axes : sequence of str
        Keys of the axes.
    units : mapping of str to str
        Of the numbers, by name.
    rows : sequence of (mapping, mapping)
        Values by key and numbers by name, of each sample that has a result.
    zipped : bool
        True where all axes change together: one line for all then.

    Returns
    -------
    figure : matplotlib.figure.Figure
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    varied = [key for key in axes if len({_label(row[0][key]) for row in rows}) > 1] or list(axes)[:1]
    columns, names = varied[:MOST_AXES], list(units)[:MOST_NUMBERS]
    height = max(len(names), 1)
    figure = Figure(figsize=(1.0 + 3.6 * len(columns), 0.8 + 2.3 * height), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(height, len(columns), squeeze=False, sharey="row", sharex="col")
    for column, key in enumerate(columns):
        others = [] if zipped else [other for other in varied if other != key]
        for line, name in enumerate(names):
            _draw(grid[line, column], key, others, name, rows)
            if column == 0:
                grid[line, column].set_ylabel(name if units[name] == "1" else f"{name} ({units[name]})", fontsize=8)
        if others and grid[0, column].get_legend_handles_labels()[1]:
            above = {"loc": "lower left", "bbox_to_anchor": (0.0, 1.0), "ncols": 4, "frameon": False}
            grid[0, column].legend(title=others[0], fontsize=6, title_fontsize=6, **above)
        grid[height - 1, column].set_xlabel(key, fontsize=8)
    if not names or not rows:
        grid[0, 0].text(0.5, 0.5, "no numbers", ha="center", transform=grid[0, 0].transAxes)
    return figure


def _draw(axes: Axes, key: str, others: Sequence[str], name: str, rows: Sequence[Row]) -> None:
    """One number against one axis; the colour is that of the first of the others."""
    along, labels = _positions([row[0][key] for row in rows])
    lines: dict[tuple[str, ...], list[tuple[float, float]]] = {}
    for (values, numbers), position in zip(rows, along, strict=True):
        if np.isfinite(numbers.get(name, np.nan)):
            lines.setdefault(tuple(_label(values[other]) for other in others), []).append((position, numbers[name]))
    colours = list(dict.fromkeys(line[:1] for line in lines))
    told: set[tuple[str, ...]] = set()
    for line, points in lines.items():
        position, value = np.asarray(sorted(points)).T
        number = colours.index(line[:1])
        first = bool(others) and line[:1] not in told and number < MOST_LINES
        told.add(line[:1])
        axes.plot(position, value, "o-", color=f"C{number % 10}", markersize=3.0, linewidth=0.8,
                  label=line[0] if first else None)  # fmt: skip
    if labels is not None:
        axes.set_xticks(range(len(labels)), labels, rotation=30, ha="right")
    elif along and min(along) > 0 and max(along) > SPREAD * min(along):
        axes.set_xscale("log")
    axes.tick_params(labelsize=7)
    axes.grid(alpha=0.3)


def _positions(values: Sequence[Any]) -> tuple[list[float], list[str] | None]:
    """Where values lie along an axis: numbers where they are, others one after the other with their names."""
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return [float(value) for value in values], None
    names = list(dict.fromkeys(_label(value) for value in values))
    return [float(names.index(_label(value))) for value in values], names


def _label(value: Any) -> str:
    text = f"{value:g}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
    return text if len(text) <= LONGEST_LABEL else f"...{text[3 - LONGEST_LABEL :]}"

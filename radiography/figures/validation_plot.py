"""Figure of predictions beside published values: the deviation of each row, and the published uncertainty."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from radiography.study.validation import LARGE_DEVIATION, ValidationRow, median_deviation

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDEST_PERCENT = 60.0  # of the axis; what lies beyond is drawn at its end with an arrow
ROW_INCHES = 0.21
COLOURS = ("C0", "C2", "C4", "C1", "C3", "C5", "C6", "C8", "C9", "C7")


def validation_figure(rows: Sequence[ValidationRow]) -> Figure:
    """Deviations one below the other, by group; full dots are predictions, open ones were fitted.

    Parameters
    ----------
    rows : sequence of ValidationRow
        In the order of the table.

    Returns
    -------
    figure : matplotlib.figure.Figure
        Grey bars are the published range; diamonds stand against an independent Monte Carlo.

    Raises
    ------
    ValueError
        If there is no row.
    """
    if not rows:
        raise ValueError("validation_figure needs at least one row, got none")
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    groups = list(dict.fromkeys(row.group for row in rows))
    lines = len(rows) + len(groups)  # a heading for each group
    figure = Figure(figsize=(10.5, 1.6 + ROW_INCHES * lines), layout="constrained")
    axes = figure.add_subplot()
    limit = 100.0 * LARGE_DEVIATION
    axes.axvspan(-limit, limit, color="0.95", zorder=0)
    axes.axvline(0.0, color="0.3", linewidth=0.8, zorder=1)
    labels: list[tuple[float, str, str]] = []
    line = 0
    for number, group in enumerate(groups):
        colour = COLOURS[number % len(COLOURS)]
        labels.append((line, group, "bold"))
        line += 1
        for row in rows:
            if row.group == group:
                _draw(axes, line, row, colour)
                labels.append((line, row.quantity, "normal"))
                line += 1
    axes.set_ylim(line - 0.3, -0.7)
    axes.set_xlim(-WIDEST_PERCENT - 4.0, WIDEST_PERCENT + 4.0)
    axes.set_yticks([place for place, _, _ in labels], [text for _, text, _ in labels], fontsize=8)
    for tick, (_, _, weight) in zip(axes.get_yticklabels(), labels, strict=True):
        tick.set_fontweight(weight)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", top=True, labeltop=True)
    axes.grid(axis="x", alpha=0.3)
    axes.set_xlabel("predicted / published - 1 (%)")
    axes.set_title(
        f"{len(rows)} quantities; median deviation of the {sum(not row.fitted for row in rows)} that nothing was "
        f"fitted to: {100.0 * median_deviation(rows):.1f} %",
        fontsize=10,
    )
    handles = [
        Line2D([], [], marker="o", color="0.3", linestyle="", markersize=5, label="predicted"),
        Line2D([], [], marker="o", color="0.3", markerfacecolor="white", linestyle="", markersize=5, label="fitted"),
        Line2D([], [], marker="D", color="0.3", linestyle="", markersize=4.5, label="against own Monte Carlo"),
        Line2D([], [], color="0.6", linewidth=5, label="published range"),
        Patch(color="0.95", label=f"within {limit:g} %"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), fontsize=8, frameon=False)
    return figure


def _draw(axes: Any, line: float, row: ValidationRow, colour: str) -> None:
    """One row: its range about zero, its dot, and the deviation as a number."""
    percent = 100.0 * row.deviation
    if row.published_low is not None and row.published_high is not None:
        low, high = (100.0 * (value / row.published - 1.0) for value in (row.published_low, row.published_high))
        axes.plot([low, high], [line, line], color="0.6", linewidth=5, solid_capstyle="butt", zorder=2)
    shown = min(max(percent, -WIDEST_PERCENT), WIDEST_PERCENT)
    marker = "D" if row.reference == "own_monte_carlo" else "o"
    if shown != percent:
        marker = ">" if percent > 0 else "<"
    face = "white" if row.fitted else colour
    axes.plot(shown, line, marker=marker, color=colour, markerfacecolor=face, markersize=5, zorder=3)
    side = 1.0 if percent >= 0 else -1.0
    inside = abs(shown) > WIDEST_PERCENT - 8.0
    axes.annotate(
        f"{round(percent, 1) + 0.0:+.1f}",  # + 0.0: no minus zero
        (shown, line),
        xytext=(6.0 * side * (-1.0 if inside else 1.0), 0),
        textcoords="offset points",
        fontsize=7,
        va="center",
        ha="left" if (side > 0) != inside else "right",
        color="0.25",
        bbox={"facecolor": "white", "linewidth": 0, "pad": 0.6},
        zorder=4,
    )

"""Figure of what remains of the previous frame at different frame rates, by cause."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from radiography.study.frame_residual import Remainder, ResidualStudy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LOWEST_PERCENT, HIGHEST_PERCENT = 1e-5, 10.0
CAUSES = {"total": ("all", "0.15", 2.2), "panel_lag": ("panel lag", "C0", 1.4), "afterglow": ("afterglow", "C1", 1.4),
          "prompt": ("prompt decay", "C3", 1.4)}  # fmt: skip
RUNS = {"after_one": ("one exposed frame", "-"), "after_long": ("long run", (0, (4, 2)))}


def residual_figure(studies: Sequence[ResidualStudy], panel: str, exposure: str) -> Figure:
    """First dark frame relative to the exposed frame before it, over the frame rate, one scintillator beside the other.

    Parameters
    ----------
    studies : sequence of ResidualStudy
        From `study_residual`, at rising frame rates.
    panel, exposure : str
        Name of the panel and kind of the exposure, for the title.

    Returns
    -------
    figure : matplotlib.figure.Figure
        Solid after one exposed frame, dashed after a long run; causes below 1e-5 % are named, not drawn.

    Raises
    ------
    ValueError
        If there is no study.
    """
    if not studies:
        raise ValueError("residual_figure needs at least one study, got none")
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    figure = Figure(figsize=(1.4 + 4.6 * len(studies), 5.0), layout="constrained")
    for column, study in enumerate(studies):
        axes = figure.add_subplot(1, len(studies), column + 1)
        missing = set(CAUSES)
        for run, (_, style) in RUNS.items():
            after: Remainder = getattr(study, run)
            for cause, (_, colour, width) in CAUSES.items():
                percent = 100.0 * getattr(after, cause)
                shown = percent >= LOWEST_PERCENT
                if shown.any():
                    missing.discard(cause)
                    axes.plot(study.rate_per_s[shown], percent[shown], color=colour, linewidth=width, linestyle=style)
        causes = [
            Line2D(
                [], [], color=colour, linewidth=width, label=text + (": below the scale" if cause in missing else "")
            )
            for cause, (text, colour, width) in CAUSES.items()
        ]
        runs = [Line2D([], [], color="0.3", linestyle=style, label=text) for text, style in RUNS.values()]
        axes.legend(handles=[*causes, *runs], fontsize=8, loc="lower right")
        axes.set(xscale="log", yscale="log", xlabel="frames per second", ylim=(LOWEST_PERCENT, HIGHEST_PERCENT))
        axes.set_xlim(float(np.min(study.rate_per_s)), float(np.max(study.rate_per_s)))
        axes.set_title(f"{study.scintillator}, decay {study.decay_ns:.4g} ns", fontsize=10, loc="left")
        axes.grid(alpha=0.3)
        if column == 0:
            axes.set_ylabel("remains of the previous frame (%)")
    figure.suptitle(f"First dark frame after the exposure, panel {panel}, {exposure} exposure", fontsize=10)
    return figure

"""Figure of a panel's lag: what each sequence measured after the beam went off, the fit, and what correction leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from calibration.lag.model import LagModel

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PERCENT = 100.0
FEW_DECADES = 300.0  # a range of less has numbers at 2 and 5 as well


def lag_figure(model: LagModel) -> Figure:
    """Falling steps on logarithmic scales above what the correction leaves of them.

    Parameters
    ----------
    model : LagModel
        With the record of at least one sequence.

    Returns
    -------
    figure : matplotlib.figure.Figure
        Above, lag in per cent of the exposed signal: points measured with standard errors, lines fitted; a measured
        point below zero is not drawn there. Below, what is left after correction, linear, with the standard error.

    Raises
    ------
    ValueError
        If the model has no record.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullFormatter

    if not model.curves:
        raise ValueError("lag_figure needs a model with the record of at least one sequence")
    figure = Figure(figsize=(7.0, 5.5), layout="constrained")
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    lowest, spread = np.inf, 0.0
    for index, curve in enumerate(model.curves):
        colour = f"C{index % 10}"
        measured, error, fit, left = (
            PERCENT * series for series in (curve.relative, curve.error, curve.fit, curve.left)
        )
        seen = measured > 0
        label = f"{curve.signal_dn:.0f} DN: {PERCENT * curve.lag['first frame'].value:.3g} % in the first frame"
        shown = np.minimum(error[seen], 0.9 * measured[seen])  # a bar that reaches zero has no end on this scale
        above.errorbar(
            curve.time_s[seen], measured[seen], [shown, error[seen]], fmt="o", color=colour, markersize=3.0,
            linewidth=0.8, label=label,
        )  # fmt: skip
        above.plot(curve.time_s, fit, color=colour, linewidth=1.2, alpha=0.8)
        if (seen & (measured > 2.0 * error)).any():
            lowest = min(lowest, float(measured[seen & (measured > 2.0 * error)].min()))
        below.fill_between(curve.time_s, -error, error, color=colour, alpha=0.2, linewidth=0)
        below.plot(curve.time_s, left, "o", color=colour, markersize=3.0)
        spread = max(spread, float(np.percentile(np.abs(left) + error, 98)))
    for time_s in model.time_s:
        for axes in (above, below):
            axes.axvline(time_s, color="0.6", linestyle=":", linewidth=1.0)
    above.set(xscale="log", yscale="log", ylabel="lag (% of the exposed signal)")
    if np.isfinite(lowest):
        above.set_ylim(0.5 * lowest, None)
    low, high = above.get_ylim()
    above.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high < FEW_DECADES * low else (1.0,)))
    above.yaxis.set_major_formatter("{x:g}")
    above.yaxis.set_minor_formatter(NullFormatter())
    above.grid(alpha=0.3)
    terms = "1 term" if model.time_s.size == 1 else f"{model.time_s.size} terms"
    above.legend(fontsize=8, title=f"points: measured, lines: fit of {terms}", title_fontsize=8)
    below.axhline(0.0, color="0.5", linewidth=0.8)
    below.set(
        xlabel="time after the last exposed frame (s); dotted: time constants", ylabel="left after correction (%)"
    )
    below.set_ylim(-1.2 * spread, 1.2 * spread)
    below.grid(alpha=0.3)
    return figure

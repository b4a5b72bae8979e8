"""Figure of a fitted layer: what was measured, the fit, and what is left between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from radiography.study.layer_fit import LayerFit
from radiography.study.layer_measurement import LayerMeasurement

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def fit_figure(fit: LayerFit, measurement: LayerMeasurement) -> Figure:
    """Data with standard errors and fit, above what is left in standard errors; the NPS beside the MTF if measured.

    Parameters
    ----------
    fit : LayerFit
    measurement : LayerMeasurement
        That the layer was fitted to.

    Returns
    -------
    figure : matplotlib.figure.Figure
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = [("presampled MTF", measurement.frequency_per_mm, measurement.mtf, measurement.mtf_error, fit.mtf)]
    if measurement.nps.size:
        nps = (measurement.nps_frequency_per_mm, measurement.nps, measurement.nps_error, fit.nps)
        panels.append(("relative NPS", *nps))
    figure = Figure(figsize=(1.0 + 4.5 * len(panels), 5.0), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(2, len(panels), height_ratios=(3, 1))
    for column, (name, frequency, value, error, model) in enumerate(panels):
        curve = figure.add_subplot(grid[0, column])
        rest = figure.add_subplot(grid[1, column], sharex=curve)
        order = np.argsort(frequency)
        curve.errorbar(frequency, value, error, fmt="o", color="C0", markersize=3.0, linewidth=0.8, label="measured")
        curve.plot(frequency[order], model[order], color="C1", label="fit")
        curve.set(ylabel=name, xlim=(0.0, 1.03 * frequency.max()), ylim=(min(0.0, value.min()), None))
        curve.tick_params(labelbottom=False)
        rest.axhspan(-1.0, 1.0, color="0.9")
        rest.axhline(0.0, color="0.5", linewidth=0.8)
        rest.plot(frequency, (value - model) / error, "o", color="C0", markersize=3.0)
        rest.set(xlabel="spatial frequency (1/mm)", ylabel="residual (s.e.)")
        for axes in (curve, rest):
            axes.grid(alpha=0.3)
        if column == 0:
            values = [f"{p.key.rpartition('.')[2]} {p.value:.4g} ± {p.standard_error:.2g}" for p in fit.parameters]
            open_ends = ["" if p.determined else " (not determined)" for p in fit.parameters]
            title = "\n".join(value + note for value, note in zip(values, open_ends, strict=True))
            curve.legend(title=title, fontsize=8, title_fontsize=8)
    return figure

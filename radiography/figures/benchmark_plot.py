"""Figure of a benchmark: MTF, NNPS and DQE of all layers, measured with bands, and predicted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from radiography.figures import BAND

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PANES = (("mtf", "presampled MTF"), ("nnps", "NNPS (mm²)"), ("dqe", "DQE"))


def benchmark_figure(numbers: Mapping[str, Any]) -> Figure:
    """Three panes side by side; dashed lines are predicted by transport.

    Parameters
    ----------
    numbers : mapping
        What ``benchmark.json`` holds.

    Returns
    -------
    figure : matplotlib.figure.Figure
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12.0, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    panes = figure.subplots(1, len(PANES))
    last = 0.5 / numbers["pitch_mm"]
    for pane, (key, label) in zip(panes, PANES, strict=True):
        for index, (name, layer) in enumerate(numbers["layers"].items()):
            colour = f"C{index % 10}"
            for place, axis in enumerate(("horizontal", "vertical")):
                curve = {
                    part: np.asarray(layer[key][axis][part]) for part in ("frequency_per_mm", "value", "standard_error")
                }
                half = BAND * curve["standard_error"]
                low = np.maximum(curve["value"] - half, 1e-3 * np.abs(curve["value"]))
                pane.fill_between(
                    curve["frequency_per_mm"], low, curve["value"] + half, color=colour, alpha=0.2, linewidth=0
                )
                pane.plot(
                    curve["frequency_per_mm"],
                    curve["value"],
                    color=colour,
                    linewidth=1.2,
                    label=name if not place else None,
                )
            predicted = layer["predicted"][key]
            pane.plot(predicted["frequency_per_mm"], predicted["value"], "--", color="k", linewidth=0.8)
        pane.set(xlabel="spatial frequency (1/mm)", ylabel=label, xlim=(0, last))
        pane.grid(alpha=0.3, which="both")
    panes[0].set_ylim(0, 1.05)
    panes[1].set_yscale("log")
    panes[2].set_ylim(0, None)
    panes[0].legend(fontsize=8, title="bands: 95 %; dashed: predicted", title_fontsize=8)
    size = numbers["size"]
    title = f"{numbers['panel']}, {numbers['beam']}, {numbers['dose_uGy']:g} µGy, {size} x {size} pixels"
    figure.suptitle(title, fontsize=10)
    return figure

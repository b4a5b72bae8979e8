"""Figure of a benchmark: MTF, NNPS, DQE and threshold contrast of all layers, measured with bands, and predicted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from radiography.figures import BAND

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PANES = (("mtf", "presampled MTF"), ("nnps", "NNPS (mm²)"), ("dqe", "DQE"))

DISCS_MM = (0.3, 0.5, 1.0, 2.0, 4.0, 8.0)  # that the axis names


def benchmark_figure(numbers: Mapping[str, Any]) -> Figure:
    """Four panes side by side; dashed lines are predicted by transport.

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

    figure = Figure(figsize=(15.5, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    *panes, contrast = figure.subplots(1, len(PANES) + 1)
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
    for index, layer in enumerate(numbers["layers"].values()):
        found, predicted = layer["contrast_detail"], layer["predicted"]["contrast_detail"]
        half = BAND * np.asarray(found["standard_error"])
        contrast.errorbar(
            found["diameter_mm"], found["threshold_contrast"], half, fmt=".", color=f"C{index % 10}", capsize=2
        )
        contrast.plot(predicted["diameter_mm"], predicted["threshold_contrast"], "--", color="k", linewidth=0.8)
    contrast.set(xlabel="diameter of a disc (mm)", ylabel="threshold contrast", xscale="log", yscale="log")
    contrast.set_xticks(DISCS_MM, [f"{mm:g}" for mm in DISCS_MM])
    contrast.xaxis.minorticks_off()
    contrast.grid(alpha=0.3, which="both")
    panes[0].set_ylim(0, 1.05)
    panes[1].set_yscale("log")
    panes[2].set_ylim(0, None)
    panes[0].legend(fontsize=8, title="bands: 95 %; dashed: predicted", title_fontsize=8)
    size = numbers["size"]
    title = f"{numbers['panel']}, {numbers['beam']}, {numbers['dose_uGy']:g} µGy, {size} x {size} pixels"
    figure.suptitle(title, fontsize=10)
    return figure

"""Curves of reports as plots for the page: measured with their bands, and predicted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from radiography.figures import BAND
from radiography.jobs.benchmark_table import mean_curve

COLOURS = ("#2a9d54", "#c2571a", "#3b76c4", "#9a4fb0", "#8a7a1f")  # seen apart on white and on black   # chosen
FREQUENCY = "spatial frequency (1/mm)"
PANES = (  # key, title, label, scale and reach
    ("mtf", "Presampled MTF", "MTF", "linear", [0, 1.05]),
    ("nnps", "Normalised noise power", "NNPS (mm²)", "log", None),
    ("dqe", "Detective quantum efficiency", "DQE", "linear", None),
    ("neq_per_mm2", "Noise equivalent quanta", "NEQ (1/mm²)", "log", None),
)


def benchmark_plots(numbers: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Plots of a benchmark's report.

    Parameters
    ----------
    numbers : mapping
        What ``benchmark.json`` holds.

    Returns
    -------
    plots : list of dict
        MTF, NNPS, DQE, NEQ, threshold contrast and lag, as `Page` takes them.
    """
    nyquist = 0.5 / numbers["pitch_mm"]
    plots = []
    for key, title, label, kind, reach in PANES:
        traces = []
        for place, (name, layer) in enumerate(numbers["layers"].items()):
            colour, predicted = COLOURS[place % len(COLOURS)], layer["predicted"].get(key)
            traces += curve_traces(name, mean_curve(layer[key]), predicted, colour, nyquist)
        plots.append(
            {
                "key": key,
                "title": title,
                "x_title": FREQUENCY,
                "x_range": [0, nyquist],
                "y_title": label,
                "y_type": kind,
                "y_range": reach,
                "traces": traces,
            }
        )
    plots.append(_contrast_plot(numbers))
    traces = []
    for place, (name, layer) in enumerate(numbers["layers"].items()):
        lag = {"frequency_per_mm": layer["lag"]["frame"], "value": layer["lag"]["residual"]}
        error = [BAND * e for e in layer["lag"]["standard_error"]]
        line = {"color": COLOURS[place % len(COLOURS)]}
        traces.append(
            {"name": name, "x": lag["frequency_per_mm"], "y": lag["value"], "mode": "markers",
             "marker": line, "error_y": {"array": error}, "hovertemplate": "%{y:.5f}"}
        )  # fmt: skip
        should = layer["predicted"]["lag"]
        traces.append(
            {"name": f"{name}, predicted", "x": list(range(1, len(should) + 1)), "y": should, "mode": "lines",
             "line": {**line, "dash": "dash", "width": 1}, "hovertemplate": "%{y:.5f}"}
        )  # fmt: skip
    interval = next(iter(numbers["layers"].values()))["lag"]["frame_interval_s"]
    plots.append(
        {"key": "lag", "title": "Lag", "x_title": f"frame of {interval:g} s after the beam went off", "x_range": None,
         "y_title": "of the exposed signal", "y_type": "log", "y_range": None, "traces": traces}
    )  # fmt: skip
    return plots


def _contrast_plot(numbers: Mapping[str, Any]) -> dict[str, Any]:
    """Threshold contrast against the diameter of a disc."""
    traces = []
    for place, (name, layer) in enumerate(numbers["layers"].items()):
        found, should = layer["contrast_detail"], layer["predicted"]["contrast_detail"]
        line = {"color": COLOURS[place % len(COLOURS)]}
        error = [BAND * e for e in found["standard_error"]]
        traces += [
            {"name": name, "x": found["diameter_mm"], "y": found["threshold_contrast"], "mode": "markers",
             "marker": line, "error_y": {"array": error}, "hovertemplate": "%{y:.4f}"},
            {"name": f"{name}, predicted", "x": should["diameter_mm"], "y": should["threshold_contrast"],
             "mode": "lines", "line": {**line, "dash": "dash", "width": 1}, "hovertemplate": "%{y:.4f}"},
        ]  # fmt: skip
    return {"key": "contrast", "title": "Contrast-detail", "x_title": "diameter of a disc (mm)", "x_range": None,
            "x_type": "log", "y_title": "threshold contrast", "y_type": "log", "y_range": None,
            "traces": traces}  # fmt: skip


def curve_traces(
    name: str, curve: Mapping[str, Any], predicted: Mapping[str, Any] | None, colour: str, last: float
) -> list[dict[str, Any]]:
    """A measured curve with its band, and what was predicted, as traces of a plot.

    Parameters
    ----------
    name : str
        Of the curve.
    curve : mapping
        frequency_per_mm, value and standard_error.
    predicted : mapping or None
        frequency_per_mm, value and, where there is one, band.
    colour : str
        "#rrggbb".
    last : float
        Highest frequency that is shown. [1/mm]

    Returns
    -------
    traces : list of dict
        As plotly takes them.
    """
    x = np.asarray(curve["frequency_per_mm"])
    shown = x <= last * 1.001
    x, y, error = (np.asarray(curve[key])[shown] for key in ("frequency_per_mm", "value", "standard_error"))
    low, high = np.maximum(y - BAND * error, 1e-3 * np.abs(y)), y + BAND * error
    band = {
        "x": [*x.tolist(), *x[::-1].tolist()], "y": [*high.tolist(), *low[::-1].tolist()], "fill": "toself",
        "fillcolor": f"{colour}40", "line": {"width": 0}, "mode": "lines", "hoverinfo": "skip", "showlegend": False,
        "name": f"{name}, 95 %",
    }  # fmt: skip
    line = {
        "name": name, "x": x.tolist(), "y": y.tolist(), "mode": "lines", "line": {"color": colour, "width": 2},
        "customdata": (BAND * error).tolist(), "hovertemplate": "%{y:.4g} ± %{customdata:.2g}",
    }  # fmt: skip
    found = [band, line]
    if predicted is None:
        return found
    at = np.asarray(predicted["frequency_per_mm"])
    inside = at <= last * 1.001
    edges = [("predicted", "dash", predicted["value"])]
    if "band" in predicted:
        edges += [
            (f"declared band, {end}", "dot", edge) for end, edge in zip(("low", "high"), predicted["band"], strict=True)
        ]
    for what, dash, value in edges:
        found.append(
            {"name": f"{name}, {what}", "x": at[inside].tolist(), "y": np.asarray(value)[inside].tolist(),
             "mode": "lines", "line": {"color": colour, "dash": dash, "width": 1}, "hovertemplate": "%{y:.4g}",
             "showlegend": dash == "dash"}
        )  # fmt: skip
    return found

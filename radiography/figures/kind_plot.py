"""Figures of the kinds of measurement, drawn from the numbers that their JSON holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PERCENT = 100.0


def kind_figure(result: Mapping[str, Any]) -> Figure:
    """What a measurement found.

    Parameters
    ----------
    result : mapping
        Of `radiography measure`, of any kind.

    Returns
    -------
    figure : matplotlib.figure.Figure
        One pair of axes; bars are standard errors.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    draw = {
        "lag": _lag,
        "uniformity": _uniformity,
        "snr": _levels,
        "cnr": _levels,
        "contrast-detail": _contrast_detail,
        "duplex": _duplex,
        "step-wedge": _step_wedge,
        "linearity": _linearity,
    }[result["measure"]]
    draw(axes, result)
    axes.grid(alpha=0.3)
    axes.set_title(f"{result['measure']}: {', '.join(result['files'][:2])}", fontsize=9)
    return figure


def _lag(axes: Axes, result: Mapping[str, Any]) -> None:
    frame = np.asarray(result["frame"])
    percent, error = (PERCENT * np.asarray(result[key]) for key in ("residual", "standard_error"))
    axes.errorbar(frame, percent, error, fmt="o", markersize=3.0, linewidth=0.8, label="measured")
    fine = np.linspace(1.0, float(frame[-1]), 400)
    parts = [c["amplitude"] * np.exp(-(fine - 1.0) / c["time_frames"]) for c in result["components"]]
    if parts:
        axes.plot(fine, PERCENT * np.sum(parts, axis=0), linewidth=1.2, label=f"fit of {len(parts)} exponentials")
    axes.set(xlabel="frame after the beam went off", ylabel="lag (% of the exposed signal)")
    if (percent > 0).all():
        axes.set_yscale("log")
    axes.legend(fontsize=8, title=f"offset from {result['offset_from']}", title_fontsize=8)


def _uniformity(axes: Axes, result: Mapping[str, Any]) -> None:
    signal = np.asarray(result["map"], dtype=np.float64)
    departure = PERCENT * (signal / np.nanmean(signal) - 1.0)
    reach = float(np.nanmax(np.abs(departure))) or 1.0
    image = axes.imshow(departure, cmap="RdBu_r", vmin=-reach, vmax=reach)
    axes.figure.colorbar(image, ax=axes, label="departure from the mean (%)")
    axes.set(
        xlabel=f"squares of {result['block_mm']:g} mm; global {result['global_percent']:.3g} %, "
        f"local {result['local_percent']:.3g} %"
    )


def _levels(axes: Axes, result: Mapping[str, Any]) -> None:
    regions = {name: result[name] for name in ("detail", "background") if name in result} or {"region": result}
    names = list(regions)
    axes.errorbar(
        names,
        [regions[name]["mean_signal"] for name in names],
        [regions[name]["noise"] for name in names],
        fmt="o",
        capsize=4.0,
        label=f"{result['measure'].upper()} {result['value']:.4g} ± {result['standard_error']:.2g}",
    )
    axes.set(ylabel="mean signal; bars: noise of a pixel (DN)")
    axes.margins(x=0.6)
    axes.legend(fontsize=8)


def _contrast_detail(axes: Axes, result: Mapping[str, Any]) -> None:
    diameter = np.asarray(result["diameter_mm"])
    percent, error = (PERCENT * np.asarray(result[key]) for key in ("threshold_contrast", "standard_error"))
    axes.errorbar(diameter, percent, error, fmt="o-", markersize=3.0, linewidth=1.0)
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="diameter of the disc (mm)",
        ylabel=f"threshold contrast (%), d' = {result['d_prime']:g}",
    )


def _duplex(axes: Axes, result: Mapping[str, Any]) -> None:
    profile = result["profile"]
    depth = PERCENT * np.asarray(profile["depth"])
    axes.plot(profile["position_mm"], depth, linewidth=0.8)
    for pair in result["wires"]:
        text = f"{pair['name']}\n{pair['dip_percent']:.0f} %"
        axes.annotate(text, (pair["position_mm"], 1.03 * float(depth.max())), ha="center", fontsize=6)
    axes.set(
        xlabel=f"across the wires (mm); iSRb {result['isrb_mm']:.4f} ± {result['isrb_standard_error_mm']:.4f} mm",
        ylabel="depth below the field (%)",
        ylim=(min(float(depth.min()), 0.0), 1.2 * float(depth.max())),
    )


def _step_wedge(axes: Axes, result: Mapping[str, Any]) -> None:
    steps = result["steps"]
    thickness = [step["thickness_mm"] for step in steps]
    axes.errorbar(
        thickness,
        [step["contrast_sensitivity_percent"] for step in steps],
        [step["standard_error"] for step in steps],
        fmt="o-",
        markersize=3.0,
    )
    axes.set(xlabel="thickness (mm)", ylabel="contrast sensitivity (%)", yscale="log")
    ratio = axes.twinx()
    ratio.plot(thickness, [step["snr"] for step in steps], "s--", color="C1", markersize=3.0)
    ratio.set_ylabel("SNR per pixel", color="C1")


def _linearity(axes: Axes, result: Mapping[str, Any]) -> None:
    kerma, signal = np.asarray(result["kerma_uGy"]), np.asarray(result["signal"])
    response = result["response"]
    axes.errorbar(kerma, signal, result["signal_standard_error"], fmt="o", markersize=4.0, label="measured")
    axes.plot(kerma, result["signal_fit"], linewidth=1.0, label=f"{response['dn_per_uGy']:.5g} DN/uGy")
    axes.set(xlabel="air kerma (uGy)", ylabel="mean signal (DN)")
    axes.legend(fontsize=8, title=f"worst departure {PERCENT * response['worst_nonlinearity']:.2g} %", title_fontsize=8)

"""Figure of a panel's twin: measured MTF, noise power and transfer of signal to variance, and the twin's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from radiography.figures import BAND
from radiography.study.twin_layer import TwinCurves

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def twin_figure(curves: TwinCurves) -> Figure:
    """Measured curves with bands of 95 % and the twin's, above their ratios: MTF, noise power by dose, transfer.

    Parameters
    ----------
    curves : TwinCurves
        Measured and fitted.

    Returns
    -------
    figure : matplotlib.figure.Figure
        The MTF is the twin's alone where there is no edge, and all that there is without doses.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    parts = (_mtf, _noise, _transfer) if curves.doses else (_mtf,)
    figure = Figure(figsize=(13.0 / 3.0 * len(parts), 5.4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, len(parts), height_ratios=(3, 1), squeeze=False)
    for column, part in enumerate(parts):
        part(axes[0, column], axes[1, column], curves)
    for one in axes.flat:
        one.grid(alpha=0.3)
    return figure


def _mtf(above: Axes, below: Axes, curves: TwinCurves) -> None:
    for number, edge in enumerate(curves.edges):
        colour = f"C{number % 10}"
        band = BAND * edge.mtf_error
        above.fill_between(
            edge.frequency_per_mm, edge.mtf - band, edge.mtf + band, color=colour, alpha=0.3, linewidth=0
        )
        above.plot(edge.frequency_per_mm, edge.mtf, "o", color=colour, markersize=4, label=f"{edge.orientation} edge")
        ratio = curves.mtf[: edge.mtf.size] / edge.mtf
        below.errorbar(
            edge.frequency_per_mm, ratio, band / edge.mtf, fmt="o", color=colour, markersize=3, linewidth=0.8
        )
    if not curves.edges:
        below.text(0.5, 0.5, "no edge", ha="center", va="center", transform=below.transAxes)
    above.plot(curves.frequency_per_mm, curves.mtf, color="0.1", label="twin")
    above.set(ylabel="presampled MTF", ylim=(0.0, 1.03), xlim=(0.0, None))
    above.legend(fontsize=9)
    _ratio(below, "spatial frequency (1/mm)")
    below.set_xlim(above.get_xlim())


def _noise(above: Axes, below: Axes, curves: TwinCurves) -> None:
    from matplotlib.ticker import LogFormatterSciNotation

    for number, (dose, model) in enumerate(zip(curves.doses, curves.nnps, strict=True)):
        colour, frequency, band = f"C{number % 10}", dose.frequency_per_mm, BAND * dose.nnps_error
        above.fill_between(frequency, dose.nnps - band, dose.nnps + band, color=colour, alpha=0.3, linewidth=0)
        above.plot(frequency, dose.nnps, "o", color=colour, markersize=4, label=f"{dose.air_kerma_uGy:.3g} µGy")
        above.plot(frequency, model, color="0.1", label="twin" if number == len(curves.doses) - 1 else None)
        below.errorbar(
            frequency, model / dose.nnps, band / dose.nnps, fmt="o", color=colour, markersize=3, linewidth=0.8
        )
    above.set(yscale="log", ylabel="normalised noise power (mm²)", xlim=(0.0, None))
    above.yaxis.set_minor_formatter(LogFormatterSciNotation(minor_thresholds=(2, 0.6)))
    above.legend(fontsize=9)
    _ratio(below, "spatial frequency (1/mm)")
    below.set_xlim(above.get_xlim())


def _transfer(above: Axes, below: Axes, curves: TwinCurves) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator

    order = np.argsort(curves.signal_dn)
    signal = np.array([dose.signal_dn for dose in curves.doses])
    variance = np.array([dose.variance_dn2 for dose in curves.doses])
    band = BAND * np.array([dose.variance_error for dose in curves.doses])
    for number in range(signal.size):
        colour = f"C{number % 10}"
        above.errorbar(signal[number], variance[number], band[number], fmt="o", color=colour, markersize=5)
        ratio = curves.variance_dn2[number] / variance[number]
        below.errorbar(
            signal[number], ratio, band[number] / variance[number], fmt="o", color=colour, markersize=4, linewidth=0.8
        )
    above.plot(curves.signal_dn[order], curves.variance_dn2[order], "+-", color="0.1", markersize=9, label="twin")
    above.set(xscale="log", yscale="log", ylabel="variance of a pixel (DN²)")
    above.legend(fontsize=9)
    below.set_xscale("log")
    for axis in (above.xaxis, above.yaxis, below.xaxis):
        axis.set_major_formatter(FuncFormatter(_plain))
        axis.set_minor_locator(LogLocator(subs=(2.0, 5.0)))
        axis.set_minor_formatter(FuncFormatter(_plain))
    _ratio(below, "mean signal (DN)")
    below.set_xlim(above.get_xlim())


def _plain(value: float, _: int | None) -> str:
    return f"{value:g}"


def _ratio(axes: Axes, label: str) -> None:
    """Axes of twin over measured, with the 5 % that are aimed at."""
    axes.axhspan(0.95, 1.05, color="0.92", zorder=0)
    axes.axhline(1.0, color="0.5", linewidth=0.8)
    axes.set(xlabel=label, ylabel="twin / measured")
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, 0.92), max(high, 1.08))

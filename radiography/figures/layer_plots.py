"""Figures of scintillating layers: what they are worth, how that goes with thickness, and what an MTF leaves open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from radiography.figures import BAND
from radiography.light.optics import TurbidLayer
from radiography.study.layer_report import LayerReport
from radiography.study.layer_studies import DegeneracyMap

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HIGHEST_PER_MM = 4.0
LABEL_MARGIN = 0.04  # of the axes: the value of a contour nearer to their border would be cut
LEGEND_SHARE = 0.4  # of the height of the curves: room below them for the legend
CAUSES = ("X-ray quanta, aliased", "counting the light", "X-rays in the diode", "electronics")
CAUSE_STYLES: tuple[Any, ...] = ("--", "-.", (0, (4, 1, 1, 1, 1, 1)), ":")


def layer_figure(
    reports: Sequence[LayerReport],
    labels: Sequence[str],
    beam: str,
    measured_mtf: Sequence[tuple[float, float] | None] | None = None,
) -> Figure:
    """MTF with its factors, DQE over frequency and over dose, and noise power by cause, of one or more layers.

    Parameters
    ----------
    reports : sequence of LayerReport
        Of one dose.
    labels : sequence of str
        One for each.
    beam : str
        For the titles.
    measured_mtf : sequence of (float, float) or None, optional
        A frequency [1/mm] and the MTF measured there [1] of each layer, drawn as a circle.

    Returns
    -------
    figure : matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is no report, or not one label for each.
    """
    if not reports or len(labels) != len(reports):
        raise ValueError(f"layer_figure needs reports and a label for each, got {len(reports)} and {len(labels)}")
    figure, axes = _sheet(2, 2, (11.0, 8.4))
    (mtf, dqe), (dose, noise) = axes
    kerma = reports[0].air_kerma_uGy
    for index, (report, label) in enumerate(zip(reports, labels, strict=True)):
        colour = f"C{index % 10}"
        shown = report.frequency_per_mm <= HIGHEST_PER_MM
        within = report.frequency_per_mm <= report.nyquist_per_mm
        frequency = report.frequency_per_mm[shown]
        half = BAND * report.mtf_error[shown]
        value = report.mtf[shown]
        mtf.fill_between(frequency, value - half, value + half, color=colour, alpha=0.3, linewidth=0)
        mtf.plot(frequency, value, color=colour, linewidth=1.8, label=label)
        mtf.plot(frequency, report.xray_mtf[shown], color=colour, linewidth=1.0, linestyle="--")
        mtf.plot(frequency, report.optical_mtf[shown], color=colour, linewidth=1.0, linestyle="-.")
        known = measured_mtf[index] if measured_mtf is not None else None
        if known is not None:
            mtf.plot(*known, "o", color=colour, markersize=7, fillstyle="none", markeredgewidth=1.5)
        below = report.frequency_per_mm[within]
        dqe.plot(below, report.dqe[within], color=colour, linewidth=1.8, label=label)
        dqe.fill_between(below, *report.dqe_band[:, within], color=colour, alpha=0.2, linewidth=0)
        text = f"{label}: {report.crossover_uGy:.2g} µGy"
        dose.plot(report.dose_uGy, report.dqe0_at_dose, color=colour, marker=".", linewidth=1.6, label=text)
        dose.fill_between(report.dose_uGy, *report.dqe0_at_dose_band, color=colour, alpha=0.2, linewidth=0)
        if report.crossover_uGy >= report.dose_uGy[0]:
            dose.axvline(report.crossover_uGy, color=colour, linestyle=":", linewidth=1.2)
        _noise(noise, report, colour, label)
    frequency = reports[0].frequency_per_mm[reports[0].frequency_per_mm <= HIGHEST_PER_MM]
    mtf.plot(frequency, reports[0].aperture_mtf[: frequency.size], color="0.5", linewidth=1.0, linestyle=":")
    styles = {"presampled MTF, band 95 %": "-", "X-rays": "--", "light": "-.", "pixel aperture": ":"}
    entries = [_key(linestyle=style, color="0.3", label=text) for text, style in styles.items()]
    if measured_mtf is not None and any(known is not None for known in measured_mtf):
        entries.append(_key(linestyle="none", marker="o", fillstyle="none", color="0.2", label="measured, published"))
    named = mtf.get_legend_handles_labels()[0]
    mtf.legend(handles=[*named, *entries], fontsize=7, loc="lower left")
    mtf.set(xlabel="spatial frequency (1/mm)", ylabel="MTF", xlim=(0, HIGHEST_PER_MM), ylim=(0, 1.03))
    mtf.set_title(f"Sharpness, {beam}", fontsize=10, loc="left")
    dqe.set(xlabel="spatial frequency (1/mm)", ylabel="DQE", xlim=(0, HIGHEST_PER_MM), ylim=(0, None))
    dqe.set_title(f"Detective quantum efficiency, {beam}, {kerma:g} µGy", fontsize=10, loc="left")
    dqe.legend(fontsize=8, loc="upper right", title="shaded: declared ranges of panel and layer", title_fontsize=8)
    dose.set(xscale="log", xlabel="air kerma (µGy)", ylabel="DQE(0)", ylim=(0, None))
    dose.set_title(f"DQE(0) against dose, {beam}", fontsize=10, loc="left")
    dose.legend(fontsize=8, title="electronic noise = quantum noise at (dotted)", title_fontsize=8)
    noise.set(yscale="log", xlabel="spatial frequency (1/mm)", ylabel="noise power / signal² (mm²)")
    noise.set(xlim=(0, HIGHEST_PER_MM))
    noise.set_title(f"Noise power of the sampled frame, {kerma:g} µGy", fontsize=10, loc="left")
    causes = {"all": "-", **dict(zip(CAUSES, CAUSE_STYLES, strict=True))}
    entries = [_key(linestyle=style, color="0.3", label=text) for text, style in causes.items()]
    lowest, highest = noise.get_ylim()
    noise.set_ylim(lowest * (lowest / highest) ** LEGEND_SHARE, highest)
    noise.legend(handles=entries, fontsize=8, loc="lower left")
    for each in (mtf, dqe, noise):
        each.axvline(reports[0].nyquist_per_mm, color="0.6", linestyle=(0, (4, 4)), linewidth=0.8)
    middle = 0.5 * dqe.get_ylim()[1]
    dqe.text(reports[0].nyquist_per_mm, middle, " Nyquist", rotation=90, va="center", color="0.4", fontsize=8)
    for each in axes.flat:
        each.grid(alpha=0.3)
    return figure


def thickness_figure(
    studies: Sequence[Sequence[LayerReport]], labels: Sequence[str], frequency_per_mm: Sequence[float] = (1.0, 2.0)
) -> Figure:
    """MTF, light, absorbed quanta and DQE of layers over their thickness.

    Parameters
    ----------
    studies : sequence of sequence of LayerReport
        From `thickness_study`, one for each layer.
    labels : sequence of str
        One for each.
    frequency_per_mm : sequence of float
        Of MTF and DQE. [1/mm]

    Returns
    -------
    figure : matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is no study, or not one label for each.
    """
    if not studies or len(labels) != len(studies):
        raise ValueError(f"thickness_figure needs studies and a label for each, got {len(studies)} and {len(labels)}")
    figure, axes = _sheet(2, 2, (10.0, 7.6))
    (mtf, light), (absorbed, dqe) = axes
    styles = ("-", "--", "-.", ":")
    for index, (study, label) in enumerate(zip(studies, labels, strict=True)):
        colour = f"C{index % 10}"
        thickness = [report.thickness_um for report in study]
        for frequency, style in zip(frequency_per_mm, styles, strict=False):
            value = np.array([np.interp(frequency, r.frequency_per_mm, r.mtf) for r in study])
            half = BAND * np.array([np.interp(frequency, r.frequency_per_mm, r.mtf_error) for r in study])
            text = f"{label}, {frequency:g} /mm"
            mtf.errorbar(thickness, value, half, color=colour, linestyle=style, marker=".", capsize=2, label=text)
        dqe.plot(thickness, [r.dqe0 for r in study], color=colour, marker=".", label=f"{label}, 0 /mm")
        at = frequency_per_mm[-1]
        value = np.array([np.interp(at, r.frequency_per_mm, r.dqe) for r in study])
        dqe.plot(thickness, value, color=colour, linestyle="--", marker=".", label=f"{label}, {at:g} /mm")
        electrons = [r.electrons_per_uGy for r in study]
        light.plot(thickness, electrons, color=colour, marker=".", label=label)
        fractions = [r.quantum_detection_efficiency for r in study]
        absorbed.plot(thickness, fractions, color=colour, marker=".", label=f"{label}, quanta absorbed")
        fractions = [r.light_to_diode_fraction for r in study]
        absorbed.plot(
            thickness, fractions, color=colour, linestyle="--", marker=".", label=f"{label}, light at the diodes"
        )
    mtf.set(ylabel="presampled MTF", ylim=(0, 1.03))
    light.set(ylabel="signal (electrons / µGy)", ylim=(0, None))
    absorbed.set(ylabel="fraction", ylim=(0, 1.03))
    dqe.set(ylabel=f"DQE at {studies[0][0].air_kerma_uGy:g} µGy", ylim=(0, None))
    for each in axes.flat:
        each.set(xlabel="thickness (µm)", xlim=(0, None))
        each.grid(alpha=0.3)
        each.legend(fontsize=8)
    return figure


def degeneracy_figure(maps: Sequence[DegeneracyMap], own: TurbidLayer) -> Figure:
    """Light that reaches the diodes over scattering and absorption, with lines of equal MTF.

    Parameters
    ----------
    maps : sequence of DegeneracyMap
        From `degeneracy_maps`.
    own : TurbidLayer
        The film itself, marked where it lies on a map.

    Returns
    -------
    figure : matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is no map.
    """
    if not maps:
        raise ValueError("degeneracy_figure needs at least one map, got none")
    figure, axes = _sheet(1, len(maps), (0.8 + 5.2 * len(maps), 4.8))
    shade: Any = None
    for each, found in zip(axes.flat, maps, strict=True):
        self_absorbed = found.mechanism == "self-absorption"
        rows = found.absorption if self_absorbed else np.arange(found.absorption.size)
        shade = each.pcolormesh(
            found.transport_length_um, rows, found.light, shading="gouraud", cmap="viridis", vmin=0.0, vmax=0.9
        )
        others = np.arange(0.05, 1.0, 0.05)
        others = others[np.abs(others - found.own_mtf) > 0.01]
        lines = each.contour(found.transport_length_um, rows, found.mtf, others, colors="white", linewidths=0.8)
        _label_within(each, lines)
        each.contour(found.transport_length_um, rows, found.mtf, [found.own_mtf], colors="red", linewidths=2.2)
        each.set(xscale="log", xlabel="transport length of scattering (µm)")
        marks = [3, 5, 10, 20, 30, 60]
        each.set_xticks(marks, [str(mark) for mark in marks])
        each.minorticks_off()
        low, high = found.peak_nm.min(), found.peak_nm.max()
        if self_absorbed:
            each.set(ylabel="quantum yield of self-absorption")
            title = "Self-absorption and emission again"
            if own.self_absorption is not None:
                each.plot(own.transport_length_um, own.self_absorption.quantum_yield, "o", color="red", markersize=7)
        else:
            names = [f"{value:.0f}" if np.isfinite(value) else "∞" for value in found.absorption]
            each.set_yticks(rows, names)
            each.set(ylabel="grey absorption length (µm)")
            title = "Grey absorption, no self-absorption"
        each.set_title(f"{title}: emerges at {low:.0f}-{high:.0f} nm", fontsize=9, loc="left")
    figure.colorbar(shade, ax=axes, label="fraction of the light that reaches the diodes", shrink=0.95)
    first = maps[0]
    figure.suptitle(
        f"Red: films of MTF({first.frequency_per_mm:g} /mm) = {first.own_mtf:.2f}, that of the layer described (dot); "
        "white: other values",
        fontsize=10,
    )
    return figure


def _label_within(axes: Any, lines: Any) -> None:
    """Values on contour lines, but for those that the border of the axes would cut."""
    for label in axes.clabel(lines, fmt="%.2f", fontsize=8):
        x, y = axes.transAxes.inverted().transform(axes.transData.transform(label.get_position()))
        if min(x, y, 1.0 - x, 1.0 - y) < LABEL_MARGIN:
            label.set_visible(False)


def _noise(axes: Any, report: LayerReport, colour: str, label: str) -> None:
    """Noise power of a report by its causes, up to the Nyquist frequency."""
    within = report.frequency_per_mm <= report.nyquist_per_mm
    parts = (report.nps_quantum, report.nps_light, report.nps_direct, report.nps_electronic)
    total = np.sum(parts, axis=0)
    axes.plot(report.frequency_per_mm[within], total[within], color=colour, linewidth=1.8, label=label)
    for curve, style in zip(parts, CAUSE_STYLES, strict=True):
        axes.plot(report.frequency_per_mm[within], curve[within], color=colour, linewidth=1.0, linestyle=style)


def _key(**style: Any) -> Any:
    """An entry of a legend that stands for a style, not for a curve."""
    from matplotlib.lines import Line2D

    return Line2D([], [], **style)


def _sheet(rows: int, cols: int, size: tuple[float, float]) -> tuple[Figure, Any]:
    """A figure that needs no window, and its axes (rows, cols)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, cols, squeeze=False)

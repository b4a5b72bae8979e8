"""Figure of noise: normalised noise power spectra with their bands, and the two-dimensional spectrum."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from radiography.analysis.nps import Curve, NpsResult
from radiography.figures import BAND

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DECADES = 2.0  # of the grey scale below the largest value, at most
LEAST = 0.02  # of the largest total curve: smaller parts are not drawn


def noise_figure(noise: NpsResult) -> Figure:
    """Normalised noise power spectra with 95 % bands, the lines on the axes, and the two-dimensional spectrum.

    Parameters
    ----------
    noise : NpsResult
        From `noise_power_spectrum`.

    Returns
    -------
    figure : matplotlib.figure.Figure
        Left the curves over frequency with the Nyquist frequency marked, right the picture on a logarithmic grey
        scale, frequency zero in the middle, with circles around the peaks that were taken off.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11.0, 5.0), layout="constrained")
    FigureCanvasAgg(figure)
    main, picture = figure.subplots(1, 2, width_ratios=(1.45, 1.0))
    drawn = {
        "horizontal": (noise.curves.horizontal, "C0", "-"),
        "vertical": (noise.curves.vertical, "C1", "-"),
        "radial": (noise.curves.radial, "k", "-"),
    }
    if noise.temporal is not None and noise.fixed is not None:
        drawn["radial, temporal"] = (noise.temporal.radial, "C2", "--")
        drawn["radial, fixed"] = (noise.fixed.radial, "C3", ":")
    largest = max(float(curve.value.max()) for curve in noise.curves)
    lowest = largest
    for name, (curve, colour, style) in drawn.items():
        if float(np.median(curve.value)) < LEAST * largest * float(name.endswith("fixed")):
            continue
        lowest = min(lowest, float(curve.value[curve.value > 0].min(initial=largest)))
        _banded(main, curve, colour, style, name)
    for name, line, colour in (
        ("columns, on the axis", noise.axis_lines.horizontal, "C0"),
        ("rows, on the axis", noise.axis_lines.vertical, "C1"),
    ):
        main.plot(line.frequency_per_mm, line.value, color=colour, linewidth=0.7, alpha=0.5, label=name)
        largest = max(largest, float(np.median(line.value)))
    nyquist = 0.5 / noise.pitch_mm
    main.set_yscale("log")
    main.set(
        xlabel="spatial frequency (1/mm)", ylabel="NNPS (mm²)", xlim=(0, nyquist * 1.02),
        ylim=(0.5 * max(lowest, LEAST * largest), 2.5 * largest),
    )  # fmt: skip
    main.axvline(nyquist, color="0.5", linestyle=":", linewidth=1.0)
    main.text(nyquist, 1.01, "Nyquist", va="bottom", ha="right", color="0.4", fontsize=8,
              transform=main.get_xaxis_transform())  # fmt: skip
    main.grid(alpha=0.3, which="both")
    figure.legend(*main.get_legend_handles_labels(), loc="outside lower left", fontsize=8, ncols=7, title="bands: 95 %",
                  title_fontsize=8)  # fmt: skip
    _picture(figure, picture, noise, nyquist)
    return figure


def _banded(axes: Any, curve: Curve, colour: str, style: str, name: str) -> None:
    """A curve with its band; below zero there is nothing on a logarithmic scale."""
    half = BAND * curve.standard_error
    low = np.maximum(curve.value - half, 1e-3 * np.abs(curve.value) + 1e-300)
    axes.fill_between(curve.frequency_per_mm, low, curve.value + half, color=colour, alpha=0.2, linewidth=0)
    positive = np.where(curve.value > 0, curve.value, np.nan)
    axes.plot(curve.frequency_per_mm, positive, color=colour, linestyle=style, linewidth=1.3, label=name)


def _picture(figure: Figure, axes: Any, noise: NpsResult, nyquist: float) -> None:
    """The two-dimensional spectrum, dark where there is little noise."""
    from matplotlib.colors import LogNorm

    side = noise.picture.shape[0]
    edge = nyquist * (1 + 1 / side)
    top = float(np.percentile(noise.picture, 99.9))
    bottom = max(float(np.percentile(noise.picture, 1.0)), top / 10**DECADES)
    shown = axes.imshow(
        np.clip(noise.picture, bottom, top), cmap="viridis", norm=LogNorm(bottom, top), interpolation="nearest",
        extent=(-nyquist * (1 + 1 / side), edge - 2 * nyquist / side, edge - 2 * nyquist / side, -edge),
    )  # fmt: skip
    for peak in noise.peaks:
        for sign in (1, -1):
            axes.plot(
                sign * peak.frequency_u_per_mm, sign * peak.frequency_v_per_mm, "o", markersize=9,
                markerfacecolor="none", markeredgecolor="r",
            )  # fmt: skip
    title = "two-dimensional NNPS"
    axes.set(xlabel="along a row (1/mm)", ylabel="down a column (1/mm)", title=title)
    if noise.peaks:
        axes.set_title(f"{title}; circles: patterns taken off", fontsize=10)
    figure.colorbar(shown, ax=axes, label="mm²", shrink=0.85)

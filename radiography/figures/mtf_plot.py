"""Figure of modulation transfer functions, with the edge and line spread functions they come from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from radiography.analysis.mtf import MtfCurve, mtf50
from radiography.figures import BAND

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LINE_BINS_PER_PIXEL = 4  # of the line spread: fine enough for a pixel's own, coarse enough for little noise
SPREAD_WIDTHS = 3.0  # the insets show this many 10-90 % widths on each side of the edge
DOTS = 4000  # of the edge spread function, at most


def mtf_figure(
    curves: Sequence[MtfCurve],
    labels: Sequence[str] | None = None,
    crosses: tuple[str, Sequence[tuple[float, float]]] | None = None,
) -> Figure:
    """Presampled MTF of one or more edges with 95 % bands, and their edge and line spread functions.

    Parameters
    ----------
    curves : sequence of MtfCurve
        From `slanted_edge_mtf`.
    labels : sequence of str, optional
        One for each curve.
    crosses : (str, sequence of (float, float)), optional
        Values of others to compare with: what they are, and frequency and MTF of each. [1/mm, 1]

    Returns
    -------
    figure : matplotlib.figure.Figure
        Left the MTF up to the cutoff with the Nyquist frequency marked and its pointwise and simultaneous bands, right
        the edge spread function (dots: means of the pixels, line: fit) over the line spread function as measured.

    Raises
    ------
    ValueError
        If there is no curve, or not one label for each.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = list(labels) if labels is not None else [f"edge {i + 1}" for i in range(len(curves))]
    if not curves or len(names) != len(curves):
        raise ValueError(
            f"mtf_figure needs at least one curve and a label for each, got {len(curves)} and {len(names)}"
        )
    figure = Figure(figsize=(9.0, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(2, 2, width_ratios=(1.7, 1.0))
    main, edge, line = figure.add_subplot(grid[:, 0]), figure.add_subplot(grid[0, 1]), figure.add_subplot(grid[1, 1])
    reach = 0.0
    for index, (curve, name) in enumerate(zip(curves, names, strict=True)):
        colour = f"C{index % 10}"
        frequency, value = curve.frequency_per_mm, curve.value
        half = BAND * curve.standard_error
        note = f"{name}: {_half_value(curve)}"
        whole = curve.simultaneous_factor * curve.standard_error
        main.fill_between(frequency, value - half, value + half, color=colour, alpha=0.25, linewidth=0)
        main.fill_between(frequency, value - whole, value + whole, color=colour, alpha=0.12, linewidth=0)
        main.plot(frequency, value, color=colour, linewidth=1.4, label=note)
        width = _rise(curve)
        reach = max(reach, SPREAD_WIDTHS * width)
        near = np.flatnonzero(np.abs(curve.position_mm) < SPREAD_WIDTHS * width)
        dots = near[:: max(1, near.size // DOTS)]
        edge.plot(curve.position_mm[dots], curve.esf[dots], ".", color=colour, markersize=1.5, alpha=0.5)
        edge.plot(curve.position_mm[near], curve.esf_fit[near], color=colour, linewidth=1.0)
        heights, borders = _binned_line_spread(curve, SPREAD_WIDTHS * width)
        line.stairs(heights, borders, baseline=None, color=colour, linewidth=1.0)
    if crosses is not None:
        name, points = crosses
        main.plot(*zip(*points, strict=True), "k+", markersize=11, markeredgewidth=1.5, label=name)
    for pitch in sorted({curve.pitch_mm for curve in curves}):
        main.axvline(0.5 / pitch, color="0.5", linestyle=":", linewidth=1.0)
        above = main.get_xaxis_transform()  # outside, where no curve can cross it
        main.text(0.5 / pitch, 1.01, "Nyquist", va="bottom", ha="center", color="0.4", fontsize=8, transform=above)
    main.set(
        xlabel="spatial frequency (1/mm)", ylabel="presampled MTF", ylim=(-0.03, 1.05),
        xlim=(0, max(float(curve.frequency_per_mm[-1]) for curve in curves)),
    )  # fmt: skip
    main.grid(alpha=0.3)
    main.legend(loc="upper right", fontsize=8, title="bands of 95 %: each frequency, whole curve", title_fontsize=8)
    edge.set(ylabel="edge spread", xlim=(-reach, reach), ylim=(-0.15, 1.15))
    edge.tick_params(labelbottom=False)
    line.set(xlabel="distance from the edge (mm)", ylabel="line spread (1/mm)", xlim=(-reach, reach))
    for axes in (edge, line):
        axes.grid(alpha=0.3)
    return figure


def _binned_line_spread(curve: MtfCurve, reach_mm: float) -> tuple[np.ndarray, np.ndarray]:
    """Differences of the measured edge spread between bins of a quarter pixel [1/mm], and their borders [mm].

    As measured: the slope of a fit, or an inverse transform up to some frequency, has ripples that no pixel shows.
    """
    step = curve.pitch_mm * max(1 / LINE_BINS_PER_PIXEL, 1 / curve.oversampling)
    number = np.floor(curve.position_mm / step).astype(int)
    last = max(int(reach_mm / step), 2)
    used = np.abs(number + 0.5) <= last
    count = np.bincount(number[used] + last, minlength=2 * last)
    mean = np.bincount(number[used] + last, curve.esf[used], 2 * last) / np.maximum(count, 1)
    places = np.flatnonzero(count)  # coarse bins far from the edge leave some empty
    centre = (places - last + 0.5) * step
    return np.diff(mean[places]) / np.diff(centre), centre


def _rise(curve: MtfCurve) -> float:
    """Distance from 10 % to 90 % of the edge spread function. [mm]"""
    rising = np.maximum.accumulate(curve.esf_fit)
    low, high = (int(np.searchsorted(rising, level)) for level in (0.1, 0.9))
    last = curve.position_mm.size - 1
    return max(float(curve.position_mm[min(high, last)] - curve.position_mm[min(low, last)]), curve.pitch_mm)


def _half_value(curve: MtfCurve) -> str:
    """Where the MTF is one half, as text for the legend."""
    try:
        frequency, error = mtf50(curve)
    except ValueError:
        return "MTF above 0.5"
    digits = 3 if error <= 0 else int(np.clip(np.ceil(-np.log10(error)), 0, 6))
    return f"0.5 at {frequency:.{digits}f} ± {error:.{digits}f} /mm"

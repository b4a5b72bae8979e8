"""Figure of a panel's quality: where it is uneven and noisy, its lag, its defects, and how they move."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from calibration.quality.quality import Quality
from calibration.quality.trend import Limit

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_TRENDS = 8
# Colour scales are at least this wide to either side, or noise of the squares would look like a fault.
LEAST_DEPARTURE = {"signal": 1.0, "noise": 10.0}  # [%]  # chosen: half of the usual limits
# What is drawn over time, the most telling first; those measured at fewer than two dates give their place to the next.
TRENDS = {
    "residual_noise_local_percent": "local non-uniformity of noise, corrected (%)",
    "dark_noise_dn": "dark noise (DN)",
    "lag_first_frame_percent": "lag, first frame (%)",
    "bad_pixels": "bad pixels",
    "residual_signal_global_percent": "global non-uniformity, corrected (%)",
    "offset_drift_rms_dn": "offset drift, pixel to pixel (DN)",
    "gain_drift_rms_percent": "gain drift, pixel to pixel (%)",
    "offset_dn": "offset (DN)",
    "flat_snr": "signal to noise of one flat",
    "response_global_percent": "global non-uniformity, uncorrected (%)",
    "variance_per_dn": "X-ray noise, variance / signal (DN)",
    "relevant_clusters": "relevant clusters",
    "dark_rate_dn_per_s": "dark rate (DN/s)",
    "line_noise_dn": "line noise (DN)",
}
CLASSES = {
    "dead_pixels": "dead",
    "over_pixels": "over",
    "under_pixels": "under",
    "noisy_pixels": "noisy",
    "non_uniform_pixels": "non-uniform",
    "lagging_pixels": "lagging",
    "hot_pixels": "hot",
    "non_linear_pixels": "non-linear",
    "bad_neighbourhood_pixels": "neighbourhood",
    "cluster_kernel_pixels": "kernel pixels",
}


def quality_figure(
    sets: Sequence[Quality], dates: Sequence[datetime], limits: Mapping[str, Limit] | None = None
) -> Figure:
    """Uniformity, noise, lag and defects of the last of some calibration sets, and trends over all of them.

    Parameters
    ----------
    sets : sequence of Quality
        In the order of their dates; the last is shown, the first is the baseline.
    dates : sequence of datetime
        One for each set; not needed for a single one.
    limits : mapping of str to Limit, optional
        Bounds by quantity, drawn where they lie within the picture.

    Returns
    -------
    figure : matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is no set, or not one date for each of several.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    if not sets or (len(sets) > 1 and len(dates) != len(sets)):
        raise ValueError(
            f"quality_figure needs sets and, for more than one, a date each, got {len(sets)} and {len(dates)}"
        )
    measured = [name for name in TRENDS if sum(quality.numbers[name].value is not None for quality in sets) > 1]
    measured = measured[:MOST_TRENDS] if len(sets) > 1 else []
    trend_rows = -(-len(measured) // 4)
    heights = [1.25] + [1.0] * trend_rows
    layout = ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.06)  # inches
    figure = Figure(figsize=(14.0, 3.1 * sum(heights) + 0.4), layout=layout)
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(1 + trend_rows, 4, height_ratios=heights)
    last = sets[-1]
    figure.suptitle(_title(last), fontsize=11, x=0.01, ha="left")
    _uniformity(figure.add_subplot(grid[0, 0]), last)
    _noise(figure.add_subplot(grid[0, 1]), last)
    _lag(figure.add_subplot(grid[0, 2]), last)
    _defects(figure.add_subplot(grid[0, 3]), sets)
    for place, name in enumerate(measured):
        axes = figure.add_subplot(grid[1 + place // 4, place % 4])
        _trend(axes, sets, dates, name, (limits or {}).get(name))
    return figure


def _title(quality: Quality) -> str:
    known = [str(quality.identity[key]) for key in ("panel", "serial") if key in quality.identity]
    if "date" in quality.identity:
        known.append(str(quality.identity["date"])[:10])
    frames = f"frames: {quality.identity['dark_frames']} dark, {quality.identity['flat_frames']} flat"
    return ", ".join([*known, frames])


def _uniformity(axes: Any, quality: Quality) -> None:
    """Signal of the squares: of the corrected flat where there is one, else the response before correction."""
    numbers = quality.numbers
    residual = [flat for flat in quality.flats if "signal_squares" in flat]
    if residual:
        worst = max(residual, key=lambda flat: flat["signal"]["global_percent"])
        values = np.array(worst["signal_squares"], float)
        title, number = f"Corrected flat of {worst['level_dn']:.0f} DN", numbers["residual_signal_global_percent"]
    elif "response" in quality.tiles:
        values = quality.tiles["response"]
        title, number = "Response before correction", numbers["response_global_percent"]
    else:
        _empty(axes, "Uniformity", numbers["response_global_percent"].note)
        return
    _departures(axes, 100.0 * (values / np.nanmean(values) - 1.0), LEAST_DEPARTURE["signal"])
    axes.set_title(f"{title}, {_squares(quality)}\nglobal non-uniformity {_value(number)} %", fontsize=9, loc="left")


def _noise(axes: Any, quality: Quality) -> None:
    """Noise of the squares in the dark, else that of the flats."""
    number = quality.numbers["dark_noise_dn"]
    if "dark_noise_dn" in quality.tiles:
        values = quality.tiles["dark_noise_dn"]
        middle, least = float(np.nanmean(values)), LEAST_DEPARTURE["noise"] / 100.0
        low, high = float(np.nanmin(values)), float(np.nanmax(values))
        bounds = (min(low, middle * (1.0 - least)), max(high, middle * (1.0 + least)))
        _map(axes, values, "dark noise (DN)", "viridis", bounds)
        axes.set_title(f"Dark noise, {_squares(quality)}\ntypical pixel {_value(number)} DN", fontsize=9, loc="left")
    elif "flat_noise" in quality.tiles:
        _departures(axes, 100.0 * (quality.tiles["flat_noise"] - 1.0), LEAST_DEPARTURE["noise"])
        axes.set_title(f"Noise of one flat, {_squares(quality)}", fontsize=9, loc="left")
    else:
        _empty(axes, "Noise", number.note if number.value is None else f"dark noise {_value(number)} DN")


def _squares(quality: Quality) -> str:
    return "squares of 10 mm" if "pitch_mm" in quality.identity else "squares of 72 pixels"


def _departures(axes: Any, percent: NDArray[np.float64], least: float) -> None:
    """Squares as a picture with zero in the middle of its colours, which reach to what matters at least."""
    reach = max(float(np.nanmax(np.abs(percent))), least)
    _map(axes, percent, "departure from the mean (%)", "coolwarm", (-reach, reach))


def _map(axes: Any, values: NDArray[np.float64], label: str, colours: str, bounds: tuple[float, float]) -> None:
    """Squares as a picture with its scale below."""
    picture = axes.imshow(values, cmap=colours, interpolation="nearest", vmin=bounds[0], vmax=bounds[1])
    axes.set_facecolor("0.85")
    axes.set(xticks=[], yticks=[])
    bar = axes.figure.colorbar(picture, cax=axes.inset_axes((0.0, -0.09, 1.0, 0.05)), orientation="horizontal")
    bar.ax.locator_params(axis="x", nbins=5)
    bar.set_label(label, fontsize=9)
    bar.ax.tick_params(labelsize=8)


def _lag(axes: Any, quality: Quality) -> None:
    """Lag over time as measured, as fitted, and what the correction leaves."""
    number = quality.numbers["lag_first_frame_percent"]
    curve = quality.lag
    if curve is None:
        _empty(axes, "Lag", number.note if number.value is None else f"first frame {_value(number)} %")
        return
    measured, error, left = 100.0 * curve.relative, 100.0 * curve.error, 100.0 * np.abs(curve.left)
    floor = max(float(np.median(error)), 1e-6)
    axes.errorbar(
        curve.time_s, np.maximum(measured, floor), error, fmt="o", markersize=3, linewidth=0.8, label="measured"
    )
    axes.plot(curve.time_s, np.maximum(100.0 * curve.fit, floor), color="C1", label="fit")
    axes.plot(curve.time_s, np.maximum(left, floor), "x", color="C2", markersize=3, label="left after correction, size")
    axes.set(xscale="log", yscale="log", xlabel="time after the beam (s)", ylabel="signal left (%)")
    axes.set_ylim(0.1 * floor, 2.0 * float(measured.max()))
    axes.tick_params(axis="x", which="minor", labelsize=6, labelrotation=45)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=7, loc="lower left")
    axes.set_title(f"Lag at {curve.signal_dn:.0f} DN\nfirst frame {_value(number)} %", fontsize=9, loc="left")


def _defects(axes: Any, sets: Sequence[Quality]) -> None:
    """Pixels of each class, now and in the baseline; a class that was not judged says so."""
    names = list(CLASSES)
    place = np.arange(len(names))
    shown = [(sets[-1], 0.0, 0.7, "C0", "")] if len(sets) == 1 else []
    if len(sets) > 1:
        shown = [(sets[0], -0.2, 0.38, "0.7", "baseline"), (sets[-1], 0.2, 0.38, "C0", "now")]
    most = 1.0
    for quality, shift, height, colour, label in shown:
        counts = [quality.numbers[name].value for name in names]
        axes.barh(place + shift, [count or 0.0 for count in counts], height, color=colour, label=label)
        most = max([most, *(count for count in counts if count is not None)])
    for y, name in enumerate(names):
        count = sets[-1].numbers[name].value
        text = " not judged" if count is None else f" {count:.0f}"
        axes.text(
            count or 0.0, y + shown[-1][1], text, va="center", fontsize=7, color="0.4" if count is None else "0.1"
        )
    axes.set_yticks(place, list(CLASSES.values()), fontsize=8)
    axes.invert_yaxis()
    axes.set_xscale("symlog", linthresh=1.0)
    axes.set_xlim(0.0, 6.0 * most)
    axes.set_xlabel("pixels")
    axes.grid(alpha=0.3, axis="x")
    if len(sets) > 1:
        axes.legend(fontsize=7, loc="lower right")
    found = sets[-1].numbers
    bad, ppm, clusters, relevant, lines = (
        f"{found[name].value:.0f}" for name in ("bad_pixels", "bad_ppm", "clusters", "relevant_clusters", "bad_lines")
    )
    title = f"Bad pixels: {bad}, {ppm} ppm\nclusters: {clusters}, relevant ones: {relevant}, lines: {lines}"
    axes.set_title(title, fontsize=9, loc="left")


def _trend(axes: Any, sets: Sequence[Quality], dates: Sequence[datetime], name: str, limit: Limit | None) -> None:
    """One quantity over the dates with its standard errors, and its limits where they are near."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    known = [(d, q.numbers[name]) for d, q in zip(dates, sets, strict=True) if q.numbers[name].value is not None]
    values = np.array([number.value for _, number in known], float)
    errors = np.array([number.error or 0.0 for _, number in known])
    axes.errorbar([date for date, _ in known], values, errors, fmt="o-", markersize=4, linewidth=1.0, capsize=2)
    low, high = float((values - errors).min()), float((values + errors).max())
    span = dates[-1] - dates[0]
    axes.set_xlim(dates[0] - 0.05 * span, dates[-1] + 0.05 * span)
    margin = 0.15 * (high - low) or 0.05 * abs(high) or 1.0
    for bound in (limit.minimum, limit.maximum) if limit is not None else ():
        if bound is not None and low - (high - low + margin) < bound < high + (high - low + margin):
            axes.axhline(bound, color="C3", linestyle="--", linewidth=1.0)
            low, high = min(low, bound), max(high, bound)
    axes.set_ylim(low - margin, high + margin)
    locator = AutoDateLocator(minticks=3, maxticks=5)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axes.ticklabel_format(axis="y", useOffset=False)
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.3)
    axes.set_title(TRENDS[name], fontsize=9, loc="left")


def _empty(axes: Any, title: str, why: str) -> None:
    axes.set(xticks=[], yticks=[])
    axes.text(
        0.5, 0.5, textwrap.fill(why, 34), ha="center", va="center", color="0.4", fontsize=9, transform=axes.transAxes
    )
    axes.set_title(title, fontsize=9, loc="left")


def _value(number: Any) -> str:
    if number.value is None:
        return "not measured"
    return f"{number.value:.3g}" if number.error is None else f"{number.value:.3g} ± {number.error:.1g}"

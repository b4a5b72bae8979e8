"""A slanted edge traced through its region, its pixels sorted, freed of outliers and of the field, and fitted.

All arrays here are turned so that the edge is nearly vertical and its bright side on the right. Distances in pixels.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from radiography.analysis.edge.bins import FINE_BINS_PER_PIXEL, BinnedEdge, outliers, sort_by_distance
from radiography.analysis.edge.field import Field, even_field, pixel_noise, without_field
from radiography.analysis.edge.line import EdgeLine, refuse_upright, row_groups, trace_edge
from radiography.analysis.edge.quality import clipped_fractions
from radiography.analysis.edge.search import SlantedEdge
from radiography.analysis.edge.spread import NEAREST_KNOTS, SplineEdge, fit_curve, fit_spline, knots_for, spectrum_of

if TYPE_CHECKING:
    from scipy.interpolate import BSpline

OUTLIER_PASSES = 3
BEND_PASSES = 3
CENTRE_FREQUENCIES = np.arange(1, 41) * 0.0125  # cycles/pixel, to Nyquist
SHORT_PIXELS, SHORT_WIDTHS = 12.0, 3.0  # reach without glare: pixels, or 10-90 % widths if more   # chosen


class FittedEdge(NamedTuple):
    """A traced edge, its pixels without the change of the field, their fit, and the largest gap between them [pixel].

    ``values`` (R, C) is the image in an even field [DN], ``clipped`` the fractions of plate and open field at a limit.
    """

    values: np.ndarray
    line: EdgeLine
    binned: BinnedEdge
    field: Field
    spline: SplineEdge
    gap: float
    outlier_count: int
    clipped: tuple[float, float]


def far_off(values: np.ndarray, good: np.ndarray, edge: SlantedEdge) -> np.ndarray:
    """Good pixels that are neither plate nor open field, nor between them, by a wide margin.

    Parameters
    ----------
    values, good : (R, C) float32, bool
        Region of one edge [DN], and which pixels count.
    edge : SlantedEdge
        What was found there.

    Returns
    -------
    far : (R, C) bool
    """
    middling = np.median(values[::4, ::4][good[::4, ::4]])
    return np.asarray(good & ~(np.abs(values - middling) < 3 * edge.contrast_dn * (1 + 6 / edge.contrast_to_noise)))


def fit_edge(
    values: np.ndarray,
    good: np.ndarray,
    middle: float,
    slope: float,
    *,
    saturated: np.ndarray | None = None,
    glare: bool = True,
) -> FittedEdge:
    """The edge traced through an image, its pixels sorted and fitted.

    Parameters
    ----------
    values, good : (R, C) float32, bool
        Region of one edge [DN], and which pixels count.
    middle, slope : float
        Where the edge crosses the middle row [pixel], and its columns per row. [1]
    saturated : (R, C) bool, optional
        True where a flag plane says so.
    glare : bool
        False cuts the line spread where glare begins.

    Returns
    -------
    fitted : FittedEdge

    Raises
    ------
    ValueError
        If a side is clipped, the rows do not sample all phases of a pixel, or no step stands out of the noise.
    """
    line = trace_edge(values, good, middle, slope)
    refuse_upright(line.slope, line.last_row - line.first_row, None)
    binned, outlier_count, line, first = _sorted_pixels(values, good, line)
    clipped = clipped_fractions(values, good, saturated, line, binned)
    gap = _largest_gap(binned)
    refuse_upright(line.slope, line.last_row - line.first_row, gap)
    if gap > 1:
        raise ValueError(f"the rows leave a gap of {gap:.1f} pixels across the edge; at most 1 pixel can be bridged")
    unbent = binned
    binned, field = without_field(binned, line)
    if max(field.powers, default=1) > 1:
        for _ in range(BEND_PASSES):  # levels and outliers are judged again in the field as it is evened
            values = even_field(values, line, unbent, field)
            unbent, outlier_count, line, _ = _sorted_pixels(values, good, trace_edge(values, good, middle, slope))
            binned, rest = without_field(unbent, line, field)
            field = replace(
                rest, per_pixel=field.per_pixel + rest.per_pixel, per_pixel2=field.per_pixel2 + rest.per_pixel2
            )
    reach = field.reach
    if not glare:
        short = max(SHORT_PIXELS, SHORT_WIDTHS * line.width)
        reach = min(short, reach[0]), min(short, reach[1])
        binned, field = _cut(binned, field, reach)
    if field.powers or not glare or first is None:
        first = fit_curve(binned, knots_for(reach), pixel_noise(binned.position, line))
    binned, field = _centred(binned, field, first, reach)
    knots = knots_for(reach, max(NEAREST_KNOTS, gap))
    spline = fit_spline(binned, knots, pixel_noise(binned.position, line))
    return FittedEdge(values, line, binned, field, spline, gap, outlier_count, clipped=clipped)


def _centred(binned: BinnedEdge, field: Field, curve: BSpline, reach: tuple[float, float]) -> tuple[BinnedEdge, Field]:
    """Pixels by distance to the middle of the line spread, which the phase of its transform tells.

    Where the rise passes one half says it with three times the noise, and the final fit, which prefers symmetry about
    zero, would turn that noise into blur.
    """
    spectrum = spectrum_of(curve.t, curve.c, CENTRE_FREQUENCIES)
    strong = int(np.argmax(np.append(np.abs(spectrum) < 0.2 * np.abs(spectrum[0]), True)))
    power, phase = np.abs(spectrum[:strong]) ** 2, np.unwrap(np.angle(spectrum[:strong]))
    shift = -float((power * phase / CENTRE_FREQUENCIES[:strong]).sum() / (2 * np.pi * power.sum()))
    moved = BinnedEdge(binned.position - shift, binned.count, binned.total)
    return _cut(moved, field, reach)


def _cut(binned: BinnedEdge, field: Field, reach: tuple[float, float]) -> tuple[BinnedEdge, Field]:
    """Pixels within a reach, and what is known of the field there; its terms' errors come from farther out and stay."""
    inside = (binned.position >= -reach[0]) & (binned.position <= reach[1])
    binned = BinnedEdge(binned.position[inside], binned.count[:, inside], binned.total[:, inside])
    return binned, replace(field, influence=field.influence[:, inside], lever=field.lever[:, inside], reach=reach)


def _sorted_pixels(
    values: np.ndarray, good: np.ndarray, line: EdgeLine
) -> tuple[BinnedEdge, int, EdgeLine, BSpline | None]:
    """Pixels by distance without outliers, their number, the line traced again if there were any, and a first fit."""
    used, lost = good, -1
    for _ in range(OUTLIER_PASSES):
        binned = _sorted_along(values, used, line)
        curve = fit_curve(binned, knots_for(line.reach), pixel_noise(binned.position, line))
        grid = np.linspace(-line.reach[0], line.reach[1], int(16 * sum(line.reach)) + 1)
        table = curve(grid)
        bad = outliers(values, good, line.rows, (line.first_row, line.last_row), line.reach, table, line.width)
        found = int(np.count_nonzero(bad))
        if found == max(lost, 0):
            return binned, found, line, curve
        used, lost = good & ~bad, found
        line = trace_edge(values, used, float(line.rows.column[(values.shape[0] - 1) // 2]), line.slope)
    return _sorted_along(values, used, line), lost, line, None


def _sorted_along(values: np.ndarray, used: np.ndarray, line: EdgeLine) -> BinnedEdge:
    """Pixels by their distance to the traced edge, as parts of its contrast."""
    return sort_by_distance(values, used, line.rows, row_groups(line.first_row, line.last_row), line.reach)


def _largest_gap(binned: BinnedEdge) -> float:
    """Largest distance between neighbouring samples within two pixels of the edge. [pixel]"""
    inner = binned.position[np.abs(binned.position) < 2]
    return float(np.diff(inner).max(initial=1 / FINE_BINS_PER_PIXEL)) if inner.size > 1 else np.inf

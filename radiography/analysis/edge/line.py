"""The edge's course through a region, to a hundredth of a pixel, and the signal on both its sides.

The edge is a smooth curve: a straight line plus, where the picture shows it beyond doubt, a bow of up to fifth order.
It is found as the curve about which the rows agree best on one edge spread function. Plate and open field may change
smoothly along the edge (heel effect, scatter); every row is later measured against its own two levels.
All arrays here are turned so that the edge is nearly vertical and its bright side on the right.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from radiography.analysis.edge.bins import EdgeRows, robust_sigma, sort_by_distance
from radiography.analysis.edge.spread import fit_curve, knots_for

LEAST_TRAVEL = 1.5  # pixels that the edge must move sideways so that the rows sample every phase of a pixel
LEAST_KNOWN_TRAVEL, CLOSE_SAMPLES = 0.7, 0.3  # pixels; less will do where samples lie this close together   # chosen
LARGEST_ANGLE_DEG = 39.0  # nearer to 45 the rows repeat each other
LEAST_MARGIN = 8.0  # pixels that a row must have on each side of the edge to be used
LARGEST_ORDER = 5  # of the polynomial for the edge's course
EVIDENCE = 20.0  # by how much one more order must lower chi square; rows share noise, so more than the usual 4
WIDEST = 2.5  # contrasts over the steepest slope; the 10-90 % rise of an exponential edge is 1.6 of them   # chosen
TABLE_STEP = 1 / 32  # pixels between tabulated values of the edge spread function
LEVEL_GROUPS, LEVEL_ROWS, LEVEL_COLUMNS = 20, 12, 64  # sampled on each side to find the levels


@dataclass(frozen=True, eq=False)
class EdgeLine:
    """Course and levels of an edge, row by row.

    ``rows``: crossing points and levels. ``sigma_plate``, ``sigma_open``: noise of one pixel, as a fraction of the
    step. ``width``: rise of the edge from 10 % to 90 % [pixel]. ``slope``: mean columns per row. ``bow``: largest
    distance from the straight line through it [pixel]. ``order``: of the polynomial. ``first_row``, ``last_row``: the
    rows measured, the end excluded. ``reach``: distances to which three quarters of them go on the plate's and on the
    open side [pixel].
    """

    rows: EdgeRows
    sigma_plate: float
    sigma_open: float
    width: float
    slope: float
    bow: float
    order: int
    first_row: int
    last_row: int
    reach: tuple[float, float]


class RowShape(NamedTuple):
    """Edge spread function (``table``) and its slope (N,), every ``step`` from -``half`` to ``half`` [pixel].

    A misfit beyond ``limit`` [1] counts as that much, so that an outlier pulls little.
    """

    table: npt.NDArray[np.float64]
    slopes: npt.NDArray[np.float64]
    half: float
    step: float
    limit: float


@njit(cache=True)
def row_shifts(
    values: npt.NDArray[np.float32],
    usable: npt.NDArray[np.bool_],
    edge: EdgeRows,
    shape: RowShape,
    first: int,
    last: int,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Gradient and curvature of the squared misfit with respect to the edge's position, for each row.

    Parameters
    ----------
    values, usable : (R, C) float32, bool
        Region [DN], and which pixels count.
    edge : EdgeRows
        Crossing points and levels.
    shape : RowShape
        Edge spread function that the rows are held against.
    first, last : int
        First row and end row. [1]

    Returns
    -------
    pull, weight : (R,) float64
        Their ratio is the shift of a row. [1/pixel, 1/pixel^2]
    """
    column, cosine, plate, contrast = edge
    table, slopes, half, step, limit = shape
    pull, weight = np.zeros(values.shape[0]), np.zeros(values.shape[0])
    for r in range(first, last):
        low = max(0, int(np.ceil(column[r] - half / cosine[r])))
        high = min(values.shape[1] - 1, int(np.floor(column[r] + half / cosine[r])))
        for c in range(low, high + 1):
            if not usable[r, c]:
                continue
            place = ((c - column[r]) * cosine[r] + half) / step
            j = min(int(place), table.size - 2)
            part = place - j
            misfit = (values[r, c] - plate[r]) / contrast[r] - table[j] * (1 - part) - table[j + 1] * part
            misfit = min(max(misfit, -limit), limit)
            slope = slopes[j] * (1 - part) + slopes[j + 1] * part
            pull[r] -= slope * misfit / cosine[r]
            weight[r] += slope * slope
    return pull, weight


def row_groups(first: int, last: int) -> np.ndarray:
    """Limits of at most 40 groups of rows, the units among which scatter is measured.

    Parameters
    ----------
    first, last : int
        First row and end row.

    Returns
    -------
    start : (G + 1,) int64
        First row of each group, and the end.
    """
    count = int(np.clip((last - first) // 16, 4, 40))
    return np.linspace(first, last, count + 1).round().astype(np.int64)


def _course(rows: int, coefficients: np.ndarray, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
    """Column and cosine for each row from polynomial coefficients in the scaled row."""
    scale = (last - first) / 2
    x = (np.arange(rows) - (first + last - 1) / 2) / scale
    slope = np.polynomial.polynomial.polyval(x, np.polynomial.polynomial.polyder(coefficients)) / scale
    return np.polynomial.polynomial.polyval(x, coefficients), 1 / np.sqrt(1 + slope**2)


def _levels(
    values: np.ndarray, usable: np.ndarray, column: np.ndarray, first: int, last: int
) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Plate level, contrast (R,) and the noise on both sides, from the outer halves of the common reach."""
    edges = np.linspace(first, last, int(np.clip((last - first) // 4, 3, LEVEL_GROUPS)) + 1)
    fraction = np.linspace(0, 1, LEVEL_ROWS, endpoint=False)
    rows = (edges[:-1, None] + fraction * np.diff(edges)[:, None]).astype(np.int64)[:, :, None]
    centre = np.rint(column).astype(np.int64)
    results = []
    for side, reach in ((-1, int(centre[first:last].min())), (1, values.shape[1] - 1 - int(centre[first:last].max()))):
        inner = max(reach // 2, min(4, reach))
        offsets = np.unique(np.linspace(inner, reach, LEVEL_COLUMNS).astype(np.int64)) * side
        at = (rows * values.shape[1] + centre[rows] + offsets).reshape(edges.size - 1, -1)
        good, sample = usable.take(at), values.take(at).astype(float)
        sample[~good] = np.nan
        filled = good.sum(axis=1) >= 8
        if filled.sum() < 3:
            raise ValueError("slanted_edge_mtf finds too few usable pixels beside the edge to measure its two levels")
        median = np.median if good.all() else np.nanmedian
        level = median(sample[filled], axis=1)
        x = (rows[filled].mean(axis=(1, 2)) - first) / (last - first)
        fit = np.polynomial.polynomial.polyfit(x, level, min(2, level.size - 2))
        smooth = np.polynomial.polynomial.polyval((np.arange(values.shape[0]) - first) / (last - first), fit)
        spread = np.abs(_trendless(sample[filled].reshape(level.size, LEVEL_ROWS, -1), smooth[rows[filled]], level))
        noise = robust_sigma(spread) if good.all() else [robust_sigma(row[np.isfinite(row)]) for row in spread]
        results.append((smooth, float(np.median(noise))))
    (plate, noise_plate), (bright, noise_open) = results
    step = float(np.median((bright - plate)[first:last]))
    return plate, bright - plate, noise_plate / abs(step), noise_open / abs(step)


def _trendless(sample: np.ndarray, smooth: np.ndarray, level: np.ndarray) -> np.ndarray:
    """Samples (G, r, c) less their groups' ``level`` (G,), and less what changes along the rows and columns.

    ``smooth`` (G, r, 1) is the course of the levels. A slope of the field would count as noise: (G, r c).
    """
    rest = sample - (level[:, None, None] + smooth - smooth.mean(axis=1, keepdims=True))
    rest = rest.reshape(-1, sample.shape[2])
    ordered = np.sort(rest.T.copy(), axis=1)  # defects, which are NaN, last
    seen, column = np.isfinite(ordered).sum(axis=1), np.arange(sample.shape[2])
    middle = (ordered[column, np.maximum(seen - 1, 0) // 2] + ordered[column, np.minimum(seen // 2, len(rest) - 1)]) / 2
    rest = rest - np.where(seen > 0, middle, 0.0)
    return np.asarray(rest.reshape(level.size, -1))


def _update(
    coefficients: np.ndarray, pull: np.ndarray, weight: np.ndarray, first: int, last: int, most: int
) -> tuple[np.ndarray, int]:
    """Coefficients moved by the polynomial, of the order the rows support, through the rows' own shifts."""
    used = np.zeros(weight.size, dtype=bool)
    used[first:last] = weight[first:last] > 0.2 * np.median(weight[first:last])
    x = (np.arange(weight.size) - (first + last - 1) / 2) / ((last - first) / 2)
    powers = np.vander(x[used], most + 1, increasing=True)
    target = pull[used] / weight[used] + powers[:, : coefficients.size] @ coefficients[: most + 1]
    root = np.sqrt(weight[used])
    columns = np.column_stack([powers, target]) * root[:, None]
    triangle, misfits = np.zeros((most + 1, most + 2)), []
    for order in range(most + 1):  # Gram and Schmidt: each order is what one column more takes of the target
        triangle[order, order] = np.sqrt((columns[:, order] ** 2).sum())
        unit_column = columns[:, order, None] / triangle[order, order]
        triangle[order, order + 1 :] = (unit_column * columns[:, order + 1 :]).sum(axis=0)
        columns[:, order + 1 :] -= unit_column * triangle[order, order + 1 :]
        misfits.append(float((columns[:, -1] ** 2).sum()))
    unit = max(misfits[-1] / max(int(used.sum()) - most - 1, 1), 1e-20)
    order = int(np.argmin([m / unit + EVIDENCE * k for k, m in enumerate(misfits[1:])])) + 1
    result = np.zeros(LARGEST_ORDER + 1)
    result[: order + 1] = np.linalg.solve(triangle[: order + 1, : order + 1], triangle[: order + 1, -1])
    return result, order


def trace_edge(values: np.ndarray, usable: np.ndarray, middle_column: float, slope: float) -> EdgeLine:
    """Course of a nearly vertical edge whose bright side is on the right.

    Parameters
    ----------
    values : (R, C) float
        Region around the edge. [DN]
    usable : (R, C) bool
        True where a pixel counts.
    middle_column, slope : float
        Where the edge crosses the middle row, to a few pixels [pixel], and its columns per row. [1]

    Returns
    -------
    line : EdgeLine
        Course, levels and noise.

    Raises
    ------
    ValueError
        If fewer than 8 rows have the edge at least 8 pixels inside, or no step stands out of the noise.
    """
    rows, columns = values.shape
    start = middle_column + slope * (np.arange(rows) - (rows - 1) / 2)
    inside = np.flatnonzero((start >= LEAST_MARGIN) & (start <= columns - 1 - LEAST_MARGIN))
    if inside.size < 8:
        raise ValueError(
            f"the edge runs at least {LEAST_MARGIN:.0f} pixels inside the region in only {inside.size} of {rows} rows; "
            "8 are needed"
        )
    first, last = int(inside[0]), int(inside[-1]) + 1
    coefficients = np.zeros(LARGEST_ORDER + 1)
    coefficients[:2] = start[(first + last - 1) // 2 : (first + last) // 2 + 1].mean(), slope * (last - first) / 2
    most = int(np.clip((last - first) // 12, 1, LARGEST_ORDER))

    order, width, table = 1, 4.0, None
    for step, scale in enumerate((2.0, 1.0, 0.5, 0.0, 0.0)):
        column, cosine = _course(rows, coefficients, first, last)
        if step in (0, 3):
            plate, contrast, sigma_plate, sigma_open = _levels(values, usable, column, first, last)
            _refuse_no_step(contrast[first:last], sigma_plate, sigma_open)
        left = float((column[first:last] * cosine[first:last]).min())
        right = float(((columns - 1 - column[first:last]) * cosine[first:last]).min())
        half = min(12.0 if scale else float(np.clip(3 * width, 12.0, 60.0)), left, right)
        grid = np.arange(-half, half + TABLE_STEP / 2, TABLE_STEP)
        if scale:
            table = 1 / (1 + np.exp(-grid / scale))
            slopes = table * (1 - table) / scale
        else:
            half = grid[-1]
            edge = EdgeRows(column, cosine, plate, contrast)
            sigma = sigma_plate, sigma_open
            table, slopes, width, centre = _current_shape(values, usable, edge, (first, last), grid, sigma)
            coefficients[0] += centre / cosine[first:last].mean()
            column = column + centre / cosine
        shape = RowShape(table, slopes, grid[-1], TABLE_STEP, max(0.3, 5 * max(sigma_plate, sigma_open)))
        edge = EdgeRows(column, cosine, plate, contrast)
        pull, weight = row_shifts(values, usable, edge, shape, first, last)
        coefficients, order = _update(coefficients, pull, weight, first, last, 2 if scale and most > 1 else most)
    column, cosine = _course(rows, coefficients, first, last)
    x = np.arange(first, last)
    straight = np.polynomial.polynomial.polyfit(x, column[first:last], 1)
    bow = np.abs(column[first:last] - np.polynomial.polynomial.polyval(x, straight)) * cosine[first:last]
    coverage = (
        np.sort(column[first:last] * cosine[first:last]),
        np.sort((columns - 1 - column[first:last]) * cosine[first:last]),
    )
    reach = float(coverage[0][(last - first) // 4]), float(coverage[1][(last - first) // 4])
    return EdgeLine(
        rows=EdgeRows(column, cosine, plate, contrast),
        sigma_plate=sigma_plate,
        sigma_open=sigma_open,
        width=width,
        slope=float(straight[1]),
        bow=float(bow.max()),
        order=order,
        first_row=first,
        last_row=last,
        reach=reach,
    )


def refuse_steep(slope: float) -> None:
    """The rows must not repeat each other."""
    angle = float(np.degrees(np.arctan(abs(slope))))
    if angle > LARGEST_ANGLE_DEG:
        raise ValueError(
            f"angle too large: the edge is tilted by {angle:.1f} degrees against rows or columns; "
            f"at most {LARGEST_ANGLE_DEG:.0f}"
        )


def refuse_upright(slope: float, rows: int, gap: float | None) -> None:
    """The rows must sample all phases of a pixel.

    Parameters
    ----------
    slope : float
        Columns per row. [1]
    rows : int
        Rows that the edge runs through. [1]
    gap : float or None
        Largest distance between samples across the edge, where it is known. [pixel]

    Raises
    ------
    ValueError
        If the edge moves sideways by less than 1.5 pixels and leaves phases of a pixel unsampled.
    """
    travel = rows * abs(slope)
    if travel < (LEAST_KNOWN_TRAVEL if gap is None or gap <= CLOSE_SAMPLES else LEAST_TRAVEL):
        angle = float(np.degrees(np.arctan(abs(slope))))
        raise ValueError(
            f"angle too small: the edge is tilted by {angle:.2f} degrees and moves by {travel:.1f} pixels over {rows} "
            f"rows; it must move by at least {LEAST_TRAVEL} pixels, or leave no phase of a pixel unsampled"
        )


def _current_shape(
    values: np.ndarray,
    usable: np.ndarray,
    edge: EdgeRows,
    rows: tuple[int, int],
    grid: np.ndarray,
    sigma: tuple[float, float],
) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Edge spread and its slope on ``grid`` as the rows now agree on them, the 10-90 % width and where 50 % lies."""
    half = float(grid[-1])
    binned = sort_by_distance(values, usable, edge, row_groups(*rows), (half, half))
    noise = np.hypot(np.where(binned.position > 0, sigma[1], sigma[0]), 1e-3)
    curve = fit_curve(binned, knots_for((half, half)), noise)
    table = curve(grid)
    rising = np.maximum.accumulate(table)
    middle = (table[0] + table[-1]) / 2  # one half, but where a field is bent, whose levels are those of far away
    crossing = [float(grid[min(int(np.searchsorted(rising, level)), grid.size - 1)]) for level in (0.1, middle, 0.9)]
    j = int(np.clip(np.searchsorted(rising, middle), 1, grid.size - 1))
    centre = grid[j - 1] + (middle - table[j - 1]) / max(table[j] - table[j - 1], 1e-6) * TABLE_STEP
    centre = float(np.clip(centre, crossing[1] - TABLE_STEP, crossing[1] + TABLE_STEP))
    # the table keeps its own origin: moving the line by the centre moves table and pixels alike
    slopes = curve.derivative()(grid + centre)
    width = min(crossing[2] - crossing[0], WIDEST / max(float(slopes.max()), 1e-3))  # a bent field has no levels
    return curve(grid + centre), slopes, width, centre


def _refuse_no_step(contrast: np.ndarray, sigma_plate: float, sigma_open: float) -> None:
    """A step must have one sign along the whole edge and stand out of the noise."""
    if contrast.min() <= 0:
        raise ValueError("no edge found: the two sides of the candidate change places along its length")
    ratio = 1 / max(float(np.hypot(sigma_plate, sigma_open)), 1e-12)
    if ratio < 1:
        raise ValueError(f"contrast too low: the step is {ratio:.2f} of the noise of one pixel, at least 1 is needed")

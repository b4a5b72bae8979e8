"""Numbers that say whether an edge may be believed, and the sentences for those that say no.

A saturated, displayed, sharpened or quantised image still has an edge, and its curve looks like any other. Each check
here gives one number; what lies beyond its limit becomes a sentence, and a clipped side an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from radiography.analysis.edge.bins import BinnedEdge, EdgeRows
from radiography.analysis.edge.line import TABLE_STEP, EdgeLine, RowShape, row_shifts
from radiography.analysis.edge.spread import SplineEdge

FloatArray = npt.NDArray[np.float64]

MOST_CLIPPED = 0.45  # of the pixels of a side at one value, from which on it is refused: half of them, less noise
NOTED_CLIPPED = 0.005  # of the pixels of a side   # chosen
SMALL_STEP = 0.001  # of the contrast: what lies nearer to the limit than this is hardly changed by it   # chosen
CUT_TOE = 0.6  # of the other side's tail, below which a side without noise was cut   # chosen
LEAST_WAVE = 0.05  # pixels, root mean square: takes 1 % of the MTF at Nyquist
WAVE_NOISE = 1.6  # times the variance that noise gives the rows' positions   # chosen
WAVE_ROWS = 8  # averaged to see slow waves in noise
STEP_WINDOW = 16  # pixels each side of a step between read-out blocks
LEAST_BLOCK_STEP = 0.006  # of the contrast
STEP_SIGMA = 6.0  # standard errors
NOT_WHITE = 1.5  # times the error of white noise: neighbouring columns share light   # chosen
LEAST_LEVELS = 64
MOST_ERROR = 0.05  # of the MTF
MOST_VALUE = 1.02  # of the MTF
MOST_SKEW = (
    0.1  # of the distances from 50 % to 10 and to 90 % over their sum   # chosen: films and oblique rays stay below
)
MOST_NOISE_RATIO = 1.25  # of the plate's noise over the open field's   # chosen: quanta make it less than 1
SAMPLE = 25_000  # pixels that are looked at for clipping


@dataclass(frozen=True)
class EdgeQuality:
    """What was looked for in the pixels of an edge.

    ``clipped_plate``, ``clipped_open``: fraction of each side's pixels that lie at its limit or are flagged as
    saturated. ``waviness_mm``: scatter of the rows' positions beyond their noise, root mean square [mm].
    ``block_step``: largest step along rows or columns beside the edge, as part of the contrast. ``grey_levels``: number
    of steps of the stored numbers between plate and open field. ``skew``: difference of the distances from the middle
    of the rise to 90 % and to 10 % over their sum. ``noise_ratio``: of a plate's pixel over an open one's. ``gap``:
    largest distance between neighbouring samples across the edge, in pixels.
    """

    clipped_plate: float
    clipped_open: float
    waviness_mm: float
    block_step: float
    grey_levels: float
    skew: float
    noise_ratio: float
    gap: float


class _Profiles(NamedTuple):
    """Number and sum of the pixels beside the edge, (2, C) or (2, R): plate and open field by column and by row."""

    column_count: FloatArray
    column_total: FloatArray
    row_count: FloatArray
    row_total: FloatArray


@njit(cache=True)
def _add_profiles(
    values: npt.NDArray[np.float32],
    usable: npt.NDArray[np.bool_],
    edge: EdgeRows,
    rows: tuple[int, int],
    inner: float,
    sums: _Profiles,
) -> None:
    """Adds each usable pixel farther than ``inner`` from the edge to its column and its row, by sides.

    Of many rows every few are enough.
    """
    edge_column, cosine, plate, contrast = edge
    column_count, column_total, row_count, row_total = sums
    for r in range(rows[0], rows[1], 1 + (rows[1] - rows[0]) // 1000):
        near = edge_column[r] - inner / cosine[r], edge_column[r] + inner / cosine[r]
        ends = (0, int(np.floor(near[0])) + 1), (int(np.ceil(near[1])), values.shape[1])
        for side in range(2):
            pixels, along = 0.0, 0.0
            for c in range(max(ends[side][0], 0), min(ends[side][1], values.shape[1])):
                if usable[r, c]:
                    value = (values[r, c] - plate[r]) / contrast[r]
                    column_count[side, c] += 1.0
                    column_total[side, c] += value
                    pixels += 1.0
                    along += value
            row_count[side, r] += pixels
            row_total[side, r] += along


def clipped_fractions(
    values: np.ndarray, usable: np.ndarray, saturated: np.ndarray | None, line: EdgeLine, binned: BinnedEdge
) -> tuple[float, float]:
    """Fractions of the plate's and of the open field's pixels that lie at a limit.

    A limit is the largest (under the plate the smallest) value where many pixels have exactly it, and few lie beyond.
    A side without noise lies at one value by nature: it counts as clipped where its tail is cut as well.

    Parameters
    ----------
    values, usable : (R, C) float32, bool
        Image with the edge nearly vertical, bright on the right [DN], and which pixels count.
    saturated : (R, C) bool or None
        What a flag plane says.
    line : EdgeLine
        The edge.
    binned : BinnedEdge
        Its pixels by distance.

    Returns
    -------
    plate, open : float
        [1]

    Raises
    ------
    ValueError
        If half of a side is clipped.
    """
    step = max(1, values.size // SAMPLE)
    rows = np.arange(line.first_row, line.last_row, step)
    distance = (np.arange(values.shape[1])[None, :] - line.rows.column[rows, None]) * line.rows.cosine[rows, None]
    contrast = float(np.median(line.rows.contrast[line.first_row : line.last_row]))
    toes = _toes(binned, line.width)
    found = []
    for side, name in ((-1, "plate"), (1, "open field")):
        inside = side * distance > min(2 * line.width, 0.5 * min(line.reach))
        if saturated is not None and saturated[rows][inside].any():
            flagged = float(saturated[rows][inside].mean())
            if flagged >= MOST_CLIPPED:
                raise ValueError(
                    f"{100 * flagged:.0f} % of the {name} is flagged as saturated, which lifts the MTF unseen; take "
                    "the edge with less exposure"
                )
            found.append(flagged)
            continue
        pixels = side * values[rows][inside & usable[rows]].astype(np.float64)
        fraction, limit = _at_limit(pixels, contrast, toes if side > 0 else toes[::-1])
        if fraction >= MOST_CLIPPED:
            remedy = (
                "take the edge with less exposure" if side > 0 else "add an offset before numbers are cut at a limit"
            )
            raise ValueError(
                f"{100 * fraction:.0f} % of the {name} lies at exactly {side * limit:g}: it is clipped, which changes "
                f"the MTF unseen; {remedy}"
            )
        found.append(fraction)
    return found[0], found[1]


def _at_limit(pixels: np.ndarray, contrast: float, toes: tuple[float, float]) -> tuple[float, float]:
    """Fraction of pixels at their upper limit, 0 where there is none, and the limit; toes of the other, this side."""
    if pixels.size < 50:
        return 0.0, 0.0
    middle = float(np.median(pixels))
    level, count = np.unique(pixels[pixels >= middle], return_counts=True)
    piled = np.flatnonzero((count >= NOTED_CLIPPED * pixels.size) & (count > 1.5 * np.append(0, count[:-1])))
    if piled.size == 0:
        return 0.0, 0.0
    at = int(piled[-1])
    limit = float(level[at])
    fraction, beyond = float(count[at]) / pixels.size, float(count[at + 1 :].sum()) / pixels.size
    below = 1 - fraction - beyond
    if beyond > 0.1 * fraction:
        return 0.0, limit
    levels = np.unique(pixels[pixels < limit], return_counts=True)[1]
    if fraction < 0.995 and levels.max(initial=0) > 0.5 * levels.sum():
        return 0.0, limit  # a few levels and no noise
    if fraction > 0.995 or below < 10 * beyond:  # hardly any noise: is the way there cut?
        cut = toes[0] > SMALL_STEP and toes[1] < CUT_TOE * toes[0]
        return (fraction, limit) if cut else (0.0, limit)
    if limit - float(np.median(pixels[pixels < limit])) < SMALL_STEP * contrast:
        return 0.0, limit  # counts of few quanta, or steps of the numbers that are small beside the edge
    return (fraction, limit) if beyond < 0.02 * fraction else (0.0, limit)


def _toes(binned: BinnedEdge, width: float) -> tuple[float, float]:
    """Mean height of the tails at 0.5 to 2 widths from the edge, on the plate's and on the open side."""
    count, total = binned.count.sum(axis=0), binned.total.sum(axis=0)
    means = []
    for side in (-1, 1):
        inside = (side * binned.position > 0.5 * width) & (side * binned.position < 2 * width)
        mean = total[inside].sum() / max(count[inside].sum(), 1.0)
        means.append(float(mean if side < 0 else 1 - mean))
    return means[0], means[1]


def judge_edge(
    values: np.ndarray,
    evened: np.ndarray,
    usable: np.ndarray,
    line: EdgeLine,
    spline: SplineEdge,
    *,
    clipped: tuple[float, float],
    gap: float,
    pitch_mm: float,
) -> EdgeQuality:
    """All numbers of an edge that was measured.

    Parameters
    ----------
    values, evened, usable : (R, C) float32, float32, bool
        Image as it is and in an even field [DN], and which pixels count.
    line, spline : EdgeLine, SplineEdge
        The edge and its fit.
    clipped : two floats
        From `clipped_fractions`.
    gap : float
        Largest distance between samples. [pixel]
    pitch_mm : float
        [mm]

    Returns
    -------
    quality : EdgeQuality
    """
    return EdgeQuality(
        clipped_plate=clipped[0],
        clipped_open=clipped[1],
        waviness_mm=_waviness(evened, usable, line, spline) * pitch_mm,
        block_step=_block_step(evened, usable, line),
        grey_levels=_grey_levels(values, usable, line),
        skew=_skew(spline, line),
        noise_ratio=line.sigma_plate / max(line.sigma_open, 1e-9),
        gap=gap,
    )


def _waviness(values: np.ndarray, usable: np.ndarray, line: EdgeLine, spline: SplineEdge) -> float:
    """Scatter of the rows' positions beyond that of noise, 0 where it is not seen. [pixel]"""
    from scipy.interpolate import BSpline

    half = min(max(1.5 * line.width, 3.0), 0.45 * min(line.reach))
    grid = np.arange(-half, half + TABLE_STEP / 2, TABLE_STEP)
    curve = BSpline(spline.knots, spline.coefficients, 3)
    slopes = curve.derivative()(grid)
    limit = max(0.3, 5 * max(line.sigma_plate, line.sigma_open))
    span = line.first_row, line.last_row
    shape = RowShape(curve(grid), slopes, float(grid[-1]), TABLE_STEP, limit)
    pull, weight = row_shifts(values, usable, line.rows, shape, *span)
    inside = slice(*span)
    if not (weight[inside] > 0.2 * np.median(weight[inside])).all():
        return 0.0
    shift = pull[inside] / weight[inside]
    flat, noise = RowShape(np.zeros(grid.size), slopes, float(grid[-1]), TABLE_STEP, limit), []
    for side, level in ((-1, 0.0), (1, 1.0)):
        away = side * (half + max(half, min(3 * line.width, 0.5 * min(line.reach) - half)))
        rows = line.rows._replace(column=line.rows.column + away, plate=line.rows.plate + level * line.rows.contrast)
        away_pull, _ = row_shifts(values, usable, rows, flat, *span)
        noise.append(away_pull[inside] / weight[inside])
    seen = 0.0
    for size in (1, WAVE_ROWS):
        whole = shift.size // size * size
        if whole // size < 8:
            break
        scatter, *noises = (float(np.var(p[:whole].reshape(-1, size).mean(axis=1))) for p in (shift, *noise))
        if scatter > WAVE_NOISE * sum(noises) / 2:
            seen = max(seen, scatter - sum(noises) / 2)
    return float(np.sqrt(seen)) if seen > (LEAST_WAVE / 3) ** 2 else 0.0


def _block_step(values: np.ndarray, usable: np.ndarray, line: EdgeLine) -> float:
    """Largest step beside the edge along a whole column or row that stands out, as part of the contrast."""
    shape = values.shape
    sums = _Profiles(*(np.zeros((2, shape[k])) for k in (1, 1, 0, 0)))
    _add_profiles(values, usable, line.rows, (line.first_row, line.last_row), max(2 * line.width, 6.0), sums)
    largest = 0.0
    for count, total in ((sums.column_count, sums.column_total), (sums.row_count, sums.row_total)):
        for side in (0, 1):
            full = np.flatnonzero(count[side] > max(0.5 * count[side].max(), 1.0))
            if full.size:  # lines of defects are left out
                largest = max(largest, _step_in(total[side, full] / count[side, full]))
    return largest


def _step_in(profile: np.ndarray) -> float:
    """Largest step in a profile that stands out of the differences elsewhere in it; 0 where none does."""
    m = STEP_WINDOW
    if profile.size < 4 * m:
        return 0.0
    windows = np.lib.stride_tricks.sliding_window_view(profile, m)
    mean = windows.mean(axis=1)
    along = np.arange(m) - (m - 1) / 2
    slope = windows @ along / (along @ along)
    rest = windows - mean[:, None] - slope[:, None] * along
    white = float(np.median((rest**2).sum(axis=1) / (m - 2))) * (2 / m + m**2 / (2 * float(along @ along)))
    step = mean[m:] - mean[:-m] - m * (slope[m:] + slope[:-m]) / 2
    largest = float(np.abs(step).max())
    return largest if largest > max(STEP_SIGMA * NOT_WHITE * float(np.sqrt(white)), LEAST_BLOCK_STEP) else 0.0


def _grey_levels(values: np.ndarray, usable: np.ndarray, line: EdgeLine) -> float:
    """Steps of the numbers between plate and open field; many where the numbers are no multiples of a step."""
    contrast = float(np.median(line.rows.contrast[line.first_row : line.last_row]))
    step = max(1, values.size // SAMPLE)
    level = np.unique(values[::step][usable[::step]].astype(np.float64))
    steps = np.diff(level)
    steps = steps[steps > 1e-6 * contrast]
    return contrast / float(steps.min()) if steps.size else np.inf


def _skew(spline: SplineEdge, line: EdgeLine) -> float:
    """Difference of the ways from 50 % of the rise to 90 % and to 10 % over their sum, 0 within its noise."""
    from scipy.interpolate import BSpline

    curve = BSpline(spline.knots, spline.coefficients, 3)
    reach = min(max(3 * line.width, 4.0), 0.8 * min(line.reach))
    grid = np.linspace(-reach, reach, 1601)
    low, high = float(curve(-reach)), float(curve(reach))
    rise = (curve(grid) - low) / (high - low)
    at = [int(np.searchsorted(np.maximum.accumulate(rise), level)) for level in (0.1, 0.5, 0.9)]
    if at[2] >= grid.size or at[0] == at[2]:
        return 0.0
    way = float(grid[at[2]] - grid[at[0]])
    skew = float(grid[at[2]] - 2 * grid[at[1]] + grid[at[0]]) / way
    slope = min(float(curve.derivative()(grid[k])) for k in (at[0], at[2])) / (high - low)
    noise = max(line.sigma_plate, line.sigma_open) / np.sqrt((line.last_row - line.first_row) * min(way, 4.0))
    return skew if abs(skew) > 4 * noise / max(slope * way, 1e-3) else 0.0


def doubts_of(quality: EdgeQuality, pitch_mm: float, value: np.ndarray, error: np.ndarray) -> list[str]:
    """One sentence for each number that lies beyond its limit.

    Parameters
    ----------
    quality : EdgeQuality
        From `judge_edge`.
    pitch_mm : float
        [mm]
    value, error : (F,) float64
        The MTF up to Nyquist and its standard error. [1]

    Returns
    -------
    sentences : list of str
    """
    found = []
    for fraction, name in ((quality.clipped_plate, "plate"), (quality.clipped_open, "open field")):
        if fraction >= NOTED_CLIPPED:
            found.append(f"{100 * fraction:.1f} % of the {name} is clipped or saturated; the MTF may be wrong unseen")
    if quality.waviness_mm > LEAST_WAVE * pitch_mm:
        wave = quality.waviness_mm / pitch_mm
        found.append(
            f"the edge is wavy by {wave:.2f} pixels (root mean square), beyond the noise of its rows, which takes "
            f"{100 * (1 - np.exp(-((np.pi * wave) ** 2) / 2)):.0f} % of the MTF at Nyquist"
        )
    if quality.block_step > 0:
        found.append(
            f"a step of {100 * quality.block_step:.1f} % of the contrast runs along the rows or columns beside the "
            "edge, as between read-out blocks; low frequencies are not to be believed"
        )
    if quality.grey_levels < LEAST_LEVELS:
        found.append(
            f"plate and open field are only {quality.grey_levels:.0f} grey levels apart; {LEAST_LEVELS} are needed"
        )
    if quality.noise_ratio > MOST_NOISE_RATIO:
        found.append(
            f"the darker side is {quality.noise_ratio:.1f} times as noisy as the brighter one, as in an image that is "
            "logarithmic, inverted or made for display; the MTF needs one that is linear in exposure"
        )
    if abs(quality.skew) > MOST_SKEW:
        found.append(
            f"the two sides of the edge differ by {100 * abs(quality.skew):.0f} %, as after a logarithm, a gamma curve "
            "or clipping; the MTF needs an image that is linear in exposure"
        )
    if value.size and float(value.max()) > MOST_VALUE:
        found.append(f"the curve rises to {value.max():.2f}, as after sharpening; an MTF stays below 1")
    if error.size and float(error.max()) > MOST_ERROR:
        found.append(f"the standard error reaches {error.max():.2f}; more exposure or a longer edge is needed")
    return found

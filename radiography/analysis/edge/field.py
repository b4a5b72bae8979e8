"""Change of the field beside the edge (heel effect, vignetting, scatter), and the noise of the pixels there.

A symmetric line spread makes signal(d) + signal(-d) constant, whatever its tails: what that sum shows is the field's.
The difference of the two sides says, far from the edge where tails hardly change, whether the field also changes what
lies under the plate. Terms are fitted only as far as they stand out of the noise, so that a field that is even costs
nothing. Distances are in pixels, signals in parts of the edge's contrast.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from radiography.analysis.edge.bins import BinnedEdge
from radiography.analysis.edge.line import EdgeLine, row_groups

LEAST_SIGMA = 1e-4  # noise of a pixel assumed where an image shows none, as part of the contrast
LEAST_LENGTH = 24.0  # pixels beside the edge without which no field can be told
CELLS_PER_POWER = 6  # of the distance, that a power needs   # chosen
ROW_PARTS = 6  # of the rows, in which a bend is fitted apart
CELL = 4.0  # pixels of distance that are averaged
CELL_ERROR = 2e-4  # of the contrast: nearer, no tails are straight lines and no field a polynomial   # assumed
GLARE_CHANGE = 0.02  # of the contrast, by which tails change over the outer half of the region   # assumed
SIGNIFICANT = 3.5  # standard errors of a term that is kept   # chosen: one in 2,000 of an even field
NEWTON_STEPS = 5  # to the terms; the last hardly changes a slope of 60 % of the contrast over the region   # chosen
PREFERRED = 9.0  # of chi square, by which another reading of the field must fit better than the usual one   # chosen


class Reading(NamedTuple):
    """How much of an even term of the field multiplies the contrast, and how much is added under both sides."""

    gain: float
    ground: float


@dataclass(frozen=True, eq=False)
class Field:
    """Smooth change of the field across the edge, which is removed.

    ``per_pixel``, ``per_pixel2``: relative change and bend at the edge [1/pixel, 1/pixel^2]. ``influence`` (P, J):
    what a unit residual in each bin adds to each of the P terms. ``lever`` (P, J): what a unit of each term adds to the
    signal in each bin. ``slack`` (P,): change of the terms for one standard deviation of what is assumed of tails.
    ``reach``: distances on the plate's and on the open side within which the field is known [pixel]. ``reading``,
    ``powers`` and ``terms`` (P,) [1/pixel^power]: how the field acts, see `even_field`.
    """

    per_pixel: float
    per_pixel2: float
    influence: np.ndarray
    lever: np.ndarray
    slack: np.ndarray
    reach: tuple[float, float]
    reading: Reading
    powers: tuple[int, ...]
    terms: np.ndarray


class _Cells(NamedTuple):
    """Means of plate and open field (2, C) by distance (C,): pixels, signals and their variances.

    ``number`` (J,) is the cell of each bin, -1 outside, ``right`` (J,) True on the open side.
    """

    pixels: np.ndarray
    signal: np.ndarray
    variance: np.ndarray
    distance: np.ndarray
    number: np.ndarray
    right: np.ndarray


class _Fit(NamedTuple):
    """Terms (P,) of the field [1/pixel^power] and what they rest on.

    ``significance`` (P,) in standard errors; ``estimator`` (P, 2, C) from the cells to the terms; ``slack`` as in
    `Field`.
    """

    powers: tuple[int, ...]
    chi2: float
    terms: np.ndarray
    significance: np.ndarray
    estimator: np.ndarray
    slack: np.ndarray


def pixel_noise(position: np.ndarray, line: EdgeLine) -> np.ndarray:
    """Standard deviation of one pixel at each distance, between that of the plate and that of the open field.

    Parameters
    ----------
    position : (J,) float64
        Distance to the edge, the open field's positive. [pixel]
    line : EdgeLine
        With the noise on both sides.

    Returns
    -------
    sigma : (J,) float64
        Part of the contrast. [1]
    """
    from scipy.special import ndtr

    low, high = max(line.sigma_plate, LEAST_SIGMA), max(line.sigma_open, LEAST_SIGMA)
    bright = ndtr(position / max(line.width / 2.563, 0.1))  # 2.563: 10-90 % width of a Gaussian of unit sigma
    return np.asarray(np.sqrt(low**2 + (high**2 - low**2) * bright))


def even_field(values: np.ndarray, line: EdgeLine, binned: BinnedEdge, field: Field) -> np.ndarray:
    """Image as it would be in an even field.

    A bend lies fixed in the image while the edge runs across it, and in a corner it is another than in the middle: its
    terms are fitted again in parts of the rows and taken to change along the edge as a polynomial of second order.

    Parameters
    ----------
    values : (R, C) float32
        Image. [DN]
    line : EdgeLine
        Its edge.
    binned : BinnedEdge
        Its pixels by distance.
    field : Field
        From `without_field`.

    Returns
    -------
    values : (R, C) float32
        [DN]
    """
    rows = np.arange(values.shape[0])
    middle, half = (line.first_row + line.last_row - 1) / 2, (line.last_row - line.first_row) / 2
    parts = np.array_split(np.arange(binned.count.shape[0]), ROW_PARTS)
    starts = row_groups(line.first_row, line.last_row)
    plate, contrast = line.rows.plate, line.rows.contrast
    # what multiplies all signal does so with each row's own, and a bend makes the rows differ
    under = plate if field.reading.gain and field.reading.ground else contrast * field.reading.ground
    found, place = [], []
    for k, part in enumerate(parts):
        cells = _cells(BinnedEdge(binned.position, binned.count[part], binned.total[part]), line)
        if cells is not None:
            own = slice(starts[part[0]], starts[part[-1] + 1])
            reading = field.reading._replace(ground=float(np.median(under[own] / contrast[own])))
            found.append(_solve(cells, reading, field.powers).terms)
            place.append((2 * k + 1) / len(parts) - 1)
    along = np.clip((rows - middle) / half, -1.0, 1.0)
    terms = field.terms[:, None] * np.ones(rows.size)
    if len(found) > 3:
        bends = np.array(field.powers) != 1  # a slope is fixed in the image, and parts of the rows tell it worst
        terms[bends] = np.polynomial.polynomial.polyval(
            along, np.polynomial.polynomial.polyfit(place, np.array(found)[:, bends], 2)
        )
    column, cosine = (float(part[line.first_row : line.last_row].mean()) for part in line.rows[:2])
    distance = np.clip((np.arange(values.shape[1]) - column) * cosine, -min(field.reach), min(field.reach))
    gain, ground = _acting(field.reading._replace(ground=1.0), field.powers, terms[:, :, None], distance[None, :])
    evened = (values - plate[:, None] - under[:, None] * ground) / np.maximum(gain, 0.1) + plate[:, None]
    return np.asarray(evened, dtype=np.float32)


def without_field(binned: BinnedEdge, line: EdgeLine, known: Field | None = None) -> tuple[BinnedEdge, Field]:
    """Pixel sums as they would be in an even field.

    Three readings of a changing field are compared: it multiplies all signal, that under the plate included (a plate
    that transmits; the usual one); it multiplies the contrast only (a pedestal lies under the image); or its bend is
    added to both sides alike (scatter).

    Parameters
    ----------
    binned : BinnedEdge
        Pixels by distance.
    line : EdgeLine
        Their edge.
    known : Field, optional
        How the field acted before `even_field` removed it: what remains is fitted with the same terms at least.

    Returns
    -------
    binned : BinnedEdge
        As they would be in an even field, cut to the distances where that is known.
    field : Field
        What was taken out; nothing where less than 24 pixels beside the edge could tell it.
    """
    even, nothing = np.zeros((0, binned.position.size)), np.zeros(0)
    none = Field(0.0, 0.0, even, even, nothing, line.reach, reading=Reading(1.0, 0.0), powers=(), terms=nothing)
    cells = _cells(binned, line)
    if cells is None:
        return binned, none
    rows = slice(line.first_row, line.last_row)
    ground = float(np.median(line.rows.plate[rows] / line.rows.contrast[rows]))
    readings = [Reading(1.0, ground), Reading(1.0, 0.0), Reading(0.0, 0.5)]
    if abs(ground) < 1e-3:
        del readings[1]
    if known is not None:
        return _within_reach(binned, cells, known.reading, _known(cells, known), line)
    usual = _fit(cells, readings[0])
    if not usual.powers:  # a field that changes shows in the sum under every reading
        return binned, none
    fits = [usual, *(_fit(cells, reading) for reading in readings[1:])]
    costs = [fit.chi2 + (PREFERRED if k else 0.0) for k, fit in enumerate(fits)]
    best = int(np.argmin(costs))
    if not fits[best].powers:
        return binned, none
    return _within_reach(binned, cells, readings[best], fits[best], line)


def _within_reach(
    binned: BinnedEdge, cells: _Cells, reading: Reading, fit: _Fit, line: EdgeLine
) -> tuple[BinnedEdge, Field]:
    """The sums without the field, as far as it is known."""
    reach = line.reach
    if max(fit.powers) > 1:  # a bend says nothing of what lies farther out than it was seen
        reach = min(line.reach), min(line.reach)
        inside = (binned.position >= -reach[0]) & (binned.position <= reach[1])
        binned = BinnedEdge(binned.position[inside], binned.count[:, inside], binned.total[:, inside])
        cells = cells._replace(number=cells.number[inside], right=cells.right[inside])
    return _removed(binned, cells, reading, fit, reach)


def _cells(binned: BinnedEdge, line: EdgeLine) -> _Cells | None:
    """Both sides averaged in steps of the distance; None where too little of them is seen."""
    inner, outer = max(2 * line.width, 6.0), 0.98 * min(line.reach)
    if outer - inner < LEAST_LENGTH:
        return None
    cells = int((outer - inner) / CELL)
    number = np.floor((np.abs(binned.position) - inner) / (outer - inner) * cells).astype(int)
    number = np.where((number >= 0) & (number < cells), number, -1)
    right = binned.position > 0
    count, total = binned.count.sum(axis=0), binned.total.sum(axis=0)
    sums = np.array(
        [
            [np.bincount(number[used], w[used], cells) for w in (count, total, count * np.abs(binned.position))]
            for used in ((number >= 0) & ~right, (number >= 0) & right)
        ]
    )
    if sums[:, 0].min() <= 0:
        return None
    variance = np.empty((2, cells))
    rest = binned.total - binned.count * (total / np.maximum(count, 1.0))
    for side, sigma in enumerate((line.sigma_plate, line.sigma_open)):
        used = (number >= 0) & (right == bool(side))
        white = max(sigma, LEAST_SIGMA) ** 2
        scatter = (rest[:, used].sum(axis=1) ** 2).sum() / binned.count[:, used].sum()
        variance[side] = max(scatter, 0.3 * white) / sums[side, 0]
    return _Cells(sums[:, 0], sums[:, 1] / sums[:, 0], variance, sums[:, 2].sum(axis=0) / sums[:, 0].sum(axis=0),
                  number, right)  # fmt: skip


def _known(cells: _Cells, known: Field) -> _Fit:
    """What is left of a known field, and its slope where that stands out beside the bend, which hid it at first.

    What does not stand out stays: it is as much tails as field. Its errors are those of the field all the same.
    """
    fit = _solve(cells, known.reading, known.powers)
    if 1 not in known.powers and known.reading.gain:
        sloping = _solve(cells, known.reading, (1, *known.powers))
        fit = sloping if sloping.significance[0] >= SIGNIFICANT else fit
    return fit if (fit.significance >= SIGNIFICANT).any() else fit._replace(terms=0.0 * fit.terms)


def _fit(cells: _Cells, reading: Reading) -> _Fit:
    """Terms of a field under one reading that stand out."""
    powers = tuple(power for power in (1, 2, 4, 6) if cells.distance.size >= CELLS_PER_POWER * power)
    even, first = _solve(cells, reading, ()), _solve(cells, reading, powers[:2])
    freedom = 1.5 * cells.distance.size
    if (first.significance < SIGNIFICANT).all() and even.chi2 < freedom + 4 * np.sqrt(2 * freedom):
        return even  # the usual case, told by two of the fits
    while True:
        fit = _solve(cells, reading, powers)
        if not powers:
            return fit
        # higher powers refine a bend, and fall first; a slope and a bend fall each for itself
        weak = [k for k in (len(powers) - 1, 0) if fit.significance[k] < SIGNIFICANT and powers[k] in (1, powers[-1])]
        if not weak:
            return fit
        powers = powers[: weak[0]] + powers[weak[0] + 1 :]


def _solve(cells: _Cells, reading: Reading, powers: tuple[int, ...]) -> _Fit:
    """Least squares for the field's terms of given powers.

    Even tails cancel in the sum of both sides; the difference is used where they are nearly over.
    """
    scale, count = float(cells.distance[-1]), cells.distance.size
    distance = cells.distance / scale
    outer = distance > 0.5
    design = np.zeros((count + int(outer.sum()) + 1, 3 + len(powers)))
    design[:count, 0] = 1.0
    design[count:-1, 1] = 1.0
    design[count:-1, 2] = distance[outer] - 0.75  # a slow end of the tails
    design[-1, 2] = 1.0
    error = np.sqrt(cells.variance.sum(axis=0) + CELL_ERROR**2)
    weight = 1 / np.concatenate([error, error[outer], [2 * GLARE_CHANGE]])
    terms, sides = np.zeros(len(powers)), np.stack([-distance, distance])
    for _ in range(NEWTON_STEPS if powers else 1):  # what the terms do depends on the even field, and that on them
        gain, ground = _acting(reading, powers, terms, sides)
        gain = np.maximum(gain, 0.1)
        even = (cells.signal - ground) / gain
        effects = np.array([_effects(reading, power, distance, *even) / gain for power in powers]).reshape(-1, 2, count)
        design[:count, 3:] = effects.sum(axis=1).T
        design[count:-1, 3:] = (effects[:, 1] - effects[:, 0])[:, outer].T
        linear = even + np.tensordot(terms, effects, 1)
        target = np.concatenate([linear.sum(axis=0), (linear[1] - linear[0])[outer], [0.0]])
        weighted = design * weight[:, None]
        covariance = np.linalg.inv(weighted.T @ weighted)
        solve = covariance @ weighted.T * weight
        found = solve @ target
        terms = found[3:]
    units = scale ** -np.array(powers, dtype=float)
    rows = solve[3:] * units[:, None]
    estimator = np.stack([rows[:, :count], rows[:, :count]], axis=1)
    estimator[:, 0, outer] -= rows[:, count:-1]
    estimator[:, 1, outer] += rows[:, count:-1]
    estimator /= gain
    chi2 = float((((target - design @ found) * weight) ** 2).sum())
    misfit = max(1.0, chi2 / (weight.size - found.size))  # what the terms do not describe counts as noise
    return _Fit(
        powers=powers,
        chi2=chi2,
        terms=found[3:] * units,
        significance=np.abs(found[3:]) / np.sqrt(misfit * np.diag(covariance)[3:]),
        estimator=estimator,
        slack=rows[:, -1] / weight[-1],
    )


def _shares(reading: Reading, power: int) -> tuple[float, float]:
    """Parts of a term that multiply the contrast, and that are added under both sides."""
    if power % 2:
        return 1.0, reading.ground if reading.gain else 0.0
    return reading.gain, reading.ground


def _acting(
    reading: Reading, powers: tuple[int, ...], terms: np.ndarray, distance: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Factor on the signal and what is added to it, at signed distances."""
    gain, ground = np.ones(np.broadcast_shapes(np.shape(terms)[1:], distance.shape)), 0.0 * distance
    for power, term in zip(powers, terms, strict=True):
        of_contrast, under = _shares(reading, power)
        gain = gain + of_contrast * term * distance**power
        ground = ground + under * term * distance**power
    return gain, ground


def _effects(reading: Reading, power: int, distance: np.ndarray, dark: np.ndarray, bright: np.ndarray) -> np.ndarray:
    """What a unit of a term adds at a distance to the plate's and to the open side, (2, C)."""
    of_contrast, under = _shares(reading, power)
    term = distance**power
    return np.stack([(-1) ** power * term * (of_contrast * dark + under), term * (of_contrast * bright + under)])


def _removed(
    binned: BinnedEdge, cells: _Cells, reading: Reading, fit: _Fit, reach: tuple[float, float]
) -> tuple[BinnedEdge, Field]:
    """The sums without the field's terms, and those with what their errors do."""
    d = binned.position
    gain, ground = _acting(reading, fit.powers, fit.terms, d)
    totals = (binned.total - ground * binned.count) / gain
    signal = totals.sum(axis=0) / binned.count.sum(axis=0)
    used, side = cells.number >= 0, cells.right.astype(int)
    lever, influence = (np.zeros((len(fit.powers), d.size)) for _ in range(2))
    for k, power in enumerate(fit.powers):
        of_contrast, under = _shares(reading, power)
        lever[k] = (of_contrast * signal + under) * d**power
        influence[k, used] = (fit.estimator[k] / cells.pixels)[side[used], cells.number[used]]
    by_power = dict(zip(fit.powers, fit.terms, strict=True))
    field = Field(float(by_power.get(1, 0.0)), float(by_power.get(2, 0.0)), influence, lever, fit.slack, reach,
                  reading=reading, powers=fit.powers, terms=fit.terms)  # fmt: skip
    return BinnedEdge(d, binned.count, totals), field

"""Field between collimator blades whose shadow scatter fills, found by its straight borders.

Behind a thick object without a grid the shadow gets so much scatter that no level tells it from the object. What stays
is what blades alone bring about: borders that are straight along a whole side of the field, darker outwards, with
nothing but slow changes behind them up to the border of the panel. Scatter does not jump at a blade, primary radiation
does: of five parts of scatter to one of primary in the middle of a field, a step by 1 + 2 / 5 is left at its border.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float64]
Mask = NDArray[np.bool_]

STEP = 0.26  # of the natural logarithm across a blade's border, at least   # chosen: a third
NOISE_WIDTHS = 4.0  # standard deviations of a block that the step is at least   # chosen: after a median of 3 x 3
SLOPES = np.linspace(-0.3, 0.3, 31)  # of a border to the panel's, up to 17 degrees   # chosen
ALONG = 0.8  # of a border that must have the step   # chosen
LEAST_BORDER = 0.2  # of the panel's side: length of a border   # chosen
LEAST_SIDES = 2  # blades come in pairs
SHADOW = 0.6  # of the brightest part: no shadow is brighter   # chosen
ROUGH = 0.05  # of the natural logarithm: how far 90 % of a shadow bend, at most   # chosen
LEAST_BLOCKS = 24  # along a side of the panel   # chosen
AWAY = 2  # blocks that a border's blur reaches   # chosen
AROUND = 3  # blocks to each side that a bend is told from   # chosen

Line = tuple[int, int, float, float]  # axis that it crosses, +1 where the field lies after it, place, slope


def bladed_field(log: Picture, noise: float) -> Mask | None:
    """Blocks between two or more blades; None where their borders are not there.

    Parameters
    ----------
    log : (h, w) float64
        Natural logarithm of blocks over the brightest. [1]
    noise : float
        Standard deviation of a bright block. [1]

    Returns
    -------
    field : (h, w) bool or None
    """
    if min(log.shape) < LEAST_BLOCKS or _dark_sides(log) < LEAST_SIDES:
        return None
    hits = [_steps(log if axis else log.T, noise) for axis in (0, 1)]  # across rows first, then across columns
    found = [line for axis in (0, 1) for sign in (1, -1) if (line := _border(hits[axis][sign], axis, sign)) is not None]
    beyond = {line: _beyond(line, log.shape) for line in found}
    for count in range(len(found), LEAST_SIDES - 1, -1):
        for chosen in combinations(found, count):  # an object may have longer straight edges than a side has blades
            if all(_is_blade(log, line, [beyond[each] for each in chosen if each != line], beyond[line], hits, noise)
                   for line in chosen):  # fmt: skip
                return np.asarray(np.max([beyond[line] for line in chosen], axis=0) <= 0.0)
    return None


def _dark_sides(log: Picture) -> int:
    """Sides of the panel most of which could be shadow."""
    return sum(float(np.median(line)) < np.log(SHADOW) for line in (log[0], log[-1], log[:, 0], log[:, -1]))


def _steps(log: Picture, noise: float) -> dict[int, Mask]:
    """Where columns rise, or fall, within three blocks by more than beside them; a neighbour's step counts."""
    rise = np.zeros_like(log)
    rise[:, 1:-2] = log[:, 3:] - log[:, :-3]  # at 1: from 0 to 3, so between 1 and 2
    slope = np.zeros_like(log)
    slope[:, 3:] += 0.5 * rise[:, :-3]
    slope[:, :-3] += 0.5 * rise[:, 3:]
    darker = np.minimum(log, np.roll(log, -1, axis=1))
    least = np.maximum(STEP, NOISE_WIDTHS * noise * np.exp(-0.5 * darker))
    both = {1: rise - slope > least, -1: slope - rise > least}
    for steps in both.values():
        steps[:, 1:] |= steps[:, :-1].copy()
    return both


def _border(steps: Mask, axis: int, sign: int) -> Line | None:
    """The outermost of the straight lines along which the step is longest."""
    rows, cols = steps.shape
    at = np.arange(rows)
    starts = np.arange(cols)
    counts = np.empty((len(SLOPES), cols))
    for k, slope in enumerate(SLOPES):
        shift = np.round(slope * (at - 0.5 * rows)).astype(np.int64)
        where = starts[None, :] + shift[:, None]
        inside = (where >= 0) & (where < cols)
        counts[k] = (steps[at[:, None], np.clip(where, 0, cols - 1)] & inside).sum(axis=0)
    most = counts.max()
    if most < LEAST_BORDER * rows:
        return None
    places = np.flatnonzero(counts.max(axis=0) >= 0.9 * most)
    place = int(places[0] if sign > 0 else places[-1])
    near = slice(max(place - AWAY, 0), place + AWAY + 1)  # the longest of those beside it
    slope_at, offset = np.unravel_index(int(np.argmax(counts[:, near])), counts[:, near].shape)
    return axis, sign, float(near.start + offset), float(SLOPES[slope_at])


def _beyond(line: Line, shape: tuple[int, int]) -> Picture:
    """How many blocks each lies beyond a border, negative in the field."""
    axis, sign, place, slope = line
    rows, cols = np.indices(shape)
    across, along = (cols, rows) if axis else (rows, cols)
    here = place + slope * (along - 0.5 * shape[1 - axis])
    return np.asarray((here + 0.5 - across) if sign > 0 else (across - here - 0.5))


def _is_blade(
    log: Picture, line: Line, others: list[Picture], beyond: Picture, hits: list[dict[int, Mask]], noise: float
) -> bool:
    """Whether a border has the step along what the other ones leave of it, and a shadow behind it."""
    axis, sign, _, _ = line
    within = np.max(others, axis=0) <= -AWAY
    steps = hits[axis][sign] if axis else hits[axis][sign].T
    on_line = within & (np.abs(beyond) <= 1.0)
    length = int(on_line.any(axis=axis).sum())
    if length < LEAST_BORDER * log.shape[1 - axis] or (steps & on_line).any(axis=axis).sum() < ALONG * length:
        return False
    shadow = within & (beyond > AWAY)
    if not shadow.any() or float(np.percentile(log[shadow], 95.0)) > np.log(SHADOW):
        return False
    noisy = 2.0 * noise * float(np.exp(-0.5 * np.median(log[shadow])))
    return all(_bend(log if k else log.T, shadow if k else shadow.T) <= max(ROUGH, noisy) for k in (0, 1))


def _bend(log: Picture, shadow: Mask) -> float:
    """What 90 % of blocks in the shadow lie within of the middle of those beside them in their row."""
    here, before, after = slice(AROUND, -AROUND), slice(None, -2 * AROUND), slice(2 * AROUND, None)
    known = shadow[:, here] & shadow[:, before] & shadow[:, after]
    off = np.abs(log[:, here] - 0.5 * (log[:, before] + log[:, after]))[known]
    return float(np.percentile(off, 90.0)) if off.size else 0.0

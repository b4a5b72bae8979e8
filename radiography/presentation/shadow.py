"""The field that collimators left in the light, and how a picture goes on beyond it.

What lies in shadow is no part of the picture. Bands of detail are made as if the field went on with its last pixels,
as they are at the panel's own border: so what blades hide or let through moves nothing that is seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radiography.analysis.relevant_region import BLOCKS, COLLIMATED, LEAST_BLOCK, LEAST_BLOCKS
from radiography.presentation.exposure import FoundRegion
from radiography.presentation.pyramid import Plane

REGAINED = 1.5  # of the two blocks by which the region keeps away from a shadow, at most   # chosen
SHADE = 0.15  # of the natural logarithm: what blades darken by more counts as their shadow   # chosen
SHADED_PART = 0.2  # of a border that may lie in it   # chosen: as anatomy that ends at it may seem to
LEAST_POINTS = 16  # of a border, one each 4 pixels, whose own shadow is looked for   # chosen
SMOOTHED_POINTS = 9  # of them, averaged: noise falls to a third   # chosen
SHADOWED = 0.9  # of a side of the panel, which counts as lying in shadow then   # chosen
LAST_PIXELS = 8  # of a row, and columns, whose mean goes on beyond the field: noise falls to a third   # chosen


@dataclass(frozen=True, eq=False)
class LitField:
    """First and end column of each row in the light, half-open. [1]

    Attributes
    ----------
    shown : (H, 2) int64
        Up to the shadow.
    clear : (H, 2) int64
        Without its blurred border.
    """

    shown: NDArray[np.int64]
    clear: NDArray[np.int64]


def lit_field(found: FoundRegion, attenuation: Plane, least_sides: int) -> LitField | None:
    """The field in the light; None where collimators shadow too few sides.

    The field is convex, so that each row of it is one run of columns. The region keeps two of its blocks away from the
    shadow; of that is given back to what is shown what the blurred shadow of each border leaves.

    Parameters
    ----------
    found : FoundRegion
    attenuation : (H, W) float32
        The picture. [1]
    least_sides : int
        Sides of the panel that lie in shadow. [1]

    Returns
    -------
    lit : LitField or None
    """
    from scipy.spatial import ConvexHull, QhullError

    if found.kinds is None:
        return None
    lit = found.kinds != COLLIMATED
    dark = found.kinds == COLLIMATED
    sides = sum(bool(line.mean() >= SHADOWED) for line in (dark[0], dark[-1], dark[:, 0], dark[:, -1]))
    if sides < least_sides or not lit.any():
        return None
    rows = np.flatnonzero(lit.any(axis=1))
    ends = lit[rows].argmax(axis=1), lit.shape[1] - lit[rows, ::-1].argmax(axis=1)  # the hull of all blocks is theirs
    corners = np.concatenate([np.stack([rows + down, end], axis=1) for down in (0, 1) for end in ends]) * found.side
    try:
        hull = ConvexHull(corners.astype(float))
    except (QhullError, ValueError):
        return None
    size = found.kinds.shape
    own = max(-(-max(size) // BLOCKS), min(LEAST_BLOCK, min(size) // LEAST_BLOCKS), 1)  # of relevant_region
    inset, most = own * found.side, int(REGAINED * own * found.side)
    borders = hull.points[hull.simplices]
    unshaded = [
        _unshaded(attenuation, line, ends, (inset, most)) for line, ends in zip(hull.equations, borders, strict=True)
    ]
    usual = float(np.median([each for each in unshaded if each is not None] or [most]))
    regained = np.array([usual if each is None else each for each in unshaded])
    shape = (attenuation.shape[0], attenuation.shape[1])
    clear = np.full(len(regained), -float(inset))  # borders that are turned run along steps of blocks
    return LitField(_runs(hull.equations, shape, regained), _runs(hull.equations, shape, clear))


def _unshaded(
    picture: Plane, line: NDArray[np.float64], ends: NDArray[np.float64], within: tuple[int, int]
) -> float | None:
    """How far beyond a border a picture is not darkened by blades, of `within`; None where it is too short. [px]"""
    from scipy.ndimage import uniform_filter1d

    count = int(np.hypot(*(ends[1] - ends[0])) / 4)
    if count < LEAST_POINTS:
        return None
    inset, most = within
    at = ends[0] + np.linspace(0.02, 0.98, count)[:, None] * (ends[1] - ends[0])
    depth = np.arange(-inset - LAST_PIXELS, most) + 0.5
    row, col = (
        np.clip(np.floor(at[:, k, None] + line[k] * depth), 0, picture.shape[k] - 1).astype(np.int64) for k in (0, 1)
    )
    values = uniform_filter1d(picture[row, col], SMOOTHED_POINTS, axis=0, mode="nearest")
    excess = values[:, LAST_PIXELS:] - values[:, :LAST_PIXELS].mean(axis=1)[:, None]
    shaded = np.flatnonzero(np.quantile(excess, 1.0 - SHADED_PART, axis=0) > SHADE)
    return float(shaded[0] - inset if shaded.size else most)


def _runs(lines: NDArray[np.float64], shape: tuple[int, int], regained: NDArray[np.float64]) -> NDArray[np.int64]:
    """Columns of each row within straight lines, each `regained` pixels farther out. (H, 2)"""
    centre = np.arange(shape[0]) + 0.5
    first, stop = np.zeros(shape[0]), np.full(shape[0], float(shape[1]))
    for (across, along, offset), farther in zip(lines, regained, strict=True):
        rest = farther - offset - across * centre  # inside: across * row + along * col + offset <= farther
        if abs(along) < 1e-12:
            stop[rest < 0] = 0.0
        elif along > 0:
            stop = np.minimum(stop, rest / along)
        else:
            first = np.maximum(first, rest / along)
    run = np.stack([np.round(first), np.round(stop)], axis=1).astype(np.int64)
    run[:, 1] = np.maximum(run[:, 0], run[:, 1])
    return run


def continued(picture: Plane, lit: LitField) -> Plane:
    """A picture that goes on beyond its field with the last clear pixels of each row, then of the rows.

    Parameters
    ----------
    picture : (H, W) float32
    lit : LitField

    Returns
    -------
    whole : (H, W) float32
        Equal to the picture where it is in the light.
    """
    from scipy.ndimage import uniform_filter1d

    whole = picture.copy()
    rows = np.flatnonzero(lit.clear[:, 1] > lit.clear[:, 0])
    if not rows.size:
        return whole
    ends = np.empty((len(rows), 2))
    for k, row in enumerate(rows):
        first, stop = lit.clear[row]
        run = min(LAST_PIXELS, stop - first)
        ends[k] = picture[row, first : first + run].mean(), picture[row, stop - run : stop].mean()
    ends = uniform_filter1d(ends, LAST_PIXELS + 1, axis=0, mode="nearest")
    for row, (left, right) in zip(rows, ends, strict=True):
        first, stop = lit.shown[row]
        whole[row, :first], whole[row, stop:] = left, right
    above, below = range(int(rows[0])), range(int(rows[-1]) + 1, len(whole))
    for outer, near in ((above, rows[:LAST_PIXELS]), (below, rows[-LAST_PIXELS:])):
        line = whole[near].mean(axis=0)
        for beyond in outer:
            first, stop = lit.shown[beyond]
            whole[beyond, :first], whole[beyond, stop:] = line[:first], line[stop:]
    return whole

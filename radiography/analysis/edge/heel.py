"""Change of the field across the edge (heel effect, inverse square), and the noise of the pixels on both its sides.

Distances are in pixels, signals in parts of the edge's contrast.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from radiography.analysis.edge.bins import BinnedEdge
from radiography.analysis.edge.line import EdgeLine

LEAST_SIGMA = 1e-4  # noise of a pixel assumed where an image shows none, as part of the contrast


@dataclass(frozen=True, eq=False)
class Heel:
    """Linear change of the field across the edge.

    ``per_pixel``: relative change [1/pixel]. ``influence`` (J,): what a unit residual in each bin adds to it.
    ``lever`` (J,): what a unit of it adds to the signal in each bin.
    """

    per_pixel: float
    influence: np.ndarray
    lever: np.ndarray


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


def without_heel(binned: BinnedEdge, line: EdgeLine) -> tuple[BinnedEdge, Heel]:
    """Pixel sums after division by the linear change of the field across the edge.

    A symmetric line spread makes signal(d) + signal(-d) constant; a field (1 + h d) adds h d (signal(d) - signal(-d)).

    Parameters
    ----------
    binned : BinnedEdge
        Pixels by distance.
    line : EdgeLine
        Their edge.

    Returns
    -------
    binned : BinnedEdge
        As they would be in an even field.
    heel : Heel
        What was taken out; 0 where less than 24 pixels beside the edge could tell it.
    """
    rows = slice(line.first_row, line.last_row)
    ground = float(np.median(line.rows.plate[rows] / line.rows.contrast[rows]))
    inner, outer = max(2 * line.width, 6.0), 0.98 * min(line.reach)
    none = Heel(0.0, np.zeros(binned.position.size), np.zeros(binned.position.size))
    if outer - inner < 24:
        return binned, none
    cells = int((outer - inner) / 4)
    cell = np.floor((np.abs(binned.position) - inner) / (outer - inner) * cells).astype(int)
    used = (cell >= 0) & (cell < cells)
    right = binned.position > 0
    count, total = binned.count.sum(axis=0), binned.total.sum(axis=0) + ground * binned.count.sum(axis=0)
    sums = [
        [np.bincount(cell[used & side], w[used & side], cells) for w in (count, total, count * np.abs(binned.position))]
        for side in (~right, right)
    ]
    if min(sums[0][0].min(), sums[1][0].min()) <= 0:
        return binned, none
    (n0, t0, d0), (n1, t1, d1) = sums
    distance = (d0 / n0 + d1 / n1) / 2
    weight = 1 / (max(line.sigma_plate, LEAST_SIGMA) ** 2 / n0 + max(line.sigma_open, LEAST_SIGMA) ** 2 / n1)
    heel = 0.0
    for _ in range(4):
        dark, bright = t0 / n0 / (1 - heel * distance), t1 / n1 / (1 + heel * distance)
        lever = distance * (bright - dark)
        level = weight / weight.sum()
        centred = lever - (level * lever).sum()
        row = weight * centred / (weight * centred * lever).sum()
        heel += float((row * (dark + bright)).sum())
    influence = np.zeros(binned.position.size)
    influence[used] = np.where(right[used], (row / n1)[cell[used]], (row / n0)[cell[used]])
    field = 1 + heel * binned.position
    totals = (binned.total + ground * binned.count) / field - ground * binned.count
    signal = totals.sum(axis=0) / count + ground
    return BinnedEdge(binned.position, binned.count, totals), Heel(heel, influence, signal * binned.position)

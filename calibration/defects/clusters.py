"""Bad pixels in groups: single ones, clusters, clusters that cannot be corrected, and lines.

A lone bad pixel is filled from eight good neighbours and hardly seen; what matters is how many bad ones stand
together. The groups and their names are those of ASTM E2597, as far as secondary sources tell them:

    single            no bad neighbour
    cluster           two or more bad pixels that touch, by side or corner [3]_
    CKP               cluster kernel pixel: a bad pixel with fewer than five good ones among its eight neighbours [2]_
    relevant cluster  a cluster with at least one CKP [2]_; no neighbourhood to correct it from
    line              more than ten bad pixels in a row or column, beside at most 10 % of which are bad ones; CKPs on
                      it belong to a relevant cluster, not to the line [3]_

References
----------
.. [1] ASTM E2597/E2597M-22; the standard's text was not available.
.. [2] ASTM E2698, 3.2.17, which quotes the definition of CKP from E2597.
.. [3] Not confirmed from any text: customary reading.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.flags import SHIELDED, UNUSABLE

SINGLE, CLUSTER, RELEVANT_CLUSTER, LINE = range(4)
KIND_NAMES = ("single", "cluster", "relevant cluster", "line")
GOOD_NEIGHBOURS = 5  # fewer make a cluster kernel pixel   # E2698, quoting E2597
SHORTEST_LINE = 11  # "more than ten"   # E2597, from a secondary source
LARGEST_FRACTION_BESIDE = 0.1  # of a line's pixels with a bad one beside them   # E2597, from a secondary source
_AROUND = [(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)]


@dataclass(frozen=True, eq=False)
class DefectGroups:
    """N bad pixels in G groups, both in reading order; a group stands where its first pixel does.

    Attributes
    ----------
    pixels : (N, 2) int32
        Row and column of each bad pixel, from 0.
    group : (N,) int32
        Number of the group that it belongs to, from 0.
    kernel : (N,) bool
        True for a cluster kernel pixel.
    kind : (G,) uint8
        SINGLE, CLUSTER, RELEVANT_CLUSTER or LINE; names in `KIND_NAMES`.
    box : (G, 4) int32
        First row, end row, first column, end column; half-open.
    count, kernel_count : (G,) int32
        Bad pixels and cluster kernel pixels in the group. [1]
    classes : (G,) uint16
        Classes of its pixels as bits of `calibration.flags`.
    """

    pixels: NDArray[np.int32]
    group: NDArray[np.int32]
    kernel: NDArray[np.bool_]
    kind: NDArray[np.uint8]
    box: NDArray[np.int32]
    count: NDArray[np.int32]
    kernel_count: NDArray[np.int32]
    classes: NDArray[np.uint16]


def find_groups(flags: NDArray[np.uint16]) -> DefectGroups:
    """The groups of the bad pixels of a defect map.

    Parameters
    ----------
    flags : (H, W) uint16
        Bits of `calibration.flags`; bad is what carries one of UNUSABLE.

    Returns
    -------
    groups : DefectGroups

    Raises
    ------
    ValueError
        If the flags are not a plane.
    TypeError
        If they are not uint16.

    Notes
    -----
    Beyond the panel's border, and under a shield, there is no pixel, neither good nor bad; [1]_ as quoted does not say
    what that means for a CKP. Here the five of eight become the same fraction of the neighbours that exist, rounded: a
    pixel at the border is a CKP with fewer than 3 good ones of 5, in a corner with fewer than 2 of 3, so that a bad
    row at the border is a line as it is elsewhere. A pixel beside a line is a cluster of one, since it has bad
    neighbours. Where a row and a column line share a pixel that is no CKP, it counts to the one that begins first.
    """
    from scipy import ndimage

    flags = np.asarray(flags)
    if flags.ndim != 2 or flags.size == 0:
        raise ValueError(f"a defect map is (rows, columns), got shape {flags.shape}")
    if flags.dtype != np.uint16:
        raise TypeError(f"a defect map must be uint16, got {flags.dtype}")
    bad = (flags & UNUSABLE) != 0
    pixels = np.argwhere(bad)
    good, existing = _neighbours(bad, (flags & SHIELDED) != 0, pixels)
    kernel = good < (GOOD_NEIGHBOURS * existing + 4) // 8  # rounded to the nearest: 5 of 8, 3 of 5, 2 of 3
    line = _lines(bad, pixels)
    line[kernel] = 0

    left = np.zeros(bad.shape, bool)
    left[tuple(pixels[line == 0].T)] = True
    labels, _ = ndimage.label(left, np.ones((3, 3), bool))
    own = np.where(line > 0, line, line.max(initial=0) + labels[tuple(pixels.T)])
    _, first, group, count = np.unique(own, return_index=True, return_inverse=True, return_counts=True)
    order = np.argsort(first)  # groups by their first pixel
    number = np.empty(len(order), np.int64)
    number[order] = np.arange(len(order))
    group, count = number[group.reshape(-1)], count[order]

    kernel_count = np.bincount(group, kernel, len(count)).astype(np.int32)
    by_group = np.argsort(group, kind="stable")
    starts = np.concatenate([[0], np.cumsum(count)[:-1]]).astype(np.int64) if len(count) else np.zeros(0, np.int64)
    sorted_pixels = pixels[by_group]
    box = np.zeros((len(count), 4), np.int32)
    classes = np.zeros(len(count), np.uint16)
    kind = np.where(kernel_count > 0, RELEVANT_CLUSTER, CLUSTER).astype(np.uint8)
    if len(count):
        box[:, 0::2] = np.minimum.reduceat(sorted_pixels, starts)
        box[:, 1::2] = np.maximum.reduceat(sorted_pixels, starts) + 1
        own_flags = flags[tuple(sorted_pixels.T)] & np.uint16(UNUSABLE)
        classes = np.bitwise_or.reduceat(own_flags, starts)
        alone = (good == existing)[by_group][starts]
        kind[(count == 1) & alone] = SINGLE
        kind[(line > 0)[by_group][starts]] = LINE
    return DefectGroups(
        pixels=pixels.astype(np.int32),
        group=group.astype(np.int32),
        kernel=kernel,
        kind=kind,
        box=box,
        count=count.astype(np.int32),
        kernel_count=kernel_count,
        classes=classes,
    )


def group_name(groups: DefectGroups, number: int) -> str:
    """What E2597 calls a group: rows x columns of its box, kind and pixels, such as `2x3 cluster4`.

    A relevant cluster carries `rel` in front and its kernel pixels at the end: `rel3x4 cluster7-2`.

    Parameters
    ----------
    groups : DefectGroups
        From `find_groups`.
    number : int
        Of the group, from 0.

    Returns
    -------
    name : str
    """
    top, bottom, left, right = (int(side) for side in groups.box[number])
    size, count = f"{bottom - top}x{right - left}", int(groups.count[number])
    kind = int(groups.kind[number])
    if kind == SINGLE:
        return "single"
    if kind == LINE:
        return f"{size} line{count}"
    if kind == RELEVANT_CLUSTER:
        return f"rel{size} cluster{count}-{int(groups.kernel_count[number])}"
    return f"{size} cluster{count}"


def count_groups(groups: DefectGroups) -> dict[str, int]:
    """Groups of each kind, by name; every kind is there. [1]"""
    return {name: int(np.count_nonzero(groups.kind == kind)) for kind, name in enumerate(KIND_NAMES)}


def worst_groups(groups: DefectGroups, count: int) -> list[int]:
    """The groups that matter most: those of most kernel pixels first, then those of most pixels.

    Parameters
    ----------
    groups : DefectGroups
        From `find_groups`.
    count : int
        Groups at most. [1]

    Returns
    -------
    numbers : list of int
        Of the groups, from 0; single pixels are not among them.
    """
    together = np.nonzero(groups.kind != SINGLE)[0]
    order = np.lexsort((together, -groups.count[together], -groups.kernel_count[together]))
    return [int(number) for number in together[order][:count]]


def _neighbours(
    bad: NDArray[np.bool_], shielded: NDArray[np.bool_], pixels: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each bad pixel (N, 2): how many of its eight neighbours are good, and how many exist."""
    exists = np.pad(~shielded, 1)
    good = np.pad(~bad & ~shielded, 1)
    rows, cols = pixels[:, 0] + 1, pixels[:, 1] + 1
    found = np.zeros((2, len(pixels)), np.int64)
    for down, right in _AROUND:
        found[0] += good[rows + down, cols + right]
        found[1] += exists[rows + down, cols + right]
    return found[0], found[1]


def _lines(bad: NDArray[np.bool_], pixels: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each bad pixel (N, 2) the number of the line through it, from 1; 0 for none."""
    runs = [(int(row), int(row) + 1, int(start), int(end)) for row, start, end in _long_runs(bad)] + [
        (int(start), int(end), int(col), int(col) + 1) for col, start, end in _long_runs(bad.T)
    ]
    runs.sort(key=lambda run: (run[0], run[2]))
    member = np.zeros(bad.shape, np.int32)
    for number, (top, bottom, left, right) in reversed(list(enumerate(runs, 1))):
        member[top:bottom, left:right] = number
    return np.asarray(member[tuple(pixels.T)], np.int64)


def _long_runs(bad: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Row, first and end column of each run of bad pixels along a row that is long and lonely enough for a line."""
    padded = np.zeros((bad.shape[0], bad.shape[1] + 2), np.int8)
    padded[:, 1:-1] = bad
    step = np.diff(padded, axis=1)
    starts, ends = np.argwhere(step == 1), np.argwhere(step == -1)
    long = ends[:, 1] - starts[:, 1] >= SHORTEST_LINE
    runs = np.column_stack([starts[long], ends[long, 1]])
    lonely = np.zeros(len(runs), bool)
    for n, (row, start, end) in enumerate(runs):
        beside = np.zeros(end - start, bool)
        for other in (row - 1, row + 1):
            if 0 <= other < bad.shape[0]:
                beside |= bad[other, start:end]
        lonely[n] = np.count_nonzero(beside) <= LARGEST_FRACTION_BESIDE * (end - start)
    return np.asarray(runs[lonely])

"""Defect maps of one panel at several dates: one map from all of them, and the ageing of the panel.

A pixel that is bad in one calibration and good in the next may be on the limit; calling it bad when it was bad in
most of the runs gives a map that stays. The default fraction is the one of the LSST pipelines [1]_.

References
----------
.. [1] LSST Science Pipelines, `cp_pipe` defects: bad in at least 70 % of the visits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from calibration.flags import FLAG_NAMES, SHIELDED, UNCOATED, UNUSABLE

IN_RUNS = 0.7  # LSST [1]


@dataclass(frozen=True, eq=False)
class DatedMap:
    """A defect map, when it was made if that is known, and what it is called in messages.

    Attributes
    ----------
    flags : (H, W) uint16
        Bits of `calibration.flags`.
    taken : date or None
        Day of the calibration.
    name : str
        Such as the file's name.
    """

    flags: NDArray[np.uint16]
    taken: date | None
    name: str


@dataclass(frozen=True)
class Change:
    """Bad pixels of one class, or of any, in an earlier and a later map. [1]"""

    before: int
    after: int
    new: int
    healed: int
    persistent: int


@dataclass(frozen=True)
class Ageing:
    """What changed from one map to the next.

    Attributes
    ----------
    earlier, later : str
        Names of the maps.
    days : int or None
        Days between them; None where a date is not known.
    any_class : Change
        Pixels that are bad for whatever reason.
    by_class : dict of str to Change
        By the name of the class; classes that neither map has are left out.
    growth_per_1000_days : float or None
        Bad pixels more per 1,000 days; None without dates, or for two maps of one day. [1/(1000 d)]
    """

    earlier: str
    later: str
    days: int | None
    any_class: Change
    by_class: dict[str, Change]
    growth_per_1000_days: float | None


def merge_maps(maps: Sequence[NDArray[np.uint16]], in_runs: float | None = None) -> NDArray[np.uint16]:
    """One map from several: what was bad in any of them, or in at least a fraction of them.

    Parameters
    ----------
    maps : sequence of (H, W) uint16
        Flags of the same panel, the newest last.
    in_runs : float, optional
        Fraction of the maps in which a pixel must be bad, 0 to 1; left out, once is enough. [1]

    Returns
    -------
    flags : (H, W) uint16
        A bad pixel carries every class that it had in any of the maps; coating and shield are those of the newest.

    Raises
    ------
    ValueError
        If there is no map, shapes differ, or the fraction lies outside 0 to 1.
    """
    if not maps:
        raise ValueError("merge_maps needs at least 1 defect map, got none")
    for number, flags in enumerate(maps):
        if flags.shape != maps[-1].shape:
            raise ValueError(f"defect map {number + 1} is {flags.shape} but the newest is {maps[-1].shape}")
    if in_runs is not None and not 0 < in_runs <= 1:
        raise ValueError(f"the fraction of runs must be above 0 and at most 1, got {in_runs:g}")
    # the least whole number of maps that is at least the fraction of them; 0.7 x 10 shall be 7 in spite of rounding
    needed = 1 if in_runs is None else max(1, math.ceil(in_runs * len(maps) - 1e-9))
    times = np.zeros(maps[-1].shape, np.int32)
    classes = np.zeros(maps[-1].shape, np.uint16)
    for flags in maps:
        times += (flags & UNUSABLE) != 0
        classes |= flags & np.uint16(UNUSABLE)
    merged = maps[-1] & np.uint16(UNCOATED | SHIELDED)
    bad = (times >= needed) & (merged & SHIELDED == 0)
    merged[bad] |= classes[bad]
    return np.asarray(merged)


def compare_maps(earlier: DatedMap, later: DatedMap) -> Ageing:
    """New, healed and persistent bad pixels from one map to another, in all and by class.

    Parameters
    ----------
    earlier, later : DatedMap
        Of the same panel.

    Returns
    -------
    ageing : Ageing

    Raises
    ------
    ValueError
        If the maps differ in shape, or the later one was taken before the earlier.
    """
    if earlier.flags.shape != later.flags.shape:
        raise ValueError(
            f"the defect map of {earlier.name} is {earlier.flags.shape} but that of {later.name} is {later.flags.shape}"
        )
    days = None if earlier.taken is None or later.taken is None else (later.taken - earlier.taken).days
    if days is not None and days < 0:
        raise ValueError(f"{earlier.name} was taken {-days} days after {later.name}, not before it")
    any_class = _change(earlier.flags, later.flags, UNUSABLE)
    by_class = {name: _change(earlier.flags, later.flags, bit) for name, bit in FLAG_NAMES.items() if bit & UNUSABLE}
    by_class = {name: change for name, change in by_class.items() if change.before or change.after}
    growth = 1000.0 * (any_class.after - any_class.before) / days if days else None
    return Ageing(earlier.name, later.name, days, any_class, by_class, growth)


def growth_table(maps: Sequence[DatedMap]) -> tuple[Ageing, ...]:
    """`compare_maps` of each map with the next; those with a date are put in order, if all have one."""
    taken = [dated.taken for dated in maps]
    in_order = list(maps)
    if all(day is not None for day in taken):
        in_order.sort(key=lambda dated: dated.taken or date.min)
    return tuple(compare_maps(before, after) for before, after in pairwise(in_order))


def _change(earlier: NDArray[np.uint16], later: NDArray[np.uint16], bit: int) -> Change:
    before, after = (earlier & bit) != 0, (later & bit) != 0
    persistent = int(np.count_nonzero(before & after))
    had, has = int(np.count_nonzero(before)), int(np.count_nonzero(after))
    return Change(had, has, has - persistent, had - persistent, persistent)

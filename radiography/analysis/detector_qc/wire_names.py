"""Names of the wire pairs that are seen: by the separations of their wires, also where lost pixels hide some."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

SKIPPED = 0.75  # of the step to the next pair by which a separation is too small: pairs between are hidden   # chosen
WIRES_AND_GAP = 3.0  # diameters that a pair takes

FloatArray = NDArray[np.float64]


def thickest_last(separations: Mapping[int, float], count: int) -> bool:
    """Whether the pairs become thicker along the profile.

    Parameters
    ----------
    separations : mapping of int to float
        Of the wires of pairs that are resolved, by their place among all. [mm]
    count : int
        Pairs that are seen.

    Returns
    -------
    last : bool
    """
    places, values = np.array(list(separations)), np.array(list(separations.values()))
    if places.size > 1:
        return bool(np.polyfit(places, np.log(values), 1)[0] > 0)
    return bool(places[0] > 0.5 * (count - 1))


def pair_names(
    separations: Mapping[int, float], groups: Sequence[slice], gaps: Sequence[slice], diameters_mm: Mapping[str, float]
) -> tuple[list[str], float]:
    """Names of the pairs, thickest first, and the separation of their wires over the nominal one.

    Parameters
    ----------
    separations : mapping of int to float
        Of the wires of pairs that are resolved, by their place among all, in rising order. [mm]
    groups : sequence of slice
        Where the pairs lie in the profile.
    gaps : sequence of slice
        Where the profile has no pixels.
    diameters_mm : mapping of str to float
        Of all pairs of the series, thickest first. [mm]

    Returns
    -------
    names : list of str
        Fewer than there are groups where the series ends.
    ratio : float
        [1]

    Notes
    -----
    Pairs follow each other in the series, unless the separation falls by more than one step of it across a gap.
    """
    every, diameters = list(diameters_mm), np.array(list(diameters_mm.values()))
    steps = np.log(diameters)
    places = list(separations)
    usual = float(steps[0] - steps[-1]) / (steps.size - 1)
    hidden = np.zeros(len(groups), np.int64)  # pairs of the series before each that are not seen
    for before, place in pairwise(places):
        fall = float(np.log(separations[before] / separations[place])) / usual
        lost = any(groups[before].stop <= gap.start < groups[place].start for gap in gaps)
        if lost and fall - (place - before) > SKIPPED:
            hidden[place:] += round(fall) - (place - before)
    index = np.arange(len(groups)) + hidden
    at = np.array([index[place] for place in places])
    values = np.array(list(separations.values()))
    ratios = [np.log(values / (2.0 * diameters[at + first])) for first in range(len(every) - int(at.max()))]
    if not ratios:  # more pairs than the series has
        raise ValueError(
            f"{len(groups)} pairs of wires are seen, but a duplex gauge has {len(every)}: give --roi with nothing but "
            f"its wires"
        )
    first = int(np.argmin([np.abs(np.median(ratio)) for ratio in ratios]))
    names = [every[first + i] for i in index if first + i < len(every)]
    return names, float(np.exp(np.median(ratios[first])))


def pairs_beside_gaps(
    groups: Sequence[slice],
    names: Sequence[str],
    gaps: Sequence[slice],
    diameters_mm: Mapping[str, float],
    step_mm: float,
) -> tuple[list[int], list[str]]:
    """Pairs whose profile is known, without those on lost pixels or beyond a gap that may hide pairs.

    Parameters
    ----------
    groups, names : sequences of slice and str
        Where the pairs lie in the profile, and their names, thickest first.
    gaps : sequence of slice
        Where the profile has no pixels.
    diameters_mm : mapping of str to float
        Of all pairs of the series, thickest first. [mm]
    step_mm : float
        Of the profile, in the plane of the wires. [mm]

    Returns
    -------
    kept : list of int
        Their places among all.
    doubts : list of str
        A sentence each.
    """
    every = list(diameters_mm)
    kept: list[int] = []
    doubts: list[str] = []
    for number, (group, name) in enumerate(zip(groups, names, strict=True)):
        if number > 0 and every.index(name) == every.index(names[number - 1]) + 1:
            begin = groups[number - 1].stop
            between = [gap.stop - gap.start for gap in gaps if begin <= gap.start and gap.stop <= group.start]
            if between and max(between) * step_mm > WIRES_AND_GAP * diameters_mm[name]:
                doubts.append(
                    f"pixels without a number beside {names[number - 1]} may hide the next pair: those beyond have no "
                    f"name and are left out"
                )
                break
        if any(gap.start < group.stop and group.start < gap.stop for gap in gaps):
            doubts.append(f"pair {name} lies on pixels without a number: its dip is not known")
        else:
            kept.append(number)
    return kept, doubts

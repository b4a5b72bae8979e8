"""Pixels that cannot be trusted, by classes of ASTM E2597, from the darks and flats of a calibration.

A pixel is judged against its surroundings, never against the whole panel: a panel may be shaded, or coated with
scintillator only in part. Every class needs its own evidence; where that is missing the class is left out, and the
result says so.

    class               evidence                                                          limit of E2597 [1]_
    DEAD                no response: stuck, or the same in darks and flats                 none
    OVER, UNDER         offset-corrected flat against 21 x 21 pixels                       above 1.3, below 0.6
    NOISY               scatter of darks, scatter of flats                                 6 x the median
    NON_UNIFORM         corrected frame of another dose against 9 x 9 pixels               1 %
    LAGGING             first frame after the beam is off against 9 x 9 pixels             factor 2
    BAD_NEIGHBOURHOOD   all eight neighbours are bad                                       -
    HOT                 dark signal fills half of the range                                not in E2597
    NON_LINEAR          handed in from the dose-response fit                               not in E2597
    UNCOATED, SHIELDED  no scintillator, covered, no X-rays: not bad                       -

References
----------
.. [1] ASTM E2597/E2597M-22, bad-pixel classes, as quoted by secondary sources; the standard's text was not available.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration import flags as bits
from calibration.dark.offset import OffsetMap
from calibration.defects.covered import LEAST_LIGHT
from calibration.defects.criteria import E2597, DefectCriteria, load_criteria, shipped_criteria
from calibration.defects.evidence import (
    find_coating,
    lagging,
    noise_classes,
    non_uniform,
    response_classes,
    surrounding_signal,
)
from calibration.response.single_dose import GainMap

__all__ = [
    "E2597",
    "DefectCriteria",
    "DefectMap",
    "find_defects",
    "gain_of_undecided",
    "load_criteria",
    "shipped_criteria",
]


@dataclass(frozen=True, eq=False)
class DefectMap:
    """What is wrong with which pixel.

    Attributes
    ----------
    flags : (H, W) uint16
        Classes as bits of `calibration.flags`.
    counts : dict
        Pixels in each class, by name. [1]
    skipped : tuple of str
        One sentence for each class that could not be judged, or only with a wider limit.
    """

    flags: NDArray[np.uint16]
    counts: dict[str, int]
    skipped: tuple[str, ...]


def find_defects(
    offset: OffsetMap,
    gain: GainMap,
    *,
    saturation_dn: float,
    check_dn: NDArray[Any] | None = None,
    check_frames: int = 1,
    lag_first_frame_dn: NDArray[Any] | None = None,
    lag_noise_dn: NDArray[Any] | float | None = None,
    shielded_cols: Sequence[tuple[int, int]] = (),
    extra_flags: NDArray[np.uint16] | None = None,
    criteria: DefectCriteria = E2597,
) -> DefectMap:
    """Classes of bad pixels from darks and flats and whatever other evidence there is.

    A single dark and a single flat will do. Noise cannot be judged then; outliers among the 9 x 9 neighbours are
    flagged instead, radiation spots with them, because one frame cannot tell these from defects. In the dark frame an
    outlier must exceed the noise of a flat, since nobody would see a smaller one in a picture.

    Parameters
    ----------
    offset, gain : OffsetMap, GainMap
        From `estimate_offset` and `estimate_gain`.
    saturation_dn : float
        Raw value from which a pixel no longer responds. [DN]
    check_dn : (H, W), optional
        Offset- and gain-corrected mean of flats that are not those of `gain`, best at another dose. [DN]
    check_frames : int
        Frames in that mean; only for saying how many would do. [1]
    lag_first_frame_dn : (H, W), optional
        First frame after the beam is off, or the mean of several such, offset-subtracted. [DN]
    lag_noise_dn : (H, W) or float, optional
        Its standard deviation without lag; left out, that of one dark frame minus the mean dark. [DN]
    shielded_cols : sequence of (int, int)
        Half-open ranges of columns that see no X-rays: flagged SHIELDED and nothing else, and neighbours to nobody.
    extra_flags : (H, W) uint16, optional
        Classes found elsewhere, such as NON_LINEAR from a dose-response fit; they join the map.
    criteria : DefectCriteria
        Limits.

    Returns
    -------
    defects : DefectMap

    Raises
    ------
    ValueError
        If shapes differ, column ranges leave the panel, extra flags are no classes of bad pixels, or no good pixel is
        left.
    TypeError
        If extra flags are not uint16.

    Notes
    -----
    Where [1]_ takes one median of 21 x 21 pixels, ours is the median of 7 x 7 medians of 3 x 3, over the coated or the
    bare part only. Within 12 pixels of a coating's edge, where light falls off within a few pixels, a pixel must in
    addition lie outside the sixth lowest and sixth highest of its 5 x 5, by the same factors; at the edge itself a
    pixel of twice or half the response may pass. Whole lines at a border without light count as covered where their
    darks fluctuate like working pixels, and as dead where they do not, as wider areas do. Lag is compared after the
    gain, so that a pixel of low response is not taken for one of low lag. Beside shielded columns and the panel's
    border, a pixel whose neighbours on the panel are all bad is bad.
    """
    shape = offset.offset_dn.shape
    _check_shapes(offset, gain, check_dn, lag_first_frame_dn, lag_noise_dn, extra_flags)
    extra = np.zeros(shape, np.uint16) if extra_flags is None else _checked_extra(extra_flags)
    shielded = shielded_mask(shielded_cols, shape[1])
    lit = partial(_without_columns, left_out=shielded)
    lit_offset = replace(offset, offset_dn=lit(offset.offset_dn), noise_dn=lit(offset.noise_dn))
    lit_gain = replace(
        gain, gain=lit(gain.gain), signal_dn=lit(gain.signal_dn), noise=lit(gain.noise), flags=lit(gain.flags)
    )
    skipped: list[str] = []
    flags = np.full(shape, bits.SHIELDED, np.uint16)
    flags[:, ~shielded] = lit(extra) | _judge(
        lit_offset,
        lit_gain,
        criteria,
        skipped,
        saturation_dn=saturation_dn,
        check_dn=lit(check_dn),
        check_frames=check_frames,
        lag_first_frame_dn=lit(lag_first_frame_dn),
        lag_noise_dn=lit(lag_noise_dn),
    )
    if criteria.line_fraction is not None:
        _flag_bad_lines(flags, shielded, criteria.line_fraction)
    flags[_surrounded(flags)] |= bits.BAD_NEIGHBOURHOOD
    if not ((flags & (bits.UNUSABLE | bits.SHIELDED)) == 0).any():
        raise ValueError(f"no good pixel is left among the {flags.size} of this panel")
    return DefectMap(flags, bits.count_flags(flags), tuple(skipped))


def gain_of_undecided(gain: GainMap, defects: DefectMap) -> NDArray[np.float32]:
    """The gain, with that of its surroundings for a live pixel whose own response drowned in noise. [1]

    Where few X-rays reach bare photodiodes, a pixel may show no response in a few flats and yet be no worse than
    its neighbours; `find_defects` lets it live, and its own gain says nothing.

    Parameters
    ----------
    gain : GainMap
        From `estimate_gain`; 1 where it found no response.
    defects : DefectMap
        From `find_defects` of the same gain.

    Returns
    -------
    gain : (H, W) float32
        As `gain.gain` for all other pixels. [1]
    """
    undecided = ((gain.flags & bits.DEAD) != 0) & ((defects.flags & (bits.UNUSABLE | bits.SHIELDED)) == 0)
    if not undecided.any():
        return gain.gain
    around_dn = surrounding_signal(gain, undecided, (defects.flags & bits.UNCOATED) != 0)
    replaced = gain.gain.copy()
    light = around_dn > LEAST_LIGHT * gain.level_dn  # less is covered: no gain is known, and noise must not make one
    replaced[undecided] = np.divide(gain.level_dn, around_dn, out=np.ones_like(around_dn), where=light)
    return replaced


def shielded_mask(shielded_cols: Sequence[tuple[int, int]], cols: int) -> NDArray[np.bool_]:
    """The shielded columns of a panel.

    Parameters
    ----------
    shielded_cols : sequence of (int, int)
        Half-open ranges of columns. [1]
    cols : int
        Columns of the panel. [1]

    Returns
    -------
    mask : (W,) bool
        True inside the ranges.

    Raises
    ------
    ValueError
        If a range leaves the panel, or no column is left.
    """
    mask = np.zeros(cols, bool)
    for first, end in shielded_cols:
        if not 0 <= first < end <= cols:
            raise ValueError(f"shielded columns {first}:{end} are no part of the {cols} columns of the panel")
        mask[first:end] = True
    if mask.all():
        raise ValueError(f"all {cols} columns of the panel are shielded")
    return mask


def _check_shapes(
    offset: OffsetMap,
    gain: GainMap,
    check_dn: NDArray[Any] | None,
    lag_first_frame_dn: NDArray[Any] | None,
    lag_noise_dn: NDArray[Any] | float | None,
    extra_flags: NDArray[np.uint16] | None,
) -> None:
    """An error for a plane that differs in shape from the offset."""
    noise_map = lag_noise_dn if isinstance(lag_noise_dn, np.ndarray) and lag_noise_dn.ndim else None
    planes = {
        "gain map": gain.gain,
        "check frame": check_dn,
        "first frame after the beam is off": lag_first_frame_dn,
        "noise of the first frame after the beam is off": noise_map,
        "map of extra flags": extra_flags,
    }
    for name, plane in planes.items():
        if plane is not None and plane.shape != offset.offset_dn.shape:
            raise ValueError(f"{name} is {plane.shape} but the offset map is {offset.offset_dn.shape}")


def _without_columns(plane: Any, left_out: NDArray[np.bool_]) -> Any:
    """A plane less some of its columns; what is no plane, as it is."""
    return plane if np.ndim(plane) < 2 or not left_out.any() else np.ascontiguousarray(plane[:, ~left_out])


def _judge(
    offset: OffsetMap,
    gain: GainMap,
    criteria: DefectCriteria,
    skipped: list[str],
    *,
    saturation_dn: float,
    check_dn: NDArray[Any] | None,
    check_frames: int,
    lag_first_frame_dn: NDArray[Any] | None,
    lag_noise_dn: NDArray[Any] | float | None,
) -> NDArray[np.uint16]:
    """The classes of the columns that see X-rays."""
    coating = find_coating(offset, gain, criteria, skipped)
    flags = np.where(coating.uncoated, bits.UNCOATED, 0).astype(np.uint16)
    flags[gain.flags == bits.SATURATED] |= bits.OVER  # one saturated in the darks as well is dead
    flags |= response_classes(offset, gain, coating, criteria, skipped)
    flags[offset.offset_dn > criteria.hot_fraction * saturation_dn] |= bits.HOT
    flags |= noise_classes(offset, gain, coating, criteria, skipped)
    if check_dn is not None:
        good = (flags & bits.UNUSABLE) == 0
        flags |= non_uniform(np.asarray(check_dn), check_frames, good, gain, coating, criteria, skipped)
    if lag_first_frame_dn is not None:
        flags |= lagging(np.asarray(lag_first_frame_dn), lag_noise_dn, offset, gain, criteria, skipped)
    wanted = {
        "non-uniform": (check_dn, "a corrected check frame", criteria.non_uniform_fraction or criteria.global_fraction),
        "lagging": (lag_first_frame_dn, "the first frame after the beam is off", criteria.lag_factor),
    }
    missing = {name: what for name, (frame, what, limit) in wanted.items() if frame is None and limit is not None}
    if "non-uniform" in missing and (flags & bits.NON_UNIFORM).any():
        skipped.append(
            f"non-uniform pixels are only those that stand out of the flats: to find all needs {missing['non-uniform']}"
        )
        del missing["non-uniform"]
    if missing:
        skipped.append(
            f"{' and '.join(missing)} pixels were not looked for: that needs {' and '.join(missing.values())}"
        )
    return flags


def _checked_extra(extra_flags: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """Flags from elsewhere, after an error for those that are no classes of bad pixels."""
    if extra_flags.dtype != np.uint16:
        raise TypeError(f"extra flags must be uint16, got {extra_flags.dtype}")
    other = int(np.bitwise_or.reduce(extra_flags, axis=None)) & ~bits.UNUSABLE
    if other:
        names = [name for name, bit in bits.FLAG_NAMES.items() if bit & other]
        raise ValueError(f"extra flags must be classes of bad pixels, but some are '{names[0]}'")
    return extra_flags


def _flag_bad_lines(flags: NDArray[np.uint16], shielded: NDArray[np.bool_], fraction: float) -> None:
    """BAD_NEIGHBOURHOOD for the rest of each row and column of which more than `fraction` is bad; writes `flags`."""
    bad = (flags & bits.UNUSABLE) != 0
    rows = bad[:, ~shielded].mean(axis=1) > fraction
    cols = (bad.mean(axis=0) > fraction) & ~shielded
    flags[(rows[:, None] | cols[None, :]) & ~bad & ~shielded[None, :]] |= bits.BAD_NEIGHBOURHOOD


_RING = np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1]], np.uint8)


def _surrounded(flags: NDArray[np.uint16]) -> NDArray[np.bool_]:
    """Pixels that are neither bad nor shielded but have no good neighbour; beyond the border there is none."""
    from scipy import ndimage

    no_help = (flags & (bits.UNUSABLE | bits.SHIELDED)) != 0
    around = ndimage.convolve(no_help.astype(np.uint8), _RING, mode="constant", cval=1)
    return np.asarray((around == 8) & ~no_help)

"""Planes of flags, masks and shielded columns of images: which pixels are left out, by one rule for all measurements.

What a file says about itself decides, not its type: a plane that calls itself flags holds the bits of
`calibration/flags.py`; in any other image each pixel other than 0 is a defect, which is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from calibration.conditions import Conditions
from calibration.flags import (
    INTERPOLATED,
    SATURATED,
    SHIELDED,
    UNCOATED,
    UNCORRECTABLE,
    UNUSABLE,
)
from radiography.files.frames import iterate_frames, open_frames

# Flags of pixels that hold no measurement of their own. `SUSPECT` and `EXTRAPOLATED` ones do: to leave out what is
# bright would select among noise.
LEFT_OUT = INTERPOLATED | UNCORRECTABLE | UNCOATED | SHIELDED | UNUSABLE
_BITS, _MAP = "flags", "defect map"  # what planes of ours call themselves; variances are no flags

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class FlaggedPixels:
    """Pixels that do not count.

    Attributes
    ----------
    unusable : (H, W) bool
        Without a measurement of their own.
    saturated : (H, W) bool or None
        At the end of their range; None where the file does not tell them apart.
    doubts : tuple of str
        A sentence each.
    """

    unusable: Mask
    saturated: Mask | None
    doubts: tuple[str, ...] = ()

    @property
    def left_out(self) -> Mask:
        """Unusable or saturated. (H, W)"""
        return self.unusable if self.saturated is None else self.unusable | self.saturated


def read_flags(path: Path, shape: tuple[int, ...], of: str) -> FlaggedPixels:
    """Pixels that a plane of flags or a mask leaves out.

    Parameters
    ----------
    path : Path
        Flags as `reconstruct --flags` and `defects` write them, or any other image whose pixels other than 0 are
        defects. Of several frames, what one of them leaves out is left out.
    shape : (int, int)
        Of the images. [pixel]
    of : str
        What the images are called in errors.

    Returns
    -------
    flagged : FlaggedPixels

    Raises
    ------
    ValueError, OSError
        If the file cannot be read, is of another shape, or says that it is no plane of flags.
    """
    source = open_frames(path)
    if (source.rows, source.cols) != tuple(shape):
        raise ValueError(
            f"the flags {path} are {source.rows} x {source.cols} but {of} {shape[0]} x {shape[1]}: --flags needs the "
            f"plane of these images"
        )
    kind = source.metadata.get("kind")
    if source.stage == "plane" and kind not in (_BITS, _MAP):
        raise ValueError(f"{path} is a plane of kind '{kind}', as it says itself; --flags needs flags or a mask")
    unusable, saturated = np.zeros(shape, np.bool_), np.zeros(shape, np.bool_)
    for plane in iterate_frames(source, finite=False):
        if source.stage == "plane":
            bits = plane.astype(np.uint16)
            unusable |= (bits & np.uint16(LEFT_OUT)) != 0
            saturated |= (bits & np.uint16(SATURATED)) != 0
        else:
            unusable |= plane != 0
    if source.stage == "plane":
        return FlaggedPixels(unusable, saturated)
    doubt = f"{path} does not say that it holds flags: every pixel other than 0, {unusable.sum()} of them, is left out"
    return FlaggedPixels(unusable, None, (doubt,))


def left_out_pixels(
    flags: Path | None,
    images: Sequence[tuple[Path, Conditions]],
    shape: tuple[int, ...],
    of: str,
    regions: Sequence[tuple[int, int, int, int]] = (),
) -> FlaggedPixels | None:
    """What a plane of flags leaves out, and the shielded columns that the images themselves name.

    Parameters
    ----------
    flags : Path or None
        As `read_flags` takes it.
    images : sequence of (Path, Conditions)
        Each file of one shape, and what it says about its frames.
    shape : (int, int)
        Of the images. [pixel]
    of : str
        What the images are called in errors.
    regions : sequence of (int, int, int, int), optional
        First and end row, first and end column of each region that is asked for: where one lies in shielded columns
        altogether, those are what is wanted, and none is left out for being shielded. [pixel]

    Returns
    -------
    left_out : FlaggedPixels or None
        None where nothing is left out.

    Raises
    ------
    ValueError, OSError
        As `read_flags`.
    """
    flagged = None if flags is None else read_flags(flags, shape, of)
    shielded, doubts = np.zeros(shape[1], np.bool_), list(flagged.doubts if flagged else ())
    for path, conditions in images:
        own = np.zeros(shape[1], np.bool_)
        for first, end in conditions.shielded_cols or ():
            own[first:end] = True
        if own.all() or any(end > shape[1] for _, end in conditions.shielded_cols or ()):
            doubts.append(f"{path} names shielded columns that do not go with its {shape[1]} columns: none is left out")
        elif (own & ~shielded).any():
            named = " and ".join(f"{first}:{end}" for first, end in conditions.shielded_cols or ())
            doubts.append(f"{path} names columns {named} as shielded from X-rays: they are left out")
            shielded |= own
    if any(shielded[first:end].all() for _, _, first, end in regions):
        return flagged
    if not doubts:
        return flagged
    mask = np.broadcast_to(shielded, shape)
    unusable = mask.copy() if flagged is None else flagged.unusable | mask
    return FlaggedPixels(unusable, flagged.saturated if flagged else None, tuple(doubts))

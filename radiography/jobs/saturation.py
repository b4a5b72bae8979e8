"""The raw value from which a pixel is saturated: given, said by a file, seen in frames, or the end of their type."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from calibration.calibration_set import CalibrationSet
from calibration.correction.saturation import find_pile_up
from calibration.frame_sums import NO_SATURATION_DN
from radiography.files.frames import FrameSource, iterate_frames
from radiography.jobs.inputs import Report, no_report

_ENDS_OF_TYPES = frozenset(float(np.iinfo(name).max) for name in ("u1", "i1", "u2", "i2", "u4", "i4"))  # [DN]


@dataclass(frozen=True)
class SaturationLevel:
    """A saturation level and where it comes from.

    Attributes
    ----------
    value_dn : float
        Raw value from which a pixel no longer responds. [DN]
    source : str
        Where it was taken from, in words.
    """

    value_dn: float
    source: str

    def __str__(self) -> str:
        value = "not known" if self.value_dn >= NO_SATURATION_DN else f"{self.value_dn:g} DN"
        return f"saturation {value}: {self.source}"


def saturation_of_calibration(
    flats: Sequence[FrameSource], dark: FrameSource, given_dn: float | None = None, report: Report = no_report
) -> SaturationLevel:
    """Saturation level of the panel that took some flats.

    Parameters
    ----------
    flats : sequence of FrameSource
        Of all doses.
    dark : FrameSource
        Its first frame tells stuck pixels from clipped ones.
    given_dn : float, optional
        By the user; nothing else counts then. [DN]
    report : callable
        Called with what is being done and the fraction of it that is done, 0 to 1.

    Returns
    -------
    level : SaturationLevel

    Raises
    ------
    ValueError
        If the level given is not positive.
    """
    if given_dn is not None:
        return _given(given_dn)
    said = min(
        (source for source in flats if source.conditions.saturation_dn is not None),
        key=lambda source: source.conditions.saturation_dn or 0.0,
        default=None,
    )
    end_dn = _end_of_type(flats[0])
    if said is not None and not _may_be_the_container(said, end_dn):
        return _said(said)
    first_dark = next(iterate_frames(dark, range(1), finite=False))
    pile = find_pile_up(_reported(flats, report), first_dark)
    if pile is not None:
        return SaturationLevel(pile.value_dn, f"{pile} in the flats")
    if said is not None:
        return _said(said)
    where = "no file says it and no pixel of the flats was clipped, see --saturation"
    if end_dn >= NO_SATURATION_DN:
        return SaturationLevel(NO_SATURATION_DN, where)
    return SaturationLevel(end_dn, f"the end of the range of {np.dtype(flats[0].dtype).name}, for {where}")


def saturation_of_frames(
    source: FrameSource, calibration: CalibrationSet, given_dn: float | None = None
) -> SaturationLevel | None:
    """Saturation level of a file of frames, where it is not that of their calibration.

    A calibration whose level is the end of a type of numbers, of these frames or its own, saw no clipped pixel; then
    these frames are looked at.

    Parameters
    ----------
    source : FrameSource
        The raw file.
    calibration : CalibrationSet
        What corrects it.
    given_dn : float, optional
        By the user; nothing else counts then. [DN]

    Returns
    -------
    level : SaturationLevel or None
        None where the calibration's holds.

    Raises
    ------
    ValueError
        If the level given is not positive.
    """
    if given_dn is not None:
        return _given(given_dn)
    known_dn, said_dn, end_dn = calibration.saturation_dn, source.conditions.saturation_dn, _end_of_type(source)
    if said_dn is not None and not _may_be_the_container(source, end_dn):
        return _said(source) if said_dn < known_dn else None
    if known_dn < end_dn and known_dn not in _ENDS_OF_TYPES:
        return None
    pile = find_pile_up(iterate_frames(source, finite=False), calibration.offset_dn)
    if pile is None or pile.value_dn >= known_dn:
        return None
    return SaturationLevel(pile.value_dn, f"{pile} in {source.path.name}")


def saturation_of_file(source: FrameSource, frames: Iterable[npt.NDArray[Any]]) -> SaturationLevel | None:
    """Saturation level that a file of raw frames says or shows by itself.

    Parameters
    ----------
    source : FrameSource
        The file.
    frames : iterable of (H, W)
        Its frames; all of them are taken. [DN]

    Returns
    -------
    level : SaturationLevel or None
        None where the file does not say it and no pixel was clipped.
    """
    pile = find_pile_up(frames)
    said = source.conditions.saturation_dn is not None
    if said and not (pile and _may_be_the_container(source, _end_of_type(source))):
        return _said(source)
    return SaturationLevel(pile.value_dn, f"{pile} in {source.path.name}") if pile else None


def _given(given_dn: float) -> SaturationLevel:
    if not 0 < given_dn < float("inf"):
        raise ValueError(f"the saturation level must be a positive raw value in DN, got {given_dn:g}")
    return SaturationLevel(float(given_dn), "as given")


def _said(source: FrameSource) -> SaturationLevel:
    how = "said by" if source.conditions.saturation_source is None else f"{source.conditions.saturation_source} of"
    return SaturationLevel(float(source.conditions.saturation_dn or 0.0), f"{how} {source.path.name}")


def _may_be_the_container(source: FrameSource, end_dn: float) -> bool:
    """Whether what a DICOM file says is only the size of its words: 16 bits stored of an ADC of fewer."""
    return source.format == "dicom" and (source.conditions.saturation_dn or 0.0) >= end_dn


def _end_of_type(source: FrameSource) -> float:
    """Largest value of the frames' type. [DN]"""
    dtype = np.dtype(source.dtype)
    return float(np.iinfo(dtype).max) if dtype.kind in "ui" else NO_SATURATION_DN


def _reported(sources: Sequence[FrameSource], report: Report) -> Iterator[npt.NDArray[Any]]:
    total, done = sum(source.count for source in sources), 0
    for source in sources:
        for frame in iterate_frames(source, finite=False):
            yield frame
            done += 1
            report("looking for clipped pixels", done / total)

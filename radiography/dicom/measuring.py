"""Spacing that lengths are measured with in a DICOM picture: in the plane of the object where the header knows it.

Viewers disagree where a header says several spacings. Here the object's plane counts only where it is said outright:
a calibrated PixelSpacing, or the magnification factor. Distances alone rescale nothing, because nothing in them says
where in the object the length lies.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset

from radiography.dicom.spacing import SQUARE, detector_pitch


@dataclass(frozen=True)
class MeasuringSpacing:
    """Spacing for lengths, and in which plane it holds.

    Attributes
    ----------
    spacing_mm : float or None
        None where the header says none: lengths are pixels. [mm]
    words : str
        Plane and source, such as "at the detector, ImagerPixelSpacing".
    """

    spacing_mm: float | None
    words: str


def measuring_spacing(header: Dataset) -> MeasuringSpacing:
    """Spacing for lengths in a picture, by the rules in which viewers agree.

    Parameters
    ----------
    header : Dataset
        Every attribute before the pixels.

    Returns
    -------
    spacing : MeasuringSpacing

    Raises
    ------
    ValueError
        If a spacing is damaged, or its pixels are not square.
    """
    detector = detector_pitch(header)
    of_object = _first(header.get("PixelSpacing"))
    kind = str(header.get("PixelSpacingCalibrationType") or "")
    factor = _first(header.get("EstimatedRadiographicMagnificationFactor"))
    imager = _first(header.get("ImagerPixelSpacing"))
    if of_object is not None and (kind or (imager is not None and abs(of_object - imager) > SQUARE * imager)):
        said = " ".join(str(header.get("PixelSpacingCalibrationDescription") or "").split())[:80]
        why = f"calibrated by {kind.lower()}" if kind else "other than at the detector"
        return MeasuringSpacing(of_object, f"in the object: PixelSpacing, {why}{f' ({said})' if said else ''}")
    if detector.pitch_mm is None:
        return MeasuringSpacing(None, "the file says no spacing: lengths are pixels")
    if factor is None or factor <= 1:
        return MeasuringSpacing(detector.pitch_mm, f"at the detector: {detector.source}")
    if of_object is not None:
        note = f"the header's magnification of {factor:g} is not applied, as PixelSpacing is that of the detector"
        return MeasuringSpacing(detector.pitch_mm, f"at the detector: {detector.source}; {note}")
    return MeasuringSpacing(
        detector.pitch_mm / factor, f"in the object: {detector.source} over the header's magnification of {factor:g}"
    )


def _first(said: object) -> float | None:
    """A positive number, or the first of two; None where nothing such is said."""
    value = said if isinstance(said, str | float | int) or said is None else next(iter(said), None)  # type: ignore[call-overload]
    number = float(value) if value else np.nan
    return number if np.isfinite(number) and number > 0 else None

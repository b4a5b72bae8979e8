"""Pixel pitch at the detector, out of the six attributes in which DICOM files say spacings.

Only one of them is the pitch itself. The others are the spacing before binning, of the film that was scanned, in a
plane of the object or at the plane of a portal image; each is taken for what it is, and the words say which it was.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset

PLAUSIBLE_PITCH_MM = (0.001, 10.0)  # spacings outside this are no detector's   # assumed
SQUARE = 1e-3  # relative difference of row and column spacing that is rounding   # chosen
OWN = ("ImagerPixelSpacing", "DetectorElementSpacing", "NominalScannedPixelSpacing", "ImagePlanePixelSpacing")
OF_THE_OBJECT = "PixelSpacing"


@dataclass(frozen=True)
class DetectorPitch:
    """Pitch at the detector and where the header says it.

    Attributes
    ----------
    pitch_mm : float or None
        None where the header does not say it. [mm]
    source : str or None
        The attribute, and what was made of it.
    warnings : tuple of str
        Where the pitch is not known: spacings that are not it, the rest of a sentence about the file each.
    """

    pitch_mm: float | None = None
    source: str | None = None
    warnings: tuple[str, ...] = ()


def detector_pitch(header: Dataset) -> DetectorPitch:
    """Pitch at the detector, from the attribute that says so, or worked out of one that says another spacing.

    Parameters
    ----------
    header : Dataset
        Every attribute before the pixels.

    Returns
    -------
    pitch : DetectorPitch

    Raises
    ------
    ValueError
        If a spacing is damaged, or its pixels are not square.
    """
    warnings: list[str] = []
    own = {keyword: spacing for keyword in OWN if (spacing := _spacing_mm(header, keyword, warnings)) is not None}
    of_object = _spacing_mm(header, OF_THE_OBJECT, warnings)
    for keyword, spacing_mm in own.items():
        found_mm, said = spacing_mm, keyword
        if keyword == "DetectorElementSpacing" and (binning := _binning(header)) > 1:
            found_mm, said = spacing_mm * binning, f"{keyword} {spacing_mm:g} mm of {binning} x {binning} binned pixels"
        if keyword == "ImagePlanePixelSpacing":
            said = f"{keyword}, at the image plane of an RT image"
        elif of_object is not None and abs(of_object - found_mm) > SQUARE * found_mm:
            said = f"{said}, at the detector; PixelSpacing {of_object:g} mm is that of the object"
        return DetectorPitch(found_mm, said)
    magnification = _magnification(header)
    if of_object is None:
        return DetectorPitch(None, None, tuple(warnings))
    if not header.get("PixelSpacingCalibrationType") and magnification is None:
        return DetectorPitch(of_object, "PixelSpacing, not calibrated to any object")
    if magnification is not None:
        said = f"PixelSpacing {of_object:g} mm in the object, times its magnification of {magnification:g}"
        return DetectorPitch(of_object * magnification, said)
    warnings.append(f"its PixelSpacing of {of_object:g} mm is calibrated to the object and is no pitch of the detector")
    return DetectorPitch(None, None, tuple(warnings))


def _spacing_mm(header: Dataset, keyword: str, warnings: list[str]) -> float | None:
    """A square spacing that a detector could have, or None; spacings of zero say nothing and are told of."""
    spacing = header.get(keyword)
    if not spacing:
        return None
    numbers = [float(number) for number in ([spacing] if isinstance(spacing, str | float | int) else spacing)]
    if len(numbers) != 2 or not np.isfinite(numbers).all():
        raise ValueError(f"its {keyword} must be two positive lengths, got {numbers}")
    down, across = numbers
    if min(numbers) <= 0:
        warnings.append(f"its {keyword} of {down:g} x {across:g} mm says nothing")
        return None
    if abs(down - across) > SQUARE * down:
        raise ValueError(f"its pixels are {down:g} x {across:g} mm; square pixels are needed")
    if not PLAUSIBLE_PITCH_MM[0] <= down <= PLAUSIBLE_PITCH_MM[1]:
        warnings.append(f"its {keyword} of {down:g} mm is no detector's and is not believed")
        return None
    return down


def _binning(header: Dataset) -> int:
    """Detector elements along each side of a pixel, 1 where the header does not say one number."""
    binning = header.get("DetectorBinning")
    sides = [float(side) for side in binning] if binning and not isinstance(binning, str | float | int) else []
    return int(sides[0]) if len(sides) == 2 and sides[0] == sides[1] and sides[0] >= 1 else 1


def _magnification(header: Dataset) -> float | None:
    factor = header.get("EstimatedRadiographicMagnificationFactor")
    return float(factor) if factor and np.isfinite(float(factor)) and float(factor) >= 1 else None

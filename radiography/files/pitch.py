"""Pixel pitch from what others wrote into a file: of a TIFF OME's and ImageJ's metadata, and the resolution tags.

The resolution tags are there for printers. Most programs that know no resolution write 72 or 96 dots per inch, or one
of the round numbers of printing, so these are not believed; a pitch of 0.3528 mm would otherwise come out of 72.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

PLAUSIBLE_PITCH_MM = (0.005, 2.0)  # resolution tags outside this are no detector's   # assumed
DEFAULT_PER_INCH = (72.0, 96.0, 150.0, 300.0, 600.0, 1200.0)  # what programs write that know no resolution   # assumed
DEFAULT_WITHIN = 5e-4  # relative; 72 dots per inch are also written as 2835 per metre, 72.009   # chosen
SQUARE = 1e-3  # relative difference of the two directions that is rounding   # chosen
MM_PER_UNIT = {"m": 1e3, "mm": 1.0, "cm": 10.0, "um": 1e-3, "µm": 1e-3, "μm": 1e-3, "\\u00b5m": 1e-3, "micron": 1e-3,
               "microns": 1e-3, "nm": 1e-6, "inch": 25.4, "in": 25.4}  # fmt: skip
_PER_TAG_UNIT_MM = {2: 25.4, 3: 10.0}  # TIFF 6.0 tag 296: inch, centimetre


@dataclass(frozen=True)
class TiffPitch:
    """Pixel pitch of a TIFF, where it says it, and what it says that is not believed.

    Attributes
    ----------
    pitch_mm : float or None
        None where the file does not say it. [mm]
    source : str or None
        Of the pitch.
    doubt : str or None
        The rest of a sentence about the file.
    """

    pitch_mm: float | None = None
    source: str | None = None
    doubt: str | None = None


def square_pitch_mm(down_mm: float | None, across_mm: float | None) -> float | None:
    """The side of a pixel, where both sides are the same and a detector could have it.

    Parameters
    ----------
    down_mm, across_mm : float or None
        Along columns and rows; None where nobody says it. [mm]

    Returns
    -------
    pitch_mm : float or None
        [mm]
    """
    if down_mm is None or across_mm is None or not abs(across_mm - down_mm) <= SQUARE * abs(across_mm):
        return None
    return across_mm if PLAUSIBLE_PITCH_MM[0] <= across_mm <= PLAUSIBLE_PITCH_MM[1] else None


def tiff_pitch(page: Any, metadata: dict[str, Any]) -> TiffPitch:
    """Pitch from OME's metadata, ImageJ's unit, or resolution tags that a detector could have.

    Parameters
    ----------
    page : tifffile.TiffPage
        The first one.
    metadata : dict
        What its description says.

    Returns
    -------
    pitch : TiffPitch
    """
    if (ome := _ome_pitch(str(metadata.get("description", "")))) is not None:
        return ome
    tags = [page.tags.get(name) for name in ("XResolution", "YResolution")]
    if any(tag is None or not _two_numbers(tag.value) for tag in tags):
        return TiffPitch()
    unit_tag = page.tags.get("ResolutionUnit")
    unit_mm, source = _PER_TAG_UNIT_MM.get(1 if unit_tag is None else int(unit_tag.value)), "resolution tags"
    told = str(metadata.get("unit", "")).strip() if "ImageJ" in metadata else ""
    if told in MM_PER_UNIT:
        unit_mm, source = MM_PER_UNIT[told], "ImageJ's unit and resolution tags"
    if unit_mm is None:
        return TiffPitch()
    across, down = (unit_mm * tag.value[1] / tag.value[0] for tag in tags if tag is not None)
    per_inch = 25.4 / across
    default = next((dpi for dpi in DEFAULT_PER_INCH if abs(per_inch - dpi) <= DEFAULT_WITHIN * dpi), None)
    if default is not None and (source == "resolution tags" or unit_mm == 25.4):
        return TiffPitch(doubt=f"its resolution of {default:g} dots per inch is a default of programs, no pitch")
    if abs(across - down) > SQUARE * across:
        return TiffPitch(doubt=f"its resolution tags say {down:g} x {across:g} mm, no square pixels")
    if not PLAUSIBLE_PITCH_MM[0] <= across <= PLAUSIBLE_PITCH_MM[1]:
        return TiffPitch(doubt=f"its resolution tags say {across:g} mm, which is no detector's pitch")
    return TiffPitch(across, source)


def _two_numbers(value: Any) -> bool:
    """Whether a tag holds a fraction of two numbers that are not zero."""
    return isinstance(value, tuple) and len(value) == 2 and all(isinstance(n, int | float) and n for n in value)


def _ome_pitch(description: str) -> TiffPitch | None:
    """PhysicalSizeX and Y of OME-XML, in um where no unit is said; None where the text is no OME-XML that says them.

    Looked for as text: an XML parser would have to be guarded against what a foreign file may hold.
    """
    pixels = re.search(r"<(?:\w+:)?Pixels\b[^>]{0,4000}", description) if "<" in description else None
    if pixels is None:
        return None
    sides = []
    for axis in "XY":
        number = re.search(rf"\bPhysicalSize{axis}\s*=\s*[\"']([^\"'\r\n]{{1,40}})[\"']", pixels[0])
        unit = re.search(rf"\bPhysicalSize{axis}Unit\s*=\s*[\"']([^\"'\r\n]{{1,40}})[\"']", pixels[0])
        try:
            sides.append(float(number[1] if number else "") * MM_PER_UNIT[unit[1].strip() if unit else "um"])
        except (KeyError, ValueError):
            return None
    across, down = sides
    if square_pitch_mm(down, across) is None:
        return TiffPitch(doubt=f"its OME PhysicalSize of {down:g} x {across:g} mm is no detector's pitch")
    return TiffPitch(across, "OME PhysicalSizeX and PhysicalSizeY")

"""Linear numbers out of stored ones, and the stage at which an object was written.

Correction and measurement need numbers that grow in proportion to exposure. A modality table or rescale is applied, an
inverted linear scale is turned round, our own scale is undone; a logarithmic object is taken only where the standard
gives its table back to linear numbers, and pictures for presentation are named as such.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut

from radiography.dicom.codestream import lossy_words

PRESENTATION_CLASSES = {  # DICOM PS3.4 B.5: X-ray, mammography and intra-oral images For Presentation
    "1.2.840.10008.5.1.4.1.1.1.1",
    "1.2.840.10008.5.1.4.1.1.1.2",
    "1.2.840.10008.5.1.4.1.1.1.3",
}
ANGIOGRAPHY_CLASSES = {"1.2.840.10008.5.1.4.1.1.12.1", "1.2.840.10008.5.1.4.1.1.12.2"}  # XA and XRF: C.8.7.1.1.2
_SELDOM_LINEAR = {
    "1.2.840.10008.5.1.4.1.1.1": "CR objects",
    "1.2.840.10008.5.1.4.1.1.7": "secondary captures",
    "1.2.840.10008.5.1.4.1.1.7.2": "secondary captures",
    "1.2.840.10008.5.1.4.1.1.7.3": "secondary captures",
}
# LUT Label of our own scale, and the stage that it tells.
SCALE_LABELS: dict[str, str | None] = {"CORRECTED_DN": "corrected", "RAW_DN": "raw", "LINEAR_DN": None}
_CORRECTED = re.compile(
    r"\b(gain|offset|flat.?field|dark|defect|shading)\b[^.;]*\bcorrect(ed|ion)|\bcorrected DN\b", re.I
)
_DESCRIPTIONS = ("AcquisitionDeviceProcessingDescription", "DerivationDescription")


def stage_of(header: Dataset) -> str | None:
    """The stage of an object's pixels as its header says it: one of `radiography.files.source.STAGES`, or None.

    Parameters
    ----------
    header : Dataset
        Every attribute before the pixels.

    Returns
    -------
    stage : str or None
        None where the header does not say it.
    """
    relationship = _word(header, "PixelIntensityRelationship")
    intent = _word(header, "PresentationIntentType")
    if str(header.get("SOPClassUID")) in PRESENTATION_CLASSES or intent == "FOR PRESENTATION" or relationship == "DISP":
        return "for presentation"
    if (relationship == "LOG" and not _linear_by_table(header)) or _scale_type(header) == "OD":
        return "logarithmic"
    if (scale := own_scale(header)) is not None:
        return SCALE_LABELS[str(scale.LUTLabel)]
    if any(_CORRECTED.search(str(header.get(keyword) or "")) for keyword in _DESCRIPTIONS):
        return "corrected"
    return None


def doubts_of(header: Dataset, loss: str | None) -> tuple[str, ...]:
    """What should not be believed of an object's pixels, the rest of a sentence about the file each.

    Parameters
    ----------
    header : Dataset
        Every attribute before the pixels.
    loss : str or None
        With what its pixels were packed, where that loses something.

    Returns
    -------
    doubts : tuple of str
    """
    doubts = []
    if loss is not None:
        doubts.append(lossy_words(loss))
    elif _word(header, "LossyImageCompression") == "01":
        doubts.append(lossy_words("a method that its header does not say"))
    said = bool(_word(header, "PixelIntensityRelationship")) or "ModalityLUTSequence" in header
    kind = _SELDOM_LINEAR.get(str(header.get("SOPClassUID")))
    if kind is not None and not said:
        doubts.append(f"it does not say whether its pixels are linear in exposure, and those of many {kind} are not")
    if _table_falls(header) and not _sign(header) and stage_of(header) in (None, "raw"):
        doubts.append("its modality table turns the numbers round, and it does not say which ones rise with exposure")
    return tuple(doubts)


def own_scale(header: Dataset) -> Dataset | None:
    """The item of the Real World Value Mapping Sequence in which our own files say their scale, or None."""
    for item in header.get("RealWorldValueMappingSequence") or []:
        numbers = [item.get(keyword) for keyword in ("RealWorldValueSlope", "RealWorldValueIntercept")]
        if item.get("LUTLabel") in SCALE_LABELS and all(isinstance(number, float) for number in numbers):
            return item
    return None


def stored_are_linear(header: Dataset) -> bool:
    """Whether the stored numbers are the linear ones already."""
    return not (_has_modality(header) or _inverted(header)) and own_scale(header) is None


def linear_numbers(header: Dataset, stored: NDArray[Any]) -> NDArray[np.float32]:
    """Numbers that grow with exposure: modality table or rescale, inverted scale and own scale undone.

    Parameters
    ----------
    header : Dataset
        Every attribute before the pixels.
    stored : (..., H, W)
        [1]

    Returns
    -------
    linear : (..., H, W) float32
        NaN where our own files say that there is no number.

    Raises
    ------
    ValueError
        If the table or the numbers of a scale are damaged.
    """
    values = np.asarray(apply_modality_lut(stored, header) if _has_modality(header) else stored, dtype=np.float64)
    if _inverted(header):
        values = _without_exposure(header) - values
    if (scale := own_scale(header)) is not None:
        slope, intercept = float(scale.RealWorldValueSlope), float(scale.RealWorldValueIntercept)
        values = values * slope + intercept
    if not np.isfinite(values).all() or np.abs(values).max(initial=0.0) > np.finfo(np.float32).max:
        raise ValueError("the scale gives infinite values")
    linear = values.astype(np.float32)
    padding = header.get("PixelPaddingValue")
    if scale is not None and isinstance(padding, int):
        linear[stored == padding] = np.nan
    return linear


def saturation(header: Dataset) -> tuple[float, str] | None:
    """Linear number of the largest stored one, and what says it; None where it is not the limit of the detector.

    Parameters
    ----------
    header : Dataset
        Every attribute before the pixels.

    Returns
    -------
    saturation_dn, source : (float, str) or None
        [DN]
    """
    if stage_of(header) not in (None, "raw") or own_scale(header) is not None or _inverted(header):
        return None
    if _has_modality(header):
        value = _after_table(header, _largest(header))
        rises = not _table_falls(header)
        return (value, f"BitsStored {header.BitsStored} after the modality table") if rises and value > 0 else None
    return float(_largest(header)), f"BitsStored {header.BitsStored}"


def _largest(header: Dataset) -> int:
    bits = int(header.BitsStored)
    return int(2 ** (bits - 1) - 1 if header.PixelRepresentation == 1 else 2**bits - 1)


def _smallest(header: Dataset) -> int:
    return int(-(2 ** (header.BitsStored - 1)) if header.PixelRepresentation == 1 else 0)


def _without_exposure(header: Dataset) -> float:
    """What the stored number of no exposure stands for: the largest one where stored numbers fall with exposure."""
    return _after_table(header, _largest(header) if _sign(header) == -1 else _smallest(header))


def _after_table(header: Dataset, stored: int) -> float:
    numbers = np.array([[stored]], _stored_type(header))
    value = float((apply_modality_lut(numbers, header) if _has_modality(header) else numbers)[0, 0])
    if not np.isfinite(value):
        raise ValueError("the scale gives infinite values")
    return value


def _stored_type(header: Dataset) -> str:
    return f"{'int' if header.PixelRepresentation == 1 else 'uint'}{header.BitsAllocated}"


def _has_modality(header: Dataset) -> bool:
    if header.get("ModalityLUTSequence"):
        return True
    slope, intercept = header.get("RescaleSlope"), header.get("RescaleIntercept")
    return (slope is not None and float(slope) != 1.0) or (intercept is not None and float(intercept) != 0.0)


def _inverted(header: Dataset) -> bool:
    """A linear scale whose numbers fall with exposure, after the modality table.

    The sign is that of the stored numbers (DICOM PS3.3 C.8.11.3.1.2): a falling table turns it round once more.
    """
    return _sign(header) == (1 if _table_falls(header) else -1)


def _sign(header: Dataset) -> int:
    """1 or -1 where stored numbers of a linear object rise or fall with exposure, 0 where it does not say so."""
    sign = header.get("PixelIntensityRelationshipSign")
    return int(sign) if _word(header, "PixelIntensityRelationship") == "LIN" and sign in (1, -1) else 0


def _table_falls(header: Dataset) -> bool:
    """Whether the modality table or rescale gives smaller numbers for larger stored ones."""
    return _has_modality(header) and _after_table(header, _largest(header)) < _after_table(header, _smallest(header))


def _linear_by_table(header: Dataset) -> bool:
    """Angiography: the modality table of a logarithmic image leads back to beam intensity."""
    return str(header.get("SOPClassUID")) in ANGIOGRAPHY_CLASSES and bool(header.get("ModalityLUTSequence"))


def _scale_type(header: Dataset) -> str:
    """What the modality table or rescale leads to: US is not said, OD is optical density (DICOM PS3.3 C.11.1.1.2)."""
    table = header.get("ModalityLUTSequence")
    return (
        _word(table[0], "ModalityLUTType") if table else _word(header, "RescaleType") if _has_modality(header) else ""
    )


def _word(header: Dataset, keyword: str) -> str:
    return str(header.get(keyword) or "").strip().upper()

"""Time from frame to frame of a multi-frame object, as its header says it: DICOM PS3.3 C.7.6.5 and C.7.6.6."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset

EVEN = 0.01  # of their mean, within which intervals count as even   # chosen: clocks of frame grabbers
GIVE_INTERVAL = "the time from frame to frame is not known"


def frame_interval(header: Dataset) -> tuple[float | None, tuple[str, ...]]:
    """Time from frame to frame, and what should not be believed of it.

    Parameters
    ----------
    header : Dataset
        Every attribute before the pixels.

    Returns
    -------
    interval_s : float or None
        None where the header says none, or none that can be. [s]
    doubts : tuple of str
        The rest of a sentence about the file each.
    """
    keyword = _pointed_at(header)
    if keyword is None or keyword not in header:
        return None, ()
    values = _numbers(header, keyword)
    if values is None or values.size == 0:
        return None, (f"its {keyword} holds no number: {GIVE_INTERVAL}",)
    if keyword == "FrameTimeVector":  # the first is the time before the first frame: C.7.6.5.1.2
        if values.size != int(header.get("NumberOfFrames") or 1):
            return None, (f"its FrameTimeVector holds {values.size} times: {GIVE_INTERVAL}",)
        values = values[1:] if values.size > 1 else values
    worst = values[~(np.isfinite(values) & (values > 0))]
    if worst.size:
        return None, (f"its {keyword} holds {worst[0]:g} ms, which is no time: {GIVE_INTERVAL}",)
    mean = float(values.mean())
    if np.ptp(values) > EVEN * mean:
        return None, (f"its frames follow each other after {values.min():g} to {values.max():g} ms, unevenly",)
    return 1e-3 * mean, ()


def _pointed_at(header: Dataset) -> str | None:
    """The attribute that says the times of the frames: the one pointed at, else the one that is there."""
    known = ("FrameTime", "FrameTimeVector")
    pointer = _value(header, "FrameIncrementPointer")
    pointers = list(pointer) if isinstance(pointer, list | tuple) or hasattr(pointer, "append") else [pointer]
    named = [keyword for keyword in known if tag_for_keyword(keyword) in pointers]
    return next((keyword for keyword in (*named, *known) if keyword in header), None)


def _numbers(header: Dataset, keyword: str) -> np.ndarray | None:
    value = _value(header, keyword)
    try:
        return np.atleast_1d(np.asarray(value, dtype=np.float64)) if value not in (None, "") else None
    except (TypeError, ValueError):
        return None


def _value(header: Dataset, keyword: str) -> Any:
    try:
        return header.get(keyword)
    except (TypeError, ValueError, ArithmeticError):  # text that is no number
        return None

"""Pictures of a sequence: one curve and one window for all frames, so that nothing flickers.

Each frame is shown by the same logarithm of its exposure over the same open field, larger where fewer X-rays arrived.
Nothing that depends on a single frame, such as a detail gain that follows its noise, is applied: what changes from
picture to picture has changed in the beam or in the object. Scale and open field are those of single pictures; window
and counts are not: frames hold pixels without a number, which neither may take, and no frame is all there at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiography.presentation.steps import DECADES, HEADROOM, OPEN_FIELD_PERCENTILE

SEQUENCE_BITS = 12  # RF knows 8, 10, 12 and 16: DICOM PS3.3 C.8.7.1; noise of 1500 quanta is 13 of its steps
SEQUENCE_MAXIMUM = 2**SEQUENCE_BITS - 1
COUNTS_PER_NEPER = SEQUENCE_MAXIMUM / (DECADES * np.log(10.0) + HEADROOM)  # display counts per e-fold of exposure
BLOCK_PIXELS = 8  # side of the squares whose means are judged: noise falls to an eighth   # chosen
LIT = 0.01  # of the brightest open field: frames below were taken with the beam off   # chosen
OBJECT_ATTENUATION = 0.05  # natural logarithm above which a square shows the object, not the open field   # chosen
WINDOW_PERCENTILES = (0.5, 99.5)  # of the object   # chosen
WINDOW_QUARTILES = 3.0  # times the interquartile range: a few dense parts must not darken the rest   # chosen
SMALLEST_WINDOW = 32  # counts: a flat sequence must not be stretched to noise   # chosen
SQUARES = 500_000  # of all frames together that set the window   # chosen


@dataclass(frozen=True)
class SequenceCurve:
    """How every frame of a sequence is shown.

    Attributes
    ----------
    open_field_dn : float
        Exposure that is taken as no object, in all frames. [DN]
    window_center, window_width : int
        One window in display counts. [1]
    """

    open_field_dn: float
    window_center: int
    window_width: int

    @property
    def description(self) -> str:
        """One line on how the pictures were made."""
        return (
            f"natural logarithm of exposure, {COUNTS_PER_NEPER:.2f} counts per e-fold, larger = fewer X-rays; open "
            f"field {self.open_field_dn:.6g} DN at count {round(HEADROOM * COUNTS_PER_NEPER)} in all frames"
        )


def frame_squares(frame: NDArray[Any], most: int) -> NDArray[np.float32]:
    """Means of squares of 8 x 8 pixels, an even choice of at most `most`; squares with no number are left out.

    Parameters
    ----------
    frame : (H, W)
        Linear in exposure. [DN]
    most : int
        [1]

    Returns
    -------
    squares : (N,) float32
        [DN]
    """
    side = min(BLOCK_PIXELS, *frame.shape)
    rows, cols = (length // side for length in frame.shape)
    bands = frame[: rows * side, : cols * side].reshape(rows, side, cols * side).sum(axis=1, dtype=np.float32)
    means = bands.reshape(rows, cols, side).sum(axis=2).ravel() / np.float32(side * side)
    means = means[np.isfinite(means)]
    return np.asarray(means[:: max(1, -(-means.size // most))], np.float32)


def sequence_curve(squares: Iterable[NDArray[np.float32]]) -> SequenceCurve:
    """One curve and window for all frames, from the squares of each.

    The open field is that of the brightest frame. The window shows the object in the frames that the beam lit.

    Parameters
    ----------
    squares : iterable of (N,) float32
        From `frame_squares`, of each frame. [DN]

    Returns
    -------
    curve : SequenceCurve

    Raises
    ------
    ValueError
        If no frame is exposed.
    """
    known = [each for each in squares if each.size]
    fields = [float(np.percentile(each, OPEN_FIELD_PERCENTILE)) for each in known]
    open_field_dn = max(fields, default=0.0)
    if not (np.isfinite(open_field_dn) and open_field_dn > 0):
        raise ValueError(f"the open field must be a positive exposure, got {open_field_dn:g} DN: are all frames dark?")
    lit = np.concatenate([each for each, field in zip(known, fields, strict=True) if field > LIT * open_field_dn])
    counts = display_counts(lit, open_field_dn)
    shows_object = counts > (HEADROOM + OBJECT_ATTENUATION) * COUNTS_PER_NEPER
    shown = counts[shows_object] if np.count_nonzero(shows_object) >= 0.01 * counts.size else counts
    low, high = (float(value) for value in np.percentile(shown, WINDOW_PERCENTILES))
    lower, median, upper = (float(value) for value in np.percentile(shown, (25, 50, 75)))
    reach = WINDOW_QUARTILES * (upper - lower)
    if reach > 0:
        low, high = max(low, median - reach), min(high, median + reach)
    return SequenceCurve(open_field_dn, round((low + high) / 2), max(round(1.1 * (high - low)), SMALLEST_WINDOW))


def display_counts(frame: NDArray[Any], open_field_dn: float) -> NDArray[np.uint16]:
    """Display counts of a frame: `round((ln(open field / frame) + 0.2) x counts per e-fold)`, within 12 bits.

    Parameters
    ----------
    frame : (...)
        Linear in exposure; what holds no number is shown as unexposed. [DN]
    open_field_dn : float
        Of the whole sequence. [DN]

    Returns
    -------
    counts : (...) uint16
        Larger where fewer X-rays arrived. [1]
    """
    if frame.dtype in (np.uint8, np.uint16):
        every = np.arange(np.iinfo(frame.dtype).max + 1, dtype=np.float32)
        return np.asarray(display_counts(every, open_field_dn)[frame])
    least = np.float32(open_field_dn * 10.0**-DECADES)
    ratio = np.fmax(np.asarray(frame, np.float32), least)  # the limit where there is no number
    ratio /= np.float32(open_field_dn)
    np.log(ratio, out=ratio)
    np.multiply(np.float32(HEADROOM) - ratio, np.float32(COUNTS_PER_NEPER), out=ratio)
    np.clip(np.rint(ratio, out=ratio), 0, SEQUENCE_MAXIMUM, out=ratio)
    return ratio.astype(np.uint16)

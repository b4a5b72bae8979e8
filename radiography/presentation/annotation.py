"""Results burnt into a picture: outlines, dashed lines, hatching and text, seen on bright and on dark parts alike.

Marks are the brightest count with a rim of the darkest one, at any window. Text is the brightest count on a plate of
the darkest one, where it hides as few marks and other texts as it can. Sizes grow with the picture, so that they can be
read where it is shown on a screen as a whole.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiography.presentation.tone import DISPLAY_MAXIMUM

SCREEN = 1000  # pixels along the longer side of a picture that is shown as a whole   # chosen
TEXT = 15  # height of a line on such a screen, in its pixels   # chosen
LEAST_TEXT = 9  # pixels: smaller letters cannot be read   # chosen
DASH = 12  # length of a dash and of a gap on such a screen, in its pixels   # chosen
HATCH = 28  # from line to line on such a screen, in its pixels   # chosen
LEAST_HATCH = 8  # pixels: closer lines would be a grey of their own   # chosen
MOST_OF_PICTURE = 0.6  # of its rows, that one text may take; letters become smaller before   # chosen

Box = tuple[int, int, int, int]  # first and end row, first and end column, half-open [1]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Label:
    """A text, and what it belongs to; to the whole picture without a box."""

    lines: tuple[str, ...]
    box: Box | None = None


@dataclass(frozen=True, eq=False)
class Marks:
    """What is drawn into a picture.

    Attributes
    ----------
    boxes : sequence of (int, int, int, int)
        Regions that get an outline, which lies around them. [1]
    lines : sequence of (N, 2) float
        Courses as row and column, dashed. [1]
    areas : sequence of (H, W) bool
        Areas that get an outline inside their border.
    hatched : sequence of (H, W) bool
        Areas that get oblique lines, those of each in another direction.
    labels : sequence of Label
        Texts.
    """

    boxes: Sequence[Box] = ()
    lines: Sequence[NDArray[np.floating[Any]]] = ()
    areas: Sequence[Mask] = ()
    hatched: Sequence[Mask] = ()
    labels: Sequence[Label] = field(default=())


def burn_in(display: NDArray[np.uint16], center: int, marks: Marks) -> tuple[NDArray[np.uint16], tuple[Label, ...]]:
    """A picture with marks drawn into it.

    Parameters
    ----------
    display : (H, W) uint16
        Of 14 bits. [1]
    center : int
        Of its window: hatching is dark where the picture is brighter. [1]
    marks : Marks

    Returns
    -------
    drawn, left_out : (H, W) uint16, tuple of Label
        Texts that the picture is too small for.
    """
    from scipy.ndimage import maximum_filter

    stroke, rim = _scaled(1, display.shape), max(1, _scaled(1, display.shape) // 2)
    thin = np.zeros(display.shape, np.bool_)
    for box in marks.boxes:
        _draw_box(thin, box, 2 * stroke + rim + 1)
    for area in marks.areas:
        thin |= _inner_border(area)
    bright = maximum_filter(thin, stroke)
    if marks.lines:  # broader, for they lie on the border of bright and dark
        dashes = np.zeros_like(thin)
        for line in marks.lines:
            _draw_dashed(dashes, line, _scaled(DASH, display.shape))
        bright |= maximum_filter(dashes, 2 * stroke + 1)
    dark = maximum_filter(bright, 2 * rim + 1) & ~bright
    drawn = display.copy()
    for number, area in enumerate(marks.hatched):
        lines = area & _oblique(display.shape, max(_scaled(HATCH, display.shape), LEAST_HATCH), stroke, number % 2 == 1)
        drawn[lines] = np.where(display[lines] > center, 0, DISPLAY_MAXIMUM)
    drawn[bright], drawn[dark] = DISPLAY_MAXIMUM, 0
    taken = bright | dark
    left_out = []
    for label in marks.labels:
        plate = _text_plate(label.lines, display.shape)
        if plate is None:
            left_out.append(label)
            continue
        row, col = _best_place(plate.shape, label.box, taken, 2 * stroke + rim + 2)
        part = np.s_[row : row + plate.shape[0], col : col + plate.shape[1]]
        drawn[part] = plate
        taken[part] = True
    return drawn, tuple(left_out)


def _scaled(on_screen: float, shape: tuple[int, ...]) -> int:
    return max(1, round(on_screen * max(shape) / SCREEN))


def _draw_box(thin: Mask, box: Box, away: int) -> None:
    """Outline some pixels away from a region, along the picture's border where there is no more room."""
    rows, cols = thin.shape
    top, bottom = max(box[0] - away, 0), min(box[1] - 1 + away, rows - 1)
    left, right = max(box[2] - away, 0), min(box[3] - 1 + away, cols - 1)
    thin[[top, bottom], left : right + 1] = True
    thin[top : bottom + 1, [left, right]] = True


def _draw_dashed(thin: Mask, course: NDArray[np.floating[Any]], dash: int) -> None:
    """Dashes along a course, as long as the gaps between them."""
    steps = np.hypot(*np.diff(course, axis=0).T)
    length = np.append(0.0, np.cumsum(steps))
    at = np.arange(0.0, length[-1], 0.5)
    at = at[(at // dash) % 2 == 0]
    places = [np.rint(np.interp(at, length, course[:, axis])).astype(np.int64) for axis in (0, 1)]
    inside = (places[0] >= 0) & (places[0] < thin.shape[0]) & (places[1] >= 0) & (places[1] < thin.shape[1])
    thin[places[0][inside], places[1][inside]] = True


def _inner_border(area: Mask) -> Mask:
    """Pixels of an area beside one that is none of it, or at the picture's border."""
    inner = np.zeros_like(area)
    inner[1:-1, 1:-1] = area[:-2, 1:-1] & area[2:, 1:-1] & area[1:-1, :-2] & area[1:-1, 2:]
    return np.asarray(area & ~inner)


def _oblique(shape: tuple[int, ...], period: int, width: int, falling: bool) -> Mask:
    row, col = np.ogrid[: shape[0], : shape[1]]
    return np.asarray((row - col if falling else row + col) % period < width)


def _text_plate(lines: Sequence[str], shape: tuple[int, ...]) -> NDArray[np.uint16] | None:
    """Lines of text on a dark plate, in the largest letters that fit; None where even the smallest do not."""
    size = max(_scaled(TEXT, shape), LEAST_TEXT)
    while size >= LEAST_TEXT:
        plate = _written(lines, size)
        if plate.shape[0] <= MOST_OF_PICTURE * shape[0] and plate.shape[1] <= shape[1]:
            return plate
        size = int(size / 1.15)
    longest = max(map(len, lines))
    for width in range(longest - 1, 7, -2):  # characters of a line
        plate = _written([part for line in lines for part in textwrap.wrap(line, width)], LEAST_TEXT)
        if plate.shape[1] <= shape[1]:
            return plate if plate.shape[0] <= MOST_OF_PICTURE * shape[0] else None
    return None


def _written(lines: Sequence[str], size: int) -> NDArray[np.uint16]:
    """Bright letters on a dark plate with a margin, (h, w)."""
    drawn = [_letters(line, size) for line in lines]
    margin, pitch = max(2, size // 4), round(1.3 * size)
    width = max(bitmap.shape[1] for bitmap, _ in drawn)
    plate = np.zeros((pitch * len(lines) + 2 * margin, width + 2 * margin), np.uint16)
    for number, (bitmap, above) in enumerate(drawn):
        top = max(0, margin + pitch * number + size - above)
        part = bitmap[: plate.shape[0] - top]
        plate[top : top + part.shape[0], margin : margin + part.shape[1]] = np.rint(part * (DISPLAY_MAXIMUM / 255.0))
    return plate


def _letters(text: str, size: int) -> tuple[NDArray[np.uint8], int]:
    """Grey letters of a line, and how many of its rows stand above the line on which they are written."""
    font = _font()
    font.clear()
    font.set_size(size, 72.0)  # points of which one is a pixel
    font.set_text(text or " ", 0.0)
    font.draw_glyphs_to_bitmap(antialiased=True)
    bitmap = np.array(font.get_image(), np.uint8)
    return bitmap, bitmap.shape[0] - round(font.get_descent() / 64)


@cache
def _font() -> Any:
    from matplotlib import get_data_path
    from matplotlib.ft2font import FT2Font

    return FT2Font(str(Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"))


def _best_place(size: tuple[int, ...], box: Box | None, taken: Mask, away: int) -> tuple[int, int]:
    """First row and column of a plate where it hides least of what is drawn: beside its box, else inside."""
    (height, width), (rows, cols) = size, taken.shape
    corners = [(0, 0), (0, cols - width), (rows - height, 0), (rows - height, cols - width)]
    if box is None:
        places = corners
    else:
        top, bottom, left, right = box
        beside = [(top - away - height, left), (bottom + away, left), (top, right + away), (top, left - away - width)]
        inside = [(top + away, left + away), (bottom - away - height, left + away)]
        places = [(min(max(row, 0), rows - height), min(max(col, 0), cols - width)) for row, col in [*beside, *inside]]
        hidden = [_overlap((row, row + height, col, col + width), box) for row, col in places]
        own = np.array(hidden, np.float64)  # of what was measured itself
    covered = [np.count_nonzero(taken[row : row + height, col : col + width]) for row, col in places]
    cost = np.array(covered, np.float64) + (0.0 if box is None else own)
    return places[int(np.argmin(cost))]


def _overlap(one: Box, other: Box) -> int:
    rows = max(0, min(one[1], other[1]) - max(one[0], other[0]))
    return rows * max(0, min(one[3], other[3]) - max(one[2], other[2]))

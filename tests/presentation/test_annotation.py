"""Marks and words burnt into a picture: where they are, that they can be seen, and what they leave alone."""

from __future__ import annotations

import numpy as np
import pytest

from radiography.presentation.annotation import Label, Marks, burn_in
from radiography.presentation.tone import DISPLAY_MAXIMUM

ROWS, COLS = 320, 400
BOX = (100, 200, 150, 250)
WORDS = ("MTF 0.5 at 3.085 ± 0.025 /mm", "edge at 2.5 deg")


def picture(level: int = 8000, rows: int = ROWS, cols: int = COLS) -> np.ndarray:
    made = np.full((rows, cols), level, np.uint16)
    made.flags.writeable = False
    return made


def changed(drawn: np.ndarray, level: int = 8000) -> np.ndarray:
    return np.asarray(drawn != level)


def test_without_marks_the_picture_is_the_same() -> None:
    drawn, left_out = burn_in(picture(), 8000, Marks())
    np.testing.assert_array_equal(drawn, picture())
    assert left_out == ()


@pytest.mark.parametrize("level", [0, 8000, DISPLAY_MAXIMUM])
def test_a_frame_lies_around_its_box_and_is_seen_on_any_grey(level: int) -> None:
    drawn, _ = burn_in(picture(level), 8000, Marks(boxes=[BOX]))
    inside = drawn[BOX[0] : BOX[1], BOX[2] : BOX[3]]
    assert (inside == level).all()  # what was measured is not touched
    around = drawn[BOX[0] - 8 : BOX[1] + 8, BOX[2] - 8 : BOX[3] + 8]
    assert (around == DISPLAY_MAXIMUM).any() and (around == 0).any()
    rows, cols = (np.flatnonzero((drawn != level).any(axis=axis)) for axis in (1, 0))
    assert BOX[0] - 8 < rows[0] < BOX[0] and BOX[1] <= rows[-1] < BOX[1] + 8
    assert BOX[2] - 8 < cols[0] < BOX[2] and BOX[3] <= cols[-1] < BOX[3] + 8


def test_a_frame_of_the_whole_picture_runs_along_its_border() -> None:
    drawn, _ = burn_in(picture(), 8000, Marks(boxes=[(0, ROWS, 0, COLS)]))
    for border in (drawn[0], drawn[-1], drawn[:, 0], drawn[:, -1]):
        assert (border == DISPLAY_MAXIMUM).all()


def test_a_course_is_dashed_and_lies_where_it_is_said() -> None:
    row = np.arange(40.0, 280.0)
    course = np.column_stack([row, 100.0 + 0.1 * (row - 40.0)])
    drawn, _ = burn_in(picture(), 8000, Marks(lines=[course]))
    found = np.argwhere(drawn == DISPLAY_MAXIMUM)
    away = np.abs(found[:, 1] - (100.0 + 0.1 * (found[:, 0] - 40.0)))
    assert away.max() <= 2.0  # three pixels wide, and rounding
    seen = np.isin(np.arange(45, 275), found[:, 0])
    assert 0.4 < seen.mean() < 0.9 and np.count_nonzero(np.diff(seen.astype(int)) == 1) >= 10


def test_areas_are_outlined_and_what_is_left_out_is_hatched() -> None:
    row, col = np.mgrid[:ROWS, :COLS]
    disc = (row - 160) ** 2 + (col - 200) ** 2 < 80**2
    drawn, _ = burn_in(picture(), 8001, Marks(areas=[disc], hatched=[~disc]))
    inner = (row - 160) ** 2 + (col - 200) ** 2 < 70**2
    outer = (row - 160) ** 2 + (col - 200) ** 2 > 90**2
    assert not changed(drawn)[inner].any()
    assert 0.03 < changed(drawn)[outer].mean() < 0.3  # lines, and picture between them
    assert (drawn[outer & changed(drawn)] == DISPLAY_MAXIMUM).all()  # bright, as the picture is darker than its centre
    dark, _ = burn_in(picture(), 7999, Marks(hatched=[~disc]))
    assert (dark[changed(dark)] == 0).all()


def test_two_kinds_are_hatched_in_two_directions() -> None:
    everywhere = np.ones((ROWS, COLS), bool)
    nowhere = np.zeros((ROWS, COLS), bool)
    one, _ = burn_in(picture(), 8000, Marks(hatched=[everywhere]))
    other, _ = burn_in(picture(), 8000, Marks(hatched=[nowhere, everywhere]))
    np.testing.assert_array_equal(one[:-1, 1:], one[1:, :-1])  # along a rising line
    np.testing.assert_array_equal(other[:-1, :-1], other[1:, 1:])


def test_words_stand_beside_what_they_belong_to_and_not_on_each_other() -> None:
    other = (100, 200, 260, 390)
    drawn, left_out = burn_in(picture(), 8000, Marks(labels=[Label(WORDS, BOX), Label(WORDS, other), Label(("all",))]))
    assert left_out == ()
    for box in (BOX, other):
        assert not changed(drawn)[box[0] : box[1], box[2] : box[3]].any()
    letters = drawn[changed(drawn)]
    assert letters.min() == 0 and letters.max() > 0.95 * DISPLAY_MAXIMUM  # of a thin stroke
    alone = [np.count_nonzero(changed(burn_in(picture(), 8000, Marks(labels=[label]))[0]))
             for label in (Label(WORDS, BOX), Label(WORDS, other), Label(("all",)))]  # fmt: skip
    assert np.count_nonzero(changed(drawn)) == sum(alone)  # no plate lies on another


def test_letters_grow_with_the_picture_and_what_does_not_fit_is_told() -> None:
    heights = []
    for rows, cols in ((320, 400), (1500, 2000), (3000, 3000)):
        drawn, _ = burn_in(picture(8000, rows, cols), 8000, Marks(labels=[Label(("MTF",))]))
        heights.append(np.count_nonzero(changed(drawn).any(axis=1)))
    assert heights[0] < heights[1] < heights[2] and 40 <= heights[2] <= 90  # 15 of 1000 pixels of a screen, and margin
    narrow, left_out = burn_in(picture(8000, 200, 120), 8000, Marks(labels=[Label(WORDS)]))
    assert left_out == () and changed(narrow).any()  # broken into lines
    tiny, left_out = burn_in(picture(8000, 24, 32), 8000, Marks(labels=[Label(WORDS)]))
    assert left_out == (Label(WORDS),)
    np.testing.assert_array_equal(tiny, picture(8000, 24, 32))


def test_the_same_marks_give_the_same_picture() -> None:
    marks = Marks(boxes=[BOX], labels=[Label(WORDS, BOX)])
    first, second = (burn_in(picture(), 8000, marks)[0] for _ in range(2))
    np.testing.assert_array_equal(first, second)

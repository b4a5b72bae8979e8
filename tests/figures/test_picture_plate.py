"""Plate of pictures: a whole and an enlarged part beside each other."""

from __future__ import annotations

import numpy as np
import pytest

from radiography.figures.picture_plate import picture_plate


def test_whole_and_part_are_shown_equally_high() -> None:
    pictures = {name: np.full((300, 400), level, np.float32) for name, level in (("first", 100.0), ("second", 900.0))}
    figure = picture_plate(pictures, (0, 200, 0, 330), (50, 110, 100, 220))
    figure.draw_without_rendering()
    boxes = [axes.get_window_extent() for axes in figure.axes]
    assert len(boxes) == 4
    for whole, part in (boxes[:2], boxes[2:]):
        assert part.height == pytest.approx(whole.height, rel=0.02)
        assert part.y0 == pytest.approx(whole.y0, abs=0.02 * whole.height)
        assert whole.width + part.width > 0.95 * figure.bbox.width  # and they fill the figure
    with pytest.raises(ValueError, match="needs at least one picture, got none"):
        picture_plate({}, (0, 1, 0, 1), (0, 1, 0, 1))


def test_a_title_ends_before_the_enlarged_part_begins() -> None:
    pictures = {"a title that says of which scintillator and panel the picture is, " * 3: np.ones((300, 400))}
    figure = picture_plate(pictures, (0, 200, 0, 330), (50, 110, 100, 220))
    figure.draw_without_rendering()
    for axes, words in zip(figure.axes, (*pictures, "enlarged"), strict=True):
        title = next(text for text in axes.get_children() if getattr(text, "get_text", str)() == words)
        assert title.get_window_extent().x1 <= axes.get_window_extent().x1

"""Curve, steps files and the grey values of monitors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from radiography.presentation.presets import load_picture
from radiography.presentation.steps import Curve
from radiography.presentation.tone import monitor_grey, srgb_of_p_value, tone_curve


def test_a_png_looks_as_a_reading_monitor_does() -> None:
    """Codes of an sRGB monitor for P-Values of 64, 128 and 191 of 255, between 1 and 350 cd/m2."""
    codes = 255.0 * srgb_of_p_value(np.array([0.0, 64.0, 128.0, 191.0, 255.0]) / 255.0)
    assert codes == pytest.approx([0.0, 45.0, 95.0, 161.0, 255.0], abs=0.8)


def test_the_window_of_a_png_is_that_of_dicom() -> None:
    display = np.array([[0, 900, 1000, 1100, 5000]], np.uint16)
    grey = monitor_grey(display, 1000, 200)
    assert grey[0, [0, 1, 3, 4]].tolist() == [0, 0, 255, 255] and 90 < grey[0, 2] < 100


@pytest.mark.parametrize("middle", [0.0, 0.4, 1.0])
def test_the_curve_is_as_steep_as_is_said(middle: float) -> None:
    at, counts = tone_curve((-0.2, 8.0), (0.5, 2.5), Curve(bend=2.0, middle=middle))
    slope = np.gradient(counts, at)
    in_window = (at - 0.5) / 2.0
    steepest = np.interp(middle, in_window, slope)
    for t in (0.1, 0.9):
        assert steepest / np.interp(t, in_window, slope) == pytest.approx(1 + (2.0 * (t - middle)) ** 2, rel=0.01)
    assert np.all(slope > 0)


def test_no_bend_is_a_straight_line() -> None:
    at, counts = tone_curve((-0.2, 8.0), (0.5, 2.5), Curve(bend=0.0))
    assert np.allclose(np.diff(counts) / np.diff(at), 16383 / 8.2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[edge]\ngain = -1.0", "edge.gain must be greater than or equal to 0, got -1.0"),
        ("[equalise]\ngain = 1.5", "equalise.gain must be less than or equal to 1.25, got 1.5"),
        ("[denoise]\nbands = 0", "denoise.bands must be greater than or equal to 1, got 0"),
        ("[curve]\nbent = 1.0", r"unknown key 'curve.bent' \(did you mean 'bend'\?\); known: on, bend, middle"),
        ("[logarithm]\non = false", "logarithm is off, which denoise, equalise, edge, curve need"),
        ('based_on = "bord"', r"no picture 'bord' \(did you mean 'board'\?\)"),
    ],
)
def test_a_wrong_picture_file_is_told_in_a_sentence(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text if "based_on" in text else f'name = "mine"\n{text}\n')
    with pytest.raises(ValueError, match=message):
        load_picture(path)


def test_a_picture_file_starts_from_another(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('based_on = "board"\n[edge]\ngain = 0.2\n')
    mine, base = load_picture(path), load_picture("board")
    assert (mine.name, mine.edge.gain, mine.edge.limit) == ("mine", 0.2, base.edge.limit)
    assert mine.equalise == base.equalise

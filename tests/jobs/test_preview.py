"""The PNG beside a corrected image: what it shows, and that it shows what the DICOM picture does."""

from __future__ import annotations

from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from calibration.conditions import Conditions
from radiography.dicom.read import read_dx
from radiography.jobs.export import write_dicom_pair
from radiography.jobs.preview import write_preview
from radiography.presentation.presets import load_picture
from radiography.presentation.tone import monitor_grey

ROWS, COLS = 96, 130


def wedge() -> np.ndarray:
    """Ten steps, each lets through 0.8 of the one before, thicker to the right; open beam above and below."""
    image = np.full((ROWS, COLS), 20000.0)
    for k in range(10):
        image[20:76, 15 + 10 * k : 25 + 10 * k] *= 0.8 ** (k + 1)
    rng = np.random.default_rng(4)
    image += rng.normal(0.0, 0.3 * np.sqrt(image))
    image.flags.writeable = False
    return image.astype(np.float32)


def png(path: Path) -> np.ndarray:
    return np.asarray(imagecodecs.png_decode(path.read_bytes()))


@pytest.mark.parametrize("name", ["default", "identity"])
def test_thick_parts_are_bright_in_the_order_of_their_thickness(tmp_path: Path, name: str) -> None:
    write_preview(tmp_path / "p.png", wedge(), load_picture(name))
    steps = [np.median(png(tmp_path / "p.png")[35:60, 18 + 10 * k : 22 + 10 * k]) for k in range(10)]
    assert np.all(np.diff(steps) > 0)
    assert steps[-1] > 180 and np.median(png(tmp_path / "p.png")[:12]) < 10


def test_the_preview_is_the_dicom_picture_in_the_greys_of_a_monitor(tmp_path: Path) -> None:
    shown = write_preview(tmp_path / "p.png", wedge())
    (presentation, _), _ = write_dicom_pair(wedge(), 0.139, tmp_path / "p", Conditions(), {}, shown=shown)
    found = read_dx(presentation)
    window = (int(found.metadata[key]) for key in ("WindowCenter", "WindowWidth"))
    assert np.array_equal(png(tmp_path / "p.png"), monitor_grey(found.pixels[0], *window))
    (again, _), _ = write_dicom_pair(wedge(), 0.139, tmp_path / "q", Conditions(), {})
    assert again.read_bytes() == presentation.read_bytes()


def test_the_middle_is_darker_than_a_straight_window_draws_it(tmp_path: Path) -> None:
    """P-Values of one half are 95 of 255 on an sRGB monitor between 1 and 350 cd/m2 (`test_tone`)."""
    shown = write_preview(tmp_path / "p.png", wedge())
    assert shown is not None
    level = (shown.display - (shown.window_center - 0.5)) / (shown.window_width - 1) + 0.5
    middle = np.abs(level - 0.5) < 0.02
    assert np.median(png(tmp_path / "p.png")[middle]) == pytest.approx(95, abs=5)


def test_a_frame_without_exposure_is_shown_as_it_is(tmp_path: Path) -> None:
    dark = np.tile(np.arange(COLS, dtype=np.float32), (ROWS, 1)) - COLS
    assert write_preview(tmp_path / "p.png", dark) is None
    assert np.all(np.diff(png(tmp_path / "p.png").astype(int), axis=1) >= 0) and np.ptp(png(tmp_path / "p.png")) == 255

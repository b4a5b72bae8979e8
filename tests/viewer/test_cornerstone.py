"""Our DICOM files in cornerstone3D with its own loader: window, levels, orientation, lengths, polarity, frames.

The loader is `@cornerstonejs/dicom-image-loader@5.14.0` from the line of npm in `.ci/run`, core and tools are those of
`viewer`. The page of `radiography view` is another one: there our server reads the files.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibration.conditions import Conditions
from radiography.dicom.compress import SYNTAXES
from radiography.dicom.description import DxDescription
from radiography.dicom.read import read_dx
from radiography.dicom.write import export_dx
from radiography.files.frames import write_tiff
from radiography.jobs.export_cine import export_cine
from tests.viewer.browser import HERE, NODE_MODULES, file_answer, find_browser, site
from tests.viewer.letter import COLS, PITCH_MM, ROWS, by_the_standard, check_upright_letter, exposure, window_of

VIEWER = HERE.parents[1] / "viewer" / "node_modules" / "@cornerstonejs" / "core"
pytestmark = pytest.mark.skipif(
    sys.platform == "win32" or find_browser() is None or shutil.which("node") is None
    or not VIEWER.is_dir() or not (NODE_MODULES / "@cornerstonejs" / "dicom-image-loader").is_dir(),
    reason="chromium, node, viewer/node_modules or cornerstone's loader is not installed (.ci/run)",
)  # fmt: skip
LEVELS = 2  # of 255: one of the screen, one of the half count at the window's end
FRAMES, FRAME_MS = 5, 40.0
ERMF = 1.2
PLACES = ((240, 75), (75, 150), (155, 130), (30, 30), (200, 300), *((295, 37 + 34 * k) for k in range(11)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page beside what it opens: the letter in every syntax and for processing, and a bar that moves."""
    place = tmp_path_factory.mktemp("cornerstone")
    subprocess.run(["node", str(HERE / "cornerstone.mjs"), str(place)], check=True, capture_output=True, timeout=300)
    about = DxDescription(acquired=datetime(2024, 3, 1), conditions=Conditions(source_to_detector_mm=1500.0))
    in_object = DxDescription(magnification=ERMF, acquired=datetime(2024, 3, 1), conditions=about.conditions)
    export_dx(exposure(), PITCH_MM, place / "letter.dcm", in_object)
    export_dx(exposure(), PITCH_MM, place / "plain.dcm", about)
    export_dx(exposure(), PITCH_MM, place / "processing.dcm", about, for_processing=True)
    for name in SYNTAXES:
        export_dx(exposure(), PITCH_MM, place / f"{name}.dcm", in_object, compression=name)
    bars = np.full((FRAMES, 64, 80), 10000.0, np.float32)
    for k in range(FRAMES):
        bars[k, :, 10 + 12 * k : 20 + 12 * k] = 1000.0
    write_tiff(place / "bars.tif", bars, PITCH_MM, {"kind": "corrected"})
    export_cine(place / "bars.tif", place / "bars.dcm", frame_time_ms=FRAME_MS)
    return place


@pytest.fixture(scope="module")
def browser(folder: Path) -> Iterator[Any]:
    from tests.viewer.driven import Browser

    pages = site(lambda name, accept: file_answer(folder / name.partition("?")[0].lstrip("/")))
    with pages as address, Browser(1000, 900) as driven:
        driven.open(f"{address}/page.html")
        driven.wait("window.viewer")
        yield driven


def shown(browser: Any, file: str, frame: int = 0) -> dict[str, Any]:
    """What the viewer says of a file that it shows."""
    count = browser.run(f"viewer.open('{file}')")
    browser.run(f"viewer.show({frame})")
    return {"count": count, **browser.run("viewer.told()")}


def grey(browser: Any, rows: int, cols: int) -> np.ndarray:
    """The picture on the screen, (rows, cols): the screen's pixel in the middle of each."""
    screen = browser.screen()
    (left, top), (right, bottom) = (browser.run(f"viewer.place({r}, {c})") for r, c in ((0, 0), (rows - 1, cols - 1)))
    assert right > left + cols and bottom > top + rows
    x = np.floor(left + (right - left) * np.arange(cols) / (cols - 1)).astype(int)
    y = np.floor(top + (bottom - top) * np.arange(rows) / (rows - 1)).astype(int)
    picture = screen[np.ix_(y, x)]
    assert np.ptp(picture, axis=2).max() == 0
    return np.asarray(picture[..., 0])


def at_places(picture: np.ndarray) -> list[float]:
    """Means of 7 x 7 pixels inside the letter, its ground and the steps of the wedge."""
    return [float(picture[r - 3 : r + 4, c - 3 : c + 4].mean()) for r, c in PLACES]


@pytest.mark.slow
def test_the_letter_has_its_window_and_the_levels_of_the_standard(browser: Any, folder: Path) -> None:
    told = shown(browser, "letter.dcm")
    center, width = window_of(folder / "letter.dcm")
    # PS3.3 C.11.2.1.2.1: from center - 0.5 - (width - 1) / 2 to center - 0.5 + (width - 1) / 2
    assert (told["voi"]["lower"], told["voi"]["upper"]) == pytest.approx((center - width / 2, center + width / 2 - 1))
    assert told["dimensions"][:2] == [COLS, ROWS] and told["count"] == 1
    expected = by_the_standard(read_dx(folder / "letter.dcm").pixels[0], center, width)
    assert at_places(grey(browser, ROWS, COLS)) == pytest.approx(at_places(expected), abs=LEVELS)
    assert not browser.complaints


def test_it_stands_upright_and_thick_parts_are_bright(browser: Any) -> None:
    told = shown(browser, "letter.dcm")
    assert told["photometric"] == "MONOCHROME2" and not told["invert"] and told["orientation"] == "L\\F"
    check_upright_letter(grey(browser, ROWS, COLS))


def test_the_image_for_processing_is_brighter_with_exposure(browser: Any) -> None:
    told = shown(browser, "processing.dcm")
    assert told["photometric"] == "MONOCHROME2" and not told["invert"]
    levels = at_places(grey(browser, ROWS, COLS))
    assert max(levels[:3]) < 10 and min(levels[3:5]) > 240
    assert np.all(np.diff(levels[5:]) <= 0) and levels[5] > 240


@pytest.mark.parametrize(
    ("file", "spacing_mm", "unit"),
    [("letter.dcm", PITCH_MM / ERMF, "mm ERMF"), ("plain.dcm", PITCH_MM, "mm Proj")],
)
def test_a_drawn_length_is_that_of_the_plane_that_the_file_names(
    browser: Any, file: str, spacing_mm: float, unit: str
) -> None:
    told = shown(browser, file)
    assert told["spacing"][:2] == pytest.approx([spacing_mm] * 2, rel=1e-9)
    start, end = (tuple(browser.run(f"viewer.place({r}, {c})")) for r, c in ((60, 90), (220, 210)))
    browser.drag(start, end)
    (length,) = browser.wait("viewer.lengths().length && viewer.lengths()")
    assert length["length"] == pytest.approx(200 * spacing_mm, rel=0.005)  # a pixel of the screen is half a one of 200
    assert length["unit"] == unit
    screen = browser.screen()
    x, y = (round(0.5 * (a + b)) for a, b in zip(start, end, strict=True))
    red, green, blue = np.moveaxis(screen[y - 3 : y + 4, x - 3 : x + 4].astype(int), -1, 0)
    assert (green - np.maximum(red, blue)).max() > 100  # the line is seen


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SYNTAXES))
def test_a_compressed_file_shows_the_same(browser: Any, name: str) -> None:
    shown(browser, "letter.dcm")
    plain = grey(browser, ROWS, COLS)
    told = shown(browser, f"{name}.dcm")
    assert told["spacing"][0] == pytest.approx(PITCH_MM / ERMF, rel=1e-9)
    assert np.array_equal(grey(browser, ROWS, COLS), plain)


@pytest.mark.slow
def test_a_sequence_has_its_frames_in_their_order(browser: Any) -> None:
    for k in range(FRAMES):
        told = shown(browser, "bars.dcm", k)
        assert (told["count"], told["index"], told["frameTime"]) == (FRAMES, k, FRAME_MS)
        assert told["spacing"][:2] == pytest.approx([PITCH_MM] * 2, rel=1e-9)
        columns = grey(browser, 64, 80)[10:54].mean(axis=0)
        assert abs(float(np.argwhere(columns > 128).mean()) - (14.5 + 12 * k)) <= 0.5
        assert columns[12 + 12 * k : 18 + 12 * k].min() > np.delete(columns, slice(8 + 12 * k, 22 + 12 * k)).max() + 100

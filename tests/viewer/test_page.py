"""The page of `radiography view` in a browser: what is on the screen, read from the screen."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
import pydicom
import pytest

from calibration.flags import DEAD
from radiography.dicom.description import DxDescription
from radiography.dicom.write import export_dx
from radiography.files.frames import write_tiff
from radiography.jobs.view import frame_pixels, open_pictures, shelf_to_json
from radiography.jobs.view_server import PictureServer
from tests.viewer.browser import find_browser

if sys.platform == "win32":
    pytest.skip("the browser is spoken to over files that Windows has not", allow_module_level=True)

from tests.viewer.driven import Browser

pytestmark = pytest.mark.skipif(find_browser() is None, reason="chromium is not installed")

ROWS, COLS = 120, 160
GREY = 3  # of 255: half a level of the screen, one of the float texture, one of interpolation
PLACES = [(40, 20), (110, 40), (110, 80), (110, 120), (40, 150)]  # row, column; no title and no ruler over them
FLAGGED = (90, 70)
EDGE = (10, 90, 50, 110)  # first and end row, first and end column
VIEWER = "window.radiographyViewer"
ACTIVE = f"{VIEWER}.active"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An edge over a ramp, brighter to the right, each picture over a range of its own; frame 1 is half of frame 0."""
    place = tmp_path_factory.mktemp("page")
    rows, cols = np.mgrid[0:ROWS, 0:COLS]
    edge = 1.0 / (1.0 + np.exp(-(cols - 80.0 - 0.05 * (rows - 60.0)) / 0.7))
    dn = np.where(rows < 100, 1000.0 + 2000.0 * edge, 800.0 + 2400.0 * cols / COLS)
    dn = (dn + np.random.default_rng(3).normal(0.0, 3.0, dn.shape)).astype(np.float32)
    write_tiff(place / "raw.tif", np.stack([dn, dn / 2]).astype(np.uint16), 0.139, {"kind": "raw"})
    write_tiff(place / "part.tif", dn / 5000.0, 0.139, {"kind": "corrected"})
    export_dx(dn, 0.139, place / "one.dcm", DxDescription(acquired=datetime(2024, 3, 1)))
    header = pydicom.dcmread(place / "one.dcm")
    header.PhotometricInterpretation, header.PresentationLUTShape = "MONOCHROME1", "INVERSE"
    header.save_as(place / "reversed.dcm")
    flags = np.zeros((ROWS, COLS), np.uint16)
    flags[FLAGGED] = DEAD
    write_tiff(place / "part_flags.tif", flags, 0.139, {"kind": "flags"})
    return place


@pytest.fixture(scope="module")
def browser(folder: Path) -> Iterator[Browser]:
    with PictureServer(open_pictures(folder)) as server, Browser() as driven:
        driven.open(server.url)
        driven.wait(f"{VIEWER}?.ready || {VIEWER}?.error")
        driven.press("f")
        yield driven


def choose(browser: Browser, number: int, frame: int = 0) -> None:
    browser.press(str(number + 1))
    browser.wait(f"{ACTIVE}.picture.number === {number} && {ACTIVE}.frame === {frame}")


def where(browser: Browser, row: float, col: float) -> tuple[float, float]:
    """Place of a pixel in the window: x, y."""
    script = f"{ACTIVE}.viewport.worldToCanvas([{col}, {row}, 0])"
    x, y = browser.run(
        f"(([x, y], box) => [box.left + x, box.top + y])({script}, {ACTIVE}.element.getBoundingClientRect())"
    )
    return float(x), float(y)


def seen(browser: Browser) -> list[int]:
    """Grey of the places on the screen."""
    screen = browser.screen()
    found = []
    for row, col in PLACES:
        x, y = where(browser, row, col)
        colour = screen[round(y), round(x)]
        assert np.ptp(colour.astype(int)) == 0, colour
        found.append(int(colour[0]))
    return found


def expected(folder: Path, number: int, frame: int = 0) -> np.ndarray:
    """Grey of the places by the window of the file, or else by that of all its frames, of which there are two."""
    shelf = open_pictures(folder)
    told = shelf_to_json(shelf)["pictures"][number]
    pixels, _ = frame_pixels(shelf.pictures[number], frame)
    about = [frame_pixels(shelf.pictures[number], each)[1] for each in range(told["frames"])]
    own = (min(each["lower"] for each in about), max(each["upper"] for each in about))
    lower, upper = told["window"] or own
    level = np.clip((np.array([float(pixels[at]) for at in PLACES]) - lower) / (upper - lower), 0, 1)
    return 255 * (1 - level if told["inverted"] else level)


def test_each_picture_has_the_grey_of_its_window_also_when_one_comes_back_to_it(browser: Browser, folder: Path) -> None:
    kinds = [each["name"] for each in shelf_to_json(open_pictures(folder))["pictures"]]
    assert kinds == ["raw.tif", "part.tif", "one.dcm", "reversed.dcm", "part_flags.tif"]
    for number in (0, 1, 2, 3, 0, 2, 1):
        choose(browser, number)
        assert seen(browser) == pytest.approx(expected(folder, number), abs=GREY), kinds[number]
    raw, shown = expected(folder, 0), expected(folder, 2)
    assert raw[0] < 60 and raw[-1] > 200 and shown[0] > 200 and shown[-1] < 60  # more exposure is darker in DICOM
    assert not browser.complaints


def test_invert_turns_the_grey_scale_and_turns_it_back(browser: Browser, folder: Path) -> None:
    choose(browser, 1)
    for turned in (True, False):
        browser.press("i")
        usual = expected(folder, 1)
        assert seen(browser) == pytest.approx(255 - usual if turned else usual, abs=GREY)


def test_frames_keep_the_window(browser: Browser, folder: Path) -> None:
    choose(browser, 0)
    browser.press(".")
    browser.wait(f"{ACTIVE}.frame === 1")
    assert seen(browser) == pytest.approx(expected(folder, 0, frame=1), abs=GREY)
    browser.press(",")
    browser.wait(f"{ACTIVE}.frame === 0")
    assert seen(browser) == pytest.approx(expected(folder, 0), abs=GREY)


def test_two_side_by_side_are_whole_and_each_has_its_window(browser: Browser, folder: Path) -> None:
    choose(browser, 1)
    browser.press("c")
    browser.wait(f"{VIEWER}.panes.panes[1]?.shown")
    browser.run(f"{VIEWER}.panes.panes[1].element.focus()")
    browser.wait(f"{ACTIVE} === {VIEWER}.panes.panes[1]")
    browser.screen()
    assert browser.run(f"{ACTIVE}.picture.number") == 0
    assert seen(browser) == pytest.approx(expected(folder, 0), abs=GREY)
    left, right = where(browser, 0, -0.5)[0], where(browser, 0, COLS - 0.5)[0]
    box = browser.run(f"(({{left, right}}) => [left, right])({ACTIVE}.element.getBoundingClientRect())")
    assert box[0] - 1 <= left < right <= box[1] + 1
    browser.press("c")
    browser.wait(f"{VIEWER}.panes.panes.length === 1")


def test_flags_have_their_colour_over_a_picture_and_in_their_own_tab(browser: Browser) -> None:
    browser.press("f")
    for number in (1, 4):
        choose(browser, number)
        browser.wait(f"{VIEWER}.overlays.get({ACTIVE}).values")
        x, y = where(browser, *FLAGGED)
        red, green, blue = (int(each) for each in browser.screen()[round(y), round(x)])
        assert red > 120 and green < 90 and blue < 90
    browser.press("f")


def test_a_drawn_length_and_the_curve_of_an_edge_are_in_sight(browser: Browser) -> None:
    choose(browser, 1)
    browser.press("l")
    browser.drag(where(browser, 20, 30), where(browser, 80, 110))
    (length,) = browser.wait(f"{VIEWER}.lengths().length && {VIEWER}.lengths()")
    assert length["mm"] == pytest.approx(100 * 0.139, rel=0.01)  # 100 pixels; one of the screen is a sixth of one
    browser.press("m")
    browser.drag(where(browser, EDGE[0], EDGE[2]), where(browser, EDGE[1], EDGE[3]))
    browser.wait("document.querySelector('#measured svg, #measured .warning')?.outerHTML")
    seen_whole = "(({top, bottom}) => top >= 0 && bottom <= innerHeight)"
    assert browser.run(f"{seen_whole}(document.querySelector('#measured svg').getBoundingClientRect())")
    assert "MTF50" in browser.run("document.querySelector('#measured').innerText")
    for _ in range(2):
        browser.press("Delete")


@pytest.mark.slow
def test_a_sequence_plays_in_the_time_of_its_frames(browser: Browser) -> None:
    choose(browser, 0)
    browser.run(f"{VIEWER}.pictures[0].frame_time_ms = 600")
    browser.run(f"window.seenAt = []; {VIEWER}.panes.on('shown', () => window.seenAt.push(performance.now()))")
    browser.press(" ")
    browser.wait("window.seenAt.length >= 8")
    browser.press(" ")
    between = np.diff(browser.run("window.seenAt"))  # the median: a busy machine is late at times, and catches up
    assert np.median(between) == pytest.approx(600, rel=0.1)
    assert browser.run("document.querySelector('#play').innerText") == "Play"
    choose(browser, 0, browser.run(f"{ACTIVE}.frame"))


@pytest.mark.slow
def test_a_narrow_window_holds_the_picture_and_no_more(browser: Browser) -> None:
    browser.tell("Emulation.setDeviceMetricsOverride", width=500, height=900, deviceScaleFactor=1, mobile=False)
    browser.wait("innerWidth === 500")
    for panes in (1, 2):
        browser.screen()
        wide, tall = browser.run(
            "(({width, height}) => [width, height])(document.querySelector('#panes').getBoundingClientRect())"
        )
        assert 470 <= wide <= 500 and tall == pytest.approx(max(wide * ROWS / (panes * COLS), 224), abs=2)
        assert browser.run("document.documentElement.scrollWidth") <= 500
        browser.press("c")
        browser.wait(f"{VIEWER}.panes.panes.length === {3 - panes}")
    browser.tell("Emulation.clearDeviceMetricsOverride")

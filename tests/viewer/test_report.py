"""A report of pictures in a browser, from a file and without a network: what is on the screen and what it measures."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from calibration.flags import DEAD
from radiography.cli import run
from radiography.files.frames import write_tiff
from radiography.jobs.benchmark_report import can_report
from radiography.jobs.kept_pictures import keep_pictures
from radiography.jobs.picture_report import report_pictures
from radiography.jobs.view import frame_pixels, open_pictures
from radiography.jobs.view_regions import region_mtf, region_noise
from tests.viewer.browser import find_browser

if sys.platform == "win32":
    pytest.skip("the browser is spoken to over files that Windows has not", allow_module_level=True)

from tests.viewer.driven import Browser

pytestmark = [
    pytest.mark.skipif(find_browser() is None, reason="chromium is not installed"),
    pytest.mark.skipif(not can_report(), reason="plotly or Jinja2 is not installed"),
]
ROWS, COLS = 130, 170
GREY = 3  # of 255, as for the page of `view`
EDGE = (10, 90, 50, 110)
FLAGGED = (45, 95)
PLACES = [(40, 20), (110, 40), (110, 80), (110, 120), (40, 150)]
FRAME = "document.querySelector('iframe')?.contentWindow"
VIEWER = f"{FRAME}?.radiographyViewer"
ACTIVE = f"{VIEWER}.active"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An edge over a ramp, raw and corrected, with its flags."""
    place = tmp_path_factory.mktemp("a private name")
    rows, cols = np.mgrid[0:ROWS, 0:COLS]
    edge = 1.0 / (1.0 + np.exp(-(cols - 80.0 - 0.05 * (rows - 60.0)) / 0.7))
    dn = np.where(rows < 100, 1000.0 + 2000.0 * edge, 800.0 + 2400.0 * cols / COLS)
    dn = dn + np.random.default_rng(3).normal(0.0, 3.0, dn.shape)
    write_tiff(place / "raw.tif", np.stack([dn, dn / 2]).astype(np.uint16), 0.139, {"kind": "raw"})
    corrected = (dn / 5.0).astype(np.float32)
    corrected[FLAGGED] = 1e9
    write_tiff(place / "part.tif", corrected, 0.139, {"kind": "corrected"})
    flags = np.zeros((ROWS, COLS), np.uint16)
    flags[FLAGGED] = DEAD
    write_tiff(place / "part_flags.tif", flags, 0.139, {"kind": "flags"})
    return place


@pytest.fixture(scope="module")
def page(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return report_pictures(folder, tmp_path_factory.mktemp("page") / "page.html", edge=EDGE)


@pytest.fixture(scope="module")
def browser(page: Path) -> Iterator[Browser]:
    with Browser(1280, 1000) as driven:
        opened(driven, page)
        yield driven


def opened(driven: Browser, page: Path) -> None:
    driven.open(page.as_uri())
    driven.wait(f"{VIEWER}?.ready || {VIEWER}?.error")
    assert driven.run(f"{VIEWER}.error ?? ''") == ""
    driven.run("document.querySelector('#view').scrollIntoView()")
    driven.run(f"{FRAME}.document.querySelector('#flags-button').click()")


def choose(browser: Browser, number: int) -> None:
    browser.run(f"{FRAME}.document.querySelectorAll('#pictures button')[{number}].click()")
    browser.wait(f"{ACTIVE}.picture.number === {number}")


def where(browser: Browser, row: float, col: float) -> tuple[float, float]:
    """Place of a pixel in the window: x, y."""
    x, y = browser.run(
        f"(([x, y], a, b) => [a.left + b.left + 1 + x, a.top + b.top + 1 + y])"
        f"({ACTIVE}.viewport.worldToCanvas([{col}, {row}, 0]), {ACTIVE}.element.getBoundingClientRect(), "
        f"document.querySelector('iframe').getBoundingClientRect())"
    )
    return float(x), float(y)


def use(browser: Browser, tool: str, start: tuple[float, float], end: tuple[float, float]) -> None:
    browser.run(f"{VIEWER}.panes.choose('{tool}')")
    browser.drag(where(browser, *start), where(browser, *end))


def words(browser: Browser) -> str:
    return str(browser.run(f"{FRAME}.document.querySelector('#measured').innerText"))


def test_stages_are_seen_with_the_windows_of_their_whole_range(browser: Browser, folder: Path) -> None:
    shelf = open_pictures(folder)
    for number in (0, 1, 0):
        choose(browser, number)
        pixels, about = frame_pixels(shelf.pictures[number], 0)
        level = (np.array([float(pixels[at]) for at in PLACES]) - about["lower"]) / (about["upper"] - about["lower"])
        screen = browser.screen()
        found = [int(screen[round(y), round(x), 0]) for x, y in (where(browser, *at) for at in PLACES)]
        assert found == pytest.approx(255 * np.clip(level, 0, 1), abs=GREY)
    assert not browser.complaints


def test_the_page_holds_no_address_and_no_name_of_a_folder(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert len(text) < 3e6 and "a private name" not in text and "Copyright" in text
    assert "default-src 'none'" in text and "plotly" not in text.partition("<script")[0]


def test_the_edge_is_measured_at_every_pixel_when_the_report_is_made(browser: Browser, folder: Path) -> None:
    choose(browser, 1)
    found = region_mtf(open_pictures(folder), 1, 0, EDGE)
    assert f"MTF50 {found['mtf50'][0]:.3f}" in words(browser)
    assert browser.run(f"!!{FRAME}.document.querySelector('#measured svg')")


def test_lengths_and_noise_are_those_of_the_server(browser: Browser, folder: Path) -> None:
    choose(browser, 1)
    use(browser, "Length", (20, 30), (80, 110))
    (length,) = browser.wait(f"{VIEWER}.lengths().length && {VIEWER}.lengths()")
    assert length["mm"] == pytest.approx(100 * 0.139, rel=0.01)
    region = (30, 60, 92, 120)
    found = browser.run(f"{FRAME}.radiographySource.ask('noise', {{picture: 1, region: [30, 60, 92, 120]}})")
    ours = region_noise(open_pictures(folder), 1, 0, region)
    # codes of 16 bits over three times the range of 500 DN: 0.023 DN, the noise is 0.6 DN
    assert found["mean"] == pytest.approx(ours["mean"], abs=0.01)
    assert (found["sd"], found["sd_about_plane"]) == pytest.approx((ours["sd"], ours["sd_about_plane"]), abs=0.005)
    assert (found["pixels"], found["left_out"], found["notes"]) == (ours["pixels"], 1, ours["notes"])
    use(browser, "NoiseRegion", (30, 95), (60, 120))
    browser.wait(f"{FRAME}.document.querySelector('#measured').innerText.includes('SNR')")


def test_an_mtf_region_says_what_measures_it(browser: Browser) -> None:
    choose(browser, 1)
    use(browser, "MtfRegion", (20, 60), (70, 100))
    browser.wait(f"{FRAME}.document.querySelector('#measured').innerText.includes('radiography mtf part.tif --roi ')")
    assert not browser.complaints


def test_flags_of_reduced_pictures_are_all_seen(folder: Path) -> None:
    view = keep_pictures(open_pictures(folder), most_pixels=2 * ROWS * COLS // 9 + 2)
    raw, part, flags = view.said["pictures"]
    assert (raw["step"], part["step"], part["rows"], part["cols"]) == (3, 3, ROWS // 3, COLS // 3)
    assert part["spacing_mm"] == pytest.approx(3 * 0.139) and part["flags"] == 2
    assert flags["flag_counts"] == {"dead": 1}
    assert any("first of 2 frames" in text for text in raw["warnings"])


@pytest.mark.slow
def test_a_part_is_kept_pixel_for_pixel_and_told_by_its_place(folder: Path, tmp_path: Path) -> None:
    page = tmp_path / "part.html"
    region = "30:120,40:140"
    assert run(["report", str(folder), "--out", str(page), "--part", region]) == 0
    with Browser(1280, 1000) as driven:
        opened(driven, page)
        choose(driven, 1)
        assert driven.run(f"[{ACTIVE}.picture.rows, {ACTIVE}.picture.cols]") == [90, 100]
        x, y = where(driven, 10, 20)
        driven.tell("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        driven.wait(f"{FRAME}.document.querySelector('#probe').textContent.startsWith('row 40, column 60')")
        use(driven, "MtfRegion", (0, 20), (50, 70))
        driven.wait(f"{FRAME}.document.querySelector('#measured').innerText.includes('--roi ')")
        r0, r1, c0, c1 = (int(n) for n in words(driven).partition("--roi ")[2].split()[0].replace(",", ":").split(":"))
        assert abs(r0 - 30) <= 1 and abs(r1 - 81) <= 1 and abs(c0 - 60) <= 1 and abs(c1 - 111) <= 1


@pytest.mark.slow
def test_of_a_sequence_the_page_says_that_it_shows_one_frame(browser: Browser) -> None:
    said = "radiographyKept.said.pictures"
    assert browser.run(f"{said}[0].name + ': ' + {said}[0].warnings.join()") == "raw.tif: the first of 2 frames"

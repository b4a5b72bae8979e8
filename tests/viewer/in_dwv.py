"""Pictures in dwv, a web viewer, in headless chromium: what its pages say that they show."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.viewer.browser import HERE, NODE_MODULES, file_answer, find_browser, site

needs_dwv = pytest.mark.skipif(
    sys.platform == "win32" or find_browser() is None or not (NODE_MODULES / "dwv").is_dir(),
    reason="chromium, or dwv under tests/viewer/node_modules, is not installed (npm line in test_viewers.py)",
)


def shown_by_dwv(page: str, picture: Path, rows: int, cols: int) -> dict[str, Any]:
    """What a page says after it opened a picture: window, spacing, ..., and grey (rows, cols), frames before them."""
    from tests.viewer.driven import Browser

    def pages(place: str, accept: str) -> tuple[int, str, bytes]:
        name = place.partition("?")[0]
        return file_answer(picture if name == "/picture.dcm" else HERE / name.lstrip("/"))

    with site(pages) as address, Browser(cols + 200, rows + 200, webgl=False) as browser:
        browser.open(f"{address}/{page}#{rows}x{cols}")
        shown = dict(browser.wait("window.shown"))
    assert "error" not in shown, shown
    frames = [shown["frames"]] if "frames" in shown else []
    shown["grey"] = np.array(shown.pop("red"), dtype=np.uint8).reshape(*frames, shown["height"], shown["width"])
    return shown

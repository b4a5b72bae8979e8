"""The page of `radiography view` inside a report: its parts in one document, and pictures as text."""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

PAGE = Path(__file__).resolve().parents[2] / "data" / "viewer"
KIT = "cornerstone.js"  # unpacked by the report, for its size
INSTEAD = {"server.js": "kept.js"}  # a report has no server
LARGEST_CODE = 65535
OUTLIERS_PERCENT = (0.01, 99.99)  # beyond which numbers may lie far off   # chosen
DEFLATE_LEVEL = 9  # text is made once and read often
_SCRIPT = re.compile(r'<script defer src="([a-z]+\.js)"></script>\n')


@dataclass(frozen=True, eq=False)
class EmbeddedView:
    """What the page shows in a report.

    Attributes
    ----------
    said : mapping
        As `pictures.json` of the server, with what a report adds: where a picture lies in its file, and edges measured.
    pixels : sequence of mapping
        A picture each, from `packed`.
    """

    said: Mapping[str, Any]
    pixels: Sequence[Mapping[str, Any]]


def packed(pixels: NDArray[Any], about: Mapping[str, float]) -> dict[str, Any]:
    """Pixels as the page unpacks them: codes of 16 bits, deflated, in base64.

    Parameters
    ----------
    pixels : (H, W) uint16 or float32
        uint16 stays as it is. Of other numbers a code is a 65,534th of three times what lies within
        `OUTLIERS_PERCENT`, or of their range where that is less; those beyond have the code of the end.
    about : mapping
        What the page is told of their window and range.

    Returns
    -------
    kept : dict
    """
    if pixels.dtype == np.uint16:
        return {"low": None, "high": None, "about": dict(about), "data": _text(pixels)}
    number = np.isfinite(pixels)
    numbers = pixels[number].astype(np.float64) if number.any() else np.zeros(1)
    near, far = (float(value) for value in np.percentile(numbers, OUTLIERS_PERCENT))
    low, high = max(float(numbers.min()), near - (far - near)), min(float(numbers.max()), far + (far - near))
    high = max(high, low + 1e-6 * max(abs(low), 1.0))
    codes = np.zeros(pixels.shape, np.uint16)
    scaled = (np.clip(numbers, low, high) - low) * ((LARGEST_CODE - 1) / (high - low))
    if number.any():
        codes[number] = (1 + np.round(scaled)).astype(np.uint16)
    return {"low": low, "high": high, "about": dict(about), "data": _text(codes)}


def view_parts(view: EmbeddedView) -> dict[str, str]:
    """What a report holds of the page: the page, cornerstone3D, licences, and pictures.

    Parameters
    ----------
    view : EmbeddedView

    Returns
    -------
    parts : dict of str
        ``page``: HTML; ``kit``: deflated, in base64; ``notices``: text; ``said``, ``pixels``: JSON.
    """
    html = (PAGE / "page.html").read_text(encoding="utf-8")
    names = [name for name in _SCRIPT.findall(html) if name != KIT]
    scripts = [(PAGE / INSTEAD.get(name, name)).read_text(encoding="utf-8") for name in names]
    html = _SCRIPT.sub("", html)
    style = (PAGE / "page.css").read_text(encoding="utf-8")
    html = html.replace('<link rel="stylesheet" href="page.css">', f"<style>\n{style}</style>")
    html = html.replace("</body>", "".join(f"<script>\n{script}</script>\n" for script in scripts) + "</body>")
    return {
        "page": html,
        "kit": base64.b64encode(zlib.compress((PAGE / KIT).read_bytes(), DEFLATE_LEVEL)).decode(),
        "notices": (PAGE / "NOTICES.txt").read_text(encoding="utf-8"),
        "said": json.dumps(view.said, allow_nan=False),
        "pixels": json.dumps(list(view.pixels), allow_nan=False),
    }


def _text(codes: NDArray[np.uint16]) -> str:
    """All high bytes, then all low ones, which are deflated better so."""
    halves = ((codes >> 8).astype(np.uint8).tobytes(), (codes & 0xFF).astype(np.uint8).tobytes())
    return base64.b64encode(zlib.compress(b"".join(halves), DEFLATE_LEVEL)).decode()

"""A study in OHIF, over DICOMweb of Orthanc: it opens, with our window, the picture upright.

`make long` unpacks OHIF under tests/viewer/ohif, where npm is; the archive and the browser are those of `.ci/run`.
"""

from __future__ import annotations

import base64
import io
import json
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import skimage.io

from calibration.conditions import Conditions
from radiography.dicom.description import DxDescription
from radiography.dicom.read import read_dx
from radiography.dicom.write import export_dx
from tests.viewer import archives, browser
from tests.viewer.test_archives import COLS, ROWS, needs_network, needs_orthanc, picture

OHIF = Path(__file__).parent / "ohif" / "package" / "dist"


@pytest.mark.long
@needs_network
@needs_orthanc
@pytest.mark.skipif(browser.find_browser() is None, reason="chromium is not installed")
@pytest.mark.skipif(not OHIF.is_dir(), reason="OHIF is not there (npm, then `make tests/viewer/ohif`)")
def test_ohif_opens_the_study_with_our_window(tmp_path: Path) -> None:
    place = tmp_path / "objects"
    place.mkdir()
    about = DxDescription(acquired=datetime(2024, 3, 1), patient_name="Wedge^Part", conditions=Conditions())
    predecessor = export_dx(picture(1), 0.139, place / "processing.dcm", about, for_processing=True)
    export_dx(picture(1), 0.139, place / "presentation.dcm", about, predecessor=predecessor)
    code = f"import runpy; runpy.run_path({str(Path(__file__).parent / 'ohif_site.py')!r}, run_name='__main__')"
    ran = archives.run_beside(archives.orthanc(tmp_path), [4242, 8042], code, tmp_path, str(tmp_path))
    assert ran.returncode == 0, ran.stderr[-3000:]
    seen = json.loads(ran.stdout.splitlines()[-1])
    assert "error" not in seen, seen
    found = read_dx(place / "presentation.dcm")
    center, width = (float(found.metadata[key]) for key in ("WindowCenter", "WindowWidth"))
    # PS3.3 C.11.2.1.2.1: from center - 0.5 - (width - 1) / 2 to center - 0.5 + (width - 1) / 2
    assert seen["voi"]["lower"] == pytest.approx(center - width / 2, abs=1)
    assert seen["voi"]["upper"] == pytest.approx(center + width / 2 - 1, abs=1)
    assert not seen["invert"] and seen["dimensions"][:2] == [COLS, ROWS]
    assert seen["spacing"][:2] == pytest.approx([0.139, 0.139])
    shown = np.asarray(skimage.io.imread(io.BytesIO(base64.b64decode(seen["image"].partition(",")[2]))))[..., 0]
    scale = shown.shape[1] / seen["shown"][0]
    (left, top), (right, bottom) = ((scale * seen[end][0], scale * seen[end][1]) for end in ("first", "last"))
    assert right > left + 100 and bottom > top + 100  # upright, not mirrored
    stored = found.pixels[0].astype(np.float64)
    expected = np.clip(((stored - (center - 0.5)) / (width - 1) + 0.5) * 255, 0, 255)
    for row, col in (
        (30, 30),
        (160, 100),
        (160, 200),
        (160, 300),
        (300, 380),
    ):  # means of 11 x 11 pixels, against noise
        y = round(top + (bottom - top) * row / (ROWS - 1))
        x = round(left + (right - left) * col / (COLS - 1))
        half = max(round(5 * (right - left) / (COLS - 1)), 1)
        ours = expected[row - 5 : row + 6, col - 5 : col + 6].mean()
        assert shown[y - half : y + half + 1, x - half : x + half + 1].mean() == pytest.approx(ours, abs=4), (row, col)

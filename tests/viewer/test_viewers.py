"""Pictures for presentation in programs that others wrote: grey levels, window, orientation and pixel spacing.

`dcm2pnm` is the renderer of DCMTK (apt: dcmtk). dwv is a web viewer, opened in headless chromium (apt: chromium), from
`npm install --no-save --prefix tests/viewer dwv@0.36.4 konva@10.2.5 jszip@3.10.2 magic-wand-tool@1.1.7`.
"""

from __future__ import annotations

import shutil
import subprocess
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import skimage.io

from calibration.conditions import Conditions
from radiography.dicom.description import DxDescription
from radiography.dicom.read import read_dx
from radiography.dicom.write import export_dx, write_dx
from tests.viewer.in_dwv import needs_dwv, shown_by_dwv
from tests.viewer.letter import COLS, PITCH_MM, ROWS, by_the_standard, check_upright_letter, exposure, window_of

WINDOW = (6000, 9001)
needs_dcmtk = pytest.mark.skipif(shutil.which("dcm2pnm") is None, reason="dcm2pnm is not installed (apt: dcmtk)")


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The letter and the wedge, exported as the command line does it, with a known object plane."""
    path = tmp_path_factory.mktemp("viewer") / "phantom.dcm"
    description = DxDescription(
        magnification=1.2,
        conditions=Conditions(source_to_detector_mm=1500.0),
        acquired=datetime(2024, 3, 1),
        patient_name="Letter F",
    )
    export_dx(exposure(), PITCH_MM, path, description)
    return path


@pytest.fixture(scope="module")
def greys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1024 evenly spaced counts of 14 bits under one window; no object plane."""
    path = tmp_path_factory.mktemp("viewer") / "greys.dcm"
    ramp = np.linspace(0, 2**14 - 1, 1024).round().astype(np.uint16)
    pixels = np.resize(ramp, (ROWS, COLS))
    about = DxDescription(acquired=datetime(2024, 3, 1), conditions=Conditions(source_to_detector_mm=1500.0))
    write_dx(path, pixels, PITCH_MM, about, window=WINDOW)
    return path


def dcmtk_levels(path: Path, folder: Path) -> np.ndarray:
    picture = folder / "dcmtk.png"
    subprocess.run(["dcm2pnm", "+Wi", "1", "+on", str(path), str(picture)], check=True, capture_output=True)
    return np.asarray(skimage.io.imread(picture))


def check_levels(shown: np.ndarray, path: Path, placed_within_pixels: int = 0) -> None:
    """Every level within two of the standard: one for rounding, one for the half count at the window's edge."""
    expected = by_the_standard(read_dx(path).pixels[0], *window_of(path))
    assert shown.shape == expected.shape
    reach = placed_within_pixels
    inner = expected[reach : ROWS - reach, reach : COLS - reach]
    worst = [
        np.abs(shown[r : r + inner.shape[0], c : c + inner.shape[1]].astype(np.float64) - inner).max()
        for r in range(2 * reach + 1)
        for c in range(2 * reach + 1)
    ]
    assert min(worst) <= 2


@needs_dcmtk
@pytest.mark.parametrize("name", ["phantom", "greys"])
def test_dcmtk_draws_the_levels_of_the_standard(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    path = request.getfixturevalue(name)
    check_levels(dcmtk_levels(path, tmp_path), path)


@needs_dcmtk
def test_dcmtk_shows_the_letter_upright_and_thick_parts_bright(phantom: Path, tmp_path: Path) -> None:
    check_upright_letter(dcmtk_levels(phantom, tmp_path))


@pytest.mark.slow
@needs_dwv
def test_a_web_viewer_shows_the_letter_with_its_window_and_the_spacing_of_the_object(phantom: Path) -> None:
    shown = shown_by_dwv("dwv_page.html", phantom, ROWS, COLS)
    # dwv draws some spacings one pixel off, by its own rounding; dcm2pnm above is held to none. It also draws no window
    # wider than the picture's own counts (validateWindowLevel), which is why the phantom has a marker.
    counts = read_dx(phantom).pixels
    assert float(counts.max()) - float(counts.min()) >= window_of(phantom)[1]
    check_levels(shown["grey"], phantom, placed_within_pixels=1)
    check_upright_letter(shown["grey"])
    assert tuple(shown["window"]) == window_of(phantom)
    assert shown["spacing"] == pytest.approx([PITCH_MM / 1.2] * 2, rel=1e-9)
    assert shown["orientation"] == ["L", "F"]


@pytest.mark.slow
@needs_dwv
def test_a_web_viewer_draws_the_levels_of_the_standard_at_the_pitch_of_the_detector(greys: Path) -> None:
    shown = shown_by_dwv("dwv_page.html", greys, ROWS, COLS)
    check_levels(shown["grey"], greys)
    assert tuple(shown["window"]) == WINDOW
    assert shown["spacing"] == pytest.approx([PITCH_MM] * 2, rel=1e-9)


@pytest.mark.slow
@needs_dwv
def test_a_web_viewer_has_no_window_to_narrow(tmp_path: Path) -> None:
    """A wedge without air or marker: its window had a margin beyond its counts, and greys were up to 10 off in dwv."""
    wedge = np.exp(-np.linspace(0.3, 0.9, COLS, dtype=np.float32))[None, :].repeat(ROWS, axis=0)
    path = tmp_path / "wedge.dcm"
    export_dx(1000.0 * wedge, PITCH_MM, path, DxDescription(acquired=datetime(2024, 3, 1)))
    shown = shown_by_dwv("dwv_page.html", path, ROWS, COLS)
    assert tuple(shown["window"]) == window_of(path)
    check_levels(shown["grey"], path, placed_within_pixels=1)

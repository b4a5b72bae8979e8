"""Pictures for presentation in programs that others wrote: grey levels, window, orientation and pixel spacing.

`dcm2pnm` is the renderer of DCMTK (apt: dcmtk). dwv is a web viewer, opened in headless chromium (apt: chromium), from
`npm install --no-save --prefix tests/viewer dwv@0.36.4 konva@10.2.5 jszip@3.10.2 magic-wand-tool@1.1.7`.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.ndimage
import skimage.io

from calibration.conditions import Conditions
from radiography.dicom.description import DxDescription
from radiography.dicom.read import read_dx
from radiography.dicom.write import export_dx, write_dx

HERE = Path(__file__).parent
PITCH_MM = 0.139
ROWS, COLS = 320, 400
WINDOW = (6000, 9001)
F_STROKES = ((slice(60, 260), slice(60, 90)), (slice(60, 90), slice(60, 180)), (slice(140, 170), slice(60, 150)))
STEPS_MM = np.arange(11)  # wedge, thicker to the right
MARKER = (slice(60, 80), slice(340, 360))  # of lead; with it the picture's counts reach past both ends of its window


def _browser() -> Any:
    spec = importlib.util.spec_from_file_location("viewer_browser", HERE / "browser.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


browser = _browser()
needs_dcmtk = pytest.mark.skipif(shutil.which("dcm2pnm") is None, reason="dcm2pnm is not installed (apt: dcmtk)")
needs_dwv = pytest.mark.skipif(
    browser.find_browser() is None or not (browser.NODE_MODULES / "dwv").is_dir(),
    reason="chromium, or dwv under tests/viewer/node_modules, is not installed (npm line in this file)",
)


def exposure() -> np.ndarray:
    """A thick letter F and a lead marker over a wedge of 11 steps whose exposure halves from step to step."""
    corrected_dn = np.full((ROWS, COLS), 40000.0, dtype=np.float32)
    for stroke in F_STROKES:
        corrected_dn[stroke] = 400.0
    for k in STEPS_MM:
        corrected_dn[275:315, 20 + 34 * k : 54 + 34 * k] = 40000.0 * 0.5**k
    corrected_dn[MARKER] = 1.0
    return corrected_dn


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


def by_the_standard(stored: np.ndarray, center: float, width: float) -> np.ndarray:
    """8-bit level of each stored count: DICOM PS3.3 C.11.2.1.2.1, function LINEAR."""
    level = ((stored.astype(np.float64) - (center - 0.5)) / (width - 1) + 0.5) * 255
    return np.clip(level, 0, 255)


def dcmtk_levels(path: Path, folder: Path) -> np.ndarray:
    picture = folder / "dcmtk.png"
    subprocess.run(["dcm2pnm", "+Wi", "1", "+on", str(path), str(picture)], check=True, capture_output=True)
    return np.asarray(skimage.io.imread(picture))


def window_of(path: Path) -> tuple[float, float]:
    metadata = read_dx(path).metadata
    return float(metadata["WindowCenter"]), float(metadata["WindowWidth"])


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


def check_upright_letter(shown: np.ndarray) -> None:
    """The letter is bright on dark, stands upright and is not mirrored; the wedge brightens to the right."""
    inside = np.zeros((ROWS, COLS), dtype=bool)
    for stroke in F_STROKES:
        inside[stroke] = True
    far_inside = scipy.ndimage.binary_erosion(inside, iterations=2)
    far_outside = ~scipy.ndimage.binary_dilation(inside, iterations=2)
    far_outside[270:] = False  # the wedge
    far_outside[50:90, 330:370] = False  # the marker, and what dwv draws a pixel off
    assert int(shown[far_inside].min()) > int(shown[far_outside].max()) + 40
    steps = [shown[285:305, 30 + 34 * k : 44 + 34 * k].mean() for k in STEPS_MM]
    assert np.all(np.diff(steps) >= 0)
    assert np.count_nonzero(np.diff(steps) > 15) >= 7  # those within the window: 1375 of some 13 000 counts each


@needs_dcmtk
@pytest.mark.parametrize("name", ["phantom", "greys"])
def test_dcmtk_draws_the_levels_of_the_standard(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    path = request.getfixturevalue(name)
    check_levels(dcmtk_levels(path, tmp_path), path)


@needs_dcmtk
def test_dcmtk_shows_the_letter_upright_and_thick_parts_bright(phantom: Path, tmp_path: Path) -> None:
    check_upright_letter(dcmtk_levels(phantom, tmp_path))


@needs_dwv
def test_a_web_viewer_shows_the_letter_with_its_window_and_the_spacing_of_the_object(phantom: Path) -> None:
    shown = browser.show("dwv_page.html", phantom, ROWS, COLS)
    # dwv draws some spacings one pixel off, by its own rounding; dcm2pnm above is held to none. It also draws no window
    # wider than the picture's own counts (validateWindowLevel), which is why the phantom has a marker.
    counts = read_dx(phantom).pixels
    assert float(counts.max()) - float(counts.min()) >= window_of(phantom)[1]
    check_levels(shown["grey"], phantom, placed_within_pixels=1)
    check_upright_letter(shown["grey"])
    assert tuple(shown["window"]) == window_of(phantom)
    assert shown["spacing"] == pytest.approx([PITCH_MM / 1.2] * 2, rel=1e-9)
    assert shown["orientation"] == ["L", "F"]


@needs_dwv
def test_a_web_viewer_draws_the_levels_of_the_standard_at_the_pitch_of_the_detector(greys: Path) -> None:
    shown = browser.show("dwv_page.html", greys, ROWS, COLS)
    check_levels(shown["grey"], greys)
    assert tuple(shown["window"]) == WINDOW
    assert shown["spacing"] == pytest.approx([PITCH_MM] * 2, rel=1e-9)

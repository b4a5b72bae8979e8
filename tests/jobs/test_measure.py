"""The MTF of an image file, called from Python."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from radiography.files.frames import read_image, write_tiff
from radiography.jobs.measure import measure_mtf, mtf_to_json


@pytest.fixture
def edge(tmp_path: Path) -> Path:
    """An ideal edge at 4 degrees, blurred by pixels of 0.1 mm."""
    rows, cols = np.mgrid[:120, :100]
    distance = (cols - 50.0) * np.cos(np.radians(4)) - (rows - 60.0) * np.sin(np.radians(4))
    pixels = (1000.0 + 9000.0 * np.clip(distance + 0.5, 0, 1)).astype(np.float32)
    write_tiff(tmp_path / "edge.tif", pixels, 0.1, {})
    return tmp_path / "edge.tif"


def test_the_curve_is_measured_and_written(edge: Path) -> None:
    found = measure_mtf(edge, json_file=edge.with_suffix(".json"), plot=str(edge.with_suffix(".png")))
    assert found.curve.pitch_mm == 0.1 and abs(found.curve.angle_deg) == pytest.approx(4.0, abs=0.1)
    assert json.loads(edge.with_suffix(".json").read_text())["value"] == found.curve.value.tolist()
    assert found.plot is not None and found.plot.read_bytes()[:4] == b"\x89PNG"


def test_without_names_nothing_is_written(edge: Path) -> None:
    found = measure_mtf(str(edge), pitch_mm=0.2)
    assert (found.curve.pitch_mm, found.json_file, found.plot) == (0.2, None, None)
    assert list(edge.parent.iterdir()) == [edge]


def test_frames_inside_a_file_are_named_by_their_file(edge: Path) -> None:
    with h5py.File(edge.with_suffix(".h5"), "w") as file:
        file["entry/data"] = read_image(edge).pixels
    found = measure_mtf(f"{edge.with_suffix('.h5')}::/entry/data", pitch_mm=0.1)
    assert mtf_to_json(found)["image"] == "edge.h5"

"""The MTF of an image file, called from Python."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from calibration.flags import EXTRAPOLATED, INTERPOLATED, SATURATED
from radiography.files.frames import read_image, write_tiff
from radiography.jobs.curves import read_mtf
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


MTF_FIELDS = {
    "nyquist_per_mm", "cutoff_per_mm", "mtf50_per_mm", "low_frequency_drop", "contrast_to_noise", "orientation",
    "bright_side", "bow_mm", "heel_per_mm", "outlier_count", "edges", "definition", "quality", "simultaneous_factor",
}  # fmt: skip


def test_the_json_holds_what_describes_an_edge_and_its_doubts(edge: Path) -> None:
    found = mtf_to_json(measure_mtf(edge))
    assert set(found) >= MTF_FIELDS
    assert found["nyquist_per_mm"] == 5.0
    assert set(found["mtf50_per_mm"]) == {"value", "standard_error"}
    assert found["mtf50_per_mm"]["value"] == pytest.approx(6.03, abs=0.05)  # sinc(0.6034) is one half
    assert (found["orientation"], found["bright_side"]) == ("vertical", "right")
    assert [edge["value"] for edge in found["edges"]] == [found["value"]]
    assert "without_glare" not in found
    assert "presampled" in found["definition"]


@pytest.fixture
def plate(tmp_path: Path) -> Path:
    """A plate with four edges at 4 degrees, with noise."""
    u, v = np.mgrid[-150.0:150, -160.0:160]
    angle = np.radians(4)
    across, along = u * np.cos(angle) + v * np.sin(angle), v * np.cos(angle) - u * np.sin(angle)
    inside = np.clip(70.5 - np.abs(across), 0, 1) * np.clip(75.5 - np.abs(along), 0, 1)
    pixels = 10000.0 - 9000.0 * inside + np.random.default_rng(1).normal(0, 100, u.shape)
    write_tiff(tmp_path / "plate.tif", pixels.astype(np.float32), 0.1, {})
    return tmp_path / "plate.tif"


def test_all_edges_have_a_table_json_csv_and_a_curve_each(plate: Path) -> None:
    names = {kind: plate.with_suffix(f".{kind}") for kind in ("json", "csv", "png")}
    found = measure_mtf(plate, edges="all", json_file=names["json"], csv_file=names["csv"], plot=names["png"])
    sides = {"left", "right", "top", "bottom"}
    assert {curve.bright_side for curve in found.curves} == sides
    written = json.loads(names["json"].read_text())
    assert {edge["bright_side"] for edge in written["edges"]} == sides
    assert written["value"] == written["edges"][0]["value"]
    with names["csv"].open() as file:
        rows = list(csv.DictReader(file))
    assert {row["bright_side"] for row in rows} == sides
    assert len(rows) == sum(curve.value.size for curve in found.curves)


def test_the_table_of_one_edge_is_one_that_a_layer_can_be_fitted_to(edge: Path) -> None:
    found = measure_mtf(edge, csv_file=edge.with_suffix(".csv"))
    (frequency, value, _), assumed = read_mtf(edge.with_suffix(".csv"))
    assert not assumed
    assert frequency == pytest.approx(found.curve.frequency_per_mm[1:], rel=1e-8)
    assert value == pytest.approx(found.curve.value[1:], rel=1e-8)


def test_without_glare_stands_beside_the_whole_curve(edge: Path) -> None:
    found = measure_mtf(edge, no_glare=True, csv_file=edge.with_suffix(".csv"))
    assert found.without_glare[0].value == pytest.approx(found.curve.value, abs=2e-3)  # there is none
    assert mtf_to_json(found)["without_glare"]["reach_mm"] < 2.0
    assert edge.with_suffix(".csv").read_text().splitlines()[0].endswith("without_glare,without_glare_standard_error")


def test_an_open_region_goes_to_the_borders(edge: Path) -> None:
    assert measure_mtf(edge, roi=(None, None, 20, None)).curve.roi == (0, 120, 20, 100)


def flag_plane(edge: Path, flags: np.ndarray) -> Path:
    write_tiff(edge.with_name("flags.tif"), flags.astype(np.uint16), 0.1, {"kind": "flags"})
    return edge.with_name("flags.tif")


def test_pixels_of_the_flag_plane_are_left_out(edge: Path) -> None:
    pixels, flags = read_image(edge).pixels.copy(), np.zeros((120, 100), dtype=np.uint16)
    pixels[:, 60], flags[:, 60] = 5e4, INTERPOLATED
    pixels[5, 5] = np.nan
    flags[50:] |= EXTRAPOLATED  # a good pixel
    write_tiff(edge.with_name("spoiled.tif"), pixels, 0.1, {})
    found = measure_mtf(edge.with_name("spoiled.tif"), flags=flag_plane(edge, flags))
    assert found.curve.value == pytest.approx(measure_mtf(edge).curve.value, abs=2e-3)
    assert found.curve.outlier_count == 0


def test_a_saturated_side_of_the_flag_plane_refuses_the_edge(edge: Path) -> None:
    flags = np.where(np.arange(100) > 55, SATURATED, 0) * np.ones((120, 1), dtype=int)
    with pytest.raises(ValueError, match="of the open field is flagged as saturated"):
        measure_mtf(edge, flags=flag_plane(edge, flags), json_file=edge.with_suffix(".json"))
    assert not edge.with_suffix(".json").exists()


def test_a_mask_of_another_size_is_named(edge: Path) -> None:
    with pytest.raises(ValueError, match=r"flags.tif are 20 x 30 but .*edge.tif is 120 x 100"):
        measure_mtf(edge, flags=flag_plane(edge, np.zeros((20, 30))))
    with pytest.raises(ValueError, match="--edges must be strongest or all, got 'both'"):
        measure_mtf(edge, edges="both")


def test_numbers_too_large_are_left_out_and_said(edge: Path) -> None:
    pixels = read_image(edge).pixels.astype(np.float64)
    pixels[3, 4] = 1e300
    np.save(edge.with_suffix(".npy"), pixels)
    found = measure_mtf(edge.with_suffix(".npy"), pitch_mm=0.1)
    assert any("1 pixels are too large a number" in doubt for doubt in found.doubts)

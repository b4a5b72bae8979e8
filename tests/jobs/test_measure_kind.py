"""Judgement of image files by kind: numbers against known images, JSON by its contract, doubts and refusals."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from radiography.files.frames import tiff_pages, write_tiff
from radiography.jobs.kind_types import Asked
from radiography.jobs.kinds import KINDS
from radiography.jobs.measure_kind import measure_kind
from tests.analysis.duplex_truth import duplex_picture, true_resolution

SHAPE = (240, 320)
PITCH = 0.4  # squares of 25 pixels
OFFSET = 1000.0


def stack(path: Path, frames: Iterable[NDArray[Any]], about: dict[str, Any] | None = None) -> Path:
    with tiff_pages(path, PITCH, about or {}) as write_page:
        for frame in frames:
            write_page(frame, None)
    return path


def raw(values: NDArray[np.float64]) -> NDArray[np.uint16]:
    return np.clip(np.round(values), 0, 65535).astype(np.uint16)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Darks, flats with a trend of 10 %, and a lag sequence, of one offset map."""
    out = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(1)
    offset = OFFSET + 20.0 * rng.standard_normal(SHAPE)
    field = 10000.0 * (1.0 + 0.1 * np.linspace(-0.5, 0.5, SHAPE[1]))
    stack(out / "dark.tif", (raw(offset + 5 * rng.standard_normal(SHAPE)) for _ in range(8)), {"kind": "raw"})
    stack(out / "flat.tif", (raw(offset + field + 100 * rng.standard_normal(SHAPE)) for _ in range(4)))
    signal = (
        [0.0] * 3 + [20000.0] * 20 + [20000.0 * (0.04 * np.exp(-k / 0.9) + 0.01 * np.exp(-k / 7)) for k in range(20)]
    )
    stack(out / "lag.tif", (raw(offset + s + np.sqrt(25 + 0.5 * s) * rng.standard_normal(SHAPE)) for s in signal))
    for number, dose in enumerate((1.0, 2.0, 5.0, 10.0)):
        frame = raw(offset + 1000 * dose + np.sqrt(25 + 100 * dose) * rng.standard_normal(SHAPE))
        write_tiff(out / f"dose{number}.tif", frame, PITCH, {"air_kerma_uGy": dose})
    return out


def found(kind: str, files: Any, asked: Asked | None = None, **other: Any) -> dict[str, Any]:
    return measure_kind(kind, files, asked, **other).result


def test_snr_of_raw_frames_with_darks(folder: Path) -> None:
    result = found("snr", folder / "flat.tif", dark=folder / "dark.tif")
    assert result["snr"] == result["value"] == pytest.approx(100.0, rel=0.01)
    assert 0 < result["standard_error"] < 0.5
    assert result["noise_from"] == "differences of frames" and result["unit"] == "1"
    assert result["measure"] == "snr" and result["frames"] == 4 and result["dark_frames"] == 8
    assert not result["warnings"]


def test_shielded_columns_are_left_out_unless_they_are_asked_for(tmp_path: Path) -> None:
    values = 1000.0 + np.random.default_rng(1).normal(0, 10, (3, 64, 64))
    values[:, :, :16] = 100.0 + values[:, :, :16] / 100
    path = stack(tmp_path / "flat.tif", values.astype(np.float32), {"shielded_cols": [[0, 16]]})
    whole = found("snr", path)
    assert whole["mean_signal"] == pytest.approx(1000.0, abs=1.0)
    assert any("columns 0:16 as shielded" in said for said in whole["warnings"])
    shielded = found("snr", path, Asked(roi=(0, 64, 0, 16)))
    assert shielded["mean_signal"] == pytest.approx(110.0, abs=1.0)
    assert not any("as shielded" in said for said in shielded["warnings"])


def test_without_darks_an_offset_that_counts_is_said(folder: Path, tmp_path: Path) -> None:
    result = found("snr", folder / "flat.tif")
    assert result["snr"] == pytest.approx(110.0, rel=0.01)
    assert "does not say whether its offset is subtracted" in result["warnings"][0]
    assert "its offset counts as signal" in found("snr", folder / "dark.tif")["warnings"][0]


def test_cnr_of_a_detail(folder: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    frames = [10000.0 + 100.0 * rng.standard_normal(SHAPE) for _ in range(2)]
    for frame in frames:
        frame[100:160, 100:160] -= 400.0
    path = stack(tmp_path / "detail.tif", (frame.astype(np.float32) for frame in frames), {"kind": "corrected"})
    asked = Asked(roi=(105, 155, 105, 155), background=(20, 80, 105, 155))
    result = found("cnr", path, asked)
    assert result["cnr"] == pytest.approx(4.0, abs=3 * result["standard_error"])
    assert result["contrast"] == pytest.approx(-0.04, abs=0.001)
    assert result["noise_from"].endswith("in the background") and not result["warnings"]
    with pytest.raises(ValueError, match="cnr needs the region of the detail with --roi and one beside it"):
        found("cnr", path, Asked(roi=(105, 155, 105, 155)))


def test_uniformity_has_its_contract(folder: Path) -> None:
    result = found("uniformity", folder / "flat.tif", dark=folder / "dark.tif")
    assert result["block_mm"] == 10.0 and np.array(result["map"]).shape == (7, 10)
    assert result["global_percent"] == pytest.approx(10.0 * 9 * 25 / 319, abs=0.2)
    assert result["local_percent"] == pytest.approx(10.0 * 25 / 319, abs=0.2)
    assert result["global_standard_error_percent"] < 0.05 < result["snr_nonuniformity_percent"]


def test_lag_has_its_contract(folder: Path) -> None:
    result = found("lag", folder / "lag.tif", dark=folder / "dark.tif")
    assert result["frame"].tolist() == list(range(1, 21)) and result["last_exposed_frame"] == 22
    truth = [0.04 * np.exp(-k / 0.9) + 0.01 * np.exp(-k / 7) for k in range(20)]
    np.testing.assert_allclose(result["residual"], truth, rtol=0, atol=2e-5)
    assert result["first_frame_percent"] == pytest.approx(5.0, abs=0.005)
    assert [c["time_frames"] for c in result["components"]] == pytest.approx([0.9, 7.0], rel=0.05)
    assert not result["warnings"]
    said = found("lag", folder / "lag.tif")
    assert said["residual"][0] == pytest.approx(0.05, abs=5e-5)
    assert said["offset_from"] == "the 3 frames before the beam" and said["offset_from"] in said["warnings"][0]


def test_contrast_detail_has_its_contract(folder: Path, tmp_path: Path) -> None:
    asked = Asked(diameters_mm=(2.0, 4.0, 8.0), d_prime=5.0)
    result = found("contrast-detail", folder / "flat.tif", asked, dark=folder / "dark.tif")
    truth = 5.0 * 0.01 * PITCH / np.sqrt(np.pi * np.array([2.0, 4.0, 8.0]) ** 2 / 4)
    np.testing.assert_allclose(result["threshold_contrast"], truth, rtol=0.03)
    assert result["d_prime"] == 5.0 and result["observer"] == "non-prewhitening matched filter"
    (tmp_path / "mtf.csv").write_text("0.5,0.9\n1,0.6\n1.5,0.3\n5,0\n")
    blurred = found(
        "contrast-detail",
        folder / "flat.tif",
        Asked(mtf=tmp_path / "mtf.csv", diameters_mm=(0.3, 2.0)),
        dark=folder / "dark.tif",
    )
    assert blurred["diameter_mm"][0] == 0.3 and blurred["mtf"] == "mtf.csv"


@pytest.mark.slow
def test_duplex_has_its_contract(tmp_path: Path) -> None:
    picture = duplex_picture((120, 460), 0.139, sigma_mm=0.06, noise=30.0)
    write_tiff(tmp_path / "wires.tif", picture.astype(np.float32), 0.139, {"kind": "corrected"})
    measured = measure_kind("duplex", tmp_path / "wires.tif", csv_file=tmp_path / "wires.csv")
    result = measured.result
    assert result["isrb_mm"] == pytest.approx(true_resolution(5.0, 0.06, 0.139), rel=0.03)
    assert result["srb_mm"] == 0.1 and 0 < result["isrb_standard_error_mm"] < 0.002
    assert set(result["wires"][0]) >= {"name", "diameter_mm", "dip_percent", "standard_error"}
    rows = list(csv.reader((tmp_path / "wires.csv").read_text().splitlines()))
    assert rows[0][:2] == ["wires", "diameter_mm"] and rows[1][:2] == ["1D", "0.8"] and len(rows) == 14


def test_step_wedge_says_what_it_does_not_know(tmp_path: Path) -> None:
    heights = (2.0, 4.0, 6.0, 8.0)
    rng = np.random.default_rng(1)
    row = np.ones((60, 1)) * np.repeat(20000.0 * np.exp(-0.05 * np.array(heights)), 40)
    frames = ((row + 50.0 * rng.standard_normal(row.shape)).astype(np.float32) for _ in range(2))
    path = stack(tmp_path / "wedge.tif", frames, {"kind": "corrected"})
    result = found("step-wedge", path, Asked(thickness_mm=heights))
    assert [step["thickness_mm"] for step in result["steps"]] == list(heights)
    first = result["steps"][0]
    assert first["snr"] == pytest.approx(20000 * np.exp(-0.1) / 50, abs=4 * first["snr_standard_error"])
    said = " ".join(result["warnings"])
    assert "no basic spatial resolution was given with --srb" in said and "where it saturates" in said
    assert result["material_range"][0]["thickest_mm"] == 8.0 and result["material_range"][0]["thicker_not_in_wedge"]
    with pytest.raises(ValueError, match="needs the thickness of each step in mm, in order, with --thickness"):
        found("step-wedge", path)


def test_linearity_takes_doses_from_files_or_as_given(folder: Path) -> None:
    files = [folder / f"dose{number}.tif" for number in range(4)]
    result = found("linearity", files, dark=folder / "dark.tif")
    response = result["response"]
    assert response["dn_per_uGy"] == pytest.approx(1000.0, rel=0.001)
    assert response["offset_dn"] == pytest.approx(OFFSET, abs=3.0) and response["worst_nonlinearity"] < 0.001
    assert result["detective_range_uGy"] == pytest.approx([0.015, 10.0], rel=0.02)
    halved = found("linearity", files, Asked(doses_uGy=(0.5, 1.0, 2.5, 5.0)), dark=folder / "dark.tif")
    assert halved["response"]["dn_per_uGy"] == pytest.approx(2000.0, rel=0.001)
    with pytest.raises(ValueError, match="one dose for each of 4 files or 4 frames, got 2"):
        found("linearity", files, Asked(doses_uGy=(1.0, 2.0)))
    with pytest.raises(ValueError, match="needs the dose of each of the 1 files"):
        found("linearity", folder / "flat.tif")


def test_clipped_frames_are_said(folder: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    clipped = np.minimum(60000.0 + 500.0 * rng.standard_normal(SHAPE), 60500.0)
    write_tiff(tmp_path / "clipped.tif", raw(clipped), PITCH, {"kind": "corrected"})
    write_tiff(tmp_path / "full.tif", np.full(SHAPE, 65535, np.uint16), PITCH, {"kind": "corrected"})
    assert "may be saturated or clipped" in found("snr", tmp_path / "clipped.tif")["warnings"][0]
    assert "clipped" not in " ".join(found("snr", folder / "flat.tif")["warnings"])
    with pytest.raises(ValueError, match="no noise at all"):
        found("snr", tmp_path / "full.tif")


def test_the_trend_over_earlier_results(folder: Path, tmp_path: Path) -> None:
    first = tmp_path / "first.json"
    measure_kind("snr", folder / "flat.tif", dark=folder / "dark.tif", json_file=first)
    changed = json.loads(first.read_text())
    for name, day, snr in (("a", "2026-01-01", 90.0), ("b", "2026-01-31", 95.0)):
        (tmp_path / f"{name}.json").write_text(json.dumps({**changed, "date": day, "snr": snr, "standard_error": 0.1}))
    path = tmp_path / "dated.tif"
    rng = np.random.default_rng(4)
    stack(
        path,
        ((10000.0 + 100.0 * rng.standard_normal(SHAPE)).astype(np.float32) for _ in range(2)),
        {"kind": "corrected", "date": "2026-03-02"},
    )
    result = found("snr", path, earlier=[tmp_path / "b.json", tmp_path / "a.json"])
    trend = result["trend"]["snr"]
    assert trend["baseline"] == 90.0 and trend["values"][:2] == [90.0, 95.0]
    assert trend["change"] == pytest.approx(10.0, abs=1.0)  # four standard errors of two frames
    assert trend["slope_per_30_days"] == pytest.approx(5.0, abs=0.5) and trend["slope_standard_error"] > 0
    undated = found("snr", folder / "flat.tif", dark=folder / "dark.tif", earlier=first)
    assert undated["trend"]["snr"]["change"] == pytest.approx(0.0, abs=1e-6)
    assert "not every measurement has a date" in " ".join(undated["warnings"])
    with pytest.raises(ValueError, match="is of the measure 'snr'; a trend of lag needs earlier ones of lag"):
        found("lag", folder / "lag.tif", earlier=first)
    (tmp_path / "broken.json").write_text("[")
    with pytest.raises(ValueError, match="is no JSON of `radiography measure`"):
        found("snr", path, earlier=tmp_path / "broken.json")


def test_lists_of_numbers_have_a_trend_for_each(folder: Path, tmp_path: Path) -> None:
    asked = Asked(diameters_mm=(2.0, 4.0))
    out = tmp_path / "cd.json"
    measure_kind("contrast-detail", folder / "flat.tif", asked, json_file=out)
    result = found("contrast-detail", folder / "flat.tif", asked, earlier=out)
    assert list(result["trend"]) == ["threshold_contrast at 2 mm", "threshold_contrast at 4 mm"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["uniformity", "lag", "contrast-detail", "linearity"])
def test_json_and_pictures_are_written_whole(kind: str, folder: Path, tmp_path: Path) -> None:
    files: Any = {"lag": folder / "lag.tif", "linearity": [folder / f"dose{n}.tif" for n in range(4)]}.get(
        kind, folder / "flat.tif"
    )
    out, plot = tmp_path / "out.json", tmp_path / "out.png"
    measured = measure_kind(
        kind, files, dark=folder / "dark.tif", json_file=out, plot=plot, csv_file=tmp_path / "o.csv"
    )
    written = json.loads(out.read_text())
    assert written["measure"] == kind and written["definition"] and "warnings" in written
    assert plot.stat().st_size > 10_000
    assert (tmp_path / "o.csv").read_text().count("\n") == len(measured.table.rows) + 1


@pytest.mark.parametrize(
    ("kind", "file", "asked", "dark", "message"),
    [
        ("sharpness", "flat.tif", None, None, "no measurement is called 'sharpness'; known: lag, uniformity, snr"),
        ("snr", "flat.tif", Asked(doses_uGy=(1.0,)), None, "--dose is for linearity, not for snr"),
        ("snr", "flat.tif", Asked(roi=(0, 300, 0, 10)), None, "region 0:300,0:10 must lie within the 240 x 320 pixels"),
        ("snr", "nothing.tif", None, None, "nothing.tif does not exist"),
        ("snr", "corrected.tif", None, "dark.tif", "is a corrected image, .* leave out --dark"),
        ("snr", "flags.tif", None, None, "is a plane of flags, .* snr of an image needs one that is linear"),
        ("snr", "flat.tif", None, "small.tif", "small.tif is 20 x 30 but .*flat.tif is 240 x 320"),
        ("uniformity", "no_pitch.npy", None, None, "does not say its pixel pitch: give --pitch in mm"),
    ],
)
def test_wrong_input_is_one_sentence_and_nothing_is_written(
    kind: str, file: str, asked: Asked | None, dark: str | None, message: str, folder: Path, tmp_path: Path
) -> None:
    write_tiff(folder / "corrected.tif", np.ones(SHAPE, np.float32), PITCH, {"kind": "corrected"})
    write_tiff(folder / "flags.tif", np.ones(SHAPE, np.float32), PITCH, {"kind": "flags"})
    write_tiff(folder / "small.tif", np.ones((20, 30), np.uint16), PITCH, {})
    np.save(folder / "no_pitch.npy", np.ones(SHAPE, np.float32))
    with pytest.raises((ValueError, OSError), match=message):
        measure_kind(
            kind, folder / file, asked, dark=folder / dark if dark else (), json_file=tmp_path / "a.json",
            plot=tmp_path / "a.png",
        )  # fmt: skip
    assert not list(tmp_path.iterdir())


def test_every_kind_names_numbers_that_a_trend_follows() -> None:
    assert all(about.followed and "roi" in about.options for about in KINDS.values())

"""The noise of flats in files, called from Python."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from calibration.flags import INTERPOLATED, SUSPECT
from radiography.files.frames import write_tiff
from radiography.jobs.nps import measure_noise, noise_to_json
from tests.analysis.noise_truth import Flats

FLATS = Flats(shape=(300, 280), frames=4, hum=0.004)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("flats")
    frames = FLATS.make(1)
    write_tiff(made / "all.tif", frames, 0.139, {})
    write_tiff(made / "part_0.tif", frames[:3], 0.139, {})
    write_tiff(made / "part_1.tif", frames[3], 0.139, {})
    write_tiff(made / "coarse.tif", frames[3], 0.2, {})
    write_tiff(made / "bright.tif", frames[3], 0.139, {"air_kerma_uGy": 5.0})
    write_tiff(made / "faint.tif", frames[3], 0.139, {"air_kerma_uGy": 2.5})
    flags = np.zeros(FLATS.shape, np.uint16)
    flags[100, 100:110], flags[200, 200] = INTERPOLATED, SUSPECT
    write_tiff(made / "flags.tif", flags, None, {"kind": "flags"})
    np.save(made / "defects.npy", (flags == INTERPOLATED).astype(np.uint8))
    return made


@pytest.mark.slow
def test_one_file_and_several_give_the_same(folder: Path, tmp_path: Path) -> None:
    whole = measure_noise(folder / "all.tif")
    parts = measure_noise(
        [folder / "part_0.tif", folder / "part_1.tif"],
        json_file=tmp_path / "nps.json",
        csv_file=tmp_path / "nps.csv",
        plot=tmp_path / "nps.png",
    )
    assert np.array_equal(whole.noise.curves.radial.value, parts.noise.curves.radial.value)
    found = json.loads((tmp_path / "nps.json").read_text())
    assert found == json.loads(json.dumps(noise_to_json(parts)))
    assert (found["measure"], found["unit"], found["frames"]) == ("nps", "mm2", 4)
    for part in ("curves", "temporal", "fixed"):
        assert set(found[part]) == {"horizontal", "vertical", "radial"}
        for curve in found[part].values():
            assert len({len(curve[key]) for key in ("frequency_per_mm", "value", "standard_error")}) == 1
    assert set(found["axis_lines"]) == {"horizontal", "vertical"}
    assert set(found["pixel_variance"]) == {"total", "temporal", "fixed", "rows", "columns"}
    (peak,) = found["peaks"]
    assert set(peak) == {"frequency_u_per_mm", "frequency_v_per_mm", "relative_amplitude", "kind"}
    rows = list(csv.DictReader((tmp_path / "nps.csv").read_text().splitlines()))
    at = [row for row in rows if row["radial_mm2"]]
    assert [float(row["radial_mm2"]) for row in at] == pytest.approx(found["curves"]["radial"]["value"], rel=1e-6)
    assert (tmp_path / "nps.png").read_bytes()[:4] == b"\x89PNG"


def test_flags_and_a_plain_map_leave_the_same_pixels_out(folder: Path) -> None:
    for name in ("flags.tif", "defects.npy"):
        assert measure_noise(folder / "all.tif", flags=folder / name).noise.defect_count == 10


def test_columns_that_the_file_names_as_shielded_are_left_out_and_said(tmp_path: Path) -> None:
    """A quarter of the frame at 13 % of the rest, as in raw flats of a panel with 32 such columns at either side."""
    flats = Flats(shape=(256, 256), frames=2).make(3)
    flats[:, :, :32] *= 0.13
    flats[:, :, 224:] *= 0.13
    write_tiff(tmp_path / "raw.tif", flats, 0.139, {"shielded_cols": [[0, 32], [224, 256]]})
    found = measure_noise(tmp_path / "raw.tif", block_px=128)
    assert found.noise.roi == (0, 256, 32, 224)
    assert any("raw.tif names columns 0:32 and 224:256 as shielded" in doubt for doubt in found.doubts)
    between = measure_noise(tmp_path / "raw.tif", block_px=128, roi=(0, 256, 32, 224))
    assert found.noise.mean_signal == between.noise.mean_signal


def test_a_pitch_that_is_given_counts_and_is_doubted(folder: Path) -> None:
    found = measure_noise(folder / "all.tif", pitch_mm=0.2)
    assert found.noise.pitch_mm == 0.2
    assert any("--pitch 0.2 is used" in doubt for doubt in found.doubts)
    assert not measure_noise(folder / "all.tif", pitch_mm=1).doubts  # cycles per pixel


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (["part_0.tif", "coarse.tif"], "says a pixel pitch of 0.2 mm but"),
        (["bright.tif", "faint.tif"], "was taken at 2.5 uGy but"),
        (["defects.npy"], "does not say its pixel pitch: give --pitch"),
    ],
)
def test_files_that_do_not_go_together_are_refused(folder: Path, files: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        measure_noise([folder / name for name in files])


def test_nothing_is_written_where_something_is_wrong(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="smaller than one block"):
        measure_noise(folder / "all.tif", block_px=290, json_file=tmp_path / "nps.json")
    with pytest.raises(ValueError, match=r"the flags .* are 300 x 280 but the flats are"):
        np.save(tmp_path / "small.npy", FLATS.make(2)[:, :280, :270])
        measure_noise(tmp_path / "small.npy", pitch_mm=0.1, flags=folder / "flags.tif", plot=tmp_path / "nps.png")
    with pytest.raises(ValueError, match="would be overwritten"):
        measure_noise(folder / "all.tif", json_file=folder / "all.tif")
    assert [path.name for path in tmp_path.iterdir()] == ["small.npy"]

"""Subtraction of two files: the weight by number or regions, the back layer brought to size, wrong inputs refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from radiography.cli import run
from radiography.files.frames import open_frames, read_image, write_tiff
from radiography.jobs.info import describe_files
from radiography.jobs.subtract import WeightWanted, subtract_pictures
from radiography.jobs.view import open_pictures

ROWS, COLS = 48, 64
BONE, WATER = np.mgrid[0:ROWS, 0:COLS] * 0.01


def _written(folder: Path, **back: Any) -> tuple[Path, Path]:
    """Two pictures: bone rises with the rows, water with the columns."""
    front = 1000.0 * np.exp(-0.5 * BONE - 0.2 * WATER)
    behind = 300.0 * np.exp(-0.2 * BONE - 0.16 * WATER)
    for name, picture, more in (("front", front, {}), ("back", behind, back)):
        about = {"kind": "corrected", "source_to_detector_mm": 1000.0, **more}
        write_tiff(folder / f"{name}.tif", picture.astype(np.float32), 0.139, about)
    return folder / "front.tif", folder / "back.tif"


def test_bone_vanishes_with_its_weight_and_the_picture_says_so(tmp_path: Path) -> None:
    made = subtract_pictures(*_written(tmp_path), tmp_path / "d.tif", WeightWanted(weight=0.4))
    found = read_image(tmp_path / "d.tif")
    constant = 0.4 * np.log(1000.0) - np.log(300.0)
    np.testing.assert_allclose(found.pixels, constant + (0.16 - 0.4 * 0.2) * WATER, atol=1e-5)
    assert (made.weight, made.error, made.frames, made.dark_pixels, made.magnification) == (0.4, None, 1, 0, 1.0)
    assert found.metadata["weight"] == 0.4 and found.metadata["high"]["name"] == "back.tif"


def test_two_regions_give_the_weight(tmp_path: Path) -> None:
    # the same columns, other rows: they differ in bone only
    regions = ((0, 8, None, None), (40, 48, None, None))
    made = subtract_pictures(*_written(tmp_path), tmp_path / "d.tif", WeightWanted(regions=regions))
    assert made.error is not None and made.weight == pytest.approx(0.4, abs=1e-3)


def test_a_back_layer_is_brought_to_the_size_of_the_front(tmp_path: Path) -> None:
    rows, cols = np.mgrid[0:ROWS, 0:COLS] - np.array([(ROWS - 1) / 2, (COLS - 1) / 2])[:, None, None]

    def seen(magnification: float) -> np.ndarray:
        square = ((rows / magnification) ** 2 + (cols / magnification) ** 2) / 40.0  # gone at the border
        return (1000.0 * (1.0 - 0.5 * np.exp(-square))).astype(np.float32)

    for name, distance_mm, more in (("front", 1000.0, {}), ("back", 1050.0, {"layer": "back"})):
        about = {"kind": "corrected", "source_to_detector_mm": distance_mm, **more}
        write_tiff(tmp_path / f"{name}.tif", seen(distance_mm / 1000.0), 0.139, about)
    files = (tmp_path / "front.tif", tmp_path / "back.tif")
    made = subtract_pictures(*files, tmp_path / "d.tif", WeightWanted(weight=1.0))
    assert made.magnification == pytest.approx(1.05)
    np.testing.assert_allclose(read_image(tmp_path / "d.tif").pixels, 0.0, atol=2e-4)


def test_pixels_without_a_signal_are_told(tmp_path: Path) -> None:
    front, back = _written(tmp_path)
    picture = read_image(front).pixels.copy()
    picture[3, 4:6] = 0.0
    write_tiff(front, picture, 0.139, {"kind": "corrected"})
    with pytest.warns(UserWarning, match="2 pixels have no signal and no logarithm"):
        made = subtract_pictures(front, back, tmp_path / "d.tif", WeightWanted(weight=0.4))
    assert made.dark_pixels == 2


def test_a_difference_says_that_it_is_logarithmic_and_is_no_frame_again(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    front, back = _written(tmp_path)
    about = {"kind": "corrected", "saturation_dn": 56720.0, "saturation_source": "end of the ADC"}
    write_tiff(front, read_image(front).pixels, 0.139, about)
    made = tmp_path / "d.tif"
    subtract_pictures(front, back, made, WeightWanted(weight=0.4))
    source = open_frames(made)
    assert (source.stage, source.metadata["kind"], source.metadata["unit"]) == ("logarithmic", "logarithmic", "1")
    assert source.conditions.saturation_dn is None and source.conditions.saturation_source is None
    (found,) = describe_files([made])
    assert found.saturation is None
    (shown,) = open_pictures([made]).pictures
    assert (shown.kind, shown.unit, shown.is_linear) == ("logarithmic", "", False)
    again = str(tmp_path / "again")
    flats = ["--flat", str(front), "--out", f"{again}.cal"]
    for words, said in (
        (["calibrate", "--dark", str(made), *flats], "is logarithmic in exposure, as it says itself; raw dark frames"),
        (["subtract", str(made), str(back), "--weight", "1", "--out", f"{again}.tif"], "takes corrected images"),
        (["subtract", str(front), str(made), "--weight", "1", "--out", f"{again}.tif"], "takes corrected images"),
        (["export", str(made), "--out", f"{again}.dcm"], "the export needs one that is linear in exposure"),
        (["mtf", str(made)], "needs one that is linear in exposure"),
        (["nps", str(made)], "needs one that is linear in exposure"),
        (["measure", "snr", str(made)], "needs one that is linear in exposure"),
    ):
        assert run(words) == 2, words
        printed = capfd.readouterr()
        assert "d.tif is logarithmic" in printed.err and said in printed.err and printed.err.count("\n") == 1
    assert not list(tmp_path.glob("again*"))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "needs one of --weight, --cancel"),
        ("--weight 1 --cancel water:20 --scene flat", "needs one of --weight, --cancel"),
        ("--cancel water:20", "one needs the other"),
        ("--weight 1 --behind water:20", "--behind says where that is which --cancel names"),
        ("--cancel water --scene flat", "--cancel must be MATERIAL:MM such as water:20, got 'water'"),
        ("--cancel water:1.2.3 --scene flat", "--cancel must be MATERIAL:MM"),
        ("--region 0:8,0:8", "needs two --region, got 1"),
        ("--region 0:8,0:8 --region 0:80,0:8", "region 0:80,0:8 does not lie in pictures of 48 x 64"),
        ("--region 0:8,0:8 --region 0:8,0:8", "hardly differ in the softer picture"),
        ("--weight nan", "weight of a subtraction must be a number from 0 to 100, got nan"),
        ("--weight -0.5", "weight of a subtraction must be a number from 0 to 100, got -0.5"),
        ("--weight 1e308", "weight of a subtraction must be a number from 0 to 100, got 1e+308"),
        ("--region=-5:60,20:60", "--region must be R0:R1,C0:C1 such as 100:500,200:600 or 0:,:200, got '-5:60,20:60'"),
    ],
)
def test_wrong_inputs_are_refused_in_one_sentence(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], line: str, said: str
) -> None:
    front, back = _written(tmp_path)
    assert run(["subtract", str(front), str(back), "--out", str(tmp_path / "d.tif"), *line.split()]) == 2
    printed = capfd.readouterr()
    assert said in printed.err and printed.err.count("\n") == 1
    assert not (tmp_path / "d.tif").exists()


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (
            "back",
            "front",
            r"front.tif is of the front layer, which sees the softer spectrum: give the front layer first",
        ),
        ("back", None, r"back.tif is of the back layer, which sees the harder spectrum"),
        (None, "front", r"front.tif is of the front layer, which sees the softer spectrum"),
        ("front", "front", r"are both of the front layer and of one beam"),
        ("back", "back", r"are both of the back layer and of one beam"),
    ],
)
def test_layers_that_are_not_front_and_back_are_refused(
    tmp_path: Path, low: str | None, high: str | None, said: str
) -> None:
    pair = []
    for number, layer in enumerate((low, high)):
        about = {"kind": "corrected", "kvp": 120.0, "beam_quality": "b", **({"layer": layer} if layer else {})}
        pair.append(tmp_path / f"{layer or 'none'}{'' if low != high else number}.tif")
        write_tiff(pair[-1], np.full((ROWS, COLS), 1.0 + number, np.float32), 0.139, about)
    with pytest.raises(ValueError, match=said):
        subtract_pictures(pair[0], pair[1], tmp_path / "d.tif", WeightWanted(weight=0.4))
    assert not (tmp_path / "d.tif").exists()


@pytest.mark.parametrize("layer", ["front", "back", None])
def test_two_beams_of_one_layer_are_a_pair_of_their_own(tmp_path: Path, layer: str | None) -> None:
    more = {"layer": layer} if layer else {}
    front, back = _written(tmp_path, kvp=120.0, **more)
    write_tiff(front, read_image(front).pixels, 0.139, {"kind": "corrected", "kvp": 70.0, **more})
    assert subtract_pictures(front, back, tmp_path / "d.tif", WeightWanted(weight=0.4)).magnification == 1.0


@pytest.mark.parametrize("layer", ["front", "back", None])
def test_the_higher_voltage_first_is_refused(tmp_path: Path, layer: str | None) -> None:
    more = {"layer": layer} if layer else {}
    front, back = _written(tmp_path, kvp=70.0, **more)
    write_tiff(front, read_image(front).pixels, 0.139, {"kind": "corrected", "kvp": 120.0, **more})
    with pytest.raises(ValueError, match=r"front\.tif is of 120 kV and .*back\.tif of 70 kV: give the softer beam"):
        subtract_pictures(front, back, tmp_path / "d.tif", WeightWanted(weight=0.4))
    assert not (tmp_path / "d.tif").exists()


def test_one_picture_given_twice_is_refused_under_any_name(tmp_path: Path) -> None:
    front, _ = _written(tmp_path)
    copy = tmp_path / "copy.tif"
    copy.write_bytes(front.read_bytes())
    for twice in (front, copy):
        with pytest.raises(ValueError, match=r"hold the same pictures: a subtraction takes two spectra"):
            subtract_pictures(front, twice, tmp_path / "d.tif", WeightWanted(weight=0.4))


def test_raw_frames_and_other_sizes_are_refused(tmp_path: Path) -> None:
    front, _ = _written(tmp_path)
    write_tiff(tmp_path / "raw.tif", np.ones((ROWS, COLS), np.uint16), 0.139, {"kind": "raw"})
    write_tiff(tmp_path / "small.tif", np.ones((ROWS, 8), np.float32), 0.139, {"kind": "corrected"})
    for other, said in (("raw", "raw.tif is raw: a subtraction takes corrected images"), ("small", "48 x 8")):
        with pytest.raises(ValueError, match=said):
            subtract_pictures(front, tmp_path / f"{other}.tif", tmp_path / "d.tif", WeightWanted(weight=0.4))

"""`--dicom` of mtf, exposure-index and defects: the picture beside the numbers, both or neither."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pydicom
import pytest

from calibration import flags as bits
from calibration.calibration_set import save_calibration_set
from radiography.cli import run
from radiography.files.frames import write_tiff
from radiography.jobs.exposure_index import ExposureGiven, measure_exposure
from radiography.presentation.chain import present
from radiography.presentation.tone import DISPLAY_MAXIMUM
from tests.cli.test_defects import calibration_of
from tests.dicom.test_write import complaints

ROWS, COLS = 240, 320
SLOPE = 0.05  # columns per row
ABOUT = {"kind": "corrected", "date": "2024-03-01T12:00:00", "serial": "A-1"}


def edge() -> np.ndarray:
    row, col = np.mgrid[:ROWS, :COLS]
    mean = 1000.0 + 9000.0 / (1.0 + np.exp(-(col - 150.0 - SLOPE * (row - 120.0)) / 0.5))
    return np.random.default_rng(1).poisson(mean).astype(np.float32)


def body() -> np.ndarray:
    """An object of a tenth on an open field, and a piece of metal in it."""
    mean = np.full((ROWS, COLS), 20000.0)
    mean[40:200, 60:260] = 2000.0
    mean[100:130, 150:190] = 20.0
    return np.random.default_rng(2).poisson(mean).astype(np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("annotated")
    write_tiff(made / "edge.tif", edge(), 0.139, ABOUT)
    write_tiff(made / "body.tif", body(), 0.139, ABOUT)
    write_tiff(made / "no_pitch.tif", body(), None, ABOUT)
    write_tiff(made / "plane.tif", body(), 0.139, {**ABOUT, "kind": "flags"})
    flags = np.zeros((ROWS, COLS), np.uint16)
    flags[:, 17] = bits.DEAD
    flags[20:23, 30:33] = bits.OVER
    flags[200, 300] = bits.NOISY
    save_calibration_set(calibration_of(flags, "2024-03-01"), made / "panel.cal")
    assert run(["export", str(made / "body.tif"), "--for-processing", "--out", str(made / "body.dcm")]) == 0
    return made


def call(folder: Path, line: str, out: Path) -> int:
    return run([word.format(f=folder, o=out) for word in line.split()])


CALLS = {
    "mtf": ("mtf {f}/edge.tif --dicom {o}/x.dcm --json {o}/x.json", "MTF burnt into the picture: MTF 0.5 at "),
    "exposure-index": (
        "exposure-index {f}/body.tif --dn-per-uGy 1000 --target 150 --dicom {o}/x.dcm --json {o}/x.json",
        "exposure index 200, deviation index +1.2 (target 150), 2 uGy: median of the outlined region, 3",
    ),
    "defects": (
        "defects {f}/panel.cal --over {f}/body.tif --dicom {o}/x.dcm --json {o}/x.json",
        "250 bad of 76,800 pixels (3255 ppm), 240 dead, 9 over-responding, 1 noisy, groups: 1 single, ",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CALLS)
def test_the_picture_says_what_the_numbers_say(
    folder: Path, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    line, words = CALLS[name]
    assert call(folder, line, tmp_path) == 0
    assert "x.dcm: DICOM DX, " in capsys.readouterr().out
    assert complaints(tmp_path / "x.dcm") == []
    written = pydicom.dcmread(tmp_path / "x.dcm")
    assert words in written.DerivationDescription
    assert list(written.ImagerPixelSpacing) == [0.139, 0.139]
    said = json.loads((tmp_path / "x.json").read_text(encoding="utf-8"))
    if name == "mtf":
        half = said["mtf50_per_mm"]
        assert f"{half['value']:.3f} ± {half['standard_error']:.3f} /mm" in written.DerivationDescription
    if name == "exposure-index":
        assert float(written.ExposureIndex) == pytest.approx(said["exposure_index"])
        assert float(written.DeviationIndex) == pytest.approx(said["deviation_index"], abs=0.05)


@pytest.mark.parametrize("name", CALLS)
def test_numbers_and_picture_come_together_or_not_at_all(
    folder: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise OSError("no room is left")

    where = {"mtf": "measure", "exposure-index": "exposure_index"}.get(name)
    if where is not None:  # the picture is written first
        monkeypatch.setattr(f"radiography.jobs.{where}.write_json", fails)
    else:
        monkeypatch.setattr("radiography.dicom.annotated.write_native", fails)
    assert call(folder, CALLS[name][0], tmp_path) == 2
    assert "no room is left" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_the_line_is_drawn_on_the_edge_and_the_frame_around_its_region(folder: Path, tmp_path: Path) -> None:
    assert call(folder, "mtf {f}/edge.tif --roi 60:180,90:210 --dicom {o}/x.dcm", tmp_path) == 0
    shown = pydicom.dcmread(tmp_path / "x.dcm").pixel_array
    marks = shown != present(edge()).display
    inside = np.argwhere(marks[60:180, 90:210]) + np.array([60, 90])
    assert len(inside) > 100
    assert np.abs(inside[:, 1] - 150.0 - SLOPE * (inside[:, 0] - 120.0)).max() < 4.0  # dashes with their rims, only
    assert [row for row in range(50, 60) if (shown[row, 90:210] == DISPLAY_MAXIMUM).all()] == [56]


def test_only_what_is_left_out_is_hatched(folder: Path, tmp_path: Path) -> None:
    (found,) = measure_exposure(folder / "body.tif", given=ExposureGiven(1000.0), dicom=tmp_path / "x.dcm")
    shown = pydicom.dcmread(tmp_path / "x.dcm").pixel_array
    marks = shown != present(body()).display
    kinds = found.found.region.kinds
    assert {0, 2, 3} <= set(np.unique(kinds))
    assert marks[kinds == 2].mean() > 0.02 and marks[kinds == 3].mean() > 0.02
    assert not marks[145:190, 80:250].any()  # inside of the region


def test_each_group_of_bad_pixels_has_a_frame_and_is_seen(folder: Path, tmp_path: Path) -> None:
    assert call(folder, "defects {f}/panel.cal --over {f}/body.tif --dicom {o}/x.dcm", tmp_path) == 0
    shown = pydicom.dcmread(tmp_path / "x.dcm").pixel_array
    plain = present(body()).display
    for rows, cols in ((slice(20, 23), slice(30, 33)), (slice(200, 201), slice(300, 301))):
        assert (shown[rows, cols] == plain[rows, cols]).all()
        wide = shown[rows.start - 7 : rows.stop + 7, cols.start - 7 : cols.stop + 7]
        assert (wide == DISPLAY_MAXIMUM).any() and (wide == 0).any()


def test_a_dicom_source_is_named_and_its_own_index_gives_way(folder: Path, tmp_path: Path) -> None:
    source = pydicom.dcmread(folder / "body.dcm")
    source.ExposureIndex, source.TargetExposureIndex, source.DeviationIndex = "55", "60", "-0.4"
    source.save_as(tmp_path / "body.dcm")
    assert call(tmp_path, "exposure-index {f}/body.dcm --dn-per-uGy 1000 --dicom {o}/x.dcm", tmp_path) == 0
    written = pydicom.dcmread(tmp_path / "x.dcm")
    assert written.SourceImageSequence[0].ReferencedSOPInstanceUID == source.SOPInstanceUID
    assert written.StudyInstanceUID == source.StudyInstanceUID
    assert "DeviationIndex" not in written and float(written.ExposureIndex) == pytest.approx(200.0, rel=0.01)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("mtf {f}/edge.tif --pitch 1 --dicom {o}/x.dcm", "--pitch 1 stands for cycles per pixel"),
        ("mtf {f}/edge.tif --dicom {o}/x.png", "must end in .dcm"),
        ("mtf {f}/edge.tif --dicom {f}/edge.tif", "must end in .dcm"),
        ("exposure-index {f}/body.tif {f}/edge.tif --dn-per-uGy 9 --dicom {o}/x.dcm", "picture of one image, got 2"),
        ("exposure-index {f}/no_pitch.tif --dn-per-uGy 9 --dicom {o}/x.dcm", "does not say its pixel pitch"),
        ("exposure-index {f}/body.tif --dn-per-uGy 9 --pitch 0.1", "--pitch is for the DICOM picture"),
        ("exposure-index {f}/body.dcm --dn-per-uGy 9 --dicom {f}/body.dcm", "would be overwritten"),
        ("defects {f}/panel.cal --dicom {o}/x.dcm", "--dicom needs --over"),
        ("defects {f}/panel.cal --over {f}/plane.tif --dicom {o}/x.dcm", "is a plane of flags"),
        ("defects {f}/panel.cal --pitch 0.1", "--pitch is for the DICOM picture"),
        ("defects {f}/panel.cal --over {f}/body.tif", "--over needs --overlay or --dicom"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(
    folder: Path, tmp_path: Path, line: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(folder, line, tmp_path) == 2
    said = capsys.readouterr().err
    assert message in said and said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_pitch_that_nobody_says_is_given(folder: Path, tmp_path: Path) -> None:
    line = "exposure-index {f}/no_pitch.tif --dn-per-uGy 9 --pitch 0.2 --dicom {o}/x.dcm"
    assert call(folder, line, tmp_path) == 0
    assert list(pydicom.dcmread(tmp_path / "x.dcm").ImagerPixelSpacing) == [0.2, 0.2]
    line = "defects {f}/panel.cal --over {f}/no_pitch.tif --dicom {o}/y.dcm"  # that of the calibration
    assert call(folder, line, tmp_path) == 0
    assert list(pydicom.dcmread(tmp_path / "y.dcm").ImagerPixelSpacing) == [0.139, 0.139]

"""Exposure index of files: of raw and corrected frames, of foreign ones, and in the DICOM objects that are exported."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest

from calibration.calibration_set import load_calibration_set, save_calibration_set
from radiography.files.frames import write_tiff
from radiography.jobs.export import export_image
from radiography.jobs.exposure_index import ExposureGiven, exposure_to_json, measure_exposure
from radiography.jobs.preparation import Wanted
from radiography.jobs.reconstruct import reconstruct_frames
from tests.dicom.dicom_frames import write_frames

KERMA_UGY = 15.0  # of the flats of `line`


@pytest.fixture(scope="module")
def corrected(line: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The flats of the small panel as corrected images, with DICOM."""
    out = tmp_path_factory.mktemp("exposure") / "flat.tif"
    reconstruct_frames(line / "flat.tif", line / "small.cal", out, wanted=Wanted(dicom=True))
    return out


def test_a_set_keeps_signal_per_kerma_and_beam(line: Path, tmp_path: Path) -> None:
    known = load_calibration_set(line / "small.cal")
    assert known.dn_per_uGy == pytest.approx(known.level_dn / KERMA_UGY)
    assert known.conditions.beam_quality == "paper_70kV"
    save_calibration_set(known, tmp_path / "again.cal")
    assert load_calibration_set(tmp_path / "again.cal").dn_per_uGy == known.dn_per_uGy


def test_a_raw_flat_has_a_hundred_times_its_kerma(line: Path, tmp_path: Path) -> None:
    target = ExposureGiven(target=1500.0)
    (found,) = measure_exposure(
        line / "flat.tif", frame=3, calibration=line / "small.cal", given=target,
        json_file=tmp_path / "x.json", plot=tmp_path / "x.png",
    )  # fmt: skip
    assert found.found.exposure_index == pytest.approx(1500.0, rel=0.01)  # 0.3 % of the level's noise
    said = exposure_to_json([found])
    assert said["calibration_beam"] == "paper_70kV" and abs(said["deviation_index"]) < 0.05
    assert any("IEC 62494-1 asks for RQA5" in doubt for doubt in said["warnings"])
    assert (tmp_path / "x.json").stat().st_size and (tmp_path / "x.png").stat().st_size


def test_a_corrected_image_carries_its_calibration(corrected: Path, line: Path) -> None:
    (carried,) = measure_exposure(corrected, frame=0)
    (from_set,) = measure_exposure(corrected, frame=0, calibration=line / "small.cal")
    assert carried.found.exposure_index == from_set.found.exposure_index == pytest.approx(1500.0, rel=0.01)


def test_exported_objects_carry_it_where_it_is_known(corrected: Path, tmp_path: Path) -> None:
    for path in sorted(corrected.parent.glob("flat_0000*.dcm")):
        assert float(pydicom.dcmread(path).ExposureIndex) == pytest.approx(1500.0, rel=0.01)
    export_image(corrected, tmp_path / "x.dcm", frame=1)
    header = pydicom.dcmread(tmp_path / "x.dcm")
    assert float(header.ExposureIndex) == pytest.approx(1500.0, rel=0.01)
    assert "TargetExposureIndex" not in header and "DeviationIndex" not in header
    write_tiff(tmp_path / "plain.tif", np.full((48, 64), 900.0, np.float32), 0.139, {"kind": "corrected"})
    export_image(tmp_path / "plain.tif", tmp_path / "plain.dcm")
    assert "ExposureIndex" not in pydicom.dcmread(tmp_path / "plain.dcm")


def test_a_set_without_kerma_asks_for_the_number(line: Path, tmp_path: Path) -> None:
    known = replace(load_calibration_set(line / "small.cal"), dn_per_uGy=None)
    save_calibration_set(known, tmp_path / "blind.cal")
    with pytest.raises(ValueError, match=r"do not say one beam and their air kerma .* give --dn-per-uGy"):
        measure_exposure(line / "flat.tif", frame=0, calibration=tmp_path / "blind.cal")


def test_foreign_frames_take_numbers_and_are_refused_without(line: Path, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign.tif"
    write_tiff(foreign, np.random.default_rng(1).normal(1100.0, 20.0, (48, 64)).astype(np.uint16), None, {})
    with pytest.raises(ValueError, match="does not say what 1 uGy gives"):
        measure_exposure(foreign)
    (plain,) = measure_exposure(foreign, given=ExposureGiven(400.0))
    assert "does not say whether its offset is subtracted" in plain.doubts[0]
    (lifted,) = measure_exposure(foreign, given=ExposureGiven(400.0, 100.0, 250.0))
    assert lifted.found.exposure_index == pytest.approx(250.0, rel=0.005)
    with pytest.raises(ValueError, match="is a raw frame, as it says itself: give --offset-dn or --calibration"):
        measure_exposure(line / "flat.tif", frame=0, given=ExposureGiven(400.0))
    with pytest.raises(ValueError, match="one of them is needed"):
        measure_exposure(foreign, calibration=line / "small.cal", given=ExposureGiven(400.0))


def test_a_logarithmic_object_is_refused(tmp_path: Path) -> None:
    frames = np.full((1, 48, 64), 900, np.uint16)
    write_frames(tmp_path / "log.dcm", frames, PixelIntensityRelationship="LOG", PixelIntensityRelationshipSign=-1)
    with pytest.raises(ValueError, match="is logarithmic in exposure"):
        measure_exposure(tmp_path / "log.dcm", given=ExposureGiven(400.0))


def test_an_object_that_does_not_say_it_is_linear_is_doubted(tmp_path: Path) -> None:
    write_frames(tmp_path / "x.dcm", np.random.default_rng(1).normal(900.0, 9.0, (1, 48, 64)).astype(np.uint16))
    (found,) = measure_exposure(tmp_path / "x.dcm", given=ExposureGiven(400.0, 0.0))
    assert any("does not say that its numbers are linear" in doubt for doubt in found.doubts)

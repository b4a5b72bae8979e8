"""Exposure index over doses and beams, with one calibration at RQA5: a hundred times the kerma that was simulated."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest

from calibration.conditions import Conditions
from radiography.jobs.calibrate import calibrate_panel
from radiography.jobs.export import export_image
from radiography.jobs.exposure_calibration import ExposureCalibration, beam_ratio
from radiography.jobs.exposure_index import exposure_to_json, measure_exposure
from radiography.jobs.preparation import Wanted
from radiography.jobs.reconstruct import reconstruct_frames
from radiography.jobs.simulate import simulate_scene
from tests.jobs.conftest import PANEL, SCENE

LAYERS = ("CsPbBr3_75um", "CsI_Tl_500um")
TABLE = [("RQA5", kerma) for kerma in (0.5, 1.0, 5.0, 20.0, 35.0)]
TABLE += [(beam, kerma) for beam in ("RQA3", "RQA7", "RQA9") for kerma in (1.0, 5.0, 20.0)]


def simulated(folder: Path, layer: str, beam: str, kerma: float, frames: int) -> Path:
    """Frames of an open field on a panel of 96 x 96 pixels."""
    (folder / "small.toml").write_text(PANEL.replace("rows = 48", "rows = 96").replace("cols = 64", "cols = 96"))
    scene = SCENE.format(description="flat", kerma=kerma, extra="").replace("CsPbBr3_75um", layer)
    path = folder / f"{layer}_{beam}_{kerma:g}.toml"
    path.write_text(scene.replace("paper_70kV", beam))
    simulate_scene(path, path.with_suffix(".tif"), frames=frames)
    return path.with_suffix(".tif")


def calibrated(folder: Path, layer: str) -> Path:
    """Calibration set of a layer at 15 uGy of RQA5."""
    dark, flat = (simulated(folder, layer, "RQA5", kerma, 8) for kerma in (0.0, 15.0))
    calibrate_panel(dark, flat, folder / f"{layer}.cal")
    return folder / f"{layer}.cal"


@pytest.mark.slow
def test_another_beam_is_converted_and_told(tmp_path: Path) -> None:
    known = calibrated(tmp_path, LAYERS[0])
    (found,) = measure_exposure(simulated(tmp_path, LAYERS[0], "RQA3", 15.0, 1), calibration=known)
    assert found.found.exposure_index == pytest.approx(1500.0, rel=0.02)  # 11 % too few DN for RQA5
    assert found.beam_ratio == pytest.approx(0.887, abs=0.01)
    assert exposure_to_json([found])["beam_ratio"] == found.beam_ratio
    sentence = "in uGy of RQA5, the calibration beam, as IEC 62494-1 has it"
    assert any(sentence in each for each in found.doubts)
    raw, out = tmp_path / "CsPbBr3_75um_RQA3_15.tif", tmp_path / "corrected.tif"
    made = reconstruct_frames(raw, known, out, wanted=Wanted(dicom=True))
    assert any(sentence in each for each in made.warnings)  # its objects hold the index
    assert float(pydicom.dcmread(tmp_path / "corrected.dcm").ExposureIndex) == pytest.approx(1500.0, rel=0.02)
    assert any(sentence in each for each in export_image(out, tmp_path / "again.dcm").warnings)


@pytest.mark.long
@pytest.mark.parametrize("layer", LAYERS)
def test_index_of_every_beam_and_dose(layer: str, tmp_path: Path) -> None:
    known = calibrated(tmp_path, layer)
    for beam, kerma in TABLE:
        (found,) = measure_exposure(simulated(tmp_path, layer, beam, kerma, 1), calibration=known)
        limit = 0.02 if beam == "RQA5" else 0.05
        assert found.found.exposure_index == pytest.approx(100.0 * kerma, rel=limit), (beam, kerma)


def test_a_layer_that_is_not_known_is_not_converted() -> None:
    known = ExposureCalibration(100.0, "RQA5", 70.0, "panel.cal")
    ratio, told = beam_ratio(known, Conditions(scintillator="my screen", beam_quality="RQA3"), {})
    assert ratio == 1.0 and "that of the RQA5 kerma that gives the same signal" in told[0]
    assert beam_ratio(known, Conditions(scintillator="my screen", beam_quality="RQA5"), {}) == (1.0, ())
    assert beam_ratio(known, Conditions(scintillator="CsI_Tl_500um"), {}) == (1.0, ())


def test_a_back_layer_is_not_converted_by_the_beam_in_front_of_the_panel() -> None:
    known = ExposureCalibration(100.0, "RQA5", 70.0, "panel.cal")
    image = Conditions(scintillator="CsI_Tl_500um", beam_quality="RQA9")
    ratio, told = beam_ratio(known, image, {"layer": "back"})
    assert ratio == 1.0 and "that of the RQA5 kerma that gives the same signal" in told[0]

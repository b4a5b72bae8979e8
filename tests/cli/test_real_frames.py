"""Frames of real detectors go the way of simulated ones: calibrate, reconstruct, measure."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from radiography.cli import run


@pytest.mark.slow
def test_a_real_edge_measures_what_other_tools_measure(shared_data: Path, tmp_path: Path) -> None:
    frames = shared_data / "psi_edges"
    calibration, image, curve = tmp_path / "psi.cal", tmp_path / "edge.tif", tmp_path / "edge.json"
    assert (
        run(
            ["calibrate", "--dark", str(frames / "dc.tif"), "--flat", str(frames / "ob.tif"), "--out", str(calibration)]
        )
        == 0
    )
    raw = str(frames / "edge20mm_0000.tif")
    assert run(["reconstruct", raw, "--calibration", str(calibration), "--out", str(image)]) == 0
    assert run(["mtf", str(image), "--pitch", "1", "--roi", "100:500,20:130", "--json", str(curve)]) == 0
    found = json.loads(curve.read_text())
    assert abs(found["angle_deg"]) == pytest.approx(3.1, abs=0.3)
    frequency = [0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5]  # [1/pixel]
    # MTF Mapper and sfrmat5 on the same edge; they differ from each other by up to 0.005
    mapper = [0.774, 0.522, 0.314, 0.171, 0.085, 0.049, 0.033, 0.005]
    sfrmat = [0.775, 0.522, 0.312, 0.171, 0.089, 0.044, 0.037, 0.009]
    measured = np.interp(frequency, found["frequency_per_mm"], found["value"])
    np.testing.assert_allclose(measured, np.mean([mapper, sfrmat], axis=0), atol=0.02)


def test_real_flat_frames_come_out_flat(shared_data: Path, tmp_path: Path) -> None:
    frames = shared_data / "detectorcal"
    calibration, image = tmp_path / "panel.cal", tmp_path / "frames.tif"
    flat = ["--dark", str(frames / "dark.tif"), "--flat", str(frames / "flat.tif")]
    assert run(["calibrate", *flat, "--out", str(calibration)]) == 0
    assert run(["reconstruct", str(frames / "CT.tif"), "--calibration", str(calibration), "--out", str(image)]) == 0
    raw = tifffile.imread(frames / "CT.tif").mean(axis=0)
    corrected = tifffile.imread(image).mean(axis=0)
    assert corrected.shape == (300, 300)

    def step(picture: np.ndarray) -> float:
        """Jump at the readout block that begins at column 28. [DN]"""
        return abs(float(np.median(picture[:, 28:38]) - np.median(picture[:, 18:28])))

    assert step(raw) > 30.0
    assert step(corrected) < 2.0


def test_one_frame_of_several_can_be_named(shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frames = str(shared_data / "detectorcal" / "CT.tif")
    assert run(["mtf", frames, "--pitch", "0.1"]) == 2
    assert "10 frames" in capsys.readouterr().err
    assert run(["mtf", frames, "--pitch", "0.1", "--frame", "30"]) == 2
    assert "frame 30 is not in" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("folder", "dark", "flat"), [("detectorcal", "dark.tif", "flat.tif"), ("psi_edges", "dc.tif", "ob.tif")]
)
def test_a_twin_of_single_frames_has_their_maps_and_says_what_they_lack(
    shared_data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    folder: str,
    dark: str,
    flat: str,
) -> None:
    frames, out = shared_data / folder, tmp_path / "twin"
    named = ["--dark", str(frames / dark), "--flat", str(frames / flat)]
    assert run(["twin", *named, "--pitch", "0.1", "--out", str(out), "--json", str(tmp_path / "twin.json")]) == 0
    said = capsys.readouterr()
    assert "one dark frame" in said.err and "flats do not say their air kerma" in said.err
    values = {value["key"]: value for value in json.loads((tmp_path / "twin.json").read_text())["values"]}
    assert [key for key, value in values.items() if value["determined"]] == ["readout.offset_dn"]
    assert "two darks of one integration time or more" in values["readout.amplifier_noise_electrons"]["how"]

    with np.load(out / "maps.npz") as maps:
        good = maps["defects"] == 0
        real = tifffile.imread(frames / dark).astype(np.float64)
        offset_dn = maps["offset_departure_dn"].astype(np.float64)
        relative = maps["response"].astype(np.float64)
    assert np.ptp((offset_dn - real)[good]) < 0.01
    signal = tifffile.imread(frames / flat).astype(np.float64) - real
    np.testing.assert_allclose(relative[good], signal[good] / np.median(signal[good]), rtol=1e-3)

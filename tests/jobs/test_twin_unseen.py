"""A twin against frames that it was not made from: one dose, one edge and one sequence are left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from radiography.analysis.mtf import slanted_edge_mtf
from radiography.analysis.nps import noise_power_spectrum
from radiography.files.frames import iterate_frames, open_frames, read_image
from radiography.jobs.calibrate import calibrate_panel
from radiography.jobs.preparation import Wanted
from radiography.jobs.reconstruct import reconstruct_frames
from radiography.jobs.simulate import simulate_scene
from radiography.jobs.twin import make_twin
from radiography.study.twin_noise import pair_noise

PANEL = """
based_on = "worn"
name = "cut"
serial = "CUT"
[pixels]
rows = 300
cols = 316
shielded_cols_left = 8
shielded_cols_right = 8
"""
SCENE = """
description = "unseen"
panel = "{panel}"
scintillator = "{layer}"
[beam]
name = "{beam}"
air_kerma_uGy = {kerma}
[geometry]
source_to_detector_mm = 1000.0
[timing]
integration_time_s = {time}
frame_interval_s = {interval}
{extra}
"""
EDGE = """
[phantom]
name = "tungsten_edge"
position_mm = [0.0, 0.0, 1.0]
parameters = { tilt_deg = 3.0 }
"""
LAG = "[sequence]\ndark_before = 4\nbeam_on = 30\nbeam_off = 150\n"
TRUE = {"panel": "cut.toml", "layer": "CsI_Tl_500um", "beam": "paper_70kV"}
TWIN = {"panel": "panel.toml", "layer": "layer.toml", "beam": "beam.toml"}
WITHIN = 0.05


def _frames(
    folder: Path,
    name: str,
    kerma: float,
    *,
    frames: int | None = None,
    extra: str = "",
    seed: int = 1,
    parts: dict[str, str] = TRUE,
    time: float = 0.1,
) -> Path:
    interval = max(0.2, time)
    text = SCENE.format(**parts, kerma=kerma, extra=extra, time=time, interval=interval)
    (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    simulate_scene(folder / f"{name}.toml", folder / f"{name}.tif", frames=frames, seed=seed)
    return folder / f"{name}.tif"


def _raw(path: Path) -> np.ndarray:
    return np.stack([frame.astype(np.float64) for frame in iterate_frames(open_frames(path))])[:, :, 8:308]


@pytest.mark.long
def test_unseen_frames_of_a_worn_panel_are_those_of_its_twin(tmp_path: Path) -> None:
    (tmp_path / "cut.toml").write_text(PANEL, encoding="utf-8")
    darks = [_frames(tmp_path, f"dark{time:g}", 0.0, frames=16, time=time) for time in (0.1, 4.0)]
    flats = [_frames(tmp_path, f"flat{kerma}", float(kerma), frames=10) for kerma in (5, 15, 50, 70)]
    lags = [_frames(tmp_path, f"lag{kerma}", float(kerma), extra=LAG) for kerma in (3, 20, 60)]
    edge = _frames(tmp_path, "edge", 30.0, extra=EDGE)
    twin = make_twin(
        darks, flats, tmp_path / "twin", lag=lags, edge=edge, panel=str(tmp_path / "cut.toml"), beam="paper_70kV"
    ).out
    calibration = tmp_path / "panel.cal"
    calibrate_panel(darks, flats, calibration, lag=lags)

    unseen, made = tmp_path, twin
    pairs = {}
    for name, extra, frames in (("flat30", "", 16), ("edge30", EDGE, 1), ("lag40", LAG, None)):
        kerma = 40.0 if name == "lag40" else 30.0
        pairs[name] = (
            _frames(unseen, f"{name}u", kerma, extra=extra, frames=frames, seed=7),
            _frames(made, f"{name}t", kerma, extra=extra, frames=frames, seed=8, parts=TWIN),
        )

    # Signal and variance of single pixels.
    good = np.ones((300, 300), dtype=bool)
    levels, variances = [], []
    for path in pairs["flat30"]:
        raw = _raw(path)[2:]
        good &= np.abs(raw.mean(axis=0) / np.median(raw) - 1.0) < 0.3
    for path in pairs["flat30"]:
        raw = _raw(path)[2:]
        levels.append(float(np.median(raw.mean(axis=0)[good])))
        noise = pair_noise(list(raw), good, equalised=True)
        assert noise is not None
        variances.append(noise.pixel)
    assert levels[1] == pytest.approx(levels[0], rel=WITHIN)
    assert variances[1] == pytest.approx(variances[0], rel=WITHIN)

    # Noise power and MTF of frames that were corrected alike.
    spectra, curves = [], []
    for number in (0, 1):
        out = tmp_path / f"corrected{number}"
        out.mkdir()
        flat = out / "flat.tif"
        reconstruct_frames(pairs["flat30"][number], calibration, flat, wanted=Wanted(sequence=True))
        pictures = [frame[:, 8:308].astype(np.float64) for frame in iterate_frames(open_frames(flat))]
        spectra.append(noise_power_spectrum(pictures, 0.139, block_px=64))
        reconstruct_frames(pairs["edge30"][number], calibration, tmp_path / f"edge{number}.tif")
        curves.append(slanted_edge_mtf(read_image(tmp_path / f"edge{number}.tif").pixels[:, 8:308], 0.139))
    frequency = np.array([0.5, 1.0, 1.5, 2.0, 2.5])
    mtf = [np.interp(frequency, curve.frequency_per_mm, curve.value) for curve in curves]
    np.testing.assert_allclose(mtf[1], mtf[0], rtol=WITHIN)
    bins = np.arange(0.5, 3.1, 0.5)
    power = []
    for spectrum in spectra:  # what changes: the twin's response has the noise of the flats that made it, the panel not
        assert spectrum.temporal is not None
        curve = spectrum.temporal.radial
        place = np.digitize(curve.frequency_per_mm, bins)
        power.append([float(np.mean(curve.value[place == n])) for n in range(1, bins.size)])
    np.testing.assert_allclose(power[1], power[0], rtol=WITHIN)

    # Lag: what is left of the beam in the frames after it.
    left = []
    for path in pairs["lag40"]:
        level = _raw(path).mean(axis=(1, 2))
        level -= level[:4].mean()
        left.append(level[34:] / level[33])
    np.testing.assert_allclose(left[1][:3], left[0][:3], rtol=WITHIN)
    for first, end in ((3, 10), (10, 40), (40, 150)):
        assert left[1][first:end].mean() == pytest.approx(left[0][first:end].mean(), rel=WITHIN)

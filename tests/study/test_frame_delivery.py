"""Frames of a small panel against the report on its layer: traps, line noise and afterglow are in both."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from radiography.acquire import Acquisition, acquire_frame, expose, plan_acquisition
from radiography.config import load_scene
from radiography.panel.panel import LagExposure, Panel
from radiography.panel.trapping import trap_charge
from radiography.scene import Timing
from radiography.study.frame_delivery import charge_delivered, light_in_frame
from radiography.study.layer_report import LayerReport, report_layer

PANEL = """
based_on = "fully_coated"
name = "even"
description = "96 x 144 pixels, all alike"
serial = "E"
map_seed = 1
[pixels]
rows = 96
cols = 144
[uniformity]
response_spread = 0.0
amplifier_spread = 0.0
defective_fraction = 0.0
defective_rows = 0
defective_cols = 0
"""
SCENE = """
description = "open field, even"
panel = "even.toml"
scintillator = "{layer}"
[beam]
name = "paper_70kV"
air_kerma_uGy = {kerma}
[geometry]
source_to_detector_mm = 20000.0
[timing]
integration_time_s = 0.06
frame_interval_s = 5.0
exposure_time_s = 0.01
"""
PITCH_MM = 0.139
PAIRS = 40


@dataclass(frozen=True)
class Frames:
    """Mean signal of frames of a rested panel [electrons], and their noise power over its square (H, W). [mm2]"""

    acquisition: Acquisition
    report: LayerReport
    signal: float
    power_mm2: np.ndarray


def frames_of(folder: Path, layer: str, kerma: float) -> Frames:
    (folder / "even.toml").write_text(PANEL)
    (folder / "scene.toml").write_text(SCENE.format(layer=layer, kerma=kerma))
    acquisition = plan_acquisition(load_scene(folder / "scene.toml"), folder)
    exposure, rng, per_dn = expose(acquisition), np.random.default_rng(5), acquisition.panel.readout.electrons_per_dn
    power, total = np.zeros((96, 144)), 0.0
    for _ in range(PAIRS):
        one, two, dark = (
            acquire_frame(acquisition, each, rng)[0].astype(np.float64) for each in (exposure, exposure, None)
        )
        total += float(np.mean(0.5 * (one + two) - dark)) * per_dn / PAIRS
        power += np.abs(np.fft.fft2((one - two) * per_dn)) ** 2 / 2 * PITCH_MM**2 / one.size / PAIRS
    scene = acquisition.scene
    report = report_layer(acquisition.scintillator, acquisition.panel, acquisition.spectrum, kerma, timing=scene.timing)
    return Frames(acquisition, report, total, power / total**2)


def white(report: LayerReport) -> np.ndarray:
    return report.nps_quantum + report.nps_light + report.nps_direct + report.nps_electronic


@pytest.mark.slow
@pytest.mark.parametrize(("layer", "kerma"), [("CsPbBr3_75um", 0.5), ("CsPbBr3_75um", 15.0), ("CsI_Tl_500um", 2.57)])
def test_frames_have_the_mean_and_the_noise_power_of_the_report(tmp_path: Path, layer: str, kerma: float) -> None:
    frames = frames_of(tmp_path, layer, kerma)
    report = frames.report
    # mean of 80 x 13,824 pixels: 0.04 % of 3,900 electrons at 0.5 uGy for pixels, 0.06 % for lines of 200 electrons
    assert frames.signal / (kerma * report.electrons_per_uGy) == pytest.approx(1.0, abs=0.003)
    # five lines on each side of the axis, 60 bins, 40 pairs: 24,000 exponential values, 0.7 %
    lines = frames.power_mm2[[1, 2, 3, 4, 5, -1, -2, -3, -4, -5]].mean(axis=0)
    frequency = np.fft.fftfreq(144, PITCH_MM)
    band = (frequency > 0.1) & (frequency < 3.3)
    expected = np.interp(np.hypot(frequency[band], 0.22), report.frequency_per_mm, white(report))
    ratio = float(np.mean(lines[band] / expected))
    assert ratio == pytest.approx(1.0, abs=0.02)


def test_line_noise_lies_on_one_line_of_frequencies(tmp_path: Path) -> None:
    frames = frames_of(tmp_path, "CsPbBr3_75um", 0.5)
    on_axis = frames.power_mm2[1:, 0].mean()  # zero frequency along the rows, 95 bins x 40 pairs: 1.6 %
    # a row of 144 pixels has all of it in one bin
    expected = white(frames.report)[0] + 144 * PITCH_MM * frames.report.line_power_mm
    assert on_axis == pytest.approx(expected, rel=0.06)
    assert on_axis > 1.5 * white(frames.report)[0]


def test_a_rested_layer_keeps_what_glows_on_for_later_frames(csi, film) -> None:
    timing = Timing(integration_time_s=0.06, frame_interval_s=0.1)
    late = sum(each.fraction * np.exp(-0.06 / each.time_s) for each in csi.afterglow)
    assert late > 0.002
    assert light_in_frame(csi, timing) == pytest.approx(1.0 - late, abs=2e-7)
    assert light_in_frame(film, timing) == 1.0


def test_a_panel_without_traps_delivers_everything(small_panel: Panel) -> None:
    mean, change = charge_delivered(replace(small_panel, lag=()), np.array([1e3, 1e6]), Timing())
    assert (mean == 1.0).all() and (change == 1.0).all()


def test_traps_that_depend_on_the_charge_take_what_frames_lose(small_panel: Panel) -> None:
    panel = replace(small_panel, lag_exposure=LagExposure((1e4, 1e5, 1e6), (1.6, 1.0, 0.75)))
    charge = np.array([2e3, 3e4, 3e5, 5e6])
    mean, change = charge_delivered(panel, charge, Timing(integration_time_s=0.2, frame_interval_s=0.2))
    near = np.stack([charge, charge * 1.01]).astype(np.float32)
    delivered, _ = trap_charge(near, None, panel.lag, 0.2, panel.lag_exposure)
    assert mean == pytest.approx(delivered[0] / charge, rel=1e-6)
    # over a step of 1 % that slope changes by less than a hundredth of itself, which is 1e-4 at most
    assert change == pytest.approx(np.diff(delivered.astype(np.float64), axis=0)[0] / (0.01 * charge), abs=2e-4)

"""Frames against the cascade of gains: noise power, signal and MTF that a layer's report predicts without any frame."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from radiography.acquire import acquire_frame, expose, plan_acquisition
from radiography.beam.spectrum import beam_spectrum
from radiography.config import load_beam, load_panel, load_scene, load_scintillator
from radiography.study.layer_report import report_layer

PANEL = """
based_on = "fully_coated"
name = "cut"
description = "part of the full panel, all pixels alike"
[pixels]
rows = 240
cols = 300
[uniformity]
response_spread = 0.0
amplifier_spread = 0.0
defective_fraction = 0.0
defective_rows = 0
defective_cols = 0
"""


@pytest.mark.slow
@pytest.mark.parametrize("scintillator", ["CsPbBr3_75um", "CsI_Tl_500um"])
def test_simulated_flats_have_the_predicted_noise_power(tmp_path: Path, scintillator: str) -> None:
    (tmp_path / "cut.toml").write_text(PANEL)
    scene = replace(load_scene("flat"), panel="cut.toml", scintillator=scintillator)
    acquisition = plan_acquisition(scene, tmp_path)
    exposure, rng, count = expose(acquisition), np.random.default_rng(2), 48
    frames = np.stack([acquire_frame(acquisition, exposure, rng)[0].astype(np.float64) for _ in range(count)])
    signal_dn = float((frames.mean(axis=0) - acquisition.maps.offset_dn).mean()) - 1000 * np.exp(0.02) / 250
    deviations = (frames - frames.mean(axis=0)) / signal_dn
    rows, cols = deviations.shape[1:]
    power = (np.abs(np.fft.fft2(deviations)) ** 2).sum(axis=0) / (count - 1) * 0.139**2 / (rows * cols)
    near_axis = power[[-3, -2, -1, 1, 2, 3]].mean(axis=0)  # vertical frequencies of up to 0.09 /mm

    report = report_layer(
        load_scintillator(scintillator),
        load_panel("fully_coated"),
        beam_spectrum(load_beam("paper_70kV"), 15.0, 1.0),
        15.0,
    )
    predicted = report.nps_quantum + report.nps_light + report.nps_direct + report.nps_electronic
    frequency = np.fft.fftfreq(cols, 0.139)
    for low, high in ((0.1, 0.5), (0.5, 1.0), (1.0, 1.5), (1.5, 2.0), (2.0, 2.5), (2.5, 3.0), (3.0, 3.4)):
        band = (frequency > low) & (frequency < high)
        expected = np.interp(frequency[band], report.frequency_per_mm, predicted).mean()
        # about 20 bins x 6 rows x 47 frames, each exponential: a standard error of 1.4 %
        assert near_axis[band].mean() / expected == pytest.approx(1.0, abs=0.06), (low, high)

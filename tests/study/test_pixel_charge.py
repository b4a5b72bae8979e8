"""Charge of one pixel of a planned exposure, and its signal over noise."""

from __future__ import annotations

from dataclasses import replace

import pytest

from radiography.config import DATA_FOLDER, load_panel, load_scene
from radiography.panel.direct_detection import STACK_HISTORIES
from radiography.parts import load_parts
from radiography.plan import plan_parts
from radiography.scene import Timing
from radiography.study.pixel_charge import PixelCharge, pixel_snr, planned_pixel


def test_snr_of_counted_light_and_electronics() -> None:
    pixel = PixelCharge(load_panel("fully_coated"), Timing(1.0, 1.0), 10.0, 0.5, 300.0, 100.0, 0.0, 0.0, 0.0, 400.0)
    # 4 uGy: 1600 electrons, of which 1200 are counted light, and 400 electrons squared of the electronics
    assert pixel_snr(pixel, 4.0) == pytest.approx(1600.0 / 40.0)
    assert pixel_snr(replace(pixel, from_diode=0.0, from_light=0.0), 4.0) == 0.0


@pytest.mark.slow
def test_a_planned_pixel_has_the_light_of_its_plan_where_it_is_covered() -> None:
    scene = replace(load_scene("flat"), scintillator="CsPbBr3_75um", panel="fully_coated")
    flat = plan_parts(load_parts(scene, DATA_FOLDER / "scenes", {"panel": {"pixels.rows": 8, "pixels.cols": 12}}))
    covered, bare = (planned_pixel(flat, flat.panel, covered=each, histories=STACK_HISTORIES) for each in (True, False))
    samples = scene.sampling.samples_per_pixel**2
    per_photon = flat.quantum_efficiency * flat.panel.photodiode.fill_factor
    light = samples * flat.layer_weights[1].sum() / scene.beam.air_kerma_uGy
    assert covered.from_light == pytest.approx(per_photon * light)
    assert bare.from_light == bare.covariance == bare.quantum_variance == 0.0
    assert 0.0 < bare.from_diode < covered.from_diode
    assert covered.quanta == bare.quanta

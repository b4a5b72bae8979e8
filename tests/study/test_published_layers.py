"""The two CsI layers against published measurements: the three that they are fitted to, and predictions.

Marshall et al., Phys. Med. Biol. 56 (4), paper 007 (2011): six alike panels, 70 kV and 1 mm Cu, 2.57 uGy. Zhao, Ristic
& Rowlands, Med. Phys. 31, 2594 (2004): layers of 150-600 um made for light (HL) or resolution (HR), below the K edges.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from radiography.beam.spectrum import beam_spectrum
from radiography.config import load_beam, load_panel, load_scintillator
from radiography.light.layer_light import layer_light
from radiography.study.layer_report import report_layer

PAPER, PUBLISHED = "CsI_Tl_500um", "CsI_Tl_published"
PHOTONS = 200_000  # standard error of an MTF at 2 /mm: 0.0015


@pytest.fixture(scope="module")
def reported():
    """Report on a layer in a beam, "Cu" being 70 kV and 1 mm Cu, each computed once."""
    beams = {name: load_beam(name) for name in ("paper_70kV", "RQA3", "RQA5")}
    hard = beams["paper_70kV"]
    beams["Cu"] = replace(hard, filters=(*hard.filters, ("Cu", 1.0)))
    dose_uGy = {"paper_70kV": 15.0, "RQA3": 2.5, "RQA5": 15.0, "Cu": 2.57}
    panel, known = load_panel("fully_coated"), {}

    def report(layer, beam):
        if (layer, beam) not in known:
            spectrum = beam_spectrum(beams[beam], dose_uGy[beam], 1.0)
            known[layer, beam] = report_layer(
                load_scintillator(layer), panel, spectrum, dose_uGy[beam], photons=PHOTONS
            )
        return known[layer, beam]

    return report


def noise_at(report, frequency_per_mm):
    power = report.nps_quantum + report.nps_light + report.nps_direct + report.nps_electronic
    return np.interp(frequency_per_mm, report.frequency_per_mm, power)


def below_the_k_edges(layer, top_reflectivity=None):
    """Mean light, Swank factor and optical MTF at 5 /mm for quanta of 33 keV."""
    if top_reflectivity is not None:
        layer = replace(layer, transport=replace(layer.transport, top_reflectivity=top_reflectivity))
    light = layer_light(layer, [33.0, 33.1], photons=PHOTONS)
    swank = light.light[0] ** 2 / (light.quanta[0] * light.light_square[0])
    return np.array([light.light[0], swank, np.interp(5.0, light.frequency_per_mm, light.optical_transfer[0])])


@pytest.mark.slow
def test_what_the_layers_are_fitted_to(reported):
    paper, panels = reported(PAPER, "paper_70kV"), reported(PUBLISHED, "Cu")
    assert np.interp(2.0, paper.frequency_per_mm, paper.mtf) == pytest.approx(0.36, abs=0.005)
    assert np.interp(-0.5, -panels.mtf, panels.frequency_per_mm) == pytest.approx(1.29, abs=0.05)
    assert np.interp(-0.5, -panels.mtf, panels.frequency_per_mm) == pytest.approx(1.29, abs=0.015)  # three errors
    for name in (PAPER, PUBLISHED):
        assert below_the_k_edges(load_scintillator(name))[1] == pytest.approx(0.93, abs=0.005)


@pytest.mark.slow
def test_published_panels_are_predicted(reported):
    # DQE 0.60 and noise power 1.42e-5 mm2 (6.5 % from panel to panel) at 0.5 /mm; found 0.643 and 1.395e-5
    panels = reported(PUBLISHED, "Cu")
    assert np.interp(0.5, panels.frequency_per_mm, panels.dqe) == pytest.approx(0.60, rel=0.10)
    assert noise_at(panels, 0.5) == pytest.approx(1.42e-5, rel=0.065)


@pytest.mark.slow
@pytest.mark.parametrize("name", [pytest.param(PAPER, marks=pytest.mark.long), PUBLISHED])
def test_detective_quantum_efficiency_is_that_of_columnar_panels(reported, name):
    assert reported(name, "RQA5").dqe0 == pytest.approx(0.70, abs=0.05)
    assert reported(name, "paper_70kV").dqe0 == pytest.approx(0.70, abs=0.05)
    # RQA3: 0.50 +- 0.05 of seven panels of all kinds, the best 0.62; a full layer of CsI stays above them, found 0.684
    soft = reported(name, "RQA3")
    assert np.interp(0.5, soft.frequency_per_mm, soft.dqe) == pytest.approx(0.62, rel=0.12)
    assert 3.21 < np.interp(-0.1, -soft.mtf, soft.frequency_per_mm) < 4.80  # a tenth of the MTF, of the same panels


@pytest.mark.slow
@pytest.mark.parametrize("name", [PAPER, PUBLISHED])
def test_layers_made_for_resolution_are_predicted(name):
    # HR: 36 % less light than HL, Swank factor 0.91 instead of 0.93, MTF at 5 /mm 50 % higher. Taken as an absorbing
    # top: what it absorbs follows from the light alone.
    layer = load_scintillator(name)
    bright = below_the_k_edges(layer)
    dim = [below_the_k_edges(layer, top) for top in (0.3, 0.4)]
    part = (0.64 * bright[0] - dim[0][0]) / (dim[1][0] - dim[0][0])
    assert -0.2 < part < 1.2
    _, swank, mtf = dim[0] + part * (dim[1] - dim[0])
    assert swank == pytest.approx(0.91, abs=0.02)  # found 0.897 and 0.903
    assert mtf / bright[2] == pytest.approx(1.5, abs=0.08)  # found 1.46 and 1.49


@pytest.mark.slow
@pytest.mark.parametrize("thickness_um", [500.0, 1000.0])
def test_light_rises_towards_the_sensor(thickness_um):
    # Direction and size only: what Howansky et al. measured burst by burst (SPIE 2017, 2018) is not at hand in numbers
    layer = replace(load_scintillator(PUBLISHED), thickness_um=thickness_um)
    collected = layer_light(layer, [32.0, 32.1], photons=PHOTONS).transport.collected.reshape(5, 4).mean(axis=1)
    assert (np.diff(collected[1:]) > 0.005).all() and collected[0] < collected[1] + 0.01
    assert collected[-1] / collected[0] > (1.15 if thickness_um == 500.0 else 1.5)


@pytest.mark.slow
def test_thicker_layers_are_sharper_for_their_thickness():
    # Zhao et al.: MTF over the product of frequency and thickness rises with the thickness
    found = []
    for thickness_um in (150.0, 300.0, 600.0):
        layer = replace(load_scintillator(PUBLISHED), thickness_um=thickness_um)
        light = layer_light(layer, [33.0, 33.1], photons=PHOTONS)
        found.append(np.interp(500.0 / thickness_um, light.frequency_per_mm, light.optical_transfer[0]))
    assert found[0] + 0.05 < found[1] < found[2] - 0.05

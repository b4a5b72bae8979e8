"""Light of a layer by X-ray energy: what was fitted, what is predicted, and the limits where both are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from radiography.beam.spectrum import Spectrum, beam_spectrum
from radiography.config import load_beam
from radiography.light.layer_light import LayerLight, layer_light, spread_of_beam
from radiography.light.optics import EmissionLine
from radiography.light.scintillator import Glare, Scintillator, Spread

PHOTONS, HISTORIES = 60_000, 20_000  # standard error of an MTF at 2 /mm: 0.003
APERTURE = np.sinc(2.0 * 0.139)
SPREAD = Spread(3.0, 0.25, 0.9, EmissionLine(545.0, 10.0), "measured", "for tests")


@pytest.fixture(scope="module")
def beam() -> Spectrum:
    return beam_spectrum(load_beam("paper_70kV"), 15.0, 1.0)


def xray_at_2(layer: Scintillator, energy_keV: float) -> float:
    """Transfer of the absorbed energy alone at 2 /mm."""
    light = layer_light(layer, [energy_keV - 0.01, energy_keV], histories=HISTORIES, photons=PHOTONS)
    return float(np.interp(2.0, light.frequency_per_mm, light.xray_transfer[1]))


def at_2(layer: Scintillator, energy_keV: float) -> float:
    """Transfer of a layer at 2 /mm for one X-ray energy."""
    light = layer_light(layer, [energy_keV - 0.01, energy_keV], histories=HISTORIES, photons=PHOTONS)
    return float(np.interp(2.0, light.frequency_per_mm, light.signal_transfer[1]))


def test_the_film_reaches_the_papers_mtf_with_a_fifth_of_direct_detection(film: Scintillator, beam: Spectrum) -> None:
    light = layer_light(film, beam.energy_keV, histories=HISTORIES, photons=PHOTONS)
    transfer = spread_of_beam(light, beam.fluence_per_mm2).mean_at(np.array([2.0]))[0]
    assert (0.79 * transfer + 0.21) * APERTURE == pytest.approx(0.72, abs=0.02)


def test_caesium_iodide_reaches_the_papers_mtf(csi: Scintillator, beam: Spectrum) -> None:
    light = layer_light(csi, beam.energy_keV, histories=HISTORIES, photons=PHOTONS)
    transfer = spread_of_beam(light, beam.fluence_per_mm2).mean_at(np.array([2.0]))[0]
    assert transfer * APERTURE == pytest.approx(0.36, abs=0.02)


def test_other_frequencies_are_those_of_independent_transport(film: Scintillator, beam: Spectrum) -> None:
    # An independent Monte Carlo of the film with a transport length of 20 um: .977 .914 .723 .511 with the pixel
    twenty = replace(film, transport=replace(film.transport, transport_length_um=20.0))
    light = layer_light(twenty, beam.energy_keV, histories=HISTORIES, photons=200_000)
    frequency = np.array([0.5, 1.0, 2.0, 3.0])
    total = spread_of_beam(light, beam.fluence_per_mm2).mean_at(frequency) * np.sinc(frequency * 0.139)
    np.testing.assert_allclose(total, [0.977, 0.914, 0.723, 0.511], atol=0.008)


def test_self_absorption_moves_the_emission_to_530_nm(film: Scintillator, beam: Spectrum) -> None:
    light = layer_light(film, beam.energy_keV, histories=HISTORIES, photons=PHOTONS)
    assert film.transport is not None
    assert film.transport.emission.peak_nm == 519.0
    assert light.wavelength_nm @ light.emission == pytest.approx(530.0, abs=3.0)


def test_caesium_iodide_blurs_more_above_its_k_edges_and_the_film_hardly(csi: Scintillator, film: Scintillator) -> None:
    # I K 33.17, Cs K 35.98 keV: below both no fluorescence; just above both an X-ray transfer of 0.71 at 2 /mm
    # (independent Monte Carlo)
    assert xray_at_2(csi, 37.0) / xray_at_2(csi, 32.0) == pytest.approx(0.71, abs=0.03)
    assert at_2(csi, 37.0) < 0.75 * at_2(csi, 32.0)
    assert at_2(csi, 60.0) > at_2(csi, 37.0) + 0.03
    # Cs fluorescence leaves a film of 75 um: 212 um mean free path
    assert at_2(film, 37.0) / at_2(film, 34.0) > 0.96


def test_noise_falls_less_than_the_squared_signal(film: Scintillator, beam: Spectrum) -> None:
    light = layer_light(film, beam.energy_keV, histories=HISTORIES, photons=200_000)
    spread = spread_of_beam(light, beam.fluence_per_mm2)
    ratio = (spread.mean_at(np.array([0.0, 2.0])) / spread.noise_at(np.array([0.0, 2.0]))) ** 2
    assert ratio[0] == pytest.approx(1.0, abs=1e-9)
    assert 0.80 < ratio[1] < 0.95  # depth 0.92 and fluorescence 0.98 squared over its own noise


def test_two_patterns_hold_every_energy(csi: Scintillator, beam: Spectrum) -> None:
    light = layer_light(csi, beam.energy_keV, histories=HISTORIES, photons=PHOTONS)
    spread = spread_of_beam(light, beam.fluence_per_mm2)
    assert spread.largest_error < 0.03
    assert spread.departure_at(np.array([0.0]))[0] == pytest.approx(0.0, abs=1e-9)
    frequency = np.array([1.0, 2.0])
    jump = spread.departure_weight[beam.energy_keV > 36.5][0] - spread.departure_weight[beam.energy_keV < 33.0][-1]
    assert (jump * spread.departure_at(frequency) < -0.05).all()  # the departure is the K fluorescence


@pytest.mark.parametrize("kind", ["transport", "spread"])
def test_a_spread_of_the_yield_raises_the_square_of_the_light_alone(film: Scintillator, kind: str) -> None:
    layer = film if kind == "transport" else replace(film, transport=None, spread=SPREAD)
    energies = [20.0, 30.0, 50.0]

    def found(given: float | tuple[tuple[float, float], ...]) -> LayerLight:
        spread = replace(layer, light=replace(layer.light, yield_spread=given))
        return layer_light(spread, energies, histories=HISTORIES, photons=PHOTONS)

    none, even, rising = found(0.0), found(0.3), found(((30.0, 0.1), (50.0, 0.2)))
    np.testing.assert_array_equal(
        none.light_square, layer_light(layer, energies, histories=HISTORIES, photons=PHOTONS).light_square
    )
    np.testing.assert_allclose(even.light_square / none.light_square, 1.09, rtol=1e-12)
    np.testing.assert_allclose(rising.light_square / none.light_square, [1.01, 1.01, 1.04], rtol=1e-12)
    for name in ("light", "quanta", "signal_transfer", "noise_transfer"):
        np.testing.assert_array_equal(getattr(even, name), getattr(none, name))


def test_a_measured_spread_is_used_as_it_is(film: Scintillator, beam: Spectrum) -> None:
    screen = replace(film, transport=None, spread=SPREAD)
    light = layer_light(screen, beam.energy_keV, histories=HISTORIES)
    spread = spread_of_beam(light, beam.fluence_per_mm2)
    frequency = np.array([0.0, 1.5, 3.0])
    np.testing.assert_allclose(spread.mean_at(frequency), 1.0 / (1.0 + (frequency / 3.0) ** 2), atol=1e-5)
    np.testing.assert_allclose(spread.noise_at(frequency), spread.mean_at(frequency), atol=1e-4)
    np.testing.assert_allclose(light.light, 21.0 * 0.25 * light.absorbed_keV, rtol=1e-12)
    np.testing.assert_allclose(light.light_square, (21.0 * 0.25) ** 2 * light.absorbed_square_keV2 / 0.9, rtol=1e-12)
    assert not spread.departure_weight.any() or spread.largest_error < 1e-12


def test_a_glare_lowers_all_but_zero_frequency(film: Scintillator, beam: Spectrum) -> None:
    screen = replace(film, transport=None, spread=SPREAD, glare=Glare(0.06, 10.0))
    light = layer_light(screen, beam.energy_keV, histories=HISTORIES)
    found = spread_of_beam(light, beam.fluence_per_mm2).mean_at(np.array([0.0, 1.5]))
    assert found[0] == pytest.approx(1.0, abs=1e-9)
    assert found[1] == pytest.approx(0.94 * 0.8, abs=1e-4)


def test_a_beam_without_light_is_refused(film: Scintillator) -> None:
    light = layer_light(replace(film, transport=None, spread=SPREAD), [30.0, 31.0], histories=HISTORIES)
    with pytest.raises(ValueError, match="makes no light"):
        spread_of_beam(light, [0.0, 0.0])

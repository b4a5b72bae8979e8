"""Layer parameters from measured curves: found where the data hold them, and said to be open where not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from radiography.beam.spectrum import Spectrum
from radiography.config import load_scintillator
from radiography.interaction.absorption import cached_layer_response
from radiography.light.by_depth import collected_fraction, noise_transfer, optical_transfer
from radiography.light.optics import EmissionLine
from radiography.light.scintillator import Glare, Scintillator, Spread, glare_transfer, layer_material
from radiography.light.transport import trace_light
from radiography.study.layer_fit import LayerFit, Vary, fit_layer, whole_key, with_values
from radiography.study.layer_measurement import LayerMeasurement, residuals, scaled_nps

FREQUENCY = np.arange(0.25, 4.1, 0.25)
NOISE = 0.005
APERTURE_MM = 0.139
NONE = np.empty(0)
BEAM = Spectrum(np.array([25.0]), np.array([1.0]))  # below the K edges of Cs and I: hardly any fluorescence
TRANSPORT = Vary("transport.transport_length_um", 5.0, 100.0)
QUANTUM_YIELD = Vary("transport.self_absorption.quantum_yield", 0.2, 0.95)
HALF = Vary("spread.half_frequency_per_mm", 0.5, 10.0)


def _measurement(mtf: np.ndarray, error: float = NOISE, light: tuple[float, float] | None = None) -> LayerMeasurement:
    fraction, fraction_error = light if light is not None else (None, None)
    return LayerMeasurement(
        FREQUENCY, mtf, np.full(FREQUENCY.size, error), NONE, NONE, NONE, fraction, fraction_error, APERTURE_MM
    )


@pytest.fixture(scope="module")
def measured_spread(film: Scintillator) -> Scintillator:
    """The film with a spread of half frequency 1 /mm instead of what its light meets."""
    spread = Spread(1.0, 0.3, 0.9, EmissionLine(530.0, 20.0), "measured", "for tests")
    return replace(film, transport=None, spread=spread)


def _closed_form(half: float) -> np.ndarray:
    return np.sinc(FREQUENCY * APERTURE_MM) / (1.0 + (FREQUENCY / half) ** 2)


def _truth(scintillator: Scintillator, photons: int, seed: int) -> tuple[np.ndarray, np.ndarray, float]:
    """MTF and noise transfer before the aperture, and fraction of light, put together by hand with other photons."""
    assert scintillator.transport is not None
    rng = np.random.default_rng(seed)
    light = trace_light(scintillator.transport, scintillator.thickness_um, photons, rng)
    material, thickness_mm = layer_material(scintillator), scintillator.thickness_um * 1e-3
    response = cached_layer_response(
        material, thickness_mm, np.array([25.0]), 50_000, depths=20, frequency_per_mm=light.frequency_per_mm
    )
    fraction = response.depth_fraction[0]
    mtf = response.signal_transfer[0] * optical_transfer(light, fraction)[0]
    power = response.noise_transfer[0] * noise_transfer(light, fraction)
    at = (np.interp(FREQUENCY, light.frequency_per_mm, curve) for curve in (mtf, power))
    return next(at), next(at), collected_fraction(light, fraction)[0]


def _noisy(mtf: np.ndarray, seed: int) -> np.ndarray:
    return mtf * np.sinc(FREQUENCY * APERTURE_MM) + np.random.default_rng(seed).normal(0.0, NOISE, FREQUENCY.size)


def _quick(scintillator: Scintillator, measurement: LayerMeasurement, vary: Sequence[Vary]) -> LayerFit:
    return fit_layer(scintillator, BEAM, measurement, vary, search_photons=10_000, final_photons=40_000)


def test_half_frequency_and_its_error_are_those_of_the_closed_form(measured_spread: Scintillator) -> None:
    fit = _quick(measured_spread, _measurement(_closed_form(2.3)), [HALF])
    (found,) = fit.parameters
    assert found.value == pytest.approx(2.3, rel=1e-3)
    slope = (_closed_form(2.3 * 1.001) - _closed_form(2.3 / 1.001)) / (2.3 * 0.002)
    expected = NOISE / np.sqrt(np.sum(slope**2))
    assert found.standard_error == pytest.approx(expected, rel=0.03)  # interpolation of the transfer, finite steps
    # nearly linear over the interval
    np.testing.assert_allclose(found.interval, [2.3 - 1.96 * expected, 2.3 + 1.96 * expected], atol=0.1 * expected)
    assert found.determined
    assert fit.chi_square < 0.1  # the data have no noise
    assert fit.degrees_of_freedom == FREQUENCY.size - 1
    assert fit.scintillator.spread is not None
    assert fit.scintillator.spread.half_frequency_per_mm == found.value
    assert fit.scintillator.spread.origin == "fitted"


@pytest.mark.slow
def test_twice_the_noise_gives_twice_the_error(measured_spread: Scintillator) -> None:
    once = _quick(measured_spread, _measurement(_closed_form(2.3)), [HALF]).parameters[0]
    twice = _quick(measured_spread, _measurement(_closed_form(2.3), 2 * NOISE), [HALF]).parameters[0]
    assert twice.standard_error == pytest.approx(2 * once.standard_error, rel=0.02)


@pytest.mark.slow
def test_data_worse_than_their_errors_widen_the_errors(measured_spread: Scintillator) -> None:
    wavy = _closed_form(2.3) + 4 * NOISE * (-1.0) ** np.arange(FREQUENCY.size)
    fit = _quick(measured_spread, _measurement(wavy), [HALF])
    plain = _quick(measured_spread, _measurement(_closed_form(2.3)), [HALF])
    # residuals of 4 standard errors: chi-square 16 N for N - 1 degrees of freedom
    ratio = fit.parameters[0].standard_error / plain.parameters[0].standard_error
    assert ratio == pytest.approx(4.0 * np.sqrt(16 / 15), rel=0.05)
    assert any("errors are widened" in note for note in fit.notes)


@pytest.mark.slow
def test_what_the_data_do_not_depend_on_is_said_until_it_is_measured(measured_spread: Scintillator) -> None:
    vary = [HALF, Vary("spread.collection_fraction", 0.1, 0.9)]
    alone = _quick(measured_spread, _measurement(_closed_form(2.3)), vary)
    assert [p.determined for p in alone.parameters] == [True, False]
    assert alone.parameters[1].interval == (0.1, 0.9)
    assert "the data do not depend on spread.collection_fraction between 0.1 and 0.9" in alone.notes
    known = _quick(measured_spread, _measurement(_closed_form(2.3), light=(0.4, 0.02)), vary)
    assert [p.determined for p in known.parameters] == [True, True]
    assert known.parameters[1].value == pytest.approx(0.4, abs=1e-3)
    assert known.parameters[1].standard_error == pytest.approx(0.02, rel=0.05)
    assert known.notes == ()


@pytest.mark.slow
def test_scattering_and_yield_trade_off_until_the_light_is_measured(film: Scintillator) -> None:
    mtf, _, light = _truth(film, 100_000, 11)
    alone = _quick(film, _measurement(_noisy(mtf, 11)), [TRANSPORT, QUANTUM_YIELD])
    assert not any(p.determined for p in alone.parameters)
    assert alone.correlation[0, 1] < -0.95
    assert any("goes from" in note and TRANSPORT.key in note and QUANTUM_YIELD.key in note for note in alone.notes)
    assert any(note.startswith("the data fix only the combination") for note in alone.notes)
    known = _quick(film, _measurement(_noisy(mtf, 11), light=(light, 0.01)), [TRANSPORT, QUANTUM_YIELD])
    for parameter, true in zip(known.parameters, _true(film), strict=True):
        assert parameter.determined
        assert abs(parameter.value - true) < 3 * parameter.standard_error


def _true(film: Scintillator) -> tuple[float, float]:
    layer = film.transport
    assert layer is not None and layer.model == "turbid" and layer.self_absorption is not None
    return layer.transport_length_um, layer.self_absorption.quantum_yield


@pytest.mark.slow
def test_the_same_data_give_the_same_fit(film: Scintillator) -> None:
    measurement = _measurement(_noisy(_truth(film, 40_000, 12)[0], 12))
    fractions: list[float] = []
    once = fit_layer(
        film, BEAM, measurement, [TRANSPORT], search_photons=5_000, final_photons=20_000, progress=fractions.append
    )
    again = fit_layer(film, BEAM, measurement, [TRANSPORT], search_photons=5_000, final_photons=20_000)
    assert once.parameters == again.parameters
    assert fractions == sorted(fractions) and fractions[-1] == 1.0


@pytest.mark.parametrize("seed", [pytest.param(21, marks=pytest.mark.slow), pytest.param(22, marks=pytest.mark.long)])
def test_transport_length_of_the_film_is_recovered(film: Scintillator, seed: int) -> None:
    (found,) = fit_layer(
        film, BEAM, _measurement(_noisy(_truth(film, 1_000_000, seed)[0], seed)), [TRANSPORT]
    ).parameters
    assert found.determined
    assert abs(found.value - _true(film)[0]) < 3 * found.standard_error
    assert found.standard_error < 0.05 * found.value


@pytest.mark.slow
def test_crosstalk_of_columns_is_recovered(csi: Scintillator) -> None:
    true = with_values(csi, [("transport.crosstalk", 0.35)])
    measurement = _measurement(_noisy(_truth(true, 200_000, 23)[0], 23))
    vary = [Vary("transport.crosstalk", 0.05, 0.9)]
    (found,) = fit_layer(csi, BEAM, measurement, vary, search_photons=20_000, final_photons=60_000).parameters
    assert found.determined
    assert abs(found.value - 0.35) < 3 * found.standard_error
    assert found.standard_error < 0.02


@pytest.mark.slow
def test_the_noise_adds_what_it_knows_on_any_white_floor(film: Scintillator) -> None:
    mtf, power, _ = _truth(film, 500_000, 24)
    # below 2 /mm the aliases of this film and aperture are computed from the same curve
    sampled = sum(
        np.interp(np.abs(FREQUENCY + m / APERTURE_MM), FREQUENCY, power, right=0.0)
        * np.sinc(FREQUENCY * APERTURE_MM + m) ** 2
        for m in (-1, 0, 1)
    )
    used = FREQUENCY < 2.9
    nps = (sampled + 0.2)[used] / (sampled + 0.2)[0]
    nps = nps + np.random.default_rng(24).normal(0.0, 0.01, nps.size)
    measurement = replace(
        _measurement(_noisy(mtf, 24)),
        nps_frequency_per_mm=FREQUENCY[used],
        nps=nps,
        nps_error=np.full(nps.size, 0.01),
    )
    fit = fit_layer(film, BEAM, measurement, [TRANSPORT])
    assert fit.degrees_of_freedom == FREQUENCY.size + nps.size - 3
    assert abs(fit.parameters[0].value - _true(film)[0]) < 3 * fit.parameters[0].standard_error
    assert fit.chi_square < fit.degrees_of_freedom + 4 * np.sqrt(2 * fit.degrees_of_freedom)


def test_an_nps_is_compared_over_its_own_scale_and_floor() -> None:
    shape = np.array([1.0, 0.8, 0.5, 0.3])
    measured = 0.7 * shape + 0.3
    measurement = LayerMeasurement(
        NONE, NONE, NONE, np.arange(1.0, 5.0), measured, np.full(4, 0.01), None, None, APERTURE_MM
    )
    outputs = np.append(shape, 0.5)[None]
    np.testing.assert_allclose(scaled_nps(outputs, measurement)[0], measured, atol=1e-12)
    np.testing.assert_allclose(residuals(outputs, measurement), 0.0, atol=1e-12)
    # a floor below zero is not allowed: less noise at high frequencies than the layer makes stays visible
    below = replace(measurement, nps=1.4 * shape - 0.4)
    assert np.abs(residuals(outputs, below)).max() > 0.05


def test_a_glare_lowers_the_modelled_curve_once(measured_spread: Scintillator) -> None:
    hazy = replace(measured_spread, glare=Glare(0.1, 2.0))
    fit = _quick(hazy, _measurement(_closed_form(2.3) * glare_transfer(hazy.glare, FREQUENCY)), [HALF])
    assert fit.parameters[0].value == pytest.approx(2.3, rel=1e-3)


def test_numbers_are_set_where_the_path_leads(film: Scintillator, csi: Scintillator) -> None:
    changed = with_values(film, [("thickness_um", 60.0), ("transport.cover.reflectivity", 0.5)])
    assert changed.transport is not None and changed.transport.model == "turbid"
    assert (changed.thickness_um, changed.transport.cover.reflectivity) == (60.0, 0.5)
    assert film.thickness_um == 75.0
    columns = with_values(csi, [("transport.crosstalk", 0.3)]).transport
    assert columns is not None and columns.model == "columnar"
    assert columns.crosstalk == ((0.0, 0.3),)


@pytest.mark.parametrize(
    ("vary", "match"),
    [
        ([Vary("transport.length", 1.0, 2.0)], "'transport.length' leads to no number .* transport_length_um"),
        ([Vary("transprt.anisotropy", 0.1, 0.2)], "known there: light, transport"),
        ([Vary("transport.crosstalk", 0.1, 0.2)], "'transport.crosstalk' leads to no number"),
        ([Vary("transport.model", 0.1, 0.2)], "leads to no number"),
        ([Vary("transport.anisotropy", 0.1, 1.5)], "transport.anisotropy = 1.5: .*must be less than 1"),
        ([Vary("thickness_um", -5.0, 50.0)], "thickness_um = -5: .*must be greater than 0"),
        ([TRANSPORT, TRANSPORT], "1 to 5 different parameters"),
        ([], "1 to 5 different parameters, got none"),
    ],
)
def test_a_parameter_that_cannot_vary_is_named(film: Scintillator, vary: list[Vary], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        _quick(film, _measurement(_closed_form(2.3)), vary)


def test_a_spread_hides_the_transport(measured_spread: Scintillator) -> None:
    with pytest.raises(ValueError, match=r"'transport.transport_length_um' has no effect: .* has a \[spread\]"):
        _quick(measured_spread, _measurement(_closed_form(2.3)), [TRANSPORT])


def test_fewer_data_than_parameters_are_refused(film: Scintillator) -> None:
    one = LayerMeasurement(
        np.array([2.0]), np.array([0.7]), np.array([0.01]), NONE, NONE, NONE, None, None, APERTURE_MM
    )
    with pytest.raises(ValueError, match="fit of 2 parameters needs 2 data or more, got 1"):
        _quick(film, one, [TRANSPORT, QUANTUM_YIELD])


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"frequency_per_mm": FREQUENCY + 13.0}, "up to 16 /mm, got 16.25 /mm"),
        ({"frequency_per_mm": FREQUENCY - 0.25}, "above 0 and up to 16 /mm, got 0 /mm"),
        ({"mtf": 100 * _closed_form(2.3)}, "not in percent"),
        ({"mtf": np.full(FREQUENCY.size, np.nan)}, "MTF holds a number that is not finite"),
        ({"mtf": np.ones(3)}, "a value and a standard error for each frequency"),
        ({"mtf_error": np.zeros(FREQUENCY.size)}, "standard errors of the MTF must be above 0, got 0 at 0.25 /mm"),
        ({"light": 1.2, "light_error": 0.1}, "fraction above 0 and up to 1.* got 1.2"),
        ({"light": 0.2, "light_error": 0.0}, "error above 0, got 0.2"),
        ({"aperture_mm": -0.1}, "aperture must be a length of 0 or more, got -0.1"),
    ],
)
def test_a_wrong_measurement_names_what_is_wrong(change: dict[str, object], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        replace(_measurement(_closed_form(2.3)), **change)  # type: ignore[arg-type]


def test_bounds_must_rise() -> None:
    with pytest.raises(ValueError, match="bounds of thickness_um must be two finite rising numbers, got 80:20"):
        Vary("thickness_um", 80.0, 20.0)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("transport.transport_length_um", "transport.transport_length_um"),
        ("transport_length_um", "transport.transport_length_um"),
        ("transport_length", "transport.transport_length_um"),
        ("thickness", "thickness_um"),
        ("anisotropy", "transport.anisotropy"),
        ("sensor.reflectivity", "transport.sensor.reflectivity"),
        ("yield_per", "light.yield_per_keV"),
    ],
)
def test_the_end_of_a_key_names_its_number(name: str, key: str) -> None:
    assert whole_key(load_scintillator("CsPbBr3_75um"), name) == key


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("transprt_length", r"'transprt_length' leads to no number .*did you mean 'transport\.transport_length_um'\?"),
        ("length", r"'length' leads to no number .* known there: .*transport\.anisotropy"),
        ("half", "'half' leads to no number"),
        ("yield", "may be light.yield_per_keV or light.yield_spread"),
        ("reflectivity", "may be transport.cover.reflectivity or transport.sensor.reflectivity .* give one of them"),
    ],
)
def test_a_name_that_no_number_has_is_refused_with_the_nearest(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        whole_key(load_scintillator("CsPbBr3_75um"), name)

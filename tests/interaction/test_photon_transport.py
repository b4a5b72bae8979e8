"""What single X-rays do in the Monte Carlo, draw by draw, against the tables and laws behind it."""

from __future__ import annotations

import numpy as np
import pytest
import xraylib
from scipy.special import j0

from radiography.beam.attenuation import material
from radiography.interaction.photon_tables import photon_tables
from radiography.interaction.photon_transport import (
    _bessel_j0,
    _compton_cosine,
    _generator,
    _rayleigh_cosine,
    _relax,
    _turn,
)


def test_bessel_function_is_that_of_scipy():
    x = np.concatenate([[0.0], np.geomspace(1e-3, 200.0, 400)])
    np.testing.assert_allclose([_bessel_j0(value) for value in x], j0(x), atol=1.5e-7)
    np.testing.assert_allclose([_bessel_j0.py_func(value) for value in x], j0(x), atol=1.5e-7)


@pytest.mark.parametrize(
    ("sample", "differential"), [(_compton_cosine, xraylib.DCS_Compt), (_rayleigh_cosine, xraylib.DCS_Rayl)]
)
@pytest.mark.parametrize(("z", "energy_keV"), [(6, 15.0), (55, 60.0)])
def test_scattering_angles_follow_the_differential_cross_sections(sample, differential, z, energy_keV):
    tables = photon_tables(material(f"{xraylib.AtomicNumberToSymbol(z)}@1.0"), 70.0)
    table = (tables.incoherent if sample is _compton_cosine else tables.coherent_integral)[0]
    state = _generator(np.uint64(3))
    cosines = np.array([sample.py_func(table, energy_keV, state) for _ in range(3000)])
    theta = np.linspace(0.005, np.pi, 3000)
    weight = np.array([differential(z, energy_keV, t) * np.sin(t) for t in theta.tolist()])
    for power in (1, 2):
        expected = np.average(np.cos(theta) ** power, weights=weight)
        error = np.std(cosines**power) / np.sqrt(cosines.size)
        assert np.mean(cosines**power) == pytest.approx(expected, abs=4 * error)


def test_k_vacancies_shine_as_often_as_the_fluorescence_yield_says():
    tables = photon_tables(material("CsI"), 70.0)
    state = _generator(np.uint64(4))
    lines = np.array([_relax.py_func(tables, 1, 0, state) for _ in range(4000)])  # caesium comes second
    bright = lines[:, 0] > 0
    # binomial standard error of 4,000 draws with p = 0.894: 0.0049
    assert bright.mean() == pytest.approx(0.8942, abs=4 * 0.0049)
    k_alpha = np.abs(lines[bright, 0] - 30.8) < 0.3
    assert k_alpha.mean() == pytest.approx(0.813, abs=4 * 0.0065)
    assert set(lines[bright][k_alpha, 1]) == {2, 3}  # a hole in L2 or L3 remains


def test_l1_vacancies_of_lead_shine_from_the_shells_they_move_to():
    tables = photon_tables(material("Pb"), 70.0)
    state = _generator(np.uint64(5))
    bright = np.mean([_relax.py_func(tables, 0, 1, state)[0] > 0 for _ in range(4000)])
    yields, (to_l2, to_l3, l2_to_l3) = (0.128, 0.373, 0.360), (0.066, 0.62, 0.118)
    expected = yields[0] + to_l2 * (yields[1] + l2_to_l3 * yields[2]) + to_l3 * yields[2]
    assert bright == pytest.approx(expected, abs=4 * 0.0077)  # binomial standard error with p = 0.379


@pytest.mark.parametrize("start", [(0.0, 0.0, 1.0), (0.0, 0.0, -1.0), (0.6, 0.0, 0.8), (0.48, -0.6, -0.64)])
@pytest.mark.parametrize("cosine", [-0.9, 0.0, 0.7, 1.0])
def test_a_turned_direction_keeps_its_length_and_the_angle(start, cosine):
    state = _generator(np.uint64(6))
    turned = np.array([_turned(start, cosine, state) for _ in range(400)])
    np.testing.assert_allclose(np.sum(turned**2, axis=1), 1.0, rtol=1e-12)
    np.testing.assert_allclose(turned @ np.array(start), cosine, atol=1e-9)
    # azimuth is even: across the start the turns cancel; 400 draws, standard error of the mean 0.71 sine / 20
    sine = np.sqrt(1 - cosine**2)
    np.testing.assert_allclose(turned.mean(axis=0), cosine * np.array(start), atol=4 * 0.0354 * sine + 1e-9)


def _turned(start, cosine, state):
    direction = np.array(start)
    _turn.py_func(direction, cosine, state)
    return direction

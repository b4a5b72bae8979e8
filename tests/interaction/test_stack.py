"""X-rays in a stack of slabs: against the layer without electrons, an independent computation, and against itself."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from radiography.beam.attenuation import material
from radiography.beam.spectrum import beam_spectrum
from radiography.config import load_beam, load_scintillator
from radiography.interaction.absorption import layer_response
from radiography.interaction.electrons import Slab
from radiography.interaction.stack import parts_of, stack_response
from radiography.light.scintillator import layer_material

COVER, GLASS = Slab(material("Al"), 40.0), Slab(material("glass"), 700.0)
ITO, DIODE = Slab(material("ITO"), 0.1), Slab(material("amorphous_silicon"), 1.5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("elastic")


def trace(slabs, energy_keV, folder, histories=4000, seed=3, **kwargs):
    rng = np.random.default_rng(seed)
    return stack_response(slabs, energy_keV, histories, rng, cache_folder=folder, **kwargs)


@pytest.mark.slow
def test_energy_is_conserved(folder):
    slabs = [Slab(material("Si"), 5.0), Slab(material("CsPbBr3"), 20.0, parts=3), ITO, Slab(material("Pb"), 2.0)]
    response = trace(slabs, [12.0, 40.0, 90.0], folder, histories=1000, incidence_deg=30.0)
    out = response.mean_keV.sum(axis=1) + response.front_keV + response.back_keV
    np.testing.assert_allclose(out, response.hit_fraction * response.energy_keV, rtol=1e-12)


def test_products_are_those_of_one_quantum(folder):
    """A part holds no more than the photon: mean square between squared mean and energy times mean, and symmetric."""
    response = trace([Slab(material("CsPbBr3"), 20.0, parts=2), ITO, DIODE], [30.0], folder)
    product = response.product_keV2[0]
    assert np.array_equal(product, product.T)
    assert (np.diag(product) >= response.mean_keV[0] ** 2).all()
    assert (product.sum(axis=1) <= 30.0 * response.mean_keV[0] * (1 + 1e-12)).all()


def test_a_thick_layer_holds_what_it_holds_without_electrons(folder):
    """Electrons of 30 keV run 5 um of 200; lines and scattering are the same physics as `layer_response`."""
    medium = material("CsI@3.4")
    alone = layer_response(medium, 0.2, [30.0, 60.0], 20_000, np.random.default_rng(2))
    response = trace([Slab(medium, 200.0)], [30.0, 60.0], folder, histories=20_000)
    np.testing.assert_allclose(response.hit_fraction, alone.hit_fraction, rtol=1e-12)
    expected = alone.interaction_fraction * alone.mean_energy_keV
    # 20,000 quanta: 0.15 and 0.35 % one standard error; electrons carry up to 1 % out, and L lines follow Auger decay
    np.testing.assert_allclose(response.mean_keV[:, 0], expected, rtol=0.025)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("passivation_um", "diode_keV"),
    [(0.0, 0.0315), (1.0, 0.0236), (3.0, 0.0153), (10.0, 0.0108), (None, 0.0127)],
)
def test_a_diode_receives_what_an_independent_program_found(passivation_um, diode_keV, folder, tmp_path):
    """Photon Monte Carlo with single-scattering electrons (Joy-Luo stopping), 70 kV, its own backscatter good to 20 %.

    Film of 75 um on nitride and ITO; None is a bare diode. Mean energy per photon, and squared over mean 13-14 keV.
    """
    spectrum = beam_spectrum(load_beam("paper_70kV"), 15.0, cache_folder=tmp_path)
    energy = np.arange(12.0, 70.1, 3.0)
    nearest = np.clip(np.rint((spectrum.energy_keV - energy[0]) / 3.0), 0, energy.size - 1).astype(int)
    weight = np.bincount(nearest, spectrum.fluence_per_mm2, energy.size)
    weight /= weight.sum()
    film = layer_material(load_scintillator("CsPbBr3_75um"))
    above = [] if passivation_um is None else [Slab(film, 75.0, parts=4)]
    nitride = [Slab(material("silicon_nitride"), passivation_um)] if passivation_um else []
    slabs = [COVER, *above, *nitride, ITO, DIODE, GLASS]
    response = trace(slabs, energy, folder, histories=10_000)
    part = parts_of(slabs, len(slabs) - 2).start
    mean, square = weight @ response.mean_keV[:, part], weight @ response.product_keV2[:, part, part]
    # one standard error is 3 to 6 %; 20 % is what the independent program gives itself
    assert mean == pytest.approx(diode_keV, rel=0.2)
    assert 12.0 < square / mean < 15.0
    if above:
        left = response.mean_keV[:, parts_of(slabs, 1)].sum(axis=1)
        assert weight @ left / (weight @ energy) == pytest.approx(0.186, rel=0.02)


def test_threads_do_not_change_the_result(folder):
    slabs = [Slab(material("CsPbBr3"), 20.0, parts=2), ITO, DIODE]
    before = numba.get_num_threads()
    found = []
    try:
        for threads in {1, numba.config.NUMBA_NUM_THREADS}:
            numba.set_num_threads(threads)
            found.append(trace(slabs, [20.0, 40.0], folder, histories=700))
    finally:
        numba.set_num_threads(before)
    assert all(np.array_equal(one.product_keV2, found[0].product_keV2) for one in found)


def test_wrong_arguments_name_themselves(folder):
    with pytest.raises(ValueError, match="between 1 and 500 keV for a stack, got 501"):
        trace([DIODE], [501.0], folder)
    with pytest.raises(ValueError, match="at least 2 histories per energy, got 1"):
        trace([DIODE], [20.0], folder, histories=1)
    with pytest.raises(ValueError, match="incidence_deg must be between 0 and 85, got 90"):
        trace([DIODE], [20.0], folder, incidence_deg=90.0)

"""Energy in the diodes: its portions by energy, and how it is drawn together with the light."""

from __future__ import annotations

from dataclasses import replace

import numba
import numpy as np
import pytest

from radiography.beam.attenuation import material
from radiography.light.scintillator import layer_material
from radiography.noise import draw_portions
from radiography.panel.direct_detection import (
    DiodeMeans,
    LitLayer,
    diode_portions,
    draw_diode_energy,
    stack_slabs,
)
from radiography.panel.panel import StackSlab, cover_transmission, stack_extremes

ENERGY_KEV = np.array([20.0, 40.0, 60.0])
FEW = 3000


@pytest.fixture
def layer(film):
    return LitLayer(layer_material(film), film.thickness_um, np.linspace(2.0, 8.0, 4))


@pytest.fixture
def without_stack(small_panel):
    diode = replace(small_panel.photodiode, layer_um=1.5, energy_per_track_keV=6.0)
    return replace(small_panel, photodiode=diode, stack=())


# --- portions ---------------------------------------------------------------------------------------------------


def test_slabs_are_those_of_cover_layer_and_stack(small_panel, layer):
    slabs, in_layer, in_diode = stack_slabs(small_panel, layer)
    assert [slab.material.name for slab in slabs] == [
        "Al",
        layer.material.name,
        "silicon_nitride",
        "ITO",
        "amorphous_silicon",
        "amorphous_silicon",
        "amorphous_silicon",
        "Cr",
        "glass",
    ]
    assert in_layer == slice(1, 5) and in_diode == 8  # cover, four depths, nitride, ITO, p, i
    bare, nothing, in_diode = stack_slabs(small_panel, None)
    assert len(bare) == len(slabs) - 1 and nothing == slice(0, 0) and in_diode == 4


def test_product_with_the_light_lies_within_what_it_can_be(small_panel, layer):
    """A quantum of energy E leaves at most E in all: its light is at most 8 (E - e) for an energy e in the diode."""
    _, energy, square, product = diode_portions(small_panel, layer, ENERGY_KEV, histories=FEW)
    assert (product > 0).all()
    assert (product <= 8.0 * (ENERGY_KEV * energy - square) * (1 + 1e-9)).all()
    # and it goes with the light of the layer in proportion
    twice = diode_portions(
        small_panel, layer._replace(light_per_keV=2 * layer.light_per_keV), ENERGY_KEV, histories=FEW
    )
    np.testing.assert_allclose(twice[3], 2 * product, rtol=1e-12)


def test_portions_count_the_fill_factor(small_panel, layer):
    half = replace(small_panel, photodiode=replace(small_panel.photodiode, fill_factor=0.35))
    whole = diode_portions(small_panel, layer, ENERGY_KEV, histories=FEW)
    np.testing.assert_allclose(diode_portions(half, layer, ENERGY_KEV, histories=FEW), 0.5 * whole, rtol=1e-12)


def test_a_diode_under_a_layer_gets_more_than_a_bare_one_from_heavy_atoms(small_panel, layer):
    under, bare = (diode_portions(small_panel, above, ENERGY_KEV, histories=FEW)[1] for above in (layer, None))
    assert under[2] > bare[2]


def test_without_a_stack_the_diode_is_silicon_in_silicon(without_stack, layer):
    """Portions of 6 keV, behind cover and layer, and nothing shared with the light."""
    tracks, energy, square, product = diode_portions(without_stack, layer, ENERGY_KEV, histories=FEW)
    bare = diode_portions(without_stack, None, ENERGY_KEV, histories=FEW)
    np.testing.assert_allclose(square / energy, 6.0, rtol=1e-12)
    np.testing.assert_allclose(energy / tracks, 6.0, rtol=1e-12)
    assert not product.any()
    assert (energy < bare[1]).all()
    uncovered = diode_portions(replace(without_stack, cover=()), None, ENERGY_KEV, histories=FEW)
    np.testing.assert_allclose(bare[1], uncovered[1] * cover_transmission(without_stack, ENERGY_KEV), rtol=1e-12)


def test_extremes_of_the_stack_hold_its_ends(small_panel):
    most, least = stack_extremes(small_panel)
    # no nitride at all, thin ITO, a thick diode; and the other way round
    assert [slab.thickness_um for slab in most.stack[:3]] == [0.05, 0.02, 1.5]
    assert [slab.thickness_um for slab in least.stack[:4]] == [10.0, 0.1, 0.02, 1.0]
    fixed = replace(small_panel, stack=tuple(replace(slab, range_um=None) for slab in small_panel.stack))
    assert stack_extremes(fixed) == (fixed,)


# --- drawn with the light ---------------------------------------------------------------------------------------


def made_up_means(rows, cols, quanta=40.0):
    """Quanta of 30 light photons on average, mean square 1200, one in ten of which leaves 8 keV, with less light."""
    tracks = 0.1 * quanta
    values = (tracks, tracks * 8.0, tracks * 70.0, tracks * 8.0 * 20.0)
    return DiodeMeans(*(np.full((rows, cols), value, dtype=np.float32) for value in values))


def test_energy_and_light_have_the_moments_of_their_quanta():
    """400 x 500 pixels: means, variances and covariance of a compound Poisson sum, 4 errors wide."""
    rows, cols, quanta = 400, 500, 40.0
    means, rng = made_up_means(rows, cols, quanta), np.random.default_rng(3)
    maps = [np.full((rows, cols), quanta * each, dtype=np.float32) for each in (1.0, 30.0, 1200.0)]
    light = draw_portions(*maps, rng) - maps[1]
    drawn = draw_diode_energy(means, maps[2], light, rng).astype(np.float64)
    count = rows * cols
    variance, light_variance, covariance = 4.0 * 70.0, 1200.0 * quanta, 4.0 * 8.0 * 20.0
    assert abs(drawn.mean() - 32.0) < 4 * np.sqrt(variance / count)
    assert drawn.var() == pytest.approx(variance, rel=4 * np.sqrt(3 / count))
    error = np.sqrt((variance * light_variance + covariance**2) * 2 / count)
    assert abs(np.mean((drawn - 32.0) * light) - covariance) < 4 * error


def test_energy_without_light_is_a_compound_sum_of_its_own():
    means = made_up_means(48, 64)
    nothing = np.zeros((48, 64), dtype=np.float32)
    drawn = draw_diode_energy(means, nothing, nothing, np.random.default_rng(1))
    alone = draw_portions(means.tracks, means.energy_keV, means.energy_square_keV2, np.random.default_rng(1))
    assert np.array_equal(drawn, alone)


def test_threads_do_not_change_the_energy():
    means, rng = made_up_means(48, 64), np.random.default_rng(5)
    square = np.full((48, 64), 1e4, dtype=np.float32)
    noise = rng.normal(0.0, 100.0, (48, 64)).astype(np.float32)
    before, found = numba.get_num_threads(), []
    try:
        for threads in (1, numba.config.NUMBA_NUM_THREADS):
            numba.set_num_threads(threads)
            found.append(draw_diode_energy(means, square, noise, np.random.default_rng(2)))
    finally:
        numba.set_num_threads(before)
    assert np.array_equal(*found)


def test_light_that_does_not_fit_the_pixels_is_refused():
    samples = np.ones((96, 128), dtype=np.float32)
    wanted = r"light is \(96, 128\) and its noise \(96, 128\): both must be 48 x 64 pixels"
    with pytest.raises(ValueError, match=wanted):
        draw_diode_energy(made_up_means(48, 64), samples, samples, np.random.default_rng(1))


# --- panels that are refused ------------------------------------------------------------------------------------


def test_a_stack_has_one_slab_that_collects(small_panel):
    blind = tuple(replace(slab, collects=False) for slab in small_panel.stack)
    with pytest.raises(ValueError, match="one slab of the stack of panel 'fully_coated' must collect, got 0"):
        replace(small_panel, stack=blind)


def test_the_diode_is_described_once(small_panel, without_stack):
    with pytest.raises(
        ValueError, match=r"photodiode\.layer_um of panel 'fully_coated' is for a panel without a stack"
    ):
        replace(small_panel, photodiode=without_stack.photodiode)
    with pytest.raises(ValueError, match=r"panel 'fully_coated' needs a stack of slabs, or photodiode\.layer_um"):
        replace(small_panel, stack=())


def test_ranges_hold_their_value():
    with pytest.raises(ValueError, match="range_um must be two rising numbers that hold 1, got 2 and 3"):
        StackSlab("glass", 1.0, range_um=(2.0, 3.0))


def test_an_unknown_material_of_the_stack_is_refused(small_panel, layer):
    panel = replace(small_panel, stack=(*small_panel.stack[:-1], StackSlab("unobtainium", 1.0)))
    with pytest.raises(ValueError, match="unobtainium"):
        diode_portions(panel, layer, ENERGY_KEV)


def test_materials_of_the_shipped_stack_are_known(small_panel):
    assert all(material(slab.material).density_g_per_cm3 > 0 for slab in small_panel.stack)

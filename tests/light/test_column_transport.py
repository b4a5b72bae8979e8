"""The light of a columnar layer against closed forms: where columns vanish, where they guide, and in equilibrium."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import expn, j0

from radiography.light import column_kernels
from radiography.light import transport as light_transport
from radiography.light.by_depth import collected_fraction, emerging_spectrum, optical_transfer
from radiography.light.film_kernels import ABSORBED, DETECTED, PhotonBlocks
from radiography.light.optics import ColumnarLayer, EmissionLine
from radiography.light.transport import cached_light_transport, trace_light
from tests import reference
from tests.light.column_reference import trace_reference
from tests.reference import on_threads

FREQUENCY_PER_MM = (0.0, 0.5, 1.0, 2.0, 3.0)
CSI = ColumnarLayer(
    column_radius_um=4.0,
    refractive_index=1.79,
    gap_index=1.0,
    gap_um=1.6,
    absorption_length_um=1e4,
    roughness=0.2,
    crosstalk=((0.0, 0.4),),
    top_reflectivity=0.9,
    sensor_reflectivity=0.25,
    emission=EmissionLine(565.0, 155.0),
)
BLACK = replace(
    CSI, absorption_length_um=np.inf, top_reflectivity=0.0, sensor_reflectivity=0.0, crosstalk=((0.0, 0.0),)
)


def trace(layer, photons=10_000, thickness_um=100.0, seed=5, **kwargs):
    kwargs = {"frequency_per_mm": FREQUENCY_PER_MM, "depths": 5, **kwargs}
    return trace_light(layer, thickness_um, photons, np.random.default_rng(seed), **kwargs)


def transfer(layer, photons=10_000, thickness_um=100.0, **kwargs):
    transport = trace(layer, photons, thickness_um, **kwargs)
    return optical_transfer(transport, np.full(transport.depth_um.size, 1 / transport.depth_um.size))


# --- closed forms -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "layer",
    [
        replace(BLACK, gap_index=1.79),
        replace(BLACK, crosstalk=((0.0, 1.0),)),
        replace(BLACK, gap_index=1.79, gap_um=20.0),
    ],
    ids=["equal indices", "every wall is crossed", "equal indices, wide gaps"],
)
def test_columns_that_do_not_reflect_are_a_clear_slab(layer):
    transport = trace(layer, 20_000)
    assert np.all(np.abs(transport.collected - 0.5) < 4 * np.sqrt(0.25 / 4000))
    k = 2 * np.pi * np.array(FREQUENCY_PER_MM[1:])
    height_mm, half_mm = (100.0 - transport.depth_um[:, None]) / 1000, 0.01
    expected = np.exp(-k * height_mm) * np.sinh(k * half_mm) / (k * half_mm)
    assert np.all(np.abs(transport.transfer[:, 1:] - expected) < 4 * transport.transfer_error[:, 1:])


def fraction_in_the_column(layer):
    """Fraction of the light born in the upper half that reaches the sensor within a column's width."""
    transport = trace(layer, 10_000, thickness_um=1000.0, depths=2)
    near = np.interp(2 * layer.column_radius_um, transport.radius_quantile_um[0], transport.quantile_level)
    return near * transport.collected[0]


def test_smooth_column_guides_what_it_reflects_totally():
    # cosine to the wall: sin(polar) cos(impact); a random chord of the cross section has the impact parameter
    # b = sin(impact) with density (4 / pi) sqrt(1 - b^2)
    critical = np.sqrt(1 - 1 / 1.79**2)

    def guided(b):
        largest_sine = min(critical / np.sqrt(1 - b * b), 1.0)
        return 4 / np.pi * np.sqrt(1 - b * b) * (1 - np.sqrt(1 - largest_sine**2))

    expected = quad(guided, 0, 1, points=[1 / 1.79])[0] / 2  # the half that goes down
    found = fraction_in_the_column(replace(BLACK, roughness=0.0, gap_um=1e6))  # what leaves a column meets no other
    # 5,000 photons; 0.003 for light so near the critical angle that it is still inside
    assert abs(found - expected) < 4 * np.sqrt(expected * (1 - expected) / 5000) + 0.003


def test_absorption_by_depth_weakens_a_clear_slab():
    # Light that goes straight down from depth z, at cosine w, keeps exp(-tau / w), tau the absorption below z: half of
    # E2(tau) of it arrives. 1/length falls linearly from 1/20 at the top to 1/200 at the middle, and stays there.
    layer = replace(BLACK, gap_index=1.79, gap_um=1e-6, absorption_length_um=((0.0, 20.0), (0.5, 200.0)))
    transport = trace(layer, 20_000, depths=10)
    inside = np.linspace(0.0, 100.0, 100_001)
    per_um = np.interp(inside, [0.0, 50.0], [1 / 20, 1 / 200])
    below = np.cumsum(per_um[::-1])[::-1] * 1e-3
    expected = (0.5 * expn(2, below[:-1])).reshape(10, -1).mean(axis=1)
    assert expected[-1] > 5 * expected[0]
    assert np.all(np.abs(transport.collected - expected) < 4 * np.sqrt(expected * (1 - expected) / 2000))


def test_isotropic_light_stays_isotropic_in_closed_rough_columns():
    # Columns that nearly nothing leaves, a sensor that takes 1 in 50: in isotropic light the flux on the sensor is a
    # quarter of what the absorption sees, so detected to absorbed is (1 - R) / (4 mu T) = 0.25.
    layer = replace(
        CSI,
        absorption_length_um=1000.0,
        roughness=0.4,
        crosstalk=((0.0, 0.0),),
        top_reflectivity=1.0,
        sensor_reflectivity=0.98,
    )
    closed = light_transport._columns(layer, 20.0, 20.0)._replace(gap_index=1e-3)  # far below what a layer may have
    seeds = np.random.default_rng(1).integers(0, 2**64, 20, dtype=np.uint64)
    blocks = PhotonBlocks(seeds, np.full(20, 1000), np.zeros(20), np.full(20, 20.0))
    ends = np.full((20, 1000), -1, np.int8)
    column_kernels.trace_columns(closed, blocks, ends, np.empty((20, 1000), np.float32))
    detected, absorbed = np.count_nonzero(ends == DETECTED), np.count_nonzero(ends == ABSORBED)
    assert detected + absorbed == 20_000
    # 4,000 of 20,000 detected: standard error 0.0028; facets met without regard to their area give 0.26
    assert detected / (detected + absorbed) == pytest.approx(0.2, abs=4 * 0.0028)


def test_photons_of_small_blocks_fare_as_those_of_large_ones():
    # In a block of 100 no lane takes a second photon: they only close up. Most meet a face in each round here.
    shiny = replace(CSI, absorption_length_um=100.0, top_reflectivity=1.0, sensor_reflectivity=0.98)
    layer, detected = light_transport._columns(shiny, 2.0, 20.0), []
    for each in (100, 2000):
        seeds = np.random.default_rng(2).integers(0, 2**64, 20_000 // each, dtype=np.uint64)
        blocks = PhotonBlocks(seeds, np.full(seeds.size, each), np.zeros(seeds.size), np.full(seeds.size, 2.0))
        ends = np.full((seeds.size, each), -1, np.int8)
        column_kernels.trace_columns(layer, blocks, ends, np.empty(ends.shape, np.float32))
        detected.append((ends == DETECTED).mean())
    mean = np.mean(detected)
    assert 0.1 < mean < 0.9
    assert abs(detected[0] - detected[1]) < 4 * np.sqrt(2 * mean * (1 - mean) / 20_000)


def test_without_loss_all_light_is_detected():
    transport = trace(replace(CSI, absorption_length_um=np.inf, top_reflectivity=1.0), 2000)
    np.testing.assert_array_equal(transport.detected, transport.started)


def test_every_photon_ends_somewhere():
    transport = trace(CSI, 3000, radius_limit_mm=0.1)
    ends = (transport.detected, transport.absorbed, transport.lost_at_cover, transport.strayed)
    np.testing.assert_array_equal(sum(ends), transport.started)
    assert all(end.sum() > 0 for end in ends)


# --- an independent, slow Monte Carlo ---------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"crosstalk": ((0.0, 0.9), (1.0, 0.1))},
        {"roughness": ((0.2, 0.5), (0.6, 0.05))},
        {
            "crosstalk": ((0.3, 0.8), (0.5, 0.0)),
            "roughness": ((0.0, 0.0), (1.0, 0.5)),
            "absorption_length_um": ((0.0, 100.0), (0.7, 3000.0)),
        },
    ],
    ids=["the same at all depths", "crosstalk", "roughness", "all three"],
)
def test_depths_agree_with_a_slow_plain_monte_carlo(changes):
    layer, thickness_um, each = replace(CSI, **{"absorption_length_um": 300.0, **changes}), 150.0, 3000
    transport = trace(layer, 20_000, thickness_um)  # 4,000 from each of 5 depths
    rng = np.random.default_rng(21)
    k = 2e-3 * np.pi * np.array(FREQUENCY_PER_MM[1:])
    for index in range(5):
        depth_um = rng.uniform(index, index + 1, each) * thickness_um / 5
        radii, absorbed, lost = trace_reference(layer, thickness_um, depth_um, rng)
        assert radii.size + absorbed + lost == each
        for count, other in ((transport.detected, radii.size), (transport.absorbed, absorbed)):
            mean = (count[index] + other) / (4000 + each)
            error = np.sqrt(mean * (1 - mean) * (1 / 4000 + 1 / each))
            assert abs(count[index] / 4000 - other / each) < 4 * error + 1e-9
        value = j0(k[:, None] * radii)
        error = np.hypot(value.std(axis=1) / np.sqrt(radii.size), transport.transfer_error[index, 1:])
        assert np.all(np.abs(value.mean(axis=1) - transport.transfer[index, 1:]) < 4 * error)


# --- directions of the effects ------------------------------------------------------------------------------------


def test_crosstalk_blurs_more_the_more_there_is_of_it():
    values = [transfer(replace(CSI, crosstalk=((0.0, chance),)))[0][3] for chance in (0.0, 0.4, 0.8)]
    assert values[0] > values[1] + 0.02 > values[2] + 0.04


def test_crosstalk_applies_at_its_own_depth():
    smooth = replace(BLACK, roughness=0.0)  # its walls never turn light back
    upper = replace(smooth, crosstalk=((0.5, 1.0), (0.501, 0.0)))
    lower = replace(smooth, crosstalk=((0.5, 0.0), (0.501, 1.0)))
    guided, open_below = (trace(layer, 40_000).transfer[-1, 3] for layer in (upper, lower))
    slab = trace(replace(smooth, crosstalk=((0.0, 1.0),)), 40_000).transfer[-1, 3]
    assert open_below == pytest.approx(slab, abs=0.02)  # light from the lowest fifth comes down through open walls
    assert abs(guided - slab) > 0.03


def test_roughness_applies_at_its_own_depth():
    smooth, rough, upper, lower = (
        fraction_in_the_column(replace(BLACK, roughness=given, gap_um=1e6))
        for given in (0.0, 0.2, ((0.45, 0.2), (0.451, 0.0)), ((0.55, 0.0), (0.551, 0.2)))
    )  # of light from the upper half: all of it passes the lower, half of it little of the upper
    assert rough < 0.5 * smooth
    assert rough < upper < smooth - 0.02
    assert rough - 0.01 < lower < upper


def test_one_number_is_the_same_at_all_depths():
    pairs = replace(CSI, roughness=((0.0, 0.2),), crosstalk=((0.5, 0.4),), absorption_length_um=((1.0, 1e4),))
    number, even = trace(replace(CSI, crosstalk=0.4), 2000), trace(pairs, 2000)
    for name in light_transport._ARRAY_FIELDS:
        np.testing.assert_array_equal(getattr(number, name), getattr(even, name), err_msg=name)


def test_roughness_lets_light_out_of_the_columns():
    smooth, rough = (fraction_in_the_column(replace(BLACK, roughness=r, gap_um=1e6)) for r in (0.0, 0.2))
    assert rough < 0.5 * smooth


def test_wider_gaps_blur_more():
    narrow, wide = (transfer(replace(BLACK, gap_um=gap), thickness_um=300.0)[0][3] for gap in (0.1, 10.0))
    assert wide < narrow - 0.05


def test_absorption_costs_light_and_sharpens():
    clear, grey = (trace(replace(CSI, absorption_length_um=length), 10_000, 500.0) for length in (1e4, 1e3))
    even = np.full(5, 0.2)
    assert collected_fraction(grey, even)[0] < 0.6 * collected_fraction(clear, even)[0]
    assert optical_transfer(grey, even)[0][3] > optical_transfer(clear, even)[0][3] + 0.1


def test_columns_keep_the_emission_spectrum():
    transport = trace(CSI, 1000)
    edges = np.array([565.0 - 155.0 / 2, 565.0, 565.0 + 155.0 / 2])
    # within the half width of a Gaussian: 76.1 %
    np.testing.assert_allclose(emerging_spectrum(transport, np.full(5, 0.2), edges), [0.3805, 0.3805], atol=2e-4)


@pytest.mark.slow
def test_commercial_panel_of_the_paper(csi):
    # 0.36 at 2/mm with the X-ray part of 0.826 (70 kV) and the sinc of a 139 um pixel
    transport = trace(csi.transport, 200_000, 500.0, depths=20)
    fraction = np.exp(-transport.depth_um / 150.0)
    mean, error = optical_transfer(transport, fraction / fraction.sum())
    assert error.max() < 0.003
    assert mean[3] * 0.826 * np.sinc(2 * 0.139) == pytest.approx(0.36, abs=0.015)


# --- seeds, threads, cache, refusals --------------------------------------------------------------------------------


def test_same_seed_same_result_for_any_number_of_threads(tmp_path):
    one, two = (on_threads(count, lambda: trace(CSI, 3000)) for count in (1, 2))
    cached = cached_light_transport(
        CSI, 100.0, 3000, seed=5, depths=5, frequency_per_mm=FREQUENCY_PER_MM, cache_folder=tmp_path
    )
    for other in (two, cached):
        for name in light_transport._ARRAY_FIELDS:
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


def test_lanes_draw_the_words_of_integer_arithmetic():
    lanes, rounds = column_kernels._LANES, 20
    words = np.zeros(8 * lanes, np.uint32)
    column_kernels._seed_lanes(np.uint64(2**63 + 5), words)
    seeds = reference.split_mix_words(2**63 + 5)
    halves = [half for _ in range(2 * lanes) for half in divmod(next(seeds), 2**32)]
    assert words[: 4 * lanes].tolist() == halves
    expected = [reference.xoshiro_words_of_32(halves[lane::lanes]) for lane in range(lanes)]
    for _ in range(rounds):
        column_kernels._draw_words(words, lanes // 8)
        drawn = words.reshape(8, lanes)[4:]
        assert drawn.T.tolist() == [[next(row) for _ in range(4)] for row in expected]


def test_logarithm_of_lanes():
    number = np.concatenate([(np.array([0, 1, 2, 2**22, 2**23 - 1]) + 0.5) / 2**23, np.geomspace(1e-7, 0.999, 500)])
    for value in number.astype(np.float32):
        assert column_kernels._minus_log(value) == pytest.approx(-np.log(np.float64(value)), rel=3e-7)


def test_compiled_and_plain_kernel_agree():
    layer = light_transport._columns(CSI, 100.0, 20.0)
    blocks = PhotonBlocks(
        np.array([3, 4], np.uint64), np.array([20, 300]), np.array([0.0, 30.0]), np.array([30.0, 100.0])
    )
    results = []
    for kernel in (column_kernels.trace_columns, column_kernels.trace_columns.py_func):
        ends, radius_um = np.full((2, 300), -1, np.int8), np.zeros((2, 300), np.float32)
        kernel(layer, blocks, ends, radius_um)
        results.append((ends, radius_um))
    for compiled, plain in zip(*results, strict=True):
        np.testing.assert_array_equal(compiled, plain)
    assert (results[0][0] >= 0).sum(axis=1).tolist() == [20, 300]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"crosstalk": ((0.5, 0.1), (0.2, 0.3))}, r"pairs at rising depths, got depths \[0.5, 0.2\]"),
        ({"crosstalk": ()}, "crosstalk of a columnar layer needs pairs"),
        ({"roughness": ((0.5, 0.1), (0.5, 0.3))}, r"roughness of a columnar layer needs pairs at rising depths"),
        ({"absorption_length_um": ()}, "absorption_length_um of a columnar layer needs pairs"),
        ({"absorption_length_um": ((0.0, -1.0),)}, "absorption_length_um"),
        ({"roughness": 1.5}, "roughness"),
        ({"roughness": ((0.0, 1.5),)}, "roughness"),
        ({"gap_um": 0.0}, "gap_um"),
        ({"column_radius_um": -4.0}, "column_radius_um"),
    ],
)
def test_impossible_columns_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(CSI, **changes)

"""The light of a film against closed forms, against a slow copy in numpy, and against an independent Monte Carlo."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import expn, j0

from radiography.light import film_kernels as turbid_kernels
from radiography.light import transport as light_transport
from radiography.light.by_depth import (
    collected_fraction,
    collected_square,
    emerging_spectrum,
    noise_transfer,
    optical_transfer,
)
from radiography.light.optics import EmissionLine, Face, SelfAbsorption, TurbidLayer
from radiography.light.transport import cached_light_transport, trace_light
from tests.light.film_reference import trace_reference
from tests.reference import on_threads

FREQUENCY_PER_MM = (0.0, 0.5, 1.0, 2.0, 3.0, 8.0)
THICKNESS_UM = 75.0
MILNE = 0.7104  # distance beyond an absorbing plane, in transport lengths, where diffuse light extrapolates to zero

BLACK = Face(reflectivity=0.0, diffuse_fraction=0.0)
MIRROR = Face(reflectivity=1.0, diffuse_fraction=1.0)
CLEAR = TurbidLayer(
    refractive_index=1.75,
    transport_length_um=np.inf,
    anisotropy=0.8,
    absorption_length_um=np.inf,
    emission=EmissionLine(519.0, 22.0),
    cover=BLACK,
    sensor=BLACK,
)
URBACH = SelfAbsorption(edge_nm=507.0, edge_per_um=2.5, urbach_meV=17.0, quantum_yield=0.6)
FILM = replace(
    CLEAR,
    transport_length_um=20.0,
    cover=Face(reflectivity=0.9, diffuse_fraction=1.0),
    sensor=Face(reflectivity=0.2, diffuse_fraction=0.0),
    self_absorption=URBACH,
)


def trace(layer, photons=40_000, thickness_um=THICKNESS_UM, seed=5, **kwargs):
    kwargs = {"frequency_per_mm": FREQUENCY_PER_MM, **kwargs}
    return trace_light(layer, thickness_um, photons, np.random.default_rng(seed), **kwargs)


def same_everywhere(transport):
    return np.full(transport.depth_um.size, 1 / transport.depth_um.size)


def absorbed_over(transport, mean_free_path_um):
    fraction = np.exp(-transport.depth_um / mean_free_path_um)
    return fraction / fraction.sum()


@pytest.fixture(scope="module")
def film():
    return trace(FILM, 100_000)


# --- closed forms -----------------------------------------------------------------------------------------------


def test_clear_film_blurs_by_the_exponential_of_the_height():
    transport = trace(CLEAR, 100_000, depths=5)
    assert np.all(np.abs(transport.collected - 0.5) < 4 * np.sqrt(0.25 / 20_000))  # all that starts downwards
    height_mm = (THICKNESS_UM - transport.depth_um) / 1000
    half_mm = THICKNESS_UM / 5 / 2 / 1000
    k = 2 * np.pi * np.array(FREQUENCY_PER_MM[1:])
    expected = np.exp(-k * height_mm[:, None]) * np.sinh(k * half_mm) / (k * half_mm)  # mean over each layer
    error = np.abs(transport.transfer[:, 1:] - expected) / transport.transfer_error[:, 1:]
    assert error.max() < 4
    assert np.all(transport.transfer_error[:, 1:] < 0.008)


def test_radii_of_a_clear_film_follow_the_solid_angle():
    transport = trace(CLEAR, 200_000, depths=5)
    height_um = THICKNESS_UM - transport.depth_um[0]
    level = transport.quantile_level[64]  # fraction within r of light from a height h: 1 - h / sqrt(r^2 + h^2)
    expected = height_um * np.sqrt(1 / (1 - level) ** 2 - 1)
    # 20,000 detected: the fraction has a standard error of 0.0035; the layer's own depth adds 1 %
    assert transport.radius_quantile_um[0, 64] == pytest.approx(expected, rel=0.03)
    assert np.all(np.diff(transport.radius_quantile_um, axis=1) >= 0)


def test_light_leaves_into_air_through_the_fresnel_cone():
    transport = trace(replace(CLEAR, sensor=replace(BLACK, refractive_index=1.0)), 200_000, depths=1)

    def passes(cosine):
        sine = 1.75 * np.sqrt(1 - cosine**2)
        if sine >= 1:
            return 0.0
        inner, outer = np.arcsin(sine / 1.75), np.arcsin(sine)
        s, p = np.sin(inner - outer) / np.sin(inner + outer), np.tan(inner - outer) / np.tan(inner + outer)
        return 1 - (s**2 + p**2) / 2

    expected = quad(passes, np.sqrt(1 - 1 / 1.75**2), 1 - 1e-9)[0] / 2
    assert abs(transport.collected[0] - expected) < 4 * transport.collected_error[0]
    assert transport.collected_error[0] < 0.02 * expected


def test_light_that_crosses_a_gap_is_refracted():
    gap_um, height_um = 50.0, THICKNESS_UM * (1 - 1 / 50)
    layer = replace(CLEAR, sensor=replace(BLACK, refractive_index=1.5, gap_um=gap_um))
    transport = trace(layer, 500_000, depths=25)
    k = 2 * np.pi * 1e-3 * 2.0

    def at(cosine, order):
        sine = np.sqrt(1 - cosine**2)
        outer = 1.75 / 1.5 * sine
        if outer >= 1:
            return 0.0
        there = np.sqrt(1 - outer**2)
        s = ((1.75 * cosine - 1.5 * there) / (1.75 * cosine + 1.5 * there)) ** 2
        p = ((1.5 * cosine - 1.75 * there) / (1.5 * cosine + 1.75 * there)) ** 2
        radius = height_um * sine / cosine + gap_um * outer / there
        return (1 - (s + p) / 2) * (j0(k * radius) if order else 1.0)

    lowest = np.sqrt(1 - (1.5 / 1.75) ** 2)
    expected = quad(at, lowest, 1, args=(1,), limit=200)[0] / quad(at, lowest, 1, args=(0,))[0]
    assert abs(transport.transfer[0, 3] - expected) < 4 * transport.transfer_error[0, 3] + 2e-3  # 2e-3: layer depth


@pytest.mark.parametrize("mirror", [0.0, 1.0])
def test_grey_absorption_is_the_exponential_integral(mirror):
    layer = replace(CLEAR, absorption_length_um=50.0, cover=Face(reflectivity=mirror, diffuse_fraction=0.0))
    transport = trace(layer, 100_000, depths=4)
    edges = np.arange(5) * THICKNESS_UM / 4

    def mean_of_half_e2(length_um):  # light over a height h of absorber, h even between two edges
        optical = length_um / 50.0
        return 0.5 * np.abs(np.diff(expn(3, optical))) / np.abs(np.diff(optical))

    expected = mean_of_half_e2(THICKNESS_UM - edges) + mirror * mean_of_half_e2(THICKNESS_UM + edges)
    assert np.all(np.abs(transport.collected - expected) < 4 * transport.collected_error)


@pytest.mark.parametrize("absorption_length_um", [np.inf, 1500.0])
def test_strong_scattering_is_diffusion_onto_an_absorbing_plane(absorption_length_um):
    transport_um = THICKNESS_UM / 20
    layer = replace(
        CLEAR,
        transport_length_um=transport_um,
        anisotropy=0.0,
        cover=MIRROR,
        absorption_length_um=absorption_length_um,
    )
    transport = trace(layer, 20_000)
    mean, error = optical_transfer(transport, same_everywhere(transport))
    absorption = 1 / absorption_length_um
    kappa2 = 3 * absorption * (absorption + 1 / transport_um)

    def leaves(k_per_um):  # tanh(q)/q over 1 + q z tanh(q), with q^2 = k^2 + kappa^2 and the Milne distance z
        q = max(np.hypot(k_per_um, np.sqrt(kappa2)), 1e-9)
        return (
            np.tanh(q * THICKNESS_UM) / (q * THICKNESS_UM) / (1 + q * MILNE * transport_um * np.tanh(q * THICKNESS_UM))
        )

    expected = np.array([leaves(2e-3 * np.pi * f) / leaves(0.0) for f in FREQUENCY_PER_MM])
    # diffusion is right to the square of transport length over thickness, 0.0025
    assert np.all(np.abs(mean - expected)[1:] < 4 * error[1:] + 0.0025)
    assert error.max() < 0.005
    light, light_error = collected_fraction(transport, same_everywhere(transport))
    assert abs(light - leaves(0.0)) < 4 * light_error + 0.0025


def test_without_loss_all_light_is_detected():
    transport = trace(replace(FILM, cover=MIRROR, self_absorption=None), 4000)
    np.testing.assert_array_equal(transport.detected, transport.started)


def test_every_photon_ends_somewhere(film):
    ends = film.detected + film.absorbed + film.lost_at_cover + film.strayed
    np.testing.assert_array_equal(ends, film.started)
    assert film.started.sum() == 100_000
    assert film.absorbed.min() > 0 and film.lost_at_cover.min() > 0


def test_light_trapped_between_mirrors_is_given_up_at_the_radius_limit():
    smooth = Face(reflectivity=1.0, diffuse_fraction=0.0)
    layer = replace(CLEAR, cover=smooth, sensor=replace(BLACK, refractive_index=1.0))
    transport = trace(layer, 4000, radius_limit_mm=2.0)
    assert transport.strayed.sum() == pytest.approx(4000 * np.sqrt(1 - 1 / 1.75**2), rel=0.05)  # outside the cone
    assert transport.radius_quantile_um.max() < 2100


@pytest.mark.parametrize("g", [-0.5, 0.0, 0.8])
def test_mean_scattering_cosine_is_the_anisotropy(g):
    uniform = (np.arange(20_000) + 0.5) / 20_000
    cosine = np.array([turbid_kernels._scattering_cosine(g, u) for u in uniform])
    assert cosine.mean() == pytest.approx(g, abs=1e-6)
    assert (1.5 * cosine**2 - 0.5).mean() == pytest.approx(g * g, abs=1e-6)


def test_turns_keep_the_length_and_forget_the_direction():
    state = np.array([1, 2, 3, 4], dtype=np.uint64)
    rng = np.random.default_rng(1)
    ends = []
    for start in rng.normal(size=(4000, 3)):
        start /= np.linalg.norm(start)
        direction = tuple(start)
        for _ in range(3):
            direction = turbid_kernels._turn(*direction, 0.8, state)
        assert np.dot(direction, direction) == pytest.approx(1.0, abs=1e-12)
        ends.append((np.dot(direction, start), np.dot(direction, np.cross(start, [0.0, 0.0, 1.0]))))
    along, across = np.array(ends).T
    assert along.mean() == pytest.approx(0.8**3, abs=4 * along.std() / np.sqrt(4000))
    assert across.mean() == pytest.approx(0.0, abs=4 * across.std() / np.sqrt(4000))


def test_fresnel_reflectance_at_known_angles():
    reflectance = turbid_kernels._reflectance
    assert reflectance(1.0, 1.5, 1.0) == pytest.approx(0.04, abs=1e-12)
    assert reflectance(1.5, 1.0, np.cos(np.deg2rad(42))) == 1.0  # the critical angle is 41.8 degrees
    brewster = np.arctan(1.5)  # only s is reflected, by ((1 - n^2) / (1 + n^2))^2
    assert reflectance(1.0, 1.5, np.cos(brewster)) == pytest.approx((1.25 / 3.25) ** 2 / 2, abs=1e-12)
    inside = np.arcsin(np.sin(0.7) / 1.5)
    assert reflectance(1.0, 1.5, np.cos(0.7)) == pytest.approx(reflectance(1.5, 1.0, np.cos(inside)), abs=1e-12)


def test_bessel_function_of_the_kernel_errs_by_less_than_1e_5():
    tables = light_transport._radius_tables(np.array([1.0]))
    x = np.concatenate([np.linspace(0, 30, 3001), np.geomspace(30, 3000, 300)])
    found = [turbid_kernels._bessel_j0(value, tables) for value in x]
    np.testing.assert_allclose(found, j0(x), atol=1e-5)


# --- self-absorption --------------------------------------------------------------------------------------------


def test_perfect_grey_reemission_is_isotropic_scattering():
    emitting = replace(FILM, transport_length_um=np.inf, self_absorption=SelfAbsorption(507.0, 1 / 40, np.inf, 1.0))
    scattering = replace(FILM, transport_length_um=40.0, anisotropy=0.0, self_absorption=None)
    one, other = trace(emitting), trace(scattering, seed=6)
    error = np.hypot(one.collected_error, other.collected_error)
    assert np.all(np.abs(one.collected - other.collected) < 4 * error)
    (mean, own), (other_mean, other_own) = (optical_transfer(t, same_everywhere(t)) for t in (one, other))
    assert np.all(np.abs(mean - other_mean) < 4 * np.hypot(own, other_own) + 1e-12)


def test_light_that_is_not_absorbed_keeps_its_spectrum():
    transport = trace(CLEAR, 100_000)
    edges = np.arange(440.0, 600.0, 1.0)
    fraction = emerging_spectrum(transport, same_everywhere(transport), edges)
    middle = (edges[1:] + edges[:-1]) / 2
    spread_nm = np.sqrt(fraction @ (middle - fraction @ middle) ** 2)
    assert fraction.sum() == pytest.approx(1.0, abs=1e-12)
    assert fraction @ middle == pytest.approx(519.0, abs=4 * 9.34 / np.sqrt(50_000))
    assert spread_nm * 2.3548 == pytest.approx(22.0, rel=4 / np.sqrt(2 * 50_000))


def test_self_absorption_reddens_and_thickness_adds_to_it(film):
    thick = trace(FILM, 20_000, thickness_um=150.0)
    means = [(t.spectrum.T @ t.collected) @ t.wavelength_nm / t.collected.sum() for t in (film, thick)]
    assert 519.0 + 10 < means[0] < means[1] - 0.5
    deep, shallow = film.spectrum[[-1, 0]] @ film.wavelength_nm
    assert deep < shallow - 2.0


# --- other computations -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "layer",
    [
        FILM,
        replace(
            FILM,
            transport_length_um=40.0,
            anisotropy=0.3,
            absorption_length_um=200.0,
            cover=Face(reflectivity=0.95, diffuse_fraction=0.3, refractive_index=1.0, gap_um=30.0),
            sensor=Face(reflectivity=0.2, diffuse_fraction=0.5, refractive_index=1.5, gap_um=10.0),
        ),
    ],
    ids=["baseline", "gaps"],
)
def test_kernel_agrees_with_slow_numpy(layer):
    count = 10_000
    rng = np.random.default_rng(9)
    radii_um, colour_nm, absorbed, covered = trace_reference(
        layer, THICKNESS_UM, rng.uniform(0, THICKNESS_UM, count), rng
    )
    transport = trace(layer, 100_000)
    fraction = same_everywhere(transport)
    for found, slow in (
        (transport.detected, radii_um.size),
        (transport.absorbed, absorbed),
        (transport.lost_at_cover, covered),
    ):
        expected = found.sum() / 100_000
        assert abs(slow / count - expected) < 4 * np.sqrt(expected * (1 - expected) * 1.1 / count)
    mean, error = optical_transfer(transport, fraction)
    for value, own, frequency in zip(mean, error, FREQUENCY_PER_MM, strict=True):
        slow = j0(2e-3 * np.pi * frequency * radii_um)
        assert abs(slow.mean() - value) < 4 * np.hypot(own, slow.std() / np.sqrt(slow.size)) + 1e-12
    colour = (transport.spectrum.T @ transport.collected) @ transport.wavelength_nm / transport.collected.sum()
    assert abs(colour_nm.mean() - colour) < 4.2 * colour_nm.std() / np.sqrt(colour_nm.size)


def total_at_2_per_mm(layer, photons):
    """Transfer with the sinc of a 139 um pixel, and the light detected, for X-rays of mean free path 320 um."""
    transport = trace(layer, photons)
    fraction = absorbed_over(transport, 320.0)
    mean, _ = optical_transfer(transport, fraction)
    return mean[3] * np.sinc(2 * 0.139), collected_fraction(transport, fraction)[0]


def with_cover(reflectivity, diffuse_fraction=1.0, **changes):
    return replace(FILM, **{"self_absorption": None, "cover": Face(reflectivity, diffuse_fraction), **changes})


# layer, transfer at 2/mm with pixel, light: a Monte Carlo written apart from this one, standard error 0.002 to 0.005
INDEPENDENT = [
    (with_cover(0.9, 0.0, transport_length_um=np.inf), 0.338, 0.93),
    (with_cover(0.0, 0.0, transport_length_um=np.inf), 0.554, 0.40),
    (with_cover(0.9, 0.0, transport_length_um=np.inf, sensor=Face(0.2, 0.0, 1.5)), 0.561, 0.45),
    (with_cover(0.9, 1.0, transport_length_um=np.inf, sensor=Face(0.2, 0.0, 1.0)), 0.189, None),
    (with_cover(0.95, transport_length_um=100.0), 0.464, 0.95),
    (with_cover(0.95, transport_length_um=30.0), 0.570, None),
    (with_cover(0.95, transport_length_um=10.0), 0.662, None),
    (with_cover(0.8, transport_length_um=10.0), 0.717, None),
    (with_cover(0.9, transport_length_um=30.0, absorption_length_um=1000.0), 0.652, 0.63),
    (with_cover(0.9, transport_length_um=30.0, absorption_length_um=100.0), 0.811, 0.18),
    (with_cover(0.9, self_absorption=SelfAbsorption(507.0, 1 / 45, np.inf, 0.6)), 0.831, None),
    (replace(FILM, transport_length_um=30.0, self_absorption=replace(URBACH, quantum_yield=0.8)), 0.671 / 0.98, 0.34),
    (replace(FILM, self_absorption=replace(URBACH, quantum_yield=0.4)), 0.734 / 0.98, 0.16),
    (FILM, 0.723 / 0.98, 0.21),
]


@pytest.mark.parametrize(("layer", "transfer", "light"), INDEPENDENT)
def test_film_agrees_with_an_independent_monte_carlo(layer, transfer, light):
    found, found_light = total_at_2_per_mm(layer, 40_000)
    assert found == pytest.approx(transfer, abs=0.011)
    if light is not None:
        assert found_light == pytest.approx(light, abs=0.01)


@pytest.mark.slow
def test_baseline_film_at_all_frequencies():
    transport = trace(FILM, 2_000_000)
    fraction = absorbed_over(transport, 320.0)
    mean, error = optical_transfer(transport, fraction)
    xray = np.array([1.0, 0.997, 0.992, 0.98, 0.97])  # K fluorescence
    total = mean[:5] * np.sinc(0.139 * transport.frequency_per_mm[:5]) * xray
    np.testing.assert_allclose(total, [1.0, 0.977, 0.914, 0.723, 0.511], atol=0.006)
    assert error.max() < 0.0015
    spectrum = (transport.spectrum.T @ (fraction * transport.collected)) / (fraction @ transport.collected)
    assert spectrum @ transport.wavelength_nm == pytest.approx(531.9, abs=0.5)


# --- standard errors, seeds, cache, refusals ----------------------------------------------------------------------


@pytest.mark.parametrize(("layer", "frequency_per_mm"), [(FILM, 1.0), (CLEAR, 3.0)])
def test_standard_errors_are_what_repeated_runs_scatter_by(layer, frequency_per_mm):
    runs = [trace(layer, 2000, depths=4, seed=seed, frequency_per_mm=[frequency_per_mm]) for seed in range(120)]
    fraction = np.full(4, 0.25)
    # 120 runs know a standard deviation to 6.5 %; even spacing of the origins within a layer lowers it a little
    transfers, errors = np.array([np.ravel(optical_transfer(run, fraction)) for run in runs]).T
    assert transfers.std() == pytest.approx(errors.mean(), rel=0.2)
    light, light_error = np.array([collected_fraction(run, fraction) for run in runs]).T
    assert light.std() == pytest.approx(light_error.mean(), rel=0.2)


def test_same_seed_same_result_for_any_number_of_threads():
    one = on_threads(1, lambda: trace(FILM, 5000))
    two = on_threads(2, lambda: trace(FILM, 5000))
    for other in (two, trace(FILM, 5000, progress=lambda done, total: None)):
        for name in light_transport._ARRAY_FIELDS:
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    assert np.any(trace(FILM, 5000, seed=6).detected != one.detected)


def test_compiled_and_plain_kernel_agree():
    layer = light_transport._film(FILM, THICKNESS_UM, light_transport._emitted_wavelengths_nm(FILM.emission), 20.0)
    tables = light_transport._radius_tables(np.array(FREQUENCY_PER_MM))
    seeds, photons = np.array([3, 4], np.uint64), np.array([40, 50])
    blocks = turbid_kernels.PhotonBlocks(seeds, photons, np.array([0.0, 30.0]), np.array([30.0, 75.0]))
    results = []
    for kernel in (turbid_kernels.trace_film, turbid_kernels.trace_film.py_func):
        out = light_transport._no_tallies(2, len(FREQUENCY_PER_MM), light_transport.EMISSION_LINES)
        kernel(layer, tables, blocks, *out)
        results.append(out)
    for compiled, plain in zip(*results, strict=True):
        np.testing.assert_allclose(compiled, plain, rtol=1e-12)
    assert results[0][0].sum(axis=1).tolist() == [40, 50]


def test_progress_counts_up_to_all_photons():
    reports = []
    trace(FILM, 300_000, thickness_um=5.0, progress=lambda done, total: reports.append((done, total)))
    assert len(reports) > 1
    assert reports == sorted(reports)
    assert reports[-1] == (300_000, 300_000)


def test_cached_light_is_found_again(tmp_path, monkeypatch):
    first = cached_light_transport(FILM, THICKNESS_UM, 2000, seed=3, cache_folder=tmp_path)
    fresh = trace_light(FILM, THICKNESS_UM, 2000, np.random.default_rng(3))
    monkeypatch.setattr(light_transport, "trace_light", None)
    again = cached_light_transport(FILM, THICKNESS_UM, 2000, seed=3, cache_folder=tmp_path)
    for name in light_transport._ARRAY_FIELDS:
        np.testing.assert_array_equal(getattr(first, name), getattr(fresh, name))
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    for other in ({"seed": 4}, {"depths": 10}, {"frequency_per_mm": [1.0]}, {"radius_limit_mm": 1.0}):
        with pytest.raises(TypeError):  # not in the cache, so it would have to be traced
            cached_light_transport(FILM, THICKNESS_UM, 2000, cache_folder=tmp_path, **{"seed": 3, **other})
    with pytest.raises(TypeError):
        cached_light_transport(replace(FILM, anisotropy=0.7), THICKNESS_UM, 2000, seed=3, cache_folder=tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"thickness_um": 0.0}, "thickness_um of trace_light must be a positive length, got 0.0"),
        ({"thickness_um": np.inf}, "must be a positive length, got inf"),
        ({"photons": 10}, "at least one photon for each depth, got 10 for 20 depths"),
        ({"depths": 0}, "got 40000 for 0 depths"),
        ({"frequency_per_mm": [-1.0]}, "finite frequencies of 0 or more"),
        ({"radius_limit_mm": -1.0}, "radius_limit_mm of trace_light must be a positive length, got -1.0"),
    ],
)
def test_wrong_arguments_name_themselves(changes, message):
    with pytest.raises(ValueError, match=message):
        trace(FILM, **changes)


def test_other_layers_are_refused():
    with pytest.raises(TypeError, match="TurbidLayer or ColumnarLayer, got str"):
        trace("film")


@pytest.mark.parametrize(
    ("key", "value"),
    [("refractive_index", 0.9), ("transport_length_um", 0.0), ("anisotropy", 1.0), ("absorption_length_um", -1.0)],
)
def test_impossible_films_are_refused(key, value):
    with pytest.raises(ValueError, match=key):
        replace(FILM, **{key: value})


# --- weighting by depth -----------------------------------------------------------------------------------------


def test_noise_never_falls_faster_than_the_squared_signal(film):
    fraction = absorbed_over(film, 320.0)
    lubberts = optical_transfer(film, fraction)[0] ** 2 / noise_transfer(film, fraction)
    assert lubberts[0] == pytest.approx(1.0, abs=1e-12)
    assert np.all((lubberts > 0.2) & (lubberts <= 1 + 1e-12))
    assert collected_fraction(film, fraction)[0] ** 2 < collected_square(film, fraction)
    single = np.zeros(20)
    single[7] = 1.0
    np.testing.assert_allclose(optical_transfer(film, single)[0] ** 2, noise_transfer(film, single))
    assert collected_fraction(film, single)[0] ** 2 == pytest.approx(collected_square(film, single))

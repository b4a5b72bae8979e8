"""The event mode against closed forms, against the tables it draws from, and against the fast mode."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import j0

from radiography.analysis.mtf import mtf_at, slanted_edge_mtf
from radiography.beam.attenuation import material
from radiography.beam.spectrum import beam_spectrum
from radiography.config import load_beam
from radiography.interaction.photon_tables import photon_tables
from radiography.light.layer_light import layer_light, spread_of_beam
from radiography.light.scintillator import Glare
from radiography.light.spread import plan_light_spread, spread_light
from radiography.light.transport import LightTransport
from radiography.noise import draw_portions
from radiography.panel.panel import Pixels
from radiography.truth.event_frame import acquire_events, draw_deposits, tilted_edge
from tests.reference import on_threads

PIXELS = Pixels(rows=24, cols=32, pitch_mm=0.139, aperture_mm=0.139)
COLLECTED = (0.2, 0.4)


def made_up_transport(thickness_um=75.0, radius_um=(0.0, 0.0)):
    """Two depths that collect 0.2 and 0.4 of the light; all of it lands at one distance for each."""
    depths, level = len(COLLECTED), 1.0 - (1.0 - np.linspace(0.0, 1.0, 17)) ** 2
    whole, nothing = np.full(depths, 1000), np.zeros(depths, dtype=np.int64)
    collected = np.array(COLLECTED)
    return LightTransport(
        thickness_um=thickness_um,
        depth_um=(np.arange(depths) + 0.5) * thickness_um / depths,
        started=whole,
        detected=(whole * collected).astype(np.int64),
        absorbed=nothing,
        lost_at_cover=nothing,
        strayed=nothing,
        collected=collected,
        collected_error=np.zeros(depths),
        frequency_per_mm=np.zeros(1),
        transfer=np.ones((depths, 1)),
        transfer_error=np.zeros((depths, 1)),
        quantile_level=level,
        radius_quantile_um=np.repeat(np.array(radius_um)[:, None], level.size, axis=1),
        wavelength_nm=np.array([530.0]),
        spectrum=np.ones((depths, 1)),
    )


def acquire(scintillator, fluence, seed=3, pixels=PIXELS, transport=None, energy_keV=(30.0,), **kwargs):
    transport = made_up_transport(scintillator.thickness_um) if transport is None else transport
    return acquire_events(scintillator, pixels, transport, energy_keV, fluence, np.random.default_rng(seed), **kwargs)


# --- six small tests --------------------------------------------------------------------------------------------


def test_no_quanta_make_no_light(film):
    frame = acquire(film, [0.0], list_deposits=True)
    assert not frame.photons.any()
    assert frame.quanta == frame.between == frame.outside == frame.deposits.light.size == 0


def test_every_light_photon_is_counted_somewhere(film):
    pixels = replace(PIXELS, aperture_mm=0.1)
    frame = acquire(
        film, [60.0], pixels=pixels, transport=made_up_transport(radius_um=(300.0, 300.0)), list_deposits=True
    )
    assert frame.photons.dtype == np.int32
    assert frame.photons.sum() + frame.between + frame.outside == frame.deposits.light.sum()
    assert min(frame.photons.sum(), frame.between, frame.outside) > 0


def test_twice_the_fluence_gives_twice_the_light(film):
    one, two = (acquire(film, [fluence], seed) for fluence, seed in ((300.0, 1), (600.0, 2)))
    # quanta are Poisson, their light has a relative variance below 0.5: the ratio is known to sqrt(1.5 (1/N1 + 1/N2))
    error = np.sqrt(1.5 / one.quanta + 1.5 / two.quanta)
    assert abs(two.photons.sum() / one.photons.sum() / 2 - 1) < 4 * error
    assert abs(two.quanta / one.quanta / 2 - 1) < 4 * error


def test_light_of_a_deposit_follows_yield_energy_and_collection_of_its_depth(film):
    found = acquire(film, [4000.0], list_deposits=True).deposits
    upper = found.depth_mm < 0.5e-3 * film.thickness_um
    for part, collected in ((upper, COLLECTED[0]), (~upper, COLLECTED[1])):
        mean = film.light.yield_per_keV * collected * found.energy_keV[part]
        assert abs(found.light[part].sum() / mean.sum() - 1) < 4 / np.sqrt(mean.sum())  # Poisson
        # chi squared of Poisson numbers with means above 1: variance 2 + 1 / mean each
        scatter = ((found.light[part] - mean) ** 2 / mean)[mean > 1]
        assert abs(scatter.mean() - 1) < 4 * np.sqrt(3 / scatter.size)


def test_light_without_spread_lands_where_the_energy_was_left(film):
    frame = acquire(film, [100.0], list_deposits=True)
    found = frame.deposits
    row = np.floor(found.y_mm / PIXELS.pitch_mm + 0.5 * PIXELS.rows).astype(int)
    col = np.floor(found.x_mm / PIXELS.pitch_mm + 0.5 * PIXELS.cols).astype(int)
    inside = (row >= 0) & (row < PIXELS.rows) & (col >= 0) & (col < PIXELS.cols)
    expected = np.zeros((PIXELS.rows, PIXELS.cols), dtype=np.int64)
    np.add.at(expected, (row[inside], col[inside]), found.light[inside])
    np.testing.assert_array_equal(frame.photons, expected)


def test_light_lands_at_the_radius_of_its_depth_in_all_directions(film):
    # one cell of 0.11 pixel in the middle of an odd number of pixels, 3.3 pixels to go
    pixels = Pixels(rows=21, cols=23, pitch_mm=0.1, aperture_mm=0.1)
    cells = np.zeros((1, 9 * 21, 9 * 23))
    cells[0, 94, 103] = 1e8  # per mm2, in a cell of 1.2e-4 mm2
    frame = acquire(
        film, cells, pixels=pixels, transport=made_up_transport(radius_um=(330.0, 330.0)), energy_keV=(12.0,)
    )
    row, col = np.mgrid[-10:11, -11:12]
    radius = np.hypot(row, col)
    near = np.abs(radius - 3.3) < 0.8
    assert frame.photons[near].sum() > 0.99 * frame.photons.sum()  # 12 keV: L lines leave a few places further off
    quarters = [frame.photons[near & side].sum() for side in (row > 2, row < -2, col > 2, col < -2)]
    assert np.ptp(quarters) < 6 * np.sqrt(np.mean(quarters))


def test_a_pixel_counts_what_falls_in_its_aperture(film):
    whole, part = (acquire(film, [300.0], pixels=replace(PIXELS, aperture_mm=a), margin_mm=0.0) for a in (0.139, 0.1))
    fraction = part.photons.sum() / (part.photons.sum() + part.between)
    # points scattered over the pixels by their quanta: binomial in the number of deposits
    assert abs(fraction - (0.1 / 0.139) ** 2) < 4 * 0.5 * np.sqrt(1.5 / part.quanta)
    assert whole.between == 0


def test_cells_of_the_exposure_stay_in_place(film):
    cells = np.zeros((1, 2, 4))
    cells[0, 1, 2] = 1000.0
    photons = acquire(film, cells, margin_mm=0.0).photons
    lit = np.zeros(photons.shape, dtype=bool)
    lit[12:, 16:24] = True
    assert photons[lit].min() > 0
    assert photons[~lit].sum() < 0.02 * photons.sum()  # fluorescence only


def test_margin_mirrors_the_cells_at_the_border(film):
    cells = np.zeros((1, 1, 4))
    cells[0, 0, 3] = 500.0
    x_mm = acquire(film, cells, margin_mm=1.0, list_deposits=True).deposits.x_mm
    half = 0.5 * PIXELS.cols * PIXELS.pitch_mm
    assert np.count_nonzero(x_mm > half) > 0.4 * x_mm.size
    assert np.count_nonzero(x_mm < 0) < 0.02 * x_mm.size  # fluorescence only


def test_edge_shades_its_right_side_and_leans_as_stated(film):
    photons = acquire(film, [20_000.0], passage=tilted_edge(10.0)).photons  # some 200 quanta in each pixel
    lit = (photons > 0.5 * np.median(photons[:, :8])).sum(axis=1)
    middle = np.arange(PIXELS.rows) + 0.5 - 0.5 * PIXELS.rows
    np.testing.assert_allclose(lit, 0.5 * PIXELS.cols - np.tan(np.deg2rad(10.0)) * middle, atol=1.5)


def test_what_an_edge_lets_through_is_its_transmission(film):
    frame = acquire(film, [2000.0], passage=tilted_edge(0.0, -10.0, 0.25), margin_mm=0.0)
    full = acquire(film, [2000.0], 4, margin_mm=0.0)
    error = np.sqrt(1 / frame.quanta + 1 / full.quanta)
    assert abs(frame.quanta / full.quanta / 0.25 - 1) < 4 * error


def test_glare_carries_its_fraction_far_away(film):
    hazy = replace(film, glare=Glare(0.3, 5.0))
    frame = acquire(hazy, [200.0], margin_mm=0.0)
    everything = frame.photons.sum() + frame.outside
    # a region of 3.3 x 4.4 mm keeps between 0 and 0.2 of light that goes 10 mm on average
    assert 0.24 < frame.outside / everything < 0.3


def test_region_gets_as_much_at_its_border_as_in_the_middle(film):
    transport = made_up_transport(radius_um=(400.0, 400.0))
    frames = [acquire(film, [400.0], seed, transport=transport).photons for seed in range(6)]
    mean = np.mean(frames, axis=0)
    border = np.ones(mean.shape, dtype=bool)
    border[3:-3, 3:-3] = False
    # some 0.5 x 10^3 x 18 mm2 quanta in each part, light spread over many pixels
    assert abs(mean[border].mean() / mean[~border].mean() - 1) < 4 * np.sqrt(2 * 1.5 / (6 * 0.25 * 400 * 5))


def test_same_seed_gives_the_same_photons_for_any_number_of_threads(film):
    frames = [
        on_threads(count, lambda: acquire(film, [300.0, 200.0], energy_keV=(25.0, 50.0), list_deposits=True))
        for count in (1, 2)
    ]
    np.testing.assert_array_equal(frames[0].photons, frames[1].photons)
    np.testing.assert_array_equal(frames[0].deposits.energy_keV, frames[1].deposits.energy_keV)
    assert not np.array_equal(frames[0].photons, acquire(film, [300.0, 200.0], 4, energy_keV=(25.0, 50.0)).photons)


def test_deposits_of_a_quantum_never_exceed_its_energy():
    tables = photon_tables(material("CsI@3.6"), 60.0)
    count, deposits = draw_deposits(tables, 0.5, 60.0, 3000, np.random.default_rng(1))
    assert count.size == 3000 and deposits.shape == (count.sum(), 4)
    total = np.bincount(np.repeat(np.arange(3000), count), deposits[:, 3], 3000)
    assert total.max() == pytest.approx(60.0, abs=1e-9)
    assert np.isclose(total, 60.0).mean() > 0.4  # K lines escape from some
    assert deposits[:, 2].min() >= 0 and deposits[:, 2].max() <= 0.5
    assert not deposits[np.cumsum(count)[:1] - count[0], :2].any()  # the first stops on the axis of the beam


def test_input_is_unchanged(film):
    fluence = np.full((1, 24, 32), 50.0)
    fluence.setflags(write=False)
    acquire(film, fluence, margin_mm=0.2)
    assert (fluence == 50.0).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"transport": made_up_transport(80.0)}, "light transport is of a layer of 80 um.*is 75 um thick"),
        ({"energy_keV": (0.5,)}, "energy_keV must be between 1 and 500 keV for a layer, got 0.5"),
        ({"fluence": [1.0, 2.0]}, r"for each of 1 energies, got shape \(2, 1, 1\)"),
        ({"fluence": [-1.0]}, "fluence_per_mm2 must be zero or positive everywhere, got -1"),
        ({"fluence": [np.nan]}, "fluence_per_mm2 must be zero or positive everywhere"),
        ({"margin_mm": -1.0}, "margin_mm must be between 0 and 10000, got -1"),
        ({"incidence_deg": 90.0}, "incidence_deg must be between 0 and 85, got 90"),
    ],
)
def test_wrong_input_names_itself(film, changes, message):
    with pytest.raises(ValueError, match=message):
        acquire(film, **{"fluence": [1.0], **changes})


def test_impossible_transmission_of_an_edge_is_refused():
    with pytest.raises(ValueError, match="transmission of an edge must be between 0 and 1, got 1"):
        tilted_edge(3.0, 0.0, 1.2)


# --- spread of the light yield ----------------------------------------------------------------------------------


def test_a_quantum_is_bright_or_dim_as_a_whole(film):
    # Deposit d of a quantum has mean light m_d: the sum over a quantum has variance m + v m^2, and of its two brightest
    # deposits the covariance is v m_1 m_2.
    layer, transport = replace(film, light=replace(film.light, yield_spread=0.4)), made_up_transport()
    found = acquire(layer, [3000.0], 5, transport=transport, energy_keV=(60.0,), list_deposits=True).deposits
    index = np.minimum(found.depth_mm / (1e-3 * film.thickness_um) * transport.depth_um.size, 1.0).astype(int)
    mean = film.light.yield_per_keV * found.energy_keV * transport.collected[index]
    departure = found.light - mean
    by_quantum = np.bincount(found.quantum, departure)
    total = np.bincount(found.quantum, mean)
    assert total.size > 2000
    expected = total + 0.16 * total**2
    # a gamma variable with this spread has a fourth moment of 3.5 squared variances: standard error of a mean square
    assert by_quantum.sum() == pytest.approx(0.0, abs=4 * np.sqrt(expected.sum()))
    assert (by_quantum**2).sum() == pytest.approx(expected.sum(), abs=4 * np.sqrt(3.5 * (expected**2).sum()))
    first = np.flatnonzero(found.quantum[1:] == found.quantum[:-1])
    products, law = departure[first] * departure[first + 1], 0.16 * mean[first] * mean[first + 1]
    assert products.sum() == pytest.approx(law.sum(), abs=4 * np.sqrt((products**2).sum()))
    assert products.sum() > 6 * np.sqrt((products**2).sum())


def test_without_a_spread_of_the_yield_nothing_is_drawn_for_it(film):
    none = replace(film, light=replace(film.light, yield_spread=((30.0, 0.0), (40.0, 0.5))))
    one, other = (acquire(layer, [300.0], energy_keV=(20.0,)) for layer in (film, none))
    np.testing.assert_array_equal(one.photons, other.photons)


# --- against the fast mode --------------------------------------------------------------------------------------


def noise_power(photons, pitch_mm, mean, edges_per_mm):
    """Noise power in rings of frequency [mm2] of many frames, and its relative standard error."""
    rows, cols = photons.shape[1:]
    power = (np.abs(np.fft.rfft2(photons - mean)) ** 2).mean(axis=0) * pitch_mm**2 / (rows * cols)
    frequency = np.hypot(np.fft.fftfreq(rows, pitch_mm)[:, None], np.fft.rfftfreq(cols, pitch_mm))
    rings = [(frequency >= low) & (frequency < high) for low, high in itertools.pairwise(edges_per_mm)]
    value = np.array([power[ring].mean() for ring in rings])
    # independent exponential numbers, one per frame and frequency of the half plane
    return value, 1 / np.sqrt(np.array([ring.sum() for ring in rings]) * len(photons))


def fast_frames(light, spread, fluence, pixels, count, rng, samples=4, border=24):
    """Light in the pixels by the fast mode, its counting noise included; the mirrored border is cut off."""
    rows, cols = pixels.rows + 2 * border, pixels.cols + 2 * border
    plan = plan_light_spread(rows, cols, pixels.pitch_mm, pixels.aperture_mm, spread.noise_at, samples)
    cell_mm2 = (pixels.pitch_mm / samples) ** 2
    maps = [
        np.full((rows * samples, cols * samples), fluence @ weight * cell_mm2, dtype=np.float32)
        for weight in (light.quanta, light.light, light.light_square)
    ]
    mean = fluence @ light.light * pixels.pitch_mm**2
    frames = []
    for _ in range(count):
        noise = spread_light(draw_portions(*maps, rng) - maps[1], plan)
        frames.append(rng.poisson(np.maximum(noise + mean, 0.0))[border:-border, border:-border])
    return np.stack(frames).astype(np.float64)


def event_frames(scintillator, light, fluence, pixels, count, rng, **kwargs):
    return np.stack(
        [
            acquire_events(scintillator, pixels, light.transport, light.energy_keV, fluence, rng, **kwargs).photons
            for _ in range(count)
        ]
    ).astype(np.float64)


@pytest.mark.slow
def test_events_have_the_noise_of_lubberts_and_of_counting(film):
    # 12 keV, below the L lines of lead: nearly every quantum stays in one place. With one radius r for each depth,
    # noise power = quanta * <light^2 J0(2 pi f r)^2> + mean, summed over what folds back from beyond Nyquist.
    pixels, radii_mm = Pixels(rows=48, cols=64, pitch_mm=0.139, aperture_mm=0.139), np.array([0.15, 0.03])
    transport = made_up_transport(radius_um=tuple(1e3 * radii_mm))
    frames = [acquire(film, [2000.0], seed, pixels, transport, (12.0,), list_deposits=True) for seed in range(10)]
    area_mm2 = np.prod([count * pixels.pitch_mm + 2 * (0.15 + 1.0) for count in (pixels.rows, pixels.cols)])
    found = [frame.deposits for frame in frames]
    energy, depth = (np.concatenate([getattr(part, name) for part in found]) for name in ("energy_keV", "depth_mm"))
    index = (depth > 0.5e-3 * film.thickness_um).astype(int)
    per_mm2 = 1 / (area_mm2 * len(frames))
    expected = film.light.yield_per_keV * energy * transport.collected[index]
    square = np.bincount(index, expected**2) * per_mm2
    mean = expected.sum() * per_mm2 * pixels.pitch_mm**2
    row_frequency, col_frequency = np.fft.fftfreq(48, 0.139)[:, None], np.fft.rfftfreq(64, 0.139)
    power = np.full((48, 33), mean * pixels.pitch_mm**2)
    for fold_row, fold_col in itertools.product(range(-6, 7), repeat=2):
        down, right = row_frequency + fold_row / 0.139, col_frequency + fold_col / 0.139
        aperture = np.sinc(down * 0.139) * np.sinc(right * 0.139) * 0.139**2
        transfer = j0(2 * np.pi * np.hypot(down, right) * radii_mm[:, None, None])
        power += np.tensordot(square, transfer**2, 1) * aperture**2
    photons = np.stack([frame.photons for frame in frames]).astype(np.float64)
    found_power = (np.abs(np.fft.rfft2(photons - mean)) ** 2).mean(axis=0) * 0.139**2 / (48 * 64)
    frequency = np.hypot(row_frequency, col_frequency)
    for low, high in itertools.pairwise((0.3, 0.8, 1.3, 1.8, 2.4, 3.0, 3.6)):
        ring = (frequency >= low) & (frequency < high)
        # exponential numbers; 1 % for the leak of the region's border and what folds back from still further
        tolerance = 4 / np.sqrt(ring.sum() * len(frames)) + 0.01
        assert abs(found_power[ring].mean() / power[ring].mean() - 1) < tolerance


@pytest.mark.slow
@pytest.mark.parametrize("yield_spread", [0.0, 0.7])
def test_fast_and_event_mode_agree_in_mean_and_variance(film, yield_spread):
    film = replace(film, light=replace(film.light, yield_spread=yield_spread))
    light = layer_light(film, [30.0, 31.0], histories=20_000, photons=100_000)
    pixels, fluence, rng = (
        Pixels(rows=48, cols=64, pitch_mm=0.139, aperture_mm=0.139),
        np.array([3e3, 2e3]),
        np.random.default_rng(8),
    )
    spread = spread_of_beam(light, fluence)
    event = event_frames(film, light, fluence, pixels, 8, rng)
    fast = fast_frames(light, spread, fluence, pixels, 16, rng)
    quanta = fluence @ light.quanta * pixels.pitch_mm**2 * pixels.rows * pixels.cols
    # relative variance of a quantum's light below 1.2; 0.3 % for the histories and photons of layer_light
    assert abs(fast.mean() / event.mean() - 1) < 4 * np.sqrt(2.2 / quanta * (1 / 8 + 1 / 16)) + 0.003
    # a variance of n nearly independent values has 2 / n, doubled for their correlation; 2 % for the depths
    tolerance = 4 * np.sqrt(4 / (pixels.rows * pixels.cols) * (1 / 8 + 1 / 16)) + 0.02
    assert abs(fast.var() / event.var() - 1) < tolerance


BEAM = {"CsPbBr3_75um": (0.3, 2.0), "CsI_Tl_500um": (0.02, 0.15)}  # air kerma of noise and edge frames [uGy]
FREQUENCY_PER_MM = np.array([0.5, 1.0, 2.0, 3.0])
REGION = Pixels(rows=128, cols=160, pitch_mm=0.139, aperture_mm=0.139)


@pytest.fixture(scope="module", params=("film", "csi"))
def modes(request):
    """Scintillator, its light for 70 kV, fluence per uGy and spread."""
    scintillator = request.getfixturevalue(request.param)
    beam = beam_spectrum(load_beam("paper_70kV"), 1.0)
    light = layer_light(scintillator, beam.energy_keV)
    return scintillator, light, beam.fluence_per_mm2, spread_of_beam(light, beam.fluence_per_mm2)


@pytest.fixture(
    scope="module", params=[pytest.param(2, marks=pytest.mark.slow), pytest.param(6, marks=pytest.mark.long)]
)
def flat_frames(modes, request):
    """Uniform frames by events."""
    scintillator, light, fluence, _ = modes
    lit = fluence * BEAM[scintillator.name][0]
    return event_frames(scintillator, light, lit, REGION, request.param, np.random.default_rng(21))


def test_fast_and_event_mode_agree_in_mean_variance_and_noise_power(modes, flat_frames):
    scintillator, light, fluence, spread = modes
    fluence, count = fluence * BEAM[scintillator.name][0], len(flat_frames)
    fast = fast_frames(light, spread, fluence, REGION, 3 * count, np.random.default_rng(22))
    per_frame = fluence @ light.quanta * REGION.pitch_mm**2 * REGION.rows * REGION.cols
    shared = 1 / count + 1 / (3 * count)
    assert abs(fast.mean() / flat_frames.mean() - 1) < 4 * np.sqrt(1.5 / per_frame * shared) + 0.001
    mean, edges = fluence @ light.light * REGION.pitch_mm**2, np.arange(0.1, 3.61, 0.5)
    (fast_power, fast_error), (event_power, event_error) = (
        noise_power(photons, REGION.pitch_mm, mean, edges) for photons in (fast, flat_frames)
    )
    # 2.5 / quanta: spread of the light of single quanta, all frequencies alike; 2 %: limits named in acquire_events
    tolerance = 4 * np.hypot(np.hypot(fast_error, event_error), np.sqrt(2.5 / per_frame * shared)) + 0.02
    assert (np.abs(fast_power / event_power - 1) < tolerance).all()
    assert abs(fast.var() / flat_frames.var() - 1) < 4 * np.sqrt(8 / (REGION.rows * REGION.cols) * shared) + 0.02


def test_noise_of_events_falls_less_than_the_square_of_their_transfer(modes, flat_frames):
    # Lubberts effect: noise power is that of the noise transfer, folded back at the pixels, not that of the signal's
    scintillator, light, fluence, spread = modes
    fluence, pitch_mm = fluence * BEAM[scintillator.name][0], REGION.pitch_mm
    mean = fluence @ light.light * pitch_mm**2
    down, right = np.fft.fftfreq(REGION.rows, pitch_mm)[:, None], np.fft.rfftfreq(REGION.cols, pitch_mm)
    by_noise, by_signal = (np.full((down.size, right.size), mean * pitch_mm**2) for _ in range(2))
    for fold_row, fold_col in itertools.product(range(-5, 6), repeat=2):
        row, col = down + fold_row / pitch_mm, right + fold_col / pitch_mm
        gain = fluence @ light.light_square * (np.sinc(row * pitch_mm) * np.sinc(col * pitch_mm)) ** 2 * pitch_mm**4
        by_noise += gain * spread.noise_at(np.hypot(row, col)) ** 2
        by_signal += gain * spread.mean_at(np.hypot(row, col)) ** 2
    power = (np.abs(np.fft.rfft2(flat_frames - mean)) ** 2).mean(axis=0) * pitch_mm**2 / (REGION.rows * REGION.cols)
    frequency = np.hypot(down, right)
    ring = (frequency > 1.5) & (frequency < 2.5)
    # exponential numbers; 3 % for the limits named in acquire_events and the leak of the region's border
    tolerance = 4 / np.sqrt(ring.sum() * len(flat_frames)) + 0.03
    assert abs(power[ring].sum() / by_noise[ring].sum() - 1) < tolerance
    assert power[ring].sum() / by_signal[ring].sum() - 1 > tolerance + 0.02


@pytest.mark.slow
def test_modulation_transfer_of_events_is_that_of_the_layer(modes):
    # light of a fine point in pixels of 0.01 mm, transformed; the transfer beyond 100 /mm that folds back is below 1e-3
    scintillator, light, fluence, spread = modes
    side, pitch_mm = 801, 0.01
    cells = np.zeros((fluence.size, side, side))
    cells[:, side // 2, side // 2] = fluence / fluence.sum() * 2e5 / pitch_mm**2
    pixels = Pixels(side, side, pitch_mm, pitch_mm)
    rng = np.random.default_rng(4)
    frame = acquire_events(scintillator, pixels, light.transport, light.energy_keV, cells, rng, margin_mm=0.0)
    place = (np.arange(side) - side // 2) * pitch_mm
    waves = np.cos(2 * np.pi * FREQUENCY_PER_MM[:, None] * place) / np.sinc(FREQUENCY_PER_MM[:, None] * pitch_mm) ** 2
    everything = frame.photons.sum() + frame.outside
    found = 0.5 * (waves @ frame.photons.sum(axis=0) + waves @ frame.photons.sum(axis=1)) / everything
    # the cosine of one quantum's light varies by less than 0.3; 0.005: limits named in acquire_events
    np.testing.assert_allclose(found, spread.mean_at(FREQUENCY_PER_MM), atol=4 * 0.3 / np.sqrt(frame.quanta) + 0.005)


@pytest.mark.slow
def test_tilted_edge_of_events_gives_the_transfer_of_the_layer(modes):
    scintillator, light, fluence, spread = modes
    lit, rng = fluence * BEAM[scintillator.name][1], np.random.default_rng(6)
    edge = event_frames(scintillator, light, lit, REGION, 1, rng, passage=tilted_edge(3.0))[0]
    curve = slanted_edge_mtf(edge, REGION.pitch_mm)
    expected = spread.mean_at(FREQUENCY_PER_MM) * np.sinc(FREQUENCY_PER_MM * REGION.pitch_mm)
    for frequency, value in zip(FREQUENCY_PER_MM.tolist(), expected.tolist(), strict=True):
        found, error = mtf_at(curve, frequency)
        assert abs(found - value) < 4 * error + 0.005  # limits named in acquire_events

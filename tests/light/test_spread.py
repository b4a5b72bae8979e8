"""Light spread: closed forms for waves, edges and white noise, and the slow filter on the grid of samples."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from radiography.light import spread as light_spread
from radiography.light.optics import EmissionLine
from radiography.light.scintillator import Spread, spread_transfer
from radiography.light.spread import plan_light_spread, spread_light
from tests import reference

PITCH_MM = 0.139
ROWS, COLS = 48, 64
SINGLE = 2e-6  # float32 transforms of some 1e5 samples err by a few units of 6e-8 relative to the largest value


def _plan(layer, samples=2, rays=1, rows=ROWS, cols=COLS, aperture_mm=PITCH_MM):
    transfer_at = partial(spread_transfer, layer) if layer is not None else np.ones_like
    return plan_light_spread(rows, cols, PITCH_MM, aperture_mm, transfer_at, samples, rays)


def _centres_mm(count, per_pixel=1):
    """Centres of pixels, or of ``per_pixel`` samples in each, from the border of the panel."""
    return (np.arange(count * per_pixel) + 0.5) * PITCH_MM / per_pixel


def _wave(layer, order, samples, rays=1, down=False, aperture_mm=PITCH_MM):
    """Spread wave cos(2 pi f x) and its frequency; ``order`` half periods fill the panel, so mirroring continues it."""
    count = ROWS if down else COLS
    frequency_per_mm = order / (2.0 * count * PITCH_MM)
    at_rays = np.cos(2 * np.pi * frequency_per_mm * _centres_mm(count, samples * rays))
    at_samples = at_rays.reshape(-1, rays).mean(axis=1) / samples**2
    shape = (ROWS * samples, COLS * samples)
    picture = np.broadcast_to(at_samples[:, None] if down else at_samples[None, :], shape).astype(np.float32)
    pixels = spread_light(picture, _plan(layer, samples, rays, aperture_mm=aperture_mm))
    profile = pixels.mean(axis=1 if down else 0)
    at_pixels = np.cos(2 * np.pi * frequency_per_mm * _centres_mm(count))
    return profile, at_pixels, frequency_per_mm


def _edge(layer, angle_deg, samples, rays):
    """Presampled transfer at frequencies up to Nyquist, from an edge of point samples projected along itself."""
    rows, cols = 200, 96
    cos, sin = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))

    def distance_mm(per_pixel):
        y, x = _centres_mm(rows, per_pixel), _centres_mm(cols, per_pixel)
        return (x[None, :] - x.mean()) * cos + (y[:, None] - y.mean()) * sin

    at_rays = (distance_mm(samples * rays) > 0).astype(np.float32)
    at_samples = at_rays.reshape(rows * samples, rays, cols * samples, rays).mean(axis=(1, 3)) / samples**2
    pixels = spread_light(at_samples.astype(np.float32), _plan(layer, samples, rays, rows, cols))
    # Every pixel away from the mirrored border is one point of the edge spread function at its distance.
    inside = np.zeros((rows, cols), dtype=bool)
    inside[12:-12] = True  # 1.7 mm: the tails of the layers have fallen below 1e-6
    inside &= np.abs(distance_mm(1)) < 3.0
    order = np.argsort(distance_mm(1)[inside])
    place_mm, response = distance_mm(1)[inside][order], pixels[inside][order].astype(np.float64)
    step, middle_mm = np.diff(response), 0.5 * (place_mm[1:] + place_mm[:-1])
    frequency_per_mm = np.linspace(0.0, 0.5 / PITCH_MM, 11)
    found = np.abs(np.exp(-2j * np.pi * frequency_per_mm[:, None] * middle_mm) @ step)
    aperture = np.sinc(frequency_per_mm * PITCH_MM * cos) * np.sinc(frequency_per_mm * PITCH_MM * sin)
    return found, spread_transfer(layer, frequency_per_mm) * aperture


@pytest.fixture
def film():
    """A sharp spread, near that of the paper's film."""
    return Spread(4.146, 0.21, 0.95, EmissionLine(530.0, 20.0), "fitted", "for tests")


@pytest.fixture
def csi():
    """A wide spread, near that of columnar CsI:Tl."""
    return Spread(1.668, 0.55, 0.95, EmissionLine(565.0, 155.0), "fitted", "for tests")


@pytest.fixture(params=["film", "csi"])
def layer(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def exposure():
    """White picture on 2 x 2 samples per pixel."""
    return np.random.default_rng(1).random((2 * ROWS, 2 * COLS), dtype=np.float32)


def test_no_spread_and_no_aperture_return_the_input():
    picture = np.random.default_rng(0).random((ROWS, COLS), dtype=np.float32)
    # Through two transforms and back the bits cannot stay, the values do.
    np.testing.assert_allclose(spread_light(picture, _plan(None, 1, aperture_mm=1e-9)), picture, atol=SINGLE)


@pytest.mark.parametrize("samples", [1, 2, 3])
def test_a_uniform_exposure_stays_uniform_to_edges_and_corners(layer, samples):
    spread = spread_light(np.full((ROWS * samples, COLS * samples), 7.0, dtype=np.float32), _plan(layer, samples))
    np.testing.assert_allclose(spread, 7.0 * samples**2, rtol=SINGLE)  # required: 1e-3


def test_twice_the_exposure_is_twice_the_light(film, exposure):
    plan = _plan(film)
    np.testing.assert_array_equal(spread_light(2 * exposure, plan), 2 * spread_light(exposure, plan))


@pytest.mark.parametrize("samples", [1, 2, 3])
def test_light_of_a_whole_picture_is_conserved(layer, samples):
    picture = np.random.default_rng(2).random((ROWS * samples, COLS * samples)).astype(np.float32)
    total = picture.sum(dtype=np.float64)
    # What the mirrored border gives back equals what is lost there.
    assert abs(spread_light(picture, _plan(layer, samples)).sum(dtype=np.float64) / total - 1.0) < 1e-6


def test_light_of_one_sample_is_conserved(layer):
    picture = np.zeros((2 * ROWS, 2 * COLS), dtype=np.float32)
    picture[51, 61] = 1000.0
    assert abs(spread_light(picture, _plan(layer)).sum(dtype=np.float64) - 1000.0) < 1000.0 * 5e-6


@pytest.mark.parametrize("samples", [1, 2, 3])
def test_the_response_to_one_pixel_is_symmetric_about_its_centre(layer, samples):
    rows, cols = 49, 65
    picture = np.zeros((rows, samples, cols, samples), dtype=np.float32)
    picture[24, :, 32, :] = 1.0 / samples**2
    response = spread_light(picture.reshape(rows * samples, cols * samples), _plan(layer, samples, 1, rows, cols))
    assert np.unravel_index(response.argmax(), response.shape) == (24, 32)
    around = response[8:41, 16:49]  # square, so that rows can be compared with columns
    for turned in (around[::-1], around[:, ::-1], around.T):
        # With one sample per pixel the ripple of the cut at Nyquist reaches the borders, which differ in distance.
        np.testing.assert_allclose(turned, around, atol=5e-5 if samples == 1 else SINGLE * float(response.max()))


def test_light_falls_to_the_side_on_which_it_was_released(film):
    for row, col in ((48, 64), (49, 65)):  # first and second sample of pixel (24, 32)
        picture = np.zeros((2 * ROWS, 2 * COLS), dtype=np.float32)
        picture[row, col] = 1.0
        response = spread_light(picture, _plan(film))
        side = 1 if row % 2 else -1
        assert response[24 + side, 32] > 1.5 * response[24 - side, 32]
        assert response[24, 32 + side] > 1.5 * response[24, 32 - side]


@pytest.mark.parametrize("down", [False, True], ids=["along columns", "along rows"])
@pytest.mark.parametrize("samples", [2, 3])
@pytest.mark.parametrize("nyquist_fraction", [0.02, 0.5, 0.98, 1.05, 1.4, 1.95])
def test_waves_below_and_above_nyquist_keep_their_transfer_and_fold_to_their_alias(
    layer, samples, nyquist_fraction, down
):
    order = round(nyquist_fraction * (ROWS if down else COLS))
    profile, at_pixels, frequency_per_mm = _wave(layer, order, samples, down=down)
    transfer = spread_transfer(layer, np.array([frequency_per_mm])) * np.sinc(frequency_per_mm * PITCH_MM)
    # A wave above Nyquist, looked at in the pixel centres, is its alias: the cosine says which.
    np.testing.assert_allclose(profile, transfer * at_pixels, atol=2e-6)  # table of the transfer: 1e-6; float32


def test_one_sample_per_pixel_holds_below_half_the_nyquist_frequency(layer):
    profile, at_pixels, frequency_per_mm = _wave(layer, COLS // 3, 1)
    transfer = spread_transfer(layer, np.array([frequency_per_mm])) * np.sinc(frequency_per_mm * PITCH_MM)
    np.testing.assert_allclose(profile, transfer * at_pixels, atol=2e-6)  # table of the transfer: 1e-6; float32


def test_a_smaller_aperture_blurs_less(film):
    profile, at_pixels, frequency_per_mm = _wave(film, 40, 3, aperture_mm=0.1)
    transfer = spread_transfer(film, np.array([frequency_per_mm])) * np.sinc(frequency_per_mm * 0.1)
    np.testing.assert_allclose(profile, transfer * at_pixels, atol=2e-5)  # the aperture's tail beyond 3 samples


@pytest.mark.parametrize("rays", [2, 3, 4])
@pytest.mark.parametrize("order", [20, 63, 80])
def test_what_averaging_over_rays_took_from_a_wave_is_given_back(film, rays, order):
    profile, at_pixels, frequency_per_mm = _wave(film, order, 2, rays)
    transfer = spread_transfer(film, np.array([frequency_per_mm])) * np.sinc(frequency_per_mm * PITCH_MM)
    np.testing.assert_allclose(profile, transfer * at_pixels, atol=3e-6)


def test_samples_of_1_2_and_3_per_pixel_agree_on_a_smooth_picture(layer):
    pixels = []
    for samples in (1, 2, 3):
        y, x = _centres_mm(ROWS, samples)[:, None], _centres_mm(COLS, samples)[None, :]
        smooth = 2.0 + np.cos(np.pi * 9 * x / (COLS * PITCH_MM)) * np.cos(np.pi * 5 * y / (ROWS * PITCH_MM))
        pixels.append(spread_light((smooth / samples**2).astype(np.float32), _plan(layer, samples)))
    np.testing.assert_allclose(pixels[1], pixels[2], atol=5e-6)
    np.testing.assert_allclose(pixels[0], pixels[1], atol=5e-6)


@pytest.mark.parametrize("samples", [2, 3])
def test_white_noise_has_the_aliased_sum_of_squared_transfers_as_its_spectrum(layer, samples):
    # Independent samples of unit variance: the spectrum of the pixels is the sum over the places of a sample within
    # its pixel of the squared transform of that sample's response, so no statistics are needed.
    rows, cols = 60, 80
    spectrum = np.zeros((rows, cols))
    for down in range(samples):
        for across in range(samples):
            picture = np.zeros((rows * samples, cols * samples), dtype=np.float32)
            picture[rows // 2 * samples + down, cols // 2 * samples + across] = 1.0
            response = spread_light(picture, _plan(layer, samples, 1, rows, cols)).astype(np.float64)
            spectrum += np.abs(np.fft.fft2(response)) ** 2
    expected = np.zeros((rows, cols))
    highest = 0.5 * samples / PITCH_MM
    for fold_down in range(-samples, samples + 1):
        for fold_across in range(-samples, samples + 1):
            y = (np.fft.fftfreq(rows, PITCH_MM) + fold_down / PITCH_MM)[:, None]
            x = (np.fft.fftfreq(cols, PITCH_MM) + fold_across / PITCH_MM)[None, :]
            transfer = spread_transfer(layer, np.hypot(y, x)) * np.sinc(y * PITCH_MM) * np.sinc(x * PITCH_MM)
            # A bin at the end of the band stands for both signs and is met twice here.
            kept = np.where(np.abs(y) < highest - 1e-9, 1.0, np.abs(y) < highest + 1e-9) * np.where(
                np.abs(x) < highest - 1e-9, 1.0, np.abs(x) < highest + 1e-9
            )
            weight = np.where(np.abs(np.abs(y) - highest) < 1e-9, 0.5, 1.0) * np.where(
                np.abs(np.abs(x) - highest) < 1e-9, 0.5, 1.0
            )
            expected += kept * weight * transfer**2
    np.testing.assert_allclose(spectrum / samples**2, expected, rtol=2e-3, atol=2e-5)


def test_white_noise_has_the_variance_of_the_aliased_sum(film):
    variance = spread_light(
        np.random.default_rng(3).standard_normal((600, 800), dtype=np.float32), _plan(film, 2, 1, 300, 400)
    )[12:-12, 12:-12].astype(np.float64)
    frequency = (np.arange(400) + 0.5) / 400 * 2 / PITCH_MM - 1 / PITCH_MM  # all that 2 samples per pixel can hold
    y, x = frequency[:, None], frequency[None, :]
    transfer = spread_transfer(film, np.hypot(y, x)) * np.sinc(y * PITCH_MM) * np.sinc(x * PITCH_MM)
    expected = 4.0 * np.sum(transfer**2) * (frequency[1] - frequency[0]) ** 2 * PITCH_MM**2
    # 276 x 376 pixels, neighbours correlated: fewer than a half of them count, sqrt(2 / 5e4) = 0.6 %.
    assert abs(variance.var() / expected - 1.0) < 4 * 0.006


@pytest.mark.parametrize("angle_deg", [2.5, 10.0])
def test_a_slanted_edge_of_samples_has_the_presampled_transfer_up_to_nyquist(layer, angle_deg):
    found, expected = _edge(layer, angle_deg, samples=2, rays=2)
    np.testing.assert_allclose(found, expected, atol=2e-3)


@pytest.mark.parametrize("samples", [1, 2, 3])
@pytest.mark.parametrize(("rows", "cols"), [(48, 64), (37, 51)])
def test_the_fast_filter_agrees_with_the_slow_one(csi, samples, rows, cols):
    picture = np.random.default_rng(4).random((rows * samples, cols * samples)).astype(np.float32)
    fast = spread_light(picture, _plan(csi, samples, 1, rows, cols))
    slow = reference.spread(picture, samples, PITCH_MM, PITCH_MM, partial(spread_transfer, csi))
    assert fast.shape == (rows, cols)
    np.testing.assert_allclose(fast, slow, atol=1e-6 * slow.max())


def test_compiled_and_uncompiled_kernels_agree(film, exposure, monkeypatch):
    plan = _plan(film)
    compiled = spread_light(exposure, plan)
    monkeypatch.setattr(light_spread, "_fold", light_spread._fold.py_func)
    np.testing.assert_allclose(spread_light(exposure, plan), compiled, atol=SINGLE)


def test_one_thread_and_two_give_the_same_bytes(csi, exposure):
    plan = _plan(csi)
    one = reference.on_threads(1, lambda: spread_light(exposure, plan))
    two = reference.on_threads(2, lambda: spread_light(exposure, plan))
    assert one.tobytes() == two.tobytes()


def test_the_exposure_stays_as_it_is(film, exposure):
    before = exposure.copy()
    spread_light(exposure, _plan(film))
    assert np.array_equal(exposure, before)


@pytest.mark.slow  # numba compiles a kernel of its own for arrays that cannot be written to
def test_a_read_only_exposure_gives_the_same_light(film, exposure):
    locked = reference.read_only(exposure)
    np.testing.assert_array_equal(spread_light(locked, _plan(film)), spread_light(exposure, _plan(film)))


def test_samples_that_do_not_fit_the_plan_are_refused(film):
    with pytest.raises(ValueError, match=r"deposited energy is \(48, 64\), but the light-spread plan is for \(96, 128"):
        spread_light(np.zeros((ROWS, COLS), dtype=np.float32), _plan(film))


@pytest.mark.parametrize(("samples", "rays"), [(0, 1), (1, 0)])
def test_less_than_one_sample_or_ray_is_refused(film, samples, rays):
    with pytest.raises(ValueError, match=f"must be 1 or more, got {samples} and {rays}"):
        _plan(film, samples, rays)


@pytest.mark.parametrize("samples", [1, 2, 3])
def test_a_noise_plan_has_the_power_of_noise_without_limit_in_frequency(film, samples):
    plan = plan_light_spread(300, 400, PITCH_MM, PITCH_MM, partial(spread_transfer, film), samples, white_noise=True)
    rng = np.random.default_rng(8)
    variance = 0.0
    for _ in range(4):
        noise = rng.standard_normal((300 * samples, 400 * samples), dtype=np.float32) / np.float32(samples)
        variance += spread_light(noise, plan)[60:240, 60:340].var() / 4
    step = 0.1  # [1/mm]
    y, x = np.meshgrid(np.arange(-60.0, 60.0, step), np.arange(-60.0, 60.0, step))
    power = (spread_transfer(film, np.hypot(y, x)) * np.sinc(y * PITCH_MM) * np.sinc(x * PITCH_MM)) ** 2
    # 4 x 50,400 pixels, hardly correlated: a standard error of 0.4 %; without the gain 17, 3 and 1 % are missing
    assert variance == pytest.approx(power.sum() * (step * PITCH_MM) ** 2, rel=0.015)


def test_an_edge_at_the_default_sampling_is_near_that_of_fine_sampling(film):
    def edge(samples, rays):
        fine = samples * rays
        y, x = np.meshgrid((np.arange(64 * fine) + 0.5) / fine, (np.arange(80 * fine) + 0.5) / fine, indexing="ij")
        covered = (x - 40.0 > (y - 32.0) * np.tan(np.deg2rad(2.5))).astype(np.float32)
        averaged = covered.reshape(64 * samples, rays, 80 * samples, rays).mean(axis=(1, 3)).astype(np.float32)
        plan = plan_light_spread(64, 80, PITCH_MM, PITCH_MM, partial(spread_transfer, film), samples, rays)
        return spread_light(averaged, plan)[8:-8, 8:-8] / samples**2

    departure = np.abs(edge(2, 4) - edge(6, 4))
    assert departure.max() < 0.04  # what `Sampling` promises, and 1 % for the finer edge's own error
    assert departure[:, 28:36].std() < 0.01

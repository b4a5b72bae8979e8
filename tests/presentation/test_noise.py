"""Noise of the bands: measured among structure, and from a known variance."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from radiography.presentation.chain import present, process_picture
from radiography.presentation.exposure import attenuate
from radiography.presentation.noise import noise_tables
from radiography.presentation.noise_colour import finest_difference, variances_of_bands
from radiography.presentation.presets import load_picture
from radiography.presentation.pyramid import expanded, gaussian_levels
from tests.presentation.pictures import board, exposed

SPAN = (-0.2, 8.0)


def bands_of(pixels: np.ndarray) -> list[np.ndarray]:
    levels = gaussian_levels(attenuate(pixels, 2.0 * 4000.0, 3.5), 8, 4)
    return [fine - expanded(coarse, fine.shape) for fine, coarse in pairwise(levels)]


@pytest.mark.slow
@pytest.mark.parametrize("level", [0.1, 0.7, 2.0])
@pytest.mark.parametrize("seed", [1, 2])
def test_the_noise_of_every_band_is_that_of_flats(level: float, seed: int) -> None:
    """A picture of plates and structure tells it within 15 % of the standard deviation that flats have there."""
    truth = [float(band.std()) for band in bands_of(exposed(np.full((400, 500), level), seed=seed + 10))]
    attenuation = np.repeat(np.linspace(0.05, 2.4, 10), 160)[None, :].repeat(800, axis=0)
    attenuation[::200] += 0.4  # wires, which most blocks of every band do not hold
    attenuation[120:300, 100:400] += board(300, 420, seed)[60:240, 60:360]
    levels = gaussian_levels(attenuate(exposed(attenuation, seed=seed), 8000.0, 3.5), 8, 4)
    found = np.sqrt(noise_tables(levels, SPAN).at(level))
    assert found[:3] == pytest.approx(truth[:3], rel=0.15)
    assert found[3] == pytest.approx(truth[3], rel=0.25)  # from the band before


def test_twice_the_exposure_halves_the_variance() -> None:
    tables = [
        noise_tables(gaussian_levels(attenuate(exposed(board(), quanta), 2.0 * quanta, 3.5), 8, 3), SPAN)
        for quanta in (2000.0, 4000.0)
    ]
    assert tables[0].at(0.6)[0] == pytest.approx(2.0 * tables[1].at(0.6)[0], rel=0.15)


def test_a_known_variance_takes_the_place_of_the_measured_one() -> None:
    pixels = exposed(board(), 2000.0)
    steps = load_picture("default")
    known = process_picture(pixels, steps, variance_dn2=2.0 * np.maximum(pixels, 1.0))
    measured = process_picture(pixels, steps)
    assert known.noise is not None and measured.noise is not None
    assert (known.noise.source, measured.noise.source) == ("from the variance given", "measured in the picture")
    assert known.noise.at(0.6)[0] == pytest.approx(measured.noise.at(0.6)[0], rel=0.2)
    assert known.noise_gain == pytest.approx(measured.noise_gain, abs=0.05)


@pytest.mark.parametrize("seed", [3, 4])
def test_a_part_of_one_value_does_not_hide_the_noise(seed: int) -> None:
    """Masked or clipped pixels have none. Of a plate in a frame of which a quarter is masked, noise stays noise."""
    pixels = exposed(np.pad(np.full((200, 240), 0.8), 60), 900.0, seed=seed)
    masked = pixels.copy()
    masked[:, :90] = 0.0
    made = process_picture(masked, load_picture("default"))
    assert made.noise is not None and made.region is not None
    whole = process_picture(pixels, load_picture("default")).noise
    assert whole is not None
    # each is a mode of some 30 blocks, whose variances scatter by 18 %: 5 % of a mode, and the fit between classes
    assert made.noise.at(0.8)[0] == pytest.approx(whole.at(0.8)[0], rel=0.25)
    plain = attenuate(masked, made.region.open_field_dn, 3.5)
    inside = (slice(120, 200), slice(130, 250))
    truth = made.values[inside].std() / plain[inside].std()
    assert truth < 0.8  # raised by half of itself when the mask was believed
    assert made.noise_gain == pytest.approx(truth, rel=0.08)  # 0.97 of 0.72 while the mask's border was counted


@pytest.mark.slow
@pytest.mark.parametrize("seed", [3, 5, 7])
def test_a_masked_quarter_leaves_the_noise_of_every_band(seed: int) -> None:
    """The second band came out at a sixth, and the third 40 % too high, with what the mask's border put into them."""
    pixels = exposed(np.pad(np.full((520, 560), 0.8), 60), 900.0, seed=seed)
    truth = [float(band[8:-8, 8:-8].std()) for band in bands_of(exposed(np.full((400, 500), 0.8), 900.0, seed=seed))]
    masked = pixels.copy()
    masked[:320, :340] = 0.0
    made = process_picture(masked, load_picture("default"))
    assert made.noise is not None
    found = np.sqrt(made.noise.at(0.8))
    assert found[:2] == pytest.approx(truth[:2], rel=0.1)  # a mode of some hundred blocks that scatter by 9 % of these
    assert found[2] == pytest.approx(truth[2], rel=0.15)
    plain = process_picture(pixels, load_picture("default"))
    assert made.noise_gain == pytest.approx(plain.noise_gain, rel=0.03)


def noisy(attenuation: np.ndarray, blur: float, white: float, seed: int) -> np.ndarray:
    """Attenuation with noise of 20,000 quanta, blurred as by light, and white noise of electronics."""
    rng = np.random.default_rng(seed)
    drawn = gaussian_filter(rng.standard_normal(attenuation.shape), blur) if blur else rng.standard_normal(
        attenuation.shape
    )  # fmt: skip
    mean = np.exp(-attenuation)
    spread = np.sqrt(mean / 20000.0) * drawn + white / np.sqrt(20000.0) * rng.standard_normal(attenuation.shape)
    return np.asarray(-np.log(mean + spread), np.float32)


@pytest.mark.parametrize(("blur", "white"), [(0.0, 0.0), (0.6, 0.1), (1.0, 0.05)])
def test_structure_in_every_block_is_not_noise(blur: float, white: float) -> None:
    """Structure of 6 pixels and a tenth of contrast, with no air: it came out as 5 and 30 times the noise of bands."""
    shape = (480, 560)
    texture = gaussian_filter(np.random.default_rng(7).standard_normal(shape), 6.0)
    flat = gaussian_levels(noisy(np.full(shape, 0.6), blur, white, 1), 8, 4)
    truth = [float((fine - expanded(coarse, fine.shape)).std()) for fine, coarse in pairwise(flat)]
    levels = gaussian_levels(noisy(0.6 + 0.1 * texture / texture.std(), blur, white, 2), 8, 4)
    found = np.sqrt(noise_tables(levels, SPAN).at(0.6)) / truth
    structure = [float((fine - expanded(coarse, fine.shape)).std()) for fine, coarse in pairwise(levels)]
    assert structure[1] > 5 * truth[1] and structure[2] > 25 * truth[2]
    # 1.14 is the room of 1.3 in variance, and a mode is 12 % off; a little structure is in the third level's difference
    assert (found > 0.88).all() and (found[:2] < 1.28).all() and (found[2:] < 2.0).all()


@pytest.mark.parametrize("blur", [0.0, 0.5, 1.0])
def test_the_colour_of_blurred_noise_tells_its_bands(blur: float) -> None:
    """From the finest differences alone, against bands that are measured in noise itself."""
    levels = gaussian_levels(noisy(np.full((640, 700), 0.6), blur, 0.2, 5), 8, 3)
    finest = [np.square(finest_difference(level, 0, len(level))).mean() for level in levels[:3]]
    truth = [float((fine - expanded(coarse, fine.shape)).var()) for fine, coarse in pairwise(levels)]
    assert variances_of_bands(np.array(finest)[:, None], 3)[:, 0] == pytest.approx(truth, rel=0.08)


def test_the_finest_difference_is_blind_to_slopes_and_edges_along_the_axes() -> None:
    rows, cols = np.indices((40, 60)).astype(np.float32)
    picture = (cols > 30) * np.float32(2.0) + rows**2 + np.float32(0.1) * rows * cols
    assert np.abs(finest_difference(picture, 4, 16)[:, 4:-4]).max() < 1e-3


def test_where_no_part_is_flat_no_gain_of_noise_is_told() -> None:
    texture = gaussian_filter(np.random.default_rng(7).standard_normal((400, 440)), 4.0)
    attenuation = 0.6 + 0.1 * texture / texture.std()
    attenuation[:120] = 0.0
    with_air = process_picture(np.exp(-noisy(attenuation, 0.0, 0.0, 2)), load_picture("default"))
    assert with_air.noise_gain is not None and with_air.noise_gain < 1.0
    without = present(np.exp(-noisy(attenuation[120:], 0.0, 0.0, 2)), "default")
    assert without.noise_gain is None and "no part flat enough to tell its gain" in without.description

"""The relevant region of pictures whose truth is drawn: collimation, open field, metal, and none of them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from radiography.analysis.relevant_region import COLLIMATED, DIRECT, METAL, UNUSABLE_PIXEL, relevant_region

SHAPES = [(300, 380), (420, 260)]
SHADOW = 0.004  # of the open field
Picture = NDArray[np.float64]


def axes(shape: tuple[int, int]) -> tuple[Picture, Picture]:
    """Row and column of each pixel from the middle."""
    y, x = np.indices(shape).astype(float)
    return y - shape[0] / 2, x - shape[1] / 2


def noisy(transmission: Picture, seed: int, level_dn: float = 1000.0, noise: float = 0.1) -> Picture:
    """A blurred picture with noise that falls with exposure: 0.3 % of a pixel at 1000 DN and noise 0.1."""
    image = gaussian_filter(transmission, 0.8) * level_dn
    draw = np.random.default_rng(seed).normal(size=image.shape)
    return np.asarray(image + draw * noise * np.sqrt(level_dn * np.maximum(image, 1.0)))


def cylinder(shape: tuple[int, int]) -> tuple[Picture, NDArray[np.bool_]]:
    """Transmission of an upright cylinder, and where it is thick enough to be told from air."""
    _, x = axes(shape)
    radius = 0.3 * min(shape)
    path = np.sqrt(np.maximum(radius**2 - x**2, 0.0)) / radius
    return np.exp(-2.2 * path), path > 0.2


def field_of(shape: tuple[int, int], kind: str) -> NDArray[np.bool_]:
    """Inside of a collimator: a rectangle, the same turned by 20 degrees, or a circle."""
    y, x = axes(shape)
    if kind == "circle":
        return np.asarray(x**2 + y**2 < (0.42 * min(shape)) ** 2)
    turn = np.radians(20.0 if kind == "turned" else 0.0)
    u, v = np.cos(turn) * x + np.sin(turn) * y, np.cos(turn) * y - np.sin(turn) * x
    return np.asarray((np.abs(u) < 0.33 * shape[1]) & (np.abs(v) < 0.33 * shape[0]))


def overlap(found: NDArray[np.bool_], truth: NDArray[np.bool_]) -> float:
    """Common over united area."""
    return float((found & truth).sum() / (found | truth).sum())


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("noise", [0.02, 0.1])
def test_the_open_field_is_left_out(shape: tuple[int, int], noise: float) -> None:
    transmission, truth = cylinder(shape)
    region = relevant_region(noisy(transmission, 1, noise=noise))
    assert overlap(region.relevant, truth) > 0.93
    assert overlap(region.kinds == DIRECT, ~truth) > 0.93 and not region.notes


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", ["rectangle", "turned", "circle"])
def test_the_shadow_of_a_collimator_is_left_out_however_it_stands(shape: tuple[int, int], kind: str) -> None:
    transmission, thick = cylinder(shape)
    inside = field_of(shape, kind)
    region = relevant_region(noisy(np.where(inside, transmission, SHADOW), 2))
    assert overlap(region.relevant, thick & inside) > 0.85
    assert np.mean(inside[region.relevant]) > 0.999
    assert overlap(region.kinds == COLLIMATED, ~inside) > 0.85


@pytest.mark.parametrize("shape", SHAPES)
def test_metal_is_left_out_beside_all_else(shape: tuple[int, int]) -> None:
    transmission, thick = cylinder(shape)
    y, x = axes(shape)
    implant = (np.abs(x - 0.05 * min(shape)) < 0.05 * min(shape)) & (np.abs(y) < 0.2 * shape[0])
    inside = field_of(shape, "rectangle")
    picture = np.where(inside, np.where(implant, 0.01 * transmission, transmission), SHADOW)
    region = relevant_region(noisy(picture, 3))
    assert overlap(region.relevant, thick & inside & ~implant) > 0.8
    assert np.mean(implant[region.relevant]) < 1e-3  # corners of blocks of 4 pixels: 7 and 3 pixels of 28,000 and more
    assert np.mean((region.kinds == METAL)[implant]) > 0.95


@pytest.mark.parametrize("shape", SHAPES)
def test_a_flat_is_taken_whole_and_so_is_one_that_is_collimated(shape: tuple[int, int]) -> None:
    assert relevant_region(noisy(np.ones(shape), 4)).relevant.all()
    inside = field_of(shape, "turned")
    region = relevant_region(noisy(np.where(inside, 1.0, SHADOW), 5))
    assert overlap(region.relevant, inside) > 0.8 and np.mean(inside[region.relevant]) > 0.999
    assert region.shares["direct exposure"] == 0 and len(region.notes) == 1


def test_an_object_that_covers_all_is_taken_whole() -> None:
    y, x = axes((300, 380))
    covered = np.exp(-1.5 - 0.5 * np.cos(x / 40) * np.cos(y / 50) - 0.3 * np.sin(x / 13 + y / 17))
    assert relevant_region(noisy(covered, 6)).relevant.all()


def test_nothing_but_metal_leaves_the_open_field() -> None:
    picture = np.ones((300, 380))
    picture[:, 200:] = 0.002
    picture[:40] = picture[-40:] = picture[:, 320:] = 1.0
    region = relevant_region(noisy(picture, 7))
    assert "nothing but metal" in region.notes[0]
    assert np.all(picture[region.relevant] == 1.0) and region.relevant.mean() > 0.5


def test_heel_of_a_fifth_is_still_an_open_field() -> None:
    transmission, truth = cylinder((300, 380))
    y, _ = axes((300, 380))
    assert overlap(relevant_region(noisy(transmission * (1 - 0.2 * y / 300), 8)).relevant, truth) > 0.93


def test_pixels_without_a_number_are_unusable_and_the_input_stays() -> None:
    picture = noisy(np.ones((96, 128)), 9)
    picture[10:20, 30:60] = np.nan
    before = picture.copy()
    mask = np.zeros(picture.shape, bool)
    mask[50, :] = True
    kinds = relevant_region(picture, mask).kinds
    assert np.array_equal(kinds == UNUSABLE_PIXEL, np.isnan(before) | mask)
    assert np.array_equal(picture, before, equal_nan=True)


def test_a_dark_image_a_wrong_mask_and_a_line_are_refused() -> None:
    with pytest.raises(ValueError, match="nothing is exposed"):
        relevant_region(np.zeros((48, 64)))
    with pytest.raises(ValueError, match=r"mask is \(4, 4\)"):
        relevant_region(np.ones((48, 64)), np.zeros((4, 4), bool))
    with pytest.raises(ValueError, match=r"rows, columns"):
        relevant_region(np.ones(48))

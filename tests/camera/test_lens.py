"""Light through a lens: solid angles summed one by one, Fresnel's formulas, and the halo of a plate."""

from __future__ import annotations

import numpy as np
import pytest

from radiography.camera.camera import Lens
from radiography.camera.lens import lens_share, plate_halo, plate_share, reflected, share_map

LENS = Lens(f_number=2.8, magnification=0.1, transmission=0.9, focal_length_mm=50.0)


def share_by_sum(lens: Lens, off_axis_mm: float) -> float:
    """Cosines over squared distance, summed over small parts of the pupil: slow and plain."""
    rings, sectors = 300, 360
    radius = (np.arange(rings) + 0.5)[:, None] * lens.pupil_radius_mm / rings
    angle = (np.arange(sectors) + 0.5) * 2 * np.pi / sectors
    area = radius * (lens.pupil_radius_mm / rings) * (2 * np.pi / sectors)
    distance = lens.object_distance_mm
    square = (radius * np.cos(angle) - off_axis_mm) ** 2 + (radius * np.sin(angle)) ** 2 + distance**2
    return lens.transmission * float(np.sum(area * distance**2 / (np.pi * square**2)))


@pytest.mark.parametrize("off_axis_mm", [0.0, 15.0, 60.0])
@pytest.mark.parametrize(("f_number", "magnification"), [(2.8, 0.1), (1.4, 0.5), (4.0, 1.0)])
def test_the_share_is_the_sum_over_solid_angles(f_number: float, magnification: float, off_axis_mm: float) -> None:
    lens = Lens(f_number, magnification, 0.9, 50.0)
    assert lens_share(lens, off_axis_mm) == pytest.approx(share_by_sum(lens, off_axis_mm), rel=1e-4)


def test_the_share_is_the_usual_formula_for_small_angles() -> None:
    assert lens_share(LENS) == pytest.approx(0.9 * (0.1 / (2 * 2.8 * 1.1)) ** 2, rel=3e-4)
    assert lens_share(LENS) / 0.9 == pytest.approx(2.6e-4, rel=0.02)
    wider = Lens(1.4, 0.1, 0.9, 50.0)
    assert lens_share(wider) == pytest.approx(4 * lens_share(LENS), rel=2e-3)


def test_a_map_is_brightest_in_its_middle_and_symmetrical() -> None:
    share = share_map(LENS, 49, 65, 0.5)
    assert np.unravel_index(share.argmax(), share.shape) == (24, 32)
    assert share == pytest.approx(share[::-1, ::-1])
    assert share[24, 32] == pytest.approx(float(lens_share(LENS)))
    assert share[24, 0] / share[24, 32] == pytest.approx(np.cos(np.arctan(16.0 / 550.0)) ** 4, rel=1e-5)


def test_a_plate_sends_back_by_fresnel() -> None:
    assert reflected(0.0, 1.5) == pytest.approx(0.04)
    assert reflected(1 / 1.5**2 + 1e-9, 1.5) == 1.0
    brewster = np.arctan(1 / 1.5)  # from within: only the upright part is left
    expected = 0.5 * np.sin(2 * brewster - np.pi / 2) ** 2
    assert reflected(np.sin(brewster) ** 2, 1.5) == pytest.approx(expected)
    even = (np.arange(200_000) + 0.5) / 200_000
    within = reflected(even, 1.5).mean()
    assert within == pytest.approx(0.596, abs=1e-3)  # Duntley, J. Opt. Soc. Am. 32, 61 (1942): 1.5 from within
    # radiance goes with the squared index: what enters from outside and what leaves from within are one
    sine = np.sqrt(even)
    cosine, inside = np.sqrt(1 - even), np.sqrt(1 - even / 1.5**2)
    upright = ((cosine - 1.5 * inside) / (cosine + 1.5 * inside)) ** 2
    in_plane = ((1.5 * cosine - inside) / (1.5 * cosine + inside)) ** 2
    assert sine.max() < 1
    assert 1 - within == pytest.approx((1 - np.mean(0.5 * (upright + in_plane))) / 1.5**2, rel=1e-3)
    assert plate_share(1.5) == pytest.approx(0.96 / 2.25)


def test_a_halo_is_that_of_rays_followed_one_by_one() -> None:
    index, thickness, film = 1.49, 2.0, 0.5
    transfer_at, gain = plate_halo(index, thickness, film)
    rng = np.random.default_rng(1)
    many = 400_000
    x, weight = np.zeros(many), np.ones(many)
    frequency = np.array([0.0, 0.05, 0.2, 1.0])
    seen = np.ones(4)
    for _ in range(8):
        sine_square, turn = rng.random(many), 2 * np.pi * rng.random(many)
        x += 2 * thickness * np.sqrt(sine_square / (1 - sine_square)) * np.cos(turn)
        weight *= film * reflected(sine_square, index)
        seen += np.array([np.mean(weight * np.cos(2 * np.pi * f * x)) for f in frequency])
    assert gain == pytest.approx(seen[0], rel=3e-3)
    assert transfer_at(frequency) == pytest.approx(seen / seen[0], abs=4e-3)  # some 1 / sqrt(400,000)
    assert transfer_at(np.array([100.0])) == pytest.approx(1 / gain, rel=2e-3)


def test_no_light_that_returns_makes_no_halo() -> None:
    transfer_at, gain = plate_halo(1.49, 2.0, 0.0)
    assert gain == 1.0 and np.all(transfer_at(np.linspace(0, 10, 20)) == 1.0)


@pytest.mark.parametrize(
    ("reflectance", "thickness", "words"),
    [(1.0, 2.0, "film_reflectance must be from 0 to below 1, got 1"), (0.5, 0.0, "thickness_mm of a plate")],
)
def test_a_plate_that_cannot_be_names_itself(reflectance: float, thickness: float, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        plate_halo(1.49, thickness, reflectance)

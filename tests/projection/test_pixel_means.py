"""Means over pixels a little deeper: against plain means, exact areas and a projection to the deeper plane itself."""

from __future__ import annotations

import numpy as np
import pytest

from phantoms.solids import Box, phantom_of, place
from radiography.projection.geometry import Geometry, at_depth, axis_sample
from radiography.projection.pixel_means import pixel_means
from radiography.projection.project import project

RNG = np.random.default_rng(4)


def test_at_the_same_depth_they_are_the_means_of_the_samples() -> None:
    sums = RNG.random((3, 12, 20), dtype=np.float32)
    found = pixel_means(sums, 2, (5.5, 9.5), 1.0)
    np.testing.assert_allclose(found, sums.reshape(3, 6, 2, 10, 2).mean(axis=(2, 4)), rtol=3e-7)


@pytest.mark.parametrize("samples", [1, 2, 3])
@pytest.mark.parametrize("centre", [(5.5, 9.5), (-400.0, 900.0)])
def test_a_ramp_is_seen_at_the_place_that_the_rays_come_from(samples: int, centre: tuple[float, float]) -> None:
    rows, cols, magnification = 12 * samples, 20 * samples, 1.0004
    ramp = np.add.outer(np.arange(rows), 10.0 * np.arange(cols)).astype(np.float32)[None]
    found = pixel_means(ramp, samples, centre, magnification)[0]
    row, col = ((np.arange(size // samples) + 0.5) * samples - 0.5 for size in (rows, cols))
    row, col = (at + (place - at) / magnification for place, at in zip((row, col), centre, strict=True))
    # samples are steps: shared ones stand for their middle, a quarter of a step wrong at most
    inside = (slice(1, -1), slice(1, -1))
    np.testing.assert_allclose(found[inside], np.add.outer(row, 10.0 * col)[inside], atol=0.25 * 11 / samples + 1e-3)


def test_nothing_becomes_negative_and_an_even_field_stays_even() -> None:
    sums = np.zeros((1, 30, 30), dtype=np.float32)
    sums[0, ::3, ::2] = 1.0
    assert pixel_means(sums, 2, (200.3, -77.1), 1.01).min() >= 0.0
    np.testing.assert_allclose(pixel_means(np.ones_like(sums), 2, (200.3, -77.1), 1.01), 1.0, rtol=3e-7)


def test_inputs_stay_as_they_are() -> None:
    sums = RNG.random((2, 8, 8), dtype=np.float32)
    before = sums.copy()
    pixel_means(sums, 2, (3.5, 3.5), 1.001)
    assert np.array_equal(sums, before)


def test_they_are_what_a_projection_to_the_deeper_plane_gives() -> None:
    """Off the axis by 15 degrees, where 0.4 mm of depth are 0.1 mm aside, nearly a pixel."""
    panel = Geometry(1000.0, 40, 48, 0.139, panel_shift_mm=(0.0, 270.0))
    plate = phantom_of("plate", [place(Box((500.0, 1000.0, 0.5)), "Al", (15.0, 0.0, 20.0), (0.0, 0.0, 3.0))])
    energy_keV, weights = [40.0], [[1.0]]
    fine = project(plate, at_depth(panel, 0.1), energy_keV, weights, samples_per_pixel=2, rays_per_sample=4)
    deep = project(plate, at_depth(panel, 0.5), energy_keV, weights, rays_per_sample=8)
    found = pixel_means(fine, 2, axis_sample(panel, 2), 1000.5 / 1000.1)
    step = deep.max() - deep.min()
    assert step > 0.05 * deep.max()
    assert np.abs(found - deep).max() < 0.15 * step  # a fifth of a sample where the edge runs, 0.8 pixels without
    np.testing.assert_allclose(found.sum(axis=2), deep.sum(axis=2), rtol=1e-4)
    unmoved = fine.reshape(1, 40, 2, 48, 2).mean(axis=(2, 4))
    assert np.abs(unmoved - deep).max() > 0.5 * step


def test_wrong_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match=r"magnification must be 1 or more, got 0\.9"):
        pixel_means(np.ones((1, 4, 4), dtype=np.float32), 2, (1.5, 1.5), 0.9)
    with pytest.raises(ValueError, match="5 x 4 samples are no whole pixels of 2"):
        pixel_means(np.ones((1, 5, 4), dtype=np.float32), 2, (1.5, 1.5), 1.0)

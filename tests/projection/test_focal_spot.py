"""The focal spot's blur against sinc, 2 J1(x)/x, Gaussian and the Fourier transform of a measured image."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numba
import numpy as np
import pytest
import tifffile
from scipy.special import j1

from phantoms.solids import Box, Phantom, Sphere, move_phantom, phantom_of, place
from radiography.projection.focal_spot import spot_points, spot_size_mm, spot_transfer
from radiography.projection.geometry import Geometry
from radiography.projection.project import path_lengths, project
from radiography.projection.rays import ray_grid
from radiography.projection.spot_image import SpotImage, image_size_mm, image_transfer, load_spot_image
from radiography.projection.surfaces import highest_mm, solid_surfaces

PANEL = Geometry(source_to_detector_mm=1000.0, rows=200, cols=240, pitch_mm=0.139, medium="vacuum")
STEP_MM = 0.139 / 2  # of the samples
TILT_DEG = 2.5
FREQUENCIES = np.array([0.5, 1.0, 1.5, 2.0])


def two_lines() -> SpotImage:
    """A spot as a tube with two focusing lines has it: 0.9 x 0.6 mm, one line brighter, on a faint veil."""
    y, x = np.mgrid[-0.5:0.5:41j, -0.6:0.6:49j]
    lines = np.exp(-0.5 * ((x - 0.32) / 0.09) ** 2) + 0.7 * np.exp(-0.5 * ((x + 0.32) / 0.12) ** 2)
    return SpotImage(lines * np.exp(-((y / 0.3) ** 4)) + 0.02, 0.025)


SPOTS = {
    "square": {"focal_spot_mm": 1.0},
    "rectangle": {"focal_spot_shape": "rectangle", "focal_spot_mm": 0.6, "focal_spot_height_mm": 1.2},
    "disc": {"focal_spot_shape": "disc", "focal_spot_mm": 1.2},
    "gaussian": {"focal_spot_shape": "gaussian", "focal_spot_mm": 0.5},
    "image": {"focal_spot_shape": "image", "focal_spot_image": two_lines()},
}


def edge(height_mm: float, turn_deg: float) -> Phantom:
    """A plate without thickness or transmission whose edge runs through the middle of the panel."""
    angle = np.deg2rad(turn_deg)
    middle = (200.0 * np.cos(angle), 200.0 * np.sin(angle), height_mm - 5e-4)
    return phantom_of("edge", [place(Box((400.0, 400.0, 1e-3)), "W@1000000", middle, (0.0, 0.0, turn_deg))])


def edge_transfer(picture: np.ndarray, turn_deg: float) -> np.ndarray:
    """Fourier transform of the slope across the edge, at FREQUENCIES."""
    rows, cols = picture.shape
    y, x = np.mgrid[:rows, :cols]
    angle = np.deg2rad(turn_deg)
    across_mm = (x - 0.5 * (cols - 1)) * STEP_MM * np.cos(angle) + (y - 0.5 * (rows - 1)) * STEP_MM * np.sin(angle)
    near = np.abs(across_mm) < 5.0
    bins = np.floor((across_mm[near] + 5.0) / 0.01).astype(int)
    profile = np.bincount(bins, picture[near]) / np.bincount(bins)
    slope = np.diff(profile)
    place_mm = np.arange(len(slope)) * 0.01
    return np.abs(np.exp(-2j * np.pi * np.outer(FREQUENCIES, place_mm)) @ slope) / abs(slope.sum())


def edge_picture(geometry: Geometry, height_mm: float, turn_deg: float) -> np.ndarray:
    return project(edge(height_mm, turn_deg), geometry, [40.0], [[1.0]], samples_per_pixel=2, rays_per_sample=4)[0]


def closed_form(name: str, blur: float, turn_deg: float) -> np.ndarray:
    """Transfer of the spots of SPOTS, written out here once more."""
    angle = np.deg2rad(turn_deg)
    x, y = blur * FREQUENCIES * np.cos(angle), blur * FREQUENCIES * np.sin(angle)
    match name:
        case "square":
            return np.abs(np.sinc(x) * np.sinc(y))
        case "rectangle":
            return np.abs(np.sinc(0.6 * x) * np.sinc(1.2 * y))
        case "disc":
            across = np.pi * 1.2 * blur * FREQUENCIES
            return np.abs(2.0 * j1(across) / across)
        case "gaussian":
            return np.exp(-(np.pi**2) * (0.5 * blur * FREQUENCIES) ** 2 / (4.0 * np.log(2.0)))
        case _:
            image = two_lines()
            row, col = np.indices(image.weights.shape)
            waves = [np.exp(-2j * np.pi * 0.025 * (a * col + b * row)) for a, b in zip(x, y, strict=True)]
            summed = np.array([(wave * image.weights).sum() for wave in waves]) / image.weights.sum()
            return np.abs(summed * np.sinc(0.025 * x) * np.sinc(0.025 * y))


@pytest.mark.slow
@pytest.mark.parametrize("turn_deg", [TILT_DEG, 90.0 + TILT_DEG, 37.0])
@pytest.mark.parametrize("name", SPOTS)
@pytest.mark.parametrize("magnification", [1.05, 1.25, 1.5])
def test_an_edge_is_blurred_by_the_transfer_of_the_spot(magnification: float, name: str, turn_deg: float) -> None:
    height_mm = 1000.0 * (1.0 - 1.0 / magnification)
    spot = replace(PANEL, **SPOTS[name])
    blurred = edge_transfer(edge_picture(spot, height_mm, turn_deg), turn_deg)
    sharp = edge_transfer(edge_picture(PANEL, height_mm, turn_deg), turn_deg)
    expected = closed_form(name, magnification - 1.0, turn_deg)
    np.testing.assert_allclose(blurred / sharp, expected, rtol=0, atol=0.005)


def test_an_edge_below_a_higher_object_has_its_own_blur() -> None:
    spot = replace(PANEL, focal_spot_mm=1.0)
    blurred, sharp = (
        project(
            phantom_of("two", [*edge(100.0, TILT_DEG).solids, place(Sphere(0.5), "Al", (-7.0, -7.0, 249.5))]),
            geometry,
            [40.0],
            [[1.0]],
            samples_per_pixel=2,
            rays_per_sample=4,
        )[0]
        for geometry in (spot, PANEL)
    )
    # The ball's shadow lies outside the rows that are used here.
    blurred, sharp = edge_transfer(blurred[120:280], TILT_DEG), edge_transfer(sharp[120:280], TILT_DEG)
    expected = closed_form("square", 100.0 / 900.0, TILT_DEG)
    np.testing.assert_allclose(blurred / sharp, expected, rtol=0, atol=0.005)


def test_1_mm_at_magnification_1_25_transfers_0_637_at_2_per_mm_and_costs_no_more_rays() -> None:
    geometry = replace(PANEL, focal_spot_mm=1.0)
    points = spot_points(geometry, 8, 4, 200.0)
    assert abs(spot_transfer(geometry, np.array([2.0 * 0.25]), np.array([0.0])))[0] == pytest.approx(0.6366, abs=1e-4)
    assert points.deviation < 0.004
    assert (len(points.points_mm), points.points_per_ray) == (16, 1.0)


@pytest.mark.parametrize("rays_per_sample", [1, 2, 3, 4, 5, 6, 7, 8])
@pytest.mark.parametrize("name", SPOTS)
def test_points_keep_the_transfer_for_any_number_of_rays(name: str, rays_per_sample: int) -> None:
    points = spot_points(replace(PANEL, **SPOTS[name]), 2 * rays_per_sample, rays_per_sample, 200.0)
    assert points.deviation <= 0.004
    assert rays_per_sample % points.stride == 0
    assert points.points_mm.mean(axis=0) == pytest.approx([0.0, 0.0], abs=0.01)
    # every ray of the square has equally many points
    keys = points.first_ray @ [points.stride, 1]
    assert set(np.bincount(keys, minlength=points.stride**2)) == {len(points.points_mm) // points.stride**2}


def test_a_blur_too_small_to_matter_stays_one_point_and_a_larger_one_does_not() -> None:
    geometry = replace(PANEL, focal_spot_mm=0.6)
    near, far = spot_points(geometry, 8, 4, 20.0), spot_points(geometry, 8, 4, 80.0)
    assert len(near.points_mm) == 1
    assert near.deviation == pytest.approx(1.0 - np.sinc(2.0 * 0.6 * 20.0 / 980.0), rel=1e-3)
    assert len(far.points_mm) == 16


def test_layer_and_diodes_share_their_points() -> None:
    geometry = replace(PANEL, focal_spot_mm=1.0)
    assert spot_points(geometry, 8, 4, 200.0) is spot_points(replace(geometry, rows=7), 8, 8, 200.0)


def test_a_point_gives_the_same_bits_whatever_its_shape() -> None:
    phantom = edge(200.0, TILT_DEG)
    point = project(phantom, PANEL, [40.0], [[1.0]], rays_per_sample=4)
    disc = project(phantom, replace(PANEL, focal_spot_shape="disc"), [40.0], [[1.0]], rays_per_sample=4)
    np.testing.assert_array_equal(point, disc)


def test_a_spot_twice_as_wide_blurs_like_the_same_spot_at_twice_the_distance() -> None:
    wide = edge_picture(replace(PANEL, focal_spot_mm=0.8), 200.0, TILT_DEG)
    high = edge_picture(replace(PANEL, focal_spot_mm=0.4), 1000.0 / 3.0, TILT_DEG)
    np.testing.assert_allclose(edge_transfer(wide, TILT_DEG), edge_transfer(high, TILT_DEG), rtol=0, atol=0.006)


def test_the_mean_of_a_small_shadow_is_that_of_a_point_source() -> None:
    ball = phantom_of("ball", [place(Sphere(3.0), "Al", (0.3, -0.2, 200.0))])
    shadows = [
        path_lengths(ball, replace(PANEL, focal_spot_mm=size_mm), ["Al"], rays_per_sample=4)[0].mean(dtype=np.float64)
        for size_mm in (0.0, 1.0)
    ]
    # integral over the shadow: the volume times the magnification squared, for every point of the spot
    assert shadows[1] == pytest.approx(shadows[0], rel=1e-4)


def test_rays_of_each_point_are_those_of_a_panel_of_their_own() -> None:
    """The kernel's rays, one point of the spot after the other, on a panel that holds no other rays."""
    geometry = Geometry(1000.0, 12, 16, 2.0, focal_spot_mm=8.0, medium="vacuum")
    block = place(Box((5.0, 9.0, 4.0)), "Fe", (-6.0, -3.0, 140.0), (20, 30, 40))
    phantom = phantom_of("heap", [place(Sphere(6.0), "Al", (1.0, 2.0, 100.0)), block])
    grid = ray_grid(geometry, 2, 4, highest_mm(phantom, solid_surfaces(phantom, 1000.0)))
    assert grid.stride == 4
    assert len(grid.sources_mm) >= 16
    summed = np.zeros((24, 32))
    for (x_mm, y_mm), (row, col) in zip(grid.sources_mm, grid.first_ray, strict=True):
        # A source moved by (x, y) sees what a central source sees of object and panel moved by (-x, -y).
        shift_mm = ((row - 1.5) * grid.step_mm - y_mm, (col - 1.5) * grid.step_mm - x_mm)
        own = Geometry(1000.0, 24, 32, 1.0, panel_shift_mm=shift_mm, medium="vacuum")
        moved = move_phantom(phantom, (-x_mm, -y_mm, 0.0))
        summed += project(moved, own, [40.0], [[1.0]])[0] / project(None, own, [40.0], [[1.0]])[0]
    ours = project(phantom, geometry, [40.0], [[1.0]], samples_per_pixel=2, rays_per_sample=4)[0]
    ours = ours / project(None, geometry, [40.0], [[1.0]], samples_per_pixel=2, rays_per_sample=4)[0]
    assert ours.min() < 0.2
    np.testing.assert_allclose(ours, summed / len(grid.sources_mm), rtol=3e-6)


def test_one_thread_and_two_blur_to_the_same_bits() -> None:
    geometry = replace(PANEL, focal_spot_mm=1.0)
    before = numba.get_num_threads()
    frames = []
    try:
        for threads in (1, min(2, numba.config.NUMBA_NUM_THREADS)):
            numba.set_num_threads(threads)
            frames.append(edge_picture(geometry, 200.0, TILT_DEG))
    finally:
        numba.set_num_threads(before)
    np.testing.assert_array_equal(frames[0], frames[1])


# ---- a measured image ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [".tif", ".tiff", ".npy"])
def test_an_image_is_read_as_it_was_written(ending: str, tmp_path: Path) -> None:
    image, path = two_lines(), tmp_path / f"spot{ending}"
    if ending == ".npy":
        np.save(path, image.weights)
    else:
        tifffile.imwrite(path, image.weights.astype(np.float32))
    read = load_spot_image(path, 0.025)
    np.testing.assert_allclose(read.weights, image.weights, rtol=1e-6)
    assert read.pitch_mm == 0.025


def test_an_image_that_a_scene_with_solids_made_is_read(tmp_path: Path) -> None:
    image, path = two_lines(), tmp_path / "spot.tif"
    said = json.dumps({"scene": {"solids": [{"shape": "box"}]}})  # as older files have it
    tifffile.imwrite(path, image.weights.astype(np.float32), description=said, metadata=None)
    np.testing.assert_allclose(load_spot_image(path, 0.025).weights, image.weights, rtol=1e-6)


def test_a_uniform_image_is_a_rectangle() -> None:
    image = SpotImage(np.ones((30, 20)), 0.02)
    x, y = np.array([0.3, 1.0, 2.7]), np.array([1.2, 0.0, 0.4])
    np.testing.assert_allclose(image_transfer(image, x, y), np.sinc(0.4 * x) * np.sinc(0.6 * y), atol=1e-12)
    # to 15 % of the first and last pixel: 0.15 pixels each lie outside
    assert image_size_mm(image) == pytest.approx((0.4 - 0.3 * 0.02 + 0.02, 0.6 - 0.3 * 0.02 + 0.02))


def test_the_size_of_a_gaussian_image_is_where_it_has_fallen_to_15_percent() -> None:
    y, x = np.mgrid[-1.0:1.0:201j, -1.0:1.0:201j]
    image = SpotImage(np.exp(-0.5 * (x / 0.2) ** 2 - 0.5 * (y / 0.1) ** 2), 0.01)
    expected = 2.0 * np.sqrt(-2.0 * np.log(0.15)) * np.array([0.2, 0.1])
    np.testing.assert_allclose(image_size_mm(image), expected, rtol=1e-3)
    assert spot_size_mm(replace(PANEL, focal_spot_shape="image", focal_spot_image=image)) == image_size_mm(image)


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (np.ones((4, 4, 3)), r"must have rows and columns, got an array of \(4, 4, 3\)"),
        (np.ones((2, 2000)), "1024 x 1024 pixels at most, got 2 x 2000"),
        (np.full((4, 4), np.nan), "must be finite"),
        (np.array([[1.0, -2.0]]), "must be zero or positive, got -2"),
        (np.zeros((4, 4)), "must emit somewhere, got only zeros"),
        (np.ones((4, 4), dtype=np.complex128), "must hold real numbers, got complex128"),
    ],
)
def test_a_wrong_image_names_itself(pixels: np.ndarray, message: str, tmp_path: Path) -> None:
    path = tmp_path / "spot.npy"
    np.save(path, pixels)
    with pytest.raises(ValueError, match=rf"spot.npy.*{message}"):
        load_spot_image(path, 0.01)


def test_a_file_that_is_no_image_names_itself(tmp_path: Path) -> None:
    (tmp_path / "spot.tif").write_text("no picture")
    (tmp_path / "spot.jpg").write_text("no picture")
    with pytest.raises(OSError, match=r"spot.tif cannot be read as a picture"):
        load_spot_image(tmp_path / "spot.tif", 0.01)
    with pytest.raises(ValueError, match=r"must end in .tif, .tiff or .npy, got spot.jpg"):
        load_spot_image(tmp_path / "spot.jpg", 0.01)
    with pytest.raises(FileNotFoundError, match=r"gone.npy does not exist"):
        load_spot_image(tmp_path / "gone.npy", 0.01)
    with pytest.raises(ValueError, match="pitch of a focal spot's image must be a positive length, got 0"):
        SpotImage(np.ones((2, 2)), 0.0)


# ---- refusals -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"focal_spot_shape": "star"}, "one of square, rectangle, disc, gaussian, image, got 'star'"),
        ({"focal_spot_mm": -1.0}, "zero or a positive length, got -1"),
        ({"focal_spot_samples": 0}, "focal_spot_samples must be 1 or more, got 0"),
        ({"focal_spot_shape": "rectangle", "focal_spot_mm": 1.0}, "'rectangle' needs focal_spot_height_mm"),
        ({"focal_spot_shape": "disc", "focal_spot_mm": 1.0, "focal_spot_height_mm": 0.8}, "'disc' has no focal_spot_h"),
        ({"focal_spot_mm": 1.0, "focal_spot_height_mm": 0.8}, "'square' has no focal_spot_height_mm, got 0.8"),
        ({"focal_spot_shape": "gaussian", "focal_spot_height_mm": 0.8}, "focal_spot_mm must be positive where"),
        ({"focal_spot_shape": "gaussian", "focal_spot_mm": 1.0, "focal_spot_height_mm": 0.0}, "positive length, got 0"),
        ({"focal_spot_shape": "image"}, "needs focal_spot_image and focal_spot_pitch_mm"),
        ({"focal_spot_image": two_lines()}, "belongs to focal_spot_shape 'image', but the shape is 'square'"),
        (SPOTS["image"] | {"focal_spot_mm": 0.6}, "is that of its image, but 0.6 mm is given"),
    ],
)
def test_a_spot_that_contradicts_itself_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(PANEL, **changes)

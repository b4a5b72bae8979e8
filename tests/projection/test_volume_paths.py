"""Areal masses through voxels: closed forms, an independent sum over faces, threads."""

import numpy as np
import pytest

from phantoms.volume import place_volume
from radiography.projection.volume_paths import areal_masses, interpolated_masses, trace_rows
from radiography.projection.voxel_runs import voxel_runs
from radiography.projection.voxel_world import voxel_world
from tests.reference import on_threads, partial_densities_at

SOURCE = np.array([3.0, -5.0, 500.0])


def _volume(seed: int, shape=(7, 9, 11), **place):
    rng = np.random.default_rng(seed)
    table = np.vstack([np.zeros(3), rng.random((4, 3))])
    codes = rng.integers(0, 5, shape).astype(np.uint16)
    where = {"position_mm": (1.0, -2.0, 60.0), "rotation_deg": (10.0, 20.0, 30.0), **place}
    return place_volume(codes, table, ("air", "water", "bone"), (1.1, 0.9, 1.7), **where)


def _to_voxels(volume):
    """Voxels along x, y and z for a millimetre along each axis of the world (3, 3)."""
    return volume.rotation.T / np.asarray(volume.spacing_mm)[:, None]


def _by_faces(volume, source_mm, point_mm):
    """Sorted crossings with every face plane, then one look-up in the middle of each piece."""
    turn = _to_voxels(volume)
    start = turn @ (source_mm - np.asarray(volume.position_mm)) + 0.5 * np.array(volume.codes.shape[::-1])
    along = turn @ (point_mm - source_mm)
    t = [0.0, 1.0]
    for axis, count in enumerate(volume.codes.shape[::-1]):
        if along[axis] != 0:
            t.extend((np.arange(count + 1) - start[axis]) / along[axis])
    t = np.sort(np.clip(t, 0.0, 1.0))
    middle = source_mm + (0.5 * (t[1:] + t[:-1]))[:, None] * (point_mm - source_mm)
    lengths_cm = 0.1 * np.diff(t) * np.linalg.norm(point_mm - source_mm)
    return lengths_cm @ partial_densities_at(volume, middle)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_masses_equal_the_sum_over_all_faces(seed: int) -> None:
    volume = _volume(seed)
    x_mm, y_mm = np.linspace(-9.0, 11.0, 13), np.linspace(-12.0, 9.0, 11)
    found = areal_masses(volume, SOURCE, x_mm, y_mm)
    expected = [[_by_faces(volume, SOURCE, np.array([x, y, 0.0])) for x in x_mm] for y in y_mm]
    assert found.max() > 0.1
    assert np.allclose(found, np.moveaxis(np.array(expected), -1, 0), rtol=1e-6, atol=1e-7)


def _labels(rotation_deg=(0.0, 0.0, 0.0), seed: int = 8):
    """Blocks of 8 voxels a side, so that most runs are long."""
    rng = np.random.default_rng(seed)
    codes = np.kron(rng.integers(0, 3, (4, 4, 5)), np.ones((8, 8, 8), np.int64)).astype(np.uint16)
    table = np.vstack([np.zeros(2), rng.random((2, 2))])
    return place_volume(codes, table, ("water", "bone"), (0.5, 0.6, 0.7), (1.0, -2.0, 60.0), rotation_deg)


# the voxel axis along the rays, and which way: z down and up, y both ways, x both ways, and between
TURNS = [(0, 0, 0), (180, 0, 0), (90, 0, 0), (-90, 0, 0), (0, 90, 0), (0, -90, 0), (50, 30, 20), (-40, 130, 10)]


@pytest.mark.parametrize("turn", TURNS)
def test_runs_of_equal_voxels_change_no_path(turn) -> None:
    volume = _labels(turn)
    x_mm, y_mm = np.linspace(-14.0, 16.0, 23), np.linspace(-17.0, 13.0, 19)
    worlds = [voxel_world([volume], volume.materials, runs=runs) for runs in (True, False)]
    assert worlds[0].run_axis[0] != 0 and worlds[1].run_axis[0] == 0
    found = [np.empty((2, 19, 23), np.float32) for _ in worlds]
    for world, masses in zip(worlds, found, strict=True):
        trace_rows(world, SOURCE, x_mm, y_mm, masses)
    expected = [[_by_faces(volume, SOURCE, np.array([x, y, 0.0])) for x in x_mm] for y in y_mm]
    assert found[0].max() > 0.5
    assert np.allclose(found[0], np.moveaxis(np.array(expected), -1, 0), rtol=1e-6, atol=1e-7)
    assert np.allclose(found[0], found[1], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_level_rays_with_and_against_the_runs(side: float) -> None:
    volume, source = _labels((50.0, 30.0, 20.0)), np.array([side * 400.0, side * 300.0, 90.0])
    x_mm, y_mm = side * np.linspace(-860.0, -740.0, 15), side * np.linspace(-660.0, -540.0, 15)
    axis = voxel_world([volume], volume.materials).run_axis[0]
    along = _to_voxels(volume)[abs(axis) - 1] @ (np.array([x_mm[7], y_mm[7], 0.0]) - source)
    assert along * axis * side > 0  # with the runs from one side, against them from the other
    found = areal_masses(volume, source, x_mm, y_mm)
    expected = [[_by_faces(volume, source, np.array([x, y, 0.0])) for x in x_mm] for y in y_mm]
    assert found.max() > 0.5
    assert np.allclose(found, np.moveaxis(np.array(expected), -1, 0), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("axis", [1, -1, 2, -2, 3, -3])
def test_runs_are_counted_along_their_axis(axis: int) -> None:
    codes = np.random.default_rng(9).integers(0, 2, (5, 6, 7)).repeat(8, axis=3 - abs(axis)).astype(np.uint16)
    box = np.array([1, 0, 2]), np.array([*codes.shape[::-1]]) - [0, 1, 1]
    runs = voxel_runs(codes, *box, axis)
    assert runs is not None
    along = np.moveaxis(codes, 3 - abs(axis), 0)[:: -1 if axis < 0 else 1]
    counted = np.moveaxis(runs, 3 - abs(axis), 0)[:: -1 if axis < 0 else 1]
    low, high = box[0][abs(axis) - 1], box[1][abs(axis) - 1]
    if axis < 0:
        low, high = len(along) - high, len(along) - low
    for place in zip(*np.nonzero(counted), strict=True):
        line = along[place[0] : high, place[1], place[2]]
        same = np.append(line == line[0], False)
        assert counted[place] == np.argmin(same)
    assert np.count_nonzero(runs) == np.prod(box[1] - box[0])


def test_long_runs_are_cut_to_a_byte_and_short_ones_are_not_kept() -> None:
    everything = np.array([1, 1, 600])
    runs = voxel_runs(np.ones((600, 1, 1), np.uint16), np.zeros(3, np.int64), everything, 3)
    assert runs is not None
    assert runs[0, 0, 0] == 255 and runs[599, 0, 0] == 1
    noise = np.random.default_rng(1).integers(0, 4, (600, 1, 1)).astype(np.uint16)
    assert voxel_runs(noise, np.zeros(3, np.int64), everything, 3) is None


def test_straight_ray_through_a_slab_is_density_times_thickness() -> None:
    codes = np.ones((10, 5, 5), np.uint16)
    slab = place_volume(codes, np.array([[0.0], [1.2]]), ("water",), (2.0, 2.0, 2.0), (0.0, 0.0, 50.0))
    masses = areal_masses(slab, np.array([0.0, 0.0, 1000.0]), np.array([0.0, 50.0]), np.array([0.0]))
    assert masses[0, 0, 0] == pytest.approx(1.2 * 2.0, rel=1e-6)
    assert masses[0, 0, 1] == 0.0


def test_ray_along_the_faces_of_voxels_is_counted_once() -> None:
    codes = np.ones((6, 4, 4), np.uint16)
    slab = place_volume(codes, np.array([[0.0], [1.0]]), ("water",), (1.0, 1.0, 1.0), (0.0, 0.0, 50.0))
    for x, y in [(0.0, 0.0), (1.0, 0.0), (0.0, -1.0), (1.0, 1.0)]:
        mass = areal_masses(slab, np.array([x, y, 1000.0]), np.array([x]), np.array([y]))
        assert mass[0, 0, 0] == pytest.approx(0.6, rel=1e-6)


def test_same_bytes_for_one_thread_and_two() -> None:
    volume, x_mm, y_mm = _volume(4), np.linspace(-9.0, 9.0, 40), np.linspace(-9.0, 9.0, 30)
    one, two = (on_threads(count, lambda: areal_masses(volume, SOURCE, x_mm, y_mm)) for count in (1, 2))
    assert one.tobytes() == two.tobytes()


def test_fewer_rays_agree_inside_a_smooth_body() -> None:
    z, y, x = np.indices((40, 60, 50)).astype(float)
    body = ((x - 24.5) / 22) ** 2 + ((y - 29.5) / 27) ** 2 + ((z - 19.5) / 17) ** 2 < 1
    ball = place_volume(body.astype(np.uint16), np.array([[0.0], [1.0]]), ("water",), (2.0, 2.0, 2.0), (0, 0, 100))
    places, source = np.linspace(-20.0, 20.0, 400), np.array([0.0, 0.0, 1000.0])
    every, fewer = areal_masses(ball, source, places, places), interpolated_masses(ball, source, places, places)
    assert every.min() > 5
    # rays on both sides of a step of the rim differ by a voxel, 1 in 35; lines between them keep the mean
    assert np.sqrt(np.mean((fewer / every - 1.0) ** 2)) < 0.01
    assert abs((fewer / every - 1.0).mean()) < 0.001


def test_many_rays_per_voxel_are_all_rays() -> None:
    volume, places = _volume(7), np.linspace(-5.0, 5.0, 20)
    every = areal_masses(volume, SOURCE, places, places)
    assert np.array_equal(interpolated_masses(volume, SOURCE, places, places, 100.0), every)


def test_voxelised_ball_agrees_with_the_ball() -> None:
    radius_mm, spacing_mm, parts, centre = 60.0, 1.0, 4, np.array([0.0, 0.0, 100.0])
    fine = (np.arange(124 * parts) + 0.5) * (spacing_mm / parts) - 62.0
    share = np.empty((124, 124, 124), np.uint16)
    for plane in range(124):
        z = fine[plane * parts : (plane + 1) * parts, None, None]
        filled = z**2 + fine[:, None] ** 2 + fine**2 < radius_mm**2
        share[plane] = filled.reshape(parts, 124, parts, 124, parts).sum(axis=(0, 2, 4))
    table = np.arange(parts**3 + 1)[:, None] / parts**3
    ball = place_volume(share, table, ("water",), (spacing_mm,) * 3, tuple(centre))
    source, places = np.array([0.0, 0.0, 1000.0]), np.linspace(-50.0, 50.0, 101)
    x, y = np.meshgrid(places, places)
    along = np.stack([x - source[0], y - source[1], np.full_like(x, -source[2])], axis=-1)
    along /= np.linalg.norm(along, axis=-1, keepdims=True)
    to_ball = centre - source
    off = to_ball - (along @ to_ball)[..., None] * along
    expected = 0.2 * np.sqrt(np.maximum(radius_mm**2 - (off**2).sum(axis=-1), 0.0))
    inside = expected > 0.1 * expected.max()
    error = (areal_masses(ball, source, places, places)[0] - expected)[inside] / expected[inside].mean()
    # shares of 64 parts a voxel and steps of whole voxels along a ray: 0.4 % and -0.02 % here
    assert np.sqrt(np.mean(error**2)) < 0.01
    assert abs(error.mean()) < 0.001

"""Shadows of solids against closed forms and against a slow projection that only asks which solid holds a point."""

from __future__ import annotations

from dataclasses import replace

import numba
import numpy as np
import pytest
import trimesh
import xraylib

from phantoms.solids import (
    Box,
    Cone,
    Cylinder,
    Mesh,
    Phantom,
    PlacedSolid,
    Prism,
    Sphere,
    move_phantom,
    phantom_of,
    place,
)
from radiography.beam.attenuation import Material, linear_attenuation_per_mm, material
from radiography.projection.geometry import Geometry, at_depth, field_nodes_mm
from radiography.projection.kernels import _sum_energies
from radiography.projection.project import path_length_strips, path_lengths, project
from radiography.projection.rays import BeamSums, RayChunk
from tests.projection.projection_reference import (
    as_mesh,
    bell_spectrum,
    box_mesh,
    cosine,
    rays_to_pixels,
    reference_paths,
)

PANEL = Geometry(source_to_detector_mm=1000.0, rows=48, cols=64, pitch_mm=2.5, medium="vacuum")
L_SHAPE = ((-20.0, -20.0), (20.0, -20.0), (20.0, -5.0), (-5.0, -5.0), (-5.0, 20.0), (-20.0, 20.0))
# float32 holds paths up to 256 mm to 256 * 2**-24 = 1.5e-5 mm; float64 arithmetic adds less than 1e-9 mm
STORAGE_MM = 1.6e-5
TINY = 1e-38  # below this, float32 loses digits


def random_phantom(seed: int) -> Phantom:
    """Nine solids of every kind, heaped on one another, with voids."""
    rng = np.random.default_rng(seed)
    hull = trimesh.convex.convex_hull(rng.normal(size=(12, 3)) * 12.0)
    shapes = [
        Box((30.0, 50.0, 20.0)),
        Cylinder(12.0, 40.0),
        Cone(18.0, 5.0, 35.0),
        Cone(0.0, 12.0, 60.0),
        Sphere(17.0),
        Prism(L_SHAPE, 25.0),
        as_mesh(hull),
        Cylinder(3.0, 90.0),
        Sphere(6.0),
    ]
    materials = ["Al", "Fe", "vacuum", "PMMA", "Al", "Cu", "Fe", "vacuum", "Cu"]
    order = rng.permutation(len(shapes))
    solids = [
        place(shapes[i], materials[k], tuple(rng.normal(size=3) * 12.0 + (0, 0, 150)), tuple(rng.uniform(0, 360, 3)))
        for k, i in enumerate(order)
    ]
    return phantom_of(f"heap {seed}", solids)


# ---- paths --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "tilt_deg", [(0, 0, 0), (0.01, 0, 0), (7, -3, 12), (45, 45, 45), (90.5, 0.2, 10), (12, 80, 200)]
)
@pytest.mark.parametrize("as_triangles", [True, False])
def test_path_through_a_100_mm_box_is_exact_at_any_tilt(tilt_deg, as_triangles):
    box = Box((100.0, 100.0, 100.0))
    shape = box_mesh(box.size_mm) if as_triangles else box
    solid = place(shape, "PMMA", (3.0, -2.0, 250.0), tilt_deg)
    path_mm = path_lengths(phantom_of("box", [solid]), PANEL, ["PMMA"])[0]
    source, direction = rays_to_pixels(PANEL)
    start, along = (source - solid.position_mm) @ solid.rotation, direction @ solid.rotation
    with np.errstate(divide="ignore"):
        walls = np.sort(np.stack([(-50.0 - start) / along, (50.0 - start) / along]), axis=0)
    chord = np.maximum(walls[1].min(axis=-1) - walls[0].max(axis=-1), 0.0) * np.linalg.norm(direction, axis=-1)
    assert path_mm.max() > 90.0
    np.testing.assert_allclose(path_mm, chord, rtol=0, atol=STORAGE_MM)


def test_paths_come_in_strips_too():
    tall = replace(PANEL, rows=300)
    phantom = phantom_of("ball", [place(Sphere(3.0), "Al", (1.0, 0.5, 20.0))])
    whole = path_lengths(phantom, tall, ["Al"], rays_per_sample=2)
    strips = list(path_length_strips(phantom, tall, ["Al"], rays_per_sample=2))
    assert [top for top, _ in strips] == [0, 128, 256]
    np.testing.assert_array_equal(np.concatenate([part for _, part in strips], axis=1), whole)
    assert whole.max() > 5.0


@pytest.mark.parametrize("seed", range(6))
def test_heaps_of_overlapping_solids_agree_with_the_slow_projection(seed):
    phantom = random_phantom(seed)
    names = sorted({solid.material for solid in phantom.solids} - {"vacuum"})
    geometry = Geometry(700.0, 48, 64, 2.0, panel_shift_mm=(3.7, -11.3))
    expected = reference_paths(phantom, geometry, names)
    assert (expected.max(axis=(1, 2)) > 1.0).all()
    np.testing.assert_allclose(path_lengths(phantom, geometry, names), expected, rtol=0, atol=STORAGE_MM)


@pytest.mark.parametrize(
    ("shape", "rotation_deg", "expected_mm"),
    [
        (Sphere(8.0), (0, 0, 0), 16.0),
        (Cylinder(5.0, 30.0), (0, 0, 0), 30.0),
        (Cylinder(5.0, 30.0), (90, 0, 0), 10.0),
        (Cone(6.0, 2.0, 20.0), (0, 0, 0), 20.0),
        (Cone(6.0, 2.0, 20.0), (0, 90, 0), 8.0),
        (Cone(0.0, 4.0, 20.0), (180, 0, 0), 20.0),
        (Cone(5.0, 5.0, 20.0), (0, 90, 0), 10.0),
        (Box((3.0, 4.0, 5.0)), (0, 90, 0), 3.0),
        (Prism(((-2.0, -2.0), (2.0, -2.0), (2.0, 2.0), (-2.0, 2.0)), 7.0), (0, 0, 30), 7.0),
    ],
)
def test_central_ray_crosses_a_shape_through_its_middle(shape, rotation_deg, expected_mm):
    one_pixel = Geometry(1000.0, 1, 1, 0.1)
    phantom = phantom_of("one", [place(shape, "Al", (0, 0, 300), rotation_deg)])
    assert path_lengths(phantom, one_pixel, ["Al"])[0, 0, 0] == pytest.approx(expected_mm, abs=1e-6)


def test_five_micron_wire_near_the_source_keeps_its_chord():
    radius_mm, offset_mm = 0.005, 0.003
    one_pixel = Geometry(1000.0, 1, 1, 0.1)
    wire = place(Cylinder(radius_mm, 4.0), "W", (offset_mm, 0, 950), (90, 0, 0))
    chord_mm = 2.0 * np.sqrt(radius_mm**2 - offset_mm**2)
    # 1e-13 mm of rounding over 1000 mm against a chord of 8e-3 mm, and float32 storage
    assert path_lengths(phantom_of("wire", [wire]), one_pixel, ["W"])[0, 0, 0] == pytest.approx(chord_mm, rel=1e-7)


def test_cylinder_just_below_the_source_shades_the_whole_panel():
    # The prism around it reaches past the source (5 / cos(22.5 deg) = 5.41 mm above its axis), it does not.
    roller = phantom_of("roller", [place(Cylinder(5.0, 400.0), "Al", (0, 0, 994.8), (90, 0, 0))])
    panel = Geometry(1000.0, 5, 7, 10.0)
    path_mm = path_lengths(roller, panel, ["Al"])
    np.testing.assert_allclose(path_mm, reference_paths(roller, panel, ["Al"]), rtol=0, atol=STORAGE_MM)
    assert path_mm.min() > 9.9


def test_prism_equals_its_own_triangles():
    corners = np.array(L_SHAPE)
    count = len(corners)
    vertices = np.vstack([np.column_stack([corners, np.full(count, z)]) for z in (-15.0, 15.0)])
    cap = np.array([(0, 1, 2), (0, 2, 3), (0, 3, 4), (0, 4, 5)])
    sides = [(i, (i + 1) % count, i + count) for i in range(count)]
    sides += [((i + 1) % count, (i + 1) % count + count, i + count) for i in range(count)]
    mesh = Mesh(vertices, np.vstack([cap[:, ::-1], cap + count, sides]).astype(np.int64))
    for rotation_deg in ((0, 0, 0), (90, 0, 0), (33, 57, 11)):
        paths = [
            path_lengths(phantom_of("L", [place(shape, "Al", (1, 2, 100), rotation_deg)]), PANEL, ["Al"])
            for shape in (Prism(L_SHAPE, 30.0), mesh)
        ]
        assert paths[0].max() > 29.9
        np.testing.assert_allclose(paths[0], paths[1], rtol=0, atol=STORAGE_MM)


@pytest.mark.parametrize("rotation_deg", [(0, 0, 0), (0, 0, 45), (90, 0, 0), (20, 30, 40)])
def test_no_ray_leaks_where_it_meets_edges_and_vertices(rotation_deg):
    # 33 x 33 rays through the axes of symmetry: many meet vertices and edges exactly.
    panel = Geometry(1000.0, 33, 33, 1.0)
    ball = as_mesh(trimesh.creation.icosphere(subdivisions=2, radius=12.0))
    phantom = phantom_of("ball", [place(ball, "Fe", (0, 0, 50), rotation_deg)])
    path_mm = path_lengths(phantom, panel, ["Fe"])[0]
    exact_mm = path_lengths(phantom_of("ball", [place(Sphere(12.0), "Fe", (0, 0, 50))]), panel, ["Fe"])[0]
    # The facets lie inside the ball; depth of a facet with 7.5 mm edges is below 7.5**2 / (6 * 12) = 0.8 mm.
    assert (path_mm <= exact_mm + 1e-5).all()
    deep = exact_mm > 12.0
    assert (exact_mm - path_mm)[deep].max() < 2 * 0.8 / np.cos(np.pi / 3)
    grid_aligned = phantom_of("cube", [place(box_mesh((20.0, 20.0, 20.0)), "Fe", (0, 0, 10))])
    through = path_lengths(grid_aligned, Geometry(1e7, 33, 33, 1.0), ["Fe"])[0]
    assert set(np.unique(np.round(through, 4))) <= {0.0, 20.0}
    assert np.count_nonzero(through) in (400, 420, 441)


def test_shells_inside_shells_replace_each_other():
    shells = [
        place(Sphere(20.0), "PMMA", (0, 0, 100)),
        place(Sphere(15.0), "vacuum", (0, 0, 100)),
        place(Sphere(10.0), "Al", (0, 0, 100)),
        place(Box((4.0, 4.0, 4.0)), "vacuum", (0, 0, 100)),
        place(Sphere(1.0), "Al", (0, 0, 100)),
    ]
    centre = path_lengths(phantom_of("shells", shells), Geometry(1000.0, 1, 1, 0.1), ["PMMA", "Al"])[:, 0, 0]
    np.testing.assert_allclose(centre, [10.0, 16.0 + 2.0], atol=1e-6)


def test_later_solid_hides_what_it_covers():
    small, large = place(Sphere(5.0), "Fe", (0, 0, 100)), place(Box((20.0, 20.0, 20.0)), "Al", (0, 0, 100))
    buried = path_lengths(phantom_of("buried", [small, large]), PANEL, ["Fe", "Al"])
    alone = path_lengths(phantom_of("alone", [large]), PANEL, ["Al"])
    assert not buried[0].any()
    np.testing.assert_allclose(buried[1], alone[0], rtol=0, atol=STORAGE_MM)


def test_rays_of_a_sample_are_averaged():
    phantom = random_phantom(1)
    fine = path_lengths(phantom, PANEL, ["Al"], samples_per_pixel=6)[0]
    coarse = path_lengths(phantom, PANEL, ["Al"], samples_per_pixel=2, rays_per_sample=3)[0]
    blocks = fine.reshape(96, 3, 128, 3).mean(axis=(1, 3))
    assert coarse.shape == (96, 128)
    np.testing.assert_allclose(coarse, blocks, rtol=0, atol=STORAGE_MM)


def test_shadow_of_an_object_left_of_and_above_the_centre_falls_there():
    row, col = np.nonzero(path_lengths(phantom_of("dot", [place(Sphere(4.0), "Al", (-40, -20, 10))]), PANEL, ["Al"])[0])
    assert abs(row.mean() - (23.5 - 20 / 0.99 / 2.5)) < 0.5
    assert abs(col.mean() - (31.5 - 40 / 0.99 / 2.5)) < 0.5


# ---- sums over the beam -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "formula", "thickness_mm"),
    [("Al", "Al", 2.0), ("Al", "Al", 4.0), ("Al", "Al", 10.0), ("Al", "Al", 20.0), ("PMMA", "C5H8O2", 100.0)],
)
def test_transmission_of_a_slab_agrees_with_xraylib(name, formula, thickness_mm):
    energy_keV, fluence = bell_spectrum()
    slab = phantom_of("slab", [place(Box((400.0, 400.0, thickness_mm)), name, (0, 0, 100))])
    weights = np.stack([fluence, fluence * energy_keV])
    ratio = project(slab, PANEL, energy_keV, weights) / project(None, PANEL, energy_keV, weights)
    mu_per_mm = np.array([xraylib.CS_Total_CP(formula, energy) for energy in energy_keV])
    mu_per_mm *= material(name).density_g_per_cm3 / 10.0
    path_mm = thickness_mm / cosine(PANEL)
    transmitted = np.exp(-mu_per_mm[:, None, None] * path_mm)
    expected = np.einsum("ke,erc->krc", weights, transmitted) / weights.sum(axis=1)[:, None, None]
    np.testing.assert_allclose(ratio, expected, rtol=1e-4)


def test_heap_agrees_with_the_sum_written_out_in_numpy():
    phantom, names = random_phantom(3), ["Al", "Fe", "PMMA", "Cu"]
    energy_keV, fluence = bell_spectrum()
    weights = 1e-4 * np.stack([fluence, fluence * energy_keV, -0.5 * fluence])
    mu_per_mm = np.stack([linear_attenuation_per_mm(material(name), energy_keV) for name in names])
    depth = np.einsum("me,mrc->erc", mu_per_mm, reference_paths(phantom, PANEL, names))
    expected = np.einsum("ke,erc->krc", weights, np.exp(-depth)) * cosine(PANEL) ** 3
    # float32 result: 6e-8; path error 1e-9 mm times mu up to 70 per mm
    np.testing.assert_allclose(project(phantom, PANEL, energy_keV, weights), expected, rtol=5e-7)


def test_corner_of_a_427_mm_panel_at_1_m_receives_0_877():
    panel = Geometry(1000.0, 427, 427, 1.0)
    field = project(None, panel, [50.0], [[1.0]])[0]
    assert field[213, 213] == pytest.approx(1.0, abs=1e-6)
    assert field[0, 0] == pytest.approx(0.877, abs=0.002)
    np.testing.assert_allclose(field, cosine(panel) ** 3, rtol=2e-7)


def plane_of_nodes(geometry: Geometry, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights that change linearly over the panel, at its nodes (R, C, K, E), and their factor at the pixels."""
    y_mm, x_mm = field_nodes_mm(geometry)
    at_nodes = 1.0 + 0.004 * y_mm[:, None] - 0.003 * x_mm
    points = rays_to_pixels(geometry)[1][..., :2]
    return weights * at_nodes[:, :, None, None], 1.0 + 0.004 * points[..., 1] - 0.003 * points[..., 0]


@pytest.mark.parametrize("phantom", [None, random_phantom(3)], ids=("open", "heap"))
def test_weights_at_nodes_are_linear_between_them_in_the_open_beam_and_behind_solids(phantom):
    energy_keV, fluence = bell_spectrum()
    weights = 1e-4 * np.stack([fluence, fluence * energy_keV])
    panel = Geometry(700.0, 48, 64, 2.5, panel_shift_mm=(3.7, -11.3))
    nodes, factor = plane_of_nodes(panel, weights)
    assert nodes.shape[:2] == (44, 59)
    found = project(phantom, panel, energy_keV, nodes)
    np.testing.assert_allclose(found, project(phantom, panel, energy_keV, weights) * factor, rtol=5e-7)


def test_nodes_follow_rays_that_are_averaged_over_a_sample():
    energy_keV, fluence = bell_spectrum()
    nodes, factor = plane_of_nodes(PANEL, fluence[None, :])
    found = project(random_phantom(2), PANEL, energy_keV, nodes, rays_per_sample=3)
    even = project(random_phantom(2), PANEL, energy_keV, [fluence], rays_per_sample=3)
    # behind an edge the lit rays of a sample are up to a third of a pixel off its middle: 0.007 * 2.5 / 3 of 0.5
    np.testing.assert_allclose(found, even * factor, rtol=0.012)
    assert np.median(np.abs(found / (even * factor) - 1)) < 1e-6


def test_what_happens_below_the_plane_is_seen_magnified():
    geometry = Geometry(1000.0, 48, 64, 2.5, panel_shift_mm=(-30.0, 40.0))
    deep = at_depth(geometry, 250.0)
    assert deep.pitch_mm == pytest.approx(2.0) and deep.panel_shift_mm == pytest.approx((-24.0, 32.0))
    assert at_depth(geometry, 0.0) == geometry
    with pytest.raises(ValueError, match="depth_mm below the detector plane must be zero or positive, got -1"):
        at_depth(geometry, -1.0)


def test_void_leaves_the_open_beam_bit_for_bit():
    energy_keV, fluence = bell_spectrum()
    void = phantom_of("void", [place(Sphere(30.0), "vacuum", (0, 0, 100))])
    np.testing.assert_array_equal(
        project(void, PANEL, energy_keV, [fluence]), project(None, PANEL, energy_keV, [fluence])
    )


def test_twice_the_thickness_squares_the_transmission():
    logs = []
    for thickness_mm in (5.0, 10.0):
        slab = phantom_of("slab", [place(Box((400.0, 400.0, thickness_mm)), "Al", (0, 0, 100))])
        logs.append(np.log(project(slab, PANEL, [40.0], [[1.0]])[0] / cosine(PANEL) ** 3))
    np.testing.assert_allclose(logs[1], 2.0 * logs[0], rtol=1e-6)


def test_extra_material_is_used_under_its_name():
    heavy = Material("heavy water", ((1, 0.1), (8, 0.9)), 5.0, "made up")
    phantom = phantom_of("drop", [place(Sphere(20.0), "heavy water", (0, 0, 100))])
    shadow = project(phantom, PANEL, [40.0], [[1.0]], materials={"heavy water": heavy})[0]
    mu = linear_attenuation_per_mm(heavy, np.array([40.0]))[0]
    expected = np.exp(-mu * path_lengths(phantom, PANEL, ["heavy water"])[0]) * cosine(PANEL) ** 3
    np.testing.assert_allclose(shadow, expected, rtol=1e-6)


def test_shifted_panel_sees_the_same_rays_without_tilting():
    phantom = random_phantom(2)
    large = project(phantom, replace(PANEL, rows=96, cols=128), [40.0], [[1.0]])[0]
    # 48 x 64 pixels out of 96 x 128, 12 rows up and 16 columns to the right of the middle
    part = replace(PANEL, panel_shift_mm=(-12 * 2.5, 16 * 2.5))
    np.testing.assert_allclose(project(phantom, part, [40.0], [[1.0]])[0], large[12:60, 48:112], rtol=1e-6)


@pytest.mark.parametrize(
    "phantom",
    [random_phantom(4), phantom_of("bead near the source", [place(Sphere(1.0), "Al", (0, 0, 900))])],
    ids=lambda phantom: phantom.name,
)
def test_focal_spot_is_the_mean_of_its_points(phantom):
    spot = Geometry(1000.0, 48, 64, 2.5, focal_spot_mm=6.0, focal_spot_samples=2)
    blurred = project(phantom, spot, [40.0], [[1.0]])[0] / project(None, spot, [40.0], [[1.0]])[0]
    points = []
    for y_mm in (-1.5, 1.5):
        for x_mm in (-1.5, 1.5):
            # A source moved by (x, y) sees what a central source sees of object and panel moved by (-x, -y).
            panel = Geometry(1000.0, 48, 64, 2.5, panel_shift_mm=(-y_mm, -x_mm))
            moved = move_phantom(phantom, (-x_mm, -y_mm, 0.0))
            points.append(project(moved, panel, [40.0], [[1.0]])[0] / project(None, panel, [40.0], [[1.0]])[0])
    assert np.abs(points[0] - points[3]).max() > 0.1
    np.testing.assert_allclose(blurred, np.mean(points, axis=0), rtol=2e-6, atol=TINY)


def test_rays_of_a_sample_average_intensity_not_path():
    phantom = random_phantom(5)
    energy_keV, fluence = bell_spectrum()
    fine = replace(PANEL, rows=144, cols=192, pitch_mm=2.5 / 3.0)
    rays = project(phantom, fine, energy_keV, [fluence])[0] / cosine(fine) ** 3
    coarse = project(phantom, PANEL, energy_keV, [fluence], rays_per_sample=3)[0] / cosine(PANEL) ** 3
    np.testing.assert_allclose(coarse, rays.reshape(48, 3, 64, 3).mean(axis=(1, 3)), rtol=1e-6)


def test_one_thread_and_two_give_the_same_bits():
    phantom = random_phantom(0)
    energy_keV, fluence = bell_spectrum()
    geometry = Geometry(1000.0, 48, 64, 2.5, focal_spot_mm=1.0, focal_spot_samples=2)
    before = numba.get_num_threads()
    frames = []
    try:
        for threads in (1, min(2, numba.config.NUMBA_NUM_THREADS)):
            numba.set_num_threads(threads)
            frames.append(project(phantom, geometry, energy_keV, [fluence], rays_per_sample=2))
    finally:
        numba.set_num_threads(before)
    np.testing.assert_array_equal(frames[0], frames[1])


def test_kernel_sum_agrees_with_exp_compiled_and_not():
    depth = np.array([0.0, 1e-9, 0.3, 0.5, 0.7, 3.0, 50.0, 600.0])
    mu_log2, weights = np.array([[1.0, 0.1]]) * np.log2(np.e), np.array([[1.0, 2.0], [3.0, 0.0]])
    # nodes at (0, 0), (0, 1), (1, 0), (1, 1): weights double downwards and grow by half to the right
    nodes = weights * np.array([[1.0, 1.5], [2.0, 3.0]])[:, :, None, None]
    beam, along = BeamSums(np.zeros(1, np.int64), mu_log2, nodes, paths_only=False), np.linspace(0.0, 1.0, 8)
    expected = weights @ np.exp(-np.array([[1.0], [0.1]]) * depth) * 1.25 * (1.0 + 0.5 * along)
    nothing, whole = np.zeros(8), np.zeros((2, 8), np.int64)
    for kernel in (_sum_energies, _sum_energies.py_func):
        path_mm, met, sums = depth[None, :].copy(), np.array([True]), np.full((2, 8), 1e24)
        nothing = np.zeros(8)
        of_volumes = (np.zeros(3), whole[0], np.zeros((8, 2)), np.zeros(8, np.bool_), np.zeros((8, 0)))
        scratch = (np.empty((2, 8)), np.empty((2, 2, 2)))
        rays = (path_mm, met, whole[0], sums, along, nothing, whole, whole[0])
        chunk = RayChunk(*rays, *scratch, *of_volumes)
        kernel(chunk, 8, beam, 0.25, 0)
        np.testing.assert_allclose(sums, expected, rtol=1e-10)


def test_inputs_are_not_written_to():
    energy_keV, fluence = bell_spectrum()
    weights = fluence[None, :].copy()
    mesh = box_mesh((10.0, 10.0, 10.0))
    arrays = [energy_keV, weights, mesh.vertices_mm, mesh.triangles]
    copies = [array.copy() for array in arrays]
    for array in arrays:
        array.setflags(write=False)
    project(phantom_of("cube", [place(mesh, "Al", (0, 0, 100))]), PANEL, energy_keV, weights)
    for array, copy in zip(arrays, copies, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_progress_rises_to_one():
    seen: list[float] = []
    project(None, Geometry(1000.0, 4000, 4, 0.1), [40.0], [[1.0]], progress=seen.append)
    assert len(seen) > 2
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


# ---- refusals -----------------------------------------------------------------------------------------------------


def test_solid_partly_beside_the_panel_is_allowed():
    phantom = phantom_of("edge", [place(Sphere(30.0), "Al", (80, 0, 100)), place(Sphere(1.0), "Al", (500, 0, 100))])
    assert path_lengths(phantom, PANEL, ["Al"]).max() > 20.0


@pytest.mark.parametrize(
    ("solid", "message"),
    [
        (place(Box((10.0, 10.0, 10.0)), "Al", (0, 0, 4)), r"solid 0 .*Box of Al.* from z = -1 to 9 mm"),
        (place(Sphere(10.0), "Al", (0, 0, 990)), r"Sphere of Al.* to 1000 mm, but solids must lie between"),
        (place(Cylinder(10.0, 4.0), "Fe", (0, 0, 5), (90, 0, 0)), r"Cylinder of Fe.* from z = -5 to 15 mm"),
        (place(Cone(10.0, 1.0, 4.0), "Fe", (0, 0, 5), (90, 0, 0)), r"Cone of Fe.* from z = -5 to 15 mm"),
        (
            place(Sphere(10.0), "Al", (400, 0, 100)),
            r"object outside the beam: .*x = 427.7 to 461.6 mm \(panel: -80 to 80 mm\)",
        ),
        (place(box_mesh((10.0, 10.0, 10.0)), "Al", (0, 0, 4)), r"Mesh of Al.* from z = -1 to 9 mm"),
        (place(Sphere(10.0), "unobtainium", (0, 0, 100)), "unobtainium"),
    ],
)
def test_solid_in_the_wrong_place_is_named(solid: PlacedSolid, message):
    with pytest.raises(ValueError, match=message):
        project(phantom_of("misplaced", [solid]), PANEL, [40.0], [[1.0]])


@pytest.mark.parametrize(
    ("energy_keV", "weights", "message"),
    [
        ([], [[]], "energy_keV must be"),
        ([40.0, 50.0], [[1.0]], r"weights must be \(K, 2\).*got \(1, 1\)"),
        ([40.0], [1.0], r"weights must be \(K, 1\)"),
        ([40.0], np.ones((1, 2, 3, 1)), r"weights need 2 x 2 nodes of the panel or more, got \(1, 2, 3, 1\)"),
        ([-1.0], [[1.0]], "finite and positive, got -1.0"),
        ([40.0], [[np.nan]], "weights must be finite"),
    ],
)
def test_beam_that_does_not_fit_is_refused(energy_keV, weights, message):
    with pytest.raises(ValueError, match=message):
        project(None, PANEL, energy_keV, weights)


def test_counts_below_one_or_not_whole_are_refused():
    with pytest.raises(ValueError, match="rays_per_sample must be 1 or more, got 0"):
        project(None, PANEL, [40.0], [[1.0]], rays_per_sample=0)
    with pytest.raises(TypeError, match=r"samples_per_pixel must be a whole number, got 1\.5"):
        project(None, PANEL, [40.0], [[1.0]], samples_per_pixel=1.5)


def test_material_that_is_not_in_the_phantom_is_named():
    phantom = phantom_of("ball", [place(Sphere(10.0), "Al", (0, 0, 100))])
    with pytest.raises(ValueError, match="holds no 'Fe'; it holds: Al"):
        path_lengths(phantom, PANEL, ["Fe"])

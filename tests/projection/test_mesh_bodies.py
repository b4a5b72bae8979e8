"""Bodies of one mesh: where they overlap they are one, and shells turned inwards are holes."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from phantoms.mesh_file import load_mesh
from phantoms.solids import Mesh, Phantom, PlacedSolid, Prism, phantom_of, place
from radiography.beam.attenuation import linear_attenuation_per_mm, material
from radiography.projection.geometry import Geometry
from radiography.projection.project import path_lengths, project
from tests.projection.projection_reference import as_mesh, reference_paths
from tests.reference import on_threads

PANEL = Geometry(source_to_detector_mm=1000.0, rows=48, cols=64, pitch_mm=1.0, medium="vacuum")
COARSE = Geometry(source_to_detector_mm=1000.0, rows=12, cols=16, pitch_mm=4.0, medium="vacuum")
STORAGE_MM = 1.6e-5  # float32 holds 256 mm to 256 * 2**-24


def block(size: tuple[float, float, float], at: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> trimesh.Trimesh:
    return trimesh.creation.box(extents=size, transform=trimesh.transformations.translation_matrix(at))


def one_mesh(*bodies: trimesh.Trimesh) -> Mesh:
    return as_mesh(trimesh.util.concatenate(bodies))


def hole(body: trimesh.Trimesh) -> trimesh.Trimesh:
    turned = body.copy()
    turned.invert()
    return turned


def of_aluminium(*shapes: Mesh | Prism, turn: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Phantom:
    solids: list[PlacedSolid] = [place(shape, "Al", (0.3, 0.2, 60.0), turn) for shape in shapes]
    return phantom_of("bodies", solids)


def test_two_bodies_of_one_file_that_overlap_attenuate_once(tmp_path):
    # 10 mm of aluminium, as two slabs of 6 mm that overlap by 2 mm
    path = tmp_path / "two.stl"
    trimesh.util.concatenate([block((60, 40, 6), (0, 0, 2)), block((60, 40, 6), (0, 0, -2))]).export(path)
    light = project(of_aluminium(load_mesh(path)), PANEL, [50.0], [[1.0]])[0]
    expected = np.exp(-10.0 * linear_attenuation_per_mm(material("Al"), np.array([50.0]))[0])
    # The central rays are steeper than 1 in 200, which makes the path 1e-5 longer; flux falls as much.
    np.testing.assert_allclose(light[22:26, 30:34], expected, rtol=1e-4)


BODIES = {
    "cross": [block((40, 8, 8)), block((8, 40, 6))],
    "shell": [trimesh.creation.icosphere(1, 18.0), hole(trimesh.creation.icosphere(1, 12.0))],
    "island": [
        trimesh.creation.icosphere(1, 18.0),
        hole(trimesh.creation.icosphere(1, 12.0)),
        trimesh.creation.icosphere(0, 6.0),
    ],
    "hole in an overlap": [
        block((20, 20, 20)),
        block((20, 20, 20), (12, 1, 2)),
        hole(block((6, 6, 6), (6, 1, 1))),
    ],
    "hole that looks out": [block((20, 20, 20)), hole(block((6, 6, 60)))],
    "surface that meets itself": [trimesh.creation.torus(6.0, 10.0, major_sections=8, minor_sections=6)],
}


@pytest.mark.slow
@pytest.mark.parametrize("turn", [(0.0, 0.0, 0.0), (20.0, 35.0, 50.0)])
@pytest.mark.parametrize("name", BODIES)
def test_a_point_is_inside_where_the_surface_winds_round_it(name, turn):
    phantom = of_aluminium(one_mesh(*BODIES[name]), turn=turn)
    path_mm = path_lengths(phantom, COARSE, ["Al"])
    assert path_mm.max() > 5.0
    np.testing.assert_allclose(path_mm, reference_paths(phantom, COARSE, ["Al"]), rtol=0, atol=STORAGE_MM)


def test_overlapping_bodies_are_the_same_apart_and_together():
    bodies = [block((40, 8, 8)), block((8, 40, 6)), block((10, 10, 30), (3, 2, 1))]
    together = path_lengths(of_aluminium(one_mesh(*bodies)), PANEL, ["Al"])
    apart = path_lengths(of_aluminium(*(as_mesh(body) for body in bodies)), PANEL, ["Al"])
    np.testing.assert_allclose(together, apart, rtol=0, atol=STORAGE_MM)


def test_bodies_give_the_same_bits_on_one_thread_and_two():
    phantom = of_aluminium(one_mesh(*BODIES["hole in an overlap"]))
    pictures = [
        on_threads(count, lambda: path_lengths(phantom, PANEL, ["Al"], samples_per_pixel=2)) for count in (1, 2)
    ]
    np.testing.assert_array_equal(*pictures)


@pytest.mark.parametrize("turn", [(0.0, 0.0, 0.0), (90.0, 0.0, 0.0), (33.0, 57.0, 11.0)])
def test_a_prism_is_the_same_whichever_way_its_corners_run(turn):
    corners = ((-20.0, -20.0), (20.0, -20.0), (20.0, -5.0), (-5.0, -5.0), (-5.0, 20.0), (-20.0, 20.0))
    one, other = (
        path_lengths(of_aluminium(Prism(way, 30.0), turn=turn), PANEL, ["Al"]) for way in (corners, corners[::-1])
    )
    assert one.max() > 20.0
    np.testing.assert_allclose(one, other, rtol=0, atol=STORAGE_MM)

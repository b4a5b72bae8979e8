"""Surfaces are mended where that is safe, refused with a place where it is not, and know inside from outside."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from phantoms.closed_surface import closed_surface, signed_volume
from phantoms.solids import Mesh


def corners_of(*bodies: trimesh.Trimesh) -> np.ndarray:
    return np.concatenate([body.vertices[body.faces] for body in bodies])


def box(size: float, at: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> trimesh.Trimesh:
    return trimesh.creation.box(extents=(size, size, size), transform=trimesh.transformations.translation_matrix(at))


def inwards(corners: np.ndarray) -> np.ndarray:
    return corners[:, ::-1]


def volume(corners: np.ndarray) -> float:
    vertices, triangles, _ = closed_surface(corners)
    Mesh(vertices, triangles)  # which checks what it is given
    return signed_volume(vertices, triangles)


def test_a_sound_surface_stays_as_it_is():
    vertices, triangles, repairs = closed_surface(corners_of(box(2.0)))
    assert len(vertices) == 8
    assert len(triangles) == 12
    assert repairs == []
    np.testing.assert_array_equal(vertices[triangles], corners_of(box(2.0)))


@pytest.mark.parametrize(("jitter", "closes"), [(0.4e-6, True), (1e-4, False)])
def test_vertices_are_welded_within_a_millionth_of_the_extent(jitter, closes):
    rng = np.random.default_rng(1)
    corners = corners_of(box(100.0))
    loose = corners + 100.0 * jitter * rng.uniform(-0.5, 0.5, corners.shape)
    if not closes:
        with pytest.raises(ValueError, match=r"is not closed: 3\d of its edges .* one is at \(-?\d+"):
            closed_surface(loose)
        return
    vertices, triangles, repairs = closed_surface(loose)
    assert (len(vertices), len(triangles)) == (8, 12)
    assert "vertices welded to others within 1e-06" in repairs[0]
    # A face of 1e4 mm2 moves by at most the jitter, 4e-5 mm: six of them make 2.4 mm3.
    assert signed_volume(vertices, triangles) == pytest.approx(1e6, abs=2.4)


def test_doubled_and_empty_triangles_are_left_out():
    corners = corners_of(box(2.0))
    flat = corners[:1].copy()
    flat[0, 2] = flat[0, 1]
    _, triangles, repairs = closed_surface(np.concatenate([corners, corners[3:5], inwards(corners[7:8]), flat]))
    assert len(triangles) == 12
    assert repairs == ["4 of 16 triangles left out, which had no area or lay on another"]


def test_a_file_that_holds_a_body_twice_holds_it_once():
    assert volume(np.concatenate([corners_of(box(2.0))] * 2)) == pytest.approx(8.0)


def test_bodies_that_share_a_face_become_one():
    both = corners_of(box(2.0), box(2.0, (2.0, 0.0, 0.0)))
    vertices, triangles, _ = closed_surface(both)
    assert signed_volume(vertices, triangles) == pytest.approx(16.0)
    # The wall between them goes, where its triangles match.
    assert len(triangles) in (20, 24)


def test_an_open_edge_is_counted_and_placed():
    corners = corners_of(box(2.0, (10.0, 0.0, 0.0)))
    with pytest.raises(ValueError, match=r"is not closed: 3 of its edges .* one is at \((9|10|11),"):
        closed_surface(corners[:-1])


def test_triangles_that_run_against_their_neighbours_are_turned():
    rng = np.random.default_rng(2)
    corners = corners_of(trimesh.creation.icosphere(subdivisions=2, radius=3.0))
    wrong = corners.copy()
    turned = rng.random(len(corners)) < 0.4
    wrong[turned] = inwards(wrong[turned])
    vertices, triangles, repairs = closed_surface(wrong)
    np.testing.assert_allclose(signed_volume(vertices, triangles), volume(corners), rtol=1e-12)
    assert repairs == [f"{np.count_nonzero(turned)} of {len(corners)} triangles turned over"]


def test_a_reversed_file_is_turned_outwards():
    assert volume(inwards(corners_of(box(2.0)))) == pytest.approx(8.0)


def test_a_one_sided_surface_is_refused():
    # Two tetrahedra on one edge, of which one is reversed, are sound; the projective plane of six vertices is not.
    six = np.array(
        [(0, 1, 2), (0, 2, 3), (0, 3, 4), (0, 4, 5), (0, 5, 1), (1, 2, 4), (2, 3, 5), (3, 4, 1), (4, 5, 2), (5, 1, 3)]
    )
    points = np.random.default_rng(3).normal(size=(6, 3))
    with pytest.raises(ValueError, match=r"has no inside: at \d+ of its edges .* cannot be turned the same way"):
        closed_surface(points[six])


def test_an_inner_shell_turned_inwards_is_a_hole():
    outer, inner = corners_of(box(4.0)), corners_of(box(2.0, (0.5, 0.3, 0.2)))
    assert volume(np.concatenate([outer, inwards(inner)])) == pytest.approx(64.0 - 8.0)
    # the same with everything reversed, and with an island in the hole
    assert volume(np.concatenate([inwards(outer), inner])) == pytest.approx(64.0 - 8.0)
    island = corners_of(box(1.0, (0.5, 0.3, 0.2)))
    assert volume(np.concatenate([outer, inwards(inner), island])) == pytest.approx(64.0 - 8.0 + 1.0)
    assert volume(np.concatenate([outer, inwards(inner), inwards(island)])) == pytest.approx(64.0 - 8.0 + 1.0)


def test_a_reversed_body_beside_another_is_turned_and_no_hole():
    one, other = corners_of(box(2.0)), corners_of(box(2.0, (5.0, 0.0, 0.0)))
    assert volume(np.concatenate([one, inwards(other)])) == pytest.approx(16.0)


@pytest.mark.parametrize(("at", "expected"), [((0.1, 0.2, 0.3), 64.0 - 8.0), ((2.1, 0.2, 0.3), 64.0 + 8.0)])
def test_of_shells_with_mixed_triangles_those_inside_others_are_holes(at, expected):
    outer, inner = corners_of(box(4.0)), corners_of(box(2.0, at))
    outer[2:4], inner[5:9] = inwards(outer[2:4]), inwards(inner[5:9])
    assert volume(np.concatenate([outer, inner])) == pytest.approx(expected)


def test_a_flat_sheet_encloses_no_volume():
    sheet = np.array([[(0, 0, 0), (1, 0, 0), (0, 1, 0)]], dtype=float)
    with pytest.raises(ValueError, match="encloses no volume"):
        closed_surface(np.concatenate([sheet, inwards(sheet)]))


@pytest.mark.parametrize(
    ("triangles", "message"),
    [
        ([[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 1, 2]], r"is not closed at \d of its edges, one is at \(0"),
        ([[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 2, 3]], r"run against their neighbours at 3 of its edges"),
        ([[0, 1, 2], [0, 3, 1], [1, 3, 2], [0, 2, 3]], r"must look outwards, but its triangles enclose -0.1667 mm3"),
    ],
)
def test_a_mesh_that_is_built_must_be_sound(triangles, message):
    vertices = np.array([(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)], dtype=float)
    Mesh(vertices, np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]]))
    with pytest.raises(ValueError, match=message):
        Mesh(vertices, np.array(triangles))

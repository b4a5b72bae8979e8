"""Shapes refuse what no shape can be, and stand where they are put."""

from __future__ import annotations

import numpy as np
import pytest

from phantoms.solids import (
    Box,
    Cone,
    Cylinder,
    Mesh,
    Prism,
    Sphere,
    move_phantom,
    phantom_of,
    place,
)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Box((1.0, 0.0, 1.0)), r"size_mm\[y\] must be a positive length in mm, got 0"),
        (lambda: Box((1.0, 1.0)), "needs 3 lengths"),
        (lambda: Cylinder(-1.0, 2.0), "radius_mm must be a positive length in mm, got -1"),
        (lambda: Cylinder(1.0, float("nan")), "length_mm must be a positive length"),
        (lambda: Sphere(float("inf")), "radius_mm must be a positive length in mm, got inf"),
        (lambda: Cone(0.0, 0.0, 1.0), "needs one radius above 0 mm"),
        (lambda: Cone(-1.0, 1.0, 1.0), "radius_bottom_mm must be zero or a positive"),
        (lambda: Prism(((0.0, 0.0), (1.0, 0.0)), 1.0), "at least 3 corners, got 2"),
        (lambda: Prism(((0.0, 0.0), (1.0, 0.0), (2.0, 0.0)), 1.0), "encloses no area"),
        (lambda: Prism(((0.0, 0.0), (2.0, 2.0), (2.0, 0.0), (0.0, 1.0)), 1.0), "crosses itself: side 0 meets side 2"),
        (lambda: Mesh(np.zeros((4, 2)), np.zeros((4, 3), dtype=np.int64)), r"must be \(V, 3\), got \(4, 2\)"),
        (lambda: Mesh(np.zeros((4, 3)), np.zeros((3, 3), dtype=np.int64)), r"T of 4 or more, got \(3, 3\)"),
        (lambda: Mesh(np.zeros((4, 3)), np.full((4, 3), 9)), "name vertex 9, but there are 4 vertices"),
        (lambda: place(Sphere(1.0), "Al", (np.nan, 0.0, 0.0)), "must be finite"),
        (lambda: phantom_of("nothing", []), "phantom 'nothing' holds no solids"),
    ],
)
def test_impossible_solid_is_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_rotation_turns_about_x_then_y_then_z():
    solid = place(Box((1.0, 2.0, 3.0)), "Al", rotation_deg=(90.0, 0.0, 90.0))
    # x stays x under the turn about x, then goes to y; y goes to z and stays there
    np.testing.assert_allclose(solid.rotation @ (1, 0, 0), (0, 1, 0), atol=1e-12)
    np.testing.assert_allclose(solid.rotation @ (0, 1, 0), (0, 0, 1), atol=1e-12)


def test_moved_phantom_carries_its_solids_along():
    phantom = phantom_of(
        "pair", [place(Sphere(1.0), "Al", (10, 0, 0)), place(Sphere(1.0), "Fe", (0, 5, 0), (0, 30, 0))]
    )
    moved = move_phantom(phantom, (1.0, 2.0, 3.0), (0.0, 0.0, 90.0))
    np.testing.assert_allclose(moved.solids[0].position_mm, (1, 12, 3), atol=1e-12)
    np.testing.assert_allclose(moved.solids[1].position_mm, (-4, 2, 3), atol=1e-12)
    turn = place(Sphere(1.0), "Al", rotation_deg=(0, 0, 90)).rotation
    np.testing.assert_allclose(moved.solids[1].rotation, turn @ phantom.solids[1].rotation, atol=1e-12)
    assert phantom.solids[0].position_mm == (10, 0, 0)
    assert [solid.material for solid in moved.solids] == ["Al", "Fe"]

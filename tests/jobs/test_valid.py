"""A scene is found valid before anything is computed, and slips of units are said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh

from radiography.jobs.simulate import simulate_scene
from radiography.jobs.valid import validate_scene
from tests.jobs.conftest import SCENE

MESH = """
[[solids]]
shape = "mesh"
file = "part.stl"
material = "Al"
position_mm = [1.0, 0.0, {height}]
{more}
"""
BALL = """
[[solids]]
shape = "sphere"
material = "Al"
radius_mm = {radius}
position_mm = [0.0, 0.5, 500.0]
"""


@pytest.fixture
def scene(line: Path, tmp_path: Path) -> Path:
    """A scene without object beside its panel (48 x 64 pixels of 0.139 mm) and a box of 2 x 3 x 1 units."""
    (tmp_path / "small.toml").write_bytes((line / "small.toml").read_bytes())
    trimesh.creation.box(extents=(2.0, 3.0, 1.0)).export(tmp_path / "part.stl")
    return tmp_path / "scene.toml"


def _with(scene: Path, *objects: str) -> Path:
    scene.write_text(SCENE.format(description="parts", kerma=15.0, extra="".join(objects)))
    return scene


def test_sizes_and_shadows_of_objects_are_told(scene: Path) -> None:
    found = validate_scene(_with(scene, BALL.format(radius=1.0), MESH.format(height=500.0, more=""))).objects
    assert [(one.name, one.what) for one in found] == [
        ("solids[0]", "sphere of Al"),
        ("solids[1]", "part.stl of Al"),
    ]
    np.testing.assert_allclose(found[0].extent.size_mm, 2.0)
    np.testing.assert_allclose(found[1].extent.size_mm, (2.0, 3.0, 1.0), rtol=1e-6)
    # The top of the box, 500.5 mm above the panel, is magnified 1000 / 499.5 times; its middle is at x = 1 mm.
    top = 1000.0 / 499.5
    rows, cols = 3.0 * top / 0.139, 2.0 * top / 0.139
    np.testing.assert_allclose(found[1].extent.shadow_pixels, (rows, cols), rtol=1e-6)
    # Columns end at 32 of 64 pixels from the centre, 4.448 mm; the shadow goes from 0 to 4.004 mm and stays inside.
    assert found[1].extent.panel_share == pytest.approx(rows * cols / (48 * 64), rel=1e-6)


def test_a_shadow_counts_where_it_falls_on_the_panel(scene: Path) -> None:
    ball = BALL.format(radius=100.0).replace("500.0]", "200.0]")
    extent = validate_scene(_with(scene, ball)).objects[0].extent
    assert extent.panel_share == 1.0
    assert min(extent.shadow_pixels) > 200.0 / 0.139


@pytest.mark.slow
@pytest.mark.parametrize(
    ("objects", "doubt"),
    [
        (
            MESH.format(height=100.0, more="scale_to_mm = 0.001"),
            r"solids\[0\] \(part\.stl of Al\) is 0\.002 x 0\.003 x",
        ),
        (MESH.format(height=100.0, more="scale_to_mm = 0.001"), r"is the file in metres\? scale_to_mm = 1 then"),
        (MESH.format(height=100.0, more="scale_to_mm = 20.0"), r"covers the whole beam: .* scale_to_mm = 0\.02 then"),
        (BALL.format(radius=0.01), r"sphere of Al\) is 0\.02 x 0\.02 x 0\.02 mm and covers 0\.29 x 0\.29 pixels"),
    ],
)
def test_a_speck_and_a_mesh_over_the_whole_beam_are_said(scene: Path, objects: str, doubt: str) -> None:
    _with(scene, objects)
    assert len(validate_scene(scene).doubts) == 1
    with pytest.warns(UserWarning, match=doubt):
        simulate_scene(scene, scene.with_suffix(".npy"))


def test_an_object_of_fair_size_leaves_no_doubt(scene: Path) -> None:
    assert validate_scene(_with(scene, MESH.format(height=100.0, more=""))).doubts == ()
    assert validate_scene(_with(scene, BALL.format(radius=50.0))).doubts == ()  # a filter may cover the whole beam


def test_an_object_beside_the_beam_is_refused_by_the_check(scene: Path) -> None:
    away = BALL.format(radius=1.0).replace("[0.0, 0.5, 500.0]", "[90.0, 0.0, 500.0]")
    with pytest.raises(ValueError, match="object outside the beam: the shadow of phantom"):
        validate_scene(_with(scene, away))


def test_an_object_whose_shadow_misses_the_panel_is_doubted(scene: Path) -> None:
    """One beside others that are seen; alone it is refused."""
    beside = BALL.format(radius=1.0).replace("[0.0, 0.5, 500.0]", "[300.0, 0.0, 500.0]")
    (doubt,) = validate_scene(_with(scene, BALL.format(radius=1.0), beside)).doubts
    assert doubt.startswith("the shadow of solids[1] (sphere of Al) misses the panel")
    with pytest.raises(ValueError, match="shadow"):
        validate_scene(_with(scene, beside))

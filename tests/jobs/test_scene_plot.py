"""Picture of a scene: everything that it holds lies in each view, to scale."""

from __future__ import annotations

import itertools

import matplotlib.image
import numpy as np
import pytest

from phantoms.solids import Box, Cylinder, Phantom, place
from phantoms.volume import place_volume
from radiography.cli import run
from radiography.figures.scene_plot import scene_figure
from radiography.projection.geometry import Geometry

GEOMETRY = Geometry(1000.0, 200, 300, 1.0, panel_shift_mm=(10.0, 20.0))


def _phantom() -> Phantom:
    codes = np.zeros((10, 10, 10), np.uint16)
    codes[2:8, 2:8, 2:8] = 1
    volume = place_volume(codes, np.array([[0.001205], [1.0]]), ("air",), (10.0, 10.0, 10.0), (0.0, 0.0, 100.0))
    solids = (place(Box((20.0, 30.0, 40.0)), "Al", (60.0, 0.0, 200.0)), place(Cylinder(5.0, 50.0), "Ti@4.5"))
    return Phantom(
        "", (solids[0], place(Cylinder(5.0, 50.0), "Ti@4.5", (0.0, 0.0, 100.0), (90.0, 0.0, 0.0))), (volume,)
    )


def test_each_view_has_the_bodies_where_they_stand() -> None:
    figure = scene_figure("a scene", _phantom(), GEOMETRY)
    spans = []
    for axes in figure.axes:
        (bodies,) = axes.collections
        outlines = [path.vertices for path in bodies.get_paths()]
        spans.append([[outline.min(axis=0).tolist(), outline.max(axis=0).tolist()] for outline in outlines])
    assert spans[0][0] == [[-30.0, -30.0], [30.0, 30.0]]  # what the volume holds: x and y
    assert spans[0][1] == [[50.0, -15.0], [70.0, 15.0]]  # the box
    assert spans[1][1] == [[-15.0, 180.0], [15.0, 220.0]]  # y and z
    assert spans[2][1] == [[50.0, 180.0], [70.0, 220.0]]  # x and z
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["volume[0]", "Al", "Ti@4.5"]


def test_source_and_panel_are_drawn_to_scale() -> None:
    beside = scene_figure("", None, GEOMETRY).axes[2]
    points = np.vstack([line.get_xydata() for line in beside.lines])
    assert points[:, 1].max() == 1000.0 and points[:, 1].min() == 0.0
    assert points[:, 0].min() == -130.0 and points[:, 0].max() == 170.0  # 300 mm, shifted by 20
    assert beside.get_aspect() == 1.0


@pytest.mark.slow
def test_check_draws_the_scene(tmp_path, capfd) -> None:
    plot = tmp_path / "edge.png"
    assert run(["check", "edge", "--plot", str(plot)]) == 0
    picture = matplotlib.image.imread(plot)
    assert picture.shape[1] > 1000 and picture.std() > 0.05
    assert "valid" in capfd.readouterr().out


@pytest.mark.parametrize("name", ["plot.txt", "gone/plot.png"])
def test_a_plot_that_cannot_be_written_is_refused_before_anything(tmp_path, capfd, name) -> None:
    assert run(["check", "edge", "--plot", str(tmp_path / name)]) == 2
    assert capfd.readouterr().out == ""
    assert list(tmp_path.iterdir()) == []


def test_numbers_on_the_axes_of_a_small_panel_stand_apart() -> None:
    figure = scene_figure("a small panel", None, Geometry(1000.0, 128, 160, 0.139))
    figure.canvas.draw()
    for axes in figure.axes:
        spans = [label.get_window_extent() for label in axes.get_xticklabels()]
        assert all(one.x1 < other.x0 for one, other in itertools.pairwise(spans))

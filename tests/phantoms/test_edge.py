"""Tungsten edge: where the plate lies, and at which angle its measured edge runs through the origin."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from phantoms.edge import SURROUND_THICKNESS_MM, edge_angle_deg, tungsten_edge
from phantoms.solids import Box, PlacedSolid


def corners_mm(solid: PlacedSolid) -> npt.NDArray[np.float64]:
    """The eight corners of a placed box, (8, 3) float64 [mm]."""
    assert isinstance(solid.shape, Box)
    signs = np.array([(a, b, c) for a in (-1, 1) for b in (-1, 1) for c in (-1, 1)])
    return 0.5 * signs * solid.shape.size_mm @ solid.rotation.T + solid.position_mm


def covers(solid: PlacedSolid, x_mm: float, y_mm: float) -> bool:
    """True where the vertical line through (x, y) meets a box that was only turned about z."""
    assert isinstance(solid.shape, Box)
    local = solid.rotation.T @ (np.array([x_mm, y_mm, 0.0]) - solid.position_mm)
    return bool(np.all(np.abs(local[:2]) < 0.5 * np.array(solid.shape.size_mm[:2])))


def test_default_plate_has_the_dimensions_of_the_standard() -> None:
    (plate,) = tungsten_edge().solids
    assert plate.material == "W"
    assert plate.shape == Box((75.0, 100.0, 1.0))


def test_plate_stands_on_the_detector_side() -> None:
    heights = corners_mm(tungsten_edge(tilt_deg=-3.0, thickness_mm=1.4).solids[0])[:, 2]
    assert heights.min() == pytest.approx(0.0, abs=1e-12)
    assert heights.max() == pytest.approx(1.4, abs=1e-12)


@pytest.mark.parametrize("tilt_deg", [-7.0, 0.0, 1.5, 2.5, 3.0])
def test_measured_edge_makes_exactly_the_tilt_with_the_columns(tilt_deg: float) -> None:
    corners = corners_mm(tungsten_edge(tilt_deg).solids[0])
    # the two lower corners nearest the origin are the ends of the measured edge: 50 mm away, the others 75 mm and more
    distance = np.hypot(corners[:, 0], corners[:, 1])
    ends = corners[(distance < 60.0) & (corners[:, 2] < 0.5)]
    assert len(ends) == 2
    along = ends[np.argmax(ends[:, 1])] - ends[np.argmin(ends[:, 1])]
    assert np.degrees(np.arctan2(-along[0], along[1])) == pytest.approx(tilt_deg, abs=1e-12)
    assert ends.mean(axis=0)[:2] == pytest.approx([0.0, 0.0], abs=1e-12)


@pytest.mark.parametrize(
    ("side", "covered", "open_field"),
    [
        ("left", (-1.0, 0.0), (1.0, 0.0)),
        ("right", (1.0, 0.0), (-1.0, 0.0)),
        ("top", (0.0, -1.0), (0.0, 1.0)),
        ("bottom", (0.0, 1.0), (0.0, -1.0)),
    ],
)
def test_plate_covers_the_named_side_only(
    side: str, covered: tuple[float, float], open_field: tuple[float, float]
) -> None:
    plate = tungsten_edge(2.5, side).solids[0]  # type: ignore[arg-type]
    for reach in (0.01, 70.0):
        assert covers(plate, reach * covered[0], reach * covered[1])
        assert not covers(plate, reach * open_field[0], reach * open_field[1])


@pytest.mark.parametrize(
    ("side", "tilt_deg", "angle_deg"),
    [("left", 2.5, 2.5), ("right", 2.5, 2.5), ("left", -3.0, -3.0), ("top", 2.5, -87.5), ("bottom", -3.0, 87.0)],
)
def test_edge_angle_tells_vertical_from_horizontal(side: str, tilt_deg: float, angle_deg: float) -> None:
    phantom = tungsten_edge(tilt_deg, side)  # type: ignore[arg-type]
    assert edge_angle_deg(phantom) == pytest.approx(angle_deg, abs=1e-10)


def test_surround_frames_plate_and_open_field_without_covering_them() -> None:
    plate, *frame = tungsten_edge(0.0, surround_mm=20.0).solids
    assert [solid.material for solid in frame] == ["Pb"] * 4
    assert {solid.shape.size_mm[2] for solid in frame if isinstance(solid.shape, Box)} == {SURROUND_THICKNESS_MM}
    for x, y, expected in ((-74.9, 0.0, 0), (74.9, 49.9, 0), (75.1, 0.0, 1), (-80.0, 60.0, 1), (0.0, -69.9, 1)):
        assert sum(covers(solid, x, y) for solid in frame) == expected
    assert covers(plate, -74.9, 49.9)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tilt_deg": 21.0}, "tilt_deg must be between -20 and 20 degrees, got 21.0"),
        ({"tilt_deg": float("nan")}, "got nan"),
        ({"covered_side": "middle"}, "one of left, top, right, bottom, got 'middle'"),
        ({"thickness_mm": 0.0}, "thickness_mm of the edge plate must be a positive length in mm, got 0.0"),
        ({"length_mm": -1.0}, "length_mm of the edge plate"),
        ({"surround_mm": -2.0}, "surround_mm must be zero or a positive width in mm, got -2.0"),
    ],
)
def test_wrong_input_names_itself(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        tungsten_edge(**arguments)  # type: ignore[arg-type]

"""Network card: complete, inside its outline, the same for the same seed, and made of sound solids."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest

from phantoms.card.board import meander, river
from phantoms.card.connectors import BRACKET_WIDTH_MM
from phantoms.card.drawing import beside, chamfered, rod
from phantoms.card.network_card import OUTLINE_X_MM, OUTLINE_Y_MM, network_card
from phantoms.card.packages import ball_grid_array, lead_frame_package
from phantoms.solids import Box, Cone, Cylinder, Phantom, PlacedSolid, Prism, Sphere

Vectors = npt.NDArray[np.float64]

MATERIALS = {
    *("air", "Al", "Cu", "Au", "Sn", "Ni", "Fe", "Ta", "Si", "Ag", "steel", "brass", "phosphor_bronze", "FR4"),
    *("epoxy", "mould_compound", "solder_SAC305", "alumina", "barium_titanate", "PMMA", "polyethylene", "polyamide"),
    *("glass", "kovar", "copper_alloy_194", "manganese_dioxide", "ferrite"),
}


@pytest.fixture(scope="module")
def card() -> Phantom:
    return network_card()


def half_extent_mm(solid: PlacedSolid) -> Vectors:
    """Half of the box along x, y, z that just holds a placed solid, (3,) float64 [mm]; exact but for cones."""
    shape, axis = solid.shape, solid.rotation[:, 2]
    if isinstance(shape, Sphere):
        return np.full(3, shape.radius_mm)
    if isinstance(shape, Box):
        return np.asarray(np.abs(solid.rotation) @ (0.5 * np.array(shape.size_mm)))
    if isinstance(shape, Prism):
        corners = np.array([(x, y, 0.5 * s * shape.length_mm) for x, y in shape.polygon_mm for s in (-1, 1)])
        return np.asarray(np.abs(corners @ solid.rotation.T).max(axis=0))
    assert isinstance(shape, Cylinder | Cone)
    radius = shape.radius_mm if isinstance(shape, Cylinder) else max(shape.radius_bottom_mm, shape.radius_top_mm)
    return np.asarray(radius * np.sqrt(np.maximum(0.0, 1 - axis**2)) + 0.5 * shape.length_mm * np.abs(axis))


def crosses_itself(polygon: Vectors) -> bool:
    """True if two sides of a polygon (N, 2) that share no corner cross."""
    step = np.roll(polygon, -1, axis=0) - polygon
    to_start = polygon[None] - polygon[:, None]
    to_end = to_start + step[None]
    cross_start = step[:, None, 0] * to_start[..., 1] - step[:, None, 1] * to_start[..., 0]
    cross_end = step[:, None, 0] * to_end[..., 1] - step[:, None, 1] * to_end[..., 0]
    apart = cross_start * cross_end < -1e-12
    return bool(np.any(apart & apart.T))


def test_card_holds_thousands_of_solids(card: Phantom) -> None:
    assert 5500 <= len(card.solids) <= 6200
    assert Counter(type(solid.shape).__name__ for solid in card.solids).keys() == {
        *("Box", "Cylinder", "Sphere", "Cone", "Prism")
    }


def test_card_is_made_of_known_materials(card: Phantom) -> None:
    assert {solid.material for solid in card.solids} == MATERIALS


def test_outline_is_filled_exactly_and_centred(card: Phantom) -> None:
    centres = np.array([solid.position_mm for solid in card.solids])
    extents = np.array([half_extent_mm(solid) for solid in card.solids])
    width, height = OUTLINE_X_MM[1] - OUTLINE_X_MM[0], OUTLINE_Y_MM[1] - OUTLINE_Y_MM[0]
    high = [0.5 * width, 0.5 * height, BRACKET_WIDTH_MM]
    low = [-0.5 * width, -0.5 * height, 0.0]
    assert (centres - extents).min(axis=0) == pytest.approx(low, abs=1e-9)
    assert (centres + extents).max(axis=0) == pytest.approx(high, abs=1e-9)


@pytest.mark.slow
def test_same_seed_gives_the_same_card(card: Phantom) -> None:
    again = network_card(seed=1)
    assert [(s.shape, s.material, s.position_mm) for s in again.solids] == [
        (s.shape, s.material, s.position_mm) for s in card.solids
    ]
    assert all(np.array_equal(a.rotation, b.rotation) for a, b in zip(again.solids, card.solids, strict=True))


def test_another_seed_moves_small_parts_but_not_the_board(card: Phantom) -> None:
    other = network_card(seed=2)
    assert other.solids[0].shape == card.solids[0].shape
    assert {s.position_mm for s in other.solids} != {s.position_mm for s in card.solids}


def test_no_solid_is_degenerate(card: Phantom) -> None:
    smallest = 0.0005  # gold on the fingers is 1 um: half of it
    for solid in card.solids:
        assert half_extent_mm(solid).min() >= smallest - 1e-9
        assert solid.rotation @ solid.rotation.T == pytest.approx(np.eye(3), abs=1e-12)
        assert np.linalg.det(solid.rotation) == pytest.approx(1.0, abs=1e-12)


def test_no_outline_crosses_itself(card: Phantom) -> None:
    outlines = [np.array(solid.shape.polygon_mm) for solid in card.solids if isinstance(solid.shape, Prism)]
    assert len(outlines) > 500
    assert not any(crosses_itself(outline) for outline in outlines)


def test_crossing_check_sees_a_bow_tie() -> None:
    assert crosses_itself(np.array([(0.0, 0.0), (1.0, 1.0), (1.0, 0.0), (0.0, 1.0)]))


@pytest.mark.slow
def test_small_parts_can_be_left_out(card: Phantom) -> None:
    bare = network_card(small_parts=0)
    ten = network_card(small_parts=10)
    assert len(bare.solids) < len(ten.solids) < len(card.solids)


def test_solder_is_what_was_asked_for() -> None:
    materials = {solid.material for solid in network_card(small_parts=0, solder="solder_SnPb").solids}
    assert "solder_SnPb" in materials
    assert "solder_SAC305" not in materials


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": -1}, "seed must be 0 or more, got -1"),
        ({"small_parts": -5}, "small_parts must be 0 or more, got -5"),
    ],
)
def test_wrong_input_names_itself(arguments: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        network_card(**arguments)  # type: ignore[arg-type]


def test_voids_lie_inside_their_balls() -> None:
    part = ball_grid_array(np.random.default_rng(5), balls_per_side=6, voided_fraction=0.25)
    spheres = [solid for solid in part.solids if isinstance(solid.shape, Sphere)]
    voids = [solid for solid in spheres if solid.material == "air"]
    balls = [solid for solid in spheres if solid.material != "air"]
    assert (len(balls), len(voids)) == (36, 9)
    for void in voids:
        ball = min(balls, key=lambda b, v=void: float(np.linalg.norm(np.subtract(b.position_mm, v.position_mm))))  # type: ignore[misc]
        assert isinstance(void.shape, Sphere)
        assert isinstance(ball.shape, Sphere)
        reach = float(np.linalg.norm(np.subtract(ball.position_mm, void.position_mm))) + void.shape.radius_mm
        assert reach < ball.shape.radius_mm


def test_quad_package_has_a_wire_of_two_pieces_for_every_lead() -> None:
    part = lead_frame_package((10.0, 12.0, 1.4), (5, 7), 1.0, (4.0, 4.0), (3.0, 3.0), 0.3, "solder_SAC305")
    counts = Counter(solid.material for solid in part.solids)
    assert counts["Au"] == 2 * 2 * (5 + 7)
    assert counts["solder_SAC305"] == 2 * (5 + 7)


def test_river_lines_keep_their_distance() -> None:
    starts = [(2.0 * i, 0.0) for i in range(12)]
    ends = [(9.0 + 0.5 * i, -20.0) for i in range(12)]
    lines = river(starts, ends, -4.0, 0.4)
    samples = []
    for line in lines:
        corners = np.array(line)
        steps = np.linspace(0.0, 1.0, 60)[:, None]
        samples.append(np.concatenate([a + steps * (b - a) for a, b in pairwise(corners)]))
    for a, b in pairwise(samples):
        # tracks are 0.18 mm wide: 0.36 mm between centres leaves as much room as copper
        assert np.linalg.norm(a[:, None] - b[None], axis=2).min() > 0.36


def test_chamfer_makes_45_degree_corners() -> None:
    assert chamfered([(0.0, 0.0), (4.0, 0.0), (4.0, 6.0)], 1.0) == [(0.0, 0.0), (3.0, 0.0), (4.0, 1.0), (4.0, 6.0)]


def test_chamfer_leaves_a_tenth_of_a_short_side() -> None:
    # both corners want 1 mm of a side of 1 mm: each takes 45 % of it
    line = chamfered([(0.0, 0.0), (4.0, 0.0), (4.0, 1.0), (9.0, 1.0)], 1.0)
    assert np.array(line[2:4]) == pytest.approx(np.array([(4.0, 0.45), (4.0, 0.55)]))


def test_meander_is_longer_by_twice_the_amplitude_per_turn() -> None:
    def length(turns: int) -> float:
        return float(np.sum(np.linalg.norm(np.diff(meander((0, 0), (20, 0), 2.0, 1.6, turns), axis=0), axis=1)))

    # each of the 4 corners of a turn is cut by 0.25 mm along both sides: 2 * 0.25 - sqrt(2) * 0.25 shorter
    corner = (2 - np.sqrt(2)) * 0.25
    assert length(3) - length(0) == pytest.approx(3 * (2 * 2.0 - 4 * corner), abs=1e-9)


def test_parallel_line_stays_at_its_distance_around_corners() -> None:
    line = beside([(0.0, 0.0), (5.0, 0.0), (5.0, 5.0)], 0.5)
    assert line == pytest.approx(np.array([(0.0, 0.5), (4.5, 0.5), (4.5, 5.0)]))


def test_rod_ends_where_it_should() -> None:
    start, end = (1.0, -2.0, 0.5), (3.0, 1.0, -0.7)
    solid = rod("Cu", start, end, 0.1)
    assert isinstance(solid.shape, Cylinder)
    reach = solid.rotation @ np.array([0.0, 0.0, 0.5 * solid.shape.length_mm])
    assert np.array(solid.position_mm) - reach == pytest.approx(start)
    assert np.array(solid.position_mm) + reach == pytest.approx(end)

"""Voxel volumes: what lies at a point, and what is refused."""

import numpy as np
import pytest

from phantoms.volume import occupied, place_volume
from tests.reference import partial_densities_at

TABLE = np.array([[0.0, 0.0], [1.0, 0.0], [0.3, 1.2]])


def _volume(**place):
    codes = np.zeros((3, 4, 5), np.uint16)
    codes[1, 2, 3] = 1
    codes[2, 2, 3] = 2
    return place_volume(codes, TABLE, ("water", "bone"), (1.0, 2.0, 3.0), **place)


def test_point_finds_its_voxel_along_x_y_z() -> None:
    # centres: x = 3.5 - 2.5, y = 2 (2.5 - 2), z = 3 (1.5 - 1.5)
    points = np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 3.0], [0.0, 1.0, 0.0], [99.0, 0.0, 0.0]])
    assert np.array_equal(partial_densities_at(_volume(), points), TABLE[[1, 2, 0, 0]])


def test_volume_turns_and_moves_like_a_solid() -> None:
    turned = _volume(position_mm=(10.0, 0.0, 100.0), rotation_deg=(0.0, 0.0, 90.0))
    assert np.allclose(partial_densities_at(turned, np.array([[10.0 - 1.0, 1.0, 100.0]])), TABLE[1])


def test_grid_is_bounded_to_what_holds_mass() -> None:
    first, stop = occupied(_volume().codes, TABLE.any(axis=1))
    assert first.tolist() == [3, 2, 1]
    assert stop.tolist() == [4, 3, 3]


def test_empty_volume_has_an_empty_box() -> None:
    empty = place_volume(np.zeros((2, 2, 2), np.uint16), TABLE, ("water", "bone"), (1.0, 1.0, 1.0))
    first, stop = occupied(empty.codes, TABLE.any(axis=1))
    assert np.array_equal(first, stop)


@pytest.mark.parametrize(
    ("codes", "spacing_mm", "words"),
    [
        (np.zeros((2, 2), np.uint16), (1.0, 1.0, 1.0), "codes of a volume must be"),
        (np.full((2, 2, 2), 3, np.uint16), (1.0, 1.0, 1.0), "must be below 3"),
        (np.zeros((2, 2, 2), np.uint16), (1.0, 0.0, 1.0), "spacing_mm"),
    ],
)
def test_wrong_volume_names_itself(codes, spacing_mm, words) -> None:
    with pytest.raises(ValueError, match=words):
        place_volume(codes, TABLE, ("water", "bone"), spacing_mm)

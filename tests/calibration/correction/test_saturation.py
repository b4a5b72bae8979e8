"""Saturated pixels and those near them, judged on the raw value."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.correction.saturation import flag_saturation
from calibration.flags import DEAD, SATURATED, SHIELDED, SUSPECT

SHAPE = (48, 64)


def good() -> np.ndarray:
    return np.zeros(SHAPE, np.uint16)


@pytest.mark.parametrize("dtype", ["uint16", "float32", "int32"])
def test_saturated_suspect_and_neighbouring_pixels_are_flagged(dtype: str) -> None:
    raw = np.full(SHAPE, 1000, dtype)
    raw[10, 20], raw[30, 30], raw[40, 40] = 60000, 57000, 56999  # 95 % of 60,000 is 57,000
    flags = flag_saturation(raw, good(), 60000.0)
    assert np.argwhere(flags & SATURATED).tolist() == [[10, 20]]
    around = {(row, col) for row in (9, 10, 11) for col in (19, 20, 21)} - {(10, 20)}
    assert {tuple(pixel) for pixel in np.argwhere(flags & SUSPECT).tolist()} == around | {(30, 30)}


def test_a_corner_has_three_neighbours() -> None:
    raw = np.zeros(SHAPE, np.uint16)
    raw[0, 63] = 65535
    flags = flag_saturation(raw, good(), 65535.0)
    assert np.argwhere(flags & SUSPECT).tolist() == [[0, 62], [1, 62], [1, 63]]


def test_a_frame_far_below_saturation_has_the_flags_of_the_calibration() -> None:
    defects = good()
    defects[3, 4], defects[:, :5] = DEAD, SHIELDED
    flags = flag_saturation(np.full(SHAPE, 30000, np.uint16), defects, 60000.0)
    assert np.array_equal(flags, defects) and flags is not defects


def test_a_bad_pixel_is_never_saturated_and_suspects_nobody() -> None:
    raw, defects = np.zeros(SHAPE, np.uint16), good()
    raw[10, 20], defects[10, 20] = 65535, DEAD
    assert np.array_equal(flag_saturation(raw, defects, 60000.0), defects)


def test_a_saturated_neighbour_of_a_saturated_pixel_is_not_suspect() -> None:
    raw = np.zeros(SHAPE, np.uint16)
    raw[10, 20:22] = 65535
    flags = flag_saturation(raw, good(), 60000.0)
    assert (flags[10, 20:22] == SATURATED).all() and np.count_nonzero(flags & SUSPECT) == 10


def test_a_higher_fraction_suspects_fewer() -> None:
    raw = np.linspace(0, 59999, SHAPE[0] * SHAPE[1]).reshape(SHAPE)
    suspects = [np.count_nonzero(flag_saturation(raw, good(), 60000.0, part) & SUSPECT) for part in (0.5, 0.9, 1.0)]
    # 3,072 values evenly spaced up to saturation: half of them, a tenth, none
    assert suspects == [1536, 308, 0]


@pytest.mark.parametrize(
    ("raw", "saturation", "fraction", "message"),
    [
        (np.zeros((64, 48), np.uint16), 60000.0, 0.95, r"defect map is \(48, 64\) but the frame is \(64, 48\)"),
        (np.zeros(SHAPE, np.uint16), 0.0, 0.95, "saturation_dn must be positive, got 0.0"),
        (np.zeros(SHAPE, np.uint16), 60000.0, 0.0, "suspect_fraction must be above 0 and at most 1, got 0.0"),
        (np.zeros(SHAPE, np.uint16), 60000.0, 1.1, "suspect_fraction must be above 0 and at most 1, got 1.1"),
    ],
)
def test_a_wrong_argument_names_itself(raw: np.ndarray, saturation: float, fraction: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        flag_saturation(raw, good(), saturation, fraction)

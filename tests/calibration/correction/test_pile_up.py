"""Saturation as frames show it: pixels piled up at one top value."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from calibration.correction.saturation import find_pile_up

SHAPE = (120, 151)


def flat(level: float = 4615.0, seed: int = 3) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    return rng.normal(level, level**0.5, SHAPE) * rng.normal(1.0, 0.03, SHAPE)


def with_patch(frame: NDArray[np.float64], clip_dn: float, pixels: int = 400) -> NDArray[np.uint16]:
    frame = frame.copy()
    frame.reshape(-1)[:pixels] = 1e5
    return np.round(np.clip(frame, 0, clip_dn)).astype(np.uint16)


@pytest.mark.parametrize("bits", range(8, 17))
def test_a_pile_at_the_end_of_an_adc_is_found(bits: int) -> None:
    end = 2**bits - 1
    found = find_pile_up([with_patch(flat(0.3 * end), end)])
    assert found is not None and (found.value_dn, found.bits, found.pixels) == (end, bits, 400)
    assert str(found) == f"400 pixels piled up at 2^{bits} - 1"


def test_a_pile_at_one_top_value_is_found_at_any_scale() -> None:
    frame = with_patch(flat(), 15800.0)
    found = find_pile_up([frame, with_patch(flat(seed=4), 15800.0, 500)])
    assert found is not None and (found.value_dn, found.bits, found.pixels) == (15800.0, None, 500)
    scaled = find_pile_up([(frame / 65535.0).astype(np.float32)])
    assert scaled is not None and scaled.value_dn == pytest.approx(15800.0 / 65535.0)


def test_an_overexposed_frame_is_found() -> None:
    found = find_pile_up([np.minimum(flat(18000.0), 16383).astype(np.uint16)])
    assert found is not None and found.bits == 14
    assert find_pile_up([np.full(SHAPE, 16383, np.uint16)]) is not None


@pytest.mark.parametrize(
    "frame",
    [
        flat().astype(np.uint16),
        flat(),  # floats of no scale
        with_patch(flat(), 16383.0, 9),  # a hot pixel and its neighbours
        with_patch(flat(), 15800.0, 1),
        np.full(SHAPE, 4000, np.uint16),
        np.zeros(SHAPE),
        np.full(SHAPE, np.nan),
        np.where(np.arange(SHAPE[1]) < 100, 1000, 3000) * np.ones((SHAPE[0], 1), np.uint16),  # two grey levels
        np.random.default_rng(5).normal(254.0, 0.4, SHAPE).round().clip(0, 255).astype(np.uint16),  # quiet, not clipped
        (flat(16383.0)).astype(np.uint16),  # values beyond 2^14 - 1
    ],
)
def test_what_is_no_pile_is_none(frame: NDArray[np.generic]) -> None:
    assert find_pile_up([frame] * 16) is None


def test_pixels_that_are_stuck_are_no_pile() -> None:
    frame = flat(4615.0).astype(np.uint16)
    dark = np.full(SHAPE, 100, np.uint16)
    frame[:2], dark[:2] = 7000, 7000
    assert find_pile_up([frame], dark) is None
    pile = find_pile_up([frame])
    assert pile is not None and pile.value_dn == 7000.0  # nobody knows without the dark


def test_marks_of_software_above_a_pile_do_not_hide_it() -> None:
    frame = with_patch(flat(), 16383.0)
    frame[50, 60] = 65535
    found = find_pile_up([frame])
    assert found is not None and found.bits == 14

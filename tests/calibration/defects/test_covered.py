"""Covered borders and dead parts at a border: told apart by the noise of darks, and said where nothing tells them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from calibration import flags as bits
from calibration.dark.offset import estimate_offset
from calibration.defects.find import DefectMap, find_defects, gain_of_undecided
from calibration.response.single_dose import GainMap, estimate_gain

ROWS, COLS = 90, 120
SATURATION_DN, SIGNAL_DN = 60000.0, 20000.0
Plane = NDArray[np.float64]


def found_in(light: Plane, live: Plane, frames: int = 8, seed: int = 3) -> tuple[DefectMap, GainMap]:
    """Defects of a panel that sees this part of the light, and whose pixels fluctuate by this part of their noise."""
    rng = np.random.default_rng(seed)
    offset_dn, response = 1500 + rng.normal(0, 30, light.shape), rng.normal(1, 0.05, light.shape)

    def frame(signal_dn: float) -> Plane:
        quanta = 4.0 * rng.poisson(np.maximum(response * light * signal_dn, 0) / 4.0)
        return np.clip(np.round(offset_dn + live * (quanta + rng.normal(0, 4, light.shape))), 0, 65535)

    offset = estimate_offset([frame(0.0) for _ in range(frames)])
    gain = estimate_gain([frame(SIGNAL_DN) for _ in range(frames)], offset, saturation_dn=SATURATION_DN)
    return find_defects(offset, gain, saturation_dn=SATURATION_DN), gain


def border(sides: str, width: int) -> NDArray[np.bool_]:
    row, col = np.mgrid[:ROWS, :COLS]
    far = {"top": row, "bottom": ROWS - 1 - row, "left": col, "right": COLS - 1 - col}
    return np.asarray(np.logical_or.reduce([far[side] < width for side in sides.split()]))


@pytest.mark.parametrize("sides", ["left", "right", "top", "bottom", "left right top bottom"])
@pytest.mark.parametrize("width", [3, 6, 15])
def test_a_covered_border_is_no_defect_and_no_noise_becomes_its_gain(sides: str, width: int) -> None:
    covered = border(sides, width)
    found, gain = found_in(np.where(covered, 0.0, 1.0), np.ones((ROWS, COLS)))
    assert not (found.flags & bits.UNUSABLE).any()
    assert np.array_equal(found.flags & bits.UNCOATED != 0, covered)
    said = [sentence for sentence in found.skipped if "are taken as covered" in sentence]
    assert len(said) == len(sides.split()) and all(f"{width} " in sentence for sentence in said)
    assert (gain_of_undecided(gain, found)[covered] == 1.0).all()


@pytest.mark.parametrize("scattered", [0.005, 0.02])
def test_a_penumbra_and_a_little_light_are_covered_for_sure(scattered: float) -> None:
    from scipy.ndimage import gaussian_filter

    light = gaussian_filter(np.where(border("right", 8), 0.0, 1.0), 1.2) + scattered
    found, _ = found_in(light, np.ones((ROWS, COLS)))
    assert not (found.flags & (bits.DEAD | bits.OVER | bits.NOISY)).any()
    assert (found.flags[:, -6:] & bits.UNCOATED != 0).all() and not (found.flags[:, :-9] & bits.UNCOATED).any()
    assert not any("would look the same" in sentence for sentence in found.skipped)


@pytest.mark.parametrize("noise", [0.0, 0.3])
@pytest.mark.parametrize(("side", "width"), [("right", 1), ("right", 4), ("top", 6), ("left", 40)])
def test_lines_at_a_border_without_the_noise_of_pixels_are_dead(side: str, width: int, noise: float) -> None:
    dead = border(side, width)
    found, _ = found_in(np.where(dead, 0.0, 1.0), np.where(dead, noise, 1.0))
    assert np.array_equal(found.flags & bits.UNUSABLE != 0, dead)
    assert (found.flags[dead] & bits.DEAD != 0).mean() > 0.99 and not (found.flags & bits.UNCOATED).any()


@pytest.mark.parametrize("dead", [np.s_[:, 50:54], np.s_[:40, 116:], np.s_[:, 118:]])
def test_lines_that_are_no_whole_border_are_dead_whatever_their_noise(dead: object) -> None:
    light = np.ones((ROWS, COLS))
    light[dead] = 0.0  # type: ignore[index]
    found, _ = found_in(light, np.ones((ROWS, COLS)))
    assert np.array_equal(found.flags & bits.DEAD != 0, light == 0.0)


@pytest.mark.parametrize("first", [50, 51, 52])
@pytest.mark.parametrize("turned", [False, True])
def test_a_dead_block_inside_leaves_the_lines_beside_it_good(first: int, turned: bool) -> None:
    """The surroundings of a line in a block of 3 x 3 with two dead ones were dead: it was called over-responding."""
    dead = np.zeros((ROWS, COLS), bool)
    dead[:, first : first + 32] = True
    dead = dead[:, ::-1] if turned else dead
    found, _ = found_in(np.where(dead, 0.0, 1.0), np.where(dead, 0.1, 1.0))
    assert np.array_equal(found.flags & bits.DEAD != 0, dead)
    assert np.array_equal(found.flags & bits.UNUSABLE != 0, dead)


def test_what_one_dark_cannot_tell_is_said() -> None:
    found, _ = found_in(np.where(border("left", 5), 0.0, 1.0), np.ones((ROWS, COLS)), frames=1)
    assert (found.flags[:, :5] & bits.DEAD != 0).all()
    assert any(
        "5 columns at the left border show no light: whether they are covered or dead" in s for s in found.skipped
    )

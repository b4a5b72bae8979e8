"""What collimators shadow: how a picture goes on beyond its field, and where noise is measured."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, rotate

from radiography.presentation.chain import present, process_picture
from radiography.presentation.presets import load_picture
from radiography.presentation.shadow import LitField, continued
from radiography.presentation.usable import usable_blocks, usable_of_level
from tests.presentation.pictures import board, exposed


def runs(*rows: tuple[int, int]) -> LitField:
    both = np.array(rows, np.int64)
    return LitField(both, both)


def test_a_picture_goes_on_with_its_last_pixels() -> None:
    picture = np.full((6, 8), 9.0, np.float32)
    picture[2:5, 2:6] = np.array([1.0, 1.0, 3.0, 3.0])
    before = picture.copy()
    lit = runs((0, 0), (0, 0), (2, 6), (2, 6), (2, 6), (0, 0))
    whole = continued(picture, lit)
    assert np.array_equal(whole[2:5, 2:6], picture[2:5, 2:6]) and np.array_equal(picture, before)
    assert np.allclose(whole[:, :2], 2.0) and np.allclose(whole[:, 6:], 2.0)  # the mean of at most 8 columns
    assert np.allclose(whole[[0, 1, 5]], whole[2])


def test_a_field_without_clear_rows_is_left_as_it_is() -> None:
    picture = np.ones((3, 4), np.float32)
    assert np.array_equal(continued(picture, runs((0, 0), (0, 0), (0, 0))), picture)


@pytest.mark.parametrize("preset", ["default", "chest", "extremity"])
def test_blades_change_nothing_beside_them(preset: str) -> None:
    """Air goes on behind two blades as it does beyond the panel: within 0.02; within 0.05 while blades counted."""
    plain = np.pad(board()[60:240, 60:300], 40)
    shutter = np.zeros((300, 320))
    shutter[:20] = shutter[-20:] = 5.0
    steps = load_picture(preset)
    with_it, without = (
        process_picture(exposed(each, None), steps, open_field_dn=2000.0).values
        for each in (np.pad(plain, ((20, 20), (0, 0))) + shutter, plain)
    )
    assert np.abs(with_it[25:-25] - without[5:-5]).max() < 0.02


@pytest.mark.parametrize("turned_deg", [0.0, 10.0])
def test_a_blurred_shadow_is_no_white_line_round_the_picture(turned_deg: float) -> None:
    """Air at the border: what is shown of a shadow that is blurred over two blocks of the region darkens it by 0.3."""
    square = np.pad(np.zeros((400, 440)), 80, constant_values=5.0)
    square = rotate(square, turned_deg, reshape=False, order=1, cval=5.0)
    square[230:330, 240:360] += 0.8
    pixels = exposed(square, 20000.0, blur=2.0)
    made = process_picture(pixels, load_picture("extremity"))
    assert made.lit is not None and made.region is not None
    column = np.arange(square.shape[1])
    shown = (column >= made.lit.shown[:, :1]) & (column < made.lit.shown[:, 1:])
    plain = gaussian_filter(np.exp(-square), 2.0)
    beside = shown & (square < 0.1)
    assert np.percentile(-np.log(plain[shown & (square != 0.8)]), 99.9) < 0.3
    assert beside.sum() > 0.9 * (square < 0.1).sum()


def test_noise_is_measured_in_the_light_and_away_from_parts_of_one_value() -> None:
    picture = np.random.default_rng(1).standard_normal((160, 240)).astype(np.float32)
    assert usable_blocks(picture, None) is None
    picture[:20, :40] = 4.0
    usable = usable_blocks(picture, None)
    assert usable is not None and usable.shape == (10, 15)
    truth = np.ones((10, 15), bool)
    truth[:4, :5] = False  # blocks that hold 8 or more squares of the part, and two more
    assert np.array_equal(usable, truth)
    lit = usable_blocks(picture[40:, 60:], runs(*[(20, 180)] * 60, *[(20, 120)] * 60))
    assert lit is not None and lit.shape == (7, 11)
    assert lit[:3, 2:].all() and not lit[:, :2].any() and lit[4:, 2:7].all() and not lit[3:, 7:].any()


def test_whole_numbers_with_little_noise_are_no_part_of_one_value() -> None:
    drawn = np.random.default_rng(2).normal(60.0, 1.0, (320, 320)).round().astype(np.float32)
    usable = usable_blocks(drawn, None)
    assert usable is None or usable.mean() > 0.9


def test_blocks_of_a_level_are_those_of_the_picture_below() -> None:
    usable = np.ones((4, 6), bool)
    usable[1, 2] = False
    assert np.argwhere(~usable_of_level(usable, 0, 8, (8, 12))).tolist() == [[2, 4], [2, 5], [3, 4], [3, 5]]
    assert np.argwhere(~usable_of_level(usable, 1, 8, (4, 6))).tolist() == [[1, 2]]
    assert np.argwhere(~usable_of_level(usable, 2, 8, (2, 3))).tolist() == [[0, 1]]


def test_a_shadow_full_of_scatter_is_black() -> None:
    """Twice as much scatter as primary, no grid: the shadow was white, and the window laid on it."""
    lit = np.zeros((300, 340))
    lit[50:250, 60:290] = 1.0
    body = gaussian_filter(np.random.default_rng(4).standard_normal(lit.shape), 6.0) / 0.05
    exposure = gaussian_filter(lit * np.exp(-0.3 * body), 0.8) + 2.0 * gaussian_filter(lit, 45.0)
    pixels = np.random.default_rng(5).poisson(4000.0 * exposure).astype(np.float32)
    shown = present(pixels, "default")
    assert (shown.display[lit == 0] == 0).mean() > 0.93  # but what lies within two blocks of a border
    assert (shown.display[60:240, 70:280] == 0).mean() < 0.01
    assert "in the shadow of collimators black" in shown.description

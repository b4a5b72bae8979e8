"""The picture for presentation: tone, detail and window."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from radiography.presentation import processing
from radiography.presentation.processing import (
    COUNTS_PER_NEPER,
    DECADES,
    DETAIL_LIMIT,
    DISPLAY_MAXIMUM,
    HEADROOM,
    attenuate,
    choose_window,
    enhance_detail,
    present,
)

ROWS, COLS = 48, 64


def frozen(pixels: np.ndarray) -> np.ndarray:
    pixels = pixels.astype(np.float32)
    pixels.flags.writeable = False
    return pixels


def flat_with_noise(rows: int = 240, cols: int = 320, quanta: float = 400.0) -> np.ndarray:
    return frozen(np.random.default_rng(4).poisson(quanta, (rows, cols)) * 10.0)


def wires(depth: float, rows: int = 240, cols: int = 320, quanta: float = 1e6) -> np.ndarray:
    """Vertical wires 3 pixels wide, every 16 columns, of one depth in ln, in an open field with quantum noise."""
    mean = np.full((rows, cols), quanta)
    for k in range(3):
        mean[:, 8 + k :: 16] *= np.exp(-depth)
    return frozen(np.random.default_rng(5).poisson(mean))


def test_the_display_is_the_stated_logarithm() -> None:
    corrected_dn = frozen(np.full((ROWS, COLS), 20000.0))
    writeable = corrected_dn.copy()
    writeable[10, 10] = 20000.0 / np.e
    writeable[20, 20] = 20000.0 * 10**-2
    picture = present(frozen(writeable), detail_gain=0.0)
    # half a count of rounding, and float32
    assert picture.display[0, 0] == pytest.approx(HEADROOM * COUNTS_PER_NEPER, abs=0.6)
    assert picture.display[10, 10] == pytest.approx((HEADROOM + 1) * COUNTS_PER_NEPER, abs=0.6)
    assert picture.display[20, 20] == pytest.approx((HEADROOM + np.log(100)) * COUNTS_PER_NEPER, abs=0.6)
    assert picture.open_field_dn == 20000.0


def test_thicker_is_brighter_and_the_scale_of_the_exposure_does_not_matter() -> None:
    thickness_mm = np.tile(np.linspace(0, 60, COLS), (ROWS, 1))
    corrected_dn = 30000.0 * np.exp(-0.1 * thickness_mm)
    picture = present(frozen(corrected_dn))
    assert np.all(np.diff(picture.display.astype(int), axis=1) > 0)
    again = present(frozen(corrected_dn / 8))
    assert np.abs(again.display.astype(int) - picture.display.astype(int)).max() <= 1  # rounding of float32


def test_the_picture_holds_the_whole_range_and_nothing_wraps() -> None:
    corrected_dn = np.full((ROWS, COLS), 1000.0)
    corrected_dn[0, :6] = [0.0, -50.0, 1e-9, 65535.0, 1000.0 * 10**-DECADES, 999.0]
    display = present(frozen(corrected_dn), detail_gain=0.0).display
    assert display.dtype == np.uint16
    assert display[0, :3].tolist() == [DISPLAY_MAXIMUM] * 3
    assert display[0, 3] == 0
    assert display[0, 4] == pytest.approx(DISPLAY_MAXIMUM, abs=1)
    assert display.max() == DISPLAY_MAXIMUM


def test_no_detail_gain_returns_the_logarithm_bit_for_bit() -> None:
    attenuation, _ = attenuate(wires(0.02))
    assert np.array_equal(enhance_detail(attenuation, 0.0), attenuation)


def test_twice_the_gain_adds_twice_the_detail() -> None:
    attenuation, _ = attenuate(wires(0.02))
    one = enhance_detail(attenuation, 0.4).astype(np.float64) - attenuation
    two = enhance_detail(attenuation, 0.8).astype(np.float64) - attenuation
    assert np.abs(one).max() > 1e-3
    assert np.allclose(two, 2 * one, atol=4 * np.finfo(np.float32).eps)


def test_detail_raises_the_contrast_of_fine_wires() -> None:
    attenuation, _ = attenuate(wires(0.02))
    enhanced = enhance_detail(attenuation, 0.7)

    def contrast(picture: np.ndarray) -> float:
        return float(picture[40:200, 25::16].mean() - picture[40:200, 17::16].mean())

    assert contrast(attenuation) == pytest.approx(0.02, rel=0.05)
    assert 1.2 * contrast(attenuation) < contrast(enhanced) < 1.7 * contrast(attenuation)


def test_detail_leaves_the_mean_where_it_was() -> None:
    attenuation, _ = attenuate(wires(0.02))
    shift = float(np.mean(enhance_detail(attenuation, 0.7), dtype=np.float64) - np.mean(attenuation, dtype=np.float64))
    assert abs(shift) < 0.02 * 0.02  # a fiftieth of the contrast: detail has no mean, its weight varies little


def test_noise_alone_is_hardly_raised() -> None:
    attenuation, _ = attenuate(flat_with_noise())
    enhanced = enhance_detail(attenuation, 0.7)
    plain = attenuation + 0.7 * (attenuation - gaussian_filter(attenuation, 2.0))
    assert enhanced.std() < 1.12 * attenuation.std()
    assert plain.std() > 1.5 * attenuation.std()  # what an unsharp mask without a weight would do


def test_a_strong_edge_gets_no_halo() -> None:
    corrected_dn = np.full((ROWS, COLS), 10000.0)
    corrected_dn[:, 30:] = 100.0
    attenuation, _ = attenuate(frozen(corrected_dn))
    added = enhance_detail(attenuation, 0.7) - attenuation
    assert 0.5 * DETAIL_LIMIT * 0.7 < np.abs(added).max() <= 0.7 * DETAIL_LIMIT * (1 + 1e-5)


def test_the_input_is_left_alone() -> None:
    corrected_dn = wires(0.02)
    before = corrected_dn.copy()
    present(corrected_dn)
    assert np.array_equal(corrected_dn, before)


def test_the_window_shows_the_object_and_leaves_the_open_field_dark() -> None:
    corrected_dn = np.full((ROWS, COLS), 20000.0)
    corrected_dn[8:40, 8:56] = 20000.0 * np.exp(-np.linspace(1.0, 3.0, 48))
    picture = present(frozen(corrected_dn), detail_gain=0.0)
    low = picture.window_center - picture.window_width / 2
    high = picture.window_center + picture.window_width / 2
    assert picture.display[0, 0] < low < picture.display[20, 9]
    assert picture.display[20, 54] < high <= picture.display[20, 54] * 1.1
    assert isinstance(picture.window_center, int) and isinstance(picture.window_width, int)


def test_a_flat_image_is_not_stretched_to_its_noise() -> None:
    center, width = choose_window(np.full((ROWS, COLS), 400, dtype=np.uint16))
    assert (center, width) == (400, 64)
    picture = present(flat_with_noise())
    shown = (picture.display - (picture.window_center - 0.5)) / (picture.window_width - 1) + 0.5
    assert 0.2 < shown.mean() < 0.8


def test_every_pixel_column_takes_part_in_the_window_of_a_large_image() -> None:
    display = np.full((1600, 2000), 3000, dtype=np.uint16)  # 3.2 million pixels: a sample is taken
    display[:, 1::2] = 5000
    center, width = choose_window(display)
    assert (center, width) == (4000, 2200)


@pytest.mark.parametrize(
    ("corrected_dn", "options", "message"),
    [
        (np.full((3, 4), np.nan), {}, "12 pixels that are NaN"),
        (np.full((3, 4), np.inf), {}, "12 pixels that are NaN or infinite"),
        (np.zeros(5), {}, r"got shape \(5,\)"),
        (np.zeros((3, 4)), {}, "positive exposure, got 0.0 DN: is the frame dark"),
        (np.ones((3, 4)), {"open_field_dn": -1.0}, "positive exposure, got -1.0"),
        (np.ones((3, 4)), {"detail_gain": -0.5}, "detail_gain must be 0 or more, got -0.5"),
    ],
)
def test_present_refuses(corrected_dn: np.ndarray, options: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        present(corrected_dn, **options)


@pytest.mark.slow
def test_a_full_panel_is_presented() -> None:
    corrected_dn = frozen(np.random.default_rng(6).poisson(2000.0, (3072, 3072)))
    picture = present(corrected_dn)
    assert picture.display.shape == (3072, 3072)
    open_field = HEADROOM * COUNTS_PER_NEPER + np.log(picture.open_field_dn / 2000.0) * COUNTS_PER_NEPER
    assert picture.display.mean() == pytest.approx(open_field, abs=2)  # ln of Poisson noise lies 1/4000 low


def test_a_few_dense_parts_do_not_darken_the_rest() -> None:
    attenuation = np.zeros((200, 240))
    attenuation[20:180, 20:220] = 0.6 + 0.2 * np.linspace(-1.0, 1.0, 200)  # a board
    attenuation[20:180, 20:26] = 7.0  # 3 % of it steel
    picture = present(frozen(1000.0 * np.exp(-attenuation)), detail_gain=0.0)
    board = (int(picture.display[100, 120]) - (picture.window_center - picture.window_width / 2)) / picture.window_width
    assert 0.25 < board < 0.75


def test_noise_in_the_open_field_is_no_object() -> None:
    rng = np.random.default_rng(3)
    corrected_dn = 1000.0 * np.exp(-np.pad(np.full((40, 40), 1.0), 80)) * (1.0 + 0.04 * rng.standard_normal((200, 200)))
    picture = present(frozen(corrected_dn), detail_gain=0.0)
    assert picture.open_field_dn == pytest.approx(1000.0, rel=0.02)
    low = picture.window_center - picture.window_width / 2
    assert np.median(picture.display[:60]) < low


def test_a_picture_made_in_bands_is_that_of_one_band(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    corrected_dn = 8000.0 * np.exp(-np.linspace(0.0, 3.0, 700)[:, None] * rng.random(90)) + rng.normal(
        0.0, 20.0, (700, 90)
    )
    in_bands = present(corrected_dn)
    monkeypatch.setattr(processing, "BAND_ROWS", 1000)
    whole = present(corrected_dn)
    assert np.abs(in_bands.display.astype(int) - whole.display).max() <= 1  # a running sum begins anew in each band
    assert np.mean(in_bands.display != whole.display) < 1e-3
    assert (in_bands.window_center, in_bands.window_width) == (whole.window_center, whole.window_width)

"""The automatic window: what it must show, and what must not move it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import rotate

from radiography.config import shipped
from radiography.presentation.chain import PresentedPicture, present
from radiography.presentation.presets import load_picture
from tests.presentation.pictures import board, exposed

PRESETS = shipped("picture")


def grey(picture: PresentedPicture) -> np.ndarray:
    low = picture.window_center - 0.5 * picture.window_width
    return (picture.display.astype(float) - low) / picture.window_width


@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("base", [0.3, 0.6, 1.2])
def test_a_threefold_absorber_on_15_per_cent_of_the_object_is_shown(preset: str, base: float) -> None:
    attenuation = np.zeros((400, 480))
    attenuation[60:340, 60:420] = base
    attenuation[60:340, 60:114] = 3.0 * base  # 54 of 360 columns
    picture = present(exposed(attenuation, 20000.0), preset)
    shown = grey(picture)
    absorber, rest, air = shown[80:320, 70:104].mean(), shown[80:320, 140:400].mean(), shown[:40].mean()
    assert rest + 0.25 < absorber < 0.99
    assert 0.0 < rest < 0.75
    assert air < min(rest - 0.02, 0.1)


@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("side", [26, 60, 84])
def test_an_object_on_a_small_part_of_the_panel_is_shown(preset: str, side: int) -> None:
    """0.3 to 3 % of the panel: too little to be told from a flat by the relevant region."""
    attenuation = np.zeros((480, 480))
    attenuation[100 : 100 + side, 200 : 200 + side // 2] = 0.4
    attenuation[100 : 100 + side, 200 + side // 2 : 200 + side] = 0.9
    shown = grey(present(exposed(attenuation, 20000.0), preset))
    thin, thick = shown[104 : 96 + side, 204 : 196 + side // 2], shown[104 : 96 + side, 204 + side // 2 : 196 + side]
    assert shown[:90].mean() < thin.mean() - 0.05
    assert thin.mean() < 0.75 and thin.mean() + 0.15 < thick.mean() < 1.05


@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS)
def test_the_window_does_not_move_with_what_is_not_the_object(preset: str) -> None:
    """By 3 % of its width, with air around, collimators on two or four sides or turned, and 2 % of metal.

    Without equalisation by 1 %: the region itself finds the object. With it the most is 2.1 %, of `chest` with
    more air around; it was 13 % with two blades while the object's structure was taken for noise of the third band.
    """
    thing = board()[60:240, 60:300]
    plain = np.pad(thing, 40)
    metal = plain.copy()
    metal[60:90, 60:89] = 6.0  # 870 of 43,200 pixels of the object
    cases = {"air": np.pad(thing, 250), "metal": metal}
    shutter = np.zeros((300, 360))
    shutter[:20] = shutter[-20:] = shutter[:, :20] = shutter[:, -20:] = 5.0
    cases["four blades"] = np.pad(plain, ((20, 20), (20, 20))) + shutter
    shutter = np.zeros((300, 320))
    shutter[:20] = shutter[-20:] = 5.0
    cases["two blades"] = np.pad(plain, ((20, 20), (0, 0))) + shutter
    open_square = rotate(np.pad(np.zeros((340, 340)), 60, constant_values=5.0), 10.0, reshape=False, order=1, cval=5.0)
    inside = np.zeros_like(open_square)
    inside[140:320, 110:350] = thing
    cases["turned blades"] = np.maximum(open_square, inside)
    low, high = present(exposed(plain, 20000.0), preset).shown
    most = 0.03 if load_picture(preset).equalise.on else 0.01
    for name, attenuation in cases.items():
        shown = present(exposed(attenuation, 20000.0), preset).shown
        assert np.abs(np.subtract(shown, (low, high))).max() < most * (high - low), name


def test_shadows_of_collimators_are_black_and_nothing_else_is() -> None:
    attenuation = np.full((300, 360), 5.0)
    attenuation[40:260, 50:310] = board(220, 260)
    picture = present(exposed(attenuation, 20000.0), "default")
    black = picture.display == 0
    truth = np.ones((300, 360), bool)
    truth[40:260, 50:310] = False
    assert "in the shadow of collimators black" in picture.description
    assert np.mean(black != truth) < 0.02  # a border of two pixels is 2 %
    assert not black[44:256, 54:306].any()
    assert present(exposed(attenuation, 20000.0), "board").display[10, 10] > 10000  # not switched on there


@pytest.mark.parametrize(("side", "share"), [("left", 0.3), ("top", 0.5)])
def test_a_plate_along_one_side_is_an_object(side: str, share: float) -> None:
    attenuation = np.zeros((240, 300))
    if side == "left":
        attenuation[:, : int(share * 300)] = 4.0
    else:
        attenuation[: int(share * 240)] = 4.0
    assert "black" not in present(exposed(attenuation, 20000.0), "default").description


@pytest.mark.parametrize("preset", PRESETS)
def test_a_flat_is_not_stretched_to_its_noise(preset: str) -> None:
    shown = grey(present(exposed(np.zeros((240, 320)), 400.0), preset))
    assert 0.2 < shown.mean() < 0.8
    if preset != "identity":  # which measures no noise
        assert shown.std() < 0.25


@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS)
def test_the_window_is_the_same_at_any_exposure(preset: str) -> None:
    windows = [present(exposed(board(), quanta), preset).shown for quanta in (2000.0, 20000.0)]
    assert windows[0] == pytest.approx(windows[1], abs=0.05)


def test_a_window_is_no_wider_than_the_counts() -> None:
    """dwv draws none that is wider; its margin would change the greys by 10 of 255 there."""
    wedge = np.linspace(0.3, 0.9, 160)[None, :].repeat(120, axis=0)  # no air, and a margin of 6 % at both ends
    shown = present(exposed(wedge, None), load_picture("identity"))
    spread = int(shown.display.max()) - int(shown.display.min())
    assert shown.window_width == spread
    assert shown.display.min() <= shown.window_center <= shown.display.max()
    uniform = present(exposed(np.full((120, 160), 0.5), 1e8), "default")  # its noise shall not fill the window
    assert uniform.window_width > 2 * (int(uniform.display.max()) - int(uniform.display.min()))

"""Bright burn and ghosting against closed forms, and in frames: six small tests of each effect and their truth."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from radiography.acquire import Acquisition, acquire_frame, acquire_sequence, dose_scale, expose, plan_acquisition
from radiography.config import load_panel, load_scene, load_scintillator
from radiography.dose_history import DoseScale, age_gain, diode_gain, gains_of_sequence, layer_gain, remembers
from radiography.jobs.simulate import raw_metadata, simulate_scene
from radiography.light.scintillator import BrightBurn, Scintillator
from radiography.panel.panel import Ghosting, Panel

SCALE = DoseScale(light_per_uGy=1000.0, electrons_per_photon=0.5)
BURN = (BrightBurn(0.05, 0.05, 3600.0), BrightBurn(0.2, 0.02, 60.0))
GHOST = (Ghosting(0.001, 0.01, 600.0),)
SINGLE = 1e-6  # a few roundings of 1 + a small gain, or of a store, to float32


@pytest.fixture
def light() -> np.ndarray:
    picture = np.random.default_rng(1).uniform(0.0, 3e7, (48, 64)).astype(np.float32)  # up to 30 mGy
    picture.setflags(write=False)
    return picture


@pytest.fixture
def both(csi: Scintillator, small_panel: Panel) -> tuple[Scintillator, Panel]:
    return replace(csi, bright_burn=BURN), replace(small_panel, ghosting=GHOST)


def test_layers_and_panels_remember_nothing_unless_their_files_say_so(csi: Scintillator, film: Scintillator) -> None:
    assert not any(remembers(layer, load_panel(name)) for layer in (csi, film) for name in ("fully_coated", "worn"))
    assert remembers(load_scintillator("CsI_Tl_bright_burn"), load_panel("fully_coated"))
    assert remembers(csi, load_panel("ghosting"))


def test_equal_exposures_add_up_to_their_closed_form(both: tuple[Scintillator, Panel], light: np.ndarray) -> None:
    # each frame takes a fraction 1 - a of what is missing to the largest gain and keeps k of it: a geometric series
    change, frames, interval_s = None, 20, 5.0
    for _ in range(frames):
        change = age_gain(*both, change, light, SCALE, interval_s)
    assert change is not None
    kerma_Gy = light.astype(np.float64) / 1000.0 * 1e-6
    wells = light.astype(np.float64) * 0.5 / 15e6
    terms = [(term.gain_per_Gy * kerma_Gy, term) for term in BURN]
    terms += [(term.gain_per_full_well * wells, term) for term in GHOST]
    for store, (rise, term) in zip(change, terms, strict=True):
        a, k = np.exp(-rise / term.largest_gain), np.exp(-interval_s / term.time_s)
        expected = term.largest_gain * (1 - a) * k * (1 - (a * k) ** frames) / (1 - a * k)
        np.testing.assert_allclose(store, expected, rtol=20 * SINGLE)


def test_a_small_dose_raises_the_gain_by_what_the_file_says_for_a_gray() -> None:
    layer, panel = load_scintillator("CsI_Tl_bright_burn"), load_panel("ghosting")
    panel = replace(panel, pixels=replace(panel.pixels, rows=8, cols=8))
    milligray = np.full((8, 8), 1e6, np.float32)
    change = age_gain(layer, panel, None, milligray, SCALE, 1e-6)
    assert layer_gain(layer, change)[0, 0] - 1 == pytest.approx(0.05e-3, rel=3e-3)  # 1 + 5e-5 in float32: 0.1 %
    assert change[0, 0, 0] == pytest.approx(0.05e-3 * (1 - 0.5e-3), rel=1e-4)
    assert change[1, 0, 0] == pytest.approx(0.001 * 1e6 * 0.5 / 15e6, rel=2e-3)
    assert diode_gain(layer, change)[0, 0] > 1


def test_twice_a_small_dose_is_twice_the_gain(both: tuple[Scintillator, Panel], light: np.ndarray) -> None:
    weak = light * np.float32(1e-4)
    one, two = (age_gain(*both, None, weak * np.float32(times), SCALE, 1.0) for times in (1, 2))
    np.testing.assert_allclose(two, 2 * one, rtol=1e-3)


def test_the_gain_decays_in_the_dark_and_rises_to_no_more_than_the_largest(
    both: tuple[Scintillator, Panel], light: np.ndarray
) -> None:
    change = age_gain(*both, None, light * np.float32(1e6), SCALE, 1e-9)
    np.testing.assert_allclose(change.max(axis=(1, 2)), [0.05, 0.02, 0.01], rtol=SINGLE)
    before = change.copy()
    later = age_gain(*both, change, None, SCALE, 60.0)
    np.testing.assert_array_equal(change, before)  # the state of the previous frame stays as it is
    for store, was, term in zip(later, change, (*BURN, *GHOST), strict=True):
        np.testing.assert_allclose(store, was * np.exp(-60.0 / term.time_s), rtol=SINGLE)


def test_stores_of_another_layer_are_refused(both: tuple[Scintillator, Panel], light: np.ndarray) -> None:
    with pytest.raises(ValueError, match="1 gain stores do not fit 3 terms of bright burn and ghosting"):
        age_gain(*both, light[None], light, SCALE, 1.0)


SCENE = """
description = "a pin in the beam, frame after frame"
panel = "small.toml"
scintillator = "CsI_Tl_500um"
[beam]
name = "paper_70kV"
air_kerma_uGy = 20.0
[geometry]
source_to_detector_mm = 20000.0
[sampling]
samples_per_pixel = 1
rays_per_sample = 1
[[solids]]
shape = "cylinder"
material = "W"
radius_mm = 1.5
length_mm = 2.0
position_mm = [0.0, 0.0, 10.0]
"""
SMALL = """
based_on = "fully_coated"
name = "small"
description = "48 x 64 pixels"
serial = "S"
lag = []
[pixels]
rows = 48
cols = 64
[uniformity]
defective_fraction = 0.0
defective_rows = 0
defective_cols = 0
"""
# A percent of gain from 20 uGy, and half a percent from the 5.5e6 electrons of it; both stay.
TERMS = "[[ghosting]]\ngain_per_full_well = 0.02\nlargest_gain = 0.5\ntime_s = 1e6\n"


def planned(folder: Path, terms: str = "") -> Acquisition:
    (folder / "small.toml").write_text(SMALL + terms)
    (folder / "scene.toml").write_text(SCENE)
    return plan_acquisition(load_scene(folder / "scene.toml"), folder)


def burning(acquisition: Acquisition) -> Acquisition:
    layer = replace(acquisition.scintillator, bright_burn=(BrightBurn(500.0, 0.5, 1e6),), afterglow=())
    return replace(acquisition, scintillator=layer)


def test_the_second_frame_of_a_scene_shows_what_the_first_burnt_in(tmp_path: Path) -> None:
    acquisition = burning(planned(tmp_path, TERMS))
    exposure, rng = expose(acquisition), np.random.default_rng(2)
    assert exposure is not None
    offset = acquisition.maps.offset_dn.astype(np.float64)
    pairs = []
    for _ in range(40):
        first, state = acquire_frame(acquisition, exposure, rng)
        second, _ = acquire_frame(acquisition, exposure, rng, state)
        pairs.append([frame - offset for frame in (first, second)])
    first_dn, second_dn = np.mean(pairs, axis=0)
    open_field = exposure.spread_light > 0.95 * exposure.spread_light.max()
    behind = exposure.spread_light < 0.02 * exposure.spread_light.max()
    assert behind.sum() > 100
    layer = 0.5 * -np.expm1(-500.0 * 20e-6 / 0.5)  # 1 %
    electrons = exposure.spread_light[open_field].mean() * dose_scale(acquisition).electrons_per_photon
    diode = 0.5 * -np.expm1(-0.02 * electrons / 15e6 / 0.5)
    assert 0.003 < diode < 0.02
    ratio = second_dn[open_field].mean() / first_dn[open_field].mean()
    # quantum noise of 2 % a pixel in 40 pairs of 2,000 pixels, correlated: 1e-4
    assert ratio == pytest.approx((1 + layer) * (1 + diode), abs=5e-4)
    assert second_dn[behind].mean() == pytest.approx(first_dn[behind].mean(), abs=0.5)  # nothing burnt in there


def test_frames_without_any_history_are_the_same_bytes(tmp_path: Path) -> None:
    plain = planned(tmp_path)
    exposure = expose(plain)
    frames = [frame.tobytes() for frame in acquire_sequence(plain, exposure, None, np.random.default_rng(3), (1, 1, 0))]
    # terms so weak that no float32 changes: the arithmetic is there and does nothing
    weak = replace(plain, panel=replace(plain.panel, ghosting=(Ghosting(1e-12, 1e-10, 1.0),)))
    again = [frame.tobytes() for frame in acquire_sequence(weak, exposure, None, np.random.default_rng(3), (1, 1, 0))]
    assert frames == again
    _, state = acquire_frame(plain, exposure, np.random.default_rng(3))
    assert state.gain_change is None


def test_the_truth_is_the_gain_that_frames_were_made_with(tmp_path: Path) -> None:
    acquisition = burning(planned(tmp_path, TERMS))
    exposure, rng, state = expose(acquisition), np.random.default_rng(4), None
    assert exposure is not None
    pattern, seen = (0.0, 1.0, 0.5, 0.0, 2.0), []
    for strength in pattern:
        if state is not None:
            layer = acquisition.scintillator
            seen.append(layer_gain(layer, state.gain_change) * diode_gain(layer, state.gain_change))
        frame = replace(exposure, spread_light=exposure.spread_light * np.float32(strength)) if strength else None
        _, state = acquire_frame(acquisition, frame, rng, state)
    gain, means = gains_of_sequence(
        acquisition.scintillator, acquisition.panel, exposure.spread_light, dose_scale(acquisition), 5.0, pattern
    )
    np.testing.assert_allclose(gain, seen[-1], rtol=SINGLE)
    assert means == pytest.approx([1.0, *(each.mean() for each in seen)], rel=SINGLE)
    assert (np.diff(means) >= -1e-6).all() and means[-1] > 1.01


@pytest.mark.slow
def test_simulate_writes_the_gain_beside_the_frames_and_says_which_terms(tmp_path: Path) -> None:
    acquisition = planned(tmp_path, TERMS)
    simulate_scene(tmp_path / "scene.toml", tmp_path / "raw.tif", frames=3, truth=tmp_path / "truth.npz")
    with np.load(tmp_path / "truth.npz") as truth:
        assert truth["gain_of_last_frame"].shape == (48, 64) and truth["mean_gain"].shape == (3,)
        assert truth["mean_gain"][0] == 1.0 and (np.diff(truth["mean_gain"]) > 0).all()
    told = raw_metadata(acquisition, 1, 3)["dose_history"]
    assert told == {"ghosting": [{"gain_per_full_well": 0.02, "largest_gain": 0.5, "time_s": 1e6}]}
    plain = planned(tmp_path)
    assert "dose_history" not in raw_metadata(plain, 1, 3)
    simulate_scene(tmp_path / "scene.toml", tmp_path / "raw.tif", frames=1, truth=tmp_path / "truth.npz")
    with np.load(tmp_path / "truth.npz") as truth:
        assert "mean_gain" not in truth


@pytest.mark.parametrize("terms", ["gain_per_full_well = -0.1", "time_s = 0.0", "gain_per_gray = 1.0"])
def test_terms_that_cannot_be_are_refused(tmp_path: Path, terms: str) -> None:
    key = terms.partition(" ")[0]
    lines = [line for line in TERMS.splitlines() if not line.startswith(key)]
    with pytest.raises(ValueError, match=key):
        planned(tmp_path, "\n".join([*lines, terms]) + "\n")

"""Dual-layer panels: two frames of one exposure, the front one as that of a panel alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numba
import numpy as np
import pytest

from radiography.acquire import Acquisition, acquire_frame, energy_shares, expose, mean_electrons, plan_acquisition
from radiography.beam.attenuation import linear_attenuation_per_mm, material
from radiography.config import load_panel, load_scene
from radiography.jobs.simulate import back_metadata, scene_rng, simulate_scene
from radiography.jobs.subtract import layer_weight
from radiography.parts import back_parts, layer_spacing_mm, load_parts
from radiography.scene import Scene
from tests.radiography.acquisitions import SCENE, SMALL_PANEL

BACK = """
[back]
scintillator = "CsI_Tl_500um"
serial = "SMALL-B"
map_seed = 4
gap_mm = {gap}
backscatter = {backscatter}
[[back.filter]]
material = "Cu"
thickness_um = 1000.0
[[back.cover]]
material = "Al"
thickness_um = 40.0
"""


def _scene(
    folder: Path, *, back: bool = True, kerma: float = 15.0, extra: str = "", gap: float = 0.0, alone: bool = False
) -> Scene:
    more = BACK.format(gap=gap, backscatter="false" if alone else "true") if back else ""
    (folder / "small.toml").write_text(SMALL_PANEL.format(spread=0.0) + more)
    text = SCENE.format(scintillator="CsI_Tl_500um", kerma=kerma, extra=extra, distance=1000.0)
    (folder / "scene.toml").write_text(text)
    return load_scene(folder / "scene.toml")


def _planned(folder: Path, **more: object) -> tuple[Acquisition, Acquisition]:
    front = plan_acquisition(_scene(folder, **more), folder)
    assert front.back is not None
    return front, front.back


@pytest.mark.slow
def test_front_frame_has_the_bytes_of_a_single_panel(tmp_path: Path) -> None:
    files = {}
    for name, back in (("single", False), ("dual", True)):
        _scene(tmp_path, back=back, alone=True)
        files[name] = simulate_scene(tmp_path / "scene.toml", tmp_path / f"{name}.npy", seed=3, frames=2)
    assert files["single"].back is None and files["dual"].back == tmp_path / "dual_back.npy"
    single, dual, behind = (np.load(tmp_path / f"{name}.npy") for name in ("single", "dual", "dual_back"))
    np.testing.assert_array_equal(dual, single)
    assert behind.shape == single.shape and (behind != single).mean() > 0.9


def test_both_frames_are_the_same_on_one_thread_and_on_two(tmp_path: Path) -> None:
    front, back = _planned(tmp_path)
    threads, frames = numba.get_num_threads(), []
    try:
        for count in (1, threads):
            numba.set_num_threads(count)
            rngs = [scene_rng(front.scene, 7, layer) for layer in (0, 1)]
            frames.append([acquire_frame(a, expose(a), rng)[0] for a, rng in zip((front, back), rngs, strict=True)])
    finally:
        numba.set_num_threads(threads)
    for one, many in zip(*frames, strict=True):
        assert one.tobytes() == many.tobytes()


def test_noise_of_front_and_back_is_independent(tmp_path: Path) -> None:
    front, back = _planned(tmp_path)
    noise = []
    for layer, acquisition in enumerate((front, back)):
        exposure, rng = expose(acquisition), scene_rng(front.scene, 1, layer)
        pair = [acquire_frame(acquisition, exposure, rng)[0].astype(float) for _ in range(2)]
        noise.append((pair[0] - pair[1]).ravel())
    correlation = float(np.corrcoef(*noise)[0, 1])
    assert abs(correlation) < 4.0 / np.sqrt(noise[0].size)


def test_means_are_those_of_the_plan_and_the_back_sees_less(tmp_path: Path) -> None:
    front, back = _planned(tmp_path)
    for acquisition in (front, back):
        exposure = expose(acquisition)
        assert exposure is not None
        expected = acquisition.layer_weights[1].sum() * acquisition.scene.sampling.samples_per_pixel**2
        assert exposure.light.mean() == pytest.approx(expected, rel=1e-3)
        assert exposure.spread_light.mean() == pytest.approx(expected, rel=5e-3)
    shares = energy_shares(front)
    assert shares[0] > 0.4 > 0.05 > shares[1] > 0.005
    assert energy_shares(back) == pytest.approx(shares[1:])
    assert mean_electrons(back) < 0.1 * mean_electrons(front)


@pytest.mark.slow
def test_backscatter_adds_a_little_to_the_front(tmp_path: Path) -> None:
    with_it, without = (_planned(tmp_path, alone=alone)[0] for alone in (False, True))
    more = with_it.layer_weights[1].sum() / without.layer_weights[1].sum()
    assert 1.0005 < more < 1.02


@pytest.mark.slow
def test_a_distant_back_layer_gets_less_and_sees_the_object_larger(tmp_path: Path) -> None:
    # a plate over the left part whose edge is 1 mm right of the axis, 200 mm above the front layer
    plate = (
        '[[solids]]\nshape = "box"\nmaterial = "W"\nsize_mm = [60.0, 60.0, 1.0]\nposition_mm = [-29.0, 0.0, 200.0]\n'
    )
    near, far = (_planned(tmp_path, gap=gap, extra=plate) for gap in (0.0, 100.0))
    ratio = near[1].geometry.source_to_detector_mm / far[1].geometry.source_to_detector_mm
    assert far[1].layer_weights[1].sum() / near[1].layer_weights[1].sum() == pytest.approx(ratio**2, rel=1e-9)
    edges = []
    for acquisition in (near[0], near[1], far[1]):
        exposure = expose(acquisition)
        assert exposure is not None
        light = exposure.light.mean(axis=0) / exposure.light.max()
        edge = np.interp(0.5, light, (np.arange(light.size) + 0.5 - 0.5 * light.size) * 0.139)
        edges.append((acquisition.geometry.source_to_detector_mm / 799.5, edge))
    for magnification, edge in edges:
        assert edge == pytest.approx(magnification, abs=0.03)
    assert edges[2][1] - edges[1][1] == pytest.approx(100.0 / 799.5, abs=0.02)


def test_the_weight_of_a_thin_material_is_the_ratio_of_its_mean_attenuations(tmp_path: Path) -> None:
    front, back = _planned(tmp_path)
    mu_per_mm = linear_attenuation_per_mm(material("water"), front.spectrum.energy_keV)
    means = [float(np.average(mu_per_mm, weights=a.layer_weights[1])) for a in (front, back)]
    assert layer_weight(front, ("water", 1e-3)) == pytest.approx(means[1] / means[0], rel=1e-3)
    assert 0.5 < layer_weight(front, ("cortical_bone", 10.0), ("water", 100.0), "water") < means[1] / means[0] < 1.0
    with pytest.raises(ValueError, match="has one layer: its spectra give no weight"):
        layer_weight(back, ("water", 1.0))
    for wrong in (-100.0, np.nan, np.inf):
        with pytest.raises(ValueError, match=rf"thickness of water behind .* must be 0 mm or more, got {wrong}"):
            layer_weight(front, ("cortical_bone", 10.0), ("water", wrong))


def test_in_the_dark_both_layers_are_dark(tmp_path: Path) -> None:
    front, back = _planned(tmp_path, kerma=0.0)
    assert expose(front) is None and expose(back) is None
    with pytest.raises(ValueError, match="energy shares need a beam"):
        energy_shares(front)


@pytest.mark.slow
def test_behind_an_opaque_filter_the_back_layer_is_dark(tmp_path: Path) -> None:
    _scene(tmp_path)
    text = (tmp_path / "small.toml").read_text()
    (tmp_path / "small.toml").write_text(text.replace('"Cu"\nthickness_um = 1000.0', '"Pb"\nthickness_um = 1e6'))
    front = plan_acquisition(load_scene(tmp_path / "scene.toml"), tmp_path)
    assert front.back is not None
    shares = energy_shares(front)
    assert shares[0] > 0.4 and shares[1] == 0.0
    exposure = expose(front.back)
    assert exposure is not None and not exposure.spread_light.any()


def test_the_back_frame_says_whose_it_is(tmp_path: Path) -> None:
    front, back = _planned(tmp_path)
    said = back_metadata(front, 1, 1)
    assert said["layer"] == "back" and said["serial"] == "SMALL-B" and said["air_kerma_uGy"] == 15.0
    spacing_mm = layer_spacing_mm(load_parts(front.scene, tmp_path))
    assert said["source_to_detector_mm"] == pytest.approx(1000.0 + spacing_mm)
    assert spacing_mm == pytest.approx(0.5 + 0.70277 + 1.04, abs=1e-9)
    assert said["scene"]["geometry"]["source_to_detector_mm"] == 1000.0
    assert back.maps.offset_dn.tobytes() != front.maps.offset_dn.tobytes()


def test_a_single_panel_has_no_back_layer(tmp_path: Path) -> None:
    front = plan_acquisition(_scene(tmp_path, back=False), tmp_path)
    assert front.back is None
    with pytest.raises(ValueError, match="has one layer only"):
        back_metadata(front, 1, 1)
    for function in (layer_spacing_mm, back_parts):
        with pytest.raises(ValueError, match=r"has no \[back\] layer"):
            function(load_parts(front.scene, tmp_path))
    with pytest.raises(ValueError, match="--back is for panels with a"):
        simulate_scene(tmp_path / "scene.toml", tmp_path / "a.tif", back=tmp_path / "b.tif")
    assert not list(tmp_path.glob("*.tif"))


def test_two_layers_cannot_go_to_one_file(tmp_path: Path) -> None:
    _scene(tmp_path)
    with pytest.raises(ValueError, match="two results would be written to"):
        simulate_scene(tmp_path / "scene.toml", tmp_path / "a.tif", back=tmp_path / "a.tif")
    assert not list(tmp_path.glob("*.tif"))


def test_a_back_layer_needs_to_know_what_lies_before_it() -> None:
    panel = load_panel("dual_layer")
    diode = replace(panel.photodiode, layer_um=1.5, energy_per_track_keV=10.0)
    with pytest.raises(ValueError, match=r"has a \[back\] layer and needs a \[\[stack\]\]"):
        replace(panel, stack=(), photodiode=diode)
    with pytest.raises(ValueError, match="its front layer must cover all of it"):
        replace(panel, coating=replace(panel.coating, rows_mm=100.0))


def test_an_unknown_material_of_the_filter_is_told_before_anything_is_computed(tmp_path: Path) -> None:
    scene = _scene(tmp_path)
    text = (tmp_path / "small.toml").read_text().replace('"Cu"', '"Unobtainium"')
    (tmp_path / "small.toml").write_text(text)
    with pytest.raises(ValueError, match="Unobtainium"):
        load_parts(scene, tmp_path)

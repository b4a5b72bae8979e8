"""The truth of volumes: areal mass of each basis material, and where a ray meets them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import radiography as rx
from phantoms.solids import Box, Phantom, Sphere, place
from phantoms.volume import place_volume
from radiography.projection.geometry import Geometry
from radiography.projection.project import areal_mass_strips
from radiography.projection.volume_paths import areal_masses
from radiography.truth.layers import Truth
from tests.reference import on_threads

PANEL = """
based_on = "fully_coated"
name = "small"
description = "48 x 64 pixels"
[pixels]
rows = 48
cols = 64
"""
SCENE = """
description = "a block of labels, air around it, and aluminium through it"
panel = "panel.toml"
scintillator = "CsPbBr3_75um"
beam = { name = "paper_70kV", air_kerma_uGy = 5.0 }
geometry = { source_to_detector_mm = 1000.0 }
[[volume]]
file = "block.npy"
materials = { 0 = "air", 1 = "soft_tissue", 2 = "cortical_bone" }
spacing_mm = [0.25, 0.25, 0.5]
position_mm = [0.0, 0.0, 10.0]
"""
SOLIDS = """
[[solids]]
shape = "box"
material = "Al"
size_mm = [1.0, 1.0, 30.0]
position_mm = [-1.5, 0.0, 17.0]
[[solids]]
shape = "box"
material = "air"
size_mm = [1.0, 1.0, 2.0]
position_mm = [1.5, 0.0, 10.0]
"""
X = 0.139 * (np.arange(64)[None, :] - 31.5) + np.zeros((48, 1))  # where rays are in the block, within 1 % and 0.05 mm
Y = 0.139 * (np.arange(48)[:, None] - 23.5) + np.zeros((1, 64))


def _truth(folder: Path, extra: str = SOLIDS, end: str = ".npz", panel: str = "fully_coated") -> Truth:
    (folder / "panel.toml").write_text(PANEL.replace("fully_coated", panel), encoding="utf-8")
    (folder / "scene.toml").write_text(SCENE + extra, encoding="utf-8")
    codes = np.zeros((24, 20, 28), np.uint8)  # 12 x 5 x 7 mm
    codes[2:-2, 2:-2, 2:-2] = 1  # 10 x 4 x 6 mm
    codes[10:14, 4:-4, 4:-4] = 2  # 2 x 3 x 5 mm
    np.save(folder / "block.npy", codes)
    rx.simulate_scene(folder / "scene.toml", folder / "raw.npy", truth=folder / f"truth{end}", seed=1)
    return rx.load_truth(folder / f"truth{end}")


def test_a_back_layer_sees_the_same_masses_a_little_larger(tmp_path: Path) -> None:
    truth = _truth(tmp_path, panel="dual_layer")
    assert np.array_equal(rx.recombine(truth, back=True), np.load(tmp_path / "raw_back.npy"))
    for name in ("mass_g_per_cm2/cortical_bone", "mass_g_per_cm2/soft_tissue", "thickness_mm/Al"):
        front, back = truth.layers[name], truth.layers[f"back/{name}"]
        assert 1.001 < back.sum(dtype=float) / front.sum(dtype=float) < 1.007  # 1.8 mm in a metre, squared: 1.0036
        assert np.abs(back - front).max() > 0.0 and np.median(np.abs(back - front)) < 0.01 * front.max()
    both = truth.layers["mask/volume[0]"] & truth.layers["back/mask/volume[0]"]
    assert both.sum() > 0.98 * truth.layers["mask/volume[0]"].sum() > 0


@pytest.mark.slow
@pytest.mark.parametrize("end", [".npz", ".zarr"])
def test_masses_and_mask_are_where_the_voxels_are(tmp_path: Path, end: str) -> None:
    if end == ".zarr":
        pytest.importorskip("zarr")
    truth = _truth(tmp_path, end=end)
    layers = {name: truth.layers[name][...] for name in truth.card["layers"]}
    tissue, bone, air = (layers[f"mass_g_per_cm2/{name}"] for name in ("soft_tissue", "cortical_bone", "air"))
    assert tissue.dtype == np.float32 and tissue.shape == (48, 64)
    in_bone = (np.abs(X) < 2.2) & (np.abs(Y) < 1.2)
    in_metal, by_metal = (np.abs(X + 1.5) < 0.3) & (np.abs(Y) < 0.3), (np.abs(X + 1.5) < 0.7) & (np.abs(Y) < 0.7)
    in_hole, by_hole = (np.abs(X - 1.5) < 0.3) & (np.abs(Y) < 0.3), (np.abs(X - 1.5) < 0.7) & (np.abs(Y) < 0.7)
    plain = in_bone & ~by_metal & ~by_hole
    assert plain.sum() > 50 and in_metal.sum() > 5 and in_hole.sum() > 5
    np.testing.assert_allclose(bone[plain], 0.2 * 1.92, rtol=1e-4)
    np.testing.assert_allclose(tissue[plain], 0.8 * 1.06, rtol=1e-4)
    np.testing.assert_allclose(air[plain], 0.2 * 0.001205, rtol=1e-4)
    np.testing.assert_allclose(tissue[in_hole], 0.8 * 1.06, rtol=1e-4)  # the hole takes the bone's place, no more
    assert bone[in_hole].max() < 1e-6 and bone[in_metal].max() < 1e-6 and tissue[in_metal].max() < 1e-6
    rim = (np.abs(X) < 2.8) & (np.abs(Y) < 1.8) & ~((np.abs(X) < 2.7) & (np.abs(Y) < 1.7))
    np.testing.assert_allclose(tissue[rim], 1.06, rtol=1e-4)
    assert min(layer.min() for layer in (tissue, bone, air)) >= 0.0
    mask = layers["mask/volume[0]"]
    body = (np.abs(X) < 2.9) & (np.abs(Y) < 1.9) & ~by_metal
    beside = (np.abs(X) > 3.1) | (np.abs(Y) > 2.1)
    assert mask.dtype == np.bool_ and mask[body].all()
    assert not mask[beside].any() and not mask[in_metal].any()  # air is not the body, nor is metal in all of it
    about = truth.card["layers"]
    assert about["mass_g_per_cm2/soft_tissue"]["unit"] == "g/cm2"
    assert about["mass_g_per_cm2/soft_tissue"]["material"] == "soft_tissue"
    assert about["mask/volume[0]"]["materials"] == "air, soft_tissue, cortical_bone"
    text = str(truth.layers["card_text"]) if end == ".npz" else (tmp_path / "truth.zarr" / "card.txt").read_text()
    assert "mass_g_per_cm2/cortical_bone [g/cm2]" in text
    np.testing.assert_array_equal(rx.recombine(truth), np.load(tmp_path / "raw.npy"))


def test_a_volume_alone_has_masses_and_no_thickness(tmp_path: Path) -> None:
    names = [name for name in _truth(tmp_path, "").card["layers"] if "/" in name]
    assert names == [
        "mass_g_per_cm2/air", "mass_g_per_cm2/soft_tissue", "mass_g_per_cm2/cortical_bone", "mask/volume[0]",
    ]  # fmt: skip


def test_a_solid_beside_the_panel_is_nowhere(tmp_path: Path) -> None:
    """The volume is seen, so the scene is as good as without the solid."""
    away = SOLIDS.replace("-1.5, 0.0, 17.0", "90.0, 0.0, 17.0").replace("1.5, 0.0, 10.0", "80.0, 0.0, 10.0")
    with pytest.warns(UserWarning, match=r"the shadow of solids\[\d\] .* misses the panel"):
        layers = _truth(tmp_path, away).layers
    for name in ("thickness_mm/Al", "thickness_mm/air", "mask/solids[0]", "mask/solids[1]"):
        assert layers[name].shape == (48, 64) and not layers[name].any()
    assert layers["mask/volume[0]"].any()


def test_a_name_that_is_too_long_is_refused_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("radiography.jobs.simulate.plan_parts", None)
    own = f'[materials."{"x" * 300}"]\nformula = "H2O"\ndensity_g_per_cm3 = 1.0\n'
    monkeypatch.setitem(globals(), "SCENE", SCENE.replace("soft_tissue", "x" * 300))
    with pytest.raises(ValueError, match="takes 300 bytes as that of a layer"):
        _truth(tmp_path, own)


GEOMETRY = Geometry(500.0, 200, 90, 0.3)


def _body() -> Phantom:
    rng = np.random.default_rng(3)
    table = np.vstack([[0.0, 0.0], rng.uniform(0.2, 2.0, (4, 2))])
    codes = rng.integers(0, 5, (7, 8, 9)).astype(np.uint16)
    names = ("soft_tissue", "cortical_bone")
    return Phantom("body", (), (place_volume(codes, table, names, (1.1, 2.9, 1.7), (0.5, -1, 40), (10, 20, 30)),))


def _whole(phantom: Phantom, **options: object) -> np.ndarray:
    return np.concatenate([masses for _, masses in areal_mass_strips(phantom, GEOMETRY, **options)], axis=1)


def test_exact_masses_are_those_of_single_rays() -> None:
    body = _body()
    x = (np.arange(90) - 44.5) * 0.3
    y = (np.arange(200) - 99.5) * 0.3
    expected = areal_masses(body.volumes[0], np.array([0.0, 0.0, 500.0]), x, y)
    assert expected.max() > 1.0
    np.testing.assert_array_equal(_whole(body, exact=True), expected)
    between = _whole(body)
    assert np.sqrt(np.mean((between - expected) ** 2)) < 2e-3 * expected.max()


def test_solids_take_their_voxels_and_a_whole_one_leaves_nothing() -> None:
    body = _body()
    around = place(Sphere(30.0), "Al", (0.5, -1.0, 40.0))
    assert np.abs(_whole(Phantom("all", (around,), body.volumes), exact=True)).max() < 1e-9
    beside = place(Box((2.0, 2.0, 2.0)), "Al", (10.0, 25.0, 5.0))
    np.testing.assert_array_equal(_whole(Phantom("two", (beside,), body.volumes), exact=True), _whole(body, exact=True))


def test_masses_are_those_of_the_volume_whatever_is_around_it() -> None:
    body = _body()
    with_air = np.concatenate([m for _, m in areal_mass_strips(body, replace(GEOMETRY, medium="vacuum"))], axis=1)
    np.testing.assert_array_equal(_whole(body), with_air)


def test_masses_are_the_same_bytes_on_one_and_two_threads() -> None:
    body, found = _body(), []
    for threads in (1, 2):
        on_threads(threads, lambda: found.append(_whole(body, rays_per_sample=2)))
    np.testing.assert_array_equal(*found)


def test_a_phantom_without_volumes_has_no_masses() -> None:
    with pytest.raises(ValueError, match="phantom 'plain' holds no volume"):
        next(areal_mass_strips(Phantom("plain", (place(Sphere(1.0), "Al", (0, 0, 9.0)),)), GEOMETRY))

"""The truth of a simulation: its layers make the frames again, bit for bit, and each is what its card says."""

from __future__ import annotations

import hashlib
import json
import sys
import warnings
from pathlib import Path

import numba
import numpy as np
import pytest
import trimesh

import radiography as rx
from radiography.jobs import truth as truth_job
from radiography.truth.layers import MADE_OF, Truth, kind_of
from tests import reference

PANEL = """
based_on = "worn"
name = "small"
description = "48 x 64 pixels of the worn panel"
serial = "SMALL-1"
map_seed = 3
[pixels]
rows = 48
cols = 64
shielded_cols_left = 4
shielded_cols_right = 2
[readout]
bits = 15
[uniformity]
defective_fraction = 0.05
lagging_fraction = 0.02
nonlinear_fraction = 0.02
"""
SCENE = """
description = "a block with a hole, and a printed ball"
panel = "panel.toml"
scintillator = "{layer}"
beam = {{ name = "paper_70kV", air_kerma_uGy = {kerma} }}
geometry = {{ source_to_detector_mm = 1000.0 }}
{extra}
"""
SOLIDS = """
[materials."my/alloy"]
density_g_per_cm3 = 2.78
mass_fractions = { Al = 0.935, Cu = 0.045, Mg = 0.02 }
[[solids]]
shape = "box"
material = "my/alloy"
size_mm = [3.0, 4.0, 4.0]
position_mm = [-2.0, 0.0, 2.0]
[[solids]]
shape = "cylinder"
material = "air"
radius_mm = 0.7
length_mm = 4.0
position_mm = [-2.0, 0.0, 2.0]
[[solids]]
shape = "mesh"
material = "PMMA"
file = "ball.stl"
position_mm = [2.2, 0.0, 2.0]
"""
RUN = """
timing = { integration_time_s = 0.06, frame_interval_s = 0.0667 }
[sequence]
dark_before = 1
beam_on = 3
beam_off = 1
repeats = 2
exposure_spread = 0.01
"""


def scene_file(folder: Path, extra: str = SOLIDS, kerma: float = 5.0, layer: str = "CsI_Tl_500um") -> Path:
    (folder / "panel.toml").write_text(PANEL)
    trimesh.creation.icosphere(subdivisions=3, radius=1.5).export(folder / "ball.stl")
    path = folder / "scene.toml"
    path.write_text(SCENE.format(layer=layer, kerma=kerma, extra=extra))
    return path


def stores() -> list[object]:
    return [".npz", pytest.param(".zarr", marks=pytest.mark.skipif(not _has_zarr(), reason="zarr is not installed"))]


def _has_zarr() -> bool:
    try:
        import zarr  # noqa: F401
    except ImportError:
        return False
    return True


needs_zarr = pytest.mark.skipif(not _has_zarr(), reason="zarr is not installed")


def simulated(scene: Path, end: str, frames: int | None = None) -> tuple[np.ndarray, Truth]:
    out, path = scene.with_name(f"raw{frames}.npy"), scene.with_name(f"truth{frames}{end}")
    rx.simulate_scene(scene, out, frames=frames, truth=path, seed=4)
    raw = np.load(out)
    return raw if raw.ndim == 3 else raw[None], rx.load_truth(path)


@pytest.mark.slow
@pytest.mark.parametrize("kerma", [0.0, 5.0, 400.0])
@pytest.mark.parametrize("end", stores())
def test_layers_of_one_frame_make_it_bit_for_bit(tmp_path: Path, end: str, kerma: float) -> None:
    raw, truth = simulated(scene_file(tmp_path, kerma=kerma), end)
    np.testing.assert_array_equal(rx.recombine(truth), raw[0])
    assert (raw == 32767).any() == (kerma == 400.0)  # the end of the ADC
    np.testing.assert_array_equal(np.reshape(truth.layers["raw_dn"][...], raw.shape), raw)


@pytest.mark.slow
@needs_zarr
@pytest.mark.parametrize("layer", ["CsI_Tl_500um", "CsPbBr3_75um"])
def test_layers_of_several_frames_with_lag_make_each_bit_for_bit(tmp_path: Path, layer: str) -> None:
    scene = scene_file(tmp_path, RUN + SOLIDS, layer=layer)
    raw, truth = simulated(scene, ".zarr")
    assert len(raw) == 9
    for number, frame in enumerate(raw):
        np.testing.assert_array_equal(rx.recombine(truth, number), frame)
        assert (rx.recombine(truth, number, without=("lag_dn",)) != frame).any()
    after = truth.layers["lag_dn"][4]  # the beam is off for the first time
    assert np.median(after) > 1.0 and np.median(truth.layers["lag_dn"][2]) < -1.0
    assert ("afterglow_electrons" in truth.layers) == (layer == "CsI_Tl_500um")
    alone = scene.with_name("alone.npy")
    rx.simulate_scene(scene, alone, seed=4)
    np.testing.assert_array_equal(np.load(alone), raw)  # the truth changes no frame


DUAL = """
based_on = "dual_layer"
name = "small"
description = "48 x 64 pixels of the dual-layer panel"
[pixels]
rows = 48
cols = 64
[readout]
electrons_per_dn = {electrons_per_dn}
"""


def dual_scene(folder: Path, extra: str, layer: str = "CsPbBr3_75um") -> Path:
    scene = scene_file(folder, extra, layer=layer)
    (folder / "panel.toml").write_text(DUAL.format(electrons_per_dn=100.0))
    return scene


def _check_both(scene: Path, end: str) -> tuple[Truth, list[np.ndarray]]:
    """Truth and frames of front and back layer, the frames the same as without a truth and as made of their layers."""
    simulated(scene, end)
    truth = rx.load_truth(scene.with_name(f"truthNone{end}"))
    alone = scene.with_name("alone.npy")
    rx.simulate_scene(scene, alone, seed=4)
    both = []
    for back, name in ((False, ""), (True, "_back")):
        raw = np.load(scene.with_name(f"rawNone{name}.npy"))
        np.testing.assert_array_equal(np.load(scene.with_name(f"alone{name}.npy")), raw)
        both.append(raw if raw.ndim == 3 else raw[None])
        for number, frame in enumerate(both[-1]):
            np.testing.assert_array_equal(rx.recombine(truth, number, back=back), frame)
    assert (both[0] != both[1]).mean() > 0.9
    return truth, both


@pytest.mark.parametrize("end", stores())
def test_layers_of_both_layers_of_a_panel_make_their_frames_bit_for_bit(tmp_path: Path, end: str) -> None:
    truth, (front, back) = _check_both(dual_scene(tmp_path, SOLIDS), end)
    behind = {name.removeprefix("back/") for name in truth.card["layers"] if name.startswith("back/")}
    own = {name for name in truth.card["layers"] if not name.startswith("back/")}
    assert behind - own == {"afterglow_electrons"} and not own - behind  # of CsI behind a film
    assert all(f"back/{name}" in truth.layers for name in behind)
    of_back, of_front = truth.card["layers"]["back/quanta"], truth.card["layers"]["quanta"]
    assert of_back == {**of_front, "what": f"of the back layer: {of_front['what']}"}
    for name, layer in (("quanta", front), ("back/quanta", back)):
        assert np.corrcoef(truth.layers[name][...].ravel(), layer[0].ravel())[0, 1] > 0.3
    said = truth.card["back"]
    assert said["source_to_detector_mm"] > 1001.5 and said["frames_metadata"]["layer"] == "back"
    assert said["panel_map_seed"] != truth.card["seeds"]["panel_map_seed"]
    text = str(truth.layers["card_text"]) if end == ".npz" else (tmp_path / "truthNone.zarr/card.txt").read_text()
    assert "Back layer, 1001.8" in " ".join(text.split()) and "of the back layer: mean X-ray quanta" in text
    with pytest.raises(ValueError, match=r"frame must be 0 to 0, got 1"):
        rx.recombine(truth, 1, back=True)


@needs_zarr
@pytest.mark.slow
def test_layers_of_a_sequence_of_both_layers_make_each_frame_bit_for_bit(tmp_path: Path) -> None:
    truth, (front, _) = _check_both(dual_scene(tmp_path, RUN + SOLIDS), ".zarr")
    assert front.shape == (9, 48, 64)
    # the back layer of columnar CsI has afterglow, the film before it has none
    assert "back/afterglow_electrons" in truth.layers and "afterglow_electrons" not in truth.layers
    np.testing.assert_array_equal(truth.layers["back/relative_exposure"][...], truth.layers["relative_exposure"][...])
    wide = [np.count_nonzero(truth.layers[f"{of}mask/solids[0]"][...]) for of in ("", "back/")]
    assert 1 <= wide[1] / wide[0] < 1.1  # seen from a little farther away
    own = {name.removeprefix("back/"): truth.layers[name] for name in truth.card["layers"] if name.startswith("back/")}
    _check_noise(Truth(own, {**truth.card, **truth.card["back"]}), [2, 4, 8])


def test_a_truth_of_one_layer_has_no_back(tmp_path: Path) -> None:
    _, truth = simulated(scene_file(tmp_path), ".npz")
    assert "back" not in truth.card and not any(name.startswith("back/") for name in truth.layers)
    with pytest.raises(ValueError, match=r"the truth holds no back layer: its panel has one layer only"):
        rx.recombine(truth, back=True)


@pytest.mark.slow
@needs_zarr
def test_doses_that_change_the_gain_are_in_the_layers(tmp_path: Path) -> None:
    scene = scene_file(tmp_path, RUN, kerma=50.0, layer="bright.toml")
    (tmp_path / "bright.toml").write_text(
        'based_on = "CsI_Tl_500um"\nname = "bright"\ndescription = "with bright burn"\n'
        "[[bright_burn]]\ngain_per_Gy = 100.0\nlargest_gain = 0.2\ntime_s = 1000.0\n"
    )
    raw, truth = simulated(scene, ".zarr")
    assert truth.layers["mean_gain"][8] > 1.01
    for number, frame in enumerate(raw):
        np.testing.assert_array_equal(rx.recombine(truth, number), frame)
    _check_noise(truth, [3, 7, 8])


def _check_noise(truth: Truth, frames: list[int]) -> None:
    """The noise of good pixels has no mean: else a layer would be missing, and the noise hold it."""
    good = (truth.layers["defects"][...] == 0) & (truth.layers["response"][...] > 0)
    for number in frames:
        noise = truth.layers["noise_dn"][number][good]
        # The noise of rows and of blurred light is correlated: ten times the standard error of white noise.
        assert abs(noise.mean()) < 10.0 * noise.std() / np.sqrt(noise.size)


@pytest.mark.slow
@needs_zarr
def test_noise_is_what_is_left_when_all_else_is_in_its_layer(tmp_path: Path) -> None:
    extra = RUN.replace("repeats = 2", "repeats = 20").replace("exposure_spread = 0.01", "")
    _, truth = simulated(scene_file(tmp_path, extra, kerma=20.0), ".zarr")
    layers = truth.layers
    good = (layers["defects"][...] == 0) & (layers["response"][...] > 0)
    lit = [n for n, on in enumerate(layers["relative_exposure"][...]) if on]
    noise = np.array([layers["noise_dn"][n] for n in lit[2:]], dtype=np.float64)
    error = noise.std(axis=0, ddof=1) / np.sqrt(len(noise))
    # Of 2,500 pixels the median of t has a standard error of 1.25 / 50, twice that with the blur of the light.
    assert abs(np.median((noise.mean(axis=0) / error)[good])) < 0.15
    late = np.array([layers["afterglow_electrons"][n] for n in lit[2:]]).mean(axis=0) / 250.0
    lag = np.array([layers["lag_dn"][n] for n in lit[2:]]).mean(axis=0)
    for layer in (late, lag):  # a layer that was forgotten would have been seen
        assert abs(np.median((layer / error)[good])) > 1.0


def test_a_dark_frame_holds_what_the_panel_leaks(tmp_path: Path) -> None:
    _, truth = simulated(scene_file(tmp_path, "", kerma=0.0), ".npz")
    layers = truth.layers
    assert not layers["primary"].any() and not layers["scatter"].any()
    charge = layers["dark_electrons_per_s"].astype(np.float64) * 0.5
    charge *= 1.0 - layers["nonlinearity"] * charge / truth.card["constants"]["full_well_electrons"]
    np.testing.assert_allclose(layers["mean_electrons"], charge, rtol=1e-6)
    np.testing.assert_allclose(layers["noiseless_dn"], layers["offset_dn"] + charge / 250.0, rtol=1e-6)
    assert np.abs(layers["lag_dn"]).max() < 0.1  # as much is released as is trapped


def test_primary_is_all_of_the_signal_and_scatter_nothing(tmp_path: Path) -> None:
    from radiography.acquire import expose, mean_electrons

    scene = scene_file(tmp_path, "", layer="CsPbBr3_75um")
    _, truth = simulated(scene, ".npz")
    plan = rx.plan_acquisition(rx.load_scene(scene), tmp_path)
    primary, scatter = truth_job.primary_and_scatter(plan, expose(plan))
    np.testing.assert_array_equal(truth.layers["primary"], primary)
    assert primary.mean() == pytest.approx(mean_electrons(plan), rel=1e-3)  # an open field of 9 mm at 1 m
    assert not scatter.any() and not truth.layers["scatter"].any() and truth.card["scatter_simulated"] is False
    dark = truth.layers["dark_electrons_per_s"] * 0.5
    linear = primary * truth.layers["response"] + dark
    held = linear * (1.0 - truth.layers["nonlinearity"] * linear / truth.card["constants"]["full_well_electrons"])
    np.testing.assert_allclose(truth.layers["mean_electrons"], held, rtol=1e-6)


@pytest.mark.slow
def test_scatter_is_told_from_the_primary_and_frames_come_out_of_both(tmp_path: Path) -> None:
    slab = """
[scatter]
noise = 0.1
[[solids]]
shape = "box"
material = "PMMA"
size_mm = [200.0, 200.0, 100.0]
position_mm = [0.0, 0.0, 100.0]
"""
    raw, truth = simulated(scene_file(tmp_path, slab, layer="CsPbBr3_75um"), ".npz")
    primary, scatter = (truth.layers[name].astype(np.float64) for name in ("primary", "scatter"))
    assert truth.card["scatter_simulated"] is True
    assert 0.005 < scatter.mean() / primary.mean() < 0.05  # of a field of 9 mm
    assert scatter.std() / scatter.mean() < 0.1  # smooth over 9 mm
    assert truth.layers["mask/solids[0]"].all()
    np.testing.assert_array_equal(rx.recombine(truth), raw[0])
    assert (rx.recombine(truth, without=("scatter",)) != raw[0]).any()


def test_thickness_and_masks_are_where_the_solids_are(tmp_path: Path) -> None:
    _, truth = simulated(scene_file(tmp_path), ".npz")
    layers = truth.layers
    alloy, hole, ball = (layers[f"thickness_mm/{name}"] for name in ("my%2Falloy", "air", "PMMA"))
    assert truth.card["layers"]["thickness_mm/my%2Falloy"]["material"] == "my/alloy"
    rows = np.arange(48)[:, None] - 23.5
    cols = np.arange(64)[None, :] - 31.5
    x, y = 0.139 * cols + 0.0 * rows, 0.139 * rows + 0.0 * cols
    in_hole = np.hypot(x + 2.0, y) < 0.5
    in_block = (np.abs(x + 2.0) < 1.3) & (np.abs(y) < 1.8) & (np.hypot(x + 2.0, y) > 0.9)
    np.testing.assert_allclose(alloy[in_block], 4.0, rtol=1e-4)  # slants of 5 mm in 1 m
    np.testing.assert_allclose(hole[in_hole], 4.0, rtol=1e-4)
    assert alloy[in_hole].max() < 1e-9 and not hole[in_block].any()  # faces that touch, to rounding
    assert ball.max() == pytest.approx(3.0, rel=0.01)  # less the facets
    masks = [layers[f"mask/solids[{n}]"] for n in range(3)]
    for mask, path_mm in zip(masks, (alloy, hole, ball), strict=True):
        assert mask.dtype == np.bool_
        assert not mask[path_mm < 1e-9].any() and mask.any()
    assert masks[0][in_block].all() and masks[1][in_hole].all() and not masks[0][in_hole].any()
    assert masks[2].sum() * 0.139**2 == pytest.approx(np.pi * 1.5**2, rel=0.03)  # a disc of 8 % of a border
    whole = sum(mask.sum() for mask in masks[:2]) * 0.139**2
    assert whole == pytest.approx(3.0 * 4.0 * (1.0 + 2.0 * 4.0 / 1000.0), rel=0.08)  # a pixel of 21 and of 28


def test_a_ready_phantom_is_one_object(tmp_path: Path) -> None:
    extra = '[phantom]\nname = "step_wedge"\n' + SOLIDS
    _, truth = simulated(scene_file(tmp_path, extra), ".npz")
    masks = [name for name in truth.card["layers"] if name.startswith("mask/")]
    assert masks == ["mask/phantom", "mask/solids[0]", "mask/solids[1]", "mask/solids[2]"]


@pytest.mark.slow
@pytest.mark.parametrize("end", stores())
def test_the_card_says_what_every_layer_is(tmp_path: Path, end: str) -> None:
    _, truth = simulated(scene_file(tmp_path), end)
    for name, about in truth.card["layers"].items():
        layer = truth.layers[name]
        assert (list(layer.shape), np.dtype(layer.dtype).name) == (about["shape"], about["dtype"])
        assert about["what"] and about["unit"] == kind_of(name).unit and len(about["axes"]) == len(about["shape"])
    wanted = {"primary", "scatter", "mean_electrons", "noiseless_dn", "lag_dn", "quanta", "light", "offset_dn",
              "response", "defects"}  # fmt: skip
    assert wanted <= set(truth.card["layers"])
    assert (truth.card["seeds"]["seed"], truth.card["seeds"]["panel_map_seed"], truth.card["frames"]) == (4, 3, 1)
    assert truth.card["versions"]["radiography"] and "MIT" in truth.card["licence"]["software"]
    files = {one["file"]: one["sha256"] for one in truth.card["inputs"]}
    assert files["ball.stl"] == hashlib.sha256((tmp_path / "ball.stl").read_bytes()).hexdigest()
    if end == ".npz":
        assert set(truth.layers) == set(truth.card["layers"]) | {"card", "card_text"}
        text = str(truth.layers["card_text"])
    else:
        assert json.loads((tmp_path / "truthNone.zarr" / "card.json").read_text()) == truth.card
        text = (tmp_path / "truthNone.zarr" / "card.txt").read_text()
    for said in ("Seed 4", "MIT", "mean_electrons [electrons]", "thickness_mm/PMMA [mm]", "left out, the layer is 0"):
        assert said in text


@needs_zarr
def test_any_reader_of_zarr_finds_all_arrays_without_a_warning(tmp_path: Path) -> None:
    import zarr

    _, truth = simulated(scene_file(tmp_path), ".zarr")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        group = zarr.open_group(str(tmp_path / "truthNone.zarr"), mode="r")
        members = dict(group.members(max_depth=None))
    arrays = {name for name, member in members.items() if hasattr(member, "shape")}
    assert arrays == set(truth.card["layers"])
    assert members["primary"].attrs["unit"] == "electrons"
    assert members["noiseless_dn"].metadata.dimension_names == ("frame", "row", "column")


@pytest.mark.slow
@needs_zarr
def test_the_same_seed_gives_the_same_bytes_on_one_and_two_threads(tmp_path: Path) -> None:
    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("this machine has one processor")
    scene, found = scene_file(tmp_path, RUN + SOLIDS), []
    for threads in (1, 2):
        out = tmp_path / f"{threads}.zarr"
        reference.on_threads(
            threads, lambda out=out: rx.simulate_scene(scene, tmp_path / "x.npy", frames=2, truth=out, seed=1)
        )
        found.append({p.relative_to(out): p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file()})
    assert found[0] == found[1]


def test_several_frames_in_a_file_share_their_layers_only(tmp_path: Path) -> None:
    _, truth = simulated(scene_file(tmp_path), ".npz", frames=2)
    assert {"primary", "scatter", "mask/solids[0]", "relative_exposure"} <= set(truth.layers)
    assert "noiseless_dn" not in truth.layers
    with pytest.raises(ValueError, match=r"of several frames only a \.zarr truth holds the layers of each"):
        rx.recombine(truth)


def test_a_folder_of_truth_needs_its_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zarr", None)
    scene = scene_file(tmp_path)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(ValueError, match=r'needs zarr: pip install "radiography\[truth\]"'):
        rx.simulate_scene(scene, tmp_path / "x.npy", truth=tmp_path / "t.zarr")
    assert sorted(tmp_path.iterdir()) == before


def test_a_name_that_is_too_long_is_refused_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("radiography.jobs.simulate.plan_parts", None)
    scene = scene_file(tmp_path, SOLIDS.replace("my/alloy", "x" * 300))
    with pytest.raises(ValueError, match="takes 300 bytes as that of a layer"):
        rx.simulate_scene(scene, tmp_path / "x.npy", truth=tmp_path / "t.npz")


@pytest.mark.slow
@pytest.mark.parametrize("end", stores())
def test_a_run_that_fails_leaves_no_truth(tmp_path: Path, end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = scene_file(tmp_path)
    before = sorted(tmp_path.iterdir())

    def fails(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(truth_job, "exact_noise", fails)
    with pytest.raises(KeyboardInterrupt):
        rx.simulate_scene(scene, tmp_path / "x.npy", truth=tmp_path / f"t{end}")
    assert sorted(tmp_path.iterdir()) == before


@needs_zarr
@pytest.mark.parametrize("kind", ["folder", "file", "link"])
def test_a_folder_of_truth_takes_a_new_name_only(tmp_path: Path, kind: str) -> None:
    scene, taken = scene_file(tmp_path), tmp_path / "t.zarr"
    if kind == "folder":
        taken.mkdir()
    elif kind == "file":
        taken.write_text("old")
    else:
        taken.symlink_to("nowhere")
    with pytest.raises(FileExistsError, match=r"cannot write .*t\.zarr: it (exists and is left|is a symbolic link)"):
        rx.simulate_scene(scene, tmp_path / "x.npy", truth=taken)
    assert not (tmp_path / "x.npy").exists()


@pytest.mark.parametrize("kind", ["nothing", "text", "npy", "other"])
def test_what_is_no_truth_is_refused_in_a_sentence(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "t.npz"
    if kind == "text":
        path.write_text("no zip")
    elif kind == "npy":
        with path.open("wb") as file:
            np.save(file, np.zeros(3))
    elif kind == "other":
        np.savez(path, quanta=np.zeros((2, 2)))
    with pytest.raises((ValueError, OSError), match=r"t\.npz"):
        rx.load_truth(path)


def test_frames_are_made_of_known_layers(tmp_path: Path) -> None:
    truth = simulated(scene_file(tmp_path, ""), ".npz")[1]
    with pytest.raises(ValueError, match="frames are not made of 'quanta', but of relative_exposure, primary"):
        rx.recombine(truth, without=("quanta",))
    with pytest.raises(ValueError, match="frame must be 0 to 0, got 1"):
        rx.recombine(truth, 1)
    for frame in (0.5, "x", None):
        with pytest.raises(TypeError, match=r"^frame must be a whole number from 0, got "):
            rx.recombine(truth, frame)  # type: ignore[arg-type]
    for without in (1, None, ("noise_dn", 2)):
        with pytest.raises(TypeError, match=r"^without must be names of layers, among relative_exposure, "):
            rx.recombine(truth, without=without)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"frames are not made of 'quanta'"):
        rx.recombine(truth, without="quanta")
    np.testing.assert_array_equal(
        rx.recombine(truth, without="noise_dn"), rx.recombine(truth, np.int64(0), without=("noise_dn",))
    )
    nothing = rx.recombine(truth, without=MADE_OF)
    assert not nothing.any()
    still = rx.recombine(truth, without=("noise_dn", "lag_dn"))
    expected = np.rint(truth.layers["noiseless_dn"].astype(np.float64))
    np.testing.assert_array_equal(still, np.clip(expected, 0, 32767))

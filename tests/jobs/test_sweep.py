"""A sweep gives each sample once, the same everywhere, goes on where it stopped, and outlives what is wrong in it."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import signal
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import radiography.jobs.sweep as job
from radiography.acquire import acquire_sequence, expose, plan_acquisition
from radiography.cli import run
from radiography.config import load_scene
from radiography.figures.sweep_plot import sweep_figure
from radiography.files.truth_store import load_truth
from radiography.jobs import sweep_truth
from radiography.jobs.simulate import simulate_scene
from radiography.jobs.sweep import run_sweep, sweep_to_json
from radiography.jobs.truth import has_late_light
from radiography.parts import SceneParts, load_parts
from radiography.scene import Scene
from radiography.sweep.description import load_sweep
from radiography.sweep.engine import Engine, has_dask
from radiography.sweep.numbers import NUMBERS, SampleFrames
from radiography.sweep.samples import describe_sample, plan_sweep
from tests.jobs.conftest import Followed
from tests.sweep.scenes import poisonous_sample, slow_sample, sweep_file

LOOP = Engine("none")
with_dask = pytest.mark.skipif(not has_dask(), reason="Dask (extra `sweep`) is not installed")


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def loop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a sweep of 16 samples with pictures, done one after the other: sweep.toml, x.zarr and the rest."""
    folder = tmp_path_factory.mktemp("loop")
    run_sweep(sweep_file(folder, "{ low = 1, high = 8, step = 1 }", "true"), folder / "x.zarr", engine=LOOP)
    return folder


@pytest.fixture
def copy(loop: Path, tmp_path: Path) -> Path:
    """The same folder for one test to change."""
    return Path(shutil.copytree(loop, tmp_path / "copy"))


@pytest.mark.slow
def test_a_sample_is_the_scene_with_its_values_and_its_own_seed(loop: Path) -> None:
    scene = load_scene(loop / "flat.toml", {"beam.air_kerma_uGy": 3.0, "solids.0.radius_mm": 1.0})
    plan = plan_acquisition(scene, loop)
    exposure = expose(plan)
    frames = np.stack(list(acquire_sequence(plan, exposure, None, np.random.default_rng([3, 5]), (1.0, 1.0))))
    stored = np.frombuffer((loop / "x.zarr/frames/c/2/1/0/0/0").read_bytes(), "<u2")
    np.testing.assert_array_equal(stored.reshape(2, 48, 64), frames)
    quanta = np.frombuffer((loop / "x.zarr/quanta/c/2/1/0/0").read_bytes(), "<f4")
    assert exposure is not None
    np.testing.assert_array_equal(quanta.reshape(48, 64), exposure.quanta)


def _layer(folder: Path, name: str, place: str, dtype: str = "<f4") -> NDArray[Any]:
    """A plane or the frames of a sample's truth, from its file alone."""
    (chunk,) = (path for path in (folder / name / "c" / place).rglob("*") if path.is_file())
    return np.frombuffer(chunk.read_bytes(), dtype).reshape(-1, 48, 64)


@pytest.mark.slow
def test_the_truth_of_a_sample_is_its_frames_without_noise_and_that_of_simulate(loop: Path, tmp_path: Path) -> None:
    store, place = loop / "x.zarr", "2/1"
    made = sum(_layer(store, name, place).astype(np.float64) for name in ("noiseless_dn", "lag_dn"))
    noise_dn = _layer(store, "frames", place, "<u2") - made
    assert abs(noise_dn.mean()) < 5.0 * noise_dn.std() / np.sqrt(noise_dn.size)  # five standard errors
    assert noise_dn.std() < 0.05 * np.median(_layer(store, "mean_electrons", place))  # 2.2 % of 2,000 quanta, and more
    # a sphere of 1 mm, as its middle throws it on a pixel: 2 mm are the longest path
    thickness, mask = _layer(store, "thickness_mm/Al", place)[0], _layer(store, "mask/solids[0]", place, "?")[0]
    assert 1.9 < thickness.max() <= 2.0 and mask.any() and not mask.all()
    assert (thickness[mask] > 0).all() and thickness[~mask].max() < 0.6
    for name in ("small.toml", "flat.toml"):
        shutil.copy(loop / name, tmp_path)
    _change(tmp_path / "flat.toml", "air_kerma_uGy = 15.0", "air_kerma_uGy = 3.0")
    simulate_scene(tmp_path / "flat.toml", tmp_path / "raw.npy", truth=tmp_path / "truth.npz")
    layers = load_truth(tmp_path / "truth.npz").layers
    for name in ("primary", "scatter", "quanta", "light", "light_spread", "thickness_mm/Al", "mask/solids[0]"):
        found = _layer(store, name, place, "?" if name.startswith("mask") else "<f4")
        np.testing.assert_array_equal(found[0], layers[name], err_msg=name)


@pytest.mark.slow
def test_a_layer_that_a_sample_lacks_is_left_empty(tmp_path: Path) -> None:
    path = sweep_file(tmp_path, "[4.0]", "true")
    _change(path, '"solids.0.radius_mm" = [0.5, 1.0]', '"solids.0.material" = ["Al", "PMMA"]')
    assert not run_sweep(path, tmp_path / "x.zarr", engine=LOOP).failed
    for material, other in (("Al", "0/1"), ("PMMA", "0/0")):
        chunks = tmp_path / "x.zarr" / "thickness_mm" / material / "c"
        assert [path.relative_to(chunks).parts[:2] != tuple(other.split("/")) for path in chunks.rglob("*/*/0/0")] == [
            True
        ]
    zarr = pytest.importorskip("zarr", reason="zarr (extra `sweep`) is not installed")
    for group in (
        zarr.open_group(str(tmp_path / "x.zarr"), mode="r", use_consolidated=known) for known in (True, False)
    ):
        assert np.isnan(group["thickness_mm/PMMA"][0, 0]).all() and group["thickness_mm/Al"][0, 0].max() > 1.5
        assert group["mask/solids[0]"].dtype == bool and group["mask/solids[0]"].attrs["units"] == "1"


def test_an_object_of_several_samples_is_loaded_once_for_the_names_of_its_layers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[float] = []

    def counted(scene: Scene, folder: Path, changes: Any) -> SceneParts:
        loaded.append(scene.solids[0].radius_mm or 0.0)
        return load_parts(scene, folder, changes)

    path = sweep_file(tmp_path, "[1.0, 2.0, 4.0]", "true")
    text = path.read_text(encoding="utf-8").replace("[keep]", 'scintillator = ["CsPbBr3_75um", "CsI_Tl_200um"]\n[keep]')
    path.write_text(text, encoding="utf-8")
    monkeypatch.setattr(sweep_truth, "load_parts", counted)
    plan = plan_sweep(path)
    names = [array.name for array in sweep_truth.truth_arrays(plan, (2, 48, 64))]
    assert plan.count == 12 and loaded == [0.5, 1.0]
    late = [has_late_light(describe_sample(plan, index)) for index in range(plan.count)]
    assert any(late) and not all(late)  # that of the layer is looked at in every sample
    assert set(names) - set(sweep_truth.ALWAYS) == {"afterglow_electrons", "thickness_mm/Al", "mask/solids[0]"}


@pytest.mark.slow
def test_of_a_dual_layer_panel_frames_and_truth_of_both_layers_are_kept(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path, store = sweep_file(tmp_path, "[4.0]", "true"), tmp_path / "x.zarr"
    text = (tmp_path / "small.toml").read_text(encoding="utf-8")
    dual = text.replace("fully_coated", "dual_layer").replace('"small"', '"dual"')
    (tmp_path / "dual.toml").write_text(dual, encoding="utf-8")
    _change(path, '"solids.0.radius_mm" = [0.5, 1.0]', 'panel = ["small.toml", "dual.toml"]')
    assert run(["sweep", str(path), "--out", str(store), "--scheduler", "none"]) == 0
    said = "numbers of a dual-layer panel are of its front layer; frames and truth of the back layer are in its group"
    assert said in capfd.readouterr().out
    front = plan_acquisition(describe_sample(plan_sweep(path), 1).scene, tmp_path)
    assert front.back is not None
    for layer, of, seed in ((front, "", [3, 1]), (front.back, "back/", [3, 1, 1])):
        frames = np.stack(list(acquire_sequence(layer, expose(layer), None, np.random.default_rng(seed), (1.0, 1.0))))
        np.testing.assert_array_equal(_layer(store, f"{of}frames", "0/1", "<u2"), frames)
        made = sum(_layer(store, f"{of}{name}", "0/1").astype(np.float64) for name in ("noiseless_dn", "lag_dn"))
        noise_dn = frames - made
        assert abs(noise_dn.mean()) < 5.0 * noise_dn.std() / np.sqrt(noise_dn.size)
    assert not (store / "back" / "frames" / "c" / "0" / "0").exists()  # of the panel with one layer
    zarr = pytest.importorskip("zarr", reason="zarr (extra `sweep`) is not installed")
    for known in (True, False):
        group = zarr.open_group(str(store), mode="r", use_consolidated=known)
        assert not group["back/frames"][0, 0].any() and np.isnan(group["back/quanta"][0, 0]).all()
        front_quanta, back_quanta = (group[f"{of}quanta"][0, 1].mean() for of in ("", "back/"))
        assert front_quanta > 3 * back_quanta > 0
        assert group["back/mask/solids[0]"][0, 1].any() and group["back/mask/solids[0]"].dtype == bool
        assert group["back/quanta"].attrs["long_name"].startswith("of the back layer: ")


def test_numbers_alone_of_a_dual_layer_panel_are_said_to_be_of_the_front(tmp_path: Path) -> None:
    path = sweep_file(tmp_path, "[4.0]")
    _change(tmp_path / "small.toml", "fully_coated", "dual_layer")
    found = run_sweep(path, tmp_path / "x.zarr", engine=LOOP)
    assert sweep_to_json(found)["warnings"] == [
        "the numbers of a dual-layer panel are of its front layer; nothing of the back layer is kept"
    ]
    assert not (tmp_path / "x.zarr" / "back").exists()


def test_the_table_has_a_row_for_each_sample_and_the_signal_follows_the_dose(loop: Path) -> None:
    with (loop / "x.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["index"]) for row in rows] == list(range(16)) and not any(row["error"] for row in rows)
    doses = np.array([float(row["beam.air_kerma_uGy"]) for row in rows])
    signal = np.array([float(row["signal_dn"]) for row in rows])
    assert doses.tolist() == np.repeat(np.arange(1.0, 9.0), 2).tolist()
    # the gain of the panel is the same at every dose; 3,000 pixels and 2 frames know a mean to 0.3 % at 1 uGy
    per_dose = signal / doses
    np.testing.assert_allclose(per_dose[::2], per_dose[::2].mean(), rtol=0.02)
    # the larger sphere of aluminium takes more out of the beam
    assert (signal[1::2] < signal[::2]).all()
    noise = np.array([float(row["noise_dn"]) for row in rows])
    assert (np.diff(noise[::2]) > 0).all()
    assert (loop / "x.png").stat().st_size > 10_000


@pytest.mark.slow
def test_a_second_start_does_nothing_and_changes_nothing(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(copy)
    monkeypatch.setattr("radiography.sweep.sample._simulated", lambda *_: pytest.fail("done again"))
    found = run_sweep(copy / "sweep.toml", copy / "x.zarr", engine=LOOP)
    assert (found.done_before, found.plan.count, found.failed) == (16, 16, ())
    after = contents(copy)
    for files in (before, after):
        files.pop("x.png")  # of a figure matplotlib promises no bytes
    assert after == before


@pytest.mark.slow
def test_only_what_is_missing_is_done_and_it_is_the_same_again(
    copy: Path, loop: Path, monkeypatch: pytest.MonkeyPatch, followed: Followed
) -> None:
    for sample in ("0/1", "7/0"):
        (copy / "x.zarr/done/c" / sample).unlink()
        (copy / "x.zarr/frames/c" / sample / "0/0/0").write_bytes(b"half")  # as of a killed writer without a rename
    done = []
    real = job.do_sample
    monkeypatch.setattr(job, "do_sample", lambda task, item: done.append(item[0]) or real(task, item))
    found = run_sweep(copy / "sweep.toml", copy / "x.zarr", engine=LOOP, report=followed)
    assert done == [1, 14] and found.done_before == 14
    assert contents(copy / "x.zarr") == contents(loop / "x.zarr")
    assert followed.done == {"looking at the samples": 1.0, "samples": 1.0}


@pytest.mark.slow
@with_dask
def test_a_killed_worker_costs_no_sample_and_changes_no_byte(
    copy: Path, loop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(copy / "x.zarr")
    monkeypatch.setattr(job, "do_sample", slow_sample)
    killed = []

    def kill_one(what: str, done: float) -> None:
        if done > 0.1 and what == "samples" and not killed:
            killed.append(int(next(copy.glob("pid-*")).name.removeprefix("pid-")))
            os.kill(killed[0], signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)

    found = run_sweep(copy / "sweep.toml", copy / "x.zarr", engine=Engine("local", 2), report=kill_one)
    assert len(list(copy.glob("pid-*"))) >= 3 and killed[0] != os.getpid()  # one came in its place
    assert (len(found.samples), found.failed, found.done_before) == (16, (), 0)
    assert contents(copy / "x.zarr") == contents(loop / "x.zarr")
    assert (copy / "x.csv").read_bytes() == (loop / "x.csv").read_bytes()
    again = run_sweep(copy / "sweep.toml", copy / "x.zarr", engine=Engine("local", 2))
    assert again.done_before == 16


@with_dask
@pytest.mark.slow
def test_a_sample_that_kills_its_workers_is_recorded_and_the_rest_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "do_sample", poisonous_sample)
    path = sweep_file(tmp_path)
    found = run_sweep(path, tmp_path / "x.zarr", engine=Engine("local", 2))
    assert [one.index for one in found.failed] == [3]
    assert "4 worker processes have died over it" in found.failed[0].error
    assert b"4 worker processes" in (tmp_path / "x.zarr/error/c/1/1").read_bytes()
    monkeypatch.undo()
    again = run_sweep(path, tmp_path / "x.zarr", engine=LOOP)
    assert again.done_before == 5 and not again.failed  # what failed is tried again
    assert (tmp_path / "x.zarr/error/c/1/1").read_bytes() == (tmp_path / "x.zarr/error/c/0/0").read_bytes()


def test_a_sample_that_is_wrong_is_recorded_and_the_rest_goes_on(tmp_path: Path) -> None:
    path = sweep_file(tmp_path)
    text = path.read_text().replace(
        "[0.5, 1.0]", '[0.5, 1.0]\n"solids.0.position_mm" = [[0.0, 0.0, 10.0], [900.0, 0.0, 9.0]]'
    )
    path.write_text(text.replace("[1.0, 4.0, 16.0]", "[4.0]"))
    found = run_sweep(path, tmp_path / "x.zarr", engine=LOOP)
    assert [one.index for one in found.failed] == [1, 3]
    assert "object outside the beam" in found.failed[0].error
    assert [row["numbers"] == {} for row in sweep_to_json(found)["rows"]] == [False, True, False, True]
    rows = list(csv.DictReader((tmp_path / "x.csv").read_text().splitlines()))
    assert rows[1]["signal_dn"] == "" and "object outside the beam" in rows[1]["error"]
    assert rows[1]["solids.0.position_mm"] == "[900.0, 0.0, 9.0]"
    json.dumps(sweep_to_json(found)["rows"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("sweep.toml", "seed = 3", "seed = 4", "holds another sweep, or this one before"),
        ("sweep.toml", "step = 1", "step = 2", "holds another sweep, or this one before"),
        ("small.toml", "cols = 64", "cols = 64\n[readout]\nbits = 14", "holds another sweep, or this one before"),
        ("x.zarr/zarr.json", "radiography 0", "radiography 9", "was begun by radiography 9"),
        ("x.zarr/zarr.json", "sweep_sha256", "sha256", r"holds no sweep but 'beam\.air_kerma_uGy'"),
    ],
)
def test_the_folder_of_another_sweep_is_refused_and_left_as_it_is(
    copy: Path, file: str, old: str, new: str, message: str
) -> None:
    _change(copy / file, old, new)
    before = contents(copy)
    with pytest.raises(ValueError, match=message):
        run_sweep(copy / "sweep.toml", copy / "x.zarr", engine=LOOP)
    assert contents(copy) == before


def _change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.slow
def test_a_comment_makes_no_other_sweep(copy: Path) -> None:
    _change(copy / "sweep.toml", "seed = 3", "seed = 3  # of the day")
    assert run_sweep(copy / "sweep.toml", copy / "x.zarr", engine=LOOP).done_before == 16


def test_a_number_that_needs_more_frames_than_the_samples_have_runs_nothing(tmp_path: Path) -> None:
    path = sweep_file(tmp_path)
    _change(path, "frames = 2\n", "")
    before = contents(tmp_path)
    with pytest.raises(ValueError, match=r"noise_dn needs 2 frames with the beam on, a sample has 1: give frames in"):
        run_sweep(path, tmp_path / "x.zarr", engine=LOOP)
    assert contents(tmp_path) == before


def test_frames_that_do_not_change_have_no_snr() -> None:
    maps = SimpleNamespace(defects=np.zeros((2, 3)), response=np.ones((2, 3)))
    acquisition: Any = SimpleNamespace(maps=maps, panel=SimpleNamespace(saturation_dn=100))
    frames = SampleFrames(acquisition, None, np.full((2, 2, 3), 100, np.uint16), np.ones(2, np.bool_), [])
    with pytest.raises(ValueError, match=r"snr needs a noise above 0 DN, .*; 100 % of them are saturated"):
        NUMBERS["snr"].measure(frames)


def test_what_cannot_be_leaves_no_file(tmp_path: Path) -> None:
    path = sweep_file(tmp_path, pictures="true")
    before = contents(tmp_path)
    with pytest.raises(ValueError, match=r"x\.zip must end in \.zarr"):
        run_sweep(path, tmp_path / "x.zip")
    with pytest.raises(ValueError, match=r"the samples differ in frames, rows or columns: keep numbers only"):
        mixed = tmp_path / "mixed.toml"
        mixed.write_text(
            path.read_text().replace('"solids.0.radius_mm" = [0.5, 1.0]', '"panel.pixels.rows" = [40, 48]')
        )
        run_sweep(mixed, tmp_path / "x.zarr", engine=LOOP)
    mixed.unlink()
    (tmp_path / "small.csv").hardlink_to(tmp_path / "small.toml")
    with pytest.raises(ValueError, match=r"would be overwritten by a result"):
        run_sweep(path, tmp_path / "small.zarr", engine=LOOP)
    (tmp_path / "small.csv").unlink()
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("x.csv", b"patient,dose\n1,2\n", "no table of this sweep"),
        ("x.csv", b"index,beam.air_kerma_uGy,error\n", "no table of this sweep"),
        ("x.csv", b"", "no table of this sweep"),
        ("x.png", b"\x89PNG of somebody else", "no figure of this sweep"),
    ],
)
def test_a_table_or_figure_of_others_is_not_written_over(tmp_path: Path, name: str, text: bytes, message: str) -> None:
    path = sweep_file(tmp_path, "[4.0]")
    (tmp_path / name).write_bytes(text)
    before = contents(tmp_path)
    with pytest.raises(ValueError, match=rf"{name} is there already and is {message}: remove it, or give another"):
        run_sweep(path, tmp_path / "x.zarr", engine=LOOP)
    assert contents(tmp_path) == before and not (tmp_path / "x.zarr").exists()


@pytest.mark.slow
def test_a_table_and_figure_of_its_own_are_written_again_where_the_folder_was_removed(copy: Path) -> None:
    _change(copy / "sweep.toml", "low = 1, high = 8, step = 1", "low = 4, high = 5, points = 2")
    shutil.rmtree(copy / "x.zarr")
    assert not run_sweep(copy / "sweep.toml", copy / "x.zarr", engine=LOOP).failed
    assert len((copy / "x.csv").read_text(encoding="utf-8").splitlines()) == 5


@pytest.mark.slow
def test_frames_of_other_sizes_have_numbers_all_the_same(tmp_path: Path) -> None:
    path = sweep_file(tmp_path, "[4.0]")
    path.write_text(path.read_text().replace('"solids.0.radius_mm" = [0.5, 1.0]', '"panel.pixels.rows" = [40, 48]'))
    found = run_sweep(path, tmp_path / "x.zarr", engine=LOOP)
    assert not found.failed and set(found.samples[0].numbers) == {"signal_dn", "noise_dn"}


def test_files_that_change_meanwhile_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = sweep_file(tmp_path, "[4.0]")
    real = job.do_sample

    def change(task: object, item: tuple[int, str]) -> object:
        (tmp_path / "small.toml").write_text((tmp_path / "small.toml").read_text().replace("64", "60"))
        return real(task, item)  # type: ignore[arg-type]

    monkeypatch.setattr(job, "do_sample", change)
    found = run_sweep(path, tmp_path / "x.zarr", engine=LOOP)
    assert {one.error for one in found.failed} == {"the files of this sample are not those with which the sweep began"}


def test_a_store_that_cannot_be_written_ends_the_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("radiography.sweep.sample.write_value", full)
    with pytest.raises(OSError, match="No space left"):
        run_sweep(sweep_file(tmp_path, "[4.0]"), tmp_path / "x.zarr", engine=LOOP)
    assert not (tmp_path / "x.csv").exists()


@pytest.mark.parametrize(("zipped", "lines"), [(False, 2), (True, 1)])
def test_the_figure_joins_what_differs_along_its_axis_only(zipped: bool, lines: int) -> None:
    values = [{"dose": dose, "layer": layer, "same": 1} for dose in (1.0, 10.0, 100.0) for layer in ("thin", "thick")]
    rows = [(one, {"signal": 2.0 * float(str(one["dose"]))}) for one in values]
    rows[0][1]["signal"] = float("nan")  # such as the width of a curve that does not fall to one half
    figure = sweep_figure(["dose", "layer", "same"], {"signal": "DN"}, rows, zipped=zipped)
    first, second = figure.axes
    assert (first.get_xlabel(), second.get_xlabel(), first.get_ylabel()) == ("dose", "layer", "signal (DN)")
    assert first.get_xscale() == "log" and second.get_xscale() == "linear"
    drawn = first.get_lines()
    assert len(drawn) == lines and sum(len(np.asarray(line.get_xdata())) for line in drawn) == 5
    assert [text.get_text() for text in second.get_xticklabels()] == ["thin", "thick"]


def test_a_figure_of_nothing_says_so() -> None:
    assert sweep_figure(["dose"], {"signal": "DN"}, []).axes[0].texts[0].get_text() == "no numbers"


@pytest.mark.slow
def test_the_first_commands_of_the_page_run_as_they_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a small sweep in place of the template's, whose panel is large, and without workers."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "sweeps.md").read_text(encoding="utf-8")
    init, sweep = re.findall(r"^```sh\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)[0].splitlines()
    monkeypatch.chdir(tmp_path)
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        assert run(init.split()[1:]) == 0 and load_sweep(tmp_path / "sweep.toml")[1]
        sweep_file(tmp_path, "[4.0]")
        assert run([*sweep.split()[1:], "--scheduler", "none"]) == 0
    assert {"sweep.zarr", "sweep.csv", "sweep.png"} <= {path.name for path in tmp_path.iterdir()}


@pytest.mark.slow
def test_the_page_says_what_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "sweeps.md").read_text(encoding="utf-8")
    told = {name for name in NUMBERS if f"`{name}`" in page or name.replace("_error", "") != name}
    assert told == set(NUMBERS)
    (block,) = re.findall(r"^```toml\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    path = sweep_file(tmp_path)
    path.write_text(block.replace('"edge"', '"flat.toml"').replace(', "mtf_2", "mtf_2_error"', ""), encoding="utf-8")
    found = run_sweep(path, tmp_path / "sweep.zarr", engine=LOOP)
    assert found.plan.shape == (3, 3) and not found.failed
    pytest.importorskip("zarr", reason="zarr (extra `sweep`) is not installed")
    pytest.importorskip("xarray", reason="xarray (extra `sweep`) is not installed")
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"^```python\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    with redirect_stdout(io.StringIO()) as said:
        exec(compile(code, "sweeps.md", "exec"), names)
    assert said.getvalue() and float(names["sweep"]["snr"][1, 2]) == found.samples[5].numbers["snr"]

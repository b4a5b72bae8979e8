"""Sweep files: axes of lists and ranges, and one sentence for what a sweep cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from radiography.sweep.description import AxisRange, load_sweep
from radiography.sweep.samples import check_samples, describe_sample, place_of, plan_sweep, values_of
from tests.sweep.scenes import sweep_file


@pytest.mark.parametrize(
    ("given", "values"),
    [
        (AxisRange(0.1, 0.5, step=0.1), (0.1, 0.2, 0.3, 0.4, 0.5)),
        (AxisRange(0.1, 0.55, step=0.1), (0.1, 0.2, 0.3, 0.4, 0.5)),
        (AxisRange(2.0, 8.0, step=3.0), (2, 5, 8)),
        (AxisRange(1.0, 2.0, points=3), (1.0, 1.5, 2.0)),
        (AxisRange(0.1, 10.0, points=3, log=True), (0.1, 1.0, 10.0)),
        (AxisRange(1.0, 100.0, points=3, log=True), (1, 10, 100)),
    ],
)
def test_a_range_holds_both_ends(given: AxisRange, values: tuple[float, ...]) -> None:
    assert given.values() == values
    assert [type(value) for value in given.values()] == [type(value) for value in values]  # 5.0 is no number of rows


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('base = "edge"\n', r"sweep\.toml: the key 'axes' is missing"),
        ('base = "edge"\n[axes]\n', r"a sweep needs an axis or more"),
        ('base = "edge"\n[axes]\ntemperature_C = []\n', r'axes\."temperature_C" must be a list of values, or a range'),
        ('base = "edge"\n[axes]\ntemperature_C = 3\n', r"must be a list of values, or a range .*, got 3"),
        ('base = "edge"\n[axes]\ntemperature_C = {low = 1, high = 2}\n', r"a range needs either step or points"),
        ('base = "edge"\n[axes]\ntemperature_C = {low = 3, high = 2, points = 2}\n', r"a range must rise, got low = 3"),
        ('base = "edge"\n[axes]\ntemperature_C = {low = 1, high = 2, step = 0.0}\n', r"step must be above 0, got 0"),
        ('base = "edge"\n[axes]\ntemperature_C = {low = 0, high = 1, step = 1e-9}\n', r"range has at most 10000 "),
        ('base = "edge"\n[axes]\ntemperature_C = {low = 0, high = inf, step = 1}\n', r"must be a finite .*, got inf"),
        ('base = "edge"\n[axes]\ntemperature_C = {low = 0, high = 1, points = 3, log = true}\n', r"a low above 0"),
        ('base = "edge"\n[axes]\ntemperature_C = {from = 0}\n', r"unknown key 'from'"),
        ('base = "edge"\n[axes]\n"../x" = [1]\n', r"'\.\./x' is no key: names are joined by dots"),
        ('base = "edge"\nframe = 2\n[axes]\n', r"unknown key 'frame' \(did you mean 'frames'\?\)"),
        ('base = "edge"\nseed = -1\n[axes]\nx = [1]\n', r"seed must be greater than or equal to 0, got -1"),
        ('base = "edge"\n[axes]\nx = [1]\n[keep]\nnumbers = ["mtf"]\n', r"keep: no number 'mtf'; known: signal_dn"),
        ('base = "edge"\n[axes]\nx = [1]\n[keep]\nnumbers = []\n', r"nothing is kept"),
        ('base = "edge"\n[axes]\nx = [1]\n[keep]\nnumbers = ["saturated", "saturated"]\n', r"named once each"),
        ('base = "edge"\nframes = 1\n[axes]\nx = [1]\n[keep]\nnumbers = ["snr"]\n', r"snr needs 2 frames, got 1"),
        ('base = "edge"\ncombine = "zip"\n[axes]\nx = [1]\ny = [1, 2]\n', r"must be equally long, got 1, 2 values"),
        ('base = "edge"\n[axes]\nx = {low=1, high=200, step=1}\ny = {low=1, high=200, step=1}\n', r"got 40000"),
        ('base = "edge"\n[axes]\ntemperature_C = [1, 2, 1.0]\n', r'axes\."temperature_C" has the value 1\.0 more than'),
        ('base = "edge"\n[axes]\npanel = ["worn", "worn"]\n', r"axes\.\"panel\" has the value 'worn' more than once"),
        ('base = "edge"\n[axes]\nx = {low = 1, high = 1.0000000000001, points = 9}\n', r"has the value 1.* more than"),
        ('base = "edge"\n[axes]\nx = [{a = 1}, {a = 1}]\n', r"has the value \{'a': 1\} more than once"),
        ("base = \n", r"sweep\.toml is not valid TOML"),
    ],
)  # fmt: skip
def test_what_a_sweep_cannot_be_is_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "sweep.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=message) as told:
        load_sweep(path)
    assert str(told.value).startswith(str(path)) and "\n" not in str(told.value).strip()


def test_values_may_come_again_where_axes_are_zipped_and_where_they_differ(tmp_path: Path) -> None:
    path = tmp_path / "sweep.toml"
    path.write_text('base = "edge"\ncombine = "zip"\n[axes]\nx = [1, 1]\ny = [1, 2]\n', encoding="utf-8")
    assert [axis.values for axis in load_sweep(path)[1]] == [(1, 1), (1, 2)]
    path.write_text('base = "edge"\n[axes]\nx = [1, true, "1", [1], [2]]\n', encoding="utf-8")
    assert load_sweep(path)[1][0].values == (1, True, "1", [1], [2])


def test_a_missing_base_is_told_with_the_sweep(tmp_path: Path) -> None:
    path = tmp_path / "sweep.toml"
    for base, error in (("none.toml", FileNotFoundError), ("edgy", ValueError)):
        path.write_text(f'base = "{base}"\n[axes]\ntemperature_C = [1.0]\n', encoding="utf-8")
        with pytest.raises(error, match=r"sweep\.toml: base: "):
            plan_sweep(path)


def test_the_last_axis_varies_fastest_and_zipped_axes_go_together(tmp_path: Path) -> None:
    path = sweep_file(tmp_path)
    plan = plan_sweep(path)
    assert (plan.count, plan.shape, plan.dimensions) == (6, (3, 2), ("beam.air_kerma_uGy", "solids.0.radius_mm"))
    assert [place_of(plan, index) for index in range(6)] == [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)]
    assert values_of(plan, 3) == {"beam.air_kerma_uGy": 4.0, "solids.0.radius_mm": 1.0}
    text = (
        path.read_text(encoding="utf-8")
        .replace("seed = 3", 'combine = "zip"')
        .replace("[1.0, 4.0, 16.0]", "[1.0, 4.0]")
    )
    path.write_text(text, encoding="utf-8")
    plan = plan_sweep(path)
    assert (plan.count, plan.shape, plan.dimensions) == (2, (2,), ("sample",))
    assert values_of(plan, 1) == {"beam.air_kerma_uGy": 4.0, "solids.0.radius_mm": 1.0}


def test_keys_reach_the_scene_and_the_files_that_it_names(tmp_path: Path) -> None:
    path = sweep_file(tmp_path)
    keys = {
        "panel.pixels.rows": 40, "scintillator.thickness_um": 90.0, "beam.kvp": 60.0, "beam.air_kerma_uGy": 2.0,
        "beam.anode_direction": "+rows", "scene.temperature_C": 31.0, "timing.integration_time_s": 0.25,
    }  # fmt: skip
    axes = "\n".join(f'"{key}" = [{value!r}]' for key, value in keys.items())
    path.write_text(f'base = "flat.toml"\n[axes]\n{axes}\n'.replace("'", '"'), encoding="utf-8")
    one = describe_sample(plan_sweep(path), 0)
    assert (one.panel.pixels.rows, one.panel.pixels.cols, one.scintillator.thickness_um) == (40, 64, 90.0)
    assert (one.beam.kvp, one.scene.beam.air_kerma_uGy, one.scene.beam.anode_direction) == (60.0, 2.0, "+rows")
    assert (one.scene.temperature_C, one.scene.timing.integration_time_s) == (31.0, 0.25)


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ('"beam.air_kerma_uGy" = [1.0, -1.0]', r"flat\.toml: beam\.air_kerma_uGy must be greater .*, got -1\.0"),
        ('"beam.air_kerma" = [1.0]', r"unknown key 'beam\.air_kerma'; known in beam: name, air_kerma_uGy, .*kvp, "),
        ('"beam.kvpp" = [70.0]', r"unknown key 'beam\.kvpp'; known in beam: .*kvp, filters"),
        ('"panel.pixels.row" = [70]', r"small\.toml: unknown key 'pixels\.row' \(did you mean 'rows'\?\)"),
        ('panel = ["small.toml", "large.toml"]', r"large\.toml does not exist"),
        ('"solids.1.radius_mm" = [1.0]', r"'1' is no entry of a list of 1"),
    ],
)
def test_a_value_that_is_wrong_wherever_it_stands_is_refused(tmp_path: Path, axes: str, message: str) -> None:
    path = sweep_file(tmp_path)
    path.write_text(f'base = "flat.toml"\n[axes]\n{axes}\ntemperature_C = [20.0, 30.0]\n', encoding="utf-8")
    with pytest.raises((ValueError, OSError), match=message) as told:
        check_samples(plan_sweep(path))
    assert str(path) in str(told.value)


def test_a_value_that_is_wrong_only_beside_another_is_left_to_its_sample(tmp_path: Path) -> None:
    path = sweep_file(tmp_path)
    axes = '"timing.integration_time_s" = [0.5, 6.0]\n"timing.frame_interval_s" = [5.0, 10.0]'
    path.write_text(f'base = "flat.toml"\n[axes]\n{axes}\n', encoding="utf-8")
    checked = check_samples(plan_sweep(path))
    assert len(set(checked.digests)) == 4 and checked.frame_shape == (1, 48, 64)


def test_what_a_sample_reads_is_part_of_its_digest(tmp_path: Path) -> None:
    path = sweep_file(tmp_path)
    before = check_samples(plan_sweep(path))
    assert before.inputs == (tmp_path / "small.toml",)
    assert check_samples(plan_sweep(path)).digests == before.digests
    (tmp_path / "small.toml").write_text((tmp_path / "small.toml").read_text().replace("64", "60"))
    assert not set(check_samples(plan_sweep(path)).digests) & set(before.digests)

"""`check` says what it knows at once."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from radiography.cli import run
from radiography.cli.check import _of_scatter
from radiography.jobs.brightest import LARGEST_SHARE
from radiography.jobs.check import ScatterCost, check_scene
from radiography.jobs.simulate import simulate_scene
from tests.sweep.scenes import PANEL, SCENE


def test_valid_is_said_before_anything_is_computed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []

    def stop(*_: object, **__: object) -> None:
        said.append(capsys.readouterr().out)
        raise ValueError("stopped here")

    monkeypatch.setattr("radiography.jobs.check.plan_parts", stop)
    assert run(["check", "edge"]) == 2
    assert said[0].startswith("valid         edge\n")
    assert "object        phantom (tungsten_edge, 1 solid): " in said[0]
    assert "% of the panel" in said[0]


def _scene(folder: Path, kerma_uGy: str, *, covered_mm: float = 0.0) -> Path:
    """A flat of a small panel, with a ball, or behind a slab of aluminium."""
    (folder / "small.toml").write_text(PANEL, encoding="utf-8")
    text = SCENE.replace("15.0", kerma_uGy)
    if covered_mm:
        slab = f'shape = "box"\nmaterial = "Al"\nsize_mm = [200.0, 200.0, {covered_mm}]\n'
        text = text.replace('shape = "sphere"\nmaterial = "Al"\nradius_mm = 1.0\n', slab)
    path = folder / "scene.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_field_that_saturates_the_panel_is_told_with_what_would_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = _scene(tmp_path, "4000.0")
    assert run(["check", str(path), "--json", str(tmp_path / "c.json")]) == 0
    told = re.search(
        r"the brightest part of the field saturates the panel: its mean is (\d+) DN, and about 100 % of its pixels "
        r"reach (\d+) DN, from which on a pixel counts as saturated \(saturation_dn\); "
        r"air_kerma_uGy = (\d+) would not\n",
        capsys.readouterr().err,
    )
    assert told is not None
    numbers = json.loads((tmp_path / "c.json").read_text(encoding="utf-8"))
    assert numbers["brightest_dn"] == [pytest.approx(float(told[1]), abs=0.5)]
    assert numbers["brightest_saturated_share"] == [pytest.approx(1.0, abs=0.005)]
    assert any("saturates the panel" in warning for warning in numbers["warnings"])
    path = _scene(tmp_path, f"{told[3]}.0")
    found = check_scene(path)
    full_dn = found.acquisition.panel.saturation_dn
    assert full_dn == float(told[2]) and 0.85 * full_dn < found.brightest[0].mean_dn < full_dn
    assert found.brightest[0].saturated_share() <= LARGEST_SHARE
    assert run(["check", str(path)]) == 0
    assert "saturates" not in capsys.readouterr().err
    simulate_scene(path, tmp_path / "raw.npy")
    assert np.mean(np.load(tmp_path / "raw.npy") >= full_dn) <= LARGEST_SHARE


def test_the_share_of_pixels_that_saturate_is_that_of_the_frames(tmp_path: Path) -> None:
    path = _scene(tmp_path, "1900.0")
    path.write_text(path.read_text(encoding="utf-8").split("[[solids]]")[0], encoding="utf-8")
    part = check_scene(path).brightest[0]
    simulate_scene(path, tmp_path / "raw.npy")
    share = np.mean(np.load(tmp_path / "raw.npy") >= part.saturation_dn)
    assert 0.1 < share < 0.6 and part.saturated_share() == pytest.approx(share, abs=0.1)


def _doubt_of(folder: Path, kerma_uGy: str, tables: str, capsys: pytest.CaptureFixture[str]) -> str:
    """What `check` says of saturation in a scene with more tables."""
    path = _scene(folder, kerma_uGy)
    path.write_text(path.read_text(encoding="utf-8").replace("[[solids]]", tables + "[[solids]]"), encoding="utf-8")
    assert run(["check", str(path)]) == 0
    return "".join(line for line in capsys.readouterr().err.splitlines() if "saturate" in line)


TIMES = "[timing]\nintegration_time_s = {0}.0\nframe_interval_s = 30001.0\n"


@pytest.mark.parametrize(
    ("kerma_uGy", "cause"),
    [("0.0", "dark current saturates"), ("20.0", "the brightest part of the field, with its dark current, saturates")],
)
def test_dark_current_fills_pixels_and_the_integration_time_is_told_that_does_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kerma_uGy: str, cause: str
) -> None:
    said = _doubt_of(tmp_path, kerma_uGy, TIMES.format(30000), capsys)
    advised = re.search(r"; integration_time_s = (\d+) would not$", said)
    assert f"warning: {cause} the panel: its mean is 24" in said and advised is not None
    assert "saturate" not in _doubt_of(tmp_path, kerma_uGy, TIMES.format(advised[1]), capsys)


def test_where_beam_and_dark_current_each_saturate_both_are_advised(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = _doubt_of(tmp_path, "4000.0", TIMES.format(30000), capsys)
    advised = re.search(r"; air_kerma_uGy = (\d+) with integration_time_s = (\d+) would not$", said)
    assert advised is not None
    assert "saturate" not in _doubt_of(tmp_path, f"{advised[1]}.0", TIMES.format(advised[2]), capsys)


def test_exposures_that_fluctuate_saturate_at_less(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sequence = "[sequence]\nbeam_on = 5\nexposure_spread = {0}\n"
    assert _doubt_of(tmp_path, "1600.0", sequence.format("0.0"), capsys) == ""
    said = _doubt_of(tmp_path, "1600.0", sequence.format("0.1"), capsys)
    advised = re.search(r"in frames 2 x exposure_spread above it .*; air_kerma_uGy = (\d+) would not$", said)
    assert advised is not None
    assert _doubt_of(tmp_path, f"{advised[1]}.0", sequence.format("0.1"), capsys) == ""


def test_the_brightest_value_is_that_of_the_frames_and_an_object_over_all_of_it_counts(tmp_path: Path) -> None:
    brightest = []
    for covered_mm in (0.0, 5.0):
        path = _scene(tmp_path, "200.0", covered_mm=covered_mm)
        found = check_scene(path)
        brightest.append(found.brightest[0].mean_dn - found.acquisition.panel.readout.offset_dn)
        simulate_scene(path, tmp_path / "raw.npy")
        seen_dn = float(np.percentile(np.load(tmp_path / "raw.npy"), 60)) - found.acquisition.panel.readout.offset_dn
        assert brightest[-1] == pytest.approx(seen_dn, rel=0.03)
    assert brightest[1] < 0.6 * brightest[0]


def test_of_two_layers_the_one_that_saturates_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = _scene(tmp_path, "1600.0")
    text = (tmp_path / "small.toml").read_text(encoding="utf-8").replace("fully_coated", "dual_layer")
    (tmp_path / "small.toml").write_text(text, encoding="utf-8")
    assert run(["check", str(path)]) == 0
    said = capsys.readouterr().err
    assert "saturates the back layer" in said and "saturates the front layer" not in said


def test_scatter_is_followed_once_for_each_layer_and_told_of_the_front() -> None:
    cost = ScatterCost(20_000_000, 30.0, 0.02, 0.4, 0.3)
    alone, dual = (_of_scatter(cost, layers) for layers in (1, 2))
    assert alone[0][1].startswith("0.4 times the primary") and alone[1][1].endswith("about 30 s, once")
    assert dual[0][1].startswith("at the front layer 0.4 times") and dual[1][1].endswith("s, once for each layer")


def test_simulate_counts_the_pixels_that_saturate_in_what_it_wrote(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out, told_in = _scene(tmp_path, "1900.0"), tmp_path / "raw.npy", tmp_path / "s.json"
    assert run(["simulate", str(path), "--out", str(out), "--frames", "2", "--json", str(told_in)]) == 0
    counts = [int(np.count_nonzero(frame >= 56720)) for frame in np.load(out)]
    worst = int(np.argmax(counts))
    warning = (
        f"raw.npy: {counts[worst]} of the 3072 pixels of frame {worst}, the most of 2 such frames of 2, are at or "
        "above 56720 DN, from which on a pixel counts as saturated (saturation_dn)"
    )
    assert json.loads(told_in.read_text(encoding="utf-8"))["warnings"] == [warning]
    assert f"radiography: warning: {warning}\n" in capsys.readouterr().err
    quiet = _scene(tmp_path, "200.0")
    assert run(["simulate", str(quiet), "--out", str(out), "--json", str(told_in)]) == 0
    assert json.loads(told_in.read_text(encoding="utf-8"))["warnings"] == []

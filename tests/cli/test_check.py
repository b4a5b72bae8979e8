"""`check` says what it knows at once."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from radiography.cli import run
from radiography.cli.check import _of_scatter
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
        r"the brightest part of the field saturates the panel: it would give (\d+) DN, and pixels are full from (\d+) "
        r"DN on; air_kerma_uGy = (\d+) would not\n",
        capsys.readouterr().err,
    )
    assert told is not None
    numbers = json.loads((tmp_path / "c.json").read_text(encoding="utf-8"))
    assert numbers["brightest_dn"] == [pytest.approx(float(told[1]), abs=0.5)]
    assert any("saturates the panel" in warning for warning in numbers["warnings"])
    found = check_scene(_scene(tmp_path, f"{told[3]}.0"))
    assert found.brightest_dn is not None
    full_dn = found.acquisition.panel.saturation_dn
    assert full_dn == float(told[2]) and 0.85 * full_dn < found.brightest_dn[0] < full_dn
    assert run(["check", str(path)]) == 0
    assert "saturates" not in capsys.readouterr().err


def test_the_brightest_value_is_that_of_the_frames_and_an_object_over_all_of_it_counts(tmp_path: Path) -> None:
    brightest = []
    for covered_mm in (0.0, 5.0):
        path = _scene(tmp_path, "200.0", covered_mm=covered_mm)
        found = check_scene(path)
        assert found.brightest_dn is not None
        brightest.append(found.brightest_dn[0] - found.acquisition.panel.readout.offset_dn)
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

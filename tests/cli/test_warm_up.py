"""The warm-up goes the way of a first run, says what took how long, and leaves nothing but caches."""

from __future__ import annotations

import json
import time
from contextlib import nullcontext
from pathlib import Path

import pytest

from radiography.cli import run
from radiography.jobs import warm_up as module
from radiography.jobs.inputs import check_at_least
from radiography.projection.volume_paths import trace_rows
from radiography.scatter.grid import _transmit
from radiography.scatter.kernels import trace_chunks


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """No second process."""
    monkeypatch.setattr(module, "compiling_ahead", lambda parts: nullcontext())


def test_each_layer_goes_through_all_parts_in_order(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    seen: list[tuple[str, str, bool]] = []

    def part(name: str):  # type: ignore[no-untyped-def]
        def does(folder: Path, layer: str) -> None:
            seen.append((name, layer, folder.is_dir() and folder.name == layer))
            time.sleep(0.06 if name == "correct" else 0.0)

        return does

    parts = ["simulate", "scatter", "calibrate", "correct", "measure"]
    assert list(module._PARTS) == parts
    monkeypatch.setattr(module, "_PARTS", {name: part(name) for name in parts})
    assert run(["warm-up", "--json", str(tmp_path / "kept.json")]) == 0
    took_s = json.loads((tmp_path / "kept.json").read_text())["took_s"]
    assert len(took_s) == 10
    assert took_s["correct, CsPbBr3_75um"] >= 0.06
    for layer in ("CsPbBr3_75um", "CsI_Tl_500um"):
        assert [name for name, of, _ in seen if of == layer] == parts
    assert all(has_folder for *_, has_folder in seen)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 10 + 4
    assert all(float(line.split()[-2]) >= 0.1 for line in lines if line.startswith("correct"))
    assert "NUMBA_CACHE_DIR" in lines[-3] and lines[-2].endswith("radiography")


def test_an_error_of_a_part_is_not_hidden(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fails(folder: Path, layer: str) -> None:
        check_at_least(f"{layer} today", 0, 2)  # an error of ours: others' words are not shown

    monkeypatch.setattr(module, "_PARTS", {"simulate": fails})
    assert run(["warm-up"]) == 2
    assert "um today must be 2 or more" in capsys.readouterr().err


@pytest.mark.slow
def test_kernels_of_scatter_and_of_volumes_are_compiled(tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(module._PANEL, encoding="utf-8")
    module._scatter(tmp_path, "CsPbBr3_75um")
    for kernel in (trace_chunks, _transmit, trace_rows):
        assert kernel.signatures, kernel
    assert {"scatter_of_solid.tif", "scatter_of_volume.tif"} <= {path.name for path in tmp_path.iterdir()}


@pytest.mark.slow
@pytest.mark.parametrize("layer", ["CsPbBr3_75um", "CsI_Tl_500um"])
def test_the_way_of_a_layer_runs(layer: str, tmp_path: Path) -> None:
    for part in module._PARTS.values():
        part(tmp_path, layer)
    assert (tmp_path / "corrected.tif").exists()
    assert (tmp_path / "corrected.dcm").exists()

"""The README is true: its commands run, and its example files load."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from radiography.cli import run
from radiography.config import DATA_FOLDER, load_scintillator, load_steps
from radiography.jobs.about import load_about
from radiography.light.layer_light import layer_light

README = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """Code blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def toml_with(text: str) -> str:
    """The only TOML block that holds some text."""
    (found,) = [block for block in blocks("toml") if text in block]
    return found


@pytest.mark.long
def test_the_commands_run_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lines = [line for block in blocks("sh") for line in block.splitlines() if line]
    assert len(lines) >= 7
    for line in lines:
        program, *arguments = shlex.split(line)
        assert program == "radiography"
        assert run(arguments) == 0, line
    assert (tmp_path / "mtf.json").exists()
    assert (tmp_path / "edge_corrected.dcm").exists()


def small_data(folder: Path, rows: int, cols: int) -> Path:
    """A copy of the shipped data whose full panel has fewer pixels."""
    data = folder / "data"
    shutil.copytree(DATA_FOLDER, data)
    panel = data / "panels" / "fully_coated.toml"
    text = panel.read_text(encoding="utf-8")
    for key, value in (("rows", rows), ("cols", cols)):
        text, changed = re.subn(rf"^{key} = 3072", f"{key} = {value}", text, flags=re.MULTILINE)
        assert changed == 1
    panel.write_text(text, encoding="utf-8")
    return data


@pytest.mark.slow
def test_the_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from radiography.files.frames import write_tiff

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("radiography.config.DATA_FOLDER", small_data(tmp_path, 320, 352))
    simulated, own = blocks("python")
    names: dict[str, Any] = {}
    exec(compile(simulated, "README.md", "exec"), names)
    corrected = names["frame"].corrected_dn
    value, _ = names["rx"].mtf_at(names["rx"].slanted_edge_mtf(corrected, 0.139), 2.0)
    assert value == pytest.approx(0.72, abs=0.03)  # the film's, as fitted to the paper
    np.save("darks.npy", np.array(names["darks"]))
    write_tiff("flats.tif", names["flats"], 0.139, {})
    write_tiff("edge.tif", names["images"][0], 0.139, {})
    exec(compile(own, "README.md", "exec"), names)
    np.testing.assert_array_equal(names["frame"].corrected_dn, corrected)


def test_the_scintillator_loads(tmp_path: Path) -> None:
    (tmp_path / "my_screen.toml").write_text(toml_with("thickness_um"))
    screen = load_scintillator("my_screen.toml", tmp_path)
    assert screen.name == "my_screen"
    light = layer_light(screen, [40.0, 41.0], histories=2_000, photons=20_000)
    assert light.wavelength_nm @ light.emission == pytest.approx(545.0, abs=1.0)
    assert 0.02 < float(np.interp(2.0, light.frequency_per_mm, light.signal_transfer[0])) < 0.6


def test_the_pipeline_and_the_conditions_load(tmp_path: Path) -> None:
    (tmp_path / "pipeline.toml").write_text(toml_with("flatten"))
    steps = load_steps(tmp_path / "pipeline.toml")
    assert (steps.lag.on, steps.gain.flatten, steps.glare.fraction) == (False, "lowfreq", 0.06)
    (tmp_path / "frames.toml").write_text(toml_with("temperature_C"))
    (conditions,) = load_about(tmp_path / "frames.toml").values()
    assert (conditions.integration_time_s, conditions.temperature_C) == (0.1, 24.0)


def test_the_table_names_every_command() -> None:
    from radiography.cli.app import app

    names = {info.name or info.callback.__name__ for info in app.registered_commands if info.callback}
    assert names == set(re.findall(r"^\| `radiography ([\w-]+)", README, flags=re.MULTILINE))


def test_the_picture_is_there() -> None:
    for name in re.findall(r"!\[.*?\]\((.*?)\)", README):
        assert (Path(__file__).resolve().parents[1] / name).stat().st_size > 10_000

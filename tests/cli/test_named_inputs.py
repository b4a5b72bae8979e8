"""Files that a scene or a sweep names are inputs too: `--json` and `--plot` do not write over them."""

from __future__ import annotations

from pathlib import Path

import pytest

from radiography.cli import run
from tests.sweep.scenes import sweep_file


@pytest.mark.parametrize(
    ("words", "taken"),
    [
        (["check", "flat.toml"], "small.toml"),
        (["simulate", "flat.toml", "--out", "a.npy"], "small.toml"),
        (["sweep", "sweep.toml", "--out", "a.zarr"], "small.toml"),
        (["sweep", "sweep.toml", "--out", "a.zarr"], "flat.toml"),
        (["sweep", "sweep.toml", "--out", "a.zarr"], "a.csv"),
    ],
)
def test_numbers_are_not_written_over_a_file_that_is_named_inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str], taken: str
) -> None:
    sweep_file(tmp_path)
    monkeypatch.chdir(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert run([*words, "--json", taken]) == 2
    assert "give" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before

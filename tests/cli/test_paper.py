"""`radiography paper` as it is called."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("colour", reason="the figures of the paper need colour-science")

from radiography.cli import run


def test_a_figure_that_there_is_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["paper", "7x", "--out", str(tmp_path / "out")]) == 2
    assert "no figure '7x' is made; there are 1c, 1d" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_figures_drawn_together_share_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["paper", "T2", "T2", "--quick", "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    assert printed.count("Table 2") == 1 and "paper.html" in printed
    assert json.loads((tmp_path / "out" / "paper.json").read_text())["warnings"]

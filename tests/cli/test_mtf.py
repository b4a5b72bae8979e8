"""`radiography mtf` with several edges, half-open regions and a mask."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import numpy as np
import pytest

import radiography.cli.mtf as mtf_command
from radiography.analysis.mtf import MtfCurve
from radiography.cli import run
from radiography.cli.options import region
from radiography.files.frames import write_tiff


@pytest.fixture
def plate(tmp_path: Path) -> Path:
    """A plate with a vertical edge on its left and a horizontal one below, at 4 degrees."""
    u, v = np.mgrid[-140.0:140, -150.0:150]
    angle = np.radians(4)
    across, along = u * np.cos(angle) + v * np.sin(angle), v * np.cos(angle) - u * np.sin(angle)
    inside = np.clip(70.5 - across, 0, 1) * np.clip(75.5 + along, 0, 1)
    pixels = 10000.0 - 9000.0 * inside + np.random.default_rng(1).normal(0, 100, u.shape)
    write_tiff(tmp_path / "plate.tif", pixels.astype(np.float32), 0.1, {})
    return tmp_path / "plate.tif"


def test_each_edge_gets_its_table_and_its_numbers(plate: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = plate.with_suffix(".json")
    assert run(["mtf", str(plate), "--edges", "all", "--no-glare", "--json", str(out)]) == 0
    printed = capsys.readouterr().out
    assert printed.count("1/mm      MTF") == printed.count("no glare") == printed.count("MTF 0.5 at") == 2
    assert {edge["bright_side"] for edge in json.loads(out.read_text())["edges"]} == {"left", "bottom"}


def test_an_edge_that_is_not_believed_exits_with_one_sentence(plate: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mask = plate.with_name("mask.npy")
    np.save(mask, np.ones((2, 2), dtype=np.uint8))
    assert run(["mtf", str(plate), "--flags", str(mask)]) == 2
    assert "--flags needs the plane of these images" in capsys.readouterr().err


def test_a_region_may_leave_out_the_borders() -> None:
    assert region("0:,:200") == (0, None, None, 200)
    assert region(" 10:20, 3:4") == (10, 20, 3, 4)
    with pytest.raises(ValueError, match="such as 100:500,200:600 or 0:,:200, got 'all'"):
        region("all")


def test_a_drop_of_nothing_has_no_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mtf_command, "mtf50", lambda curve: (1.0, 0.01))
    monkeypatch.setattr(mtf_command, "low_frequency_drop", lambda curve: -0.0002)
    assert mtf_command._summary(cast(MtfCurve, None)).endswith("low-frequency drop 0.0 %")

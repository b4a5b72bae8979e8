"""Descriptions that are written as text are read back as they were."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from radiography.beam.tube import Beam
from radiography.config import load_beam
from radiography.jobs.description_text import beam_text

MINE = Beam("mine", 81.0, (("Al", 2.5), ("Cu", 0.1)), 'a "console" of \u00b5', anode_angle_deg=10.0, notes="two\nlines")


@pytest.mark.parametrize("beam", [MINE, replace(MINE, filters=()), load_beam("gold_end_window"), load_beam("RQA5")])
def test_a_beam_is_read_back_as_it_was_given(beam: Beam, tmp_path: Path) -> None:
    path = tmp_path / f"{beam.name}.toml"
    path.write_text(beam_text(beam, ["a comment\nover two lines"]), encoding="utf-8", newline="\n")

    assert path.read_text(encoding="utf-8").startswith("# a comment over two lines\n\nkvp = ")
    assert load_beam(str(path)) == beam

"""Words of a command line: a list of files that the shell made of a pattern is one option's."""

from __future__ import annotations

import pytest

from radiography.cli.words import spell_out_file_lists


@pytest.mark.parametrize("kind", ["dark", "flat", "lag", "edge", "unseen-flat", "unseen-edge", "unseen-lag"])
def test_every_file_after_an_option_of_frames_is_its_own(kind: str) -> None:
    option = f"--{kind}"
    words = ["twin", option, "a.tif", "b.tif", "--out", "panel"]

    assert spell_out_file_lists(words) == ["twin", option, "a.tif", option, "b.tif", "--out", "panel"]

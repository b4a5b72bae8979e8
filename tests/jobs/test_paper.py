"""`draw_paper`: files, what they say, and the same bytes again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("colour", reason="the figures of the paper need colour-science")

from radiography.jobs.paper import draw_paper


def test_files_say_the_same_twice(tmp_path: Path) -> None:
    first, second = (draw_paper(tmp_path / name, ["1e", "T2", "2a"]) for name in ("a", "b"))
    assert first.files == second.files
    for name in first.files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    numbers = json.loads((tmp_path / "a" / "paper.json").read_text())
    assert list(numbers["figures"]) == ["1e", "T2", "2a"]
    for key, figure in numbers["figures"].items():
        assert set(figure["files"]) <= set(first.files)
        assert figure["status"] in ("reproduced", "differs", "quoted", "out")
        assert json.loads((tmp_path / "a" / f"{key}.json").read_text())["numbers"] == figure["numbers"]
        for number in figure["numbers"]:
            assert number["kind"] in ("computed", "fitted", "quoted")
            if number["ratio"] is not None:
                assert number["ratio"] == pytest.approx(number["ours"] / number["paper"])
    page = (tmp_path / "a" / "paper.html").read_text()
    assert page.count("data:image/png;base64,") == 2
    assert "http" not in page.replace("http-equiv", "").replace("https://doi.org", "")
    assert len(page) < 1_000_000  # without the library that draws curves

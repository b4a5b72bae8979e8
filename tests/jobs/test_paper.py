"""`draw_paper`: files, what they say, and the same bytes again."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import pytest

pytest.importorskip("colour", reason="the figures of the paper need colour-science")

from radiography.figures.paper.contents import SHOWN_WITH
from radiography.jobs import paper
from radiography.jobs.paper import draw_paper


@pytest.mark.slow
def test_files_say_the_same_twice(tmp_path: Path) -> None:
    first, second = (draw_paper(tmp_path / name, ["1e", "T2", "2a"]) for name in ("a", "b"))
    assert first.files == second.files
    for name in first.files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    numbers = json.loads((tmp_path / "a" / "paper.json").read_text())
    assert list(numbers["figures"]) == ["1e", "T2", "2a"]
    for key, figure in numbers["figures"].items():
        assert set(figure["files"]) <= set(first.files)
        assert figure["status"] in ("reproduced", "differs", "quoted")
        assert json.loads((tmp_path / "a" / f"{key}.json").read_text())["numbers"] == figure["numbers"]
        for number in figure["numbers"]:
            assert number["kind"] in ("computed", "fitted", "quoted")
            if number["ratio"] is not None:
                assert number["ratio"] == pytest.approx(number["ours"] / number["paper"])
    page = (tmp_path / "a" / "paper.html").read_text()
    assert page.count("data:image/png;base64,") == 3
    assert "http" not in page.replace("http-equiv", "").replace("https://doi.org", "")
    assert len(page) < 1_000_000  # without the library that draws curves
    for each in numbers["figures"].values():
        assert each["decided_by"] in page.replace("&#39;", "'") and each["wrong_if"] in page.replace("&#39;", "'")
    assert "NaN" not in (tmp_path / "a" / "paper.json").read_text()


@pytest.mark.slow
def test_the_page_shows_the_very_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[bytes] = []
    draw = paper._drawn
    monkeypatch.setattr(paper, "_drawn", lambda drawing, kind: drawn.append(draw(drawing, kind)) or drawn[-1])
    draw_paper(tmp_path / "a", ["2h", "T2"], quick=True)
    assert len(drawn) == 5  # two figures as PNG and SVG, and the sheet of both: none is drawn again for the page
    page = (tmp_path / "a" / "paper.html").read_text(encoding="utf-8")
    shown = [base64.b64decode(each) for each in re.findall(r"data:image/png;base64,([A-Za-z0-9+/=]+)", page)]
    assert shown == [(tmp_path / "a" / f"{key}.png").read_bytes() for key in ("2h", "T2")]


@pytest.mark.slow
def test_figures_drawn_with_another_have_its_files(tmp_path: Path) -> None:
    found = draw_paper(tmp_path / "a", ["2g", "2h"], quick=True)
    numbers = json.loads((tmp_path / "a" / "paper.json").read_text())["figures"]
    assert SHOWN_WITH["2h"] == "2g" and numbers["2h"] == numbers["2g"]
    assert found.made["2h"] is found.made["2g"] and not (tmp_path / "a" / "2h.png").exists()
    alone = draw_paper(tmp_path / "b", ["2h"], quick=True)
    assert "2h.png" in alone.files and "2g.png" not in alone.files


@pytest.mark.slow
def test_an_old_folder_keeps_nothing_of_an_earlier_run(tmp_path: Path) -> None:
    out = tmp_path / "a"
    draw_paper(out, ["1e", "T2"])
    (out / "mine.png").write_bytes(b"mine")
    (out / "ED9.csv").write_bytes(b"mine too, and listed nowhere")
    listed = json.loads((out / "paper.json").read_text())
    listed["figures"]["T2"]["files"].append("../outside.csv")
    (out / "paper.json").write_text(json.dumps(listed))
    (tmp_path / "outside.csv").write_bytes(b"of nobody's business")
    found = draw_paper(out, ["T2", "1c"])
    assert found.removed == ("1e.csv", "1e.json", "1e.png", "1e.svg")
    assert set(found.files) | {"mine.png", "ED9.csv"} == {path.name for path in out.iterdir()}
    assert (tmp_path / "outside.csv").exists()
    page = (out / "paper.html").read_text()
    assert "Emission of twelve" in page and "Colours of the compositions" not in page


@pytest.mark.slow
def test_a_run_that_fails_leaves_the_earlier_one_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "a"
    draw_paper(out, ["1e"])
    before = {path.name: path.read_bytes() for path in out.iterdir()}

    def full(*_: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(paper, "_page", full)
    with pytest.raises(OSError, match="No space left"):
        draw_paper(out, ["1c"])
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


@pytest.mark.slow
@pytest.mark.parametrize("old", ["[]", "no json", '{"measure": "paper", "figures": {"1c": {"files": "1c.png"}}}', "{}"])
def test_a_paper_json_of_somebody_else_removes_nothing(tmp_path: Path, old: str) -> None:
    (tmp_path / "paper.json").write_text(old)
    (tmp_path / "1c.png").write_bytes(b"mine")
    assert draw_paper(tmp_path, ["T2"]).removed == ()
    assert (tmp_path / "1c.png").read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("value", "band", "shown"),
    [
        (0.7187, None, "0.719"),
        (0.7187, (0.7127, 0.7247), "0.719"),
        (49.4, (19.5, 99.5), "49"),
        (0.0258, (0.0056, 0.147), "0.026"),
        (603.25, (603.25, 618.29), "603"),
        (14961.5, (1000.0, 20000.0), "15000"),
        (13.0, (13.0, 13.0), "13"),
        (531.76, (528.8, 535.2), "532"),
        (None, None, ""),
    ],
)
def test_a_number_has_the_digits_that_its_band_leaves(value: float, band: tuple[float, float], shown: str) -> None:
    assert paper._digits(value, band) == shown

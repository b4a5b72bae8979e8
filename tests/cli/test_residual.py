"""`radiography residual` as a user meets it: tables, the sentence, JSON, the figure, one sentence for a wrong input."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from radiography.cli.residual import frame_rates, run_residual

FILM, CSI = "CsPbBr3_75um", "CsI_Tl_500um"


def report(names: list[str], folder: Path, **options: object) -> dict:
    """JSON of a run."""
    choices = {"panel": "fully_coated", "rates": "1,30,1000", "exposure": "pulsed", "plot": None} | options
    run_residual(names, json_file=folder / "out.json", **choices)
    return json.loads((folder / "out.json").read_text())


@pytest.mark.slow
def test_the_table_and_the_json_hold_the_split(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = report([FILM, CSI], tmp_path, plot=tmp_path / "plot.png")
    assert found["rate_per_s"] == [1.0, 30.0, 1000.0]
    film, csi = (found["scintillators"][name] for name in (FILM, CSI))
    assert film["effective_decay_ns"] == pytest.approx(44.6)
    assert csi["effective_decay_ns"] == pytest.approx(1000.0)
    for layer in (film, csi):
        assert set(layer["after_one_frame"]) == set(layer["after_long_run"])
        # full traps release what a frame still holds when it is read, 1, 1/30 and 1/1000 s after its exposure
        trapped = [0.0770 * math.exp(-1 / rate / 0.137) + 0.0039 * math.exp(-1 / rate / 25.0) for rate in (1, 30, 1000)]
        assert layer["after_long_run"]["panel_lag"] == pytest.approx(trapped, rel=1e-5)
        assert layer["after_long_run"]["prompt_decay"] == [0.0] * 3
    assert csi["after_one_frame"]["afterglow"][1] == pytest.approx(0.00141, rel=0.01)
    assert (tmp_path / "plot.png").read_bytes()[:4] == b"\x89PNG"
    printed = capsys.readouterr().out
    assert f"{FILM}, effective decay 44.6 ns, on panel 'fully_coated', pulsed exposure" in printed
    assert found["conclusion"] in printed


def test_pulses_make_the_decay_time_irrelevant(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = report([FILM, CSI], tmp_path)
    assert "prompt decay nothing of it: whether the decay takes 44.6 or 1000 ns does not matter" in found["conclusion"]
    assert "Chen et al. 2018" in found["conclusion"]
    printed = capsys.readouterr().out
    assert "Assumed: traps catch the same fractions of the charge at any frame rate" in printed
    assert f"Assumed: {FILM} has no afterglow, because its file lists none" in printed


def test_continuous_exposure_names_where_the_decay_begins_to_matter(tmp_path: Path) -> None:
    found = report([FILM, CSI], tmp_path, exposure="continuous", rates="1:1000")
    assert f"0.18 % at most ({CSI}, 1000 ns)" in found["conclusion"]
    assert "up to 30 frames/s below 1 %" in found["conclusion"]
    assert "from 1000 frames/s on more than that" in found["conclusion"]
    assert found["scintillators"][CSI]["prompt_decay_takes_over_per_s"] == 1000.0
    assert found["scintillators"][FILM]["prompt_decay_takes_over_per_s"] is None


def test_a_panel_whose_lag_depends_on_exposure_says_at_what_level(tmp_path: Path) -> None:
    found = report([FILM], tmp_path, panel="worn")
    assert any("a tenth of the full well" in text for text in found["assumptions"])
    assert found["scintillators"][FILM]["after_long_run"]["panel_lag"][0] > 0.0038


def test_a_single_layer_and_a_single_rate_are_enough(tmp_path: Path) -> None:
    found = report([FILM], tmp_path, rates="15", plot=tmp_path / "plot.svg")
    assert found["conclusion"].startswith("At 15 frames/s, pulsed, panel lag leaves 1.9 to 5.1 %")
    assert "44.6 ns or another time" in found["conclusion"]
    assert (tmp_path / "plot.svg").stat().st_size > 1000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1:1000", [1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0]),
        ("7.5:60", [7.5, 10.0, 30.0, 60.0]),
        ("30, 1,15", [1.0, 15.0, 30.0]),
        ("25", [25.0]),
    ],
)
def test_rates_are_a_span_or_a_list(text: str, expected: list[float]) -> None:
    assert frame_rates(text) == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"names": ["nothing"]}, "no scintillator 'nothing'"),
        ({"names": [FILM, FILM]}, f"scintillator '{FILM}' is named twice"),
        ({"panel": "wornn"}, "no panel 'wornn'"),
        ({"exposure": "pulse"}, "--exposure must be pulsed or continuous, got 'pulse'"),
        ({"rates": "fast"}, "--rates must be A:B such as 1:1000 or a list such as 1,15,30, got 'fast'"),
        ({"rates": "-1:10"}, "--rates must be A:B"),
        ({"rates": ""}, "--rates must be A:B"),
        ({"rates": "10:1"}, "--rates A:B must rise within 0.001 to 1e[+]06 /s, got '10:1'"),
        ({"rates": "0:10"}, "--rates A:B must rise within"),
        ({"rates": "0,10"}, "--rates must lie within 0.001 to 1e[+]06 /s, got '0,10'"),
        ({"rates": ",".join(map(str, range(1, 52)))}, "--rates takes at most 50 rates, got 51"),
        ({"plot": Path("plot.txt")}, "plot.txt must end in .png or .pdf or .svg"),
    ],
)
def test_a_wrong_input_is_one_sentence(tmp_path: Path, options: dict, message: str) -> None:
    names = options.pop("names", [FILM])
    with pytest.raises((ValueError, OSError), match=message):
        report(names, tmp_path, **options)
    assert not list(tmp_path.iterdir())

"""`radiography lag` as a user meets it: the table, the JSON, the picture, and one sentence where there is no model."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from calibration.calibration_set import CalibrationSet, save_calibration_set
from calibration.lag.fit import fit_lag
from calibration.lag.model import LagModel, lag_from_json
from radiography.cli import run
from tests.calibration.lag_truth import FRACTION, TIME_S, curve_of, factor_at, step


@pytest.fixture(scope="module")
def model() -> LagModel:
    rng = np.random.default_rng(1)
    return fit_lag([curve_of(step(3, 60, 150, level), rng, factor=factor_at) for level in (1000.0, 45000.0)], 64)


def written(folder: Path, lag: LagModel | None) -> Path:
    plane = np.ones((4, 6), np.float32)
    files = {"lag_files": [{"name": "step.tif", "sha256": "0123456789abcdef" * 4}]}
    calibration = CalibrationSet(
        plane, plane, np.zeros((4, 6), np.uint16), 6e4, 2e4, 4.0, 0.01, 2, 2, None, None, files, lag=lag
    )
    save_calibration_set(calibration, folder / "cal.npz")
    return folder / "cal.npz"


def test_the_table_names_terms_errors_origin_and_what_is_left(
    model: LagModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["lag", str(written(tmp_path, model))]) == 0
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert lines[0].startswith("cal.npz: lag of 4 terms, learned at 0.2 s per frame and up to 30 s after the beam")
    assert lines[1] == "from step.tif (SHA-256 0123456789ab)"
    text = "\n".join(lines)
    assert text.count(" ± ") >= 4 + 2 * 4
    for part in ("time constant", "caught at 999 DN", "caught at 45", "noise of a corrected frame: x 1.0", "frame 1 "):
        assert part in text
    assert "lag: first frame 4.7" in text and "lag: first frame 2.2" in text and ", 1 s 0." in text
    assert "left after correction: frame 1 " in text and ", frame 50 " in text
    assert "fractions depend on the exposure" in printed.err
    assert max(map(len, lines)) < 140


def test_json_holds_the_model_and_its_origin(model: LagModel, tmp_path: Path) -> None:
    out = tmp_path / "lag.json"
    assert run(["lag", str(written(tmp_path, model)), "--json", str(out)]) == 0
    found = json.loads(out.read_text())
    assert found["calibration"] == "cal.npz" and found["origin"][0]["name"] == "step.tif"
    again = lag_from_json(found)
    np.testing.assert_array_equal(again.fraction, model.fraction)
    assert again.curves[0].lag == model.curves[0].lag


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_the_picture_is_drawn(model: LagModel, tmp_path: Path, suffix: str) -> None:
    plot = tmp_path / f"lag{suffix}"
    assert run(["lag", str(written(tmp_path, model)), "--plot", str(plot)]) == 0
    assert plot.stat().st_size > 10_000


def test_the_picture_shows_what_was_measured(model: LagModel) -> None:
    from radiography.figures.lag_plot import lag_figure

    above, below = lag_figure(model).axes
    assert above.get_xscale() == above.get_yscale() == "log"
    fits = [line for line in above.lines if len(line.get_xdata()) == model.curves[0].time_s.size]
    assert any(np.allclose(line.get_ydata(), 100 * model.curves[0].fit) for line in fits)
    assert any(np.array_equal(line.get_ydata(), 100 * model.curves[1].left) for line in below.lines)
    labels = [text.get_text() for text in above.get_legend().get_texts()]
    assert len(labels) == 2 and all("% in the first frame" in label for label in labels)
    assert np.array_equal(sorted({line.get_xdata()[0] for line in above.lines} & set(model.time_s)), model.time_s)


def test_a_held_time_constant_has_no_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    held = LagModel(
        TIME_S, np.array([1e4]), FRACTION[None], 0.01 * FRACTION[None], np.array([0.001, 0.01, 0.1, np.nan]), 0.2, 9.4
    )
    assert run(["lag", str(written(tmp_path, held))]) == 0
    text = capsys.readouterr().out
    assert "9.4 s (held)" in text and "nan" not in text and "caught, any signal" in text
    assert "0.0800 ± 0.0010 s" in text


def test_a_set_without_a_lag_model_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "lag.json"
    assert run(["lag", str(written(tmp_path, None)), "--json", str(out)]) == 2
    message = capsys.readouterr().err
    assert "has no lag model: give `radiography calibrate` a beam-on/beam-off sequence with --lag" in message
    assert message.count("\n") == 1 and not out.exists()


def test_a_model_without_sequences_has_no_picture(
    model: LagModel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    calibration = written(tmp_path, replace(model, curves=()))
    out = tmp_path / "lag.json"
    assert run(["lag", str(calibration), "--plot", str(tmp_path / "lag.png"), "--json", str(out)]) == 2
    assert "there is nothing to plot" in capsys.readouterr().err
    assert not out.exists()


def test_wrong_names_are_said_before_the_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["lag", str(tmp_path / "none.npz")]) == 2
    assert "does not exist" in capsys.readouterr().err
    assert run(["lag", str(tmp_path / "none.npz"), "--plot", str(tmp_path / "lag.jpg")]) == 2
    assert "must end in .png or .pdf or .svg" in capsys.readouterr().err

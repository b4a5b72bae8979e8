"""`radiography qc` as a user meets it: table, trend, limits, files, and one sentence for a wrong input."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from calibration import flags as bits
from calibration.calibration_set import CalibrationSet, load_calibration_set, save_calibration_set
from calibration.conditions import Conditions
from calibration.lag.model import LagModel
from calibration.lag.record import LagCurve, LagValue
from calibration.quality.quality import QUANTITIES, flat_quality, quality_of, usable_pixels
from calibration.quality.trend import LIMITS_FOLDER, limits_from
from radiography.cli import run
from radiography.cli.qc import run_qc, with_error
from radiography.config import read_toml
from radiography.figures.quality_plot import quality_figure

ROWS, COLS = 48, 64
MONTHS = 4


def month(number: int, **changes: Any) -> CalibrationSet:
    """A panel whose offset rises by 2 DN, lag by 0.1 % and bad pixels by 3 a month (30 days)."""
    rng = np.random.default_rng(number)
    offset = 1500.0 + np.random.default_rng(99).normal(0.0, 30.0, (ROWS, COLS)) + rng.normal(0.0, 1.0, (ROWS, COLS))
    response = np.random.default_rng(98).normal(1.0, 0.03, (ROWS, COLS)) + rng.normal(0.0, 0.0035, (ROWS, COLS))
    defects = np.zeros((ROWS, COLS), np.uint16)
    defects[20, 5 : 5 + 6 * number : 2] = bits.DEAD
    steps = np.array([0.2, 1.0, 5.0])
    first = 0.03 + 0.001 * number
    lag = {"first frame": LagValue(first, 2e-4), "1 s": LagValue(first / 4, 1e-4)}
    curve = LagCurve(
        "lag.tif", 2e4, 20, 60, steps, first / steps, 0 * steps + 1e-4, first / steps, 0 * steps, lag, {}, {}
    )
    conditions = Conditions(
        panel="test panel",
        serial="FP-17",
        date=(datetime(2026, 1, 1, 8) + timedelta(days=30 * number)).isoformat(),
        pitch_mm=1.25,
        integration_time_s=0.2,
    )
    made = CalibrationSet(
        (offset + 2.0 * number).astype(np.float32),
        (1.0 / response).astype(np.float32),
        defects,
        60000.0,
        20000.0,
        4.0,
        0.014,
        16,
        16,
        rng.normal(4.0, 0.7, (ROWS, COLS)).astype(np.float32),
        rng.normal(0.014, 0.0025, (ROWS, COLS)).astype(np.float32),
        {"defects_skipped": []},
        conditions=conditions,
        lag=LagModel([0.3], [2e4], [[first]], [[2e-4]], [0.01], 0.2, 12.0, curves=(curve,)),  # type: ignore[arg-type]
    )
    flat = 2e4 * (1.0 + rng.normal(0.0, 0.004, (ROWS, COLS)))
    quality = changes.pop("quality", {"flats": [flat_quality(flat, usable_pixels(made), 1.25)]})
    return replace(made, quality=quality, conditions=replace(conditions, **changes))


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a calibration set of each month, named so that the names do not follow the dates."""
    folder = tmp_path_factory.mktemp("sets")
    for number, name in enumerate("dbca"):
        save_calibration_set(month(number), folder / f"{name}.cal")
    return folder


def printed_row(text: str, name: str) -> list[str]:
    """The words of a quantity's line."""
    lines = [line for line in text.splitlines() if line.split()[:1] == [name]]
    assert len(lines) == 1, text
    return lines[0].split()


def test_one_set_prints_its_numbers_and_what_was_not_measured(
    sets: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(["qc", str(sets / "a.cal"), "--json", str(tmp_path / "q.json")]) == 0
    text = capsys.readouterr().out
    assert "a.cal: test panel, FP-17, 2026-04-01T08:00:00, 48 x 64, frames: 16 dark, 16 flat" in text
    assert "baseline" not in text and "per 30 days" not in text and "limits:" not in text
    assert printed_row(text, "bad_pixels")[1] == "9"
    assert printed_row(text, "lag_first_frame_percent")[1:5] == ["3.300", "±", "0.020", "%"]
    assert "not measured: the frames end 12 s after the beam: lag_60s_percent" in text
    assert "not measured: there is no earlier calibration: offset_drift_dn, offset_drift_rms_dn" in text
    found = json.loads((tmp_path / "q.json").read_text())
    assert found["numbers"].keys() == QUANTITIES.keys()
    numbers = quality_of(load_calibration_set(sets / "a.cal")).numbers
    assert found["numbers"]["flat_snr"]["value"] == numbers["flat_snr"].value
    assert (found["within_limits"], found["trends"], len(found["sets"])) == (True, {}, 1)
    assert found["flats"][0]["square_pixels"] == 8


def test_the_trend_follows_the_dates_and_not_the_names(
    sets: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    # the pattern matches the set itself as well: it counts once
    assert run(["qc", str(sets / "a.cal"), "--earlier", str(sets / "*.cal"), "--json", str(tmp_path / "q.json")]) == 0
    text = capsys.readouterr().out
    assert "d.cal, 2026-01-01, the first of 4 sets" in text
    found = json.loads((tmp_path / "q.json").read_text())
    assert [each["name"] for each in found["sets"]] == ["d.cal", "b.cal", "c.cal", "a.cal"]
    trends = found["trends"]
    # 2 DN a month; a line through 4 medians of offsets whose pixels move by 1 DN: 1.25 / sqrt(3072) * 1.4 a step
    assert trends["offset_dn"]["slope"] == pytest.approx(2.0, abs=3 * trends["offset_dn"]["slope_error"])
    assert trends["offset_drift_dn"]["slope"] == pytest.approx(2.0, abs=0.1)
    assert found["numbers"]["offset_drift_dn"]["value"] == pytest.approx(6.0, abs=0.15)  # from the first set
    assert trends["lag_first_frame_percent"]["slope"] == pytest.approx(0.1)
    assert trends["lag_first_frame_percent"]["change"] == pytest.approx(0.3)
    assert trends["lag_first_frame_percent"]["change_error"] == pytest.approx(0.02 * 2**0.5)
    # errors of 0.02 at levers of -45, -15, 15, 45 days: 30 * 0.02 / sqrt(4500)
    assert trends["lag_first_frame_percent"]["slope_error"] == pytest.approx(0.6 / 4500**0.5)
    assert (trends["bad_pixels"]["slope"], trends["bad_pixels"]["slope_error"]) == (
        pytest.approx(3.0),
        pytest.approx(0),
    )
    assert found["numbers"]["new_bad_pixels"]["value"] == 9
    assert printed_row(text, "lag_first_frame_percent")[5:11] == ["+0.300", "±", "0.028", "+0.1000", "±", "0.0089"]


def test_sets_of_a_later_date_are_left_out_and_counted(sets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["qc", str(sets / "c.cal"), "--earlier", str(sets / "a.cal"), str(sets / "b.cal")]) == 0
    text, said = capsys.readouterr()
    assert "warning: 1 set(s) of a later date than" in said and "the first of 2 sets" in text
    assert run(["qc", str(sets / "d.cal"), "--earlier", str(sets / "*.cal")]) == 0
    text, said = capsys.readouterr()
    assert "warning: 3 set(s) of a later date than" in said and "baseline" not in text


def limits_file(folder: Path, text: str) -> Path:
    path = folder / "limits.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.slow
def test_a_broken_limit_is_exit_code_1(sets: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    limits = limits_file(tmp_path, "[lag_first_frame_percent]\nmax = 3.31\n[lag_60s_percent]\nmax = 1")
    command = ["qc", str(sets / "a.cal"), "--limits", str(limits)]
    assert run(command) == 0
    text, said = capsys.readouterr()
    assert "limits: 1 kept, 0 broken, 1 not judged" in text and "warning: limit not judged: lag_60s_percent" in said
    assert "ok" in printed_row(text, "lag_first_frame_percent")
    limits_file(tmp_path, "[lag_first_frame_percent]\nmax = 3.29")
    assert run([*command, "--json", str(tmp_path / "q.json")]) == 1
    assert "limit broken: lag_first_frame_percent 3.300 ± 0.020 above 3.29" in capsys.readouterr().out
    found = json.loads((tmp_path / "q.json").read_text())
    assert found["within_limits"] is False and found["limits"]["lag_first_frame_percent"]["verdict"] == "above 3.29"
    limits_file(tmp_path, "[lag_first_frame_percent]\nlargest_change = 0.29")
    assert run(command) == 0  # no baseline
    assert run([*command, "--earlier", str(sets / "*.cal")]) == 1
    assert "changed by more than 0.29" in capsys.readouterr().out


def test_the_shipped_limits_are_limits_and_say_that_they_are_assumed(sets: Path) -> None:
    path = LIMITS_FOLDER / "qc_limits.toml"
    assert limits_from(read_toml(path)).keys() <= QUANTITIES.keys()
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if "=" in line and line[0] != "#"]
    assert lines and all("assumed" in line for line in lines)
    assert run(["qc", str(sets / "a.cal"), "--limits", "qc_limits"]) == 1  # noise of 64 pixels is not even to 10 %


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_csv_grows_by_a_row_a_set_and_never_doubles_one(sets: Path, tmp_path: Path) -> None:
    path = tmp_path / "trend.csv"
    assert run(["qc", str(sets / "c.cal"), "--csv", str(path)]) == 0
    assert [row["file"] for row in rows_of(path)] == ["c.cal"]
    for _ in range(2):
        assert run(["qc", str(sets / "a.cal"), "--earlier", str(sets / "d.cal"), "--csv", str(path)]) == 0
        assert [row["file"] for row in rows_of(path)] == ["d.cal", "c.cal", "a.cal"]
    row = rows_of(path)[-1]
    assert (row["serial"], row["date"]) == ("FP-17", "2026-04-01T08:00:00+00:00")
    assert float(row["lag_first_frame_percent"]) == pytest.approx(3.3)
    assert float(row["lag_first_frame_percent_error"]) == pytest.approx(0.02)
    assert row["lag_60s_percent"] == row["lag_60s_percent_error"] == ""  # not measured is never zero
    assert row["bad_pixels"] == "9" and row["bad_pixels_error"] == ""
    older = "\n".join(",".join(line.split(",")[:6]) for line in path.read_text().splitlines()) + "\n"
    path.write_text(older)  # a table of a version with fewer quantities
    assert run(["qc", str(sets / "b.cal"), "--csv", str(path)]) == 0
    assert [bool(row["flat_snr"]) for row in rows_of(path)] == [False, True, False, False]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "it is no trend of this command"),
        ("file,sha256,serial,date,strange\n", "it is no trend of this command"),
        ("file,sha256,serial,date\nx,y,FP-18,2026\n", "holds the trend of serial FP-18, but"),
        ("file,sha256,serial,date\nx,y\n", "line 2 has not 4 columns"),
        ("\xff\xfe", "cannot be added to"),
    ],
)
def test_a_foreign_csv_is_refused_and_stays(
    sets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, message: str
) -> None:
    path = tmp_path / "trend.csv"
    path.write_bytes(text.encode("latin-1"))
    assert run(["qc", str(sets / "a.cal"), "--csv", str(path), "--json", str(tmp_path / "q.json")]) == 2
    assert message in capsys.readouterr().err
    assert path.read_bytes() == text.encode("latin-1") and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"serial": "FP-18"}, "was taken with serial FP-18, but"),
        ({"panel": "other"}, "was taken with panel other, but"),
        ({"date": None}, "does not say its date, which a trend over several sets needs"),
        ({"date": "yesterday"}, "gives its date as 'yesterday', which is not an ISO date"),
        ({"quality": 3}, "quality must be {"),
    ],
)
def test_a_set_that_does_not_belong_is_refused(
    sets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: dict[str, object], message: str
) -> None:
    save_calibration_set(month(1, **change), tmp_path / "x.cal")
    assert run(["qc", str(sets / "a.cal"), "--earlier", str(tmp_path / "x.cal")]) == 2
    error = capsys.readouterr().err
    assert message in error and "x.cal" in error and error.count("\n") == 1


def test_a_set_of_another_shape_is_refused(sets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = month(1)
    planes = ("offset_dn", "gain", "defects", "offset_noise_dn", "gain_noise")
    turned = replace(made, **{name: np.ascontiguousarray(getattr(made, name).T) for name in planes})
    save_calibration_set(turned, tmp_path / "x.cal")
    assert run(["qc", str(sets / "a.cal"), "--earlier", str(tmp_path / "x.cal")]) == 2
    assert "x.cal is 64 x 48 pixels but" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing.cal"], "nothing.cal does not exist"),
        (["a.cal", "--earlier", "nothing.cal"], "nothing.cal does not exist"),
        (["a.cal", "--earlier", "x*.cal"], "no earlier calibration file matches 'x*.cal'"),
        (["a.cal", "--limits", "nothing"], "no limits are called 'nothing'; known: qc_limits, or a .toml file"),
        (["a.cal", "--limits", "nothing.toml"], "nothing.toml does not exist"),
        (["a.cal", "--limits", "wrong.toml"], "wrong.toml: no quantity is called 'dark_nose'; known: residual_"),
        (["a.cal", "--limits", "text.toml"], "text.toml: max of [bad_ppm] must be a number, got 'x'"),
        (["a.cal", "--limits", "a.cal"], "a.cal is not a"),
        (["a.cal", "--csv", "trend.txt"], "trend.txt must end in .csv"),
        (["a.cal", "--json", "no/such/q.json"], "the folder no/such does not exist"),
        (["a.cal", "--plot", "plot.gif"], "plot.gif must end in .png or .pdf or .svg"),
    ],
)
def test_a_wrong_argument_is_one_sentence_and_exit_code_2(
    sets: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(sets)
    limits_file(sets, "[dark_nose]\nmax = 1").rename("wrong.toml")
    limits_file(sets, "[bad_ppm]\nmax = 'x'").rename("text.toml")
    before = sorted(sets.iterdir())
    assert run(["qc", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert sorted(sets.iterdir()) == before


@pytest.mark.slow
def test_the_plot_shows_one_set_and_several(sets: Path, tmp_path: Path) -> None:
    limits = limits_file(tmp_path, "[lag_first_frame_percent]\nmax = 3.31")
    assert run(["qc", str(sets / "a.cal"), "--plot", str(tmp_path / "one.png")]) == 0
    several = ["--earlier", str(sets / "*.cal"), "--plot", str(tmp_path / "four.svg"), "--limits", str(limits)]
    assert run(["qc", str(sets / "a.cal"), *several]) == 0
    assert (tmp_path / "one.png").read_bytes()[:4] == b"\x89PNG"
    text = (tmp_path / "four.svg").read_text()
    assert "bad pixels" in text
    with pytest.raises(ValueError, match="needs sets and, for more than one, a date each, got 0 and 0"):
        quality_figure([], [])


def test_a_plot_has_a_panel_for_each_part_and_trend() -> None:
    qualities = [quality_of(month(number)) for number in range(3)]
    one = quality_figure(qualities[-1:], [])
    assert [axes.get_title(loc="left").split("\n")[0] for axes in one.axes[:4]] == [
        "Corrected flat of 20003 DN, squares of 10 mm",
        "Dark noise, squares of 10 mm",
        "Lag at 20000 DN",
        "Bad pixels: 6, 1953 ppm",
    ]
    dates = [datetime(2026, 1 + number, 1) for number in range(3)]
    limits = limits_from({"lag_first_frame_percent": {"max": 3.25}})
    trends = [axes for axes in quality_figure(qualities, dates, limits).axes if "lag, first" in axes.get_title("left")]
    assert len(trends) == 1
    values, limit = trends[0].lines[0].get_ydata(), trends[0].lines[-1].get_ydata()
    assert list(values) == pytest.approx([3.0, 3.1, 3.2]) and list(limit) == [3.25, 3.25]


def test_colours_reach_to_what_matters_at_least() -> None:
    axes = quality_figure([quality_of(month(0))], []).axes
    uniformity, noise = axes[0].images[0], axes[1].images[0]
    departure = np.abs(uniformity.get_array()).max()
    assert departure < 1.0  # the corrected flat is even
    assert uniformity.get_clim() == (-1.0, 1.0)
    low, high = noise.get_clim()
    assert low <= 0.9 * noise.get_array().mean() and high >= 1.1 * noise.get_array().mean() * 0.999


def test_a_set_without_anything_still_has_a_plot(tmp_path: Path) -> None:
    made = month(2)
    bare = replace(made, lag=None, offset_noise_dn=None, gain_noise=None, quality=None, conditions=Conditions())
    save_calibration_set(bare, tmp_path / "bare.cal")
    assert run_qc(tmp_path / "bare.cal", [], None, tmp_path / "t.csv", None, tmp_path / "p.png")
    assert rows_of(tmp_path / "t.csv")[0]["dark_noise_dn"] == ""
    axes = quality_figure([quality_of(bare)], []).axes
    assert [a.get_title(loc="left") for a in axes[:3]] == ["Uniformity", "Noise", "Lag"]


def test_a_disk_that_is_full_leaves_no_file(sets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.csv"
    assert run(["qc", str(sets / "a.cal"), "--csv", str(path)]) == 0
    old = path.read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", full)
    files = ["--csv", str(path), "--json", str(tmp_path / "q.json"), "--plot", str(tmp_path / "p.png")]
    assert run(["qc", str(sets / "a.cal"), "--earlier", str(sets / "b.cal"), *files]) == 2
    assert path.read_bytes() == old and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (3.3, 0.02, "3.300 ± 0.020"),
        (1234.5, 67.0, "1234 ± 67"),
        (0.0, 0.00123, "0.0000 ± 0.0012"),
        (12.0, None, "12"),
        (12.0, 1e-13, "12"),
        (12.0, 1e-9, "12 ± 1e-09"),
        (0.12345, None, "0.1235"),
        (71061.1, None, "71061"),
    ],
)
def test_a_number_is_printed_to_two_digits_of_its_error(value: float, error: float | None, text: str) -> None:
    assert with_error(value, error) == text

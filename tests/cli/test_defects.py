"""`radiography defects`: what it prints and writes, from calibration sets, tables and a manufacturer's map."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from calibration import flags as bits
from calibration.calibration_set import CalibrationSet, load_calibration_set, save_calibration_set
from calibration.conditions import Conditions
from calibration.defects.clusters import find_groups
from calibration.defects.files import read_defect_map
from calibration.flags import count_flags
from radiography.cli import run
from radiography.cli.defects import run_defects
from radiography.figures.defect_overlay import COLOURS, defect_overlay
from radiography.files.frames import read_image, write_tiff


def calibration_of(flags: NDArray[np.uint16], day: str, skipped: tuple[str, ...] = ()) -> CalibrationSet:
    gain = np.linspace(0.8, 1.25, flags.size, dtype=np.float32).reshape(flags.shape)
    provenance = {
        "criteria": "e2597", "defects": count_flags(flags), "defects_skipped": list(skipped), "darks_rejected": [],
    }  # fmt: skip
    conditions = Conditions(date=f"{day}T08:00:00+00:00", pitch_mm=0.139, serial="A-1")
    offset_dn = np.full(flags.shape, 2000, np.float32)
    return CalibrationSet(
        offset_dn, gain, flags, 65535.0, 3e4, 4.0, 0.01, 8, 8, None, None, provenance, conditions=conditions
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three sets of one panel: old (a column), older (a dot), and now (the column, a cluster and a noisy pixel)."""
    older, old, now = (np.zeros((48, 64), np.uint16) for _ in range(3))
    older[5, 5] = bits.NOISY
    old[:, 17] = now[:, 17] = bits.DEAD | bits.UNDER
    now[20:23, 30:33] = bits.OVER
    now[5, 5] = bits.NOISY
    now[40:, 50:] |= bits.UNCOATED
    for name, flags, day in (("older", older, "2021-01-01"), ("old", old, "2022-01-01"), ("now", now, "2024-09-27")):
        save_calibration_set(calibration_of(flags, day, ("dark noise was not judged",)), tmp_path / f"{name}.cal")
    return tmp_path


def defects(folder: Path, name: str = "now.cal", **options: object) -> None:
    given = {"earlier": [], "in_runs": None, "image": None, "table": None, "overlay": None, "over": None, **options}
    given["earlier"] = [str(folder / one) for one in given["earlier"]]  # type: ignore[attr-defined]
    run_defects(folder / name, **given)  # type: ignore[arg-type]


def test_classes_groups_and_what_was_skipped_are_printed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    defects(folder)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("now.cal: 48 x 64 pixels, 2024-09-27: 58 bad (18880 ppm)")  # 48 + 9 + 1 of 3,072
    rows = {line[:20].strip(): line[20:].split() for line in lines[2:7]}
    assert (
        rows["dead"] == ["48", "15625"] and rows["over-responding"] == ["9", "2930"] and rows["noisy"] == ["1", "326"]
    )
    assert rows["uncoated"][:2] == ["112", "36458"]
    assert "groups: 1 single, 0 clusters, 1 relevant cluster, 1 line" in lines
    assert any(line.split() == ["rel3x3", "cluster9-5", "rows", "20:23,", "columns", "30:33"] for line in lines)
    assert "not judged: dark noise was not judged" in lines


def test_growth_since_earlier_maps_is_printed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    defects(folder, earlier=["old.cal"])
    out = capsys.readouterr().out
    assert "from old.cal to now.cal, 1000 days:" in out
    table = {line.split("  ")[0]: line[20:].split() for line in out.partition("from old")[2].splitlines()[2:7]}
    assert table["any"] == ["48", "58", "10", "0", "48"] and table["noisy"] == ["0", "1", "1", "0", "0"]
    assert "growth: +10 bad pixels (+21 %), +10 per 1,000 days" in out


def test_several_earlier_maps_are_put_in_order(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    defects(folder, earlier=["old.cal", "older.cal"])
    steps = [line for line in capsys.readouterr().out.splitlines() if line.startswith("from ")]
    assert steps == [
        "from older.cal to old.cal, 365 days:", "from old.cal to now.cal, 1000 days:",
        "from older.cal to now.cal, 1365 days:",
    ]  # fmt: skip


def test_a_date_may_stand_behind_the_name(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    defects(folder, earlier=["old.cal@2024-09-17"])
    assert "from old.cal to now.cal, 10 days:" in capsys.readouterr().out


@pytest.mark.parametrize(("fraction", "left"), [(0.3, 58), (0.6, 49), (0.7, 0)])
def test_pixels_must_be_bad_in_a_fraction_of_the_maps(
    folder: Path, capsys: pytest.CaptureFixture[str], fraction: float, left: int
) -> None:
    defects(folder, earlier=["old.cal", "older.cal"], in_runs=fraction, image=folder / "m.tif")
    assert f"of 3 maps: {left} bad" in capsys.readouterr().out
    assert np.count_nonzero(read_image(folder / "m.tif").pixels & bits.UNUSABLE) == left


def test_image_table_and_picture_tell_the_same(folder: Path) -> None:
    outputs = {"image": folder / "m.tif", "table": folder / "m.csv", "overlay": folder / "m.png"}
    defects(folder, **outputs)
    picture = read_image(outputs["image"])
    own = load_calibration_set(folder / "now.cal").defects
    assert np.array_equal(picture.pixels, own) and picture.pixels.dtype == np.uint16 and picture.pitch_mm == 0.139
    assert picture.metadata["source"]["name"] == "now.cal" and len(picture.metadata["source"]["sha256"]) == 64
    assert np.array_equal(read_defect_map(outputs["table"]).flags, own & bits.UNUSABLE)
    rows = list(csv.DictReader(line for line in outputs["table"].read_text().splitlines() if line[0] != "#"))
    assert len(rows) == 58
    assert outputs["overlay"].read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]


def test_a_written_table_is_an_earlier_map(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    defects(folder, "old.cal", table=folder / "old.json")
    assert json.loads((folder / "old.json").read_text())["date"] == "2022-01-01"
    defects(folder, earlier=["old.json"])
    assert "from old.json to now.cal, 1000 days:" in capsys.readouterr().out


def test_a_damaged_set_is_refused(folder: Path) -> None:
    (folder / "old.cal").write_bytes((folder / "old.cal").read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"old\.cal is no calibration set, or a damaged one"):
        defects(folder, earlier=["old.cal"])


def test_all_results_appear_or_none(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sorted(path.name for path in folder.iterdir())

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("radiography.figures.defect_overlay.defect_overlay", full)
    with pytest.raises(OSError, match="No space left"):
        defects(folder, image=folder / "m.tif", table=folder / "m.csv", overlay=folder / "m.png")
    assert sorted(path.name for path in folder.iterdir()) == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image": "m.png"}, r"m\.png must end in \.tif or \.tiff"),
        ({"table": "m.txt"}, r"m\.txt must end in \.csv or \.json"),
        ({"overlay": "m.jpg"}, r"m\.jpg must end in \.png"),
        ({"over": "x.tif"}, "--over needs --overlay"),
        ({"in_runs": 0.7}, "--in-runs needs --earlier"),
        ({"in_runs": 1.7, "earlier": ["old.cal"]}, "fraction of runs must be above 0 and at most 1, got 1.7"),
        ({"earlier": ["old.cal@2024-19-17"]}, r"2024-19-17 after '.*old\.cal@' is no date"),
        ({"earlier": ["gone.cal"]}, r"gone\.cal does not exist"),
        ({"table": "same.json", "earlier": ["same.json"]}, r"same\.json would be overwritten"),
        ({"overlay": "m.png", "over": "other.tif"}, r"other\.tif is 64 x 48 but the map is 48 x 64"),
        ({"earlier": ["other.xml"]}, r"the defect map of other\.xml is \(9, 9\) but that of now\.cal is \(48, 64\)"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_written(
    folder: Path, options: dict[str, object], message: str
) -> None:
    write_tiff(folder / "other.tif", np.zeros((64, 48), np.uint16), None, {})
    (folder / "other.xml").write_text('<BadPixelMap SizeX="9" SizeY="9"/>')
    defects(folder, table=folder / "same.json")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    paths = {k: folder / str(v) if k in ("image", "table", "overlay", "over") else v for k, v in options.items()}
    with pytest.raises((ValueError, OSError), match=message):
        defects(folder, **paths)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_the_command_line_reaches_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = [str(folder / name) for name in ("now.cal", "old.cal", "older.cal", "m.png")]
    assert run(["defects", where[0], "--earlier", where[1], where[2], "--overlay", where[3]]) == 0
    assert "from older.cal to old.cal" in capsys.readouterr().out and (folder / "m.png").exists()
    assert run(["defects", where[0], "--table", str(folder / "m.xls")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_map_of_a_real_panel(shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = shared_data / "detectorchecker_bpm"
    run_defects(
        source / "PerkinElmerFull_t2.bpm.xml", [str(source / "PerkinElmerFull_t1.bpm.xml")], None, None,
        tmp_path / "t2.csv", None, None,
    )  # fmt: skip
    out = capsys.readouterr().out
    assert "2000 x 2000 pixels: 15,879 bad (3970 ppm)" in out
    assert "rel120x157 cluster5463-" in out and "growth: +6,428 bad pixels (+68 %)\n" in out
    assert np.count_nonzero(read_defect_map(tmp_path / "t2.csv").flags) == 15879


class TestOverlay:
    def drawn(self, flags: NDArray[np.uint16], picture: NDArray[np.float32] | None = None) -> NDArray[np.uint8]:
        figure = defect_overlay(picture, flags, find_groups(flags), "panel")
        figure.canvas.draw()
        return np.asarray(figure.canvas.buffer_rgba())[:, :, :3]  # type: ignore[attr-defined]

    def coloured(self, pixels: NDArray[np.uint8], name: str) -> int:
        wanted = [int(COLOURS[name][i : i + 2], 16) for i in (1, 3, 5)]
        return int((np.abs(pixels.astype(int) - wanted).max(axis=2) < 12).sum())

    @pytest.mark.slow
    @pytest.mark.parametrize("shape", [(48, 64), (2500, 1900)])
    def test_one_bad_pixel_is_seen_at_the_scale_of_the_panel(self, shape: tuple[int, int]) -> None:
        flags = np.zeros(shape, np.uint16)
        assert self.coloured(self.drawn(flags), "lagging") == 0
        flags[10, 20] = bits.LAGGING
        pixels = self.drawn(flags)
        half = pixels.shape[1] * 6 // 10  # the panel, left of legend and enlarged part
        assert self.coloured(pixels[:, :half], "lagging") >= 4
        assert self.coloured(pixels[:, half:], "lagging") > 100  # one pixel of 24 x 24 enlarged, and the legend

    def test_each_class_has_its_colour_and_the_first_of_several(self) -> None:
        flags = np.zeros((48, 64), np.uint16)
        for k, name in enumerate(COLOURS):
            flags[10 + 3 * k, 20] = bits.FLAG_NAMES[name]
        pixels = self.drawn(flags)
        half = pixels.shape[1] * 6 // 10
        assert all(self.coloured(pixels[:, :half], name) > 50 for name in COLOURS)
        both = np.zeros((48, 64), np.uint16)
        both[10, 20] = bits.DEAD | bits.UNDER
        assert self.coloured(self.drawn(both)[:, :half], "under-responding") == 0
        assert set(COLOURS) == {name for name, bit in bits.FLAG_NAMES.items() if bit & bits.UNUSABLE}

    def test_hot_values_do_not_darken_the_picture(self) -> None:
        rng = np.random.default_rng(1)
        picture = rng.normal(1, 0.1, (48, 64)).astype(np.float32)
        flags = np.zeros((48, 64), np.uint16)
        flags[10, 20] = bits.HOT
        calm = self.drawn(flags, picture)
        picture[10, 20] = 1e9
        assert np.array_equal(self.drawn(flags, picture), calm)

    def test_another_shape_names_itself(self) -> None:
        flags = np.zeros((48, 64), np.uint16)
        with pytest.raises(ValueError, match=r"the picture is \(64, 48\) but the defect map is \(48, 64\)"):
            defect_overlay(np.zeros((64, 48)), flags, find_groups(flags), "")


def test_a_panel_without_defects_is_no_problem(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = replace(calibration_of(np.zeros((48, 64), np.uint16), "2024-01-01"))
    save_calibration_set(good, folder / "good.cal")
    defects(folder, "good.cal", image=folder / "g.tif", table=folder / "g.json", overlay=folder / "g.png")
    assert "0 bad (0 ppm)" in capsys.readouterr().out
    assert {"g.tif", "g.json", "g.png"} <= {path.name for path in folder.iterdir()}

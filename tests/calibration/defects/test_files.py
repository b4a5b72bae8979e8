"""Defect maps from files of several kinds, hostile ones among them, and tables written whole."""

from __future__ import annotations

import csv
import json
import os
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from calibration import flags as bits
from calibration.defects.clusters import find_groups
from calibration.defects.files import COLUMNS, read_defect_map, write_defect_table

BPM = """<?xml version="1.0" encoding="utf-8"?>
<BadPixelMap xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" SizeX="64" SizeY="48">
  <BadPixels>
    <BadPixel X="63" Y="0" Mask="54" NoisyPixel="false" />
    <BadPixel X="5" Y="47" Mask="255" NoisyPixel="true" />
  </BadPixels>
  <UserDefinedBadPixels><BadPixel X="7" Y="8" /></UserDefinedBadPixels>
  <BadRows>{rows}</BadRows>
  <BadColumns>{columns}</BadColumns>
</BadPixelMap>"""


@pytest.fixture
def flags() -> NDArray[np.uint16]:
    flags = np.zeros((48, 64), np.uint16)
    flags[:, 17] = bits.DEAD | bits.UNDER
    flags[20:23, 30:33] = bits.NOISY
    flags[0, 63] = bits.HOT | bits.NON_LINEAR
    flags[40:, 40:] |= bits.UNCOATED
    flags.setflags(write=False)
    return flags


class TestTables:
    @pytest.mark.parametrize("suffix", [".csv", ".json", ".JSON"])
    def test_what_is_written_comes_back(self, flags, tmp_path: Path, suffix: str) -> None:  # type: ignore[no-untyped-def]
        path = tmp_path / f"map{suffix}"
        write_defect_table(path, flags, find_groups(flags), {"date": "2024-05-06T07:08:09+00:00", "serial": "X, 1"})
        read = read_defect_map(path)
        assert np.array_equal(read.flags, flags & bits.UNUSABLE) and read.flags.dtype == np.uint16
        assert (read.taken, read.name) == (date(2024, 5, 6), path.name)
        assert read_defect_map(path, date(2020, 1, 1)).taken == date(2020, 1, 1)
        assert [left.name for left in tmp_path.iterdir()] == [path.name]

    def test_the_csv_is_one_that_any_program_reads(self, flags, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
        path = tmp_path / "map.csv"
        write_defect_table(path, flags, find_groups(flags), {})
        lines = path.read_text().splitlines()
        assert [line[0] for line in lines[:3]] == ["#", "#", "r"]
        rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
        assert len(rows) == 48 + 9 + 1 and tuple(rows[0]) == COLUMNS
        assert rows[1] == {
            "row": "0", "col": "63", "classes": "hot+non-linear", "group": "1", "kind": "single", "name": "single",
        }  # fmt: skip
        assert rows[0]["classes"] == "dead+under-responding" and rows[0]["name"] == "48x1 line48"
        assert {row["name"] for row in rows if row["kind"] == "relevant cluster"} == {"rel3x3 cluster9-5"}

    def test_the_json_is_one_that_any_program_reads(self, flags, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
        path = tmp_path / "map.json"
        write_defect_table(path, flags, find_groups(flags), {"criteria": "e2597"})
        table = json.loads(path.read_text())
        assert (table["rows"], table["cols"], table["criteria"]) == (48, 64, "e2597")
        assert table["columns"] == list(COLUMNS) and len(table["pixels"]) == 58
        assert table["pixels"][1] == [0, 63, "hot+non-linear", 1, "single", "single"]

    @pytest.mark.parametrize("suffix", [".csv", ".json"])
    def test_a_panel_without_defects_has_an_empty_table(self, tmp_path: Path, suffix: str) -> None:
        path = tmp_path / f"none{suffix}"
        good = np.zeros((48, 64), np.uint16)
        write_defect_table(path, good, find_groups(good), {})
        read = read_defect_map(path)
        assert not read.flags.any() and read.flags.shape == (48, 64) and read.taken is None

    def test_on_failure_the_old_table_stays(self, flags, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
        path = tmp_path / "map.csv"
        path.write_text("old")

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            write_defect_table(path, flags, find_groups(flags), {})
        assert path.read_text() == "old" and [left.name for left in tmp_path.iterdir()] == ["map.csv"]

    def test_what_cannot_be_written_names_itself(self, flags, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
        groups = find_groups(flags)
        with pytest.raises(ValueError, match=r"map\.txt must end in \.csv or \.json"):
            write_defect_table(tmp_path / "map.txt", flags, groups, {})
        with pytest.raises(FileNotFoundError, match=r"the folder .*none does not exist"):
            write_defect_table(tmp_path / "none" / "map.csv", flags, groups, {})
        (tmp_path / "dir.csv").mkdir()
        with pytest.raises(IsADirectoryError, match="it is a folder"):
            write_defect_table(tmp_path / "dir.csv", flags, groups, {})
        with pytest.raises(TypeError, match=r"heading of .* cannot be written as JSON"):
            write_defect_table(tmp_path / "map.csv", flags, groups, {"date": date(2020, 1, 1)})
        with pytest.raises(ValueError, match="the groups hold 58 bad pixels, the map 0"):
            write_defect_table(tmp_path / "map.csv", np.zeros_like(flags), groups, {})


class TestBpm:
    def read(self, tmp_path: Path, text: str | bytes) -> NDArray[np.uint16]:
        path = tmp_path / "panel.bpm.xml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_defect_map(path).flags

    def test_x_counts_columns_and_y_rows(self, tmp_path: Path) -> None:
        flags = self.read(tmp_path, BPM.format(rows="", columns=""))
        assert flags.shape == (48, 64)
        assert np.argwhere(flags == bits.DEAD).tolist() == [[0, 63], [8, 7]]
        assert np.argwhere(flags == bits.NOISY).tolist() == [[47, 5]]

    def test_rows_and_columns_are_bad_whole(self, tmp_path: Path) -> None:
        flags = self.read(tmp_path, BPM.format(rows='<BadRow Y="9"/>', columns='<BadColumn X="40"/>'))
        assert (flags[9] == bits.DEAD).all() and (flags[:, 40] == bits.DEAD).all()
        assert np.count_nonzero(flags) == 3 + 64 + 48 - 1

    def test_the_maps_of_a_real_panel_are_read(self, shared_data: Path) -> None:
        folder = shared_data / "detectorchecker_bpm"
        maps = [read_defect_map(folder / f"PerkinElmerFull_t{number}.bpm.xml") for number in (1, 2)]
        assert [np.count_nonzero(one.flags) for one in maps] == [9451, 15879]
        assert maps[0].flags.shape == (2000, 2000) and maps[0].taken is None
        assert (maps[0].flags[:1000, 1277] != 0).all() and not maps[0].flags[1000:1990, 1277].any()  # a half column

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ('<!DOCTYPE x [<!ENTITY a "b">]><BadPixelMap SizeX="64" SizeY="48"/>', "document type or entities"),
            ('<!DOCTYPE BadPixelMap SYSTEM "file:///etc/passwd"><BadPixelMap/>', "document type or entities"),
            ('<BadPixelMap SizeX="64" SizeY="48"><BadPixels>', "is no whole XML file"),
            ('<BadPixelMap SizeX="64" SizeY="48">&a;</BadPixelMap>', "is no whole XML file"),
            ("<Other/>", "its first element is Other, not BadPixelMap"),
            ('<BadPixelMap SizeX="64" SizeY="48"><Evil/></BadPixelMap>', "holds the element Evil"),
            ('<BadPixelMap SizeX="64"/>', "names panel side 'None'"),
            ('<BadPixelMap SizeX="65535" SizeY="65535"/>', "says the panel is 65535 x 65535"),
            ('<BadPixelMap SizeX="999999999999" SizeY="1"/>', "names panel side"),
            ('<BadPixelMap SizeX="0" SizeY="48"/>', "says the panel is 48 x 0"),
            ('<BadPixelMap SizeX="64" SizeY="48"><BadPixel X="64" Y="0"/></BadPixelMap>', "names column '64'; 0 to 63"),
            ('<BadPixelMap SizeX="64" SizeY="48"><BadPixel X="0" Y="-1"/></BadPixelMap>', "names row '-1'; 0 to 47"),
            ('<BadPixelMap SizeX="64" SizeY="48"><BadPixel X="²" Y="1"/></BadPixelMap>', "names column '²'"),
            ('<BadPixelMap SizeX="64" SizeY="48"><BadPixel Y="1"/></BadPixelMap>', "names column 'None'"),
            (b"<\xff\xfe\x00", "is no whole XML file"),
        ],
    )
    def test_a_hostile_file_is_refused_in_one_sentence(self, tmp_path: Path, text: str | bytes, message: str) -> None:
        with pytest.raises(ValueError, match=message) as raised:
            self.read(tmp_path, text)
        assert "panel.bpm.xml" in str(raised.value) and "\n" not in str(raised.value)

    def test_a_file_that_ends_early_is_refused_at_any_byte(self, tmp_path: Path) -> None:
        whole = BPM.format(rows="", columns="").encode()
        for end in range(1, len(whole) - 1, 7):
            with pytest.raises(ValueError, match=r"panel\.bpm\.xml"):
                self.read(tmp_path, whole[:end])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no defect table"),
        ("hello", "is no defect table"),
        ("PK", "is a zip file, as calibration sets are; a defect table or BPM file is needed"),
        ("# just a comment\n1,2\n", "its heading cannot be read"),
        ('# {"format": "other"}\n', "its heading says otherwise"),
        ('# {"format": "radiography defect map", "version": 9}\n', "is of version 9; version 1 is read"),
        ('# {"format": "radiography defect map", "version": 1, "rows": 48}\n', "names panel side 'None'"),
        ("# {HEAD}\nx,y\n", "has the columns x, y; row, col"),
        ("# {HEAD}\n", "has the columns ; row, col"),
        ("# {HEAD}\nrow,col,classes\n1,2\n", "a line has 2 cells"),
        ("# {HEAD}\nrow,col,classes\n48,2,dead\n", "names row '48'; 0 to 47"),
        ("# {HEAD}\nrow,col,classes\n1,1.5,dead\n", "names column '1.5'; 0 to 63"),
        ("# {HEAD}\nrow,col,classes\n1,2,dad\n", "of class 'dad'; known: dead"),
        ("# {HEAD}\nrow,col,classes\n1,2,suspect\n", "of class 'suspect'; known: dead"),
        ("[1, 2]", "is no defect table"),
        ('{"a": ', "its heading cannot be read"),
        ("{HEAD}", "it has no table of pixels"),
        ("{TABLE}[[true, 1, 'x']]}", "its heading cannot be read"),
        ('{TABLE}[[true, 1, "dead"]]}', "names row 'True'"),
        ('{TABLE}[[1.0, 1, "dead"]]}', "names row '1.0'"),
        ('{TABLE}[{"row": 1}]}', "is no bad pixel"),
        ("{TABLE}[[1, 1, null]]}", "of class 'None'"),
        ('{TABLE}[], "date": "yesterday"}', "has the date 'yesterday'; a date is YYYY-MM-DD"),
        ('{"a": ' + "[" * 100_000, "its heading cannot be read"),
    ],
)
def test_a_damaged_table_is_refused_in_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    head = '{"format": "radiography defect map", "version": 1, "rows": 48, "cols": 64}'
    path = tmp_path / "map.txt"
    table = head[:-1] + ', "columns": ["row", "col", "classes"], "pixels": '
    path.write_text(text.replace("{HEAD}", head).replace("{TABLE}", table))
    with pytest.raises(ValueError, match=message) as raised:
        read_defect_map(path)
    assert "map.txt" in str(raised.value) and "\n" not in str(raised.value)


def test_what_is_not_there_or_too_large_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileNotFoundError, match=r"gone\.xml does not exist"):
        read_defect_map(tmp_path / "gone.xml")
    with pytest.raises(IsADirectoryError, match="is a folder; a defect map is needed"):
        read_defect_map(tmp_path)
    monkeypatch.setattr("calibration.defects.files.LARGEST_FILE_BYTES", 10)
    (tmp_path / "big.xml").write_text(BPM)
    with pytest.raises(ValueError, match="bytes; a defect map has at most 10"):
        read_defect_map(tmp_path / "big.xml")

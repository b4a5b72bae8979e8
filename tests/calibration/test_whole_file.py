"""Files are there whole or not at all, one alone and several together."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from calibration.whole_file import staged, whole_file


def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "result"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), whole_file(path) as temporary:
        temporary.write_text("half of the new")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("broken", ["os.replace", "os.fsync"])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    path = tmp_path / "result"
    path.write_text("old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(f"calibration.whole_file.{broken}", full)
    with pytest.raises(OSError, match="No space left"), whole_file(path) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_a_place_that_cannot_be_written_names_itself(tmp_path: Path) -> None:
    with (
        pytest.raises(FileNotFoundError, match=r"the folder .*nowhere does not exist"),
        whole_file(tmp_path / "nowhere" / "c"),
    ):
        pass
    with pytest.raises(IsADirectoryError, match="it is a folder"), whole_file(tmp_path):
        pass


def test_staged_files_appear_together_over_older_ones(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    with staged(tmp_path) as folder:
        (folder / "a").write_text("new")
        (folder / "inside").mkdir()
        (folder / "inside" / "b").write_text("new")
        assert (tmp_path / "a").read_text() == "old"
    assert (tmp_path / "a").read_text() == (tmp_path / "inside" / "b").read_text() == "new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "inside"]


def test_a_failure_leaves_the_old_files_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    with pytest.raises(KeyboardInterrupt), staged(tmp_path) as folder:
        (folder / "a").write_text("new")
        raise KeyboardInterrupt
    assert (tmp_path / "a").read_text() == "old" and [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_folder_in_the_way_of_one_file_leaves_all_as_they_were(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    with pytest.raises(IsADirectoryError, match="it is a folder"), staged(tmp_path) as folder:
        (folder / "a").write_text("new")
        (folder / "b").write_text("new")
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_what_a_killed_process_left_is_ended_by_the_next(tmp_path: Path) -> None:
    finished = subprocess.Popen([sys.executable, "-c", ""])
    finished.wait()  # its number now belongs to nobody
    for state, name in (("done", "finished"), ("work", "unfinished")):
        left = tmp_path / f".radiography-{state}-{finished.pid}-0123abcd"
        left.mkdir()
        (left / name).write_text("of the killed process")
    with staged(tmp_path):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["finished"]

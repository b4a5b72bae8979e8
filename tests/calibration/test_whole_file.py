"""Files are there whole or not at all, one alone and several together."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from calibration.whole_file import check_place, staged, whole_file, whole_files


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


def _write_store(place: Path) -> None:
    (place / "plane" / "c").mkdir(parents=True)
    (place / "zarr.json").write_text("{}")
    (place / "plane" / "c" / "0").write_text("chunk")


@pytest.mark.parametrize("end", [".zarr", ".ZARR"])
def test_a_store_of_arrays_appears_whole_beside_a_file(tmp_path: Path, end: str) -> None:
    path, other = tmp_path / "one.tif", tmp_path / f"two{end}"
    with whole_files(path, other) as places:
        places[path].write_text("frames")
        _write_store(places[other])
        assert not other.exists()
    assert (other / "plane" / "c" / "0").read_text() == "chunk"
    assert sorted(found.name for found in tmp_path.iterdir()) == ["one.tif", f"two{end}"]


@pytest.mark.parametrize("broken", ["os.replace", "os.fsync"])
def test_a_store_that_cannot_be_finished_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(f"calibration.whole_file.{broken}", full)
    with pytest.raises(OSError, match="No space left"), whole_file(tmp_path / "two.zarr") as place:
        _write_store(place)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_store_takes_a_new_name_only(tmp_path: Path, kind: str) -> None:
    taken = tmp_path / "two.zarr"
    if kind == "folder":
        taken.mkdir()
    with pytest.raises(OSError, match=r"cannot write .*two\.zarr"), whole_file(tmp_path / "two.zarr") as place:
        _write_store(place)
        if kind == "file":  # it came while the store was written
            taken.write_text("old")
    assert taken.is_dir() if kind == "folder" else taken.read_text() == "old"
    assert [found.name for found in tmp_path.iterdir()] == ["two.zarr"]
    with pytest.raises(FileExistsError, match="exists and is left as it is; give a new name"):
        check_place(taken)


def test_an_error_inside_a_store_names_the_store(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"cannot write .*/two\.zarr: "), whole_file(tmp_path / "two.zarr") as p:
        (p / "gone" / "chunk").write_text("x")


def test_a_folder_in_the_way_of_one_file_leaves_all_as_they_were(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    with pytest.raises(IsADirectoryError, match="it is a folder"), staged(tmp_path) as folder:
        (folder / "a").write_text("new")
        (folder / "b").write_text("new")
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


KILLED_AT = """
import os, signal, sys
from pathlib import Path
from calibration import whole_file

folder, call, number, as_folder = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4] == "folder"
def killing(function):
    def counted(*arguments, **options):
        global number
        number -= 1
        if number == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **options)
    return counted

holder = Path if call in ("mkdir", "touch") else getattr(whole_file, "shutil" if call == "rmtree" else "os")
setattr(holder, call, killing(getattr(holder, call)))
if as_folder:
    with whole_file.staged(folder / "one") as place:
        for name in "abc":
            (place / name).write_text("new")
else:
    paths = [folder / "one" / "a", folder / "one" / "b", folder / "two" / "c"]
    with whole_file.whole_files(*paths) as places:
        for path in paths:
            places[path].write_text("new")
print("lived")
"""


def _found(folder: Path) -> list[str]:
    return [path.read_text() for path in sorted(folder.glob("*/[abc]"))]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system kills otherwise")
@pytest.mark.parametrize("call", ["mkdir", "touch", "replace", "fsync", "rmtree"])
@pytest.mark.parametrize("results", ["folder", "files"])
def test_a_process_killed_at_any_step_leaves_old_or_new_and_never_both(tmp_path: Path, call: str, results: str) -> None:
    kills = 0
    for number in range(1, 20):
        folder = tmp_path / str(number)
        names = [folder / "one" / "a", folder / "one" / "b", folder / ("one" if results == "folder" else "two") / "c"]
        for path in names:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("old")
        command = [sys.executable, "-c", KILLED_AT, str(folder), call, str(number), results]
        lived = subprocess.run(command, capture_output=True, text=True).stdout == "lived\n"
        found = _found(folder)
        assert not {"old", "new"} <= set(found), f"{call} {number} left {found}"
        for path in (folder / "one", folder / "two"):
            path.mkdir(exist_ok=True)
            with staged(path):
                pass
        found = _found(folder)
        assert found in (["old"] * 3, ["new"] * 3), f"{call} {number} then {found}"
        assert sorted(path.name for path in folder.glob("*/*")) == ["a", "b", "c"]
        if lived:
            assert found == ["new"] * 3
            break
        kills += 1
    assert kills and lived


def test_a_stage_of_a_living_process_or_of_another_user_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with staged(tmp_path) as first:
        (first / "a").write_text("new")
        with staged(tmp_path):
            pass
        assert (first / "a").exists()
    killed = tmp_path / ".radiography-0123456789abcdef"
    (killed / "new").mkdir(parents=True)
    (killed / "new" / "b").write_text("new")
    for name in ("lock", "done"):
        (killed / name).touch()
    owner = killed.stat().st_uid
    with monkeypatch.context() as patch:
        patch.setattr("calibration.whole_file.os.geteuid", lambda: owner + 1, raising=False)
        with whole_file(tmp_path / "c") as place:
            place.touch()
    assert killed.is_dir() and not (tmp_path / "b").exists()
    with staged(tmp_path):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "c"]


def test_an_interrupt_between_two_names_finishes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace, calls = os.replace, []

    def interrupted(*arguments: Any) -> None:
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        replace(*arguments)

    monkeypatch.setattr("calibration.whole_file.os.replace", interrupted)
    with pytest.raises(KeyboardInterrupt), whole_files(tmp_path / "a", tmp_path / "b") as places:
        for place in places.values():
            place.write_text("new")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "new", "b": "new"}


def test_an_old_file_that_cannot_be_set_aside_keeps_all_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "ab":
        (tmp_path / name).write_text("old")
    replace = os.replace

    def refused(source: Path, target: Path) -> None:
        if Path(source) == tmp_path / "b":
            raise PermissionError(1, "Operation not permitted", str(source))
        replace(source, target)

    monkeypatch.setattr("calibration.whole_file.os.replace", refused)
    with pytest.raises(PermissionError, match=r"b"), whole_files(tmp_path / "a", tmp_path / "b") as places:
        for place in places.values():
            place.write_text("new")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "old", "b": "old"}


def _no_ordinary_file(kind: str, path: Path) -> None:
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
    elif kind == "symbolic link":
        (path.parent / "target").write_text("old")
        path.symlink_to("target")
    elif kind == "symbolic link to nothing":
        path.symlink_to("nothing")
    else:
        try:
            os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 3))
        except PermissionError:
            pytest.skip("only root makes devices")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no such files")
@pytest.mark.parametrize("kind", ["folder", "pipe", "socket", "device", "symbolic link", "symbolic link to nothing"])
def test_only_an_ordinary_file_is_overwritten(short_path: Path, kind: str) -> None:
    path = short_path / "result"
    _no_ordinary_file(kind, path)
    before = path.lstat()
    with pytest.raises(OSError, match=f"cannot write .*result: it is a {kind.split(' to')[0]}"), whole_file(path):
        raise AssertionError("the work began")
    with (
        pytest.raises(OSError, match=f"cannot write .*result: it is a {kind.split(' to')[0]}"),
        staged(short_path) as folder,
    ):
        (folder / "result").write_text("new")
    assert path.lstat() == before
    assert {item.name for item in short_path.iterdir()} <= {"result", "target"}


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder whose name is short enough for a socket."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def test_a_place_that_was_taken_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="b: it is a folder"), whole_files(tmp_path / "a", tmp_path / "b") as places:
        for place in places.values():
            place.write_text("new")
        (tmp_path / "b").mkdir()
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="this system limits no file sizes")
@pytest.mark.parametrize("write", ["place.write_bytes(bytes(10**6))", "np.zeros(10**6).tofile(place)"])
def test_a_full_disk_names_the_result(tmp_path: Path, write: str) -> None:
    program = f"""
import resource
import numpy as np
from calibration.whole_file import whole_file
resource.setrlimit(resource.RLIMIT_FSIZE, (10**5, 10**5))
with whole_file({str(tmp_path / "result")!r}) as place:
    {write}
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert f"OSError: cannot write {tmp_path / 'result'}: " in run.stderr.splitlines()[-1]
    assert ".radiography-" not in run.stderr.splitlines()[-1] and not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_to_names_the_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_only(path: Path, *_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "mkdir", read_only)
    with (
        pytest.raises(PermissionError, match=f"^cannot write {tmp_path / 'a'}: Permission denied$"),
        whole_file(tmp_path / "a"),
    ):
        raise AssertionError("the work began")
    monkeypatch.setattr("calibration.whole_file.os.access", lambda *_: False)
    with pytest.raises(PermissionError, match=f"^cannot write .*a: the folder {tmp_path} cannot be written to$"):
        check_place(tmp_path / "a")


def test_an_error_of_another_file_keeps_its_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as found, whole_file(tmp_path / "a"):
        (tmp_path / "missing").read_bytes()
    assert found.value.filename == str(tmp_path / "missing")

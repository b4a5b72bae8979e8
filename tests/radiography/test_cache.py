"""The cache of computed arrays: it may save time, and must never change a result or stop a run."""

from __future__ import annotations

import numpy as np
import pytest

from radiography.cache import cached_arrays, default_cache_folder

KEY = {"what": "a test", "version": "1.2", "numbers": [1.0, 2.5], "curve": np.array([1.0, 2.0])}


class Counted:
    """A computation that counts how often it is done."""

    def __init__(self, value=3.0):
        self.value, self.times = value, 0

    def __call__(self):
        self.times += 1
        return {"result": np.array([self.value, 0.1]), "counts": np.arange(3)}


def test_second_call_is_answered_from_the_file(tmp_path):
    compute = Counted()
    first = cached_arrays(KEY, compute, tmp_path)
    second = cached_arrays(KEY, compute, tmp_path)
    assert compute.times == 1
    assert first.keys() == second.keys() == {"result", "counts"}
    for name in first:
        assert first[name].dtype == second[name].dtype
        assert np.array_equal(first[name], second[name])


@pytest.mark.parametrize(
    "change",
    [{"version": "1.3"}, {"numbers": [1.0, 2.6]}, {"curve": np.array([1.0, 2.0 + 1e-12])}, {"extra": None}],
)
def test_any_change_of_the_key_computes_anew(tmp_path, change):
    cached_arrays(KEY, Counted(3.0), tmp_path)
    assert cached_arrays({**KEY, **change}, Counted(4.0), tmp_path)["result"][0] == 4.0


@pytest.mark.parametrize("damage", ["cut", "empty", "flip", "text", "folder"])
def test_a_damaged_file_is_computed_again_and_mended(tmp_path, damage):
    cached_arrays(KEY, Counted(), tmp_path)
    (file,) = tmp_path.glob("*.npz")
    content = bytearray(file.read_bytes())
    if damage == "cut":
        file.write_bytes(content[: len(content) // 2])
    elif damage == "empty":
        file.write_bytes(b"")
    elif damage == "text":
        file.write_bytes(b"not an archive")
    elif damage == "folder":
        file.unlink()
        file.mkdir()
    else:
        place = content.index(np.array([3.0, 0.1]).tobytes())
        content[place] ^= 1
        file.write_bytes(content)
    again = Counted()
    assert cached_arrays(KEY, again, tmp_path)["result"][0] == 3.0
    assert again.times == 1
    if damage != "folder":
        cached_arrays(KEY, again, tmp_path)
        assert again.times == 1


def test_a_file_of_another_key_under_this_name_is_not_believed(tmp_path):
    cached_arrays({"other": 1}, Counted(9.0), tmp_path)
    (file,) = tmp_path.glob("*.npz")
    cached_arrays(KEY, Counted(3.0), tmp_path)
    (ours,) = (path for path in tmp_path.glob("*.npz") if path != file)
    ours.write_bytes(file.read_bytes())
    assert cached_arrays(KEY, Counted(3.0), tmp_path)["result"][0] == 3.0


def test_a_folder_that_cannot_be_made_is_done_without(tmp_path):
    in_the_way = tmp_path / "file"
    in_the_way.write_text("not a folder")
    compute = Counted()
    for _ in range(2):
        assert cached_arrays(KEY, compute, in_the_way / "cache")["result"][0] == 3.0
    assert compute.times == 2


def test_nothing_unfinished_is_left_behind(tmp_path, monkeypatch):
    cached_arrays(KEY, Counted(), tmp_path)
    assert [path.suffix for path in tmp_path.iterdir()] == [".npz"]

    def full_disk(*_args, **_kwargs):
        raise OSError("no space left on device")

    monkeypatch.setattr(np, "savez", full_disk)
    assert cached_arrays({"other": 2}, Counted(), tmp_path)["result"][0] == 3.0
    assert len(list(tmp_path.iterdir())) == 1


def test_results_are_read_only_whether_computed_or_found(tmp_path):
    for _ in range(2):
        with pytest.raises(ValueError, match="read-only"):
            cached_arrays(KEY, Counted(), tmp_path)["result"][0] = 1.0


def test_default_folder_follows_the_platform(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache_folder() == tmp_path / "radiography"
    cached_arrays(KEY, Counted())
    assert len(list((tmp_path / "radiography").glob("*.npz"))) == 1


def test_without_a_home_folder_there_is_no_cache_and_no_error(monkeypatch):
    def homeless():
        raise RuntimeError("no home")

    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr("pathlib.Path.home", homeless)
    assert cached_arrays(KEY, Counted())["result"][0] == 3.0


def test_keys_and_arrays_without_a_fixed_form_are_refused(tmp_path):
    with pytest.raises(TypeError, match="got object"):
        cached_arrays({"thing": object()}, Counted(), tmp_path)
    with pytest.raises(TypeError, match="'odd' to be cached must hold numbers"):
        cached_arrays(KEY, lambda: {"odd": np.array([{}])}, tmp_path)
    with pytest.raises(ValueError, match="must not be named 'cache_key'"):
        cached_arrays(KEY, lambda: {"cache_key": np.zeros(1)}, tmp_path)

"""The store is a zarr group that others read, and what is half-written in it counts as not there."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from radiography.sweep.store import TEXT, Store, StoredArray, attributes_of, create_store, read_value, write_value

NUMBER = StoredArray("number", "float64", (), (), {"units": "DN"})
WORDS = StoredArray("words", TEXT, (), (), {})
DONE = StoredArray("done", "uint8", (), (), {})
PICTURE = StoredArray("picture", "uint16", ("row", "col"), (2, 3), {})
ARRAYS = [NUMBER, WORDS, DONE, PICTURE]
AXES = {"dose.uGy": ("dose.uGy", [1, 2.5]), "name": ("name", ["a", "ü", [1, 2]])}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Two doses and three names, nothing written."""
    made = Store(tmp_path / "x.zarr", (2, 3))
    create_store(made, ("dose.uGy", "name"), ARRAYS, AXES, {"title": "a store"})
    return made


def test_what_is_written_is_read_and_nothing_else(store: Store) -> None:
    picture = np.arange(6, dtype=np.uint16).reshape(2, 3)
    for array, value in ((NUMBER, 0.1), (WORDS, "not a ü"), (DONE, 1), (PICTURE, picture)):
        write_value(store, array, (1, 2), value)
    assert (read_value(store, NUMBER, (1, 2)), read_value(store, WORDS, (1, 2))) == (0.1, "not a ü")
    assert read_value(store, DONE, (1, 2)) == 1 and read_value(store, DONE, (1, 1)) == 0
    assert np.isnan(read_value(store, NUMBER, (0, 0))) and read_value(store, WORDS, (0, 0)) == ""
    assert (store.folder / "picture/c/1/2/0/0").read_bytes() == picture.astype("<u2").tobytes()
    assert attributes_of(store.folder) == {"title": "a store"}
    with pytest.raises(ValueError, match=r"picture of a sample is \(3, 2\), its store has room for \(2, 3\)"):
        write_value(store, PICTURE, (0, 0), picture.T)


def test_a_value_that_cannot_be_written_leaves_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_value(store, NUMBER, (0, 1), 2.0)
    assert list((store.folder / "number/c/0").iterdir()) == []


def test_a_damaged_number_names_its_file(store: Store) -> None:
    write_value(store, NUMBER, (0, 0), 2.0)
    (store.folder / "number/c/0/0").write_bytes(b"xyz")
    with pytest.raises(ValueError, match="has 3 bytes, it should hold one float64: delete it to do it again"):
        read_value(store, NUMBER, (0, 0))


@pytest.mark.parametrize("text", [None, "", "[1]", "{", '{"attributes": 3}', "[" * 100_000])
def test_what_is_no_group_has_no_attributes(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "zarr.json").write_text(text)
    assert attributes_of(tmp_path) is None


def test_zarr_and_xarray_read_it(store: Store) -> None:
    zarr = pytest.importorskip("zarr", reason="zarr (extra `sweep`) is not installed")
    xarray = pytest.importorskip("xarray", reason="xarray (extra `sweep`) is not installed")
    picture = np.arange(6, dtype=np.uint16).reshape(2, 3)
    for array, value in ((NUMBER, 0.1), (WORDS, "why ü"), (DONE, 1), (PICTURE, picture)):
        write_value(store, array, (1, 0), value)
    group = zarr.open_group(store.folder, mode="r")
    assert group["number"][1, 0] == 0.1 and np.isnan(group["number"][0, 0])
    assert group["words"][1, 0] == "why ü" and group["words"][0, 1] == ""
    assert group["picture"].shape == (2, 3, 2, 3) and group["picture"].chunks == (1, 1, 2, 3)
    with xarray.open_zarr(store.folder, chunks=None) as data:
        assert data.attrs == {"title": "a store"} and data["number"].attrs == {"units": "DN"}
        assert data["picture"].dims == ("dose.uGy", "name", "row", "col")
        chosen = data.sel({"dose.uGy": 2.5, "name": "a"})
        np.testing.assert_array_equal(chosen["picture"], picture)
        assert (float(chosen["number"]), str(chosen["words"].values), int(chosen["done"])) == (0.1, "why ü", 1)
        assert list(data["name"].values) == ["a", "ü", "[1, 2]"]

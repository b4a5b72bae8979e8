"""Maps measured on a panel, in a file beside the panel's: the same maps back, and files that do not fit refused."""

from __future__ import annotations

import io
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from radiography.config import load_panel
from radiography.panel.maps import PanelMaps, draw_panel_maps
from radiography.panel.measured_maps import panel_maps, write_maps
from radiography.panel.panel import Panel

CUT = """
based_on = "worn"
name = "cut"
serial = "CUT"
[pixels]
rows = {rows}
cols = 64
shielded_cols_left = 4
shielded_cols_right = 4
[uniformity]
lagging_fraction = 0.002
defective_fraction = 0.01
"""


def _files(folder: Path, rows: int = 48, sha256: str = "0" * 64, maps: str = "maps.npz") -> Path:
    named = f'[maps]\nfile = "{maps}"\nsha256 = "{sha256}"\n' if sha256 else ""
    (folder / "panel.toml").write_text(CUT.format(rows=rows) + named, encoding="utf-8")
    return folder / "panel.toml"


def _drawn(folder: Path, rows: int = 48) -> tuple[Panel, PanelMaps]:
    panel = load_panel(str(_files(folder, rows, sha256="")))
    return panel, draw_panel_maps(panel)


def test_maps_come_back_as_they_were_written(tmp_path: Path) -> None:
    panel, maps = _drawn(tmp_path)

    measured = load_panel(str(_files(tmp_path, sha256=write_maps(tmp_path / "maps.npz", panel, maps))))
    back = panel_maps(measured)

    assert maps.lag_factor is not None and maps.nonlinearity is not None
    for field in fields(PanelMaps):  # float32 departures from 2,000 DN and products with a rate: one unit in the last
        np.testing.assert_allclose(getattr(back, field.name), getattr(maps, field.name), rtol=3e-7, atol=1e-7)


def test_numbers_of_the_panel_still_count(tmp_path: Path) -> None:
    panel, maps = _drawn(tmp_path)
    file = _files(tmp_path, sha256=write_maps(tmp_path / "maps.npz", panel, maps))
    changes = {"readout.offset_dn": 3000.0, "photodiode.dark_electrons_per_s": 4000.0}

    back = panel_maps(load_panel(str(file), changes=changes))

    np.testing.assert_allclose(back.offset_dn, maps.offset_dn + 1000.0, rtol=1e-6)
    np.testing.assert_allclose(back.dark_electrons_per_s, 2.0 * maps.dark_electrons_per_s, rtol=1e-6)


def test_a_panel_based_on_a_measured_one_elsewhere_has_its_maps(tmp_path: Path) -> None:
    panel, maps = _drawn(tmp_path)
    _files(tmp_path, sha256=write_maps(tmp_path / "maps.npz", panel, maps))
    other = tmp_path / "other"
    other.mkdir()
    (other / "colder.toml").write_text('based_on = "../panel.toml"\nname = "colder"\n', encoding="utf-8")

    back = panel_maps(load_panel("colder.toml", other))

    np.testing.assert_array_equal(back.defects, maps.defects)


def test_a_panel_without_a_file_has_the_maps_that_are_drawn(tmp_path: Path) -> None:
    panel, maps = _drawn(tmp_path)

    assert panel_maps(panel) is maps


@pytest.mark.parametrize("name", ["../maps.npz", "/tmp/maps.npz", "a\\\\\\\\maps.npz", "maps.npy", "sub/maps.npz"])
def test_the_file_lies_beside_the_panels(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"maps\.file must be the name of an \.npz file beside it"):
        load_panel(str(_files(tmp_path, maps=name)))


def test_maps_of_other_bytes_are_refused(tmp_path: Path) -> None:
    panel, maps = _drawn(tmp_path)
    sha256 = write_maps(tmp_path / "maps.npz", panel, maps)
    content = (tmp_path / "maps.npz").read_bytes()
    (tmp_path / "maps.npz").write_bytes(content[:-1] + b"x")

    with pytest.raises(ValueError, match="they do not belong together"):
        panel_maps(load_panel(str(_files(tmp_path, sha256=sha256))))


def test_maps_that_are_missing_name_themselves(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"maps\.npz of panel 'cut' do not exist"):
        panel_maps(load_panel(str(_files(tmp_path))))


def test_maps_of_another_size_are_refused(tmp_path: Path) -> None:
    panel, maps = _drawn(tmp_path, rows=40)
    sha256 = write_maps(tmp_path / "maps.npz", panel, maps)

    with pytest.raises(ValueError, match=r"offset_departure_dn is \(40, 64\) but the panel is \(48, 64\)"):
        panel_maps(load_panel(str(_files(tmp_path, sha256=sha256))))


def _written(folder: Path, content: bytes) -> Panel:
    import hashlib

    (folder / "maps.npz").write_bytes(content)
    return load_panel(str(_files(folder, sha256=hashlib.sha256(content).hexdigest())))


def _changed(folder: Path, *, compressed: bool = False, **planes: object) -> Panel:
    panel, maps = _drawn(folder)
    write_maps(folder / "maps.npz", panel, maps)
    with np.load(folder / "maps.npz") as file:
        held = {name: file[name] for name in file.files}
    buffer = io.BytesIO()
    kept = {name: plane for name, plane in {**held, **planes}.items() if plane is not None}
    (np.savez_compressed if compressed else np.savez)(buffer, **kept)
    return _written(folder, buffer.getvalue())


NAN = np.full((48, 64), np.nan, np.float32)
ONE = np.ones((48, 64), np.float32)


@pytest.mark.parametrize(
    ("planes", "said"),
    [
        ({"response": NAN}, "response must be finite and between 0 and 1e\\+09"),
        ({"response": -ONE}, "response must be finite and between 0"),
        ({"response": ONE.astype(np.float64)}, "response must be float32, got float64"),
        ({"response": None}, "it must hold offset_departure_dn, response"),
        ({"own": ONE}, "it must hold offset_departure_dn, response"),
        ({"nonlinearity_departure": ONE}, "non-linearity must lie between -0.5 and 0.5, it reaches 1.03"),
        ({"lag_factor": 20 * ONE}, "a pixel would trap 2.59 of its charge, which must be below 1"),
        ({"offset_departure_dn": np.array([[{}]], dtype=object)}, "is no file of a panel's maps"),
    ],
)
def test_planes_that_no_panel_has_are_refused(tmp_path: Path, planes: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        panel_maps(_changed(tmp_path, **planes))


def test_a_compressed_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is compressed; planes must be stored as they are"):
        panel_maps(_changed(tmp_path, compressed=True))


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"maps\.npz is no file of a panel's maps, or a damaged one"):
        panel_maps(_written(tmp_path, b"no archive"))


def test_the_same_maps_give_the_same_bytes(tmp_path: Path) -> None:
    panel, maps = _drawn(tmp_path)

    assert write_maps(tmp_path / "a.npz", panel, maps) == write_maps(tmp_path / "b.npz", panel, replace(maps))

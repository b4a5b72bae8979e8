"""Mesh files: read in their own unit, mended with a warning, refused before they cost memory."""

from __future__ import annotations

import time
import tracemalloc

import numpy as np
import pytest
import trimesh

from phantoms.closed_surface import signed_volume
from phantoms.mesh_file import LARGEST_TRIANGLES, load_mesh


def box(size: float, at: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> trimesh.Trimesh:
    return trimesh.creation.box(extents=(size, size, size), transform=trimesh.transformations.translation_matrix(at))


@pytest.mark.parametrize("ending", ["stl", "ply", "obj"])
def test_mesh_file_is_read_in_its_own_unit(tmp_path, ending):
    path = tmp_path / f"box.{ending}"
    trimesh.creation.box(extents=(1.0, 2.0, 3.0)).export(path)
    mesh = load_mesh(path, scale_to_mm=10.0)
    assert mesh.vertices_mm.shape == (8, 3)
    assert mesh.triangles.shape == (12, 3)
    np.testing.assert_allclose(np.ptp(mesh.vertices_mm, axis=0), (10, 20, 30), rtol=1e-6)


@pytest.mark.parametrize("kind", ["stl", "stl_ascii", "ply", "obj"])
def test_bodies_of_all_formats_stay_apart_from_holes(tmp_path, kind):
    hole = box(1.0)
    hole.invert()
    path = tmp_path / f"two.{kind[:3]}"
    trimesh.util.concatenate([box(3.0), hole, box(3.0, (1.5, 0.0, 0.0))]).export(path, file_type=kind)
    mesh = load_mesh(path)
    assert signed_volume(mesh.vertices_mm, mesh.triangles) == pytest.approx(27.0 - 1.0 + 27.0)


def test_a_binary_stl_may_begin_with_the_word_solid(tmp_path):
    path = tmp_path / "box.stl"
    content = box(2.0).export(file_type="stl")
    path.write_bytes(b"solid box".ljust(80) + content[80:])
    assert len(load_mesh(path).triangles) == 12


def test_what_was_mended_is_said(tmp_path):
    path = tmp_path / "double.ply"
    doubled = box(2.0)
    trimesh.Trimesh(doubled.vertices, doubled.faces[[*range(12), 3]], process=False).export(path)
    with pytest.warns(UserWarning, match=r"double\.ply was mended: 1 of 13 triangles left out"):
        load_mesh(path)


def test_open_mesh_file_is_refused_with_a_place(tmp_path):
    trimesh.Trimesh(box(1.0).vertices, box(1.0).faces[:-1], process=False).export(tmp_path / "open.stl")
    with pytest.raises(ValueError, match=r"open\.stl is not closed: 3 of its edges .* one is at \("):
        load_mesh(tmp_path / "open.stl")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("text.stl", b"solid nothing", r"text\.stl holds no triangles"),
        ("empty.stl", bytes(84), r"empty\.stl holds no triangles"),
        ("short.stl", bytes(80) + (7).to_bytes(4, "little") + bytes(100), "claims 7 triangles, 434 bytes, but has 184"),
        ("nan.stl", bytes(80) + (1).to_bytes(4, "little") + b"\xff" * 50, "corners that are no numbers"),
        ("bare.ply", b"nonsense", "has no PLY header"),
        ("part.step", b"ISO-10303-21;", r"must end in \.stl, \.ply, \.obj"),
        ("only.obj", b"v 0 0 0\nv 1 0 0\n", r"only\.obj"),
    ],
)
def test_damaged_mesh_files_are_named(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises((OSError, ValueError), match=message):
        load_mesh(tmp_path / name)


def test_missing_mesh_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        load_mesh(tmp_path / "nowhere.stl")


def _bomb(path, header: bytes, size: int) -> None:
    with path.open("wb") as file:
        file.write(header)
        file.truncate(size)


@pytest.mark.parametrize(
    ("name", "header", "size", "message"),
    [
        ("claim.stl", bytes(80) + (10**8).to_bytes(4, "little"), 200, "claims 100000000 triangles, 5000000084 bytes"),
        ("many.stl", bytes(80) + (10**8).to_bytes(4, "little"), 84 + 50 * 10**8, f"at most {LARGEST_TRIANGLES}"),
        ("text.stl", b"solid bomb\n", 10**10, "bytes of text, at most"),
        ("rows.obj", b"v 0 0 0\n", 10**10, "bytes of text, at most"),
        (
            "claim.ply",
            b"ply\nformat binary_little_endian 1.0\nelement vertex 4000000000\nproperty float x\nend_header\n",
            300,
            "claims 4000000000 vertex but has 300 bytes",
        ),
        (
            "many.ply",
            b"ply\nformat binary_little_endian 1.0\nelement vertex 4\nelement face 100000000\nend_header\n",
            10**10,
            "has 100000000 triangles",
        ),
    ],
)
def test_bombs_are_refused_before_they_cost_memory(tmp_path, name, header, size, message):
    _bomb(tmp_path / name, header, size)
    tracemalloc.start()
    start = time.process_time()
    with pytest.raises((OSError, ValueError), match=message):
        load_mesh(tmp_path / name)
    assert time.process_time() - start < 2.0
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 50e6

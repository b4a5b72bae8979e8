"""Triangle meshes of STL, PLY and OBJ files: sizes are judged before anything is read, surfaces are closed."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt

from phantoms.closed_surface import closed_surface
from phantoms.solids import Mesh, check_positive

ENDINGS = (".stl", ".ply", ".obj")
LARGEST_COORDINATE = 1e12  # in units of the file, which may be nanometres   # chosen: a kilometre
LARGEST_TRIANGLES = 4_000_000  # chosen: 200 MB of binary STL, about 3 GB of memory while it is read
LARGEST_TEXT_BYTES = 200_000_000  # chosen: 0.7 million triangles of a text STL
_STL_HEADER, _STL_TRIANGLE = 84, 50  # [byte] of a binary STL
_HEADER_BYTES = 65536  # of a PLY header, at most

FloatArray = npt.NDArray[np.float64]


def load_mesh(path: str | Path, scale_to_mm: float = 1.0) -> Mesh:
    """Closed triangle mesh from an STL, PLY or OBJ file.

    Bodies that overlap are one, shells that are turned inwards are holes. Where the surface is open, vertices within
    1e-6 of its largest extent are welded; triangles without area or on top of each other are left out, and such that
    run against their neighbours are turned over. A warning counts what was mended.

    Parameters
    ----------
    path : str or Path
        Mesh file; its units are whatever its maker used.
    scale_to_mm : float
        Length of one file unit. [mm]

    Returns
    -------
    mesh : Mesh
        Merged vertices, outward normals.

    Raises
    ------
    ValueError
        If the file holds no closed surface, or more triangles than fit.
    OSError
        If the file cannot be read as a mesh.
    """
    check_positive(scale_to_mm=scale_to_mm)
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"mesh file {path} does not exist")
    if path.suffix.lower() not in ENDINGS:
        raise ValueError(f"mesh file {path} must end in {', '.join(ENDINGS)}")
    corners = _binary_stl(path)
    if corners is None:
        corners = _other_corners(path)
    if not (np.abs(corners) <= LARGEST_COORDINATE).all():
        raise ValueError(f"mesh {path} has corners that are no numbers, or beyond {LARGEST_COORDINATE:g}")
    try:
        vertices, triangles, repairs = closed_surface(corners)
    except ValueError as error:
        raise ValueError(f"mesh {path} {error}") from error
    if repairs:
        warnings.warn(f"mesh {path} was mended: {'; '.join(repairs)}", stacklevel=2)
    return Mesh(vertices * scale_to_mm, triangles)


def _refuse_many(path: Path, triangles: int) -> None:
    if triangles > LARGEST_TRIANGLES:
        raise ValueError(
            f"mesh {path} has {triangles} triangles, at most {LARGEST_TRIANGLES} are read; make it coarser"
        )


def _binary_stl(path: Path) -> FloatArray | None:
    """Corners (T, 3, 3) of a binary STL, None for any other mesh file."""
    if path.suffix.lower() != ".stl":
        return None
    size = path.stat().st_size
    with path.open("rb") as file:
        header = file.read(_STL_HEADER)
        if len(header) < _STL_HEADER:
            return None
        claimed = int.from_bytes(header[80:84], "little")
        wanted = _STL_HEADER + claimed * _STL_TRIANGLE
        if size != wanted and header.lstrip()[:5].lower() == b"solid":
            return None  # a text file, whose triangles are counted by their words
        if size < wanted:
            raise OSError(
                f"{path} is no whole STL file: it claims {claimed} triangles, {wanted} bytes, but has {size} bytes"
            )
        _refuse_many(path, claimed)
        record = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
        found = np.frombuffer(file.read(claimed * _STL_TRIANGLE), dtype=record)["corners"].astype(np.float64)
    if len(found) == 0:
        raise OSError(f"{path} holds no triangles")
    return np.asarray(found)


def _other_corners(path: Path) -> FloatArray:
    """Corners (T, 3, 3) of a text STL, a PLY or an OBJ."""
    import trimesh

    _judge_size(path)
    try:
        surface = trimesh.load_mesh(str(path), process=False, skip_materials=True)
    except Exception as error:  # trimesh raises many kinds for a damaged file
        raise OSError(
            f"{path} cannot be read as a triangle mesh, it is damaged or no {path.suffix[1:].upper()}"
        ) from error
    if not isinstance(surface, trimesh.Trimesh) or len(surface.faces) == 0:
        raise OSError(f"{path} holds no triangles")
    _refuse_many(path, len(surface.faces))
    vertices: FloatArray = np.asarray(surface.vertices, dtype=np.float64)
    faces = np.asarray(surface.faces, dtype=np.int64)
    if faces.min() < 0 or faces.max() >= len(vertices):
        raise OSError(f"{path} is damaged: a triangle names a corner that is not there")
    return vertices[faces]


def _judge_size(path: Path) -> None:
    """Refuse what claims more than it can hold, or holds more than is read."""
    size = path.stat().st_size
    with path.open("rb") as file:
        header = file.read(_HEADER_BYTES)
    if path.suffix.lower() == ".ply":
        end = header.find(b"end_header")
        if not header.startswith(b"ply") or end < 0:
            raise OSError(f"{path} cannot be read as a triangle mesh: it has no PLY header")
        for kind, digits in re.findall(rb"element[ \t]+(\w+)[ \t]+(\d+)", header[:end]):
            claimed = int(digits[:20])
            if claimed > size:
                raise OSError(f"{path} is no whole PLY file: it claims {claimed} {kind.decode()} but has {size} bytes")
            if kind == b"face":
                _refuse_many(path, claimed)
        if b"format ascii" not in header[:end]:
            return
    if size > LARGEST_TEXT_BYTES:
        raise ValueError(
            f"mesh {path} has {size} bytes of text, at most {LARGEST_TEXT_BYTES} are read; save it as binary STL"
        )

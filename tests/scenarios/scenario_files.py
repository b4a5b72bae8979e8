"""What the official CTSimU scenarios name beside their JSON, made here: meshes of their samples, and spectra."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from radiography.beam.spectrum import beam_spectrum
from radiography.beam.tube import Beam

FloatArray = npt.NDArray[np.float64]
WIRES = (0.8, 0.63, 0.5, 0.4, 0.32, 0.25, 0.2, 0.16, 0.13, 0.1, 0.08, 0.063, 0.05)  # diameter and gap [mm]


def write_stl(path: Path, corners: FloatArray) -> None:
    """Triangles (T, 3, 3) as binary STL."""
    record = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
    out = np.zeros(len(corners), dtype=record)
    out["corners"] = corners
    path.write_bytes(b"test".ljust(80) + len(out).to_bytes(4, "little") + out.tobytes())


def prism(polygon: FloatArray, low: FloatArray, high: FloatArray) -> FloatArray:
    """Triangles of a convex prism: polygon (N, 3) about the origin, at two places of its axis."""
    count = len(polygon)
    bottom, top = polygon + low, polygon + high
    faces = [np.array([bottom[0], bottom[k + 1], bottom[k]]) for k in range(1, count - 1)]
    faces += [np.array([top[0], top[k], top[k + 1]]) for k in range(1, count - 1)]
    for k in range(count):
        after = (k + 1) % count
        faces += [np.array([bottom[k], bottom[after], top[after]]), np.array([bottom[k], top[after], top[k]])]
    return np.array(faces)


def edge_stl(path: Path) -> None:
    """Quarter space of 2D-WE-1 and 2D-WE-2, in its own r, s, t: its corner on the axis, turned by 3 degrees.

    Its sides hold the source, so that the 10 mm from front to back do not blur them.
    """
    angle = math.radians(3.0)
    right, down = np.array([math.cos(angle), math.sin(angle)]), np.array([-math.sin(angle), math.cos(angle)])
    square = np.array([0.0 * right, 20.0 * down, 20.0 * down - 20.0 * right, -20.0 * right])
    # columns run along -y and rows along -z of the world; the sample's centre stands at y 2.5, z -2.36898
    polygon = np.column_stack([np.zeros(4), -square[:, 0] - 2.5, -square[:, 1] + 2.36898])
    write_stl(path, prism(polygon, np.array([-5.0, 0, 0]), np.array([5.0, 0, 0])))


def duplex_stl(path: Path, sides: int = 96) -> None:
    """Thirteen pairs of platinum wires of 2D-DW-1, where its evaluation looks for them."""
    angle = math.radians(3.0)
    along, across = np.array([math.cos(angle), math.sin(angle)]), np.array([-math.sin(angle), math.cos(angle)])
    middle = np.array([(1126 - 1000) * 0.05, (496 - 500) * 0.05])
    turn = 2.0 * np.pi * (np.arange(sides) + 0.5) / sides
    grow = math.sqrt(2.0 * np.pi / sides / math.sin(2.0 * np.pi / sides))  # the polygon has the circle's area
    parts = []
    for number, wire in enumerate(WIRES):
        for side in (-1.0, 1.0):
            place = middle + (-22.0 + 3.6 * number + side * wire) * along
            radius = 0.5 * wire * grow
            flat = np.outer(radius * np.cos(turn), along)
            polygon = np.column_stack([radius * np.sin(turn), -flat[:, 0], -flat[:, 1]])
            ends = [place + end * 7.5 * across for end in (-1.0, 1.0)]
            low, high = (np.array([0.0, -end[0], -end[1]]) for end in ends)
            triangles = prism(polygon, low, high)
            parts.append(triangles if _volume(triangles) > 0 else triangles[:, ::-1])
    write_stl(path, np.concatenate(parts))


def _volume(corners: FloatArray) -> float:
    return float(np.einsum("ti,ti->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) / 6.0)


def foil_stl(path: Path, holes: list[FloatArray], size_mm: float, thickness_mm: float) -> None:
    """A foil in its own s, t plane with holes, each a polygon (N, 2) of close points. [mm]"""
    from scipy.spatial import Delaunay

    grid = np.linspace(-size_mm / 2, size_mm / 2, 41)
    points = np.array([(r, s) for r in grid for s in grid])
    spacing = grid[1] - grid[0]
    for hole in holes:
        middle = hole.mean(axis=0)
        reach = np.linalg.norm(hole - middle, axis=1).max()
        points = points[np.linalg.norm(points - middle, axis=1) > reach + 0.2 * spacing]
    points = np.vstack([points, *holes])
    triangles = Delaunay(points).simplices
    centres = points[triangles].mean(axis=1)
    keep = np.ones(len(triangles), dtype=bool)
    for hole in holes:
        edge, after = hole, np.roll(hole, -1, axis=0)
        crossed = (edge[:, 1] > centres[:, 1, None]) != (after[:, 1] > centres[:, 1, None])
        with np.errstate(divide="ignore", invalid="ignore"):
            at = (after[:, 0] - edge[:, 0]) * (centres[:, 1, None] - edge[:, 1]) / (after[:, 1] - edge[:, 1]) + edge[
                :, 0
            ]
        keep &= (np.count_nonzero(crossed & (centres[:, 0, None] < at), axis=1) % 2) == 0
    triangles = triangles[keep]
    first = points[triangles]
    along, across = first[:, 1] - first[:, 0], first[:, 2] - first[:, 0]
    turned = along[:, 0] * across[:, 1] < along[:, 1] * across[:, 0]
    triangles[turned] = triangles[turned][:, ::-1]
    top = np.column_stack([points, np.full(len(points), thickness_mm / 2)])
    bottom = np.column_stack([points, np.full(len(points), -thickness_mm / 2)])
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    known = {tuple(edge) for edge in edges}
    border = np.array([edge for edge in edges if (edge[1], edge[0]) not in known])
    walls = np.concatenate(
        [
            np.stack([bottom[border[:, 0]], bottom[border[:, 1]], top[border[:, 1]]], axis=1),
            np.stack([bottom[border[:, 0]], top[border[:, 1]], top[border[:, 0]]], axis=1),
        ]
    )
    every = np.concatenate([top[triangles], bottom[triangles][:, ::-1], walls])
    write_stl(path, every[:, :, [2, 0, 1]])  # the foil's normal is r


def holes_stl(path: Path, frames: dict[str, Any]) -> None:
    """Foil of 2D-HS-1 in its r, s, t: its ten holes lie where the rays to the nominal circles of the detector pass it.

    Frames are those of the official toolbox, so that places of ours are judged by it.
    """
    detector, sample = ({key: np.array(each) for key, each in frames[name].items()} for name in ("detector", "sample"))
    source = np.array(frames["source"]["center"])
    turn = 2.0 * np.pi * np.arange(180) / 180
    holes = []
    small = [(y, z, 66 * 0.15) for y in (-205, 0, 205) for z in (-205, 0, 205)]
    for y, z, radius in [(-160, -140, 133 * 0.15), *small]:
        across, down = -y + radius * np.cos(turn), -z + radius * np.sin(turn)
        points = detector["center"] + across[:, None] * detector["u"] + down[:, None] * detector["v"]
        rays = points - source
        reach = ((sample["center"] - source) @ sample["u"]) / (rays @ sample["u"])
        places = source + reach[:, None] * rays - sample["center"]
        holes.append(places @ np.array([sample["v"], sample["w"]]).T)
    foil_stl(path, holes, 40.0, 0.02)


def spectrum_tsv(path: Path, kvp: float) -> None:
    """A tube's spectrum behind 4 mm of aluminium, energy [keV] and photons, one a line."""
    spectrum = beam_spectrum(Beam("tube", kvp, (("Al", 4.0),), "test", "W", 20.0, None, 0.0), 1.0, bin_keV=1.0)
    np.savetxt(path, np.column_stack([spectrum.energy_keV, spectrum.fluence_per_mm2]), delimiter="\t")

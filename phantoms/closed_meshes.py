"""Closed meshes of round bodies: ellipsoids, elliptic rings and rods with round ends."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from phantoms.solids import Mesh, Vector, check_positive

FloatArray = npt.NDArray[np.float64]


def ellipsoid(semi_axes_mm: Vector, parallels: int = 48) -> Mesh:
    """An ellipsoid centred on the origin.

    Parameters
    ----------
    semi_axes_mm : (float, float, float)
        Along x, y, z. [mm]
    parallels : int
        Rings of corners from pole to pole, the poles along y; as many corners again in half a ring. [1]

    Returns
    -------
    mesh : Mesh
        Its corners lie on the ellipsoid: with 48 rings it holds 0.6 % less than that.

    Raises
    ------
    ValueError
        If a semi-axis is not positive.
    """
    check_positive(**{f"semi_axes_mm[{axis}]": length for axis, length in zip("xyz", semi_axes_mm, strict=True)})
    around = 2 * parallels
    polar = np.pi * np.arange(1, parallels + 1) / (parallels + 1)
    angle = 2.0 * np.pi * np.arange(around) / around
    rings = np.stack(
        [
            np.outer(np.sin(polar), np.cos(angle)),
            np.repeat(np.cos(polar)[:, None], around, axis=1),
            np.outer(np.sin(polar), np.sin(angle)),
        ],
        axis=-1,
    ).reshape(-1, 3)
    corners = np.vstack([[0.0, 1.0, 0.0], rings, [0.0, -1.0, 0.0]])
    here, last = np.arange(around), len(corners) - 1
    beside = (here + 1) % around
    triangles = [np.column_stack([np.zeros(around, np.int64), 1 + beside, 1 + here])]
    for ring in range(parallels - 1):
        above, below = 1 + ring * around, 1 + (ring + 1) * around
        triangles.append(np.column_stack([above + here, above + beside, below + here]))
        triangles.append(np.column_stack([above + beside, below + beside, below + here]))
    lowest = 1 + (parallels - 1) * around
    triangles.append(np.column_stack([np.full(around, last), lowest + here, lowest + beside]))
    return Mesh(corners * np.asarray(semi_axes_mm), np.vstack(triangles).astype(np.int64))


def elliptic_ring(semi_axes_mm: tuple[float, float], tube_mm: float, along: int = 96, across: int = 12) -> Mesh:
    """A tube round the y axis whose middle is an ellipse in x and z.

    Parameters
    ----------
    semi_axes_mm : (float, float)
        Of the middle of the tube, along x and z. [mm]
    tube_mm : float
        Radius of the tube. [mm]
    along, across : int
        Corners along the ring and around the tube. [1]

    Returns
    -------
    mesh : Mesh

    Raises
    ------
    ValueError
        If a length is not positive, or the tube is too thick for its bend.
    """
    check_positive(tube_mm=tube_mm, **{f"semi_axes_mm[{n}]": length for n, length in enumerate(semi_axes_mm)})
    x_mm, z_mm = semi_axes_mm
    if tube_mm >= min(x_mm, z_mm) ** 2 / max(x_mm, z_mm):
        raise ValueError(f"tube_mm of a ring must be below its smallest radius of bend, got {tube_mm:g}")
    angle, turn = 2.0 * np.pi * np.arange(along) / along, 2.0 * np.pi * np.arange(across) / across
    middle = np.column_stack([x_mm * np.cos(angle), np.zeros(along), z_mm * np.sin(angle)])
    outwards = np.column_stack([np.cos(angle) / x_mm, np.zeros(along), np.sin(angle) / z_mm])
    outwards /= np.linalg.norm(outwards, axis=1, keepdims=True)
    up = np.array([0.0, 1.0, 0.0])
    offsets = np.cos(turn)[None, :, None] * outwards[:, None] + np.sin(turn)[None, :, None] * up
    corners = (middle[:, None] + tube_mm * offsets).reshape(-1, 3)
    ring, tube = np.meshgrid(np.arange(along), np.arange(across), indexing="ij")
    ahead, beside = (ring + 1) % along, (tube + 1) % across
    a, b = (ring * across + tube).ravel(), (ahead * across + tube).ravel()
    c, d = (ahead * across + beside).ravel(), (ring * across + beside).ravel()
    triangles = np.vstack([np.column_stack([a, c, b]), np.column_stack([a, d, c])])
    return Mesh(corners, triangles.astype(np.int64))

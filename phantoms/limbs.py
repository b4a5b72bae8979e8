"""Parts of grown bodies: rods from point to point, and ellipsoids with ribs or lumps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from phantoms.closed_meshes import ellipsoid
from phantoms.solids import Cone, Cylinder, Mesh, PlacedSolid, Shape, Sphere, Vector, place


def rod(
    start_mm: Vector, end_mm: Vector, radius_mm: float, material: str, end_radius_mm: float | None = None
) -> PlacedSolid:
    """A straight rod from one point to another.

    Parameters
    ----------
    start_mm, end_mm : (float, float, float)
        [mm]
    radius_mm : float
        At the start. [mm]
    material : str
        Of the rod.
    end_radius_mm : float, optional
        At the end, 0 for a point; by default that at the start. [mm]

    Returns
    -------
    solid : PlacedSolid

    Raises
    ------
    ValueError
        If both points are one, or a radius cannot be.
    """
    start, end = np.asarray(start_mm, dtype=np.float64), np.asarray(end_mm, dtype=np.float64)
    length = float(np.linalg.norm(end - start))
    if not (np.isfinite(length) and length > 0):
        raise ValueError(f"a rod needs two points that differ, got {start_mm} and {end_mm}")
    along = (end - start) / length
    aside = np.cross(along, [0.0, 0.0, 1.0] if abs(along[2]) < 0.9 else [1.0, 0.0, 0.0])
    aside /= np.linalg.norm(aside)
    shape: Shape = Cylinder(radius_mm, length)
    if end_radius_mm is not None and end_radius_mm != radius_mm:
        shape = Cone(radius_mm, end_radius_mm, length)
    x, y, z = (0.5 * (start + end)).tolist()
    return PlacedSolid(shape, material, (x, y, z), np.column_stack([aside, np.cross(along, aside), along]))


def jointed(points_mm: Sequence[Vector], radii_mm: Sequence[float], material: str) -> list[PlacedSolid]:
    """Rods from point to point with balls at the joints.

    Parameters
    ----------
    points_mm : sequence of (float, float, float)
        Two or more. [mm]
    radii_mm : sequence of float
        At each point; 0 only at the last, for a tip. [mm]
    material : str

    Returns
    -------
    solids : list of PlacedSolid
    """
    solids = [
        rod(start, end, radius, material, end_radius)
        for start, end, radius, end_radius in zip(points_mm, points_mm[1:], radii_mm, radii_mm[1:], strict=False)
    ]
    return [*solids, *(place(Sphere(r), material, at) for at, r in zip(points_mm, radii_mm, strict=True) if r > 0)]


def ribbed(semi_axes_mm: Vector, ribs: int, height: float, parallels: int = 48) -> Mesh:
    """An ellipsoid with ribs from pole to pole, the poles along y.

    Parameters
    ----------
    semi_axes_mm : (float, float, float)
        Along x, y, z. [mm]
    ribs : int
        Around the y axis; few enough for the mesh, which has twice as many corners around as parallels. [1]
    height : float
        Of a rib over the mean radius. [1]
    parallels : int
        As for `ellipsoid`. [1]

    Returns
    -------
    mesh : Mesh
    """
    smooth = ellipsoid(semi_axes_mm, parallels)
    angle = np.arctan2(smooth.vertices_mm[:, 2] / semi_axes_mm[2], smooth.vertices_mm[:, 0] / semi_axes_mm[0])
    factor = 1.0 + height * np.cos(ribs * angle)
    return Mesh(smooth.vertices_mm * np.column_stack([factor, np.ones_like(factor), factor]), smooth.triangles)


def lumpy(semi_axes_mm: Vector, height: float, rng: np.random.Generator, parallels: int = 32) -> Mesh:
    """An ellipsoid with lumps of random places, no two alike.

    Parameters
    ----------
    semi_axes_mm : (float, float, float)
        Along x, y, z. [mm]
    height : float
        Standard deviation of the radius over its mean. [1]
    rng : numpy.random.Generator
        Draws six waves.
    parallels : int
        As for `ellipsoid`. [1]

    Returns
    -------
    mesh : Mesh
        Every ray from its middle leaves it once.
    """
    smooth = ellipsoid((1.0, 1.0, 1.0), parallels)
    waves = rng.normal(0.0, 3.0, (6, 3))
    phases = rng.uniform(0.0, 2.0 * np.pi, 6)
    factor = 1.0 + np.clip(height / np.sqrt(3.0) * np.sin(smooth.vertices_mm @ waves.T + phases).sum(axis=1), -0.6, 0.6)
    return Mesh(smooth.vertices_mm * factor[:, None] * np.asarray(semi_axes_mm), smooth.triangles)

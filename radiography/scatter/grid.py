"""Anti-scatter grids: how much of a ray passes, averaged over where it enters, and the shadow of the strips.

A linear grid of height h has strips of width d and, between them, gaps of width D; its ratio is h / D. A ray that
crosses the strips obliquely passes whole strips and a part of one more, which depends on where it enters.

References
----------
.. [1] Day and Dance, "X-ray transmission formula for antiscatter grids", Phys. Med. Biol. 28, 1429 (1983).
.. [2] IEC 60627:2013, "Diagnostic X-ray imaging equipment - Characteristics of general purpose and mammographic
       anti-scatter grids": the quantities.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from numba import njit

from radiography.beam.attenuation import Material, linear_attenuation_per_mm, material
from radiography.field import FieldGains
from radiography.projection.geometry import Geometry, field_nodes_mm
from radiography.scatter.kernels import GridShape, ray_transmission
from radiography.scatter.tables import ENERGY_STEP_KEV, LOWEST_KEV
from radiography.scene import GridChoice

POINTS_PER_CELL = 400  # chosen: strips of a tenth of a cell are within 1 % of their width

FloatArray = npt.NDArray[np.float64]


def grid_shape(
    grid: GridChoice | None, highest_keV: float, materials: Mapping[str, Material] | None = None
) -> GridShape:
    """What kernels need of a grid, up to an energy.

    Parameters
    ----------
    grid : GridChoice or None
        None for no grid, which passes everything.
    highest_keV : float
        [keV]
    materials : mapping of str to Material, optional
        Materials beside the built-in ones.

    Returns
    -------
    shape : GridShape

    Raises
    ------
    ValueError
        If a material is unknown.
    """
    energy_keV = np.maximum(ENERGY_STEP_KEV * np.arange(int(np.ceil(highest_keV / ENERGY_STEP_KEV)) + 2), LOWEST_KEV)
    if grid is None:
        nothing = np.zeros(energy_keV.size)
        return GridShape(0.0, 1.0, 0.0, np.inf, 0, nothing, nothing)
    mu_gap, mu_strip = (
        linear_attenuation_per_mm(material(name, materials), energy_keV) for name in (grid.interspace, grid.strip)
    )
    focus_mm = np.inf if grid.focus_mm is None else float(grid.focus_mm)
    across = 0 if grid.across == "cols" else 1
    return GridShape(float(grid.ratio), grid.gap_mm, 1e-3 * grid.strip_um, focus_mm, across, mu_gap, mu_strip)


def grid_transmission(
    shape: GridShape, place_mm: npt.ArrayLike, across: npt.ArrayLike, down: npt.ArrayLike, energy_keV: npt.ArrayLike
) -> FloatArray:
    """Transmission of a grid for rays, averaged over the entry within a period of the strips.

    Parameters
    ----------
    shape : GridShape
        From `grid_shape`.
    place_mm : (...) float64
        Where rays meet the panel, across the strips from the foot of the central ray. [mm]
    across, down : (...) float64
        Cosines of the rays across the strips and towards the panel. [1]
    energy_keV : (...) float64
        [keV]

    Returns
    -------
    transmission : (...) float64
        1 without a grid. [1]

    Notes
    -----
    With the path l = h / c, the shift s = h |a| / c across the period C = d + D, k = (mu_strip - mu_gap) l / s,
    n = floor(s / C), q = s - n C, m = min(q, d) and m0 = max(0, q - D):
    T = exp(-mu_gap l - k n d) / C [|q - d| exp(-k m) + |D - q| exp(-k m0) + 2 / k (exp(-k m0) - exp(-k m))].
    Where strips point to a focus, the ray is taken in axes that do. Scatter made in the grid, and its covers, are left
    out.
    """
    given = (np.asarray(each, dtype=np.float64) for each in (place_mm, across, down, energy_keV))
    rays = np.broadcast_arrays(*given)
    if shape.ratio == 0.0:
        return np.ones(rays[0].shape)
    out = np.empty(rays[0].size)
    _transmit(shape, *(np.ascontiguousarray(each.ravel()) for each in rays), out)
    return out.reshape(rays[0].shape)


@njit(cache=True, error_model="numpy")
def _transmit(
    shape: GridShape,
    place_mm: FloatArray,
    across: FloatArray,
    down: FloatArray,
    energy_keV: FloatArray,
    out: FloatArray,
) -> None:
    """Writes every element of ``out`` (N,)."""
    for ray in range(out.size):
        out[ray] = ray_transmission(shape, place_mm[ray], across[ray], down[ray], energy_keV[ray])


def primary_transmission(
    shape: GridShape, source_to_detector_mm: float, y_mm: npt.ArrayLike, x_mm: npt.ArrayLike, energy_keV: npt.ArrayLike
) -> FloatArray:
    """Transmission for the unscattered rays of a point source.

    Parameters
    ----------
    shape : GridShape
        From `grid_shape`.
    source_to_detector_mm : float
        [mm]
    y_mm, x_mm : (...) float64
        Places on the panel from the foot of the central ray. [mm]
    energy_keV : (E,) float64
        [keV]

    Returns
    -------
    transmission : (..., E) float64
        [1]
    """
    y, x = np.broadcast_arrays(np.asarray(y_mm, dtype=np.float64), np.asarray(x_mm, dtype=np.float64))
    distance = np.sqrt(x * x + y * y + source_to_detector_mm**2)
    place = (y if shape.across else x)[..., None]
    rays = (place / distance[..., None], (source_to_detector_mm / distance)[..., None])
    return grid_transmission(shape, place, *rays, np.asarray(energy_keV, dtype=np.float64))


def behind_grid(gains: FieldGains, geometry: Geometry, shape: GridShape, energy_keV: FloatArray) -> FieldGains:
    """Gains over the panel with those of a grid, which are 1 at the foot of the central ray.

    Parameters
    ----------
    gains : FieldGains
        Without a grid.
    geometry : Geometry
        Source and panel. [mm]
    shape : GridShape
        From `grid_shape`.
    energy_keV : (E,) float64
        Of the gains. [keV]

    Returns
    -------
    gains : FieldGains
    """
    if shape.ratio == 0.0:
        return gains
    y_mm, x_mm = field_nodes_mm(geometry)
    distance_mm = geometry.source_to_detector_mm
    passing = primary_transmission(shape, distance_mm, y_mm[:, None], x_mm, energy_keV)
    passing = (passing / primary_transmission(shape, distance_mm, 0.0, 0.0, energy_keV))[:, :, None, :]
    return FieldGains(*(each * passing for each in gains))


def strip_shadow(
    shape: GridShape, source_to_detector_mm: float, edge_mm: FloatArray, weight: FloatArray, energy_keV: FloatArray
) -> FloatArray:
    """Shadow of the strips of a grid that stands still, over the mean transmission, in cells across the strips.

    Parameters
    ----------
    shape : GridShape
        From `grid_shape`.
    source_to_detector_mm : float
        [mm]
    edge_mm : (N + 1,) float64
        Borders of the cells on the panel, rising, from the foot of the central ray. [mm]
    weight : (E,) float64
        Signal of each energy. [any]
    energy_keV : (E,) float64
        [keV]

    Returns
    -------
    shadow : (N,) float64
        Mean over each cell; 1 on average. [1]

    Notes
    -----
    The foot of each strip is on the panel, one of them at the foot of the central ray. A ray that meets its strip along
    a part of its height only is taken by the mean of the exponents of strip and gap.
    """
    pitch = shape.gap_mm + shape.strip_mm
    grid_energy = ENERGY_STEP_KEV * np.arange(shape.mu_gap_per_mm.size)
    mu_gap, mu_strip = (np.interp(energy_keV, grid_energy, mu) for mu in (shape.mu_gap_per_mm, shape.mu_strip_per_mm))
    height = shape.ratio * shape.gap_mm
    share = weight / weight.sum()
    held = np.linspace(0.0, 1.0, 257)  # part of the height in a strip, and what passes
    by_energy = np.exp(-np.multiply.outer(held, (mu_strip - mu_gap) * height)) * (share * np.exp(-mu_gap * height))
    passed = by_energy.sum(axis=1)
    part = (np.arange(POINTS_PER_CELL) + 0.5) / POINTS_PER_CELL
    shadow = np.empty(edge_mm.size - 1)
    for cell, (low, high) in enumerate(pairwise(edge_mm.tolist())):
        foot = low + (high - low) * part
        lean = foot / source_to_detector_mm - (foot / shape.focus_mm if np.isfinite(shape.focus_mm) else 0.0)
        covered = _covered(foot, foot - lean * height, shape.strip_mm, pitch)
        shadow[cell] = np.interp(covered, held, passed).mean()
    return np.asarray(shadow / shadow.mean())


def _covered(one_mm: FloatArray, other_mm: FloatArray, strip_mm: float, pitch_mm: float) -> FloatArray:
    """Part of the way between two places that lies in strips, whose centres are multiples of the pitch. [1]"""

    def strips_up_to(place_mm: FloatArray) -> FloatArray:
        from_edge = place_mm + 0.5 * strip_mm
        whole = np.floor(from_edge / pitch_mm)
        return np.asarray(whole * strip_mm + np.minimum(from_edge - whole * pitch_mm, strip_mm))

    length = other_mm - one_mm
    still = np.abs(length) < 1e-9
    inside = np.abs(one_mm - pitch_mm * np.round(one_mm / pitch_mm)) <= 0.5 * strip_mm
    moving = (strips_up_to(other_mm) - strips_up_to(one_mm)) / np.where(still, 1.0, length)
    return np.where(still, inside, moving)

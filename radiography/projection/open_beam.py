"""The beam where nothing stands in it: the flux of the source, and weights that change slowly over the panel."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit, prange

from radiography.projection.rays import RayGrid

FloatArray = npt.NDArray[np.float64]
Picture = npt.NDArray[np.float32]


@njit(parallel=True, cache=True, error_model="numpy")
def write_open_beam(grid: RayGrid, node_sums: FloatArray, out: Picture) -> None:
    """Weighted sums over the open beam at every sample of the panel.

    Parameters
    ----------
    grid : RayGrid
        Rays of the whole panel. [mm]
    node_sums : (R, C, K) float64
        Sums over the energies at the nodes of `geometry.field_nodes_mm`; bilinear between them. [any]
    out : (K, rows, cols) float32
        Every element is written: node sums times flux, the cube of source_to_detector / r.
    """
    quantities, rows, cols = out.shape
    node_rows, node_cols = node_sums.shape[0] - 1, node_sums.shape[1] - 1
    rays, distance_mm = grid.rays_per_sample, grid.source_to_detector_mm
    to_centre_mm = 0.5 * (rays - 1) * grid.step_mm
    for row in prange(rows):
        y_mm = grid.first_y_mm + row * rays * grid.step_mm + to_centre_mm
        place = (row + 0.5) * node_rows / rows
        above = int(place)
        line = node_sums[above] + (place - above) * (node_sums[above + 1] - node_sums[above])
        for col in range(cols):
            x_mm = grid.first_x_mm + col * rays * grid.step_mm + to_centre_mm
            cosine = distance_mm / math.sqrt(x_mm * x_mm + y_mm * y_mm + distance_mm * distance_mm)
            flux = cosine * cosine * cosine
            place = (col + 0.5) * node_cols / cols
            left = int(place)
            along = place - left
            for quantity in range(quantities):
                weight = line[left, quantity] + along * (line[left + 1, quantity] - line[left, quantity])
                out[quantity, row, col] = weight * flux

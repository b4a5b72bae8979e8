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
def write_open_beam(grid: RayGrid, node_sums: FloatArray, panel_rows: int, top: int, out: Picture) -> None:
    """Weighted sums over the open beam at the samples of a strip of rows of the panel.

    Parameters
    ----------
    grid : RayGrid
        Rays of the whole panel. [mm]
    node_sums : (R, C, K) float64
        Sums over the energies at the nodes of `geometry.field_nodes_mm`; bilinear between them. [any]
    panel_rows, top : int
        Rows of samples of the whole panel, and those above the strip. [1]
    out : (K, rows, cols) float32
        Every element is written: node sums times flux, the cube of source_to_detector / r.
    """
    quantities, rows, cols = out.shape
    node_rows, node_cols = node_sums.shape[0] - 1, node_sums.shape[1] - 1
    rays, distance_mm = grid.rays_per_sample, grid.source_to_detector_mm
    to_centre_mm = 0.5 * (rays - 1) * grid.step_mm
    across_mm, left, along = np.empty(cols), np.empty(cols, np.int64), np.empty(cols)
    for col in range(cols):
        across_mm[col] = grid.first_x_mm + col * rays * grid.step_mm + to_centre_mm
        place = (col + 0.5) * node_cols / cols
        left[col] = int(place)
        along[col] = place - left[col]
    for row in prange(rows):
        y_mm = grid.first_y_mm + (top + row) * rays * grid.step_mm + to_centre_mm
        place = (top + row + 0.5) * node_rows / panel_rows
        above = int(place)
        line = node_sums[above] + (place - above) * (node_sums[above + 1] - node_sums[above])
        flux = np.empty(cols)
        for col in range(cols):
            cosine = distance_mm / math.sqrt(across_mm[col] * across_mm[col] + y_mm * y_mm + distance_mm * distance_mm)
            flux[col] = cosine * cosine * cosine
        for quantity in range(quantities):
            for col in range(cols):
                begin, end = line[left[col], quantity], line[left[col] + 1, quantity]
                out[quantity, row, col] = (begin + along[col] * (end - begin)) * flux[col]

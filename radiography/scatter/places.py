"""Points of the world, for compiled kernels: the solids that hold one, and what a solid or a volume holds.

`kernels.py` uses what is here and does not see an edit: `kernels.PLACES` names this file's content.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from radiography.scatter.world import BALL, BOX, FRUSTUM, MESH, VOXELS, World

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@njit(cache=True, error_model="numpy")
def _in_mesh(world: World, solid: int, x: float, y: float, z: float) -> bool:
    """Whether a vertical line from the point up leaves the mesh more often than it enters it."""
    mesh = world.mesh_of_solid[solid]
    cells, corner, start, item = world.mesh_cells[mesh], world.triangle_mm, world.mesh_start, world.mesh_item
    col = min(max(int((x - world.mesh_low_mm[mesh, 0]) * world.mesh_per_mm[mesh, 0]), 0), cells - 1)
    row = min(max(int((y - world.mesh_low_mm[mesh, 1]) * world.mesh_per_mm[mesh, 1]), 0), cells - 1)
    cell = world.mesh_first_cell[mesh] + row * cells + col
    winding = 0
    for place in range(start[cell], start[cell + 1]):
        triangle = item[place]
        ax, ay = corner[triangle, 0, 0] - x, corner[triangle, 0, 1] - y
        bx, by = corner[triangle, 1, 0] - x, corner[triangle, 1, 1] - y
        cx, cy = corner[triangle, 2, 0] - x, corner[triangle, 2, 1] - y
        # weights of the corners; neighbours compute that of a shared edge alike but for the sign
        wa, wb, wc = bx * cy - by * cx, cx * ay - cy * ax, ax * by - ay * bx
        if (wa >= 0.0 and wb >= 0.0 and wc >= 0.0) or (wa < 0.0 and wb < 0.0 and wc < 0.0):
            area = wa + wb + wc
            if area != 0.0:
                height = wa * corner[triangle, 0, 2] + wb * corner[triangle, 1, 2] + wc * corner[triangle, 2, 2]
                height /= area
                if height > z:
                    winding += 1 if area > 0.0 else -1
    return winding > 0


@njit(cache=True, error_model="numpy")
def inside(world: World, solid: int, x: float, y: float, z: float) -> bool:
    """Whether a point lies in a solid, or within the occupied voxels of a volume, whatever else is there.

    Parameters
    ----------
    world, solid : World, int
        The solid's number there.
    x, y, z : float
        [mm]

    Returns
    -------
    inside : bool
    """
    bounds = world.bounds_mm
    if x < bounds[solid, 0, 0] or x > bounds[solid, 1, 0] or y < bounds[solid, 0, 1] or y > bounds[solid, 1, 1]:
        return False
    if z < bounds[solid, 0, 2] or z > bounds[solid, 1, 2]:
        return False
    kind = world.kind[solid]
    if kind == VOXELS:
        for axis in range(3):
            turn = world.to_voxel[solid, axis]
            place = turn[0] * x + turn[1] * y + turn[2] * z + turn[3]
            if place < world.voxel_first[solid, axis] or place > world.voxel_stop[solid, axis]:
                return False
        return True
    if kind == MESH:
        return bool(_in_mesh(world, solid, x, y, z))
    centre, turn, size = world.centre_mm, world.turn, world.size_mm
    dx, dy, dz = x - centre[solid, 0], y - centre[solid, 1], z - centre[solid, 2]
    px = turn[solid, 0, 0] * dx + turn[solid, 0, 1] * dy + turn[solid, 0, 2] * dz
    py = turn[solid, 1, 0] * dx + turn[solid, 1, 1] * dy + turn[solid, 1, 2] * dz
    pz = turn[solid, 2, 0] * dx + turn[solid, 2, 1] * dy + turn[solid, 2, 2] * dz
    if kind == BOX:
        return bool(abs(px) <= size[solid, 0] and abs(py) <= size[solid, 1] and abs(pz) <= size[solid, 2])
    if kind == BALL:
        return bool(px * px + py * py + pz * pz <= size[solid, 0] * size[solid, 0])
    if abs(pz) > size[solid, 2]:
        return False
    if kind == FRUSTUM:
        radius = size[solid, 0] + size[solid, 1] * pz
        return bool(px * px + py * py <= radius * radius)
    crossings = 0
    start, stop = world.corner_start[solid], world.corner_start[solid + 1]
    previous = stop - 1
    for corner in range(start, stop):
        ay, by = world.corner_mm[previous, 1], world.corner_mm[corner, 1]
        if (ay <= py) != (by <= py):
            ax, bx = world.corner_mm[previous, 0], world.corner_mm[corner, 0]
            if ax + (py - ay) * (bx - ax) / (by - ay) > px:
                crossings += 1
        previous = corner
    return crossings % 2 == 1


@njit(cache=True, error_model="numpy")
def volume_share(world: World, solid: int, place: FloatArray) -> float:
    """Part of a solid's bounds that it fills and no later solid takes. [1]

    Parameters
    ----------
    world, solid : World, int
        The solid's number there.
    place : (N, 3) float64
        Points of its bounds, from 0 to 1 along each axis. [1]

    Returns
    -------
    share : float
        [1]
    """
    low, count = world.bounds_mm[solid, 0], 0
    extent = world.bounds_mm[solid, 1] - low
    for point in range(len(place)):
        x, y, z = low[0] + place[point, 0] * extent[0], low[1] + place[point, 1] * extent[1], 0.0
        z = low[2] + place[point, 2] * extent[2]
        own = inside(world, solid, x, y, z)
        for later in range(solid + 1, len(world.kind)):
            if not own:
                break
            own = not inside(world, later, x, y, z)
        count += 1 if own else 0
    return count / len(place)


@njit(cache=True, error_model="numpy")
def count_voxels(world: World, volume: int, from_voxel: FloatArray, counts: IntArray) -> None:
    """Count the occupied voxels of each code whose middle no solid takes.

    Parameters
    ----------
    world, volume : World, int
        The volume's number there.
    from_voxel : (3, 4) float64
        Place of a voxel: from_voxel @ (x, y, z, 1), x first. [mm]
    counts : (C,) int64
        By row of the volume's table; is added to. [1]
    """
    first, stop, shape = world.voxel_first[volume], world.voxel_stop[volume], world.voxel_shape[volume]
    solids = len(world.kind)
    place = np.empty(3)
    for plane in range(first[2], stop[2]):
        for row in range(first[1], stop[1]):
            for col in range(first[0], stop[0]):
                for axis in range(3):
                    turn = from_voxel[axis]
                    place[axis] = turn[0] * (col + 0.5) + turn[1] * (row + 0.5) + turn[2] * (plane + 0.5) + turn[3]
                taken = False
                for later in range(volume + 1, solids):
                    if inside(world, later, place[0], place[1], place[2]):
                        taken = True
                        break
                if not taken:
                    counts[world.voxels[world.voxel_start[volume] + (plane * shape[1] + row) * shape[0] + col]] += 1
